"""Figures of ridgelet spectra: heat maps, energies by direction and scale, marginals."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import positive_int
from ridgeflow.plotting._canvas import BLACK, BLUE, GREEN, GREY, ORANGE, legible, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["spectrum_map"]

_SCALE = "scale $ρ = |a|$ (1 / unit of $x$)"
# Maps leave out what lies below this share of their maximum.
_FAINT = 1e-4
_PIXELS = 160  # on either side of the middle


def spectrum_map(
    spectrum: Any, *, component: int | None = None, directions: Sequence[int] | None = None
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

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
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
    grid = spectrum.grid
    components = spectrum.values.shape[1] if spectrum.values.ndim == 2 else 1
    if component is not None and not 0 <= component < components:
        raise ValueError(f"`component` must lie in 0 to {components - 1}, got {component}")
    if directions is not None:
        if grid.kind != "polar" or grid.dim != 2:
            raise ValueError(
                "`directions` must be left out unless the spectrum lies on a polar grid in two "
                f"dimensions, got dimension {grid.dim} on {grid.kind} nodes"
            )
        chosen = [positive_int(u, "directions", minimum=0) for u in directions]
        if not 1 <= len(chosen) <= 4 or max(chosen) >= len(grid.directions):
            raise ValueError(
                f"`directions` must be one to four numbers from 0 to {len(grid.directions) - 1}, "
                f"got {list(directions)}"
            )
    if grid.kind == "nodes":
        figure = _scatter(spectrum, component)
    elif grid.kind == "cartesian":
        figure = (_cartesian_line if grid.dim == 1 else _cartesian_plane)(spectrum, component)
    elif grid.dim == 1:
        figure = _polar_line(spectrum, component)
    elif grid.dim == 2:
        figure = _polar_plane(spectrum, component, None if directions is None else chosen)
    else:
        figure = _marginals(spectrum, component)
    field, psi = _headline(spectrum, component)
    narrow = figure.get_figwidth() < 8
    figure.suptitle(f"{field}{chr(10) if narrow else ',  '}{psi}", fontsize=12)
    figure.get_layout_engine().set(w_pad=0.1)  # type: ignore[union-attr, call-arg]
    return figure


def _headline(spectrum: Any, component: int | None) -> tuple[str, str]:
    """Which field, and which ridgelet."""
    psi = spectrum.ridgelet
    if psi.family == "hermite":
        order = psi.order
        primes = "'" * order if order <= 3 else f"^{{({order})}}"
        power = "" if psi.dim == 1 else f"^{psi.dim}"
        said = rf"$ψ = Λ{power} G{primes}$"
    else:
        sign = r"i\,\mathrm{sgn}(ω)\," if psi.parity == "odd" else ""
        said = rf"$\hatψ(ω) \;∝\; {sign}|ω|^{{{psi.order:.4g}}}\,e^{{-ω^2/2}}$"
    history = spectrum.provenance
    if history is None:
        field = "Ridgelet spectrum"
    elif len(history.fields) > 1:
        field = f"Ridgelet spectrum of a combination of {len(history.fields)} fields"
    else:
        # A multiple is not worth mentioning.
        later = [s for s in history.steps[1:] if not s.startswith("linear_combination(")]
        after = f", {later[-1].partition('(')[0]}" if later else ""
        field = f"Ridgelet spectrum of {history.fields[0].describe()}{after}"
    shown = "" if component is None else f", component {component}"
    return field + shown, said


def _columns(values: NDArray, component: int | None) -> NDArray:
    """Values (..., k) of the components that are shown."""
    columns = values.reshape(len(values), -1)
    columns = columns if component is None else columns[:, component : component + 1]
    return columns.astype(np.result_type(columns, np.float64), copy=False)


def _strip(spectrum: Any, scale: int, component: int | None) -> NDArray:
    """Values of one scale, (U, B, k)."""
    start, stop = spectrum.grid.starts[scale], spectrum.grid.starts[scale + 1]
    columns = _columns(spectrum.values[start:stop], component)
    return columns.reshape(len(spectrum.grid.directions), -1, columns.shape[1])


def _energies(spectrum: Any, component: int | None) -> NDArray[np.float64]:
    """``ρ^m ∫ |R[f;ψ](ρu, b)|² db`` (U, S): per direction and unit of log scale."""
    grid = spectrum.grid
    return np.stack(
        [
            rho**grid.dim * grid.step * (np.abs(_strip(spectrum, s, component)) ** 2).sum((1, 2))
            for s, rho in enumerate(grid.scales)
        ],
        axis=1,
    )


def _strongest(spectrum: Any, component: int | None, direction: int) -> int:
    """Position among the shown components of the one with most energy in a direction."""
    grid = spectrum.grid
    power = sum(
        rho**grid.dim * (np.abs(_strip(spectrum, s, component)[direction]) ** 2).sum(0)
        for s, rho in enumerate(grid.scales)
    )
    return int(np.argmax(power))


def _lines(spectrum: Any, component: int | None, direction: int, part: int) -> list[NDArray]:
    """Real values along the offsets of one direction, for each scale."""
    return [
        _strip(spectrum, s, component)[direction, :, part].real
        for s in range(len(spectrum.grid.scales))
    ]


def _reach(grid: Any) -> float:
    """Range of offsets p that the largest scale covers, about the center."""
    return float(grid.offsets(len(grid.scales) - 1)[-1] / grid.scales[-1])


def _by_offset(grid: Any, lines: list[NDArray], p: NDArray) -> NDArray:
    """``ρ^{(m+1)/2} R[f;ψ](ρu, ρp)`` (S, n): squared, it integrates to energy over log ρ and p."""
    return np.stack(
        [
            rho ** ((grid.dim + 1) / 2)
            * np.interp(rho * p, grid.offsets(s), lines[s], left=0, right=0)
            for s, rho in enumerate(grid.scales)
        ]
    )


def _seen(values: NDArray) -> slice:
    """The rows that hold anything of the map, with one more on either side."""
    size = np.abs(values).reshape(len(values), -1).max(axis=1)
    rows = np.flatnonzero(size > _FAINT**0.5 * size.max())
    if not len(rows):
        return slice(0, len(values))
    return slice(max(0, int(rows[0]) - 1), int(rows[-1]) + 2)


def _heat(axes: Axes, x: NDArray, y: NDArray, values: NDArray, bound: float | None = None) -> Any:
    """A map of signed values (y, x), white at 0."""
    if bound is None:
        bound = float(np.abs(values).max())
    bound = max(bound, np.finfo(float).tiny)
    return axes.pcolormesh(
        x, y, values, vmin=-bound, vmax=bound, cmap="PuOr", shading="nearest", rasterized=True
    )


def _energy_map(axes: Axes, x: NDArray, y: NDArray, energy: NDArray) -> Any:
    """A map of energies (y, x) over four decades below their maximum."""
    peak = max(float(energy.max()), np.finfo(float).tiny)
    return axes.pcolormesh(
        x,
        y,
        np.maximum(energy / peak, _FAINT),
        norm="log",
        vmin=_FAINT,
        vmax=1.0,
        cmap="viridis",
        shading="nearest",
        rasterized=True,
    )


def _real(spectrum: Any, text: str) -> str:
    """A formula of values, marked where only their real part is shown."""
    return rf"$\mathrm{{Re}}\;{text}$" if np.iscomplexobj(spectrum.values) else f"${text}$"


def _polar_line(spectrum: Any, component: int | None) -> Figure:
    from scipy.interpolate import CubicSpline

    grid = spectrum.grid
    part = _strongest(spectrum, component, 0)
    lines = _lines(spectrum, component, 0, part)
    middle = float(grid.center[0]) * float(grid.directions[0, 0])
    figure = new_figure(11.2, 4.8)
    left, right = figure.subplots(1, 2)

    a_max, b_max = _extent(grid, lines, middle)
    unit = np.arange(-_PIXELS, _PIXELS + 1) / _PIXELS
    a, b = a_max * unit, b_max * unit
    parity = 1.0 if spectrum.ridgelet.parity == "even" else -1.0
    curves = [CubicSpline(grid.offsets(s), line, extrapolate=False) for s, line in enumerate(lines)]
    half = np.stack(
        [_at_scale(grid, curves, middle, parity, rho, b) for rho in a[_PIXELS:]], axis=1
    )
    image = _heat(left, a, b, np.hstack([parity * half[::-1, :0:-1], half]))
    left.set_xlabel("$a$ (1 / unit of $x$)")
    left.set_ylabel("$b$ (dimensionless)")
    left.set_title("Over parameters")
    figure.colorbar(image, ax=left, label=_real(spectrum, "R[f;ψ](a, b)"))
    legible(left)

    reach = _reach(grid)
    p = np.linspace(-reach, reach, 2 * _PIXELS + 1)
    values = _by_offset(grid, lines, p)
    rows = _seen(values)
    image = _heat(right, p + middle, grid.scales[rows], values[rows])
    right.set_title("Over scale and offset")
    right.set_xlabel("offset $p = b/ρ$ (unit of $x$)")
    right.set_ylabel(_SCALE)
    right.set_yscale("log")
    figure.colorbar(image, ax=right, label=_real(spectrum, "ρ\\,R[f;ψ](ρ, ρp)"))
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
    energy = _energies(spectrum, component)
    angles = np.degrees(np.arctan2(grid.directions[:, 1], grid.directions[:, 0])) % 180
    if chosen is None:
        first = int(np.argmax(energy.sum(axis=1)))
        across = np.abs(grid.directions @ grid.directions[first])
        chosen = list(dict.fromkeys([first, int(np.argmin(across))]))
    figure = new_figure(5.4 + 4.6 * len(chosen), 4.8)
    panels = np.atleast_1d(figure.subplots(1, 1 + len(chosen)))
    order = np.argsort(angles)
    rows = _seen(np.sqrt(energy.T))
    image = _energy_map(panels[0], angles[order], grid.scales[rows], energy[order].T[rows])
    panels[0].set_xlabel("direction $u$ (degrees)")
    panels[0].set_title("Energy by direction and scale")
    figure.colorbar(image, ax=panels[0], label="energy (fraction of the maximum)")
    reach = _reach(grid)
    p = np.linspace(-reach, reach, 2 * _PIXELS + 1)
    part = _strongest(spectrum, component, chosen[0])
    maps = [_by_offset(grid, _lines(spectrum, component, u, part), p) for u in chosen]
    bound = max(float(np.abs(values).max()) for values in maps)
    for axes, u, values in zip(panels[1:], chosen, maps, strict=True):
        panels[0].axvline(angles[u], color="white", ls="--", lw=1.2)
        middle = float(grid.directions[u] @ grid.center)
        image = _heat(axes, p + middle, grid.scales[rows], values[rows], bound)
        axes.set_title(f"Direction {angles[u]:.0f}°")
        axes.set_xlabel("offset $p = b/ρ$ (unit of $x$)")
    label = _real(spectrum, "ρ^{3/2}\\,R[f;ψ](ρu, ρp)")
    figure.colorbar(image, ax=panels[1:], label=label)
    for axes in panels:
        axes.set_yscale("log")
        axes.set_ylabel(_SCALE)
        legible(axes)
    return figure


def _marginals(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    energy = _energies(spectrum, component)
    log_step = grid.scale_weights / grid.scales**grid.dim
    joint = grid.direction_weights[:, None] * energy * log_step
    total = max(float(joint.sum()), np.finfo(float).tiny)
    figure = new_figure(14.2, 4.4)
    by_scale, by_offset, by_direction = figure.subplots(1, 3)

    density = joint.sum(axis=0) / (log_step * total)
    rows = _seen(np.sqrt(density)[:, None])
    by_scale.semilogx(grid.scales[rows], density[rows], "o-", ms=4, lw=1.4, color=BLUE)
    by_scale.set_ylim(bottom=0)
    by_scale.set_xlabel(_SCALE)
    by_scale.set_ylabel("share of the energy per unit of $\\log ρ$")
    by_scale.set_title("By scale")

    edges = np.linspace(0, _reach(grid), 49)
    below = np.zeros_like(edges)
    for s, rho in enumerate(grid.scales):
        power = (np.abs(_strip(spectrum, s, component)) ** 2).sum(axis=2)
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


def _grid_values(spectrum: Any, component: int | None) -> NDArray:
    """Values on a cartesian grid, (n1, ..., nm, nb, k)."""
    columns = _columns(spectrum.values, component)
    return columns.reshape(*(len(axis) for axis in spectrum.grid.axes), -1)


def _main_part(values: NDArray) -> NDArray:
    """The real part of the strongest component."""
    flat = values.reshape(-1, values.shape[-1])
    return values[..., int(np.argmax((np.abs(flat) ** 2).sum(axis=0)))].real


def _cartesian_line(spectrum: Any, component: int | None) -> Figure:
    a, b = spectrum.grid.axes
    figure = new_figure(6.4, 5.0)
    axes = figure.subplots()
    image = _heat(axes, a, b, _main_part(_grid_values(spectrum, component)).T)
    axes.set_xlabel("$a$ (1 / unit of $x$)")
    axes.set_ylabel("$b$ (dimensionless)")
    figure.colorbar(image, ax=axes, label=_real(spectrum, "R[f;ψ](a, b)"))
    legible(axes)
    return figure


def _cartesian_plane(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    first, second, b = grid.axes[0], grid.axes[1], grid.axes[-1]
    values = _grid_values(spectrum, component)
    energy = (np.abs(values) ** 2).sum(axis=tuple(range(2, values.ndim)))
    figure = new_figure(11.6, 4.8)
    plane, cut = figure.subplots(1, 2)
    image = _energy_map(plane, first, second, energy.T)
    plane.set_aspect("equal")
    plane.set_xlabel("$a_1$ (1 / unit of $x$)")
    plane.set_ylabel("$a_2$ (1 / unit of $x$)")
    plane.set_title("Energy")
    figure.colorbar(image, ax=plane, label="energy (fraction of the maximum)")
    shape = tuple(len(axis) for axis in grid.axes[1:-1])
    at = tuple(int(np.argmin(np.abs(axis))) for axis in grid.axes[1:-1])
    part = _main_part(values).reshape(len(first), -1, len(b))[:, np.ravel_multi_index(at, shape)]
    image = _heat(cut, first, b, part.T)
    rest = ", ".join(
        # Sums of steps leave rounding where 0 is meant.
        f"$a_{j + 2} = {round(float(axis[i]), 9):.3g}$"
        for j, (axis, i) in enumerate(zip(grid.axes[1:-1], at, strict=True))
    )
    cut.set_title(f"Values where {rest}")
    cut.set_xlabel("$a_1$ (1 / unit of $x$)")
    cut.set_ylabel("$b$ (dimensionless)")
    figure.colorbar(image, ax=cut, label=_real(spectrum, "R[f;ψ](a, b)"))
    for axes in (plane, cut):
        legible(axes)
    return figure


def _scatter(spectrum: Any, component: int | None) -> Figure:
    grid = spectrum.grid
    values = _main_part(_columns(spectrum.values, component))
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
        axes.set_xlabel(_SCALE)
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
    figure.colorbar(image, ax=axes, label=_real(spectrum, "R[f;ψ](a, b)"))
    legible(axes)
    return figure
