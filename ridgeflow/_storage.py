"""Files written whole or not at all: text, and archives of one object, read without trust.

An archive is an uncompressed .npz with a JSON header. Its members are unpacked one by one as they
are asked for, after what they claim to hold has been compared with what the file can hold and with
the memory budget.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import stat
import struct
import time
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import fits_in_memory
from ridgeflow.errors import FileFormatError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

__all__ = ["JOB", "Archive", "as_path", "open_archive", "save_archive", "save_text", "whole_file"]

_HEADER = "ridgeflow_header"
_VERSION = 1
_MAGIC = b"\x93NUMPY\x01\x00"
# What NumPy writes for the types that archives hold: truth values, numbers and text.
_DESCRIPTION = re.compile(
    r"\{'descr': '([<>|][biufcU]\d{1,9})', 'fortran_order': (True|False), "
    r"'shape': \(((?:\d{1,18}, ?)*(?:\d{1,18})?)\), \} *\n"
)
# Deflate shortens by at most 1032.
_DENSEST = 1032
# Of a checkpoint: what tells whose parts its folder holds.
JOB = "job.npz"
_TEMPORARY = ".ridgeflow-"
# Where nothing tells whether a writer lives, its file is taken for left behind after this, in s.
_FORGOTTEN = 86400.0
# The temporary files of a folder are looked for among so many of its entries.
_MOST_ENTRIES = 10_000


def as_path(path: Any, name: str = "path") -> Path:
    """A path from a non-empty string or path-like object."""
    if not isinstance(path, (str, os.PathLike)) or isinstance(os.fspath(path), bytes):
        raise TypeError(f"`{name}` must be a string or a path, got {type(path).__name__}")
    text = os.fspath(path)
    if not text or "\0" in text:
        raise ValueError(f"`{name}` must name a file, got {text!r}")
    return Path(text)


def save_text(path: str | os.PathLike, text: str) -> None:
    """Write ``text`` as UTF-8 with its line ends; if interrupted, an old file stays whole."""
    with whole_file(path) as stream:
        stream.write(text.encode("utf-8"))


@contextlib.contextmanager
def whole_file(path: str | os.PathLike) -> Iterator[IO[bytes]]:
    """A stream whose content becomes the file at ``path`` when the block ends without an error.

    The content goes to a temporary file beside the target, which then takes its place: whatever
    interrupts this, an old file stays whole. The target of a symbolic link is replaced, not the
    link; an existing file keeps its mode; pipes and devices are written to directly. Temporary
    files of writers that died are removed.
    """
    given = as_path(path)
    target = Path(os.path.realpath(given))
    try:
        old = os.stat(given)
    except FileNotFoundError:
        old = None
    except OSError as error:  # a folder that may not be searched, a loop of links, a long name
        raise _refused(given, error) from None
    if old is not None:
        if stat.S_ISDIR(old.st_mode):
            raise IsADirectoryError(f"`path` must be a file, got the folder {str(given)!r}")
        if not os.access(given, os.W_OK):
            raise PermissionError(f"`path` must be a file that may be written, got {str(given)!r}")
        if not (stat.S_ISREG(old.st_mode) and target.exists()):
            with open(given, "wb") as stream:
                yield stream
            return
    elif not target.parent.is_dir():
        raise FileNotFoundError(
            f"`path` must lie in an existing folder, got {str(given)!r} (create {target.parent})"
        )
    _remove_forgotten(target.parent)
    try:
        handle, temporary = _temporary_in(target.parent, 0o666 if old is None else old.st_mode)
    except OSError as error:
        raise _refused(given, error) from None
    try:
        with os.fdopen(handle, "wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
            if old is not None:
                _take_over(temporary, old)
            if fcntl is not None:
                # While it is open it is locked, so that no other writer takes it for forgotten.
                os.replace(temporary, target)
        if fcntl is None:
            os.replace(temporary, target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _refused(path: Path, error: OSError) -> OSError:
    return type(error)(
        f"`path` must lie in a folder that can be written, got {str(path)!r} ({error.strerror})"
    )


def _temporary_in(folder: Path, mode: int) -> tuple[int, Path]:
    """A new file, open and locked; the process's mask applies to its mode."""
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    while True:
        path = folder / f"{_TEMPORARY}{secrets.token_hex(8)}.tmp"
        handle = os.open(path, flags, stat.S_IMODE(mode) & 0o777)
        # Between these two lines another writer may have taken it for forgotten.
        if not _locked(handle) or os.fstat(handle).st_nlink:
            return handle, path
        os.close(handle)


