"""Outer weights and estimators of samples that are spread over workers: trees of triangles."""

from __future__ import annotations

from copy import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._units import Columns, power_of_two
from ridgeflow._validate import as_points, as_real_array, flag
from ridgeflow.bridges.dask_graphs import (
    as_rows,
    blocks,
    computed,
    fits_in_tasks,
    once,
    precision,
    task,
    tell_sizes,
    tree,
)
from ridgeflow.networks.kept_samples import KEPT, KeptSamples, marks_of
from ridgeflow.networks.least_squares import OuterProblem, as_observations
from ridgeflow.networks.outer_weights import (
    checked_neurons,
    checked_penalty,
    checked_rcond,
    fitted_network,
)
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["cut_alike", "fit_outer_weights", "overview", "problem_of"]


@dataclass(frozen=True)
class Overview:
    """What a first pass over samples tells: columns, units of values and weights, sum of the
    weights, and those of the samples that are kept of many."""

    columns: Columns
    units: tuple[float, float]
    mass: float
    kept: KeptSamples

    @classmethod
    def of(cls, x: NDArray, y: NDArray, weights: NDArray | None, keep: int) -> Overview | None:
        """That of a chunk; none where no sample counts."""
        real = as_points(x, "points").dtype
        points, values, mass = checked(x, y, weights)
        if not len(points):
            return None
        marks = marks_of(points, values) if keep else np.zeros(0, np.uint64)
        kept = KeptSamples(keep, points.shape[1], values.shape[1])
        return cls(
            Columns.of(points, mass / power_of_two(mass), real=real),
            (float(power_of_two(values)), float(power_of_two(np.sqrt(mass))) ** 2),
            float(mass.sum()),
            kept.with_more(marks, points, values, mass),
        )

    @staticmethod
    def joined(one: Overview | None, other: Overview | None) -> Overview | None:
        """That of the samples of both."""
        if one is None or other is None:
            return one or other
        return Overview(
            Columns.joined([one.columns, other.columns], np.array([one.mass, other.mass])),
            (max(one.units[0], other.units[0]), max(one.units[1], other.units[1])),
            one.mass + other.mass,
            one.kept.joined(other.kept),
        )


def checked(
    x: NDArray, y: NDArray, weights: NDArray | None
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Samples of positive weight of a chunk, values as columns (n, k)."""
    points = as_points(x, "points").astype(np.float64)
    values = as_real_array(y, "values").astype(np.float64).reshape(len(points), -1)
    if weights is None:
        return points, values, np.ones(len(points))
    mass = as_real_array(weights, "weights", ndim=1).astype(np.float64)
    if (mass < 0).any():
        raise ValueError(
            f"`weights` must not be negative, got values down to {mass.min():g} (leave out samples "
            "that should not count)"
        )
    here = mass > 0
    return points[here], values[here], mass[here]


tell_sizes(Overview, KeptSamples, OuterProblem)


def overview(rows: list[tuple], keep: int) -> Overview:
    """The first pass, over all chunks of samples."""
    (found,) = computed(tree([task(Overview.of, *row, keep) for row in rows], Overview.joined))
    if found is None:
        raise ValueError(
            "`weights` must not all be zero, got zeros (leave out samples that should not count)"
        )
    return found


def problem_of(begun: OuterProblem, rows: list[tuple], units: Columns | None) -> OuterProblem:
    """The second pass: a triangle of each chunk, and of all of them by a tree."""
    node = once((begun, units))
    (found,) = computed(tree([task(_with_chunk, node, *row) for row in rows], OuterProblem.joined))
    return found


def _with_chunk(
    begun: tuple[OuterProblem, Columns | None], x: NDArray, y: NDArray, weights: NDArray | None
) -> OuterProblem:
    problem, units = copy(begun[0]), begun[1]
    points, values, mass = checked(x, y, weights)
    if len(points):
        problem.add(points if units is None else units(points), values, mass)
    return problem


def cut_alike(
    x: Any, y: Any, weights: Any, names: tuple[str, str, str], kinds: str = "biuf"
) -> Any:
    """Rows of points, values and weights, cut alike; and the lists of their chunks."""
    points = as_rows(x, names[0]) if not isinstance(x, np.ndarray) else None
    if points is None:
        # Only values are spread: points are cut as they are.
        points = as_rows(x, names[0]).rechunk({0: as_rows(y, names[1], ndim=(1, 2)).chunks[0]})
    values = as_rows(y, names[1], ndim=(1, 2), like=points, kinds=kinds)
    mass = None if weights is None else as_rows(weights, names[2], ndim=(1,), like=points)
    return points, values, mass


def fit_outer_weights(
    a: Any,
    b: Any,
    activation: Any,
    points: Any,
    values: Any,
    *,
    ridge: float | str = 0.0,
    measure: float | None = None,
    affine: bool = False,
    weights: Any = None,
    observations: float | str = "distinct",
    rcond: float | None = None,
) -> ShallowNetwork:
    """:func:`ridgeflow.fit_outer_weights` of samples in chunks, which are read twice."""
    neurons = checked_neurons(a, b, activation)
    inner, offset, eta = neurons
    penalty = checked_penalty(ridge, measure, len(offset))
    affine, left_out = flag(affine, "affine"), ridge == "loo"
    count, rcond = as_observations(observations), checked_rcond(rcond)
    x, y, mass = cut_alike(points, values, weights, ("points", "values", "weights"))
    if x.shape[1] != inner.shape[1]:
        raise ValueError(f"`points` must have shape (n, {inner.shape[1]}), got {x.shape}")
    fits_in_tasks(x, "points", 2.0 * x.shape[1] + y[0].size)
    rows = blocks(x, y, mass)
    seen = overview(rows, 0)
    begun = OuterProblem(
        *(inner.astype(np.float64), offset.astype(np.float64), eta, int(y[0].size)),
        seen.columns if affine else None,
        keep=KEPT if left_out else 0,
        units=seen.units,
    )
    problem = problem_of(begun, rows, None)
    if left_out:
        fit = problem.left_out(penalty)[0]
    else:
        fit = problem.solve(penalty, rcond, observations=count)
    # Of the samples themselves nothing is needed any more.
    samples = tuple(np.broadcast_to(np.zeros((), precision(one)), one.shape) for one in (x, y))
    return fitted_network(neurons, fit, samples, affine)
