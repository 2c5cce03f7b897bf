"""Ridgelet transforms of many fields on the same nodes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ridgeflow.fields.grid import GridField
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.fourier_slices import fourier_slices
from ridgeflow.ridgelet.errors.diagnostics import field_check
from ridgeflow.ridgelet.grids.field_record import FieldRecord
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.provenance import transformed
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.transform import _as_field, _from_slices

__all__ = ["transform_like"]


def transform_like(
    field: GridField, ridgelet: Ridgelet, grid: ParameterGrid, tol: float, like: FieldRecord
) -> Spectrum:
    """The transform on a polar grid whose directions were tested on another field already.

    ``like`` is the record of a spectrum on this grid; energy, norm and samples are this field's.
    """
    slices = fourier_slices(field, grid.directions, grid.center, tol)
    values = _as_field(_from_slices(slices, ridgelet, grid, tol), field)
    k, energy = slices.radial_energy(grid.direction_weights, grid.dim)
    norm = float(np.sqrt(2 * energy.sum() / (2 * np.pi) ** grid.dim))
    record = replace(
        like,
        tol=tol,
        wave_numbers=k,
        energy=energy,
        norm=norm,
        sampling=slices.unresolved,
        blur=slices.blur,
        check=field_check(field, grid, norm),
    )
    return Spectrum(values, grid, ridgelet, record, transformed(field, "slice", tol, None))
