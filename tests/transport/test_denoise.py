import numpy as np
import pytest

import ridgeflow as rf

T = 0.3
D = np.array([[1.0, 0.3], [0.3, 0.5]])


@pytest.fixture
def mixture():
    return rf.GaussianMixture(
        [0.3, 0.7],
        [[-1.0, 0.0], [1.0, 0.5]],
        [[[0.5, 0.1], [0.1, 0.4]], [[0.3, -0.05], [-0.05, 0.6]]],
    )


def points(n, m=2, seed=0):
    return 1.5 * np.random.default_rng(seed).normal(size=(n, m))


def normal_density(d, covariance):
    q = np.einsum("...i,ij,...j->...", d, np.linalg.inv(covariance), d)
    return np.exp(-q / 2) / np.sqrt(np.linalg.det(2 * np.pi * covariance))


def naive_posterior_mean(law, x, noise):
    """Theory 7, component by component."""
    out = np.zeros_like(x)
    for i, point in enumerate(x):
        terms = []
        for w, m, s in zip(law.weights, law.means, law.covariances, strict=True):
            gain = s @ np.linalg.inv(s + noise)
            value = gain @ point + (np.eye(len(m)) - gain) @ m
            terms.append((w * normal_density(point - m, s + noise), value))
        out[i] = sum(r * v for r, v in terms) / sum(r for r, _ in terms)
    return out


def naive_mean_shift(atoms, weights, x, t):
    out = np.zeros_like(x)
    for i, point in enumerate(x):
        kernel = weights * np.exp(-np.sum((point - atoms) ** 2, axis=1) / (2 * t))
        out[i] = kernel @ atoms / kernel.sum()
    return out


def test_slope_of_a_normal_law():
    dae = rf.GaussianDAE(rf.GaussianMixture([1.0], [[0.0]], 1.3), 0.5)
    assert dae([[1.0]])[0, 0] == pytest.approx(0.722222, abs=1e-6)


def test_normal_law_in_three_dimensions():
    rng = np.random.default_rng(1)
    root = rng.normal(size=(2, 3, 3))
    sigma, noise = (r @ r.T + 0.2 * np.eye(3) for r in root)
    mean = rng.normal(size=3)
    dae = rf.GaussianDAE(rf.GaussianMixture([1.0], [mean], sigma), T, covariance=noise)
    x = rng.normal(size=(20, 3))
    slope = sigma @ np.linalg.inv(sigma + T * noise)
    np.testing.assert_allclose(dae(x), mean + (x - mean) @ slope.T, atol=1e-12)  # measured 5e-16
    np.testing.assert_allclose(
        dae.jacobian(x), np.broadcast_to(slope, (20, 3, 3)), atol=1e-12
    )  # measured 1e-15
    pushed = dae.pushforward()
    np.testing.assert_allclose(pushed.cov, slope @ sigma @ slope.T, atol=1e-12)  # measured 4e-16
    np.testing.assert_allclose(pushed.mean, mean, atol=1e-15)


@pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])
def test_mixture_against_naive_twin(mixture, covariance):
    dae = rf.GaussianDAE(mixture, T, covariance=covariance)
    noise = T * (np.eye(2) if covariance is None else covariance)
    x = points(40)
    np.testing.assert_allclose(
        dae(x), naive_posterior_mean(mixture, x, noise), atol=1e-12
    )  # measured 2e-15
    np.testing.assert_allclose(dae(x), mixture.posterior_mean(x, noise), atol=1e-13)
    np.testing.assert_allclose(dae.noise, noise)


def test_posterior_mean_by_quadrature():
    law = rf.GaussianMixture([0.4, 0.6], [[-1.0], [0.8]], [0.2, 0.5])
    clean = np.linspace(-9, 9, 4001)
    x = np.linspace(-2.5, 2.5, 11)
    joint = law.pdf(clean[:, None]) * np.exp(-((x[:, None] - clean) ** 2) / (2 * T))
    expected = joint @ clean / joint.sum(axis=1)
    got = rf.GaussianDAE(law, T)(x)[:, 0]
    np.testing.assert_allclose(got, expected, atol=1e-12)  # measured 1e-15


