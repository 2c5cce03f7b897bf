"""How fast finite networks approach the double continuum: errors over widths and depths."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import Checkpoint, checkpoint_at
from ridgeflow._progress import Progress, alone, stage, steps, with_progress
from ridgeflow._validate import (
    as_generator,
    as_real_array,
    instance_of,
    items_of,
    one_of,
    positive_int,
)
from ridgeflow.columns import rms
from ridgeflow.double_continuum.budget import stepped
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import check_size, layer_edges
from ridgeflow.double_continuum.drawn_layers import drawn_outputs
from ridgeflow.double_continuum.width_depth import finite_squares
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.chosen_neurons import chosen_neurons
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.schemes import SCHEMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LimitStudy", "double_limit_study"]

WAYS = ("monte_carlo", "stratified", "sobol", "quadrature", "least_squares")
# Of which every repeat is a draw.
_DRAWN = ("monte_carlo", "stratified", "sobol")
# Of networks with importance weights: control, and neurons of the layers.
_KINDS = {
    "independent": (None, "per_layer"),
    "shared": (None, "shared"),
    "controlled": ("affine", "per_layer"),
}
# Some hours of work.
_MOST_NEURONS = 1e9
_DRAWS, _FEW = 1000, 256
_SEED = 23
_QUADRATURE_TOLS = (0.5, 0.3, 0.2, 0.1, 0.05, 0.02)


@dataclass(frozen=True, eq=False)
class LimitStudy:
    """What :func:`double_limit_study` measured.

    Attributes
    ----------
    widths : ndarray of int, shape (J,)
    depths : ndarray of int, shape (L,)
    layers : str
        Scheme of the networks.
    errors : ndarray, shape (L, J)
        Of networks against the flow, RMS over draws relative to the RMS displacement.
    depth_errors : ndarray, shape (L,)
        The same of steps with the represented velocity itself: width without limit.
    velocity_errors : dict
        Way of choosing neurons and weights -> (sizes, errors): the relative L2 error of the
        velocity half-way, the root mean square over repeats.
    depth_rate : float
        Fitted exponent of ``depth_errors``; about -1 for Euler, -2 for midpoint layers.
    width_rates : dict
        Fitted exponents of the velocity errors; -1/2 for Monte Carlo.
    continuum : float
        Error of the continuum's own flow, where the exact one is known; else 0.
    drawn : dict
        "independent" neurons (of each layer's own), "shared" and "controlled" (independent, with
        the affine control) -> (measured, predicted), of shape (L, J) each: errors of networks with
        importance weights, relative like ``errors``, and what :func:`width_depth_law` says of them.
        Empty for other layers than Euler's, for which it says nothing.

    Examples
    --------
    >>> study = LimitStudy(np.array([10]), np.array([1]), "euler", np.array([[0.1]]),
    ...                    np.array([0.1]), {}, -1.0, {}, 0.0)
    >>> print(study.table().splitlines()[0])
    layers \\ width         10         inf
    """

    widths: NDArray[np.int64]
    depths: NDArray[np.int64]
    layers: str
    errors: NDArray[np.float64]
    depth_errors: NDArray[np.float64]
    velocity_errors: dict[str, tuple[NDArray, NDArray]] = field(repr=False)
    depth_rate: float
    width_rates: dict[str, float]
    continuum: float
    drawn: dict[str, tuple[NDArray, NDArray]] = field(default_factory=dict, repr=False)

    def table(self) -> str:
        """Errors by depth (rows) and width (columns, the last without limit), then the rates, then
        drawn networks beside their predictions.
        """
        lines = [self._heads(11) + f"{'inf':>12s}"]
        for depth, row, limit in zip(self.depths, self.errors, self.depth_errors, strict=True):
            cells = "".join(f"{value:11.2e}" for value in row)
            lines.append(f"{depth:>14d}{cells}{limit:12.2e}")
        lines.append(f"rate in depth ({self.layers}): {self.depth_rate:.2f}")
        lines += [f"rate in width ({way}): {rate:.2f}" for way, rate in self.width_rates.items()]
        for kind, (measured, predicted) in self.drawn.items():
            lines += [f"{kind} drawn neurons: measured / predicted", self._heads(19)]
            for depth, *pair in zip(self.depths, measured, predicted, strict=True):
                cells = "".join(f"{m:10.2e} /{p:.1e}" for m, p in zip(*pair, strict=True))
                lines.append(f"{depth:>14d}{cells}")
        return "\n".join(lines)

    def _heads(self, width: int) -> str:
        return "layers \\ width" + "".join(f"{w:>{width}d}" for w in self.widths)

    def to_dict(self) -> dict[str, Any]:
        """Everything as lists and numbers, for a JSON file."""
        return {
            "widths": self.widths.tolist(),
            "depths": self.depths.tolist(),
            "layers": self.layers,
            "errors": self.errors.tolist(),
            "depth_errors": self.depth_errors.tolist(),
            "velocity_errors": {
                way: {"sizes": np.asarray(sizes).tolist(), "errors": np.asarray(values).tolist()}
                for way, (sizes, values) in self.velocity_errors.items()
            },
            "depth_rate": self.depth_rate,
            "width_rates": dict(self.width_rates),
            "continuum": self.continuum,
            "drawn": {
                kind: {"measured": measured.tolist(), "predicted": predicted.tolist()}
                for kind, (measured, predicted) in self.drawn.items()
            },
        }

    def plot(self) -> Figure:
        """Errors against width and depth, with the fitted rates, and against their predictions.

        Returns
        -------
        matplotlib.figure.Figure

        Raises
        ------
        MissingDependencyError
            If matplotlib is not installed.
        """
        from ridgeflow.plotting.limits import limit_study

        return limit_study(self)


@with_progress("double limit study")
def double_limit_study(
    continuum: DoubleContinuum,
    *,
    depths: ArrayLike = (1, 2, 4, 8),
    widths: ArrayLike = (50, 100, 200, 400),
    layers: str = "euler",
    ways: Sequence[str] = WAYS,
    repeats: int = 4,
    rng: int | np.random.Generator | None = None,
    checkpoint: str | os.PathLike | None = None,
    progress: Progress = None,
) -> LimitStudy:
    r"""Errors of finite networks over a grid of widths and depths, with fitted rates.

    .. math:: \mathrm{error}(L, J) \approx c_1 L^{-p} + c_2 J^{-q}

    These are networks of fitted weights, which step by the clock of the law. Networks with
    importance weights, of independent neurons, of shared ones and of controlled ones, are measured
    beside their predictions, see :func:`width_depth_law`.

    The two are also measured apart: p on steps with the represented velocity itself, q on networks
    of the velocity at one depth, by independent, stratified and Sobol draws with importance
    weights, by coarse quadrature, and by least squares.

    Parameters
    ----------
    continuum : DoubleContinuum
    depths, widths : array_like of int
        At least two of each, increasing.
    layers : {"euler", "midpoint", "rk4"}
    ways : sequence of str
        Among "monte_carlo", "stratified", "sobol", "quadrature", "least_squares". "quadrature"
        takes whole grids, each at the number of its nodes, and leaves ``widths`` aside.
    repeats : int
        Draws over which errors of drawn neurons are averaged.
    rng : int, Generator or None
    checkpoint : str or path, optional
        Folder for what is finished, made if it does not exist. The same call goes on from there
        after an interruption, and gives the bits that it would have given without one. It stays
        when the study ends, and the same call then reads it: remove it when it is no longer needed.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    LimitStudy

    Raises
    ------
    ValueError
        If sizes do not increase, an option is unknown, `repeats` are beyond all patience, or the
        continuum has but one depth.
    MemoryBudgetError
        If the largest network exceeds the memory budget.
    CheckpointError
        If the checkpoint is damaged, or that of another study or version.

    Notes
    -----
    **Accuracy.** Rates are least-squares slopes of logarithms: +-0.1 from four sizes.

    **Cost.** One network for each pair of sizes, ``repeats`` of each kind of drawn neurons, and
    for their predictions a sum over nodes for each layer.

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
    >>> limit = DoubleContinuum(law, rf.activation("tanh"), span=(0.0, 0.05), tol=1e-3)
    >>> study = double_limit_study(limit, depths=[1, 2], widths=[20, 40], ways=["sobol"], rng=0)
    >>> study.errors.shape
    (2, 2)
    """
    instance_of(continuum, "continuum", DoubleContinuum)
    rows, columns = _sizes(depths, "depths"), _sizes(widths, "widths")
    layers = one_of(layers, "layers", SCHEMES)
    if isinstance(ways, str):
        raise TypeError(f"`ways` must be a list or a tuple, got {ways!r} (write [{ways!r}])")
    ways = [one_of(way, "ways", WAYS) for way in items_of(ways, "ways")]
    repeats = positive_int(repeats, "repeats")
    _affordable(repeats, float(columns.sum()), sum(way in _DRAWN for way in ways))
    generator = as_generator(rng)
    # A network that does not fit is refused before the first is made.
    check_size(continuum.dim, int(rows[-1]), int(columns[-1]), layers)
    kinds = _KINDS if layers == "euler" else {}
    _affordable(repeats, float(columns.sum()) * float(rows.sum()), len(kinds))
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    if first == last:
        raise ValueError(
            "a study needs a continuum over an interval of depths, got one depth (pass `span`)"
        )
    inputs = {"continuum": _identity(continuum), "depths": rows, "widths": columns}
    inputs |= {"layers": layers, "ways": ways, "repeats": repeats}
    keep = checkpoint_at(checkpoint, "double_limit_study", inputs, generator, fresh=rng is None)
    generator = keep.rng or generator
    x = continuum.draw(_DRAWS, _SEED)
    with stage("flow", 0.0, 0.05):
        ours = keep.array(
            "flow", lambda: continuum.flow(x, last, rtol=1e-8, atol=1e-10, log_density=False).points
        )
    size = rms(ours - x)
    if size == 0:
        raise ValueError("`continuum` must move points, got a flow that leaves all where they are")
    target, missed = ours, 0.0
    flow = continuum._source.flow
    if flow is not None and first == 0.0:
        exact = flow.flow
        with stage("flow", 0.05, 0.1):
            target = keep.array("target", lambda: exact(x, last, rtol=1e-9, atol=1e-11).points)
        missed = rms(ours - target) / size
    errors, steps_only = _network_errors(
        continuum, rows, columns, layers, x, target, generator, keep
    )
    errors, steps_only = errors / size, steps_only / size
    beside = {}
    for kind in steps(kinds, "networks of {1} neurons", 0.4, 0.7):
        beside[kind] = _drawn_errors(
            continuum,
            kind,
            rows,
            columns,
            repeats,
            (x[:_FEW], target[:_FEW]),
            size,
            generator,
            keep.within(kind),
        )
    found = {}
    for way in steps(ways, "widths by {1}", 0.7):
        found[way] = keep.arrays(
            f"way-{way}",
            partial(_velocity_errors, continuum, way, columns, repeats, generator),
        )
    return LimitStudy(
        columns,
        rows,
        layers,
        errors,
        steps_only,
        found,
        _rate(rows, np.maximum(steps_only - missed, 1e-16)),
        {way: _rate(*pair) for way, pair in found.items()},
        missed,
        beside,
    )


def _identity(continuum: DoubleContinuum) -> list[Any]:
    """What tells a continuum from others: its spectra, and where and of what they are."""
    source, law = continuum._source, continuum.law
    return [
        [continuum.tol, continuum.times, continuum.activation, continuum.ridgelet],
        [source.region.center, source.region.radius, source.region.margin, source.steady],
        None if law is None else [law.weights, law.means, law.covariances],
        [[one.spectrum.values, one.affine] for one in continuum.representations],
    ]


def _affordable(repeats: int, neurons: float, kinds: int) -> None:
    """Refuse more draws than anyone waits for."""
    drawn = repeats * neurons * kinds
    if drawn > _MOST_NEURONS:
        raise ValueError(
            f"`repeats` must leave at most {_MOST_NEURONS:.0e} neurons to draw and evaluate, got "
            f"{repeats} draws of each of the `widths`: {drawn:.1e} neurons (take fewer repeats)"
        )


def _network_errors(
    continuum: DoubleContinuum,
    depths: NDArray,
    widths: NDArray,
    layers: str,
    x: NDArray,
    target: NDArray,
    rng: np.random.Generator,
    keep: Checkpoint,
) -> tuple[NDArray, NDArray]:
    """Errors (L, J) of networks of fitted weights, and (L,) of their steps with the velocity."""
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    errors, steps_only = np.empty((len(depths), len(widths))), np.empty(len(depths))
    for i in steps(range(len(depths)), "networks, depth {}", 0.1, 0.4):
        depth = int(depths[i])

        def steps_error(depth: int = depth) -> tuple[float]:
            each = np.diff(layer_edges(continuum, depth, "clock"))
            with alone():
                whole = stepped(continuum.velocity, layers, each, x, first, last)
            return (rms(whole - target),)

        (steps_only[i],) = keep.arrays(f"steps-{depth}", steps_error)
        for j in steps(range(len(widths))):

            def error(depth: int = depth, width: int = int(widths[j])) -> tuple[float]:
                net = continuum.network(depth, width, layers=layers, rng=rng)
                return (rms(net(x) - target),)

            (errors[i, j],) = keep.arrays(f"network-{depth}-{widths[j]}", error)
    return errors, steps_only


def _drawn_errors(
    continuum: DoubleContinuum,
    kind: str,
    depths: NDArray,
    widths: NDArray,
    repeats: int,
    ends: tuple[NDArray, NDArray],
    size: float,
    rng: np.random.Generator,
    keep: Checkpoint,
) -> tuple[NDArray, NDArray]:
    """Errors (L, J) of drawn networks, root mean squares over repeats, and their predictions."""
    control, neurons = _KINDS[kind]
    measured = np.empty((len(depths), len(widths)))
    predicted = np.empty_like(measured)
    many = [int(width) for width in widths for _ in range(repeats)]

    def at_depth(depth: int) -> tuple[NDArray, NDArray]:
        found = drawn_outputs(
            *(continuum, layer_edges(continuum, depth, "clock"), many, ends[0]),
            rng.integers(2**31, size=len(many)).tolist(),
            control=control,
            shared=neurons == "shared",
        )
        square = ((found - ends[1]) ** 2).sum(axis=2).mean(axis=1)
        of_steps, one = finite_squares(continuum, depth, "clock", control, neurons == "shared")
        off = np.sqrt(square.reshape(len(widths), repeats).mean(axis=1))
        return off / size, np.sqrt(of_steps + one / widths) / size

    for i in steps(range(len(depths))):
        made = keep.arrays(f"depth-{depths[i]}", partial(at_depth, int(depths[i])))
        measured[i], predicted[i] = made
    return measured, predicted


def _sizes(values: ArrayLike, name: str) -> NDArray[np.int64]:
    array = as_real_array(values, name, ndim=1)
    whole = np.rint(np.clip(array, 0, 2.0**48)).astype(np.int64)
    if len(whole) < 2 or (whole != array).any() or whole[0] < 1 or (np.diff(whole) <= 0).any():
        raise ValueError(
            f"`{name}` must hold at least two increasing whole numbers from 1 on, got "
            f"{array.tolist()} (a rate needs two sizes)"
        )
    return whole


def _rate(sizes: NDArray, errors: NDArray) -> float:
    if len(sizes) < 2:
        return float("nan")
    return float(np.polyfit(np.log(sizes), np.log(np.maximum(errors, 1e-300)), 1)[0])


def _velocity_errors(
    continuum: DoubleContinuum,
    way: str,
    widths: NDArray,
    repeats: int,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Sizes, and relative L2 errors of networks of the velocity half-way through the depths."""
    middle = 0.5 * float(continuum.times[0] + continuum.times[-1])
    x = continuum._source.points(middle)
    truth = continuum.velocity(x, middle)
    size = rms(truth)

    def error(net: ShallowNetwork) -> float:
        return rms(net(x).reshape(truth.shape) - truth) / size

    if way == "quadrature":
        return _quadrature_errors(continuum, middle, error)
    if way == "least_squares":
        fresh = continuum.draw(max(4000, 8 * int(widths[-1])), rng)
        values = continuum.velocity(fresh, middle)
        rep = continuum.representations[len(continuum.times) // 2]
        out = []
        for width in widths:
            eta = rep.activation
            a, b = chosen_neurons(rep.spectrum, eta, int(width), fresh, values, rng=rng)
            fit = fit_outer_weights(a, b, eta, fresh, values, ridge=1e-10, affine=True)
            out.append(error(fit))
        return widths, np.array(out)
    rep = continuum._spectrum_for_sampling(middle)
    out = []
    with warnings.catch_warnings():
        # That narrow draws are worse than none is what the study is about to show.
        warnings.simplefilter("ignore", AccuracyWarning)
        for width in widths:
            drawn = [
                ShallowNetwork.from_representation(
                    rep, int(width), sampling=way, weights="importance", control=None, rng=rng
                )
                for _ in range(repeats)
            ]
            out.append(float(np.sqrt(np.mean([error(net) ** 2 for net in drawn]))))
    return widths, np.array(out)


def _quadrature_errors(
    continuum: DoubleContinuum, t: float, error: Callable[[ShallowNetwork], float]
) -> tuple[NDArray, NDArray]:
    """Whole grids, from coarse to fine: their numbers of nodes, and the errors of their sums."""
    field_there = continuum._source.field_at(t)
    dense = continuum._spectrum_for_sampling(t)
    sizes, errors = [], []
    for tol in _QUADRATURE_TOLS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", AccuracyWarning)
            rep = IntegralRepresentation(
                field_there,
                continuum.activation,
                ridgelet=continuum.ridgelet,
                region=continuum.region,
                reference=dense.reference,
                grid=_coarser(dense.spectrum.grid, tol),
                tol=0.5,
            )
        net = ShallowNetwork.from_representation(rep, sampling="quadrature", weights="importance")
        sizes.append(net.width)
        errors.append(error(net))
    return np.array(sizes), np.array(errors)


def _coarser(grid: ParameterGrid, share: float) -> ParameterGrid:
    """The grid with fewer directions and scales and longer steps, by powers of the share."""
    directions = max(2, int(len(grid.directions) * share**0.5)) if grid.dim > 1 else 1
    scales = np.geomspace(
        grid.scales[0] / share**0.25,
        grid.scales[-1] * share**0.25,
        max(4, int(len(grid.scales) * share**0.25)),
    )
    return ParameterGrid.polar(
        grid.dim,
        directions,
        scales,
        grid.radius,
        min(grid.step / share**0.1, 0.8),
        margin=grid.margin,
        center=grid.center,
    )
