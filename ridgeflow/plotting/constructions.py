"""Figures of networks that are written down: what comes back through a bottleneck, and how."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import positive, positive_int
from ridgeflow.plotting._canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    as_headline,
    as_text,
    finished,
    legible,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["bottleneck_curves", "bottleneck_flow"]

_COLOURS = (BLUE, ORANGE, GREEN, BLACK)
_STYLES = ("-", "--", "-.", ":")
_KEPT, _REMOVED = 500, 600
_PANELS = 40


def bottleneck_curves(model: Any, *, eps: float | None = None, title: str | None = None) -> Figure:
    """Draw curves, what a bottleneck autoencoder makes of them, and its error along each.

    Left, the curves in grey and what comes back, between large dots; small dots are the images of
    the arcs that were removed. Right, the error against the angle of normalised arclength from the
    cut, with the error that every autoencoder makes somewhere on the curve.

    Parameters
    ----------
    model : BottleneckAutoencoder
        Of curves in the plane or in space.
    eps : float, optional
        An error to mark.
    title : str, optional
        Replaces the headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If ``model`` is none.
    ValueError
        If the components are no curves in two or three dimensions.
    MissingDependencyError
        If matplotlib is not installed.
    """
    _curves_in_space(model)
    if eps is not None:
        eps = positive(eps, "eps")
    headline = "what comes back" if title is None else as_headline(title, "title")
    figure = new_figure(10.4, 5.0)
    space = {"projection": "3d"} if model.dim == 3 else {}
    axes = figure.add_subplot(1, 2, 1, **space)
    errors = figure.add_subplot(1, 2, 2)
    for i, chart in enumerate(model.charts):
        colour, style = _COLOURS[i % 4], _STYLES[i % 4]
        grid = chart.samples(model.gap, _KEPT, _REMOVED)
        back = model(grid.points)
        axes.plot(*grid.points.T, color=GREY, linewidth=4.0, alpha=0.45)
        axes.plot(*back[grid.kept].T, style, color=colour, linewidth=1.3)
        axes.plot(*back[~grid.kept].T, ".", color=colour, markersize=1.5)
        rim = grid.points[np.flatnonzero(grid.kept)[[0, -1]]]
        axes.plot(*rim.T, "o", color=colour, markersize=4)
        angle = math.pi * grid.z[:, 0] / chart.half_widths[0] + math.pi
        size = np.maximum(np.linalg.norm(back - grid.points, axis=1), 1e-16)
        name = as_text(chart.name, "model") if chart.name else f"component {i}"
        errors.semilogy(angle, size, style, color=colour, linewidth=1.2, label=name)
        if chart.bound > 0:
            errors.axhline(chart.bound, color=colour, linewidth=0.9, linestyle=":")
    forced = [chart for chart in model.charts if chart.bound > 0]
    if forced:
        errors.plot([], [], ":", color=BLACK, linewidth=0.9, label="least error somewhere")
    for edge, label in ((model.gap, "ends of the cut"), (2 * math.pi - model.gap, None)):
        errors.axvline(edge, color=GREY, linewidth=0.8, label=label)
    if eps is not None:
        errors.axhline(eps, color=GREY, linewidth=0.8, linestyle="--", label=f"ε = {eps:.3g}")
    _equal(axes, np.concatenate([chart.samples(model.gap, 99, 9).points for chart in model.charts]))
    errors.set_xlabel("arclength from the middle of the cut (whole curve: 2π)")
    errors.set_ylabel("distance between a point and its image")
    legible(errors)
    axes.plot([], [], color=GREY, linewidth=4.0, alpha=0.45, label="given")
    _name_axes(axes, model.dim)
    axes.set_title(headline, fontsize=12)
    _legend(figure, axes, errors)
    return figure


def bottleneck_flow(model: Any, *, panels: int = 5) -> Figure:
    """Draw how the flow of a bottleneck autoencoder draws its pieces together and lays them flat.

    Parameters
    ----------
    model : BottleneckAutoencoder
        With ``kind="flow"``, of curves in the plane or in space.
    panels : int, default 5
        Number of moments, 2 to 40.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If ``model`` is none.
    ValueError
        If the model has no flow, or its components are no curves in two or three dimensions.
    MissingDependencyError
        If matplotlib is not installed.
    """
    _curves_in_space(model)
    panels = positive_int(panels, "panels", minimum=2, maximum=_PANELS)
    if model.kind != "flow":
        raise ValueError(f"`model` must have kind='flow', got {model.kind!r}")
    figure = new_figure(2.7 * panels, 3.2)
    paths = []
    for chart in model.charts:
        grid = chart.samples(model.gap, 201, 40)
        paths.append(model.encoder.trajectory(grid.points[grid.kept]))
    elapsed = np.concatenate([[0.0], np.cumsum(model.encoder.steps)])
    moments = np.searchsorted(elapsed, np.linspace(0, elapsed[-1], panels) - 1e-9)
    space = {"projection": "3d"} if model.dim == 3 else {}
    everything = np.concatenate([path.reshape(-1, model.dim) for path in paths])
    for n, layer in enumerate(moments):
        axes = figure.add_subplot(1, panels, n + 1, **space)
        for i, path in enumerate(paths):
            axes.plot(*path[layer].T, _STYLES[i % 4], color=_COLOURS[i % 4], linewidth=1.8)
        _equal(axes, everything)
        axes.set_title(f"layer {layer} of {model.encoder.depth}", fontsize=11)
        _name_axes(axes, model.dim)
        axes.tick_params(labelsize=7)
    return figure


def _name_axes(axes: Any, dim: int) -> None:
    for j, name in enumerate("xyz"[:dim]):
        getattr(axes, f"set_{name}label")(f"$x_{j + 1}$", fontsize=9)


def _legend(figure: Figure, *sources: Any) -> None:
    pairs = [source.get_legend_handles_labels() for source in sources]
    figure.legend(
        [handle for handles, _ in pairs for handle in handles],
        [label for _, labels in pairs for label in labels],
        loc="outside lower center",
        ncols=6,
        frameon=False,
        fontsize=10,
    )


def _curves_in_space(model: Any) -> None:
    finished(model, "model", "BottleneckAutoencoder", "charts", "gap", "latent_dim", "kind")
    if model.latent_dim != 1 or model.dim not in (2, 3):
        raise ValueError(
            "`model` must hold curves in two or three dimensions, got dimension "
            f"{model.latent_dim} in {model.dim}"
        )


def _equal(axes: Any, points: NDArray) -> None:
    """One unit of length on all axes."""
    low, high = points.min(0), points.max(0)
    if points.shape[1] == 2:
        axes.set_aspect("equal")
        legible(axes)
        return
    half = 0.55 * float((high - low).max())
    middle = 0.5 * (low + high)
    for name, centre in zip("xyz", middle):
        getattr(axes, f"set_{name}lim")(centre - half, centre + half)
    axes.set_box_aspect((1, 1, 1))
    axes.tick_params(labelsize=8)
