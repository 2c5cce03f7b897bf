"""Outer weights of given neurons by least squares and ridge regression, out of core."""

from __future__ import annotations

import warnings
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import linalg

from ridgeflow._config import get_config
from ridgeflow._kernels.ridge_sums import ridge_features
from ridgeflow._validate import (
    as_points,
    as_real_array,
    common_float,
    fits_in_memory,
    non_negative,
    one_of,
    positive,
    same_length,
)
from ridgeflow.errors import RankWarning
from ridgeflow.networks.shallow import ShallowNetwork, activation_with_values, kernel_form
from ridgeflow.profiles.activation import Activation

__all__ = [
    "OuterFit",
    "OuterProblem",
    "as_ridge",
    "fit_outer_weights",
    "ridge_matrix",
    "solve_columns",
    "solve_outer_weights",
]

# Bytes of one slab of features: large enough for the factorisation to run at full speed.
_SLAB = 2**26
# Degrees of freedom count this many times in generalised cross-validation.
_CAUTION = 1.2
# Up to this many columns the BLAS threads of a factorisation wait for each other more than they
# work; on a busy machine that costs fifty times the computation.
_ONE_THREAD = 1024


@cache
def _thread_pools() -> Any:
    try:
        from threadpoolctl import ThreadpoolController
    except ImportError:
        return None
    return ThreadpoolController()


def _blas_threads(columns: int) -> AbstractContextManager[Any]:
    """One BLAS thread for small factorisations, where threadpoolctl is installed."""
    if columns > _ONE_THREAD or _thread_pools() is None:
        return nullcontext()
    return _thread_pools().limit(limits=1, user_api="blas")


@dataclass(frozen=True)
class OuterFit:
    """Outer weights (P, k), affine part, and what the solution says about the features."""

    outer: NDArray[np.float64]
    linear: NDArray[np.float64]
    bias: NDArray[np.float64]
    rank: int
    largest: float
    penalty: float


