"""The figures that show what a statement found: series of points, and panels that hold them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_array, as_real_array, flag, instance_of, items_of, one_of

__all__ = ["Plot", "Series", "keep_words"]


def keep_words(owner: object, *names: str) -> None:
    """Hold the named parts of a record to be text."""
    for name in names:
        object.__setattr__(owner, name, str(instance_of(getattr(owner, name), name, str)))


def _measured(value: ArrayLike, name: str) -> NDArray:
    """Real numbers that may be NaN or infinite: a figure shows what a failed statement found."""
    array = as_array(value, name)
    finite = np.where(np.isfinite(array), array, 0) if array.dtype.kind == "f" else array
    as_real_array(finite, name)
    return array.astype(float)


@dataclass(frozen=True)
class Series:
    """Points of a figure: y against x.

    Parameters
    ----------
    label : str
        What the legend says; empty for none.
    x, y : (n,) tuple of float
        Coordinates; y may hold NaN or infinity, where what was measured does.
    style : {"line", "dashed", "points"}
        Predictions are dashed, measurements points or lines.

    Examples
    --------
    >>> Series.of("error", [1, 2], [0.5, 0.25]).style
    'line'
    """

    label: str
    x: tuple[float, ...]
    y: tuple[float, ...]
    style: Literal["line", "dashed", "points"] = "line"

    def __post_init__(self) -> None:
        for name, read in (("x", as_real_array), ("y", _measured)):
            array = read(items_of(getattr(self, name), name), name)
            if array.ndim != 1:
                raise ValueError(f"`{name}` must have 1 dimension, got shape {array.shape}")
            object.__setattr__(self, name, tuple(array.astype(float).tolist()))
        if len(self.x) != len(self.y):
            raise ValueError(
                f"`y` must have the length of `x`, got {len(self.y)} and {len(self.x)}"
            )
        keep_words(self, "label")
        one_of(self.style, "style", ("line", "dashed", "points"))
        object.__setattr__(self, "style", str(self.style))

    @classmethod
    def of(
        cls,
        label: str,
        x: ArrayLike,
        y: ArrayLike,
        style: Literal["line", "dashed", "points"] = "line",
    ) -> Series:
        """Make a series from arrays."""
        x, y = as_real_array(x, "x").ravel(), _measured(y, "y").ravel()
        return cls(label, tuple(x.tolist()), tuple(y.tolist()), style)


@dataclass(frozen=True)
class Plot:
    """One panel of a statement's figure.

    Parameters
    ----------
    title, x_label, y_label : str
    series : tuple of Series
    x_log, y_log : bool
        Logarithmic axes.

    Examples
    --------
    >>> Plot("error", "width", "rms", (Series.of("", [1, 2], [3, 4]),)).y_log
    False
    """

    title: str
    x_label: str
    y_label: str
    series: tuple[Series, ...]
    x_log: bool = False
    y_log: bool = False

    def __post_init__(self) -> None:
        keep_words(self, "title", "x_label", "y_label")
        parts = items_of(self.series, "series")
        for i, part in enumerate(parts):
            instance_of(part, f"series[{i}]", Series)
        object.__setattr__(self, "series", tuple(parts))
        for name in ("x_log", "y_log"):
            object.__setattr__(self, name, flag(getattr(self, name), name))
