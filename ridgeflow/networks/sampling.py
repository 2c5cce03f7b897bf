"""Neurons drawn from a ridgelet spectrum: the oracle density, its weights, its symmetries."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    instance_of,
    one_of,
    positive_int,
)
from ridgeflow.geometry import ball_points, sobol_points
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.neurons import Neurons
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.reconstruct import reconstruct
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = [
    "draw_nodes",
    "neurons_of_representation",
    "neurons_of_spectrum",
    "oracle_neurons",
]

_SAMPLINGS = ("sobol", "stratified", "monte_carlo", "quadrature")
_WEIGHTS = ("importance", "least_squares")
# Singular values below this part of the largest are left out of fits to a spectrum: their weights
# would mostly cancel each other (1e-9 gives weights 20 times smaller than 1e-11, errors the same).
_FIT_CUT = 1e-9


def _nested_ends(grid: ParameterGrid) -> list[NDArray[np.int64]]:
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
    low = np.zeros(len(uniform), np.int64)
    high = np.full(len(uniform), len(cumulative) - 1)
    for level, column in zip(ends, uniform.T, strict=True):
        start, stop = cumulative[low], cumulative[high]
        target = start + column * (stop - start)
        first = np.searchsorted(level, low, side="right")
        last = np.searchsorted(level, high, side="left")
        cell = np.searchsorted(cumulative[level], target, side="right")
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


def _checked(
    spectrum: Spectrum, width: int | None, sampling: str, weights: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values (P, k) and quadrature weights (P,), once the options fit them."""
    instance_of(spectrum, "spectrum", Spectrum, hint="ridgelet_transform makes one")
    one_of(sampling, "sampling", _SAMPLINGS)
    one_of(weights, "weights", _WEIGHTS)
    rule = spectrum.grid.weights
    if rule is None:
        raise ValueError(
            "`spectrum` must lie on a grid with quadrature weights, got plain nodes (use a "
            "polar or cartesian ParameterGrid)"
        )
    nodes = spectrum.grid.size
    if width is None and sampling != "quadrature":
        raise ValueError(
            f"`width` must be given for sampling={sampling!r}, got None (sampling='quadrature' "
            f"takes all {nodes} nodes)"
        )
    if width is not None:
        width = positive_int(width, "width")
        fits_in_memory(
            # Numbers between 0 and 1 for a power of two of draws, nodes and parameters.
            8.0 * width * (12 + 2 * spectrum.grid.dim + spectrum.values[0].size),
            f"{width} neurons",
            "draw fewer neurons",
        )
        if sampling == "quadrature" and width != nodes:
            raise ValueError(
                f"`width` must be the number of nodes, {nodes}, for sampling='quadrature', got "
                f"{width} (leave it out, or draw with sampling='sobol')"
            )
    return _real_values(spectrum), rule


def _degree(eta: Activation) -> int:
    return max((k for k, p in enumerate(eta.polynomial) if p), default=-1)


def _importance(
    spectrum: Spectrum,
    eta: Activation,
    width: int | None,
    sampling: str,
    rng: np.random.Generator,
    values: NDArray,
    rule: NDArray,
) -> Neurons:
    """The quadrature sum, or an unbiased estimate of it by ``width`` neurons."""
    grid = spectrum.grid
    constant = admissibility(eta, spectrum.ridgelet)
    degree = _degree(eta) if grid.half else -1
    mirrored = degree > 1
    sign = 1.0 if eta.parity == "even" else -1.0
    if sampling == "quadrature":
        a, b, c = grid.a, grid.b, values * (rule / constant)[:, None]
        if mirrored:
            a, b, c = np.vstack([a, -a]), np.hstack([b, -b]), np.vstack([c / 2, sign * c / 2])
    else:
        count = int(width)  # type: ignore[arg-type]
        mass, cumulative = spectrum.mass, spectrum.cumulative_mass
        ends = _nested_ends(grid)
        node, coin = _draw(cumulative, ends, count, sampling, rng)
        factor = rule[node] * cumulative[-1] / (mass[node] * constant * count)
        a, b, c = grid.a[node], grid.b[node], values[node] * factor[:, None]
        if mirrored:
            flip = np.where(coin < 0.5, 1.0, -1.0)
            a, b = a * flip[:, None], b * flip
            c = c * np.where(flip > 0, 1.0, sign)[:, None]
    linear, bias = np.zeros((grid.dim, c.shape[1])), np.zeros(c.shape[1])
    if degree in (0, 1):
        p0, p1 = (*eta.polynomial, 0.0)[:2]
        linear = -p1 * (a.T @ c)
        bias = -(p0 * c.sum(axis=0) - p1 * (b @ c))
    return _assembled(spectrum, eta, a, b, c, linear, bias)


