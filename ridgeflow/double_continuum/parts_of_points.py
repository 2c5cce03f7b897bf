"""Flows of many points by parts of them, here or on the workers of a client."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._collections import bridge
from ridgeflow._progress import tell

__all__ = ["flowed"]


def flowed(
    client: Any, flow: Callable, x: NDArray, t: float, *, part: int = 500, **options: Any
) -> NDArray[np.float64]:
    """Where a method ``flow`` takes points (n, m), without their densities; at each of ``times``
    where they are among the options, (T, n, m).

    So many points of a ``part`` may share their steps: the bits depend neither on the client nor on
    the number of its workers.
    """
    calls = [(x[low : low + part], t, options) for low in range(0, len(x), part)]
    if client is None:
        return np.concatenate([_moved(flow, *call) for call in calls], axis=-2)
    found = dict(bridge().on_workers(client, _moved, calls, (flow,), tell))
    return np.concatenate([found[i] for i in range(len(calls))], axis=-2)


def _moved(flow: Callable, x: NDArray, t: float, options: dict[str, Any]) -> NDArray:
    found = flow(x, t, log_density=False, **options)
    return found.trajectory if "times" in options else found.points
