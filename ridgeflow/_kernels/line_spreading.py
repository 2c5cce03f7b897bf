"""Points on lines, spread onto periodic nodes and gathered from them, many lines at a time."""

from __future__ import annotations

import math

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.vector_spreading import add_row, dot_row

__all__ = ["WIDTH", "gather_lines", "spread_lines"]

# Nodes around a point; tables are those of the kernel of this width, see ``vector_spreading``.
WIDTH = 8


@kernel
def spread_lines(start, stop, places, weights, period, table, fine):
    """fine[u, node + t] = sum_k weights_k weight_t(places[u, k]) on lines u, folded to the period.

    places (U, K) in [0, period), in nodes; table (cells, terms, WIDTH); fine (U, period + WIDTH).
    """
    row = fine.shape[1]
    for u in range(start, stop):
        for j in range(row):
            fine[u, j] = 0.0
        for k in range(len(weights)):
            floor = math.floor(places[u, k])
            node = min(max(int(floor), 0), period - 1)
            add_row(fine, u * row + node, table, places[u, k] - floor, weights[k], WIDTH)
        for t in range(row - period):
            fine[u, t] += fine[u, period + t]


@kernel
def gather_lines(start, stop, places, period, table, fine, slopes, directions, sums, moments):
    """Adds up points over lines: the value of each line at their place, and its square.

    places (U, N); fine (U, period + WIDTH), extended beyond the period, and slopes alike, or
    (0, ..) where gradients are not wanted; directions (U, m). sums (N, 1 + m) gains the values
    and slopes times directions, moments (N, 1 + m) their squares.
    """
    row = fine.shape[1]
    m = directions.shape[1]
    wanted = len(slopes) > 0
    for u in range(len(places)):
        for i in range(start, stop):
            floor = math.floor(places[u, i])
            x = places[u, i] - floor
            node = u * row + min(max(int(floor), 0), period - 1)
            value = dot_row(fine, node, table, x, WIDTH)
            sums[i, 0] += value
            moments[i, 0] += value * value
            if wanted:
                slope = dot_row(slopes, node, table, x, WIDTH)
                for a in range(m):
                    part = slope * directions[u, a]
                    sums[i, 1 + a] += part
                    moments[i, 1 + a] += part * part
