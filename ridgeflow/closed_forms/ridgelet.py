"""Exact ridgelet transforms ``R[f;ψ](a, b) = ∫ f(x) conj ψ(a·x − b) dx``.

Every ψ of the package has ``ψ̂ = C |ω|^s (i sgn ω)^q exp(−ω²/2)``; smoothing by a normal law of
variance v − 1 turns it into ``v^{−(s+1)/2} ψ(z/√v)``, which closes all Gaussian integrals.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import dawsn, gamma, hyp1f1, roots_chebyu, roots_gegenbauer

from ridgeflow._kernels.spectra import NODE_TILE, mixture_nodes
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import (
    as_covariance,
    as_real_array,
    common_float,
    finite_number,
    fits_in_memory,
    positive_int,
    representable,
)
from ridgeflow.closed_forms._parameters import (
    as_mean,
    as_mixture,
    as_nodes,
    complex_like,
    in_blocks,
    in_range,
)
from ridgeflow.closed_forms.radon import as_ellipsoid
from ridgeflow.geometry import unit_ball_volume
from ridgeflow.profiles.ridgelet import Ridgelet

__all__ = [
    "fourier_sine",
    "ridgelet_ellipsoid",
    "ridgelet_gaussian",
    "ridgelet_gaussian_mixture",
    "ridgelet_gaussian_mixture_gradient",
    "ridgelet_interval",
]

# Beyond this frequency every ridgelet is below rounding of its maximum.
_NEGLIGIBLE = 1e-17


@representable
def ridgelet_gaussian(
    a: ArrayLike, b: ArrayLike, ridgelet: Ridgelet, mean: ArrayLike, covariance: ArrayLike
) -> NDArray:
    """Ridgelet transform of the normal density N(μ, Σ), in any dimension.

    ``R[N(μ,Σ);ψ](a, b) = v^{−(s+1)/2} ψ((a·μ − b)/√v)``, ``v = 1 + aᵀΣa``, s the exponent of
    ``ψ̂ = C |ω|^s (i sgn ω)^q exp(−ω²/2)``: ``s = m + ℓ`` for ``ψ = Λ^m G^{(ℓ)}``. The
    unnormalised Gaussian ``exp(−½(x−μ)ᵀΣ^{−1}(x−μ))`` carries the factor ``(2π)^{m/2} √det Σ``.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Directions times scales, in 1/length.
    b : array_like, shape (P,)
        Offsets of the neurons, dimensionless.
    ridgelet : Ridgelet
        The profile ψ, of dimension m, of either family.
    mean : array_like, shape (m,)
        Mean μ.
    covariance : array_like, shape (m, m), or float
        Positive definite covariance Σ; a number stands for its multiple of the identity.

    Returns
    -------
    ndarray, shape (P,)
        Spectrum, dimensionless; float32 where ``a`` and ``b`` both are.

    Raises
    ------
    TypeError
        If ``ridgelet`` is not a Ridgelet.
    ValueError
        If shapes or dimensions disagree or Σ is not positive definite.

    See Also
    --------
    ridgelet_gaussian_mixture, ridgelet_gaussian_mixture_gradient

    Notes
    -----
    **Accuracy.** That of ψ, relative to its maximum. **Cost.** O(P m²) and P values of ψ.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Applied and Computational Harmonic Analysis, 2017.

    Examples
    --------
    >>> from ridgeflow.profiles.ridgelet import Ridgelet
    >>> psi = Ridgelet(2, 1)
    >>> ridgelet_gaussian([[0.0, 0.0]], [1.0], psi, [0.0, 0.0], 1.0).round(6), psi(-1.0).round(6)
    (array([1.213061]), np.float64(1.213061))
    """
    mu = as_mean(mean, "mean")
    cov = as_covariance(covariance, "covariance", mu.size)
    return ridgelet_gaussian_mixture(a, b, ridgelet, [1.0], mu[None, :], cov)


@representable
def ridgelet_gaussian_mixture(
    a: ArrayLike,
    b: ArrayLike,
    ridgelet: Ridgelet,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
) -> NDArray:
    """Ridgelet transform of a sum of normal densities Σ_k w_k N(μ_k, Σ_k).

    ``R[f;ψ](a, b) = Σ_k w_k v_k^{−(s+1)/2} ψ((a·μ_k − b)/√v_k)``, ``v_k = 1 + aᵀΣ_k a``.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Directions times scales, in 1/length.
    b : array_like, shape (P,)
        Offsets of the neurons, dimensionless.
    ridgelet : Ridgelet
        The profile ψ, of dimension m, of either family.
    weights : array_like, shape (K,)
        Weights w_k; they need not be positive nor sum to 1.
    means : array_like, shape (K, m)
        Means μ_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).

    Returns
    -------
    ndarray, shape (P,)
        Spectrum; float32 where ``a`` and ``b`` both are.

    Raises
    ------
    TypeError
        If ``ridgelet`` is not a Ridgelet.
    ValueError
        If shapes or dimensions disagree or a Σ_k is not positive definite.

    See Also
    --------
    ridgelet_gaussian, ridgelet_gaussian_mixture_gradient

    Notes
    -----
    **Accuracy.** 1e-14 of the maximum of ψ for each component, 1e-13 beyond s = 40; what is below
    1e-17 of it is zero. **Cost.** O(P K m²), m² once for all k where the covariance is shared; ψ is
    read off a table, about 10 ns a node and component for small m.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Applied and Computational Harmonic Analysis, 2017.

    Examples
    --------
    >>> from ridgeflow.profiles.ridgelet import Ridgelet
    >>> psi = Ridgelet(1, 2)
    >>> ridgelet_gaussian_mixture([1.0], [0.0], psi, [1.0, 1.0], [2.0, -2.0], 0.3).round(6)
    array([0.927123])
    """
    law = as_mixture(weights, means, covariances)
    a_nodes, b_nodes, dtype = as_nodes(a, b, ridgelet, law.dim)
    fits_in_memory(8 * b_nodes.size, "the spectrum", "pass fewer nodes at a time")
    out = np.empty(b_nodes.size)
    parallel_for(
        mixture_nodes,
        -(-b_nodes.size // NODE_TILE),
        a_nodes,
        b_nodes,
        np.ascontiguousarray(law.means),
        law.factors(),
        law.weights,
        ridgelet.exponent + 1,
        *ridgelet.table(),
        1.0 if ridgelet.parity == "even" else -1.0,
        out,
    )
    return out.astype(dtype)


@representable
def ridgelet_gaussian_mixture_gradient(
    a: ArrayLike,
    b: ArrayLike,
    ridgelet: Ridgelet,
    weights: ArrayLike,
    means: ArrayLike,
    covariances: ArrayLike,
) -> NDArray:
    """Ridgelet transform of the gradient of a sum of normal densities.

    ``R[∇f;ψ](a, b) = a ∂_b R[f;ψ](a, b) = −a R[f;ψ'](a, b)``.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Directions times scales, in 1/length.
    b : array_like, shape (P,)
        Offsets of the neurons, dimensionless.
    ridgelet : Ridgelet
        The profile ψ, of dimension m, of either family.
    weights : array_like, shape (K,)
        Weights w_k; they need not be positive nor sum to 1.
    means : array_like, shape (K, m)
        Means μ_k.
    covariances : array_like
        Σ_k: a number, (m, m) shared, (K,) isotropic, or (K, m, m).

    Returns
    -------
    ndarray, shape (P, m)
        Spectrum of each component, in 1/length; float32 where ``a`` and ``b`` both are.

    Raises
    ------
    TypeError
        If ``ridgelet`` is not a Ridgelet.
    ValueError
        If shapes or dimensions disagree or a Σ_k is not positive definite.

    See Also
    --------
    ridgelet_gaussian_mixture

    Notes
    -----
    **Accuracy.** That of ψ', relative to its maximum. **Cost.** As
    :func:`ridgelet_gaussian_mixture`.

    References
    ----------
    E. J. Candès, *Ridgelets: theory and applications*, PhD thesis, Stanford, 1998 (the calculus of
    ridge functions).

    Examples
    --------
    >>> from ridgeflow.profiles.ridgelet import Ridgelet
    >>> ridgelet_gaussian_mixture_gradient(
    ...     [[0.0, 0.0]], [0.5], Ridgelet(2, 1), [1.0], [[0.0, 0.0]], 1.0
    ... ).shape
    (1, 2)
    """
    law = as_mixture(weights, means, covariances)
    a_nodes, b_nodes, dtype = as_nodes(a, b, ridgelet, law.dim)
    slope = ridgelet_gaussian_mixture(
        a_nodes, b_nodes, ridgelet.derivative(), law.weights, law.means, law.covariances
    )
    return (-a_nodes * slope[:, None]).astype(dtype)


def _antiderivative(ridgelet: Ridgelet) -> Callable[[NDArray], NDArray]:
    """Ψ with Ψ' = ψ and ``Ψ̂ = ψ̂/(iω)`` in one dimension, up to a constant."""
    s, c = ridgelet.exponent, ridgelet.amplitude
    if ridgelet.family == "hermite" and s > 1:
        return Ridgelet(1, int(ridgelet.order) - 1)
    # |ω|^s (i sgn)^q / (iω): an even ψ gives −C times the odd profile of exponent s − 1.
    sign = -c if ridgelet.parity == "even" else c
    if s == 1 and ridgelet.parity == "even":
        return lambda z: (-sign * math.sqrt(2) / math.pi) * dawsn(z / math.sqrt(2))
    if s > 1:
        parity = "odd" if ridgelet.parity == "even" else "even"
        base = Ridgelet(1, s - 1, family="power", parity=parity)
        return lambda z: (sign / base.amplitude) * base(z)
    if ridgelet.parity == "even":
        height = -gamma((s + 1) / 2) * 2 ** ((s + 1) / 2) / (2 * math.pi)
        return lambda z: sign * height * z * hyp1f1((s + 1) / 2, 1.5, -z * z / 2)
    height = gamma(s / 2) * 2 ** (s / 2) / (2 * math.pi)
    return lambda z: sign * height * hyp1f1(s / 2, 0.5, -z * z / 2)


@representable
def ridgelet_interval(
    a: ArrayLike, b: ArrayLike, ridgelet: Ridgelet, left: float, right: float
) -> NDArray:
    """Ridgelet transform of the indicator of an interval [p, q] of the line.

    ``R[1_{[p,q]};ψ](a, b) = (Ψ(aq − b) − Ψ(ap − b))/a``, ``Ψ' = ψ``; at a = 0 its limit
    ``(q − p) ψ(−b)``.

    Parameters
    ----------
    a : array_like, shape (P,) or (P, 1)
        Scales, in 1/length.
    b : array_like, shape (P,)
        Offsets of the neurons, dimensionless.
    ridgelet : Ridgelet
        The profile ψ, of dimension 1, of either family.
    left, right : float
        Ends p < q of the interval, in units of length.

    Returns
    -------
    ndarray, shape (P,)
        Spectrum, in units of length; float32 where ``a`` and ``b`` both are.

    Raises
    ------
    TypeError
        If ``ridgelet`` is not a Ridgelet.
    ValueError
        If the ridgelet is not of dimension 1, shapes disagree, or left >= right.

    See Also
    --------
    ridgelet_ellipsoid

    Notes
    -----
    **Accuracy.** About 1e-14 of the interval's length times the maximum of :math:`|ψ|`; where
    :math:`|a|(q - p) < 1` a quadrature of ψ that is exact to rounding replaces the difference,
    which would cancel.
    **Cost.** O(P).

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Applied and Computational Harmonic Analysis, 2017.

    Examples
    --------
    >>> from ridgeflow.profiles.ridgelet import Ridgelet
    >>> psi = Ridgelet(1, 1)
    >>> ridgelet_interval([0.0], [0.5], psi, -1.0, 1.0) == 2 * psi(-0.5)
    array([ True])
    """
    a_nodes, b_nodes, dtype = as_nodes(a, b, ridgelet, 1)
    p, q = finite_number(left, "left"), finite_number(right, "right")
    if not p < q:
        raise ValueError(f"`left` must be less than `right`, got {p:g} and {q:g}")
    scale = a_nodes[:, 0]
    for end in (p, q):
        in_range(scale * end - b_nodes, "`a`, `b`, `left` and `right`")
    small = np.abs(scale) * (q - p) < 1
    out = np.empty(b_nodes.size)
    primitive = _antiderivative(ridgelet)
    s, o = scale[~small], b_nodes[~small]
    out[~small] = (primitive(s * q - o) - primitive(s * p - o)) / s
    # On a width below 1 sixteen Gauss-Legendre nodes resolve ψ to rounding.
    nodes, gauss = np.polynomial.legendre.leggauss(16)
    x = (p + q) / 2 + (q - p) / 2 * nodes
    z = scale[small, None] * x[None, :] - b_nodes[small, None]
    out[small] = (q - p) * (ridgelet(z) @ (gauss / 2))
    return out.astype(dtype)


@representable
def ridgelet_ellipsoid(
    a: ArrayLike,
    b: ArrayLike,
    ridgelet: Ridgelet,
    center: ArrayLike,
    axes: ArrayLike | None,
    semi_axes: ArrayLike,
) -> NDArray:
    """Ridgelet transform of the indicator of a solid ellipsoid of R^m.

    ``R[1_E;ψ](a, b) = ω_{m−1} (Π_i s_i) ∫_{−1}^{1} (1 − x²)^{(m−1)/2} ψ(κx + a·c − b) dx``,
    ``κ² = Σ_i s_i² (a·e_i)²``: the exact Radon transform of the ellipsoid correlated with ψ.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Directions times scales, in 1/length.
    b : array_like, shape (P,)
        Offsets of the neurons, dimensionless.
    ridgelet : Ridgelet
        The profile ψ, of dimension m, of either family.
    center : array_like, shape (m,)
        Centre c.
    axes : array_like, shape (m, m), or None
        Orthonormal rows e_i, the directions of the semi-axes; None for the coordinate axes.
    semi_axes : array_like, shape (m,)
        Semi-axes s_i > 0.

    Returns
    -------
    ndarray, shape (P,)
        Spectrum, in length^m; float32 where ``a`` and ``b`` both are.

    Raises
    ------
    TypeError
        If ``ridgelet`` is not a Ridgelet.
    ValueError
        If the rows of ``axes`` are not orthonormal, a semi-axis is not positive, or shapes or
        dimensions disagree.

    See Also
    --------
    ridgelet_interval, radon_ellipsoid

    Notes
    -----
    **Accuracy.** About 1e-13 of the volume times the maximum of :math:`|ψ|`: ψ is band-limited to
    rounding, so a Gauss-Gegenbauer rule of about κΩ/2 nodes is exact to rounding, Ω the band of ψ.
    **Cost.** O(P (m² + κΩ)), nodes grouped by octaves of κ.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Applied and Computational Harmonic Analysis, 2017 (the ridgelet transform
    as a wavelet transform of the Radon transform).

    Examples
    --------
    >>> from ridgeflow.profiles.ridgelet import Ridgelet
    >>> psi = Ridgelet(2, 0)
    >>> area = ridgelet_ellipsoid([[0.0, 0.0]], [0.5], psi, [0, 0], None, [2, 1]) / psi(-0.5)
    >>> area.round(6)
    array([6.283185])
    """
    c, e, s = as_ellipsoid(center, axes, semi_axes)
    a_nodes, b_nodes, dtype = as_nodes(a, b, ridgelet, c.size)
    kappa = in_range(np.linalg.norm((a_nodes @ e.T) * s, axis=1), "`a` and `semi_axes`")
    z = in_range(a_nodes @ c - b_nodes, "`a`, `b` and `center`")
    band = ridgelet.bandlimit(_NEGLIGIBLE)
    # A rule, its weights, and what SciPy works with to find them.
    fits_in_memory(
        32.0 * band * float(kappa.max(initial=1.0)),
        f"a quadrature for |a| times the semi-axes up to {kappa.max(initial=1.0):.3g}",
        "take smaller `a` or `semi_axes`",
    )
    octave = np.ceil(np.log2(np.maximum(kappa, 1.0))).astype(int)
    out = np.empty(b_nodes.size)
    for level in np.unique(octave):
        members = np.flatnonzero(octave == level)
        # 2n − 1 must pass κΩ by a few widths of the transition of J_n at n = κΩ.
        phase = band * 2.0**level
        n = math.ceil(phase / 2 + 4 * phase ** (1 / 3)) + 8
        x, w = roots_chebyu(n) if c.size == 2 else roots_gegenbauer(n, c.size / 2)

        def part(
            start: int,
            stop: int,
            members: NDArray = members,
            x: NDArray = x,
            w: NDArray = w,
        ) -> None:
            chosen = members[start:stop]
            out[chosen] = ridgelet(kappa[chosen, None] * x + z[chosen, None]) @ w

        in_blocks(part, members.size, n)
    return (unit_ball_volume(c.size - 1) * np.prod(s) * out).astype(dtype)


@representable
def fourier_sine(xi: ArrayLike, *, cycles: int = 1) -> NDArray:
    """Fourier transform of sin(2πnx) on [−1, 1], zero outside.

    ``f̂(ξ) = 4πn i sin ξ/(4π²n² − ξ²)``, with the limits ``∓i`` at ``ξ = ±2πn``.

    Parameters
    ----------
    xi : array_like, shape (n,) or any other
        Frequencies ξ, in radians per unit of length.
    cycles : int
        Periods n per unit of length.

    Returns
    -------
    ndarray of complex, shape of ``xi``
        complex64 where ``xi`` is float32, complex128 otherwise.

    Raises
    ------
    TypeError, ValueError
        If ``xi`` is not finite and real, or ``cycles`` is not a positive integer.

    See Also
    --------
    fourier_ellipsoid

    Notes
    -----
    **Accuracy.** Rounding, also at the removable poles. **Cost.** O(n).

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Applied and Computational Harmonic Analysis, 2017.

    Examples
    --------
    >>> fourier_sine([1.0]).imag.round(6)
    array([0.27481])
    """
    x = as_real_array(xi, "xi")
    k = 2 * math.pi * positive_int(cycles, "cycles")
    y = np.abs(x.astype(np.float64))
    # sin ξ = −sin(2πn − ξ): the removable pole becomes a sinc.
    value = -2 * k * np.sinc((k - y) / math.pi) / (k + y) * np.sign(x)
    return np.asarray(1j * value, dtype=complex_like(common_float(x)))
