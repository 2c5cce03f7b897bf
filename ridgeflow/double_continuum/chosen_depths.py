"""Depths at which fields are represented, their common nodes, and the interpolation between."""

from __future__ import annotations

import warnings
from functools import partial
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import NO_CHECKPOINT, Checkpoint
from ridgeflow._progress import alone, stage, steps
from ridgeflow._validate import finite_number, fits_in_memory, increasing, positive_int
from ridgeflow.columns import rms
from ridgeflow.double_continuum.velocity import Source
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.comparison import common_grid, grid_to_represent
from ridgeflow.ridgelet.grids.field_record import FieldRecord
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.localised import Localised, fine_samples, localised_grid, localised_samples
from ridgeflow.ridgelet.representation import IntegralRepresentation

__all__ = [
    "chebyshev_times",
    "choose_times",
    "given_depths",
    "interpolation_weights",
    "represent_all",
]

# Share of the tolerance to choose nodes by, first try, at tol = 1e-3 and by its fourth root: what
# the window's margin holds, the law does not see, and grids are chosen for the whole. The more
# variables, the more lies there; measured in one to three.
_FIRST_SHARE = {1: 100.0, 2: 100.0}
_SHARE_BEYOND = 1000.0
# After a miss: the power of what is too much that the share falls by, and its least fall. Errors
# fall faster than the tolerance of nodes, and in space nodes that are too many cost most.
_FALL = {1: (1.0, 0.3), 2: (1.0, 0.3)}
_FALL_BEYOND = (0.35, 0.6)
_SAMPLING = 10.0  # the same of the samples' own
_TRIES = 5
_LOOSEST = 0.3  # tolerance of nodes

_DEGREE = 15  # largest, of the interpolation between depths
_LEBESGUE = 4.0  # largest amplification of errors by it
_MOST = 33  # depths that are chosen at most


