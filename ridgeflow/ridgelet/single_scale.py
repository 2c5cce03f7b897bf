"""Functions as integrals of step or ReLU neurons of a single scale, from filtered projections."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._products import product
from ridgeflow._validate import as_points, finite_number, fits_in_memory, one_of, positive
from ridgeflow.errors import AccuracyWarning
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.radon_transform.fourier_slices import FourierSlices, fourier_slices
from ridgeflow.ridgelet.errors.budget import ball_volume
from ridgeflow.ridgelet.errors.diagnostics import backprojection_error, exact_profiles, field_check
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.irie_funahashi import (
    TransformableField,
    as_columns,
    as_components,
    band_of,
    within_reach,
)
from ridgeflow.ridgelet.sums.far_points import exact_sums
from ridgeflow.ridgelet.sums.ridge_sums import ridge_network

__all__ = ["SingleScaleError", "SingleScaleSpectrum", "relu_spectrum", "step_spectrum"]

# Blocks of about this many phases stay in cache.
_BLOCK = 1 << 20
# Multiplications of one pass: minutes, or less.
_MOST_WORK = 1e12
_TEST_POINTS = 400
_TEST_SEED = 11  # points at which the error of a rule is measured are the same in every run


@dataclass(frozen=True)
class SingleScaleError:
    """Measured relative L2 errors of a single-scale network over the ball that holds the field.

    Attributes
    ----------
    total : float
        Their sum.
    range : float
        The affine function that the neurons beyond the range of offsets would add; zero to ``tol``
        in odd dimensions.
    offsets : float
        The finite step of the offsets: the staircase, or the broken line.
    directions : float
        The finite set of directions, and what the samples of the field do not resolve.

    Examples
    --------
    >>> SingleScaleError(0.3, 0.1, 0.1, 0.1).total
    0.3
    """

    total: float
    range: float
    offsets: float
    directions: float


@dataclass(frozen=True, eq=False)
class SingleScaleSpectrum:
    r"""Weights of step or ReLU neurons of scale 1 (:func:`step_spectrum`, :func:`relu_spectrum`).

    Attributes
    ----------
    activation : Activation
        "step" or "relu".
    directions : ndarray, shape (U, m)
        Of the half sphere; :math:`-u` follows by symmetry.
    direction_weights : ndarray, shape (U,)
        Quadrature of the half sphere.
    offsets : ndarray, shape (B,)
        Uniform, relative to :math:`u\cdot c`, in the unit of x.
    values : ndarray, shape (U, B) or (U, B, k)
        :math:`\partial_p F` (step) or :math:`\partial_p^2 F` (ReLU), without weights.
    center : ndarray, shape (m,)
        c.
    radius : float
        Of the ball about c that holds the field, over which ``error`` is measured.
    tail_linear, tail_bias : ndarray, shapes (m,) or (m, k) and () or (k,)
        The affine function x @ tail_linear + tail_bias that the neurons beyond the offsets would
        add, exact for :math:`|u\cdot (x-c)|` within the offsets.
    error : SingleScaleError
        Of the network without that tail.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> s = relu_spectrum(rf.GaussianMixture([1.0], [[0.0]], 0.25), tol=1e-2)
    >>> s.values.shape == (1, len(s.offsets))
    True
    """

    activation: Activation
    directions: NDArray
    direction_weights: NDArray
    offsets: NDArray
    values: NDArray
    center: NDArray
    radius: float
    tail_linear: NDArray
    tail_bias: NDArray
    error: SingleScaleError
    _source: TransformableField = field(repr=False)
    _slices: FourierSlices = field(repr=False)
    _grid: ParameterGrid = field(repr=False)

    def nodes(self) -> tuple[NDArray, NDArray, NDArray]:
        r"""The network over the full sphere, :math:`\sum_j c_j \eta(a_j\cdot x - b_j)`, |a_j| = 1.

        Returns
        -------
        a : ndarray, shape (2 U B, m)
        b : ndarray, shape (2 U B,)
        c : ndarray, shape (2 U B,) or (2 U B, k)

        Raises
        ------
        MemoryBudgetError
            If they do not fit the memory budget.
        """
        n_offsets = len(self.offsets)
        n_nodes = 2 * len(self.directions) * n_offsets
        components = int(np.prod(self.values.shape[2:]))
        fits_in_memory(
            8.0 * n_nodes * (len(self.center) + 1 + components),
            f"a network of {n_nodes} neurons",
            "raise tol or memory_budget",
        )
        a = np.repeat(self.directions, n_offsets, axis=0)
        b = ((self.directions @ self.center)[:, None] + self.offsets).ravel()
        rule = _trapezoid(self.offsets)
        weight = _constant(len(self.center)) * np.outer(self.direction_weights, rule)
        c = self.values * weight.reshape(*weight.shape, *[1] * (self.values.ndim - 2))
        c = c.reshape(-1, *self.values.shape[2:])
        # F(-u, -p) = F(u, p): its first derivative is odd, its second even.
        sign = -1.0 if self.activation.name == "step" else 1.0
        return np.concatenate([a, -a]), np.concatenate([b, -b]), np.concatenate([c, sign * c])

    def reconstruct(
        self, points: ArrayLike, *, method: str = "exact", tail: bool = False
    ) -> NDArray:
        r"""Evaluate the representation.

        Parameters
        ----------
        points : array_like, shape (n, m)
        method : {"exact", "direct"}
            "exact": the profile :math:`C\int F(u, u\cdot x)\,du`, all integrals over b done.
            "direct": the network sum.
        tail : bool
            For the network sum: add the affine function that its finite range of offsets leaves
            out.

        Returns
        -------
        ndarray, shape (n,) or (n, k)

        Raises
        ------
        RegionError
            If the network sum is asked for beyond the range of its offsets.

        Notes
        -----
        **Accuracy.** "exact": ``error.directions``. "direct": ``error.total``, without
        ``error.range`` where the tail is added.

        **Cost.** "exact": O(n U). "direct": O(n U B).
        """
        one_of(method, "method", ("exact", "direct"))
        x = as_points(points, "points", len(self.center))
        if method == "exact":
            columns = exact_sums(self._slices, self._grid, x - self.center)
            return as_components(columns, self._source)
        reach = float(np.linalg.norm(x - self.center, axis=1).max())
        within_reach(reach, float(self.offsets[-1]) * (1 + 1e-9))
        a, b, c = self.nodes()
        columns = ridge_network(self.activation, a, b, as_columns(c, 1), x)
        result = as_components(columns, self._source)
        return result + x @ self.tail_linear + self.tail_bias if tail else result


def _constant(dim: int) -> float:
    return 1 / (2 * (2 * math.pi) ** (dim - 1))


def _trapezoid(offsets: NDArray) -> NDArray:
    rule = np.full(len(offsets), offsets[1] - offsets[0])
    rule[[0, -1]] *= 0.5
    return rule


def step_spectrum(
    field: TransformableField,
    *,
    tol: float = 1e-2,
    reach: float | None = None,
    step: float | None = None,
    n_directions: int | None = None,
) -> SingleScaleSpectrum:
    r"""A function as an integral of step neurons of scale 1.

    .. math:: f(x) = C \int_{S^{m-1}\times R} \partial_p F(u,b)\,\theta(u\cdot x - b)\,du\,db,
              \qquad F = \Lambda^{m-1} Rf,\quad C = \frac1{2(2\pi)^{m-1}}

    over the full sphere (m = 1: the sum over :math:`u = \pm1`), F filtered in p.

    Parameters
    ----------
    field : GridField or GaussianMixture
        f, of any dimension.
    tol : float
        Relative L2 error of the network over the ball that holds the field, in (0, 1).
    reach : float, optional
        Offsets run over :math:`|b - u\cdot c| \le` reach; by default as far as ``tol`` needs.
    step : float, optional
        Spacing of the offsets; by default as fine as ``tol`` needs.
    n_directions : int, optional
        Directions on the half sphere; by default as many as ``tol`` needs.

    Returns
    -------
    SingleScaleSpectrum

    Raises
    ------
    ValueError
        If a length is not positive, ``reach`` is less than the radius of the field, or ``tol`` is
        out of range.
    TypeError
        If the field has no computable Fourier transform.
    MemoryBudgetError
        If the weights do not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        If the samples of a gridded field leave a larger error than ``tol``, or the network does.

    Notes
    -----
    For odd m the filter is local, :math:`\partial_p^k F = (-1)^{(m-1)/2} \partial_p^{m-1+k} Rf`.
    For even m, F decays only like :math:`(-1)^{m/2}(m-1)!\,\hat f(0)/(\pi |p|^m)`: a finite range
    of offsets leaves an error of order reach^-m, three times as large for ReLU as for step neurons
    where m = 2. Within the range it is affine in x, known exactly, and kept beside the network
    (``tail_linear``, ``tail_bias``).

    **Accuracy.** ``error`` is measured: the network against the exact profiles at 400 points, the
    profiles against f. The staircase makes the error O(step) (ReLU: O(step^2)).

    **Cost.** O(U B n_k), n_k wave numbers ~ band times (reach + radius).

    See Also
    --------
    relu_spectrum, ridgelet_transform

    References
    ----------
    Y. Ito, *Representation of functions by superpositions of a step or sigmoid function and their
    applications to neural network theory*, Neural Networks 4 (1991). S. Sonoda and N. Murata,
    *Neural network with unbounded activation functions is universal approximator*, Appl. Comput.
    Harmon. Anal. 43 (2017) (ridgelet and Radon transforms).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = step_spectrum(law)
    >>> bool(s.error.total < 1e-2)
    True
    """
    return _single_scale(field, "step", tol, reach, step, n_directions)


def relu_spectrum(
    field: TransformableField,
    *,
    tol: float = 1e-3,
    reach: float | None = None,
    step: float | None = None,
    n_directions: int | None = None,
) -> SingleScaleSpectrum:
    r"""A function as an integral of ReLU neurons of scale 1.

    .. math:: f(x) = C \int_{S^{m-1}\times R} \partial_p^2 F(u,b)\,(u\cdot x - b)_+\,du\,db,
              \qquad F = \Lambda^{m-1} Rf,\quad C = \frac1{2(2\pi)^{m-1}}

    Parameters
    ----------
    field, tol, reach, step, n_directions
        As for :func:`step_spectrum`.

    Returns
    -------
    SingleScaleSpectrum

    Raises
    ------
    ValueError, TypeError, MemoryBudgetError
        As :func:`step_spectrum`.

    Warns
    -----
    AccuracyWarning
        As :func:`step_spectrum`.

    Notes
    -----
    **Accuracy**, **Cost**, and the slow decay in even dimensions: see :func:`step_spectrum`.

    See Also
    --------
    step_spectrum

    References
    ----------
    G. Ongie, R. Willett, D. Soudry and N. Srebro, *A function space view of bounded norm infinite
    width ReLU nets: the multivariate case*, ICLR 2020.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = relu_spectrum(law)
    >>> error = s.reconstruct([[0.3]], method="direct") - law.pdf([[0.3]])
    >>> bool(abs(error[0]) < 1e-3)
    True
    """
    return _single_scale(field, "relu", tol, reach, step, n_directions)


class _Profiles:
    """F = Lambda^(m-1) R f and its derivatives in p along the directions of a grid."""

    def __init__(self, slices: FourierSlices, dim: int) -> None:
        self.slices, self.dim = slices, dim

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
            factor = dk * k ** (self.dim - 1 + order) * 1j**order / np.pi
            side = np.moveaxis(slices.at(k) * factor[:, None], 2, 1).reshape(-1, len(k))
            phase = np.outer(k, upper)
            even += product(side.real, np.cos(phase))
            odd += product(side.imag, np.sin(phase))
        out = np.empty((n_directions * components, len(offsets)))
        out[:, len(offsets) // 2 :] = even - odd
        out[:, : len(upper)] = (even + odd)[:, ::-1]
        return np.moveaxis(out.reshape(n_directions, components, -1), 1, 2)


def _single_scale(
    source: TransformableField,
    name: str,
    tol: float,
    reach: float | None,
    step: float | None,
    n_directions: int | None,
) -> SingleScaleSpectrum:
    order = 1 if name == "step" else 2
    chosen = reach is None and step is None and n_directions is None
    tol = finite_number(tol, "tol")
    band = band_of(source, tol, n_directions)
    dim, radius = source.dim, band.radius
    # The scales of this grid are not used: it carries directions and their weights.
    grid = ParameterGrid.polar(
        dim, band.n_directions, (1.0, 2.0), radius, 1.0, margin=0.0, center=band.center
    )
    slices = fourier_slices(source, grid.directions, grid.center, 1e-2 * tol)
    _, energy = slices.radial_energy(grid.direction_weights, dim)
    norm = float(np.sqrt(2 * energy.sum() / (2 * np.pi) ** dim))
    unit = float(np.sqrt(ball_volume(dim, radius))) / norm if norm > 0 else 0.0
    profiles = _Profiles(slices, dim)
    given = None if step is None else positive(step, "step")
    step = np.pi / (2 * slices.band) if given is None else given
    if reach is None:
        reach = radius
        _require_work(slices, reach, step, tol)
        while (left := unit * _size(_tail(profiles, grid, reach, order), radius, dim)) > 0.3 * tol:
            if dim % 2 and reach > 4 * max(radius, slices.radius):
                raise ValueError(
                    f"`tol` must be above {left:.1g}, which rounding leaves beyond the field, got "
                    f"{tol:g}"
                )
            reach *= 1.25
            _require_work(slices, reach, step, tol)
    else:
        reach = positive(reach, "reach")
        if reach < radius:
            raise ValueError(
                f"`reach` must cover the radius {radius:.4g} of the field, got {reach:.4g} "
                "(offsets that stop inside the field cannot represent it)"
            )
    rng = np.random.default_rng(_TEST_SEED)
    normal = rng.normal(size=(_TEST_POINTS, dim))
    radial = radius * rng.random((_TEST_POINTS, 1)) ** (1 / dim)
    points = radial * normal / np.linalg.norm(normal, axis=1, keepdims=True)
    exact = exact_profiles(slices, grid, 1.0001 * radius)(points + grid.center)
    if step > 2 * reach:
        raise ValueError(
            f"`step` must be less than the offsets' range of {2 * reach:.4g}, got {step:g}"
        )
    for _ in range(6):
        _require_work(slices, reach, step, tol)
        half = max(1, int(np.ceil(reach / step)))
        offsets = np.linspace(-half * step, half * step, 2 * half + 1)
        fits_in_memory(
            8.0 * len(grid.directions) * len(offsets) * slices.projections.shape[2],
            f"a spectrum of {len(grid.directions)} x {len(offsets)} weights",
            "raise tol or memory_budget, or give reach or step and add the tail",
        )
        values = profiles(offsets, order)
        slope, bias = _tail(profiles, grid, float(offsets[-1]), order)
        found = _broken_profiles(values, offsets, grid, points, order) + points @ slope + bias
        quadrature = unit * float(np.sqrt(((found - exact) ** 2).sum(axis=1).mean()))
        if given is not None or quadrature <= 0.3 * tol:
            break
        step *= 0.9 * (0.3 * tol / quadrature) ** (1 / order)
    outside = unit * _size((slope, bias), radius, dim)
    turned = backprojection_error(slices, grid, field_check(source, grid, norm))
    # What the samples do not resolve is orthogonal to what they do.
    turned = float(np.hypot(turned, slices.unresolved))
    error = SingleScaleError(outside + quadrature + turned, outside, quadrature, turned)
    if chosen and error.total > tol and slices.unresolved <= tol:
        warnings.warn(
            f"the network has a relative L2 error of {error.total:.1e}, more than tol = {tol:g} "
            "(give a finer step, a wider reach or more directions: error tells which)",
            AccuracyWarning,
            stacklevel=3,
        )
    return SingleScaleSpectrum(
        activation=_activation(name),
        directions=grid.directions,
        direction_weights=grid.direction_weights,
        offsets=offsets,
        values=as_components(values, source),
        center=grid.center,
        radius=radius,
        tail_linear=as_components(slope, source),
        tail_bias=as_components(bias - grid.center @ slope, source),
        error=error,
        _source=source,
        _slices=slices,
        _grid=grid,
    )


def _require_work(slices: FourierSlices, reach: float, step: float, tol: float) -> None:
    """Refuse offsets times wave numbers that no machine gets done with."""
    lines = slices.projections.shape[0] * slices.projections.shape[2]
    waves = 16 * (slices.band * (reach + slices.radius) / 12 + 1)
    if not lines * waves * (reach / step) <= _MOST_WORK:
        raise ValueError(
            f"`tol` must ask for less than {2 * reach / step:.2g} offsets times {waves:.2g} wave "
            f"numbers along {slices.projections.shape[0]} directions, got {tol:g} (raise it, or "
            "give `reach` and `step` and add the tail)"
        )


def _tail(
    profiles: _Profiles, grid: ParameterGrid, reach: float, order: int
) -> tuple[NDArray, NDArray]:
    """Slope (m, C) and value at the center (C,) of what neurons beyond +-reach would add."""
    ends = np.array([-reach, reach])
    left, right = np.moveaxis(profiles(ends, 0), 1, 0)
    weight = _constant(grid.dim) * grid.direction_weights
    bias, slope = left + right, np.zeros_like(left)
    if order == 2:
        d_left, d_right = np.moveaxis(profiles(ends, 1), 1, 0)
        bias = bias - reach * (d_right - d_left)
        slope = d_left + d_right
    return grid.directions.T @ (weight[:, None] * slope), weight @ bias


def _size(tail: tuple[NDArray, NDArray], radius: float, dim: int) -> float:
    """Root mean square over a ball of an affine function."""
    slope, bias = tail
    return float(np.sqrt((bias**2).sum() + radius**2 / (dim + 2) * (slope**2).sum()))


def _broken_profiles(
    values: NDArray, offsets: NDArray, grid: ParameterGrid, points: NDArray, order: int
) -> NDArray:
    """The network sum at points relative to the center, by running sums along each direction."""
    weight = _constant(grid.dim) * grid.direction_weights
    rule = _trapezoid(offsets)
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
