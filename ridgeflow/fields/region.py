"""Where a representation holds: smooth windows, and the affine part that no window should cut."""

from __future__ import annotations

import functools
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import i1

from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    finite_number,
    positive,
    same_length,
)
from ridgeflow.errors import RankWarning
from ridgeflow.fields.enclosing_balls import ball_of_mixture, ball_of_points
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField

__all__ = ["AffinePart", "Region", "fit_affine"]

# Slope of the transition: g(u) = I1(β√(1−u²))√(1−u²) on [-1, 1], β = 14. Share of the window's L2
# norm beyond |k| = 20, 30, 40 (m = 2, radius 4, margin 1; geometric mean in brackets):
#   this one, β = 14                                5.9e-4  1.4e-7  2.7e-8  (1.3e-6)
#   Kaiser-Bessel I0(β√(1−u²)), β = 14              4.1e-4  6.9e-8  3.5e-8  (1.0e-6)
#   prolate spheroidal, c = 14                      3.7e-4  7.7e-8  4.3e-8  (1.1e-6)
#   erfc cut at 1e-16 (best erfc: cut at 1e-5)      1.8e-2  4.2e-3  8.1e-4  (1.5e-3, 6.1e-6)
#   exp(-1/s)/(exp(-1/s)+exp(-1/(1-s)))             9.8e-4  1.7e-4  5.1e-5  (2.0e-4)
#   integral of exp(-3/(1-u²))                      6.5e-4  8.3e-5  2.5e-5  (1.1e-4)
# The first three differ little; the first alone has a continuous slope at both ends.
_BETA = 14.0
_DEGREE = 60


def _slope(u: NDArray) -> NDArray:
    root = np.sqrt(np.clip(1 - u * u, 0, None))
    return i1(_BETA * root) * root


@functools.cache
def _transition() -> tuple[np.polynomial.Chebyshev, float]:
    """The step from 1 at u = -1 to 0 at u = 1, and the integral of the slope."""
    slope = np.polynomial.Chebyshev.interpolate(_slope, _DEGREE)
    integral = slope.integ(lbnd=-1)
    total = float(integral(1.0))
    return 1 - integral / total, total


