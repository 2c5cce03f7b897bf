"""Integral representations: affine part + window + spectrum, a network of infinite width."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import fft as sp_fft

from ridgeflow._validate import as_points, finite_number, fits_in_memory, one_of, positive
from ridgeflow.errors import AccuracyWarning, RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import AffinePart, Region, fit_affine
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.backprojection import Backprojection
from ridgeflow.transforms.error_budget import ErrorBudget, FieldRecord, ball_volume
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.provenance import derived
from ridgeflow.transforms.repeated import transform_like
from ridgeflow.transforms.ridgelet import backproject, ridgelet_transform

__all__ = ["IntegralRepresentation", "localise", "sample_localised"]

_LARGEST_AXIS = {1: 1 << 16, 2: 1536, 3: 224}
# The rest in the window's margin may be larger than anything inside, and carry most of the error
# there: a looser grid is tried first, and kept if the error measured inside allows it.
_SHARES = (10.0, 1.0)
_CHECK_POINTS = 256
_CHECK_SEED = 11  # the points of the check are the same in every run


class IntegralRepresentation:
    r"""A field on a region as a shallow network of infinite width.

    .. math:: f(x) = A^\top x + c + \frac1K\int \gamma(a,b)\,\eta(a\cdot x - b)\,da\,db
              \quad\text{on the region},\qquad \gamma = R[w\,(f - A^\top x - c);\psi]

    The affine part, which a ridgelet cannot see, is fitted by least squares over the region; the
    rest is multiplied by the region's smooth window w and transformed.

    Parameters
    ----------
    field : CallableField, GridField or GaussianMixture
        f; a mixture stands for its density.
    activation : Activation
        :math:`\eta`.
    ridgelet : Ridgelet, optional
        :math:`\psi`; by default ``admissible_ridgelet(activation, field.dim)``.
    region : Region, optional
        Where the representation must hold. Required for a callable field. Without one the field is
        transformed as it is, and must vanish towards the edges of its grid.
    tol : float
        RMS error over the region relative to ``reference``.
    reference : float, optional
        Magnitude that ``tol`` is relative to; by default the RMS of the field over the region.
    grid : ParameterGrid, optional
        Nodes to use instead of those that ``tol`` asks for.
    band : float, optional
        Wave number that the profiles resolve; by default the highest that the spectrum carries.
        Representations that are to be blended need a common one.
    dual : {"plain", "corrected"}
        Of the reconstruction, see :func:`reconstruct`: "corrected" needs some three times fewer
        scales. The spectrum's own nodes and weights then make no network of importance weights.
    n_axis : int, optional
        Samples per axis of a callable field; by default as many as ``tol`` asks for.
    like : FieldRecord, optional
        The record of a spectrum on the same ``grid`` of a field as rough as this one, whose errors
        of directions are taken over: measuring them anew is a third of the work.

    Attributes
    ----------
    spectrum : Spectrum
        :math:`\gamma K`, that is the transform itself, on its nodes.
    affine : AffinePart
    region : Region or None
    activation : Activation
    measured_error : float
        RMS error at 256 random points of the region, relative to ``reference``.

    Raises
    ------
    AdmissibilityError
        If the pair is not admissible.
    RegionError
        If a callable comes without a region, or a gridded field does not cover it.
    ValueError
        If ``tol`` is not in (0, 1), or dimensions differ.
    MemoryBudgetError
        If the samples or the nodes that ``tol`` asks for exceed the memory budget.

    Warns
    -----
    AccuracyWarning
        If the measured error exceeds ``tol``.

    Notes
    -----
    **Accuracy.** ``error_budget()``; the window's margin decides how many wave numbers are needed.

    **Cost.** Sampling the field on a grid, one ridgelet transform, one backprojection. The number
    of
    samples and of nodes grows with the power m of the wave numbers: meant for m <= 3.

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, ICML Workshop on
    Principled Approaches to Deep Learning (2017).

    Examples
    --------
    >>> import numpy as np
    >>> import ridgeflow as rf
    >>> field = rf.CallableField(lambda x: np.sin(x[:, 0]) + x[:, 0], 1)
    >>> region = rf.Region([0.0], 2.0, 2.0)
    >>> rep = IntegralRepresentation(field, rf.activation("tanh"), region=region, tol=1e-4)
    >>> bool(abs(rep([[0.7]])[0] - np.sin(0.7) - 0.7) < 1e-3)
    True
    """

    def __init__(
        self,
        field: CallableField | GridField | GaussianMixture,
        activation: Activation,
        *,
        ridgelet: Ridgelet | None = None,
        region: Region | None = None,
        tol: float = 1e-3,
        reference: float | None = None,
        grid: ParameterGrid | None = None,
        band: float | None = None,
        dual: str = "plain",
        n_axis: int | None = None,
        like: FieldRecord | None = None,
    ) -> None:
        self._like = like
        one_of(dual, "dual", ("plain", "corrected"))
        self.dual = dual
        tol = finite_number(tol, "tol")
        if not 0 < tol < 1:
            raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
        if reference is not None:
            reference = positive(reference, "reference")
        if not isinstance(field, (CallableField, GridField, GaussianMixture)):
            raise TypeError(
                "`field` must be a CallableField, a GridField or a GaussianMixture, got "
                f"{type(field).__name__}"
            )
        if region is None and isinstance(field, CallableField):
            raise RegionError(
                "a callable field needs a `region` on which it is represented, got None "
                "(pass Region(center, radius, margin), or Region.holding(law))"
            )
        if region is not None and region.dim != field.dim:
            raise ValueError(f"`region` must have dimension {field.dim}, got {region.dim}")
        psi = admissible_ridgelet(activation, field.dim) if ridgelet is None else ridgelet
        self.activation, self.region, self.tol = activation, region, tol
        source: GridField | GaussianMixture
        if region is None:
            source = field  # type: ignore[assignment]
            shape = field.component_shape
            self.affine = AffinePart(np.zeros((field.dim, *shape)), np.zeros(shape))
            rms = None
        else:
            evaluate = field.pdf if isinstance(field, GaussianMixture) else field
            source, self.affine, rms = (
                _localised_grid(field, region)
                if isinstance(field, GridField)
                else sample_localised(
                    evaluate, region, field.component_shape, tol, reference, n_axis
                )
            )
        size = _l2_norm(source)
        volume = ball_volume(field.dim, region.radius) if region is not None else None
        if reference is None:
            reference = rms if rms is not None else size
        self.reference = reference
        # Errors of the spectrum are relative to the norm of what was transformed.
        unit = reference if volume is None else reference * np.sqrt(volume)
        self._per_unit = size / unit if unit > 0 else 0.0
        inner = min(0.5, tol / max(self._per_unit, 1e-300))
        for share in (1.0,) if grid is not None else _SHARES:
            wanted = min(0.5, share * inner)
            nodes = grid or ParameterGrid.for_field(source, activation, psi, wanted, dual=dual)
            self._build(source, psi, nodes, min(1e-3, 1e-2 * wanted), band)
            self.measured_error = self._measure(field)
            if self.measured_error <= 0.5 * tol:
                break
        if self.measured_error > tol:
            warnings.warn(
                f"the representation has an RMS error of {self.measured_error:.1e} relative to "
                f"{reference:.3g}, more than tol = {tol:g} (use a finer grid, or a wider margin)",
                AccuracyWarning,
                stacklevel=2,
            )

    def _build(
        self,
        source: GridField | GaussianMixture,
        psi: Ridgelet,
        grid: ParameterGrid,
        tol: float,
        band: float | None,
    ) -> None:
        with warnings.catch_warnings():
            # The record's own check is relative to the windowed rest; the caller's follows.
            warnings.simplefilter("ignore", AccuracyWarning)
            if self._like is not None and isinstance(source, GridField):
                self.spectrum = transform_like(source, psi, grid, tol, self._like)
            else:
                self.spectrum = ridgelet_transform(source, psi, grid, tol=tol)
        self._center = grid.center if self.region is None else self.region.center
        self._radius = grid.radius if self.region is None else self.region.radius
        reach = self._radius + float(np.linalg.norm(self._center - grid.center))
        self._profiles = backproject(
            self.spectrum, self.activation, 1.0001 * reach, band=band, dual=self.dual
        )

    @classmethod
    def blend(
        cls, representations: Sequence[IntegralRepresentation], weights: Sequence[float]
    ) -> IntegralRepresentation:
        """Linear combination of representations that share nodes, region and activation.

        Parameters
        ----------
        representations : sequence of IntegralRepresentation
            Made with the same ``grid`` and ``region``.
        weights : sequence of float

        Returns
        -------
        IntegralRepresentation
            Its ``measured_error`` is the worst of the parts, weighted.

        Raises
        ------
        ValueError
            If nodes, region or activation differ.
        """
        first = representations[0]
        for other in representations[1:]:
            if (
                other.spectrum.grid is not first.spectrum.grid
                or other.region is not first.region
                or other.activation != first.activation
                or other.dual != first.dual
            ):
                raise ValueError(
                    "`representations` must share their grid, region and activation, got different "
                    "ones (pass the same `grid` and `region` to each)"
                )
        blended = object.__new__(cls)
        blended.__dict__.update(first.__dict__)

        def mix(arrays: Sequence[NDArray]) -> NDArray:
            return sum(
                (w * array for w, array in zip(weights, arrays, strict=True)), start=0.0 * arrays[0]
            )

        parts = list(representations)
        blended.spectrum = replace(
            first.spectrum,
            values=mix([r.spectrum.values for r in parts]),
            provenance=derived(
                "blend",
                *(r.spectrum.provenance for r in parts),
                settings={"weights": [float(w) for w in weights]},
            ),
        )
        blended.affine = AffinePart(
            mix([r.affine.matrix for r in parts]), mix([r.affine.offset for r in parts])
        )
        blended._profiles = first._profiles.with_coefficients(
            mix([r._profiles.coefficients for r in parts])
        )
        blended.measured_error = max(
            abs(w) * r.measured_error for w, r in zip(weights, parts, strict=True)
        )
        return blended

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.spectrum.dim

    @property
    def component_shape(self) -> tuple[int, ...]:
        """() for a scalar field, (k,) for a vector field."""
        return self.spectrum.component_shape

    @property
    def profiles(self) -> Backprojection:
        """The integral part as one profile along each direction."""
        return self._profiles

    def __call__(self, points: ArrayLike) -> NDArray:
        """Evaluate the representation.

        Parameters
        ----------
        points : array_like, shape (n, m)
            Points of the region.

        Returns
        -------
        ndarray, shape (n,) or (n, k)

        Raises
        ------
        RegionError
            If a point lies outside the region.
        """
        x = self._points(points)
        value = self._profiles(x).reshape(len(x), *self.component_shape)
        return value + self.affine(x)

    def gradient(self, points: ArrayLike) -> NDArray:
        """Gradient in x.

        Parameters
        ----------
        points : array_like, shape (n, m)
            Points of the region.

        Returns
        -------
        ndarray, shape (n, m) or (n, m, k)
            Entry [n, i, k] is the derivative of component k along axis i.

        Raises
        ------
        RegionError
            If a point lies outside the region.
        """
        x = self._points(points)
        _, slope = self._profiles.with_gradient(x)
        return slope.reshape(len(x), self.dim, *self.component_shape) + self.affine.matrix

    def error_budget(self) -> ErrorBudget:
        """Estimated errors by source, as RMS over the region relative to ``reference``.

        Returns
        -------
        ErrorBudget
            The spectrum's budget in these units, or in proportion down to twice the error that was
            measured against the field, where that is less: most of the spectrum's error may lie in
            the margin of the window.
        """
        budget = self.spectrum.error_budget(self.activation, dual=self.dual)
        scale = self._per_unit
        if budget.total > 0:
            scale = min(scale, 2 * self.measured_error / budget.total)
        names = ("total", "truncation", "quadrature", "directions", "sampling")
        scaled = {name: float(getattr(budget, name) * scale) for name in names}
        scaled["total"] = max(scaled["total"], self.measured_error, 1e-16)
        return ErrorBudget(**scaled, kink=float(budget.kink * self._per_unit))

    def _points(self, points: ArrayLike) -> NDArray:
        x = as_points(points, "points", self.dim)
        distance = np.linalg.norm(x - self._center, axis=1)
        outside = distance > self._radius * (1 + 1e-12)
        if outside.any():
            raise RegionError(
                f"`points` must lie in the region of radius {self._radius:.4g}, got "
                f"{int(outside.sum())} of {len(x)} outside, the farthest at {distance.max():.4g} "
                "(take a larger Region)"
            )
        return x

    def _measure(self, field: CallableField | GridField | GaussianMixture) -> float:
        rng = np.random.default_rng(_CHECK_SEED)
        if isinstance(field, GridField):
            nodes = field.points()
            inside = np.flatnonzero(np.linalg.norm(nodes - self._center, axis=1) <= self._radius)
            chosen = rng.choice(inside, size=min(len(inside), _CHECK_POINTS), replace=False)
            points = nodes[chosen]
            truth = field.values.reshape(len(nodes), *field.component_shape)[chosen]
        else:
            normal = rng.normal(size=(_CHECK_POINTS, field.dim))
            normal /= np.linalg.norm(normal, axis=1, keepdims=True)
            radial = rng.random((_CHECK_POINTS, 1)) ** (1 / field.dim)
            points = self._center + self._radius * radial * normal
            truth = field.pdf(points) if isinstance(field, GaussianMixture) else field(points)
        gap = np.abs(self(points) - truth).reshape(len(points), -1)
        rms = float(np.sqrt((gap**2).sum(axis=1).mean()))
        if self.region is None:
            rms *= float(np.sqrt(ball_volume(self.dim, self._radius)))
        return rms / self.reference if self.reference > 0 else rms


def _l2_norm(field: GridField | GaussianMixture) -> float:
    if isinstance(field, GaussianMixture):
        from ridgeflow.transforms.diagnostics import mixture_norm_square

        return float(np.sqrt(mixture_norm_square(field)))
    return float(np.sqrt((np.abs(field.values) ** 2).sum() * np.prod(field.spacing)))


def localise(
    points: NDArray, values: NDArray, region: Region, affine: AffinePart | None = None
) -> tuple[NDArray, AffinePart]:
    """Subtract an affine part (fitted inside the region unless given) and apply the window."""
    if affine is None:
        inside = region.contains(points)
        affine = fit_affine(points[inside], values[inside])
    window = region(points)
    rest = np.zeros_like(values)
    used = window > 0
    shape = (-1,) + (1,) * (values.ndim - 1)
    rest[used] = (values[used] - affine(points[used])) * window[used].reshape(shape)
    return rest, affine


def _localised_grid(field: GridField, region: Region) -> tuple[GridField, AffinePart, float]:
    for axis, middle in zip(field.axes, region.center, strict=True):
        if axis[0] > middle - region.outer_radius or axis[-1] < middle + region.outer_radius:
            raise RegionError(
                f"`field` must cover the region of outer radius {region.outer_radius:.4g}, got an "
                f"axis from {axis[0]:.4g} to {axis[-1]:.4g} (take a smaller Region or a larger "
                "grid)"
            )
    points = field.points()
    values = field.values.reshape(len(points), *field.component_shape)
    rest, affine = localise(points, values, region)
    rms = _rms(values[region.contains(points)])
    return GridField(rest.reshape(field.values.shape), field.axes), affine, rms


def sample_localised(
    evaluate,  # type: ignore[no-untyped-def]
    region: Region,
    component_shape: tuple[int, ...],
    tol: float,
    reference: float | None,
    n_axis: int | None = None,
) -> tuple[GridField, AffinePart, float]:
    """Sample the localised rest of a function on a grid fine enough for ``tol``.

    The grid is refined by half until the energy near its highest wave number, relative to what
    ``tol`` refers to, is a tenth of ``tol``; ``n_axis`` fixes it instead.
    """
    dim = region.dim
    if dim not in _LARGEST_AXIS:
        raise ValueError(
            f"a field must have dimension at most 3 to be sampled on a grid, got {dim} (fit "
            "networks to samples instead: fit_outer_weights)"
        )
    n = n_axis or {1: 64, 2: 48, 3: 32}[dim]
    while True:
        fits_in_memory(
            16.0 * n**dim * (max(1, int(np.prod(component_shape))) + dim + 2),
            f"sampling the field on a grid of {n}^{dim} points",
            "take a smaller region, a wider margin or a larger tol, or raise memory_budget",
        )
        axes = tuple(c + np.linspace(-1, 1, n) * region.outer_radius for c in region.center)
        mesh = np.meshgrid(*axes, indexing="ij")
        points = np.stack([axis.ravel() for axis in mesh], axis=1)
        held = region(points) > 0
        sampled = np.asarray(evaluate(points[held]))
        values = np.zeros((len(points), *component_shape), dtype=sampled.dtype)
        values[held] = sampled
        rest, affine = localise(points, values, region)
        inside = region.contains(points)
        rms = _rms(values[inside])
        gridded = GridField(rest.reshape(*[n] * dim, *component_shape), axes)
        if n_axis is not None:
            return gridded, affine, rms
        wanted = tol * (reference or rms) * np.sqrt(ball_volume(dim, region.radius))
        if _energy_near_nyquist(gridded) <= 0.1 * wanted:
            return gridded, affine, rms
        if n >= _LARGEST_AXIS[dim]:
            raise ValueError(
                f"`tol` must be reachable with {_LARGEST_AXIS[dim]} samples per axis, got {tol:g} "
                "(the field is rough on the region, or the margin of the window too narrow)"
            )
        n = min(_LARGEST_AXIS[dim], int(np.ceil(1.5 * n / 2)) * 2)


def _rms(values: NDArray) -> float:
    return float(np.sqrt((np.abs(values.reshape(len(values), -1)) ** 2).sum(axis=1).mean()))


def _energy_near_nyquist(field: GridField) -> float:
    """L2 norm of the part of a gridded field above 0.85 of its highest wave number."""
    dim = field.dim
    power = np.abs(sp_fft.fftn(field.values, axes=tuple(range(dim)))) ** 2
    power = power.reshape(*field.shape, -1).sum(axis=-1)
    high = np.zeros(field.shape, bool)
    for axis, n in enumerate(field.shape):
        shape = [1] * dim
        shape[axis] = -1
        high = high | (np.abs(sp_fft.fftfreq(n)) > 0.425).reshape(shape)
    return float(np.sqrt(power[high].sum() / power[..., :].size * np.prod(field.spacing)))
