"""Warnings of reconstructions whose grid loses what it need not lose."""

from __future__ import annotations

import warnings

from ridgeflow.errors import AccuracyWarning
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.errors.budget import spectrum_budget
from ridgeflow.ridgelet.grids.choice import UNSAID, polar_for_energy
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["warn_of_lost_energy"]

# Share of the energy that may be lost without a word, and the tolerance of the grid that is named.
_NOTICEABLE, _SUGGESTED = 0.01, 0.01


def warn_of_lost_energy(
    spectrum: NodeValues, activation: Activation, dual: CorrectedDual | None
) -> None:
    """Warn where a grid loses a noticeable share of its field's energy, with one that would not.

    What there is to say is worked out once for a spectrum, an activation and a dual.
    """
    key = (activation, None if dual is None else (dual.band, dual.largest))
    if key not in spectrum.words:
        spectrum.words[key] = _loss(spectrum, activation, dual)
    if said := spectrum.words[key]:
        warnings.warn(said, AccuracyWarning, stacklevel=5)


def _loss(spectrum: NodeValues, activation: Activation, dual: CorrectedDual | None) -> str:
    """What the grid loses, in words; nothing where that is little."""
    record, grid = spectrum.record, spectrum.grid
    if record is None or grid.kind != "polar" or record.energy.sum() == 0:
        return ""
    budget = spectrum_budget(spectrum, activation, dual, measure=False, kink=False)
    parts = {
        "scales": budget.truncation,
        "scales, offsets or step": budget.quadrature,
        "directions": budget.directions,
    }
    lost = sum(parts.values()) ** 2
    if lost <= _NOTICEABLE:
        if grid.tol is not None and sum(parts.values()) + budget.sampling > grid.tol:
            return _miss(spectrum, activation, dual, grid.tol)
        return ""
    share = f"{100 * lost:.2g} %" if lost < 1 else "all"
    try:
        choice = polar_for_energy(
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
        better = ParameterGrid.polar(**choice._asdict())
        advice = (
            f"ParameterGrid.for_field(..., tol={_SUGGESTED:g}) would take "
            f"{len(better.directions)} directions, {len(better.scales)} scales from "
            f"{better.scales[0]:.3g} to {better.scales[-1]:.3g}, radius {better.radius:.3g}, step "
            f"{better.step:.2g} and margin {better.margin:.3g}"
        )
    return (
        f"this grid loses about {share} of the field's energy, most by its "
        f"{max(parts, key=lambda name: parts[name])} (Spectrum.error_budget tells more): {advice}"
    )


def _miss(
    spectrum: NodeValues, activation: Activation, dual: CorrectedDual | None, tol: float
) -> str:
    """By how much a reconstruction misses what its grid was chosen for, beyond its samples.

    What was predicted may overstate, so that the error is measured first.
    """
    budget = spectrum_budget(spectrum, activation, dual, kink=False)
    # Of larger errors of the samples the choice of the grid has told.
    told = budget.sampling if budget.sampling > UNSAID * tol else 0.0
    error = budget.total - told
    if error <= tol:
        return ""
    return (
        f"the reconstruction has a relative L2 error of up to {error:.1e}, more than tol = {tol:g} "
        "that its grid was chosen for (take a smaller tol for the grid, and for the transform)"
    )
