"""Tables that a user brings: which kind of file it is, and the columns that were asked for."""

from __future__ import annotations

import difflib
import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import flag, items_of
from ridgeflow.datasets.numpy_files import ArrayFile, is_numpy
from ridgeflow.datasets.refused_files import refuse_other
from ridgeflow.datasets.text_tables import TextTable
from ridgeflow.errors import FileFormatError, TableWarning

__all__ = ["Table", "TableFile", "read_table"]


@dataclass(frozen=True, eq=False)
class Table:
    """Numeric columns read from a file.

    Parameters
    ----------
    data : (n, m) float array
        One row per record of the file, one column per column that was asked for.
    names : tuple of str
        Names of the columns; the 0-based numbers as text where the file has no names.
    path : str
        Where the table was read from.

    See Also
    --------
    read_table

    Examples
    --------
    >>> Table(np.zeros((2, 1)), ("u",), "table.csv").names
    ('u',)
    """

    data: NDArray
    names: tuple[str, ...]
    path: str


def read_table(
    path: str | os.PathLike[str],
    columns: Sequence[str | int] | str | int | None = None,
    *,
    array: str | None = None,
    header: bool | None = None,
) -> Table:
    """Read numeric columns from delimited text, an NPY file or an NPZ file.

    Text: the delimiter (tab, semicolon, comma or white space) is found from the content; blank
    lines and lines that start with ``#`` are skipped; exponents may be Fortran's (``1.0D+02``).
    NPY: a 2-D array (or 1-D, one column). NPZ: its only array, the one named by ``array``, or, if
    all its arrays are 1-D and equally long, these as named columns.

    The first line is a header if none of its cells is a number, if its first cell is empty above
    numbers and the others are whole numbers (an exported index), or if it differs in kind from all
    other lines: words above numbers, or a run of whole numbers far from the columns below
    (``2019,2020,2021``). Where it may be either, an error asks for ``header``.

    A first column without a name whose entries all differ, whole numbers or words, is an index:
    without ``columns`` it is left out, with a warning.

    Parameters
    ----------
    path : path
        File to read; a pipe may be read once.
    columns : sequence of str or int, optional
        Columns by name or 0-based number, in the order wanted; all of them by default. A text of
        digits that is no name counts as a number.
    array : str, optional
        Name of the array in an NPZ file.
    header : bool, optional
        Whether the first line of a text holds names; found from the content by default.

    Returns
    -------
    Table
        ``data`` of shape (n, m), ``names`` and ``path``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file cannot be read, is empty or malformed, holds a cell that is not a finite number
        in a column that was asked for, or may or may not begin with a header; the message names
        line and column.
    ValueError
        If a column or array does not exist or is asked for twice.
    MemoryBudgetError
        If the content exceeds the configured memory budget.

    Warns
    -----
    TableWarning
        If an index is left out.

    Notes
    -----
    **Accuracy.** Text is read to the nearest float64; float32 arrays stay float32.
    **Cost.** The whole file is held in memory.

    See Also
    --------
    standardise

    Examples
    --------
    >>> import pathlib, tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = pathlib.Path(folder, "points.csv")
    ...     _ = file.write_text("u;v;kind\\n1;2;a\\n3;4;b\\n")
    ...     table = read_table(file, ["v", 0])
    >>> table.names, table.data.tolist()
    (('v', 'u'), [[2.0, 1.0], [4.0, 3.0]])
    """
    return TableFile(path, header=header).table(columns, array=array)


