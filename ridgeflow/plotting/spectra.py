"""Figures of ridgelet spectra: heat maps, energies by direction and scale, marginals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline

from ridgeflow._validate import items_of, positive_int
from ridgeflow.plotting._canvas import as_headline, as_text, finished, legible, new_figure
from ridgeflow.plotting._maps import (
    PIXELS,
    SCALE,
    by_offset,
    energies,
    energy_map,
    heat,
    offset_lines,
    reach,
    real,
    seen,
    strongest,
)
from ridgeflow.plotting._marginals import marginals
from ridgeflow.plotting._nodes import cartesian_line, cartesian_plane, scatter

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["spectrum_map"]


def spectrum_map(
    spectrum: Any,
    *,
    component: int | None = None,
    directions: Sequence[int] | None = None,
    title: str | None = None,
) -> Figure:
    """Draw a ridgelet spectrum as papers do, by dimension and grid.

    Polar grids. m = 1: ``R[f;ψ](a, b)`` over (a, b), as far as the energy reaches, and
    ``ρ R[f;ψ](ρ, ρp)`` over scale ρ and offset p. m = 2: the energy ``ρ² ∫ |R[f;ψ](ρu, b)|² db``
    per direction and unit of log scale, and ``ρ^{3/2} R[f;ψ](ρu, ρp)`` over scale and offset for
    some directions. m >= 3: the energy by scale, by the distance of the ridge from the center of
    the grid, and by direction (m = 3: over the half sphere in an equal-area projection; m > 3: its
    second moments along the axes, 1 for an isotropic field).

    Cartesian grids. m = 1: ``R[f;ψ](a, b)``. m >= 2: the energy over (a₁, a₂), and the values over
    (a₁, b) where the other components of a are nearest 0. Plain nodes: the values at (a, b), or at
    (\\|a\\|, b/\\|a\\|) for m >= 2.

    Parameters
    ----------
    spectrum : Spectrum
    component : int, optional
        Component of a vector-valued field to show; by default the energies of all components are
        summed, and the maps of values show the strongest component. Complex values are shown by
        their real part.
    directions : sequence of int, optional
        m = 2, polar: numbers of the directions to show over scale and offset, at most four; by
        default the one of most energy and the one most nearly perpendicular to it.
    title : str, optional
        What the headline says in place of the field that was transformed.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    TypeError
        If ``spectrum`` is none.
    ValueError
        If the spectrum has no such component or direction, or directions are given for another
        dimension or grid.

    Notes
    -----
    Between its scales the map over (a, b) is interpolated, by cubics in log ρ along lines b/ρ; for
    negative a it shows the symmetry R(-a, -b) = ±R(a, b).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> psi, law = rf.Ridgelet(1, 2), rf.GaussianMixture([1.0], [[0.0]], 0.3)
    >>> grid = rf.ParameterGrid.polar(1, 1, np.geomspace(0.1, 10, 12), 2.0, 0.5)
    >>> [axes.get_title() for axes in spectrum_map(rf.ridgelet_transform(law, psi, grid)).axes[:2]]
    ['Over parameters', 'Over scale and offset']
    """
    finished(spectrum, "spectrum", "Spectrum", "grid", "values", "ridgelet")
    grid = spectrum.grid
    components = spectrum.values.shape[1] if spectrum.values.ndim == 2 else 1
    if component is not None:
        component = positive_int(component, "component", minimum=0)
        if component >= components:
            raise ValueError(f"`component` must lie in 0 to {components - 1}, got {component}")
    chosen = None if directions is None else _chosen_directions(grid, directions)
    if grid.kind == "nodes":
        figure = scatter(spectrum, component)
    elif grid.kind == "cartesian":
        figure = (cartesian_line if grid.dim == 1 else cartesian_plane)(spectrum, component)
    elif grid.dim == 1:
        figure = _polar_line(spectrum, component)
    elif grid.dim == 2:
        figure = _polar_plane(spectrum, component, chosen)
    else:
        figure = marginals(spectrum, component)
    if title is not None:
        title = as_headline(title, "title")
    field, psi = _headline(spectrum, component, title)
    narrow = figure.get_figwidth() < 8
    figure.suptitle(f"{field}{chr(10) if narrow else ',  '}{psi}", fontsize=12)
    figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[union-attr, call-arg]
    return figure


def _chosen_directions(grid: Any, directions: Sequence[int]) -> list[int]:
    """Numbers of directions of a polar grid in the plane, each once."""
    if grid.kind != "polar" or grid.dim != 2:
        raise ValueError(
            "`directions` must be left out unless the spectrum lies on a polar grid in two "
            f"dimensions, got dimension {grid.dim} on {grid.kind} nodes"
        )
    asked = items_of(directions, "directions")
    chosen = [positive_int(u, "directions", minimum=0) for u in asked]
    if not 1 <= len(set(chosen)) <= 4 or max(chosen) >= len(grid.directions):
        raise ValueError(
            f"`directions` must be one to four numbers from 0 to {len(grid.directions) - 1}, "
            f"got {asked}"
        )
    return list(dict.fromkeys(chosen))


def _headline(spectrum: Any, component: int | None, title: str | None) -> tuple[str, str]:
    """Which field, and which ridgelet."""
    psi = spectrum.ridgelet
    if psi.family == "hermite":
        order = psi.order
        primes = "'" * order if order <= 3 else f"^{{({order})}}"
        power = "" if psi.dim == 1 else f"^{{{psi.dim}}}"
        said = rf"$ψ = Λ{power} G{primes}$"
    else:
        sign = r"i\,\mathrm{sgn}(ω)\," if psi.parity == "odd" else ""
        said = rf"$\hatψ(ω) \;∝\; {sign}|ω|^{{{psi.order:.4g}}}\,e^{{-ω^2/2}}$"
    history = spectrum.provenance
    if title is not None:
        field = title
    elif history is None:
        field = "Ridgelet spectrum"
    elif len(history.fields) > 1:
        field = f"Ridgelet spectrum of a combination of {len(history.fields)} fields"
    else:
        # A multiple is not worth mentioning.
        later = [s for s in history.steps[1:] if not s.startswith("linear_combination(")]
        after = f", {later[-1].partition('(')[0]}" if later else ""
        field = as_text(f"Ridgelet spectrum of {history.fields[0].describe()}{after}", "field", 120)
    shown = "" if component is None else f", component {component}"
    return field + shown, said


def _polar_line(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    part = strongest(spectrum, component, 0)
    lines = offset_lines(spectrum, component, 0, part)
    middle = float(grid.center[0]) * float(grid.directions[0, 0])
    figure = new_figure(11.2, 4.8)
    left, right = figure.subplots(1, 2)

    a_max, b_max = _extent(grid, lines, middle)
    unit = np.arange(-PIXELS, PIXELS + 1) / PIXELS
    a, b = a_max * unit, b_max * unit
    parity = 1.0 if spectrum.ridgelet.parity == "even" else -1.0
    curves = [CubicSpline(grid.offsets(s), line, extrapolate=False) for s, line in enumerate(lines)]
    half = np.stack([_at_scale(grid, curves, middle, parity, rho, b) for rho in a[PIXELS:]], axis=1)
    image = heat(left, a, b, np.hstack([parity * half[::-1, :0:-1], half]))
    left.set_xlabel("$a$ (1 / unit of $x$)")
    left.set_ylabel("$b$ (dimensionless)")
    left.set_title("Over parameters")
    figure.colorbar(image, ax=left, label=real(spectrum, "R[f;ψ](a, b)"))
    legible(left)

    p = reach(grid) * np.linspace(-1, 1, 2 * PIXELS + 1)
    values = by_offset(grid, lines, p)
    rows = seen(values)
    image = heat(right, p + middle, grid.scales[rows], values[rows], scales=True)
    right.set_title("Over scale and offset")
    right.set_xlabel("offset $p = b/ρ$ (unit of $x$)")
    right.set_ylabel(SCALE)
    right.set_yscale("log")
    figure.colorbar(image, ax=right, label=real(spectrum, "ρ\\,R[f;ψ](ρ, ρp)"))
    legible(right)
    return figure


def _extent(grid: Any, lines: list[NDArray], middle: float) -> tuple[float, float]:
    """Range of a that holds 99.5 % of the energy, and of b with values above 1 % of the peak."""
    power = grid.scale_weights * np.array([(line**2).sum() for line in lines])
    share = np.cumsum(power) / max(float(power.sum()), np.finfo(float).tiny)
    last = min(int(np.searchsorted(share, 0.995)), len(share) - 1)
    floor = 0.01 * max(float(np.abs(line).max()) for line in lines[: last + 1])
    b_max = grid.step
    for s in range(last + 1):
        large = np.flatnonzero(np.abs(lines[s]) > floor)
        if len(large):
            ends = grid.offsets(s)[large[[0, -1]]] + grid.scales[s] * middle
            b_max = max(b_max, float(np.abs(ends).max()))
    return float(grid.scales[last]), b_max


def _at_scale(
    grid: Any, lines: list[Any], middle: float, parity: float, rho: float, b: NDArray
) -> NDArray:
    """Values at offsets b for any scale, by Lagrange's cubic in log ρ at fixed b/ρ."""
    least = grid.scales[0]
    if rho < least:
        # Linear between the lowest scales on both sides, a = -ρ and ρ.
        below, above = (np.nan_to_num(lines[0](sign * b - least * middle)) for sign in (-1, 1))
        return 0.5 * ((1 - rho / least) * parity * below + (1 + rho / least) * above)
    place = np.log(grid.scales)
    first = int(np.searchsorted(place, np.log(rho))) - 2
    first = min(max(first, 0), max(len(place) - 4, 0))
    near = range(first, min(first + 4, len(place)))
    total = np.zeros_like(b)
    for i in near:
        others = np.array([place[j] for j in near if j != i])
        weight = np.prod((np.log(rho) - others) / (place[i] - others))
        total += weight * np.nan_to_num(lines[i](grid.scales[i] * (b / rho - middle)))
    return total


