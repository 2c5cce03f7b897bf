"""The Radon transform of fields, as a plan that is made once, and its exact adjoint."""

from __future__ import annotations

import math
import warnings
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.sparse.linalg import LinearOperator

from ridgeflow._kernels.line_integrals import back_project, project
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import as_real_array, fits_in_memory, one_of, positive, uniform_axis
from ridgeflow.closed_forms import radon_gaussian_mixture
from ridgeflow.columns import by_component, finite_result, is_single
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField, as_axes
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import as_directions
from ridgeflow.radon_transform.interpolation import LEAST_TOL, as_dtype, as_tolerance
from ridgeflow.radon_transform.inverse import FilteredBackprojection, quadrature
from ridgeflow.radon_transform.scattered_points import smoothed_projections
from ridgeflow.radon_transform.slice_plan import SlicePlan

__all__ = ["RadonPlan", "radon", "radon_adjoint"]

_MODELS = ("bilinear", "pixel")
_LOST_MASS = 0.01


class RadonPlan:
    r"""Discrete Radon transform of one grid, direction set and offsets: made once, applied often.

    Two discrete models of :math:`Rf(u,p) = \int_{u^\perp} f(pu + y)\,dy`:

    * ``"slice"``: the field is the band-limited function through its samples,
      :math:`\hat f(\xi) = \prod h_i \sum_x f(x) e^{-i\xi\cdot x}` for
      :math:`|\xi_i| \le \pi/h_i`, and
      :math:`Rf(u,p) = \frac1{2\pi}\int \hat f(ku)\,e^{ikp}\,dk`: spectral accuracy for smooth
      fields, in any dimension;
    * ``"line"``: exact line integrals of the function that is bilinear between the samples, or
      constant on the cells around them (``model="pixel"``), in two dimensions: what discontinuous
      images want, without ringing.

    Parameters
    ----------
    field_or_axes : GridField or tuple of array_like
        The grid, or a field on it.
    directions : array_like, shape (U, m)
        Unit vectors.
    offsets : array_like, shape (J,)
        Uniform offsets p, in the unit of x.
    method : {"auto", "slice", "line"}
        "auto" is "slice".
    tol : float, optional
        Relative L2 error of the sinogram of the band-limited field ("slice"); at least 1e-13 for
        float64, 1e-6 for float32. By default 1e-8, and 1e-6 for float32.
    model : {"bilinear", "pixel"}
        Of the "line" method.
    dtype : {float32, float64}, optional
        Of tables and results; by default that of the field, or float64 for bare axes.

    Attributes
    ----------
    shape : tuple
        Shape of the grid.
    spacing : float
        Of the offsets.
    nbytes : int
        Memory that a call of the "slice" method takes, with its result.

    Raises
    ------
    ValueError
        If directions are not unit vectors, axes or offsets not uniform, or ``tol`` out of reach.
    MemoryBudgetError
        If a call would not fit the memory budget.

    Notes
    -----
    A plan is not changed by its use: several Python threads may share it.

    **Accuracy.** Measured below ``tol`` on band-limited phantoms from 128^2 to 1024^2.

    **Cost.** "slice", per call: :math:`O(N^m \log N)` for the transforms and
    :math:`O(U J w^{m-1})` for the interpolations of width
    :math:`w \approx 1.2\log_{10}(1/tol) + 2`; nothing is tabulated. FFTs planned with
    ``rf.config(fft_effort="measure")`` around the first call run up to a third faster, after
    seconds of planning. "line": :math:`O(U N^2)`.

    References
    ----------
    F. Natterer and F. Wuebbeling, *Mathematical Methods in Image Reconstruction*, SIAM 2001,
    Section 5.2 (Fourier reconstruction).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> axis = np.linspace(-4, 4, 64)
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.5)
    >>> field = rf.GridField.from_function(law.pdf, (axis, axis))
    >>> u, _ = rf.directions(2, 5)
    >>> plan = RadonPlan(field, u, np.linspace(-3, 3, 31))
    >>> error = plan(field.values) - rf.radon(law, u, np.linspace(-3, 3, 31))
    >>> bool(np.abs(error).max() < 1e-8)
    True
    """

    def __init__(
        self,
        field_or_axes: GridField | tuple[ArrayLike, ...],
        directions: ArrayLike,
        offsets: ArrayLike,
        *,
        method: str = "auto",
        tol: float | None = None,
        model: str = "bilinear",
        dtype: np.typing.DTypeLike | None = None,
    ) -> None:
        axes = as_axes(field_or_axes, "field_or_axes")
        one_of(method, "method", ("auto", "slice", "line"))
        self.method = "slice" if method == "auto" else method
        self.model = one_of(model, "model", _MODELS)
        self.dim = len(axes)
        self.shape = tuple(len(axis) for axis in axes)
        self.directions = as_directions(directions, self.dim)
        self.offsets, self.spacing = uniform_axis(offsets, "offsets")
        if dtype is None:
            single = isinstance(field_or_axes, GridField) and is_single(field_or_axes.values)
            dtype = np.float32 if single else np.float64
        self.dtype = as_dtype(dtype)
        self._axes = axes
        self._inverse: FilteredBackprojection | None = None
        self.nbytes = 0
        self._plan: SlicePlan | None = None
        if self.method == "slice":
            self.tol = as_tolerance(tol, self.dtype)
            self._plan = SlicePlan(axes, self.directions, self.offsets, self.tol, self.dtype)
            self.nbytes = self._plan.nbytes
        elif self.dim != 2:
            raise ValueError(
                f"method 'line' needs two dimensions, got {self.dim} (use method='slice')"
            )
        else:
            _fits(len(self.directions), len(self.offsets), self.dtype.itemsize)

    def __call__(self, values: ArrayLike) -> NDArray:
        """Sinogram of values on the grid.

        Parameters
        ----------
        values : array_like, shape (n1, ..., nm) or (n1, ..., nm, k)
            Real or complex.

        Returns
        -------
        ndarray, shape (U, J) or (U, J, k)
        """
        given = self._checked(values, "values", self.shape)
        return finite_result(by_component(given, self._forward, self.dim, self.dtype), "values")

    def adjoint(self, sinogram: ArrayLike) -> NDArray:
        """The transpose of this very operator, applied to a sinogram.

        Parameters
        ----------
        sinogram : array_like, shape (U, J) or (U, J, k)
            Real or complex.

        Returns
        -------
        ndarray, shape (n1, ..., nm) or (n1, ..., nm, k)
        """
        given = self._checked(sinogram, "sinogram", (len(self.directions), len(self.offsets)))
        return finite_result(by_component(given, self._adjoint, 2, self.dtype), "sinogram")

    def inverse(
        self, sinogram: ArrayLike, *, filter: str = "ramp", weights: ArrayLike | None = None
    ) -> NDArray:
        """Filtered backprojection onto the plan's grid (see :func:`radon_inverse`).

        Parameters
        ----------
        sinogram : array_like, shape (U, J) or (U, J, k)
            Real or complex.
        filter, weights
            As in :func:`radon_inverse`.

        Returns
        -------
        ndarray, shape (n1, ..., nm) or (n1, ..., nm, k)

        Warns
        -----
        AccuracyWarning
            As :func:`radon_inverse`, without ``weights``.

        Notes
        -----
        The first call prepares tables of its own, for a period 8/3 times as long.
        """
        # No lock, which a forked child would inherit: two threads that come first both prepare.
        if self._inverse is None:
            tol = max(self.tol if self.method == "slice" else 1e-9, LEAST_TOL[self.dtype])
            self._inverse = FilteredBackprojection(
                self._axes, self.directions, self.offsets, self.spacing, tol, self.dtype
            )
        given = self._checked(sinogram, "sinogram", (len(self.directions), len(self.offsets)))
        area = quadrature(self.directions, weights)
        return finite_result(self._inverse(given, area, filter), "sinogram")

    def as_linear_operator(self) -> LinearOperator:
        """The plan as a SciPy ``LinearOperator`` between flattened images and sinograms.

        Returns
        -------
        scipy.sparse.linalg.LinearOperator
            Of shape (U J, n1 ... nm), with ``matvec`` and ``rmatvec``.
        """
        sinogram = (len(self.directions), len(self.offsets))
        return LinearOperator(
            (int(np.prod(sinogram)), int(np.prod(self.shape))),
            matvec=lambda x: self(np.reshape(x, self.shape)).ravel(),
            rmatvec=lambda y: self.adjoint(np.reshape(y, sinogram)).ravel(),
            dtype=self.dtype,
        )

    def __reduce__(self) -> tuple:
        # Buffers belong to threads of one process: a copy is planned anew.
        keys: dict = {"method": self.method, "model": self.model, "dtype": self.dtype}
        if self.method == "slice":
            keys["tol"] = self.tol
        return partial(RadonPlan, **keys), (self._axes, self.directions, self.offsets)

    def _forward(self, values: NDArray) -> NDArray:
        if self._plan is not None:
            return self._plan.forward(values)
        origin, spacing = self._line_grid()
        low, step = float(self.offsets[0]), self.spacing
        u, n = self.directions, len(self.offsets)
        return project(values, origin, spacing, u, low, step, n, self.model)

    def _adjoint(self, sinogram: NDArray) -> NDArray:
        if self._plan is not None:
            return self._plan.adjoint(sinogram)
        origin, spacing = self._line_grid()
        low, step = float(self.offsets[0]), self.spacing
        shape = (self.shape[0], self.shape[1])
        return back_project(
            sinogram, origin, spacing, shape, self.directions, low, step, self.model
        )

    def _line_grid(self) -> tuple[NDArray, NDArray]:
        spacing = [uniform_axis(axis, "axis")[1] for axis in self._axes]
        return np.array([axis[0] for axis in self._axes]), np.array(spacing)

    def _checked(self, value: ArrayLike, name: str, shape: tuple[int, ...]) -> NDArray:
        n = len(shape)
        array = as_real_array(value, name, ndim=(n, n + 1), allow_complex=True)
        if array.shape[:n] != shape:
            raise ValueError(
                f"`{name}` must have shape {shape} (and components behind), got {array.shape}"
            )
        return array


