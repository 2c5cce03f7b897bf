"""Sums of equal normal kernels with first and second moments, as ``gauss_grids`` has them without.

By way of cells of neighbours the moments are those of the sources around a target; by way of a grid
those of its nodes under the narrow kernel that gathers.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import inline, kernel
from ridgeflow._kernels.mixtures import HALF_LOG2E, exp2_double

__all__ = ["gather_moments", "near_moments"]

_TILE = 512


@inline
def _begin(keys, value):
    """Number of sorted keys less than value."""
    low, high = 0, len(keys)
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < value:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def near_moments(
    start, stop, targets, cells, keys, strides, reach, sources, weights, order, sums, slopes, second
):
    """sums_i = sum of weights_k exp(-|d|^2 / 2), d = c_k - x_i, over sources in cells near x_i.

    targets (N, m), cells (N, m): theirs; keys (K,): cell @ strides of each source, sorted, one key
    past another being the next cell along the last axis; sources (m, K), weights (K,) in that
    order. Cells within ``reach`` on every axis count. For order >= 1 slopes (N, m) gain the sums of
    d times the term, for order 2 second (N, m, m) those of d dᵀ; otherwise they may be empty.
    """
    # As ``gauss_grids.near_sums``: cells in a row along the last axis hold sources that follow each
    # other, one run for each combination of the other axes, found by bisection of the keys. A run
    # is taken in tiles that stay in cache: differences by axis, exponents, powers, moments.
    m = targets.shape[1]
    side = 2 * reach + 1
    q = np.empty(_TILE)
    d = np.empty((m, _TILE))
    ranges = side ** (m - 1)
    for i in range(start, stop):
        total = 0.0
        if order >= 1:
            slopes[i] = 0.0
        if order == 2:
            second[i] = 0.0
        for r in range(ranges):
            key = cells[i, m - 1] - reach
            rest = r
            for a in range(m - 1):
                key += (cells[i, a] + rest % side - reach) * strides[a]
                rest //= side
            first, last = _begin(keys, key), _begin(keys, key + side)
            for low in range(first, last, _TILE):
                n = min(_TILE, last - low)
                for k in range(n):
                    q[k] = 0.0
                for a in range(m):
                    x, line, part = targets[i, a], sources[a, low : low + n], d[a]
                    for k in range(n):
                        step = line[k] - x
                        part[k] = step
                        q[k] -= HALF_LOG2E * step * step
                exp2_double(q, n, 0.0)
                given = weights[low : low + n]
                mass = 0.0
                for k in range(n):
                    q[k] *= given[k]
                    mass += q[k]
                total += mass
                for a in range(m if order >= 1 else 0):
                    part, slope = d[a], 0.0
                    for k in range(n):
                        slope += q[k] * part[k]
                    slopes[i, a] += slope
                for a in range(m if order == 2 else 0):
                    part = d[a]
                    for b in range(a + 1):
                        other, value = d[b], 0.0
                        for k in range(n):
                            value += q[k] * part[k] * other[k]
                        second[i, a, b] += value
                        if b < a:
                            second[i, b, a] += value
        sums[i] = total


@inline
def _taps(x, first, beta, table, out):
    """out[0, t] = exp(-beta (x - first - t)^2); out[1] and out[2]: times first + t - x, and again.

    table[t] = exp(-beta (t - half)^2).
    """
    width = table.size
    half = width // 2
    u = x - first - half
    ratio = math.exp(2.0 * beta * u)
    scale = math.exp(-beta * u * u) * math.exp(-2.0 * beta * u * half)
    for t in range(width):
        value = scale * table[t]
        scale *= ratio
        lag = first + t - x
        out[0, t] = value
        out[1, t] = value * lag
        out[2, t] = value * lag * lag


@kernel
def gather_moments(start, stop, points, first, beta, table, grid, sums, slopes, second):
    """sums_i = sum_j grid_j prod_a exp(-beta (x_ia - j_a)^2), with moments of j - x_i.

    points (N, m), first (N, m): their lowest nodes; table as in ``gauss_grids.spread``; grid
    (n_0, n_1, n_2), lengths 1 for axes before the last m. slopes (N, m) and second (N, m, m) are
    set.
    """
    # Axes that are not there have one tap of 1. A line of nodes along the last axis gives three
    # sums, with the factor j - x to the powers 0, 1, 2, once for all weights of the outer axes; the
    # same again on the middle axis: six sums of powers up to two in both; then the first axis.
    m = points.shape[1]
    width = table.size
    taps = np.zeros((3, 3, width))
    size = np.ones(3, np.int64)
    low = np.zeros(3, np.int64)
    for a in range(3 - m):
        taps[a, 0, 0] = 1.0
    for a in range(m):
        size[3 - m + a] = width
    for i in range(start, stop):
        for a in range(m):
            _taps(points[i, a], first[i, a], beta, table, taps[3 - m + a])
            low[3 - m + a] = first[i, a]
        s000, s100, s010, s001 = 0.0, 0.0, 0.0, 0.0
        s200, s110, s101, s020, s011, s002 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
        inner = taps[2]
        for r in range(size[0]):
            p00, p10, p01, p20, p11, p02 = 0.0, 0.0, 0.0, 0.0, 0.0, 0.0
            for s in range(size[1]):
                line = grid[low[0] + r, low[1] + s, low[2] : low[2] + width]
                v0, v1, v2 = 0.0, 0.0, 0.0
                for t in range(width):
                    v0 += line[t] * inner[0, t]
                    v1 += line[t] * inner[1, t]
                    v2 += line[t] * inner[2, t]
                p00 += v0 * taps[1, 0, s]
                p10 += v0 * taps[1, 1, s]
                p20 += v0 * taps[1, 2, s]
                p01 += v1 * taps[1, 0, s]
                p11 += v1 * taps[1, 1, s]
                p02 += v2 * taps[1, 0, s]
            u0, u1, u2 = taps[0, 0, r], taps[0, 1, r], taps[0, 2, r]
            s000 += p00 * u0
            s100 += p00 * u1
            s010 += p10 * u0
            s001 += p01 * u0
            s200 += p00 * u2
            s110 += p10 * u1
            s101 += p01 * u1
            s020 += p20 * u0
            s011 += p11 * u0
            s002 += p02 * u0
        sums[i] = s000
        slopes[i, m - 1] = s001
        second[i, m - 1, m - 1] = s002
        if m >= 2:
            slopes[i, m - 2] = s010
            second[i, m - 2, m - 2] = s020
            second[i, m - 2, m - 1] = second[i, m - 1, m - 2] = s011
        if m == 3:
            slopes[i, 0] = s100
            second[i, 0, 0] = s200
            second[i, 0, 1] = second[i, 1, 0] = s110
            second[i, 0, 2] = second[i, 2, 0] = s101