def fit_outer_weights(
    a: ArrayLike,
    b: ArrayLike,
    activation: str | Activation,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ridge: float | str = 0.0,
    measure: float | None = None,
    affine: bool = False,
    weights: ArrayLike | None = None,
    rcond: float | None = None,
) -> ShallowNetwork:
    r"""Fit the outer weights of given neurons by least squares or ridge regression.

    .. math:: \min_c\ \sum_i q_i\, |f_c(x_i) - y_i|^2 + \lambda\, |c|^2,\qquad
              q_i = w_i / \sum_i w_i,\quad
              \lambda = \beta\ \text{ or }\ \beta P / |V|

    with :math:`f_c(x) = \sum_j c_j \eta(a_j\cdot x - b_j)` (plus an affine part that is not
    penalised), :math:`\beta` the ``ridge`` and :math:`|V|` the ``measure``. With equal sample
    weights this is :math:`c = \Phi^{\mathsf T}(\Phi\Phi^{\mathsf T} + n\lambda I)^{-1} y`.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Inner weights, in 1/length.
    b : array_like, shape (P,)
        Offsets, dimensionless.
    activation : str or Activation
        Any but "dirac".
    points : array_like, shape (n, m)
    values : array_like, shape (n,) or (n, k)
    ridge : float or "gcv"
        :math:`\beta \ge 0`, in the unit of f² / c² (of f² / c² times the measure, where that is
        given). 0: least squares, of minimum norm where the features are dependent. "gcv": the
        penalty :math:`\lambda` of least generalised cross-validation error
        :math:`n\,|y - f|^2 / (n - p - 1.2\,\mathrm{dof}(\lambda))^2`, with the degrees of freedom
        :math:`\mathrm{dof} = \sum_i s_i^2/(s_i^2 + \lambda)` of the features' singular values s
        and p those of the affine part. The factor 1.2 keeps the choice from interpolating noise
        where there are about as many neurons as samples, as the factor 1 does now and then.
    measure : float, optional
        Volume :math:`|V|` of the parameter box from which (a, b) were drawn uniformly: then
        :math:`P c_j / |V|` tends to the ridgelet spectrum as n, P grow. Needs ``ridge > 0``.
    affine : bool
        Fit ``linear`` and ``bias`` as well.
    weights : array_like, shape (n,), optional
        Sample weights, not negative; equal by default.
    rcond : float, optional
        Singular values of the features below ``rcond`` times the largest count as zero where
        ``ridge = 0``; by default max(n, P) times the rounding unit.

    Returns
    -------
    ShallowNetwork
        float32 if all arrays are float32, float64 otherwise; the fit itself is in float64.

    Raises
    ------
    ValueError
        If shapes clash, an entry is not finite, or an option is out of range.
    MemoryBudgetError
        If the triangular factor, of about 3 P² numbers, exceeds the memory budget.

    Warns
    -----
    RankWarning
        If ``ridge = 0`` and the features are dependent; the message holds the rank and a ridge that
        cures it.

    Notes
    -----
    **Accuracy.** Orthogonal factorisations throughout, no normal equations: errors of the fit grow
    with the condition number of the features, not with its square.

    **Cost.** O(n P²) operations, or O(n² P) for n < P; samples are taken by slabs, so memory is
    O(P²) and a slab, whatever n. "gcv" adds one singular value decomposition, O(P³).

    See Also
    --------
    ShallowNetwork.from_spectrum

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with over-parametrized two-layer networks
    converge to ridgelet spectrum*, AISTATS 2021, Section 3.
    Y.-J. Kim and C. Gu, *Smoothing spline Gaussian regression: more scalable computation via
    efficient approximation*, J. R. Stat. Soc. B 66 (2004), Section 3.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 9)
    >>> net = fit_outer_weights([[1.0], [-1.0]], [0.0, 0.0], "relu", x, np.abs(x))
    >>> np.round(net.c, 12)
    array([1., 1.])
    """
    inner = as_points(a, "a")
    offset = as_real_array(b, "b", ndim=1)
    same_length(a=inner, b=offset)
    eta = activation_with_values(activation)
    x = as_points(points, "points", inner.shape[1])
    y = as_real_array(values, "values", ndim=(1, 2))
    same_length(points=x, values=y)
    beta = as_ridge(ridge)
    if measure is not None:
        measure = positive(measure, "measure")
        if beta is None or beta == 0:
            raise ValueError(
                f"`ridge` must be positive where `measure` is given, got {ridge!r} with "
                f"measure={measure:g}"
            )
    sample = None
    if weights is not None:
        sample = as_real_array(weights, "weights", ndim=1)
        same_length(points=x, weights=sample)
        if (sample < 0).any() or not sample.any():
            raise ValueError(
                "`weights` must not be negative and not all zero, got values from "
                f"{sample.min():g} to {sample.max():g}"
            )
    if rcond is not None and not 0 <= non_negative(rcond, "rcond") < 1:
        raise ValueError(f"`rcond` must lie in [0, 1), got {rcond:g}")
    factor = 1.0 if measure is None else len(offset) / measure
    fit = solve_outer_weights(
        inner.astype(np.float64),
        offset.astype(np.float64),
        eta,
        x.astype(np.float64),
        y.reshape(len(y), -1).astype(np.float64),
        penalty=None if beta is None else beta * factor,
        affine=affine,
        weights=sample,
        rcond=rcond,
    )
    if beta == 0 and fit.rank < len(offset):
        cure = max(len(x), len(offset)) * np.finfo(np.float64).eps * fit.largest**2
        warnings.warn(
            f"the features have rank {fit.rank} < {len(offset)}, the number of neurons: this is "
            f"the solution of minimum norm (ridge={cure:.1e} makes it unique and stable)",
            RankWarning,
            stacklevel=2,
        )
    real = common_float(inner, offset, x, y)
    shape = y.shape[1:]
    return ShallowNetwork(
        inner.astype(real),
        offset.astype(real),
        fit.outer.reshape(-1, *shape).astype(real),
        eta,
        linear=fit.linear.reshape(-1, *shape).astype(real) if affine else None,
        bias=fit.bias.reshape(shape).astype(real) if affine else None,
    )


def ridge_matrix(x: NDArray, a: NDArray, b: NDArray, eta: Activation) -> NDArray:
    """Features η(a_j·x_i − b_j), (n, P)."""
    code, scale = kernel_form(eta)
    if code < 0:
        return eta(x @ a.T - b)
    found = ridge_features(x, a, b, code)
    if scale != 1.0:
        found *= scale
    return found


def as_ridge(value: float | str) -> float | None:
    """A penalty >= 0, or None for generalised cross-validation."""
    if isinstance(value, str):
        one_of(value, "ridge", ("gcv",))
        return None
    return non_negative(value, "ridge")


def solve_outer_weights(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    *,
    penalty: float | None = 0.0,
    affine: bool = False,
    weights: NDArray | None = None,
    rcond: float | None = None,
) -> OuterFit:
    """The problem of :func:`fit_outer_weights` on checked float64 arrays, without warnings.

    ``values`` is (n, k); ``penalty`` is λ, None by cross-validation; where it is 0, directions
    below ``rcond`` are left out.
    """
    problem = OuterProblem(a, b, eta, values.shape[1], points if affine else None, weights)
    problem.add(points, values, weights)
    return problem.solve(penalty, rcond)


