"""Interpolation between periodic grids and points on Fourier slices or offsets, and its transposes.

Every pair uses the same weights forwards and backwards, so that they are exact transposes. Grids
are extended by the kernel's width beyond their period, so that no window wraps round.
"""

from __future__ import annotations

import math
from functools import cache
from typing import Any

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.vector_spreading import (
    add_line,
    add_plane,
    add_row,
    dot_line,
    dot_plane,
    dot_row,
)

__all__ = ["line_kernels", "plane_kernels", "row_kernels", "wave_kernel"]


@cache
def row_kernels(width: int) -> tuple[Any, Any]:
    """Gather and scatter between rows of real nodes and offsets of equal steps."""

    @kernel
    def gather_rows(start, stop, fine, first_row, low, step, n, period, scale, rows, table, out):
        """out[rows[u], j] = scale[u] sum_t w_t fine[u - first_row, node + t], j < n, u in rows.

        fine (K, period + width) real: the extension is filled here. Offset j of row u lies at
        low[u] + j step[u] nodes, best within a period of 0; table as in ``vector_spreading``.
        """
        # The window's first node is the one after place = position - width / 2; the weights are
        # polynomials of the rest x in [0, 1). Nodes wrap once by addition; the slow remainder is
        # for positions beyond that. Rows belong to one thread each.
        kind = fine.dtype.type
        stride = fine.shape[1]
        for u in range(start, stop):
            k = u - first_row
            for t in range(width):
                fine[k, period + t] = fine[k, t]
            for j in range(n):
                place = low[u] + j * step[u] - 0.5 * width
                floor = math.floor(place)
                node = int(floor) + 1
                if node < 0:
                    node += period
                elif node >= period:
                    node -= period
                if node < 0 or node >= period:
                    node %= period
                x = kind(place - floor)
                value = dot_row(fine, k * stride + node, table, x, width)
                out[rows[u], j] = scale[u] * value

    @kernel
    def scatter_rows(
        start, stop, values, first_row, low, step, n, period, scale, rows, table, fine
    ):
        """Transpose of ``gather_rows``: fills fine (K, period + width)."""
        kind = fine.dtype.type
        stride = fine.shape[1]
        for u in range(start, stop):
            k = u - first_row
            fine[k] = 0
            for j in range(n):
                place = low[u] + j * step[u] - 0.5 * width
                floor = math.floor(place)
                node = int(floor) + 1
                if node < 0:
                    node += period
                elif node >= period:
                    node -= period
                if node < 0 or node >= period:
                    node %= period
                x = kind(place - floor)
                value = scale[u] * values[rows[u], j]
                add_row(fine, k * stride + node, table, x, value, width)
            for t in range(width):
                fine[k, t] += fine[k, period + t]

    return gather_rows, scatter_rows


@cache
def line_kernels(width: int) -> tuple[Any, Any]:
    """Gather and scatter between lines of complex nodes and the slices that cross them."""

    @kernel
    def gather_lines(start, stop, grid, first_line, slope, period, table, out):
        """out[u, l] = sum_t w_t (-1)^(node + t) grid[l - first_line, node + t].

        grid (K, 2 (period + width)) holds real and imaginary parts side by side, out (U, 2 L)
        likewise; slice u crosses line l at l slope[0, u] nodes, within half a period. table as in
        ``vector_spreading``, with the signs (-1)^t.
        """
        # Line by line, all slices: the nodes of a line stay in cache. The signs (-1)^node shift the
        # other side of the transform by half its period; those within a window are in the table,
        # and that of its first node multiplies the sum.
        kind = grid.dtype.type
        stride = grid.shape[1]
        for line in range(start, stop):
            k = line - first_line
            for t in range(2 * width):
                grid[k, 2 * period + t] = grid[k, t]
            for u in range(slope.shape[1]):
                place = line * slope[0, u] - 0.5 * width
                floor = math.floor(place)
                node = int(floor) + 1
                if node < 0:
                    node += period
                if node < 0 or node >= period:
                    node %= period
                at = k * stride + 2 * node
                real, imag = dot_line(grid, at, table, kind(place - floor), width)
                if node & 1:
                    real, imag = -real, -imag
                out[u, 2 * line] = real
                out[u, 2 * line + 1] = imag

    @kernel
    def scatter_lines(start, stop, values, first_line, slope, period, table, grid):
        """Transpose of ``gather_lines``: fills grid (K, 2 (period + width)); values (U, 2 L)."""
        kind = grid.dtype.type
        stride = grid.shape[1]
        for line in range(start, stop):
            k = line - first_line
            grid[k] = 0
            for u in range(slope.shape[1]):
                place = line * slope[0, u] - 0.5 * width
                floor = math.floor(place)
                node = int(floor) + 1
                if node < 0:
                    node += period
                if node < 0 or node >= period:
                    node %= period
                at = k * stride + 2 * node
                real, imag = values[u, 2 * line], values[u, 2 * line + 1]
                if node & 1:
                    real, imag = -real, -imag
                add_line(grid, at, table, kind(place - floor), real, imag, width)
            for t in range(2 * width):
                grid[k, t] += grid[k, 2 * period + t]

    return gather_lines, scatter_lines


