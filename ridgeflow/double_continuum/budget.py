"""Error budgets of double continua and of the networks read off from them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import instance_of
from ridgeflow.columns import rms
from ridgeflow.double_continuum.represented import Represented
from ridgeflow.double_continuum.velocity import Velocity
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.ridgelet.errors.budget import ErrorBudget
from ridgeflow.schemes import SCHEMES

__all__ = ["ContinuumBudget", "continuum_budget", "stepped"]

_DRAWS = 1000
_SEED = 17


@dataclass(frozen=True)
class ContinuumBudget(ErrorBudget):
    """Errors of a double continuum by source, relative to the velocity's norm; of a network also
    those of width and depth, relative to the RMS displacement of the flow.

    Attributes
    ----------
    window : float
        Share of the velocity that lies beyond the region, which the window cuts.
    depth : float
        Interpolation between depths; of a network, its steps.
    width : float
        Of a network: its finitely many neurons. 0 for the continuum.
    total : float
        The sum of spectra, window, sampling, depth and width.

    Examples
    --------
    >>> ContinuumBudget(0.3, 0.1, 0.0, 0.0, 0.0, 0.0, window=0.1, depth=0.1).width
    0.0
    """

    window: float = 0.0
    depth: float = 0.0
    width: float = 0.0


def continuum_budget(continuum: Represented, network: ResidualNetwork | None) -> ContinuumBudget:
    """See :meth:`DoubleContinuum.error_budget`."""
    budgets = [one.error_budget() for one in continuum.representations]
    worst = max(budgets, key=lambda b: b.total)
    parts = np.array([worst.truncation, worst.quadrature, worst.directions, worst.sampling])
    # The budget of a spectrum counts the margin of the window; what the law sees was measured.
    measured = 2 * float(continuum.errors.max())
    if parts.sum() > measured:
        parts = parts * (measured / parts.sum())
    measured = max(measured, float(parts.sum()))
    sampling = float(parts[3]) + continuum._sampling
    window = _beyond(continuum)
    depth, width = continuum.interpolation_error, 0.0
    if network is not None:
        instance_of(network, "network", ResidualNetwork)
        if network.dim != continuum.dim:
            raise ValueError(f"`network` must have dimension {continuum.dim}, got {network.dim}")
        steps, width = _network_errors(continuum, network)
        depth += steps
    total = measured + continuum._sampling + window + depth + width
    return ContinuumBudget(
        max(total, 1e-16),
        float(parts[0]),
        float(parts[1]),
        float(parts[2]),
        sampling,
        worst.kink,
        window=window,
        depth=depth,
        width=width,
    )


def _beyond(continuum: Represented) -> float:
    """Share of the velocity's norm over draws of the law that lie outside the region."""
    flow = continuum._source.flow
    if flow is None:
        return 0.0
    worst = 0.0
    for t in (continuum.times[0], continuum.times[-1]):
        x = flow.law(float(t)).sample(20 * _DRAWS, rng=_SEED)
        out = ~continuum.region.contains(x)
        if out.any():
            truth = flow.velocity(x, float(t))
            worst = max(worst, float(np.sqrt((truth[out] ** 2).sum() / (truth**2).sum())))
    return worst


def _network_errors(continuum: Represented, network: ResidualNetwork) -> tuple[float, float]:
    """Errors of steps and of neurons, relative to the displacement of the flow."""
    x = continuum.draw(_DRAWS, _SEED)
    first = float(continuum.times[0])
    end = first + float(network.steps.sum())
    target = continuum.flow(x, end, rtol=1e-7, atol=1e-9, log_density=False).points
    size = rms(target - x) or 1.0
    last = float(continuum.times[-1])
    exact = stepped(continuum.velocity, network.scheme, network.steps, x, first, last)
    return rms(exact - target) / size, rms(network(x) - exact) / size


def stepped(
    velocity: Velocity, scheme: str, steps: NDArray, x: NDArray, first: float, last: float
) -> NDArray:
    """The steps of a network's scheme with a velocity for its fields."""
    method = SCHEMES[scheme]
    t = first
    for step in steps.tolist():

        def slope(stage: int, at: NDArray, t: float = t, step: float = step) -> NDArray:
            return velocity(at, min(t + float(method.c[stage]) * step, last))

        x = method.step(slope, x, step)
        t += step
    return x
