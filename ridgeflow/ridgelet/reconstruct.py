"""The reconstruction of a function from its spectrum, by profiles, by waves, or as a network."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import as_points, instance_of, one_of, positive
from ridgeflow.columns import from_columns, is_single, real_columns
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.ridgelet.errors.lost_energy import warn_of_lost_energy
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual, as_dual
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.cartesian_sums import (
    far_from_lattice,
    has_lattice,
    lattice_dual,
    takes_lattice,
)
from ridgeflow.ridgelet.sums.direct_sums import network_sum
from ridgeflow.ridgelet.sums.far_points import evaluate, require_phase
from ridgeflow.ridgelet.sums.fourier_profiles import spectrum_profiles

__all__ = ["backproject", "checked_way", "reconstruct", "shaped"]


@takes_collections
@with_progress("reconstruction")
def reconstruct(
    spectrum: Spectrum,
    activation: str | Activation,
    points: ArrayLike,
    *,
    method: str = "auto",
    dual: str | CorrectedDual = "plain",
    progress: Progress = None,
) -> NDArray:
    r"""Reconstruction :math:`f(x) = \frac1K \int \gamma(a,b)\,\eta(a\cdot x - b)\,da\,db`.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar or cartesian grid.
    activation : str or Activation
        :math:`\eta`, admissible with the spectrum's ridgelet.
    points : array_like, shape (n, m)
        Where to evaluate.
    method : {"auto", "fast", "direct"}
        "fast" (polar grids): sums scales and offsets on the Fourier side into one profile for each
        direction, the integral over b exactly; on cartesian grids with m <= 3 it equals the direct
        sum to 1e-12 of :math:`\sum_j |c_j| \max|\eta|`. "direct": the network sum over all nodes,
        with the kink term of non-smooth activations (see :class:`ErrorBudget`). "auto": fast where
        it applies; on cartesian grids, where it takes fewer operations.
    dual : {"plain", "corrected"} or CorrectedDual
        "plain" divides by K; "corrected" by the discrete transfer function of the grid's scales,
        which makes few of them exact on the field's band ("fast" alone). See
        :func:`corrected_dual` for its options and for the amplification that it needs.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (n,) or (n, k)

    Raises
    ------
    AdmissibilityError
        If K diverges or is zero.
    ValueError
        If the nodes carry no weights, "fast" is asked for where it does not apply, or the
        scales do not cover the wave numbers that the corrected dual has to.

    Warns
    -----
    AccuracyWarning
        If the grid loses more than 1 % of the energy of the field that was transformed; the message
        names a grid that does not.

    Notes
    -----
    Polar grids store half of the directions, on which the polynomial part of the activation (z/2 of
    ReLU, 1/2 of the sigmoid) would not cancel: the ridgelet annihilates it, and it is left out.

    **Accuracy.** :meth:`Spectrum.error_budget`.

    **Cost.** "fast": O(n U) after O(P log P); on cartesian grids O(L P) for about
    :math:`L = \max|a\cdot x - b|` waves, or, for activations with a kink, :math:`O(n^{1-1/m} P)`
    on a grid of points. "direct": O(n P).

    See Also
    --------
    ridgelet_transform, reconstruct_gradient, corrected_dual, ShallowNetwork.from_spectrum

    References
    ----------
    S. Sonoda and N. Murata (2017), Theorem 5.6 (reconstruction formula).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> eta = rf.activation("tanh")
    >>> psi = rf.admissible_ridgelet(eta, 1)
    >>> s = rf.ridgelet_transform(law, psi, rf.ParameterGrid.for_field(law, eta, psi, 1e-4))
    >>> error = rf.reconstruct(s, eta, [[0.3]]) - law.pdf([[0.3]])
    >>> bool(abs(error[0]) < 1e-4)
    True
    """
    eta = _activation(activation)
    grid = instance_of(spectrum, "spectrum", Spectrum).grid
    x, way = checked_way(spectrum, points, method, dual)
    if way == "lattice":
        return shaped(_on_lattice(spectrum, eta, x, method), spectrum, x)
    require_phase(spectrum, eta, x)
    corrected = as_dual(dual, spectrum, eta)
    if grid.kind == "polar":
        warn_of_lost_energy(spectrum, eta, corrected)
    if way == "profiles":
        columns = evaluate(spectrum, eta, x, corrected)
    else:
        columns = network_sum(spectrum, eta, x, real_columns(spectrum.values))
    return shaped(columns, spectrum, x)


# Nodes x method: which sum is taken. A lattice is a cartesian grid that has fast sums.
_WAYS = {
    ("polar", "auto"): "profiles",
    ("polar", "fast"): "profiles",
    ("polar", "direct"): "network",
    ("lattice", "auto"): "lattice",
    ("lattice", "fast"): "lattice",
    ("lattice", "direct"): "network",
    ("cartesian", "auto"): "network",
    ("cartesian", "direct"): "network",
    ("nodes", "auto"): "network",
    ("nodes", "direct"): "network",
}


def checked_way(
    spectrum: Spectrum, points: ArrayLike, method: str, dual: str | CorrectedDual
) -> tuple[NDArray, str]:
    """Points (n, m), and the way of the table that is taken."""
    one_of(method, "method", ("auto", "fast", "direct"))
    x = as_points(points, "points", spectrum.dim)
    if isinstance(dual, str):
        one_of(dual, "dual", ("plain", "corrected"))
    else:
        instance_of(dual, "dual", str, CorrectedDual)
    kind = spectrum.grid.kind
    way = _WAYS.get(("lattice" if has_lattice(spectrum.grid) else kind, method))
    if way is None:
        raise ValueError(
            "method 'fast' needs a polar grid (reconstruct: or a cartesian one in at most three "
            f"variables), got {kind} nodes (use 'direct')"
        )
    if way != "profiles" and not (isinstance(dual, str) and dual == "plain"):
        raise ValueError(
            f"the corrected dual needs method 'fast' on a polar grid, got {method!r} on {kind} "
            "nodes (a direct sum has no wave numbers to correct)"
        )
    return x, way


def _on_lattice(spectrum: Spectrum, eta: Activation, x: NDArray, method: str) -> NDArray:
    """Waves reach as far as the points do, a direct sum costs the same everywhere: (n, C)."""
    grid, psi, values = spectrum.grid, spectrum.ridgelet, real_columns(spectrum.values)
    far = far_from_lattice(grid, x) & (eta.code >= 0)
    columns = np.empty((len(x), values.shape[1]))
    if far.any():
        columns[far] = network_sum(spectrum, eta, x[far], values)
    if not far.all():
        near = x[~far]
        if takes_lattice(grid, eta, near, values.shape[1], psi, method):
            found = lattice_dual(grid, eta, values, near, psi) / admissibility(eta, psi)
        else:
            found = network_sum(spectrum, eta, near, values)
        columns[~far] = found
    return columns


def shaped(columns: NDArray, spectrum: Spectrum, x: NDArray) -> NDArray:
    """Real columns (n, C) as values (n,) or (n, k) of the spectrum's own type."""
    single = is_single(spectrum.values) and x.dtype == np.float32
    values = from_columns(columns, spectrum.values, spectrum.component_shape, single=single)
    if not np.isfinite(values).all():
        raise ValueError(
            f"`points` must lie where the reconstruction fits {values.real.dtype}, got "
            f"{int(np.count_nonzero(~np.isfinite(values)))} values beyond it"
        )
    return values


