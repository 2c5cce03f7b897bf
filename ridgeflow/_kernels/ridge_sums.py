"""Sums of ridge functions ``Σ_j c_j η(a_j·x_i − b_j)``, their gradients in x, and feature slabs.

In few dimensions one kernel does everything while its scratch stays in cache; in many, a matrix
product computes the arguments block by block. Arrays come in validated; nothing is checked here.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.neurons import (
    activate,
    activate_with_slopes,
    sum_neurons,
    sum_neurons_with_gradient,
)
from ridgeflow._parallel import parallel_for

__all__ = ["ridge_features", "ridge_sum", "ridge_sum_gradient"]

# From this dimension on a matrix product computes the arguments faster than the row passes. The
# threads of BLAS keep spinning for a while after it, so the activation in between takes none.
_BLAS_DIM = 64
# Entries of one block of arguments: few, large products, whose threads seldom wait for each other.
_BLOCK = 2**17


def _block_shape(n: int, width: int) -> tuple[int, int]:
    columns = min(width, 512)
    return min(n, max(1, _BLOCK // columns)), columns


def ridge_sum(x: NDArray, a: NDArray, b: NDArray, c: NDArray, code: int) -> NDArray:
    """Return ``Σ_j c_jk η(a_j·x_i − b_j)``.

    Parameters
    ----------
    x, a, b, c : ndarray
        Points (n, m), weights (P, m), offsets (P,), outer weights (P, k); finite, C-contiguous,
        all float32 or all float64.
    code : int
        Kernel code of the activation, >= 0.

    Returns
    -------
    ndarray (n, k)
        In the precision of the arguments. Does not depend on the number of threads.
    """
    n, dim = x.shape
    out = np.zeros((n, c.shape[1]), x.dtype)
    if dim < _BLAS_DIM:
        a_t, c_t = np.ascontiguousarray(a.T), np.ascontiguousarray(c.T)
        grain = 1 + 2**16 // max(1, len(b))
        parallel_for(sum_neurons, n, x, a_t, b, c_t, code, out, grain=grain)
        return out
    rows, columns = _block_shape(n, len(b))
    total = np.empty((rows, c.shape[1]))
    for first in range(0, n, rows):
        block = x[first : first + rows]
        total[:] = 0.0
        for low in range(0, len(b), columns):
            part = slice(low, low + columns)
            z = block @ a[part].T
            z -= b[part]
            h = np.empty_like(z)
            activate(0, len(z), code, z, h)
            total[: len(z)] += h @ c[part]
        out[first : first + rows] = total[: len(block)]
    return out


def ridge_sum_gradient(
    x: NDArray, a: NDArray, b: NDArray, c: NDArray, code: int
) -> tuple[NDArray, NDArray]:
    """Return the sum (n, k) of :func:`ridge_sum` and its gradient (n, m, k) in x.

    ``gradient[i, d, k] = Σ_j c_jk a_jd η'(a_j·x_i − b_j)``; at a kink η' is the mean of its sides,
    and the point masses in the slope of the step function are left out.
    """
    n, dim = x.shape
    n_out = c.shape[1]
    out = np.zeros((n, n_out), x.dtype)
    gradient = np.zeros((n, dim, n_out), x.dtype)
    if dim < _BLAS_DIM:
        a_t, c_t = np.ascontiguousarray(a.T), np.ascontiguousarray(c.T)
        grain = 1 + 2**16 // max(1, len(b))
        parallel_for(sum_neurons_with_gradient, n, x, a_t, b, c_t, code, out, gradient, grain=grain)
        return out, gradient
    rows, columns = _block_shape(n, len(b))
    for first in range(0, n, rows):
        here = slice(first, first + rows)
        total = np.zeros((len(x[here]), n_out))
        slope = np.zeros((len(x[here]), dim, n_out))
        for low in range(0, len(b), columns):
            part = slice(low, low + columns)
            z = x[here] @ a[part].T
            z -= b[part]
            h, g = np.empty_like(z), np.empty_like(z)
            activate_with_slopes(0, len(z), code, z, h, g)
            total += h @ c[part]
            for k in range(n_out):
                slope[:, :, k] += (g * c[part, k]) @ a[part]
        out[here] = total
        gradient[here] = slope
    return out, gradient


def ridge_features(x: NDArray, a: NDArray, b: NDArray, code: int) -> NDArray:
    """Return the whole slab ``Φ_ij = η(a_j·x_i − b_j)``, shape (n, P).

    The caller chooses n so that three arrays of this size fit in memory.
    """
    z = x @ a.T
    z -= b
    h = np.empty_like(z)
    parallel_for(activate, len(z), code, z, h, grain=1 + 2**14 // max(1, len(b)))
    return h
