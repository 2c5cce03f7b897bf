"""Deep networks from samples of vector fields: steady, timed, orders in depth, many dimensions."""

from __future__ import annotations

import re
import warnings

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm

import ridgeflow as rf
from ridgeflow.double_continuum.field_fit import fit_field

RNG = np.random.default_rng(0)


def swirl(x):
    """A nonlinear spiral in the plane."""
    r = np.sum(x**2, axis=1, keepdims=True)
    return np.column_stack([-x[:, 1], x[:, 0]]) + x * (0.6 - r)


def carried(field, x, time, *, timed=False):
    def slope(t, y):
        z = y.reshape(-1, x.shape[1])
        return (field(z, t) if timed else field(z)).ravel()

    return solve_ivp(slope, (0, time), x.ravel(), rtol=1e-10, atol=1e-12).y[:, -1].reshape(x.shape)


@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_steady_field_becomes_a_network_that_flows(activation):
    x = RNG.uniform(-1.5, 1.5, (3000, 2))
    net = rf.reconstruct_network(x, swirl(x), activation, depth=20, width=300, layers="rk4", rng=0)
    start = RNG.uniform(-1, 1, (200, 2))
    truth = carried(swirl, start, 1.0)
    moved = np.sqrt(np.mean((truth - start) ** 2))
    error = np.sqrt(np.mean((net(start) - truth) ** 2)) / moved
    limit = {"tanh": 1e-5, "relu": 2e-2}[activation]  # measured 9e-7, 1.3e-2
    assert error < limit
    assert net.held_out_error < limit


@pytest.mark.parametrize(("layers", "order"), [("euler", 1), ("midpoint", 2)])
def test_order_in_depth(layers, order):
    x = RNG.uniform(-1.5, 1.5, (2000, 2))
    start = RNG.uniform(-1, 1, (100, 2))
    fine = rf.reconstruct_network(x, swirl(x), "tanh", depth=64, width=200, layers="rk4", rng=0)
    depths = np.array([8, 16, 32])
    errors = [
        np.linalg.norm(
            rf.reconstruct_network(x, swirl(x), "tanh", depth=d, width=200, layers=layers, rng=0)(
                start
            )
            - fine(start)
        )
        for d in depths
    ]
    slope = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert order - 0.3 < slope < order + 0.5  # measured 1.0, 2.0


@pytest.mark.parametrize("moving", [False, True])
def test_neurons_are_chosen_where_that_pays(moving):
    """Few neurons for a field of sixteen eddies."""

    def field(x, t):
        u, w = np.pi * x.T
        return (1 + t)[:, None] * np.column_stack([-np.sin(u) * np.cos(w), np.cos(u) * np.sin(w)])

    x, fresh = np.random.default_rng(5).uniform(-2, 2, (2, 1500, 2))
    t = np.linspace(0, 1, 1500) if moving else np.zeros(1500)
    v, truth = field(x, t), field(fresh, np.full(1500, 0.5 if moving else 0.0))
    errors = {}
    for control in ("affine", None):
        fit = fit_field(x, v, "tanh", width=40, times=t if moving else None, control=control, rng=0)
        gap = fit.at(0.5 if moving else 0.0)(fresh) - truth
        errors[control] = np.sqrt((gap**2).mean() / (truth**2).mean())
    assert errors["affine"] < 0.5 * errors[None]  # measured 0.23, 0.29
    with pytest.raises(ValueError, match="`control` must be"):
        fit_field(x, v, "tanh", width=40, control="none")


@pytest.mark.slow
def test_a_timed_field():
    def field(x, t):
        return swirl(x) * (1 + np.sin(2 * t))

    x, t = RNG.uniform(-1.5, 1.5, (6000, 2)), RNG.uniform(0, 1, 6000)
    v = swirl(x) * (1 + np.sin(2 * t))[:, None]
    start = RNG.uniform(-1, 1, (100, 2))
    span = t.max() - t.min()
    truth = carried(lambda z, s: field(z, s + t.min()), start, 1.0 * span, timed=True)
    moved = np.linalg.norm(truth - start)
    net = rf.reconstruct_network(
        x, v, "tanh", depth=20, width=100, times=t, time=span, layers="rk4", rng=0
    )
    error = np.linalg.norm(net(start) - truth) / moved
    assert error < 2e-3  # measured 3e-4
    steady = rf.reconstruct_network(x, v, "tanh", depth=20, width=100, rng=0)
    assert steady.held_out_error > 5 * net.held_out_error


