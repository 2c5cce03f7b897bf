"""Trajectories of many particles in one velocity field, with their log-volume."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._progress import alone
from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    fits_in_memory,
    one_of,
    positive,
)
from ridgeflow.errors import ConvergenceError
from ridgeflow.schemes import TABLEAUX, Tableau

__all__ = ["IntegrationStats", "integrate"]

Field = Callable[[NDArray, float], NDArray]
Derivative = Callable[[float, NDArray], NDArray]

# Below this relative tolerance the eighth-order pair needs fewer evaluations than the fifth-order.
_TIGHT = 1e-5
# More than this for one call means a field that is stiff or not smooth at the tolerance asked for.
_MAX_EVALUATIONS = 200_000
METHODS = ("auto", *TABLEAUX)


@dataclass(frozen=True)
class IntegrationStats:
    """What an integration cost and where it ended.

    Parameters
    ----------
    method : str
        Name of the Runge-Kutta method, "exact" where a closed form was used, or "fast" for "tsit5"
        with fast sums.
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


class _Derivative:
    """Rates of states: points, and where there is a divergence their log-volume in a further
    column. It counts its calls.
    """

    def __init__(self, velocity: Field, divergence: Field | None, shape: tuple[int, ...]) -> None:
        self.velocity, self.divergence = velocity, divergence
        self.n, self.m = shape
        self.columns = self.m + (divergence is not None)
        self.count = 0

    def __call__(self, t: float, state: NDArray) -> NDArray:
        self.count += 1
        n, m = self.n, self.m
        x = np.ascontiguousarray(state[:, :m])
        out = np.empty((n, self.columns))
        out[:, :m] = _shaped(self.velocity(x, t), (n, m), "velocity")
        if self.divergence is not None:
            out[:, m] = _shaped(self.divergence(x, t), (n,), "divergence")
        return out


class _Steps:
    """Steps of one Runge-Kutta method for all particles, and the solution within the last one."""

    def __init__(
        self, tableau: Tableau, derivative: Derivative, t: float, y: NDArray, first: NDArray
    ) -> None:
        self.tableau, self.derivative = tableau, derivative
        self.t, self.y = t, y
        self.old, self.h, self.until = y, 0.0, t
        size = len(tableau.all_rows)
        self.k = np.empty((size, *y.shape))
        self.k[0] = first
        # Told a time; of a step that is rejected as well.
        self.tell: Callable[[float], None] = lambda t: None
        # Stages that only the solution within the step needs are made when it is asked for.
        self.ready = 1

    def _stages(self, first: int, last: int, y: NDArray, t: float, h: float) -> NDArray:
        flat = self.k.reshape(len(self.k), -1)
        end = y
        for i in range(first, last):
            row = self.tableau.all_rows[i, :i]
            end = y + h * (row @ flat[:i]).reshape(y.shape)
            node = float(row.sum())
            # Rounding must not ask for the velocity beyond the end.
            at = self.until if abs(node - 1) < 1e-14 else t + node * h
            self.k[i] = self.derivative(at, end)
            self.tell(t + h * (i - first + 1) / (last - first))
        return end

    def attempt(self, h: float, until: float) -> NDArray:
        """State at time `until` after a step h, all stages made; :meth:`accept` moves there."""
        tableau = self.tableau
        self.until = until
        if self.ready > 1:
            # The last stage of the step before is the first of this one.
            self.k[0] = self.k[tableau.stages - 1]
            self.ready = 1
        end = self._stages(1, tableau.stages, self.y, self.t, h)
        if tableau.first_same_as_last:
            return end
        flat = self.k[: tableau.stages].reshape(tableau.stages, -1)
        return self.y + h * (tableau.b @ flat).reshape(self.y.shape)

    def accept(self, h: float, end: NDArray) -> None:
        self.old, self.h = self.y, h
        self.y, self.t = end, self.until
        self.ready = self.tableau.stages
        if not self.tableau.first_same_as_last:
            self.k[0] = self.derivative(self.t, end)
            self.ready = 1

    def error(self, h: float, end: NDArray, rtol: float, atol: float) -> float:
        """Error of the step in units of the tolerance, of the particle that has most."""
        # The root mean square over all particles would hide a bad one among many.
        scale = atol + rtol * np.maximum(np.abs(self.y), np.abs(end))
        stages = self.tableau.stages
        flat = self.k[:stages].reshape(stages, -1)

        def rms(weights: tuple[float, ...]) -> NDArray:
            found = h * (np.array(weights) @ flat).reshape(scale.shape) / scale
            return np.sqrt(np.mean(found**2, axis=1))

        value = rms(self.tableau.error)
        if self.tableau.second_error:
            whole = np.hypot(value, 0.1 * rms(self.tableau.second_error))
            value = np.divide(value**2, whole, out=np.zeros_like(whole), where=whole != 0)
        return float(value.max())

    def inside(self, times: NDArray) -> NDArray:
        """States at times within the last step; its end needs no interpolant."""
        if (times == self.t).all():
            return self.y[None]
        begin = self.t - self.h
        if self.ready == self.tableau.stages < len(self.k):
            self._stages(self.ready, len(self.k), self.old, begin, self.h)
            self.ready = len(self.k)
        place = (times - begin) / self.h
        dense = np.array(self.tableau.dense)
        powers = place[:, None] ** np.arange(1, dense.shape[1] + 1)
        weights = self.h * (powers @ dense.T)
        change = weights @ self.k.reshape(len(self.k), -1)
        return self.old + change.reshape(len(times), *self.old.shape)


