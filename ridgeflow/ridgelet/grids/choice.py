"""The choice of a polar grid from a tolerance: scales, offsets and directions."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import finite_number, one_of, positive_int
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import directions
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility, transfer_function
from ridgeflow.profiles.ridgelet import Ridgelet, as_ridgelet
from ridgeflow.radon_transform.dot_test import is_single
from ridgeflow.radon_transform.fourier_slices import ball_about, fourier_slices, soften
from ridgeflow.radon_transform.smoothed_samples import with_energy
from ridgeflow.ridgelet.errors.budget import (
    OUTSIDE,
    FieldRecord,
    discrete_transfer,
    local_norm,
    spectrum_budget,
    tail_amplification,
)
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

if TYPE_CHECKING:
    from ridgeflow.ridgelet.spectra.corrected_dual import CorrectedDual
    from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["common_grid", "grid_for_energy", "polar_grid_for", "warn_of_lost_energy"]

PILOT_DIRECTIONS = {1: 1, 2: 48, 3: 120}
_OCTAVES = 60
# Share of the energy that may be lost without a word, and the tolerance of the grid that is named.
_NOTICEABLE, _SUGGESTED = 0.01, 0.01
_LEAST = 1e-16
# What rounding to single precision leaves of a reconstruction; measured 2.8e-7 to 3.4e-6.
_SINGLE = 4e-6
# Samples along one axis that nobody is advised to take.
_MANY = 1e6
# Share of tol that the samples may leave out without a word; share of what they leave out that the
# grid is chosen for where that is more than tol.
_FLOOR, _BELOW_FLOOR = 0.5, 0.3
# Of what is cut off the offsets, where neurons grow towards infinity: those that are missing add up
# over all of the ball.
_GROWING = 0.1
# Amplification of the corrected dual that is granted between scales, at the last wave number, and
# at the first.
_RIPPLE, _AT_TOP, _BELOW = 1.3, 4.0, 1.5


def polar_grid_for(
    field: GridField | SampleField | GaussianMixture,
    activation: str | Activation,
    ridgelet: Ridgelet,
    tol: float,
    *,
    n_directions: int | None = None,
    bandwidth: float | None = None,
    dual: str = "plain",
    quiet: bool = False,
) -> ParameterGrid:
    """See :meth:`ParameterGrid.for_field`; ``quiet``: without a word about the samples."""
    activation, ridgelet = _activation(activation), as_ridgelet(ridgelet)
    tol = finite_number(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
    if tol < _LEAST:
        raise ValueError(f"`tol` must be at least {_LEAST:g}, as rounding is, got {tol:g}")
    if not isinstance(field, (GridField, SampleField, GaussianMixture)):
        raise TypeError(
            "`field` must be a GridField, a SampleField or a GaussianMixture, got "
            f"{type(field).__name__} (sample a callable with GridField.from_function)"
        )
    if ridgelet.dim != field.dim:
        raise ValueError(
            f"`ridgelet` must have the dimension {field.dim} of the field, got {ridgelet.dim}"
        )
    one_of(dual, "dual", ("plain", "corrected"))
    if dual == "corrected" and activation.point_masses:
        raise ValueError(
            f"`dual` must be 'plain' for {activation.name!r}, which sees one frequency, got "
            "'corrected'"
        )
    source = with_energy(field, bandwidth)
    if isinstance(source, SampleField):
        raise ValueError(
            "`bandwidth` must be given for scattered samples, got None (point masses have energy "
            "at every wave number: pass the standard deviation of a Gaussian that smooths them, "
            "here and to ridgelet_transform; or take a kernel_density, or a grid of "
            "ParameterGrid.polar)"
        )
    admissibility(activation, ridgelet)
    mixture = isinstance(source, GaussianMixture)
    center = np.asarray(source.mean if mixture else source.center, float)  # type: ignore[union-attr]
    pilot, area = directions(field.dim, PILOT_DIRECTIONS.get(field.dim, 200))
    slices = fourier_slices(source, pilot, center, 1e-2 * tol)
    k, energy = slices.radial_energy(area, field.dim)
    floor = slices.unresolved
    if floor > _FLOOR * tol and not quiet and isinstance(source, GridField):
        _warn_of_floor(source, floor, tol)
    if not quiet and tol < _SINGLE and _is_single(field):
        warnings.warn(
            f"single precision leaves errors of about {_SINGLE:g}, more than tol = {tol:g}: the "
            "spectrum of a float32 field is float32 (pass float64 values, or a larger tol)",
            AccuracyWarning,
            stacklevel=3,
        )
    # Nodes cannot make up for what the samples leave out.
    tol = max(tol, min(_BELOW_FLOOR * floor, 0.5))
    edge = _cut(tol, dual == "corrected")
    radius = ball_about(source, center, edge)
    if isinstance(source, GridField) and slices.blur > edge:
        radius = ball_about(soften(source)[0], center, edge)
    grid = grid_for_energy(
        k,
        energy,
        center,
        radius,
        activation,
        ridgelet,
        tol,
        n_directions=n_directions,
        corrected=dual == "corrected",
    )
    return grid if quiet or n_directions is not None else replace(grid, tol=tol)


def _is_single(field: GridField | SampleField | GaussianMixture) -> bool:
    if isinstance(field, GaussianMixture):
        return False
    return is_single(field.values)


def _warn_of_floor(field: GridField, floor: float, tol: float) -> None:
    """Warn that the samples of the field do not reach the tolerance, and say how many would."""
    every_other = tuple(slice(None, None, 2) for _ in range(field.dim))
    coarse = GridField(field.values[every_other], [axis[::2] for axis in field.axes])
    # Of a jump the error falls like the root of the spacing, of a smooth function faster.
    rate = max(0.5, float(np.log2(max(soften(coarse)[1] / floor, 1.0))))
    factor = (floor / (_FLOOR * tol)) ** (1 / rate)
    advice = f"about {float(f'{factor:.2g}'):g} times as many along each axis would do"
    if factor * max(field.shape) > _MANY:
        advice = "no number of them within reach would do"
    warnings.warn(
        f"the samples of the field leave a relative L2 error of about {floor:.1e} and put "
        f"tol = {tol:g} out of reach: the grid is chosen for what they allow ({advice}; or smooth "
        "the field, or take a larger tol)",
        AccuracyWarning,
        stacklevel=4,
    )


def grid_for_energy(
    k: NDArray,
    energy: NDArray,
    center: NDArray,
    radius: float,
    activation: Activation,
    ridgelet: Ridgelet,
    tol: float,
    *,
    n_directions: int | None = None,
    corrected: bool = False,
) -> ParameterGrid:
    """The polar grid for a field of this energy by wave number in this ball."""
    dim = len(center)
    constant = admissibility(activation, ridgelet)
    total = float(energy.sum())
    if total == 0:
        # Nothing to represent: any grid does.
        return ParameterGrid.polar(
            dim, 1, (1 / radius, 2 / radius), radius, 0.5, margin=8.0, center=center
        )
    energy = energy / total

    def weighted(factor: NDArray) -> float:
        return float(np.sqrt(factor**2 @ energy))

    share = 1 - np.cumsum(energy)
    top = float(k[min(int(np.searchsorted(-share, -((0.25 * tol) ** 2))), len(k) - 1)])
    weights = None
    if activation.point_masses:
        scales, weights = single_frequency_scales(top, radius)
    elif corrected:
        scales = _few_scales(activation, ridgelet, constant, k, energy, radius, tol)
    else:
        scales = _log_scales(activation, ridgelet, constant, k, weighted, tol)
    step = float(np.clip(np.pi / ridgelet.bandlimit(1e-2 * tol), 0.05, 0.6))
    tail = _cut(tol, corrected)
    if activation.origin_order >= 2:
        tail *= _GROWING
    margin = ridgelet.decay_radius(tail)
    margin = ridgelet.decay_radius(tail / tail_amplification(activation, ridgelet, margin))
    if n_directions is None:
        n_directions = direction_count(dim, top * radius, tol)
    else:
        n_directions = positive_int(n_directions, "n_directions")
    return ParameterGrid.polar(
        dim, n_directions, scales, radius, step, margin=margin, center=center, scale_weights=weights
    )


def _cut(tol: float, corrected: bool) -> float:
    """What the ends of the ball and of the offsets may cut off, relative to the maximum.

    The corrected dual amplifies the low frequencies that a cut leaves behind.
    """
    return (1e-3 if corrected else 1e-2) * tol


def direction_count(dim: int, phase: float, tol: float) -> int:
    """Directions that resolve harmonics up to twice ``phase`` = wave number times radius."""
    order = phase + 3 * np.cbrt(phase) * max(1.0, np.log10(1 / tol) / 3) + 4
    if dim == 1:
        return 1
    if dim == 2:
        return int(np.ceil(order))
    if dim == 3:
        return int(np.ceil(1.8 * order**2))
    # Quasi-Monte-Carlo: the error falls like 1/n at best.
    return int(np.clip(4 / tol, 1000, 20000))


def single_frequency_scales(top: float, radius: float) -> tuple[NDArray, NDArray]:
    """Gauss-Legendre scales: one frequency sees each scale as one wave number, and the integrand
    oscillates over the diameter of field and evaluation points together."""
    node, weight = np.polynomial.legendre.leggauss(int(np.ceil(1.2 * top * radius)) + 16)
    return 0.5 * top * (node + 1), 0.5 * top * weight


def _log_scales(activation, ridgelet, constant, k, weighted, tol) -> NDArray:  # type: ignore[no-untyped-def]
    """Scales whose discrete transfer function agrees with K to tol/2 on the field's spectrum."""

    def loss(a_max: float, a_min: float) -> float:
        kept = transfer_function(activation, ridgelet, k, a_max=a_max, a_min=a_min)
        return weighted(kept / constant - 1)

    # Quarter octaves about the mean wave number, moved outwards until the cut is small enough.
    middle = float(np.sqrt(k[0] * k[-1]))
    steps = 4 * _OCTAVES
    unbounded = float(k[-1]) * 2.0**_OCTAVES
    high = _first(lambda i: loss(middle * 2 ** (i / 4), 0.0) <= 0.2 * tol, steps)
    low = _first(lambda i: loss(unbounded, middle * 2 ** (-i / 4)) <= 0.1 * tol, steps)
    if high is None or low is None:
        raise ValueError(
            f"`tol` must be reachable with scales over {_OCTAVES} octaves, got {tol:g} for "
            f"{activation.name} with a ridgelet of order {ridgelet.order:g}: the transfer function "
            "rises too slowly (take admissible_ridgelet(activation, dim), or a larger tol)"
        )
    a_max, a_min = middle * 2 ** (high / 4), middle * 2 ** (-low / 4)
    octaves = np.log2(a_max / a_min)
    for per_octave in (3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 48, 64):
        scales = np.geomspace(a_min, a_max, int(np.ceil(octaves * per_octave)) + 1)
        # Scales alone decide the transfer function, so a grid of one direction tells it.
        trial = ParameterGrid.polar(ridgelet.dim, 1, scales, 1.0, 1.0, margin=0.0)
        error = weighted(discrete_transfer(trial, activation, ridgelet, k) / constant - 1)
        if error <= 0.5 * tol:
            return scales
    raise ValueError(
        f"`tol` must be reachable with 64 scales per octave, got {tol:g} for {activation.name}: "
        f"the discrete transfer function is off by {error:.1e} (take a smooth ridgelet, "
        "admissible_ridgelet(activation, dim))"
    )


