r"""Ridgelet transforms and network sums on Cartesian parameter grids, without nodes times samples.

A smooth function of :math:`z = a\cdot x - b` is a short sum of waves over the range that z takes,

.. math:: g(z) = \mathrm{Re}\sum_l G_l e^{i\omega_l z},\qquad
          \sum_i f_i\, g(a\cdot x_i - b)
          = \mathrm{Re}\sum_l G_l e^{-i\omega_l b} \sum_i f_i e^{i\omega_l a\cdot x_i},

and at every frequency the inner sum for all a at once is one transform onto the lattice of a; the
network sum is its transpose. Activations with a kink have no short sum of waves: their sums are
piecewise polynomials, which are added up exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft
from scipy.linalg.blas import dgemm
from scipy.special import erf

from ridgeflow._config import get_config
from ridgeflow._validate import fits_in_memory, uniform_axis
from ridgeflow.columns import real_columns
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.sums.kink_sums import kink_degree, kink_sum, kink_sum_cost
from ridgeflow.ridgelet.sums.lattice_waves import (
    FoldedAxis,
    ProductPoints,
    ScatteredWaves,
    TensorWaves,
    fold,
    is_uniform,
    unfold,
)

Waves = TensorWaves | ScatteredWaves

__all__ = [
    "Lattice",
    "RidgeWaves",
    "far_from_lattice",
    "has_lattice",
    "lattice_dual",
    "lattice_sum",
    "lattice_transform",
    "ridge_waves",
    "takes_lattice",
    "transform_pays",
]

# Waves stand for the activation to this share of its maximum, the rounding of their own transform.
_TOL = 1e-14
# Points for which a.x goes beyond this are summed directly: waves would go on as far.
_REACH = 2.0**16
# Over this many units of z a function that does not decay is led back to its beginning.
_SEAM = 16.0
# Profiles are sampled at most this finely in search of their highest frequency.
_FINEST = 1 / 256
# Frequencies are taken in slabs of at most this many, and this share of the memory budget.
_SLAB, _SHARE = 128, 1 / 8
# Direct sums cost this many operations for each node and point, in units of one in a matrix
# product, as measured for compiled loops over ridgelets and over smooth activations.
_DIRECT_TRANSFORM, _DIRECT_SUM = 20.0, 8.0


@dataclass(frozen=True)
class RidgeWaves:
    r"""A function of one variable, :math:`g(z) = \mathrm{Re}\sum_l G_l e^{i\omega_l z}`."""

    omega: NDArray[np.float64]
    amplitude: NDArray[np.complex128]

    def __call__(self, z: NDArray) -> NDArray[np.float64]:
        phase = np.multiply.outer(z, self.omega)
        return np.cos(phase) @ self.amplitude.real - np.sin(phase) @ self.amplitude.imag


def ridge_waves(
    profile: Callable[[NDArray], NDArray], low: float, high: float, tol: float
) -> RidgeWaves:
    """Waves that stand for a smooth profile on [low, high], to ``tol`` of its maximum.

    A profile that decays is repeated with a period that keeps its copies off the interval; any
    other is led smoothly from its values beyond one end to those before the other. O(n log n) for
    an interval of n wave lengths.
    """
    far = max(abs(low), abs(high), 1.0)
    # Samples of the profile, their transform and what is computed on the way.
    fits_in_memory(
        8.0 * 8 * 32 * (far + 2 * _SEAM),
        f"a profile on [{low:.3g}, {high:.3g}] as a sum of waves",
        "take nodes and points closer to 0, or method='direct', or raise memory_budget",
    )
    z = np.arange(-(far + 2 * _SEAM), far + 2 * _SEAM, 1 / 16)
    size = np.abs(profile(z))
    peak = float(size.max())
    if peak == 0:
        return RidgeWaves(np.zeros(1), np.zeros(1, complex))
    large = np.abs(z[size > tol * peak])
    reach = float(large.max()) + 0.125
    period, seam = max(far, reach) + reach, False
    if high - low + _SEAM < period:
        period, seam = high - low + _SEAM, True
    start = low if seam else -0.5 * period
    n = sp_fft.next_fast_len(max(64, int(4 * period)), real=True)
    while True:
        z = start + period * np.arange(n) / n
        values = profile(z)
        if seam:
            # erf(6) is 1 to rounding: the seam is as smooth as the profile in its frequencies.
            share = 0.5 * (1 + erf(12 * np.clip((z - high) / _SEAM, 0, 1) - 6))
            values = values * (1 - share) + profile(z - period) * share
        omega = 2 * np.pi / period * np.arange(n // 2 + 1)
        wave = sp_fft.rfft(values) * (np.exp(-1j * omega * start) * (2 / n))
        wave[0] *= 0.5
        # What rounding leaves at the highest frequencies is no part of the profile.
        level = max(tol, 4e-16) * peak
        top = len(wave) - len(wave) // 8
        if np.abs(wave[top:]).max() < level and np.abs(wave[top:]).sum() < 4e2 * level:
            break
        n *= 2
        if period / n < _FINEST:
            raise ConvergenceError(
                f"`profile` must be smooth to be a sum of waves, got frequencies beyond "
                f"{np.pi / _FINEST / 2:.0f} (use method='direct')"
            )
    tail = np.cumsum(np.abs(wave[::-1]))[::-1]
    kept = np.flatnonzero((np.abs(wave) > 1e-2 * level) & (tail > tail[top] + level))
    used = int(kept[-1]) + 1 if len(kept) else 1
    return RidgeWaves(omega[:used], wave[:used])


@dataclass(frozen=True, eq=False)
class Lattice:
    """The axes of a Cartesian parameter grid, as the engine needs them."""

    axes: tuple[NDArray, ...]
    b: NDArray
    folded: tuple[FoldedAxis, ...]

    @classmethod
    def of(cls, grid: ParameterGrid) -> Lattice | None:
        """Of a Cartesian grid in at most three variables, uniform to rounding; None of others."""
        if grid.kind != "cartesian" or grid.dim > 3:
            return None
        if not all(is_uniform(axis) for axis in grid.axes):
            return None
        *axes, b = grid.axes
        return cls(tuple(axes), b, tuple(FoldedAxis(axis) for axis in axes))

    @property
    def shape(self) -> tuple[int, ...]:
        return tuple(len(axis) for axis in self.axes)

    @property
    def size(self) -> float:
        """Number of inner weights."""
        return float(np.prod([float(n) for n in self.shape]))

    @property
    def orthant(self) -> int:
        """Number of inner weights up to signs."""
        return int(np.prod([len(axis.lengths) for axis in self.folded]))

    def projections(self, points: NDArray) -> tuple[float, float]:
        """Least and largest a . x over the lattice and the points."""
        low, high = np.zeros(len(points)), np.zeros(len(points))
        for axis, x in zip(self.axes, points.T, strict=True):
            ends = np.stack([axis[0] * x, axis[-1] * x])
            low += ends.min(axis=0)
            high += ends.max(axis=0)
        return float(low.min()), float(high.max())

    def waves_at(self, points: NDArray) -> tuple[Waves, ProductPoints | None]:
        """The engine for these points, and the product that they form where it uses that."""
        product = ProductPoints.of(points) if len(self.axes) > 1 else None
        if product is None:
            return ScatteredWaves(self.folded, points), None
        return TensorWaves(self.folded, product.axes), product

    def phases(self, waves: RidgeWaves, parity: int, part: slice) -> NDArray[np.float64]:
        """Re(i^parity G_l exp(-i omega_l b)) for some waves, (L, B)."""
        turned = waves.amplitude[part] * 1j**parity
        angle = np.outer(waves.omega[part], self.b)
        return turned.real[:, None] * np.cos(angle) + turned.imag[:, None] * np.sin(angle)


def has_lattice(grid: ParameterGrid) -> bool:
    """Whether the fast sums apply: Cartesian, uniform axes, at most three variables."""
    return Lattice.of(grid) is not None


def far_from_lattice(grid: ParameterGrid, points: NDArray) -> NDArray[np.bool_]:
    """Points too far for waves, (n,); none on grids without fast sums."""
    if grid.kind != "cartesian":
        return np.zeros(len(points), bool)
    with np.errstate(over="ignore"):
        reach = sum(np.abs(axis).max() * np.abs(x) for axis, x in zip(grid.axes, points.T))
    return np.asarray(reach > _REACH)


def _slabs(
    n_waves: int, shape: tuple[int, int, int], extra: int
) -> Iterator[tuple[slice, NDArray]]:
    """Parts of the waves and a buffer (K, 2^m, L, Q) for each; ``extra`` numbers more per wave."""
    n_columns, n_parts, size = shape
    budget = _SHARE * get_config().memory_budget / 8.0
    rows = max(1, min(_SLAB, n_waves, int(budget / (n_columns * n_parts * size + extra))))
    buffer = np.empty((n_columns, n_parts, rows, size))
    for start in range(0, n_waves, rows):
        part = slice(start, min(start + rows, n_waves))
        yield part, buffer[:, :, : part.stop - part.start]


def transform_pays(
    field: GridField | SampleField, ridgelet: Ridgelet, grid: ParameterGrid, tol: float
) -> bool:
    """Whether :func:`lattice_transform` applies and takes fewer operations than the direct sum."""
    lattice = Lattice.of(grid)
    if lattice is None:
        return False
    source = _Source.of(field)
    if max(map(abs, lattice.projections(source.points))) > _REACH:
        return False
    engine, waves = _analysis(lattice, source, ridgelet, tol)
    each = engine.cost(len(source.columns)) + _offsets_cost(lattice, len(source.columns), engine)
    direct = _DIRECT_TRANSFORM * grid.size * np.count_nonzero((source.columns != 0).any(axis=0))
    return bool(len(waves.omega) * each < direct)


def lattice_transform(
    field: GridField | SampleField, ridgelet: Ridgelet, grid: ParameterGrid, tol: float
) -> NDArray[np.float64]:
    r"""Ridgelet transform of the measure that the samples are, at all nodes: (P, C) real columns.

    With A inner weights, B offsets, N samples and L waves, L ~ the range of :math:`a\cdot x - b`:
    O(L (A B + T)), T the cost of one transform between samples and lattice. Error relative to
    :math:`\max|\psi| \sum_i |f_i|` about 1e-3 of ``tol``. Raises ValueError where the grid is not
    Cartesian with uniform axes in at most three variables.
    """
    lattice = _required(grid)
    source = _Source.of(field)
    n_columns, n_parts = len(source.columns), 2**grid.dim
    fits_in_memory(
        24.0 * grid.size * n_columns,
        f"the transform at {grid.size} nodes",
        "take fewer directions, scales or offsets, or raise memory_budget",
    )
    engine, waves = _analysis(lattice, source, ridgelet, tol)
    turns = 2 if engine.turned else 1
    quadrant = lattice.orthant
    total = np.zeros((n_columns, n_parts, quadrant, len(lattice.b)))
    shape = (turns * n_columns, n_parts, quadrant)
    for part, found in _slabs(len(waves.omega), shape, 0):
        engine.analyse(waves.omega[part], source.columns, found)
        for turn, j in np.ndindex(turns, n_parts):
            phases = lattice.phases(waves, int(j).bit_count() + turn, part)
            for c in range(n_columns):
                # total[c, j] += found.T @ phases, in place: all are Fortran arrays transposed.
                dgemm(
                    1.0,
                    phases.T,
                    found[turn * n_columns + c, j].T,
                    beta=1.0,
                    c=total[c, j].T,
                    trans_b=True,
                    overwrite_c=True,
                )
    lengths = [len(axis.lengths) for axis in lattice.folded]
    values = unfold(total.reshape(n_columns, n_parts, *lengths, -1), lattice.folded)
    return np.moveaxis(values.reshape(n_columns, -1), 0, 1)


def takes_lattice(
    grid: ParameterGrid,
    eta: Activation,
    points: NDArray,
    columns: int,
    ridgelet: Ridgelet,
    method: str,
) -> bool:
    """Whether to sum by :func:`lattice_dual`: always where it applies and ``method`` is "fast",
    and where it takes fewer operations than the direct sum if that is "auto"."""
    lattice = Lattice.of(grid)
    if lattice is None or method == "direct":
        return False
    if method == "fast" or eta.code < 0:
        return True
    direct = _DIRECT_SUM * grid.size * len(points) * columns
    if kink_degree(eta) is not None:
        return columns * kink_sum_cost(lattice.size, len(lattice.b), points) < direct
    engine, _ = lattice.waves_at(points)
    waves = _synthesis(lattice, eta, points, ridgelet)
    each = engine.cost(columns) + _offsets_cost(lattice, columns, engine)
    return len(waves.omega) * each < direct


def lattice_dual(
    grid: ParameterGrid, eta: Activation, values: NDArray, points: NDArray, ridgelet: Ridgelet
) -> NDArray[np.float64]:
    """The quadrature of the dual transform: :func:`lattice_sum` times the volume of a cell."""
    cell = float(np.prod([uniform_axis(axis, "axis")[1] for axis in grid.axes]))
    return cell * lattice_sum(grid, eta, values, points, ridgelet)


def lattice_sum(
    grid: ParameterGrid, eta: Activation, columns: NDArray, points: NDArray, ridgelet: Ridgelet
) -> NDArray[np.float64]:
    r"""Network sums :math:`\sum_j c_j\,\eta(a_j\cdot x - b_j)` over all nodes: (N, C).

    columns (P, C) are the outer weights. Smooth activations cost as :func:`lattice_transform`, to
    about 1e-12 of :math:`\max|\eta| \sum_j |c_j|`; step, relu and relu2 as :func:`kink_sum`, exact
    but for rounding; dirac stands for the interpolation of c in b up to the band of the ridgelet.
    Raises ValueError where the grid is not cartesian with uniform axes in at most 3 variables.
    """
    lattice = _required(grid)
    n_columns, n_parts = columns.shape[1], 2**grid.dim
    outer = np.ascontiguousarray(columns.T)
    if kink_degree(eta) is not None:
        outer = outer.reshape(n_columns, -1, len(lattice.b))
        return kink_sum(lattice.axes, lattice.b, outer, eta, points).T
    fits_in_memory(
        16.0 * grid.size * n_columns,
        f"the sum over {grid.size} neurons",
        "reconstruct fewer components at a time, or raise memory_budget",
    )
    waves = _synthesis(lattice, eta, points, ridgelet)
    engine, product = lattice.waves_at(points)
    folded = fold(outer.reshape(n_columns, *lattice.shape, len(lattice.b)), lattice.folded)
    quadrant = lattice.orthant
    folded = folded.reshape(n_columns, n_parts, quadrant, -1)
    turns = 2 if engine.turned else 1
    total = np.zeros((n_columns, len(points)))
    shape = (turns * n_columns, n_parts, quadrant)
    for part, parts in _slabs(len(waves.omega), shape, n_columns * n_parts * len(points)):
        for turn, j in np.ndindex(turns, n_parts):
            # The imaginary part of a sum is the real part of -i times it.
            phases = lattice.phases(waves, int(j).bit_count() + 3 * turn, part)
            for c in range(n_columns):
                np.matmul(phases, folded[c, j].T, out=parts[turn * n_columns + c, j])
        engine.synthesise(waves.omega[part], parts, total)
    return (total if product is None else product.listed(total.reshape(-1, *product.shape))).T


def _required(grid: ParameterGrid) -> Lattice:
    lattice = Lattice.of(grid)
    if lattice is None:
        raise ValueError(
            "the fast sums need a Cartesian grid with uniform axes in at most three variables, got "
            f"{grid.kind} nodes in {grid.dim} (use method='direct')"
        )
    return lattice


def _offsets_cost(lattice: Lattice, columns: int, engine: Waves) -> float:
    turns = 2 if engine.turned else 1
    return 2.0 * turns * columns * 2 ** len(lattice.axes) * lattice.orthant * len(lattice.b)


@dataclass(frozen=True, eq=False)
class _Source:
    """Samples of a field: real columns (C, N) with their weights, at points (N, m)."""

    points: NDArray
    columns: NDArray
    product: ProductPoints | None

    @classmethod
    def of(cls, field: GridField | SampleField) -> _Source:
        if isinstance(field, GridField):
            values = field.values.reshape(*field.shape, -1)
            values, axes = _cropped(values, field.axes)
            mesh = np.meshgrid(*axes, indexing="ij")
            points = np.stack([part.ravel() for part in mesh], axis=1)
            columns = real_columns(values.reshape(len(points), -1)) * float(np.prod(field.spacing))
            product = ProductPoints(axes, False) if len(axes) > 1 else None
        else:
            weights = field.weights.reshape(-1, *(1,) * (field.values.ndim - 1))
            points = field.points.astype(np.float64)
            columns = real_columns(field.values * weights)
            product = None
        return cls(points, np.ascontiguousarray(columns.T, dtype=np.float64), product)


def _cropped(values: NDArray, axes: tuple[NDArray, ...]) -> tuple[NDArray, tuple[NDArray, ...]]:
    """Without the zeros around the field; an axis that is symmetric about 0 remains so."""
    used = (values != 0).any(axis=-1)
    kept = []
    for k, axis in enumerate(axes):
        others = tuple(i for i in range(len(axes)) if i != k)
        index = np.flatnonzero(used.any(axis=others))
        first, last = (int(index[0]), int(index[-1])) if len(index) else (0, 0)
        if len(FoldedAxis(axis, center=0.0).pieces) == 2:
            first = min(first, len(axis) - 1 - last)
            last = len(axis) - 1 - first
        kept.append(slice(first, last + 1))
    cut = tuple(axis[part] for axis, part in zip(axes, kept, strict=True))
    return values[tuple(kept)], cut


def _analysis(
    lattice: Lattice, source: _Source, ridgelet: Ridgelet, tol: float
) -> tuple[Waves, RidgeWaves]:
    used = np.flatnonzero((source.columns != 0).any(axis=0))
    low, high = lattice.projections(source.points[used] if len(used) else source.points)
    waves = ridge_waves(ridgelet, low - lattice.b[-1], high - lattice.b[0], max(_TOL, 1e-3 * tol))
    if source.product is None:
        return ScatteredWaves(lattice.folded, source.points), waves
    return TensorWaves(lattice.folded, source.product.axes), waves


def _synthesis(
    lattice: Lattice, eta: Activation, points: NDArray, ridgelet: Ridgelet
) -> RidgeWaves:
    low, high = lattice.projections(points)
    low, high = low - float(lattice.b[-1]), high - float(lattice.b[0])
    if eta.point_masses:
        return RidgeWaves(np.ones(1), np.array([eta.scale * (1 if eta.base == "cos" else -1j)]))
    if eta.base == "dirac":
        spacing = float(lattice.b[1] - lattice.b[0]) if len(lattice.b) > 1 else 1.0
        band = min(np.pi / spacing, ridgelet.bandlimit(_TOL))
        period = 2 * max(abs(low), abs(high)) + _SEAM
        fits_in_memory(
            64.0 * band * period / (2 * np.pi),
            f"the waves of a Dirac mass on [{low:.3g}, {high:.3g}]",
            "take nodes and points closer to 0, or raise memory_budget",
        )
        omega = 2 * np.pi / period * np.arange(1, int(band * period / (2 * np.pi)) + 1)
        constant = eta.scale / period if eta.order == 0 else 0.0
        amplitude = np.concatenate([[constant], eta.fourier(omega) * (2 / period)])
        return RidgeWaves(np.concatenate([[0.0], omega]), amplitude)
    return ridge_waves(eta, low, high, _TOL)
