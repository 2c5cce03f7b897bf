import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from scipy.integrate import solve_ivp
from scipy.linalg import sqrtm

import ridgeflow as rf
from ridgeflow.schemes import SCHEMES, TABLEAUX
from ridgeflow.transport import many_particles
from ridgeflow.transport.ode import integrate

D = np.array([[1.0, 0.3], [0.3, 0.5]])
SIGMA = np.array([[1.3, 0.4], [0.4, 0.9]])
LINE = rf.GaussianMixture([1.0], [[0.0]], 1.3)
NORMAL = rf.GaussianMixture([1.0], [[0.5, -1.0]], SIGMA)
MIXTURE = rf.GaussianMixture(
    [0.3, 0.7],
    [[-1.0, 0.0], [1.0, 0.5]],
    [[[0.5, 0.1], [0.1, 0.4]], [[0.3, -0.05], [-0.05, 0.6]]],
)
KINDS = pytest.mark.parametrize("covariance", [None, D], ids=["isotropic", "anisotropic"])


def points(n, m=2, seed=0):
    return np.random.default_rng(seed).normal(size=(n, m))


# integrate -------------------------------------------------------------------------------------


def decay(x, t):
    return -x * (1 + np.cos(t))


def decay_rate(x, t):
    return np.full(len(x), -x.shape[1] * (1 + np.cos(t)))


@pytest.mark.parametrize(
    ("rtol", "method", "bound"),
    [
        (1e-4, "dopri5", 1e-4),
        (1e-6, "dop853", 1e-6),
        (1e-8, "dop853", 1e-8),
        (1e-12, "dop853", 1e-11),
    ],
)
def test_integrate_against_closed_form(rtol, method, bound):
    x, times = points(50), np.array([0.0, 0.5, 1.3, 2.0])
    path, log_det, stats = integrate(
        decay, x, 0, 2, rtol=rtol, atol=1e-2 * rtol, divergence=decay_rate, t_eval=times
    )
    exact = np.exp(-(times + np.sin(times)))
    error = np.abs(path - exact[:, None, None] * x).max()
    assert error < bound  # measured 1.4e-5, 5e-8, 3e-9, 5e-13
    np.testing.assert_allclose(
        log_det, np.repeat(2 * np.log(exact)[:, None], 50, axis=1), atol=bound
    )
    assert stats.method == method and stats.t == 2.0
    assert stats.n_evaluations < (7 if method == "dopri5" else 16) * stats.n_steps + 12


@pytest.mark.parametrize("method", ["dop853", "dopri5", "tsit5"])
def test_adaptive_methods_against_scipy(method):
    # A pendulum for each particle, with its own energy; reports fall between steps.
    def swing(x, t):
        return np.stack([x[:, 1], -np.sin(x[:, 0]) + 0.1 * np.cos(t)], axis=1)

    x, times = points(7), np.linspace(0, 6, 23)
    path, _, stats = integrate(swing, x, 0, 6, rtol=1e-9, atol=1e-11, t_eval=times, method=method)
    worst = 0.0
    for one, line in zip(x, path.transpose(1, 0, 2), strict=True):
        exact = solve_ivp(
            lambda t, y: swing(y[None], t)[0], (0, 6), one, "DOP853", times, rtol=1e-13, atol=1e-13
        )
        worst = max(worst, np.abs(line - exact.y.T).max())
    assert worst < 1e-8  # measured 2e-9, 5e-9, 2e-9
    assert stats.method == method
    # As many evaluations as scipy's solvers, up to choice of the first step: 290, 1200 there.
    assert stats.n_evaluations < {"dop853": 700, "dopri5": 1700, "tsit5": 1700}[method]