def _first_step(steps: _Steps, rtol: float, atol: float, span: float) -> float:
    """A first step after Hairer, Norsett and Wanner (1993), II.4, for the fastest particle."""
    scale = atol + rtol * np.abs(steps.y)
    size = np.sqrt(np.mean((steps.y / scale) ** 2, axis=1))
    speed = np.sqrt(np.mean((steps.k[0] / scale) ** 2, axis=1))
    moving = speed > 1e-5
    if not moving.any():
        return span
    trial = min(span, 0.01 * max(1e-4, float((size[moving] / speed[moving]).min())))
    sign = math.copysign(1.0, steps.h)
    slope = steps.derivative(steps.t + sign * trial, steps.y + sign * trial * steps.k[0])
    bend = np.sqrt(np.mean(((slope - steps.k[0]) / scale) ** 2, axis=1)) / trial
    fastest = float(max(speed.max(), np.nan_to_num(bend, nan=0.0, posinf=0.0).max()))
    return min(span, 100 * trial, (0.01 / fastest) ** (1 / (steps.tableau.error_order + 1)))


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
    method: str = "auto",
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
    method : {"auto", "dop853", "dopri5", "tsit5", "rk4", "midpoint", "euler"}
        "auto" is "dop853" for ``rtol < 1e-5`` and "dopri5" otherwise. The last three do not control
        their error: they take equal steps of at most `max_step`, which must then be finite.

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
    **Accuracy.** Embedded Runge–Kutta pairs with local extrapolation: Dormand–Prince 8(5,3) and
    5(4), Tsitouras 5(4). The tolerance bounds the estimated error of one step; the error
    at t1 is that times the number of steps times the growth of the flow. Values at `t_eval` come
    from the interpolant of the pair (order 7, resp. 4); methods of fixed step end steps there.

    **Cost.** 12 (resp. 6) evaluations a step, all particles sharing the steps of the worst;
    24 (resp. 15) copies of the state in memory.

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
    _require_function(velocity, "velocity")
    if divergence is not None:
        _require_function(divergence, "divergence")
    t0, t1 = finite_number(t0, "t0"), finite_number(t1, "t1")
    if not math.isfinite(t1 - t0):
        raise ValueError(f"`t1` must be less than 1.8e308 from `t0`, got {t0:g} and {t1:g}")
    rtol, atol = positive(rtol, "rtol"), positive(atol, "atol")
    if rtol < 1e-13:
        raise ValueError(
            f"`rtol` must be at least 1e-13, got {rtol:g} (double precision does not hold more)"
        )
    # Infinity is the default and stands for no bound.
    if not (isinstance(max_step, (float, np.floating)) and max_step == math.inf):
        max_step = positive(max_step, "max_step")
    times = np.array([t1]) if t_eval is None else _report_times(t_eval, t0, t1)
    tableau = _tableau(method, rtol, max_step, t0, t1)
    derivative = _Derivative(velocity, divergence, start.shape)
    columns = derivative.columns
    copies = len(tableau.all_rows) + 8 + len(times)
    fits_in_memory(8.0 * n * columns * copies, "the integration", "carry fewer points at a time")

    state = np.zeros((n, columns))
    state[:, :m] = start
    first = derivative(t0, state)
    if not np.isfinite(first).all():
        bad = int(np.flatnonzero(~np.isfinite(first).all(axis=1))[0])
        raise ValueError(
            f"`velocity` and `divergence` must be finite at the start, got {first[bad]} at "
            f"t = {t0:g} for the point {start[bad]} (move or remove the point)"
        )
    states = np.empty((len(times), n, columns))
    states[times == t0] = state
    filled = int(np.sum(times == t0))
    sign = math.copysign(1.0, t1 - t0)
    steps = _Steps(tableau, derivative, t0, state, first)
    taken = 0
    # Trial steps may overflow; the control then rejects them.
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"), alone() as tell:
        steps.tell = lambda t: tell((t - t0) / (t1 - t0))
        for reached in _march(steps, t1, times, rtol, atol, max_step):
            taken += 1
            _refuse_stuck(steps, reached, t1, taken, derivative.count)
            passed = int(np.sum(sign * times <= sign * steps.t))
            if passed > filled:
                states[filled:passed] = steps.inside(times[filled:passed])
                filled = passed
    if t_eval is None:
        states = states[0]
    end = np.ascontiguousarray(states[..., :m]).astype(given.dtype, copy=False)
    log_det = None
    if divergence is not None:
        log_det = np.ascontiguousarray(states[..., m]).astype(given.dtype, copy=False)
    return end, log_det, IntegrationStats(tableau.name, derivative.count, taken, t1)


