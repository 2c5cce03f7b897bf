"""Constructions in any unit of length, and what they refuse."""

import math

import numpy as np
import pytest
from scipy.optimize import OptimizeResult

import ridgeflow as rf
from ridgeflow import constructions as c
from ridgeflow.constructions import Chart
from ridgeflow.constructions.classifier import TruncationClassifier

LABELS = np.repeat([0, 1, 2], 12)
X = np.eye(3)[LABELS] + 0.02 * np.random.default_rng(0).normal(size=(36, 3))
Y = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
RING = np.stack([f(2 * math.pi * np.arange(60) / 60) for f in (np.cos, np.sin)], axis=1)
UNITS = [1e-300, 1e-150, 1e-5, 3.0, 1e5, 1e150, 1e300]


@pytest.mark.parametrize("unit", UNITS)
def test_minimisers_have_the_unit_of_the_points(unit):
    for build, y in ((c.clustered_minimizer, np.eye(3)), (c.separable_minimizer, Y)):
        one = build(X, LABELS, y, depth=4)
        other = build(unit * X, LABELS, y, depth=4)
        assert np.allclose(other.points, unit * one.points, rtol=1e-9, atol=0)
        assert np.allclose(other.margins, unit * one.margins, rtol=1e-9, atol=0)
        assert np.allclose(other(unit * X), one(X), rtol=0, atol=1e-11)  # measured 3e-13
        assert other.cost(unit * X, LABELS) < 1e-11
        assert np.array_equal(other.classify(unit * X), LABELS)
        sizes = one.diameters(X, LABELS)
        assert np.allclose(other.diameters(unit * X, LABELS), unit * sizes, rtol=1e-7, atol=0)
        ratios = one.noise_to_signal(X, LABELS)
        assert np.allclose(other.noise_to_signal(unit * X, LABELS), ratios, rtol=1e-7, atol=1e-9)
    offsets = np.linalg.norm(one.points - X.reshape(3, 12, 3).mean(1), axis=1)
    fixed = c.clustered_minimizer(X, LABELS, np.eye(3), 3).intervals.mean(1)
    assert offsets.shape == fixed.shape
    given = c.clustered_minimizer(unit * X, LABELS, np.eye(3), 3, offsets=unit * fixed)
    assert np.allclose(given.intervals.mean(1), unit * fixed, rtol=1e-9)


@pytest.mark.parametrize("unit", [1e-150, 1e-5, 1e5, 1e100])
def test_configurations_have_the_unit_of_the_points(unit):
    one = c.configurations(X, LABELS, np.eye(3))
    other = c.configurations(unit * X, LABELS, np.eye(3))
    for a, b in zip(one, other):
        assert (a.truncated, a.kind) == (b.truncated, b.kind)
        assert b.affine == pytest.approx(a.affine, rel=1e-8, abs=1e-20)
        assert b.tied == pytest.approx(a.tied, rel=1e-8, abs=1e-20)


@pytest.mark.parametrize("unit", [1e-300, 1e-5, 1e5, 1e300])
def test_separations_have_the_unit_of_the_points(unit):
    one, other = c.sequential_separation(X, LABELS), c.sequential_separation(unit * X, LABELS)
    assert other.order == one.order
    assert np.allclose(other.normals, one.normals, atol=1e-9)
    assert np.allclose(other.levels, unit * one.levels, rtol=1e-8)
    assert np.allclose(other.margins, unit * one.margins, rtol=1e-8)
    model = TruncationClassifier().fit(unit * X, LABELS)
    assert np.array_equal(model.predict(unit * X), LABELS)


def test_far_queries_go_to_the_class_that_their_direction_shows():
    net = c.clustered_minimizer(X, LABELS, np.eye(3), 3)
    far = 1e200 * X[::12]
    assert np.array_equal(net.classify(far), net.classify(1e20 * X[::12]))


