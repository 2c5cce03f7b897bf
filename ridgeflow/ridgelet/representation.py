"""Integral representations: affine part + window + spectrum, a network of infinite width."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import NO_CHECKPOINT, Checkpoint
from ridgeflow._fork import cached_property
from ridgeflow._progress import Progress, stage, steps, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    instance_of,
    items_of,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.errors import AccuracyWarning, RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import AffinePart, Region
from ridgeflow.geometry import ball_volume
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet, as_ridgelet
from ridgeflow.radon_transform.backprojection import Backprojection
from ridgeflow.ridgelet.errors.budget import ErrorBudget, spectrum_budget
from ridgeflow.ridgelet.errors.check_points import (
    bend_share,
    cell_rule,
    check_parts,
    check_rule,
    left_out_error,
    rms_bound,
)
from ridgeflow.ridgelet.grids.comparison import grid_to_represent
from ridgeflow.ridgelet.grids.corrected_dual import as_dual
from ridgeflow.ridgelet.grids.field_record import FieldRecord
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.localised import Localised, localised_field, require_region
from ridgeflow.ridgelet.reconstruct import backproject
from ridgeflow.ridgelet.spectra.provenance import derived
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.transform import transform_like

__all__ = ["IntegralRepresentation"]

# The rest in the window's margin may be larger than anything inside, and carry most of the error
# there: a looser grid is tried first, and kept if the error measured inside allows it.
_SHARES = (10.0, 1.0)
_CHECK_POINTS = 1024
# Above what points tell: their RMS is a little below that of all, as are two standard errors where
# one point in a thousand has most of the error. Without it 4 % of 1000 drawn cases had a budget
# below the error, most by less than a tenth.
_DOUBT = 1.15
# What lies between the samples of a gridded field is at least as large as what each of them is off
# the polynomial of its neighbours, but for so much of what the energy of all of them lets expect.
_MOST_LEFT_OUT = 1.5
# Tolerance from which on profiles of single precision do, whose errors are 1e-5 of their maximum.
_SINGLE = 1e-3


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
    activation : str or Activation
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
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Attributes
    ----------
    spectrum : Spectrum
        :math:`\gamma K`, that is the transform itself, on its nodes.
    affine : AffinePart
    region : Region or None
    activation : Activation
    measured_error : float
        RMS error at some points of the region, relative to ``reference``: about 1000 in the cells
        of the samples, more of them where the field is large or bends; of a gridded field, up to
        512 of its samples.

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
        If the measured error may exceed ``tol``.

    Notes
    -----
    **Accuracy.** ``error_budget()``; the window's margin decides how many wave numbers are needed.

    **Cost.** Sampling the field on a grid, one ridgelet transform, one backprojection. The number
    of samples and of nodes grows with the power m of the wave numbers: meant for m <= 3.

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

    spectrum: Spectrum
    reference: float
    _localised: Localised | None
    _profiles: Backprojection
    _center: NDArray
    _radius: float
    _per_unit: float
    _parts: list[tuple[float, IntegralRepresentation]]

    @with_progress("integral representation")
    def __init__(
        self,
        field: CallableField | GridField | GaussianMixture,
        activation: str | Activation,
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
        progress: Progress = None,
    ) -> None:
        like = None if like is None else instance_of(like, "like", FieldRecord)
        n_axis = None if n_axis is None else positive_int(n_axis, "n_axis", minimum=2)
        activation = _activation(activation)
        ridgelet = None if ridgelet is None else as_ridgelet(ridgelet)
        one_of(dual, "dual", ("plain", "corrected"))
        tol = finite_number(tol, "tol")
        if not 0 < tol < 1:
            raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
        reference = None if reference is None else positive(reference, "reference")
        require_region(field, region)
        psi = admissible_ridgelet(activation, field.dim) if ridgelet is None else ridgelet
        with stage("samples of the field", 0.0, 0.3):
            localised = localised_field(field, region, tol, reference, n_axis)
        self._begin(localised, activation, tol, reference, dual)
        inner = min(0.5, tol / max(self._per_unit, 1e-300))
        for share in steps((1.0,) if grid is not None else _SHARES, "spectrum", 0.3):
            wanted = min(0.5, share * inner)
            with stage(None, 0.0, 0.2):
                nodes = grid or grid_to_represent(localised.source, activation, psi, wanted, dual)
            self._transform(psi, nodes, min(1e-3, 1e-2 * wanted), band, like)
            if self._bound <= 0.5 * tol:
                break
        self._localised = None
        if self._bound > tol:
            warnings.warn(
                f"the representation has an RMS error of up to {self._bound:.1e} relative to "
                f"{self.reference:.3g}, more than tol = {tol:g} (use a finer grid, or a wider "
                "margin)",
                AccuracyWarning,
                stacklevel=3,
            )

    @classmethod
    def _of_localised(
        cls,
        localised: Localised,
        activation: Activation,
        ridgelet: Ridgelet,
        grid: ParameterGrid,
        *,
        tol: float,
        reference: float,
        band: float,
        dual: str,
        like: FieldRecord | None,
        keep: Checkpoint,
    ) -> IntegralRepresentation:
        """From the first stage on, with arguments of the constructor that have been checked.

        The error is measured when it is asked for.
        """
        made = object.__new__(cls)
        made._begin(localised, activation, tol, reference, dual)
        inner = min(0.5, tol / max(made._per_unit, 1e-300))
        made._transform(ridgelet, grid, min(1e-3, 1e-2 * inner), band, like, keep)
        return made

    def _begin(
        self,
        localised: Localised,
        activation: Activation,
        tol: float,
        reference: float | None,
        dual: str,
    ) -> None:
        """What all stages share; errors of a spectrum are relative to what was transformed."""
        self._localised = localised
        self.activation, self.tol, self.dual = activation, tol, dual
        self.region, self.affine = localised.region, localised.affine
        size = localised.norm
        if reference is None:
            reference = size if localised.rms is None else localised.rms
        self.reference = self._unit = reference
        if self.region is not None:
            self._unit *= float(np.sqrt(ball_volume(self.region.dim, self.region.radius)))
        self._per_unit = size / self._unit if self._unit > 0 else 0.0

    def _transform(
        self,
        psi: Ridgelet,
        grid: ParameterGrid,
        tol: float,
        band: float | None,
        like: FieldRecord | None,
        keep: Checkpoint = NO_CHECKPOINT,
    ) -> None:
        """The spectrum on these nodes and its profiles; nothing is measured yet."""
        assert self._localised is not None
        source = self._localised.source
        with warnings.catch_warnings(), stage(None, 0.2, 0.7):
            # The record's own check is relative to the windowed rest; the caller's follows.
            warnings.simplefilter("ignore", AccuracyWarning)
            self.spectrum = transform_like(source, psi, grid, tol, like, keep)
        self._center = grid.center if self.region is None else self.region.center
        self._radius = grid.radius if self.region is None else self.region.radius
        reach = 1.0001 * (self._radius + float(np.linalg.norm(self._center - grid.center)))
        # In space profiles are what takes memory, and time to read.
        form: dict[str, Any] = {"band": band, "single": grid.dim > 2 and self.tol >= _SINGLE}
        self._profiles = backproject(self.spectrum, self.activation, reach, dual=self.dual, **form)
        self._parts = []
        self.__dict__.pop("_errors", None)

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
            Its errors are the sum of those of the parts, times the sizes of their weights, relative
            to the ``reference`` of the first.

        Raises
        ------
        ValueError
            If nodes, region or activation differ.
        """
        parts, weights = _blendable(representations, weights)
        first = parts[0]
        blended = object.__new__(cls)
        blended.__dict__.update(first.__dict__)

        def mix(arrays: Sequence[NDArray]) -> NDArray:
            return sum((w * a for w, a in zip(weights, arrays, strict=True)), start=0.0 * arrays[0])

        # What the first was compared with is not what the sum is to be compared with.
        record = first.spectrum.record
        blended.spectrum = replace(
            first.spectrum,
            values=mix([r.spectrum.values for r in parts]),
            record=None if record is None else replace(record, check=record.check[:0]),
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
        unit = first._unit if first._unit > 0 else 1.0
        share = [abs(w) * (r._unit if r._unit > 0 else 1.0) / unit for w, r in zip(weights, parts)]
        blended._parts = list(zip(share, parts, strict=True))
        blended.__dict__.pop("_errors", None)
        return blended

    @cached_property
    def _errors(self) -> tuple[float, float]:
        """The measured error and an upper bound of it; of a blend, sums of those of its parts."""
        if not self._parts:
            return self._measure()
        each = [(share * part._errors[0], share * part._errors[1]) for share, part in self._parts]
        return sum(error for error, _ in each), sum(bound for _, bound in each)

    @property
    def measured_error(self) -> float:
        """RMS error at some points of the region, relative to ``reference``."""
        return self._errors[0]

    @property
    def _bound(self) -> float:
        return self._errors[1]

    def __getstate__(self) -> dict[str, Any]:
        # A field that was not measured against yet may be a function, which cannot be pickled.
        self._errors  # noqa: B018
        return {**self.__dict__, "_localised": None, "_parts": []}

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
            ``total`` is an upper bound of the error that was measured against the field when the
            representation was made, two standard errors of the mean square above it; the sources
            share it in the proportions of the spectrum's own budget, most of which may lie in the
            margin of the window.

        Notes
        -----
        **Accuracy.** The field is evaluated at about 1000 points, most of them where the samples
        show it large or bent. Nothing is known of what lies between two samples and leaves no trace
        in them, such as a spike much narrower than their spacing. Of a gridded field nothing but
        the samples is known: what lies between them is extrapolated from their energy at the end of
        the band.

        **Cost.** That of the predicted budget of the spectrum, without a reconstruction.
        """
        dual = as_dual(self.dual, self.spectrum, self.activation)
        budget = spectrum_budget(self.spectrum, self.activation, dual, measure=False)
        total = max(self._bound, 1e-16)
        scale = total / budget.total if budget.total > 0 else 0.0
        names = ("truncation", "quadrature", "directions", "sampling")
        parts = {name: float(getattr(budget, name) * scale) for name in names}
        return ErrorBudget(total, **parts, kink=float(budget.kink * self._per_unit))

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

    def _measure(self) -> tuple[float, float]:
        """The error at points of the region, and an upper bound of it, relative to the reference.

        Within the region the window is 1, and what was transformed is the field less its affine
        part.
        """
        assert self._localised is not None
        source, exact, hidden = self._localised.source, self._localised.exact, 0.0
        if exact is None:
            check = check_rule(source, self._center, self._radius)
            weight, points, truth = check_parts(check, self.dim)
        else:
            assert isinstance(source, GridField)
            points, weight = cell_rule(source, self._center, self._radius, _CHECK_POINTS)
            truth = (exact(points) - self.affine(points)).reshape(len(points), -1)
        record = self.spectrum.record
        if exact is None and isinstance(source, GridField) and record is not None:
            # Nothing is known between the samples but what their energy lets expect.
            most = record.sampling * self._per_unit
            hidden = most * np.sqrt(bend_share(source, self._center, self._radius))
            if self._unit > 0:
                left_out = left_out_error(source, self._center, self._radius) / self._unit
                hidden = max(hidden, min(left_out, _MOST_LEFT_OUT * most))
        gap = np.abs(self._profiles(points) - truth)
        unit = self._unit if self._unit > 0 else 1.0
        # Divided before squaring: the square of a tiny unit would be 0.
        rms, bound = rms_bound(((gap / unit) ** 2).sum(axis=1), weight)
        return rms, _DOUBT * float(np.hypot(bound, hidden))


def _blendable(
    representations: Sequence[IntegralRepresentation], weights: Sequence[float]
) -> tuple[list[IntegralRepresentation], list[float]]:
    """The parts and factors of a blend, all on one set of nodes."""
    representations = items_of(representations, "representations")
    if not representations:
        raise ValueError("`representations` must not be empty, got none")
    for i, part in enumerate(representations):
        instance_of(part, f"representations[{i}]", IntegralRepresentation)
    factors = as_real_array(items_of(weights, "weights"), "weights", ndim=1).astype(np.float64)
    if len(factors) != len(representations):
        raise ValueError(
            "`weights` must hold one number for each of the representations, got "
            f"{len(factors)} for {len(representations)}"
        )
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
    return list(representations), factors.tolist()
