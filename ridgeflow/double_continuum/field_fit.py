"""Deep networks from samples of a vector field: neurons from pairs, and one linear problem."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._units import Columns, power_of_two, rounding_of
from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    positive,
    positive_int,
    same_length,
)
from ridgeflow._validate import finite_number as _finite
from ridgeflow.columns import rms
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.region import Region
from ridgeflow.networks.chosen_neurons import pursued
from ridgeflow.networks.elimination import solve_columns
from ridgeflow.networks.kept_samples import fingerprints
from ridgeflow.networks.least_squares import as_ridge
from ridgeflow.networks.pairs import draw_pairs
from ridgeflow.networks.sampling import as_control
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import activation_with_values, ridge_matrix

__all__ = ["FieldFit", "fit_field"]


# Velocities at one place may differ by noise; beyond this share of their size they conflict.
_CONFLICT = 0.5
# Candidates of the pursuit for each neuron and at most, and the width beyond which there is none;
# samples on which choices are made, the share of them that compares them, and the share of the
# error that is to be gained for another choice than the draw.
_CANDIDATES, _MOST, _WIDEST = 8, 1200, 512
_SELECTION, _HELD_OUT, _GAIN = 4000, 0.25, 0.9
# How much larger than the smallest ball of the samples the region of a fit is.
_ROOM = 1.1
# Beyond this error on samples held out a fit is worth nothing.
_WORTHLESS = 0.9
# Degrees in time that are tried, with so many neurons at most and then more, and these penalties,
# as long as their coefficients are fewer than this share of the samples; and the error, in the
# least, of the degree that is taken.
_DEGREES = (0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 17, 20, 24, 28, 32)
_TRIED, _REFINED, _PENALTIES, _DETERMINED, _NEARLY = 48, 128, (1e-4, 1e-7), 0.5, 1.01


@dataclass(frozen=True)
class FieldFit:
    """A vector field fitted to samples, and what it is worth.

    Attributes
    ----------
    fields : tuple of ShallowNetwork
        Coefficient fields: :math:`v(x, t) = \\sum_d T_d(s)\\,v_d(x)`, s the time scaled to [-1, 1];
        one of them for a steady field.
    span : tuple of two floats
        First and last sample time, (0, 0) for a steady field.
    held_out_error : float
        Root mean square error on the samples held out, in units of the root mean square of their
        velocities; NaN where none were held out.
    ridge : float
        The penalty used.
    region : Region
        A ball around the samples, a tenth larger than it must be, outside of which the field is a
        guess.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(200, 1))
    >>> fit = fit_field(x, -x, "tanh", width=5, rng=0)
    >>> bool(abs(fit.at(0.0)([[1.0]])[0, 0] + 1.0) < 1e-4)
    True
    """

    fields: tuple[ShallowNetwork, ...]
    span: tuple[float, float]
    held_out_error: float
    ridge: float
    region: Region

    def at(self, t: float) -> ShallowNetwork:
        """The field at a time, as one network.

        Parameters
        ----------
        t : float

        Returns
        -------
        ShallowNetwork

        Raises
        ------
        ValueError
            If t lies outside the span of a timed field.
        """
        t = _finite(t, "t")
        if len(self.fields) == 1:
            return self.fields[0]
        low, high = self.span
        if not low - 1e-12 * (high - low) <= t <= high + 1e-12 * (high - low):
            raise ValueError(
                f"`t` must lie between the sample times {low:g} and {high:g}, got {t:g}"
            )
        basis = _chebyshev(np.array([t]), self.span, len(self.fields))[0]
        first = self.fields[0]
        return ShallowNetwork(
            first.a,
            first.b,
            sum(w * f.c for w, f in zip(basis, self.fields, strict=True)),
            first.activation,
            linear=sum(w * f.linear for w, f in zip(basis, self.fields, strict=True)),
            bias=sum(w * f.bias for w, f in zip(basis, self.fields, strict=True)),
        )


def _chebyshev(t: NDArray, span: tuple[float, float], count: int) -> NDArray:
    scaled = (2 * t - span[0] - span[1]) / (span[1] - span[0])
    return np.polynomial.chebyshev.chebvander(scaled, count - 1)


def fit_field(
    points: ArrayLike,
    velocities: ArrayLike,
    activation: str | Activation,
    *,
    width: int,
    times: ArrayLike | None = None,
    time_degree: int | None = None,
    slope: float = 1.0,
    ridge: float | str = "gcv",
    holdout: float = 0.1,
    control: str | None = "affine",
    rng: int | np.random.Generator | None = None,
) -> FieldFit:
    r"""Fit a vector field to samples by shallow networks with the same neurons.

    .. math:: v(x, t) = \sum_{d=0}^{D} T_d(s(t)) \Big(\sum_j c_{jd}\,\eta(a_j\cdot x - b_j)
              + A_d^{\mathsf T}x + e_d\Big)

    Neurons from pairs of samples, outer weights and affine parts from one least-squares problem.

    Parameters
    ----------
    points : array_like, shape (n, m)
    velocities : array_like, shape (n, m)
    activation : str or Activation
    width : int
        Number of neurons.
    times : array_like, shape (n,), optional
        Time of each sample; without them the field is steady.
    time_degree : int, optional
        Degree D in time of a timed field; by default that of least error on a quarter of the
        samples, of degrees up to 32 that half of the samples determine.
    slope : float
        Steepness :math:`\kappa` of neurons, see :func:`ridgeflow.networks.pairs.pair_neurons`.
    ridge : float or "gcv"
    holdout : float
        Share of the samples on which the error is measured, in [0, 1).
    control : {"affine", None}
        "affine": what is affine over the samples is left to the affine parts, and neurons are what
        an orthogonal matching pursuit takes of up to eight times as many pairs, where that lowers
        the error on a quarter of the samples by a tenth or more (up to 512 neurons and where three
        quarters of the samples are twice as many). None: as they are drawn.
    rng : int or Generator, optional

    Returns
    -------
    FieldFit

    Raises
    ------
    ValueError
        If shapes clash, times all agree, an option is out of range, or samples at one place have
        velocities that differ by more than their size.
    MemoryBudgetError
        If the features exceed the memory budget.

    Warns
    -----
    AccuracyWarning
        If the error on samples held out is beyond .9 of the velocities.

    Notes
    -----
    **Accuracy.** See ``held_out_error``. Samples that are held out are not used.

    **Cost.** O(n (P D)²), twice more to choose neurons.

    See Also
    --------
    reconstruct_network

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(400, 2))
    >>> fit = fit_field(x, -x * np.abs(x), "tanh", width=80, rng=0)
    >>> bool(fit.held_out_error < 0.1)
    True
    """
    x, v, real = _samples(points, velocities)
    eta = activation_with_values(activation)
    width = positive_int(width, "width")
    degree = None
    if time_degree is not None:
        degree = positive_int(time_degree, "time_degree", minimum=0)
    fits_in_memory(
        8.0 * len(x) * width * (1 if times is None or degree is None else degree + 1),
        f"fitting {width} neurons to {len(x)} samples",
        "use fewer neurons or samples, or raise memory_budget",
    )
    slope, penalty = positive(slope, "slope"), as_ridge(ridge)
    holdout = _finite(holdout, "holdout")
    if not 0 <= holdout < 1:
        raise ValueError(f"`holdout` must lie in [0, 1), got {holdout:g}")
    generator = as_generator(rng)
    basis, span, places = _in_time(x, times, _DEGREES[-1] if degree is None else degree)
    _require_lipschitz(places, v, real)
    out = generator.permutation(len(x)) < round(holdout * len(x))
    inside = ~out
    if inside.sum() < 2:
        raise ValueError(f"`points` must hold at least two samples to fit, got {inside.sum()}")
    # Columns in one unit, so that distances mean something; neurons come back in that of x.
    units = Columns.of(x[inside], real=real)
    problem = _Problem(
        *(units(x[inside]), v[inside], basis[inside], places[inside]),
        *(eta, penalty, units.rounding / units.scale),
    )
    if times is not None and degree is None:
        degree = _chosen_degree(problem, width, slope, generator)
        basis = basis[:, : degree + 1]
        problem = replace(problem, basis=problem.basis[:, : degree + 1])
    a, b = _neurons(problem, width, slope, as_control(control), generator)
    part, outer, penalty = problem.solve(a, b)
    columns, skip = basis.shape[1], 1 + x.shape[1]
    fields = []
    for d in range(columns):
        affine = part[d * skip : (d + 1) * skip]
        inner, offset, linear, bias = units.of_data(a, b, affine[1:], affine[0])
        weights = outer[d * width : (d + 1) * width]
        fields.append(ShallowNetwork(inner, offset, weights, eta, linear=linear, bias=bias))
    error = _relative_error(fields, basis[out], x[out], v[out])
    if error > _WORTHLESS:
        warnings.warn(
            f"the fitted field errs by {error:.2g} of the velocities on samples held out, hardly "
            "less than zero would: take more samples or neurons, pass the `times` of the samples "
            "if the field moves, or another `time_degree`",
            AccuracyWarning,
            stacklevel=2,
        )
    return FieldFit(tuple(fields), span, error, penalty, _ball(x))


@dataclass(frozen=True)
class _Problem:
    """Samples z (n, m) in units of their columns, velocities (n, m), functions of time (n, D) and
    places, and how weights are fitted to them."""

    z: NDArray
    v: NDArray
    basis: NDArray
    places: NDArray
    eta: Activation
    penalty: float | None
    rounding: NDArray

    def some(self, index: NDArray) -> _Problem:
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

    def solve(self, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray, float]:
        """Affine coefficients, outer weights and the penalty."""
        return solve_columns(
            *(*self.columns(a, b), self.v, self.penalty),
            # No function of time is larger than 1.
            rounding=np.tile(np.append(0.0, self.rounding), self.basis.shape[1]),
            observations=float(len(fingerprints(self.places, self.v))),
        )

    def error(self, a: NDArray, b: NDArray, tested: _Problem) -> float:
        """Root mean square error of the fit at other samples, in units of their size."""
        part, outer, _ = self.solve(a, b)
        plain, features = tested.columns(a, b)
        return rms((plain @ part + features @ outer - tested.v) / power_of_two(tested.v))


def _compared(problem: _Problem, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    """Samples on which choices are made, and which of them compare the choices."""
    n = len(problem.z)
    few = np.arange(n) if n <= _SELECTION else rng.choice(n, _SELECTION, False)
    return few, rng.permutation(len(few)) < _HELD_OUT * len(few)


def _neurons(
    problem: _Problem, width: int, slope: float, control: str | None, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Neurons (a, b) from pairs of samples: as drawn, or what a pursuit takes of more of them."""
    z, v, often = problem.z, problem.v, np.ones(len(problem.z))
    few, held = _compared(problem, rng)
    fitted, tested = problem.some(few[~held]), problem.some(few[held])
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


