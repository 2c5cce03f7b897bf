"""The parameter grids (a, b) on which spectra live, with their quadrature."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fork import cached_property
from ridgeflow._validate import (
    as_points,
    as_real_array,
    fits_in_memory,
    increasing,
    items_of,
    non_negative,
    one_of,
    positive,
    positive_int,
    same_length,
    uniform_axis,
)
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import as_directions, directions
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.choice import choose_polar
from ridgeflow.ridgelet.grids.transfer import trapezoid

__all__ = ["ParameterGrid", "count_offsets"]

# More offsets than this on one scale cannot be meant.
_MOST_OFFSETS = 2.0**48


def count_offsets(scales: NDArray, radius: float, margin: float, step: float) -> NDArray[np.int64]:
    """Offsets on each side of the middle one."""
    with np.errstate(over="ignore"):
        counts = np.ceil((scales * radius + margin) / step - 1e-9)
    if not counts.max() < _MOST_OFFSETS:
        raise ValueError(
            f"`step` must leave fewer than 2^48 offsets on a scale, got {step:g} for the scale "
            f"{scales[-1]:g}, the radius {radius:g} and the margin {margin:g}"
        )
    return counts.astype(np.int64)


def _kept(array: ArrayLike) -> NDArray[np.float64]:
    """A copy that cannot be changed: it has been looked at for good."""
    own = np.array(array, np.float64, order="C")
    own.flags.writeable = False
    return own


@dataclass(frozen=True, eq=False)
class ParameterGrid:
    r"""Nodes (a, b) of parameter space and their quadrature weights.

    Build one with :meth:`polar`, :meth:`for_field`, :meth:`cartesian` or :meth:`nodes`. A polar
    grid is made of directions u, scales :math:`\rho` and offsets, with :math:`a = \rho u` and
    :math:`b = \rho\, u\cdot c + j\,\text{step}`, c the center; it stores half of the directions and
    its weights carry the factor 2:

    .. math:: \int_{R^m \times R} F\,da\,db \approx \sum_j w_j F(a_j, b_j),\qquad
              w = 2\,w_u\,\rho^m\,\Delta\log\rho\;\text{step}.

    Attributes
    ----------
    kind : {"polar", "cartesian", "nodes"}
    dim : int
        Dimension m.
    a : ndarray, shape (P, m)
        Inner weights, in 1/length; node order is scale, direction, offset.
    b : ndarray, shape (P,)
        Offsets, dimensionless.
    weights : ndarray, shape (P,), or None for plain nodes
        Quadrature of da db over all of R^m x R.
    size : int
        Number of nodes P.
    half : bool
        Whether only half of the directions are stored.
    tol : float or None
        Of :meth:`for_field`; a reconstruction that misses it warns.

    Notes
    -----
    **Accuracy.** The step must resolve the ridgelet (0.3 to 0.5), and the offsets reach
    :math:`|b - a\cdot c| \le \rho\,\text{radius} + \text{margin}`: constant step, so that high
    scales have more offsets than low ones.

    **Cost.** The nodes are made on demand: (m + 2) P numbers.

    Examples
    --------
    >>> grid = ParameterGrid.polar(2, 6, np.geomspace(0.1, 4, 5), 2.0, 0.5)
    >>> grid.size == len(grid.b), grid.half
    (True, True)
    """

    kind: Literal["polar", "cartesian", "nodes"]
    dim: int
    size: int
    directions: NDArray = field(repr=False, default_factory=lambda: np.empty((0, 0)))
    direction_weights: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    scales: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    scale_weights: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    radius: float = 0.0
    step: float = 0.0
    margin: float = 0.0
    center: NDArray = field(repr=False, default_factory=lambda: np.empty(0))
    axes: tuple[NDArray, ...] = field(repr=False, default=())
    plain: tuple[NDArray, NDArray] | None = field(repr=False, default=None)
    tol: float | None = field(repr=False, default=None)

    def __post_init__(self) -> None:
        # Kernels trust these numbers: whatever builds a grid has to hold to them, files too.
        if self.tol is not None:
            positive(self.tol, "tol")
        kind = one_of(self.kind, "kind", ("polar", "cartesian", "nodes"))
        object.__setattr__(self, "kind", kind)
        dim = positive_int(self.dim, "dim")
        if self.kind == "polar":
            self._check_polar(dim)
            size = len(self.directions) * float((2.0 * self.half_counts + 1).sum())
        elif self.kind == "cartesian":
            if len(self.axes) != dim + 1:
                raise ValueError(
                    f"`axes` must hold {dim} axes of a and one of b, got {len(self.axes)}"
                )
            for i, axis in enumerate(self.axes):
                uniform_axis(axis, f"axes[{i}]")
            object.__setattr__(self, "axes", tuple(_kept(axis) for axis in self.axes))
            size = float(np.prod([float(len(axis)) for axis in self.axes]))
        else:
            if self.plain is None or len(items_of(self.plain, "plain")) != 2:
                raise ValueError("`plain` must hold a and b of the nodes, got none")
            inner = as_points(self.plain[0], "a", dim)
            outer = as_real_array(self.plain[1], "b", ndim=1)
            size = same_length(a=inner, b=outer)
            object.__setattr__(self, "plain", (_kept(inner), _kept(outer)))
        if positive_int(self.size, "size") != size:
            raise ValueError(f"`size` must be the number of nodes, {size:.0f}, got {self.size}")

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self.__post_init__()

    def _check_polar(self, dim: int) -> None:
        n = len(as_directions(self.directions, dim))
        # One scale alone may be all that was selected of a grid.
        s = len(increasing(self.scales, "scales"))
        for name, count in (("direction_weights", n), ("scale_weights", s)):
            weights = as_real_array(getattr(self, name), name, ndim=1)
            if len(weights) != count or not (weights >= 0).all():
                raise ValueError(
                    f"`{name}` must hold {count} weights >= 0, got shape {weights.shape} from "
                    f"{weights.min():g} on"
                )
        if not self.scales[0] > 0:
            raise ValueError(f"`scales` must be positive, got {self.scales[0]:g}")
        positive(self.radius, "radius")
        positive(self.step, "step")
        non_negative(self.margin, "margin")
        if as_real_array(self.center, "center", ndim=1).shape != (dim,):
            raise ValueError(f"`center` must have shape ({dim},), got {self.center.shape}")
        for name in ("directions", "direction_weights", "scales", "scale_weights", "center"):
            object.__setattr__(self, name, _kept(getattr(self, name)))

    @classmethod
    def polar(
        cls,
        dim: int,
        n_directions: int,
        scales: ArrayLike,
        radius: float,
        step: float,
        *,
        margin: float = 8.0,
        center: ArrayLike | None = None,
        scale_weights: ArrayLike | None = None,
    ) -> ParameterGrid:
        r"""Directions x scales x offsets,
        :math:`|b - a\cdot c| \le \rho\,\text{radius} + \text{margin}`.

        Parameters
        ----------
        dim : int
            Dimension m.
        n_directions : int
            Directions on the half sphere (see :func:`directions`); 1 where m = 1.
        scales : array_like, shape (S,)
            Increasing positive scales :math:`\rho`, at least two, in 1/length. Their quadrature is
            the trapezoid rule in :math:`\log\rho`, with half weight at both ends.
        radius : float
            Radius of the ball about ``center`` that holds the field, in the unit of x.
        step : float
            Spacing of the offsets b.
        margin : float
            Half-width of the ridgelet: how far offsets reach beyond the projection of the ball.
        center : array_like, shape (m,), optional
            Center of that ball; the origin by default.
        scale_weights : array_like, shape (S,), optional
            Quadrature weights of :math:`d\rho` instead of the trapezoid rule, for activations that
            see a single frequency (cos, sin).

        Returns
        -------
        ParameterGrid

        Raises
        ------
        ValueError
            If a length is not positive, scales do not increase or there are fewer than two, a
            weight is negative, or the offsets of a scale number more than 2^48.
        MemoryBudgetError
            If the directions do not fit the memory budget.

        Examples
        --------
        >>> ParameterGrid.polar(1, 1, [0.5, 1.0, 2.0], 1.0, 0.5, margin=4.0).size
        65
        """
        dim = positive_int(dim, "dim")
        rho = increasing(scales, "scales", minimum_size=2)
        if rho[0] <= 0:
            raise ValueError(f"`scales` must be positive, got {rho[0]:g}")
        radius, step = positive(radius, "radius"), positive(step, "step")
        margin = non_negative(margin, "margin")
        middle = np.zeros(dim) if center is None else as_real_array(center, "center", ndim=1)
        if middle.shape != (dim,):
            raise ValueError(f"`center` must have shape ({dim},), got {middle.shape}")
        unit, area = directions(dim, positive_int(n_directions, "n_directions"))
        if scale_weights is None:
            d_rho = rho * trapezoid(rho)
        else:
            d_rho = as_real_array(scale_weights, "scale_weights", ndim=1).astype(np.float64)
            same_length(scales=rho, scale_weights=d_rho)
            if d_rho.min() < 0:
                raise ValueError(f"`scale_weights` must not be negative, got {d_rho.min():g}")
        half_counts = count_offsets(rho, radius, margin, step)
        if len(unit) * float((2.0 * half_counts + 1).sum()) > _MOST_OFFSETS:
            raise ValueError(
                f"`scales` must leave at most 2^48 nodes, got {rho[-1]:g} with the step {step:g}"
            )
        with np.errstate(over="ignore"):
            volume = rho ** (dim - 1.0) * d_rho
        if not np.isfinite(volume).all():
            raise ValueError(
                f"`scales` must have a finite power {dim - 1}, times their weight, got "
                f"{rho[-1]:g} (choose another unit of length)"
            )
        return cls(
            kind="polar",
            dim=dim,
            size=len(unit) * int((2 * half_counts + 1).sum()),
            directions=unit,
            direction_weights=area,
            scales=rho,
            scale_weights=volume,
            radius=radius,
            step=step,
            margin=margin,
            center=middle.astype(np.float64),
        )

    @classmethod
    def for_field(
        cls,
        field: GridField | SampleField | GaussianMixture,
        activation: str | Activation,
        ridgelet: Ridgelet,
        tol: float = 1e-6,
        *,
        n_directions: int | None = None,
        bandwidth: float | None = None,
        dual: str = "plain",
    ) -> ParameterGrid:
        r"""The polar grid on which reconstruction reaches ``tol``, from the field's own spectrum.

        The scales are those outside of which the transfer function
        :math:`K_A(\xi)/K` weighted with the energy of the field loses less than a quarter of
        ``tol``; their number per octave is raised until the discrete transfer function agrees; the
        step and the margin follow the band and the decay of the ridgelet; the directions resolve
        the highest wave number over the diameter of the field.

        Parameters
        ----------
        field : GridField, SampleField or GaussianMixture
            What will be transformed.
        activation : str or Activation
            Of the reconstruction.
        ridgelet : Ridgelet
            An admissible partner, of the field's dimension.
        tol : float
            Relative L2 error of the reconstruction, in (0, 1).
        n_directions : int, optional
            Overrides the number of directions (advisable above three dimensions).
        bandwidth : float, optional
            For samples only, and required there, in the unit of x: the standard deviation of the
            Gaussian that smooths them; to be passed to ``ridgelet_transform`` as well.
        dual : {"plain", "corrected"}
            Of the reconstruction. The corrected dual needs about one scale per octave, whatever
            ``tol``, and none above the highest wave number of the field.

        Returns
        -------
        ParameterGrid

        Raises
        ------
        AdmissibilityError
            If the pair is not admissible.
        ValueError
            If the dimensions differ, ``tol`` is out of range or cannot be reached with scales over
            60 octaves (choose a ridgelet of higher order), or samples come without bandwidth (point
            masses have energy at every wave number).
        TypeError
            If the field is of another kind.

        Warns
        -----
        AccuracyWarning
            If the samples of a gridded field leave a larger error than half of ``tol``, or it is
            single precision that does: the grid is then chosen for what they allow, and the
            message says what would do.

        See Also
        --------
        Spectrum.error_budget

        Examples
        --------
        >>> import ridgeflow as rf
        >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
        >>> eta = rf.activation("gaussian")
        >>> grid = ParameterGrid.for_field(law, eta, rf.admissible_ridgelet(eta, 1), 1e-4)
        >>> grid.kind
        'polar'
        """
        choice, reached = choose_polar(
            field,
            activation,
            ridgelet,
            tol,
            n_directions=n_directions,
            bandwidth=bandwidth,
            dual=dual,
        )
        grid = cls.polar(**choice._asdict())
        return grid if n_directions is not None else replace(grid, tol=reached)

    @classmethod
    def cartesian(cls, a_axes: Sequence[ArrayLike], b_axis: ArrayLike) -> ParameterGrid:
        r"""All combinations of uniform axes, as in the published experiments.

        Parameters
        ----------
        a_axes : sequence of m array_like
            Uniform coordinates of each component of a.
        b_axis : array_like
            Uniform offsets.

        Returns
        -------
        ParameterGrid
            Every node has the same weight, the volume of a cell.

        Raises
        ------
        ValueError
            If an axis is empty, not increasing or not uniform.

        Examples
        --------
        >>> ParameterGrid.cartesian([np.arange(-2.0, 3)], np.arange(-1.0, 2)).size
        15
        """
        given = items_of(a_axes, "a_axes")
        if not given:
            raise ValueError("`a_axes` must hold one axis for each dimension, got none")
        if isinstance(a_axes, np.ndarray) and a_axes.ndim == 1 and a_axes.dtype != object:
            raise ValueError(
                f"`a_axes` must be a sequence of 1-D coordinate arrays, got shape {a_axes.shape} "
                "(write `[axis]` for one dimension)"
            )
        axes = [uniform_axis(axis, f"a_axes[{i}]")[0] for i, axis in enumerate(given)]
        axes.append(uniform_axis(b_axis, "b_axis")[0])
        size = math.prod(len(axis) for axis in axes)
        return cls(kind="cartesian", dim=len(given), size=size, axes=tuple(axes))

    @classmethod
    def nodes(cls, a: ArrayLike, b: ArrayLike) -> ParameterGrid:
        """Plain nodes without quadrature weights.

        Parameters
        ----------
        a : array_like, shape (P, m)
        b : array_like, shape (P,)

        Returns
        -------
        ParameterGrid

        Raises
        ------
        ValueError
            If the arrays are empty, not finite, or of different lengths.

        Examples
        --------
        >>> ParameterGrid.nodes([[1.0, 2.0]], [0.5]).weights is None
        True
        """
        inner = as_points(a, "a")
        offset = as_real_array(b, "b", ndim=1)
        same_length(a=inner, b=offset)
        return cls(kind="nodes", dim=inner.shape[1], size=len(offset), plain=(inner, offset))

    @property
    def half(self) -> bool:
        """Whether only half of the directions are stored (their weights are doubled)."""
        return self.kind == "polar"

    @cached_property
    def ball(self) -> tuple[int, float, float]:
        """Dimension and radius of the ball of a polar grid, and area of its half sphere."""
        return self.dim, self.radius, float(self.direction_weights.sum())

    @cached_property
    def log_steps(self) -> NDArray[np.float64]:
        r"""Quadrature weights :math:`\Delta\log\rho` of the scales of a polar grid."""
        return self.scale_weights / self.scales**self.dim

    @cached_property
    def half_counts(self) -> NDArray[np.int64]:
        """Offsets on each side of the middle one, for every scale of a polar grid."""
        return count_offsets(self.scales, self.radius, self.margin, self.step)

    @cached_property
    def starts(self) -> NDArray[np.int64]:
        """Position of the first node of each scale of a polar grid, and the total."""
        counts = len(self.directions) * (2 * self.half_counts + 1)
        return np.concatenate([[0], np.cumsum(counts)])

    def _scale_number(self, scale: int) -> int:
        """The number of a scale of a polar grid, if there is one of that number."""
        return positive_int(scale, "scale", minimum=0, maximum=len(self.scales) - 1)

    def offsets(self, scale: int) -> NDArray:
        r"""Offsets of one scale of a polar grid, by its number, relative to :math:`a\cdot c`."""
        if self.kind != "polar":
            raise ValueError(f"offsets of a scale need a polar grid, got {self.kind} nodes")
        n = int(self.half_counts[self._scale_number(scale)])
        return self.step * np.arange(-n, n + 1)

    @cached_property
    def a(self) -> NDArray:
        """Inner weights (P, m)."""
        self._check_size()
        if self.kind == "polar":
            return np.concatenate(
                [
                    np.repeat(rho * self.directions, 2 * int(n) + 1, axis=0)
                    for rho, n in zip(self.scales, self.half_counts, strict=True)
                ]
            )
        if self.plain is not None:
            return self.plain[0]
        mesh = np.meshgrid(*self.axes, indexing="ij")
        return np.stack([axis.ravel() for axis in mesh[:-1]], axis=1)

    @cached_property
    def b(self) -> NDArray[np.float64]:
        """Offsets (P,)."""
        self._check_size()
        if self.kind == "polar":
            middle = self.directions @ self.center
            return np.concatenate(
                [
                    (rho * middle[:, None] + self.offsets(s)).ravel()
                    for s, rho in enumerate(self.scales)
                ]
            )
        if self.plain is not None:
            return self.plain[1]
        return np.meshgrid(*self.axes, indexing="ij")[-1].ravel()

    @cached_property
    def weights(self) -> NDArray[np.float64] | None:
        """Quadrature weights of da db (P,), or None for plain nodes."""
        if self.kind == "polar":
            self._check_size()
            return np.concatenate(
                [
                    np.repeat(2 * self.step * scale_weight * self.direction_weights, 2 * int(n) + 1)
                    for scale_weight, n in zip(self.scale_weights, self.half_counts, strict=True)
                ]
            )
        if self.kind == "cartesian":
            cell = float(np.prod([uniform_axis(axis, "axis")[1] for axis in self.axes]))
            return np.full(self.size, cell)
        return None

    def _check_size(self) -> None:
        fits_in_memory(
            8.0 * self.size * (self.dim + 2),
            f"a grid of {self.size} nodes",
            "take fewer directions, scales or offsets, or raise memory_budget",
        )
