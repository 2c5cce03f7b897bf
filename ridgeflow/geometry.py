"""Directions: unit vectors and quadrature of the half sphere. Points and volumes of balls."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, ndtri

from ridgeflow._validate import as_points, fits_in_memory, positive_int

__all__ = [
    "as_directions",
    "ball_points",
    "ball_volume",
    "directions",
    "half_sphere_area",
    "log_unit_ball_volume",
    "sobol_points",
    "sphere_points",
    "uniform_ball_points",
    "unit_ball_volume",
]

# Points of a sequence made at a time: Ctrl-C is answered between two blocks.
_BLOCK = 1 << 18

_QMC_SEED = 20260101  # directions of m > 3 are scrambled once, so that they are reproducible
_LARGEST_DIM = 429


def half_sphere_area(dim: int) -> float:
    """Half the area of S^{m-1}: 1, pi, 2 pi, pi^2, ... for m = 1, 2, 3, 4."""
    return float(np.exp(0.5 * dim * np.log(np.pi) - gammaln(0.5 * dim)))


def unit_ball_volume(dim: int) -> float:
    """Volume of the unit ball of R^dim: π^{m/2}/Γ(m/2 + 1), which is 1 for dim 0."""
    return math.pi ** (dim / 2) / math.gamma(dim / 2 + 1)


def log_unit_ball_volume(dim: int) -> float:
    """Its logarithm, which is representable for every dimension."""
    return float(0.5 * dim * math.log(math.pi) - gammaln(0.5 * dim + 1))


def ball_volume(dim: int, radius: float) -> float:
    """Volume of a ball of R^m."""
    return unit_ball_volume(dim) * radius**dim


def sobol_points(n: int, dim: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """First n points (n, dim) of a scrambled Sobol sequence in the unit cube, n >= 1.

    Each point is uniform; together they fill the cube evenly.
    """
    # Its package takes longer to load than the rest of this library.
    from scipy.stats import qmc

    sequence = qmc.Sobol(dim, scramble=True, rng=rng)
    # A block is of a power of two, as is what a short sequence starts with.
    block = min(1 << (n - 1).bit_length(), _BLOCK)
    return np.concatenate([sequence.random(block) for _ in range(0, n, block)])[:n]


def ball_points(
    n: int, center: NDArray, radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """n points (n, m) that fill a ball evenly: a scrambled Sobol sequence mapped to the ball."""
    dim = len(center)
    if dim == 1:
        return center + radius * (2 * sobol_points(n, 1, rng) - 1)
    cube = np.clip(sobol_points(n, dim + 1, rng), 1e-12, 1 - 1e-12)
    gauss = ndtri(cube[:, :dim])
    length = np.maximum(np.linalg.norm(gauss, axis=1), 1e-300)
    return center + radius * (cube[:, dim] ** (1 / dim) / length)[:, None] * gauss


def sphere_points(n: int, dim: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """n independent uniform points (n, m) of the unit sphere."""
    normal = rng.normal(size=(n, dim))
    return normal / np.linalg.norm(normal, axis=1, keepdims=True)


def uniform_ball_points(
    n: int, dim: int, radius: float, rng: np.random.Generator
) -> NDArray[np.float64]:
    """n independent uniform points (n, m) of the ball about 0."""
    unit = sphere_points(n, dim, rng)
    return radius * rng.random((n, 1)) ** (1 / dim) * unit


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
    uniform = sobol_points(n, dim, np.random.default_rng(_QMC_SEED))
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
