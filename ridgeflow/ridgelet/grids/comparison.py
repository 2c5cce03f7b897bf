"""Grids side by side: equal, common to many, as a field needs them, and in words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.choice import choose_polar
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["common_grid", "grid_to_represent", "grid_words", "same_grid"]


def same_grid(first: ParameterGrid, second: ParameterGrid) -> bool:
    """Whether two grids have the same nodes and weights.

    Parameters
    ----------
    first, second : ParameterGrid

    Returns
    -------
    bool

    Examples
    --------
    >>> grid = ParameterGrid.nodes([[1.0]], [0.5])
    >>> same_grid(grid, ParameterGrid.nodes([[1.0]], [0.5]))
    True
    """
    if first is second:
        return True
    plain = ("kind", "dim", "size", "radius", "step", "margin")
    if any(getattr(first, name) != getattr(second, name) for name in plain):
        return False
    lists = ("directions", "direction_weights", "scales", "scale_weights", "center")
    pairs = [(getattr(first, name), getattr(second, name)) for name in lists]
    pairs += list(zip(first.axes, second.axes, strict=True))
    pairs += list(zip(first.plain or (), second.plain or (), strict=True))
    return all(np.array_equal(one, other) for one, other in pairs)


def grid_to_represent(
    field: GridField | SampleField | GaussianMixture,
    activation: Activation,
    ridgelet: Ridgelet,
    tol: float,
    dual: str,
) -> ParameterGrid:
    """:meth:`ParameterGrid.for_field` without a word about samples, or about missing ``tol``."""
    choice, _ = choose_polar(field, activation, ridgelet, tol, dual=dual, quiet=True)
    return ParameterGrid.polar(**choice._asdict())


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


def grid_words(grid: ParameterGrid) -> str:
    """A grid in a few words."""
    if grid.kind == "nodes":
        return f"plain nodes, m = {grid.dim}"
    if grid.kind == "cartesian":
        sizes = " x ".join(str(len(axis)) for axis in grid.axes)
        return f"cartesian, m = {grid.dim}: {sizes}"
    low, high = grid.scales[0], grid.scales[-1]
    return (
        f"polar, m = {grid.dim}: {len(grid.directions)} directions x {len(grid.scales)} scales "
        f"from {low:.3g} to {high:.3g}, offsets in steps of {grid.step:.3g}"
    )