def _chosen_degree(problem: _Problem, width: int, slope: float, rng: np.random.Generator) -> int:
    """The least degree in time whose error on held-out samples is nearly the least of all.

    All are tried with few neurons: where a field turns k times in the span, no degree below 2k
    helps. With more neurons the degree above may do better.
    """
    few, held = _compared(problem, rng)
    fitted, tested = problem.some(few[~held]), problem.some(few[held])
    count = min(width, _REFINED)
    often = np.ones(len(fitted.z))
    a, b = draw_pairs(fitted.z, fitted.v, count, slope, "gradient", often, fitted.rounding, rng)

    def error(degree: int, neurons: int) -> float:
        part = slice(0, degree + 1)
        one, other = (replace(each, basis=each.basis[:, part]) for each in (fitted, tested))
        fits = (replace(one, penalty=penalty) for penalty in _PENALTIES)
        return min(fit.error(a[:neurons], b[:neurons], other) for fit in fits)

    def determined(degree: int, neurons: int, share: float) -> bool:
        return (degree + 1) * (neurons + fitted.z.shape[1] + 1) <= share * len(fitted.z)

    tried = min(count, _TRIED)
    degrees = [d for d in _DEGREES if not d or determined(d, tried, _DETERMINED)]
    errors = [error(degree, tried) for degree in degrees]
    best = int(np.argmax(np.array(errors) <= _NEARLY * min(errors)))
    if count > tried:
        now = error(degrees[best], count)
        while best + 1 < len(degrees) and determined(degrees[best + 1], count, 1.0):
            above = error(degrees[best + 1], count)
            if above > now / _NEARLY:
                break
            best, now = best + 1, above
    return degrees[best]


