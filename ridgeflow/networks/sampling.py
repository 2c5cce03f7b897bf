"""Neurons drawn from a ridgelet spectrum, with importance weights or fitted ones."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_generator, as_points, as_real_array, one_of
from ridgeflow.geometry import ball_points
from ridgeflow.networks.affine_control import AffineControl
from ridgeflow.networks.chosen_neurons import FIT_CUT, chosen_neurons
from ridgeflow.networks.importance import (
    assembled,
    importance_draw,
    polynomial_degree,
    quadrature_neurons,
    warn_of_draws,
)
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.node_draws import Sampling, checked_spectrum, distinct_nodes
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.ridgelet.reconstruct import reconstruct
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["as_control", "neurons_of_representation", "neurons_of_spectrum"]

# Points to which weights are fitted at least.
_FIT_POINTS = 1000
# Points of the ball over which neurons lose their affine parts.
_CONTROL_POINTS, _CONTROL_SEED = 512, 29


def _covered_ball(spectrum: Spectrum, weights: str) -> tuple[NDArray, float]:
    grid = spectrum.grid
    if grid.kind != "polar":
        way = "pass the points where the network should hold"
        if weights == "importance":
            way += ", or control=None"
        raise ValueError(
            f"`points` must be given for weights={weights!r} on a {grid.kind} grid, got None "
            f"({way})"
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
    control: str | None = "affine",
) -> Neurons:
    """Neurons at nodes of a spectrum, see :meth:`ShallowNetwork.from_spectrum`."""
    control = as_control(control)
    transform, rule = checked_spectrum(spectrum, width, sampling, weights, control)
    generator = as_generator(rng)
    if not spectrum.mass.any():
        raise ValueError(
            "`spectrum` must not vanish, got zeros at all nodes (there is no density to draw "
            "neurons from; the field is zero, or an affine field that the ridgelet cannot see)"
        )
    x = None if points is None else as_points(points, "points", spectrum.dim).astype(np.float64)
    if weights == "importance":
        if values is not None:
            raise ValueError(
                "`values` must be left out for weights='importance' (they belong to "
                "weights='least_squares')"
            )
        if sampling == "quadrature":
            return quadrature_neurons(spectrum, eta, transform, rule)
        if x is None and (control is not None or spectrum.grid.kind == "polar"):
            x = _control_points(*_covered_ball(spectrum, weights))
        return _drawn(
            *(spectrum, eta, width, sampling, generator, (transform, rule), control, x),
            lambda points: reconstruct(spectrum, eta, points),
        )
    admissibility(eta, spectrum.ridgelet)
    if x is None:
        if values is not None:
            raise ValueError("`points` must come with `values`, got None")
        x = _fit_points(spectrum, width, *_covered_ball(spectrum, weights), generator)
    if values is None:
        y = reconstruct(spectrum, eta, x)
    else:
        y = as_real_array(values, "values", ndim=(1, 2))
        if y.shape != (len(x), *spectrum.component_shape):
            raise ValueError(
                f"`values` must have shape {(len(x), *spectrum.component_shape)}, got {y.shape}"
            )
    affine = control is not None or (spectrum.grid.half and polynomial_degree(eta) >= 0)
    return _fitted(spectrum, eta, width, sampling, control, generator, x, y, affine=affine)


def as_control(control: str | None) -> str | None:
    """One of the control variates, or none."""
    return None if control is None else one_of(control, "control", ("affine",))


def _control_points(center: NDArray, radius: float) -> NDArray[np.float64]:
    """Points that fill a ball evenly, the same in every run."""
    return ball_points(_CONTROL_POINTS, center, radius, np.random.default_rng(_CONTROL_SEED))


def _drawn(
    spectrum: Spectrum,
    eta: Activation,
    width: int | None,
    sampling: str,
    rng: np.random.Generator,
    nodes: tuple[NDArray, NDArray],
    control: str | None,
    x: NDArray | None,
    function: Callable[[NDArray], NDArray],
    affine: tuple[NDArray, NDArray] | None = None,
) -> Neurons:
    """Importance weights; ``affine`` is what the function has beside the spectrum."""
    count = int(width)  # type: ignore[arg-type]
    split = None
    if control is not None and x is not None:
        split = AffineControl.for_nodes(x, spectrum.grid.size)
    draw = importance_draw(spectrum, eta, *nodes, control=split, affine=affine)
    made = draw.draw(count, sampling, rng)
    if x is not None:
        warn_of_draws(draw, count, x, function)
    return made


def neurons_of_representation(
    rep: IntegralRepresentation,
    width: int | None,
    *,
    sampling: str,
    weights: str | None,
    rng: int | np.random.Generator | None,
    points: ArrayLike | None = None,
    control: str | None = "affine",
) -> Neurons:
    """Neurons of a representation, see :meth:`ShallowNetwork.from_representation`."""
    if not all(hasattr(rep, part) for part in ("spectrum", "activation", "affine")):
        raise TypeError(f"`rep` must be an IntegralRepresentation, got {type(rep).__name__}")
    spectrum, eta = rep.spectrum, rep.activation
    if weights is None:
        weights = "importance" if sampling == "quadrature" else "least_squares"
    control = as_control(control)
    transform, rule = checked_spectrum(spectrum, width, sampling, weights, control)
    generator = as_generator(rng)
    x = None if points is None else as_points(points, "points", spectrum.dim).astype(np.float64)
    matrix = np.asarray(rep.affine.matrix, dtype=float).reshape(spectrum.dim, -1)
    offset = np.asarray(rep.affine.offset, dtype=float).reshape(-1)
    if not spectrum.mass.any():
        # An affine field: the affine part is all of it, and any neurons serve.
        node = distinct_nodes(spectrum, width, sampling, generator)
        a, b = spectrum.grid.a[node], spectrum.grid.b[node]
        outer = np.zeros((len(node), transform.shape[1]))
        return assembled(spectrum, eta, a, b, outer, matrix, offset)
    if weights == "importance" and sampling == "quadrature":
        net = quadrature_neurons(spectrum, eta, transform, rule)
        linear, bias = np.asarray(net.linear), np.asarray(net.bias)
        return net._replace(
            linear=linear + matrix.reshape(linear.shape), bias=bias + offset.reshape(bias.shape)
        )
    if x is None:
        x = _filling(rep, width, weights, generator)
    elif rep.region is not None and not rep.region.contains(x).all():
        rep(x)  # which refuses them
    if weights == "least_squares":
        y = np.asarray(rep(x))
        return _fitted(spectrum, eta, width, sampling, control, generator, x, y, affine=True)
    return _drawn(
        *(spectrum, eta, width, sampling, generator, (transform, rule), control, x),
        *(rep, (matrix, offset)),
    )


def _filling(
    rep: IntegralRepresentation, width: int | None, weights: str, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Points that fill the ball where a representation holds, as many as its weights need."""
    if rep.region is None:
        center, radius = _covered_ball(rep.spectrum, weights)
    else:
        center, radius = np.asarray(rep.region.center, dtype=float), float(rep.region.radius)
    if weights == "importance":
        return _control_points(center, radius)
    return _fit_points(rep.spectrum, width, center, radius, rng)


