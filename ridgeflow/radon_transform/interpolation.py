"""Interpolation of band-limited functions from uniform nodes: the kernel and its tables.

A trigonometric sum is computed at arbitrary points by an FFT on a grid twice as fine as its band,
divided beforehand by the kernel's transform, and a short sum of kernel values around each point.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.polynomial.chebyshev import chebvander
from numpy.typing import NDArray

from ridgeflow._fft import fast_length
from ridgeflow._fork import cached_property
from ridgeflow._kernels.vector_spreading import CELLS, window_terms
from ridgeflow._products import product
from ridgeflow._validate import finite_number

__all__ = ["LEAST_TOL", "SemicircleKernel", "as_dtype", "as_tolerance"]

# Tolerances that a dtype can keep.
LEAST_TOL = {np.dtype(np.float32): 1e-6, np.dtype(np.float64): 1e-13}
_DEFAULT_TOL = 1e-8

# Relative L2 error of interpolation with widths 4, 6, ... by oversampling: measured on random sums
# of waves over the whole band, and rounded up. A coarser grid has cheaper FFTs and wants wider
# kernels; odd widths would leave lanes of vector registers empty.
_ERRORS = {
    2.0: (2e-3, 1e-5, 1e-7, 2e-9, 2e-11, 3e-13, 1.5e-14),
    1.5: (4e-3, 8e-5, 1.5e-6, 6e-8, 1.5e-9, 6e-11, 1e-12),
}


@cache
def _gauss(n: int) -> tuple[NDArray, NDArray]:
    return np.polynomial.legendre.leggauss(n)


def by_series(function: Callable[[NDArray], NDArray], at: NDArray, terms: int) -> NDArray:
    """Values of a smooth function at many places >= 0, from its Chebyshev series on [0, max]."""
    middle = 0.5 * float(at.max())
    place = np.cos(np.pi * (np.arange(terms) + 0.5) / terms)
    series = np.linalg.solve(chebvander(place, terms - 1), function(middle * (1 + place)))
    return product(chebvander(at / middle - 1, terms - 1), series)


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

        At best 1.5e-14 at oversampling 2, 1e-12 at 1.5.
        """
        errors = _ERRORS[oversampling]
        enough = [i for i, error in enumerate(errors) if error <= tol]
        return cls(4 + 2 * (enough[0] if enough else len(errors) - 1), oversampling)

    def length(self, n: int) -> int:
        """Length of the fine grid for a band of n nodes: no shorter than a window."""
        return fast_length(max(self.width, int(np.ceil(self.oversampling * n))))

    @property
    def beta(self) -> float:
        # 0.98 of the band's edge was best for widths 4 to 15.
        return 0.98 * np.pi * self.width * (1 - 1 / (2 * self.oversampling))

    def __call__(self, x: NDArray) -> NDArray:
        inside = np.clip(1 - (2 * x / self.width) ** 2, 0, None)
        return np.where(inside > 0, np.exp(self.beta * (np.sqrt(inside) - 1)), 0.0)

    def transform(self, frequency: NDArray) -> NDArray:
        """Fourier transform at ``frequency`` in cycles per node."""
        node, weight = _gauss(16 + 8 * self.width)
        x = 0.5 * self.width * node
        rule = 0.5 * self.width * weight * self(x)
        # Even and entire: a short series in the square holds it.
        terms = 20 + self.width // 2
        if len(frequency) <= terms:
            return product(np.cos(2 * np.pi * np.outer(frequency, x)), rule)
        return by_series(
            lambda square: self.transform(np.sqrt(square)), np.square(frequency), terms
        )

    @cached_property
    def table(self) -> NDArray[np.float64]:
        """Polynomials of the place of a point among its nodes, for the kernels: (cells, terms, w).

        A point at position p, with s = p - w/2, has the nodes floor(s) + 1 + t, t = 0..w - 1; its
        place s - floor(s) in [0, 1) is split into equal cells.
        """
        terms = window_terms(self.width)
        node = 0.5 * (1 - np.cos(np.pi * (np.arange(terms) + 0.5) / terms))
        place = (np.arange(CELLS)[:, None] + node) / CELLS
        distance = place[..., None] + 0.5 * self.width - 1 - np.arange(self.width)
        return np.linalg.solve(np.vander(node, increasing=True), self(distance))


def as_tolerance(tol: float | None, dtype: np.dtype, default: float = _DEFAULT_TOL) -> float:
    """A tolerance that the dtype can keep; for None the default, or the least that it can."""
    least = LEAST_TOL[dtype]
    if tol is None:
        return max(default, least)
    tol = finite_number(tol, "tol")
    if not least <= tol < 1:
        raise ValueError(
            f"`tol` must lie in [{least:g}, 1) for {dtype.name} values, got {tol:g}"
            + (" (pass float64 values)" if dtype == np.float32 else "")
        )
    return tol


def as_dtype(value: np.typing.DTypeLike) -> np.dtype:
    try:
        dtype = np.dtype(value)
    except TypeError:
        dtype = np.dtype(object)
    if dtype not in LEAST_TOL:
        raise ValueError(f"`dtype` must be float32 or float64, got {value!r}")
    return dtype
