"""Loops of sums over a lattice of inner weights: waves at scattered points, and kinks on lines.

Complex arrays are contiguous; nothing is checked here.
"""

from __future__ import annotations

import math

from ridgeflow._kernels._jit import inline, kernel

__all__ = ["gather_box", "kinks_at_points", "kinks_on_lines", "spread_box"]


@inline
def _node_weights(position, polynomials, weight):
    """Fill the weights of the nodes around a position; return the first node."""
    place = position - 0.5 * polynomials.shape[1]
    at = math.floor(place)
    x = place - at
    for t in range(polynomials.shape[1]):
        weight[t] = polynomials[polynomials.shape[0] - 1, t]
    for term in range(polynomials.shape[0] - 2, -1, -1):
        for t in range(polynomials.shape[1]):
            weight[t] = weight[t] * x + polynomials[term, t]
    return int(at) + 1


@inline
def _inside(at, last):
    """A place on the points 0, ..., last of a line; the first for what is no number."""
    return 0.0 if not at > 0.0 else (at if at < last else float(last))


@kernel
def spread_box(start, stop, position, column, table, width, fine):
    """fine[k, n] += column[i, k] phi(n - position_i) for columns k in [start, stop).

    position (N, 3) in units of nodes; fine (K, n0, n1, n2) complex, periodic, starts at 0; width
    (3,) is 1 on axes of length 1, which a field of fewer variables leaves unused, else w.
    """
    n0, n1, n2 = fine.shape[1], fine.shape[2], fine.shape[3]
    u, v, w = table[0] * 0, table[0] * 0, table[0] * 0
    u[0], v[0] = 1.0, 1.0
    for i in range(position.shape[0]):
        x = y = 0
        if width[0] > 1:
            x = _node_weights(position[i, 0], table, u)
        if width[1] > 1:
            y = _node_weights(position[i, 1], table, v)
        z = _node_weights(position[i, 2], table, w) % n2
        inside = z + width[2] <= n2
        for k in range(start, stop):
            value = column[i, k]
            for r in range(width[0]):
                row = (x + r) % n0
                for s in range(width[1]):
                    line = (y + s) % n1
                    part = value * (u[r] * v[s])
                    if inside:
                        for t in range(width[2]):
                            fine[k, row, line, z + t] += w[t] * part
                    else:
                        for t in range(width[2]):
                            fine[k, row, line, (z + t) % n2] += w[t] * part


@kernel
def gather_box(start, stop, position, fine, table, width, out):
    """Transpose of ``spread_box``: out[i, k] for points i in [start, stop)."""
    n0, n1, n2 = fine.shape[1], fine.shape[2], fine.shape[3]
    u, v, w = table[0] * 0, table[0] * 0, table[0] * 0
    u[0], v[0] = 1.0, 1.0
    zero = fine[0, 0, 0, 0] * 0
    for i in range(start, stop):
        x = y = 0
        if width[0] > 1:
            x = _node_weights(position[i, 0], table, u)
        if width[1] > 1:
            y = _node_weights(position[i, 1], table, v)
        z = _node_weights(position[i, 2], table, w) % n2
        inside = z + width[2] <= n2
        for k in range(fine.shape[0]):
            total = zero
            for r in range(width[0]):
                row = (x + r) % n0
                for s in range(width[1]):
                    line = (y + s) % n1
                    part = zero
                    if inside:
                        for t in range(width[2]):
                            part += w[t] * fine[k, row, line, z + t]
                    else:
                        for t in range(width[2]):
                            part += w[t] * fine[k, row, line, (z + t) % n2]
                    total += (u[r] * v[s]) * part
            out[i, k] = total


