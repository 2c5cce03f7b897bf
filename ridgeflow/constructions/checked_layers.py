"""Parameters of layers, checked, and their pseudo-inverses."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, as_real_array

__all__ = ["full_rank", "layer_arguments", "layer_parts", "square"]


def full_rank(matrix: NDArray, name: str) -> NDArray:
    """The pseudo-inverse of a matrix with no more rows than columns, of full row rank."""
    rows, columns = matrix.shape
    if rows > columns:
        raise ValueError(
            f"`{name}` must not have more rows than columns, got shape {matrix.shape} "
            "(the widths of a truncation network do not grow)"
        )
    left, values, right = np.linalg.svd(matrix, full_matrices=False)
    if not values[-1] > columns * np.finfo(np.float64).eps * values[0]:
        raise ValueError(
            f"`{name}` must have full rank {rows}, got singular values from {values[0]:.3g} down "
            f"to {values[-1]:.3g}"
        )
    return (right.T / values) @ left.T


def layer_parts(W: ArrayLike, b: ArrayLike) -> tuple[NDArray, NDArray]:
    """Clean weights (k, m) and offsets (k,), as given in dtype."""
    weights = as_real_array(W, "W", ndim=2)
    offsets = as_real_array(b, "b", ndim=1)
    if len(offsets) != len(weights):
        raise ValueError(
            f"`b` must hold one entry per row of `W`, got shapes {offsets.shape} and "
            f"{weights.shape}"
        )
    return weights, offsets


def layer_arguments(W: ArrayLike, b: ArrayLike, x: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
    """Clean weights (k, m), offsets (k,) and points (n, m), as given in dtype."""
    weights, offsets = layer_parts(W, b)
    return weights, offsets, as_points(x, "x", dim=weights.shape[1])


def square(W: NDArray) -> NDArray:
    """The inverse of a square layer."""
    if W.shape[0] != W.shape[1]:
        raise ValueError(
            f"`W` must be square, got shape {W.shape} (a layer that lowers the dimension is no "
            "flow; project first)"
        )
    return full_rank(W.astype(np.float64), "W")
