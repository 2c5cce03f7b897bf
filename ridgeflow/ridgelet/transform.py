"""The ridgelet transform and the reconstruction from its spectrum."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fft import RowFFT, fast_length
from ridgeflow._validate import as_points, fits_in_memory, instance_of, one_of, positive
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.profiles.ridgelet import Ridgelet, as_ridgelet
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.radon_transform.dot_test import in_single, is_single
from ridgeflow.radon_transform.fourier_slices import FourierSlices, fourier_slices
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples, with_energy
from ridgeflow.ridgelet.errors.diagnostics import field_record
from ridgeflow.ridgelet.errors.lost_energy import warn_of_lost_energy
from ridgeflow.ridgelet.errors.node_resolution import warn_of_unresolved_nodes
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual, as_dual
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.provenance import transformed
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.cartesian_sums import (
    far_from_lattice,
    has_lattice,
    lattice_dual,
    lattice_transform,
    takes_lattice,
    transform_pays,
)
from ridgeflow.ridgelet.sums.direct_sums import direct_transform, network_sum
from ridgeflow.ridgelet.sums.far_points import evaluate, require_phase
from ridgeflow.ridgelet.sums.fourier_profiles import spectrum_profiles
from ridgeflow.ridgelet.sums.mixture_spectra import exact_transform
from ridgeflow.ridgelet.sums.point_spectra import sample_spectrum

__all__ = ["backproject", "prepared", "reconstruct", "ridgelet_transform", "shaped"]

Field = GridField | SampleField | GaussianMixture


def ridgelet_transform(
    field: Field,
    ridgelet: Ridgelet,
    grid: ParameterGrid | tuple[ArrayLike, ArrayLike],
    *,
    method: str = "auto",
    tol: float = 1e-8,
    bandwidth: float | None = None,
) -> Spectrum:
    r"""Ridgelet transform :math:`R[f;\psi](a,b) = \int f(x)\,\overline{\psi(a\cdot x - b)}\,dx`.

    Parameters
    ----------
    field : GridField, SampleField or GaussianMixture
        f. A mixture stands for its density; samples for the measure
        :math:`\sum_i w_i f(x_i)\delta_{x_i}`, smoothed where a bandwidth is given. A measure has
        energy at every wave number: what is reconstructed of it follows the scales of the grid, and
        has no error budget.
    ridgelet : Ridgelet
        :math:`\psi`, of the field's dimension.
    grid : ParameterGrid or (a, b)
        Nodes; a pair of arrays (P, m) and (P,) stands for plain nodes.
    method : {"auto", "exact", "slice", "direct"}
        "exact": the closed form of Gaussian mixtures. "slice": for gridded fields and samples on
        polar grids, :math:`R[f;\psi](\rho u, b) = \frac1{2\pi}\int \hat f(\omega\rho u)\,
        \overline{\hat\psi(\omega)}\,e^{i\omega b}\,d\omega`, one Fourier series in b per scale,
        whose period exceeds the extent of field and ridgelet at that scale; on cartesian grids with
        m <= 3 the same for all nodes at once, equal to the direct sum. "direct": the sum over
        samples, the reference for all others. "auto" takes the first that applies; on cartesian
        grids, what takes fewer operations.
    tol : float
        Error of the values relative to their maximum.
    bandwidth : float, optional
        For samples only, in the unit of x: f is the measure smoothed by a Gaussian of this standard
        deviation, as for :func:`radon`, a function with an error budget.

    Returns
    -------
    Spectrum
        Values (P,) or (P, k); float32 or complex64 where the samples of the field are.

    Raises
    ------
    TypeError
        If the field is of another kind.
    ValueError
        If the ridgelet has another dimension than the field, the method does not apply, or a
        bandwidth comes with another field than samples.
    MemoryBudgetError
        If the spectrum does not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        If the samples of a gridded field carry energy up to their highest wave number; on plain
        and cartesian nodes, unless a method is named, if they leave more than 1 % of the largest
        value undecided, with the scale at which they do.

    Notes
    -----
    **Accuracy.** "exact": rounding. "slice": for a band-limited field, the tail of the ridgelet
    that
    is wrapped around the period, below ``tol`` (and below 1e-13 for the ridgelets of
    :func:`admissible_ridgelet`). "direct": rounding, for the measure that the samples are.

    **Cost.** "exact": O(P K). "slice": one product of a (U, n) by an (n, n_k) matrix per scale, and
    an FFT per direction and scale (scattered samples: O(N U m) and O(P log P)); on cartesian grids
    O(L P) and a transform of the samples for each of about L = max :math:`|a\cdot x - b|` waves.
    "direct": O(P N).

    See Also
    --------
    reconstruct, ParameterGrid.for_field

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017), Definition 4.1. S. Sonoda, I. Ishikawa and
    M. Ikeda, *A unified Fourier slice method to derive ridgelet transform for a variety of
    depth-2 neural networks*, J. Stat. Plan. Inference (2024), Section 2.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 1), ([[1.0]], [0.5]))
    >>> s.values.shape
    (1,)
    """
    if not isinstance(field, (GridField, SampleField, GaussianMixture)):
        raise TypeError(
            "`field` must be a GridField, a SampleField or a GaussianMixture, got "
            f"{type(field).__name__} (sample a callable with GridField.from_function, or use "
            "IntegralRepresentation)"
        )
    if not isinstance(grid, ParameterGrid):
        if not (isinstance(grid, (tuple, list)) and len(grid) == 2):
            raise TypeError(
                "`grid` must be a ParameterGrid or a pair of arrays (a, b), got "
                f"{type(grid).__name__}"
            )
        grid = ParameterGrid.nodes(*grid)
    for name, dim in (("ridgelet", as_ridgelet(ridgelet).dim), ("grid", grid.dim)):
        if dim != field.dim:
            raise ValueError(
                f"`{name}` must have the dimension {field.dim} of the field, got {dim}"
            )
    tol = positive(tol, "tol")
    if tol >= 1:
        raise ValueError(f"`tol` must be less than 1, got {tol:g}")
    one_of(method, "method", ("auto", "exact", "slice", "direct"))
    source = with_energy(field, bandwidth)
    closed = isinstance(source, (GaussianMixture, SmoothedSamples))
    # Who names a way to sum over the samples has their sum, for the measure that they are.
    asked = method != "auto"
    by_slices = not isinstance(field, GaussianMixture) and (
        grid.kind == "polar" or (has_lattice(grid) and not closed)
    )
    if method == "auto" and closed and not by_slices:
        method = "exact"
    elif method == "auto":
        pays = by_slices and (
            grid.kind == "polar" or transform_pays(field, ridgelet, grid, tol)  # type: ignore[arg-type]
        )
        method = "slice" if pays else "direct"
    if method == "exact" and not closed:
        raise ValueError(
            "method 'exact' needs a GaussianMixture, or samples with a bandwidth, got "
            f"{type(field).__name__} (use 'slice' or 'direct')"
        )
    if method == "slice" and not by_slices:
        raise ValueError(
            "method 'slice' needs a GridField or a SampleField on a polar grid, or on a cartesian "
            f"one in at most three variables, got {type(field).__name__} on {grid.kind} nodes in "
            f"{grid.dim} (use 'auto')"
        )
    if method == "direct" and closed:
        what = "a bandwidth" if bandwidth is not None else "a GaussianMixture"
        raise ValueError(
            f"method 'direct' needs samples as they are, got {what} (use 'exact', or sample the "
            "density of a law with GridField.from_function(law.pdf, axes))"
        )
    components = int(np.prod(field.component_shape))
    if not isinstance(field, GaussianMixture) and np.iscomplexobj(field.values):
        components *= 2
    # Polar grids are walked by direction, scale and offset; on others methods list their nodes.
    listed = grid.kind != "polar" and method != "slice"
    listed = listed or (method == "exact" and bandwidth is not None)
    fits_in_memory(
        8.0 * grid.size * (components + (field.dim + 2 if listed else 0)),
        f"a spectrum of {grid.size} nodes",
        "take fewer directions, scales or offsets, or raise memory_budget",
    )
    slices = None
    if isinstance(source, (GaussianMixture, SmoothedSamples)) and method == "exact":
        values = exact_transform(source, ridgelet, grid)
        if grid.kind == "polar":
            slices = fourier_slices(source, grid.directions, grid.center, tol)
    elif isinstance(source, (GridField, SampleField)) and method == "direct":
        values = direct_transform(source, ridgelet, grid)
    elif isinstance(source, (GridField, SampleField)) and grid.kind == "cartesian":
        values = _as_field(lattice_transform(source, ridgelet, grid, tol), source)
    elif isinstance(source, SampleField):
        # Point masses have no decay of their own to tell the accuracy of a reconstruction from.
        values = sample_spectrum(source, ridgelet, grid, tol)
    else:
        slices = fourier_slices(source, grid.directions, grid.center, tol)
        values = _from_slices(slices, ridgelet, grid, tol)
    if isinstance(source, SmoothedSamples):
        values = _as_field(values, source.samples)
    elif isinstance(source, GridField) and slices is not None:
        values = _as_field(values, source)
    if isinstance(source, GridField) and grid.kind != "polar" and not asked:
        warn_of_unresolved_nodes(source, ridgelet, grid, values, tol)
    record = None
    if slices is not None and not isinstance(source, SampleField):
        record = field_record(source, slices, values, grid, tol)
        if record.sampling > max(tol, 1e-6):
            warnings.warn(
                f"the samples of the field leave a relative L2 error of {record.sampling:.1e}: its "
                f"energy reaches the highest wave number {slices.band:.3g} that they resolve "
                "(sample more finely, or smooth the edges with a Region)",
                AccuracyWarning,
                stacklevel=2,
            )
    return Spectrum(values, grid, ridgelet, record, transformed(field, method, tol, bandwidth))


def _as_field(columns: NDArray, field: GridField | SampleField) -> NDArray:
    """Columns of real components as the field's own type and shape."""
    if np.iscomplexobj(field.values):
        half = columns.shape[1] // 2
        columns = columns[:, :half] + 1j * columns[:, half:]
    if is_single(field.values):
        columns = in_single(columns)
    return columns.reshape(-1, *field.component_shape)


