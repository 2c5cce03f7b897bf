"""Sums of many equal normal kernels without all the pairs, against all the pairs."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.fields import normal_sums


def all_pairs(x, c, w):
    """Log sum and gradient, every pair written out."""
    d = c[None] - x[:, None]
    q = np.log(w) - 0.5 * (d**2).sum(axis=-1)
    top = q.max(axis=1)
    logs = top + np.log(np.exp(q - top[:, None]).sum(axis=1))
    return logs, np.einsum("nk,nki->ni", np.exp(q - logs[:, None]), d)


def clouds(dim, width, n=300, k=900, seed=0):
    rng = np.random.default_rng(seed)
    c = width * rng.normal(size=(k, dim)) + 100.0
    x = width * rng.normal(size=(n, dim)) + 100.0
    x[::10] += 2 * width * rng.normal(size=(len(x[::10]), dim))
    return x, c, rng.uniform(0.1, 2.0, k)


def errors(found, slopes, logs, gradient):
    size = 1 + np.linalg.norm(gradient, axis=1)
    return (
        np.abs(np.expm1(found - logs)).max(),
        (np.linalg.norm(slopes - gradient, axis=1) / size).max(),
    )


@pytest.mark.parametrize("kind", ["grid", "cells"])
@pytest.mark.parametrize("tol", [1e-2, 1e-6, 1e-12])
@pytest.mark.parametrize(("dim", "width"), [(1, 1.0), (1, 30.0), (2, 2.0), (2, 12.0), (3, 1.5)])
def test_errors_stay_below_the_tolerance_wherever_the_sum_is_certain(dim, width, tol, kind):
    x, c, w = clouds(dim, width, n=100 if dim == 3 else 300)
    reach = normal_sums._reach(tol, len(c))
    extents = np.ptp(np.concatenate([x, c]), axis=0)
    plans = [
        normal_sums._with_cost(p, len(x), len(c), extents) for p in normal_sums._grids(tol, reach)
    ]
    plan = min(plans, key=lambda p: p.cost)
    if kind == "cells":
        plan = normal_sums.Plan("cells", reach, 0.0)
    logs, slopes, certain = normal_sums.normal_sums(x, c, w, tol, plan, True)
    assert certain.mean() > 0.85
    expected, gradient = all_pairs(x, c, w)
    value, slope = errors(logs[certain], slopes[certain], expected[certain], gradient[certain])
    # measured: values 5e-4, 4e-8, 3e-14; gradients 2e-3, 2e-7, 2e-13
    assert value < tol
    assert slope < tol


def test_tails_get_a_longer_reach_or_are_left_to_the_caller():
    rng = np.random.default_rng(3)
    c = rng.normal(size=(3000, 1))
    x = np.linspace(-40, 40, 3001)[:, None]
    w = np.full(len(c), 1 / len(c))
    plan = normal_sums.plan_sums(x, c, 1e-8)
    assert plan.kind == "grid"
    logs, slopes, certain = normal_sums.normal_sums(x, c, w, 1e-8, plan, True)
    expected, gradient = all_pairs(x, c, w)
    first = np.abs(x[:, 0]) < plan.reach - 3
    assert certain[first].all()
    # Beyond the reach of the first pass, down to densities of 1e-90.
    assert certain[np.abs(x[:, 0]) < 20].all()
    assert not certain[np.abs(x[:, 0]) > 30].any()
    value, slope = errors(logs[certain], slopes[certain], expected[certain], gradient[certain])
    assert value < 1e-8  # measured 1e-10
    assert slope < 1e-8  # measured 9e-10


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("covariance", [0.05, [[0.08, 0.03], [0.03, 0.04]]])
def test_mixture_methods(covariance, dtype):
    rng = np.random.default_rng(4)
    means = rng.normal(size=(1500, 2)) * [3.0, 1.0] + 7
    law = rf.GaussianMixture(np.full(1500, 1 / 1500), means, covariance)
    x = np.concatenate([law.sample(400, rng), [[60.0, -60.0], [7.0, 25.0]]]).astype(dtype)
    double = dtype == np.float64
    found = {n: getattr(law, n)(x, method="fast", tol=1e-9) for n in ("logpdf", "pdf", "score")}
    exact = {n: getattr(law, n)(x, method="exact") for n in ("logpdf", "pdf", "score")}
    exact["mean"] = law.posterior_mean(x, 0.1, method="exact")
    found["mean"] = law.posterior_mean(x, 0.1, method="fast", tol=1e-9)
    for name, values in found.items():
        assert values.dtype == dtype
        # The last two points lie where the exact sum takes over.
        assert name == "pdf" or np.array_equal(values[400:], exact[name][400:])
        size = np.abs(exact[name][:400]).max()
        # measured 3e-15 in float64, 1e-6 in float32
        error = np.abs(values - exact[name])[:400].max() / size
        assert error < (1e-10 if double else 2e-5), name
        assert error > 0


def test_auto_goes_fast_only_where_that_pays(monkeypatch):
    calls = []
    genuine = normal_sums.normal_sums

    def counted(*args):
        calls.append(len(args[0]))
        return genuine(*args)

    monkeypatch.setattr(normal_sums, "normal_sums", counted)
    rng = np.random.default_rng(5)
    law = rf.kernel_density(rng.normal(size=(7000, 2)))
    x = rng.normal(size=(7000, 2))
    exact = law.logpdf(x)
    assert not calls
    monkeypatch.setattr(normal_sums, "WORTH", 1e6)
    np.testing.assert_allclose(law.logpdf(x), exact, rtol=1e-9)  # measured 2e-12
    assert calls == [7000]
    assert np.array_equal(law.logpdf(x, method="exact"), exact)
    assert calls == [7000]


def test_result_does_not_depend_on_threads_or_order():
    x, c, _ = clouds(2, 6.0, n=1200)
    law = rf.GaussianMixture(np.full(len(c), 1 / len(c)), c, 1.0)
    found = law.score(x, method="fast", tol=1e-6)
    with rf.config(threads=1):
        assert np.array_equal(found, law.score(x, method="fast", tol=1e-6))
    shuffled = np.random.default_rng(0).permutation(len(x))
    again = law.score(x[shuffled], method="fast", tol=1e-6)
    np.testing.assert_allclose(again, found[shuffled], atol=1e-12, rtol=1e-12)  # measured 3e-15


def test_cost_grows_with_the_points_and_not_with_the_pairs():
    rng = np.random.default_rng(6)
    costs = []
    for n in (10**4, 10**5):
        c, x = 10 * rng.normal(size=(2, n, 2))
        costs.append(normal_sums.plan_sums(x, c, 1e-6).cost)
    assert costs[1] < 12 * costs[0]
    assert costs[1] < 0.05 * 10**10


@pytest.mark.slow
def test_a_million_points_of_a_million():
    rng = np.random.default_rng(7)
    law = rf.kernel_density(rng.normal(size=(10**6, 2)))
    x = law.sample(10**6, rng)
    found = law.logpdf(x, tol=1e-6)
    some = rng.integers(0, 10**6, 30)
    np.testing.assert_allclose(found[some], law.logpdf(x[some]), atol=1e-6)  # measured 1e-8


def test_refusals():
    rng = np.random.default_rng(8)
    law = rf.kernel_density(rng.normal(size=(30, 2)))
    x = rng.normal(size=(5, 2))
    with pytest.raises(ValueError, match="`method` must be one of auto, exact, fast, got 'fats'"):
        law.logpdf(x, method="fats")
    with pytest.raises(ValueError, match="`tol` must be positive, got 0"):
        law.score(x, tol=0)
    with pytest.raises(ValueError, match=r"`tol` must lie between 1e-13 and 1e-2, got 0\.5"):
        law.score(x, tol=0.5)
    with pytest.raises(ValueError, match="got 'fast' with 4 variables and one covariance"):
        rf.kernel_density(rng.normal(size=(30, 4))).pdf(np.zeros((1, 4)), method="fast")
    different = rf.GaussianMixture([0.5, 0.5], [[0.0], [1.0]], [1.0, 2.0])
    with pytest.raises(ValueError, match="1 variables and different covariances"):
        different.score([[0.0]], method="fast")
    wide = rf.GaussianMixture(np.full(3000, 1 / 3000), 1e12 * rng.normal(size=(3000, 3)), 1.0)
    with rf.config(memory_budget=2**24), pytest.raises(rf.MemoryBudgetError, match="fast sum"):
        wide.logpdf(1e12 * rng.normal(size=(3000, 3)), method="fast")


def test_slabs_of_points_where_all_do_not_fit():
    x = np.random.default_rng(8).normal(size=(20_000, 2))
    law = rf.kernel_density(x, 0.3)
    whole = law.score(x)
    with rf.config(memory_budget="8M"):
        slabs = law.score(x)
    with rf.config(memory_budget="4M"), pytest.raises(rf.MemoryBudgetError, match="the fast sum"):
        law.score(x)
    # The same sums in another order: measured 2e-15.
    np.testing.assert_allclose(slabs, whole, rtol=0, atol=2e-14 * np.abs(whole).max())
