"""Wasserstein distances against closed forms, brute force and each other."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.stats import wasserstein_distance

import ridgeflow as rf
from ridgeflow.closed_forms import normal_wasserstein2
from ridgeflow.transport.distances import bures_map, sliced_wasserstein2

RNG = np.random.default_rng(0)


def spd(dim, seed):
    root = np.random.default_rng(seed).normal(size=(dim, dim))
    return root @ root.T + 0.1 * np.eye(dim)


def test_small_samples_against_all_permutations():
    x, y = RNG.normal(size=(6, 3)), RNG.normal(size=(6, 3)) + 1
    best = min(np.mean(np.sum((x - y[list(p)]) ** 2, axis=1)) for p in permutations(range(6)))
    assert abs(rf.wasserstein2(x, y) - np.sqrt(best)) < 1e-14  # measured 2e-16


def test_one_dimension_agrees_with_matching_and_linear_programs():
    x, y = RNG.normal(size=(40, 1)), RNG.normal(size=(40, 1)) * 2
    quantiles = rf.wasserstein2(x, y)
    assert abs(quantiles - rf.wasserstein2(x, y, method="assignment")) < 1e-14  # measured 0
    v, w = RNG.uniform(size=40), RNG.uniform(size=25)
    p = rf.SampleField(x, weights=v / v.sum())
    q = rf.SampleField(y[:25], weights=w / w.sum())
    plan = rf.wasserstein2(p, q, method="assignment")
    assert abs(rf.wasserstein2(p, q) - plan) < 1e-9  # measured 1e-15
    # Two atoms each: W2 from the hand-made plan, and scipy's W1 as a lower bound.
    a = rf.SampleField([[0.0], [1.0]], weights=[0.25, 0.75])
    b = rf.SampleField([[0.0], [1.0]], weights=[0.5, 0.5])
    assert abs(rf.wasserstein2(a, b) - 0.5) < 1e-15
    assert wasserstein_distance(x[:, 0], y[:, 0]) <= quantiles


def test_unequal_numbers_of_points():
    x = RNG.normal(size=(12, 2))
    twice = np.repeat(x, 2, axis=0)
    assert rf.wasserstein2(x, twice) < 1e-7  # measured 0
    assert abs(rf.wasserstein2(x, twice + np.array([3.0, 4.0])) - 5) < 1e-9  # measured 1e-15


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_normal_laws_and_the_bures_map(dim):
    s1, s2 = spd(dim, 1), spd(dim, 2)
    a = bures_map(s1, s2)
    assert np.abs(a @ s1 @ a - s2).max() < 1e-12 * np.abs(s2).max()  # measured 2e-15
    assert np.linalg.eigvalsh(a).min() > 0
    # The cost of the map is the distance: it is optimal.
    cost = np.trace((a - np.eye(dim)) @ s1 @ (a - np.eye(dim)).T)
    p = rf.GaussianMixture([1.0], np.zeros((1, dim)), s1)
    q = rf.GaussianMixture([1.0], np.ones((1, dim)), s2)
    assert abs(rf.wasserstein2(p, q) ** 2 - cost - dim) < 1e-12  # measured 2e-15


def test_slices_of_normal_laws_and_of_their_samples():
    p = rf.GaussianMixture([1.0], [[0.0, 0.0]], [[1.0, 0.3], [0.3, 0.5]])
    q = rf.GaussianMixture([1.0], [[1.0, -1.0]], [[0.4, 0.0], [0.0, 2.0]])
    exact = sliced_wasserstein2(p, q)
    angle = np.linspace(0, np.pi, 4001)[:-1]
    u = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    spread = [np.sqrt(np.einsum("ui,ij,uj->u", u, c.cov, u)) for c in (p, q)]
    truth = np.sqrt(np.mean((u @ [-1.0, 1.0]) ** 2 + (spread[0] - spread[1]) ** 2))
    assert abs(exact.value - truth) < 1e-9  # measured 1e-12: the integrand is smooth
    drawn = sliced_wasserstein2(p.sample(20000, 1), q.sample(20000, 2))
    assert abs(drawn.value - truth) < 0.03  # measured 0.006
    mixture = rf.GaussianMixture([0.5, 0.5], [[0.0, 0.0], [1.0, 1.0]], 0.3)
    assert sliced_wasserstein2(mixture, mixture, rng=0).value < 0.06  # measured 0.02: sampling
    # At least W2 / sqrt(m) for translations, never above W2.
    assert exact.value < normal_wasserstein2(p.means[0], p.cov, q.means[0], q.cov)


def test_directions_error_is_honest():
    x = RNG.normal(size=(300, 6)) * np.arange(1, 7)
    y = RNG.normal(size=(300, 6))
    fine = sliced_wasserstein2(x, y, n_directions=8192).value
    ratios = []
    for count in (32, 64, 128, 256):
        found = sliced_wasserstein2(x, y, n_directions=count)
        ratios.append(abs(found.value - fine) / max(found.error, 1e-12))
    assert np.median(ratios) < 3  # measured 0.6


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: rf.wasserstein2(np.ones((2, 1)), np.ones((2, 2))), ValueError, "dimension 1 like"),
        (lambda: rf.wasserstein2("x", np.ones((2, 2))), TypeError, "`p` must be a GaussianMixture"),
        (
            lambda: rf.wasserstein2(rf.GaussianMixture([1.0], [[0.0]], 1.0), np.ones((2, 1))),
            TypeError,
            "both be normal laws or both be samples, got a mixture of 1 component",
        ),
        (
            lambda: rf.wasserstein2(np.ones((2, 2)), np.ones((2, 2)), method="quantiles"),
            ValueError,
            "'quantiles' needs one dimension, got 2",
        ),
        (
            lambda: rf.wasserstein2(np.ones((2, 2)), np.ones((2, 2)), method="normal"),
            ValueError,
            "needs normal laws, got samples",
        ),
        (
            lambda: rf.wasserstein2(rf.SampleField([[0.0]], values=[1.0]), [[0.0]]),
            ValueError,
            "`p` must be a law, got a SampleField that carries values",
        ),
        (lambda: bures_map([[1.0]], np.eye(2)), ValueError, "covariance2"),
        (lambda: bures_map([[-1.0]], [[1.0]]), ValueError, "covariance1"),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