def _fits(n_directions: int, n_offsets: int, itemsize: float) -> None:
    fits_in_memory(
        itemsize * n_directions * n_offsets,
        f"a sinogram of {n_directions} directions and {n_offsets} offsets",
        "take fewer directions at a time, or raise memory_budget",
    )


@with_progress("Radon transform")
def radon(
    field: GridField | SampleField | GaussianMixture,
    directions: ArrayLike,
    offsets: ArrayLike,
    *,
    method: str = "auto",
    tol: float | None = None,
    bandwidth: float | None = None,
    model: str = "bilinear",
    progress: Progress = None,
) -> NDArray:
    r"""Radon transform :math:`Rf(u,p) = \int_{u^\perp} f(pu + y)\,dy`.

    Parameters
    ----------
    field : GridField, SampleField or GaussianMixture
        f. A mixture stands for its density; samples for the measure that they are, smoothed by a
        Gaussian of standard deviation ``bandwidth``.
    directions : array_like, shape (U, m)
        Unit vectors u.
    offsets : array_like, shape (J,)
        Uniform offsets p, in the unit of x.
    method : {"auto", "slice", "line", "exact"}
        "slice" and "line" for gridded fields (see :class:`RadonPlan`), "exact" for mixtures; "auto"
        takes "exact" for mixtures and "slice" otherwise.
    tol : float, optional
        Relative L2 error of the sinogram of the band-limited field, resp. of the smoothed measure.
        By default 1e-8, and 1e-6 for gridded fields in float32.
    bandwidth : float, optional
        For samples only, and required there; in the unit of x.
    model : {"bilinear", "pixel"}
        Of the "line" method.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (U, J) or (U, J, k)
        float32 where the field is.

    Raises
    ------
    ValueError
        If directions are not unit vectors, offsets or axes not uniform, the method does not apply,
        or samples come without bandwidth.
    TypeError
        If the field is of another kind.
    MemoryBudgetError
        If the sinogram, or what it takes, does not fit the memory budget.

    Warns
    -----
    AccuracyWarning
        If more than a per cent of the mass of a projection is lost between or beyond the offsets.

    Notes
    -----
    **Accuracy.** See :class:`RadonPlan`; "exact" to rounding.

    **Cost.** That of a plan and one call of it: make a :class:`RadonPlan` to transform many fields.

    See Also
    --------
    RadonPlan, radon_adjoint, dual_radon, radon_inverse

    References
    ----------
    J. Radon, *Ueber die Bestimmung von Funktionen durch ihre Integralwerte laengs gewisser
    Mannigfaltigkeiten*, Ber. Saechs. Akad. Wiss. 69 (1917).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 1.0)
    >>> s = radon(law, [[1.0, 0.0]], np.linspace(-4, 4, 17))
    >>> bool(abs(s[0, 8] - 1 / np.sqrt(2 * np.pi)) < 1e-15)
    True
    """
    one_of(method, "method", ("auto", *_WORDS))
    one_of(model, "model", _MODELS)
    if tol is not None:
        as_tolerance(tol, np.dtype(np.float64))
    if not isinstance(field, (GridField, SampleField, GaussianMixture)):
        raise TypeError(
            "`field` must be a GridField, a SampleField or a GaussianMixture, got "
            f"{type(field).__name__} (sample a callable with GridField.from_function)"
        )
    if bandwidth is not None and not isinstance(field, SampleField):
        raise ValueError("`bandwidth` is for scattered samples, got one for a gridded field or law")
    if method != "auto" and not isinstance(field, _KINDS[method]):
        raise ValueError(
            f"method {method!r} needs {_WORDS[method][0]}, got {type(field).__name__} "
            f"({_WORDS[method][1]})"
        )
    if isinstance(field, GaussianMixture):
        sinogram, spacing, masses = _of_law(field, directions, offsets)
    elif isinstance(field, SampleField):
        sinogram, spacing, masses = _of_samples(field, directions, offsets, tol, bandwidth)
    else:
        plan = RadonPlan(field, directions, offsets, method=method, tol=tol, model=model)
        sinogram, spacing, masses = _of_grid(field, plan)
    _warn_of_lost_mass(finite_result(sinogram, "field"), spacing, masses)
    return sinogram


