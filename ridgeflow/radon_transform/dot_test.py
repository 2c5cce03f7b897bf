"""What discrete linear operators share: axes, components, dtypes, and the test of a transpose."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_generator, items_of, uniform_axis
from ridgeflow.fields.grid import GridField
from ridgeflow.radon_transform.interpolation import LEAST_TOL

__all__ = [
    "as_axes",
    "as_dtype",
    "by_component",
    "dot_test",
    "finite_result",
    "in_single",
    "is_single",
]

_OF_A_PLAN = ("shape", "directions", "offsets", "adjoint")


def as_axes(value: GridField | tuple[ArrayLike, ...], name: str = "axes") -> tuple[NDArray, ...]:
    """The coordinate arrays of a grid."""
    if isinstance(value, GridField):
        return value.axes
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype != object:
        raise ValueError(
            f"`{name}` must be a tuple of 1-D coordinate arrays, got an array of shape "
            f"{value.shape} (write `(axis,)` for one variable)"
        )
    axes = items_of(value, name)
    if not axes:
        raise ValueError(f"`{name}` must hold at least one coordinate array, got none")
    return tuple(uniform_axis(axis, f"{name}[{i}]")[0] for i, axis in enumerate(axes))


def is_single(array: NDArray) -> bool:
    """Whether an array holds real or complex numbers of single precision."""
    return array.dtype in (np.dtype(np.float32), np.dtype(np.complex64))


def in_single(array: NDArray) -> NDArray:
    """Real or complex numbers in single precision."""
    return array.astype(np.complex64 if np.iscomplexobj(array) else np.float32, copy=False)


def by_component(
    array: NDArray, apply: Callable[[NDArray], NDArray], n: int, dtype: np.dtype
) -> NDArray:
    """Apply what is linear and real to all components behind the first n axes."""
    columns = array.reshape(*array.shape[:n], -1)
    results = []
    for c in range(columns.shape[-1]):
        part = columns[..., c]
        if np.iscomplexobj(part):
            real = apply(np.ascontiguousarray(part.real, dtype))
            results.append(real + 1j * apply(np.ascontiguousarray(part.imag, dtype)))
        else:
            results.append(apply(np.ascontiguousarray(part, dtype)))
    return results[0] if array.ndim == n else np.stack(results, axis=-1)


def as_dtype(value: np.typing.DTypeLike) -> np.dtype:
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in LEAST_TOL:
        raise ValueError(f"`dtype` must be float32 or float64, got {value!r}")
    return dtype


def finite_result(result: NDArray, name: str) -> NDArray:
    """A result, unless it left the range of its dtype."""
    if not np.isfinite(result).all():
        raise ValueError(
            f"`{name}` must be small enough for a finite result in {result.dtype}, got an overflow "
            "(divide the values by their maximum, or pass float64)"
        )
    return result


def dot_test(plan: Any, *, rng: int | np.random.Generator | None = 0) -> float:
    r"""Mismatch of a plan and its adjoint, :math:`|\langle Ax,y\rangle - \langle x,A'y\rangle| /
    (\|Ax\|\,\|y\|)` for random x and y.

    Parameters
    ----------
    plan : RadonPlan
        Or anything with ``shape``, ``directions``, ``offsets``, ``adjoint`` that can be called.
    rng : int, Generator or None
        Randomness of x and y.

    Returns
    -------
    float
        Of the order of rounding for an exact pair. Where Ax = 0, the norm of A'y.

    Raises
    ------
    TypeError
        If something is missing that a plan has.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> axis = np.linspace(-1, 1, 8)
    >>> plan = rf.RadonPlan((axis, axis), [[0.6, 0.8]], np.linspace(-1, 1, 5))
    >>> dot_test(plan) < 1e-14
    True
    """
    missing = [name for name in _OF_A_PLAN if not hasattr(plan, name)]
    if missing or not callable(plan):
        raise TypeError(
            f"`plan` must be a RadonPlan, or have {', '.join(_OF_A_PLAN)} and be callable, got "
            f"{type(plan).__name__}"
        )
    generator = as_generator(rng)
    x = generator.normal(size=plan.shape)
    y = generator.normal(size=(len(plan.directions), len(plan.offsets)))
    forward = plan(x).astype(np.float64)
    backward = plan.adjoint(y).astype(np.float64)
    gap = abs(float((forward * y).sum()) - float((x * backward).sum()))
    size = float(np.linalg.norm(forward)) * float(np.linalg.norm(y))
    # Offsets that miss the grid: the transpose must vanish as well.
    if size == 0:
        return float(np.linalg.norm(backward))
    return gap / size
