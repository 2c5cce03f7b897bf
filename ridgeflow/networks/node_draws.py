"""Nodes drawn from a ridgelet spectrum: the oracle density, and how its draws are arranged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import (
    as_generator,
    fits_in_memory,
    instance_of,
    one_of,
    positive_int,
)
from ridgeflow.geometry import sobol_points
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = [
    "NodeDensity",
    "Sampling",
    "SobolBlocks",
    "checked_spectrum",
    "distinct_nodes",
    "draw_nodes",
    "drawn_nodes",
    "nested_ends",
    "oracle_neurons",
    "unit_draws",
]

# Draws made at a time: Ctrl-C is answered between two slabs.
_SLAB = 1 << 18
_SAMPLINGS = ("sobol", "stratified", "monte_carlo", "quadrature")
_WEIGHTS = ("importance", "least_squares")


class SobolBlocks:
    """One scrambled Sobol sequence, of which each draw takes the next block of points.

    Passed as ``sampling`` to one draw after the other, as for the layers of a network: what one of
    them leaves out the next ones fill.
    """

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._sequences: dict[int, Any] = {}

    def take(self, count: int, dim: int) -> NDArray[np.float64]:
        """The next ``count`` points (count, dim) of the sequence in so many coordinates."""
        # Its package takes longer to load than the rest of this library.
        from scipy.stats import qmc

        if dim not in self._sequences:
            sequence = qmc.Sobol(dim, scramble=True, rng=self._rng)
            first = sequence.random_base2(0)
            self._sequences[dim] = sequence
            return np.concatenate([first, sequence.random(count - 1)]) if count > 1 else first
        return np.asarray(self._sequences[dim].random(count))


Sampling: TypeAlias = str | SobolBlocks


@dataclass(frozen=True)
class NodeDensity:
    """Probabilities of the nodes of a grid, and draws from them.

    Attributes
    ----------
    share : ndarray, shape (P,)
        Probabilities, of sum 1.
    cumulative : ndarray, shape (P + 1,)
    ends : list of ndarray
        Of :func:`nested_ends`.
    """

    share: NDArray[np.float64]
    cumulative: NDArray[np.float64]
    ends: list[NDArray[np.int64]]

    @classmethod
    def of(cls, grid: ParameterGrid, mass: NDArray) -> NodeDensity:
        """Probabilities proportional to a mass (P,) that is not zero everywhere."""
        cumulative = np.concatenate([[0.0], np.cumsum(mass)])
        return cls(mass / cumulative[-1], cumulative, nested_ends(grid))

    def draw(
        self, count: int, sampling: Sampling, rng: np.random.Generator
    ) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Nodes (count,), and a number in [0, 1) for each."""
        return drawn_nodes(self.cumulative, self.ends, count, sampling, rng)


