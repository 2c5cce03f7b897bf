"""Quadrature nodes that move: the laws of a deep denoising autoencoder in up to three variables."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaincinv

from ridgeflow._validate import fits_in_memory
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.transport.kernel_sums import moments

__all__ = ["LARGEST_DIM", "MovingNodes"]

LARGEST_DIM = 3

# Errors of one layer grow in the next, as the backward heat equation makes them: those of a wave k
# by 1 + τk² exp(−τk²/2), at most by so much.
_GROWTH = 1 + 2 / math.e
# Deeper laws are summed over wider kernels, of variances t/_WIDE times these, and their scores are
# extrapolated to the noise of a layer; what grows is then what so many layers make grow.
_DEEP = 16
_WIDE = 2
_SCALES = np.array([1.0, 2.0])
# A lattice sums a kernel of its spacing times s with an error of exp(-2 pi^2 / s^2); after growth
# this shall be left. Spacings as laid, and of what is laid anew, as parts of the largest.
_AIM = 1e-4
_LAID = 0.85
_TENSE = 0.93
# The same in deviations of the narrowest component, for the bends of the map.
_BEND = 0.35
# Mass outside of where the law is resolved. Nodes go further, by what a disturbance at the edge
# travels on the way.
_CUT = 1e-8
_DEEP_CUT = 1e-6
_FRONT = 0.7
# Weights of a region that is laid anew fall off within a normal kernel of so many steps; it goes so
# many steps beyond the nodes that need it.
_FADE = 1.5
_MARGIN = 4
_LEVELS = 12
# Nodes that have handed on all but this share no longer count.
_GONE = 1e-3
# Kernels further away than this plus the step of the layer, in standard deviations, are not seen.
# So few pairs are summed with all of their tails.
_ALL = 2.0**24


def _keys(coords: NDArray, low: NDArray, counts: NDArray) -> NDArray:
    key = coords[:, 0] - low[0]
    for a in range(1, coords.shape[1]):
        key = key * counts[a] + (coords[:, a] - low[a])
    return key


def _unique(coords: NDArray) -> NDArray:
    """Distinct rows of integers."""
    low = coords.min(axis=0)
    counts = coords.max(axis=0) - low + 1
    if np.prod(counts.astype(float)) > 2.0**62:
        return np.unique(coords, axis=0)
    first = np.unique(_keys(coords, low, counts), return_index=True)[1]
    return coords[first]


def _found_in(coords: NDArray, known: NDArray) -> NDArray:
    """Where each row of `coords` stands in `known`, -1 where it does not."""
    both = np.concatenate([coords, known])
    low = both.min(axis=0)
    counts = both.max(axis=0) - low + 1
    here, there = _keys(coords, low, counts), _keys(known, low, counts)
    ranked = np.argsort(there)
    place = np.minimum(np.searchsorted(there, here, sorter=ranked), len(known) - 1)
    at = ranked[place]
    return np.where(there[at] == here, at, -1)


def _box(low: int, high: int, m: int) -> NDArray:
    """All rows of m integers from low to high."""
    return np.array(list(itertools.product(range(low, high + 1), repeat=m)), dtype=np.int64)


def _grown(coords: NDArray, steps: int) -> NDArray:
    """Lattice points within so many steps on every axis."""
    m = coords.shape[1]
    for a in range(m):
        shift = np.zeros((2 * steps + 1, 1, m), dtype=np.int64)
        shift[:, 0, a] = np.arange(-steps, steps + 1)
        coords = _unique((coords + shift).reshape(-1, m))
    return coords


def _covering(means: NDArray, radii: NDArray, step: float) -> NDArray:
    """Points of the lattice `step` Z^m in balls, and some around them."""
    m = means.shape[1]
    wide = max(1, int(radii.min() / (4 * step)))
    edge = wide * step
    own = np.floor(means / edge).astype(np.int64)
    far = np.ceil(radii / edge).astype(np.int64)
    blocks = []
    for r in np.unique(far):
        box = _box(-int(r), int(r), m)
        ball = box[np.linalg.norm(np.maximum(np.abs(box) - 1, 0), axis=1) <= r]
        homes = _unique(own[far == r])
        fits_in_memory(16.0 * len(homes) * ball.size, "the lattice of nodes", _WAY_OUT)
        blocks.append(_unique((homes[:, None] + ball).reshape(-1, m)))
    found = _unique(np.concatenate(blocks))
    fits_in_memory(24.0 * found.size * float(wide) ** m, "the lattice of nodes", _WAY_OUT)
    return (found[:, None] * wide + _box(0, wide - 1, m)).reshape(-1, m)


_WAY_OUT = "take a smaller `depth`, or method='particles'"


@dataclass
class _Level:
    """The nodes of one spacing: lattice coordinates, densities, and what the layers made of them.

    `law` and `mass` are the components that begin here, `own` their lattice points, `least` the
    least variance of what is summed; `marks` the lattice points whose share the next level takes.
    """

    step: float
    law: GaussianMixture | None
    mass: float
    least: float
    own: NDArray
    coords: NDArray
    density: NDArray
    share: NDArray
    mass_of: NDArray
    points: NDArray
    slopes: NDArray
    marks: NDArray


def _stretch(slopes: NDArray) -> NDArray:
    """Largest singular value of each matrix."""
    m = slopes.shape[-1]
    if m == 1:
        return np.abs(slopes[:, 0, 0])
    square = np.einsum("nki,nkj->nij", slopes, slopes)
    if m == 2:
        half = 0.5 * (square[:, 0, 0] + square[:, 1, 1])
        tilt = 0.5 * (square[:, 0, 0] - square[:, 1, 1])
        return np.sqrt(half + np.hypot(tilt, square[:, 0, 1]))
    return np.sqrt(np.linalg.eigvalsh(square)[:, -1])


class MovingNodes:
    """The laws between the layers of a deep denoiser, as weighted nodes of lattices that move.

    Layer l is ``y ↦ y + τ ∇log q_l(y)``, ``q_0 = μ_0 * N(0, τI)`` in closed form and
    ``q_l = Σ_j w_j N(y_lj, τI)`` after it: the trapezoid rule for the integral over μ_0, whose
    nodes the layers before have moved. It errs by ``exp(−2π²τ/(s h)²)`` where the map so far
    stretches the spacing h by s, so the nodes are laid anew, twice as close, where s h comes to
    1.2 √τ: s is the norm of the product of the layers' Jacobians. New nodes are carried through the
    layers that are there already. Wide and close nodes share the law by weights that fade into each
    other.

    Parameters
    ----------
    law : GaussianMixture
        μ_0, in at most three variables, in coordinates in which the noise is isotropic.
    tau : float
        Variance of the noise of a layer.
    depth : int

    Attributes
    ----------
    points, weights : arrays, shapes (n, m) and (n,)
        The law that leaves the last layer.
    errors : array, shape (depth,)
        Of each layer's map, relative to its displacement; both RMS under the law of the layer.
    extrapolated : bool
        Whether scores are sums over wide kernels and the limit.
    floor, edge : float
        Densities of μ_0 below which nodes may be too wide apart, and below which they end.

    Raises
    ------
    MemoryBudgetError
        If the nodes do not fit.
    """

    def __init__(self, law: GaussianMixture, tau: float, depth: int) -> None:
        self.law, self.tau, self.depth, self.dim = law, tau, depth, law.dim
        self._first = law.smooth(tau)
        self._scales, self._shares = np.array([tau]), np.ones(1)
        growth = _GROWTH
        self._limits: list[GaussianMixture] = []
        if depth > _DEEP and _least(law) > 2 * tau * (depth - 1):
            self._limits = [law.shrink(2 * tau * layer) for layer in range(1, depth)]
            self._scales = tau * depth / _WIDE * _SCALES
            self._shares = _lagrange(self._scales, tau)
            wave = np.linspace(0, 8, 801)
            kept = self._shares @ np.exp(-np.outer(self._scales, wave) / self._scales[0])
            growth = 1 + float((2 * tau / self._scales[0] * wave * kept).max())
        self._growth = growth
        digits = depth * math.log(growth) - math.log(_AIM)
        # Rounding leaves sixteen digits at most.
        digits = min(digits, 36.0)
        self._limit = math.pi * math.sqrt(2 / digits)
        self._far = 0.5 + math.sqrt(2 * digits)
        self._cut = _DEEP_CUT if self._limits else _CUT
        self.floor = self.edge = 0.0
        self._laws: list[tuple[NDArray, NDArray, float]] = []
        self._levels = self._lattices()
        self.errors = np.zeros(depth)
        slope = 0.0
        for layer in range(depth):
            if layer:
                self._lay_anew(layer)
                self._keep(slope)
            slope = self._move(layer)
        self.points, self.weights = self._together()
        del self._levels

    @property
    def extrapolated(self) -> bool:
        return bool(self._limits)

    def law_of(self, layer: int) -> tuple[NDArray, NDArray]:
        """Points and weights of the law that reaches a layer, not the first."""
        return self._laws[layer - 1][:2]

    # Lattices ------------------------------------------------------------------------------------

    def _lattices(self) -> list[_Level]:
        """The first nodes: components that need the same spacing share a lattice."""
        law = self.law
        every = law.covariances if not law.shared_covariance else law.covariances[:1]
        spectra = np.linalg.eigvalsh(every)
        least, most = np.broadcast_to(spectra[:, [0, -1]], (law.n_components, 2)).T
        wanted = np.minimum(
            _LAID * self._limit / np.sqrt(1 / self._scales[0] + 1 / least), _BEND * np.sqrt(least)
        )
        top = float(wanted.max())
        rank = np.ceil(np.log2(top / wanted) - 1e-9).astype(int)
        layers = self.tau * self.depth / self._scales[0]
        beyond = _FRONT * math.sqrt(layers * self.tau * self.depth)
        radii = np.sqrt(2 * gammaincinv(0.5 * self.dim, 1 - 0.1 * self._cut) * most)
        # Noise far beyond the law leaves one point of it: no disturbance travels.
        radii = radii + np.minimum(beyond, 3 * np.sqrt(most))
        levels = []
        for g in range(int(rank.max()) + 1):
            chosen = np.flatnonzero(rank == g)
            if not len(chosen):
                levels.append(self._empty(top / 2**g))
                continue
            mass = float(law.weights[chosen].sum())
            part = law
            if len(chosen) < law.n_components:
                some = law.covariances[0] if law.shared_covariance else law.covariances[chosen]
                part = GaussianMixture(law.weights[chosen] / mass, law.means[chosen], some)
            level = self._empty(top / 2**g, part, mass, float(least[chosen].min()))
            level.own = _covering(part.means, radii[chosen], top / 2**g)
            levels.append(level)
        self._levels = levels
        self._fill(0)
        density = np.concatenate([level.density for level in levels])
        weights = np.concatenate([level.mass_of for level in levels])
        self.floor = _floor(weights, density, self._cut)
        self.edge = _floor(weights, density, _CUT)
        return levels

    def _empty(
        self,
        step: float,
        law: GaussianMixture | None = None,
        mass: float = 0.0,
        least: float = math.inf,
    ) -> _Level:
        m = self.dim
        none = np.empty((0, m), dtype=np.int64)
        rows, flat = np.empty((0, m)), np.empty(0)
        return _Level(
            step, law, mass, least, none, none, flat, flat, flat, rows, np.empty((0, m, m)), none
        )

    def _passed(self, level: _Level, points: NDArray) -> NDArray:
        """The share of the law at points that a level hands on to the next."""
        if not len(level.marks):
            return np.zeros(len(points))
        fade = _FADE * level.step
        ones = np.ones(len(level.marks))
        sums = moments(points / fade, level.marks / _FADE, ones, self._far, 0)[0]
        return np.minimum(sums / (math.sqrt(2 * math.pi) * _FADE) ** self.dim, 1.0)

    def _density(self, g: int, points: NDArray) -> NDArray:
        """What the levels up to one leave to it, before it hands on its own share."""
        level = self._levels[g]
        value = np.zeros(len(points))
        if level.law is not None:
            value += level.mass * level.law.pdf(points)
        if g and len(self._levels[g - 1].marks):
            before = self._passed(self._levels[g - 1], points)
            some = np.flatnonzero(before > 0)
            value[some] += before[some] * self._density(g - 1, points[some])
        return value

    def _fill(self, layer: int) -> None:
        """Lay the nodes that the marks ask for and carry them to a layer."""
        for g, level in enumerate(self._levels):
            coords = level.own
            if g and len(self._levels[g - 1].marks):
                wide = _grown(self._levels[g - 1].marks, math.ceil(self._far * _FADE))
                fits_in_memory(
                    160.0 * wide.size * 2**self.dim, "the nodes where the map stretches", _WAY_OUT
                )
                children = (2 * wide[:, None] + _box(0, 1, self.dim)).reshape(-1, self.dim)
                coords = _unique(np.concatenate([coords, children]))
            if not len(coords):
                continue
            density = self._density(g, level.step * coords)
            share = 1 - self._passed(level, level.step * coords)
            mass = density * share * level.step**self.dim
            kept = mass > 1e-250
            coords, mass, share = coords[kept], mass[kept], share[kept]
            # As (coordinate, 1) pairs of where they stood before.
            at = _found_in(coords, level.coords) if len(level.coords) else np.full(len(coords), -1)
            fresh = np.flatnonzero(at < 0)
            start = level.step * coords[fresh]
            points, slopes = self.carried(start, layer, order=2)[:2]
            moved, bent = (
                np.empty((len(coords), self.dim)),
                np.empty((len(coords), *slopes.shape[1:])),
            )
            moved[fresh], bent[fresh] = points, slopes
            old = at >= 0
            moved[old], bent[old] = level.points[at[old]], level.slopes[at[old]]
            dense = np.empty(len(coords))
            if len(fresh):
                dense[fresh] = self.law.pdf(start)
            dense[old] = level.density[at[old]]
            level.coords, level.mass_of, level.density, level.share = coords, mass, dense, share
            level.points, level.slopes = moved, bent

    def _spread(self, level: _Level, stretch: NDArray) -> NDArray:
        """Spacing of moved nodes in standard deviations of what is summed over them."""
        return level.step * np.sqrt(stretch**2 / self._scales[0] + 1 / level.least)

    def _lay_anew(self, layer: int) -> None:
        """Lay closer nodes where those of a level have moved too far apart."""
        for _ in range(_LEVELS):
            spreads = [self._spread(one, _stretch(one.slopes)) for one in self._levels]
            wide = [
                (level.density > self.floor) & (level.share > _GONE) & (spread > self._limit)
                for level, spread in zip(self._levels, spreads, strict=True)
            ]
            if not any(one.any() for one in wide):
                return
            least = math.inf
            for g, (level, spread) in enumerate(zip(list(self._levels), spreads, strict=True)):
                least = min(least, level.least)
                chosen = (level.density > self.floor) & (level.share > _GONE)
                chosen &= spread > _TENSE * self._limit
                if not chosen.any():
                    continue
                marks = _grown(level.coords[chosen], _MARGIN)
                level.marks = _unique(np.concatenate([level.marks, marks]))
                if g + 1 == len(self._levels):
                    self._levels.append(self._empty(0.5 * level.step))
                self._levels[g + 1].least = min(least, self._levels[g + 1].least)
            self._fill(layer)

    # Layers --------------------------------------------------------------------------------------

    def _together(self) -> tuple[NDArray, NDArray]:
        points = np.concatenate([level.points for level in self._levels])
        weights = np.concatenate([level.mass_of for level in self._levels])
        return points, weights / weights.sum()

    def _keep(self, slope: float) -> None:
        points, weights = self._together()
        self._laws.append((points, weights, slope))
        fits_in_memory(
            8.0 * points.size * self.depth + 400.0 * points.size,
            "the nodes of all layers",
            _WAY_OUT,
        )

    def _move(self, layer: int) -> float:
        """Carry the nodes through a layer; the largest score on the way."""
        points, weights = self._together()
        last = layer + 1 == self.depth
        image, slopes = self.through(layer, points, order=1 if last else 2)
        moved = ((image - points) ** 2).sum(axis=1)
        begin, wrong = 0, np.zeros(len(points))
        for level in self._levels:
            end = begin + len(level.points)
            # The first layer is exact.
            if layer:
                gap = self._spread(level, _stretch(level.slopes))
                with np.errstate(under="ignore"):
                    missed = 4 * math.pi * self.dim / gap * np.exp(-2 * (math.pi / gap) ** 2)
                wrong[begin:end] = np.minimum(missed, 1.0) * np.sqrt(level.share)
            level.points = image[begin:end]
            if not last:
                level.slopes = slopes[begin:end] @ level.slopes
            begin = end
        size = float(weights @ moved)
        self.errors[layer] = math.sqrt(self.tau * float(weights @ wrong**2) / size)
        return math.sqrt(float(moved.max())) / self.tau

    def through(self, layer: int, points: NDArray, *, order: int) -> tuple[NDArray, NDArray]:
        """Images of points under one layer, and its Jacobians for order 2."""
        n, m = points.shape
        none = np.empty((0, m, m))
        if not n:
            return points, none
        if not layer:
            image = points + self.tau * self._first.score(points)
            if order < 2:
                return image, none
            return image, np.eye(m) + self.tau * self._first.score_jacobian(points)
        nodes, weights, slope = self._laws[layer - 1]
        image, slopes = points.copy(), np.zeros((n if order == 2 else 0, m, m))
        slopes += np.eye(m)
        if self._limits:
            near = [(self.tau, 1.0), *zip(self._scales, -self._shares, strict=True)]
            for scale, share in near:
                known = self._limits[layer - 1].smooth(scale)
                image += self.tau * share * known.score(points)
                if order == 2:
                    slopes += self.tau * share * known.score_jacobian(points)
        for scale, share in zip(self._scales, self._shares, strict=True):
            reach = self._far + 1 + slope * math.sqrt(scale)
            found = _log_derivatives(points, nodes, weights, scale, reach, order)
            image += self.tau * share * found[0]
            if order == 2:
                slopes += self.tau * share * found[1]
        return image, slopes

    def carried(
        self, points: NDArray, layers: int | None = None, *, order: int = 1
    ) -> tuple[NDArray, NDArray]:
        """Images of points under the first layers, and Jacobians of the map for order 2."""
        layers = self.depth if layers is None else layers
        total = np.broadcast_to(np.eye(self.dim), (len(points), self.dim, self.dim))
        for layer in range(layers):
            points, slopes = self.through(layer, points, order=order)
            if order == 2:
                total = slopes @ total
        return points, total


def _floor(mass: NDArray, density: NDArray, share: float) -> float:
    """The density below which a share of the mass lies."""
    order = np.argsort(density)
    return float(density[order[np.searchsorted(np.cumsum(mass[order]), share)]])


def _lagrange(scales: NDArray, at: float) -> NDArray:
    """Weights that extrapolate from values at some variances to another."""
    gaps = scales[:, None] - scales
    np.fill_diagonal(gaps, 1.0)
    ratios = (at - scales) / gaps
    np.fill_diagonal(ratios, 1.0)
    return ratios.prod(axis=1)


def _log_derivatives(
    points: NDArray, nodes: NDArray, weights: NDArray, scale: float, reach: float, order: int
) -> tuple[NDArray, NDArray]:
    """Score and Hessian of the logarithm of ``Σ_j w_j N(y_j, scale I)``; the latter for order 2."""
    n, m = points.shape
    score, hessian = np.zeros((n, m)), np.zeros((n if order == 2 else 0, m, m))
    unit = math.sqrt(scale)
    rest = np.arange(n)
    if float(n) * len(nodes) > _ALL:
        sums, first, second = moments(points / unit, nodes / unit, weights, reach, order)
        # Where a node is near, what lies beyond the reach does not count.
        near = sums > math.exp(-4.0) * float(weights.min())
        steps = first[near] / sums[near, None]
        score[near] = steps / unit
        if order == 2:
            outer = steps[:, :, None] * steps[:, None, :]
            hessian[near] = (second[near] / sums[near, None, None] - outer) / scale
        rest = np.flatnonzero(~near)
    if len(rest):
        mixture = GaussianMixture(weights, nodes, scale)
        score[rest] = mixture.score(points[rest], method="exact")
        if order == 2:
            hessian[rest] = mixture.score_jacobian(points[rest])
    return score, hessian


def _least(law: GaussianMixture) -> float:
    """The least eigenvalue of a covariance."""
    distinct = law.covariances[:1] if law.shared_covariance else law.covariances
    return float(np.linalg.eigvalsh(distinct)[:, 0].min())
