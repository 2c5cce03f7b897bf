"""Both limits: finite networks against the flow of an integral representation over depth."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.fields.mixture import GaussianMixture
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


@statement(
    "double_continuum",
    "A flow of integral representations is the continuous denoising autoencoder",
    claim="The velocity ∇log μ_t is an integral of neurons, K⁻¹ S[R[v_t;ψ];η] beside an affine "
    "part, and the flow of these representations moves points as the continuous denoising "
    "autoencoder does.",
    papers=_PAPER,
    where="double continuum limit",
    reason="The representation is built for an error of 1e−3 of the velocity.",
    breaks={"the opposite velocity": {"sign": -1.0}, "half the time": {"time": 0.5}},
)
def double_continuum(effort: str, *, sign: float = 1.0, time: float = 1.0) -> Outcome:
    """Represent the velocity, and follow it."""
    exact = ContinuousDAE(_LAW)
    end = 0.5 * exact.t_max
    times = np.linspace(0, end, sized(effort, 5, 9))
    limit = DoubleContinuum(_LAW, activation("tanh"), times=times, tol=sized(effort, 1e-3, 1e-5))
    x = _LAW.sample(sized(effort, 100, 400), rng=0)
    velocity = relative_error(limit.velocity(x, times[2]), sign * exact.velocity(x, times[2]))
    moved = limit.flow(x, end).points
    truth = exact.flow(x, time * end).points
    truth = x + sign * (truth - x)
    comparisons = (
        small("velocity at half of the time: relative error", velocity, 1e-2),
        small("flow: error over displacement", _displacement_error(moved, truth, x), 1e-2),
    )
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
    return Outcome(comparisons, (plot,))


@statement(
    "double_continuum_rates",
    "Finite networks: errors O(1/L) in depth and O(J^(−1/2)) in width",
    claim="A network of L Euler layers errs by O(1/L) from the flow; with J neurons a layer drawn "
    "from the spectrum, by O(J^(−1/2)) beside it.",
    papers=_PAPER,
    where="discretisation of the double continuum limit",
    reason="Four depths and four widths; the error of the width is a mean over draws and scatters "
    "by ten percent.",
    breaks={"the order 2 in depth": {"depth": 2.0}, "the rate J^(−1)": {"rate": -1.0}},
)
def double_continuum_rates(effort: str, *, depth: float = 1.0, rate: float = -0.5) -> Outcome:
    """Euler lines of the exact velocity, and networks drawn from its spectrum."""
    exact = ContinuousDAE(_LAW)
    end = 0.5 * exact.t_max
    x = _LAW.sample(150, rng=0)
    truth = exact.flow(x, end, rtol=1e-10, atol=1e-12).points
    depths = np.array(sized(effort, (4, 8, 16, 32), (4, 8, 16, 32, 64, 128)))
    errors = []
    for layers in depths:
        y = x
        for step in range(layers):
            y = y + end / layers * exact.velocity(y, step * end / layers)
        errors.append(_displacement_error(y, truth, x))
    order = -fitted_slope(depths, errors)
    limit = DoubleContinuum(_LAW, activation("tanh"), times=np.linspace(0, end, 5), tol=1e-2)
    widths = np.array(sized(effort, (100, 400, 1600, 6400), (100, 400, 1600, 6400, 25600)))
    layers, draws, tau = 4, sized(effort, 10, 40), end / 4
    represented = [limit.representation(step * tau) for step in range(layers)]
    y = x
    for step in range(layers):
        y = y + tau * exact.velocity(y, step * tau)
    spread = []
    for width in widths:
        squares = []
        for seed in range(draws):
            rng, z = np.random.default_rng(seed), x
            for one in represented:
                layer = ShallowNetwork.from_representation(
                    one, int(width), sampling="monte_carlo", weights="importance", rng=rng
                )
                z = z + tau * layer(z).reshape(z.shape)
            squares.append(_displacement_error(z, y, x) ** 2)
        spread.append(float(np.sqrt(np.mean(squares))))
    comparisons = (
        equal("order in 1/L", depth, order, 0.15),
        equal("exponent of J", rate, fitted_slope(widths, spread), 0.12),
    )
    plots = (
        Plot(
            "Depth",
            "layers L",
            "error over displacement",
            (
                Series.of("Euler layers", depths, errors),
                Series.of("1/L", depths, errors[-1] * depths[-1] / depths, "dashed"),
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
                Series.of("J^(−1/2)", widths, spread[-1] * (widths / widths[-1]) ** -0.5, "dashed"),
            ),
            x_log=True,
            y_log=True,
        ),
    )
    return Outcome(comparisons, plots)
