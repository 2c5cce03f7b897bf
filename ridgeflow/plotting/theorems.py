"""Figures of checked theorems: what was measured beside what was predicted."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ridgeflow._validate import items_of
from ridgeflow.plotting._canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    as_headline,
    finished,
    legible,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["as_svg", "statement_figure"]

_COLOURS = (BLUE, ORANGE, GREEN, BLACK, "#CC79A7", "#56B4E9", "#E69F00")
_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


def statement_figure(plots: Sequence[Any]) -> Figure:
    """Draw the panels of a statement side by side.

    Parameters
    ----------
    plots : sequence of Plot
        Titles, labels, and series of points; predictions are dashed and grey.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If there is no panel.
    TypeError
        If ``plots`` holds something else.

    Examples
    --------
    >>> from ridgeflow.theorems import validate
    >>> result = validate("finite_field")["finite_field"]
    >>> len(statement_figure(result.plots).axes) == len(result.plots)
    True
    """
    plots = items_of(plots, "plots")
    if not plots:
        raise ValueError("`plots` must hold at least one panel, got none")
    for plot in plots:
        finished(plot, "plots", "list of Plot", "title", "series", "x_log", "y_log")
    figure = new_figure(4.9 * len(plots), 3.6)
    panels = figure.subplots(1, len(plots), squeeze=False)[0]
    for panel, plot in zip(panels, plots, strict=True):
        _draw_series(panel, plot.series)
        if plot.x_log:
            panel.set_xscale("log")
            places = sorted({x for series in plot.series for x in series.x})
            # Labels of decades and their parts run into each other on a short axis.
            if len(places) <= 8:
                panel.set_xticks(places, [f"{x:.3g}" for x in places])
                panel.minorticks_off()
        if plot.y_log:
            panel.set_yscale("log")
        panel.set_title(as_headline(plot.title, "plots"))
        panel.set_xlabel(as_headline(plot.x_label, "plots"))
        panel.set_ylabel(as_headline(plot.y_label, "plots"))
        legible(panel)
        if any(series.label for series in plot.series):
            panel.legend(frameon=False, fontsize=9)
    return figure


def _draw_series(panel: Axes, drawn: Sequence[Any]) -> None:
    """Measurements in colours with markers of their own; predictions dashed and grey."""
    measured = 0
    for series in drawn:
        style: dict[str, Any] = {"label": as_headline(series.label, "plots") or None}
        if series.style == "dashed":
            style |= {"ls": "--", "color": GREY, "lw": 1.5, "zorder": 3 - measured}
        else:
            style |= {"color": _COLOURS[measured % len(_COLOURS)]}
            few = len(series.x) <= 40
            if series.style == "points" or few:
                style |= {"marker": _MARKERS[measured % len(_MARKERS)], "ms": 4 if few else 2}
            style |= {"ls": "none"} if series.style == "points" else {"lw": 1.6}
            measured += 1
        panel.plot(series.x, series.y, **style)


def as_svg(figure: Figure) -> bytes:
    """The figure as SVG, the same bytes for the same figure.

    Parameters
    ----------
    figure : matplotlib.figure.Figure

    Returns
    -------
    bytes
    """
    from matplotlib import rc_context

    buffer = io.BytesIO()
    with rc_context({"svg.hashsalt": "ridgeflow", "svg.fonttype": "path"}):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
