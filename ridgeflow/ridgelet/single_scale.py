"""Functions as integrals of step or ReLU neurons of a single scale, from filtered projections."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, finite_number, fits_in_memory, one_of, positive
from ridgeflow.columns import real_columns
from ridgeflow.errors import AccuracyWarning
from ridgeflow.geometry import ball_volume
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.radon_transform.fourier_slices import FourierSlices, fourier_slices
from ridgeflow.ridgelet.errors.diagnostics import backprojection_error, field_check
from ridgeflow.ridgelet.grids.field_record import norm_of_energy
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.irie_funahashi import (
    TransformableField,
    as_components,
    band_of,
    within_reach,
)
from ridgeflow.ridgelet.sums.far_points import exact_sums
from ridgeflow.ridgelet.sums.filtered_projections import (
    FilteredProjections,
    affine_size,
    single_scale_constant,
    trapezoid_weights,
)
from ridgeflow.ridgelet.sums.ridge_sums import ridge_network

__all__ = ["SingleScaleError", "SingleScaleSpectrum", "relu_spectrum", "step_spectrum"]


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
        rule = trapezoid_weights(self.offsets)
        weight = single_scale_constant(len(self.center)) * np.outer(self.direction_weights, rule)
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
        columns = ridge_network(self.activation, a, b, real_columns(c), x)
        result = as_components(columns, self._source)
        return result + x @ self.tail_linear + self.tail_bias if tail else result


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


def _single_scale(
    source: TransformableField,
    name: str,
    tol: float,
    reach: float | None,
    step: float | None,
    n_directions: int | None,
) -> SingleScaleSpectrum:
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
    norm = norm_of_energy(energy, dim)
    unit = float(np.sqrt(ball_volume(dim, radius))) / norm if norm > 0 else 0.0
    order = 1 if name == "step" else 2
    projections = FilteredProjections(slices, grid, order, radius, unit, tol)
    first = np.pi / (2 * slices.band) if step is None else positive(step, "step")
    reach = projections.reach(first) if reach is None else projections.covering(reach)
    found = projections.sampled(reach, first, fixed=step is not None)
    outside = unit * affine_size((found.slope, found.bias), radius, dim)
    turned = backprojection_error(slices, grid, field_check(source, grid, norm))
    # What the samples do not resolve is orthogonal to what they do.
    turned = float(np.hypot(turned, slices.unresolved))
    error = SingleScaleError(outside + found.error + turned, outside, found.error, turned)
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
        offsets=found.offsets,
        values=as_components(found.values, source),
        center=grid.center,
        radius=radius,
        tail_linear=as_components(found.slope, source),
        tail_bias=as_components(found.bias - grid.center @ found.slope, source),
        error=error,
        _source=source,
        _slices=slices,
        _grid=grid,
    )
