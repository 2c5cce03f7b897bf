import warnings

import numpy as np
import pytest

import ridgeflow as rf

D = np.array([[1.0, 0.3], [0.3, 0.5]])
SIGMA = np.array([[1.3, 0.4], [0.4, 0.9]])
NORMAL = rf.GaussianMixture([1.0], [[0.5, -1.0]], SIGMA)
LINE = rf.GaussianMixture([1.0], [[0.0]], 1.3)
MIXTURE = rf.GaussianMixture([0.4, 0.6], [[-1.0, 0.0], [1.0, 0.5]], [0.4, 0.6])


def points(n, m=2, seed=0):
    return 1.5 * np.random.default_rng(seed).normal(size=(n, m))


def naive_mean_shift(atoms, weights, x, t):
    kernel = weights * np.exp(-np.sum((x[:, None] - atoms) ** 2, axis=2) / (2 * t))
    return kernel @ atoms / kernel.sum(axis=1, keepdims=True)


@pytest.mark.parametrize(
    ("depth", "slope"), [(1, 0.722222), (2, 0.658646), (4, 0.601809), (8, 0.556687)]
)
def test_slopes_of_theory(depth, slope):
    deep = rf.DeepDAE(LINE, 0.5, depth)
    assert deep([[1.0]])[0, 0] == pytest.approx(slope, abs=1e-6)
    assert deep.law.cov[0, 0] == pytest.approx(1.3 * slope**2, abs=3e-6)


@pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])
def test_normal_recursion(covariance):
    depth, t = 5, 0.4
    noise = t / depth * (np.eye(2) if covariance is None else covariance)
    sigma, slope = SIGMA, np.eye(2)
    for _ in range(depth):
        layer = sigma @ np.linalg.inv(sigma + noise)
        sigma, slope = layer @ sigma @ layer.T, layer @ slope
    deep = rf.DeepDAE(NORMAL, t, depth, covariance=covariance)
    x = points(10)
    expected = NORMAL.mean + (x - NORMAL.mean) @ slope.T
    np.testing.assert_allclose(deep(x), expected, atol=1e-12)  # measured 2e-15
    np.testing.assert_allclose(deep.law.cov, sigma, atol=1e-12)  # measured 3e-16
    if covariance is None:
        home = rf.closed_forms.deep_normal_denoise(x, NORMAL.mean, SIGMA, t, depth)
        np.testing.assert_allclose(deep(x), home, atol=1e-12)  # measured 7e-16
    np.testing.assert_allclose(
        deep.jacobian(x), np.broadcast_to(slope, (10, 2, 2)), atol=1e-12
    )  # measured 5e-16
    assert len(deep.layers) == depth and all(v.t == t / depth for v in deep.layers)


def test_slopes_as_deep_as_a_thousand_layers():
    depths = 2 ** np.arange(11)
    slopes = np.array([rf.DeepDAE(LINE, 0.5, int(n))([[1.0]])[0, 0] for n in depths])
    expected = []
    for depth in depths:
        variance, slope = 1.3, 1.0
        for _ in range(depth):
            slope *= variance / (variance + 0.5 / depth)
            variance = variance**3 / (variance + 0.5 / depth) ** 2
        expected.append(slope)
    np.testing.assert_allclose(slopes, expected, atol=1e-10)  # measured 2e-15
    assert (np.diff(slopes) < 0).all()
    # To the slope sqrt(1 - 2t/v) of the limit, as 1/L.
    errors = slopes - np.sqrt(1 - 2 * 0.5 / 1.3)
    order = -np.polyfit(np.log(depths[4:]), np.log(errors[4:]), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.95
    assert errors[-1] * 1024 == pytest.approx(errors[-2] * 512, rel=0.02)  # measured 0.004


def test_first_order_in_depth():
    depths = np.array([16, 32, 64, 128])
    limit = rf.ContinuousDAE(LINE).flow([[1.0]], 0.5).points[0, 0]
    errors = [rf.DeepDAE(LINE, 0.5, int(n))([[1.0]])[0, 0] - limit for n in depths]
    order = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.91


def test_one_layer_is_the_shallow_autoencoder():
    x = points(20)
    deep, shallow = rf.DeepDAE(MIXTURE, 0.3, 1, rng=0), rf.GaussianDAE(MIXTURE, 0.3)
    np.testing.assert_array_equal(deep(x), shallow(x))


@pytest.mark.parametrize("weighted", [False, True])
def test_empirical_law_is_the_iterated_mean_shift(weighted):
    atoms, x = points(50), points(20, seed=1)
    weights = np.random.default_rng(2).random(50) if weighted else np.ones(50)
    weights /= weights.sum()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)
        deep = rf.DeepDAE(rf.SampleField(atoms, weights=weights), 0.9, 3)
    path = [x]
    for _ in range(3):
        path.append(naive_mean_shift(atoms, weights, path[-1], 0.3))
        atoms = naive_mean_shift(atoms, weights, atoms, 0.3)
    np.testing.assert_allclose(deep.trajectory(x), path, atol=1e-12)  # measured 2e-15
    np.testing.assert_allclose(deep.law.points, atoms, atol=1e-12)
    np.testing.assert_allclose(deep.law.weights, weights)


