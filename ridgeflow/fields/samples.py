"""Weighted scattered samples: a function known at points, or a law known through points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, as_real_array, same_length

__all__ = ["SampleField"]


class SampleField:
    """The measure ``Σ_i w_i f(x_i) δ_{x_i}``, or, without values, the law ``Σ_i w_i δ_{x_i}``.

    Transforms of it are those of f times the law that the points sample, unless the weights are
    a quadrature rule of dx: then they approximate those of f itself.

    Parameters
    ----------
    points : array, shape (n, m)
        In units of length; shape (n,) is read as m = 1.
    values : array, shape (n,) or (n, k), optional
        f(x_i). None: the object is a law (f = 1).
    weights : array, shape (n,), optional
        1/n each by default. Any finite numbers for a function; for a law not negative and not all
        zero.

    Attributes
    ----------
    points, weights
        As above; read-only.
    values : array, shape (n,) or (n, k)
        Ones for a law.
    is_law : bool
        Whether no values were given.
    dim : int
    component_shape : tuple of int
    center : array, shape (m,)
        Midpoint of the bounding box of the points.
    radius : float
        Largest distance of a point from the centre.

    Raises
    ------
    ValueError
        If lengths disagree, something is not finite, or the weights of a law are negative or all
        zero.

    See Also
    --------
    GridField : Values on a uniform grid.
    kernel_density : The law of samples, smoothed.

    Notes
    -----
    **Accuracy.** Exact as a measure. As an estimate of ``∫ f g dμ`` from independent samples of μ
    the error is O(n^(-1/2)).
    **Cost.** The memory of the arrays; they are copied once.

    Examples
    --------
    >>> law = SampleField([[0.0, 0.0], [1.0, 0.0], [0.0, 2.0]])
    >>> law.is_law, law.dim, law.component_shape
    (True, 2, ())
    """

    def __init__(
        self,
        points: ArrayLike,
        values: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> None:
        self.points: NDArray = as_points(points).copy()
        n = len(self.points)
        dtype = self.points.dtype
        self.is_law = values is None
        if values is None:
            self.values: NDArray = np.ones(n, dtype)
        else:
            self.values = as_real_array(values, "values", ndim=(1, 2), allow_complex=True).copy()
            same_length(points=self.points, values=self.values)
        if weights is None:
            self.weights: NDArray = np.full(n, 1.0 / n, dtype)
        else:
            self.weights = as_real_array(weights, "weights", ndim=1).copy()
            same_length(points=self.points, weights=self.weights)
            if self.is_law and self.weights.min() < 0:
                raise ValueError(
                    "`weights` of a law must not be negative, got a least weight of "
                    f"{self.weights.min():g} (signed weights need `values`)"
                )
            if self.is_law and not self.weights.any():
                raise ValueError("`weights` of a law must not all be zero")
        lower, upper = self.points.min(axis=0), self.points.max(axis=0)
        self.center: NDArray = 0.5 * (lower.astype(np.float64) + upper)
        self.radius = float(np.linalg.norm(self.points - self.center, axis=1).max())
        for array in (self.points, self.values, self.weights):
            array.setflags(write=False)

    @property
    def dim(self) -> int:
        """Number of variables, m."""
        return int(self.points.shape[1])

    @property
    def component_shape(self) -> tuple[int, ...]:
        """Shape of one value: () or (k,)."""
        return self.values.shape[1:]

    def __repr__(self) -> str:
        kind = "law" if self.is_law else f"component_shape={self.component_shape}"
        return f"SampleField(n={len(self.points)}, dim={self.dim}, {kind})"
