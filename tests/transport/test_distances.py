"""Wasserstein distances against closed forms, brute force and each other."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pytest
from scipy.optimize import linprog
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance

import ridgeflow as rf
from ridgeflow._kernels.transport_plan import optimal_plan
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


UNITS = [1e-300, 1e-160, 1e-6, 1e-4, 1e-3, 1.0, 1e9, 1e150, 1e300]


def two_clouds():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 2)), rng.normal(size=(57, 2)) + 0.5, rng


@pytest.mark.parametrize("unit", UNITS)
def test_the_distance_does_not_depend_on_the_unit_of_length(unit):
    """Against sqrt(emd2) of POT 0.9.7 for the clouds in the unit one."""
    x, y, rng = two_clouds()
    v, w = rng.exponential(size=40) ** 3, rng.exponential(size=57) ** 3
    p, q = (rf.SampleField(unit * c, weights=u / u.sum()) for c, u in ((x, v), (y, w)))
    # Before: 1.003 at 1e-3, 2.92 at 1e-6, a RuntimeError at 1e9; measured now 4e-16.
    assert abs(rf.wasserstein2(unit * x, unit * y) / unit / 0.6969351151510134 - 1) < 1e-14
    assert abs(rf.wasserstein2(p, q) / unit / 0.7393742670637791 - 1) < 1e-14
    for one in (
        lambda u: rf.wasserstein2(u * x, u * y[:40]),
        lambda u: rf.wasserstein2(u * x[:, :1], u * y[:, :1]),
        lambda u: rf.wasserstein2(u * x[:, :1], u * y[:, :1], method="assignment"),
        lambda u: sliced_wasserstein2(u * x, u * y).value,
        lambda u: sliced_wasserstein2(u * x, u * y).error,
    ):
        assert abs(one(unit) / unit - one(1.0)) < 1e-14  # measured 4e-16
    roots = np.array([1.0, 2.0]), np.array([3.0, 0.5])
    if 1e-150 < unit < 1e150:
        p, q = (rf.GaussianMixture([1.0], [[0.0, unit]], np.diag((unit * r) ** 2)) for r in roots)
        assert abs(rf.wasserstein2(p, q) / unit - 2.5) < 1e-14
        # scipy.integrate.quad over angles; measured 2e-12, what 64 directions leave.
        assert abs(sliced_wasserstein2(p, q).value / unit - 1.2572746179060552) < 1e-11


@pytest.mark.parametrize("far", [1e4, 1e8, 1e12, 1e20, 1e100])
def test_far_groups_do_not_drown_the_distances_within_them(far):
    x, y, rng = two_clouds()
    single = rf.wasserstein2(x, y)
    p, q = (
        np.concatenate(
            [np.column_stack([c, np.full(len(c), shift)]) for shift in (0, far, -3 * far)]
        )
        for c in (x, y)
    )
    # Every group is matched with itself; measured 1e-16.
    assert abs(rf.wasserstein2(rng.permutation(p), q) / single - 1) < 1e-13
    weights = [np.append(np.full(len(c), 0.9 / len(c)), 0.1) for c in (x, y)]
    p, q = (
        rf.SampleField(np.concatenate([c, [[far, 0.0]]]), weights=u)
        for c, u in zip((x, y), weights, strict=True)
    )
    assert abs(rf.wasserstein2(p, q) / single / np.sqrt(0.9) - 1) < 1e-13  # measured 4e-16
    # .1 + .2 differs from .3 by a rounding, which must not travel to the far atom.
    p = rf.SampleField([[0.0], [1.0], [far]], weights=[0.1, 0.2, 0.7])
    q = rf.SampleField([[0.5], [far]], weights=[0.3, 0.7])
    for method in ("quantiles", "assignment"):
        assert abs(rf.wasserstein2(p, q, method=method) / np.sqrt(0.075) - 1) < 1e-13


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (4, 1), (2, 3), (12, 18), (30, 31)])
@pytest.mark.parametrize("ties", [False, True])
def test_the_network_simplex_against_a_linear_program(shape, ties):
    rng = np.random.default_rng(sum(shape))
    n, k = shape
    x, y = rng.normal(size=(n, 2)), rng.normal(size=(k, 2))
    if ties:
        # A lattice: costs coincide, and so do flows of equal weights.
        x, y = np.rint(x), np.rint(y)
        v, w = np.full(n, 1 / n), np.full(k, 1 / k)
    else:
        v, w = rng.dirichlet(np.ones(n)), rng.dirichlet(np.ones(k))
    cost = cdist(x, y, "sqeuclidean")
    flow, parent = np.empty(n + k), np.empty(n + k, np.int64)
    assert optimal_plan(cost, v, w, 1000 * (n + k), flow, parent) >= 0
    plan = np.zeros(shape)
    for i in range(n + k):
        if parent[i] >= 0:
            plan[(i, parent[i] - n) if i < n else (parent[i], i - n)] = flow[i]
    assert np.abs(plan.sum(axis=1) - v).max() < 1e-15
    assert np.abs(plan.sum(axis=0) - w).max() < 1e-15
    assert plan.min() >= -1e-15
    sums = np.concatenate(
        [np.kron(np.eye(n), np.ones(k)), np.kron(np.ones(n), np.eye(k))[:, : n * k]]
    )
    best = linprog(cost.ravel(), A_eq=sums[:-1], b_eq=np.concatenate([v, w])[:-1], method="highs")
    # The linear program is the less accurate of the two: 1e-7 of weights and of costs.
    assert abs((plan * cost).sum() - best.fun) < 1e-6  # measured 2e-9
    assert (plan * cost).sum() < best.fun + 1e-6


def test_the_bures_map_of_nearly_singular_laws():
    """A of ((1, 1), (1, 1 + d)) and ((2, -1), (-1, 1)) is ((1 + s, -s), (-s, s)), s² d = 1."""
    for power in (6, 10, 13, 19):
        s, d = 2.0**power, 4.0**-power
        found = bures_map([[1.0, 1.0], [1.0, 1 + d]], [[2.0, -1.0], [-1.0, 1.0]])
        gap = np.abs(found - [[1 + s, -s], [-s, s]]).max() / s
        # Rounding times the condition number 4/d; measured at most 0.2 of it, before 1e7 of it.
        assert gap < 2.2e-16 * 4 / d
    with pytest.raises(ValueError, match="must be positive definite"):
        bures_map([[1.0, 1.0], [1.0, 1.0]], np.eye(2))


@pytest.mark.parametrize("first", [1e-300, 1e-9, 1.0, 1e300])
@pytest.mark.parametrize("second", [1e-300, 1.0, 1e300])
def test_the_bures_map_in_any_unit(first, second):
    found = bures_map(first * np.diag([1.0, 4.0]), second * np.diag([9.0, 1.0]))
    right = np.sqrt(second) / np.sqrt(first) * np.diag([3.0, 0.5])
    np.testing.assert_allclose(found, right, rtol=1e-14)


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


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_errors_of_directions_cover(dim):
    """Before: 62 % within two errors in space, up to 60 errors away."""
    ratios = []
    for seed in range(6):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(120, dim)) * np.arange(1, dim + 1)
        y = rng.normal(size=(100, dim)) + rng.normal(size=dim)
        fine = sliced_wasserstein2(x, y, n_directions=1024)
        for count in (16, 64, 256):
            found = sliced_wasserstein2(x, y, n_directions=count)
            assert found.error > 0
            ratios.append(abs(found.value - fine.value) / np.hypot(found.error, fine.error))
    assert np.mean(np.array(ratios) < 2) > 0.9
    assert max(ratios) < 6


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
        (
            lambda: sliced_wasserstein2(np.ones((2, 3)), np.ones((2, 3)), n_directions=1),
            ValueError,
            "`n_directions` must be at least 2",
        ),
        (
            lambda: sliced_wasserstein2(np.ones((2, 3)), np.ones((2, 3)), n_directions=10**12),
            rf.MemoryBudgetError,
            "the slices along `n_directions` needs",
        ),
        (lambda: bures_map([[1.0]], np.eye(2)), ValueError, "covariance2"),
        (lambda: bures_map([[-1.0]], [[1.0]]), ValueError, "covariance1"),
        (lambda: bures_map([[1.0 + 1j]], [[1.0]]), TypeError, "`covariance1` must be real"),
        (lambda: bures_map([[1.0]], [[1.0 + 1j]]), TypeError, "`covariance2` must be real"),
        (
            lambda: rf.wasserstein2([[1.7e308, 1.7e308]], [[-1.7e308, -1.7e308]]),
            ValueError,
            "`p` and `q` must be less than 1.8e308 apart",
        ),
    ],
)
def test_bad_input(call, error, match):
    with pytest.raises(error, match=match):
        call()
