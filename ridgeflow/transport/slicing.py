"""Sums of normal kernels in many variables as averages over directions of sums on lines."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from ridgeflow._fft import RowFFT
from ridgeflow._kernels.line_spreading import WIDTH, gather_lines, spread_lines
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import fits_in_memory
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.geometry import directions
from ridgeflow.radon_transform.interpolation import SemicircleKernel

__all__ = ["SlicedSums", "sliced_score", "sliced_sums"]

# What periods and frequencies leave out, relative to the sum of the weights.
_LEFT_OUT = 1e-6
# Points times lines in one pass.
_BLOCK = 2**22
_MOST_NODES = 2**24


@dataclass(frozen=True)
class SlicedSums:
    """Sums with their standard errors over directions.

    Parameters
    ----------
    values, errors : array, shape (n,)
    gradients, gradient_errors : array, shape (n, m) or (0, m)

    Examples
    --------
    >>> SlicedSums(*np.zeros((2, 3)), *np.zeros((2, 3, 4))).values.shape
    (3,)
    """

    values: NDArray
    errors: NDArray
    gradients: NDArray
    gradient_errors: NDArray


def _gap(dim: int) -> float:
    """How far apart periods must lie for f to be below what may be left out.

    f(t) = 1F1(m/2; 1/2; -t^2/2) is a cosine of frequency sqrt(m) under a normal curve of variance
    2, and where m is even a tail Gamma(1/2)/Gamma((1-m)/2) (t^2/2)^(-m/2).
    """
    core = math.sqrt(-4 * math.log(_LEFT_OUT)) + 1
    if dim % 2:
        return core
    # |1 / Gamma((1 - m)/2)| by reflection, for a half-integer.
    log_tail = 0.5 * math.log(math.pi) + gammaln(0.5 * (1 + dim)) - math.log(math.pi)
    return max(core, math.sqrt(2) * math.exp((log_tail - math.log(_LEFT_OUT)) / dim))


def sliced_sums(
    points: NDArray,
    centers: NDArray,
    weights: NDArray,
    *,
    n_directions: int,
    gradient: bool = True,
) -> SlicedSums:
    r"""``S(x) = Σ_k w_k exp(−|x − c_k|²/2)`` as the mean over directions of sums on lines.

    .. math:: e^{-|x|^2/2} = \frac{1}{|S^{m-1}|}\int_{S^{m-1}} f(u \cdot x)\,du, \qquad
              f(t) = {}_1F_1(m/2;\, 1/2;\, -t^2/2) = \int_0^\infty \cos(rt)\,\chi_m(r)\,dr

    Parameters
    ----------
    points : array, shape (n, m)
        float64, in standard deviations of the kernel; m >= 2.
    centers : array, shape (k, m)
    weights : array, shape (k,)
    n_directions : int
    gradient : bool

    Returns
    -------
    SlicedSums

    Raises
    ------
    MemoryBudgetError
        If the nodes of a line, or the results, do not fit.

    Notes
    -----
    **Accuracy.** Monte Carlo in the directions: the standard errors are those of independent
    directions, which evenly spread ones do not exceed. They are a part of ``Σ_k w_k`` and not of
    S(x): sums that are small against the weights are lost. All else leaves an error of at most 8e-6
    ``Σ_k w_k``.

    **Cost.** O(P (n + k + L log L)) for P directions, with ``L ~ (√m + 6)(R + gap)/π`` nodes where
    R is the extent of all points, and O(P m (n + k)) for the projections.

    References
    ----------
    J. Hertrich, *Fast kernel summation in high dimensions via slicing and Fourier transforms*, SIAM
    J. Math. Data Sci. 6 (2024), Theorem 2.1. J. Hertrich, T. Jahn and M. Quellmalz, *Fast summation
    of radial kernels via QMC slicing*, ICLR 2025.
    """
    (n, m), k = points.shape, len(centers)
    u = directions(m, n_directions)[0]
    window = SemicircleKernel(WIDTH)
    middle = 0.5 * (centers.min(axis=0) + centers.max(axis=0))
    reach = max(np.linalg.norm(each - middle, axis=1).max() for each in (points, centers))
    length = 2 * float(reach) + _gap(m)
    if not length < 1e150:
        raise ValueError(
            "`x` must lie where squared distances are representable, got a point "
            f"{float(reach):g} standard deviations away (take another unit of length)"
        )
    step = 2 * math.pi / length
    highest = math.sqrt(m) + 7
    bands = math.ceil(highest / step)
    if bands > _MOST_NODES:
        fits_in_memory(8.0 * 32 * bands, "a line of the sliced sum", "use method='exact'")
    nodes = window.length(2 * bands + 1)
    rows = max(1, min(len(u), _BLOCK // max(n, k), _BLOCK // nodes))
    fits_in_memory(
        8.0 * (rows * (n + k + 4 * nodes) + 4 * n * (1 + m)),
        "the sliced sum",
        "evaluate fewer points at a time",
    )
    order = np.arange(bands + 1)
    radius = step * order[1:]
    logs = (m - 1) * np.log(radius) - 0.5 * radius**2
    chi = np.exp(logs - logs.max())
    # Normalised so that f(0) = 1 holds on the nodes.
    share = np.concatenate([[0.0], 0.5 * chi / chi.sum()])
    share *= nodes / window.transform(order / nodes) ** 2

    table = np.ascontiguousarray(window.table)
    fft = RowFFT(rows, nodes)
    fine = np.zeros((rows, nodes + WIDTH))
    slopes = np.zeros((rows if gradient else 0, nodes + WIDTH))
    columns = 1 + m if gradient else 1
    sums, moments = np.zeros((2, n, columns))
    per_node = nodes / length
    w = np.ascontiguousarray(weights)
    for first in range(0, len(u), rows):
        some = np.zeros((rows, m))
        count = min(rows, len(u) - first)
        some[:count] = u[first : first + count]
        places = (centers - middle) @ some.T
        shifted = np.ascontiguousarray(((places + reach) * per_node).T)
        parallel_for(spread_lines, rows, shifted, w, nodes, table, fine)
        fft.real[:] = fine[:, :nodes]
        spectrum = fft.forward().copy()
        spectrum[:, bands + 1 :] = 0
        spectrum[:, : bands + 1] *= share
        fft.spectrum[:] = spectrum
        fine[:, :nodes] = fft.inverse()
        fine[:, nodes:] = fine[:, :WIDTH]
        if gradient:
            fft.spectrum[:] = 0
            fft.spectrum[:, : bands + 1] = 1j * step * order * spectrum[:, : bands + 1]
            slopes[:, :nodes] = fft.inverse()
            slopes[:, nodes:] = slopes[:, :WIDTH]
        places = (points - middle) @ some.T
        shifted = np.ascontiguousarray(((places[:, :count] + reach) * per_node).T)
        parallel_for(
            *(gather_lines, n, shifted, nodes, table, fine, slopes, some[:count], sums, moments),
            grain=64,
        )
    mean = sums / len(u)
    spread = np.maximum(moments / len(u) - mean**2, 0.0) / max(1, len(u) - 1)
    errors = np.sqrt(spread)
    return SlicedSums(mean[:, 0], errors[:, 0], mean[:, 1:], errors[:, 1:])


def sliced_score(
    law: GaussianMixture, points: NDArray, n_directions: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Log density and score of a mixture whose components share a covariance, by slicing.

    Parameters
    ----------
    law : GaussianMixture
    points : array, shape (n, m)
        float64.
    n_directions : int

    Returns
    -------
    logs : array, shape (n,)
    scores, errors : array, shape (n, m)
        The errors are standard errors in the unit of ``Lᵀ score``, ``LLᵀ`` the covariance; zero
        where the density is not larger than five standard errors of its own: those points are
        summed exactly.

    Raises
    ------
    ValueError
        If the components have different covariances, or there is one variable.

    Warns
    -----
    AccuracyWarning
        If more than half of the points had to be summed exactly.
    """
    if not law.shared_covariance or law.dim < 2:
        raise ValueError(
            "`method` must be 'auto' or 'exact' for this law, got 'sliced' with "
            f"{law.dim} variable(s) and "
            f"{'one covariance' if law.shared_covariance else 'different covariances'} (it needs "
            "two variables or more and a covariance that all components share)"
        )
    root = np.linalg.cholesky(law.covariances[0])
    whiten = np.linalg.inv(root)
    found = sliced_sums(
        *((points - law.mean) @ whiten.T, (law.means - law.mean) @ whiten.T, law.weights),
        n_directions=n_directions,
    )
    certain = found.values > 5 * found.errors
    safe = np.where(certain, found.values, 1.0)
    slope = found.gradients / safe[:, None]
    errors = (found.gradient_errors + np.abs(slope) * found.errors[:, None]) / safe[:, None]
    logs = np.log(safe) - np.log(np.diag(root)).sum() - 0.5 * law.dim * math.log(2 * math.pi)
    scores = slope @ whiten
    rest = np.flatnonzero(~certain)
    if len(rest):
        if 2 * len(rest) > len(points):
            warnings.warn(
                f"{len(rest) / len(points):.0%} of the points lie where the density is lost in the "
                f"error of {n_directions} directions and were summed exactly (take more "
                "directions, or method='exact')",
                AccuracyWarning,
                stacklevel=4,
            )
        logs[rest] = law.logpdf(points[rest])
        scores[rest] = law.score(points[rest])
        errors[rest] = 0.0
    return logs, scores, errors
