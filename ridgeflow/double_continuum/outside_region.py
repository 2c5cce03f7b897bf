"""Refusals for regions that are too small for the flow: who leaves, when, and what would do."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.velocity import Source
from ridgeflow.errors import ConvergenceError, RegionError
from ridgeflow.transport.ode import integrate

__all__ = ["escape_error", "outside_error"]

_NAMED = 5  # particles that a refusal lists
_LOOKS = 65  # times at which trajectories are looked at
_SLACK = 1.02  # stages of a step reach beyond the trajectory


def outside_error(source: Source, x: NDArray, t: float) -> RegionError:
    """The refusal of velocities at points of which some lie outside the region."""
    region = source.region
    distance = np.linalg.norm(x - region.center, axis=1)
    out = np.flatnonzero(distance > region.radius)
    return RegionError(
        f"`points` must lie in the region of radius {region.radius:.4g}, got {len(out)} of "
        f"{len(x)} outside at depth {t:.4g}, the farthest at {distance.max():.4g} (take a Region "
        "of at least that radius)"
    )


def escape_error(source: Source, x: NDArray, start: float, end: float) -> RegionError:
    """The refusal of a flow that leaves the region: particles, depths, and a radius that does."""
    region = source.region
    distance = np.linalg.norm(x - region.center, axis=1)
    at_once = np.flatnonzero(distance > region.radius)
    if len(at_once):
        return RegionError(
            f"trajectories must start in the region of radius {region.radius:.4g}, got "
            f"{_listed(at_once)} of {len(x)} outside at depth {start:.4g}"
            + _advice(source, x, start, end)
        )
    path = _paths(source, x, start, end)
    if path is None:
        return RegionError(
            f"trajectories must stay in the region of radius {region.radius:.4g}, got some of "
            f"{len(x)} outside between the depths {start:.4g} and {end:.4g} (take a larger Region, "
            "or stop earlier)"
        )
    times, distance = path
    out = distance > region.radius
    left = np.flatnonzero(out.any(axis=0))
    if not len(left):
        # Stages of the integration went out, or the error of the velocity at the edge did it.
        left = np.array([int(distance.max(axis=0).argmax())])
        first = end
    else:
        first = float(times[int(np.flatnonzero(out.any(axis=1))[0])])
    return RegionError(
        f"trajectories must stay in the region of radius {region.radius:.4g}, got "
        f"{_listed(left)} of {len(x)} leaving it, the first about depth {first:.4g} (take "
        f"Region({region.center.round(4).tolist()}, {_SLACK * distance.max():.4g}, "
        f"{region.margin:.4g}), which holds them)"
    )


def _listed(which: NDArray) -> str:
    shown = ", ".join(str(int(i)) for i in which[:_NAMED])
    more = ", ..." if len(which) > _NAMED else ""
    return f"{len(which)} particle(s) (number {shown}{more})"


def _advice(source: Source, x: NDArray, start: float, end: float) -> str:
    path = _paths(source, x, start, end)
    region = source.region
    if path is None:
        return " (take a larger Region)"
    return (
        f" (take Region({region.center.round(4).tolist()}, {_SLACK * path[1].max():.4g}, "
        f"{region.margin:.4g}), which holds the flow)"
    )


def _paths(source: Source, x: NDArray, start: float, end: float) -> tuple[NDArray, NDArray] | None:
    """Times and distances from the centre (times, n) along the field itself, where it is known."""
    if source.velocity is None:
        return None
    times = np.linspace(start, end, _LOOKS)
    try:
        path, _, _ = integrate(
            source.velocity, x, start, end, rtol=1e-5, atol=1e-7, t_eval=times[1:]
        )
    except (ConvergenceError, ValueError):
        # The field itself cannot be followed so far, or leaves the numbers: the refusal that is
        # being written advises no radius then.
        return None
    whole = np.concatenate([x[None], path])
    return times, np.linalg.norm(whole - source.region.center, axis=2)
