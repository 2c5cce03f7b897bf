"""Pairs of an activation and a ridgelet: their constant K, what a grid leaves of it, a partner."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_real_array, non_negative, positive, positive_int, representable
from ridgeflow.errors import AdmissibilityError
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.reconstruction_constant import (
    kernel_sign,
    moment_factor,
    moment_table,
    origin_exponent,
    point_mass_constant,
    reconstruction_constant,
    require_admissible,
    written,
)
from ridgeflow.profiles.ridgelet import _MAX_EXPONENT, Ridgelet, as_ridgelet

__all__ = [
    "admissibility",
    "admissible_ridgelet",
    "radial_kernel",
    "ridgelet_norm_constant",
    "transfer_function",
]

# û vanishes at the origin at least like |ω|^4: the transfer function of a grid is then flat.
_DEFAULT_FLATNESS = 4


def admissibility(activation: str | Activation, ridgelet: Ridgelet) -> float:
    """The constant K of reconstruction ``S[R[f;ψ];η] = K f``, computed or refused.

    ``K(η,ψ,m) = (2π)^(m−1) ∫_{ω≠0} conj ψ̂(ω) η̂(ω) |ω|^−m dω``, required absolutely convergent
    and not zero; for "cos" and "sin", whose η̂ are point masses at ±1, (2π)^m ψ̂(1) and
    i (2π)^m ψ̂(1).

    Parameters
    ----------
    activation : str or Activation
        η.
    ridgelet : Ridgelet
        ψ; its `dim` is m.

    Returns
    -------
    float
        K, of either sign.

    Raises
    ------
    AdmissibilityError
        If the integral diverges or vanishes; the message says which, why, and names a partner.
    ConvergenceError
        If two quadratures differ by more than 1e-13.

    See Also
    --------
    admissible_ridgelet : a good partner.
    transfer_function : what is left of K on a truncated grid.

    Notes
    -----
    A finite ∫ η G^(ℓ) dz does not prove admissibility: it is finite for the sigmoid with ℓ = 0,
    where K diverges.

    **Accuracy.** 1e-13 relative, certified by a second quadrature. **Cost.** About a millisecond,
    kept for later calls.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, ACHA 2017 (admissibility condition, reconstruction formula, table of
    admissible pairs).

    Examples
    --------
    >>> round(admissibility("relu", Ridgelet(1, 2)) / (2 * np.pi), 12)
    1.0
    """
    return reconstruction_constant(_activation(activation), as_ridgelet(ridgelet))


@representable
def radial_kernel(
    activation: str | Activation, ridgelet: Ridgelet, omega: ArrayLike
) -> NDArray[Any]:
    """The integrand ``û(ω) = Re conj ψ̂(ω) η̂(ω) |ω|^−m`` of K.

    Parameters
    ----------
    activation : str or Activation
        η.
    ridgelet : Ridgelet
        ψ; the pair need not be admissible.
    omega : array_like
        Frequencies in radians per unit of z, any shape.

    Returns
    -------
    ndarray
        Shape of `omega`; float32 for float32, float64 otherwise. Identically zero where the
        parities differ (the product is then odd and imaginary) or η is linear.

    Raises
    ------
    ValueError
        If η is "cos" or "sin", whose transforms are point masses, or `omega` holds 0 and û is
        unbounded there.

    Notes
    -----
    **Accuracy.** A few units in the last place. **Cost.** O(size).

    Examples
    --------
    >>> radial_kernel("dirac", Ridgelet(3, 0), 0.0).round(6)
    np.float64(2.506628)
    """
    eta, psi = _activation(activation), as_ridgelet(ridgelet)
    given = as_real_array(omega, "omega", allow_empty=True)
    if eta.parity is None or (not eta.point_masses and kernel_sign(eta, psi) == 0):
        return np.zeros(given.shape, given.dtype)[()]
    w = np.abs(given.astype(np.float64))
    g = np.asarray(eta.envelope(w))
    r = origin_exponent(eta, psi)
    if r < 0 and (w == 0).any():
        raise ValueError(
            f"`omega` must not be 0 for {eta.name!r} and {written(psi)}, got 0: the kernel grows "
            f"like |omega|^{r:g} there (leave 0 out)"
        )
    # Beyond the cut e^(−ω²/2) has underflowed.
    w = np.minimum(w, math.sqrt(max(r, 0.0)) + 40.0)
    value = kernel_sign(eta, psi) * psi.amplitude * g * w**r * np.exp(-0.5 * w * w) + 0.0
    return value.astype(given.dtype)[()]


@representable
def transfer_function(
    activation: str | Activation,
    ridgelet: Ridgelet,
    xi: ArrayLike,
    *,
    a_max: float,
    a_min: float = 0.0,
) -> NDArray[Any]:
    """The multiplier of f̂(ξ) that parameters with a_min <= \\|a\\| <= a_max leave of K.

    ``K_A(ξ) = (2π)^(m−1) ∫_{|ξ|/a_max <= |ω| <= |ξ|/a_min} û(ω) dω``, û the radial kernel; without
    a lower cut the integral has no upper limit. S[R[f;ψ];η] restricted to these parameters is f
    filtered by K_A, so 1 − K_A/K is the relative error of truncation at ξ.

    Parameters
    ----------
    activation : str or Activation
        η.
    ridgelet : Ridgelet
        ψ; the pair need not be admissible.
    xi : array_like
        Lengths \\|ξ\\| of frequencies in radians per unit of x, any shape; the sign is ignored.
    a_max : float
        Largest \\|a\\|, in units of z per unit of x.
    a_min : float
        Smallest \\|a\\|.

    Returns
    -------
    ndarray
        Shape of `xi`; float32 for float32, float64 otherwise. For "cos" and "sin" a step: K where
        a_min <= \\|ξ\\| <= a_max.

    Raises
    ------
    AdmissibilityError
        If K diverges and `xi` holds 0, where K_A is K.
    ValueError
        If the cuts are not 0 <= a_min < a_max.
    ConvergenceError
        If two quadratures differ by more than 1e-13.

    See Also
    --------
    admissibility : the constant K, which K_A(0) equals where a_min is 0.

    Notes
    -----
    **Accuracy.** 1e-13 of K absolute; where K diverges, 1e-12 relative to K_A without a lower cut.
    **Cost.** About ten evaluations of û per value.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, ACHA 2017 (reconstruction formula).

    Examples
    --------
    >>> psi = Ridgelet(2, 4)
    >>> share = transfer_function("relu", psi, [0.0, 1.0], a_max=10.0) / admissibility("relu", psi)
    >>> bool(share[0] == 1.0), f"{1 - share[1]:.1e}"
    (True, '2.7e-04')
    """
    eta, psi = _activation(activation), as_ridgelet(ridgelet)
    a_max, a_min = positive(a_max, "a_max"), non_negative(a_min, "a_min")
    if a_min >= a_max:
        raise ValueError(f"`a_min` must be below `a_max` = {a_max:g}, got {a_min:g}")
    given = as_real_array(xi, "xi", allow_empty=True)
    x = np.abs(given.astype(np.float64)).ravel()
    if eta.parity is None or eta.parity != psi.parity:
        return np.zeros(given.shape, given.dtype)[()]
    if eta.point_masses:
        inside = (x <= a_max) & (x >= a_min)
        return (
            np.where(inside, point_mass_constant(eta, psi), 0.0)
            .reshape(given.shape)
            .astype(given.dtype)[()]
        )
    r = origin_exponent(eta, psi)
    low = x / a_max
    lowest = 1.0
    if r <= -1 and x.size:
        if low.min() == 0:
            require_admissible(eta, psi)
        # A power of two, so that the table can serve other calls.
        lowest = min(1.0, 2.0 ** math.floor(math.log2(low.min())))
    moment = moment_table(eta, r, lowest)
    value = moment(low)
    if a_min > 0:
        value = value - moment(x / a_min)
    return (moment_factor(eta, psi) * value).reshape(given.shape).astype(given.dtype)[()]


def admissible_ridgelet(activation: str | Activation, dim: int) -> Ridgelet:
    """A good default partner: smooth, rapidly decreasing, with a flat transfer function.

    The radial kernel vanishes like \\|ω\\|^r, r >= 4, at the origin, so a cut \\|a\\| <= A costs
    O((\\|ξ\\|/A)^5). Even m: Λ^m G^(ℓ) with the least such ℓ of the parity of η; odd m: the
    free-order family with the least such exponent of that parity, which unlike Λ^m G^(ℓ) has no
    algebraic tail there.

    Parameters
    ----------
    activation : str or Activation
        η.
    dim : int
        The input dimension m >= 1.

    Returns
    -------
    Ridgelet
        A Hermite polynomial times a Gaussian.

    Raises
    ------
    AdmissibilityError
        If η is "linear": no ridgelet is admissible.
    ValueError
        If the dimension is below 1, or so high that the exponent would exceed 160.

    See Also
    --------
    admissibility : the constant K of a pair.

    Notes
    -----
    **Accuracy.** Exact choice. **Cost.** O(1).

    Examples
    --------
    >>> admissible_ridgelet("relu", 2)
    Ridgelet(dim=2, order=6)
    >>> admissible_ridgelet("tanh", 1)
    Ridgelet(dim=1, order=7, family='power', parity='odd')
    """
    eta, dim = _activation(activation), positive_int(dim, "dim")
    if eta.parity is None:
        require_admissible(eta, Ridgelet(dim, 1, family="power"))
    if dim > _MAX_EXPONENT:
        raise ValueError(
            f"`dim` must leave an exponent of |omega| of at most {_MAX_EXPONENT:g}, got {dim}"
        )
    odd = int(eta.parity == "odd")
    least = _DEFAULT_FLATNESS + eta.origin_order
    if dim % 2 == 0:
        order = max(least, 0)
        return Ridgelet(dim, order + (order + odd) % 2)
    exponent = max(least + dim, 1)
    return Ridgelet(dim, exponent + (exponent + odd) % 2, family="power", parity=eta.parity)


@representable
def ridgelet_norm_constant(ridgelet: Ridgelet) -> float:
    """The Plancherel constant K(ψ,ψ,m): ``∫∫ |R[f;ψ]|² da db = K(ψ,ψ,m) ‖f‖²``.

    ``K(ψ,ψ,m) = (2π)^(m−1) ∫ |ψ̂(ω)|² |ω|^−m dω = (2π)^(m−1) C² Γ((2s − m + 1)/2)``, which is
    (2π)^m Γ((m + 2ℓ + 1)/2) for Λ^m G^(ℓ).

    Parameters
    ----------
    ridgelet : Ridgelet
        ψ; its `dim` is m.

    Returns
    -------
    float
        K(ψ,ψ,m) > 0.

    Raises
    ------
    AdmissibilityError
        If 2s <= m − 1: the integral diverges at the origin.

    Notes
    -----
    **Accuracy.** A few units in the last place. **Cost.** O(1).

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, ACHA 2017 (Parseval relation).

    Examples
    --------
    >>> round(ridgelet_norm_constant(Ridgelet(1, 0)) / (2 * np.pi), 12)
    1.0
    """
    psi = as_ridgelet(ridgelet)
    twice = 2 * psi.exponent - psi.dim + 1
    if twice <= 0:
        raise AdmissibilityError(
            f"`ridgelet` must make K(psi, psi, m) finite, got a divergent integral for "
            f"{written(psi)}: its integrand grows like |omega|^{twice - 1:g} at the origin (choose "
            f"an exponent above {(psi.dim - 1) / 2:g})"
        )
    return (2 * math.pi) ** (psi.dim - 1) * psi.amplitude**2 * math.gamma(twice / 2)
