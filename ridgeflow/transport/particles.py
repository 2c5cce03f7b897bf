"""Particles in the score of a cooling mixture, each with time steps of its own."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.flows import BLOCK, flow_particles
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import fits_in_memory, positive
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.schemes import TABLEAUX
from ridgeflow.transport.ode import IntegrationStats

__all__ = ["carry_particles"]

_FIRST = 0.05  # first step of every particle, of the whole way
# Smooth trajectories take some hundreds of evaluations, at the finest tolerance some thousands.
_MOST = 60_000


def _tables(law: GaussianMixture) -> tuple[NDArray, NDArray, NDArray, NDArray, float]:
    """Weights (K,), means (m, K), rotations (m, m, K) or none, variances (m, K), (K,) or (1,) less
    the least of them, and that.
    """
    n = law.n_components
    flat = law.isotropic_variances
    if flat is not None:
        shared = n > 1 and (flat == flat[0]).all()
        variances, turns = flat[: 1 if shared else n], np.zeros((0, 0, 0))
    else:
        values, vectors = np.linalg.eigh(np.asarray(law.covariances))
        variances, turns = values.T, vectors.transpose(2, 1, 0)
    least = float(variances.min())
    tables = (law.weights, law.means.T, turns, variances - least)
    weights, means, turns, excess = (np.ascontiguousarray(each, float) for each in tables)
    return weights, means, turns, excess, least


def carry_particles(
    law: GaussianMixture,
    points: NDArray,
    t0: float,
    t1: float,
    times: NDArray,
    rtol: float,
    atol: float,
    method: str = "tsit5",
    *,
    volume: bool = True,
) -> tuple[NDArray, NDArray | None, IntegrationStats]:
    """Points along ``dφ/dt = ∇log μ_t(φ)``, ``Σ_k(t) = Σ_k − 2tI``, with their log-volume.

    Steps are taken in ``s = −log(1 − t/t_max)``, in which a normal law shrinks evenly: some two
    thirds as many as in t.

    Parameters
    ----------
    law : GaussianMixture
        The law at time 0.
    points : (n, m) ndarray
        At time t0, float64.
    t0, t1 : float
        Before the singular time.
    times : (k,) ndarray
        Between t0 and t1 in this order; the last one is t1. States in between are interpolated
        within steps.
    rtol, atol : float
        Of one step of each particle, as in :func:`~ridgeflow.transport.ode.integrate`.
    method : {"tsit5", "dopri5"}
    volume : bool
        Whether the log-volume is carried along.

    Returns
    -------
    path : (k, n, m) ndarray
    log_det : (k, n) ndarray or None
    stats : IntegrationStats
        Evaluations and steps of the particle that took most.

    Raises
    ------
    ConvergenceError
        If a particle gets stuck, or needs more than 60 000 evaluations; the message says when and
        which.
    MemoryBudgetError
        If the path does not fit.
    """
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    if rtol < 1e-13:
        raise ValueError(
            f"`rtol` must be at least 1e-13, got {rtol:g} (double precision does not hold more)"
        )
    n, m = points.shape
    size = m + 1 if volume else m
    # States and path; of the caller points as given and in float64, and densities, which are those
    # of the start and of the end, with their sums.
    fits_in_memory(
        8.0 * n * (2 * m + size + 5 + len(times) * (size + (1 if volume else 0))),
        *("the integration", "carry fewer points at a time"),
    )
    pair = TABLEAUX[method]
    states = np.zeros((n, size))
    states[:, :m] = points
    path = np.empty((len(times), n, size))
    counts = np.zeros((n, 2))
    *tables, heat = _tables(law)
    begin, *marks = (float(-np.log1p(-2 * t / heat)) for t in (t0, *times))
    if marks[-1] == begin:
        path[:] = states
    else:
        first = _FIRST * (marks[-1] - begin)
        parallel_for(
            *(
                flow_particles,
                n,
                states,
                begin,
                first,
                _MOST,
                counts,
                *tables,
                heat,
                np.array(marks),
            ),
            *(rtol, atol, pair.a, pair.c, np.array(pair.error), np.array(pair.dense), path),
            grain=2 * BLOCK,
        )
        stuck = (counts[:, 1] != marks[-1]) | ~np.isfinite(path[-1]).all(axis=1)
        if stuck.any():
            bad = int(np.flatnonzero(stuck)[0])
            reached = -0.5 * heat * np.expm1(-counts[bad, 1])
            where = (
                f"got to t = {reached:g} within {_MOST} evaluations"
                if counts[bad, 0] >= _MOST
                else f"got stuck at t = {reached:g}"
            )
            others = int(stuck.sum()) - 1
            raise ConvergenceError(
                f"the flow must reach t = {t1:g}, {where} with the point {points[bad]}"
                f"{f' and with {others} others' if others else ''} (stop earlier, loosen `rtol` "
                "and `atol`, or leave such points out)"
            )
    most = int(counts[:, 0].max()) if n else 0
    stats = IntegrationStats(pair.name, most, most // (pair.stages - 1), t1)
    return path[..., :m], path[..., m] if volume else None, stats
