"""Sums of ridge functions given as one piecewise polynomial profile for each direction.

Points come with their coordinates as rows, so that loops over points are contiguous. A few
directions at a time pass over all points of a range, block by block: their profiles and the block
stay in the cache of a core.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np

from ridgeflow._kernels._jit import kernel

__all__ = ["sum_profiles", "sum_profiles_gradient"]

_BLOCK = 512
# Bytes of profiles that a block of points meets, few of them in use at any time.
_CACHE = 1_250_000


@kernel
def _project(points, u, v, shift, other_shift, low, high, place, other):
    """place[i] = shift + u . x_{low + i}, points (m, n), and other with v: they are read once."""
    n = high - low
    for i in range(n):
        place[i] = shift
        other[i] = other_shift
    dim = points.shape[0]
    d = 0
    # Four coordinates in one pass: places are read and written a quarter as often.
    while d + 4 <= dim:
        u0, u1, u2, u3 = u[d], u[d + 1], u[d + 2], u[d + 3]
        v0, v1, v2, v3 = v[d], v[d + 1], v[d + 2], v[d + 3]
        x0, x1 = points[d, low:high], points[d + 1, low:high]
        x2, x3 = points[d + 2, low:high], points[d + 3, low:high]
        for i in range(n):
            place[i] += (u0 * x0[i] + u1 * x1[i]) + (u2 * x2[i] + u3 * x3[i])
            other[i] += (v0 * x0[i] + v1 * x1[i]) + (v2 * x2[i] + v3 * x3[i])
        d += 4
    while d < dim:
        u0, v0, x0 = u[d], v[d], points[d, low:high]
        for i in range(n):
            place[i] += u0 * x0[i]
            other[i] += v0 * x0[i]
        d += 1


@kernel
def _locate(scale, n_cells, n, place, cell):
    """Cells, and places in [-1, 1] on them, of n places; beyond the last cells their polynomials go
    on. A place that is no number is one of the first cell."""
    last = np.float64(n_cells - 1)
    for i in range(n):
        p = place[i] * scale
        inside = p if p > 0.0 else 0.0
        own = np.int32(inside if inside < last else last)
        cell[i] = own
        place[i] = 2.0 * (p - own) - 1.0


@lru_cache
def sum_profiles(terms: int) -> Callable:
    """The kernel for polynomials of that many terms: their loop is unrolled."""

    @kernel
    def values_of_profiles(start, stop, points, directions, centers, low, width, profiles, out):
        """out[c, i] += sum_u g_uc(u . x_i - centers_u) for i in [start, stop).

        points (m, n), directions (U, m), centers (U,), profiles (U, cells, C, terms) ascending in
        the local variable t in [-1, 1] of each cell; cells start at ``low`` and are ``width`` wide.
        """
        n_directions, n_cells, n_components = profiles.shape[:3]
        places, cell = np.empty((2, _BLOCK)), np.empty(_BLOCK, np.int32)
        scale = 1.0 / width
        group = max(1, _CACHE // (8 * n_cells * n_components * terms))
        row = n_components * terms
        for u0 in range(0, n_directions, group):
            u1 = min(u0 + group, n_directions)
            for i0 in range(start, stop, _BLOCK):
                i1 = min(i0 + _BLOCK, stop)
                for u in range(u0, u1):
                    turn = (u - u0) % 2
                    if turn == 0:
                        v = min(u + 1, u1 - 1)
                        shifts = (-low - centers[u], -low - centers[v])
                        both = (i0, i1, places[0], places[1])
                        _project(points, directions[u], directions[v], *shifts, *both)
                    place = places[turn]
                    _locate(scale, n_cells, i1 - i0, place, cell)
                    own = profiles[u].ravel()
                    for c in range(n_components):
                        total = out[c, i0:i1]
                        for i in range(i1 - i0):
                            at = np.uint64(cell[i] * row + c * terms)
                            t = place[i]
                            value = own[at + np.uint64(terms - 1)]
                            for term in range(terms - 2, -1, -1):
                                value = value * t + own[at + np.uint64(term)]
                            total[i] += value

    return values_of_profiles


@lru_cache
def sum_profiles_gradient(terms: int) -> Callable:
    """As ``sum_profiles``, with gradients."""

    @kernel
    def slopes_of_profiles(
        start, stop, points, directions, centers, low, width, profiles, out, gradient
    ):
        """Values as in ``values_of_profiles``, and gradient[c, d, i] += d out[c, i] / d x_d."""
        # A profile is read at t = 2 (p - cell) - 1, p = (u . x - center - low) / width, so its
        # gradient is g'(t) (2 / width) u; Horner's scheme gives g and g' in one pass over the
        # cell's terms. From the outside in: directions whose profiles fit the cache, blocks of
        # points, the directions one by one (two are projected at a time, which reads points once
        # for both), components, points.
        n_directions, n_cells, n_components = profiles.shape[:3]
        dim = len(points)
        places, cell = np.empty((2, _BLOCK)), np.empty(_BLOCK, np.int32)
        scale = 1.0 / width
        steep = np.empty(_BLOCK)
        group = max(1, _CACHE // (8 * n_cells * n_components * terms))
        row = n_components * terms
        for u0 in range(0, n_directions, group):
            u1 = min(u0 + group, n_directions)
            for i0 in range(start, stop, _BLOCK):
                i1 = min(i0 + _BLOCK, stop)
                for u in range(u0, u1):
                    turn = (u - u0) % 2
                    if turn == 0:
                        v = min(u + 1, u1 - 1)
                        shifts = (-low - centers[u], -low - centers[v])
                        both = (i0, i1, places[0], places[1])
                        _project(points, directions[u], directions[v], *shifts, *both)
                    place = places[turn]
                    _locate(scale, n_cells, i1 - i0, place, cell)
                    own = profiles[u].ravel()
                    for c in range(n_components):
                        total = out[c, i0:i1]
                        for i in range(i1 - i0):
                            at = np.uint64(cell[i] * row + c * terms)
                            t = place[i]
                            value = own[at + np.uint64(terms - 1)]
                            slope = 0.0
                            for term in range(terms - 2, -1, -1):
                                slope = slope * t + value
                                value = value * t + own[at + np.uint64(term)]
                            total[i] += value
                            steep[i] = 2.0 * scale * slope
                        for d in range(dim):
                            coordinate = directions[u, d]
                            along = gradient[c, d, i0:i1]
                            for i in range(i1 - i0):
                                along[i] += coordinate * steep[i]

    return slopes_of_profiles
