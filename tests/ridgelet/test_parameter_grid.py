"""Directions and parameter grids."""

import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import spherical_jn

import ridgeflow as rf
from ridgeflow.geometry import half_sphere_area

POLAR = rf.ParameterGrid.polar(2, 4, [0.5, 1.0, 2.0], 1.0, 0.5)


@pytest.mark.parametrize(("dim", "area"), [(1, 1), (2, np.pi), (3, 2 * np.pi), (4, np.pi**2)])
def test_weights_sum_to_half_the_sphere(dim, area):
    u, w = rf.directions(dim, 37)
    assert half_sphere_area(dim) == pytest.approx(area, rel=1e-14)
    assert w.sum() == pytest.approx(area, rel=1e-13)  # measured 3e-15
    assert np.allclose(np.linalg.norm(u, axis=1), 1, atol=1e-14)
    assert (w > 0).all()


@pytest.mark.parametrize("n", [1, 2, 3, 7, 50, 51, 1000])
def test_three_dimensions_give_the_number_asked_for(n):
    u, w = rf.directions(3, n)
    assert u.shape == (n, 3) and w.shape == (n,)


def test_plane_waves_in_the_plane_are_integrated_spectrally():
    # Integral of cos(k u.x) over the half circle is pi J_0(k|x|).
    from scipy.special import j0

    u, w = rf.directions(2, 40)
    for k, bound in ((20.0, 1e-14), (50.0, 1e-9), (70.0, 1e-2)):  # measured 1e-15, 6e-11, 4e-3
        assert abs(w @ np.cos(k * u @ [0.6, 0.8]) - np.pi * j0(k)) < bound


def test_plane_waves_in_space_are_integrated_spectrally():
    # Integral of cos(k u.x) over the half sphere is 2 pi sin(k)/k.
    u, w = rf.directions(3, 1000)
    x = np.array([0.48, 0.6, 0.64])
    for k, bound in ((15.0, 1e-12), (31.0, 1e-10), (38.0, 1e-6)):  # measured 2e-14, 3e-13, 7e-9
        assert abs(w @ np.cos(k * u @ x) - 2 * np.pi * spherical_jn(0, k)) < bound


def test_quasi_random_directions_beat_random_ones():
    u, w = rf.directions(5, 4096)
    error = abs(w @ u[:, 0] ** 2 - w.sum() / 5) / w.sum()
    assert error < 1e-3  # measured 9e-5; independent directions give 4e-3
    assert np.array_equal(u, rf.directions(5, 4096)[0])


def test_polar_weights_are_the_quadrature_of_parameter_space():
    grid = rf.ParameterGrid.polar(2, 24, np.geomspace(1e-4, 30, 200), 1.0, 0.25, margin=6.0)
    density = np.exp(-0.5 * (grid.a**2).sum(1) - 0.5 * (grid.b - grid.a @ [0.3, -0.2]) ** 2)
    # Integral over all of R^2 x R is (2 pi)^{3/2}.
    assert grid.weights @ density == pytest.approx((2 * np.pi) ** 1.5, rel=1e-7)  # measured 5e-9


def test_polar_layout():
    grid = rf.ParameterGrid.polar(2, 3, [0.5, 1.0, 4.0], 2.0, 0.5, margin=1.0, center=[1.0, -1.0])
    assert grid.half and grid.kind == "polar"
    assert grid.size == len(grid.a) == len(grid.b) == len(grid.weights) == grid.starts[-1]
    start = grid.starts[1]
    n = 2 * grid.half_counts[1] + 1
    second = slice(start + n, start + 2 * n)
    assert np.allclose(grid.a[second], 1.0 * grid.directions[1])
    assert np.allclose(grid.b[second], grid.directions[1] @ [1.0, -1.0] + grid.offsets(1))
    # Offsets reach the projection of the ball and the margin.
    assert grid.offsets(2)[-1] >= 4.0 * 2.0 + 1.0


