"""Fitted networks drawn from spectra, against uniformly drawn ridges with the same fit.

``python tests/benchmarks/drawn_table.py`` prints the table of the documentation. Five functions on
the unit ball (smooth, ridge, kinked, oscillating, radial), represented with margins .3 and 1, in
one to three variables; widths 50, 200 and 800; errors against the representation at 4000 points.
The ridges cross the ball: uniform directions and offsets, scales log-uniform between 1/2 and 6
(tanh). An entry is how many times smaller the error is than the median of 20 draws of ridges: the
least and the geometric mean over functions and margins.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

import ridgeflow as rf
from ridgeflow.geometry import ball_points

WIDTHS = (50, 200, 800)
MARGINS = (0.3, 1.0)
Function = Callable[[NDArray], NDArray]


def functions(dim: int) -> dict[str, Function]:
    """Five functions of (n, dim) points."""
    even = np.ones(dim) / np.sqrt(dim)
    skew = np.arange(1, dim + 1) / np.linalg.norm(np.arange(1, dim + 1))

    def square(x: NDArray) -> NDArray:
        return (x**2).sum(axis=1)

    return {
        "smooth": lambda x: np.exp(-3 * square(x - 0.2)) * np.sin(3 * x[:, -1]),
        "ridge": lambda x: np.tanh(4 * (x @ skew - 0.2)) + 0.3 * np.sin(3 * x @ even),
        "kinked": lambda x: np.abs(x @ skew - 0.1) + np.exp(-2 * square(x)),
        "oscillating": lambda x: np.sin(6 * x[:, 0]) * np.cos(5 * x[:, -1]),
        "radial": lambda x: np.exp(-6 * square(x)) + np.sqrt(square(x)),
    }


def ridges(dim: int, width: int, name: str, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Neurons of uniform directions and offsets whose transitions cross the unit ball."""
    u = rng.normal(size=(width, dim))
    u /= np.linalg.norm(u, axis=1)[:, None]
    scale = np.ones(width) if name == "relu" else 0.5 * 12 ** rng.random(width)
    return u * scale[:, None], rng.uniform(-1, 1, width) * scale


def error(net: Function, truth: NDArray, x: NDArray) -> float:
    """Relative L2 error at points."""
    return float(np.linalg.norm(net(x) - truth) / np.linalg.norm(truth))


def ratios(dim: int, name: str, draws: int, tol: float) -> dict[int, list[float]]:
    """Errors of ridges over errors of drawn networks, by width."""
    x = ball_points(4000, np.zeros(dim), 1.0, np.random.default_rng(7))
    found: dict[int, list[float]] = {width: [] for width in WIDTHS}
    for function in functions(dim).values():
        for margin in MARGINS:
            rep = rf.IntegralRepresentation(
                rf.CallableField(function, dim),
                rf.activation(name),
                region=rf.Region(np.zeros(dim), 1.0, margin),
                tol=tol,
            )
            truth = rep(x)
            for width in WIDTHS:
                rng = np.random.default_rng(width)
                inside = ball_points(max(4 * width, 1000), np.zeros(dim), 1.0, rng)
                values = rep(inside)
                plain = [
                    error(
                        rf.fit_outer_weights(
                            *ridges(dim, width, name, rng),
                            name,
                            inside,
                            values,
                            affine=True,
                            rcond=1e-9,
                        ),
                        truth,
                        x,
                    )
                    for _ in range(draws)
                ]
                drawn = rf.ShallowNetwork.from_representation(rep, width, rng=0)
                found[width].append(float(np.median(plain)) / error(drawn, truth, x))
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dims", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--tol", type=float, default=1e-2)
    parser.add_argument("--activations", nargs="+", default=["relu", "tanh"])
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    print(f"{'m':>2s} {'':8s}" + "".join(f"{f'J = {w}':>16s}" for w in WIDTHS) + "   (least, mean)")
    # Uniformly drawn ridges depend on each other where the function needs few.
    warnings.simplefilter("ignore", rf.RankWarning)
    with threadpool_limits(options.threads), rf.config(threads=options.threads):
        for name in options.activations:
            for dim in options.dims:
                found = ratios(dim, name, options.draws, options.tol)
                cells = "".join(
                    f"{min(each):8.2f}{np.exp(np.mean(np.log(each))):8.2f}"
                    for each in found.values()
                )
                print(f"{dim:2d} {name:8s}{cells}", flush=True)


if __name__ == "__main__":
    main()
