"""The main line from data to a finite deep network, with every step measured."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import Checkpoint, checkpoint_at
from ridgeflow._collections import bridge
from ridgeflow._validate import as_generator, as_points, one_of, positive_int
from ridgeflow.columns import ErrorQuantiles, error_quantiles, rms
from ridgeflow.double_continuum.budget import ContinuumBudget, stepped
from ridgeflow.double_continuum.chosen_depths import represent_all
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import (
    enough_draws,
    finite_network,
    fit_network,
    layer_edges,
)
from ridgeflow.double_continuum.fit_draws import CarriedDraws, draws_of_law
from ridgeflow.double_continuum.interpolated_velocity import AT
from ridgeflow.double_continuum.parts_of_points import flowed
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.kernel_density import kernel_density
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as named_activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.schemes import SCHEMES
from ridgeflow.transport.flow import ContinuousDAE
from ridgeflow.transport.functionals import entropy, fisher_information
from ridgeflow.transport.gaussian_dae import GaussianDAE

__all__ = ["MainLine", "main_line"]

Progress = Callable[[str, float], None]

_DRAWS = 4000  # to measure errors
_FITTED = 8000  # for the shallow denoiser, at least
_PER_NEURON = 20  # draws that the flow carries for the fit of the network, in space
_DEFAULT_TOL = {1: 1e-3, 2: 1e-3, 3: 1e-2}  # by columns
# Of the shallow denoiser, at least: it is there for comparison. It holds for the whole region; over
# the law the representation errs less, in space by far.
_SHALLOW_TOL = {1: 1e-3, 2: 1e-3, 3: 3e-2}
_FIELD_ACTIVATIONS = ("tanh", "relu")


@dataclass(frozen=True, eq=False)
class MainLine:
    """Everything that :func:`main_line` made and measured.

    Errors of maps are RMS over fresh draws of the law, relative to the RMS displacement of the
    exact flow: the identity scores 1.

    Attributes
    ----------
    law : GaussianMixture
        Kernel density of the data.
    t_end : float
        End of depth, half of the singular time.
    field : dict
        Activation name -> relative L2 error of the represented velocity over draws of the law
        inside the region, the worst over depths (between them as well for the flow's activation).
    shallow : dict
        "representation", "network": relative L2 errors of the shallow DAE's displacement.
    flow, network_error, identity_error, steps_error : float
        Of the double continuum flow, of the finite network, of doing nothing, and of the network's
        own steps with the exact score in place of its layers.
    displacement : float
        RMS displacement of the exact flow, in the unit of the data.
    depth_errors, width_errors : dict
        :class:`ErrorQuantiles` of networks of other depths and widths, and of this one.
    budget : ContinuumBudget
        Of the network: what it should not err by, found by a search for where it does.
    entropy, fisher : tuple of ndarray
        Times, values, standard errors.
    trajectories : tuple of ndarray
        Of the data under the exact flow (T, n, m) and under the network (L + 1, n, m).
    points : ndarray, shape (n, m)
    network : ResidualNetwork
    continuum : DoubleContinuum
    seconds : float
    stages : dict
        Seconds of each stage.
    """

    law: GaussianMixture
    t_end: float
    field: dict[str, float]
    shallow: dict[str, float]
    flow: float
    network_error: float
    identity_error: float
    steps_error: float
    displacement: float
    depth_errors: dict[int, ErrorQuantiles]
    width_errors: dict[int, ErrorQuantiles]
    budget: ContinuumBudget
    entropy: tuple[NDArray, NDArray, NDArray]
    fisher: tuple[NDArray, NDArray, NDArray]
    trajectories: tuple[NDArray, NDArray]
    points: NDArray
    network: ResidualNetwork
    continuum: DoubleContinuum
    seconds: float
    stages: dict[str, float]


def main_line(
    points: ArrayLike,
    *,
    activation: str = "tanh",
    depth: int = 16,
    width: int = 400,
    layers: str = "euler",
    rng: int | np.random.Generator | None = 0,
    tol: float | None = None,
    progress: Progress | None = None,
    checkpoint: str | os.PathLike | None = None,
    client: Any = None,
) -> MainLine:
    r"""From data to a finite deep network: law, shallow DAE, spectra over depth, flow, network.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Data, m <= 3; standardise them first.
    activation : str
        Of the flow and of the network; for up to two columns the field is also represented with
        tanh and ReLU.
    depth, width : int
        Of the network.
    layers : {"euler", "midpoint", "rk4"}
        Scheme of its layers. Those of "euler" and "midpoint" are fitted to where the flow takes
        draws of the law, and the error of the width alone is left.
    rng : int, Generator or None
        Randomness of draws and neurons.
    tol : float, optional
        Relative error of the velocity; by default 1e-3, and 1e-2 for three columns, where spectra
        cost far more.
    progress : callable, optional
        Called with a message and the share of the work that is done.
    checkpoint : str or path, optional
        Folder for what is finished, as of :class:`DoubleContinuum`: its spectra, and the errors of
        the fields and of the shallow DAE. Networks are made anew, to the same bits.
    client : distributed.Client, optional
        Whose workers compute the flows of draws, by parts of them; all else is computed here.

    Returns
    -------
    MainLine

    Raises
    ------
    ValueError
        If the data have a constant column, fewer than two rows, or more than three columns.
    CheckpointError
        If the checkpoint is damaged, or that of other arguments or another version.

    Notes
    -----
    **Cost.** For 150 points in two dimensions about 20 s at tol 1e-3, 40 s at 1e-5, in three some
    two minutes and 3 GB at 1e-2, on two cores; points far apart take twice that.
    """
    x = _few_columns(points)
    depth, width = positive_int(depth, "depth"), positive_int(width, "width")
    # Unknown names are refused before any work is done.
    layers, eta = one_of(layers, "layers", SCHEMES), named_activation(activation)
    if client is not None:
        bridge().check_client(client)
    clock = _Clock(progress)
    tol = _DEFAULT_TOL[x.shape[1]] if tol is None else tol
    inputs = {"points": x, "activation": eta, "depth": depth, "width": width, "layers": layers}
    keep, generator = _begun(checkpoint, inputs | {"tol": tol}, rng)

    clock.start("law", 0.0)
    law = kernel_density(x)
    exact = ContinuousDAE(law)
    t_end = 0.5 * exact.t_max

    clock.start("shallow DAE", 0.03)
    asked = (law, t_end, eta, width, max(tol, _SHALLOW_TOL[law.dim]), generator)
    shallow, _ = keep.part("shallow", lambda: (_shallow_dae(*asked), {}))

    clock.start(f"spectra ({eta.name})", 0.1)
    continuum = DoubleContinuum(
        law, eta, span=(0.0, t_end), tol=tol, checkpoint=keep.folder("continuum")
    )
    field = _field_errors(continuum, exact, tol, clock, generator, keep)

    clock.start("flow", 0.5)
    draws = continuum.draw(_DRAWS, generator)
    target = flowed(client, exact.flow, draws, t_end, rtol=1e-9, atol=1e-11)

    def spread(mapped: NDArray) -> ErrorQuantiles:
        return error_quantiles(mapped, target, draws)

    edges = layer_edges(continuum, depth, "clock")
    steps = stepped(exact.velocity, layers, np.diff(edges), draws, 0.0, t_end)
    carried = _carried(continuum, width, edges, generator, client)
    flow = _flow_error(carried, exact)

    clock.start("network", 0.6)

    def sized(depth: int, width: int) -> ResidualNetwork:
        return _network(continuum, depth, width, layers, carried, generator)

    network = sized(depth, width)
    measured = spread(network(draws))

    clock.start("errors by width and depth", 0.7)
    width_errors, depth_errors = _errors_by_size(
        lambda depth, width: spread(sized(depth, width)(draws)), depth, width, measured
    )

    clock.start("budget", 0.9)
    budget = continuum.error_budget(network)

    clock.start("entropy", 0.95)
    when, entropies, fishers = _along(exact, t_end, generator)
    path = exact.flow(x, t_end, times=np.linspace(0.0, t_end, 33)).trajectory
    stages, seconds = clock.stop()
    return MainLine(
        law=law,
        t_end=t_end,
        field=field,
        shallow=shallow,
        flow=flow,
        network_error=measured.rms,
        identity_error=spread(draws).rms,
        steps_error=spread(steps).rms,
        displacement=rms(target - draws),
        depth_errors=depth_errors,
        budget=budget,
        width_errors=width_errors,
        entropy=(when, *entropies),
        fisher=(when, *fishers),
        trajectories=(np.asarray(path), network.trajectory(x)),
        points=x,
        network=network,
        continuum=continuum,
        seconds=seconds,
        stages=stages,
    )


def _begun(
    checkpoint: str | os.PathLike | None,
    inputs: dict[str, Any],
    rng: int | np.random.Generator | None,
) -> tuple[Checkpoint, np.random.Generator]:
    """The checkpoint, and the generator to draw from."""
    given = as_generator(rng)
    keep = checkpoint_at(checkpoint, "main_line", inputs, given, fresh=rng is None)
    return keep, keep.rng or given


def _errors_by_size(
    errors: Callable[[int, int], ErrorQuantiles], depth: int, width: int, own: ErrorQuantiles
) -> tuple[dict[int, ErrorQuantiles], dict[int, ErrorQuantiles]]:
    """Those of fewer neurons and of fewer layers, beside the network's own."""
    widths = {w for w in (width // 16, width // 4) if w >= 1}
    by_width = {w: errors(depth, w) for w in sorted(widths)}
    by_depth = {d: errors(d, width) for d in (1, 2, 4) if d < depth}
    return {**by_width, width: own}, {**by_depth, depth: own}


def _along(
    exact: ContinuousDAE, t_end: float, rng: np.random.Generator
) -> tuple[NDArray, tuple[NDArray, NDArray], tuple[NDArray, NDArray]]:
    """Depths, and the entropies and Fisher informations of the laws there, with their errors."""
    when = np.linspace(0.0, t_end, 9)
    laws = [exact.law(float(t)) for t in when]
    entropies = _columns([entropy(one, rng=rng) for one in laws])
    return when, entropies, _columns([fisher_information(one, rng=rng) for one in laws])


def _few_columns(points: ArrayLike) -> NDArray[np.float64]:
    x = as_points(points, "points").astype(np.float64)
    if x.shape[1] > 3:
        raise ValueError(
            f"`points` must have at most 3 columns, got {x.shape[1]} (choose some of them)"
        )
    return x


def _carried(
    continuum: DoubleContinuum,
    width: int,
    edges: NDArray,
    rng: np.random.Generator,
    client: Any,
) -> CarriedDraws:
    """Draws for the fit of layers, at their edges; those of fewer layers are among these."""
    count = enough_draws(width) if continuum.dim <= 2 else max(_DRAWS, _PER_NEURON * width)
    return CarriedDraws.of(continuum, count, rng).arrived(continuum, edges[1:], client)


def _flow_error(carried: CarriedDraws, exact: ContinuousDAE) -> float:
    """Error of the continuum's flow over those of the draws that are the law's own."""
    own = carried.points[: carried.own]
    target = exact.flow(own, float(carried.times[-1]), rtol=1e-9, atol=1e-11).points
    return error_quantiles(carried.places[-1, : carried.own], target, own).rms


def _network(
    continuum: DoubleContinuum,
    depth: int,
    width: int,
    layers: str,
    draws: CarriedDraws,
    rng: np.random.Generator,
) -> ResidualNetwork:
    """Layers with neurons of their own, each of which makes up for what the ones before missed."""
    return finite_network(
        continuum,
        depth,
        width,
        layers=layers,
        sampling="sobol",
        weights="least_squares",
        neurons="per_layer",
        n_samples=None,
        rng=rng,
        # The inner stages of "rk4" have no arrival to be fitted to.
        aim="velocity" if layers == "rk4" else "flow",
        draws=draws,
    )


def _shallow_dae(
    law: GaussianMixture,
    t: float,
    eta: Activation,
    width: int,
    tol: float,
    rng: np.random.Generator,
) -> dict[str, float]:
    """Errors of the displacement of the DAE at noise t, over its own noisy inputs."""
    dae = GaussianDAE(law, t)
    noisy = law.smooth(t)
    region = Region.holding(noisy)
    tested = noisy.sample(_DRAWS, rng=rng)
    tested = tested[region.contains(tested)]
    fitted, share, _ = draws_of_law(noisy, region, max(_FITTED, 20 * width), rng)
    truth = t * dae.velocity(tested)
    components = law.dim
    representation = IntegralRepresentation(
        CallableField(
            (lambda x: t * dae.velocity(x))
            if components > 1
            else (lambda x: t * dae.velocity(x)[:, 0]),
            law.dim,
            components=components,
        ),
        eta,
        region=region,
        tol=tol,
        reference=rms(truth),
        dual="plain" if eta.point_masses else "corrected",
    )
    shape = truth.shape
    target = representation(fitted).reshape(-1, components)
    network = fit_network(representation, width, fitted, target, share, rng=rng)
    scale = rms(truth)
    return {
        "representation": rms(representation(tested).reshape(shape) - truth) / scale,
        "network": rms(network(tested).reshape(shape) - truth) / scale,
    }


def _field_errors(
    continuum: DoubleContinuum,
    exact: ContinuousDAE,
    tol: float,
    clock: _Clock,
    rng: np.random.Generator,
    keep: Checkpoint,
) -> dict[str, float]:
    """Errors of the represented velocity by activation, the flow's own among them."""
    own = continuum.activation.name
    found = {own: _field_error(continuum, exact, rng)}
    compared = _FIELD_ACTIVATIONS if continuum.dim <= 2 else ()
    others = [name for name in compared if name != own]
    for i, name in enumerate(others):
        clock.start(f"spectra ({name})", 0.3 + 0.2 * i / len(others))
        other = partial(_error_at_depths, continuum, exact, name, tol, rng)
        found[name] = float(keep.array(f"field-{name}", other))
    return {name: found[name] for name in dict.fromkeys([*compared, own])}


def _error_at_depths(
    continuum: DoubleContinuum,
    exact: ContinuousDAE,
    name: str,
    tol: float,
    rng: np.random.Generator,
) -> float:
    """Relative L2 error of the velocity with another activation, the worst over three depths."""
    eta = named_activation(name)
    source, t_end = continuum._source, float(continuum.times[-1])
    times = np.array([0.0, 0.7 * t_end, t_end])
    psi = admissible_ridgelet(eta, continuum.dim)
    worst = 0.0
    made, _ = represent_all(source, times, eta, psi, AT * tol, "corrected")
    for t, representation in zip(times, made, strict=True):
        x = exact.law(float(t)).sample(_DRAWS, rng=rng)
        x = x[continuum.region.contains(x)]
        truth = source.truth(x, float(t))
        gap = representation(x).reshape(truth.shape) - truth
        worst = max(worst, rms(gap) / rms(truth))
    return worst


def _field_error(
    continuum: DoubleContinuum, exact: ContinuousDAE, rng: np.random.Generator
) -> float:
    """Relative L2 error of the velocity over draws of the law in the region, worst over depths."""
    worst = 0.0
    start, end = float(continuum.times[0]), float(continuum.times[-1])
    for t in (start, 0.3 * start + 0.7 * end, end):
        x = exact.law(t).sample(_DRAWS, rng=rng)
        x = x[continuum.region.contains(x)]
        truth = exact.velocity(x, t)
        worst = max(worst, rms(continuum.velocity(x, t) - truth) / rms(truth))
    return worst


def _columns(estimates: list) -> tuple[NDArray, NDArray]:
    return np.array([e.value for e in estimates]), np.array([e.error for e in estimates])


class _Clock:
    """Seconds of named stages, and the progress callback."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._begun = self._last = time.perf_counter()
        self._name: str | None = None
        self.stages: dict[str, float] = {}

    def start(self, name: str, share: float) -> None:
        self._close()
        self._name = name
        if self._progress is not None:
            self._progress(name, share)

    def stop(self) -> tuple[dict[str, float], float]:
        self._close()
        if self._progress is not None:
            self._progress("done", 1.0)
        return self.stages, self._last - self._begun

    def _close(self) -> None:
        now = time.perf_counter()
        if self._name is not None:
            self.stages[self._name] = now - self._last
        self._last = now