def backproject(
    spectrum: Spectrum,
    activation: str | Activation,
    radius: float,
    *,
    band: float | None = None,
    dual: str | CorrectedDual = "plain",
    single: bool = False,
) -> Backprojection:
    r"""The reconstruction as one profile for each direction, valid within ``radius`` of the center.

    .. math:: f(x) = \sum_u g_u(u\cdot(x - c)),\qquad g_u(p) = \frac{2 w_u}{K} \sum_s \rho_s^m
              \Delta\log\rho_s\,\frac1{2\pi}\int \hat\gamma_{us}(\omega)\,\hat\eta(\omega)\,
              e^{i\omega\rho_s p}\,d\omega

    Parameters
    ----------
    spectrum : Spectrum
        On a polar grid.
    activation : str or Activation
        Admissible with the spectrum's ridgelet.
    radius : float
        Where the profiles are needed.
    band : float, optional
        Wave number that the profiles resolve; by default the highest that the spectrum carries.
    dual : {"plain", "corrected"} or CorrectedDual
        Divide by K, or by the grid's own transfer function (see :func:`corrected_dual`).
    single : bool
        Profiles of single precision, of a third of the memory.

    Returns
    -------
    Backprojection
        One column for each real component.

    Raises
    ------
    AdmissibilityError
        If the pair is not admissible.
    ValueError
        If the corrected dual is out of reach of the grid's scales.

    Notes
    -----
    **Accuracy.** The integral over b is exact for spectra that decay within their offsets; profiles
    are piecewise polynomials of degree 11, accurate to 1e-12 of their maximum for waves up to half
    the band, to 6e-10 at the band; in single precision of degree 7, to 6e-8 and to 1.3e-5.

    **Cost.** O(P log P): an FFT per direction and scale, and six per direction.
    """
    eta = _activation(activation)
    corrected = as_dual(dual, instance_of(spectrum, "spectrum", Spectrum), eta)
    radius = positive(radius, "radius")
    band = None if band is None else positive(band, "band")
    (profiles,) = spectrum_profiles(
        spectrum, eta, radius, band=band, corrected=corrected, whole=True, single=single
    )
    return profiles
