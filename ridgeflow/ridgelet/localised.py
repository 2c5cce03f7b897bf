"""Fields localised to a region: their affine part subtracted, the rest under the window."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

from ridgeflow._validate import fits_in_memory
from ridgeflow.errors import RegionError
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.region import AffinePart, Region, fit_affine
from ridgeflow.geometry import ball_volume

__all__ = ["localise", "localised_grid", "sample_localised"]

_LARGEST_AXIS = {1: 1 << 16, 2: 1536, 3: 224}


def localise(
    points: NDArray, values: NDArray, region: Region, affine: AffinePart | None = None
) -> tuple[NDArray, AffinePart]:
    """Subtract an affine part (fitted inside the region unless given) and apply the window."""
    if affine is None:
        inside = region.contains(points)
        affine = fit_affine(points[inside], values[inside])
    window = region(points)
    rest = np.zeros_like(values)
    used = window > 0
    shape = (-1,) + (1,) * (values.ndim - 1)
    rest[used] = (values[used] - affine(points[used])) * window[used].reshape(shape)
    return rest, affine


def localised_grid(field: GridField, region: Region) -> tuple[GridField, AffinePart, float]:
    for axis, middle in zip(field.axes, region.center, strict=True):
        if axis[0] > middle - region.outer_radius or axis[-1] < middle + region.outer_radius:
            raise RegionError(
                f"`field` must cover the region of outer radius {region.outer_radius:.4g}, got an "
                f"axis from {axis[0]:.4g} to {axis[-1]:.4g} (take a smaller Region or a larger "
                "grid)"
            )
    points = field.points()
    values = field.values.reshape(len(points), *field.component_shape)
    rest, affine = localise(points, values, region)
    rms = _rms(values[region.contains(points)])
    return GridField(rest.reshape(field.values.shape), field.axes), affine, rms


def sample_localised(
    evaluate,  # type: ignore[no-untyped-def]
    region: Region,
    component_shape: tuple[int, ...],
    tol: float,
    reference: float | None,
    n_axis: int | None = None,
) -> tuple[GridField, AffinePart, float]:
    """Sample the localised rest of a function on a grid fine enough for ``tol``.

    The grid is refined by half until the energy near its highest wave number, relative to what
    ``tol`` refers to, is a tenth of ``tol``; ``n_axis`` fixes it instead.
    """
    dim = region.dim
    if dim not in _LARGEST_AXIS:
        raise ValueError(
            f"a field must have dimension at most 3 to be sampled on a grid, got {dim} (fit "
            "networks to samples instead: fit_outer_weights)"
        )
    n = n_axis or {1: 64, 2: 48, 3: 32}[dim]
    while True:
        fits_in_memory(
            16.0 * n**dim * (max(1, int(np.prod(component_shape))) + dim + 2),
            f"sampling the field on a grid of {n}^{dim} points",
            "take a smaller region, a wider margin or a larger tol, or raise memory_budget",
        )
        axes = tuple(c + np.linspace(-1, 1, n) * region.outer_radius for c in region.center)
        mesh = np.meshgrid(*axes, indexing="ij")
        points = np.stack([axis.ravel() for axis in mesh], axis=1)
        held = region(points) > 0
        sampled = np.asarray(evaluate(points[held]))
        values = np.zeros((len(points), *component_shape), dtype=sampled.dtype)
        values[held] = sampled
        rest, affine = localise(points, values, region)
        inside = region.contains(points)
        rms = _rms(values[inside])
        gridded = GridField(rest.reshape(*[n] * dim, *component_shape), axes)
        if n_axis is not None:
            return gridded, affine, rms
        wanted = tol * (reference or rms) * np.sqrt(ball_volume(dim, region.radius))
        if _energy_near_nyquist(gridded) <= 0.1 * wanted:
            return gridded, affine, rms
        if n >= _LARGEST_AXIS[dim]:
            raise ValueError(
                f"`tol` must be reachable with {_LARGEST_AXIS[dim]} samples per axis, got {tol:g} "
                "(the field is rough on the region, or the margin of the window too narrow)"
            )
        n = min(_LARGEST_AXIS[dim], int(np.ceil(1.5 * n / 2)) * 2)


def _rms(values: NDArray) -> float:
    return float(np.sqrt((np.abs(values.reshape(len(values), -1)) ** 2).sum(axis=1).mean()))


def _energy_near_nyquist(field: GridField) -> float:
    """L2 norm of the part of a gridded field above 0.85 of its highest wave number."""
    dim = field.dim
    power = np.abs(sp_fft.fftn(field.values, axes=tuple(range(dim)))) ** 2
    power = power.reshape(*field.shape, -1).sum(axis=-1)
    high = np.zeros(field.shape, bool)
    for axis, n in enumerate(field.shape):
        shape = [1] * dim
        shape[axis] = -1
        high = high | (np.abs(sp_fft.fftfreq(n)) > 0.425).reshape(shape)
    return float(np.sqrt(power[high].sum() / power[..., :].size * np.prod(field.spacing)))
