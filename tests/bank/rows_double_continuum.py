"""Rows of the double continuum: flows of integral representations, and networks read off them."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf

from .objects import continuum, eta, moving, normal, points
from .rows import Room

room = Room("double_continuum")


def line_points() -> np.ndarray:
    return np.linspace(-1.0, 1.0, 5)[:, None]


room.add(
    "rf.DoubleContinuum",
    lambda: {
        "law_or_field": normal(1),
        "activation": eta(),
        "ridgelet": None,
        "times": np.array([0.0, 0.0625, 0.125]),
        "span": None,
        "region": None,
        "tol": 0.05,
    },
    out=lambda made: made.velocity(line_points(), float(made.times.mean())),
    limit=10.0,
    slow=True,
)
room.add(
    "rf.DoubleContinuum",
    lambda: {
        "law_or_field": rf.CallableField(lambda x, t: -x / (1 + t), 1, components=1),
        "activation": eta(),
        "times": None,
        "span": (0.0, 0.125),
        "region": rf.Region([0.0], 2.0, 2.0),
        "tol": 0.05,
    },
    out=lambda made: made.velocity(line_points(), float(made.times.mean())),
    limit=10.0,
    slow=True,
    variant="callable",
)
room.add("DoubleContinuum.draw", lambda: {"n": 5, "rng": 0}, on=continuum)
room.add("DoubleContinuum.velocity", lambda: {"points": line_points(), "t": 0.05}, on=continuum)
room.add("DoubleContinuum.representation", lambda: {"t": 0.05}, on=continuum)
room.add("DoubleContinuum.spectrum", lambda: {"t": 0.05}, on=continuum)
room.add(
    "DoubleContinuum.flow",
    lambda: {
        "points": line_points(),
        "t": 0.05,
        "rtol": 1e-6,
        "atol": 1e-9,
        "log_density": True,
        "times": np.array([0.0, 0.025, 0.05]),
    },
    aliases={"points": ("x",)},
    on=continuum,
    rtol=1e-4,
    limit=10.0,
    slow=True,
)


def depth_and_width(**more: Any) -> dict[str, Any]:
    return {
        "depth": 2,
        "width": 10,
        "layers": "euler",
        "sampling": "sobol",
        "weights": "least_squares",
        "control": "affine",
        "neurons": "shared",
        "aim": "velocity",
        **more,
        "n_samples": 40,
        "rng": 0,
    }


room.add(
    "DoubleContinuum.network",
    lambda: depth_and_width(spacing="clock"),
    on=continuum,
    out=lambda net: net(line_points()),
    limit=10.0,
    slow=True,
    rtol=1e-6,
)
room.add(
    "DoubleContinuum.network",
    lambda: {
        **depth_and_width(spacing="even"),
        "width": 64,
        "sampling": "sobol_layers",
        "weights": "importance",
        "neurons": "per_layer",
    },
    on=continuum,
    out=lambda net: net(line_points()),
    limit=10.0,
    slow=True,
    rtol=1e-6,
    variant="drawn",
)


@cache
def drawn() -> rf.ResidualNetwork:
    return continuum().network(2, 10, n_samples=40, rng=0)


room.add(
    "DoubleContinuum.error_budget",
    lambda: {"network": drawn()},
    on=continuum,
    limit=10.0,
    slow=True,
)


def sampled() -> dict[str, Any]:
    x = points(60, 1, seed=4)
    return {"points": x, "velocities": -x}


room.add(
    "DoubleContinuum.from_samples",
    lambda: {
        **sampled(),
        "activation": eta(),
        "width": 8,
        "times": None,
        "span": (0.0, 0.125),
        "region": None,
        "tol": 0.1,
        "rng": 0,
    },
    out=lambda made: made.velocity(line_points(), float(made.times.mean())),
    limit=10.0,
    slow=True,
    rtol=1e-5,
)
room.add(
    "rf.fit_field",
    lambda: {
        **sampled(),
        "activation": eta(),
        "width": 8,
        "times": np.linspace(0.0, 1.0, 60),
        "time_degree": 2,
        "slope": 1.0,
        "ridge": 1e-6,
        "holdout": 0.125,
        "control": "affine",
        "rng": 0,
    },
    kinds={"ridge": "number"},
    # The error is NaN where nothing is held out.
    out=lambda found: found.at(sum(found.span) / 2)(line_points()),
    rtol=1e-5,
)
room.record("rf.FieldFit")
room.add(
    "FieldFit.at",
    lambda: {"t": 0.5},
    on=lambda: rf.fit_field(**sampled(), activation="tanh", width=8, ridge=1e-6, rng=0),
)
room.add(
    "rf.reconstruct_network",
    lambda: {
        **sampled(),
        "activation": eta(),
        "depth": 2,
        "width": 8,
        "time": 1.0,
        "times": np.linspace(0.0, 1.0, 60),
        "layers": "euler",
        "time_degree": 2,
        "slope": 1.0,
        "ridge": 1e-6,
        "holdout": 0.125,
        "control": "affine",
        "rng": 0,
    },
    kinds={"ridge": "number"},
    out=lambda net: net(line_points()),
    # The network is asked at points of unit size, whatever it was fitted to.
    aliases={"points": ("x",), "velocities": ("x",)},
    rtol=1e-5,
)


def region_arguments() -> dict[str, Any]:
    return {
        "times": np.array([0.0, 0.5, 1.0]),
        "centers": np.array([[0.0], [1.0], [2.0]]),
        "radii": np.array([1.0, 1.0, 1.0]),
        "margin": 0.5,
    }


def moving_region() -> rf.MovingRegion:
    return rf.MovingRegion(**region_arguments())


def stream() -> rf.CallableField:
    return rf.CallableField(lambda x, t: 2.0 + 0 * x, 1, components=1)


room.add("rf.MovingRegion", region_arguments, out=lambda made: made.at(0.25))
room.add("MovingRegion.at", lambda: {"t": 0.25}, on=moving_region)
for name in ("enter", "leave"):
    room.add(f"MovingRegion.{name}", lambda: {"points": line_points(), "t": 0.25}, on=moving_region)
room.add(
    "MovingRegion.field",
    lambda: {"field": stream()},
    on=moving_region,
    out=lambda made: made(line_points(), 0.25),
)
room.add(
    "MovingRegion.following",
    lambda: {
        "field": stream(),
        "points": line_points(),
        "times": np.array([0.0, 0.5, 1.0]),
        "room": 1.5,
        "margin": 0.5,
    },
    rtol=1e-5,
)
room.add(
    "rf.MovingContinuum",
    lambda: {
        "field": stream(),
        "activation": eta(),
        "region": moving_region(),
        "ridgelet": None,
        "tol": 0.05,
    },
    out=lambda made: made.velocity(line_points(), 0.0),
    limit=10.0,
    slow=True,
)
room.add("MovingContinuum.draw", lambda: {"n": 5}, on=moving)
room.add("MovingContinuum.velocity", lambda: {"points": line_points() / 2, "t": 0.0}, on=moving)
room.add(
    "MovingContinuum.flow",
    lambda: {
        "points": line_points() / 2,
        "t": 0.5,
        "rtol": 1e-6,
        "atol": 1e-9,
        "log_density": True,
        "times": np.array([0.0, 0.25, 0.5]),
    },
    on=moving,
    rtol=1e-4,
    limit=10.0,
    slow=True,
)
room.add(
    "MovingContinuum.network",
    lambda: depth_and_width(),
    on=moving,
    out=lambda net: net(line_points() / 2),
    limit=10.0,
    slow=True,
    rtol=1e-6,
)
room.add("MovingContinuum.error_budget", on=moving)
room.add(
    "rf.double_limit_study",
    lambda: {
        "continuum": continuum(),
        "depths": np.array([1, 2]),
        "widths": np.array([5, 10]),
        "layers": "euler",
        "ways": ("sobol", "monte_carlo"),
        "repeats": 2,
        "rng": 0,
        "progress": None,
    },
    limit=20.0,
    slow=True,
    infinite=True,
)
room.add(
    "rf.width_depth_law",
    lambda: {
        "limit": continuum(),
        "spacing": "clock",
        "control": "affine",
        "n_points": 32,
        "n_depths": 2,
    },
    out=lambda both: np.array([both.c1, both.c2, both.c_shared, both.displacement]),
    limit=20.0,
    slow=True,
)


@cache
def both() -> rf.WidthDepthLaw:
    return rf.width_depth_law(continuum(), n_points=32, n_depths=2)


room.add(
    "WidthDepthLaw.error",
    lambda: {"depth": 4, "width": 3, "neurons": "per_layer", "finite": False},
    on=both,
)
room.add("WidthDepthLaw.best", lambda: {"neurons": 100, "flops": None, "shared": False}, on=both)
room.add("WidthDepthLaw.covariance", lambda: {"x": line_points()}, on=both)
room.add("WidthDepthLaw.band", lambda: {"x": line_points(), "depth": 4, "width": 3}, on=both)


@cache
def study() -> rf.LimitStudy:
    return rf.double_limit_study(
        continuum(), depths=[1, 2], widths=[5, 10], ways=("sobol",), repeats=1, rng=0
    )


for name in ("LimitStudy", "ContinuumBudget", "WidthDepthLaw"):
    room.record(f"rf.{name}")
for name in ("plot", "table", "to_dict"):
    room.add(f"LimitStudy.{name}", on=study, infinite=True)
