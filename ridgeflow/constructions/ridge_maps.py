"""Maps from points as shallow ReLU networks, by the integral representation of Gaussians."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special
from scipy.interpolate import CubicSpline
from scipy.linalg import cho_factor, cho_solve
from scipy.spatial.distance import cdist

from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory
from ridgeflow.geometry import directions
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["KernelMap", "broken_line", "fit_kernel_map", "gaussian_ridge", "relu_network"]

# Numbers held at once.
_BLOCK = 1 << 21
_TABLE = 8192


@dataclass(frozen=True, eq=False)
class KernelMap:
    """Affine part plus a sum of Gaussians, f(x) = x A + d + Σ_i w_i exp(-|x - x_i|²/2s²)."""

    centers: NDArray[np.float64]
    weights: NDArray[np.float64]
    scale: float
    linear: NDArray[np.float64]
    bias: NDArray[np.float64]

    def __call__(self, x: NDArray) -> NDArray[np.float64]:
        """Values at points (n, m), shape (n, k)."""
        step = max(1, _BLOCK // len(self.centers))
        parts = [
            product(gaussians(x[i : i + step], self.centers, self.scale), self.weights)
            for i in range(0, len(x), step)
        ]
        return np.concatenate(parts) + x @ self.linear + self.bias


def gaussians(x: NDArray, centers: NDArray, scale: float) -> NDArray[np.float64]:
    return np.exp(-0.5 / scale**2 * cdist(x, centers, "sqeuclidean"))


def fit_kernel_map(
    x: NDArray, values: NDArray, centers: NDArray, scale: float, ridge: float
) -> KernelMap:
    """Least squares onto values; Gaussians on the affine rest, with a ridge penalty."""
    # Columns of one size, or the smaller ones would count as dependent.
    size = np.abs(x).max()
    design = np.column_stack([x / size, np.ones(len(x))])
    affine = np.linalg.lstsq(design, values, rcond=None)[0]
    features = gaussians(x, centers, scale)
    gram = features.T @ features
    penalty = ridge * len(x)
    rest = features.T @ (values - design @ affine)
    gram[np.diag_indices_from(gram)] += penalty
    factor = cho_factor(gram)
    weights = cho_solve(factor, rest)
    # One step of refinement takes off what the squared condition number costs.
    residual = features.T @ (values - design @ affine - features @ weights) - penalty * weights
    weights += cho_solve(factor, residual)
    return KernelMap(centers, weights, scale, affine[:-1] / size, affine[-1])


def gaussian_ridge(t: NDArray, dim: int) -> NDArray[np.float64]:
    r"""Profile whose mean over directions is the Gaussian of unit scale.

    .. math::

       e^{-|x|^2/2} = \frac{1}{|S^{m-1}|}\int_{S^{m-1}} g_m(u\cdot x)\,du, \qquad
       g_m(t) = {}_1F_1\bigl(\tfrac m2; \tfrac12; -\tfrac{t^2}{2}\bigr)
    """
    z = 0.5 * t**2
    if dim == 2:
        return 1 - 2 * np.sqrt(z) * special.dawsn(np.sqrt(z))
    if dim % 2:
        # Kummer's transformation leaves a polynomial, of Laguerre.
        degree = (dim - 1) // 2
        first = special.eval_genlaguerre(degree, -0.5, 0.0)
        return np.exp(-z) * special.eval_genlaguerre(degree, -0.5, z) / first
    return special.hyp1f1(0.5 * dim, 0.5, -z)


def relu_network(
    kernel: KernelMap, points: NDArray, n_directions: int, n_knots: int
) -> ShallowNetwork:
    r"""The ReLU network of a kernel map, from the integral representation of its Gaussians.

    .. math::

       f(x) = x^{\mathsf T}A + d + \frac{1}{|S^{m-1}|}\int g_u(u\cdot x)\,du, \qquad
       g_u(t) = \sum_i w_i\, g_m\Bigl(\frac{t - u\cdot x_i}{s}\Bigr)
              = \alpha_u + \beta_u t + \int g_u''(b)\,(t-b)_+\,db

    by a rule of directions on the half sphere and knots b at equal steps over the range of the
    points. Each neuron takes the integral of g_u'' against a hat function, less a twelfth of its
    second difference: the broken line is then right in the mean over the phases of the knots.
    """
    dim = points.shape[1]
    middle = 0.5 * (points.max(0) + points.min(0))
    radius = 1.02 * float(np.linalg.norm(points - middle, axis=1).max())
    outputs = kernel.weights.shape[1]
    fits_in_memory(
        8.0 * n_directions * n_knots * (dim + outputs + 2),
        f"an encoder of {n_directions} directions and {n_knots} knots",
        "widen the gap, take kind='flow', lower n_directions or n_knots, or raise memory_budget",
    )
    unit, rule = directions(dim, n_directions)
    rule = rule / rule.sum()
    knots = np.linspace(-radius, radius, n_knots)
    grid = _profiles(kernel, unit, knots, middle)
    step = knots[1] - knots[0]
    bend = np.zeros_like(grid)
    bend[:, 1:-1] = grid[:, 2:] - 2 * grid[:, 1:-1] + grid[:, :-2]
    grid = grid - bend / 12
    weight = rule[:, None, None]
    slope = weight[:, 0] * (grid[:, 1] - grid[:, 0]) / step
    outer = weight * (grid[:, 2:] - 2 * grid[:, 1:-1] + grid[:, :-2]) / step
    linear = kernel.linear + unit.T @ slope
    start = weight[:, 0] * grid[:, 0]
    bias = kernel.bias + start.sum(0) - ((knots[0] + unit @ middle)[:, None] * slope).sum(0)
    inner = np.repeat(unit, n_knots - 2, axis=0)
    offsets = (knots[None, 1:-1] + (unit @ middle)[:, None]).ravel()
    outer = outer.reshape(-1, outputs)
    # Neurons that carry nothing to working precision are left out.
    size = np.abs(outer).max(1)
    carried = size > 1e-13 * size.max()
    return ShallowNetwork(
        inner[carried], offsets[carried], outer[carried], "relu", linear=linear, bias=bias
    )


def _profiles(kernel: KernelMap, unit: NDArray, knots: NDArray, middle: NDArray) -> NDArray:
    """g_u at knots about the middle, shape (U, B, k)."""
    dim = unit.shape[1]
    where = (kernel.centers - middle) @ unit.T
    reach = (knots[-1] + np.abs(where).max()) / kernel.scale + 1e-9
    closed = dim % 2 == 1
    if not closed:
        line = np.linspace(0, reach, max(_TABLE, int(200 * reach)))
        table = CubicSpline(line, gaussian_ridge(line, dim))
    grid = np.empty((len(unit), len(knots), kernel.weights.shape[1]))
    for i, place in enumerate(where.T):
        apart = np.abs(knots[:, None] - place[None]) / kernel.scale
        value = gaussian_ridge(apart, dim) if closed else table(apart)
        grid[i] = product(value, kernel.weights)
    return grid


def broken_line(knots: NDArray, values: NDArray) -> ShallowNetwork:
    r"""The ReLU network of one variable through values at knots.

    .. math:: G(z) = G(z_0) + G'(z_0)(z-z_0) + \int G''(b)\,(z-b)_+\,db

    with the integral of G'' over each knot's hat function as outer weight.
    """
    slopes = np.diff(values, axis=0) / np.diff(knots)[:, None]
    bias = values[0] - knots[0] * slopes[0]
    inner = np.ones((len(knots) - 2, 1))
    return ShallowNetwork(
        inner, knots[1:-1], np.diff(slopes, axis=0), "relu", linear=slopes[:1], bias=bias
    )


def directions_for(dim: int, spread: float, scale: float) -> int:
    """A number of directions that resolves Gaussians of a scale, a spread apart."""
    degree = 3.2 * spread / scale
    if dim == 2:
        return max(32, math.ceil(degree))
    return max(128, math.ceil(0.25 * degree ** (dim - 1)))
