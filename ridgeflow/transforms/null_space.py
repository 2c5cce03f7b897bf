"""The null space of the dual transform: ghosts, and projections of parameter distributions.

Off the origin the dual acts on each wave vector by itself. With the transform of γ in b,
``S[γ;η]^(ξ) = (2π)^(m−1) ∫ γ^(ξ/ω, ω) η^(ω) |ω|^−m dω``: one linear functional of ω ↦ γ^(ξ/ω, ω),
in which space the inner product of parameter space has the weight |ω|^−m. What the functional
annihilates is invisible; what is left is a multiple of conj η^.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_points, as_real_array, one_of, positive, positive_int
from ridgeflow.errors import AccuracyWarning, AdmissibilityError
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility, admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.direct import polynomial_sum
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.relatives import as_columns, ridge_network
from ridgeflow.transforms.ridgelet import ridgelet_transform
from ridgeflow.transforms.spectrum import Spectrum

__all__ = [
    "NullRidgelet",
    "dual_transform",
    "ghost",
    "minimum_norm",
    "null_ridgelet",
    "project_null",
    "project_range",
]

_NODES = 32  # Gauss-Legendre nodes of a panel of wave numbers
_PHASE = 20.0  # radians that a panel spans at the largest offset
_BLOCK = 1 << 22  # numbers that the projection holds at a time
_NOISE = 1e-14


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
    of infinite-dimensional null space*, 2021, Section 3.

    Examples
    --------
    >>> rho = null_ridgelet("relu", 2, by="combination")
    >>> k = [admissibility("relu", psi) for psi in rho.ridgelets]
    >>> abs(np.dot(k, rho.coefficients)) < 1e-12 * abs(k[0])
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
    of infinite-dimensional null space*, 2021, Section 3.

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
    _require_null(eta, ridgelet)
    parts = [ridgelet_transform(field, rho, grid, tol=tol).values for rho in ridgelet.ridgelets]
    values = sum(c * part for c, part in zip(ridgelet.coefficients, parts, strict=True))
    values = np.asarray(values).astype(parts[0].dtype, copy=False)
    return Spectrum(values, grid, ridgelet.ridgelets[0])


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


def dual_transform(spectrum: Spectrum, activation: str | Activation, points: ArrayLike) -> NDArray:
    r"""The dual transform :math:`S[\gamma;\eta](x) = \int\gamma(a,b)\,\eta(a\cdot x-b)\,da\,db`.

    Unlike :func:`reconstruct` it divides by no K, and so tells what a ghost reconstructs.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar or cartesian grid.
    activation : str or Activation
        :math:`\eta`, with pointwise values.
    points : array_like, shape (n, m)

    Returns
    -------
    ndarray, shape (n,) or (n, k)

    Raises
    ------
    ValueError
        If the nodes carry no weights, or the activation has no values.

    Notes
    -----
    A polar grid stands for all directions, by the symmetry of its ridgelet: only the part of
    :math:`\eta` with that parity is summed.

    **Accuracy.** That of the grid's quadrature, with the kink term of non-smooth activations.
    **Cost.** O(n P).

    See Also
    --------
    reconstruct

    References
    ----------
    S. Sonoda and N. Murata (2017), Definition 4.2 (dual ridgelet transform).

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
    grid = spectrum.grid
    weights = grid.weights
    if weights is None:
        raise ValueError(
            "the dual transform needs quadrature weights, got a spectrum on plain nodes (use a "
            "polar or cartesian ParameterGrid)"
        )
    x = as_points(points, "points", spectrum.dim).astype(np.float64)
    c = as_columns(spectrum.values, 1) * weights[:, None]
    seen = not grid.half or spectrum.ridgelet.parity == eta.parity
    columns = np.zeros((len(x), c.shape[1]))
    if seen and eta.parity is not None:
        columns = ridge_network(eta, grid.a, grid.b, c, x)
    if grid.half and eta.polynomial:
        # eta = p + (a part of one parity): p z^i has the parity of i.
        odd = spectrum.ridgelet.parity == "odd"
        left_out = [0.0 if (i % 2 == 1) == odd else q for i, q in enumerate(eta.polynomial)]
        kept = [q - r for q, r in zip(eta.polynomial, left_out, strict=True)]
        sign, part = (-1.0, left_out) if seen and eta.parity is not None else (1.0, kept)
        if any(part):
            columns = columns + sign * polynomial_sum(tuple(part), grid.a, grid.b, c, x)
    if np.iscomplexobj(spectrum.values):
        half = columns.shape[1] // 2
        columns = columns[:, :half] + 1j * columns[:, half:]
    return columns.reshape(len(x), *spectrum.component_shape)


