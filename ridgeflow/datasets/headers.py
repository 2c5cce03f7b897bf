"""Whether the first line of a table holds names: decided only where it is certain.

A header made of numbers that is read as data adds a point that nobody measured; data read as a
header loses one. So the first line is a header only if it differs in kind from every other line,
data only if it does not, and an error in between.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

from ridgeflow.datasets.text_cells import is_missing, is_number, looks_like_number, number, whole
from ridgeflow.errors import FileFormatError

__all__ = ["begins_with_names"]

_FEW = 3  # lines below which nothing is far from all the others


def begins_with_names(file: str, line: int, rows: Sequence[list[str]], quoted: bool) -> bool:
    """Whether the first row holds names; ``quoted`` tells that it alone has all cells in quotes.

    Raises
    ------
    FileFormatError
        If it may be either.
    """
    first, rest = rows[0], rows[1:]
    numbers = [j for j, cell in enumerate(first) if is_number(cell)]
    words = [j for j, cell in enumerate(first) if j not in numbers and not is_missing(cell)]
    if not numbers:
        if rest and all(looks_like_number(first[j]) for j in words):
            raise _doubt(file, line, first)
        return True
    if not rest or quoted:
        return bool(rest)
    return _names_among_numbers(file, line, first, rest, numbers, words)


def _names_among_numbers(
    file: str,
    line: int,
    first: list[str],
    rest: Sequence[list[str]],
    numbers: list[int],
    words: list[int],
) -> bool:
    """Whether a first row with numbers holds names: decided by what stands below its words."""
    plain = _whole_and_different([first[j] for j in numbers])
    if first[0] == "" and plain and any(row[0] for row in rest):
        return True  # the corner above an index
    above = [j for j in words if _numeric(rest, j)]
    if above:
        if len(numbers) > 1 and _run(first, numbers):
            return True
        cell, j = first[above[0]], above[0]
        raise FileFormatError(
            f"{file}, line {line}: mixes numbers with {cell!r} in column {j} (mend the cell, or, "
            f"if the line is a header, {_WAY})"
        )
    if not plain or any(_comes_again(first, rest, j) for j in words):
        return False  # a category that comes again
    below = [j for j in numbers if any(is_number(row[j]) for row in rest)]
    # Numbers above nothing but words are names.
    return not below or _names_above_numbers(file, line, first, rest, below)


def _names_above_numbers(
    file: str, line: int, first: list[str], rest: Sequence[list[str]], below: list[int]
) -> bool:
    """Whether different whole numbers above columns of numbers are names of these."""
    run, far = _run(first, below), _far(first, rest, below)
    alone = run and not any(_run(row, below) for row in rest)
    if alone and far and len(below) > 1:
        return True
    if len(below) == 2 and any(_keeps_time(first, rest, j) for j in below):
        return False
    # What pandas writes for columns without names, and what begins many a small table.
    count = run and whole(first[below[0]]) in (0, 1) and not all(_run(row, below) for row in rest)
    if far or count or alone or _written_otherwise(first, rest, below):
        raise _doubt(file, line, first)
    return False


_WAY = "say so: `header=True`, or `header=False` for data; --header, --no-header for commands"


def _doubt(file: str, line: int, first: list[str]) -> FileFormatError:
    shown = ", ".join(first)
    shown = shown if len(shown) <= 60 else f"{shown[:59]}…"
    return FileFormatError(f"{file}, line {line}: may be a header or data, got {shown!r} ({_WAY})")


def _whole_and_different(cells: Sequence[str]) -> bool:
    labels = [whole(cell) for cell in cells]
    return None not in labels and len(set(labels)) == len(labels)


def _comes_again(first: list[str], rest: Sequence[list[str]], j: int) -> bool:
    return any(row[j] == first[j] for row in rest)


def _numeric(rest: Sequence[list[str]], j: int) -> bool:
    """Whether a column holds numbers, and nothing else but missing values."""
    cells = [row[j] for row in rest]
    return all(is_number(c) or is_missing(c) for c in cells) and any(map(is_number, cells))


def _run(row: list[str], columns: Sequence[int]) -> bool:
    """Whether whole numbers rise by equal steps, by 1 if there are two; one alone must be 0."""
    values = [whole(row[j]) for j in columns]
    if None in values:
        return False
    if len(values) == 1:
        return values[0] == 0
    steps = {b - a for a, b in itertools.pairwise(values)}  # type: ignore[operator]
    return len(steps) == 1 and (steps == {1} or (len(values) > 2 and min(steps) > 0))


def _far(first: list[str], rest: Sequence[list[str]], columns: Sequence[int]) -> bool:
    """Whether all first numbers lie farther from the others below them than these spread."""
    return len(rest) >= _FEW and all(
        _far_above(first[j], [row[j] for row in rest]) for j in columns
    )


def _far_above(first: str, rest: Sequence[str]) -> bool:
    others = [value for cell in rest if (value := number(cell)) is not None]
    value, low, high = number(first), min(others), max(others)
    assert value is not None
    return high > low and not (low - (high - low) <= value <= high + (high - low))


def _written_otherwise(first: list[str], rest: Sequence[list[str]], columns: Sequence[int]) -> bool:
    """Whether whole numbers rise above nothing but numbers with three decimals or more."""
    values = [whole(first[j]) for j in columns]
    if len(rest) < _FEW or any(b <= a for a, b in itertools.pairwise(values)):  # type: ignore[operator]
        return False
    return all(len(row[j].partition(".")[2]) >= 3 for row in rest for j in columns)


def _keeps_time(first: list[str], rest: Sequence[list[str]], j: int) -> bool:
    """Whether a column rises by equal steps, no whole numbers, from its first number on."""
    column = [number(row[j]) for row in (first, *rest)]
    if len(column) < 3 or None in column:
        return False
    steps = [b - a for a, b in itertools.pairwise(column)]  # type: ignore[operator]
    return not steps[0].is_integer() and max(steps) - min(steps) <= 1e-6 * steps[0]
