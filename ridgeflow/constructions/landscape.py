"""The cost around truncation networks: all 2^Q configurations, their gradients and Hessians."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fork import cached_property
from ridgeflow._validate import finite_number, fits_in_memory, positive_int
from ridgeflow.columns import finite_result
from ridgeflow.constructions.checked_layers import full_rank
from ridgeflow.constructions.clusters import (
    Classes,
    ClusterGeometry,
    as_classes,
    cluster_geometry,
)
from ridgeflow.constructions.minimizer import (
    TruncationNetwork,
    finished,
    fits_in_depth,
    truncating_layers,
)

__all__ = ["Configuration", "configurations"]

# Numbers held at once by the Hessian.
_BLOCK = 2**21
# A squared cost below this part of the labels' own is rounding.
_ZERO = 1e-20

Parameters = tuple[Sequence[NDArray], Sequence[NDArray]]


def squared_cost(parameters: Parameters, data: Classes) -> float:
    """C² = Σ_j (1/N_j) Σ_i |f(x_ji) − y_j|²."""
    misfit = _forward(parameters, data.points)[0][-1] - data.targets[data.index]
    return float(data.weights @ (misfit**2).sum(1))


def cost_gradient(parameters: Parameters, data: Classes) -> NDArray:
    """Gradient of C² in W_1, b_1, ..., W_{L+1}, b_{L+1}, flattened in this order."""
    states, masks = _forward(parameters, data.points)
    back = _backward(parameters, states, masks, data)
    parts: list[NDArray] = []
    for g, h in zip(back, states):
        parts += [(g.T @ h).ravel(), g.sum(0)]
    return np.concatenate(parts)


def cost_hessian(parameters: Parameters, data: Classes) -> NDArray:
    """Hessian of C² where no pre-activation vanishes, exact but for rounding.

    The cost is a polynomial of the parameters while signs of pre-activations stay; directional
    derivatives of its gradient along all axes at once, over blocks of points.
    """
    weights, biases = parameters
    count = sum(w.size + b.size for w, b in zip(weights, biases))
    hessian = np.zeros((count, count))
    step = max(1, _BLOCK // (count * max(w.shape[0] for w in weights) * len(weights)))
    for start in range(0, len(data.points), step):
        part = slice(start, start + step)
        hessian += _hessian_block(parameters, data, part)
    return 0.5 * (hessian + hessian.T)


def _forward(parameters: Parameters, points: NDArray) -> tuple[list[NDArray], list[NDArray]]:
    weights, biases = parameters
    states, masks = [points], []
    for level, (w, b) in enumerate(zip(weights, biases)):
        state = states[-1] @ w.T + b
        if level + 1 < len(weights):
            masks.append((state > 0).astype(np.float64))
            state = state * masks[-1]
        states.append(state)
    return states, masks


def _backward(
    parameters: Parameters, states: list[NDArray], masks: list[NDArray], data: Classes
) -> list[NDArray]:
    """Derivatives of C² in the pre-activations of each layer, shapes (N, n_l)."""
    misfit = states[-1] - data.targets[data.index]
    back = [2 * data.weights[:, None] * misfit]
    for w, mask in zip(reversed(parameters[0][1:]), reversed(masks)):
        back.append(back[-1] @ w * mask)
    return back[::-1]


def _hessian_block(parameters: Parameters, data: Classes, part: slice) -> NDArray:
    weights = parameters[0]
    states, masks = _forward(parameters, data.points[part])
    scale = 2 * data.weights[part, None]
    back = [scale * (states[-1] - data.targets[data.index[part]])]
    for w, mask in zip(reversed(weights[1:]), reversed(masks)):
        back.append(back[-1] @ w * mask)
    back = back[::-1]
    dw, db = _axes(parameters)
    # Along every axis at once: states, then derivatives, then the gradient.
    moved = [np.zeros((len(db[0]), *states[0].shape))]
    for level, w in enumerate(weights):
        change = states[level] @ dw[level].transpose(0, 2, 1) + moved[level] @ w.T
        change += db[level][:, None, :]
        moved.append(change * masks[level] if level < len(masks) else change)
    turned = [scale * moved[-1]]
    for level in range(len(masks), 0, -1):
        change = back[level] @ dw[level] + turned[-1] @ weights[level]
        turned.append(change * masks[level - 1])
    turned = turned[::-1]
    rows = []
    for level in range(len(weights)):
        slope = turned[level].transpose(0, 2, 1) @ states[level] + back[level].T @ moved[level]
        rows += [slope.reshape(len(slope), -1), turned[level].sum(1)]
    return np.concatenate(rows, axis=1)


def _axes(parameters: Parameters) -> tuple[list[NDArray], list[NDArray]]:
    """Unit directions of the parameters, one row of each array per parameter."""
    sizes = [a.size for pair in zip(*parameters) for a in pair]
    ends = np.cumsum([0, *sizes])
    unit = np.eye(ends[-1])
    pieces = [unit[:, ends[i] : ends[i + 1]] for i in range(len(sizes))]
    dw = [p.reshape(-1, *w.shape) for p, w in zip(pieces[::2], parameters[0])]
    return dw, pieces[1::2]


@dataclass(frozen=True, eq=False)
class Configuration:
    r"""One choice of the classes that a truncation network collapses, and the cost around it.

    Parameters
    ----------
    truncated : tuple of int
        Numbers of the collapsed classes, in sorted order of the labels.
    kind : str
        "global" where the squared cost is zero to rounding; "local" where no class is truncated: a
        degenerate local minimum in all parameters; "constrained" for the rest: minima of the last
        layer only, with the collapsed points held, from which other parameters descend.
    tied : float
        Least :math:`C^2` over the last layer with cumulative bias zero.
    affine : float
        Least :math:`C^2` over the last layer with its bias free.
    network : TruncationNetwork
        The network, with the affine last layer (for the global minimum: the tied one).

    Notes
    -----
    **Accuracy.** Gradient and Hessian are exact but for rounding, in the region of parameters where
    no pre-activation changes sign; the rank counts eigenvalues above 1e-14 of the largest.
    **Cost.** O(P² N + P³) for the Hessian of P parameters, computed when first asked for.

    See Also
    --------
    configurations

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.1, 0.1], [1.0, 0.1], [0.0, 1.0], [0.1, 0.9]]
    >>> last = configurations(X, [0, 0, 0, 1, 1], np.eye(2))[-1]
    >>> last.truncated, last.kind, last.hessian_rank, last.nullity
    ((0, 1), 'global', 4, 14)
    """

    truncated: tuple[int, ...]
    kind: str
    tied: float
    affine: float
    network: TruncationNetwork
    _data: Classes

    @property
    def _parameters(self) -> Parameters:
        return (
            [w.astype(np.float64) for w in self.network.weights],
            [b.astype(np.float64) for b in self.network.biases],
        )

    @cached_property
    def gradient(self) -> NDArray[np.float64]:
        """Gradient of C² in W_1, b_1, ..., W_{L+1}, b_{L+1}, flattened."""
        with np.errstate(over="ignore", invalid="ignore"):
            return finite_result(cost_gradient(self._parameters, self._data), "X")

    @property
    def gradient_norm(self) -> float:
        """Euclidean norm of the gradient over all parameters."""
        return float(np.linalg.norm(self.gradient))

    @property
    def last_layer_gradient_norm(self) -> float:
        """Euclidean norm of the gradient over the last layer alone."""
        size = self.network.weights[-1].size + self.network.biases[-1].size
        return float(np.linalg.norm(self.gradient[-size:]))

    @cached_property
    def hessian(self) -> NDArray[np.float64]:
        """Hessian of C² in the same order."""
        count = len(self.gradient)
        fits_in_memory(
            24.0 * count**2 + 8 * _BLOCK,
            f"the Hessian in {count} parameters",
            "lower the depth, or raise memory_budget",
        )
        with np.errstate(over="ignore", invalid="ignore"):
            return finite_result(cost_hessian(self._parameters, self._data), "X")

    @property
    def hessian_rank(self) -> int:
        """Rank of the Hessian."""
        values = np.abs(np.linalg.eigvalsh(self.hessian))
        return int(np.count_nonzero(values > 1e-14 * values.max()))

    @property
    def nullity(self) -> int:
        """Dimension of the Hessian's kernel."""
        return len(self.gradient) - self.hessian_rank

    def descend(self, step: float) -> float:
        """C² after moving all parameters by ``step`` against the gradient's direction."""
        step = finite_number(step, "step")
        norm = self.gradient_norm
        if norm == 0:
            return squared_cost(self._parameters, self._data)
        parts = [a for pair in zip(*self._parameters) for a in pair]
        ends = np.cumsum([0, *(a.size for a in parts)])
        moved = [
            a - step / norm * self.gradient[ends[i] : ends[i + 1]].reshape(a.shape)
            for i, a in enumerate(parts)
        ]
        with np.errstate(over="ignore", invalid="ignore"):
            found = squared_cost((moved[::2], moved[1::2]), self._data)
        return float(finite_result(np.asarray(found), "step"))


