"""How error and number of nodes follow from activation, ridgelet and tolerance.

``python tests/benchmarks/ridgelet_table.py`` prints the tables of the documentation; ``--out``
writes them to a file as well. The fields are mixtures of normal densities, whose spectra are closed
forms, so that what is measured is the grid: its scales, directions and offsets. Errors are relative
in L2, measured at points spread evenly over the ball that holds the field, which nothing was tuned
for. The numbers are the same on every machine, up to rounding.
"""

from __future__ import annotations

import argparse
import time
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

import ridgeflow as rf
from ridgeflow.ridgelet.spectra.corrected_dual import corrected_dual

LAWS = {
    1: rf.GaussianMixture([0.4, 0.6], [[-0.8], [0.6]], [0.16, 0.36]),
    2: rf.GaussianMixture(
        [0.3, 0.3, 0.4],
        [[-0.8, 0.3], [0.7, 0.5], [0.1, -0.7]],
        [[[0.25, 0.1], [0.1, 0.3]], [[0.49, 0.0], [0.0, 0.2]], 0.16 * np.eye(2)],
    ),
    3: rf.GaussianMixture([0.5, 0.5], [[-0.5, 0.2, 0.0], [0.4, 0.0, 0.3]], [0.3, 0.4]),
}
ACTIVATIONS = ("gaussian", "dsigmoid", "tanh", "erf", "sigmoid", "step", "relu", "softplus", "gelu")
POINTS = 4000


def ball(dim: int, center: NDArray, radius: float) -> NDArray:
    """Points spread evenly over a ball."""
    unit = qmc.Halton(dim + 1, rng=np.random.default_rng(5)).random(POINTS)
    direction = ndtri(np.clip(unit[:, :dim], 1e-15, 1 - 1e-15))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    return center + radius * unit[:, dim:] ** (1 / dim) * direction


def measure(
    law: rf.GaussianMixture, eta: rf.Activation, psi: rf.Ridgelet, grid: rf.ParameterGrid, **options
) -> tuple[float, rf.Spectrum]:
    """Relative L2 error of the reconstruction, and the spectrum."""
    spectrum = rf.ridgelet_transform(law, psi, grid, tol=1e-12)
    x = ball(law.dim, grid.center, grid.radius)
    truth = law.pdf(x)
    gap = rf.reconstruct(spectrum, eta, x, **options) - truth
    return float(np.linalg.norm(gap) / np.linalg.norm(truth)), spectrum


def named(psi: rf.Ridgelet) -> str:
    """A ridgelet in a few characters."""
    if psi.family == "hermite":
        return f"L^{psi.dim} G^({psi.order:g})"
    return f"|w|^{psi.order:g} {psi.parity}"


def defaults(dim: int, tolerances: list[float]) -> list[str]:
    """Every activation with its default partner."""
    law = LAWS[dim]
    lines = [f"m = {dim}: default partners, grids from a tolerance", ""]
    lines.append(" " * 26 + "".join(f"{f'tol {tol:g}':>30s}" for tol in tolerances))
    lines.append(
        f"{'activation':12s}{'ridgelet':14s}"
        + f"{'scales':>8s}{'nodes':>11s}{'error':>11s}" * len(tolerances)
    )
    for name in ACTIVATIONS:
        eta = rf.activation(name)
        psi = rf.admissible_ridgelet(eta, dim)
        line = f"{name:12s}{named(psi):14s}"
        for tol in tolerances:
            grid = rf.ParameterGrid.for_field(law, eta, psi, tol)
            error, _ = measure(law, eta, psi, grid)
            line += f"{len(grid.scales):8d}{grid.size:11d}{error:11.1e}"
        lines.append(line)
    return [*lines, ""]


def orders(name: str, choice: list[int], tol: float) -> list[str]:
    """One activation with ridgelets of different orders, at one tolerance."""
    law, eta = LAWS[2], rf.activation(name)
    lines = [f"m = 2, {name}, tol {tol:g}: the order of the ridgelet", ""]
    lines.append(
        f"{'ridgelet':14s}{'scales':>8s}{'from':>10s}{'to':>10s}{'nodes':>12s}{'error':>11s}"
        f"{'estimate':>11s}"
    )
    for order in choice:
        psi = rf.Ridgelet(2, order)
        grid = rf.ParameterGrid.for_field(law, eta, psi, tol)
        size = f"{len(grid.scales):8d}{grid.scales[0]:10.1e}{grid.scales[-1]:10.1e}{grid.size:12d}"
        if grid.size > 3e7:
            lines.append(f"{named(psi):14s}{size}{'-':>11s}{'-':>11s}")
            continue
        error, spectrum = measure(law, eta, psi, grid)
        estimate = spectrum.error_budget(eta).total
        lines.append(f"{named(psi):14s}{size}{error:11.1e}{estimate:11.1e}")
    return [*lines, ""]


