"""Leave-one-out errors of penalised fits, from one triangular factor and the samples."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ridgeflow._kernels.lapack import svd
from ridgeflow._parallel import interruptible
from ridgeflow._units import power_of_two
from ridgeflow._validate import slab_rows
from ridgeflow.networks.elimination import blas_threads, in_unit, plain_columns, triangular_factor
from ridgeflow.networks.kept_samples import marks_of

__all__ = ["LeftOut", "leave_one_out", "solve_left_out"]

_EPS = float(np.finfo(np.float64).eps)
# Penalties that are compared, from what rounding hides to what leaves nothing of the fit.
_PENALTIES = 80
# Degrees of freedom count this many times: where features are as many as samples the least error
# else is noise that is interpolated, now and then.
_CAUTION = 1.05
# A sample of which less than this share of its residual is left decides alone what its direction
# is: without it the fit is the mean there.
_ALONE = 1e-6
# Slopes take part in the choice where they are more than this share of the samples, or one sample
# alone decides more than this share of its own value by them.
_MANY, _LEVERAGE = 0.05, 0.1
# Where samples lie far off, slopes are there if that lowers the mean squared error by more than
# this share: the next ones may lie farther.
_PREFERRED = 0.1
# As many slopes as samples: a fit that is nearly affine is taken unless others lower the error by
# more than this share, which is chance among so few.
_AFFINE = 0.25
# Slopes that are penalised in these units bear a smaller part of the penalty of outer weights.
_CHEAP = 30.0

# Share of their size up to which a combination of targets is zero.
_SAME = 1e-6
# Features of which one decomposition is enough, and bytes of one slab of rows.
_WIDE, _SLAB = 1024, 2**26

Slab = tuple[NDArray, NDArray, NDArray]


@dataclass(frozen=True)
class LeftOut:
    """A fit whose penalties have the least leave-one-out errors.

    Attributes
    ----------
    outer : ndarray, shape (P, k)
    part : ndarray, shape (skip, k)
        Coefficients of the plain columns, the first of them constant.
    null : ndarray, shape (skip, q)
        What may be added to them without changing the fit.
    penalty : ndarray, shape (k,)
        Of each target.
    residuals : ndarray, shape (n, k)
        Values minus the fit without their own sample.
    """

    outer: NDArray[np.float64]
    part: NDArray[np.float64]
    null: NDArray[np.float64]
    penalty: NDArray[np.float64]
    residuals: NDArray[np.float64]


def leave_one_out(
    triangle: NDArray,
    skip: int,
    width: int,
    rounding: NDArray,
    slabs: Callable[[], Iterator[Slab]],
    observations: float,
    penalty: float | None = None,
    *,
    free: bool = False,
    together: bool = False,
    shared: bool = False,
) -> LeftOut:
    r"""The fit of least leave-one-out error, each target with a penalty of its own by default.

    .. math:: e_i = \frac{y_i - f(x_i)}{1 - h_i},\qquad
              h_i = q_i\,|\hat p_i|^2 + \sum_k \frac{q_i\,\langle\varphi_i, v_k\rangle^2}
              {s_k^2 + \lambda}

    with the singular values s and vectors v of the features φ beside the plain columns p̂: what the
    fit to all samples but the i-th errs by at it. Generalised cross-validation takes the mean in
    place of each :math:`h_i`, and is blind to samples that decide what the fit is where they are.

    Where slopes are many for the samples they are left out, bear the penalty of the outer weights,
    a smaller one, or none, whichever errs least. Where one sample decides them they are left out
    unless that errs more.

    Parameters
    ----------
    triangle : ndarray
        Factor of constant, slopes | features | values, in the mean over samples.
    skip, width : int
        Plain columns (none, or a constant and slopes), and features.
    rounding : ndarray, shape (skip,)
        Spreads up to which plain columns count as constant.
    slabs : callable
        An iterator of rows (n, skip + width), values (n, k) and shares (n,) of the mean, the same
        each time.
    observations : float
        How many samples the triangle stands for.
    penalty : float, optional
        In place of the best; slopes then bear none.
    free : bool
        Slopes bear none in any case, which takes one decomposition.
    together : bool
        Slopes are treated alike for all targets.
    shared : bool
        One penalty for all targets, of the least sum of errors.
    """
    fits = [_Fit.of(triangle, list(range(skip)), width, skip, rounding)]
    charge = [1.0]
    if penalty is None and skip > 1 and not free:
        count, most = _risk(fits[0], slabs)
        sizes: tuple[float, ...] = ()
        if skip - 1 > _MANY * count:
            sizes = (0.0, 1.0, _CHEAP)
            charge += [1.0, 1.0, 1 - min(_AFFINE, _AFFINE * skip / count)]
        elif most > _LEVERAGE:
            sizes = (0.0,)
            charge.append(1 - _PREFERRED)
        fits += [_Fit.of(triangle, [0], width, skip, rounding, size) for size in sizes]
    found = [fit.errors(slabs, penalty, observations) for fit in fits]
    if shared:
        found = [np.repeat(e.sum(axis=1, keepdims=True), e.shape[1], axis=1) for e in found]
    least = np.array([errors.min(axis=0) for errors in found])
    least *= np.array(charge)[:, None]
    which = least.argmin(axis=0)
    if together:
        which[:] = least.sum(axis=1).argmin()
    k = least.shape[1]
    penalties = np.empty(k)
    outer, part = np.zeros((width, k)), np.zeros((skip, k))
    residuals: list[NDArray] = [np.empty(0)] * k
    for index, (fit, errors) in enumerate(zip(fits, found, strict=True)):
        mine = np.flatnonzero(which == index)
        if len(mine):
            chosen = fit.penalties(penalty)[errors[:, mine].argmin(axis=0)]
            penalties[mine] = chosen
            part[:, mine], outer[:, mine] = fit.solution(mine, chosen)
            left = fit.residuals(slabs, mine, chosen)
            for target, column in zip(mine, left.T, strict=True):
                residuals[target] = column
    null = fits[0].null if (which == 0).all() else np.zeros((skip, 0))
    return LeftOut(outer, part, null, penalties, np.column_stack(residuals))


def solve_left_out(
    plain: NDArray,
    features: NDArray,
    values: NDArray,
    places: NDArray,
    *,
    rounding: NDArray,
    free: bool = False,
) -> tuple[NDArray, NDArray, NDArray[np.float64]]:
    """:func:`solve_columns` with the penalties (k,) of :func:`leave_one_out`: one for all
    targets where they depend on each other linearly, as those of a plane do, so that the fit does.

    The first of the plain columns is constant; samples whose places and values agree are one.
    """
    n, skip, width = len(values), plain.shape[1], features.shape[1]
    columns = skip + width + values.shape[1]
    step = slab_rows(
        *(64.0 * columns, n, 48.0 * n * columns + 112.0 * columns**2),
        *(f"leave-one-out errors of {n} x {columns} numbers", "use fewer, or another penalty"),
        most=8.0 * _SLAB,
    )
    unit = float(power_of_two(values))
    marks = np.unique(marks_of(places, values), return_index=True, return_counts=True)
    first, share = marks[1], marks[2] / n
    rows = np.concatenate([plain, features], axis=1)[first]
    targets = values[first] / unit
    # Of slopes that interpolate nothing is known without one of the samples.
    free = free or width > _WIDE or len(first) <= skip
    shared = _dependent(targets)

    def slabs() -> Iterator[Slab]:
        for part in (slice(low, low + step) for low in range(0, len(first), step)):
            yield rows[part], targets[part], share[part]

    def solve() -> LeftOut:
        with blas_threads(columns):
            whole = np.concatenate([rows, targets], axis=1) * np.sqrt(share)[:, None]
            sizes = skip, width, rounding, slabs, float(len(first))
            return leave_one_out(
                triangular_factor(whole), *sizes, free=free, together=True, shared=shared
            )

    cost = 2.0 * n * columns * min(n, columns) + (20.0 * width + 4.0 * n) * width**2
    found = interruptible(solve, cost=cost)
    outer, part = in_unit(unit, found.outer, found.part)
    return part, outer, found.penalty


def _dependent(values: NDArray) -> bool:
    """Whether some combination of the columns vanishes but for rounding."""
    size = np.linalg.norm(values, axis=0)
    s = np.linalg.svd(values / np.where(size > 0, size, 1.0), compute_uv=False)
    return bool(s[-1] < _SAME * s[0]) or len(s) < values.shape[1]


def _risk(free: _Fit, slabs: Callable[[], Iterator[Slab]]) -> tuple[int, float]:
    """Samples, and by how much one of them decides its own value through the plain columns."""
    count, most = 0, 0.0
    for rows, _, share in slabs():
        count += len(rows)
        most = max(most, float(free.leverage(rows, share).max(initial=0.0)))
    return count, most


class _Fit:
    """Features beside plain columns, diagonalised: all penalties at once."""

    def __init__(
        self,
        columns: tuple[list[int], list[int]],
        shape: tuple[int, int],
        triangle: NDArray,
        rounding: NDArray,
        unit: float = 1.0,
    ) -> None:
        self._unit = unit
        self._plain, self._penalised = columns
        self._skip, self._width = shape
        count, width = len(self._plain), len(self._penalised)
        solve, null, below = plain_columns(triangle, count, rounding[self._plain])
        self.null = np.zeros((self._skip, null.shape[1]))
        self.null[self._plain] = null
        rows = min(count, len(triangle))
        # Coefficients of plain columns for features and values, and an orthonormal basis of them.
        coefficients = solve(triangle[:rows, count:])
        self._of_features, self._of_values = coefficients[:, :width], coefficients[:, width:]
        self._basis = solve(np.eye(rows))
        features, target = below[:, :width], below[:, width:]
        u, s, v = svd(features)
        # What the plain columns leave of the features is rounding where they carry all samples.
        size = float(np.linalg.norm(triangle[:, count : count + width]))
        kept = s > 1e-14 * size
        self._s, self._v, self._inside = s[kept], v[kept], (u.T @ target)[kept]
        self._mean = np.zeros(target.shape[1])
        if count:
            self._mean = triangle[0, count + width :] / triangle[0, 0]

    @classmethod
    def of(
        cls,
        triangle: NDArray,
        plain: list[int],
        width: int,
        skip: int,
        rounding: NDArray,
        unit: float = 1.0,
    ) -> _Fit:
        """With some plain columns free, and the others penalised in a unit, or dropped at 0."""
        features = list(range(skip, skip + width))
        others = [j for j in range(skip) if j not in plain and unit]
        used = plain + others + features + list(range(skip + width, triangle.shape[1]))
        if others:
            triangle = triangle.copy()
            triangle[:, others] *= unit
        elif len(used) < triangle.shape[1]:
            triangle = linalg.qr(triangle[:, used], mode="r", check_finite=False)[0]
            triangle = triangle[: len(used)]
        return cls((plain, others + features), (skip, width), triangle, rounding, unit)

    def penalties(self, penalty: float | None) -> NDArray[np.float64]:
        """Penalties to compare, the largest first."""
        if penalty is not None:
            return np.array([penalty])
        top = float(self._s.max(initial=0.0)) ** 2 or 1.0
        return np.geomspace(1e2 * top, _EPS * top, _PENALTIES)

    def errors(
        self,
        slabs: Callable[[], Iterator[Slab]],
        penalty: float | None,
        observations: float,
    ) -> NDArray[np.float64]:
        """Mean squared leave-one-out errors of penalties and targets."""
        penalties = self.penalties(penalty)
        total = 0.0
        found = np.zeros((len(penalties), self._inside.shape[1]))
        for rows, values, share in slabs():
            along, rest, taken = self._along(rows, values, share)
            gain = 1.0 / (self._s[:, None] ** 2 + penalties)
            free = 1 - taken[:, None] - share[:, None] * (along**2 @ gain)
            for k in range(found.shape[1]):
                left = rest[:, [k]] - along @ ((self._s * self._inside[:, k])[:, None] * gain)
                alone = values[:, [k]] - self._mean[k]
                found[:, k] += share @ _left_out(left, free, 2 * alone) ** 2
            total += float(share.sum())
        factor = self._caution(penalties, observations)[:, None]
        # Nothing is known of fits that leave no degree of freedom.
        return np.multiply(
            found / total, factor, out=np.full_like(found, np.inf), where=factor < np.inf
        )

    def _caution(self, penalties: NDArray, observations: float) -> NDArray[np.float64]:
        """What errors of penalties are multiplied with."""
        freedom = (self._s[:, None] ** 2 / (self._s[:, None] ** 2 + penalties)).sum(axis=0)
        count = observations - len(self._plain)
        free = count - _CAUTION * freedom
        factor = np.full(len(penalties), np.inf)
        np.divide(count - freedom, free, out=factor, where=free > 1e-8 * observations)
        return factor**2

    def residuals(
        self, slabs: Callable[[], Iterator[Slab]], targets: NDArray, penalties: NDArray
    ) -> NDArray[np.float64]:
        """Leave-one-out residuals (n, k) of some targets."""
        made = []
        for rows, values, share in slabs():
            along, rest, taken = self._along(rows, values, share)
            gain = 1.0 / (self._s[:, None] ** 2 + penalties)
            free = 1 - taken[:, None] - share[:, None] * (along**2 @ gain)
            left = rest[:, targets] - along @ (self._s[:, None] * self._inside[:, targets] * gain)
            made.append(_left_out(left, free, values[:, targets] - self._mean[targets]))
        return np.concatenate(made)

    def solution(self, targets: NDArray, penalties: NDArray) -> tuple[NDArray, NDArray]:
        """Coefficients of plain columns (skip, k) and of features (P, k)."""
        s = self._s[:, None]
        found = self._v.T @ (s / (s**2 + penalties) * self._inside[:, targets])
        part = np.zeros((self._skip, len(targets)))
        part[self._plain] = self._of_values[:, targets] - self._of_features @ found
        slopes = len(self._penalised) - self._width
        part[self._penalised[:slopes]] = self._unit * found[:slopes]
        return part, found[slopes:]

    def leverage(self, rows: NDArray, share: NDArray) -> NDArray[np.float64]:
        """By how much each value decides the plain part of the fit to itself."""
        return share * ((rows[:, self._plain] @ self._basis) ** 2).sum(axis=1)

    def _along(
        self, rows: NDArray, values: NDArray, share: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        """Features along the singular vectors and values, both beside the plain columns, and the
        leverage of those."""
        plain, features = rows[:, self._plain], rows[:, self._penalised]
        features[:, : len(self._penalised) - self._width] *= self._unit
        along = features @ self._v.T - plain @ (self._of_features @ self._v.T)
        return along, values - plain @ self._of_values, self.leverage(rows, share)


def _left_out(left: NDArray, free: NDArray, alone: NDArray) -> NDArray[np.float64]:
    """Residuals without their own sample; those of the mean where it decides alone."""
    return np.where(free > _ALONE, left / np.maximum(free, _ALONE), alone)