def _locked(handle: int, flags: int = 0) -> bool:
    """Whether a lock was had, which ends with the process at the latest."""
    if fcntl is None:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | flags)
    except OSError:  # held by another, or a file system without locks
        return False
    return True


def _take_over(temporary: Path, old: os.stat_result) -> None:
    """Mode and, where this user may give files away, owner of the file that is replaced."""
    if hasattr(os, "chown"):
        now = os.stat(temporary)
        if (now.st_uid, now.st_gid) != (old.st_uid, old.st_gid):
            with contextlib.suppress(PermissionError):
                os.chown(temporary, old.st_uid, old.st_gid)
    os.chmod(temporary, stat.S_IMODE(old.st_mode))


def _remove_forgotten(folder: Path) -> None:
    """Remove temporary files whose writers died; what cannot be told or removed is left."""
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for _, entry in zip(range(_MOST_ENTRIES), entries, strict=False):
            if entry.name.startswith(_TEMPORARY) and entry.is_file(follow_symlinks=False):
                with contextlib.suppress(OSError):
                    _remove_if_forgotten(entry)


def _remove_if_forgotten(entry: os.DirEntry[str]) -> None:
    if fcntl is None:
        if time.time() - entry.stat().st_mtime > _FORGOTTEN:
            os.unlink(entry.path)
        return
    handle = os.open(entry.path, os.O_RDWR | os.O_NOFOLLOW)
    try:
        # By now it may have taken its place under another name: then there is nothing to remove.
        if _locked(handle, fcntl.LOCK_NB):
            os.unlink(entry.path)
    finally:
        os.close(handle)


def save_archive(
    path: str | os.PathLike, kind: str, header: dict[str, Any], arrays: dict[str, NDArray]
) -> None:
    """Write ``header`` (JSON values) and ``arrays``; if interrupted, an old file stays whole."""
    text = json.dumps({"kind": kind, "version": _VERSION, **header})
    with whole_file(path) as stream:
        np.savez(stream, **{_HEADER: np.array(text)}, **arrays)  # type: ignore[arg-type]


