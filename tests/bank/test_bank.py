"""Every public callable has valid calls, and what is done to their arguments ends well.

The default suite changes one argument of each row; the slow one draws ten thousand cases, each
room in a process of its own, so that a crash or a hang is one failure and not the end.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from .run import ROOMS, changed, report, room, run_apart, run_here
from .surface import callables

# Cases of each row in the slow suite; the counts of the rooms together exceed ten thousand.
_EACH = 26


def test_every_callable_has_a_row():
    rows = {row.name for name in ROOMS for row in room(name)}
    assert not callables() - rows, "give these a row"


def test_one_change_of_each_row(record_property):
    cases = [case for name in ROOMS for case in changed(room(name), 1, 0)]
    found = [
        (case.title, outcome.kind, outcome.detail, seconds)
        for case, outcome, seconds in run_here(cases)
    ]
    counts, failures = report(found)
    record_property("bank, one change of each row", counts)
    assert not failures, "\n".join(failures)


@pytest.mark.slow
def test_ten_thousand_cases(record_property):
    def of(name: str) -> list[tuple[str, str, str, float]]:
        return list(run_apart(name, _EACH * len(room(name)), 1))

    with ThreadPoolExecutor(2) as pool:
        found = [case for cases in pool.map(of, ROOMS) for case in cases]
    counts, failures = report(found)
    record_property("bank, all rooms", counts)
    assert len(found) >= 10_000
    assert not failures, "\n".join(failures)
