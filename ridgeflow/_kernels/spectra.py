"""Exact spectra of Gaussian mixtures: sums over components of one profile, read off a table.

A table (``ridgeflow.profiles.ridgelet_tables``) holds a cell's eight coefficients in a cache line:
``core`` (n + 1, 8) for ``z = 0 .. n / per_unit`` in equal cells, ``tail`` (t + 1, 8) for larger z
in sixteen cells per octave of ``z per_unit / n``. The last row of each is zero, as is the profile
beyond.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import inline, kernel

__all__ = ["NODE_TILE", "mixture_nodes", "mixture_rows"]

NODE_TILE = 128

_FRACTION = (1 << 48) - 1
_ONE = 1023 << 52
_FIRST = 1023 << 4


@inline
def _cell(table, c, d):
    value = table[c, 7]
    value = value * d + table[c, 6]
    value = value * d + table[c, 5]
    value = value * d + table[c, 4]
    value = value * d + table[c, 3]
    value = value * d + table[c, 2]
    value = value * d + table[c, 1]
    return value * d + table[c, 0]


@inline
def _beyond(tail, x):
    """The profile at x = z / z_core >= 1: exponent and leading bits of x are the cell's number."""
    bits = np.float64(x).view(np.int64)
    c = min((bits >> 48) - _FIRST, tail.shape[0] - 1)
    d = 16.0 * (np.int64((bits & _FRACTION) | _ONE).view(np.float64) - 1.0)
    return _cell(tail, c, d)


@inline
def _power(r, exponent):
    whole = int(exponent)
    if whole != exponent:
        return math.exp(exponent * math.log(r))
    value = 1.0
    while whole > 0:
        if whole & 1:
            value *= r
        r *= r
        whole >>= 1
    return value


@inline
def _between(value, n):
    """The least integer i in [0, n] with i >= value."""
    return int(min(max(math.ceil(value), 0.0), n))


@kernel
def mixture_rows(
    start,
    stop,
    scales,
    starts,
    half_counts,
    step,
    along,
    spread,
    weights,
    exponent,
    core,
    per_unit,
    tail,
    sign,
    out,
):
    """One row of offsets for each item = direction * S + scale.

    ``out[starts[s] + d (2 n_s + 1) + i] = sum_k weights_k r^exponent psi((rho along_dk -
    (i - n_s) step) r)``, ``r = (1 + rho^2 spread_dk)^(-1/2)``; along, spread (U, K). ``sign`` is
    the parity of psi. Nodes where psi is 0 are not visited. No checks.
    """
    # The argument is linear in i: top - h i in cells of the table. So for each component the nodes
    # on either side of psi's centre, and those in either tail, are ranges of i found by division,
    # and each is a loop without branches.
    n_scales = scales.size
    reach = float(core.shape[0] - 1)
    far = reach * 2.0 ** ((tail.shape[0] - 1) / 16.0)
    for item in range(start, stop):
        d = item // n_scales
        s = item - d * n_scales
        rho = scales[s]
        n = 2 * half_counts[s] + 1
        first = starts[s] + d * n
        row = out[first : first + n]
        for i in range(n):
            row[i] = 0.0
        for k in range(weights.size):
            r = 1.0 / math.sqrt(1.0 + rho * rho * spread[d, k])
            factor = weights[k] * _power(r, exponent)
            h = step * r * per_unit
            top = rho * along[d, k] * r * per_unit + half_counts[s] * h
            middle = _between(top / h, n)
            low, high = _between((top - reach) / h, n), _between((top + reach) / h, n)
            for i in range(low, middle):
                z = top - h * i
                c = np.int32(z)
                row[i] += factor * _cell(core, np.uint32(c), z - c)
            other = sign * factor
            for i in range(middle, high):
                z = h * i - top
                c = np.int32(z)
                row[i] += other * _cell(core, np.uint32(c), z - c)
            if tail.shape[0] > 1:
                for i in range(_between((top - far) / h, n), low):
                    row[i] += factor * _beyond(tail, max(1.0, (top - h * i) / reach))
                for i in range(high, _between((top + far) / h, n)):
                    row[i] += other * _beyond(tail, max(1.0, (h * i - top) / reach))


@kernel
def mixture_nodes(
    start,
    stop,
    a,
    b,
    means,
    factors,
    weights,
    exponent,
    core,
    per_unit,
    tail,
    sign,
    out,
):
    """Tiles [start, stop) of plain nodes.

    a (P, m), b (P,), means (K, m), factors (S, m, m) lower triangular with S = 1 or K;
    ``out[j] = sum_k weights_k r^exponent psi((a_j . mean_k - b_j) r)``,
    ``r = (1 + |L_k' a_j|^2)^(-1/2)``. No checks.
    """
    # A tile of nodes meets the components one by one, every step being a loop over the tile: 1/r²
    # column by column of L_k, r and r^exponent by squaring (once where components share a
    # covariance); the argument; psi from the core or the tail of its table, with its parity for
    # negative arguments.
    dim = a.shape[1]
    shared = factors.shape[0] == 1
    whole = int(exponent)
    reach = float(core.shape[0] - 1)
    far = reach * 2.0 ** ((tail.shape[0] - 1) / 16.0)
    inner = np.empty((dim, NODE_TILE))
    z = np.empty(NODE_TILE)
    r = np.empty(NODE_TILE)
    y = np.empty(NODE_TILE)
    power = np.empty(NODE_TILE)
    for tile in range(start, stop):
        low = tile * NODE_TILE
        n = min(NODE_TILE, b.size - low)
        part, row = b[low : low + n], out[low : low + n]
        for j in range(n):
            row[j] = 0.0
            for i in range(dim):
                inner[i, j] = a[low + j, i]
        for k in range(weights.size):
            if k == 0 or not shared:
                for j in range(n):
                    r[j] = 1.0
                for column in range(dim):
                    for j in range(n):
                        y[j] = 0.0
                    for i in range(column, dim):
                        entry = factors[0 if shared else k, i, column]
                        if entry != 0.0:
                            for j in range(n):
                                y[j] += entry * inner[i, j]
                    for j in range(n):
                        r[j] += y[j] * y[j]
                for j in range(n):
                    r[j] = 1.0 / math.sqrt(r[j])
                    power[j] = 1.0
                    y[j] = r[j]
                    r[j] *= per_unit
                if whole == exponent:
                    left = whole
                    while left > 0:
                        if left & 1:
                            for j in range(n):
                                power[j] *= y[j]
                        for j in range(n):
                            y[j] *= y[j]
                        left >>= 1
                else:
                    for j in range(n):
                        power[j] = math.exp(exponent * math.log(y[j]))
            for j in range(n):
                z[j] = -part[j]
            for i in range(dim):
                mean = means[k, i]
                for j in range(n):
                    z[j] += mean * inner[i, j]
            for j in range(n):
                x = z[j] * r[j]
                factor = weights[k] * power[j]
                if x < 0:
                    x = -x
                    factor *= sign
                if x < reach:
                    c = np.int32(x)
                    row[j] += factor * _cell(core, np.uint32(c), x - c)
                elif x < far:
                    row[j] += factor * _beyond(tail, x / reach)
