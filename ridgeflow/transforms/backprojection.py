"""Backprojection: functions given as one profile along each direction, f(x) = sum_u g_u(u . x)."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.backprojection import sum_profiles, sum_profiles_gradient
from ridgeflow._parallel import parallel_for

__all__ = ["Backprojection"]


def _monomials_on_cells(degree: int) -> tuple[NDArray, NDArray]:
    """Nodes t (degree + 1,) and the matrix from values at them to ascending coefficients."""
    order = np.arange(degree + 1)
    nodes = np.cos(np.pi * (order + 0.5) / (degree + 1))
    to_chebyshev = np.cos(np.outer(order, np.arccos(nodes))) * (2.0 / (degree + 1))
    to_chebyshev[0] *= 0.5
    to_monomial = np.zeros((degree + 1, degree + 1))
    for n in range(degree + 1):
        unit = np.zeros(n + 1)
        unit[n] = 1.0
        to_monomial[: n + 1, n] = np.polynomial.chebyshev.cheb2poly(unit)
    return nodes, to_monomial @ to_chebyshev


_DEGREE = 14
_NODES, _TO_COEFFICIENTS = _monomials_on_cells(_DEGREE)
# Half a cell spans this phase at the highest wave number. Chebyshev interpolation of degree 14 of
# exp(3it) is accurate to 2 J_15(3) = 6e-10, and profiles carry next to nothing at that wave number.
_HALF_CELL_PHASE = 3.0


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

    @staticmethod
    def nodes(radius: float, band: float) -> NDArray:
        """Offsets (cells * (degree + 1),) at which profiles of that band must be given."""
        cells = max(1, int(np.ceil(radius * band / _HALF_CELL_PHASE)))
        edge = np.linspace(-radius, radius, cells + 1)
        middle = 0.5 * (edge[1:] + edge[:-1])
        return (middle[:, None] + (radius / cells) * _NODES).ravel()

    @classmethod
    def from_waves(
        cls,
        directions: NDArray,
        center: NDArray,
        radius: float,
        waves: Iterable[tuple[NDArray, NDArray]],
        band: float,
    ) -> Backprojection:
        """Profiles sum_j Re(r_j exp(i k_j p)) from pairs of k (n_k,) and r (U, n_k, C)."""
        nodes = cls.nodes(radius, band)
        # Nodes are symmetric about 0: cosines and sines are needed on one half of them.
        half = len(nodes) // 2
        positive = nodes[half:]
        even = odd = np.zeros(())
        shape = (len(directions), 1)
        for k, response in waves:
            shape = (len(directions), response.shape[2])
            flat = np.moveaxis(response, 2, 1).reshape(-1, len(k))
            phase = np.outer(k, positive)
            even = even + flat.real @ np.cos(phase)
            odd = odd + flat.imag @ np.sin(phase)
        profiles = np.zeros((shape[0] * shape[1], len(nodes)))
        if even.ndim:
            profiles[:, half:] = even - odd
            profiles[:, : len(nodes) - half] = (even + odd)[:, ::-1]
        return cls._from_values(directions, center, radius, profiles.reshape(*shape, -1))

    @classmethod
    def _from_values(
        cls, directions: NDArray, center: NDArray, radius: float, profiles: NDArray
    ) -> Backprojection:
        """From profile values (U, C, n_nodes) at :meth:`nodes`."""
        values = profiles.reshape(*profiles.shape[:2], -1, _DEGREE + 1)
        coefficients = np.moveaxis(values @ _TO_COEFFICIENTS.T, 1, 2)
        return cls(directions, center, radius, np.ascontiguousarray(coefficients))

    def with_coefficients(self, coefficients: NDArray) -> Backprojection:
        """The same geometry with other profiles (for interpolation between representations)."""
        return replace(self, coefficients=np.ascontiguousarray(coefficients))

    def __call__(self, points: NDArray) -> NDArray:
        """Values (n, C) at points within the radius of the center."""
        out = np.empty((len(points), self.coefficients.shape[2]))
        self._run(sum_profiles, points, out)
        return out

    def with_gradient(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Values (n, C) and gradients (n, m, C)."""
        n_components = self.coefficients.shape[2]
        out = np.empty((len(points), n_components))
        gradient = np.empty((len(points), points.shape[1], n_components))
        self._run(sum_profiles_gradient, points, out, gradient)
        return out, gradient

    def _run(self, function: Callable, points: NDArray, *outputs: NDArray) -> None:
        cells = self.coefficients.shape[1]
        parallel_for(
            function,
            len(points),
            np.ascontiguousarray(points, dtype=np.float64),
            self.directions,
            self.directions @ self.center,
            -self.radius,
            2 * self.radius / cells,
            self.coefficients,
            *outputs,
            grain=max(1, 20000 // len(self.directions)),
        )
