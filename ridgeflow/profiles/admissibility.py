"""The constant K(η,ψ,m) of reconstruction: computed with a certificate, or refused with a reason.

Off the origin ``conj ψ̂(ω) η̂(ω) |ω|^-m = ± C g(ω) |ω|^r e^(−ω²/2)``, r = s − m − q, with g real,
even, positive and finite at 0 (or the same with another sign for negative ω, and then K = 0). So
divergence is read off r, a zero off the parities, and neither off a quadrature.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ridgeflow._validate import as_real_array, non_negative, positive, positive_int, representable
from ridgeflow.errors import AdmissibilityError, ConvergenceError
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.ridgelet import _MAX_EXPONENT, Ridgelet, as_ridgelet

__all__ = [
    "admissibility",
    "admissible_ridgelet",
    "radial_kernel",
    "ridgelet_norm_constant",
    "transfer_function",
]

_PANEL = 0.25
_NODES = 10
_CERTIFYING_NODES = 14
_AGREEMENT = 1e-13
# û vanishes at the origin at least like |ω|^4: the transfer function of a grid is then flat.
_DEFAULT_FLATNESS = 4


def _exponent(eta: Activation, psi: Ridgelet) -> float:
    """The r with û ~ \\|ω\\|^r at the origin."""
    return psi.exponent - psi.dim - eta.origin_order


def _sign(eta: Activation, psi: Ridgelet) -> int:
    """û = sign · C g \\|ω\\|^r e^(−ω²/2) for both signs of ω; 0 where û is odd."""
    if eta.parity != psi.parity:
        return 0
    q = psi.parity == "odd"
    return -1 if (-eta.origin_order - q) // 2 % 2 else 1


def _integrand(eta: Activation, omega: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(eta.envelope(omega)) * np.exp(-0.5 * omega * omega)


class _Moment:
    """∫_x^∞ ω^r g(ω) e^(−ω²/2) dω as a function of x, by panels.

    The singularity at 0 is carried by Gauss–Jacobi nodes in the first panel where r > −1, and by
    panels that halve towards `lowest` otherwise. g is analytic within distance 1 of the half line
    (its nearest poles are at ±i), so the nodes converge like 16^(−2n) on panels of width 1/4.
    """

    def __init__(self, eta: Activation, r: float, lowest: float, nodes: int) -> None:
        self.eta, self.r = eta, r
        x, w = np.polynomial.legendre.leggauss(nodes)
        self.x, self.w = 0.5 * (x + 1), 0.5 * w
        if r > -1:
            x, w = special.roots_jacobi(nodes, 0.0, r)
            self.x0, self.w0 = 0.5 * (x + 1), w / 2 ** (r + 1)
            first = [0.0]
        else:
            halvings = max(1, math.ceil(math.log2(_PANEL / lowest)))
            first = list(_PANEL * 0.5 ** np.arange(halvings, 0, -1))
        # ω^r e^(−ω²/2) has fallen by e^(−45) at 9.5 beyond its peak.
        last = math.ceil((math.sqrt(max(r, 0.0)) + 9.5) / _PANEL)
        self.edges = np.array(first + [_PANEL * j for j in range(1, last + 1)])
        pieces = self._pieces(self.edges[:-1], self.edges[1:])
        if r > -1:
            pieces[0] = self._from_zero(self.edges[1:2])[0]
        # From above, so that small tails keep their relative accuracy.
        self.upper = np.concatenate((np.cumsum(pieces[::-1])[::-1], [0.0]))

    def _pieces(self, low: NDArray[np.float64], high: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros_like(low)
        for x, w in zip(self.x, self.w):
            omega = low + x * (high - low)
            total += w * omega**self.r * _integrand(self.eta, omega)
        return total * (high - low)

    def _from_zero(self, high: NDArray[np.float64]) -> NDArray[np.float64]:
        total = np.zeros_like(high)
        for x, w in zip(self.x0, self.w0):
            total += w * _integrand(self.eta, x * high)
        return total * high ** (self.r + 1)

    def __call__(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        x = np.minimum(x, self.edges[-1])
        j = np.clip(np.searchsorted(self.edges, x, side="right") - 1, 0, self.edges.size - 2)
        if self.r <= -1:
            return self.upper[j + 1] + self._pieces(x, self.edges[j + 1])
        near = j == 0
        out = np.empty_like(x)
        out[near] = self.upper[0] - self._from_zero(x[near])
        far, k = ~near, j[~near]
        out[far] = self.upper[k + 1] + self._pieces(x[far], self.edges[k + 1])
        return out


@lru_cache(maxsize=128)
def _moment(eta: Activation, r: float, lowest: float) -> _Moment:
    """The table of the integral, certified by a second one with more nodes."""
    table = _Moment(eta, r, lowest, _NODES)
    check = _Moment(eta, r, lowest, _CERTIFYING_NODES)
    gap = abs(table.upper[0] - check.upper[0])
    if not gap <= _AGREEMENT * abs(check.upper[0]):
        raise ConvergenceError(
            f"the quadrature for {eta.name!r} must agree to {_AGREEMENT:g} between {_NODES} and "
            f"{_CERTIFYING_NODES} nodes per panel, got {gap / abs(check.upper[0]):.3g} (the "
            "transform of this activation is not smooth enough on the half line)"
        )
    return table


def _call(psi: Ridgelet) -> str:
    if psi.family == "power":
        return f"Ridgelet({psi.dim}, {psi.order:g}, family='power', parity={psi.parity!r})"
    return f"Ridgelet({psi.dim}, {psi.order:g})"


def _partner(eta: Activation, psi: Ridgelet) -> str:
    """The first ridgelet of the same family and dimension that `eta` admits."""
    if psi.family == "hermite":
        order = max(0, eta.origin_order)
        return f"Ridgelet({psi.dim}, {order + (order % 2 != (eta.parity == 'odd'))})"
    order = max(1, psi.dim + eta.origin_order, math.ceil(psi.order))
    return f"Ridgelet({psi.dim}, {order}, family='power', parity={eta.parity!r})"


def _require_admissible(eta: Activation, psi: Ridgelet) -> None:
    start = f"`ridgelet` must make K finite and nonzero with {eta.name!r}, got a "
    if eta.parity is None:
        raise AdmissibilityError(
            f"{start}zero K for {_call(psi)}: the transform of a polynomial vanishes off the "
            "origin (no ridgelet is admissible; carry an affine part beside the network, or choose "
            "another activation)"
        )
    hint = f"(use {_partner(eta, psi)}, or admissible_ridgelet)"
    r = _exponent(eta, psi)
    if not eta.point_masses and r <= -1:
        raise AdmissibilityError(
            f"{start}divergent K for {_call(psi)}: its integrand grows like |omega|^{r:g} at the "
            f"origin, which is not integrable {hint}"
        )
    if _sign(eta, psi) == 0:
        raise AdmissibilityError(
            f"{start}zero K for {_call(psi)}: the ridgelet is {psi.parity} and the part of the "
            f"activation that counts is {eta.parity} {hint}"
        )


def _mass(eta: Activation, psi: Ridgelet) -> float:
    """K for η̂ = π(δ_1 + δ_{-1}) (cos) or −iπ(δ_1 − δ_{-1}) (sin), times the scale."""
    if eta.parity != psi.parity:
        return 0.0
    sign = -1 if eta.parity == "odd" else 1
    return sign * (2 * math.pi) ** psi.dim * eta.scale * psi.amplitude * math.exp(-0.5)


@representable
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
    eta, psi = _activation(activation), as_ridgelet(ridgelet)
    _require_admissible(eta, psi)
    if eta.point_masses:
        return _mass(eta, psi)
    return float(_factor(eta, psi) * _moment(eta, _exponent(eta, psi), 1.0).upper[0])


def _factor(eta: Activation, psi: Ridgelet) -> float:
    """What multiplies the integral over ω > 0."""
    return 2 * (2 * math.pi) ** (psi.dim - 1) * _sign(eta, psi) * psi.amplitude


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
    if eta.parity is None or (not eta.point_masses and _sign(eta, psi) == 0):
        return np.zeros(given.shape, given.dtype)[()]
    w = np.abs(given.astype(np.float64))
    g = np.asarray(eta.envelope(w))
    r = _exponent(eta, psi)
    if r < 0 and (w == 0).any():
        raise ValueError(
            f"`omega` must not be 0 for {eta.name!r} and {_call(psi)}, got 0: the kernel grows "
            f"like |omega|^{r:g} there (leave 0 out)"
        )
    # Beyond the cut e^(−ω²/2) has underflowed.
    w = np.minimum(w, math.sqrt(max(r, 0.0)) + 40.0)
    value = _sign(eta, psi) * psi.amplitude * g * w**r * np.exp(-0.5 * w * w) + 0.0
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
        return np.where(inside, _mass(eta, psi), 0.0).reshape(given.shape).astype(given.dtype)[()]
    r = _exponent(eta, psi)
    low = x / a_max
    lowest = 1.0
    if r <= -1 and x.size:
        if low.min() == 0:
            _require_admissible(eta, psi)
        # A power of two, so that the table can serve other calls.
        lowest = min(1.0, 2.0 ** math.floor(math.log2(low.min())))
    moment = _moment(eta, r, lowest)
    value = moment(low)
    if a_min > 0:
        value = value - moment(x / a_min)
    return (_factor(eta, psi) * value).reshape(given.shape).astype(given.dtype)[()]


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
        _require_admissible(eta, Ridgelet(dim, 1, family="power"))
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
            f"{_call(psi)}: its integrand grows like |omega|^{twice - 1:g} at the origin (choose "
            f"an exponent above {(psi.dim - 1) / 2:g})"
        )
    return (2 * math.pi) ** (psi.dim - 1) * psi.amplitude**2 * math.gamma(twice / 2)
