"""Where velocities come from: laws, functions of place and time, grids over time."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_generator, fits_in_memory, increasing, instance_of
from ridgeflow.double_continuum.defence import Defended, defended
from ridgeflow.errors import RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.geometry import ball_points
from ridgeflow.transport.flow import ContinuousDAE

__all__ = ["Source", "Velocity", "as_velocity", "region_points", "source_of"]

_SEED = 5  # of the draws that fix references and errors
_DRAWS = 2000
_PROBES = 300

Velocity = Callable[[NDArray, float], NDArray]


@dataclass(frozen=True, eq=False)
class Source:
    """A velocity field over depth, before it is represented.

    Attributes
    ----------
    dim : int
    region : Region
    velocity : callable or None
        v(x, t), (n, m); None where the field is known on grids at its own times alone.
    flow : ContinuousDAE or None
        Where the field belongs to a law.
    defence : Defended or None
        What is represented instead of the law's own velocity; errors are measured against that.
    grids : list of GridField or None
    times : ndarray or None
        Of the grids.
    steady : bool
        Whether the field does not depend on t.
    """

    dim: int
    region: Region
    velocity: Velocity | None
    flow: ContinuousDAE | None = None
    defence: Defended | None = None
    grids: list[GridField] | None = None
    times: NDArray | None = None
    steady: bool = False
    _known: dict[tuple[float, float], NDArray] = field(default_factory=dict, repr=False)

    def clock(self, t: float | NDArray) -> float | NDArray:
        """The variable in which the field is interpolated: smooth as far as the singular time."""
        if self.flow is None:
            return t
        return -np.log1p(-np.asarray(t) / self.flow.t_max)

    def time_of(self, s: NDArray) -> NDArray:
        """The inverse of the clock."""
        return s if self.flow is None else -self.flow.t_max * np.expm1(-s)

    def field_at(self, t: float) -> CallableField | GridField:
        """The velocity at one depth, in one dimension as a scalar."""
        if self.grids is not None and self.times is not None:
            return self.grids[int(np.argmin(np.abs(self.times - t)))]
        velocity = self.velocity if self.defence is None else self.defence.velocity
        assert velocity is not None

        def evaluate(x: NDArray) -> NDArray:
            return velocity(x, t) if x.shape[1] > 1 else velocity(x, t)[:, 0]

        return CallableField(evaluate, self.dim, components=self.dim)

    def points(self, t: float, n: int = _DRAWS) -> NDArray[np.float64]:
        """Where errors at depth t are measured: draws of the law there, or points of the region."""
        if self.flow is None:
            if self.grids is not None:
                nodes = self.grids[0].points()
                inside = np.flatnonzero(self.region.contains(nodes))
                rng = np.random.default_rng(_SEED)
                return nodes[rng.choice(inside, min(n, len(inside)), replace=False)]
            return region_points(self.region, n)
        x = self.flow.law(t).sample(n, rng=_SEED)
        return x[self.region.contains(x)]

    def draw(
        self, start: float, n: int, rng: int | np.random.Generator | None
    ) -> NDArray[np.float64]:
        """Draws (n, m) of the law at depth ``start`` within the region; without law, points of the
        region."""
        # Draws come in powers of two, with a number more for each where they fill a ball.
        fits_in_memory(
            48.0 * n * (self.dim + 1), f"{n} draws in dimension {self.dim}", "draw fewer points"
        )
        if self.flow is None:
            as_generator(rng)
            return region_points(self.region, n)
        generator = as_generator(rng)
        law = self.flow.law(start)
        # The region holds all but 1e-6 of the law unless the caller chose it smaller.
        kept = np.empty((0, self.dim))
        for _ in range(100):
            x = law.sample(n, rng=generator)
            kept = np.concatenate([kept, x[self.region.contains(x)]])
            if len(kept) >= n:
                return kept[:n]
        raise RegionError(
            f"the region of radius {self.region.radius:.4g} holds less than 1 % of the law "
            "(take Region.holding(law))"
        )

    def truth(self, x: NDArray, t: float) -> NDArray:
        """The velocity at points of :meth:`points` at one of the depths."""
        if self.velocity is not None:
            return self.velocity(x, t)
        grid = self.field_at(t)
        assert isinstance(grid, GridField)
        index = tuple(
            np.rint((x[:, d] - axis[0]) / grid.spacing[d]).astype(int)
            for d, axis in enumerate(grid.axes)
        )
        return np.asarray(grid.values[index], np.float64).reshape(len(x), self.dim)

    def probe(self, at: float, t: float) -> NDArray:
        """The velocity at depth t at a few points that belong to the depth ``at``, kept for when it
        is asked for again."""
        # Without a law the points are the same at all depths.
        key = (at if self.flow is not None else 0.0, t)
        if key not in self._known:
            self._known[key] = self.truth(self.points(at, _PROBES), t)
        return self._known[key]

    def check(self, t: float) -> tuple[NDArray, NDArray]:
        """Points where errors at depth t are measured, and the velocity there."""
        x = self.points(t)
        known = self._known.get((0.0, t)) if self.flow is None else None
        if known is None or not np.array_equal(x[: len(known)], self.points(t, _PROBES)):
            return x, self.truth(x, t)
        return x, np.concatenate([known, self.truth(x[len(known) :], t)])

    def numbers(self, times: NDArray) -> list:
        """What tells a source from others: region, law or grids, values at the depths' points."""
        law = None if self.flow is None else self.flow.law(0.0)
        return [
            [self.region.center, self.region.radius, self.region.margin],
            None if law is None else [law.weights, law.means, law.covariances],
            None if self.grids is None else [[*one.axes, one.values] for one in self.grids],
            [list(self.check(float(t))) for t in times],
        ]


