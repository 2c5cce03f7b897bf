"""Validators: each returns the clean value, or raises naming the argument, the requirement,
what was given and a way out."""

from __future__ import annotations

import difflib
import functools
import inspect
import math
import operator
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from numbers import Number
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._config import get_config
from ridgeflow.errors import MemoryBudgetError

__all__ = [
    "array_like",
    "as_array",
    "as_covariance",
    "as_generator",
    "as_points",
    "as_real_array",
    "below_one",
    "common_float",
    "finite_number",
    "fits_in_memory",
    "flag",
    "holding",
    "increasing",
    "instance_of",
    "items_of",
    "moderate",
    "non_negative",
    "one_of",
    "positive",
    "positive_int",
    "representable",
    "same_length",
    "slab_rows",
    "uniform_axis",
    "within_squares",
]


# Whether the call is made by a function that looks at the range of its result itself.
_within: ContextVar[bool] = ContextVar("ridgeflow_within", default=False)
_Number = TypeVar("_Number", float, complex)
_Function = TypeVar("_Function", bound=Callable[..., Any])

# Counts beyond this are slips of the pen: nothing that has so many parts can be stored.
_LARGEST_COUNT = 2**48
# Beyond it squared distances may overflow.
_LARGEST_SQUARED = 1e150


def common_float(*arrays: NDArray) -> np.dtype:
    """float32 if every array is float32, float64 otherwise."""
    single = all(np.asarray(a).dtype.type is np.float32 for a in arrays)
    return np.dtype(np.float32 if single else np.float64)


