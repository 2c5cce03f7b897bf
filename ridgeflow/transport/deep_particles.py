"""What particles do to the layers they carry: how many a kernel reaches, how far scores err."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import log_unit_ball_volume
from ridgeflow.transport.gaussian_dae import GaussianDAE

__all__ = ["WANTED_NEIGHBOURS", "by_halves", "enough_particles", "reach_of"]

# With fewer neighbours than this within the kernel, the mean shift of a particle is mostly its own.
WANTED_NEIGHBOURS = 10.0
_PROBES = 256


def by_halves(
    points: NDArray, layer: GaussianDAE, covariance: ArrayLike | None, bandwidth: float | None
) -> float:
    """Error of a layer's map relative to its displacement, at particles outside both halves.

    Two halves differ by √2 errors of one; the whole cloud errs less than a half.
    """
    out = np.zeros(len(points), dtype=bool)
    out[:: max(2, len(points) // _PROBES)] = True
    probes, rest = points[out], points[~out]
    if len(rest) < 2:
        return math.inf
    images = []
    for half in (rest[::2], rest[1::2]):
        law = SampleField(half)
        smoothed = law if bandwidth is None else law.smooth(bandwidth**2)
        images.append(GaussianDAE(smoothed, layer.t, covariance=covariance)(probes))
    one, other = images
    wrong = float(np.mean((one - other) ** 2)) / 2
    moved = float(np.mean((0.5 * (one + other) - probes) ** 2))
    return math.sqrt(wrong / moved) if moved else math.inf


def reach_of(layer: GaussianDAE, points: NDArray) -> float:
    """Effective number of neighbours: the median of ``(Σ_j w_j k_j)²/Σ_j w_j² k_j²``.

    The square of a normal density of covariance S is one of covariance S/2 up to a factor, so both
    sums are densities of mixtures and no pairwise array is needed.
    """
    smoothed = layer.smoothed
    probes = points[:: max(1, len(points) // _PROBES)]
    kernel = smoothed.covariances[0]
    m = layer.dim
    mass = np.sum(smoothed.weights**2)
    squares = GaussianMixture(smoothed.weights**2 / mass, smoothed.means, 0.5 * kernel)
    factor = 0.5 * m * math.log(4 * math.pi) + 0.5 * np.linalg.slogdet(kernel)[1]
    log_number = 2 * smoothed.logpdf(probes) - math.log(mass) - squares.logpdf(probes) + factor
    return float(np.exp(np.median(log_number)))


def enough_particles(smoothed: GaussianMixture) -> float:
    """Particles that give the wanted number of neighbours, from the distances between those there.

    A kernel of covariance S weighs as many particles equally as lie in a volume √det(4πS).
    """
    n, m = smoothed.means.shape
    factor = np.linalg.cholesky(smoothed.covariances[0])
    white = np.linalg.solve(factor, smoothed.means.T).T
    k = min(8, n - 1)
    probes = white[:: max(1, n // _PROBES)]
    distance = np.median(cKDTree(white).query(probes, k=[k + 1])[0])
    log_ball = log_unit_ball_volume(m) + m * math.log(distance)
    log_density = math.log(k / n) - log_ball
    log_enough = math.log(WANTED_NEIGHBOURS) - 0.5 * m * math.log(4 * math.pi) - log_density
    return float(np.exp(np.clip(log_enough, math.log(n), 690.0)))
