"""Neurons and functions of time for samples of a vector field, and the problem of their weights."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ridgeflow._units import power_of_two
from ridgeflow.columns import rms
from ridgeflow.fields.sample_region import thin_directions
from ridgeflow.networks.chosen_neurons import pursued
from ridgeflow.networks.elimination import solve_columns
from ridgeflow.networks.kept_samples import fingerprints
from ridgeflow.networks.leave_one_out import solve_left_out
from ridgeflow.networks.pairs import draw_pairs
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["DEGREES", "THIN", "FieldProblem", "chosen_degree", "chosen_neurons", "seen_functions"]

# Candidates of the pursuit for each neuron and at most, and the width beyond which there is none;
# samples on which choices are made, the share of them that compares them, and the share of the
# error that is to be gained for another choice than the first.
_CANDIDATES, _MOST, _WIDEST = 8, 1200, 512
_SELECTION, _HELD_OUT, _GAIN = 4000, 0.25, 0.9
# Degrees in time that are tried, with so many neurons at most and at least and then more, and these
# penalties, as long as their coefficients are fewer than this share of the samples; and the error,
# in the least, of the degree that is taken.
DEGREES = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 32)
_TRIED, _LEAST, _REFINED = 48, 8, 128
_PENALTIES, _DETERMINED, _NEARLY = (1e-4, 1e-7), 0.5, 1.01
# Functions of time whose mean square at the sample times is less than this, in units of their
# square sum of Chebyshev coefficients, live where there are no samples.
_UNSEEN = 1e-3
# In directions in which samples spread by less than this share of their columns they lie on a
# plane, unless the field depends on them.
THIN = 1e-6


@dataclass(frozen=True)
class FieldProblem:
    """Samples z (n, m) in units of their columns, velocities (n, m), functions of time (n, D) and
    places, and how weights are fitted to them.

    ``penalty`` is a number, None for that of generalised cross-validation, or "loo". ``rounding``
    (m,) are the spreads of columns up to which points agree, ``thin`` those up to which they lie on
    a plane.
    """

    z: NDArray
    v: NDArray
    basis: NDArray
    places: NDArray
    eta: Activation
    penalty: float | str | None
    rounding: NDArray
    thin: NDArray

    def some(self, index: NDArray) -> FieldProblem:
        """Of some samples."""
        return replace(
            self,
            z=self.z[index],
            v=self.v[index],
            basis=self.basis[index],
            places=self.places[index],
        )

    def columns(self, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
        """Affine columns and features, each times every function of time."""
        plain = np.column_stack([np.ones(len(self.z)), self.z])
        features = ridge_matrix(self.z, a, b, self.eta)
        return _tensor(self.basis, plain), _tensor(self.basis, features)

    def solve(self, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray, float | NDArray]:
        """Affine coefficients, outer weights and the penalty, under "loo" of each component."""
        # No function of time is much larger than 1.
        rounding = np.tile(np.append(0.0, self.thin), self.basis.shape[1])
        columns = self.columns(a, b)
        if isinstance(self.penalty, str):
            return solve_left_out(*columns, self.v, self.places, rounding=rounding)
        return solve_columns(
            *(*columns, self.v, self.penalty),
            rounding=rounding,
            observations=float(len(fingerprints(self.places, self.v))),
        )

    def error(self, a: NDArray, b: NDArray, tested: FieldProblem) -> float:
        """Root mean square error of the fit at other samples, in units of their size."""
        part, outer, _ = self.solve(a, b)
        plain, features = tested.columns(a, b)
        return rms((plain @ part + features @ outer - tested.v) / power_of_two(tested.v))

    def compared(self, rng: np.random.Generator) -> tuple[FieldProblem, FieldProblem]:
        """Samples on which choices are made, and those that compare the choices."""
        n = len(self.z)
        few = np.arange(n) if n <= _SELECTION else rng.choice(n, _SELECTION, False)
        held = rng.permutation(len(few)) < _HELD_OUT * len(few)
        return self.some(few[~held]), self.some(few[held])

    def on_a_plane(
        self, a: NDArray, b: NDArray, rng: np.random.Generator
    ) -> tuple[FieldProblem, NDArray]:
        """This problem, and the directions in which nothing is known of the field: those in which
        samples spread by rounding, or so little that slopes there are noise."""
        thin = thin_directions(self.z, self.thin)
        fine = thin_directions(self.z, self.rounding)
        if len(thin) > len(fine):
            fitted, tested = self.compared(rng)
            sloping = replace(fitted, thin=self.rounding)
            if sloping.error(a, b, tested) < _GAIN * fitted.error(a, b, tested):
                return replace(self, thin=self.rounding), fine
        return self, thin


def chosen_neurons(
    problem: FieldProblem, width: int, slope: float, control: str | None, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Neurons (a, b) from pairs of samples: as drawn, or what a pursuit takes of more of them."""
    z, v, often = problem.z, problem.v, np.ones(len(problem.z))
    fitted, tested = problem.compared(rng)
    count = max(width, min(_CANDIDATES * width, max(_MOST, 2 * width)))
    if control is None or width > _WIDEST or len(fitted.z) < 2 * width:
        count = width
    a, b = draw_pairs(z, v, count, slope, "gradient", often, problem.rounding, rng)
    drawn = a[:width], b[:width]
    if count == width:
        return drawn
    targets = _tensor(fitted.basis, fitted.v)
    chosen = pursued(a, b, width, problem.eta, fitted.z, targets, np.ones(len(fitted.z)))
    errors = [fitted.error(inner, offset, tested) for inner, offset in (drawn, chosen)]
    return chosen if errors[1] < _GAIN * errors[0] else drawn