@cache
def plane_kernels(width: int) -> tuple[Any, Any]:
    """As ``line_kernels`` on planes, with products of two sets of weights."""

    @kernel
    def gather_planes(start, stop, grid, first_line, slope, period_y, period_z, table, out):
        """grid (K, period_y + width, 2 (period_z + width)); slope (2, U); out (U, 2 L)."""
        # Plane by plane: its two extensions are filled, then every slice that crosses it sums the
        # width x width nodes around the crossing with products of two sets of weights. The signs
        # (-1)^(y + z) are split between tables and first nodes as in ``gather_lines``.
        kind = grid.dtype.type
        row = grid.shape[2]
        for line in range(start, stop):
            k = line - first_line
            for s in range(period_y):
                for t in range(2 * width):
                    grid[k, s, 2 * period_z + t] = grid[k, s, t]
            for s in range(width):
                for t in range(row):
                    grid[k, period_y + s, t] = grid[k, s, t]
            for u in range(slope.shape[1]):
                place_y = line * slope[0, u] - 0.5 * width
                place_z = line * slope[1, u] - 0.5 * width
                floor_y, floor_z = math.floor(place_y), math.floor(place_z)
                y, z = int(floor_y) + 1, int(floor_z) + 1
                if y < 0:
                    y += period_y
                if z < 0:
                    z += period_z
                if y < 0 or y >= period_y:
                    y %= period_y
                if z < 0 or z >= period_z:
                    z %= period_z
                at = (k * grid.shape[1] + y) * row + 2 * z
                real, imag = dot_plane(
                    grid,
                    at,
                    row,
                    table,
                    kind(place_y - floor_y),
                    kind(place_z - floor_z),
                    width,
                )
                if (y + z) & 1:
                    real, imag = -real, -imag
                out[u, 2 * line] = real
                out[u, 2 * line + 1] = imag

    @kernel
    def scatter_planes(start, stop, values, first_line, slope, period_y, period_z, table, grid):
        """Transpose of ``gather_planes``: fills grid."""
        # The same steps in reverse: every slice adds its value times the weights to the nodes
        # around its crossing, and the extensions are folded back onto the period at the end, first
        # those beyond its rows, then those beyond its columns.
        kind = grid.dtype.type
        row = grid.shape[2]
        for line in range(start, stop):
            k = line - first_line
            grid[k] = 0
            for u in range(slope.shape[1]):
                place_y = line * slope[0, u] - 0.5 * width
                place_z = line * slope[1, u] - 0.5 * width
                floor_y, floor_z = math.floor(place_y), math.floor(place_z)
                y, z = int(floor_y) + 1, int(floor_z) + 1
                if y < 0:
                    y += period_y
                if z < 0:
                    z += period_z
                if y < 0 or y >= period_y:
                    y %= period_y
                if z < 0 or z >= period_z:
                    z %= period_z
                real, imag = values[u, 2 * line], values[u, 2 * line + 1]
                if (y + z) & 1:
                    real, imag = -real, -imag
                add_plane(
                    grid,
                    (k * grid.shape[1] + y) * row + 2 * z,
                    row,
                    table,
                    kind(place_y - floor_y),
                    kind(place_z - floor_z),
                    real,
                    imag,
                    width,
                )
            for s in range(width):
                for t in range(row):
                    grid[k, s, t] += grid[k, period_y + s, t]
            for s in range(period_y):
                for t in range(2 * width):
                    grid[k, s, t] += grid[k, s, 2 * period_z + t]

    return gather_planes, scatter_planes


@cache
def wave_kernel(width: int) -> Any:
    """Interpolation of many waves at places that they share."""

    @kernel
    def gather_places(start, stop, places, table, waves, out):
        """out[u, j] = sum_t w_t waves[u, node + t], j in [start, stop), for all rows u.

        waves (U, 2 K) and out (U, 2 J) hold real and imaginary parts side by side. Place j lies at
        places[j] >= 0 nodes, the node 0 being width / 2 from the left end.
        """
        stride = waves.shape[1]
        for u in range(len(waves)):
            for j in range(start, stop):
                node = int(places[j])
                at = u * stride + 2 * (node + 1)
                real, imag = dot_line(waves, at, table, places[j] - node, width)
                out[u, 2 * j] = real
                out[u, 2 * j + 1] = imag

    return gather_places
