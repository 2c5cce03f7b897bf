"""The choice of a polar grid from a tolerance: scales, offsets and directions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import finite_number, positive_int
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility, transfer_function
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.error_budget import discrete_transfer, tail_amplification
from ridgeflow.transforms.geometry import ParameterGrid, directions
from ridgeflow.transforms.slices import ball_about, fourier_slices

__all__ = ["common_grid", "polar_grid_for"]

PILOT_DIRECTIONS = {1: 1, 2: 48, 3: 120}
_OCTAVES = 60


def polar_grid_for(
    field: GridField | GaussianMixture,
    activation: Activation,
    ridgelet: Ridgelet,
    tol: float,
    *,
    n_directions: int | None = None,
) -> ParameterGrid:
    """See :meth:`ParameterGrid.for_field`."""
    tol = finite_number(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
    if not isinstance(field, (GridField, GaussianMixture)):
        raise TypeError(
            "`field` must be a GridField or a GaussianMixture, got "
            f"{type(field).__name__} (smooth scattered samples with kernel_density, or build a "
            "grid with ParameterGrid.polar)"
        )
    if ridgelet.dim != field.dim:
        raise ValueError(
            f"`ridgelet` must have the dimension {field.dim} of the field, got {ridgelet.dim}"
        )
    constant = admissibility(activation, ridgelet)
    dim = field.dim
    center = np.asarray(field.center if isinstance(field, GridField) else field.mean, float)
    radius = ball_about(field, center, 1e-2 * tol)
    pilot, area = directions(dim, PILOT_DIRECTIONS.get(dim, 200))
    k, energy = fourier_slices(field, pilot, center, 1e-2 * tol).radial_energy(area, dim)
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
    else:
        scales = _log_scales(activation, ridgelet, constant, k, weighted, tol)
    step = float(np.clip(np.pi / ridgelet.bandlimit(1e-2 * tol), 0.05, 0.6))
    margin = ridgelet.decay_radius(1e-2 * tol)
    margin = ridgelet.decay_radius(1e-2 * tol / tail_amplification(activation, ridgelet, margin))
    if n_directions is None:
        n_directions = direction_count(dim, top * radius, tol)
    else:
        n_directions = positive_int(n_directions, "n_directions")
    return ParameterGrid.polar(
        dim, n_directions, scales, radius, step, margin=margin, center=center, scale_weights=weights
    )


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
