"""Fields localised to a region: their affine part subtracted, the rest under the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

from ridgeflow._config import get_config
from ridgeflow._validate import fits_in_memory, instance_of
from ridgeflow.columns import real_columns, rms, squares
from ridgeflow.errors import RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField, require_energy
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import AffinePart, Region, fit_affine
from ridgeflow.geometry import ball_volume
from ridgeflow.ridgelet.errors.diagnostics import mixture_norm_square

__all__ = [
    "Localised",
    "energy_near_nyquist",
    "fine_samples",
    "localise",
    "localised_field",
    "localised_grid",
    "localised_samples",
    "require_region",
    "unlocalised",
]

_LARGEST_AXIS = {1: 1 << 16, 2: 1536, 3: 224}


def localise(
    points: NDArray, values: NDArray, window: NDArray, inside: NDArray
) -> tuple[NDArray, AffinePart]:
    """Subtract an affine part, fitted at the points inside the region, and apply the window."""
    require_energy(values)
    affine = fit_affine(points[inside], values[inside])
    rest = np.zeros_like(values)
    used = window > 0
    shape = (-1,) + (1,) * (values.ndim - 1)
    rest[used] = (values[used] - affine(points[used])) * window[used].reshape(shape)
    return rest, affine


@dataclass(frozen=True, eq=False)
class Localised:
    """The first stage of a representation: what is left to be transformed, and what was taken off.

    Attributes
    ----------
    source : GridField or GaussianMixture
        The rest under the window; without a region the field itself.
    affine : AffinePart
    rms : float or None
        Of the field over the region.
    region : Region or None
    exact : callable or None
        The field, (n, m) to (n,) or (n, k), where more is known of it than samples.
    """

    source: Any  # GridField | GaussianMixture
    affine: AffinePart
    rms: float | None
    region: Region | None
    exact: Callable[[NDArray], NDArray] | None

    @property
    def norm(self) -> float:
        """L2 norm of the rest."""
        if isinstance(self.source, GaussianMixture):
            return float(np.sqrt(mixture_norm_square(self.source)))
        square = squares(self.source.values).sum() * np.prod(self.source.spacing)
        return float(np.sqrt(square))

    @property
    def share(self) -> float:
        """L2 norm of the rest over that of the number 1 on the region."""
        assert self.region is not None
        return self.norm / float(np.sqrt(ball_volume(self.region.dim, self.region.radius)))


def require_region(
    field: CallableField | GridField | GaussianMixture, region: Region | None
) -> None:
    if region is not None:
        instance_of(region, "region", Region)
    if not isinstance(field, (CallableField, GridField, GaussianMixture)):
        raise TypeError(
            "`field` must be a CallableField, a GridField or a GaussianMixture, got "
            f"{type(field).__name__}"
        )
    if isinstance(field, GridField) and np.iscomplexobj(field.values):
        raise TypeError(
            f"`field` must be real, got dtype {field.values.dtype} (represent its real and its "
            "imaginary part, for example as two components)"
        )
    if region is None and isinstance(field, CallableField):
        raise RegionError(
            "a callable field needs a `region` on which it is represented, got None "
            "(pass Region(center, radius, margin), or Region.holding(law))"
        )
    if region is not None and region.dim != field.dim:
        raise ValueError(f"`region` must have dimension {field.dim}, got {region.dim}")


def localised_field(
    field: CallableField | GridField | GaussianMixture,
    region: Region | None,
    tol: float,
    reference: float | None,
    n_axis: int | None,
) -> Localised:
    """The first stage: samples under the window, as fine as ``tol`` asks for."""
    if region is None:
        return unlocalised(field)  # type: ignore[arg-type]
    if isinstance(field, GridField):
        return localised_grid(field, region)
    evaluate = field.pdf if isinstance(field, GaussianMixture) else field
    at = partial(localised_samples, evaluate, region, field.component_shape)
    return at(n_axis) if n_axis is not None else fine_samples(at, region, tol, reference)


def unlocalised(field: GridField | GaussianMixture) -> Localised:
    """A field that is transformed as it is."""
    if isinstance(field, GridField):
        require_energy(field.values)
    shape = field.component_shape
    nothing = AffinePart(np.zeros((field.dim, *shape)), np.zeros(shape))
    return Localised(field, nothing, None, None, None)


def localised_grid(field: GridField, region: Region) -> Localised:
    """Samples on a grid that covers the region."""
    for axis, middle in zip(field.axes, region.center, strict=True):
        if axis[0] > middle - region.outer_radius or axis[-1] < middle + region.outer_radius:
            raise RegionError(
                f"`field` must cover the region of outer radius {region.outer_radius:.4g}, got an "
                f"axis from {axis[0]:.4g} to {axis[-1]:.4g} (take a smaller Region or a larger "
                "grid)"
            )
    points = field.points()
    values = field.values.reshape(len(points), *field.component_shape)
    inside = region.contains(points)
    rest, affine = localise(points, values, region(points), inside)
    size = rms(real_columns(values[inside]))
    source = GridField(rest.reshape(field.values.shape), field.axes)
    return Localised(source, affine, size, region, None)


def localised_samples(
    evaluate: Callable[[NDArray], NDArray],
    region: Region,
    component_shape: tuple[int, ...],
    n: int,
) -> Localised:
    """Samples of a function on a grid of n points along each axis that the window just fills."""
    dim = region.dim
    if dim not in _LARGEST_AXIS:
        raise ValueError(
            f"a field must have dimension at most 3 to be sampled on a grid, got {dim} (fit "
            "networks to samples instead: fit_outer_weights)"
        )
    fits_in_memory(
        16.0 * n**dim * (max(1, int(np.prod(component_shape))) + dim + 2),
        f"sampling the field on a grid of {n}^{dim} points",
        "take a smaller region, a wider margin or a larger tol, or raise memory_budget",
    )
    axes = tuple(c + np.linspace(-1, 1, n) * region.outer_radius for c in region.center)
    mesh = np.meshgrid(*axes, indexing="ij")
    points = np.stack([axis.ravel() for axis in mesh], axis=1)
    window, inside = region(points), region.contains(points)
    held = window > 0
    sampled = np.asarray(evaluate(points[held]))
    values = np.zeros((len(points), *component_shape), dtype=sampled.dtype)
    values[held] = sampled
    rest, affine = localise(points, values, window, inside)
    size = rms(real_columns(values[inside]))
    source = GridField(rest.reshape(*[n] * dim, *component_shape), axes)
    return Localised(source, affine, size, region, evaluate)


def fine_samples(
    at: Callable[[int], Localised], region: Region, tol: float, reference: float | None
) -> Localised:
    """The coarsest of the samples ``at(n)`` that are fine enough for ``tol``.

    The grid is refined by half until the energy near its highest wave number, relative to what
    ``tol`` refers to, is a tenth of ``tol``.
    """
    dim = region.dim
    n = {1: 64, 2: 48}.get(dim, 32)
    while True:
        found = at(n)
        assert found.rms is not None
        wanted = tol * (reference or found.rms) * np.sqrt(ball_volume(dim, region.radius))
        if energy_near_nyquist(found.source) <= 0.1 * wanted:
            return found
        if n >= _LARGEST_AXIS[dim]:
            raise ValueError(
                f"`tol` must be reachable with {_LARGEST_AXIS[dim]} samples per axis, got {tol:g} "
                "(the field is rough on the region, or the margin of the window too narrow: take a "
                "larger `tol`, a smaller Region, or a smoother field, as of a larger bandwidth)"
            )
        n = min(_LARGEST_AXIS[dim], int(np.ceil(1.5 * n / 2)) * 2)


def energy_near_nyquist(field: GridField) -> float:
    """L2 norm of the part of a gridded field above 0.85 of its highest wave number."""
    dim = field.dim
    columns = real_columns(field.values, dim)
    high = np.zeros(1, bool)
    for axis, n in enumerate(field.shape):
        wave = np.fft.rfftfreq(n) if axis == dim - 1 else np.abs(np.fft.fftfreq(n))
        wave = wave.reshape([-1 if i == axis else 1 for i in range(dim)])
        high = high | (wave > 0.425)
    # Of the waves of real samples, half of those along the last axis tell the others.
    times = np.where((wave > 0) & (wave < 0.5), 2.0, 1.0)
    energy = 0.0
    for c in range(columns.shape[-1]):
        spectrum = sp_fft.rfftn(columns[..., c], workers=get_config().threads)
        energy += float((np.where(high, spectrum.real**2 + spectrum.imag**2, 0.0) * times).sum())
    return float(np.sqrt(energy / np.prod(field.shape) * np.prod(field.spacing)))
