"""Clustered data: classes and their means, the cones that tell them apart, admissible intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_array, as_points, as_real_array, common_float, same_length

__all__ = [
    "Classes",
    "ClusterGeometry",
    "as_classes",
    "as_labels",
    "cluster_geometry",
    "power_of_two",
]

_EPS = np.finfo(np.float64).eps


@dataclass(frozen=True, eq=False)
class Classes:
    """Checked data of a classification, in float64 but for ``dtype``, the one of the results.

    Points come divided by ``unit``, a power of two, so that their squares are of the order of one.
    """

    points: NDArray[np.float64]
    index: NDArray[np.intp]
    values: NDArray
    targets: NDArray[np.float64]
    dtype: np.dtype
    unit: float = 1.0

    @property
    def count(self) -> int:
        return len(self.values)

    @property
    def weights(self) -> NDArray[np.float64]:
        """The weight 1/N_j of each point."""
        return 1 / np.bincount(self.index)[self.index]

    def means(self, points: NDArray) -> NDArray:
        """Class means, shape (Q, m)."""
        return np.stack([points[self.index == j].mean(0) for j in range(self.count)])


def power_of_two(size: float) -> float:
    """The power of two next below a size, with which nothing is rounded; 1 for 0."""
    return math.ldexp(1.0, max(math.frexp(size)[1] - 1, -1021)) if size > 0 else 1.0


def as_labels(value: ArrayLike, name: str) -> NDArray:
    """Labels of classes (N,), all numbers or all text."""
    labels = as_array(value, name)
    if labels.ndim != 1:
        raise ValueError(f"`{name}` must have 1 dimension, got shape {labels.shape}")
    if labels.dtype.kind not in "biufSUOMm":
        raise TypeError(f"`{name}` must be numbers or text, got dtype {labels.dtype}")
    # A list of numbers and text becomes text without a word.
    listed = list(value) if isinstance(value, (list, tuple)) else labels.tolist()
    if labels.dtype.kind == "O" or (labels.dtype.kind in "US" and listed):
        number = (bool, int, float, np.bool_, np.integer, np.floating)
        kinds = {next((k for k in (str, bytes, number) if isinstance(v, k)), None) for v in listed}
        if len(kinds) != 1 or None in kinds:
            raise TypeError(
                f"`{name}` must be all numbers or all text, got values of several kinds or of "
                "another kind"
            )
        if labels.dtype.kind == "O":
            labels = np.array(listed)
    if labels.dtype.kind in "fMm" and not np.isfinite(labels).all():
        raise ValueError(f"`{name}` must be finite, got NaN or infinite values")
    return labels


def as_classes(X: ArrayLike, labels: ArrayLike, *Y: ArrayLike) -> Classes:
    """Points, the index of each one's class, and the label vectors (unit vectors if left out)."""
    points = as_points(X, "X")
    given = as_labels(labels, "labels")
    same_length(X=points, labels=given)
    values, index = np.unique(given, return_inverse=True)
    if len(values) < 2:
        raise ValueError(f"`labels` must name at least 2 classes, got {len(values)}")
    targets = as_real_array(Y[0], "Y", ndim=2) if Y else np.eye(len(values))
    if len(targets) != len(values):
        raise ValueError(
            f"`Y` must hold one row for each of the {len(values)} classes of `labels`, got shape "
            f"{targets.shape}"
        )
    dtype = common_float(points, targets) if Y else points.dtype
    points = points.astype(np.float64)
    unit = power_of_two(float(np.abs(points).max()))
    return Classes(points / unit, index, values, targets.astype(np.float64), np.dtype(dtype), unit)


def _independent(rows: NDArray, name: str) -> None:
    """Refuse linearly dependent rows."""
    values = np.linalg.svd(rows, compute_uv=False)
    least = values[-1] if len(values) == len(rows) else 0.0
    if not least > 64 * max(rows.shape) * _EPS * values[0]:
        raise ValueError(
            f"{name} must be linearly independent, got {len(rows)} vectors in dimension "
            f"{rows.shape[1]} with a least singular value of {least:.3g} (largest {values[0]:.3g})"
        )


@dataclass(frozen=True, eq=False)
class ClusterGeometry:
    """Means, basis of their span, and the cone of each class with its admissible interval."""

    basis: NDArray[np.float64]
    means: NDArray[np.float64]
    axes: NDArray[np.float64]
    angles: NDArray[np.float64]
    intervals: NDArray[np.float64]
    offsets: NDArray[np.float64]

    def point(self, j: int) -> NDArray:
        """Where class j collapses to, in the coordinates of the basis."""
        return self.means[j] + self.offsets[j] * self.axes[j]


