"""Exact continuous denoising autoencoders: the backward heat flows of normal laws and mixtures.

With noise covariance D per unit of time, the identity unless given, the law solves
``∂_t μ = −∇·(D∇μ)`` and a point moves with the velocity ``D∇log μ_t``, until the singular time.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_covariance,
    as_points,
    as_real_array,
    common_float,
    non_negative,
    representable,
)
from ridgeflow.closed_forms._parameters import (
    as_bare_covariance,
    as_covariances,
    as_mean,
    as_mixture,
    as_noise,
)
from ridgeflow.errors import SingularTimeError

__all__ = [
    "mixture_backward_heat",
    "mixture_singular_time",
    "normal_flow",
    "normal_flow_covariance",
    "normal_flow_log_density",
    "normal_singular_time",
]


def _normal(mean: ArrayLike, covariance: ArrayLike) -> tuple[NDArray, NDArray]:
    mu = as_mean(mean, "mean")
    return mu, as_covariance(covariance, "covariance", mu.size)


def _relative_noise(cov: NDArray, noise: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """D Σ^{-1} = B diag(n) B^{-1}: the eigenvalues n (m,) of D relative to Σ, B and B^{-1}.

    Needs Σ positive definite only, so that D may act on some directions alone.
    """
    L = np.linalg.cholesky(cov)
    half = np.linalg.solve(L, noise)
    n, q = np.linalg.eigh(np.linalg.solve(L, half.T))
    return np.maximum(n, 0.0), L @ q, q.T @ np.linalg.inv(L)


def _refuse_past(t: float, singular: float) -> None:
    """Raise SingularTimeError unless t is below the singular time."""
    # The singular time is known to rounding, and no digit of the flow is left so near to it.
    if not t < singular * (1 - 1e-14):
        raise SingularTimeError(
            f"`t` must be less than the singular time {singular:.6g}, got {t:g} (the backward "
            "heat equation has no solution from there on)"
        )


def normal_singular_time(
    covariance: ArrayLike, *, noise_covariance: ArrayLike | None = None
) -> float:
    """Time at which the backward heat flow of a normal law ceases to exist.

    ``t* = λ_min(Σ_0)/2``; with noise covariance D, ``1/(2 λ_max(Σ_0^{−1} D))``, which is
    ``λ_min(D^{−1/2} Σ_0 D^{−1/2})/2`` where D is invertible.

    Parameters
    ----------
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number is read as a 1 x 1 matrix.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    float
        Singular time, a variance; the flow exists for t below it.

    Raises
    ------
    ValueError
        If shapes disagree, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_flow, mixture_singular_time

    Notes
    -----
    **Accuracy.** Rounding times the condition number of Σ_0. **Cost.** O(m³).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_singular_time([[1.0, 0.0], [0.0, 0.5]])
    0.25
    """
    cov = as_bare_covariance(covariance)
    if noise_covariance is None:
        return float(np.linalg.eigvalsh(cov)[0]) / 2
    n, _, _ = _relative_noise(cov, as_noise(noise_covariance, len(cov)))
    return 0.5 / float(n[-1])


@representable
def normal_flow(
    points: ArrayLike,
    mean: ArrayLike,
    covariance: ArrayLike,
    t: float,
    *,
    noise_covariance: ArrayLike | None = None,
) -> NDArray:
    """Continuous denoising autoencoder of a normal law: its backward heat flow.

    ``φ_t(x) = (I − 2tDΣ_0^{−1})^{1/2} (x − m_0) + m_0``, the principal root.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Points x.
    mean : array_like, shape (m,)
        Mean m_0.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number stands for its multiple of the identity.
    t : float
        Time, a variance, in [0, :func:`normal_singular_time`).
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (n, m)
        Transported points; float32 where the points are.

    Raises
    ------
    SingularTimeError
        If t is at or past the singular time.
    ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_flow_covariance, normal_flow_log_density, deep_normal_denoise

    Notes
    -----
    **Accuracy.** Rounding times the root of the condition number of Σ_0; near the singular time
    the root loses digits, as the flow itself does. **Cost.** O(n m² + m³).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_flow([1.0], [0.0], 1.3, 0.5).round(6)
    array([[0.480384]])
    """
    mu, cov = _normal(mean, covariance)
    x = as_points(points, "points", mu.size)
    n, basis, inverse = _relative_noise(cov, as_noise(noise_covariance, mu.size))
    _refuse_past(non_negative(t, "t"), 0.5 / float(n[-1]))
    matrix = (basis * np.sqrt(1 - 2 * float(t) * n)) @ inverse
    return ((x.astype(np.float64) - mu) @ matrix.T + mu).astype(common_float(x))


@representable
def normal_flow_covariance(
    covariance: ArrayLike, t: float, *, noise_covariance: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Covariance of a normal law under its backward heat flow.

    ``Σ_t = Σ_0 − 2tD``.

    Parameters
    ----------
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number is read as a 1 x 1 matrix.
    t : float
        Time, a variance, in [0, :func:`normal_singular_time`).
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (m, m)
        Covariance at time t; the mean stays.

    Raises
    ------
    SingularTimeError
        If t is at or past the singular time.
    ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_flow, mixture_backward_heat

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(m³), for the singular time.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_flow_covariance(1.0, 0.25)
    array([[0.5]])
    """
    cov = as_bare_covariance(covariance)
    _refuse_past(non_negative(t, "t"), normal_singular_time(cov, noise_covariance=noise_covariance))
    return cov - 2 * float(t) * as_noise(noise_covariance, len(cov))


