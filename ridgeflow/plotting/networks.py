"""Figures of shallow networks: their parameters over the spectrum that theory expects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ridgeflow._validate import positive_int
from ridgeflow.plotting._canvas import (
    as_headline,
    as_text,
    finished,
    legend_below,
    legible,
    new_figure,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["network_over_spectrum"]

# Area of the largest dot, in square points.
_LARGEST = 90.0


def network_over_spectrum(
    net: Any, spectrum: Any, *, component: int = 0, title: str | None = None
) -> Figure:
    """Draw the neurons of a network over a ridgelet spectrum of one variable.

    The map is ``R[f;ψ](a, b) / K`` with the constant K of ψ and the network's activation, by which
    the spectrum rebuilds f; every neuron is a dot at (a_j, b_j), filled where c_j > 0, open where
    c_j < 0, with an area in proportion to |c_j|. A trained or fitted network follows the spectrum
    where its dots are large on the dark parts and change sign with it.

    Parameters
    ----------
    net : ShallowNetwork
        With m = 1.
    spectrum : Spectrum
        On a Cartesian grid of one variable.
    component : int, default 0
        Component of a vector-valued network and spectrum.
    title : str, optional
        Replaces the headline.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    TypeError
        If ``net`` or ``spectrum`` are no such objects.
    ValueError
        If dimension, grid or component do not fit.
    AdmissibilityError
        If the activation cannot rebuild what ψ analysed: K is zero or diverges.
    MissingDependencyError
        If matplotlib is not installed.
    """
    finished(net, "net", "ShallowNetwork", "a", "b", "c", "activation")
    finished(spectrum, "spectrum", "Spectrum", "grid", "values", "ridgelet")
    grid = spectrum.grid
    if net.dim != 1 or grid.kind != "cartesian" or grid.dim != 1:
        raise ValueError(
            "`net` and `spectrum` must have one variable, on a Cartesian grid, got dimensions "
            f"{net.dim} and {grid.dim} and a {grid.kind} grid"
        )
    outer = net.c.reshape(net.width, -1)
    values = spectrum.values.reshape(grid.size, -1)
    component = positive_int(component, "component", minimum=0)
    if component >= min(outer.shape[1], values.shape[1]):
        raise ValueError(
            f"`component` must be one of the {min(outer.shape[1], values.shape[1])} that both "
            f"have, got {component}"
        )
    a, b = grid.axes
    constant = spectrum.ridgelet.admissibility(net.activation)
    table = (values[:, component] / constant).real.reshape(len(a), len(b)).T
    c = outer[:, component]
    figure = new_figure(7.4, 5.4)
    axes = figure.subplots()
    bound = max(float(np.abs(table).max()), np.finfo(float).tiny)
    image = axes.pcolormesh(
        a, b, table, vmin=-bound, vmax=bound, cmap="PuOr", shading="nearest", rasterized=True
    )
    bar = figure.colorbar(image, ax=axes, pad=0.02)
    bar.set_label(r"$R[f;\psi](a, b) \,/\, K$", fontsize=11)
    inside = (
        (c != 0)
        & (net.a[:, 0] >= a[0])
        & (net.a[:, 0] <= a[-1])
        & (net.b >= b[0])
        & (net.b <= b[-1])
    )
    size = _LARGEST * np.abs(c) / max(float(np.abs(c).max()), np.finfo(float).tiny)
    for chosen, filled in ((inside & (c > 0), True), (inside & (c < 0), False)):
        style: dict[str, Any] = {"facecolors": "black" if filled else "none", "edgecolors": "black"}
        axes.scatter(net.a[chosen, 0], net.b[chosen], s=size[chosen], linewidths=0.7, **style)
        # A dot of one size for the legend, whatever the first weight is.
        label = r"$c_j > 0$" if filled else r"$c_j < 0$"
        axes.scatter([], [], s=0.4 * _LARGEST, linewidths=0.7, label=label, **style)
    axes.set_xlim(a[0], a[-1])
    axes.set_ylim(b[0], b[-1])
    axes.set_xlabel("inner weight $a$ (1/length)")
    axes.set_ylabel("offset $b$")
    shown = f"{int(inside.sum())} of {net.width} neurons, {as_text(net.activation.name, 'net')}"
    axes.set_title(shown if title is None else as_headline(title, "title"))
    legible(axes)
    legend_below(figure, axes)
    return figure
