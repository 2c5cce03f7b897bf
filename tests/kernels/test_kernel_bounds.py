"""No compiled loop indexes by a number that came from outside without a bound.

Kernels do not check their arguments, and a place that is NaN or far away would be read or written
out of an array: what is computed from such a place may be NaN, but nothing else may change. Arrays
lie between guards, which writing out of bounds would hit first.
"""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._kernels.backprojection import sum_profiles, sum_profiles_gradient
from ridgeflow._kernels.lattice_sums import kinks_at_points, kinks_on_lines
from ridgeflow._kernels.line_spreading import WIDTH, gather_lines, spread_lines
from ridgeflow._kernels.slices import line_kernels, plane_kernels, row_kernels
from ridgeflow._kernels.spreading import add_moments, sum_samples
from ridgeflow.radon_transform.interpolation import SemicircleKernel

GUARD = 1 << 12
STRANGE = [np.nan, np.inf, -np.inf, 1e300, -1e300, 1e18, -1e18, 2.0**31, -(2.0**31), 0.0]


class Guarded:
    """An array in the middle of a longer one."""

    def __init__(self, *shape):
        n = int(np.prod(shape))
        self.whole = np.full(n + 2 * GUARD, 7.0)
        self.array = self.whole[GUARD : GUARD + n].reshape(shape)
        self.array[...] = 0.0

    def untouched(self):
        return (self.whole[:GUARD] == 7).all() and (self.whole[-GUARD:] == 7).all()


@pytest.mark.parametrize("strange", STRANGE)
def test_profiles(strange):
    profiles = np.ones((2, 5, 1, 4))
    for where in range(4):
        x, u, c, width = np.array([[0.1, 0.2]]), np.ones((2, 1)), np.zeros(2), 0.4
        if where < 3:
            (x, u, c)[where].flat[0] = strange
        else:
            width = strange
        out, slope = Guarded(1, 2), Guarded(1, 1, 2)
        some = (0, 2, x, u, c, -1.0, width, profiles)
        sum_profiles(4)(*some, out.array)
        sum_profiles_gradient(4)(*some, out.array, slope.array)
        assert out.untouched() and slope.untouched()


@pytest.mark.parametrize("strange", STRANGE)
def test_moments(strange):
    for where in range(3):
        x, y, u = np.full((1, 4), 0.3), np.ones((1, 4)), np.ones((1, 1))
        (x, y, u)[where].flat[0] = strange
        moments = Guarded(1, 10, 4)
        add_moments(4)(0, 1, x, y, u, 1.0, 5, moments.array)
        assert moments.untouched() and (moments.array[:, 5:] == 0).all()


@pytest.mark.parametrize("strange", STRANGE)
def test_direct_sums(strange):
    table = rf.Ridgelet(1, 2.5, family="power").table()
    for where in range(4):
        x, y, a, b = np.full((1, 4), 0.3), np.ones((1, 4)), np.ones((3, 1)), np.zeros(3)
        (x, y, a, b)[where].flat[0] = strange
        out = Guarded(3, 1)
        sum_samples(0, 3, x, y, a, b, *table, 1.0, out.array)
        assert out.untouched()
        assert np.isfinite(out.array[2, 0]) or where < 2


@pytest.mark.parametrize("order", [0, 1, 2])
@pytest.mark.parametrize("strange", [*STRANGE, 1e-14, 3e-15, -3e-15])
def test_kinks(strange, order):
    n, jumps = 6, np.ones((1, 3))
    below = np.ones((1, 4, order + 1))
    for where in range(5):
        a, low, x, step, db = np.ones((1, 1)), np.zeros(1), np.zeros((1, 1)), 0.2, 0.5
        if where < 3:
            (a, low, x)[where].flat[0] = strange
        step, db = (strange, db) if where == 3 else (step, strange if where == 4 else db)
        for slack in (1e-14, 0.0):
            head, differences = Guarded(1, order + 1), Guarded(1, n + order + 1)
            some = (0, 1, a, low, db, jumps, below, 0, x, step, slack)
            kinks_on_lines(*some, head.array, differences.array)
            assert head.untouched() and differences.untouched()
            out = Guarded(1)
            kinks_at_points(0, 1, a, low, db, jumps, below, x, slack, out.array)
            assert out.untouched()


@pytest.mark.parametrize("strange", [*STRANGE, 15.9999, 16.0, -0.5])
def test_sums_on_lines(strange):
    table, period = SemicircleKernel(WIDTH).table, 16
    places, weights, u = np.full((2, 3), 5.3), np.ones(3), np.ones((2, 1))
    places[0, 1] = strange
    fine = Guarded(2, period + WIDTH)
    spread_lines(0, 2, places, weights, period, table, fine.array)
    assert fine.untouched() and np.isfinite(fine.array[1]).all()
    sums, moments = Guarded(3, 2), Guarded(3, 2)
    some = (np.ones((2, period + WIDTH)), np.ones((2, period + WIDTH)), u)
    gather_lines(0, 3, places, period, table, *some, sums.array, moments.array)
    assert sums.untouched() and moments.untouched()
    # Weights of a node add up to one number, wherever the place.
    assert np.isfinite(sums.array[[0, 2]]).all()


@pytest.mark.parametrize("strange", STRANGE)
def test_rows_of_slices(strange):
    kernel, period = SemicircleKernel(6), 16
    gather, scatter = row_kernels(6)
    for where in range(2):
        low, step, rows = np.full(2, 0.3), np.full(2, 1.1), np.arange(2)
        (low, step)[where][0] = strange
        tail = (0, low, step, 5, period, np.ones(2), rows, kernel.table)
        fine, out = Guarded(2, period + 6), Guarded(2, 5)
        fine.array[:] = 1.0
        gather(0, 2, fine.array, *tail, out.array)
        assert out.untouched() and fine.untouched() and np.isfinite(out.array[1]).all()
        scatter(0, 2, np.ones((2, 5)), *tail, fine.array)
        assert fine.untouched() and np.isfinite(fine.array[1]).all()


@pytest.mark.parametrize("strange", STRANGE)
def test_lines_and_planes_of_slices(strange):
    width, period = 6, 16
    table = SemicircleKernel(width).table * np.where(np.arange(width) % 2, -1.0, 1.0)
    for makers, shape in ((line_kernels, (period,)), (plane_kernels, (period, period))):
        gather, scatter = makers(width)
        slope = np.full((len(shape), 3), 0.3)
        slope[-1, 1] = strange
        extended = [n + width for n in shape]
        grid, out = Guarded(2, *extended[:-1], 2 * extended[-1]), Guarded(3, 4)
        grid.array[:] = 1.0
        gather(0, 2, grid.array, 0, slope, *shape, table, out.array)
        assert out.untouched() and grid.untouched() and np.isfinite(out.array[[0, 2]]).all()
        scatter(0, 2, np.ones((3, 4)), 0, slope, *shape, table, grid.array)
        assert grid.untouched()