# Fields that each method takes, in words, and what to do with others.
_KINDS: dict[str, tuple[type, ...]] = {
    "slice": (GridField, SampleField),
    "line": (GridField,),
    "exact": (GaussianMixture,),
}
_WORDS = {
    "slice": (
        "samples",
        "use 'exact', or sample the density of a law with GridField.from_function(law.pdf, axes)",
    ),
    "line": (
        "a GridField, samples on a grid",
        "use 'auto', or sample the density of a law with GridField.from_function(law.pdf, axes)",
    ),
    "exact": ("a GaussianMixture", "use 'slice'"),
}


def _of_law(
    law: GaussianMixture, directions: ArrayLike, offsets: ArrayLike
) -> tuple[NDArray, float, NDArray]:
    """Sinogram, spacing of the offsets, and masses (n, C) of the law."""
    u = as_directions(directions, law.dim)
    p, spacing = uniform_axis(offsets, "offsets")
    _fits(len(u), len(p), 8.0)
    with np.errstate(over="ignore"):  # far offsets, where the density is 0
        sinogram = radon_gaussian_mixture(u, p, law.weights, law.means, law.covariances)
    return sinogram, spacing, np.ones((1, 1))


def _of_samples(
    field: SampleField,
    directions: ArrayLike,
    offsets: ArrayLike,
    tol: float | None,
    bandwidth: float | None,
) -> tuple[NDArray, float, NDArray]:
    u = as_directions(directions, field.dim)
    p, spacing = uniform_axis(offsets, "offsets")
    _fits(len(u), len(p), 8.0 * math.prod(field.component_shape))
    if bandwidth is None:
        raise ValueError(
            "`bandwidth` must be given for scattered samples, got None (their projections are "
            "point masses: pass the standard deviation of a Gaussian, such as the spacing of "
            "the offsets)"
        )
    width = positive(bandwidth, "bandwidth")
    accuracy = as_tolerance(tol, np.dtype(np.float64))
    sinogram = smoothed_projections(field, u, p, width, accuracy)
    return sinogram, spacing, field.weights[:, None] * field.values.reshape(len(field.points), -1)


