"""What a transform measures of its field, so that reconstructions come with an error budget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.backprojection import Backprojection
from ridgeflow.transforms.error_budget import FieldRecord, ball_volume
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.slices import FourierSlices

__all__ = ["exact_profiles", "field_record", "mixture_norm_square"]

_TEST_POINTS = 400
_TEST_SEED = 7  # the points at which the directions are tested are the same in every run


def field_record(
    field: GridField | GaussianMixture,
    slices: FourierSlices,
    values: NDArray,
    ridgelet: Ridgelet,
    grid: ParameterGrid,
    tol: float,
) -> FieldRecord:
    """Energy of the field by wave number, and the errors that do not depend on the activation."""
    k, energy = slices.radial_energy(grid.direction_weights, grid.dim)
    # Parseval in polar coordinates, both signs of u.
    norm = float(np.sqrt(2 * energy.sum() / (2 * np.pi) ** grid.dim))
    top = k > 0.9 * slices.band
    total = float(energy.sum())
    sampling = float(np.sqrt(energy[top].sum() / total)) if total > 0 else 0.0
    if isinstance(field, GaussianMixture):
        sampling = 0.0
    return FieldRecord(
        kind=type(field).__name__,
        tol=tol,
        wave_numbers=k,
        energy=energy,
        norm=norm,
        directions=backprojection_error(field, slices, grid) if grid.dim > 1 else 0.0,
        single_frequency=backprojection_error(
            field, slices, grid, grid.scales, grid.scale_weights / grid.scales ** (grid.dim - 1)
        ),
        sampling=sampling,
        offsets=_offset_error(values, ridgelet, grid),
    )


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

    by Gauss-Legendre panels, or by the quadrature rule ``k``, ``dk`` where one is given.
    """
    if k is None or dk is None:
        # The integrand k^{m-1} has a kink at 0 for even m; panels on k > 0 do not mind.
        panels = int(np.ceil(slices.band * (radius + slices.radius) / 12.0)) + 1
        node, weight = np.polynomial.legendre.leggauss(16)
        edge = np.linspace(0, slices.band, panels + 1)
        half = 0.5 * np.diff(edge)
        k = (0.5 * (edge[1:] + edge[:-1])[:, None] + half[:, None] * node).ravel()
        dk = (half[:, None] * weight).ravel()
    values = slices.at(k) * (2 * dk * k ** (grid.dim - 1) / (2 * np.pi) ** grid.dim)[None, :, None]
    values *= grid.direction_weights[:, None, None]
    return Backprojection.from_waves(
        grid.directions, grid.center, radius, [(k, values)], slices.band
    )


def backprojection_error(
    field: GridField | GaussianMixture,
    slices: FourierSlices,
    grid: ParameterGrid,
    k: NDArray | None = None,
    dk: NDArray | None = None,
) -> float:
    """Relative L2 error of backprojection along the grid's directions (and with the wave numbers k
    alone, where they are given), measured at points where the field is known."""
    rng = np.random.default_rng(_TEST_SEED)
    if isinstance(field, GaussianMixture):
        normal = rng.normal(size=(_TEST_POINTS, grid.dim))
        radial = rng.random((_TEST_POINTS, 1)) ** (1 / grid.dim)
        points = grid.center + grid.radius * radial * normal / np.linalg.norm(
            normal, axis=1, keepdims=True
        )
        truth = field.pdf(points)[:, None]
        volume = ball_volume(grid.dim, grid.radius)
        norm_square = mixture_norm_square(field)
    else:
        points, flat = _grid_sample(field, rng)
        truth = flat
        cell = float(np.prod(field.spacing))
        volume = cell * float(np.prod(field.shape))
        norm_square = cell * float((np.abs(field.values) ** 2).sum())
    if norm_square == 0:
        return 0.0
    radius = 1.0001 * float(np.linalg.norm(points - grid.center, axis=1).max())
    found = exact_profiles(slices, grid, radius, k, dk)(points)
    mean_square = float(((found - truth) ** 2).sum(axis=1).mean())
    return float(np.sqrt(mean_square * volume / norm_square))


def _grid_sample(field: GridField, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    count = int(np.prod(field.shape))
    chosen = rng.choice(count, size=min(count, _TEST_POINTS), replace=False)
    index = np.unravel_index(chosen, field.shape)
    points = np.stack([axis[i] for axis, i in zip(field.axes, index, strict=True)], axis=1)
    values = field.values[index].reshape(len(chosen), -1)
    if np.iscomplexobj(values):
        values = np.concatenate([values.real, values.imag], axis=1)
    return points, values


def mixture_norm_square(law: GaussianMixture) -> float:
    """Integral of the squared density: sum_kl w_k w_l N(m_k - m_l; 0, S_k + S_l)."""
    total = 0.0
    for k in range(law.n_components):
        twin = law.covariances + law.covariances[k]
        gap = law.means - law.means[k]
        solved = np.linalg.solve(twin, gap[..., None])[..., 0]
        _, log_det = np.linalg.slogdet(2 * np.pi * twin)
        total += law.weights[k] * float(
            law.weights @ np.exp(-0.5 * (gap * solved).sum(axis=1) - 0.5 * log_det)
        )
    return total


def _offset_error(values: NDArray, ridgelet: Ridgelet, grid: ParameterGrid) -> float:
    """Share of the spectrum, in L2, beyond the last offsets of the scales, from its edge values."""
    columns = values.reshape(len(values), -1)
    # Beyond an edge at distance z a tail z^(-s-1) has the energy of z/(2s + 1) times its square; a
    # Gaussian tail less than that of two steps.
    length = 2 * grid.step
    if ridgelet.algebraic_tail:
        length += max(grid.margin, grid.step) / (2 * ridgelet.exponent + 1)
    kept = cut = 0.0
    for s in range(len(grid.scales)):
        part = np.abs(columns[grid.starts[s] : grid.starts[s + 1]]) ** 2
        power = part.reshape(len(grid.directions), -1, columns.shape[1]).sum(axis=2)
        weight = grid.scale_weights[s] * grid.direction_weights
        kept += grid.step * float(weight @ power.sum(axis=1))
        # The largest of the last three on each side: an oscillating tail may vanish at the edge.
        edge = power[:, :3].max(axis=1) + power[:, -3:].max(axis=1)
        cut += length * float(weight @ edge)
    return float(np.sqrt(cut / kept)) if kept > 0 else 0.0