def project_range(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    truncated: bool = False,
    tol: float = 1e-3,
) -> Spectrum:
    r"""The part of a parameter distribution that its output determines, :math:`S^*(SS^*)^{-1}S\gamma`.

    .. math:: \hat\gamma_\parallel(\xi/\omega,\omega) = \overline{\hat\eta(\omega)}\;
              \frac{\int \hat\gamma(\xi/\omega',\omega')\,\hat\eta(\omega')|\omega'|^{-m}d\omega'}
                   {\int |\hat\eta(\omega')|^2 |\omega'|^{-m} d\omega'}

    is the orthogonal projection onto the orthogonal complement of the null space, the distribution
    of least norm with the same :math:`S[\gamma;\eta]`. For :math:`\gamma = R[f;\psi]` it is
    :math:`(K(\eta,\psi)/c)\,R[f;\eta]`, :math:`c = K(\eta,\eta,m)`.

    Parameters
    ----------
    spectrum : Spectrum
        :math:`\gamma`, on a polar grid, with the parity of its ridgelet.
    activation : str or Activation
        :math:`\eta`.
    truncated : bool
        Project in the space of parameters whose scales are those of the grid, where both integrals
        are finite for every activation.
    tol : float
        Size of the result at the last offsets, relative to its maximum, above which to warn.

    Returns
    -------
    Spectrum
        On the same grid, with the same ridgelet (so that :func:`reconstruct` divides by the K of
        the given spectrum), without record.

    Raises
    ------
    AdmissibilityError
        If c diverges and ``truncated`` is False: S is then unbounded, its null space is dense, and
        there is no distribution of least norm. It diverges for every activation of the list, and
        converges for derivatives of high enough order, such as
        ``activation("gaussian").derivative()`` for m = 1. Also for cos, sin and linear, whose
        transforms are no functions.
    ValueError
        If the grid is not polar.

    Warns
    -----
    AccuracyWarning
        If the result does not decay within the offsets of the grid.

    Notes
    -----
    The transform in b is evaluated at wave numbers :math:`k = \rho_s\omega` common to all scales,
    octaves of Gauss-Legendre panels; the sums over the grid's scales take the place of both
    integrals, so that the projection is that of the discrete scales. What it loses is the part of
    the result beyond the last offsets.

    **Accuracy.** Measured in m = 1, 2 on grids for tol = 1e-6 with ridgelets of Gaussian decay:
    idempotent, orthogonal and invisible to about 1e-6 for finite c; with ``truncated`` to about
    1e-3 for tanh and ReLU, whose least-norm distributions have algebraic tails in b.

    **Cost.** O(P n_k), n_k ~ 40 per octave of wave numbers plus band times radius.

    See Also
    --------
    project_null, minimum_norm

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role
    of infinite-dimensional null space*, 2021, Section 3; *Ridge regression with over-parametrized
    two-layer networks converge to ridgelet spectrum*, AISTATS 2021, Theorem 3.1 (least norm).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta = rf.activation("gaussian").derivative()
    >>> psi = rf.admissible_ridgelet(eta, 1)
    >>> s = rf.ridgelet_transform(law, psi, rf.ParameterGrid.for_field(law, eta, psi, 1e-4))
    >>> least = project_range(s, eta)
    >>> bool(least.norm() < s.norm())
    True
    """
    eta = _activation(activation)
    tol = positive(tol, "tol")
    if spectrum.grid.kind != "polar":
        raise ValueError(
            f"the projection needs a polar grid, got a spectrum on {spectrum.grid.kind} nodes "
            "(ParameterGrid.polar or ParameterGrid.for_field)"
        )
    _require_projection(eta, spectrum.dim, truncated)
    if spectrum.ridgelet.parity != eta.parity:
        values = np.zeros_like(spectrum.values)
    else:
        values = _projected(spectrum, eta, tol)
    return Spectrum(values, spectrum.grid, spectrum.ridgelet)


