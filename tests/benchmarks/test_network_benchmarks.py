"""Speed and error of sums of neurons beside blocked PyTorch.

``pytest tests/benchmarks --benchmark-enable`` measures at full size; the default suite runs
everybody once on a small problem, so that the comparison keeps working.
"""

import network_table as table
import numpy as np
import pytest

import ridgeflow as rf

CASES = [(2, "relu"), (2, "tanh"), (16, "gaussian"), (128, "relu")]


def measure(benchmark, one, group, bound):
    """Time a contestant, and hold its error below the bound."""
    benchmark.group = group
    with rf.config(threads=table.THREADS):
        one.once()
        if benchmark.enabled:
            benchmark.pedantic(one.run, rounds=5)
        else:
            benchmark.pedantic(one.run, rounds=1)
    benchmark.extra_info["error"] = one.error
    assert one.error < bound


def problem(benchmark, name, dim, dtype, n_out=1):
    size = table.SIZE if benchmark.enabled else 300
    return table.Problem(name, dim, dtype, size, size, n_out)


# Measured 2e-6 (ReLU, whose terms cancel) and 4e-15.
BOUNDS = {np.float32: 1e-5, np.float64: 1e-13}


@pytest.mark.parametrize("dtype", list(BOUNDS))
@pytest.mark.parametrize(("dim", "name"), CASES)
def test_values(benchmark, dim, name, dtype):
    one = table.ours(problem(benchmark, name, dim, dtype))
    measure(benchmark, one, f"values {name} {dim} {np.dtype(dtype).name}", BOUNDS[dtype])


@pytest.mark.parametrize("task", ["gradient", "correlate"])
def test_other_tasks(benchmark, task):
    one = table.ours(problem(benchmark, "tanh", 2, np.float32, 2), task)
    measure(benchmark, one, f"{task} tanh 2", BOUNDS[np.float32])


@pytest.mark.parametrize("task", table.TASKS)
def test_blocked_torch(benchmark, task):
    pytest.importorskip("torch")
    case = problem(benchmark, "tanh", 2, np.float32, 2)
    rows, columns = (512, 2000) if benchmark.enabled else (70, 90)
    run = table.torch_blocks(case, task, rows, columns)
    one = table.Contestant("torch", run, case.truth(task))
    measure(benchmark, one, f"{task} tanh 2", BOUNDS[np.float32])


def test_table_shows_times_and_errors():
    text = table.line(
        table.Problem("relu", 2, np.float32, 50, 40), "values", table.How(1), 8.0, 0.0
    )
    assert text.split()[:3] == ["2", "relu", "1"]
    assert float(text.split()[5]) < 1e-5
    assert table.machine(table.How())[0].startswith(("x86", "arm", "aarch"))
