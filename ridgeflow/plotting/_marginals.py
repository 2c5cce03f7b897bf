"""Spectra in three variables and more: energy by scale, by offset and by direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.plotting._canvas import BLACK, BLUE, GREEN, GREY, ORANGE, legible, new_figure
from ridgeflow.plotting._maps import SCALE, energies, reach, seen, strip

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["marginals"]


def marginals(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    energy = energies(spectrum, component)
    log_step = grid.log_steps
    joint = grid.direction_weights[:, None] * energy * log_step
    total = max(float(joint.sum()), np.finfo(float).tiny)
    figure = new_figure(14.2, 4.4)
    by_scale, by_offset, by_direction = figure.subplots(1, 3)

    density = joint.sum(axis=0) / (log_step * total)
    rows = seen(np.sqrt(density)[:, None])
    by_scale.semilogx(grid.scales[rows], density[rows], "o-", ms=4, lw=1.4, color=BLUE)
    by_scale.set_ylim(bottom=0)
    by_scale.set_xlabel(SCALE)
    by_scale.set_ylabel("share of the energy per unit of $\\log ρ$")
    by_scale.set_title("By scale")

    edges = np.linspace(0, reach(grid), 49)
    below = np.zeros_like(edges)
    for s, rho in enumerate(grid.scales):
        power = (np.abs(strip(spectrum, s, component)) ** 2).sum(axis=2)
        line = grid.step * rho**grid.dim * log_step[s] * (grid.direction_weights @ power)
        # Every node spreads over its cell; -u turns p over, so that both sides count alike.
        cells = (np.append(grid.offsets(s), grid.offsets(s)[-1] + grid.step) - grid.step / 2) / rho
        inside = np.concatenate([[0.0], np.cumsum(line)])
        below += np.interp(edges, cells, inside) - np.interp(-edges, cells, inside)
    by_offset.stairs(np.diff(below) / (np.diff(edges) * total), edges, fill=True, color=GREEN)
    by_offset.set_ylim(bottom=0)
    by_offset.set_xlabel("distance $|b/ρ - u\\cdot c|$ from the center (unit of $x$)")
    by_offset.set_ylabel("share of the energy per unit of $x$")
    by_offset.set_title("By offset")

    share = joint.sum(axis=1) / total
    if grid.dim == 3:
        _half_sphere(figure, by_direction, grid.directions, share / grid.direction_weights)
    else:
        moments = grid.dim * (share @ grid.directions**2)
        by_direction.bar(np.arange(1, grid.dim + 1), moments, color=ORANGE, width=0.7)
        by_direction.axhline(1.0, color=BLACK, ls="--", lw=1.0, label="isotropic")
        by_direction.set_xticks(np.arange(1, grid.dim + 1, max(1, grid.dim // 10)))
        by_direction.set_xlabel("axis $j$")
        by_direction.set_ylabel(f"${grid.dim}\\,\\langle u_j^2\\rangle$, weighted by the energy")
        by_direction.set_ylim(top=1.2 * max(1.0, float(moments.max())))
        by_direction.legend(frameon=False, fontsize=10, loc="upper right")
    by_direction.set_title("By direction")
    for axes in (by_scale, by_offset, by_direction):
        legible(axes)
    return figure


def _half_sphere(figure: Figure, axes: Axes, unit: NDArray, density: NDArray) -> None:
    """Density over directions of R^3, both signs alike, as a disc of the same area."""
    up = np.where(unit[:, 2:] < 0, -unit, unit)
    disc = up[:, :2] / np.sqrt(1 + up[:, 2:])
    relative = density * 2 * np.pi
    size = float(np.clip(1.2e5 / len(unit), 4.0, 400.0))
    image = axes.scatter(
        disc[:, 0], disc[:, 1], c=relative, s=size, cmap="viridis", vmin=0, rasterized=True
    )
    angle = np.linspace(0, 2 * np.pi, 200)
    axes.plot(np.cos(angle), np.sin(angle), color=GREY, lw=0.8)
    axes.set_aspect("equal")
    axes.set_xlabel("$u_1/\\sqrt{1 + u_3}$")
    axes.set_ylabel("$u_2/\\sqrt{1 + u_3}$")
    figure.colorbar(image, ax=axes, label="energy per solid angle (isotropic: 1)")