class Archive(Mapping[str, NDArray]):
    """An open archive: its header, and its arrays by name, unpacked when they are asked for.

    Looking up what is missing raises KeyError, what is damaged FileFormatError.
    """

    def __init__(self, name: str, stream: IO[bytes]) -> None:
        self._name = name
        self._room = os.fstat(stream.fileno()).st_size
        self._unpacked = 0
        with self._reading():
            self._zip = zipfile.ZipFile(stream)
            entries = self._zip.infolist()
        self._entries = {entry.filename.removesuffix(".npy"): entry for entry in entries}
        if len(self._entries) < len(entries):
            found = Counter(entry.filename.removesuffix(".npy") for entry in entries)
            raise self._damaged(f"it holds {found.most_common(1)[0][0]!r} more than once")
        if _HEADER not in self._entries:
            raise FileFormatError(f"{name!r} was not written by ridgeflow (it holds no header)")
        text = str(self[_HEADER])
        del self._entries[_HEADER]
        try:
            header = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise self._damaged(f"its header is no JSON: {error}") from None
        if not isinstance(header, dict):
            raise self._damaged("its header is no table of names")
        self.header: dict[str, Any] = header

    def __getitem__(self, name: str) -> NDArray:
        entry = self._entries[name]
        self._check_claim(name, entry)
        self._unpacked += entry.file_size
        with self._reading():
            # Read whole before it is looked at, so that its checksum has been compared.
            data = np.empty(entry.file_size, np.uint8)
            view, at = memoryview(data), 0
            with self._zip.open(entry) as member:
                while at < len(data):
                    n = member.readinto(view[at : at + (1 << 24)])  # type: ignore[attr-defined]
                    if not n:
                        raise EOFError(f"{name!r} ends early")
                    at += n
                if member.read(1):
                    raise EOFError(f"{name!r} does not end")
        return self._array(name, data)

    def __contains__(self, name: object) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def _check_claim(self, name: str, entry: zipfile.ZipInfo) -> None:
        """What a member claims to unpack to must be possible, and fit the memory budget."""
        if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise self._damaged(f"{name!r} is packed by method {entry.compress_type}")
        most = _DENSEST if entry.compress_type == zipfile.ZIP_DEFLATED else 1
        if entry.file_size > most * min(entry.compress_size, self._room):
            raise self._damaged(
                f"{name!r} claims {entry.file_size} bytes, more than {entry.compress_size} packed "
                "ones can hold"
            )
        fits_in_memory(
            self._unpacked + 2.0 * entry.file_size,
            f"what {self._name!r} holds",
            "raise memory_budget, if the file may be trusted",
        )

    def _array(self, name: str, data: NDArray[np.uint8]) -> NDArray:
        start = len(_MAGIC) + 2
        front = data[:start].tobytes()
        end = start + int.from_bytes(front[-2:], "little")
        words = _DESCRIPTION.fullmatch(data[start:end].tobytes().decode("latin1"))
        if front[: len(_MAGIC)] != _MAGIC or words is None:
            raise self._damaged(f"{name!r} is no array of numbers or text")
        try:
            dtype = np.dtype(words[1])
        except TypeError:
            dtype = np.dtype("V0")
        if not dtype.itemsize:
            raise self._damaged(f"{name!r} has the unknown type {words[1]!r}")
        shape = tuple(int(n) for n in words[3].replace(" ", "").split(",") if n)
        size = dtype.itemsize
        for n in shape:
            size *= n
        if size != len(data) - end or len(shape) > 32:
            raise self._damaged(
                f"{name!r} claims the shape {shape} of {dtype}, got {len(data) - end} bytes"
            )
        with self._reading():
            # A column first is a row of the transpose.
            flat = data[end:].view(dtype)
            array = flat.reshape(shape[::-1]).T if words[2] == "True" else flat.reshape(shape)
        return np.require(array, None, "A")

    @contextlib.contextmanager
    def _reading(self) -> Iterator[None]:
        """What reading a damaged archive raises, as FileFormatError."""
        try:
            yield
        # RuntimeError: an encrypted archive; ValueError: offsets outside of the file; OSError: a
        # disk that fails; IndexError, struct's error: records that end early.
        except (
            zipfile.BadZipFile,
            zlib.error,
            EOFError,
            OSError,
            RuntimeError,
            ValueError,
            IndexError,
            KeyError,
            OverflowError,
            struct.error,
        ) as error:
            raise self._damaged(str(error)) from None

    def _damaged(self, what: str) -> FileFormatError:
        return FileFormatError(
            f"{self._name!r} is truncated or not an archive of ridgeflow: {what}"
        )


@contextlib.contextmanager
def open_archive(path: str | os.PathLike, *kinds: str) -> Iterator[Archive]:
    """The archive that ``save_archive`` wrote with one of the given kinds."""
    target = as_path(path)
    if not target.is_file():
        raise FileNotFoundError(f"`path` must name an existing file, got {str(target)!r}")
    with open(target, "rb") as stream:
        archive = Archive(str(target), stream)
        kind, version = archive.header.get("kind"), archive.header.get("version")
        if kind not in kinds:
            raise FileFormatError(f"{str(target)!r} holds a {kind}, expected {' or '.join(kinds)}")
        if type(version) is not int or version < 1:
            raise FileFormatError(
                f"{str(target)!r} must have a format version, a number from 1, got {version!r}"
            )
        if version > _VERSION:
            raise FileFormatError(
                f"{str(target)!r} has format version {version}, this ridgeflow reads up to "
                f"{_VERSION} (upgrade ridgeflow)"
            )
        yield archive
