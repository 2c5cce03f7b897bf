"""Regions that move with what they hold, and double continua in their coordinates."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    increasing,
    instance_of,
    positive,
    representable,
    same_length,
    within_squares,
)
from ridgeflow.double_continuum.budget import ContinuumBudget
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.velocity import as_velocity
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.region import Region
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transport.flow_result import FlowResult
from ridgeflow.transport.ode import integrate

__all__ = ["MovingContinuum", "MovingRegion"]

# The stage of a layer that may carry an affine map alone, and the inverse of its weight.
_ALONE = {"euler": (0, 1.0), "midpoint": (1, 1.0), "rk4": (0, 6.0)}


class _Spline:
    """A cubic spline of values over times, and its rate; in units in which the times span 1."""

    def __init__(self, times: NDArray, values: NDArray, name: str) -> None:
        self.start, self.span = float(times[0]), float(times[-1] - times[0])
        with np.errstate(all="ignore"):
            steps = np.diff((times - self.start) / self.span)
            # A spline bends by differences over cubes of the steps.
            bends = np.diff(values, axis=0).T / steps**3 / min(self.span, 1.0)
        if not np.isfinite(bends).all():
            raise ValueError(
                f"`{name}` must change slowly enough for rates that are representable in float64, "
                f"got up to {np.abs(values).max():g} over `times` with steps from "
                f"{np.diff(times).min():g} to {np.diff(times).max():g} (choose another unit)"
            )
        self.values = CubicSpline(np.concatenate([[0.0], np.cumsum(steps)]), values)

    def __call__(self, t: float) -> NDArray:
        return self.values((t - self.start) / self.span)

    def rate(self, t: float) -> NDArray:
        return self.values((t - self.start) / self.span, 1) / self.span


class MovingRegion:
    r"""A ball whose centre and radius change over depth, and the coordinates in which it rests.

    .. math:: x = c(t) + s(t)\,(y - c(t_0)),\qquad s(t) = r(t)/r(t_0)

    A point at rest in y moves with the region, and a velocity v(x, t) is
    :math:`u(y,t) = \bigl(v(x,t) - \dot c - \dot s\,(y - c(t_0))\bigr)/s` there.

    Parameters
    ----------
    times : array_like, shape (T,)
        Increasing depths, at least two.
    centers : array_like, shape (T, m)
    radii : array_like, shape (T,)
        Both are cubic splines between the times, the radius by its logarithm.
    margin : float
        Of the window at the first depth; it grows and shrinks with the radius.

    Attributes
    ----------
    times : ndarray, shape (T,)
    rest : Region
        The region at the first depth, and in the moving coordinates at all depths.
    dim : int

    Raises
    ------
    ValueError
        If times do not increase, shapes differ, or a radius or the margin is not positive.

    Notes
    -----
    The law of a denoising flow neither shifts its mean nor spreads: ``Region.holding(law)`` holds
    it at all depths, and nothing is gained by moving. This is for fields that carry points away.

    **Accuracy.** Coordinates are exact; the motion is as smooth as a cubic spline.
    **Cost.** That of the spline.

    See Also
    --------
    MovingContinuum, Region

    Examples
    --------
    >>> moving = MovingRegion([0.0, 1.0], [[0.0], [5.0]], [1.0, 2.0], margin=0.5)
    >>> moving.leave([[1.0]], 1.0), moving.at(1.0).radius
    (array([[7.]]), 2.0)
    """

    def __init__(
        self, times: ArrayLike, centers: ArrayLike, radii: ArrayLike, *, margin: float
    ) -> None:
        self.times = increasing(times, "times", minimum_size=2)
        middle = as_points(centers, "centers").astype(np.float64)
        size = as_real_array(radii, "radii", ndim=1).astype(np.float64)
        same_length(times=self.times, centers=middle, radii=size)
        if size.min() <= 0:
            raise ValueError(f"`radii` must be positive, got {size.min():g}")
        self.dim = middle.shape[1]
        self.rest = Region(middle[0], float(size[0]), positive(margin, "margin"))
        logarithms = np.log(size) - np.log(size[0])
        self._center = _Spline(self.times, middle, "centers")
        self._log_scale = _Spline(self.times, logarithms, "radii")

    @classmethod
    def following(
        cls,
        field: CallableField,
        points: ArrayLike,
        times: ArrayLike,
        *,
        room: float = 1.2,
        margin: float | None = None,
    ) -> MovingRegion:
        """The region that follows points along a field.

        Parameters
        ----------
        field : CallableField
            v(x) or v(x, t).
        points : array_like, shape (n, m)
            At the first of the times.
        times : array_like, shape (T,)
            Depths at which the points are looked at.
        room : float
            Radius in units of the largest distance of the points from their mean, at least 1.
        margin : float, optional
            As for the class; by default half the first radius.

        Returns
        -------
        MovingRegion

        Raises
        ------
        ValueError
            If the points coincide, or an argument is out of range.
        ConvergenceError
            If the points cannot be carried along the field.

        Examples
        --------
        >>> wind = CallableField(lambda x: np.ones_like(x), 1)
        >>> moving = MovingRegion.following(wind, [[-1.0], [1.0]], [0.0, 1.0, 2.0])
        >>> moving.at(2.0).center
        array([2.])
        """
        instance_of(field, "field", CallableField)
        x = within_squares(as_points(points, "points", field.dim).astype(np.float64), "points")
        depths = increasing(times, "times", minimum_size=2)
        room = positive(room, "room")
        if room < 1:
            raise ValueError(f"`room` must be at least 1, got {room:g} (points would lie outside)")
        path, _, _ = integrate(
            *(as_velocity(field), x, float(depths[0]), float(depths[-1])),
            rtol=1e-6,
            atol=1e-9,
            t_eval=depths[1:],
        )
        path = np.concatenate([x[None], path])
        centers = path.mean(axis=1)
        radii = room * np.linalg.norm(path - centers[:, None], axis=2).max(axis=1)
        if radii.min() <= 0:
            raise ValueError(
                f"`points` must not coincide, got {len(x)} that do at depth "
                f"{depths[int(np.argmin(radii))]:g} (their ball has no radius)"
            )
        return cls(depths, centers, radii, margin=0.5 * radii[0] if margin is None else margin)

    def _depth(self, t: float) -> float:
        """A depth between the first and the last of the region's."""
        depth = finite_number(t, "t")
        first, last = float(self.times[0]), float(self.times[-1])
        # Sums of steps miss the ends by rounding.
        slack = 1e-9 * (last - first)
        if not first - slack <= depth <= last + slack:
            raise ValueError(
                f"`t` must lie in [{first:g}, {last:g}], the depths of this region, got {depth:g} "
                "(its motion is known only there: give it more `times`)"
            )
        return min(max(depth, first), last)

    def _motion(self, t: float) -> tuple[NDArray, float, NDArray, float]:
        """Centre, scale, and their rates."""
        scale = float(np.exp(self._log_scale(t)))
        rate = scale * float(self._log_scale.rate(t))
        return self._center(t), scale, self._center.rate(t), rate

    def at(self, t: float) -> Region:
        """The region at one depth."""
        center, scale, _, _ = self._motion(self._depth(t))
        return Region(center, scale * self.rest.radius, scale * self.rest.margin)

    @representable
    def enter(self, points: ArrayLike, t: float) -> NDArray:
        """Moving coordinates y of points x at depth t, both (n, m)."""
        x = as_points(points, "points", self.dim)
        center, scale, _, _ = self._motion(self._depth(t))
        return self.rest.center + (x - center) / scale

    @representable
    def leave(self, points: ArrayLike, t: float) -> NDArray:
        """Points x with moving coordinates y at depth t, both (n, m)."""
        y = as_points(points, "points", self.dim)
        center, scale, _, _ = self._motion(self._depth(t))
        return center + scale * (y - self.rest.center)

    def field(self, field: CallableField) -> CallableField:
        """The velocity u(y, t) of a field in the moving coordinates."""
        instance_of(field, "field", CallableField)
        if field.dim != self.dim:
            raise ValueError(f"`field` must have dimension {self.dim}, got {field.dim}")
        velocity = as_velocity(field)

        def evaluate(y: NDArray, t: float) -> NDArray:
            center, scale, drift, rate = self._motion(t)
            away = y - self.rest.center
            return (velocity(center + scale * away, t) - drift - rate * away) / scale

        return CallableField(evaluate, self.dim, components=self.dim)

    def __repr__(self) -> str:
        return f"MovingRegion(depths {self.times[0]:g} to {self.times[-1]:g}, dim={self.dim})"


