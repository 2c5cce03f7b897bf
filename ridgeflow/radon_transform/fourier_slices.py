"""Fourier slices of a field along directions: f^(k u), and what follows from them.

The slices of a field are kept as its band-limited Radon projections on a uniform offset grid, from
which the transform at any wave number is one matrix product; the ridgelet engine asks for a
different set of wave numbers at every scale.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import singledispatch
from weakref import WeakKeyDictionary

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray
from scipy import fft as sp_fft
from scipy.special import jv

from ridgeflow._config import get_config
from ridgeflow._fft import fast_length
from ridgeflow._fork import cached_property
from ridgeflow._kernels.slices import wave_kernel
from ridgeflow._parallel import parallel_for
from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory
from ridgeflow.closed_forms import fourier_gaussian_mixture
from ridgeflow.columns import from_columns, real_columns
from ridgeflow.fields.grid import GridField, require_energy
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.radon_transform.band_end import edge_window, unresolved_error
from ridgeflow.radon_transform.interpolation import SemicircleKernel
from ridgeflow.radon_transform.slice_plan import SlicePlan
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples, as_smoothed

__all__ = [
    "FourierSlices",
    "ball_about",
    "fourier_slices",
    "scattered_reference",
    "soften",
    "softening_bytes",
]

# Octaves of wave numbers below the first of the uniform ones: 60/m, where the energy k^m that lies
# below has fallen to 1e-18.
_LOW_OCTAVES = 60
# The window at the end of the band of samples has sidelobes of 1e-6 beyond this many samples. A
# field that it changes by less than the second number needs none.
_FRINGE, _NO_BLUR = 20, 1e-12
# Share of the memory budget that phases may take at once, as its reciprocal.
_SHARE = 16
# Bytes of waves made at a time.
_PORTION = 1 << 24
# Terms for phases up to a half turn: what is left out is below 1e-17.
_TERMS = 24
# Interpolation between waves errs by 1.5e-14. Pieces of this many of them are worth a thread.
_KERNEL = SemicircleKernel(16)
_GRAIN = 2048
# Shares of a tolerance must not vanish.
_LEAST_TOL = 1e-300
# The field that was softened last, for as long as it lives; None: it needs no window.
_softened: WeakKeyDictionary[GridField, tuple[GridField | None, float, float]]
_softened = WeakKeyDictionary()


@dataclass(frozen=True)
class FourierSlices:
    r"""Slices :math:`\hat f(k u)\,e^{i k u\cdot c}` of a field about the center c.

    Attributes
    ----------
    projections : ndarray, shape (U, n, C)
        Band-limited Radon projections at ``offsets``, one column per real component.
    offsets : ndarray, shape (n,)
        Uniform offsets p relative to ``u . c``, over a full period.
    band : float
        Highest wave number that the projections carry.
    radius : float
        Radius of the ball about c that holds the field.
    unresolved : float
        Relative L2 error of the samples as such: what they do not resolve, and what the window that
        takes the band to its end costs.
    blur : float
        That of the window alone.
    """

    projections: NDArray
    offsets: NDArray
    band: float
    radius: float
    unresolved: float = 0.0
    blur: float = 0.0

    @property
    def spacing(self) -> float:
        # Of all of them: the difference of two has the rounding of their size.
        return float(self.offsets[-1] - self.offsets[0]) / (len(self.offsets) - 1)

    def at(self, k: NDArray) -> NDArray:
        r"""Transform at wave numbers k >= 0 (n_k,), shared by all directions: (U, n_k, C) complex.

        Interpolated in one FFT of all projections, to 1e-14 of the largest value.

        **Cost.** O(U C (n log n + n_k)), the first term once.
        """
        n_directions, _, components = self.projections.shape
        result = np.empty((n_directions * components, len(k)), complex)
        inside = k <= self.band * (1 + 1e-12)
        place = np.where(inside, k, 0.0) * (self._length * self.spacing / (2 * np.pi))
        gather, table = wave_kernel(_KERNEL.width), _KERNEL.table
        for start, waves in self._waves():
            part = result[start : start + len(waves)].view(np.float64)
            parallel_for(gather, len(k), place, table, waves, part, grain=_GRAIN)
        result[:, ~inside] = 0
        return np.moveaxis(result.reshape(n_directions, components, len(k)), 1, 2)

    @property
    def _length(self) -> int:
        """Places of the FFT from which wave numbers are interpolated."""
        return _KERNEL.length(max(len(self.offsets), _KERNEL.width))

    def _waves(self) -> Iterator[tuple[int, NDArray]]:
        """First row, and waves of some rows (direction and component) for ``gather_places``."""
        rows = self.projections.shape[0] * self.projections.shape[2]
        if rows <= self._most:
            yield 0, self._all_waves
            return
        for start in range(0, rows, self._most):
            yield start, self._waves_of(start, start + self._most)

    @property
    def _most(self) -> int:
        """Rows whose waves may be kept."""
        return max(1, get_config().memory_budget // (_SHARE * 16 * self._length))

    @cached_property
    def _all_waves(self) -> NDArray:
        return self._waves_of(0, None)

    def _waves_of(self, start: int, stop: int | None) -> NDArray:
        n, length = len(self.offsets), self._length
        rows = np.moveaxis(self.projections, 2, 1).reshape(-1, n)[start:stop]
        place = np.arange(n) - n // 2
        weight = self.spacing / _KERNEL.transform(place / length)
        line = np.zeros((len(rows), length))
        # The offset 0 comes first, negative ones last.
        line[:, : n - n // 2] = rows[:, n // 2 :] * weight[n // 2 :]
        line[:, length - n // 2 :] = rows[:, : n // 2] * weight[: n // 2]
        half = sp_fft.rfft(line, overwrite_x=True)
        # Windows reach beyond both ends, where conjugates continue the waves.
        low = np.conj(half[:, _KERNEL.width // 2 : 0 : -1])
        high = np.conj(half[:, -2 : -2 - _KERNEL.width // 2 : -1])
        return np.concatenate([low, half, high], axis=1).view(np.float64)

    def slabs(self, most: int) -> list[slice]:
        """Directions, ``most`` of them at a time, and no more than so many that their waves are
        kept from call to call, in memory that is used again."""
        rows = min(self._most, _PORTION // (16 * self._length))
        count = max(1, min(most, rows // self.projections.shape[2]))
        return [slice(i, i + count) for i in range(0, len(self.projections), count)]

    def along(self, some: slice) -> FourierSlices:
        """Slices along some of the directions."""
        return replace(self, projections=self.projections[some])

    def radial_energy(self, weights: NDArray, dim: int) -> tuple[NDArray, NDArray]:
        r"""Wave numbers, and the energy :math:`k^{m-1}\int_{S_+} |\hat f(ku)|^2 du\,dk` of each.

        Equal steps, preceded by a geometric sequence towards zero: scales are logarithmic, and what
        they cut at the low end would be invisible at equal steps.
        """
        n = len(self.offsets)
        spectrum = sp_fft.rfft(self.projections, axis=1)[:, 1:] * self.spacing
        step = 2 * np.pi / (n * self.spacing)
        low = step * 2.0 ** (np.arange(-4 * (_LOW_OCTAVES // dim), 0) / 4)
        k = np.concatenate([low, step * np.arange(1, spectrum.shape[1] + 1)])
        spectrum = np.concatenate([self._below(step, low), spectrum], axis=1)
        power = (np.abs(spectrum) ** 2).sum(axis=2)
        edges = np.concatenate([[0.0], 0.5 * (k[1:] + k[:-1]), k[-1:]])
        return k, k ** (dim - 1) * np.diff(edges) * np.einsum("u,uk->k", weights, power)

    def _below(self, step: float, k: NDArray) -> NDArray:
        """Transform at wave numbers k below the first of a period, (U, n_k, C): phases z turn by
        less than half there, and few terms of e^{-izt} = sum_c (2 - [c = 0]) (-i)^c J_c(z) T_c(t)
        are exact."""
        reach = float(np.abs(self.offsets).max())
        order = np.arange(_TERMS)
        part = jv(order, reach * k[:, None]) * np.where(order, 2, 1) * (-1j) ** order
        rows = np.moveaxis(self.projections, 2, 1).reshape(-1, len(self.offsets))
        moments = product(rows, self.spacing * chebvander(self.offsets / reach, _TERMS - 1))
        found = product(moments, part.T)
        shape = (len(self.projections), -1, len(k))
        return np.moveaxis(found.reshape(shape), 1, 2)


def ball_about(
    field: GridField | GaussianMixture | SmoothedSamples, center: NDArray, tol: float
) -> float:
    """Radius of a ball about ``center`` outside of which the field is zero or below ``tol``."""
    tol = max(tol, _LEAST_TOL)
    if isinstance(field, SmoothedSamples):
        return field.radius(center, tol)
    if isinstance(field, GridField):
        size = np.abs(field.values).reshape(*field.shape, -1).max(axis=-1)
        square = np.zeros(field.shape)
        for axis, (x, c) in enumerate(zip(field.axes, center, strict=True)):
            shape = [1] * field.dim
            shape[axis] = -1
            square = square + ((x - c) ** 2).reshape(shape)
        inside = size > tol * float(size.max())
        farthest = float(square[inside].max()) if inside.any() else float(square.max())
        return float(np.sqrt(farthest) + field.spacing.max())
    reach = np.sqrt(2 * np.log(10 / tol) * np.linalg.eigvalsh(field.covariances)[:, -1])
    return float((np.linalg.norm(field.means - center, axis=1) + reach).max())


def _from_wave_numbers(slices: NDArray, step: float, radius: float) -> FourierSlices:
    """Projections from f^(k_j u), k_j = j step, j = 0..n: (U, n + 1, C) complex."""
    n = slices.shape[1] - 1
    length, period = 2 * n, 2 * np.pi / step
    # Offsets run over [-period/2, period/2): alternate signs move the origin to the middle.
    shifted = slices * np.where(np.arange(n + 1) % 2, -1.0, 1.0)[None, :, None]
    projections = sp_fft.irfft(shifted, n=length, axis=1) * (length / period)
    offsets = period * (np.arange(length) / length - 0.5)
    return FourierSlices(projections, offsets, n * step, radius)


@singledispatch
def fourier_slices(
    field: object,
    directions: NDArray,
    center: NDArray,
    tol: float,
    among: NDArray | None = None,
) -> FourierSlices:
    """Slices along ``directions`` (U, m) about ``center``; ``tol`` bounds what is cut.

    Where the directions are a part of others, ``among`` them, slices are on the offsets of all.
    """
    raise TypeError(
        f"`field` must be a GridField or a GaussianMixture, got {type(field).__name__} "
        "(sample a callable on a grid with GridField.from_function, or smooth scattered samples "
        "with kernel_density)"
    )


@fourier_slices.register
def _(
    field: GridField,
    directions: NDArray,
    center: NDArray,
    tol: float,
    among: NDArray | None = None,
) -> FourierSlices:
    field, unresolved, blur = soften(field)
    radius = ball_about(field, center, 1e-3 * tol)
    # Highest wave number of any direction: samples closer than this cannot alias.
    cell = np.abs(directions if among is None else among) * field.spacing
    band = float((np.pi / cell.max(axis=1)).max())
    n = int(np.ceil(band * 1.05 * radius / np.pi)) + 2
    offsets = (np.arange(2 * n) - n) * (np.pi / band)
    axes = tuple(axis - c for axis, c in zip(field.axes, center, strict=True))
    plan = SlicePlan(axes, directions, offsets, max(0.1 * tol, 1e-13), np.dtype(np.float64))
    values = real_columns(field.values, field.dim)
    projections = np.stack(
        [plan.forward(np.ascontiguousarray(values[..., c])) for c in range(values.shape[-1])],
        axis=2,
    )
    return FourierSlices(projections, offsets, band, radius, unresolved, blur)


def _with_fringe(field: GridField) -> list[int]:
    return [fast_length(n + 2 * _FRINGE) if n > 1 else 1 for n in field.shape]


def softening_bytes(field: GridField) -> float:
    """What :func:`soften` takes: the spectrum, its inverse, powers and places."""
    components = int(np.prod(field.component_shape)) * (2 if np.iscomplexobj(field.values) else 1)
    return 8.0 * float(np.prod(_with_fringe(field))) * (3 * components + 8)


def soften(field: GridField) -> tuple[GridField, float, float]:
    """The field with a smooth end to its band, and the relative L2 errors of sampling as such and
    of this window.

    Samples that carry energy up to the end of their band, as those of a jump do, would ring all
    over space; a reconstruction would carry the cut of the offsets through the ringing back into
    the ball. A field that does not is returned as it is.
    """
    if field not in _softened:
        # One is enough: a field is asked for again before the next one comes.
        _softened.clear()
        _softened[field] = _soften(field)
    found, error, blur = _softened[field]
    return field if found is None else found, error, blur


def _soften(field: GridField) -> tuple[GridField | None, float, float]:
    require_energy(field.values)
    values = real_columns(field.values, field.dim)
    shape = _with_fringe(field)
    fits_in_memory(
        softening_bytes(field),
        f"the spectrum of a field on {np.prod(shape)} places",
        "sample more coarsely, or raise memory_budget",
    )
    fringe = [(_FRINGE, to - n - _FRINGE) if n > 1 else (0, 0) for n, to in zip(field.shape, shape)]
    place, window = np.zeros(1), np.ones(1)
    for axis, n in enumerate(shape):
        # Of the waves of real samples, half of those along the last axis tell the others.
        last = axis == field.dim - 1
        share = np.abs(2 * (np.fft.rfftfreq(n) if last else np.fft.fftfreq(n)))
        share = share.reshape([-1 if i == axis else 1 for i in range(field.dim)])
        place = np.maximum(place, share)
        window = window * edge_window(share)
    times = np.where((share > 0) & (share < 1), 2.0, 1.0)
    workers = get_config().threads
    spectra: list[NDArray] = []
    # Component by component: a smooth one hides how slowly the energy of a rough one falls.
    total, blur, error = 0.0, 0.0, 0.0
    for c in range(values.shape[-1]):
        spectra.append(
            sp_fft.rfftn(np.pad(values[..., c], fringe), workers=workers, overwrite_x=True)
        )
        power = (spectra[c].real ** 2 + spectra[c].imag ** 2) * times
        size = float(power.sum())
        if size == 0:
            continue
        blurred = float((power * (1 - window) ** 2).sum())
        cut = float(np.sqrt(blurred / size))
        found = unresolved_error(power, place, times, cut, _rim_share(values[..., c]), field.dim)
        total, blur, error = total + size, blur + blurred, error + size * found**2
    if total == 0:
        return None, 0.0, 0.0
    blur, error = float(np.sqrt(blur / total)), float(np.sqrt(error / total))
    if blur < _NO_BLUR:
        return None, error, blur
    soft = np.empty((*shape, len(spectra)))
    for c in reversed(range(len(spectra))):
        wave = spectra.pop() * window
        soft[..., c] = sp_fft.irfftn(wave, shape, workers=workers, overwrite_x=True)
    wider = [
        x if len(x) == 1 else x[0] + h * (np.arange(n) - _FRINGE)
        for x, h, n in zip(field.axes, field.spacing, shape, strict=True)
    ]
    soft = from_columns(soft, field.values, field.component_shape)
    return GridField(soft, wider), error, blur


def _rim_share(values: NDArray) -> float:
    """Share of the sum of squares that the first and last samples along each axis have."""
    square = values**2
    rim = 0.0
    for axis, n in enumerate(values.shape):
        if n > 1:
            rim += float(square.take([0, -1], axis=axis).sum())
    return rim / float(square.sum())


@fourier_slices.register
def _(
    field: GaussianMixture,
    directions: NDArray,
    center: NDArray,
    tol: float,
    among: NDArray | None = None,
) -> FourierSlices:
    smoothed = as_smoothed(field)
    if smoothed is not field:
        return fourier_slices(smoothed, directions, center, tol)
    tol = max(tol, _LEAST_TOL)
    radius = ball_about(field, center, 1e-3 * tol)
    least = float(np.linalg.eigvalsh(field.covariances)[:, 0].min())
    band = np.sqrt(2 * np.log(1e3 / tol) / least)
    n = _wave_count(band, radius, len(directions) * (field.dim + 6))
    step = band / n
    wave = directions[:, None, :] * (step * np.arange(n + 1))[None, :, None]
    slices = fourier_gaussian_mixture(
        wave.reshape(-1, field.dim), field.weights, field.means - center, field.covariances
    )
    return _from_wave_numbers(slices.reshape(len(directions), n + 1, 1), step, radius)


@fourier_slices.register
def _(
    field: SmoothedSamples,
    directions: NDArray,
    center: NDArray,
    tol: float,
    among: NDArray | None = None,
) -> FourierSlices:
    tol = max(tol, _LEAST_TOL)
    radius = ball_about(field, center, 1e-3 * tol)
    band = float(np.sqrt(2 * np.log(1e3 / tol))) / field.bandwidth
    columns = max(1, int(np.prod(field.component_shape)))
    # The tables of waves, and the slices and projections of all directions.
    n = _wave_count(band, radius, 256 + 8 * len(directions) * columns)
    slices = field.slices(directions, center, band / n, n, max(0.1 * tol, 1e-14))
    return _from_wave_numbers(slices, band / n, radius)


def _wave_count(band: float, radius: float, each: float) -> int:
    """Wave numbers up to the band of a field within a radius, of so many numbers each."""
    count = np.ceil(band * 1.05 * radius / np.pi) + 2
    fits_in_memory(
        8.0 * each * count,
        f"{count:.3g} wave numbers of a field of radius {radius:.3g} and band {band:.3g}",
        "smooth the field, such as by a larger bandwidth, or raise memory_budget",
    )
    return int(count)


def scattered_reference(field: GridField) -> tuple[NDArray, NDArray]:
    """The points of a grid and their values times the cell volume, for direct sums."""
    values = real_columns(field.values, field.dim)
    return field.points(), values.reshape(-1, values.shape[-1]) * float(np.prod(field.spacing))
