"""Calls keep to the memory budget, and a budget that a refusal names is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from ridgeflow._config import config
from ridgeflow._validate import fits_in_memory, holding, slab_rows
from ridgeflow.errors import MemoryBudgetError
from tests.bank.memory import BUDGETS, CASES, MOST, OPEN, measure

_MIB = 2**20

measured = pytest.mark.skipif(
    not Path("/proc/self/clear_refs").exists(), reason="peaks are read from /proc"
)


def _require_kept(name: str, budgets: tuple[int, ...]) -> None:
    for budget, found, again in measure(name, budgets):
        kept = found.within(budget, OPEN.get(name, MOST))
        assert kept, f"{found.peak / budget:.2f} of {budget >> 20} MiB"
        if found.refusal:
            assert found.named > budget
            assert not again.refusal, again.refusal
            assert again.within(found.named), f"{again.peak / found.named:.2f} of what was named"


@measured
@pytest.mark.parametrize(
    "name", [name for name, case in CASES.items() if case.quick and name not in OPEN]
)
def test_quick_calls_keep_to_their_budget(name):
    _require_kept(name, BUDGETS[:1])


@measured
@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    CASES,
)
def test_calls_keep_to_their_budget(name):
    _require_kept(name, BUDGETS)


def test_what_callers_hold_counts():
    refused = pytest.raises(MemoryBudgetError, match="this needs 35 MiB, the memory budget is 32")
    with config(memory_budget=32 * _MIB):
        fits_in_memory(20.0 * _MIB, "this", "less")
        with holding(10.0 * _MIB), holding(5.0 * _MIB), refused:
            fits_in_memory(20.0 * _MIB, "this", "less")
        fits_in_memory(20.0 * _MIB, "this", "less")


def test_named_sizes_are_rounded_up():
    with config(memory_budget=_MIB), pytest.raises(MemoryBudgetError, match="needs 3 MiB"):
        fits_in_memory(2.1 * _MIB, "this", "less")


def test_slabs_fill_a_quarter_of_the_budget_or_what_is_left_of_it():
    def rows(count: int, fixed: float, **more: float) -> int:
        return slab_rows(1024.0, count, fixed, "this", "less", **more)

    with config(memory_budget=32 * _MIB):
        assert rows(10**6, 0.0) == 8 * 1024
        assert rows(10**6, 28.0 * _MIB) == 4 * 1024
        assert rows(10**6, 0.0, most=2.0 * _MIB) == 2 * 1024
        assert rows(100, 31.5 * _MIB) == 100
        with pytest.raises(MemoryBudgetError, match="needs 33 MiB"):
            rows(10**6, 31.5 * _MIB)
    # What was named is enough.
    with config(memory_budget=33 * _MIB):
        assert rows(10**6, 31.5 * _MIB) == 1536
