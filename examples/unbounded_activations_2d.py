"""A published experiment: the Shepp-Logan head from millions of units, for nine pairs.

S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
approximator*, ACHA 2017, Section 7: a 256 x 256 image on [-1, 1]^2, a in [-300, 300]^2 and b in
[-30, 30] in steps of 1 (22 million units), psi = Lambda^2 G^(l), l = 0, 1, 2, and the Gaussian,
the step function and ReLU. The pairs (Gaussian, 0), (Gaussian, 2), (step, 1), (ReLU, 2) are
admissible; offsets cut at 30 blur the rim.

    python examples/unbounded_activations_2d.py [--full] [--out FOLDER]

--full takes the published sizes (a minute on two cores, 1.2 GB) instead of 96 x 96 and |a| <= 100.
"""

import argparse
import time
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf
from ridgeflow.closed_forms import shepp_logan
from ridgeflow.ridgelet.null_space import dual_transform

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="the published sizes")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figures")
options = parser.parse_args()

n, a_max, b_max = (256, 300, 30) if options.full else (96, 100, 30)
names, orders = ("gaussian", "step", "relu"), (0, 1, 2)
axis = np.linspace(-1, 1, n)
field = rf.GridField.from_function(shepp_logan, (axis, axis))
points, truth = field.points(), field.values.ravel()
pixels = np.random.default_rng(0).choice(
    np.flatnonzero(truth), 4 if options.full else 2, replace=False
)
a_axis = np.arange(-a_max, a_max + 1.0)
grid = rf.ParameterGrid.cartesian([a_axis, a_axis], np.arange(-b_max, b_max + 1.0))


def constant(name, psi):
    """K, or why there is none."""
    try:
        return rf.admissibility(name, psi)
    except rf.AdmissibilityError as refusal:
        return np.inf if "divergent" in str(refusal) else 0.0


def direct(spectrum, name):
    """The plain sum over all units at a few pixels."""
    eta, total = rf.activation(name), np.zeros(len(pixels))
    a, b = spectrum.grid.axes[0], spectrum.grid.axes[2]
    values = spectrum.values.reshape(len(a), len(a), len(b))
    for i, first in enumerate(a):
        z = (first * points[pixels, :1] + a * points[pixels, 1:])[:, :, None] - b
        # Pixels are whole multiples of 1/(n - 1): units exactly on a pixel count as such.
        z = np.rint(z * (n - 1)) / (n - 1)
        total += np.tensordot(eta(z), values[i], 2)
    return total


print(f"{grid.size} units, {n} x {n} pixels")
print(f"{'psi':>4s} {'eta':9s}{'K/(2 pi)^2':>11s}{'cos(S, f)':>11s}{'gap to direct sum':>19s}")
images, spent = {}, 0.0
for order in orders:
    psi = rf.Ridgelet(2, order)
    start = time.perf_counter()
    # The published sums are over the pixels, which do not resolve the edges at the largest scales:
    # who names a method has the sum as it is, without a warning.
    spectrum = rf.ridgelet_transform(field, psi, grid, method="slice")
    spent += time.perf_counter() - start
    for name in names:
        start = time.perf_counter()
        found = dual_transform(spectrum, name, points)
        spent += time.perf_counter() - start
        k = constant(name, psi)
        cosine = 0.0
        scale = float(np.abs(spectrum.values).sum())
        if np.ptp(found) > 1e-12 * scale:
            cosine = found @ truth / np.linalg.norm(found) / np.linalg.norm(truth)
        gap, largest = np.abs(direct(spectrum, name) - found[pixels]).max(), np.abs(found).max()
        compared = f"{gap / largest:.1e}" if largest > 1e-12 * scale else "both zero"
        shown = "0" if k == 0 else "inf" if np.isinf(k) else f"{k / (2 * np.pi) ** 2:.4f}"
        print(f"{order:4d} {name:9s}{shown:>11s}{cosine:11.4f}{compared:>19s}")
        images[name, order] = (found / (k if k and np.isfinite(k) else 1.0), k, cosine, scale)
print(f"nine cells: {spent:.1f} s")

