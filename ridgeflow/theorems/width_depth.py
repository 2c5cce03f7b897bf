"""Width and depth together: what drawn networks err by, before any of them is made."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import rms
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import layer_edges
from ridgeflow.double_continuum.drawn_layers import drawn_ensemble
from ridgeflow.double_continuum.drawn_variance import follow, quasi_draws, time_rule
from ridgeflow.double_continuum.width_depth import WidthDepthLaw, spread_along, width_depth_law
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import activation
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    equal,
    fitted_slope,
    sized,
    small,
    statement,
)

_PAPER = ("sonoda2017double", "sonoda2019transport")
_WHERE = "discretisation of the double continuum limit"
_LAW = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)
# A short flow, in which errors are small and of the leading order, and one that carries them on.
_END, _LONG = 0.05, 0.1
_POINTS = 16


@cache
def _law(end: float = _END) -> WidthDepthLaw:
    """The joint law of Gaussian neurons as they are, in even steps."""
    limit = DoubleContinuum(_LAW, activation("gaussian"), span=(0.0, end), tol=1e-3)
    return width_depth_law(limit, spacing="even", control=None, n_points=256)


@cache
def _outputs(
    depth: int, width: int, count: int, shared: bool = False, end: float = _END
) -> tuple[NDArray, NDArray]:
    """Points of the law, and where so many networks take them: (n, 1) and (R, n, 1)."""
    limit = _law(end)._limit
    x = quasi_draws(limit, _POINTS)
    edges, rng = layer_edges(limit, depth, "even"), np.random.default_rng(depth + width)
    return x, drawn_ensemble(limit, edges, width, x, count, rng, shared=shared)


def _error(depth: int, width: int, count: int, shared: bool = False) -> float:
    """Root mean square distance of networks from the flow."""
    x, found = _outputs(depth, width, count, shared)
    target = _law()._limit.flow(x, _END, rtol=1e-8, atol=1e-10, log_density=False).points
    return rms(found - target)


def _stepped(x: NDArray, depth: int, end: float = _END) -> NDArray[np.float64]:
    """The Euler steps of the velocity without limit of width."""
    limit = _law(end)._limit
    edges = layer_edges(limit, depth, "even")
    for start, step in zip(edges[:-1], np.diff(edges), strict=True):
        x = x + step * limit.velocity(x, float(start))
    return x


def _variance(x: NDArray, carried: bool) -> float:
    """Mean over points of the variance of networks, times L J."""
    limit = _law(_LONG)._limit
    times, weight, rate = time_rule(limit, "even", 10)
    path = follow(limit, x, times)
    if not carried:
        path = replace(path, onward=np.broadcast_to(np.eye(1), path.onward.shape))
    return float(spread_along(limit, path, times, weight * rate**2, None).mean())


@statement(
    "drawn_variance",
    "Drawn networks: the variance is C₂²/(LJ)",
    claim="Networks of L Euler layers of J neurons drawn independently from the spectra scatter "
    "about the steps of the velocity with variance C₂²/(LJ), C₂² = T E ∫ Φ(T,t) Σ_t Φ(T,t)ᵀ dt: "
    "what one neuron adds to the velocity at depth t, carried on by the flow.",
    papers=_PAPER,
    where=_WHERE,
    reason="Over 6000 networks the variance scatters by 0.015; the next term, of order 1/L, is "
    "0.02. Errors that were not carried on would be off by 0.1.",
    breaks={
        "the depth T left out": {"power": 0.0},
        "errors that the flow does not carry on": {"carried": False},
    },
)
def drawn_variance(effort: str, *, power: float = 1.0, carried: bool = True) -> Outcome:
    """Variances of many networks at points of the law."""
    shapes = sized(effort, ((64, 8),), ((128, 8), (128, 32), (512, 2)))
    count = sized(effort, 6000, 12000)
    comparisons, curves = [], []
    for depth, width in shapes:
        x, found = _outputs(depth, width, count, end=_LONG)
        exact = _stepped(x, depth, _LONG)
        predicted = _LONG ** (power - 1) * _variance(x, carried)
        measured = float(((found - exact) ** 2).mean()) * depth * width
        label = f"variance times L J, L = {depth}, J = {width}"
        comparisons.append(equal(label, predicted, measured, 0.06, relative=True))
        spread = np.sqrt(((found - exact) ** 2).mean(axis=(0, 2)) * depth * width)
        order = np.argsort(x[:, 0])
        curves.append(Series.of(f"L = {depth}, J = {width}", x[order, 0], spread[order], "points"))
    line = np.linspace(-2.5, 2.5, 41)[:, None]
    half = _law(_LONG).band(line, 1, 1)[:, 0] / 1.959964
    plot = Plot(
        "Deviation times (L J)^(1/2)",
        "x",
        "",
        (Series.of("P(x, x)^(1/2)", line[:, 0], half, "dashed"), *curves),
    )
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "one_neuron_a_layer",
    "Depth alone: networks of one neuron a layer reach the flow",
    claim="With one neuron a layer, J = 1, the error falls as L^(−1/2): no width without limit is "
    "needed.",
    papers=_PAPER,
    where=_WHERE,
    reason="Over 4000 networks each error scatters by 0.01, the exponent by 0.005.",
    breaks={"the rate L^(−1) of the steps": {"rate": -1.0}},
)
def one_neuron_a_layer(effort: str, *, rate: float = -0.5) -> Outcome:
    """Errors of deep networks of width one."""
    depths = sized(effort, (16, 64, 256), (64, 256, 1024))
    errors = [_error(depth, 1, 4000) for depth in depths]
    slope = fitted_slope((depths[0], depths[-1]), (errors[0], errors[-1]))
    predicted = [_law().error(depth, 1) for depth in depths]
    plot = Plot(
        "One neuron a layer",
        "layers L",
        "error",
        (
            Series.of("networks", depths, errors, "points"),
            Series.of("predicted", depths, predicted, "dashed"),
        ),
        x_log=True,
        y_log=True,
    )
    label = f"exponent of L, from {depths[0]} to {depths[-1]}"
    return Outcome((equal(label, rate, slope, 0.02),), (plot,))


@statement(
    "shared_neurons",
    "Shared neurons: depth does not average their errors",
    claim="Where all layers have the same J neurons, drawn once, the error tends to C_s J^(−1/2), "
    "whatever the depth: C_s² is the variance of what one neuron does along the whole flow.",
    papers=_PAPER,
    where=_WHERE,
    reason="Over 2000 networks each error scatters by 0.01; the points of the law at which they "
    "are measured move it by as much.",
    breaks={"errors that depth averages": {"depth_rate": -0.5}},
)
def shared_neurons(effort: str, *, rate: float = -0.5, depth_rate: float = 0.0) -> Outcome:
    """Errors of networks that differ in depth and in width."""
    shapes = sized(effort, ((8, 64), (32, 64), (32, 32)), ((16, 64), (64, 64), (64, 256)))
    count = sized(effort, 2000, 6000)
    comparisons, errors = [], []
    for depth, width in shapes:
        predicted = _law().c_shared * float(width) ** rate * float(depth) ** depth_rate
        errors.append(_error(depth, width, count, True))
        label = f"error, L = {depth}, J = {width}"
        comparisons.append(equal(label, predicted, errors[-1], 0.05, relative=True))
    widths = [width for _, width in shapes]
    plot = Plot(
        "Shared neurons",
        "neurons J",
        "error",
        (
            Series.of("networks", widths, errors, "points"),
            Series.of("C_s J^(−1/2)", widths, _law().c_shared / np.sqrt(widths), "dashed"),
        ),
        x_log=True,
        y_log=True,
    )
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "depth_of_a_normal_law",
    "A normal law: depth alone errs, with constants in closed form",
    claim="The velocity of a normal law is affine and needs no neurons: C₂ = 0. For variance v, "
    "C₁ is √v 0.5 (T/v)² (1 − 2T/v)^(−1/2) in even steps, and √v 0.125 U² e^(−U/2), U = "
    "−log(1 − 2T/v), in steps of the clock.",
    papers=_PAPER,
    where=_WHERE,
    reason="Points of the law stand for it to 0.003; spectra of affine fields vanish to rounding.",
    breaks={"the clock's constant for even steps": {"mixed": True}},
)
def depth_of_a_normal_law(
    effort: str, *, even: float = 0.5, clock: float = 0.125, mixed: bool = False
) -> Outcome:
    """C1 and C2 for both ways to step."""
    v, points = 1.3, sized(effort, 256, 4096)
    law = GaussianMixture([1.0], [[0.3]], v)
    comparisons, curves = [], []
    ends = (0.2, 0.5)
    limits = [
        DoubleContinuum(law, activation("gaussian"), span=(0.0, end), tol=1e-3) for end in ends
    ]
    for spacing in ("even", "clock"):
        values = []
        for end, limit in zip(ends, limits, strict=True):
            found = width_depth_law(limit, spacing=spacing, n_points=points)
            unit = -np.log1p(-2 * end / v)
            closed = {
                "even": np.sqrt(v) * even * (end / v) ** 2 / np.sqrt(1 - 2 * end / v),
                "clock": np.sqrt(v) * clock * unit**2 * np.exp(-unit / 2),
            }
            wanted = closed["clock" if mixed else spacing]
            label = f"C₁, {spacing} steps, T = {end}"
            comparisons.append(equal(label, wanted, found.c1, 0.01, relative=True))
            comparisons.append(small(f"C₂, {spacing} steps, T = {end}", found.c2, 1e-9))
            values.append(found.c1)
        curves.append(Series.of(f"{spacing} steps", ends, values))
    return Outcome(tuple(comparisons), (Plot("C₁ of a normal law", "T", "", tuple(curves)),))


@statement(
    "bands_of_drawn_networks",
    "Outputs of drawn networks lie in their bands",
    claim="√(LJ) times the deviation of a drawn network tends to a Gaussian process of covariance "
    "P: the band of half width (P/(LJ))^(1/2), times the normal quantile, holds an output with "
    "probability 0.95.",
    papers=_PAPER,
    where=_WHERE,
    reason="Over 4000 networks at a point the share scatters by 0.0035, and less over many; it is "
    "not normal yet by as much. A band off by a tenth holds 0.969 or 0.922.",
    breaks={
        "a band without the depth": {"depth_power": 0.0},
        "the band of 0.99": {"coverage": 0.99},
    },
    resolution={"depth_power": 0.1},
)
def bands_of_drawn_networks(
    effort: str, *, coverage: float = 0.95, depth_power: float = 1.0
) -> Outcome:
    """The share of outputs within their bands."""
    depth, width = 64, sized(effort, 4, 64)
    x, found = _outputs(depth, width, sized(effort, 4000, 20000))
    half = _law().band(x, 1, 1) / np.sqrt(float(depth) ** depth_power * width)
    gap = np.abs(found - _stepped(x, depth))
    inside = float(np.mean(gap < half))
    order = np.argsort(x[:, 0])
    shares = np.mean(gap < half, axis=(0, 2))[order]
    plot = Plot(
        "Outputs within the band",
        "x",
        "share",
        (
            Series.of(f"L = {depth}, J = {width}", x[order, 0], shares, "points"),
            Series.of("0.95", x[order, 0], np.full(len(x), 0.95), "dashed"),
        ),
    )
    label = f"share of outputs, L = {depth}, J = {width}"
    return Outcome((equal(label, coverage, inside, 0.01),), (plot,))