def test_zero_fields_and_high_dimensions():
    x = RNG.normal(size=(300, 20))
    zero = rf.reconstruct_network(x, np.zeros_like(x), "tanh", depth=3, width=50, rng=0)
    assert all(not f.c.any() for layer in zero.layers for f in layer)
    np.testing.assert_array_equal(zero(x), x)
    assert zero.held_out_error == 0.0
    x = RNG.normal(size=(4000, 20)).astype(np.float32)
    v = -np.tanh(x) @ np.eye(20, dtype=np.float32)[::-1]
    net = rf.reconstruct_network(x, v, "tanh", depth=4, width=400, rng=0)
    linear = rf.reconstruct_network(x, v, "linear", depth=4, width=1, rng=0)
    assert net.held_out_error < linear.held_out_error  # measured 0.254, 0.265
    # Well inside the region of the samples, whichever they are.
    assert net(0.5 * x[:5]).dtype == np.float32


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"depth": 0}, "`depth` must be"),
        ({"time": 0.0}, "`time` must not be zero"),
        ({"layers": "rk5"}, "`layers` must be one of"),
        ({"holdout": 1.0}, r"`holdout` must lie in \[0, 1\)"),
        ({"times": np.zeros(50)}, "`times` must differ"),
        ({"times": np.linspace(0, 0.5, 50)}, r"`time` must lie in \(0, 0.5\]"),
    ],
)
def test_bad_input(options, match):
    x = RNG.normal(size=(50, 2))
    given = {"depth": 2, "width": 5, **options}
    with pytest.raises(ValueError, match=match):
        rf.reconstruct_network(x, -x, "tanh", **given)


def test_velocities_of_another_shape():
    with pytest.raises(ValueError, match=r"`velocities` must have shape \(5, 2\)"):
        rf.reconstruct_network(np.eye(5, 2), np.ones((5, 3)), "tanh", depth=1, width=2)


def test_samples_that_no_lipschitz_field_has():
    x = RNG.normal(size=(60, 2))
    x[30:] = x[:30]
    v = -x.copy()
    v[30] = 10.0
    match = r"2 different ones at the place of sample \d+ \(samples \[0, 30\]"
    with pytest.raises(ValueError, match=match):
        rf.reconstruct_network(x, v, "tanh", depth=2, width=5, rng=0)
    # At different times they are no contradiction, and repeated samples are none either.
    t = np.repeat([0.0, 1.0], 30)
    assert rf.reconstruct_network(x, v, "tanh", depth=2, width=5, times=t, rng=0).depth == 2
    v[30] = v[0]
    assert rf.reconstruct_network(x, v, "tanh", depth=2, width=5, rng=0).held_out_error < 1e-3
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="fitting 5000 neurons to 60 samples"),
    ):
        rf.reconstruct_network(x, v, "tanh", depth=2, width=5000)


def flat_field(n, rng):
    x = rng.uniform(-1, 1, (n, 2))
    return x, np.column_stack([-x[:, 1], x[:, 0]]) * (1 + 0.5 * np.sin(2 * x[:, :1]))


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize(
    "flat", [0.0, 0.1, 14.62, 1e9, "rounded", "float32"], ids=lambda value: str(value)
)
def test_a_flat_coordinate_changes_nothing(flat, timed):
    """Points of a plane in space: right is the error in the plane alone."""
    x, v = flat_field(600, np.random.default_rng(0))
    times = np.random.default_rng(1).uniform(2, 5, 600) if timed else None
    plane = fit_field(x, v, "tanh", width=100, times=times, rng=0)
    assert plane.held_out_error < 1e-4  # measured 1.4e-5 and 3.7e-5
    third = np.full(600, flat if isinstance(flat, float) else 14.62)
    if flat == "rounded":
        third += 1e-14 * np.random.default_rng(2).normal(size=600)
    points = np.column_stack([x, third])
    if flat == "float32":
        points = points.astype(np.float32)
        points[:, 2] *= 1 + 1e-7 * np.random.default_rng(2).normal(size=600).astype(np.float32)
    space = fit_field(
        points, np.column_stack([v, 0 * third]), "tanh", width=100, times=times, rng=0
    )
    # measured 1.0000; singular, or 0.1 to 1e7, where rounding is taken for spread
    assert space.held_out_error == pytest.approx(plane.held_out_error, rel=0.05)
    # Nothing is known off the plane: the field does not depend on it.
    off = points.astype(float) + np.array([0.0, 0.0, 1.0])
    net = space.at(3.0)
    assert np.array_equal(net(points.astype(float)), net(off))


