"""One scale for columns of different units, which isotropic noise presumes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, instance_of, items_of

__all__ = ["standardise"]

_FLAT = 1e-12  # spreads below this share of a column's magnitude are none


def standardise(
    points: ArrayLike, *, names: Sequence[str] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Shift and scale every column to mean 0 and standard deviation 1.

    ``z = (x - mean) / scale`` with ``scale`` the standard deviation of the sample (``ddof=1``), the
    convention of :func:`ridgeflow.kernel_density`.

    Parameters
    ----------
    points : (n, m) or (n,) array
        Observations, n >= 2.
    names : sequence of str, optional
        Names of the columns, for messages.

    Returns
    -------
    z : (n, m) float array
        Standardised points, dimensionless; ``mean + scale * z`` leads back.
    mean, scale : (m,) float arrays
        In the unit of each column.

    Raises
    ------
    ValueError
        If there are fewer than two rows, a value is not finite, ``names`` has another length than
        m, or a column is constant (its spread is below 1e-12 of its magnitude, in float32 below
        2e-6) or spreads beyond the largest number.

    Notes
    -----
    **Accuracy.** Rounding only. **Cost.** O(nm).

    Examples
    --------
    >>> z, mean, scale = standardise([[0.0, 1.0], [2.0, 5.0]])
    >>> mean.tolist()
    [1.0, 3.0]
    >>> standardise([[1.0, 2.0], [1.0, 3.0]], names=["u", "v"])
    Traceback (most recent call last):
        ...
    ValueError: `points` must vary in every column, got constant column(s) 'u' (drop them)
    """
    array = as_points(points)
    labels = [str(j) for j in range(array.shape[1])]
    if names is not None:
        labels = [repr(instance_of(name, "names", str)) for name in items_of(names, "names")]
    if len(labels) != array.shape[1]:
        raise ValueError(
            f"`names` must have one entry per column ({array.shape[1]}), got {len(labels)}"
        )
    if len(array) < 2:
        raise ValueError(f"`points` must hold at least 2 rows, got {len(array)}")
    kind = np.finfo(array.dtype)
    # Powers of two are exact, and keep the squares of huge and tiny values in range.
    power = np.frexp(np.abs(array).max(0))[1]
    unit = np.ldexp(array, -power)
    middle, spread = unit.mean(0), np.std(unit, axis=0, ddof=1)
    with np.errstate(over="ignore", under="ignore"):
        mean, scale = np.ldexp(middle, power), np.ldexp(spread, power)
    # What float32 rounds a constant to is no spread either.
    flat = ~((spread > max(_FLAT, 16 * kind.eps)) & (scale >= kind.tiny))
    if flat.any():
        listed = ", ".join(labels[j] for j in np.flatnonzero(flat))
        raise ValueError(
            f"`points` must vary in every column, got constant column(s) {listed} (drop them)"
        )
    if not np.isfinite(scale).all():
        listed = ", ".join(labels[j] for j in np.flatnonzero(~np.isfinite(scale)))
        raise ValueError(
            f"`points` must have a spread below {kind.max:.3g}, got more in column(s) {listed} "
            "(choose a larger unit)"
        )
    return (unit - middle) / spread, mean, scale
