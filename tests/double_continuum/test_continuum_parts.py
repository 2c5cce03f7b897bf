"""Parts of double continua: chosen depths, budgets, grids and samples, tied weights, refusals."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.double_continuum.chosen_depths import (
    chebyshev_times,
    choose_times,
    interpolation_error,
)
from ridgeflow.double_continuum.study_cells import velocity_errors
from ridgeflow.double_continuum.velocity import source_of
from ridgeflow.networks.chosen_neurons import matching_pursuit

TANH = rf.activation("tanh")
LAW = rf.GaussianMixture([0.4, 0.6], [[-0.7, 0.2], [0.6, -0.2]], [0.3, 0.35])
T_MAX = rf.ContinuousDAE(LAW).t_max


def rms(v):
    return np.sqrt((v**2).sum(-1).mean())


def standardised_circles():
    datasets = pytest.importorskip("sklearn.datasets")
    points = datasets.make_circles(300, noise=0.05, factor=0.5, random_state=0)[0]
    return (points - points.mean(axis=0)) / points.std(axis=0)


def turn(x):
    return np.column_stack([-x[:, 1], x[:, 0]])


@pytest.fixture(scope="module")
def limit():
    return rf.DoubleContinuum(LAW, TANH, span=(0.0, 0.5 * T_MAX), tol=1e-3)


@pytest.mark.parametrize("share", [0.5, 0.8])
def test_depths_are_chosen_as_few_as_the_tolerance_allows(share):
    source = source_of(LAW, None, None, 1e-3)
    counts = []
    for tol in (1e-2, 1e-4, 1e-6):
        times = choose_times(source, 0.0, share * T_MAX, tol)
        assert times[0] == 0.0 and times[-1] == share * T_MAX and (np.diff(times) > 0).all()
        assert interpolation_error(source, times) <= tol
        counts.append(len(times))
        # In t itself as many Chebyshev points do worse.
        plain = rf.CallableField(rf.ContinuousDAE(LAW).velocity, 2, components=2)
        twin = source_of(plain, source.region, None, 1e-3)
        even = chebyshev_times(0.0, share * T_MAX, len(times))
        assert interpolation_error(twin, even) > 2 * interpolation_error(source, times)
    assert counts[0] < counts[1] < counts[2] < 18  # measured up to 15
    jump = rf.CallableField(lambda x, t: x * np.sign(t - 0.3), 1)
    source = source_of(jump, rf.Region([0.0], 1.0, 1.0), None, 1e-3)
    with pytest.warns(rf.AccuracyWarning, match="33 depths interpolate the field"):
        choose_times(source, 0.0, 1.0, 1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_tolerance_drives_the_flow(name):
    # An easy law on a line; kernel densities of data in the plane: docs/double_continuum.rst.
    law = rf.GaussianMixture([0.4, 0.6], [[-0.7], [0.6]], [0.3, 0.35])
    end = 0.8 * rf.ContinuousDAE(law).t_max
    for tol in (1e-3, 1e-5):
        limit = rf.DoubleContinuum(law, rf.activation(name), span=(0.0, end), tol=tol)
        x = limit.draw(300, rng=0)
        truth = rf.ContinuousDAE(law).flow(x, end, rtol=1e-10, atol=1e-12).points
        found = limit.flow(x, end, rtol=1e-8, atol=1e-10, log_density=False).points
        assert rms(found - truth) / rms(truth - x) < tol  # measured 1e-5, 5e-7 and less
        assert limit.errors.max() < tol and limit.interpolation_error < tol


def test_trajectories_and_densities_on_the_way(limit):
    x = limit.draw(50, rng=0)
    end = 0.5 * T_MAX
    times = np.array([0.2 * end, 0.7 * end])
    found = limit.flow(x, end, times=times)
    assert found.trajectory.shape == (2, 50, 2) and found.trajectory_log_density.shape == (2, 50)
    for t, y in zip(times, found.trajectory, strict=True):
        np.testing.assert_allclose(y, limit.flow(x, t).points, atol=1e-5)  # measured 2e-7
    whole = limit.flow(x, end)
    np.testing.assert_allclose(found.points, whole.points, atol=1e-6)
    np.testing.assert_allclose(found.log_density, whole.log_density, atol=1e-5)


def test_budget_tells_width_from_depth(limit):
    plain = limit.error_budget()
    assert plain.width == 0 and plain.depth == limit.interpolation_error
    coarse = limit.network(2, 300, layers="euler", n_samples=2000, rng=0)
    narrow = limit.network(8, 12, layers="midpoint", n_samples=2000, rng=0)
    first, second = limit.error_budget(coarse), limit.error_budget(narrow)
    assert first.depth > 5 * first.width  # measured 6e-2, 4e-4
    assert second.width > 5 * second.depth  # measured 4e-2, 1e-3
    x = limit.draw(1000, rng=5)
    end = 0.5 * T_MAX
    truth = rf.ContinuousDAE(LAW).flow(x, end).points
    for net, budget in ((coarse, first), (narrow, second)):
        error = rms(net(x) - truth) / rms(truth - x)
        assert 0.3 * budget.total < error < 1.5 * budget.total
    small = rf.DoubleContinuum(
        LAW, TANH, times=[0.0], region=rf.Region([0.0, 0.0], 1.0, 1.5), tol=1e-2
    )
    assert small.error_budget().window > 0.3


def test_tied_weights_are_gradients(limit):
    end = 0.5 * T_MAX
    x = limit.draw(300, rng=0)
    truth = rf.ContinuousDAE(LAW).flow(x, end).points
    net = limit.network(8, 150, layers="euler", weights="tied", n_samples=2000, rng=0)
    for (field,) in net.layers:
        slope = field.gradient(x)
        np.testing.assert_allclose(slope, np.swapaxes(slope, 1, 2), atol=1e-9)
        # One number for each neuron.
        assert np.linalg.matrix_rank(np.stack([field.c[0], field.a[0]])) == 1
    assert rms(net(x) - truth) / rms(truth - x) < 0.04  # measured 0.02, of the eight steps
    free = limit.network(2, 40, neurons="per_layer", n_samples=1000, rng=0)
    assert not np.array_equal(free.layers[0][0].a, free.layers[1][0].a)
    shared = limit.network(2, 40, n_samples=1000, rng=0)
    assert np.array_equal(shared.layers[0][0].a, shared.layers[1][0].a)


def test_layers_fitted_to_the_flow_make_up_for_their_steps(limit):
    x = limit.draw(400, rng=3)
    truth = limit.flow(x, 0.5 * T_MAX, log_density=False).points
    for layers, gain in (("euler", 10), ("midpoint", 1.5)):
        found = {
            aim: rms(limit.network(3, 80, layers=layers, aim=aim, n_samples=2000, rng=0)(x) - truth)
            / rms(truth - x)
            for aim in ("velocity", "flow")
        }
        # measured 5.8e-2 and 6.6e-4; 2.4e-3 and 4.3e-4
        assert found["flow"] < found["velocity"] / gain, (layers, found)
    for options in ({"layers": "rk4"}, {"weights": "importance"}):
        with pytest.raises(ValueError, match=r"`aim` must be 'velocity' for layers='rk4'"):
            limit.network(2, 10, aim="flow", **options)


def test_steps_even_in_the_clock_of_the_law():
    end = 0.8 * T_MAX
    limit = rf.DoubleContinuum(LAW, TANH, span=(0.0, end), tol=1e-2)
    x = limit.draw(400, rng=3)
    truth = rf.ContinuousDAE(LAW).flow(x, end).points
    errors = {}
    for spacing in ("even", "clock"):
        net = limit.network(8, 80, spacing=spacing, n_samples=2000, rng=0)
        assert net.steps.sum() == pytest.approx(end, rel=1e-12)
        errors[spacing] = rms(net(x) - truth) / rms(truth - x)
        edges = np.append(0.0, np.cumsum(net.steps))
        changes = np.diff(edges if spacing == "even" else -np.log1p(-edges / T_MAX))
        np.testing.assert_allclose(changes, changes[0], rtol=1e-9)  # measured 2e-14
    assert errors["clock"] < 0.9 * errors["even"]  # measured 0.047 and 0.056
    # A field without law has no clock but the time itself.
    field = rf.CallableField(lambda y: -y, 2, components=2)
    limit = rf.DoubleContinuum(
        field, TANH, span=(0.0, 1.0), region=rf.Region([0, 0], 1.0, 1.0), tol=1e-2
    )
    np.testing.assert_allclose(limit.network(4, 10, n_samples=500, rng=0).steps, 0.25)
    with pytest.raises(ValueError, match="`spacing` must be one of clock, even, got 'log'"):
        limit.network(2, 10, spacing="log")


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "bound"), [("euler", 1e-2), ("midpoint", 8e-3)])
def test_networks_of_real_shapes_close_to_the_singular_time(layers, bound):
    # measured 8.1e-3 and 6.5e-3; of steps with the exact score 3.6e-2 and 9.0e-4. Fits on draws of
    # the law alone reach 4.6e-3 here, and extrapolate in the tails.
    points = standardised_circles()
    law = rf.kernel_density(points)
    exact = rf.ContinuousDAE(law)
    end = 0.8 * exact.t_max
    limit = rf.DoubleContinuum(law, TANH, span=(0.0, end), tol=1e-3)
    net = limit.network(16, 400, layers=layers, neurons="per_layer", aim="flow", rng=0)
    x = limit.draw(2000, rng=99)
    truth = exact.flow(x, end, log_density=False).points
    errors = np.linalg.norm(net(x) - truth, axis=1) / rms(truth - x)
    assert np.sqrt((errors**2).mean()) < bound
    assert np.quantile(errors, 0.99) < 5e-2  # measured 3.3e-2, 2.3e-2


def test_pursuit_finds_the_columns_that_made_the_target():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(200, 50))
    features[:, 7] = features[:, 3]
    wanted = [3, 11, 42]
    targets = features[:, wanted] @ rng.normal(size=(3, 2))
    products = features.T @ features, features.T @ targets
    found = matching_pursuit(*products, 3)
    assert {3 if j == 7 else int(j) for j in found} == set(wanted)
    # Of twins one is taken, and the count is kept.
    everything = matching_pursuit(*products, 50)
    assert sorted(everything) == list(range(50))
    assert sorted(matching_pursuit(np.zeros((3, 3)), np.zeros((3, 1)), 2)) == [0, 1]
    # What is only rounding comes last, however well it fits.
    tiny = 1e-9 * features[:, 42] @ features, 1e-18
    gram, target = (part.copy() for part in products)
    gram[42], gram[:, 42], gram[42, 42] = tiny[0], tiny[0], tiny[1] * products[0][42, 42]
    assert 42 not in matching_pursuit(gram, target, 49, 1e-12)


def test_fields_on_grids_over_time():
    axis = np.linspace(-3, 3, 97)
    mesh = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1)

    def rate(t):
        return 1 + 0.5 * t**2

    times = [0.0, 0.25, 0.5, 0.75, 1.0]
    grids = [
        rf.GridField(rate(t) * turn(mesh.reshape(-1, 2)).reshape(mesh.shape), (axis, axis))
        for t in times
    ]
    limit = rf.DoubleContinuum(grids, TANH, times=times, tol=1e-3)
    x = np.array([[0.5, 0.0], [0.0, -1.0]])
    angle = 1 + 0.5 / 3
    wanted = np.column_stack(
        [
            np.cos(angle) * x[:, 0] - np.sin(angle) * x[:, 1],
            np.sin(angle) * x[:, 0] + np.cos(angle) * x[:, 1],
        ]
    )
    assert np.abs(limit.flow(x, 1.0).points - wanted).max() < 1e-4  # measured 2e-7
    assert limit.interpolation_error < 1e-3 and limit.law is None
    with pytest.raises(ValueError, match="one depth for each of the 5 grids, got 2"):
        rf.DoubleContinuum(grids, TANH, times=[0.0, 1.0])
    other = rf.GridField(mesh, (axis + 0.1, axis))
    with pytest.raises(ValueError, match="share their axes, got different ones at 1"):
        rf.DoubleContinuum([grids[0], other], TANH, times=[0.0, 1.0])


def test_continuum_of_samples_of_a_field():
    rng = np.random.default_rng(0)
    x, t = rng.uniform(-1, 1, (1500, 2)), rng.uniform(0, 1, 1500)
    v = turn(x) * (1 + t[:, None])
    limit = rf.DoubleContinuum.from_samples(x, v, TANH, width=40, times=t, tol=1e-3, rng=0)
    start = np.array([[0.4, 0.1]])
    angle = 1.5
    wanted = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) @ start[0]
    found = limit.flow(start, float(limit.times[-1]), log_density=False).points[0]
    assert np.abs(found - wanted).max() < 1e-2  # measured 1e-3: the samples span 0.999
    assert limit.error_budget().sampling < 1e-3


def test_a_region_that_is_too_small_names_particles_and_a_cure():
    out = rf.CallableField(lambda x: x, 1)
    limit = rf.DoubleContinuum(
        out, TANH, span=(0.0, 2.0), region=rf.Region([0.0], 2.0, 1.0), tol=1e-3
    )
    x = np.array([[0.1], [1.0], [-1.5], [0.2]])
    message = (
        r"got 2 particle\(s\) \(number 1, 2\) of 4 leaving it, the first about depth 0\.3.* "
        r"\(take Region\(\[0\.0\], 11\.3"
    )
    with pytest.raises(rf.RegionError, match=message):
        limit.flow(x, 2.0)
    cure = rf.DoubleContinuum(
        out, TANH, span=(0.0, 2.0), region=rf.Region([0.0], 11.4, 4.0), tol=1e-3
    )
    np.testing.assert_allclose(cure.flow(x, 2.0).points, x * np.exp(2), rtol=1e-3)
    with pytest.raises(rf.RegionError, match=r"must start in the region .* 1 particle\(s\) \(num"):
        limit.flow([[2.5]], 1.0)


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({}, "one of `times` and `span` must be given, got neither"),
        ({"times": [0.0], "span": (0.0, 0.1)}, "got both"),
        ({"span": (0.0, 0.01, 0.02)}, "`span` must hold two depths, got 3"),
        ({"span": (0.1, 0.0)}, "`span` must increase strictly"),
        ({"span": (0.0, 0.1), "tol": 1.0}, r"`tol` must lie in \(0, 1\)"),
    ],
)
def test_bad_spans(options, match):
    with pytest.raises(ValueError, match=match):
        rf.DoubleContinuum(LAW, TANH, **options)


def test_networks_beyond_memory_are_refused(limit):
    with (
        rf.config(memory_budget=2**22),
        pytest.raises(rf.MemoryBudgetError, match="a network of 1000 rk4 layers of 400 neurons"),
    ):
        limit.network(1000, 400, layers="rk4")
    for options, match in (
        ({"neurons": "own"}, "`neurons` must be one of shared, per_layer"),
        ({"weights": "trained"}, "`weights` must be one of least_squares, tied, importance"),
    ):
        with pytest.raises(ValueError, match=match):
            limit.network(2, 10, **options)


@pytest.mark.slow
def test_double_limit_study_measures_both_rates():
    law = rf.GaussianMixture([0.4, 0.6], [[-0.7], [0.6]], [0.3, 0.35])
    end = 0.5 * rf.ContinuousDAE(law).t_max
    limit = rf.DoubleContinuum(law, TANH, span=(0.0, end), tol=1e-3)
    ways = ["monte_carlo", "quadrature", "least_squares"]
    study = rf.double_limit_study(
        limit, depths=[2, 4], widths=[12, 24], ways=ways, repeats=2, rng=0
    )
    assert -1.1 < study.depth_rate < -0.9  # measured -0.97
    assert study.velocity_errors["least_squares"][1][-1] < 0.01  # measured 1e-5
    assert study.continuum < 1e-3
    assert (study.errors[:, -1] < 1.2 * study.depth_errors).all()
    table = study.table()
    assert "rate in depth (euler): -" in table and len(table.splitlines()) == 7 + 3 * 4
    assert len(study.plot().axes) == 3
    kept = study.to_dict()
    assert kept["widths"] == [12, 24]
    assert set(kept["drawn"]) == {"independent", "shared", "controlled"}
    for measured, predicted in study.drawn.values():
        assert measured.shape == predicted.shape == (2, 2)
        # Two networks of each size: measured .53 to 1.73
        assert (np.abs(np.log(measured / predicted)) < np.log(3)).all()
    # The steps of the limit are those of its networks, whatever their width.
    wide = study.errors[:, -1]
    assert np.abs(wide / study.depth_errors - 1).max() < 1e-3  # measured 2.4e-5
    widths = np.array([256, 1024, 4096])
    rng = np.random.default_rng(0)
    rates = {}
    for way in ("monte_carlo", "sobol"):
        sizes, errors = velocity_errors(limit, way, widths, 12, rng)
        rates[way] = np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    assert -0.7 < rates["monte_carlo"] < -0.3  # measured -0.5
    assert rates["sobol"] < -0.65  # measured -0.8
    for bad, match in (
        ({"depths": [2]}, "at least two increasing"),
        ({"widths": [10, 5]}, "at least two increasing"),
        ({"ways": ["magic"]}, "`ways` must be one of"),
    ):
        with pytest.raises(ValueError, match=match):
            rf.double_limit_study(limit, **bad)


@pytest.mark.parametrize(
    ("options", "error", "match"),
    [
        ({"ways": (w for w in ("sobol",))}, TypeError, "`ways` must be a list or a tuple"),
        ({"ways": "sobol"}, TypeError, r"`ways` must be .*write \['sobol'\]"),
        ({"layers": "eulr"}, ValueError, "`layers` must be one of .*did you mean 'euler'"),
        ({"layers": len}, TypeError, "`layers` must be a string among euler"),
        ({"repeats": 10**9}, ValueError, r"`repeats` must leave at most 1e\+09 .*4.5e\+10 neurons"),
        ({"progress": 3}, TypeError, "`progress` must be True, False or a function .*, got int"),
        ({"depths": [1, 10**12]}, rf.MemoryBudgetError, "a network of 1000000000000 euler layers"),
        ({"widths": [5, 1e300]}, ValueError, "`widths` must hold at least two increasing"),
        ({"continuum": 3}, TypeError, "`continuum` must be a DoubleContinuum, got 3"),
    ],
)
def test_studies_that_mean_nothing_or_never_end_are_refused_at_once(limit, options, error, match):
    given = {"continuum": limit, "depths": [1, 2], "widths": [5, 10], **options}
    with pytest.raises(error, match=match):
        rf.double_limit_study(**given)


def test_chebyshev_times_out_of_reach():
    with pytest.raises(TypeError, match="`start` must be a number, got '0'"):
        chebyshev_times("0", 1.0, 3)
    with pytest.raises(rf.MemoryBudgetError, match="1000000000000 depths"):
        chebyshev_times(0.0, 1.0, 10**12)


@pytest.mark.parametrize("timed", [False, True])
def test_no_point_of_a_field_is_sampled_twice(timed):
    seen = []

    def still(x):
        seen.append(np.concatenate([x, np.zeros((len(x), 1))], axis=1))
        return np.tanh(x) @ np.array([[-1.0, 0.3], [0.2, -0.7]])

    def moving(x, t):
        seen.append(np.concatenate([x, np.full((len(x), 1), t)], axis=1))
        return (1 + t * t) * np.tanh(x) @ np.array([[-1.0, 0.3], [0.2, -0.7]])

    field = rf.CallableField(moving if timed else still, 2, components=2)
    limit = rf.DoubleContinuum(
        field, "tanh", span=(0.0, 0.3), region=rf.Region([0.0, 0.0], 1.5, 1.5), tol=1e-3
    )
    assert len(limit.times) == (3 if timed else 2)
    seen = np.concatenate(seen)
    assert len(np.unique(seen, axis=0)) == len(seen)
