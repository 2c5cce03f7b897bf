"""Functions on a segment as waves on a uniform grid of wave numbers, and as polynomials of cells.

Both serve sums over many points: spreading onto the cells of a line and transforming them gives the
waves of a measure, and the transpose gives the polynomials of a function from its waves. Waves at
any other wave number follow from the grid by interpolation, whose weights do not depend on the
direction: ``e^{ikp}`` is a sum of ``e^{i k_l p}`` over a few l near k, the same for all ``|p|`` up
to the radius, because the grid is twice as fine as that radius asks for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import i0, jv

from ridgeflow._config import get_config
from ridgeflow._fft import BlockFFT, aligned_zeros, fast_length
from ridgeflow._fork import cached_property
from ridgeflow._parallel import parallel_for
from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory
from ridgeflow.radon_transform.interpolation import by_series

__all__ = [
    "CellWaves",
    "best_cells",
    "blocks",
    "cell_phase",
    "parts",
    "shared_work",
    "taps",
]

# Columns that one thread works on together, and bytes of their cells: at any time few of them are
# in use, so that more than the cache of a core pays, for passing over the points less often.
_COLUMNS = 16
_CACHE = 1_250_000
# Weights are held for at most so many wave numbers at once.
_CHUNK = 1 << 15
# Relative costs: of a point, by the number of moments and the bytes of a line, and of a number in
# the FFT of a line.
_POINT_COST = {4: 2.9, 8: 3.3, 12: 3.6, 16: 4.5}
_LINE_COST, _LARGE_LINE = 1e-5, 150_000
_FFT_COST = 0.5
# Short of pi, at which the waves of cells would alias.
_LARGEST_PHASE = 3.0


def cell_phase(terms: int, tol: float, share: NDArray | None = None) -> float:
    """Largest phase of a wave over half a cell with which that many polynomials keep ``tol``.

    The Chebyshev series of e^{i phase t} leaves 2 J_terms(phase) and less. ``share``: the weights
    of waves at equal steps from 0 to the largest, of which the last counts fully by default. At
    most 3.
    """
    weight = np.ones(1) if share is None else share
    part = np.linspace(0, 1, len(weight)) if len(weight) > 1 else np.ones(1)

    def excess(phase: float) -> float:
        return 2 * float((weight * np.abs(jv(terms, phase * part))).max()) - tol

    if excess(_LARGEST_PHASE) <= 0:
        return _LARGEST_PHASE
    return float(brentq(excess, 1e-8, _LARGEST_PHASE))


def best_cells(
    tol: float, n_points: int, reach: float, share: NDArray | None = None
) -> tuple[int, float]:
    """The cheapest number of moments for a sum over points, and the phase; reach: radius x band."""

    def cost(choice: tuple[int, float]) -> float:
        terms, phase = choice
        length = 2 * reach / phase + 64
        line = min(_LARGE_LINE, 4 * length * terms)
        points = n_points * (_POINT_COST[terms] + _LINE_COST * line)
        return points + _FFT_COST * terms * length * np.log2(length)

    return min(((terms, cell_phase(terms, tol, share)) for terms in _POINT_COST), key=cost)


def taps(tol: float) -> int:
    """Waves of the grid that one wave between them is made of, for an error below ``tol``."""
    # Measured: 1e-3 with 8, a factor of 2.26 for each tap down to 1e-14.
    return max(6, int(np.ceil((np.log10(1 / tol) + 0.3) / 0.353)))


@dataclass(frozen=True)
class CellWaves:
    """Cells of the segment |p| <= radius, and waves of the period 4 radius on them.

    Attributes
    ----------
    radius : float
    cells : int
        Equal cells that the segment is cut into.
    terms : int
        Moments, or coefficients of polynomials, of a cell.
    top : int
        Highest wave of the grid.
    width : int
        Taps of the interpolation between waves.
    """

    radius: float
    cells: int
    terms: int
    top: int
    width: int

    @classmethod
    def for_band(
        cls,
        radius: float,
        band: float,
        terms: int,
        phase: float,
        width: int,
        highest: float | None = None,
    ) -> CellWaves:
        """For wave numbers up to ``band``, which turn by at most ``phase`` over half a cell.

        The grid goes on to ``highest``, as far as cells can tell waves apart.
        """
        margin = width // 2 + 1
        # Two buffers of a line, of twice its cells.
        fits_in_memory(
            32.0 * terms * radius * band / phase,
            f"a line of the length {2 * radius:.3g} with wave numbers up to {band:.3g}",
            "take points closer to each other or a smaller band, or raise memory_budget",
        )
        step = 0.5 * np.pi / radius
        cells = fast_length(2 * int(np.ceil(radius * (band + (margin + 1) * step) / phase))) // 2
        top = int(np.ceil(max(band, highest or 0.0) / step)) + margin
        return cls(radius, cells, terms, min(top, int(_LARGEST_PHASE / np.pi * 2 * cells)), width)

    @property
    def length(self) -> int:
        """Cells of one period."""
        return 2 * self.cells

    @property
    def lines(self) -> int:
        """Columns whose cells are in use together, a power of two."""
        fit = max(1, min(_COLUMNS, _CACHE // (8 * self.cells * self.terms)))
        return 1 << (fit.bit_length() - 1)

    @property
    def step(self) -> float:
        """Distance of the wave numbers of the grid."""
        return 0.5 * np.pi / self.radius

    @property
    def margin(self) -> int:
        """Rows of the grid below that of the wave number 0."""
        return self.width // 2 + 1

    @property
    def rows(self) -> int:
        """Waves of the grid, with those of negative wave number that interpolation needs."""
        return self.margin + self.top + 1

    @property
    def highest(self) -> float:
        """Highest wave number that the grid can take."""
        return (self.top - self.margin) * self.step

    @cached_property
    def polynomials(self) -> tuple[NDArray, NDArray]:
        """``plus`` and ``minus`` of the kernels, (top + 1, terms / 2) each."""
        return _wave_polynomials(np.pi * np.arange(self.top + 1) / self.length, self.terms)

    @cached_property
    def turn(self) -> NDArray:
        """e^{-ikp} at the middle of the first cell, (top + 1, 2)."""
        first = -self.radius * (1 - 1 / self.cells)
        return parts(np.exp(-1j * self.step * first * np.arange(self.top + 1)))

    def pieces(self, n: int) -> Iterator[slice]:
        """n wave numbers in portions whose weights are held at once."""
        return (slice(i, min(i + _CHUNK, n)) for i in range(0, n, _CHUNK))

    def weights(self, k: NDArray) -> tuple[NDArray, NDArray]:
        """First row (n_k,) and weights (n_k, width) of wave numbers between those of the grid.

        A sinc times a Kaiser-Bessel window: on |p| <= radius its transform is 1.
        """
        place = k / self.step
        first = np.ceil(place - 0.5 * self.width).astype(np.int64)
        distance = first[:, None] + np.arange(self.width) - place[:, None]
        inside = np.clip(1 - (2 * distance / self.width) ** 2, 0.0, None)
        beta = 0.25 * np.pi * self.width
        window = i0(beta * np.sqrt(inside)) / i0(beta)
        return first + self.margin, np.sinc(distance) * window


def _wave_polynomials(phase: NDArray, terms: int) -> tuple[NDArray, NDArray]:
    """Half the difference and half the sum of the coefficients of cos(phase t) and sin(phase t)."""
    order = np.arange(terms)
    # e^{i phase t} = sum_n i^n (2 - [n = 0]) J_n(phase) T_n(t).
    series = 2 * _bessel(order, phase) * np.where(order // 2 % 2, -1.0, 1.0)
    series[:, 0] *= 0.5
    powers = np.zeros((terms, terms))
    for n in range(terms):
        powers[n, : n + 1] = np.polynomial.chebyshev.cheb2poly(np.eye(terms)[n, : n + 1])
    coefficients = product(series, powers)
    even, odd = coefficients[:, ::2], coefficients[:, 1::2]
    return 0.5 * (even - odd), 0.5 * (even + odd)


def _bessel(order: NDArray, phase: NDArray) -> NDArray:
    """J_n(phase) for all orders, (n_phase, orders); of many phases by their Chebyshev series."""
    count = 24 + int(phase.max())
    if len(phase) <= count:
        return jv(order, phase[:, None])
    return by_series(lambda some: jv(order, some[:, None]), phase, count)


def line_buffers(
    waves: CellWaves, *, backward: bool
) -> tuple[NDArray, NDArray, Callable[[], object]]:
    """Two buffers (lines, length, terms) and the FFT along lines from the first to the second."""
    shape = (waves.lines, waves.length, waves.terms)
    source, target = aligned_zeros(shape, np.float64), aligned_zeros(shape, np.float64)
    ends = (source.view(np.complex128), target.view(np.complex128))
    return source, target, BlockFFT(ends[0], ends[1], 1, backward=backward).execute


def series_buffers(
    columns: int, n: int, *, backward: bool
) -> tuple[NDArray, NDArray, Callable[[], object]]:
    """Half spectra (columns, n / 2 + 1, 2) and series (columns, n), and the FFT between them."""
    side = aligned_zeros((columns, n // 2 + 1), np.complex128)
    series = aligned_zeros((columns, n), np.float64)
    ends = (side, series) if backward else (series, side)
    return parts(side), series, BlockFFT(ends[0], ends[1], 1, backward=backward).execute


def shared_work(n: int, prepare: Callable[[], tuple], work: Callable[..., None]) -> None:
    """Call ``work(i, *own)`` for all i < n; ``own`` is what ``prepare`` made for the thread."""
    spare = [prepare() for _ in range(min(get_config().threads, n))]

    def run(start: int, stop: int) -> None:
        own = spare.pop()
        try:
            for i in range(start, stop):
                work(i, *own)
        finally:
            spare.append(own)

    parallel_for(run, n)


def blocks(n_columns: int) -> list[tuple[int, int]]:
    """Columns cut into blocks for one thread each; the same for any number of threads."""
    size = max(1, min(_COLUMNS, n_columns // 4))
    return [(i, min(i + size, n_columns)) for i in range(0, n_columns, size)]


def parts(values: NDArray) -> NDArray:
    """Real and imaginary parts side by side on a last axis; no copy of contiguous numbers."""
    values = np.ascontiguousarray(values, dtype=np.complex128)
    return values.view(np.float64).reshape(*values.shape, 2)
