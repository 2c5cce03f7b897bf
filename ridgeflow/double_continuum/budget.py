"""Error budgets of double continua and of the networks read off from them."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import stage, steps
from ridgeflow._validate import instance_of
from ridgeflow.double_continuum.network_budget import network_errors, stepped
from ridgeflow.double_continuum.represented import Represented
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.ridgelet.errors.budget import ErrorBudget

__all__ = ["ContinuumBudget", "continuum_budget", "stepped", "warn_of_errors"]

_DRAWS = 20_000
_SEED = 17


@dataclass(frozen=True)
class ContinuumBudget(ErrorBudget):
    """Errors of a double continuum by source, relative to the velocity's norm; of a network also
    its own, relative to the RMS displacement of the flow.

    Attributes
    ----------
    total : float
        The sum of spectra, window, sampling and depth. Of a network, an upper bound of its RMS
        error over the law at the first depth, measured as a whole: errors of depth and width may
        cancel, and spectra count in both.
    window : float
        Share of the velocity that lies beyond the region, which the window cuts.
    depth : float
        Interpolation between depths; of a network, upper bound of what its steps miss with the
        exact velocity.
    width : float
        Of a network: upper bound of what its neurons miss of these steps. 0 for the continuum.
    rms, median, quantile99 : float
        Of a network: its errors as estimated, RMS, median and 99 % quantile over the law.
    worst_error : float
        Of a network: the largest error seen, the thinnest 1e-6 of the law aside.
    worst_point : tuple of float
        Where it starts; empty for the continuum.

    Notes
    -----
    **Accuracy.** Of a network: 12 500 draws of the law, of its components equally often and ever
    wider, and of small normal densities about the points that carry the error, weighted exactly;
    the bounds add two standard errors and 15 %. Over networks of 60 laws with rare regions
    ``total`` was 1.09 to 1.17 times the true RMS error (``tests/benchmarks/budget_table.py``).
    Without law points fill the ball of the region evenly. Errors where no draw comes near are not
    seen.
    **Cost.** Of a network: the flow of these draws, half a second for a law of 200 components.

    Examples
    --------
    >>> ContinuumBudget(0.3, 0.1, 0.0, 0.0, 0.0, 0.0, window=0.1, depth=0.1).width
    0.0
    """

    window: float = 0.0
    depth: float = 0.0
    width: float = 0.0
    rms: float = 0.0
    median: float = 0.0
    quantile99: float = 0.0
    worst_error: float = 0.0
    worst_point: tuple[float, ...] = ()


def continuum_budget(continuum: Represented, network: ResidualNetwork | None) -> ContinuumBudget:
    """See :meth:`DoubleContinuum.error_budget`."""
    found = None
    if network is not None:
        instance_of(network, "network", ResidualNetwork)
        if network.dim != continuum.dim:
            raise ValueError(f"`network` must have dimension {continuum.dim}, got {network.dim}")
        with stage(None, 0.0, 0.8):
            found = network_errors(continuum, network)
    low = 0.0 if found is None else 0.8
    budgets = [one.error_budget() for one in steps(continuum.representations, None, low)]
    worst = max(budgets, key=lambda b: b.total)
    parts = np.array([worst.truncation, worst.quadrature, worst.directions, worst.sampling])
    # The budget of a spectrum counts the margin of the window; what the law sees was measured.
    measured = 2 * float(continuum.errors.max())
    if parts.sum() > measured:
        parts = parts * (measured / parts.sum())
    measured = max(measured, float(parts.sum()))
    sampling = float(parts[3]) + continuum._sampling
    window = _beyond(continuum)
    total = measured + continuum._sampling + window + continuum.interpolation_error
    plain = ContinuumBudget(
        max(total, 1e-16),
        truncation=float(parts[0]),
        quadrature=float(parts[1]),
        directions=float(parts[2]),
        sampling=sampling,
        kink=worst.kink,
        window=window,
        depth=continuum.interpolation_error,
    )
    if found is None:
        return plain
    # Of a law or a function the network was measured against the flow itself. Grids are known by
    # what represents them, samples by a fit.
    unseen = continuum._sampling if continuum._source.velocity is not None else total
    return replace(
        plain,
        total=max(found.total + unseen, 1e-16),
        depth=found.depth,
        width=found.width,
        rms=found.rms,
        median=found.median,
        quantile99=found.quantile99,
        worst_error=found.worst_error,
        worst_point=found.worst_point,
    )


def _beyond(continuum: Represented) -> float:
    """Share of the velocity's norm over draws of the law that lie outside the region."""
    flow = continuum._source.flow
    if flow is None:
        return 0.0
    worst = 0.0
    for t in (continuum.times[0], continuum.times[-1]):
        x = flow.law(float(t)).sample(_DRAWS, rng=_SEED)
        out = ~continuum.region.contains(x)
        if out.any():
            truth = flow.velocity(x, float(t))
            worst = max(worst, float(np.sqrt((truth[out] ** 2).sum() / (truth**2).sum())))
    return worst


def warn_of_errors(errors: NDArray, between: float, tol: float) -> None:
    """Where representations, or the interpolation between depths, miss the tolerance."""
    worst = float(errors.max())
    if worst > tol:
        warnings.warn(
            f"the velocity has a relative error of {worst:.1e}, more than tol = {tol:g} (take "
            "a wider margin of the region, or a larger tol)",
            AccuracyWarning,
            stacklevel=4,
        )
    if between > tol:
        warnings.warn(
            f"interpolation between depths has a relative error of {between:.1e}, more than tol = "
            f"{tol:g} (pass more times, or `span` to have them chosen)",
            AccuracyWarning,
            stacklevel=4,
        )
