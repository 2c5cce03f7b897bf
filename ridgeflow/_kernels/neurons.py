"""Sums over neurons and over points, ``Σ_j w_jk η(p_i·q_j)``, and slabs of ``η(p_i·q_j)``.

Rows p, packed as (groups, depth, ``ROWS``), meet lanes q, packed as (blocks, depth,
:func:`block_width`): a network has rows (1, x_i) and lanes (−b_j, a_j), its transpose rows (−b_j,
a_j) and lanes (1, x_i). The number of blocks is even; the padding is zero, where weights are zero
too. A group of rows at a time meets a tile of lanes that stays in cache, and whatever is added over
tiles is added in float64. The loops know no activation: each is a small function of its own,
compiled when it is first asked for and passed to them by its address, so that fifteen activations
do not compile every loop fifteen times. Nothing is checked.
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
    *("ROWS", "activate", "activate_and_add", "block_width", "neuron_sums", "neuron_values"),
    *("pack", "plane_sums", "tile_blocks"),
]

# Rows that share a load of the lanes: their sums fill the registers. Groups that share a tile.
ROWS = 12 if REGISTER == 64 else 6
_CHUNK = 1008 // ROWS
# The same where there are many sums per row: their features stay in the second-level cache.
_MANY = 60 // ROWS
# Bytes of a row of a tile, and of a tile, at most: a group of the rows stays in the first-level
# cache, the tile in the second.
_TILE = 2048
_CACHE = 2**18
# Of longer products, parts of this length at a time.
_DEPTH = 264
# Depth of what is packed at a time: its cache lines are written whole.
_STRIP = 32
# Lanes of a tile in the plane, three numbers each.
_PLANE = 2048


def block_width(dtype: Any) -> int:
    """Lanes of a block: half a vector, which with four rows fills the registers."""
    return 2 * REGISTER // np.dtype(dtype).itemsize


def tile_blocks(depth: int, dtype: Any) -> int:
    """Blocks of a tile, an even number."""
    per_block = 2 * REGISTER * min(depth, _DEPTH)
    return max(2, min(_TILE // (2 * REGISTER), _CACHE // per_block) // 2 * 2)


@kernel
def pack(start, stop, first, rest, packed):  # type: ignore[no-untyped-def]
    """Rows (first[i], rest[i]) side by side, as packed (groups, depth, width), zeros at the end."""
    width = packed.shape[2]
    for g in range(start, stop):
        left = min(width, len(rest) - g * width)
        for low in range(0, rest.shape[1], _STRIP):
            for d in range(low, min(low + _STRIP, rest.shape[1])):
                for r in range(left):
                    packed[g, d + 1, r] = rest[g * width + r, d]
        for r in range(left):
            packed[g, 0, r] = first[g * width + r]
        for d in range(packed.shape[1]):
            for r in range(max(0, left), width):
                packed[g, d, r] = 0


def _products(rows, group, blocks, block, low, high, z, at):  # type: ignore[no-untyped-def]
    """z[r, at:] = row r of a group @ blocks[block], from ``low`` to ``high`` of the depth; added to
    what is there where low > 0. ``rows`` (n, depth) that are not packed start with row ``group``.
    """
    part = z[:, at : at + blocks.shape[2]]
    some = rows[group].T if rows.ndim == 3 else rows[group : group + ROWS]
    part[:] = some[:, low:high] @ blocks[block, low:high] + (part if low > 0 else 0)


@intrinsic
def _products_compiled(typing_context, rows, group, blocks, block, low, high, z, at):  # type: ignore[no-untyped-def]
    real = rows.dtype
    size = real.bitwidth // 8
    width = 2 * REGISTER // size
    kind: Any = native(real, width)

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        # One loop over the depth d: the vector of the block's lanes is loaded once and multiplied
        # by rows[r, d], repeated in all lanes, for each of the few rows r. Their sums stay in
        # registers until the end, and do not wait for each other.
        group, block, low, high, at = (arguments[n] for n in (1, 3, 4, 5, 7))
        source, panel, target = (
            context.make_array(signature.args[n])(context, builder, arguments[n]) for n in (0, 2, 6)
        )
        depth = builder.extract_value(source.shape, 1)
        stride = builder.extract_value(target.shape, 1)
        word = depth.type

        def column(start: Any, index: Any) -> Any:
            return builder.bitcast(builder.gep(start, [index]), kind.as_pointer())

        # Rows of a group lie side by side, others one after the other.
        packed = rows.ndim == 3
        own = builder.mul(group, builder.mul(depth, word(ROWS if packed else 1)))
        step = word(ROWS) if packed else word(1)
        apart = word(1) if packed else depth
        begin = builder.gep(source.data, [own])
        starts = [builder.gep(begin, [builder.mul(word(r), apart)]) for r in range(ROWS)]
        per_block = builder.mul(depth, word(width))
        panel = builder.gep(panel.data, [builder.mul(block, per_block)])
        places = [
            column(target.data, builder.add(builder.mul(word(r), stride), at)) for r in range(ROWS)
        ]
        zero = ir.Constant(kind, [0.0] * width)
        before = builder.basic_block
        resume, loop, after = (
            builder.append_basic_block(name) for name in ("resume", "depth", "done")
        )
        builder.cbranch(builder.icmp_signed(">", low, word(0)), resume, loop)

        builder.position_at_end(resume)
        kept = [builder.load(place, align=size) for place in places]
        builder.branch(loop)

        builder.position_at_end(loop)
        d = builder.phi(word)
        sums = [builder.phi(kind) for _ in starts]
        factor = builder.load(column(panel, builder.mul(d, word(width))), align=size)
        undefined = ir.Constant(kind, ir.Undefined)
        everywhere = ir.Constant(ir.VectorType(ir.IntType(32), width), [0] * width)
        for start, one, held in zip(starts, sums, kept, strict=True):
            x = builder.load(builder.gep(start, [builder.mul(d, step)]), align=size)
            x = builder.insert_element(undefined, x, ir.IntType(32)(0))
            x = builder.shuffle_vector(x, undefined, everywhere)
            one.add_incoming(zero, before)
            one.add_incoming(held, resume)
            one.add_incoming(call_intrinsic(builder, "fma", [x, factor, one]), loop)
        following = builder.add(d, word(1))
        d.add_incoming(low, before)
        d.add_incoming(low, resume)
        d.add_incoming(following, loop)
        builder.cbranch(builder.icmp_signed("<", following, high), loop, after)

        builder.position_at_end(after)
        for place, one in zip(places, sums, strict=True):
            builder.store(one.incomings[2][0], place, align=size)
        return context.get_dummy_value()

    n = types.intp
    return types.void(rows, n, blocks, n, n, n, z, n), emit


@overload(_products, jit_options=INLINED)
def _products_overload(rows, group, blocks, block, low, high, z, at):  # type: ignore[no-untyped-def]
    return lambda rows, group, blocks, block, low, high, z, at: _products_compiled(
        rows, group, blocks, block, low, high, z, at
    )


@inlined
def _meet(rows, group, blocks, low, high, shallow, deep, z):  # type: ignore[no-untyped-def]
    """z = rows of a group times blocks from low to high, from ``shallow`` to ``deep`` of their
    depth."""
    for block in range(low, high):
        at = (block - low) * blocks.shape[2]
        _products(rows, group, blocks, block, shallow, deep, z, at)


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
        for r in range(ROWS):
            for j in range(width):
                spare[r, j] = z[r, j]
    for r in range(ROWS):
        _apply(function, z, r, width)
    if far > 0.0:
        for r in range(ROWS):
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
        for r in range(0, ROWS, 3):
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
        for first in range(0, count, ROWS):
            _products(h, first, panel, block, 0, h.shape[1], part, 0)
            for r in range(ROWS):
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
        # So are those of a chunk whose products are long: all of its rows go through one part of
        # the depth before the next, so that a group and a block of it fit the first-level cache.
        width, depth = blocks.shape[2], blocks.shape[1]
        many = panels.shape[0] > 0
        single = weights.shape[0] == 1 and far == 0.0
        groups = (_MANY if many else _CHUNK) + source * 0
        keep = many or depth > _DEPTH
        spare = np.empty((ROWS, step * width), rows.dtype)
        h = np.empty((ROWS * (groups if keep else 1), step * width), rows.dtype)
        part = np.empty((ROWS, width), rows.dtype)
        sums = np.empty((ROWS * groups, out.shape[1]))
        for chunk in range(start, stop, groups):
            end = min(chunk + groups, stop)
            count = min(ROWS * end, len(out)) - ROWS * chunk
            sums[:] = 0.0
            for low in range(0, blocks.shape[0], step):
                high = min(low + step, blocks.shape[0])
                wide = (high - low) * width
                if keep:
                    for shallow in range(0, depth, _DEPTH):
                        deep = min(shallow + _DEPTH, depth)
                        for group in range(chunk, end):
                            at = ROWS * (group - chunk)
                            z = h[at : at + ROWS]
                            _meet(rows, group, blocks, low, high, shallow, deep, z)
                for group in range(chunk, end):
                    at = ROWS * (group - chunk)
                    z = h[at : at + ROWS] if keep else h
                    if not keep:
                        _meet(rows, group, blocks, low, high, 0, depth, z)
                    if single:
                        for r in range(min(ROWS, count - at)):
                            sums[at + r, 0] += _added(function, z, r, weights, low * width, wide)
                        continue
                    _values(code, function, far, z, spare, wide)
                    if not many:
                        _add_few(z, wide, weights, low * width, sums, at)
                if many:
                    _add_many(h, count, wide, panels[low // step], part, sums)
            for i in range(count):
                for k in range(out.shape[1]):
                    out[ROWS * chunk + i, k] += sums[i, k]

    return kernel(loop)


@cache
def neuron_values(source: int = SOURCE) -> Callable:
    """out[i, at + j] = η(rows_i·lanes_j) for ``count`` columns."""

    def loop(start, stop, step, code, function, far, rows, blocks, at, count, out):  # type: ignore[no-untyped-def]
        width = blocks.shape[2]
        z = np.empty((ROWS, step * width), rows.dtype)
        spare = np.empty((ROWS, step * width), rows.dtype)
        for low in range(0, blocks.shape[0] + source * 0, step):
            high = min(low + step, blocks.shape[0])
            wide = (high - low) * width
            used = min(wide, count - low * width)
            for group in range(start, stop):
                _meet(rows, group, blocks, low, high, 0, blocks.shape[1], z)
                _values(code, function, far, z, spare, wide)
                for r in range(min(ROWS, len(out) - ROWS * group)):
                    target = out[ROWS * group + r]
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
