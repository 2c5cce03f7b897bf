"""Complex, float32 and vector values as real columns, which is what kernels take, and back; their
root mean square, and how errors of maps are spread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import stage, steps

__all__ = [
    "ErrorQuantiles",
    "by_component",
    "error_quantiles",
    "finite_result",
    "from_columns",
    "in_single",
    "is_single",
    "lengths",
    "real_columns",
    "rejoined",
    "rms",
    "squares",
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
    for c in steps(range(columns.shape[-1])):
        part = columns[..., c]
        if np.iscomplexobj(part):
            with stage(None, 0.0, 0.5):
                real = apply(np.ascontiguousarray(part.real, dtype))
            with stage(None, 0.5):
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


def squares(values: NDArray) -> NDArray[np.float64]:
    """Squares of absolute values, in double precision: those of a float32 may not be one."""
    return np.square(np.abs(values), dtype=np.float64)


def lengths(vectors: NDArray) -> NDArray[np.float64]:
    """Lengths (n,) of vectors (n, k) whose squares float64 need not hold.

    Examples
    --------
    >>> lengths(np.array([[3e-200, 4e-200]])) * 1e200
    array([5.])
    """
    unit = _unit(vectors)
    return np.sqrt(squares(vectors / unit).sum(axis=1)) * unit


def _unit(values: NDArray) -> float:
    """The power of two below the largest value, which to divide by alters no bit of squares."""
    return float(np.ldexp(1.0, int(np.frexp(float(np.abs(values).max(initial=0.0)))[1]) - 1))


def rms(vectors: NDArray, weights: NDArray | None = None) -> float:
    """Root of the mean square length of vectors (n, .., m), by weights (n,) where given.

    Examples
    --------
    >>> rms(np.array([[3.0, 4.0], [0.0, 0.0]]), np.array([1.0, 24.0]))
    1.0
    """
    vectors = np.asarray(vectors)
    unit = _unit(vectors)
    square = squares(vectors / unit).sum(axis=-1)
    return float(np.sqrt(np.average(square, weights=weights))) * unit


@dataclass(frozen=True)
class ErrorQuantiles:
    """How the errors of a map are spread over points, relative to the RMS displacement.

    Attributes
    ----------
    rms, median, quantile99, worst : float
        A few points may carry all of ``rms``: the median tells of most of them, the 99 % quantile
        of the edge, the worst of the rest.
    """

    rms: float
    median: float
    quantile99: float
    worst: float


def error_quantiles(
    found: NDArray, truth: NDArray, start: NDArray, weights: NDArray | None = None
) -> ErrorQuantiles:
    """Lengths of found - truth over the RMS length of truth - start, all (n, m), by weights (n,).

    Where nothing moves they are absolute. A quantile is the least error that at least so much of
    the weight does not exceed.

    Examples
    --------
    >>> start, truth = np.zeros((3, 1)), np.full((3, 1), 2.0)
    >>> spread = error_quantiles(truth + [[0.0], [3.0], [0.0]], truth, start, np.array([3, 2, 3]))
    >>> spread.rms, spread.median, spread.worst
    (0.75, 0.0, 1.5)
    """
    size = rms(truth - start, weights) or 1.0
    error = np.sqrt((np.abs(found - truth) ** 2).sum(axis=-1)) / size
    order = np.argsort(error, kind="stable")
    heaps = np.cumsum(np.ones(len(error)) if weights is None else weights[order])
    # Rounding of the sum must not lift a quantile to the next error.
    at = np.searchsorted(heaps, np.array([0.5, 0.99]) * heaps[-1] * (1 - 1e-12))
    median, edge = error[order[at]].tolist()
    return ErrorQuantiles(rms(found - truth, weights) / size, median, edge, float(error.max()))
