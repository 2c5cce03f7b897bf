"""What a transform measures of its field, so that reconstructions come with an error budget."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import squares
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.radon_transform.fourier_slices import FourierSlices, ball_about, soften
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples
from ridgeflow.ridgelet.errors.check_points import check_parts, check_rule, rms_bound
from ridgeflow.ridgelet.grids.field_record import FieldRecord, norm_of_energy
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.sums.fourier_profiles import exact_profiles

__all__ = [
    "backprojection_error",
    "field_check",
    "field_record",
    "mixture_norm_square",
]

# Where a field ends, for its record: below this share of its maximum.
EDGE = 1e-4


def field_record(
    field: GridField | GaussianMixture | SmoothedSamples,
    slices: FourierSlices,
    values: NDArray,
    grid: ParameterGrid,
    tol: float,
) -> FieldRecord:
    """Energy of the field by wave number, and the errors that do not depend on the activation."""
    k, energy = slices.radial_energy(grid.direction_weights, grid.dim)
    norm = norm_of_energy(energy, grid.dim)
    leaks, edges = _ends(values, grid)
    check = field_check(field, grid, norm)
    return FieldRecord(
        kind=type(field).__name__,
        tol=tol,
        wave_numbers=k,
        energy=energy,
        norm=norm,
        directions=backprojection_error(slices, grid, check) if grid.dim > 1 else 0.0,
        single_frequency=backprojection_error(
            slices, grid, check, grid.scales, grid.scale_weights / grid.scales ** (grid.dim - 1)
        ),
        sampling=slices.unresolved,
        blur=slices.blur,
        check=check,
        radius=ball_about(field, grid.center, EDGE),
        leaks=tuple((leaks / norm).tolist()) if norm > 0 else (),
        edges=tuple((edges / norm).tolist()) if norm > 0 else (),
    )


def field_check(
    field: GridField | GaussianMixture | SmoothedSamples, grid: ParameterGrid, norm: float
) -> NDArray[np.float64]:
    """The rule of :func:`check_rule` for the field that is transformed, with weights relative to
    the square of its norm (``norm`` is Parseval's along the directions); no rows for a zero field.

    Samples with a window at the end of their band are another field, whose difference from them is
    counted as an error of sampling.
    """
    source = soften(field)[0] if isinstance(field, GridField) else field
    check = check_rule(source, grid.center, grid.radius)
    square = norm**2
    # Few directions may miss most of the energy.
    if isinstance(field, GaussianMixture):
        square = mixture_norm_square(field)
    elif isinstance(field, GridField):
        square = float(np.prod(field.spacing)) * float(squares(field.values).sum())
    if square == 0:
        return check[:0]
    check[:, 0] /= square
    return check


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
        edges[s] = np.sqrt(share @ squares(last).sum(axis=1))
    return leaks, edges


def backprojection_error(
    slices: FourierSlices,
    grid: ParameterGrid,
    check: NDArray,
    k: NDArray | None = None,
    dk: NDArray | None = None,
) -> float:
    """Relative L2 error of backprojection along the grid's directions (and with the wave numbers k
    alone, where they are given), by the rule of :func:`field_check`."""
    weight, points, truth = check_parts(check, grid.dim)
    if not len(weight):
        return 0.0
    # A single sample lies at the centre.
    radius = 1.0001 * float(np.linalg.norm(points - grid.center, axis=1).max()) or grid.radius
    found = exact_profiles(slices, grid, radius, k, dk)(points)
    return rms_bound(((found - truth) ** 2).sum(axis=1), weight)[0]


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
