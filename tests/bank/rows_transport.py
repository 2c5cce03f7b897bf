"""Rows of denoisers, flows, functionals and distances."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf

from .objects import (
    covariance,
    covariances,
    grid_field,
    means,
    mixture,
    normal,
    points,
    sample_field,
    weighted_samples,
    weights,
)
from .rows import Equal, Room, in_units

room = Room("transport")


def scaled(s: float) -> rf.GaussianMixture:
    return rf.GaussianMixture(weights(), s * means(), s**2 * covariances())


# Denoisers -------------------------------------------------------------------------------------


@cache
def dae() -> rf.GaussianDAE:
    return rf.GaussianDAE(mixture(), 0.125)


@cache
def sliced_dae() -> rf.GaussianDAE:
    return rf.GaussianDAE(sample_field(), 0.25)


LAWS = {"mixture": mixture, "samples": sample_field, "weighted": weighted_samples}
for variant, law in {**LAWS, "grid": grid_field}.items():
    room.add(
        "rf.GaussianDAE",
        lambda law=law: {
            "law": law(),
            "t": 0.125,
            "covariance": np.eye(2),
            "method": "auto",
            "tol": 1e-10,
            "n_directions": 16,
        },
        out=lambda made: made(points()),
        variant=variant,
    )
for name, power in {"__call__": 1, "velocity": -1, "jacobian": 0, "potential": None}.items():

    def at(s: float, name: str = name) -> Any:
        return getattr(rf.GaussianDAE(scaled(s), 0.125, covariance=s**2 * np.eye(2)), name)(
            s * points()
        )

    for variant, made in {"mixture": dae, "samples": sliced_dae}.items():
        room.add(
            f"GaussianDAE.{name}",
            lambda: {"x": points()},
            on=made,
            variant=variant,
            equal=in_units(at, {"velocity": 1}.get(name, power))
            if power is not None and made is dae
            else (),
        )
room.add("GaussianDAE.error", lambda: {"x": points()}, on=dae)
room.add("GaussianDAE.inverse", lambda: {"y": points() / 2, "tol": 1e-12}, on=dae)
room.add("GaussianDAE.pushforward_logpdf", lambda: {"y": points() / 2}, on=dae, infinite=True)
room.add("GaussianDAE.pushforward", lambda: {"n_samples": 20, "rng": 3}, on=dae)
room.add(
    "GaussianDAE.pushforward",
    lambda: {"n_samples": 20, "rng": 3},
    on=lambda: rf.GaussianDAE(normal(), 0.125),
    variant="normal",
)


def laplace() -> Any:
    from scipy import stats

    return [stats.laplace(scale=0.5), stats.laplace(scale=0.25)]


def noisy() -> rf.DenoisingAutoencoder:
    # Made anew for each call: its generator moves on with every one.
    return rf.DenoisingAutoencoder(mixture(), laplace(), n=256, rng=0)


room.add(
    "rf.DenoisingAutoencoder",
    lambda: {"law": mixture(), "noise": laplace(), "method": "auto", "n": 256, "rng": 0},
    out=lambda made: made(points()),
)


@cache
def noisy_normally() -> rf.DenoisingAutoencoder:
    return rf.DenoisingAutoencoder(mixture(), rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25))


for name in ("__call__", "error"):
    room.add(f"DenoisingAutoencoder.{name}", lambda: {"x": points()}, on=noisy)


def noisy_in(s: float) -> Any:
    noise = rf.GaussianMixture([0.5, 0.5], [[-0.5 * s, 0.0], [0.5 * s, 0.0]], 0.25 * s**2)
    return rf.DenoisingAutoencoder(scaled(s), noise)(s * points())


room.add(
    "DenoisingAutoencoder.__call__",
    lambda: {"x": points()},
    on=lambda: rf.DenoisingAutoencoder(
        mixture(), rf.GaussianMixture([0.5, 0.5], [[-0.5, 0.0], [0.5, 0.0]], 0.25)
    ),
    variant="noise of two components",
    equal=in_units(noisy_in, 1),
)
for name in ("__call__", "jacobian"):
    room.add(
        f"DenoisingAutoencoder.{name}",
        lambda: {"x": points()},
        on=noisy_normally,
        variant="normal noise",
    )


def samples_dae(s: float, name: str) -> Any:
    """The denoiser of samples, of a grid and with weights, in other units."""
    law = rf.SampleField(s * points(20, seed=6), weights=np.arange(1.0, 21.0) / 210)
    made = rf.GaussianDAE(law, 0.25, covariance=s**2 * np.eye(2))
    return getattr(made, name)(s * points())


def repeated_dae() -> tuple[Any, Any]:
    times = np.arange(1, 21)
    plain = rf.SampleField(np.repeat(points(20, seed=6), times, axis=0))
    return tuple(rf.GaussianDAE(law, 0.25)(points()) for law in (plain, weighted_samples()))


def permuted_dae() -> tuple[Any, Any]:
    order = np.random.default_rng(0).permutation(40)
    other = rf.SampleField(points(40, seed=5)[order])
    return tuple(rf.GaussianDAE(law, 0.25)(points()) for law in (other, sample_field()))


room.add(
    "GaussianDAE.__call__",
    lambda: {"x": points()},
    on=lambda: rf.GaussianDAE(weighted_samples(), 0.25),
    variant="weighted",
    equal=(
        *in_units(lambda s: samples_dae(s, "__call__"), 1),
        Equal("samples repeated in place of weights", repeated_dae, 1e-10),
        Equal("samples in another order", permuted_dae, 1e-10),
    ),
)
room.add(
    "GaussianDAE.velocity",
    lambda: {"x": points()},
    on=lambda: rf.GaussianDAE(weighted_samples(), 0.25),
    variant="weighted",
    equal=in_units(lambda s: samples_dae(s, "velocity"), 1),
)


def turning(x: np.ndarray) -> np.ndarray:
    return (1 + 0.5 * np.sin(x))[..., None]


@cache
def position() -> rf.PositionNoiseDAE:
    return rf.PositionNoiseDAE(normal(1), 1e-3, turning)


room.add(
    "rf.PositionNoiseDAE",
    lambda: {"law": normal(1), "t": 1e-3, "covariance": turning, "nodes": 24},
    out=lambda made: made(points(4, 1)),
)
for name in ("__call__", "covariance", "velocity", "law_rate"):

    def at(s: float, name: str = name) -> Any:
        made = rf.PositionNoiseDAE(
            rf.GaussianMixture([1.0], [[0.0]], s**2), 1e-3, lambda x: s**2 * turning(x / s)
        )
        return getattr(made, name)(s * points(4, 1))

    power = {"__call__": 1, "covariance": 2, "velocity": 1, "law_rate": -1}[name]
    room.add(
        f"PositionNoiseDAE.{name}",
        lambda: {"x": points(4, 1)},
        on=position,
        # measured 2e-9, of the rate 2e-6: it has second differences of a D that is rounded
        equal=in_units(at, power, 1e-5 if name == "law_rate" else 1e-6),
    )


@cache
def deep() -> rf.DeepDAE:
    return rf.DeepDAE(mixture(), 0.125, 3, n_particles=50, rng=0)


for variant, law in {"mixture": mixture, "samples": sample_field}.items():
    room.add(
        "rf.DeepDAE",
        lambda law=law: {
            "law": law(),
            "t": 0.125,
            "depth": 3,
            "n_particles": 50,
            "rng": 0,
            "covariance": np.eye(2),
            "bandwidth": None,
            "method": "particles",
        },
        out=lambda made: made(points()),
        variant=variant,
    )
room.add("DeepDAE.push", lambda: {"x": points()}, on=deep)
for name in ("__call__", "jacobian", "trajectory"):

    def at(s: float, name: str = name) -> Any:
        made = rf.DeepDAE(
            rf.SampleField(s * points(40, seed=5)), 0.125, 3, covariance=s**2 * np.eye(2)
        )
        return getattr(made, name)(s * points())

    room.add(
        f"DeepDAE.{name}",
        lambda: {"x": points()},
        on=deep,
        equal=in_units(at, 0 if name == "jacobian" else 1),
    )


@cache
def stacked() -> rf.StackedDAE:
    return rf.StackedDAE(normal(), [0.125, 0.25], decoders())


def decoders() -> list[np.ndarray]:
    return [np.array([[2.0, 0.0], [0.5, 1.0]]), np.eye(2)]


room.add(
    "rf.StackedDAE",
    lambda: {"law": normal(), "times": np.array([0.125, 0.25]), "decoders": decoders()},
    out=lambda made: made(points()),
)
for name in ("__call__", "composed"):
    room.add(f"StackedDAE.{name}", lambda: {"x": points()}, on=stacked)
room.add("StackedDAE.encode", lambda: {"x": points(), "depth": 1}, on=stacked)
room.add("StackedDAE.decode", lambda: {"z": points(), "depth": 1}, on=stacked)

# Flows -----------------------------------------------------------------------------------------


@cache
def flowing() -> rf.ContinuousDAE:
    return rf.ContinuousDAE(mixture())


def score_field() -> rf.CallableField:
    return rf.CallableField(lambda x: -x, 2, components=2, score=True)


room.add(
    "rf.ContinuousDAE",
    lambda: {"law": mixture(), "covariance": covariance()},
    out=lambda made: made.velocity(points(), 0.0625),
)
for name in ("velocity", "divergence", "law_rate"):

    def at(s: float, name: str = name) -> Any:
        carried = rf.ContinuousDAE(scaled(s), covariance=s**2 * np.eye(2))
        return getattr(carried, name)(s * points(), 0.0625)

    room.add(
        f"ContinuousDAE.{name}",
        lambda: {"x": points(), "t": 0.0625},
        on=flowing,
        equal=in_units(at, {"velocity": 1, "divergence": 0, "law_rate": -2}[name]),
    )
room.add("ContinuousDAE.law", lambda: {"t": 0.0625}, on=flowing)
for name, first in {"flow": "x", "inverse_flow": "y"}.items():

    def at(s: float, name: str = name) -> Any:
        carried = rf.ContinuousDAE(scaled(s), covariance=s**2 * np.eye(2))
        return getattr(carried, name)(s * points(), 0.0625, rtol=1e-10, atol=s * 1e-12).points

    def shifted(name: str = name) -> tuple[Any, Any]:
        step = np.array([3.0, -2.0])
        other = rf.GaussianMixture(weights(), means() + step, covariances())
        return (
            getattr(rf.ContinuousDAE(other), name)(points() + step, 0.0625).points,
            getattr(flowing(), name)(points(), 0.0625).points + step,
        )

    room.add(
        f"ContinuousDAE.{name}",
        lambda first=first: {
            first: points(),
            "t": 0.0625,
            "rtol": 1e-8,
            "atol": 1e-10,
            "times": np.array([0.0, 0.03125, 0.0625])[:: 1 if first == "x" else -1],
            "method": "auto",
            "log_density": True,
        },
        on=flowing,
        infinite=True,
        # measured 4e-16: the same steps in all units
        equal=(*in_units(at, 1, 1e-13), Equal("shifted", shifted, 1e-6)),
        rtol=1e-6,
    )

# Functionals and distances ---------------------------------------------------------------------


def potential(x: np.ndarray) -> np.ndarray:
    return 0.5 * (x**2).sum(axis=1)


room.add(
    "rf.entropy",
    lambda: {"law": mixture(), "n": 64, "rng": 0},
    exempt={"law": ("a number", "an empty list")},
)
room.add(
    "rf.entropy",
    lambda: {"law": rf.SampleField(points(90)), "rng": 0},
    variant="samples",
    exempt={"law": ("a number", "an empty list")},
)
room.add(
    "rf.entropy",
    lambda: {"law": points(90), "n": None, "rng": 0},
    variant="array",
    equal=tuple(
        Equal(
            f"lengths times {s:g}",
            lambda s=s: (
                rf.entropy(s * points(90)).value - 2 * np.log(s),
                rf.entropy(points(90)).value,
            ),
            1e-9,
        )
        for s in (1e-6, 1e-3, 1e3, 1e6)
    ),
)
room.add(
    "rf.fisher_information",
    lambda: {"law": mixture(), "covariance": covariance(), "n": 64, "rng": 0},
    equal=in_units(lambda s: rf.fisher_information(scaled(s), n=64, rng=0).value, -2),
)
room.add(
    "rf.potential_energy",
    lambda: {"law": mixture(), "potential": potential, "n": 64, "rng": 0},
)
room.add(
    "rf.potential_energy",
    lambda: {"law": points(), "potential": potential, "n": None, "rng": None},
    variant="array",
)
room.add(
    "rf.renyi_energy",
    lambda: {"law": mixture(), "alpha": 2.0, "n": 64, "rng": 0},
    equal=in_units(lambda s: rf.renyi_energy(scaled(s), 2.0).value, -2),
)
room.add(
    "rf.wasserstein_velocity",
    lambda: {"functional": "entropy", "law": mixture(), "x": points()},
)
room.add(
    "rf.wasserstein_velocity",
    lambda: {"functional": "renyi", "law": mixture(), "x": points(), "alpha": 2.0},
    variant="renyi",
)
room.add(
    "rf.wasserstein_velocity",
    lambda: {"functional": "potential", "law": None, "x": points(), "gradient": lambda x: x},
    variant="potential",
    fixed=("law",),
)
room.add(
    "rf.jko_step",
    lambda: {"points": points(12, 1)[:, 0], "tau": 0.0625, "tol": 1e-10},
    equal=(
        *in_units(lambda s: rf.jko_step(s * points(12, 1)[:, 0], s**2 * 0.0625).points, 1, 1e-6),
        Equal(
            "points in another order",
            lambda: (
                rf.jko_step(points(12, 1)[::-1, 0], 0.0625).points,
                rf.jko_step(points(12, 1)[:, 0], 0.0625).points[::-1],
            ),
            1e-9,
        ),
        Equal(
            "points shifted",
            lambda: (
                rf.jko_step(points(12, 1)[:, 0] + 8.0, 0.0625).points,
                rf.jko_step(points(12, 1)[:, 0], 0.0625).points + 8.0,
            ),
            1e-9,
        ),
    ),
    # Where particles coincide the energy before the step is infinite.
    infinite=True,
    rtol=1e-6,
)
room.add(
    "rf.jko_step",
    lambda: {
        "points": points(5, 1)[:, 0],
        "tau": 0.5,
        "functional": "potential",
        "potential": lambda x: 0.5 * x[:, 0] ** 2,
        "gradient": lambda x: x,
    },
    variant="potential",
    rtol=1e-6,
)


def pairs(s: float = 1.0) -> dict[str, Any]:
    return {"p": s * points(8), "q": s * points(8, seed=2)}


def permuted(distance: Callable[..., Any]) -> Equal:
    def both() -> tuple[Any, Any]:
        given = pairs()
        order = np.random.default_rng(0).permutation(8)
        return distance(given["p"][order], given["q"]), distance(**given)

    return Equal("points in another order", both, 1e-11)


def repeats(distance: Callable[..., Any]) -> Equal:
    times = np.array([1, 2, 3, 2])

    def both() -> tuple[Any, Any]:
        x, y = points(4), points(8, seed=2)
        weighted = rf.SampleField(x, weights=times / 8)
        return distance(np.repeat(x, times, axis=0), y), distance(weighted, y)

    return Equal("points repeated in place of weights", both, 1e-9)


room.add(
    "rf.wasserstein2",
    lambda: {**pairs(), "method": "auto"},
    equal=(
        permuted(rf.wasserstein2),
        repeats(rf.wasserstein2),
        *in_units(lambda s: rf.wasserstein2(**pairs(s)), 1),
    ),
)
room.add(
    "rf.wasserstein2",
    lambda: {"p": normal(), "q": rf.GaussianMixture([1.0], [[1.0, 0.0]], covariance()[None])},
    variant="normals",
    kinds={"p": "object", "q": "object"},
    exempt=dict.fromkeys("pq", ("a number", "an empty list")),
)


def sliced(p: Any, q: Any) -> float:
    return rf.sliced_wasserstein2(p, q, n_directions=8).value


room.add(
    "rf.sliced_wasserstein2",
    lambda: {**pairs(), "n_directions": 8, "n": 64, "rng": 0},
    equal=(
        permuted(sliced),
        repeats(sliced),
        *in_units(lambda s: sliced(**pairs(s)), 1),
    ),
)
room.add(
    "rf.sliced_wasserstein2",
    lambda: {"p": mixture(), "q": normal(), "n_directions": 8, "n": 64, "rng": 0},
    variant="mixtures",
    kinds={"p": "object", "q": "object"},
    exempt=dict.fromkeys("pq", ("a number", "an empty list")),
)
room.add(
    "rf.bures_map",
    lambda: {"covariance1": covariance(), "covariance2": np.eye(2)},
    equal=in_units(lambda s: rf.bures_map(s**2 * covariance(), s**2 * np.eye(2)), 0),
)
# Results that only the library makes: nothing is computed from them.
for name in ("FlowResult", "Estimate", "JKOStep"):
    room.record(f"rf.{name}")
