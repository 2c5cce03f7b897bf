"""Sums over neurons and over points, ``Σ_j w_jk η(p_i·q_j)``, and slabs of ``η(p_i·q_j)``.

Rows p (n, depth) meet lanes q, packed as (blocks, depth, :func:`block_width`): a network has rows
(1, x_i) and lanes (−b_j, a_j), its transpose rows (−b_j, a_j) and lanes (1, x_i). The number of
blocks is even; the padding is zero, where weights are zero too. A few rows at a time meet a tile of
lanes that stays in cache, and whatever is added over tiles is added in float64. The loops know no
activation: each is a small function of its own, compiled when it is first asked for and passed to
them by its address, so that fifteen activations do not compile every loop fifteen times. Nothing is
checked.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir
from numba import carray, cfunc, config, types
from numba.extending import overload

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.activations import PERIODIC, SOURCE, eta
from ridgeflow._kernels.vectors import (
    INLINED,
    REGISTER,
    call_intrinsic,
    fma,
    full,
    inlined,
    intrinsic,
    lanes,
    load,
    native,
    store,
    total,
)

__all__ = [
    *("activate", "activate_and_add", "block_width", "neuron_sums", "neuron_values", "plane_sums"),
    "tile_blocks",
]

# Rows that share a load of the lanes, and rows that share a tile.
_ROWS = 6
_CHUNK = 252
# The same where there are many sums per row: their features stay in the second-level cache.
_MANY = 60
# Numbers of a row of a tile, and bytes of a tile, at most: the row stays in the first-level cache,
# the tile in the second.
_TILE = 512
_CACHE = 2**18
# Lanes of a tile in the plane, three numbers each.
_PLANE = 2048


def block_width(dtype: Any) -> int:
    """Lanes of a block: half a vector, which with four rows fills the registers."""
    return 2 * REGISTER // np.dtype(dtype).itemsize


def tile_blocks(depth: int, dtype: Any) -> int:
    """Blocks of a tile, an even number."""
    per_block = 2 * REGISTER * depth
    return max(2, min(_TILE // block_width(dtype), _CACHE // per_block) // 2 * 2)


def _products(rows, first, last, blocks, block, z, at):  # type: ignore[no-untyped-def]
    """z[r, at:] = rows[min(first + r, last)] @ blocks[block] for a few rows."""
    for r in range(_ROWS):
        z[r, at : at + blocks.shape[2]] = rows[min(first + r, last)] @ blocks[block]


@intrinsic
def _products_compiled(typing_context, rows, first, last, blocks, block, z, at):  # type: ignore[no-untyped-def]
    real = rows.dtype
    size = real.bitwidth // 8
    width = 2 * REGISTER // size
    kind: Any = native(real, width)

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        # One loop over the depth d: the vector of the block's lanes is loaded once and multiplied
        # by rows[r, d], repeated in all lanes, for each of the few rows r. Their sums stay in
        # registers until the end, and do not wait for each other.
        first, last, block, at = (arguments[n] for n in (1, 2, 4, 6))
        source, panel, target = (
            context.make_array(signature.args[n])(context, builder, arguments[n]) for n in (0, 3, 5)
        )
        depth = builder.extract_value(source.shape, 1)
        stride = builder.extract_value(target.shape, 1)
        word = depth.type

        def column(start: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(start, [index]), kind.as_pointer())

        starts = []
        for r in range(_ROWS):
            i = builder.add(first, word(r))
            i = builder.select(builder.icmp_signed("<", i, last), i, last)
            starts.append(builder.gep(source.data, [builder.mul(i, depth)]))
        per_block = builder.mul(depth, word(width))
        panel = builder.gep(panel.data, [builder.mul(block, per_block)])
        before = builder.basic_block
        loop, after = (builder.append_basic_block(name) for name in ("depth", "done"))
        builder.branch(loop)

        builder.position_at_end(loop)
        d = builder.phi(word)
        sums = [builder.phi(kind) for _ in starts]
        factor = builder.load(column(panel, builder.mul(d, word(width))), align=size)
        undefined = ir.Constant(kind, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        for start, one in zip(starts, sums, strict=True):
            x = builder.load(builder.gep(start, [d]), align=size)
            x = builder.insert_element(undefined, x, ir.IntType(32)(0))
            x = builder.shuffle_vector(x, undefined, everywhere)
            one.add_incoming(ir.Constant(kind, [0.0] * width), before)
            one.add_incoming(call_intrinsic(builder, "fma", [x, factor, one]), loop)
        following = builder.add(d, word(1))
        d.add_incoming(word(0), before)
        d.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, depth), loop, after)

        builder.position_at_end(after)
        for r, one in enumerate(sums):
            place = column(target.data, builder.add(builder.mul(word(r), stride), at))
            builder.store(one.incomings[1][0], place, align=size)
        return context.get_dummy_value()

    n = types.intp
    return types.void(rows, n, n, blocks, n, z, n), emit


@overload(_products, jit_options=INLINED)
def _products_overload(rows, first, last, blocks, block, z, at):  # type: ignore[no-untyped-def]
    return lambda rows, first, last, blocks, block, z, at: _products_compiled(
        rows, first, last, blocks, block, z, at
    )


@inlined
def _meet(rows, first, last, blocks, low, high, z):  # type: ignore[no-untyped-def]
    """z = rows times blocks from low to high, for a few rows."""
    for block in range(low, high):
        _products(rows, first, last, blocks, block, z, (block - low) * blocks.shape[2])


@cache
def activate(code: int, dtype: Any, source: int = SOURCE) -> Any:
    """What overwrites numbers by η of them: its address, or a function where it is interpreted.

    Their count is a multiple of the lanes of a vector.
    """
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return lambda z: eta(code, z)

    def loop(pointer, count):  # type: ignore[no-untyped-def]
        z = carray(pointer, (count + source * 0,))
        for j in range(0, count, lanes(z)):
            store(z, j, eta(code, load(z, j)))

    real = _real(dtype)
    return _address(loop, types.void(types.CPointer(real), types.intp))


@cache
def activate_and_add(code: int, dtype: Any, source: int = SOURCE) -> Any:
    """As :func:`activate`, what returns the sum of weights times η of numbers."""
    if config.DISABLE_JIT:  # type: ignore[attr-defined]
        return lambda z, weights: (weights * eta(code, z)).sum()

    def loop(pointer, others, count):  # type: ignore[no-untyped-def]
        z, weights = carray(pointer, (count + source * 0,)), carray(others, (count,))
        s = full(z, z.dtype.type(0))
        for j in range(0, count, lanes(z)):
            s = fma(load(weights, j), eta(code, load(z, j)), s)
        return total(s)

    real = _real(dtype)
    pointer = types.CPointer(real)
    return _address(loop, real(pointer, pointer, types.intp))


def _real(dtype: Any) -> Any:
    return types.float32 if dtype == np.float32 else types.float64


# Compiled code lives as long as its object.
_held: list[Any] = []


def _address(loop: Callable, signature: Any) -> int:
    options: Any = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
    try:
        compiled = cfunc(signature, cache=True, **options)(loop)
    except RuntimeError:
        # No folder to write to: the kernels have said so.
        compiled = cfunc(signature, **options)(loop)
    _held.append(compiled)
    address: Any = compiled.address
    return int(address)


def _apply(function, z, row, count):  # type: ignore[no-untyped-def]
    """z[row, :count] = η of it."""
    z[row, :count] = function(z[row, :count])


def _added(function, z, row, weights, low, count):  # type: ignore[no-untyped-def]
    """Σ weights[0, low:low + count] η(z[row, :count])."""
    return function(z[row, :count], weights[0, low : low + count])


def _row(context: Any, builder: Any, array: Any, value: Any, row: Any) -> Any:
    """Pointer to a row of a contiguous array."""
    held = context.make_array(array)(context, builder, value)
    return builder.gep(held.data, [builder.mul(row, builder.extract_value(held.shape, 1))])


def _call(builder: Any, function: Any, result: Any, arguments: list[Any]) -> Any:
    kind = ir.FunctionType(result, [each.type for each in arguments])
    return builder.call(builder.inttoptr(function, kind.as_pointer()), arguments)


@intrinsic
def _apply_compiled(typing_context, function, z, row, count):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        start = _row(context, builder, z, arguments[1], arguments[2])
        _call(builder, arguments[0], ir.VoidType(), [start, arguments[3]])
        return context.get_dummy_value()

    return types.void(types.intp, z, types.intp, types.intp), emit


@overload(_apply, jit_options=INLINED)
def _apply_overload(function, z, row, count):  # type: ignore[no-untyped-def]
    return lambda function, z, row, count: _apply_compiled(function, z, row, count)


@intrinsic
def _added_compiled(typing_context, function, z, row, weights, low, count):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        start = _row(context, builder, z, arguments[1], arguments[2])
        held = context.make_array(weights)(context, builder, arguments[3])
        factor = builder.gep(held.data, [arguments[4]])
        kind = context.get_value_type(z.dtype)
        return _call(builder, arguments[0], kind, [start, factor, arguments[5]])

    n = types.intp
    return z.dtype(n, z, n, weights, n, n), emit


@overload(_added, jit_options=INLINED)
def _added_overload(function, z, row, weights, low, count):  # type: ignore[no-untyped-def]
    return lambda function, z, row, weights, low, count: _added_compiled(
        function, z, row, weights, low, count
    )


@kernel
def _values(code, function, far, z, spare, width):  # type: ignore[no-untyped-def]
    """η in place for the rows of a tile; of arguments beyond ``far`` > 0, cos or sin (``code``)."""
    if far > 0.0:
        for r in range(_ROWS):
            for j in range(width):
                spare[r, j] = z[r, j]
    for r in range(_ROWS):
        _apply(function, z, r, width)
    if far > 0.0:
        for r in range(_ROWS):
            for j in range(width):
                if not abs(spare[r, j]) <= far:
                    x = np.float64(spare[r, j])
                    z[r, j] = math.cos(x) if code == PERIODIC[0] else math.sin(x)


@kernel
def _add_few(h, width, weights, low, sums, at):  # type: ignore[no-untyped-def]
    """Add h times weights[:, low:] to ``sums`` from row ``at`` on, one sum at a time."""
    zero = h.dtype.type(0)
    for k in range(weights.shape[0]):
        weight = weights[k][low : low + width]
        for r in range(0, _ROWS, 3):
            h0, h1, h2 = h[r], h[r + 1], h[r + 2]
            s0, s1, s2 = full(h, zero), full(h, zero), full(h, zero)
            for j in range(0, width, lanes(h)):
                w = load(weight, j)
                s0, s1 = fma(w, load(h0, j), s0), fma(w, load(h1, j), s1)
                s2 = fma(w, load(h2, j), s2)
            sums[at + r, k] += total(s0)
            sums[at + r + 1, k] += total(s1)
            sums[at + r + 2, k] += total(s2)


@kernel
def _add_many(h, count, wide, panel, part, sums):  # type: ignore[no-untyped-def]
    """Add ``count`` rows of h times a panel of weights to ``sums``, block by block of the panel."""
    h[:, wide:] = 0
    width = panel.shape[2]
    for block in range(panel.shape[0]):
        used = min(width, sums.shape[1] - block * width)
        for first in range(0, count, _ROWS):
            _products(h, first, len(h) - 1, panel, block, part, 0)
            for r in range(_ROWS):
                for k in range(used):
                    sums[first + r, block * width + k] += part[r, k]


@cache
def neuron_sums(source: int = SOURCE) -> Callable:
    """out[i, k] += Σ_j weights[k, j] η(rows_i·lanes_j): weights (k, lanes), out (n, k).

    Where there are panels (tiles, blocks of sums, lanes of a tile, block width), they hold the
    weights instead. ``step``: blocks of a tile; ``far``: beyond it cos and sin need another
    reduction, 0 where no argument is; ``function``: what :func:`activate` gives for the code, or
    :func:`activate_and_add` where k is 1 and ``far`` is 0.
    """

    def loop(start, stop, step, rows, blocks, code, function, far, weights, panels, out):  # type: ignore[no-untyped-def]
        # A chunk of rows meets tile after tile of lanes, which stays in cache for all of the chunk.
        # A few rows at a time: products, η of them, sums with the weights, added to float64. With
        # many sums per row the features of the whole chunk are kept instead, and multiplied by the
        # tile's panel of weights at once: a product of matrices, like the first one.
        width = blocks.shape[2]
        many = panels.shape[0] > 0
        single = weights.shape[0] == 1 and far == 0.0
        group = (_MANY if many else _CHUNK) + source * 0
        spare = np.empty((_ROWS, step * width), rows.dtype)
        h = np.empty((group if many else _ROWS, step * width), rows.dtype)
        part = np.empty((_ROWS, width), rows.dtype)
        sums = np.empty((group, out.shape[1]))
        for chunk in range(start, stop, group):
            end = min(chunk + group, stop)
            sums[:] = 0.0
            for low in range(0, blocks.shape[0], step):
                high = min(low + step, blocks.shape[0])
                wide = (high - low) * width
                for first in range(chunk, end, _ROWS):
                    at = first - chunk
                    z = h[at : at + _ROWS] if many else h
                    _meet(rows, first, end - 1, blocks, low, high, z)
                    if single:
                        for r in range(min(_ROWS, end - first)):
                            sums[at + r, 0] += _added(function, z, r, weights, low * width, wide)
                        continue
                    _values(code, function, far, z, spare, wide)
                    if not many:
                        _add_few(z, wide, weights, low * width, sums, at)
                if many:
                    _add_many(h, end - chunk, wide, panels[low // step], part, sums)
            for i in range(chunk, end):
                for k in range(out.shape[1]):
                    out[i, k] += sums[i - chunk, k]

    return kernel(loop)


@cache
def neuron_values(source: int = SOURCE) -> Callable:
    """out[i, at + j] = η(rows_i·lanes_j) for ``count`` columns."""

    def loop(start, stop, step, code, function, far, rows, blocks, at, count, out):  # type: ignore[no-untyped-def]
        width = blocks.shape[2]
        z = np.empty((_ROWS, step * width), rows.dtype)
        spare = np.empty((_ROWS, step * width), rows.dtype)
        for low in range(0, blocks.shape[0] + source * 0, step):
            high = min(low + step, blocks.shape[0])
            wide = (high - low) * width
            used = min(wide, count - low * width)
            for first in range(start, stop, _ROWS):
                _meet(rows, first, stop - 1, blocks, low, high, z)
                _values(code, function, far, z, spare, wide)
                for r in range(min(_ROWS, stop - first)):
                    target = out[first + r]
                    for j in range(used):
                        target[at + low * width + j] = z[r, j]

    return kernel(loop)


@cache
def plane_sums(network: bool) -> Callable:
    """out[i] += scale Σ_j ± max(0, rows_i·columns_j), plus before ``split``, minus from there on.

    rows (n, 3) start with 1 for a network; columns (3, lanes).
    """

    def loop(start, stop, rows, columns, split, scale, out):  # type: ignore[no-untyped-def]
        # Weights are in the columns, ReLU being homogeneous; their signs are not, so the columns of
        # positive ones are summed first and those of negative ones after them. Four rows share each
        # load of a column; sums of a tile are in the type of the rows, those over tiles in float64.
        zero = rows.dtype.type(0)
        for i in range(start, stop, 4):
            i1, i2, i3 = min(i + 1, stop - 1), min(i + 2, stop - 1), min(i + 3, stop - 1)
            p0, p1, p2, p3 = rows[i], rows[i1], rows[i2], rows[i3]
            u0, u1, u2, u3 = p0[0], p1[0], p2[0], p3[0]
            v0, v1, v2, v3 = p0[1], p1[1], p2[1], p3[1]
            w0, w1, w2, w3 = p0[2], p1[2], p2[2], p3[2]
            t0 = t1 = t2 = t3 = 0.0
            for part in range(2):
                end = columns.shape[1] if part else split
                sign = -1.0 if part else 1.0
                for low in range(split if part else 0, end, _PLANE):
                    high = min(low + _PLANE, end)
                    q0, q1, q2 = columns[0][low:high], columns[1][low:high], columns[2][low:high]
                    s0 = s1 = s2 = s3 = zero
                    for j in range(high - low):
                        a, b, c = q0[j], q1[j], q2[j]
                        z = v0 * b + (w0 * c + (a if network else u0 * a))
                        s0 += zero if z < zero else z
                        z = v1 * b + (w1 * c + (a if network else u1 * a))
                        s1 += zero if z < zero else z
                        z = v2 * b + (w2 * c + (a if network else u2 * a))
                        s2 += zero if z < zero else z
                        z = v3 * b + (w3 * c + (a if network else u3 * a))
                        s3 += zero if z < zero else z
                    t0, t1 = t0 + sign * s0, t1 + sign * s1
                    t2, t3 = t2 + sign * s2, t3 + sign * s3
            out[i] += scale * t0
            # Rows past the end repeat the last one.
            if i + 1 < stop:
                out[i + 1] += scale * t1
            if i + 2 < stop:
                out[i + 2] += scale * t2
            if i + 3 < stop:
                out[i + 3] += scale * t3

    return kernel(loop)
