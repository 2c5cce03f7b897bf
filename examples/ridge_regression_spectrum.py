"""Ridge regression finds the ridgelet spectrum: weights of a wide network against theory.

Neurons drawn uniformly from a box, outer weights by ridge regression: P c_j / |V| tends to
R[f;sigma](a_j, b_j) / (K + |X| beta) as samples and neurons grow (S. Sonoda, I. Ishikawa and
M. Ikeda, *Ridge regression with over-parametrized two-layer networks converge to ridgelet
spectrum*, AISTATS 2021).

    python examples/ridge_regression_spectrum.py [--full] [--out FOLDER]

--full takes 3200 samples and neurons instead of 1200.
"""

import argparse
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import ridgeflow as rf
from ridgeflow.plotting import network_over_spectrum

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--full", action="store_true", help="3200 samples and neurons")
parser.add_argument("--out", type=Path, default=Path("."), help="folder of the figures")
options = parser.parse_args()

law = rf.GaussianMixture([0.6, 0.4], [[-0.6], [0.8]], [0.15, 0.1])
sigma = rf.activation("gaussian").derivative()
# The ridgelet with the values of sigma: its Fourier transform is sqrt(2 pi) i w exp(-w^2/2).
psi = rf.Ridgelet(1, 1.0, family="power", parity="odd")
half, beta = 3.0, 0.5
box_a, box_b = 12.0, 40.0
volume = 4 * box_a * box_b
constant = 2 * np.pi + 2 * half * beta


def fit(size, seed):
    """A fitted network, and the weights that theory gives its neurons."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-half, half, (size, 1))
    a, b = rng.uniform(-box_a, box_a, (size, 1)), rng.uniform(-box_b, box_b, size)
    net = rf.fit_outer_weights(a, b, sigma, x, law.pdf(x), ridge=beta, measure=volume)
    spectrum = rf.ridgelet_transform(law, psi, (a, b)).values * np.sqrt(2 * np.pi)
    return net, size * net.c / volume, spectrum / constant


print("samples = neurons   slope   relative distance from the spectrum")
sizes = [150, 300, 600, 1200] + ([3200] if options.full else [])
gaps = []
for size in sizes:
    slopes, distances = [], []
    for seed in range(max(1, 4800 // size // 4)):
        net, fitted, predicted = fit(size, seed)
        slopes.append(fitted @ predicted / (predicted @ predicted))
        distances.append(np.linalg.norm(fitted - predicted) / np.linalg.norm(predicted))
    gaps.append(np.mean(distances))
    print(f"{size:17d} {np.mean(slopes):7.3f} {gaps[-1]:9.3f}")
rate = np.polyfit(np.log(sizes), np.log(gaps), 1)[0]
print(f"fitted rate {rate:.2f}")

figure = Figure(figsize=(9.6, 4.2), dpi=130, layout="constrained")
left, right = figure.subplots(1, 2)
bound = 1.1 * np.abs(predicted).max()
left.plot([-bound, bound], [-bound, bound], color="#8C8C8C", lw=1.0, label="equal")
left.plot(predicted, fitted, ".", ms=3, color="#0072B2", label=f"{sizes[-1]} neurons")
left.set_xlabel(r"spectrum, $R[f;\sigma](a_j, b_j) / (K + |X|\beta)$")
left.set_ylabel(r"fitted, $P\,c_j / |V|$")
left.legend(frameon=False)
right.loglog(sizes, gaps, "o-", color="#D55E00")
right.loglog(sizes, gaps[0] * (np.array(sizes) / sizes[0]) ** -0.5, "--", color="#8C8C8C")
right.annotate(r"slope $-1/2$", (sizes[1], gaps[0] * 0.58), color="#606060", ha="right")
right.set_xticks(sizes, [str(size) for size in sizes])
right.set_yticks([0.1, 0.2, 0.3, 0.5], ["0.1", "0.2", "0.3", "0.5"])
right.minorticks_off()
right.set_xlabel("samples and neurons, $n = P$")
right.set_ylabel("relative distance")
right.set_title(f"fitted rate {rate:.2f}".replace("-", "−"), fontsize=11)
for axes in (left, right):
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
options.out.mkdir(parents=True, exist_ok=True)
figure.savefig(options.out / "ridge_regression_spectrum.png")

axis_a, axis_b = np.linspace(-box_a, box_a, 161), np.linspace(-12, 12, 161)
grid = rf.ParameterGrid.cartesian([axis_a], axis_b)
spectrum = rf.ridgelet_transform(law, psi, grid)
over = network_over_spectrum(net, spectrum, title="fitted neurons over the ridgelet spectrum")
over.savefig(options.out / "network_over_spectrum.png")
print(f"figures: {options.out / 'ridge_regression_spectrum.png'}, network_over_spectrum.png")
