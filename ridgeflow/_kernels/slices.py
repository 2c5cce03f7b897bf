"""Interpolation between uniform grids and the points of Fourier slices, and its transposes.

Every pair uses the same weights forwards and backwards, so that they are exact transposes. Weights
come with the index of their first node; grids are periodic.
"""

from __future__ import annotations

import math

from ridgeflow._kernels._jit import kernel

__all__ = [
    "gather_lines",
    "gather_rows",
    "node_weights",
    "plane_kernels",
    "scatter_lines",
    "scatter_rows",
    "spread_points",
]


@kernel
def gather_lines(start, stop, grid, first, weights, out):
    """out[l, u] = sum_t weights[l, u, t] grid[l, first[l, u] + t] for lines l in [start, stop).

    grid (L, n) complex, periodic; first (L, U) int32 in [0, n); weights (L, U, w) real.
    """
    period, width = grid.shape[1], weights.shape[2]
    zero = grid[0, 0] * 0
    for line in range(start, stop):
        for u in range(first.shape[1]):
            at = first[line, u]
            value = zero
            if at + width <= period:
                for t in range(width):
                    value += weights[line, u, t] * grid[line, at + t]
            else:
                for t in range(width):
                    value += weights[line, u, t] * grid[line, (at + t) % period]
            out[line, u] = value


@kernel
def scatter_lines(start, stop, values, first, weights, grid):
    """Transpose of ``gather_lines``: adds values (L, U) into grid (L, n), which starts at 0."""
    period, width = grid.shape[1], weights.shape[2]
    for line in range(start, stop):
        for u in range(first.shape[1]):
            at = first[line, u]
            value = values[line, u]
            if at + width <= period:
                for t in range(width):
                    grid[line, at + t] += weights[line, u, t] * value
            else:
                for t in range(width):
                    grid[line, (at + t) % period] += weights[line, u, t] * value


def _plane_kernels(width: int):  # type: ignore[no-untyped-def]
    """Kernels for one width: loops of known length are unrolled and kept in registers, four times
    as fast as loops of any length."""

    @kernel
    def gather_planes(start, stop, grid, first_y, weights_y, first_z, weights_z, out):
        """As ``gather_lines`` on planes, with the product of two sets of weights.

        grid (L, n_y, 2 n_z) and out (L, U, 2) hold real and imaginary parts side by side.
        """
        period_y, period_z = grid.shape[1], grid.shape[2]
        for line in range(start, stop):
            for u in range(first_y.shape[1]):
                y, z = first_y[line, u], 2 * first_z[line, u]
                real = grid[line, 0, 0] * 0
                imag = real
                inside = y + width <= period_y and z + 2 * width <= period_z
                for t in range(width):
                    a = real * 0
                    b = real * 0
                    if inside:
                        for s in range(width):
                            a += weights_y[line, u, s] * grid[line, y + s, z + 2 * t]
                            b += weights_y[line, u, s] * grid[line, y + s, z + 2 * t + 1]
                    else:
                        at = (z + 2 * t) % period_z
                        for s in range(width):
                            a += weights_y[line, u, s] * grid[line, (y + s) % period_y, at]
                            b += weights_y[line, u, s] * grid[line, (y + s) % period_y, at + 1]
                    real += weights_z[line, u, t] * a
                    imag += weights_z[line, u, t] * b
                out[line, u, 0] = real
                out[line, u, 1] = imag

    @kernel
    def scatter_planes(start, stop, values, first_y, weights_y, first_z, weights_z, grid):
        """Transpose of ``gather_planes``: adds into grid, which starts at 0."""
        period_y, period_z = grid.shape[1], grid.shape[2]
        for line in range(start, stop):
            for u in range(first_y.shape[1]):
                y, z = first_y[line, u], 2 * first_z[line, u]
                real, imag = values[line, u, 0], values[line, u, 1]
                if y + width <= period_y and z + 2 * width <= period_z:
                    for s in range(width):
                        a = weights_y[line, u, s] * real
                        b = weights_y[line, u, s] * imag
                        for t in range(width):
                            grid[line, y + s, z + 2 * t] += weights_z[line, u, t] * a
                            grid[line, y + s, z + 2 * t + 1] += weights_z[line, u, t] * b
                else:
                    for s in range(width):
                        a = weights_y[line, u, s] * real
                        b = weights_y[line, u, s] * imag
                        row = (y + s) % period_y
                        for t in range(width):
                            at = (z + 2 * t) % period_z
                            grid[line, row, at] += weights_z[line, u, t] * a
                            grid[line, row, at + 1] += weights_z[line, u, t] * b

    return gather_planes, scatter_planes


