r"""Reconstructions far from the ball of a grid, at a cost that does not depend on how far.

A profile :math:`g_u(p)` is a sum over scales, and a neuron of scale :math:`\rho` is seen as far as
its offsets and the response of the ridgelet to the activation reach, :math:`|p| \le
(\text{offsets} + \text{response})/\rho`: beyond, the ridgelet has annihilated all that is left of
the activation. So far points are summed over groups of neighbouring scales, each with profiles as
long as their own reach, which cost the same for every group, and vanish beyond.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory
from ridgeflow.profiles.activation import Activation
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.radon_transform.fourier_slices import FourierSlices
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.grids.transfer import response_radius
from ridgeflow.ridgelet.sums.fourier_profiles import (
    exact_profiles,
    point_mass_amplitudes,
    spectrum_profiles,
)

__all__ = ["distances", "evaluate", "exact_sums", "far_sums", "radius_for", "require_phase"]

# Points beyond this many radii of the ball are far: up to there one profile of all scales does.
_NEAR = 32.0
# Scales whose reach differs by at most this factor share a profile.
_GROUP = 8.0
# Beyond this many times the shortest reach only the direction of a point counts.
_FARTHEST = 1e250
# A profile of slices is followed to this many radii of the field, then read off its tail.
_FAR_OF_EXACT = 8.0
# Phases are known to this at the least.
_LOST_PHASE = 1e-3
# Numbers that are held at a time.
_BLOCK = 1 << 20


def distances(spectrum: NodeValues, x: NDArray) -> NDArray[np.float64]:
    """Distances of points from the grid's center, whatever their size."""
    with np.errstate(over="ignore"):
        apart = _lengths(np.asarray(x, np.float64) - spectrum.grid.center)
    if not np.isfinite(apart).all():
        raise ValueError(
            "`points` must lie at a distance from the grid's center that float64 can hold, got "
            f"one at {float(np.abs(x).max()):.3g}"
        )
    return apart


def _lengths(offset: NDArray) -> NDArray[np.float64]:
    size = np.abs(offset).max(axis=1)
    finite = np.where((size > 0) & np.isfinite(size), size, 1.0)
    return size * np.linalg.norm(offset / finite[:, None], axis=1)


def radius_for(spectrum: NodeValues, farthest: float) -> float:
    """Radius about the center within which profiles are needed."""
    return 1.0001 * max(farthest, 1e-3 * spectrum.grid.radius)


def evaluate(
    spectrum: NodeValues,
    activation: Activation,
    x: NDArray,
    corrected: CorrectedDual | None,
    *,
    gradient: bool = False,
) -> NDArray[np.float64]:
    """The reconstruction (n, C) in real columns, or its gradient (n, m, C), at any points."""
    components = spectrum.values[0].size * (2 if np.iscomplexobj(spectrum.values) else 1)
    columns = 2 * components * (x.shape[1] if gradient else 1)
    fits_in_memory(
        8.0 * len(x) * (3 * x.shape[1] + 3 + columns) + 8.0 * spectrum.grid.size * components,
        f"the reconstruction at {len(x)} points",
        "reconstruct at fewer points at a time, or raise memory_budget",
    )
    apart = distances(spectrum, x)
    far = apart > _NEAR * spectrum.grid.radius
    near = ~far
    out: NDArray[np.float64] | None = None
    for chosen, is_far in ((near, False), (far, True)):
        if not chosen.any():
            continue
        points = x if chosen.all() else x[chosen]
        farthest = float(apart[chosen].max())
        if not is_far:
            radius = radius_for(spectrum, farthest)
            pieces = spectrum_profiles(spectrum, activation, radius, corrected=corrected)
            found = _sum(pieces, points, gradient)
        elif activation.point_masses:
            found = _waves(spectrum, activation, points, corrected, gradient)
        else:
            found = far_sums(spectrum, activation, points, corrected, gradient=gradient)
        if out is None:
            out = np.empty((len(x), *found.shape[1:]))
        out[chosen] = found
    assert out is not None
    return out


