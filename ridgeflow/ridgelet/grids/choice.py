"""The choice of a polar grid from a tolerance: scales, offsets and directions."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import finite_number, one_of, positive_int
from ridgeflow.columns import is_single
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import directions, half_sphere_area
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility, transfer_function
from ridgeflow.profiles.ridgelet import Ridgelet, as_ridgelet
from ridgeflow.radon_transform.fourier_slices import ball_about, fourier_slices, soften
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples, with_energy
from ridgeflow.ridgelet.grids.field_record import FieldRecord, local_norm
from ridgeflow.ridgelet.grids.transfer import discrete_transfer, tail_amplification, trapezoid

__all__ = ["PolarChoice", "choose_polar", "polar_for_energy"]

PILOT_DIRECTIONS = {1: 1, 2: 48, 3: 120}
_OCTAVES = 60
_LEAST = 1e-16
# What rounding to single precision leaves of a reconstruction; measured 2.8e-7 to 3.4e-6.
_SINGLE = 4e-6
# Samples along one axis that nobody is advised to take.
_MANY = 1e6
# Share of tol that the samples may leave out without a word; share of what they leave out that the
# grid is chosen for where that is more than tol.
UNSAID, _BELOW_FLOOR = 0.5, 0.3
# Of what is cut off the offsets, where neurons grow towards infinity: those that are missing add up
# over all of the ball.
_GROWING = 0.1
# Amplification of the corrected dual that is granted between scales, at the last wave number, and
# at the first.
_RIPPLE, _AT_TOP, _BELOW = 1.3, 4.0, 1.5
# What may lie outside of the corrected dual's band, in L2, at either end.
OUTSIDE = 5e-4


class PolarChoice(NamedTuple):
    """What :meth:`ParameterGrid.polar` is called with."""

    dim: int
    n_directions: int
    scales: NDArray
    radius: float
    step: float
    margin: float
    center: NDArray
    scale_weights: NDArray | None = None


def choose_polar(
    field: GridField | SampleField | GaussianMixture,
    activation: str | Activation,
    ridgelet: Ridgelet,
    tol: float,
    *,
    n_directions: int | None = None,
    bandwidth: float | None = None,
    dual: str = "plain",
    quiet: bool = False,
) -> tuple[PolarChoice, float]:
    """The choice of :meth:`ParameterGrid.for_field`, and the tolerance that the samples allow.

    ``quiet``: without a word about the samples.
    """
    activation, ridgelet = _activation(activation), as_ridgelet(ridgelet)
    tol = finite_number(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
    if tol < _LEAST:
        raise ValueError(f"`tol` must be at least {_LEAST:g}, as rounding is, got {tol:g}")
    source = _with_energy(field, activation, ridgelet, bandwidth, dual)
    admissibility(activation, ridgelet)
    mixture = isinstance(source, GaussianMixture)
    center = np.asarray(source.mean if mixture else source.center, float)  # type: ignore[union-attr]
    pilot, area = directions(field.dim, PILOT_DIRECTIONS.get(field.dim, 200))
    slices = fourier_slices(source, pilot, center, 1e-2 * tol)
    k, energy = slices.radial_energy(area, field.dim)
    floor = slices.unresolved
    if floor > UNSAID * tol and not quiet and isinstance(source, GridField):
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
    choice = polar_for_energy(
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
    return choice, tol


def _with_energy(
    field: GridField | SampleField | GaussianMixture,
    activation: Activation,
    ridgelet: Ridgelet,
    bandwidth: float | None,
    dual: str,
) -> GridField | GaussianMixture | SmoothedSamples:
    """The field, if it has an energy and goes with activation, ridgelet and dual."""
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
    return source


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
    factor = (floor / (UNSAID * tol)) ** (1 / rate)
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


def polar_for_energy(
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
) -> PolarChoice:
    """The polar grid for a field of this energy by wave number in this ball."""
    dim = len(center)
    constant = admissibility(activation, ridgelet)
    total = float(energy.sum())
    if total == 0:
        # Nothing to represent: any grid does.
        two = np.array([1 / radius, 2 / radius])
        return PolarChoice(dim, 1, two, radius, 0.5, 8.0, center)
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
    return PolarChoice(dim, n_directions, scales, radius, step, margin, center, weights)


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
        realised = discrete_transfer(scales, trapezoid(scales), activation, ridgelet, k)
        error = weighted(realised / constant - 1)
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
    area = half_sphere_area(ridgelet.dim)
    top = float(k[np.flatnonzero(np.cumsum(energy[::-1])[::-1] > outside**2)[-1]])

    def amplification(scales: NDArray, at: NDArray) -> NDArray:
        with np.errstate(divide="ignore", over="ignore"):
            return constant / discrete_transfer(scales, trapezoid(scales), activation, ridgelet, at)

    for per_octave in (1, 1.5, 2, 3, 4, 6, 8, 12, 16, 24, 32):
        ratio = 2.0 ** (1 / per_octave)
        octave = np.geomspace(1.0, 2.0, 33)
        wide = np.arange(-20.0 * per_octave, 20.0 * per_octave + 1)
        if amplification(ratio**wide, octave).max() < _RIPPLE:
            break
    # The highest scale is the least that needs no more than this at the highest wave number.
    highest = top
    below = ratio ** np.arange(-8.0 * per_octave, 1.0)
    while amplification(highest * below, np.full(1, top)) > _AT_TOP:
        highest *= 2.0**0.25
    while amplification(highest * below, np.full(1, top)) < _AT_TOP:
        highest *= 2.0**-0.25
    highest *= 2.0**0.25
    count = 4
    while count <= _OCTAVES * per_octave:
        scales = highest * ratio ** np.arange(-count, 1.0)
        covered = np.append(amplification(scales, k) <= _BELOW, True)
        uncovered = np.arange(len(k)) < int(np.argmax(covered))
        if local_norm(record, uncovered, ridgelet.dim, radius, area) <= outside:
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
