"""How fast finite networks approach the double continuum: errors over widths and depths."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import Checkpoint, checkpoint_at
from ridgeflow._collections import bridge
from ridgeflow._progress import Progress, stage, steps, tell, with_progress
from ridgeflow._validate import (
    as_generator,
    as_real_array,
    instance_of,
    items_of,
    one_of,
    positive_int,
)
from ridgeflow.columns import rms
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import check_size
from ridgeflow.double_continuum.parts_of_points import flowed
from ridgeflow.double_continuum.study_cells import KINDS, Cell, Ground, cells_of, measured
from ridgeflow.schemes import SCHEMES

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["LimitStudy", "double_limit_study"]

WAYS = ("monte_carlo", "stratified", "sobol", "quadrature", "least_squares")
# Of which every repeat is a draw.
_DRAWN = ("monte_carlo", "stratified", "sobol")
# Some hours of work.
_MOST_NEURONS = 1e9
_DRAWS = 1000
_SEED = 23


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
        for kind, both in self.drawn.items():
            lines += [f"{kind} drawn neurons: measured / predicted", self._heads(19)]
            for depth, *pair in zip(self.depths, *both, strict=True):
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
    client: Any = None,
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
        Of the seeds: every cell (a network, a kind of drawn ones at a depth, a way of choosing
        neurons) has its own, so that it finds the same alone, in any order and on any machine.
    checkpoint : str or path, optional
        Folder for what is finished, made if it does not exist. The same call goes on from there
        after an interruption, and gives the bits that it would have given without one. It stays
        when the study ends, and the same call then reads it: remove it when it is no longer needed.
    client : distributed.Client, optional
        Whose workers compute the flows by parts of the draws, and the cells, each as one task; by
        default they are computed here, in order. Warnings of a cell are in the log of its worker.
        With a checkpoint cells are kept as they come.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    LimitStudy

    Raises
    ------
    TypeError
        If `client` is no client.
    ValueError
        If sizes do not increase, an option is unknown, `repeats` are beyond all patience, or the
        continuum has but one depth.
    MemoryBudgetError
        If the largest network exceeds the memory budget.
    CheckpointError
        If the checkpoint is damaged, or that of another study or version.

    Notes
    -----
    **Accuracy.** Rates are least-squares slopes of logarithms: +-0.1 from four sizes. With a client
    and without one: the same but for the order of sums, which follows the threads (1e-12).

    **Cost.** One network for each pair of sizes, ``repeats`` of each kind of drawn neurons, and
    for their predictions a sum over nodes for each layer. To each worker of a client the continuum
    moves once, with all its spectra (56 MB for 150 points in the plane at tol 1e-3).

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
    ways = list(dict.fromkeys(one_of(way, "ways", WAYS) for way in items_of(ways, "ways")))
    repeats = positive_int(repeats, "repeats")
    _affordable(repeats, float(columns.sum()), sum(way in _DRAWN for way in ways))
    generator = as_generator(rng)
    # A network that does not fit is refused before the first is made.
    check_size(continuum.dim, int(rows[-1]), int(columns[-1]), layers)
    kinds = list(KINDS) if layers == "euler" else []
    _affordable(repeats, float(columns.sum()) * float(rows.sum()), len(kinds))
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    if first == last:
        raise ValueError(
            "a study needs a continuum over an interval of depths, got one depth (pass `span`)"
        )
    if client is not None:
        bridge().check_client(client)
    inputs = {"continuum": _identity(continuum), "depths": rows, "widths": columns}
    inputs |= {"layers": layers, "ways": ways, "repeats": repeats}
    keep = checkpoint_at(checkpoint, "double_limit_study", inputs, generator, fresh=rng is None)
    generator = keep.rng or generator
    x = continuum.draw(_DRAWS, _SEED)
    target, missed, size = _arrival(continuum, x, keep, client)
    ground = Ground(continuum, layers, columns, repeats, x, target, size)
    with stage(None, 0.1):
        found = _cells(ground, cells_of(rows, columns, kinds, ways), generator, keep, client)
    steps_only = np.array([found[f"steps-{depth}"][0] for depth in rows])
    by_width = {way: found[f"way-{way}"] for way in ways}
    drawn = {}
    for kind in kinds:
        errors, predicted = zip(*(found[f"{kind}-depth-{depth}"] for depth in rows))
        drawn[kind] = (np.array(errors), np.array(predicted))
    return LimitStudy(
        columns,
        rows,
        layers,
        np.array([[found[f"network-{depth}-{width}"][0] for width in columns] for depth in rows]),
        steps_only,
        by_width,
        _rate(rows, np.maximum(steps_only - missed, 1e-16)),
        {way: _rate(*pair) for way, pair in by_width.items()},
        missed,
        drawn,
    )


def _arrival(
    continuum: DoubleContinuum, x: NDArray, keep: Checkpoint, client: Any
) -> tuple[NDArray, float, float]:
    """Where the flow of the law, or without one the continuum's own, takes points, by how much the
    continuum's misses that, and the size of its displacements."""
    last = float(continuum.times[-1])

    def ours() -> NDArray:
        return flowed(client, continuum.flow, x, last, rtol=1e-8, atol=1e-10)

    with stage("flow", 0.0, 0.05):
        own = keep.array("flow", ours)
    size = rms(own - x)
    if size == 0:
        raise ValueError("`continuum` must move points, got a flow that leaves all where they are")
    flow = continuum._source.flow
    if flow is None or float(continuum.times[0]) != 0.0:
        return own, 0.0, size

    def exactly() -> NDArray:
        return flowed(client, flow.flow, x, last, rtol=1e-9, atol=1e-11)

    with stage("flow", 0.05, 0.1):
        target = keep.array("target", exactly)
    return target, rms(own - target) / size, size


def _cells(
    ground: Ground,
    cells: list[Cell],
    rng: np.random.Generator,
    keep: Checkpoint,
    client: Any,
) -> dict[str, tuple]:
    """What all cells find, by their names: of the checkpoint, here, or on workers."""
    # Drawn, since not all generators can spawn; what is drawn twice from one generator differs.
    seeds = np.random.SeedSequence(rng.integers(2**32, size=4).tolist()).spawn(len(cells))
    pairs, found = list(zip(cells, seeds, strict=True)), {}
    if client is not None:
        missing = [pair for pair in pairs if not keep.holds(pair[0].name)]
        for i, result in bridge().on_workers(client, measured, missing, (ground,), tell):
            name = missing[i][0].name
            found[name] = keep.arrays(name, partial(_itself, result))
        pairs = [pair for pair in pairs if pair[0].name not in found]
    for cell, seed in steps(pairs, "{1[0].title}"):
        found[cell.name] = keep.arrays(cell.name, partial(measured, ground, cell, seed))
    return found


def _itself(value: tuple) -> tuple:
    return value


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