def _short(value: Any, length: int = 80) -> str:
    """A value as a message shows it: its repr, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:  # Python does not print integers of more than 4300 digits
        text = f"an integer of some {int(value.bit_length() * 0.30103)} digits"
    text = " ".join(text.split())
    return text if len(text) <= length else f"{text[: length - 1]}…"


def _masked(value: Any, depth: int = 3) -> bool:
    """Whether some entry is masked: NumPy would read what lies under the mask."""
    if isinstance(value, np.ma.MaskedArray):
        return bool(np.ma.getmaskarray(value).any())
    if isinstance(value, (list, tuple)) and depth:
        return any(
            _masked(part, depth - 1)
            for part in value
            if isinstance(part, (np.ndarray, list, tuple))
        )
    return False


def as_array(value: Any, name: str) -> NDArray:
    """What NumPy makes of a value, without losing a mask and without foreign errors."""
    if _masked(value):
        raise ValueError(
            f"`{name}` must have no masked entries, got a masked array (pass `.compressed()`, or "
            "`.filled(value)` with a value that means something)"
        )
    if type(value).__module__.startswith("dask."):
        # It would be gathered here without a word, however large it is.
        raise TypeError(
            f"`{name}` must be an array here, got a Dask {type(value).__name__} (pass "
            f"`{name}.compute()` if it fits memory, or map over its chunks)"
        )
    try:
        return np.asarray(value)
    # Ragged lists; objects that refuse to become arrays, such as tensors that require a gradient.
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise ValueError(
            f"`{name}` must be a rectangular array of numbers, got {_short(value)}: {error}"
        ) from None


def as_real_array(
    value: ArrayLike,
    name: str,
    *,
    ndim: int | Sequence[int] | None = None,
    allow_complex: bool = False,
    allow_empty: bool = False,
) -> NDArray:
    """A finite, C-contiguous float32 or float64 array (complex where that is allowed)."""
    array = as_array(value, name)
    kind = array.dtype.kind
    if kind == "c" and not allow_complex:
        raise TypeError(f"`{name}` must be real, got dtype {array.dtype} (pass its real part)")
    if kind not in "biufc":
        what = f"dtype {array.dtype}" if array.ndim else _short(value)
        raise TypeError(f"`{name}` must be numeric, got {what} (pass an array of numbers)")
    single, double = (np.complex64, np.complex128) if kind == "c" else (np.float32, np.float64)
    # Too large for float64 becomes infinite and is refused below.
    with np.errstate(over="ignore"):
        array = array.astype(single if array.dtype.type is single else double)
    if ndim is not None:
        wanted = (ndim,) if isinstance(ndim, int) else tuple(ndim)
        if array.ndim not in wanted:
            raise ValueError(
                f"`{name}` must have {' or '.join(map(str, wanted))} dimension(s), "
                f"got shape {array.shape}"
            )
    if array.size == 0 and not allow_empty:
        raise ValueError(f"`{name}` must not be empty, got shape {array.shape}")
    if not np.isfinite(array).all():
        bad = int(array.size - np.isfinite(array).sum())
        raise ValueError(
            f"`{name}` must be finite, got {bad} NaN or infinite value(s) among {array.size} "
            "(remove or replace them)"
        )
    return np.ascontiguousarray(array) if array.ndim else array


def as_points(value: ArrayLike, name: str = "points", dim: int | None = None) -> NDArray:
    """Points of shape (n, m). A 1-D array is read as n points where the dimension is 1."""
    array = as_real_array(value, name, ndim=(1, 2))
    if array.ndim == 1:
        if dim not in (None, 1):
            raise ValueError(
                f"`{name}` must have shape (n, {dim}), got {array.shape} "
                f"(write `{name}[None, :]` for a single point)"
            )
        array = array[:, None]
    if dim is not None and array.shape[1] != dim:
        raise ValueError(f"`{name}` must have shape (n, {dim}), got {array.shape}")
    return array


def finite_number(value: Any, name: str) -> float:
    """A finite real number: a Python or NumPy number or a 0-d array; no text, no truth value."""
    # Strings, truth values and masked or complex scalars all pass through float() in some form.
    if isinstance(value, (str, bytes, bytearray, bool)) or _masked(value):
        raise TypeError(f"`{name}` must be a number, got {_short(value)}")
    if getattr(value, "ndim", 0) or (
        isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind not in "iuf"
    ):
        raise TypeError(f"`{name}` must be a single real number, got {_short(value)}")
    try:
        number = float(value)
    except (TypeError, ValueError, RuntimeError):
        raise TypeError(f"`{name}` must be a number, got {_short(value)}") from None
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be finite, got {_short(value)}")
    return number


def positive(value: Any, name: str, *, hint: str = "") -> float:
    """A finite number > 0."""
    number = finite_number(value, name)
    if number <= 0:
        raise ValueError(f"`{name}` must be positive, got {number:g}{hint and f' ({hint})'}")
    return number


def non_negative(value: Any, name: str, *, hint: str = "") -> float:
    """A finite number >= 0."""
    number = finite_number(value, name)
    if number < 0:
        raise ValueError(f"`{name}` must not be negative, got {number:g}{hint and f' ({hint})'}")
    return number


def below_one(number: float, name: str, *, hint: str = "") -> float:
    """A number that has been checked otherwise, if it is below 1."""
    if number >= 1:
        raise ValueError(f"`{name}` must be below 1, got {number:g}{hint and f' ({hint})'}")
    return number


def moderate(
    number: _Number,
    name: str,
    *,
    exponent: int = 150,
    must: str = "lie between {} and {}",
    hint: str = "take another unit of length",
) -> _Number:
    """A checked number whose size lies between 10^-exponent and 10^exponent."""
    low, high = f"1e-{exponent}", f"1e{exponent}"
    if not float(low) < abs(number) < float(high):
        raise ValueError(f"`{name}` must {must.format(low, high)}, got {number:g} ({hint})")
    return number


def positive_int(value: Any, name: str, *, minimum: int = 1, maximum: int = _LARGEST_COUNT) -> int:
    """An integer from ``minimum`` to ``maximum``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer, got {_short(value)}") from None
    if isinstance(value, bool) or _masked(value) or getattr(value, "dtype", None) == np.bool_:
        raise TypeError(f"`{name}` must be an integer, got {_short(value)}")
    if number < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {_short(number)}")
    if number > maximum:
        raise ValueError(f"`{name}` must be at most {maximum}, got {_short(number)}")
    return number


def flag(value: Any, name: str) -> bool:
    """True or False, and nothing that merely counts as one of them."""
    if isinstance(value, (bool, np.bool_)):
        return bool(value)
    raise TypeError(f"`{name}` must be True or False, got {_short(value)}")


def instance_of(value: Any, name: str, *kinds: type, hint: str = "") -> Any:
    """An object of one of the given classes."""
    if isinstance(value, kinds):
        return value
    wanted = " or ".join(kind.__name__ for kind in kinds)
    raise TypeError(
        f"`{name}` must be a {wanted}, got {_short(value)} of type "
        f"{type(value).__name__}{hint and f' ({hint})'}"
    )


def items_of(value: Any, name: str) -> list:
    """The items of a list, tuple or array; a generator, which can be read once, is refused."""
    if isinstance(value, (str, bytes, Number, dict)) or not (
        hasattr(value, "__len__") and hasattr(value, "__getitem__")
    ):
        raise TypeError(f"`{name}` must be a list or a tuple, got {_short(value)}")
    try:
        return list(value)
    except TypeError:  # a 0-d array
        raise TypeError(f"`{name}` must be a list or a tuple, got {_short(value)}") from None


