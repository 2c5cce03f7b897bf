"""Direct sums: the transform over samples, the network over nodes; the references of the rest."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.ridge_sums import ridge_sum
from ridgeflow._kernels.spreading import sum_samples
from ridgeflow._parallel import parallel_for
from ridgeflow._progress import stage
from ridgeflow._validate import as_real_array, slab_rows
from ridgeflow.columns import from_columns, is_single, real_columns
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.fourier_slices import scattered_reference
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["direct_transform", "network_sum", "polynomial_sum"]

# Nodes are listed for about this many numbers at a time.
_SLAB = 1 << 22


def _nodes(grid: ParameterGrid) -> Iterator[tuple[slice, NDArray, NDArray, NDArray | None]]:
    """Portions of the nodes: where they lie, a, b, weights; polar grids are never listed whole."""
    if grid.kind != "polar":
        yield slice(0, grid.size), grid.a, grid.b, grid.weights
        return
    for s, rho in enumerate(grid.scales):
        offsets = grid.offsets(s)
        # Nodes, their outer weights and a copy of both for the kernel.
        each = 16.0 * len(offsets) * (grid.dim + 3)
        rows = slab_rows(
            *(each, len(grid.directions), 0.0, f"the nodes of {grid.size}", "raise memory_budget"),
            most=16.0 * _SLAB,
        )
        for low in range(0, len(grid.directions), rows):
            u = grid.directions[low : low + rows]
            start = int(grid.starts[s]) + low * len(offsets)
            weight = (
                2 * grid.step * grid.scale_weights[s] * grid.direction_weights[low : low + rows]
            )
            yield (
                slice(start, start + len(u) * len(offsets)),
                np.repeat(rho * u, len(offsets), axis=0),
                (rho * (u @ grid.center)[:, None] + offsets).ravel(),
                np.repeat(weight, len(offsets)),
            )


def direct_transform(
    field: GridField | SampleField, ridgelet: Ridgelet, grid: ParameterGrid
) -> NDArray:
    """sum_i w_i f(x_i) conj psi(a_j . x_i - b_j) at all nodes: (P,) or (P, k)."""
    if isinstance(field, SampleField):
        points = field.points
        columns = real_columns(
            field.values * field.weights[(...,) + (None,) * (field.values.ndim - 1)]
        )
        single = points.dtype == np.float32 and is_single(field.values)
    else:
        points, columns = scattered_reference(field)
        single = is_single(field.values)
    keep = (columns != 0).any(axis=1)
    turned = np.ascontiguousarray(points[keep].T, dtype=np.float64)
    rows = np.ascontiguousarray(columns[keep].T, dtype=np.float64)
    table = ridgelet.table()
    sign = -1.0 if ridgelet.parity == "odd" else 1.0
    out = np.empty((grid.size, len(rows)))
    for part, a, b, _ in _nodes(grid):
        with stage(None, part.start / grid.size, part.stop / grid.size):
            parallel_for(
                sum_samples,
                len(b),
                *(turned, rows, np.ascontiguousarray(a, dtype=np.float64), b.astype(np.float64)),
                *(table.core, table.per_unit, table.tail, sign, out[part]),
                grain=1 + 20000 // max(1, turned.shape[1]),
            )
    return from_columns(out, field.values, field.component_shape, single=single)


def polynomial_sum(
    polynomial: tuple[float, ...], a: NDArray, b: NDArray, c: NDArray, points: NDArray
) -> NDArray:
    """sum_j c_j p(a_j . x - b_j) for a polynomial of degree <= 2, through its moments: (n, C)."""
    p0, p1, p2 = (*polynomial, 0.0, 0.0, 0.0)[:3]
    constant = p0 * c.sum(axis=0) - p1 * (b @ c) + p2 * ((b * b) @ c)
    linear = a.T @ (c * (p1 - 2 * p2 * b[:, None]))
    value = constant + points @ linear
    if p2:
        for i in range(c.shape[1]):
            moment = p2 * (a.T * c[:, i]) @ a
            value[:, i] += ((points @ moment) * points).sum(axis=1)
    return value


def network_sum(
    spectrum: NodeValues, activation: Activation, points: NDArray, columns: NDArray
) -> NDArray:
    """The quadrature network sum_j c_j eta(a_j . x - b_j), c = values * weights / K: (n, C)."""
    grid = spectrum.grid
    if grid.kind == "nodes":
        raise ValueError(
            "reconstruction needs quadrature weights, got a spectrum on plain nodes (use a polar "
            "or cartesian ParameterGrid)"
        )
    if activation.code < 0:
        raise ValueError(
            f"the direct sum needs an activation with pointwise values, got {activation.name!r} "
            "(use method='fast')"
        )
    constant = admissibility(activation, spectrum.ridgelet)
    x = as_real_array(points, "points").astype(np.float64)
    out = np.zeros((len(x), columns.shape[1]))
    for part, a, b, weights in _nodes(grid):
        c = columns[part] * (weights / constant)[:, None]  # type: ignore[operator, index]
        out += ridge_sum(x, a, b, c, activation.code)
        if grid.half and activation.polynomial:
            # What overflows is seen in the result.
            with np.errstate(over="ignore", invalid="ignore"):
                out -= polynomial_sum(activation.polynomial, a, b, c, x)
    return out
