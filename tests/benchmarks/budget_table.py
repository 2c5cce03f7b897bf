"""Budgets of networks against their true errors, over laws with rare regions.

``python tests/benchmarks/budget_table.py`` prints the table of the documentation; ``--out`` writes
it to a file as well. Sixty laws on a line, in the plane and in space: a rare cluster, a narrow one
far away, ridges between several, outliers, a ring with a bridge, kernel densities with outliers.
Each has a double continuum and three networks; *ratio* is ``error_budget(network).total`` over the
true RMS error relative to the RMS displacement. Truth is a sum over a fine grid, in space over
300 000 draws of the law, of its components equally often and of wider ones. A law whose continuum
is refused is counted as such. Space takes minutes for each law: ``--dims 1 2`` leaves it out.
"""

from __future__ import annotations

import argparse
import warnings
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

import ridgeflow as rf
from ridgeflow.columns import rms

_MEMBERS = {1: 3, 2: 5, 3: 2}  # laws of each family
_ACTIVATIONS = ("tanh", "gaussian", "relu")
_LAYERS = ("euler", "midpoint")


def _away(rng: np.random.Generator, dim: int, least: float, most: float) -> NDArray:
    way = rng.normal(size=dim)
    return rng.uniform(least, most) * way / np.linalg.norm(way)


