"""Speed and error of transforms of scattered samples, and of reconstructions from them.

``pytest tests/benchmarks --benchmark-enable`` measures at full size; the default suite runs
everybody once on a small problem, so that the comparison keeps working.
"""

import numpy as np
import pytest
import scattered_table as table

import ridgeflow as rf


@pytest.fixture(scope="module")
def small():
    return table.Problem(2000, 12, 6, 96)


@pytest.fixture(scope="module")
def full():
    return table.Problem()


@pytest.fixture
def problem(request, benchmark):
    return request.getfixturevalue("full" if benchmark.enabled else "small")


def measure(benchmark, one, group, bound):
    """Time a contestant, and hold its error below the bound."""
    benchmark.group = group
    with rf.config(threads=table.THREADS):
        one.once()
        benchmark.pedantic(one.run, rounds=3 if benchmark.enabled else 1)
    benchmark.extra_info |= {"error": one.error, "share of the problem": one.share}
    if one.compare is not None:
        assert one.error < bound


@pytest.mark.parametrize(
    ("tol", "dtype"), [(1e-6, np.float64), (1e-9, np.float64), (1e-4, np.float32)]
)
def test_transform(benchmark, problem, tol, dtype):
    one = table.ours(problem, tol, dtype)
    measure(benchmark, one, "transform", tol)  # measured 6e-8, 3e-11, 5e-6


@pytest.mark.parametrize("upsampling", [1.25, 2.0])
def test_finufft(benchmark, problem, upsampling):
    pytest.importorskip("finufft")
    one = table.finufft_route(problem, 1e-6, upsampling)
    measure(benchmark, one, "transform", 1e-5)  # measured 6e-8, 1e-7


def test_direct_sum(benchmark, problem):
    measure(benchmark, table.direct_route(problem), "transform", np.inf)


def test_reconstruction(benchmark, problem):
    # Measured 5e-8: the sum ends with the offsets, where the integral goes on.
    measure(benchmark, table.ours_inverse(problem), "reconstruction", 1e-6)


def test_direct_reconstruction(benchmark, problem):
    measure(benchmark, table.direct_inverse(problem), "reconstruction", np.inf)


def test_nodes_are_those_of_the_grid(small):
    index = np.arange(0, small.grid.size, 97)
    a, b = small.some_nodes(index)
    assert np.allclose(a, small.grid.a[index], rtol=1e-14, atol=0)
    assert np.allclose(b, small.grid.b[index], rtol=0, atol=1e-12)
    mean = small.grid.size / (small.n_directions * small.n_scales)
    assert abs(mean - small.n_offsets) < 3  # measured 1.7: offsets are rounded up


def test_table_shows_times_errors_and_ratios(small):
    contestants = [table.ours(small, 1e-6), table.direct_route(small)]
    table.race(contestants, 1)
    lines = table.table("Title", contestants)
    assert lines[0] == "Title"
    assert lines[3].split()[0] == "ridgeflow" and lines[3].split()[-1] == "1.0"
    assert lines[4].split()[:2] == ["direct", "sum"] and lines[4].split()[3] == "-"


def test_scaling_has_a_row_for_each_growth():
    lines = table.scaling(table.Problem(200, 4, 2, 64), 1)
    assert len(lines) == 3 + 9 + 1
    assert lines[3].split()[:4] == ["200", "4", "2", "64"]
