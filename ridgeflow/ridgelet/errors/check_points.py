"""Where reconstructions are compared with their fields: points of a ball, as a quadrature rule.

Errors lie where a field is large, where it bends and, those of directions and of the low scales,
everywhere. Points are drawn from the mean of such densities and weighted by its reciprocal, so that
a peak or a kink that fills a thousandth of the ball still meets a good part of them.
"""

from __future__ import annotations

from functools import singledispatch

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import uniform_filter

from ridgeflow.columns import real_columns, rejoined, squares
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.geometry import ball_volume, uniform_ball_points
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples

__all__ = [
    "bend_share",
    "cell_rule",
    "check_parts",
    "check_rule",
    "left_out_error",
    "rms_bound",
    "scaled_check",
]

# The points are the same in every run.
_POINTS, _SEED = 512, 7
# Errors beside a kink reach over so many samples.
_NEARBY = 5
# Standard errors of a mean square that are added to it.
_CONFIDENCE = 2.0


@singledispatch
def check_rule(field: object, center: NDArray, radius: float) -> NDArray[np.float64]:
    """Rows of weight, point and values, (n, 1 + m + C): a quadrature rule of the ball.

    A complex component is two columns, real parts first. Of a gridded field the points are its
    samples, as many as there are or ``_POINTS`` of them; of others they lie anywhere.
    """
    raise TypeError(f"no rule for {type(field).__name__}")


@check_rule.register
def _(field: GridField, center: NDArray, radius: float) -> NDArray[np.float64]:
    inside, density = _density(field, center, radius, 0.0)
    cell = float(np.prod(field.spacing))
    if len(inside) <= _POINTS:
        chosen, weight = inside, np.full(len(inside), cell)
    else:
        rng = np.random.default_rng(_SEED)
        drawn = _systematic(density, _POINTS, rng)
        chosen, weight = inside[drawn], cell / (_POINTS * density[drawn])
    index = np.unravel_index(chosen, field.shape)
    points = np.stack([axis[i] for axis, i in zip(field.axes, index, strict=True)], axis=1)
    return np.concatenate([weight[:, None], points, real_columns(field.values[index])], axis=1)