def _ball(x: NDArray) -> Region:
    """A ball around samples, which may all be one point, with room for others like them."""
    unit = float(power_of_two(x))
    if not np.ptp(x / unit, axis=0).any():
        return Region(x[0], np.finfo(np.float64).eps * unit, unit)
    held = Region.holding(x / unit)
    return Region(unit * held.center, _ROOM * unit * held.radius, unit * held.margin)


def _samples(points: ArrayLike, velocities: ArrayLike) -> tuple[NDArray, NDArray, np.dtype]:
    """Points and velocities in float64, and the precision of the points as given."""
    x = as_points(points, "points")
    real, x = x.dtype, x.astype(np.float64)
    v = as_real_array(velocities, "velocities", ndim=2).astype(np.float64)
    same_length(points=x, velocities=v)
    if v.shape[1] != x.shape[1]:
        raise ValueError(
            f"`velocities` must have shape {x.shape} like `points`, got {v.shape} (a field maps "
            "R^m to R^m)"
        )
    return x, v, real


def _in_time(
    x: NDArray, times: ArrayLike | None, degree: int
) -> tuple[NDArray, tuple[float, float], NDArray]:
    """Functions of time at the samples (n, D), first and last time, and places in space and time:
    one constant function for a steady field.
    """
    if times is None:
        return np.ones((len(x), 1)), (0.0, 0.0), x
    t = as_real_array(times, "times", ndim=1)
    same_length(points=x, times=t)
    span = (float(t.min()), float(t.max()))
    if not span[1] - span[0] > rounding_of(t[:, None])[0]:
        raise ValueError(
            f"`times` must differ, got {span[0]:g} for all samples (leave them out for a "
            "steady field)"
        )
    t = t.astype(np.float64)
    return _chebyshev(t, span, degree + 1), span, np.column_stack([x, t])