def test_coordinates_that_depend_on_each_other():
    """A plane that is tilted in space, far from the origin; then two samples in eight variables."""
    x, v = flat_field(600, np.random.default_rng(0))
    frame = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 2)))[0].T
    plane = fit_field(x, v, "tanh", width=100, rng=0)
    space = fit_field(x @ frame + 1e4, v @ frame, "tanh", width=100, rng=0)
    # Distances differ in the two, and the neurons with them. measured 8e-6 against 1.4e-5
    assert space.held_out_error < 3 * plane.held_out_error
    assert np.abs(space.at(0.0).linear).max() < 100  # measured 31; 1e4 and more of rounding
    for n in (2, 3, 6):
        points = np.random.default_rng(n).normal(size=(n, 8))
        fit = fit_field(points, -points, "tanh", width=20, holdout=0.0, rng=0)
        assert np.abs(fit.at(0.0)(points) + points).max() < 1e-10  # measured 4e-15
        assert np.abs(fit.at(0.0).linear).max() < 10  # measured 8.6


@pytest.mark.parametrize(
    ("unit", "scale"), [(2.0**-1000, 2.0**-1000), (2.0**1000, 2.0**1000), (2.0**-700, 2.0**300)]
)
def test_fields_in_any_unit(unit, scale):
    x, v = flat_field(200, np.random.default_rng(0))
    plain = fit_field(x, v, "tanh", width=30, rng=0)
    other = fit_field(x * unit, v * scale, "tanh", width=30, rng=0)
    assert other.held_out_error == pytest.approx(plain.held_out_error, rel=1e-6)
    at = other.at(0.0)(x * unit) / scale
    assert np.abs(at - plain.at(0.0)(x)).max() < 1e-9  # measured 0
    for wide, high in ((2.0**1000, 2.0**-1000), (2.0**-1000, 2.0**1000)):
        with pytest.raises(ValueError, match="must have units of like size, got slopes beyond"):
            fit_field(x * wide, v * high, "tanh", width=30, rng=0)


@pytest.mark.parametrize("ridge", ["loo", "gcv"])
def test_repeated_samples_are_one_observation(ridge):
    x, v = flat_field(100, np.random.default_rng(0))
    v = v + 0.2 * np.random.default_rng(1).normal(size=v.shape)
    options = {"width": 60, "holdout": 0.0, "ridge": ridge, "rng": 0}
    once = fit_field(x, v, "tanh", **options)
    again = fit_field(np.tile(x, (5, 1)), np.tile(v, (5, 1)), "tanh", **options)
    # The neurons differ. measured ratios .13 to .36; 1e-13 where each repetition counts
    ratio = np.atleast_1d(again.ridge / once.ridge)
    assert ratio.min() > 0.05 and ratio.max() < 5


def test_times_that_differ_by_rounding_are_one():
    x, v = flat_field(50, np.random.default_rng(0))
    times = 1e6 + 1e-10 * np.arange(50)
    with pytest.raises(ValueError, match="`times` must differ"):
        fit_field(x, v, "tanh", width=10, times=times, rng=0)


def test_coefficient_fields_belong_to_the_chebyshev_polynomials_of_time():
    """v = x (1 + 2 s - 3 T_2(s)), s from -1 to 1 over the sample times."""
    rng = np.random.default_rng(0)
    x, times = rng.uniform(-1, 1, (400, 1)), np.linspace(3, 7, 400)
    s = (times - 5) / 2
    v = x * (1 + 2 * s - 3 * (2 * s**2 - 1))[:, None]
    fit = fit_field(x, v, "tanh", width=5, times=times, time_degree=2, rng=0)
    for field, expected in zip(fit.fields, (1, 2, -3), strict=True):
        assert np.abs(field(x) - expected * x).max() < 1e-9  # measured 4e-15
    flat = fit_field(x, x, "tanh", width=5, times=times, time_degree=0, rng=0)
    assert len(flat.fields) == 1 and flat.span == (3.0, 7.0)
    assert fit_field(x, x, "tanh", width=5, rng=0).span == (0.0, 0.0)
    # Rounding beyond the last time is none of its own.
    fit.at(7 + 1e-12), fit.at(3 - 1e-12)
    for t in (7 + 1e-11, 3 - 1e-11):
        with pytest.raises(ValueError, match="`t` must lie between the sample times 3 and 7"):
            fit.at(t)