def test_cartesian_and_plain_nodes():
    grid = rf.ParameterGrid.cartesian([np.arange(3.0), np.arange(2.0) * 0.5], np.arange(4.0))
    assert grid.size == 24 and np.allclose(grid.weights, 0.5)
    assert np.array_equal(grid.a[5], [0.0, 0.5]) and grid.b[5] == 1.0
    plain = rf.ParameterGrid.nodes([[1.0, 2.0], [3.0, 4.0]], [0.0, 1.0])
    assert plain.weights is None and plain.size == 2


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rf.directions(0, 3), "`dim` must be at least 1"),
        (lambda: rf.directions(2, 2.5), "`n` must be an integer"),
        (lambda: rf.ParameterGrid.polar(2, 4, [1.0], 1.0, 0.5), "at least 2 value"),
        (lambda: rf.ParameterGrid.polar(2, 4, [2.0, 1.0], 1.0, 0.5), "increase strictly"),
        (lambda: rf.ParameterGrid.polar(2, 4, [0.0, 1.0], 1.0, 0.5), "`scales` must be positive"),
        (lambda: rf.ParameterGrid.polar(2, 4, [1.0, 2.0], -1.0, 0.5), "`radius` must be positive"),
        (lambda: rf.ParameterGrid.polar(2, 4, [1, 2], 1, 0.5, center=[0.0]), "`center` must have"),
        (lambda: rf.ParameterGrid.cartesian([], [0.0]), "one axis for each dimension"),
        (lambda: rf.ParameterGrid.cartesian([[0, 1, 3]], [0.0, 1.0]), "must be uniform"),
        (lambda: rf.ParameterGrid.nodes([[1.0]], [1.0, 2.0]), "agree in their first length"),
        (lambda: rf.ParameterGrid.nodes(np.empty((0, 2)), []), "must not be empty"),
        (lambda: rf.ParameterGrid.nodes([[np.nan]], [1.0]), "must be finite"),
        (lambda: rf.directions(430, 2), "`dim` must be at most 429"),
        (lambda: rf.directions(10**9, 2), "`dim` must be at most 429"),
        (lambda: rf.ParameterGrid.polar(2, 4, [1, 2], 1e300, 1e-300), "fewer than 2.48 offsets"),
        (lambda: rf.ParameterGrid.polar(99, 4, [1, 1e5], 1.0, 0.5), "must have a finite power 98"),
        (
            lambda: rf.ParameterGrid.polar(2, 4, [1, 2], 1, 0.5, scale_weights=[1, -1]),
            "`scale_weights` must not be negative",
        ),
        (lambda: rf.ParameterGrid.cartesian(np.arange(3.0), [0.0]), r"write `\[axis\]`"),
        (lambda: rf.ParameterGrid.cartesian(iter([[0.0]]), [0.0]), "must be a list or a tuple"),
        (lambda: POLAR.offsets(3), "`scale` must be at most 2"),
        (lambda: POLAR.offsets(-1), "`scale` must be at least 0"),
        (lambda: POLAR.offsets("1"), "`scale` must be an integer"),
        (lambda: rf.ParameterGrid.nodes([[1.0]], [1.0]).offsets(0), "need a polar grid, got nodes"),
    ],
)
def test_bad_geometry_is_refused(call, message):
    with pytest.raises((ValueError, TypeError), match=message):
        call()


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"directions": np.nan * POLAR.directions}, "`directions` must be finite"),
        ({"directions": 3 * POLAR.directions}, "must be unit vectors, got norm 3"),
        ({"directions": POLAR.directions[:-1]}, "`direction_weights` must hold 3 weights"),
        ({"direction_weights": -POLAR.direction_weights}, "must hold 4 weights >= 0"),
        ({"scale_weights": POLAR.scale_weights * np.nan}, "`scale_weights` must be finite"),
        ({"scale_weights": -POLAR.scale_weights}, "must hold 3 weights >= 0"),
        ({"scales": POLAR.scales[::-1]}, "`scales` must increase strictly"),
        ({"scales": POLAR.scales - 0.5}, "`scales` must be positive"),
        ({"radius": 1e9}, "`size` must be the number of nodes"),
        ({"step": 0.0}, "`step` must be positive"),
        ({"margin": np.nan}, "`margin` must be finite"),
        ({"center": np.zeros(3)}, r"`center` must have shape \(2,\)"),
        ({"kind": "polars"}, "did you mean 'polar'"),
        ({"kind": "nodes"}, "`plain` must hold a and b"),
        ({"kind": "cartesian"}, "`axes` must hold 2 axes of a"),
        ({"size": 3}, "`size` must be the number of nodes"),
    ],
)
def test_no_grid_is_built_past_its_validators(changed, message):
    with pytest.raises((ValueError, TypeError), match=message):
        replace(POLAR, **changed)


@pytest.mark.parametrize(
    "call",
    [
        lambda: rf.ParameterGrid.polar(2, 10**9, [1.0, 2.0], 1.0, 0.5),
        lambda: rf.directions(2, 2**48),
        lambda: rf.directions(3, 10**9),
        lambda: rf.directions(7, 10**9),
        lambda: rf.directions(429, 10**7),
    ],
)
def test_rules_beyond_the_budget_are_refused_before_they_are_made(call):
    tracemalloc.start()
    try:
        with pytest.raises(rf.MemoryBudgetError, match="take fewer directions"):
            call()
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()


def test_a_grid_beyond_the_budget_is_refused_with_both_sizes():
    grid = rf.ParameterGrid.polar(2, 1000, np.geomspace(0.1, 1000, 50), 10.0, 0.1)
    with (
        rf.config(memory_budget=2**24),
        pytest.raises(MemoryError, match=r"needs \d+ MiB, the memory"),
    ):
        _ = grid.a
