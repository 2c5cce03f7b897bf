"""Arrays in NPY and NPZ files: sizes are read first, and only what was asked for is unpacked."""

from __future__ import annotations

import io
import math
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from ridgeflow._validate import fits_in_memory
from ridgeflow.datasets.refused_files import refuse_zip
from ridgeflow.errors import FileFormatError

__all__ = ["ArrayFile", "is_numpy"]

_ZIP = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
# What NumPy and zipfile raise for damaged, encrypted and pickled content.
_DAMAGE = (
    ValueError,
    TypeError,
    OSError,
    EOFError,
    KeyError,
    OverflowError,
    RuntimeError,
    SyntaxError,
    RecursionError,
    tokenize.TokenError,
    zipfile.BadZipFile,
    zipfile.LargeZipFile,
    zlib.error,
)


def is_numpy(start: bytes) -> bool:
    """Whether a file's first bytes are those of an NPY file or of a ZIP archive."""
    return start.startswith((b"\x93NUMPY", *_ZIP))


class ArrayFile:
    """The arrays of an NPY or NPZ file.

    A pipe is read at once, into memory; a file on disk is opened anew for each array.

    Attributes
    ----------
    named : bool
        Whether its arrays have names: NPZ.
    """

    def __init__(self, file: Path, stream: IO[bytes], start: bytes) -> None:
        self.name = file.name
        self._source: Path | bytes = file
        if not stream.seekable():
            self._source = start + stream.read()
        self.named = not start.startswith(b"\x93NUMPY")
        self._shapes: dict[str, tuple[tuple[int, ...], np.dtype]] = {}
        with self._damage(), self._open() as content:
            if not self.named:
                self._shapes[""] = self._shape(content, self._length(content))
                return
            with zipfile.ZipFile(content) as archive:
                members = [info for info in archive.infolist() if info.filename.endswith(".npy")]
                if not members and archive.namelist():
                    refuse_zip(self.name, archive.namelist())
                for info in members:
                    key = info.filename.removesuffix(".npy")
                    if key in self._shapes:
                        raise FileFormatError(f"{self.name} holds the array {key!r} twice")
                    with archive.open(info) as part:
                        self._shapes[key] = self._shape(part, info.file_size)

    def columns(self, array: str | None) -> tuple[list[str], NDArray]:
        """Names and values (n, m) of the only array, of the named one, or of 1-D arrays."""
        keys = self._chosen(array)
        if len(keys) > 1:
            return keys, np.column_stack([self._read(key) for key in keys])
        values = self._read(keys[0])
        if values.ndim == 1:
            values = values[:, None]
        if values.ndim != 2:
            raise FileFormatError(f"{self.name} must hold a 2-D array, got shape {values.shape}")
        return [str(j) for j in range(values.shape[1])], values

    def _chosen(self, array: str | None) -> list[str]:
        """The named array, the only one, or all where they are 1-D and of one length."""
        if array is not None and not self.named:
            raise ValueError(f"`array` must be None for a file that is no NPZ, got {array!r}")
        if not self._shapes:
            raise FileFormatError(f"{self.name} holds no array")
        listing = ", ".join(
            f"{key!r} {'(objects)' if dtype.hasobject else shape}"
            for key, (shape, dtype) in self._shapes.items()
        )
        if array is not None:
            if array not in self._shapes:
                raise ValueError(
                    f"`array` must name an array of {self.name} ({listing}), got {array!r}"
                )
            return [array]
        shapes = {shape for shape, _ in self._shapes.values()}
        if len(self._shapes) > 1 and (len(shapes) > 1 or len(min(shapes)) != 1):
            raise FileFormatError(
                f"{self.name} must hold one array, or 1-D arrays of one length, got {listing} "
                "(name one with `array`)"
            )
        return list(self._shapes)

    def _read(self, key: str) -> NDArray:
        shape, dtype = self._shapes[key]
        if dtype.hasobject:
            raise FileFormatError(
                f"{self.name} is no readable NPY or NPZ file of numbers: "
                f"{f'{key!r} holds' if key else 'it holds'} pickled objects (save it as numbers)"
            )
        if dtype.kind not in "biuf":
            raise FileFormatError(f"{self.name} must hold real numbers, got dtype {dtype}")
        if math.prod(shape) == 0:
            raise FileFormatError(f"{self.name} holds no data, got shape {shape}")
        fits_in_memory(
            math.prod(shape) * (dtype.itemsize + 8),
            f"the array {key or self.name!r} of shape {shape}",
            "save the part that you need",
        )
        with self._damage(), self._open() as content:
            if not self.named:
                values = npy.read_array(content, allow_pickle=False)
            else:
                with zipfile.ZipFile(content) as archive, archive.open(f"{key}.npy") as part:
                    values = npy.read_array(part, allow_pickle=False)
        if values.dtype == np.float32:
            return np.ascontiguousarray(values, np.float32)
        with np.errstate(over="ignore"):  # of long doubles: what becomes infinite is refused
            return values.astype(np.float64)

    def _shape(self, part: IO[bytes], size: int) -> tuple[tuple[int, ...], np.dtype]:
        """Shape and dtype that a header claims; refused if the bytes do not bear them out."""
        version = npy.read_magic(part)
        readers: dict[Any, Any] = {
            (1, 0): npy.read_array_header_1_0,
            (2, 0): npy.read_array_header_2_0,
        }
        if version not in readers:
            raise ValueError(f"its format version {version} is not known")
        shape, _, dtype = readers[version](part)
        if min(shape, default=1) < 0:
            raise ValueError(f"it claims the shape {shape}")
        if not dtype.hasobject and size - part.tell() < math.prod(shape) * dtype.itemsize:
            raise ValueError(f"it is truncated: shape {shape} of {dtype} does not fit {size} bytes")
        return shape, dtype

    @contextmanager
    def _open(self) -> Iterator[IO[bytes]]:
        if isinstance(self._source, bytes):
            yield io.BytesIO(self._source)
        else:
            with self._source.open("rb") as stream:
                yield stream

    @staticmethod
    def _length(stream: IO[bytes]) -> int:
        end = stream.seek(0, io.SEEK_END)
        stream.seek(0)
        return end

    @contextmanager
    def _damage(self) -> Iterator[None]:
        try:
            yield
        except FileFormatError:
            raise
        except _DAMAGE as error:
            reason = " ".join(str(error).split()) or type(error).__name__
            raise FileFormatError(
                f"{self.name} is no readable NPY or NPZ file of numbers: {reason}"
            ) from None