@pytest.mark.parametrize(("layers", "sum_"), [("euler", 1.0), ("midpoint", 3.5), ("rk4", 4.0)])
def test_stages_meet_the_field_at_their_times(layers, sum_):
    """dx/dt = t³ in two steps: the rule of quadrature that each scheme is for such a field."""
    rng = np.random.default_rng(0)
    x, times = rng.uniform(-5, 5, (300, 1)), np.linspace(0, 2, 300)
    v = (times**3)[:, None]
    net = rf.reconstruct_network(
        x, v, "tanh", depth=2, width=5, time=2.0, times=times, layers=layers, rng=0
    )
    moved = net([[0.25]])[0, 0] - 0.25
    # Left ends 0 + 1, middles 1/8 + 27/8, Simpson's rule exactly 4. measured to 1e-14
    assert moved == pytest.approx(sum_, abs=1e-9)


def saddle(x, t):
    """A saddle that turns four times."""
    c, s = np.cos(0.8 * np.pi * t), np.sin(0.8 * np.pi * t)
    return np.stack([c * x[:, 0] + s * x[:, 1], s * x[:, 0] - c * x[:, 1]], axis=1)


def gyre(x, t):
    """Two vortices whose border swings."""
    a = 0.25 * np.sin(0.4 * np.pi * t)
    f, slope = a * x[:, 0] ** 2 + (1 - 2 * a) * x[:, 0], 2 * a * x[:, 0] + 1 - 2 * a
    along, across = np.pi * f, np.pi * x[:, 1]
    return np.stack(
        [-np.sin(along) * np.cos(across), np.cos(along) * np.sin(across) * slope], axis=1
    )


@pytest.mark.slow
@pytest.mark.parametrize(
    ("field", "high", "most"),
    [(saddle, [1.0, 1.0], 0.02), (gyre, [2.0, 1.0], 0.04)],  # measured .0104, .0272
)
def test_degrees_in_time_are_chosen_by_samples_held_out(field, high, most):
    rng = np.random.default_rng(0)
    x = rng.uniform(-np.array(high) if field is saddle else 0.0, high, (3000, 2))
    t = rng.uniform(0, 10, 3000)
    v = field(x, t)
    v += 0.01 * np.sqrt(np.mean(v**2)) * rng.normal(size=v.shape)
    assert fit_field(x, v, "tanh", width=50, times=t, rng=0).held_out_error < most
    if field is saddle:
        with pytest.warns(rf.AccuracyWarning, match="hardly less than zero would"):
            fit_field(x, v, "tanh", width=50, times=t, time_degree=3, rng=0)


def test_points_that_leave_the_samples_are_named():
    def pendulum(x):
        return np.stack([x[:, 1], -np.sin(x[:, 0]) - 0.2 * x[:, 1]], axis=1)

    rng = np.random.default_rng(0)
    box = [np.pi, 2.0]
    x, start = rng.uniform(-np.array(box), box, (3200, 2)).reshape(2, 1600, 2)
    net = rf.reconstruct_network(
        x, pendulum(x), "tanh", depth=100, width=100, time=10.0, layers="rk4", rng=0
    )
    truth = carried(pendulum, start, 10.0)
    with pytest.warns(rf.RegionWarning, match="leave the region of the samples"):
        path = net.trajectory(start)
    held = net.region.contains(path.reshape(-1, 2)).reshape(path.shape[:2]).all(axis=0)
    gap = np.linalg.norm(path[-1] - truth, axis=1) / np.sqrt(np.mean(truth**2))
    assert 0.8 < held.mean() < 1
    assert gap[held].max() < 0.05  # measured 5.7e-4
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net(start[held])
    with pytest.warns(rf.RegionWarning, match="1 of 1 points lie outside"):
        net([[0.0, 50.0]])


@pytest.mark.parametrize("layers", ["euler", "midpoint", "rk4"])
def test_stiff_fields_are_named_with_a_depth_that_does(layers):
    x = RNG.normal(size=(500, 2))
    v = x @ np.array([[-1000.0, 0.0], [1.0, -1.0]])

    def built(depth):
        return rf.reconstruct_network(x, v, "tanh", depth=depth, width=10, layers=layers, rng=0)

    with pytest.warns(rf.AccuracyWarning, match="amplify by .* the field is stiff") as caught:
        built(20)
    enough = int(re.search(r"take depth=(\d+)", str(caught[-1].message)).group(1))
    assert 300 < enough < 1000
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net = built(enough)
    truth = x[:5] @ expm(np.array([[-1000.0, 0.0], [1.0, -1.0]]))
    assert np.abs(net(x[:5]) - truth).max() < 0.02  # measured 4.5e-4, 9e-8, 7e-14