@pytest.mark.parametrize(("n", "bound"), [(2000, 0.012), (8000, 0.0015)])
def test_particles_against_the_exact_recursion(n, bound):
    # The same normal law, written as a mixture so that particles must carry it.
    twice = rf.GaussianMixture([0.4, 0.6], [[0.0], [0.0]], 1.3)
    x = np.linspace(-2, 2, 9)[:, None]
    deep = rf.DeepDAE(twice, 0.5, 4, n_particles=n, rng=0, method="particles")
    exact = rf.DeepDAE(LINE, 0.5, 4)
    assert np.abs(deep(x) - exact(x)).max() < bound  # measured 3.6e-3, 2.7e-4
    # Standard error of a variance: 3 % and 1.6 %.
    assert deep.law.points.var() == pytest.approx(
        exact.law.cov[0, 0], rel=0.1 if n == 2000 else 0.05
    )
    # Far from the continuous limit, which it must not be.
    limit = rf.ContinuousDAE(LINE).flow(x, 0.5).points
    assert np.abs(deep(x) - limit).max() > 0.2  # measured 0.24


def test_particles_carry_a_mixture_past_the_singular_time():
    deep = rf.DeepDAE(MIXTURE, 0.8, 4, n_particles=1000, rng=0)
    assert rf.ContinuousDAE(MIXTURE).t_max < 0.8
    centres = deep.law.points[np.linalg.norm(deep.law.points - [1.0, 0.5], axis=1) < 0.5]
    assert len(centres) == pytest.approx(600, abs=60)  # measured 594


def test_trajectory_and_jacobian_by_particles():
    deep = rf.DeepDAE(MIXTURE, 0.3, 3, n_particles=500, rng=0, covariance=D, method="particles")
    x, h = points(10), 1e-5
    path = deep.trajectory(x)
    assert path.shape == (4, 10, 2)
    np.testing.assert_array_equal(path[0], x)
    np.testing.assert_array_equal(path[-1], deep(x))
    for j in range(2):
        shift = h * np.eye(2)[j]
        slope = (deep(x + shift) - deep(x - shift)) / (2 * h)
        np.testing.assert_allclose(deep.jacobian(x)[:, :, j], slope, atol=1e-7)  # measured 6e-10


