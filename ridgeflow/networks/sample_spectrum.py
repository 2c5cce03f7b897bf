"""Neurons drawn from the spectrum of weighted samples, where a grid of parameters is affordable."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from ridgeflow.fields.samples import SampleField
from ridgeflow.networks.node_draws import oracle_neurons
from ridgeflow.networks.pairs import draw_pairs
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.transform import ridgelet_transform

__all__ = ["affine_rest", "sample_neurons"]

# Largest dimension in which a spectrum on a grid is affordable.
_LARGEST_DIM = 3


def affine_rest(points: NDArray, values: NDArray, weights: NDArray) -> NDArray:
    """Values (n, k) without the weighted least-squares fit of an affine function."""
    full = np.column_stack([np.ones(len(points)), points])
    root = np.sqrt(weights)[:, None]
    return values - full @ np.linalg.lstsq(root * full, root * values, rcond=None)[0]


def sample_neurons(
    points: NDArray,
    values: NDArray,
    weights: NDArray,
    eta: Activation,
    width: int,
    rounding: NDArray,
    rng: Generator,
) -> tuple[NDArray, NDArray]:
    """Neurons drawn from the spectrum of the samples, their affine part taken off."""
    n, dim = points.shape
    if dim > _LARGEST_DIM:
        raise ValueError(
            f"`sampling` 'oracle' needs at most {_LARGEST_DIM} features, got {dim} (the spectrum "
            "would need a grid in as many dimensions; use sampling='pairs')"
        )
    rest = affine_rest(points, values, weights)
    radius = float(np.linalg.norm(points, axis=1).max())
    # Neurons as steep as the samples can tell apart.
    steepest = max(1.0, 0.5 * n ** (1 / dim)) / radius
    scales = np.geomspace(0.5 / radius, steepest, 24)
    directions = {1: 1, 2: 48, 3: 200}[dim]
    grid = ParameterGrid.polar(dim, directions, scales, radius, 0.4)
    spectrum = ridgelet_transform(
        SampleField(points, rest, weights / weights.sum()),
        admissible_ridgelet(eta, dim),
        grid,
        tol=1e-3,
    )
    if not spectrum.mass.any():
        return draw_pairs(points, values, width, 1.0, "gradient", weights, rounding, rng)
    return oracle_neurons(spectrum, width, rng=rng)
