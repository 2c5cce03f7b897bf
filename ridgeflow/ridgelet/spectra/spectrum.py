"""The Spectrum: a ridgelet transform on its nodes, with norm, arithmetic and error budget."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import NoneType
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._fork import cached_property
from ridgeflow._validate import as_real_array, finite_number, instance_of, items_of, moderate
from ridgeflow.columns import lengths
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as _activation
from ridgeflow.ridgelet.errors.budget import ErrorBudget, spectrum_budget
from ridgeflow.ridgelet.errors.check_points import scaled_check
from ridgeflow.ridgelet.grids.comparison import grid_words, same_grid
from ridgeflow.ridgelet.grids.corrected_dual import CorrectedDual, as_dual
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.spectra.labelled import from_dataset, to_dataset
from ridgeflow.ridgelet.spectra.provenance import Provenance, derived
from ridgeflow.ridgelet.spectra.storage import read_spectrum, save_spectrum

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

__all__ = ["Spectrum", "linear_combination", "load_spectrum", "require_alike"]


@dataclass(frozen=True, eq=False, repr=False)
class Spectrum(NodeValues):
    r"""Ridgelet transform :math:`R[f;\psi](a_j, b_j)` on the nodes of a parameter grid.

    Parameters
    ----------
    values : array_like, shape (P,) or (P, k)
        The transform itself: no quadrature weight, no 1/K. Real or complex.
    grid : ParameterGrid
        The nodes.
    ridgelet : Ridgelet
        The analysing function.
    record : FieldRecord, optional
        What is known of the field; needed by :meth:`error_budget`.
    provenance : Provenance, optional
        Which field it is of, how it was computed, and what was done with it since.

    Raises
    ------
    ValueError
        If the values do not fit the grid, are not finite, or the dimensions differ.

    See Also
    --------
    ridgelet_transform, reconstruct, linear_combination, inner_product

    Notes
    -----
    Spectra on one grid with one ridgelet form a linear space: ``s + t``, ``s - t``, ``-s``,
    ``c * s`` and ``s / c`` are spectra, of the same combination of fields.

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017), Definition 4.1.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(2, 2), (np.ones((3, 2)), np.zeros(3)))
    >>> s.values.shape
    (3,)
    >>> print(2 * s)
    <Spectrum: 3 nodes, float64
      grid      plain nodes, m = 2
      ridgelet  Ridgelet(dim=2, order=2)
      field     GaussianMixture, m = 2, 1 component (...)
      steps     ridgelet_transform(method='exact', tol=1e-08)
                linear_combination(coefficients=[2])
      version   ...>
    """

    provenance: Provenance | None = None

    # NumPy scalars would otherwise take a spectrum for an array of objects.
    __array_ufunc__ = None

    def __post_init__(self) -> None:
        super().__post_init__()
        instance_of(self.provenance, "provenance", Provenance, NoneType)

    @cached_property
    def mass(self) -> NDArray[np.float64]:
        """``|R[f;psi](a_j, b_j)| w_j`` (P,): the oracle density of neurons, up to its sum.

        Raises ValueError where the nodes carry no quadrature weights.
        """
        weights = self.grid.weights
        if weights is None:
            raise ValueError(
                "the density of neurons needs quadrature weights, got a spectrum on plain nodes "
                "(use a polar or cartesian ParameterGrid)"
            )
        return lengths(self.values.reshape(len(weights), -1)) * weights

    @cached_property
    def cumulative_mass(self) -> NDArray[np.float64]:
        """Sums of ``mass`` over the nodes before each, and the total: (P + 1,)."""
        return np.concatenate([[0.0], np.cumsum(self.mass)])

    def norm(self) -> float:
        r"""Norm in L2 of parameter space, :math:`(\int |R[f;\psi]|^2 da\,db)^{1/2}`.

        By Plancherel's formula it equals :math:`\sqrt{K(\psi,\psi,m)}\,\|f\|` up to the range of
        the
        grid.

        Returns
        -------
        float

        Raises
        ------
        ValueError
            If the nodes carry no quadrature weights.
        """
        weights = self.grid.weights
        if weights is None:
            raise ValueError(
                "the norm needs quadrature weights, got a spectrum on plain nodes (use a polar or "
                "cartesian ParameterGrid)"
            )
        # Squares of values near the ends of the range are no numbers.
        unit = float(np.abs(self.values).max()) or 1.0
        power = np.abs(self.values.reshape(len(weights), -1) / unit) ** 2
        return unit * float(np.sqrt((weights * power.sum(axis=1)).sum()))

    def error_budget(
        self, activation: str | Activation, *, dual: str | CorrectedDual = "plain"
    ) -> ErrorBudget:
        r"""Estimate the error of ``reconstruct`` with this activation, by source.

        In L2 over the ball that the grid covers, relative to the field: an upper bound (two
        standard errors of the mean square) of what is measured at up to 512 points where the field
        is known, more of them where it is large or bends, and what its samples leave out. The
        sources share it as they were predicted: the discrete transfer function T of the grid's
        scales is known exactly, so that truncation is the norm of :math:`(K_A/K - 1)\hat f`, and
        directions are measured by backprojecting the exact profiles; quadrature, which has the
        ends of the offsets, their step and rounding in it, is the rest. Sampling is told from the
        energy towards the highest wave number of the samples, and from the values at their rim.

        Parameters
        ----------
        activation : str or Activation
            Of the reconstruction.
        dual : {"plain", "corrected"} or CorrectedDual
            Of the reconstruction. The corrected dual has no error of scales on its band; its
            ``largest`` amplification multiplies the errors of the offsets.

        Returns
        -------
        ErrorBudget

        Raises
        ------
        AdmissibilityError
            If the pair is not admissible.
        ValueError
            If the grid is not polar, the spectrum was not computed from a field that has an energy
            (a measure of point masses has none), or the corrected dual is out of reach.

        Notes
        -----
        **Accuracy.** Not below .8 of the true error over 500 drawn fields, activations, dimensions
        and tolerances, below it in at most 2 % of them and above ten times it in at most 2 %
        (tests/bank/honesty.py). Samples tell nothing of what leaves no trace in them, such as a
        spike between two of them.

        **Cost.** A fast reconstruction at 512 points, one evaluation of the kernel for each wave
        number and scale, and one pass over the values.
        """
        self._need_polar("error_budget")
        if self.record is None:
            raise ValueError(
                "the error budget needs the energy of the field, got a spectrum without record "
                "(compute it with ridgelet_transform from a GridField or a GaussianMixture, or "
                "from samples with a bandwidth)"
            )
        eta = _activation(activation)
        return spectrum_budget(self, eta, as_dual(dual, self, eta))

    def __repr__(self) -> str:
        grid = self.grid
        rows = [("grid", grid_words(grid)), ("ridgelet", str(self.ridgelet))]
        history = self.provenance
        if history is None:
            rows.append(("field", "not recorded"))
        else:
            for origin in history.fields[:4]:
                rows.append(("field", f"{origin.describe()} ({origin.digest[:8]})"))
            if len(history.fields) > 4:
                rows.append(("", f"and {len(history.fields) - 4} more"))
            steps = history.steps
            if len(steps) > 6:
                steps = (*steps[:2], f"... {len(steps) - 5} more ...", *steps[-3:])
            rows += [("steps" if i == 0 else "", step) for i, step in enumerate(steps)]
            rows.append(("version", history.version))
        components = f" x {self.values.shape[1]} components" if self.component_shape else ""
        head = f"<Spectrum: {grid.size} nodes{components}, {self.values.dtype}"
        return "\n".join([head, *(f"  {name:8s}  {text}" for name, text in rows)]) + ">"

    def __add__(self, other: Spectrum) -> Spectrum:
        return self._combined(1.0, 1.0, other) if isinstance(other, Spectrum) else NotImplemented

    def __sub__(self, other: Spectrum) -> Spectrum:
        return self._combined(1.0, -1.0, other) if isinstance(other, Spectrum) else NotImplemented

    def __neg__(self) -> Spectrum:
        return self._combined(-1.0)

    def __mul__(self, factor: complex) -> Spectrum:
        if not _is_number(factor):
            return NotImplemented
        factor = _as_factor(factor, "factor")
        _refuse_extreme(factor, "factor")
        return self._combined(factor)

    __rmul__ = __mul__

    def __truediv__(self, divisor: complex) -> Spectrum:
        if not _is_number(divisor):
            return NotImplemented
        if divisor == 0:
            raise ZeroDivisionError("a spectrum must be divided by a number other than 0, got 0")
        divisor = _as_factor(divisor, "divisor")
        with np.errstate(all="ignore"):
            inverse = 1 / np.complex128(divisor)
        if not np.isfinite(inverse) or inverse == 0:
            raise ValueError(f"`divisor` must have an inverse in float64, got {divisor:g}")
        _refuse_extreme(divisor, "divisor")
        return self._combined(1 / divisor)

    def _combined(
        self, factor: complex, other_factor: complex = 0.0, other: Spectrum | None = None
    ) -> Spectrum:
        if other is None:
            return linear_combination([self], [factor])
        return linear_combination([self, other], [factor, other_factor])

    def save(self, path: str | os.PathLike) -> None:
        """Write the spectrum to a ``.npz`` file; an interrupted save leaves an old file whole.

        Parameters
        ----------
        path : path-like
            Where to write; the name is taken as it is.

        Raises
        ------
        OSError
            If the folder does not exist or cannot be written.

        See Also
        --------
        load_spectrum
        """
        save_spectrum(self, self.provenance, path)

    def to_xarray(self, *, layout: str = "auto", split_complex: bool = True) -> xarray.Dataset:
        """The spectrum as a labelled dataset, which netCDF and Zarr can hold.

        Parameters
        ----------
        layout : {"auto", "padded", "ragged"}
            Of polar grids, whose higher scales have more offsets. "padded": dimensions direction,
            scale and offset, NaN beyond the last offset of a scale. "ragged": one dimension, node,
            with the numbers of direction and scale of each. "auto": ragged, unless all scales have
            as many offsets.
        split_complex : bool
            Whether complex values become ``values_real`` and ``values_imag``, which all formats of
            files can hold.

        Returns
        -------
        xarray.Dataset
            ``values`` over (direction, scale, offset), over node, over (a1, ..., am, b) on a
            cartesian grid, and over component for a vector field; quadrature weights; coordinates:
            ``u`` and ``angle`` (degrees, m = 2) of the directions, ``scale``, ``offset`` = b - a.c
            (c the center), or ``b`` and the number of direction and scale of each node, or the axes
            ``a1``, ..., ``b`` of a cartesian grid, or ``a``, ``b`` of plain nodes. Attributes are
            scalars and strings: psi, tolerance, field and its digest, method, history, versions.

        Raises
        ------
        MissingDependencyError
            If xarray is not installed.
        ValueError
            If the layout is unknown or the grid has no choice of one.
        MemoryBudgetError
            If the dataset exceeds the memory budget.

        See Also
        --------
        Spectrum.from_xarray

        Examples
        --------
        >>> import ridgeflow as rf
        >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
        >>> grid = rf.ParameterGrid.polar(1, 1, [0.5, 1.0, 2.0], 2.0, 0.5)
        >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), grid)
        >>> dict(s.to_xarray(layout="padded").sizes)["offset"]
        49
        """
        return to_dataset(self, self.provenance, layout, split_complex)

    @classmethod
    def from_xarray(cls, dataset: xarray.Dataset) -> Spectrum:
        """The spectrum that :meth:`to_xarray` described, bit by bit.

        Parameters
        ----------
        dataset : xarray.Dataset
            Of any layout, also read from a file. Directions, scales or a component may have been
            selected from a padded dataset; the result is the spectrum on what is left.

        Returns
        -------
        Spectrum

        Raises
        ------
        ValueError
            If it is no such dataset, lacks a part, or does not fit its grid.

        Examples
        --------
        >>> import ridgeflow as rf
        >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
        >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), ([[1.0]], [0.5]))
        >>> bool((rf.Spectrum.from_xarray(s.to_xarray()).values == s.values).all())
        True
        """
        return cls(*from_dataset(dataset))

    def plot(
        self, *, component: int | None = None, directions: Sequence[int] | None = None
    ) -> matplotlib.figure.Figure:
        """Draw the spectrum: :func:`ridgeflow.plotting.spectrum_map` says what is drawn.

        Parameters
        ----------
        component : int, optional
            Component of a vector field to show.
        directions : sequence of int, optional
            m = 2, polar grids: numbers of the directions to show over scale and offset.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        ValueError
            If there is no such component or direction.
        """
        from ridgeflow.plotting import spectrum_map

        return spectrum_map(self, component=component, directions=directions)


def _is_number(value: object) -> bool:
    kinds = (int, float, complex, np.number)
    return isinstance(value, kinds) and not isinstance(value, bool)


def _as_factor(value: complex, name: str) -> complex:
    """A finite number, real where it is."""
    if isinstance(value, (complex, np.complexfloating)):
        number = complex(value)
        if not np.isfinite(number):
            raise ValueError(f"`{name}` must be finite, got {number}")
        return number
    return finite_number(value, name)


def _refuse_extreme(factor: complex, name: str) -> None:
    if factor:
        must, hint = "lie between {} and {} in size", "take another unit: squares are no numbers"
        moderate(factor, name, must=must, hint=hint)


def load_spectrum(path: str | os.PathLike) -> Spectrum:
    """Read a spectrum that :meth:`Spectrum.save` wrote.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    Spectrum
        Equal to the saved one bit by bit.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, malformed, or holds something else.

    Examples
    --------
    >>> import os, tempfile
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.25)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 2), (np.ones((3, 1)), np.zeros(3)))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "s.npz")
    ...     s.save(path)
    ...     bool(np.array_equal(load_spectrum(path).values, s.values))
    True
    """
    return Spectrum(*read_spectrum(path))


def linear_combination(spectra: Sequence[Spectrum], coefficients: ArrayLike) -> Spectrum:
    r"""The spectrum :math:`\sum_i c_i R[f_i;\psi] = R[\sum_i c_i f_i;\psi]`.

    Parameters
    ----------
    spectra : sequence of n Spectrum
        On the same grid, with the same ridgelet and the same components.
    coefficients : array_like, shape (n,)
        Real or complex.

    Returns
    -------
    Spectrum
        On that grid, without record (a multiple of a single spectrum keeps its own); float32 where
        all values are.

    Raises
    ------
    ValueError
        If there are none, the numbers differ, or grids, ridgelets or components do.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 1), ([[1.0]], [0.5]))
    >>> bool((linear_combination([s, s], [2.0, -2.0]).values == 0).all())
    True
    """
    factor = as_real_array(coefficients, "coefficients", ndim=1, allow_complex=True)
    spectra = items_of(spectra, "spectra")
    for i, given in enumerate(spectra):
        instance_of(given, f"spectra[{i}]", Spectrum)
    if len(spectra) != len(factor):
        raise ValueError(
            f"`coefficients` must hold one number for each spectrum, got {len(factor)} for "
            f"{len(spectra)}"
        )
    first = spectra[0]
    for i, other in enumerate(spectra):
        require_alike(first, other, f"spectra[{i}]")
        if other.ridgelet != first.ridgelet:
            raise ValueError(
                f"`spectra[{i}]` must have the ridgelet of the first, {first.ridgelet}, got "
                f"{other.ridgelet}"
            )
    values = np.asarray(sum(c * s.values for c, s in zip(factor.tolist(), spectra, strict=True)))
    history = derived(
        "linear_combination",
        *(s.provenance for s in spectra),
        settings={"coefficients": factor.tolist()},
    )
    record = first.record
    if len(spectra) > 1 or record is None:
        return Spectrum(values, first.grid, first.ridgelet, provenance=history)
    # All else in a record is relative to the field.
    size = float(abs(factor[0]))
    _refuse_extreme(size, "coefficients")
    scaled = replace(
        record,
        energy=size**2 * record.energy,
        norm=size * record.norm,
        check=scaled_check(
            record.check,
            first.dim,
            factor[0],
            of_complex=np.iscomplexobj(first.values),
            to_complex=np.iscomplexobj(values),
        ),
    )
    return Spectrum(values, first.grid, first.ridgelet, scaled, history)


def require_alike(first: Spectrum, second: Spectrum, name: str) -> None:
    if not same_grid(first.grid, second.grid):
        raise ValueError(
            f"`{name}` must lie on the grid of the first spectrum, {first.grid.kind} with "
            f"{first.grid.size} nodes, got {second.grid.kind} with {second.grid.size} nodes "
            "(transform both fields on one grid)"
        )
    if first.component_shape != second.component_shape:
        raise ValueError(
            f"`{name}` must have the components {first.component_shape} of the first spectrum, got "
            f"{second.component_shape}"
        )
