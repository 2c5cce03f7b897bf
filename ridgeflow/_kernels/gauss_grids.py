"""Sums of equal normal kernels over many points, by way of a grid or of cells of neighbours.

On a grid the kernel of variance 1 is split into three, ``s1 + s3 + s1 = 1``: sources are spread
with a narrow one of variance s1, the grid is convolved axis by axis with one of variance s3, and
targets gather with a narrow one again. Every term is positive, so that nothing cancels and errors
stay relative to the sum at each target. Coordinates are in units of the spacing.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import inline, kernel
from ridgeflow._kernels.mixtures import HALF_LOG2E, exp2_double

__all__ = ["convolve_axis", "gather", "near_sums", "spread"]

_TILE = 512


@inline
def _taps(x, first, beta, table, out):
    """out[t] = exp(-beta (x - first - t)^2); table[t] = exp(-beta (t - half)^2)."""
    width = table.size
    half = width // 2
    u = x - first - half
    ratio = math.exp(2.0 * beta * u)
    scale = math.exp(-beta * u * u) * math.exp(-2.0 * beta * u * half)
    for t in range(width):
        out[t] = scale * table[t]
        scale *= ratio


@kernel
def spread(start, stop, points, first, weights, beta, table, begins, grid):
    """Planes [start, stop) of the grid gain ``weights_i prod_a exp(-beta (x_ia - j_a)^2)``.

    points (N, m), first (N, m): their lowest nodes, sorted along axis 0; weights (N,); begins
    (n_0 + w,): points whose first node on axis 0 is at most j - w are those before begins[j]; grid
    (n_0, n_1, n_2), lengths 1 for axes beyond m. Every plane is set, in an order of its own points.
    """
    # Planes belong to one thread each: it looks at all points whose w nodes reach its range, which
    # follow each other, and adds them plane by plane with the product of the weights on the axes.
    # The last axis is innermost: its weights meet nodes that lie side by side.
    m = points.shape[1]
    width = table.size
    n1, n2 = grid.shape[1], grid.shape[2]
    taps = np.empty((3, width))
    for plane in range(start, stop):
        for a in range(n1):
            for b in range(n2):
                grid[plane, a, b] = 0.0
    last = begins[stop - 1 + width]
    for i in range(begins[start], last):
        j0 = first[i, 0]
        for a in range(m):
            _taps(points[i, a], first[i, a], beta, table, taps[a])
        low, high = max(start, j0), min(stop, j0 + width)
        if m == 1:
            for plane in range(low, high):
                grid[plane, 0, 0] += weights[i] * taps[0, plane - j0]
        elif m == 2:
            j1 = first[i, 1]
            row = taps[1]
            for plane in range(low, high):
                value = weights[i] * taps[0, plane - j0]
                line = grid[plane, j1 : j1 + width, 0]
                for t in range(width):
                    line[t] += value * row[t]
        else:
            j1, j2 = first[i, 1], first[i, 2]
            row = taps[2]
            for plane in range(low, high):
                for s in range(width):
                    value = weights[i] * taps[0, plane - j0] * taps[1, s]
                    line = grid[plane, j1 + s, j2 : j2 + width]
                    for t in range(width):
                        line[t] += value * row[t]


@kernel
def convolve_axis(start, stop, source, shift, coefficients, target):
    """target[a, i, b] = sum_k coefficients[k] source[a, i + shift + k, b] for rows of the range.

    Rows are counted over (a, i) where b runs over more than one node, and over a otherwise; nodes
    beyond the source are zero. source (A, n, B), target (A, n', B).
    """
    n, columns = source.shape[1], source.shape[2]
    rows = target.shape[1]
    size = coefficients.size
    if columns == 1:
        for a in range(start, stop):
            line, out = source[a, :, 0], target[a, :, 0]
            for i in range(rows):
                out[i] = 0.0
            for k in range(size):
                value = coefficients[k]
                low, high = max(0, -shift - k), min(rows, n - shift - k)
                part = line[low + shift + k : high + shift + k]
                goal = out[low:high]
                for i in range(high - low):
                    goal[i] += value * part[i]
        return
    for row in range(start, stop):
        a, i = row // rows, row % rows
        out = target[a, i]
        for b in range(columns):
            out[b] = 0.0
        for k in range(max(0, -i - shift), min(size, n - i - shift)):
            value = coefficients[k]
            line = source[a, i + shift + k]
            for b in range(columns):
                out[b] += value * line[b]


@kernel
def gather(start, stop, points, first, beta, table, grid, sums, slopes):
    """sums_i = sum_j grid_j prod_a exp(-beta (x_ia - j_a)^2); slopes_ia: with j_a - x_ia as factor.

    As in ``spread``; grid (n_0, n_1, n_2). slopes (N, m), or (0, m) where it is not wanted.
    """
    # The product of weights is summed axis by axis, the last innermost: a line of nodes gives its
    # sum and its sum with the factor j - x, once for all outer weights. On the outer axes that
    # factor is constant along the line, so a slope there is the line's sum times it; each node is
    # read once.
    m = points.shape[1]
    width = table.size
    wanted = len(slopes) > 0
    taps = np.empty((3, width))
    tilted = np.empty(width)
    for i in range(start, stop):
        for a in range(m):
            _taps(points[i, a], first[i, a], beta, table, taps[a])
        j0 = first[i, 0]
        end = m - 1
        row = taps[end]
        offset = first[i, end] - points[i, end]
        for t in range(width):
            tilted[t] = (t + offset) * row[t]
        if m == 1:
            line = grid[j0 : j0 + width, 0, 0]
            total, slope = 0.0, 0.0
            for t in range(width):
                total += line[t] * row[t]
                slope += line[t] * tilted[t]
            sums[i] = total
            if wanted:
                slopes[i, 0] = slope
        elif m == 2:
            j1 = first[i, 1]
            total, slope0, slope1 = 0.0, 0.0, 0.0
            for r in range(width):
                line = grid[j0 + r, j1 : j1 + width, 0]
                value, slope = 0.0, 0.0
                for t in range(width):
                    value += line[t] * row[t]
                    slope += line[t] * tilted[t]
                value *= taps[0, r]
                total += value
                slope0 += value * (j0 + r - points[i, 0])
                slope1 += slope * taps[0, r]
            sums[i] = total
            if wanted:
                slopes[i, 0] = slope0
                slopes[i, 1] = slope1
        else:
            j1, j2 = first[i, 1], first[i, 2]
            total, slope0, slope1, slope2 = 0.0, 0.0, 0.0, 0.0
            for r in range(width):
                part, part1, part2 = 0.0, 0.0, 0.0
                for s in range(width):
                    line = grid[j0 + r, j1 + s, j2 : j2 + width]
                    value, slope = 0.0, 0.0
                    for t in range(width):
                        value += line[t] * row[t]
                        slope += line[t] * tilted[t]
                    value *= taps[1, s]
                    part += value
                    part1 += value * (j1 + s - points[i, 1])
                    part2 += slope * taps[1, s]
                part *= taps[0, r]
                total += part
                slope0 += part * (j0 + r - points[i, 0])
                slope1 += part1 * taps[0, r]
                slope2 += part2 * taps[0, r]
            sums[i] = total
            if wanted:
                slopes[i, 0] = slope0
                slopes[i, 1] = slope1
                slopes[i, 2] = slope2


@inline
def _below(keys, value):
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
def near_sums(start, stop, targets, cells, keys, strides, reach, sources, weights, sums, slopes):
    """sums_i = sum of weights_k exp(-|x_i - c_k|^2 / 2) over sources in cells near that of x_i.

    targets (N, m), cells (N, m): theirs; keys (K,): cell @ strides of each source, sorted, one key
    past another being the next cell along the last axis; sources (m, K), weights (K,) in that
    order. Cells within ``reach`` on every axis count. slopes (N, m) gains the sum of (c_k - x_i)
    times the term.
    """
    # Of the (2 reach + 1)^m cells around a target those in a row along the last axis hold sources
    # that follow each other: one run for each combination of the other axes, found by bisection of
    # the keys. A run is taken in tiles that stay in cache: exponents, powers, masses, first
    # moments.
    m = targets.shape[1]
    side = 2 * reach + 1
    q = np.empty(_TILE)
    ranges = side ** (m - 1)
    for i in range(start, stop):
        total = 0.0
        for a in range(m):
            slopes[i, a] = 0.0
        for r in range(ranges):
            key = cells[i, m - 1] - reach
            rest = r
            for a in range(m - 1):
                key += (cells[i, a] + rest % side - reach) * strides[a]
                rest //= side
            begin, end = _below(keys, key), _below(keys, key + side)
            for low in range(begin, end, _TILE):
                n = min(_TILE, end - low)
                for k in range(n):
                    q[k] = 0.0
                for a in range(m):
                    x, line = targets[i, a], sources[a, low : low + n]
                    for k in range(n):
                        d = line[k] - x
                        q[k] -= HALF_LOG2E * d * d
                exp2_double(q, n, 0.0)
                part = weights[low : low + n]
                mass = 0.0
                for k in range(n):
                    q[k] *= part[k]
                    mass += q[k]
                total += mass
                for a in range(m):
                    x, line, slope = targets[i, a], sources[a, low : low + n], 0.0
                    for k in range(n):
                        slope += q[k] * (line[k] - x)
                    slopes[i, a] += slope
        sums[i] = total
