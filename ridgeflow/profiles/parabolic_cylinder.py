"""Parabolic cylinder functions on the real line: the profiles behind every ridgelet.

The inverse transform y of ``|ω|^s (i sgn ω)^q e^(−ω²/2)`` solves ``y'' + zy' + (s+1)y = 0``. Where
the factor in front of the Gaussian is a power of ω, y is a Hermite polynomial times a Gaussian.
Otherwise y decays like |z|^(−s−1) and is read off a table: the equation gives the Taylor series
about any point from two numbers, which are carried outwards from z = 0, where they are Gamma
functions. Outwards the algebraic solution dominates, so its relative accuracy is kept until the
asymptotic series takes over.
"""

from __future__ import annotations

import math
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "ProfileTable",
    "gaussian_derivative",
    "is_hermite",
    "profile_samples",
    "profile_table",
    "profile_values",
]

_SPACING = 0.125
_CHUNK = 1 << 15


def gaussian_derivative(z: NDArray[np.float64], order: int) -> NDArray[np.float64]:
    """The derivative G^(n)(z) = (−1)^n He_n(z) e^(−z²/2) of G(z) = e^(−z²/2).

    Parameters
    ----------
    z : ndarray
        Arguments, any shape, float64.
    order : int
        The number n >= 0 of derivatives.

    Returns
    -------
    ndarray
        Shape of `z`, float64.

    Notes
    -----
    **Accuracy.** A few ``order`` units in the last place of the maximum. **Cost.** O(order) per
    value.

    Examples
    --------
    >>> float(gaussian_derivative(np.array(0.0), 2))
    -1.0
    """
    z = np.clip(z, -40.0, 40.0)
    before, value = np.zeros_like(z), np.exp(-0.5 * z * z)
    for n in range(order):
        before, value = value, -z * value - n * before
    return value


class ProfileTable(NamedTuple):
    """A profile y on z >= 0 as plain arrays, for loops that cannot call back.

    In cell ``j = floor(z / spacing)``, z < z_max, ``y(z) = Σ_n coefficients[j, n] d^n`` with
    ``d = z − (j + 1/2) spacing``. Beyond, with ``t = z_max / z``,
    ``y(z) = t^(s+1) Σ_k tail[k] t^(2k)``, s the exponent of the profile; `tail` is empty where
    y is below 1e-17 of its maximum there. Negative z by parity.
    """

    coefficients: NDArray[np.float64]
    spacing: float
    z_max: float
    tail: NDArray[np.float64]


def is_hermite(s: float, parity: str) -> bool:
    """Whether |ω|^s (sgn ω)^q is the monomial ω^s: then y is He_s times a Gaussian.

    Parameters
    ----------
    s, parity
        As for :func:`profile_table`.

    Returns
    -------
    bool

    Examples
    --------
    >>> is_hermite(2.0, "even"), is_hermite(2.0, "odd"), is_hermite(2.5, "even")
    (True, False, False)
    """
    return s == int(s) and int(s) % 2 == (parity == "odd")


def _hermite(z: NDArray[np.float64], s: float, parity: str) -> NDArray[np.float64]:
    n = int(s)
    sign = -1 if (n - (parity == "odd")) // 2 % 2 else 1
    return sign / math.sqrt(2 * math.pi) * gaussian_derivative(z, n)


def _taylor(z: Any, value: Any, slope: Any, s: float, degree: int) -> list[Any]:
    """Taylor coefficients at z of the solution of y'' + zy' + (s+1)y = 0."""
    a = [value, slope]
    for n in range(degree - 1):
        a.append(-(z * (n + 1) * a[n + 1] + (n + s + 1) * a[n]) / ((n + 1) * (n + 2)))
    return a


def _shift(a: list[float], d: float) -> tuple[float, float]:
    value = slope = 0.0
    for c in reversed(a):
        slope = slope * d + value
        value = value * d + c
    return value, slope


def _tail(s: float, parity: str) -> tuple[float, NDArray[np.float64]]:
    """Where the asymptotic series holds to 1e-16, and its coefficients there."""
    # The terms have one sign, so the smallest of them bounds the error, relative to the sum.
    phase = math.cos(0.5 * math.pi * (s + 1 + (parity == "odd")))
    k = np.arange(400)
    ratios = (s + 2 * k + 1) * (s + 2 * k + 2) / (2 * (k + 1))
    z = 6.0
    while True:
        # Clipped ratios give each term relative to the largest before it.
        terms = np.concatenate(([1.0], np.cumprod(np.minimum(ratios / z**2, 1.0))))
        small = np.flatnonzero(terms < 1e-16 * min(1.0, abs(phase)))
        if small.size and ratios[small[0]] < z**2:
            break
        z += _SPACING
    leading = phase / math.pi * math.exp(math.lgamma(s + 1) - (s + 1) * math.log(z))
    factors = np.concatenate((np.ones(1), ratios[: small[0]] / z**2))
    return z, np.asarray(leading * np.cumprod(factors), np.float64)


def _centres(z_max: float) -> NDArray[np.float64]:
    return _SPACING * (np.arange(round(z_max / _SPACING), dtype=np.float64) + 0.5)