def project_null(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    truncated: bool = False,
    tol: float = 1e-3,
) -> Spectrum:
    r"""The part of a parameter distribution that no output shows, :math:`\gamma - \gamma_\parallel`.

    Parameters
    ----------
    spectrum, activation, truncated, tol
        As for :func:`project_range`.

    Returns
    -------
    Spectrum
        The orthogonal projection onto the null space; with :func:`project_range` it adds up to the
        given spectrum exactly.

    Raises
    ------
    AdmissibilityError, ValueError
        As :func:`project_range`.

    Warns
    -----
    AccuracyWarning
        As :func:`project_range`.

    Notes
    -----
    **Accuracy**, **Cost.** As :func:`project_range`.

    See Also
    --------
    project_range, ghost

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role
    of infinite-dimensional null space*, 2021, Section 3.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta = rf.activation("gaussian").derivative()
    >>> psi = rf.admissible_ridgelet(eta, 1)
    >>> s = rf.ridgelet_transform(law, psi, rf.ParameterGrid.for_field(law, eta, psi, 1e-4))
    >>> bool(abs(rf.reconstruct(project_null(s, eta), eta, [[0.3]])[0]) < 1e-3)
    True
    """
    visible = project_range(spectrum, activation, truncated=truncated, tol=tol)
    values = spectrum.values - visible.values
    return Spectrum(values, spectrum.grid, spectrum.ridgelet)


def minimum_norm(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    truncated: bool = False,
    tol: float = 1e-3,
) -> Spectrum:
    r"""The parameter distribution of least norm with the same output :math:`S[\gamma;\eta]`.

    It is :math:`S^*(SS^*)^{-1}S\gamma`, the same as :func:`project_range`.

    Parameters
    ----------
    spectrum, activation, truncated, tol
        As for :func:`project_range`.

    Returns
    -------
    Spectrum

    Raises
    ------
    AdmissibilityError, ValueError
        As :func:`project_range`.

    Warns
    -----
    AccuracyWarning
        As :func:`project_range`.

    Notes
    -----
    **Accuracy**, **Cost.** As :func:`project_range`.

    See Also
    --------
    project_range

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with over-parametrized two-layer networks
    converge to ridgelet spectrum*, AISTATS 2021, Theorem 3.1.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta, psi = rf.activation("tanh"), rf.admissible_ridgelet("tanh", 1)
    >>> s = rf.ridgelet_transform(law, psi, rf.ParameterGrid.for_field(law, eta, psi, 1e-3))
    >>> minimum_norm(s, eta, truncated=True).norm() < s.norm()
    True
    """
    return project_range(spectrum, activation, truncated=truncated, tol=tol)


def _require_projection(eta: Activation, dim: int, truncated: bool) -> None:
    if eta.point_masses or eta.parity is None:
        raise AdmissibilityError(
            f"`activation` must have a Fourier transform that is a function off the origin, got "
            f"{eta.name!r} (no projection in L2 of parameter space exists)"
        )
    if truncated:
        return
    growth = -2 * eta.origin_order - dim
    if growth <= -1 or not eta.smooth:
        where = f"|omega|^{growth} at the origin" if growth <= -1 else "at infinity"
        raise AdmissibilityError(
            f"`activation` must make K(eta, eta, {dim}) finite, got a divergent integral for "
            f"{eta.name!r}, {where}: there is no parameter distribution of least norm (pass "
            "truncated=True to project among the scales of the grid, or take a derivative of the "
            "activation)"
        )


