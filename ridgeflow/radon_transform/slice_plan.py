"""The Fourier-slice discretisation of the Radon transform on a grid, its transpose and inverse.

On lines of constant k_x the slice points of a direction differ in the other coordinates only, so an
FFT along x and an interpolation in the rest give f^(ku) at equal steps of k; a second interpolation
takes the slice to the common offsets. Directions are grouped by the axis that suits them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from ridgeflow._fft import fast_length
from ridgeflow._parallel import parallel_for
from ridgeflow._products import product
from ridgeflow._progress import stage, steps
from ridgeflow._validate import fits_in_memory
from ridgeflow.radon_transform.interpolation import SemicircleKernel
from ridgeflow.radon_transform.slice_stages import AxisStage, CrossingStage, DenseStage, RadialStage

__all__ = ["SlicePlan", "low_corrections"]

# The inverse has its period this much longer than what it convolves, so that the corrections of the
# filter at low wave numbers converge fast.
_SLACK = 4 / 3
_CORRECTIONS = 24


class _Axes:
    """The grid that a plan works on, and how its axes are measured from the middle sample."""

    def __init__(self, axes: tuple[NDArray, ...]) -> None:
        self.shape = tuple(len(axis) for axis in axes)
        self.spacing = np.array(
            [(axis[-1] - axis[0]) / (len(axis) - 1) if len(axis) > 1 else 1.0 for axis in axes]
        )
        self.middle = tuple(n // 2 for n in self.shape)
        self.center = np.array([axis[i] for axis, i in zip(axes, self.middle, strict=True)])

    def reach(self, directions: NDArray) -> NDArray:
        """Half-width of the projected grid about the middle sample, half a cell included."""
        half = (np.array([max(i + 1, n - i) for i, n in zip(self.middle, self.shape)])) - 0.5
        return product(np.abs(directions), half * self.spacing)


class _Group:
    """Directions that share the axis along which their slices have equal steps."""

    def __init__(
        self,
        axes: _Axes,
        primary: int,
        directions: NDArray,
        offsets: NDArray,
        rows: NDArray,
        period: NDArray,
        kernel: SemicircleKernel,
        dtype: np.dtype,
    ) -> None:
        self.rows = rows
        self._dtype = dtype
        order = (primary, *(i for i in range(len(axes.shape)) if i != primary))
        shape = tuple(axes.shape[i] for i in order)
        middle = tuple(axes.middle[i] for i in order)
        spacing = axes.spacing[list(order)]
        # f's transform is conjugated by turning a direction round.
        sign = np.where(directions[:, primary] < 0, -1.0, 1.0)
        u = directions[:, list(order)] * sign[:, None]
        length = fast_length(max(shape[0], int(np.ceil((period / (spacing[0] * u[:, 0])).max()))))
        self.n = length // 2
        self.step = 2 * np.pi / (length * spacing[0]) / u[:, 0]
        turn = (np.arange(self.n + 1) * middle[0]) % length
        # The first axis is measured from its first sample: this moves it to the middle one.
        self.phase = np.exp(2j * np.pi * turn / length)
        slope = (u[:, 1:] / u[:, :1] * (spacing[1:] / spacing[0]) / length).T
        self._crossing: CrossingStage | DenseStage
        if len(shape) in (2, 3):
            self._crossing = CrossingStage(self.n + 1, shape[1:], middle[1:], slope, kernel, dtype)
            weights = self._crossing.weights(kernel)
        else:
            self._crossing = DenseStage(self.n + 1, shape[1:], middle[1:], slope, dtype)
            weights = [np.ones(n) for n in shape[1:]]
        self._axis = AxisStage(axes.shape, order, length, weights, dtype)
        spread = (offsets[-1] - offsets[0]) / max(1, len(offsets) - 1)
        low = (offsets[0] - product(directions, axes.center)) * sign
        self._radial = RadialStage(
            self.n, self.step, low, spread * sign, len(offsets), kernel, dtype
        )
        # Quadrature of (1/2 pi) int dk over both signs of k, times a cell.
        rule = np.where(np.arange(self.n + 1) % self.n, 2.0, 1.0)
        kind = np.complex64 if dtype == np.float32 else np.complex128
        self._factor = (rule * self.phase * self._radial.factor).astype(kind)
        self._transposed_factor = (np.conj(self.phase) * self._radial.undo).astype(kind)
        # In this order nothing overflows, or vanishes, that the result does not.
        cell = spacing[0] * self.step
        self._scale = (float(np.prod(spacing[1:])) * cell / (2 * np.pi)).astype(dtype)

    def forward(self, values: NDArray, out: NDArray) -> None:
        with stage(None, 0.0, 0.2):
            lines = self._axis.forward(values)
        with stage(None, 0.2, 0.8):
            slices = self._crossing.forward(lines)
        with stage(None, 0.8):
            self._radial.forward(slices, self._factor, self._scale, self.rows, out)

    def transposed(self, sinogram: NDArray, out: NDArray) -> None:
        with stage(None, 0.0, 0.2):
            slices = self._radial.transposed(
                sinogram, self._scale, self.rows, self._transposed_factor
            )
        self._from_slices(slices, out)

    def _from_slices(self, slices: NDArray, out: NDArray) -> None:
        with stage(None, 0.2, 0.8):
            lines = self._crossing.transposed(slices)
        with stage(None, 0.8):
            self._axis.transposed(lines, out)

    def inverse(
        self,
        sinogram: NDArray,
        weights: NDArray,
        spacing: float,
        dim: int,
        window: Callable | None,
        out: NDArray,
    ) -> None:
        index = np.arange(self.n + 1.0)
        power = index ** (dim - 1)
        corrections = low_corrections(dim)
        count = min(len(corrections), len(power))
        power[:count] += corrections[:count]
        if dim == 1:
            power[0] = 0.5
        power[-1] *= 0.5
        # The sum over l counts every term but the ends twice.
        power *= np.where(index % self.n, 0.5, 1.0)
        scale = 2 / (2 * np.pi) ** dim * weights[self.rows] * (spacing * self.step)
        scale *= self.step ** (dim - 1)
        factor = (power * self._transposed_factor).astype(self._transposed_factor.dtype)
        with stage(None, 0.0, 0.2):
            slices = self._radial.transposed(sinogram, scale.astype(self._dtype), self.rows, factor)
        # Offsets carry wave numbers up to pi/spacing, where the rule ends with half weight.
        band = np.minimum(np.pi / spacing, self.step * self.n)
        last = np.floor(band * (1 + 1e-12) / self.step).astype(int)

        def shape(start: int, stop: int) -> None:
            for u in range(start, stop):
                slices[u, last[u] + 1 :] = 0
                if window is not None:
                    k = self.step[u] * index[: last[u] + 1]
                    slices[u, : last[u] + 1] *= window(np.minimum(k / band[u], 1.0)).astype(
                        self._dtype
                    )

        parallel_for(shape, len(slices), grain=16)
        self._from_slices(slices, out)


class SlicePlan:
    """Geometry and buffers of the slice method for one grid, direction set and offsets."""

    def __init__(
        self,
        axes: tuple[NDArray, ...],
        directions: NDArray,
        offsets: NDArray,
        tol: float,
        dtype: np.dtype,
        *,
        for_inverse: bool = False,
    ) -> None:
        self.axes = _Axes(axes)
        self.dim = len(axes)
        self.shape = self.axes.shape
        self.n_directions, self.n_offsets = len(directions), len(offsets)
        self.dtype = np.dtype(dtype)
        # Up to three interpolations add their errors. FFTs outweigh them, unless much is asked.
        kernel = SemicircleKernel.for_tolerance(tol / 3, 1.5 if tol > 1e-11 else 2.0)
        relative = offsets[None, [0, -1]] - product(directions, self.axes.center)[:, None]
        period = self.axes.reach(directions) + np.abs(relative).max(axis=1)
        if for_inverse:
            period = 2 * _SLACK * period
        ratio = np.abs(directions) * self.axes.spacing
        favoured = np.argmax(ratio, axis=1)
        # Of a call: its result and the grid, with a copy, and the lines, slices and padded rows of
        # one group of directions.
        result = (
            2
            * self.dtype.itemsize
            * (self.n_directions * self.n_offsets + int(np.prod(self.shape)))
        )
        self.nbytes = result
        self._groups: list[_Group] = []
        for primary in range(self.dim):
            rows = np.flatnonzero(favoured == primary)
            if not len(rows):
                continue
            n_lines = int((period[rows] / ratio[rows, primary]).max()) // 2 + 1
            rest = int(np.prod(self.shape)) // self.shape[primary]
            needed = int(2.6 * self.dtype.itemsize * n_lines * (rest + len(rows)))
            self.nbytes = max(self.nbytes, result + needed)
            fits_in_memory(
                self.nbytes,
                f"a plan for {self.n_directions} directions and {self.n_offsets} offsets",
                "split the directions over several plans, or raise memory_budget",
            )
            self._groups.append(
                _Group(
                    *(self.axes, primary, directions[rows], offsets, rows, period[rows]),
                    *(kernel, self.dtype),
                )
            )

    def forward(self, values: NDArray) -> NDArray:
        """Sinogram (U, J) of values on the grid."""
        out = np.empty((self.n_directions, self.n_offsets), self.dtype)
        for group in steps(self._groups):
            group.forward(values, out)
        return out

    def adjoint(self, sinogram: NDArray) -> NDArray:
        """Transpose of :meth:`forward`."""
        out = np.zeros(self.shape, self.dtype)
        for group in steps(self._groups):
            group.transposed(sinogram, out)
        return out

    def inverse(
        self, sinogram: NDArray, weights: NDArray, spacing: float, window: Callable | None
    ) -> NDArray:
        r"""Filtered backprojection on the grid.

        .. math:: f(x) = \frac{2}{(2\pi)^m} \sum_u w_u\,\mathrm{Re}\int_0^K k^{m-1} W(k/K)\,
                  \hat s_u(k)\,e^{ik u\cdot x}\,dk

        with the trapezoid rule, corrected at low wave numbers for the kink of :math:`k^{m-1}`;
        no ``window`` stands for W = 1.
        """
        out = np.zeros(self.shape, self.dtype)
        for group in steps(self._groups):
            group.inverse(sinogram, weights, spacing, self.dim, window, out)
        return out


@lru_cache(maxsize=16)
def low_corrections(dim: int) -> NDArray[np.float64]:
    r"""Coefficients c_l that make the trapezoid rule of :math:`\int_0^\infty t^{m-1} G(t)\,dt`
    exact for even G of exponential type below :math:`3\pi/4`, with
    :math:`(l^{m-1} + c_l) G(l)` summed.

    Odd m need none: the integrand is even and smooth. For m = 2 the generating identity is
    :math:`\sum_l c_l \cos l\varphi = 1/(4\sin^2(\varphi/2)) - 1/\varphi^2`; even m > 2 follow by
    differentiation, which multiplies c_l by l^{m-2}.
    """
    if dim % 2 == 1:
        return np.zeros(0)
    phi = np.linspace(0, np.pi / _SLACK, 400)
    half = np.sin(0.5 * phi[1:]) ** 2
    target = np.concatenate([[1 / 12], 0.25 / half - 1 / phi[1:] ** 2])
    # Near 0 the difference cancels; its Taylor series is exact there.
    near = phi < 0.3
    z = phi[near] ** 2
    target[near] = 1 / 12 + z / 240 + z**2 / 6048 + z**3 / 172800 + z**4 / 5322240
    order = np.arange(_CORRECTIONS)
    basis = np.cos(np.outer(phi, order))
    coefficients, *_ = np.linalg.lstsq(basis, target, rcond=1e-15)
    return coefficients * order.astype(float) ** (dim - 2)
