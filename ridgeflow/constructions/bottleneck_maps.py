"""Encoder and decoder of a bottleneck: shallow networks, or a flow that straightens the pieces."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ridgeflow._validate import fits_in_memory
from ridgeflow.constructions.charts import Chart, Samples
from ridgeflow.constructions.latent_room import Room, room_of
from ridgeflow.constructions.ridge_maps import (
    KernelMap,
    broken_line,
    directions_for,
    fit_kernel_map,
    relu_network,
)
from ridgeflow.geometry import sphere_points
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["FlowMaps", "ShallowMaps", "flow_maps", "shallow_maps"]

# Scale of Gaussians in units of the jump that they have to make, and distance of their centres in
# units of the scale: on curves, and on surfaces, which take many more.
_SCALE = {1: 0.25, 2: 0.45}
_SPACING = {1: 0.45, 2: 0.6}
_KNOTS = 14
_RIDGE = 1e-10
_CANDIDATES = 600
# Angles at which a contraction may end, the widest first, and how far pieces must then be from
# folding in projection and from each other.
_ENDS = (0.8, 0.6, 0.4, 0.2, 0.1)
_CLEAR = 0.4
# Of what is removed at an end of a line, the part that its decoder still follows, by so many knots.
_FURTHER = 0.25
_TAIL = np.arange(1, 9) / 8
# Layers per length of a neuron that the fastest point travels.
_LAYERS = (6.0, 3.0)


@dataclass(frozen=True, eq=False)
class ShallowMaps:
    """One shallow network each way, and the coordinates that they approximate."""

    encoder: ShallowNetwork
    decoder: ShallowNetwork
    offsets: NDArray[np.float64]
    scales: NDArray[np.float64]
    room: Room | None = None

    def encode(self, x: NDArray) -> NDArray:
        return self.encoder(x)

    def decode(self, z: NDArray) -> NDArray:
        # On a line the decoder is constant beyond its knots, and straight between pieces.
        if self.room is None or z.shape[1] == 1:
            return self.decoder(z)
        return self.room.decode(self.decoder, z)

    def outside(self, z: NDArray) -> NDArray[np.bool_]:
        """Whether latent points lie beyond all that is kept."""
        return np.zeros(len(z), bool) if self.room is None else self.room.outside(z)

    def latent(self, index: int, chart: Chart, z: NDArray) -> NDArray:
        """Where the coordinates of a chart belong in the bottleneck."""
        return self.offsets[index] + self.scales[index] * z


@dataclass(frozen=True, eq=False)
class FlowMaps:
    """A flow and its inverse as residual networks, and the linear subspace they lead to."""

    flow: ResidualNetwork
    inverse: ResidualNetwork
    origin: NDArray[np.float64]
    frame: NDArray[np.float64]
    offsets: NDArray[np.float64]
    turns: NDArray[np.float64]
    time: float
    room: Room | None = None

    def encode(self, x: NDArray) -> NDArray:
        return (self.flow(x) - self.origin) @ self.frame

    def decode(self, z: NDArray) -> NDArray:
        return self._back(z) if self.room is None else self.room.decode(self._back, z)

    def _back(self, z: NDArray) -> NDArray:
        return self.inverse(self.origin + z @ self.frame.T)

    def outside(self, z: NDArray) -> NDArray[np.bool_]:
        """Whether latent points lie beyond all that is kept."""
        return np.zeros(len(z), bool) if self.room is None else self.room.outside(z)

    def latent(self, index: int, chart: Chart, z: NDArray) -> NDArray:
        """Where the coordinates of a chart belong in the bottleneck."""
        return self.offsets[index] + chart.flowed(z, self.time) @ self.turns[index].T


_Maps = TypeVar("_Maps", ShallowMaps, FlowMaps)


def _in_a_row(extents: NDArray, rooms: NDArray) -> NDArray[np.float64]:
    """Centres of intervals of half-widths ``extents`` with ``rooms`` between them, about 0."""
    steps = extents[:-1] + rooms + extents[1:]
    places = np.concatenate([[0.0], np.cumsum(steps)])
    ends = places[0] - extents[0], places[-1] + extents[-1]
    return places - 0.5 * (ends[0] + ends[1])


def narrowest(charts: Sequence[Chart], samples: Sequence[Samples], gap: float) -> float:
    """The least distance over which an encoder has to jump: across a cut, or between pieces."""
    found = math.inf
    for i, (chart, grid) in enumerate(zip(charts, samples)):
        inner = chart.kept(gap)
        if chart.shape == "box":
            z = grid.z[grid.kept]
            for axis in range(chart.dim):
                sides = z.copy(), z.copy()
                sides[0][:, axis], sides[1][:, axis] = inner[axis], -inner[axis]
                across = np.linalg.norm(chart(sides[0]) - chart(sides[1]), axis=1)
                found = min(found, float(across.min()))
        else:
            edge = grid.points[grid.kept & (np.linalg.norm(grid.z, axis=1) > 0.999 * inner[0])]
            far = edge - edge.mean(0)
            found = min(found, 2 * float(np.linalg.norm(far, axis=1).min()))
        if chart.reach is not None:
            found = min(found, 2 * chart.reach)
        tree = cKDTree(grid.points)
        for other in samples[:i]:
            found = min(found, float(tree.query(other.points)[0].min()))
    return found


def _thinned(points: NDArray, spacing: float) -> NDArray[np.float64]:
    """Points of which none are nearer to each other than ``spacing``, in the order given."""
    tree = cKDTree(points)
    taken = np.zeros(len(points), bool)
    covered = np.zeros(len(points), bool)
    for i in range(len(points)):
        if not covered[i]:
            taken[i] = True
            covered[tree.query_ball_point(points[i], spacing)] = True
    return points[taken]


def shallow_maps(
    charts: Sequence[Chart],
    samples: Sequence[Samples],
    gap: float,
    *,
    scale: float | None,
    n_directions: int | None,
    n_knots: int | None,
    ranges: NDArray | None,
) -> ShallowMaps:
    """Encoder by Gaussian kernels as ReLU integrals; decoder likewise, on a line by second
    derivatives."""
    dim, k = samples[0].points.shape[1], charts[0].dim
    extents = np.array([chart.kept(gap) for chart in charts])
    if ranges is None:
        scales = np.ones(len(charts))
        offsets = np.zeros((len(charts), k))
        offsets[:, 0] = _in_a_row(extents[:, 0], _rooms(charts, extents))
    else:
        scales = 0.5 * (ranges[:, 1] - ranges[:, 0]) / extents[:, 0]
        offsets = ranges.mean(1)[:, None]
    everything = np.concatenate([grid.points for grid in samples])
    spread = float(np.linalg.norm(np.ptp(everything, axis=0)))
    if scale is None:
        jump = narrowest(charts, samples, gap)
        if not jump > 1e-12 * spread:
            raise ValueError(
                f"`gap` must leave the ends of each cut apart, got {gap:g}, and ends at a distance "
                f"of {jump:.3g} (widen the gap)"
            )
        # Below a thirtieth of the size accuracy has to wait, for the sake of width.
        scale = max(_SCALE[min(k, 2)] * jump, min(0.5 * jump, spread / 30))
    x = np.concatenate([grid.points[grid.kept] for grid in samples])
    z = np.concatenate(
        [offsets[i] + scales[i] * grid.z[grid.kept] for i, grid in enumerate(samples)]
    )
    centers = _thinned(everything, _SPACING[min(k, 2)] * scale)
    kernel = fit_kernel_map(x, z, centers, scale, _RIDGE)
    encoder = relu_network(
        kernel,
        everything,
        n_directions or directions_for(dim, spread, scale),
        n_knots or max(33, math.ceil(_KNOTS * spread / scale)),
    )
    if k == 1:
        decoder = _line_decoder(charts, extents[:, 0], offsets[:, 0], scales)
    else:
        decoder = _plane_decoder(z, x, extents)
    return _with_room(ShallowMaps(encoder, decoder, offsets, scales), charts, samples)


def _with_room(maps: _Maps, charts: Sequence[Chart], samples: Sequence[Samples]) -> _Maps:
    """The maps with a decoder that is asked where there are kept points alone."""
    kept = [grid.kept for grid in samples]
    exact = [maps.latent(i, chart, samples[i].z[kept[i]]) for i, chart in enumerate(charts)]
    encoded = [maps.encode(grid.points[held]) for grid, held in zip(samples, kept)]
    points = np.concatenate([grid.points for grid in samples])
    return replace(maps, room=room_of(exact, encoded, points, maps.decode))


def _rooms(charts: Sequence[Chart], extents: NDArray) -> NDArray[np.float64]:
    """Room between neighbouring pieces, so that the decoder moves no faster than on them."""
    found = []
    for i, (first, second) in enumerate(pairwise(charts)):
        if first.dim > 1:
            found.append(0.8 * float(extents[i : i + 2, 0].mean()))
            continue
        ends = first(extents[i : i + 1]), second(-extents[i + 1 : i + 2])
        apart = float(np.linalg.norm(ends[0] - ends[1]))
        found.append(max(apart, 0.2 * float(extents[i : i + 2, 0].mean())))
    return np.array(found)


def _line_decoder(
    charts: Sequence[Chart],
    extents: NDArray,
    offsets: NDArray,
    scales: NDArray,
) -> ShallowNetwork:
    knots, values = [], []
    order = np.argsort(offsets)
    for i in order:
        z = np.linspace(-extents[i], extents[i], 513)
        # At both ends a little of the curve beyond what is kept, where an encoder in error may
        # lead, and then no further.
        beyond = _FURTHER * (float(charts[i].half_widths[0]) - extents[i])
        if i == order[0]:
            z = np.concatenate([[z[0] - 2 * beyond], z[0] - beyond * _TAIL[::-1], z])
        if i == order[-1]:
            z = np.concatenate([z, z[-1] + beyond * _TAIL, [z[-1] + 2 * beyond]])
        knots.append(offsets[i] + scales[i] * z)
        values.append(charts[i](np.clip(z, -extents[i] - beyond, extents[i] + beyond)[:, None]))
    return broken_line(np.concatenate(knots), np.concatenate(values))


def _plane_decoder(z: NDArray, x: NDArray, extents: NDArray) -> ShallowNetwork:
    scale = 0.25 * float(extents.min())
    centers = _thinned(z, _SPACING[1] * scale)
    kernel: KernelMap = fit_kernel_map(z, x, centers, scale, _RIDGE)
    spread = float(np.linalg.norm(np.ptp(z, axis=0)))
    knots = math.ceil(2 * _KNOTS * spread / scale)
    return relu_network(kernel, z, directions_for(z.shape[1], 2 * spread, scale), knots)


def flow_maps(
    charts: Sequence[Chart],
    samples: Sequence[Samples],
    gap: float,
    *,
    width: int | None,
    depth: tuple[int, int] | None,
    end: float | None,
    scale: float | None,
    rng: np.random.Generator,
) -> FlowMaps:
    r"""A flow that draws each piece together along itself, then lays the pieces out flat.

    First a steady field, tangent to each component, from the cut to the centre of its chart, for
    the time that leaves an angle ``end`` of the kept one; then straight lines from the small
    pieces to discs in a linear subspace, in the order that a projection gives them, so that they
    never meet. The fields are fitted by tanh neurons of fixed scale.
    """
    everything = np.concatenate([grid.points for grid in samples])
    if scale is None:
        sizes = [chart.reach or 0.5 * float(chart.half_widths.min()) for chart in charts]
        scale = 0.8 * min(sizes)
    if width is None:
        size = max(float(grid.weights.sum()) for grid in samples)
        width = 600 if charts[0].dim > 1 else min(1000, max(300, math.ceil(10 * size / scale)))
    origin = everything.mean(0)
    velocity = np.concatenate(
        [chart.push(grid.z, chart.inward(grid.z)) for chart, grid in zip(charts, samples)]
    )
    steady = _fitted(_neurons(everything, width, scale, rng), everything, velocity)
    time, small, frame, turns = _drawn_together(charts, samples, gap, end, rng)
    offsets = _places(charts, small, frame, origin)
    start = np.concatenate([chart(z) for chart, z in zip(charts, small)])
    goal = np.concatenate(
        [origin + (offsets[i] + z @ turns[i].T) @ frame.T for i, z in enumerate(small)]
    )
    if depth is None:
        fastest = float(np.linalg.norm(velocity, axis=1).max())
        farthest = float(np.linalg.norm(goal - start, axis=1).max())
        depth = (
            max(16, math.ceil(_LAYERS[0] * time * fastest / scale)),
            max(8, math.ceil(_LAYERS[1] * farthest / scale)),
        )
    fits_in_memory(
        1024.0 * sum(depth) + 16.0 * (2 * depth[1] + 1) * width * (2 * len(origin) + 1),
        f"a flow of {depth[0]} and {depth[1]} layers of {width} neurons",
        "lower the depth or the width, or raise memory_budget",
    )
    inner = _neurons(np.concatenate([start, goal]), width, scale, rng)
    stages = [
        _fitted(inner, start + t * (goal - start), goal - start)
        for t in np.linspace(0, 1, 2 * depth[1] + 1)
    ]
    layers: list[tuple[ShallowNetwork, ...]] = [(steady,) * 3] * depth[0]
    layers += [tuple(stages[2 * i : 2 * i + 3]) for i in range(depth[1])]
    steps = np.concatenate([np.full(depth[0], time / depth[0]), np.full(depth[1], 1 / depth[1])])
    flow = ResidualNetwork(layers, steps, scheme="rk4")
    backward = ResidualNetwork(
        [layer[::-1] for layer in reversed(layers)], -steps[::-1], scheme="rk4"
    )
    maps = FlowMaps(flow, backward, origin, frame, offsets, turns, time)
    return _with_room(maps, charts, samples)


def _neurons(
    points: NDArray, width: int, scale: float, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Neurons of about one steepness, in all directions, with transitions at the points."""
    # Neurons at the points, and the normal equations of their outer weights.
    fits_in_memory(
        8.0 * width * (3 * len(points) + 2 * width + 3 * points.shape[1]),
        f"fields of {width} neurons at {len(points)} points",
        "lower the width, or raise memory_budget",
    )
    a = sphere_points(width, points.shape[1], rng) / (
        scale * np.exp(rng.uniform(-0.5, 0.5, size=(width, 1)))
    )
    return a, (a * points[rng.integers(len(points), size=width)]).sum(1)


