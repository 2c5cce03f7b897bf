"""Importance weights of neurons drawn from a ridgelet spectrum, and its symmetries."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.node_draws import drawn_nodes, nested_ends
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["assembled", "importance_neurons", "polynomial_degree"]


def polynomial_degree(eta: Activation) -> int:
    return max((k for k, p in enumerate(eta.polynomial) if p), default=-1)


def importance_neurons(
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
    degree = polynomial_degree(eta) if grid.half else -1
    mirrored = degree > 1
    sign = 1.0 if eta.parity == "even" else -1.0
    if sampling == "quadrature":
        a, b, c = grid.a, grid.b, values * (rule / constant)[:, None]
        if mirrored:
            a, b, c = np.vstack([a, -a]), np.hstack([b, -b]), np.vstack([c / 2, sign * c / 2])
    else:
        count = int(width)  # type: ignore[arg-type]
        mass, cumulative = spectrum.mass, spectrum.cumulative_mass
        ends = nested_ends(grid)
        node, coin = drawn_nodes(cumulative, ends, count, sampling, rng)
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
    return assembled(spectrum, eta, a, b, c, linear, bias)


def assembled(
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
