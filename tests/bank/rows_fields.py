"""Rows of fields and laws."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf

from .objects import (
    axis,
    covariance,
    covariances,
    grid_field,
    image,
    means,
    mixture,
    points,
    region,
    sample_field,
    weighted_samples,
    weights,
)
from .rows import Equal, Room

room = Room("fields")
UNITS = (1e-6, 1e-3, 1e3, 1e6)


def scaled_mixture(s: float) -> rf.GaussianMixture:
    return rf.GaussianMixture(weights(), s * means(), s**2 * covariances())


def units(evaluate: Callable[..., Any], power: int) -> tuple[Equal, ...]:
    """A method of the mixture at points, in other units of length."""

    def pair(s: float) -> Callable[[], tuple[Any, Any]]:
        return lambda: (
            evaluate(scaled_mixture(s), s * points()),
            evaluate(mixture(), points()) * s**power,
        )

    return tuple(Equal(f"lengths times {s:g}", pair(s), 1e-9) for s in UNITS)


def moved() -> rf.GaussianMixture:
    return rf.GaussianMixture(weights(), means() + np.array([3.0, -2.0]), covariances())


def forms(evaluate: Callable[..., Any]) -> tuple[Equal, ...]:
    """Shifts, orders of components and points, a component written twice."""
    step = np.array([3.0, -2.0])

    def split() -> rf.GaussianMixture:
        return rf.GaussianMixture(
            np.concatenate([weights() / 2, weights() / 2]),
            np.concatenate([means(), means()]),
            np.concatenate([covariances(), covariances()]),
        )

    def swapped() -> rf.GaussianMixture:
        return rf.GaussianMixture(weights()[::-1], means()[::-1], covariances()[::-1])

    return (
        Equal(
            "shifted",
            lambda: (evaluate(moved(), points() + step), evaluate(mixture(), points())),
            1e-10,
        ),
        Equal(
            "components in another order",
            lambda: (evaluate(swapped(), points()), evaluate(mixture(), points())),
        ),
        Equal(
            "components written twice",
            lambda: (evaluate(split(), points()), evaluate(mixture(), points())),
        ),
        Equal(
            "points in another order",
            lambda: (evaluate(mixture(), points()[::-1]), evaluate(mixture(), points())[::-1]),
        ),
    )


def laws() -> dict[str, Any]:
    return {"weights": weights(), "means": means(), "covariances": covariances()}


@cache
def smooth_mixture() -> rf.GaussianMixture:
    """Equal isotropic covariances, which fast sums need."""
    return rf.GaussianMixture(np.full(50, 0.02), points(50, seed=9), 0.25)


room.add("rf.GaussianMixture", laws)
room.add(
    "rf.GaussianMixture",
    lambda: {"weights": [0.5, 0.5], "means": means(), "covariances": 0.5},
    variant="one variance",
)
for name, power in {"pdf": -2, "logpdf": None, "score": -1}.items():

    def of(law: Any, x: np.ndarray, name: str = name) -> Any:
        return getattr(law, name)(x)

    for method in ("auto", "fast", "exact") if name == "pdf" else ("auto",):
        room.add(
            f"GaussianMixture.{name}",
            lambda method=method: {"x": points(), "method": method, "tol": 1e-10},
            on=smooth_mixture if method == "fast" else mixture,
            # A density may vanish, and its logarithm be minus infinity, far away.
            infinite=name == "logpdf",
            equal=() if method != "auto" else (*(units(of, power) if power else ()), *forms(of)),
            variant=method,
        )
room.add(
    "GaussianMixture.posterior_mean",
    lambda: {"x": points(), "covariance": covariance() / 4, "method": "auto", "tol": 1e-10},
    on=mixture,
)
for name in ("responsibilities", "score_jacobian"):

    def of(law: Any, x: np.ndarray, name: str = name) -> Any:
        return getattr(law, name)(x)

    room.add(
        f"GaussianMixture.{name}",
        lambda: {"x": points()},
        on=mixture,
        equal=(
            *units(of, 0 if name == "responsibilities" else -2),
            *(() if name == "responsibilities" else forms(of)),
        ),
    )
room.add("GaussianMixture.sample", lambda: {"n": 5, "rng": 3}, on=mixture)
for name, factor in {"smooth": 0.25, "shrink": 1 / 32}.items():
    room.add(
        f"GaussianMixture.{name}",
        lambda factor=factor: {"covariance": factor * covariance()},
        on=mixture,
    )


def repeated(build: Callable[[rf.SampleField], Any]) -> Equal:
    """Samples repeated in place of weights."""
    times = np.array([1, 2, 3, 1, 3, 2])

    def both() -> tuple[Any, Any]:
        x = points()
        weighted = rf.SampleField(x, weights=times / times.sum())
        return build(rf.SampleField(np.repeat(x, times, axis=0))), build(weighted)

    return Equal("samples repeated in place of weights", both)


def at_points(law: rf.GaussianMixture) -> np.ndarray:
    return law.pdf(points(4, seed=7))


room.add("rf.SampleField", lambda: {"points": points(), "values": None, "weights": None})
room.add(
    "rf.SampleField",
    lambda: {"points": points(), "values": points()[:, 0], "weights": np.full(6, 0.25)},
    variant="values",
)
room.add("SampleField.sample", lambda: {"n": 5, "rng": 3}, on=weighted_samples)
room.add(
    "SampleField.smooth",
    lambda: {"covariance": covariance() / 4},
    on=sample_field,
    equal=(repeated(lambda field: at_points(field.smooth(0.25 * np.eye(2)))),),
)
room.add("rf.GridField", lambda: {"values": image(), "axes": (axis(), axis())})
room.add(
    "GridField.from_function",
    lambda: {"fn": lambda x: np.exp(-np.abs(x).max(axis=1)), "axes": (axis(7), axis(9))},
    # Rounded coordinates are uniform within the precision in which they came, and in no other.
    exempt={"axes": ("first float16", "first float32")},
)
room.add("GridField.points", on=grid_field)
room.add(
    "rf.CallableField",
    lambda: {"fn": lambda x: -x, "dim": 2, "components": 2, "score": True},
    # The function is asked at the first evaluation.
    call=lambda **named: rf.CallableField(**named)(np.zeros((3, named["dim"]))),
)
room.add(
    "CallableField.__call__",
    lambda: {"x": points(), "t": 0.5},
    aliases={"t": ("fn",)},  # at t = -1 this one is infinite
    on=lambda: rf.CallableField(lambda x, t: -x / (1 + t), 2, components=2),
)
room.add(
    "rf.kernel_density",
    lambda: {"points": points(12), "bandwidth": 0.5},
    equal=tuple(
        Equal(
            f"lengths times {s:g}",
            lambda s=s: (
                rf.kernel_density(s * points(12)).pdf(s * points(4, seed=7)) * s**2,
                rf.kernel_density(points(12)).pdf(points(4, seed=7)),
            ),
            1e-9,
        )
        for s in UNITS
    ),
)
room.add("rf.Region", lambda: {"center": np.zeros(2), "radius": 3.0, "margin": 1.0})
for name in ("__call__", "contains", "gradient"):
    room.add(f"Region.{name}", lambda: {"x": points()}, on=region)
for variant, law in {"mixture": mixture, "samples": sample_field}.items():
    room.add(
        "Region.holding",
        lambda law=law: {"law": law(), "fraction": 0.999, "margin": None, "rng": 0},
        variant=variant,
    )
