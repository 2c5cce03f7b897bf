"""Direct sums: the transform over samples, the network over nodes; the references of the rest."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_real_array
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.slices import scattered_reference
from ridgeflow.transforms.spectrum import Spectrum

__all__ = ["direct_transform", "network_sum", "polynomial_sum"]

# Blocks of about this many products stay in cache.
_BLOCK = 1 << 18


def direct_transform(
    field: GridField | SampleField, ridgelet: Ridgelet, grid: ParameterGrid
) -> NDArray:
    """sum_i w_i f(x_i) conj psi(a_j . x_i - b_j) at all nodes: (P,) or (P, k)."""
    if isinstance(field, SampleField):
        points = field.points
        columns = (
            field.values * field.weights[(...,) + (None,) * (field.values.ndim - 1)]
        ).reshape(len(points), -1)
        single = field.points.dtype == np.float32
    else:
        points, columns = scattered_reference(field)
        if np.iscomplexobj(field.values):
            half = columns.shape[1] // 2
            columns = columns[:, :half] + 1j * columns[:, half:]
        single = field.values.dtype == np.float32
    keep = (columns != 0).any(axis=1)
    points, columns = points[keep], columns[keep]
    out = np.zeros((grid.size, columns.shape[1]), dtype=columns.dtype)
    rows = max(1, _BLOCK // max(1, len(points)))
    for start in range(0, grid.size if len(points) else 0, rows):
        part = slice(start, start + rows)
        out[part] = ridgelet(grid.a[part] @ points.T - grid.b[part, None]) @ columns
    if single and not np.iscomplexobj(out):
        out = out.astype(np.float32)
    return out.reshape(-1, *field.component_shape)


def polynomial_sum(
    polynomial: tuple[float, ...], a: NDArray, b: NDArray, c: NDArray, points: NDArray
) -> NDArray:
    """sum_j c_j p(a_j . x - b_j) for a polynomial of degree <= 2, through its moments: (n, C)."""
    p0, p1, p2 = (*polynomial, 0.0, 0.0, 0.0)[:3]
    constant = p0 * c.sum(axis=0) - p1 * (b @ c) + p2 * ((b * b) @ c)
    linear = a.T @ (c * (p1 - 2 * p2 * b[:, None]))
    value = constant + points @ linear
    if p2:
        for i in range(c.shape[1]):
            moment = p2 * (a.T * c[:, i]) @ a
            value[:, i] += ((points @ moment) * points).sum(axis=1)
    return value


def network_sum(
    spectrum: Spectrum, activation: Activation, points: NDArray, columns: NDArray
) -> NDArray:
    """The quadrature network sum_j c_j eta(a_j . x - b_j), c = values * weights / K: (n, C)."""
    from ridgeflow._kernels.ridge_sums import ridge_sum

    grid = spectrum.grid
    if grid.weights is None:
        raise ValueError(
            "reconstruction needs quadrature weights, got a spectrum on plain nodes (use a polar "
            "or cartesian ParameterGrid)"
        )
    if activation.code < 0:
        raise ValueError(
            f"the direct sum needs an activation with pointwise values, got {activation.name!r} "
            "(use method='fast')"
        )
    constant = admissibility(activation, spectrum.ridgelet)
    c = columns * (grid.weights / constant)[:, None]
    x = as_real_array(points, "points").astype(np.float64)
    out = ridge_sum(x, grid.a, grid.b, c, activation.code)
    if grid.half and activation.polynomial:
        out -= polynomial_sum(activation.polynomial, grid.a, grid.b, c, x)
    return out
