"""Calculus of spectra: gradient, Laplacian, dual potential, linear combinations, inner products.

A derivative of the field is a multiplication by a and a derivative in b of its spectrum, so nothing
is transformed again.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

from ridgeflow._config import get_config
from ridgeflow._fft import fast_length
from ridgeflow._validate import holding, instance_of, positive, slab_rows
from ridgeflow.errors import AccuracyWarning
from ridgeflow.ridgelet.spectra.provenance import derived
from ridgeflow.ridgelet.spectra.spectrum import Spectrum, require_alike

__all__ = [
    "DualPotential",
    "dual_potential",
    "gradient_spectrum",
    "inner_product",
    "laplacian_spectrum",
]


class DualPotential(NamedTuple):
    """A potential read off the spectrum of a vector field (:func:`dual_potential`).

    Attributes
    ----------
    spectrum : Spectrum
        Scalar spectrum V.
    residual : float
        Norm of what a d/db V leaves of the given spectrum, relative to its norm: the share of the
        field that is no gradient; 0 for a gradient field.

    Examples
    --------
    >>> DualPotential._fields
    ('spectrum', 'residual')
    """

    spectrum: Spectrum
    residual: float


def gradient_spectrum(spectrum: Spectrum, *, tol: float = 1e-4) -> Spectrum:
    r"""Spectrum of the gradient, :math:`R[\nabla f;\psi] = a\,\partial_b R[f;\psi]`.

    Parameters
    ----------
    spectrum : Spectrum
        Of a scalar f, on a polar or cartesian grid.
    tol : float
        Estimated error of the derivative, relative to its maximum, above which to warn.

    Returns
    -------
    Spectrum
        Values (P, m), on the same grid, without record.

    Raises
    ------
    ValueError
        If the spectrum is vector-valued, or its nodes are plain: a derivative in b needs lines of
        equally spaced offsets.

    Warns
    -----
    AccuracyWarning
        If the offsets end before the spectrum has decayed, or their step does not resolve it.

    Notes
    -----
    The derivative is taken by Fourier series over each line of offsets, padded with zeros: it is
    spectrally accurate, at the ends of the line too, where the spectrum has decayed there, as that
    of a ridgelet with Gaussian decay has on the grids of :meth:`ParameterGrid.for_field`. Algebraic
    tails (family "hermite" in odd dimensions) are cut by the grid and leave an error of that size.

    **Accuracy.** 1e-10 of the maximum where the values at the ends, and the ridgelet's transform at
    the frequency :math:`\pi/\text{step}`, are below 1e-12 of theirs; otherwise about ten times the
    larger of the two.

    **Cost.** Two FFTs for each line of offsets.

    See Also
    --------
    laplacian_spectrum, dual_potential

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017 (dual potential
    of a gradient field).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    >>> grid = rf.ParameterGrid.polar(2, 4, [0.5, 1.0], 2.0, 0.4)
    >>> gradient_spectrum(rf.ridgelet_transform(law, rf.Ridgelet(2, 2), grid)).values.shape == (
    ...     grid.size, 2)
    True
    """
    if instance_of(spectrum, "spectrum", Spectrum).component_shape:
        raise ValueError(
            "the gradient needs a scalar spectrum, got values of shape "
            f"{spectrum.values.shape} (take one component at a time)"
        )
    dtype, count = spectrum.values.dtype, 8.0 * spectrum.grid.size * (spectrum.dim + 1)
    # Inner weights and the result, which is in float64 or complex128 before it has its own type.
    each = 2 if np.iscomplexobj(spectrum.values) else 1
    with holding(count * (1 + each * (1 if dtype.itemsize == 8 * each else 1.5))):
        slope = _along_offsets(spectrum, lambda omega: 1j * omega, tol, "the derivative in b")
    with holding(count * each):
        values = (spectrum.grid.a * slope).astype(dtype, copy=False)
    history = derived("gradient_spectrum", spectrum.provenance)
    return Spectrum(values, spectrum.grid, spectrum.ridgelet, provenance=history)


def laplacian_spectrum(spectrum: Spectrum, *, tol: float = 1e-4) -> Spectrum:
    r"""Spectrum of the Laplacian, :math:`R[\Delta f;\psi] = |a|^2\,\partial_b^2 R[f;\psi]`.

    Parameters
    ----------
    spectrum : Spectrum
        Of a scalar or vector-valued f, on a polar or cartesian grid.
    tol : float
        As for :func:`gradient_spectrum`.

    Returns
    -------
    Spectrum
        Values of the same shape, on the same grid, without record.

    Raises
    ------
    ValueError
        If the nodes are plain.

    Warns
    -----
    AccuracyWarning
        As :func:`gradient_spectrum`.

    Notes
    -----
    **Accuracy**, **Cost.** As :func:`gradient_spectrum`; rounding is amplified by
    :math:`(\pi/\text{step})^2`.

    See Also
    --------
    gradient_spectrum

    References
    ----------
    S. Helgason, *Integral Geometry and Radon Transforms*, 2011, Lemma I.2.1 (the Radon transform
    intertwines the Laplacian with the second derivative in the offset).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    >>> grid = rf.ParameterGrid.polar(2, 4, [0.5, 1.0], 2.0, 0.4)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(2, 2), grid)
    >>> laplacian_spectrum(s).values.shape == s.values.shape
    True
    """
    instance_of(spectrum, "spectrum", Spectrum)
    with holding(8.0 * spectrum.grid.size * (2 * spectrum.dim + 1)):
        bend = _along_offsets(spectrum, lambda omega: -(omega**2), tol, "the derivative in b")
    with holding(float(bend.nbytes)):
        bend *= (spectrum.grid.a**2).sum(axis=1)[:, None]
    values = bend.reshape(spectrum.values.shape)
    values = values.astype(spectrum.values.dtype, copy=False)
    history = derived("laplacian_spectrum", spectrum.provenance)
    return Spectrum(values, spectrum.grid, spectrum.ridgelet, provenance=history)


def dual_potential(spectrum: Spectrum, *, tol: float = 1e-4) -> DualPotential:
    r"""The scalar spectrum V whose :math:`a\,\partial_b V` is closest to that of a vector field.

    For a gradient field, :math:`R[\nabla V;\psi] = a\,\partial_b R[V;\psi]`: the potential's
    spectrum gives all components, and the outer weights of every neuron are parallel to its a. In
    general the least-squares solution at each node is
    :math:`\partial_b V = a\cdot\gamma/|a|^2`, the Helmholtz projection of the field.

    Parameters
    ----------
    spectrum : Spectrum
        Of a field with m components, on a polar or cartesian grid.
    tol : float
        As for :func:`gradient_spectrum`.

    Returns
    -------
    DualPotential
        The spectrum of V, and the residual.

    Raises
    ------
    ValueError
        If the field has not m components, or the nodes are plain.

    Warns
    -----
    AccuracyWarning
        As :func:`gradient_spectrum`.

    Notes
    -----
    **Accuracy.** As :func:`gradient_spectrum`. The integral in b divides by :math:`i\omega`, which
    the moments that the ridgelet annihilates make up for; V has the mean 0 in b.

    **Cost.** Two FFTs for each line of offsets.

    See Also
    --------
    gradient_spectrum

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017 (dual potential
    of a gradient field).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    >>> grid = rf.ParameterGrid.polar(2, 4, [0.5, 1.0], 2.0, 0.4)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(2, 2), grid)
    >>> dual_potential(gradient_spectrum(s)).residual < 1e-12
    True
    """
    dim, values = instance_of(spectrum, "spectrum", Spectrum).dim, spectrum.values
    if spectrum.component_shape != (dim,):
        raise ValueError(
            f"`spectrum` must be that of a field with {dim} components, as many as dimensions, got "
            f"values of shape {values.shape}"
        )
    a = spectrum.grid.a
    square = (a**2).sum(axis=1)
    # At a = 0 a gradient has no spectrum, and the potential is not seen.
    inverse = np.divide(1.0, square, out=np.zeros_like(square), where=square > 0)
    along = (a * values).sum(axis=1) * inverse
    line = Spectrum(along, spectrum.grid, spectrum.ridgelet)
    potential = _along_offsets(line, _integral, tol, "the integral in b")[:, 0]
    potential = potential.astype(values.dtype, copy=False)
    weights = np.asarray(spectrum.grid.weights)
    left = (weights * (np.abs(values - a * along[:, None]) ** 2).sum(axis=1)).sum()
    whole = (weights * (np.abs(values) ** 2).sum(axis=1)).sum()
    residual = float(np.sqrt(left / whole)) if whole > 0 else 0.0
    history = derived("dual_potential", spectrum.provenance)
    found = Spectrum(potential, spectrum.grid, spectrum.ridgelet, provenance=history)
    return DualPotential(found, residual)


def inner_product(first: Spectrum, second: Spectrum) -> float | complex:
    r"""Inner product :math:`\int \gamma_1\overline{\gamma_2}\,da\,db` over parameter space.

    For :math:`\gamma_1 = R[f;\psi_1]`, :math:`\gamma_2 = R[g;\psi_2]` it is
    :math:`K(\psi_2,\psi_1,m)\int f\bar g\,dx` up to the range of the grid (Plancherel's formula);
    over vector-valued spectra the components are summed.

    Parameters
    ----------
    first, second : Spectrum
        On the same polar or cartesian grid, with the same components. Their ridgelets may differ.

    Returns
    -------
    float or complex
        Complex where a spectrum is.

    Raises
    ------
    ValueError
        If the grids or components differ, or the nodes carry no weights.

    Notes
    -----
    A polar grid stores half of the directions. Where the ridgelets differ in parity, the product is
    odd under (a, b) -> (-a, -b), and the result is 0.

    **Accuracy.** That of the grid's quadrature. **Cost.** O(P).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> grid = rf.ParameterGrid.polar(1, 1, [0.5, 1.0], 4.0, 0.4)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), grid)
    >>> bool(abs(inner_product(s, s) - s.norm() ** 2) < 1e-12)
    True
    """
    for name, given in (("first", first), ("second", second)):
        instance_of(given, name, Spectrum)
    require_alike(first, second, "second")
    weights = first.grid.weights
    if weights is None:
        raise ValueError(
            "the inner product needs quadrature weights, got spectra on plain nodes (use a polar "
            "or cartesian ParameterGrid)"
        )
    product = first.values * np.conj(second.values)
    # A sum, since the bits of a BLAS product depend on its threads.
    total = (weights * product.reshape(len(weights), -1).sum(axis=1)).sum()
    if first.grid.half and first.ridgelet.parity != second.ridgelet.parity:
        total = total * 0
    return complex(total) if np.iscomplexobj(product) else float(total)


def _integral(omega: NDArray) -> NDArray:
    return np.divide(1.0, 1j * omega, out=np.zeros(len(omega), complex), where=omega > 0)


def _along_offsets(
    spectrum: Spectrum, symbol: Callable[[NDArray], NDArray], tol: float, what: str
) -> NDArray:
    """Multiply the Fourier transform in b by a symbol, on every line of offsets: (P, C)."""
    tol = positive(tol, "tol")
    grid = instance_of(spectrum, "spectrum", Spectrum).grid
    columns = spectrum.values.reshape(grid.size, -1)
    if grid.kind == "nodes":
        raise ValueError(
            f"{what} needs lines of equally spaced offsets, got a spectrum on plain nodes (use a "
            "polar or cartesian ParameterGrid)"
        )
    kind = np.complex128 if np.iscomplexobj(columns) else np.float64
    if grid.kind == "cartesian":
        axis = grid.axes[-1]
        step = float(axis[1] - axis[0]) if len(axis) > 1 else 1.0
        lines = [(slice(0, grid.size), len(axis))]
    else:
        step = grid.step
        lines = [
            (slice(int(lo), int(hi)), 2 * int(half) + 1)
            for lo, hi, half in zip(
                grid.starts[:-1], grid.starts[1:], grid.half_counts, strict=True
            )
        ]
    # Zeros as long as half the line keep what is left at its ends from wrapping around.
    lengths = [fast_length(count + count // 2 + 32) for _, count in lines]
    number = max((part.stop - part.start) // count for part, count in lines)
    # A copy, its padded self, the transform and its inverse, twice where values are complex.
    each = (8.0 if kind is np.float64 else 16.0) * 6 * max(lengths) * columns.shape[1]
    rows = slab_rows(
        *(each, number, float(np.dtype(kind).itemsize * columns.size)),
        *(what, "take fewer directions, scales or offsets, or raise memory_budget"),
    )
    out = np.empty(columns.shape, kind)
    # Largest result; largest jump at an end, and power near the highest frequency, both as the
    # symbol passes them on.
    largest = ends = unresolved = 0.0
    for (part, count), n in zip(lines, lengths, strict=True):
        whole = columns[part].reshape(-1, count, columns.shape[1])
        result = out[part].reshape(whole.shape)
        for first in range(0, len(whole), rows):
            block = whole[first : first + rows]
            found, edge, top = _filter(block, n, step, symbol)
            result[first : first + rows] = found
            largest = max(largest, float(np.abs(found).max()))
            ends, unresolved = max(ends, edge), max(unresolved, top)
    if max(ends, unresolved) > tol * largest:
        cause, remedy = (
            ("the offsets end before the spectrum has decayed", "a larger margin or radius")
            if ends > unresolved
            else (f"the step {step:.3g} of the offsets does not resolve it", "a smaller step")
        )
        warnings.warn(
            f"{what} is accurate to about {max(ends, unresolved) / largest:.1e} of its maximum: "
            f"{cause} (transform on a grid with {remedy})",
            AccuracyWarning,
            stacklevel=3,
        )
    return out


def _filter(
    block: NDArray, n: int, step: float, symbol: Callable[[NDArray], NDArray]
) -> tuple[NDArray, float, float]:
    """Lines (L, B, C) filtered along B by transforms of length n, with the two error estimates."""
    count = block.shape[1]
    omega = 2 * np.pi * np.arange(n // 2 + 1) / (n * step)
    factor = symbol(omega)
    # An odd symbol cannot be told apart from its mirror at the highest frequency.
    if np.iscomplexobj(factor):
        factor[-1] = 0
    edge = float(np.abs(block[:, [0, -1]]).max())
    workers = get_config().threads

    def one(values: NDArray) -> tuple[NDArray, float]:
        side = sp_fft.rfft(values.astype(np.float64), n=n, axis=1, workers=workers)
        side *= factor[None, :, None]
        top = float(np.abs(side[:, -(1 + n // 50) :]).max()) * 2 / n * (n // 50 + 1)
        return sp_fft.irfft(side, n=n, axis=1, workers=workers)[:, :count], top

    # A jump at an end rings with the size of the symbol at the highest frequency.
    ring = edge * float(np.abs(factor[-2]))
    if np.iscomplexobj(block):
        (real, top), (imag, top_imag) = one(block.real), one(block.imag)
        return real + 1j * imag, ring, max(top, top_imag)
    found, top = one(block)
    return found, ring, top