def _require_function(function: Any, name: str) -> None:
    if not callable(function):
        raise TypeError(
            f"`{name}` must be a function of points (n, m) and a time, got "
            f"{type(function).__name__}"
        )


def _tableau(method: str, rtol: float, max_step: float, t0: float, t1: float) -> Tableau:
    """The method that a name means, refused where its steps do not lead from t0 to t1."""
    one_of(method, "method", METHODS)
    tableau = TABLEAUX[("dop853" if rtol < _TIGHT else "dopri5") if method == "auto" else method]
    if not tableau.error and not math.isfinite(max_step):
        raise ValueError(
            f"`max_step` must be finite for method {method!r}, got {max_step} (it takes steps of "
            "that size and does not control their error)"
        )
    if math.isfinite(max_step) and abs(t1 - t0) > _MAX_EVALUATIONS * max_step:
        raise ConvergenceError(
            f"`max_step` must allow the flow to reach t = {t1:g} within {_MAX_EVALUATIONS} steps, "
            f"got {max_step:g} (take larger steps, or stop earlier)"
        )
    return tableau


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


def _march(
    steps: _Steps, t1: float, times: NDArray, rtol: float, atol: float, max_step: float
) -> Iterator[bool]:
    """Accept steps until t1, and say after each whether it could be taken."""
    if steps.t == t1:
        return iter(())
    if steps.tableau.error:
        return _controlled(steps, t1, rtol, atol, max_step)
    return _even(steps, times if times[-1] == t1 else np.append(times, t1), max_step)


def _even(steps: _Steps, ends: NDArray, max_step: float) -> Iterator[bool]:
    """Equal steps from one of the ends to the next."""
    for end in ends:
        begin = steps.t
        parts = math.ceil(abs(end - begin) / max_step)
        for i in range(parts):
            t = float(end) if i + 1 == parts else begin + (end - begin) * (i + 1) / parts
            h = t - steps.t
            steps.accept(h, steps.attempt(h, t))
            yield bool(np.isfinite(steps.y).all())


def _controlled(
    steps: _Steps, t1: float, rtol: float, atol: float, max_step: float
) -> Iterator[bool]:
    """Steps whose estimated error stays within the tolerances."""
    sign = math.copysign(1.0, t1 - steps.t)
    steps.h = sign
    h = min(max_step, _first_step(steps, rtol, atol, abs(t1 - steps.t)))
    power = -1.0 / (steps.tableau.error_order + 1)
    if steps.tableau.second_error:
        power = -1.0 / steps.tableau.order
    while steps.t != t1:
        rejected = False
        while True:
            if not h > 10 * abs(math.nextafter(steps.t, sign * math.inf) - steps.t):
                yield False
                return
            last = h >= abs(t1 - steps.t)
            step = t1 - steps.t if last else sign * h
            end = steps.attempt(step, t1 if last else steps.t + step)
            error = steps.error(step, end, rtol, atol)
            if error < 1:
                break
            # Not a number counts as far too large.
            h = abs(step) * (max(0.2, 0.9 * error**power) if math.isfinite(error) else 0.2)
            rejected = True
        steps.accept(step, end)
        factor = 10.0 if error == 0 else min(10.0, 0.9 * error**power)
        h = min(max_step, abs(step) * (min(1.0, factor) if rejected else max(0.2, factor)))
        yield True


def _refuse_stuck(steps: _Steps, reached: bool, t1: float, taken: int, count: int) -> None:
    if not reached:
        raise ConvergenceError(
            f"the flow must reach t = {t1:g}, got stuck at t = {steps.t:g} after {taken - 1} "
            "steps: the velocity is singular, not smooth or not finite there (stop earlier, or "
            "loosen `rtol` and `atol`)"
        )
    if count > _MAX_EVALUATIONS and steps.t != t1:
        raise ConvergenceError(
            f"the flow must reach t = {t1:g} within {_MAX_EVALUATIONS} evaluations, got to "
            f"t = {steps.t:g} (loosen `rtol` and `atol`, or stop earlier)"
        )