class Region:
    """A ball with a smooth window: 1 within ``radius``, 0 beyond ``radius + margin``.

    ``w(x) = 1 − ∫_{-1}^{u} g / ∫_{-1}^{1} g`` with ``g(u) = I1(14 √(1−u²)) √(1−u²)`` and
    ``u = 2(|x − center| − radius)/margin − 1``.

    Parameters
    ----------
    center : array, shape (m,)
        In units of length.
    radius : float
        Positive; the window is exactly 1 up to here.
    margin : float
        Positive; the window is exactly 0 beyond ``radius + margin``.

    Attributes
    ----------
    dim : int
    center : array, shape (m,)
    radius, margin, outer_radius : float

    Raises
    ------
    ValueError
        If the radius or the margin is not positive, or the centre is not a finite vector.

    See Also
    --------
    fit_affine : The part of a field to subtract before it is windowed.

    Notes
    -----
    **Accuracy.** Window and gradient to 1e-14 of their maximum. The window is once continuously
    differentiable, its second derivative jumps by 7e-4/margin² at both ends. For m = 2, radius 4
    and margin 1 the share of its L2 norm beyond :math:`|k|` = 20, 30, 40 is 5.9e-4, 1.4e-7,
    2.7e-8; it depends on k·margin, so half the margin needs twice the bandwidth.
    **Cost.** O(m) per point, and a polynomial of degree 61 for points in the margin.

    References
    ----------
    J. F. Kaiser and R. W. Schafer, *On the use of the I0-sinh window for spectrum analysis*, IEEE
    Transactions on Acoustics, Speech, and Signal Processing 28, 1980 (the family of slopes).

    Examples
    --------
    >>> region = Region([0.0, 0.0], 2.0, 1.0)
    >>> region([[0.0, 2.0], [0.0, 2.5], [0.0, 3.0]])
    array([1. , 0.5, 0. ])
    """

    def __init__(self, center: ArrayLike, radius: float, margin: float) -> None:
        self.center: NDArray[np.float64] = np.array(
            as_real_array(center, "center", ndim=1), dtype=np.float64
        )
        self.center.setflags(write=False)
        self.radius = positive(radius, "radius")
        self.margin = positive(margin, "margin", hint="the window needs room to fall to zero")

    @property
    def dim(self) -> int:
        """Number of variables, m."""
        return len(self.center)

    @property
    def outer_radius(self) -> float:
        """``radius + margin``, beyond which the window vanishes."""
        return self.radius + self.margin

    def _distance(self, x: ArrayLike) -> tuple[NDArray, NDArray, NDArray]:
        points = as_points(x, "x", dim=self.dim)
        offset = points.astype(np.float64) - self.center
        # Squares overflow for points far away, whose distance only has to be large.
        with np.errstate(over="ignore"):
            return points, offset, np.linalg.norm(offset, axis=1)

    def contains(self, x: ArrayLike) -> NDArray[np.bool_]:
        """Whether points lie within ``radius``, where the window is 1.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array of bool, shape (n,)

        Raises
        ------
        ValueError
            If x has another dimension or is not finite.
        """
        return self._distance(x)[2] <= self.radius

    def __call__(self, x: ArrayLike) -> NDArray:
        """The window.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array, shape (n,)
            In [0, 1]; float32 for float32 points.

        Raises
        ------
        ValueError
            If x has another dimension or is not finite.
        """
        points, _, distance = self._distance(x)
        window = (distance <= self.radius).astype(np.float64)
        between = (distance > self.radius) & (distance < self.outer_radius)
        u = 2 * (distance[between] - self.radius) / self.margin - 1
        window[between] = np.clip(_transition()[0](u), 0.0, 1.0)
        return window.astype(points.dtype)

    def gradient(self, x: ArrayLike) -> NDArray:
        """Gradient of the window, ``−(2/margin) g(u)/∫g · (x − center)/|x − center|``.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array, shape (n, m)
            In 1/length; float32 for float32 points.

        Raises
        ------
        ValueError
            If x has another dimension or is not finite.
        """
        points, offset, distance = self._distance(x)
        gradient = np.zeros_like(offset)
        between = (distance > self.radius) & (distance < self.outer_radius)
        u = 2 * (distance[between] - self.radius) / self.margin - 1
        factor = -2 / self.margin * _slope(u) / (_transition()[1] * distance[between])
        gradient[between] = factor[:, None] * offset[between]
        return gradient.astype(points.dtype)

    @classmethod
    def holding(
        cls,
        law: Any,
        *,
        fraction: float = 1 - 1e-6,
        margin: float | None = None,
        rng: int | np.random.Generator | None = 0,
    ) -> Region:
        """The smallest ball that holds a fraction of a law, with a window around it.

        The centre starts at the mean and is moved to reduce the radius.

        Parameters
        ----------
        law : GaussianMixture, SampleField without values, array of points (n, m), or an object
            with ``sample(n, rng)``.
        fraction : float, optional
            In (0, 1).
        margin : float, optional
            Positive; by default one standard deviation of the law in its widest direction.
        rng : int, Generator or None, optional
            Only for laws that can do nothing but sample.

        Returns
        -------
        Region

        Raises
        ------
        ValueError
            If the fraction lies outside (0, 1), or the law is a single point.
        TypeError
            If ``law`` is nothing of the above.

        Notes
        -----
        **Accuracy.** Mixtures: no sampling; the mass ``Σ_k w_k P_k(|x − c| > r)`` outside a ball is
        a sum of noncentral chi-square tails (isotropic components), or of contour integrals of
        ``E exp(s|x − c|²)`` good to 1e-10, and the radius is its root, rounded up by 1e-6. The
        centre is a local optimum. Points: the ball holds at least the fraction of their weight;
        for fewer than 1/(1 − fraction) equal points that is all of them.
        **Cost.** O(K) or O(n) per radius, some hundred radii.

        Examples
        --------
        >>> region = Region.holding(GaussianMixture([1.0], [[0.0, 0.0]], 1.0))
        >>> round(region.radius, 3), region.margin
        (5.257, 1.0)
        """
        generator = as_generator(rng)
        fraction = finite_number(fraction, "fraction")
        if not 0 < fraction < 1:
            raise ValueError(f"`fraction` must lie between 0 and 1, got {fraction:g}")
        if margin is not None:
            margin = positive(margin, "margin")
        if isinstance(law, GaussianMixture):
            center, radius = ball_of_mixture(law, 1 - fraction)
            covariance = law.cov
        else:
            points, weights = _points_of(law, generator)
            center, radius = ball_of_points(points, weights, fraction)
            deviation = points - weights @ points
            covariance = (weights[:, None] * deviation).T @ deviation
        if margin is None:
            margin = float(np.sqrt(np.linalg.eigvalsh(covariance)[-1]))
        if not radius > 0 or not margin > 0:
            raise ValueError("`law` must not be a single point (give radius and margin instead)")
        return cls(center, radius, margin)

    def __str__(self) -> str:
        return f"centre {np.round(self.center, 3)}, radius {self.radius:.3g}"

    def __repr__(self) -> str:
        return (
            f"Region(center={self.center.tolist()}, radius={self.radius:.6g}, "
            f"margin={self.margin:.6g})"
        )