def duals(name: str, tol: float) -> list[str]:
    """The same range of scales with fewer and fewer of them, for both duals."""
    law, eta = LAWS[2], rf.activation(name)
    psi = rf.admissible_ridgelet(eta, 2)
    full = rf.ParameterGrid.for_field(law, eta, psi, tol)
    octaves = np.log2(full.scales[-1] / full.scales[0])
    lines = [f"m = 2, {name}, range of scales for tol {tol:g}: plain and corrected dual", ""]
    lines.append(
        f"{'per octave':12s}{'scales':>8s}{'nodes':>11s}{'plain':>11s}{'corrected':>11s}"
        f"{'K/T at most':>13s}"
    )
    for density in (4.0, 3.0, 2.0, 1.0, 0.5):
        scales = np.geomspace(full.scales[0], full.scales[-1], int(np.ceil(density * octaves)) + 1)
        grid = rf.ParameterGrid.polar(
            2,
            len(full.directions),
            scales,
            full.radius,
            full.step,
            margin=full.margin,
            center=full.center,
        )
        with warnings.catch_warnings():
            # That few scales lose much is what the table is about.
            warnings.simplefilter("ignore", rf.AccuracyWarning)
            plain, spectrum = measure(law, eta, psi, grid)
        dual = corrected_dual(spectrum, eta)
        corrected, _ = measure(law, eta, psi, grid, dual=dual)
        lines.append(
            f"{density:<12g}{len(scales):8d}{grid.size:11d}{plain:11.1e}{corrected:11.1e}"
            f"{dual.largest:13.5f}"
        )
    return [*lines, ""]


def relatives(tol: float) -> list[str]:
    """One field by networks of different kinds, evaluated as sums of neurons."""
    law = LAWS[2]
    lines = [f"m = 2, tol {tol:g}: the same field by sums of neurons", ""]
    lines.append(f"{'representation':28s}{'neurons':>10s}{'error':>11s}")

    def row(name: str, size: int, found: NDArray, x: NDArray) -> None:
        truth = law.pdf(x)
        error = np.linalg.norm(found - truth) / np.linalg.norm(truth)
        lines.append(f"{name:28s}{size:10d}{error:11.1e}")

    for name in ("gaussian", "relu"):
        eta = rf.activation(name)
        psi = rf.admissible_ridgelet(eta, 2)
        grid = rf.ParameterGrid.for_field(law, eta, psi, tol)
        spectrum = rf.ridgelet_transform(law, psi, grid, tol=1e-12)
        x = ball(2, grid.center, grid.radius)
        found = rf.reconstruct(spectrum, eta, x, method="direct")
        row(f"ridgelets, {name}", grid.size, found, x)
    plane = rf.irie_funahashi_spectrum(law, "gaussian", tol=tol)
    x = ball(2, plane.grid.center, plane.grid.radius)
    row("Irie-Funahashi, gaussian", plane.grid.size, plane.reconstruct(x, method="direct"), x)
    single = rf.relu_spectrum(law, tol=tol)
    x = ball(2, single.center, single.radius)
    row("one scale, relu", 2 * single.values.size, single.reconstruct(x, method="direct"), x)
    return [*lines, ""]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--out", help="file for the tables")
    options = parser.parse_args()
    lines: list[str] = []
    start = time.perf_counter()

    def show(more: list[str]) -> None:
        print("\n".join(more), flush=True)
        lines.extend(more)

    show(defaults(1, [1e-4, 1e-8]))
    show(defaults(2, [1e-2, 1e-4, 1e-6]))
    show(defaults(3, [1e-2]))
    show(orders("relu", [2, 4, 6, 8, 10], 1e-3))
    show(orders("tanh", [1, 3, 5, 7, 9], 1e-3))
    show(duals("tanh", 1e-6))
    show(duals("relu", 1e-6))
    show(relatives(1e-3))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines))
    print(f"{time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
