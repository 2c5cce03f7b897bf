"""Exact Radon transforms ``Rf(u, p) = ∫_{u⊥} f(pu + y) dy`` of Gaussian mixtures and ellipsoids."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_covariance,
    as_real_array,
    finite_number,
    positive,
    representable,
)
from ridgeflow.closed_forms._parameters import (
    BLOCK_PAIRS,
    as_mean,
    as_mixture,
    as_sinogram_axes,
    in_blocks,
)
from ridgeflow.geometry import unit_ball_volume

__all__ = [
    "radon_ball",
    "radon_ellipse",
    "radon_ellipsoid",
    "radon_gaussian",
    "radon_gaussian_mixture",
]


def as_ellipsoid(
    center: ArrayLike, axes: ArrayLike | None, semi_axes: ArrayLike
) -> tuple[NDArray, NDArray, NDArray]:
    """Centre (m,), orthonormal rows (m, m) and positive semi-axes (m,)."""
    c = as_mean(center, "center")
    s = np.atleast_1d(as_real_array(semi_axes, "semi_axes", ndim=(0, 1))).astype(np.float64)
    if s.shape != c.shape:
        raise ValueError(f"`semi_axes` must have shape {c.shape} like `center`, got {s.shape}")
    if (s <= 0).any():
        raise ValueError(f"`semi_axes` must be positive, got a least of {s.min():g}")
    if axes is None:
        return c, np.eye(c.size), s
    e = as_real_array(axes, "axes", ndim=2).astype(np.float64)
    if e.shape != (c.size, c.size):
        raise ValueError(f"`axes` must have shape ({c.size}, {c.size}), got {e.shape}")
    defect = float(np.abs(e @ e.T - np.eye(c.size)).max())
    if defect > 1e-8:
        raise ValueError(
            f"`axes` must have orthonormal rows, got a defect of {defect:.3g} in axes @ axes.T"
        )
    return c, e, s


def plane_axes(angle: float) -> NDArray:
    """Orthonormal rows e_1 = (cos α, sin α) and e_2, a quarter turn on."""
    return np.array([[math.cos(angle), math.sin(angle)], [-math.sin(angle), math.cos(angle)]])


@representable
def radon_gaussian(
    directions: ArrayLike, offsets: ArrayLike, mean: ArrayLike, covariance: ArrayLike
) -> NDArray:
    """Radon transform of the normal density N(μ, Σ).

    ``R[N(μ,Σ)](u, p) = (2πτ²)^{−1/2} exp(−(p − u·μ)²/2τ²)``, ``τ² = uᵀΣu``.

    Parameters
    ----------
    directions : array_like, shape (n_dir, m)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in units of length.
    mean : array_like, shape (m,)
        Mean μ.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ; a number stands for its multiple of the identity.

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Integrals over hyperplanes (1/length); float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector, shapes disagree or Σ is not positive definite.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    radon_gaussian_mixture, fourier_gaussian

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n_dir (n_off + m²)).

    References
    ----------
    S. Helgason, *The Radon Transform*, 2nd ed., 1999, chapter I (slice theorem).

    Examples
    --------
    >>> radon_gaussian([[1.0, 0.0]], [0.0], [0.0, 0.0], 1.0).round(6)
    array([[0.398942]])
    """
    mu = as_mean(mean, "mean")
    cov = as_covariance(covariance, "covariance", mu.size)
    return radon_gaussian_mixture(directions, offsets, [1.0], mu[None, :], cov)


@representable
def radon_gaussian_mixture(
    directions: ArrayLike,
    offsets: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
) -> NDArray:
    """Radon transform of a sum of normal densities Σ_k w_k N(μ_k, Σ_k), weights of either sign.

    ``Rf(u, p) = Σ_k w_k (2πτ_k²)^{−1/2} exp(−(p − u·μ_k)²/2τ_k²)``, ``τ_k² = uᵀΣ_k u``.

    Parameters
    ----------
    directions : array_like, shape (n_dir, m)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in units of length.
    weights : array_like, shape (K,)
        Weights w_k; they need not be positive nor sum to 1.
    means : array_like, shape (K, m)
        Means μ_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Integrals over hyperplanes; float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector, shapes disagree or a Σ_k is not positive definite.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    radon_gaussian, gaussian_mixture_density, fourier_gaussian_mixture

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n_dir K (n_off + m²)) time; blocks, never an array over
    directions, offsets and components at once.

    References
    ----------
    S. Helgason, *The Radon Transform*, 2nd ed., 1999, chapter I (slice theorem).

    Examples
    --------
    >>> radon_gaussian_mixture([[0.0, 1.0]], [1.0], [1.0, -1.0], [[0, 1], [3, 1]], 1.0)
    array([[0.]])
    """
    law = as_mixture(weights, means, covariances)
    u, p, dtype = as_sinogram_axes(directions, offsets, law.dim)
    factors = law.factors()
    out = np.zeros((len(u), p.size))
    chunk = max(1, BLOCK_PAIRS // p.size)

    def rows(start: int, stop: int) -> None:
        for i in range(start, stop):
            tau = np.linalg.norm(u[i] @ factors, axis=-1)
            shift = law.means @ u[i]
            height = law.weights / (math.sqrt(2 * math.pi) * tau)
            tau = np.broadcast_to(tau, shift.shape)
            for lo in range(0, law.size, chunk):
                part = slice(lo, lo + chunk)
                z = (p[None, :] - shift[part, None]) / tau[part, None]
                np.multiply(z, z, out=z)
                z *= -0.5
                out[i] += height[part] @ np.exp(z, out=z)

    in_blocks(rows, len(u), p.size * law.size)
    return out.astype(dtype)


@representable
def radon_ellipsoid(
    directions: ArrayLike,
    offsets: ArrayLike,
    center: ArrayLike,
    axes: ArrayLike | None,
    semi_axes: ArrayLike,
) -> NDArray:
    """Radon transform of the indicator of a solid ellipsoid of R^m: the volume of its slices.

    ``Rf(u, p) = ω_{m−1} (Π_i s_i/τ) (1 − z²/τ²)_+^{(m−1)/2}``, ``z = p − u·c``,
    ``τ² = Σ_i s_i² (u·e_i)²``, ``ω_k = π^{k/2}/Γ(k/2+1)`` the volume of the unit ball of R^k. In
    the plane this is ``2 A B √(τ² − z²)/τ²``; in m = 1, the indicator of an interval.

    Parameters
    ----------
    directions : array_like, shape (n_dir, m)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in units of length.
    center : array_like, shape (m,)
        Centre c.
    axes : array_like, shape (m, m), or None
        Orthonormal rows e_i, the directions of the semi-axes; None for the coordinate axes.
    semi_axes : array_like, shape (m,)
        Semi-axes s_i > 0.

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Volumes of dimension m − 1; float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector, the rows of ``axes`` are not orthonormal, a semi-axis
        is not positive, or shapes disagree.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    radon_ball, radon_ellipse, fourier_ellipsoid

    Notes
    -----
    **Accuracy.** Rounding, amplified by the square root at the rim in even m.
    **Cost.** O(n_dir (n_off + m²)).

    References
    ----------
    A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging*, 1988, section 3.1
    (the ellipse).

    Examples
    --------
    >>> radon_ellipsoid([[1.0, 0, 0]], [0.0, 1.0], [0, 0, 0], None, [2.0, 1.0, 1.0]).round(6)
    array([[3.141593, 2.356194]])
    """
    c, e, s = as_ellipsoid(center, axes, semi_axes)
    u, p, dtype = as_sinogram_axes(directions, offsets, c.size)
    tau = np.linalg.norm((u @ e.T) * s, axis=1)[:, None]
    z = (p[None, :] - (u @ c)[:, None]) / tau
    # (1 − z)(1 + z) keeps the digits near the rim that 1 − z² would lose.
    inside = np.maximum((1 - z) * (1 + z), 0.0)
    height = unit_ball_volume(c.size - 1) * np.prod(s) / tau
    shape = np.where(np.abs(z) <= 1, 1.0, 0.0) if c.size == 1 else inside ** ((c.size - 1) / 2)
    return (height * shape).astype(dtype)


@representable
def radon_ball(
    directions: ArrayLike, offsets: ArrayLike, center: ArrayLike, radius: float
) -> NDArray:
    """Radon transform of the indicator of a solid ball of R^m.

    ``Rf(u, p) = ω_{m−1} (r² − (p − u·c)²)_+^{(m−1)/2}``, ω_k the volume of the unit ball of R^k.

    Parameters
    ----------
    directions : array_like, shape (n_dir, m)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in units of length.
    center : array_like, shape (m,)
        Centre c.
    radius : float
        Radius r > 0, in units of length.

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Volumes of dimension m − 1; float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector, the radius is not positive, or shapes disagree.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    radon_ellipsoid, fourier_ball

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n_dir (n_off + m²)).

    References
    ----------
    S. Helgason, *The Radon Transform*, 2nd ed., 1999, chapter I.

    Examples
    --------
    >>> radon_ball([[1.0, 0.0]], [0.0, 0.6], [0.0, 0.0], 1.0).round(6)
    array([[2. , 1.6]])
    """
    c = as_mean(center, "center")
    r = positive(radius, "radius")
    return radon_ellipsoid(directions, offsets, c, None, np.full(c.size, r))


@representable
def radon_ellipse(
    directions: ArrayLike,
    offsets: ArrayLike,
    center: ArrayLike,
    semi_axes: ArrayLike,
    angle: float = 0.0,
) -> NDArray:
    """Radon transform of the indicator of a solid ellipse of the plane.

    ``Rf(u, p) = 2 A B √((τ² − z²)_+)/τ²``, ``z = p − u·c``,
    ``τ² = A² (u·e_1)² + B² (u·e_2)²``, ``e_1 = (cos α, sin α)``, ``e_2 ⊥ e_1``.

    Parameters
    ----------
    directions : array_like, shape (n_dir, 2)
        Unit vectors u.
    offsets : array_like, shape (n_off,)
        Offsets p, in units of length.
    center : array_like, shape (2,)
        Centre c.
    semi_axes : array_like, shape (2,)
        Semi-axes A, B > 0, in units of length.
    angle : float
        Angle α from the first coordinate axis to the semi-axis A, in radians.

    Returns
    -------
    ndarray, shape (n_dir, n_off)
        Lengths of chords; float32 where directions and offsets both are.

    Raises
    ------
    ValueError
        If a direction is not a unit vector, a semi-axis is not positive, or shapes disagree.
    MemoryBudgetError
        If the sinogram does not fit the memory budget.

    See Also
    --------
    radon_ellipsoid, radon_shepp_logan

    Notes
    -----
    **Accuracy.** Rounding, amplified by the square root at the rim. **Cost.** O(n_dir n_off).

    References
    ----------
    A. C. Kak and M. Slaney, *Principles of Computerized Tomographic Imaging*, 1988, section 3.1.

    Examples
    --------
    >>> radon_ellipse([[1.0, 0.0]], [0.0], [0.0, 0.0], [2.0, 1.0], 0.0)
    array([[2.]])
    """
    c = as_mean(center, "center")
    if c.size != 2:
        raise ValueError(f"`center` must have shape (2,), got {c.shape} (see radon_ellipsoid)")
    return radon_ellipsoid(
        directions, offsets, c, plane_axes(finite_number(angle, "angle")), semi_axes
    )