def _of_grid(field: GridField, plan: RadonPlan) -> tuple[NDArray, float, NDArray]:
    """In units of the longest step of the grid: powers of lengths may be out of range."""
    _fits(len(plan.directions), len(plan.offsets), 8.0 * math.prod(field.component_shape))
    unit = float(field.spacing.max())
    cell = float(np.prod(field.spacing / unit))
    masses = cell * field.values.reshape(int(np.prod(field.shape)), -1)
    return plan(field.values), plan.spacing / unit * unit ** (1 - field.dim), masses


def _warn_of_lost_mass(sinogram: NDArray, spacing: float, masses: NDArray) -> None:
    """Warn where sums over offsets miss the integral; masses (n, C) are those of all samples."""
    if sinogram.shape[1] < 2:
        return
    found = spacing * sinogram.reshape(*sinogram.shape[:2], -1).sum(axis=1)
    scale = np.maximum(np.abs(masses).sum(axis=0), 1e-300)
    lost = float((np.abs(found - masses.sum(axis=0)) / scale).max())
    if lost > _LOST_MASS:
        warnings.warn(
            f"the offsets miss {100 * lost:.3g} % of the mass of a projection (extend them over "
            "the field, or take a smaller step)",
            AccuracyWarning,
            stacklevel=4,
        )


