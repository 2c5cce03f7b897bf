"""Mixtures whose components are spread over workers: kernel densities of sharded samples."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, as_real_array, fits_in_memory
from ridgeflow.bridges.dask_graphs import (
    Delayed,
    as_rows,
    blocks,
    computed,
    da,
    fits_in_tasks,
    precision,
    task,
    tree,
)
from ridgeflow.fields.covariances import checked_noise
from ridgeflow.fields.kernel_density import checked_bandwidth, smoothed
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["ShardedMixture", "kernel_density", "smoothed_samples"]


class Part(NamedTuple):
    """Log density (n,) of some components, their score (n, m) and second moments of their slopes
    (n, m, m); empty where they are not asked for."""

    log: NDArray
    score: NDArray
    second: NDArray


class ShardedMixture:
    r"""The law :math:`\sum_s W_s \mu_s` of mixtures that are the nodes of a Dask graph.

    With :math:`\ell_s = \log W_s + \log\mu_s(x)` and their log-sum-exp :math:`\ell`, by a tree of
    pairs, the score is :math:`\sum_s e^{\ell_s - \ell}\,\nabla\log\mu_s(x)`.

    Parameters
    ----------
    shards : list of Delayed
        A :class:`GaussianMixture` each.
    masses : array, shape (S,)
        W, positive and of sum 1.
    dim, n_components : int

    Notes
    -----
    At arrays of points the methods compute and return arrays; at Dask arrays they return lazy ones.
    **Accuracy.** That of :class:`GaussianMixture`, in another order of summation.
    **Cost.** One task for each pair of shards and chunks of points, whose results of
    8 n (1 + m) bytes are merged by a tree.
    """

    component_shape: tuple[int, ...] = ()

    def __init__(self, shards: list[Delayed], masses: NDArray, dim: int, n_components: int) -> None:
        self.shards, self.masses = shards, masses
        self.dim, self.n_components = dim, n_components

    def __repr__(self) -> str:
        return (
            f"ShardedMixture(n_components={self.n_components}, dim={self.dim}, "
            f"shards={len(self.shards)})"
        )

    def _at(self, x: Any, order: int, method: str, tol: float, part: str, shape: tuple) -> Any:
        """A part of what the law is at points: computed for an array, lazy for a Dask array."""
        if not type(x).__module__.startswith("dask."):
            points = as_points(x, "x", self.dim)
            (found,) = computed(self._node(points, order, method, tol))
            return getattr(found, part)
        rows = as_rows(x, "x")
        if rows.shape[1] != self.dim:
            raise ValueError(f"`x` must have shape (n, {self.dim}), got {rows.shape}")
        fits_in_tasks(rows, "x", 2.0 * (1, 1 + self.dim, 1 + self.dim + self.dim**2)[order])
        sizes = [n for n in rows.chunks[0] if n]
        found = [
            da.from_delayed(
                getattr(self._node(block, order, method, tol), part),
                (n, *shape),
                precision(rows),
            )
            for (block,), n in zip(blocks(rows), sizes)
        ]
        return da.concatenate(found)

    def _node(self, points: Any, order: int, method: str, tol: float) -> Delayed:
        parts = [
            task(_part, shard, float(np.log(mass)), points, order, method, tol)
            for shard, mass in zip(self.shards, self.masses)
        ]
        return task(_finished, tree(parts, _merged), order)

    def logpdf(self, x: Any, *, method: str = "auto", tol: float = 1e-10) -> Any:
        """As :meth:`GaussianMixture.logpdf`."""
        return self._at(x, 0, method, tol, "log", ())

    def pdf(self, x: Any, *, method: str = "auto", tol: float = 1e-10) -> Any:
        """As :meth:`GaussianMixture.pdf`."""
        return np.exp(self.logpdf(x, method=method, tol=tol))

    def score(self, x: Any, *, method: str = "auto", tol: float = 1e-10) -> Any:
        """As :meth:`GaussianMixture.score`."""
        return self._at(x, 1, method, tol, "score", (self.dim,))

    def score_jacobian(self, x: Any) -> Any:
        """As :meth:`GaussianMixture.score_jacobian`."""
        return self._at(x, 2, "exact", 1e-10, "second", (self.dim, self.dim))

    def posterior_mean(
        self, x: Any, covariance: ArrayLike, *, method: str = "auto", tol: float = 1e-10
    ) -> Any:
        """As :meth:`GaussianMixture.posterior_mean`."""
        noise = checked_noise(covariance, self.dim)
        lazy = type(x).__module__.startswith("dask.")
        points = as_rows(x, "x") if lazy else as_points(x, "x", self.dim)
        score = self.smooth(noise).score(points, method=method, tol=tol)
        step = score * float(noise) if noise.ndim == 0 else score @ noise
        return (points + step).astype(precision(points))

    def smooth(self, covariance: ArrayLike) -> ShardedMixture:
        """As :meth:`GaussianMixture.smooth`."""
        noise = checked_noise(covariance, self.dim)
        return self._of([task(GaussianMixture.smooth, shard, noise) for shard in self.shards])

    def shrink(self, covariance: ArrayLike) -> ShardedMixture:
        """As :meth:`GaussianMixture.shrink`; a covariance that is too large is refused when the
        law is evaluated."""
        noise = checked_noise(covariance, self.dim)
        return self._of([task(GaussianMixture.shrink, shard, noise) for shard in self.shards])

    def _of(self, shards: list[Delayed]) -> ShardedMixture:
        return ShardedMixture(shards, self.masses, self.dim, self.n_components)

    def gathered(self) -> GaussianMixture:
        """The same law in one place, for what needs all of its components.

        Raises
        ------
        MemoryBudgetError
            If they do not fit.
        """
        fits_in_memory(
            24.0 * self.n_components * (self.dim + 2), "the whole law", "raise memory_budget"
        )
        laws = computed(*self.shards)
        weights = [mass * law.weights for mass, law in zip(self.masses, laws)]
        whole = np.concatenate(weights)
        return GaussianMixture(
            whole / whole.sum(), np.concatenate([law.means for law in laws]), laws[0]._compact
        )


def _part(
    law: GaussianMixture, log_mass: float, x: NDArray, order: int, method: str, tol: float
) -> Part:
    empty = np.empty(0)
    if order == 2:
        log, score, second = law._evaluate(x, 2)
        second = second + score[:, :, None] * score[:, None, :]
    else:
        (log, score), second = law._log_and_score(x, order, method, tol), empty
    return Part(log + log_mass, score if order else empty, second)


def _merged(one: Part, other: Part) -> Part:
    log = np.logaddexp(one.log, other.log)
    with np.errstate(under="ignore"):
        share, rest = np.exp(one.log - log), np.exp(other.log - log)

    def mean(a: NDArray, b: NDArray) -> NDArray:
        if not a.size:
            return a
        over = (slice(None), *(None,) * (a.ndim - 1))
        return share[over] * a + rest[over] * b

    return Part(log, mean(one.score, other.score), mean(one.second, other.second))


def _finished(part: Part, order: int) -> Part:
    if order < 2:
        return part
    outer = part.score[:, :, None] * part.score[:, None, :]
    return part._replace(second=part.second - outer)


class Moments(NamedTuple):
    """Of a chunk of samples: number, least and largest values, mean and variances (m,)."""

    n: int
    low: NDArray
    high: NDArray
    mean: NDArray
    variance: NDArray


def _moments(x: NDArray) -> Moments:
    points = as_points(x, "points").astype(np.float64)
    mean, variance = points.mean(axis=0), points.var(axis=0)
    return Moments(len(points), points.min(axis=0), points.max(axis=0), mean, variance)


def kernel_density(points: Any, bandwidth: float | None = None) -> ShardedMixture:
    """:func:`ridgeflow.kernel_density` of samples in chunks: read once for the bandwidth, and
    where the law is evaluated."""
    x = as_rows(points, "points")
    fits_in_tasks(x, "points", x.shape[1] + 2.0)
    rows = blocks(x)
    parts = computed(*[task(_moments, block) for (block,) in rows])
    sizes = np.array([part.n for part in parts], np.float64)
    means = np.array([part.mean for part in parts])
    mean = np.average(means, axis=0, weights=sizes)
    inside = np.array([part.variance for part in parts]) + (means - mean) ** 2
    high = np.max([part.high for part in parts], axis=0)
    ranges = high - np.min([part.low for part in parts], axis=0)
    variances = np.average(inside, axis=0, weights=sizes)
    h = checked_bandwidth(len(x), ranges, variances, bandwidth)
    return _law(rows, sizes, h * h, x.shape, smoothed_equally)


def smoothed_equally(x: NDArray, covariance: float | NDArray) -> GaussianMixture:
    """The mixture of a chunk of equal samples."""
    points = as_points(x, "points").astype(np.float64)
    return smoothed(points, np.full(len(points), 1.0 / len(points)), covariance)


def smoothed_samples(x: da.Array, weights: da.Array, covariance: float | NDArray) -> ShardedMixture:
    """The law of weighted samples in chunks with noise of this covariance."""
    rows = blocks(x, weights)
    masses = np.array(computed(*[task(_mass, mass) for _, mass in rows]), np.float64)
    if not masses.any():
        raise ValueError("`weights` of a law must not all be zero")
    kept = [row for row, mass in zip(rows, masses) if mass > 0]
    return _law(kept, masses[masses > 0], covariance, x.shape, smoothed)


def _mass(weights: NDArray) -> float:
    given = as_real_array(weights, "weights", ndim=1)
    if given.min() < 0:
        raise ValueError(
            f"`weights` of a law must not be negative, got a least weight of {given.min():g} "
            "(signed weights need `values`)"
        )
    return float(given.sum())


def _law(
    rows: list[tuple],
    masses: NDArray,
    covariance: float | NDArray,
    shape: tuple[int, int],
    smooth: Callable[..., GaussianMixture],
) -> ShardedMixture:
    shards = [task(smooth, *row, covariance) for row in rows]
    return ShardedMixture(shards, masses / masses.sum(), shape[1], shape[0])