@lru_cache(maxsize=64)
def profile_table(s: float, parity: str) -> ProfileTable:
    """The table of the profile with transform |ω|^s (i sgn ω)^q e^(−ω²/2).

    Parameters
    ----------
    s : float
        The exponent, 0 < s <= 161.
    parity : {"even", "odd"}
        Parity of the profile: q = 0 or 1.

    Returns
    -------
    ProfileTable
        Read-only arrays, kept for later calls.

    Notes
    -----
    **Accuracy.** 1e-14 of the maximum for s <= 40, 1e-13 up to s = 160; 1e-12 relative in the
    algebraic tail of integer s. **Cost.** 1 to 10 milliseconds.

    References
    ----------
    NIST *Digital Library of Mathematical Functions*, Sections 12.2 (differential equation) and
    12.9 (asymptotic series).

    Examples
    --------
    >>> table = profile_table(1.0, "even")
    >>> table.coefficients.shape[0] * table.spacing == table.z_max
    True
    """
    h = _SPACING
    if is_hermite(s, parity):
        edges = h * np.arange(int(40 / h) + 1, dtype=np.float64)
        size = np.abs(_hermite(edges, s, parity))
        z_max = float(edges[np.flatnonzero(size > 1e-17 * size.max())[-1]] + h)
        tail = np.zeros(0)
        centres = _centres(z_max)
        values = _hermite(centres, s, parity)
        sign = -1.0 if parity == "odd" else 1.0
        slopes = sign * _hermite(centres, s + 1, "even" if parity == "odd" else "odd")
    else:
        z_max, tail = _tail(s, parity)
        centres = _centres(z_max)
        values, slopes = np.empty_like(centres), np.empty_like(centres)
        if parity == "even":
            y, dy = math.exp(math.lgamma((s + 1) / 2)) * 2 ** ((s - 1) / 2) / math.pi, 0.0
        else:
            y, dy = 0.0, -math.exp(math.lgamma((s + 2) / 2)) * 2 ** (s / 2) / math.pi
        z = 0.0
        for j, centre in enumerate(centres):
            y, dy = _shift(_taylor(z, y, dy, s, 40), centre - z)
            values[j], slopes[j], z = y, dy, centre
    a = np.stack(_taylor(centres, values, slopes, s, 40), axis=1)
    size = np.abs(a) * (h / 2) ** np.arange(41)
    used = (size > 1e-17 * size.max(axis=1, keepdims=True)).any(axis=0)
    degree = int(np.flatnonzero(used)[-1])
    coefficients = np.ascontiguousarray(a[:, : degree + 1])
    for array in (coefficients, tail):
        array.flags.writeable = False
    return ProfileTable(coefficients, h, z_max, tail)


def _from_table(z: NDArray[np.float64], s: float, parity: str) -> NDArray[np.float64]:
    table = profile_table(s, parity)
    rows = np.ascontiguousarray(table.coefficients.T)
    cell = np.minimum(z / table.spacing, rows.shape[1] - 1).astype(np.intp)
    d = np.minimum(z, table.z_max) - (cell + 0.5) * table.spacing
    value = rows[-1][cell]
    for row in rows[-2::-1]:
        value *= d
        value += row[cell]
    far = z >= table.z_max
    if far.any():
        t = table.z_max / z[far]
        value[far] = t ** (s + 1) * np.polynomial.polynomial.polyval(t * t, table.tail)
    return value


def profile_values(z: NDArray[np.float64], s: float, parity: str) -> NDArray[np.float64]:
    """Values of the profile with transform |ω|^s (i sgn ω)^q e^(−ω²/2).

    Parameters
    ----------
    z : ndarray, shape (n,)
        Arguments z >= 0, float64.
    s, parity
        As for :func:`profile_table`.

    Returns
    -------
    ndarray, shape (n,)

    Notes
    -----
    **Accuracy.** As for :func:`profile_table`. **Cost.** About 20 operations per value, s for a
    Hermite polynomial times a Gaussian; in pieces that stay in cache.

    Examples
    --------
    >>> float(np.pi * profile_values(np.array([0.0]), 1.0, "even")[0])
    1.0
    """
    values = _hermite if is_hermite(s, parity) else _from_table
    out = np.empty_like(z)
    for start in range(0, z.size, _CHUNK):
        out[start : start + _CHUNK] = values(z[start : start + _CHUNK], s, parity)
    return out


@lru_cache(maxsize=64)
def profile_samples(
    s: float, parity: str
) -> tuple[NDArray[np.float64], NDArray[np.float64], float]:
    """Samples of the modulus of a profile y up to where it vanishes or its series starts.

    Parameters
    ----------
    s, parity
        As for :func:`profile_table`.

    Returns
    -------
    points, modulus : ndarray, shape (n,)
        Points 1/256 apart from 0 to 40 or `z_max`, and \\|y\\| there.
    peak : float
        The largest modulus.

    Notes
    -----
    **Accuracy.** The peak is below the maximum by at most (s + 1) · 2e-6 of it.
    **Cost.** n values, kept for later calls.

    Examples
    --------
    >>> points, modulus, peak = profile_samples(1.0, "even")
    >>> bool(peak == modulus[0])
    True
    """
    # A Gaussian decay is followed until it underflows, an algebraic one to where its series starts.
    end = 40.0 if is_hermite(s, parity) else profile_table(s, parity).z_max
    z = np.linspace(0.0, end, round(32 * end / _SPACING) + 1)
    size = np.abs(profile_values(z, s, parity))
    return z, size, float(size.max())
