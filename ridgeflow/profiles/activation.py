"""Activations η of one real variable: values, derivatives, Fourier transforms off the origin.

Every η in the list is one row of a table. Off the origin all Fourier transforms have one form,
``η̂(ω) = g(ω) (iω)^-q`` with g real, even, positive and finite at 0; q is the order of the
singularity at the origin, its parity is the parity of η up to a polynomial, and a derivative
lowers it by one.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import special

from ridgeflow._validate import as_real_array, finite_number, one_of, positive_int, representable
from ridgeflow.profiles.parabolic_cylinder import gaussian_derivative

__all__ = ["Activation", "activation", "activation_names"]

_Array = NDArray[np.float64]
_UNITS = np.array([1, 1j, -1, -1j])  # i^n, exact
# Polynomials in tanh lose 7e-13 of the largest value at this order, and all digits at 50.
_MAX_ORDER = 16


# Values: f(z, n) is the n-th derivative at z; rows with a successor are asked for n = 0 only.


def _tanh(z: _Array, n: int) -> _Array:
    if n == 0:
        return np.tanh(z)
    # tanh^(n) = P(tanh) sech²: the factored form keeps relative accuracy in the tails.
    t = np.polynomial.Polynomial([0.0, 1.0])
    p = np.polynomial.Polynomial([1.0])
    for _ in range(n - 1):
        p = p.deriv() * (1 - t * t) - 2 * t * p
    e = np.exp(-2 * np.minimum(np.abs(z), 400.0))
    return p(np.tanh(z)) * (4 * e / (1 + e) ** 2)


def _sigmoid(z: _Array, n: int) -> _Array:
    return special.expit(z) if n == 0 else 0.5 ** (n + 1) * _tanh(0.5 * z, n)


def _erf(z: _Array, n: int) -> _Array:
    if n == 0:
        return special.erf(z)
    root = math.sqrt(2)
    return 2 / math.sqrt(math.pi) * root ** (n - 1) * gaussian_derivative(root * z, n - 1)


def _gelu(z: _Array, n: int) -> _Array:
    def normal(k: int) -> _Array:
        return special.ndtr(z) if k == 0 else gaussian_derivative(z, k - 1) / math.sqrt(2 * math.pi)

    return z * normal(n) + (n * normal(n - 1) if n else 0.0)


def _silu(z: _Array, n: int) -> _Array:
    return z * _sigmoid(z, n) + (n * _sigmoid(z, n - 1) if n else 0.0)


def _arctan(z: _Array, n: int) -> _Array:
    if n == 0:
        return np.arctan(z)
    # With z = cot φ the derivative is (-1)^(n-1) (n-1)! sinⁿφ sin nφ; |z| keeps φ accurate.
    phi = np.arctan2(1.0, np.abs(z))
    value = (-1) ** (n - 1) * math.factorial(n - 1) * np.hypot(1.0, z) ** -n * np.sin(n * phi)
    return value if n % 2 else np.sign(z) * value


def _linear(z: _Array, n: int) -> _Array:
    return z if n == 0 else np.full_like(z, 1.0 if n == 1 else 0.0)


# Envelopes: g(ω) = η̂(ω) (iω)^q.


def _one(w: _Array) -> _Array:
    return np.ones_like(w)


def _half_cosecant(x: _Array) -> _Array:
    """x / (1 - e^(-2x)) for x >= 0, 1/2 at 0."""
    safe = np.where(x == 0, 1.0, x)
    return np.where(x == 0, 0.5, safe / -np.expm1(-2 * safe))


def _x_over_sinh(x: _Array) -> _Array:
    x = np.minimum(np.abs(x), 800.0)
    return 2 * np.exp(-x) * _half_cosecant(x)


def _silu_envelope(w: _Array) -> _Array:
    x = np.minimum(np.pi * np.abs(w), 800.0)
    return 2 * _half_cosecant(x) ** 2 * np.exp(-x) * (1 + np.exp(-2 * x))


def _gauss(w: _Array) -> _Array:
    return np.exp(-0.5 * np.minimum(np.abs(w), 40.0) ** 2)


def _gelu_envelope(w: _Array) -> _Array:
    return _gauss(w) * (1 + np.minimum(np.abs(w), 40.0) ** 2)


@dataclass(frozen=True)
class _Row:
    """What distinguishes one activation from another."""

    code: int
    order: int
    envelope: Callable[[_Array], _Array] | None
    value: Callable[[_Array, int], _Array] | None
    polynomial: tuple[float, ...] = ()
    successor: tuple[float, str] | None = None
    smooth: bool = True


_ROWS: dict[str, _Row] = {
    "relu": _Row(
        1, 2, _one, lambda z, n: np.maximum(z, 0.0), (0.0, 0.5), (1.0, "step"), smooth=False
    ),
    "step": _Row(
        2, 1, _one, lambda z, n: np.heaviside(z, 0.5), (0.5,), (1.0, "dirac"), smooth=False
    ),
    "relu2": _Row(
        3,
        3,
        lambda w: 2 * _one(w),
        lambda z, n: np.maximum(z, 0.0) ** 2,
        (0.0, 0.0, 0.5),
        (2.0, "relu"),
        smooth=False,
    ),
    "sigmoid": _Row(4, 1, lambda w: _x_over_sinh(np.pi * w), _sigmoid, (0.5,), (1.0, "dsigmoid")),
    "dsigmoid": _Row(5, 0, lambda w: _x_over_sinh(np.pi * w), lambda z, n: _sigmoid(z, n + 1)),
    "tanh": _Row(6, 1, lambda w: 2 * _x_over_sinh(0.5 * np.pi * w), _tanh),
    "softplus": _Row(
        7,
        2,
        lambda w: _x_over_sinh(np.pi * w),
        lambda z, n: np.logaddexp(0.0, z),
        (0.0, 0.5),
        (1.0, "sigmoid"),
    ),
    "gaussian": _Row(8, 0, lambda w: math.sqrt(2 * math.pi) * _gauss(w), gaussian_derivative),
    "erf": _Row(9, 1, lambda w: 2 * _gauss(w / math.sqrt(2)), _erf),
    "gelu": _Row(10, 2, _gelu_envelope, _gelu, (0.0, 0.5)),
    "silu": _Row(11, 2, _silu_envelope, _silu, (0.0, 0.5)),
    "arctan": _Row(12, 1, lambda w: np.pi * np.exp(-np.abs(w)), _arctan),
    "cos": _Row(13, 0, None, lambda z, n: np.cos(z), successor=(-1.0, "sin")),
    "sin": _Row(14, 1, None, lambda z, n: np.sin(z), successor=(1.0, "cos")),
    "dirac": _Row(-1, 0, _one, None, smooth=False),
    "linear": _Row(0, 0, None, _linear, (0.0, 1.0)),
}


@dataclass(frozen=True)
class Activation:
    """An activation η, or a multiple of a derivative of one; made by :func:`activation`.

    η = scale · d^order base / dz^order. Off the origin
    ``η̂(ω) = scale · g(ω) (iω)^-q``, g the real, even, positive `envelope`, q the `origin_order`;
    for "cos" and "sin" η̂ is a pair of point masses at ω = ±1, for "linear" it vanishes.
    Two activations are equal if their names are.

    Parameters
    ----------
    base : str
        A name of the list (:func:`activation_names`).
    order : int
        Number of derivatives taken, up to 16; one that is in the list becomes its own base.
    scale : float
        Factor.

    Raises
    ------
    ValueError
        If `base` is unknown, `order` is not in 0..16 or `scale` is not finite.
    TypeError
        If an argument has the wrong type.

    See Also
    --------
    activation : the way to make one.

    Notes
    -----
    **Accuracy.** Values and Fourier transforms to a few units in the last place of float64,
    relative in the exponential tails; float32 input is computed in float64 and rounded. From the
    tenth derivative on, 1e-12 of the largest value.
    **Cost.** O(size) elementary functions.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, ACHA 2017 (table of activations and their transforms).

    Examples
    --------
    >>> eta = activation("softplus")
    >>> eta.derivative().name, eta.derivative().derivative().name
    ('sigmoid', 'dsigmoid')
    >>> activation("tanh").derivative()
    Activation("tanh'")
    """

    base: str
    order: int = 0
    scale: float = 1.0

    def __post_init__(self) -> None:
        base = one_of(self.base, "base", _ROWS)
        order = positive_int(self.order, "order", minimum=0, maximum=_MAX_ORDER)
        scale = finite_number(self.scale, "scale")
        while order:
            successor = _ROWS[base].successor
            if successor is None:
                break
            scale, base, order = scale * successor[0], successor[1], order - 1
        object.__setattr__(self, "base", base)
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "scale", scale)

    def __repr__(self) -> str:
        return f"Activation({self.name!r})"

    @property
    def _row(self) -> _Row:
        return _ROWS[self.base]

    @property
    def name(self) -> str:
        """Name in the list, or a descriptive one such as ``"tanh'"``, ``"2 relu"``, ``"-sin"``."""
        prefix = {1.0: "", -1.0: "-"}.get(self.scale, f"{self.scale:g} ")
        return prefix + self.base + "'" * self.order

    @property
    def code(self) -> int:
        """Integer code in the ridge-sum kernels; -1 where they do not know η."""
        return self._row.code if self.order == 0 and self.scale == 1.0 else -1

    @property
    def parity(self) -> str | None:
        """ "even" or "odd": the parity of η minus `polynomial`; None where nothing is left."""
        if self.base == "linear":
            return None
        return "odd" if (self._row.order - self.order) % 2 else "even"

    @property
    def origin_order(self) -> int:
        """The q with \\|η̂(ω)\\| ~ c \\|ω\\|^-q as ω → 0 (0 for cos and sin, which vanish there)."""
        return 0 if self._row.envelope is None else self._row.order - self.order

    @property
    def polynomial(self) -> tuple[float, ...]:
        """Ascending coefficients of the polynomial p such that η − p has the parity `parity`."""
        p = self._row.polynomial
        for _ in range(self.order):
            p = tuple(k * c for k, c in enumerate(p))[1:]
        return tuple(self.scale * c for c in p)

    @property
    def point_masses(self) -> bool:
        """Whether η̂ consists of point masses at ω = ±1."""
        return self.base in ("cos", "sin")

    @property
    def smooth(self) -> bool:
        """Whether η is infinitely differentiable."""
        return self._row.smooth

    def __call__(self, z: ArrayLike) -> NDArray[Any]:
        """Values η(z).

        Parameters
        ----------
        z : array_like
            Pre-activations a·x − b, any shape.

        Returns
        -------
        ndarray
            Shape of `z`; float32 for float32, float64 otherwise. ``step(0)`` is 1/2.

        Raises
        ------
        ValueError
            If `z` is not finite, or η is a Dirac mass or a derivative of one.

        Notes
        -----
        **Accuracy.** A few units in the last place; no overflow for \\|z\\| up to 1e300 except
        where the value itself overflows (relu2). **Cost.** O(size).

        Examples
        --------
        >>> activation("relu")([-1.0, 2.0])
        array([0., 2.])
        """
        z = as_real_array(z, "z", allow_empty=True)
        return self._values(z.astype(np.float64)).astype(z.dtype)[()]

    def _values(self, z: _Array) -> _Array:
        value = self._row.value
        if value is None:
            raise ValueError(
                f"`activation` must have values to be evaluated, got {self.name!r}, a distribution "
                "(use its .fourier, or a narrow gaussian in its place)"
            )
        result = np.asarray(value(z, self.order))
        return result if self.scale == 1.0 else self.scale * result

    def parity_part(self, z: ArrayLike) -> NDArray[Any]:
        """Values η(z) − p(z), p the `polynomial`: the part of η that K sees.

        Parameters
        ----------
        z : array_like
            Pre-activations, any shape.

        Returns
        -------
        ndarray
            Shape and dtype as for a call; exactly even or odd in `z`, 0 for "linear".

        Raises
        ------
        ValueError
            As for a call.

        Notes
        -----
        **Accuracy.** A few units in the last place of η(z) and p(z). **Cost.** O(size).

        Examples
        --------
        >>> activation("relu").parity_part([-2.0, 2.0])
        array([1., 1.])
        """
        z = as_real_array(z, "z", allow_empty=True)
        x = np.abs(z.astype(np.float64))
        part = self._values(x)
        if self.polynomial:
            part = part - np.polynomial.polynomial.polyval(x, self.polynomial)
        if self.parity == "odd":
            part = np.sign(z) * part
        return np.asarray(part).astype(z.dtype)[()]

    def envelope(self, omega: ArrayLike) -> NDArray[np.float64]:
        """The real even factor scale · g(ω) = η̂(ω) (iω)^q, q the `origin_order`.

        Parameters
        ----------
        omega : array_like
            Frequencies in radians per unit of z, any shape; 0 is allowed.

        Returns
        -------
        ndarray
            Shape of `omega`, float64, of one sign.

        Raises
        ------
        ValueError
            If η is "cos", "sin", "linear" or a multiple of a derivative of these.

        Notes
        -----
        **Accuracy.** A few units in the last place. **Cost.** O(size).

        Examples
        --------
        >>> activation("step").envelope(0.0)
        np.float64(1.0)
        """
        g = self._row.envelope
        if g is None:
            raise ValueError(
                f"`activation` must have a Fourier transform that is a function off the origin, "
                f"got {self.name!r}: "
                + (
                    "its transform consists of point masses at ±1 (use its closed form, or "
                    "ridgeflow.admissibility, which knows them)"
                    if self.point_masses
                    else "the transform of a polynomial lives at 0 alone (carry an affine part "
                    "beside the network)"
                )
            )
        w = as_real_array(omega, "omega", allow_empty=True).astype(np.float64)
        return (self.scale * g(w))[()]

    @representable
    def fourier(self, omega: ArrayLike) -> NDArray[Any]:
        """Fourier transform η̂(ω) = ∫ η(z) e^(−iωz) dz off the origin.

        Masses at ω = 0, which come from the polynomial part of η, are left out: an admissible
        ridgelet does not see them. For ω = 0 the limit is returned where it is finite.

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
            If η is "cos", "sin" (point masses at ±1) or "linear" (nothing off the origin), or if
            `omega` holds 0 where η̂ is singular there, or numbers so small that η̂ overflows.

        Notes
        -----
        **Accuracy.** A few units in the last place, also where η̂ is exponentially small.
        **Cost.** O(size).

        References
        ----------
        S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
        approximator*, ACHA 2017 (table of activations and their transforms).

        Examples
        --------
        >>> activation("step").fourier(2.0)
        np.complex128(-0.5j)
        """
        given = as_real_array(omega, "omega", allow_empty=True)
        w = given.astype(np.float64)
        g = np.asarray(self.envelope(w))
        power = -self.origin_order
        if power < 0 and (w == 0).any():
            raise ValueError(
                f"`omega` must not be 0 for {self.name!r}, got 0: the transform grows like "
                f"|omega|^{power} there (leave 0 out)"
            )
        # Where g underflows the product is 0, whatever the power.
        real = g * np.where(g == 0, 1.0, w) ** float(power)
        # One of the two parts is exactly zero: never form 0 · inf.
        unit = _UNITS[power % 4]
        result = np.zeros(w.shape, np.complex128)
        if power % 2:
            result.imag = unit.imag * real
        else:
            result.real = unit.real * real
        return result.astype(np.complex64 if given.dtype == np.float32 else np.complex128)[()]

    def derivative(self) -> Activation:
        """The derivative η', in the sense of distributions where η is not smooth.

        Returns
        -------
        Activation
            With transform iω η̂(ω), the other parity, and `origin_order` less one.

        Examples
        --------
        >>> [activation(name).derivative().name for name in ("relu", "relu2", "cos", "erf")]
        ['step', '2 relu', '-sin', "erf'"]
        """
        return Activation(self.base, self.order + 1, self.scale)


def activation_names() -> tuple[str, ...]:
    """Names of the activations in the list.

    Returns
    -------
    tuple of str

    Examples
    --------
    >>> "relu" in activation_names()
    True
    """
    return tuple(_ROWS)


def activation(name: str | Activation) -> Activation:
    """The activation of that name; an activation is returned as it is.

    Parameters
    ----------
    name : str or Activation
        "relu", "step", "relu2" (z_+²), "sigmoid", "dsigmoid" (σ'), "tanh", "softplus",
        "gaussian" (exp(−z²/2)), "erf", "gelu", "silu", "arctan", "cos", "sin", "dirac", "linear".

    Returns
    -------
    Activation

    Raises
    ------
    ValueError
        If the name is unknown; the message lists the names and the nearest.
    TypeError
        If `name` is neither a string nor an Activation.

    See Also
    --------
    ridgeflow.admissible_ridgelet : a ridgelet that goes with it.

    Examples
    --------
    >>> activation("gaussian")(0.0)
    np.float64(1.0)
    """
    if isinstance(name, Activation):
        return name
    if callable(name):
        raise TypeError(
            f"`activation` must be a name or an Activation, got the function {name!r}, whose "
            f"Fourier transform is not known (choose among {', '.join(_ROWS)})"
        )
    return Activation(one_of(name, "activation", _ROWS))