def _from_slices(
    slices: FourierSlices, ridgelet: Ridgelet, grid: ParameterGrid, tol: float
) -> NDArray:
    """Spectrum (P, C) on a polar grid, one Fourier series in b for each scale."""
    components = slices.projections.shape[2]
    values = np.empty((grid.size, components))
    reach = ridgelet.decay_radius(tol)
    # A step that does not resolve the ridgelet is refined internally, then thinned out again.
    finer = max(1, int(np.ceil(grid.step * ridgelet.bandlimit(min(tol, 1e-14)) / np.pi)))
    step = grid.step / finer
    for s, rho in enumerate(grid.scales):
        outer = int(grid.half_counts[s]) * finer
        length = max(2.0 * outer + 1, outer + np.ceil((rho * slices.radius + reach) / step) + 1)
        fits_in_memory(
            24.0 * len(grid.directions) * components * length,
            f"the spectrum of a field of radius {slices.radius:.3g} on offsets {grid.step:g} apart",
            "take a smaller bandwidth or field, or a larger step",
        )
        n = fast_length(int(length))
        omega = 2 * np.pi * np.arange(n // 2 + 1) / (n * step)
        used = int(np.searchsorted(rho * omega, slices.band, side="right"))
        plan = RowFFT(len(grid.directions) * components, n)
        side = plan.spectrum.reshape(len(grid.directions), components, -1)
        side[:, :, :used] = np.moveaxis(slices.at(rho * omega[:used]), 2, 1)
        side[:, :, :used] *= np.conj(ridgelet.fourier(omega[:used])) / step
        # b runs over both signs: the inverse FFT leaves the negative half at the end.
        series = plan.inverse().reshape(len(grid.directions), components, n)
        index = finer * np.arange(-(outer // finer), outer // finer + 1)
        start, stop = grid.starts[s], grid.starts[s + 1]
        values[start:stop] = np.moveaxis(series[:, :, index], 1, 2).reshape(-1, components)
    return values


def backproject(
    spectrum: Spectrum,
    activation: str | Activation,
    radius: float,
    *,
    band: float | None = None,
    dual: str | CorrectedDual = "plain",
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
    the band, to 6e-10 at the band.

    **Cost.** O(P log P): an FFT per direction and scale, and six per direction.
    """
    eta = _activation(activation)
    corrected = as_dual(dual, instance_of(spectrum, "spectrum", Spectrum), eta)
    radius = positive(radius, "radius")
    band = None if band is None else positive(band, "band")
    (profiles,) = spectrum_profiles(
        spectrum, eta, radius, band=band, corrected=corrected, whole=True
    )
    return profiles


def _columns(values: NDArray) -> NDArray[np.float64]:
    columns = values.reshape(len(values), -1)
    if np.iscomplexobj(columns):
        columns = np.concatenate([columns.real, columns.imag], axis=1)
    return np.ascontiguousarray(columns, dtype=np.float64)


def reconstruct(
    spectrum: Spectrum,
    activation: str | Activation,
    points: ArrayLike,
    *,
    method: str = "auto",
    dual: str | CorrectedDual = "plain",
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
    grid, psi = instance_of(spectrum, "spectrum", Spectrum).grid, spectrum.ridgelet
    values = _columns(spectrum.values)
    one_of(method, "method", ("auto", "fast", "direct"))
    plain = isinstance(dual, str) and dual == "plain"
    if plain and method in ("auto", "fast") and has_lattice(grid):
        x = as_points(points, "points", spectrum.dim)
        # Waves reach as far as the points do, a direct sum costs the same everywhere.
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
        return shaped(columns, spectrum, x)
    x, fast = prepared(spectrum, points, method, dual)
    require_phase(spectrum, eta, x)
    corrected = as_dual(dual, spectrum, eta)
    warn_of_lost_energy(spectrum, eta, corrected)
    if fast:
        columns = evaluate(spectrum, eta, x, corrected)
    else:
        columns = network_sum(spectrum, eta, x, values)
    return shaped(columns, spectrum, x)


def prepared(
    spectrum: Spectrum, points: ArrayLike, method: str, dual: str | CorrectedDual
) -> tuple[NDArray, bool]:
    """Points (n, m), and whether the fast way is taken."""
    one_of(method, "method", ("auto", "fast", "direct"))
    x = as_points(points, "points", spectrum.dim)
    polar = spectrum.grid.kind == "polar"
    if method == "fast" and not polar:
        raise ValueError(
            "method 'fast' needs a polar grid (reconstruct: or a cartesian one in at most three "
            f"variables), got {spectrum.grid.kind} nodes (use 'direct')"
        )
    if isinstance(dual, str):
        one_of(dual, "dual", ("plain", "corrected"))
    else:
        instance_of(dual, "dual", str, CorrectedDual)
    fast = polar and method != "direct"
    if not (fast or (isinstance(dual, str) and dual == "plain")):
        raise ValueError(
            f"the corrected dual needs method 'fast' on a polar grid, got {method!r} on "
            f"{spectrum.grid.kind} nodes (a direct sum has no wave numbers to correct)"
        )
    return x, fast


def shaped(columns: NDArray, spectrum: Spectrum, x: NDArray) -> NDArray:
    """Real columns (n, C) as values (n,) or (n, k) of the spectrum's own type."""
    if np.iscomplexobj(spectrum.values):
        half = columns.shape[1] // 2
        columns = columns[:, :half] + 1j * columns[:, half:]
    if is_single(spectrum.values) and x.dtype == np.float32:
        with np.errstate(over="ignore"):
            columns = in_single(columns)
    if not np.isfinite(columns).all():
        raise ValueError(
            f"`points` must lie where the reconstruction fits {columns.real.dtype}, got "
            f"{int(np.count_nonzero(~np.isfinite(columns)))} values beyond it"
        )
    return columns.reshape(len(columns), *spectrum.component_shape)
