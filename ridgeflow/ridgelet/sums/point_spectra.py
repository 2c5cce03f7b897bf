"""Ridgelet transforms of scattered, weighted samples on polar grids, from their waves."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._fft import fast_length
from ridgeflow._kernels.spreading import gather_waves, store_offsets
from ridgeflow.columns import is_single
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.scattered_points import point_waves
from ridgeflow.radon_transform.segment_waves import (
    CellWaves,
    best_cells,
    blocks,
    parts,
    series_buffers,
    shared_work,
    taps,
)
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["sample_spectrum", "spectrum_of_waves"]

# Share of the tolerance for moments of cells, for interpolation between waves and for tails of the
# ridgelet; and where its transform is cut, relative to tolerance and maximum.
_SHARE = 0.25
_CUT = 0.1


def spectrum_of_waves(
    grids: list[NDArray],
    waves: CellWaves,
    reach: float,
    ridgelet: Ridgelet,
    grid: ParameterGrid,
    scale: int,
    tol: float,
    components: NDArray,
    values: NDArray,
) -> None:
    r"""One scale :math:`\frac1{2\pi}\int \hat f(\omega\rho u)\,\overline{\hat\psi(\omega)}
    e^{i\omega b} d\omega` from the waves of a field about the grid's center.

    ``reach``: radius of the field; values (U, 2 half + 1, k) are written, component c of the field
    into column components[c].
    """
    rho, half, step = float(grid.scales[scale]), int(grid.half_counts[scale]), grid.step
    # The period holds what offsets see of the field and of the ridgelet's tail.
    outer = half + int(np.ceil((rho * reach + ridgelet.decay_radius(_SHARE * tol)) / step)) + 1
    n = fast_length(max(2 * half + 1, outer))
    spacing = 2 * np.pi / (n * step)
    highest = min(ridgelet.bandlimit(_CUT * tol), waves.highest / rho)
    omega = spacing * np.arange(int(highest / spacing) + 1)
    factor = parts(np.conj(ridgelet.fourier(omega)) / (n * step))
    tables = [(piece, *waves.weights(rho * omega[piece])) for piece in waves.pieces(len(omega))]
    span = blocks(len(values) * len(components))

    def work(i: int, side: NDArray, series: NDArray, transform: Callable) -> None:
        low, high = span[i]
        for piece, first, weights in tables:
            lowest = (factor[piece], piece.start, n, side)
            gather_waves(0, high - low, grids[i], first, weights, *lowest)
        transform()
        store_offsets(low, high, series, half, components, values)

    width = span[0][1]
    shared_work(len(span), lambda: series_buffers(width, n, backward=True), work)


def sample_spectrum(
    field: SampleField, ridgelet: Ridgelet, grid: ParameterGrid, tol: float
) -> NDArray:
    """Ridgelet transform of point masses on a polar grid: (P,) or (P, k).

    The error is about ``tol`` relative to the maximum. Directions are taken in slabs, whose waves
    take at most an eighth of the memory budget.
    """
    values, columns = field.values, field.weights * field.values.T
    complex_values = np.iscomplexobj(values)
    single = field.points.dtype == np.float32 and is_single(values)
    real = np.float32 if single else np.float64
    columns = columns.reshape(-1, len(values))
    n_values = len(columns)
    if complex_values:
        columns = np.concatenate([columns.real, columns.imag])
    columns = np.ascontiguousarray(columns, dtype=np.float64)
    # Real and imaginary part of a component lie side by side in the result.
    order = np.arange(2 * n_values).reshape(-1, 2).T.ravel() if complex_values else None
    components = np.arange(n_values) if order is None else order
    points = np.ascontiguousarray(field.points.T, dtype=np.float64) - grid.center[:, None]
    reach = float(np.sqrt(np.einsum("di,di->i", points, points).max()))
    band = float(grid.scales[-1]) * ridgelet.bandlimit(_CUT * tol)
    error = max(_SHARE * tol, 1e-15)
    size = np.abs(ridgelet.fourier(np.linspace(0, 1, 64) * band / grid.scales[-1]))
    terms, phase = best_cells(error, len(values), reach * band, size / size.max())
    radius = max(reach * (1 + 1e-12), 1 / band)
    waves = CellWaves.for_band(radius, band, terms, phase, taps(error))
    out = np.empty((grid.size, len(columns)), dtype=real)
    per_direction = 16 * waves.rows * len(columns)
    slab = max(1, get_config().memory_budget // (8 * per_direction))
    for start in range(0, len(grid.directions), slab):
        u = grid.directions[start : start + slab]
        grids = point_waves(points, columns, u, waves)
        for s in range(len(grid.scales)):
            part = out[grid.starts[s] : grid.starts[s + 1]]
            part = part.reshape(len(grid.directions), -1, len(columns))[start : start + slab]
            spectrum_of_waves(grids, waves, reach, ridgelet, grid, s, tol, components, part)
    if complex_values:
        out = out.view(np.complex64 if single else np.complex128)
    return out.reshape(-1, *field.component_shape)
