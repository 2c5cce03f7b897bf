"""The transport problem between two sets of weighted atoms, by the network simplex method.

Only comparisons of numbers of the same kind decide, so the plan does not depend on the unit of the
costs or on how far outliers lie: potentials are sums of two doubles, which keep what the distance
of far clusters would swallow. Flows carry the integer multiple of a perturbation too small to
write down, which orders equal ones, so that steps of length zero cannot go in circles.
"""

from __future__ import annotations

import numpy as np

from ridgeflow._kernels._jit import compiled

__all__ = ["optimal_plan"]

# Sums of floating-point numbers are split into value and rounding, which reordering would undo.
_STRICT: dict[str, bool] = {"fastmath": False}
_EPS = 2.220446049250313e-16
# Flows that differ by less are equal: the weights sum to one.
_TIE = 1e-15


def _strict(function):  # type: ignore[no-untyped-def]
    return compiled(function, **_STRICT)


@_strict
def _two_sum(a, b):
    s = a + b
    z = s - a
    return s, (a - (s - z)) + (b - z)


@_strict
def _reduced(c, u, u_low, v, v_low):
    """c - u - v to twice the digits of a double."""
    s, e = _two_sum(c, -u)
    s, f = _two_sum(s, -v)
    return s + ((e + f) - u_low - v_low)


@_strict
def _link(node, above, parent, first, after, before):
    parent[node] = above
    if above < 0:
        after[node], before[node] = -1, -1
        return
    head = first[above]
    after[node], before[node] = head, -1
    if head >= 0:
        before[head] = node
    first[above] = node


@_strict
def _unlink(node, parent, first, after, before):
    if parent[node] < 0:
        return
    left, right = before[node], after[node]
    if left >= 0:
        after[left] = right
    else:
        first[parent[node]] = right
    if right >= 0:
        before[right] = left


@_strict
def _turn(node, last, above, carried, carried_tilt, parent, first, after, before, flow, tilt):
    """Hang `node` below `above`, with the flow given, and its ancestors up to `last` below it."""
    while True:
        upward, own, own_tilt = parent[node], flow[node], tilt[node]
        _unlink(node, parent, first, after, before)
        _link(node, above, parent, first, after, before)
        flow[node], tilt[node] = carried, carried_tilt
        if node == last:
            return
        carried, carried_tilt = own, own_tilt
        node, above = upward, node


@_strict
def _settle(top, cost, parent, first, after, depth, value, low, stack):
    """Depths and potentials of all nodes below and at `top`, from those of its parent."""
    n = cost.shape[0]
    stack[0], size = top, 1
    if parent[top] < 0:
        depth[top], value[top], low[top] = 0, 0.0, 0.0
    while size:
        size -= 1
        node = stack[size]
        above = parent[node]
        if above >= 0:
            depth[node] = depth[above] + 1
            c = cost[node, above - n] if node < n else cost[above, node - n]
            s, e = _two_sum(c, -value[above])
            value[node], low[node] = _two_sum(s, e - low[above])
        child = first[node]
        while child >= 0:
            stack[size] = child
            size += 1
            child = after[child]


@_strict
def _entering(cost, value, low, at, block):
    """The cell of the most negative reduced cost in the first block of rows that has one."""
    n, k = cost.shape
    best, row, column, seen = 0.0, -1, -1, 0
    for step in range(n):
        i = at + step
        if i >= n:
            i -= n
        u, u_low = value[i], low[i]
        for j in range(k):
            c, v = cost[i, j], value[n + j]
            rough = c - u - v
            # Most cells are far from the edge: their sign needs no more digits.
            if rough > 4.0 * _EPS * (abs(u) + abs(v)) + best:
                continue
            exact = _reduced(c, u, u_low, v, low[n + j])
            noise = 4.0 * _EPS * (c + _EPS * (abs(u) + abs(v)))
            if exact < best and exact < -noise:
                best, row, column = exact, i, j
        seen += k
        if seen >= block and row >= 0:
            break
    return row, column


