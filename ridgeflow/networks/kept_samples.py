"""Samples that are kept of many, and what fits without them say."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["KEPT", "KeptSamples", "NeverSeen", "fingerprints", "marks_of"]

# Samples that are kept for leave-one-out errors, at most.
KEPT = 2**14


@dataclass(frozen=True)
class NeverSeen:
    """Values (n, k) of samples, the residuals there of fits without them, and weights of sum 1."""

    values: NDArray[np.float64]
    residuals: NDArray[np.float64]
    weights: NDArray[np.float64]


class KeptSamples:
    """Different samples, of which so many stay that have the least fingerprints: the same ones
    whatever their order and their parts."""

    def __init__(self, most: int, dim: int, components: int) -> None:
        self.most, self._marks = most, np.zeros(0, np.uint64)
        self.points, self.values = np.zeros((0, dim)), np.zeros((0, components))
        self.weights = np.zeros(0)

    def with_more(
        self, marks: NDArray, points: NDArray, values: NDArray, weights: NDArray
    ) -> KeptSamples:
        """These and more samples with their fingerprints; weights of equal ones add up."""
        made = KeptSamples(self.most, points.shape[1], values.shape[1])
        if not self.most:
            return made
        marks = np.concatenate([self._marks, marks])
        made._marks, first, which = np.unique(marks, return_index=True, return_inverse=True)
        stay = slice(0, self.most)
        made._marks, first = made._marks[stay], first[stay]
        made.points = np.concatenate([self.points, points])[first]
        made.values = np.concatenate([self.values, values])[first]
        mass = np.concatenate([self.weights, weights])
        made.weights = np.bincount(which, weights=mass).astype(np.float64)[stay]
        return made

    def joined(self, other: KeptSamples) -> KeptSamples:
        """These and those that are kept of more samples."""
        return self.with_more(other._marks, other.points, other.values, other.weights)


def fingerprints(points: NDArray, values: NDArray) -> NDArray[np.uint64]:
    """Numbers that tell samples (x, y) apart, the same for the same ones, in order."""
    return np.unique(marks_of(points, values))


def marks_of(points: NDArray, values: NDArray) -> NDArray[np.uint64]:
    """The same of each sample (n,), as they come."""
    found = np.zeros(len(points), np.uint64)
    for column in (*points.T, *values.T):
        # Adding zero makes one number of the two zeros; the rest is a bijection, which mixes bits.
        found ^= (np.ascontiguousarray(column) + 0.0).view(np.uint64)
        for shift, factor in ((32, 0xD6E8FEB86659FD93), (29, 0xA0761D6478BD642F)):
            found ^= found >> np.uint64(shift)
            found *= np.uint64(factor)
        found ^= found >> np.uint64(32)
    return found
