"""Sums over scattered points, direction by direction: moments in cells, and waves out of them.

A line is cut into cells, and every point adds its value times the powers 1, t, t^2, ... of its
place t in [-1, 1] to the moments of its cell: one row of ``terms`` numbers, which is all the memory
that a point touches. Moments are transformed in pairs, the even one as real and the odd one as
imaginary part of a complex number; ``plus`` and ``minus`` hold the polynomials that turn those into
waves e^{-ikp} over cells, and, transposed, waves into the polynomials of cells. Waves lie on grids
of rows (wave number) by columns (direction and component), real and imaginary parts side by side.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

from ridgeflow._kernels._jit import inline, kernel

__all__ = [
    "add_moments",
    "cells_of_waves",
    "gather_waves",
    "load_offsets",
    "scatter_waves",
    "store_offsets",
    "sum_samples",
    "waves_of_cells",
]

# Points of a block, and nodes of a direct sum that pass over it while it is in the cache.
_BLOCK = 512
_NODES = 16
_FAST = ("contract", "reassoc", "nsz")

_FRACTION = (1 << 48) - 1
_ONE = 1023 << 52
_FIRST = 1023 << 4


@intrinsic(prefer_literal=True)
def _add_powers(typing, moments, at, first, places, values, terms):  # type: ignore[no-untyped-def]
    """moments[at_i + j] += value_i t_i^j for j < terms, a multiple of four, and four points i.

    In vector registers: as a loop this is four dozen dependent scalar operations.
    """
    if not isinstance(terms, types.IntegerLiteral):
        return None
    count = terms.literal_value // 4

    def emit_code(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # Four points at once: v, v t, v t^2, v t^3 are four vectors with a lane for each point, and
        # the transposed ones have a lane for each power. Each point then adds its vector to the
        # moments of its own cell, times t^4 for every further four; two points may share a cell,
        # so that they go one after the other.
        int32, int64 = ir.IntType(32), ir.IntType(64)
        four = ir.VectorType(ir.DoubleType(), 4)

        def data(i: int) -> Any:
            return context.make_array(signature.args[i])(context, builder, args[i]).data

        def vector(array: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(array, [index]), four.as_pointer())

        def mixed(one: Any, other: Any, lanes: list[int]) -> Any:
            mask = ir.Constant(ir.VectorType(int32, 4), lanes)
            return builder.shuffle_vector(one, other, mask)

        first = args[2]
        t = builder.load(vector(data(3), first), align=8)
        value = builder.load(vector(data(4), first), align=8)
        square = builder.fmul(t, t)
        fourth = builder.fmul(square, square)
        # Lanes are points here, powers after the transposition.
        second, third = builder.fmul(value, t), builder.fmul(value, square)
        last = builder.fmul(third, t)
        even, odd = [0, 4, 2, 6], [1, 5, 3, 7]
        low = mixed(value, second, even), mixed(third, last, even)
        high = mixed(value, second, odd), mixed(third, last, odd)
        rows = [mixed(a, b, [0, 1, 4, 5]) for a, b in (low, high)]
        rows += [mixed(a, b, [2, 3, 6, 7]) for a, b in (low, high)]
        for i, more in enumerate(rows):
            place = builder.gep(data(1), [builder.add(first, ir.Constant(int64, i))])
            start = vector(data(0), builder.sext(builder.load(place), int64))
            cells = [builder.gep(start, [ir.Constant(int32, k)]) for k in range(count)]
            held = [builder.load(cell, align=8) for cell in cells]
            step = mixed(fourth, fourth, [i] * 4)
            for k in range(count):
                builder.store(builder.fadd(held[k], more, flags=_FAST), cells[k], align=8)
                more = builder.fmul(more, step)
        return context.get_dummy_value()

    given = (moments, at, types.int64, places, values, terms)
    return types.void(*given), emit_code


@kernel
def _project(points, u, v, shift, other_shift, low, high, place, other):
    """place[i] = shift + u . x_{low + i}, points (m, n), and other with v: they are read once."""
    n = high - low
    for i in range(n):
        place[i] = shift
        other[i] = other_shift
    dim = points.shape[0]
    d = 0
    # Four coordinates in one pass: places are read and written a quarter as often.
    while d + 4 <= dim:
        u0, u1, u2, u3 = u[d], u[d + 1], u[d + 2], u[d + 3]
        v0, v1, v2, v3 = v[d], v[d + 1], v[d + 2], v[d + 3]
        x0, x1 = points[d, low:high], points[d + 1, low:high]
        x2, x3 = points[d + 2, low:high], points[d + 3, low:high]
        for i in range(n):
            place[i] += (u0 * x0[i] + u1 * x1[i]) + (u2 * x2[i] + u3 * x3[i])
            other[i] += (v0 * x0[i] + v1 * x1[i]) + (v2 * x2[i] + v3 * x3[i])
        d += 4
    while d < dim:
        u0, v0, x0 = u[d], v[d], points[d, low:high]
        for i in range(n):
            place[i] += u0 * x0[i]
            other[i] += v0 * x0[i]
        d += 1


@lru_cache
def add_moments(terms: int) -> Callable:
    """The kernel for a number of moments, a multiple of four."""

    @kernel
    def moments_of_points(start, stop, points, values, directions, shift, cells, moments):
        """Moments of columns [start, stop), a column being direction times component.

        points (m, n) and values (C, n), n a multiple of four; directions (U, m) in units of cells
        and ``shift`` such that cells are the integer parts of shift + u . x >= 0. moments (at least
        stop - start, length, terms) is overwritten in the first ``cells`` of a line, which hold all
        points.
        """
        n_components, n = values.shape
        moments[: stop - start, :cells] = 0.0
        last_cell = np.float64(cells - 1)
        places, at = np.empty((2, _BLOCK)), np.empty(_BLOCK, np.int32)
        low_u, high_u = start // n_components, (stop - 1) // n_components + 1
        for low in range(0, n, _BLOCK):
            high = min(low + _BLOCK, n)
            for u in range(low_u, high_u):
                turn = (u - low_u) % 2
                if turn == 0:
                    pair = (directions[u], directions[min(u + 1, high_u - 1)])
                    _project(points, *pair, shift, shift, low, high, places[0], places[1])
                place = places[turn]
                for i in range(high - low):
                    inside = place[i] if place[i] > 0.0 else 0.0
                    cell = np.int32(inside if inside < last_cell else last_cell)
                    at[i] = cell * terms
                    place[i] = 2.0 * (place[i] - cell) - 1.0
                for c in range(n_components):
                    column = u * n_components + c
                    if start <= column and column < stop:
                        own, value = moments[column - start].ravel(), values[c, low:high]
                        for i in range(0, high - low, 4):
                            _add_powers(own, at, i, place, value, terms)  # type: ignore[call-arg]

    return moments_of_points


@kernel
def waves_of_cells(start, stop, moments, plus, minus, turn, margin, column, grid):
    """Waves l = 0, 1, ... of transformed moments, into columns of a grid.

    moments (q, length, terms), pairs of even and odd ones as complex numbers; plus, minus
    (L, terms / 2); turn (L, 2) the factors e^{-ikp} of the first cell; grid (rows, 2 columns), in
    which wave l is row margin + l and the conjugates fill the rows of l < 0. Moment
    q of [start, stop) makes column ``column`` + q.
    """
    length, pairs = moments.shape[1], plus.shape[1]
    for q in range(start, stop):
        at = 2 * (column + q)
        for wave in range(len(plus)):
            here, there = moments[q, wave], moments[q, length - wave if wave > 0 else 0]
            real = 0.0
            imag = 0.0
            for p in range(pairs):
                a, b = plus[wave, p], minus[wave, p]
                real += a * here[2 * p] + b * there[2 * p]
                imag += a * here[2 * p + 1] - b * there[2 * p + 1]
            cosine, sine = turn[wave, 0], turn[wave, 1]
            real, imag = real * cosine - imag * sine, real * sine + imag * cosine
            grid[margin + wave, at] = real
            grid[margin + wave, at + 1] = imag
            if wave > 0 and wave <= margin:
                grid[margin - wave, at] = real
                grid[margin - wave, at + 1] = -imag


@kernel
def cells_of_waves(start, stop, grid, column, margin, plus, minus, turn, moments):
    """Transpose of ``waves_of_cells``: moments (q, length, terms) are overwritten."""
    length, pairs = moments.shape[1], plus.shape[1]
    for q in range(start, stop):
        at = 2 * (column + q)
        moments[q] = 0.0
        for wave in range(len(plus)):
            x, y = grid[margin + wave, at], grid[margin + wave, at + 1]
            if wave > 0 and wave <= margin:
                x += grid[margin - wave, at]
                y -= grid[margin - wave, at + 1]
            cosine, sine = turn[wave, 0], turn[wave, 1]
            real, imag = x * cosine + y * sine, y * cosine - x * sine
            here, there = moments[q, wave], moments[q, length - wave if wave > 0 else 0]
            for p in range(pairs):
                a, b = plus[wave, p], minus[wave, p]
                here[2 * p] += a * real
                here[2 * p + 1] += a * imag
                there[2 * p] += b * real
                there[2 * p + 1] -= b * imag


@kernel
def gather_waves(start, stop, grid, first, weights, factor, lowest, n, side):
    """Half spectra of real series of n values from waves between the rows of a grid.

    side[q, lowest + j] += factor[j] sum_t weights[j, t] grid[first[j] + t, q] for j = 0, 1, ...;
    those beyond n / 2 are folded back, as the series sampled in n places sees them. first (n_k,),
    weights (n_k, w), factor (n_k, 2); side (columns, n / 2 + 1, 2) is for columns [start, stop) of
    the grid, and starts from 0 where ``lowest`` is 0.
    """
    # Wave by wave: the window's rows of the grid are added up for all columns at once, contiguous
    # in memory, and multiplied by a complex factor. The series is real: wave k comes with its
    # conjugate at -k. Sampled in n places, both are seen modulo n, and the half spectrum keeps
    # those up to n / 2.
    width = weights.shape[1]
    low, columns = 2 * start, stop - start
    total = np.empty(2 * columns)
    if lowest == 0:
        side[:columns] = 0.0
    for j in range(len(first)):
        total[:] = 0.0
        t = 0
        # Four rows in one pass, as with coordinates.
        while t + 4 <= width:
            w0, w1, w2, w3 = weights[j, t], weights[j, t + 1], weights[j, t + 2], weights[j, t + 3]
            at = first[j] + t
            r0, r1 = grid[at, low : low + 2 * columns], grid[at + 1, low : low + 2 * columns]
            r2, r3 = grid[at + 2, low : low + 2 * columns], grid[at + 3, low : low + 2 * columns]
            for q in range(2 * columns):
                total[q] += (w0 * r0[q] + w1 * r1[q]) + (w2 * r2[q] + w3 * r3[q])
            t += 4
        while t < width:
            w0, r0 = weights[j, t], grid[first[j] + t, low : low + 2 * columns]
            for q in range(2 * columns):
                total[q] += w0 * r0[q]
            t += 1
        a, b = factor[j, 0], factor[j, 1]
        direct = (lowest + j) % n
        mirror = n - direct if direct > 0 else 0
        for q in range(columns):
            x, y = total[2 * q], total[2 * q + 1]
            real, imag = a * x - b * y, a * y + b * x
            if 2 * direct <= n:
                side[q, direct, 0] += real
                side[q, direct, 1] += imag
            if lowest + j > 0 and 2 * mirror <= n:
                side[q, mirror, 0] += real
                side[q, mirror, 1] -= imag


@kernel
def scatter_waves(start, stop, side, first, weights, factor, lowest, grid):
    """Adds factor[j] side[q, lowest + j] weights[j, t] to row first[j] + t, column q of the grid.

    side (columns, at least lowest + n_k, 2) for columns [start, stop) of the grid.
    """
    width = weights.shape[1]
    low, columns = 2 * start, stop - start
    value = np.empty(2 * columns)
    for j in range(len(first)):
        a, b = factor[j, 0], factor[j, 1]
        for q in range(columns):
            x, y = side[q, lowest + j, 0], side[q, lowest + j, 1]
            value[2 * q] = a * x - b * y
            value[2 * q + 1] = a * y + b * x
        for t in range(width):
            weight = weights[j, t]
            row = grid[first[j] + t, low : low + 2 * columns]
            for q in range(2 * columns):
                row[q] += weight * value[q]


@kernel
def store_offsets(start, stop, series, half, components, values):
    """Series of columns [start, stop) into the values of one scale.

    series (columns, n), periodic; values (U, 2 half + 1, k): column u C + c goes to component
    components[c].
    """
    n = series.shape[1]
    for column in range(start, stop):
        row = series[column - start]
        u, c = column // len(components), components[column % len(components)]
        for i in range(half):
            values[u, i, c] = row[n - half + i]
        for i in range(half + 1):
            values[u, half + i, c] = row[i]


@kernel
def load_offsets(start, stop, values, half, components, series):
    """Transpose of ``store_offsets``; series is zero beyond the offsets."""
    n = series.shape[1]
    for column in range(start, stop):
        row = series[column - start]
        u, c = column // len(components), components[column % len(components)]
        for i in range(half + 1):
            row[i] = values[u, half + i, c]
        for i in range(half + 1, n - half):
            row[i] = 0.0
        for i in range(half):
            row[n - half + i] = values[u, i, c]


@inline
def _polynomial(table, c, d):
    value = table[c, 7]
    value = value * d + table[c, 6]
    value = value * d + table[c, 5]
    value = value * d + table[c, 4]
    value = value * d + table[c, 3]
    value = value * d + table[c, 2]
    value = value * d + table[c, 1]
    return value * d + table[c, 0]


@inline
def _far(tail, x):
    """The profile beyond its core, x >= 1 in units of where that ends: the exponent and leading
    bits of x are the number of the cell."""
    bits = np.float64(x).view(np.int64)
    c = min((bits >> 48) - _FIRST, tail.shape[0] - 1)
    d = 16.0 * (np.int64((bits & _FRACTION) | _ONE).view(np.float64) - 1.0)
    return _polynomial(tail, c, d)


@kernel
def sum_samples(start, stop, points, columns, a, b, core, per_unit, tail, sign, out):
    """A direct sum: out[j, c] = sum_i columns[c, i] psi(a_j . x_i - b_j) for nodes j of the range.

    points (m, N), columns (C, N), a (P, m), b (P,), out (P, C); psi as polynomials of cells, see
    ``ridgeflow.profiles.ridgelet_tables``, and ``sign`` its parity.
    """
    # A block of points stays in cache while a few nodes pass over it, two of which are projected at
    # once. For each: cells and places, psi at |z| by Horner's scheme, its tail where there is one,
    # its parity for z < 0, and the sum with each column. Loops over points are contiguous
    # throughout.
    n, n_components = points.shape[1], len(columns)
    end = float(len(core) - 1)
    arguments, place = np.empty((2, _BLOCK)), np.empty(_BLOCK)
    cell = np.empty(_BLOCK, np.int32)
    for first in range(start, stop, _NODES):
        last = min(first + _NODES, stop)
        out[first:last] = 0.0
        for low in range(0, n, _BLOCK):
            count = min(_BLOCK, n - low)
            for j in range(first, last):
                turn = (j - first) % 2
                if turn == 0:
                    k = min(j + 1, last - 1)
                    both = (low, low + count, arguments[0], arguments[1])
                    _project(points, a[j], a[k], -b[j], -b[k], *both)
                z = arguments[turn]
                for i in range(count):
                    x = abs(z[i]) * per_unit
                    cell[i] = np.int32(x if x < end else end)
                    place[i] = x - cell[i]
                for i in range(count):
                    place[i] = _polynomial(core, np.uint32(cell[i]), place[i])
                if len(tail) > 1:
                    for i in range(count):
                        x = abs(z[i]) * per_unit
                        if x >= end:
                            place[i] = _far(tail, x / end)
                for i in range(count):
                    z[i] = place[i] if z[i] >= 0.0 else sign * place[i]
                for c in range(n_components):
                    weight = columns[c, low : low + count]
                    total = 0.0
                    for i in range(count):
                        total += weight[i] * z[i]
                    out[j, c] += total
