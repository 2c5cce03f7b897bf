"""Many particles in the score of a cooling kernel density: steps together, scores by fast sums."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import alone
from ridgeflow._validate import fits_in_memory, positive
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.normal_sums import LARGEST_DIM, WORTH, plan_sums
from ridgeflow.schemes import TABLEAUX
from ridgeflow.transport.ode import IntegrationStats

__all__ = ["carry_many", "pays", "require_shared"]

_FIRST = 0.02  # first step, of the whole way
# Share of the particles that may need shorter steps than the others: they go by themselves.
_ALONE = 0.01
# The error of a sum, of the tolerance: what is left must not look like an error of the step.
_SUMS, _LEAST_TOL, _MOST_TOL = 1e-2, 1e-13, 1e-3
# Halvings of a step for particles that need shorter ones.
_DEPTH = 30
# Evaluations by sums for one of all pairs in steps of each particle's own, measured.
_SHARED = 3.0


class _Law:
    """The law on its way, in the clock ``s = −log(1 − t/t_max)``."""

    def __init__(self, law: GaussianMixture, tol: float) -> None:
        self.weights, self.means, self.tol = law.weights, law.means, tol
        values, self.vectors = np.linalg.eigh(law.covariances[0])
        self.heat = float(values[0])
        self.excess = values - values[0]
        self.evaluations = 0

    def at(self, s: float) -> GaussianMixture:
        """The narrowest axes have the variance ``heat e^{−s}``, without cancellation."""
        variances = self.excess + self.heat * math.exp(-s)
        covariance = (self.vectors * variances) @ self.vectors.T
        return GaussianMixture(self.weights, self.means, 0.5 * (covariance + covariance.T))

    def drift(self, points: NDArray, s: float) -> NDArray:
        """``∇log μ dt/ds``."""
        self.evaluations += 1
        score = self.at(s).score(points, tol=self.tol)
        return score * (0.5 * self.heat * math.exp(-s))


def _served(law: GaussianMixture) -> bool:
    return law.shared_covariance and law.dim <= LARGEST_DIM


def require_shared(law: GaussianMixture) -> None:
    """Refuse laws that fast sums do not serve."""
    if not _served(law):
        raise ValueError(
            f"`method` must be 'auto' or 'ode' for this mixture, got 'fast' with {law.dim} "
            f"variables and {'one covariance' if law.shared_covariance else 'several covariances'} "
            f"(it needs at most {LARGEST_DIM} variables and a covariance that all components share)"
        )


def pays(law: GaussianMixture, points: NDArray, t0: float, t1: float) -> bool:
    """Whether steps together with fast sums cost less than steps of each particle's own."""
    pairs = float(len(points)) * law.n_components
    if not _served(law) or pairs < WORTH:
        return False
    moving = _Law(law, 1e-8)
    cost = 0.0
    for t in (t0, t1):
        covariance = moving.at(-math.log1p(-2 * t / moving.heat)).covariances[0]
        whiten = np.linalg.inv(np.linalg.cholesky(covariance)).T
        plan = plan_sums(points @ whiten, law.means @ whiten, moving.tol)
        cost += 0.5 * plan.cost
    return cost * _SHARED < pairs


