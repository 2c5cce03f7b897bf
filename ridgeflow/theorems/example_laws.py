"""Laws and points on which the statements are checked."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.transform import ridgelet_transform

__all__ = ["laplacian", "mixture", "points", "spectrum"]


@cache
def mixture(dim: int) -> GaussianMixture:
    """Two normal laws without symmetry, in 1, 2 or 3 dimensions."""
    if dim == 1:
        return GaussianMixture([0.35, 0.65], [[-0.8], [0.6]], [0.2, 0.3])
    if dim == 2:
        return GaussianMixture(
            [0.35, 0.65],
            [[-0.7, 0.4], [0.5, -0.2]],
            [[[0.25, 0.08], [0.08, 0.2]], [[0.18, -0.05], [-0.05, 0.3]]],
        )
    return GaussianMixture([0.4, 0.6], [[-0.4, 0.1, 0.0], [0.3, 0.0, 0.2]], [0.3, 0.4])


def points(dim: int, n: int) -> NDArray:
    """n points where the mixture of that dimension lives."""
    return mixture(dim).sample(n, rng=dim)


def laplacian(law: GaussianMixture) -> Callable[[NDArray], NDArray]:
    """The Laplacian of the density."""

    def of(x: NDArray) -> NDArray:
        total = np.zeros(len(x))
        for w, mean, cov in zip(law.weights, law.means, law.covariances, strict=True):
            inverse = np.linalg.inv(cov)
            z = (x - mean) @ inverse
            density = np.exp(-0.5 * np.einsum("ni,ni->n", z, x - mean))
            density *= w / np.sqrt(np.linalg.det(2 * np.pi * cov))
            total += density * ((z**2).sum(axis=1) - np.trace(inverse))
        return total

    return of


@lru_cache(maxsize=4)
def spectrum(dim: int, name: str, tol: float) -> Spectrum:
    """Spectrum of the mixture with the default partner of an activation; the last ones are kept."""
    eta = activation(name)
    psi = admissible_ridgelet(eta, dim)
    law = mixture(dim)
    grid = ParameterGrid.for_field(law, eta, psi, tol)
    return ridgelet_transform(law, psi, grid, tol=1e-2 * tol)
