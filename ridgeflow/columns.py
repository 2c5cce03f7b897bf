"""Complex, float32 and vector values as real columns, which is what kernels take, and back; their
root mean square.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "by_component",
    "finite_result",
    "from_columns",
    "in_single",
    "is_single",
    "real_columns",
    "rejoined",
    "rms",
]


def is_single(array: NDArray) -> bool:
    """Whether an array holds real or complex numbers of single precision."""
    return array.dtype in (np.dtype(np.float32), np.dtype(np.complex64))


def in_single(array: NDArray) -> NDArray:
    """Real or complex numbers in single precision."""
    return array.astype(np.complex64 if np.iscomplexobj(array) else np.float32, copy=False)


def real_columns(values: NDArray, leading: int = 1) -> NDArray[np.float64]:
    """Values (..., k) or (...,) as real columns (..., C), real parts before imaginary ones.

    The first ``leading`` axes are kept, all behind them are components.
    """
    columns = values.reshape(*values.shape[:leading], -1)
    if np.iscomplexobj(columns):
        columns = np.concatenate([columns.real, columns.imag], axis=-1)
    return np.ascontiguousarray(columns, dtype=np.float64)


def rejoined(columns: NDArray) -> NDArray:
    """Complex columns (..., C) of real ones (..., 2 C), real parts first."""
    half = columns.shape[-1] // 2
    return columns[..., :half] + 1j * columns[..., half:]


def from_columns(
    columns: NDArray, like: NDArray, component_shape: tuple[int, ...], *, single: bool = False
) -> NDArray:
    """Real columns (..., C) as values, complex where ``like`` is, of these components."""
    if np.iscomplexobj(like):
        columns = rejoined(columns)
    if single:
        # What overflows is infinite, for finite_result to see.
        with np.errstate(over="ignore"):
            columns = in_single(columns)
    return columns.reshape(columns.shape[:-1] + tuple(component_shape))


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


def finite_result(result: NDArray, name: str) -> NDArray:
    """A result, unless it left the range of its dtype."""
    if not np.isfinite(result).all():
        raise ValueError(
            f"`{name}` must be small enough for a finite result in {result.dtype}, got an overflow "
            "(divide the values by their maximum, or pass float64)"
        )
    return result


def rms(vectors: NDArray, weights: NDArray | None = None) -> float:
    """Root of the mean square length of vectors (n, .., m), by weights (n,) where given.

    Examples
    --------
    >>> rms(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([1.0, 24.0]))
    1.0
    """
    square = (np.abs(vectors) ** 2).sum(axis=-1)
    return float(np.sqrt(np.average(square, weights=weights)))
