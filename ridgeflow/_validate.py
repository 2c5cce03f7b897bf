"""Validators: each returns the clean value, or raises naming the argument, the requirement,
what was given and a way out."""

from __future__ import annotations

import difflib
import math
import operator
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._config import get_config
from ridgeflow.errors import MemoryBudgetError

__all__ = [
    "as_covariance",
    "as_generator",
    "as_points",
    "as_real_array",
    "common_float",
    "finite_number",
    "fits_in_memory",
    "increasing",
    "non_negative",
    "one_of",
    "positive",
    "positive_int",
    "same_length",
    "uniform_axis",
]


def common_float(*arrays: NDArray) -> np.dtype:
    """float32 if every array is float32, float64 otherwise."""
    single = all(np.asarray(a).dtype == np.float32 for a in arrays)
    return np.dtype(np.float32 if single else np.float64)


def as_real_array(
    value: ArrayLike,
    name: str,
    *,
    ndim: int | Sequence[int] | None = None,
    allow_complex: bool = False,
    allow_empty: bool = False,
) -> NDArray:
    """A finite, C-contiguous float32 or float64 array (complex where that is allowed)."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise ValueError(f"`{name}` must be a rectangular array of numbers: {error}") from None
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype.kind == "c" and allow_complex:
        array = array.astype(np.complex64 if array.dtype == np.complex64 else np.complex128)
    elif array.dtype.kind == "c":
        raise TypeError(f"`{name}` must be real, got dtype {array.dtype} (pass its real part)")
    elif array.dtype.kind == "f":
        array = array.astype(np.float32 if array.dtype == np.float32 else np.float64)
    else:
        raise TypeError(f"`{name}` must be numeric, got dtype {array.dtype}")
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
    """A finite real number."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"`{name}` must be a number, got {value!r}") from None
    if not math.isfinite(number):
        raise ValueError(f"`{name}` must be finite, got {number}")
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


def positive_int(value: Any, name: str, *, minimum: int = 1) -> int:
    """An integer >= ``minimum``."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`{name}` must be an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"`{name}` must be an integer, got {value!r}")
    if number < minimum:
        raise ValueError(f"`{name}` must be at least {minimum}, got {number}")
    return number


def one_of(value: Any, name: str, options: Iterable[str]) -> str:
    """One of the given strings; the message names the nearest."""
    valid = list(options)
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be a string among {', '.join(valid)}, got {value!r}")
    if value not in valid:
        near = difflib.get_close_matches(value, valid, n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        raise ValueError(f"`{name}` must be one of {', '.join(valid)}, got {value!r}{hint}")
    return value


def same_length(**arrays: NDArray) -> int:
    """The common first length of the named arrays."""
    lengths = {name: len(array) for name, array in arrays.items()}
    if len(set(lengths.values())) > 1:
        shapes = ", ".join(f"`{name}` {array.shape}" for name, array in arrays.items())
        raise ValueError(f"these arrays must agree in their first length, got {shapes}")
    return next(iter(lengths.values()))


def increasing(value: ArrayLike, name: str, *, minimum_size: int = 1) -> NDArray:
    """A strictly increasing 1-D array."""
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
    axis = increasing(value, name)
    if axis.size == 1:
        return axis, 1.0
    spacing = (axis[-1] - axis[0]) / (axis.size - 1)
    ideal = axis[0] + spacing * np.arange(axis.size)
    # Coordinates carry rounding of their own magnitude, not of the spacing.
    slack = 1e-6 * spacing + 8 * np.finfo(np.float64).eps * np.abs(axis).max()
    worst = float(np.abs(axis - ideal).max())
    if worst > slack:
        raise ValueError(
            f"`{name}` must be uniform, got steps from {np.diff(axis).min():g} to "
            f"{np.diff(axis).max():g} (resample, or pass scattered points as a SampleField)"
        )
    return axis, float(spacing)


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
            "(drop constant or dependent coordinates, or add a multiple of the identity)"
        )
    return array


def as_generator(rng: int | np.random.Generator | None) -> np.random.Generator:
    """A NumPy generator from a seed, a generator, or None (fresh entropy)."""
    if rng is None or isinstance(rng, (int, np.integer, np.random.Generator)):
        return np.random.default_rng(rng)
    raise TypeError(f"`rng` must be an int, a numpy Generator or None, got {rng!r}")


def fits_in_memory(n_bytes: float, what: str, hint: str) -> None:
    """Refuse what exceeds the configured memory budget."""
    budget = get_config().memory_budget
    if n_bytes > budget:
        raise MemoryBudgetError(
            f"{what} needs {n_bytes / 2**20:.0f} MiB, the memory budget is {budget / 2**20:.0f} "
            f"MiB ({hint})"
        )