def nested_ends(grid: ParameterGrid) -> list[NDArray[np.int64]]:
    """Ends of the cells of the nodes at each level of the node order, coarse to fine."""
    if grid.kind == "polar":
        rows = np.repeat(2 * grid.half_counts + 1, len(grid.directions))
        return [grid.starts[1:], np.cumsum(rows), np.arange(1, grid.size + 1)]
    if grid.kind == "cartesian":
        lengths = [len(axis) for axis in grid.axes]
        cells = np.cumprod(lengths)
        return [grid.size // count * np.arange(1, count + 1) for count in cells]
    return [np.arange(1, grid.size + 1)]


def draw_nodes(
    cumulative: NDArray, ends: list[NDArray[np.int64]], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Nodes with probability ∝ their mass by inverse conditional distributions.

    Parameters
    ----------
    cumulative : ndarray, shape (P + 1,)
        Sums of the masses before each node, and the total, which is positive.
    ends : list of ndarray
        Of each level, the ends of consecutive cells of nodes; every level refines the one before,
        the last holds single nodes.
    uniform : ndarray, shape (J, levels)
        Numbers in [0, 1): column l chooses the cell of level l inside that of level l − 1.

    Returns
    -------
    ndarray, shape (J,)
        Indices of nodes of positive mass.
    """
    slabs = range(0, len(uniform), _SLAB)
    found = [_some_nodes(cumulative, ends, uniform[i : i + _SLAB]) for i in slabs]
    return np.concatenate(found) if found else np.zeros(0, np.int64)


def _some_nodes(
    cumulative: NDArray, ends: list[NDArray[np.int64]], uniform: NDArray[np.float64]
) -> NDArray[np.int64]:
    low = np.zeros(len(uniform), np.int64)
    high = np.full(len(uniform), len(cumulative) - 1)
    for level, column in zip(ends, uniform.T, strict=True):
        start, stop = cumulative[low], cumulative[high]
        target = start + column * (stop - start)
        first = np.searchsorted(level, low, side="right")
        last = np.searchsorted(level, high, side="left")
        # The last level holds every node: nothing is gathered.
        every = len(level) == len(cumulative) - 1
        sums = cumulative[1:] if every else cumulative[level]
        cell = np.searchsorted(sums, target, side="right")
        cell = np.clip(cell, first, last)
        low = np.maximum(low, np.where(cell > 0, level[np.maximum(cell, 1) - 1], 0))
        high = level[cell]
    beside = cumulative[low + 1] == cumulative[low]
    if beside.any():
        # Rounding may land beside the mass: the nearest node before that carries some serves.
        positive = np.flatnonzero(np.diff(cumulative) > 0)
        before = np.searchsorted(positive, low[beside], side="right") - 1
        low[beside] = positive[np.clip(before, 0, None)]
    return low


def _real_values(spectrum: Spectrum) -> NDArray[np.float64]:
    values = spectrum.values
    if np.iscomplexobj(values):
        raise ValueError(
            "`spectrum` must be real to give a real network, got complex values (transform its "
            "real and imaginary parts as two components)"
        )
    return values.reshape(len(values), -1)


def _drawn_width(spectrum: Spectrum, width: int | None) -> int | None:
    """The number of neurons, where their drawing is within the memory budget."""
    if width is not None:
        width = positive_int(width, "width")
    nodes, numbers = spectrum.grid.size, spectrum.grid.dim + spectrum.values[0].size
    drawn = nodes if width is None else width
    fits_in_memory(
        # Rule, masses, sums, shares, ends, outer weights and nodes; neurons, and the numbers
        # between 0 and 1, for a power of two of draws, that they are drawn by.
        8.0 * nodes * (14 + 2 * numbers) + 8.0 * drawn * (20 + 4 * numbers),
        f"{drawn} neurons of {nodes} nodes",
        "draw fewer neurons, or take a coarser grid",
    )
    return width


def checked_spectrum(
    spectrum: Spectrum,
    width: int | None,
    sampling: Sampling,
    weights: str,
    control: str | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (P, k) and quadrature weights (P,), once the options fit them."""
    instance_of(spectrum, "spectrum", Spectrum, hint="ridgelet_transform makes one")
    if not isinstance(sampling, SobolBlocks):
        one_of(sampling, "sampling", _SAMPLINGS)
    one_of(weights, "weights", _WEIGHTS)
    nodes = spectrum.grid.size
    width = _drawn_width(spectrum, width)
    rule = spectrum.grid.weights
    if rule is None:
        raise ValueError(
            "`spectrum` must lie on a grid with quadrature weights, got plain nodes (use a "
            "polar or cartesian ParameterGrid)"
        )
    if width is None and sampling != "quadrature":
        raise ValueError(
            f"`width` must be given for sampling={sampling!r}, got None (sampling='quadrature' "
            f"takes all {nodes} nodes)"
        )
    if width is not None:
        if sampling == "quadrature" and width != nodes:
            raise ValueError(
                f"`width` must be the number of nodes, {nodes}, for sampling='quadrature', got "
                f"{width} (leave it out, or draw with sampling='sobol')"
            )
        # Under a control the neurons fill the cells of a polar grid.
        spread = control is not None and spectrum.grid.kind == "polar" and spectrum.mass.any()
        available = int(np.count_nonzero(spectrum.mass)) or nodes
        if weights == "least_squares" and not spread and width > available:
            raise ValueError(
                f"`width` must not exceed the {available} nodes of nonzero spectrum, got {width} "
                "(use a finer grid, or fewer neurons)"
            )
    if weights == "least_squares":
        side = width or 0
        fits_in_memory(24.0 * side**2, f"a fit of {side} neurons", "use fewer neurons")
    return _real_values(spectrum), rule


def drawn_nodes(
    cumulative: NDArray,
    ends: list[NDArray[np.int64]],
    count: int,
    sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nodes with probability ∝ their mass, and a number in [0, 1) for each."""
    if sampling == "stratified":
        # Nodes are in order of their scales: one draw from each of ``count`` equal parts of the
        # mass, which follow each other from coarse to fine.
        place = (np.arange(count) + rng.random(count)) / count
        return draw_nodes(cumulative, ends[-1:], place[:, None]), rng.random(count)
    uniform = unit_draws(count, len(ends) + 1, sampling, rng)
    return draw_nodes(cumulative, ends, uniform[:, :-1]), uniform[:, -1]


def unit_draws(
    count: int, columns: int, sampling: Sampling, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Numbers in [0, 1) (count, columns): Sobol points, those that come next, or random ones."""
    if isinstance(sampling, SobolBlocks):
        return sampling.take(count, columns)
    if sampling == "sobol":
        return np.asarray(sobol_points(count, columns, rng))
    return rng.random((count, columns))


def distinct_nodes(
    spectrum: Spectrum,
    width: int | None,
    sampling: Sampling,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """``width`` different nodes, drawn with the oracle density and repeats left out; where the
    spectrum vanishes, with that of the quadrature weights."""
    mass, cumulative = spectrum.mass, spectrum.cumulative_mass
    if cumulative[-1] == 0:
        mass = np.asarray(spectrum.grid.weights)
        cumulative = np.concatenate([[0.0], np.cumsum(mass)])
    if sampling == "quadrature":
        return np.arange(len(mass))
    wanted = int(width)  # type: ignore[arg-type]
    ends = nested_ends(spectrum.grid)
    count = wanted
    while True:
        drawn, _ = drawn_nodes(cumulative, ends, count, sampling, rng)
        first = np.sort(np.unique(drawn, return_index=True)[1])
        if len(first) >= wanted:
            return drawn[first[:wanted]]
        if count >= 64 * wanted:
            # Nearly all mass sits on few nodes: the rest are the largest that remain.
            rest = np.setdiff1d(np.argsort(-mass, kind="stable"), drawn, assume_unique=False)
            rest = rest[np.argsort(-mass[rest], kind="stable")]
            return np.concatenate([drawn[first], rest[: wanted - len(first)]])
        count *= 4


def oracle_neurons(
    spectrum: Spectrum,
    width: int,
    *,
    sampling: Sampling = "sobol",
    rng: int | np.random.Generator | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Different neurons (a, b) drawn with density ``|spectrum|``, for weights to be fitted.

    Raises
    ------
    ValueError
        If the nodes carry no weights, or fewer of them than ``width`` carry any spectrum.
    """
    checked_spectrum(spectrum, width, sampling, "least_squares")
    node = distinct_nodes(spectrum, width, sampling, as_generator(rng))
    return spectrum.grid.a[node], spectrum.grid.b[node]
