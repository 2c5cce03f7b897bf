"""Closed curves from functions and clouds: arclength, reach, filling radius, order, noise."""

import math

import numpy as np
import pytest
from scipy.spatial import QhullError
from scipy.special import ellipe

import ridgeflow as rf
from ridgeflow.constructions import BottleneckAutoencoder, filling_radius
from ridgeflow.constructions.curves import closed_curves, order_points, separate_points


def ellipse(t):
    return np.stack([3 * np.cos(t), np.sin(t)], axis=1)


def circle(t):
    return np.stack([np.cos(t), np.sin(t), 0 * t], axis=1)


def linked(t):
    return np.stack([1 - np.cos(t), 0 * t, np.sin(t)], axis=1)


def noisy_link(sigma, count, rng):
    """Points of two linked circles, shuffled."""
    turns = rng.uniform(0, 2 * math.pi, size=(2, count))
    points = np.concatenate([circle(turns[0]), linked(turns[1])])
    return rng.permutation(points + sigma * rng.normal(size=points.shape))


def test_ellipse_by_arclength():
    (curve,) = closed_curves([ellipse])
    assert curve.length == pytest.approx(12 * ellipe(1 - 1 / 9), rel=1e-12)  # measured 2e-15
    steps = np.linalg.norm(np.diff(curve.nodes, axis=0), axis=1)
    assert np.ptp(steps) < 1e-3 * steps.mean()  # chords of equal arcs
    assert curve.reach == pytest.approx(1 / 3, rel=1e-5)  # measured 2e-7, curvature
    assert curve.filling_radius == pytest.approx(1, abs=1e-5)
    on = curve(np.linspace(0, 7, 50))
    assert (on[:, 0] / 3) ** 2 + on[:, 1] ** 2 == pytest.approx(np.ones(50), abs=1e-9)


def test_reach_of_a_neck_is_half_its_width():
    # Cassini oval of two lobes: the neck at the origin is narrower than the curve is bent.
    def oval(t):
        r = np.sqrt(np.cos(2 * t) + np.sqrt(1.05**4 - np.sin(2 * t) ** 2))
        return r[:, None] * np.stack([np.cos(t), np.sin(t)], axis=1)

    (curve,) = closed_curves([oval])
    assert curve.reach == pytest.approx(math.sqrt(1.05**2 - 1), rel=2e-3)  # measured 1e-15
    # The largest disc inside sits in a lobe.
    grid = np.stack(np.meshgrid(np.linspace(-1.5, 1.5, 301), np.linspace(-0.6, 0.6, 121)), -1)
    grid = grid.reshape(-1, 2)
    lobes = [np.linalg.norm(grid - [side, 0], axis=1) for side in (1, -1)]
    inside = lobes[0] * lobes[1] < 1.05**2
    apart = np.linalg.norm(grid[inside][:, None] - curve.nodes[None, ::4], axis=-1).min(1)
    assert curve.filling_radius == pytest.approx(apart.max(), abs=1e-2)


def ring_of(n, turn=None):
    t = 2 * math.pi * np.arange(n) / n
    points = np.stack([np.cos(t), np.sin(t)], axis=1)
    return points if turn is None else points @ turn


@pytest.mark.parametrize("seed", [4, 26, 0])
def test_filling_radius_of_points_on_one_circle(seed):
    # Qhull gives up on the first two of these tilted circles.
    turn = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))[0][:2]
    n = 1500
    # Exact: the disc about the centre, but for half a chord.
    assert filling_radius(ring_of(n, turn)) == pytest.approx(math.cos(math.pi / n), abs=1e-9)


@pytest.mark.slow
@pytest.mark.parametrize("n", [6000, 6500])
def test_filling_radius_of_many_points_on_one_circle(n):
    assert filling_radius(ring_of(n)) == pytest.approx(math.cos(math.pi / n), abs=1e-9)


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e-5, 1e5, 1e150, 1e300])
def test_filling_radius_has_the_unit_of_the_points(unit):
    ring = ring_of(200) * [1, 0.5]
    assert filling_radius(unit * ring) == pytest.approx(unit * filling_radius(ring), rel=1e-12)
    assert filling_radius(ring + 1e8) == pytest.approx(filling_radius(ring), rel=1e-6)


