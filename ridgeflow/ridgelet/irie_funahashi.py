"""Integral representations without a ridgelet: that of Irie and Funahashi, and common ground.

It takes the Fourier transform itself as the weights of neurons with an integrable activation; the
single-scale forms for step and ReLU neurons are in :mod:`ridgeflow.ridgelet.single_scale`.
"""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_points,
    finite_number,
    fits_in_memory,
    one_of,
    positive_int,
)
from ridgeflow.columns import from_columns, real_columns
from ridgeflow.errors import AccuracyWarning, AdmissibilityError, RegionError
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.geometry import directions
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.radon_transform.fourier_slices import FourierSlices, ball_about, fourier_slices
from ridgeflow.ridgelet.grids.choice import (
    PILOT_DIRECTIONS,
    direction_count,
    single_frequency_scales,
)
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.sums.fourier_profiles import exact_profiles
from ridgeflow.ridgelet.sums.ridge_sums import ridge_network

__all__ = [
    "Band",
    "IrieFunahashiSpectrum",
    "TransformableField",
    "as_components",
    "band_of",
    "irie_funahashi_spectrum",
    "within_reach",
]

TransformableField = GridField | GaussianMixture

# Rounding leaves no more.
_LEAST_TOL = 1e-15


def as_components(columns: NDArray, source: TransformableField) -> NDArray:
    """Real columns (..., C) as the field's components, complex where the field is."""
    like = source.values if isinstance(source, GridField) else source.weights
    return from_columns(np.asarray(columns), like, source.component_shape)


@dataclass(frozen=True)
class Band:
    """Where a field lives, in x and in wave numbers, up to a tolerance."""

    center: NDArray
    radius: float
    top: float
    n_directions: int


def band_of(source: TransformableField, tol: float, n_directions: int | None) -> Band:
    """The band of a field; what lies outside of it is below ``tol`` in relative L2."""
    tol = finite_number(tol, "tol")
    if not 0 < tol < 1:
        raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
    if tol < _LEAST_TOL:
        raise ValueError(f"`tol` must be at least {_LEAST_TOL:g}, as rounding is, got {tol:g}")
    if not isinstance(source, (GridField, GaussianMixture)):
        raise TypeError(
            "`field` must be a GridField or a GaussianMixture, got "
            f"{type(source).__name__} (smooth scattered samples with kernel_density)"
        )
    center = np.asarray(source.center if isinstance(source, GridField) else source.mean, float)
    radius = ball_about(source, center, 1e-2 * tol)
    pilot, area = directions(source.dim, PILOT_DIRECTIONS.get(source.dim, 200))
    slices = fourier_slices(source, pilot, center, 1e-2 * tol)
    if slices.unresolved > tol:
        warnings.warn(
            f"the samples of the field leave a relative L2 error of about {slices.unresolved:.1e}, "
            f"more than tol = {tol:g} (sample more finely, smooth the field, or take a larger tol)",
            AccuracyWarning,
            stacklevel=4,
        )
    k, energy = slices.radial_energy(area, source.dim)
    share = 1 - np.cumsum(energy) / max(float(energy.sum()), np.finfo(float).tiny)
    top = float(k[min(int(np.searchsorted(-share, -((0.1 * tol) ** 2))), len(k) - 1)])
    if n_directions is None:
        n_directions = direction_count(source.dim, top * radius, tol)
    else:
        n_directions = positive_int(n_directions, "n_directions")
    return Band(center, radius, top, n_directions)


