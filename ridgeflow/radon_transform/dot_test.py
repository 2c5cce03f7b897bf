"""The test of a transpose: the dot test of a plan and its adjoint."""

from __future__ import annotations

from typing import Any

import numpy as np

from ridgeflow._validate import as_generator

__all__ = ["dot_test"]

_OF_A_PLAN = ("shape", "directions", "offsets", "adjoint")


def dot_test(plan: Any, *, rng: int | np.random.Generator | None = 0) -> float:
    r"""Mismatch of a plan and its adjoint, :math:`|\langle Ax,y\rangle - \langle x,A'y\rangle| /
    (\|Ax\|\,\|y\|)` for random x and y.

    Parameters
    ----------
    plan : RadonPlan
        Or anything with ``shape``, ``directions``, ``offsets``, ``adjoint`` that can be called.
    rng : int, Generator or None
        Randomness of x and y.

    Returns
    -------
    float
        Of the order of rounding for an exact pair. Where Ax = 0, the norm of A'y.

    Raises
    ------
    TypeError
        If something is missing that a plan has.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> axis = np.linspace(-1, 1, 8)
    >>> plan = rf.RadonPlan((axis, axis), [[0.6, 0.8]], np.linspace(-1, 1, 5))
    >>> dot_test(plan) < 1e-14
    True
    """
    missing = [name for name in _OF_A_PLAN if not hasattr(plan, name)]
    if missing or not callable(plan):
        raise TypeError(
            f"`plan` must be a RadonPlan, or have {', '.join(_OF_A_PLAN)} and be callable, got "
            f"{type(plan).__name__}"
        )
    generator = as_generator(rng)
    x = generator.normal(size=plan.shape)
    y = generator.normal(size=(len(plan.directions), len(plan.offsets)))
    forward = plan(x).astype(np.float64)
    backward = plan.adjoint(y).astype(np.float64)
    gap = abs(float((forward * y).sum()) - float((x * backward).sum()))
    size = float(np.linalg.norm(forward)) * float(np.linalg.norm(y))
    # Offsets that miss the grid: the transpose must vanish as well.
    if size == 0:
        return float(np.linalg.norm(backward))
    return gap / size
