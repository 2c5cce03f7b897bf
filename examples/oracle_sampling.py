"""A published experiment: neurons drawn from a ridgelet spectrum, outer weights by least squares.

S. Sonoda and N. Murata, *Sampling hidden parameters from oracle distribution*, ICANN 2014: nodes
on [-30, 30]^2, Gaussian activation, psi = Lambda G or Lambda G''. The root mean square error over
201 points of sin(2 pi x), and of two further targets, against neurons drawn uniformly from the
same box: median and 10-90 % band over many draws.

    python examples/oracle_sampling.py [--full] [--out FOLDER]

--full takes the published step 0.1 and 300 draws instead of 0.2 and 30.
"""

import argparse
import warnings
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="the published sizes, 300 draws")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()

draws, n = (300, 601) if options.full else (30, 301)
widths = (5, 10, 20, 40)
x = np.linspace(-1, 1, 201)[:, None]
axis = np.linspace(-30, 30, n)
grid = rf.ParameterGrid.cartesian([axis], axis)
eta = rf.activation("gaussian")
targets = {
    r"$\sin 2\pi x$": np.sin(2 * np.pi * x[:, 0]),
    r"$\cos 3\pi x\; e^{-4x^2}$": np.cos(3 * np.pi * x[:, 0]) * np.exp(-4 * x[:, 0] ** 2),
    r"$-x \sin(1/((x/2)^2 + 0.05))$": -x[:, 0] * np.sin(1 / ((x[:, 0] / 2) ** 2 + 0.05)),
}
rng = np.random.default_rng(0)


def from_spectrum(spectrum, y, width):
    """Neurons with density |R|, as published (no skip unit, no choice among draws), refitted."""
    return rf.ShallowNetwork.from_spectrum(
        spectrum,
        eta,
        width,
        sampling="monte_carlo",
        weights="least_squares",
        control=None,
        points=x,
        values=y,
        rng=rng,
    )


def from_box(y, width):
    """Neurons uniform on the box, refitted."""
    a, b = rng.uniform(-30, 30, (width, 1)), rng.uniform(-30, 30, width)
    with warnings.catch_warnings():
        # Neurons whose bump misses all of [-1, 1] have no say, and no weight.
        warnings.simplefilter("ignore", rf.RankWarning)
        return rf.fit_outer_weights(a, b, eta, x, y, rcond=1e-9)


figure = Figure(figsize=(13.0, 7.4), dpi=130, layout="constrained")
panels = figure.subplots(2, len(targets), height_ratios=(1.5, 1))
print(f"{draws} draws: median root mean square error (10-90 % band)")
for (name, y), above, below in zip(targets.items(), *panels, strict=True):
    print(name.translate(str.maketrans("", "", "$\\{};")))
    field = rf.GridField(y, (x[:, 0],))
    makers = {"uniform on the box": lambda width, y=y: from_box(y, width)}
    for order in (0, 2):
        spectrum = rf.ridgelet_transform(field, rf.Ridgelet(1, order), grid)
        label = r"from $|R[f;\Lambda G" + "'" * order + "]|$"
        makers[label] = lambda width, spectrum=spectrum, y=y: from_spectrum(spectrum, y, width)
    for (label, make), color, marker in zip(
        makers.items(), ("#8C8C8C", "#0072B2", "#D55E00"), "os^", strict=True
    ):
        bands = []
        for width in widths:
            errors = [np.sqrt(np.mean((make(width)(x) - y) ** 2)) for _ in range(draws)]
            bands.append(np.quantile(errors, (0.1, 0.5, 0.9)))
        low, median, high = np.array(bands).T
        above.fill_between(widths, low, high, color=color, alpha=0.18, lw=0)
        above.plot(widths, median, marker + "-", color=color, ms=5, lw=1.5, label=label)
        plain = label.replace("$", "").replace("\\", "")
        cells = (f"{m:.2g} ({lo:.2g}-{hi:.2g})" for lo, m, hi in bands)
        print(f"  {plain:22s}" + "".join(f"{cell:>28s}" for cell in cells))
    above.set(xscale="log", yscale="log", title=name, xlabel="neurons $J$")
    above.set_xticks(widths, [str(width) for width in widths])
    above.minorticks_off()
    below.plot(x[:, 0], y, color="black", lw=2.2, alpha=0.35, label="target")
    network = from_spectrum(spectrum, y, 20)
    below.plot(x[:, 0], network(x), "--", color="#D55E00", lw=1.3, label="20 neurons, one draw")
    below.set_xlabel("$x$")
    below.set_xticks([-1, -0.5, 0, 0.5, 1])
    below.set_ylim(top=y.max() + 0.3 * np.ptp(y))
    below.legend(frameon=False, fontsize=8, loc="upper center", ncols=2)
    for panel in (above, below):
        for side in ("top", "right"):
            panel.spines[side].set_visible(False)
panels[0, 0].set_ylabel("root mean square error")
panels[0, 0].legend(frameon=False, fontsize=9, loc="lower left")
figure.suptitle(f"Oracle sampling, Gaussian neurons: median and 10–90 % band of {draws} draws")
options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "oracle_sampling.png"
figure.savefig(path)
print(f"figure: {path}")
