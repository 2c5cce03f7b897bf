"""Penalties and ranks from singular values without vectors, against whole decompositions."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._kernels.lapack import call_lapack
from ridgeflow._units import Columns
from ridgeflow.networks import least_squares
from ridgeflow.networks.elimination import eliminate, triangular_factor
from ridgeflow.networks.singular_values import singular_values

EPS = float(np.finfo(float).eps)


def graded(rows, width, decades, rank=None):
    """A triangle of features of given condition and rank, and values of three targets."""
    rng = np.random.default_rng(rows + width)
    size = 10.0 ** -np.linspace(0, decades, min(rows, width))
    size[len(size) if rank is None else rank :] = 0.0
    u = np.linalg.qr(rng.normal(size=(rows, len(size))))[0]
    v = np.linalg.qr(rng.normal(size=(width, len(size))))[0]
    phi = (u * size) @ v.T
    y = phi @ rng.normal(size=(width, 3)) + [0.0, 1e-6, 1.0] * rng.normal(size=(rows, 3))
    return phi, y


CASES = [(1, 1, 0), (5, 1, 0), (300, 32, 1), (300, 33, 6), (300, 200, 3), (300, 200, 18)]
CASES += [(200, 200, 9), (70, 200, 6), (1, 40, 0)]


@pytest.mark.parametrize(("rows", "width", "decades"), CASES)
@pytest.mark.parametrize("deficient", [False, True])
def test_every_penalty_sees_what_the_decomposition_sees(rows, width, decades, deficient):
    rank = max(1, min(rows, width) // 3) if deficient else None
    phi, y = graded(rows, width, decades, rank)
    triangle = triangular_factor(np.hstack([phi, y]))
    features, target = triangle[:, :width], triangle[:, width:]
    s, inside = singular_values(features, target)
    u, values, _ = np.linalg.svd(phi, full_matrices=False)
    along = u.T @ y
    assert len(s) == len(inside) == min(rows, width)
    np.testing.assert_allclose(s, values, rtol=0, atol=60 * EPS)  # measured 20 units
    for penalty in np.geomspace(100, 2 * EPS, 40):
        left = penalty / (s**2 + penalty)
        expected = penalty / (values**2 + penalty)
        # An error of a unit in a value moves its share by half of a unit over the root of the
        # penalty: measured .14 of the right-hand side.
        assert abs(left.sum() - expected.sum()) < 1e-12 + 0.2 * width * EPS / np.sqrt(penalty)
        residual = np.vstack([left[:, None] * inside, target[len(s) :]])
        whole = np.vstack([expected[:, None] * along, y - u @ along])
        # measured .16 of it
        np.testing.assert_allclose(
            np.linalg.norm(residual, axis=0),
            np.linalg.norm(whole, axis=0),
            rtol=1e-9,
            atol=1e-14 * np.linalg.norm(y),
        )


@pytest.mark.parametrize(("rows", "width", "decades"), CASES)
@pytest.mark.parametrize("penalty", [None, 1e-2, 1e-8, 1e-14])
def test_penalised_solutions_are_those_of_the_decomposition(rows, width, decades, penalty):
    phi, y = graded(rows, width, decades)
    triangle = triangular_factor(np.hstack([phi, y]))
    found = eliminate(triangle, 0, width, penalty, None, rows, float(rows), np.zeros(0))
    u, s, v = np.linalg.svd(phi, full_matrices=False)
    size = np.sqrt(found.penalty)
    expected = v.T @ ((s / (s**2 + size**2))[:, None] * (u.T @ y))
    left = np.linalg.norm(y - phi @ expected, axis=0)
    # The first order of least squares with rounding: measured .23 of it.
    bound = 2 * EPS * (np.linalg.norm(expected, axis=0) / size + left / size**2)
    gap = np.linalg.norm(found.outer - expected, axis=0)
    assert (gap <= bound + 1e-13 * np.linalg.norm(expected, axis=0)).all()
    fit, best = phi @ found.outer, phi @ expected
    assert np.abs(fit - best).max() < 1e-9 * np.abs(y).max()  # measured 2.9e-10
    if penalty is not None:
        assert found.penalty == penalty


@pytest.mark.parametrize("decades", [3, 9, 11.9, 12.1, 15])
def test_ranks_are_counted_by_singular_values(decades):
    phi, y = graded(300, 120, decades)
    triangle = triangular_factor(np.hstack([phi, y]))
    found = eliminate(triangle, 0, 120, 0.0, 1e-12, 300, 300.0, np.zeros(0))
    s = np.linalg.svd(phi)[1]
    assert found.rank == np.count_nonzero(s > 1e-12 * s[0])
    assert (found.rank == 120) == (decades < 12)
    expected = np.linalg.lstsq(phi, y, rcond=1e-12)[0]
    assert found.largest == pytest.approx(s[0], rel=1e-13)
    gap = np.abs(phi @ (found.outer - expected)).max()
    # The condition of what is kept times rounding: measured .21 of it.
    assert gap < 0.2 * EPS * 10 ** min(decades, 12) * np.linalg.norm(y)


def test_zero_features_and_zero_targets():
    s, inside = singular_values(np.zeros((40, 40)), np.ones((40, 2)))
    assert not s.any()
    np.testing.assert_allclose((inside**2).sum(axis=0), 40.0, rtol=1e-14)
    s, inside = singular_values(np.eye(50), np.zeros((50, 1)))
    np.testing.assert_allclose(s, 1.0, rtol=1e-14)
    assert not inside.any()


@pytest.mark.parametrize("slab", [1, 7, 10**6])
def test_rows_join_a_triangle_in_parts(monkeypatch, slab):
    """And samples that fail leave those before as they were."""
    rng = np.random.default_rng(0)
    a, b, x = rng.normal(size=(20, 2)), rng.normal(size=20), rng.normal(size=(300, 2))
    y = np.sin(x)
    eta = rf.activation("relu2")
    whole = least_squares.OuterProblem(a, b, eta, 2, Columns.of(x))
    whole.add(x, y)
    monkeypatch.setattr(least_squares, "_SLAB", slab * 8 * 25)
    parts = least_squares.OuterProblem(a, b, eta, 2, Columns.of(x))
    for part in np.array_split(np.arange(300), 5):
        parts.add(x[part], y[part])
    before = parts._factor.copy()
    gram = whole._factor.T @ whole._factor
    np.testing.assert_allclose(before.T @ before, gram, rtol=1e-12, atol=1e-12 * gram.max())
    far = x.copy()
    far[-1] = 1e200
    with pytest.raises(ValueError, match="the features must"):
        parts.add(far, y)
    np.testing.assert_array_equal(parts._factor, before)


def test_a_routine_that_fails_is_named():
    one = np.zeros((1, 1))
    with pytest.raises(np.linalg.LinAlgError, match="dbdsqr ended with info = -2"):
        call_lapack("dbdsqr", b"U", -1, 0, 0, 0, one, one, one, 1, one, 1, one, 1, one)
