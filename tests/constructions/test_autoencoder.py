"""Autoencoders through a bottleneck: what comes back, what must be lost, and the bounds on both."""

import math

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.constructions import BottleneckAutoencoder, Chart
from ridgeflow.constructions.charts import torus_chart
from ridgeflow.constructions.ridge_maps import (
    KernelMap,
    broken_line,
    fit_kernel_map,
    gaussian_ridge,
    relu_network,
)


def circle(t):
    return np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)


def linked(t):
    return np.stack([1 - np.cos(t), 0 * t, np.sin(t)], axis=1)


def plane_circle(t):
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def trefoil(t):
    return np.stack(
        [np.sin(t) + 2 * np.sin(2 * t), np.cos(t) - 2 * np.cos(2 * t), -np.sin(3 * t)], axis=1
    )


# The integral representation


@pytest.mark.parametrize("dim", [2, 3, 4, 5, 6])
def test_ridge_profile_averages_to_a_gaussian(dim):
    node, weight = np.polynomial.legendre.leggauss(200)
    angle = 0.5 * math.pi * (node + 1)
    law = weight * np.sin(angle) ** (dim - 2)
    for radius in (0.0, 0.7, 2.0, 5.0):
        mean = law @ gaussian_ridge(radius * np.cos(angle), dim) / law.sum()
        assert mean == pytest.approx(math.exp(-0.5 * radius**2), abs=1e-13)  # measured 8e-16


@pytest.mark.parametrize(("dim", "n_directions", "bound"), [(2, 60, 2e-4), (3, 500, 2e-4)])
def test_network_of_a_kernel_map(dim, n_directions, bound):
    rng = np.random.default_rng(0)
    centers = rng.uniform(-1, 1, size=(20, dim))
    kernel = KernelMap(
        centers, rng.normal(size=(20, 2)), 0.4, rng.normal(size=(dim, 2)), rng.normal(size=2)
    )
    x = rng.uniform(-1, 1, size=(300, dim))
    errors = []
    for knots in (65, 129, 257):
        net = relu_network(kernel, centers, n_directions, knots)
        assert net.width <= n_directions * knots
        inside = np.linalg.norm(x, axis=1) < 1
        errors.append(np.abs(net(x[inside]) - kernel(x[inside])).max())
    assert errors[2] < bound  # measured 8e-5, 4e-5
    assert errors[2] < 0.25 * errors[0]


def test_kernel_fit_is_exact_on_affine_maps():
    rng = np.random.default_rng(1)
    x = rng.normal(size=(60, 2))
    values = x @ [[1.0], [-2.0]] + 3
    kernel = fit_kernel_map(x, values, x[:20], 0.5, 1e-8)
    assert np.abs(kernel.weights).max() < 1e-7  # measured 2e-14
    assert kernel(x) == pytest.approx(values, abs=1e-10)


def test_broken_line_goes_through_its_values():
    knots = np.array([-1.0, 0.0, 0.5, 2.0])
    values = np.random.default_rng(2).normal(size=(4, 3))
    net = broken_line(knots, values)
    assert net(knots[:, None]) == pytest.approx(values, abs=1e-13)
    between = 0.5 * (knots[1:] + knots[:-1])
    assert net(between[:, None]) == pytest.approx(0.5 * (values[1:] + values[:-1]), abs=1e-13)