@check_rule.register
def _(field: GaussianMixture, center: NDArray, radius: float) -> NDArray[np.float64]:
    # The square of a component is a normal density of half its covariance.
    determinant = np.linalg.slogdet(4 * np.pi * field.covariances)[1]
    log_power = 2 * np.log(np.maximum(field.weights, 1e-300)) - 0.5 * determinant
    power = np.exp(log_power - log_power.max())
    squared = GaussianMixture(power / power.sum(), field.means, 0.5 * field.covariances)
    rng = np.random.default_rng(_SEED)
    drawn = np.concatenate([law.sample(_POINTS // 4, rng) for law in (field, squared)])
    points, even = _with_even(drawn, center, radius, rng)
    truth = field.pdf(points)
    density = 0.5 * even + 0.25 * truth + 0.25 * squared.pdf(points)
    weight = 1 / (_POINTS * density)
    return np.concatenate([weight[:, None], points, truth[:, None]], axis=1)


@check_rule.register
def _(field: SmoothedSamples, center: NDArray, radius: float) -> NDArray[np.float64]:
    columns = field.columns
    share = np.linalg.norm(columns, axis=1)
    total = float(share.sum())
    share = share / total if total > 0 else np.full(len(share), 1 / len(share))
    rng = np.random.default_rng(_SEED)
    chosen = rng.choice(len(share), size=_POINTS // 2, p=share)
    drawn = field.samples.points[chosen].astype(np.float64)
    drawn = drawn + field.bandwidth * rng.normal(size=drawn.shape)
    points, even = _with_even(drawn, center, radius, rng)
    found = field.sums(points, np.concatenate([columns, share[:, None]], axis=1))
    weight = 1 / (_POINTS * (0.5 * even + 0.5 * found[:, -1]))
    return np.concatenate([weight[:, None], points, found[:, :-1]], axis=1)


def _with_even(
    drawn: NDArray, center: NDArray, radius: float, rng: np.random.Generator
) -> tuple[NDArray, float]:
    """Of the points, those in the ball, half of ``_POINTS`` spread over it, and their density."""
    dim = len(center)
    even = center + uniform_ball_points(_POINTS // 2, dim, radius, rng)
    kept = drawn[np.linalg.norm(drawn - center, axis=1) <= radius]
    return np.concatenate([even, kept]), 1 / ball_volume(dim, radius)


def cell_rule(
    field: GridField, center: NDArray, radius: float, n: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Points (n', m) of the ball, each anywhere in the cell of a sample, and weights (n',)."""
    inside, density = _density(field, center, radius, 0.5)
    rng = np.random.default_rng(_SEED)
    drawn = _systematic(density, n, rng)
    index = np.unravel_index(inside[drawn], field.shape)
    points = np.stack([axis[i] for axis, i in zip(field.axes, index, strict=True)], axis=1)
    points = points + field.spacing * (rng.random(points.shape) - 0.5)
    weight = float(np.prod(field.spacing)) / (n * density[drawn])
    kept = np.linalg.norm(points - center, axis=1) <= radius
    return points[kept], weight[kept]


def _density(
    field: GridField, center: NDArray, radius: float, cells: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Samples in the ball, or within so many diagonals of a cell, and the share of each."""
    square = _squared_distance(field, center)
    reach = radius + cells * float(np.linalg.norm(field.spacing))
    inside = np.flatnonzero(square <= reach**2)
    if not len(inside):
        inside = np.arange(square.size)
    size = squares(field.values.reshape(*field.shape, -1)).sum(axis=-1)
    near = uniform_filter(_bend(field), _NEARBY, mode="constant")
    density = np.full(len(inside), 1 / len(inside))
    for part in (size, near):
        chosen = np.maximum(part.ravel()[inside], 0.0)
        total = float(chosen.sum())
        density += 0.5 * (chosen / total if total > 0 else 1 / len(inside))
    return inside, 0.5 * density


def _bend(field: GridField, order: int = 2) -> NDArray[np.float64]:
    """Squared differences of an even order along all axes."""
    columns = field.values.reshape(*field.shape, -1)
    bend = np.zeros(field.shape)
    for i in range(field.dim):
        if field.shape[i] > order:
            curved = np.diff(columns, order, axis=i)
            ends = slice(order // 2, -(order // 2))
            inner = tuple(ends if j == i else slice(None) for j in range(field.dim))
            bend[inner] += squares(curved).sum(axis=-1)
    return bend


def bend_share(field: GridField, center: NDArray, radius: float) -> float:
    """Share of what samples do not resolve that lies in a ball: the geometric mean of the shares of
    squared second differences, most of which may be smooth, and fourth ones, which see a kink."""
    inside = _squared_distance(field, center) <= radius**2
    share = 1.0
    for order in (2, 4):
        bend = _bend(field, order)
        total = float(bend.sum())
        share *= float(bend[inside].sum()) / total if total > 0 else 1.0
    return float(np.sqrt(share))


def left_out_error(field: GridField, center: NDArray, radius: float) -> float:
    """L2 norm over a ball of the samples less what three on either side give for each.

    By polynomials of degree 5 along each axis, hence sixth differences; only where all seven lie in
    the ball, so that nothing outside is seen.
    """
    inside = _squared_distance(field, center) <= radius**2
    columns = field.values.reshape(*field.shape, -1)
    total = 0.0
    for i in range(field.dim):
        n = field.shape[i] - 6
        if n < 1:
            continue
        held = np.ones(1, bool)
        for j in range(7):
            held = held & inside.take(np.arange(j, j + n), axis=i)
        gap = np.diff(columns, 6, axis=i)[held] / 20
        total += float(squares(gap).sum())
    return float(np.sqrt(total * np.prod(field.spacing)))


def _squared_distance(field: GridField, center: NDArray) -> NDArray[np.float64]:
    square = np.zeros(field.shape)
    for i, (axis, c) in enumerate(zip(field.axes, center, strict=True)):
        square = square + ((axis - c) ** 2).reshape([-1 if j == i else 1 for j in range(field.dim)])
    return square


def _systematic(density: NDArray, n: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """n draws from shares that sum to 1, at equal steps of their sums."""
    total = np.cumsum(density)
    place = (np.arange(n) + rng.random()) / n * total[-1]
    return np.minimum(np.searchsorted(total, place, side="right"), len(density) - 1)


def check_parts(check: NDArray, dim: int) -> tuple[NDArray, NDArray, NDArray]:
    """Weights (n,), points (n, m) and values (n, C) of a rule."""
    return check[:, 0], check[:, 1 : 1 + dim], check[:, 1 + dim :]


def scaled_check(
    check: NDArray, dim: int, factor: complex, *, of_complex: bool, to_complex: bool
) -> NDArray[np.float64]:
    """The rule, with weights relative to the field's own square, of a multiple of the field."""
    weight, points, values = check_parts(check, dim)
    if factor == 0:
        return check[:0]
    if of_complex:
        values = rejoined(values)
    values = values * (factor if to_complex else np.real(factor))
    columns = real_columns(values.astype(complex) if to_complex else values)
    return np.concatenate([weight[:, None] / abs(factor) ** 2, points, columns], axis=1)


def rms_bound(square: NDArray, weight: NDArray) -> tuple[float, float]:
    """Root of the integral of squared errors that a rule gives, and an upper bound of it."""
    terms = weight * square
    n = len(terms)
    mean = float(terms.sum())
    spread = float(np.sqrt(n * terms.var()))
    return float(np.sqrt(mean)), float(np.sqrt(mean + _CONFIDENCE * spread))