@pytest.mark.parametrize("weighted", [False, True])
def test_mean_shift_against_naive_twin(weighted):
    atoms = points(60, seed=2)
    weights = np.random.default_rng(3).random(60) if weighted else np.ones(60)
    weights[5] = 0.0 if weighted else 1.0
    weights /= weights.sum()
    law = rf.SampleField(atoms, weights=weights)
    x = points(25, seed=4)
    got = rf.GaussianDAE(law, T)(x)
    np.testing.assert_allclose(got, naive_mean_shift(atoms, weights, x, T), atol=1e-12)
    # measured 2e-15
    pushed = rf.GaussianDAE(law, T).pushforward()
    np.testing.assert_allclose(
        pushed.points, naive_mean_shift(atoms, weights, atoms, T), atol=1e-12
    )
    np.testing.assert_allclose(pushed.weights, weights)


def test_anisotropic_mean_shift_is_the_isotropic_one_in_whitened_space():
    atoms, x = points(50, seed=5), points(20, seed=6)
    root = np.linalg.cholesky(D)
    white = np.linalg.inv(root).T
    got = rf.GaussianDAE(rf.SampleField(atoms), T, covariance=D)(x)
    inner = naive_mean_shift(atoms @ white, np.ones(50), x @ white, T)
    np.testing.assert_allclose(got, inner @ root.T, atol=1e-12)  # measured 3e-15


@pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])
def test_velocity_is_the_displacement_over_t(mixture, covariance):
    dae = rf.GaussianDAE(mixture, T, covariance=covariance)
    x = points(30)
    np.testing.assert_allclose(dae.velocity(x), (dae(x) - x) / T, atol=1e-12)  # measured 8e-15


def test_velocity_does_not_cancel_for_small_noise(mixture):
    x = points(30)
    velocity = rf.GaussianDAE(mixture, 1e-14, covariance=D).velocity(x)
    np.testing.assert_allclose(velocity, mixture.score(x) @ D, atol=1e-10)  # measured 2e-13


@pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])
@pytest.mark.parametrize("empirical", [False, True])
def test_jacobian_against_differences(mixture, covariance, empirical):
    law = rf.SampleField(points(80, seed=7)) if empirical else mixture
    dae = rf.GaussianDAE(law, T, covariance=covariance)
    x, h = points(20, seed=8), 1e-5
    jacobian = dae.jacobian(x)
    assert jacobian.shape == (20, 2, 2)
    for j in range(2):
        shift = h * np.eye(2)[j]
        slope = (dae(x + shift) - dae(x - shift)) / (2 * h)
        np.testing.assert_allclose(jacobian[:, :, j], slope, atol=1e-8)  # measured 1.3e-9


def test_isotropic_jacobian_is_symmetric_and_positive(mixture):
    jacobian = rf.GaussianDAE(mixture, T).jacobian(points(200))
    np.testing.assert_allclose(jacobian, jacobian.transpose(0, 2, 1), atol=1e-14)
    assert np.linalg.eigvalsh(jacobian).min() > 0


def test_pushforward_starts_as_the_backward_heat_flow():
    # d/dt E[f(Φ_t(X))] = −E[Δf(X)] at t = 0: −2 for f = x².
    law = rf.GaussianMixture([0.4, 0.6], [[-1.0], [0.8]], [0.2, 0.5])
    x = np.linspace(-9, 9, 4001)[:, None]
    mass = law.pdf(x) * (x[1, 0] - x[0, 0])
    h = 1e-5
    slope = (mass @ rf.GaussianDAE(law, h)(x)[:, 0] ** 2 - mass @ x[:, 0] ** 2) / h
    assert slope == pytest.approx(-2.0, abs=1e-3)  # measured 7.6e-5


