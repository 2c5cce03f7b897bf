"""What all figures share: the canvas, colours, and sizes of text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ridgeflow.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["BLACK", "BLUE", "GREEN", "GREY", "ORANGE", "legible", "new_figure"]

# Okabe and Ito's palette: distinct under the common colour vision deficiencies.
BLUE, ORANGE, GREEN, BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
GREY = "#8C8C8C"


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
    axes.xaxis.label.set_fontsize(11)
    axes.yaxis.label.set_fontsize(11)
    axes.title.set_fontsize(12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
