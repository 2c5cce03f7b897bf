"""Covariances of mixtures in their most compact form: (m, m) where one matrix is shared, (K,)
where components are isotropic, (K, m, m) otherwise; and the tables that kernels read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._kernels.mixtures import HALF_LOG2E, LANES, PAD, general, isotropic
from ridgeflow._kernels.wide_mixtures import wide_isotropic, wide_tables
from ridgeflow._validate import as_covariance, as_real_array, positive

__all__ = [
    "checked_covariances",
    "checked_noise",
    "component_logs",
    "kernel_tables",
    "largest_multiple",
    "least_eigenvalue",
    "plus",
    "require_near",
]

_LOG_2PI = float(np.log(2 * np.pi))
# With fewer variables the vectors of the wide kernel are mostly padding.
_WIDE = 8


def checked_covariances(value: ArrayLike, n: int, m: int) -> NDArray[np.float64]:
    """(m, m) shared, (K,) isotropic, or (K, m, m)."""
    array = as_real_array(value, "covariances").astype(np.float64)
    if array.ndim == 1:
        if array.shape != (n,):
            raise ValueError(
                f"`covariances` must have shape ({n},), one variance for each row of `means` "
                f"({n}, {m}), got {array.shape}"
            )
        if array.min() <= 0:
            k = int(array.argmin())
            raise ValueError(f"`covariances` must be positive, got covariances[{k}] = {array[k]:g}")
        return array[0] * np.eye(m) if (array == array[0]).all() else array.copy()
    if array.ndim in (0, 2):
        if array.ndim == 0:
            positive(array, "covariances")
        return as_covariance(array, "covariances", m)
    if array.shape != (n, m, m):
        raise ValueError(
            f"`covariances` must be a number or have shape ({m}, {m}), ({n},) or ({n}, {m}, {m}) "
            f"to go with `means` of shape ({n}, {m}), got {array.shape}"
        )
    if (array == array[0]).all():
        return as_covariance(array[0], "covariances", m)
    scale = np.abs(array).max(axis=(1, 2))
    asymmetry = np.abs(array - array.transpose(0, 2, 1)).max(axis=(1, 2))
    k = int(np.argmax(asymmetry / np.where(scale > 0, scale, 1)))
    if asymmetry[k] > 1e-10 * scale[k]:
        raise ValueError(
            f"`covariances` must be symmetric, got an asymmetry of {asymmetry[k]:.3g} in "
            f"covariances[{k}]"
        )
    array = 0.5 * (array + array.transpose(0, 2, 1))
    least = np.linalg.eigvalsh(array)[:, 0]
    k = int(np.argmin(least / np.where(scale > 0, scale, 1)))
    if not least[k] > 1e-14 * scale[k]:
        raise ValueError(
            f"`covariances` must be positive definite, got a least eigenvalue of {least[k]:.3g} "
            f"beside entries up to {scale[k]:.3g} in covariances[{k}] (drop dependent coordinates, "
            "or add a multiple of the identity)"
        )
    return array


def checked_noise(value: ArrayLike, m: int) -> NDArray[np.float64]:
    """A noise covariance: a number () or a matrix (m, m), positive semidefinite."""
    array = as_real_array(value, "covariance").astype(np.float64)
    if array.ndim == 0:
        if array < 0:
            raise ValueError(f"`covariance` must not be negative, got {float(array):g}")
        return array
    if array.shape != (m, m):
        raise ValueError(
            f"`covariance` must be a number or have shape ({m}, {m}), got {array.shape}"
        )
    scale = float(np.abs(array).max())
    if np.abs(array - array.T).max() > 1e-10 * scale:
        raise ValueError(
            f"`covariance` must be symmetric, got an asymmetry of "
            f"{np.abs(array - array.T).max():.3g}"
        )
    array = 0.5 * (array + array.T)
    if (array == array[0, 0] * np.eye(m)).all() and array[0, 0] >= 0:
        return array[0, 0]
    least = float(np.linalg.eigvalsh(array)[0])
    if least < -1e-14 * scale:
        raise ValueError(
            f"`covariance` must be positive semidefinite, got a least eigenvalue of {least:.3g}"
        )
    return array


def kernel_tables(
    weights: NDArray, means: NDArray, compact: NDArray, *, single: bool, hessian: bool
) -> tuple[Callable, tuple]:
    """The kernel for a mixture, and its arguments between the points and the order.

    Everything is centred at the mean of the mixture, so that float32 does not cancel; a shared
    covariance is divided out, so that the cheaper isotropic kernel serves.
    """
    k, m = means.shape
    dtype = np.float32 if single else np.float64
    padded = -(-k // LANES) * LANES
    centre = weights @ means
    whiten = np.eye(m)
    centred = (means - centre).T
    log_weights = np.log(weights)
    if compact.ndim == 2:
        root = np.linalg.cholesky(compact)
        whiten = np.linalg.inv(root)
        centred = whiten @ centred
        log_c = log_weights - np.log(np.diag(root)).sum()
    elif compact.ndim == 1:
        log_c = log_weights - 0.5 * m * np.log(compact)
    else:
        roots = np.linalg.cholesky(compact)
        diagonals = np.diagonal(roots, axis1=1, axis2=2)
        log_c = log_weights - np.log(diagonals).sum(axis=1)
    log2c = np.full(padded, PAD, dtype)
    log2c[:k] = (log_c - 0.5 * m * _LOG_2PI) * (2 * HALF_LOG2E)
    # Padding sits on the first mean, so that it overflows no sooner than a component does.
    table = np.repeat(centred[:, :1], padded, axis=1).astype(dtype)
    table[:, :k] = centred
    if compact.ndim < 3:
        precision = np.zeros(padded, dtype)
        precision[:k] = 1.0 if compact.ndim == 2 else 1 / compact
        half = (precision * HALF_LOG2E).astype(dtype)
        if m >= _WIDE and not hessian:
            return wide_isotropic, (
                centre,
                whiten,
                *wide_tables(log2c, table, precision, half),
                single,
            )
        return isotropic, (centre, whiten, log2c, table, precision, half, single)
    rows, columns = np.tril_indices(m)
    inverses = np.linalg.inv(roots)
    factors = np.zeros((len(rows), padded), dtype)
    factors[:, :k] = np.sqrt(HALF_LOG2E) * inverses[:, rows, columns].T
    precisions = np.zeros((len(rows), padded if hessian else 1), dtype)
    if hessian:
        full = inverses.transpose(0, 2, 1) @ inverses
        precisions[:, :k] = full[:, rows, columns].T
    return general, (centre, whiten, log2c, table, factors, precisions, single)


def plus(compact: NDArray, change: NDArray, m: int) -> NDArray:
    """Σ_k + change in compact form; the change is () or (m, m)."""
    if change.ndim == 0 and compact.ndim == 1:
        return compact + change
    matrix = change * np.eye(m) if change.ndim == 0 else change
    if compact.ndim == 1:
        return compact[:, None, None] * np.eye(m) + matrix
    return compact + matrix


def least_eigenvalue(compact: NDArray, reference: NDArray) -> tuple[float, int]:
    """Least eigenvalue over all components, and its component; 0 within rounding of reference."""
    values = compact if compact.ndim == 1 else np.atleast_1d(np.linalg.eigvalsh(compact)[..., 0])
    sizes = reference if reference.ndim == 1 else np.abs(reference).max(axis=(-2, -1))
    values = np.where(np.abs(values) <= 1e-14 * sizes, 0.0, values)
    component = int(np.argmin(values))
    return float(values[component]), component


def largest_multiple(compact: NDArray, noise: NDArray) -> float:
    """sup of s with Σ_k − s·noise positive definite for all k."""
    if compact.ndim == 1:
        top = noise if noise.ndim == 0 else np.linalg.eigvalsh(noise)[-1]
        return float(compact.min() / top)
    inverses = np.linalg.inv(np.linalg.cholesky(compact))
    matrix = noise * np.eye(compact.shape[-1]) if noise.ndim == 0 else noise
    relative = inverses @ matrix @ np.swapaxes(inverses, -1, -2)
    return float(1 / np.linalg.eigvalsh(relative).max())


def component_logs(points: NDArray, weights: NDArray, means: NDArray, compact: NDArray) -> NDArray:
    """``log(w_k N(x_i; m_k, Σ_k))`` up to a constant, shape (n, K), float64."""
    centre = weights @ means
    centred, around = points.astype(np.float64) - centre, means - centre
    k, m = means.shape
    logs = np.empty((len(points), k))
    if compact.ndim == 2:
        root = np.linalg.cholesky(compact)
        centred, around = np.linalg.solve(root, centred.T).T, np.linalg.solve(root, around.T).T
    for j in range(k):
        d, constant = centred - around[j], float(np.log(weights[j]))
        if compact.ndim == 1:
            d /= np.sqrt(compact[j])
            constant -= 0.5 * m * float(np.log(compact[j]))
        elif compact.ndim == 3:
            root = np.linalg.cholesky(compact[j])
            d = np.linalg.solve(root, d.T).T
            constant -= float(np.log(np.diag(root)).sum())
        logs[:, j] = constant - 0.5 * (d * d).sum(axis=1)
    return logs


def require_near(points: NDArray, logs: NDArray, first: int = 0) -> None:
    """Refuse points, of which ``first`` came before, so far away that their log densities (n,) or
    (n, 1) overflow."""
    finite = np.isfinite(logs).reshape(-1)
    if not finite.all():
        bad = int(np.argmin(finite))
        raise ValueError(
            f"`x` must lie where squared distances are representable in {points.dtype}, got "
            f"x[{first + bad}] = {points[bad]}"
        )
