"""Entropy, Fisher information and Wasserstein distance of normal laws."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from ridgeflow._validate import representable
from ridgeflow.closed_forms._parameters import (
    as_bare_covariance,
    as_mean,
    as_noise,
    as_semidefinite,
)

__all__ = [
    "normal_entropy",
    "normal_fisher_information",
    "normal_wasserstein2",
]


@representable
def normal_entropy(covariance: ArrayLike) -> float:
    """Entropy of a normal law.

    ``H = −∫ μ log μ = ½ log det(2πe Σ)``.

    Parameters
    ----------
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ; a number is read as a 1 x 1 matrix.

    Returns
    -------
    float
        Entropy (nats).

    Raises
    ------
    ValueError
        If Σ is not a positive definite matrix.

    See Also
    --------
    normal_fisher_information, normal_flow_covariance

    Notes
    -----
    **Accuracy.** Rounding. **Cost.** O(m³).

    References
    ----------
    T. M. Cover and J. A. Thomas, *Elements of Information Theory*, 2nd ed., 2006, theorem 8.4.1.

    Examples
    --------
    >>> round(normal_entropy(1.0), 6)
    1.418939
    """
    cov = as_bare_covariance(covariance)
    return float(0.5 * (len(cov) * math.log(2 * math.pi * math.e) + np.linalg.slogdet(cov)[1]))


@representable
def normal_fisher_information(
    covariance: ArrayLike, *, noise_covariance: ArrayLike | None = None
) -> float:
    """Fisher information of a normal law: the rate at which its backward heat flow loses entropy.

    ``I = ∫ ∇log μ · D∇log μ dμ = tr(DΣ^{−1})``, and ``dH/dt = −I`` along the flow.

    Parameters
    ----------
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ; a number is read as a 1 x 1 matrix.
    noise_covariance : array_like, shape (m, m), or float, optional
        Positive semidefinite D; the identity by default.

    Returns
    -------
    float
        Fisher information, in 1/length² for D the identity.

    Raises
    ------
    ValueError
        If shapes disagree, Σ is not positive definite or D not semidefinite.

    See Also
    --------
    normal_entropy

    Notes
    -----
    **Accuracy.** Rounding times the condition number of Σ. **Cost.** O(m³).

    References
    ----------
    C. Villani, *Topics in Optimal Transportation*, 2003, chapter 9.

    Examples
    --------
    >>> normal_fisher_information([[0.5, 0.0], [0.0, 1.0]])
    3.0
    """
    cov = as_bare_covariance(covariance)
    noise = as_noise(noise_covariance, len(cov))
    return float(np.trace(np.linalg.solve(cov, noise)))


@representable
def normal_wasserstein2(
    mean1: ArrayLike, covariance1: ArrayLike, mean2: ArrayLike, covariance2: ArrayLike
) -> float:
    """Wasserstein distance W2 between two normal laws.

    ``W2² = |m_1 − m_2|² + tr(Σ_1 + Σ_2 − 2(Σ_1^{1/2} Σ_2 Σ_1^{1/2})^{1/2})``, evaluated as
    ``|m_1 − m_2|² + min_U ‖A_1 − A_2 U‖²`` over orthogonal U, ``A_i A_iᵀ = Σ_i``, which does
    not cancel between laws that are close.

    Parameters
    ----------
    mean1, mean2 : array_like, shape (m,)
        Means.
    covariance1, covariance2 : array_like, shape (m, m), or float
        Positive semidefinite covariances; a number stands for its multiple of the identity.

    Returns
    -------
    float
        The distance, not its square, in units of length.

    Raises
    ------
    ValueError
        If shapes disagree or a covariance has a negative eigenvalue.

    See Also
    --------
    normal_flow, normal_denoise

    Notes
    -----
    **Accuracy.** Rounding of the standard deviations. **Cost.** O(m³).

    References
    ----------
    D. C. Dowson and B. V. Landau, *The Fréchet distance between multivariate normal
    distributions*, Journal of Multivariate Analysis 12, 1982. R. Bhatia, T. Jain and Y. Lim, *On
    the Bures-Wasserstein distance between positive definite matrices*, Expositiones Mathematicae
    37, 2019, theorem 1.

    Examples
    --------
    >>> normal_wasserstein2([0.0], 1.0, [3.0], 25.0)
    5.0
    """
    mu1, mu2 = as_mean(mean1, "mean1"), as_mean(mean2, "mean2")
    if mu1.shape != mu2.shape:
        raise ValueError(f"`mean2` must have shape {mu1.shape} like `mean1`, got {mu2.shape}")
    roots = []
    for value, name in ((covariance1, "covariance1"), (covariance2, "covariance2")):
        v, q = np.linalg.eigh(as_semidefinite(value, name, mu1.size))
        roots.append(q * np.sqrt(np.maximum(v, 0.0)))
    left, _, right = np.linalg.svd(roots[1].T @ roots[0])
    spread = np.linalg.norm(roots[0] - roots[1] @ (left @ right))
    return float(np.hypot(np.linalg.norm(mu1 - mu2), spread))
