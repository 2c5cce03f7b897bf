"""Columns of data in units of their own, and what of their spread is rounding alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Columns", "power_of_two", "rounding_of"]

# A sum that should be constant, over many terms or along another way, differs by some thousand
# units in the last place of double precision; data in single precision rarely come from long sums.
_SHARE = {np.dtype(np.float64): 1e-12, np.dtype(np.float32): 2e-6}

# Between the tenth and the ninetieth part of a normal law, in deviations.
_NORMAL = 2.5631


def rounding_of(columns: NDArray, real: np.dtype | None = None) -> NDArray[np.float64]:
    """For each column of (n, m), the spread up to which it counts as constant.

    It is relative to the largest value: data carry rounding of their own magnitude. ``real`` is the
    precision in which they came, by default that of the array.
    """
    size = np.abs(columns).max(axis=0).astype(np.float64)
    return _SHARE[np.dtype(columns.dtype if real is None else real)] * size


def _quantiles(
    data: NDArray, weights: NDArray | None, levels: tuple[float, ...]
) -> list[NDArray[np.float64]]:
    """Weighted quantiles of each column of (n, m)."""
    order = np.argsort(data, axis=0, kind="stable")
    values = np.take_along_axis(data, order, axis=0)
    mass = np.ones(len(data)) if weights is None else weights
    cumulative = np.cumsum(mass[order], axis=0)
    rows = [(cumulative < level * cumulative[-1]).sum(axis=0) for level in levels]
    columns = np.arange(data.shape[1])
    return [values[np.minimum(row, len(data) - 1), columns] for row in rows]


def power_of_two(values: NDArray, axis: int | None = None) -> NDArray[np.float64]:
    """The power of two just below the largest of |values|, 1 for zeros: dividing is exact."""
    size = np.abs(values).max(axis=axis).astype(np.float64)
    _, exponent = np.frexp(size)
    # Neither end of the range of floating-point numbers may be left by the unit.
    return np.where(size > 0, np.ldexp(1.0, np.clip(exponent - 1, -1000, 1000)), 1.0)


@dataclass(frozen=True, eq=False)
class Columns:
    """Shift and unit of each column of some data: about their mean, in their own spread.

    Attributes
    ----------
    shift : ndarray, shape (m,)
        Weighted means.
    scale : ndarray, shape (m,)
        Standard deviations; infinite for columns that are constant but for rounding, of which
        nothing is left in these units.
    rounding : ndarray, shape (m,)
        Spreads up to which a column counts as constant.
    """

    shift: NDArray[np.float64]
    scale: NDArray[np.float64]
    rounding: NDArray[np.float64]

    @classmethod
    def of(
        cls, data: NDArray, weights: NDArray | None = None, *, real: np.dtype | None = None
    ) -> Columns:
        """Those of data (n, m) with weights (n,); ``real`` as for :func:`rounding_of`."""
        # In units of their size no square of a huge or tiny value leaves the range of numbers.
        unit = power_of_two(data, axis=0)
        values = data.astype(np.float64) / unit
        mean = np.average(values, axis=0, weights=weights)
        spread = np.sqrt(np.average((values - mean) ** 2, axis=0, weights=weights))
        rounding = rounding_of(data, real)
        flat = spread * unit <= rounding
        return cls(unit * mean, np.where(flat, np.inf, unit * spread), rounding)

    @classmethod
    def central(
        cls, data: NDArray, weights: NDArray | None = None, *, real: np.dtype | None = None
    ) -> Columns:
        """Those of data (n, m) of which some may lie far off: about the median and in twice the
        spread between the tenth and the ninetieth part, where that is less than the deviation.

        Columns whose values mostly agree keep their deviation.
        """
        whole = cls.of(data, weights, real=real)
        low, middle, high = _quantiles(data.astype(np.float64), weights, (0.1, 0.5, 0.9))
        spread = 2 * (high - low) / _NORMAL
        narrow = (spread < whole.scale) & (spread > whole.rounding) & ~whole.flat
        return cls(
            np.where(narrow, middle, whole.shift),
            np.where(narrow, spread, whole.scale),
            whole.rounding,
        )

    @classmethod
    def joined(cls, parts: list[Columns], masses: NDArray) -> Columns:
        """Those of data that come in parts, each with the sum (p,) of its weights."""
        shifts = np.array([part.shift for part in parts])
        scales = np.array([np.where(part.flat, 0.0, part.scale) for part in parts])
        rounding = np.max([part.rounding for part in parts], axis=0)
        unit = power_of_two(np.concatenate([shifts, scales]), axis=0)
        shifts, scales = shifts / unit, scales / unit
        mean = np.average(shifts, axis=0, weights=masses)
        spread = np.sqrt(np.average(scales**2 + (shifts - mean) ** 2, axis=0, weights=masses))
        flat = spread * unit <= rounding
        return cls(unit * mean, np.where(flat, np.inf, unit * spread), rounding)

    def where(self, chosen: NDArray, other: Columns) -> Columns:
        """These, and those of another where they are chosen (m,)."""
        return Columns(
            np.where(chosen, other.shift, self.shift),
            np.where(chosen, other.scale, self.scale),
            np.where(chosen, other.rounding, self.rounding),
        )

    def within(self, units: Columns) -> Columns:
        """These, of data that have been put in other units already."""
        scale = np.where(units.flat, 1.0, units.scale)
        shift = np.where(units.flat, 0.0, (self.shift - units.shift) / scale)
        spread = np.where(units.flat, np.inf, self.scale / scale)
        return Columns(shift, spread, self.rounding / units.scale)

    @property
    def flat(self) -> NDArray[np.bool_]:
        """Which columns are constant."""
        return np.isinf(self.scale)

    def __call__(self, data: NDArray) -> NDArray[np.float64]:
        """Data (n, m) in these units, which may overflow far away."""
        with np.errstate(over="ignore", invalid="ignore"):
            return (data - self.shift) / self.scale

    def of_data(
        self, a: NDArray, b: NDArray, linear: NDArray, bias: NDArray
    ) -> tuple[NDArray, NDArray, NDArray, NDArray]:
        """Neurons (P, m), (P,) and affine part (m, k), (k,) of these units in those of the data."""
        unit = self.scale[:, None]
        with np.errstate(over="ignore"):
            outward, slope = a / self.scale, linear / unit
        lost = (slope == 0) & (linear != 0) & np.isfinite(unit)
        if lost.any() or not (np.isfinite(outward).all() and np.isfinite(slope).all()):
            raise ValueError(
                "values and coordinates must have units of like size, got slopes beyond the range "
                f"of numbers (spreads of coordinates from {self.scale[~self.flat].min():.1e} to "
                f"{self.scale[~self.flat].max():.1e}: pass them in another unit)"
            )
        return outward, b + outward @ self.shift, slope, bias - self.shift @ slope