@kernel
def kinks_on_lines(
    start, stop, a, lowest, db, jumps, below, axis, points, step, slack, head, differences
):
    """Sums of truncated powers (a.x - b_j)_+^d along lines of equally spaced points.

    For lines l in [start, stop), whose first point is points[l] (n_lines, m) and whose points lie
    ``step`` apart along ``axis``. Neurons: a (A, m) with a[:, axis] >= 0, offsets lowest[a] + j db,
    outer weights jumps (A, B); below (A, B + 1, d + 1) holds the coefficients in t of the sum over
    offsets below the j-th, ascending. Adds, in the index i of a point, the polynomial of the kinks
    before the line to head (n_lines, d + 1), and those on it to the differences of order d + 1,
    differences (n_lines, n + d + 1). Arguments within ``slack`` of 0 count as 0; 0^0 is 1/2.
    """
    # Along a line the argument is t + i speed at point i. Kinks with b_j <= t are polynomials on
    # all of it: their sum is in ``below``, and goes to head by powers of i. A kink at the place p
    # between points i and i + 1 is speed^d (i' - p)_+^d, whose difference of order d + 1 vanishes
    # but on the d + 1 points behind i: d + 1 numbers stand for it, whatever the line's length, and
    # one summation of order d + 1 at the end (not here) serves all neurons.
    dim, order, n_offsets = a.shape[1], below.shape[2] - 1, jumps.shape[1]
    last = differences.shape[1] - order - 2
    for j in range(a.shape[0]):
        speed = a[j, axis] * step
        for line in range(start, stop):
            t = 0.0
            for k in range(dim):
                t += a[j, k] * points[line, k]
            place = (t - lowest[j]) / db
            first = min(max(math.ceil(place - slack / db), 0), n_offsets)
            c0 = below[j, first, 0]
            if order == 0:
                head[line, 0] += c0
            elif order == 1:
                c1 = below[j, first, 1]
                head[line, 0] += c0 + c1 * t
                head[line, 1] += c1 * speed
            else:
                c1, c2 = below[j, first, 1], below[j, first, 2]
                head[line, 0] += c0 + (c1 + c2 * t) * t
                head[line, 1] += (c1 + 2 * c2 * t) * speed
                head[line, 2] += c2 * speed * speed
            if speed * last <= slack:
                if order == 0 and first < n_offsets and abs(first - place) * db <= slack:
                    head[line, 0] += 0.5 * jumps[j, first]
                continue
            ratio = db / speed
            # A kink within the slack beyond the last point counts as one at it.
            reach = math.floor(place + (last * speed + slack) / db) + 1
            end = min(max(reach, first), n_offsets)
            if order == 0:
                near = slack / speed
                for offset in range(first, end):
                    at = _inside((offset - place) * ratio, last)
                    i = int(at)
                    rest = at - i
                    jump = jumps[j, offset]
                    if near < rest < 1 - near:
                        differences[line, i + 1] += jump
                    else:
                        i += int(rest > 0.5)
                        differences[line, i] += 0.5 * jump
                        differences[line, i + 1] += 0.5 * jump
            elif order == 1:
                for offset in range(first, end):
                    at = _inside((offset - place) * ratio, last)
                    i = int(at)
                    rest = at - i
                    jump = jumps[j, offset] * speed
                    differences[line, i + 1] += jump * (1 - rest)
                    differences[line, i + 2] += jump * rest
            else:
                for offset in range(first, end):
                    at = _inside((offset - place) * ratio, last)
                    i = int(at)
                    rest = at - i
                    jump = jumps[j, offset] * speed * speed
                    differences[line, i + 1] += jump * (1 - rest) * (1 - rest)
                    differences[line, i + 2] += jump * (1 + 2 * rest * (1 - rest))
                    differences[line, i + 3] += jump * rest * rest


@kernel
def kinks_at_points(start, stop, a, lowest, db, jumps, below, points, slack, out):
    """out[i] += sums of truncated powers at points i in [start, stop); as ``kinks_on_lines``."""
    dim, order, n_offsets = a.shape[1], below.shape[2] - 1, jumps.shape[1]
    for j in range(a.shape[0]):
        for i in range(start, stop):
            t = 0.0
            for k in range(dim):
                t += a[j, k] * points[i, k]
            place = (t - lowest[j]) / db
            first = min(max(math.ceil(place - slack / db), 0), n_offsets)
            value = below[j, first, order]
            for k in range(order - 1, -1, -1):
                value = value * t + below[j, first, k]
            if order == 0 and first < n_offsets and abs(first - place) * db <= slack:
                value += 0.5 * jumps[j, first]
            out[i] += value
