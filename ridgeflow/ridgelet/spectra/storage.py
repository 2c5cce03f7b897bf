"""Spectra as files, which keep every bit and the provenance."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._checkpoint import Part
from ridgeflow._storage import open_archive, save_archive
from ridgeflow._validate import increasing, instance_of, non_negative, one_of, positive
from ridgeflow.errors import FileFormatError
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.field_record import FieldRecord, norm_of_energy
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid, count_offsets
from ridgeflow.ridgelet.spectra.provenance import Provenance

__all__ = [
    "KINDS",
    "POLAR_LENGTHS",
    "Parts",
    "polar_grid",
    "read_spectrum",
    "record_from",
    "record_parts",
    "said",
    "save_spectrum",
]

# Values, grid, ridgelet, record and provenance: what Spectrum is called with.
Parts = tuple[NDArray, ParameterGrid, Ridgelet, FieldRecord | None, Provenance | None]

KINDS = ("polar", "cartesian", "nodes")
POLAR_LENGTHS = ("radius", "step", "margin")
_RECORD_ARRAYS = ("wave_numbers", "energy", "check")
_POLAR_ARRAYS = ("directions", "direction_weights", "scales", "scale_weights", "center")


def save_spectrum(
    spectrum: NodeValues, provenance: Provenance | None, path: str | os.PathLike
) -> None:
    """See :meth:`Spectrum.save`."""
    grid = spectrum.grid
    words, arrays = value_parts(spectrum, provenance)
    header: dict[str, Any] = {"grid": grid.kind, "ridgelet": spectrum.ridgelet.to_dict()}
    if grid.kind == "polar":
        header |= {name: getattr(grid, name) for name in POLAR_LENGTHS}
        arrays |= {name: getattr(grid, name) for name in _POLAR_ARRAYS}
    elif grid.kind == "cartesian":
        arrays |= {f"axis{i}": axis for i, axis in enumerate(grid.axes)}
    else:
        arrays |= {"a": grid.a, "b": grid.b}
    save_archive(path, "spectrum", header | words, arrays)


def value_parts(spectrum: NodeValues, provenance: Provenance | None) -> Part:
    """Everything of a spectrum but its grid and its ridgelet."""
    words: dict[str, Any] = {}
    arrays: dict[str, NDArray] = {"values": spectrum.values}
    if spectrum.record is not None:
        words["record"], parts = record_parts(spectrum.record)
        arrays |= {f"record_{name}": part for name, part in parts.items()}
    if provenance is not None:
        words["provenance"] = provenance.to_dict()
    return words, arrays


def values_from(
    words: Mapping[str, Any], arrays: Mapping[str, NDArray], grid: ParameterGrid
) -> tuple[NDArray, FieldRecord | None, Provenance | None]:
    """Values, record and history of these parts."""
    record = None
    if "record" in words:
        parts = {name: arrays[f"record_{name}"] for name in _RECORD_ARRAYS}
        record = record_from(words["record"], parts, grid)
    provenance = None
    if "provenance" in words:
        provenance = Provenance.from_dict(words["provenance"])
    return arrays["values"], record, provenance


def read_spectrum(path: str | os.PathLike) -> Parts:
    """The parts of a spectrum, see :func:`load_spectrum`."""
    with open_archive(path, "spectrum") as archive:
        header = archive.header
        try:
            ridgelet = Ridgelet.from_dict(instance_of(header["ridgelet"], "ridgelet", dict))
            kind = one_of(header["grid"], "grid", KINDS)
            if kind == "cartesian":
                axes = [archive[f"axis{i}"] for i in range(ridgelet.dim + 1)]
                grid = ParameterGrid.cartesian(axes[:-1], axes[-1])
            elif kind == "nodes":
                grid = ParameterGrid.nodes(archive["a"], archive["b"])
            else:
                lengths = {name: header[name] for name in POLAR_LENGTHS}
                grid = polar_grid(lengths, {name: archive[name] for name in _POLAR_ARRAYS})
            values, record, provenance = values_from(header, archive, grid)
            held = NodeValues(values, grid, ridgelet, record)
            return held.values, grid, ridgelet, record, provenance
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            if isinstance(error, FileFormatError):
                raise
            raise FileFormatError(
                f"{os.fspath(path)!r} holds no whole spectrum: {said(error)}"
            ) from None


def record_parts(record: FieldRecord) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Scalars and arrays of a record."""
    every = {part.name: getattr(record, part.name) for part in fields(record)}
    arrays = {name: value for name, value in every.items() if isinstance(value, np.ndarray)}
    scalars = {name: value for name, value in every.items() if name not in arrays}
    return scalars, arrays


def record_from(scalars: Any, parts: dict[str, NDArray], grid: ParameterGrid) -> FieldRecord:
    """The record of scalars and arrays, whose norm must be that of its energies."""
    # JSON knows lists only.
    whole: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in instance_of(scalars, "record", dict).items()
    }
    record = FieldRecord(**whole, **parts)  # type: ignore[arg-type]
    norm = norm_of_energy(record.energy, grid.dim)
    if abs(norm - record.norm) > 1e-6 * record.norm:
        raise ValueError(f"the energies of a field of norm {record.norm:g} make {norm:g}")
    check = record.check
    if check.ndim != 2 or check.shape[1] < grid.dim + 2 or not np.isfinite(check).all():
        raise ValueError(
            "the check of a record must hold weights, points and values, got an array of shape "
            f"{check.shape}"
        )
    return record


def polar_grid(lengths: dict[str, float], arrays: dict[str, NDArray]) -> ParameterGrid:
    """The grid of these parts, which its constructor checks."""
    unit, scales = arrays["directions"], arrays["scales"]
    if unit.ndim != 2 or scales.ndim != 1 or not unit.size or not scales.size:
        raise ValueError(
            "`directions` must have shape (U, m) and `scales` (S,), got "
            f"{unit.shape} and {scales.shape}"
        )
    radius, step = positive(lengths["radius"], "radius"), positive(lengths["step"], "step")
    margin = non_negative(lengths["margin"], "margin")
    half = count_offsets(increasing(scales, "scales"), radius, margin, step)
    return ParameterGrid(
        kind="polar",
        dim=unit.shape[1],
        size=len(unit) * int((2 * half + 1).sum()),
        radius=radius,
        step=step,
        margin=margin,
        **arrays,  # type: ignore[arg-type]
    )


def said(error: Exception) -> str:
    """What an error says, and of a missing key that it is missing."""
    return f"no {error}" if isinstance(error, KeyError) else str(error)
