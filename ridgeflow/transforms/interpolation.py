"""Interpolation of band-limited functions from uniform nodes: the kernel and its tables.

A trigonometric sum is computed at arbitrary points by an FFT on a grid twice as fine as its band,
divided beforehand by the kernel's transform, and a short sum of kernel values around each point.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from ridgeflow._fft import fast_length
from ridgeflow._kernels.slices import node_weights
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import finite_number

__all__ = ["LEAST_TOL", "SemicircleKernel", "as_tolerance"]

# Tolerances that a dtype can keep.
LEAST_TOL = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-13}

# Relative L2 error of interpolation with widths 4, 5, ... by oversampling: measured on random sums
# of waves over the whole band. A coarser grid has cheaper FFTs and wants wider kernels.
_ERRORS = {
    2.0: (4e-4, 4e-5, 5e-6, 6e-7, 5e-8, 6e-9, 6e-10, 8e-11, 7e-12, 6e-13, 8e-14, 1.5e-14),
    1.5: (2e-3, 3e-4, 4e-5, 8e-6, 1e-6, 2e-7, 3e-8, 5e-9, 1e-9, 1e-10, 1e-11, 2e-12, 6e-13),
}


@dataclass(frozen=True)
class SemicircleKernel:
    r"""Exponential of a semicircle, :math:`\varphi(x) = e^{\beta(\sqrt{1 - (2x/w)^2} - 1)}`,
    supported on w nodes.

    References
    ----------
    A. H. Barnett, J. Magland and L. af Klinteberg, *A parallel nonuniform fast Fourier transform
    library based on an "exponential of semicircle" kernel*, SIAM J. Sci. Comput. 41 (2019).
    """

    width: int
    oversampling: float = 2.0

    @classmethod
    def for_tolerance(cls, tol: float, oversampling: float = 2.0) -> SemicircleKernel:
        """The narrowest kernel whose interpolation error is below ``tol``.

        At best 1.5e-14 at oversampling 2, 6e-13 at 1.5.
        """
        errors = _ERRORS[oversampling]
        enough = [i for i, error in enumerate(errors) if error <= tol]
        return cls(4 + (enough[0] if enough else len(errors) - 1), oversampling)

    def length(self, n: int) -> int:
        """Length of the fine grid for a band of n nodes."""
        return fast_length(int(np.ceil(self.oversampling * n)))

    @property
    def beta(self) -> float:
        # 0.98 of the band's edge was best for widths 4 to 15.
        return 0.98 * np.pi * self.width * (1 - 1 / (2 * self.oversampling))

    def __call__(self, x: NDArray) -> NDArray:
        inside = np.clip(1 - (2 * x / self.width) ** 2, 0, None)
        return np.where(inside > 0, np.exp(self.beta * (np.sqrt(inside) - 1)), 0.0)

    def transform(self, frequency: NDArray) -> NDArray:
        """Fourier transform at ``frequency`` in cycles per node."""
        node, weight = np.polynomial.legendre.leggauss(16 + 8 * self.width)
        x = 0.5 * self.width * node
        return np.cos(2 * np.pi * np.outer(frequency, x)) @ (0.5 * self.width * weight * self(x))

    def weights(
        self, position: NDArray, period: int, dtype: np.typing.DTypeLike
    ) -> tuple[NDArray[np.int32], NDArray]:
        """First node in [0, period) and the weights (..., w) for positions in units of nodes."""
        flat = np.ascontiguousarray(position, dtype=np.float64).ravel()
        first = np.empty(flat.shape, np.int32)
        weights = np.empty((flat.size, self.width), dtype)
        parallel_for(node_weights, flat.size, flat, period, self.table, first, weights, grain=4096)
        return first.reshape(position.shape), weights.reshape(*position.shape, self.width)

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """Polynomials (degree + 1, w) of the place x in [0, 1) of a point among its w nodes.

        A point at position p, with s = p - w/2, has the nodes floor(s) + 1 + t, t = 0..w - 1, and
        x = s - floor(s).
        """
        degree = self.width + 5
        place = 0.5 * (1 - np.cos(np.pi * (np.arange(degree + 1) + 0.5) / (degree + 1)))
        distance = place[:, None] + 0.5 * self.width - 1 - np.arange(self.width)
        return np.linalg.solve(np.vander(place, increasing=True), self(distance))


def as_tolerance(tol: float, dtype: np.dtype) -> float:
    """A tolerance that the dtype can keep."""
    tol = finite_number(tol, "tol")
    least = LEAST_TOL[dtype]
    if not least <= tol < 1:
        raise ValueError(
            f"`tol` must lie in [{least:g}, 1) for {dtype.name} values, got {tol:g}"
            + (" (pass float64 values)" if dtype == np.float32 else "")
        )
    return tol