def region_points(region: Region, n: int) -> NDArray[np.float64]:
    """Points that fill the ball of a region, the same in every run."""
    return ball_points(n, region.center, region.radius, np.random.default_rng(_SEED))


def source_of(
    law_or_field: GaussianMixture | CallableField | Sequence[GridField],
    region: Region | None,
    times: NDArray | None,
    tol: float,
) -> Source:
    """The source that a caller means; see :class:`DoubleContinuum` for what is refused."""
    if region is not None:
        instance_of(region, "region", Region, hint="Region.holding makes one")
    if isinstance(law_or_field, GaussianMixture):
        flow = ContinuousDAE(law_or_field)
        region = Region.holding(law_or_field) if region is None else region
        dim = _same_dim(law_or_field.dim, region)
        return Source(dim, region, flow.velocity, flow=flow, defence=defended(flow, region, tol))
    if isinstance(law_or_field, CallableField):
        if region is None:
            raise RegionError(
                "a field needs a `region` on which it is represented, got None "
                "(pass Region(center, radius, margin))"
            )
        _vector(law_or_field.component_shape, law_or_field.dim)
        return Source(
            _same_dim(law_or_field.dim, region),
            region,
            as_velocity(law_or_field),
            steady=not law_or_field.timed,
        )
    if isinstance(law_or_field, (list, tuple)) and all(
        isinstance(one, GridField) for one in law_or_field
    ):
        return _gridded(list(law_or_field), region, times)
    raise TypeError(
        "`law_or_field` must be a GaussianMixture, a CallableField or a list of GridFields, got "
        f"{type(law_or_field).__name__} (use kernel_density for data)"
    )


def _gridded(grids: list[GridField], region: Region | None, times: NDArray | None) -> Source:
    if times is None or len(times) != len(grids):
        raise ValueError(
            f"`times` must hold one depth for each of the {len(grids)} grids, got "
            f"{'None' if times is None else len(times)}"
        )
    first = grids[0]
    _vector(first.component_shape, first.dim)
    for i, grid in enumerate(grids):
        if grid.values.shape != first.values.shape or any(
            not np.array_equal(a, b) for a, b in zip(grid.axes, first.axes, strict=True)
        ):
            raise ValueError(
                f"the grids of `law_or_field` must share their axes, got different ones at {i}"
            )
    if region is None:
        half = 0.5 * min(float(axis[-1] - axis[0]) for axis in first.axes)
        center = np.array([0.5 * (axis[0] + axis[-1]) for axis in first.axes])
        # A third of the way from the centre to the edge is left to the window.
        region = Region(center, 2 * half / 3, (1 - 1e-9) * half / 3)
    times = increasing(times, "times")
    return Source(_same_dim(first.dim, region), region, None, grids=grids, times=times)


def _vector(shape: tuple[int, ...], dim: int) -> None:
    if shape != (dim,) and not (dim == 1 and shape == ()):
        raise ValueError(
            f"`law_or_field` must have {dim} components, one for each dimension, got component "
            f"shape {shape}"
        )


def _same_dim(dim: int, region: Region) -> int:
    if region.dim != dim:
        raise ValueError(f"`region` must have dimension {dim}, got {region.dim}")
    return dim


def as_velocity(field: CallableField) -> Velocity:
    """A field of x, or of x and t, as a function of both."""

    def evaluate(x: NDArray, t: float) -> NDArray:
        value = field(x, t) if field.timed else field(x)
        return np.asarray(value, np.float64).reshape(len(x), field.dim)

    return evaluate
