"""Beyond clusters: data whose classes hyperplanes can cut off one after another."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog

from ridgeflow._validate import positive_int
from ridgeflow.constructions.clusters import Classes, as_classes
from ridgeflow.constructions.minimizer import (
    TruncationNetwork,
    finished,
    fits_in_depth,
    keeping_layer,
)
from ridgeflow.constructions.truncation import cone_layer
from ridgeflow.errors import ConvergenceError

__all__ = ["SequentialSeparation", "separable_minimizer", "sequential_separation"]

# A margin below this part of the data's size counts as none.
_LEAST = 1e-9
# Orders of the classes that are tried: all of five classes.
_ORDERS = 120

# Normals, levels and points, step by step.
Plan = tuple[NDArray, NDArray, NDArray]


@dataclass(frozen=True, eq=False)
class SequentialSeparation:
    r"""An order of the classes, hyperplanes that cut them off, and points to collapse them to.

    Step j cuts off class ``order[j]``: its points satisfy :math:`w_j\cdot x < c_j`, those of the
    later classes and the points p of the earlier ones :math:`w_j\cdot x > c_j`, and
    :math:`w_j\cdot p_j = c_j`.

    Parameters
    ----------
    classes : ndarray, shape (Q,)
        Class labels, sorted.
    order : tuple of int
        Numbers of the classes, in the order in which they are cut off.
    normals : ndarray, shape (Q, m)
        Unit normals w_j, step by step.
    levels : ndarray, shape (Q,)
        Levels c_j, in the unit of the data.
    points : ndarray, shape (Q, m)
        Points p_j, step by step.
    margins : ndarray, shape (Q,)
        Smallest distance of a point, and of an earlier p, to the hyperplane of each step.
    angles : ndarray, shape (Q,)
        Opening angle in radians of a cone at p_j, axis w_j, that holds what step j keeps and
        whose opposite holds what it collapses.

    Notes
    -----
    **Accuracy.** Signs are certain where margins exceed rounding. **Cost.** O(Q m) memory.

    See Also
    --------
    sequential_separation, separable_minimizer

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Interpretable global minima of deep ReLU neural networks on
    sequentially separable data*, 2024.

    Examples
    --------
    >>> found = sequential_separation([[0.0, 0.0], [0.0, 2.0], [2.0, 1.0]], [0, 0, 1])
    >>> found.order, found.normals[0].round(12) + 0.0, round(float(found.levels[0]), 6)
    ((0, 1), array([1., 0.]), 1.0)
    """

    classes: NDArray
    order: tuple[int, ...]
    normals: NDArray[np.float64]
    levels: NDArray[np.float64]
    points: NDArray[np.float64]
    margins: NDArray[np.float64]
    angles: NDArray[np.float64]


def _program(
    goal: NDArray,
    upper: NDArray,
    limit: NDArray,
    bounds: list[tuple[float | None, float | None]],
    equal: tuple[NDArray, NDArray] | None = None,
) -> NDArray | None:
    """Minimiser of a linear program, None where it is infeasible."""
    matrix, value = equal or (None, None)
    return solution_of(linprog(goal, upper, limit, matrix, value, bounds, method="highs"))


def solution_of(done: Any) -> NDArray | None:
    """What a linear program found, None if it is infeasible; anything else is no answer."""
    if done.status not in (0, 2):
        raise ConvergenceError(
            f"a linear program for a hyperplane was not solved: {done.message} (scale the features "
            "alike, or drop points that are far from all others)"
        )
    return done.x if done.status == 0 else None


def _hyperplane(inside: NDArray, outside: NDArray) -> tuple[NDArray, float, float]:
    """Normal, level and margin of a hyperplane with ``inside`` below and ``outside`` above."""
    m = inside.shape[1]
    rows = np.concatenate(
        [
            np.column_stack([inside, -np.ones(len(inside)), np.ones(len(inside))]),
            np.column_stack([-outside, np.ones(len(outside)), np.ones(len(outside))]),
        ]
    )
    goal = np.zeros(m + 2)
    goal[-1] = -1
    bounds: list[tuple[float | None, float | None]] = [(-1.0, 1.0)] * m + [(None, None)] * 2
    solution = _program(goal, rows, np.zeros(len(rows)), bounds)
    if solution is None or not (length := float(np.linalg.norm(solution[:m]))) > 0:
        return np.zeros(m), 0.0, 0.0
    normal = solution[:m] / length
    low, high = float((inside @ normal).max()), float((outside @ normal).min())
    return normal, 0.5 * (low + high), 0.5 * (high - low)


Order = tuple[list[int], NDArray, NDArray]


def _orders(points: NDArray, data: Classes) -> Iterator[Order]:
    """Orders in which hyperplanes cut off class after class, wide margins first.

    With the normals and levels of all steps but the last. What can be cut off now can be cut off
    later as well, so there is an order if and only if no step gets stuck.
    """
    known: dict[frozenset[int], list[tuple[float, int, NDArray, float]]] = {}

    def options(left: frozenset[int]) -> list[tuple[float, int, NDArray, float]]:
        if left not in known:
            rest = np.isin(data.index, list(left))
            found = []
            for j in sorted(left):
                own = data.index == j
                normal, level, margin = _hyperplane(points[own], points[rest & ~own])
                found.append((margin, j, normal, level))
            found.sort(key=lambda option: -option[0])
            if not found[0][0] > _LEAST:
                raise ValueError(
                    "the classes in `labels` must be sequentially linearly separable, got none "
                    f"among {data.values[sorted(left)].tolist()} that a hyperplane cuts off from "
                    f"the others in `X` (largest margin {found[0][0]:.3g} of the data's size)"
                )
            known[left] = [option for option in found if option[0] > _LEAST]
        return known[left]

    def complete(
        left: frozenset[int], order: list[int], normals: list[NDArray], levels: list[float]
    ) -> Iterator[Order]:
        if len(left) == 1:
            yield [*order, *left], np.array(normals), np.array(levels)
            return
        for _, j, normal, level in options(left):
            yield from complete(left - {j}, [*order, j], [*normals, normal], [*levels, level])

    return complete(frozenset(range(data.count)), [], [], [])


def _nearby_points(points: NDArray, data: Classes, order: list[int]) -> Plan | None:
    """Collapse each class to the nearest place on its hyperplane, and cut off the next ones."""
    means = data.means(points)
    normals: list[NDArray] = []
    levels: list[float] = []
    found: list[NDArray] = []
    for step, j in enumerate(order):
        later = points[np.isin(data.index, order[step + 1 :])]
        others = np.concatenate([later, np.array(found).reshape(-1, points.shape[1])])
        normal, level, margin = _hyperplane(points[data.index == j], others)
        if not margin > _LEAST:
            return None
        normals.append(normal)
        levels.append(level)
        found.append(means[j] + (level - normal @ means[j]) * normal)
    return np.array(normals), np.array(levels), np.array(found)


def _remote_points(
    points: NDArray, data: Classes, order: list[int], normals: NDArray, levels: NDArray
) -> Plan | None:
    """Collapse each class to a place on its hyperplane above the hyperplanes of all later steps.

    The last class may be cut off along any direction: one across all normals before leaves the
    points free to go beyond it.
    """
    m = points.shape[1]
    means = data.means(points)
    own = points[data.index == order[-1]]
    across = np.linalg.svd(normals)[2][-1]
    normals = np.concatenate([normals, across[None]])
    levels = np.append(levels, float((own @ across).max()) + 0.5)
    found = []
    for step, j in enumerate(order):
        start = means[j] + (levels[step] - normals[step] @ means[j]) * normals[step]
        later, floor = normals[step + 1 :], levels[step + 1 :]
        if len(later):
            # Variables p, e >= |p - start| entrywise, and the margin s, which counts most.
            one = np.eye(m)
            rows = np.block(
                [
                    [-later, np.zeros((len(later), m)), np.ones((len(later), 1))],
                    [one, -one, np.zeros((m, 1))],
                    [-one, -one, np.zeros((m, 1))],
                ]
            )
            limit = np.concatenate([-floor, start, -start])
            goal = np.concatenate([np.zeros(m), np.ones(m), [-1000.0]])
            bounds: list[tuple[float | None, float | None]]
            bounds = [(-50.0, 50.0)] * m + [(None, None)] * m + [(None, 0.2)]
            plane = np.concatenate([normals[step], np.zeros(m + 1)])[None], levels[step : step + 1]
            solution = _program(goal, rows, limit, bounds, plane)
            if solution is None or not solution[-1] > _LEAST:
                return None
            start = solution[:m]
        found.append(start)
    return normals, levels, np.array(found)


def _measured(
    points: NDArray, data: Classes, order: list[int], plan: Plan
) -> tuple[NDArray, NDArray]:
    """Margins and cone angles of each step of a plan."""
    margins, angles = [], []
    normals, _, ends = plan
    for step, j in enumerate(order):
        own = points[data.index == j]
        kept = np.concatenate([points[np.isin(data.index, order[step + 1 :])], ends[:step]])
        sides = np.concatenate([ends[step] - own, kept - ends[step]])
        heights = sides @ normals[step]
        margins.append(float(heights.min()))
        across = np.linalg.norm(sides - heights[:, None] * normals[step], axis=1)
        widest = max(float(np.arctan2(across, heights).max()), 0.25 * math.pi)
        angles.append(widest + 0.5 * math.pi)
    return np.array(margins), np.array(angles)


def _independent(ends: NDArray) -> bool:
    """Whether points are affinely independent."""
    values = np.linalg.svd(ends[1:] - ends[0], compute_uv=False)
    return len(values) == len(ends) - 1 and bool(values[-1] > 1e-8 * values[0])


def sequential_separation(X: ArrayLike, labels: ArrayLike) -> SequentialSeparation:
    r"""Find an order in which hyperplanes cut off one class after another, by linear programs.

    For each class that is left, the program :math:`\max s` subject to
    :math:`w\cdot x - c \le -s` on the class, :math:`w\cdot x - c \ge s` on the others that are
    left, :math:`|w_i| \le 1`, tells whether a hyperplane cuts it off; the class of widest margin
    goes first. Going first never spoils the rest, since fewer points are easier to separate. The
    points :math:`p_j` follow in two ways: near their classes, with hyperplanes that cut off these
    points as well, or by a further program per step, on the hyperplane and above all later ones.
    The narrower cones win, in the first order that leaves room for the points.

    Parameters
    ----------
    X : array_like, shape (N, m)
        Points.
    labels : array_like, shape (N,)
        Class of each point.

    Returns
    -------
    SequentialSeparation
        The order, hyperplanes and points.

    Raises
    ------
    ValueError
        If no order exists, or the hyperplanes found leave no room for affinely independent
        points, as for more than m + 1 classes.
    ConvergenceError
        If a linear program is neither solved nor found infeasible.

    Notes
    -----
    Data for which no order exists are not separable in this sense, with certainty. The search for
    points is no proof: it tries the first 120 orders, each with hyperplanes of widest margin.

    **Accuracy.** Margins below 1e-9 of the size of the data count as none.
    **Cost.** Some Q²/2 + 2Q linear programs where the first order will do, the largest with m + 2
    variables and N constraints.

    See Also
    --------
    separable_minimizer, clustered_minimizer

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Interpretable global minima of deep ReLU neural networks on
    sequentially separable data*, 2024.

    Examples
    --------
    >>> X = [[0.0, 0.0], [0.0, 3.0], [2.0, 1.0], [2.0, 2.0]]
    >>> sequential_separation(X, ["a", "a", "b", "b"]).margins.round(6)
    array([1. , 0.5])
    """
    data = as_classes(X, labels)
    centre = data.points.mean(0)
    scale = float(np.abs(data.points - centre).max()) or 1.0
    unit = (data.points - centre) / scale
    # No order leaves room for more than m + 1 points.
    tried = _ORDERS if data.count <= unit.shape[1] + 1 else 1
    for order, normals, levels in islice(_orders(unit, data), tried):
        plans = [
            _nearby_points(unit, data, order),
            _remote_points(unit, data, order, normals, levels),
        ]
        usable = [p for p in plans if p is not None and _independent(p[2])]
        if usable:
            break
    else:
        raise ValueError(
            "the hyperplanes must leave room for affinely independent points, got none for "
            f"{data.count} classes of `labels` in {unit.shape[1]} dimensions of `X` in any of up "
            f"to {tried} orders of the classes (add coordinates)"
        )
    # Wide cones have badly conditioned layers.
    plan = min(usable, key=lambda p: _measured(unit, data, order, p)[1].max())
    margins, angles = _measured(unit, data, order, plan)
    normals, levels, points = plan
    return SequentialSeparation(
        data.values,
        tuple(order),
        normals,
        data.unit * (scale * levels + normals @ centre),
        data.unit * (scale * points + centre),
        data.unit * (scale * margins),
        angles,
    )


def separable_minimizer(
    X: ArrayLike, labels: ArrayLike, Y: ArrayLike, *, depth: int | None = None
) -> TruncationNetwork:
    r"""Write down a deep ReLU network of zero cost on sequentially linearly separable data.

    Layer j is a cone layer at the point :math:`p_j` of :func:`sequential_separation`, with the
    normal of its hyperplane as axis and an angle wide enough for all finitely many points; all
    widths equal the input dimension. The last layer maps :math:`p_j` to :math:`y_j`.

    Parameters
    ----------
    X : array_like, shape (N, m)
        Points.
    labels : array_like, shape (N,)
        Class of each point.
    Y : array_like, shape (Q, k)
        Label vectors, one row per class in sorted order; they may be dependent.
    depth : int, optional
        Number of hidden layers L >= Q; Q by default.

    Returns
    -------
    TruncationNetwork
        ``angles`` and ``points`` by class; ``intervals`` are NaN.

    Raises
    ------
    ValueError
        If the data are not sequentially linearly separable, L < Q, or the points p are affinely
        dependent.

    Notes
    -----
    **Accuracy.** The collapse is exact; values to rounding times the condition numbers of the
    cone layers, which grow as margins become small. **Cost.** That of the linear programs.

    See Also
    --------
    sequential_separation, clustered_minimizer

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Interpretable global minima of deep ReLU neural networks on
    sequentially separable data*, 2024.

    Examples
    --------
    >>> X = [[0.0, 0.0], [0.0, 3.0], [2.0, 1.0], [2.0, 2.0]]
    >>> net = separable_minimizer(X, [0, 0, 1, 1], np.eye(2))
    >>> net(X).round(12) + 0.0
    array([[1., 0.],
           [1., 0.],
           [0., 1.],
           [0., 1.]])
    """
    data = as_classes(X, labels, Y)
    layers = positive_int(data.count if depth is None else depth, "depth")
    if layers < data.count:
        raise ValueError(
            f"`depth` must be at least the number of classes, got {layers} for {data.count} "
            "classes (each layer collapses one)"
        )
    fits_in_depth(layers, data.points.shape[1])
    found = sequential_separation(data.points, data.values[data.index])
    ends = np.empty_like(found.points)
    angles = np.empty_like(found.angles)
    ends[list(found.order)] = found.points
    angles[list(found.order)] = found.angles
    W, b = [], []
    for point, normal, theta in zip(found.points, found.normals, found.angles):
        layer = cone_layer(point, normal, theta)
        W.append(layer[0])
        b.append(layer[1])
    for _ in range(layers - data.count):
        layer = keeping_layer(found.points)
        W.append(layer[0])
        b.append(layer[1])
    last = _affine(ends, data.targets)
    intervals = np.full((data.count, 2), np.nan)
    return finished(data, W, b, ends, found.order, angles, intervals, last)


def _affine(points: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """The least affine map from points to targets, about the points' centre."""
    centre = points.mean(0)
    design = np.column_stack([points - centre, np.full(len(points), np.abs(points - centre).max())])
    values = np.linalg.svd(design, compute_uv=False)
    if len(values) < len(points) or not values[-1] > 1e-10 * values[0]:
        raise ValueError(
            "the collapsed points must be affinely independent, got "
            f"{len(points)} points in dimension {points.shape[1]} with a least singular value of "
            f"{values[-1]:.3g} (largest {values[0]:.3g})"
        )
    fit = np.linalg.lstsq(design, targets, rcond=None)[0]
    bias = fit[-1] * design[0, -1] - centre @ fit[:-1]
    return fit[:-1].T, bias
