"""Trajectories of many particles in one velocity field, with their log-volume."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.integrate import DOP853, RK45

from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    fits_in_memory,
    positive,
)
from ridgeflow.errors import ConvergenceError

__all__ = ["IntegrationStats", "integrate"]

Field = Callable[[NDArray, float], NDArray]

# Below this relative tolerance the eighth-order pair needs fewer evaluations than the fifth-order.
_TIGHT = 1e-5
# More than this for one call means a field that is stiff or not smooth at the tolerance asked for.
_MAX_EVALUATIONS = 200_000


@dataclass(frozen=True)
class IntegrationStats:
    """What an integration cost and where it ended.

    Parameters
    ----------
    method : str
        "DOP853", "RK45", "Tsit5" where each particle has steps of its own, or "exact" where a
        closed form was used.
    n_evaluations : int
        Evaluations of the velocity at all particles, or at the one that took most.
    n_steps : int
        Accepted steps, or steps tried of the particle that took most.
    t : float
        Time reached.

    Examples
    --------
    >>> IntegrationStats("exact", 0, 0, 0.1).t
    0.1
    """

    method: str
    n_evaluations: int
    n_steps: int
    t: float


def _rms_of_each(errors: NDArray, particles: int) -> NDArray:
    return np.sqrt(np.mean(errors.reshape(particles, -1) ** 2, axis=1))


# scipy controls the root mean square over the whole state, which hides one bad particle among many:
# these solvers control that of the worst particle.
class _RK45(RK45):
    label = "RK45"

    def __init__(self, *args: Any, of: int, **options: Any) -> None:
        self.particles = of
        super().__init__(*args, **options)

    def _estimate_error_norm(self, K: NDArray, h: float, scale: NDArray) -> float:
        return float(np.abs(h) * _rms_of_each(K.T @ self.E / scale, self.particles).max())


class _DOP853(DOP853):
    label = "DOP853"

    def __init__(self, *args: Any, of: int, **options: Any) -> None:
        self.particles = of
        super().__init__(*args, **options)

    def _estimate_error_norm(self, K: NDArray, h: float, scale: NDArray) -> float:
        fifth = _rms_of_each(K.T @ self.E5 / scale, self.particles)
        third = _rms_of_each(K.T @ self.E3 / scale, self.particles)
        whole = np.hypot(fifth, 0.1 * third)
        # The estimates of orders 5 and 3 together make one of order 7 (Hairer et al., II.10).
        ratio = np.divide(fifth**2, whole, out=np.zeros_like(whole), where=whole != 0)
        return float(np.abs(h) * ratio.max())


def integrate(
    velocity: Field,
    points: ArrayLike,
    t0: float,
    t1: float,
    *,
    rtol: float = 1e-8,
    atol: float = 1e-10,
    divergence: Field | None = None,
    t_eval: ArrayLike | None = None,
    max_step: float = math.inf,
) -> tuple[NDArray, NDArray | None, IntegrationStats]:
    """Carry points along ``dφ/dt = v(φ, t)`` from t0 to t1, with their log-volume on request.

    With `divergence`, also ``log|det ∂φ_{t1}/∂x| = ∫_{t0}^{t1} (∇·v)(φ_t(x), t) dt``, so that the
    density carried by the flow is ``log μ_{t1}(φ(x)) = log μ_{t0}(x) − log|det ∂φ_{t1}/∂x|``.

    Parameters
    ----------
    velocity : callable
        ``velocity(x, t)`` of shape (n, m), for x of shape (n, m) and a number t.
    points : (n, m) array_like
        Points at time t0.
    t0, t1 : float
        Start and end; t1 may be less than t0.
    rtol, atol : float
        Tolerances of one step, for every particle: the root mean square over the coordinates of
        *each* particle of ``error/(atol + rtol |φ|)`` is kept below 1. The log-volume counts as a
        coordinate.
    divergence : callable, optional
        ``divergence(x, t)`` of shape (n,).
    t_eval : (k,) array_like, optional
        Times between t0 and t1, in the order of the integration, at which to report.
    max_step : float
        Largest step.

    Returns
    -------
    points : (n, m) or (k, n, m) ndarray
        Points at t1, or at each time of `t_eval`; float32 where `points` is.
    log_det : (n,) or (k, n) ndarray, or None
        The log-volume; None without `divergence`.
    stats : IntegrationStats

    Raises
    ------
    ValueError
        If an argument is out of range, or a callable returns another shape, or a value that is not
        finite at the start.
    ConvergenceError
        If the step becomes too small, or too many are needed; the message says at which time.
    MemoryBudgetError
        If the stages do not fit.

    Notes
    -----
    **Accuracy.** Embedded Runge–Kutta pairs with local extrapolation: Dormand–Prince 8(5,3) for
    ``rtol < 1e-5``, 5(4) otherwise. The tolerance bounds the estimated error of one step; the error
    at t1 is that times the number of steps times the growth of the flow. Values at `t_eval` come
    from the interpolant of the pair (order 7, resp. 4).

    **Cost.** 12 (resp. 6) evaluations a step, all particles sharing the steps of the worst;
    16 (resp. 8) copies of the state in memory.

    References
    ----------
    E. Hairer, S. P. Nørsett and G. Wanner, Solving Ordinary Differential Equations I, 1993,
    sections II.4 and II.10. R. T. Q. Chen et al., Neural ordinary differential equations, 2018,
    theorem 1 (log-density).

    Examples
    --------
    >>> end, log_det, _ = integrate(lambda x, t: -x, [[1.0]], 0.0, 1.0,
    ...                             divergence=lambda x, t: np.full(len(x), -1.0))
    >>> float(end[0, 0].round(8)), float(log_det[0].round(8))
    (0.36787944, -1.0)
    """
    given = as_points(points, "points")
    start = given.astype(np.float64)
    n, m = start.shape
    t0, t1 = finite_number(t0, "t0"), finite_number(t1, "t1")
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    if rtol < 1e-13:
        raise ValueError(
            f"`rtol` must be at least 1e-13, got {rtol:g} (double precision does not hold more)"
        )
    if not max_step > 0:
        raise ValueError(f"`max_step` must be positive, got {max_step}")
    times = np.array([t1]) if t_eval is None else _report_times(t_eval, t0, t1)
    columns = m + (divergence is not None)
    family: type[_RK45] | type[_DOP853] = _DOP853 if rtol < _TIGHT else _RK45
    copies = family.n_stages + 8 + len(times)
    fits_in_memory(8.0 * n * columns * copies, "the integration", "carry fewer points at a time")

    count = 0

    def derivative(t: float, flat: NDArray) -> NDArray:
        nonlocal count
        count += 1
        x = np.ascontiguousarray(flat.reshape(n, columns)[:, :m])
        out = np.empty((n, columns))
        out[:, :m] = _shaped(velocity(x, t), (n, m), "velocity")
        if divergence is not None:
            out[:, m] = _shaped(divergence(x, t), (n,), "divergence")
        return out.ravel()

    state = np.zeros((n, columns))
    state[:, :m] = start
    first = derivative(t0, state.ravel()).reshape(n, columns)
    if not np.isfinite(first).all():
        bad = int(np.flatnonzero(~np.isfinite(first).all(axis=1))[0])
        raise ValueError(
            f"`velocity` and `divergence` must be finite at the start, got {first[bad]} at "
            f"t = {t0:g} for the point {start[bad]} (move or remove the point)"
        )
    states = np.empty((len(times), n, columns))
    states[times == t0] = state
    filled = int(np.sum(times == t0))
    steps = 0
    if t1 != t0:
        sign = math.copysign(1.0, t1 - t0)
        # Trial steps may overflow; the control then rejects them.
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            solver = family(
                derivative, t0, state.ravel(), t1, rtol=rtol, atol=atol, max_step=max_step, of=n
            )
            while solver.status == "running":
                solver.step()
                if solver.status == "failed" or not np.isfinite(solver.y).all():
                    raise ConvergenceError(
                        f"the flow must reach t = {t1:g}, got stuck at t = {solver.t:g} after "
                        f"{steps} steps: the velocity is singular, not smooth or not finite there "
                        "(stop earlier, or loosen `rtol` and `atol`)"
                    )
                steps += 1
                if count > _MAX_EVALUATIONS and solver.status == "running":
                    raise ConvergenceError(
                        f"the flow must reach t = {t1:g} within {_MAX_EVALUATIONS} evaluations, "
                        f"got to t = {solver.t:g} (loosen `rtol` and `atol`, or stop earlier)"
                    )
                passed = int(np.sum(sign * times <= sign * solver.t))
                if passed > filled:
                    states[filled:passed] = _inside(solver, times[filled:passed], (n, columns))
                    filled = passed
    if t_eval is None:
        states = states[0]
    end = np.ascontiguousarray(states[..., :m]).astype(given.dtype, copy=False)
    log_det = None
    if divergence is not None:
        log_det = np.ascontiguousarray(states[..., m]).astype(given.dtype, copy=False)
    return end, log_det, IntegrationStats(family.label, count, steps, t1)


def _report_times(t_eval: ArrayLike, t0: float, t1: float) -> NDArray[np.float64]:
    times = as_real_array(t_eval, "t_eval", ndim=1).astype(np.float64)
    low, high = min(t0, t1), max(t0, t1)
    if times.min() < low or times.max() > high:
        raise ValueError(
            f"`t_eval` must lie between {low:g} and {high:g}, got values from {times.min():g} to "
            f"{times.max():g}"
        )
    order = np.diff(times) * math.copysign(1.0, t1 - t0)
    if (order <= 0).any():
        raise ValueError(
            f"`t_eval` must run strictly from {t0:g} towards {t1:g}, got {times} (sort it and drop "
            "repeats)"
        )
    return times


def _shaped(value: Any, shape: tuple[int, ...], name: str) -> NDArray:
    array = np.asarray(value)
    if array.shape != shape:
        raise ValueError(f"`{name}` must return shape {shape}, got {array.shape}")
    return array


def _inside(solver: Any, times: NDArray, shape: tuple[int, int]) -> NDArray:
    """States at times within the last step; the end of the step needs no interpolant."""
    if (times == solver.t).all():
        return solver.y.reshape(1, *shape)
    return solver.dense_output()(times).T.reshape(len(times), *shape)
