"""Delimited text: records, names and numbers."""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import fits_in_memory
from ridgeflow.datasets.headers import begins_with_names
from ridgeflow.datasets.refused_files import refuse_words
from ridgeflow.datasets.text_cells import advice, is_missing, is_number, number, whole
from ridgeflow.errors import FileFormatError

__all__ = ["TextTable"]

_COPIES = 8  # bytes held for each byte of text, about
_UNNAMED = re.compile(r"|Unnamed: \d+")  # pandas calls columns so that had no name


class TextTable:
    """The records of a text, with the names of its columns.

    Attributes
    ----------
    names : list of str
    """

    def __init__(self, file: str, content: bytes, header: bool | None) -> None:
        self.file = file
        text = _decoded(file, content)
        refuse_words(file, text)
        self.lines, self.rows, raw, delimiter = _records(file, text)
        _align(self.rows, delimiter, named=header)
        _same_width(file, self.lines, self.rows, raw)
        if header is None:
            quoted = _all_quoted(raw[0], self.rows[0]) and not any(
                _all_quoted(line, row) for line, row in zip(raw[1:], self.rows[1:])
            )
            header = begins_with_names(file, self.lines[0], self.rows, quoted)
        given: list[str] = []
        start = self.lines[0]
        if header:
            given = self.rows[0]
            self.lines, self.rows = self.lines[1:], self.rows[1:]
            if not self.rows:
                raise FileFormatError(f"{file} holds a header but no data")
        self._drop_empty(given)
        self._given = given
        self.names = self._named(start, given)

    def numbers(self, chosen: Sequence[int], *, every: bool) -> NDArray[np.float64]:
        """Columns as numbers; ``every`` tells that no choice was made by the caller."""
        data = np.empty((len(self.rows), len(chosen)))
        for k, j in enumerate(chosen):
            for i, row in enumerate(self.rows):
                value = number(row[j])
                if value is None or not math.isfinite(value):
                    raise self._problem(i, j, value, every=every)
                data[i, k] = value
        return data

    def _problem(self, i: int, j: int, value: float | None, *, every: bool) -> FileFormatError:
        cell = self.rows[i][j]
        if cell == "":
            problem = f"is empty{advice(cell)}"
        elif value is not None:
            problem = f"must be finite, got {cell!r} (remove the row, or replace the value)"
        elif every and not advice(cell) and not any(is_number(r[j]) for r in self.rows):
            problem = f"must hold numbers, got {cell!r} (choose columns with `columns`)"
        else:
            problem = f"must be a number, got {cell!r}{advice(cell)}"
        return FileFormatError(
            f"{self.file}, line {self.lines[i]}, column {self.names[j]!r}: {problem}"
        )

    def _drop_empty(self, given: list[str]) -> None:
        """Columns without name and without content: lines that end with a delimiter."""
        while len(self.rows[0]) > 1:
            if (given and given[-1]) or any(row[-1] for row in self.rows):
                return
            for row in (given, *self.rows) if given else self.rows:
                del row[-1]

    def _named(self, line: int, given: list[str]) -> list[str]:
        if not given:
            return [str(j) for j in range(len(self.rows[0]))]
        names = [name or f"column_{j}" for j, name in enumerate(given)]
        repeated = sorted(name for name, count in Counter(names).items() if count > 1)
        if repeated:
            raise FileFormatError(
                f"{self.file}, line {line}: column names must differ, got {repeated[0]!r} twice"
            )
        return names

    def index(self) -> str | None:
        """What makes the first column an index, if it is one.

        Raises
        ------
        FileFormatError
            If it has no name and may be an index or a variable.
        """
        column = [row[0] for row in self.rows]
        if not self._given or len(self.names) == 1 or not _UNNAMED.fullmatch(self._given[0]):
            return None
        if len(set(column)) == len(column):
            if all(whole(cell) is not None for cell in column):
                return "an index without a name"
            if not any(is_number(cell) or is_missing(cell) for cell in column):
                return "names of rows"
        raise FileFormatError(
            f"{self.file}: column 0 must have a name, or be an index of different whole numbers or "
            "words (choose columns with `columns`)"
        )


