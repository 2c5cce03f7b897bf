"""Deep denoisers of mixtures by nodes that move: values, densities, errors, and what is refused."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.transport.kernel_sums import _by_cells, _Grid

D = np.array([[1.0, 0.3], [0.3, 0.5]])
SIGMA = np.array([[1.3, 0.4], [0.4, 0.9]])
LINE = rf.GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], 0.25)
PLANE = rf.GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [0.4, 0.6])


def twice(mean, covariance):
    """A normal law written as a mixture, so that nodes carry it."""
    return rf.GaussianMixture([0.4, 0.6], [mean, mean], covariance)


def naive_moments(x, c, w):
    d = c - x[:, None]
    e = w * np.exp(-0.5 * (d**2).sum(axis=-1))
    second = np.einsum("nk,nki,nkj->nij", e, d, d)
    return (
        e.sum(1),
        np.einsum("nk,nki->ni", e, d),
        second - e.sum(1)[:, None, None] * np.eye(x.shape[1]),
    )


@pytest.mark.parametrize("m", [1, 2, 3])
@pytest.mark.parametrize("kind", ["cells", "grid"])
def test_moments_against_all_pairs(m, kind):
    rng = np.random.default_rng(m)
    c, w, x = 2 * rng.normal(size=(500, m)), rng.random(500) + 0.01, 2 * rng.normal(size=(30, m))
    summed = _by_cells if kind == "cells" else _Grid(x, c, 8.0).moments
    for found, naive in zip(summed(x, c, w, 8.0, 2), naive_moments(x, c, w), strict=True):
        # Measured, as a part of all weights: 1.3e-13 by the grid, 7e-16 by cells.
        np.testing.assert_allclose(found, naive, rtol=0, atol=2e-12 * w.sum())


@pytest.mark.parametrize(("depth", "t"), [(2, 0.5), (8, 0.5), (16, 0.4), (32, 0.3)])
def test_nodes_against_the_exact_recursion_on_the_line(depth, t):
    x = np.linspace(-3, 3, 9)[:, None]
    exact = rf.DeepDAE(rf.GaussianMixture([1.0], [[0.0]], 1.3), t, depth)
    deep = rf.DeepDAE(twice([0.0], 1.3), t, depth)
    assert deep.carrier == "nodes"
    # Measured 1.3e-8 up to 16 layers; above, what is held back leaves its mark: 3.4e-4.
    np.testing.assert_allclose(deep(x), exact(x), atol=1e-7 if depth <= 16 else 2e-3)


@pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])
def test_nodes_against_the_exact_recursion_in_the_plane(covariance):
    law = rf.GaussianMixture([1.0], [[0.5, -1.0]], SIGMA)
    exact = rf.DeepDAE(law, 0.3, 4, covariance=covariance)
    deep = rf.DeepDAE(twice([0.5, -1.0], SIGMA), 0.3, 4, covariance=covariance)
    x = law.sample(50, 0)
    np.testing.assert_allclose(deep(x), exact(x), atol=1e-6)  # measured 1.2e-7
    # Measured 2.3e-6.
    np.testing.assert_allclose(deep.jacobian(x), exact.jacobian(x), atol=2e-5)
    points, log_density = deep.push(x)
    np.testing.assert_array_equal(points, deep(x))
    # Measured 4.3e-6.
    np.testing.assert_allclose(log_density, exact.law.logpdf(exact(x)), atol=4e-5)
    layers = x
    for layer in deep.layers:
        layers = layer(layers)
    np.testing.assert_allclose(layers, points, atol=1e-12)  # measured 4e-16
    # Measured 3.1e-6.
    assert deep.score_errors[0] == 0 and deep.score_errors.max() < 3e-5


def test_pushed_density_integrates_to_one():
    x = np.linspace(-3.6, 3.6, 2001)[:, None]
    y, log_density = rf.DeepDAE(LINE, 0.06, 8).push(x)
    assert (np.diff(y[:, 0]) > 0).all()
    mass = np.trapezoid(np.exp(log_density), y[:, 0])
    assert mass == pytest.approx(1, abs=3e-5)  # measured 2.9e-6


def test_error_falls_with_depth():
    x = np.linspace(-3.2, 3.2, 400)[:, None]
    weights = LINE.pdf(x)
    limit = rf.ContinuousDAE(LINE)
    t = 0.3 * limit.t_max
    goal = limit.flow(x, t).points
    depths = np.array([8, 16, 32, 64])
    errors = [
        np.sqrt(np.average((rf.DeepDAE(LINE, t, int(n))(x) - goal)[:, 0] ** 2, weights=weights))
        for n in depths
    ]
    order = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert (np.diff(errors) < 0).all()
    # Measured 1.00; between neighbours .61, 1.33 where the short waves come from the limit, .97.
    assert 0.9 < order < 1.1


def test_points_beyond_the_nodes_warn():
    deep = rf.DeepDAE(PLANE, 0.1, 2)
    with pytest.warns(rf.AccuracyWarning, match="1 of 2 points lie where the law has less"):
        deep([[0.0, 0.0], [40.0, 0.0]])


def test_samples_of_the_last_law():
    deep = rf.DeepDAE(PLANE, 0.1, 3, n_particles=300, rng=0)
    assert deep.law.points.shape == (300, 2)
    again = rf.DeepDAE(PLANE, 0.1, 3, n_particles=300, rng=0)
    np.testing.assert_array_equal(deep.law.points, again.law.points)


@pytest.mark.parametrize("n", [500, 4000])
def test_particles_do_not_understate_their_errors(n):
    """Against the exact layer of a normal law that is carried as a mixture in four variables."""
    mean, t, depth = np.zeros(4), 1.0, 3
    deep = rf.DeepDAE(twice(mean, 1.3), t, depth, n_particles=n, rng=1)
    exact = rf.DeepDAE(rf.GaussianMixture([1.0], [mean], 1.3), t, depth)
    assert deep.carrier == "particles" and deep.score_errors[0] == 0
    x = rf.GaussianMixture([1.0], [mean], 1.3).sample(400, 0)
    for layer in range(1, depth):
        x = exact.layers[layer - 1](x)
        wrong = deep.layers[layer](x) - exact.layers[layer](x)
        size = exact.layers[layer](x) - x
        true = np.sqrt((wrong**2).mean() / (size**2).mean())
        # Measured estimate/truth: 1.07, 1.5 for 500, 3.3, 3.9 for 4000 particles.
        assert true < deep.score_errors[layer] < 6 * true


def test_particles_that_are_noise_warn():
    wide = rf.GaussianMixture([0.5, 0.5], [[-1.0] * 4, [1.0] * 4], 0.5)
    with pytest.warns(rf.AccuracyWarning):
        deep = rf.DeepDAE(wide, 0.2, 8, n_particles=300, rng=0)
    assert deep.score_errors.max() > 1


def test_refusals():
    with pytest.raises(ValueError, match="`bandwidth` must be left out where nodes carry"):
        rf.DeepDAE(PLANE, 0.1, 2, bandwidth=0.1, method="nodes")
    with pytest.raises(ValueError, match="`method` must be 'auto' or 'particles' in 4 variables"):
        rf.DeepDAE(twice([0.0] * 4, 1.0), 0.1, 2, method="nodes")
    with pytest.raises(ValueError, match="`method` must be one of"):
        rf.DeepDAE(PLANE, 0.1, 2, method="grid")
    with pytest.raises(TypeError, match=r"`law` must have a density, got samples"):
        rf.DeepDAE(rf.SampleField(PLANE.sample(200, 0)), 0.5, 1).push([[0.0, 0.0]])
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match=r"(lattice|nodes).*method='particles'"),
    ):
        rf.DeepDAE(PLANE, 0.1, 16)
