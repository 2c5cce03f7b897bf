"""Exact line integrals of pixel and bilinear images in the plane, and their exact transpose.

A ray crosses a row of samples (along the axis that it is nearest to) in ``row ∗ footprint`` at
``s = α + βj + γi``, in steps of the other axis, ``|γ| <= 1``. Rows go through in blocks of lanes,
sheared by the whole steps of ``γi``: the taps of a ray are then the same few rows of a buffer for
all lanes, read side by side, and no lane looks anything up. With ``r = |γ|``, ``d`` the position
from a sample in [-1, 1], ``a = |d|`` and ``f₋, f₀, f₁, f₂`` samples in the direction of d, the
footprints are, free of cancellation at every angle, r → 0 included,

- pixel (box of width 1 ∗ box of width r): ``f₀ + clip(½ + (a − ½)/r, 0, 1) (f₁ − f₀)``;
- bilinear (hat ∗ hat of half-width r): ``f₀ + a (f₁ − f₀) + (r/6) [(1 − a/r)₊³ (f₋ − 2f₀ + f₁) +
  (1 − (1 − a)/r)₊³ (f₀ − 2f₁ + f₂)]``: the kinks of the linear interpolant, rounded off.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels._jit import inline, kernel
from ridgeflow._parallel import parallel_for

__all__ = ["back_project", "project"]

_CODES = {"pixel": 0, "bilinear": 1}
# Rows that are sheared together; a whole number of vector registers, few enough for the buffer
# and the samples that it is made from to stay in the cache of one core.
_LANES = 32
# Empty rows of the buffer on either side, for the taps of rays that graze the image.
_MARGIN = 4


@inline
def _shear(gamma, width, phase, shift):
    """Split ``γ i`` into whole steps, as distances in a flat block, and ``phase`` in [0, 1]."""
    low = 0
    high = 0
    for i in range(_LANES):
        move = int(np.floor(gamma * i))
        phase[i] = gamma * i - move
        shift[i] = move * width + i
        low = min(low, move)
        high = max(high, move)
    return low, high


@inline
def _rays(start, step, n_rows, n_offsets):
    """Offsets j whose taps lie in the buffer: ``2 <= floor(start + step j) + 1 < n_rows - 2``."""
    a = (1.0 - start) / step
    b = (n_rows - 3.0 - start) / step
    first = int(min(max(np.ceil(min(a, b)) - 1.0, 0.0), n_offsets))
    last = int(min(max(np.floor(max(a, b)) + 2.0, 0.0), n_offsets))
    while first < last:
        tap = np.floor(start + step * first) + 1.0
        if tap >= 2.0 and tap < n_rows - 2.0:
            break
        first += 1
    while first < last:
        tap = np.floor(start + step * (last - 1)) + 1.0
        if tap >= 2.0 and tap < n_rows - 2.0:
            break
        last -= 1
    return first, last


# Unsigned indices below: signed ones are tested for counting from the end, lane by lane.


@kernel
def _project(start, stop, source, lines, code, out):
    """out[u] += integrals of ``source`` along the rays of lines[u], u in [start, stop).

    source (blocks, _LANES + n + _LANES, _LANES), zero outside of the samples; lines (U, 5) float64:
    α, β, γ, r and the length per row; out (U, n_offsets) in the precision of source. No checks.
    """
    # Block by block and direction by direction: the rows of the block are sheared into the buffer,
    # lane i by floor(γ i) steps, so that a ray meets all lanes around one row ``tap``, at the place
    # d = tau + phase_i in [-1, 1) from it. The module's footprint, a combination of at most two
    # rows on either side, is then summed over the lanes: nothing is looked up but the side, by the
    # sign of d.
    one = source.dtype.type(1.0)
    zero = source.dtype.type(0.0)
    half = source.dtype.type(0.5)
    n_blocks, n_padded, _ = source.shape
    n_offsets = out.shape[1]
    lane_step = np.uintp(_LANES)
    buffer = np.zeros((n_padded + 2 * _MARGIN) * _LANES, source.dtype)
    phase = np.empty(_LANES, source.dtype)
    shift = np.empty(_LANES, np.intp)
    for block in range(n_blocks):
        samples = source[block].reshape(n_padded * _LANES)
        for u in range(start, stop):
            beta = lines[u, 1]
            gamma = lines[u, 2]
            ratio = lines[u, 3]
            length = source.dtype.type(lines[u, 4])
            per_ratio = source.dtype.type(1.0 / ratio)
            low, high = _shear(gamma, _LANES, phase, shift)
            n_filled = n_padded - 2 * _LANES + high - low
            n_rows = n_filled + 2 * _MARGIN
            for row in range(n_filled):
                to = np.uintp((row + _MARGIN) * _LANES)
                origin = (row - high + _LANES) * _LANES
                for i in range(_LANES):
                    buffer[to + np.uintp(i)] = samples[np.uintp(origin + shift[i])]
            buffer[(n_filled + _MARGIN) * _LANES : n_rows * _LANES] = zero
            begin = lines[u, 0] + gamma * (block * _LANES) + (high + _MARGIN)
            first, last = _rays(begin, beta, n_rows, n_offsets)
            if code == 0:
                inner = half - half * per_ratio
                for j in range(first, last):
                    position = begin + beta * j
                    tap = np.floor(position) + 1.0
                    tau = source.dtype.type(position - tap)
                    at = np.uintp(int(tap) * _LANES)
                    total = zero
                    for i in range(_LANES):
                        k = at + np.uintp(i)
                        d = tau + phase[i]
                        weight = min(one, max(zero, inner + abs(d) * per_ratio))
                        f0 = buffer[k]
                        up = buffer[k + lane_step]
                        down = buffer[k - lane_step]
                        f1 = up if d > zero else down
                        total += f0 + weight * (f1 - f0)
                    out[u, j] += length * total
            else:
                inner = one - per_ratio
                sixth = source.dtype.type(ratio / 6.0)
                for j in range(first, last):
                    position = begin + beta * j
                    tap = np.floor(position) + 1.0
                    tau = source.dtype.type(position - tap)
                    at = np.uintp(int(tap) * _LANES)
                    total = zero
                    kinks = zero
                    for i in range(_LANES):
                        k = at + np.uintp(i)
                        d = tau + phase[i]
                        a = abs(d)
                        near = max(zero, one - a * per_ratio)
                        far = max(zero, inner + a * per_ratio)
                        f0 = buffer[k]
                        up = buffer[k + lane_step]
                        down = buffer[k - lane_step]
                        up2 = buffer[k + lane_step + lane_step]
                        down2 = buffer[k - lane_step - lane_step]
                        f1 = up if d > zero else down
                        f2 = up2 if d > zero else down2
                        total += f0 + a * (f1 - f0)
                        kinks += near * near * near * (up + down - (f0 + f0))
                        kinks += far * far * far * (f0 - (f1 + f1) + f2)
                    out[u, j] += length * (total + sixth * kinks)


@kernel
def _back_project(start, stop, sinogram, lines, code, out):
    """out[block] += transpose of ``_project`` on sinogram (U, n_offsets), block in [start, stop).

    out (blocks, n, _LANES); the rest as there. No checks.
    """
    # The steps of ``_project`` backwards: every ray adds its value times the footprint's weights to
    # the rows around its tap in the sheared buffer, collected by sample instead of by ray; after
    # all rays of a direction the buffer is added to the image with the shear undone. Blocks belong
    # to one thread each, so that no sample is written by two.
    one = out.dtype.type(1.0)
    zero = out.dtype.type(0.0)
    half = out.dtype.type(0.5)
    two = out.dtype.type(2.0)
    n_directions, n_offsets = sinogram.shape
    n = out.shape[1]
    lane_step = np.uintp(_LANES)
    buffer = np.empty((n + 2 * _LANES + 2 * _MARGIN) * _LANES, out.dtype)
    phase = np.empty(_LANES, out.dtype)
    shift = np.empty(_LANES, np.intp)
    for block in range(start, stop):
        image = out[block].reshape(n * _LANES)
        for u in range(n_directions):
            beta = lines[u, 1]
            gamma = lines[u, 2]
            ratio = lines[u, 3]
            length = out.dtype.type(lines[u, 4])
            per_ratio = out.dtype.type(1.0 / ratio)
            low, high = _shear(gamma, -_LANES, phase, shift)
            n_rows = n + high - low + 2 * _MARGIN
            buffer[: n_rows * _LANES] = zero
            begin = lines[u, 0] + gamma * (block * _LANES) + (high + _MARGIN)
            first, last = _rays(begin, beta, n_rows, n_offsets)
            if code == 0:
                inner = half - half * per_ratio
                for j in range(first, last):
                    position = begin + beta * j
                    tap = np.floor(position) + 1.0
                    tau = out.dtype.type(position - tap)
                    at = np.uintp(int(tap) * _LANES)
                    y = length * sinogram[u, j]
                    for i in range(_LANES):
                        k = at + np.uintp(i)
                        d = tau + phase[i]
                        w1 = y * min(one, max(zero, inner + abs(d) * per_ratio))
                        buffer[k] += y - w1
                        buffer[k + lane_step] += w1 if d > zero else zero
                        buffer[k - lane_step] += zero if d > zero else w1
            else:
                inner = one - per_ratio
                sixth = out.dtype.type(ratio / 6.0)
                for j in range(first, last):
                    position = begin + beta * j
                    tap = np.floor(position) + 1.0
                    tau = out.dtype.type(position - tap)
                    at = np.uintp(int(tap) * _LANES)
                    y = length * sinogram[u, j]
                    z = sixth * y
                    for i in range(_LANES):
                        k = at + np.uintp(i)
                        d = tau + phase[i]
                        a = abs(d)
                        near = max(zero, one - a * per_ratio)
                        far = max(zero, inner + a * per_ratio)
                        w = z * (near * near * near)
                        w2 = z * (far * far * far)
                        ya = y * a
                        w1 = ya + w - two * w2
                        buffer[k] += y - ya - two * w + w2
                        buffer[k + lane_step] += w1 if d > zero else w
                        buffer[k - lane_step] += w if d > zero else w1
                        buffer[k + lane_step + lane_step] += w2 if d > zero else zero
                        buffer[k - lane_step - lane_step] += zero if d > zero else w2
            for row in range(n):
                to = np.uintp(row * _LANES)
                origin = (row + high + _MARGIN) * _LANES
                for i in range(_LANES):
                    image[to + np.uintp(i)] += buffer[np.uintp(origin + shift[i])]


def _lines(
    origin: NDArray,
    spacing: NDArray,
    directions: NDArray,
    p0: float,
    dp: float,
    along: int,
    least_ratio: float,
) -> NDArray:
    across = 1 - along
    step = directions[:, across] * spacing[across]
    lines = np.empty((len(directions), 5))
    lines[:, 0] = (p0 - directions @ origin) / step
    lines[:, 1] = dp / step
    lines[:, 2] = -directions[:, along] * spacing[along] / step
    lines[:, 3] = np.clip(np.abs(lines[:, 2]), least_ratio, 1.0)
    lines[:, 4] = spacing[0] * spacing[1] / np.abs(step)
    return lines


def _groups(
    origin: NDArray,
    spacing: NDArray,
    directions: NDArray,
    p0: float,
    dp: float,
    model: str,
    dtype: np.dtype,
) -> list[tuple[int, NDArray, NDArray]]:
    """Directions by the axis ``along`` whose rows their rays cross: (along, which, lines)."""
    # The profile of a pixel row jumps as r -> 0. A ray on the jump belongs half to either side:
    # this width of the jump, well above the rounding of a position, makes it so.
    eps = float(np.finfo(dtype).eps)
    least = eps if model == "bilinear" else eps**0.6
    widths = np.abs(directions) * spacing
    groups = []
    for along, mask in ((0, widths[:, 1] >= widths[:, 0]), (1, widths[:, 1] < widths[:, 0])):
        which = np.flatnonzero(mask)
        if which.size:
            lines = _lines(origin, spacing, directions[which], p0, dp, along, least)
            groups.append((along, which, lines))
    return groups


def project(
    values: NDArray,
    origin: NDArray,
    spacing: NDArray,
    directions: NDArray,
    p0: float,
    dp: float,
    n_offsets: int,
    model: str,
) -> NDArray:
    """Return ``Rf(u, p_j) = Σ_ik f_ik T_u(p_j − u·x_ik)``, ``T_u`` the integrals of one sample.

    Parameters
    ----------
    values : ndarray (n1, n2)
        float32 or float64, any layout.
    origin, spacing : ndarray (2,)
        First sample and positive distances between samples, float64.
    directions : ndarray (U, 2)
        Unit vectors, float64.
    p0, dp : float
        First offset and nonzero step: ``p_j = p0 + j dp``.
    n_offsets : int
        Number of offsets.
    model : {"pixel", "bilinear"}
        Constant on the spacing-sized cell about each sample, or its tensor product of hats.

    Returns
    -------
    ndarray (U, n_offsets)
        In the precision of ``values``. Does not depend on the number of threads. A ray along the
        common edge of two rows of pixels takes the mean of both, to about ``eps**0.4``.
    """
    # For directions of either kind the image is turned so that the rows which a ray crosses one
    # after the other are lanes side by side, filled up to whole blocks with zeros; each row is
    # padded by as many samples as a shear can move.
    out = np.zeros((len(directions), n_offsets), values.dtype)
    for along, which, lines in _groups(origin, spacing, directions, p0, dp, model, values.dtype):
        image = values.T if along == 0 else values
        n, n_along = image.shape
        n_blocks = -(-n_along // _LANES)
        padded = np.zeros((n, n_blocks * _LANES), values.dtype)
        padded[:, :n_along] = image
        source = np.zeros((n_blocks, n + 2 * _LANES, _LANES), values.dtype)
        source[:, _LANES:-_LANES] = padded.reshape(n, n_blocks, _LANES).transpose(1, 0, 2)
        part = np.zeros((len(which), n_offsets), values.dtype)
        grain = 1 + 2**16 // source.size
        parallel_for(_project, len(which), source, lines, _CODES[model], part, grain=grain)
        out[which] = part
    return out


def back_project(
    sinogram: NDArray,
    origin: NDArray,
    spacing: NDArray,
    shape: tuple[int, int],
    directions: NDArray,
    p0: float,
    dp: float,
    model: str,
) -> NDArray:
    """Return the transpose of :func:`project`: ``Σ_uj y_uj T_u(p_j − u·x_ik)``.

    Parameters
    ----------
    sinogram : ndarray (U, n_offsets)
        float32 or float64.
    shape : tuple (n1, n2)
        Of the image.
    origin, spacing, directions, p0, dp, model
        As in :func:`project`.

    Returns
    -------
    ndarray (n1, n2)
        In the precision of ``sinogram``. Does not depend on the number of threads.
    """
    out = np.zeros(shape, sinogram.dtype)
    for along, which, lines in _groups(origin, spacing, directions, p0, dp, model, sinogram.dtype):
        image = out.T if along == 0 else out
        n, n_along = image.shape
        n_blocks = -(-n_along // _LANES)
        blocks = np.zeros((n_blocks, n, _LANES), sinogram.dtype)
        part = np.ascontiguousarray(sinogram[which])
        grain = 1 + 2**16 // (len(which) * (n + sinogram.shape[1]) * _LANES)
        parallel_for(_back_project, n_blocks, part, lines, _CODES[model], blocks, grain=grain)
        image += blocks.transpose(1, 0, 2).reshape(n, n_blocks * _LANES)[:, :n_along]
    return out