def _decoded(file: str, content: bytes) -> str:
    fits_in_memory(_COPIES * len(content), file, "save the columns that you need, or use NPY")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{file} is no UTF-8 text: byte {error.start} cannot be decoded (save the table "
            "as UTF-8 CSV, NPY or NPZ)"
        ) from None
    if "\0" in text:
        raise FileFormatError(f"{file} is a binary file, neither text nor NPY or NPZ")
    return text


def _records(file: str, text: str) -> tuple[list[int], list[list[str]], list[str], str | None]:
    """Line numbers, cells and text of all records, and the delimiter; lengths may still differ."""
    kept = [
        (number_of_line, line)
        for number_of_line, line in enumerate(re.split(r"\r\n|\n|\r", text), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not kept:
        raise FileFormatError(f"{file} holds no data")
    lines, raw = [n for n, _ in kept], [line for _, line in kept]
    try:
        delimiter = _sniff(raw[:20])
        rows = _cells_between_spaces(raw) if delimiter is None else _cells(raw, delimiter)
    except csv.Error as error:
        if "field limit" in str(error):
            raise FileFormatError(f"{file} has a cell of more than 131072 characters") from None
        raise FileFormatError(f"{file} has a broken quotation: {error}") from None
    if len(rows) != len(lines):
        raise FileFormatError(f"{file} has a quoted cell that spans several lines")
    return lines, rows, raw, delimiter


def _cells(raw: list[str], delimiter: str) -> list[list[str]]:
    reader = csv.reader(raw, delimiter=delimiter, skipinitialspace=True, strict=True)
    return [[cell.strip() for cell in row] for row in reader]


def _cells_between_spaces(raw: list[str]) -> list[list[str]]:
    rows = [_words(line) for line in raw]
    # A name of several words above one column.
    if len(rows[0]) > 1 and len(rows) > 1 and all(len(row) == 1 for row in rows[1:]):
        rows[0] = [" ".join(rows[0])]
    return rows


def _words(line: str) -> list[str]:
    """Cells between white space; what stands in quotes is one cell."""
    if '"' not in line:
        return line.split()
    spaced = " ".join(line.split())
    return next(csv.reader([spaced], delimiter=" ", skipinitialspace=True, strict=True))


def _sniff(sample: list[str]) -> str | None:
    """The delimiter that cuts the sample into the steadiest rows; None for white space."""
    best, score = None, 0
    for delimiter in "\t;,":
        counts = [len(row) - 1 for row in csv.reader(sample, delimiter=delimiter)]
        steady = sum(count == counts[0] for count in counts) if counts and counts[0] else 0
        if steady > score:
            best, score = delimiter, steady
    return best


def _align(rows: list[list[str]], delimiter: str | None, *, named: bool | None) -> None:
    """Give a header the cell that all lines below have more.

    It is the last where these end with a delimiter, and the corner above names of rows, which R
    leaves out: words, or 1 to n. Elsewhere a comma too many is a comma in a number.
    """
    first, rest = rows[0], rows[1:]
    if named is False or (named is None and any(map(is_number, first))):
        return
    if not rest or any(len(row) != len(first) + 1 for row in rest):
        return
    corner = [row[0] for row in rest]
    counted = corner == [str(i) for i in range(1, len(rest) + 1)]
    if not any(row[-1] for row in rest):
        rows[0] = [*first, ""]
    elif delimiter in (None, "\t") and (counted or not any(map(is_number, corner))):
        rows[0] = ["", *first]


def _same_width(file: str, lines: list[int], rows: list[list[str]], raw: list[str]) -> None:
    width = len(rows[0])
    for line, row, text in zip(lines, rows, raw):
        if len(row) != width:
            raise FileFormatError(
                f"{file}, line {line}: must have {width} cell(s) like line {lines[0]}, got "
                f"{len(row)}: {text.strip()[:60]!r}"
            )


def _all_quoted(line: str, row: list[str]) -> bool:
    return line.count('"') == 2 * len(row) and line.strip().startswith('"')
