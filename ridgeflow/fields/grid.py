"""Fields sampled on a uniform Cartesian grid."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_real_array, fits_in_memory, items_of, uniform_axis

__all__ = ["GridField", "as_axes", "require_energy"]

# Largest absolute values between which squares and, of so many values, squares of sums are numbers
# with all their digits.
_LEAST, _MOST = 1e-152, 1e152


def _checked_axes(axes: Sequence[ArrayLike]) -> tuple[tuple[NDArray, ...], NDArray]:
    if isinstance(axes, np.ndarray) and axes.ndim == 1 and axes.dtype != object:
        raise ValueError(
            f"`axes` must be a sequence of 1-D coordinate arrays, got an array of shape "
            f"{axes.shape} (write `(axis,)` for a field of one variable)"
        )
    try:
        given = list(axes)
    except TypeError:
        raise TypeError(
            f"`axes` must be a sequence of 1-D coordinate arrays, got {axes!r}"
        ) from None
    if not given:
        raise ValueError("`axes` must hold at least one coordinate array, got none")
    pairs = [uniform_axis(axis, f"axes[{i}]") for i, axis in enumerate(given)]
    for axis, _ in pairs:
        axis.setflags(write=False)
    return tuple(axis for axis, _ in pairs), np.array([spacing for _, spacing in pairs])


def _grid_points(axes: tuple[NDArray, ...]) -> NDArray:
    size = float(np.prod([float(axis.size) for axis in axes])) * len(axes) * 8
    fits_in_memory(size, "the list of grid points", "use fewer points per axis")
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([part.ravel() for part in mesh], axis=1)


class GridField:
    """A function f on R^m given by its values on a uniform grid, zero outside of it.

    ``values[i1, ..., im]`` is ``f(axes[0][i1], ..., axes[m-1][im])``; a vector-valued field has its
    components in one further, last axis.

    Parameters
    ----------
    values : array, shape (n1, ..., nm) or (n1, ..., nm, k)
        Real or complex; float32 and complex64 are kept.
    axes : sequence of m arrays, shapes (n1,), ..., (nm,)
        Coordinates, each increasing in equal steps; a length-1 axis has spacing 1.

    Attributes
    ----------
    values, axes
        As given; read-only.
    dim : int
        m.
    shape : tuple of int
        (n1, ..., nm).
    component_shape : tuple of int
        () or (k,).
    origin, spacing, center : array, shape (m,)
        First point, steps and midpoint of the grid, in units of length.
    radius : float
        Half the diagonal of the box that the points span.

    Raises
    ------
    ValueError
        If an axis is not uniform, or ``values`` does not have the shape that the axes prescribe.

    See Also
    --------
    SampleField : Scattered points.
    CallableField : A function that can be evaluated anywhere.

    Notes
    -----
    **Accuracy.** The values are kept as they are; what is read off between the points depends on
    the transform that does it.
    **Cost.** The memory of the values; they are copied once.

    Examples
    --------
    >>> import numpy as np
    >>> x = np.linspace(-1, 1, 5)
    >>> field = GridField(np.outer(x, x), (x, x))
    >>> field.dim, field.shape, field.component_shape, float(field.radius)
    (2, (5, 5), (), 1.4142135623730951)
    """

    def __init__(self, values: ArrayLike, axes: Sequence[ArrayLike]) -> None:
        self.axes, self.spacing = _checked_axes(axes)
        array = as_real_array(values, "values", allow_complex=True)
        shape = tuple(axis.size for axis in self.axes)
        if array.ndim not in (len(shape), len(shape) + 1) or array.shape[: len(shape)] != shape:
            raise ValueError(
                f"`values` must have shape {shape}, the lengths of the axes, or {shape} followed "
                f"by the number of components, got {array.shape}"
            )
        self.values: NDArray = array.copy() if np.shares_memory(array, values) else array
        self.values.setflags(write=False)
        self.spacing.setflags(write=False)
        self.origin: NDArray = np.array([axis[0] for axis in self.axes])
        self.center: NDArray = np.array([0.5 * (axis[0] + axis[-1]) for axis in self.axes])
        # By hypot, since squares of lengths overflow where the lengths do not.
        self.radius = math.hypot(*(0.5 * (float(axis[-1]) - float(axis[0])) for axis in self.axes))

    @classmethod
    def from_function(
        cls, fn: Callable[[NDArray], ArrayLike], axes: Sequence[ArrayLike]
    ) -> GridField:
        """Sample a function on the grid of the axes.

        Parameters
        ----------
        fn : callable
            Maps points (n, m) to values (n,) or (n, k).
        axes : sequence of m arrays
            As for the class.

        Returns
        -------
        GridField

        Raises
        ------
        ValueError
            If an axis is not uniform, or ``fn`` returns another shape.
        MemoryBudgetError
            If the list of points exceeds the memory budget.

        Examples
        --------
        >>> import numpy as np
        >>> axis = np.linspace(-2, 2, 9)
        >>> GridField.from_function(lambda x: np.exp(-(x**2).sum(1)), (axis, axis)).shape
        (9, 9)
        """
        if not callable(fn) or isinstance(fn, type):
            raise TypeError(f"`fn` must be a function of points, got {fn!r}")
        checked, _ = _checked_axes(axes)
        points = _grid_points(checked)
        values = as_real_array(fn(points), "fn", allow_complex=True)
        if values.ndim not in (1, 2) or len(values) != len(points):
            raise ValueError(
                f"`fn` must map points of shape {points.shape} to shape ({len(points)},) or "
                f"({len(points)}, k), got {values.shape}"
            )
        shape = tuple(axis.size for axis in checked)
        return cls(values.reshape(shape + values.shape[1:]), checked)

    @property
    def dim(self) -> int:
        """Number of variables, m."""
        return len(self.axes)

    @property
    def shape(self) -> tuple[int, ...]:
        """Lengths of the axes."""
        return tuple(axis.size for axis in self.axes)

    @property
    def component_shape(self) -> tuple[int, ...]:
        """Shape of one value: () or (k,)."""
        return self.values.shape[self.dim :]

    def points(self) -> NDArray:
        """The grid points in C order of the values.

        Returns
        -------
        points : array, shape (n1·…·nm, m)

        Raises
        ------
        MemoryBudgetError
            If the list exceeds the memory budget.

        Examples
        --------
        >>> GridField([1.0, 2.0], ([0.0, 0.5],)).points()
        array([[0. ],
               [0.5]])
        """
        return _grid_points(self.axes)

    def __repr__(self) -> str:
        return f"GridField(shape={self.shape}, component_shape={self.component_shape})"


def as_axes(value: GridField | tuple[ArrayLike, ...], name: str = "axes") -> tuple[NDArray, ...]:
    """The coordinate arrays of a grid."""
    if isinstance(value, GridField):
        return value.axes
    if isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype != object:
        raise ValueError(
            f"`{name}` must be a tuple of 1-D coordinate arrays, got an array of shape "
            f"{value.shape} (write `(axis,)` for one variable)"
        )
    axes = items_of(value, name)
    if not axes:
        raise ValueError(f"`{name}` must hold at least one coordinate array, got none")
    return tuple(uniform_axis(axis, f"{name}[{i}]")[0] for i, axis in enumerate(axes))


def require_energy(values: NDArray) -> None:
    """Refuse values whose energy, to which errors are relative, float64 does not hold."""
    largest, most = float(np.abs(values).max(initial=0.0)), _MOST / max(values.size, 1)
    if largest and not _LEAST <= largest <= most:
        raise ValueError(
            f"`field` must have a largest value between {_LEAST:g} and {most:.1e}, got "
            f"{largest:.3g}: float64 does not hold its energy (take another unit of the values)"
        )
