"""Sums over scattered, weighted samples along directions: their waves, spectra and projections."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._kernels.spreading import add_moments, waves_of_cells
from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory
from ridgeflow.columns import from_columns, is_single, real_columns
from ridgeflow.fields.samples import SampleField
from ridgeflow.radon_transform.interpolation import SemicircleKernel
from ridgeflow.radon_transform.segment_waves import (
    CellWaves,
    best_cells,
    blocks,
    line_buffers,
    shared_work,
)
from ridgeflow.radon_transform.slice_stages import RadialStage

__all__ = [
    "point_waves",
    "sample_slices",
    "smoothed_projections",
]

# Directions are taken in slabs of about this many projected samples.
_SLAB = 1 << 23


def point_waves(
    points: NDArray, columns: NDArray, directions: NDArray, waves: CellWaves
) -> list[NDArray]:
    r"""Waves :math:`\sum_i y_i e^{-i k_l u\cdot x_i}` on the grid, one array for each block.

    points (m, N) with norms up to ``waves.radius``, columns y (C, N), directions (U, m); arrays
    (rows, 2 columns) for ``blocks(U C)``. O(N U) and an FFT of each direction.
    """
    # Points come four at a time.
    pad = [(0, 0), (0, -points.shape[1] % 4)]
    points, columns = np.pad(points, pad), np.pad(columns, pad)
    span = blocks(len(directions) * len(columns))
    grids = [np.empty((waves.rows, 2 * (high - low))) for low, high in span]
    plus, minus = waves.polynomials
    turn = waves.turn
    scaled = directions * (0.5 * waves.cells / waves.radius)
    add = add_moments(waves.terms)

    def work(i: int, moments: NDArray, transformed: NDArray, transform: Callable) -> None:
        low, high = span[i]
        for first in range(low, high, waves.lines):
            last = min(first + waves.lines, high)
            # Rounding may carry a point beyond the last cell.
            shape = (0.5 * waves.cells, waves.cells + 1)
            add(first, last, points, columns, scaled, *shape, moments)
            transform()
            some = (transformed, plus, minus, turn, waves.margin, first - low, grids[i])
            waves_of_cells(0, last - first, *some)

    shared_work(len(span), lambda: line_buffers(waves, backward=False), work)
    return grids


def sample_slices(
    points: NDArray, columns: NDArray, directions: NDArray, step: float, n: int, tol: float
) -> NDArray:
    r"""Slices :math:`\sum_i y_i e^{-i k_l u\cdot x_i}`, :math:`k_l = l\,\text{step}`, l = 0..n.

    points (N, m) with norms up to :math:`\pi/\text{step}`, columns y (N, C), directions (U, m);
    returns (U, C, n + 1) complex, relative error about ``tol``. O(U (N + n log n)).
    """
    radius = np.pi / step
    farthest = float(np.sqrt(np.einsum("id,id->i", points, points).max()))
    if farthest > radius:
        raise ValueError(
            f"`points` must lie within half the period, {radius:.6g}, got one at {farthest:.6g} "
            "(take a smaller step)"
        )
    terms, phase = best_cells(tol, len(points), radius * n * step)
    # The grid of waves is twice as fine as the period of the slices asks for.
    waves = CellWaves.for_band(radius, n * step, terms, phase, 0)
    turned = np.ascontiguousarray(points.T, dtype=np.float64)
    grids = point_waves(turned, np.ascontiguousarray(columns.T), directions, waves)
    out = np.empty((len(directions) * columns.shape[1], n + 1), complex)
    rows = waves.margin + 2 * np.arange(n + 1)
    for (low, high), grid in zip(blocks(len(out)), grids, strict=True):
        out[low:high] = grid.view(np.complex128)[rows].T
    return out.reshape(len(directions), columns.shape[1], n + 1)


def smoothed_projections(
    field: SampleField, directions: NDArray, offsets: NDArray, bandwidth: float, tol: float
) -> NDArray:
    r"""Projections of the measure :math:`\sum_i w_i f(x_i)\,\delta_{x_i}` smoothed by a Gaussian.

    :math:`g_u(p) = \sum_i w_i f(x_i)\, N(p - u\cdot x_i; \text{bandwidth}^2)`: (U, J[, k]).
    """
    shape = field.values.shape[1:]
    columns = real_columns(field.values * field.weights.reshape(-1, *(1,) * len(shape)))
    out = np.zeros((len(directions), len(offsets), columns.shape[1]))
    # In a unit of length in which squares neither overflow nor vanish.
    points = field.points.astype(np.float64)
    center = 0.5 * points.min(axis=0) + 0.5 * points.max(axis=0)
    points = points - center
    unit = 2.0 ** np.floor(np.log2(max(float(np.abs(points).max()), bandwidth)))
    points, width = points / unit, bandwidth / unit
    reach = float(np.linalg.norm(points, axis=1).max()) + 1e-12
    tail = width * np.sqrt(2 * np.log(10 / tol))
    relative = (offsets[None, :] - product(directions, center)[:, None]) / unit
    # Farther out all Gaussians are below a tenth of the tolerance.
    near = np.abs(relative) <= reach + tail
    seen = np.flatnonzero(near.any(axis=0))
    if len(seen):
        span = slice(seen[0], seen[-1] + 1)
        step = np.pi / (reach + tail)
        spacing = (offsets[-1] - offsets[0]) / max(1, len(offsets) - 1) / unit
        found = _projections(
            points, columns, directions, relative[:, span], spacing, width, step, tol
        )
        out[:, span] = np.where(near[:, span, None], found / unit, 0.0)
    single = field.points.dtype == np.float32 and is_single(field.values)
    return from_columns(out, field.values, shape, single=single)


def _projections(
    points: NDArray,
    columns: NDArray,
    directions: NDArray,
    relative: NDArray,
    spacing: float,
    bandwidth: float,
    step: float,
    tol: float,
) -> NDArray[np.float64]:
    """Smoothed projections (U, J, C) at offsets about the origin of the points, by their waves."""
    n_offsets, n_columns = relative.shape[1], columns.shape[1]
    n_waves = np.ceil(np.sqrt(2 * np.log(10 / tol)) / (bandwidth * step)) + 1
    # Tables of cells and waves; the waves of a direction, its slices and their product.
    each = 16.0 * n_columns * 6 * n_waves + 16.0 * n_offsets
    fits_in_memory(
        2048 * n_waves + each + 16.0 * relative.size * n_columns,
        f"{n_waves:.3g} waves of each direction, which the bandwidth asks for,",
        "widen the bandwidth, or raise memory_budget",
    )
    n = int(n_waves)
    out = np.empty((*relative.shape, n_columns))
    kernel = SemicircleKernel.for_tolerance(0.1 * tol)
    k = step * np.arange(n + 1)
    smooth = np.exp(-0.5 * (bandwidth * k) ** 2) * (step / (2 * np.pi))
    smooth[1:] *= 2
    size = max(len(points), n_offsets * kernel.width, n)
    rows = min(_SLAB // size * get_config().threads, get_config().memory_budget // (4 * each))
    rows = max(1, min(len(directions), int(rows)))
    for start in range(0, len(directions), rows):
        part = slice(start, start + rows)
        slices = sample_slices(points, columns, directions[part], step, n, 0.1 * tol) * smooth
        every = np.arange(len(slices))
        stage = RadialStage(
            *(n, np.full(len(slices), step), relative[part, 0], np.full(len(slices), spacing)),
            *(n_offsets, kernel, np.dtype(np.float64)),
        )
        found = np.empty((len(slices), n_offsets))
        for c in range(n_columns):
            stage.forward(slices[:, c], stage.factor, np.ones(len(slices)), every, found)
            out[part, :, c] = found
    return out