# Two linked circles


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "bound"), [("shallow", 5e-3), ("flow", 2e-3)])
def test_linked_circles(kind, bound):
    model = BottleneckAutoencoder.from_curves([circle, linked], 0.4, kind=kind)
    report = model.report(0.05)
    # measured 4.4e-4 (shallow), 2.7e-5 (flow)
    assert report.sup_kept < bound
    assert report.removed == pytest.approx(0.4 / math.pi, rel=1e-6)
    for part in report.components:
        assert part.sup >= 1  # topology; measured 1.97 and more
        assert part.bound == pytest.approx(1, abs=1e-5) and part.reach == pytest.approx(1, abs=1e-6)
        assert part.bad >= part.bad_bound > 0
        bound = 2 * (part.bound - 0.05) / (1 + part.lipschitz) / (2 * math.pi)
        assert part.bad_bound == pytest.approx(bound, rel=1e-6)
        assert part.measure == pytest.approx(2 * math.pi, rel=1e-6)
        assert part.removed == pytest.approx(0.4 / math.pi, rel=1e-6)
        assert part.holds
    budget = report.decoder_error + report.lipschitz_decoder * report.encoder_error
    assert report.budget == pytest.approx(budget)
    assert report.sup_kept <= report.budget < 1e-3  # measured 4.5e-4, 7.6e-5
    assert report.holds
    assert report.rms_kept < report.sup_kept < report.rms < report.sup
    (low, high), (first, last) = model.latent_ranges[:, 0]
    assert max(low, first) > min(high, last), "pieces are told apart"
    # Points of my own choice, off the samples of the report.
    t = 0.4 + (2 * math.pi - 0.8) * np.random.default_rng(3).uniform(size=300)
    middle = np.arctan2(*model.charts[0](np.zeros((1, 1)))[0, 1::-1])
    x = circle(t + middle - math.pi)
    assert np.linalg.norm(model(x) - x, axis=1).max() < 1.05 * report.sup_kept
    assert "forced" in report.table() and "curve 1" in report.table()
    assert kind in repr(model)


def test_no_latent_map_beats_the_bound():
    # Any continuous pair loses a radius somewhere on the circle: networks that are off by much,
    # and the best that there is with a decoder that is constant.
    model = BottleneckAutoencoder.from_curves([plane_circle], 2.5, n_directions=32, n_knots=33)
    found = model.report(0.1)
    assert found.components[0].sup > 1  # measured 1.9
    assert found.holds


def test_smaller_gaps_cost_slope():
    slopes, bad = [], []
    for gap in (0.6, 0.3, 0.15):
        report = BottleneckAutoencoder.from_curves([plane_circle], gap).report(0.1)
        assert report.holds
        slopes.append(report.components[0].lipschitz)
        bad.append(report.bad)
    # measured 11, 23, 42 and 0.13, 0.066, 0.036
    assert slopes[0] < 0.7 * slopes[1] < 0.49 * slopes[2]
    assert bad[0] > bad[1] > bad[2] > 0


# Options


def test_point_clouds_and_precision():
    t = np.linspace(0, 2 * np.pi, 80, endpoint=False)
    ring = plane_circle(t)
    model = BottleneckAutoencoder.from_curves([ring], gap=0.4)
    assert model.encode(ring).shape == (80, 1)
    assert model.decode(model.encode(ring)).shape == (80, 2)
    assert model.decode(model.encode(ring)[:, 0]).shape == (80, 2)
    single = ring.astype(np.float32)
    assert model.encode(single).dtype == model(single).dtype == np.float32
    assert model(single) == pytest.approx(model(ring), abs=2e-6)  # measured 1e-7
    report = model.report(0.05)
    assert report.sup_kept < 2e-3  # measured 3.5e-4
    # The same curve, shuffled, as one cloud.
    again = BottleneckAutoencoder.from_curves(np.random.default_rng(4).permutation(ring), gap=0.4)
    assert again.report(0.05).sup_kept < 2e-3


def test_exceptional_set_by_measure_and_away_from_points():
    wanted = plane_circle(np.linspace(-1.0, 1.0, 9))
    model = BottleneckAutoencoder.from_curves([plane_circle], measure=0.2, avoid=wanted)
    assert model.gap == pytest.approx(0.2 * math.pi)
    report = model.report(0.05)
    assert report.removed == pytest.approx(0.2, rel=1e-9)
    assert np.linalg.norm(model(wanted) - wanted, axis=1).max() < 2e-3  # measured 2e-4
    chosen = BottleneckAutoencoder.from_curves([plane_circle], 0.3, centers=[0.0])
    assert np.linalg.norm(chosen(wanted[4:5]) - wanted[4:5]) > 0.5
    with pytest.raises(ValueError, match=r"`gap` must leave room between the points to avoid"):
        BottleneckAutoencoder.from_curves(
            [plane_circle], 0.5, avoid=plane_circle(np.linspace(0, 6.28, 20))
        )


