"""Normal equations of outer weights: Gram matrices of what neurons have beside an affine part."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.lapack import cholesky_solve
from ridgeflow._parallel import interruptible, one_blas_thread
from ridgeflow._units import power_of_two
from ridgeflow._validate import slab_rows
from ridgeflow.networks.affine_control import affine_basis
from ridgeflow.networks.elimination import blas_threads, in_unit
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["NormalEquations", "penalised_weights"]

# Least penalty in the trace of the Gram matrix. Rounding then moves the fit by less than
# 1e-14 trace / penalty^(1/2) times the size of the weights, and what it minimises by 1e-12 of it.
_SAFE = 1e-14
# Bytes of one slab of features.
_SLAB = 2**24


@dataclass(frozen=True)
class NormalEquations:
    r"""Inner products of the residuals r of neurons and of values, both without their affine part.

    .. math:: G_{jk} = \sum_i q_i\, r_j(x_i)\, r_k(x_i),\qquad
              q_i = w_i / \sum_i w_i

    Attributes
    ----------
    gram : ndarray, shape (P, P)
    size : ndarray, shape (P,)
        Its diagonal before the affine part was taken away: below 1e-16 of it all is rounding.
    target : ndarray, shape (P, k)
        Inner products with the values, in units of ``unit``.
    unit : float
    """

    gram: NDArray[np.float64]
    size: NDArray[np.float64]
    target: NDArray[np.float64]
    unit: float
    _cross: NDArray[np.float64]
    _center: NDArray[np.float64]
    _slopes: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        a: NDArray,
        b: NDArray,
        eta: Activation,
        points: NDArray,
        values: NDArray,
        weights: NDArray,
    ) -> NormalEquations:
        """Of neurons at points (n, m) with values (n, k) and weights (n,).

        **Cost.** O(n P²); memory O(P²) and a slab.
        """
        share = weights / weights.sum()
        with one_blas_thread():
            center, basis, slopes = affine_basis(points, share)
        skip, width = basis.shape[1], len(b)
        columns = skip + width + values.shape[1]
        # The products, what is left of them, and the steps of a solution; a block thrice.
        rows = slab_rows(
            *(24.0 * columns, len(points), 40.0 * columns**2),
            *(f"the fit of {width} neurons", "use fewer neurons"),
            most=3.0 * _SLAB,
        )
        unit = float(power_of_two(values))
        whole = np.zeros((columns, columns))

        def add(part: slice) -> None:
            block = np.empty((len(points[part]), columns))
            block[:, :skip] = basis[part]
            block[:, skip : skip + width] = ridge_matrix(points[part], a, b, eta)
            block[:, skip + width :] = values[part] / unit
            block *= np.sqrt(share[part, None])
            with blas_threads(columns):
                np.add(whole, block.T @ block, out=whole)

        with np.errstate(over="ignore", invalid="ignore"):
            for low in range(0, len(points), rows):
                cost = float(min(rows, len(points)) * columns**2)
                interruptible(add, slice(low, low + rows), cost=cost)
            # The affine columns are orthonormal.
            cross = whole[:skip, skip:]
            with blas_threads(columns):
                left = whole[skip:, skip:] - cross.T @ cross
        size = np.diagonal(whole)[skip : skip + width].copy()
        gram, target = np.ascontiguousarray(left[:width, :width]), left[:width, width:].copy()
        return cls(gram, size, target, unit, cross, center, slopes)

    def solve(self, penalty: float) -> tuple[NDArray, NDArray, NDArray] | None:
        """Outer weights, slopes and constants, none where the penalty is too small for it."""
        width = len(self.gram)
        if not penalty > _SAFE * np.trace(self.gram):
            return None

        def solved() -> NDArray:
            with blas_threads(width):
                # Symmetric: read as columns, the rows need no copy.
                return cholesky_solve((self.gram + penalty * np.eye(width)).T, self.target)

        outer = interruptible(solved, cost=width**3 / 3)
        with blas_threads(width):
            part = self._cross[:, width:] - self._cross[:, :width] @ outer
            linear = self._slopes @ part[1:]
            bias = part[0] - self._center @ linear
        outer, linear, bias = in_unit(self.unit, outer, linear, bias)
        return outer, linear, bias


def penalised_weights(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    penalty: float,
    weights: NDArray,
) -> tuple[NDArray, NDArray, NDArray]:
    r"""Outer weights (P, k), slopes (m, k) and constants (k,) of a fit to values (n, k).

    .. math:: \min\ \sum_i q_i\, |f(x_i) - y_i|^2 + \lambda\, |c|^2

    The affine part bears no penalty. By normal equations, a quarter of the time of the orthogonal
    factorisation, which takes over where the penalty is too small for them.
    """
    found = NormalEquations.of(a, b, eta, points, values, weights).solve(penalty)
    if found is not None:
        return found
    fit = solve_outer_weights(
        *(a, b, eta, points, values), penalty=penalty, affine=True, weights=weights
    )
    return fit.outer, fit.linear, fit.bias