def test_filling_radius_tells_where_the_geometry_fails(monkeypatch):
    def fails(*args, **options):
        raise QhullError("QH6154 Qhull precision error\nwith many lines")

    monkeypatch.setattr("ridgeflow.constructions.curves.Voronoi", fails)
    with pytest.raises(rf.ConvergenceError, match="QH6154 Qhull precision error"):
        filling_radius(ring_of(50))


def test_filling_radius_in_space():
    t = np.linspace(0, 2 * math.pi, 500, endpoint=False)
    flat = 2 * circle(t)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(5, 3)))[0]
    assert filling_radius(flat) == pytest.approx(2, abs=1e-4)
    assert filling_radius(flat @ turn.T + 7) == pytest.approx(2, abs=1e-4)
    # A saddle over the circle, of which the projection is the circle.
    bent = circle(t) + 0.3 * np.stack([0 * t, 0 * t, np.cos(2 * t)], axis=1)
    assert 0.999 < filling_radius(bent) < math.hypot(1, 0.3)
    assert filling_radius(np.stack([t, 2 * t], axis=1)) == 0
    # A figure of eight winds about both lobes, in opposite senses.
    eight = np.stack([np.sin(t), np.sin(2 * t)], axis=1)
    assert 0.3 < filling_radius(eight) < 0.5  # measured 0.47


def test_order_of_a_clean_cloud_is_the_curve():
    t = np.sort(np.random.default_rng(1).uniform(0, 2 * math.pi, 300))
    mixed = np.random.default_rng(2).permutation(300)
    order = order_points(circle(t)[mixed])
    found = mixed[order]
    steps = np.mod(np.diff(found), 300)
    assert (steps == 1).all() or (steps == 299).all()


def test_noisy_clouds_are_separated_ordered_and_smoothed():
    cloud = noisy_link(0.02, 300, np.random.default_rng(3))
    parts = separate_points(cloud)
    assert sorted(map(len, parts)) == [300, 300]
    for curve in closed_curves(cloud, smoothing=0.02):
        assert curve.length == pytest.approx(2 * math.pi, rel=1e-2)  # measured 8e-4
        plane = curve.nodes[:, 1] if np.ptp(curve.nodes[:, 1]) < 0.5 else curve.nodes[:, 2]
        assert np.sqrt((plane**2).mean()) < 0.02  # measured 0.003
    with pytest.raises(ValueError, match=r"`points` must be one curve, got 2 groups of points"):
        order_points(cloud)
    with pytest.raises(ValueError, match=r"must follow a closed curve, got a best order of length"):
        order_points(np.random.default_rng(4).normal(size=(300, 3)))
    with pytest.raises(ValueError, match=r"`curves` must hold at least 8 points"):
        separate_points(cloud[:4])


@pytest.mark.slow
def test_noise_is_taken_off_by_a_denoising_flow_first():
    sigma = 0.06
    cloud = noisy_link(sigma, 300, np.random.default_rng(5))

    def off(points):
        first = np.hypot(np.hypot(points[:, 0], points[:, 1]) - 1, points[:, 2])
        second = np.hypot(np.hypot(points[:, 0] - 1, points[:, 2]) - 1, points[:, 1])
        return np.sqrt((np.minimum(first, second) ** 2).mean())

    law = rf.kernel_density(cloud, bandwidth=0.2)
    clean = rf.ContinuousDAE(law).flow(cloud, 0.9 * 0.5 * 0.2**2, rtol=1e-4, atol=1e-5).points
    assert off(clean) < 0.6 * off(cloud)  # measured 0.043 after 0.085
    model = BottleneckAutoencoder.from_curves(clean, 0.4, smoothing=0.03)
    assert len(model.charts) == 2
    for chart in model.charts:
        assert chart.bound > 0.9  # measured 0.97
        grid = chart.samples(0.4, 200, 100)
        assert off(grid.points) < 0.05  # measured 0.02
        error = np.linalg.norm(model(grid.points) - grid.points, axis=1)
        assert error[grid.kept].max() < 1e-2  # measured 5e-4
        assert error.max() >= chart.bound  # measured 1.9