def test_latent_ranges_are_kept():
    ranges = [[0.0, 1.0], [2.0, 4.0]]
    far = lambda t: plane_circle(t) + np.array([4.0, 0.0])  # noqa: E731
    model = BottleneckAutoencoder.from_curves([plane_circle, far], 0.5, latent_ranges=ranges)
    assert model.latent_ranges[:, 0] == pytest.approx(np.array(ranges), abs=1e-9)
    report = model.report(0.1)
    assert report.sup_kept < 5e-3 and report.holds  # measured 5e-4


def test_curves_in_four_dimensions():
    def torus_knot(t):
        return np.stack([np.cos(t), np.sin(t), np.cos(2 * t), np.sin(2 * t)], axis=1)

    model = BottleneckAutoencoder.from_curves([torus_knot], 0.5, kind="flow", centers=[0.0])
    x = torus_knot(np.linspace(0, 2 * math.pi, 401)[33:-33])
    assert np.linalg.norm(model(x) - x, axis=1).max() < 1e-3  # measured 3e-6
    assert model.charts[0].bound > 0.99


# Surfaces


def test_sphere_by_a_flow():
    model = BottleneckAutoencoder.from_sphere(1.0, 0.8, kind="flow", width=200)
    assert model.latent_dim == 2 and model.latent_ranges.shape == (1, 2, 2)
    x = np.random.default_rng(6).normal(size=(500, 3))
    x /= np.linalg.norm(x, axis=1)[:, None]
    error = np.linalg.norm(model(x) - x, axis=1)
    kept = np.arccos(x[:, 2]) > 0.8
    assert error[kept].max() < 1e-3  # measured 3e-6
    area = model.charts[0].samples(0.8, 41, 20)
    assert area.weights.sum() == pytest.approx(4 * math.pi, rel=2e-3)
    assert area.weights[~area.kept].sum() == pytest.approx(
        2 * math.pi * (1 - math.cos(0.8)), rel=2e-2
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shallow", "flow"])
def test_sphere_and_torus(kind):
    sphere = BottleneckAutoencoder.from_sphere(1.0, 0.4, kind=kind).report(0.1)
    torus = BottleneckAutoencoder.from_torus(2.0, 1.0, 0.6, kind=kind).report(0.1)
    # measured: shallow 1.8e-2, 2.4e-2; flow 8e-7, 2e-5
    bound = 5e-2 if kind == "shallow" else 1e-3
    for report in (sphere, torus):
        assert report.sup_kept < bound and report.sup >= 1 and report.holds
    # The band round the tube is cut at its outside, where it is longest.
    kept = (1 - 0.6 / math.pi) * (2 * (2 * math.pi - 1.2) - 2 * math.sin(0.6)) / (4 * math.pi)
    assert torus.removed == pytest.approx(1 - kept, abs=1e-2)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["shallow", "flow"])
def test_trefoil(kind):
    report = BottleneckAutoencoder.from_curves([trefoil], 0.4, kind=kind).report(0.1)
    assert report.sup_kept < 2e-3  # measured 4e-4, 9e-5
    assert report.holds and report.components[0].sup >= 1


def test_charts_of_ones_own():
    chart = Chart(lambda z: plane_circle(z[:, 0]), math.pi, filling_radius=1.0, name="mine")
    model = BottleneckAutoencoder.from_charts([chart], 0.5)
    report = model.report(0.1)
    assert report.components[0].name == "mine" and math.isnan(report.components[0].reach)
    assert report.sup_kept < 5e-3 and report.holds  # measured 3e-4
    # The flow of the chart agrees with small steps of its field.
    for shape, widths in (("box", [1.0, 2.0]), ("ball", [1.5, 1.5])):
        disc = Chart(lambda z: z, widths, shape)
        z = np.random.default_rng(5).uniform(-0.9, 0.9, size=(20, 2))
        moved, h = z, 1e-3
        for _ in range(500):
            moved = moved + h * disc.inward(moved + 0.5 * h * disc.inward(moved))
        assert disc.flowed(z, 0.5) == pytest.approx(moved, abs=1e-6)  # measured 1e-8


# Refusals


def figure_eight(t):
    return np.stack([np.sin(t), np.sin(2 * t)], axis=1)


