"""Spectra as labelled datasets, which know their nodes in any order and in part."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import fits_in_memory, flag, one_of
from ridgeflow.errors import MissingDependencyError
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.provenance import Provenance, derived
from ridgeflow.ridgelet.spectra.storage import (
    KINDS,
    POLAR_LENGTHS,
    Parts,
    polar_grid,
    record_from,
    record_parts,
    said,
)

if TYPE_CHECKING:
    import xarray

__all__ = ["from_dataset", "to_dataset"]

_FORMAT = "ridgeflow spectrum 1"
_LAYOUTS = ("auto", "padded", "ragged")
# Offsets in files of less precision are still those of the grid.
_SLACK = 1e-3


def to_dataset(
    spectrum: NodeValues, provenance: Provenance | None, layout: str, split_complex: bool
) -> xarray.Dataset:
    """See :meth:`Spectrum.to_xarray`."""
    try:
        import xarray
    except ImportError:
        raise MissingDependencyError(
            "to_xarray needs xarray: pip install 'ridgeflow[io]'"
        ) from None
    flag(split_complex, "split_complex")
    one_of(layout, "layout", _LAYOUTS)
    grid = spectrum.grid
    if layout != "auto" and grid.kind != "polar":
        raise ValueError(
            f"`layout` must be 'auto' for {grid.kind} nodes, got {layout!r} (only polar grids have "
            "a choice)"
        )
    if grid.kind == "polar":
        dims, values, coords, rest = _polar_parts(spectrum, layout)
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
        coords["axis"] = (("axis",), np.arange(grid.dim, dtype=np.int32))
    if spectrum.component_shape:
        dims = (*dims, "component")
    variables: dict[str, Any] = dict(rest)
    label = {"long_name": "R[f;psi](a, b)"}
    if np.iscomplexobj(values) and split_complex:
        variables["values_real"] = (dims, values.real, label)
        variables["values_imag"] = (dims, values.imag, label)
    else:
        variables["values"] = (dims, values, label)
    attributes = _attributes(spectrum, provenance)
    if spectrum.record is not None:
        scalars, parts = record_parts(spectrum.record)
        attributes["record"] = json.dumps(scalars)
        check = parts.pop("check")
        variables |= {f"record_{name}": (("wave_number",), part) for name, part in parts.items()}
        variables["record_check"] = (("check", "check_column"), check)
        for name, n in zip(("check", "check_column"), check.shape, strict=True):
            coords[name] = ((name,), np.arange(n, dtype=np.int32))
    return xarray.Dataset(variables, coords, attributes)


def _polar_parts(spectrum: NodeValues, layout: str) -> tuple[tuple[str, ...], NDArray, dict, dict]:
    """Dimensions, values, coordinates and other variables of a polar grid."""
    grid = spectrum.grid
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
    numbers = np.arange(len(grid.scales), dtype=np.int32)
    coords["scale_number"] = (("scale",), numbers, {"long_name": "number of the scale"})
    coords["axis"] = (("axis",), np.arange(grid.dim, dtype=np.int32))
    return dims, values, coords, rest


def from_dataset(dataset: xarray.Dataset) -> Parts:
    """See :meth:`Spectrum.from_xarray`."""
    attributes = getattr(dataset, "attrs", None)
    if not isinstance(attributes, Mapping) or attributes.get("format") != _FORMAT:
        got = type(dataset).__name__
        if isinstance(attributes, Mapping):
            got = f"attributes {sorted(attributes)}"
        raise ValueError(
            f"`dataset` must be one that Spectrum.to_xarray made, with its attributes, got {got} "
            "(arithmetic keeps attributes under xarray.set_options(keep_attrs=True))"
        )
    try:
        ridgelet = Ridgelet.from_dict(_parsed(attributes["ridgelet"], "ridgelet"))
        kind = one_of(attributes["grid"], "grid", KINDS)
        array = _value_array(dataset)
        if kind == "cartesian":
            grid, values = _from_axes(dataset, array, ridgelet.dim)
        elif kind == "nodes":
            a = _along(dataset, "a", "node", "axis")[:, _axis_order(dataset, ridgelet.dim)]
            grid = ParameterGrid.nodes(a, _along(dataset, "b", "node"))
            values = _transposed(array, "node")
        else:
            grid, values = _from_polar(dataset, array, ridgelet.dim)
        whole = attributes["nodes"] == grid.size and attributes["components"] == np.prod(
            values.shape[1:], dtype=int
        )
        record = provenance = None
        if "record" in attributes and whole:
            parts = {
                name: _along(dataset, f"record_{name}", "wave_number")
                for name in ("wave_numbers", "energy")
            }
            order = np.argsort(parts["wave_numbers"])
            parts = {name: part[order] for name, part in parts.items()}
            check = _along(dataset, "record_check", "check", "check_column")
            rows, columns = (
                np.argsort(_along(dataset, name, name)) for name in ("check", "check_column")
            )
            parts["check"] = check[np.ix_(rows, columns)]
            record = record_from(_parsed(attributes["record"], "record"), parts, grid)
        if "provenance" in attributes:
            provenance = Provenance.from_dict(_parsed(attributes["provenance"], "provenance"))
            if not whole:
                part = {"nodes": grid.size, "of": int(attributes["nodes"])}
                provenance = derived("selection", provenance, settings=part)
    except (KeyError, IndexError, TypeError, AttributeError) as error:
        raise ValueError(
            f"`dataset` must hold all that Spectrum.to_xarray wrote, got one in which something is "
            f"missing: {said(error)}"
        ) from None
    return values, grid, ridgelet, record, provenance


def _parsed(text: Any, name: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"the attribute {name!r} must be JSON, got {error}") from None
    if not isinstance(found, dict):
        raise ValueError(f"the attribute {name!r} must be a table of names, got {found!r}")
    return found


def _value_array(dataset: xarray.Dataset) -> xarray.DataArray:
    if "values" in dataset.variables:
        return dataset["values"]
    real, imag = _variable(dataset, "values_real"), _variable(dataset, "values_imag")
    return real + 1j * imag


def _variable(dataset: xarray.Dataset, name: str) -> xarray.DataArray:
    # For a dimension without coordinates xarray would make up 0, 1, 2, ...
    if name not in dataset.variables:
        raise KeyError(name)
    return dataset[name]


def _along(dataset: xarray.Dataset, name: str, *dims: str) -> NDArray:
    """Values of a variable with exactly these dimensions, in this order."""
    return _transposed(_variable(dataset, name), *dims, rest=())


def _transposed(
    array: xarray.DataArray, *dims: str, rest: Sequence[str] = ("component",)
) -> NDArray:
    others = [str(dim) for dim in array.dims if dim not in dims]
    if any(dim not in rest for dim in others) or len(array.dims) != len(dims) + len(others):
        raise ValueError(
            f"`dataset` must hold {array.name} over {', '.join(dims)}, got {array.dims} (select "
            "one entry of dimensions that were added)"
        )
    return array.transpose(*dims, *others).values


def _axis_order(dataset: xarray.Dataset, dim: int) -> NDArray:
    number = _along(dataset, "axis", "axis")
    order = np.argsort(number)
    if number[order].tolist() != list(range(dim)):
        raise ValueError(
            f"`dataset` must hold all {dim} axes of space, once each, got {number.tolist()}"
        )
    return order


def _from_axes(
    dataset: xarray.Dataset, array: xarray.DataArray, dim: int
) -> tuple[ParameterGrid, NDArray]:
    """Grid and rows of a cartesian dataset, its axes sorted."""
    names = [*(f"a{i + 1}" for i in range(dim)), "b"]
    values = _transposed(array, *names)
    axes = []
    for i, name in enumerate(names):
        axis = _along(dataset, name, name)
        order = np.argsort(axis)
        axes.append(axis[order])
        values = np.take(values, order, axis=i)
    grid = ParameterGrid.cartesian(axes[:-1], axes[-1])
    return grid, values.reshape(grid.size, *values.shape[dim + 1 :])


def _from_polar(
    dataset: xarray.Dataset, array: xarray.DataArray, dim: int
) -> tuple[ParameterGrid, NDArray]:
    """Grid and rows of a polar dataset, its scales and directions sorted."""
    scales = _along(dataset, "scale", "scale")
    by_scale = np.argsort(scales)
    if "direction" in dataset.variables:
        by_direction = np.argsort(_along(dataset, "direction", "direction"))
    else:
        by_direction = np.arange(dataset.sizes["direction"])
    axis = _axis_order(dataset, dim)
    grid = polar_grid(
        {name: dataset.attrs[name] for name in POLAR_LENGTHS},
        {
            "directions": _along(dataset, "u", "direction", "axis")[by_direction][:, axis],
            "direction_weights": _along(dataset, "direction_weights", "direction")[by_direction],
            "scales": scales[by_scale],
            "scale_weights": _along(dataset, "scale_weights", "scale")[by_scale],
            "center": _along(dataset, "center", "axis")[axis],
        },
    )
    if "node" not in array.dims:
        values = _transposed(array, "scale", "direction", "offset")
        values = values[by_scale][:, by_direction]
        return grid, _without_padding(values, grid, _along(dataset, "offset", "offset"))
    values = _transposed(array, "node")
    numbers = {
        "direction": _along(dataset, "direction", "direction")[by_direction],
        "scale": _along(dataset, "scale_number", "scale")[by_scale],
    }
    at = {
        name: _positions(_along(dataset, f"node_{name}", "node"), known, name)
        for name, known in numbers.items()
    }
    row = _rows(grid, at["scale"], at["direction"], _along(dataset, "b", "node"))
    placed = np.empty_like(values)
    placed[row] = values
    return grid, placed


def _positions(number: NDArray, known: NDArray, what: str) -> NDArray:
    """Where the numbers stand among the known ones."""
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known, number, sorter=order), len(known) - 1)
    found = order[place]
    if len(np.unique(known)) < len(known) or not np.array_equal(known[found], number):
        raise ValueError(
            f"`dataset` must hold each {what} of its nodes, once, got the numbers {known.tolist()} "
            f"for nodes of {np.unique(number).tolist()}"
        )
    return found


def _rows(grid: ParameterGrid, scale: NDArray, direction: NDArray, b: NDArray) -> NDArray:
    """The row of each node, all of which there must be, once."""
    middle = grid.scales[scale] * (grid.directions @ grid.center)[direction]
    place = (b - middle) / grid.step
    half = grid.half_counts[scale]
    nearest = np.clip(np.nan_to_num(np.rint(place)), -half, half).astype(np.int64)
    row = grid.starts[scale] + direction * (2 * half + 1) + nearest + half
    slack = _SLACK + 1e-6 * np.abs(b / grid.step)
    if (
        len(row) != grid.size
        or len(np.unique(row)) < grid.size
        or not (np.abs(place - nearest) <= slack).all()
    ):
        raise ValueError(
            f"`dataset` must hold one row for each of the {grid.size} nodes of its directions, "
            f"scales and offsets, got {len(row)} nodes (select whole directions or scales of a "
            "padded dataset)"
        )
    return row


def _by_offset(spectrum: NodeValues) -> tuple[tuple[str, ...], NDArray, dict, dict]:
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


def _by_node(spectrum: NodeValues) -> tuple[tuple[str, ...], NDArray, dict, dict]:
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
    numbers = {"long_name": "number of the direction"}, {"long_name": "number of the scale"}
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
    order = np.argsort(offsets)
    place = offsets[order] / grid.step
    first = int(np.searchsorted(place, -half - 0.5))
    inside = slice(first, first + 2 * half + 1)
    expected = np.arange(-half, half + 1)
    slack = _SLACK + 1e-6 * np.abs(expected)
    if len(place[inside]) < len(expected) or (np.abs(place[inside] - expected) > slack).any():
        raise ValueError(
            f"`dataset` must hold the {len(expected)} offsets of its grid in equal steps of "
            f"{grid.step:g}, got {len(offsets)} (select directions or scales, not offsets)"
        )
    values = values[:, :, order[inside]]
    return np.concatenate(
        [
            values[s, :, half - n : half + n + 1].reshape(-1, *values.shape[3:])
            for s, n in enumerate(grid.half_counts.tolist())
        ]
    )


def _attributes(spectrum: NodeValues, history: Provenance | None) -> dict[str, Any]:
    """Scalars and strings, which every format of files can hold."""
    grid, ridgelet = spectrum.grid, spectrum.ridgelet
    found: dict[str, Any] = {"format": _FORMAT, "grid": grid.kind, "psi": repr(ridgelet)}
    found["ridgelet"] = json.dumps(ridgelet.to_dict())
    # How much there is, so that a part is known for one.
    found["nodes"] = grid.size
    found["components"] = int(np.prod(spectrum.component_shape, dtype=int))
    if grid.kind == "polar":
        found |= {name: float(getattr(grid, name)) for name in POLAR_LENGTHS}
    if history is not None:
        found["history"] = "\n".join(history.steps)
        found["ridgeflow_version"] = history.version
        found["field"] = "; ".join(origin.describe() for origin in history.fields)
        found["field_digest"] = "; ".join(origin.digest for origin in history.fields)
        found["method"] = "; ".join(dict.fromkeys(origin.method for origin in history.fields))
        found["tolerance"] = max(origin.tol for origin in history.fields)
        found["provenance"] = json.dumps(history.to_dict())
    return found