@representable
def normal_flow_log_density(
    points: ArrayLike,
    mean: ArrayLike,
    covariance: ArrayLike,
    t: float,
    *,
    noise_covariance: ArrayLike | None = None,
) -> NDArray:
    """Log-density of a normal law along its backward heat flow.

    ``log μ_t(φ_t(x)) = log N(x; m_0, Σ_0) − ½ Σ_i log(1 − 2t n_i)``, n_i the eigenvalues of
    ``DΣ_0^{−1}``.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Starting points x.
    mean : array_like, shape (m,)
        Mean m_0.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number stands for its multiple of the identity.
    t : float
        Time, a variance, in [0, :func:`normal_singular_time`).
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (n,)
        Log-densities at the transported points (nats); float32 where the points are.

    Raises
    ------
    SingularTimeError
        If t is at or past the singular time.
    ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_flow, normal_flow_covariance

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n m² + m³).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_flow_log_density([0.0], [0.0], 1.0, 0.0).round(6)
    array([-0.918939])
    """
    mu, cov = _normal(mean, covariance)
    x = as_points(points, "points", mu.size)
    n, _, inverse = _relative_noise(cov, as_noise(noise_covariance, mu.size))
    _refuse_past(non_negative(t, "t"), 0.5 / float(n[-1]))
    z = (x.astype(np.float64) - mu) @ inverse.T
    log_volume = math.log(2 * math.pi) * mu.size + np.linalg.slogdet(cov)[1]
    log_volume += np.log1p(-2 * float(t) * n).sum()
    return (-0.5 * (np.einsum("ij,ij->i", z, z) + log_volume)).astype(common_float(x))


def mixture_singular_time(
    covariances: ArrayLike, *, noise_covariance: ArrayLike | None = None
) -> float:
    """Time at which the backward heat flow of a Gaussian mixture ceases to exist.

    ``t* = min_k λ_min(Σ_k)/2``; with noise covariance D, ``min_k 1/(2 λ_max(Σ_k^{−1} D))``.

    Parameters
    ----------
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    float
        Singular time, a variance; the flow exists for t below it.

    Raises
    ------
    ValueError
        If shapes disagree, a Σ_k is not positive definite or D not semidefinite.

    See Also
    --------
    mixture_backward_heat, normal_singular_time

    Notes
    -----
    **Accuracy.** Rounding times the condition numbers of the Σ_k. **Cost.** O(K m³), m³ where
    the covariance is shared.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> mixture_singular_time([1.0, 0.5, 2.0])
    0.25
    """
    array = as_real_array(covariances, "covariances", ndim=(0, 1, 2, 3))
    noise = (
        None if noise_covariance is None else as_real_array(noise_covariance, "noise_covariance")
    )
    if array.ndim >= 2:
        dim: int | None = array.shape[-1]
    else:
        dim = len(noise) if noise is not None and noise.ndim == 2 else 1
    cov = as_covariances(array, "covariances", dim, None)
    if noise is None:
        return float(np.linalg.eigvalsh(cov).min()) / 2
    inverse = np.linalg.inv(np.linalg.cholesky(cov))
    relative = inverse @ as_noise(noise, cov.shape[-1]) @ np.swapaxes(inverse, 1, 2)
    return 0.5 / float(np.linalg.eigvalsh(relative).max())


@representable
def mixture_backward_heat(
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    t: float,
    *,
    noise_covariance: ArrayLike | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """A Gaussian mixture under the backward heat equation, exact until its singular time.

    ``μ_t = Σ_k w_k N(m_k, Σ_k − 2tD)`` solves ``∂_t μ = −∇·(D∇μ)``; it is the law of the
    continuous denoising autoencoder, whose velocity is ``D∇log μ_t``.

    Parameters
    ----------
    weights : array_like, shape (K,)
        Positive weights w_k, scaled to total 1.
    means : array_like, shape (K, m)
        Means m_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).
    t : float
        Time, a variance, in [0, :func:`mixture_singular_time`).
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    weights : ndarray, shape (K,)
        The weights, of total 1.
    means : ndarray, shape (K, m)
        The means, unchanged.
    covariances : ndarray, shape (m, m) where Σ is shared, else (K, m, m)
        Σ_k − 2tD.

    Raises
    ------
    SingularTimeError
        If t is at or past the singular time.
    ValueError
        If shapes disagree, a weight is not positive, t is negative, a Σ_k is not positive
        definite or D not semidefinite.

    See Also
    --------
    mixture_singular_time, mixture_denoise, normal_flow_covariance

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(K m³), for the singular time.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> mixture_backward_heat([1.0, 3.0], [-1.0, 1.0], [1.0, 2.0], 0.25)[2].ravel()
    array([0.5, 1.5])
    """
    law = as_mixture(weights, means, covariances, law=True)
    noise = as_noise(noise_covariance, law.dim)
    singular = mixture_singular_time(law.covariances, noise_covariance=noise_covariance)
    _refuse_past(non_negative(t, "t"), singular)
    cov = law.covariances - 2 * float(t) * noise
    shared = len(cov) == 1 and law.size > 1
    return law.weights, law.means, cov[0] if shared else cov
