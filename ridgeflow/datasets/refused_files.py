"""Files that are no tables of numbers: what they are, and how to make a table of them."""

from __future__ import annotations

import json
from collections.abc import Sequence

from ridgeflow.errors import FileFormatError

__all__ = ["refuse_other", "refuse_words", "refuse_zip"]

# First bytes, what they announce, and what to do.
_KINDS: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "compressed by gzip", "unpack it first: gunzip"),
    (b"BZh", "compressed by bzip2", "unpack it first: bunzip2"),
    (b"\xfd7zXZ\x00", "compressed by xz", "unpack it first: unxz"),
    (b"\x28\xb5\x2f\xfd", "compressed by zstd", "unpack it first: unzstd"),
    (b"7z\xbc\xaf'\x1c", "a 7z archive", "unpack it first"),
    (b"Rar!", "a RAR archive", "unpack it first"),
    (b"PAR1", "a Parquet file", "pandas.read_parquet(…).to_csv(…, index=False) makes a table"),
    (b"ARROW1", "a Feather file", "pandas.read_feather(…).to_csv(…, index=False) makes a table"),
    (b"\x89HDF", "an HDF5 file", "numpy.save the array that you mean"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV"),
    (b"MATLAB 5.0", "a MATLAB file", "scipy.io.loadmat reads it; numpy.save the array"),
    (b"\xd0\xcf\x11\xe0", "an old Excel or Word file", "save the sheet as CSV UTF-8"),
    (b"%PDF", "a PDF document", "save the table as CSV"),
    (b"\x89PNG", "an image", "numpy.save its pixels as rows of numbers"),
    (b"\xff\xd8\xff", "an image", "numpy.save its pixels as rows of numbers"),
    (b"GIF8", "an image", "numpy.save its pixels as rows of numbers"),
    (b"II*\x00", "an image", "numpy.save its pixels as rows of numbers"),
    (b"MM\x00*", "an image", "numpy.save its pixels as rows of numbers"),
    (b"\x80\x04\x95", "a Python pickle", "numpy.save the array; pickles are not loaded"),
    (b"\x80\x05\x95", "a Python pickle", "numpy.save the array; pickles are not loaded"),
    (b"\xff\xfe", "text in UTF-16", "save it as CSV UTF-8"),
    (b"\xfe\xff", "text in UTF-16", "save it as CSV UTF-8"),
)
_OFFICE = (("xl/", "an Excel workbook"), ("word/", "a Word document"), ("content.xml", ""))


def refuse_other(name: str, start: bytes) -> None:
    """Refuse a file by its first bytes, with the way to a table."""
    for magic, what, way in _KINDS:
        if start.startswith(magic):
            raise FileFormatError(f"{name} is {what}, no table ({way})")


def refuse_words(name: str, text: str) -> None:
    """Refuse text of another format: JSON, HTML, XML."""
    begin = text.lstrip()[:200].lower()
    if begin.startswith(("<!doctype", "<html", "<?xml", "<svg")):
        raise FileFormatError(
            f"{name} is an HTML or XML page, no table (download the table itself, as CSV)"
        )
    if not begin.startswith(("{", "[")):
        return
    for candidate in (text, text.lstrip().partition("\n")[0]):
        try:
            found = json.loads(candidate)
        except (ValueError, RecursionError):
            continue  # not this much of it: the whole file, or its first line
        if isinstance(found, (dict, list)):
            raise FileFormatError(
                f"{name} is JSON, no table (write its numbers as CSV, or numpy.save them)"
            )


def refuse_zip(name: str, members: Sequence[str]) -> None:
    """Refuse a ZIP archive that holds no array."""
    for prefix, what in _OFFICE:
        if any(member.startswith(prefix) for member in members):
            raise FileFormatError(
                f"{name} is {what or 'an OpenDocument file'}, no table (save the sheet as CSV "
                "UTF-8)"
            )
    held = ", ".join(repr(member) for member in members[:3]) or "nothing"
    more = ", …" if len(members) > 3 else ""
    raise FileFormatError(
        f"{name} is a ZIP archive of {held}{more}, not of arrays (unpack it first)"
    )
