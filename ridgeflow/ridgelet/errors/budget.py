"""Error budgets of reconstructions: what is measured, shared among what is predicted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import squares
from ridgeflow.geometry import ball_volume
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility, transfer_function
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.backprojection import total_of
from ridgeflow.ridgelet.errors.check_points import check_parts, rms_bound
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual
from ridgeflow.ridgelet.grids.field_record import FieldRecord, local_norm
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.grids.transfer import discrete_transfer, response_radius
from ridgeflow.ridgelet.sums.fourier_profiles import spectrum_profiles

__all__ = ["ErrorBudget", "spectrum_budget"]

# Places in the ball at which the response of far neurons is taken.
_PLACES = 12


@dataclass(frozen=True)
class ErrorBudget:
    """Errors of a reconstruction by source, as upper bounds: L2 over the grid's ball, relative to
    the field.

    Attributes
    ----------
    total : float
        Of the integral representation (``reconstruct(method="fast")``): the sum of truncation,
        quadrature, directions and sampling.
    truncation : float
        Scales below the lowest and above the highest of the grid.
    quadrature : float
        The trapezoid rule in the logarithm of the scale, the finite range of offsets and their
        step.
    directions : float
        The finite set of directions.
    sampling : float
        What the samples of the field do not resolve.
    kink : float
        What the direct sum over offsets adds on top of ``total`` where the activation has a kink or
        a jump; below rounding for smooth activations.

    Examples
    --------
    >>> ErrorBudget(0.3, 0.1, 0.1, 0.1, 0.0, 0.0).total
    0.3
    """

    total: float
    truncation: float
    quadrature: float
    directions: float
    sampling: float
    kink: float


def spectrum_budget(
    spectrum: NodeValues,
    activation: Activation,
    dual: CorrectedDual | None = None,
    *,
    measure: bool = True,
    kink: bool = True,
) -> ErrorBudget:
    """See :meth:`Spectrum.error_budget`; the spectrum has a record and a polar grid.

    Without ``measure`` the budget is predicted from the record alone, and nothing is reconstructed;
    without ``kink`` that part is 0, and the values of the spectrum are not visited.
    """
    record = spectrum.record
    assert record is not None
    constant = admissibility(activation, spectrum.ridgelet)
    if record.energy.sum() == 0:
        return ErrorBudget(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    truncation, quadrature, turned = _predicted(spectrum, activation, constant, dual)
    if measure and len(record.check):
        measured = _measured(spectrum, activation, dual)
        # What was predicted tells the sources apart as far as it was right.
        turned = min(turned, measured)
        truncation = min(truncation, measured - turned)
        quadrature = measured - turned - truncation
    return ErrorBudget(
        truncation + quadrature + turned + record.sampling,
        truncation,
        quadrature,
        turned,
        record.sampling,
        _kink(spectrum, activation, constant, record.norm) if kink else 0.0,
    )


def _measured(spectrum: NodeValues, activation: Activation, dual: CorrectedDual | None) -> float:
    """Upper bound of the relative L2 error at the points of the record's check."""
    assert spectrum.record is not None
    weight, points, truth = check_parts(spectrum.record.check, spectrum.dim)
    radius = 1.0001 * float(np.linalg.norm(points - spectrum.grid.center, axis=1).max())
    radius = max(radius, 1e-3 * spectrum.grid.radius)
    found = total_of(spectrum_profiles(spectrum, activation, radius, corrected=dual), points)
    return rms_bound(((found - truth) ** 2).sum(axis=1), weight)[1]


def _predicted(
    spectrum: NodeValues, activation: Activation, constant: float, dual: CorrectedDual | None
) -> tuple[float, float, float]:
    """Truncation, quadrature and directions, from the energy of the field and the ends of its
    spectrum."""
    grid, ridgelet, record = spectrum.grid, spectrum.ridgelet, spectrum.record
    assert record is not None
    k = record.wave_numbers
    largest = 1.0 if dual is None else dual.largest
    if dual is not None:
        truncation, quadrature = dual.lost, 0.0
    else:
        kept = transfer_function(
            activation,
            ridgelet,
            k,
            a_max=float(grid.scales[-1]),
            # A single frequency meets the lowest wave numbers by its quadrature, not by a cut.
            a_min=0.0 if activation.point_masses else float(grid.scales[0]),
        )
        truncation = local_norm(record, kept / constant - 1, *grid.ball)
        if activation.point_masses:
            quadrature = max(record.single_frequency - truncation - record.directions, 0.0)
        else:
            realised = discrete_transfer(grid.scales, grid.log_steps, activation, ridgelet, k)
            quadrature = local_norm(record, (realised - kept) / constant, *grid.ball)
    quadrature += largest * _alias(grid, record, activation, ridgelet, constant)
    quadrature += _leak(grid, record, activation, ridgelet, constant, dual)
    return truncation, quadrature, record.directions


