"""Laws given by a density on a grid, by samples, or by their score alone."""

import numpy as np
import pytest

import ridgeflow as rf

T = 0.2
MIXTURE = rf.GaussianMixture(
    [0.3, 0.7],
    [[-1.0, 0.0], [1.0, 0.5]],
    [[[0.5, 0.1], [0.1, 0.4]], [[0.3, -0.05], [-0.05, 0.6]]],
)
AXES = (np.linspace(-6, 6, 61), np.linspace(-5.5, 6, 70))


def points(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2))


@pytest.mark.parametrize("factor", [1.0, 7.5])
def test_density_on_a_grid_is_denoised_like_its_law(factor):
    field = rf.GridField.from_function(lambda x: factor * MIXTURE.pdf(x), AXES)
    dae, exact = rf.GaussianDAE(field, T), rf.GaussianDAE(MIXTURE, T)
    x = points(50)
    np.testing.assert_allclose(dae(x), exact(x), atol=1e-13)  # measured 5e-16
    # measured 3e-13 (the mass off the grid), 3e-15, 2e-15
    np.testing.assert_allclose(dae.smoothed.logpdf(x), exact.smoothed.logpdf(x), atol=1e-11)
    np.testing.assert_allclose(dae.velocity(x), exact.velocity(x), atol=1e-12)
    np.testing.assert_allclose(dae.jacobian(x), exact.jacobian(x), atol=1e-12)
    sample = dae.law.sample(40000, 0)
    # The step of the grid against the sampling error of 1/sqrt(40000).
    np.testing.assert_allclose(sample.mean(axis=0), MIXTURE.mean, atol=0.03)
    np.testing.assert_allclose(np.cov(sample.T), MIXTURE.cov, atol=0.04)


def test_grids_that_are_no_densities_or_too_coarse():
    values = MIXTURE.pdf(np.zeros((1, 2))) * np.ones((5, 4))
    axes = (np.arange(5.0), np.arange(4.0))
    with pytest.raises(ValueError, match="must not be negative, got a GridField with values down"):
        rf.GaussianDAE(rf.GridField(-values, axes), 4.0)
    with pytest.raises(ValueError, match="must not vanish everywhere"):
        rf.GaussianDAE(rf.GridField(0 * values, axes), 4.0)
    with pytest.raises(ValueError, match=r"one component, got a GridField of dtype complex128"):
        rf.GaussianDAE(rf.GridField(values + 0j, axes), 4.0)
    with pytest.raises(ValueError, match=r"component shape \(3,\)"):
        rf.GaussianDAE(rf.GridField(np.ones((5, 4, 3)), axes), 4.0)
    with pytest.warns(rf.AccuracyWarning, match=r"deviation of 0\.5, less than the step 1 of the"):
        rf.GaussianDAE(rf.GridField(values, axes), 0.25)


def test_samples_smooth_and_draw():
    law = rf.SampleField(points(20), weights=np.arange(20.0))
    smooth = law.smooth(T)
    assert smooth.n_components == 19 and smooth.shared_covariance
    np.testing.assert_allclose(smooth.score(points(5)), rf.GaussianDAE(law, T).velocity(points(5)))
    drawn = law.sample(1000, 3)
    assert drawn.shape == (1000, 2) and not (drawn == law.points[0]).all(axis=1).any()
    assert np.array_equal(drawn, law.sample(1000, 3))
    function = rf.SampleField(points(3), values=np.ones(3))
    with pytest.raises(ValueError, match="`smooth` needs a law, got a SampleField that carries"):
        function.smooth(1.0)
    with pytest.raises(ValueError, match="`sample` needs a law"):
        function.sample(3)
    with pytest.raises(ValueError, match="`n` must be at least 1, got 0"):
        law.sample(0)


def test_denoiser_of_a_score():
    def score(x, t):
        return MIXTURE.smooth(t).score(x)

    dae = rf.GaussianDAE(rf.CallableField(score, 2, score=True), T)
    exact = rf.GaussianDAE(MIXTURE, T)
    x = points(20)
    np.testing.assert_allclose(dae(x), exact(x), rtol=1e-13)
    np.testing.assert_allclose(dae.velocity(x), exact.velocity(x), rtol=1e-13)
    np.testing.assert_allclose(dae.jacobian(x), exact.jacobian(x), atol=1e-9)  # measured 7e-11
    with pytest.raises(TypeError, match="known by its score alone"):
        dae.potential(x)
    with pytest.raises(TypeError, match="known by its score alone"):
        dae.pushforward()
    with pytest.raises(TypeError, match="must have a density, got a score alone"):
        dae.pushforward_logpdf(x)
    with pytest.raises(TypeError, match="score of x and of the noise variance, got a CallableFi"):
        rf.GaussianDAE(rf.CallableField(lambda x: -x, 2, score=True), T)
    with pytest.raises(ValueError, match="`covariance` must be left out for a law that is known"):
        rf.GaussianDAE(rf.CallableField(score, 2, score=True), T, covariance=2.0)


def test_flow_of_a_score():
    exact = rf.ContinuousDAE(MIXTURE)

    def score(x, t):
        return MIXTURE.shrink(2 * t).score(x)

    dae = rf.ContinuousDAE(rf.CallableField(score, 2, score=True))
    x, times = points(20), [0.02, 0.05, 0.1]
    found = dae.flow(x, 0.1, times=times, rtol=1e-9)
    expected = exact.flow(x, 0.1, times=times, rtol=1e-9)
    np.testing.assert_allclose(found.trajectory, expected.trajectory, atol=1e-9)  # measured 4e-11
    assert found.log_density is None and dae.t_max == np.inf
    # One time that is the end, one before it, none: ends agree, and each is reported once.
    for some in ([0.1], [0.05], None):
        other = dae.flow(x, 0.1, times=some, rtol=1e-9)
        np.testing.assert_allclose(other.points, expected.points, atol=1e-9)  # measured 4e-11
        if some is not None:
            at = [times.index(t) for t in some]
            assert other.trajectory.shape == (1, 20, 2)
            np.testing.assert_allclose(other.trajectory, expected.trajectory[at], atol=1e-9)
    back = dae.inverse_flow(found.points, 0.1)
    np.testing.assert_allclose(back.points, x, atol=1e-9)  # measured 1e-11
    np.testing.assert_allclose(
        dae.divergence(x, 0.05), exact.divergence(x, 0.05), atol=1e-7
    )  # 4e-9
    assert repr(dae) == "ContinuousDAE(score, dim=2)"
    with pytest.raises(TypeError, match="known by its score alone, which tells no density"):
        dae.law(0.1)
    with pytest.raises(ValueError, match="must be 'auto' or 'ode' for a score, got 'exact'"):
        dae.flow(x, 0.1, method="exact")
    with pytest.raises(TypeError, match="score of x and of the time, got a CallableField of x"):
        rf.ContinuousDAE(rf.CallableField(lambda x: -x, 2, score=True))
