"""Figures of flows and of the networks that follow them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_real_array, same_length
from ridgeflow.plotting._canvas import BLACK, BLUE, GREEN, GREY, ORANGE, legible, new_figure

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["errors_by_size", "functionals", "trajectories"]


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

    figure = new_figure(10.4, 5.0)
    whole, near = figure.subplots(1, 2)
    moved = np.linalg.norm(exact[-1] - exact[0], axis=1)
    farthest = int(np.argmax(moved))
    center = 0.5 * (exact[0, farthest, :2] + exact[-1, farthest, :2])
    half = max(1.5 * float(moved[farthest]), 1e-12)
    for axes, scale in ((whole, 1.0), (near, 2.0)):
        axes.plot(*exact[0, :, :2].T, "o", ms=3.2 * scale, color=GREY, mew=0, label="data")
        for i in range(exact.shape[1]):
            axes.plot(*exact[:, i, :2].T, "-", lw=1.1 * scale, color=BLUE)
        axes.plot([], [], "-", lw=2, color=BLUE, label="exact flow")
        if network is not None:
            for i in range(network.shape[1]):
                axes.plot(*network[:, i, :2].T, ":", lw=1.0 * scale, color=ORANGE)
            axes.plot(*network[-1, :, :2].T, "x", ms=2.6 * scale, mew=0.6 * scale, color=ORANGE)
            style = {"ls": ":", "lw": 2, "marker": "x", "color": ORANGE}
            axes.plot([], [], label=f"network, {len(network) - 1} layers", **style)
        axes.set_xlabel(f"{names[0]} ({unit})")
        axes.set_ylabel(f"{names[1]} ({unit})")
        legible(axes)
    whole.set_title("All points")
    whole.set_aspect("equal", adjustable="datalim")
    whole.legend(frameon=False, fontsize=10, loc="best")
    near.set_xlim(center[0] - half, center[0] + half)
    near.set_ylim(center[1] - half, center[1] + half)
    near.set_aspect("equal", adjustable="box")
    near.set_title("The frame on the left, magnified")
    corners = half * np.array([[-1, -1], [1, -1], [1, 1], [-1, 1], [-1, -1]]) + center
    whole.plot(*corners.T, "-", lw=1.0, color=BLACK)
    return figure


def _trajectories_1d(
    exact: NDArray, network: NDArray | None, times: ArrayLike | None, name: str, unit: str
) -> Figure:
    depth = np.linspace(0, 1, len(exact)) if times is None else as_real_array(times, "times")
    same_length(exact=exact, times=depth)
    figure = new_figure(7.0, 5.0)
    axes = figure.subplots()
    axes.plot(depth, exact, "-", lw=0.9, color=BLUE)
    axes.plot([], [], "-", lw=2, color=BLUE, label="exact flow")
    if network is not None:
        layers = np.linspace(depth[0], depth[-1], len(network))
        axes.plot(layers, network[:, :, 0], ":", lw=0.9, color=ORANGE)
        axes.plot([], [], ":", lw=2, color=ORANGE, label=f"network, {len(network) - 1} layers")
    axes.set_xlabel("depth (fraction)" if times is None else "depth $t$ (noise variance)")
    axes.set_ylabel(f"{name} ({unit})")
    axes.legend(frameon=False, fontsize=10)
    legible(axes)
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
    figure = new_figure(9.6, 4.4)
    panels = figure.subplots(1, 2)
    for axes, errors, name, color, marker, at in (
        (panels[0], width_errors, "width", BLUE, "o", chosen and chosen[1]),
        (panels[1], depth_errors, "depth", GREEN, "s", chosen and chosen[0]),
    ):
        sizes = np.array(sorted(errors), dtype=float)
        values = np.array([errors[int(size)] for size in sizes], dtype=float)
        if not (sizes.size and (sizes > 0).all() and (values > 0).all()):
            raise ValueError(f"`{name}_errors` must hold positive sizes and errors, got {errors!r}")
        axes.loglog(sizes, values, marker + "-", color=color, ms=6, lw=1.4, label="measured")
        if sizes.size > 1:
            slope, level = np.polyfit(np.log(sizes), np.log(values), 1)
            fit = np.exp(level) * sizes**slope
            axes.loglog(sizes, fit, "--", color=GREY, label=f"fitted slope {slope:.2f}")
        if at is not None and at in errors:
            axes.plot(at, errors[at], marker, ms=12, mfc="none", mec=BLACK, label="this network")
        axes.set_xticks(sizes, [f"{size:.0f}" for size in sizes])
        axes.minorticks_off()
        axes.set_xlabel(f"{name} (units per layer)" if name == "width" else f"{name} (layers)")
        axes.set_ylabel("error / RMS displacement")
        axes.set_title(f"Error against {name}")
        axes.grid(True, which="major", color="#E0E0E0", lw=0.6)
        axes.legend(frameon=False, fontsize=10)
        legible(axes)
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
    rows = [("Entropy $H[μ_t]$ (nats)", entropy, BLUE, "o")]
    if fisher is not None:
        rows.append((r"Fisher information $\int |∇\log μ_t|^2 μ_t$", fisher, ORANGE, "s"))
    figure = new_figure(5.2 * len(rows), 4.4)
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
                span, values[0] - rate * (span - t[0]), "--", color=BLACK, lw=1.1,
                label="slope −(Fisher information at 0)",
            )  # fmt: skip
        axes.set_xlabel("depth $t$ (noise variance)")
        axes.set_ylabel(label)
        axes.legend(frameon=False, fontsize=9.5)
        legible(axes)
    return figure