@with_progress("adjoint of the Radon transform")
def radon_adjoint(
    sinogram: ArrayLike,
    directions: ArrayLike,
    offsets: ArrayLike,
    axes: tuple[ArrayLike, ...],
    *,
    method: str = "auto",
    tol: float | None = None,
    model: str = "bilinear",
    progress: Progress = None,
) -> NDArray:
    """Transpose of the discrete operator that :func:`radon` applies to a gridded field.

    Parameters
    ----------
    sinogram : array_like, shape (U, J) or (U, J, k)
    directions : array_like, shape (U, m)
    offsets : array_like, shape (J,)
    axes : tuple of m array_like
        Coordinates of the grid.
    method, tol, model
        As in :func:`radon`.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ndarray, shape (n1, ..., nm) or (n1, ..., nm, k)

    Raises
    ------
    ValueError
        As :class:`RadonPlan`, or if the sinogram does not fit the geometry.

    Notes
    -----
    **Accuracy.** A transpose to rounding: ``<Af, s> = <f, A's>`` to 1e-12 of the norms of Af and s
    in float64.

    **Cost.** That of :class:`RadonPlan`.

    See Also
    --------
    dot_test, dual_radon

    Examples
    --------
    >>> axis = np.linspace(-1, 1, 8)
    >>> radon_adjoint(np.ones((1, 5)), [[0.6, 0.8]], np.linspace(-1, 1, 5), (axis, axis)).shape
    (8, 8)
    """
    given = as_real_array(sinogram, "sinogram", ndim=(2, 3), allow_complex=True)
    plan = RadonPlan(
        as_axes(axes),
        directions,
        offsets,
        method=method,
        tol=tol,
        model=model,
        dtype=np.float32 if is_single(given) else np.float64,
    )
    return plan.adjoint(given)
