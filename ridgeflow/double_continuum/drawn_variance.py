"""Covariances of drawn layers: what one neuron adds to a velocity, and how the flow carries it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.drawn_layers import layer_draw
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.geometry import sobol_points
from ridgeflow.networks.importance import ImportanceDraw
from ridgeflow.networks.node_draws import NodeDensity

__all__ = [
    "Neuron",
    "Path",
    "deviations",
    "follow",
    "neuron_at",
    "quasi_draws",
    "shared_nodes",
    "time_rule",
]

# Nodes up to which sums run over all of them; else over so many draws.
_NODES = 2**14
# Numbers in one slab of features.
_SLAB = 2**21
_SEED = 17
# Runge-Kutta steps between two depths of the rule.
_STEPS = 4
# Of the depths: the difference quotient of the velocity in time.
_TIME_STEP = 1e-3


def quasi_draws(continuum: DoubleContinuum, n: int) -> NDArray[np.float64]:
    """About n points of the first law within the region, evenly spread; without law, of the region.

    A Sobol sequence whose first coordinate chooses the component.
    """
    source = continuum._source
    if source.flow is None:
        return source.points(float(continuum.times[0]), n)
    law = source.flow.law(float(continuum.times[0]))
    cube = np.clip(sobol_points(n, law.dim + 1, np.random.default_rng(_SEED)), 1e-12, 1 - 1e-12)
    x = _mapped(law, cube)
    return x[continuum.region.contains(x)]


def _mapped(law: GaussianMixture, cube: NDArray) -> NDArray[np.float64]:
    """Points of the unit cube as draws of a mixture."""
    ends = np.cumsum(law.weights)
    which = np.minimum(np.searchsorted(ends, cube[:, 0] * ends[-1], side="right"), len(ends) - 1)
    roots = np.linalg.cholesky(law.covariances)
    normal = ndtri(cube[:, 1:])
    return law.means[which] + np.einsum("nij,nj->ni", roots[which], normal)


def time_rule(
    continuum: DoubleContinuum, spacing: str, count: int
) -> tuple[NDArray, NDArray, NDArray]:
    """Gauss-Legendre depths t(s) over s in [0, 1], their weights in s, and the rates dt/ds.

    L layers take steps dt/ds / L: even in t, or in the clock of the field.
    """
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    node, weight = np.polynomial.legendre.leggauss(count)
    share, weight = 0.5 * (node + 1), 0.5 * weight
    flow = continuum._source.flow
    if spacing == "even" or flow is None:
        return first + (last - first) * share, weight, np.full(count, last - first)
    marks = np.asarray(continuum._source.clock(np.array([first, last])), np.float64)
    t = continuum._source.time_of(marks[0] + (marks[1] - marks[0]) * share)
    return t, weight, (marks[1] - marks[0]) * (flow.t_max - t)


@dataclass(frozen=True)
class Path:
    """Trajectories and their derivatives at some depths.

    Attributes
    ----------
    places : ndarray, shape (T, n, m)
    onward : ndarray, shape (T, n, m, m)
        Propagators Φ from each depth to the last.
    bend : ndarray, shape (T, n, m)
        Second derivatives of the trajectories in time.
    start, end : ndarray, shape (n, m)
    """

    places: NDArray
    onward: NDArray
    bend: NDArray
    start: NDArray
    end: NDArray


def follow(continuum: DoubleContinuum, x: NDArray, times: NDArray) -> Path:
    """The flow of the represented velocity from the first depth through ``times`` to the last."""
    n, dim = x.shape
    slope = np.broadcast_to(np.eye(dim), (n, dim, dim)).copy()
    at, place = float(continuum.times[0]), np.array(x, np.float64)
    places, slopes, bends = [], [], []
    for t in (*times, float(continuum.times[-1])):
        place, slope = _carried(continuum, place, slope, at, float(t))
        at = float(t)
        places.append(place)
        slopes.append(slope)
    for t, where in zip(times, places[:-1], strict=True):
        bends.append(_bend(continuum, where, float(t)))
    onward = [slopes[-1] @ np.linalg.inv(each) for each in slopes[:-1]]
    return Path(np.array(places[:-1]), np.array(onward), np.array(bends), x, places[-1])


def _carried(
    continuum: DoubleContinuum, x: NDArray, slope: NDArray, start: float, end: float
) -> tuple[NDArray, NDArray]:
    """Places and their derivatives by the classical Runge-Kutta method."""
    h = (end - start) / _STEPS

    def rate(place: NDArray, matrix: NDArray, t: float) -> tuple[NDArray, NDArray]:
        value, jacobian = continuum._with_jacobian(place, t)
        return value, jacobian @ matrix

    for i in range(_STEPS):
        t = start + i * h
        v1, m1 = rate(x, slope, t)
        v2, m2 = rate(x + h / 2 * v1, slope + h / 2 * m1, t + h / 2)
        v3, m3 = rate(x + h / 2 * v2, slope + h / 2 * m2, t + h / 2)
        v4, m4 = rate(x + h * v3, slope + h * m3, min(t + h, end))
        x = x + h / 6 * (v1 + 2 * v2 + 2 * v3 + v4)
        slope = slope + h / 6 * (m1 + 2 * m2 + 2 * m3 + m4)
    return x, slope


def _bend(continuum: DoubleContinuum, x: NDArray, t: float) -> NDArray[np.float64]:
    r"""The acceleration :math:`\partial_t v + (\nabla v) v` of what is at x."""
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    value, jacobian = continuum._with_jacobian(x, t)
    h = min(_TIME_STEP * (last - first), t - first, last - t)
    change = continuum.velocity(x, t + h) - continuum.velocity(x, t - h)
    return change / (2 * h) + np.einsum("nij,nj->ni", jacobian, value)


@dataclass(frozen=True)
class Neuron:
    """The law of one drawn neuron: nodes with probabilities, and what is drawn of each.

    Attributes
    ----------
    draw : ImportanceDraw
    a, b : ndarray
    outer : ndarray, shape (N, k)
        Outer weights of a network of one neuron.
    share : ndarray, shape (N,)
    """

    draw: ImportanceDraw
    a: NDArray
    b: NDArray
    outer: NDArray
    share: NDArray

    @classmethod
    def of(cls, draw: ImportanceDraw, nodes: tuple[NDArray, NDArray, NDArray]) -> Neuron:
        """From nodes, numbers in [0, 1) and probabilities of :func:`shared_nodes`."""
        node, coin, share = nodes
        a, b, outer = draw.drawn(node, coin)
        return cls(draw, a, b, len(node) * outer, share)

    def values(self, x: NDArray) -> Iterator[tuple[slice, NDArray]]:
        """Residuals of the neurons at points (n, m), by slabs (n, part)."""
        size = max(1, _SLAB // len(x))
        for low in range(0, len(self.b), size):
            part = slice(low, low + size)
            yield part, self.draw.residuals(x, self.a[part], self.b[part])

    def variance(self, x: NDArray) -> NDArray[np.float64]:
        """Covariances (n, k, k) of the velocity of a network of one neuron at each point."""
        k = self.outer.shape[1]
        pairs = (self.outer[:, :, None] * self.outer[:, None, :]).reshape(-1, k * k)
        square, mean = np.zeros((len(x), k * k)), np.zeros((len(x), k))
        for part, features in self.values(x):
            mean += features @ (self.share[part, None] * self.outer[part])
            square += features**2 @ (self.share[part, None] * pairs[part])
        return square.reshape(-1, k, k) - mean[:, :, None] * mean[:, None, :]

    def covariance(self, x: NDArray) -> NDArray[np.float64]:
        """Covariances (n, n, k, k) between points."""
        k = self.outer.shape[1]
        total, mean = np.zeros((len(x), k, len(x), k)), np.zeros((len(x), k))
        for part, features in self.values(x):
            each = features[:, None, :] * self.outer[part].T
            total += np.tensordot(each * self.share[part], each, axes=(2, 2))
            mean += each @ self.share[part]
        total -= mean[:, :, None, None] * mean
        return total.transpose(0, 2, 1, 3)


def shared_nodes(density: NodeDensity, mirrored: bool) -> tuple[NDArray, NDArray, NDArray]:
    """Nodes that stand for a density, numbers in [0, 1) for mirror images, probabilities.

    All nodes where they are few; else draws of equal parts of the mass.
    """
    index = np.flatnonzero(density.share)
    if len(index) * (1 + mirrored) <= _NODES:
        share = density.share[index]
        if mirrored:
            index, share = np.tile(index, 2), np.tile(share / 2, 2)
        coin = np.zeros(len(index))
        coin[len(index) // 2 :] = 0.75 if mirrored else 0.0
        return index, coin, share
    node, coin = density.draw(_NODES, "stratified", np.random.default_rng(_SEED))
    return node, coin, np.full(_NODES, 1 / _NODES)


def neuron_at(
    continuum: DoubleContinuum,
    t: float,
    control: str | None,
    density: NodeDensity | None = None,
    nodes: tuple[NDArray, NDArray, NDArray] | None = None,
) -> Neuron | None:
    """The law of a neuron of the layer at depth t; None where an affine velocity needs none."""
    draw = layer_draw(continuum, t, control, density)
    if draw is None:
        return None
    return Neuron.of(draw, shared_nodes(draw.density, draw.mirrored) if nodes is None else nodes)


def deviations(parts: NDArray, share: NDArray) -> NDArray[np.float64]:
    """Covariances (n, m, m) over neurons of what each of them adds, parts (N, n, m)."""
    mean = np.tensordot(share, parts, axes=1)
    gap = parts - mean
    return np.einsum("j,jni,jnk->nik", share, gap, gap, optimize=True)
