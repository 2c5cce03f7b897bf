"""Points and volumes of balls and spheres."""

import math

import numpy as np
import pytest

from ridgeflow.geometry import (
    ball_points,
    ball_volume,
    half_sphere_area,
    log_unit_ball_volume,
    sphere_points,
    uniform_ball_points,
    unit_ball_volume,
)


@pytest.mark.parametrize("dim", [1, 2, 3, 7])
def test_volumes(dim):
    # The sphere's area is m times the ball's volume.
    assert unit_ball_volume(dim) == pytest.approx(2 * half_sphere_area(dim) / dim, rel=1e-14)
    assert log_unit_ball_volume(dim) == pytest.approx(math.log(unit_ball_volume(dim)), abs=1e-13)
    assert ball_volume(dim, 2.0) == pytest.approx(2**dim * unit_ball_volume(dim), rel=1e-15)


@pytest.mark.parametrize("dim", [1, 2, 5])
def test_points_fill_ball_and_sphere(dim):
    n, radius = 4000, 1.5
    unit = sphere_points(n, dim, np.random.default_rng(0))
    np.testing.assert_allclose(np.linalg.norm(unit, axis=1), 1, rtol=1e-14)
    drawn = uniform_ball_points(n, dim, radius, np.random.default_rng(0))
    even = ball_points(n, np.zeros(dim), radius, np.random.default_rng(0))
    for points in (drawn, even):
        # (|x| / r)^m is uniform: deviations of the mean from 1/2 by 4 standard errors.
        level = (np.linalg.norm(points, axis=1) / radius) ** dim
        assert level.max() <= 1 + 1e-12
        assert abs(level.mean() - 0.5) < 4 * math.sqrt(1 / 12 / n)
        assert np.abs(points.mean(axis=0)).max() < 4 * radius / math.sqrt(n)