def _few_scales(  # type: ignore[no-untyped-def]
    activation, ridgelet, constant, k, energy, radius, tol
) -> NDArray:
    """Scales whose discrete transfer function is nowhere small where the field is."""
    record = FieldRecord("", tol, k, energy, 1.0, 0.0, 0.0, 0.0, 0.0, np.empty((0, 0)))
    outside = min(0.25 * tol, 0.8 * OUTSIDE)
    top = float(k[np.flatnonzero(np.cumsum(energy[::-1])[::-1] > outside**2)[-1]])

    def amplification(scales: NDArray, at: NDArray) -> tuple[NDArray, ParameterGrid]:
        trial = ParameterGrid.polar(ridgelet.dim, 1, scales, radius, 1.0, margin=0.0)
        with np.errstate(divide="ignore", over="ignore"):
            return constant / discrete_transfer(trial, activation, ridgelet, at), trial

    for per_octave in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        ratio = 2.0 ** (1 / per_octave)
        octave = np.geomspace(1.0, 2.0, 33)
        wide = np.arange(-20.0 * per_octave, 20.0 * per_octave + 1)
        if amplification(ratio**wide, octave)[0].max() < _RIPPLE:
            break
    # The highest scale is the least that needs no more than this at the highest wave number.
    highest = top
    below = ratio ** np.arange(-8.0 * per_octave, 1.0)
    while amplification(highest * below, np.full(1, top))[0] > _AT_TOP:
        highest *= 2.0**0.25
    while amplification(highest * below, np.full(1, top))[0] < _AT_TOP:
        highest *= 2.0**-0.25
    highest *= 2.0**0.25
    count = 4
    while count <= _OCTAVES * per_octave:
        scales = highest * ratio ** np.arange(-count, 1.0)
        needed, trial = amplification(scales, k)
        covered = np.append(needed <= _BELOW, True)
        uncovered = np.arange(len(k)) < int(np.argmax(covered))
        if local_norm(record, trial, uncovered) <= outside:
            return scales
        count += 1
    raise ValueError(
        f"`tol` must be reachable with scales over {_OCTAVES} octaves, got {tol:g} for "
        f"{activation.name} (take a larger tol)"
    )


