"""Scattered samples as a function: the measure that they are, smoothed by a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._products import product
from ridgeflow._validate import positive
from ridgeflow.closed_forms import ridgelet_gaussian_mixture
from ridgeflow.columns import real_columns
from ridgeflow.fields.grid import GridField, require_energy
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.scattered_points import sample_slices

__all__ = ["SmoothedSamples", "as_smoothed", "with_energy"]

_BLOCK = 1 << 18


# Equal components from which on the slices of their means take less time than the closed form.
_MANY = 256


@dataclass(frozen=True, eq=False)
class SmoothedSamples:
    r"""The function :math:`\sum_i w_i f(x_i)\,N(x - x_i; h^2 I)`, h the bandwidth."""

    samples: SampleField
    bandwidth: float

    @property
    def dim(self) -> int:
        """Dimension m."""
        return self.samples.dim

    @property
    def component_shape(self) -> tuple[int, ...]:
        """() or (k,)."""
        return self.samples.component_shape

    @property
    def center(self) -> NDArray[np.float64]:
        """Midpoint of the bounding box (m,)."""
        return self.samples.center

    @property
    def columns(self) -> NDArray[np.float64]:
        """w_i f(x_i) (N, C), a complex component as two real ones."""
        values = self.samples.values
        return real_columns(self.samples.weights[:, None] * values.reshape(len(values), -1))

    def radius(self, center: NDArray, tol: float) -> float:
        """Radius of a ball about ``center`` outside of which each Gaussian is below tol / 10."""
        farthest = float(np.linalg.norm(self.samples.points - center, axis=1).max())
        return farthest + self.bandwidth * float(np.sqrt(2 * np.log(10 / tol)))

    def __call__(self, points: NDArray) -> NDArray[np.float64]:
        """Values (n, C) at points (n, m)."""
        return self.sums(points, self.columns)

    def sums(self, points: NDArray, columns: NDArray) -> NDArray[np.float64]:
        """The same with other columns (N, C) of the samples."""
        x = self.samples.points.astype(np.float64)
        height = (2 * np.pi * self.bandwidth**2) ** (-0.5 * self.dim)
        out = np.empty((len(points), columns.shape[1]))
        rows = max(1, _BLOCK // len(x))
        for start in range(0, len(points), rows):
            block = points[start : start + rows]
            square = np.zeros((len(block), len(x)))
            for i in range(self.dim):
                square += (block[:, i, None] - x[:, i]) ** 2
            out[start : start + rows] = product(np.exp(square / (-2 * self.bandwidth**2)), columns)
        return height * out

    def slices(
        self, directions: NDArray, center: NDArray, step: float, n: int, tol: float
    ) -> NDArray[np.complex128]:
        """Transforms (U, n + 1, C) at wave numbers 0, step, ..., n step along directions."""
        points = self.samples.points.astype(np.float64) - center
        waves = sample_slices(points, self.columns, directions, step, n, tol)
        k = step * np.arange(n + 1)
        return np.moveaxis(waves * np.exp(-0.5 * (self.bandwidth * k) ** 2), 1, 2)

    def at_nodes(self, a: NDArray, b: NDArray, ridgelet: Ridgelet) -> NDArray[np.float64]:
        """Ridgelet transform (P, C) at plain nodes, in closed form."""
        if self.bandwidth < 1e-150:
            raise ValueError(
                f"`bandwidth` must be at least 1e-150 at plain nodes, got {self.bandwidth:g} (take "
                "another unit of length)"
            )
        points = self.samples.points.astype(np.float64)
        parts = [
            ridgelet_gaussian_mixture(a, b, ridgelet, column, points, self.bandwidth**2)
            for column in self.columns.T
        ]
        return np.stack(parts, axis=1)


def as_smoothed(
    field: GridField | SampleField | GaussianMixture | SmoothedSamples,
) -> GridField | SampleField | GaussianMixture | SmoothedSamples:
    """A mixture of many equal round components as its means, smoothed; others as they are."""
    if not isinstance(field, GaussianMixture) or field.n_components < _MANY:
        return field
    variance = float(field.covariances[0, 0, 0])
    if not np.array_equal(
        field.covariances, np.broadcast_to(variance * np.eye(field.dim), field.covariances.shape)
    ):
        return field
    return SmoothedSamples(
        SampleField(field.means, np.ones(field.n_components), field.weights),
        float(np.sqrt(variance)),
    )


def with_energy(
    field: GridField | SampleField | GaussianMixture, bandwidth: float | None
) -> GridField | SampleField | GaussianMixture | SmoothedSamples:
    """The field, or its samples smoothed, which unlike point masses have an energy."""
    if bandwidth is None:
        return field
    if not isinstance(field, SampleField):
        raise ValueError("`bandwidth` is for scattered samples, got one for a gridded field or law")
    bandwidth = positive(bandwidth, "bandwidth")
    if bandwidth > 1e150:
        raise ValueError(
            f"`bandwidth` must be at most 1e150, got {bandwidth:g} (take another unit of length)"
        )
    smoothed = SmoothedSamples(field, bandwidth)
    with np.errstate(over="ignore"):
        require_energy(smoothed.columns)
    return smoothed
