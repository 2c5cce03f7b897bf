"""Neurons drawn from pairs of samples, where no spectrum is available."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    one_of,
    positive,
    positive_int,
    same_length,
)

__all__ = ["pair_neurons"]


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
        Sample weights, not negative: how often each sample is there.
    rng : int or Generator, optional

    Returns
    -------
    a : ndarray, shape (P, m)
    b : ndarray, shape (P,)

    Raises
    ------
    ValueError
        If shapes clash, all points coincide, or an option is out of range.

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
    x = as_points(points, "points").astype(np.float64)
    y = as_real_array(values, "values", ndim=(1, 2)).astype(np.float64)
    y = y.reshape(len(y), -1)
    same_length(points=x, values=y)
    width = positive_int(width, "width")
    kappa = positive(slope, "slope")
    one_of(density, "density", ("gradient", "value"))
    generator = as_generator(rng)
    if len(x) < 2 or not np.ptp(x, axis=0).any():
        raise ValueError(
            f"`points` must hold two different points, got {len(x)} that all agree (a pair of "
            "samples gives a neuron)"
        )
    often = np.ones(len(x))
    if weights is not None:
        often = as_real_array(weights, "weights", ndim=1).astype(np.float64)
        same_length(points=x, weights=often)
    size = np.linalg.norm(y, axis=1) * often
    chance = size if density == "value" and size.any() else often
    chance = chance / chance.sum()
    first, second = np.empty(0, np.int64), np.empty(0, np.int64)
    candidates = width * (8 if density == "gradient" else 1)
    while len(first) < candidates:
        pair = generator.choice(len(x), (2, candidates), p=chance)
        apart = (x[pair[0]] != x[pair[1]]).any(axis=1)
        if not apart.any():
            # All the mass sits on one point: only its partners are left to choose.
            chance = None
        first = np.concatenate([first, pair[0][apart]])
        second = np.concatenate([second, pair[1][apart]])
    first, second = first[:candidates], second[:candidates]
    gap = x[first] - x[second]
    square = (gap**2).sum(axis=1)
    if density == "gradient":
        steep = np.linalg.norm(y[first] - y[second], axis=1) / np.sqrt(square)
        if np.count_nonzero(steep) >= width:
            kept = generator.choice(candidates, width, replace=False, p=steep / steep.sum())
        else:
            kept = np.argsort(-steep, kind="stable")[:width]
        first, second, gap, square = first[kept], second[kept], gap[kept], square[kept]
    a = kappa * gap / square[:, None]
    b = 0.5 * np.einsum("ij,ij->i", a, x[first] + x[second])
    return a, b
