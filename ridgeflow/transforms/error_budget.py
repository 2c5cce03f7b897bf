"""Error budgets of reconstructions, and what they are computed from."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow.closed_forms.radon import unit_ball_volume
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import radial_kernel
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.geometry import ParameterGrid

__all__ = ["ErrorBudget", "FieldRecord", "ball_volume", "discrete_transfer", "tail_amplification"]


@dataclass(frozen=True)
class ErrorBudget:
    """Estimated relative L2 errors of a reconstruction, by source.

    Attributes
    ----------
    total : float
        Of the integral representation (``reconstruct(method="fast")``): the sum of truncation,
        quadrature, directions and sampling.
    truncation : float
        Scales below the lowest and above the highest of the grid.
    quadrature : float
        The trapezoid rule in the logarithm of the scale, and the finite range of offsets.
    directions : float
        The finite set of directions.
    sampling : float
        What the samples of the field do not resolve.
    kink : float
        What the direct sum over offsets adds on top of ``total`` where the activation has a kink or
        a jump; below rounding for smooth activations.

    Examples
    --------
    >>> ErrorBudget(0.3, 0.1, 0.1, 0.1, 0.0, 0.0).total
    0.3
    """

    total: float
    truncation: float
    quadrature: float
    directions: float
    sampling: float
    kink: float


@dataclass(frozen=True, eq=False)
class FieldRecord:
    """What a spectrum remembers of the field that it was computed from.

    ``energy`` is :math:`k^{m-1}\\,dk \\int |\\hat f(ku)|^2 du` at ``wave_numbers``; ``norm`` the
    L2 norm
    of f; ``directions``, ``sampling`` and ``offsets`` the relative L2 errors that the set of
    directions, the samples and the finite range of offsets cost, whatever the activation;
    ``single_frequency`` the error of directions and scales together for cos and sin, which see one
    frequency of the ridgelet.
    """

    kind: str
    tol: float
    wave_numbers: NDArray = field(repr=False)
    energy: NDArray = field(repr=False)
    norm: float
    directions: float
    single_frequency: float
    sampling: float
    offsets: float


def discrete_transfer(
    grid: ParameterGrid, activation: Activation, ridgelet: Ridgelet, k: NDArray
) -> NDArray:
    r"""Discrete transfer function of a polar grid's scales, the factor that multiplies f^(ku).

    .. math:: T(k) = 2 (2\pi)^{m-1} \sum_s \Delta\log\rho_s \frac{k}{\rho_s}\,\hat u(k/\rho_s)

    with :math:`\hat u = \overline{\hat\psi}\,\hat\eta\,|\omega|^{-m}`; it tends to K as the scales
    fill the line.
    """
    log_step = grid.scale_weights / grid.scales**grid.dim
    ratio = np.abs(k)[:, None] / grid.scales
    kernel = ratio * radial_kernel(activation, ridgelet, ratio)
    return 2 * (2 * np.pi) ** (grid.dim - 1) * kernel @ log_step


def tail_amplification(activation: Activation, ridgelet: Ridgelet, margin: float) -> float:
    """What a cut of the offsets costs in the reconstruction, relative to the spectrum.

    An algebraic tail cut at z varies over lengths of z, where the activation's transform is larger
    than at the ridgelet's own frequency, the root of its exponent, by their ratio to the order of
    its pole at 0. A Gaussian tail is cut at high frequencies instead.
    """
    if not ridgelet.algebraic_tail:
        return 1.0
    return max(1.0, margin * float(np.sqrt(ridgelet.exponent))) ** activation.origin_order


def ball_volume(dim: int, radius: float) -> float:
    """Volume of a ball of R^m."""
    return unit_ball_volume(dim) * radius**dim