def _polar_plane(spectrum: Any, component: int | None, chosen: list[int] | None) -> Figure:
    grid = spectrum.grid
    energy = energies(spectrum, component)
    angles = np.degrees(np.arctan2(grid.directions[:, 1], grid.directions[:, 0])) % 180
    if chosen is None:
        first = int(np.argmax(energy.sum(axis=1)))
        across = np.abs(grid.directions @ grid.directions[first])
        chosen = list(dict.fromkeys([first, int(np.argmin(across))]))
    figure = new_figure(5.4 + 4.6 * len(chosen), 4.8)
    panels = np.atleast_1d(figure.subplots(1, 1 + len(chosen)))
    order = np.argsort(angles)
    rows = seen(np.sqrt(energy.T))
    image = energy_map(
        panels[0], angles[order], grid.scales[rows], energy[order].T[rows], scales=True
    )
    panels[0].set_xlabel("direction $u$ (degrees)")
    panels[0].set_title("Energy by direction and scale")
    figure.colorbar(image, ax=panels[0], label="energy (fraction of the maximum)")
    p = reach(grid) * np.linspace(-1, 1, 2 * PIXELS + 1)
    part = strongest(spectrum, component, chosen[0])
    maps = [by_offset(grid, offset_lines(spectrum, component, u, part), p) for u in chosen]
    bound = max(float(np.abs(values).max()) for values in maps)
    for axes, u, values in zip(panels[1:], chosen, maps, strict=True):
        panels[0].axvline(angles[u], color="white", ls="--", lw=1.2)
        middle = float(grid.directions[u] @ grid.center)
        image = heat(axes, p + middle, grid.scales[rows], values[rows], bound, scales=True)
        axes.set_title(f"Direction {angles[u]:.0f}°")
        axes.set_xlabel("offset $p = b/ρ$ (unit of $x$)")
    label = real(spectrum, "ρ^{3/2}\\,R[f;ψ](ρu, ρp)")
    figure.colorbar(image, ax=panels[1:], label=label)
    for axes in panels:
        axes.set_yscale("log")
        axes.set_ylabel(SCALE)
        legible(axes)
    return figure
