"""The cells of a study: each measures by itself, from a seed of its own, wherever it is."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import alone
from ridgeflow.columns import rms
from ridgeflow.double_continuum.budget import stepped
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import layer_edges
from ridgeflow.double_continuum.drawn_layers import drawn_outputs
from ridgeflow.double_continuum.width_depth import finite_squares
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.chosen_neurons import chosen_neurons
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.representation import IntegralRepresentation

__all__ = ["KINDS", "Cell", "Ground", "cells_of", "measured", "velocity_errors"]

# Of networks with importance weights: control, and neurons of the layers.
KINDS = {
    "independent": (None, "per_layer"),
    "shared": (None, "shared"),
    "controlled": ("affine", "per_layer"),
}
_FEW = 256
_QUADRATURE_TOLS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02)


@dataclass(frozen=True, eq=False)
class Ground:
    """What all cells share: draws ``x`` of the law and the ``target`` where the flow takes them,
    both (n, m), and the RMS displacement ``size``."""

    continuum: DoubleContinuum
    layers: str
    widths: NDArray[np.int64]
    repeats: int
    x: NDArray
    target: NDArray
    size: float


@dataclass(frozen=True)
class Cell:
    """A measurement: the name of its part, its title, and a function of ground, generator and
    ``given`` that returns arrays."""

    name: str
    title: str
    measure: Callable[..., tuple]
    given: tuple


def cells_of(depths: NDArray, widths: NDArray, kinds: list[str], ways: list[str]) -> list[Cell]:
    """All cells of a study, in the order in which they are computed on one machine."""
    cells = []
    for depth in depths.tolist():
        title = f"networks, depth {depth}"
        cells.append(Cell(f"steps-{depth}", title, _steps_error, (depth,)))
        cells += [
            Cell(f"network-{depth}-{width}", title, _network_error, (depth, width))
            for width in widths.tolist()
        ]
    for kind in kinds:
        title = f"networks of {kind} neurons"
        cells += [
            Cell(f"{kind}-depth-{depth}", title, _drawn_errors, (kind, depth))
            for depth in depths.tolist()
        ]
    return cells + [
        Cell(f"way-{way}", f"widths by {way}", _errors_by_width, (way,)) for way in ways
    ]


def measured(ground: Ground, cell: Cell, seed: np.random.SeedSequence) -> tuple:
    """What a cell finds."""
    # Draws spawn children of a seed: a copy, so that a cell which is computed again finds the same.
    return cell.measure(ground, np.random.default_rng(deepcopy(seed)), *cell.given)


def _steps_error(ground: Ground, rng: np.random.Generator, depth: int) -> tuple[float]:
    """Of steps with the velocity itself, which draw nothing."""
    continuum, ends = ground.continuum, ground.continuum.times[[0, -1]].tolist()
    each = np.diff(layer_edges(continuum, depth, "clock"))
    with alone():
        whole = stepped(continuum.velocity, ground.layers, each, ground.x, *ends)
    return (rms(whole - ground.target) / ground.size,)


def _network_error(
    ground: Ground, rng: np.random.Generator, depth: int, width: int
) -> tuple[float]:
    """Of a network of fitted weights."""
    net = ground.continuum.network(depth, width, layers=ground.layers, rng=rng)
    return (rms(net(ground.x) - ground.target) / ground.size,)


def _drawn_errors(
    ground: Ground, rng: np.random.Generator, kind: str, depth: int
) -> tuple[NDArray, NDArray]:
    """Errors (J,) of drawn networks, root mean squares over repeats, and their predictions."""
    continuum, widths, repeats = ground.continuum, ground.widths, ground.repeats
    control, neurons = KINDS[kind]
    many = np.repeat(widths, repeats).tolist()
    found = drawn_outputs(
        *(continuum, layer_edges(continuum, depth, "clock"), many, ground.x[:_FEW]),
        rng.integers(2**31, size=len(many)).tolist(),
        control=control,
        shared=neurons == "shared",
    )
    square = ((found - ground.target[:_FEW]) ** 2).sum(axis=2).mean(axis=1)
    of_steps, one = finite_squares(continuum, depth, "clock", control, neurons == "shared")
    off = np.sqrt(square.reshape(len(widths), repeats).mean(axis=1))
    return off / ground.size, np.sqrt(of_steps + one / widths) / ground.size


def _errors_by_width(ground: Ground, rng: np.random.Generator, way: str) -> tuple[NDArray, NDArray]:
    return velocity_errors(ground.continuum, way, ground.widths, ground.repeats, rng)


def velocity_errors(
    continuum: DoubleContinuum,
    way: str,
    widths: NDArray,
    repeats: int,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Sizes, and relative L2 errors of networks of the velocity half-way through the depths."""
    middle = 0.5 * float(continuum.times[0] + continuum.times[-1])
    x = continuum._source.points(middle)
    truth = continuum.velocity(x, middle)
    size = rms(truth)

    def error(net: ShallowNetwork) -> float:
        return rms(net(x).reshape(truth.shape) - truth) / size

    if way == "quadrature":
        return _quadrature_errors(continuum, middle, error)
    if way == "least_squares":
        fresh = continuum.draw(max(4000, 8 * int(widths[-1])), rng)
        values = continuum.velocity(fresh, middle)
        rep = continuum.representations[len(continuum.times) // 2]
        out = []
        for width in widths:
            eta = rep.activation
            a, b = chosen_neurons(rep.spectrum, eta, int(width), fresh, values, rng=rng)
            fit = fit_outer_weights(a, b, eta, fresh, values, ridge=1e-10, affine=True)
            out.append(error(fit))
        return widths, np.array(out)
    rep = continuum._spectrum_for_sampling(middle)
    out = []
    with warnings.catch_warnings():
        # That narrow draws are worse than none is what the study is about to show.
        warnings.simplefilter("ignore", AccuracyWarning)
        for width in widths:
            drawn = [
                ShallowNetwork.from_representation(
                    rep, int(width), sampling=way, weights="importance", control=None, rng=rng
                )
                for _ in range(repeats)
            ]
            out.append(float(np.sqrt(np.mean([error(net) ** 2 for net in drawn]))))
    return widths, np.array(out)


def _quadrature_errors(
    continuum: DoubleContinuum, t: float, error: Callable[[ShallowNetwork], float]
) -> tuple[NDArray, NDArray]:
    """Whole grids, from coarse to fine: their numbers of nodes, and the errors of their sums."""
    field_there = continuum._source.field_at(t)
    dense = continuum._spectrum_for_sampling(t)
    sizes, errors = [], []
    for tol in _QUADRATURE_TOLS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)
            rep = IntegralRepresentation(
                field_there,
                continuum.activation,
                ridgelet=continuum.ridgelet,
                region=continuum.region,
                reference=dense.reference,
                grid=_coarser(dense.spectrum.grid, tol),
                tol=0.5,
            )
        net = ShallowNetwork.from_representation(rep, sampling="quadrature", weights="importance")
        sizes.append(net.width)
        errors.append(error(net))
    return np.array(sizes), np.array(errors)


def _coarser(grid: ParameterGrid, share: float) -> ParameterGrid:
    """The grid with fewer directions and scales and longer steps, by powers of the share."""
    directions = max(2, int(len(grid.directions) * share**0.5)) if grid.dim > 1 else 1
    scales = np.geomspace(
        grid.scales[0] / share**0.25,
        grid.scales[-1] * share**0.25,
        max(4, int(len(grid.scales) * share**0.25)),
    )
    return ParameterGrid.polar(
        grid.dim,
        directions,
        scales,
        grid.radius,
        min(grid.step / share**0.1, 0.8),
        margin=grid.margin,
        center=grid.center,
    )
