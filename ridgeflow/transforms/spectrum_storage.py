"""Spectra as files and as labelled datasets, both of which keep every bit and the provenance."""

from __future__ import annotations

import json
import os
from dataclasses import fields
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import load_archive, save_archive
from ridgeflow._validate import fits_in_memory, one_of
from ridgeflow.errors import FileFormatError, MissingDependencyError
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.error_budget import FieldRecord
from ridgeflow.transforms.geometry import ParameterGrid, count_offsets
from ridgeflow.transforms.provenance import Provenance
from ridgeflow.transforms.spectrum import Spectrum

if TYPE_CHECKING:
    import xarray

__all__ = ["from_dataset", "load_spectrum", "save_spectrum", "to_dataset"]

_FORMAT = "ridgeflow spectrum 1"
_POLAR_ARRAYS = ("directions", "direction_weights", "scales", "scale_weights", "center")
_POLAR_LENGTHS = ("radius", "step", "margin")
_LAYOUTS = ("auto", "padded", "ragged")


def save_spectrum(spectrum: Spectrum, path: str | os.PathLike) -> None:
    """See :meth:`Spectrum.save`."""
    grid = spectrum.grid
    arrays: dict[str, NDArray] = {"values": spectrum.values}
    header: dict[str, Any] = {"grid": grid.kind, "ridgelet": spectrum.ridgelet.to_dict()}
    if grid.kind == "polar":
        header |= {name: getattr(grid, name) for name in _POLAR_LENGTHS}
        arrays |= {name: getattr(grid, name) for name in _POLAR_ARRAYS}
    elif grid.kind == "cartesian":
        arrays |= {f"axis{i}": axis for i, axis in enumerate(grid.axes)}
    else:
        arrays |= {"a": grid.a, "b": grid.b}
    if spectrum.record is not None:
        header["record"], parts = _record_parts(spectrum.record)
        arrays |= {f"record_{name}": part for name, part in parts.items()}
    if spectrum.provenance is not None:
        header["provenance"] = spectrum.provenance.to_dict()
    save_archive(path, "spectrum", header, arrays)


def load_spectrum(path: str | os.PathLike) -> Spectrum:
    """Read a spectrum that :meth:`Spectrum.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Spectrum
        Equal to the saved one bit by bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, malformed, or holds something else.

    Examples
    --------
    >>> import os, tempfile
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), (np.ones((3, 1)), np.zeros(3)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "s.npz")
    ...     s.save(path)
    ...     bool(np.array_equal(load_spectrum(path).values, s.values))
    True
    """
    header, arrays = load_archive(path, "spectrum")
    try:
        ridgelet = Ridgelet.from_dict(header["ridgelet"])
        kind = header["grid"]
        if kind == "cartesian":
            axes = [arrays[f"axis{i}"] for i in range(ridgelet.dim + 1)]
            grid = ParameterGrid.cartesian(axes[:-1], axes[-1])
        elif kind == "nodes":
            grid = ParameterGrid.nodes(arrays["a"], arrays["b"])
        else:
            grid = _polar_grid(
                {name: header[name] for name in _POLAR_LENGTHS},
                {name: arrays[name] for name in _POLAR_ARRAYS},
            )
        record = None
        if "record" in header:
            prefix = "record_"
            parts = {
                name.removeprefix(prefix): part
                for name, part in arrays.items()
                if name.startswith(prefix)
            }
            record = _record(header["record"], parts)
        history = header.get("provenance")
        provenance = None if history is None else Provenance.from_dict(history)
        return Spectrum(arrays["values"], grid, ridgelet, record, provenance)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        raise FileFormatError(
            f"{os.fspath(path)!r} holds no whole spectrum: {_said(error)}"
        ) from None


