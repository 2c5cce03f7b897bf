"""Regions that move, and double continua in their coordinates."""

import numpy as np
import pytest

import ridgeflow as rf

TANH = rf.activation("tanh")
TIMES = np.linspace(0.0, 2.0, 9)


def rms(v):
    return np.sqrt((v**2).sum(-1).mean())


def vortex(x, t):
    """A swirl that runs off to the right while it grows: centre (3t, sin t), size e^{t/2}."""
    center = np.array([3 * t, np.sin(t)])
    away = (x - center) * np.exp(-0.5 * t)
    turn = np.column_stack([-away[:, 1], away[:, 0]]) * np.exp(-(away**2).sum(1))[:, None]
    return np.array([3.0, np.cos(t)]) + 0.5 * (x - center) + np.exp(0.5 * t) * turn


FIELD = rf.CallableField(vortex, 2, components=2)


def moved_exactly(y, t):
    """At rest in the moving frame the swirl turns circles: by exp(-r²) in unit time."""
    angle = t * np.exp(-(y**2).sum(1))
    c, s = np.cos(angle), np.sin(angle)
    turned = np.column_stack([c * y[:, 0] - s * y[:, 1], s * y[:, 0] + c * y[:, 1]])
    return np.array([3 * t, np.sin(t)]) + np.exp(0.5 * t) * turned


@pytest.fixture(scope="module")
def moving():
    centers = np.column_stack([3 * TIMES, np.sin(TIMES)])
    region = rf.MovingRegion(TIMES, centers, 2.0 * np.exp(0.5 * TIMES), margin=1.5)
    return rf.MovingContinuum(FIELD, TANH, region=region, tol=1e-3)


@pytest.fixture(scope="module")
def ring():
    rng = np.random.default_rng(0)
    return rng.normal(size=(300, 2)) * 0.5


def test_coordinates_go_there_and_back(moving):
    region = moving.region
    y = moving.draw(200)
    for t in (0.0, 0.7, 2.0):
        x = region.leave(y, t)
        np.testing.assert_allclose(region.enter(x, t), y, atol=1e-13)  # measured 2e-15
        assert region.at(t).contains(x).all()
        inner = region.field(FIELD)(y, t)
        # dy/dt by differences of a trajectory that x follows for an instant.
        h = 1e-5
        if t - h >= 0 and t + h <= 2:
            ahead, behind = (region.enter(x + d * vortex(x, t), t + d) for d in (h, -h))
            np.testing.assert_allclose((ahead - behind) / (2 * h), inner, atol=1e-8)
    np.testing.assert_array_equal(region.enter(y, 0.0), y)


@pytest.mark.parametrize("t", [-0.1, 2.1, 99.0, np.nan, "0.5", 0.5 + 9j])
def test_a_region_is_known_between_its_depths_only(moving, t):
    for call in (moving.region.at, lambda t: moving.region.leave(np.zeros((1, 2)), t)):
        with pytest.raises((ValueError, TypeError), match=r"^`t` must "):
            call(t)


@pytest.mark.parametrize("unit", [1e-100, 1e-6, 1e6, 1e100])
def test_the_unit_of_time_does_not_matter(unit):
    times, centers = np.array([0.0, 0.5, 1.5]), np.array([[0.0], [1.0], [2.5]])
    plain = rf.MovingRegion(times, centers, [1.0, 2.0, 1.5], margin=0.5)
    other = rf.MovingRegion(unit * times, centers, [1.0, 2.0, 1.5], margin=0.5)
    for t in (0.25, 1.0):
        np.testing.assert_allclose(other.at(unit * t).center, plain.at(t).center, rtol=1e-14)
        assert other.at(unit * t).radius == pytest.approx(plain.at(t).radius, rel=1e-14)


def test_times_of_a_flow_out_of_order_are_refused(moving):
    # They were sorted, and the trajectory did not belong to the times that came with it.
    x = np.zeros((1, 2))
    for times in ([1.0, 0.5], [0.5, 0.5]):
        with pytest.raises(ValueError, match=r"^`times` must increase strictly"):
            moving.flow(x, 1.0, times=times)


