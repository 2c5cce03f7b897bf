"""What figures of spectra share: values by scale and direction, and maps of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.plotting._canvas import log_edges

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = [
    "FAINT",
    "PIXELS",
    "SCALE",
    "by_offset",
    "energies",
    "energy_map",
    "heat",
    "offset_lines",
    "reach",
    "real",
    "seen",
    "shown",
    "strip",
    "strongest",
]

SCALE = "scale $ρ = |a|$ (1 / unit of $x$)"
# Maps leave out what lies below this share of their maximum.
FAINT = 1e-4
PIXELS = 160  # on either side of the middle


def shown(values: NDArray, component: int | None) -> NDArray:
    """Values (..., k) of the components that are shown."""
    columns = values.reshape(len(values), -1)
    columns = columns if component is None else columns[:, component : component + 1]
    return columns.astype(np.result_type(columns, np.float64), copy=False)


def strip(spectrum: Any, scale: int, component: int | None) -> NDArray:
    """Values of one scale, (U, B, k)."""
    start, stop = spectrum.grid.starts[scale], spectrum.grid.starts[scale + 1]
    columns = shown(spectrum.values[start:stop], component)
    return columns.reshape(len(spectrum.grid.directions), -1, columns.shape[1])


def energies(spectrum: Any, component: int | None) -> NDArray[np.float64]:
    """``ρ^m ∫ |R[f;ψ](ρu, b)|² db`` (U, S): per direction and unit of log scale."""
    grid = spectrum.grid
    return np.stack(
        [
            rho**grid.dim * grid.step * (np.abs(strip(spectrum, s, component)) ** 2).sum((1, 2))
            for s, rho in enumerate(grid.scales)
        ],
        axis=1,
    )


def strongest(spectrum: Any, component: int | None, direction: int) -> int:
    """Position among the shown components of the one with most energy in a direction."""
    grid = spectrum.grid
    power = sum(
        rho**grid.dim * (np.abs(strip(spectrum, s, component)[direction]) ** 2).sum(0)
        for s, rho in enumerate(grid.scales)
    )
    return int(np.argmax(power))


def offset_lines(spectrum: Any, component: int | None, direction: int, part: int) -> list[NDArray]:
    """Real values along the offsets of one direction, for each scale."""
    return [
        strip(spectrum, s, component)[direction, :, part].real
        for s in range(len(spectrum.grid.scales))
    ]


def reach(grid: Any) -> float:
    """Range of offsets p that the largest scale covers, about the center."""
    return float(grid.offsets(len(grid.scales) - 1)[-1] / grid.scales[-1])


def by_offset(grid: Any, lines: list[NDArray], p: NDArray) -> NDArray:
    """``ρ^{(m+1)/2} R[f;ψ](ρu, ρp)`` (S, n): squared, it integrates to energy over log ρ and p."""
    return np.stack(
        [
            rho ** ((grid.dim + 1) / 2)
            * np.interp(rho * p, grid.offsets(s), lines[s], left=0, right=0)
            for s, rho in enumerate(grid.scales)
        ]
    )


def seen(values: NDArray) -> slice:
    """The rows that hold anything of the map, with one more on either side."""
    size = np.abs(values).reshape(len(values), -1).max(axis=1)
    rows = np.flatnonzero(size > FAINT**0.5 * size.max())
    if not len(rows):
        return slice(0, len(values))
    return slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2)


def cells(x: NDArray, y: NDArray, scales: bool) -> tuple[NDArray, NDArray]:
    """Edges of the cells of a map; those of scales lie half-way in the logarithm."""
    return edges(x), log_edges(y) if scales else edges(y)


def edges(values: NDArray) -> NDArray:
    if len(values) == 1:
        return np.array([values[0] - 0.5, values[0] + 0.5])
    inner = 0.5 * (values[1:] + values[:-1])
    return np.concatenate([[2 * values[0] - inner[0]], inner, [2 * values[-1] - inner[-1]]])


def heat(
    axes: Axes,
    x: NDArray,
    y: NDArray,
    values: NDArray,
    bound: float | None = None,
    *,
    scales: bool = False,
) -> Any:
    """A map of signed values (y, x), white at 0."""
    if bound is None:
        bound = float(np.abs(values).max())
    bound = max(bound, np.finfo(float).tiny)
    return axes.pcolormesh(
        *cells(x, y, scales), values, vmin=-bound, vmax=bound, cmap="PuOr", rasterized=True
    )


def energy_map(axes: Axes, x: NDArray, y: NDArray, energy: NDArray, *, scales: bool = False) -> Any:
    """A map of energies (y, x) over four decades below their maximum."""
    peak = max(float(energy.max()), np.finfo(float).tiny)
    return axes.pcolormesh(
        *cells(x, y, scales),
        np.maximum(energy / peak, FAINT),
        norm="log",
        vmin=FAINT,
        vmax=1.0,
        cmap="viridis",
        rasterized=True,
    )


def real(spectrum: Any, text: str) -> str:
    """A formula of values, marked where only their real part is shown."""
    return rf"$\mathrm{{Re}}\;{text}$" if np.iscomplexobj(spectrum.values) else f"${text}$"