def _projected(spectrum: Spectrum, eta: Activation, tol: float) -> NDArray:
    """Values of the projection onto the range of the adjoint."""
    grid = spectrum.grid
    columns = as_columns(spectrum.values, 1)
    components = columns.shape[1]
    blocks = [
        np.moveaxis(columns[lo:hi].reshape(len(grid.directions), -1, components), 1, 2)
        for lo, hi in zip(grid.starts[:-1], grid.starts[1:], strict=True)
    ]
    k, dk = _wave_numbers(blocks, grid)
    ratio = k / grid.scales[:, None]
    # Beyond the highest frequency of the offsets there is nothing to project.
    known = ratio <= np.pi / grid.step
    response = np.where(known, eta.fourier(np.where(known, ratio, 1.0)), 0.0)
    weight = (grid.scale_weights / grid.scales**grid.dim)[:, None] * ratio ** (1.0 - grid.dim)
    size = (weight * np.abs(response) ** 2).sum(axis=0)
    # With half of the directions, both functionals run over both signs of omega alike.
    functional = np.divide(weight * response, size, out=np.zeros_like(response), where=size > 0)
    out = [np.empty_like(block) for block in blocks]
    rows = max(1, _BLOCK // (components * len(k)))
    phases = 0
    for start in range(0, len(grid.directions), rows):
        part = slice(start, start + rows)
        total: NDArray = np.zeros(())
        for s, block in enumerate(blocks):
            used = int(np.count_nonzero(known[s]))
            phase = np.outer(grid.offsets(s), ratio[s, :used])
            flat = block[part].reshape(-1, phase.shape[0])
            side = grid.step * (flat @ np.cos(phase) - 1j * (flat @ np.sin(phase)))
            if total.ndim == 0:
                total = np.zeros((len(flat), len(k)), complex)
            total[:, :used] += side * functional[s, :used]
            phases += 1
        for s, rho in enumerate(grid.scales):
            used = int(np.count_nonzero(known[s]))
            phase = np.outer(ratio[s, :used], grid.offsets(s))
            side = total[:, :used] * (np.conj(response[s]) * dk / (np.pi * rho))[:used]
            found = side.real @ np.cos(phase) - side.imag @ np.sin(phase)
            out[s][part] = found.reshape(out[s][part].shape)
    largest = max(float(np.abs(block).max()) for block in out)
    edge = max(float(np.abs(block[..., [0, -1]]).max()) for block in out)
    if edge > tol * largest:
        warnings.warn(
            f"the projection has not decayed at the last offsets: {edge / largest:.1e} of its "
            "maximum is left there (transform on a grid with a larger margin or radius)",
            AccuracyWarning,
            stacklevel=4,
        )
    result = np.concatenate([np.moveaxis(block, 2, 1).reshape(-1, components) for block in out])
    if np.iscomplexobj(spectrum.values):
        half = components // 2
        result = result[:, :half] + 1j * result[:, half:]
    return result.reshape(spectrum.values.shape).astype(spectrum.values.dtype, copy=False)


def _wave_numbers(blocks: list[NDArray], grid: ParameterGrid) -> tuple[NDArray, NDArray]:
    """Wave numbers common to all scales, and their quadrature weights."""
    top_frequency = np.pi / grid.step
    powers = [np.abs(np.fft.rfft(block, axis=2)).max(axis=(0, 1)) for block in blocks]
    floor = _NOISE * max(float(power.max()) for power in powers)
    top = 0.0
    for rho, power in zip(grid.scales, powers, strict=True):
        large = np.flatnonzero(power > floor)
        if len(large):
            share = (large[-1] + 1) / (len(power) - 0.5)
            top = max(top, float(rho) * top_frequency * min(1.0, share))
    least = float(grid.scales[0])
    top = max(top, least)
    # Below the first octave no phase reaches 1 at any offset.
    edges = [0.0, least / (least * grid.radius + grid.margin)]
    while edges[-1] < top:
        low = edges[-1]
        high = min(2 * low, top)
        # The offsets of a scale span rho * radius + margin; it is seen where k/rho is in its band.
        phase = (high - low) * (grid.radius + grid.margin * min(top_frequency / low, 1 / least))
        edges.extend(np.linspace(low, high, 1 + int(np.ceil(phase / _PHASE)))[1:].tolist())
        if high == top:
            break
    node, weight = np.polynomial.legendre.leggauss(_NODES)
    edge = np.array(edges)
    half = 0.5 * np.diff(edge)
    middle = 0.5 * (edge[1:] + edge[:-1])
    return (middle[:, None] + half[:, None] * node).ravel(), (half[:, None] * weight).ravel()