def test_velocity_and_flow_far_from_where_they_began(moving, ring):
    for t in (0.0, 0.55, 2.0):
        x = moving.region.leave(ring, t)
        found = moving.velocity(x, t)
        calm = vortex(x, t) - np.array([3.0, np.cos(t)])
        assert rms(found - vortex(x, t)) < 1e-3 * rms(
            calm
        )  # measured 2e-6 at the depths, 9e-5 between
    truth = moved_exactly(ring, 2.0)
    result = moving.flow(ring, 2.0, times=[0.5, 1.0])
    assert rms(result.points - truth) < 2e-5 * rms(truth - ring)  # measured 1e-6
    assert rms(result.trajectory[1] - moved_exactly(ring, 1.0)) < 1e-4  # measured 3.4e-6
    # The swirl keeps volumes; the growth takes log density down by m/2 in unit time.
    np.testing.assert_allclose(result.log_density, -2.0, atol=1e-5)  # measured 2.5e-7
    np.testing.assert_allclose(result.trajectory_log_density[0], -0.5, atol=1e-5)
    assert moving.flow(ring, 1.0, log_density=False).log_density is None


@pytest.mark.slow
@pytest.mark.parametrize("layers", ["euler", "midpoint", "rk4"])
def test_networks_leave_the_moving_coordinates(moving, ring, layers):
    truth = moved_exactly(ring, 2.0)
    depth = {"euler": 16, "midpoint": 8, "rk4": 4}[layers]
    net = moving.network(depth, 150, layers=layers, n_samples=3000, rng=0)
    assert net.depth == depth + 1
    # measured 1.5e-2, 1.1e-3 and 6e-5
    bound = {"euler": 2e-2, "midpoint": 2e-3, "rk4": 2e-4}[layers]
    assert rms(net(ring) - truth) < bound * rms(truth - ring)
    path = net.trajectory(ring)
    leave = moving.region.leave(path[-2], 2.0)
    np.testing.assert_allclose(path[-1], leave, atol=1e-12)  # measured 2e-15
    back = net.inverse(net(ring))
    np.testing.assert_allclose(back.points, ring, atol=1e-8)  # measured 1e-11


def test_a_region_follows_points(ring):
    region = rf.MovingRegion.following(FIELD, ring, TIMES)
    for t in TIMES:
        assert region.at(t).contains(moved_exactly(ring, t)).all()
    far = region.at(2.0)
    assert np.linalg.norm(far.center - [6, np.sin(2)]) < 0.2  # measured 0.12
    assert far.radius / region.rest.radius == pytest.approx(np.e, rel=0.05)
    assert region.rest.margin == pytest.approx(0.5 * region.rest.radius)
    budget = rf.MovingContinuum(FIELD, TANH, region=region, tol=1e-2).error_budget()
    assert 0 < budget.total < 2e-2


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (
            lambda: rf.MovingRegion([0.0], [[0.0]], [1.0], margin=1.0),
            ValueError,
            r"`times` must hold at least 2 value\(s\), got 1",
        ),
        (
            lambda: rf.MovingRegion([0.0, 1.0], [[0.0]], [1.0, 1.0], margin=1.0),
            ValueError,
            r"must agree in their first length, got `times` \(2,\), `centers` \(1, 1\)",
        ),
        (
            lambda: rf.MovingRegion([0.0, 1.0], [[0.0], [1.0]], [1.0, -1.0], margin=1.0),
            ValueError,
            "`radii` must be positive, got -1",
        ),
        (
            lambda: rf.MovingRegion([0.0, 1.0], [[0.0], [1.0]], [1.0, 1.0], margin=0.0),
            ValueError,
            "`margin` must be positive, got 0",
        ),
        (
            lambda: rf.MovingRegion.following(FIELD, [[0.0, 0.0]], TIMES),
            ValueError,
            "`points` must not coincide, got 1 that do at depth 0",
        ),
        (
            lambda: rf.MovingRegion.following(FIELD, np.eye(2), TIMES, room=0.5),
            ValueError,
            "`room` must be at least 1, got 0.5",
        ),
        (
            lambda: rf.MovingContinuum(
                rf.GaussianMixture([1.0], [[0.0]], 1.0), TANH, region=rf.Region([0.0], 1.0, 1.0)
            ),
            TypeError,
            "`field` must be a CallableField, got GaussianMixture .*need not move",
        ),
        (
            lambda: rf.MovingContinuum(FIELD, TANH, region=rf.Region([0.0, 0.0], 1.0, 1.0)),
            TypeError,
            "`region` must be a MovingRegion, got Region",
        ),
        (
            lambda: rf.MovingContinuum(
                FIELD,
                TANH,
                region=rf.MovingRegion([0.0, 1.0], [[0.0], [1.0]], [1.0, 1.0], margin=1.0),
            ),
            ValueError,
            "`region` must have dimension 2, got 1",
        ),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()


def test_points_outside_are_refused(moving):
    with pytest.raises(rf.RegionError, match="must lie in the region of radius 2"):
        moving.velocity([[0.0, 0.0]], 2.0)
    with pytest.raises(ValueError, match=r"`t` must lie in \[0, 2\]"):
        moving.velocity([[0.0, 0.0]], 3.0)
