"""The ridgelet transform and the reconstruction from its spectrum."""

from __future__ import annotations

import warnings
from functools import lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fft import RowFFT, fast_length
from ridgeflow._validate import as_points, fits_in_memory, one_of, positive
from ridgeflow.closed_forms import ridgelet_gaussian_mixture
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.backprojection import Backprojection
from ridgeflow.transforms.diagnostics import field_record
from ridgeflow.transforms.direct import direct_transform, network_sum
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.slices import FourierSlices, fourier_slices, scattered_slices
from ridgeflow.transforms.spectrum import Spectrum

__all__ = ["backproject", "reconstruct", "ridgelet_transform"]

Field = GridField | SampleField | GaussianMixture

# Contributions to a profile below this share of the largest are rounding noise.
_NOISE = 1e-14


def ridgelet_transform(
    field: Field,
    ridgelet: Ridgelet,
    grid: ParameterGrid | tuple[ArrayLike, ArrayLike],
    *,
    method: str = "auto",
    tol: float = 1e-8,
) -> Spectrum:
    r"""Ridgelet transform :math:`R[f;\psi](a,b) = \int f(x)\,\overline{\psi(a\cdot x - b)}\,dx`.

    Parameters
    ----------
    field : GridField, SampleField or GaussianMixture
        f. A mixture stands for its density; samples for the measure
        :math:`\sum_i w_i f(x_i)\delta_{x_i}`.
    ridgelet : Ridgelet
        :math:`\psi`, of the field's dimension.
    grid : ParameterGrid or (a, b)
        Nodes; a pair of arrays (P, m) and (P,) stands for plain nodes.
    method : {"auto", "exact", "slice", "direct"}
        "exact": the closed form of Gaussian mixtures. "slice": for gridded fields and samples on
        polar grids, :math:`R[f;\psi](\rho u, b) = \frac1{2\pi}\int \hat f(\omega\rho u)\,
        \overline{\hat\psi(\omega)}\,e^{i\omega b}\,d\omega`, one Fourier series in b per scale,
        whose period exceeds the extent of field and ridgelet at that scale. "direct": the sum over
        samples, the reference for all others. "auto" takes the first that applies.
    tol : float
        Error of the values relative to their maximum.

    Returns
    -------
    Spectrum
        Values (P,) or (P, k); float32 where the samples of the field are float32.

    Raises
    ------
    TypeError
        If the field is of another kind.
    ValueError
        If the ridgelet has another dimension than the field, or the method does not apply.
    MemoryBudgetError
        If the spectrum does not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        If the samples of a gridded field carry energy up to their highest wave number.

    Notes
    -----
    **Accuracy.** "exact": rounding. "slice": for a band-limited field, the tail of the ridgelet
    that
    is wrapped around the period, below ``tol`` (and below 1e-13 for the ridgelets of
    :func:`admissible_ridgelet`). "direct": rounding, for the measure that the samples are.

    **Cost.** "exact": O(P K). "slice": one product of a (U, n) by an (n, n_k) matrix per scale, and
    an FFT per direction and scale. "direct": O(P N).

    See Also
    --------
    reconstruct, ParameterGrid.for_field

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017), Definition 4.1. S. Sonoda, I. Ishikawa and
    M. Ikeda, *A unified Fourier slice method to derive ridgelet transform for a variety of
    depth-2 neural networks*, J. Stat. Plan. Inference (2024), Section 3.

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
    for name, dim in (("ridgelet", ridgelet.dim), ("grid", grid.dim)):
        if dim != field.dim:
            raise ValueError(
                f"`{name}` must have the dimension {field.dim} of the field, got {dim}"
            )
    positive(tol, "tol")
    one_of(method, "method", ("auto", "exact", "slice", "direct"))
    by_slices = isinstance(field, (GridField, SampleField)) and grid.kind == "polar"
    if method == "auto":
        exact = isinstance(field, GaussianMixture)
        method = "exact" if exact else "slice" if by_slices else "direct"
    if method == "exact" and not isinstance(field, GaussianMixture):
        raise ValueError(
            f"method 'exact' needs a GaussianMixture, got {type(field).__name__} "
            "(use 'slice' or 'direct')"
        )
    if method == "slice" and not by_slices:
        raise ValueError(
            "method 'slice' needs a GridField or a SampleField on a polar grid, got "
            f"{type(field).__name__} on {grid.kind} nodes (use 'auto')"
        )
    if method == "direct" and isinstance(field, GaussianMixture):
        raise ValueError(
            "method 'direct' needs samples, got a GaussianMixture (use 'exact', or sample its "
            "density with GridField.from_function(law.pdf, axes))"
        )
    components = int(np.prod(field.component_shape))
    fits_in_memory(
        8.0 * grid.size * (components + (0 if method == "slice" else field.dim + 2)),
        f"a spectrum of {grid.size} nodes",
        "take fewer directions, scales or offsets, or raise memory_budget",
    )
    if isinstance(field, GaussianMixture):
        values = ridgelet_gaussian_mixture(
            grid.a,
            grid.b,
            ridgelet,
            field.weights,
            field.means,
            field.covariances,
        )
        slices = (
            fourier_slices(field, grid.directions, grid.center, tol)
            if grid.kind == "polar"
            else None
        )
    elif method == "direct":
        values, slices = direct_transform(field, ridgelet, grid), None
    elif isinstance(field, SampleField):
        # Point masses have no decay of their own to tell the accuracy of a reconstruction from.
        band = float(grid.scales[-1]) * ridgelet.bandlimit(1e-2 * tol)
        sampled = scattered_slices(field, grid.directions, grid.center, 0.1 * tol, band)
        values = _as_field(_from_slices(sampled, ridgelet, grid, tol), field)
        slices = None
    else:
        slices = fourier_slices(field, grid.directions, grid.center, tol)
        values = _from_slices(slices, ridgelet, grid, tol)
        values = _as_field(values, field)
    record = None
    if slices is not None:
        record = field_record(field, slices, values, ridgelet, grid, tol)  # type: ignore[arg-type]
        if record.sampling > max(tol, 1e-6):
            warnings.warn(
                f"the samples of the field leave a relative L2 error of {record.sampling:.1e}: its "
                f"energy reaches the highest wave number {slices.band:.3g} that they resolve "
                "(sample more finely, or smooth the edges with a Region)",
                AccuracyWarning,
                stacklevel=2,
            )
    return Spectrum(values, grid, ridgelet, record)


def _as_field(columns: NDArray, field: GridField | SampleField) -> NDArray:
    """Columns of real components as the field's own type and shape."""
    if np.iscomplexobj(field.values):
        half = columns.shape[1] // 2
        columns = columns[:, :half] + 1j * columns[:, half:]
        return columns.reshape(-1, *field.component_shape)
    dtype = np.float32 if field.values.dtype == np.float32 else np.float64
    return columns.reshape(-1, *field.component_shape).astype(dtype, copy=False)


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
        n = fast_length(
            max(2 * outer + 1, outer + int(np.ceil((rho * slices.radius + reach) / step)) + 1)
        )
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