ARC = plane_circle(np.linspace(0, 4.0, 60))
TWO = np.array([2.0, 0.0])
RING = plane_circle(np.linspace(0, 2 * np.pi, 60, endpoint=False))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda b: b.from_curves([plane_circle], 0.0), r"`gap` must lie in \(0, pi\), got 0"),
        (lambda b: b.from_curves([plane_circle], 3.2), r"`gap` must lie in \(0, pi\), got 3.2"),
        (lambda b: b.from_curves([plane_circle], math.nan), "`gap` must be finite"),
        (lambda b: b.from_curves([plane_circle]), "one of `gap` and `measure` must be given"),
        (lambda b: b.from_curves([plane_circle], measure=1.0), r"`measure` must lie in \(0, 1\)"),
        (lambda b: b.from_curves([ARC], 0.4), r"`curves\[0\]` must be closed, got points 1.8"),
        (lambda b: b.from_curves([lambda t: plane_circle(0.9 * t)], 0.4), "must be closed, got en"),
        (lambda b: b.from_curves([figure_eight], 0.4), r"`curves\[0\]` must not meet itself, got"),
        (
            lambda b: b.from_curves([plane_circle, lambda t: plane_circle(t) + TWO], 0.4),
            "`curves` must not touch each other, got curves 0 and 1 at a distance of",
        ),
        (lambda b: b.from_curves([plane_circle, circle], 0.4), "`curves` must lie in one space"),
        (lambda b: b.from_curves([], 0.4), "`curves` must hold at least one curve, got none"),
        (lambda b: b.from_curves([RING[:5]], 0.4), "must hold at least 8 points"),
        (lambda b: b.from_curves([RING[[0, *range(60)]]], 0.4), "must hold distinct points"),
        (
            lambda b: b.from_curves([lambda t: plane_circle(t)[:9]], 0.4),
            "must return one point per angle",
        ),
        (
            lambda b: b.from_curves(
                [lambda t: np.stack([np.cos(t) ** 3, np.sin(t) ** 3], axis=1)], 0.4
            ),
            "must not stop, got a speed of",
        ),
        (lambda b: b.from_curves([RING], 0.4, order="best"), "`order` must be one of auto, given"),
        (lambda b: b.from_curves([RING], 0.4, smoothing=-1.0), "`smoothing` must not be negative"),
        (lambda b: b.from_curves([RING], 0.4, centers=[0.0, 1.0]), "`centers` must hold one angle"),
        (lambda b: b.from_curves([RING], 0.4, kind="deep"), "`kind` must be one of shallow, flow"),
        (
            lambda b: b.from_curves([RING], 0.4, kind="flow", end=3.0),
            r"`end` must lie in \(0, pi - gap\), here \(0, 2.742\), got 3",
        ),
        (
            lambda b: b.from_curves([RING], 0.4, kind="flow", depth=(3,)),
            "`depth` must hold two numbers of layers, got 1",
        ),
        (
            lambda b: b.from_curves([RING, RING + 2 * TWO], 0.4, latent_ranges=[[0, 2], [1, 3]]),
            "`latent_ranges` must be disjoint increasing intervals",
        ),
        (
            lambda b: b.from_curves([RING], 0.4, latent_ranges=[[0, 1], [2, 3]]),
            r"`latent_ranges` must have shape \(1, 2\)",
        ),
        (
            lambda b: b.from_curves([RING], 0.4, kind="flow", latent_ranges=[[0, 1]]),
            "`latent_ranges` must be left out for kind='flow'",
        ),
        (lambda b: b.from_charts([], 0.4), "`charts` must hold at least one chart"),
        (
            lambda b: b.from_charts([Chart(lambda z: z, [1.0, 1.0])], 0.4, latent_dim=1),
            r"must have the dimension of the bottleneck, 1, got 2 \(more dimensions than pass",
        ),
        (
            lambda b: b.from_charts([Chart(lambda z: z, 1.0)], 0.4),
            "the bottleneck must be narrower than the space, got 1 dimensions for 1",
        ),
        (
            lambda b: b.from_charts([Chart(lambda z: np.ones((3, 2)), 1.0)], 0.4),
            "`embed` must return one point per row",
        ),
        (lambda b: b.from_sphere(-1.0), "`radius` must be positive"),
        (lambda b: b.from_sphere(hole=(0.0, 0.0, 0.0)), "`hole` must not vanish"),
        (lambda b: b.from_sphere(center=(0.0, 0.0)), r"`center` must have shape \(3,\)"),
        (lambda b: b.from_torus(1.0, 2.0), "`major` must exceed `minor`, got 1 and 2"),
        (lambda b: b.from_torus(cut=(0.0,)), r"`cut` must have shape \(2,\)"),
        (lambda b: Chart(lambda z: z, -1.0), "`half_widths` must be positive"),
        (lambda b: Chart(lambda z: z, 1.0, "disc"), "`shape` must be one of box, ball"),
        (lambda b: Chart(lambda z: z, [1.0, 2.0], "ball"), "a ball must have dimension at most 2"),
        (lambda b: Chart(lambda z: z, 1.0, reach=0.0), "`reach` must be positive"),
    ],
)
def test_refusals_name_what_fails(call, message):
    with pytest.raises(ValueError, match=message):
        call(BottleneckAutoencoder)


