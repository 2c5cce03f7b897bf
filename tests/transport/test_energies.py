"""Energies of laws, the velocities of their gradient flows, and implicit steps on the line."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import beta as beta_function
from scipy.stats import beta, norm

import ridgeflow as rf

LINE = rf.GaussianMixture([0.4, 0.6], [[-1.0], [0.8]], [0.2, 0.5])
PLANE = rf.GaussianMixture(
    [0.3, 0.7],
    [[-1.0, 0.0], [1.0, 0.5]],
    [[[0.5, 0.1], [0.1, 0.4]], [[0.3, -0.05], [-0.05, 0.6]]],
)
NORMAL = rf.GaussianMixture([1.0], [[1.0, 2.0]], [[1.3, 0.4], [0.4, 0.9]])
FUNCTIONALS = ("potential", "negative_entropy", "entropy", "renyi")


def plane_integral(function, half=12.0, n=1201):
    axis = np.linspace(-half, half, n)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    return float(function(grid).sum()) * (axis[1] - axis[0]) ** 2


def line_integral(function):
    return quad(lambda x: float(function(np.array([[x]]))), -14, 14, limit=400, epsabs=1e-12)[0]


def wave(x):
    return np.cos(x[:, 0]) + 0.5 * (x**2).sum(axis=1)


def square(x):
    return 0.5 * (x**2).sum(axis=1)


def identity(x):
    return x


# Potential energy --------------------------------------------------------------------------------


@pytest.mark.parametrize("law", [PLANE, NORMAL], ids=["mixture", "normal"])
def test_potential_energy_of_mixtures_by_quadrature(law):
    truth = plane_integral(lambda x: wave(x) * law.pdf(x))
    got = rf.potential_energy(law, wave, n=2**16, rng=0)
    assert abs(got.value - truth) < 4 * got.error
    assert 0 < got.error < 1e-3  # measured 1.2e-4, 4.7e-4
    assert rf.potential_energy(law, wave, n=2**16, rng=0) == got


def test_potential_energy_of_samples_is_their_mean():
    x = LINE.sample(500, 0)
    got = rf.potential_energy(x, wave)
    assert got.value == pytest.approx(wave(x).mean(), rel=1e-14)
    assert got.error == pytest.approx(wave(x).std(ddof=1) / np.sqrt(500), rel=1e-12)
    weights = np.random.default_rng(1).uniform(size=500)
    weighted = rf.potential_energy(rf.SampleField(x, weights=weights / weights.sum()), wave)
    assert weighted.value == pytest.approx(np.average(wave(x), weights=weights), rel=1e-13)
    assert weighted.error > got.error


def test_errors_of_potential_energies_are_honest():
    def lean(x):
        return x[:, 0] + np.sin(x[:, 0])

    truth = line_integral(lambda x: lean(x)[0] * LINE.pdf(x)[0])
    drawn = [rf.potential_energy(LINE.sample(200, s), lean) for s in range(150)]
    quasi = [rf.potential_energy(LINE, lean, n=256, rng=s) for s in range(150)]
    for estimates in (drawn, quasi):
        scores = np.array([(e.value - truth) / e.error for e in estimates])
        assert np.mean(np.abs(scores) <= 3) >= 0.95  # measured 0.993
        assert 0.7 < scores.std() < 1.4  # measured 1.02, 0.99


# Rényi energy ------------------------------------------------------------------------------------


@pytest.mark.parametrize("alpha", [0.3, 0.7, 1.5, 2.0, 3.0])
def test_renyi_energy_by_quadrature(alpha):
    truth = line_integral(lambda x: np.exp(alpha * LINE.logpdf(x)[0])) / (alpha - 1)
    got = rf.renyi_energy(LINE, alpha, rng=0)
    assert abs(got.value - truth) <= 4 * got.error + 1e-12 * abs(truth)
    assert got.error < 1e-3 * abs(truth)  # measured 3.3e-4 at most
    assert (got.error == 0) == (alpha == 2)


@pytest.mark.parametrize("alpha", [0.5, 2.0, 3.0])
def test_renyi_energy_of_a_normal_law_is_exact(alpha):
    truth = plane_integral(lambda x: NORMAL.pdf(x) ** alpha) / (alpha - 1)
    got = rf.renyi_energy(NORMAL, alpha)
    assert got.error == 0
    assert got.value == pytest.approx(truth, rel=1e-9)  # measured 4e-12


@pytest.mark.parametrize(
    "law",
    [
        PLANE,
        rf.GaussianMixture([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], [[0.5, 0.1], [0.1, 0.4]]),
        rf.GaussianMixture([0.3, 0.7], [[-1.0, 0.0], [1.0, 0.5]], [0.3, 0.6]),
    ],
    ids=["full", "shared", "isotropic"],
)
def test_collision_energy_in_closed_form(law):
    truth = plane_integral(lambda x: law.pdf(x) ** 2)
    assert rf.renyi_energy(law, 2).value == pytest.approx(truth, rel=1e-12)  # measured 4e-14
    cubic = rf.renyi_energy(law, 3, rng=0)
    truth = plane_integral(lambda x: law.pdf(x) ** 3) / 2
    assert abs(cubic.value - truth) < 4 * cubic.error
    assert cubic.error < 1e-3 * truth  # measured 4e-4


def test_renyi_energy_of_far_components_has_no_error():
    apart = rf.GaussianMixture([0.3, 0.7], [[0.0], [100.0]], [0.2, 0.5])
    got = rf.renyi_energy(apart, 3.0, rng=0)
    each = [rf.renyi_energy(rf.GaussianMixture([1.0], [[0.0]], v), 3.0).value for v in (0.2, 0.5)]
    expected = 0.3**3 * each[0] + 0.7**3 * each[1]
    assert got.value == pytest.approx(expected, rel=1e-12)  # measured 2e-16
    assert got.error < 1e-12  # measured 0


def test_errors_of_renyi_energies_are_honest():
    for alpha in (0.3, 3.0):
        truth = line_integral(lambda x, a=alpha: np.exp(a * LINE.logpdf(x)[0])) / (alpha - 1)
        estimates = [rf.renyi_energy(LINE, alpha, n=256, rng=s) for s in range(150)]
        scores = np.array([(e.value - truth) / e.error for e in estimates])
        assert np.mean(np.abs(scores) <= 3) >= 0.95  # measured 0.99
        assert 0.7 < scores.std() < 1.4  # measured 1.10, 1.08


def test_renyi_energy_tends_to_the_entropy():
    law = rf.GaussianMixture([1.0], [[0.0]], 1.7)
    h = 1e-4
    up, down = (h_ * rf.renyi_energy(law, 1 + h_).value for h_ in (h, -h))
    assert (up - down) / (2 * h) == pytest.approx(-rf.entropy(law).value, rel=1e-7)  # measured 8e-9


# Velocities --------------------------------------------------------------------------------------


def velocity(functional, law, x):
    options = {"renyi": {"alpha": 1.7}, "potential": {"gradient": lambda y: y - np.sin(y)}}
    return rf.wasserstein_velocity(functional, law, x, **options.get(functional, {}))


def variation(functional, x):
    """First variation of the functional at LINE, at the points x."""
    return {
        "potential": lambda: np.cos(x) + 0.5 * x**2,
        "negative_entropy": lambda: LINE.logpdf(x),
        "entropy": lambda: -LINE.logpdf(x),
        "renyi": lambda: 1.7 / 0.7 * LINE.pdf(x) ** 0.7,
    }[functional]()


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_velocity_is_minus_the_gradient_of_the_first_variation(functional):
    x, h = np.linspace(-3, 3, 41), 1e-4
    slope = (variation(functional, x + h) - variation(functional, x - h)) / (2 * h)
    got = velocity(functional, LINE, x[:, None])[:, 0]
    np.testing.assert_allclose(got, -slope, atol=1e-6)  # measured 4e-8


@pytest.mark.parametrize("functional", FUNCTIONALS)
def test_equation_of_each_flow(functional):
    # −(μ v)' against the right-hand side in the table, both by differences of the density.
    x, h = np.linspace(-3, 3, 31), 1e-3

    def flux(y):
        return LINE.pdf(y) * velocity(functional, LINE, y[:, None])[:, 0]

    def laplacian(function):
        return (function(x + h) - 2 * function(x) + function(x - h)) / h**2

    rate = -(flux(x + h) - flux(x - h)) / (2 * h)
    expected = {
        "potential": lambda: (
            (LINE.pdf(x + h) * (x + h - np.sin(x + h)) - LINE.pdf(x - h) * (x - h - np.sin(x - h)))
            / (2 * h)
        ),
        "negative_entropy": lambda: laplacian(LINE.pdf),
        "entropy": lambda: -laplacian(LINE.pdf),
        "renyi": lambda: laplacian(lambda y: LINE.pdf(y) ** 1.7),
    }[functional]()
    np.testing.assert_allclose(rate, expected, atol=2e-5)  # measured 3e-6


def test_entropy_moves_points_as_the_continuous_autoencoder_does():
    x = PLANE.sample(50, 0)
    flow = rf.ContinuousDAE(PLANE)
    got = rf.wasserstein_velocity("entropy", PLANE, x)
    np.testing.assert_array_equal(got, flow.velocity(x, 0.0))
    np.testing.assert_array_equal(rf.wasserstein_velocity("negative_entropy", PLANE, x), -got)
    single = rf.wasserstein_velocity("renyi", PLANE, x.astype(np.float32), alpha=2.0)
    assert single.dtype == np.float32
    exact = -2 * PLANE.pdf(x)[:, None] * PLANE.score(x)
    np.testing.assert_allclose(single, exact, atol=1e-6)  # measured 7e-8


def test_entropy_falls_by_the_information_along_trajectories():
    # Quadrature nodes as particles: the weights of the start stay with them.
    x = np.linspace(-6, 6, 2001)[:, None]
    mass = 0.006 * LINE.pdf(x)
    flow = rf.ContinuousDAE(LINE)
    h, centres = 5e-4, (0.02, 0.05, 0.08)
    times = np.sort([t + k * h for t in centres for k in (-1, 0, 1)])
    path = flow.flow(x, 0.09, times=times)
    entropies = -path.trajectory_log_density @ mass
    for i, t in enumerate(centres):
        slope = (entropies[3 * i + 2] - entropies[3 * i]) / (2 * h)
        speed = flow.velocity(path.trajectory[3 * i + 1], times[3 * i + 1])[:, 0]
        carried = mass @ speed**2
        law = flow.law(t)
        exact = line_integral(lambda y, law=law: law.pdf(y)[0] * law.score(y)[0, 0] ** 2)
        assert carried == pytest.approx(exact, rel=1e-8)  # measured 6e-10
        assert slope == pytest.approx(-exact, rel=1e-3)  # measured 2.1e-4


# Implicit steps ----------------------------------------------------------------------------------


def quantiles(n):
    return (np.arange(n) + 0.5) / n


def heat_profile(n):
    """Particles that heat only stretches: those at rest under heat and a quadratic potential."""
    return rf.jko_step(np.zeros(n), 1e12, potential=square, gradient=identity).points


def barenblatt(alpha, t, n):
    """Quantiles and second moment of the source solution of ∂_t μ = Δμ^α."""
    power, rate = 1 / (alpha - 1), 1 / (alpha + 1)
    curvature = (alpha - 1) * rate / (2 * alpha)
    top = (np.sqrt(curvature) / beta_function(0.5, power + 1)) ** (1 / (power + 0.5))
    radius = np.sqrt(top / curvature) * t**rate
    x = radius * (2 * beta.ppf(quantiles(n), power + 1, power + 1) - 1)
    return x, radius**2 / (2 * power + 3)


@pytest.mark.parametrize("given", [{}, {"hessian": np.ones_like}], ids=["differences", "hessian"])
def test_quadratic_potential_contracts_exactly(given):
    x = np.random.default_rng(0).normal(size=60)
    options = {"functional": "potential", "potential": square, "gradient": identity}
    for tau in (0.01, 0.3, 50.0):
        step = rf.jko_step(x, tau, **options, **given)
        np.testing.assert_allclose(step.points, x / (1 + tau), atol=1e-12)  # measured 2e-16
        assert step.distance == pytest.approx(rf.wasserstein2(x, step.points), rel=1e-12)
        assert step.energy == pytest.approx(0.5 * np.mean((x / (1 + tau)) ** 2), rel=1e-10)
        assert step.energy_before == pytest.approx(0.5 * np.mean(x**2), rel=1e-12)


def test_heat_stretches_its_profile_by_the_exact_step_of_normal_laws():
    # s minimises −log s + (s − 1)²/(2τ).
    x = heat_profile(80)
    assert np.mean(x**2) == pytest.approx(1, abs=1e-10)  # measured 1e-12
    for tau in (1e-3, 0.1, 10.0):
        factor = (1 + np.sqrt(1 + 4 * tau)) / 2
        got = rf.jko_step(x, tau).points
        np.testing.assert_allclose(got, factor * x, rtol=1e-11)  # measured 4e-13


def test_variance_of_a_normal_law_grows_by_two_tau():
    x = norm.ppf(quantiles(400))
    defect = []
    for tau in (0.04, 0.02, 0.01):
        got = rf.jko_step(x, tau).points
        defect.append(abs(got.var() - x.var() - 2 * tau))
    slopes = np.log2(np.divide(defect[:-1], defect[1:]))
    assert ((slopes > 1.7) & (slopes < 2.5)).all()  # measured 1.95, 1.97
    assert defect[-1] < 1.1 * 0.01**2  # measured 0.98 * 0.01**2


def test_heat_is_reached_at_first_order_in_the_step():
    x, end = heat_profile(40), 0.2
    errors = []
    for count in (5, 10, 20, 40):
        y = x
        for _ in range(count):
            y = rf.jko_step(y, end / count).points
        errors.append(abs(np.sqrt(np.mean(y**2)) - np.sqrt(1 + 2 * end)))
    order = -np.polyfit(np.log([5, 10, 20, 40]), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 0.99


def test_second_moment_identity_of_a_step():
    # Optimality tested against x itself: mean(x (x − x0)) = τ times the virial of the energy.
    x0 = np.sort(LINE.sample(200, 0)[:, 0])
    tau = 0.05
    x = rf.jko_step(x0, tau).points
    assert np.mean(x * (x - x0)) == pytest.approx(tau, rel=1e-12)  # measured 2e-16
    for alpha in (0.5, 2.0, 3.0):
        step = rf.jko_step(x0, tau, functional="renyi", alpha=alpha)
        x = step.points
        expected = tau * (alpha - 1) * step.energy
        assert np.mean(x * (x - x0)) == pytest.approx(expected, rel=1e-12)  # measured 1e-15


@pytest.mark.parametrize("alpha", [1.5, 2.0, 3.0])
def test_porous_medium_follows_barenblatt(alpha):
    errors = []
    end = 1.5
    for n in (50, 100, 200):
        (x, before), (exact, after) = barenblatt(alpha, 1.0, n), barenblatt(alpha, end, n)
        y, energies = x, []
        for _ in range(80):
            step = rf.jko_step(y, (end - 1) / 80, functional="renyi", alpha=alpha)
            energies.append(step.energy)
            assert step.energy < step.energy_before
            assert step.energy + step.distance**2 * 80 < step.energy_before * (1 + 1e-12)
            y = step.points
        errors.append(np.sqrt(np.mean((y - exact) ** 2)))
        growth = (np.mean(y**2) - np.mean(x**2)) / (after - before)
    assert growth == pytest.approx(1, abs=0.02)  # measured 5e-3, 7e-3, 1.2e-2
    assert errors[-1] < 2e-3  # measured 1.3e-3, 1.0e-3, 9e-4
    order = -np.polyfit(np.log([50, 100, 200]), np.log(errors), 1)[0]
    assert 0.7 < order < 1.5  # measured 1.02, 1.09, 1.09
    assert (np.diff(energies) < 0).all()


def test_fokker_planck_comes_to_rest_at_the_normal_law():
    x = np.random.default_rng(0).normal(3.0, 0.1, size=100)
    options = {"potential": square, "gradient": identity}
    last = rf.jko_step(x, 0.5, **options)
    for _ in range(40):
        step = rf.jko_step(last.points, 0.5, **options)
        assert step.energy <= last.energy + 1e-12
        last = step
    assert abs(last.points.mean()) < 1e-5  # measured 2e-7
    assert last.points.var() == pytest.approx(1, abs=1e-9)  # measured 6e-13
    # The free energy is minus the logarithm of the mass of exp(−V).
    assert last.energy == pytest.approx(-0.5 * np.log(2 * np.pi), abs=0.05)  # measured 0.040


def test_steps_start_from_an_atom_and_keep_order_shape_and_type():
    atom = rf.jko_step(np.full(50, 7.0), 0.3)
    assert atom.energy_before == np.inf
    assert atom.points.var() == pytest.approx(0.3, rel=1e-12)  # measured 0
    assert atom.points.mean() == pytest.approx(7.0, rel=1e-12)
    x = np.random.default_rng(0).normal(size=(30, 1))
    step = rf.jko_step(x, 0.1)
    assert step.points.shape == (30, 1)
    ordered = rf.jko_step(np.sort(x[:, 0]), 0.1).points
    np.testing.assert_array_equal(np.sort(step.points[:, 0]), ordered)
    np.testing.assert_array_equal(np.argsort(step.points[:, 0]), np.argsort(x[:, 0]))
    single = rf.jko_step(x.astype(np.float32), 0.1)
    assert single.points.dtype == np.float32
    np.testing.assert_allclose(single.points, step.points, atol=1e-6)  # measured 8e-8


def test_steps_bear_a_change_of_unit_and_hard_starts():
    x = np.random.default_rng(0).standard_cauchy(size=300)
    for functional, alpha in (("negative_entropy", None), ("renyi", 2.0)):
        options = {"functional": functional, "alpha": alpha}
        unit = rf.jko_step(x, 0.01, **options)
        assert unit.iterations < 40  # measured 15, 13
        # Lengths times c: the energy scales with c^(1 − α), so tau with c^(1 + α).
        c = 1e-4
        scaled = rf.jko_step(c * x, 0.01 * c ** (1 + (alpha or 1.0)), **options)
        np.testing.assert_allclose(scaled.points / c, unit.points, rtol=1e-10)  # measured 4e-16
    quartic = rf.jko_step(x, 10.0, potential=lambda y: y[:, 0] ** 4, gradient=lambda y: 4 * y**3)
    assert quartic.energy < quartic.energy_before


def test_steps_converge_from_any_start():
    rng = np.random.default_rng(7)
    for k in range(120):
        n, alpha = int(rng.choice([2, 3, 10, 200])), rng.choice([0.1, 0.5, 1.3, 2.0, 4.0, 10.0])
        x = rng.standard_t(rng.choice([0.5, 1.0, 5.0]), size=n) * 10 ** rng.uniform(-6, 6)
        x = np.round(x) if k % 3 == 0 else x + 10 ** rng.uniform(-3, 3)
        well = {"potential": square, "gradient": identity} if k % 2 else {}
        porous = {"functional": "renyi", "alpha": alpha} if k % 5 else {}
        step = rf.jko_step(x, 10 ** rng.uniform(-6, 6), **porous, **well)
        assert step.iterations < 80  # measured 45
        assert np.isfinite(step.energy)
        assert (np.diff(np.sort(step.points)) > 0).all()
    near = rf.jko_step([0.0, 1e-300, 1.0], 0.1)
    assert np.diff(near.points).min() > 0.1


# Refusals ----------------------------------------------------------------------------------------


def test_refusals_of_energies():
    x = LINE.sample(20, 0)
    with pytest.raises(TypeError, match=r"got ndarray \(bare samples have no density: pass kernel"):
        rf.renyi_energy(x, 2.0)
    with pytest.raises(ValueError, match=r"`alpha` must be positive, got -1"):
        rf.renyi_energy(LINE, -1.0)
    with pytest.raises(ValueError, match=r"`alpha` must differ from 1, got 1 .*negative entropy"):
        rf.renyi_energy(LINE, 1.0)
    tiny = rf.GaussianMixture([1.0], np.zeros((1, 64)), 1e-20)
    with pytest.raises(ValueError, match=r"representable Rényi energy, got about exp\(1393"):
        rf.renyi_energy(tiny, 2.0)
    with pytest.raises(ValueError, match=r"`n` must be at least 16, got 3"):
        rf.renyi_energy(LINE, 3.0, n=3)
    with pytest.raises(ValueError, match=r"`n` must be left out for bare samples, got 9"):
        rf.potential_energy(x, wave, n=9)
    with pytest.raises(ValueError, match=r"`law` must hold at least 2 samples, got 1"):
        rf.potential_energy(x[:1], wave)
    with pytest.raises(TypeError, match=r"`potential` must be a function of points \(n, m\), got"):
        rf.potential_energy(x, 3)
    with pytest.raises(ValueError, match=r"`potential` must return an array of shape \(512,\) for"):
        rf.potential_energy(PLANE, identity, n=512)
    with pytest.raises(ValueError, match=r"`potential\(x\)` must be finite, got"):
        rf.potential_energy(x, lambda y: np.full(len(y), np.inf))
    with pytest.raises(TypeError, match="`law` must be a GaussianMixture, a SampleField or an arr"):
        rf.potential_energy(1.0, wave)


def test_refusals_of_velocities():
    x = [[0.0], [60.0]]
    with pytest.raises(ValueError, match=r"`functional` must be one of .*did you mean 'entropy'"):
        rf.wasserstein_velocity("entrop", LINE, x)
    with pytest.raises(ValueError, match="`alpha` must be given for functional 'renyi', got None"):
        rf.wasserstein_velocity("renyi", LINE, x)
    with pytest.raises(ValueError, match=r"`alpha` must be left out for functional 'entropy', got"):
        rf.wasserstein_velocity("entropy", LINE, x, alpha=2.0)
    with pytest.raises(ValueError, match="`gradient` must be given for functional 'potential'"):
        rf.wasserstein_velocity("potential", LINE, x)
    with pytest.raises(ValueError, match="`gradient` must be left out for functional 'entropy'"):
        rf.wasserstein_velocity("entropy", LINE, x, gradient=identity)
    with pytest.raises(TypeError, match="`law` must be a GaussianMixture, got NoneType"):
        rf.wasserstein_velocity("entropy", None, x)
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\), got \(2, 1\)"):
        rf.wasserstein_velocity("potential", PLANE, x, gradient=identity)
    with pytest.raises(ValueError, match=r"`gradient` must return an array of shape \(3, 2\)"):
        rf.wasserstein_velocity("potential", None, np.ones((3, 2)), gradient=square)
    with pytest.raises(ValueError, match=r"`x` must lie where μ\^\(α − 1\) is representable.*60"):
        rf.wasserstein_velocity("renyi", LINE, x, alpha=0.5)
    assert (rf.wasserstein_velocity("renyi", LINE, x, alpha=2.0)[1] == 0).all()


def test_refusals_of_steps():
    x = [0.0, 1.0, 2.0]
    well = {"potential": lambda y: np.cos(9 * y), "gradient": lambda y: -9 * np.sin(9 * y)}
    with pytest.raises(ValueError, match=r"bounded below, got 'entropy'.*no minimum.*ContinuousD"):
        rf.jko_step(x, 0.1, functional="entropy")
    with pytest.raises(ValueError, match="`functional` must be one of negative_entropy, renyi, po"):
        rf.jko_step(x, 0.1, functional="heat")
    with pytest.raises(ValueError, match="`tau` must be positive, got 0"):
        rf.jko_step(x, 0.0)
    with pytest.raises(ValueError, match="`tol` must be positive, got -1"):
        rf.jko_step(x, 0.1, tol=-1)
    with pytest.raises(ValueError, match=r"`points` must have shape \(n, 1\), got \(3, 2\)"):
        rf.jko_step(np.ones((3, 2)), 0.1)
    with pytest.raises(ValueError, match="must hold at least 2 particles for 'negative_entropy'"):
        rf.jko_step([1.0], 0.1)
    with pytest.raises(ValueError, match="`alpha` must be given for functional 'renyi', got None"):
        rf.jko_step(x, 0.1, functional="renyi")
    with pytest.raises(ValueError, match="`potential` and `gradient` must be given together, got"):
        rf.jko_step(x, 0.1, potential=square)
    with pytest.raises(ValueError, match="`potential` must be given with functional 'potential'"):
        rf.jko_step(x, 0.1, functional="potential")
    with pytest.raises(ValueError, match="`potential` must be given with `hessian`, got None"):
        rf.jko_step(x, 0.1, hessian=np.ones_like)
    with pytest.raises(ValueError, match=r"`tau` must be less than 0\.012.* second derivative fal"):
        rf.jko_step(x, 1.0, functional="potential", **well)
    with pytest.raises(rf.ConvergenceError, match=r"did not converge with tau = 0\.1 .*`gradient`"):
        rf.jko_step(x, 0.1, functional="potential", potential=square, gradient=lambda y: -y - 3)
