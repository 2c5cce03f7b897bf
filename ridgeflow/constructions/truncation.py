"""Truncation maps: what a ReLU layer does to the input space, its cones, and its flow."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_real_array,
    common_float,
    finite_number,
    items_of,
    non_negative,
    same_length,
)
from ridgeflow.columns import finite_result
from ridgeflow.constructions.checked_layers import full_rank, layer_arguments, layer_parts, square
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = [
    "cone_layer",
    "cumulative_parameters",
    "entropy_rate",
    "layer_parameters",
    "truncation_field",
    "truncation_flow",
    "truncation_map",
]

# Kernels count as nested where a layer's map loses less than this part of the next one's.
_NESTED = 1e-9


def truncation_map(W: ArrayLike, b: ArrayLike, x: ArrayLike) -> NDArray:
    r"""Apply the truncation map of a ReLU layer to points.

    .. math:: \tau_{W,b}(x) = W^{+}\bigl(\sigma(Wx+b) - b\bigr), \qquad \sigma(z) = \max(z, 0)

    With W⁺ the pseudo-inverse: what the layer does, seen in its input space. Where Wx + b is
    non-negative τ is the orthogonal projection on the row space of W, hence the identity for
    square W; where it is non-positive every point goes to :math:`-W^{+}b`.

    Parameters
    ----------
    W : array_like, shape (k, m), k <= m
        Weights of the layer, of full rank, in 1/length.
    b : array_like, shape (k,)
        Offsets of the layer, dimensionless; note the plus sign before b.
    x : array_like, shape (n, m)
        Points.

    Returns
    -------
    ndarray, shape (n, m)
        The images, in the unit of x; float32 if all that was given is float32.

    Raises
    ------
    ValueError
        If W has more rows than columns or not full rank, or if shapes clash.

    Notes
    -----
    **Accuracy.** Rounding times the condition number of W. **Cost.** O(n k m + k² m).

    See Also
    --------
    cone_layer, truncation_flow, clustered_minimizer

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> truncation_map(np.eye(2), [-1.0, 0.0], [[3.0, 2.0], [0.5, -1.0]])
    array([[3., 2.],
           [1., 0.]])
    """
    weights, offsets, points = layer_arguments(W, b, x)
    inverse = full_rank(weights.astype(np.float64), "W")
    shift = offsets.astype(np.float64)
    with np.errstate(over="ignore", invalid="ignore"):
        active = np.maximum(points @ weights.T.astype(np.float64) + shift, 0.0)
        image = (active - shift) @ inverse.T
        image = image.astype(common_float(weights, offsets, points), copy=False)
    return finite_result(image, "x")


def cumulative_parameters(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]
) -> tuple[tuple[NDArray, ...], tuple[NDArray, ...]]:
    r"""Multiply the layers of a network up to its cumulative weights and biases.

    .. math:: W^{(l)} = W_l \cdots W_1, \qquad b^{(l)} = W_l\, b^{(l-1)} + b_l

    In these the hidden states read
    :math:`x^{(l)} = W^{(l)}(\tau_l\circ\dots\circ\tau_1)(x) + b^{(l)}`, with τ_l the truncation map
    of :math:`W^{(l)}, b^{(l)}`.

    Parameters
    ----------
    weights : sequence of array_like, shapes (n_l, n_{l-1})
        Weights of the layers, first to last.
    biases : sequence of array_like, shapes (n_l,)
        Biases of the layers.

    Returns
    -------
    cumulative_weights : tuple of ndarray, shapes (n_l, n_0)
    cumulative_biases : tuple of ndarray, shapes (n_l,)

    Raises
    ------
    ValueError
        If shapes do not follow each other.

    Notes
    -----
    **Accuracy.** Rounding of the products. **Cost.** One product of matrices per layer.

    See Also
    --------
    layer_parameters, truncation_map

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> W, b = cumulative_parameters([2 * np.eye(2), [[1.0, 1.0]]], [[1.0, 0.0], [5.0]])
    >>> W[1], b[1]
    (array([[2., 2.]]), array([6.]))
    """
    all_w, all_b = _layers(weights, biases)
    W, b = [all_w[0]], [all_b[0]]
    for level in range(1, len(all_w)):
        if all_w[level].shape[1] != len(b[-1]):
            raise ValueError(
                f"`weights[{level}]` must have {len(b[-1])} columns, the width of the layer "
                f"before, got shape {all_w[level].shape}"
            )
        with np.errstate(over="ignore", invalid="ignore"):
            b.append(finite_result(all_w[level] @ b[-1] + all_b[level], "biases"))
            W.append(finite_result(all_w[level] @ W[-1], "weights"))
    return tuple(W), tuple(b)


def layer_parameters(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]
) -> tuple[tuple[NDArray, ...], tuple[NDArray, ...]]:
    r"""Find the layers of a network from its cumulative weights and biases.

    .. math:: W_l = W^{(l)} W^{(l-1)+}, \qquad b_l = b^{(l)} - W_l\, b^{(l-1)}

    The inverse of :func:`cumulative_parameters`. It exists where the kernel of each
    :math:`W^{(l-1)}` lies in that of :math:`W^{(l)}`.

    Parameters
    ----------
    weights : sequence of array_like, shapes (n_l, n_0)
        Cumulative weights; all but the last of full rank.
    biases : sequence of array_like, shapes (n_l,)
        Cumulative biases.

    Returns
    -------
    weights : tuple of ndarray, shapes (n_l, n_{l-1})
    biases : tuple of ndarray, shapes (n_l,)

    Raises
    ------
    ValueError
        If widths grow, a hidden layer is rank deficient, or kernels are not nested.

    Notes
    -----
    **Accuracy.** Rounding times the condition numbers. **Cost.** One pseudo-inverse per layer.

    See Also
    --------
    cumulative_parameters

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> W, b = layer_parameters([2 * np.eye(2), [[2.0, 2.0]]], [[1.0, 0.0], [6.0]])
    >>> W[1].round(12), b[1].round(12)
    (array([[1., 1.]]), array([5.]))
    """
    all_w, all_b = _layers(weights, biases)
    W, b = [all_w[0]], [all_b[0]]
    for level in range(1, len(all_w)):
        inverse = full_rank(all_w[level - 1], f"weights[{level - 1}]")
        with np.errstate(over="ignore", invalid="ignore"):
            step = finite_result(all_w[level] @ inverse, "weights")
        lost = float(np.abs(step @ all_w[level - 1] - all_w[level]).max())
        if lost > _NESTED * np.abs(all_w[level]).max():
            raise ValueError(
                f"`weights[{level}]` must vanish on the kernel of `weights[{level - 1}]`, got a "
                f"difference of {lost:.3g} (a layer cannot see what the one before has dropped)"
            )
        W.append(step)
        with np.errstate(over="ignore", invalid="ignore"):
            b.append(finite_result(all_b[level] - step @ all_b[level - 1], "biases"))
    return tuple(W), tuple(b)


def _layers(
    weights: Sequence[ArrayLike], biases: Sequence[ArrayLike]
) -> tuple[list[NDArray], list[NDArray]]:
    """Clean lists of matrices and of vectors that fit them."""
    given = items_of(weights, "weights"), items_of(biases, "biases")
    if len(given[0]) != len(given[1]) or not given[0]:
        raise ValueError(
            f"`weights` and `biases` must hold one entry per layer, got {len(given[0])} and "
            f"{len(given[1])}"
        )
    W = [as_real_array(w, f"weights[{i}]", ndim=2) for i, w in enumerate(given[0])]
    b = [as_real_array(v, f"biases[{i}]", ndim=1) for i, v in enumerate(given[1])]
    for level, (matrix, vector) in enumerate(zip(W, b)):
        if len(matrix) != len(vector):
            raise ValueError(
                f"`biases[{level}]` must hold one entry per row of `weights[{level}]`, got shapes "
                f"{vector.shape} and {matrix.shape}"
            )
    dtype = common_float(*W, *b)
    return [w.astype(dtype, copy=False) for w in W], [v.astype(dtype, copy=False) for v in b]


def _rotation(f: NDArray, g: NDArray) -> NDArray:
    """A rotation that takes the unit vector f to the unit vector g, as two reflections."""

    def reflection(v: NDArray) -> NDArray:
        return np.eye(len(v)) - 2 / (v @ v) * np.outer(v, v)

    if len(f) == 1:
        return np.array([[f[0] * g[0]]])
    if f @ g >= 0:
        return reflection(g) @ reflection(f + g)
    # f + g may vanish: reflect f to g at once, then along any axis orthogonal to g.
    axis = np.eye(len(g))[int(np.argmin(np.abs(g)))]
    return reflection(axis - (axis @ g) * g) @ reflection(f - g)


def cone_layer(p: ArrayLike, f: ArrayLike, theta: float) -> tuple[NDArray, NDArray]:
    r"""Build the layer whose truncation map keeps one cone and collapses the opposite one.

    .. math::

       W = W_\theta R, \quad b = -Wp, \qquad
       W_\theta = \tfrac1n uu^{\mathsf T} + \lambda\bigl(I - \tfrac1n uu^{\mathsf T}\bigr), \quad
       \lambda = \min\Bigl(1, \frac{1}{\sqrt{n-1}\,\tan(\theta/2)}\Bigr)

    with u = (1, …, 1) and R a rotation, :math:`Rf/|f| = u/|u|`. Then τ is the identity on the cone
    :math:`p + C_\theta[f]` and constant, equal to p, on :math:`p + C_\theta[-f]`, where
    :math:`C_\theta[f]` holds the vectors at most θ/2 away from f in angle.

    Parameters
    ----------
    p : array_like, shape (n,)
        Apex of both cones.
    f : array_like, shape (n,)
        Axis, from the collapsed cone to the one that is kept; of any positive length.
    theta : float
        Opening angle in radians, 0 < θ < π.

    Returns
    -------
    W : ndarray, shape (n, n)
    b : ndarray, shape (n,)

    Raises
    ------
    ValueError
        If θ is outside (0, π), f vanishes, or shapes clash.

    Notes
    -----
    **Accuracy.** Rounding; the condition number of W is 1/λ, which grows as θ → π.
    **Cost.** O(n³).

    See Also
    --------
    truncation_map, clustered_minimizer

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> W, b = cone_layer([1.0, 1.0], [1.0, 0.0], 2.0)
    >>> truncation_map(W, b, [[3.0, 2.0], [0.0, 0.5]]).round(12)
    array([[3., 2.],
           [1., 1.]])
    """
    apex = as_real_array(p, "p", ndim=1)
    axis = as_real_array(f, "f", ndim=1)
    same_length(p=apex, f=axis)
    half = 0.5 * finite_number(theta, "theta")
    if not 0 < half < 0.5 * math.pi:
        raise ValueError(f"`theta` must lie in (0, pi), got {2 * half:g}")
    dtype = common_float(apex, axis)
    direction = axis.astype(np.float64)
    # Squares of its entries must neither overflow nor vanish.
    largest = float(np.abs(direction).max())
    if largest == 0:
        raise ValueError("`f` must not vanish, got the zero vector")
    direction /= largest
    length = float(np.linalg.norm(direction))
    n = len(direction)
    diagonal = np.full(n, n**-0.5)
    shrink = min(1.0, 1 / (math.sqrt(n - 1) * math.tan(half))) if n > 1 else 1.0
    rotation = _rotation(direction / length, diagonal)
    W = shrink * rotation + (1 - shrink) * np.outer(diagonal, diagonal @ rotation)
    with np.errstate(over="ignore", invalid="ignore"):
        offsets = (-W @ apex.astype(np.float64)).astype(dtype, copy=False)
    return W.astype(dtype, copy=False), finite_result(offsets, "p")


def truncation_field(W: ArrayLike, b: ArrayLike) -> ShallowNetwork:
    r"""Write the displacement of a truncation map as a shallow ReLU field, one neuron per row.

    .. math:: v(x) = \tau_{W,b}(x) - x = W^{-1}\sigma\bigl(-(Wx+b)\bigr)

    Parameters
    ----------
    W : array_like, shape (m, m)
        Weights of the layer, invertible, in 1/length.
    b : array_like, shape (m,)
        Offsets of the layer.

    Returns
    -------
    ShallowNetwork
        Vector-valued, of width m.

    Raises
    ------
    ValueError
        If W is not square or not invertible.

    Notes
    -----
    **Accuracy.** Rounding times the condition number of W. **Cost.** O(m³).

    See Also
    --------
    truncation_flow, ridgeflow.ShallowNetwork

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Geometric structure of deep learning networks and construction of
    global L2 minimizers*, 2023.

    Examples
    --------
    >>> truncation_field(np.eye(2), [-1.0, 0.0])([[0.5, -1.0]])
    array([[0.5, 1. ]])
    """
    weights, offsets = layer_parts(W, b)
    inverse = square(weights)
    dtype = common_float(weights, offsets)
    return ShallowNetwork(-weights, offsets, inverse.T.astype(dtype), "relu")


def truncation_flow(W: ArrayLike, b: ArrayLike, x: ArrayLike, t: float) -> NDArray:
    r"""Follow the flow of the field of a truncation map for a time t.

    .. math:: \Phi_t(x) = x + (1 - e^{-t})\, v(x) \;\to\; \tau_{W,b}(x), \quad t \to \infty

    Each point moves on a straight line, and :math:`\Phi_t` is the gradient of a convex function in
    the metric :math:`|W\cdot|`, hence an optimal transport map for the cost :math:`|W(x-y)|^2`.

    Parameters
    ----------
    W : array_like, shape (m, m)
        Weights of the layer, invertible, in 1/length.
    b : array_like, shape (m,)
        Offsets of the layer.
    x : array_like, shape (n, m)
        Points.
    t : float
        Time of the flow, t >= 0, dimensionless.

    Returns
    -------
    ndarray, shape (n, m)
        The points at time t.

    Raises
    ------
    ValueError
        If W is not square or not invertible, or t is negative.

    Notes
    -----
    **Accuracy.** Rounding times the condition number of W. **Cost.** O(n m²).

    See Also
    --------
    truncation_field, entropy_rate

    References
    ----------
    Y. Brenier, *Polar factorization and monotone rearrangement of vector-valued functions*, 1991.

    Examples
    --------
    >>> truncation_flow([[1.0]], [0.0], [[-1.0], [2.0]], np.log(2.0))
    array([[-0.5],
           [ 2. ]])
    """
    weights, offsets, points = layer_arguments(W, b, x)
    inverse = square(weights)
    part = -math.expm1(-non_negative(t, "t"))
    with np.errstate(over="ignore", invalid="ignore"):
        pull = np.maximum(-(points @ weights.T.astype(np.float64) + offsets), 0.0) @ inverse.T
        moved = (points + part * pull).astype(common_float(weights, offsets, points), copy=False)
    return finite_result(moved, "x")


def entropy_rate(W: ArrayLike, b: ArrayLike, x: ArrayLike) -> float:
    r"""Average the rate at which the flow of a truncation map takes entropy away.

    .. math:: H(\Phi_t{}_\sharp\mu) = H(\mu) - t\,\mathbb{E}\,\#\{i : (Wx+b)_i < 0\}

    exactly, for every law μ with a density: the Jacobian of :math:`\Phi_t` has the eigenvalue
    :math:`e^{-t}` once for every negative entry and 1 otherwise.

    Parameters
    ----------
    W : array_like, shape (m, m)
        Weights of the layer, invertible, in 1/length.
    b : array_like, shape (m,)
        Offsets of the layer.
    x : array_like, shape (n, m)
        Points of equal weight, drawn from μ.

    Returns
    -------
    float
        The mean number of negative entries, in nats per unit of time.

    Raises
    ------
    ValueError
        If W is not square or not invertible, or shapes clash.

    Notes
    -----
    **Accuracy.** Exact for the sample; as a mean over μ its standard error is at most
    :math:`m/(2\sqrt n)`.
    **Cost.** O(n m²).

    See Also
    --------
    truncation_flow, ridgeflow.entropy

    References
    ----------
    C. Villani, *Topics in Optimal Transportation*, 2003, chapter 5.

    Examples
    --------
    >>> entropy_rate(np.eye(2), np.zeros(2), [[-1.0, 2.0], [-1.0, -3.0]])
    1.5
    """
    weights, offsets, points = layer_arguments(W, b, x)
    square(weights)
    with np.errstate(over="ignore", invalid="ignore"):
        states = finite_result(points.astype(np.float64) @ weights.T + offsets, "x")
    return float(np.count_nonzero(states < 0) / len(points))