def cluster_geometry(
    data: Classes,
    dim: int,
    angles: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
) -> ClusterGeometry:
    """Check that the data are clustered; choose cones and points. ``dim`` is the first width."""
    count = data.count
    means = data.means(data.points)
    _independent(means, "the class means of `X`")
    _independent(data.targets, "the rows of `Y`")
    basis = _basis(data, means, dim)
    points, means = data.points @ basis.T, means @ basis.T
    delta = float(np.sqrt(((points - means[data.index]) ** 2).sum(1)).max())
    centre = means.mean(0)
    reach = np.sqrt(((centre - means) ** 2).sum(1))
    axes = (centre - means) / reach[:, None]
    name = data.values.tolist()
    apart = np.sqrt(((means[:, None] - means[None]) ** 2).sum(-1))
    np.fill_diagonal(apart, np.inf)
    j, k = divmod(int(apart.argmin()), count)
    if 4 * delta >= apart[j, k]:
        raise ValueError(
            "`X` must be clustered: 4 delta must be below every distance of class means, got "
            f"4 delta = {4 * delta * data.unit:.4g} with |m_j - m_k| = "
            f"{apart[j, k] * data.unit:.4g} for classes {name[j]} and {name[k]} (delta is the "
            "largest distance of a point to its class mean; try sequential_separation)"
        )
    a = np.einsum("jkm,jm->jk", means[None] - means[:, None], axes)
    r = np.sqrt(((means[None] - means[:, None] - a[..., None] * axes[:, None]) ** 2).sum(-1))
    least = np.arctan2(r, a) + np.arcsin(4 * delta / apart)
    np.fill_diagonal(least, 0)
    least = least.max(1)
    j = int(least.argmax())
    if least[j] >= 0.5 * math.pi:
        raise ValueError(
            f"`X` must have theta_* below pi for every class, got {2 * least[j]:.4g} for class "
            f"{name[j]} (seen from its mean, another class lies too far from the direction of the "
            "mean of the means; try sequential_separation)"
        )
    if angles is None:
        half = 0.5 * (np.maximum(least, 0.25 * math.pi) + 0.5 * math.pi)
    else:
        half = 0.5 * _per_class(angles, "angles", count)
        if not ((half >= 0.25 * math.pi) & (half < 0.5 * math.pi)).all():
            raise ValueError(f"`angles` must lie in [pi/2, pi), got {(2 * half).tolist()}")
    upper = a - (r * np.cos(half)[:, None] + delta) / np.sin(half)[:, None]
    np.fill_diagonal(upper, np.inf)
    intervals = np.stack([delta / np.sin(half), np.minimum(reach, upper.min(1))], axis=1)
    j = int(np.argmin(intervals[:, 1] - intervals[:, 0]))
    if not intervals[j, 0] < intervals[j, 1]:
        raise ValueError(
            f"the admissible interval of class {name[j]} must not be empty, got "
            f"({intervals[j, 0] * data.unit:.4g}, {intervals[j, 1] * data.unit:.4g}) at the angle "
            f"{2 * half[j]:.4g} of `angles` (angles from {2 * least[j]:.4g} upwards admit points)"
        )
    distance = intervals.mean(1)
    if offsets is not None:
        distance = _per_class(offsets, "offsets", count) / data.unit
    outside = ~((intervals[:, 0] < distance) & (distance < intervals[:, 1]))
    if outside.any():
        j = int(outside.argmax())
        raise ValueError(
            "`offsets` must lie in the admissible intervals, got "
            f"{distance[j] * data.unit:.4g} for class {name[j]}, outside "
            f"({intervals[j, 0] * data.unit:.4g}, {intervals[j, 1] * data.unit:.4g})"
        )
    return ClusterGeometry(basis, means, axes, 2 * half, intervals, distance)


def _basis(data: Classes, means: NDArray, dim: int) -> NDArray:
    """Orthonormal rows: the span of the means first, then where the data spread most."""
    m, count = means.shape[1], len(means)
    if dim == m == count:
        return np.eye(m)
    span = np.linalg.svd(means, full_matrices=False)[2]
    rest = data.points - data.points @ span.T @ span
    scale = np.abs(data.points).max()
    # Fill-in vectors at a negligible scale complete the basis where the data do not.
    filled = np.concatenate([rest, 1e-8 * scale * (np.eye(m) - span.T @ span)])
    rows = np.concatenate([span, np.linalg.svd(filled, full_matrices=False)[2][: m - count]])
    return np.linalg.qr(rows.T)[0].T[:dim]


def _per_class(value: ArrayLike, name: str, count: int) -> NDArray[np.float64]:
    """One number per class from a number or an array."""
    array = as_real_array(value, name, ndim=(0, 1)).astype(np.float64)
    if array.ndim and len(array) != count:
        raise ValueError(f"`{name}` must hold one number per class ({count}), got {len(array)}")
    return np.broadcast_to(array, (count,)).copy()
