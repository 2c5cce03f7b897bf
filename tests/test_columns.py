"""Values as columns, and their means."""

import numpy as np
import pytest

from ridgeflow.columns import error_quantiles, rms


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


def test_errors_of_a_map_and_how_they_are_spread():
    """As of numpy's quantiles by inverted distribution, with weights and without; relative."""
    rng = np.random.default_rng(1)
    start, truth = rng.normal(size=(2, 1000, 2))
    found = truth + rng.exponential(size=(1000, 1)) * rng.normal(size=(1000, 2))
    for weights in (None, rng.uniform(size=1000)):
        spread = error_quantiles(found, truth, start, weights)
        size = rms(truth - start, weights)
        error = np.linalg.norm(found - truth, axis=1) / size
        wanted = np.quantile(error, [0.5, 0.99, 1.0], weights=weights, method="inverted_cdf")
        np.testing.assert_allclose(
            [spread.median, spread.quantile99, spread.worst], wanted, rtol=1e-12
        )  # measured 0
        assert spread.rms == pytest.approx(rms(found - truth, weights) / size, rel=1e-14)
    assert error_quantiles(3 * found, 3 * truth, 3 * start).median == pytest.approx(
        error_quantiles(found, truth, start).median, rel=1e-13
    )


def test_a_weight_is_as_many_points():
    truth = np.zeros((4, 1))
    found = np.array([[0.1], [0.2], [0.3], [5.0]])
    counts = np.array([50, 49, 100, 1])
    one = error_quantiles(found, truth, truth - 1, counts.astype(float))
    many = error_quantiles(*(np.repeat(v, counts, axis=0) for v in (found, truth, truth - 1)))
    assert (one.median, one.quantile99, one.worst) == (0.3, 0.3, 5.0)
    assert (many.median, many.quantile99, many.worst) == (0.3, 0.3, 5.0)
    assert one.rms == pytest.approx(many.rms, rel=1e-13)


def test_errors_where_nothing_moves_are_absolute():
    still = np.ones((3, 2))
    assert error_quantiles(still + np.array([3.0, 4.0]), still, still).worst == 5.0
    assert error_quantiles(still, still, still).rms == 0.0
