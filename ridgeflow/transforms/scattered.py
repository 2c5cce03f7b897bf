"""Projections of scattered, weighted samples: project, spread onto fine offsets, transform."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._fft import RowFFT
from ridgeflow._kernels.slices import spread_points
from ridgeflow._parallel import parallel_for
from ridgeflow.fields.samples import SampleField
from ridgeflow.transforms.interpolation import SemicircleKernel
from ridgeflow.transforms.slice_stages import RadialStage

__all__ = ["sample_slices", "smoothed_projections"]

# Directions are taken in slabs of about this many projected samples.
_SLAB = 1 << 23


def sample_slices(
    points: NDArray,
    columns: NDArray,
    directions: NDArray,
    step: float,
    n: int,
    tol: float,
) -> NDArray:
    r"""Slices :math:`\sum_i y_i e^{-i k_l u\cdot x_i}`, :math:`k_l = l\,\text{step}`, l = 0..n.

    points (N, m) with :math:`|u\cdot x_i| < \pi/\text{step}`, columns y (N, C), directions (U, m);
    returns (U, C, n + 1) complex, relative error about ``tol``. O(U (N w + n log n)).
    """
    kernel = SemicircleKernel.for_tolerance(tol)
    length = kernel.length(2 * n + kernel.width)
    components = columns.shape[1]
    factor = 1 / kernel.transform(np.arange(n + 1) / length)
    # Points fill one period about 0; a margin of the kernel's width on both sides catches its ends.
    margin = kernel.width
    per_step = step * length / (2 * np.pi)
    low = -(length // 2 + margin) / per_step
    out = np.empty((len(directions), components, n + 1), complex)
    rows = max(1, min(len(directions), _SLAB // max(1, len(points))))
    phase = np.exp(1j * np.pi * (2 * (length // 2) / length) * np.arange(n + 1)) * factor
    for start in range(0, len(directions), rows):
        u = directions[start : start + rows]
        fine = np.zeros((len(u), components, length + 2 * margin))
        projected = np.ascontiguousarray(u @ points.T)
        parallel_for(
            spread_points, len(u), projected, columns, low, per_step, kernel.polynomials, fine
        )
        plan = RowFFT(len(u) * components, length)
        real = plan.real.reshape(len(u), components, length)
        real[:] = fine[..., margin:-margin]
        real[..., -margin:] += fine[..., :margin]
        real[..., :margin] += fine[..., -margin:]
        spectrum = plan.forward().reshape(len(u), components, -1)
        out[start : start + rows] = spectrum[..., : n + 1] * phase
    return out


def smoothed_projections(
    field: SampleField, directions: NDArray, offsets: NDArray, bandwidth: float, tol: float
) -> NDArray:
    r"""Projections of the measure :math:`\sum_i w_i f(x_i)\,\delta_{x_i}` smoothed by a Gaussian.

    :math:`g_u(p) = \sum_i w_i f(x_i)\, N(p - u\cdot x_i; \text{bandwidth}^2)`: (U, J[, k]).
    """
    shape = field.values.shape[1:]
    columns = (field.values * field.weights.reshape(-1, *(1,) * len(shape))).reshape(
        len(field.points), -1
    )
    complex_values = np.iscomplexobj(columns)
    if complex_values:
        columns = np.concatenate([columns.real, columns.imag], axis=1)
    columns = np.ascontiguousarray(columns, dtype=np.float64)
    center = 0.5 * (field.points.min(axis=0) + field.points.max(axis=0)).astype(np.float64)
    points = field.points - center
    relative = offsets[None, :] - (directions @ center)[:, None]
    reach = float(np.linalg.norm(points, axis=1).max()) + 1e-12
    tail = bandwidth * np.sqrt(2 * np.log(10 / tol))
    step = 2 * np.pi / (reach + max(reach, float(np.abs(relative).max())) + 2 * tail)
    n = int(np.ceil(np.sqrt(2 * np.log(10 / tol)) / (bandwidth * step))) + 1
    out = np.empty((len(directions), len(offsets), columns.shape[1]))
    kernel = SemicircleKernel.for_tolerance(0.1 * tol)
    k = step * np.arange(n + 1)
    smooth = np.exp(-0.5 * (bandwidth * k) ** 2) * (step / (2 * np.pi))
    smooth[1:] *= 2
    size = max(len(points), len(offsets) * kernel.width, n)
    rows = max(1, min(len(directions), _SLAB // size * max(1, get_config().threads)))
    for start in range(0, len(directions), rows):
        part = slice(start, start + rows)
        slices = sample_slices(points, columns, directions[part], step, n, 0.1 * tol) * smooth
        every = np.arange(len(slices))
        spacing = (offsets[-1] - offsets[0]) / max(1, len(offsets) - 1)
        stage = RadialStage(
            *(n, np.full(len(slices), step), relative[part, 0], np.full(len(slices), spacing)),
            *(len(offsets), kernel, np.dtype(np.float64)),
        )
        found = np.empty((len(slices), len(offsets)))
        for c in range(columns.shape[1]):
            stage.forward(slices[:, c], stage.factor, np.ones(len(slices)), every, found)
            out[part, :, c] = found
    if complex_values:
        half = columns.shape[1] // 2
        out = out[..., :half] + 1j * out[..., half:]
    result = out.reshape(len(directions), len(offsets), *shape)
    single = field.points.dtype == np.float32 and field.values.dtype == np.float32
    return result.astype(np.float32) if single else result
