"""The ridgelet transform: one way for each kind of field and of nodes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable
from dataclasses import fields, replace
from functools import partial
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import NO_CHECKPOINT, Checkpoint, Part, checkpoint_at
from ridgeflow._collections import takes_collections
from ridgeflow._fft import RowFFT, fast_length
from ridgeflow._progress import Progress, stage, steps, with_progress
from ridgeflow._validate import fits_in_memory, holding, one_of, positive, slab_rows
from ridgeflow.columns import from_columns, is_single
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.profiles.ridgelet import Ridgelet, as_ridgelet
from ridgeflow.radon_transform.fourier_slices import FourierSlices, fourier_slices, softening_bytes
from ridgeflow.radon_transform.smoothed_samples import SmoothedSamples, as_smoothed, with_energy
from ridgeflow.ridgelet.errors.diagnostics import field_check, field_record
from ridgeflow.ridgelet.errors.node_resolution import warn_of_unresolved_nodes
from ridgeflow.ridgelet.grids.field_record import FieldRecord, norm_of_energy
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.parts_of_directions import along_directions, check_distributable, place
from ridgeflow.ridgelet.spectra.provenance import field_digest, transformed
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.spectra.storage import value_parts, values_from
from ridgeflow.ridgelet.sums.cartesian_sums import has_lattice, lattice_transform, transform_pays
from ridgeflow.ridgelet.sums.direct_sums import direct_transform
from ridgeflow.ridgelet.sums.mixture_spectra import exact_transform
from ridgeflow.ridgelet.sums.point_spectra import sample_spectrum

__all__ = ["ridgelet_transform", "transform_like"]

Field = GridField | SampleField | GaussianMixture


@takes_collections
@with_progress("ridgelet transform")
def ridgelet_transform(
    field: Field,
    ridgelet: Ridgelet,
    grid: ParameterGrid | tuple[ArrayLike, ArrayLike],
    *,
    method: str = "auto",
    tol: float = 1e-8,
    bandwidth: float | None = None,
    checkpoint: str | os.PathLike | None = None,
    client: Any = None,
    progress: Progress = None,
) -> Spectrum:
    r"""Ridgelet transform :math:`R[f;\psi](a,b) = \int f(x)\,\overline{\psi(a\cdot x - b)}\,dx`.

    Parameters
    ----------
    field : GridField, SampleField or GaussianMixture
        f. A mixture stands for its density; samples for the measure
        :math:`\sum_i w_i f(x_i)\delta_{x_i}`, smoothed where a bandwidth is given. A measure has
        energy at every wave number: what is reconstructed of it follows the scales of the grid, and
        has no error budget.
    ridgelet : Ridgelet
        :math:`\psi`, of the field's dimension.
    grid : ParameterGrid or (a, b)
        Nodes; a pair of arrays (P, m) and (P,) stands for plain nodes.
    method : {"auto", "exact", "slice", "direct"}
        "exact": the closed form of Gaussian mixtures. "slice": for gridded fields, samples and
        mixtures of 256 and more equal round components (kernel densities) on polar grids,
        :math:`R[f;\psi](\rho u, b) = \frac1{2\pi}\int \hat f(\omega\rho u)\,
        \overline{\hat\psi(\omega)}\,e^{i\omega b}\,d\omega`, one Fourier series in b per scale,
        whose period exceeds the extent of field and ridgelet at that scale; on cartesian grids with
        m <= 3 the same for all nodes at once, equal to the direct sum. "direct": the sum over
        samples, the reference for all others. "auto" takes the first that applies, of many equal
        components their slices; on cartesian grids, what takes fewer operations.
    tol : float
        Error of the values relative to their maximum.
    bandwidth : float, optional
        For samples only, in the unit of x: f is the measure smoothed by a Gaussian of this standard
        deviation, as for :func:`radon`, a function with an error budget.
    checkpoint : str or path, optional
        Folder for what is finished, made if it does not exist: by "slice" on polar grids the values
        along some directions, by "exact" and "direct" those of each scale (of samples without
        bandwidth, as on other nodes, all at once). The same call goes on from there after an
        interruption; the values have the same bits with a checkpoint, without one, and with
        interruptions. It stays when the transform ends, and the same call then reads it: remove it
        when it is no longer needed. Not with a client.
    client : distributed.Client, optional
        Whose workers make the values on a polar grid, each along some of its directions, and their
        slices; the field moves to each worker once. By default they are made here.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    Spectrum
        Values (P,) or (P, k); float32 or complex64 where the samples of the field are.

    Raises
    ------
    TypeError
        If the field is of another kind, or `client` is no client.
    ValueError
        If the ridgelet has another dimension than the field, the method does not apply, a
        bandwidth comes with another field than samples, or a client with a checkpoint or another
        grid than a polar one.
    MemoryBudgetError
        If the spectrum does not fit the memory budget.
    CheckpointError
        If the checkpoint is damaged, or that of another transform or version.

    Warns
    -----
    AccuracyWarning
        If the samples of a gridded field carry energy up to their highest wave number; on plain
        and cartesian nodes, unless a method is named, if they leave more than 1 % of the largest
        value undecided, with the scale at which they do.

    Notes
    -----
    **Accuracy.** "exact": rounding. "slice": for a band-limited field, the tail of the ridgelet,
    wrapped around the period, below ``tol`` (and below 1e-13 for the ridgelets of
    :func:`admissible_ridgelet`). "direct": rounding, for the measure that the samples are.

    **Cost.** "exact": O(P K). "slice": FFTs for each direction and scale, O(P log P) in all
    (scattered samples and kernels O(N U m) more); on cartesian grids O(L P) and a transform of the
    samples for each of about L = max :math:`|a\cdot x - b|` waves. "direct": O(P N).

    See Also
    --------
    reconstruct, ParameterGrid.for_field

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017), Definition 4.1. S. Sonoda, I. Ishikawa and
    M. Ikeda, *A unified Fourier slice method to derive ridgelet transform for a variety of
    depth-2 neural networks*, J. Stat. Plan. Inference (2024), Section 2.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> s = rf.ridgelet_transform(law, rf.Ridgelet(1, 1), ([[1.0]], [0.5]))
    >>> s.values.shape
    (1,)
    """
    grid = _checked(field, ridgelet, grid)
    tol = positive(tol, "tol")
    if tol >= 1:
        raise ValueError(f"`tol` must be less than 1, got {tol:g}")
    one_of(method, "method", ("auto", *_REQUIREMENTS))
    source = with_energy(field, bandwidth)
    if grid.kind == "polar" and method in ("auto", "slice"):
        # A kernel density is its points, smoothed: their slices cost hardly more for many of them.
        source = as_smoothed(source)
    task = _Task(source, ridgelet, grid, tol)
    chosen = _first_that_applies(task) if method == "auto" else method
    way = _WAYS.get((task.kind, task.nodes, chosen))
    if way is None:
        needs, otherwise = _REQUIREMENTS[chosen]
        raise ValueError(
            f"method {chosen!r} needs {needs}, got {_WORDS[task.kind]} on {grid.kind} nodes in "
            f"{grid.dim} ({otherwise})"
        )
    if client is not None:
        check_distributable(client, grid, checkpoint)
    inputs = {"field": partial(field_digest, field), "ridgelet": ridgelet, "grid": _nodes_of(grid)}
    inputs |= {"method": chosen, "tol": tol, "bandwidth": bandwidth}
    with holding(_require_memory(field, task, chosen)):
        if client is None:
            values, slices = way(task, checkpoint_at(checkpoint, "ridgelet_transform", inputs))
        else:
            values, slices = along_directions(client, way, task)
    source, record = task.source, None
    if isinstance(source, GridField) and grid.kind != "polar" and method == "auto":
        # Who names a way to sum over the samples has their sum, for the measure that they are.
        warn_of_unresolved_nodes(source, ridgelet, grid, values, tol)
    if slices is not None:
        record = field_record(source, slices, values, grid, tol)
        if record.sampling > max(tol, 1e-6):
            warnings.warn(
                f"the samples of the field leave a relative L2 error of {record.sampling:.1e}: its "
                f"energy reaches the highest wave number {slices.band:.3g} that they resolve "
                "(sample more finely, or smooth the edges with a Region)",
                AccuracyWarning,
                stacklevel=4,
            )
    return Spectrum(values, grid, ridgelet, record, transformed(field, chosen, tol, bandwidth))


def transform_like(
    field: Field,
    ridgelet: Ridgelet,
    grid: ParameterGrid,
    tol: float,
    like: FieldRecord | None,
    keep: Checkpoint = NO_CHECKPOINT,
) -> Spectrum:
    """The transform on a polar grid whose directions may have been tested on another field.

    ``like`` is the record of a spectrum on this grid; energy, norm and samples are this field's.
    """

    def made() -> Spectrum:
        if like is not None and isinstance(field, GridField):
            return _transform_like(field, ridgelet, grid, tol, like)
        return ridgelet_transform(field, ridgelet, grid, tol=tol)

    if not keep:
        return made()

    def part() -> Part:
        spectrum = made()
        return value_parts(spectrum, spectrum.provenance)

    words, arrays = keep.part("spectrum", part)
    values, record, provenance = values_from(words, arrays, grid)
    return Spectrum(values, grid, ridgelet, record, provenance)


def _transform_like(
    field: GridField, ridgelet: Ridgelet, grid: ParameterGrid, tol: float, like: FieldRecord
) -> Spectrum:
    values, slices = _by_slices(_Task(field, ridgelet, grid, tol), NO_CHECKPOINT)
    k, energy = slices.radial_energy(grid.direction_weights, grid.dim)
    norm = norm_of_energy(energy, grid.dim)
    record = replace(
        like,
        tol=tol,
        wave_numbers=k,
        energy=energy,
        norm=norm,
        sampling=slices.unresolved,
        blur=slices.blur,
        check=field_check(field, grid, norm),
    )
    history = transformed(field, "slice", tol, None)
    return Spectrum(values, grid, ridgelet, record, history)


# Below this share of its maximum the transform of a ridgelet adds nothing to a sum.
_NOISE = 1e-17


class _Task(NamedTuple):
    """What is transformed, by which ridgelet, on which nodes, how accurately; and the directions of
    all tasks where there are others."""

    source: Any  # GridField | SampleField | GaussianMixture | SmoothedSamples
    ridgelet: Ridgelet
    grid: ParameterGrid
    tol: float
    among: NDArray | None = None

    @property
    def kind(self) -> str:
        """Row of the table."""
        return next(kind for kind, of in _KINDS.items() if isinstance(self.source, of))

    @property
    def nodes(self) -> str:
        """Column of the table: a lattice is a cartesian grid that has fast sums."""
        return "lattice" if has_lattice(self.grid) else self.grid.kind


_KINDS = {
    "gridded": GridField,
    "samples": SampleField,
    "smoothed": SmoothedSamples,
    "law": GaussianMixture,
}
_WORDS = {
    "gridded": "a GridField",
    "samples": "a SampleField",
    "smoothed": "samples with a bandwidth",
    "law": "a GaussianMixture",
}
# What each method needs, and what to do where that is not given.
_REQUIREMENTS = {
    "slice": (
        "a GridField, a SampleField or the density of many equal kernels on a polar grid, or one "
        "of the first two on a cartesian one in at most three variables",
        "use 'auto'",
    ),
    "exact": (
        "a GaussianMixture, or samples with a bandwidth",
        "use 'slice' or 'direct'",
    ),
    "direct": (
        "samples as they are",
        "use 'exact', or sample the density of a law with GridField.from_function(law.pdf, axes)",
    ),
}


def _nodes_of(grid: ParameterGrid) -> list:
    """All numbers that nodes depend on."""
    return [getattr(grid, part.name) for part in fields(grid) if part.name != "tol"]


def _scale_by_scale(
    transform: Callable[[Any, Ridgelet, ParameterGrid], NDArray], task: _Task, keep: Checkpoint
) -> NDArray:
    """A transform whose nodes do not know of each other, kept by the scales of a polar grid."""
    source, ridgelet, grid = task[:3]
    if not keep:
        return transform(source, ridgelet, grid)
    if grid.kind != "polar" or task.kind == "smoothed":
        return keep.array("values", partial(transform, source, ridgelet, grid))
    parts = []
    for s, size in enumerate(np.diff(grid.starts)):
        one = replace(
            grid,
            size=int(size),
            scales=grid.scales[s : s + 1],
            scale_weights=grid.scale_weights[s : s + 1],
        )
        parts.append(keep.array(f"scale-{s}", partial(transform, source, ridgelet, one)))
    return np.concatenate(parts)


def _exact(task: _Task, keep: Checkpoint) -> tuple[NDArray, FourierSlices | None]:
    """The closed form; on a polar grid with the slices that tell the energy."""
    with stage(None, 0.0, 0.9):
        values = _scale_by_scale(exact_transform, task, keep)
    if task.kind == "smoothed":
        values = _as_field(values, task.source)
    if task.grid.kind != "polar":
        return values, None
    return values, fourier_slices(task.source, task.grid.directions, task.grid.center, task.tol)


def _direct(task: _Task, keep: Checkpoint) -> tuple[NDArray, None]:
    return _scale_by_scale(direct_transform, task, keep), None


def _on_lattice(task: _Task, keep: Checkpoint) -> tuple[NDArray, None]:
    values = keep.array("values", lambda: lattice_transform(*task[:4]))
    return _as_field(values, task.source), None


def _of_points(task: _Task, keep: Checkpoint) -> tuple[NDArray, None]:
    """Point masses have no decay of their own to tell the accuracy of a reconstruction from."""
    return keep.array("values", lambda: sample_spectrum(*task[:4])), None


def _by_slices(task: _Task, keep: Checkpoint) -> tuple[NDArray, FourierSlices]:
    """Values on a polar grid, one Fourier series in b for each scale."""
    source, ridgelet, grid, tol, among = task
    with stage("slices", 0.0, 0.4):
        slices = fourier_slices(source, grid.directions, grid.center, tol, among)
    components = slices.projections.shape[2]
    values = np.empty((grid.size, components))
    # The period wraps the tails of many images around.
    reach = ridgelet.decay_radius(0.25 * tol)
    # A step that does not resolve the ridgelet is refined internally, then thinned out again.
    finer = max(1, int(np.ceil(grid.step * ridgelet.bandlimit(min(tol, 1e-14)) / np.pi)))
    step = grid.step / finer
    limit = ridgelet.bandlimit(_NOISE)
    outer = grid.half_counts.astype(int) * finer
    least = np.ceil((grid.scales * slices.radius + reach) / step) + outer + 1
    lengths = np.maximum(2.0 * outer + 1, least)

    def along(some: slice) -> NDArray:
        """Values along some directions, scale by scale; their waves are made once."""
        part = slices.along(some)
        count = len(part.projections)
        found = []
        for s, rho in enumerate(grid.scales):
            n = fast_length(int(lengths[s]))
            omega = 2 * np.pi * np.arange(n // 2 + 1) / (n * step)
            used = int(np.searchsorted(omega, min(slices.band / rho, limit), side="right"))
            plan = RowFFT(count * components, n, ways=(1,))
            side = plan.spectrum.reshape(count, components, -1)
            side[:, :, :used] = np.moveaxis(part.at(rho * omega[:used]), 2, 1)
            side[:, :, :used] *= np.conj(ridgelet.fourier(omega[:used])) / step
            # b runs over both signs: the inverse FFT leaves the negative half at the end.
            series = plan.inverse().reshape(count, components, n)
            both = (series[:, :, n - outer[s] :: finer], series[:, :, : outer[s] + 1 : finer])
            found.append(np.moveaxis(np.concatenate(both, axis=2), 1, 2).reshape(-1, components))
        return np.concatenate(found)

    # The series, its transform, what is interpolated for it, the waves that this takes, and values.
    each = components * (48.0 * float(lengths.max()) + 16.0 * float((2 * outer + 1).sum()))
    rows = slab_rows(
        *(each, len(grid.directions), 3.0 * slices.projections.nbytes),
        f"the spectrum of a field of radius {slices.radius:.3g} on offsets {grid.step:g} apart",
        "take a smaller bandwidth or field, or a larger step",
    )
    for some in steps(slices.slabs(rows), "directions", 0.4):
        found = keep.array(f"directions-{some.start}-{some.stop}", partial(along, some))
        place(values, grid, some, found)
    return _as_field(values, source), slices


_Way = Callable[[_Task, Checkpoint], tuple[NDArray, FourierSlices | None]]
# Field x nodes x method: what is not here does not exist.
_WAYS: dict[tuple[str, str, str], _Way] = {
    ("gridded", "polar", "slice"): _by_slices,
    ("smoothed", "polar", "slice"): _by_slices,
    ("samples", "polar", "slice"): _of_points,
    **{(kind, "lattice", "slice"): _on_lattice for kind in ("gridded", "samples")},
    **{
        (kind, nodes, method): way
        for nodes in ("polar", "lattice", "cartesian", "nodes")
        for method, way, kinds in (
            ("exact", _exact, ("law", "smoothed")),
            ("direct", _direct, ("gridded", "samples")),
        )
        for kind in kinds
    },
}


def _first_that_applies(task: _Task) -> str:
    """The first method of the table; on a lattice "slice" only where it takes less work."""
    for method in _REQUIREMENTS:
        if (task.kind, task.nodes, method) in _WAYS and (
            method != "slice" or task.nodes != "lattice" or transform_pays(*task[:4])
        ):
            return method
    raise AssertionError(f"no way to transform {task.kind} on {task.nodes}")


def _checked(
    field: Field, ridgelet: Ridgelet, grid: ParameterGrid | tuple[ArrayLike, ArrayLike]
) -> ParameterGrid:
    """The grid, of the dimension that field and ridgelet have."""
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
    for name, dim in (("ridgelet", as_ridgelet(ridgelet).dim), ("grid", grid.dim)):
        if dim != field.dim:
            raise ValueError(
                f"`{name}` must have the dimension {field.dim} of the field, got {dim}"
            )
    return grid


def _require_memory(field: Field, task: _Task, method: str) -> float:
    """Refuse a spectrum that does not fit; bytes of its values."""
    grid = task.grid
    components = int(np.prod(field.component_shape))
    if not isinstance(field, GaussianMixture) and np.iscomplexobj(field.values):
        components *= 2
    # Polar grids are walked by direction, scale and offset; on others methods list their nodes.
    listed = (grid.kind != "polar" and method != "slice") or (
        method == "exact" and task.kind == "smoothed"
    )
    # Spectra keep a copy of the values that they are given, checked one by one.
    size = 8.0 * grid.size * components
    # Beside them are the waves and profiles by which they are made and checked.
    total = 2.3 * size + grid.size
    if isinstance(field, SampleField):
        total += 32.0 * len(field.points) * (field.dim + components) + 2.0**23
    elif isinstance(field, GridField):
        total = max(total, size + softening_bytes(field))
    fits_in_memory(
        total + (8.0 * grid.size * (field.dim + 2) if listed else 0.0),
        f"a spectrum of {grid.size} nodes",
        "take fewer directions, scales or offsets, or raise memory_budget",
    )
    return size


def _as_field(columns: NDArray, source: GridField | SampleField | SmoothedSamples) -> NDArray:
    """Real columns as values of the samples' own type and shape."""
    like = (source.samples if isinstance(source, SmoothedSamples) else source).values
    return from_columns(columns, like, source.component_shape, single=is_single(like))
