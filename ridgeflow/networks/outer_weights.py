"""Outer weights of given neurons by least squares and ridge regression, out of core."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._config import get_config
from ridgeflow._kernels.ridge_sums import ridge_features
from ridgeflow._parallel import interruptible
from ridgeflow._units import Columns, power_of_two
from ridgeflow._validate import (
    as_points,
    as_real_array,
    common_float,
    fits_in_memory,
    flag,
    non_negative,
    one_of,
    positive,
    same_length,
)
from ridgeflow.errors import RankWarning
from ridgeflow.networks.elimination import blas_threads, eliminate, in_unit, triangular_factor
from ridgeflow.networks.shallow import ShallowNetwork, activation_with_values, kernel_form
from ridgeflow.profiles.activation import Activation

__all__ = [
    "OuterFit",
    "OuterProblem",
    "as_observations",
    "as_ridge",
    "as_weights",
    "fingerprints",
    "fit_outer_weights",
    "ridge_matrix",
    "solve_outer_weights",
]

# Bytes of one slab of features: large enough for the factorisation to run at full speed.
_SLAB = 2**26


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
    observations: float | str = "distinct",
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
        :math:`n\,|y - f|^2 / (n - p - 1.2\,\mathrm{dof}(\lambda))^2`, with n the ``observations``,
        the degrees of freedom :math:`\mathrm{dof} = \sum_i s_i^2/(s_i^2 + \lambda)` of the
        features' singular values s and p those of the affine part. The factor 1.2 keeps the choice
        from interpolating noise where there are about as many neurons as samples, as the factor 1
        does now and then.
    measure : float, optional
        Volume :math:`|V|` of the parameter box from which (a, b) were drawn uniformly: then
        :math:`P c_j / |V|` tends to the ridgelet spectrum as n, P grow. Needs ``ridge > 0``.
    affine : bool
        Fit ``linear`` and ``bias`` as well.
    weights : array_like, shape (n,), optional
        Sample weights, not negative; equal by default. Their scale means nothing.
    observations : "distinct", "weights" or float
        How many observations the samples are, for "gcv". "distinct": as many as there are
        different samples (x, y) of positive weight; a sample that is repeated, or weighs more than
        another, counts once. "weights": the sum of the weights, for weights that are counts of
        independent observations (of samples in cells, say). Or their number.
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
    O(P²), a slab, and 8 bytes for each sample. "gcv" adds one singular value decomposition, O(P³).
    Ctrl-C is answered at once; the factorisation that it meets ends in the background.

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
        sample = as_weights(weights, "weights", x)
    affine = flag(affine, "affine")
    count = as_observations(observations)
    rcond = None if rcond is None else non_negative(rcond, "rcond")
    if rcond is not None and rcond >= 1:
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
        observations=count,
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


def as_observations(value: float | str) -> float | str:
    """A number of observations, or the way to count them."""
    if isinstance(value, str):
        return one_of(value, "observations", ("distinct", "weights"))
    return positive(value, "observations")


def as_weights(value: ArrayLike, name: str, points: NDArray) -> NDArray[np.float64]:
    """Weights (n,) of as many samples as there are points, none negative and not all zero."""
    weights = as_real_array(value, name, ndim=1).astype(np.float64)
    same_length(**{"points": points, name: weights})
    if (weights < 0).any() or not weights.any():
        raise ValueError(
            f"`{name}` must not be negative and not all zero, got values from "
            f"{weights.min():g} to {weights.max():g} (leave out samples that should not count)"
        )
    return weights


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
    observations: float | str = "distinct",
    rcond: float | None = None,
) -> OuterFit:
    """The problem of :func:`fit_outer_weights` on checked float64 arrays, without warnings.

    ``values`` is (n, k); ``penalty`` is λ, None by cross-validation; where it is 0, directions
    below ``rcond`` are left out.
    """
    problem = OuterProblem(a, b, eta, values.shape[1], points if affine else None, weights)
    problem.add(points, values, weights)
    return problem.solve(penalty, rcond, observations=observations)


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
    rounding : ndarray, shape (m,), optional
        Spreads up to which a coordinate counts as constant; by default that of its values.
    """

    def __init__(
        self,
        a: NDArray,
        b: NDArray,
        eta: Activation,
        components: int,
        affine_points: NDArray | None = None,
        weights: NDArray | None = None,
        rounding: NDArray | None = None,
    ) -> None:
        self._a, self._b, self._eta = a, b, eta
        self._affine: Columns | None = None
        self._skip = 0
        if affine_points is not None:
            unit = None if weights is None else weights / power_of_two(weights)
            self._affine = Columns.of(affine_points, unit)
            self._skip = 1 + a.shape[1]
            relative = self._affine.rounding if rounding is None else rounding
            # The constant is known to all digits.
            self._rounding = np.append(0.0, relative / self._affine.scale)
        else:
            self._rounding = np.zeros(0)
        self._columns = self._skip + len(b) + components
        self._factor = np.zeros((0, self._columns))
        self._mass = 0.0
        self._count = 0
        self._seen = np.zeros(0, np.uint64)
        # Values and weights are taken in units of the first ones, so that no square overflows.
        self._unit = self._heft = 0.0

    def add(self, points: NDArray, values: NDArray, weights: NDArray | None = None) -> None:
        """More samples (n, m) with values (n, k), taken by slabs; all of them, or none."""
        n = len(points)
        weights = np.ones(n) if weights is None else weights
        fits_in_memory(
            24.0 * min(n, self._columns) * self._columns,
            f"a least-squares problem with {len(self._b)} neurons",
            "use fewer neurons, or raise memory_budget",
        )
        slab = int(min(_SLAB, get_config().memory_budget / 8) // (8 * self._columns))
        slab = max(slab, self._columns)
        unit = self._unit or float(power_of_two(values))
        heft = self._heft or float(power_of_two(np.sqrt(weights))) ** 2
        factor = self._factor
        for first in range(0, n, slab):
            part = slice(first, first + slab)
            rows = len(factor) + len(points[part])
            factor = interruptible(
                self._with,
                *(factor, points[part], values[part] / unit, weights[part] / heft),
                cost=2.0 * rows * self._columns * min(rows, self._columns),
            )
        here = weights > 0
        self._seen = _merged(self._seen, fingerprints(points[here], values[here]))
        self._factor, self._unit, self._heft = factor, unit, heft
        self._mass += float((weights / heft).sum())
        self._count += int(np.count_nonzero(here))

    def _with(self, factor: NDArray, x: NDArray, values: NDArray, weights: NDArray) -> NDArray:
        """The factor of some samples and of those in another factor."""
        width, skip = len(self._b), self._skip
        with blas_threads(self._columns):
            rows = np.empty((len(factor) + len(x), self._columns), order="F")
            rows[: len(factor)] = factor
            new = rows[len(factor) :]
            if self._affine is not None:
                new[:, 0] = 1.0
                new[:, 1:skip] = self._affine(x)
            with np.errstate(over="ignore", invalid="ignore"):
                new[:, skip : skip + width] = ridge_matrix(x, self._a, self._b, self._eta)
                new[:, skip + width :] = values
                new *= np.sqrt(weights[:, None])
            return triangular_factor(rows)

    def observations(self, count: float | str) -> float:
        """The number of observations that :func:`fit_outer_weights` means by an option."""
        if isinstance(count, str):
            return float(len(self._seen)) if count == "distinct" else self._mass * self._heft
        return count

    def solve(
        self,
        penalty: float | None,
        rcond: float | None = None,
        *,
        observations: float | str = "distinct",
    ) -> OuterFit:
        """Outer weights for a penalty λ, or for that of least cross-validation error (None)."""
        return interruptible(
            self._solve,
            *(penalty, rcond, self.observations(observations)),
            # A singular value decomposition, or an orthogonal factorisation.
            cost=20.0 * min(len(self._factor), len(self._b)) ** 2 * len(self._b),
        )

    def _solve(self, penalty: float | None, rcond: float | None, observations: float) -> OuterFit:
        skip, width = self._skip, len(self._b)
        with blas_threads(self._columns):
            triangle = self._factor / np.sqrt(self._mass)
            found = eliminate(
                *(triangle, skip, width, penalty, rcond),
                *(self._count, observations, self._rounding),
            )
        outer, part = in_unit(self._unit, found.outer, found.part)
        linear, bias = np.zeros((self._a.shape[1], outer.shape[1])), np.zeros(outer.shape[1])
        if self._affine is not None:
            per_unit = self._affine.scale[:, None]
            if found.null.shape[1]:
                # Of all solutions the one whose gradient is least where the points are given.
                free = found.null[1:] / per_unit
                part = part - found.null @ np.linalg.lstsq(free, part[1:] / per_unit)[0]
            linear = part[1:] / per_unit
            bias = part[0] - self._affine.shift @ linear
        return OuterFit(outer, linear, bias, found.rank, found.largest, found.penalty)


def fingerprints(points: NDArray, values: NDArray) -> NDArray[np.uint64]:
    """Numbers that tell samples (x, y) apart, the same for the same ones, in order."""
    found = np.zeros(len(points), np.uint64)
    for column in (*points.T, *values.T):
        # Adding zero makes one number of the two zeros; the rest is a bijection, which mixes bits.
        found ^= (np.ascontiguousarray(column) + 0.0).view(np.uint64)
        for shift, factor in ((32, 0xD6E8FEB86659FD93), (29, 0xA0761D6478BD642F)):
            found ^= found >> np.uint64(shift)
            found *= np.uint64(factor)
        found ^= found >> np.uint64(32)
    return np.unique(found)


def _merged(first: NDArray, second: NDArray) -> NDArray:
    """The union of two increasing arrays."""
    return second if not len(first) else np.union1d(first, second)
