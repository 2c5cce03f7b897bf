"""Ridge sums for any activation: by kernels where they know it, by blocks of features else."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.activations import SLOPES
from ridgeflow._kernels.ridge_sums import (
    ridge_correlation,
    ridge_features,
    ridge_sum,
    ridge_sum_gradient,
)
from ridgeflow.profiles.activation import Activation, activation

__all__ = [
    "activation_with_values",
    "kernel_form",
    "ridge_matrix",
    "ridge_network",
    "weighted_correlation",
    "weighted_gradient",
    "weighted_sum",
]

# Entries of one block of features where no kernel knows the activation.
_BLOCK = 2**18


def activation_with_values(given: str | Activation) -> Activation:
    """The activation, refused where it is a distribution."""
    eta = activation(given)
    if eta.base == "dirac":
        raise ValueError(
            f"`activation` must have values, got {eta.name!r} (a network of point masses cannot be "
            "evaluated; use 'step', or a narrow 'gaussian')"
        )
    return eta


def kernel_form(eta: Activation) -> tuple[int, float]:
    """Kernel code and factor with η = factor · η_code; code −1 where no kernel knows η."""
    code = Activation(eta.base).code
    if eta.order == 0:
        return code, eta.scale
    if eta.order == 1 and code in SLOPES:
        slope, factor = SLOPES[code]
        return slope, factor * eta.scale
    return -1, 1.0


def ridge_matrix(x: NDArray, a: NDArray, b: NDArray, eta: Activation) -> NDArray:
    """Features η(a_j·x_i − b_j), (n, P)."""
    code, scale = kernel_form(eta)
    if code < 0:
        return eta(x @ a.T - b)
    found = ridge_features(x, a, b, code)
    if scale != 1.0:
        found *= scale
    return found


def ridge_network(
    eta: Activation, a: NDArray, b: NDArray, c: NDArray, points: NDArray
) -> NDArray[np.float64]:
    """``Σ_j c_jk η(a_j·x_i − b_j)`` in float64, (n, k)."""
    out = np.empty((len(points), c.shape[1]))
    x, outer = (np.ascontiguousarray(each, dtype=np.float64) for each in (points, c))
    weighted_sum(x, a, b, outer, eta, out)
    return out


def weighted_sum(
    x: NDArray, a: NDArray, b: NDArray, c: NDArray, eta: Activation, out: NDArray
) -> None:
    """Write ``Σ_j c_jk η(a_j·x_i − b_j)`` to out (n, k), C-contiguous; all of one precision."""
    code, scale = kernel_form(eta)
    if code >= 0:
        ridge_sum(x, a, b, _scaled(c, scale), code, out=out)
        return
    total = np.zeros(out.shape)
    for rows, columns, features in _blocks(x, a, b, eta):
        total[rows] += features @ c[columns]
    out[:] = total


def weighted_gradient(
    x: NDArray, a: NDArray, b: NDArray, c: NDArray, eta: Activation, out: NDArray
) -> None:
    """Write ``Σ_j c_jk a_jd η'(a_j·x_i − b_j)`` to out (n, m, k), C-contiguous."""
    code, scale = kernel_form(eta)
    if code in SLOPES:
        ridge_sum_gradient(x, a, b, _scaled(c, scale), code, out=out)
        return
    total = np.zeros(out.shape)
    slope = eta.derivative()
    if slope.base != "dirac":
        for rows, columns, features in _blocks(x, a, b, slope):
            for k in range(c.shape[1]):
                total[rows, :, k] += features @ (a[columns] * c[columns, k : k + 1])
    out[:] = total


def weighted_correlation(
    x: NDArray, a: NDArray, b: NDArray, r: NDArray, eta: Activation, out: NDArray
) -> None:
    """Write ``Σ_i r_ik η(a_j·x_i − b_j)`` to out (P, k), C-contiguous."""
    code, scale = kernel_form(eta)
    if code >= 0:
        ridge_correlation(x, a, b, _scaled(r, scale), code, out=out)
        return
    total = np.zeros(out.shape)
    for rows, columns, features in _blocks(x, a, b, eta):
        total[columns] += features.T @ r[rows]
    out[:] = total


def _scaled(weights: NDArray, scale: float) -> NDArray:
    return weights if scale == 1.0 else (scale * weights).astype(weights.dtype)


def _blocks(
    x: NDArray, a: NDArray, b: NDArray, eta: Activation
) -> Iterator[tuple[slice, slice, NDArray]]:
    columns = max(1, min(len(b), 512))
    rows = max(1, _BLOCK // columns)
    for first in range(0, len(x), rows):
        block = slice(first, first + rows)
        for low in range(0, len(b), columns):
            part = slice(low, low + columns)
            yield block, part, eta(x[block] @ a[part].T - b[part])
