"""From checked options to the maps of a bottleneck autoencoder."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ridgeflow._validate import (
    as_generator,
    as_real_array,
    finite_number,
    items_of,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.constructions.bottleneck_maps import FlowMaps, ShallowMaps, flow_maps, shallow_maps
from ridgeflow.constructions.charts import Chart
from ridgeflow.constructions.curves import checked_size

__all__ = ["FIT", "REPORT", "build_maps", "checked_gap", "nodes"]

# Nodes per axis of a component of dimension 1, 2, ...: to fit on, and to report on.
FIT = {"shallow": {1: (400, 60), 2: (71, 12)}, "flow": {1: (400, 60), 2: (41, 8)}}
REPORT = {"shallow": {1: (1200, 600), 2: (61, 16)}, "flow": {1: (1200, 600), 2: (25, 24)}}
_SPARSE = (13, 4)
_Value = TypeVar("_Value")


def build_maps(
    charts: tuple[Chart, ...],
    gap: float,
    *,
    latent_dim: int | None,
    kind: str,
    latent_ranges: ArrayLike | None,
    scale: float | None,
    n_directions: int | None,
    n_knots: int | None,
    width: int | None,
    depth: tuple[int, int] | None,
    end: float | None,
    rng: int | np.random.Generator | None,
) -> ShallowMaps | FlowMaps:
    """Check charts and options, and build encoder and decoder."""
    one_of(kind, "kind", ("shallow", "flow"))
    k = _bottleneck_dim(charts, latent_dim)
    samples = [chart.samples(gap, *nodes(k, FIT[kind])) for chart in charts]
    _check_components([grid.points for grid in samples], k)
    wide = _if_given(positive_int, width, "width")
    layers = _if_given(_two_depths, depth, "depth")
    turns = _if_given(positive_int, n_directions, "n_directions")
    knots = _if_given(positive_int, n_knots, "n_knots", minimum=5)
    generator = as_generator(rng)
    last = _if_given(finite_number, end, "end")
    if last is not None and not 0 < last < math.pi - gap:
        raise ValueError(
            f"`end` must lie in (0, pi - gap), here (0, {math.pi - gap:.4g}), got {last:g}"
        )
    length = _if_given(positive, scale, "scale")
    if kind == "flow":
        if latent_ranges is not None:
            raise ValueError("`latent_ranges` must be left out for kind='flow', got some")
        return flow_maps(
            charts,
            samples,
            gap,
            width=wide,
            depth=layers,
            end=last,
            scale=length,
            rng=generator,
        )
    return shallow_maps(
        charts,
        samples,
        gap,
        scale=length,
        n_directions=turns,
        n_knots=knots,
        ranges=_checked_ranges(latent_ranges, len(charts), k),
    )


def _if_given(check: Callable[..., _Value], value: Any, name: str, **limits: int) -> _Value | None:
    """An option that has a default of its own: None, or what the check returns."""
    return None if value is None else check(value, name, **limits)


def _two_depths(value: Any, name: str) -> tuple[int, int]:
    layers = [positive_int(n, name) for n in items_of(value, name)]
    if len(layers) != 2:
        raise ValueError(f"`{name}` must hold two numbers of layers, got {len(layers)}")
    return layers[0], layers[1]


def _bottleneck_dim(charts: tuple[Chart, ...], latent_dim: int | None) -> int:
    """The dimension that all charts share, which is that of the bottleneck."""
    for i, chart in enumerate(charts):
        if not isinstance(chart, Chart):
            raise TypeError(f"`charts[{i}]` must be a Chart, got {type(chart).__name__}")
    if not charts:
        raise ValueError("`charts` must hold at least one chart, got none")
    k = charts[0].dim if latent_dim is None else positive_int(latent_dim, "latent_dim")
    for i, chart in enumerate(charts):
        if chart.dim != k:
            more = "more" if chart.dim > k else "fewer"
            raise ValueError(
                f"`charts[{i}]` must have the dimension of the bottleneck, {k}, got {chart.dim}"
                f" ({more} dimensions than pass through it)"
            )
    return k


def _check_components(components: list[NDArray], k: int) -> None:
    """Refuse components of several spaces or of full dimension, and those that touch each other."""
    dims = {points.shape[1] for points in components}
    if len(dims) > 1:
        raise ValueError(f"`charts` must lead to one space, got dimensions {sorted(dims)}")
    _check_apart(components)
    dim = dims.pop()
    if k >= dim:
        raise ValueError(
            f"the bottleneck must be narrower than the space, got {k} dimensions for {dim} "
            "(a closed component of full dimension does not exist)"
        )


def _check_apart(components: list[NDArray]) -> None:
    """Refuse components of unusable size, and those that touch each other."""
    with np.errstate(over="ignore"):
        size = checked_size(float(np.ptp(np.concatenate(components), axis=0).max()), "charts")
    for i, points in enumerate(components):
        tree = cKDTree(points)
        for j, others in enumerate(components[:i]):
            apart = float(tree.query(others)[0].min())
            if apart <= 1e-9 * size:
                raise ValueError(
                    f"`charts` must lead to components that do not touch each other, got charts "
                    f"{j} and {i} at a distance of {apart:.3g}"
                )


def nodes(dim: int, table: dict[int, tuple[int, int]]) -> tuple[int, int]:
    """Nodes per axis of what is kept and of what is removed."""
    return table.get(dim, _SPARSE)


def checked_gap(gap: float | None, measure: float | None) -> float:
    """The gap, from itself or from a part of the measure."""
    if (gap is None) == (measure is None):
        raise ValueError("one of `gap` and `measure` must be given, got both or none")
    if measure is not None:
        part = finite_number(measure, "measure")
        if not 0 < part < 1:
            raise ValueError(f"`measure` must lie in (0, 1), got {part:g}")
        return math.pi * part
    width = finite_number(gap, "gap")
    if not 0 < width < math.pi:
        raise ValueError(
            f"`gap` must lie in (0, pi), got {width:g} (half of the removed arc, in radians; a "
            "closed component must be cut somewhere)"
        )
    return width


def _checked_ranges(given: ArrayLike | None, count: int, k: int) -> NDArray | None:
    if given is None:
        return None
    found = as_real_array(given, "latent_ranges", ndim=2).astype(np.float64)
    if k != 1 or found.shape != (count, 2):
        raise ValueError(
            f"`latent_ranges` must have shape ({count}, 2) and one latent dimension, got "
            f"{found.shape} and {k}"
        )
    order = np.argsort(found[:, 0])
    if (
        not (found[:, 0] < found[:, 1]).all()
        or not (found[order][:-1, 1] < found[order][1:, 0]).all()
    ):
        raise ValueError(
            f"`latent_ranges` must be disjoint increasing intervals, got {found.tolist()} (pieces "
            "that share latent points cannot be told apart)"
        )
    return found
