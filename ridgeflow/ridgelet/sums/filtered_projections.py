"""Filtered projections of a field along the directions of a grid, and networks of one scale."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._products import product
from ridgeflow._validate import fits_in_memory, positive
from ridgeflow.geometry import uniform_ball_points
from ridgeflow.radon_transform.fourier_slices import FourierSlices
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.sums.fourier_profiles import exact_profiles

__all__ = [
    "FilteredProjections",
    "Sampled",
    "affine_size",
    "single_scale_constant",
    "trapezoid_weights",
]

# Blocks of about this many phases stay in cache.
_BLOCK = 1 << 20
# Multiplications of one pass: minutes, or less.
_MOST_WORK = 1e12
_TEST_POINTS = 400
_TEST_SEED = 11  # points at which the error of a rule is measured are the same in every run
# Share of the tolerance that either end of the offsets, or their step, may cost.
_SHARE = 0.3


def single_scale_constant(dim: int) -> float:
    return 1 / (2 * (2 * np.pi) ** (dim - 1))


def trapezoid_weights(offsets: NDArray) -> NDArray:
    rule = np.full(len(offsets), offsets[1] - offsets[0])
    rule[[0, -1]] *= 0.5
    return rule


@dataclass(frozen=True)
class Sampled:
    """Weights (U, B, C) on offsets (B,), slope (m, C) and value at the center (C,) of the neurons
    beyond them, and the measured error of the step."""

    offsets: NDArray
    values: NDArray
    slope: NDArray
    bias: NDArray
    error: float


@dataclass(frozen=True)
class FilteredProjections:
    """F = Lambda^(m-1) R f and its derivatives in p along the directions of a grid.

    ``order`` is the derivative that weighs the neurons: 1 for steps, 2 for ReLU. ``unit`` makes a
    root mean square over the ball of ``radius`` relative to the norm of the field.
    """

    slices: FourierSlices
    grid: ParameterGrid
    order: int
    radius: float
    unit: float
    tol: float

    def __call__(self, offsets: NDArray, order: int) -> NDArray[np.float64]:
        r"""(1/pi) Re int_0^band k^(m-1) (ik)^order f^(ku) e^{ikp} dk: (U, B, C).

        Offsets are symmetric about 0.
        """
        slices = self.slices
        # Gauss-Legendre panels: the filter has a kink at 0 for even m, the half line none.
        panels = int(np.ceil(slices.band * (offsets[-1] + slices.radius) / 12.0)) + 1
        node, weight = np.polynomial.legendre.leggauss(16)
        half = 0.5 * slices.band / panels
        middle = half * (2 * np.arange(panels) + 1)
        n_directions, _, components = slices.projections.shape
        upper = offsets[len(offsets) // 2 :]
        even = np.zeros((n_directions * components, len(upper)))
        odd = np.zeros_like(even)
        block = max(1, _BLOCK // (16 * max(len(upper), len(slices.offsets))))
        for start in range(0, panels, block):
            k = (middle[start : start + block, None] + half * node).ravel()
            dk = np.tile(half * weight, len(k) // 16)
            factor = dk * k ** (self.grid.dim - 1 + order) * 1j**order / np.pi
            side = np.moveaxis(slices.at(k) * factor[:, None], 2, 1).reshape(-1, len(k))
            phase = np.outer(k, upper)
            even += product(side.real, np.cos(phase))
            odd += product(side.imag, np.sin(phase))
        out = np.empty((n_directions * components, len(offsets)))
        out[:, len(offsets) // 2 :] = even - odd
        out[:, : len(upper)] = (even + odd)[:, ::-1]
        return np.moveaxis(out.reshape(n_directions, components, -1), 1, 2)

    def tail(self, reach: float) -> tuple[NDArray, NDArray]:
        """Slope (m, C) and value at the center (C,) of what neurons beyond +-reach would add."""
        ends = np.array([-reach, reach])
        left, right = np.moveaxis(self(ends, 0), 1, 0)
        weight = single_scale_constant(self.grid.dim) * self.grid.direction_weights
        bias, slope = left + right, np.zeros_like(left)
        if self.order == 2:
            d_left, d_right = np.moveaxis(self(ends, 1), 1, 0)
            bias = bias - reach * (d_right - d_left)
            slope = d_left + d_right
        return self.grid.directions.T @ (weight[:, None] * slope), weight @ bias

    def reach(self, step: float) -> float:
        """The least range of offsets, by quarters, beyond which next to nothing is left."""
        reach = self.radius
        self._require_work(reach, step)
        dim = self.grid.dim
        while (left := self.unit * affine_size(self.tail(reach), self.radius, dim)) > (
            _SHARE * self.tol
        ):
            if dim % 2 and reach > 4 * max(self.radius, self.slices.radius):
                raise ValueError(
                    f"`tol` must be above {left:.1g}, which rounding leaves beyond the field, got "
                    f"{self.tol:g}"
                )
            reach *= 1.25
            self._require_work(reach, step)
        return reach

    def covering(self, reach: float) -> float:
        """A given range of offsets, if it covers the field."""
        reach = positive(reach, "reach")
        if reach < self.radius:
            raise ValueError(
                f"`reach` must cover the radius {self.radius:.4g} of the field, got {reach:.4g} "
                "(offsets that stop inside the field cannot represent it)"
            )
        return reach

    def sampled(self, reach: float, step: float, *, fixed: bool) -> Sampled:
        """Weights on offsets whose step is ``fixed``, or refined until it costs little."""
        if step > 2 * reach:
            raise ValueError(
                f"`step` must be less than the offsets' range of {2 * reach:.4g}, got {step:g}"
            )
        rng = np.random.default_rng(_TEST_SEED)
        points = uniform_ball_points(_TEST_POINTS, self.grid.dim, self.radius, rng)
        exact = exact_profiles(self.slices, self.grid, 1.0001 * self.radius)(
            points + self.grid.center
        )
        for _ in range(6):
            self._require_work(reach, step)
            half = max(1, int(np.ceil(reach / step)))
            offsets = np.linspace(-half * step, half * step, 2 * half + 1)
            fits_in_memory(
                8.0 * len(self.grid.directions) * len(offsets) * self.slices.projections.shape[2],
                f"a spectrum of {len(self.grid.directions)} x {len(offsets)} weights",
                "raise tol or memory_budget, or give reach or step and add the tail",
            )
            values = self(offsets, self.order)
            slope, bias = self.tail(float(offsets[-1]))
            found = _broken_profiles(values, offsets, self.grid, points, self.order)
            gap = found + points @ slope + bias - exact
            error = self.unit * float(np.sqrt((gap**2).sum(axis=1).mean()))
            if fixed or error <= _SHARE * self.tol:
                break
            step *= 0.9 * (_SHARE * self.tol / error) ** (1 / self.order)
        return Sampled(offsets, values, slope, bias, error)

    def _require_work(self, reach: float, step: float) -> None:
        """Refuse offsets times wave numbers that no machine gets done with."""
        n_directions, _, components = self.slices.projections.shape
        waves = 16 * (self.slices.band * (reach + self.slices.radius) / 12 + 1)
        if not n_directions * components * waves * (reach / step) <= _MOST_WORK:
            raise ValueError(
                f"`tol` must ask for less than {2 * reach / step:.2g} offsets times {waves:.2g} "
                f"wave numbers along {n_directions} directions, got {self.tol:g} (raise it, or "
                "give `reach` and `step` and add the tail)"
            )


def affine_size(tail: tuple[NDArray, NDArray], radius: float, dim: int) -> float:
    """Root mean square over a ball of an affine function."""
    slope, bias = tail
    return float(np.sqrt((bias**2).sum() + radius**2 / (dim + 2) * (slope**2).sum()))


def _broken_profiles(
    values: NDArray, offsets: NDArray, grid: ParameterGrid, points: NDArray, order: int
) -> NDArray:
    """The network sum at points relative to the center, by running sums along each direction."""
    weight = single_scale_constant(grid.dim) * grid.direction_weights
    rule = trapezoid_weights(offsets)
    result = np.zeros((len(points), values.shape[2]))
    for u in range(len(values)):
        c = weight[u] * rule[:, None] * values[u]
        p = points @ grid.directions[u]
        before = np.searchsorted(offsets, p)
        zeroth = np.concatenate([np.zeros((1, c.shape[1])), np.cumsum(c, axis=0)])
        if order == 1:
            result += 2 * zeroth[before] - zeroth[-1]
            continue
        first = np.cumsum(offsets[:, None] * c, axis=0)
        first = np.concatenate([np.zeros((1, c.shape[1])), first])
        result += p[:, None] * (2 * zeroth[before] - zeroth[-1]) - 2 * first[before] + first[-1]
    return result