def _relative_error(fields: list[ShallowNetwork], basis: NDArray, x: NDArray, v: NDArray) -> float:
    """RMS error of the field in units of the RMS velocity; NaN without samples."""
    if not len(x):
        return float("nan")
    gap = sum(basis[:, d, None] * f(x) for d, f in enumerate(fields)) - v
    # In units of powers of two, so that no square overflows.
    unit, wide = power_of_two(v), power_of_two(gap)
    size = rms(v / unit)
    return float(rms(gap / wide) * (wide / unit) / size) if size > 0 else 0.0


def _require_lipschitz(places: NDArray, v: NDArray, real: np.dtype) -> None:
    """Refuse samples at one place whose velocities differ: no field has them."""
    _, index, counts = np.unique(
        np.round(Columns.of(places, real=real)(places), 9),
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    if not (counts > 1).any():
        return
    index = index.ravel()
    v = v / power_of_two(v)
    size = rms(v)
    mean = np.stack([np.bincount(index, v[:, k]) for k in range(v.shape[1])], axis=1)
    gap = np.linalg.norm(v - (mean / counts[:, None])[index], axis=1)
    if gap.max() > _CONFLICT * size:
        first = int(np.argmax(gap))
        others = np.flatnonzero(index == index[first])
        raise ValueError(
            f"`velocities` must be a function of `points`, got {len(others)} different ones at the "
            f"place of sample {first} (samples {others[:5].tolist()}, apart by "
            f"{2 * gap.max() / size:.2g} RMS velocities: such a field is not Lipschitz; pass the "
            "`times` of the samples, or average them)"
        )


def _tensor(basis: NDArray, columns: NDArray) -> NDArray:
    """Products of every time function with every column, (n, D p)."""
    return np.einsum("nd,np->ndp", basis, columns).reshape(len(columns), -1)
