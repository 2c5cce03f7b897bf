"""Ridge sums: naive twins of values, gradients, correlations; tiles, threads, precision."""

import numpy as np
import pytest
import reference

import ridgeflow as rf
from ridgeflow._kernels import ridge_sums
from ridgeflow._kernels.ridge_sums import (
    ridge_correlation,
    ridge_features,
    ridge_sum,
    ridge_sum_gradient,
)

NAMES = [
    *("linear", "relu", "step", "relu2", "sigmoid", "dsigmoid", "tanh", "softplus"),
    *("gaussian", "erf", "gelu", "silu", "arctan", "cos", "sin"),
]
CODES = {name: code for code, name in enumerate(NAMES)}
REALS = [np.float64, np.float32]


def problem(n, dim, width, components, real=np.float64, seed=0):
    """Points, neurons with arguments of order one, outer weights."""
    rng = np.random.default_rng(seed)
    shapes = ((n, dim), (width, dim), (width,), (width, components))
    x, a, b, c = (rng.normal(size=shape) for shape in shapes)
    return [v.astype(real) for v in (x, a / np.sqrt(dim), b, c)]


def dense(x, a, b, eta):
    """The features η(a_j·x_i − b_j) in float64."""
    return eta(x.astype(np.float64) @ a.T.astype(np.float64) - b)


@pytest.mark.parametrize("dim", [1, 3, 20])
@pytest.mark.parametrize(("n", "width", "components"), [(1, 1, 1), (5, 3, 2), (6, 70, 1)])
def test_sums_match_a_naive_twin(dim, n, width, components):
    for name in ("relu", "tanh", "cos"):
        eta = rf.activation(name)
        x, a, b, c = problem(n, dim, width, components)
        value = reference.ridge_sum(x, a, b, c, eta)
        gradient = reference.ridge_sum_gradient(x, a, b, c, eta.derivative())
        r = np.random.default_rng(width).normal(size=(n, components))
        # The transpose swaps the parts: neuron j is a row, point i an offset (a, b)·(x, −1).
        mirror = reference.ridge_sum(
            np.column_stack([a, b]), np.column_stack([x, -np.ones(n)]), np.zeros(n), r, eta
        )
        scale = 1 + np.sqrt(width)
        assert np.abs(ridge_sum(x, a, b, c, CODES[name]) - value).max() < 3e-15 * scale
        assert np.abs(ridge_sum_gradient(x, a, b, c, CODES[name]) - gradient).max() < 3e-15 * scale
        assert np.abs(ridge_correlation(x, a, b, r, CODES[name]) - mirror).max() < 3e-15 * scale
        features = ridge_features(x, a, b, CODES[name])
        assert np.abs(features @ c - value).max() < 3e-15 * scale


# Widths on both sides of blocks, tiles and tiles of the plane; sums on both sides of panels.
SIZES = [
    *((1, 37, 2049, 1), (2, 9, 4100, 1), (2, 9, 4100, 2), (3, 261, 100, 1), (5, 6, 1030, 7)),
    *((16, 33, 515, 1), (17, 5, 511, 2), (64, 258, 513, 1), (130, 7, 300, 7), (784, 5, 90, 1)),
    *((2, 11, 31, 9), (3, 300, 33, 40)),
]


@pytest.mark.parametrize("real", REALS)
@pytest.mark.parametrize(("dim", "n", "width", "components"), SIZES)
def test_tiles_match_whole_products(dim, n, width, components, real):
    x, a, b, c = problem(n, dim, width, components, real)
    r = np.random.default_rng(1).normal(size=(n, components)).astype(real)
    tol = 40 * float(np.finfo(real).eps)
    for name in ("relu", "tanh"):
        eta, code = rf.activation(name), CODES[name]
        features, slopes = dense(x, a, b, eta), dense(x, a, b, eta.derivative())
        size = np.abs(features) @ np.abs(c) + 1
        # measured 8e-16 and 6e-7 of the sums of absolute values (values, correlations: dim 130)
        assert (np.abs(ridge_sum(x, a, b, c, code) - features @ c) / size).max() < tol
        correlation = ridge_correlation(x, a, b, r, code)
        size = np.abs(features.T) @ np.abs(r) + 1
        assert (np.abs(correlation - features.T @ r) / size).max() < tol
        if dim < 200:
            gradient = np.einsum("ij,jd,jk->idk", slopes, a, c)
            size = np.einsum("ij,jd,jk->idk", np.abs(slopes), np.abs(a), np.abs(c)) + 1
            found = ridge_sum_gradient(x, a, b, c, code)
            assert (np.abs(found - gradient) / size).max() < tol
        assert np.abs(ridge_features(x, a, b, code) - features).max() < 10 * tol


@pytest.mark.parametrize("name", NAMES)
def test_all_activations_in_sums(name):
    eta, code = rf.activation(name), CODES[name]
    for dim, components in ((2, 1), (3, 2)):
        x, a, b, c = problem(13, dim, 200, components)
        r = np.random.default_rng(1).normal(size=(13, components))
        features = dense(x, a, b, eta)
        # measured 2e-14
        assert np.abs(ridge_sum(x, a, b, c, code) - features @ c).max() < 1e-13
        assert np.abs(ridge_correlation(x, a, b, r, code) - features.T @ r).max() < 1e-13
    found = ridge_sum_gradient(x, a, b, c, code)
    if name == "step":
        assert not found.any()
    else:
        gradient = np.einsum("ij,jd,jk->idk", dense(x, a, b, eta.derivative()), a, c)
        assert np.abs(found - gradient).max() < 1e-13  # measured 1e-14


