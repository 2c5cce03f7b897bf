"""A vector of several registers as one value of compiled code, for loops without remainders.

Loops over arrays whose length is a multiple of ``lanes`` load a vector, work on it with operators
and the functions of this module, and store it or add it up. Interpreted, a vector is an array.
Nothing is checked.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from llvmlite import binding, ir
from numba import extending, types
from numba.core import cgutils
from numba.extending import models, overload, register_model

from ridgeflow._kernels._jit import compiled

__all__ = [
    *(
        "INLINED",
        "REGISTER",
        "call_intrinsic",
        "choose",
        "constant",
        "copy_sign",
        "fma",
        "full",
        "inlined",
    ),
    *("lanes", "load", "native", "power_of_two", "store", "total", "turned"),
]

# Bytes of a register, and registers of a vector: as many as keep the arithmetic units busy.
REGISTER = 64 if binding.get_host_cpu_features().get("avx512f") else 32
_REGISTERS = 4

# Typed loosely: it wraps functions of compiled code, called with fewer arguments there.
intrinsic: Any = extending.intrinsic

# Nothing but contraction: reassociation would undo what carries rounding errors.
_OPTIONS: Any = {"fastmath": {"contract"}, "error_model": "numpy", "nogil": True}
INLINED: Any = {**_OPTIONS, "forceinline": True}

# For functions of vectors. Only the loops that inline them are kept on disk.
inlined: Any = partial(compiled, **INLINED, cache=False)


class Vector(types.Type):
    """Numba type of a vector of one precision."""

    def __init__(self, real: Any) -> None:
        self.real = real
        self.count = _REGISTERS * REGISTER * 8 // real.bitwidth
        super().__init__(name=f"Vector({real})")


class Mask(types.Type):
    """Numba type of as many truth values."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(name=f"Mask({count})")


def native(real: Any, count: int) -> ir.VectorType:
    """LLVM type of a vector of ``count`` numbers of a numba type."""
    return ir.VectorType(ir.FloatType() if real == types.float32 else ir.DoubleType(), count)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, native(kind.real, kind.count))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, ir.VectorType(ir.IntType(1), kind.count))


def call_intrinsic(builder: Any, name: str, arguments: list[Any]) -> Any:
    """An LLVM intrinsic whose arguments and result are of one vector type."""
    kind = arguments[0].type
    suffix = f"v{kind.count}{'f32' if kind.element == ir.FloatType() else 'f64'}"
    signature = ir.FunctionType(kind, [kind] * len(arguments))
    function = cgutils.get_or_insert_function(builder.module, signature, f"llvm.{name}.{suffix}")
    return builder.call(function, arguments)


