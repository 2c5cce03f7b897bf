"""Penalised outer weights by normal equations."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.networks import normal_equations
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.normal_equations import NormalEquations, penalised_weights

rng = np.random.default_rng(0)
X = rng.normal([3.0, -1.0], 1.0, (3000, 2))
Y = np.stack([np.sin(2 * X[:, 0]) * X[:, 1], np.abs(X[:, 0] - 3)], axis=1)
WEIGHTS = rng.random(3000)
A, B = rng.normal(size=(60, 2)), rng.normal(size=60)
TANH = rf.activation("tanh")


def both(scale=1.0, penalty=1e-10, unit=1.0):
    args = A / scale, B, TANH, scale * X, unit * Y
    one = penalised_weights(*args, penalty, WEIGHTS)
    fit = solve_outer_weights(*args, penalty=penalty, affine=True, weights=WEIGHTS)
    return args, one, (fit.outer, fit.linear, fit.bias)


def values(args, part):
    a, b, eta, x, _ = args
    c, linear, bias = part
    return eta(x @ a.T - b) @ c + x @ linear + bias


@pytest.mark.parametrize("unit", [1e-200, 1.0, 1e150])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e6])
def test_they_fit_as_the_orthogonal_factorisation_does(scale, unit):
    args, one, other = both(scale, unit=unit)
    gap = np.abs(values(args, one) - values(args, other)).max() / unit
    gram = NormalEquations.of(*args, WEIGHTS).gram
    size = np.linalg.norm(other[0] / unit)
    assert gap < 1e-14 * np.trace(gram) / np.sqrt(1e-10) * size  # measured 0.35 of it: 1.6e-6
    # Both minimise: measured 4e-13.
    share = WEIGHTS / WEIGHTS.sum()
    least = [
        share @ ((values(args, part) / unit - Y) ** 2).sum(axis=1)
        + 1e-10 * ((part[0] / unit) ** 2).sum()
        for part in (one, other)
    ]
    assert least[0] == pytest.approx(least[1], rel=1e-8)


def test_small_penalties_are_left_to_the_orthogonal_factorisation():
    assert NormalEquations.of(A, B, TANH, X, Y, WEIGHTS).solve(1e-16) is None
    _, one, other = both(penalty=1e-16)
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_slabs_make_one_sum(monkeypatch):
    whole = penalised_weights(A, B, TANH, X, Y, 1e-8, WEIGHTS)
    monkeypatch.setattr(normal_equations, "_SLAB", 50_000)
    parts = penalised_weights(A, B, TANH, X, Y, 1e-8, WEIGHTS)
    # measured 1e-7
    np.testing.assert_allclose(parts[0], whole[0], atol=1e-5 * np.abs(whole[0]).max())


def test_gram_matrices_are_those_of_residuals():
    found = NormalEquations.of(A, B, TANH, X, Y, WEIGHTS)
    root = np.sqrt(WEIGHTS / WEIGHTS.sum())[:, None]
    plain = np.linalg.qr(root * np.column_stack([np.ones(len(X)), X]))[0]
    features = root * TANH(X @ A.T - B)
    left = features - plain @ (plain.T @ features)
    np.testing.assert_allclose(found.gram, left.T @ left, atol=1e-12)  # measured 1e-15
    np.testing.assert_allclose(found.size, (features**2).sum(axis=0), rtol=1e-12)
    rest = root * Y
    rest = rest - plain @ (plain.T @ rest)
    np.testing.assert_allclose(found.unit * found.target, left.T @ rest, atol=1e-12)


def test_features_that_overflow_are_refused():
    far = np.array([[1e200], [-1e200], [3e200]])
    with pytest.raises(ValueError, match="in another unit"):
        penalised_weights(
            *(np.ones((2, 1)), np.zeros(2), rf.activation("relu2"), far, np.ones((3, 1))),
            *(1e-10, np.ones(3)),
        )