figure = Figure(figsize=(13.2, 9.6), dpi=130, layout="constrained")
panels = figure.subplots(len(names), 4, width_ratios=(1, 1, 1, 1.15))
middle = n // 2
for row, name in zip(panels, names, strict=True):
    for panel, order in zip(row, orders, strict=False):
        image, k, cosine, scale = images[name, order]
        admissible = bool(k) and np.isfinite(k)
        flat = np.ptp(image) <= 1e-12 * scale
        # What cancels is shown as the constant that it is, not as its rounding.
        picture = np.full_like(image, image.mean()) if flat else image
        # The skull is brighter than all within: the scale ends below it.
        shared = admissible and name != "relu"
        bounds = {"vmin": -0.05, "vmax": 0.55} if shared else {}
        if flat:
            bounds = {"vmin": picture[0] - 1, "vmax": picture[0] + 1}
        drawn = panel.imshow(
            picture.reshape(n, n).T, origin="lower", extent=(-1, 1, -1, 1), cmap="gray", **bounds
        )
        if not flat:
            extend = "max" if shared else "neither"
            bar = figure.colorbar(drawn, ax=panel, fraction=0.046, pad=0.03, extend=extend)
            bar.ax.tick_params(labelsize=7)
        size = "0" if k == 0 else r"\infty" if np.isinf(k) else f"{k / (2 * np.pi) ** 2:.3f}"
        content = f"cos = {cosine:.3f}".replace("-", "−")
        if flat:
            level = picture[0]
            content = "zero" if abs(level) < 1e-12 * scale else f"constant {level:.3g}"
        panel.set_title(
            f"$S/K$: $K/(2\\pi)^2 = {size}$, {content}"
            if admissible
            else f"$S$: $K = {size}$, {content}",
            fontsize=9,
            color="black" if admissible else "#D55E00",
        )
        panel.set_xticks([-1, 0, 1])
        panel.set_yticks([-1, 0, 1])
        panel.tick_params(labelsize=8)
    row[0].set_ylabel(f"{name}\n\n$x_2$", fontsize=10)
    section = row[3]
    section.plot(axis, field.values[middle], color="#8C8C8C", lw=1.2, label="$f$")
    for order, color, style in zip(orders, ("#0072B2", "#D55E00", "#009E73"), ("-", "--", "-.")):
        image, k, _, _ = images[name, order]
        if k and np.isfinite(k):
            values = image.reshape(n, n)[middle]
            section.plot(axis, values, style, color=color, lw=1.3, label=f"$S/K$, $l = {order}$")
    section.set_xlim(-1, 1)
    section.set_title("section at $x_1 = 0$", fontsize=9)
    section.legend(frameon=False, fontsize=8, loc="upper center")
    section.tick_params(labelsize=8)
    for side in ("top", "right"):
        section.spines[side].set_visible(False)
for panel, order in zip(panels[0], orders, strict=False):
    label = r"$\psi = \Lambda^2 G" + ("", "'", "''")[order] + "$"
    panel.annotate(label, (0.5, 1.16), xycoords="axes fraction", ha="center", fontsize=11)
for panel in panels[-1][:3]:
    panel.set_xlabel("$x_1$", fontsize=9)
panels[-1][3].set_xlabel("$x_2$", fontsize=9)
figure.suptitle(
    f"The head phantom from {grid.size / 1e6:.1f} million units, $|b| \\leq {b_max}$; "
    "orange: not admissible",
    fontsize=12,
)
options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "unbounded_activations_2d.png"
figure.savefig(path)
print(f"figure: {path}")

# What the cut of the offsets costs: |b| <= 30 holds |a . x| for |a| <= 30 only.
axis = np.linspace(-1, 1, 96)
field = rf.GridField.from_function(shepp_logan, (axis, axis))
line = np.stack([np.zeros(400), np.linspace(-1, 1, 400)], axis=1)
a_axis, psi = np.arange(-100, 101.0), rf.Ridgelet(2, 2)
figure = Figure(figsize=(7.2, 4.2), dpi=130, layout="constrained")
panel = figure.subplots()
panel.plot(line[:, 1], shepp_logan(line), color="#8C8C8C", lw=1.4, label="$f$")
for b_max, color, style in ((30, "#D55E00", "--"), (150, "#0072B2", "-")):
    grid = rf.ParameterGrid.cartesian([a_axis, a_axis], np.arange(-b_max, b_max + 1.0))
    spectrum = rf.ridgelet_transform(field, psi, grid, method="slice")
    found = rf.reconstruct(spectrum, rf.activation("gaussian"), line)
    panel.plot(line[:, 1], found, style, color=color, lw=1.4, label=f"$|b| \\leq {b_max}$")
    print(f"|a| <= 100, |b| <= {b_max}: highest value on the skull {found.max():.2f}")
panel.set_xlabel("$x_2$ (at $x_1 = 0$)")
panel.set_ylabel("$S/K$")
panel.set_title("Gaussian, $l = 2$: offsets cut at 30 blur the rim", fontsize=11)
panel.legend(frameon=False)
for side in ("top", "right"):
    panel.spines[side].set_visible(False)
path = options.out / "unbounded_activations_2d_rim.png"
figure.savefig(path)
print(f"figure: {path}")
