"""Every public callable has valid calls, and changes of their arguments end well."""

from __future__ import annotations

import pytest

from .outcomes import judge
from .run import ROOMS, draw, room
from .surface import callables


def test_every_callable_has_a_row():
    rows = {row.name for name in ROOMS for row in room(name)}
    assert not callables() - rows, "give these a row"


@pytest.mark.parametrize("name", ["closed_forms", "fields"])
def test_calls_as_they_are(name):
    rows = room(name)
    outcomes = [(case.title, judge(case)) for case in draw(rows, len(rows), 0)]
    failed = [f"{title}: {found}" for title, found in outcomes if not found.good]
    assert not failed, "\n".join(failed)