def _first(holds, stop: int) -> int | None:  # type: ignore[no-untyped-def]
    """Least i in [-stop, stop] with holds(i), for a condition that stays true once it is."""
    low, high = -stop, stop
    if not holds(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if holds(middle):
            high = middle
        else:
            low = middle + 1
    return high


def common_grid(each: Sequence[ParameterGrid]) -> ParameterGrid:
    """The polar grid that covers all of the given ones, at the finest of their resolutions."""
    low = min(float(g.scales[0]) for g in each)
    high = max(float(g.scales[-1]) for g in each)
    ratio = min(float((g.scales[-1] / g.scales[0]) ** (1 / (len(g.scales) - 1))) for g in each)
    count = int(np.ceil(np.log(high / low) / np.log(ratio) - 1e-9)) + 1
    return ParameterGrid.polar(
        each[0].dim,
        max(len(g.directions) for g in each),
        np.geomspace(low, high, max(2, count)),
        max(g.radius for g in each),
        min(g.step for g in each),
        margin=max(g.margin for g in each),
        center=each[0].center,
    )


def warn_of_lost_energy(
    spectrum: Spectrum, activation: Activation, dual: CorrectedDual | None
) -> None:
    """Warn where a grid loses a noticeable share of its field's energy, with one that would not."""
    record, grid = spectrum.record, spectrum.grid
    if record is None or grid.kind != "polar" or record.energy.sum() == 0:
        return
    budget = spectrum_budget(spectrum, activation, dual, measure=False, kink=False)
    parts = {
        "scales": budget.truncation,
        "scales, offsets or step": budget.quadrature,
        "directions": budget.directions,
    }
    lost = sum(parts.values()) ** 2
    if lost <= _NOTICEABLE:
        if grid.tol is not None and sum(parts.values()) + budget.sampling > grid.tol:
            _warn_of_a_miss(spectrum, activation, dual, grid.tol)
        return
    share = f"{100 * lost:.2g} %" if lost < 1 else "all"
    try:
        better = grid_for_energy(
            record.wave_numbers,
            record.energy,
            grid.center,
            max(record.radius, 1e-300),
            activation,
            spectrum.ridgelet,
            _SUGGESTED,
        )
    except ValueError:
        advice = "no grid reaches 1 % with this ridgelet: take admissible_ridgelet"
    else:
        advice = (
            f"ParameterGrid.for_field(..., tol={_SUGGESTED:g}) would take "
            f"{len(better.directions)} directions, {len(better.scales)} scales from "
            f"{better.scales[0]:.3g} to {better.scales[-1]:.3g}, radius {better.radius:.3g}, step "
            f"{better.step:.2g} and margin {better.margin:.3g}"
        )
    warnings.warn(
        f"this grid loses about {share} of the field's energy, most by its "
        f"{max(parts, key=lambda name: parts[name])} (Spectrum.error_budget tells more): {advice}",
        AccuracyWarning,
        stacklevel=3,
    )


def _warn_of_a_miss(
    spectrum: Spectrum, activation: Activation, dual: CorrectedDual | None, tol: float
) -> None:
    """Warn where a reconstruction misses what its grid was chosen for, by more than its samples.

    What was predicted may overstate, so that the error is measured first.
    """
    budget = spectrum_budget(spectrum, activation, dual, kink=False)
    # Of larger errors of the samples the choice of the grid has told.
    told = budget.sampling if budget.sampling > _FLOOR * tol else 0.0
    error = budget.total - told
    if error > tol:
        warnings.warn(
            f"the reconstruction has a relative L2 error of up to {error:.1e}, more than tol = "
            f"{tol:g} that its grid was chosen for (take a smaller tol for the grid, and for the "
            "transform)",
            AccuracyWarning,
            stacklevel=4,
        )
