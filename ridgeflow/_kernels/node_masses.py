"""Masses of the nodes of a polar grid, summed over rows of offsets, and nodes within rows."""

from __future__ import annotations

import math

from ridgeflow._kernels._jit import inline, kernel

__all__ = ["masses_of_rows", "nodes_of_rows"]


@inline
def _size(values, node, unit, root):
    """|values[node]| / unit, or its square root."""
    total = 0.0
    for k in range(values.shape[1]):
        part = float(values[node, k]) * unit
        total += part * part
    size = math.sqrt(total)
    return math.sqrt(size) if root else size


@kernel
def masses_of_rows(start, stop, values, ends, unit, root, out):
    """out[r] = sum of |values[i]| unit over the nodes i of row r, or of its square roots.

    values (P, k) real; the nodes of row r lie between ends[r] and ends[r + 1].
    """
    for row in range(start, stop):
        total = 0.0
        for node in range(ends[row], ends[row + 1]):
            total += _size(values, node, unit, root)
        out[row] = total


@kernel
def nodes_of_rows(start, stop, values, ends, unit, root, rows, places, out):
    """out[j] = node of row rows[j], from its first, below which a share places[j] of its mass lies.

    A node without mass is taken only in a row without any.
    """
    for j in range(start, stop):
        first, last = ends[rows[j]], ends[rows[j] + 1]
        total = 0.0
        for node in range(first, last):
            total += _size(values, node, unit, root)
        target, below, found = places[j] * total, 0.0, 0
        for node in range(first, last):
            mass = _size(values, node, unit, root)
            below += mass
            if mass > 0.0:
                found = node - first
                if below > target:
                    break
        out[j] = found
