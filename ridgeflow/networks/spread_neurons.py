"""Neurons drawn by a power of a spectrum's density, each moved within the cell of its node."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.node_masses import masses_of_rows, nodes_of_rows
from ridgeflow._parallel import parallel_for
from ridgeflow.networks.node_draws import Sampling, draw_nodes, drawn_nodes, nested_ends, unit_draws
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["spread_neurons"]

# Rows of offsets that are worth a thread.
_GRAIN = 256


def spread_neurons(
    spectrum: Spectrum,
    eta: Activation,
    root: bool,
    count: int,
    sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    r"""Neurons (a, b) with density :math:`|R|\,d\log|a|\,du\,dp`, p = b/|a|, or its root.

    **Cost.** On a polar grid one pass over the values; nothing as large as they are is made.
    """
    grid = spectrum.grid
    if grid.kind != "polar" or not spectrum.values.any():
        node = _any_nodes(spectrum, root, count, sampling, rng)
        a, b = grid.a[node], grid.b[node]
    else:
        a, b = _polar_nodes(spectrum, root, count, sampling, rng)
    if grid.kind != "polar":
        return a, b
    b = b + grid.step * (rng.random(count) - 0.5)
    if len(grid.scales) > 1 and not eta.point_masses:
        # Steeper about the same place: the transition a.x = b stays where it is.
        ratio = float(grid.scales[1] / grid.scales[0])
        factor = ratio ** (rng.random(count) - 0.5)
        a, b = a * factor[:, None], b * factor
    return a, b


def _polar_nodes(
    spectrum: Spectrum, root: bool, count: int, sampling: Sampling, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Nodes by scale, direction and place: masses of rows of offsets first, then within a row."""
    grid = spectrum.grid
    values = np.ascontiguousarray(spectrum.values.reshape(grid.size, -1))
    values = values.view(values.real.dtype)
    unit = 1 / max(float(values.max()), -float(values.min()))
    counts = np.repeat(2 * grid.half_counts + 1, len(grid.directions))
    ends = np.concatenate([[0], np.cumsum(counts)])
    mass = np.empty(len(counts))
    shared = (values, ends, unit, root)
    parallel_for(masses_of_rows, len(mass), *shared, mass, grain=_GRAIN)
    # |R| stands for a density of da db = |a|^(m + 1) dlog|a| du dp.
    lower = (grid.scales[-1] / grid.scales) ** (0.5 * (grid.dim + 1) if root else 0.0)
    mass *= np.outer(grid.scale_weights * lower, grid.direction_weights).ravel()
    cumulative = np.concatenate([[0.0], np.cumsum(mass)])
    row_ends = np.arange(1, len(mass) + 1)
    if sampling == "stratified":
        # One draw from each of ``count`` equal parts of the mass, from coarse to fine.
        at = (np.arange(count) + rng.random(count)) / count
        rows = draw_nodes(cumulative, [row_ends], at[:, None])
        places = np.clip((at * cumulative[-1] - cumulative[rows]) / mass[rows], 0.0, 1.0)
    else:
        uniform = unit_draws(count, 4, sampling, rng)
        scale_ends = row_ends[len(grid.directions) - 1 :: len(grid.directions)]
        rows = draw_nodes(cumulative, [scale_ends, row_ends], uniform[:, :2])
        places = np.ascontiguousarray(uniform[:, 2])
    found = np.empty(count, np.int64)
    parallel_for(nodes_of_rows, count, *shared, rows, places, found, grain=_GRAIN)
    scale, direction = np.divmod(rows, len(grid.directions))
    a = grid.scales[scale, None] * grid.directions[direction]
    return a, a @ grid.center + grid.step * (found - grid.half_counts[scale])


def _any_nodes(
    spectrum: Spectrum, root: bool, count: int, sampling: Sampling, rng: np.random.Generator
) -> NDArray[np.int64]:
    grid = spectrum.grid
    rule = np.asarray(grid.weights)
    mass = spectrum.mass if spectrum.mass.any() else rule
    # Of da db in the coordinates log|a|, u, p = b/|a|.
    volume = np.linalg.norm(grid.a, axis=1) ** (grid.dim + 1)
    measure = np.divide(rule, volume, out=np.zeros(grid.size), where=volume > 0)
    strength = np.divide(mass, measure, out=np.zeros(grid.size), where=measure > 0)
    density = (strength / (strength.max() or 1.0)) ** (0.5 if root else 1.0) * measure
    cumulative = np.concatenate([[0.0], np.cumsum(density if density.any() else mass)])
    return drawn_nodes(cumulative, nested_ends(grid), count, sampling, rng)[0]