def exact_sums(slices: FourierSlices, grid: ParameterGrid, x: NDArray) -> NDArray[np.float64]:
    r"""Filtered backprojection of slices (n, C) at points relative to the grid's center.

    Far from the field, for even m, a profile is its tail
    :math:`\frac{(-1)^{m/2}(m-1)!}{\pi} \int \frac{g_u(q)}{(p - q)^m}\,dq`, g the projection;
    for odd m it is 0.
    """
    limit = _FAR_OF_EXACT * slices.radius
    apart = _lengths(x)
    if float(apart.max()) <= limit:
        return exact_profiles(slices, grid, 1.0001 * max(float(apart.max()), 1e-3 * grid.radius))(
            x + grid.center
        )
    out = exact_profiles(slices, grid, limit).ending()(x + grid.center)
    if grid.dim % 2:
        return out
    sign = (-1.0) ** (grid.dim // 2) * math.factorial(grid.dim - 1) / np.pi
    weight = sign * grid.direction_weights / (2 * np.pi) ** (grid.dim - 1) * slices.spacing
    n_offsets = len(slices.offsets)
    rows = max(1, _BLOCK // n_offsets)
    for u, w, projection in zip(grid.directions, weight, slices.projections, strict=True):
        place = product(x, u)
        for beyond in np.array_split(np.flatnonzero(np.abs(place) > limit), max(1, len(x) // rows)):
            # Divided by the place: powers of a distance would leave the range of float64.
            ratio = 1 / (1 - slices.offsets / place[beyond, None])
            out[beyond] += (
                w * product(ratio**grid.dim, projection) * ((1 / place[beyond, None]) ** grid.dim)
            )
    return out


def _sum(pieces: Iterator[Backprojection], points: NDArray, gradient: bool) -> NDArray:
    total: NDArray | None = None
    for piece in pieces:
        part = piece.with_gradient(points)[1] if gradient else piece(points)
        total = part if total is None else total + part
    assert total is not None
    return total


def far_sums(
    spectrum: NodeValues,
    activation: Activation,
    points: NDArray,
    corrected: CorrectedDual | None = None,
    *,
    gradient: bool = False,
    constant: float | None = None,
) -> NDArray[np.float64]:
    """Sums over groups of scales, each with profiles that vanish beyond their reach.

    ``constant`` instead of K divides the result.
    """
    grid = spectrum.grid
    apart = distances(spectrum, points)
    response = response_radius(activation, spectrum.ridgelet)
    response += 0.0 if corrected is None else corrected.reach
    reach = (grid.half_counts * grid.step + response) / grid.scales
    limit = min(1e300, _FARTHEST * float(reach.min()))
    # A point farther than that lies in the same direction, out of reach of the same neurons.
    shrink = np.minimum(1.0, limit / apart)
    points = grid.center + (points - grid.center) * shrink[:, None]
    farthest = float((apart * shrink).max())
    nearest = _nearest(grid, points)
    total: NDArray | None = None
    stop = len(reach)
    while stop > 0:
        start = stop - 1
        while start > 0 and reach[start - 1] <= _GROUP * reach[stop - 1]:
            start -= 1
        radius, group = float(reach[start]), slice(start, stop)
        stop = start
        if radius < nearest:
            continue
        whole = radius_for(spectrum, farthest) <= radius
        if whole:
            radius = radius_for(spectrum, farthest)
        pieces = spectrum_profiles(
            spectrum,
            activation,
            radius,
            corrected=corrected,
            scales=group,
            constant=constant,
        )
        part = _sum((p if whole else p.ending() for p in pieces), points, gradient)
        total = part if total is None else total + part
    if total is None:
        columns = int(np.prod(spectrum.component_shape, dtype=int))
        columns *= 2 if np.iscomplexobj(spectrum.values) else 1
        between = (grid.dim,) if gradient else ()
        return np.zeros((len(points), *between, columns))
    return total


def _nearest(grid: ParameterGrid, points: NDArray) -> float:
    """The least distance from the center along any direction."""
    rows = max(1, _BLOCK // len(grid.directions))
    least = [
        float(np.abs((points[low : low + rows] - grid.center) @ grid.directions.T).min())
        for low in range(0, len(points), rows)
    ]
    return min(least)


def require_phase(spectrum: NodeValues, activation: Activation, points: NDArray) -> None:
    """Refuse points at which rounding leaves nothing of the phase of a single frequency."""
    if not activation.point_masses or spectrum.grid.kind != "polar":
        return
    limit = _LOST_PHASE / (np.finfo(np.float64).eps * float(spectrum.grid.scales[-1]))
    farthest = float(distances(spectrum, points).max())
    if farthest > limit:
        raise ValueError(
            f"`points` must lie within {limit:.3g} of the grid's center for {activation.name!r}, "
            f"whose phase is lost in rounding beyond, got one at {farthest:.3g}"
        )


def _waves(
    spectrum: NodeValues,
    activation: Activation,
    points: NDArray,
    corrected: CorrectedDual | None,
    gradient: bool,
) -> NDArray:
    """Waves of single frequencies, which do not decay, added up one by one: (n, C)."""
    grid = spectrum.grid
    require_phase(spectrum, activation, points)
    every, weight = slice(None), grid.direction_weights[:, None]
    amplitudes = [
        weight * point_mass_amplitudes(spectrum, activation, s, corrected, every)
        for s in range(len(grid.scales))
    ]
    components = amplitudes[0].shape[1]
    shape = (len(points), grid.dim, components) if gradient else (len(points), components)
    out = np.zeros(shape)
    rows = max(1, _BLOCK // len(grid.directions))
    for low in range(0, len(points), rows):
        part = slice(low, low + rows)
        place = product(points[part] - grid.center, grid.directions.T)
        for rho, amplitude in zip(grid.scales, amplitudes, strict=True):
            phase = rho * place
            cosine, sine = np.cos(phase), np.sin(phase)
            if not gradient:
                out[part] += product(cosine, amplitude.real) - product(sine, amplitude.imag)
                continue
            for axis in range(grid.dim):
                along = rho * grid.directions[:, axis, None] * amplitude
                out[part, axis] -= product(sine, along.real) + product(cosine, along.imag)
    return out
