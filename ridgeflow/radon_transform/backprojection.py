"""Backprojection: functions given as one profile along each direction, f(x) = sum_u g_u(u . x)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.backprojection import sum_profiles, sum_profiles_gradient
from ridgeflow._kernels.spreading import cells_of_waves, load_offsets, scatter_waves
from ridgeflow._parallel import parallel_for
from ridgeflow.radon_transform.segment_waves import (
    CellWaves,
    blocks,
    line_buffers,
    parts,
    series_buffers,
    shared_work,
    taps,
)

__all__ = ["Backprojection", "WaveSum", "total_of"]

# Half a cell spans this phase at the highest wave number: 12 terms of the Chebyshev series of
# exp(1.7it) are accurate to 2 J_12(1.7) = 6e-10, and profiles carry next to nothing there.
_TERMS = 12
# In single precision 8 terms do, with 1.3e-5 there.
_SINGLE_TERMS = 8
_PHASE = 1.7
# Of the interpolation between wave numbers, relative to the largest wave.
_ACCURACY = 1e-12


class WaveSum:
    r"""Sums of waves, :math:`g_q(p) = \mathrm{Re} \sum_k r_{qk} e^{ikp}` for many columns q.

    Parameters
    ----------
    n_columns : int
    radius : float
        Profiles are wanted for :math:`|p| \le` radius.
    band : float
        Wave number that the profiles resolve.
    highest : float, optional
        Wave numbers up to here are taken in as well, the others left out: as far as 1.7 times the
        band.
    single : bool
        Whether profiles are of single precision, and of fewer terms.
    """

    def __init__(
        self,
        n_columns: int,
        radius: float,
        band: float,
        highest: float | None = None,
        *,
        single: bool = False,
    ) -> None:
        self._terms = _SINGLE_TERMS if single else _TERMS
        self.dtype = np.dtype(np.float32 if single else np.float64)
        width = taps(_ACCURACY)
        self.waves = CellWaves.for_band(radius, band, self._terms, _PHASE, width, highest)
        self._span = blocks(n_columns)
        self._grids = [np.zeros((self.waves.rows, 2 * (high - low))) for low, high in self._span]

    def add(self, k: NDArray, response: NDArray) -> None:
        """Add waves k (n_k,) with amplitudes (n_columns, n_k), complex."""
        inside = k <= self.waves.highest
        k, amplitudes = k[inside], parts(response[:, inside])
        tables = self._tables(k, np.ones(len(k), complex))

        def work(i: int) -> None:
            low, high = self._span[i]
            for table in tables:
                scatter_waves(0, high - low, amplitudes[low:high], *table, self._grids[i])

        shared_work(len(self._span), tuple, work)

    def add_series(
        self, values: NDArray, components: NDArray, n: int, k: NDArray, factor: NDArray
    ) -> None:
        """Add the waves k_j, j = 0, 1, ..., of the FFT over n places of series, times factor.

        values (U, 2 half + 1, m): columns of the sum are direction times component, component c
        being values[..., components[c]], and the place in the middle is 0.
        """
        used = int(np.searchsorted(k, self.waves.highest, side="right"))
        tables = self._tables(k[:used], factor[:used])
        half = values.shape[1] // 2

        def work(i: int, side: NDArray, series: NDArray, transform: Callable) -> None:
            low, high = self._span[i]
            load_offsets(low, high, values, half, components, series)
            transform()
            for table in tables:
                scatter_waves(0, high - low, side, *table, self._grids[i])

        width = self._span[0][1]
        shared_work(len(self._span), lambda: series_buffers(width, n, backward=False), work)

    def _tables(self, k: NDArray, factor: NDArray) -> list[tuple[NDArray, NDArray, NDArray, int]]:
        return [
            (*self.waves.weights(k[piece]), parts(factor[piece]), piece.start)
            for piece in self.waves.pieces(len(k))
        ]

    def band_above(self, share: float) -> float:
        """Wave number beyond which no wave of the grid exceeds that share of the largest."""
        size = np.zeros(self.waves.rows)
        for grid in self._grids:
            np.maximum(size, np.abs(grid).max(axis=1), out=size)
        size = size[self.waves.margin :]
        large = np.flatnonzero(size > share * size.max())
        return float(self.waves.step * large[-1]) if len(large) else 0.0

    def cells(self, band: float, highest: float | None = None) -> CellWaves:
        """Cells that resolve ``band``; waves beyond it, or beyond ``highest``, are left out."""
        waves = CellWaves.for_band(
            self.waves.radius, band, self._terms, _PHASE, self.waves.width, highest
        )
        return replace(waves, top=min(waves.top, self.waves.top))

    def profiles(
        self, cells: CellWaves, n_components: int, weights: NDArray, first: int
    ) -> NDArray:
        """Coefficients (U, cells, C, terms) of directions from ``first``, times weights."""
        out = np.empty((len(weights), cells.cells, n_components, cells.terms), self.dtype)
        plus, minus = cells.polynomials
        turn = cells.turn
        start, stop = first * n_components, (first + len(weights)) * n_components
        span = [
            (max(low, start), min(high, stop), low, grid)
            for (low, high), grid in zip(self._span, self._grids, strict=True)
            if low < stop and high > start
        ]

        def work(i: int, spectra: NDArray, lines: NDArray, transform: Callable) -> None:
            low, high, origin, grid = span[i]
            for begin in range(low, high, cells.lines):
                end = min(begin + cells.lines, high)
                some = (cells.margin, plus, minus, turn, spectra)
                cells_of_waves(0, end - begin, grid, begin - origin, *some)
                transform()
                for column in range(begin, end):
                    u, c = divmod(column - start, n_components)
                    np.multiply(lines[column - begin, : cells.cells], weights[u], out=out[u, :, c])

        shared_work(len(span), lambda: line_buffers(cells, backward=True), work)
        return out


@dataclass(frozen=True, eq=False)
class Backprojection:
    r"""Piecewise polynomial profiles along directions: :math:`f(x) = \sum_u g_u(u\cdot(x - c))`.

    Attributes
    ----------
    directions : ndarray, shape (U, m)
    center : ndarray, shape (m,)
    radius : float
        Profiles are given for :math:`|p| \le` radius.
    coefficients : ndarray, shape (U, cells, C, degree + 1)
    """

    directions: NDArray
    center: NDArray
    radius: float
    coefficients: NDArray

    @classmethod
    def from_waves(
        cls,
        directions: NDArray,
        center: NDArray,
        radius: float,
        waves: Iterable[tuple[NDArray, NDArray]],
        band: float,
    ) -> Backprojection:
        """Profiles sum_j Re(r_j exp(i k_j p)) from pairs of k (n_k,) and r (U, n_k, C).

        Wave numbers beyond 1.7 times the band are left out.
        """
        pairs = list(waves)
        n_components = pairs[0][1].shape[2] if pairs else 1
        highest = max((float(k.max()) for k, _ in pairs if len(k)), default=band)
        total = WaveSum(len(directions) * n_components, radius, band, highest)
        for k, response in pairs:
            total.add(k, np.moveaxis(response, 2, 1).reshape(-1, len(k)))
        cells = total.cells(band, highest)
        profiles = total.profiles(cells, n_components, np.ones(len(directions)), 0)
        return cls(directions, center, radius, profiles)

    def with_coefficients(self, coefficients: NDArray) -> Backprojection:
        """The same geometry with other profiles (for interpolation between representations)."""
        return replace(self, coefficients=np.ascontiguousarray(coefficients))

    def ending(self) -> Backprojection:
        """The same profiles, which are 0 beyond their radius."""
        n_directions, cells, *rest = self.coefficients.shape
        longer = np.zeros((n_directions, cells + 2, *rest))
        longer[:, 1:-1] = self.coefficients
        # What lies beyond the last cells is read off them.
        return replace(self, radius=self.radius * (1 + 2 / cells), coefficients=longer)

    def __call__(self, points: NDArray) -> NDArray:
        """Values (n, C) at points within the radius of the center."""
        return total_of([self], points)

    def with_gradient(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Values (n, C) and gradients (n, m, C)."""
        n_components = self.coefficients.shape[2]
        out = np.zeros((n_components, len(points)))
        gradient = np.zeros((n_components, points.shape[1], len(points)))
        turned = np.ascontiguousarray(points.T, dtype=np.float64)
        self._add(sum_profiles_gradient, turned, out, gradient)
        return np.ascontiguousarray(out.T), np.ascontiguousarray(gradient.T)

    def _add(self, kernel_for: Callable, points: NDArray, *outputs: NDArray) -> None:
        cells, _, terms = self.coefficients.shape[1:]
        parallel_for(
            kernel_for(terms),
            points.shape[1],
            points,
            self.directions,
            self.directions @ self.center,
            -self.radius,
            2 * self.radius / cells,
            self.coefficients,
            *outputs,
            grain=max(1, 20000 // len(self.directions)),
        )


def total_of(profiles: Iterable[Backprojection], points: NDArray) -> NDArray:
    """Sum (n, C) of backprojections, which may be made one by one."""
    turned = np.ascontiguousarray(points.T, dtype=np.float64)
    out = np.zeros(0)
    for one in profiles:
        if not out.size:
            out = np.zeros((one.coefficients.shape[2], len(points)))
        one._add(sum_profiles, turned, out)
    return np.ascontiguousarray(out.T)