@dataclass(frozen=True, eq=False)
class IrieFunahashiSpectrum:
    r"""The representation of Irie and Funahashi on a polar grid (:func:`irie_funahashi_spectrum`).

    Attributes
    ----------
    values : ndarray, shape (P,) or (P, k)
        :math:`\gamma(a_j,b_j) = \mathrm{Re}[\hat f(a_j) e^{ib_j}/\hat\eta(1)]/(2\pi)^m`, without
        quadrature weights (for complex f: of real and imaginary part).
    grid : ParameterGrid
        Polar; scales at Gauss-Legendre nodes.
    activation : Activation

    Examples
    --------
    >>> import ridgeflow as rf
    >>> s = irie_funahashi_spectrum(rf.GaussianMixture([1.0], [[0.0]], 0.25), "gaussian")
    >>> len(s.nodes()[1]) == s.grid.size
    True
    """

    values: NDArray
    grid: ParameterGrid
    activation: Activation
    _source: TransformableField = field(repr=False)
    _slices: FourierSlices = field(repr=False)

    def nodes(self) -> tuple[NDArray, NDArray, NDArray]:
        r"""The quadrature network :math:`\sum_j c_j \eta(a_j\cdot x - b_j)`.

        Returns
        -------
        a : ndarray, shape (P, m)
        b : ndarray, shape (P,)
        c : ndarray, shape (P,) or (P, k)
        """
        grid = self.grid
        weights = np.asarray(grid.weights)
        return grid.a, grid.b, self.values * weights.reshape(-1, *[1] * (self.values.ndim - 1))

    def reconstruct(self, points: ArrayLike, *, method: str = "exact") -> NDArray:
        r"""Evaluate the representation.

        Parameters
        ----------
        points : array_like, shape (n, m)
        method : {"exact", "direct"}
            "exact": the integral over b in closed form,
            :math:`\int e^{ib}\eta(z-b)\,db = \hat\eta(1)e^{iz}`. "direct": the network sum.

        Returns
        -------
        ndarray, shape (n,) or (n, k)

        Raises
        ------
        RegionError
            If the network sum is asked for beyond the ball that its offsets cover.

        Notes
        -----
        **Cost.** "exact": O(n U). "direct": O(n P).
        """
        one_of(method, "method", ("exact", "direct"))
        grid = self.grid
        x = as_points(points, "points", grid.dim)
        reach = float(np.linalg.norm(x - grid.center, axis=1).max())
        if method == "exact":
            radius = 1.0001 * max(reach, 1e-3 * grid.radius)
            dk = grid.scale_weights / grid.scales ** (grid.dim - 1)
            columns = exact_profiles(self._slices, grid, radius, grid.scales, dk)(x)
        else:
            within_reach(reach, grid.radius * (1 + 1e-9))
            a, b, c = self.nodes()
            columns = ridge_network(self.activation, a, b, real_columns(c), x)
        return as_components(columns, self._source)