def _leak(
    grid: ParameterGrid,
    record: FieldRecord,
    activation: Activation,
    ridgelet: Ridgelet,
    constant: float,
    dual: CorrectedDual | None,
) -> float:
    """What neurons that are missing beyond the offsets would add within the ball.

    All of the ball is at least the margin away from them. Where eta decays only the first of them
    reach it; where it does not, all do, with their sum.
    """
    if activation.point_masses or not record.leaks:
        return 0.0
    weight = 2 * grid.scale_weights * float(grid.direction_weights.sum())
    value = 0.0
    if activation.origin_order < 1 and activation.base != "dirac":
        nearest = abs(float(activation.parity_part(grid.margin)))
        value = float(weight @ np.array(record.edges)) * nearest
    if activation.origin_order >= 1 or dual is not None:
        height = _far_responses(grid, activation, ridgelet, dual)
        value += float((weight * record.leaks) @ height)
    return value / abs(constant) * float(np.sqrt(ball_volume(grid.dim, grid.radius)))


def _far_responses(
    grid: ParameterGrid, activation: Activation, ridgelet: Ridgelet, dual: CorrectedDual | None
) -> NDArray[np.float64]:
    """For each scale the RMS over the ball of a neuron just beyond the offsets, as reconstruction
    on the Fourier side sees it: periodic, and without frequency 0."""
    extra = response_radius(activation, ridgelet) + (0.0 if dual is None else dual.reach)
    highest = min(np.pi / grid.step, ridgelet.bandlimit(1e-17))
    heights = np.empty(len(grid.scales))
    for s, rho in enumerate(grid.scales):
        reach = float(rho) * grid.radius
        step = 2 * np.pi / (3 * reach + 2 * grid.margin + extra)
        omega = step * np.arange(1, int(highest / step) + 1)
        response = activation.fourier(omega) * (step / np.pi)
        if dual is not None:
            response = response * dual(rho * omega)
        z = grid.margin + 2 * reach * (np.arange(_PLACES) + 0.5) / _PLACES
        seen = (np.exp(1j * np.outer(z, omega)) @ response).real
        heights[s] = np.sqrt((seen**2).mean())
    return heights


def _alias(
    grid: ParameterGrid,
    record: FieldRecord,
    activation: Activation,
    ridgelet: Ridgelet,
    constant: float,
) -> float:
    """What frequencies beyond pi/step cost, by being absent and by appearing below it."""
    if activation.point_masses:
        return 0.0
    highest = np.pi / grid.step
    ratio = record.wave_numbers[:, None] / grid.scales
    beyond = ratio > highest
    if not beyond.any():
        return 0.0
    omega = np.where(beyond, ratio, highest)
    # A frequency shows itself at its mirror image; none below a twentieth of the highest counts.
    image = np.clip(2 * highest - omega, 0.05 * highest, highest)
    seen = np.abs(activation.fourier(omega)) + np.abs(activation.fourier(image))
    kernel = np.abs(ridgelet.fourier(omega)) * seen * omega ** (1.0 - grid.dim)
    both = np.where(beyond, kernel, 0.0) @ grid.log_steps
    factor = 2 * (2 * np.pi) ** (grid.dim - 1) * both / constant
    return local_norm(record, factor, *grid.ball)


def _kink(
    spectrum: NodeValues, activation: Activation, constant: float, field_norm: float
) -> float:
    # The sum over offsets b_k of gamma(b_k) eta(z - b_k) differs from the integral by images of
    # eta at the frequencies 2 pi l/step: a term gamma(z) * sum_l eta^(2 pi l/step) e^{...}. Its
    # phases are incoherent between directions and scales where rho * radius exceeds the step.
    grid = spectrum.grid
    if activation.point_masses:
        return 0.0
    order = np.arange(1, 200)
    image = np.abs(activation.fourier(2 * np.pi * order / grid.step)) ** 2
    rms = float(np.sqrt(2 * image.sum()))
    square = 0.0
    for s, rho in enumerate(grid.scales):
        power = squares(spectrum.at_scale(s).reshape(len(grid.directions), -1))
        weight = 2 * grid.direction_weights * grid.scale_weights[s]
        # Mean over the chord of each direction of |gamma|^2, times the volume of the ball.
        mean = power.sum(axis=1) * grid.step / (2 * rho * grid.radius + 2 * grid.margin)
        coherent = min(1.0, grid.step / (rho * grid.radius))
        square += float((weight**2) @ mean)
        square += coherent * float(weight @ np.sqrt(mean)) ** 2
    volume = ball_volume(grid.dim, grid.radius)
    return float(2 * rms * np.sqrt(square * volume) / (abs(constant) * field_norm))