def _splat(builder: Any, kind: ir.VectorType, value: Any) -> Any:
    undefined = ir.Constant(kind, ir.Undefined)
    first = builder.insert_element(undefined, value, ir.IntType(32)(0))
    everywhere = ir.Constant(ir.VectorType(ir.IntType(32), kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, undefined, everywhere)


@intrinsic
def _constant(typing_context, x, wide, narrow):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        value = arguments[1]
        if x.real == types.float32:
            value = builder.fptrunc(arguments[2], ir.FloatType())
        return _splat(builder, arguments[0].type, value)

    return x(x, types.float64, types.float64), emit


def constant(x, wide, narrow):  # type: ignore[no-untyped-def]
    """A constant that differs between float64 and float32, in the shape of x."""
    return np.full_like(x, wide if x.dtype == np.float64 else narrow)


@overload(constant, jit_options=INLINED)
def _constant_overload(x, wide, narrow):  # type: ignore[no-untyped-def]
    return lambda x, wide, narrow: _constant(x, wide, narrow)


def _alike(x, y):  # type: ignore[no-untyped-def]
    """y, as a vector like x where it is a number."""


@overload(_alike, jit_options=INLINED)
def _alike_overload(x, y):  # type: ignore[no-untyped-def]
    if isinstance(y, Vector):
        return lambda x, y: y
    return lambda x, y: _constant(x, y, y)


def _unary(function: Callable, emit: Callable) -> None:
    """Give a function of a vector its compiled form ``emit(builder, x)``."""

    @intrinsic
    def one(typing_context, x):  # type: ignore[no-untyped-def]
        return x(x), lambda context, builder, signature, x: emit(builder, *x)

    @overload(function, jit_options=INLINED)
    def overload_one(x):  # type: ignore[no-untyped-def]
        return (lambda x: one(x)) if isinstance(x, Vector) else None


def _binary(function: Callable, emit: Callable, compares: bool = False) -> None:
    """As ``_unary`` for two vectors, or a vector and a number."""

    @intrinsic
    def two(typing_context, x, y):  # type: ignore[no-untyped-def]
        result = Mask(x.count) if compares else x
        return result(x, y), lambda context, builder, signature, x: emit(builder, *x)

    @overload(function, jit_options=INLINED)
    def overload_two(x, y):  # type: ignore[no-untyped-def]
        if isinstance(x, Vector) and isinstance(y, (Vector, types.Float)):
            return lambda x, y: two(x, _alike(x, y))
        if isinstance(x, types.Float) and isinstance(y, Vector):
            return lambda x, y: two(_alike(y, x), y)
        return None


_unary(operator.neg, lambda builder, x: builder.fneg(x))
_unary(abs, lambda builder, x: call_intrinsic(builder, "fabs", [x]))
_binary(operator.add, lambda builder, x, y: builder.fadd(x, y))
_binary(operator.sub, lambda builder, x, y: builder.fsub(x, y))
_binary(operator.mul, lambda builder, x, y: builder.fmul(x, y))
_binary(operator.truediv, lambda builder, x, y: builder.fdiv(x, y))
_binary(operator.lt, lambda builder, x, y: builder.fcmp_ordered("<", x, y), compares=True)
_binary(operator.gt, lambda builder, x, y: builder.fcmp_ordered(">", x, y), compares=True)


def choose(mask, x, y):  # type: ignore[no-untyped-def]
    """x where the mask holds, y elsewhere."""
    return np.where(mask, x, y)


@intrinsic
def _choose(typing_context, mask, x, y):  # type: ignore[no-untyped-def]
    return x(mask, x, y), lambda context, builder, signature, x: builder.select(*x)


@overload(choose, jit_options=INLINED)
def _choose_overload(mask, x, y):  # type: ignore[no-untyped-def]
    if isinstance(x, Vector):
        return lambda mask, x, y: _choose(mask, x, _alike(x, y))
    return lambda mask, x, y: _choose(mask, _alike(y, x), y)


def fma(x, y, z):  # type: ignore[no-untyped-def]
    """x y + z, rounded once where it is compiled."""
    return (x.astype(np.float64) * y + z).astype(x.dtype)


@intrinsic
def _fma(typing_context, x, y, z):  # type: ignore[no-untyped-def]
    return x(x, y, z), lambda context, builder, signature, x: call_intrinsic(builder, "fma", x)


@overload(fma, jit_options=INLINED)
def _fma_overload(x, y, z):  # type: ignore[no-untyped-def]
    return lambda x, y, z: _fma(x, _alike(x, y), _alike(x, z))


def copy_sign(y, z):  # type: ignore[no-untyped-def]
    """\\|y\\| with the sign of z."""
    return np.copysign(y, z)


@intrinsic
def _copy_sign(typing_context, y, z):  # type: ignore[no-untyped-def]
    return y(y, z), lambda context, builder, signature, x: call_intrinsic(builder, "copysign", x)


@overload(copy_sign, jit_options=INLINED)
def _copy_sign_overload(y, z):  # type: ignore[no-untyped-def]
    return lambda y, z: _copy_sign(y, z)


def _as_bits(x):  # type: ignore[no-untyped-def]
    return x.view(np.uint32 if x.dtype == np.float32 else np.uint64)


def power_of_two(t):  # type: ignore[no-untyped-def]
    """The number whose exponent field is the last bits of t."""
    return (_as_bits(t) << (23 if t.dtype == np.float32 else 52)).view(t.dtype)


def turned(x, t):  # type: ignore[no-untyped-def]
    """x, negated where the last bit of t is set."""
    return (_as_bits(x) ^ (_as_bits(t) << (8 * t.itemsize - 1))).view(x.dtype)


def _shifted(builder: Any, x: Any, by: int) -> Any:
    bits = 32 if x.type.element == ir.FloatType() else 64
    kind = ir.VectorType(ir.IntType(bits), x.type.count)
    by = by if by >= 0 else bits + by
    return builder.shl(builder.bitcast(x, kind), ir.Constant(kind, [by] * kind.count))


@intrinsic
def _power_of_two(typing_context, t):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        by = 23 if t.real == types.float32 else 52
        return builder.bitcast(_shifted(builder, arguments[0], by), arguments[0].type)

    return t(t), emit


@overload(power_of_two, jit_options=INLINED)
def _power_of_two_overload(t):  # type: ignore[no-untyped-def]
    return lambda t: _power_of_two(t)


@intrinsic
def _turned(typing_context, x, t):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        sign = _shifted(builder, arguments[1], -1)
        bits = builder.xor(builder.bitcast(arguments[0], sign.type), sign)
        return builder.bitcast(bits, arguments[0].type)

    return x(x, t), emit


@overload(turned, jit_options=INLINED)
def _turned_overload(x, t):  # type: ignore[no-untyped-def]
    return lambda x, t: _turned(x, t)


def lanes(array):  # type: ignore[no-untyped-def]
    """How many numbers of the precision of an array a vector holds."""
    return _REGISTERS * REGISTER // array.itemsize


@overload(lanes, jit_options=INLINED)
def _lanes_overload(array):  # type: ignore[no-untyped-def]
    count = Vector(array.dtype).count
    return lambda array: count


def load(array, j):  # type: ignore[no-untyped-def]
    """The vector that starts at entry j of a contiguous array."""
    return array[j : j + lanes(array)]


def store(array, j, x):  # type: ignore[no-untyped-def]
    """Write a vector to the entries from j on of a contiguous array."""
    array[j : j + len(x)] = x


def full(array, value):  # type: ignore[no-untyped-def]
    """A vector of the precision of an array with one value everywhere."""
    return np.full(lanes(array), value, array.dtype)


def total(x):  # type: ignore[no-untyped-def]
    """The sum of the numbers of a vector."""
    return x.sum()


def _place(context: Any, builder: Any, array: Any, value: Any, j: Any) -> Any:
    """Pointer to the vector from entry j on, and the alignment of its numbers."""
    start = builder.gep(context.make_array(array)(context, builder, value).data, [j])
    kind = context.get_value_type(Vector(array.dtype))
    return builder.bitcast(start, kind.as_pointer()), array.dtype.bitwidth // 8


@intrinsic
def _load(typing_context, array, j):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place, align = _place(context, builder, array, *arguments)
        return builder.load(place, align=align)

    return Vector(array.dtype)(array, types.intp), emit


@overload(load, jit_options=INLINED)
def _load_overload(array, j):  # type: ignore[no-untyped-def]
    return lambda array, j: _load(array, j)


@intrinsic
def _store(typing_context, array, j, x):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        place, align = _place(context, builder, array, *arguments[:2])
        builder.store(arguments[2], place, align=align)
        return context.get_dummy_value()

    return types.void(array, types.intp, x), emit


@overload(store, jit_options=INLINED)
def _store_overload(array, j, x):  # type: ignore[no-untyped-def]
    return lambda array, j, x: _store(array, j, x)


@intrinsic
def _full(typing_context, array, value):  # type: ignore[no-untyped-def]
    kind = Vector(array.dtype)

    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        return _splat(builder, context.get_value_type(kind), arguments[1])

    return kind(array, array.dtype), emit


@overload(full, jit_options=INLINED)
def _full_overload(array, value):  # type: ignore[no-untyped-def]
    return lambda array, value: _full(array, value)


@intrinsic
def _total(typing_context, x):  # type: ignore[no-untyped-def]
    def emit(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        kind = arguments[0].type
        name = f"llvm.vector.reduce.fadd.v{kind.count}f{x.real.bitwidth}"
        reduce = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind.element, [kind.element, kind]), name
        )
        zero = ir.Constant(kind.element, 0.0)
        return builder.call(reduce, [zero, arguments[0]], fastmath=("reassoc",))

    return x.real(x), emit


@overload(total, jit_options=INLINED)
def _total_overload(x):  # type: ignore[no-untyped-def]
    return lambda x: _total(x)
