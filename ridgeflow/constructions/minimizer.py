"""Networks of zero cost on clustered data, written down: each layer collapses one class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial.distance import pdist

from ridgeflow._products import product
from ridgeflow._validate import (
    as_points,
    common_float,
    fits_in_memory,
    items_of,
    positive_int,
)
from ridgeflow.columns import finite_result
from ridgeflow.constructions.checked_layers import full_rank
from ridgeflow.constructions.clusters import (
    Classes,
    ClusterGeometry,
    as_classes,
    cluster_geometry,
    power_of_two,
)
from ridgeflow.constructions.truncation import (
    cone_layer,
    cumulative_parameters,
    layer_parameters,
)

__all__ = ["TruncationNetwork", "clustered_minimizer"]


@dataclass(frozen=True, eq=False)
class TruncationNetwork:
    r"""A ReLU network whose layers are truncation maps.

    .. math::

       f(x) = W_{L+1}\,\sigma\bigl(W_L \cdots \sigma(W_1 x + b_1) \cdots + b_L\bigr) + b_{L+1}

    Parameters
    ----------
    weights : tuple of ndarray, shapes (n_l, n_{l-1})
        Weights of the L hidden layers and of the affine last one.
    biases : tuple of ndarray, shapes (n_l,)
        Biases of the same.
    margins : ndarray, shape (L,)
        Smallest :math:`|W_l x^{(l-1)} + b_l|_i` over the data, per hidden layer: each
        class stays a single point while parameters move pre-activations by less.
    classes : ndarray, shape (Q,)
        Class labels, in the order of the rows of ``targets``.
    targets : ndarray, shape (Q, k)
        Label vectors y_j.
    points : ndarray, shape (Q, m)
        Where each class went, p_j, in the input space; NaN for a class that is left as it is.
    order : tuple of int
        Classes in the order in which the layers collapse them.
    angles : ndarray, shape (Q,)
        Opening angle θ_j of the cone of each class, in radians; NaN where there is none.
    intervals : ndarray, shape (Q, 2)
        Admissible interval of the distance :math:`|p_j - m_j|`; NaN where none applies.

    Notes
    -----
    **Accuracy.** A collapse is exact: at its layer all hidden states of the class are zero.
    **Cost.** O(n Σ n_l n_{l-1}) for n points.

    See Also
    --------
    clustered_minimizer, separable_minimizer, configurations

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023; *Interpretable global minima of deep ReLU neural networks on
    sequentially separable data*, 2024.

    Examples
    --------
    >>> net = clustered_minimizer([[1.0, 0.0], [1.1, 0.0], [0.0, 1.0]], [0, 0, 1], np.eye(2), 2)
    >>> net([[1.05, 0.0], [0.0, 1.0]]).round(12) + 0.0
    array([[1., 0.],
           [0., 1.]])
    >>> net.widths
    (2, 2)
    """

    weights: tuple[NDArray, ...]
    biases: tuple[NDArray, ...]
    margins: NDArray[np.float64]
    classes: NDArray
    targets: NDArray
    points: NDArray[np.float64]
    order: tuple[int, ...]
    angles: NDArray[np.float64]
    intervals: NDArray[np.float64]

    @property
    def depth(self) -> int:
        """Number L of hidden layers."""
        return len(self.weights) - 1

    @property
    def dim(self) -> int:
        """Dimension m of the input."""
        return self.weights[0].shape[1]

    @property
    def widths(self) -> tuple[int, ...]:
        """Widths of the hidden layers."""
        return tuple(len(w) for w in self.weights[:-1])

    def __call__(self, x: ArrayLike) -> NDArray:
        """Values of the network at points (n, m), shape (n, k)."""
        return self._values(x, "x")

    def _values(self, x: ArrayLike, name: str) -> NDArray:
        with np.errstate(over="ignore", invalid="ignore"):
            last = product(self._states(x, name)[-1], self.weights[-1].T) + self.biases[-1]
        return finite_result(last, name)

    def hidden(self, x: ArrayLike) -> list[NDArray]:
        """Input and hidden states x^(0), ..., x^(L), of shapes (n, n_l)."""
        with np.errstate(over="ignore", invalid="ignore"):
            states = self._states(x, "x")
        return [finite_result(state, "x") for state in states]

    def _states(self, x: ArrayLike, name: str) -> list[NDArray]:
        state = as_points(x, name, dim=self.dim)
        states = [state]
        for w, b in zip(self.weights[:-1], self.biases[:-1]):
            state = np.maximum(product(state, w.T) + b, 0)
            states.append(state)
        return states

    def cumulative(self) -> tuple[tuple[NDArray, ...], tuple[NDArray, ...]]:
        """Cumulative weights and biases of all layers; see ``cumulative_parameters``."""
        return cumulative_parameters(self.weights, self.biases)

    def truncated(self, x: ArrayLike) -> NDArray:
        """The path of each point through the input space, shape (L + 1, n, m).

        Entry l holds :math:`(τ_l ∘ … ∘ τ_1)(x)`.
        """
        return self._path(x, "x")

    def _path(self, x: ArrayLike, name: str) -> NDArray:
        with np.errstate(over="ignore", invalid="ignore"):
            states = self._states(x, name)
            path = [states[0]]
            for state, w, b in zip(states[1:], *self.cumulative()):
                path.append((state - b) @ full_rank(w.astype(np.float64), "weights").T)
            whole = np.stack(path).astype(common_float(states[0], self.weights[0]), copy=False)
        return finite_result(whole, name)

    def classify(self, x: ArrayLike) -> NDArray:
        r"""The class whose label vector is nearest to the network's value, shape (n,).

        .. math::

           \arg\min_j |f(x) - y_j| = \arg\min_j |W^{(L+1)}((\tau_L\circ\dots\circ\tau_1)(x) - p_j)|

        so the network measures distances to the points p_j in the metric of its last layer.
        """
        apart = self(x)[:, None, :] - self.targets[None]
        # Of each point in its own unit: far ones overflow, and all classes would be as far.
        largest = np.abs(apart).max(axis=(1, 2), keepdims=True)
        squares = ((apart / np.where(largest > 0, largest, 1)) ** 2).sum(-1)
        return self.classes[squares.argmin(1)]

    def cost(self, X: ArrayLike, labels: ArrayLike) -> float:
        r"""The cost :math:`C_N = (\sum_j \frac{1}{N_j}\sum_i |f(x_{ji}) - y_j|^2)^{1/2}`.

        A square root, as published; ``configurations`` reports its square.
        """
        data = self._data(X, labels)
        misfit = self._values(X, "X") - self.targets[data.index]
        size = power_of_two(float(np.abs(misfit).max()))
        squares = ((misfit / size) ** 2).sum(1)
        return size * math.sqrt(float(squares @ data.weights))

    def noise_to_signal(self, X: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
        r"""Noise-to-signal ratio of the data before and after each layer, shape (L + 1,).

        .. math:: \delta_P^{(l)} = \max_{j,i}\bigl|M_l^{+}(x_{ji} - m_j)\bigr|

        with x the data after l truncation maps and :math:`M_l` the matrix of their class means. It
        ends at 0 but need not fall at every layer, since collapsing a class moves its mean; what
        never grows are the ``diameters``.
        """
        data = self._data(X, labels)
        ratios = []
        for points in self._path(X, "X").astype(np.float64):
            means = data.means(points)
            spread = (points - means[data.index]) @ full_rank(means, "class means of X")
            ratios.append(np.sqrt((spread**2).sum(1)).max())
        return finite_result(np.array(ratios), "X")

    def diameters(self, X: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
        r"""Class diameters before and after each layer in its own norm :math:`|W^{(l)}\cdot|`.

        Shape (L, Q, 2). They never grow: a truncation map is 1-Lipschitz in the norm of its layer.
        O(N_j²) distances per class.
        """
        data = self._data(X, labels)
        path = self._path(X, "X").astype(np.float64)
        found = np.zeros((self.depth, data.count, 2))
        for level, w in enumerate(self.cumulative()[0][:-1]):
            for j in range(data.count):
                for side in (0, 1):
                    image = path[level + side, data.index == j] @ w.T
                    unit = power_of_two(float(np.abs(image).max()))
                    found[level, j, side] = unit * pdist(image / unit).max(initial=0.0)
        return finite_result(found, "X")

    def _data(self, X: ArrayLike, labels: ArrayLike) -> Classes:
        data = as_classes(X, labels)
        if not np.array_equal(data.values, self.classes):
            raise ValueError(
                f"`labels` must name the classes {self.classes.tolist()}, got "
                f"{data.values.tolist()}"
            )
        return data


def preactivation_margins(
    weights: Sequence[NDArray], biases: Sequence[NDArray], points: NDArray
) -> NDArray:
    """The smallest |pre-activation| of each hidden layer over the data."""
    found, state = [], points
    for w, b in zip(weights[:-1], biases[:-1]):
        state = state @ w.T + b
        found.append(float(np.abs(state).min()))
        state = np.maximum(state, 0)
    return np.array(found)


def keeping_layer(points: NDArray) -> tuple[NDArray, NDArray]:
    """A layer that leaves all these points as they are."""
    low, high = points.min(0), points.max(0)
    gap = float((high - low).max()) or 1.0
    return np.eye(points.shape[1]), gap - low


def last_layer(hidden: NDArray, shift: NDArray, targets: NDArray) -> tuple[NDArray, NDArray]:
    """Weights and bias with values ``targets`` at ``hidden`` rows and cumulative bias zero."""
    states = hidden - shift
    inverse = full_rank(states, "the collapsed points")
    weights = targets.T @ inverse.T
    # One step of refinement: the residual of a backward stable solution is rounding.
    weights += (targets.T - weights @ states.T) @ inverse.T
    return weights, -weights @ shift


def truncating_layers(
    data: Classes,
    geometry: ClusterGeometry,
    widths: Sequence[int],
    truncated: Sequence[int],
) -> tuple[list[NDArray], list[NDArray], NDArray]:
    """Cumulative weights and biases of layers that collapse some classes and keep the others.

    The third result holds the data after the layers, in the coordinates of the basis.
    """
    W, b = [], []
    points = data.points @ geometry.basis.T
    for level, width in enumerate(widths):
        points = points[:, :width]
        if level in truncated:
            apex = geometry.point(level)[:width]
            layer = cone_layer(apex, geometry.axes[level, :width], geometry.angles[level])
            points = np.where((data.index == level)[:, None], apex, points)
        else:
            layer = keeping_layer(points)
        W.append(layer[0] @ geometry.basis[:width])
        b.append(layer[1])
    return W, b, points


def fits_in_depth(depth: int, width: int, copies: int = 1) -> None:
    """Refuse layers beyond the memory budget: their weights twice, and some objects."""
    fits_in_memory(
        copies * depth * (16.0 * width * (width + 1) + 512),
        f"{copies * depth} layers of width {width}",
        "lower the depth, or raise memory_budget",
    )


def _widths(widths: Sequence[int] | None, depth: int, count: int, dim: int) -> list[int]:
    """Widths of the hidden layers."""
    if widths is None:
        fits_in_depth(depth, count)
        return [count] * depth
    given = items_of(widths, "widths")
    if len(given) != depth:
        raise ValueError(f"`widths` must hold one number per layer ({depth}), got {len(given)}")
    found = [positive_int(w, f"widths[{i}]", minimum=count) for i, w in enumerate(given)]
    for before, after in zip([dim, *found], found):
        if after > before:
            raise ValueError(f"`widths` must not grow, got {after} after {before}")
    return found


def clustered_minimizer(
    X: ArrayLike,
    labels: ArrayLike,
    Y: ArrayLike,
    depth: int,
    *,
    widths: Sequence[int] | None = None,
    angles: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
) -> TruncationNetwork:
    r"""Write down a deep ReLU network of zero cost on clustered data.

    Layer j collapses class j, whose mean is :math:`m_j`, to the point

    .. math::

       p_j = m_j + t_j f_j, \qquad f_j = \frac{\bar x - m_j}{|\bar x - m_j|}, \qquad
       W^{(L+1)} = Y\,[p_1 \dots p_Q]^{-1}, \quad b^{(L+1)} = 0

    and leaves the others; :math:`\bar x` is the mean of the means. With
    :math:`\delta = \max|x - m_j|`, :math:`\varphi = \theta_j/2`, :math:`a = (m_k-m_j)\cdot f_j` and
    :math:`r = |m_k - m_j - a f_j|`, the admissible interval is

    .. math::

       \frac{\delta}{\sin\varphi} < t_j <
       \min\Bigl(|m_j-\bar x|,\
       \min_{k\ne j}\bigl[a - (r\cos\varphi+\delta)/\sin\varphi\bigr]\Bigr).

    Further layers keep all that is left. Where the input has more than Q dimensions, the first
    layer projects on the span of the means.

    Parameters
    ----------
    X : array_like, shape (N, m), m >= Q
        Points.
    labels : array_like, shape (N,)
        Class of each point; the sorted values number the classes.
    Y : array_like, shape (Q, k)
        Label vectors y_j, one row per class in sorted order, linearly independent.
    depth : int
        Number of hidden layers L >= Q.
    widths : sequence of int, optional
        Widths of the hidden layers, from m downwards, never growing, at least Q; Q by default.
    angles : float or array_like, shape (Q,), optional
        Opening angles θ_j in radians, π/2 <= θ_j < π; midway between the least that is sure to
        admit points and π by default.
    offsets : float or array_like, shape (Q,), optional
        The distances t_j, in the unit of X; the middle of the admissible interval by default.

    Returns
    -------
    TruncationNetwork
        A callable with ``weights``, ``biases`` and ``margins``.

    Raises
    ------
    ValueError
        If the class means or the labels are linearly dependent; :math:`4\delta \ge |m_j-m_k|`
        for a pair; :math:`\theta_* \ge \pi`, with
        :math:`\theta_*/2 = \max_{j,k}[\angle(m_k-m_j, f_j) + \arcsin(4\delta/|m_k-m_j|)]`; an
        admissible interval is empty or does not hold the offset; L < Q; or widths grow. δ is that
        of the projected data.
    MemoryBudgetError
        If the layers do not fit the memory budget.

    Notes
    -----
    The published range of parameters can be empty where the interval above is not, and decreasing
    widths presuppose the projection, which the publication leaves out.

    **Accuracy.** The collapse is exact: at its layer all hidden states of the class are zero.
    Values at the data are the labels up to rounding times the condition number of the means.
    **Cost.** O(N Q m + L m³).

    See Also
    --------
    separable_minimizer, configurations, truncation_map

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> labels = np.repeat([0, 1, 2], 20)
    >>> X = np.eye(3)[labels] + 0.02 * rng.normal(size=(60, 3))
    >>> net = clustered_minimizer(X, labels, np.eye(3), 3)
    >>> bool(net.cost(X, labels) < 1e-13)
    True
    >>> bool(np.all(net.classify(X) == labels))
    True
    """
    data = as_classes(X, labels, Y)
    count, dim = data.count, data.points.shape[1]
    layers = positive_int(depth, "depth")
    if layers < count:
        raise ValueError(
            f"`depth` must be at least the number of classes, got {layers} for {count} classes "
            "(each layer collapses one)"
        )
    if dim < count:
        raise ValueError(
            "the class means of `X` must be linearly independent, got "
            f"{count} classes in dimension {dim} (try sequential_separation)"
        )
    sizes = _widths(widths, layers, count, dim)
    geometry = cluster_geometry(data, sizes[0], angles, offsets)
    W, b, _ = truncating_layers(data, geometry, sizes, range(count))
    points = np.stack([geometry.point(j) for j in range(count)]) @ geometry.basis
    return finished(data, W, b, points, range(count), geometry.angles, geometry.intervals)


def finished(
    data: Classes,
    W: Sequence[NDArray],
    b: Sequence[NDArray],
    points: NDArray,
    order: Sequence[int],
    angles: NDArray,
    intervals: NDArray,
    last: tuple[NDArray, NDArray] | None = None,
) -> TruncationNetwork:
    """The network of these cumulative hidden layers, with a last layer that maps p_j to y_j.

    ``last`` holds cumulative parameters of another last layer. All are in units of the data; the
    network, whose hidden weights carry none, is not.
    """
    weights, biases = map(list, layer_parameters(W, b))
    if last is None:
        state = data.points[np.unique(data.index, return_index=True)[1]]
        for w, v in zip(weights, biases):
            state = np.maximum(state @ w.T + v, 0)
        output = last_layer(state, b[-1], data.targets)
    else:
        slope = last[0] @ full_rank(W[-1], "weights")
        output = slope, last[1] - slope @ b[-1]
    weights.append(output[0])
    biases.append(output[1])
    margins = preactivation_margins(weights, biases, data.points)
    unit = data.unit
    weights[-1] = weights[-1] / unit
    biases[:-1] = [v * unit for v in biases[:-1]]
    for value in (*weights, *biases):
        finite_result(value.astype(data.dtype, copy=False), "X")
    return TruncationNetwork(
        tuple(w.astype(data.dtype, copy=False) for w in weights),
        tuple(v.astype(data.dtype, copy=False) for v in biases),
        unit * margins,
        data.values,
        data.targets.astype(data.dtype, copy=False),
        unit * points,
        tuple(int(j) for j in order),
        angles,
        unit * intervals,
    )
