"""Charts of closed components: where they are cut open, and samples of what is kept and removed."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    fits_in_memory,
    one_of,
    positive,
    positive_int,
    same_length,
)
from ridgeflow.constructions.curves import ClosedCurve, takes_one_array

__all__ = ["Chart", "Samples", "curve_chart", "sphere_chart", "torus_chart"]

# Steps of derivatives, in units of the half-width of a chart.
_STEP = 1e-4
_ANGLES = 512
# The exponential of this is finite.
_LONGEST = 700.0


@dataclass(frozen=True, eq=False)
class Chart:
    r"""A closed component cut open: a map from a box or a ball of R^k onto it.

    The map covers the component; it is one-to-one inside the domain, and the rim of the domain goes
    to the cut. Of the half-widths h (box) or the radius h (ball) the part :math:`1 - \eta/\pi` is
    kept where η is the gap; the rest is the exceptional set.

    Parameters
    ----------
    embed : callable
        From (n, k) coordinates to (n, m) points; best an isometry, or near one.
    half_widths : array_like, shape () or (k,)
        h, of a box; of a ball all entries agree.
    shape : {"box", "ball"}
        A ball has k = 2 at most. The rim of a box is glued to itself side by side, that of a ball
        collapses to a point.
    filling_radius : float, optional
        Bound from below of the error that every autoencoder makes somewhere on the component; the
        reach, or 0, where it is not given.
    reach : float, optional
    name : str

    Raises
    ------
    ValueError
        If a half-width is not positive, a ball is not round, or its dimension exceeds 2.

    Notes
    -----
    **Accuracy.** Derivatives by central differences. **Cost.** That of ``embed``.

    See Also
    --------
    BottleneckAutoencoder

    References
    ----------
    M. Kvalheim and E. Sontag, *Why should autoencoders work?*, TMLR 2024.

    Examples
    --------
    >>> ring = Chart(lambda z: np.concatenate([np.cos(z), np.sin(z)], axis=1), np.pi)
    >>> ring.dim, ring.kept(0.5 * np.pi)
    (1, array([1.57079633]))
    """

    embed: Callable[[NDArray], ArrayLike]
    half_widths: NDArray[np.float64]
    shape: str = "box"
    filling_radius: float | None = None
    reach: float | None = None
    name: str = ""

    def __post_init__(self) -> None:
        if not callable(self.embed):
            raise TypeError(f"`embed` must be callable, got {type(self.embed).__name__}")
        if not takes_one_array(self.embed):
            raise TypeError("`embed` must take one array of coordinates, got another signature")
        if not isinstance(self.name, str):
            raise TypeError(f"`name` must be text, got {type(self.name).__name__}")
        widths = np.atleast_1d(as_real_array(self.half_widths, "half_widths", ndim=(0, 1)))
        widths = widths.astype(np.float64)
        if not (widths > 0).all():
            raise ValueError(f"`half_widths` must be positive, got {widths.tolist()}")
        one_of(self.shape, "shape", ("box", "ball"))
        if self.shape == "ball" and (len(widths) > 2 or np.ptp(widths) > 0):
            raise ValueError(
                "a ball must have dimension at most 2 and a single radius, got half-widths "
                f"{widths.tolist()}"
            )
        for name in ("filling_radius", "reach"):
            if getattr(self, name) is not None:
                positive(getattr(self, name), name)
        object.__setattr__(self, "half_widths", widths)

    @property
    def dim(self) -> int:
        """Dimension k of the component."""
        return len(self.half_widths)

    @property
    def bound(self) -> float:
        """The error that every autoencoder makes somewhere on the component."""
        known = [value for value in (self.filling_radius, self.reach) if value is not None]
        return max(known, default=0.0)

    def __call__(self, z: ArrayLike) -> NDArray[np.float64]:
        """Points at coordinates (n, k), shape (n, m)."""
        return self._embedded(self._coordinates(z, "z"))

    def _coordinates(self, value: ArrayLike, name: str) -> NDArray[np.float64]:
        return as_points(value, name, self.dim).astype(np.float64)

    def _embedded(self, z: NDArray) -> NDArray[np.float64]:
        points = as_points(self.embed(z), f"embed of chart {self.name!r}").astype(np.float64)
        if len(points) != len(z):
            raise ValueError(
                f"`embed` must return one point per row, got shape {points.shape} for {len(z)} rows"
            )
        return points

    def kept(self, gap: float) -> NDArray[np.float64]:
        """Half-widths of what is kept, shape (k,), for a gap in [0, π)."""
        gap = finite_number(gap, "gap")
        if not 0 <= gap < math.pi:
            raise ValueError(f"`gap` must lie in [0, pi), got {gap:g}")
        return self.half_widths * (1 - gap / math.pi)

    def jacobian(self, z: ArrayLike) -> NDArray[np.float64]:
        """Derivatives of the map, shape (n, m, k)."""
        z = self._coordinates(z, "z")
        columns = []
        for i, step in enumerate(_STEP * self.half_widths):
            ahead = np.zeros(self.dim)
            ahead[i] = step
            columns.append((self._embedded(z + ahead) - self._embedded(z - ahead)) / (2 * step))
        return np.stack(columns, axis=2)

    def push(self, z: ArrayLike, velocity: ArrayLike) -> NDArray[np.float64]:
        """Velocities in the chart, (n, k), carried to the component, (n, m)."""
        z, ahead = self._coordinates(z, "z"), self._coordinates(velocity, "velocity")
        same_length(z=z, velocity=ahead)
        ahead = _STEP * ahead
        return (self._embedded(z + ahead) - self._embedded(z - ahead)) / (2 * _STEP)

    def inward(self, z: ArrayLike) -> NDArray[np.float64]:
        r"""The smooth field :math:`-\frac{h}{\pi}\sin\frac{\pi z}{h}`, by coordinate or radius.

        It vanishes at the centre, where it points to, and on the cut, where it points from.
        """
        h, z = self.half_widths, self._coordinates(z, "z")
        if self.shape == "box":
            return -h / math.pi * np.sin(math.pi * z / h)
        return -z * np.sinc(np.linalg.norm(z, axis=1) / h[0])[:, None]

    def flowed(self, z: ArrayLike, time: float) -> NDArray[np.float64]:
        r"""Coordinates a time t later.

        .. math:: \tan\frac{\pi\zeta}{2h} = e^{-t}\tan\frac{\pi z}{2h}
        """
        h, z = self.half_widths, self._coordinates(z, "z")
        # Far back everything but the centre is on the cut, to rounding.
        shrink = math.exp(min(-finite_number(time, "time"), _LONGEST))
        radius = z if self.shape == "box" else np.linalg.norm(z, axis=1)[:, None]
        half = 0.5 * math.pi * radius / h[: radius.shape[1]]
        shrunk = np.arctan2(shrink * np.sin(half), np.cos(half)) * 2 / math.pi
        shrunk = shrunk * h[: radius.shape[1]]
        if self.shape == "box":
            return shrunk
        scale = np.full_like(radius, shrink)
        np.divide(shrunk, radius, out=scale, where=radius > 0)
        return z * scale

    def samples(self, gap: float, kept: int, removed: int) -> Samples:
        """A grid over the component with quadrature weights of its measure.

        ``kept``, at least 2, and ``removed`` are nodes along each axis, on either side of the rim
        of what is kept.
        """
        kept = positive_int(kept, "kept", minimum=2)
        removed = positive_int(removed, "removed")
        fits_in_memory(
            8.0 * (float(kept) + removed + 8) ** self.dim * 4 * (2 + self.dim) ** 2,
            f"a grid of {kept} and {removed} nodes along {self.dim} axes",
            "take fewer nodes, or raise memory_budget",
        )
        inner, outer = self.kept(gap), self.half_widths
        if self.shape == "ball" and self.dim == 2:
            return self._disc(inner[0], kept, removed)
        axes = [_axis(a, b, kept, removed) for a, b in zip(inner, outer)]
        grid = np.meshgrid(*(axis[0] for axis in axes), indexing="ij")
        z = np.stack([g.ravel() for g in grid], axis=1)
        rule = np.ones(len(z))
        inside = np.ones(len(z), bool)
        for i, (_, weight, keep) in enumerate(axes):
            shape = [1] * self.dim
            shape[i] = -1
            full = tuple(len(axis[0]) for axis in axes)
            rule *= np.broadcast_to(weight.reshape(shape), full).ravel()
            inside &= np.broadcast_to(keep.reshape(shape), full).ravel()
        return self._measured(z, rule, inside, tuple(len(axis[0]) for axis in axes))

    def _disc(self, inner: float, kept: int, removed: int) -> Samples:
        radius, rule, inside = _axis(inner, self.half_widths[0], 2 * kept, removed)
        half = radius >= 0
        radius, rule, inside = radius[half], rule[half] * radius[half], inside[half]
        turns = max(16, 4 * kept)
        angle = 2 * math.pi * (np.arange(turns) + 0.5) / turns
        z = radius[:, None, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)[None]
        weight = np.repeat(rule, turns) * 2 * math.pi / turns
        return self._measured(
            z.reshape(-1, 2), weight, np.repeat(inside, turns), (len(radius), turns)
        )

    def _measured(
        self, z: NDArray, rule: NDArray, inside: NDArray, shape: tuple[int, ...]
    ) -> Samples:
        jacobian = self.jacobian(z)
        volume = np.sqrt(np.maximum(np.linalg.det(np.swapaxes(jacobian, 1, 2) @ jacobian), 0))
        return Samples(z, self._embedded(z), rule * volume, inside, shape)


@dataclass(frozen=True, eq=False)
class Samples:
    """A grid over a component: coordinates, points, weights of its measure, and what is kept."""

    z: NDArray[np.float64]
    points: NDArray[np.float64]
    weights: NDArray[np.float64]
    kept: NDArray[np.bool_]
    shape: tuple[int, ...]


def _axis(inner: float, outer: float, kept: int, removed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Nodes, trapezoid weights and what is kept, over [-outer, outer]."""
    middle = np.linspace(-inner, inner, kept + 1 - kept % 2)
    side = np.linspace(inner, outer, max(3, removed // 2))
    nodes = np.concatenate([-side[::-1], middle, side])
    weights = np.concatenate([_trapezoid(side), _trapezoid(middle), _trapezoid(side)])
    keep = np.zeros(len(nodes), bool)
    keep[len(side) : len(side) + len(middle)] = True
    return nodes, weights, keep


def _trapezoid(nodes: NDArray) -> NDArray[np.float64]:
    step = nodes[1] - nodes[0]
    weights = np.full(len(nodes), step)
    weights[[0, -1]] *= 0.5
    return weights


def curve_chart(
    curve: ClosedCurve,
    gap: float,
    *,
    centre: float | None,
    avoid: NDArray | None,
    others: NDArray | None,
    name: str,
) -> Chart:
    """The arclength chart of a closed curve, cut open where it suits."""
    if centre is None:
        centre = _cut(curve, gap, avoid, others, name)
    start, rate = centre + math.pi, 2 * math.pi / curve.length

    def embed(z: NDArray) -> NDArray:
        return curve(start + rate * z[:, 0])

    half = np.array([0.5 * curve.length])
    return Chart(embed, half, "box", curve.filling_radius or None, curve.reach, name)


def _cut(
    curve: ClosedCurve, gap: float, avoid: NDArray | None, others: NDArray | None, name: str
) -> float:
    """The angle about which the arc is removed: where the gap is wide, and free of points."""
    angle = 2 * math.pi * np.arange(_ANGLES) / _ANGLES
    chord = np.linalg.norm(curve(angle + gap) - curve(angle - gap), axis=1)
    room = chord
    if others is not None:
        room = np.minimum(room, cKDTree(others).query(curve(angle))[0])
    free = np.ones(_ANGLES, bool)
    if avoid is not None and len(avoid):
        far, at = cKDTree(curve.nodes).query(avoid)
        # Points off this curve belong to another one, or to none.
        taken = 2 * math.pi * at[far <= 2 * curve.step] / len(curve.nodes)
        if len(taken):
            apart = np.abs(angle[:, None] - taken[None])
            apart = np.minimum(apart, 2 * math.pi - apart).min(1)
            free = apart > gap
            if not free.any():
                raise ValueError(
                    f"`gap` must leave room between the points to avoid, got {gap:.3g} on {name}, "
                    f"where an arc of half-width {apart.max():.3g} is free at most"
                )
    room = np.where(free, np.round(room, 9), -1.0)
    return float(angle[int(room.argmax())])


def sphere_chart(radius: float, centre: NDArray, hole: NDArray, name: str = "sphere") -> Chart:
    """The exponential chart of a round sphere in space from the antipode of a hole."""
    frame = np.linalg.qr(np.column_stack([-hole, np.eye(3)]))[0]
    pole = -hole
    across = frame[:, 1:3]

    def embed(z: NDArray) -> NDArray:
        far = np.linalg.norm(z, axis=1)
        part = np.sinc(far / (math.pi * radius))[:, None]
        return centre + radius * np.cos(far / radius)[:, None] * pole + part * (z @ across.T)

    return Chart(embed, np.full(2, math.pi * radius), "ball", radius, radius, name)


def torus_chart(
    major: float, minor: float, centre: NDArray, cut: NDArray, name: str = "torus"
) -> Chart:
    """Angles of a round torus in space about the third axis, as lengths; cut along two circles."""

    def embed(z: NDArray) -> NDArray:
        along, round_ = z[:, 0] / major + cut[0] + math.pi, z[:, 1] / minor + cut[1] + math.pi
        far = major + minor * np.cos(round_)
        flat = np.stack([far * np.cos(along), far * np.sin(along), minor * np.sin(round_)], axis=1)
        return centre + flat

    half = math.pi * np.array([major, minor])
    return Chart(embed, half, "box", minor, min(minor, major - minor), name)