@pytest.mark.parametrize("dim", [2, 70])
@pytest.mark.parametrize("real", REALS)
def test_threads_do_not_change_a_bit(dim, real):
    x, a, b, c = problem(701, dim, 530, 2, real)
    r = x[:, :1].copy()
    for code in (CODES["tanh"], CODES["relu"]):
        results = []
        for threads in (1, 2, 3):
            with rf.config(threads=threads):
                results.append(
                    (
                        ridge_sum(x, a, b, c, code),
                        ridge_sum(x, a, b, c[:, :1].copy(), code),
                        ridge_sum_gradient(x, a, b, c, code),
                        ridge_correlation(x, a, b, r, code),
                        ridge_features(x, a, b, code),
                    )
                )
        for other in results[1:]:
            for first, second in zip(results[0], other, strict=True):
                assert first.dtype == real
                assert np.array_equal(first, second)


def test_slabs_do_not_matter(monkeypatch):
    x, a, b, c = problem(150, 3, 400, 10)
    r = x[:, :2].copy()
    code = CODES["tanh"]

    def everything():
        return (
            ridge_sum(x, a, b, c, code),
            ridge_sum_gradient(x, a, b, c, code),
            ridge_correlation(x, a, b, r, code),
            ridge_features(x, a, b, code),
        )

    whole = everything()
    monkeypatch.setattr(ridge_sums, "_SLAB", 160)
    for one, other in zip(whole, everything(), strict=True):
        assert np.abs(one - other).max() < 1e-13  # measured 4e-15


def test_empty_sides_give_zeros():
    for code in (CODES["relu"], CODES["tanh"], CODES["linear"]):
        for n, width, components in ((0, 4, 1), (3, 0, 1), (3, 4, 0), (0, 0, 2)):
            x, a, b, c = problem(n, 2, width, components)
            assert np.array_equal(ridge_sum(x, a, b, c, code), np.zeros((n, components)))
            gradient = ridge_sum_gradient(x, a, b, c, code)
            assert np.array_equal(gradient, np.zeros((n, 2, components)))
            r = np.ones((n, components))
            found = ridge_correlation(x, a, b, r, code)
            assert np.array_equal(found, np.zeros((width, components)))
            assert ridge_features(x, a, b, code).shape == (n, width)


def test_results_go_into_given_arrays():
    x, a, b, c = problem(20, 2, 30, 2)
    code = CODES["gaussian"]
    r = np.ones((20, 3))
    for function, weights, shape in (
        (ridge_sum, c, (20, 2)),
        (ridge_sum_gradient, c, (20, 2, 2)),
        (ridge_correlation, r, (30, 3)),
    ):
        out = np.full(shape, np.nan)
        assert function(x, a, b, weights, code, out=out) is out
        assert np.array_equal(out, function(x, a, b, weights, code))


def test_relu_in_the_plane_carries_signs_and_sizes_of_weights():
    x, a, b, c = problem(7, 2, 300, 1)
    c *= 10.0 ** np.random.default_rng(3).uniform(-200, 200, c.shape)
    c[5] = 0.0
    exact = dense(x, a, b, rf.activation("relu")) @ c
    found = ridge_sum(x, a, b, c, CODES["relu"])
    assert np.abs(found / exact - 1).max() < 1e-12  # measured 4e-16
    assert not ridge_sum(x, a, b, 0 * c, CODES["relu"]).any()
    assert np.isnan(ridge_sum(x, a, b, np.nan * c, CODES["relu"])).all()
    # Neurons that are off contribute nothing at all.
    assert not ridge_sum(x, 0 * a, np.abs(b), c, CODES["relu"]).any()


@pytest.mark.parametrize("dim", [2, 70])
def test_float32_agrees_with_float64(dim):
    x, a, b, c = problem(50, dim, 300, 2, np.float32)
    wide = [v.astype(np.float64) for v in (x, a, b, c)]
    for name in ("relu", "relu2", "tanh", "gelu"):
        value, exact = ridge_sum(x, a, b, c, CODES[name]), ridge_sum(*wide, CODES[name])
        assert value.dtype == np.float32
        # measured 4e-7 and 4e-7 of the largest
        assert np.abs(value - exact).max() < 2e-6 * np.abs(exact).max()
        if name != "relu":
            gradient = ridge_sum_gradient(x, a, b, c, CODES[name])
            exact = ridge_sum_gradient(*wide, CODES[name])
            assert gradient.dtype == np.float32
            assert np.abs(gradient - exact).max() < 2e-6 * np.abs(exact).max()


@pytest.mark.parametrize("components", [1, 2])
def test_far_arguments_of_cos_in_sums(components):
    x, a, b, c = problem(9, 2, 40, components)
    a *= 1e9
    exact = dense(x, a, b, np.cos) @ c
    # The arguments themselves are known to 1e-7 only.
    assert np.abs(ridge_sum(x, a, b, c, CODES["cos"]) - exact).max() < 1e-5  # measured 2e-7


def test_nan_is_not_hidden():
    x, a, b, c = problem(9, 2, 40, 1)
    x[4, 1] = np.nan
    for name in ("relu", "tanh", "cos", "step", "linear"):
        bad = np.isnan(ridge_sum(x, a, b, c, CODES[name])[:, 0])
        assert np.array_equal(bad, np.arange(9) == 4), name
        assert np.isnan(ridge_correlation(x, a, b, x[:, :1].copy(), CODES[name])).all(), name
