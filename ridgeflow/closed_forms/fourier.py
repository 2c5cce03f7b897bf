"""Exact Fourier transforms ``f̂(ξ) = ∫ f(x) exp(−i x·ξ) dx`` of Gaussian mixtures and ellipsoids.

They are the slices of the Radon transforms: ``∫ Rf(u, p) exp(−ikp) dp = f̂(ku)``.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gamma, jv

from ridgeflow._validate import (
    as_covariance,
    as_points,
    common_float,
    positive,
    representable,
)
from ridgeflow.closed_forms._parameters import (
    Mixture,
    as_mean,
    as_mixture,
    complex_like,
    in_blocks,
)
from ridgeflow.closed_forms.radon import as_ellipsoid

__all__ = [
    "fourier_ball",
    "fourier_ellipsoid",
    "fourier_gaussian",
    "fourier_gaussian_mixture",
    "gaussian_mixture_density",
]


@representable
def gaussian_mixture_density(
    points: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> NDArray:
    """Values of a sum of normal densities Σ_k w_k N(μ_k, Σ_k), weights of either sign.

    ``f(x) = Σ_k w_k (2π)^{−m/2} det(Σ_k)^{−1/2} exp(−½ (x−μ_k)ᵀ Σ_k^{−1} (x−μ_k))``.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Points x.
    weights : array_like, shape (K,)
        Weights w_k; they need not be positive nor sum to 1.
    means : array_like, shape (K, m)
        Means μ_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).

    Returns
    -------
    ndarray, shape (n,)
        Values; float32 where the points are.

    Raises
    ------
    ValueError
        If shapes disagree or a Σ_k is not positive definite.

    See Also
    --------
    radon_gaussian_mixture, fourier_gaussian_mixture, gaussian_phantom

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n K m²) time, O(n) memory beside a fixed block.

    References
    ----------
    T. W. Anderson, *An Introduction to Multivariate Statistical Analysis*, 3rd ed., 2003,
    section 2.3 (the density).

    Examples
    --------
    >>> gaussian_mixture_density([0.0], [1.0], [0.0], 1.0).round(6)
    array([0.398942])
    """
    law = as_mixture(weights, means, covariances)
    x = as_points(points, "points", law.dim)
    dtype = common_float(x)
    x = x.astype(np.float64)
    inverse = np.linalg.inv(law.factors())
    log_height = np.log(np.abs(np.diagonal(inverse, axis1=1, axis2=2))).sum(axis=1)
    height = law.weights * (2 * math.pi) ** (-law.dim / 2) * np.exp(log_height)
    out = np.zeros(len(x))

    def rows(start: int, stop: int) -> None:
        for k in range(law.size):
            z = (x[start:stop] - law.means[k]) @ inverse[min(k, len(inverse) - 1)].T
            out[start:stop] += height[k] * np.exp(-0.5 * np.einsum("ij,ij->i", z, z))

    in_blocks(rows, len(x), 4 * law.dim)
    return out.astype(dtype)


@representable
def fourier_gaussian(xi: ArrayLike, mean: ArrayLike, covariance: ArrayLike) -> NDArray:
    """Fourier transform of the normal density N(μ, Σ).

    ``f̂(ξ) = exp(−i ξ·μ − ½ ξᵀΣξ)``.

    Parameters
    ----------
    xi : array_like, shape (n, m)
        Frequencies ξ, in radians per unit of length.
    mean : array_like, shape (m,)
        Mean μ.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ; a number stands for its multiple of the identity.

    Returns
    -------
    ndarray of complex, shape (n,)
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    ValueError
        If shapes disagree or Σ is not positive definite.

    See Also
    --------
    fourier_gaussian_mixture, radon_gaussian

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n m²).

    References
    ----------
    T. W. Anderson, *An Introduction to Multivariate Statistical Analysis*, 3rd ed., 2003,
    section 2.6 (the characteristic function).

    Examples
    --------
    >>> fourier_gaussian([1.0], [0.0], 2.0).real.round(6)
    array([0.367879])
    """
    mu = as_mean(mean, "mean")
    cov = as_covariance(covariance, "covariance", mu.size)
    return fourier_gaussian_mixture(xi, [1.0], mu[None, :], cov)


@representable
def fourier_gaussian_mixture(
    xi: ArrayLike, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike
) -> NDArray:
    """Fourier transform of a sum of normal densities Σ_k w_k N(μ_k, Σ_k).

    ``f̂(ξ) = Σ_k w_k exp(−i ξ·μ_k − ½ ξᵀΣ_k ξ)``.

    Parameters
    ----------
    xi : array_like, shape (n, m)
        Frequencies ξ, in radians per unit of length.
    weights : array_like, shape (K,)
        Weights w_k; they need not be positive nor sum to 1.
    means : array_like, shape (K, m)
        Means μ_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).

    Returns
    -------
    ndarray of complex, shape (n,)
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    ValueError
        If shapes disagree or a Σ_k is not positive definite.

    See Also
    --------
    fourier_gaussian, radon_gaussian_mixture

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n K m²) time, blocks of fixed size.

    References
    ----------
    T. W. Anderson, *An Introduction to Multivariate Statistical Analysis*, 3rd ed., 2003,
    section 2.6 (the characteristic function).

    Examples
    --------
    >>> fourier_gaussian_mixture([[0.0, 0.0]], [0.25, 0.5], [[0, 0], [1, 1]], 1.0).real
    array([0.75])
    """
    law: Mixture = as_mixture(weights, means, covariances)
    x = as_points(xi, "xi", law.dim)
    dtype = common_float(x)
    x = x.astype(np.float64)
    factors = law.factors()
    out = np.zeros(len(x), dtype=np.complex128)

    def rows(start: int, stop: int) -> None:
        block = x[start:stop]
        for k in range(law.size):
            z = block @ factors[min(k, len(factors) - 1)]
            exponent = -0.5 * np.einsum("ij,ij->i", z, z) - 1j * (block @ law.means[k])
            out[start:stop] += law.weights[k] * np.exp(exponent)

    in_blocks(rows, len(x), 4 * law.dim)
    return out.astype(complex_like(dtype))


@representable
def fourier_ellipsoid(
    xi: ArrayLike, center: ArrayLike, axes: ArrayLike | None, semi_axes: ArrayLike
) -> NDArray:
    """Fourier transform of the indicator of a solid ellipsoid of R^m.

    ``f̂(ξ) = (Π_i s_i) (2π)^{m/2} q^{−m/2} J_{m/2}(q) exp(−i ξ·c)``, ``q² = Σ_i s_i² (ξ·e_i)²``,
    which tends to the volume at ξ = 0.

    Parameters
    ----------
    xi : array_like, shape (n, m)
        Frequencies ξ, in radians per unit of length.
    center : array_like, shape (m,)
        Centre c.
    axes : array_like, shape (m, m), or None
        Orthonormal rows e_i, the directions of the semi-axes; None for the coordinate axes.
    semi_axes : array_like, shape (m,)
        Semi-axes s_i > 0.

    Returns
    -------
    ndarray of complex, shape (n,)
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    ValueError
        If the rows of ``axes`` are not orthonormal, a semi-axis is not positive, or shapes
        disagree.

    See Also
    --------
    fourier_ball, radon_ellipsoid

    Notes
    -----
    **Accuracy.** About 1e-14 of the volume. **Cost.** O(n m²).

    References
    ----------
    E. M. Stein and G. Weiss, *Introduction to Fourier Analysis on Euclidean Spaces*, 1971,
    chapter IV, section 3 (Fourier transforms of radial functions).

    Examples
    --------
    >>> fourier_ellipsoid([[0.0, 0.0]], [0.0, 0.0], None, [2.0, 1.0]).real.round(6)
    array([6.283185])
    """
    c, e, s = as_ellipsoid(center, axes, semi_axes)
    x = as_points(xi, "xi", c.size)
    dtype = common_float(x)
    x = x.astype(np.float64)
    q = np.linalg.norm((x @ e.T) * s, axis=1)
    half = c.size / 2
    # Below this the two-term series is exact to rounding, and q^{-m/2} may overflow.
    small = q < 1e-3
    safe = np.where(small, 1.0, q)
    series = (1 - q**2 / (4 * (half + 1)) + q**4 / (32 * (half + 1) * (half + 2))) / (
        2**half * gamma(half + 1)
    )
    radial = np.where(small, series, jv(half, safe) / safe**half)
    value = np.prod(s) * (2 * math.pi) ** half * radial * np.exp(-1j * (x @ c))
    return value.astype(complex_like(dtype))


@representable
def fourier_ball(xi: ArrayLike, center: ArrayLike, radius: float) -> NDArray:
    """Fourier transform of the indicator of a solid ball of R^m.

    ``f̂(ξ) = (2πr/|ξ|)^{m/2} J_{m/2}(r|ξ|) exp(−i ξ·c)``.

    Parameters
    ----------
    xi : array_like, shape (n, m)
        Frequencies ξ, in radians per unit of length.
    center : array_like, shape (m,)
        Centre c.
    radius : float
        Radius r > 0, in units of length.

    Returns
    -------
    ndarray of complex, shape (n,)
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    ValueError
        If the radius is not positive or shapes disagree.

    See Also
    --------
    fourier_ellipsoid, radon_ball

    Notes
    -----
    **Accuracy.** About 1e-14 of the volume. **Cost.** O(n m²).

    References
    ----------
    E. M. Stein and G. Weiss, *Introduction to Fourier Analysis on Euclidean Spaces*, 1971,
    chapter IV, section 3.

    Examples
    --------
    >>> fourier_ball([[0.0, 0.0, 0.0]], [0.0, 0.0, 0.0], 1.0).real.round(6)
    array([4.18879])
    """
    c = as_mean(center, "center")
    return fourier_ellipsoid(xi, c, None, np.full(c.size, positive(radius, "radius")))
