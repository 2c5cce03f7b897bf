"""Compiled kernels on disk that are checked before they run.

A machine that loses power leaves files short or with zeros inside, and machine code that is not
what was written would crash the process. Files end with a digest of what they hold; what is damaged
is deleted and compiled anew. Each kernel has a file name of its own, whoever compiles it and when.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import io
import os
import warnings
from collections.abc import Callable, Iterator
from typing import IO, Any

from numba.core.caching import FunctionCache, IndexDataCacheFile

from ridgeflow.errors import CacheWarning

__all__ = ["KernelCache", "warn_once"]

_MARK = b"ridgeflow digest"
_DIGEST = hashlib.sha256().digest_size
_warned: set[str] = set()


def warn_once(message: str, more: str = "") -> None:
    """One CacheWarning of each kind in a process."""
    if message not in _warned:
        _warned.add(message)
        warnings.warn(message + more, CacheWarning, stacklevel=4)


class _DamagedError(Exception):
    """A file whose digest is that of something else."""


class _CheckedFiles(IndexDataCacheFile):
    """Index and data of one kernel, with digests. Unpickling ignores what follows a pickle."""

    @contextlib.contextmanager
    def _open_for_write(self, filepath: str) -> Iterator[IO[bytes]]:
        content = io.BytesIO()
        yield content
        whole = content.getvalue()
        with super()._open_for_write(filepath) as stream:
            stream.write(whole + _MARK + hashlib.sha256(whole).digest())

    def _load_index(self) -> Any:
        self._check(self._index_path)
        return super()._load_index()

    def _load_data(self, name: str) -> Any:
        self._check(self._data_path(name))
        return super()._load_data(name)

    def _name_of(self, key: Any) -> str:
        """A file of its own for each key. Numbers, as numba gives them, are given twice where two
        processes compile at once, and one of them would later run what the other has written."""
        what = repr((key, self._source_stamp, self._version))
        return f"{self._base}.{hashlib.sha256(what.encode()).hexdigest()[:20]}.nbc"

    def save(self, key: Any, data: Any) -> None:
        """Write the compiled code of one key, and note it in the index."""
        name, overloads = self._name_of(key), self._load_index()
        if not overloads:
            self._forget_data()
        if overloads.get(key) != name:
            overloads[key] = name
            self._save_index(overloads)
        self._save_data(name, data)

    def load(self, key: Any) -> Any:
        """The compiled code of one key, or None."""
        name = self._name_of(key)
        if self._load_index().get(key) != name:
            return None
        try:
            return self._load_data(name)
        except OSError:
            # Another process has noted it and is still writing.
            return None

    def _check(self, path: str) -> None:
        try:
            with open(path, "rb") as stream:
                content = stream.read()
        except FileNotFoundError:
            return
        whole, mark = content[: -len(_MARK) - _DIGEST], content[:-_DIGEST][-len(_MARK) :]
        # Files without a digest were written by numba itself; it notices that they are short.
        if mark == _MARK and hashlib.sha256(whole).digest() != content[-_DIGEST:]:
            raise _DamagedError(path)

    def _forget_data(self) -> None:
        """Remove files of an older source, of which no index knows."""
        for path in glob.glob(os.path.join(glob.escape(self._cache_path), f"{self._base}.*.nbc")):
            with contextlib.suppress(OSError):
                os.unlink(path)

    @property
    def _base(self) -> str:
        return self._index_name.removesuffix(".nbi")

    def discard(self) -> None:
        """Forget all that is there; a file that cannot be removed is left."""
        with contextlib.suppress(OSError):
            os.unlink(self._index_path)


class KernelCache(FunctionCache):
    """The cache of one kernel, whose failures cost time and no result."""

    def __init__(self, function: Callable) -> None:
        super().__init__(function)
        self._cache_file: _CheckedFiles = _CheckedFiles(
            cache_path=self._cache_path,
            filename_base=self._impl.filename_base,
            source_stamp=self._impl.locator.get_source_stamp(),
        )

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        try:
            return super()._load_overload(sig, target_context)
        # Damaged pickles raise whatever their bytes happen to ask for.
        except Exception as error:
            self._cache_file.discard()
            warn_once(
                "compiled kernels on disk were damaged and are compiled anew",
                f", the first of them {self._name} in {self._cache_path} ({error!r})",
            )
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        try:
            super()._save_overload(sig, data)
        # A full disk, a folder that has become read-only, an index of another user.
        except (OSError, _DamagedError) as error:
            warn_once("compiled kernels cannot be kept on disk", f": {error!r}")
