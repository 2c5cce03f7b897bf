"""What may be done to one argument, by its kind.

A mutation either keeps the meaning (the result must be that of the clean call), destroys it (our
error must come), or may go either way: our error, or a finite result.
"""

from __future__ import annotations

import datetime
import decimal
import fractions
import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ridgeflow as rf

try:
    import pandas
except ImportError:
    pandas = None

__all__ = ["CLEAN", "Foreign", "Mutation", "NotApplicable", "copied", "mutations"]


class NotApplicable(Exception):
    """The mutation means nothing for this value."""


class Foreign:
    """An object of which the library knows nothing."""

    def __repr__(self) -> str:
        return "<foreign object>"


CLEAN = object()
_TEXT = "no such thing"


@dataclass(frozen=True)
class Mutation:
    """One change of one argument.

    ``make`` takes the clean value and gives the changed one, and the value with which the call must
    agree (``CLEAN`` for that of the row). ``sharp``: the message must name this very argument.
    """

    label: str
    expects: str  # "same", "never" or "either"
    make: Callable[[Any], tuple[Any, Any]]
    sharp: bool = True
    rtol: float = 0.0


def _changed(label: str, expects: str, change: Callable[[Any], Any], **options: Any) -> Mutation:
    return Mutation(label, expects, lambda value: (change(value), CLEAN), **options)


def _constant(label: str, expects: str, value: Any, **options: Any) -> Mutation:
    return Mutation(label, expects, lambda _: (value, CLEAN), **options)


def _foreign(*without: str) -> Iterator[Mutation]:
    things = {
        "a foreign object": Foreign(),
        "text": _TEXT,
        "bytes": b"no such thing",
        "a dictionary": {"x": 1.0},
        "a set": {1.5, 2.5},
        "a class": dict,
        "a function": len,
        "a date": datetime.date(2020, 1, 1),
        "a module": np,
    }
    for label, thing in things.items():
        if label not in without:
            yield _constant(label, "never", thing)
    if "a generator" not in without:
        yield Mutation("a generator", "never", lambda _: ((x for x in [1.0, 2.0]), CLEAN))


# Arrays ----------------------------------------------------------------------------------------


