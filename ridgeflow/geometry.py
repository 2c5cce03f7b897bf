"""Directions, their quadrature on the half sphere, and the measures of spheres and balls."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri
from scipy.stats import qmc

from ridgeflow._validate import as_points, fits_in_memory, positive_int

__all__ = ["as_directions", "ball_volume", "directions", "half_sphere_area"]

_QMC_SEED = 20260101  # directions of m > 3 are scrambled once, so that they are reproducible
_LARGEST_DIM = 429


def half_sphere_area(dim: int) -> float:
    """Half the area of S^{m-1}: 1, pi, 2 pi, pi^2, ... for m = 1, 2, 3, 4."""
    return float(np.exp(0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim)))


def ball_volume(dim: int, radius: float = 1.0) -> float:
    """Volume of a ball of R^dim: π^{m/2} r^m / Γ(m/2 + 1), which is 1 for dim 0."""
    return math.pi ** (dim / 2) / math.gamma(dim / 2 + 1) * radius**dim


def directions(dim: int, n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Quadrature of the half sphere: :math:`\int_{S^{m-1}_+} F(u)\,du \approx \sum_i w_i F(u_i)`.

    The rule is meant for even functions, ``F(-u) = F(u)``, for which it is half the rule of the
    whole sphere.

    Parameters
    ----------
    dim : int
        Dimension m of the space, at least 1.
    n : int
        Number of directions, at least 1. In one dimension there is one direction, whatever n is.

    Returns
    -------
    directions : ndarray, shape (n, m)
        Unit vectors.
    weights : ndarray, shape (n,)
        Positive weights; their sum is half the area of the unit sphere
        :math:`\pi^{m/2}/\Gamma(m/2)`.

    Raises
    ------
    TypeError, ValueError
        If ``dim`` or ``n`` is not an integer >= 1, or ``dim`` is above 429, where the area of the
        sphere falls below 1e-300.
    MemoryBudgetError
        If the directions, or the rule that they are read off from, do not fit the memory budget.

    Notes
    -----
    **Accuracy.** m = 2: equispaced angles :math:`\pi i/n`, exact for trigonometric polynomials of
    degree < 2n. m = 3: rings at Gauss-Legendre heights of the upper hemisphere, each with
    equispaced longitudes whose number follows the ring's circumference; exact to rounding for even
    spherical harmonics up to a degree of about :math:`2\sqrt{n}`. m > 3: a scrambled Sobol sequence
    mapped by the normal quantile, equal weights, error close to 1/n for smooth F.

    **Cost.** O(n m).

    References
    ----------
    M. Hortal and A. J. Simmons, *Use of reduced Gaussian grids in spectral models*, Monthly Weather
    Review 119 (1991). A. B. Owen, *Scrambling Sobol' and Niederreiter-Xing points*, J. Complexity
    14 (1998).

    Examples
    --------
    >>> u, w = directions(2, 4)
    >>> bool(abs(w.sum() - np.pi) < 1e-14), u.shape
    (True, (4, 2))
    """
    dim, n = positive_int(dim, "dim"), positive_int(n, "n")
    if dim == 1:
        return np.ones((1, 1)), np.ones(1)
    if dim > _LARGEST_DIM:
        raise ValueError(
            f"`dim` must be at most {_LARGEST_DIM}, got {dim} (the area of the sphere, which the "
            "weights add up to, leaves the range of float64)"
        )
    # Beyond the result: the eigenvalue problem of the rings, or numbers of a power of two.
    held = {2: 0.0, 3: 16.0 * n / np.pi}.get(dim, 4.0 * n * dim)
    fits_in_memory(
        8.0 * (2.0 * n * (dim + 1) + held),
        f"a rule of {n} directions in {dim} dimensions",
        "take fewer directions, or raise memory_budget",
    )
    if dim == 2:
        angle = np.pi * np.arange(n) / n
        return np.stack([np.cos(angle), np.sin(angle)], axis=1), np.full(n, np.pi / n)
    if dim == 3:
        return _reduced_gauss(n)
    sobol = qmc.Sobol(dim, scramble=True, rng=np.random.default_rng(_QMC_SEED))
    uniform = sobol.random(1 << (n - 1).bit_length())[:n]
    normal = ndtri(np.clip(uniform, 1e-15, 1 - 1e-15))
    unit = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    return unit, np.full(n, half_sphere_area(dim) / n)


def _reduced_gauss(n: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # A degree t needs r = t/4 rings on the half sphere, and on a ring of radius s a little more
    # than t s longitudes: the harmonics of higher order fade on it over an Airy transition.
    rings, spare = 1, 0.0
    for trial in range(2, n + 1):
        extra = 3.0 + 2.5 * (4 * trial) ** (1 / 3)
        if np.pi * trial**2 + extra * trial > n:
            break
        rings, spare = trial, extra
    node, weight = np.polynomial.legendre.leggauss(2 * rings)
    height, weight = node[rings:], weight[rings:]
    share = 4 * rings * np.sqrt(1 - height**2) + spare
    share *= n / share.sum()
    count = np.maximum(1, np.floor(share).astype(int))
    # Rounding leaves some directions over: the rings that lost most take them.
    for i in np.argsort(count - share)[: n - int(count.sum())]:
        count[i] += 1
    unit, area = [], []
    for z, ring, w, c in zip(height, np.sqrt(1 - height**2), weight, count, strict=True):
        # The mirror ring of the lower hemisphere is this one turned by pi; the golden angle keeps
        # neighbouring rings from lining up.
        phi = 2 * np.pi * np.arange(c) / c + 2.399963229728653 * z * rings
        unit.append(np.stack([ring * np.cos(phi), ring * np.sin(phi), np.full(c, z)], axis=1))
        area.append(np.full(c, 2 * np.pi * w / c))
    return np.concatenate(unit), np.concatenate(area)


def as_directions(value: ArrayLike, dim: int) -> NDArray[np.float64]:
    """Unit vectors (U, m), normalised to rounding."""
    u = as_points(value, "directions", dim).astype(np.float64)
    with np.errstate(over="ignore"):
        norm = np.linalg.norm(u, axis=1)
    worst = int(np.argmax(np.abs(norm - 1)))
    if abs(norm[worst] - 1) > 1e-6:
        raise ValueError(
            f"`directions` must be unit vectors, got norm {norm[worst]:.6g} at row {worst} "
            "(divide each row by its norm)"
        )
    return u / norm[:, None]
