"""Sums of ridge functions ``Σ_j c_j η(a_j·x_i − b_j)``, gradients, correlations, feature slabs.

Points and neurons are packed for the kernels slab by slab, so that beside the arguments and the
result only a few megabytes are held. Arrays come in validated, all of one precision; nothing is
checked here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.activations import FAR, PERIODIC, SLOPES
from ridgeflow._kernels.neurons import (
    ROWS,
    activate,
    activate_and_add,
    block_width,
    neuron_sums,
    neuron_values,
    pack,
    plane_sums,
    tile_blocks,
)
from ridgeflow._parallel import parallel_for

__all__ = ["ridge_correlation", "ridge_features", "ridge_sum", "ridge_sum_gradient"]

# Numbers of a packed slab, and of one of weights.
_SLAB = 2**23
# From so many sums on, they are taken as products of blocks.
_MANY = 9
# Pairs of a point and a neuron that are worth a thread.
_GRAIN = 2**16
_LINEAR, _RELU = 0, 1


def ridge_sum(
    x: NDArray, a: NDArray, b: NDArray, c: NDArray, code: int, *, out: NDArray | None = None
) -> NDArray:
    """Return ``Σ_j c_jk η(a_j·x_i − b_j)``.

    Parameters
    ----------
    x, a, b, c : ndarray
        Points (n, m), weights (P, m), offsets (P,), outer weights (P, k); finite, all float32 or
        all float64.
    code : int
        Kernel code of the activation, >= 0.
    out : ndarray (n, k), optional
        C-contiguous array of the same precision for the result.

    Returns
    -------
    ndarray (n, k)
        In the precision of the arguments. Does not depend on the number of threads.
    """
    if out is None:
        out = np.empty((len(x), c.shape[1]), x.dtype)
    out[:] = 0
    if code == _LINEAR:
        _linear(x, a, b, c, out)
    elif out.size and len(b):
        _sum(_Points(x), _Neurons(a, b), c, code, _periodic_far(x, a, b, code), out)
    return out


def ridge_sum_gradient(
    x: NDArray, a: NDArray, b: NDArray, c: NDArray, code: int, *, out: NDArray | None = None
) -> NDArray:
    """Return the gradient (n, m, k) of :func:`ridge_sum` in x.

    ``gradient[i, d, k] = Σ_j c_jk a_jd η'(a_j·x_i − b_j)``; at a kink η' is the mean of its sides,
    and the point masses in the slope of the step function are left out.
    """
    (n, dim), n_out = x.shape, c.shape[1]
    gradient = np.empty((n, dim, n_out), x.dtype) if out is None else out
    gradient[:] = 0
    slope, factor = SLOPES[code]
    if not gradient.size or not len(b) or factor == 0.0:
        return gradient
    far = _periodic_far(x, a, b, slope)
    group = max(1, _SLAB // (len(b) * dim))
    for low in range(0, n_out, group):
        some = x.dtype.type(factor) * c[:, low : low + group]
        weights = (a[:, :, None] * some[:, None, :]).reshape(len(b), -1)
        whole = some.shape[1] == n_out
        part = gradient.reshape(n, -1) if whole else np.zeros((n, weights.shape[1]), x.dtype)
        _sum(_Points(x), _Neurons(a, b), weights, slope, far, part)
        if not whole:
            gradient[:, :, low : low + group] = part.reshape(n, dim, -1)
    return gradient


def ridge_correlation(
    x: NDArray, a: NDArray, b: NDArray, r: NDArray, code: int, *, out: NDArray | None = None
) -> NDArray:
    """Return ``Σ_i r_ik η(a_j·x_i − b_j)`` (P, k), the transpose of the sum, for r (n, k)."""
    if out is None:
        out = np.empty((len(b), r.shape[1]), x.dtype)
    out[:] = 0
    if code == _LINEAR:
        _linear(np.column_stack([a, b]), np.column_stack([x, -np.ones_like(x[:, 0])]), None, r, out)
    elif out.size and len(x):
        _sum(_Neurons(a, b), _Points(x), r, code, _periodic_far(x, a, b, code), out)
    return out


def ridge_features(x: NDArray, a: NDArray, b: NDArray, code: int) -> NDArray:
    """Return the whole slab ``Φ_ij = η(a_j·x_i − b_j)``, shape (n, P)."""
    out = np.empty((len(x), len(b)), x.dtype)
    points, neurons = _Points(x), _Neurons(a, b)
    far = _periodic_far(x, a, b, code)
    kernel, function = neuron_values(), activate(code, x.dtype)
    step, grain = tile_blocks(points.depth, x.dtype), _grain(len(b))
    for lanes in neurons.slabs():
        blocks, count = neurons.blocks(lanes), lanes.stop - lanes.start
        for rows in points.slabs():
            part = points.rows(rows)
            arguments = (step, code, function, far, part, blocks, lanes.start, count, out[rows])
            parallel_for(kernel, len(part), *arguments, grain=grain)
    return out


class _Side:
    """Points or neurons, as rows or as lanes of products of length ``depth``."""

    def __init__(self, first: NDArray | float, rest: NDArray) -> None:
        self.first, self.rest = first, rest
        self.depth = rest.shape[1] + 1
        self.size = len(rest)

    def slabs(self) -> Iterator[slice]:
        """Parts that are packed at a time."""
        step = max(block_width(self.rest.dtype), _SLAB // self.depth)
        for start in range(0, self.size, step):
            yield slice(start, min(start + step, self.size))

    def column(self, part: slice) -> NDArray:
        """The first numbers of the products, of a part."""
        return np.broadcast_to(self.first, self.size)[part].astype(self.rest.dtype)

    def rows(self, part: slice) -> NDArray:
        """The part as rows, packed in groups."""
        return self._packed(part, -(-(part.stop - part.start) // ROWS), ROWS)

    def blocks(self, part: slice) -> NDArray:
        """The part as lanes, packed as blocks, zeros in what is left of the last two."""
        width = block_width(self.rest.dtype)
        return self._packed(part, -(-(part.stop - part.start) // (2 * width)) * 2, width)

    def _packed(self, part: slice, groups: int, width: int) -> NDArray:
        packed = _aligned((groups, self.depth, width), self.rest.dtype)
        grain = 1 + _GRAIN // (width * self.depth)
        parallel_for(pack, groups, self.column(part), self.rest[part], packed, grain=grain)
        return packed


class _Points(_Side):
    def __init__(self, x: NDArray) -> None:
        super().__init__(1.0, x)


class _Neurons(_Side):
    def __init__(self, a: NDArray, b: NDArray) -> None:
        super().__init__(-b, a)


def _sum(one: _Side, other: _Side, weights: NDArray, code: int, far: float, out: NDArray) -> None:
    """Add ``Σ_j weights[j, k] η(one_i·other_j)`` to out (n, k), C-contiguous."""
    single = out.shape[1] == 1 and far == 0.0
    in_plane = code == _RELU and single and one.depth <= 3 and np.isfinite(weights).all()
    for lanes in other.slabs():
        grain = _grain(lanes.stop - lanes.start)
        if in_plane:
            _relu_in_the_plane(one, other, lanes, weights[lanes, 0], out[:, 0], grain)
            continue
        blocks = other.blocks(lanes)
        step = tile_blocks(one.depth, out.dtype)
        packed, panels = _packed(weights[lanes], blocks.shape[0], step)
        for rows in one.slabs():
            part = one.rows(rows)
            function = (activate_and_add if single else activate)(code, out.dtype)
            arguments = (step, part, blocks, code, function, far, packed, panels, out[rows])
            parallel_for(neuron_sums(), len(part), *arguments, grain=grain)


def _packed(weights: NDArray, n_blocks: int, step: int) -> tuple[NDArray, NDArray]:
    """Weights (lanes, k) as (k, lanes), or from ``_MANY`` sums on as panels; the other is empty."""
    n_lanes, n_out = weights.shape
    width = block_width(weights.dtype)
    none = np.zeros((0, 0, 0, 0), weights.dtype)
    if n_out < _MANY:
        packed = _aligned((n_out, n_blocks * width), weights.dtype)
        packed[:, :n_lanes] = weights.T
        packed[:, n_lanes:] = 0
        return packed, none
    tile, tiles, groups = step * width, -(-n_blocks // step), -(-n_out // width)
    panels = _aligned((tiles, groups, tile, width), weights.dtype)
    panels[:] = 0
    for i in range(tiles):
        part = weights[i * tile : (i + 1) * tile]
        for g in range(groups):
            some = part[:, g * width : (g + 1) * width]
            panels[i, g, : some.shape[0], : some.shape[1]] = some
    return np.zeros((0, 0), weights.dtype), panels


def _relu_in_the_plane(
    one: _Side, other: _Side, lanes: slice, weights: NDArray, out: NDArray, grain: int
) -> None:
    # ReLU is homogeneous: weights scale its argument, all but their signs. A power of two keeps
    # them below 1.
    largest = float(np.abs(weights).max())
    if largest == 0.0:
        return
    scale = 2.0 ** min(np.ceil(np.log2(largest)), np.finfo(weights.dtype).maxexp - 1)
    order = np.argsort(weights < 0, kind="stable")
    split = int(np.count_nonzero(weights >= 0))
    columns = np.zeros((3, len(weights)), weights.dtype)
    factor = (np.abs(weights) / weights.dtype.type(scale))[order]
    np.multiply(other.column(lanes)[order], factor, out=columns[0])
    np.multiply(other.rest[lanes][order].T, factor, out=columns[1 : other.depth])
    kernel = plane_sums(isinstance(one, _Points))
    for part in one.slabs():
        rows = np.zeros((part.stop - part.start, 3), weights.dtype)
        rows[:, 0], rows[:, 1 : one.depth] = one.column(part), one.rest[part]
        parallel_for(kernel, len(rows), rows, columns, split, scale, out[part], grain=grain)


def _linear(x: NDArray, a: NDArray, b: NDArray | None, c: NDArray, out: NDArray) -> None:
    """out = x·(Σ_j a_j c_jk) − Σ_j b_j c_jk, the moments in float64."""
    with np.errstate(over="ignore", invalid="ignore"):
        np.matmul(x, np.matmul(a.T, c, dtype=np.float64).astype(x.dtype), out=out)
        if b is not None:
            out -= np.matmul(b, c, dtype=np.float64).astype(x.dtype)


def _periodic_far(x: NDArray, a: NDArray, b: NDArray, code: int) -> float:
    """How far out the fast reduction of cos and sin ends; 0 where no argument reaches it."""
    if code not in PERIODIC or not (len(x) and len(b)):
        return 0.0
    bound = float(np.abs(x).max(axis=0) @ np.abs(a).max(axis=0) + np.abs(b).max())
    far = FAR[x.dtype == np.float32]
    return 0.0 if bound <= far else far


def _grain(width: int) -> int:
    """Groups of rows that are worth a thread."""
    return 1 + _GRAIN // max(1, ROWS * width)


def _aligned(shape: tuple[int, ...], dtype: Any) -> NDArray:
    """An empty array that starts at a cache line."""
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    raw = np.empty(size + 64, np.uint8)
    start = -raw.ctypes.data % 64
    return raw[start : start + size].view(dtype).reshape(shape)
