"""Finite deep networks read off from a double continuum: depth by steps, width by sampling."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_generator, fits_in_memory, one_of, positive_int
from ridgeflow.double_continuum.chosen_neurons import active_neurons
from ridgeflow.double_continuum.represented import Represented
from ridgeflow.errors import RegionError
from ridgeflow.fields.region import Region
from ridgeflow.networks.elimination import solve_columns
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix
from ridgeflow.schemes import SCHEMES

__all__ = ["check_size", "finite_network", "fit_network", "shared_neurons"]

# Fitted outer weights are kept from growing along directions that the samples do not see.
_RIDGE = 1e-10
# Some points of a wider law, of little weight, hold the fit where draws are few.
_WIDE_SHARE, _WIDE_WEIGHT, _WIDER = 0.25, 0.09, 1.5
_WEIGHTS = ("least_squares", "tied", "importance")
_AIMS = ("velocity", "flow")
_SPACINGS = ("clock", "even")
_SHARED_DRAWS = 3200
_MARKS = (0.0, 0.5, 1.0)  # of the span: depths whose velocities choose shared neurons


def fit_network(
    representation: IntegralRepresentation,
    width: int,
    points: NDArray,
    values: NDArray,
    *,
    sampling: str = "sobol",
    rng: int | np.random.Generator | None = None,
) -> ShallowNetwork:
    """Neurons drawn from the spectrum of a representation, outer weights fitted to samples.

    ``points`` (n, m) are draws of the law on which the network will be used.
    """
    generator = as_generator(rng)
    weights = np.ones(len(points))
    target = values.reshape(len(values), -1)
    a, b = active_neurons(representation, width, points, target, weights, sampling, generator)
    return fit_outer_weights(
        a, b, representation.activation, points, values, ridge=_RIDGE, affine=True
    )


def _tied(
    a: NDArray, b: NDArray, eta: Activation, x: NDArray, values: NDArray, weights: NDArray
) -> ShallowNetwork:
    r"""The fit of a gradient, :math:`v = \sum_j s_j a_j\,\eta(a_j\cdot x - b_j) + Sx + d`, S = Sᵀ.

    It is that of the potential :math:`\sum_j s_j H(a_j\cdot x - b_j)`, H' = η: one weight for each
    neuron.
    """
    n, dim = x.shape
    root = np.sqrt(weights)
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
    neurons: str,
    n_samples: int | None,
    rng: int | np.random.Generator | None,
    aim: str = "velocity",
    spacing: str = "clock",
    common: tuple[NDArray, NDArray] | None = None,
) -> ResidualNetwork:
    """See :meth:`DoubleContinuum.network`; ``common`` are shared neurons chosen before."""
    depth, width = positive_int(depth, "depth"), positive_int(width, "width")
    _check_options(layers, sampling, weights, neurons, aim, spacing)
    check_size(continuum.dim, depth, width, layers)
    n = max(8000, 8 * width) if n_samples is None else positive_int(n_samples, "n_samples")
    generator = as_generator(rng)
    edges = _edges(continuum, depth, spacing)
    steps = np.diff(edges)
    x = continuum.draw(n, generator)
    wide = _wide_draws(continuum, int(_WIDE_SHARE * n), generator)
    share = np.concatenate([np.ones(n), np.full(len(wide), _WIDE_WEIGHT)])
    x = np.concatenate([x, wide])
    if common is None and weights != "importance" and neurons == "shared":
        common = shared_neurons(continuum, width, sampling, generator)
    arrivals = _arrivals(continuum, x, edges[1:]) if aim == "flow" else [None] * depth
    maker = _StageMaker(continuum, width, sampling, weights, common, n, share, generator)
    blocks = []
    for layer, arrival in enumerate(arrivals):
        start, step = edges[layer], steps[layer]
        blocks.append(maker.layer(layer, x, start, step, SCHEMES[layers].nodes, arrival))
        x = ResidualNetwork(blocks[-1:], steps[layer : layer + 1], scheme=layers)(x)
    return ResidualNetwork(blocks, steps, scheme=layers)


def _check_options(
    layers: str, sampling: str, weights: str, neurons: str, aim: str, spacing: str
) -> None:
    one_of(layers, "layers", SCHEMES)
    one_of(sampling, "sampling", ("sobol", "stratified", "monte_carlo"))
    one_of(weights, "weights", _WEIGHTS)
    one_of(neurons, "neurons", ("shared", "per_layer"))
    one_of(aim, "aim", _AIMS)
    one_of(spacing, "spacing", _SPACINGS)
    if aim == "flow" and (layers == "rk4" or weights == "importance"):
        raise ValueError(
            "`aim` must be 'velocity' for layers='rk4' and for weights='importance', got 'flow' "
            "(the last stage of a layer is fitted to what is missing: take euler or midpoint "
            "layers and fitted weights)"
        )


@dataclass(frozen=True)
class _StageMaker:
    """Makes the stage fields of layers from draws that went through the layers before: ``n`` of
    the law, further ones of a wider law, with weights ``share``.
    """

    continuum: Represented
    width: int
    sampling: str
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
        for node in nodes:
            if fields:
                where = x + node * step * fields[-1](where)
            t = min(float(start + node * step), float(self.continuum.times[-1]))
            if self.weights == "importance":
                fields.append(self._drawn(t))
                continue
            # Stages meet the law where the method evaluates them.
            held = _held(self.continuum.region, where, self.n, index)
            inside = where[held]
            if arrival is not None and node == nodes[-1]:
                value = (arrival[held] - x[held]) / step
            else:
                value = self.continuum.velocity(inside, t)
            fields.append(self._fitted(t, inside, value, self.share[held]))
        return tuple(fields)

    def _drawn(self, t: float) -> ShallowNetwork:
        """Neurons of the spectrum at t with importance weights."""
        dense = self.continuum._spectrum_for_sampling(t)
        return _vector(
            ShallowNetwork.from_representation(
                dense, self.width, sampling=self.sampling, weights=self.weights, rng=self.rng
            )
        )

    def _fitted(self, t: float, x: NDArray, value: NDArray, share: NDArray) -> ShallowNetwork:
        """Shared neurons, or active ones at t, fitted to values at draws."""
        continuum, eta = self.continuum, self.continuum.activation
        near = continuum.representations[int(np.argmin(np.abs(continuum.times - t)))]
        a, b = self.common or active_neurons(
            near, self.width, x, value, share, self.sampling, self.rng
        )
        if self.weights == "tied":
            return _tied(a, b, eta, x, value, share)
        return _vector(
            fit_outer_weights(a, b, eta, x, value, ridge=_RIDGE, affine=True, weights=share)
        )


def _edges(continuum: Represented, depth: int, spacing: str) -> NDArray[np.float64]:
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


def _arrivals(continuum: Represented, x: NDArray, times: NDArray) -> NDArray:
    """Where the flow takes points (n, m) at the end of each layer: (depth, n, m)."""
    fits_in_memory(8.0 * len(times) * x.size, "trajectories of the draws", "take fewer n_samples")
    carried = continuum.flow(x, float(times[-1]), log_density=False, times=times)
    assert carried.trajectory is not None
    return carried.trajectory


def _vector(stage: ShallowNetwork) -> ShallowNetwork:
    """The field as one of vectors: representations in one dimension are scalar."""
    if stage.component_shape:
        return stage
    return ShallowNetwork(
        stage.a,
        stage.b,
        stage.c[:, None],
        stage.activation,
        linear=stage.linear[:, None],
        bias=stage.bias.reshape(1),
    )


def _wide_draws(continuum: Represented, n: int, rng: np.random.Generator) -> NDArray:
    """Draws within the region of a law somewhat wider than the first; none without law."""
    flow = continuum._source.flow
    if flow is None or n == 0:
        return np.empty((0, continuum.dim))
    start = flow.law(float(continuum.times[0]))
    x = start.smooth(_WIDER * flow.t_max).sample(n, rng=rng)
    return x[continuum.region.contains(x)]


def shared_neurons(
    continuum: Represented, width: int, sampling: str, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Neurons that serve the velocities at the beginning, the middle and the end.

    Up to the width of the pursuit they come in its order: the first of them serve smaller widths.
    """
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    middle = continuum.representations[len(continuum.times) // 2]
    points = continuum._source.points(0.5 * (first + last), _SHARED_DRAWS)
    wide = _wide_draws(continuum, int(_WIDE_SHARE * len(points)), rng)
    share = np.concatenate([np.ones(len(points)), np.full(len(wide), _WIDE_WEIGHT)])
    points = np.concatenate([points, wide])
    targets = []
    for mark in _MARKS:
        value = continuum.velocity(points, first + mark * (last - first))
        targets.append(value / max(float(np.sqrt((value**2).mean())), 1e-300))
    return active_neurons(
        middle, width, points, np.concatenate(targets, axis=1), share, sampling, rng
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
