"""Checked parameters of the closed forms: unit directions, spectrum nodes, Gaussian mixtures and
noise covariances, and the partition of long evaluations into blocks of a fixed size."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._parallel import parallel_for
from ridgeflow._validate import (
    as_covariance,
    as_points,
    as_real_array,
    common_float,
    fits_in_memory,
    same_length,
)
from ridgeflow.profiles.ridgelet import Ridgelet

__all__ = [
    "Mixture",
    "as_bare_covariance",
    "as_covariances",
    "as_mean",
    "as_mixture",
    "as_nodes",
    "as_noise",
    "as_semidefinite",
    "as_sinogram_axes",
    "complex_like",
    "in_blocks",
    "in_range",
]

# Pairs (evaluation point, component) held at once: a few arrays of this size stay near the cache.
BLOCK_PAIRS = 2**16


def in_blocks(function: Callable[[int, int], None], n: int, cost_per_item: int) -> None:
    """Call ``function(start, stop)`` over blocks whose cuts do not depend on the threads."""
    size = max(1, BLOCK_PAIRS // max(1, cost_per_item))
    n_blocks = -(-n // size)

    def run(first: int, last: int) -> None:
        for i in range(first, last):
            function(i * size, min(n, (i + 1) * size))

    parallel_for(run, n_blocks)


def complex_like(dtype: np.dtype) -> np.dtype:
    """The complex dtype of the same precision."""
    return np.dtype(np.complex64 if dtype == np.float32 else np.complex128)


def as_sinogram_axes(
    directions: ArrayLike, offsets: ArrayLike, dim: int
) -> tuple[NDArray, NDArray, np.dtype]:
    """Unit directions (n_dir, dim), offsets (n_off,) in float64, and the dtype of the result."""
    u = as_points(directions, "directions", dim)
    p = as_real_array(offsets, "offsets", ndim=1)
    dtype = common_float(u, p)
    norms = np.linalg.norm(u.astype(np.float64), axis=1)
    if np.abs(norms - 1).max() > 1e-5:
        raise ValueError(
            f"`directions` must be unit vectors, got norms from {norms.min():g} to "
            f"{norms.max():g} (divide each row by its norm)"
        )
    fits_in_memory(
        3 * 8 * u.shape[0] * p.size, "the sinogram", "pass fewer directions or offsets at a time"
    )
    return u.astype(np.float64), p.astype(np.float64), dtype


def as_nodes(
    a: ArrayLike, b: ArrayLike, ridgelet: Ridgelet, dim: int
) -> tuple[NDArray, NDArray, np.dtype]:
    """Nodes a (P, dim) and b (P,) in float64, and the dtype of the result."""
    if not isinstance(ridgelet, Ridgelet):
        raise TypeError(f"`ridgelet` must be a Ridgelet, got {type(ridgelet).__name__}")
    if ridgelet.dim != dim:
        raise ValueError(
            f"`ridgelet` must have dim {dim}, the dimension of the function, got {ridgelet.dim}"
        )
    a_nodes = as_points(a, "a", dim)
    b_nodes = as_real_array(b, "b", ndim=1)
    same_length(a=a_nodes, b=b_nodes)
    dtype = common_float(a_nodes, b_nodes)
    return a_nodes.astype(np.float64), b_nodes.astype(np.float64), dtype


def in_range(value: NDArray, what: str) -> NDArray:
    """Arguments of a profile, refused where the products that make them overflowed."""
    if not np.isfinite(value).all():
        raise ValueError(
            f"{what} must have products that are representable in float64, got infinite ones "
            "(choose another unit)"
        )
    return value


def as_mean(value: ArrayLike, name: str) -> NDArray:
    """A vector (m,); a number is read as a vector of length 1."""
    return np.atleast_1d(as_real_array(value, name, ndim=(0, 1))).astype(np.float64)


def _symmetric(array: NDArray, name: str) -> NDArray:
    scale = float(np.abs(array).max())
    asymmetry = float(np.abs(array - np.swapaxes(array, -1, -2)).max())
    if asymmetry > 1e-10 * scale:
        raise ValueError(f"`{name}` must be symmetric, got an asymmetry of {asymmetry:.3g}")
    return 0.5 * (array + np.swapaxes(array, -1, -2))


def as_semidefinite(value: ArrayLike, name: str, dim: int) -> NDArray:
    """A symmetric (dim, dim) matrix without negative eigenvalues; a number times the identity."""
    array = as_real_array(value, name, ndim=(0, 2)).astype(np.float64)
    if array.ndim == 0:
        array = float(array) * np.eye(dim)
    if array.shape != (dim, dim):
        raise ValueError(f"`{name}` must have shape ({dim}, {dim}), got {array.shape}")
    array = _symmetric(array, name)
    least = float(np.linalg.eigvalsh(array)[0])
    if least < -1e-12 * float(np.abs(array).max()):
        raise ValueError(
            f"`{name}` must be positive semidefinite, got a least eigenvalue of {least:.3g}"
        )
    return array


def as_bare_covariance(covariance: ArrayLike) -> NDArray:
    """A positive definite matrix whose dimension is its own; a number is a 1 x 1 matrix."""
    array = as_real_array(covariance, "covariance", ndim=(0, 2))
    return as_covariance(array, "covariance", array.shape[0] if array.ndim else 1)


def as_noise(value: ArrayLike | None, dim: int) -> NDArray:
    """The noise covariance D (dim, dim) at unit time; None stands for the identity."""
    if value is None:
        return np.eye(dim)
    noise = as_semidefinite(value, "noise_covariance", dim)
    if not noise.any():
        raise ValueError("`noise_covariance` must not vanish, got the zero matrix")
    return noise


@dataclass(frozen=True)
class Mixture:
    """Weights (K,), means (K, m) and covariances (S, m, m) with S = 1 (shared) or K."""

    weights: NDArray
    means: NDArray
    covariances: NDArray

    @property
    def dim(self) -> int:
        return self.means.shape[1]

    @property
    def size(self) -> int:
        return self.means.shape[0]

    def factors(self) -> NDArray:
        """Lower Cholesky factors (S, m, m)."""
        return np.linalg.cholesky(self.covariances)

    def part(self, start: int, stop: int) -> Mixture:
        """The components of a range."""
        cov = self.covariances if len(self.covariances) == 1 else self.covariances[start:stop]
        return Mixture(self.weights[start:stop], self.means[start:stop], cov)


def as_covariances(value: ArrayLike, name: str, dim: int | None, size: int | None) -> NDArray:
    """Positive definite (S, m, m) from a number, (m, m), (K,) or (K, m, m); S = 1 or K.

    Without ``dim``, numbers are read as 1 x 1 matrices.
    """
    array = as_real_array(value, name, ndim=(0, 1, 2, 3)).astype(np.float64)
    k, m = size if size is not None else "K", dim if dim is not None else "m"
    wanted = f"be a number or have shape ({m}, {m}), ({k},) or ({k}, {m}, {m})"
    if array.ndim <= 1:
        if array.ndim == 1 and size not in (None, array.size):
            raise ValueError(f"`{name}` must {wanted}, got shape {array.shape}")
        cov = np.reshape(array, (-1, 1, 1)) * np.eye(1 if dim is None else dim)
    else:
        cov = array[None] if array.ndim == 2 else array
        square = cov.shape[1] == cov.shape[2] and dim in (None, cov.shape[1])
        if not square or (array.ndim == 3 and size not in (None, cov.shape[0])):
            raise ValueError(f"`{name}` must {wanted}, got shape {array.shape}")
    cov = _symmetric(cov, name)
    least = np.linalg.eigvalsh(cov)[:, 0]
    scale = np.abs(cov).max(axis=(1, 2))
    bad = ~(least > 1e-14 * scale)
    if bad.any():
        j = int(np.argmax(bad))
        where = f"`{name}[{j}]`" if len(cov) > 1 else f"`{name}`"
        raise ValueError(
            f"{where} must be positive definite, got a least eigenvalue of {least[j]:.3g} "
            f"beside entries up to {scale[j]:.3g} (drop constant or dependent coordinates, "
            "or add a multiple of the identity)"
        )
    return cov


def as_mixture(
    weights: ArrayLike, means: ArrayLike, covariances: ArrayLike, *, law: bool = False
) -> Mixture:
    """A checked mixture; ``law`` demands positive weights and scales them to total 1."""
    w = as_real_array(weights, "weights", ndim=1).astype(np.float64)
    mu = as_points(means, "means").astype(np.float64)
    same_length(weights=w, means=mu)
    if law:
        if (w <= 0).any():
            raise ValueError(
                f"`weights` must be positive, got a least of {w.min():g} (drop empty components)"
            )
        w = w / w.sum()
    return Mixture(w, mu, as_covariances(covariances, "covariances", mu.shape[1], len(mu)))
