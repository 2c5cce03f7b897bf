"""Sums over the w nodes around a point, in vector registers.

A loop over w values is too short for a compiler to vectorise well, and w weights for every point
are too many to store. So the weights are evaluated where they are used, all w of them in the lanes
of vectors, and multiplied into the nodes at once: these functions emit that code. The place x in
[0, 1) of a point between its nodes falls into one of ``CELLS`` cells, each with polynomials of its
own: ``table`` (CELLS, w/2, w) holds ascending coefficients in the place within the cell. Arrays are
contiguous, and ``at`` counts their real numbers from the start. No checks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir
from numba.core import types
from numba.extending import intrinsic

__all__ = [
    "CELLS",
    "add_line",
    "add_plane",
    "add_row",
    "dot_line",
    "dot_plane",
    "dot_row",
    "window_terms",
]

# The tables of the widest windows then fill half of the first-level cache.
CELLS = 16

_REGISTER = 32  # bytes
_FAST = ("contract", "reassoc", "nsz")
_INT32 = ir.IntType(32)
_INT64 = ir.IntType(64)


def window_terms(width: int) -> int:
    """Coefficients of each polynomial: their error is then a tenth of the kernel's, or less."""
    return max(2, width // 2)


class _Emitter:
    """Vector instructions on numbers of one type."""

    def __init__(self, context: Any, builder: ir.IRBuilder, number: Any) -> None:
        self.context, self.builder = context, builder
        self.kind = context.get_data_type(number)
        self.bytes = number.bitwidth // 8

    def data(self, array_type: Any, array: Any) -> Any:
        return self.context.make_array(array_type)(self.context, self.builder, array).data

    def pieces(self, n: int) -> list[tuple[int, int]]:
        """Cut n lanes into (start, lanes), powers of two that fit a register."""
        cut, start, lanes = [], 0, _REGISTER // self.bytes
        while start < n:
            while lanes > n - start:
                lanes //= 2
            cut.append((start, lanes))
            start += lanes
        return cut

    def shifted(self, at: Any, by: int) -> Any:
        return self.builder.add(at, ir.Constant(_INT64, by)) if by else at

    def _pointer(self, data: Any, at: Any, lanes: int) -> Any:
        place = self.builder.gep(data, [at])
        return self.builder.bitcast(place, ir.VectorType(self.kind, lanes).as_pointer())

    def load(self, data: Any, at: Any, lanes: int) -> Any:
        return self.builder.load(self._pointer(data, at, lanes), align=self.bytes)

    def store(self, value: Any, data: Any, at: Any) -> None:
        place = self._pointer(data, at, value.type.count)
        self.builder.store(value, place, align=self.bytes)

    def shuffle(self, one: Any, other: Any, lanes: list[int]) -> Any:
        mask = ir.Constant(ir.VectorType(_INT32, len(lanes)), lanes)
        return self.builder.shuffle_vector(one, other, mask)

    def splat(self, scalar: Any, lanes: int) -> Any:
        empty = ir.Constant(ir.VectorType(self.kind, lanes), ir.Undefined)
        first = self.builder.insert_element(empty, scalar, ir.Constant(_INT32, 0))
        return self.shuffle(first, empty, [0] * lanes)

    def lane(self, vector: Any, index: int) -> Any:
        return self.builder.extract_element(vector, ir.Constant(_INT32, index))

    def mul(self, a: Any, b: Any) -> Any:
        return self.builder.fmul(a, b, flags=_FAST)

    def add(self, a: Any, b: Any) -> Any:
        return self.builder.fadd(a, b, flags=_FAST)

    def weights(self, table: Any, x: Any, width: int) -> list[Any]:
        """The w weights at x in [0, 1), as vectors of ``pieces(width)``."""
        scaled = self.mul(x, ir.Constant(self.kind, CELLS))
        cell = self.builder.fptosi(scaled, _INT64)
        # A place just below 1 rounds to 1 in single precision; one that is no number is negative.
        last = ir.Constant(_INT64, CELLS - 1)
        beyond = self.builder.icmp_unsigned(">", cell, last)
        cell = self.builder.select(beyond, last, cell)
        rest = self.builder.fsub(scaled, self.builder.sitofp(cell, self.kind), flags=_FAST)
        terms = window_terms(width)
        base = self.builder.mul(cell, ir.Constant(_INT64, terms * width))
        result = []
        for start, lanes in self.pieces(width):
            place = self.splat(rest, lanes)
            value = self.load(table, self.shifted(base, (terms - 1) * width + start), lanes)
            for term in range(terms - 2, -1, -1):
                row = self.load(table, self.shifted(base, term * width + start), lanes)
                value = self.add(self.mul(value, place), row)
            result.append(value)
        return result

    def twice(self, weights: list[Any]) -> list[Any]:
        """Every weight for a real and an imaginary part: w lanes become 2 w, in registers."""
        most = _REGISTER // self.bytes
        result = []
        for vector in weights:
            lanes = vector.type.count
            doubled = [i // 2 for i in range(2 * lanes)]
            for start in range(0, 2 * lanes, most):
                result.append(self.shuffle(vector, vector, doubled[start : start + most]))
        return result

    def total(self, vectors: list[Any], lanes: int) -> Any:
        """Sum of vectors folded to that many lanes: 2 keeps real and imaginary parts apart."""
        by_size: dict[int, Any] = {}
        for vector in vectors:
            n = vector.type.count
            by_size[n] = self.add(by_size[n], vector) if n in by_size else vector
        size = max(by_size)
        value = by_size[size]
        while size > lanes:
            size //= 2
            low = self.shuffle(value, value, list(range(size)))
            high = self.shuffle(value, value, list(range(size, 2 * size)))
            value = self.add(low, high)
            if size in by_size:
                value = self.add(value, by_size[size])
        return value

    def pair(self, real: Any, imag: Any, lanes: int) -> Any:
        """(real, imag, real, imag, ...)."""
        both = self.builder.insert_element(self.splat(real, 2), imag, ir.Constant(_INT32, 1))
        return self.shuffle(both, both, [0, 1] * (lanes // 2))


def _starts(emit: _Emitter, vectors: list[Any]) -> list[int]:
    starts, start = [], 0
    for vector in vectors:
        starts.append(start)
        start += vector.type.count
    return starts


def _emitted(function: Callable) -> Any:
    """A function that emits its own code, for widths known to the compiler."""
    return intrinsic(prefer_literal=True)(function)


@_emitted
def dot_row(typing, values, at, table, x, width):  # type: ignore[no-untyped-def]
    """sum_t weight_t(x) values[at + t]."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes = emit.data(signature.args[0], args[0])
        vectors = emit.weights(emit.data(signature.args[2], args[2]), args[3], width.literal_value)
        products = [
            emit.mul(v, emit.load(nodes, emit.shifted(args[1], start), v.type.count))
            for v, start in zip(vectors, _starts(emit, vectors), strict=True)
        ]
        return emit.lane(emit.total(products, 1), 0)

    return number(values, types.int64, table, number, width), emit_code


@_emitted
def dot_line(typing, values, at, table, x, width):  # type: ignore[no-untyped-def]
    """Real and imaginary part of sum_t weight_t(x) values[at + 2 t + (0, 1)]."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes = emit.data(signature.args[0], args[0])
        table = emit.data(signature.args[2], args[2])
        vectors = emit.twice(emit.weights(table, args[3], width.literal_value))
        products = [
            emit.mul(v, emit.load(nodes, emit.shifted(args[1], start), v.type.count))
            for v, start in zip(vectors, _starts(emit, vectors), strict=True)
        ]
        both = emit.total(products, 2)
        parts = (emit.lane(both, 0), emit.lane(both, 1))
        return context.make_tuple(builder, signature.return_type, parts)

    result = types.UniTuple(number, 2)
    return result(values, types.int64, table, number, width), emit_code


def _rows_of(emit: _Emitter, weights: list[Any]) -> list[Any]:
    """The weights one by one, as scalars."""
    return [emit.lane(vector, i) for vector in weights for i in range(vector.type.count)]


@_emitted
def dot_plane(typing, values, at, row, table, y, z, width):  # type: ignore[no-untyped-def]
    """The parts of sum_{s,t} weight_s(y) weight_t(z) values[at + s row + 2 t + (0, 1)]."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes, table = emit.data(signature.args[0], args[0]), emit.data(signature.args[3], args[3])
        at, row = args[1], args[2]
        columns = emit.twice(emit.weights(table, args[5], width.literal_value))
        sums: list[Any] = [None] * len(columns)
        starts = _starts(emit, columns)
        for weight in _rows_of(emit, emit.weights(table, args[4], width.literal_value)):
            for i, (column, start) in enumerate(zip(columns, starts, strict=True)):
                lanes = column.type.count
                node = emit.load(nodes, emit.shifted(at, start), lanes)
                product = emit.mul(node, emit.splat(weight, lanes))
                sums[i] = product if sums[i] is None else emit.add(sums[i], product)
            at = builder.add(at, row)
        both = emit.total([emit.mul(s, c) for s, c in zip(sums, columns, strict=True)], 2)
        parts = (emit.lane(both, 0), emit.lane(both, 1))
        return context.make_tuple(builder, signature.return_type, parts)

    result = types.UniTuple(number, 2)
    given = (values, types.int64, types.int64, table, number, number, width)
    return result(*given), emit_code


def _accumulate(emit: _Emitter, nodes: Any, at: Any, vectors: list[Any], factor: Callable) -> None:
    for vector, start in zip(vectors, _starts(emit, vectors), strict=True):
        place = emit.shifted(at, start)
        lanes = vector.type.count
        more = emit.mul(vector, factor(lanes))
        emit.store(emit.add(emit.load(nodes, place, lanes), more), nodes, place)


@_emitted
def add_row(typing, values, at, table, x, factor, width):  # type: ignore[no-untyped-def]
    """Transpose of ``dot_row``: values[at + t] += weight_t(x) factor."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes = emit.data(signature.args[0], args[0])
        vectors = emit.weights(emit.data(signature.args[2], args[2]), args[3], width.literal_value)
        _accumulate(emit, nodes, args[1], vectors, lambda lanes: emit.splat(args[4], lanes))
        return context.get_dummy_value()

    given = (values, types.int64, table, number, number, width)
    return types.void(*given), emit_code


@_emitted
def add_line(typing, values, at, table, x, real, imag, width):  # type: ignore[no-untyped-def]
    """Transpose of ``dot_line``."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes = emit.data(signature.args[0], args[0])
        table = emit.data(signature.args[2], args[2])
        vectors = emit.twice(emit.weights(table, args[3], width.literal_value))
        _accumulate(emit, nodes, args[1], vectors, lambda lanes: emit.pair(args[4], args[5], lanes))
        return context.get_dummy_value()

    given = (values, types.int64, table, number, number, number, width)
    return types.void(*given), emit_code


@_emitted
def add_plane(  # type: ignore[no-untyped-def]
    typing, values, at, row, table, y, z, real, imag, width
):
    """Transpose of ``dot_plane``."""
    if not isinstance(width, types.IntegerLiteral):
        return None
    number = values.dtype

    def emit_code(context, builder, signature, args):  # type: ignore[no-untyped-def]
        emit = _Emitter(context, builder, number)
        nodes, table = emit.data(signature.args[0], args[0]), emit.data(signature.args[3], args[3])
        at, row = args[1], args[2]
        columns = [
            emit.mul(v, emit.pair(args[6], args[7], v.type.count))
            for v in emit.twice(emit.weights(table, args[5], width.literal_value))
        ]
        for weight in _rows_of(emit, emit.weights(table, args[4], width.literal_value)):
            _accumulate(emit, nodes, at, columns, lambda lanes, w=weight: emit.splat(w, lanes))
            at = builder.add(at, row)
        return context.get_dummy_value()

    given = (
        *(values, types.int64, types.int64, table),
        *(number, number, number, number, width),
    )
    return types.void(*given), emit_code
