"""The numbers of a result: what must be finite, and what must agree."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

__all__ = ["difference", "leaves", "not_finite"]

# What differs between equal calls, or names the input rather than the result.
_PASSED_OVER = {"seconds", "provenance", "digest", "path", "version", "created"}

_WORDS = (bool, int, float, complex, np.generic, str, bytes, os.PathLike)


def leaves(value: Any, where: str = "", depth: int = 6) -> Iterator[tuple[str, Any]]:
    """Arrays, numbers and words of a result, each with the place where it stands."""
    if isinstance(value, np.ma.MaskedArray):
        yield where, value.filled(np.nan) if value.dtype.kind == "f" else np.asarray(value)
    elif isinstance(value, np.ndarray):
        if value.dtype.kind in "biufc":
            yield where, value
        else:
            yield where, value.tolist()
    elif value is None or isinstance(value, _WORDS):
        yield where, value
    elif isinstance(value, Mapping):
        for key in sorted(value, key=str):
            if str(key) not in _PASSED_OVER and depth:
                yield from leaves(value[key], f"{where}[{key!r}]", depth - 1)
    elif isinstance(value, (list, tuple)):
        for i, part in enumerate(value):
            if depth:
                yield from leaves(part, f"{where}[{i}]", depth - 1)
    elif type(value).__module__.partition(".")[0] == "ridgeflow":
        parts = getattr(value, "__dict__", {})
        for key in sorted(parts):
            if key not in _PASSED_OVER and not key.startswith("_") and depth:
                yield from leaves(parts[key], f"{where}.{key}", depth - 1)
    elif type(value).__module__.startswith("matplotlib"):
        from matplotlib import pyplot

        pyplot.close("all")
    elif hasattr(value, "data_vars"):  # xarray
        for key in sorted(value.variables, key=str):
            yield from leaves(np.asarray(value[key]), f"{where}[{key!r}]", depth - 1)


def difference(found: Any, expected: Any, rtol: float) -> str:
    """How two results differ, or an empty string; ``rtol`` is relative to the largest value."""
    first, second = list(leaves(found)), list(leaves(expected))
    if [where for where, _ in first] != [where for where, _ in second]:
        return f"differs in what it holds: {len(first)} and {len(second)} parts"
    for (where, a), (_, b) in zip(first, second):
        if isinstance(a, (np.ndarray, np.generic, int, float, complex)) and not isinstance(a, bool):
            if not isinstance(b, (np.ndarray, np.generic, int, float, complex)):
                return f"{where or 'the result'} is {a!r}, not {b!r}"
            a, b = np.asarray(a), np.asarray(b)
            if a.shape != b.shape:
                return f"{where or 'the result'} has shape {a.shape}, not {b.shape}"
            if not a.size:
                continue
            with np.errstate(all="ignore"):
                same = (a == b) | ((a != a) & (b != b))
                if same.all():
                    continue
                if not rtol:
                    return f"{where or 'the result'} differs in its bits"
                # Differences below the smallest normal number of the narrower type say nothing.
                worst = np.abs(np.where(same, 0, a - b).astype(complex)).max()
                scale = np.abs(np.where(np.isfinite(b), b, 0)).max()
            if not worst <= rtol * scale + 1e-300:
                return f"{where or 'the result'} differs by {worst:.3g} of {scale:.3g}"
        elif a != b:
            return f"{where or 'the result'} is {a!r}, not {b!r}"
    return ""


def not_finite(value: Any) -> str:
    """Where a result holds NaN or infinity, or an empty string."""
    for where, part in leaves(value):
        if isinstance(part, (np.ndarray, np.generic, int, float, complex)):
            array = np.asarray(part)
            if array.dtype.kind in "fc" and array.size and not np.isfinite(array).all():
                return f"{where or 'the result'} holds NaN or infinity"
    return ""
