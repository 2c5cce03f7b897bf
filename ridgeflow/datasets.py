"""Real data: the small set shipped with the package, and tables that a user brings.

Fisher's iris is the data of the demo. ``read_table`` reads numeric columns from delimited text, NPY
and NPZ files and says where a file goes wrong; ``standardise`` brings columns of different units to
one scale, which isotropic noise presumes.
"""

from __future__ import annotations

import csv
import difflib
import importlib.resources
import math
import os
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points
from ridgeflow.errors import FileFormatError

__all__ = ["Dataset", "Table", "load_iris", "read_table", "standardise"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set shipped with the package, with its source and licence.

    Parameters
    ----------
    data : (n, m) float64 array
        One row per observation, in the units that ``feature_names`` state.
    feature_names : tuple of str
        Names of the columns, with units.
    target : (n,) int64 array
        Class of each row, an index into ``target_names``.
    target_names : tuple of str
        Names of the classes.
    source : str
        Publication and repository.
    licence : str
        Terms of use.

    See Also
    --------
    load_iris

    Examples
    --------
    >>> load_iris().target_names
    ('setosa', 'versicolor', 'virginica')
    """

    data: NDArray[np.float64]
    feature_names: tuple[str, ...]
    target: NDArray[np.int64]
    target_names: tuple[str, ...]
    source: str
    licence: str


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


def load_iris() -> Dataset:
    """Load Fisher's iris: all 150 flowers, four lengths in centimetres, three species.

    The values are those of Fisher's printed table. The copy at the UCI repository departs from it
    in rows 35 and 38 (petal width 0.1; sepal width 3.1 and petal length 1.5).

    Returns
    -------
    Dataset
        ``data`` of shape (150, 4) in cm: sepal length, sepal width, petal length, petal width.

    Notes
    -----
    **Cost.** Reads a file of 4 kB.

    References
    ----------
    R. A. Fisher, *The use of multiple measurements in taxonomic problems*, Annals of Eugenics 7(2),
    1936, pages 179-188, Table I. UCI Machine Learning Repository, doi:10.24432/C56C76.

    Examples
    --------
    >>> iris = load_iris()
    >>> iris.data.shape
    (150, 4)
    >>> iris.data[37].tolist()
    [4.9, 3.6, 1.4, 0.1]
    """
    text = importlib.resources.files("ridgeflow").joinpath("data", "iris.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    names = ("setosa", "versicolor", "virginica")
    return Dataset(
        data=np.array([[float(cell) for cell in row[:4]] for row in rows]),
        feature_names=(
            "sepal length (cm)",
            "sepal width (cm)",
            "petal length (cm)",
            "petal width (cm)",
        ),
        target=np.array([names.index(row[4]) for row in rows], dtype=np.int64),
        target_names=names,
        source=(
            "R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of "
            "Eugenics 7(2), 1936, 179-188; measured by E. Anderson; UCI Machine Learning "
            "Repository, doi:10.24432/C56C76"
        ),
        licence="CC BY 4.0",
    )


def standardise(
    points: ArrayLike, *, names: Sequence[str] | None = None
) -> tuple[NDArray, NDArray, NDArray]:
    """Shift and scale every column to mean 0 and standard deviation 1.

    ``z = (x - mean) / scale`` with ``scale`` the standard deviation of the sample (``ddof=1``), the
    convention of :func:`ridgeflow.kernel_density`.

    Parameters
    ----------
    points : (n, m) or (n,) array
        Observations, n >= 2.
    names : sequence of str, optional
        Names of the columns, for messages.

    Returns
    -------
    z : (n, m) float array
        Standardised points, dimensionless; ``mean + scale * z`` leads back.
    mean, scale : (m,) float arrays
        In the unit of each column.

    Raises
    ------
    ValueError
        If there are fewer than two rows, a value is not finite, ``names`` has another length than
        m, or a column is constant (its spread is below 1e-12 of its magnitude).

    Notes
    -----
    **Accuracy.** Rounding only. **Cost.** O(nm).

    Examples
    --------
    >>> z, mean, scale = standardise([[0.0, 1.0], [2.0, 5.0]])
    >>> mean.tolist()
    [1.0, 3.0]
    >>> standardise([[1.0, 2.0], [1.0, 3.0]], names=["u", "v"])
    Traceback (most recent call last):
        ...
    ValueError: `points` must vary in every column, got constant column(s) 'u' (drop them)
    """
    array = as_points(points)
    if names is not None and len(names) != array.shape[1]:
        raise ValueError(
            f"`names` must have one entry per column ({array.shape[1]}), got {len(names)}"
        )
    if len(array) < 2:
        raise ValueError(f"`points` must hold at least 2 rows, got {len(array)}")
    mean = array.mean(0)
    # Scaling first keeps the squares of huge values finite.
    size = np.maximum(np.abs(array).max(0), np.finfo(array.dtype).tiny)
    scale = size * np.std(array / size, axis=0, ddof=1)
    flat = [j for j in range(array.shape[1]) if not scale[j] > 1e-12 * size[j]]
    if flat:
        labels = ", ".join(repr(names[j]) if names is not None else str(j) for j in flat)
        raise ValueError(
            f"`points` must vary in every column, got constant column(s) {labels} (drop them)"
        )
    return (array - mean) / scale, mean, scale


def read_table(
    path: str | os.PathLike[str],
    columns: Sequence[str | int] | str | int | None = None,
    *,
    array: str | None = None,
) -> Table:
    """Read numeric columns from delimited text, an NPY file or an NPZ file.

    Text: the delimiter (tab, semicolon, comma or white space) is found from the content; blank
    lines and lines that start with ``#`` are skipped; the first line is a header if none of its
    cells is a number. NPY: a 2-D array (or 1-D, one column). NPZ: its only array, the one named by
    ``array``, or, if all its arrays are 1-D and equally long, these as named columns.

    Parameters
    ----------
    path : path
        File to read.
    columns : sequence of str or int, optional
        Columns by name or 0-based number, in the order wanted; all of them by default. A text of
        digits that is no name counts as a number.
    array : str, optional
        Name of the array in an NPZ file.

    Returns
    -------
    Table
        ``data`` of shape (n, m), ``names`` and ``path``.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file cannot be read, is empty or malformed, or holds a cell that is not a finite
        number in a column that was asked for; the message names line and column.
    ValueError
        If a column or array does not exist or is asked for twice.

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
    file = Path(path)
    if not file.exists():
        raise FileNotFoundError(f"`path` must be an existing file, got {str(file)!r}")
    if file.is_dir():
        raise FileFormatError(f"`path` must be a file, got the folder {str(file)!r}")
    try:
        with file.open("rb") as stream:
            magic = stream.read(6)
    except OSError as error:
        raise FileFormatError(f"{file.name} cannot be read: {error.strerror}") from None
    if not magic:
        raise FileFormatError(f"{file.name} is empty")
    if array is not None and not magic.startswith(b"PK"):
        raise ValueError(f"`array` must be None for a file that is no NPZ, got {array!r}")
    if magic.startswith((b"\x93NUMPY", b"PK")) or file.suffix in (".npy", ".npz"):
        names, values = _read_numpy(file, array)
        chosen = _choose(columns, names, file.name)
        data = np.ascontiguousarray(values[:, chosen])
        bad = np.argwhere(~np.isfinite(data))
        if bad.size:
            i, j = bad[0]
            raise FileFormatError(
                f"{file.name}, row {i}, column {names[chosen[j]]!r}: must be finite, got "
                f"{data[i, j]} ({len(bad)} such value(s); remove these rows)"
            )
    else:
        names, lines, rows = _read_text(file)
        chosen = _choose(columns, names, file.name)
        data = _numbers(file.name, names, lines, rows, chosen, every=columns is None)
    return Table(data, tuple(names[j] for j in chosen), str(file))


def _read_numpy(file: Path, array: str | None) -> tuple[list[str], NDArray]:
    try:
        loaded = np.load(file, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            arrays = {"": loaded}
        else:
            with loaded:
                arrays = {name: loaded[name] for name in loaded.files}
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zipfile.LargeZipFile) as error:
        raise FileFormatError(
            f"{file.name} is no readable NPY or NPZ file of numbers: {_one_line(error)}"
        ) from None
    if not arrays:
        raise FileFormatError(f"{file.name} holds no array")
    listing = ", ".join(f"{name!r} {a.shape}" for name, a in arrays.items())
    if array is not None:
        if array not in arrays:
            raise ValueError(
                f"`array` must name an array of {file.name} ({listing}), got {array!r}"
            )
        arrays = {array: arrays[array]}
    if len(arrays) > 1:
        if {a.ndim for a in arrays.values()} != {1} or len({a.size for a in arrays.values()}) > 1:
            raise FileFormatError(
                f"{file.name} must hold one array, or 1-D arrays of one length, got {listing} "
                "(name one with `array`)"
            )
        names = list(arrays)
        values = np.column_stack(list(arrays.values()))
    else:
        values = next(iter(arrays.values()))
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2:
            raise FileFormatError(f"{file.name} must hold a 2-D array, got shape {values.shape}")
        names = [str(j) for j in range(values.shape[1])]
    if values.dtype.kind not in "biuf":
        raise FileFormatError(f"{file.name} must hold real numbers, got dtype {values.dtype}")
    if values.size == 0:
        raise FileFormatError(f"{file.name} holds no data, got shape {values.shape}")
    return names, values if values.dtype == np.float32 else values.astype(np.float64)


def _read_text(file: Path) -> tuple[list[str], list[int], list[list[str]]]:
    """Column names, and the line number and cells of every record."""
    try:
        text = file.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FileFormatError(
            f"{file.name} is no UTF-8 text: byte {error.start} cannot be decoded (save the table "
            "as UTF-8 CSV, NPY or NPZ)"
        ) from None
    if "\0" in text:
        raise FileFormatError(f"{file.name} is a binary file, neither text nor NPY or NPZ")
    kept = [
        (number, line)
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not kept:
        raise FileFormatError(f"{file.name} holds no data")
    lines = [number for number, _ in kept]
    delimiter = _sniff([line for _, line in kept[:20]])
    if delimiter is None:
        rows = [line.split() for _, line in kept]
    else:
        try:
            reader = csv.reader(
                (line for _, line in kept), delimiter=delimiter, skipinitialspace=True, strict=True
            )
            rows = [[cell.strip() for cell in row] for row in reader]
        except csv.Error as error:
            raise FileFormatError(f"{file.name} has a broken quotation: {error}") from None
        if len(rows) != len(lines):
            raise FileFormatError(f"{file.name} has a quoted cell that spans several lines")
    width = len(rows[0])
    for number, row, (_, line) in zip(lines, rows, kept):
        if len(row) != width:
            raise FileFormatError(
                f"{file.name}, line {number}: must have {width} cell(s) like line {lines[0]}, got "
                f"{len(row)}: {line.strip()[:60]!r}"
            )
    if _is_header(file.name, lines[0], rows):
        names = rows[0]
        repeated = sorted({name for name in names if names.count(name) > 1})
        if repeated:
            raise FileFormatError(
                f"{file.name}, line {lines[0]}: column names must differ, got {repeated[0]!r} twice"
            )
        lines, rows = lines[1:], rows[1:]
        if not rows:
            raise FileFormatError(f"{file.name} holds a header but no data")
    else:
        names = [str(j) for j in range(width)]
    return names, lines, rows


def _sniff(sample: list[str]) -> str | None:
    """The delimiter that cuts the sample into the steadiest rows; None for white space."""
    best, score = None, 0
    for delimiter in "\t;,":
        counts = [len(row) - 1 for row in csv.reader(sample, delimiter=delimiter)]
        steady = sum(count == counts[0] for count in counts) if counts and counts[0] else 0
        if steady > score:
            best, score = delimiter, steady
    return best


def _is_header(name: str, line: int, rows: list[list[str]]) -> bool:
    numeric = [_is_number(cell) for cell in rows[0]]
    if not any(numeric):
        return True
    for j, cell in enumerate(rows[0]):
        if cell and not numeric[j] and len(rows) > 1 and _is_number(rows[1][j]):
            raise FileFormatError(
                f"{name}, line {line}: mixes numbers with {cell!r} in column {j} (mend the "
                "cell, or, if the line is a header, let no name be a number)"
            )
    return False


def _number(cell: str) -> float | None:
    # Python reads "1_0" as ten; in a table it is a name.
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        return None


def _is_number(cell: str) -> bool:
    return _number(cell) is not None


def _choose(
    columns: Sequence[str | int] | str | int | None, names: list[str], file: str
) -> list[int]:
    """Positions of the columns asked for."""
    if columns is None:
        return list(range(len(names)))
    wanted = [columns] if isinstance(columns, (str, int)) else list(columns)
    if not wanted:
        raise ValueError("`columns` must name at least one column, got none")
    chosen: list[int] = []
    for column in wanted:
        if isinstance(column, str) and column in names:
            j = names.index(column)
        elif str(column).isdigit() and not isinstance(column, bool):
            j = int(column)
        else:
            j = -1
        if not 0 <= j < len(names):
            near = difflib.get_close_matches(str(column), names, n=1, cutoff=0.5)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise ValueError(
                f"`columns` must be among {', '.join(names)} or 0 to {len(names) - 1} in {file}, "
                f"got {column!r}{hint}"
            )
        if j in chosen:
            raise ValueError(f"`columns` must differ, got {names[j]!r} twice")
        chosen.append(j)
    return chosen


def _numbers(
    file: str,
    names: list[str],
    lines: list[int],
    rows: list[list[str]],
    chosen: list[int],
    *,
    every: bool,
) -> NDArray[np.float64]:
    """The chosen columns as numbers; ``every`` tells that no choice was made by the caller."""
    data = np.empty((len(rows), len(chosen)))
    for k, j in enumerate(chosen):
        for i, row in enumerate(rows):
            cell = row[j]
            value = _number(cell)
            if value is None:
                if cell == "":
                    problem = "is empty (remove the row, or fill the cell)"
                elif _is_number(cell.replace(",", ".")):
                    problem = f"must be a number, got {cell!r} (write a decimal point)"
                elif every and not any(_is_number(r[j]) for r in rows):
                    problem = f"must hold numbers, got {cell!r} (choose columns with `columns`)"
                else:
                    problem = f"must be a number, got {cell!r}"
                raise FileFormatError(f"{file}, line {lines[i]}, column {names[j]!r}: {problem}")
            if not math.isfinite(value):
                raise FileFormatError(
                    f"{file}, line {lines[i]}, column {names[j]!r}: must be finite, got {cell!r} "
                    "(remove the row, or replace the value)"
                )
            data[i, k] = value
    return data


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
