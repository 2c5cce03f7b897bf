"""Denoisers for noise of any law: against closed forms, brute quadrature and each other."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import quad

import ridgeflow as rf

LAW = rf.GaussianMixture([0.6, 0.4], [[-1.0], [1.2]], [0.2, 0.1])
PLANE = rf.GaussianMixture(
    [0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [np.diag([0.2, 0.4]), np.diag([0.3, 0.1])]
)
X1 = np.linspace(-3, 3, 13)[:, None]
X2 = np.random.default_rng(0).normal(size=(20, 2))


def brute(density, x, law=LAW):
    def value(y, power):
        f = lambda s: s**power * law.pdf([[s]])[0] * density(y - s)  # noqa: E731
        ends = [y - 1, y, y + 1, -1, 1.2]
        return quad(f, -8, 8, points=sorted(ends), limit=400, epsabs=1e-13, epsrel=1e-12)[0]

    return np.array([[value(y, 1) / value(y, 0)] for y in x[:, 0]])


@pytest.mark.slow
@pytest.mark.parametrize(
    ("noise", "tolerance"),
    [
        # measured 1e-13, 2e-13, 6e-12, 4e-12, 1e-13
        (stats.laplace(scale=0.4), 1e-11),
        (stats.uniform(-1, 2), 1e-11),
        (stats.t(3), 1e-9),
        (stats.logistic(scale=0.05), 1e-9),
        (stats.norm(scale=0.5), 1e-11),
    ],
)
def test_quadrature_against_adaptive_integration(noise, tolerance):
    dae = rf.DenoisingAutoencoder(LAW, noise)
    assert dae.method == "quadrature"
    inside = X1[np.abs(X1[:, 0]) < 2.6]
    assert np.abs(dae(inside) - brute(noise.pdf, inside)).max() < tolerance
    assert (dae.error(inside) == 0).all()


def test_normal_noise_three_ways():
    truth = rf.GaussianDAE(PLANE, 0.3)(X2)
    normal = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.3)
    exact = rf.DenoisingAutoencoder(PLANE, normal)
    assert exact.method == "exact"
    assert np.abs(exact(X2) - truth).max() < 1e-13  # measured 1e-15
    product = rf.DenoisingAutoencoder(PLANE, stats.norm(scale=np.sqrt(0.3)))
    assert np.abs(product(X2) - truth).max() < 1e-11  # measured 5e-14
    drawn = rf.DenoisingAutoencoder(PLANE, normal, method="sampling", rng=0)
    gap = np.linalg.norm(drawn(X2) - truth, axis=1)
    assert np.median(gap / drawn.error(X2)) < 2  # measured 0.9
    assert gap.max() < 0.003  # measured 8e-4
    # The draws are the object's: a second call, or one of part of the points, changes nothing.
    np.testing.assert_array_equal(drawn(X2[3:5]), drawn(X2)[3:5])
    atoms = rf.SampleField(PLANE.sample(300, 1))
    truth = rf.GaussianDAE(atoms, 0.3)(X2)
    assert np.abs(rf.DenoisingAutoencoder(atoms, normal)(X2) - truth).max() < 1e-13


def test_jacobian_is_the_covariance_with_the_score_of_the_noise():
    normal = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.3)
    truth = rf.GaussianDAE(PLANE, 0.3).jacobian(X2)
    found = rf.DenoisingAutoencoder(PLANE, normal).jacobian(X2)
    np.testing.assert_allclose(found, truth, atol=1e-9)  # measured 3e-11
    product = rf.DenoisingAutoencoder(PLANE, stats.norm(scale=np.sqrt(0.3)))
    np.testing.assert_allclose(product.jacobian(X2), truth, atol=1e-9)  # measured 3e-11
    atoms = rf.SampleField(PLANE.sample(100, 1))
    kernel = rf.CallableField(lambda d: np.exp(-(d**2).sum(axis=1) / 0.6), 2)
    found = rf.DenoisingAutoencoder(atoms, kernel).jacobian(X2)
    np.testing.assert_allclose(found, rf.GaussianDAE(atoms, 0.3).jacobian(X2), atol=1e-5)
    # Logistic noise: -log q has the slope tanh(d / 2s) / s.
    s = 0.3
    slope = rf.DenoisingAutoencoder(LAW, stats.logistic(scale=s)).jacobian(X1)[:, 0, 0]
    clean = np.linspace(-5, 5, 8001)
    for x, one in zip(X1[:, 0], slope, strict=True):
        weight = LAW.pdf(clean[:, None]) * stats.logistic(scale=s).pdf(x - clean)
        weight /= weight.sum()
        steep = -np.tanh((x - clean) / (2 * s)) / s
        expected = weight @ (clean * steep) - (weight @ clean) * (weight @ steep)
        assert abs(one - expected) < 1e-6  # measured 1e-8
    drawn = rf.DenoisingAutoencoder(PLANE, normal, method="sampling", rng=0)
    with pytest.raises(ValueError, match="`method` must not be 'sampling' for a Jacobian"):
        drawn.jacobian(X2)


def test_mixed_noise_and_noise_samples():
    noise = rf.GaussianMixture([0.3, 0.7], [[-0.7], [0.3]], [0.05, 0.2])
    dae = rf.DenoisingAutoencoder(LAW, noise)
    density = lambda z: noise.pdf([[z]])[0]  # noqa: E731
    assert np.abs(dae(X1) - brute(density, X1)).max() < 1e-10  # measured 1e-13
    # Noise of two atoms: the posterior weighs two clean points.
    atoms = rf.SampleField([[-0.5], [0.5]])
    found = rf.DenoisingAutoencoder(LAW, atoms)(X1)
    p, q = LAW.pdf(X1 + 0.5), LAW.pdf(X1 - 0.5)
    truth = (p * (X1[:, 0] + 0.5) + q * (X1[:, 0] - 0.5)) / (p + q)
    assert np.abs(found[:, 0] - truth).max() < 1e-12  # measured 4e-16


def test_samples_under_any_density():
    points = PLANE.sample(200, 2)
    law = rf.SampleField(points)
    noise = [stats.laplace(scale=0.3), stats.uniform(-2, 4)]
    found = rf.DenoisingAutoencoder(law, noise)(points[:5] + 0.1)
    weights = np.exp(-np.abs(points[:5, None, 0] + 0.1 - points[:, 0]) / 0.3)
    weights = weights * (np.abs(points[:5, None, 1] + 0.1 - points[:, 1]) <= 2)
    truth = weights @ points / weights.sum(axis=1, keepdims=True)
    assert np.abs(found - truth).max() < 1e-13  # measured 1e-15
    ring = rf.CallableField(lambda z: np.exp(-((np.linalg.norm(z, axis=1) - 1) ** 2) * 8), 2)
    by_density = rf.DenoisingAutoencoder(law, ring)(X2)
    gap = np.linalg.norm(X2[:, None] - points[None], axis=2)
    weights = np.exp(-8 * (gap - 1) ** 2)
    truth = weights @ points / weights.sum(axis=1, keepdims=True)
    assert np.abs(by_density - truth).max() < 1e-13  # measured 1e-15


def covered(n, seeds):
    """Errors of sampling in units of its standard errors, over laws, noises, places and seeds."""
    rng = np.random.default_rng(7)
    ratios = []
    for case in range(12):
        m, k = (1, 1, 2, 2, 3, 5)[case % 6], rng.integers(1, 4)
        law = rf.GaussianMixture(
            rng.dirichlet(np.ones(k)),
            rng.normal(size=(k, m)) * rng.choice([0.5, 2.0, 4.0]),
            rng.choice([0.05, 0.3, 1.0], size=k) ** 2,
        )
        size = rng.choice([0.1, 0.5, 2.0])
        noise = rf.GaussianMixture([1.0], np.zeros((1, m)), size**2)
        # From the middle of the noisy law, its edge, and from far outside.
        x = law.sample(4, case) + size * np.array([[0.5], [-1.0], [3.0], [12.0]])
        truth = rf.GaussianDAE(law, size**2)(x)
        for seed in range(seeds):
            dae = rf.DenoisingAutoencoder(law, noise, method="sampling", n=n, rng=seed)
            ratios.append(np.linalg.norm(dae(x) - truth, axis=1) / dae.error(x))
    return np.array(ratios)


@pytest.mark.slow
def test_errors_of_sampling_cover_the_truth():
    """Before: 84 % within two standard errors, the worst 360 of them."""
    ratios = covered(1024, 5)
    assert (ratios < 2).mean() > 0.93  # measured 0.98
    assert ratios.max() < 6  # measured 3.0


@pytest.mark.slow
def test_errors_of_sampling_cover_the_truth_for_many_seeds():
    ratios = covered(2048, 60)
    assert (ratios < 2).mean() > 0.95  # measured 0.97
    assert (ratios < 2).mean(axis=0).min() > 0.93  # measured 0.95
    assert ratios.max() < 8  # measured 3.4


def test_few_draws_that_count_are_said_to_be_few():
    law = rf.GaussianMixture([1.0], [[0.0, 0.0]], [[1.0, 0.9], [0.9, 1.0]])
    # Two spikes of noise, far apart: hardly a draw of the approximations hits them.
    dae = rf.DenoisingAutoencoder(law, [stats.dgamma(0.02), stats.dgamma(0.02)], n=128, rng=0)
    x = np.array([[0.5, 0.5], [6.0, -6.0]])
    with pytest.warns(rf.AccuracyWarning, match=r"fewer than 64 of 128 draws count alike"):
        error = dae.error(x)
    assert (error > 0.01).all()


# The noise as a smooth function of an angle, or of a normal variable, on a fine grid: the sums are
# exact to rounding for smooth laws.
ANGLE = np.linspace(0, 2 * np.pi, 20_001)[:-1]
NORMAL = np.linspace(-12, 12, 40_001)
BELL = np.exp(-0.5 * NORMAL**2)
ENDLESS = {
    "arcsine": (stats.arcsine(loc=-0.5), 0.5 * np.sin(ANGLE), np.ones_like(ANGLE)),
    "chi2": (stats.chi2(1, loc=-1), NORMAL**2 - 1, BELL),
    "gamma": (stats.gamma(0.5, loc=-0.5), 0.5 * NORMAL**2 - 0.5, BELL),
    "minus gamma": (stats.beta(0.5, 1, loc=-1 / 3), None, None),
    "two gammas": (stats.dgamma(0.5), 0.5 * np.abs(NORMAL) * NORMAL, BELL),
}


@pytest.mark.parametrize("name", ENDLESS)
@pytest.mark.parametrize("width", [0.02, 0.5])
def test_noise_of_infinite_density(name, width):
    """Before: "no clean point gives" x, for a law of full support."""
    noise, values, weights = ENDLESS[name]
    if values is None:
        # The density of v² for a uniform v is that of beta(1/2, 1).
        v = (np.arange(400_000) + 0.5) / 400_000
        values, weights = v**2 - 1 / 3, np.ones_like(v)
    law = rf.GaussianMixture([0.4, 0.6], [[-1.0], [1.0]], width**2)
    dae = rf.DenoisingAutoencoder(law, noise)
    for x in (-1.1, -0.9, 0.8, 1.3):
        logs = law.logpdf((x - values)[:, None])
        share = weights * np.exp(logs - logs.max())
        truth = share @ (x - values) / share.sum()
        # Midpoints of 400 000 cells are good to 1e-9.
        assert abs(dae([[x]])[0, 0] - truth) < 1e-9  # measured 2e-13


def test_noise_of_infinite_density_at_both_ends_and_of_atoms():
    noise = stats.beta(0.9, 0.9, loc=-0.5)

    def part(power, x):
        f = lambda e: (x - e) ** power * LAW.pdf([[x - e]])[0]  # noqa: E731
        options = {"weight": "alg", "wvar": (-0.1, -0.1), "epsabs": 1e-14, "epsrel": 1e-13}
        return quad(f, -0.5, 0.5, **options)[0]

    dae = rf.DenoisingAutoencoder(LAW, noise)
    for x in (-1.1, 0.2, 1.6):
        assert abs(dae([[x]])[0, 0] - part(1, x) / part(0, x)) < 1e-11  # measured 1e-15
    # Under atoms the infinite density wins: the limit of the posterior as x comes closer.
    atoms = rf.SampleField([[0.0], [0.75], [3.0]])
    dae = rf.DenoisingAutoencoder(atoms, noise)
    np.testing.assert_array_equal(dae([[0.5], [0.25], [2.5]]), [[0.0], [0.75], [3.0]])
    assert 0 < dae([[0.4]])[0, 0] < 0.75
    plane = rf.SampleField([[0.0, 0.0], [1.0, 1.0]])
    dae = rf.DenoisingAutoencoder(plane, [noise, stats.norm()])
    np.testing.assert_array_equal(dae([[0.5, 0.0]]), [[0.5 + 0.5 * np.tanh(-0.25)] * 2])


@pytest.mark.slow
def test_full_covariances_are_sampled_with_an_honest_error():
    law = rf.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [[0.3, 0.1], [0.1, 0.2]])
    for scale in (0.2, 2.0):
        noise = stats.laplace(scale=scale)
        dae = rf.DenoisingAutoencoder(law, noise, rng=3)
        assert dae.method == "sampling"
        fine = rf.DenoisingAutoencoder(law, noise, rng=4, n=2**16)
        gap = np.linalg.norm(dae(X2) - fine(X2), axis=1)
        assert np.median(gap / dae.error(X2)) < 2  # measured 1.1, 0.4
        assert gap.max() < 0.005  # measured 1e-3, 7e-4


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: rf.DenoisingAutoencoder(LAW, stats.norm(loc=0.1)),
            ValueError,
            r"`noise` must be centred, got the mean \[0.1\]",
        ),
        (lambda: rf.DenoisingAutoencoder(LAW, stats.cauchy()), ValueError, "must have a mean"),
        (lambda: rf.DenoisingAutoencoder(LAW, "laplace"), TypeError, "frozen continuous"),
        (lambda: rf.DenoisingAutoencoder(LAW, stats.t), TypeError, "must be frozen distributions"),
        (lambda: rf.DenoisingAutoencoder(LAW, stats.poisson(1)), TypeError, "frozen continuous"),
        (
            lambda: rf.DenoisingAutoencoder(PLANE, stats.norm(scale=[1, 2])),
            ValueError,
            r"one variable each, got parameters of shape \(2,\)",
        ),
        (
            lambda: rf.DenoisingAutoencoder(
                LAW, rf.SampleField([[-1.0], [1.0]]), method="sampling"
            ),
            ValueError,
            "`method` must be one of exact for this law and noise",
        ),
        (
            lambda: rf.DenoisingAutoencoder(rf.SampleField(X1), stats.norm(), method="sampling"),
            ValueError,
            "`method` must be one of exact for this law and noise",
        ),
        (
            lambda: rf.DenoisingAutoencoder(PLANE, [stats.norm()]),
            ValueError,
            "must hold 2 distributions, one for each coordinate, got 1",
        ),
        (
            lambda: rf.DenoisingAutoencoder(LAW, stats.norm(), method="exact"),
            ValueError,
            "`method` must be one of quadrature, sampling for this law and noise, got 'exact'",
        ),
        (
            lambda: rf.DenoisingAutoencoder(rf.SampleField([[0.0]]), stats.uniform(-1, 2))([[5.0]]),
            ValueError,
            "must be reachable from the law by the noise",
        ),
        (lambda: rf.PositionNoiseDAE(LAW, -1.0, np.ones), ValueError, "`t` must be positive"),
        (
            lambda: rf.PositionNoiseDAE(LAW, 1.0, lambda x: -np.ones((len(x), 1, 1)))(X1),
            ValueError,
            "positive definite matrices, got the eigenvalue -1",
        ),
        (
            lambda: rf.PositionNoiseDAE(LAW, 1.0, np.ones_like)(X1),
            ValueError,
            r"finite matrices of shape \(13, 1, 1\)",
        ),
        (
            lambda: rf.PositionNoiseDAE(
                PLANE, 1.0, lambda x: np.tile([[1, 0.5], [0, 1]], (len(x), 1, 1))
            )(X2),
            ValueError,
            "symmetric matrices, got an asymmetry of 0.5",
        ),
        (
            lambda: rf.PositionNoiseDAE(LAW, 1.0, lambda x: np.full((len(x), 1, 1), np.nan))(X1),
            ValueError,
            r"`covariance\(x\)` must be finite",
        ),
        (lambda: rf.PositionNoiseDAE(LAW, 1.0, 2.0), TypeError, "`covariance` must be a function"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()


def wavy(x):
    d = 1 + 0.4 * np.sin(1.3 * x[:, 0])
    if x.shape[1] == 1:
        return d[:, None, None]
    cross = 0.2 * np.cos(x[:, 1])
    return np.stack([np.stack([d, cross], -1), np.stack([cross, 1.5 + 0 * d], -1)], -2)


@pytest.mark.parametrize("law", [LAW, PLANE], ids=["line", "plane"])
def test_position_dependent_noise_moves_with_the_drift_of_theory(law):
    """(Phi - id)/t against D grad log mu + div D: order 1 in t; without div D it fails."""
    x = X1[3:10] if law.dim == 1 else X2
    times = np.array([4e-4, 2e-4, 1e-4])
    errors, without = [], []
    for t in times:
        dae = rf.PositionNoiseDAE(law, t, wavy)
        found = (dae(x) - x) / t
        errors.append(np.abs(found - dae.velocity(x)).max())
        plain = np.einsum("nij,nj->ni", wavy(x), law.score(x))
        without.append(np.abs(found - plain).max())
    order = np.polyfit(np.log(times), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.99, 0.98
    assert errors[-1] < 0.1 * without[-1]  # measured 0.015, 0.04


def test_position_dependent_noise_moves_the_law_by_its_operator():
    """Density of the pushforward in one dimension, by change of variables."""
    x = np.linspace(-1.5, 1.5, 7)
    errors = []
    times = np.array([8e-4, 4e-4])
    for t in times:
        dae = rf.PositionNoiseDAE(LAW, t, wavy)
        fine = np.linspace(-4, 4, 4001)
        image = dae(fine[:, None])[:, 0]
        slope = np.gradient(image, fine)
        density = LAW.pdf(fine[:, None]) / slope
        pushed = np.interp(x, image, density)
        rate = (pushed - LAW.pdf(x[:, None])) / t
        errors.append(np.abs(rate - dae.law_rate(x[:, None])).max())
    assert errors[1] < 0.7 * errors[0]  # measured 0.52: order one
    assert errors[1] < 0.04  # measured 0.024


@pytest.mark.parametrize(
    ("law", "t"),
    [
        (LAW, 0.1),
        (rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.05**2), 0.5),
        (rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.3**2), 2.0),
        (rf.GaussianMixture([0.3, 0.7], [[-5.0], [5.0]], [1e-12, 4.0]), 0.01),
        (PLANE, 3.0),
        (rf.GaussianMixture([1.0], [[0.0, 1.0, 0.0]], np.diag([1.0, 1e-6, 4.0])), 0.1),
    ],
)
def test_constant_noise_is_that_of_the_normal_denoiser(law, t):
    """Before: .972 and -1.032 at .3 and 1 for the second law, where .534 and .964 are right."""
    matrix = 0.7 * np.eye(law.dim) + 0.2 * np.ones((law.dim, law.dim))
    dae = rf.PositionNoiseDAE(law, t, lambda y: np.broadcast_to(matrix, (len(y), *matrix.shape)))
    x = np.concatenate([np.random.default_rng(1).normal(size=(6, law.dim)), 40 * law.means[:1]])
    truth = rf.GaussianDAE(law, t, covariance=matrix)(x)
    assert np.abs(dae(x) - truth).max() < 1e-12  # measured 3e-14


@pytest.mark.parametrize("width", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("t", [1e-3, 0.5, 2.0])
def test_position_dependent_noise_of_any_size_against_fine_sums(width, t):
    """Sums over 40 001 clean points, exact to rounding for analytic integrands."""
    law = rf.GaussianMixture([0.4, 0.6], [[-1.0], [1.2]], width**2)
    s = np.linspace(-12, 12, 200_001)[:, None]
    noise = wavy(s)[:, 0, 0]
    for x in (0.3, 1.0, -2.0, 5.0):
        logs = law.logpdf(s) - 0.5 * (x - s[:, 0]) ** 2 / (t * noise) - 0.5 * np.log(noise)
        weights = np.exp(logs - logs.max())
        truth = weights @ s[:, 0] / weights.sum()
        found = rf.PositionNoiseDAE(law, t, wavy)([[x]])[0, 0]
        assert abs(found - truth) < 1e-7  # measured 1e-9


def test_position_dependent_noise_in_the_plane_against_fine_sums():
    axis = np.linspace(-5, 5, 401)
    s = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    noise = wavy(s)
    for t in (0.2, 1.5):
        dae = rf.PositionNoiseDAE(PLANE, t, wavy)
        for x in ([0.3, -0.4], [2.0, 1.0]):
            step = np.array(x) - s
            white = np.linalg.solve(noise, step[..., None])[..., 0]
            logs = PLANE.logpdf(s) - 0.5 * (white * step).sum(axis=1) / t
            logs -= 0.5 * np.linalg.slogdet(noise)[1]
            weights = np.exp(logs - logs.max())
            assert np.abs(dae([x])[0] - weights @ s / weights.sum()).max() < 1e-7  # measured 2e-9


def test_noise_that_the_quadrature_cannot_follow_is_refused():
    law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    # Where the noise is 200 times as wide, noise from there reaches every x: a second region.
    bump = rf.PositionNoiseDAE(
        law, 1e-4, lambda x: (1 + 4e4 * np.exp(-12.5 * (x - 3) ** 2))[..., None]
    )
    with pytest.raises(rf.ConvergenceError, match="must lie in one region of each component"):
        bump([[0.5]])
    saw = rf.PositionNoiseDAE(law, 1.0, lambda x: (1 + 0.9 * np.sign(np.sin(40 * x)))[..., None])
    with pytest.raises(rf.ConvergenceError, match=r"must settle within 256 nodes .* smaller `t`"):
        saw([[0.5]])
    jump = rf.PositionNoiseDAE(law, 1e-6, lambda x: (1.0 + (x > 0.5))[..., None])
    with pytest.raises(rf.ConvergenceError, match=r"must be smooth near x = \[0\.5\]"):
        jump.velocity([[0.5]])


def test_the_rate_of_a_narrow_law_does_not_depend_on_the_spread_of_the_whole():
    """Before: 2.45e6 at x = 5, from differences over more than the width of a component."""
    law = rf.GaussianMixture([0.5, 0.5], [[-5.0], [5.0]], 0.003**2)
    x = np.array([[5.0], [5.001], [-4.997]])
    one = rf.PositionNoiseDAE(law, 0.5, lambda y: np.ones((len(y), 1, 1)))
    np.testing.assert_allclose(one.law_rate(x), rf.ContinuousDAE(law).law_rate(x, 0), rtol=1e-12)
    assert abs(one.law_rate(x)[0] / 7387820.007433943 - 1) < 1e-12  # (2π)^{-1/2} / (2 · .003³)
    # -(D μ)'' and (D μ)'/μ by hand, for D of slow and of fast waves.
    for wave in (1.3, 300.0):
        dae = rf.PositionNoiseDAE(law, 1e-6, lambda y, w=wave: (1 + 0.4 * np.sin(w * y))[..., None])
        d, slope, bend = (
            1 + 0.4 * np.sin(wave * x[:, 0]),
            0.4 * wave * np.cos(wave * x[:, 0]),
            -0.4 * wave**2 * np.sin(wave * x[:, 0]),
        )
        z = (x[:, 0] - np.sign(x[:, 0]) * 5) / 0.003
        score, curve = -z / 0.003, (z**2 - 1) / 0.003**2
        rate = -law.pdf(x) * (d * curve + 2 * slope * score + bend)
        np.testing.assert_allclose(dae.law_rate(x), rate, rtol=1e-6)  # measured 1e-8
        drift = d * score + slope
        np.testing.assert_allclose(dae.velocity(x)[:, 0], drift, rtol=1e-8)  # measured 2e-11


def test_the_rate_in_the_plane_against_differences():
    rate = rf.PositionNoiseDAE(PLANE, 0.1, wavy).law_rate(X2)

    def second(h):
        total = np.zeros(len(X2))
        for i in range(2):
            for j in range(2):
                for a, v in ((1, 1.0), (-1, -1.0)):
                    for b, w in ((1, 1.0), (-1, -1.0)):
                        y = X2 + h * (a * np.eye(2)[i] + b * np.eye(2)[j])
                        total += v * w * wavy(y)[:, i, j] * PLANE.pdf(y) / (4 * h**2)
        return total

    total = (4 * second(2e-3) - second(4e-3)) / 3
    assert np.abs(rate + total).max() < 1e-6  # measured 1e-7, the error of these differences


def test_components_beyond_the_budget_are_refused():
    """One point takes some ten numbers for each component."""
    law = rf.SampleField(np.random.default_rng(0).normal(size=(50_000, 2)))
    dae = rf.DenoisingAutoencoder(law, stats.laplace(scale=0.3))
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the denoiser at one point"),
    ):
        dae([[0.0, 0.0]])