def irie_funahashi_spectrum(
    field: TransformableField,
    activation: str | Activation,
    *,
    tol: float = 1e-6,
    n_directions: int | None = None,
) -> IrieFunahashiSpectrum:
    r"""Integral representation with the Fourier transform as weights, for integrable activations.

    .. math:: f(x) = \frac1{(2\pi)^m \hat\eta(1)} \int \hat f(a)\,e^{ib}\,\eta(a\cdot x - b)\,da\,db

    Parameters
    ----------
    field : GridField or GaussianMixture
        f, of any dimension m.
    activation : str or Activation
        :math:`\eta`, integrable with :math:`\hat\eta(1) \ne 0`: "gaussian", "dsigmoid", or the
        derivative of a sigmoidal one (``activation("tanh").derivative()``).
    tol : float
        Relative L2 error of the network within the ball that holds f, in (0, 1).
    n_directions : int, optional
        Overrides the number of directions on the half sphere.

    Returns
    -------
    IrieFunahashiSpectrum

    Raises
    ------
    AdmissibilityError
        If the activation is not integrable, or :math:`\hat\eta(1) = 0`.
    TypeError
        If the field has no computable Fourier transform.
    MemoryBudgetError
        If the nodes do not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        If the samples of a gridded field leave a larger error than ``tol``.

    Notes
    -----
    The weights do not decay in b, only the neurons do: the network holds on the ball that its
    offsets were laid out for, and sees every wave number through one scale, so that it needs as
    many scales as f has independent wave numbers.

    **Accuracy.** ``tol`` for smooth rapidly decreasing activations: Gauss-Legendre scales, and
    offsets whose step makes the alias :math:`\hat\eta(2\pi/\text{step} - 1)` smaller than that. The
    offsets reach to where :math:`|\eta|` has fallen below ``tol``.

    **Cost.** O(U S B) nodes, with U directions, S scales ~ band times radius, B offsets.

    See Also
    --------
    ridgelet_transform, step_spectrum

    References
    ----------
    B. Irie and S. Miyake, *Capabilities of three-layered perceptrons*, ICNN 1988. K. Funahashi, *On
    the approximate realization of continuous mappings by neural networks*, Neural Networks 2
    (1989).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = irie_funahashi_spectrum(law, "gaussian")
    >>> error = s.reconstruct([[0.3]], method="direct") - law.pdf([[0.3]])
    >>> bool(abs(error[0]) < 1e-6)
    True
    """
    eta = _activation(activation)
    if eta.point_masses or eta.parity is None or eta.polynomial or eta.origin_order > 0:
        raise AdmissibilityError(
            f"`activation` must be integrable, got {eta.name!r} (use 'gaussian', 'dsigmoid', or "
            "the derivative of a sigmoidal activation; for others ridgelet_transform)"
        )
    if eta.base == "dirac":
        raise AdmissibilityError(
            f"`activation` must be an integrable function, got {eta.name!r}, a distribution (use a "
            "narrow 'gaussian')"
        )
    response = complex(eta.fourier(1.0))
    if response == 0:
        raise AdmissibilityError(
            f"`activation` must not vanish at the frequency 1, got {eta.name!r} with transform 0"
        )
    tol = finite_number(tol, "tol")
    band = band_of(field, tol, n_directions)
    scales, d_scale = single_frequency_scales(band.top, band.radius)
    grid = ParameterGrid.polar(
        field.dim,
        band.n_directions,
        scales,
        band.radius,
        _offset_step(eta, response, tol),
        margin=_tail_radius(eta, 0.1 * tol * abs(response)),
        center=band.center,
        scale_weights=d_scale,
    )
    slices = fourier_slices(field, grid.directions, grid.center, 1e-2 * tol)
    components = slices.projections.shape[2]
    fits_in_memory(
        8.0 * grid.size * (components + field.dim + 2),
        f"a representation by {grid.size} neurons",
        "raise tol or memory_budget, or take fewer directions",
    )
    transform = slices.at(grid.scales) / (response * (2 * math.pi) ** field.dim)
    values = np.empty((grid.size, components))
    for s in range(len(grid.scales)):
        wave = np.exp(1j * grid.offsets(s))
        part = (transform[:, s, None, :] * wave[None, :, None]).real
        values[grid.starts[s] : grid.starts[s + 1]] = part.reshape(-1, components)
    return IrieFunahashiSpectrum(as_components(values, field), grid, eta, field, slices)


def _offset_step(eta: Activation, response: complex, tol: float) -> float:
    """Step at which the aliases of e^{ib} in a sum over b are below tol."""
    step = 1.0
    while np.abs(eta.fourier(2 * np.pi / step - 1.0)) > 0.1 * tol * abs(response):
        step *= 0.9
    return step


def _tail_radius(eta: Activation, level: float) -> float:
    """Least-ish radius beyond which |eta| stays below the level."""
    z = np.geomspace(0.5, 1e6, 2000)
    large = np.flatnonzero(np.maximum(np.abs(eta(z)), np.abs(eta(-z))) > level)
    return float(z[min(int(large[-1]) + 1, len(z) - 1)]) if len(large) else 0.5


def within_reach(reach: float, radius: float) -> None:
    if reach > radius:
        raise RegionError(
            f"`points` must lie within {radius:.4g} of the center, where the offsets of the "
            f"network reach, got a distance of {reach:.4g} (use method='exact')"
        )
