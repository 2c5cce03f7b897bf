"""Values as columns, and their means."""

import numpy as np
import pytest

from ridgeflow.columns import rms


def test_root_mean_square_of_vectors():
    """Over every vector of an array of any shape, its components summed."""
    rng = np.random.default_rng(0)
    vectors, weights = rng.normal(size=(3, 5, 2)), rng.uniform(size=5)
    square = (vectors**2).sum(axis=2)
    assert rms(vectors) == pytest.approx(np.sqrt(square.mean()), rel=1e-14)
    assert rms(vectors[0].tolist()) == pytest.approx(np.sqrt(square[0].mean()), rel=1e-14)
    weighted = np.sqrt(weights @ square[0] / weights.sum())
    assert rms(vectors[0], weights) == pytest.approx(weighted, rel=1e-14)
    assert rms(vectors[0] + 1j * vectors[1]) == pytest.approx(
        np.sqrt((square[0] + square[1]).mean()), rel=1e-14
    )