class OuterProblem:
    """The fit of outer weights to samples that come in parts, as one triangular factor.

    The factor of [affine | features | values] is all that any penalty needs, whatever the number of
    samples. Arrays are checked and float64.

    Parameters
    ----------
    a, b, eta
        The neurons.
    components : int
        Columns of the values.
    affine_points : ndarray, optional
        Samples (the first ones, where there are more to come) that scale the affine part; without
        them there is none.
    weights : ndarray, optional
        Of these samples.
    """

    def __init__(
        self,
        a: NDArray,
        b: NDArray,
        eta: Activation,
        components: int,
        affine_points: NDArray | None = None,
        weights: NDArray | None = None,
    ) -> None:
        self._a, self._b, self._eta = a, b, eta
        self._affine = affine_points is not None
        self._mean, self._basis = np.zeros(a.shape[1]), np.zeros((a.shape[1], 0))
        if affine_points is not None:
            root = np.sqrt(np.ones(len(affine_points)) if weights is None else weights)
            self._mean, self._basis = _affine_basis(affine_points, root / np.linalg.norm(root))
        self._skip = 1 + self._basis.shape[1] if self._affine else 0
        self._columns = self._skip + len(b) + components
        self._factor = np.zeros((0, self._columns))
        self._mass = 0.0
        self._count = 0

    def add(self, points: NDArray, values: NDArray, weights: NDArray | None = None) -> None:
        """More samples (n, m) with values (n, k), taken by slabs."""
        with _blas_threads(self._columns):
            self._add(points, values, np.ones(len(points)) if weights is None else weights)

    def _add(self, points: NDArray, values: NDArray, weights: NDArray) -> None:
        n, width, skip = len(points), len(self._b), self._skip
        fits_in_memory(
            24.0 * min(n, self._columns) * self._columns,
            f"a least-squares problem with {width} neurons",
            "use fewer neurons, or raise memory_budget",
        )
        slab = int(min(_SLAB, get_config().memory_budget / 8) // (8 * self._columns))
        slab = max(slab, self._columns)
        for first in range(0, n, slab):
            part = slice(first, first + slab)
            x = points[part]
            rows = np.empty((len(self._factor) + len(x), self._columns), order="F")
            rows[: len(self._factor)] = self._factor
            new = rows[len(self._factor) :]
            if self._affine:
                new[:, 0] = 1.0
                new[:, 1:skip] = (x - self._mean) @ self._basis
            new[:, skip : skip + width] = ridge_matrix(x, self._a, self._b, self._eta)
            new[:, skip + width :] = values[part]
            new *= np.sqrt(weights[part, None])
            factor = linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)[0]
            self._factor = factor[: self._columns]
        self._mass += float(weights.sum(dtype=np.float64))
        self._count += int(np.count_nonzero(weights))

    def solve(
        self, penalty: float | None, rcond: float | None = None, *, count: float | None = None
    ) -> OuterFit:
        """Outer weights for a penalty λ, or for that of least cross-validation error (None).

        ``count`` is the number of samples that they stand for, by default those of positive weight.
        """
        with _blas_threads(self._columns):
            return self._solve(penalty, rcond, float(self._count) if count is None else count)

    @property
    def mass(self) -> float:
        """Sum of the weights of all samples."""
        return self._mass

    def _solve(self, penalty: float | None, rcond: float | None, count: float) -> OuterFit:
        skip, width = self._skip, len(self._b)
        triangle = self._factor / np.sqrt(self._mass)
        outer, part, rank, largest, penalty = _eliminate(
            triangle, skip, width, penalty, rcond, count
        )
        components = outer.shape[1]
        linear, bias = np.zeros((len(self._mean), components)), np.zeros(components)
        if self._affine:
            linear = self._basis @ part[1:]
            bias = part[0] - self._mean @ linear
        return OuterFit(outer, linear, bias, rank, largest, penalty)


def solve_columns(
    plain: NDArray, features: NDArray, values: NDArray, penalty: float | None
) -> tuple[NDArray, NDArray, float]:
    """Coefficients of ``plain`` columns, not penalised, and of ``features``, and the penalty.

    Columns that come from elsewhere than neurons alone; (n, p), (n, q), (n, k), equal weights.
    """
    n, skip, width = len(values), plain.shape[1], features.shape[1]
    columns = skip + width + values.shape[1]
    fits_in_memory(
        24.0 * n * columns, f"a least-squares problem of {n} x {columns} numbers", "use fewer"
    )
    with _blas_threads(columns):
        rows = np.concatenate([plain, features, values], axis=1) / np.sqrt(n)
        triangle = linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)[0][:columns]
        outer, part, _, _, used = _eliminate(triangle, skip, width, penalty, None, float(n))
    return part, outer, used