def chosen_degree(problem: FieldProblem, width: int, slope: float, rng: np.random.Generator) -> int:
    """The least degree in time whose error on held-out samples is nearly the least of all.

    All are tried with few neurons: where a field turns k times in the span, no degree below 2k
    helps. With more neurons the degree above may do better.
    """
    fitted, tested = problem.compared(rng)
    count = min(width, _REFINED)
    often = np.ones(len(fitted.z))
    a, b = draw_pairs(fitted.z, fitted.v, count, slope, "gradient", often, fitted.rounding, rng)

    def error(degree: int, neurons: int) -> float:
        seen = seen_functions(fitted.basis[:, : degree + 1])
        one, other = (
            replace(each, basis=each.basis[:, : degree + 1] @ seen) for each in (fitted, tested)
        )
        fits = (replace(one, penalty=penalty) for penalty in _PENALTIES)
        return min(fit.error(a[:neurons], b[:neurons], other) for fit in fits)

    def determined(degree: int, share: float) -> int:
        """So many neurons leave fewer coefficients than this share of the samples."""
        return int(share * len(fitted.z) / (degree + 1)) - fitted.z.shape[1] - 1

    tried = min(count, _TRIED)
    top = problem.basis.shape[1] - 1
    known = sorted({d for d in DEGREES if d < top} | {top})
    most = {d: min(tried, determined(d, _DETERMINED)) for d in known}
    degrees = [d for d, neurons in most.items() if not d or neurons >= min(tried, _LEAST)]
    errors = [error(degree, max(1, most[degree])) for degree in degrees]
    best = int(np.argmax(np.array(errors) <= _NEARLY * min(errors)))
    if count > tried:
        now = error(degrees[best], count)
        while best + 1 < len(degrees) and determined(degrees[best + 1], 1.0) >= count:
            above = error(degrees[best + 1], count)
            if above > now / _NEARLY:
                break
            best, now = best + 1, above
    return degrees[best]


def seen_functions(basis: NDArray) -> NDArray[np.float64]:
    """Combinations (D, K) of functions of time (n, D), the first of them constant, that sample
    times determine: all of them, or, where times leave gaps, those that do not live there."""
    count = basis.shape[1]
    mean = basis[:, 1:].mean(axis=0)
    s, v = np.linalg.svd((basis[:, 1:] - mean) / np.sqrt(len(basis)), full_matrices=False)[1:]
    v = v[s**2 > _UNSEEN]
    if len(v) == count - 1:
        return np.eye(count)
    seen = np.zeros((count, 1 + len(v)))
    seen[0, 0] = 1.0
    seen[0, 1:], seen[1:, 1:] = -v @ mean, v.T
    return seen


def _tensor(basis: NDArray, columns: NDArray) -> NDArray:
    """Products of every time function with every column, (n, D p)."""
    return np.einsum("nd,np->ndp", basis, columns).reshape(len(columns), -1)