@lru_cache(maxsize=64)
def _response_radius(activation: Activation, ridgelet: Ridgelet) -> float:
    """Radius beyond which the correlation of ridgelet and activation is below 1e-12 of its maximum.

    At most 200: the slowly decaying correlations of non-smooth pairs are cut there.
    """
    step, n = 0.2, 4096
    omega = 2 * np.pi * np.arange(1, n // 2 + 1) / (n * step)
    response = np.zeros(n // 2 + 1, complex)
    response[1:] = np.conj(ridgelet.fourier(omega)) * activation.fourier(omega)
    profile = np.abs(np.fft.irfft(response, n=n)[: n // 2])
    large = np.flatnonzero(profile > 1e-12 * profile.max())
    return min(200.0, step * float(large[-1] + 1))


def backproject(
    spectrum: Spectrum, activation: Activation, radius: float, *, band: float | None = None
) -> Backprojection:
    r"""The reconstruction as one profile for each direction, valid within ``radius`` of the center.

    .. math:: f(x) = \sum_u g_u(u\cdot(x - c)),\qquad g_u(p) = \frac{2 w_u}{K} \sum_s \rho_s^m
              \Delta\log\rho_s\,\frac1{2\pi}\int \hat\gamma_{us}(\omega)\,\hat\eta(\omega)\,
              e^{i\omega\rho_s p}\,d\omega

    Parameters
    ----------
    spectrum : Spectrum
        On a polar grid.
    activation : Activation
        Admissible with the spectrum's ridgelet.
    radius : float
        Where the profiles are needed.
    band : float, optional
        Wave number that the profiles resolve; by default the highest that the spectrum carries.

    Returns
    -------
    Backprojection
        One column for each real component.

    Raises
    ------
    AdmissibilityError
        If the pair is not admissible.

    Notes
    -----
    **Accuracy.** The integral over b is exact for spectra that decay within their offsets; profiles
    are piecewise polynomials of degree 14, accurate to 1e-12 of their maximum.

    **Cost.** An FFT per direction and scale, and one matrix product per scale.
    """
    grid = spectrum.grid
    constant = admissibility(activation, spectrum.ridgelet)
    columns = _columns(spectrum.values)
    n_directions, components = len(grid.directions), columns.shape[1]
    limit = min(np.pi / grid.step, spectrum.ridgelet.bandlimit(1e-17))
    extra = 0.0 if activation.point_masses else _response_radius(activation, spectrum.ridgelet)
    parts: list[tuple[NDArray, NDArray]] = []
    for s, rho in enumerate(grid.scales):
        start, stop = grid.starts[s], grid.starts[s + 1]
        gamma = columns[start:stop].reshape(n_directions, -1, components)
        if activation.point_masses:
            omega, response = _point_mass(gamma, grid.offsets(s), activation, grid.step)
        else:
            reach = rho * max(radius, grid.radius) + extra
            half = gamma.shape[1] // 2
            n = fast_length(2 * half + 1 + int(np.ceil(reach / grid.step)))
            omega = 2 * np.pi * np.arange(1, n // 2 + 1) / (n * grid.step)
            omega = omega[omega <= limit]
            plan = RowFFT(n_directions * components, n)
            side = plan.real.reshape(n_directions, components, n)
            side[:, :, np.arange(-half, half + 1)] = np.moveaxis(gamma, 2, 1)
            transform = plan.forward()[:, 1 : len(omega) + 1]
            transform = np.moveaxis(transform.reshape(n_directions, components, -1), 1, 2)
            # (1/2 pi) * step * d omega, and twice the real part for the two signs of omega.
            response = transform * (activation.fourier(omega) * 2 / n)[None, :, None]
        response = response * (2 * grid.scale_weights[s] / constant)
        parts.append((omega, response * grid.direction_weights[:, None, None]))
    # Beyond the band of the field, and below what its values are accurate to, there is only noise.
    record = spectrum.record
    noise = _NOISE if record is None else max(_NOISE, 1e-3 * record.tol)
    edge = np.inf if record is None else 1.001 * float(record.wave_numbers[-1])
    sizes = [np.abs(response).max(axis=(0, 2)) for _, response in parts]
    floor = noise * max((float(size.max()) for size in sizes if size.size), default=0.0)
    waves = []
    for rho, size, (omega, response) in zip(grid.scales, sizes, parts, strict=True):
        large = np.flatnonzero((size > floor) & (rho * omega <= edge))
        if len(large):
            n = int(large[-1]) + 1
            waves.append((rho * omega[:n], response[:, :n]))
    highest = max((float(k[-1]) for k, _ in waves), default=1.0 / radius)
    return Backprojection.from_waves(
        grid.directions, grid.center, radius, waves, highest if band is None else band
    )


def _point_mass(
    gamma: NDArray, offsets: NDArray, activation: Activation, step: float
) -> tuple[NDArray, NDArray]:
    """cos and sin see one frequency: Re, resp. Im, of gamma^(1) e^{iz}."""
    transform = step * np.einsum("b,ubc->uc", np.exp(-1j * offsets), gamma)
    if activation.parity == "odd":
        transform = -1j * transform
    return np.ones(1), transform[:, None, :]


def _columns(values: NDArray) -> NDArray[np.float64]:
    columns = values.reshape(len(values), -1)
    if np.iscomplexobj(columns):
        columns = np.concatenate([columns.real, columns.imag], axis=1)
    return np.ascontiguousarray(columns, dtype=np.float64)


def reconstruct(
    spectrum: Spectrum, activation: Activation, points: ArrayLike, *, method: str = "auto"
) -> NDArray:
    r"""Reconstruction :math:`f(x) = \frac1K \int \gamma(a,b)\,\eta(a\cdot x - b)\,da\,db`.

    Parameters
    ----------
    spectrum : Spectrum
        On a polar or cartesian grid.
    activation : Activation
        :math:`\eta`, admissible with the spectrum's ridgelet.
    points : array_like, shape (n, m)
        Where to evaluate.
    method : {"auto", "fast", "direct"}
        "fast" (polar grids): sums scales and offsets on the Fourier side into one profile for each
        direction, the integral over b exactly. "direct": the network sum over all nodes, with the
        kink term of non-smooth activations (see :class:`ErrorBudget`). "auto": fast where it
        applies.

    Returns
    -------
    ndarray, shape (n,) or (n, k)

    Raises
    ------
    AdmissibilityError
        If K diverges or is zero.
    ValueError
        If the nodes carry no weights, or "fast" is asked for on a grid that is not polar.

    Notes
    -----
    Polar grids store half of the directions, on which the polynomial part of the activation (z/2 of
    ReLU, 1/2 of the sigmoid) would not cancel: the ridgelet annihilates it, and it is left out.

    **Accuracy.** :meth:`Spectrum.error_budget`.

    **Cost.** "fast": O(n U) after O(P log P); "direct": O(n P).

    See Also
    --------
    ridgelet_transform, ShallowNetwork.from_spectrum

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
    one_of(method, "method", ("auto", "fast", "direct"))
    x = as_points(points, "points", spectrum.dim)
    polar = spectrum.grid.kind == "polar"
    if method == "auto":
        method = "fast" if polar else "direct"
    if method == "fast" and not polar:
        raise ValueError(
            f"method 'fast' needs a polar grid, got {spectrum.grid.kind} nodes (use 'direct')"
        )
    if method == "fast":
        reach = float(np.linalg.norm(x - spectrum.grid.center, axis=1).max())
        radius = 1.0001 * max(reach, 1e-3 * spectrum.grid.radius)
        columns = backproject(spectrum, activation, radius)(x)
    else:
        columns = network_sum(spectrum, activation, x, _columns(spectrum.values))
    if np.iscomplexobj(spectrum.values):
        half = columns.shape[1] // 2
        columns = columns[:, :half] + 1j * columns[:, half:]
    elif spectrum.values.dtype == np.float32 and x.dtype == np.float32:
        columns = columns.astype(np.float32)
    return columns.reshape(len(x), *spectrum.component_shape)