def test_pushforward_of_a_mixture_is_sampled(mixture):
    dae = rf.GaussianDAE(mixture, T)
    pushed = dae.pushforward(n_samples=20000, rng=0)
    assert isinstance(pushed, rf.SampleField) and pushed.is_law
    assert pushed.points.shape == (20000, 2)
    independent = dae(mixture.sample(20000, 1))
    np.testing.assert_allclose(
        pushed.points.mean(axis=0), independent.mean(axis=0), atol=0.03
    )  # standard error 0.009
    again = dae.pushforward(n_samples=20000, rng=0)
    np.testing.assert_array_equal(pushed.points, again.points)


def test_shift_and_permutation(mixture):
    shift = np.array([3.0, -2.0])
    moved = rf.GaussianMixture(
        mixture.weights[::-1], mixture.means[::-1] + shift, mixture.covariances[::-1]
    )
    x = points(20)
    np.testing.assert_allclose(
        rf.GaussianDAE(moved, T)(x + shift), rf.GaussianDAE(mixture, T)(x) + shift, atol=1e-12
    )  # measured 4e-15


def test_number_as_covariance_scales_the_noise(mixture):
    x = points(10)
    np.testing.assert_allclose(
        rf.GaussianDAE(mixture, T, covariance=2.0)(x), rf.GaussianDAE(mixture, 2 * T)(x), atol=1e-13
    )


def test_dtype_and_layout(mixture):
    dae = rf.GaussianDAE(mixture, T)
    x = points(10)
    for call in (dae, dae.velocity, dae.jacobian):
        assert call(x.astype(np.float32)).dtype == np.float32
        assert call(x).dtype == np.float64
        np.testing.assert_array_equal(call(np.asfortranarray(x)), call(x))
    one = rf.GaussianDAE(rf.GaussianMixture([1.0], [[0.0]], 1.3), 0.5)
    assert one([1.0, 2.0]).shape == (2, 1)
    assert "GaussianDAE(GaussianMixture, t=0.3, dim=2)" in repr(dae)


def test_refusals(mixture):
    with pytest.raises(ValueError, match=r"`t` must be positive, got 0 \(it is the variance"):
        rf.GaussianDAE(mixture, 0.0)
    with pytest.raises(ValueError, match=r"`t` must be positive, got -1"):
        rf.GaussianDAE(mixture, -1.0)
    with pytest.raises(ValueError, match="`covariance` must be positive definite, got a least"):
        rf.GaussianDAE(mixture, T, covariance=[[1.0, 2.0], [2.0, 1.0]])
    with pytest.raises(ValueError, match="`covariance` must be symmetric"):
        rf.GaussianDAE(mixture, T, covariance=[[1.0, 0.5], [0.0, 1.0]])
    with pytest.raises(ValueError, match=r"`covariance` must have shape \(2, 2\), got \(3, 3\)"):
        rf.GaussianDAE(mixture, T, covariance=np.eye(3))
    with pytest.raises(ValueError, match="`law` must be a law, got a SampleField that carries"):
        rf.GaussianDAE(rf.SampleField(points(5), values=np.ones(5)), T)
    with pytest.raises(TypeError, match=r"got ndarray \(wrap the points: SampleField\(points\)"):
        rf.GaussianDAE(points(5), T)
    with pytest.raises(TypeError, match=r"got CallableField \(a function of x cannot"):
        rf.GaussianDAE(rf.CallableField(lambda x: x[:, 0], 2), T)
    with pytest.raises(
        TypeError, match=r"`law` must be a GaussianMixture or a SampleField.*got str"
    ):
        rf.GaussianDAE("iris", T)
    dae = rf.GaussianDAE(mixture, T)
    for call in (dae, dae.velocity, dae.jacobian):
        with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\), got \(4, 3\)"):
            call(np.zeros((4, 3)))
        with pytest.raises(ValueError, match="`x` must be finite, got 1 NaN"):
            call([[np.nan, 0.0]])
    with pytest.raises(ValueError, match="`n_samples` must be at least 1, got 0"):
        dae.pushforward(n_samples=0)
    with pytest.raises(TypeError, match="`rng` must be an int"):
        dae.pushforward(rng="seed")
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match=r"the pushforward needs .* MiB"),
    ):
        dae.pushforward(n_samples=10**6)
