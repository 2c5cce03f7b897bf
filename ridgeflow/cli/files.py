"""What the command line reads and writes: tables in, an output folder that is whole or absent."""

from __future__ import annotations

import csv
import io
import json
import math
import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import JOB, save_text, whole_file
from ridgeflow.datasets import standardise
from ridgeflow.datasets.tables import TableFile
from ridgeflow.datasets.text_cells import is_number
from ridgeflow.errors import CheckpointError

__all__ = [
    "BadInput",
    "Columns",
    "FieldSamples",
    "FigureFailure",
    "checkpoint_folder",
    "draw",
    "headings",
    "no_figure_failed",
    "output_folder",
    "read_columns",
    "read_samples",
    "refused",
    "write_json",
    "write_table",
]


class BadInput(ValueError):
    """The user's arguments or files cannot be worked with: exit status 2."""


class FigureFailure(RuntimeError):
    """A figure could not be drawn; everything else is written: exit status 1."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Numeric columns of a file, standardised: ``x = mean + scale * points``."""

    points: NDArray[np.float64]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    names: tuple[str, ...]
    source: str

    def original(self, z: NDArray) -> NDArray:
        """Standardised coordinates back in the units of the file."""
        return self.mean + self.scale * z

    def report(self) -> dict[str, Any]:
        """What a reader of the report needs to undo the standardisation."""
        return {
            "source": self.source,
            "rows": len(self.points),
            "columns": list(self.names),
            "mean": self.mean.tolist(),
            "scale": self.scale.tolist(),
            "note": "results are in standardised units: (x - mean) / scale",
        }


def read_columns(
    path: Path,
    columns: str | None,
    array: str | None,
    *,
    header: bool | None = None,
    most: int | None = None,
    source: str = "",
) -> Columns:
    """Read and standardise at most so many columns; every refusal is the user's to mend."""
    chosen = None if columns is None else _split(columns)
    with refused():
        table = TableFile(path, header=header).table(chosen, array=array)
        width = table.data.shape[1]
        if most is not None and width > most:
            raise BadInput(
                f"`--columns` must name at most {most} columns, got {width} (choose some of "
                f"{', '.join(table.names[:20])}{', …' if width > 20 else ''})"
            )
        if table.data.dtype == np.float32:
            # In its own precision a constant column is seen to be one.
            standardise(table.data, names=table.names)
        points, mean, scale = standardise(table.data.astype(np.float64), names=table.names)
    return Columns(points, mean, scale, table.names, source or str(path))


@contextmanager
def refused(names: Mapping[str, str] = MappingProxyType({})) -> Iterator[None]:
    """Turn what the library says of a user's input into exit status 2.

    ``names`` are options that are called otherwise than the library's arguments; a message that
    names none is about the file.
    """
    try:
        yield
    except BadInput:
        raise
    # A failed factorisation, a ValueError by descent, is no word on the user's input.
    except np.linalg.LinAlgError:
        raise
    # OSError: a file that is not there or cannot be read. TypeError: an array of another kind.
    except (ValueError, TypeError, OSError) as error:
        message = re.sub(r"`(\w+)`", lambda found: f"`{names.get(found[1], found[1])}`", str(error))
        if not re.search(r"`[\w-]+`", message):
            message = f"`FILE`: {message}"
        raise BadInput(message) from error


@dataclass(frozen=True, eq=False)
class FieldSamples:
    """Samples of a vector field in the units of the file."""

    points: NDArray[np.float64]
    velocities: NDArray[np.float64]
    times: NDArray[np.float64] | None
    names: tuple[str, ...]


def read_samples(
    path: Path, points: str, velocities: str, times: str | None, *, header: bool | None = None
) -> FieldSamples:
    """Read points, velocities and times: arrays of an NPZ file, or columns of a table."""
    with refused():
        file = TableFile(path, header=header)
    arrays = file.arrays is not None and file.arrays.named
    read = []
    for option, name in (("--points", points), ("--velocities", velocities), ("--times", times)):
        if name is None:
            continue
        with refused({"columns": option, "array": option}):
            read.append(file.table(array=name) if arrays else file.table(_split(name)))
    parts, when = read[:2], read[2] if len(read) > 2 else None
    names = parts[0].names
    if arrays:
        names = tuple(f"x{i}" for i in range(parts[0].data.shape[1]))
    x, v = (part.data.astype(np.float64) for part in parts)
    if x.shape != v.shape:
        raise BadInput(f"`--velocities` must have the shape {x.shape} of `--points`, got {v.shape}")
    t = None
    if when is not None:
        if when.data.shape != (len(x), 1):
            raise BadInput(
                f"`--times` must be one number for each of {len(x)} samples, got shape "
                f"{when.data.shape}"
            )
        t = when.data[:, 0].astype(np.float64)
    return FieldSamples(x, v, t, names)


def _split(names: str) -> list[str]:
    """Names between commas; a name that holds one stands in double quotes."""
    try:
        [cells] = csv.reader([names], skipinitialspace=True, strict=True) if names else [[""]]
    except (csv.Error, ValueError) as error:  # ValueError: a line break
        raise BadInput(f"names must be separated by commas, got {names!r} ({error})") from None
    return [cell.strip() for cell in cells]


