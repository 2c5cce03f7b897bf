"""How far a finite network is from its limit: upper bounds from draws that look for its errors.

Errors of a network may sit where the law has next to nothing: on the ridge between two clusters,
where the flow parts, or at a few points far from the rest. Plain draws do not meet them. So points
come from the law, from its components equally often and ever wider, and then, round by round, from
small normal densities about the points that count most; the mixture of all these densities weights
them exactly.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from ridgeflow._progress import steps
from ridgeflow.columns import error_quantiles
from ridgeflow.double_continuum.represented import Represented
from ridgeflow.double_continuum.velocity import Velocity
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.geometry import ball_volume, uniform_ball_points
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.schemes import SCHEMES
from ridgeflow.transport.flow import ContinuousDAE
from ridgeflow.transport.ode import integrate

__all__ = ["NetworkErrors", "network_errors", "stepped"]

# The draws are the same in every run: of the law, of its wider relatives, of each round.
_SEED = 17
_PLAIN, _WIDE, _ROUND, _ROUNDS = 4000, 2500, 1500, 4
# Components that are widened, at most, and centres of a round for each kind of error.
_COMPONENTS, _CENTERS = 256, 120
# Small densities are as wide as it is to the nearest points: parts of them, times that, and shares.
_NARROW, _BROAD = (0.6, 0.7), (2.0, 0.3)
# Standard errors of the mean square that are added to it. Centres are chosen among the points that
# they weight, which takes up to 8 % off the RMS (measured), and the factor puts more back.
_CONFIDENCE, _FACTOR = 2.0, 1.15
_RTOL, _FIELD_RTOL, _ATOL = 1e-7, 1e-6, 1e-9
# Share of the law, where it is thinnest, whose points are not named.
_UNNAMED = 1e-6


class _Density(Protocol):
    """What points can be drawn from."""

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]: ...

    def logpdf(self, x: NDArray) -> NDArray[np.float64]: ...


@dataclass(frozen=True, eq=False)
class _Ball:
    """The uniform law on the ball of a region."""

    region: Region

    def sample(self, n: int, rng: np.random.Generator) -> NDArray[np.float64]:
        return self.region.center + uniform_ball_points(n, self.region.dim, self.region.radius, rng)

    def logpdf(self, x: NDArray) -> NDArray[np.float64]:
        inside = -np.log(ball_volume(self.region.dim, self.region.radius))
        return np.where(self.region.contains(x), inside, -np.inf)


@dataclass(frozen=True)
class NetworkErrors:
    """Errors of a network, relative to the RMS displacement of the flow.

    Attributes
    ----------
    total, depth, width : float
        Upper bounds of the RMS error of the network, of its steps with the exact velocity, and of
        the network against these.
    rms, median, quantile99 : float
        Of the errors of the network, as estimated.
    worst_error : float
    worst_point : tuple of float
        The largest error seen, and where its point starts.
    """

    total: float
    depth: float
    width: float
    rms: float
    median: float
    quantile99: float
    worst_error: float
    worst_point: tuple[float, ...]


def network_errors(limit: Represented, network: ResidualNetwork) -> NetworkErrors:
    """Errors over the law at the first depth, without law over the ball of the region evenly.

    Truth is the flow of the law, or of the field; of grids, of what represents them.
    """
    return _Search(limit, network).errors()


class _Search:
    """Points with their errors, as many rounds as there are of them."""

    def __init__(self, limit: Represented, network: ResidualNetwork) -> None:
        self.rng = np.random.default_rng(_SEED)
        self.carry = _carriers(limit, network)
        flow = limit._source.flow
        self.law: _Density
        first: list[tuple[_Density, int]]
        if flow is None:
            self.law = _Ball(limit.region)
            first = [(self.law, _PLAIN + _WIDE)]
        else:
            start = flow.law(float(limit.times[0]))
            self.law = start
            first = [(start, _PLAIN), (_widened(start, self.rng), _WIDE)]
        self.x = np.empty((0, limit.dim))
        # Starts, where the flow takes them, where exact steps do, and where the network does.
        self.log_law = np.empty(0)
        self.flowed, self.stepped, self.mapped = (np.empty((0, limit.dim)) for _ in range(3))
        self.proposals: list[tuple[_Density, int]] = []
        self.logs: list[NDArray[np.float64]] = []  # of each of them at all points
        for density, count in steps(first, None, 0.0, 0.5):
            self._draw(density, count)
        for _ in steps(range(_ROUNDS), None, 0.5):
            self._draw(self._about_errors(), _ROUND)

    def _draw(self, density: _Density, count: int) -> None:
        """Draw, and keep what the law can draw as well."""
        x = density.sample(count, self.rng)
        log_law = self.law.logpdf(x)
        held = np.isfinite(log_law)
        x = x[held]
        for i, (other, _) in enumerate(self.proposals):
            self.logs[i] = np.concatenate([self.logs[i], other.logpdf(x)])
        self.proposals.append((density, count))
        self.x = np.concatenate([self.x, x])
        self.logs.append(density.logpdf(self.x))
        self.log_law = np.concatenate([self.log_law, log_law[held]])
        for name, image in zip(("flowed", "stepped", "mapped"), self.carry(x), strict=True):
            setattr(self, name, np.concatenate([getattr(self, name), image]))

    def _weights(self) -> NDArray[np.float64]:
        """Density of the law over that of all proposals together, at the points."""
        counts = np.array([count for _, count in self.proposals])
        shares = np.log(counts / counts.sum())[:, None]
        return np.exp(self.log_law - np.logaddexp.reduce(np.stack(self.logs) + shares, axis=0))

    def _squares(self) -> tuple[NDArray, NDArray, NDArray]:
        """Squared errors of the network, of its steps, and of its neurons."""
        pairs = (self.mapped, self.flowed), (self.stepped, self.flowed), (self.mapped, self.stepped)
        whole, depth, width = (((one - other) ** 2).sum(axis=1) for one, other in pairs)
        return whole, depth, width

    def _about_errors(self) -> _Density:
        """Small normal densities about points that carry the errors, as dense as these."""
        weights = self._weights()
        chosen = []
        for square in self._squares():
            part = weights * square
            if part.sum() > 0:
                # Half by what they carry, half by its root: others may carry more than is seen.
                root = np.sqrt(part)
                share = np.cumsum(0.5 * part / part.sum() + 0.5 * root / root.sum())
                marks = (np.arange(_CENTERS) + self.rng.random()) / _CENTERS
                chosen.append(np.searchsorted(share, marks * share[-1] * (1 - 1e-12)))
        if not chosen:
            return self.law
        picked, counts = np.unique(np.concatenate(chosen), return_counts=True)
        dim = self.x.shape[1]
        room = cKDTree(self.x).query(self.x[picked], k=dim + 3)[0][:, -1]
        room = np.maximum(room, 1e-9 * np.ptp(self.x, axis=0).max())
        parts = (_NARROW, _BROAD)
        heights = np.concatenate([counts * share for _, share in parts])
        return GaussianMixture(
            heights / heights.sum(),
            np.tile(self.x[picked], (len(parts), 1)),
            np.concatenate([(times * room) ** 2 for times, _ in parts]),
        )

    def errors(self) -> NetworkErrors:
        """Bounds, quantiles and the worst point."""
        weights = self._weights()
        moved = ((self.flowed - self.x) ** 2).sum(axis=1)
        if not weights @ moved > 0:
            moved = np.ones(len(weights))
        total, depth, width = (_bound(weights, square, moved) for square in self._squares())
        spread = error_quantiles(self.mapped, self.flowed, self.x, weights)
        size = float(np.sqrt(weights @ moved / weights.sum()))
        order = np.argsort(self.log_law)
        heaps = np.cumsum(weights[order])
        level = self.log_law[order[np.searchsorted(heaps, _UNNAMED * heaps[-1])]]
        error = np.where(self.log_law >= level, np.sqrt(self._squares()[0]) / size, -1.0)
        worst = int(error.argmax())
        return NetworkErrors(
            total,
            depth,
            width,
            spread.rms,
            spread.median,
            spread.quantile99,
            float(error[worst]),
            tuple(self.x[worst].tolist()),
        )


def _bound(weights: NDArray, square: NDArray, moved: NDArray) -> float:
    """Upper bound of the root of a ratio of weighted means."""
    below = float(weights @ moved)
    ratio = float(weights @ square) / below
    rest = weights * (square - ratio * moved)
    error = float(np.sqrt((rest**2).sum())) / below
    return _FACTOR * float(np.sqrt(ratio + _CONFIDENCE * error))


def _widened(law: GaussianMixture, rng: np.random.Generator) -> GaussianMixture:
    """Components that are equally likely, or as their part of space is wide, ever wider: by twice
    the width from one to the next, as far as half the way across the law."""
    count = law.n_components
    # A component's weight over the density about it is the space that it has.
    logs = np.log(law.weights) - law.logpdf(law.means)
    space = np.exp(logs - logs.max())
    share = 0.5 * space / space.sum() + 0.5 / count
    kept = np.arange(count)
    if count > _COMPONENTS:
        kept = rng.choice(count, _COMPONENTS, replace=False, p=share)
    share = share[kept] / share[kept].sum()
    means = law.means[kept]
    eye, variances = np.eye(law.dim), law.isotropic_variances
    covariances = law.covariances[kept] if variances is None else variances[kept, None, None] * eye
    least = float(np.sqrt(np.linalg.eigvalsh(covariances).min()))
    across = float(np.linalg.norm(means - means.mean(axis=0), axis=1).max())
    widths = [0.0]
    while not widths[-1] > max(0.35 * across, least):
        widths.append(2 * widths[-1] or least)
    return GaussianMixture(
        np.tile(share, len(widths)) / len(widths),
        np.tile(means, (len(widths), 1)),
        np.concatenate([covariances + width**2 * eye for width in widths]),
    )


def _carriers(
    limit: Represented, network: ResidualNetwork
) -> Callable[[NDArray], tuple[NDArray, NDArray, NDArray]]:
    """Where the flow, exact steps and the network take points."""
    first, last = float(limit.times[0]), float(limit.times[-1])
    end = first + float(network.steps.sum())
    slack = 1e-9 * (last - first)
    if not first < end <= last + slack:
        raise ValueError(
            f"`network` must have steps that lead from {first:g} to at most {last:g}, the depths "
            f"of this continuum, got a sum of {end - first:g} (take one read off from it)"
        )
    end = min(end, last)
    flow, size = limit._source.flow, limit.region.radius
    velocity = _everywhere(limit)
    # Bounds count errors outside the region as well, where a network would warn.
    bare = ResidualNetwork(network.layers, network.steps, scheme=network.scheme)
    exact = None if flow is None else ContinuousDAE(flow.law(first))

    def carry(x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        if not len(x):
            return x, x, x
        if exact is not None:
            flowed = exact.flow(
                x, end - first, rtol=_RTOL, atol=_ATOL * size, log_density=False
            ).points
        else:
            flowed, _, _ = integrate(velocity, x, first, end, rtol=_FIELD_RTOL, atol=_ATOL * size)
        return (
            flowed,
            stepped(velocity, network.scheme, network.steps, x, first, last),
            bare(x),
        )

    return carry


def _everywhere(limit: Represented) -> Velocity:
    """The velocity of the source: of a law everywhere; of a field, which is known on the region
    alone, beyond it that of the nearest point of the region."""
    source, region = limit._source, limit.region
    exact = limit.velocity if source.velocity is None else source.velocity
    if source.flow is not None:
        return exact

    def evaluate(x: NDArray, t: float) -> NDArray:
        away = x - region.center
        distance = np.linalg.norm(away, axis=1)
        far = np.minimum(1.0, (1 - 1e-12) * region.radius / np.maximum(distance, 1e-300))
        return exact(region.center + far[:, None] * away, t)

    return evaluate


def stepped(
    velocity: Velocity, scheme: str, steps: NDArray, x: NDArray, first: float, last: float
) -> NDArray:
    """The steps of a network's scheme with a velocity for its fields."""
    method = SCHEMES[scheme]
    t = first
    for step in steps.tolist():

        def slope(stage: int, at: NDArray, t: float = t, step: float = step) -> NDArray:
            return velocity(at, min(t + float(method.c[stage]) * step, last))

        x = method.step(slope, x, step)
        t += step
    return x