def _fitted(neurons: tuple[NDArray, NDArray], points: NDArray, values: NDArray) -> ShallowNetwork:
    return fit_outer_weights(*neurons, "tanh", points, values, ridge=1e-14, affine=True)


def _drawn_together(
    charts: Sequence[Chart],
    samples: Sequence[Samples],
    gap: float,
    end: float | None,
    rng: np.random.Generator,
) -> tuple[float, list[NDArray], NDArray, NDArray]:
    """Time of the contraction, coordinates after it, the subspace and each piece's turn in it."""
    tried = [angle for angle in _ENDS if angle < math.pi - gap] if end is None else [end]
    tried = tried or [0.5 * (math.pi - gap)]
    for angle in tried:
        time = math.log(math.tan(0.5 * (math.pi - gap)) / math.tan(0.5 * angle))
        small = [chart.flowed(grid.z[grid.kept], time) for chart, grid in zip(charts, samples)]
        score, frame, turns = _frame(charts, small, rng)
        if score >= _CLEAR:
            break
    if score <= 0:
        raise ValueError(
            "`end` must leave pieces that project without folds, got none among "
            f"{_CANDIDATES} projections at {angle:g} (best {score:.3g}; lower `end`)"
        )
    return time, small, frame, turns


def _frame(
    charts: Sequence[Chart], small: Sequence[NDArray], rng: np.random.Generator
) -> tuple[float, NDArray, NDArray]:
    """A subspace on which the small pieces project well apart, and without folds.

    With each piece's turn of the subspace that makes straight lines to it an isotopy.
    """
    k = charts[0].dim
    middles = np.concatenate([chart(np.zeros((1, k))) for chart in charts])
    slopes = [chart.jacobian(z[:: max(1, len(z) // 64)]) for chart, z in zip(charts, small)]
    radii = np.array([np.linalg.norm(z, axis=1).max() for z in small])
    dim = middles.shape[1]
    heads = [chart.jacobian(np.zeros((1, k)))[0] for chart in charts]
    best = -math.inf, np.eye(dim)[:, :k], np.array([np.eye(k)] * len(charts))
    for _ in range(_CANDIDATES):
        frame = np.linalg.qr(rng.normal(size=(dim, k)))[0]
        turns, score = [], math.inf
        for head, slope in zip(heads, slopes):
            left, _, right = np.linalg.svd(frame.T @ head)
            turn = left @ right
            turns.append(turn)
            bent = np.einsum("ba,cb,ncd->nad", turn, frame, slope)
            least = np.linalg.eigvalsh(0.5 * (bent + np.swapaxes(bent, 1, 2)))[:, 0].min()
            score = min(score, float(least))
        along = middles @ frame[:, 0]
        order = np.argsort(along)
        apart = np.diff(along[order]) / (radii[order][:-1] + radii[order][1:])
        score = min(score, float(apart.min(initial=math.inf)))
        if score > best[0]:
            best = score, frame, np.array(turns)
    return best


def _places(
    charts: Sequence[Chart], small: Sequence[NDArray], frame: NDArray, origin: NDArray
) -> NDArray[np.float64]:
    """Centres of the flat pieces, far enough apart for a smooth field between them."""
    k = charts[0].dim
    middles = np.concatenate([chart(np.zeros((1, k))) for chart in charts]) - origin
    radii = np.array([np.linalg.norm(z, axis=1).max() for z in small])
    along = middles @ frame[:, 0]
    order = np.argsort(along)
    gaps = np.linalg.norm(np.diff(middles[order], axis=0), axis=1)
    rooms = np.maximum(gaps, 1.3 * (radii[order][:-1] + radii[order][1:]))
    places = np.concatenate([[0.0], np.cumsum(rooms)])
    offsets = np.zeros((len(charts), k))
    offsets[order, 0] = places - places.mean() + along.mean()
    return offsets
