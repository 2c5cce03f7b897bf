"""Weighted scattered samples: a function known at points, or a law known through points."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import bridge, collection_among
from ridgeflow._validate import (
    as_covariance,
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    instance_of,
    positive,
    positive_int,
    same_length,
)
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.kernel_density import smoothed
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["SampleField", "grid_law"]


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

    def __new__(
        cls,
        points: ArrayLike | None = None,
        values: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> SampleField:
        if collection_among(points, values, weights):
            return bridge().ShardedSamples(points, values, weights)
        return super().__new__(cls)

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
        # Halves first, and lengths in units of the largest: neither sums nor squares overflow.
        self.center: NDArray = 0.5 * lower.astype(np.float64) + 0.5 * upper
        offsets = self.points - self.center
        unit = float(np.abs(offsets).max()) or 1.0
        self.radius = unit * float(np.linalg.norm(offsets / unit, axis=1).max())
        if not np.isfinite(self.radius):
            raise ValueError(
                "`points` must lie within 1.8e308 of each other, got a bounding box from "
                f"{lower} to {upper} (take another unit of length)"
            )
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

    def _refuse_values(self, what: str) -> None:
        if not self.is_law:
            raise ValueError(
                f"`{what}` needs a law, got a SampleField that carries values (build it from the "
                "points alone)"
            )

    def smooth(self, covariance: ArrayLike) -> GaussianMixture:
        """Law of ``x0 + ε``, ε ~ N(0, C): ``Σ_i w_i N(x_i, C)``, a kernel density estimate.

        Parameters
        ----------
        covariance : number or array, shape (m, m)
            C, positive definite, length squared.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If the field carries values, or C is not positive definite.

        Examples
        --------
        >>> SampleField([[0.0], [2.0]]).smooth(0.5).cov
        array([[1.5]])
        """
        self._refuse_values("smooth")
        given: float | NDArray = as_real_array(covariance, "covariance", ndim=(0, 2))
        if np.ndim(given):
            given = as_covariance(given, "covariance", self.dim)
        else:
            given = positive(given, "covariance")
        return smoothed(self.points, self.weights, given)

    def sample(self, n: int, rng: int | np.random.Generator | None = None) -> NDArray:
        """Independent draws of the points of a law, by their weights.

        Parameters
        ----------
        n : int
        rng : int, Generator or None

        Returns
        -------
        array, shape (n, m)

        Raises
        ------
        ValueError
            If n < 1, or the field carries values.
        MemoryBudgetError
            If the draws exceed the memory budget.

        Examples
        --------
        >>> SampleField([[0.0], [2.0]], weights=[0.0, 1.0]).sample(2, 0)
        array([[2.],
               [2.]])
        """
        self._refuse_values("sample")
        n = positive_int(n, "n")
        fits_in_memory(8.0 * n * (self.dim + 2), "the sample", "draw fewer points")
        weights = self.weights.astype(np.float64)
        chosen = as_generator(rng).choice(len(weights), n, p=weights / weights.sum())
        return self.points[chosen]

    def __repr__(self) -> str:
        kind = "law" if self.is_law else f"component_shape={self.component_shape}"
        return f"SampleField(n={len(self.points)}, dim={self.dim}, {kind})"


def grid_law(field: GridField) -> SampleField:
    """A density on a grid as the law of its nodes, ``Σ_i f(x_i) δ_{x_i} / Σ_i f(x_i)``.

    Parameters
    ----------
    field : GridField
        Real values that are not negative, with one component; any constant multiple of a density.

    Returns
    -------
    SampleField
        Nodes of value zero are left out.

    Raises
    ------
    ValueError
        If the field is complex or has components, if a value is negative, or all are zero.
    MemoryBudgetError
        If the list of nodes does not fit.

    Notes
    -----
    **Accuracy.** The trapezoid rule. Smoothed by noise of standard deviation σ, of at least one
    step, the sum over nodes is the smoothed density but for ``2 exp(−2π²σ²/step²) < 6e-9`` of it,
    if the grid resolves the density.
    **Cost.** O(nodes).

    Examples
    --------
    >>> x = np.linspace(-1, 1, 5)
    >>> grid_law(GridField(1 - x**2, (x,))).weights
    array([0.3, 0.4, 0.3])
    """
    values = instance_of(field, "field", GridField).values
    if field.component_shape or np.iscomplexobj(values):
        raise ValueError(
            "`law` must be a real density with one component, got a GridField of dtype "
            f"{values.dtype} and component shape {field.component_shape}"
        )
    if values.min() < 0:
        raise ValueError(
            f"`law` must not be negative, got a GridField with values down to {values.min():g} "
            "(clip it where that is rounding)"
        )
    flat = values.ravel().astype(np.float64)
    if not flat.any():
        raise ValueError("`law` must not vanish everywhere, got a GridField of zeros")
    kept = flat > 0
    return SampleField(field.points()[kept], weights=flat[kept] / flat.sum())
