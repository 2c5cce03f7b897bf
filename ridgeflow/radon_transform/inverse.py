"""The dual Radon transform, the filters, and the inverse."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fft import RowFFT, fast_length
from ridgeflow._kernels.backprojection import sum_profiles
from ridgeflow._parallel import parallel_for
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    fits_in_memory,
    one_of,
    positive_int,
    uniform_axis,
)
from ridgeflow.columns import (
    by_component,
    finite_result,
    from_columns,
    is_single,
    real_columns,
    rejoined,
)
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import as_axes
from ridgeflow.geometry import as_directions
from ridgeflow.radon_transform.interpolation import as_tolerance
from ridgeflow.radon_transform.slice_plan import SlicePlan, low_corrections

__all__ = ["FilteredBackprojection", "dual_radon", "filter_sinogram", "radon_inverse"]

# A gap between angles is a missing wedge if it is so many times as wide as any of so many others
# near it, half on either side; angles nearer than the last number are the same.
_WEDGE, _NEAR, _SAME = 4.0, 16, 1e-9

_WINDOWS: dict[str, Callable[[NDArray], NDArray]] = {
    "ramp": np.ones_like,
    "shepp-logan": lambda x: np.sinc(0.5 * x),
    "cosine": lambda x: np.cos(0.5 * np.pi * x),
    "hann": lambda x: 0.5 * (1 + np.cos(np.pi * x)),
    "hamming": lambda x: 0.54 + 0.46 * np.cos(np.pi * x),
}


def quadrature(
    directions: NDArray, weights: ArrayLike | None, *, stacklevel: int = 3
) -> NDArray[np.float64]:
    """Weights of the half sphere: given, or from the gaps between directions in the plane."""
    n, dim = directions.shape
    if weights is not None:
        array = as_real_array(weights, "weights", ndim=1).astype(np.float64)
        if len(array) != n:
            raise ValueError(
                f"`weights` must hold {n} values, one for each direction, got {len(array)}"
            )
        return array
    if dim == 1:
        return np.full(n, 1.0 / n)
    if dim != 2:
        raise ValueError(
            f"`weights` must be given in {dim} dimensions, got None (rf.directions returns them)"
        )
    angle = np.mod(np.arctan2(directions[:, 1], directions[:, 0]), np.pi)
    order = np.argsort(angle, kind="stable")
    gap = np.diff(np.append(angle[order], angle[order][0] + np.pi))
    before, after = np.roll(gap, 1), gap.copy()
    for i in _wedges(gap):
        # Both ends take for the wedge what lies on their other side: nothing is known beyond it.
        inwards = np.flatnonzero(np.roll(gap, -i - 1) > _SAME)
        low, high = gap[(i + 1 + inwards[0]) % n], gap[(i + 1 + inwards[-2]) % n]
        after[i], before[(i + 1) % n] = high, low
        missing = np.rad2deg(gap[i] - 0.5 * (low + high))
        start = np.rad2deg(angle[order[i]] + 0.5 * high) % 180
        warnings.warn(
            f"the directions leave out a wedge of {missing:.4g} degrees, from {start:.4g} to "
            f"{start + missing:.4g}, and what only they would see is lost (add directions, pass "
            "`weights`, or solve for the field with RadonPlan.as_linear_operator)",
            AccuracyWarning,
            stacklevel=stacklevel,
        )
    area = np.empty(n)
    area[order] = 0.5 * (before + after)
    return area


def _wedges(gap: NDArray) -> list[int]:
    """Gaps round the half circle that no others near them come up to: missing directions.

    Directions at random, or dense in one part and sparse in another, have none (of sets of ten or
    more uniform random angles, one in a hundred).
    """
    # Directions that repeat each other tell nothing of how densely they lie.
    place = np.flatnonzero(gap > _SAME)
    size = gap[place]
    near = max(_NEAR, len(size) // 3)
    found = []
    wide = size > _WEDGE * np.maximum(np.roll(size, 1), np.roll(size, -1))
    for k in np.flatnonzero(wide):
        others = np.roll(size, -k)[1:]
        if len(others) > near:
            half = near // 2
            others = np.concatenate([others[:half], others[-half:]])
        if size[k] > _WEDGE * others.max():
            found.append(int(place[k]))
    return found


@with_progress("dual Radon transform")
def dual_radon(
    sinogram: ArrayLike,
    directions: ArrayLike,
    offsets: ArrayLike,
    points: ArrayLike,
    *,
    weights: ArrayLike | None = None,
    progress: Progress = None,
) -> NDArray:
    r"""Dual Radon transform :math:`R^*\Phi(x) = \int_{S^{m-1}} \Phi(u, u\cdot x)\,du`.

    Parameters
    ----------
    sinogram : array_like, shape (U, J) or (U, J, k)
        :math:`\Phi` on half of the sphere, real or complex; it is even,
        :math:`\Phi(-u,-p) = \Phi(u,p)`.
    directions : array_like, shape (U, m)
    offsets : array_like, shape (J,)
        Uniform, at least 8; beyond them :math:`\Phi` counts as zero.
    points : array_like, shape (n, m)
    weights : array_like, shape (U,), optional
        Quadrature of the half sphere; by default, in two dimensions, half the gaps to the
        neighbouring angles, and the sphere without the wedges that no direction comes near.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (n,) or (n, k)
        The integral over the whole sphere, twice the sum over the half.

    Raises
    ------
    ValueError
        If shapes clash, or weights are missing beyond two dimensions.
    MemoryBudgetError
        If the interpolation does not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        Without weights, if angles leave out a wedge, with its size: a gap more than four times as
        wide as any other near it.

    Notes
    -----
    **Accuracy.** Interpolation of degree 7 in the offset, of order 8 in its step; the quadrature of
    the directions.

    **Cost.** O(n U).

    See Also
    --------
    radon_adjoint : the transpose of the discrete operator.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> u, w = rf.directions(2, 16)
    >>> p = np.linspace(-2, 2, 41)
    >>> value = dual_radon(np.ones((16, 41)), u, p, [[0.1, 0.2]], weights=w)
    >>> bool(abs(value[0] - 2 * np.pi) < 1e-12)
    True
    """
    given = as_real_array(sinogram, "sinogram", ndim=(2, 3), allow_complex=True)
    x = as_points(points, "points")
    u = as_directions(directions, x.shape[1])
    p, spacing = uniform_axis(offsets, "offsets")
    _fits(given, u, p)
    if len(p) < 8:
        raise ValueError(f"`offsets` must hold at least 8 values, got {len(p)}")
    area = 2 * quadrature(u, weights, stacklevel=4)
    columns = real_columns(given, 2)
    fits_in_memory(
        8.0 * (8 * columns.size + len(x) * (columns.shape[2] + x.shape[1])),
        f"the interpolation of {len(u)} profiles at {len(p)} offsets",
        "take fewer directions or points at a time, or raise memory_budget",
    )
    coefficients = _local_polynomials(columns.astype(np.float64)) * area[:, None, None, None]
    sums = np.zeros((columns.shape[2], len(x)))
    # Beyond the offsets the profile is zero, as in two cells of zeros on both sides.
    pad = [(0, 0), (1, 1), (0, 0), (0, 0)]
    parallel_for(
        sum_profiles(coefficients.shape[3]),
        len(x),
        np.ascontiguousarray(x.T, dtype=np.float64),
        u,
        np.zeros(len(u)),
        float(p[0]) - spacing,
        spacing,
        np.ascontiguousarray(np.pad(coefficients, pad)),
        sums,
        grain=max(1, 20000 // len(u)),
    )
    out = np.ascontiguousarray(sums.T)
    single = is_single(given) and x.dtype == np.float32
    return finite_result(from_columns(out, given, given.shape[2:], single=single), "sinogram")


def _local_polynomials(values: NDArray) -> NDArray:
    """Interpolation of degree 7 through the nearest offsets, cell by cell: (U, J - 1, C, 8)."""
    n = values.shape[1]
    node = np.arange(8.0)
    out = np.empty((values.shape[0], n - 1, values.shape[2], 8))
    for shift in range(7):
        # Cell between nodes ``shift`` and ``shift + 1`` of its window of eight.
        matrix = np.linalg.inv(np.vander(2 * (node - shift) - 1, increasing=True))
        if shift == 3:
            window = np.lib.stride_tricks.sliding_window_view(values, 8, axis=1)
            out[:, 3 : n - 4] = window @ matrix.T
        elif shift < 3:
            out[:, shift] = np.moveaxis(values[:, :8], 1, 2) @ matrix.T
        else:
            out[:, n - 8 + shift] = np.moveaxis(values[:, n - 8 :], 1, 2) @ matrix.T
    return out


def _fits(sinogram: NDArray, directions: NDArray, offsets: NDArray) -> None:
    if sinogram.shape[:2] != (len(directions), len(offsets)):
        raise ValueError(
            f"`sinogram` must have shape ({len(directions)}, {len(offsets)}), the numbers of "
            f"directions and offsets, got {sinogram.shape}"
        )


def filter_sinogram(
    sinogram: ArrayLike, offsets: ArrayLike, dim: int, *, filter: str = "ramp"
) -> NDArray:
    r"""Apply :math:`\Lambda^{m-1}`, of symbol :math:`|k|^{m-1}`, along the offsets.

    Parameters
    ----------
    sinogram : array_like, shape (U, J) or (U, J, k)
        Real or complex.
    offsets : array_like, shape (J,)
        Uniform; the sinogram counts as zero beyond them.
    dim : int
        Dimension m of the space.
    filter : {"ramp", "shepp-logan", "cosine", "hann", "hamming"}
        Window on :math:`|k| \le \pi/\Delta p`.

    Returns
    -------
    ndarray, of the sinogram's shape
        On the same offsets.

    Raises
    ------
    ValueError
        If shapes clash, the window is unknown, or :math:`|k|^{m-1}` leaves the range of float64.
    MemoryBudgetError
        If the transforms do not fit the memory budget.

    Notes
    -----
    **Accuracy.** The convolution is not periodic, and the rule in k is corrected near k = 0, where
    the symbol has a kink for even m: 1e-11 of the maximum for band-limited sinograms.

    **Cost.** Two FFTs of length 3 J for each direction.

    Examples
    --------
    >>> p = np.linspace(-8, 8, 129)
    >>> odd = filter_sinogram(np.exp(-0.5 * p**2)[None], p, 3)  # minus the second derivative
    >>> bool(np.abs(odd[0] - (1 - p**2) * np.exp(-0.5 * p**2)).max() < 1e-12)
    True
    """
    given = as_real_array(sinogram, "sinogram", ndim=(2, 3), allow_complex=True)
    dim = positive_int(dim, "dim")
    window = _WINDOWS[one_of(filter, "filter", _WINDOWS)]
    p, spacing = uniform_axis(offsets, "offsets")
    if given.shape[1] != len(p):
        raise ValueError(f"`sinogram` must have {len(p)} offsets, got shape {given.shape}")
    columns = np.moveaxis(real_columns(given, 2), 2, 1)
    rows = columns.reshape(-1, len(p))
    n = fast_length(int(np.ceil(8 / 3 * len(p))) + 2)
    fits_in_memory(
        32.0 * len(rows) * n,
        f"filtering {len(rows)} profiles at {len(p)} offsets",
        "filter fewer directions at a time, or raise memory_budget",
    )
    index = np.arange(n // 2 + 1.0)
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        power = index ** (dim - 1)
        correction = low_corrections(dim)[: len(power)]
        # The corrections belong to one-sided sums: irfft doubles all terms but the first.
        power[: len(correction)] += correction
        if len(correction):
            power[0] *= 2
        symbol = np.float64(2 * np.pi / (n * spacing)) ** (dim - 1) * power * window(2 * index / n)
    if not (np.isfinite(symbol).all() and symbol.any()):
        raise ValueError(
            f"`dim` must leave |k|^(dim - 1) within the range of float64 up to the highest wave "
            f"number {np.pi / spacing:.3g} of the offsets, got {dim}"
        )
    plan = RowFFT(len(rows), n)
    plan.real[:, : len(p)] = rows
    plan.forward()
    plan.spectrum *= symbol
    filtered = plan.inverse()[:, : len(p)].reshape(columns.shape)
    result: NDArray = np.moveaxis(filtered, 1, 2)
    if np.iscomplexobj(given):
        result = rejoined(result)
    with np.errstate(over="ignore"):
        return finite_result(result.reshape(given.shape).astype(given.dtype), "sinogram")


def _refinement(axis: NDArray, spacing: float) -> float:
    if len(axis) == 1:
        return 1.0
    step = float(axis[-1] / (len(axis) - 1) - axis[0] / (len(axis) - 1))
    return max(1.0, float(np.ceil(np.float64(step) / spacing - 0.25)))


@with_progress("inverse Radon transform")
def radon_inverse(
    sinogram: ArrayLike,
    directions: ArrayLike,
    offsets: ArrayLike,
    axes: tuple[ArrayLike, ...],
    *,
    filter: str = "ramp",
    weights: ArrayLike | None = None,
    tol: float | None = None,
    progress: Progress = None,
) -> NDArray:
    r"""Inverse Radon transform by filtered backprojection, :math:`f = \frac{1}{2(2\pi)^{m-1}}
    R^*\Lambda^{m-1}Rf`.

    Parameters
    ----------
    sinogram : array_like, shape (U, J) or (U, J, k)
        Real or complex.
    directions : array_like, shape (U, m)
        Spread over the half sphere.
    offsets : array_like, shape (J,)
        Uniform, over the projections of the whole field.
    axes : tuple of m array_like
        Grid on which f is wanted.
    filter : {"ramp", "shepp-logan", "cosine", "hann", "hamming"}
        Window on :math:`|k| \le \pi/\Delta p`: "ramp" is exact on band-limited fields, the others
        damp noise.
    weights : array_like, shape (U,), optional
        Quadrature of the half sphere; by default, in two dimensions, half the gaps to the
        neighbouring angles, where no angle counts for a wedge that is left out.
    tol : float, optional
        Accuracy of the interpolations; 1e-9 by default, 1e-6 for float32.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (n1, ..., nm) or (n1, ..., nm, k)

    Raises
    ------
    ValueError
        If shapes clash, weights are missing beyond two dimensions, or the filter is unknown.
    MemoryBudgetError
        If a grid as fine as the offsets does not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        Without weights, if angles leave out a wedge, with its size: a gap more than four times as
        wide as any other near it.

    Notes
    -----
    **Accuracy.** Spectral in the numbers of directions and offsets; 4e-9 at 1024^2 on a Gaussian
    phantom.

    **Cost.** As :func:`radon_adjoint` with a period 8/3 times as long.

    See Also
    --------
    RadonPlan.inverse : the same with its geometry prepared once.
    RadonPlan.as_linear_operator : iterative reconstruction from few directions.

    References
    ----------
    F. Natterer, *The Mathematics of Computerized Tomography*, Teubner 1986, Section V.1.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.1, 0.0]], 0.1)
    >>> u, w = rf.directions(2, 40)
    >>> p = np.linspace(-2.5, 2.5, 64)
    >>> axis = np.linspace(-1, 1, 21)
    >>> f = radon_inverse(rf.radon(law, u, p), u, p, (axis, axis), weights=w)
    >>> bool(abs(f[10, 10] - law.pdf([[0.0, 0.0]])[0]) < 1e-6)
    True
    """
    given = as_real_array(sinogram, "sinogram", ndim=(2, 3), allow_complex=True)
    coordinates = as_axes(axes)
    u = as_directions(directions, len(coordinates))
    p, spacing = uniform_axis(offsets, "offsets")
    dtype = np.dtype(np.float32 if is_single(given) else np.float64)
    accuracy = as_tolerance(tol, dtype, 1e-9)
    one_of(filter, "filter", _WINDOWS)
    _fits(given, u, p)
    area = quadrature(u, weights, stacklevel=4)
    inverse = FilteredBackprojection(coordinates, u, p, spacing, accuracy, dtype)
    return finite_result(inverse(given, area, filter), "sinogram")


class FilteredBackprojection:
    """The inverse of :func:`radon_inverse` with its geometry prepared once.

    Parameters
    ----------
    axes : tuple of m ndarray
    directions : ndarray, shape (U, m)
    offsets : ndarray, shape (J,)
    spacing : float
        Of the offsets.
    tol : float
    dtype : numpy.dtype
        Validated by the caller.
    """

    def __init__(
        self,
        axes: tuple[NDArray, ...],
        directions: NDArray,
        offsets: NDArray,
        spacing: float,
        tol: float,
        dtype: np.dtype,
    ) -> None:
        self._dtype, self._spacing = dtype, spacing
        # A grid much coarser than the offsets would cut wave numbers that they carry.
        with np.errstate(over="ignore"):
            wanted = [_refinement(axis, self._spacing) for axis in axes]
            size = np.prod([(len(axis) - 1) * q + 1 for axis, q in zip(axes, wanted, strict=True)])
        fits_in_memory(
            float(dtype.itemsize * size),
            f"a grid as fine as the step {self._spacing:.3g} of the offsets",
            "take fewer axes or offsets farther apart, or raise memory_budget",
        )
        factors = [int(q) for q in wanted]
        # A coordinate alone has no step: with a neighbour it has that of the offsets.
        fine = tuple(
            np.linspace(axis[0], axis[-1], (len(axis) - 1) * q + 1)
            if len(axis) > 1
            else axis[0] + np.array([0.0, max(self._spacing, np.spacing(abs(axis[0])))])
            for axis, q in zip(axes, factors, strict=True)
        )
        self._kept = tuple(
            slice(None, None, q) if len(axis) > 1 else slice(1)
            for axis, q in zip(axes, factors, strict=True)
        )
        self._plan = SlicePlan(fine, directions, offsets, tol, dtype, for_inverse=True)

    def __call__(self, sinogram: NDArray, weights: NDArray, filter: str) -> NDArray:
        """f on the grid, from a sinogram (U, J) or (U, J, k), real or complex."""
        name = one_of(filter, "filter", _WINDOWS)
        window = None if name == "ramp" else _WINDOWS[name]

        def one(part: NDArray) -> NDArray:
            return self._plan.inverse(part, weights, self._spacing, window)[self._kept]

        return by_component(sinogram, one, 2, self._dtype)
