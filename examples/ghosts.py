"""A published experiment: ghosts, parameter distributions that a network does not see.

S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role of
infinite-dimensional null space*, 2021: sin(2 pi x) on [-1, 1], tanh, the ridgelets
rho_k = Lambda G^(k-1), k = 1..4, nodes on [-6, 6]^2. tanh is odd off its polynomial part: it sees
k = 2 and 4, and k = 1 and 3 are ghosts.

    python examples/ghosts.py [--full] [--out FOLDER]

--full takes 601 x 601 nodes instead of 201 x 201, and the box [-30, 30]^2 as well.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf
from ridgeflow.ridgelet.null_space import dual_transform

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="the published sizes")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figure")
options = parser.parse_args()

x = np.linspace(-1, 1, 201)
truth = np.sin(2 * np.pi * x)
field = rf.GridField(truth, (x,))


def cosine(found):
    """Of the angle to f; 0 where nothing is found."""
    size = np.linalg.norm(found)
    return found @ truth / size / np.linalg.norm(truth) if size > 1e-9 else 0.0


def spectra(half, n):
    """Spectra for k = 1..4 and what tanh makes of them."""
    axis = np.linspace(-half, half, n)
    grid = rf.ParameterGrid.cartesian([axis], axis)
    for k in range(1, 5):
        spectrum = rf.ridgelet_transform(field, rf.Ridgelet(1, k - 1), grid)
        yield k, spectrum, dual_transform(spectrum, "tanh", x[:, None])


n = 601 if options.full else 201
figure = Figure(figsize=(13.0, 6.2), dpi=130, layout="constrained")
panels = figure.subplots(2, 4, height_ratios=(1.25, 1))
print(f"tanh, {n} x {n} nodes on [-6, 6]^2")
for k, spectrum, found in spectra(6.0, n):
    above, below = panels[:, k - 1]
    a, b = spectrum.grid.axes
    values = spectrum.values.reshape(n, n).T
    bound = np.abs(values).max()
    image = above.pcolormesh(
        a, b, values, cmap="PuOr", vmin=-bound, vmax=bound, shading="nearest", rasterized=True
    )
    bar = figure.colorbar(image, ax=above, fraction=0.046, pad=0.03)
    bar.ax.tick_params(labelsize=7)
    seen = "ghost" if k % 2 else "seen"
    above.set_title(
        f"$R[f; \\rho_{k}]$, $\\rho_{k} = \\Lambda G^{{({k - 1})}}$: {seen}", fontsize=10
    )
    above.set_xlabel("$a$", fontsize=9)
    above.set_ylabel("$b$", fontsize=9)
    # K of the pairs that are seen; ghosts are drawn as they are.
    scale = 1.0 if k % 2 else rf.admissibility("tanh", rf.Ridgelet(1, k - 1))
    below.plot(x, truth, "--", color="#8C8C8C", lw=1.0, label="$f$")
    below.plot(x, found / scale, color="#0072B2", lw=1.6, label="$S$" if k % 2 else "$S/K$")
    below.set_title(f"cos(S, f) = {cosine(found):.3f}".replace("-", "−"), fontsize=10)
    below.set_xlabel("$x$", fontsize=9)
    below.set_ylim(-1.3, 1.3)
    below.legend(frameon=False, fontsize=8, loc="upper right")
    for panel in (above, below):
        panel.tick_params(labelsize=8)
    for side in ("top", "right"):
        below.spines[side].set_visible(False)
    print(
        f"k = {k}: largest value of R {bound:.3f}, of S {np.abs(found).max():.1e}, "
        f"cos(S, f) = {cosine(found):.5f}"
    )
figure.suptitle(
    r"$f(x) = \sin 2\pi x$: spectra (above) and what a tanh network makes of them (below)",
    fontsize=12,
)
options.out.mkdir(parents=True, exist_ok=True)
path = options.out / "ghosts.png"
figure.savefig(path)
print(f"figure: {path}")
if options.full:
    print("the box [-30, 30]^2:")
    for k, _, found in spectra(30.0, n):
        print(f"k = {k}: cos(S, f) = {cosine(found):.5f}")
