"""The three stages between the samples of a grid and its projections, and their transposes.

An FFT along one axis, interpolation in the other coordinates to the slices of all directions, and
FFTs along the slices with interpolation to the offsets. Each stage carries blocks of lines that fit
a core's cache through copy, FFT and interpolation; what leaves a block is only its result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._fft import BlockFFT, aligned_zeros
from ridgeflow._kernels.grid_lines import add_block, fill_block, store_lines, take_lines
from ridgeflow._kernels.slices import line_kernels, plane_kernels, row_kernels
from ridgeflow._parallel import parallel_for
from ridgeflow.radon_transform.interpolation import SemicircleKernel

__all__ = ["AxisStage", "CrossingStage", "DenseStage", "RadialStage"]

# Bytes of a block: source and target of its FFT share the second-level cache of a core.
_BLOCK = 1 << 18


def _complex(dtype: np.dtype) -> np.dtype:
    return np.dtype(np.complex64 if dtype == np.float32 else np.complex128)


class _Buffers(threading.local):
    """What a thread keeps between calls: fresh memory costs more than the transforms."""

    def get(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.__dict__:
            self.__dict__[name] = make()
        return self.__dict__[name]


class AxisStage:
    r"""FFT along the first axis of a grid that is padded with zeros, and its transpose.

    .. math:: F_l(y) = w(y) \sum_i f(i, y)\,e^{-2\pi i\,l i/n},\quad l = 0..n/2,

    with the grid's axes taken in ``order`` and weights w, products of one set for each other axis.
    """

    def __init__(
        self,
        shape: tuple[int, ...],
        order: tuple[int, ...],
        length: int,
        weights: list[NDArray],
        dtype: np.dtype,
    ) -> None:
        self._order, self._shape = order, tuple(shape[i] for i in order)
        self._length, self._dtype = length, dtype
        # As (n2, n3 n4 .., n1): blocks have the transformed axis last, where FFTs are fastest.
        rest = (*self._shape[1:], 1)
        self._rest = (rest[0], int(np.prod(rest[1:])))
        product = np.ones(())
        for factor in weights:
            product = product[..., None] * factor
        self._weights = product.astype(dtype).reshape(self._rest)
        self._even = len(shape) <= 3
        steps = [int(np.prod(shape[i + 1 :])) for i in order]
        self._strides = (*[*steps[1:], 0, 0][:2], steps[0])
        self._turn = (*order[1:], order[0])
        row = length * self._rest[1] * dtype.itemsize
        self._rows = max(1, min(self._rest[0], _BLOCK // row))
        self._buffers = _Buffers()

    def _block(self, *, backward: bool) -> tuple[NDArray, NDArray, BlockFFT]:
        rows = (self._rows, self._rest[1])
        real = aligned_zeros((*rows, self._length), self._dtype)
        lines = aligned_zeros((*rows, self._length // 2 + 1), _complex(self._dtype))
        if backward:
            return real, lines, BlockFFT(lines, real, 2)
        return real, lines, BlockFFT(real, lines, 2)

    def _flat(self, values: NDArray) -> tuple[NDArray, tuple[int, ...]]:
        """Numbers in a row, and how far apart neighbours lie along the three axes of blocks."""
        if self._even:
            return values.reshape(-1), self._strides
        # Four axes and more do not merge into three unless they are brought into order.
        turned = np.ascontiguousarray(values.transpose(self._turn))
        n = self._shape[0]
        return turned.reshape(-1), (self._rest[1] * n, n, 1)

    def forward(self, values: NDArray) -> NDArray:
        """Values on the grid, contiguous -> lines (n/2 + 1, *other axes)."""
        flat, strides = self._flat(values)
        least = self._dtype.type(0)
        if self._dtype == np.float32:
            # Far tails end in numbers below the least normal one, on which processors take a
            # hundred times as long. What is left out is far below rounding.
            least = max(flat.max(), -flat.min()) * np.finfo(np.float32).eps ** 2
        out = np.empty((self._length // 2 + 1, *self._rest), _complex(self._dtype))

        def work(start: int, stop: int) -> None:
            real, lines, plan = self._buffers.get("forward", lambda: self._block(backward=False))
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                given = (flat, strides, self._shape[0], least, self._weights)
                fill_block(first, last, *given, real)
                plan.execute()
                store_lines(first, last, lines, out)

        parallel_for(work, self._rest[0], grain=self._rows)
        return out.reshape(-1, *self._shape[1:])

    def transposed(self, lines: NDArray, out: NDArray) -> None:
        """Add the sum over l and its conjugate terms, the first and last ones once, to ``out``."""
        flat, strides = (out.reshape(-1), self._strides) if self._even else self._flat(out * 0)
        given = lines.reshape(-1, *self._rest)

        def work(start: int, stop: int) -> None:
            real, source, plan = self._buffers.get("transposed", lambda: self._block(backward=True))
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                take_lines(first, last, given, source)
                plan.execute()
                add_block(first, last, real, strides, self._shape[0], self._weights, flat)

        parallel_for(work, self._rest[0], grain=self._rows)
        if not self._even:
            turned = flat.reshape(*self._shape[1:], self._shape[0])
            out += np.moveaxis(turned, -1, 0).transpose(np.argsort(self._order))


class CrossingStage:
    """From lines (L, n2[, n3]) to slices (U, L): FFTs across, and interpolation where slices cross.

    Samples lie in the middle of the padded lines, with zeros on both sides that are written once;
    the shift by half a period turns the sign of every other node.
    """

    def __init__(
        self,
        n_lines: int,
        shape: tuple[int, ...],
        middle: tuple[int, ...],
        slope: NDArray,
        kernel: SemicircleKernel,
        dtype: np.dtype,
    ) -> None:
        self._n_lines, self._shape, self._dtype = n_lines, shape, dtype
        self.periods = tuple(kernel.length(n) for n in shape)
        # Slice u crosses line l at l slope[i, u] nodes of axis i.
        self._slope = np.ascontiguousarray(slope * np.array(self.periods)[:, None])
        self._low = tuple(n // 2 - i for n, i in zip(self.periods, middle, strict=True))
        self._width = kernel.width
        signs = np.where(np.arange(kernel.width) % 2, -1.0, 1.0)
        self._table = (kernel.table * signs).astype(dtype)
        makers = {1: line_kernels, 2: plane_kernels}
        self._gather, self._scatter = makers[len(shape)](kernel.width)
        line = int(np.prod(self.periods)) * _complex(dtype).itemsize
        self._rows = max(1, min(n_lines, _BLOCK // line))
        self._buffers = _Buffers()

    def weights(self, kernel: SemicircleKernel) -> list[NDArray]:
        """What samples are multiplied by, to undo the kernel: one set for each axis."""
        return [
            1 / kernel.transform((np.arange(n) + low - period // 2) / period)
            for n, low, period in zip(self._shape, self._low, self.periods, strict=True)
        ]

    def _block(self, *, backward: bool) -> tuple[NDArray, NDArray, list[BlockFFT]]:
        """Where samples of a block lie, its extended grid, and the FFTs between them."""
        kind = _complex(self._dtype)
        extended = tuple(n + self._width for n in self.periods)
        grid = aligned_zeros((self._rows, *extended), kind)
        inner = grid[(slice(None), *(slice(0, n) for n in self.periods))]
        inside = [slice(low, low + n) for low, n in zip(self._low, self._shape, strict=True)]
        padded = aligned_zeros((self._rows, *self._shape[:-1], self.periods[-1]), kind)
        samples = padded[..., inside[-1]]
        if len(self._shape) == 1:
            ends = [(padded, inner, 1)]
        else:
            # Rows of zeros are not transformed.
            between = aligned_zeros((self._rows, *self.periods), kind)
            ends = [(padded, between[:, inside[0]], 2), (between, inner, 1)]
        if backward:
            plans = [BlockFFT(b, a, axis, backward=True) for a, b, axis in reversed(ends)]
        else:
            plans = [BlockFFT(a, b, axis) for a, b, axis in ends]
        return samples, grid, plans

    def _pairs(self, array: NDArray) -> NDArray:
        return array.view(self._dtype)

    def forward(self, lines: NDArray) -> NDArray:
        out = np.empty((self._slope.shape[1], self._n_lines), _complex(self._dtype))
        pairs = self._pairs(out)

        def work(start: int, stop: int) -> None:
            samples, grid, plans = self._buffers.get("forward", lambda: self._block(backward=False))
            nodes = self._pairs(grid)
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                samples[: last - first] = lines[first:last]
                for plan in plans:
                    plan.execute()
                self._gather(
                    first, last, nodes, first, self._slope, *self.periods, self._table, pairs
                )

        parallel_for(work, self._n_lines, grain=self._rows)
        return out

    def transposed(self, slices: NDArray) -> NDArray:
        out = np.empty((self._n_lines, *self._shape), _complex(self._dtype))
        pairs = self._pairs(slices)

        def work(start: int, stop: int) -> None:
            samples, grid, plans = self._buffers.get(
                "transposed", lambda: self._block(backward=True)
            )
            nodes = self._pairs(grid)
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                self._scatter(
                    first, last, pairs, first, self._slope, *self.periods, self._table, nodes
                )
                for plan in plans:
                    plan.execute()
                out[first:last] = samples[: last - first]

        parallel_for(work, self._n_lines, grain=self._rows)
        return out


class DenseStage:
    """As :class:`CrossingStage` in any dimension, by summing the rest of each line as it is."""

    def __init__(
        self,
        n_lines: int,
        shape: tuple[int, ...],
        middle: tuple[int, ...],
        slope: NDArray,
        dtype: np.dtype,
    ) -> None:
        self._n_lines, self._shape, self._middle = n_lines, shape, middle
        self._slope = slope
        self._kind = _complex(dtype)

    def _phase(self, line: int, axis: int) -> NDArray:
        place = np.arange(self._shape[axis]) - self._middle[axis]
        return np.exp(-2j * np.pi * line * np.outer(self._slope[axis], place))

    def forward(self, lines: NDArray) -> NDArray:
        n_slices = self._slope.shape[1]
        if not self._shape:
            return np.tile(lines, (n_slices, 1))
        out = np.empty((n_slices, self._n_lines), self._kind)
        for line in range(self._n_lines):
            total = np.broadcast_to(lines[line], (n_slices, *self._shape))
            for axis in range(len(self._shape)):
                total = np.einsum("un,un...->u...", self._phase(line, axis), total)
            out[:, line] = total
        return out

    def transposed(self, slices: NDArray) -> NDArray:
        if not self._shape:
            return slices.sum(axis=0)
        out = np.empty((self._n_lines, *self._shape), self._kind)
        for line in range(self._n_lines):
            total = slices[:, line]
            for axis in range(1, len(self._shape)):
                phase = np.conj(self._phase(line, axis))
                shape = (len(phase), *(1,) * (total.ndim - 1), phase.shape[1])
                total = total[..., None] * phase.reshape(shape)
            out[line] = np.tensordot(np.conj(self._phase(line, 0)), total, axes=(0, 0))
        return out


class RadialStage:
    r"""From coefficients of slices at wave numbers :math:`l\,\Delta k_u`, l = 0..n, to offsets.

    .. math:: g_u(q_{uj}) = \mathrm{Re} \sum_{l=0}^{n} C_{ul}\, e^{i l \Delta k_u q_{uj}},\quad
              q_{uj} = q_{u0} + j\,\Delta q_u

    Coefficients come divided by the kernel's transform: :attr:`factor` does it.
    """

    def __init__(
        self,
        n: int,
        step: NDArray,
        low: NDArray,
        spacing: NDArray,
        n_offsets: int,
        kernel: SemicircleKernel,
        dtype: np.dtype,
    ) -> None:
        self._n, self._n_offsets, self._dtype = n, n_offsets, dtype
        self._length = kernel.length(2 * n)
        per_length = step * (self._length / (2 * np.pi))
        self._low, self._spacing = low * per_length, spacing * per_length
        self._width = kernel.width
        self._table = kernel.table.astype(dtype)
        self._gather, self._scatter = row_kernels(kernel.width)
        self.undo = 1 / kernel.transform(np.arange(n + 1) / self._length)
        # The real transform counts every term but the first twice.
        self.factor = self.undo * np.where(np.arange(n + 1) > 0, 0.5, 1.0)
        self._rows = max(1, min(len(step), _BLOCK // (self._length * dtype.itemsize)))
        self._buffers = _Buffers()

    def _block(self, *, backward: bool) -> tuple[NDArray, NDArray, BlockFFT]:
        spectrum = aligned_zeros((self._rows, self._length // 2 + 1), _complex(self._dtype))
        fine = aligned_zeros((self._rows, self._length + self._width), self._dtype)
        period = fine[:, : self._length]
        if backward:
            return spectrum, fine, BlockFFT(period, spectrum, 1)
        return spectrum, fine, BlockFFT(spectrum, period, 1)

    def forward(
        self, slices: NDArray, factor: NDArray, scale: NDArray, rows: NDArray, out: NDArray
    ) -> None:
        """out[rows[u]] = scale[u] g_u with coefficients slices[u] factor."""
        n = self._n

        def work(start: int, stop: int) -> None:
            spectrum, fine, plan = self._buffers.get("forward", lambda: self._block(backward=False))
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                count = last - first
                np.multiply(slices[first:last], factor, out=spectrum[:count, : n + 1])
                spectrum[:, n + 1 :] = 0
                plan.execute()
                self._gather(
                    *(first, last, fine, first, self._low, self._spacing, self._n_offsets),
                    *(self._length, scale, rows, self._table, out),
                )

        parallel_for(work, len(slices), grain=self._rows)

    def transposed(
        self, values: NDArray, scale: NDArray, rows: NDArray, factor: NDArray
    ) -> NDArray:
        """factor sum_j exp(-i l step_u q_uj) scale[u] values[rows[u], j] / undo: (U, n + 1).

        ``factor`` (n + 1,) or (U, n + 1) has to hold :attr:`undo`.
        """
        n = self._n
        out = np.empty((len(rows), n + 1), _complex(self._dtype))

        def work(start: int, stop: int) -> None:
            spectrum, fine, plan = self._buffers.get(
                "transposed", lambda: self._block(backward=True)
            )
            for first in range(start, stop, self._rows):
                last = min(first + self._rows, stop)
                self._scatter(
                    *(first, last, values, first, self._low, self._spacing, self._n_offsets),
                    *(self._length, scale, rows, self._table, fine),
                )
                plan.execute()
                part = factor if factor.ndim == 1 else factor[first:last]
                np.multiply(spectrum[: last - first, : n + 1], part, out=out[first:last])

        parallel_for(work, len(rows), grain=self._rows)
        return out
