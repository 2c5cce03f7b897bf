"""Figures of finished results; nothing here computes anything but what a picture needs.

Every function takes objects or arrays that are done, and returns a ``matplotlib.figure.Figure``
that belongs to no window and no global state: save it with ``figure.savefig(path)``. Colours are
told apart by people with colour vision deficiencies, and lines differ in marker or dash as well.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_real_array, same_length
from ridgeflow.errors import MissingDependencyError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["errors_by_size", "functionals", "spectrum_map", "trajectories"]

# Okabe and Ito's palette: distinct under the common colour vision deficiencies.
_BLUE, _ORANGE, _GREEN, _BLACK = "#0072B2", "#D55E00", "#009E73", "#000000"
_GREY = "#8C8C8C"


def _figure(width: float, height: float) -> Figure:
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


def _legible(axes: Axes) -> None:
    axes.tick_params(labelsize=10)
    axes.xaxis.label.set_fontsize(11)
    axes.yaxis.label.set_fontsize(11)
    axes.title.set_fontsize(12)
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)


def trajectories(
    exact: ArrayLike,
    network: ArrayLike | None = None,
    *,
    times: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    unit: str = "standard deviations",
) -> Figure:
    """Draw points and the paths on which the exact flow and a network move them.

    In two or more dimensions the first two coordinates are drawn, whole on the left and, on the
    right, magnified about the point that moves farthest. In one dimension position is drawn
    against depth.

    Parameters
    ----------
    exact : (T, n, m) array
        Positions along the exact flow, in ``unit``; ``exact[0]`` are the data.
    network : (L + 1, n, m) array, optional
        Positions between the layers of a network, in ``unit``.
    times : (T,) array, optional
        Depth of every slice of ``exact`` (noise variance); only drawn in one dimension.
    labels : sequence of str, optional
        Names of the coordinates.
    unit : str
        Unit of the coordinates.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the shapes do not agree.

    Examples
    --------
    >>> path = np.linspace(0, 1, 3)[:, None, None] * np.ones((1, 4, 2))
    >>> len(trajectories(path).axes)
    2
    """
    exact = as_real_array(exact, "exact", ndim=3)
    if network is not None:
        network = as_real_array(network, "network", ndim=3)
        if network.shape[1:] != exact.shape[1:]:
            raise ValueError(
                f"`network` must have shape (L + 1, {exact.shape[1]}, {exact.shape[2]}), "
                f"got {network.shape}"
            )
    dim = exact.shape[2]
    names = [f"$x_{j + 1}$" for j in range(dim)] if labels is None else list(labels)
    if len(names) != dim:
        raise ValueError(f"`labels` must have {dim} entries, got {len(names)}")
    if dim == 1:
        return _trajectories_1d(exact[:, :, 0], network, times, names[0], unit)

    figure = _figure(10.4, 5.0)
    whole, near = figure.subplots(1, 2)
    moved = np.linalg.norm(exact[-1] - exact[0], axis=1)
    farthest = int(np.argmax(moved))
    center = 0.5 * (exact[0, farthest, :2] + exact[-1, farthest, :2])
    half = max(1.5 * float(moved[farthest]), 1e-12)
    for axes, scale in ((whole, 1.0), (near, 2.0)):
        axes.plot(*exact[0, :, :2].T, "o", ms=3.2 * scale, color=_GREY, mew=0, label="data")
        for i in range(exact.shape[1]):
            axes.plot(*exact[:, i, :2].T, "-", lw=1.1 * scale, color=_BLUE)
        axes.plot([], [], "-", lw=2, color=_BLUE, label="exact flow")
        if network is not None:
            for i in range(network.shape[1]):
                axes.plot(*network[:, i, :2].T, ":", lw=1.0 * scale, color=_ORANGE)
            axes.plot(*network[-1, :, :2].T, "x", ms=2.6 * scale, mew=0.6 * scale, color=_ORANGE)
            style = {"ls": ":", "lw": 2, "marker": "x", "color": _ORANGE}
            axes.plot([], [], label=f"network, {len(network) - 1} layers", **style)
        axes.set_xlabel(f"{names[0]} ({unit})")
        axes.set_ylabel(f"{names[1]} ({unit})")
        _legible(axes)
    whole.set_title("All points")
    whole.set_aspect("equal", adjustable="datalim")
    whole.legend(frameon=False, fontsize=10, loc="best")
    near.set_xlim(center[0] - half, center[0] + half)
    near.set_ylim(center[1] - half, center[1] + half)
    near.set_aspect("equal", adjustable="box")
    near.set_title("The frame on the left, magnified")
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + center
    whole.plot(*corners.T, "-", lw=1.0, color=_BLACK)
    return figure


def _trajectories_1d(
    exact: NDArray, network: NDArray | None, times: ArrayLike | None, name: str, unit: str
) -> Figure:
    depth = np.linspace(0, 1, len(exact)) if times is None else as_real_array(times, "times")
    same_length(exact=exact, times=depth)
    figure = _figure(7.0, 5.0)
    axes = figure.subplots()
    axes.plot(depth, exact, "-", lw=0.9, color=_BLUE)
    axes.plot([], [], "-", lw=2, color=_BLUE, label="exact flow")
    if network is not None:
        layers = np.linspace(depth[0], depth[-1], len(network))
        axes.plot(layers, network[:, :, 0], ":", lw=0.9, color=_ORANGE)
        axes.plot([], [], ":", lw=2, color=_ORANGE, label=f"network, {len(network) - 1} layers")
    axes.set_xlabel("depth (fraction)" if times is None else "depth $t$ (noise variance)")
    axes.set_ylabel(f"{name} ({unit})")
    axes.legend(frameon=False, fontsize=10)
    _legible(axes)
    return figure


def spectrum_map(spectrum: Any, *, component: int | None = None) -> Figure:
    """Draw a ridgelet spectrum in one or two dimensions as a heat map.

    On a polar grid: the energy ``ρ^m ∫ |R[f;ψ](ρu, b)|² db`` per direction and unit of log scale
    (two dimensions), and ``ρ^{(m+1)/2} R[f;ψ](ρu, ρp)`` over scale ρ and offset p for the direction
    of most energy; squared and integrated over log ρ and p, the second map gives that direction's
    energy. On a Cartesian grid in one dimension: ``R[f;ψ](a, b)`` itself.

    Parameters
    ----------
    spectrum : Spectrum
        Dimension 1 or 2, on a polar grid, or dimension 1 on a Cartesian grid.
    component : int, optional
        Component of a vector-valued field to show; by default the energies of all components are
        summed, and the map over scale and offset shows the strongest component.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the spectrum has more than two dimensions, lies on plain nodes, or has no such component.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> psi, law = rf.Ridgelet(1, 2), rf.GaussianMixture([1.0], [[0.0]], 0.3)
    >>> grid = rf.ParameterGrid.polar(1, 1, np.geomspace(0.1, 10, 12), 2.0, 0.5)
    >>> len(spectrum_map(rf.ridgelet_transform(law, psi, grid)).axes)
    2
    """
    grid = spectrum.grid
    dim = grid.dim
    if dim > 2 or grid.kind == "nodes" or (dim == 2 and grid.kind != "polar"):
        raise ValueError(
            f"`spectrum` must lie on a polar grid in one or two dimensions, or a Cartesian one in "
            f"one dimension, got dimension {dim} on {grid.kind} parameters"
        )
    components = spectrum.values.shape[1] if spectrum.values.ndim == 2 else 1
    if component is not None and not 0 <= component < components:
        raise ValueError(f"`component` must lie in 0 to {components - 1}, got {component}")
    if grid.kind == "cartesian":
        return _cartesian_map(spectrum, component or 0)
    scales = np.asarray(grid.scales)
    strips = [_strip(spectrum.at_scale(s), component) for s in range(len(scales))]
    offsets = [np.asarray(grid.offsets(s)) for s in range(len(scales))]
    energy = np.array(
        [
            scales[s] ** dim * (strips[s] ** 2).sum((1, 2)) * (offsets[s][1] - offsets[s][0])
            for s in range(len(scales))
        ]
    ).T
    strongest = int(np.argmax(energy.sum(1)))
    parts = sum((strips[s][strongest] ** 2).sum(0) * scales[s] ** dim for s in range(len(scales)))
    part = int(np.argmax(parts))
    # The largest scales reach no farther than the data plus a margin in b: a common range in p.
    reach = float(offsets[-1].max() / scales[-1])
    middle = float(grid.directions[strongest] @ grid.center)
    p = np.linspace(-reach, reach, 301)
    values = np.array(
        [
            scales[s] ** ((dim + 1) / 2)
            * np.interp(scales[s] * p, offsets[s], strips[s][strongest][:, part], left=0, right=0)
            for s in range(len(scales))
        ]
    )
    figure = _figure(10.8 if dim == 2 else 6.2, 4.6)
    panels = np.atleast_1d(figure.subplots(1, dim))
    if dim == 2:
        angles = np.degrees(np.arctan2(grid.directions[:, 1], grid.directions[:, 0])) % 180
        order = np.argsort(angles)
        peak = max(float(energy.max()), np.finfo(float).tiny)
        image = panels[0].pcolormesh(
            angles[order],
            scales,
            np.maximum(energy[order].T / peak, 1e-6),
            norm="log",
            cmap="viridis",
            shading="nearest",
            rasterized=True,
        )
        panels[0].axvline(angles[strongest], color="white", ls="--", lw=1.2)
        panels[0].set_xlabel("direction $u$ (degrees)")
        panels[0].set_title("Energy by direction and scale")
        figure.colorbar(image, ax=panels[0], label="energy (fraction of the maximum)")
    bound = max(float(np.abs(values).max()), np.finfo(float).tiny)
    image = panels[-1].pcolormesh(
        p + middle, scales, values, vmin=-bound, vmax=bound, cmap="PuOr", shading="nearest",
        rasterized=True,
    )  # fmt: skip
    where = f" at {angles[strongest]:.0f}°" if dim == 2 else ""
    panels[-1].set_title(f"Spectrum over scale and offset{where}")
    panels[-1].set_xlabel("offset $p = b/ρ$ (unit of $x$)")
    power = "3/2" if dim == 2 else ""
    figure.colorbar(image, ax=panels[-1], label=rf"$ρ^{{{power}}}\,R[f;ψ](ρu, ρp)$")
    for axes in panels:
        axes.set_yscale("log")
        axes.set_ylabel("scale $ρ = |a|$ (1 / unit of $x$)")
        _legible(axes)
    return figure


def _strip(values: ArrayLike, component: int | None) -> NDArray:
    """Values of one scale with a component axis, (U, B, k); the real part of complex ones."""
    array = np.real(np.asarray(values)).astype(np.float64)
    if array.ndim == 2:
        array = array[:, :, None]
    return array if component is None else array[:, :, component : component + 1]


def _cartesian_map(spectrum: Any, component: int) -> Figure:
    grid = spectrum.grid
    a, b = grid.axes
    values = np.real(spectrum.values).reshape(len(a), len(b), -1)[:, :, component].T
    figure = _figure(6.2, 4.8)
    axes = figure.subplots()
    bound = max(float(np.abs(values).max()), np.finfo(float).tiny)
    image = axes.pcolormesh(
        a, b, values, vmin=-bound, vmax=bound, cmap="PuOr", shading="nearest", rasterized=True
    )
    axes.set_xlabel("$a$ (1 / unit of $x$)")
    axes.set_ylabel("$b$ (dimensionless)")
    axes.set_title("Ridgelet spectrum")
    figure.colorbar(image, ax=axes, label="$R[f;ψ](a, b)$")
    _legible(axes)
    return figure


def errors_by_size(
    width_errors: Mapping[int, float],
    depth_errors: Mapping[int, float],
    *,
    chosen: tuple[int, int] | None = None,
) -> Figure:
    """Draw the error of finite networks against width and against depth, with fitted slopes.

    Parameters
    ----------
    width_errors : mapping of int to float
        Relative error for each width; identity = 1.
    depth_errors : mapping of int to float
        Relative error for each depth; identity = 1.
    chosen : (depth, width), optional
        Size of the network that a run returned, marked in both panels.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If a size or an error is not positive.

    Examples
    --------
    >>> len(errors_by_size({50: 0.2, 100: 0.1}, {1: 0.3, 2: 0.15}).axes)
    2
    """
    figure = _figure(9.6, 4.4)
    panels = figure.subplots(1, 2)
    for axes, errors, name, color, marker, at in (
        (panels[0], width_errors, "width", _BLUE, "o", chosen and chosen[1]),
        (panels[1], depth_errors, "depth", _GREEN, "s", chosen and chosen[0]),
    ):
        sizes = np.array(sorted(errors), dtype=float)
        values = np.array([errors[int(size)] for size in sizes], dtype=float)
        if not (sizes.size and (sizes > 0).all() and (values > 0).all()):
            raise ValueError(f"`{name}_errors` must hold positive sizes and errors, got {errors!r}")
        axes.loglog(sizes, values, marker + "-", color=color, ms=6, lw=1.4, label="measured")
        if sizes.size > 1:
            slope, level = np.polyfit(np.log(sizes), np.log(values), 1)
            fit = np.exp(level) * sizes**slope
            axes.loglog(sizes, fit, "--", color=_GREY, label=f"fitted slope {slope:.2f}")
        if at is not None and at in errors:
            axes.plot(at, errors[at], marker, ms=12, mfc="none", mec=_BLACK, label="this network")
        axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel(f"{name} (units per layer)" if name == "width" else f"{name} (layers)")
        axes.set_ylabel("error / RMS displacement")
        axes.set_title(f"Error against {name}")
        axes.grid(True, which="major", color="#E0E0E0", lw=0.6)
        axes.legend(frameon=False, fontsize=10)
        _legible(axes)
    return figure


def functionals(
    entropy: tuple[ArrayLike, ArrayLike, ArrayLike],
    fisher: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> Figure:
    """Draw entropy, and Fisher information if given, against depth with their standard errors.

    Along the backward heat flow ``dH/dt = -I``: the tangent at the first point shows it.

    Parameters
    ----------
    entropy : (times, values, errors)
        Noise variances, entropies in nats, standard errors; 1-D arrays of one length.
    fisher : (times, values, errors), optional
        The same for the Fisher information, in 1 / (unit of x)².

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the three arrays differ in length.

    Examples
    --------
    >>> len(functionals(([0.0, 1.0], [2.0, 1.5], [0.01, 0.01])).axes)
    1
    """
    rows = [("Entropy $H[μ_t]$ (nats)", entropy, _BLUE, "o")]
    if fisher is not None:
        rows.append((r"Fisher information $\int |∇\log μ_t|^2 μ_t$", fisher, _ORANGE, "s"))
    figure = _figure(5.2 * len(rows), 4.4)
    for axes, (label, triple, color, marker) in zip(
        np.atleast_1d(figure.subplots(1, len(rows))), rows
    ):
        t, values, errors = (as_real_array(part, "entropy", ndim=1) for part in triple)
        same_length(times=t, values=values, errors=errors)
        axes.errorbar(
            t, values, errors, fmt=marker + "-", ms=4.5, lw=1.3, capsize=3, color=color,
            label="Monte Carlo, ± 1 standard error",
        )  # fmt: skip
        if fisher is not None and triple is entropy:
            rate = float(np.asarray(fisher[1])[0])
            span = np.array([t[0], t[0] + 0.5 * (t[-1] - t[0])])
            axes.plot(
                span, values[0] - rate * (span - t[0]), "--", color=_BLACK, lw=1.1,
                label="slope −(Fisher information at 0)",
            )  # fmt: skip
        axes.set_xlabel("depth $t$ (noise variance)")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=9.5)
        _legible(axes)
    return figure
