"""Spectra on Cartesian grids and on plain nodes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.plotting._canvas import legible, new_figure
from ridgeflow.plotting._maps import SCALE, energy_map, heat, real, shown

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["cartesian_line", "cartesian_plane", "scatter"]


def _grid_values(spectrum: Any, component: int | None) -> NDArray:
    """Values on a cartesian grid, (n1, ..., nm, nb, k)."""
    columns = shown(spectrum.values, component)
    return columns.reshape(*(len(axis) for axis in spectrum.grid.axes), -1)


def _main_part(values: NDArray) -> NDArray:
    """The real part of the strongest component."""
    flat = values.reshape(-1, values.shape[-1])
    return values[..., int(np.argmax((np.abs(flat) ** 2).sum(axis=0)))].real


def cartesian_line(spectrum: Any, component: int | None) -> Figure:
    a, b = spectrum.grid.axes
    figure = new_figure(6.4, 5.0)
    axes = figure.subplots()
    image = heat(axes, a, b, _main_part(_grid_values(spectrum, component)).T)
    axes.set_xlabel("$a$ (1 / unit of $x$)")
    axes.set_ylabel("$b$ (dimensionless)")
    figure.colorbar(image, ax=axes, label=real(spectrum, "R[f;ψ](a, b)"))
    legible(axes)
    return figure


def cartesian_plane(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    first, second, b = grid.axes[0], grid.axes[1], grid.axes[-1]
    values = _grid_values(spectrum, component)
    energy = (np.abs(values) ** 2).sum(axis=tuple(range(2, values.ndim)))
    figure = new_figure(11.6, 4.8)
    plane, cut = figure.subplots(1, 2)
    image = energy_map(plane, first, second, energy.T)
    plane.set_aspect("equal")
    plane.set_xlabel("$a_1$ (1 / unit of $x$)")
    plane.set_ylabel("$a_2$ (1 / unit of $x$)")
    plane.set_title("Energy")
    figure.colorbar(image, ax=plane, label="energy (fraction of the maximum)")
    shape = tuple(len(axis) for axis in grid.axes[1:-1])
    at = tuple(int(np.argmin(np.abs(axis))) for axis in grid.axes[1:-1])
    part = _main_part(values).reshape(len(first), -1, len(b))[:, np.ravel_multi_index(at, shape)]
    image = heat(cut, first, b, part.T)
    rest = ", ".join(
        # Sums of steps leave rounding where 0 is meant.
        f"$a_{j + 2} = {round(float(axis[i]), 9):.3g}$"
        for j, (axis, i) in enumerate(zip(grid.axes[1:-1], at, strict=True))
    )
    cut.set_title(f"Values where {rest}")
    cut.set_xlabel("$a_1$ (1 / unit of $x$)")
    cut.set_ylabel("$b$ (dimensionless)")
    figure.colorbar(image, ax=cut, label=real(spectrum, "R[f;ψ](a, b)"))
    for axes in (plane, cut):
        legible(axes)
    return figure


def scatter(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    values = _main_part(shown(spectrum.values, component))
    figure = new_figure(6.6, 5.0)
    axes = figure.subplots()
    if grid.dim == 1:
        x, y = grid.a[:, 0], grid.b
        axes.set_xlabel("$a$ (1 / unit of $x$)")
        axes.set_ylabel("$b$ (dimensionless)")
    else:
        scale = np.linalg.norm(grid.a, axis=1)
        kept = scale > 0
        x, y, values = scale[kept], grid.b[kept] / scale[kept], values[kept]
        axes.set_xscale("log")
        axes.set_xlabel(SCALE)
        axes.set_ylabel("offset $p = b/ρ$ (unit of $x$)")
    bound = max(float(np.abs(values).max(initial=0.0)), np.finfo(float).tiny)
    # The largest on top.
    order = np.argsort(np.abs(values))
    image = axes.scatter(
        x[order],
        y[order],
        c=values[order],
        s=float(np.clip(20_000 / max(len(values), 1), 3, 30)),
        cmap="PuOr",
        vmin=-bound,
        vmax=bound,
        edgecolors="#C8C8C8",
        linewidths=0.2,
        rasterized=True,
    )
    figure.colorbar(image, ax=axes, label=real(spectrum, "R[f;ψ](a, b)"))
    legible(axes)
    return figure
