"""Sums of equal normal kernels over many sources, with their first and second moments."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._kernels.gauss_grids import convolve_axis, spread
from ridgeflow._kernels.kernel_moments import gather_moments, near_moments
from ridgeflow._parallel import parallel_for

__all__ = ["moments"]

_GRAIN = 64
_CELLS = 2
# The grid: its spacing, and the relative error of its sums, which second derivatives magnify.
_SPACING = 0.2
_TOL = 1e-12
# Measured costs in nanoseconds: of a pair, of a tap of a kernel, of a node in a line of a grid.
_PAIR = 3.0
_TAP = 0.9
_NODE = 0.4


def moments(
    targets: NDArray, sources: NDArray, weights: NDArray, reach: float, order: int
) -> tuple[NDArray, NDArray, NDArray]:
    """``S = Σ_k w_k exp(−|c_k − x|²/2)`` with ``∇S`` and ``∇²S``, over sources within reach.

    Parameters
    ----------
    targets : array, shape (n, m)
        float64, m <= 3, in standard deviations of the kernel.
    sources : array, shape (k, m)
    weights : array, shape (k,)
        Positive.
    reach : float
        Kernels further away than this may be left out.
    order : {0, 1, 2}

    Returns
    -------
    arrays, shapes (n,), (n, m) and (n, m, m)
        Meaningless beyond the order. S is 0 where no source is in reach.

    Notes
    -----
    **Accuracy.** All terms of S are positive: its error is relative to S itself, 1e-9 by the grid
    and rounding by cells, but for what lies beyond the reach.
    """
    low, high = sources.min(axis=0) - reach, sources.max(axis=0) + reach
    inside = ((targets >= low) & (targets <= high)).all(axis=1)
    if not inside.all():
        n, m = targets.shape
        found = (np.zeros(n), np.zeros((n, m)), np.zeros((n, m, m)))
        if inside.any():
            some = moments(targets[inside], sources, weights, reach, order)
            for whole, part in zip(found, some, strict=True):
                whole[inside] = part
        return found
    grid = _Grid(targets, sources, reach)
    by_grid = grid.cost < _cell_cost(targets, sources, reach)
    summed = grid.moments if by_grid else _by_cells
    return summed(targets, sources, weights, reach, order)


def _cell_cost(targets: NDArray, sources: NDArray, reach: float) -> float:
    """Pairs in neighbouring cells, from some targets and some sources."""
    some = targets[:: max(1, len(targets) // 64)]
    thin = sources[:: max(1, len(sources) // 2048)]
    near = np.ones((len(some), len(thin)), dtype=bool)
    for a in range(targets.shape[1]):
        near &= np.abs(some[:, a, None] - thin[None, :, a]) < reach * (1 + 0.5 / _CELLS)
    return _PAIR * float(near.mean()) * len(targets) * len(sources)


def _by_cells(
    targets: NDArray, sources: NDArray, weights: NDArray, reach: float, order: int
) -> tuple[NDArray, NDArray, NDArray]:
    n, m = targets.shape
    size = reach / _CELLS
    origin = np.minimum(sources.min(axis=0), targets.min(axis=0)) - 2 * _CELLS * size
    cells = np.floor((targets - origin) / size).astype(np.int64)
    own = np.floor((sources - origin) / size).astype(np.int64)
    counts = np.maximum(cells.max(axis=0), own.max(axis=0)) + 2 * _CELLS + 1
    strides = np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.int64)
    keys = own @ strides
    ranked = np.argsort(keys, kind="stable")
    turn = np.argsort(cells @ strides, kind="stable")
    sums, slopes, second = np.empty(n), np.empty((n, m)), np.empty((n, m, m))
    parallel_for(
        *(near_moments, n, targets[turn], cells[turn], keys[ranked], strides, _CELLS),
        *(np.ascontiguousarray(sources[ranked].T), np.ascontiguousarray(weights[ranked])),
        *(order, sums, slopes, second),
        grain=_GRAIN,
    )
    found = np.empty_like(sums), np.empty_like(slopes), np.empty_like(second)
    for placed, part in zip(found, (sums, slopes, second), strict=True):
        placed[turn] = part
    if order == 2:
        found[2][...] -= found[0][:, None, None] * np.eye(m)
    return found


class _Grid:
    """A grid over sources and targets: the kernel of variance 1 is split into s, 1 − 2s and s.

    As in :mod:`ridgeflow.fields.normal_sums`: the bridge between two points over the narrow kernel
    has the variance s(1 − s) and shifts by s times their distance.
    """

    def __init__(self, targets: NDArray, sources: NDArray, reach: float) -> None:
        n, m = targets.shape
        d = _SPACING
        digits = math.log((2 * math.pi / d) ** 2 / _TOL)
        product = digits * d * d / (2 * math.pi**2)
        self.narrow = s = 0.5 * (1 - math.sqrt(1 - 4 * product))
        far = math.sqrt(2 * math.log(200 / _TOL))
        width = 2 * math.ceil((reach * s + far * math.sqrt(product)) / d)
        self.width = w = -4 * (-width // 4)
        wide = 1 - 2 * s
        self.half = math.ceil((reach * wide + far * math.sqrt(2 * s * wide)) / d)
        self.low = np.minimum(targets.min(axis=0), sources.min(axis=0)) - d * (w // 2)
        high = np.maximum(targets.max(axis=0), sources.max(axis=0))
        lengths = (high - self.low) / d + w
        nodes = float(np.prod(lengths))
        self.cost = nodes * m * _NODE * 2 * self.half + _TAP * w**m * (len(sources) + 3 * n)
        if 24 * nodes > get_config().memory_budget or nodes > 2e9:
            self.cost = math.inf

    def _placed(self, points: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Points in units of the spacing, their lowest nodes, sorted along the grid; the order."""
        x = (points - self.low) / _SPACING
        first = np.floor(x).astype(np.int64) - (self.width // 2 - 1)
        turn = np.lexsort(first.T[::-1]) if points.shape[1] > 1 else np.argsort(first[:, 0])
        return x[turn], first[turn], turn

    def moments(
        self, targets: NDArray, sources: NDArray, weights: NDArray, reach: float, order: int
    ) -> tuple[NDArray, NDArray, NDArray]:
        n, m = targets.shape
        d, s, w = _SPACING, self.narrow, self.width
        beta = d * d / (2 * s)
        wide = 1 - 2 * s
        table = np.exp(-beta * (np.arange(w) - w // 2) ** 2.0)
        between = np.exp(-((d * np.arange(-self.half, self.half + 1)) ** 2) / (2 * wide))
        between *= d * d / (2 * math.pi * s * math.sqrt(wide))
        x, first, turn = self._placed(sources)
        y, begin, back = self._placed(targets)
        shape = np.maximum(first.max(axis=0), begin.max(axis=0)) + w
        grid = np.empty([*(int(one) for one in shape), *[1] * (3 - m)])
        begins = np.searchsorted(first[:, 0], np.arange(shape[0] + w) - w, side="right")
        ordered = np.ascontiguousarray(weights[turn])
        planes = max(1, min(int(shape[0]), 2 * w))
        parallel_for(
            spread, int(shape[0]), x, first, ordered, beta, table, begins, grid, grain=planes
        )
        for a in range(m):
            before = grid.reshape(int(np.prod(grid.shape[:a])), grid.shape[a], -1)
            after = np.empty_like(before)
            rows = len(after) if after.shape[2] == 1 else len(after) * after.shape[1]
            parallel_for(convolve_axis, rows, before, -self.half, between, after, grain=8)
            grid = after.reshape(grid.shape)
        sums, slopes, second = np.empty(n), np.empty((n, m)), np.empty((n, m, m))
        lines = grid.reshape([1] * (3 - m) + [int(one) for one in shape])
        parallel_for(
            *(gather_moments, n, y, begin, beta, table, lines, sums, slopes, second), grain=_GRAIN
        )
        found = np.empty_like(sums), np.empty_like(slopes), np.empty_like(second)
        found[0][back] = sums
        found[1][back] = slopes * (d / s)
        second *= (d / s) ** 2
        second -= sums[:, None, None] / s * np.eye(m)
        found[2][back] = second
        return found
