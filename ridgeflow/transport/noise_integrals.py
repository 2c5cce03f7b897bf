"""Integrals of a normal density times the density of a noise law, on the line."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

__all__ = ["NoiseAxis"]

# Panels of the quadrature end at these standard deviations of a component and levels of the noise.
_NORMAL_ENDS = np.array([-12.0, -7, -4, -2, -1, 0, 1, 2, 4, 7, 12])
_LEVELS = np.array([1e-12, 1e-8, 1e-5, 1e-3, 0.02, 0.1, 0.25])
# Where the outer tails begin, and the zones between, in levels from below or from above.
_OUTER = 3
_ZONES = ((0.0, 1e-3), (1e-3, 0.25), (0.25, 0.75), (1e-3, 0.25), (0.0, 1e-3))
_NODES = 20
_HALF_LOG_2PI = 0.5 * float(np.log(2 * np.pi))


class NoiseAxis:
    """A noise law on the line, cut where its density may be rough.

    Where the density is infinite, at an end of its support or at its median, the integral is taken
    over levels: the law has no singularity in them.

    Parameters
    ----------
    noise : frozen continuous distribution of scipy.stats

    Examples
    --------
    >>> from scipy import stats
    >>> log_mass, mean = NoiseAxis(stats.arcsine(-0.5)).overlap(np.array([0.0]), 0.0, 1.0)
    >>> abs(float(mean[0])) < 1e-14
    True
    """

    def __init__(self, noise: Any) -> None:
        self.noise = noise
        with np.errstate(all="ignore"):
            self.low, self.high = (float(end) for end in noise.support())
            self.quartiles = [float(noise.ppf(level)) for level in (0.25, 0.5, 0.75)]
            below = np.asarray(noise.ppf(_LEVELS), dtype=float)
            above = np.asarray(noise.isf(_LEVELS), dtype=float)
            rough = [self._grows(below), self._grows(above), self._peaks()]
        self.bounds = [self.low, below[_OUTER], below[-1], above[-1], above[_OUTER], self.high]
        # Each of the five zones between, over levels or over the noise itself: near a singularity
        # and where the density still falls steeply from it, but not in the tails of another end,
        # which levels do not resolve.
        near = [(0, 1, 2, 3), (1, 2, 3, 4), (1, 2, 3)]
        self.by_level = [
            any(z in zones for zones, r in zip(near, rough, strict=True) if r) for z in range(5)
        ]
        ends = np.unique(np.concatenate([below, above, self.quartiles, [self.low, self.high]]))
        self.ends = ends[np.isfinite(ends)]
        node, weight = np.polynomial.legendre.leggauss(_NODES)
        self.node, self.log_weight = node, np.log(weight)

    def _grows(self, spots: NDArray) -> bool:
        """Whether the density grows without bound towards an end, the first of the spots."""
        logs = np.asarray(self.noise.logpdf(spots), dtype=float)
        # Rounding moves the nearest spots onto the end, or beyond it.
        return bool(spots[0] == spots[_OUTER] or (logs[:_OUTER] > logs[_OUTER] + 0.2).any())

    def _peaks(self) -> bool:
        """Whether it does at the median, like that of two gamma laws back to back."""
        median = self.quartiles[1]
        small = 1e-9 * (self.quartiles[2] - self.quartiles[0])
        logs = np.asarray(
            self.noise.logpdf(median + small * np.array([0.0, 1.0, 1e5])), dtype=float
        )
        return bool(np.isposinf(logs[0]) or logs[1] > logs[2] + 0.2)

    @property
    def width(self) -> float:
        """Half the distance of the quartiles times 1.5, about a standard deviation."""
        return 0.75 * (self.quartiles[2] - self.quartiles[0])

    def overlap(self, x: NDArray, mean: float, deviation: float) -> tuple[NDArray, NDArray]:
        """log of I = ∫ N(s; mean, deviation²) q(x − s) ds and ∫ s .. ds / I, for each x (n,)."""
        parts, zone = [], 0
        while zone < 5:
            last = zone
            if self.by_level[zone]:
                parts.append(self._over_levels(zone, x, mean, deviation))
            else:
                while last < 4 and not self.by_level[last + 1]:
                    last += 1
                ends = self.bounds[zone], self.bounds[last + 1]
                parts.append(self._over_noise(*ends, x, mean, deviation))
            zone = last + 1
        logs = np.concatenate([part[0] for part in parts], axis=1)
        noise = np.concatenate([part[1] for part in parts], axis=1)
        log_mass = logsumexp(logs, axis=1)
        with np.errstate(invalid="ignore"):
            share = np.exp(logs - log_mass[:, None])
        return log_mass, x - (share * noise).sum(axis=1)

    def _panels(self, cuts: NDArray) -> tuple[NDArray, NDArray]:
        """Nodes and log-weights (n, all of them) of panels between sorted cuts (n, c)."""
        half = 0.5 * np.diff(cuts, axis=1)[..., None]
        place = 0.5 * (cuts[:, 1:] + cuts[:, :-1])[..., None] + half * self.node
        with np.errstate(divide="ignore"):
            logs = self.log_weight + np.log(half)
        return place.reshape(len(cuts), -1), logs.reshape(len(cuts), -1)

    def _over_noise(
        self, low: float, high: float, x: NDArray, mean: float, deviation: float
    ) -> tuple[NDArray, NDArray]:
        own = x[:, None] - (mean + deviation * _NORMAL_ENDS)
        ends = self.ends[(self.ends >= low) & (self.ends <= high)]
        cuts = np.concatenate([own, np.broadcast_to(ends, (len(x), len(ends)))], axis=1)
        # Nothing beyond the support of the noise counts, and nothing far outside of the component
        # unless the noise is only there.
        noise, logs = self._panels(np.sort(np.clip(cuts, low, high), axis=1))
        full = np.isfinite(logs)
        with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
            logs = logs + _normal(x[:, None] - noise, mean, deviation)
            logs = logs + np.asarray(self.noise.logpdf(noise), dtype=float)
        # A panel without width is nothing, whatever the density at its place.
        return np.where(full & ~np.isnan(logs), logs, -np.inf), noise

    def _over_levels(
        self, zone: int, x: NDArray, mean: float, deviation: float
    ) -> tuple[NDArray, NDArray]:
        own = x[:, None] - (mean + deviation * _NORMAL_ENDS)
        low, high = _ZONES[zone]
        above = zone > 2
        if zone == 2:
            levels = np.concatenate([0.5 - _LEVELS[:-2], [0.5], 0.5 + _LEVELS[:-2], [0.4, 0.6]])
        else:
            levels = _LEVELS
        levels = np.unique(np.concatenate([[low, high], levels]).clip(low, high))
        with np.errstate(all="ignore"):
            inside = np.clip((self.noise.sf if above else self.noise.cdf)(own), low, high)
            cuts = np.concatenate([inside, np.broadcast_to(levels, (len(x), len(levels)))], axis=1)
            level, logs = self._panels(np.sort(cuts, axis=1))
            noise = np.asarray((self.noise.isf if above else self.noise.ppf)(level))
            noise = noise.astype(float).clip(self.low, self.high)
            logs = logs + _normal(x[:, None] - noise, mean, deviation)
        return np.where(np.isnan(logs), -np.inf, logs), noise


def _normal(s: NDArray, mean: float, deviation: float) -> NDArray:
    return -0.5 * ((s - mean) / deviation) ** 2 - np.log(deviation) - _HALF_LOG_2PI
