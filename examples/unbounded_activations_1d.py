"""A published experiment: which activations reconstruct sin(2 pi x) from which ridgelet spectra.

S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
approximator*, ACHA 2017, Section 7. Nodes (a, b) on [-30, 30]^2, 201 samples on [-1, 1].

    python examples/unbounded_activations_1d.py [--full] [--out FOLDER]

--full takes the published step 0.1 (361 201 units) instead of 0.2.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf
from ridgeflow.closed_forms import fourier_sine
from ridgeflow.ridgelet.null_space import dual_transform

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="the published step 0.1")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()

activations = (
    "dsigmoid", "sigmoid", "softplus", "dirac", "step", "relu", "linear", "gaussian", "tanh",
)  # fmt: skip
orders = (0, 1, 2)
titles = (r"$\psi = \Lambda G$", r"$\psi = \Lambda G'$", r"$\psi = \Lambda G''$")

x = np.linspace(-1, 1, 201)
truth = np.sin(2 * np.pi * x)
field = rf.GridField(truth, (x,))
axis = np.linspace(-30, 30, 601 if options.full else 301)
grid = rf.ParameterGrid.cartesian([axis], axis)
spectra = [rf.ridgelet_transform(field, rf.Ridgelet(1, order), grid) for order in orders]

# The cut |a| <= 30 multiplies the transform of f by K_A/K: its mean over the energy of f.
xi = np.linspace(1e-3, 200, 200_000)
energy = np.abs(fourier_sine(xi)) ** 2


def constant(name, order):
    """K, or why there is none."""
    try:
        return rf.admissibility(name, rf.Ridgelet(1, order))
    except rf.AdmissibilityError as refusal:
        return np.inf if "divergent" in str(refusal) else 0.0


figure = Figure(figsize=(8.4, 12.5), dpi=130, layout="constrained")
panels = figure.subplots(len(activations), len(orders), sharex=True)
print(f"{grid.size} units. Raw amplitude S/K against the cut's own K_A/K")
print(f"{'eta':9s}{'psi':>6s}{'K/2pi':>9s}{'cos(S, f)':>11s}{'amplitude':>11s}{'K_A/K':>9s}")
for row, name in zip(panels, activations, strict=True):
    for panel, order, spectrum in zip(row, orders, spectra, strict=True):
        found = dual_transform(spectrum, name, x[:, None])
        k = constant(name, order)
        label = "0" if k == 0 else r"$\infty$" if np.isinf(k) else f"{k / (2 * np.pi):.3f}"
        cosine = amplitude = 0.0
        if np.abs(found).max() > 1e-9:
            cosine = found @ truth / np.linalg.norm(found) / np.linalg.norm(truth)
            # Rescaled by least squares onto f, as in the article: the scale alone.
            panel.plot(x, found * (found @ truth) / (found @ found), color="#0072B2", lw=1.6)
        else:
            panel.plot(x, 0 * x, color="#0072B2", lw=1.6)
        panel.plot(x, truth, color="#8C8C8C", lw=1.0, ls="--")
        line = f"{name:9s}{'ΛG' + order * chr(39):>6s}"
        if k and np.isfinite(k):
            amplitude = found @ truth / (truth @ truth) / k
            cut = rf.transfer_function(name, rf.Ridgelet(1, order), xi, a_max=30.0) / k
            expected = (cut * energy).sum() / energy.sum()
            line += f"{k / (2 * np.pi):9.4f}{cosine:11.4f}{amplitude:11.5f}{expected:9.5f}"
        else:
            line += f"{'0' if k == 0 else 'inf':>9s}{cosine:11.4f}"
        print(line)
        admissible = bool(k) and np.isfinite(k)
        panel.set_title(
            f"$K/2\\pi$ = {label},  cos = {cosine:.4f}".replace("-", "−"),
            fontsize=8.5,
            color="black" if admissible else "#D55E00",
        )
        panel.set_ylim(-1.6, 1.6)
        panel.tick_params(labelsize=8)
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
    row[0].set_ylabel(name, fontsize=10)
for panel, title in zip(panels[0], titles, strict=True):
    panel.annotate(title, (0.5, 1.3), xycoords="axes fraction", ha="center", fontsize=11)
for panel in panels[-1]:
    panel.set_xlabel("$x$", fontsize=9)
figure.suptitle(
    r"$\sin 2\pi x$ (dashed) and $S[R[f;\psi];\eta]$, scaled onto it; orange: not admissible",
    fontsize=11,
)
options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "unbounded_activations_1d.png"
figure.savefig(path)
print(f"figure: {path}")
