"""Depths at which fields are represented, and the interpolation between them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import positive_int

__all__ = ["chebyshev_times", "interpolation_weights"]

_DEGREE = 15  # largest, of the interpolation between depths
_LEBESGUE = 4.0  # largest amplification of errors by it


def chebyshev_times(start: float, end: float, n: int) -> NDArray[np.float64]:
    """Chebyshev-Lobatto points: depths between which interpolation is well conditioned.

    Parameters
    ----------
    start, end : float
    n : int
        At least 2.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> chebyshev_times(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    n = positive_int(n, "n", minimum=2)
    return start + (end - start) * np.sin(0.5 * np.pi * np.arange(n) / (n - 1)) ** 2


def interpolation_weights(times: NDArray, t: float) -> tuple[list[int], NDArray[np.float64]]:
    """Nearest depths and the Lagrange weights of interpolation at t, inside the range of times."""
    position = int(np.searchsorted(times, t))
    for count in range(min(_DEGREE + 1, len(times)), 0, -1):
        start = int(np.clip(position - count // 2, 0, len(times) - count))
        nodes = times[start : start + count]
        gap = nodes[:, None] - nodes
        np.fill_diagonal(gap, 1.0)
        ratio = (t - nodes)[None, :] / gap
        np.fill_diagonal(ratio, 1.0)
        weights = ratio.prod(axis=1)
        # High degrees suit Chebyshev points; near the ends of equal steps they amplify errors.
        if np.abs(weights).sum() <= _LEBESGUE:
            break
    return list(range(start, start + count)), weights
