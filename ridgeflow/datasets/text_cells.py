"""Cells of a text table: which are numbers, and what is wrong with those that are not."""

from __future__ import annotations

import re

__all__ = ["advice", "is_missing", "is_number", "looks_like_number", "number", "whole"]

_MISSING = {"", "na", "n/a", "#n/a", "nan", "null", "none", "nil", "-", "--", "?", ".", "missing"}
_FORTRAN = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))[dD]([+-]?\d{1,3})", re.ASCII)
_WHOLE = re.compile(r"0|[1-9]\d{0,17}", re.ASCII)
_SIGN = r"[+-]?"
# Separators of thousands: the comma of English, the point of German, spaces, the Swiss apostrophe.
_ENGLISH = re.compile(_SIGN + r"\d{1,3}(?:(?:,\d{3}){2,}(?:\.\d*)?|,\d{3}\.\d*)", re.ASCII)
_EITHER = re.compile(_SIGN + r"[1-9]\d{0,2},\d{3}", re.ASCII)
_GERMAN = re.compile(_SIGN + r"\d{1,3}(?:(?:\.\d{3}){2,}(?:,\d*)?|\.\d{3},\d*)", re.ASCII)
_SPACED = re.compile(_SIGN + r"\d{1,3}(?:[ '\u00a0\u2009\u202f\u2019]\d{3})+(?:[.,]\d*)?", re.ASCII)
_COMMA = re.compile(_SIGN + r"\d*,\d+(?:[eEdD][+-]?\d+)?", re.ASCII)
_DECORATED = re.compile(r"[$€£¥%*†‡<>~≈\s]")


def number(cell: str) -> float | None:
    """The number that a cell holds, infinite and NaN included; None if it holds none."""
    # Python reads "1_0" as ten; in a table it is a name.
    if "_" in cell:
        return None
    try:
        return float(cell)
    except ValueError:
        pass  # the forms below are numbers that Python does not read
    text = cell.replace("\u2212", "-")
    fortran = _FORTRAN.fullmatch(text)
    if fortran:
        text = f"{fortran[1]}e{fortran[2]}"
    elif text == cell:
        return None
    try:
        return float(text)
    except ValueError:
        return None


def is_number(cell: str) -> bool:
    """Whether a cell holds a number."""
    return number(cell) is not None


def is_missing(cell: str) -> bool:
    """Whether a cell is empty or says that its value is missing."""
    return cell.lower() in _MISSING


def whole(cell: str) -> int | None:
    """The whole number >= 0 that a cell spells out without a point, sign or exponent."""
    return int(cell) if _WHOLE.fullmatch(cell) else None


def looks_like_number(cell: str) -> bool:
    """Whether a cell that is no number was meant as one: separators, units of money, marks."""
    if is_number(cell):
        return False
    bare = _DECORATED.sub("", cell)
    kinds = (_ENGLISH, _EITHER, _GERMAN, _SPACED, _COMMA)
    return is_number(bare) or any(kind.fullmatch(bare) for kind in kinds)


def advice(cell: str) -> str:
    """What to do about a cell that is no number, in brackets; empty if nothing is known."""
    if is_missing(cell):
        return " (remove the row, or fill the cell)"
    if _EITHER.fullmatch(cell):
        plain, decimal = cell.replace(",", ""), cell.replace(",", ".")
        return f" (write {plain} or {decimal}: the comma may be either)"
    if any(kind.fullmatch(cell) for kind in (_ENGLISH, _GERMAN, _SPACED)):
        return " (write it without separators of thousands)"
    if _COMMA.fullmatch(cell):
        return " (write a decimal point)"
    if looks_like_number(cell):
        return " (write the number alone)"
    return ""
