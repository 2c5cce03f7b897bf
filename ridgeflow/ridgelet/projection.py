"""Projections of parameter distributions onto the null space of the dual, and off it.

Off the origin the dual acts on each wave vector by itself. With the transform of γ in b,
``S[γ;η]^(ξ) = (2π)^(m−1) ∫ γ^(ξ/ω, ω) η^(ω) |ω|^−m dω``: one linear functional of ω ↦ γ^(ξ/ω, ω),
in which space the inner product of parameter space has the weight |ω|^−m. What the functional
annihilates is invisible; what is left is a multiple of conj η^.
"""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray

from ridgeflow._products import product
from ridgeflow._validate import below_one, flag, instance_of, positive
from ridgeflow.columns import real_columns, rejoined
from ridgeflow.errors import AccuracyWarning, AdmissibilityError
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.provenance import derived
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = ["WaveNumbers", "minimum_norm", "project_null", "project_range"]

_NODES = 32  # Gauss-Legendre nodes of a panel of wave numbers
_PHASE = 20.0  # radians that a panel spans at the largest offset
_BLOCK = 1 << 22  # numbers that the projection holds at a time
_NOISE = 1e-14


def project_range(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    truncated: bool = False,
    tol: float = 1e-3,
) -> Spectrum:
    r"""The part of a parameter distribution that its output determines.

    .. math:: \gamma_\parallel = S^*(SS^*)^{-1}S\gamma,\qquad
              \hat\gamma_\parallel(\xi/\omega,\omega) = \overline{\hat\eta(\omega)}\;
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
        Estimated norm of what lies beyond the last offsets, relative to that of the spectrum,
        above which to warn.

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

    **Accuracy.** Measured for mixtures in m = 1, 2 on :meth:`ParameterGrid.for_field` grids of
    tol = 1e-6. For derivatives of the Gaussian, idempotent to 3e-5 or better of the norm (4e-10 for
    the second in m = 1), orthogonal to 3e-9, and the null part invisible to 1e-13 within the ball
    that the grid holds, where a local activation does not reach the cut. With ``truncated``,
    idempotent to 5e-4 for tanh and 1e-4 for ReLU, but 3e-2 for the Gaussian, whose least-norm
    distribution hardly decays in b. Growing or sigmoidal activations see the tails that the offsets
    cut: the null part of tanh leaves 7e-5 of the output in m = 1 and 3e-2 in m = 2, on a grid of
    twice the radius and four times the margin 3e-5 and 7e-3. Tell it by :func:`dual_transform`;
    :func:`reconstruct` takes for granted that the product of both transforms vanishes at the
    origin, which it does not for a projection with ``truncated``. Against the closed form
    :math:`(K/c)R[f;\eta]` the cut of the scales shows, 2e-3 for the first derivative in m = 1.

    **Cost.** O(P n_k), n_k ~ 40 per octave of wave numbers plus band times radius.

    See Also
    --------
    project_null, minimum_norm

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks: existence, structure and role
    of infinite-dimensional null space*, 2021; *Ridge regression with over-parametrized
    two-layer networks converge to ridgelet spectrum*, AISTATS 2021 (least norm).

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
    instance_of(spectrum, "spectrum", Spectrum)
    tol = below_one(positive(tol, "tol"), "tol")
    truncated = flag(truncated, "truncated")
    if spectrum.grid.kind != "polar":
        raise ValueError(
            f"`spectrum` must have a polar grid, got one on {spectrum.grid.kind} nodes "
            "(ParameterGrid.polar or ParameterGrid.for_field)"
        )
    _require_projection(eta, spectrum.dim, truncated)
    if spectrum.ridgelet.parity != eta.parity:
        values = np.zeros_like(spectrum.values)
    else:
        values = _projected(spectrum, eta, tol)
    settings = {"activation": eta.name, "truncated": truncated}
    history = derived("project_range", spectrum.provenance, settings=settings)
    return Spectrum(values, spectrum.grid, spectrum.ridgelet, provenance=history)


def project_null(
    spectrum: Spectrum,
    activation: str | Activation,
    *,
    truncated: bool = False,
    tol: float = 1e-3,
) -> Spectrum:
    r"""The part of a parameter distribution that no output shows.

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
    of infinite-dimensional null space*, 2021.

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
    settings = {"activation": _activation(activation).name, "truncated": truncated}
    history = derived("project_null", spectrum.provenance, settings=settings)
    return Spectrum(values, spectrum.grid, spectrum.ridgelet, provenance=history)


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
    converge to ridgelet spectrum*, AISTATS 2021.

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