@pytest.mark.parametrize(("method", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_fixed_steps_converge_with_their_order(method, order):
    x, exact = points(5), np.exp(-(2 + np.sin(2)))
    errors = []
    for n in (40, 80):
        end, _, stats = integrate(decay, x, 0, 2, method=method, max_step=2 / n)
        assert stats.n_steps == n and stats.method == method
        errors.append(np.abs(end - exact * x).max())
    measured = np.log2(errors[0] / errors[1])
    assert order - 0.3 < measured < order + 0.5
    path, log_det, _ = integrate(
        decay, x, 2, 0, method=method, max_step=0.3, t_eval=[1.1, 0.2], divergence=decay_rate
    )
    assert path.shape == (2, 5, 2) and log_det.shape == (2, 5)
    alone, _, _ = integrate(decay, x, 2, 1.1, method=method, max_step=0.3)
    np.testing.assert_allclose(path[0], alone, rtol=1e-13)


@pytest.mark.parametrize("name", ["dop853", "dopri5", "tsit5"])
def test_tableaux_check_themselves(name):
    good = TABLEAUX[name]
    broken = [
        {"weights": (good.weights[0] + 1e-9, *good.weights[1:])},
        {"error": (good.error[0] + 1e-9, *good.error[1:])},
        {"dense": ((*good.dense[0][:-1], good.dense[0][-1] + 1e-9), *good.dense[1:])},
        {"order": good.order + 1},
    ]
    for change in broken:
        with pytest.raises(ValueError, match=f"of '{name}' must meet the conditions of order"):
            replace(good, **change)


@pytest.mark.parametrize("name", list(TABLEAUX))
def test_a_step_is_that_of_the_exponential_to_its_order(name):
    """Of x' = x: numbers and arrays, and the terms of the series up to the order."""
    good, h = TABLEAUX[name], 0.1
    series = sum(h**k / math.factorial(k) for k in range(good.order + 1))
    one = good.step(lambda stage, x: x, 1.0, h)
    assert abs(one - series) < 2 * h ** (good.order + 1) / math.factorial(good.order + 1) + 1e-15
    assert one - 1 == pytest.approx(good.increment(lambda stage, x: x, 1.0, h), rel=1e-14)
    many = good.step(lambda stage, x: x, np.ones((2, 1), np.float32), h)
    assert many.dtype == np.float32 and many == pytest.approx(one, rel=1e-6)


def test_stages_of_a_step_know_their_nodes():
    for name, tableau in TABLEAUX.items():
        assert (name in SCHEMES) == (not tableau.error)
        assert [tableau.nodes[i] for i in tableau.node_of] == list(tableau.c)
    assert SCHEMES["rk4"].nodes == (0.0, 0.5, 1.0) and SCHEMES["rk4"].node_of == (0, 1, 1, 2)


def test_integrate_backwards_undoes_forwards():
    x = points(20)
    there, grown, _ = integrate(decay, x, 0, 2, divergence=decay_rate)
    back, shrunk, stats = integrate(decay, there, 2, 0, divergence=decay_rate)
    np.testing.assert_allclose(back, x, atol=1e-7)  # measured 3e-9
    np.testing.assert_allclose(grown + shrunk, 0, atol=1e-8)
    assert stats.t == 0.0


@pytest.mark.parametrize("rtol", [1e-4, 1e-8])
def test_one_hard_particle_is_not_hidden_by_many_easy_ones(rtol):
    # Frequency 40 for the first particle alone; the others rest.
    def rotate(x, t):
        speed = np.zeros(len(x))
        speed[0] = 40.0
        return speed[:, None] * x[:, ::-1] * np.array([1.0, -1.0])

    x = np.ones((5000, 2))
    alone, _, single = integrate(rotate, x[:1], 0, 1, rtol=rtol, atol=rtol)
    crowd, _, many = integrate(rotate, x, 0, 1, rtol=rtol, atol=rtol)
    # By the root mean square over all particles: 26 steps instead of 59, error 0.19 instead of
    # 0.0024 (rtol 1e-4); 39 instead of 65, 5e-6 instead of 8e-8 (rtol 1e-8).
    assert abs(many.n_steps - single.n_steps) <= 2
    exact = [np.cos(40) + np.sin(40), np.cos(40) - np.sin(40)]
    assert np.abs(crowd[0] - exact).max() < 2 * np.abs(alone[0] - exact).max() + 1e-12


@pytest.mark.parametrize("method", ["tsit5", "dopri5"])
def test_pairs_with_steps_for_each_particle(method):
    dae = rf.ContinuousDAE(MIXTURE)
    x = points(30)
    found = dae.flow(x, 0.1, rtol=1e-10, atol=1e-12, method=method)
    shared, log_det, _ = integrate(
        dae.velocity, x, 0, 0.1, rtol=1e-12, atol=1e-13, divergence=dae.divergence
    )
    np.testing.assert_allclose(found.points, shared, atol=1e-10)  # measured 4e-12
    np.testing.assert_allclose(found.log_density, MIXTURE.logpdf(x) - log_det, atol=1e-8)
    assert found.stats.method == method


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("shared", [True, False])
def test_isotropic_components_have_a_drift_of_their_own(dim, shared):
    rng = np.random.default_rng(dim)
    variances = np.full(5, 0.4) if shared else rng.uniform(0.4, 0.7, 5)
    law = rf.GaussianMixture(np.full(5, 0.2), 2 * rng.normal(size=(5, dim)), variances)
    dae = rf.ContinuousDAE(law)
    x = law.sample(100, rng)
    found = dae.flow(x, 0.15, rtol=1e-11, atol=1e-12)
    shared_steps, log_det, _ = integrate(
        dae.velocity, x, 0, 0.15, rtol=1e-12, atol=1e-13, divergence=dae.divergence
    )
    np.testing.assert_allclose(found.points, shared_steps, atol=1e-9)  # measured 2e-11
    exact = dae.law(0.15).logpdf(found.points)
    np.testing.assert_allclose(found.log_density, exact, atol=1e-9)  # measured 5e-12
    np.testing.assert_allclose(found.log_density, law.logpdf(x) - log_det, atol=1e-8)


def test_integrate_over_no_time():
    x = points(5)
    end, log_det, stats = integrate(decay, x, 1.0, 1.0, divergence=decay_rate, t_eval=[1.0])
    np.testing.assert_array_equal(end, x[None])
    np.testing.assert_array_equal(log_det, np.zeros((1, 5)))
    assert stats.n_steps == 0


def test_integrate_dtype_and_options():
    x = points(5).astype(np.float32)
    end, log_det, loose = integrate(decay, x, 0, 1, divergence=decay_rate)
    assert end.dtype == log_det.dtype == np.float32
    end, log_det, fine = integrate(decay, x, 0, 1, max_step=0.01)
    assert log_det is None and fine.n_steps >= 100 > loose.n_steps


def test_integrate_failures(monkeypatch):
    with pytest.raises(
        rf.ConvergenceError, match=r"must reach t = 2, got stuck at t = 1 after \d+"
    ):
        integrate(lambda x, t: x**2, [[1.0]], 0, 2)
    with pytest.raises(
        rf.ConvergenceError, match=r"got stuck at t = 0\.5 .*stop earlier, or loosen"
    ):
        integrate(lambda x, t: np.where(t > 0.5, np.nan, x), [[1.0]], 0, 2)
    monkeypatch.setattr("ridgeflow.transport.ode._MAX_EVALUATIONS", 500)
    with pytest.raises(rf.ConvergenceError, match=r"within 500 evaluations, got to t = [12]\."):
        integrate(decay, [[1.0]], 0, 10, max_step=0.03)
    # What cannot be reached is known before the first step.
    with pytest.raises(rf.ConvergenceError, match=r"`max_step` must allow .* within 500 steps"):
        integrate(decay, [[1.0]], 0, 10, max_step=1e-3)


def test_integrate_refusals():
    x = points(3)
    with pytest.raises(ValueError, match=r"must be finite at the start, got \[.*nan.*\] at t = 0"):
        integrate(lambda x, t: np.full_like(x, np.nan), x, 0, 1)
    with pytest.raises(ValueError, match=r"`velocity` must return shape \(3, 2\), got \(3,\)"):
        integrate(lambda x, t: x[:, 0], x, 0, 1)
    with pytest.raises(ValueError, match=r"`divergence` must return shape \(3,\), got \(3, 2\)"):
        integrate(decay, x, 0, 1, divergence=decay)
    with pytest.raises(ValueError, match="`rtol` must be positive, got 0"):
        integrate(decay, x, 0, 1, rtol=0)
    with pytest.raises(ValueError, match="`rtol` must be at least 1e-13, got 1e-15"):
        integrate(decay, x, 0, 1, rtol=1e-15)
    with pytest.raises(ValueError, match="`atol` must be positive, got -1"):
        integrate(decay, x, 0, 1, atol=-1)
    with pytest.raises(ValueError, match="`max_step` must be positive, got 0"):
        integrate(decay, x, 0, 1, max_step=0)
    with pytest.raises(ValueError, match=r"`method` must be one of auto, euler, .*'tsit5'"):
        integrate(decay, x, 0, 1, method="tsit6")
    with pytest.raises(ValueError, match="`max_step` must be finite for method 'rk4', got inf"):
        integrate(decay, x, 0, 1, method="rk4")
    with pytest.raises(ValueError, match="`t1` must be finite, got inf"):
        integrate(decay, x, 0, np.inf)
    with pytest.raises(
        ValueError, match=r"`t_eval` must lie between 0 and 1, got values from 0\.5 to 2"
    ):
        integrate(decay, x, 0, 1, t_eval=[0.5, 2.0])
    with pytest.raises(ValueError, match="`t_eval` must run strictly from 1 towards 0"):
        integrate(decay, x, 1, 0, t_eval=[0.2, 0.5])
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the integration needs"),
    ):
        integrate(decay, points(10**5), 0, 1)


# ContinuousDAE ---------------------------------------------------------------------------------


def test_slope_of_theory():
    flow = rf.ContinuousDAE(LINE)
    assert flow.t_max == pytest.approx(0.65, abs=1e-15)
    for method in ("auto", "ode"):
        assert flow.flow([[1.0]], 0.5, method=method).points[0, 0] == pytest.approx(
            0.480384, abs=1e-6
        )


@KINDS
def test_normal_flow_matrices(covariance):
    noise = np.eye(2) if covariance is None else covariance
    flow = rf.ContinuousDAE(NORMAL, covariance=covariance)
    root = np.linalg.inv(np.linalg.cholesky(noise))
    assert flow.t_max == pytest.approx(np.linalg.eigvalsh(root @ SIGMA @ root.T)[0] / 2, rel=1e-13)
    t = 0.8 * flow.t_max
    slope = sqrtm(np.eye(2) - 2 * t * noise @ np.linalg.inv(SIGMA))
    x = points(20)
    expected = NORMAL.mean + (x - NORMAL.mean) @ slope.T
    exact = flow.flow(x, t)
    np.testing.assert_allclose(exact.points, expected, atol=1e-12)  # measured 2e-15
    np.testing.assert_allclose(flow.law(t).cov, SIGMA - 2 * t * noise, atol=1e-13)
    np.testing.assert_allclose(slope @ SIGMA @ slope.T, SIGMA - 2 * t * noise, atol=1e-12)
    np.testing.assert_allclose(exact.log_density, flow.law(t).logpdf(exact.points), atol=1e-11)
    assert exact.stats.method == "exact" and exact.stats.n_evaluations == 0
    ode = flow.flow(x, t, method="ode")
    np.testing.assert_allclose(ode.points, expected, atol=1e-7)  # measured 5e-10
    np.testing.assert_allclose(ode.log_density, exact.log_density, atol=1e-7)  # measured 8e-10
    assert ode.stats.method == "tsit5"


@KINDS
def test_law_of_a_mixture(covariance):
    noise = np.eye(2) if covariance is None else covariance
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    spectra = [np.linalg.eigvals(np.linalg.solve(noise, s)).min() for s in MIXTURE.covariances]
    assert flow.t_max == pytest.approx(min(spectra) / 2, rel=1e-12)
    law = flow.law(0.05)
    np.testing.assert_allclose(law.covariances, MIXTURE.covariances - 0.1 * noise, atol=1e-15)
    np.testing.assert_array_equal(law.means, MIXTURE.means)
    # Smoothing it again is the forward heat flow.
    np.testing.assert_allclose(law.smooth(0.1 * noise).covariances, MIXTURE.covariances, atol=1e-15)


@KINDS
def test_log_density_against_the_exact_law(covariance):
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    x, t = MIXTURE.sample(300, 0), 0.8 * flow.t_max
    result = flow.flow(x, t, rtol=1e-8)
    error = np.abs(result.log_density - flow.law(t).logpdf(result.points)).max()
    assert error < 1e-6  # measured 2e-9


def test_pushforward_has_the_moments_of_the_law():
    flow = rf.ContinuousDAE(MIXTURE, covariance=D)
    t = 0.7 * flow.t_max
    end = flow.flow(MIXTURE.sample(4000, 0), t, rtol=1e-6).points
    law = flow.law(t)
    # Standard errors: 0.017 for the mean, 0.02 for the covariance.
    np.testing.assert_allclose(end.mean(axis=0), law.mean, atol=0.05)
    np.testing.assert_allclose(np.cov(end.T), law.cov, atol=0.06)


def test_pushforward_has_the_law_within_monte_carlo_error():
    # W1 of the projections of 10^5 particles, against its expectation for as many true draws.
    n = 100_000
    flow = rf.ContinuousDAE(MIXTURE)
    t = 0.8 * flow.t_max
    end = flow.flow(MIXTURE.sample(n, 3), t, rtol=1e-6, log_density=False).points
    law = flow.law(t)
    u, _ = rf.directions(2, 8)
    grid = np.linspace(-12, 12, 4001)
    for direction in u:
        centres = law.means @ direction
        spread = np.sqrt(np.einsum("i,kij,j->k", direction, law.covariances, direction))
        exact = stats.norm.cdf((grid[:, None] - centres) / spread) @ law.weights
        found = np.searchsorted(np.sort(end @ direction), grid, side="right") / n
        distance = np.trapezoid(np.abs(found - exact), grid)
        expected = np.trapezoid(np.sqrt(2 / np.pi * exact * (1 - exact) / n), grid)
        assert distance < 3 * expected  # measured 0.53..1.77


@KINDS
def test_inverse_flow(covariance):
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    x, t = points(100), 0.8 * flow.t_max
    there = flow.flow(x, t)
    back = flow.inverse_flow(there.points, t)
    np.testing.assert_allclose(back.points, x, atol=1e-6)  # measured 6e-12
    np.testing.assert_allclose(back.log_density, MIXTURE.logpdf(x), atol=1e-6)  # measured 2e-10
    exact = rf.ContinuousDAE(NORMAL, covariance=covariance)
    t = 0.9 * exact.t_max
    back = exact.inverse_flow(exact.flow(x, t).points, t)
    np.testing.assert_allclose(back.points, x, atol=1e-12)  # measured 4e-15
    np.testing.assert_allclose(back.log_density, NORMAL.logpdf(x), atol=1e-12)


@pytest.mark.parametrize("law", [NORMAL, MIXTURE], ids=["normal", "mixture"])
def test_times_are_reported(law):
    flow = rf.ContinuousDAE(law)
    x, t = points(50), 0.7 * flow.t_max
    times = np.array([0.0, 0.2, 0.5]) * t
    result = flow.flow(x, t, times=times)
    assert result.trajectory.shape == (3, 50, 2) and result.trajectory_log_density.shape == (3, 50)
    np.testing.assert_array_equal(result.times, times)
    np.testing.assert_allclose(result.trajectory[0], x, atol=1e-14)  # measured 1e-15
    for s, place, density in zip(
        times, result.trajectory, result.trajectory_log_density, strict=True
    ):
        np.testing.assert_allclose(
            density, flow.law(s).logpdf(place), atol=1e-7
        )  # measured 1.2e-10
    np.testing.assert_allclose(result.points, flow.flow(x, t).points, atol=1e-7)
    ended = flow.flow(x, t, times=[0.5 * t, t])
    np.testing.assert_array_equal(ended.trajectory[-1], ended.points)
    back = flow.inverse_flow(result.points, t, times=times[::-1])
    np.testing.assert_allclose(back.trajectory[::-1], result.trajectory, atol=1e-6)
    assert flow.flow(x, t).trajectory is None


def test_times_between_cost_no_steps_and_keep_the_accuracy():
    flow = rf.ContinuousDAE(MIXTURE)
    x, t = points(50), 0.9 * flow.t_max
    times = np.linspace(0, t, 101)
    plain, dense = flow.flow(x, t), flow.flow(x, t, times=times)
    assert dense.stats.n_evaluations == plain.stats.n_evaluations
    np.testing.assert_array_equal(dense.points, plain.points)
    fine = flow.flow(x, t, times=times, rtol=1e-12, atol=1e-13)
    gap = np.abs(dense.trajectory - fine.trajectory).max()
    assert gap < 1e-7  # measured 1.3e-8
    gap = np.abs(dense.trajectory_log_density - fine.trajectory_log_density).max()
    assert gap < 1e-6  # measured 8.6e-8


@pytest.mark.parametrize("isotropic", [True, False])
def test_many_variables_with_widths_far_apart(isotropic):
    # Root determinants of 1e-400 to 1: products of variances would leave the range of numbers.
    m = 200
    rng = np.random.default_rng(4)
    variances = np.array([1e-4, 1e-2, 1.0])
    covariances = variances
    if not isotropic:
        covariances = np.stack([np.diag(v * rng.uniform(1, 1.3, m)) for v in variances])
    law = rf.GaussianMixture([0.2, 0.3, 0.5], rng.normal(size=(3, m)), covariances)
    flow = rf.ContinuousDAE(law)
    x, t = law.sample(60, rng), 0.5 * flow.t_max
    result = flow.flow(x, t)
    exact = flow.law(t).logpdf(result.points)
    np.testing.assert_allclose(result.log_density, exact, rtol=1e-8)  # measured 8e-10


def test_threads_do_not_change_the_flow():
    x = points(1000)
    found = []
    for threads in (1, 2):
        with rf.config(threads=threads):
            found.append(rf.ContinuousDAE(MIXTURE).flow(x, 0.1, rtol=1e-6))
    np.testing.assert_array_equal(found[0].points, found[1].points)
    np.testing.assert_array_equal(found[0].log_density, found[1].log_density)
    alone = rf.ContinuousDAE(MIXTURE).flow(x[17:18], 0.1, rtol=1e-6)
    np.testing.assert_array_equal(alone.points, found[0].points[17:18])


@KINDS
@pytest.mark.parametrize("method", ["tsit5", "dopri5"])
def test_points_without_densities(covariance, method):
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    x, t = points(40), 0.8 * flow.t_max
    alone = flow.flow(x, t, log_density=False, method=method, times=[0.5 * t])
    both = flow.flow(x, t, method=method, times=[0.5 * t])
    assert alone.log_density is None and alone.trajectory_log_density is None
    assert alone.stats.n_evaluations <= both.stats.n_evaluations
    np.testing.assert_allclose(alone.points, both.points, atol=1e-6)  # measured 5e-9
    np.testing.assert_allclose(alone.trajectory, both.trajectory, atol=1e-6)
    back = flow.inverse_flow(alone.points, t, log_density=False, method=method)
    assert back.log_density is None
    np.testing.assert_allclose(back.points, x, atol=1e-6)  # measured 1.3e-8


@pytest.mark.parametrize("kind", ["isotropic", "full", "anisotropic noise"])
@pytest.mark.parametrize("far", [1e3, 1e5, 1e6, 3e6, 1e9, 1e20, 1e100])
def test_far_points_take_as_few_steps_as_near_ones(kind, far):
    """Far out the widest component is alone: its flow shrinks by sqrt(1 - 2t/v) about its mean."""
    means, narrow, wide = [[-1.0, 0.0], [1.0, 0.5]], 0.2, 0.4
    variances = [narrow, wide]
    if kind == "full":
        variances = [np.diag([narrow, 0.3]), wide * np.eye(2)]
    covariance = np.diag([1.0, 1e-12]) if kind == "anisotropic noise" else None
    continuous = rf.ContinuousDAE(
        rf.GaussianMixture([0.3, 0.7], means, variances), covariance=covariance
    )
    x = np.array([[far, 0.0]])
    there = continuous.flow(x, 0.09)
    # Before: 13, 62550, 492067 at 1e4, 1e6, 3e6, no end at 1e9; measured now 10 to 13.
    assert there.stats.n_steps <= 16
    right = 1 + np.sqrt(1 - 2 * 0.09 / wide) * (far - 1)
    assert abs(there.points[0, 0] / right - 1) < 2e-9  # measured 4e-10
    density = continuous.law(0.09).logpdf(there.points)
    assert np.abs(there.log_density / density - 1).max() < 4e-9  # measured 8e-10
    back = continuous.inverse_flow(there.points, 0.09)
    assert back.stats.n_steps <= 16  # measured 13
    assert abs(back.points[0, 0] / far - 1) < 2e-9  # measured 4e-10


@pytest.mark.parametrize("noise", ["isotropic", "anisotropic"])
@pytest.mark.parametrize("m", [1, 2, 3])
def test_fast_flows_are_those_of_each_particle(m, noise, monkeypatch):
    # Sums without pairs, however few they are.
    score = rf.GaussianMixture.score
    monkeypatch.setattr(
        rf.GaussianMixture, "score", lambda law, x, *, tol: score(law, x, method="fast", tol=tol)
    )
    rng = np.random.default_rng(m)
    centres = np.concatenate([rng.normal(size=(150, m)), 2 + 0.3 * rng.normal(size=(150, m))])
    law = rf.kernel_density(centres)
    flow = rf.ContinuousDAE(law, covariance=None if noise == "isotropic" else 0.5 + np.eye(m))
    # Far away as well, where the sums end and all pairs take over.
    x = np.concatenate([law.sample(200, 0), 8 * rng.normal(size=(5, m)), [[1e4] * m]])
    t = 0.9 * flow.t_max
    options = {"rtol": 1e-7, "atol": 1e-9, "times": np.linspace(0.1, 1, 4) * t}
    fast = flow.flow(x, t, method="fast", **options)
    each = flow.flow(x, t, method="ode", **options)
    assert fast.stats.method == "fast" and each.stats.method == "tsit5"
    # measured 3.8e-8 to 9.7e-8 off flows with rtol = 1e-11, "ode" 2.4e-8 to 1.4e-7
    gap = np.abs(fast.trajectory - each.trajectory) / (1 + np.abs(each.trajectory))
    assert gap.max() < 1e-6
    logs = np.abs(fast.trajectory_log_density - each.trajectory_log_density)
    logs = logs / (1 + np.abs(each.trajectory_log_density))
    assert logs.max() < 5e-6  # measured 5.7e-8 to 9.3e-8, "ode" 6.1e-8 to 1.1e-6
    back = flow.inverse_flow(fast.points, t, method="fast", rtol=1e-8)
    gap = np.abs(back.points - x) / (1 + np.abs(x))
    assert gap.max() < 1e-6  # measured 2.9e-9 to 1.3e-7
    # measured 8e-9 to 1.2e-7
    np.testing.assert_allclose(back.log_density[:200], law.logpdf(x[:200]), rtol=0, atol=1e-6)


def test_many_particles_of_a_kernel_density_go_by_fast_sums():
    rng = np.random.default_rng(0)
    centres = rng.normal(size=(9000, 2))
    flow = rf.ContinuousDAE(rf.kernel_density(centres))
    x = centres.astype(np.float32)
    t = 0.5 * flow.t_max
    found = flow.flow(x, t, rtol=1e-6)
    assert found.stats.method == "fast" and found.points.dtype == np.float32
    some = flow.flow(x[:100], t, rtol=1e-6)
    assert some.stats.method == "tsit5"
    # measured 2.4e-7: single precision
    np.testing.assert_allclose(found.points[:100], some.points, rtol=0, atol=1e-6)
    np.testing.assert_allclose(found.log_density[:100], some.log_density, rtol=0, atol=1e-5)


def test_fast_flows_are_refused_where_they_do_not_apply():
    x = points(3)
    with pytest.raises(ValueError, match="'fast' with 2 variables and several covariances"):
        rf.ContinuousDAE(MIXTURE).flow(x, 0.01, method="fast")
    with pytest.raises(ValueError, match="'fast' with 4 variables and one covariance"):
        rf.ContinuousDAE(rf.kernel_density(points(9, 4))).flow(points(3, 4), 0.01, method="fast")
    score = rf.ContinuousDAE(rf.CallableField(lambda x, t: -x, 2, score=True))
    with pytest.raises(ValueError, match="for a score, got 'fast'"):
        score.flow(x, 0.01, method="fast")


def test_particles_that_get_stuck_in_fast_flows_are_named(monkeypatch):
    flow = rf.ContinuousDAE(rf.kernel_density(points(50)))
    monkeypatch.setattr(
        many_particles._Law, "drift", lambda self, x, s: np.where(s == 0, 1.0, np.nan) * x
    )
    with pytest.raises(rf.ConvergenceError, match=r"got stuck at t = 0 with the point \["):
        flow.flow(points(3), 0.01, method="fast")


def test_a_particle_with_too_many_steps_is_refused_by_name(monkeypatch):
    monkeypatch.setattr("ridgeflow.transport.particles._MOST", 30)
    with pytest.raises(
        rf.ConvergenceError,
        match=r"must reach t = 0\.1, got to t = .* within 30 evaluations with the point "
        r"\[0\. 0\.\] and with 2 others",
    ):
        rf.ContinuousDAE(MIXTURE).flow(np.zeros((3, 2)), 0.1)
    # The first that is stuck is named, and the time is one that it does reach.
    dae, apart = rf.ContinuousDAE(MIXTURE), np.array([[3.0, 1.0], [0.0, 0.0], [0.0, 0.0]])
    with pytest.raises(
        rf.ConvergenceError, match=r"with the point \[0\. 0\.\] and with 1 others"
    ) as stuck:
        dae.flow(apart, 0.05)
    reached = float(re.search(r"got to t = (\S+) within", str(stuck.value))[1])
    assert np.isfinite(dae.flow(apart, 0.95 * reached).points).all()
    with pytest.raises(rf.ConvergenceError, match="within 30 evaluations"):
        dae.flow(apart, 1.05 * reached)


def test_steps_are_even_as_far_as_the_singular_time():
    # In the logarithmic clock ten times closer to the end costs the same again, not ten times.
    flow = rf.ContinuousDAE(MIXTURE)
    x = points(50)
    counts = []
    for rest in (1e-1, 1e-2, 1e-3, 1e-4):
        found = flow.flow(x, (1 - rest) * flow.t_max)
        counts.append(found.stats.n_steps)
        exact = flow.law((1 - rest) * flow.t_max).logpdf(found.points)
        error = np.abs(found.log_density - exact).max()
        assert error < 5e-6  # measured 1e-8, 5e-8, 1.7e-7, 6e-7
    assert max(np.diff(counts)) < counts[0]


@KINDS
def test_velocity_and_divergence(covariance):
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    noise = np.eye(2) if covariance is None else covariance
    x, t, h = points(30), 0.05, 1e-5
    law = flow.law(t)
    steps = h * np.eye(2)
    gradient = np.stack([(law.logpdf(x + e) - law.logpdf(x - e)) / (2 * h) for e in steps], axis=1)
    np.testing.assert_allclose(flow.velocity(x, t), gradient @ noise, atol=1e-7)  # measured 1.3e-9
    divergence = sum(
        (flow.velocity(x + e, t) - flow.velocity(x - e, t))[:, i] / (2 * h)
        for i, e in enumerate(steps)
    )
    np.testing.assert_allclose(flow.divergence(x, t), divergence, atol=1e-6)  # measured 9e-9


@KINDS
def test_backward_heat_equation(covariance):
    # ∂_t μ = −∇·(D∇μ), by differences in t and x.
    noise = np.eye(2) if covariance is None else covariance
    flow = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    x, t, h, k = points(30), 0.05, 1e-5, 1e-3
    rate = (flow.law(t + h).pdf(x) - flow.law(t - h).pdf(x)) / (2 * h)
    law, steps = flow.law(t), k * np.eye(2)
    spread = sum(
        noise[i, j]
        * (law.pdf(x + a + b) - law.pdf(x + a - b) - law.pdf(x - a + b) + law.pdf(x - a - b))
        / (4 * k * k)
        for i, a in enumerate(steps)
        for j, b in enumerate(steps)
    )
    np.testing.assert_allclose(rate, -spread, atol=1e-4)  # measured 7e-6
    assert np.abs(rate).max() > 0.3


@KINDS
def test_generator_on_densities(covariance):
    dae = rf.ContinuousDAE(MIXTURE, covariance=covariance)
    x, t, step = points(40), 0.05, 1e-4
    pdf = [dae.law(t + i * step).pdf(x) for i in (-2, -1, 1, 2)]
    rate = (pdf[0] - 8 * pdf[1] + 8 * pdf[2] - pdf[3]) / (12 * step)
    found = dae.law_rate(x, t)
    np.testing.assert_allclose(found, rate, atol=1e-10)  # measured 4e-12
    assert dae.law_rate(x.astype(np.float32), t).dtype == np.float32
    # The shallow denoiser starts like it: d/dt of the mean of f over the image of the law.
    if covariance is None:
        axis = np.linspace(-6, 6, 121)
        grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
        mass = MIXTURE.pdf(grid) * 0.01

        def mean(t):
            return mass @ np.sin(rf.GaussianDAE(MIXTURE, t)(grid)).sum(axis=1)

        h = 1e-4
        start = mass @ np.sin(grid).sum(axis=1)
        measured = (4 * mean(h) - mean(2 * h) - 3 * start) / (2 * h)
        predicted = 0.01 * dae.law_rate(grid, 0.0) @ np.sin(grid).sum(axis=1)
        assert abs(measured - predicted) < 1e-5  # measured 3e-7


def test_deep_tends_to_continuous():
    x = points(20)
    t = 0.5 * rf.ContinuousDAE(NORMAL).t_max
    limit = rf.ContinuousDAE(NORMAL).flow(x, t).points
    depths = np.array([8, 16, 32, 64])
    errors = [np.abs(rf.DeepDAE(NORMAL, t, int(n))(x) - limit).max() for n in depths]
    order = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.95


def test_kernel_density_flows_until_half_its_bandwidth_squared():
    law = rf.kernel_density(points(40), 0.6)
    flow = rf.ContinuousDAE(law)
    assert flow.t_max == pytest.approx(0.18, rel=1e-12)
    result = flow.flow(points(20, seed=1), 0.15)
    np.testing.assert_allclose(
        result.log_density, flow.law(0.15).logpdf(result.points), atol=1e-6
    )  # measured 1.4e-10


def test_flow_over_no_time_and_dtype():
    flow = rf.ContinuousDAE(MIXTURE)
    x = points(5)
    still = flow.flow(x, 0.0)
    np.testing.assert_array_equal(still.points, x)
    np.testing.assert_allclose(still.log_density, MIXTURE.logpdf(x))
    single = x.astype(np.float32)
    result = flow.flow(single, 0.05, times=[0.02])
    assert result.points.dtype == result.log_density.dtype == result.trajectory.dtype == np.float32
    assert flow.velocity(single, 0.05).dtype == flow.divergence(single, 0.05).dtype == np.float32
    np.testing.assert_allclose(result.points, flow.flow(x, 0.05).points, atol=1e-6)
    assert repr(flow) == "ContinuousDAE(2 components, dim=2, t_max=0.145943)"


@pytest.mark.parametrize("call", ["law", "velocity", "divergence", "flow", "inverse_flow"])
def test_times_out_of_range(call):
    flow = rf.ContinuousDAE(MIXTURE)
    ask = getattr(flow, call)
    x = () if call == "law" else (points(3),)
    with pytest.raises(
        rf.SingularTimeError,
        match=r"`t` must be less than the singular time t_max = 0\.145943, got 0\.2",
    ):
        ask(*x, 0.2)
    with pytest.raises(rf.SingularTimeError, match="backward heat equation has no solution"):
        ask(*x, flow.t_max)
    with pytest.raises(
        ValueError, match=r"`t` must not be negative, got -0\.1 .*law\.smooth\(2 \* s"
    ):
        ask(*x, -0.1)
    with pytest.raises(ValueError, match="`t` must be finite, got nan"):
        ask(*x, np.nan)


def test_refusals():
    with pytest.raises(
        TypeError, match=r"got SampleField \(the backward heat flow of bare samples"
    ):
        rf.ContinuousDAE(rf.SampleField(points(5)))
    with pytest.raises(TypeError, match=r"got ndarray \(.*pass kernel_density\(points\)"):
        rf.ContinuousDAE(points(5))
    with pytest.raises(TypeError, match=r"got int \(its flow is known in closed form for mixtures"):
        rf.ContinuousDAE(3)
    with pytest.raises(ValueError, match="`covariance` must be positive definite"):
        rf.ContinuousDAE(MIXTURE, covariance=-np.eye(2))
    flow = rf.ContinuousDAE(MIXTURE)
    x = points(3)
    with pytest.raises(
        ValueError, match="`method` must be 'auto' or 'ode' for a mixture, got 'exact'"
    ):
        flow.flow(x, 0.1, method="exact")
    with pytest.raises(ValueError, match="one of auto, exact, fast, ode, tsit5, dopri5, got 'odd'"):
        flow.flow(x, 0.1, method="odd")
    with pytest.raises(
        ValueError, match=r"`times` must lie between 0 and 0\.1, got values from 0 to 1"
    ):
        flow.flow(x, 0.1, times=[0.0, 1.0])
    with pytest.raises(ValueError, match="`times` must increase strictly"):
        flow.flow(x, 0.1, times=[0.05, 0.01])
    with pytest.raises(ValueError, match="`times` must decrease strictly"):
        flow.inverse_flow(x, 0.1, times=[0.01, 0.05])
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\), got \(3, 1\)"):
        flow.flow(x[:, :1], 0.1)
    with pytest.raises(ValueError, match=r"`y` must have shape \(n, 2\), got \(3, 1\)"):
        flow.inverse_flow(x[:, :1], 0.1)
