"""Deep networks from samples of vector fields: steady, timed, orders in depth, many dimensions."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp

import ridgeflow as rf

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
    assert net(x[:5]).dtype == np.float32


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