def test_seed_fixes_the_particles():
    x = points(5)
    one, same, other = (
        rf.DeepDAE(MIXTURE, 0.4, 3, n_particles=500, rng=seed, method="particles")(x)
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(one, same)
    assert np.abs(one - other).max() > 1e-6


def test_too_few_particles_warn_and_the_advice_helps():
    with pytest.warns(
        rf.AccuracyWarning,
        match=r"t/depth = 0.01 of layer 2 reaches an effective number of 1\.\d neighbours, 10 are "
        r"wanted \(take n_particles = ",
    ) as caught:
        rf.DeepDAE(MIXTURE, 0.02, 2, n_particles=50, rng=0, method="particles")
    advice = float(str(caught[0].message).split("n_particles = ")[1].split(",")[0])
    assert caught[0].filename == __file__
    assert 300 < advice < 10000  # measured 1.1e3
    # Enough neighbours, though their score still errs by as much as the layer moves.
    with pytest.warns(rf.AccuracyWarning, match="score of layer 2 of 2 is in error by about 1"):
        rf.DeepDAE(MIXTURE, 0.02, 2, n_particles=int(2 * advice), rng=0, method="particles")
    with pytest.warns(rf.AccuracyWarning, match=r"of layer 1 .*take about .* samples"):
        rf.DeepDAE(rf.SampleField(points(50)), 0.02, 2)


def test_bandwidth_joins_the_noise():
    atoms, x = points(60), points(10, seed=1)
    deep = rf.DeepDAE(rf.SampleField(atoms), 0.2, 1, bandwidth=0.7)
    density = rf.kernel_density(atoms, 0.7)
    np.testing.assert_allclose(deep(x), rf.GaussianDAE(density, 0.2)(x), atol=1e-13)
    moved = rf.GaussianDAE(density, 0.2)(atoms)
    assert isinstance(deep.law, rf.GaussianMixture)
    np.testing.assert_allclose(deep.law.means, moved, atol=1e-13)
    np.testing.assert_allclose(deep.law.covariances[0], 0.49 * np.eye(2))
    # Enough neighbours through the bandwidth alone: no warning.
    rf.DeepDAE(MIXTURE, 0.002, 2, n_particles=500, rng=0, bandwidth=0.5)


def test_dtype():
    deep = rf.DeepDAE(NORMAL, 0.3, 2)
    x = points(6).astype(np.float32)
    assert deep(x).dtype == deep.trajectory(x).dtype == deep.jacobian(x).dtype == np.float32
    assert deep(x.astype(float)).dtype == np.float64
    assert repr(deep) == "DeepDAE(t=0.3, depth=2, dim=2)"


def test_refusals():
    with pytest.raises(ValueError, match="`t` must be positive, got 0"):
        rf.DeepDAE(LINE, 0.0, 2)
    with pytest.raises(ValueError, match="`depth` must be at least 1, got 0"):
        rf.DeepDAE(LINE, 0.5, 0)
    with pytest.raises(TypeError, match=r"`depth` must be an integer, got 2\.5"):
        rf.DeepDAE(LINE, 0.5, 2.5)
    with pytest.raises(ValueError, match="`n_particles` must be at least 2, got 1"):
        rf.DeepDAE(MIXTURE, 0.5, 2, n_particles=1)
    with pytest.raises(ValueError, match="`bandwidth` must be positive, got -1"):
        rf.DeepDAE(MIXTURE, 0.5, 2, bandwidth=-1.0)
    with pytest.raises(ValueError, match="`bandwidth` must be left out for a normal law, got 1"):
        rf.DeepDAE(LINE, 0.5, 2, bandwidth=1.0)
    with pytest.raises(TypeError, match=r"got ndarray \(wrap the points"):
        rf.DeepDAE(points(5), 0.5, 2)
    with pytest.raises(ValueError, match="`covariance` must be positive definite"):
        rf.DeepDAE(MIXTURE, 0.5, 2, covariance=np.zeros((2, 2)))
    with pytest.raises(TypeError, match="`rng` must be an int"):
        rf.DeepDAE(MIXTURE, 0.5, 2, rng=0.5)
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\)"):
        rf.DeepDAE(NORMAL, 0.5, 2)(np.zeros((3, 3)))
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the cloud of particles needs"),
    ):
        rf.DeepDAE(MIXTURE, 0.5, 2, n_particles=10**6, method="particles")
    deep = rf.DeepDAE(NORMAL, 0.3, 200)
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the trajectory needs"),
    ):
        deep.trajectory(points(1000))


def test_collapse_of_a_normal_law_is_reported():
    thin = rf.GaussianMixture([1.0], [[0.0, 0.0]], np.diag([1.0, 1e-3]))
    with pytest.raises(
        rf.ConvergenceError,
        match=r"the law after layer \d of 8 must have a covariance of full rank",
    ):
        rf.DeepDAE(thin, 0.8, 8)
