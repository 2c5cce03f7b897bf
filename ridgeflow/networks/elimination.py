"""Least squares from a triangular factor: plain columns first, then those with a penalty."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import linalg
from scipy.linalg import lapack

from ridgeflow._kernels.lapack import svd, triangle_below, turned_below, upper_solve
from ridgeflow._parallel import interruptible, one_blas_thread
from ridgeflow._units import power_of_two, rounding_of
from ridgeflow._validate import fits_in_memory
from ridgeflow.networks.singular_values import singular_values

__all__ = [
    "Elimination",
    "blas_threads",
    "eliminate",
    "in_unit",
    "plain_columns",
    "solve_columns",
    "triangular_factor",
]

_EPS = float(np.finfo(np.float64).eps)
# Features of more than this have squares, of which there are many, beyond all numbers.
_LARGEST = 1e150
# Degrees of freedom count this many times in generalised cross-validation.
_CAUTION = 1.2
# Up to this many columns the BLAS threads of a factorisation wait for each other more than they
# work; on a busy machine that costs fifty times the computation.
_ONE_THREAD = 1024
# Columns that are taken at a time where rows join a triangle.
_BLOCK = 64


def blas_threads(columns: int) -> AbstractContextManager[None]:
    """One BLAS thread for small factorisations."""
    return nullcontext() if columns > _ONE_THREAD else one_blas_thread()


@dataclass(frozen=True, eq=False)
class Elimination:
    """Coefficients of penalised columns and of plain ones, and what they say about the columns.

    Attributes
    ----------
    outer : ndarray, shape (width, k)
        Of the penalised columns.
    part : ndarray, shape (skip, k)
        Of the plain columns.
    null : ndarray, shape (skip, q)
        Combinations of plain columns that vanish but for rounding: any of them may be added.
    rank : int
        Of the penalised columns, where no penalty tells them apart.
    largest : float
        Singular value of these, where it was computed.
    penalty : float
        The penalty used.
    """

    outer: NDArray[np.float64]
    part: NDArray[np.float64]
    null: NDArray[np.float64]
    rank: int
    largest: float
    penalty: float


def triangular_factor(
    rows: NDArray, above: NDArray | None = None, *, overwrite: bool = False
) -> NDArray[np.float64]:
    """R of rows = QR, of as many rows as there are columns at most; ``rows`` is overwritten.

    With rows ``above`` that are a square triangle already, these cost nothing; they are overwritten
    where that is allowed.
    """
    if not np.isfinite(rows).all():
        raise ValueError(
            "the features must be finite, got an overflow (the points or the neurons are too "
            "large: pass them in another unit)"
        )
    if above is None:
        factor = linalg.qr(rows, mode="r", overwrite_a=True, check_finite=False)[0]
        factor = factor[: rows.shape[1]]
    else:
        block = min(_BLOCK, rows.shape[1])
        given = above if overwrite else np.array(above, order="F")
        factor = triangle_below(given, rows, 0, block)[0]
    size = float(np.abs(factor).max(initial=0.0))
    if not size < _LARGEST:
        raise ValueError(
            f"the features must have squares that are finite, got a size of {size:.1e} (the points "
            "or the neurons are too large: pass them in another unit)"
        )
    return factor


def in_unit(unit: float, *parts: NDArray) -> list[NDArray]:
    """Coefficients in units of the values, refused where they leave the range of numbers."""
    with np.errstate(over="ignore"):
        made = [unit * part for part in parts]
    if not all(np.isfinite(part).all() for part in made):
        raise ValueError(
            f"the outer weights must be finite, got an overflow (the values, up to {unit:.1e}, are "
            "too large: pass them in another unit)"
        )
    return made


def solve_columns(
    plain: NDArray,
    features: NDArray,
    values: NDArray,
    penalty: float | None,
    *,
    rounding: NDArray | None = None,
    observations: float | None = None,
) -> tuple[NDArray, NDArray, float]:
    """Coefficients of ``plain`` columns, not penalised, and of ``features``, and the penalty.

    Columns that come from elsewhere than neurons alone; (n, p), (n, q), (n, k), equal weights.
    ``rounding`` (p,) are the spreads up to which plain columns count as constant, by default those
    of their own magnitude. Where plain columns are dependent but for that, their coefficients are
    those of least norm. The rows are that many ``observations``, by default their number.
    """
    n, skip, width = len(values), plain.shape[1], features.shape[1]
    columns = skip + width + values.shape[1]
    fits_in_memory(
        32.0 * n * columns, f"a least-squares problem of {n} x {columns} numbers", "use fewer"
    )
    unit = float(power_of_two(values))
    if rounding is None:
        rounding = rounding_of(plain)

    def solve() -> Elimination:
        with blas_threads(columns):
            rows = np.concatenate([plain, features, values / unit], axis=1) / np.sqrt(n)
            return eliminate(
                *(triangular_factor(rows), skip, width, penalty, None, n),
                *(float(n) if observations is None else observations, rounding),
            )

    found = interruptible(solve, cost=2.0 * n * columns * min(n, columns) + 20.0 * width**3)
    outer, part = in_unit(unit, found.outer, found.part)
    return part, outer, found.penalty


def eliminate(
    triangle: NDArray,
    skip: int,
    width: int,
    penalty: float | None,
    rcond: float | None,
    samples: int,
    observations: float,
    rounding: NDArray,
) -> Elimination:
    """The solution of a problem of which ``triangle`` is the factor.

    Columns are plain | features | values: the plain ones are eliminated first, so they are not
    penalised and do not enter the minimum norm. ``rounding`` (skip,) as for :func:`solve_columns`,
    ``samples`` the rows that the factor comes from and ``observations`` what they stand for.
    """
    solve_plain, null, below = plain_columns(triangle, skip, rounding)
    features, target = below[:, :width], below[:, width:]
    rank, largest = width, 0.0
    if penalty is None:
        # What the plain columns leave of the features is rounding where they carry all samples.
        floor = 1e-14 * float(np.linalg.norm(triangle[:, skip : skip + width]))
        taken = skip - null.shape[1]
        outer, penalty, largest = _cross_validated(features, target, observations, taken, floor)
    elif penalty > 0:
        outer = _ridge(features, target, penalty)
    else:
        cut = max(samples, width) * _EPS if rcond is None else rcond
        outer, rank, largest = _minimum_norm(features, target, cut)
    above = triangle[: min(skip, len(triangle)), skip:]
    part = solve_plain(above[:, width:] - above[:, :width] @ outer)
    return Elimination(outer, part, null, rank, largest, penalty)


def plain_columns(
    triangle: NDArray, skip: int, rounding: NDArray
) -> tuple[Callable[[NDArray], NDArray], NDArray, NDArray]:
    """Least-norm solution for the plain columns, the null space (skip, q) of what they are but for
    rounding, and the triangular rows that are left for the other columns."""
    rows = min(skip, len(triangle))
    plain, below = triangle[:rows, :skip], triangle[rows:, skip:]
    if not skip:
        return (lambda right: right), np.zeros((0, 0)), below
    # In one unit, so that a column in metres counts as much as one in nanometres.
    size = np.linalg.norm(plain, axis=0)
    used = np.flatnonzero(size > rounding)
    size = size[used]
    u, s, v = linalg.svd(plain[:, used] / size, check_finite=False)
    # A direction is what its columns' rounding lets be seen of it: to divide by less would make
    # coefficients of noise, with which the least change of a column is multiplied.
    noise = np.linalg.norm(v[: len(s)] * (rounding[used] / size), axis=1)
    keep = s > np.maximum(noise, 16 * _EPS * skip * s.max(initial=0.0))
    rank = int(keep.sum())
    # Values come in order, but what counts as rounding may not: those that are kept first.
    order = np.argsort(~keep, kind="stable")
    s, left, across = s[order][:rank], u[:, order], v[order]
    if rank < rows:
        # What the other columns have along the directions that were left out is theirs again.
        rest = np.concatenate([left[:, rank:], u[:, len(order) :]], axis=1)
        below = np.concatenate([rest.T @ triangle[:rows, skip:], below])
        below = linalg.qr(below, mode="r", overwrite_a=True, check_finite=False)[0]
        below = below[: below.shape[1]]

    def solve(right: NDArray) -> NDArray:
        part = np.zeros((skip, right.shape[1]))
        part[used] = across[:rank].T @ ((left[:, :rank].T @ right) / s[:, None]) / size[:, None]
        return part

    vanishing = np.concatenate([across[rank:], v[len(order) :]])
    null = np.zeros((skip, skip - rank))
    null[used, : len(vanishing)] = (vanishing / size).T
    unused = np.setdiff1d(np.arange(skip), used)
    null[unused, len(vanishing) + np.arange(len(unused))] = 1.0
    return solve, null, below


def _ridge(features: NDArray, target: NDArray, penalty: float) -> NDArray:
    """argmin |features c − target|² + penalty |c|² through one orthogonal factorisation."""
    rows, width = features.shape
    root = np.sqrt(penalty)
    if rows < width:
        stacked = np.vstack([features.T, root * np.eye(rows)])
        q, r = linalg.qr(stacked, mode="economic", overwrite_a=True, check_finite=False)
        dual = upper_solve(r, target, transposed=True)
        return q[:width] @ dual
    # Two triangles below each other, of which neither is more than that.
    below = root * np.eye(width, order="F")
    above = np.array(features[:width], order="F")
    r, v, t = triangle_below(above, below, width, min(_BLOCK, width))
    none = np.zeros((width, target.shape[1]))
    return upper_solve(r, turned_below(width, v, t, target[:width], none)[0])


def _minimum_norm(features: NDArray, target: NDArray, cut: float) -> tuple[NDArray, int, float]:
    """Least-squares solution of minimum norm, rank, and the largest singular value."""
    rows, width = features.shape
    if not len(features) or not features.any():
        return np.zeros((width, target.shape[1])), 0, 0.0
    rows = min(rows, width)
    if rows == width and width * lapack.dtrcon(features[:width])[0] > cut:
        # All directions may count, and then vectors are not needed.
        s = singular_values(features, target)[0]
        if s[-1] > cut * s[0]:
            outer = upper_solve(features[:width], target[:width])
            return outer, width, float(s[0])
    u, s, v = svd(features[:rows])
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
    s, inside = singular_values(features, target)
    outside = float((target[len(s) :] ** 2).sum())
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
    return _ridge(features, target, penalty), penalty, float(s[0])
