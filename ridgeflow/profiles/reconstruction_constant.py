"""The constant K(η,ψ,m) of reconstruction: computed with a certificate, or refused with a reason.

Off the origin ``conj ψ̂(ω) η̂(ω) |ω|^-m = ± C g(ω) |ω|^r e^(−ω²/2)``, r = s − m − q, with g real,
even, positive and finite at 0 (or the same with another sign for negative ω, and then K = 0). So
divergence is read off r, a zero off the parities, and neither off a quadrature.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import special

from ridgeflow._validate import representable
from ridgeflow.errors import AdmissibilityError, ConvergenceError
from ridgeflow.profiles.activation import Activation

__all__ = [
    "Profile",
    "kernel_sign",
    "moment_factor",
    "moment_table",
    "origin_exponent",
    "point_mass_constant",
    "reconstruction_constant",
    "require_admissible",
    "written",
]

_PANEL = 0.25
_NODES = 10
_CERTIFYING_NODES = 14
_AGREEMENT = 1e-13


class Profile(Protocol):
    """What K needs to know of a ridgelet function."""

    @property
    def dim(self) -> int: ...
    @property
    def order(self) -> float: ...
    @property
    def family(self) -> str: ...
    @property
    def parity(self) -> str: ...
    @property
    def amplitude(self) -> float: ...
    @property
    def exponent(self) -> float: ...


def origin_exponent(eta: Activation, psi: Profile) -> float:
    """The r with û ~ \\|ω\\|^r at the origin."""
    return psi.exponent - psi.dim - eta.origin_order


def kernel_sign(eta: Activation, psi: Profile) -> int:
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
def moment_table(eta: Activation, r: float, lowest: float) -> _Moment:
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


def written(psi: Profile) -> str:
    if psi.family == "power":
        return f"Ridgelet({psi.dim}, {psi.order:g}, family='power', parity={psi.parity!r})"
    return f"Ridgelet({psi.dim}, {psi.order:g})"


def _partner(eta: Activation, psi: Profile) -> str:
    """The first ridgelet of the same family and dimension that `eta` admits."""
    if psi.family == "hermite":
        order = max(0, eta.origin_order)
        return f"Ridgelet({psi.dim}, {order + (order % 2 != (eta.parity == 'odd'))})"
    order = max(1, psi.dim + eta.origin_order, math.ceil(psi.order))
    return f"Ridgelet({psi.dim}, {order}, family='power', parity={eta.parity!r})"


def require_admissible(eta: Activation, psi: Profile) -> None:
    start = f"`ridgelet` must make K finite and nonzero with {eta.name!r}, got a "
    if eta.parity is None:
        raise AdmissibilityError(
            f"{start}zero K for {written(psi)}: the transform of a polynomial vanishes off the "
            "origin (no ridgelet is admissible; carry an affine part beside the network, or choose "
            "another activation)"
        )
    hint = f"(use {_partner(eta, psi)}, or admissible_ridgelet)"
    r = origin_exponent(eta, psi)
    if not eta.point_masses and r <= -1:
        raise AdmissibilityError(
            f"{start}divergent K for {written(psi)}: its integrand grows like |omega|^{r:g} at the "
            f"origin, which is not integrable {hint}"
        )
    if kernel_sign(eta, psi) == 0:
        raise AdmissibilityError(
            f"{start}zero K for {written(psi)}: the ridgelet is {psi.parity} and the part of the "
            f"activation that counts is {eta.parity} {hint}"
        )


def point_mass_constant(eta: Activation, psi: Profile) -> float:
    """K for η̂ = π(δ_1 + δ_{-1}) (cos) or −iπ(δ_1 − δ_{-1}) (sin), times the scale."""
    if eta.parity != psi.parity:
        return 0.0
    sign = -1 if eta.parity == "odd" else 1
    return sign * (2 * math.pi) ** psi.dim * eta.scale * psi.amplitude * math.exp(-0.5)


def moment_factor(eta: Activation, psi: Profile) -> float:
    """What multiplies the integral over ω > 0."""
    return 2 * (2 * math.pi) ** (psi.dim - 1) * kernel_sign(eta, psi) * psi.amplitude


@representable
def reconstruction_constant(activation: Activation, ridgelet: Profile) -> float:
    """K of a pair, or the reason why there is none."""
    require_admissible(activation, ridgelet)
    if activation.point_masses:
        return point_mass_constant(activation, ridgelet)
    table = moment_table(activation, origin_exponent(activation, ridgelet), 1.0)
    return float(moment_factor(activation, ridgelet) * table.upper[0])
