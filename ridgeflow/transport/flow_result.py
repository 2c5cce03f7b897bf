"""What flows return, and the times at which they are asked to report."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_real_array
from ridgeflow.transport.ode import IntegrationStats

__all__ = ["FlowResult", "times_between"]


@dataclass(frozen=True)
class FlowResult:
    """Points carried by a flow, with the log-density carried along.

    Parameters
    ----------
    points : (n, m) ndarray
        ``φ_t(x)``.
    log_density : (n,) ndarray or None
        ``log μ_t(φ_t(x))``, integrated along the trajectories ("fast": of the law at the end); None
        where the law at the start is not known.
    stats : IntegrationStats
        Method, evaluations, steps and the time reached.
    times : (k,) ndarray or None
        Times at which the trajectory was asked for.
    trajectory : (k, n, m) ndarray or None
        Points at those times.
    trajectory_log_density : (k, n) ndarray or None
        Log-density at those times.

    Examples
    --------
    >>> FlowResult(np.zeros((1, 2)), None, IntegrationStats("exact", 0, 0, 0.1)).stats.t
    0.1
    """

    points: NDArray
    log_density: NDArray | None
    stats: IntegrationStats
    times: NDArray | None = None
    trajectory: NDArray | None = None
    trajectory_log_density: NDArray | None = None


def times_between(times: Any, t0: float, t1: float) -> NDArray[np.float64]:
    """Checked times, strictly from t0 towards t1; none where None is given."""
    if times is None:
        return np.empty(0)
    array = as_real_array(times, "times", ndim=1).astype(np.float64)
    forward = t1 >= t0
    if ((np.diff(array) <= 0) if forward else (np.diff(array) >= 0)).any():
        raise ValueError(
            f"`times` must {'increase' if forward else 'decrease'} strictly, got {array} (sort "
            "them and drop repeats)"
        )
    low, high = min(t0, t1), max(t0, t1)
    if array.min() < low or array.max() > high:
        raise ValueError(
            f"`times` must lie between {low:g} and {high:g}, got values from {array.min():g} to "
            f"{array.max():g}"
        )
    return array