def _eliminate(
    triangle: NDArray,
    skip: int,
    width: int,
    penalty: float | None,
    rcond: float | None,
    count: float,
) -> tuple[NDArray, NDArray, int, float, float]:
    """Outer weights, coefficients of the first ``skip`` columns, rank, largest s, penalty.

    Columns are plain | features | values: the plain ones are eliminated first, so they are not
    penalised and do not enter the minimum norm.
    """
    features, target = triangle[skip:, skip : skip + width], triangle[skip:, skip + width :]
    rank, largest = width, 0.0
    if penalty is None:
        # What the plain columns leave of the features is rounding where they carry all samples.
        floor = 1e-14 * float(np.linalg.norm(triangle[:, skip : skip + width]))
        outer, penalty, largest = _cross_validated(features, target, count, skip, floor)
    elif penalty > 0:
        outer = _ridge(features, target, penalty)
    else:
        cut = max(count, width) * np.finfo(np.float64).eps if rcond is None else rcond
        outer, rank, largest = _minimum_norm(features, target, cut)
    part = np.zeros((skip, target.shape[1]))
    if skip:
        right = triangle[:skip, skip + width :] - triangle[:skip, skip : skip + width] @ outer
        part = linalg.solve_triangular(triangle[:skip, :skip], right, check_finite=False)
    return outer, part, rank, largest, penalty


def _affine_basis(points: NDArray, root: NDArray) -> tuple[NDArray, NDArray]:
    """Mean, and directions (m, r) scaled so that the centred points have unit variance on them."""
    mass = root**2
    mean = mass @ points
    centred = (points - mean) * root[:, None]
    r = linalg.qr(centred, mode="r", check_finite=False)[0][: points.shape[1]]
    _, spread, v = linalg.svd(r, full_matrices=False, check_finite=False)
    scale = max(float(spread[0]), float(np.abs(mean).max()))
    keep = spread > 1e-13 * scale * np.sqrt(len(points))
    keep[points.shape[0] - 1 :] = False
    return mean, v[keep].T / spread[keep]


def _ridge(features: NDArray, target: NDArray, penalty: float) -> NDArray:
    """argmin |features c − target|² + penalty |c|² through one orthogonal factorisation."""
    rows, width = features.shape
    root = np.sqrt(penalty)
    if rows < width:
        stacked = np.vstack([features.T, root * np.eye(rows)])
        q, r = linalg.qr(stacked, mode="economic", overwrite_a=True, check_finite=False)
        dual = linalg.solve_triangular(r, target, trans="T", check_finite=False)
        return q[:width] @ dual
    rows = min(rows, width + target.shape[1])
    stacked = np.zeros((rows + width, width + target.shape[1]))
    stacked[:rows, :width], stacked[:rows, width:] = features[:rows], target[:rows]
    stacked[rows:, :width] = root * np.eye(width)
    r = linalg.qr(stacked, mode="r", overwrite_a=True, check_finite=False)[0]
    return linalg.solve_triangular(r[:width, :width], r[:width, width:], check_finite=False)


def _minimum_norm(features: NDArray, target: NDArray, cut: float) -> tuple[NDArray, int, float]:
    """Least-squares solution of minimum norm, rank, and the largest singular value."""
    rows, width = features.shape
    if not len(features) or not features.any():
        return np.zeros((width, target.shape[1])), 0, 0.0
    rows = min(rows, width)
    u, s, v = linalg.svd(features[:rows], full_matrices=False, check_finite=False)
    keep = s > cut * s[0]
    solution = v[keep].T @ ((u[:, keep].T @ target[:rows]) / s[keep, None])
    return solution, int(keep.sum()), float(s[0])


def _cross_validated(
    features: NDArray, target: NDArray, count: float, skip: int, floor: float
) -> tuple[NDArray, float, float]:
    """Ridge solution of least generalised cross-validation error, its penalty, largest s."""
    width, components = features.shape[1], target.shape[1]
    if np.linalg.norm(features) <= floor:
        return np.zeros((width, components)), 0.0, 0.0
    u, s, v = linalg.svd(features, full_matrices=False, check_finite=False)
    inside = u.T @ target
    outside = max(float((target**2).sum() - (inside**2).sum()), 0.0)
    energy = (inside**2).sum(axis=1)

    def error(log_penalty: float) -> float:
        kept = s**2 / (s**2 + np.exp(log_penalty))
        free = count - skip - _CAUTION * float(kept.sum())
        if free <= 1e-8 * count:
            return np.inf
        return (outside + float(((1 - kept) ** 2) @ energy)) / free**2

    # Between what rounding hides and what leaves nothing of the fit. The minimum is flat: a finer
    # search would follow rounding errors.
    top = float(np.log(s[0] ** 2))
    grid = np.linspace(top + np.log(np.finfo(np.float64).eps), top + np.log(1e2), 160)
    # Of equal errors the largest penalty.
    penalty = float(np.exp(grid[::-1][int(np.argmin([error(value) for value in grid[::-1]]))]))
    solution = v.T @ (s[:, None] / (s[:, None] ** 2 + penalty) * inside)
    return solution, penalty, float(s[0])