def _fit_points(
    spectrum: Spectrum,
    width: int | None,
    center: NDArray,
    radius: float,
    rng: np.random.Generator,
) -> NDArray[np.float64]:
    """Points that fill a ball, enough to fit as many weights."""
    count = spectrum.grid.size if width is None else int(width)
    # On a line the neurons' transitions are cells, each of which needs points of its own.
    each = 16 if len(center) == 1 else 4
    return ball_points(max(each * count, _FIT_POINTS), center, radius, rng)


def _fitted(
    spectrum: Spectrum,
    eta: Activation,
    width: int | None,
    sampling: Sampling,
    control: str | None,
    rng: np.random.Generator,
    x: NDArray,
    y: NDArray,
    *,
    affine: bool,
) -> Neurons:
    """Neurons that act at the points, or by |spectrum| alone, with weights fitted to values."""
    y = y.reshape(len(x), -1).astype(np.float64)
    if control is None or sampling == "quadrature":
        node = distinct_nodes(spectrum, width, sampling, rng)
        a, b = spectrum.grid.a[node], spectrum.grid.b[node]
    else:
        count = int(width)  # type: ignore[arg-type]
        a, b = chosen_neurons(spectrum, eta, count, x, y, sampling=sampling, rng=rng)
    fit = solve_outer_weights(a, b, eta, x, y, affine=affine, rcond=FIT_CUT)
    return assembled(spectrum, eta, a, b, fit.outer, fit.linear, fit.bias)
