"""The figure of a double-limit study."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ridgeflow.plotting._canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    finished,
    legible,
    new_figure,
    signed,
    size_ticks,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["limit_study"]

_STYLES = {
    "monte_carlo": (BLUE, "o", "Monte Carlo"),
    "stratified": (GREEN, "^", "stratified"),
    "sobol": (ORANGE, "s", "scrambled Sobol"),
    "quadrature": (GREY, "x", "quadrature (whole grids)"),
    "least_squares": (BLACK, "D", "least squares"),
}
_KINDS = {"independent": (BLUE, "o"), "shared": (ORANGE, "s"), "controlled": (GREEN, "^")}


def limit_study(study: Any) -> Figure:
    """Draw how finite networks approach the double continuum: by width, and by depth.

    Parameters
    ----------
    study : LimitStudy

    Returns
    -------
    matplotlib.figure.Figure
        Velocity errors against width, one line for each way; map errors against depth, one line
        for each width and one without limit; where there are drawn networks, their errors against
        the predicted ones.

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    TypeError
        If ``study`` is no such object.
    """
    finished(study, "study", "LimitStudy", "velocity_errors", "depth_errors")
    count = 3 if study.drawn else 2
    figure = new_figure(5.2 * count, 4.8)
    panels = figure.subplots(1, count)
    left, right = panels[:2]
    for way, (sizes, errors) in study.velocity_errors.items():
        color, marker, name = _STYLES[way]
        label = f"{name}: {signed(study.width_rates[way])}"
        left.loglog(sizes, errors, marker + "-", color=color, ms=6, lw=1.4, label=label)
    size_ticks(left, np.concatenate([sizes for sizes, _ in study.velocity_errors.values()]))
    left.set_xlabel("neurons")
    left.set_ylabel("relative $L^2$ error of the velocity")
    left.set_title("Width, and fitted rates")
    greys = np.linspace(0.75, 0.25, len(study.widths))
    for width, errors, shade in zip(study.widths, study.errors.T, greys, strict=True):
        right.loglog(
            study.depths,
            errors,
            "o-",
            color=(0.0, 0.447 * (1 - shade) + 0.35, 0.698),
            alpha=1.1 - shade,
            ms=5,
            lw=1.2,
            label=f"{width} neurons",
        )
    right.loglog(
        study.depths,
        study.depth_errors,
        "k--",
        lw=1.4,
        label=f"width without limit: {signed(study.depth_rate)}",
    )
    size_ticks(right, study.depths)
    right.set_xlabel("layers")
    right.set_ylabel("error / RMS displacement")
    right.set_title(f"Depth, {study.layers} layers, and fitted rate")
    if study.drawn:
        _predictions(panels[2], study)
    for axes in panels:
        axes.grid(True, which="major", color="#E0E0E0", lw=0.6)
        axes.legend(frameon=False, fontsize=9)
        legible(axes)
    return figure


def _predictions(axes: Any, study: Any) -> None:
    """Measured errors of drawn networks against predicted ones, one mark for each size."""
    ends = []
    for kind, (measured, predicted) in study.drawn.items():
        color, marker = _KINDS[kind]
        axes.loglog(predicted.ravel(), measured.ravel(), marker, color=color, ms=5, label=kind)
        ends += [predicted.min(), predicted.max()]
    line = [min(ends) / 1.2, 1.2 * max(ends)]
    axes.loglog(line, line, "k--", lw=1.0, label="as predicted")
    axes.set_xlabel("predicted error / RMS displacement")
    axes.set_ylabel("measured error / RMS displacement")
    axes.set_title("Importance weights, all sizes")
