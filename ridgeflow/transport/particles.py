"""Particles in the score of a cooling mixture, each with time steps of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.flows import BLOCK, flow_particles
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import fits_in_memory, positive
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.transport.ode import IntegrationStats
from ridgeflow.transport.tableaux import TABLEAUX

__all__ = ["carry_particles"]


def _tables(law: GaussianMixture) -> tuple[NDArray, NDArray, NDArray, NDArray]:
    """Weights (K,), means (m, K), rotations (m, m, K) or none, variances (m, K), (1, K), (1, 1)."""
    n = law.n_components
    flat = law.isotropic_variances
    if flat is not None:
        shared = n > 1 and (flat == flat[0]).all()
        variances, turns = flat[None, : 1 if shared else n], np.zeros((0, 0, 0))
    else:
        values, vectors = np.linalg.eigh(np.asarray(law.covariances))
        variances, turns = values.T, vectors.transpose(2, 1, 0)
    tables = (law.weights, law.means.T, turns, variances)
    weights, means, turns, variances = (np.ascontiguousarray(each, float) for each in tables)
    return weights, means, turns, variances


def carry_particles(
    law: GaussianMixture,
    points: NDArray,
    t0: float,
    t1: float,
    times: NDArray,
    rtol: float,
    atol: float,
    method: str = "tsit5",
) -> tuple[NDArray, NDArray, IntegrationStats]:
    """Points along ``dφ/dt = ∇log μ_t(φ)``, ``Σ_k(t) = Σ_k − 2tI``, with their log-volume.

    Parameters
    ----------
    law : GaussianMixture
        The law at time 0.
    points : (n, m) ndarray
        At time t0, float64.
    t0, t1 : float
        Before the singular time.
    times : (k,) ndarray
        Between t0 and t1 in this order; the last one is t1.
    rtol, atol : float
        Of one step of each particle, as in :func:`~ridgeflow.transport.ode.integrate`.
    method : {"tsit5", "dopri5"}

    Returns
    -------
    path : (k, n, m) ndarray
    log_det : (k, n) ndarray
    stats : IntegrationStats
        Evaluations and steps of the particle that took most.

    Raises
    ------
    ConvergenceError
        If a particle gets stuck; the message says when and which.
    MemoryBudgetError
        If the path does not fit.
    """
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    if rtol < 1e-13:
        raise ValueError(
            f"`rtol` must be at least 1e-13, got {rtol:g} (double precision does not hold more)"
        )
    n, m = points.shape
    fits_in_memory(
        8.0 * n * (m + 1) * (len(times) + 2), "the integration", "carry fewer points at a time"
    )
    pair = TABLEAUX[method]
    states = np.zeros((n, m + 1))
    states[:, :m] = points
    path = np.empty((len(times), n, m + 1))
    counts = np.zeros((n, 2))
    steps = np.full(n, 0.05 * (t1 - t0))
    begin = t0
    tables = _tables(law)
    for index, end in enumerate(times):
        if end != begin:
            parallel_for(
                *(flow_particles, n, states, steps, counts, *tables, begin, float(end)),
                *(rtol, atol, pair.a, pair.c, np.array(pair.error)),
                grain=2 * BLOCK,
            )
            if (steps == 0).any() or not np.isfinite(states).all():
                stuck = (steps == 0) | ~np.isfinite(states).all(axis=1)
                bad = int(np.flatnonzero(stuck)[0])
                raise ConvergenceError(
                    f"the flow must reach t = {t1:g}, got stuck at t = {counts[bad, 1]:g} with the "
                    f"point {points[bad]} (stop earlier, or loosen `rtol` and `atol`)"
                )
        path[index] = states
        begin = float(end)
    most = int(counts[:, 0].max()) if n else 0
    stats = IntegrationStats(pair.name, most, most // (pair.stages - 1), t1)
    return path[..., :m], path[..., m], stats
