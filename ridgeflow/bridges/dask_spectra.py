"""Samples that are spread over workers, and ridgelet spectra that are sums over them."""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow import __version__
from ridgeflow._fork import cached_property
from ridgeflow._validate import as_covariance, as_real_array, positive
from ridgeflow.bridges.dask_graphs import (
    as_rows,
    blocks,
    computed,
    da,
    fits_in_tasks,
    once,
    task,
    tree,
)
from ridgeflow.bridges.dask_laws import ShardedMixture, smoothed_samples
from ridgeflow.fields.samples import SampleField
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.provenance import FieldOrigin, Provenance
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.transform import ridgelet_transform

__all__ = ["ShardedSamples", "spectrum_of_nodes", "spectrum_of_samples"]


class ShardedSamples:
    """A :class:`ridgeflow.SampleField` whose arrays are Dask arrays, cut alike along rows.

    Numbers are looked at where they are used: what is not finite is refused there.

    Attributes
    ----------
    points, values, weights : dask.array.Array
        As for a SampleField.
    is_law : bool
    dim : int
    component_shape : tuple of int
    center : array, shape (m,)
    radius : float
        Both computed when they are asked for.
    """

    def __init__(self, points: Any, values: Any = None, weights: Any = None) -> None:
        self.points = as_rows(points, "points")
        self.is_law = values is None
        n, cuts = len(self.points), self.points.chunks[:1]
        dtype = self.points.dtype if self.points.dtype == np.float32 else np.dtype(np.float64)
        if values is None:
            self.values = da.ones(n, chunks=cuts, dtype=dtype)
        else:
            self.values = as_rows(values, "values", ndim=(1, 2), like=self.points, kinds="biufc")
        if weights is None:
            self.weights = da.full(n, 1.0 / n, chunks=cuts, dtype=dtype)
        else:
            self.weights = as_rows(weights, "weights", ndim=(1,), like=self.points)
        fits_in_tasks(self.points, "points", self.values[0].size + 2.0)

    @property
    def dim(self) -> int:
        """Number of variables, m."""
        return int(self.points.shape[1])

    @property
    def component_shape(self) -> tuple[int, ...]:
        """Shape of one value: () or (k,)."""
        return tuple(self.values.shape[1:])

    @cached_property
    def center(self) -> NDArray[np.float64]:
        """Midpoint of the bounding box of the points."""
        lower, upper = computed(self.points.min(axis=0), self.points.max(axis=0))
        return 0.5 * np.asarray(lower, np.float64) + 0.5 * np.asarray(upper, np.float64)

    @cached_property
    def radius(self) -> float:
        """Largest distance of a point from the centre."""
        (square,) = computed(((self.points - self.center) ** 2).sum(axis=1).max())
        return float(np.sqrt(square))

    def smooth(self, covariance: ArrayLike) -> ShardedMixture:
        """As :meth:`SampleField.smooth`, of components that stay where the samples are."""
        if not self.is_law:
            raise ValueError(
                "`smooth` needs a law, got samples that carry values (build it from the points "
                "alone)"
            )
        given: Any = as_real_array(covariance, "covariance", ndim=(0, 2))
        if np.ndim(given):
            given = as_covariance(given, "covariance", self.dim)
        else:
            given = positive(given, "covariance")
        return smoothed_samples(self.points, self.weights, given)

    def __repr__(self) -> str:
        kind = "law" if self.is_law else f"component_shape={self.component_shape}"
        chunks = len(self.points.chunks[0])
        return f"ShardedSamples(n={len(self.points)}, dim={self.dim}, {kind}, chunks={chunks})"


class Partial(NamedTuple):
    """The sum over some samples: values at the nodes, the method, and digests of the samples."""

    values: NDArray
    method: str
    digests: tuple[str, ...]


def _partial(shared: dict[str, Any], x: NDArray, y: NDArray, w: NDArray) -> Partial:
    found = ridgelet_transform(SampleField(x, y, w), **shared)
    history = found.provenance
    assert history is not None  # of a transform there is one
    return Partial(found.values, history.fields[0].method, (history.fields[0].digest,))


def _sum(one: Partial, other: Partial) -> Partial:
    method = one.method if one.method == other.method else "auto"
    return Partial(one.values + other.values, method, one.digests + other.digests)


def spectrum_of_samples(
    field: ShardedSamples,
    ridgelet: Any,
    grid: Any,
    *,
    method: str = "auto",
    tol: float = 1e-8,
    bandwidth: float | None = None,
) -> Spectrum:
    """:func:`ridgeflow.ridgelet_transform` of samples in chunks: the sum of their spectra.

    The tolerance is that of each chunk, relative to the largest of its own values.
    """
    if bandwidth is not None:
        raise ValueError(
            f"`bandwidth` must be left out for samples in chunks, got {bandwidth!r} (the error "
            "budget of smoothed samples needs all of them at once: pass arrays, or transform "
            "kernel_density of a part)"
        )
    nodes = grid if isinstance(grid, ParameterGrid) else ParameterGrid.nodes(*grid)
    shared = once({"ridgelet": ridgelet, "grid": nodes, "method": method, "tol": tol})
    rows = blocks(field.points, field.values, field.weights)
    (found,) = computed(tree([task(_partial, shared, *row) for row in rows], _sum))
    digest = hashlib.sha256("".join(found.digests).encode()).hexdigest()[:32]
    origin = FieldOrigin(
        *("SampleField", field.dim, len(field.points), digest, found.method, float(tol)),
        __version__,
    )
    step = f"ridgelet_transform(method={found.method!r}, tol={float(tol):g}, chunks={len(rows)})"
    history = Provenance((origin,), (step,), __version__)
    return Spectrum(found.values, nodes, ridgelet, None, history)


def _at_nodes(shared: dict[str, Any], a: NDArray, b: NDArray) -> Spectrum:
    return ridgelet_transform(grid=(a, b), **shared)


def spectrum_of_nodes(
    field: Any,
    ridgelet: Any,
    grid: tuple[Any, Any],
    *,
    method: str = "auto",
    tol: float = 1e-8,
    bandwidth: float | None = None,
) -> Spectrum:
    """The transform at plain nodes in chunks: a task for each, with the whole field."""
    a = as_rows(grid[0], "a")
    b = as_rows(grid[1], "b", ndim=(1,), like=a)
    fits_in_tasks(a, "a", 4.0)
    shared = once(
        {
            "field": field,
            "ridgelet": ridgelet,
            "method": method,
            "tol": tol,
            "bandwidth": bandwidth,
        }
    )
    parts = computed(*[task(_at_nodes, shared, *row) for row in blocks(a, b)])
    values, inner, offsets = (
        np.concatenate(arrays) for arrays in zip(*((s.values, s.grid.a, s.grid.b) for s in parts))
    )
    return Spectrum(
        values, ParameterGrid.nodes(inner, offsets), ridgelet, None, parts[0].provenance
    )
