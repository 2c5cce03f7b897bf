"""The Spectrum: a ridgelet transform on its nodes, with norm, error budget and storage."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import load_archive, save_archive
from ridgeflow._validate import as_real_array
from ridgeflow.errors import MissingDependencyError
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility, transfer_function
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.error_budget import (
    ErrorBudget,
    FieldRecord,
    ball_volume,
    discrete_transfer,
    tail_amplification,
)
from ridgeflow.transforms.geometry import ParameterGrid

if TYPE_CHECKING:
    import matplotlib.figure
    import xarray

__all__ = ["Spectrum", "load_spectrum"]


@dataclass(frozen=True, eq=False)
class Spectrum:
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

    Raises
    ------
    ValueError
        If the values do not fit the grid, are not finite, or the dimensions differ.

    See Also
    --------
    ridgelet_transform, reconstruct

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
    """

    values: NDArray
    grid: ParameterGrid
    ridgelet: Ridgelet
    record: FieldRecord | None = None

    def __post_init__(self) -> None:
        values = as_real_array(self.values, "values", ndim=(1, 2), allow_complex=True)
        if len(values) != self.grid.size:
            raise ValueError(
                f"`values` must hold one row for each of the {self.grid.size} nodes, "
                f"got shape {values.shape}"
            )
        if self.ridgelet.dim != self.grid.dim:
            raise ValueError(
                f"`ridgelet` must have the dimension {self.grid.dim} of the grid, "
                f"got {self.ridgelet.dim}"
            )
        object.__setattr__(self, "values", values)

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.grid.dim

    @property
    def component_shape(self) -> tuple[int, ...]:
        """() for a scalar field, (k,) for a vector field."""
        return self.values.shape[1:]

    def at_scale(self, scale: int) -> NDArray:
        """Values of one scale of a polar grid.

        Parameters
        ----------
        scale : int
            Position among ``grid.scales``.

        Returns
        -------
        ndarray, shape (U, B) or (U, B, k)
            By direction and offset (``grid.offsets(scale)``).

        Raises
        ------
        ValueError
            If the grid is not polar.
        """
        self._need_polar("at_scale")
        start, stop = self.grid.starts[scale], self.grid.starts[scale + 1]
        n_offsets = 2 * int(self.grid.half_counts[scale]) + 1
        return self.values[start:stop].reshape(-1, n_offsets, *self.component_shape)

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
        flat = self.values.reshape(len(weights), -1)
        return np.sqrt((np.abs(flat).astype(np.float64) ** 2).sum(axis=1)) * weights

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
        power = np.abs(self.values.reshape(len(weights), -1)) ** 2
        return float(np.sqrt(weights @ power.sum(axis=1)))

    def error_budget(self, activation: Activation) -> ErrorBudget:
        r"""Estimate the relative L2 error of ``reconstruct`` with this activation, by source.

        The discrete transfer function T of the grid's scales is known exactly, so that truncation
        and quadrature are :math:`\|(K_A/K - 1)\hat f\|/\|\hat f\|` and
        :math:`\|(T - K_A)\hat f\|/(K\|\hat f\|)`, to which the tails cut off at the ends of the
        offsets are added. The error of the directions was measured when the spectrum was computed,
        by backprojecting the exact profiles at points where the field is known; that of sampling
        from the energy near the highest wave number of the samples.

        Parameters
        ----------
        activation : Activation
            Of the reconstruction.

        Returns
        -------
        ErrorBudget

        Raises
        ------
        AdmissibilityError
            If the pair is not admissible.
        ValueError
            If the grid is not polar, or the spectrum was not computed from a field.

        Notes
        -----
        **Cost.** One evaluation of the kernel for each wave number and scale.
        """
        self._need_polar("error_budget")
        record = self.record
        if record is None:
            raise ValueError(
                "the error budget needs the energy of the field, got a spectrum without record "
                "(compute it with ridgelet_transform from a GridField or a GaussianMixture)"
            )
        constant = admissibility(activation, self.ridgelet)
        k, energy = record.wave_numbers, record.energy
        total_energy = float(energy.sum())
        if total_energy == 0:
            return ErrorBudget(0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
        kept = transfer_function(
            activation,
            self.ridgelet,
            k,
            a_max=float(self.grid.scales[-1]),
            # A single frequency meets the lowest wave numbers by its quadrature, not by a cut.
            a_min=0.0 if activation.point_masses else float(self.grid.scales[0]),
        )

        def weighted(factor: NDArray) -> float:
            return float(np.sqrt((factor**2 @ energy) / total_energy))

        truncation = weighted(kept / constant - 1)
        if activation.point_masses:
            quadrature = max(record.single_frequency - truncation - record.directions, 0.0)
        else:
            realised = discrete_transfer(self.grid, activation, self.ridgelet, k)
            quadrature = weighted((realised - kept) / constant)
        quadrature += record.offsets * tail_amplification(
            activation, self.ridgelet, self.grid.margin
        )
        total = truncation + quadrature + record.directions + record.sampling
        return ErrorBudget(
            total,
            truncation,
            quadrature,
            record.directions,
            record.sampling,
            self._kink(activation, constant, record.norm),
        )

    def _kink(self, activation: Activation, constant: float, field_norm: float) -> float:
        # The sum over offsets b_k of gamma(b_k) eta(z - b_k) differs from the integral by images of
        # eta at the frequencies 2 pi l/step: a term gamma(z) * sum_l eta^(2 pi l/step) e^{...}. Its
        # phases are incoherent between directions and scales where rho * radius exceeds the step.
        grid = self.grid
        if activation.point_masses:
            return 0.0
        order = np.arange(1, 200)
        image = np.abs(activation.fourier(2 * np.pi * order / grid.step)) ** 2
        rms = float(np.sqrt(2 * image.sum()))
        square = 0.0
        for s, rho in enumerate(grid.scales):
            power = np.abs(self.at_scale(s).reshape(len(grid.directions), -1)) ** 2
            weight = 2 * grid.direction_weights * grid.scale_weights[s]
            # Mean over the chord of each direction of |gamma|^2, times the volume of the ball.
            mean = power.sum(axis=1) * grid.step / (2 * rho * grid.radius + 2 * grid.margin)
            coherent = min(1.0, grid.step / (rho * grid.radius))
            square += float((weight**2) @ mean)
            square += coherent * float(weight @ np.sqrt(mean)) ** 2
        volume = ball_volume(grid.dim, grid.radius)
        return float(2 * rms * np.sqrt(square * volume) / (abs(constant) * field_norm))

    @cached_property
    def _records(self) -> dict[str, Any]:
        record = self.record
        if record is None:
            return {}
        return {
            "field": record.kind,
            "tol": record.tol,
            "norm": record.norm,
            "directions": record.directions,
            "single_frequency": record.single_frequency,
            "sampling": record.sampling,
            "offsets": record.offsets,
        }

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
        grid = self.grid
        arrays: dict[str, NDArray] = {"values": self.values}
        header: dict[str, Any] = {"grid": grid.kind, "ridgelet": self.ridgelet.to_dict()}
        if grid.kind == "polar":
            header |= {"radius": grid.radius, "step": grid.step, "margin": grid.margin}
            for name in ("directions", "direction_weights", "scales", "scale_weights", "center"):
                arrays[name] = getattr(grid, name)
        elif grid.kind == "cartesian":
            arrays |= {f"axis{i}": axis for i, axis in enumerate(grid.axes)}
        else:
            arrays |= {"a": grid.a, "b": grid.b}
        if self.record is not None:
            header["record"] = self._records
            arrays["wave_numbers"] = self.record.wave_numbers
            arrays["energy"] = self.record.energy
        save_archive(path, "spectrum", header, arrays)

    def to_xarray(self) -> xarray.Dataset:
        """The spectrum as a labelled dataset: values over nodes, with a, b and weights.

        Returns
        -------
        xarray.Dataset
            Variables ``values`` (node[, component]), ``a`` (node, axis), ``b`` (node) and, where
            the
            nodes have them, ``weights`` (node); the ridgelet is kept in the attributes.

        Raises
        ------
        MissingDependencyError
            If xarray is not installed.
        """
        try:
            import xarray
        except ImportError:
            raise MissingDependencyError(
                "to_xarray needs xarray: pip install 'ridgeflow[io]'"
            ) from None
        names = ("node", "component")[: self.values.ndim]
        variables: dict[str, Any] = {
            "values": (names, self.values),
            "a": (("node", "axis"), self.grid.a),
            "b": (("node",), self.grid.b),
        }
        if self.grid.weights is not None:
            variables["weights"] = (("node",), self.grid.weights)
        attributes = {
            f"ridgelet_{k}": v for k, v in self.ridgelet.to_dict().items() if v is not None
        }
        return xarray.Dataset(variables, attrs={"grid": self.grid.kind, **attributes})

    def plot(self) -> matplotlib.figure.Figure:
        """Draw the spectrum (see :func:`ridgeflow.plotting.spectrum_map`).

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        from ridgeflow.plotting import spectrum_map

        return spectrum_map(self)

    def _need_polar(self, what: str) -> None:
        if self.grid.kind != "polar":
            raise ValueError(
                f"{what} needs a polar grid, got a spectrum on {self.grid.kind} nodes "
                "(ParameterGrid.polar or ParameterGrid.for_field)"
            )


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
    header, arrays = load_archive(path, "spectrum")
    ridgelet = Ridgelet.from_dict(header["ridgelet"])
    kind = header["grid"]
    if kind == "cartesian":
        axes = [arrays[f"axis{i}"] for i in range(ridgelet.dim + 1)]
        grid = ParameterGrid.cartesian(axes[:-1], axes[-1])
    elif kind == "nodes":
        grid = ParameterGrid.nodes(arrays["a"], arrays["b"])
    else:
        grid = ParameterGrid(
            kind="polar",
            dim=ridgelet.dim,
            size=len(arrays["values"]),
            radius=header["radius"],
            step=header["step"],
            margin=header["margin"],
            directions=arrays["directions"],
            direction_weights=arrays["direction_weights"],
            scales=arrays["scales"],
            scale_weights=arrays["scale_weights"],
            center=arrays["center"],
        )
    record = None
    if "record" in header:
        kept = header["record"]
        record = FieldRecord(
            kind=kept["field"],
            wave_numbers=arrays["wave_numbers"],
            energy=arrays["energy"],
            **{k: v for k, v in kept.items() if k != "field"},
        )
    return Spectrum(arrays["values"], grid, ridgelet, record)
