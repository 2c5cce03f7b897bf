"""Kernel density estimates of data: mixtures with one normal component for each point."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections
from ridgeflow._validate import as_points, positive
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["checked_bandwidth", "kernel_density", "smoothed"]


@takes_collections
def kernel_density(points: ArrayLike, bandwidth: float | None = None) -> GaussianMixture:
    """Kernel density estimate with a Gaussian kernel, ``(1/n) Σ_i N(x_i, h²I)``.

    Parameters
    ----------
    points : array, shape (n, m)
        Data, in units of length.
    bandwidth : float, optional
        Standard deviation h > 0 of the kernel, in units of length. By default
        ``h = n^(-1/(m+4)) s`` with s² the mean of the m sample variances (ddof = 1).

    Returns
    -------
    GaussianMixture
        With n components of equal weight and one shared covariance.

    Raises
    ------
    ValueError
        If there are fewer than two points, a column is constant (it carries no scale to smooth
        at), or the bandwidth is not positive or vanishes against the spread of the data.

    See Also
    --------
    GaussianMixture

    Notes
    -----
    **Accuracy.** For a smooth density and the default h the mean squared error is O(n^(-4/(m+4))).
    Its covariance exceeds that of the data by h²I.
    **Cost.** O(nm) to build; every evaluation visits all n points, but for many points in at most
    three variables, see :meth:`GaussianMixture.logpdf`.

    References
    ----------
    D. W. Scott, *Multivariate Density Estimation*, 1992, equation (6.42) (the rule for h).

    Examples
    --------
    >>> import numpy as np
    >>> law = kernel_density(np.random.default_rng(0).normal(size=(100, 2)))
    >>> law.n_components, law.shared_covariance
    (100, True)
    """
    data = as_points(points).astype(np.float64)
    n = len(data)
    ranges = np.ptp(data, axis=0)
    h = checked_bandwidth(n, ranges, data.var(axis=0), bandwidth)
    return GaussianMixture(np.full(n, 1.0 / n), data, h * h)


def checked_bandwidth(
    n: int, ranges: NDArray, variances: NDArray, bandwidth: float | None
) -> float:
    """Bandwidth of a kernel density of n points, from ranges and variances (m,) of columns."""
    if n < 2:
        raise ValueError(f"`points` must hold at least 2 points, got {n}")
    constant = np.flatnonzero(ranges == 0)
    if constant.size:
        columns = ", ".join(map(str, constant))
        raise ValueError(
            f"`points` must vary in every column, got constant column(s) {columns} (drop them)"
        )
    if bandwidth is None:
        h = n ** (-1 / (len(ranges) + 4)) * float(np.sqrt(variances.mean() * n / (n - 1)))
    else:
        h = positive(bandwidth, "bandwidth", hint="pass the kernel's standard deviation")
    if not h > 1e-7 * float(ranges.max()) or not np.isfinite(h * h):
        raise ValueError(
            f"`bandwidth` must exceed 1e-7 of the range of the data, {float(ranges.max()):g}, got "
            f"{h:g} (a narrower kernel is a sum of point masses: use a SampleField)"
        )
    return h


def smoothed(points: NDArray, weights: NDArray, covariance: float | NDArray) -> GaussianMixture:
    """Weighted points with normal noise: one component for each point of positive weight.

    Parameters
    ----------
    points : array, shape (n, m)
    weights : array, shape (n,)
        Not negative and not all zero.
    covariance : number or array, shape (m, m)
        Of the noise, positive definite.

    Returns
    -------
    GaussianMixture

    Examples
    --------
    >>> smoothed(np.array([[0.0], [2.0]]), np.array([1.0, 0.0]), 0.5).means
    array([[0.]])
    """
    weights, points = weights.astype(np.float64), points.astype(np.float64)
    kept = weights > 0
    if not kept.all():
        points, weights = points[kept], weights[kept]
    return GaussianMixture(weights / weights.sum(), points, covariance)
