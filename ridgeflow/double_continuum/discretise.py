"""Finite deep networks read off from a double continuum: depth by steps, width by sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import alone, stage
from ridgeflow._progress import steps as in_steps
from ridgeflow._validate import as_generator, fits_in_memory, holding, one_of, positive_int
from ridgeflow.double_continuum.drawn_layers import DrawnLayers
from ridgeflow.double_continuum.fit_draws import CarriedDraws, fit_draws
from ridgeflow.double_continuum.represented import Represented
from ridgeflow.errors import RegionError
from ridgeflow.fields.region import Region
from ridgeflow.networks.chosen_neurons import chosen_neurons, most_candidates
from ridgeflow.networks.elimination import solve_columns
from ridgeflow.networks.node_draws import Sampling, SobolBlocks
from ridgeflow.networks.normal_equations import penalised_weights
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.sampling import as_control
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix
from ridgeflow.schemes import SCHEMES

__all__ = [
    "check_size",
    "enough_draws",
    "finite_network",
    "fit_network",
    "layer_edges",
    "shared_neurons",
]

# Fitted outer weights are kept from growing along directions that the samples do not see.
_RIDGE = 1e-10
_LEAST_DRAWS, _DRAWS_PER_NEURON = 16000, 20
_WEIGHTS = ("least_squares", "tied", "importance")
_AIMS = ("velocity", "flow")
_SPACINGS = ("clock", "even")
_SHARED_DRAWS = 4000
_MARKS = (0.0, 0.5, 1.0)  # of the span: depths whose velocities choose shared neurons


def fit_network(
    representation: IntegralRepresentation,
    width: int,
    points: NDArray,
    values: NDArray,
    weights: NDArray,
    *,
    sampling: str = "sobol",
    rng: int | np.random.Generator | None = None,
) -> ShallowNetwork:
    """Neurons drawn from the spectrum of a representation, outer weights fitted to samples.

    ``points`` (n, m) with their weights stand for the law on which the network will be used.
    """
    generator = as_generator(rng)
    target = values.reshape(len(values), -1)
    eta, spectrum = representation.activation, representation.spectrum
    a, b = chosen_neurons(
        spectrum, eta, width, points, target, weights, sampling=sampling, rng=generator
    )
    return _fitted(a, b, eta, points, target, weights)


def _fitted(
    a: NDArray, b: NDArray, eta: Activation, x: NDArray, values: NDArray, weights: NDArray
) -> ShallowNetwork:
    """A network of given neurons for values (n, k) at points."""
    c, linear, bias = penalised_weights(a, b, eta, x, values, _RIDGE, weights)
    return ShallowNetwork(a, b, c, eta, linear=linear, bias=bias)


def _tied(
    a: NDArray, b: NDArray, eta: Activation, x: NDArray, values: NDArray, weights: NDArray
) -> ShallowNetwork:
    r"""The fit of a gradient, :math:`v = \sum_j s_j a_j\,\eta(a_j\cdot x - b_j) + Sx + d`, S = Sᵀ.

    It is that of the potential :math:`\sum_j s_j H(a_j\cdot x - b_j)`, H' = η: one weight for each
    neuron.
    """
    n, dim = x.shape
    root = np.sqrt(weights)
    _fits_tied(n, dim, len(b))
    features = ridge_matrix(x, a, b, eta) * root[:, None]
    columns = np.concatenate([features * a[:, k] for k in range(dim)])
    pairs = [(k, other) for k in range(dim) for other in range(k, dim)]
    plain = np.zeros((dim, n, dim + len(pairs)))
    for k in range(dim):
        plain[k, :, k] = root
    for at, (k, other) in enumerate(pairs, start=dim):
        plain[k, :, at] = x[:, other] * root
        plain[other, :, at] = x[:, k] * root
    target = (values * root[:, None]).T.reshape(-1, 1)
    part, scalar, _ = solve_columns(plain.reshape(dim * n, -1), columns, target, _RIDGE)
    linear = np.zeros((dim, dim))
    for at, (k, other) in enumerate(pairs, start=dim):
        linear[k, other] = linear[other, k] = part[at, 0]
    return ShallowNetwork(a, b, scalar * a, eta, linear=linear, bias=part[:dim, 0])


def _fits_tied(n: int, dim: int, width: int) -> None:
    """Refuse a fit of one weight for each neuron: features, columns twice, and their factor."""
    fits_in_memory(
        56.0 * dim * n * (width + dim * (dim + 3) / 2 + 1),
        f"a tied fit of {width} neurons to {n} draws",
        "take fewer neurons or n_samples, or raise memory_budget",
    )


def _fits_layers(dim: int, n: int, width: int, stages: int, weights: str) -> float:
    """Refuse layers whose fits do not fit; bytes of their weights and of the draws."""
    held = 16.0 * stages * width * (2 * dim + 1) + 8.0 * n * (8 * dim + 8)
    with holding(held):
        if weights == "tied":
            _fits_tied(n, dim, width)
        # Candidates of the pursuit, and neurons that are fitted.
        candidates = most_candidates(width) + 3 * dim
        fits_in_memory(
            40.0 * candidates**2 + 8.0 * width * candidates + 2**21,
            f"the choice of {width} neurons among {candidates}",
            "take fewer neurons, or raise memory_budget",
        )
    return held


def enough_draws(width: int) -> int:
    """Draws to which layers are fitted by default."""
    return max(_LEAST_DRAWS, _DRAWS_PER_NEURON * width)


def check_size(dim: int, depth: int, width: int, layers: str) -> None:
    """Refuse a network on R^dim whose weights do not fit."""
    fits_in_memory(
        8.0 * depth * len(SCHEMES[layers].nodes) * width * (2 * dim + 1),
        f"a network of {depth} {layers} layers of {width} neurons",
        "take fewer layers or neurons, or raise memory_budget",
    )


def finite_network(
    continuum: Represented,
    depth: int,
    width: int,
    *,
    layers: str,
    sampling: str,
    weights: str,
    neurons: str | None,
    n_samples: int | None,
    rng: int | np.random.Generator | None,
    aim: str = "velocity",
    spacing: str = "clock",
    control: str | None = "affine",
    common: tuple[NDArray, NDArray] | None = None,
    draws: CarriedDraws | None = None,
) -> ResidualNetwork:
    """See :meth:`DoubleContinuum.network`; ``common`` are shared neurons chosen before, ``draws``
    those to fit to."""
    depth, width = positive_int(depth, "depth"), positive_int(width, "width")
    neurons = _check_options(layers, sampling, weights, neurons, aim, spacing, control)
    check_size(continuum.dim, depth, width, layers)
    n = enough_draws(width) if n_samples is None else positive_int(n_samples, "n_samples")
    generator = as_generator(rng)
    ways = SobolBlocks(generator) if sampling == "sobol_layers" else sampling
    edges = layer_edges(continuum, depth, spacing)
    if weights == "importance":
        shared = neurons == "shared"
        return _drawn_network(
            DrawnLayers(continuum, width, ways, control, shared, generator), edges, layers
        )
    stages = depth * len(SCHEMES[layers].nodes)
    with holding(_fits_layers(continuum.dim, n, width, stages, weights)):
        with stage("neurons", 0.0, 0.2), alone():
            draws = CarriedDraws.of(continuum, n, generator) if draws is None else draws
            if common is None and neurons == "shared":
                common = shared_neurons(continuum, width, ways, generator)
            flows = aim == "flow"
            arrivals = draws.arrived(continuum, edges[1:]).places if flows else [None] * depth
        fit = (draws.own, draws.weights)
        maker = _StageMaker(continuum, width, ways, weights, common, *fit, generator)
        return _fitted_layers(maker, draws.points, edges, layers, arrivals)


def _fitted_layers(
    maker: _StageMaker,
    x: NDArray,
    edges: NDArray,
    layers: str,
    arrivals: NDArray | list[None],
) -> ResidualNetwork:
    """Layers fitted one after the other to points that go through those before."""
    steps, blocks = np.diff(edges), []
    for layer in in_steps(range(len(steps)), "layer {}", 0.2):
        start, step, arrival = edges[layer], steps[layer], arrivals[layer]
        blocks.append(maker.layer(layer, x, start, step, SCHEMES[layers].nodes, arrival))
        x = ResidualNetwork(blocks[-1:], steps[layer : layer + 1], scheme=layers)(x)
    return ResidualNetwork(blocks, steps, scheme=layers)


def _drawn_network(drawn: DrawnLayers, edges: NDArray, layers: str) -> ResidualNetwork:
    """Layers of drawn neurons, for which no points need to be carried along."""
    scheme, last = SCHEMES[layers], float(drawn.continuum.times[-1])
    shares = np.bincount(scheme.node_of, scheme.weights)
    blocks = []
    for start, step in in_steps(list(zip(edges[:-1], np.diff(edges), strict=True)), "layer {}"):
        blocks.append(
            tuple(
                drawn.stage(min(float(start + node * step), last), float(share * step))
                for node, share in zip(scheme.nodes, shares, strict=True)
            )
        )
    drawn.warn_of_error()
    return ResidualNetwork(blocks, np.diff(edges), scheme=layers)


def _check_options(
    layers: str,
    sampling: str,
    weights: str,
    neurons: str | None,
    aim: str,
    spacing: str,
    control: str | None,
) -> str:
    """Refuse what does not exist; the neurons that are meant."""
    one_of(layers, "layers", SCHEMES)
    one_of(sampling, "sampling", ("sobol", "sobol_layers", "stratified", "monte_carlo"))
    one_of(weights, "weights", _WEIGHTS)
    as_control(control)
    if neurons is None:
        neurons = "per_layer" if weights == "importance" else "shared"
    one_of(neurons, "neurons", ("shared", "per_layer"))
    one_of(aim, "aim", _AIMS)
    one_of(spacing, "spacing", _SPACINGS)
    if aim == "flow" and (layers == "rk4" or weights == "importance"):
        raise ValueError(
            "`aim` must be 'velocity' for layers='rk4' and for weights='importance', got 'flow' "
            "(the last stage of a layer is fitted to what is missing: take euler or midpoint "
            "layers and fitted weights)"
        )
    return neurons


@dataclass(frozen=True)
class _StageMaker:
    """Makes the stage fields of layers from draws that went through the layers before: ``n`` of
    the law, further ones of a wider law, with weights ``share``.
    """

    continuum: Represented
    width: int
    sampling: Sampling
    weights: str
    common: tuple[NDArray, NDArray] | None
    n: int
    share: NDArray
    rng: np.random.Generator

    def layer(
        self,
        index: int,
        x: NDArray,
        start: float,
        step: float,
        nodes: tuple[float, ...],
        arrival: NDArray | None,
    ) -> tuple[ShallowNetwork, ...]:
        """Fields at the nodes of a step; the last one leads to ``arrival`` where that is given."""
        fields: list[ShallowNetwork] = []
        where = x
        neurons = self.common or self._chosen(x, start, step, nodes[-1], arrival)
        for node in nodes:
            if fields:
                where = x + node * step * fields[-1](where)
            # Stages meet the law where the method evaluates them.
            held = _held(self.continuum.region, where, self.n, index)
            aim = arrival if node == nodes[-1] else None
            value = self._value(x, where, held, self._depth(start + node * step), step, aim)
            fit = _tied if self.weights == "tied" else _fitted
            eta = self.continuum.activation
            fields.append(fit(*neurons, eta, where[held], value, self.share[held]))
        return tuple(fields)

    def _depth(self, t: float) -> float:
        return min(float(t), float(self.continuum.times[-1]))

    def _value(
        self,
        x: NDArray,
        where: NDArray,
        held: NDArray,
        t: float,
        step: float,
        arrival: NDArray | None,
    ) -> NDArray:
        """What a stage is fitted to: the velocity, or what leads to the arrival."""
        if arrival is None:
            return self.continuum.velocity(where[held], t)
        return (arrival[held] - x[held]) / step

    def _chosen(
        self, x: NDArray, start: float, step: float, node: float, arrival: NDArray | None
    ) -> tuple[NDArray, NDArray]:
        """Neurons of a layer, for its last stage, at the points where the velocity leads."""
        continuum, t = self.continuum, self._depth(start + node * step)
        where, held = x, continuum.region.contains(x)
        if node > 0:
            where = x.copy()
            where[held] += node * step * continuum.velocity(x[held], self._depth(start))
            held &= continuum.region.contains(where)
        near = continuum.representations[int(np.argmin(np.abs(continuum.times - t)))]
        return chosen_neurons(
            *(near.spectrum, continuum.activation, self.width, where[held]),
            *(self._value(x, where, held, t, step, arrival), self.share[held]),
            sampling=self.sampling,
            compare=False,
            rng=self.rng,
        )


def layer_edges(continuum: Represented, depth: int, spacing: str) -> NDArray[np.float64]:
    """Depths between which the layers step: (depth + 1,)."""
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    if last == first:
        raise ValueError(
            "a network needs a continuum over an interval of depths, got one depth "
            f"{first:g} (pass at least two `times`)"
        )
    edges = np.linspace(first, last, depth + 1)
    if spacing == "clock":
        source = continuum._source
        marks = np.asarray(source.clock(np.array([first, last])), np.float64)
        edges[1:-1] = source.time_of(np.linspace(marks[0], marks[1], depth + 1))[1:-1]
    return edges


def shared_neurons(
    continuum: Represented, width: int, sampling: Sampling, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Neurons that serve the velocities at the beginning, the middle and the end.

    Up to the width of the pursuit they come in its order: the first of them serve smaller widths.
    """
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    middle = continuum.representations[len(continuum.times) // 2]
    points, share, _ = fit_draws(continuum, _SHARED_DRAWS, rng, 0.5 * (first + last))
    targets = []
    for mark in _MARKS:
        value = continuum.velocity(points, first + mark * (last - first))
        targets.append(value / max(float(np.sqrt((value**2).mean())), 1e-300))
    return chosen_neurons(
        *(middle.spectrum, continuum.activation, width),
        *(points, np.concatenate(targets, axis=1), share),
        sampling=sampling,
        rng=rng,
    )


def _held(region: Region, x: NDArray, n: int, layer: int) -> NDArray:
    """Which points are within the region; of the n draws at most one in a thousand may be out."""
    held = region.contains(x)
    lost = int((~held[:n]).sum())
    if lost > 1e-3 * n:
        radius = float(np.linalg.norm(x[:n] - region.center, axis=1).max())
        raise RegionError(
            f"the draws must stay in the region of radius {region.radius:.4g}, got {lost} of "
            f"{n} outside before layer {layer + 1} (take a Region of radius {radius:.4g} or "
            "more, or more layers)"
        )
    return held
