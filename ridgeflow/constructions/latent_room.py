"""Where a bottleneck decoder is asked: boxes of latent points, and the straight lines between."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Room", "ball_of", "room_of"]

# Boxes are larger than what is kept by this part of it, and by so many times what an encoder adds.
_SPARE, _BEYOND = 0.01, 2.0
# The ball is larger by this part of it: kept points between those that were looked at stay put.
_RIM = 1e-3


@dataclass(frozen=True, eq=False)
class Room:
    """Boxes of the pieces, in the order of the first latent coordinate, in which they are apart.

    A decoder G is asked within the boxes alone,

    .. math:: z \\mapsto (1-s)\\,G(\\mathrm{clip}_i(z)) + s\\,G(\\mathrm{clip}_{i+1}(z)),

    where s runs from 0 to 1 between boxes i and i + 1, and clip takes a point to the nearest of a
    box. Clips and s are pairs of ReLUs in one coordinate each. What still leaves the ball of the
    components is drawn back to it; it holds all that is kept.

    Attributes
    ----------
    low, high : ndarray, shape (P, k)
    center : ndarray, shape (n,)
    radius : float
    """

    low: NDArray[np.float64]
    high: NDArray[np.float64]
    center: NDArray[np.float64]
    radius: float

    def decode(self, decoder: Callable[[NDArray], NDArray], z: NDArray) -> NDArray[np.float64]:
        """The decoder at points (n, k), asked nowhere else."""
        along = z[:, 0]
        index = np.clip(np.searchsorted(self.low[:, 0], along, side="right") - 1, 0, None)
        values = decoder(np.clip(z, self.low[index], self.high[index]))
        following = np.minimum(index + 1, len(self.low) - 1)
        between = np.flatnonzero((along > self.high[index, 0]) & (following > index))
        if len(between):
            first, second = index[between], following[between]
            start, end = self.high[first, 0], self.low[second, 0]
            share = ((along[between] - start) / (end - start))[:, None]
            others = decoder(np.clip(z[between], self.low[second], self.high[second]))
            values[between] = (1 - share) * values[between] + share * others
        away = values - self.center
        distance = np.linalg.norm(away, axis=1)
        far = distance > self.radius
        values[far] = self.center + away[far] * (self.radius / distance[far])[:, None]
        return values

    def outside(self, z: NDArray) -> NDArray[np.bool_]:
        """Whether points (n, k) lie in no box."""
        inside = (z[:, None] >= self.low) & (z[:, None] <= self.high)
        return np.logical_not(np.any(np.all(inside, axis=2), axis=1))


def ball_of(points: NDArray) -> tuple[NDArray[np.float64], float]:
    """A ball about the middle of points (N, n) that holds them."""
    middle = 0.5 * (points.min(axis=0) + points.max(axis=0))
    return middle, float(np.linalg.norm(points - middle, axis=1).max())


def room_of(
    exact: Sequence[NDArray],
    encoded: Sequence[NDArray],
    points: NDArray,
    decoder: Callable[[NDArray], NDArray],
) -> Room:
    """The room of kept points, whose latent coordinates are given as they are meant and as encoded,
    in the ball of the components' points (N, n)."""
    low = np.array([z.min(axis=0) for z in exact])
    high = np.array([z.max(axis=0) for z in exact])
    over = np.array([np.maximum(z.max(axis=0) - top, 0.0) for z, top in zip(encoded, high)])
    under = np.array([np.maximum(bottom - z.min(axis=0), 0.0) for z, bottom in zip(encoded, low)])
    spare = _SPARE * (high - low)
    order = np.argsort(low[:, 0])
    wider_low = (low - spare - _BEYOND * under)[order]
    wider_high = (high + spare + _BEYOND * over)[order]
    # Half of the way between two boxes is left between them.
    apart = (low[order][1:, 0] - high[order][:-1, 0]) / 4
    wider_high[:-1, 0] = np.minimum(wider_high[:-1, 0], high[order][:-1, 0] + apart)
    wider_low[1:, 0] = np.maximum(wider_low[1:, 0], low[order][1:, 0] - apart)
    center, radius = ball_of(points)
    kept = decoder(np.concatenate(encoded))
    # A decoder misses points at the rim of the ball by its error to either side.
    reached = float(np.linalg.norm(kept - center, axis=1).max())
    return Room(wider_low, wider_high, center, (1 + _RIM) * max(radius, reached))
