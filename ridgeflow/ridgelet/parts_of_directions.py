"""Spectra on polar grids by parts of their directions, on the workers of a client."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._checkpoint import NO_CHECKPOINT
from ridgeflow._collections import bridge
from ridgeflow._progress import tell
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["along_directions", "check_distributable", "place"]


def place(values: NDArray, grid: ParameterGrid, some: slice, found: NDArray) -> None:
    """Write values along some directions, scale by scale, to where they belong among all."""
    count, shape = len(grid.directions[some]), values.shape[1:]
    ends = np.cumsum((2 * grid.half_counts + 1) * count)
    for s, one in enumerate(np.split(found, ends[:-1])):
        scale = values[grid.starts[s] : grid.starts[s + 1]]
        scale.reshape(len(grid.directions), -1, *shape)[some] = one.reshape(count, -1, *shape)


def check_distributable(
    client: Any, grid: ParameterGrid, checkpoint: str | os.PathLike | None
) -> None:
    """Refuse what workers cannot do, before any work."""
    if checkpoint is not None:
        raise ValueError("`checkpoint` must be None with a `client`, got a folder (leave one out)")
    if grid.kind != "polar":
        raise ValueError(
            f"`client` must be None for other grids than polar ones, got {grid.kind} nodes (give "
            "the nodes as a pair of Dask arrays)"
        )
    bridge().check_client(client)


def along_directions(client: Any, way: Callable, task: Any) -> tuple[NDArray, Any]:
    """What ``way`` makes of a task of the transform: values, and slices or None.

    Each worker has some of the directions, and both come back from there; the task with its field
    moves to each worker once.
    """
    grid = task.grid
    parts = [slice(*ends) for ends in pairwise(bridge().cuts(client, len(grid.directions)))]
    values: NDArray = np.empty(0)
    slices: list[Any] = [None] * len(parts)
    calls = [(some,) for some in parts]
    for i, (found, slices[i]) in bridge().on_workers(client, _along, calls, (way, task), tell):
        if not values.size:
            values = np.empty((grid.size, *found.shape[1:]), found.dtype)
        place(values, grid, parts[i], found)
    if slices[0] is None:
        return values, None
    rows = np.concatenate([one.projections for one in slices])
    return values, replace(slices[0], projections=rows)


def _along(way: Callable, task: Any, some: slice) -> tuple[NDArray, Any]:
    """A task's values along some of its directions, and their slices."""
    grid = task.grid
    u = grid.directions[some]
    size = grid.size // len(grid.directions) * len(u)
    part = replace(grid, size=size, directions=u, direction_weights=grid.direction_weights[some])
    return way(task._replace(grid=part, among=grid.directions), NO_CHECKPOINT)