def rare_cluster(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    weight = np.exp(rng.uniform(np.log(0.003), np.log(0.1)))
    means = [np.zeros(dim), _away(rng, dim, 4, 6.5)]
    return rf.GaussianMixture([1 - weight, weight], means, [0.5, rng.uniform(0.15, 0.5)])


def narrow(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    weight = np.exp(rng.uniform(np.log(0.005), np.log(0.1)))
    means = [np.zeros(dim), _away(rng, dim, 3, 5)]
    return rf.GaussianMixture([1 - weight, weight], means, [1.0, rng.uniform(0.1, 0.2)])


def ridges(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    count = int(rng.integers(3, 6))
    means = [_away(rng, dim, 1.5, 4) for _ in range(count)]
    weights = 0.97 * rng.dirichlet(np.full(count, 0.7)) + 0.03 / count
    return rf.GaussianMixture(weights, means, rng.uniform(0.15, 0.6, size=count))


def outliers(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    means = [np.zeros(dim)] + [_away(rng, dim, 3.5, 6) for _ in range(3)]
    weight = rng.uniform(0.002, 0.01)
    return rf.GaussianMixture([1 - 3 * weight] + [weight] * 3, means, [0.6] + [0.25] * 3)


def ring(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    angle = 2 * np.pi * np.arange(20) / 20
    means = np.zeros((24, dim))
    means[:20, 0] = 2 * np.cos(angle)
    if dim > 1:
        means[:20, 1] = 2 * np.sin(angle)
    means[20:, 0] = np.linspace(-1.2, 1.2, 4)
    bridge = 0.02 if rng.uniform() < 0.5 else 0.005
    weights = np.r_[np.full(20, (1 - bridge) / 20), np.full(4, bridge / 4)]
    return rf.GaussianMixture(weights, means, 0.15)


def density(rng: np.random.Generator, dim: int) -> rf.GaussianMixture:
    points = 0.8 * rng.normal(size=(int(rng.integers(80, 200)), dim))
    if rng.uniform() < 0.5:
        points[: len(points) // 3] += _away(rng, dim, 3.5, 3.5)
    far = np.array([_away(rng, dim, 3.5, 5) for _ in range(2)])
    return rf.kernel_density(np.concatenate([points, far]), 0.35 if dim == 1 else 0.45)


FAMILIES = (rare_cluster, narrow, ridges, outliers, ring, density)


@dataclass(frozen=True, eq=False)
class Case:
    """A law, and the networks that are made of it."""

    family: str
    law: rf.GaussianMixture
    activation: str
    layers: str
    depth: int
    width: int
    end: float
    n_samples: int | None
    tol: float

    def continuum(self) -> rf.DoubleContinuum:
        return rf.DoubleContinuum(self.law, self.activation, span=(0.0, self.end), tol=self.tol)

    def networks(self, limit: rf.DoubleContinuum, count: int) -> Iterator[rf.ResidualNetwork]:
        for seed in range(count):
            yield limit.network(
                self.depth, self.width, layers=self.layers, n_samples=self.n_samples, rng=seed
            )


def cases(dims: list[int]) -> Iterator[Case]:
    """The bank, the same in every run and for every choice of dimensions."""
    index = 0
    for dim, members in _MEMBERS.items():
        for _ in range(members):
            for family in FAMILIES:
                rng = np.random.default_rng(100 * index + 7)
                law = family(rng, dim)
                depth = int(rng.integers(4, 9))
                width = int(rng.choice([50, 100, 150]))
                share = float(rng.choice([0.3, 0.5, 0.7]))
                few = 4000 if (index // 2) % 2 else None
                tol = 1e-2
                if dim == 3:
                    # Space is dear: nearer and wider components, smaller networks.
                    wide = np.maximum(law.covariances, 0.35 * np.eye(3))
                    law = rf.GaussianMixture(law.weights, 0.6 * law.means, wide)
                    depth, width, share, few, tol = 5, 40, 0.3, 3000, 5e-2
                if dim in dims:
                    end = share * rf.ContinuousDAE(law).t_max
                    names = _ACTIVATIONS[index % 3], _LAYERS[(index // 3) % 2]
                    yield Case(family.__name__, law, *names, depth, width, end, few, tol)
                index += 1


def truth_points(law: rf.GaussianMixture) -> tuple[NDArray, NDArray]:
    """Points (n, m) and weights (n,): means over the law are weighted means over them."""
    dim, count = law.dim, law.n_components
    if dim < 3:
        reach = 7 * np.sqrt(max(np.linalg.eigvalsh(c)[-1] for c in law.covariances[:50]))
        n = 200_000 if dim == 1 else 1000 if count < 30 else 550
        low, high = law.means.min(axis=0) - reach, law.means.max(axis=0) + reach
        axes = [a + (b - a) * (np.arange(n) + 0.5) / n for a, b in zip(low, high, strict=True)]
        x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
        weights = law.pdf(x)
        kept = weights > 1e-13 * weights.max()
        return x[kept], weights[kept]
    equal = rf.GaussianMixture(np.full(count, 1 / count), law.means, law.covariances)
    parts = law, equal, equal.smooth(0.3)
    rng = np.random.default_rng(3)
    x = np.concatenate([part.sample(100_000, rng) for part in parts])
    return x, law.pdf(x) / sum(part.pdf(x) for part in parts)


def flowed(law: rf.GaussianMixture, x: NDArray, end: float) -> NDArray:
    exact = rf.ContinuousDAE(law)
    parts = [
        exact.flow(x[i : i + 100_000], end, rtol=1e-6, atol=1e-8, log_density=False).points
        for i in range(0, len(x), 100_000)
    ]
    return np.concatenate(parts)


def ratios(case: Case, count: int) -> list[float]:
    """Budget over truth of each network."""
    limit = case.continuum()
    x, weights = truth_points(case.law)
    target = flowed(case.law, x, case.end)
    size = rms(target - x, weights)
    found = []
    for network in case.networks(limit, count):
        # Most points of a grid lie where a network would warn.
        bare = rf.ResidualNetwork(network.layers, network.steps, scheme=network.scheme)
        truth = rms(bare(x) - target, weights) / size
        found.append(limit.error_budget(network).total / truth)
    return found


def row(name: str, found: list[float], refused: int) -> str:
    text = f"{name:16s}{len(found):9d}"
    if found:
        low, middle, high = np.min(found), np.median(found), np.max(found)
        text += f"{np.mean(np.array(found) >= 1):9.1%}{low:8.2f}{middle:8.2f}{high:8.2f}"
    return text + (f"   refused: {refused}" if refused else "")


def table(dims: list[int], count: int) -> Iterator[str]:
    yield f"{'':16s}networks    holds   least  median    most"
    everything: list[float] = []
    lost = 0
    for dim in dims:
        groups: dict[str, tuple[list[float], list[int]]] = {}
        for case in cases([dim]):
            found, refused = groups.setdefault(case.family, ([], []))
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", rf.AccuracyWarning)
                try:
                    found.extend(ratios(case, count))
                except ValueError:
                    refused.append(1)
        for name, (found, refused) in groups.items():
            everything += found
            lost += len(refused)
            yield row(f"m={dim} {name}", found, len(refused))
    yield row("all", everything, lost)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--dims", type=int, nargs="+", default=list(_MEMBERS))
    parser.add_argument("--networks", type=int, default=3, help="of each law")
    parser.add_argument("--out", help="file for the table")
    options = parser.parse_args()
    lines = []
    for one in table(options.dims, options.networks):
        print(one, flush=True)
        lines.append(one)
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
