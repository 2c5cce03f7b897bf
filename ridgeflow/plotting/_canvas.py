"""What all figures share: the canvas, colours, sizes of text, and the text of others as it is."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLACK",
    "BLUE",
    "GREEN",
    "GREY",
    "ORANGE",
    "as_headline",
    "as_text",
    "drawable",
    "finished",
    "legend_below",
    "legible",
    "log_edges",
    "new_figure",
    "signed",
    "size_ticks",
]

# Okabe and Ito's palette: distinct under the common colour vision deficiencies.
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
GREY = "#8C8C8C"
_MOST_TICKS = 8
_LARGEST = 1e100
_LETTERS = 44  # of a label at its full size
_TEX = re.compile(r"\\[A-Za-z]+|[${}^_\\]")  # what takes no room


def new_figure(width: float, height: float) -> Figure:
    """An empty figure without window, in inches."""
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingDependencyError(
            "figures need matplotlib: pip install ridgeflow[plot]"
        ) from error
    figure = Figure(figsize=(width, height), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def legible(axes: Axes) -> None:
    """Sizes of labels, and no frame where nothing is read off."""
    axes.tick_params(labelsize=10)
    for label in (axes.xaxis.label, axes.yaxis.label):
        letters = len(_TEX.sub("", label.get_text().replace("\\$", "D")))
        label.set_fontsize(11 * min(1.0, _LETTERS / max(letters, 1)))
    axes.title.set_fontsize(12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def as_text(value: Any, name: str, longest: int = 44) -> str:
    """A name that somebody gave, for a label: no formula, on one line, its middle left out.

    Matplotlib reads a formula between two dollar signs; these are to be seen.
    """
    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be text, got {value!r:.80}")
    text = "".join(c if c.isprintable() else "\ufffd" for c in " ".join(value.split()))
    if len(text) > longest:
        head = (longest - 1) * 2 // 3
        text = f"{text[:head]}…{text[head + 1 - longest :]}"
    return text.replace("$", r"\$")


def as_headline(value: Any, name: str) -> str:
    """A headline that somebody gave: formulas between dollar signs if they are, else text."""
    from matplotlib.mathtext import MathTextParser

    if not isinstance(value, str):
        raise TypeError(f"`{name}` must be text, got {value!r:.80}")
    lines = []
    for line in value.split("\n"):
        shown = as_text(line, name, 200)
        if line.count("$") - line.count(r"\$") > 0 and line.isprintable():
            try:
                MathTextParser("agg").parse(line)
                shown = line
            except ValueError:
                pass  # no formula: drawn as the text that it is
        lines.append(shown)
    return "\n".join(lines)


def drawable(values: NDArray, name: str) -> NDArray:
    """Values that Matplotlib can place: it multiplies them by more than one."""
    if values.size and float(np.abs(values).max()) > _LARGEST:
        raise ValueError(
            f"`{name}` must stay below {_LARGEST:g} to be drawn, got {np.abs(values).max():.3g} "
            "(choose a larger unit)"
        )
    return values


def finished(value: Any, name: str, kind: str, *attributes: str) -> None:
    """Refuse what is not the finished object of which a figure is asked."""
    if isinstance(value, type) or not all(hasattr(value, attribute) for attribute in attributes):
        raise TypeError(
            f"`{name}` must be a {kind}, got {value!r:.80} of type {type(value).__name__}"
        )


def signed(value: float, digits: int = 2) -> str:
    """A number with a minus sign that is as wide as a plus."""
    return f"{value:.{digits}f}".replace("-", "−")


def legend_below(figure: Figure, source: Axes, columns: int = 4) -> None:
    """The legend of some axes below all axes, where it covers nothing."""
    handles, labels = source.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside lower center", ncols=columns, frameon=False, fontsize=10
    )


def size_ticks(axes: Axes, sizes: Sequence[float] | NDArray) -> None:
    """Ticks of a logarithmic axis of sizes: the sizes themselves, or some of them."""
    from matplotlib.ticker import NullLocator

    shown = np.unique(np.asarray(sizes, float))
    if len(shown) > _MOST_TICKS:
        shown = shown[np.unique(np.linspace(0, len(shown) - 1, _MOST_TICKS).round().astype(int))]
    kept = [shown[0]]
    # Two labels closer than this share of the axis run into each other.
    least = np.log(shown[-1] / shown[0]) / 14
    for size in shown[1:]:
        if np.log(size / kept[-1]) > least:
            kept.append(size)
    axes.set_xticks(kept, [f"{size:.0f}" for size in kept])
    axes.xaxis.set_minor_locator(NullLocator())


def log_edges(values: NDArray) -> NDArray:
    """Edges of cells about values of a logarithmic axis, half-way in the logarithm."""
    place = np.log(values)
    if len(place) == 1:
        place = np.array([place[0] - 0.35, place[0] + 0.35])
    else:
        inner = 0.5 * (place[1:] + place[:-1])
        place = np.concatenate([[2 * place[0] - inner[0]], inner, [2 * place[-1] - inner[-1]]])
    return np.exp(place)
