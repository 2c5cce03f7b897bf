"""Copies between a grid and blocks of its lines with the transformed axis last."""

from __future__ import annotations

from ridgeflow._kernels._jit import kernel

__all__ = ["add_block", "fill_block", "store_lines", "take_lines"]


@kernel
def fill_block(start, stop, values, strides, n, least, weights, block):
    """block[i - start, j, l] = weights[i, j] values[i s0 + j s1 + l s2] for l < n.

    values flat, strides (s0, s1, s2) in numbers; weights (n1, n2); block (K, n2, >= n). Values
    below ``least`` count as 0.
    """
    s0, s1, s2 = strides
    zero = block.dtype.type(0)
    if s2 == 1:
        for i in range(start, stop):
            for j in range(weights.shape[1]):
                at, weight = i * s0 + j * s1, weights[i, j]
                for line in range(n):
                    value = values[at + line]
                    block[i - start, j, line] = weight * (zero if abs(value) < least else value)
        return
    for line in range(n):
        for i in range(start, stop):
            at = i * s0 + line * s2
            for j in range(weights.shape[1]):
                value = values[at + j * s1]
                block[i - start, j, line] = weights[i, j] * (zero if abs(value) < least else value)


@kernel
def add_block(start, stop, block, strides, n, weights, values):
    """Transpose of ``fill_block``: values += weights block."""
    s0, s1, s2 = strides
    if s2 == 1:
        for i in range(start, stop):
            for j in range(weights.shape[1]):
                at, weight = i * s0 + j * s1, weights[i, j]
                for line in range(n):
                    values[at + line] += weight * block[i - start, j, line]
        return
    for line in range(n):
        for i in range(start, stop):
            at = i * s0 + line * s2
            for j in range(weights.shape[1]):
                values[at + j * s1] += weights[i, j] * block[i - start, j, line]


@kernel
def store_lines(start, stop, block, lines):
    """lines[l, i, j] = block[i - start, j, l], a few l at a time."""
    n = block.shape[2]
    for low in range(0, n, 8):
        high = min(low + 8, n)
        for i in range(start, stop):
            for j in range(block.shape[1]):
                for line in range(low, high):
                    lines[line, i, j] = block[i - start, j, line]


@kernel
def take_lines(start, stop, lines, block):
    """Transpose of ``store_lines``: block[i - start, j, l] = lines[l, i, j]."""
    n = block.shape[2]
    for low in range(0, n, 8):
        high = min(low + 8, n)
        for i in range(start, stop):
            for j in range(block.shape[1]):
                for line in range(low, high):
                    block[i - start, j, line] = lines[line, i, j]
