"""Laws that are given otherwise than by a mixture: densities on grids, scores, bare samples."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, instance_of, non_negative
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField

__all__ = ["NoisyScore", "grid_law", "smoothed"]


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


def smoothed(law: SampleField, covariance: ArrayLike) -> GaussianMixture:
    """The empirical law of samples with normal noise: one component for each atom.

    Parameters
    ----------
    law : SampleField
        Without values.
    covariance : number or array, shape (m, m)
        Of the noise, positive definite.

    Returns
    -------
    GaussianMixture

    Examples
    --------
    >>> smoothed(SampleField([[0.0], [2.0]]), 0.5).cov
    array([[1.5]])
    """
    instance_of(law, "law", SampleField)
    weights = np.asarray(law.weights, dtype=np.float64)
    kept = weights > 0
    points = np.asarray(law.points, dtype=np.float64)
    if not kept.all():
        points, weights = points[kept], weights[kept]
    return GaussianMixture(weights / weights.sum(), points, covariance)


class NoisyScore:
    """The law ``μ * N(0, tI)`` known by its score alone, ``s(x, t)``.

    It has the part of the face of a :class:`GaussianMixture` that a score can answer.

    Parameters
    ----------
    field : CallableField
        A timed score.
    t : float
        Noise variance.

    Examples
    --------
    >>> noisy = NoisyScore(CallableField(lambda x, t: -x / (1 + t), 1, score=True), 1.0)
    >>> noisy.score([[3.0]]), noisy.score_jacobian([[3.0]]).round(9)
    (array([[-1.5]]), array([[[-0.5]]]))
    """

    def __init__(self, field: CallableField, t: float) -> None:
        self.field: CallableField = instance_of(field, "field", CallableField)
        self.t = non_negative(t, "t")
        self.dim = field.dim

    def score(self, x: ArrayLike, *, method: str = "auto", tol: float = 1e-10) -> NDArray:
        """Values of the field; the options are those of mixtures and change nothing."""
        return self.field(x, self.t)

    def score_jacobian(self, x: ArrayLike) -> NDArray:
        """Central differences, symmetrised: an error of some 1e-9 of the score's scale."""
        points = as_points(x, "x", self.dim).astype(np.float64)
        step = np.cbrt(np.finfo(np.float64).eps) * (1 + np.abs(points).max(axis=1, keepdims=True))
        jacobian = np.empty((*points.shape, self.dim))
        for j in range(self.dim):
            move = step * np.eye(self.dim)[j]
            rise = self.score(points + move) - self.score(points - move)
            jacobian[:, :, j] = rise / (2 * step)
        return 0.5 * (jacobian + jacobian.transpose(0, 2, 1))

    def logpdf(self, x: ArrayLike, **options: Any) -> NDArray:
        """Raise: a score does not tell the density."""
        raise TypeError(
            "`law` must have a density for this, got a CallableField that is known by its score "
            "alone (use a GaussianMixture or kernel_density(points))"
        )
