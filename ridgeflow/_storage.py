"""Files written whole or not at all: text, and archives of one object with a JSON header."""

from __future__ import annotations

import json
import os
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.errors import FileFormatError

__all__ = ["load_archive", "save_archive", "save_text", "whole_file"]

_HEADER = "ridgeflow_header"
_VERSION = 1


def save_archive(
    path: str | os.PathLike, kind: str, header: dict[str, Any], arrays: dict[str, NDArray]
) -> None:
    """Write ``header`` (JSON values) and ``arrays``; if interrupted, an old file stays whole."""
    text = json.dumps({"kind": kind, "version": _VERSION, **header})
    with whole_file(path) as stream:
        np.savez(stream, **{_HEADER: np.array(text)}, **arrays)  # type: ignore[arg-type]


def save_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 with line feeds; if interrupted, an old file stays whole."""
    data = text.encode("utf-8")
    with whole_file(path) as stream:
        stream.write(data)


@contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A stream whose content becomes the file at ``path`` when the block ends without an error."""
    target = Path(path)
    if target.is_dir():
        raise IsADirectoryError(f"`path` must be a file, got the folder {str(target)!r}")
    if target.exists() and not target.is_file():
        # Devices and pipes are written to: nothing may take their place.
        with target.open("wb") as stream:
            yield stream
        return
    if not target.parent.is_dir():
        raise FileNotFoundError(
            f"`path` must lie in an existing folder, got {str(target)!r} (create {target.parent})"
        )
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    except OSError as error:
        raise OSError(
            f"`path` must lie in a folder that can be written, got {str(target)!r} "
            f"({error.strerror})"
        ) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        # mkstemp makes private files; a saved result follows the user's own mask instead.
        mask = os.umask(0)
        os.umask(mask)
        os.chmod(temporary, 0o666 & ~mask)
        os.replace(temporary, target)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def load_archive(path: str | os.PathLike, *kinds: str) -> tuple[dict[str, Any], dict[str, NDArray]]:
    """Header and arrays of a file that ``save_archive`` wrote with one of the given kinds."""
    target = Path(path)
    if not target.is_file():
        raise FileNotFoundError(f"`path` must name an existing file, got {str(target)!r}")
    try:
        # Opened here, so that it is closed again where NumPy gives up half-way.
        with open(target, "rb") as stream, np.load(stream, allow_pickle=False) as archive:
            if _HEADER not in archive.files:
                raise FileFormatError(
                    f"{str(target)!r} was not written by ridgeflow (it holds no header)"
                )
            header = json.loads(str(archive[_HEADER]))
            arrays = {name: archive[name] for name in archive.files if name != _HEADER}
            if not isinstance(header, dict):
                raise ValueError("its header is no table of names")
    except FileFormatError:
        raise
    # RuntimeError: an encrypted archive, or one packed in a way that zipfile does not know.
    except (
        OSError,
        ValueError,
        EOFError,
        KeyError,
        RuntimeError,
        zipfile.BadZipFile,
        zlib.error,
    ) as error:
        raise FileFormatError(
            f"{str(target)!r} is truncated or not an archive of ridgeflow: {error}"
        ) from None
    if header.get("kind") not in kinds:
        raise FileFormatError(
            f"{str(target)!r} holds a {header.get('kind')}, expected {' or '.join(kinds)}"
        )
    if header.get("version", 0) > _VERSION:
        raise FileFormatError(
            f"{str(target)!r} has format version {header['version']}, this ridgeflow reads up to "
            f"{_VERSION} (upgrade ridgeflow)"
        )
    return header, arrays
