"""Figures of flows and of the networks that follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_real_array, items_of, positive, positive_int, same_length
from ridgeflow.plotting._canvas import (
    BLACK,
    BLUE,
    GREEN,
    GREY,
    ORANGE,
    as_text,
    drawable,
    legend_below,
    legible,
    new_figure,
    size_ticks,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["errors_by_size", "functionals", "trajectories"]

# Share of the picture that the magnified frame takes up at most.
_FRAME = 0.4
# Letters that fit along an axis.
_NAME, _UNIT = 34, 20
# Label, positions (T, n, m), style of line and colour.
_Path = tuple[str, NDArray, str, str]


def trajectories(
    exact: ArrayLike | None,
    network: ArrayLike | None = None,
    *,
    times: ArrayLike | None = None,
    layer_times: ArrayLike | None = None,
    labels: Sequence[str] | None = None,
    unit: str = "standard deviations",
) -> Figure:
    """Draw points and the paths on which the exact flow and a network move them.

    In two or more dimensions the first two coordinates are drawn, whole on the left and, on the
    right, magnified about the point that moves farthest in them. In one dimension position is drawn
    against depth, or against the number of the layer if there is a network alone.

    Parameters
    ----------
    exact : (T, n, m) array or None
        Positions along the exact flow, in ``unit``; ``exact[0]`` are the data. None where only a
        network is known.
    network : (L + 1, n, m) array, optional
        Positions between the layers of a network, in ``unit``.
    times : (T,) array, optional
        Depth of every slice of ``exact`` (noise variance); only drawn in one dimension.
    layer_times : (L + 1,) array, optional
        Depth of every slice of ``network``, in the unit of ``times``; evenly from the first to the
        last of these by default. Only drawn in one dimension, beside an exact flow.
    labels : sequence of str, optional
        Names of the coordinates, drawn as they are: no formulas.
    unit : str
        Unit of the coordinates, drawn as it is.

    Returns
    -------
    matplotlib.figure.Figure

    Raises
    ------
    MissingDependencyError
        If matplotlib is not installed.
    ValueError
        If the shapes do not agree, or there is nothing to draw.

    Examples
    --------
    >>> path = np.linspace(0, 1, 3)[:, None, None] * np.ones((1, 4, 2))
    >>> len(trajectories(path).axes)
    2
    """
    paths, depths = _paths(exact, network, times, layer_times)
    dim = paths[0][1].shape[2]
    names = [f"$x_{{{j + 1}}}$" for j in range(dim)]
    if labels is not None:
        names = [as_text(label, "labels", _NAME) for label in items_of(labels, "labels")]
    if len(names) != dim:
        raise ValueError(f"`labels` must have {dim} entries, got {len(names)}")
    unit = as_text(unit, "unit", _UNIT)
    names = [f"{name} ({unit})" for name in names]
    if dim == 1:
        return _against_depth(paths, depths, times is not None, names[0])
    return _in_the_plane(paths, names)


def _paths(
    exact: ArrayLike | None,
    network: ArrayLike | None,
    times: ArrayLike | None,
    layers: ArrayLike | None,
) -> tuple[list[_Path], list[NDArray]]:
    """What is drawn, and where its slices stand on an axis of depth."""
    paths: list[_Path] = []
    if exact is not None:
        exact = drawable(as_real_array(exact, "exact", ndim=3), "exact")
        paths.append(("exact flow", exact, "-", BLUE))
    if network is not None:
        network = drawable(as_real_array(network, "network", ndim=3), "network")
        if exact is not None and network.shape[1:] != exact.shape[1:]:
            raise ValueError(
                f"`network` must have shape (L + 1, {exact.shape[1]}, {exact.shape[2]}), "
                f"got {network.shape}"
            )
        style = "-" if exact is None else ":"
        paths.append((f"network, {len(network) - 1} layers", network, style, ORANGE))
    if not paths:
        raise ValueError("`exact` or `network` must be given, got neither")
    return paths, _depths(exact, network, times, layers)


def _in_the_plane(paths: list[_Path], names: list[str]) -> Figure:
    """The first two coordinates: all paths, and a part of them magnified."""
    figure = new_figure(10.4, 5.2)
    whole, near = figure.subplots(1, 2)
    _, n, dim = paths[0][1].shape
    for axes, scale in ((whole, 1.0), (near, 2.0)):
        axes.plot(*paths[0][1][0, :, :2].T, "o", ms=3.2 * scale, color=GREY, mew=0, label="data")
        for label, path, style, color in paths:
            _draw_paths(axes, path[:, :, :2], style, color, scale)
            end = {"marker": "x", "mew": 0.6 * scale} if color == ORANGE else {}
            axes.plot([], [], style, lw=2, color=color, label=label, **end)
        axes.set_xlabel(names[0])
        axes.set_ylabel(names[1])
        legible(axes)
    count = f"{n} point{'s' if n > 1 else ''}"
    whole.set_title(count if dim == 2 else f"{count}, the first two of {dim} coordinates")
    whole.set_aspect("equal", adjustable="datalim")
    center, half = _frame(paths)
    near.set_xlim(center[0] - half, center[0] + half)
    near.set_ylim(center[1] - half, center[1] + half)
    near.set_aspect("equal", adjustable="box")
    near.set_title("The frame on the left, magnified")
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + center
    whole.plot(*corners.T, "-", lw=1.0, color=BLACK)
    legend_below(figure, whole)
    return figure


def _depths(
    exact: NDArray | None,
    network: NDArray | None,
    times: ArrayLike | None,
    layers: ArrayLike | None,
) -> list[NDArray]:
    """Where the slices of each path stand on an axis of depth."""
    found = []
    depth = np.linspace(0, 1, 2)
    if exact is not None:
        depth = np.linspace(0, 1, len(exact))
        if times is not None:
            depth = as_real_array(times, "times", ndim=1)
        same_length(exact=exact, times=depth)
        found.append(depth)
    elif times is not None:
        raise ValueError(
            "`times` must be None where `exact` is None (they are the depths of the exact flow)"
        )
    if network is not None:
        between = np.linspace(depth[0], depth[-1], len(network))
        if layers is not None:
            between = as_real_array(layers, "layer_times", ndim=1)
            same_length(network=network, layer_times=between)
        found.append(between if exact is not None else np.arange(len(network), dtype=float))
    elif layers is not None:
        raise ValueError("`layer_times` must be None where `network` is None (they are its depths)")
    return found


def _draw_paths(axes: Axes, path: NDArray, style: str, color: str, scale: float) -> None:
    """Paths (T, n, 2) as one artist, and a cross at the end of those of a network."""
    from matplotlib.collections import LineCollection

    lines = LineCollection(
        list(np.swapaxes(path, 0, 1)), linestyles=style, linewidths=1.1 * scale, colors=color
    )
    axes.add_collection(lines)
    if color == ORANGE:
        axes.plot(*path[-1].T, "x", ms=2.6 * scale, mew=0.6 * scale, color=color)
    axes.autoscale_view()


def _frame(paths: list[_Path]) -> tuple[NDArray, float]:
    """Middle and half side of a square that holds part of the path that leads farthest.

    It lies within what is drawn and a margin, as far as that is wide enough.
    """
    drawn = np.concatenate([path[:, :, :2].reshape(-1, 2) for _, path, _, _ in paths])
    lead = paths[0][1][:, :, :2]
    extent = float(np.ptp(drawn, axis=0).max()) or 1.0
    # Paths may return to where they began.
    moved = np.linalg.norm(lead - lead[0], axis=2).max(axis=0)
    farthest = int(np.argmax(moved))
    path, most = lead[:, farthest], 0.5 * _FRAME * extent
    half = max(1.5 * float(moved[farthest]), 1e-4 * extent)
    if half <= most:
        center = 0.5 * (path.min(axis=0) + path.max(axis=0))
    else:
        # A path through much of the picture: what lies about its middle.
        center, half = path[len(path) // 2], most
    # A margin, or paths at the border would lie on the frame's own edge.
    low, high = drawn.min(axis=0) + 0.7 * half, drawn.max(axis=0) - 0.7 * half
    return np.where(low <= high, np.clip(center, low, np.maximum(low, high)), center), half


def _against_depth(paths: list[_Path], depths: list[NDArray], timed: bool, name: str) -> Figure:
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    for (label, path, style, color), depth in zip(paths, depths, strict=True):
        axes.plot(depth, path[:, :, 0], style, lw=0.9, color=color)
        axes.plot([], [], style, lw=2, color=color, label=label)
    if paths[0][3] == ORANGE:
        axes.set_xlabel("layers passed")
    else:
        axes.set_xlabel("depth $t$ (noise variance)" if timed else "depth (fraction)")
    axes.set_ylabel(name)
    legible(axes)
    legend_below(figure, axes)
    return figure


def errors_by_size(
    width_errors: Mapping[int, Any],
    depth_errors: Mapping[int, Any],
    *,
    chosen: tuple[int, int] | None = None,
) -> Figure:
    """Draw the error of finite networks against width and against depth, with fitted slopes.

    A slope is fitted where the errors fall all the way.

    Parameters
    ----------
    width_errors : mapping of int to float or ErrorQuantiles
        Relative error for each width, its RMS or how it is spread; identity = 1.
    depth_errors : mapping of int to float or ErrorQuantiles
        The same for each depth.
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
    TypeError
        If sizes are no integers, or errors no numbers.

    Examples
    --------
    >>> len(errors_by_size({50: 0.2, 100: 0.1}, {1: 0.3, 2: 0.15}).axes)
    2
    """
    depth, width = None, None
    if chosen is not None:
        size = items_of(chosen, "chosen")
        if len(size) != 2:
            raise ValueError(f"`chosen` must be (depth, width), got {chosen!r}")
        depth, width = (positive_int(part, "chosen") for part in size)
    figure = new_figure(9.6, 4.4)
    panels = figure.subplots(1, 2)
    for axes, errors, name, color, marker, at in (
        (panels[0], width_errors, "width", BLUE, "o", width),
        (panels[1], depth_errors, "depth", GREEN, "s", depth),
    ):
        sizes, values, spread = _by_size(errors, f"{name}_errors")
        axes.loglog(sizes, values, marker + "-", color=color, ms=6, lw=1.4, label="RMS")
        for label, style, part in spread:
            axes.loglog(sizes, part, style, color=color, lw=1.1, label=label)
        if sizes.size > 1 and (np.diff(values) < 0).all():
            slope, level = np.polyfit(np.log(sizes), np.log(values), 1)
            fit = np.exp(level) * sizes**slope
            axes.loglog(sizes, fit, "--", color=GREY, label=f"fitted slope {slope:.2f}")
        if at is not None and at in sizes:
            value = values[np.flatnonzero(sizes == at)]
            axes.plot([at], value, marker, ms=12, mfc="none", mec=BLACK, label="this network")
        size_ticks(axes, sizes)
        axes.set_xlabel(f"{name} (units per layer)" if name == "width" else f"{name} (layers)")
        axes.set_ylabel("error / RMS displacement")
        axes.set_title(f"Error against {name}")
        axes.grid(True, which="major", color="#E0E0E0", lw=0.6)
        # Below the axes, where it covers no curve.
        below = {"loc": "upper center", "bbox_to_anchor": (0.5, -0.16), "ncols": 3}
        axes.legend(frameon=False, fontsize=9.5, **below)
        legible(axes)
    return figure


def _by_size(
    errors: Mapping[int, Any], name: str
) -> tuple[NDArray, NDArray, list[tuple[str, str, NDArray]]]:
    """Sizes in their order, RMS errors, and labels, styles and values of what else is known."""
    if not isinstance(errors, Mapping):
        raise TypeError(f"`{name}` must be a dict of sizes and errors, got {errors!r}")
    if not errors:
        raise ValueError(f"`{name}` must hold positive sizes and errors, got none")
    pairs = sorted((positive_int(n, name), e) for n, e in errors.items())
    found = [e for _, e in pairs if hasattr(e, "quantile99")]
    values = [positive(getattr(e, "rms", e), name) for _, e in pairs]
    spread = []
    if len(found) == len(pairs):
        spread = [
            ("99 % quantile", ":", np.array([e.quantile99 for e in found])),
            ("median", "-.", np.array([e.median for e in found])),
        ]
    return np.array([n for n, _ in pairs], float), np.array(values), spread


def functionals(
    entropy: tuple[ArrayLike, ArrayLike, ArrayLike],
    fisher: tuple[ArrayLike, ArrayLike, ArrayLike] | None = None,
) -> Figure:
    """Draw entropy, and Fisher information if given, against depth with their standard errors.

    Along the backward heat flow ``dH/dt = -I``: the tangent at the first point shows it, if both
    begin at the same depth.

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
        If the three arrays differ in length, or an error is negative.

    Examples
    --------
    >>> len(functionals(([0.0, 1.0], [2.0, 1.5], [0.01, 0.01])).axes)
    1
    """
    rows = [("Entropy $H[μ_t]$ (nats)", _estimates(entropy, "entropy"), BLUE, "o")]
    slope = None
    if fisher is not None:
        information = _estimates(fisher, "fisher")
        label = r"Fisher information $\int |∇\log μ_t|^2 μ_t$ (1 / unit²)"
        rows.append((label, information, ORANGE, "s"))
        if information[0][0] == rows[0][1][0][0]:
            slope = -float(information[1][0])
    figure = new_figure(5.2 * len(rows), 4.6)
    for axes, (label, (t, values, errors), color, marker) in zip(
        np.atleast_1d(figure.subplots(1, len(rows))), rows, strict=True
    ):
        axes.errorbar(
            t, values, errors, fmt=marker + "-", ms=4.5, lw=1.3, capsize=3, color=color,
            label="Monte Carlo, ± 1 standard error",
        )  # fmt: skip
        if slope is not None and color == BLUE:
            span = np.array([t[0], t[0] + 0.5 * (t[-1] - t[0])])
            axes.plot(
                span, values[0] + slope * (span - t[0]), "--", color=BLACK, lw=1.1,
                label=f"slope −(Fisher information at $t$ = {t[0]:.3g})",
            )  # fmt: skip
        axes.set_xlabel("depth $t$ (noise variance)")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=9.5)
        legible(axes)
    return figure


def _estimates(given: tuple[ArrayLike, ArrayLike, ArrayLike], name: str) -> list[NDArray]:
    """Depths, values and standard errors, 1-D and of one length."""
    parts = items_of(given, name)
    if len(parts) != 3:
        raise ValueError(f"`{name}` must be (times, values, errors), got {len(parts)} entries")
    t, values, errors = (drawable(as_real_array(part, name, ndim=1), name) for part in parts)
    if len({len(t), len(values), len(errors)}) > 1:
        raise ValueError(
            f"`{name}` must hold arrays of one length, got {len(t)} times, {len(values)} values "
            f"and {len(errors)} errors"
        )
    if (errors < 0).any():
        raise ValueError(f"`{name}` must have errors >= 0, got {errors.min():.3g}")
    return [t, values, errors]
