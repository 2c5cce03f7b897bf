"""The affine part of neurons over points, which a skip unit carries exactly, and what is left."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._validate import fits_in_memory
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["AffineControl", "affine_basis"]

# Points that stand for all: the share of chance in an affine part is (m + 1)/512. Every node of a
# grid is evaluated at each of them, so that there are fewer where nodes are many.
_POINTS, _FEWEST, _EVALUATIONS, _SEED = 512, 128, 2**25, 31
# Bytes of one slab of features: within the caches.
_SLAB = 2**21
# Spreads of the points below this part of the largest are rounding: no slope is fitted there.
_ROUNDING = 1e-12


class AffineControl:
    r"""Neurons split into their affine part over weighted points and a residual.

    .. math:: \eta(a\cdot x - b) = \ell\cdot x + d + r(x),\qquad
              \sum_i w_i\, r(x_i) = 0,\quad \sum_i w_i\, x_i\, r(x_i) = 0

    A sum of neurons is the affine projection of the whole sum plus the sum of the residuals: the
    first is computed exactly, the second drawn, with probability proportional to the size of the
    outer weight times the deviation of the residual.

    Parameters
    ----------
    points : ndarray, shape (n, m)
        In float64. Of more than 512 so many are taken, the same in every run.
    weights : ndarray, shape (n,), optional
        Not negative and not all zero; equal by default.
    count : int, optional
        In place of 512: a density of nodes needs fewer, since weights make up for it.
    """

    def __init__(
        self, points: NDArray, weights: NDArray | None = None, count: int = _POINTS
    ) -> None:
        mass = np.ones(len(points)) if weights is None else np.asarray(weights, np.float64)
        index = np.flatnonzero(mass > 0)
        if len(index) > count:
            index = np.random.default_rng(_SEED).choice(index, count, replace=False)
        self.points = np.ascontiguousarray(points[index], np.float64)
        self.weights = mass[index] / mass[index].sum()
        self._center, self._basis, self._slopes = affine_basis(self.points, self.weights)
        self._dual = np.ascontiguousarray((self._basis * self.weights[:, None]).T)

    @classmethod
    def for_nodes(cls, points: NDArray, nodes: int) -> AffineControl:
        """With as many points as a grid of so many nodes affords: 128 to 512."""
        return cls(points, count=int(np.clip(_EVALUATIONS // nodes, _FEWEST, _POINTS)))

    def parts(self, a: NDArray, b: NDArray, eta: Activation) -> tuple[NDArray, NDArray]:
        """Slopes (P, m) and constants (P,) of the affine parts of neurons.

        **Cost.** O(P n m) by slabs; Ctrl-C is heard between them.
        """
        linear, bias = np.empty(a.shape), np.empty(len(b))
        for part, features in self._slabs(a, b, eta):
            linear[part], bias[part] = self._affine(self._dual @ features)
        return linear, bias

    def deviations(self, a: NDArray, b: NDArray, eta: Activation) -> NDArray[np.float64]:
        """Deviations (P,) of the residuals of neurons."""
        left = np.empty(len(b))
        for part, features in self._slabs(a, b, eta):
            features -= self._basis @ (self._dual @ features)
            left[part] = self._deviations(features)
        return left

    def split(
        self, a: NDArray, b: NDArray, c: NDArray, eta: Activation
    ) -> tuple[NDArray, tuple[NDArray, NDArray], NDArray]:
        """A sum of neurons with outer weights (P, k), split: the deviations (P,) of the residuals,
        slopes (m, k) and constant (k,) of the affine part of the sum, and its rest (n, k) at the
        points.
        """
        left, rest = np.empty(len(b)), np.zeros((len(self.points), c.shape[1]))
        whole = np.zeros((self._basis.shape[1], c.shape[1]))
        for part, features in self._slabs(a, b, eta):
            found = self._dual @ features
            features -= self._basis @ found
            left[part] = self._deviations(features)
            outer = np.asarray(c[part], np.float64)
            whole += found @ outer
            rest += features @ outer
        linear = self._slopes @ whole[1:]
        return left, (linear, whole[0] - self._center @ linear), rest

    def _deviations(self, residuals: NDArray) -> NDArray:
        return np.sqrt(np.einsum("i,ij,ij->j", self.weights, residuals, residuals))

    def _affine(self, found: NDArray) -> tuple[NDArray, NDArray]:
        """Slopes (P, m) and constants (P,) from coefficients (1 + r, P)."""
        linear = (self._slopes @ found[1:]).T
        return linear, found[0] - linear @ self._center

    def _slabs(self, a: NDArray, b: NDArray, eta: Activation) -> Iterator[tuple[slice, NDArray]]:
        rows = len(self.points)
        size = max(1, int(min(_SLAB, get_config().memory_budget / 4) // (8 * rows)))
        fits_in_memory(
            16.0 * rows * min(size, len(b)),
            f"features of {min(size, len(b))} neurons at {rows} points",
            "raise memory_budget",
        )
        for low in range(0, len(b), size):
            part = slice(low, low + size)
            inner, offset = (np.asarray(each[part], np.float64) for each in (a, b))
            yield part, ridge_matrix(self.points, inner, offset, eta)


def affine_basis(x: NDArray, weights: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """Centre (m,), columns (n, 1 + r) orthonormal under the weights, the first of them constant,
    and slopes (m, r) of the others."""
    center = weights @ x
    root = np.sqrt(weights)[:, None]
    _, size, right = np.linalg.svd(root * (x - center), full_matrices=False)
    kept = size > _ROUNDING * (size.max(initial=0.0) + np.abs(center).max(initial=0.0))
    slopes = right[kept].T / size[kept]
    basis = np.column_stack([np.ones(len(x)), (x - center) @ slopes])
    return center, basis, slopes
