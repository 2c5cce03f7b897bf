"""Small objects that the rows share; what takes long to build is built once."""

from __future__ import annotations

from functools import cache

import numpy as np

import ridgeflow as rf

from .rows import folder

__all__ = [
    "angles",
    "continuum",
    "eta",
    "grid",
    "grid_field",
    "means",
    "mixture",
    "moving",
    "network",
    "normal",
    "offsets",
    "points",
    "residual",
    "ridgelet",
    "sample_field",
    "saved",
    "spectrum",
    "velocity_field",
    "weights",
]


def points(n: int = 6, dim: int = 2, seed: int = 1) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, dim))


def weights() -> np.ndarray:
    return np.array([0.25, 0.75])


def means() -> np.ndarray:
    return np.array([[-1.0, 0.5], [1.0, -0.25]])


def covariances() -> np.ndarray:
    return np.array([[[0.5, 0.125], [0.125, 0.25]], [[0.375, 0.0], [0.0, 0.5]]])


def covariance() -> np.ndarray:
    return np.array([[1.5, 0.25], [0.25, 0.75]])


def angles() -> np.ndarray:
    return rf.directions(2, 8)[0]


def offsets() -> np.ndarray:
    return np.linspace(-4.0, 4.0, 17)


def eta() -> rf.Activation:
    return rf.activation("tanh")


@cache
def mixture() -> rf.GaussianMixture:
    return rf.GaussianMixture(weights(), means(), covariances())


@cache
def normal(dim: int = 2) -> rf.GaussianMixture:
    return rf.GaussianMixture([1.0], np.zeros((1, dim)), np.eye(dim)[None])


@cache
def line_mixture() -> rf.GaussianMixture:
    return rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], [[[0.25]], [[0.5]]])


def axis(n: int = 17, reach: float = 4.0) -> np.ndarray:
    return np.linspace(-reach, reach, n)


def image(n: int = 17) -> np.ndarray:
    x = axis(n)
    return np.exp(-0.5 * (x[:, None] ** 2 + (x[None, :] - 0.5) ** 2))


@cache
def grid_field() -> rf.GridField:
    return rf.GridField(image(), (axis(), axis()))


@cache
def sample_field() -> rf.SampleField:
    return rf.SampleField(points(40, seed=5))


@cache
def weighted_samples() -> rf.SampleField:
    return rf.SampleField(points(20, seed=6), weights=np.arange(1.0, 21.0) / 210)


@cache
def ridgelet() -> rf.Ridgelet:
    return rf.admissible_ridgelet("tanh", 2)


@cache
def grid() -> rf.ParameterGrid:
    return rf.ParameterGrid.polar(2, 8, np.geomspace(0.1, 10, 7), 3.0, 0.5)


@cache
def spectrum() -> rf.Spectrum:
    return rf.ridgelet_transform(normal(), ridgelet(), grid())


@cache
def line_spectrum() -> rf.Spectrum:
    psi = rf.admissible_ridgelet("tanh", 1)
    chosen = rf.ParameterGrid.for_field(normal(1), rf.activation("tanh"), psi, 1e-2)
    return rf.ridgelet_transform(normal(1), psi, chosen)


@cache
def plan() -> rf.RadonPlan:
    return rf.RadonPlan(grid_field(), angles(), offsets())


@cache
def network(outputs: int = 2) -> rf.ShallowNetwork:
    r = np.random.default_rng(3)
    return rf.ShallowNetwork(
        r.normal(size=(7, 2)),
        r.normal(size=7),
        r.normal(size=(7, outputs)) / 7,
        "tanh",
        linear=np.eye(2, outputs) / 8,
        bias=np.full(outputs, 0.25),
    )


@cache
def residual() -> rf.ResidualNetwork:
    return rf.ResidualNetwork([network(), network()], [0.125, 0.125])


@cache
def region() -> rf.Region:
    return rf.Region(np.zeros(2), 3.0, 1.0)


@cache
def velocity_field() -> rf.CallableField:
    return rf.CallableField(lambda x, t: -x / (1 + t), 2, components=2)


@cache
def continuum() -> rf.DoubleContinuum:
    return rf.DoubleContinuum(normal(1), rf.activation("tanh"), span=(0.0, 0.1), tol=0.05)


@cache
def moving() -> rf.MovingContinuum:
    field = rf.CallableField(lambda x, t: 2.0 + 0 * x, 1, components=1)
    where = rf.MovingRegion([0.0, 0.5, 1.0], [[0.0], [1.0], [2.0]], [1.0, 1.0, 1.0], margin=0.5)
    return rf.MovingContinuum(field, rf.activation("tanh"), region=where, tol=0.05)


@cache
def saved(kind: str):
    """A file of a spectrum, a shallow or a residual network."""
    made = {"spectrum": spectrum, "network": network, "residual": residual}[kind]()
    path = folder() / "saved" / f"{kind}.npz"
    path.parent.mkdir(exist_ok=True)
    made.save(path)
    return path
