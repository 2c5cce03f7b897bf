r"""Sums of waves between a lattice of inner weights and points, one frequency at a time.

With :math:`a_k = \bar a_k + \alpha_k`, the exponential :math:`e^{i\omega a\cdot x}` is a phase
times :math:`\prod_k(\cos\pm i\sin)(\omega|\alpha_k| x_k)`: real transforms of one orthant of the
lattice serve all of them. Points on a product of axes are reached by products of small matrices,
others by a non-uniform FFT.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

from ridgeflow._kernels.lattice_sums import gather_box, spread_box
from ridgeflow._parallel import one_blas_thread, parallel_for
from ridgeflow.radon_transform.interpolation import SemicircleKernel

__all__ = [
    "FoldedAxis",
    "ProductPoints",
    "ScatteredWaves",
    "TensorWaves",
    "fold",
    "is_uniform",
    "unfold",
]

# Error of the non-uniform FFT, relative to the sum of absolute values: kernels of 14 nodes.
_TOL = 5e-13
_EPS = float(np.finfo(np.float64).eps)


class FoldedAxis:
    """A coordinate axis as signs times lengths about a center.

    ``lengths`` (q,) are not negative; ``pieces`` are triples of a sign, the slice of the axis and
    the slice of the lengths. An axis that is not symmetric about its center has one piece.
    """

    def __init__(self, values: NDArray, *, center: float | None = None) -> None:
        n = len(values)
        self.center = 0.5 * float(values[0] + values[-1]) if center is None else center
        if abs(self.center) <= 4 * _EPS * float(np.abs(values).max()):
            self.center = 0.0
        offset = values - self.center
        size = float(np.abs(values).max())
        whole = slice(0, n)
        self.pieces: list[tuple[int, slice, slice]] = [(1, whole, whole)]
        self.lengths: NDArray = offset
        if n > 1 and np.abs(offset + offset[::-1]).max() <= 8 * _EPS * size:
            middle = n // 2
            self.lengths = 0.5 * (offset[middle:] - offset[n - 1 - middle :: -1])
            ends = slice(middle - 1, None, -1) if middle > 0 else slice(0, 0)
            self.pieces = [
                (1, slice(middle, n), slice(0, n - middle)),
                (-1, ends, slice(n % 2, n - middle)),
            ]
        self.size = n


def _orthants(
    axes: tuple[FoldedAxis, ...],
) -> Iterator[tuple[tuple[int, ...], tuple[slice, ...], tuple[slice, ...]]]:
    for pieces in product(*(axis.pieces for axis in axes)):
        signs, sources, targets = zip(*pieces, strict=True)
        yield signs, sources, targets


def _parities(dim: int) -> Iterator[tuple[int, ...]]:
    """Which axes carry a sine, in the order of the folded arrays."""
    return product((0, 1), repeat=dim)


def _sign(signs: tuple[int, ...], parity: tuple[int, ...]) -> int:
    return math.prod(s for s, odd in zip(signs, parity, strict=True) if odd)


def _at(*index: Any) -> tuple[Any, ...]:
    """An index whose last entry is a tuple of slices."""
    return (*index[:-1], *index[-1])


def fold(values: NDArray, axes: tuple[FoldedAxis, ...]) -> NDArray:
    """Even and odd parts in each axis: (C, n1..nm, r) to (C, 2^m, q1..qm, r)."""
    lengths = [len(axis.lengths) for axis in axes]
    dim = len(axes)
    out = np.zeros((len(values), 2**dim, *lengths, *values.shape[dim + 1 :]), values.dtype)
    for signs, sources, targets in _orthants(axes):
        part = values[_at(slice(None), sources)]
        for i, parity in enumerate(_parities(dim)):
            target = out[_at(slice(None), i, targets)]
            if _sign(signs, parity) > 0:
                target += part
            else:
                target -= part
    return out


def unfold(parts: NDArray, axes: tuple[FoldedAxis, ...]) -> NDArray:
    """Values from even and odd parts: (C, 2^m, q1..qm, r) to (C, n1..nm, r), transpose of fold."""
    sizes = [axis.size for axis in axes]
    dim = len(axes)
    out = np.empty((len(parts), *sizes, *parts.shape[dim + 2 :]), parts.dtype)
    for signs, sources, targets in _orthants(axes):
        out_part = out[_at(slice(None), sources)]
        out_part[...] = 0
        for i, parity in enumerate(_parities(dim)):
            if _sign(signs, parity) > 0:
                out_part += parts[_at(slice(None), i, targets)]
            else:
                out_part -= parts[_at(slice(None), i, targets)]
    return out


@dataclass(frozen=True, eq=False)
class ProductPoints:
    """Points that list the product of coordinate axes, the last varying fastest, or the first."""

    axes: tuple[NDArray, ...]
    backwards: bool

    @classmethod
    def of(cls, points: NDArray) -> ProductPoints | None:
        """The axes of the points (N, m), or None where they are not a product."""
        n, dim = points.shape
        for backwards in (False, True)[: min(dim, 2)]:
            columns = points.T[::-1] if backwards else points.T
            axes, stride = [], n
            for column in columns:
                # Along the slowest axis the first coordinate is constant over whole blocks.
                changes = np.flatnonzero(column[:stride] != column[0])
                block = int(changes[0]) if len(changes) else stride
                if stride % block:
                    break
                axes.append(column[:stride:block].copy())
                stride = block
            if stride != 1 or len(axes) < dim:
                continue
            shape = tuple(len(axis) for axis in axes)
            mesh = np.meshgrid(*axes, indexing="ij", sparse=True)
            if all(
                np.array_equal(column.reshape(shape), np.broadcast_to(part, shape))
                for column, part in zip(columns, mesh, strict=True)
            ):
                return cls(tuple(axes[::-1] if backwards else axes), backwards)
        return None

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    @property
    def steps(self) -> NDArray[np.float64]:
        """Mean spacing of each axis (1 for a single coordinate)."""
        ends = [(axis[-1] - axis[0]) / max(len(axis) - 1, 1) for axis in self.axes]
        return np.array([step if step > 0 else 1.0 for step in ends])

    @property
    def uniform(self) -> bool:
        """Whether all axes increase in equal steps, to rounding."""
        return all(is_uniform(axis) for axis in self.axes)

    def listed(self, values: NDArray) -> NDArray:
        """Values (C, n1..nm) in the order of the points, (C, N)."""
        if self.backwards:
            values = values.transpose(0, *range(values.ndim - 1, 0, -1))
        return values.reshape(len(values), -1)


def is_uniform(axis: NDArray) -> bool:
    """Whether an axis increases in equal steps, to rounding."""
    ideal = np.linspace(axis[0], axis[-1], len(axis))
    rounding = 8 * _EPS * float(np.abs(axis).max())
    return bool(np.abs(axis - ideal).max() <= rounding and (np.diff(axis) > 0).all())


class TensorWaves:
    """Waves between the lattice and a product of axes, by matrix products along each axis.

    O(q n (q + n)) operations for each frequency in the plane; exact to rounding.
    """

    def __init__(self, lattice: tuple[FoldedAxis, ...], axes: tuple[NDArray, ...]) -> None:
        self.lattice = lattice
        self.axes = tuple(FoldedAxis(axis, center=0.0) for axis in axes)
        self.shape = tuple(len(axis) for axis in axes)
        self.dim = len(axes)
        self.turned = any(axis.center for axis in lattice)
        centers = [axis.center for axis in lattice]
        mesh = np.meshgrid(*axes, indexing="ij", sparse=True)
        self.turn = sum(c * x for c, x in zip(centers, mesh, strict=True)) + np.zeros(self.shape)
        self.flops = 0
        size = [len(axis.lengths) for axis in self.axes]
        for k, axis in enumerate(lattice):
            before = int(np.prod(size))
            size[k] = len(axis.lengths)
            self.flops += 2 * before * size[k] * 2**self.dim

    def cost(self, columns: int) -> float:
        """Operations for one frequency, in units of one in a matrix product."""
        return float(self.flops * columns * (2 if self.turned else 1))

    def analyse(self, omega: NDArray, columns: NDArray, out: NDArray) -> None:
        r"""Even and odd parts of :math:`\sum_i f_i e^{i\omega a\cdot x_i}` in a.

        columns (C, n); out (K, 2^m, L, Q), with K = C, or 2 C where the lattice is off center:
        then the second half belongs to :math:`f\sin(\omega\bar a\cdot x)`.
        """
        field = columns.reshape(-1, *self.shape)
        folded = None if self.turned else fold(field, self.axes)

        def run(start: int, stop: int) -> None:
            for i in range(start, stop):
                parts = folded
                if parts is None:
                    phase = omega[i] * self.turn
                    turned = np.concatenate([field * np.cos(phase), field * np.sin(phase)])
                    parts = fold(turned, self.axes)
                matrices = self._matrices(omega[i])
                for j, parity in enumerate(_parities(self.dim)):
                    chosen = [pair[odd] for pair, odd in zip(matrices, parity, strict=True)]
                    part = _along_axes(chosen, parts[:, j])
                    out[:, j, i] = part.reshape(len(part), -1)

        with one_blas_thread():
            parallel_for(run, len(omega))

    def synthesise(self, omega: NDArray, parts: NDArray, out: NDArray) -> None:
        """Transpose of :meth:`analyse`: adds to out (C, n) from parts (K, 2^m, L, Q)."""
        lengths = [len(axis.lengths) for axis in self.lattice]
        n_columns = len(parts)
        size = [len(axis.lengths) for axis in self.axes]
        if self.turned:
            each = np.empty((len(omega), n_columns // 2, *self.shape))
        else:
            each = np.empty((len(omega), n_columns, 2**self.dim, *size))

        def run(start: int, stop: int) -> None:
            for i in range(start, stop):
                found = np.empty((n_columns, 2**self.dim, *size))
                matrices = self._matrices(omega[i])
                for j, parity in enumerate(_parities(self.dim)):
                    chosen = [pair[odd].T for pair, odd in zip(matrices, parity, strict=True)]
                    found[:, j] = _along_axes(chosen, parts[:, j, i].reshape(-1, *lengths))
                if self.turned:
                    phase = omega[i] * self.turn
                    real, imaginary = np.split(unfold(found, self.axes), 2)
                    each[i] = np.cos(phase) * real - np.sin(phase) * imaginary
                else:
                    each[i] = found

        with one_blas_thread():
            parallel_for(run, len(omega))
        total = each.sum(axis=0)
        if not self.turned:
            total = unfold(total, self.axes)
        out += total.reshape(len(out), -1)

    def _matrices(self, omega: float) -> list[tuple[NDArray, NDArray]]:
        """cos and sin of omega alpha x (q, n) for each axis."""
        pairs: list[tuple[NDArray, NDArray]] = []
        for k, (axis, other) in enumerate(zip(self.axes, self.lattice, strict=True)):
            x, alpha = axis.lengths, other.lengths
            if k and all(
                np.array_equal(mine.lengths, first.lengths)
                for mine, first in ((axis, self.axes[0]), (other, self.lattice[0]))
            ):
                pairs.append(pairs[0])
                continue
            # Equal steps: rows beyond the first are products of rows before them.
            wave = np.empty((len(alpha), len(x)), complex)
            wave[0] = np.exp((1j * omega * alpha[0]) * x)
            known = 1
            while known < len(alpha):
                more = min(known, len(alpha) - known)
                ahead = np.exp((1j * omega * (alpha[known] - alpha[0])) * x)
                np.multiply(wave[:more], ahead, out=wave[known : known + more])
                known += more
            pairs.append((np.ascontiguousarray(wave.real), np.ascontiguousarray(wave.imag)))
        return pairs


def _along_axes(matrices: list[NDArray], values: NDArray) -> NDArray:
    """Multiply a matrix (q_k, n_k) onto each axis of values (C, n1..nm)."""
    for k, matrix in enumerate(matrices):
        shape = values.shape
        if k == len(matrices) - 1:
            return (values.reshape(-1, shape[-1]) @ matrix.T).reshape(*shape[:-1], -1)
        before = int(np.prod(shape[: k + 1]))
        values = matrix @ values.reshape(before, shape[k + 1], -1)
        values = values.reshape(*shape[: k + 1], len(matrix), *shape[k + 2 :])
    return values


class ScatteredWaves:
    """Waves between the lattice and any points, by a non-uniform FFT for each frequency.

    O(N w^m + P log P) operations for N points, P inner weights and a kernel of w nodes; error about
    1e-13 of the sum of absolute values. At most three variables.
    """

    def __init__(self, lattice: tuple[FoldedAxis, ...], points: NDArray) -> None:
        self.lattice, self.points = lattice, points
        self.dim = len(lattice)
        self.turned = any(axis.center for axis in lattice)
        self.kernel = SemicircleKernel.for_tolerance(_TOL)
        self.table = _polynomials(self.kernel)
        width = self.kernel.width
        spare = 3 - self.dim
        self.width = np.array([1] * spare + [width] * self.dim)
        self.fine = np.array(
            [1] * spare + [max(self.kernel.length(axis.size), 2 * width) for axis in lattice]
        )
        self.steps = np.array([_spacing(axis) for axis in lattice])
        # Modes are whole multiples of the step; an even axis lies half a step beside them.
        shift = np.array([0.0 if axis.size % 2 else 0.5 for axis in lattice]) * self.steps
        self.shift = points @ shift
        self.turn = points @ np.array([axis.center for axis in lattice])
        self.modes, factor = [], np.ones(())
        for axis, n in zip(lattice, self.fine[spare:], strict=True):
            mode = np.arange(axis.size) - axis.size // 2
            self.modes.append(mode % n)
            factor = np.multiply.outer(factor, 1 / self.kernel.transform(mode / n))
        self.factor = factor
        self.weights = []
        for parity in _parities(self.dim):
            weight: NDArray = np.ones((), complex)
            for axis, odd in zip(lattice, parity, strict=True):
                zero = 0.0 if odd else 1.0
                half = np.where(axis.lengths == 0, zero, 0.5) * (-1j) ** odd
                weight = np.multiply.outer(weight, half)
            self.weights.append(weight)

    def cost(self, columns: int) -> float:
        """Operations for one frequency, in units of one in a matrix product."""
        packed = columns if self.turned else (columns + 1) // 2
        size = float(np.prod(self.fine.astype(float)))
        taps = float(np.prod(self.width.astype(float))) + 3 * self.kernel.width**2
        return packed * (8 * len(self.points) * taps + 60 * size * np.log2(size + 1))

    def analyse(self, omega: NDArray, columns: NDArray, out: NDArray) -> None:
        """As :meth:`TensorWaves.analyse`."""
        packed = columns if self.turned else _packed(columns)

        def run(start: int, stop: int) -> None:
            for i in range(start, stop):
                weighted = packed * np.exp(1j * omega[i] * (self.shift + self.turn))
                fine = np.zeros((len(weighted), *self.fine), complex)
                spread_box(
                    0,
                    len(weighted),
                    self._positions(omega[i]),
                    np.ascontiguousarray(weighted.T),
                    self.table,
                    self.width,
                    fine,
                )
                fine = sp_fft.ifftn(fine, axes=(1, 2, 3), norm="forward", overwrite_x=True)
                fine = fine.reshape(len(weighted), *self.fine[3 - self.dim :])
                waves = fine[np.ix_(range(len(fine)), *self.modes)] * self.factor
                folded = fold(waves, self.lattice)
                for j, weight in enumerate(self.weights):
                    part = (folded[:, j] * weight).reshape(len(fine), -1)
                    both = np.concatenate([part.real, part.imag])
                    out[:, j, i] = both[: len(out)]

        parallel_for(run, len(omega))

    def synthesise(self, omega: NDArray, parts: NDArray, out: NDArray) -> None:
        """As :meth:`TensorWaves.synthesise`."""
        lengths = [len(axis.lengths) for axis in self.lattice]
        each = np.empty((len(omega), *out.shape))

        def run(start: int, stop: int) -> None:
            for i in range(start, stop):
                packed = _packed(parts[:, :, i])
                packed = packed.reshape(*packed.shape[:2], *lengths)
                for j, weight in enumerate(self.weights):
                    packed[:, j] *= weight
                fine = np.zeros((len(packed), *self.fine[3 - self.dim :]), complex)
                waves = unfold(packed, self.lattice) * self.factor
                fine[np.ix_(range(len(fine)), *self.modes)] = waves
                fine = fine.reshape(len(packed), *self.fine)
                fine = sp_fft.ifftn(fine, axes=(1, 2, 3), norm="forward", overwrite_x=True)
                found = np.empty((len(self.points), len(fine)), complex)
                positions = self._positions(omega[i])
                gather_box(0, len(found), positions, fine, self.table, self.width, found)
                found = found.T * np.exp(1j * omega[i] * (self.shift + self.turn))
                each[i] = np.concatenate([found.real, found.imag])[: len(out)]

        parallel_for(run, len(omega))
        out += each.sum(axis=0)

    def _positions(self, omega: float) -> NDArray:
        """Points in units of the nodes of the fine grid, (N, 3)."""
        spare = 3 - self.dim
        n = self.fine[spare:]
        place = np.zeros((len(self.points), 3))
        turns = self.points * (omega * self.steps / (2 * np.pi))
        place[:, spare:] = (turns - np.floor(turns)) * n
        return place


def _polynomials(kernel: SemicircleKernel) -> NDArray[np.float64]:
    """Kernel values (terms, w) at the w nodes around a point, in powers of its place in a cell."""
    terms = kernel.width + 4
    place = 0.5 * (1 - np.cos(np.pi * (np.arange(terms) + 0.5) / terms))
    distance = place[:, None] + 0.5 * kernel.width - 1 - np.arange(kernel.width)
    return np.linalg.solve(np.vander(place, increasing=True), kernel(distance))


def _packed(columns: NDArray) -> NDArray[np.complex128]:
    """Two real columns in one complex one: both go through one real-linear transform."""
    half = (len(columns) + 1) // 2
    out = columns[:half].astype(np.complex128)
    out[: len(columns) - half] += 1j * columns[half:]
    return out


def _spacing(axis: FoldedAxis) -> float:
    if len(axis.lengths) > 1:
        last = axis.lengths[-1] - axis.lengths[0]
        return float(last / (len(axis.lengths) - 1))
    # One or two lattice points: the two lie half a step from the center.
    return 2 * float(axis.lengths[0]) if axis.size == 2 else 1.0