def test_wrong_kinds_of_things():
    with pytest.raises(TypeError, match="`curves` must be a sequence of functions"):
        BottleneckAutoencoder.from_curves(3.0, 0.4)
    with pytest.raises(TypeError, match=r"`charts\[0\]` must be a Chart, got str"):
        BottleneckAutoencoder.from_charts(["circle"], 0.4)
    with pytest.raises(TypeError, match="`embed` must be callable, got float"):
        Chart(1.0, 1.0)
    model = BottleneckAutoencoder.from_curves([RING], gap=0.4)
    for eps in (0.0, -1.0, math.inf):
        with pytest.raises(ValueError, match="`eps` must be"):
            model.report(eps)
    with pytest.raises(ValueError, match=r"`eps` must be less than the size of the comp.*, 2\.8"):
        model.report(3.0)
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\)"):
        model.encode(np.zeros((3, 3)))
    with pytest.raises(ValueError, match=r"`z` must have shape \(n, 1\)"):
        model.decode(np.zeros((3, 2)))
    with pytest.raises(rf.MemoryBudgetError, match=r"an encoder of .*widen the gap"):
        BottleneckAutoencoder.from_curves([circle], 0.4, n_directions=10**6, n_knots=10**4)


# Figures


def test_figures_of_curves_and_of_the_flow(tmp_path):
    pytest.importorskip("matplotlib")
    model = BottleneckAutoencoder.from_curves(
        [circle], 0.8, kind="flow", width=100, depth=(8, 4), end=0.8
    )
    figure = rf.plotting.bottleneck_curves(model, eps=0.05, title="one circle")
    assert [axes.get_title() for axes in figure.axes] == ["one circle", ""]
    assert len(rf.plotting.bottleneck_flow(model, panels=3).axes) == 3
    figure.savefig(tmp_path / "figure.png")
    flat = BottleneckAutoencoder.from_curves([RING], 0.8, n_directions=32, n_knots=65)
    rf.plotting.bottleneck_curves(flat)
    with pytest.raises(ValueError, match="`model` must have kind='flow', got 'shallow'"):
        rf.plotting.bottleneck_flow(flat)
    with pytest.raises(ValueError, match="`panels` must be at least 2, got 1"):
        rf.plotting.bottleneck_flow(model, panels=1)
    chart = Chart(lambda z: np.column_stack([np.cos(z), np.sin(z), z * 0, z * 0]), math.pi)
    four = BottleneckAutoencoder.from_charts([chart], 0.8, n_directions=64, n_knots=33)
    with pytest.raises(ValueError, match="must hold curves in two or three dimensions, got dimen"):
        rf.plotting.bottleneck_curves(four)