def configurations(
    X: ArrayLike, labels: ArrayLike, Y: ArrayLike, *, depth: int | None = None
) -> tuple[Configuration, ...]:
    r"""Build the truncation networks that collapse each of the 2^Q sets of classes.

    With M the matrix of the points that stand for the classes (:math:`p_j` where class j is
    collapsed, :math:`m_j` where not), :math:`\Sigma` the sum of the covariances (1/N_j) of classes
    that are not, :math:`\Delta_2 = M^{-1}\Sigma M^{-\mathsf T}`,
    :math:`K = \Delta_2(1+\Delta_2)^{-1}` and u = (1, …, 1), the least squared costs over the last
    layer are

    .. math::

       \min_W C^2 = \operatorname{tr} Y K Y^{\mathsf T}, \qquad
       \min_{W,b} C^2 = \operatorname{tr} Y\Bigl[K - \frac{K uu^{\mathsf T} K}{u^{\mathsf T} K u}
       \Bigr]Y^{\mathsf T},

    the first with the cumulative bias of the last layer tied to zero, the second with it free.

    Parameters
    ----------
    X : array_like, shape (N, m), m >= Q
        Points; for m > Q they are projected on the span of the class means.
    labels : array_like, shape (N,)
        Class of each point.
    Y : array_like, shape (Q, k)
        Label vectors, one row per class, linearly independent.
    depth : int, optional
        Number of hidden layers L >= Q; Q by default.

    Returns
    -------
    tuple of Configuration
        All 2^Q, by the number of truncated classes: the first truncates none, the last all.

    Raises
    ------
    ValueError
        As ``clustered_minimizer``.
    MemoryBudgetError
        If the layers of all 2^Q networks do not fit the memory budget.

    Notes
    -----
    The publication gives the first value and calls 2^Q − 1 of these degenerate local minima. The
    first value needs the tied bias, and with the affine last layer only the configuration that
    truncates no class is a local minimum; mixed ones are stationary in the last layer alone, and
    ``Configuration.descend`` goes below them.

    **Accuracy.** Values to rounding times the condition number of M. **Cost.** O(2^Q N Q²).

    See Also
    --------
    clustered_minimizer, Configuration

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023; *Geometric structure of shallow neural networks and constructive
    L2 cost minimization*, 2023.

    Examples
    --------
    >>> X = [[1.0, 0.0], [1.1, 0.1], [1.0, 0.1], [0.0, 1.0], [0.1, 0.9], [0.1, 1.0]]
    >>> for c in configurations(X, [0, 0, 0, 1, 1, 1], np.eye(2)):
    ...     print(c.truncated, c.kind, f"{c.tied:.4f} {c.affine:.4f}")
    () local 0.0090 0.0051
    (0,) constrained 0.0083 0.0073
    (1,) constrained 0.0060 0.0025
    (0, 1) global 0.0000 0.0000
    """
    data = as_classes(X, labels, Y)
    count, dim = data.count, data.points.shape[1]
    layers = positive_int(count if depth is None else depth, "depth")
    if layers < count:
        raise ValueError(f"`depth` must be at least the number of classes {count}, got {layers}")
    if dim < count:
        raise ValueError(
            f"the class means of `X` must be linearly independent, got {count} classes in "
            f"dimension {dim}"
        )
    fits_in_depth(layers, count, 2**count)
    geometry = cluster_geometry(data, count)
    return tuple(
        _configuration(data, geometry, chosen, layers)
        for size in range(count + 1)
        for chosen in combinations(range(count), size)
    )


