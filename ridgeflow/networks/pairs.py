"""Neurons drawn from pairs of samples, where no spectrum is available."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._units import power_of_two, rounding_of
from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    one_of,
    positive,
    positive_int,
    same_length,
)
from ridgeflow.networks.least_squares import as_weights

__all__ = ["pair_neurons"]

# Samples beyond so many times the radius that holds this share of them are outliers, which make
# pairs less often, by this power of how far they are.
_CENTRAL, _BEYOND, _POWER = 0.8, 1.5, 4
# Where so many rounds of draws do not give the pairs, nearly all samples are in one place.
_ROUNDS = 50


def pair_neurons(
    points: ArrayLike,
    values: ArrayLike,
    width: int,
    *,
    slope: float = 1.0,
    density: str = "gradient",
    weights: ArrayLike | None = None,
    rng: int | np.random.Generator | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Neurons from pairs of samples, where no transform is available: any dimension, no grid.

    .. math:: a = \kappa\,\frac{x_s - x_t}{|x_s - x_t|^2},\qquad b = a\cdot\frac{x_s + x_t}{2},

    so that the transition of the neuron :math:`\eta(a\cdot x - b)` falls between the two samples,
    across :math:`1/\kappa` of their distance.

    Parameters
    ----------
    points : array_like, shape (n, m)
    values : array_like, shape (n,) or (n, k)
    width : int
        Number of neurons P.
    slope : float
        :math:`\kappa > 0`, dimensionless.
    density : {"gradient", "value"}
        Pairs are drawn with probability proportional to :math:`|y_s - y_t| / |x_s - x_t|`, or to
        :math:`|y_s|\,|y_t|`.
    weights : array_like, shape (n,), optional
        Sample weights, not negative: how often each sample is there, relative to others.
    rng : int or Generator, optional

    Returns
    -------
    a : ndarray, shape (P, m)
    b : ndarray, shape (P,)

    Raises
    ------
    ValueError
        If shapes clash, all points coincide but for rounding, weights are negative or all zero, or
        an option is out of range.
    MemoryBudgetError
        If the candidates exceed the memory budget.

    Notes
    -----
    **Accuracy.** "gradient" draws from candidates, eight times as many as neurons (all pairs are
    too many); where the density vanishes on all of them, they are equally likely.

    **Cost.** O(P m).

    See Also
    --------
    oracle_neurons : the same from a spectrum.

    References
    ----------
    S. Sonoda and N. Murata, *Sampling hidden parameters from oracle distribution*, ICANN 2014.
    E. L. Bolager, I. Burak, C. Datar, Q. Sun and F. Dietrich, *Sampling weights of deep neural
    networks*, NeurIPS 2023, Definition 2.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 50)
    >>> a, b = pair_neurons(x, np.tanh(20 * x), 100, rng=0)
    >>> bool(np.median(np.abs(b / a[:, 0])) < 0.3)
    True
    """
    x = as_points(points, "points")
    rounding = rounding_of(x)
    x = x.astype(np.float64)
    y = as_real_array(values, "values", ndim=(1, 2)).astype(np.float64)
    y = y.reshape(len(y), -1)
    same_length(points=x, values=y)
    width = positive_int(width, "width")
    kappa = positive(slope, "slope")
    one_of(density, "density", ("gradient", "value"))
    often = np.ones(len(x)) if weights is None else as_weights(weights, "weights", x)
    return draw_pairs(x, y, width, kappa, density, often, rounding, as_generator(rng))


def central_weights(x: NDArray, weights: NDArray) -> NDArray[np.float64]:
    """Weights (n,) of which outliers have less: pairs with them are long, and their neurons flat
    where the samples are."""
    radius = np.sqrt((x**2).sum(axis=1))
    order = np.argsort(radius, kind="stable")
    mass = np.cumsum(weights[order])
    bound = _BEYOND * radius[order[np.searchsorted(mass, _CENTRAL * mass[-1])]]
    far = radius > bound
    if not bound > 0 or not far.any():
        return weights
    found = weights.copy()
    found[far] *= (bound / radius[far]) ** _POWER
    return found


def draw_pairs(
    x: NDArray,
    y: NDArray,
    width: int,
    slope: float,
    density: str,
    often: NDArray,
    rounding: NDArray,
    rng: np.random.Generator,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """:func:`pair_neurons` on checked arrays, of points that differ by more than ``rounding``."""
    candidates = width * (8 if density == "gradient" else 1)
    fits_in_memory(
        8.0 * candidates * (6 + 3 * x.shape[1] + 2 * y.shape[1]),
        f"drawing {width} neurons from pairs of samples",
        "use fewer neurons, or raise memory_budget",
    )
    counts = often > 0
    if not (np.ptp(x[counts], axis=0) > rounding).any():
        raise ValueError(
            f"`points` must hold two different points, got {np.count_nonzero(counts)} that all "
            "agree but for rounding (a pair of samples gives a neuron)"
        )
    # In units of their size, so that no square overflows.
    unit = float(power_of_two(x))
    x, rounding = x / unit, rounding / unit
    y = y / power_of_two(y)
    size = np.linalg.norm(y, axis=1) * often
    chance = size if density == "value" and size.any() else often
    chance = chance / power_of_two(chance)
    chance = chance / chance.sum()
    drawn = [np.empty((2, 0), np.int64)]
    for _ in range(_ROUNDS):
        pair = rng.choice(len(x), (2, candidates), p=chance)
        apart = (np.abs(x[pair[0]] - x[pair[1]]) > rounding).any(axis=1)
        if not apart.any():
            # All the mass sits on one point: only its partners are left to choose.
            chance = counts / counts.sum()
        drawn.append(pair[:, apart])
        if sum(part.shape[1] for part in drawn) >= candidates:
            break
    else:
        # Nearly all points are in one place: whoever is elsewhere makes pairs with them.
        wide = x[:, int(np.argmax(np.ptp(x[counts], axis=0) - rounding))]
        there = np.flatnonzero(counts)
        ends = there[[np.argmin(wide[there]), np.argmax(wide[there])]]
        drawn.append(ends[:, None])
        found = np.concatenate(drawn, axis=1)
        drawn = [np.tile(found, -(-candidates // found.shape[1]))]
    first, second = np.concatenate(drawn, axis=1)[:, :candidates]
    gap = x[first] - x[second]
    # Beside a huge coordinate the others are tiny, and their squares nothing.
    widest = np.abs(gap).max(axis=1)
    unit_gap = gap / widest[:, None]
    length = np.sqrt((unit_gap**2).sum(axis=1))
    with np.errstate(over="ignore", invalid="ignore"):
        if density == "gradient":
            rise = np.linalg.norm(y[first] - y[second], axis=1)
            steep = rise / length / (widest / widest.min())
            if np.count_nonzero(steep) >= width:
                kept = rng.choice(candidates, width, replace=False, p=steep / steep.sum())
            else:
                kept = np.argsort(-steep, kind="stable")[:width]
            first, second, unit_gap = first[kept], second[kept], unit_gap[kept]
            widest, length = widest[kept], length[kept]
        a = slope * unit_gap / length[:, None] ** 2 / widest[:, None]
        b = 0.5 * np.einsum("ij,ij->i", a, x[first] + x[second])
        a = a / unit
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        raise ValueError(
            f"`points` must lie apart, and `slope` be of a size, so that slopes of neurons are "
            f"numbers, got distances from {unit * widest.min():.1e} and {slope:.1e} (pass them in "
            "another unit)"
        )
    return a, b