def one_of(value: Any, name: str, options: Iterable[str]) -> str:
    """One of the given strings; the message names the nearest."""
    valid = list(options)
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a string among {', '.join(valid)}, got {_short(value)}")
    if value not in valid:
        near = difflib.get_close_matches(value, valid, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"`{name}` must be one of {', '.join(valid)}, got {_short(value)}{hint}")
    return str(value)  # of NumPy's own kind of text too


def same_length(**arrays: NDArray) -> int:
    """The common first length of the named arrays."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shapes = ", ".join(f"`{name}` {array.shape}" for name, array in arrays.items())
        raise ValueError(f"these arrays must agree in their first length, got {shapes}")
    return next(iter(lengths.values()))


def increasing(value: ArrayLike, name: str, *, minimum_size: int = 1) -> NDArray:
    """A strictly increasing 1-D array of float64."""
    array = as_real_array(value, name, ndim=1).astype(np.float64)
    if array.size < minimum_size:
        raise ValueError(f"`{name}` must hold at least {minimum_size} value(s), got {array.size}")
    if array.size > 1 and not (np.diff(array) > 0).all():
        i = int(np.argmin(np.diff(array) > 0))
        raise ValueError(
            f"`{name}` must increase strictly, got {array[i]:g} then {array[i + 1]:g} "
            f"at positions {i}, {i + 1} (sort it and drop repeats)"
        )
    return array


def uniform_axis(value: ArrayLike, name: str) -> tuple[NDArray, float]:
    """An increasing 1-D axis of equal steps, and its spacing (1 for a single coordinate)."""
    given = as_array(value, name)
    axis = increasing(given, name)
    if axis.size == 1:
        return axis, 1.0
    spacing = (axis[-1] - axis[0]) / (axis.size - 1)
    ideal = axis[0] + spacing * np.arange(axis.size)
    # Coordinates carry rounding of their own magnitude, in the precision in which they came: one
    # unit for the value and one for each of start, stop and step from which it was computed.
    kind = given.dtype if given.dtype.kind == "f" else np.dtype(np.float64)
    rounding = max(float(np.finfo(kind).eps), np.finfo(np.float64).eps)
    slack = 1e-6 * spacing + 8 * rounding * np.abs(axis).max()
    worst = float(np.abs(axis - ideal).max())
    if worst > min(slack, 0.25 * spacing):
        raise ValueError(
            f"`{name}` must be uniform, got steps from {np.diff(axis).min():g} to "
            f"{np.diff(axis).max():g} (resample, or pass scattered points as a SampleField)"
        )
    return (axis if rounding == np.finfo(np.float64).eps else ideal), float(spacing)


def as_covariance(value: ArrayLike, name: str, dim: int) -> NDArray[np.float64]:
    """A symmetric positive definite (dim, dim) matrix; a number stands for its multiple of I."""
    array = as_real_array(value, name).astype(np.float64)
    if array.ndim == 0:
        array = float(array) * np.eye(dim)
    if array.shape != (dim, dim):
        raise ValueError(f"`{name}` must have shape ({dim}, {dim}), got {array.shape}")
    scale = float(np.abs(array).max())
    if np.abs(array - array.T).max() > 1e-10 * scale:
        raise ValueError(
            f"`{name}` must be symmetric, got an asymmetry of {np.abs(array - array.T).max():.3g}"
        )
    array = 0.5 * (array + array.T)
    least = float(np.linalg.eigvalsh(array)[0])
    if not least > 1e-14 * scale:
        raise ValueError(
            f"`{name}` must be positive definite, got a least eigenvalue of {least:.3g} "
            f"beside entries up to {scale:.3g} (drop constant or dependent coordinates, "
            "or add a multiple of the identity)"
        )
    return array


def array_like(value: Any) -> bool:
    """Whether a value is an array, a sequence or an object that knows how to become one."""
    return isinstance(value, (np.ndarray, list, tuple)) or callable(
        getattr(type(value), "__array__", None)
    )


def within_squares(points: NDArray, name: str) -> NDArray:
    """The points, whose squared distances are numbers."""
    far = np.abs(points).max(axis=1) > _LARGEST_SQUARED
    if far.any():
        bad = int(np.argmax(far))
        raise ValueError(
            f"`{name}` must lie where squared distances are representable, within "
            f"{_LARGEST_SQUARED:g}, got {name}[{bad}] = {points[bad]} (take another unit of length)"
        )
    return points


def as_generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """A NumPy generator from a seed, a generator, or None (fresh entropy)."""
    if rng is None or isinstance(rng, np.random.Generator):
        return np.random.default_rng(rng)
    if not isinstance(rng, (int, np.integer)) or isinstance(rng, bool):
        raise TypeError(f"`rng` must be an int, a numpy Generator or None, got {_short(rng)}")
    if rng < 0:
        raise ValueError(f"`rng` must be a seed >= 0, a numpy Generator or None, got {_short(rng)}")
    return np.random.default_rng(int(rng))


def _extremes(value: Any) -> tuple[float, float]:
    """Least and largest modulus of what is not zero in an argument; (1, 1) if there is nothing."""
    try:
        moduli = np.abs(np.asarray(value, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        return 1.0, 1.0
    moduli = moduli[moduli > 0]
    return (float(moduli.min()), float(moduli.max())) if moduli.size else (1.0, 1.0)


def _all_finite(result: Any) -> bool:
    if isinstance(result, (tuple, list)):
        return all(map(_all_finite, result))
    return bool(np.isfinite(result).all())


def representable(function: _Function) -> _Function:
    """Refuse arguments that take a formula out of the range of floating-point numbers.

    Overflow on the way is silent, since it may end in a right zero. A result, a number, an array or
    a tuple of them, that holds NaN or infinity is an error; it names the arguments of extreme size,
    those of the outermost such function.
    """
    signature = inspect.signature(function)

    @functools.wraps(function)
    def checked(*given: Any, **named: Any) -> Any:
        if _within.get():
            return function(*given, **named)
        token = _within.set(True)
        try:
            with np.errstate(all="ignore"):
                result = function(*given, **named)
        except OverflowError:  # what arithmetic of Python's own numbers raises in place of infinity
            result = math.inf
        finally:
            _within.reset(token)
        if not _all_finite(result):
            sizes = {
                name: _extremes(value)
                for name, value in signature.bind(*given, **named).arguments.items()
            }
            # Squares of numbers beyond these leave the range.
            far = [name for name, (low, high) in sizes.items() if high > 1e100 or low < 1e-100]
            low = min((sizes[name][0] for name in far), default=1.0)
            high = max((sizes[name][1] for name in far), default=1.0)
            raise ValueError(
                f"{', '.join(f'`{name}`' for name in far or sizes)} must be such that the result "
                f"is representable in float64, got sizes from {low:.3g} to {high:.3g} (choose "
                "another unit)"
            )
        return result

    return checked  # type: ignore[return-value]


# Bytes that the callers of this function hold or will need beside what it takes.
_held: ContextVar[float] = ContextVar("ridgeflow_held", default=0.0)
# Slabs are worth their overhead from this many bytes on, and take at most this part of the budget.
_LEAST_SLAB, _SLAB_SHARE = 2**20, 0.25


@contextmanager
def holding(n_bytes: float) -> Iterator[None]:
    """Count what a call holds, or will make, against the budget of what it calls inside."""
    token = _held.set(_held.get() + n_bytes)
    try:
        yield
    finally:
        _held.reset(token)


def fits_in_memory(n_bytes: float, what: str, hint: str) -> None:
    """Refuse what exceeds the configured memory budget, beside what callers hold."""
    budget, wanted = get_config().memory_budget, n_bytes + _held.get()
    if wanted > budget:
        # Rounded up, so that the budget that is named is enough.
        size = math.ceil(wanted / 2**20) if wanted < 2**80 else math.inf
        raise MemoryBudgetError(
            f"{what} needs {size} MiB, the memory budget is {budget / 2**20:.0f} MiB ({hint})"
        )


def slab_rows(
    each: float, count: int, fixed: float, what: str, hint: str, *, most: float = math.inf
) -> int:
    """How many of ``count`` rows to work on at a time, where each takes ``each`` bytes beside
    ``fixed`` ones and what callers hold.

    Slabs take at most ``most`` bytes and what is left of the budget; the least that are worth
    their overhead must fit.
    """
    each = max(each, 1.0)
    least = min(count, max(1, int(_LEAST_SLAB // each)))
    fits_in_memory(fixed + least * each, what, hint)
    budget = get_config().memory_budget
    room = min(most, _SLAB_SHARE * budget, budget - fixed - _held.get())
    return max(least, min(count, int(room // each)), 1)
