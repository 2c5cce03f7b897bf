"""Deep networks from samples of a vector field: neurons from pairs, and one linear problem."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._progress import Progress, alone, stage, with_progress
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
from ridgeflow.double_continuum.field_problem import (
    DEGREES,
    THIN,
    FieldProblem,
    chosen_degree,
    chosen_neurons,
    seen_functions,
)
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.region import Region
from ridgeflow.fields.sample_region import SampleRegion
from ridgeflow.networks.least_squares import as_ridge
from ridgeflow.networks.sampling import as_control
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import activation_with_values

__all__ = ["FieldFit", "fit_field"]


# Velocities at one place may differ by noise; beyond this share of their size they conflict.
_CONFLICT = 0.5
# Beyond this error on samples held out a fit is worth nothing.
_WORTHLESS = 0.9
# Times that differ by less than this share of their span are one; zeros of a polynomial in time
# that a gap between sample times may hide.
_SAME_TIME, _UNSEEN = 1e-9, 1.7


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
    ridge : float or ndarray, shape (m,)
        The penalty used, under "loo" of each component.
    region : Region
        A ball around the samples, a tenth larger than it must be, outside of which the field is a
        guess; of samples on a plane, what of the ball is within a thousandth of their spread of it.

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
    ridge: float | NDArray[np.float64]
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


@with_progress("fit of a field")
def fit_field(
    points: ArrayLike,
    velocities: ArrayLike,
    activation: str | Activation,
    *,
    width: int,
    times: ArrayLike | None = None,
    time_degree: int | None = None,
    slope: float = 1.0,
    ridge: float | str = "loo",
    holdout: float = 0.1,
    control: str | None = "affine",
    rng: int | np.random.Generator | None = None,
    progress: Progress = None,
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
        samples, of degrees up to 32, and less than the number of different times, that half of the
        samples determine with eight neurons or more.
    slope : float
        Steepness :math:`\kappa` of neurons, see :func:`ridgeflow.networks.pairs.pair_neurons`.
    ridge : float, "loo" or "gcv"
        Penalty of the outer weights. "loo": that of least leave-one-out error, which sees samples
        that decide alone what the field is where they are, as far ones do; for each component its
        own, but one for all where a combination of the velocities is zero, as across a plane, so
        that it is zero in the fit. Up to 1024 outer weights of a component the slopes of the affine
        parts bear a penalty too, or are left out, where that errs less. "gcv": of least generalised
        cross-validation error, see :func:`fit_outer_weights`.
    holdout : float
        Share of the samples on which the error is measured, in [0, 1).
    control : {"affine", None}
        "affine": what is affine over the samples is left to the affine parts, and neurons are what
        an orthogonal matching pursuit takes of up to eight times as many pairs, where that lowers
        the error on a quarter of the samples by a tenth or more (up to 512 neurons and where three
        quarters of the samples are twice as many). None: as they are drawn.
    rng : int or Generator, optional
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    FieldFit

    Raises
    ------
    ValueError
        If shapes clash, times all agree or are no more than ``time_degree``, an option is out of
        range, or samples at one place have velocities that differ by more than their size.
    MemoryBudgetError
        If the features exceed the memory budget.

    Warns
    -----
    AccuracyWarning
        If the error on samples held out is beyond .9 of the velocities, or sample times leave a gap
        in which the polynomial in time may turn unseen; it names the gap.

    Notes
    -----
    **Accuracy.** See ``held_out_error``. Samples that are held out are not used. In a coordinate
    that is constant, and across a plane on which the samples lie but for a millionth of their
    spread, nothing is known: the field has no slope there, unless that errs more. Functions of time
    that live between the sample times are left out.

    **Cost.** O(n (P D)²), twice more to choose neurons, and O((P D)³) for "loo".

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
    slope, number = positive(slope, "slope"), as_ridge(ridge)
    penalty = ridge if isinstance(ridge, str) and ridge == "loo" else number
    holdout = _finite(holdout, "holdout")
    if not 0 <= holdout < 1:
        raise ValueError(f"`holdout` must lie in [0, 1), got {holdout:g}")
    functions = 1 if times is None or degree is None else degree + 1
    _require_memory(x, (1 - holdout) * len(x), width, functions, penalty == "loo")
    generator = as_generator(rng)
    basis, span, places = _in_time(x, times, degree)
    _require_lipschitz(places, v, real)
    out = generator.permutation(len(x)) < round(holdout * len(x))
    inside = ~out
    if inside.sum() < 2:
        raise ValueError(f"`points` must hold at least two samples to fit, got {inside.sum()}")
    # Columns in one unit, so that distances mean something; neurons come back in that of x.
    units = Columns.of(x[inside], real=real)
    rounding = units.rounding / units.scale
    problem = FieldProblem(
        *(units(x[inside]), v[inside], basis[inside], places[inside]),
        *(eta, penalty, rounding, np.maximum(rounding, THIN)),
    )
    if times is not None and degree is None:
        with stage("degree in time", 0.0, 0.4), alone():
            degree = chosen_degree(problem, width, slope, generator)
        basis = basis[:, : degree + 1]
    if times is not None:
        _warn_of_gaps(places[inside, -1], span, basis.shape[1] - 1)
    seen = seen_functions(basis[inside])
    problem = replace(problem, basis=basis[inside] @ seen)
    with stage("neurons", 0.4, 0.7), alone():
        a, b = chosen_neurons(problem, width, slope, as_control(control), generator)
        problem, thin = problem.on_a_plane(a, b, generator)
    with stage("outer weights", 0.7):
        part, outer, used = problem.solve(a, b)
    # Coefficients of the functions that samples see, and then of the Chebyshev polynomials.
    shape = (seen.shape[1], -1, x.shape[1])
    affine = np.einsum("dk,kpm->dpm", seen, part.reshape(shape))
    weights = np.einsum("dk,kpm->dpm", seen, outer.reshape(shape))
    fields = []
    for plain, c in zip(affine, weights, strict=True):
        inner, offset, linear, bias = units.of_data(a, b, plain[1:], plain[0])
        fields.append(ShallowNetwork(inner, offset, c, eta, linear=linear, bias=bias))
    error = _relative_error(fields, basis[out], x[out], v[out])
    if error > _WORTHLESS:
        warnings.warn(
            f"the fitted field errs by {error:.2g} of the velocities on samples held out, hardly "
            "less than zero would: take more samples or neurons, pass the `times` of the samples "
            "if the field moves, or another `time_degree`",
            AccuracyWarning,
            stacklevel=3,
        )
    return FieldFit(tuple(fields), span, error, used, SampleRegion.around(x, units, thin))


def _require_memory(x: NDArray, inside: float, width: int, functions: int, loo: bool) -> None:
    """Refuse what the fit to so many of the samples takes: features, their factors and copies."""
    n, m = x.shape
    columns = functions * (width + m + 1) + m
    factors = 112.0 * columns**2 if loo else 0.0
    fits_in_memory(
        (48.0 if loo else 32.0) * (inside + 1) * columns + factors + 80.0 * n * m + 2.0**21,
        f"fitting {width} neurons to {n} samples",
        "use fewer neurons or samples, or raise memory_budget",
    )


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
    x: NDArray, times: ArrayLike | None, degree: int | None
) -> tuple[NDArray, tuple[float, float], NDArray]:
    """Functions of time at the samples (n, D), of which a degree is still to be chosen where none
    is given, first and last time, and places in space and time: one constant function for a steady
    field.
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
    apart = max(rounding_of(t[:, None])[0], _SAME_TIME * (span[1] - span[0]))
    different = 1 + int(np.count_nonzero(np.diff(np.sort(t)) > apart))
    if degree is not None and degree >= different:
        raise ValueError(
            f"`time_degree` must be less than the number of different times, got {degree} for "
            f"{different} (take time_degree={different - 1}, or samples at more times)"
        )
    count = min(DEGREES[-1], different - 1) if degree is None else degree
    return _chebyshev(t, span, count + 1), span, np.column_stack([x, t])


def _warn_of_gaps(t: NDArray, span: tuple[float, float], degree: int) -> None:
    """Name the widest gap between sample times, if the polynomial in time may turn there unseen."""
    t = np.sort(np.append(t, span))
    # Where its zeros would be spread evenly.
    angle = np.arccos(np.clip((2 * t - span[0] - span[1]) / (span[1] - span[0]), -1, 1))
    gaps = -np.diff(angle)
    widest = int(np.argmax(gaps))
    if degree * gaps[widest] > _UNSEEN * np.pi:
        warnings.warn(
            f"no samples between the times {t[widest]:g} and {t[widest + 1]:g}: a polynomial of "
            f"degree {degree} in time may turn there unseen, and the field is a guess (take "
            f"samples there, or time_degree={int(_UNSEEN * np.pi / gaps[widest])})",
            AccuracyWarning,
            stacklevel=4,
        )


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