@contextmanager
def output_folder(path: Path, figures: Iterable[str] = ()) -> Iterator[Path]:
    """Yield an empty folder; its files appear in ``path`` only if the block succeeds.

    It is made before the block, on the same file system as ``path``, so that a folder which cannot
    be written is refused before any work, and moving the files at the end copies nothing. Figures
    of these names that an earlier run left go at the same time: they show other numbers.
    """
    path = path.absolute()
    if path.exists() and not path.is_dir():
        raise BadInput(f"`--out` must be a folder, got the file {str(path)!r}")
    fresh = not path.exists()
    parents = [parent for parent in path.parents if not parent.exists()]
    token = secrets.token_hex(4)
    stage = path.with_name(f".{path.name}.{token}") if fresh else path / f".ridgeflow.{token}"
    try:
        stage.mkdir(parents=True)
        if not os.access(stage.parent, os.W_OK | os.X_OK):
            raise PermissionError(13, os.strerror(13))
    except OSError as error:
        _remove(stage, parents)
        raise BadInput(
            f"`--out` must be a folder that can be written, got {str(path)!r} ({error.strerror})"
        ) from error
    try:
        yield stage
        if fresh and not path.exists():
            stage.rename(path)
        else:
            path.mkdir(exist_ok=True)
            for name in figures:
                (path / name).unlink(missing_ok=True)
            for file in sorted(stage.iterdir()):
                file.replace(path / file.name)
            stage.rmdir()
    except BaseException:
        _remove(stage, parents)
        raise


@contextmanager
def checkpoint_folder(path: Path, resume: bool) -> Iterator[Path | None]:
    """Where in the folder of the results a run keeps its finished parts, None if it keeps none.

    It goes when the results are written, and stays when they are not.
    """
    if not resume:
        yield None
        return
    folder = path / "checkpoint"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise BadInput(
            f"`--out` must be a folder that can be written, got {str(path)!r} ({error.strerror})"
        ) from error
    try:
        yield folder
    except CheckpointError as error:
        raise BadInput(str(error).replace("`checkpoint`", "`--resume`")) from error
    _forget(folder)


def _forget(folder: Path) -> None:
    """Remove checkpoints. What tells whose parts they are goes last: killed on the way, the same
    command goes on."""
    for file in folder.rglob("*"):
        if file.is_file() and file.name != JOB:
            file.unlink()
    shutil.rmtree(folder)


def _remove(stage: Path, parents: list[Path]) -> None:
    shutil.rmtree(stage, ignore_errors=True)
    for parent in parents:
        try:
            parent.rmdir()
        except OSError:
            return


def draw(folder: Path, figures: Mapping[str, Callable[[], Any]]) -> str:
    """Draw figures beside numbers that are already written; what failed is said, not raised.

    Parameters
    ----------
    folder : Path
        Where the numbers are.
    figures : mapping of str to callable
        Name of each file, and what makes a figure, or the text of a page.

    Returns
    -------
    str
        Which figures failed, and why, for :func:`no_figure_failed`; empty if none did.
    """
    failed = []
    for name, make in figures.items():
        try:
            made = make()
            if isinstance(made, str):
                save_text(folder / name, made)
            else:
                stream = io.BytesIO()
                made.savefig(stream, format="png")
                with whole_file(folder / name) as file:
                    file.write(stream.getvalue())
        # Whatever goes wrong in a drawing library: the user's numbers do not depend on it.
        except Exception as error:
            reason = " ".join(str(error).split())[:200]
            failed.append(f"{name} ({type(error).__name__}{': ' if reason else ''}{reason})")
    return ", ".join(failed)


def no_figure_failed(failed: str) -> None:
    """Leave with exit status 1, after everything else is written and said, if a figure failed."""
    if failed:
        raise FigureFailure(f"figures that could not be drawn: {failed} (all else is written)")


def plain(value: Any) -> Any:
    """The value in JSON's types: arrays as lists, numbers that are not finite as null."""
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, np.ndarray):
        return plain(value.tolist())
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def as_json(report: Mapping[str, Any]) -> str:
    """The report as text that any JSON reader takes."""
    return json.dumps(plain(report), indent=2, ensure_ascii=False, allow_nan=False)


def write_json(path: Path, report: Mapping[str, Any]) -> None:
    """Write a report beside the tables and figures."""
    save_text(path, as_json(report) + "\n")


def write_table(path: Path, names: Sequence[str], table: NDArray) -> None:
    """Write numbers under their names, as ``read_table`` and spreadsheets take them.

    Names that a spreadsheet would read as a formula begin with an apostrophe; those that are
    numbers begin with "column_", since they would pass for data.
    """
    stream = io.StringIO()
    csv.writer(stream, lineterminator="\n").writerow(headings(names))
    np.savetxt(stream, table, delimiter=",", fmt="%.10g")
    save_text(path, stream.getvalue())


def headings(names: Sequence[str]) -> list[str]:
    """Names of columns as :func:`write_table` writes them."""

    def heading(name: str) -> str:
        text = " ".join(name.split())
        if is_number(text) or not text:
            return f"column_{text}"
        return f"'{text}" if text[0] in "=+-@" else text

    return [heading(name) for name in names]