def _points_of(law: Any, rng: np.random.Generator) -> tuple[NDArray, NDArray]:
    if isinstance(law, SampleField):
        if not law.is_law:
            raise ValueError("`law` must be a SampleField without values, got one with values")
        weights = law.weights.astype(np.float64)
        return law.points.astype(np.float64), weights / weights.sum()
    if hasattr(law, "sample") and not isinstance(law, type):
        points = as_points(law.sample(200_000, rng), "law.sample(n)")
    elif isinstance(law, np.ndarray | list | tuple):
        points = as_points(law, "law")
    else:
        raise TypeError(
            "`law` must be a GaussianMixture, a SampleField, points or an object with `sample`, "
            f"got {type(law).__name__}"
        )
    return points.astype(np.float64), np.full(len(points), 1.0 / len(points))


@dataclass(frozen=True)
class AffinePart:
    """The field ``x ↦ x·matrix + offset``, carried beside an integral representation.

    Parameters
    ----------
    matrix : array, shape (m,) or (m, k)
        In units of the values per length.
    offset : array, shape () or (k,)
        In units of the values.

    See Also
    --------
    fit_affine

    Examples
    --------
    >>> import numpy as np
    >>> AffinePart(np.array([2.0, 0.0]), np.array(1.0))([[1.0, 5.0]])
    array([3.])
    """

    matrix: NDArray
    offset: NDArray

    def __call__(self, x: ArrayLike) -> NDArray:
        """Values at points (n, m): shape (n,) or (n, k); float32 for float32 points.

        Raises
        ------
        ValueError
            If x has another dimension or is not finite.
        """
        points = as_points(x, "x", dim=len(self.matrix))
        return (points.astype(np.float64) @ self.matrix + self.offset).astype(points.dtype)

    def gradient(self, x: ArrayLike) -> NDArray:
        """Gradient at points (n, m), the same everywhere: shape (n, m) or (n, m, k).

        Raises
        ------
        ValueError
            If x has another dimension or is not finite.
        """
        points = as_points(x, "x", dim=len(self.matrix))
        return np.repeat(self.matrix[None].astype(points.dtype), len(points), axis=0)


def fit_affine(
    points: ArrayLike, values: ArrayLike, weights: ArrayLike | None = None
) -> AffinePart:
    """Weighted least-squares affine fit, ``min Σ_i w_i |x_i·A + c − f_i|²`` over A and c.

    Parameters
    ----------
    points : array, shape (n, m)
    values : array, shape (n,) or (n, k)
    weights : array, shape (n,), optional
        Not negative, not all zero; equal by default.

    Returns
    -------
    AffinePart

    Raises
    ------
    ValueError
        If lengths disagree, or weights are negative or all zero.

    Warns
    -----
    RankWarning
        If the points of positive weight span less than R^m affinely (always if fewer than m + 1):
        the returned A has the least norm.

    Notes
    -----
    **Accuracy.** Affine data are reproduced to about 1e-13 of their size: points are centred and
    scaled before the singular value decomposition.
    **Cost.** O(n m (m + k)).

    Examples
    --------
    >>> import numpy as np
    >>> x = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    >>> part = fit_affine(x, 3 * x[:, 0] - x[:, 1] + 2)
    >>> part.matrix.round(12)
    array([ 3., -1.])
    """
    data = as_points(points)
    target = as_real_array(values, "values", ndim=(1, 2))
    same_length(points=data, values=target)
    x, f = data.astype(np.float64), target.astype(np.float64)
    if weights is None:
        w = np.full(len(x), 1.0 / len(x))
    else:
        w = as_real_array(weights, "weights", ndim=1).astype(np.float64)
        same_length(points=data, weights=w)
        if w.min() < 0 or not w.any():
            raise ValueError(
                "`weights` must not be negative and not all zero, got a least weight of "
                f"{w.min():g} and a sum of {w.sum():g}"
            )
        w = w / w.sum()
    x_mean, f_mean = w @ x, w @ f
    root = np.sqrt(w)[:, None]
    design = root * (x - x_mean)
    norms = np.linalg.norm(design, axis=0)
    scale = float(norms.max()) or 1.0
    matrix, _, rank, _ = np.linalg.lstsq(
        design / scale, root * (f - f_mean).reshape(len(f), -1), rcond=1e-12
    )
    if rank < x.shape[1]:
        warnings.warn(
            f"{int((w > 0).sum())} weighted points in dimension {x.shape[1]} span only {rank} "
            "direction(s): the affine fit of least norm was returned (add points, or drop "
            "dependent coordinates)",
            RankWarning,
            stacklevel=2,
        )
    matrix = (matrix / scale).reshape(x.shape[1:] + f.shape[1:])
    return AffinePart(matrix, np.asarray(f_mean - x_mean @ matrix))