def _draw(
    cumulative: NDArray,
    ends: list[NDArray[np.int64]],
    count: int,
    sampling: str,
    rng: np.random.Generator,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Nodes with probability ∝ their mass, and a number in [0, 1) for each."""
    if sampling == "stratified":
        # Nodes are in order of their scales: one draw from each of ``count`` equal parts of the
        # mass, which follow each other from coarse to fine.
        place = (np.arange(count) + rng.random(count)) / count
        return draw_nodes(cumulative, ends[-1:], place[:, None]), rng.random(count)
    levels = len(ends) + 1
    if sampling == "sobol":
        uniform = sobol_points(count, levels, rng)
    else:
        uniform = rng.random((count, levels))
    return draw_nodes(cumulative, ends, uniform[:, :-1]), uniform[:, -1]


def _assembled(
    spectrum: Spectrum,
    eta: Activation,
    a: NDArray,
    b: NDArray,
    c: NDArray,
    linear: NDArray,
    bias: NDArray,
) -> Neurons:
    real = np.float32 if spectrum.values.dtype == np.float32 else np.float64
    shape = spectrum.component_shape
    parts = (a, b, c.reshape(-1, *shape), linear.reshape(-1, *shape), bias.reshape(shape))
    a, b, c, linear, bias = (np.asarray(part, dtype=real) for part in parts)
    return Neurons(a, b, c, eta, linear, bias)


def _distinct_nodes(
    spectrum: Spectrum,
    width: int | None,
    sampling: str,
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
    available = int(np.count_nonzero(mass))
    if int(width) > available:  # type: ignore[arg-type]
        raise ValueError(
            f"`width` must not exceed the {available} nodes of nonzero spectrum, got {width} "
            "(use a finer grid, or fewer neurons)"
        )
    wanted = int(width)  # type: ignore[arg-type]
    ends = _nested_ends(spectrum.grid)
    count = wanted
    while True:
        drawn, _ = _draw(cumulative, ends, count, sampling, rng)
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
    sampling: str = "sobol",
    rng: int | np.random.Generator | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Different neurons (a, b) drawn with density ``|spectrum|``, for weights to be fitted.

    Raises
    ------
    ValueError
        If the nodes carry no weights, or fewer of them than ``width`` carry any spectrum.
    """
    _checked(spectrum, width, sampling, "least_squares")
    node = _distinct_nodes(spectrum, width, sampling, as_generator(rng))
    return spectrum.grid.a[node], spectrum.grid.b[node]


def _covered_ball(spectrum: Spectrum) -> tuple[NDArray, float]:
    grid = spectrum.grid
    if grid.kind != "polar":
        raise ValueError(
            f"`points` must be given for weights='least_squares' on a {grid.kind} grid, got None "
            "(pass the points where the network should fit)"
        )
    return np.asarray(grid.center, dtype=float), float(grid.radius)


def neurons_of_spectrum(
    spectrum: Spectrum,
    eta: Activation,
    width: int | None,
    *,
    sampling: str,
    weights: str,
    rng: int | np.random.Generator | None,
    points: ArrayLike | None = None,
    values: ArrayLike | None = None,
) -> Neurons:
    """Neurons at nodes of a spectrum, see :meth:`ShallowNetwork.from_spectrum`."""
    transform, rule = _checked(spectrum, width, sampling, weights)
    generator = as_generator(rng)
    if not spectrum.mass.any():
        raise ValueError(
            "`spectrum` must not vanish, got zeros at all nodes (there is no density to draw "
            "neurons from; the field is zero, or an affine field that the ridgelet cannot see)"
        )
    if weights == "importance":
        if points is not None or values is not None:
            raise ValueError(
                "`points` and `values` must be left out for weights='importance' (they belong to "
                "weights='least_squares')"
            )
        return _importance(spectrum, eta, width, sampling, generator, transform, rule)
    admissibility(eta, spectrum.ridgelet)
    node = _distinct_nodes(spectrum, width, sampling, generator)
    if points is None:
        if values is not None:
            raise ValueError("`points` must come with `values`, got None")
        center, radius = _covered_ball(spectrum)
        x = ball_points(max(4 * len(node), 1000), center, radius, generator)
    else:
        x = as_points(points, "points", spectrum.dim).astype(np.float64)
    if values is None:
        y = reconstruct(spectrum, eta, x)
    else:
        y = as_real_array(values, "values", ndim=(1, 2))
        if y.shape != (len(x), *spectrum.component_shape):
            raise ValueError(
                f"`values` must have shape {(len(x), *spectrum.component_shape)}, got {y.shape}"
            )
    affine = spectrum.grid.half and _degree(eta) >= 0
    return _fitted(spectrum, eta, node, x, y, affine=affine)


def _fitted(
    spectrum: Spectrum,
    eta: Activation,
    node: NDArray[np.int64],
    x: NDArray,
    y: NDArray,
    *,
    affine: bool,
) -> Neurons:
    a, b = spectrum.grid.a[node], spectrum.grid.b[node]
    fit = solve_outer_weights(
        a, b, eta, x, y.reshape(len(x), -1).astype(np.float64), affine=affine, rcond=_FIT_CUT
    )
    return _assembled(spectrum, eta, a, b, fit.outer, fit.linear, fit.bias)


def neurons_of_representation(
    rep: IntegralRepresentation,
    width: int | None,
    *,
    sampling: str,
    weights: str,
    rng: int | np.random.Generator | None,
) -> Neurons:
    """Neurons of a representation, see :meth:`ShallowNetwork.from_representation`."""
    if not all(hasattr(rep, part) for part in ("spectrum", "activation", "affine")):
        raise TypeError(f"`rep` must be an IntegralRepresentation, got {type(rep).__name__}")
    spectrum, eta = rep.spectrum, rep.activation
    transform, rule = _checked(spectrum, width, sampling, weights)
    generator = as_generator(rng)
    matrix = np.asarray(rep.affine.matrix, dtype=float).reshape(spectrum.dim, -1)
    offset = np.asarray(rep.affine.offset, dtype=float).reshape(-1)
    if not spectrum.mass.any():
        # An affine field: the affine part is all of it, and any neurons serve.
        node = _distinct_nodes(spectrum, width, sampling, generator)
        a, b = spectrum.grid.a[node], spectrum.grid.b[node]
        outer = np.zeros((len(node), transform.shape[1]))
        return _assembled(spectrum, eta, a, b, outer, matrix, offset)
    if weights == "least_squares":
        node = _distinct_nodes(spectrum, width, sampling, generator)
        if rep.region is None:
            center, radius = _covered_ball(spectrum)
        else:
            center, radius = np.asarray(rep.region.center, dtype=float), float(rep.region.radius)
        x = ball_points(max(4 * len(node), 1000), center, radius, generator)
        return _fitted(spectrum, eta, node, x, np.asarray(rep(x)), affine=True)
    net = _importance(spectrum, eta, width, sampling, generator, transform, rule)
    linear, bias = np.asarray(net.linear), np.asarray(net.bias)
    return net._replace(
        linear=linear + matrix.reshape(linear.shape), bias=bias + offset.reshape(bias.shape)
    )
