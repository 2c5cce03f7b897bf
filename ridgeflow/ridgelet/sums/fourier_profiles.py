"""From spectra on polar grids, and from slices, to profiles: all summed on the Fourier side."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._fft import fast_length
from ridgeflow._progress import steps
from ridgeflow._validate import fits_in_memory
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.radon_transform.backprojection import Backprojection, WaveSum
from ridgeflow.radon_transform.fourier_slices import FourierSlices
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.grids.transfer import response_radius

__all__ = ["exact_profiles", "point_mass_amplitudes", "spectrum_profiles"]

# Waves below this share of the largest are rounding noise.
_NOISE = 1e-14
# Over the least period that keeps copies apart; phase of a panel, of which 16 points of Gauss leave
# 2 J_32(12) = 6e-11.
_APART, _PANEL = 1.05, 24.0
# Bytes of profiles made at a time: they stay in the last-level cache, in memory that is used again.
_PORTION = 1 << 24


def spectrum_profiles(
    spectrum: NodeValues,
    activation: Activation,
    radius: float,
    *,
    band: float | None = None,
    corrected: CorrectedDual | None = None,
    whole: bool = False,
    scales: slice = slice(None),
    constant: float | None = None,
    single: bool = False,
) -> Iterator[Backprojection]:
    """Profiles of the reconstruction for some directions at a time; ``whole``: for all at once.

    The waves of all directions take at most an eighth of the memory budget, or are made in slabs.
    ``scales``: only these, of those of the grid. ``constant``: divide by it instead of K.
    ``single``: profiles of single precision.
    """
    grid = spectrum.grid
    if constant is None:
        constant = admissibility(activation, spectrum.ridgelet)
    values, components = _side_by_side(spectrum)
    # Beyond the band of the field, and below what its values are accurate to, there is only noise.
    record = spectrum.record
    noise = _NOISE if record is None else max(_NOISE, 1e-3 * record.tol)
    edge = np.inf if record is None else 1.001 * float(record.wave_numbers[-1])
    limit = min(np.pi / grid.step, spectrum.ridgelet.bandlimit(1e-17))
    if activation.point_masses:
        limit = 1.0
    chosen = range(len(grid.scales))[scales]
    highest = min(edge, float(grid.scales[chosen[-1]]) * limit)
    # Waves, and the cells of their lines; none of them fewer than a few.
    wave_bytes = 16.0 * len(components) * (2 * radius * highest + 64)
    slab = max(1, int(get_config().memory_budget / (8 * wave_bytes)))
    slab = len(grid.directions) if whole else min(slab, len(grid.directions))
    fits_in_memory(
        8 * wave_bytes + wave_bytes * (slab - 1),
        f"profiles of the length {2 * radius:.3g} along {slab} directions",
        "take points closer to the grid's ball, or raise memory_budget",
    )
    for start in steps(range(0, len(grid.directions), slab)):
        u = grid.directions[start : start + slab]
        total = WaveSum(len(u) * len(components), radius, highest, single=single)
        for s in steps(chosen, None, 0.0, 0.5):
            rho = grid.scales[s]
            part = values[grid.starts[s] : grid.starts[s + 1]]
            part = part.reshape(len(grid.directions), -1, part.shape[1])[start : start + slab]
            weight = 2 * grid.scale_weights[s] / constant
            if activation.point_masses:
                some = slice(start, start + len(u))
                waves = point_mass_amplitudes(spectrum, activation, s, corrected, some)
                total.add(np.full(1, rho), waves.reshape(-1, 1))
                continue
            reach = rho * max(radius, grid.radius) + response_radius(activation, spectrum.ridgelet)
            reach += 0.0 if corrected is None else corrected.reach
            n = fast_length(part.shape[1] + int(np.ceil(reach / grid.step)))
            omega = 2 * np.pi * np.arange(n // 2 + 1) / (n * grid.step)
            omega = omega[omega <= min(limit, highest / rho)]
            # (1/2 pi) * step * d omega, and twice the real part for the two signs of omega.
            factor = np.zeros(len(omega), complex)
            factor[1:] = activation.fourier(omega[1:]) * (2 * weight / n)
            if corrected is not None:
                factor[1:] *= corrected(rho * omega[1:])
            total.add_series(part, components, n, rho * omega, factor)
        own = total.band_above(noise) or 1.0 / radius
        cells = total.cells(own if band is None else band, own)
        bytes_of_one = total.dtype.itemsize * cells.cells * cells.terms * len(components)
        if whole:
            fits_in_memory(
                bytes_of_one * len(u),
                f"profiles along {len(u)} directions",
                "take fewer directions, reconstruct at points, or raise memory_budget",
            )
        most = min(_PORTION, get_config().memory_budget // 8)
        portion = len(u) if whole else max(1, most // bytes_of_one)
        for first in steps(range(0, len(u), portion), None, 0.5):
            some = slice(start + first, min(start + first + portion, start + len(u)))
            profiles = total.profiles(cells, len(components), grid.direction_weights[some], first)
            yield Backprojection(grid.directions[some], grid.center, radius, profiles)


def _side_by_side(spectrum: NodeValues) -> tuple[NDArray, NDArray]:
    """Real columns (P, C) that share the memory of the values, and the order of components in them:
    real parts first, as in all other columns."""
    values = spectrum.values.reshape(spectrum.grid.size, -1)
    n_components = values.shape[1]
    if not np.iscomplexobj(values):
        return values, np.arange(n_components)
    order = np.arange(2 * n_components).reshape(-1, 2).T.ravel()
    return values.view(values.real.dtype), order


def point_mass_amplitudes(
    spectrum: NodeValues,
    activation: Activation,
    scale: int,
    corrected: CorrectedDual | None,
    some: slice,
) -> NDArray[np.complex128]:
    """Amplitudes (u, C) of the waves that cos and sin see of one scale, along some directions.

    They see one frequency: Re, resp. Im, of gamma^(1) e^{iz}.
    """
    grid = spectrum.grid
    gamma = spectrum.at_scale(scale)[some]
    gamma = gamma.reshape(*gamma.shape[:2], -1)
    if np.iscomplexobj(gamma):
        gamma = np.concatenate([gamma.real, gamma.imag], axis=2)
    found = np.einsum("b,ubc->uc", np.exp(-1j * grid.offsets(scale)), gamma)
    constant = admissibility(activation, spectrum.ridgelet)
    weight = 2 * float(grid.scale_weights[scale]) * grid.step / constant
    if corrected is not None:
        weight *= float(corrected(grid.scales[scale : scale + 1])[0])
    return weight * (-1j * found if activation.parity == "odd" else found)


def exact_profiles(
    slices: FourierSlices,
    grid: ParameterGrid,
    radius: float,
    k: NDArray | None = None,
    dk: NDArray | None = None,
) -> Backprojection:
    r"""Filtered backprojection of the slices themselves, without ridgelets.

    .. math:: g_u(p) = \frac{2 w_u}{(2\pi)^m} \mathrm{Re}\int_0^\infty k^{m-1} \hat f(ku)
              e^{ikp}\,dk

    by equal steps for odd m and Gauss-Legendre panels for even m, or by the quadrature rule ``k``,
    ``dk`` where one is given.
    """
    band = slices.band
    if k is not None and dk is not None:
        band = min(band, float(k.max()))
    else:
        k, dk = _wave_rule(band, radius + slices.radius, grid.dim)
    values = slices.at(k) * (2 * dk * k ** (grid.dim - 1) / (2 * np.pi) ** grid.dim)[None, :, None]
    values *= grid.direction_weights[:, None, None]
    return Backprojection.from_waves(grid.directions, grid.center, radius, [(k, values)], band)


def _wave_rule(band: float, reach: float, dim: int) -> tuple[NDArray, NDArray]:
    """Wave numbers and weights for waves over distances up to ``reach``."""
    if dim % 2:
        # k^{m-1} f^ is the transform of a function of bounded support, and even: equal steps repeat
        # it farther away than anybody looks.
        count = int(np.ceil(_APART * band * reach / (2 * np.pi))) + 1
        k = band / count * np.arange(count + 1)
        dk = np.full(count + 1, band / count)
        dk[0] *= 0.5
        return k, dk
    # The integrand has a kink at 0; panels on k > 0 do not mind.
    panels = int(np.ceil(band * reach / _PANEL)) + 1
    node, weight = np.polynomial.legendre.leggauss(16)
    edge = np.linspace(0, band, panels + 1)
    half = 0.5 * np.diff(edge)
    k = (0.5 * (edge[1:] + edge[:-1])[:, None] + half[:, None] * node).ravel()
    return k, (half[:, None] * weight).ravel()
