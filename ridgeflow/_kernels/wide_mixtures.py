"""Log densities and scores of mixtures of isotropic components in many variables.

As ``mixtures.isotropic``, but points go in pairs through tiles of components that stay in the
second-level cache, with squared distances and weighted sums held in vector registers. Exponents are
in base 2. Where components are narrow and far from the centre, differences are formed before they
are squared; elsewhere squares are expanded, which is half the work and costs no digits there.
"""

from __future__ import annotations

import math

import numpy as np

from ridgeflow._kernels._jit import kernel
from ridgeflow._kernels.mixtures import LANES, exp2_double, exp2_single
from ridgeflow._kernels.vectors import fma, full, lanes, load, store

__all__ = ["wide_isotropic", "wide_tables"]

_LN2 = math.log(2.0)
_POINTS = 32
# Bytes of a tile of components, in both layouts.
_CACHE = 2**17
# Squared distances from the centre, in variances for each variable, that lose no digits that
# distances between points of a law in many variables would keep.
_NEAR = 6.0


def wide_tables(
    log2c: np.ndarray, table: np.ndarray, precision: np.ndarray, half: np.ndarray
) -> tuple:
    """Tables of ``isotropic`` as ``wide_isotropic`` wants them.

    log2c, precision, half (Kp,), means (m, Kp), all of one type. Returns log2c, the means as panels
    (blocks, m, lanes) and as rows (blocks lanes, padded m), precision, half, and whether squares
    are expanded.
    """
    m, k = table.shape
    width = lanes(table)
    blocks, columns = -(-k // width), -(-m // width)
    # Padding sits on the first mean, so that it overflows no sooner than a component does.
    padded = np.repeat(table[:, :1], blocks * width, axis=1)
    padded[:, :k] = table
    rows = np.zeros((blocks * width, columns * width), table.dtype)
    rows[:, :m] = padded.T
    panels = np.ascontiguousarray(padded.reshape(m, blocks, width).transpose(1, 0, 2))
    constants = np.full(blocks * width, -math.inf, table.dtype)
    constants[:k] = log2c
    others = np.zeros((2, blocks * width), table.dtype)
    others[0, :k], others[1, :k] = precision, half
    squares = (padded.astype(np.float64) ** 2).sum(axis=0)
    expanded = bool((2 * others[1] * squares).max() <= _NEAR * m)
    if expanded:
        constants[:k] = (log2c.astype(np.float64) - half * squares[:k]).astype(table.dtype)
    return constants, panels, rows, others[0], others[1], expanded


@kernel
def _exponents(panels, flat, low, high, one, other, square, log2c, half, q0, q1):
    # For expanded squares: one, other are -2 y, and square the two |y|^2; empty otherwise.
    m = panels.shape[1]
    width = lanes(panels)
    zero = flat[0] - flat[0]
    for block in range(low, high):
        at = block * m * width
        square0, square1 = full(flat, zero), full(flat, zero)
        if len(square) > 0:
            square0, square1 = full(flat, square[0]), full(flat, square[1])
            for i in range(m):
                mean = load(flat, at + i * width)
                square0 = fma(mean, full(flat, one[i]), square0)
                square1 = fma(mean, full(flat, other[i]), square1)
        else:
            for i in range(m):
                mean = load(flat, at + i * width)
                d0 = mean - full(flat, one[i])
                d1 = mean - full(flat, other[i])
                square0 = fma(d0, d0, square0)
                square1 = fma(d1, d1, square1)
        factor, constant = -load(half, block * width), load(log2c, block * width)
        store(q0, (block - low) * width, fma(factor, square0, constant))
        store(q1, (block - low) * width, fma(factor, square1, constant))


@kernel
def _weighted_means(rows, flat, low, n, w0, w1, part0, part1):
    width = lanes(rows)
    columns = rows.shape[1]
    for first in range(0, columns, width):
        sum0, sum1 = full(flat, flat[0] - flat[0]), full(flat, flat[0] - flat[0])
        for k in range(n):
            row = load(flat, (low + k) * columns + first)
            sum0 = fma(row, full(flat, w0[k]), sum0)
            sum1 = fma(row, full(flat, w1[k]), sum1)
        store(part0, first, sum0)
        store(part1, first, sum1)


@kernel
def _top(q, n, highest):
    for j in range(LANES):
        highest[j] = q[j]
    for block in range(LANES, n, LANES):
        part = q[block : block + LANES]
        for j in range(LANES):
            highest[j] = max(highest[j], part[j])
    value = highest[0]
    for j in range(1, LANES):
        value = max(value, highest[j])
    return value


@kernel
def _powers(q, n, precision, low, shift, single):
    """q <- precision 2**(q - shift); returns the sums of the powers and of these products."""
    mass = np.float64(exp2_single(q, n, np.float32(shift)) if single else exp2_double(q, n, shift))
    p = precision[low : low + n]
    total = q[0] - q[0]
    for k in range(n):
        q[k] *= p[k]
        total += q[k]
    return mass, np.float64(total)


@kernel
def wide_isotropic(
    start,
    stop,
    x,
    centre,
    whiten,
    log2c,
    panels,
    rows,
    precision,
    half,
    expanded,
    single,
    order,
    logpdf,
    score,
    jacobian,
):
    """As ``mixtures.isotropic`` for order <= 1, with the means as ``wide_tables`` lays them out.

    log2c, precision, half (blocks lanes,), of log weight minus infinity in the padding; where
    ``expanded``, log2c is reduced by half times the squared mean.
    """
    # A running top as in ``mixtures.isotropic``, but a block of points meets each tile of
    # components while it is in cache, two points at a time: exponents by panels (a lane for each
    # component), e_k = 2^{q_k − top} times precision p_k, sums of these and of them times means by
    # rows (a lane for each variable). The score is (Σ_k e_k p_k m_k − y Σ_k e_k p_k) / Σ_k e_k,
    # mapped back.
    n_blocks, m = panels.shape[0], panels.shape[1]
    width = lanes(panels)
    step = max(1, _CACHE // (2 * panels.itemsize * m * width))
    flat_panels, flat_rows = panels.reshape(-1), rows.reshape(-1)
    padded = rows.shape[1]
    y = np.zeros((_POINTS, m), panels.dtype)
    z = np.zeros((_POINTS, m), panels.dtype)
    squares = np.zeros(_POINTS if expanded else 0, panels.dtype)
    q = np.empty((2, step * width), panels.dtype)
    part = np.empty((2, padded), panels.dtype)
    highest = np.empty(LANES, panels.dtype)
    tops, masses = np.empty(_POINTS), np.empty(_POINTS)
    weights, gradients = np.empty(_POINTS), np.empty((_POINTS, m))
    for first in range(start, stop, _POINTS):
        count = min(_POINTS, stop - first)
        for p in range(count):
            for i in range(m):
                total = 0.0
                for j in range(m):
                    total += whiten[i, j] * (x[first + p, j] - centre[j])
                y[p, i] = total
                z[p, i] = -2.0 * y[p, i] if expanded else y[p, i]
            if expanded:
                total = 0.0
                for i in range(m):
                    total += np.float64(y[p, i]) * y[p, i]
                squares[p] = total
        for p in range(_POINTS):
            tops[p] = -np.inf
            masses[p] = 0.0
            weights[p] = 0.0
            for i in range(m):
                gradients[p, i] = 0.0
        for low in range(0, n_blocks, step):
            high = min(n_blocks, low + step)
            n = (high - low) * width
            for p in range(0, count, 2):
                # The partner of an odd last point is a point of before, whose sums are not read.
                two = squares[p : p + 2]
                _exponents(
                    panels, flat_panels, low, high, z[p], z[p + 1], two, log2c, half, q[0], q[1]
                )
                for r in range(2):
                    most = np.float64(_top(q[r], n, highest))
                    if most > tops[p + r]:
                        factor = 2.0 ** (tops[p + r] - most)
                        masses[p + r] *= factor
                        weights[p + r] *= factor
                        for i in range(m):
                            gradients[p + r, i] *= factor
                        tops[p + r] = most
                    mass, weight = _powers(q[r], n, precision, low * width, tops[p + r], single)
                    masses[p + r] += mass
                    weights[p + r] += weight
                if order >= 1:
                    _weighted_means(rows, flat_rows, low * width, n, q[0], q[1], part[0], part[1])
                    for r in range(2):
                        for i in range(m):
                            gradients[p + r, i] += part[r, i]
        for p in range(count):
            logpdf[first + p] = _LN2 * (tops[p] + math.log2(masses[p]))
            if order >= 1:
                for i in range(m):
                    gradients[p, i] = (gradients[p, i] - weights[p] * y[p, i]) / masses[p]
                for i in range(m):
                    total = 0.0
                    for j in range(m):
                        total += whiten[j, i] * gradients[p, j]
                    score[first + p, i] = total