def test_cone_layers_take_axes_of_any_length():
    for size in UNITS:
        W, b = c.cone_layer([1.0, 1.0], [size, 0.0], 2.0)
        assert np.allclose(W, c.cone_layer([1.0, 1.0], [1.0, 0.0], 2.0)[0], atol=1e-15)
        assert np.isfinite(b).all()


def test_labels_are_of_one_kind():
    for labels in ([0, "a", 1], ["a", None, "b"], [{}, 1, 2], np.array([0, "a", 1], object)):
        with pytest.raises(TypeError, match="`labels` must be all numbers or all text"):
            c.sequential_separation(X[:3], labels)
    with pytest.raises(ValueError, match="`labels` must have no masked entries"):
        c.sequential_separation(X, np.ma.array(LABELS, mask=LABELS == 1))
    with pytest.raises(TypeError, match="`labels` must be numbers or text, got dtype complex128"):
        c.sequential_separation(X, LABELS + 0j)
    for labels in (LABELS.tolist(), tuple(LABELS), LABELS.astype(str), LABELS.astype(object)):
        assert c.sequential_separation(X, labels).order == c.sequential_separation(X, LABELS).order


def test_labels_of_another_data_set_are_not_read_as_neighbours():
    model = TruncationClassifier().fit(X, LABELS)
    # Sorted positions would make 1.5 a 2.
    with pytest.raises(
        ValueError, match=r"`y` must name the classes \[0, 1, 2\], got \[0.0, 1.0, 1.5"
    ):
        model.noise_to_signal(X, np.where(LABELS == 2, 1.5, LABELS))
    with pytest.raises(ValueError, match="`y` must name the classes"):
        model.noise_to_signal(X, LABELS + 1)


@pytest.mark.parametrize("status", [1, 3, 4])
def test_unsolved_linear_programs_are_errors(monkeypatch, status):
    def fails(*args, **options):
        return OptimizeResult(status=status, message="the solver gave up", x=None)

    for user in ("separation", "classifier"):
        monkeypatch.setattr(f"ridgeflow.constructions.{user}.linprog", fails)
    with pytest.raises(rf.ConvergenceError, match="the solver gave up"):
        c.sequential_separation(X, LABELS)
    with pytest.raises(rf.ConvergenceError, match="the solver gave up"):
        TruncationClassifier().fit(np.random.default_rng(1).normal(size=(36, 3)), LABELS)


def test_a_step_down_is_a_number():
    configuration = c.configurations(X, LABELS, np.eye(3))[1]
    start = configuration.descend(0.0)
    assert configuration.descend(1e-6) < start
    assert configuration.descend(np.float32(0.5)) == configuration.descend(0.5)
    for step in (math.nan, math.inf, "1", True, None, [1.0], 10**400):
        with pytest.raises((ValueError, TypeError), match="`step` must be"):
            configuration.descend(step)
    with pytest.raises(ValueError, match="`step` must be small enough"):
        configuration.descend(1e150)


CIRCLE = Chart(lambda z: np.concatenate([np.cos(z), np.sin(z)], axis=1), np.pi, name="ring")
DISC = Chart(lambda z: np.concatenate([z, z[:, :1] * 0], axis=1), [2.0, 2.0], "ball")


