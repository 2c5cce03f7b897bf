"""The null space of the dual transform: ghosts, parameter distributions that no output shows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, below_one, instance_of, one_of, positive, positive_int
from ridgeflow.columns import real_columns
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility, admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.projection import WaveNumbers
from ridgeflow.ridgelet.reconstruct import shaped
from ridgeflow.ridgelet.spectra.provenance import derived
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.cartesian_sums import (
    far_from_lattice,
    has_lattice,
    lattice_dual,
    takes_lattice,
)
from ridgeflow.ridgelet.sums.direct_sums import polynomial_sum
from ridgeflow.ridgelet.sums.far_points import distances, far_sums, radius_for, require_phase
from ridgeflow.ridgelet.sums.ridge_sums import ridge_network
from ridgeflow.ridgelet.transform import ridgelet_transform

__all__ = [
    "NullRidgelet",
    "dual_transform",
    "ghost",
    "null_ridgelet",
]

_NOISE = 1e-14
_FAR = 8.0


@dataclass(frozen=True)
class NullRidgelet:
    r"""A combination :math:`\rho = \sum_i c_i \rho_i` of ridgelets with :math:`K(\eta,\rho,m) = 0`.

    Made by :func:`null_ridgelet`.

    Attributes
    ----------
    ridgelets : tuple of Ridgelet
        One, whose parity the activation does not see, or two.
    coefficients : tuple of float

    Examples
    --------
    >>> rho = null_ridgelet("tanh", 1)
    >>> float(rho(0.0)) != 0.0, rho.ridgelets[0].parity
    (True, 'even')
    """

    ridgelets: tuple[Ridgelet, ...]
    coefficients: tuple[float, ...]

    def __call__(self, z: ArrayLike) -> NDArray:
        """Values of rho at z, in its shape."""
        pairs = zip(self.coefficients, self.ridgelets, strict=True)
        return np.asarray(sum(c * psi(z) for c, psi in pairs))

    def fourier(self, omega: ArrayLike) -> NDArray:
        """Fourier transform of rho at omega, in its shape."""
        pairs = zip(self.coefficients, self.ridgelets, strict=True)
        return np.asarray(sum(c * psi.fourier(omega) for c, psi in pairs))


def null_ridgelet(activation: str | Activation, dim: int, *, by: str = "parity") -> NullRidgelet:
    r"""An analysing function :math:`\rho` that the activation does not see, K(eta, rho, m) = 0.

    Parameters
    ----------
    activation : str or Activation
        :math:`\eta`.
    dim : int
        Dimension m.
    by : {"parity", "combination"}
        "parity": the derivative of the default partner, whose parity is the other one, so that the
        integrand of K is odd. "combination": the default partner :math:`\rho_1` and its second
        derivative, :math:`\rho_1 - (K_1/K_2)\rho_2`, of the partner's own parity.

    Returns
    -------
    NullRidgelet

    Raises
    ------
    AdmissibilityError
        If the activation is "linear", which sees no ridgelet at all.

    Notes
    -----
    **Accuracy.** "parity": exact. "combination": that of K, 1e-13.

    See Also
    --------
    ghost

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role
    of infinite-dimensional null space*, 2021.

    Examples
    --------
    >>> rho = null_ridgelet("relu", 2, by="combination")
    >>> k = [admissibility("relu", psi) for psi in rho.ridgelets]
    >>> bool(abs(np.dot(k, rho.coefficients)) < 1e-12 * abs(k[0]))
    True
    """
    eta = _activation(activation)
    one_of(by, "by", ("parity", "combination"))
    partner = admissible_ridgelet(eta, dim)
    if by == "parity":
        return NullRidgelet((partner.derivative(),), (1.0,))
    second = partner.derivative().derivative()
    ratio = admissibility(eta, partner) / admissibility(eta, second)
    return NullRidgelet((partner, second), (1.0, -ratio))


def ghost(
    activation: str | Activation,
    field: GridField | SampleField | GaussianMixture,
    grid: ParameterGrid,
    order: int | None = None,
    *,
    ridgelet: Ridgelet | NullRidgelet | None = None,
    tol: float = 1e-8,
) -> Spectrum:
    r"""A parameter distribution that no output shows: :math:`R[f;\rho]` with K(eta, rho, m) = 0.

    .. math:: S[R[f;\rho];\eta] = K(\eta,\rho,m)\,f = 0

    Parameters
    ----------
    activation : str or Activation
        :math:`\eta`.
    field : GridField, SampleField or GaussianMixture
        f, whatever the ghost shall be made of.
    grid : ParameterGrid
        Nodes.
    order : int, optional
        Take :math:`\rho = \Lambda^m G^{(\ell)}` of this order.
    ridgelet : Ridgelet or NullRidgelet, optional
        :math:`\rho`; by default ``null_ridgelet(activation, dim, by="combination")``.
    tol : float
        As for :func:`ridgelet_transform`.

    Returns
    -------
    Spectrum
        Without record. For a combination its ``ridgelet`` is the first of the two, so that it may
        be added to a spectrum of f with that ridgelet and leaves the reconstruction as it was.

    Raises
    ------
    ValueError
        If both ``order`` and ``ridgelet`` are given, or the ridgelet is seen by the activation.

    Notes
    -----
    A ridgelet of the other parity gives a ghost by symmetry over all of parameter space, also where
    the integral of K does not converge absolutely; a polar grid stores half of the directions, over
    which :func:`dual_transform` accounts for that symmetry, a plain sum of neurons does not.

    **Accuracy.** By parity 0 to rounding; of a combination what scales and offsets of the grid cut
    off, as for a reconstruction. **Cost.** One or two ridgelet transforms.

    See Also
    --------
    null_ridgelet, project_null

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role
    of infinite-dimensional null space*, 2021.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta = rf.activation("tanh")
    >>> grid = rf.ParameterGrid.for_field(law, eta, rf.admissible_ridgelet(eta, 1), 1e-6)
    >>> invisible = ghost(eta, law, grid)
    >>> bool(abs(rf.reconstruct(invisible, eta, [[0.3]])[0]) < 1e-6), invisible.norm() > 0.1
    (True, True)
    """
    eta = _activation(activation)
    instance_of(grid, "grid", ParameterGrid)
    tol = below_one(positive(tol, "tol"), "tol")
    if order is not None:
        if ridgelet is not None:
            raise ValueError(
                f"`order` and `ridgelet` exclude each other, got {order!r} and {ridgelet!r}"
            )
        ridgelet = Ridgelet(grid.dim, positive_int(order, "order", minimum=0))
    if ridgelet is None:
        ridgelet = null_ridgelet(eta, grid.dim, by="combination")
    if isinstance(ridgelet, Ridgelet):
        ridgelet = NullRidgelet((ridgelet,), (1.0,))
    instance_of(ridgelet, "ridgelet", NullRidgelet, Ridgelet)
    _require_null(eta, ridgelet)
    spectra = [ridgelet_transform(field, rho, grid, tol=tol) for rho in ridgelet.ridgelets]
    parts = [spectrum.values for spectrum in spectra]
    values = sum(c * part for c, part in zip(ridgelet.coefficients, parts, strict=True))
    values = np.asarray(values).astype(parts[0].dtype, copy=False)
    settings = {
        "activation": eta.name,
        "ridgelets": ridgelet.ridgelets,
        "coefficients": ridgelet.coefficients,
    }
    history = derived("ghost", spectra[0].provenance, settings=settings)
    return Spectrum(values, grid, ridgelet.ridgelets[0], provenance=history)


def _require_null(eta: Activation, rho: NullRidgelet) -> None:
    seen = [
        c * admissibility(eta, psi)
        for c, psi in zip(rho.coefficients, rho.ridgelets, strict=True)
        if eta.parity is not None and psi.parity == eta.parity
    ]
    if abs(sum(seen)) > 1e-10 * max((abs(k) for k in seen), default=0.0):
        raise ValueError(
            f"`ridgelet` must not be seen by {eta.name!r}, got K = {sum(seen):.4g} (take one of "
            "the other parity, or null_ridgelet)"
        )


def dual_transform(
    spectrum: Spectrum,
    activation: str | Activation,
    points: ArrayLike,
    *,
    method: str = "auto",
) -> NDArray:
    r"""The dual transform :math:`S[\gamma;\eta](x) = \int\gamma(a,b)\,\eta(a\cdot x-b)\,da\,db`.

    Unlike :func:`reconstruct` it divides by no K, and so tells what a ghost reconstructs.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar or cartesian grid.
    activation : str or Activation
        :math:`\eta`.
    points : array_like, shape (n, m)
    method : {"auto", "fast", "direct"}
        "fast" (polar grids): scales and offsets on the Fourier side, at wave numbers common to all
        scales, so that what cancels between them does so before anything else is done; on cartesian
        grids with m <= 3 the sum over all nodes as :func:`reconstruct` does it. "direct": the sum
        over all nodes. "auto": fast where it applies; on cartesian grids, where it takes fewer
        operations.

    Returns
    -------
    ndarray, shape (n,) or (n, k)

    Raises
    ------
    ValueError
        If the nodes carry no weights, the activation has no values to sum directly, or "fast" is
        asked for on plain nodes, on a polar grid with an activation whose transform is no function,
        or grows faster than 1/omega at the origin (ReLU, softplus).

    Notes
    -----
    A polar grid stands for all directions, by the symmetry of its ridgelet: only the part of
    :math:`\eta` with that parity is summed.

    **Accuracy.** That of the grid's quadrature; "direct" with the kink term of non-smooth
    activations. **Cost.** "fast": O(P n_k + n U), n_k wave numbers; "direct": O(n P).

    See Also
    --------
    reconstruct

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017) (dual ridgelet transform).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> axis = np.linspace(-6, 6, 41)
    >>> grid = rf.ParameterGrid.cartesian([axis], axis)
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = ghost("tanh", law, grid, order=2)
    >>> bool(abs(dual_transform(s, "tanh", [[0.3]])[0]) < 1e-12)
    True
    """
    eta = _activation(activation)
    grid = instance_of(spectrum, "spectrum", Spectrum).grid
    weights = grid.weights
    if weights is None:
        raise ValueError(
            "the dual transform needs quadrature weights, got a spectrum on plain nodes (use a "
            "polar or cartesian ParameterGrid)"
        )
    one_of(method, "method", ("auto", "fast", "direct"))
    x = as_points(points, "points", spectrum.dim).astype(np.float64)
    # A transform growing like 1/omega^2 would turn the rounding of the lowest moments into output.
    has_slices = not eta.point_masses and eta.parity is not None and eta.origin_order <= 1
    values = real_columns(spectrum.values)
    # Waves over a lattice reach as far as the points do, a direct sum costs the same everywhere.
    far = far_from_lattice(grid, x) & (method != "direct") & (eta.base != "dirac")
    if far.any() and has_lattice(grid):
        columns = np.empty((len(x), values.shape[1]))
        columns[far] = _direct_dual(spectrum, eta, x[far], weights)
        if not far.all():
            columns[~far] = real_columns(dual_transform(spectrum, eta, x[~far], method=method))
    elif takes_lattice(grid, eta, x, values.shape[1], spectrum.ridgelet, method):
        columns = lattice_dual(grid, eta, values, x, spectrum.ridgelet)
    elif method == "fast" and not (grid.kind == "polar" and has_slices):
        raise ValueError(
            "method 'fast' needs a polar grid and an activation whose transform grows at most like "
            "1/|omega| at the origin, or a cartesian grid in at most three variables, got "
            f"{grid.kind} nodes in {grid.dim} and {eta.name!r} (use 'direct')"
        )
    elif method == "fast" or (method == "auto" and grid.kind == "polar" and has_slices):
        columns = _fast_dual(spectrum, eta, x)
    else:
        columns = _direct_dual(spectrum, eta, x, weights)
    return shaped(columns, spectrum, x)


def _fast_dual(spectrum: Spectrum, eta: Activation, x: NDArray) -> NDArray:
    grid = spectrum.grid
    components = real_columns(spectrum.values[:1]).shape[1]
    if spectrum.ridgelet.parity != eta.parity:
        return np.zeros((len(x), components))
    # The wave numbers resolve what lies within some radii of the ball.
    far = distances(spectrum, x) > _FAR * grid.radius
    if far.any():
        columns = np.empty((len(x), components))
        columns[far] = far_sums(spectrum, eta, x[far], constant=1.0)
        if not far.all():
            columns[~far] = _fast_dual(spectrum, eta, x[~far])
        return columns
    waves = WaveNumbers(spectrum, eta)
    # (1/2 pi) d omega over both signs of omega, k = rho omega.
    weight = (grid.scale_weights / grid.scales)[:, None] * waves.response * (2 * waves.dk / np.pi)
    total = np.concatenate([waves.functional(weight, part) for part in waves.slabs()])
    total = np.moveaxis(total.reshape(-1, components, len(waves.k)), 1, 2)
    total = total * grid.direction_weights[:, None, None]
    radius = radius_for(spectrum, float(distances(spectrum, x).max()))
    size = np.abs(total).max(axis=(0, 2))
    large = np.flatnonzero(size > _NOISE * size.max())
    used = int(large[-1]) + 1 if len(large) else 1
    pair = (waves.k[:used], total[:, :used])
    band = float(waves.k[used - 1])
    return Backprojection.from_waves(grid.directions, grid.center, radius, [pair], band)(x)


def _direct_dual(spectrum: Spectrum, eta: Activation, x: NDArray, weights: NDArray) -> NDArray:
    grid = spectrum.grid
    require_phase(spectrum, eta, x)
    c = real_columns(spectrum.values) * weights[:, None]
    seen = not grid.half or spectrum.ridgelet.parity == eta.parity
    columns = np.zeros((len(x), c.shape[1]))
    if seen and (eta.parity is not None or not grid.half):
        columns = ridge_network(eta, grid.a, grid.b, c, x)
    if grid.half and eta.polynomial:
        # eta = p + (a part of one parity): p z^i has the parity of i.
        odd = spectrum.ridgelet.parity == "odd"
        left_out = [0.0 if (i % 2 == 1) == odd else q for i, q in enumerate(eta.polynomial)]
        kept = [q - r for q, r in zip(eta.polynomial, left_out, strict=True)]
        sign, part = (-1.0, left_out) if seen and eta.parity is not None else (1.0, kept)
        if any(part):
            # What overflows is seen in the result.
            with np.errstate(over="ignore", invalid="ignore"):
                columns = columns + sign * polynomial_sum(tuple(part), grid.a, grid.b, c, x)
    return columns
