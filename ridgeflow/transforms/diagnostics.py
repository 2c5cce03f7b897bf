"""What a transform measures of its field, so that reconstructions come with an error budget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.transforms.backprojection import Backprojection
from ridgeflow.transforms.error_budget import FieldRecord, ball_volume
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.slices import FourierSlices, ball_about
from ridgeflow.transforms.smoothed import SmoothedSamples

__all__ = ["exact_profiles", "field_record", "mixture_norm_square"]

# Where a field ends, for its record: below this share of its maximum.
EDGE = 1e-4
_TEST_POINTS = 400
_TEST_SEED = 7  # the points at which the directions are tested are the same in every run


def field_record(
    field: GridField | GaussianMixture | SmoothedSamples,
    slices: FourierSlices,
    values: NDArray,
    grid: ParameterGrid,
    tol: float,
) -> FieldRecord:
    """Energy of the field by wave number, and the errors that do not depend on the activation."""
    k, energy = slices.radial_energy(grid.direction_weights, grid.dim)
    # Parseval in polar coordinates, both signs of u.
    norm = float(np.sqrt(2 * energy.sum() / (2 * np.pi) ** grid.dim))
    leaks, edges = _ends(values, grid)
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
        sampling=slices.unresolved,
        radius=ball_about(field, grid.center, EDGE),
        leaks=tuple((leaks / norm).tolist()) if norm > 0 else (),
        edges=tuple((edges / norm).tolist()) if norm > 0 else (),
    )


def _ends(values: NDArray, grid: ParameterGrid) -> tuple[NDArray, NDArray]:
    """For each scale the sums of the spectrum beyond its first and its last offset, from the zeroth
    and first moments of what is there, which are zero for a whole spectrum; and its size at both.

    Far from their kinks neurons are polynomials of low degree, so that what is missing adds up over
    directions with its sign.
    """
    columns = values.reshape(len(values), -1)
    leaks, edges = np.zeros(len(grid.scales)), np.zeros(len(grid.scales))
    share = grid.direction_weights / grid.direction_weights.sum()
    means = share[:, None] * np.concatenate([np.ones((len(share), 1)), grid.directions], axis=1)
    for s in range(len(grid.scales)):
        part = columns[grid.starts[s] : grid.starts[s + 1]]
        part = part.reshape(len(grid.directions), -1, columns.shape[1])
        offsets = grid.offsets(s)
        moments = np.stack([np.ones(len(offsets)), offsets / offsets[-1]]) * grid.step
        missing = means.T @ np.einsum("mb,ubc->umc", moments, part).reshape(len(share), -1)
        leaks[s] = 0.5 * np.sqrt((np.abs(missing) ** 2).sum())
        last = np.abs(np.concatenate([part[:, :3], part[:, -3:]], axis=1)).max(axis=1)
        edges[s] = np.sqrt(share @ (last**2).sum(axis=1))
    return leaks, edges


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
    field: GridField | GaussianMixture | SmoothedSamples,
    slices: FourierSlices,
    grid: ParameterGrid,
    k: NDArray | None = None,
    dk: NDArray | None = None,
) -> float:
    """Relative L2 error of backprojection along the grid's directions (and with the wave numbers k
    alone, where they are given), measured at points where the field is known."""
    rng = np.random.default_rng(_TEST_SEED)
    if not isinstance(field, GridField):
        normal = rng.normal(size=(_TEST_POINTS, grid.dim))
        radial = rng.random((_TEST_POINTS, 1)) ** (1 / grid.dim)
        points = grid.center + grid.radius * radial * normal / np.linalg.norm(
            normal, axis=1, keepdims=True
        )
        volume = ball_volume(grid.dim, grid.radius)
        if isinstance(field, GaussianMixture):
            truth = field.pdf(points)[:, None]
            norm_square = mixture_norm_square(field)
        else:
            truth = field(points)
            energy = slices.radial_energy(grid.direction_weights, grid.dim)[1]
            norm_square = 2 * float(energy.sum()) / (2 * np.pi) ** grid.dim
    else:
        points, truth, volume = _grid_sample(field, grid, rng)
        cell = float(np.prod(field.spacing))
        norm_square = cell * float((np.abs(field.values) ** 2).sum())
    if norm_square == 0:
        return 0.0
    radius = 1.0001 * float(np.linalg.norm(points - grid.center, axis=1).max())
    found = exact_profiles(slices, grid, radius, k, dk)(points)
    mean_square = float(((found - truth) ** 2).sum(axis=1).mean())
    # The window at the end of the band is no fault of the directions.
    square = mean_square * volume / norm_square - slices.blur**2
    return float(np.sqrt(max(square, 0.0)))


def _grid_sample(
    field: GridField, grid: ParameterGrid, rng: np.random.Generator
) -> tuple[NDArray, NDArray, float]:
    """Some points of the field in the grid's ball, real components there, and the volume of all."""
    square = np.zeros(field.shape)
    for i, (axis, c) in enumerate(zip(field.axes, grid.center, strict=True)):
        square = square + ((axis - c) ** 2).reshape([-1 if j == i else 1 for j in range(field.dim)])
    inside = np.flatnonzero(square <= grid.radius**2)
    if not len(inside):
        inside = np.arange(square.size)
    chosen = rng.choice(inside, size=min(len(inside), _TEST_POINTS), replace=False)
    index = np.unravel_index(chosen, field.shape)
    points = np.stack([axis[i] for axis, i in zip(field.axes, index, strict=True)], axis=1)
    values = field.values[index].reshape(len(chosen), -1)
    if np.iscomplexobj(values):
        values = np.concatenate([values.real, values.imag], axis=1)
    return points, values, float(np.prod(field.spacing)) * len(inside)


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