@_strict
def _corner(v, w, parent, first, after, before, flow, tilt):
    """The plan that fills cells from the first, a tree; positive when the perturbation counts."""
    n, k = len(v), len(w)
    i, j = 0, 0
    left, need = v[0], w[0]
    left_tilt, need_tilt = 1, 0 if k > 1 else n
    parent[0] = -1
    while True:
        # The node that is reached last hangs below the other.
        fresh = n + j if parent[n + j] < 0 else i
        if fresh == n + j:
            _link(n + j, i, parent, first, after, before)
        else:
            _link(i, n + j, parent, first, after, before)
        if i == n - 1 and j == k - 1:
            flow[fresh], tilt[fresh] = max(left, 0.0), left_tilt
            return
        gap = left - need
        smaller = gap < -_TIE or (gap <= _TIE and left_tilt < need_tilt)
        if (smaller and i < n - 1) or j == k - 1:
            flow[fresh], tilt[fresh] = left, left_tilt
            need, need_tilt = max(need - left, 0.0), need_tilt - left_tilt
            i += 1
            left, left_tilt = v[i], 1
        else:
            flow[fresh], tilt[fresh] = need, need_tilt
            left, left_tilt = max(left - need, 0.0), left_tilt - need_tilt
            j += 1
            need, need_tilt = w[j], 0 if j < k - 1 else n


@_strict
def optimal_plan(cost, v, w, most, flow, parent):
    """The tree of an optimal plan from n rows to k columns; returns the steps taken, or -1.

    cost (n, k) not negative, neighbours in it near each other; v (n,), w (k,) positive, of equal
    sums. parent (n + k,) <- the node
    above each, rows before columns, -1 at the root; flow (n + k,) <- what moves between a node and
    the one above it. -1 after `most` steps. No checks, no aliasing.
    """
    # Network simplex: the cells in use form a spanning tree of rows and columns, on which
    # potentials have u_i + v_j = c_ij. A cell with c_ij < u_i + v_j enters and closes a cycle,
    # along which flows fall and rise by turns. The least that falls, at ``cut``, leaves; the others
    # move by it. The part cut off hangs from the entering cell then, with new potentials. With no
    # such cell the plan is optimal.
    n, k = cost.shape
    size = n + k
    first, after, before = np.full(size, -1), np.full(size, -1), np.full(size, -1)
    depth, stack, tilt = (
        np.zeros(size, np.int64),
        np.empty(size, np.int64),
        np.zeros(size, np.int64),
    )
    value, low = np.zeros(size), np.zeros(size)
    parent[:] = -1
    _corner(v, w, parent, first, after, before, flow, tilt)
    # Potentials are large where the root is far: it should not be an outlier.
    _turn(n // 2, 0, -1, 0.0, 0, parent, first, after, before, flow, tilt)
    _settle(n // 2, cost, parent, first, after, depth, value, low, stack)
    block = max(k, int(np.sqrt(float(n) * k)))
    at = 0
    for step in range(most):
        row, column = _entering(cost, value, low, at, block)
        if row < 0:
            return step
        at = row
        # Around the cycle: up from the column, and down to the row.
        up, down = n + column, row
        cut, least, least_tilt, below_row = -1, np.inf, 0, False
        while up != down:
            if depth[up] >= depth[down]:
                node, loses, side = up, up >= n, False
                up = parent[up]
            else:
                node, loses, side = down, down < n, True
                down = parent[down]
            if loses:
                gap = flow[node] - least
                if gap < -_TIE or (gap <= _TIE and tilt[node] < least_tilt):
                    cut, least, least_tilt, below_row = node, flow[node], tilt[node], side
        moved = max(least, 0.0)
        up, down = n + column, row
        while up != down:
            if depth[up] >= depth[down]:
                sign = -1 if up >= n else 1
                flow[up] += sign * moved
                tilt[up] += sign * least_tilt
                up = parent[up]
            else:
                sign = -1 if down < n else 1
                flow[down] += sign * moved
                tilt[down] += sign * least_tilt
                down = parent[down]
        # What hung below the cut is turned over and hangs below the new cell.
        top, above = (row, n + column) if below_row else (n + column, row)
        _turn(top, cut, above, moved, least_tilt, parent, first, after, before, flow, tilt)
        _settle(top, cost, parent, first, after, depth, value, low, stack)
    return -1