def _configuration(
    data: Classes, geometry: ClusterGeometry, chosen: tuple[int, ...], depth: int
) -> Configuration:
    count = data.count
    W, b, points = truncating_layers(data, geometry, [count] * depth, chosen)
    factor, stand_ins = _spread(data, points)
    values = factor @ data.targets
    common = factor.sum(1)
    length = float(np.linalg.norm(common))
    rest = values if length == 0 else values - np.outer(common, common @ values) / length**2
    with np.errstate(over="ignore"):
        squares = np.array([(part**2).sum() for part in (values, rest, data.targets)])
    tied, affine, label = map(float, finite_result(squares, "Y"))
    zero = _ZERO * label
    if len(chosen) == count:
        last = None
    else:
        root = np.sqrt(data.weights)[:, None]
        design = np.concatenate([points, np.ones((len(points), 1))], axis=1)
        fit = np.linalg.lstsq(design * root, data.targets[data.index] * root, rcond=None)[0]
        last = fit[:-1].T @ geometry.basis, fit[-1]
    where = np.full((count, data.points.shape[1]), np.nan)
    where[list(chosen)] = stand_ins[list(chosen)] @ geometry.basis
    angles = np.where(np.isin(np.arange(count), chosen), geometry.angles, np.nan)
    intervals = np.where(np.isfinite(angles)[:, None], geometry.intervals, np.nan)
    network = finished(data, W, b, where, chosen, angles, intervals, last)
    if affine <= zero or len(chosen) == count:
        kind = "global"
    else:
        kind = "constrained" if chosen else "local"
    whole = replace(data, points=data.points * data.unit, unit=1.0)
    return Configuration(chosen, kind, tied, affine, network, whole)


def _spread(data: Classes, points: NDArray) -> tuple[NDArray, NDArray]:
    """A factor S of the matrix K = SᵀS, and the points that stand for the classes."""
    means = data.means(points)
    apart = points - means[data.index]
    # Bitwise equal points have a mean that may differ from them by rounding.
    classes = [points[data.index == j] for j in range(len(means))]
    collapsed = [bool((p == p[0]).all()) for p in classes]
    apart[np.isin(data.index, np.flatnonzero(collapsed))] = 0
    scaled = (apart * np.sqrt(data.weights)[:, None]) @ full_rank(means, "class means of X")
    values, right = np.linalg.svd(scaled, full_matrices=False)[1:]
    return (values / np.sqrt(1 + values**2))[:, None] * right, means