def chebyshev_times(start: float, end: float, n: int) -> NDArray[np.float64]:
    """Chebyshev-Lobatto points: depths between which interpolation is well conditioned.

    Parameters
    ----------
    start, end : float
    n : int
        At least 2.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> chebyshev_times(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    n = positive_int(n, "n", minimum=2)
    start, end = finite_number(start, "start"), finite_number(end, "end")
    fits_in_memory(24.0 * n, f"{n} depths", "take fewer of them")
    return start + (end - start) * np.sin(0.5 * np.pi * np.arange(n) / (n - 1)) ** 2


def given_depths(times: ArrayLike | None, span: tuple[float, float] | None) -> NDArray:
    """Increasing depths: all of them, or the two ends of a span."""
    if (times is None) == (span is None):
        raise ValueError(
            "one of `times` and `span` must be given, got "
            + ("neither" if times is None else "both")
            + " (span=(start, end) chooses the depths)"
        )
    ends = increasing(
        span if times is None else times,  # type: ignore[arg-type]
        "span" if times is None else "times",
    )
    if times is None and len(ends) != 2:
        raise ValueError(f"`span` must hold two depths, got {len(ends)}")
    close = np.diff(ends).min(initial=np.inf) / (ends[-1] - ends[0] or 1.0)
    if close < 1e-12:
        raise ValueError(
            f"`times` must be 1e-12 of their span apart, got two {close:.1g} of it apart"
        )
    return ends


def interpolation_weights(times: NDArray, t: float) -> tuple[list[int], NDArray[np.float64]]:
    """Nearest depths and the Lagrange weights of interpolation at t, inside the range of times."""
    position = int(np.searchsorted(times, t))
    for count in range(min(_DEGREE + 1, len(times)), 0, -1):
        start = int(np.clip(position - count // 2, 0, len(times) - count))
        nodes = times[start : start + count]
        gap = nodes[:, None] - nodes
        np.fill_diagonal(gap, 1.0)
        ratio = (t - nodes)[None, :] / gap
        np.fill_diagonal(ratio, 1.0)
        weights = ratio.prod(axis=1)
        # High degrees suit Chebyshev points; near the ends of equal steps they amplify errors.
        if np.abs(weights).sum() <= _LEBESGUE:
            break
    return list(range(start, start + count)), weights


def interpolation_error(source: Source, times: NDArray) -> float:
    """Largest relative error of interpolating the exact velocity, half-way between depths.

    Of grids, of which nothing is known in between: of leaving out one depth at a time, which is
    more.
    """
    if source.steady or len(times) == 1:
        return 0.0
    marks = np.asarray(source.clock(times))
    if source.velocity is None:
        return _leave_one_out(source, times)
    worst = 0.0
    for left, right in pairwise(marks):
        s = 0.5 * (left + right)
        t = float(source.time_of(np.array(s)))
        truth = source.probe(t, t)
        index, weights = interpolation_weights(marks, float(s))
        guess = sum(w * source.probe(t, float(times[i])) for i, w in zip(index, weights))
        worst = max(worst, _relative(guess - truth, truth))
    return worst


def _leave_one_out(source: Source, times: NDArray) -> float:
    if len(times) < 3:
        return 0.0
    worst = 0.0
    values = [source.probe(float(times[0]), float(t)) for t in times]
    for i in range(1, len(times) - 1):
        rest = np.delete(np.arange(len(times)), i)
        index, weights = interpolation_weights(times[rest], float(times[i]))
        guess = sum(w * values[rest[j]] for j, w in zip(index, weights, strict=True))
        worst = max(worst, _relative(guess - values[i], values[i]))
    return worst


def choose_times(source: Source, start: float, end: float, tol: float) -> NDArray[np.float64]:
    """Chebyshev points of the source's clock, as few as keep the interpolation below tol.

    The exact velocity is interpolated at sample points; no spectra are needed. Warns with
    AccuracyWarning where 33 depths do not do.
    """
    if source.steady:
        return np.array([start, end])
    first, last = (float(s) for s in np.asarray(source.clock(np.array([start, end]))))
    error = np.inf
    for n in range(2, _MOST + 1):
        times = source.time_of(chebyshev_times(first, last, n))
        times[0], times[-1] = start, end
        with stage("depths", 0.0, 0.1):
            error = interpolation_error(source, times)
        if error <= tol:
            return times
    warnings.warn(
        f"{_MOST} depths interpolate the field with a relative error of {error:.1e}, more than "
        f"{tol:.1e} (it is rough in t: cut the span where it is, or raise `tol`)",
        AccuracyWarning,
        stacklevel=4,
    )
    return times


def represent_all(
    source: Source,
    times: NDArray,
    activation: Activation,
    ridgelet: Ridgelet,
    tol: float,
    dual: str,
    keep: Checkpoint = NO_CHECKPOINT,
) -> tuple[list[IntegralRepresentation], NDArray[np.float64]]:
    """Representations at the depths on one set of nodes, ready to be blended, and their errors.

    Errors and ``tol`` are relative L2 errors of the velocity over the source's points.
    """
    with stage("samples of the field", 0.0, 0.02):
        chosen = times[:1] if source.steady else times
        depths = _Depths(source, chosen, activation, ridgelet, tol)
    first = _FIRST_SHARE.get(source.dim, _SHARE_BEYOND)
    power, least = _FALL.get(source.dim, _FALL_BEYOND)
    share = max(1.0, first * (tol / 1e-3) ** 0.25)
    made: list[IntegralRepresentation] = []
    errors = np.zeros(0)
    for tries_left in reversed(range(_TRIES)):
        if not tries_left:
            # The last one is kept whatever its error, which the caller measures.
            share = 1.0
        try:
            made, errors = depths.represented(share, dual, keep.within(f"try{tries_left}"))
        except ValueError:
            # So loose a tolerance leaves wave numbers out that the corrected dual has to meet. What
            # has another cause is raised again at the tolerance itself.
            if share <= 1:
                raise
            share = max(1.0, min(share, depths.most) / 10)
            continue
        if errors.max() <= tol or share <= 1:
            break
        fall = min(least, (0.5 * tol / float(errors.max())) ** power)
        share = max(1.0, min(share, depths.most) * fall)
    if source.steady:
        made, errors = made * len(times), np.repeat(errors, len(times))
    return made, errors


class _Depths:
    """The fields at some depths, each sampled once whatever is tried."""

    def __init__(
        self,
        source: Source,
        times: NDArray,
        activation: Activation,
        ridgelet: Ridgelet,
        tol: float,
    ) -> None:
        self.source, self.region = source, source.region
        self.activation, self.ridgelet, self.tol = activation, ridgelet, tol
        self.fields = [source.field_at(float(t)) for t in times]
        self.checks = [source.check(float(t)) for t in times]
        self.references = [max(rms(truth), 1e-300) for _, truth in self.checks]
        # The law narrows with depth, and its score bends: the last depth asks for most.
        self.hardest = len(times) - 1
        every = range(len(times))
        self.telling = sorted({0, self.hardest}) if source.flow is not None else list(every)
        # The first stages: for what tolerance, and the finest that was asked for.
        self._known: dict[int, tuple[float, Localised]] = {}
        # What shares may be at most: beyond it nodes are the loosest whatever they are.
        self.most = np.inf

    def _fine(self, i: int, tol: float) -> Localised:
        """The first stage at one depth, sampled as finely as ``tol`` asks for."""
        if i not in self._known or self._known[i][0] > tol:
            field, region = self.fields[i], self.region
            if isinstance(field, GridField):
                self._known[i] = 0.0, localised_grid(field, region)
            else:
                at = partial(localised_samples, field, region, field.component_shape)
                self._known[i] = tol, fine_samples(at, region, tol, self.references[i])
        return self._known[i][1]

    def _sample_all(self, n: int) -> None:
        for i, field in enumerate(self.fields):
            known = self._known.get(i)
            if not isinstance(field, GridField) and (
                known is None or len(known[1].source.axes[0]) != n
            ):
                made = localised_samples(field, self.region, field.component_shape, n)
                self._known[i] = 0.0 if known is None else known[0], made

    def represented(
        self, share: float, dual: str, keep: Checkpoint
    ) -> tuple[list[IntegralRepresentation], NDArray[np.float64]]:
        """All depths on nodes for ``share`` of the tolerance, and their errors.

        The hardest alone where its error shows that a smaller share has to be tried.
        """
        fine = min(share, _SAMPLING) * self.tol
        part = 1 / (1 + len(self.fields))
        with stage("samples of the field", 0.0, 0.5 * part):
            found = {i: self._fine(i, fine) for i in steps(self.telling)}
        band = max(float(np.pi / one.source.spacing.max()) for one in found.values())
        if self.source.dim <= 2:
            # Samples cost little there: all depths get those of the finest.
            self._sample_all(max(len(one.source.axes[0]) for one in found.values()))
        rests = {i: one.share / self.references[i] for i, one in found.items()}
        self.most = _LOOSEST * max(rests.values()) / self.tol
        if max(rests.values()) <= self.tol:
            # An affine field: of rounding there are no wave numbers to correct.
            dual = "plain"
        with alone():
            shared = common_grid(
                [
                    grid_to_represent(
                        found[i].source,
                        self.activation,
                        self.ridgelet,
                        # What the samples do not reach is measured with the rest.
                        min(_LOOSEST, share * self.tol / rest) if rest > 0 else _LOOSEST,
                        dual,
                    )
                    for i, rest in rests.items()
                ]
            )
        with stage("spectra", 0.5 * part, part):
            last, error = self._built(self.hardest, shared, fine, band, dual, keep)
        if error > self.tol and share > 1:
            return [last], np.array([error])
        parts = [
            (last, error)
            if i == self.hardest
            else self._built(i, shared, fine, band, dual, keep, last.spectrum.record)
            for i in steps(range(len(self.fields)), "depth {}", part)
        ]
        return [part for part, _ in parts], np.array([error for _, error in parts])

    def _built(
        self,
        i: int,
        grid: ParameterGrid,
        fine: float,
        band: float,
        dual: str,
        keep: Checkpoint,
        like: FieldRecord | None = None,
    ) -> tuple[IntegralRepresentation, float]:
        """One depth on given nodes, and its error at the source's points."""
        keep = keep.within(f"depth{i}")
        made = IntegralRepresentation._of_localised(
            self._fine(i, fine),
            self.activation,
            self.ridgelet,
            grid,
            tol=self.tol,
            reference=self.references[i],
            band=band,
            dual=dual,
            like=like,
            keep=keep,
        )
        x, truth = self.checks[i]
        (error,) = keep.arrays(
            "error", lambda: (_relative(made(x).reshape(truth.shape) - truth, truth),)
        )
        return made, float(error)


def _relative(gap: NDArray, truth: NDArray) -> float:
    size = rms(truth)
    return rms(gap) / size if size > 0 else rms(gap)