def to_dataset(spectrum: Spectrum, layout: str, split_complex: bool) -> xarray.Dataset:
    """See :meth:`Spectrum.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise MissingDependencyError(
            "to_xarray needs xarray: pip install 'ridgeflow[io]'"
        ) from None
    one_of(layout, "layout", _LAYOUTS)
    grid = spectrum.grid
    if layout != "auto" and grid.kind != "polar":
        raise ValueError(
            f"`layout` must be 'auto' for {grid.kind} nodes, got {layout!r} (only polar grids have "
            "a choice)"
        )
    if grid.kind == "polar":
        equal = len(set(grid.half_counts.tolist())) == 1
        if layout == "padded" or (layout == "auto" and equal):
            dims, values, coords, rest = _by_offset(spectrum)
        else:
            dims, values, coords, rest = _by_node(spectrum)
        for name, long_name in (
            ("direction_weights", "quadrature weight of the half sphere"),
            ("scale_weights", "quadrature weight of scale^(m-1) d scale"),
        ):
            rest[name] = ((name.partition("_")[0],), getattr(grid, name), {"long_name": long_name})
        rest["center"] = (("axis",), grid.center, {"long_name": "center of the ball of the field"})
        coords["direction"] = (("direction",), np.arange(len(grid.directions), dtype=np.int32))
        coords["u"] = (("direction", "axis"), grid.directions, {"long_name": "direction"})
        if grid.dim == 2:
            angle = np.degrees(np.arctan2(grid.directions[:, 1], grid.directions[:, 0]))
            coords["angle"] = (("direction",), angle, {"units": "degree"})
        coords["scale"] = (("scale",), grid.scales, {"long_name": "scale |a|"})
    elif grid.kind == "cartesian":
        dims = (*(f"a{i + 1}" for i in range(grid.dim)), "b")
        values = spectrum.values.reshape(
            *(len(axis) for axis in grid.axes), *spectrum.component_shape
        )
        coords = {name: ((name,), axis) for name, axis in zip(dims, grid.axes, strict=True)}
        rest = {}
    else:
        dims, values, rest = ("node",), spectrum.values, {}
        coords = {"a": (("node", "axis"), grid.a), "b": (("node",), grid.b)}
    if spectrum.component_shape:
        dims = (*dims, "component")
    variables: dict[str, Any] = dict(rest)
    said = {"long_name": "R[f;psi](a, b)"}
    if np.iscomplexobj(values) and split_complex:
        variables["values_real"] = (dims, values.real, said)
        variables["values_imag"] = (dims, values.imag, said)
    else:
        variables["values"] = (dims, values, said)
    attributes = _attributes(spectrum)
    if spectrum.record is not None:
        scalars, parts = _record_parts(spectrum.record)
        attributes["record"] = json.dumps(scalars)
        variables |= {f"record_{name}": (("wave_number",), part) for name, part in parts.items()}
    return xarray.Dataset(variables, coords, attributes)


def from_dataset(dataset: xarray.Dataset) -> Spectrum:
    """See :meth:`Spectrum.from_xarray`."""
    attributes = getattr(dataset, "attrs", None)
    if attributes is None or attributes.get("format") != _FORMAT:
        got = type(dataset).__name__ if attributes is None else f"attributes {sorted(attributes)}"
        raise ValueError(
            f"`dataset` must be one that Spectrum.to_xarray made, with its attributes, got {got} "
            "(arithmetic keeps attributes under xarray.set_options(keep_attrs=True))"
        )
    try:
        ridgelet = Ridgelet.from_dict(json.loads(attributes["ridgelet"]))
        kind = attributes["grid"]
        if "values" in dataset:
            array = dataset["values"]
        else:
            array = dataset["values_real"] + 1j * dataset["values_imag"]
        if kind == "cartesian":
            names = [*(f"a{i + 1}" for i in range(ridgelet.dim)), "b"]
            axes = [dataset[name].values for name in names]
            grid = ParameterGrid.cartesian(axes[:-1], axes[-1])
        elif kind == "nodes":
            names = ["node"]
            a = dataset["a"].transpose("node", "axis").values
            grid = ParameterGrid.nodes(a, dataset["b"].values)
        else:
            grid = _polar_grid(
                {name: float(attributes[name]) for name in _POLAR_LENGTHS},
                {
                    "directions": dataset["u"].transpose("direction", "axis").values,
                    "scales": dataset["scale"].values,
                    **{
                        name: dataset[name].values
                        for name in ("direction_weights", "scale_weights", "center")
                    },
                },
            )
            names = ["node"] if "node" in array.dims else ["scale", "direction", "offset"]
        values = array.transpose(*names, ...).values
        if "offset" in names:
            values = _without_padding(values, grid, dataset["offset"].values)
        else:
            values = values.reshape(-1, *values.shape[len(names) :])
        record = None
        if "record" in attributes:
            parts = {
                str(name).removeprefix("record_"): dataset[name].values
                for name in dataset.data_vars
                if str(name).startswith("record_")
            }
            record = _record(json.loads(attributes["record"]), parts)
        provenance = None
        if "provenance" in attributes:
            provenance = Provenance.from_dict(json.loads(attributes["provenance"]))
    except (KeyError, IndexError, TypeError) as error:
        raise ValueError(
            f"`dataset` must hold all that Spectrum.to_xarray wrote, got one in which something is "
            f"missing: {_said(error)}"
        ) from None
    return Spectrum(values, grid, ridgelet, record, provenance)


def _by_offset(spectrum: Spectrum) -> tuple[tuple[str, ...], NDArray, dict, dict]:
    """Direction x scale x offset, NaN beyond the last offset of a scale."""
    grid = spectrum.grid
    half = int(grid.half_counts.max())
    count, rest = 2 * half + 1, spectrum.component_shape
    shape = (len(grid.scales), len(grid.directions), count, *rest)
    if int(grid.half_counts.min()) == half:
        values = spectrum.values.reshape(shape)
    else:
        fits_in_memory(
            float(spectrum.values.itemsize * np.prod(shape, dtype=float)),
            f"a padded spectrum of {count} offsets for each direction and scale",
            "take layout='ragged', or raise memory_budget",
        )
        hole = complex(np.nan, np.nan) if np.iscomplexobj(spectrum.values) else np.nan
        values = np.full(shape, hole, spectrum.values.dtype)
        for s, n in enumerate(grid.half_counts.tolist()):
            values[s, :, half - n : half + n + 1] = spectrum.at_scale(s)
    offset = grid.step * np.arange(-half, half + 1)
    coords = {"offset": (("offset",), offset, {"long_name": "offset b - a.center"})}
    return ("direction", "scale", "offset"), np.swapaxes(values, 0, 1), coords, {}


def _by_node(spectrum: Spectrum) -> tuple[tuple[str, ...], NDArray, dict, dict]:
    """One row for each node, with its direction and scale by number."""
    grid = spectrum.grid
    fits_in_memory(
        28.0 * grid.size,
        f"a dataset of {grid.size} nodes",
        "take fewer directions, scales or offsets, or raise memory_budget",
    )
    counts = 2 * grid.half_counts + 1
    n_directions = len(grid.directions)
    scale = np.repeat(np.arange(len(counts), dtype=np.int32), n_directions * counts)
    direction = np.concatenate(
        [np.repeat(np.arange(n_directions, dtype=np.int32), n) for n in counts.tolist()]
    )
    numbers = {"long_name": "position along direction"}, {"long_name": "position along scale"}
    coords = {
        "node_direction": (("node",), direction, numbers[0]),
        "node_scale": (("node",), scale, numbers[1]),
        "b": (("node",), grid.b, {"long_name": "offset b"}),
    }
    weights = {"long_name": "quadrature weight of da db"}
    return ("node",), spectrum.values, coords, {"weights": (("node",), grid.weights, weights)}


def _without_padding(values: NDArray, grid: ParameterGrid, offsets: NDArray) -> NDArray:
    """Values (scale, direction, offset, ...) as rows, one for each node."""
    half = int(grid.half_counts.max())
    expected = grid.step * np.arange(-half, half + 1)
    if offsets.shape != expected.shape or not np.allclose(offsets, expected, rtol=1e-9, atol=0):
        raise ValueError(
            f"`dataset` must hold the {len(expected)} offsets of its grid in equal steps of "
            f"{grid.step:g}, got {len(offsets)} (select directions or scales, not offsets)"
        )
    return np.concatenate(
        [
            values[s, :, half - n : half + n + 1].reshape(-1, *values.shape[3:])
            for s, n in enumerate(grid.half_counts.tolist())
        ]
    )


def _attributes(spectrum: Spectrum) -> dict[str, Any]:
    """Scalars and strings, which every format of files can hold."""
    grid, ridgelet, history = spectrum.grid, spectrum.ridgelet, spectrum.provenance
    found: dict[str, Any] = {"format": _FORMAT, "grid": grid.kind, "psi": repr(ridgelet)}
    found["ridgelet"] = json.dumps(ridgelet.to_dict())
    if grid.kind == "polar":
        found |= {name: float(getattr(grid, name)) for name in _POLAR_LENGTHS}
    if history is not None:
        found["history"] = "\n".join(history.steps)
        found["ridgeflow_version"] = history.version
        found["field"] = "; ".join(origin.describe() for origin in history.fields)
        found["field_digest"] = "; ".join(origin.digest for origin in history.fields)
        found["method"] = "; ".join(dict.fromkeys(origin.method for origin in history.fields))
        found["tolerance"] = max(origin.tol for origin in history.fields)
        found["provenance"] = json.dumps(history.to_dict())
    return found


def _record_parts(record: FieldRecord) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Scalars and arrays of a record."""
    every = {part.name: getattr(record, part.name) for part in fields(record)}
    arrays = {name: value for name, value in every.items() if isinstance(value, np.ndarray)}
    scalars = {name: value for name, value in every.items() if name not in arrays}
    return scalars, arrays


def _record(scalars: dict[str, Any], parts: dict[str, Any]) -> FieldRecord:
    # JSON knows lists only.
    whole: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in scalars.items()}
    return FieldRecord(**whole, **parts)


def _polar_grid(lengths: dict[str, float], arrays: dict[str, NDArray]) -> ParameterGrid:
    dim = arrays["directions"].shape[1]
    radius, step, margin = (lengths[name] for name in _POLAR_LENGTHS)
    counts = count_offsets(arrays["scales"], radius, margin, step)
    return ParameterGrid(
        kind="polar",
        dim=dim,
        size=len(arrays["directions"]) * int((2 * counts + 1).sum()),
        radius=radius,
        step=step,
        margin=margin,
        **arrays,  # type: ignore[arg-type]
    )


def _said(error: Exception) -> str:
    return f"no {error}" if isinstance(error, KeyError) else str(error)
