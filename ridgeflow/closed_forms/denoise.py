"""Exact denoising autoencoders of normal laws, Gaussian mixtures and empirical laws.

The noise is N(0, tD), D the identity unless given. A shallow denoising autoencoder is the
posterior mean of the clean point; a deep one composes L of them with noise t/L, each for the law
that the layers before it produced.
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
    fits_in_memory,
    non_negative,
    positive,
    positive_int,
    representable,
    same_length,
)
from ridgeflow.closed_forms._parameters import (
    BLOCK_PAIRS,
    as_bare_covariance,
    as_mean,
    as_mixture,
    as_noise,
    in_blocks,
)

__all__ = [
    "deep_normal_denoise",
    "deep_normal_slope",
    "deep_normal_variances",
    "empirical_denoise",
    "mixture_denoise",
    "normal_denoise",
    "normal_denoise_covariance",
]


@representable
def normal_denoise(
    points: ArrayLike,
    mean: ArrayLike,
    covariance: ArrayLike,
    t: float,
    *,
    noise_covariance: ArrayLike | None = None,
) -> NDArray:
    """Shallow denoising autoencoder of the normal law N(m_0, Σ_0): the posterior mean.

    ``Φ_t(x) = Σ_0 (Σ_0 + tD)^{−1} (x − m_0) + m_0``.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Noisy points x.
    mean : array_like, shape (m,)
        Mean m_0.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number stands for its multiple of the identity.
    t : float
        Variance of the noise, >= 0.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (n, m)
        Denoised points; float32 where the points are.

    Raises
    ------
    ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_denoise_covariance, deep_normal_denoise, normal_flow

    Notes
    -----
    **Accuracy.** Rounding times the condition number of Σ_0 + tD. **Cost.** O(n m² + m³).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_denoise([1.0], [0.0], 1.3, 0.5).round(6)
    array([[0.722222]])
    """
    mu = as_mean(mean, "mean")
    cov = as_covariance(covariance, "covariance", mu.size)
    x = as_points(points, "points", mu.size)
    noise = non_negative(t, "t") * as_noise(noise_covariance, mu.size)
    gain = np.linalg.solve(cov + noise, cov)
    return ((x.astype(np.float64) - mu) @ gain + mu).astype(common_float(x))


@representable
def normal_denoise_covariance(
    covariance: ArrayLike, t: float, *, noise_covariance: ArrayLike | None = None
) -> NDArray[np.float64]:
    """Covariance of a normal law pushed forward by its shallow denoising autoencoder.

    ``A Σ_0 Aᵀ``, ``A = Σ_0 (Σ_0 + tD)^{−1}``; for D the identity, ``Σ_0 (I + tΣ_0^{−1})^{−2}``.

    Parameters
    ----------
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number is read as a 1 x 1 matrix.
    t : float
        Variance of the noise, >= 0.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (m, m)
        Covariance of Φ_t(x) for clean x; the mean stays.

    Raises
    ------
    ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or D not semidefinite.

    See Also
    --------
    normal_denoise, deep_normal_variances

    Notes
    -----
    **Accuracy.** Rounding times the condition number of Σ_0 + tD. **Cost.** O(m³).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> normal_denoise_covariance(1.0, 1.0)
    array([[0.25]])
    """
    cov = as_bare_covariance(covariance)
    noise = non_negative(t, "t") * as_noise(noise_covariance, len(cov))
    gain = np.linalg.solve(cov + noise, cov)
    out = gain.T @ cov @ gain
    return 0.5 * (out + out.T)


@representable
def deep_normal_variances(variances: ArrayLike, step: float, depth: int) -> NDArray[np.float64]:
    """Variances of a normal law under each layer of its deep denoising autoencoder.

    ``v_{l+1} = v_l³/(v_l + τ)²`` for every eigenvalue of the covariance.

    Parameters
    ----------
    variances : array_like, shape () or (m,)
        Eigenvalues v_0 > 0 of the covariance of the data.
    step : float
        Noise variance τ of one layer, >= 0.
    depth : int
        Number L of layers, >= 1.

    Returns
    -------
    ndarray, shape (L + 1,) or (L + 1, m)
        Row l holds the variances after l layers; row 0 those of the data.

    Raises
    ------
    TypeError, ValueError
        If a variance is not positive, the step is negative or the depth not a positive integer.

    See Also
    --------
    deep_normal_slope, normal_denoise_covariance

    Notes
    -----
    **Accuracy.** Rounding. As L → ∞ at t = Lτ, v_L differs from its limit v_0 − 2t by O(1/L).
    **Cost.** O(L m).

    References
    ----------
    S. Sonoda and N. Murata, *Transportation analysis of denoising autoencoders: a novel method
    for analyzing deep neural networks*, 2017.

    Examples
    --------
    >>> deep_normal_variances(1.0, 1.0, 1)
    array([1.  , 0.25])
    """
    v0 = as_real_array(variances, "variances", ndim=(0, 1)).astype(np.float64)
    if (v0 <= 0).any():
        raise ValueError(f"`variances` must be positive, got a least of {v0.min():g}")
    tau = non_negative(step, "step")
    layers = positive_int(depth, "depth")
    fits_in_memory(
        8.0 * (layers + 1) * v0.size, f"the variances of {layers} layers", "take fewer layers"
    )
    out = np.empty((layers + 1, *v0.shape))
    out[0] = v0
    for i in range(len(out) - 1):
        # v (v/(v + τ))² neither overflows nor underflows where v³ would.
        out[i + 1] = out[i] * np.square(out[i] / (out[i] + tau))
    return out


@representable
def deep_normal_slope(variances: ArrayLike, t: float, depth: int) -> NDArray[np.float64]:
    """Slope of the deep denoising autoencoder of a normal law along each eigenvector.

    ``Π_l v_l/(v_l + τ)``, ``τ = t/L``, ``v_{l+1} = v_l³/(v_l + τ)²``: the factor by which a
    deviation from the mean shrinks. It tends to ``(1 − 2t/v_0)^{1/2}`` with error O(1/L).

    Parameters
    ----------
    variances : array_like, shape () or (m,)
        Eigenvalues v_0 > 0 of the covariance of the data.
    t : float
        Total noise variance, >= 0, in L equal steps.
    depth : int
        Number L of layers, >= 1.

    Returns
    -------
    ndarray, shape of ``variances``
        Slopes in (0, 1].

    Raises
    ------
    TypeError, ValueError
        If a variance is not positive, t is negative or the depth not a positive integer.

    See Also
    --------
    deep_normal_variances, deep_normal_denoise, normal_flow

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(L m).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> [float(deep_normal_slope(1.3, 0.5, L).round(6)) for L in (1, 2, 4, 8)]
    [0.722222, 0.658646, 0.601809, 0.556687]
    """
    tau = non_negative(t, "t") / positive_int(depth, "depth")
    v = deep_normal_variances(variances, tau, depth)[:-1]
    return np.prod(v / (v + tau), axis=0)


@representable
def deep_normal_denoise(
    points: ArrayLike, mean: ArrayLike, covariance: ArrayLike, t: float, depth: int
) -> NDArray:
    """Deep denoising autoencoder of a normal law: L layers of noise variance t/L.

    ``Φ(x) = Q diag(s) Qᵀ (x − m_0) + m_0``, ``Σ_0 = Q diag(v_0) Qᵀ``, s the slopes of
    :func:`deep_normal_slope`.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Points x.
    mean : array_like, shape (m,)
        Mean m_0.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ_0; a number stands for its multiple of the identity.
    t : float
        Total noise variance, >= 0.
    depth : int
        Number L of layers, >= 1.

    Returns
    -------
    ndarray, shape (n, m)
        Transported points; float32 where the points are.

    Raises
    ------
    TypeError, ValueError
        If shapes disagree, t is negative, Σ_0 is not positive definite or the depth is not a
        positive integer.

    See Also
    --------
    deep_normal_slope, normal_denoise, normal_flow

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(n m² + m³ + L m).

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019.

    Examples
    --------
    >>> deep_normal_denoise([1.0], [0.0], 1.3, 0.5, 2).round(6)
    array([[0.658646]])
    """
    mu = as_mean(mean, "mean")
    cov = as_covariance(covariance, "covariance", mu.size)
    x = as_points(points, "points", mu.size)
    v, q = np.linalg.eigh(cov)
    slopes = deep_normal_slope(v, t, depth)
    out = (x.astype(np.float64) - mu) @ (q * slopes) @ q.T + mu
    return out.astype(common_float(x))


@representable
def mixture_denoise(
    points: ArrayLike,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
    t: float,
    *,
    noise_covariance: ArrayLike | None = None,
) -> NDArray:
    """Shallow denoising autoencoder of a Gaussian mixture: the posterior mean.

    ``Φ_t(x) = Σ_k r_k(x) {m_k + Σ_k (Σ_k + tD)^{−1} (x − m_k)}``, r_k the responsibilities under
    ``Σ_k w_k N(m_k, Σ_k + tD)``; for D the identity the braces are
    ``(I + tΣ_k^{−1})^{−1} x + (I + t^{−1}Σ_k)^{−1} m_k``.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Noisy points x.
    weights : array_like, shape (K,)
        Positive weights w_k, scaled to total 1.
    means : array_like, shape (K, m)
        Means m_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).
    t : float
        Variance of the noise, >= 0.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    ndarray, shape (n, m)
        Denoised points; float32 where the points are.

    Raises
    ------
    ValueError
        If shapes disagree, a weight is not positive, t is negative, a Σ_k is not positive
        definite or D not semidefinite.

    See Also
    --------
    normal_denoise, empirical_denoise, mixture_backward_heat

    Notes
    -----
    **Accuracy.** Rounding times the condition numbers of Σ_k + tD; responsibilities do not
    underflow far from the data. **Cost.** O(n K m²) time, blocks of fixed size.

    References
    ----------
    G. Alain and Y. Bengio, *What regularized auto-encoders learn from the data-generating
    distribution*, Journal of Machine Learning Research 15, 2014. S. Sonoda and N. Murata,
    *Transport analysis of infinitely deep neural network*, Journal of Machine Learning Research
    20, 2019.

    Examples
    --------
    >>> mixture_denoise([[0.0], [2.0]], [1.0, 1.0], [-1.0, 1.0], 0.5, 0.5).round(6)
    array([[0.      ],
           [1.482014]])
    """
    law = as_mixture(weights, means, covariances, law=True)
    x = as_points(points, "points", law.dim)
    dtype = common_float(x)
    x = x.astype(np.float64)
    total = law.covariances + non_negative(t, "t") * as_noise(noise_covariance, law.dim)
    whiten = np.linalg.inv(np.linalg.cholesky(total))
    gains = law.covariances @ np.swapaxes(whiten, 1, 2) @ whiten
    log_height = np.log(np.abs(np.diagonal(whiten, axis1=1, axis2=2))).sum(axis=1)
    log_weight = np.log(law.weights) + log_height
    out = np.empty_like(x)

    def rows(start: int, stop: int) -> None:
        block = x[start:stop]
        # Running maximum: the sums stay scaled by the largest term seen so far.
        top = np.full(len(block), -np.inf)
        mass = np.zeros(len(block))
        mean = np.zeros_like(block)
        for k in range(law.size):
            j = min(k, len(whiten) - 1)
            deviation = block - law.means[k]
            z = deviation @ whiten[j].T
            level = log_weight[k] - 0.5 * np.einsum("ij,ij->i", z, z)
            higher = np.maximum(top, level)
            scale, r = np.exp(top - higher), np.exp(level - higher)
            mass = mass * scale + r
            mean *= scale[:, None]
            mean += r[:, None] * (law.means[k] + deviation @ gains[j].T)
            top = higher
        out[start:stop] = mean / mass[:, None]

    in_blocks(rows, len(x), 8 * law.dim)
    return out.astype(dtype)


@representable
def empirical_denoise(
    points: ArrayLike,
    samples: ArrayLike,
    t: float,
    *,
    weights: ArrayLike | None = None,
    noise_covariance: ArrayLike | None = None,
) -> NDArray:
    """Shallow denoising autoencoder of an empirical law: one step of mean shift.

    ``Φ_t(x) = Σ_i p_i x_i``, ``p = softmax(log w_i − (x−x_i)ᵀ D^{−1} (x−x_i)/2t)``, the posterior
    mean under ``Σ_i w_i δ_{x_i}``.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Noisy points x.
    samples : array_like, shape (N, m)
        Samples x_i.
    t : float
        Variance of the noise, > 0.
    weights : array_like, shape (N,), optional
        Positive weights w_i; equal by default.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive definite D; the identity by default.

    Returns
    -------
    ndarray, shape (n, m)
        Denoised points, in the convex hull of the samples; float32 where points and samples both
        are.

    Raises
    ------
    ValueError
        If shapes disagree, a weight or t is not positive, or D is not positive definite.

    See Also
    --------
    mixture_denoise

    Notes
    -----
    **Accuracy.** Rounding; the weights do not underflow however small t is. **Cost.** O(n N m)
    time, blocks of fixed size.

    References
    ----------
    K. Fukunaga and L. D. Hostetler, *The estimation of the gradient of a density function, with
    applications in pattern recognition*, IEEE Transactions on Information Theory 21, 1975 (mean
    shift).

    Examples
    --------
    >>> empirical_denoise([0.0, 5.0], [-1.0, 1.0], 0.5).round(6)
    array([[0.],
           [1.]])
    """
    data = as_points(samples, "samples")
    x = as_points(points, "points", data.shape[1])
    dtype = common_float(x, data)
    w = np.ones(len(data)) if weights is None else as_real_array(weights, "weights", ndim=1)
    same_length(weights=w, samples=data)
    if (w <= 0).any():
        raise ValueError(f"`weights` must be positive, got a least of {w.min():g}")
    root = math.sqrt(positive(t, "t"))
    whiten = np.eye(data.shape[1]) / root
    if noise_covariance is not None:
        noise = as_covariance(noise_covariance, "noise_covariance", data.shape[1])
        whiten = np.linalg.inv(np.linalg.cholesky(noise)) / root
    values = data.astype(np.float64)
    y, z = values @ whiten.T, x.astype(np.float64) @ whiten.T
    log_weight = np.log(w.astype(np.float64))
    out = np.empty(x.shape)
    chunk = min(len(y), BLOCK_PAIRS // 16)

    def rows(start: int, stop: int) -> None:
        top = np.full(stop - start, -np.inf)
        mass = np.zeros(stop - start)
        mean = np.zeros((stop - start, x.shape[1]))
        for lo in range(0, len(y), chunk):
            part = slice(lo, lo + chunk)
            distance = np.zeros((stop - start, len(y[part])))
            for j in range(x.shape[1]):
                distance += np.square(z[start:stop, None, j] - y[None, part, j])
            level = log_weight[part] - 0.5 * distance
            higher = np.maximum(top, level.max(axis=1))
            scale, p = np.exp(top - higher), np.exp(level - higher[:, None])
            mass = mass * scale + p.sum(axis=1)
            mean = mean * scale[:, None] + p @ values[part]
            top = higher
        out[start:stop] = mean / mass[:, None]

    in_blocks(rows, len(x), chunk)
    return out.astype(dtype)
