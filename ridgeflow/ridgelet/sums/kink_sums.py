r"""Exact network sums of the step function, ReLU and its square over a lattice of neurons.

For fixed a the sum over offsets is a piecewise polynomial of :math:`t = a\cdot x`. Along a line of
equally spaced points it is added up through its differences, at the cost of the kinks that the line
meets; at other points it is looked up.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.lattice_sums import kinks_at_points, kinks_on_lines
from ridgeflow._parallel import parallel_for
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.lattice_waves import ProductPoints

__all__ = ["kink_degree", "kink_sum", "kink_sum_cost"]

_DEGREES = {"step": 0, "relu": 1, "relu2": 2}
_EPS = float(np.finfo(np.float64).eps)
# Neurons are taken in slabs of about this many.
_SLAB = 1 << 21


def kink_degree(eta: Activation) -> int | None:
    """The d of a multiple of z_+^d, d <= 2; None for any other activation."""
    return _DEGREES.get(eta.base) if eta.order == 0 else None


def kink_sum_cost(n_weights: float, n_offsets: int, points: NDArray) -> float:
    """Operations of :func:`kink_sum` for one column, in units of one in a matrix product."""
    product = ProductPoints.of(points)
    if product is None or not product.uniform:
        return 30.0 * n_weights * len(points)
    lines = len(points) / max(product.shape)
    return 15.0 * n_weights * (n_offsets + lines * (2 + 0.5 * n_offsets))


def kink_sum(
    axes: tuple[NDArray, ...],
    b: NDArray,
    columns: NDArray,
    eta: Activation,
    points: NDArray,
) -> NDArray[np.float64]:
    r"""Sums :math:`\sum_{a,b} c(a,b)\,\eta(a\cdot x - b)`, (C, N).

    axes and b are uniform, columns (C, A, B) the outer weights. Exact to rounding; the step
    function is 1/2 at arguments that differ from 0 by rounding alone. With A inner weights, B
    offsets and N points: O(A B N^{(m-1)/m}) on a product of uniform axes, O(A B + A N) elsewhere.
    """
    degree = kink_degree(eta)
    if degree is None:
        raise ValueError(f"`eta` must be a truncated power, got {eta.name!r}")
    reach = sum(np.abs(axis).max() * np.abs(x).max() for axis, x in zip(axes, points.T))
    slack = 16 * _EPS * float(reach + np.abs(b).max())
    mesh = np.meshgrid(*axes, indexing="ij")
    a = np.stack([part.ravel() for part in mesh], axis=1)
    # Neurons at (-a, -b) are those at (a, b) turned round.
    mirrored = all(np.abs(axis + axis[::-1]).max() <= slack for axis in (*axes, b))
    middle = len(a) // 2 if mirrored else 0
    rows = max(1, _SLAB // len(b))
    out = np.empty((len(columns), len(points)))
    product = ProductPoints.of(points)
    for column, total in zip(columns, out, strict=True):
        sums = _PowerSums(degree, points, product, b, slack)
        peak = float(np.abs(column).max())
        for start in range(middle, len(a), rows):
            part = slice(start, min(start + rows, len(a)))
            weights = column[part].copy()
            lowest = np.full(len(weights), b[0])
            if mirrored:
                other = column[::-1][part, ::-1].copy()
                if start == middle and len(a) % 2:
                    other[0] = 0.0
                sums.turn(a[part], lowest, other)
                weights += other
            # A spectrum of the other parity cancels here, up to its own rounding.
            kept = np.abs(weights).max(axis=1) > 8 * _EPS * peak
            sums.add(a[part][kept], lowest[kept], weights[kept])
        total[:] = eta.scale * sums.values()
    return out


class _PowerSums:
    """Accumulates sums of truncated powers of degree d at given points."""

    def __init__(
        self,
        degree: int,
        points: NDArray,
        product: ProductPoints | None,
        b: NDArray,
        slack: float,
    ) -> None:
        self.degree, self.points, self.slack = degree, points, slack
        self.offsets = b - b[0]
        self.spacing = float(b[1] - b[0]) if len(b) > 1 else 1.0
        dim = points.shape[1]
        self.constant, self.linear, self.square = 0.0, np.zeros(dim), np.zeros((dim, dim))
        self.product = product if product is not None and product.uniform else None
        if self.product is None:
            self.found = np.zeros(len(points))
            return
        self.lines = [_Lines.along(self.product, k, degree) for k in range(dim)]

    def turn(self, a: NDArray, lowest: NDArray, weights: NDArray) -> None:
        """Replace w (-z)_+^d by its terms in z_+^d, and keep the polynomial that is left."""
        b = lowest[:, None] + self.offsets
        weights *= (-1) ** self.degree
        total = weights.sum(axis=1)
        if self.degree == 0:
            self.constant += float(total.sum())
        else:
            first = (weights * b).sum(axis=1)
            self.linear += a.T @ (total if self.degree == 1 else -2 * first)
            if self.degree == 1:
                self.constant -= float(first.sum())
            else:
                self.constant += float((weights * b * b).sum())
                self.square += (a.T * total) @ a
        weights *= -1

    def add(self, a: NDArray, lowest: NDArray, weights: NDArray) -> None:
        """Add neurons a (A, m), offsets lowest + j spacing, outer weights (A, B); overwrites."""
        if not len(a):
            return
        if self.product is None:
            below = self._below(lowest, weights)
            parallel_for(
                kinks_at_points,
                len(self.points),
                a,
                lowest,
                self.spacing,
                weights,
                below,
                self.points,
                self.slack,
                self.found,
                grain=max(1, (1 << 16) // len(a)),
            )
            return
        size = np.array(self.product.shape)
        # Lines that meet fewest kinks.
        met = np.minimum(np.abs(a) * (self.product.steps * size / self.spacing), weights.shape[1])
        chosen = np.argmin((3 + met) / size, axis=1)
        for k, lines in enumerate(self.lines):
            rows = np.flatnonzero(chosen == k)
            if not len(rows):
                continue
            inner, least, outer = a[rows], lowest[rows], weights[rows]
            back = inner[:, k] < 0
            if back.any():
                turned = outer[back][:, ::-1].copy()
                inner[back] *= -1
                least[back] = -least[back] - self.offsets[-1]
                self.turn(inner[back], least[back], turned)
                outer[back] = turned
            parallel_for(
                kinks_on_lines,
                len(lines.points),
                inner,
                least,
                self.spacing,
                outer,
                self._below(least, outer),
                k,
                lines.points,
                self.product.steps[k],
                self.slack,
                lines.head,
                lines.differences,
            )

    def _below(self, lowest: NDArray, weights: NDArray) -> NDArray:
        """Coefficients in t of the sums over the offsets below each one, (A, B + 1, d + 1)."""
        n, size = weights.shape
        below = np.zeros((n, size + 1, self.degree + 1))
        b = lowest[:, None] + self.offsets
        term = weights
        for k in range(self.degree, -1, -1):
            # (t - b)^d: binomial coefficients 1; -1, 1; 1, -2, 1.
            binomial = (1.0, (-1.0, 1.0)[k % 2], (1.0, -2.0, 1.0)[k])[self.degree]
            np.cumsum(binomial * term, axis=1, out=below[:, 1:, k])
            term = term * b
        return below

    def values(self) -> NDArray[np.float64]:
        """The sums at all points, (N,)."""
        x = self.points
        polynomial = self.constant + x @ self.linear + ((x @ self.square) * x).sum(axis=1)
        if self.product is None:
            return polynomial + self.found
        total = np.zeros(self.product.shape)
        for k, lines in enumerate(self.lines):
            total += np.moveaxis(lines.values().reshape(lines.shape), -1, k)
        return polynomial + self.product.listed(total[None])[0]


@dataclass
class _Lines:
    """Lines of points along one axis, and what is accumulated on them."""

    shape: tuple[int, ...]
    points: NDArray
    head: NDArray
    differences: NDArray

    @classmethod
    def along(cls, product: ProductPoints, k: int, degree: int) -> _Lines:
        axes = [axis[:1] if i == k else axis for i, axis in enumerate(product.axes)]
        mesh = np.meshgrid(*axes, indexing="ij")
        first = np.stack([part.ravel() for part in mesh], axis=1)
        n = product.shape[k]
        shape = (*(s for i, s in enumerate(product.shape) if i != k), n)
        head = np.zeros((len(first), degree + 1))
        return cls(shape, first, head, np.zeros((len(first), n + degree + 1)))

    def values(self) -> NDArray[np.float64]:
        """Sums at the points of the lines, (lines, n)."""
        found = self.differences
        for _ in range(self.head.shape[1]):
            found = np.cumsum(found, axis=1)
        index = np.arange(self.shape[-1])
        return found[:, : self.shape[-1]] + np.polynomial.polynomial.polyval(index, self.head.T)
