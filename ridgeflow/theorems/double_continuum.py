"""Both limits: finite networks against the flow of an integral representation over depth."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import finite_network, shared_neurons
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import activation
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    equal,
    fitted_slope,
    relative_error,
    sized,
    small,
    statement,
)
from ridgeflow.transport.flow import ContinuousDAE

_PAPER = ("sonoda2017double", "sonoda2019transport")
_LAW = GaussianMixture([0.4, 0.6], [[-0.5], [0.6]], [0.2, 0.25])


def _displacement_error(found: NDArray, exact: NDArray, start: NDArray) -> float:
    """Root mean square distance over the root mean square displacement of the exact flow."""
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact - start))


@cache
def _continuum(count: int, tol: float) -> tuple[DoubleContinuum, float, NDArray]:
    """Representations up to half of the singular time, that time, and their depths."""
    end = 0.5 * ContinuousDAE(_LAW).t_max
    times = np.linspace(0, end, count)
    return DoubleContinuum(_LAW, activation("tanh"), times=times, tol=tol), end, times


@cache
def _depth_errors(depths: tuple[int, ...], width: int) -> list[float]:
    """Errors of networks whose neurons are fitted, so that their number hardly counts."""
    limit, end, _ = _continuum(5, 1e-3)
    x = _LAW.sample(150, rng=0)
    truth = ContinuousDAE(_LAW).flow(x, end, rtol=1e-10, atol=1e-12).points
    common = shared_neurons(limit, width, "sobol", np.random.default_rng(0))
    errors = []
    for depth in depths:
        net = finite_network(
            limit,
            depth,
            width,
            layers="euler",
            sampling="sobol",
            weights="least_squares",
            neurons="shared",
            n_samples=1000,
            rng=0,
            spacing="even",
            common=common,
        )
        errors.append(_displacement_error(net(x), truth, x))
    return errors


def _part(net: ResidualNetwork, share: int, which: int) -> ResidualNetwork:
    """The network of one of ``share`` equal parts of the neurons of every layer."""
    layers = []
    for (layer,) in net.layers:
        n = layer.width // share
        own = slice(which * n, (which + 1) * n)
        layers.append(
            ShallowNetwork(
                layer.a[own],
                layer.b[own],
                share * layer.c[own],
                layer.activation,
                linear=layer.linear,
                bias=layer.bias,
            )
        )
    return ResidualNetwork([(layer,) for layer in layers], net.steps)


@cache
def _width_errors(width: int, shares: tuple[int, ...], draws: int) -> list[float]:
    """Errors of networks of four layers of drawn neurons, against layers of the exact velocity.

    Neurons are independent: parts of a network are networks of their own, two of each draw.
    """
    exact, (limit, end, _) = ContinuousDAE(_LAW), _continuum(5, 1e-3)
    x = _LAW.sample(150, rng=0)
    y = x
    for step in range(4):
        y = y + end / 4 * exact.velocity(y, step * end / 4)
    squares: list[list[float]] = [[] for _ in shares]
    for seed in range(draws):
        net = limit.network(
            4,
            width,
            sampling="monte_carlo",
            weights="importance",
            spacing="even",
            n_samples=1,
            rng=seed,
        )
        for share, found in zip(shares, squares, strict=True):
            for which in range(min(share, 2)):
                found.append(_displacement_error(_part(net, share, which)(x), y, x) ** 2)
    return [float(np.sqrt(np.mean(found))) for found in squares]


@statement(
    "double_continuum",
    "A flow of integral representations is the continuous denoising autoencoder",
    claim="The velocity v_t = ∇log μ_t is an integral of neurons, of the spectrum R[v_t;ψ], beside "
    "an affine part, and the flow of these representations moves points as the continuous "
    "denoising autoencoder does.",
    papers=_PAPER,
    where="double continuum limit",
    reason="The representation is built for an error of 1e−3 of the velocity.",
    breaks={"the opposite velocity": {"factor": -1.0}, "half the time": {"time": 0.5}},
)
def double_continuum(effort: str, *, factor: float = 1.0, time: float = 1.0) -> Outcome:
    """Represent the velocity, and follow it."""
    exact = ContinuousDAE(_LAW)
    tol = sized(effort, 1e-3, 1e-5)
    limit, end, times = _continuum(sized(effort, 5, 9), tol)
    x = _LAW.sample(sized(effort, 100, 400), rng=0)
    comparisons = []
    for t in (times[0], times[2], 0.5 * (times[2] + times[3]), times[-1]):
        error = relative_error(limit.velocity(x, t), factor * exact.velocity(x, t))
        comparisons.append(small(f"velocity at t = {t:.3f}: relative error", error, tol))
    moved = limit.flow(x, end).points
    truth = exact.flow(x, time * end).points
    truth = x + factor * (truth - x)
    error = _displacement_error(moved, truth, x)
    comparisons.append(small("flow: error over displacement", error, tol))
    line = np.linspace(-1.2, 1.3, 101)[:, None]
    shown = limit.velocity(line, times[2])
    plot = Plot(
        "Velocity",
        "x",
        "",
        (
            Series.of("∇log μ_t", line, exact.velocity(line, times[2]), "dashed"),
            Series.of("integral representation", line[::4], shown[::4], "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "double_continuum_rates",
    "Finite networks: errors O(1/L) in depth and O(J^(−1/2)) in width",
    claim="A network of L Euler layers errs by O(1/L) from the flow, where its neurons are many "
    "enough for the velocity; with J neurons a layer drawn from the spectrum, by O(J^(−1/2)) "
    "beside it.",
    papers=_PAPER,
    where="discretisation of the double continuum limit",
    reason="The next term, of order 1/L², moves the exponent between 16 and 64 layers by 0.008; "
    "60 fitted neurons add 3e−4 to errors of 3e−3. Squares of the errors of drawn networks have "
    "little more than one degree of freedom: over D draws their root scatters by 0.6 D^(−1/2), "
    "the exponent of J by 0.033, three of which are allowed.",
    breaks={"the order 2 in depth": {"depth": 2.0}, "the rate J^(−1)": {"rate": -1.0}},
    resolution={"rate": 0.35},
)
def double_continuum_rates(effort: str, *, depth: float = 1.0, rate: float = -0.5) -> Outcome:
    """Networks of growing depth with fitted neurons, and of growing width with drawn ones."""
    depths = sized(effort, (4, 16, 64), (4, 16, 64, 256))
    shares, draws = (32, 1), sized(effort, 40, 400)
    widths = [3200 // share for share in shares]
    errors = _depth_errors(depths, 60)
    spread = _width_errors(3200, shares, draws)
    order = -fitted_slope(depths[1:3], errors[1:3])
    slope = fitted_slope((widths[0], widths[-1]), (spread[0], spread[-1]))
    slack = 3 * 0.6 * np.sqrt(1.5 / draws) / np.log(widths[-1] / widths[0])
    rule = spread[-1] * (np.array(widths) / widths[-1]) ** -0.5
    comparisons = (
        equal("order in 1/L, from 16 to 64", depth, order, 0.03),
        equal("exponent of J, from 100 to 3200", rate, slope, slack),
    )
    plots = (
        Plot(
            "Depth",
            "layers L",
            "error over displacement",
            (
                Series.of("60 fitted neurons", depths, errors),
                Series.of("1/L", depths, errors[-1] * depths[-1] / np.array(depths), "dashed"),
            ),
            x_log=True,
            y_log=True,
        ),
        Plot(
            "Width, L = 4",
            "neurons J",
            "error over displacement",
            (
                Series.of("drawn from the spectrum", widths, spread),
                Series.of("J^(−1/2)", widths, rule, "dashed"),
            ),
            x_log=True,
            y_log=True,
        ),
    )
    return Outcome(comparisons, plots)