class WaveNumbers:
    """The dual on the Fourier side: transforms in b at wave numbers common to all scales.

    ``blocks`` are the values of each scale as (U, C, B) real columns; ``k``, ``dk`` the quadrature;
    ``response`` is eta^(k/rho_s), 0 beyond the band of the offsets.
    """

    def __init__(self, spectrum: Spectrum, eta: Activation) -> None:
        grid = self.grid = spectrum.grid
        columns = real_columns(spectrum.values)
        n_directions, components = len(grid.directions), columns.shape[1]
        self.blocks = [
            np.moveaxis(columns[lo:hi].reshape(n_directions, -1, components), 1, 2)
            for lo, hi in zip(grid.starts[:-1], grid.starts[1:], strict=True)
        ]
        self.k, self.dk = _wave_numbers(self.blocks, grid)
        self.ratio = self.k / grid.scales[:, None]
        known = self.ratio <= np.pi / grid.step
        self.used = np.count_nonzero(known, axis=1)
        self.response = np.where(known, eta.fourier(np.where(known, self.ratio, 1.0)), 0.0)

    def functional(self, weight: NDArray, part: slice) -> NDArray[np.complex128]:
        """sum_s weight_s(k) gamma^_s(k/rho_s) for some directions: (u * C, n_k)."""
        grid = self.grid
        total: NDArray = np.zeros(())
        for s, block in enumerate(self.blocks):
            used = self.used[s]
            phase = np.outer(grid.offsets(s), self.ratio[s, :used])
            flat = block[part].reshape(-1, len(phase))
            if total.ndim == 0:
                total = np.zeros((len(flat), len(self.k)), complex)
            side = product(flat, np.cos(phase)) - 1j * product(flat, np.sin(phase))
            total[:, :used] += side * (grid.step * weight[s, :used])
        return total

    def slabs(self) -> list[slice]:
        """Directions to be held at a time."""
        n_directions, components, _ = self.blocks[0].shape
        rows = max(1, _BLOCK // (components * len(self.k)))
        return [slice(i, min(i + rows, n_directions)) for i in range(0, n_directions, rows)]


def _projected(spectrum: Spectrum, eta: Activation, tol: float) -> NDArray:
    """Values of the projection onto the range of the adjoint."""
    waves = WaveNumbers(spectrum, eta)
    grid, ratio, response = waves.grid, waves.ratio, waves.response
    weight = grid.log_steps[:, None] * ratio ** (1.0 - grid.dim)
    size = (weight * np.abs(response) ** 2).sum(axis=0)
    # With half of the directions, both functionals run over both signs of omega alike.
    weight = np.divide(weight * response, size, out=np.zeros_like(response), where=size > 0)
    out = [np.empty_like(block) for block in waves.blocks]
    for part in waves.slabs():
        total = waves.functional(weight, part)
        for s, rho in enumerate(grid.scales):
            used = waves.used[s]
            phase = np.outer(ratio[s, :used], grid.offsets(s))
            side = total[:, :used] * (np.conj(response[s]) * waves.dk / (np.pi * rho))[:used]
            found = product(side.real, np.cos(phase)) - product(side.imag, np.sin(phase))
            out[s][part] = found.reshape(out[s][part].shape)
    lost = _beyond_offsets(out, grid) / max(spectrum.norm(), np.finfo(float).tiny)
    if lost > tol:
        warnings.warn(
            f"about {lost:.1e} of the spectrum's norm lies beyond the last offsets after the "
            "projection (transform on a grid with a larger margin or radius)",
            AccuracyWarning,
            stacklevel=4,
        )
    components = out[0].shape[1]
    result = np.concatenate([np.moveaxis(block, 2, 1).reshape(-1, components) for block in out])
    if np.iscomplexobj(spectrum.values):
        result = rejoined(result)
    return result.reshape(spectrum.values.shape).astype(spectrum.values.dtype, copy=False)


def _beyond_offsets(blocks: list[NDArray], grid: ParameterGrid) -> float:
    """Norm of tails that go on from the last offsets for as long as the margin."""
    square = 0.0
    for block, weight in zip(blocks, grid.scale_weights, strict=True):
        power = (np.abs(block) ** 2).sum(axis=1)
        edge = power[:, :3].max(axis=1) + power[:, -3:].max(axis=1)
        square += 2 * grid.margin * weight * float(grid.direction_weights @ edge)
    return float(np.sqrt(square))


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
