"""Every public callable has valid calls, and changes of their arguments end well."""

from __future__ import annotations

import pytest

from .outcomes import BAD, judge
from .run import draw, room


@pytest.mark.parametrize("name", ["closed_forms", "fields"])
def test_calls_as_they_are(name):
    rows = room(name)
    outcomes = [(case.title, judge(case)) for case in draw(rows, len(rows), 0)]
    failed = [f"{title}: {found}" for title, found in outcomes if found.kind in BAD]
    assert not failed, "\n".join(failed)