def test_torus_charts_run_along_both_circles():
    rng = np.random.default_rng(0)
    centre, cut = np.array([0.3, -0.2, 0.5]), np.array([0.4, 1.1])
    z = rng.uniform(-np.pi, np.pi, size=(50, 2)) * [2.0, 0.7]
    x = torus_chart(2.0, 0.7, centre, cut)(z) - centre
    angle = z / [2.0, 0.7] + cut + np.pi
    # The distance to the axis and the turn about it, as one complex number.
    about = np.exp(1j * angle[:, 0]) * (2 + 0.7 * np.cos(angle[:, 1]))
    assert np.abs(x[:, 0] + 1j * x[:, 1] - about).max() < 1e-14
    assert np.abs(x[:, 2] - 0.7 * np.sin(angle[:, 1])).max() < 1e-14


# Where lost points go


def ball(model):
    """Middle and radius of the ball about the components."""
    points = np.concatenate([chart.samples(model.gap, 41, 21).points for chart in model.charts])
    middle = 0.5 * (points.max(0) + points.min(0))
    return middle, np.linalg.norm(points - middle, axis=1).max()


def one_piece(kind):
    return BottleneckAutoencoder.from_curves([trefoil], 0.3, kind=kind)


def two_pieces(kind):
    return BottleneckAutoencoder.from_curves([circle, linked], 0.4, kind=kind)


def torus(kind):
    return BottleneckAutoencoder.from_torus(gap=0.6, kind=kind, width=200, depth=(16, 8))


@pytest.mark.parametrize(
    ("make", "kind"),
    [
        (two_pieces, "shallow"),
        (two_pieces, "flow"),
        pytest.param(one_piece, "shallow", marks=pytest.mark.slow),
        pytest.param(one_piece, "flow", marks=pytest.mark.slow),
        pytest.param(torus, "shallow", marks=pytest.mark.slow),
        pytest.param(torus, "flow", marks=pytest.mark.slow),
    ],
)
def test_no_decoded_point_leaves_the_ball_of_the_data(make, kind):
    model = make(kind)
    middle, radius = ball(model)
    k = model.latent_dim
    low, high = model.latent_ranges[..., 0].min(0), model.latent_ranges[..., 1].max(0)
    z = low + (high - low) * np.random.default_rng(0).uniform(-1, 2, size=(1500, k))
    far = np.concatenate([z, [[1e6] * k, [-1e6] * k]])
    x = middle + radius * np.random.default_rng(1).normal(size=(200, model.dim))
    for decoded in (model.decode(far), model(x)):
        # measured 1.000 and less; at latent points as they come up to 1e4
        assert np.linalg.norm(decoded - middle, axis=1).max() < 1.01 * radius
    # It has no jumps: between the pieces it leads from the one to the other.
    line = np.linspace(low - 0.2, high + 0.2, 4001)
    step = np.linalg.norm(np.diff(model.decode(line), axis=0), axis=1).max()
    assert step < 0.1 * radius  # measured 0.012


@pytest.mark.parametrize("make", [two_pieces, pytest.param(one_piece, marks=pytest.mark.slow)])
def test_kept_points_are_decoded_as_by_the_inverse_flow(make):
    model = make("flow")
    for chart in model.charts:
        grid = chart.samples(model.gap, 300, 60)
        z = model.encode(grid.points[grid.kept])
        plain = model._maps._back(z)
        assert np.array_equal(model.decode(z), plain)
    report = model.report(0.05)
    assert report.farthest < 1.01  # measured 1.000
    # Some of what is removed leads beyond all pieces, and nothing that is kept.
    assert 0.5 * report.removed < report.clipped <= report.removed  # measured 0.93, 0.91
    assert "radii of the middle" in report.table()


def test_the_decoder_of_a_line_is_constant_beyond_its_ends():
    model = two_pieces("shallow")
    high = model.latent_ranges.max()
    values = model.decoder(np.array([[high + 1.0], [high + 2.0], [high + 1e3]]))
    assert np.abs(values - values[0]).max() < 1e-9  # measured 2e-13
    # Just beyond the range it follows the curve.
    last = model.charts[int(model.latent_ranges[:, 0, 1].argmax())]
    edge = model.decode(np.array([[high + 0.02]]))
    t = np.linspace(last.kept(model.gap), last.half_widths, 1000)
    assert np.linalg.norm(last(t) - edge, axis=1).min() < 1e-3  # measured 3e-5
    z = np.linspace(-9, 9, 101)[:, None]
    assert np.array_equal(model.decode(z), model.decoder(z))