class TableFile:
    """A file that is read once, and gives any of its columns or arrays."""

    def __init__(self, path: str | os.PathLike[str], *, header: bool | None = None) -> None:
        if header is not None:
            flag(header, "header")
        file = _existing(path)
        self.path, self.name = str(file), file.name
        self.arrays: ArrayFile | None = None
        self.text: TextTable | None = None
        try:
            # Opened once: what a pipe gave is gone.
            with file.open("rb") as stream:
                start = stream.read(512)
                if not start:
                    raise FileFormatError(f"{self.name} is empty")
                if is_numpy(start):
                    if header is not None:
                        raise ValueError(
                            f"`header` must be None for NPY and NPZ files, got {header}"
                        )
                    self.arrays = ArrayFile(file, stream, start)
                    return
                refuse_other(self.name, start)
                content = start + stream.read()
        except OSError as error:
            raise FileFormatError(
                f"{self.name} cannot be read: {error.strerror or error}"
            ) from None
        self.text = TextTable(self.name, content, header)

    def table(
        self, columns: Sequence[str | int] | str | int | None = None, *, array: str | None = None
    ) -> Table:
        """The columns asked for, as :func:`read_table` describes them."""
        if self.arrays is not None:
            names, values = self.arrays.columns(array)
            chosen = _choose(columns, names, self.name)
            data = np.ascontiguousarray(values[:, chosen])
            _finite(self.name, names, chosen, data)
        else:
            assert self.text is not None
            if array is not None:
                raise ValueError(f"`array` must be None for a file that is no NPZ, got {array!r}")
            names = self.text.names
            chosen = _choose(columns, names, self.name)
            index = self.text.index() if columns is None else None
            if index is not None:
                chosen = chosen[1:]
                warnings.warn(
                    f"{self.name}: left out column 0, {index} (to keep it, choose it with "
                    "`columns`)",
                    TableWarning,
                    stacklevel=3,
                )
            data = self.text.numbers(chosen, every=columns is None)
        return Table(data, tuple(names[j] for j in chosen), self.path)


def _existing(path: str | os.PathLike[str]) -> Path:
    try:
        file = Path(path)
    except TypeError:
        raise TypeError(f"`path` must be the path of a file, got {path!r}") from None
    try:
        file.stat()
    # ValueError: a name with a null character.
    except (FileNotFoundError, NotADirectoryError, ValueError):
        raise FileNotFoundError(f"`path` must be an existing file, got {str(file)!r}") from None
    except OSError as error:
        raise FileFormatError(f"{str(file)!r} cannot be read: {error.strerror}") from None
    if file.is_dir():
        raise FileFormatError(f"`path` must be a file, got the folder {str(file)!r}")
    return file


def _choose(
    columns: Sequence[str | int] | str | int | None, names: list[str], file: str
) -> list[int]:
    """Positions of the columns asked for."""
    if columns is None:
        return list(range(len(names)))
    if isinstance(columns, (str, int, np.integer)):
        wanted = [columns]
    else:
        wanted = items_of(columns, "columns")
    if not wanted:
        raise ValueError("`columns` must name at least one column, got none")
    chosen: list[int] = []
    for column in wanted:
        j = -1
        if isinstance(column, str):
            if column in names:
                j = names.index(column)
            elif column.isascii() and column.isdigit() and len(column) < 10:
                j = int(column)
        elif isinstance(column, (int, np.integer)) and not isinstance(column, bool):
            j = int(column)
        else:
            raise TypeError(f"`columns` must hold names and numbers, got {column!r}")
        if not 0 <= j < len(names):
            near = difflib.get_close_matches(str(column), names, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"`columns` must be among {_listed(names)} or 0 to {len(names) - 1} in {file}, "
                f"got {column!r}{hint}"
            )
        if j in chosen:
            raise ValueError(f"`columns` must differ, got {names[j]!r} twice")
        chosen.append(j)
    return chosen


def _listed(names: list[str], most: int = 30) -> str:
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])}, … ({len(names)} columns)"


def _finite(file: str, names: list[str], chosen: list[int], data: NDArray) -> None:
    bad = np.argwhere(~np.isfinite(data))
    if bad.size:
        i, j = bad[0]
        raise FileFormatError(
            f"{file}, row {i}, column {names[chosen[j]]!r}: must be finite, got "
            f"{data[i, j]} ({len(bad)} such value(s); remove these rows)"
        )
