"""What a polar grid's scales and offsets do to a field: the discrete transfer function."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import radial_kernel
from ridgeflow.profiles.ridgelet import Ridgelet

__all__ = ["discrete_transfer", "response_radius", "tail_amplification", "trapezoid"]


def trapezoid(scales: NDArray) -> NDArray[np.float64]:
    """Weights of the trapezoid rule in the logarithm of increasing scales."""
    step = np.diff(np.log(scales))
    weights = np.zeros_like(scales)
    weights[:-1] += 0.5 * step
    weights[1:] += 0.5 * step
    return weights


def discrete_transfer(
    scales: NDArray, log_steps: NDArray, activation: Activation, ridgelet: Ridgelet, k: NDArray
) -> NDArray:
    r"""Discrete transfer function of scales, the factor that multiplies f^(ku).

    .. math:: T(k) = 2 (2\pi)^{m-1} \sum_s \Delta\log\rho_s \frac{k}{\rho_s}\,\hat u(k/\rho_s)

    with :math:`\hat u = \overline{\hat\psi}\,\hat\eta\,|\omega|^{-m}`; it tends to K as the scales
    fill the line.
    """
    ratio = np.abs(k)[:, None] / scales
    kernel = ratio * radial_kernel(activation, ridgelet, ratio)
    return 2 * (2 * np.pi) ** (ridgelet.dim - 1) * kernel @ log_steps


def tail_amplification(activation: Activation, ridgelet: Ridgelet, margin: float) -> float:
    """What a cut of the offsets costs in the reconstruction, relative to the spectrum.

    An algebraic tail cut at z varies over lengths of z, where the activation's transform is larger
    than at the ridgelet's own frequency, the root of its exponent, by their ratio to the order of
    its pole at 0. A Gaussian tail is cut at high frequencies instead.
    """
    if not ridgelet.algebraic_tail:
        return 1.0
    return max(1.0, margin * float(np.sqrt(ridgelet.exponent))) ** activation.origin_order


@lru_cache(maxsize=64)
def response_radius(activation: Activation, ridgelet: Ridgelet) -> float:
    """Radius beyond which the correlation of ridgelet and activation is below 1e-12 of its maximum.

    At most 200: the slowly decaying correlations of non-smooth pairs are cut there.
    """
    step, n = 0.2, 4096
    omega = 2 * np.pi * np.arange(1, n // 2 + 1) / (n * step)
    response = np.zeros(n // 2 + 1, complex)
    response[1:] = np.conj(ridgelet.fourier(omega)) * activation.fourier(omega)
    profile = np.abs(np.fft.irfft(response, n=n)[: n // 2])
    large = np.flatnonzero(profile > 1e-12 * profile.max())
    return min(200.0, step * float(large[-1] + 1))
