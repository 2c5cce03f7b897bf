"""Sums of many equal normal kernels at many points in a few variables, without all the pairs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._kernels.gauss_grids import convolve_axis, gather, near_sums, spread
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import fits_in_memory, positive, slab_rows

__all__ = [
    "LARGEST_DIM",
    "WORTH",
    "Plan",
    "checked_tolerance",
    "fast_evaluation",
    "normal_sums",
    "plan_sums",
]

LARGEST_DIM = 3

# Measured costs in units of one pair of the exact sum.
_TAP = 0.6
_NODE = 0.6
_POINT = 150.0
_SPACINGS = (0.14, 0.17, 0.2, 0.24, 0.28, 0.32, 0.36, 0.4, 0.44, 0.48)
# The second pass, for points in the tails, sees this many standard deviations far.
_FAR = 24.0
_CELLS = 2
_GRAIN = 256
# Fewer pairs than this take a tenth of a second.
WORTH = 2.0**26


@dataclass(frozen=True)
class Plan:
    """How a sum will be taken, and what that costs.

    Parameters
    ----------
    kind : {"grid", "cells"}
    reach : float
        Kernels further away than this on an axis, in standard deviations, are not seen.
    cost : float
        In units of one pair of the exact sum.
    spacing, narrow : float
        Of the grid: step, and variance of the kernels that spread and gather.
    width, half : int
        Nodes of those on an axis, and of the kernel between them on each side of zero.
    """

    kind: str
    reach: float
    cost: float
    spacing: float = 0.0
    narrow: float = 0.0
    width: int = 0
    half: int = 0


def _reach(tol: float, n_sources: int) -> float:
    """Where the tail of all sources, at the point of one, is below tol even in the gradient."""
    reach = 6.0
    for _ in range(20):
        reach = math.sqrt(2 * math.log(40 * n_sources * reach / tol))
    return reach


def _grids(tol: float, reach: float) -> list[Plan]:
    """Grids that meet the tolerance, one for each spacing.

    The bridge between two points over the narrow kernel of variance s has the variance s(1 − s)
    and shifts by s times their distance: the first decides the error of the sum over nodes instead
    of an integral, exp(−2π² s(1 − s)/spacing²), both decide how many nodes count.
    """
    found = []
    for spacing in _SPACINGS:
        # Derivatives of the error over a spacing enter the gradient, 2π/spacing.
        digits = math.log(20 * math.pi / spacing / tol)
        product = digits * spacing**2 / (2 * math.pi**2)
        if product >= 0.2:
            continue
        narrow = 0.5 * (1 - math.sqrt(1 - 4 * product))
        far = math.sqrt(2 * math.log(200 / tol))
        width = 2 * math.ceil((reach * narrow + far * math.sqrt(product)) / spacing)
        wide = 1 - 2 * narrow
        half = math.ceil((reach * wide + far * math.sqrt(2 * narrow * wide)) / spacing)
        found.append(Plan("grid", reach, math.inf, spacing, narrow, -4 * (-width // 4), half))
    return found


def _bytes_of_a_point(m: int) -> float:
    """Of a target or a source: places, cells, their order, sorted copies of all, and results."""
    return 8.0 * (10 * m + 14)


def _with_cost(plan: Plan, n: int, k: int, extents: NDArray) -> Plan:
    m = len(extents)
    lengths = extents / plan.spacing + 2 * plan.width
    nodes = float(np.prod(lengths))
    cost = nodes * m * (_NODE * 2 * plan.half) + (n + k) * _POINT
    cost += _TAP * plan.width**m * (k + 2 * n)
    if 24 * nodes + _bytes_of_a_point(m) * (n + k) > get_config().memory_budget or (
        lengths.max() > 2e9
    ):
        cost = math.inf
    return Plan(plan.kind, plan.reach, cost, plan.spacing, plan.narrow, plan.width, plan.half)


def _cell_cost(targets: NDArray, sources: NDArray, reach: float) -> float:
    """From the cells of some targets: how many sources they hold with their neighbours."""
    n, m = targets.shape
    size = reach / _CELLS
    low = np.minimum(sources.min(axis=0), targets.min(axis=0))
    high = np.maximum(sources.max(axis=0), targets.max(axis=0))
    counts = np.floor((high - low) / size) + 4 * _CELLS + 2
    if np.prod(counts) > 2.0**60:
        return math.inf
    some = targets[:: max(1, n // 100)]
    thin = sources[:: max(1, len(sources) // 4000)]
    near = np.ones((len(some), len(thin)), dtype=bool)
    for a in range(m):
        near &= np.abs(some[:, a, None] - thin[None, :, a]) < reach + 0.5 * size
    pairs = near.sum() / near.size * len(sources) * n
    return float(1.2 * pairs + n * (2 * _CELLS + 1) ** (m - 1) * 60 + _POINT * (n + len(sources)))


def plan_sums(targets: NDArray, sources: NDArray, tol: float) -> Plan:
    """The cheapest way to sum kernels of variance 1 to a relative tolerance.

    Parameters
    ----------
    targets : array, shape (n, m)
        float64, in standard deviations of the kernel.
    sources : array, shape (k, m)
    tol : float

    Returns
    -------
    Plan
        Its cost is infinite where nothing fits in memory.
    """
    reach = _reach(tol, len(sources))
    inside = _within(targets, sources, reach)
    n, k = int(inside.sum()), len(sources)
    if not n:
        return Plan("cells", reach, math.inf)
    seen = targets if n == len(targets) else targets[inside]
    low = np.minimum(sources.min(axis=0), seen.min(axis=0))
    extents = np.maximum(sources.max(axis=0), seen.max(axis=0)) - low
    plans = [_with_cost(plan, n, k, extents) for plan in _grids(tol, reach)]
    plans.append(Plan("cells", reach, _cell_cost(seen, sources, reach)))
    return min(plans, key=lambda plan: plan.cost)


def _within(targets: NDArray, sources: NDArray, reach: float) -> NDArray:
    low, high = sources.min(axis=0) - reach, sources.max(axis=0) + reach
    return ((targets >= low) & (targets <= high)).all(axis=1)


def normal_sums(
    targets: NDArray, sources: NDArray, weights: NDArray, tol: float, plan: Plan, gradient: bool
) -> tuple[NDArray, NDArray, NDArray]:
    """``log S(x)``, ``∇log S(x)`` of ``S(x) = Σ_k w_k exp(−|x − c_k|²/2)``, where they are certain.

    Parameters
    ----------
    targets : array, shape (n, m)
        float64, m <= 3.
    sources : array, shape (k, m)
    weights : array, shape (k,)
        Positive.
    tol : float
        Relative error of S, and error of the gradient relative to 1 + its size.
    plan : Plan
        Of :func:`plan_sums`, with a finite cost.
    gradient : bool

    Returns
    -------
    logs : array, shape (n,)
    slopes : array, shape (n, m) or (0, m)
    certain : array of bool, shape (n,)
        Elsewhere both are meaningless: what lies beyond the reach may count there.

    Notes
    -----
    **Accuracy.** Kernels beyond the reach R are dropped: at most ``R exp(−R²/2) Σ_k w_k`` of S and
    its gradient, in units of the standard deviation. Points where that exceeds a quarter of ``tol``
    S get a second pass with a longer reach, and are left to the caller where it does not help. All
    other errors are relative to S: every term is positive.
    """
    n, m = targets.shape
    logs = np.zeros(n)
    slopes = np.zeros((n if gradient else 0, m))
    certain = np.zeros(n, dtype=bool)
    total = float(weights.sum())
    for attempt in (plan, _second(plan, tol)):
        if attempt is None:
            break
        todo = np.flatnonzero(~certain & _within(targets, sources, attempt.reach))
        if not len(todo):
            continue
        if attempt is not plan:
            extents = np.ptp(np.concatenate([targets[todo], sources]), axis=0)
            attempt = _with_cost(attempt, len(todo), len(sources), extents)
            if attempt.cost > float(len(todo)) * len(sources):
                break
        summed = _on_grid if attempt.kind == "grid" else _near
        sums, steep = summed(targets[todo], sources, weights, attempt, gradient)
        floor = total * attempt.reach * math.exp(-0.5 * attempt.reach**2) * 4 / tol
        good = sums > floor
        done = todo[good]
        certain[done] = True
        logs[done] = np.log(sums[good])
        if gradient:
            slopes[done] = steep[good] / sums[good, None]
    return logs, slopes, certain


def _second(plan: Plan, tol: float) -> Plan | None:
    if plan.kind != "grid" or plan.reach >= _FAR:
        return None
    return min(_grids(tol, _FAR), key=lambda each: abs(each.spacing - plan.spacing))


def _placed(points: NDArray, origin: NDArray, plan: Plan) -> tuple[NDArray, NDArray, NDArray]:
    """Points in units of the spacing and their lowest nodes, sorted along the grid; the order."""
    x = (points - origin) / plan.spacing
    first = np.floor(x).astype(np.int64) - (plan.width // 2 - 1)
    shape = first.max(axis=0) + 1
    key = first[:, 0]
    for a in range(1, points.shape[1]):
        key = key * shape[a] + first[:, a]
    order = np.argsort(key, kind="stable")
    return x[order], first[order], order


def _three(shape: NDArray) -> tuple[int, int, int]:
    lengths = [int(s) for s in shape] + [1, 1]
    return lengths[0], lengths[1], lengths[2]


def _on_grid(
    targets: NDArray, sources: NDArray, weights: NDArray, plan: Plan, gradient: bool
) -> tuple[NDArray, NDArray]:
    n, m = targets.shape
    d, s, w = plan.spacing, plan.narrow, plan.width
    table = np.exp(-(d * d / (2 * s)) * (np.arange(w) - w // 2) ** 2.0)
    beta = d * d / (2 * s)
    wide = 1 - 2 * s
    between = np.exp(-((d * np.arange(-plan.half, plan.half + 1)) ** 2) / (2 * wide))
    between *= d * d / (2 * math.pi * s * math.sqrt(wide))

    # Nodes of the sources' grid and of the targets' grid, from 0 each.
    origin = sources.min(axis=0) - d * (w // 2)
    x, first, order = _placed(sources, origin, plan)
    shape = first.max(axis=0) + w
    grid = np.empty(_three(shape))
    begins = np.searchsorted(first[:, 0], np.arange(shape[0] + w) - w, side="right")
    # `begins[j]` counts the points whose lowest node is at most j - w: those that miss plane j.
    planes = max(1, min(int(shape[0]), 2 * w))
    ordered = np.ascontiguousarray(weights[order])
    parallel_for(spread, int(shape[0]), x, first, ordered, beta, table, begins, grid, grain=planes)
    lag = np.rint((targets.min(axis=0) - origin) / d).astype(np.int64) - w // 2 - 1
    x, first, order = _placed(targets, origin + d * lag, plan)
    goal = first.max(axis=0) + w
    for a in range(m):
        before = grid.reshape(int(np.prod(grid.shape[:a])), grid.shape[a], -1)
        after = np.empty((before.shape[0], int(goal[a]), before.shape[2]))
        rows = len(after) if after.shape[2] == 1 else len(after) * after.shape[1]
        shift = int(lag[a]) - plan.half
        parallel_for(convolve_axis, rows, before, shift, between, after, grain=8)
        grid = after.reshape(*grid.shape[:a], int(goal[a]), *grid.shape[a + 1 :])
    sums = np.empty(n)
    slopes = np.empty((n if gradient else 0, m))
    parallel_for(gather, n, x, first, beta, table, grid, sums, slopes, grain=_GRAIN)
    out, steep = np.empty(n), np.empty_like(slopes)
    out[order] = sums
    if gradient:
        # The slope of the narrow kernel: its exponent is -(t - z)^2 / 2s in standard deviations.
        steep[order] = slopes * (d / s)
    return out, steep


def _near(
    targets: NDArray, sources: NDArray, weights: NDArray, plan: Plan, gradient: bool
) -> tuple[NDArray, NDArray]:
    n, m = targets.shape
    size = plan.reach / _CELLS
    origin = np.minimum(sources.min(axis=0), targets.min(axis=0)) - 2 * _CELLS * size
    cells = np.floor((targets - origin) / size).astype(np.int64)
    own = np.floor((sources - origin) / size).astype(np.int64)
    counts = np.maximum(cells.max(axis=0), own.max(axis=0)) + 2 * _CELLS + 1
    strides = np.concatenate([np.cumprod(counts[:0:-1])[::-1], [1]]).astype(np.int64)
    keys = own @ strides
    ranked = np.argsort(keys, kind="stable")
    order = np.argsort(cells @ strides, kind="stable")
    sums, slopes = np.empty(n), np.empty((n, m))
    tables = (keys[ranked], strides, _CELLS, np.ascontiguousarray(sources[ranked].T))
    parallel_for(
        *(near_sums, n, targets[order], cells[order], *tables),
        *(np.ascontiguousarray(weights[ranked]), sums, slopes),
        grain=_GRAIN,
    )
    out, steep = np.empty(n), np.empty_like(slopes)
    out[order], steep[order] = sums, slopes
    return out, steep


def fast_evaluation(
    points: NDArray,
    weights: NDArray,
    means: NDArray,
    compact: NDArray,
    *,
    gradient: bool,
    method: str,
    tol: float,
    exact: Callable[[NDArray], tuple[NDArray, NDArray]],
) -> tuple[NDArray, NDArray] | None:
    """Log density and score of a mixture with one covariance; None where "auto" prefers all pairs.

    Parameters
    ----------
    points : array, shape (n, m)
    weights, means, compact : arrays
        Of the mixture; ``compact`` as in :mod:`ridgeflow.fields.covariances`.
    gradient : bool
        Whether the score is wanted.
    method : {"auto", "fast"}
    tol : float
    exact : callable
        Points to log density and score, for those in the far tails.

    Returns
    -------
    (array, array) or None
        Shapes (n,), and (n, m) or (0, m); of the dtype of the points.

    Raises
    ------
    ValueError
        If ``tol`` is out of range, or "fast" is asked where it does not apply.
    MemoryBudgetError
        If "fast" is asked and nothing fits.
    """
    (n, m), k = points.shape, len(means)
    tol = checked_tolerance(tol)
    if m > LARGEST_DIM or compact.ndim != 2:
        if method == "auto":
            return None
        raise ValueError(
            f"`method` must be 'auto' or 'exact' for this mixture, got 'fast' with {m} variables "
            f"and {'one covariance' if compact.ndim == 2 else 'different covariances'} (it needs "
            f"at most {LARGEST_DIM} variables and a covariance that all components share)"
        )
    if method == "auto" and float(n) * k < WORTH:
        return None
    law = weights, means, compact
    each = _bytes_of_a_point(m)
    rows = slab_rows(
        *(each, n, each * k + 8.0 * n * (m + 1)),
        *("the fast sum", "take fewer points or components, or raise memory_budget"),
    )
    slabs = [points[low : low + rows] for low in range(0, n, rows)] if rows < n else [points]
    found = [_fast_slab(slab, *law, gradient, method, tol, exact) for slab in slabs]
    if len(slabs) == 1:
        return found[0]
    whole = [one or exact(slab) for one, slab in zip(found, slabs, strict=True)]
    return np.concatenate([one[0] for one in whole]), np.concatenate([one[1] for one in whole])


def _fast_slab(
    points: NDArray,
    weights: NDArray,
    means: NDArray,
    compact: NDArray,
    gradient: bool,
    method: str,
    tol: float,
    exact: Callable[[NDArray], tuple[NDArray, NDArray]],
) -> tuple[NDArray, NDArray] | None:
    """Some of the points of :func:`fast_evaluation`, checked."""
    (n, m), k = points.shape, len(means)
    root = np.linalg.cholesky(compact)
    whiten = np.linalg.inv(root)
    centre = weights @ means
    sources = (means - centre) @ whiten.T
    targets = (points.astype(np.float64) - centre) @ whiten.T
    plan = plan_sums(targets, sources, tol)
    # In single precision the exact sum is twice as fast.
    if method == "auto" and plan.cost * (4 if points.dtype == np.float32 else 2) > float(n) * k:
        return None
    if not math.isfinite(plan.cost) and _within(targets, sources, plan.reach).any():
        fits_in_memory(24.0 * n * k, "the fast sum", "use method='exact'")
    logs, slopes, certain = normal_sums(targets, sources, weights, tol, plan, gradient)
    logs -= np.log(np.diag(root)).sum() + 0.5 * m * math.log(2 * math.pi)
    if gradient:
        slopes = slopes @ whiten
    rest = np.flatnonzero(~certain)
    if len(rest):
        logs[rest], steep = exact(points[rest])
        if gradient:
            slopes[rest] = steep
    return logs.astype(points.dtype, copy=False), slopes.astype(points.dtype, copy=False)


def checked_tolerance(tol: float) -> float:
    number = positive(tol, "tol", hint="it is the relative error of the density")
    if not 1e-13 <= number <= 1e-2:
        raise ValueError(f"`tol` must lie between 1e-13 and 1e-2, got {number:g}")
    return number
