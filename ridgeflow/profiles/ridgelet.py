"""Ridgelet functions ψ of one real variable: Λ^m G^(ℓ), and the family of free order.

Both families have one transform, ``ψ̂(ω) = C |ω|^s (i sgn ω)^q e^(−ω²/2)``, and differ only in how
the exponent s and the amplitude C follow from their parameters.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq

from ridgeflow._validate import (
    as_real_array,
    below_one,
    finite_number,
    instance_of,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.parabolic_cylinder import is_hermite, profile_samples, profile_values
from ridgeflow.profiles.reconstruction_constant import reconstruction_constant
from ridgeflow.profiles.ridgelet_tables import ProfileCells, profile_cells

__all__ = ["Ridgelet", "as_ridgelet"]

_FAMILIES = ("hermite", "power")
_PARITIES = ("even", "odd")
# Powers ω^s stay below the largest float64 wherever e^(−ω²/2) has not underflowed.
_MAX_EXPONENT = 160.0


@dataclass(frozen=True, init=False, repr=False)
class Ridgelet:
    """A ridgelet function ψ with transform ψ̂(ω) = C \\|ω\\|^s (i sgn ω)^q e^(−ω²/2).

    Family "hermite": ψ = Λ^m G^(ℓ), so ``ψ̂(ω) = √(2π) |ω|^m (iω)^ℓ e^(−ω²/2)``; family "power":
    ``ψ̂(ω) = |ω|^s e^(−ω²/2)`` (even) or ``i sgn(ω) |ω|^s e^(−ω²/2)`` (odd). Here
    G(z) = exp(−z²/2) and Λ has the symbol \\|ω\\|. ψ is real; it is a Hermite polynomial times a
    Gaussian if s is an integer with the parity of ψ, and decays like \\|z\\|^(−s−1) otherwise.

    Parameters
    ----------
    dim : int
        The input dimension m >= 1.
    order : int or float
        The derivative ℓ >= 0 (family "hermite"), or the exponent s > 0 (family "power").
    family : {"hermite", "power"}
        The family.
    parity : {"even", "odd"}, optional
        Parity of ψ. Family "power": "even" by default. Family "hermite": that of ℓ.
    amplitude : float, optional
        The factor C; by default √(2π) (−1)^⌊ℓ/2⌋ (family "hermite") or 1.

    Attributes
    ----------
    amplitude : float
        C, real and signed.
    parity : str
        "even" (q = 0) or "odd" (q = 1).

    Raises
    ------
    ValueError
        If an argument is out of range or unknown, the parity contradicts ℓ, or s exceeds 160,
        beyond which powers of ω leave the range of float64.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    ridgeflow.admissible_ridgelet : a partner for a given activation.

    Notes
    -----
    The symbol of Λ^m is \\|ω\\|^m; the i^m \\|ω\\|^m found in the literature would make ψ complex.
    The transform of a normal density is closed for every ψ of this form:
    ``R[N(μ,Σ);ψ](a,b) = v^(−(s+1)/2) ψ((a·μ − b)/√v)``, v = 1 + aᵀΣa.

    **Accuracy.** Values to 1e-14 of the maximum of \\|ψ\\| for s <= 40, to 1e-12 up to s = 160, and
    to 1e-12 relative in the algebraic tails of integer s. **Cost.** Hermite: O(s) per
    value; else about 20 operations per value, after a table that is built once (milliseconds).

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, ACHA 2017 (the family Λ^m G^(ℓ)). NIST *Digital Library of
    Mathematical Functions*, Sections 12.2 and 12.9 (differential equation and asymptotic series).

    Examples
    --------
    >>> psi = Ridgelet(2, 1)
    >>> psi.exponent, psi.parity
    (3.0, 'odd')
    >>> psi.derivative()
    Ridgelet(dim=2, order=2)
    >>> round(float(Ridgelet(1, 0)(0.0)), 6)
    0.797885
    """

    dim: int
    order: float
    family: str
    parity: str
    amplitude: float

    def __init__(
        self,
        dim: int,
        order: float,
        *,
        family: str = "hermite",
        parity: str | None = None,
        amplitude: float | None = None,
    ) -> None:
        dim = positive_int(dim, "dim")
        one_of(family, "family", _FAMILIES)
        if parity is not None:
            one_of(parity, "parity", _PARITIES)
        if family == "hermite":
            degree = positive_int(order, "order", minimum=0)
            own = _PARITIES[degree % 2]
            if parity not in (None, own):
                raise ValueError(
                    f"`parity` must be {own!r} for order {degree} of family 'hermite', got "
                    f"{parity!r} (leave it out, or choose family='power')"
                )
            order, exponent = degree, float(dim + degree)
            natural = math.sqrt(2 * math.pi) * (-1.0) ** (degree // 2)
        else:
            order = exponent = positive(order, "order")
            own, natural = parity or "even", 1.0
        if exponent > _MAX_EXPONENT:
            raise ValueError(
                f"`order` must keep the exponent of |omega| at most {_MAX_EXPONENT:g}, got "
                f"{exponent:g} (in high dimension choose family='power' with a moderate exponent)"
            )
        amplitude = natural if amplitude is None else finite_number(amplitude, "amplitude")
        if amplitude == 0:
            raise ValueError("`amplitude` must not be zero, got 0 (the function would vanish)")
        for name, value in (
            ("dim", dim),
            ("order", order),
            ("family", family),
            ("parity", own),
            ("amplitude", amplitude),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        given = f"dim={self.dim}, order={self.order:g}"
        if self.family == "power":
            given += f", family='power', parity={self.parity!r}"
        plain = Ridgelet(self.dim, self.order, family=self.family, parity=self.parity)
        if self.amplitude != plain.amplitude:
            given += f", amplitude={self.amplitude!r}"
        return f"Ridgelet({given})"

    @property
    def exponent(self) -> float:
        """The exponent s of \\|ω\\| in ψ̂."""
        return float(self.order + self.dim if self.family == "hermite" else self.order)

    @property
    def algebraic_tail(self) -> bool:
        """Whether ψ decays like \\|z\\|^(−s−1); otherwise like a Gaussian."""
        return not is_hermite(self.exponent, self.parity)

    def __call__(self, z: ArrayLike) -> NDArray[Any]:
        """Values ψ(z).

        Parameters
        ----------
        z : array_like
            Arguments a·x − b, any shape.

        Returns
        -------
        ndarray
            Shape of `z`; float32 for float32, float64 otherwise; exactly even or odd.

        Raises
        ------
        ValueError
            If `z` is not finite.

        Notes
        -----
        **Accuracy.** 1e-12 of the maximum; 1e-12 relative in an algebraic tail of integer s.
        **Cost.** About 20 operations per value (Hermite: s).

        Examples
        --------
        >>> Ridgelet(2, 1)(np.array([0.0, 1.0])).round(6)
        array([ 0.      , -1.213061])
        """
        given = as_real_array(z, "z", allow_empty=True)
        flat = given.astype(np.float64).ravel()
        value = self.amplitude * profile_values(np.abs(flat), self.exponent, self.parity) + 0.0
        if self.parity == "odd":
            value *= np.sign(flat)
        return value.reshape(given.shape).astype(given.dtype)[()]

    def fourier(self, omega: ArrayLike) -> NDArray[Any]:
        """Fourier transform ψ̂(ω) = ∫ ψ(z) e^(−iωz) dz = C \\|ω\\|^s (i sgn ω)^q e^(−ω²/2).

        Parameters
        ----------
        omega : array_like
            Frequencies in radians per unit of z, any shape.

        Returns
        -------
        ndarray
            Shape of `omega`; complex64 for float32, complex128 otherwise.

        Raises
        ------
        ValueError
            If `omega` is not finite.

        Notes
        -----
        **Accuracy.** A few units in the last place. **Cost.** O(size).

        Examples
        --------
        >>> Ridgelet(1, 2).fourier(0.0)
        np.complex128(0j)
        """
        given = as_real_array(omega, "omega", allow_empty=True)
        w = given.astype(np.float64)
        size = np.minimum(np.abs(w), math.sqrt(self.exponent) + 40.0)
        real = self.amplitude * size**self.exponent * np.exp(-0.5 * size * size)
        result = np.zeros(w.shape, np.complex128)
        if self.parity == "odd":
            result.imag = np.sign(w) * real + 0.0  # no negative zero
        else:
            result.real = real + 0.0
        return result.astype(np.complex64 if given.dtype == np.float32 else np.complex128)[()]

    def admissibility(self, activation: str | Activation) -> float:
        """The constant K of this ridgelet and an activation.

        Parameters
        ----------
        activation : str or Activation

        Returns
        -------
        float

        Raises
        ------
        AdmissibilityError
            If K diverges or is zero.

        See Also
        --------
        ridgeflow.admissibility : which says all about it.
        """
        return reconstruction_constant(_activation(activation), self)

    def derivative(self) -> Ridgelet:
        """The derivative ψ', whose transform is iω ψ̂(ω).

        Returns
        -------
        Ridgelet
            Of the same family and dimension: Λ^m G^(ℓ+1), or the exponent s + 1 with the other
            parity and C or −C.

        Raises
        ------
        ValueError
            If the exponent would exceed 160.

        Examples
        --------
        >>> Ridgelet(1, 2, family="power").derivative()
        Ridgelet(dim=1, order=3, family='power', parity='odd')
        """
        odd = self.parity == "odd"
        return Ridgelet(
            self.dim,
            self.order + 1,
            family=self.family,
            parity="even" if odd else "odd",
            amplitude=-self.amplitude if odd else self.amplitude,
        )

    def decay_radius(self, tol: float) -> float:
        """A radius z0 with \\|ψ(z)\\| <= tol · max\\|ψ\\| for all \\|z\\| >= z0.

        Parameters
        ----------
        tol : float
            Fraction of the maximum, in (0, 1).

        Returns
        -------
        float
            Radius, in the unit of z.

        Raises
        ------
        ValueError
            If `tol` is not in (0, 1).

        Notes
        -----
        **Accuracy.** Exceeds the smallest such radius by at most 0.01 plus 1e-3 of itself; the
        maximum is taken over samples 1/256 apart. **Cost.** O(1) after the first call.

        Examples
        --------
        >>> 7.0 < Ridgelet(2, 0).decay_radius(1e-10) < 7.5
        True
        """
        tol = below_one(positive(tol, "tol"), "tol")
        s = self.exponent
        z, size, peak = profile_samples(s, self.parity)
        if self.algebraic_tail and size[-1] > tol * peak:
            # The tail decreases, and its relative size is at most (z_max/z)^(s+1).
            high = z[-1] * (size[-1] / (tol * peak)) ** (1 / (s + 1))

            def excess(radius: float) -> float:
                value = profile_values(np.array([radius]), s, self.parity)[0]
                return math.log(abs(value) / (tol * peak))

            return high if excess(high) >= 0 else float(brentq(excess, z[-1], high)) * (1 + 1e-12)
        last = int(np.flatnonzero(size > tol * peak)[-1])
        # One more sample covers what lies between two of them.
        return float(z[min(last + 2, z.size - 1)])

    def bandlimit(self, tol: float) -> float:
        """The frequency w0 with \\|ψ̂(ω)\\| <= tol · max\\|ψ̂\\| for all \\|ω\\| >= w0.

        Parameters
        ----------
        tol : float
            Fraction of the maximum, which lies at \\|ω\\| = √s; in (0, 1).

        Returns
        -------
        float
            Frequency, in radians per unit of z.

        Raises
        ------
        ValueError
            If `tol` is not in (0, 1).

        Notes
        -----
        **Accuracy.** 1e-12 relative. **Cost.** O(1).

        Examples
        --------
        >>> psi = Ridgelet(2, 0)
        >>> w = psi.bandlimit(1e-6)
        >>> ratio = psi.fourier(w) / psi.fourier(np.sqrt(2.0))
        >>> round(float(ratio.real) * 1e6, 6)
        1.0
        """
        tol = below_one(positive(tol, "tol"), "tol")
        s = self.exponent

        def excess(square: float) -> float:
            return s * math.log(square / s) - (square - s) - 2 * math.log(tol)

        # log(x) <= x/2 bounds the logarithm away at twice the plain Gaussian's square.
        high = 4 * s - 4 * math.log(tol)
        return math.sqrt(brentq(excess, s, high, xtol=1e-13, rtol=1e-14))

    def table(self) -> ProfileCells:
        """ψ on z >= 0 as polynomials of degree 7 on many cells, for compiled loops.

        Returns
        -------
        ProfileCells
            ``(core, per_unit, tail)``, multiplied by C; see :class:`ProfileCells`.

        Notes
        -----
        **Accuracy.** 1e-14 of the maximum for s <= 40, 1e-13 up to s = 160; the zeros beyond the
        last cell to 1e-17. **Cost.** A few milliseconds the first time.

        Examples
        --------
        >>> table = Ridgelet(2, 2).table()
        >>> bool(table.core[0, 0] == Ridgelet(2, 2)(0.0))
        True
        """
        cells = profile_cells(self.exponent, self.parity)
        return ProfileCells(
            self.amplitude * cells.core, cells.per_unit, self.amplitude * cells.tail
        )

    def to_dict(self) -> dict[str, Any]:
        """The parameters as plain types, for storage.

        Returns
        -------
        dict
            Keys "dim", "order", "family", "parity", "amplitude".

        Examples
        --------
        >>> Ridgelet.from_dict(Ridgelet(3, 2).to_dict()) == Ridgelet(3, 2)
        True
        """
        return {
            "dim": self.dim,
            "order": self.order,
            "family": self.family,
            "parity": self.parity,
            "amplitude": self.amplitude,
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Ridgelet:
        """The ridgelet that :meth:`to_dict` described.

        Parameters
        ----------
        data : mapping
            Keys as returned by :meth:`to_dict`.

        Returns
        -------
        Ridgelet

        Raises
        ------
        ValueError
            If a key is missing or unknown, or a value is out of range.
        TypeError
            If `data` is no mapping, or a value has the wrong type.

        Examples
        --------
        >>> Ridgelet.from_dict({"dim": 1, "order": 0, "family": "hermite", "parity": "even",
        ...                     "amplitude": 1.0}).amplitude
        1.0
        """
        instance_of(data, "data", Mapping)
        keys = {"dim", "order", "family", "parity", "amplitude"}
        if set(data) != keys:
            raise ValueError(
                f"`data` must have the keys {', '.join(sorted(keys))}, got "
                f"{', '.join(sorted(map(str, data))) or 'none'}"
            )
        return cls(
            data["dim"],
            data["order"],
            family=data["family"],
            parity=data["parity"],
            amplitude=data["amplitude"],
        )


def as_ridgelet(value: Any, name: str = "ridgelet") -> Ridgelet:
    """A Ridgelet, and nothing else: a function of one's own has no transform that is known."""
    if isinstance(value, Ridgelet):
        return value
    raise TypeError(
        f"`{name}` must be a Ridgelet, got {value!r} (write Ridgelet(dim, order), or take "
        "admissible_ridgelet)"
    )
