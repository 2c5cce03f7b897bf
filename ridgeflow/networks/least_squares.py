"""The least-squares problem of outer weights: samples by slabs, and one triangular factor."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._parallel import interruptible
from ridgeflow._progress import alone, stage
from ridgeflow._units import Columns, power_of_two
from ridgeflow._validate import (
    as_real_array,
    non_negative,
    one_of,
    positive,
    same_length,
    slab_rows,
)
from ridgeflow.networks.elimination import blas_threads, eliminate, in_unit, triangular_factor
from ridgeflow.networks.kept_samples import KEPT, KeptSamples, NeverSeen, marks_of
from ridgeflow.networks.leave_one_out import leave_one_out
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = [
    "OuterFit",
    "OuterProblem",
    "as_observations",
    "as_ridge",
    "as_weights",
    "solve_outer_weights",
]

# Bytes of one slab of features: large enough for the factorisation to run at full speed.
_SLAB = 2**26
_FEWER = "use fewer neurons, another penalty, or raise memory_budget"


@dataclass(frozen=True)
class OuterFit:
    """Outer weights (P, k), affine part, and what the solution says about the features."""

    outer: NDArray[np.float64]
    linear: NDArray[np.float64]
    bias: NDArray[np.float64]
    rank: int
    largest: float
    penalty: float | NDArray[np.float64]


def as_ridge(value: float | str) -> float | None:
    """A penalty >= 0, or None where one of the ways to choose it is named."""
    if isinstance(value, str):
        one_of(value, "ridge", ("loo", "gcv"))
        return None
    return non_negative(value, "ridge")


def as_observations(value: float | str) -> float | str:
    """A number of observations, or the way to count them."""
    if isinstance(value, str):
        return one_of(value, "observations", ("distinct", "weights"))
    return positive(value, "observations")


def as_weights(value: ArrayLike, name: str, points: NDArray) -> NDArray[np.float64]:
    """Weights (n,) of as many samples as there are points, none negative and not all zero."""
    weights = as_real_array(value, name, ndim=1).astype(np.float64)
    same_length(**{"points": points, name: weights})
    if (weights < 0).any() or not weights.any():
        raise ValueError(
            f"`{name}` must not be negative and not all zero, got values from "
            f"{weights.min():g} to {weights.max():g} (leave out samples that should not count)"
        )
    return weights


def solve_outer_weights(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    *,
    penalty: float | None = 0.0,
    affine: bool = False,
    weights: NDArray | None = None,
    observations: float | str = "distinct",
    rcond: float | None = None,
    left_out: bool = False,
) -> OuterFit:
    """The problem of :func:`fit_outer_weights` on checked float64 arrays, without warnings.

    ``values`` is (n, k); ``penalty`` is λ, None by cross-validation, generalised or with each
    sample ``left_out``; where it is 0, directions below ``rcond`` are left out.
    """
    unit = None if weights is None else weights / power_of_two(weights)
    problem = OuterProblem(
        *(a, b, eta, values.shape[1], Columns.of(points, unit) if affine else None),
        keep=KEPT if left_out else 0,
    )
    with stage(None, 0.0, 0.6):
        problem.add(points, values, weights)
    with alone(0.6):
        if left_out:
            return problem.left_out(penalty)[0]
        return problem.solve(penalty, rcond, observations=observations)


class OuterProblem:
    """The fit of outer weights to samples that come in parts, as one triangular factor.

    The factor of [affine | features | values] is all that any penalty needs, whatever the number of
    samples. Arrays are checked and float64.

    Parameters
    ----------
    a, b, eta
        The neurons.
    components : int
        Columns of the values.
    affine : Columns, optional
        Units of the affine part, of the samples (the first ones, where there are more to come);
        without them there is none.
    rounding : ndarray, shape (m,), optional
        Spreads up to which a coordinate counts as constant; by default that of the units.
    keep : int
        So many different samples are kept at most, for :meth:`left_out`.
    units : pair of float
        Of values and of weights, powers of two; by default those of the first samples.
    """

    def __init__(
        self,
        a: NDArray,
        b: NDArray,
        eta: Activation,
        components: int,
        affine: Columns | None = None,
        rounding: NDArray | None = None,
        *,
        keep: int = 0,
        units: tuple[float, float] = (0.0, 0.0),
    ) -> None:
        self._a, self._b, self._eta = a, b, eta
        self._affine = affine
        self._skip = 0
        if affine is not None:
            self._skip = 1 + a.shape[1]
            relative = affine.rounding if rounding is None else rounding
            # The constant is known to all digits.
            self._rounding = np.append(0.0, relative / affine.scale)
        else:
            self._rounding = np.zeros(0)
        self._columns = self._skip + len(b) + components
        self._factor = np.zeros((0, self._columns))
        self._mass = 0.0
        self._count = 0
        self._seen = np.zeros(0, np.uint64)
        self._keeps = keep > 0
        self._kept = KeptSamples(keep, a.shape[1], components)
        # Values and weights are taken in units of them, so that no square overflows.
        self._unit, self._heft = units

    def add(self, points: NDArray, values: NDArray, weights: NDArray | None = None) -> None:
        """More samples (n, m) with values (n, k), taken by slabs; all of them, or none."""
        n = len(points)
        weights = np.ones(n) if weights is None else weights
        least, left_out = min(n, self._columns), self._keeps * 112.0 * self._columns**2
        # The factor, its copy for a failure, first rows and what the factorisation makes of them,
        # and what a solution takes.
        slab = slab_rows(
            *(24.0 * self._columns, n, max(left_out, 72.0 * least * self._columns)),
            *(f"a least-squares problem with {len(self._b)} neurons", _FEWER),
            most=3.0 * _SLAB,
        )
        unit = self._unit or float(power_of_two(values))
        heft = self._heft or float(power_of_two(np.sqrt(weights))) ** 2
        factor = self._factor
        first = 0
        with alone() as tell:
            while first < n:
                # A triangle is cheapest to make at once, and then takes rows in any number.
                rows = slab if len(factor) == self._columns else max(slab, self._columns)
                part = slice(first, first + rows)
                factor = interruptible(
                    self._with,
                    *(factor, points[part], values[part] / unit, weights[part] / heft),
                    cost=2.0 * min(rows, n - first) * self._columns**2,
                )
                first += rows
                tell(min(first, n) / n)
        here = weights > 0
        marks = marks_of(points[here], values[here])
        self._seen = np.union1d(self._seen, marks)
        self._kept = self._kept.with_more(
            marks, points[here], values[here] / unit, weights[here] / heft
        )
        self._factor, self._unit, self._heft = factor, unit, heft
        self._mass += float((weights / heft).sum())
        self._count += int(np.count_nonzero(here))

    def emptied(self) -> OuterProblem:
        """The problem of no samples, for the same neurons and in the same units."""
        made = OuterProblem(
            *(self._a, self._b, self._eta, self._kept.values.shape[1], self._affine),
            keep=self._kept.most,
            units=(self._unit, self._heft),
        )
        made._rounding = self._rounding
        return made

    def joined(self, other: OuterProblem) -> OuterProblem:
        """The problem of the samples of both, of one kind and in the same units."""
        made = copy(self)
        above, below = self._factor, other._factor
        if len(above) < len(below):
            above, below = below, above
        with blas_threads(self._columns):
            if len(above) == self._columns:
                made._factor = triangular_factor(below.copy(order="F"), above)
            else:
                made._factor = triangular_factor(np.concatenate([above, below]))
        made._seen = np.union1d(self._seen, other._seen)
        made._kept = self._kept.joined(other._kept)
        made._mass, made._count = self._mass + other._mass, self._count + other._count
        return made

    def _with(self, factor: NDArray, x: NDArray, values: NDArray, weights: NDArray) -> NDArray:
        """The factor of some samples and of those in another factor."""
        width, skip = len(self._b), self._skip
        with blas_threads(self._columns):
            stacked = 0 if len(factor) == self._columns else len(factor)
            rows = np.empty((stacked + len(x), self._columns), order="F")
            rows[:stacked] = factor[:stacked]
            new = rows[stacked:]
            self._rows(x, new)
            with np.errstate(over="ignore", invalid="ignore"):
                new[:, skip + width :] = values
                new *= np.sqrt(weights[:, None])
            if stacked == len(factor):
                return triangular_factor(rows)
            # Not the one from before these samples, to which a failure returns.
            return triangular_factor(rows, factor, overwrite=factor is not self._factor)

    def _rows(self, x: NDArray, out: NDArray | None = None) -> NDArray:
        """Affine columns and features of samples."""
        skip, width = self._skip, len(self._b)
        if out is None:
            out = np.empty((len(x), skip + width))
        if self._affine is not None:
            out[:, 0] = 1.0
            out[:, 1:skip] = self._affine(x)
        with np.errstate(over="ignore", invalid="ignore"):
            out[:, skip : skip + width] = ridge_matrix(x, self._a, self._b, self._eta)
        return out

    def observations(self, count: float | str) -> float:
        """The number of observations that :func:`fit_outer_weights` means by an option."""
        if isinstance(count, str):
            return float(len(self._seen)) if count == "distinct" else self._mass * self._heft
        return count

    def solve(
        self,
        penalty: float | None,
        rcond: float | None = None,
        *,
        observations: float | str = "distinct",
    ) -> OuterFit:
        """Outer weights for a penalty λ, or for that of least cross-validation error (None)."""
        return interruptible(
            self._solve,
            *(penalty, rcond, self.observations(observations)),
            # A singular value decomposition, or an orthogonal factorisation.
            cost=20.0 * min(len(self._factor), len(self._b)) ** 2 * len(self._b),
        )

    def _solve(self, penalty: float | None, rcond: float | None, observations: float) -> OuterFit:
        skip, width = self._skip, len(self._b)
        with blas_threads(self._columns):
            triangle = self._factor / np.sqrt(self._mass)
            found = eliminate(
                *(triangle, skip, width, penalty, rcond),
                *(self._count, observations, self._rounding),
            )
        outer, part = in_unit(self._unit, found.outer, found.part)
        linear, bias = self._affine_part(part, found.null)
        return OuterFit(outer, linear, bias, found.rank, found.largest, found.penalty)

    def _affine_part(self, part: NDArray, null: NDArray) -> tuple[NDArray, NDArray]:
        """Slopes (m, k) and constants (k,) of coefficients of the plain columns."""
        if self._affine is None:
            return np.zeros((self._a.shape[1], part.shape[1])), np.zeros(part.shape[1])
        per_unit = self._affine.scale[:, None]
        if null.shape[1]:
            # Of all solutions the one whose gradient is least where the points are given.
            free = null[1:] / per_unit
            part = part - null @ np.linalg.lstsq(free, part[1:] / per_unit)[0]
        linear = part[1:] / per_unit
        return linear, part[0] - self._affine.shift @ linear

    def left_out(self, penalty: float | None = None) -> tuple[OuterFit, NeverSeen]:
        """Outer weights of least leave-one-out error, each target with a penalty of its own, and
        what the samples that are kept say about them; or those of a given penalty.

        **Cost.** O(P³ + N P²) for N samples kept, three times that where slopes are at risk.
        """
        width = len(self._b)
        self._left_out_rows()
        cost = (20.0 * width + 4.0 * len(self._kept.values)) * width**2
        return interruptible(self._left_out, penalty, cost=cost)

    def _left_out_rows(self) -> int:
        """Samples to take at a time: their features, those along the vectors, and squares."""
        return slab_rows(
            # Up to four decompositions at a time.
            *(64.0 * self._columns, len(self._kept.values), 112.0 * self._columns**2),
            *(f"leave-one-out errors of {len(self._b)} neurons", _FEWER),
            most=8.0 * _SLAB,
        )

    def _left_out(self, penalty: float | None) -> tuple[OuterFit, NeverSeen]:
        skip, width, kept = self._skip, len(self._b), self._kept
        share = kept.weights / self._mass
        rows = self._left_out_rows()

        def slabs() -> Iterator[tuple[NDArray, NDArray, NDArray]]:
            for low in range(0, len(share), rows):
                part = slice(low, low + rows)
                yield self._rows(kept.points[part]), kept.values[part], share[part]

        with blas_threads(self._columns):
            triangle = self._factor / np.sqrt(self._mass)
            found = leave_one_out(
                *(triangle, skip, width, self._rounding, slabs, float(len(self._seen)), penalty)
            )
        outer, part, residuals, values = in_unit(
            self._unit, found.outer, found.part, found.residuals, kept.values
        )
        linear, bias = self._affine_part(part, found.null)
        fit = OuterFit(outer, linear, bias, width, 0.0, found.penalty)
        return fit, NeverSeen(values, residuals, kept.weights / kept.weights.sum())
