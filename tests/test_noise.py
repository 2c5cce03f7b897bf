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
    assert gap.max() < 0.02  # measured 0.004
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


def test_full_covariances_are_sampled_with_an_honest_error():
    law = rf.GaussianMixture([0.5, 0.5], [[-1.0, 0.0], [1.0, 0.5]], [[0.3, 0.1], [0.1, 0.2]])
    for scale in (0.2, 2.0):
        noise = stats.laplace(scale=scale)
        dae = rf.DenoisingAutoencoder(law, noise, rng=3)
        assert dae.method == "sampling"
        fine = rf.DenoisingAutoencoder(law, noise, rng=4, n=2**18)
        gap = np.linalg.norm(dae(X2) - fine(X2), axis=1)
        assert np.median(gap / dae.error(X2)) < 2  # measured 0.9, 0.8
        assert gap.max() < 0.05  # measured 0.004, 0.02


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
    constant = rf.PositionNoiseDAE(LAW, 0.1, lambda y: np.full((len(y), 1, 1), 0.7))
    normal = rf.GaussianDAE(LAW, 0.1, covariance=[[0.7]])
    assert np.abs(constant(X1) - normal(X1)).max() < 1e-6
