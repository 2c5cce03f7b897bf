"""Denoising autoencoders and flows against quadrature, composition and integrated trajectories."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import mixture_logpdf, mixture_posterior_mean, mixture_score
from scipy.integrate import solve_ivp
from scipy.linalg import eigh, sqrtm

from ridgeflow import closed_forms as cf
from ridgeflow import config
from ridgeflow.errors import SingularTimeError

MEAN = np.array([0.3, -0.2])
COV = np.array([[0.8, 0.25], [0.25, 0.5]])
NOISE = np.array([[1.0, -0.3], [-0.3, 0.6]])
WEIGHTS = np.array([0.5, 0.2, 0.3])
MEANS = np.array([[0.0, 0.0], [1.5, 0.5], [-1.0, 1.2]])
COVARIANCES = np.array([COV, [[0.4, 0.0], [0.0, 0.3]], [[0.3, -0.1], [-0.1, 0.6]]])
POINTS = np.random.default_rng(0).normal(size=(6, 2)) * 1.5


def square(half, n):
    x = np.linspace(-half, half, n)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return points, (x[1] - x[0]) ** 2


def density(points, weights, means, covariances):
    total = np.zeros(len(points))
    for w, m, s in zip(weights, means, covariances, strict=True):
        d = points - m
        q = np.einsum("ni,ij,nj->n", d, np.linalg.inv(s), d)
        total += w * np.exp(-0.5 * q) / np.sqrt(np.linalg.det(2 * np.pi * np.asarray(s)))
    return total


def posterior_mean_on_a_grid(x, prior, points, noise):
    """E[clean | clean + N(0, noise) = x] by a sum over clean points."""
    inverse = np.linalg.inv(noise)
    out = []
    for y in x:
        d = y - points
        w = prior * np.exp(-0.5 * np.einsum("ni,ij,nj->n", d, inverse, d))
        out.append(w @ points / w.sum())
    return np.array(out)


@pytest.mark.parametrize("noise", [None, 0.7, NOISE])
def test_denoisers_are_posterior_means(noise):
    grid, _ = square(8.0, 201)
    matrix = np.eye(2) if noise is None else noise * np.eye(2) if np.ndim(noise) == 0 else noise
    t = 0.4
    got = cf.normal_denoise(POINTS, MEAN, COV, t, noise_covariance=noise)
    want = posterior_mean_on_a_grid(POINTS, density(grid, [1], [MEAN], [COV]), grid, t * matrix)
    assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 6e-15
    got = cf.mixture_denoise(POINTS, WEIGHTS, MEANS, COVARIANCES, t, noise_covariance=noise)
    prior = density(grid, WEIGHTS, MEANS, COVARIANCES)
    want = posterior_mean_on_a_grid(POINTS, prior, grid, t * matrix)
    assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 1e-14


def test_mixture_denoiser_is_the_identity_plus_noise_times_score():
    t = 0.3
    for scale, noise in ((np.eye(2), None), (NOISE, NOISE)):
        got = cf.mixture_denoise(POINTS, WEIGHTS, MEANS, COVARIANCES, t, noise_covariance=noise)
        smooth = COVARIANCES + t * scale
        want = POINTS + t * mixture_score(POINTS, WEIGHTS, MEANS, smooth) @ scale
        assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 3e-15
        want = mixture_posterior_mean(POINTS, WEIGHTS, MEANS, COVARIANCES, t * scale)
        assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 3e-15


def test_mixture_denoiser_in_the_form_of_the_literature():
    t = 0.3
    smooth = [s + t * np.eye(2) for s in COVARIANCES]
    rows = []
    for x in POINTS:
        r = [
            w * np.exp(mixture_logpdf(x[None], [1], [m], [s])[0])
            for w, m, s in zip(WEIGHTS, MEANS, smooth, strict=True)
        ]
        parts = [
            np.linalg.inv(np.eye(2) + t * np.linalg.inv(s)) @ x
            + np.linalg.inv(np.eye(2) + s / t) @ m
            for m, s in zip(MEANS, COVARIANCES, strict=True)
        ]
        rows.append(np.array(r) @ parts / np.sum(r))
    got = cf.mixture_denoise(POINTS, WEIGHTS, MEANS, COVARIANCES, t)
    assert_allclose(got, rows, rtol=0, atol=1e-12)  # measured 3e-15


def test_mixture_denoiser_far_from_the_data_and_without_noise():
    far = np.array([[1e4, -1e4], [-3e5, 2e5]])
    got = cf.mixture_denoise(far, WEIGHTS, MEANS, COVARIANCES, 0.3)
    want = mixture_posterior_mean(far, WEIGHTS, MEANS, COVARIANCES, 0.3 * np.eye(2))
    assert_allclose(got, want, rtol=1e-13)  # measured 1.8e-16
    assert_allclose(
        cf.mixture_denoise(POINTS, WEIGHTS, MEANS, COVARIANCES, 0.0), POINTS, atol=1e-12
    )


@pytest.mark.parametrize("noise", [None, NOISE])
def test_empirical_denoiser_is_the_mean_under_softmax(noise):
    rng = np.random.default_rng(1)
    data, w = rng.normal(size=(40, 2)), rng.uniform(0.5, 2, 40)
    inverse = np.eye(2) if noise is None else np.linalg.inv(noise)
    want = []
    for x in POINTS:
        d = x - data
        p = w * np.exp(-np.einsum("ni,ij,nj->n", d, inverse, d) / (2 * 0.3))
        want.append(p @ data / p.sum())
    got = cf.empirical_denoise(POINTS, data, 0.3, weights=w, noise_covariance=noise)
    assert_allclose(got, want, rtol=0, atol=1e-13)  # measured 1e-15


def test_empirical_denoiser_is_the_limit_of_narrow_mixtures():
    data = np.random.default_rng(2).normal(size=(5000, 1))
    x = np.linspace(-2, 2, 7)
    got = cf.empirical_denoise(x, data, 0.2)
    want = cf.mixture_denoise(x, np.ones(5000), data, 1e-12, 0.2)
    assert_allclose(got, want, rtol=0, atol=1e-10)  # measured 3e-13 (the variance 1e-12)


def test_empirical_denoiser_tends_to_the_nearest_sample():
    data = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    got = cf.empirical_denoise([[0.9, 0.2], [0.1, 1.7], [50.0, 0.0]], data, 1e-8)
    assert_allclose(got, data[[1, 2, 1]], rtol=0, atol=0)


def test_pushforward_covariance_of_the_shallow_denoiser_by_sampling():
    grid, cell = square(9.0, 181)
    mass = density(grid, [1], [MEAN], [COV]) * cell
    for noise in (None, NOISE):
        y = cf.normal_denoise(grid, MEAN, COV, 0.4, noise_covariance=noise)
        d = y - mass @ y
        got = cf.normal_denoise_covariance(COV, 0.4, noise_covariance=noise)
        assert_allclose(got, (mass[:, None] * d).T @ d, rtol=0, atol=1e-12)  # measured 3e-15


def test_deep_slopes_have_the_published_values():
    got = [cf.deep_normal_slope(1.3, 0.5, depth) for depth in (1, 2, 4, 8)]
    assert_allclose(got, [0.722222, 0.658646, 0.601809, 0.556687], rtol=0, atol=5e-7)
    assert_allclose(cf.normal_flow([1.0], [0.0], 1.3, 0.5), [[0.480384]], rtol=0, atol=5e-7)


def test_deep_slope_converges_with_order_one():
    depths = 2 ** np.arange(5, 11)
    limit = cf.normal_flow([1.0], [0.0], 1.3, 0.5)[0, 0]
    errors = [cf.deep_normal_slope(1.3, 0.5, int(depth)) - limit for depth in depths]
    order = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.97


def test_deep_denoiser_is_the_composition_of_posterior_means():
    x, w = np.polynomial.hermite_e.hermegauss(40)
    points, spread = np.array([-1.3, 0.2, 2.0]), 0.9
    y, v = points.copy(), spread
    for row in range(5):
        assert_allclose(
            cf.deep_normal_variances(spread, 0.05, 5)[row], v, rtol=1e-12
        )  # measured 2e-15
        # Posterior mean by quadrature over the noise that explains a noisy point.
        clean = np.sqrt(0.05) * x[None, :]

        def denoise(z, clean=clean, v=v):
            prior = np.exp(-((z[:, None] - clean) ** 2) / (2 * v))
            return (prior * (z[:, None] - clean)) @ w / (prior @ w)

        y = denoise(y)
        data = np.sqrt(v) * x
        v = (denoise(data) ** 2) @ w / w.sum()
    got = cf.deep_normal_denoise(points + 0.4, [0.4], spread, 0.25, 5)[:, 0] - 0.4
    assert_allclose(got, y, rtol=1e-12)  # measured 8e-16


def test_deep_denoiser_composes_shallow_ones_in_the_plane():
    x, cov = POINTS, COV
    for _ in range(7):
        x = cf.normal_denoise(x, MEAN, cov, 0.02)
        cov = cf.normal_denoise_covariance(cov, 0.02)
    got = cf.deep_normal_denoise(POINTS, MEAN, COV, 0.14, 7)
    assert_allclose(got, x, rtol=0, atol=1e-13)  # measured 1e-15
    values = cf.deep_normal_variances(np.linalg.eigvalsh(COV), 0.02, 7)
    assert values.shape == (8, 2)
    assert_allclose(values[-1], np.linalg.eigvalsh(cov), rtol=1e-12)  # measured 2e-15


NOISES = [None, 0.6, NOISE, np.array([[1.0, 0.5], [0.5, 0.25]])]


def matrix_of(noise):
    return (
        np.eye(2)
        if noise is None
        else np.broadcast_to(noise, (2, 2)) * (np.eye(2) if np.ndim(noise) == 0 else 1)
    )


@pytest.mark.parametrize("noise", NOISES, ids=["identity", "number", "matrix", "singular"])
def test_flow_of_a_normal_law(noise):
    D, t = matrix_of(noise), 0.15
    got = cf.normal_flow(POINTS, MEAN, COV, t, noise_covariance=noise)
    root = np.real(sqrtm(np.eye(2) - 2 * t * D @ np.linalg.inv(COV)))
    assert_allclose(got, (POINTS - MEAN) @ root.T + MEAN, rtol=0, atol=1e-12)  # measured 3e-15

    def velocity(s, y):
        x = y[:12].reshape(6, 2)
        cov = COV - 2 * s * D
        force = mixture_score(x, [1.0], [MEAN], [cov]) @ D
        divergence = -np.trace(D @ np.linalg.inv(cov))
        return np.concatenate([force.ravel(), np.full(6, -divergence)])

    start = np.concatenate([POINTS.ravel(), mixture_logpdf(POINTS, [1.0], [MEAN], [COV])])
    path = solve_ivp(velocity, (0, t), start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
    assert_allclose(got.ravel(), path[:12], rtol=0, atol=1e-10)  # measured 1e-12
    logs = cf.normal_flow_log_density(POINTS, MEAN, COV, t, noise_covariance=noise)
    assert_allclose(logs, path[12:], rtol=0, atol=1e-10)  # measured 5e-12
    after = cf.normal_flow_covariance(COV, t, noise_covariance=noise)
    assert_allclose(after, root @ COV @ root.T, rtol=0, atol=1e-13)  # measured 1e-16
    assert_allclose(logs, mixture_logpdf(got, [1], [MEAN], [after]), atol=1e-12)  # measured 3e-15


@pytest.mark.parametrize("noise", NOISES, ids=["identity", "number", "matrix", "singular"])
def test_singular_time_is_where_the_covariance_degenerates(noise):
    D = matrix_of(noise)
    t = cf.normal_singular_time(COV, noise_covariance=noise)
    assert abs(np.linalg.det(COV - 2 * t * D)) < 1e-14  # measured 1e-16
    assert np.linalg.eigvalsh(COV - 1.98 * t * D)[0] > 0
    t = cf.mixture_singular_time(COVARIANCES, noise_covariance=noise)
    assert_allclose(min(np.linalg.det(s - 2 * t * D) for s in COVARIANCES), 0, atol=1e-14)
    assert min(np.linalg.eigvalsh(s - 1.98 * t * D)[0] for s in COVARIANCES) > 0


def test_singular_time_from_every_form_of_covariance():
    assert cf.mixture_singular_time(0.5) == 0.25
    assert cf.mixture_singular_time([0.5, 0.3]) == 0.15
    assert_allclose(cf.mixture_singular_time(COV), np.linalg.eigvalsh(COV)[0] / 2, rtol=1e-14)
    top = np.linalg.eigvalsh(NOISE)[-1]
    got = cf.mixture_singular_time([0.5, 0.3], noise_covariance=NOISE)
    assert_allclose(got, 0.15 / top, rtol=1e-13)  # measured 1e-16
    assert cf.mixture_singular_time([0.5, 0.3], noise_covariance=0.5) == pytest.approx(0.3)


@pytest.mark.parametrize("noise", [None, NOISE])
def test_mixture_under_backward_heat_solves_its_equation(noise):
    D, t, h, k = matrix_of(noise), 0.06, 1e-4, 3e-4

    def law(x, s):
        return cf.gaussian_mixture_density(
            x, *cf.mixture_backward_heat(WEIGHTS, MEANS, COVARIANCES, s, noise_covariance=noise)
        )

    slope = (law(POINTS, t + h) - law(POINTS, t - h)) / (2 * h)
    e = k * np.eye(2)
    spread = np.zeros(len(POINTS))
    for i in range(2):
        for j in range(2):
            mixed = [s * r * law(POINTS + s * e[i] + r * e[j], t) for s in (1, -1) for r in (1, -1)]
            spread += D[i, j] * sum(mixed) / (4 * k * k)
    assert_allclose(slope, -spread, rtol=0, atol=1e-5)  # measured 1e-6


def test_mixture_under_backward_heat_is_undone_by_the_noise():
    t = 0.07
    grid, cell = square(6.0, 241)
    late = density(grid, *cf.mixture_backward_heat(WEIGHTS, MEANS, COVARIANCES, t))
    want = density(POINTS, WEIGHTS, MEANS, COVARIANCES)
    for x, value in zip(POINTS, want, strict=True):
        kernel = np.exp(-((grid - x) ** 2).sum(axis=1) / (4 * t)) / (4 * np.pi * t)
        assert abs(late @ kernel * cell - value) < 1e-12  # measured 1e-15


def test_shared_and_isotropic_covariances_stay_compact():
    w, mu, cov = cf.mixture_backward_heat([2.0, 2.0], MEANS[:2], COV, 0.05)
    assert_allclose(w, [0.5, 0.5])
    assert (mu == MEANS[:2]).all()
    assert_allclose(cov, COV - 0.1 * np.eye(2))
    assert cf.mixture_backward_heat([1.0], MEANS[:1], 0.5, 0.05)[2].shape == (1, 2, 2)


def test_entropy_and_fisher_information_by_quadrature():
    grid, cell = square(8.0, 201)
    p = density(grid, [1], [MEAN], [COV])
    keep = p > 0
    entropy = -np.sum(p[keep] * np.log(p[keep])) * cell
    assert_allclose(cf.normal_entropy(COV), entropy, rtol=1e-12)  # measured 2e-15
    score = -(grid - MEAN) @ np.linalg.inv(COV)
    for noise in (None, NOISE):
        want = np.einsum("n,ni,ij,nj->", p, score, matrix_of(noise), score) * cell
        got = cf.normal_fisher_information(COV, noise_covariance=noise)
        assert_allclose(got, want, rtol=1e-12)  # measured 1.2e-15


@pytest.mark.parametrize("noise", [None, NOISE])
def test_entropy_falls_at_the_rate_of_the_fisher_information(noise):
    def entropy(s):
        return cf.normal_entropy(cf.normal_flow_covariance(COV, s, noise_covariance=noise))

    t, h = 0.08, 1e-4
    rate = (entropy(t + h) - entropy(t - h)) / (2 * h)
    cov = cf.normal_flow_covariance(COV, t, noise_covariance=noise)
    want = -cf.normal_fisher_information(cov, noise_covariance=noise)
    assert_allclose(rate, want, rtol=1e-5)  # measured 3e-7


def test_wasserstein_distance_of_normal_laws():
    other = np.array([[0.3, -0.2], [-0.2, 0.9]])
    shift = np.array([0.5, 0.1])
    half = np.real(sqrtm(COV))
    inner = np.real(sqrtm(half @ other @ half))
    want = np.sqrt(shift @ shift + np.trace(COV + other - 2 * inner))
    got = cf.normal_wasserstein2(MEAN, COV, MEAN + shift, other)
    assert_allclose(got, want, rtol=1e-13)  # measured 1e-16
    # The optimal map carries one law to the other at this cost.
    T = np.linalg.inv(half) @ inner @ np.linalg.inv(half)
    assert_allclose(T @ COV @ T, other, atol=1e-13)  # measured 1e-15
    cost = shift @ shift + np.trace((T - np.eye(2)) @ COV @ (T - np.eye(2)))
    assert_allclose(got**2, cost, rtol=1e-13)  # measured 5e-16
    assert_allclose(
        cf.normal_wasserstein2(MEAN + shift, other, MEAN, COV), got, rtol=1e-14
    )  # measured 0


def test_wasserstein_distance_of_the_line_by_quantiles():
    from scipy.special import ndtri

    q = (np.arange(200_000) + 0.5) / 200_000
    want = np.sqrt(np.mean((0.3 + 0.5 * ndtri(q) - (-0.2 + 1.1 * ndtri(q))) ** 2))
    assert_allclose(
        cf.normal_wasserstein2([0.3], 0.25, [-0.2], 1.21), want, rtol=1e-4
    )  # measured 2e-6


def test_wasserstein_distance_keeps_its_digits_between_close_laws():
    eps = 1e-9
    got = cf.normal_wasserstein2(MEAN, COV, MEAN, (1 + eps) ** 2 * COV)
    assert_allclose(got, eps * np.sqrt(np.trace(COV)), rtol=1e-5)  # measured 8e-8
    assert cf.normal_wasserstein2(MEAN, COV, MEAN, COV) < 1e-15
    flat = np.diag([1.0, 0.0])
    assert cf.normal_wasserstein2([0, 0], flat, [0, 0], 0.0) == pytest.approx(1.0)


def test_single_precision_is_kept():
    x = POINTS.astype(np.float32)
    calls = [
        lambda y: cf.normal_denoise(y, MEAN, COV, 0.1),
        lambda y: cf.deep_normal_denoise(y, MEAN, COV, 0.1, 3),
        lambda y: cf.normal_flow(y, MEAN, COV, 0.1),
        lambda y: cf.normal_flow_log_density(y, MEAN, COV, 0.1),
        lambda y: cf.mixture_denoise(y, WEIGHTS, MEANS, COVARIANCES, 0.1),
        lambda y: cf.empirical_denoise(y, y, 0.1),
    ]
    for call in calls:
        assert call(x).dtype == np.float32
        assert call(POINTS).dtype == np.float64
        assert_allclose(call(x), call(POINTS), rtol=0, atol=3e-6)  # measured 1.5e-7
    assert cf.empirical_denoise(x, POINTS, 0.1).dtype == np.float64


def test_one_thread_equals_many():
    x = np.random.default_rng(5).normal(size=(20_000, 2))
    calls = [
        lambda: cf.mixture_denoise(x, WEIGHTS, MEANS, COVARIANCES, 0.1),
        lambda: cf.empirical_denoise(x[:500], x[:3000], 0.1),
    ]
    for call in calls:
        with config(threads=1):
            one = call()
        with config(threads=3):
            assert (call() == one).all()


SINGULAR = r"`t` must be less than the singular time 0\.25, got 0\.25 \(the backward heat"


@pytest.mark.parametrize(
    "call",
    [
        lambda: cf.normal_flow([[0.0]], [0.0], 0.5, 0.25),
        lambda: cf.normal_flow_covariance(0.5, 0.25),
        lambda: cf.normal_flow_log_density([[0.0]], [0.0], 0.5, 0.25),
        lambda: cf.mixture_backward_heat([1, 1], [0.0, 1.0], [1.0, 0.5], 0.25),
        lambda: cf.normal_flow([[0.0]], [0.0], 1.0, 0.25, noise_covariance=2.0),
    ],
)
def test_the_singular_time_is_refused(call):
    with pytest.raises(SingularTimeError, match=SINGULAR):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cf.normal_denoise(POINTS, MEAN, COV, -1), "`t` must not be negative, got -1"),
        (lambda: cf.normal_flow(POINTS, MEAN, COV, -1), "`t` must not be negative, got -1"),
        (lambda: cf.normal_denoise([1.0], MEAN, COV, 0.1), r"`points` must have shape \(n, 2\)"),
        (lambda: cf.normal_denoise(POINTS, MEAN, np.eye(3), 0.1), r"`covariance` must have shape"),
        (
            lambda: cf.normal_flow(POINTS, MEAN, np.ones((2, 2)), 0.1),
            "`covariance` must be positive definite",
        ),
        (
            lambda: cf.normal_flow(POINTS, MEAN, COV, 0.1, noise_covariance=np.diag([1, -1])),
            "`noise_covariance` must be positive semidefinite, got a least eigenvalue of -1",
        ),
        (
            lambda: cf.normal_flow(POINTS, MEAN, COV, 0.1, noise_covariance=0.0),
            "`noise_covariance` must not vanish, got the zero matrix",
        ),
        (
            lambda: cf.normal_flow(POINTS, MEAN, COV, 0.1, noise_covariance=np.eye(3)),
            r"`noise_covariance` must have shape \(2, 2\), got \(3, 3\)",
        ),
        (
            lambda: cf.empirical_denoise(POINTS, POINTS, 0.1, noise_covariance=np.diag([1, 0])),
            "`noise_covariance` must be positive definite",
        ),
        (lambda: cf.empirical_denoise(POINTS, POINTS, 0.0), "`t` must be positive, got 0"),
        (
            lambda: cf.empirical_denoise(POINTS, POINTS, 0.1, weights=np.zeros(6)),
            "`weights` must be positive, got a least of 0",
        ),
        (
            lambda: cf.empirical_denoise(POINTS, POINTS, 0.1, weights=[1.0]),
            r"must agree in their first length, got `weights` \(1,\), `samples` \(6, 2\)",
        ),
        (
            lambda: cf.mixture_denoise(POINTS, [1, -1, 1], MEANS, COVARIANCES, 0.1),
            r"`weights` must be positive, got a least of -1 \(drop empty components\)",
        ),
        (
            lambda: cf.deep_normal_variances(0.0, 0.1, 2),
            "`variances` must be positive",
        ),
        (lambda: cf.deep_normal_variances(1.0, -0.1, 2), "`step` must not be negative, got -0.1"),
        (lambda: cf.deep_normal_slope(1.0, 0.1, 0), "`depth` must be at least 1, got 0"),
        (
            lambda: cf.normal_wasserstein2([0, 0], COV, [0], 1.0),
            r"`mean2` must have shape \(2,\) like `mean1`, got \(1,\)",
        ),
        (
            lambda: cf.normal_wasserstein2([0, 0], COV, [0, 0], [[1, 1], [0, 1]]),
            "`covariance2` must be symmetric, got an asymmetry of 1",
        ),
        (lambda: cf.normal_entropy([[1.0, 0.0]]), r"`covariance` must have shape \(1, 1\)"),
        (
            lambda: cf.mixture_singular_time(np.ones((2, 3))),
            r"`covariances` must be a number or have shape \(3, 3\), \(K,\) or \(K, 3, 3\)",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_depth_must_be_an_integer():
    with pytest.raises(TypeError, match=r"`depth` must be an integer, got 2\.5"):
        cf.deep_normal_slope(1.0, 0.1, 2.5)


def test_singular_times_under_noise_that_does_not_commute_with_the_law():
    rng = np.random.default_rng(3)
    factors = rng.normal(size=(4, 3, 3))
    *laws, noise = factors @ np.swapaxes(factors, 1, 2) + 0.1 * np.eye(3)
    # Σ - 2 t Noise is singular first at half the reciprocal of the largest generalised eigenvalue.
    oracle = min(0.5 / eigh(noise, law, eigvals_only=True)[-1] for law in laws)
    found = cf.mixture_singular_time(np.array(laws), noise_covariance=noise)
    assert abs(found / oracle - 1) < 1e-12


def test_mixtures_of_one_covariance_are_those_that_name_it_for_each():
    rng = np.random.default_rng(4)
    root, means, x = rng.normal(size=(2, 2)), rng.normal(size=(5, 2)), rng.normal(size=(30, 2))
    shared, weights = root @ root.T + 0.2 * np.eye(2), np.full(5, 0.2)
    found = cf.gaussian_mixture_density(x, weights, means, shared)
    oracle = np.exp(mixture_logpdf(x, weights, means, np.array([shared] * 5)))
    assert_allclose(found, oracle, rtol=1e-12)