# Compiled on first use, each.
plane_kernels = {width: _plane_kernels(width) for width in range(4, 17)}


@kernel
def gather_rows(start, stop, fine, first, weights, out):
    """out[u, j] = sum_t weights[u, j, t] fine[u, first[u, j] + t] for rows u in [start, stop).

    fine (U, n) real, periodic; first (U, J) int32 in [0, n); weights (U, J, w).
    """
    period, width = fine.shape[1], weights.shape[2]
    zero = fine[0, 0] * 0
    for u in range(start, stop):
        for j in range(first.shape[1]):
            at = first[u, j]
            value = zero
            if at + width <= period:
                for t in range(width):
                    value += weights[u, j, t] * fine[u, at + t]
            else:
                for t in range(width):
                    value += weights[u, j, t] * fine[u, (at + t) % period]
            out[u, j] = value


@kernel
def scatter_rows(start, stop, values, first, weights, fine):
    """Transpose of ``gather_rows``: adds values (U, J) into fine (U, n), which starts at 0."""
    period, width = fine.shape[1], weights.shape[2]
    for u in range(start, stop):
        for j in range(first.shape[1]):
            at = first[u, j]
            value = values[u, j]
            if at + width <= period:
                for t in range(width):
                    fine[u, at + t] += weights[u, j, t] * value
            else:
                for t in range(width):
                    fine[u, (at + t) % period] += weights[u, j, t] * value


@kernel
def node_weights(start, stop, position, period, table, first, weights):
    """Nodes and weights of positions in units of nodes, from polynomials of the place between them.

    table (degree + 1, w) ascending, see ``SemicircleKernel.table``; first (n,) int32 in
    [0, period), weights (n, w).
    """
    n_terms, width = table.shape
    weight = table[0] * 0
    for i in range(start, stop):
        place = position[i] - 0.5 * width
        at = math.floor(place)
        x = place - at
        for t in range(width):
            weight[t] = table[n_terms - 1, t]
        for term in range(n_terms - 2, -1, -1):
            for t in range(width):
                weight[t] = weight[t] * x + table[term, t]
        first[i] = (int(at) + 1) % period
        for t in range(width):
            weights[i, t] = weight[t]


@kernel
def spread_points(start, stop, projections, values, low, per_step, table, fine):
    """Spread weighted points onto a fine grid: fine[u, c, n] += values[i, c] phi(node - p_ui).

    projections (U, N), values (N, C); node n lies at low + n / per_step; ``table`` as in
    ``node_weights``. fine (U, C, n) starts at 0.
    """
    n_terms, width = table.shape
    n_components = values.shape[1]
    weight = table[0] * 0
    for u in range(start, stop):
        for i in range(projections.shape[1]):
            place = (projections[u, i] - low) * per_step - 0.5 * width
            at = math.floor(place)
            x = place - at
            for t in range(width):
                weight[t] = table[n_terms - 1, t]
            for term in range(n_terms - 2, -1, -1):
                for t in range(width):
                    weight[t] = weight[t] * x + table[term, t]
            at += 1
            for c in range(n_components):
                value = values[i, c]
                for t in range(width):
                    fine[u, c, at + t] += weight[t] * value