class _Carried:
    """Particles, their slopes, and their states at the marks that they have passed."""

    def __init__(
        self, law: _Law, points: NDArray, begin: float, marks: NDArray, rtol: float, atol: float
    ) -> None:
        self.law, self.rtol, self.atol = law, rtol, atol
        self.begin = begin
        self.tell: Callable[[float], None] = lambda share: None
        self.y = points.copy()
        self.slope = law.drift(points, begin)
        self.marks = marks
        self.path = np.empty((len(marks), *points.shape))
        self.steps = 0
        self.pair = TABLEAUX["tsit5"]

    def advance(self, who: NDArray, s: float, end: float, h: float, depth: int) -> None:
        """Bring some particles from the clock s to ``end``, with a first step h."""
        toward = math.copysign(1.0, end - s)
        while toward * (end - s) > 0:
            last = toward * (s + 1.0000001 * h - end) >= 0
            step = end - s if last else h
            until = end if last else s + step
            slopes, trial, error = self._attempt(who, s, step)
            self.steps += 1
            # What most of them allow decides; those few for which it is too long go by themselves.
            spare = int(_ALONE * len(who)) if depth else 0
            worst = float(np.partition(error, len(error) - 1 - spare)[len(error) - 1 - spare])
            if worst <= 1:
                self._accept(who, error <= 1, s, step, slopes, trial)
                late = who[~(error <= 1)]
                if len(late):
                    self.advance(late, s, until, 0.5 * step, depth - 1)
                s = until
                if depth == _DEPTH:
                    self.tell((s - self.begin) / (end - self.begin))
            factor = min(5.0, max(0.1, 0.9 * (worst + 1e-20) ** -0.2)) if worst == worst else 0.1
            h = toward * abs(step) * factor
            if abs(h) < 1e-14 * max(1.0, abs(s)):
                raise _Stuck(s, self.y[who[int(np.argmax(error))]])

    def _attempt(self, who: NDArray, s: float, h: float) -> tuple[list[NDArray], NDArray, NDArray]:
        """Slopes of the stages, the states after a step, and errors in units of the tolerance."""
        pair, y = self.pair, self.y[who]
        slopes = [self.slope[who]]
        trial = y
        for stage in range(1, pair.stages):
            row = pair.a[stage]
            trial = y + h * sum(row[i] * slopes[i] for i in range(stage))
            if not np.isfinite(trial).all():
                return slopes, trial, np.full(len(who), np.inf)
            slopes.append(self.law.drift(trial, s + pair.c[stage] * h))
        found = h * sum(w * k for w, k in zip(pair.error, slopes, strict=True) if w)
        scale = self.atol + self.rtol * np.maximum(np.abs(y), np.abs(trial))
        return slopes, trial, np.sqrt(np.mean((found / scale) ** 2, axis=1))

    def _accept(
        self, who: NDArray, good: NDArray, s: float, h: float, slopes: list[NDArray], end: NDArray
    ) -> None:
        """Move those whose step is good, and interpolate it at the marks within."""
        place = (self.marks - s) / h
        dense = np.array(self.pair.dense)
        some = who[good]
        for mark in np.flatnonzero((place > 0) & (place <= 1)):
            share = dense @ place[mark] ** np.arange(1, dense.shape[1] + 1)
            change = sum(w * k[good] for w, k in zip(share, slopes, strict=True))
            self.path[mark, some] = self.y[some] + h * change
        self.y[some] = end[good]
        self.slope[some] = slopes[-1][good]


class _Stuck(Exception):
    def __init__(self, clock: float, point: NDArray) -> None:
        super().__init__(clock, point)
        self.clock, self.point = clock, point


def carry_many(
    law: GaussianMixture,
    points: NDArray,
    t0: float,
    t1: float,
    times: NDArray,
    rtol: float,
    atol: float,
) -> tuple[NDArray, IntegrationStats]:
    """Points along ``dφ/dt = ∇log μ_t(φ)``, ``Σ(t) = Σ − 2tI``, for components of one covariance.

    As :func:`~ridgeflow.transport.particles.carry_particles` (Tsitouras 5(4) in
    ``s = −log(1 − t/t_max)``), but with steps that most particles share, and scores by sums of
    O(n + K) each. Particles that need shorter steps take them by themselves, between the same
    times.

    Parameters
    ----------
    law : GaussianMixture
        At time 0, in at most three variables.
    points : (n, m) ndarray
        At time t0, float64.
    t0, t1, times, rtol, atol
        As for steps of each particle's own; scores have a hundredth of rtol.

    Returns
    -------
    path : (k, n, m) ndarray
    stats : IntegrationStats
        Evaluations and steps of all groups together.

    Raises
    ------
    ConvergenceError
        If steps become too small; the message says when and for which point.
    MemoryBudgetError
        If the stages do not fit.
    """
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    n, m = points.shape
    pair = TABLEAUX["tsit5"]
    fits_in_memory(
        8.0 * n * m * (len(times) + pair.stages + 6),
        "the integration",
        "carry fewer points at a time",
    )
    moving = _Law(law, min(_MOST_TOL, max(_LEAST_TOL, _SUMS * rtol)))
    begin, *marks = (float(-np.log1p(-2 * t / moving.heat)) for t in (t0, *times))
    end = marks[-1]
    if end == begin or not n:
        return np.broadcast_to(points, (len(times), n, m)).copy(), IntegrationStats(
            "fast", 0, 0, t1
        )
    carried = _Carried(moving, points, begin, np.array(marks), rtol, atol)
    carried.path[np.array(marks) == begin] = points
    try:
        with alone() as carried.tell:
            carried.advance(np.arange(n), begin, end, _FIRST * (end - begin), _DEPTH)
    except _Stuck as stuck:
        reached = -0.5 * moving.heat * math.expm1(-stuck.clock)
        raise ConvergenceError(
            f"the flow must reach t = {t1:g}, got stuck at t = {reached:g} with the point "
            f"{stuck.point} (stop earlier, loosen `rtol` and `atol`, or leave such points out)"
        ) from None
    carried.path[-1] = carried.y
    return carried.path, IntegrationStats("fast", moving.evaluations, carried.steps, t1)