def test_charts_flow_back_to_the_cut():
    z = np.array([[0.0], [1e-3], [-2.0]])
    assert np.allclose(CIRCLE.flowed(z, -1e300), [[0.0], [np.pi], [-np.pi]], atol=1e-15)
    assert np.allclose(CIRCLE.flowed(z, 1e300), 0)
    flat = np.array([[0.0, 0.0], [0.6, -0.8]])
    assert np.allclose(DISC.flowed(flat, -1e3), [[0, 0], [1.2, -1.6]])
    assert CIRCLE.inward([[1.0]]).shape == (1, 1)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: c.cumulative_parameters(iter([]), []), "`weights` must be a list or a tuple"),
        (lambda: c.layer_parameters([np.eye(2)], 3.0), "`biases` must be a list or a tuple"),
        (lambda: c.truncation_map(np.eye(2), [0.0, 0.0], None), "`x` must be numeric"),
        (lambda: c.truncation_map(1e200 * np.eye(2), [0, 0], [[1e200, 0]]), "`x` must be small"),
        (lambda: c.entropy_rate(1e200 * np.eye(2), [0, 0], [[1e200, 0]]), "`x` must be small"),
        (lambda: c.cone_layer([1.7e308, 1.7e308], [1.0, 0.0], 1.0), "`p` must be small enough"),
        (lambda: c.clustered_minimizer(X, LABELS, np.eye(3), 10**12), "layers of width 3 needs"),
        (lambda: c.separable_minimizer(X, LABELS, Y, depth=10**12), "layers of width 3 needs"),
        (lambda: c.configurations(X, LABELS, np.eye(3), depth=10**9), "layers of width 3 needs"),
        (lambda: c.clustered_minimizer(X, LABELS, np.eye(3), 3, widths=5), "`widths` must be a l"),
        (lambda: c.clustered_minimizer(X, LABELS, None, 3), "`Y` must be numeric"),
        (lambda: c.configurations(X, LABELS, 1e300 * np.eye(3)), "`Y` must be small enough"),
        (lambda: CIRCLE([[math.nan]]), "`z` must be finite"),
        (lambda: CIRCLE.push([[0.0]], [[1.0], [2.0]]), "`velocity`"),
        (lambda: CIRCLE.flowed([[0.0]], math.nan), "`time` must be finite"),
        (lambda: CIRCLE.kept(4.0), r"`gap` must lie in \[0, pi\)"),
        (lambda: CIRCLE.samples(0.4, 1, 8), "`kept` must be at least 2"),
        (lambda: CIRCLE.samples(0.4, 8, 10**9), "a grid of 8 and 1000000000 nodes"),
        (lambda: Chart(lambda: 0, 1.0), "`embed` must take one array"),
        (lambda: Chart(np.cos, 1.0, name=3), "`name` must be text"),
        (lambda: build([dict], 0.4), r"`curves\[0\]`"),
        (lambda: build([lambda: 0], 0.4), r"`curves\[0\]` must take one array"),
        (lambda: build([1e300 * RING], 0.4), r"`curves\[0\]` must have a size between"),
        (lambda: build([RING], 0.4, smoothing=1e300), "`smoothing` must be less than the size"),
        (lambda: build([RING], 1e-16), "`gap` must leave the ends of each cut apart"),
        (lambda: build([RING], 0.4, rng=-1), "`rng` must be a seed"),
        (lambda: build([RING], 0.4, n_knots="many", kind="flow"), "`n_knots` must be an integer"),
        (lambda: build([RING], 0.4, depth=3, kind="flow"), "`depth` must be a list"),
        (lambda: build([RING], 0.4, width=10**9, kind="flow"), "fields of 1000000000 neurons"),
        (lambda: charts([CIRCLE, CIRCLE], 0.4), "`charts` must lead to components that do not"),
        (lambda: charts(iter([CIRCLE]), 0.4), "`charts` must be a list or a tuple"),
        (
            lambda: c.BottleneckAutoencoder.from_sphere(1e300, 0.4),
            "`radius` must have a size between",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises((ValueError, TypeError, rf.MemoryBudgetError), match=message):
        call()


def build(curves, gap, **options):
    return c.BottleneckAutoencoder.from_curves(curves, gap, **options)


def charts(given, gap):
    return c.BottleneckAutoencoder.from_charts(given, gap)


@pytest.mark.parametrize("unit", [1e-90, 1e90])
def test_autoencoders_have_the_unit_of_the_curves(unit):
    model, other = build([RING], 0.4), build([unit * RING], 0.4)
    codes = model.encode(RING)
    assert np.allclose(other.encode(unit * RING) / unit, codes, atol=1e-7)
    assert np.allclose(other.decode(unit * codes) / unit, model.decode(codes), atol=1e-9)
