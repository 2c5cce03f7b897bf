"""The double continuum: the flow of integral representations over depth."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import activation
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    relative_error,
    sized,
    small,
    statement,
)
from ridgeflow.transport.flow import ContinuousDAE

_PAPER = ("sonoda2017double", "sonoda2019transport")
_LAW = GaussianMixture([0.4, 0.6], [[-0.5], [0.6]], [0.2, 0.25])


def _displacement_error(found: NDArray, exact: NDArray, start: NDArray) -> float:
    """Root mean square distance over the root mean square displacement of the exact flow."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact - start))


@cache
def _continuum(count: int, tol: float) -> tuple[DoubleContinuum, float, NDArray]:
    """Representations up to half of the singular time, that time, and their depths."""
    end = 0.5 * ContinuousDAE(_LAW).t_max
    times = np.linspace(0, end, count)
    return DoubleContinuum(_LAW, activation("tanh"), times=times, tol=tol), end, times


@statement(
    "double_continuum",
    "A flow of integral representations is the continuous denoising autoencoder",
    claim="The velocity v_t = ∇log μ_t is an integral of neurons, of the spectrum R[v_t;ψ], beside "
    "an affine part, and the flow of these representations moves points as the continuous "
    "denoising autoencoder does.",
    papers=_PAPER,
    where="double continuum limit",
    reason="The representation is built for an error of 1e−3 of the velocity.",
    breaks={"the opposite velocity": {"factor": -1.0}, "half the time": {"time": 0.5}},
)
def double_continuum(effort: str, *, factor: float = 1.0, time: float = 1.0) -> Outcome:
    """Represent the velocity, and follow it."""
    exact = ContinuousDAE(_LAW)
    tol = sized(effort, 1e-3, 1e-5)
    limit, end, times = _continuum(sized(effort, 5, 9), tol)
    x = _LAW.sample(sized(effort, 100, 400), rng=0)
    comparisons = []
    for t in (times[0], times[2], 0.5 * (times[2] + times[3]), times[-1]):
        error = relative_error(limit.velocity(x, t), factor * exact.velocity(x, t))
        comparisons.append(small(f"velocity at t = {t:.3f}: relative error", error, tol))
    moved = limit.flow(x, end).points
    truth = exact.flow(x, time * end).points
    truth = x + factor * (truth - x)
    error = _displacement_error(moved, truth, x)
    comparisons.append(small("flow: error over displacement", error, tol))
    line = np.linspace(-1.2, 1.3, 101)[:, None]
    shown = limit.velocity(line, times[2])
    plot = Plot(
        "Velocity",
        "x",
        "",
        (
            Series.of("∇log μ_t", line, exact.velocity(line, times[2]), "dashed"),
            Series.of("integral representation", line[::4], shown[::4], "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))