def _at_first(value: np.ndarray, what: Any) -> np.ndarray:
    changed = value.astype(np.result_type(value.dtype, np.float64))
    changed.flat[changed.size // 2] = what
    return changed


def _strided(value: np.ndarray) -> np.ndarray:
    if not value.ndim:
        raise NotApplicable
    wide = np.zeros((*value.shape[:-1], 2 * value.shape[-1]), value.dtype)
    wide[..., ::2] = value
    return wide[..., ::2]


def _read_only(value: np.ndarray) -> np.ndarray:
    value.flags.writeable = False
    return value


def _cast(dtype: Any) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """The value in another type, and the rounded value in its own."""

    def make(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if value.dtype.kind != "f":
            raise NotApplicable
        with np.errstate(all="ignore"):
            narrow = value.astype(dtype)
        back = narrow.astype(value.dtype)
        if not np.isfinite(back).all():
            raise NotApplicable
        return narrow, back

    return make


def _integers(dtype: Any) -> Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]:
    """Rounded values as integers, and as numbers of the type that was there."""

    def make(value: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if value.dtype.kind not in "fiu":
            raise NotApplicable
        with np.errstate(all="ignore"):
            whole = np.rint(value)
            narrow = whole.astype(dtype)
        if (narrow.astype(float) != whole).any():
            raise NotApplicable
        return narrow, narrow.astype(np.float64 if value.dtype.kind == "f" else value.dtype)

    return make


def _frame(value: np.ndarray) -> Any:
    if pandas is None or value.ndim not in (1, 2):
        raise NotApplicable
    if value.ndim == 1:
        return pandas.Series(value, index=[f"row {i}" for i in range(len(value))])
    return pandas.DataFrame(value, columns=[f"v{i}" for i in range(value.shape[1])])


def _masked(value: np.ndarray, *, some: bool) -> np.ma.MaskedArray:
    mask = np.zeros(value.shape, bool)
    if some:
        mask.flat[mask.size // 2] = True
    return np.ma.MaskedArray(value, mask)


def _as_tuple(value: Any) -> Any:
    return tuple(map(_as_tuple, value)) if isinstance(value, list) else value


def _with_axes(change: Callable[[np.ndarray], Any], least: int = 1) -> Callable[[np.ndarray], Any]:
    def make(value: np.ndarray) -> Any:
        if value.ndim < least or not value.size:
            raise NotApplicable
        return change(value)

    return make


def _own_array(value: np.ndarray) -> Any:
    class Tagged(np.ndarray):
        """A subclass that behaves as an array."""

    return value.view(Tagged)


class _Convertible:
    """An object that turns itself into an array, as tensors and data frames of others do."""

    def __init__(self, value: np.ndarray) -> None:
        self.value = value

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return np.array(self.value, dtype=dtype)


def _array(optional: bool) -> Iterator[Mutation]:
    yield _changed("as nested lists", "same", lambda v: v.tolist())
    yield _changed("as nested tuples", "same", lambda v: _as_tuple(v.tolist()))
    yield _changed("in Fortran order", "same", np.asfortranarray)
    yield _changed("strided", "same", _strided)
    yield _changed("reversed twice", "same", _with_axes(lambda v: v[::-1].copy()[::-1]))
    yield _changed("byte-swapped", "same", lambda v: v.astype(v.dtype.newbyteorder()))
    yield _changed("read-only", "same", _read_only)
    yield _changed("longdouble", "same", lambda v: v.astype(np.result_type(v, np.longdouble)))
    yield _changed("as a data frame", "same", _frame)
    yield _changed("masked nowhere", "same", lambda v: _masked(v, some=False))
    yield _changed("of a subclass", "same", _own_array)
    yield _changed("convertible", "same", _Convertible)
    yield _changed("of objects", "either", lambda v: v.astype(object))
    # measured below 1e-5 of the largest value; float32 arithmetic may follow a float32 argument
    yield Mutation("float32", "same", _cast(np.float32), rtol=1e-3)
    yield Mutation("float16", "same", _cast(np.float16))
    for dtype in (np.int64, np.int16, np.uint8, bool):
        expects = "either" if dtype is bool else "same"
        yield Mutation(f"whole, {np.dtype(dtype)}", expects, _integers(dtype), sharp=False)
    for label, what in {"NaN": np.nan, "inf": np.inf, "-inf": -np.inf}.items():
        yield _changed(
            f"with {label}", "never", _with_axes(lambda v, what=what: _at_first(v, what), 0)
        )
    yield _changed("all NaN", "never", lambda v: np.full(v.shape, np.nan))
    yield _changed("masked somewhere", "never", _with_axes(lambda v: _masked(v, some=True)))
    yield _changed("of text", "never", lambda v: v.astype(str))
    yield _changed("of None", "never", lambda v: np.full(v.shape, None))
    yield _changed("of dates", "never", lambda v: np.full(v.shape, np.datetime64("2020-01-01")))
    yield _changed("ragged", "never", _with_axes(lambda v: [[1.0], [1.0, 2.0]]))
    yield _changed("structured", "never", lambda v: np.zeros(v.shape, [("x", float)]))
    yield from _foreign()
    yield _constant("None", "either" if optional else "never", None)
    yield _changed("complex", "either", lambda v: v + 1j, sharp=False)
    yield _constant("empty", "either", np.empty(0), sharp=False)
    yield _constant("an empty list", "either", [], sharp=False)
    yield _changed("of no rows", "either", _with_axes(lambda v: v[:0]), sharp=False)
    yield _changed("of no columns", "either", _with_axes(lambda v: v[..., :0]), sharp=False)
    yield _constant("0-d", "either", np.array(1.5), sharp=False)
    yield _constant("a number", "either", 1.5, sharp=False)
    yield _changed("one axis more", "either", lambda v: v[None], sharp=False)
    yield _changed("an axis behind", "either", lambda v: v[..., None], sharp=False)
    yield _changed("one axis less", "either", _with_axes(lambda v: v[0]), sharp=False)
    yield _changed("flat", "either", np.ravel, sharp=False)
    yield _changed("transposed", "either", _with_axes(lambda v: v.T, 2), sharp=False)
    yield _changed("one row less", "either", _with_axes(lambda v: v[:-1]), sharp=False)
    yield _changed("one column less", "either", _with_axes(lambda v: v[..., :-1]), sharp=False)
    yield _changed(
        "twice as long", "either", _with_axes(lambda v: np.concatenate([v, v])), sharp=False
    )
    yield _changed("backwards", "either", _with_axes(lambda v: v[::-1]), sharp=False)
    yield _changed("all equal", "either", lambda v: np.full(v.shape, 0.5), sharp=False)
    yield _changed("zero", "either", lambda v: np.zeros(v.shape), sharp=False)
    yield _changed("negative", "either", lambda v: -v.astype(float), sharp=False)
    for factor in (1e-300, 1e-150, 1e-12, 1e6, 1e12, 1e150, 1e300):

        def scaled(v: np.ndarray, factor: float = factor) -> np.ndarray:
            with np.errstate(all="ignore"):
                return np.nan_to_num(v * factor)

        yield _changed(f"times {factor:g}", "either", scaled, sharp=False)
    yield _changed(
        "with one huge", "either", _with_axes(lambda v: _at_first(v, 1e300), 0), sharp=False
    )
    yield _changed(
        "with one tiny", "either", _with_axes(lambda v: _at_first(v, 5e-324), 0), sharp=False
    )


# Numbers ---------------------------------------------------------------------------------------


def _number(optional: bool) -> Iterator[Mutation]:
    for label, kind in {
        "float64": np.float64,
        "longdouble": np.longdouble,
        "0-d": np.array,
        "0-d, byte-swapped": lambda v: np.array(v, dtype=np.dtype(float).newbyteorder()),
    }.items():
        yield _changed(label, "same", kind)
    for kind in (np.float32, np.float16):

        def narrow(v: Any, kind: Any = kind) -> tuple[Any, Any]:
            with np.errstate(all="ignore"):
                rounded = kind(v)
            if not np.isfinite(rounded) or (rounded == 0) != (v == 0):
                raise NotApplicable
            return rounded, float(rounded)

        yield Mutation(kind.__name__, "same", narrow)
    for kind in (int, np.int64, np.uint8):

        def whole(v: Any, kind: Any = kind) -> tuple[Any, Any]:
            if not 0 < round(v) < 255:
                raise NotApplicable
            return kind(round(v)), float(round(v))

        yield Mutation(kind.__name__, "same", whole, sharp=False)
    yield _changed("a fraction", "either", fractions.Fraction)
    yield _changed("a decimal", "either", decimal.Decimal)
    for label, what in {
        "NaN": float("nan"),
        "inf": float("inf"),
        "-inf": float("-inf"),
        "NaN, float32": np.float32("nan"),
        "text of a number": "0.5",
        "True": True,
        "numpy True": np.True_,
        "complex": 1.5 + 2j,
        "a date": np.datetime64("2020-01-01"),
        "masked": np.ma.masked,
        "two numbers": np.array([1.5, 2.5]),
        "a list of two": [1.5, 2.5],
        "empty": np.empty(0),
        "an integer beyond float64": 10**400,
        "an integer of many digits": 10**5000,
    }.items():
        yield _constant(label, "never", what)
    yield from _foreign("a date")
    yield _constant("None", "either" if optional else "never", None)
    yield _changed("a list of one", "either", lambda v: [v])
    yield _changed("an array of one", "either", lambda v: np.array([v]))
    yield from _sizes()
    yield _changed("negative", "either", lambda v: -v, sharp=False)
    for factor in (1e-6, 1e-3, 1e3, 1e6):
        yield _changed(f"times {factor:g}", "either", lambda v, f=factor: v * f, sharp=False)


def _sizes() -> Iterator[Mutation]:
    for what in (0.0, -0.0, -1.0, 1.0, 5e-324, 1e-300, 1e-16, 1e16, 1e150, 1e300, 1.7e308, -1e300):
        yield _constant(f"{what:g}", "either", what, sharp=False)


def _integer(optional: bool) -> Iterator[Mutation]:
    for kind in (np.int64, np.int16, np.uint8):

        def cast(v: int, kind: Any = kind) -> Any:
            if not 0 <= v < 127:
                raise NotApplicable
            return kind(v)

        yield _changed(kind.__name__, "same", cast)
    yield _changed("0-d", "either", np.array)
    yield _changed("float", "either", float)
    for label, what in {
        "NaN": float("nan"),
        "inf": float("inf"),
        "a half": 2.5,
        "text of a number": "3",
        "True": True,
        "numpy True": np.True_,
        "complex": 3 + 0j,
        "masked": np.ma.masked,
        "a list of one": [3],
        "empty": np.empty(0),
        "an integer of many digits": 10**5000,
    }.items():
        yield _constant(label, "never", what)
    yield from _foreign()
    yield _constant("None", "either" if optional else "never", None)
    for what in (0, 1, 2, -1, -(2**63), 2**31, 10**9, 2**63, 2**64, 10**12, 10**400):
        yield _constant(
            str(what) if abs(what) < 2**80 else "of 400 digits", "either", what, sharp=False
        )


def _scalar_array(optional: bool) -> Iterator[Mutation]:
    """A number where an array may stand too."""
    refused = {"two numbers", "a list of two", "empty", "a set", "True", "numpy True", "complex"}
    for mutation in _number(optional):
        soft = mutation.label in refused
        yield Mutation(
            mutation.label,
            "either" if soft else mutation.expects,
            mutation.make,
            sharp=mutation.sharp and not soft,
            rtol=mutation.rtol,
        )


# Words, flags, seeds, files --------------------------------------------------------------------


def _option(optional: bool) -> Iterator[Mutation]:
    for label, what in {
        "unknown": "no such option",
        "empty": "",
        "a number": 3,
        "NaN": float("nan"),
        "True": True,
        "an array": np.ones(3),
        "very long": "x" * 100_000,
    }.items():
        yield _constant(label, "never", what)
    yield _changed("bytes", "never", lambda v: v.encode())
    yield _changed("with a blank", "never", lambda v: v + " ")
    yield _changed("in a list", "either", lambda v: [v])
    yield _changed("numpy text", "same", np.str_)
    yield from _foreign("text", "bytes")
    yield _constant("None", "either" if optional else "never", None)


def _flag(optional: bool) -> Iterator[Mutation]:
    yield _changed("numpy", "same", np.bool_)
    for label, what in {
        "one": 1,
        "zero": 0,
        "NaN": float("nan"),
        "text": "no",
        "empty": "",
        "an array": np.ones(3, bool),
        "an empty list": [],
    }.items():
        yield _constant(label, "never", what)
    yield from _foreign("text")
    yield _constant("None", "either" if optional else "never", None)


def _rng(_optional: bool) -> Iterator[Mutation]:
    def seed(v: Any) -> int:
        if not isinstance(v, int):
            raise NotApplicable
        return v

    yield _changed("numpy integer", "same", lambda v: np.int64(seed(v)))
    yield _changed("numpy unsigned", "same", lambda v: np.uint64(seed(v)))
    for label, what in {
        "negative": -1,
        "a half": 1.5,
        "NaN": float("nan"),
        "text": "3",
        "True": True,
        "a list": [1, 2],
        "an old generator": np.random.RandomState(0),
    }.items():
        yield _constant(
            label, "either" if label in ("an old generator", "a list") else "never", what
        )
    yield _changed("a generator of numbers", "either", lambda v: np.random.default_rng(seed(v)))
    yield _constant("huge", "either", 10**100)
    yield from _foreign("text", "bytes")


def _path(_optional: bool) -> Iterator[Mutation]:
    yield _changed("as text", "same", str)
    yield _changed("as bytes", "either", lambda v: str(v).encode())
    for label, what in {"empty": "", "a number": 3.5, "None": None, "True": True}.items():
        yield _constant(label, "never", what, sharp=False)
    yield _changed("a folder", "never", lambda v: Path(v).parent, sharp=False)
    yield _changed("in no folder", "never", lambda v: Path(v).parent / "none" / "x", sharp=False)
    yield _changed("with a zero byte", "never", lambda v: str(v) + "\0", sharp=False)
    yield _changed("very long", "never", lambda v: Path(v).parent / ("x" * 5000), sharp=False)
    yield from _foreign("text", "bytes")


def _activation(_optional: bool) -> Iterator[Mutation]:
    yield Mutation("as an object", "same", lambda v: (rf.activation(v), CLEAN))
    yield Mutation("by name", "same", lambda v: (_name_of(v), CLEAN))
    for label, what in {
        "unknown": "no such activation",
        "empty": "",
        "a number": 3,
        "a lambda": lambda z: z,
        "an array": np.ones(3),
        "a ridgelet": rf.Ridgelet(2, 2),
        "None": None,
        "the class": rf.Activation,
        "two names": ["tanh", "relu"],
        "NaN": float("nan"),
    }.items():
        yield _constant(label, "never", what)
    yield from _foreign()
    for name in ("relu", "step", "gaussian", "tanh", "cos"):
        if name in rf.activation_names():
            yield _constant(name, "either", name, sharp=False)


def _name_of(value: Any) -> str:
    name = getattr(value, "name", value)
    if name not in rf.activation_names() or rf.activation(name) != rf.activation(value):
        raise NotApplicable
    return name


# Objects, functions, lists ---------------------------------------------------------------------


def _object(optional: bool) -> Iterator[Mutation]:
    yield _constant("None", "either" if optional else "never", None)
    yield _changed("its class", "never", type)
    for label, what in {
        "a number": 3,
        "NaN": float("nan"),
        "True": True,
        "a ridgelet": rf.Ridgelet(2, 2),
        "an empty list": [],
    }.items():
        # Where laws may be arrays, "a number" is an array; the rows say where a ridgelet is right.
        yield _changed(label, "never", lambda v, what=what: _unlike(v, what), sharp=False)
    yield Mutation("in a list", "either", lambda v: ([v], CLEAN))
    yield from _foreign()


def _unlike(value: Any, other: Any) -> Any:
    if isinstance(other, type(value)):
        raise NotApplicable
    return other


def _function(optional: bool) -> Iterator[Mutation]:
    yield _constant("None", "either" if optional else "never", None)
    for label, what in {
        "a number": 3,
        "an array": np.ones(3),
        "True": True,
        "a list of functions": [len],
    }.items():
        yield _constant(label, "never", what)
    yield from _foreign("a class", "a function")

    def returning(change: Callable[[Any], Any]) -> Callable[[Any], tuple[Any, Any]]:
        def make(f: Any) -> tuple[Any, Any]:
            @functools.wraps(f)
            def changed(*given: Any, **named: Any) -> Any:
                return change(f(*given, **named))

            return changed, CLEAN

        return make

    yield Mutation("returning a list", "same", returning(lambda y: np.asarray(y).tolist()))
    yield Mutation("returning Fortran order", "same", returning(np.asfortranarray))
    for label, change in {
        "NaN": lambda y: np.full(np.shape(y), np.nan),
        "one NaN": lambda y: _at_first(np.array(y, float), np.nan),
        "None": lambda _: None,
        "text": lambda _: _TEXT,
        "a generator": lambda _: (x for x in [1.0]),
        "an array masked somewhere": lambda y: _masked(np.asarray(y), some=True),
    }.items():
        yield Mutation(f"returning {label}", "never", returning(change), sharp=False)
    for label, change in {
        "complex": lambda y: np.asarray(y) + 1j,
        "too few": lambda y: np.asarray(y)[..., :-1],
        "an axis more": lambda y: np.asarray(y)[..., None],
        "a number": lambda _: 1.5,
        "huge values": lambda y: np.full(np.shape(y), 1e300),
    }.items():
        yield Mutation(f"returning {label}", "either", returning(change), sharp=False)


def _items(optional: bool) -> Iterator[Mutation]:
    def other(v: Any) -> Any:
        return list(v) if isinstance(v, tuple) else tuple(v)

    def replaced(v: Any, i: int, what: Any) -> Any:
        if not len(v):
            raise NotApplicable
        changed = list(v)
        changed[i] = what
        return type(v)(changed)

    yield _changed("list for tuple", "same", other)
    yield _constant("None", "either" if optional else "never", None)
    yield from _foreign("a generator", "a set", "a dictionary")
    yield _constant("a number", "either", 1.5, sharp=False)
    yield _changed("a generator", "either", lambda v: (x for x in v))
    yield _changed("empty", "either", lambda v: type(v)(), sharp=False)
    yield _changed("one less", "either", lambda v: v[:-1], sharp=False)
    yield _changed("one more", "either", lambda v: v + v[-1:], sharp=False)
    yield _changed("backwards", "either", lambda v: v[::-1], sharp=False)
    for place, i in {"first": 0, "last": -1}.items():
        for label, what in {
            "NaN": np.nan,
            "inf": np.inf,
            "None": None,
            "text": _TEXT,
            "a foreign object": Foreign(),
        }.items():
            yield _changed(
                f"{place} {label}",
                "never",
                lambda v, i=i, what=what: replaced(v, i, what),
                sharp=False,
            )
    for mutation in _array(False):
        # Single items that are arrays: a few of the changes of arrays.
        if mutation.label in _ITEM_CHANGES:

            def inner(v: Any, mutation: Mutation = mutation) -> tuple[Any, Any]:
                if not len(v) or not isinstance(v[0], np.ndarray):
                    raise NotApplicable
                changed, reference = mutation.make(v[0].copy())
                return (
                    replaced(v, 0, changed),
                    CLEAN if reference is CLEAN else replaced(v, 0, reference),
                )

            yield Mutation(f"first {mutation.label}", mutation.expects, inner, False, mutation.rtol)


_ITEM_CHANGES = {
    "as nested lists", "strided", "byte-swapped", "read-only", "longdouble", "float32", "float16",
    "whole, int64", "with NaN", "with inf", "masked somewhere", "of text", "complex", "empty",
    "one axis more", "one axis less", "one row less", "one column less", "twice as long",
    "backwards", "zero", "negative", "times 1e-150", "times 1e+150", "times 1e+300", "times 1e-300",
}  # fmt: skip


def _mapping(optional: bool) -> Iterator[Mutation]:
    yield _constant("None", "either" if optional else "never", None)
    yield _constant("empty", "either", {}, sharp=False)
    yield from _foreign("a dictionary")
    yield _constant("a number", "never", 3)
    yield _constant("a list", "never", [1, 2])

    def replaced(v: dict, what: Any, place: int) -> dict:
        if not v:
            raise NotApplicable
        return {**v, sorted(v, key=str)[place]: what}

    for place in (0, -1):
        for label, what in {"NaN": np.nan, "None": None, "text": _TEXT, "a list": []}.items():
            yield _changed(
                f"value {place} {label}",
                "either",
                lambda v, what=what, place=place: replaced(v, what, place),
                sharp=False,
            )


def _none(_optional: bool) -> Iterator[Mutation]:
    """An option that was left out."""
    yield from _foreign("a function", "a class", "a set")
    yield _constant("NaN", "never", float("nan"))
    yield _constant("an empty list", "either", [], sharp=False)


def _labels(optional: bool) -> Iterator[Mutation]:
    """Names of classes, of any kind."""

    def named(v: np.ndarray) -> np.ndarray:
        return np.array([f"class {i}" for i in v])

    for label, change in {
        "as a list": lambda v: v.tolist(),
        "as a tuple": lambda v: tuple(v.tolist()),
        "strided": _strided,
        "byte-swapped": lambda v: v.astype(v.dtype.newbyteorder()),
        "read-only": _read_only,
        "int16": lambda v: v.astype(np.int16),
        "as a series": _frame,
        "masked nowhere": lambda v: _masked(v, some=False),
    }.items():
        yield _changed(label, "same", change)
    for label, change in {
        "of text": named,
        "of booleans": lambda v: v.astype(bool),
        "of floats": lambda v: v.astype(float),
        "of objects": lambda v: named(v).astype(object),
        "one less": lambda v: v[:-1],
        "one more": lambda v: np.append(v, v[0]),
        "of one class": lambda v: np.zeros_like(v),
        "all different": lambda v: np.arange(len(v)),
        "an axis behind": lambda v: v[:, None],
        "huge": lambda v: v * 2**62,
        "negative": lambda v: -v,
        "complex": lambda v: v + 0j,
        "bytes": lambda v: named(v).astype(bytes),
    }.items():
        yield _changed(label, "either", change, sharp=False)
    for label, change in {
        "masked somewhere": lambda v: _masked(v, some=True),
        "with NaN": lambda v: _at_first(v, np.nan),
        "with None": lambda v: [*v[:-1].tolist(), None],
        "of mixed kinds": lambda v: [*v[:-1].tolist(), "x"],
    }.items():
        yield _changed(label, "never", change)
    yield _constant("None", "either" if optional else "never", None)
    yield _constant("a number", "never", 3, sharp=False)
    yield _constant("empty", "never", [], sharp=False)
    yield from _foreign()


def _names(optional: bool) -> Iterator[Mutation]:
    """Several words."""
    yield _changed("list for tuple", "same", lambda v: tuple(v) if isinstance(v, list) else list(v))
    yield _changed("an array of text", "same", np.array)
    yield _constant("None", "either" if optional else "never", None)
    yield _constant("a number", "never", 3)
    yield _changed("of numbers", "either", lambda v: list(range(len(v))))
    yield _changed("one less", "either", lambda v: v[:-1], sharp=False)
    yield _changed("one more", "either", lambda v: [*v, "x"], sharp=False)
    yield _changed("equal ones", "either", lambda v: [v[0]] * len(v), sharp=False)
    yield _changed("with None", "never", lambda v: [*v[:-1], None])
    yield _changed("very long", "either", lambda v: [w * 5000 for w in v])
    yield _changed("with signs", "either", lambda v: ["$x_", "a\nb<&>"] * len(v), sharp=False)
    yield from _foreign("text", "a set", "a dictionary", "bytes", "a generator")


def _words(optional: bool) -> Iterator[Mutation]:
    """Text that is shown."""
    yield _changed("numpy text", "same", np.str_)
    yield _constant("None", "either" if optional else "never", None)
    for label, what in {
        "empty": "",
        "very long": "x" * 5000,
        "signs of formulas": "fee ($$) a_b^c \\frac{",
        "two lines": "a\nb",
        "signs of pages": "<script>&amp;",
    }.items():
        yield _constant(label, "either", what)
    for label, what in {"a number": 3, "NaN": float("nan"), "an array": np.ones(3)}.items():
        yield _constant(label, "never", what)
    yield from _foreign("text")


def _command_words(never: dict[str, Any], either: dict[str, Any]) -> Any:
    def made(_optional: bool) -> Iterator[Mutation]:
        for expects, words in {"never": never, "either": either}.items():
            for label, word in words.items():
                yield _constant(label, expects, word, sharp=expects == "never")

    return made


_NO_NUMBERS = {
    "text": "three",
    "empty": "",
    "NaN": "nan",
    "inf": "inf",
    "-inf": "-inf",
    "complex": "1+2j",
    "a list": "1,2",
    "with a unit": "3cm",
    "beyond float64": "1e400",
    "very long": "9" * 5000,
}
_WORD_KINDS = {
    "a whole word": _command_words(
        {**_NO_NUMBERS, "a half": "2.5", "negative": "-1", "in hexadecimal": "0x3"},
        {"zero": "0", "1": "1", "with blanks": " 3 ", "huge": "1000000000000", "2**63": str(2**63)},
    ),
    "a number as a word": _command_words(
        _NO_NUMBERS,
        {"zero": "0", "one": "1", "negative": "-0.5", "tiny": "1e-300", "huge": "1e300"},
    ),
    "a word": _command_words(
        {"unknown": "no such thing", "very long": "x" * 5000, "a folder": "/tmp"},
        {
            "empty": "",
            "a number": "3",
            "zero": "0",
            "negative": "-1",
            "commas": ",,",
            "quoted": "'u'",
            "NaN": "nan",
            "huge": "1000000000000",
            "twice": "1,1",
        },
    ),
    "a file as a word": _command_words(
        {
            "missing": "/no/such/file.csv",
            "a folder": "/tmp",
            "empty": "",
            "a device": "/dev/null",
            "very long": "x" * 5000,
            "a module": np.__file__,
        },
        {},
    ),
}
_KINDS = {
    **_WORD_KINDS,
    "labels": _labels,
    "names": _names,
    "words": _words,
    "activation": _activation,
    "array": _array,
    "flag": _flag,
    "function": _function,
    "integer": _integer,
    "items": _items,
    "mapping": _mapping,
    "none": _none,
    "number": _number,
    "object": _object,
    "option": _option,
    "path": _path,
    "rng": _rng,
    "scalar array": _scalar_array,
}


def mutations(kind: str, optional: bool) -> list[Mutation]:
    """All mutations of an argument of a kind."""
    return list(_KINDS[kind](optional))


def copied(value: Any) -> Any:
    """A value whose arrays may be changed."""
    if isinstance(value, np.ndarray):
        return value.copy()
    if isinstance(value, (list, tuple)):
        return type(value)(map(copied, value))
    return value
