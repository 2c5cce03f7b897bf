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
    positive,
    same_length,
)
from ridgeflow.errors import RankWarning
from ridgeflow.networks.shallow import ShallowNetwork, activation_with_values, kernel_form
from ridgeflow.profiles.activation import Activation

__all__ = ["OuterFit", "fit_outer_weights", "solve_outer_weights"]

# Bytes of one slab of features: large enough for the factorisation to run at full speed.
_SLAB = 2**26
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


def fit_outer_weights(
    a: ArrayLike,
    b: ArrayLike,
    activation: str | Activation,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ridge: float = 0.0,
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
    ridge : float
        :math:`\beta \ge 0`, in the unit of f² / c² (of f² / c² times the measure, where that is
        given). 0: least squares, of minimum norm where the features are dependent.
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
    O(P²) and a slab, whatever n.

    See Also
    --------
    ShallowNetwork.from_spectrum

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with over-parametrized two-layer networks
    converge to ridgelet spectrum*, AISTATS 2021, Section 3.

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
    ridge = non_negative(ridge, "ridge")
    if measure is not None:
        measure = positive(measure, "measure")
        if ridge == 0:
            raise ValueError(
                f"`ridge` must be positive where `measure` is given, got 0 with measure={measure:g}"
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
        penalty=ridge * factor,
        affine=affine,
        weights=sample,
        rcond=rcond,
    )
    if ridge == 0 and fit.rank < len(offset):
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


def solve_outer_weights(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    *,
    penalty: float = 0.0,
    affine: bool = False,
    weights: NDArray | None = None,
    rcond: float | None = None,
) -> OuterFit:
    """The problem of :func:`fit_outer_weights` on checked float64 arrays, without warnings.

    ``values`` is (n, k); ``penalty`` is λ; where it is 0, directions below ``rcond`` are left out.
    """
    with _blas_threads(len(b) + values.shape[1]):
        return _solve(a, b, eta, points, values, penalty, affine, weights, rcond)


def _solve(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    penalty: float,
    affine: bool,
    weights: NDArray | None,
    rcond: float | None,
) -> OuterFit:
    n, dim = points.shape
    width, components = len(b), values.shape[1]
    if weights is None:
        root = np.full(n, 1 / np.sqrt(n))
    else:
        root = np.sqrt(weights / weights.sum(dtype=np.float64))
    mean, basis = np.zeros(dim), np.zeros((dim, 0))
    if affine:
        mean, basis = _affine_basis(points, root)
    skip = 1 + basis.shape[1] if affine else 0
    triangle = _triangle(a, b, eta, points, values, root, mean, basis, affine)
    # Columns are affine | features | values: the affine part is eliminated first, so it is not
    # penalised and does not enter the minimum norm.
    features, target = triangle[skip:, skip : skip + width], triangle[skip:, skip + width :]
    if penalty > 0:
        outer, rank, largest = _ridge(features, target, penalty), width, 0.0
    else:
        cut = max(n, width) * np.finfo(np.float64).eps if rcond is None else rcond
        outer, rank, largest = _minimum_norm(features, target, cut)
    linear, bias = np.zeros((dim, components)), np.zeros(components)
    if affine:
        right = triangle[:skip, skip + width :] - triangle[:skip, skip : skip + width] @ outer
        part = linalg.solve_triangular(triangle[:skip, :skip], right, check_finite=False)
        linear = basis @ part[1:]
        bias = part[0] - mean @ linear
    return OuterFit(outer, linear, bias, rank, largest)


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


def _triangle(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    points: NDArray,
    values: NDArray,
    root: NDArray,
    mean: NDArray,
    basis: NDArray,
    affine: bool,
) -> NDArray:
    """Triangular factor of [affine | features | values], samples taken by slabs."""
    n, width = len(points), len(b)
    skip = 1 + basis.shape[1] if affine else 0
    columns = skip + width + values.shape[1]
    fits_in_memory(
        24.0 * min(n, columns) * columns,
        f"a least-squares problem with {width} neurons",
        "use fewer neurons, or raise memory_budget",
    )
    slab = int(min(_SLAB, get_config().memory_budget / 8) // (8 * columns))
    slab = max(slab, columns)
    code, scale = kernel_form(eta)
    factor = np.zeros((0, columns))
    for first in range(0, n, slab):
        part = slice(first, first + slab)
        rows = np.empty((len(factor) + len(points[part]), columns), order="F")
        rows[: len(factor)] = factor
        new = rows[len(factor) :]
        x = points[part]
        if affine:
            new[:, 0] = 1.0
            new[:, 1:skip] = (x - mean) @ basis
        if code >= 0:
            new[:, skip : skip + width] = ridge_features(x, a, b, code)
            if scale != 1.0:
                new[:, skip : skip + width] *= scale
        else:
            new[:, skip : skip + width] = eta(x @ a.T - b)
        new[:, skip + width :] = values[part]
        new *= root[part, None]
        factor = linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)[0][:columns]
    return factor


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