class MovingContinuum:
    r"""The double continuum of a field on a region that moves.

    The field is represented in the coordinates y of a :class:`MovingRegion`, in which its affine
    motion is gone; velocities, flows and networks are those of x.

    Parameters
    ----------
    field : CallableField
        v(x) or v(x, t) with as many components as dimensions.
    activation : str or Activation
    region : MovingRegion
        Its first and last depth are those of the continuum.
    ridgelet, tol
        As for :class:`DoubleContinuum`; errors are relative to u, in y.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Attributes
    ----------
    inner : DoubleContinuum
        Of u, in y.
    region : MovingRegion

    Raises
    ------
    TypeError
        If `field` is not a CallableField, or the region does not move.
    ValueError, RegionError
        As for :class:`DoubleContinuum`.

    Notes
    -----
    **Accuracy.** That of ``inner``.
    **Cost.** That of a double continuum on a region of the first size, however far it moves.

    See Also
    --------
    DoubleContinuum

    Examples
    --------
    >>> import ridgeflow as rf
    >>> wind = rf.CallableField(lambda x, t: 3.0 - np.tanh(x - 3.0 * t), 1)
    >>> moving = rf.MovingRegion([0.0, 1.0], [[0.0], [3.0]], [1.5, 1.5], margin=1.0)
    >>> limit = MovingContinuum(wind, rf.activation("tanh"), region=moving, tol=1e-3)
    >>> bool(abs(limit.velocity([[2.0]], 0.5)[0, 0] - 3.0 + np.tanh(0.5)) < 1e-3)
    True
    """

    @with_progress("moving continuum")
    def __init__(
        self,
        field: CallableField,
        activation: str | Activation,
        *,
        region: MovingRegion,
        ridgelet: Ridgelet | None = None,
        tol: float = 1e-3,
        progress: Progress = None,
    ) -> None:
        if not isinstance(field, CallableField):
            raise TypeError(
                f"`field` must be a CallableField, got {type(field).__name__} (a law's region "
                "need not move: take DoubleContinuum)"
            )
        if not isinstance(region, MovingRegion):
            raise TypeError(
                f"`region` must be a MovingRegion, got {type(region).__name__} (for one that "
                "rests take DoubleContinuum)"
            )
        if field.dim != region.dim:
            raise ValueError(f"`region` must have dimension {field.dim}, got {region.dim}")
        self.region = region
        self.inner = DoubleContinuum(
            region.field(field),
            activation,
            ridgelet=ridgelet,
            span=(float(region.times[0]), float(region.times[-1])),
            region=region.rest,
            tol=tol,
        )

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.region.dim

    def velocity(self, points: ArrayLike, t: float) -> NDArray:
        """Velocity at one depth.

        Parameters
        ----------
        points : array_like, shape (n, m)
            Points of ``region.at(t)``.
        t : float
            Depth.

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        RegionError
            If a point lies outside the region; distances are those in y.
        ValueError
            If t lies outside the depths.
        """
        t = finite_number(t, "t")
        y = self.region.enter(points, t)
        _, scale, drift, rate = self.region._motion(t)
        return scale * self.inner.velocity(y, t) + drift + rate * (y - self.region.rest.center)

    @with_progress("flow")
    def flow(
        self,
        points: ArrayLike,
        t: float,
        *,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        log_density: bool = True,
        times: ArrayLike | None = None,
        progress: Progress = None,
    ) -> FlowResult:
        r"""Flow of the represented field from the first depth to t.

        Parameters
        ----------
        points : array_like, shape (n, m)
        t : float
        rtol, atol : float
            Tolerances of the integration, for each particle, in y.
        log_density : bool
            Whether to carry :math:`-\int\nabla\cdot v` along.
        times : array_like, shape (k,), optional
            Depths at which to report trajectories.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        FlowResult

        Raises
        ------
        RegionError
            If trajectories leave the region; places are those in y.
        ConvergenceError
            If the integration fails.
        """
        start, t = float(self.region.times[0]), finite_number(t, "t")
        found = self.inner.flow(
            self.region.enter(points, start),
            t,
            rtol=rtol,
            atol=atol,
            log_density=log_density,
            times=times,
        )
        where, density = self._outside(found.points, found.log_density, t)
        if found.times is None or found.trajectory is None:
            return FlowResult(where, density, found.stats)
        paths = found.trajectory, found.trajectory_log_density
        parts = [
            self._outside(paths[0][i], None if paths[1] is None else paths[1][i], float(at))
            for i, at in enumerate(found.times)
        ]
        trajectory = np.stack([part for part, _ in parts])
        densities = [each for _, each in parts if each is not None]
        return FlowResult(
            where,
            density,
            found.stats,
            found.times,
            trajectory,
            np.stack(densities) if densities else None,
        )

    def _outside(
        self, y: NDArray, density: NDArray | None, t: float
    ) -> tuple[NDArray, NDArray | None]:
        """Points of y in x, and what the scale does to log densities."""
        if density is not None:
            density = density - self.dim * float(self.region._log_scale(t))
        return self.region.leave(y, t), density

    @with_progress("network of the moving continuum")
    def network(
        self,
        depth: int,
        width: int,
        *,
        layers: str = "euler",
        sampling: str = "sobol",
        weights: str = "least_squares",
        control: str | None = "affine",
        neurons: str | None = None,
        aim: str = "velocity",
        n_samples: int | None = None,
        rng: int | np.random.Generator | None = None,
        progress: Progress = None,
    ) -> ResidualNetwork:
        """A finite residual network: the layers of ``inner``, and one that leaves its coordinates.

        Parameters
        ----------
        depth, width, layers, sampling, weights, control, neurons, aim, n_samples, rng
            As for :meth:`DoubleContinuum.network`.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ResidualNetwork
            Of depth + 1 layers, the last of them affine with a step of 1.
        """
        inside = self.inner.network(
            depth,
            width,
            layers=layers,
            sampling=sampling,
            weights=weights,
            control=control,
            neurons=neurons,
            aim=aim,
            n_samples=n_samples,
            rng=rng,
        )
        center, scale, _, _ = self.region._motion(float(self.region.times[-1]))
        stage, factor = _ALONE[inside.scheme]
        first = inside.layers[0][0]
        nothing = np.zeros((1, self.dim))
        # x - y = (s - 1) y + c - s c_0
        linear = factor * (scale - 1) * np.eye(self.dim)
        bias = factor * (center - scale * self.region.rest.center)
        last = tuple(
            ShallowNetwork(
                nothing,
                np.zeros(1),
                nothing,
                first.activation,
                linear=linear * (index == stage),
                bias=bias * (index == stage),
            )
            for index in range(len(inside.layers[0]))
        )
        return ResidualNetwork(
            [*inside.layers, last], np.append(inside.steps, 1.0), scheme=inside.scheme
        )

    def draw(self, n: int) -> NDArray[np.float64]:
        """n points that fill the region at the first depth evenly, the same at every call."""
        return self.inner.draw(n)

    def error_budget(self) -> ContinuumBudget:
        """Estimated errors by source, relative to the norm of u, the worst over the depths."""
        return self.inner.error_budget()
