"""Rows of the closed forms, and how they change with the unit of length."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ridgeflow as rf
from ridgeflow import closed_forms as cf

from .objects import angles, covariance, covariances, means, offsets, points, weights
from .rows import Equal, Room

room = Room("closed_forms")
UNITS = (1e-6, 1e-3, 1e3, 1e6)


def units(function: Callable[..., Any], arguments: Callable[[], dict], **powers: float):
    """Lengths multiplied by s: each argument by s to its power, the result by s**result."""
    result = powers.pop("result", 0)

    def pair(s: float) -> Callable[[], tuple[Any, Any]]:
        def both() -> tuple[Any, Any]:
            clean = arguments()
            other = {
                name: value * s ** powers[name] if powers.get(name) else value
                for name, value in arguments().items()
            }
            return function(**other), function(**clean) * s**result

        return both

    return tuple(Equal(f"lengths times {s:g}", pair(s), 1e-9) for s in UNITS)


def mean() -> np.ndarray:
    return np.array([0.5, -0.25])


def wave() -> np.ndarray:
    return points(5, seed=2)


def slopes() -> np.ndarray:
    return np.array([[0.5, 1.0], [1.5, -0.75], [-2.0, 0.25]])


def levels() -> np.ndarray:
    return np.array([0.25, -0.5, 1.0])


def psi() -> rf.Ridgelet:
    return rf.Ridgelet(2, 2)


def add(name: str, arguments: Callable[[], dict], unit: dict | None = None, **options: Any) -> None:
    function = getattr(cf, name)
    equal = options.pop("equal", ())
    if unit is not None:
        equal = (*equal, *units(function, arguments, **unit))
    room.add(f"closed_forms.{name}", arguments, equal=equal, **options)


def law() -> dict:
    return {"mean": mean(), "covariance": covariance()}


def laws() -> dict:
    return {"weights": weights(), "means": means(), "covariances": covariances()}


def lines() -> dict:
    return {"directions": angles(), "offsets": offsets()}


LAW = {"mean": 1, "covariance": 2}
LAWS = {"means": 1, "covariances": 2}

add("radon_gaussian", lambda: {**lines(), **law()}, {"offsets": 1, **LAW, "result": -1})
add("radon_gaussian_mixture", lambda: {**lines(), **laws()}, {"offsets": 1, **LAWS, "result": -1})
add(
    "radon_ball",
    lambda: {**lines(), "center": mean(), "radius": 1.5},
    {"offsets": 1, "center": 1, "radius": 1, "result": 1},
)
add(
    "radon_ellipse",
    lambda: {**lines(), "center": mean(), "semi_axes": np.array([1.5, 0.5]), "angle": 0.5},
    {"offsets": 1, "center": 1, "semi_axes": 1, "result": 1},
)
add(
    "radon_ellipsoid",
    lambda: {**lines(), "center": mean(), "axes": np.eye(2), "semi_axes": np.array([1.5, 0.5])},
    {"offsets": 1, "center": 1, "semi_axes": 1, "result": 1},
)
add("radon_shepp_logan", lambda: {**lines(), "contrast": "modified"})
add("shepp_logan", lambda: {"points": points() / 4, "contrast": "modified"})
add("shepp_logan_ellipses", lambda: {"contrast": "modified"})
add("gaussian_phantom", lambda: {"contrast": "modified"})
add("fourier_shepp_logan", lambda: {"xi": wave(), "contrast": "modified"})
add("fourier_gaussian", lambda: {"xi": wave(), **law()}, {"xi": -1, **LAW})
add("fourier_gaussian_mixture", lambda: {"xi": wave(), **laws()}, {"xi": -1, **LAWS})
add(
    "fourier_ball",
    lambda: {"xi": wave(), "center": mean(), "radius": 1.5},
    {"xi": -1, "center": 1, "radius": 1, "result": 2},
)
add(
    "fourier_ellipsoid",
    lambda: {
        "xi": wave(),
        "center": mean(),
        "axes": np.eye(2),
        "semi_axes": np.array([1.5, 0.5]),
    },
    {"xi": -1, "center": 1, "semi_axes": 1, "result": 2},
)
add("fourier_sine", lambda: {"xi": np.array([0.5, -1.0, 2.0]), "cycles": 2})
add(
    "gaussian_mixture_density",
    lambda: {"points": points(), **laws()},
    {"points": 1, **LAWS, "result": -2},
)
add("normal_entropy", lambda: {"covariance": covariance()})
add(
    "normal_fisher_information",
    lambda: {"covariance": covariance(), "noise_covariance": np.eye(2)},
)
add(
    "normal_wasserstein2",
    lambda: {
        "mean1": mean(),
        "covariance1": covariance(),
        "mean2": -mean(),
        "covariance2": np.eye(2),
    },
    {"mean1": 1, "covariance1": 2, "mean2": 1, "covariance2": 2, "result": 1},
)
for name in ("normal_denoise", "normal_flow", "normal_flow_log_density"):
    add(
        name,
        lambda: {"points": points(), **law(), "t": 0.125, "noise_covariance": np.eye(2)},
        None
        if name == "normal_flow_log_density"
        else {"points": 1, **LAW, "noise_covariance": 2, "result": 1},
    )
for name in ("normal_denoise_covariance", "normal_flow_covariance"):
    add(
        name,
        lambda: {"covariance": covariance(), "t": 0.125, "noise_covariance": np.eye(2)},
        {"covariance": 2, "noise_covariance": 2, "result": 2},
    )
add(
    "normal_singular_time",
    lambda: {"covariance": covariance(), "noise_covariance": np.eye(2)},
    {"covariance": 2, "noise_covariance": 2},
)
add(
    "mixture_singular_time",
    lambda: {"covariances": covariances(), "noise_covariance": np.eye(2)},
    {"covariances": 2, "noise_covariance": 2},
)
add(
    "mixture_backward_heat",
    lambda: {**laws(), "t": 0.0625, "noise_covariance": np.eye(2)},
)
add(
    "mixture_denoise",
    lambda: {"points": points(), **laws(), "t": 0.125, "noise_covariance": np.eye(2)},
    {"points": 1, **LAWS, "noise_covariance": 2, "result": 1},
)


def sampled() -> dict:
    return {
        "points": points(),
        "samples": points(9, seed=4),
        "t": 0.25,
        "weights": np.arange(1.0, 10.0),
        "noise_covariance": np.eye(2),
    }


def repeated() -> tuple[Any, Any]:
    given = sampled()
    times = given.pop("weights").astype(int)
    given["samples"] = np.repeat(given["samples"], times, axis=0)
    return cf.empirical_denoise(**given), cf.empirical_denoise(**sampled())


def permuted() -> tuple[Any, Any]:
    given = sampled()
    order = np.random.default_rng(0).permutation(9)
    given["samples"], given["weights"] = given["samples"][order], given["weights"][order]
    return cf.empirical_denoise(**given), cf.empirical_denoise(**sampled())


def shifted() -> tuple[Any, Any]:
    given = sampled()
    step = np.array([3.0, -2.0])
    given["samples"], given["points"] = given["samples"] + step, given["points"] + step
    return cf.empirical_denoise(**given), cf.empirical_denoise(**sampled()) + step


add(
    "empirical_denoise",
    sampled,
    {"points": 1, "samples": 1, "noise_covariance": 2, "result": 1},
    equal=(
        Equal("samples repeated in place of weights", repeated),
        Equal("samples in another order", permuted),
        Equal("all shifted", shifted),
    ),
)
add(
    "deep_normal_denoise",
    lambda: {"points": points(), **law(), "t": 0.125, "depth": 3},
)
add("deep_normal_slope", lambda: {"variances": np.array([0.5, 2.0]), "t": 0.125, "depth": 3})
add(
    "deep_normal_variances",
    lambda: {"variances": np.array([0.5, 2.0]), "step": 0.125, "depth": 3},
)
PLANES = {"a": -1, "result": 2}
add(
    "ridgelet_gaussian",
    lambda: {"a": slopes(), "b": levels(), "ridgelet": psi(), **law()},
    {"a": -1, **LAW},
)
for name in ("ridgelet_gaussian_mixture", "ridgelet_gaussian_mixture_gradient"):
    add(
        name,
        lambda: {"a": slopes(), "b": levels(), "ridgelet": psi(), **laws()},
        {"a": -1, **LAWS, "result": -1 if name.endswith("gradient") else 0},
    )
add(
    "ridgelet_ellipsoid",
    lambda: {
        "a": slopes(),
        "b": levels(),
        "ridgelet": psi(),
        "center": mean(),
        "axes": np.eye(2),
        "semi_axes": np.array([1.5, 0.5]),
    },
    {"a": -1, "center": 1, "semi_axes": 1, "result": 2},
)
add(
    "ridgelet_interval",
    lambda: {
        "a": np.array([0.5, -1.5, 2.0]),
        "b": levels(),
        "ridgelet": rf.Ridgelet(1, 2),
        "left": -0.5,
        "right": 1.25,
    },
    {"a": -1, "left": 1, "right": 1, "result": 1},
)
