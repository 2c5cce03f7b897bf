"""Layers of neurons drawn from the spectra of a double continuum, with importance weights."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.represented import Represented
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.affine_control import AffineControl
from ridgeflow.networks.importance import ImportanceDraw, best_mass, importance_draw
from ridgeflow.networks.node_draws import NodeDensity, Sampling, SobolBlocks, checked_spectrum
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.schemes import SCHEMES

__all__ = [
    "DrawnLayers",
    "drawn_ensemble",
    "drawn_outputs",
    "layer_draw",
    "shared_density",
]

# Depths over which the density of shared neurons is averaged, the middles of equal intervals, and
# points that tell it: weights make up for what it is off the best one.
_AVERAGED, _FEW = 4, 128
# Numbers in one slab of features.
_SLAB = 2**20
# Points at which the size of a velocity is told.
_CHECKED = 64


def layer_draw(
    continuum: Represented,
    t: float,
    control: str | None,
    density: NodeDensity | None = None,
) -> ImportanceDraw | None:
    """Draws of the velocity at depth t, split over the law there (without law, over the region).

    None where the spectrum vanishes: the affine part is all of it.
    """
    rep = continuum._spectrum_for_sampling(t)
    if not rep.spectrum.mass.any():
        return None
    values, rule = checked_spectrum(rep.spectrum, None, "quadrature", "importance")
    split = None
    if control is not None:
        split = AffineControl.for_nodes(continuum._source.points(t), rep.spectrum.grid.size)
    return importance_draw(
        *(rep.spectrum, rep.activation, values, rule),
        control=split,
        affine=affine_part(rep),
        density=density,
    )


def affine_part(rep: IntegralRepresentation) -> tuple[NDArray, NDArray]:
    """Slopes (m, k) and constant (k,) of a representation beside its spectrum."""
    matrix = np.asarray(rep.affine.matrix, np.float64).reshape(rep.dim, -1)
    return matrix, np.asarray(rep.affine.offset, np.float64).reshape(-1)


def shared_density(continuum: Represented, control: str | None) -> NodeDensity | None:
    """One density for all depths: the average over them of those that are best at each."""
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    total: NDArray | float = 0.0
    for share in (np.arange(_AVERAGED) + 0.5) / _AVERAGED:
        rep = continuum._spectrum_for_sampling(first + share * (last - first))
        split = None
        if control is not None:
            points = continuum._source.points(first + share * (last - first))
            split = AffineControl(points, count=_FEW)
        total = total + best_mass(rep.spectrum, rep.activation, split)
    assert isinstance(total, np.ndarray)
    return NodeDensity.of(rep.spectrum.grid, total) if total.any() else None


@dataclass
class DrawnLayers:
    """The stages of one network with importance weights, one after the other.

    Neurons of all stages are drawn anew, or once from a ``density`` that is shared.
    """

    continuum: Represented
    width: int
    sampling: Sampling
    control: str | None
    shared: bool
    rng: np.random.Generator
    density: NodeDensity | None = None
    _common: tuple[NDArray, NDArray] | None = None
    _moved: float = 0.0
    _parts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.shared:
            return
        if self.density is None:
            self.density = shared_density(self.continuum, self.control)
        if self.density is not None:
            self._common = self.density.draw(self.width, self.sampling, self.rng)

    def stage(self, t: float, step: float) -> ShallowNetwork:
        """Neurons of the velocity at depth t, which count in the network with a step."""
        draw = layer_draw(self.continuum, t, self.control, self.density)
        if draw is not None:
            self._count(draw, t, step)
        return self.of(draw, t)

    def of(self, draw: ImportanceDraw | None, t: float) -> ShallowNetwork:
        """A stage of draws that were made ready for depth t."""
        if draw is None:
            return _affine_stage(self.continuum, t, self.width)
        if self._common is None:
            return _as_vector(ShallowNetwork._of(draw.draw(self.width, self.sampling, self.rng)))
        return _as_vector(ShallowNetwork._of(draw.weigh(*self._common)))

    def _count(self, draw: ImportanceDraw, t: float, step: float) -> None:
        """Keep what the stage is expected to err by, and how far it moves."""
        if step == 0:
            return
        x = self.continuum._source.points(t)[:_CHECKED]
        deviation, size = draw.deviation(x, lambda y: self.continuum.velocity(y, t))
        self._parts.append(step * deviation)
        self._moved += step * size

    def warn_of_error(self) -> None:
        """Warn where the network is expected to be farther from its limit than points move.

        Errors of independent layers add up in squares, those of shared neurons as they are.
        """
        parts = np.array(self._parts)
        spread = float(parts.sum() if self.shared else np.linalg.norm(parts))
        spread /= np.sqrt(self.width)
        if spread <= self._moved:
            return
        ratio = spread / max(self._moved, 1e-300)
        warnings.warn(
            f"the drawn layers are expected to err by {ratio:.2g} times the way that points move, "
            f"worse than none (take {ratio**2:.2g} times as many neurons, control='affine', or "
            "weights='least_squares')",
            AccuracyWarning,
            stacklevel=6,
        )


def _as_vector(stage: ShallowNetwork) -> ShallowNetwork:
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


def _affine_stage(continuum: Represented, t: float, width: int) -> ShallowNetwork:
    """Neurons of no weight beside an affine velocity."""
    rep = continuum._spectrum_for_sampling(t)
    grid, (linear, bias) = rep.spectrum.grid, affine_part(rep)
    node = np.arange(width) % grid.size
    nothing = np.zeros((width, linear.shape[1]))
    return ShallowNetwork(
        grid.a[node], grid.b[node], nothing, rep.activation, linear=linear, bias=bias
    )


def drawn_outputs(
    continuum: Represented,
    edges: NDArray,
    width: int | Sequence[int],
    x: NDArray,
    seeds: Sequence[int],
    *,
    layers: str = "euler",
    sampling: str = "monte_carlo",
    control: str | None = None,
    shared: bool = False,
) -> NDArray[np.float64]:
    """Where networks of drawn layers between ``edges`` take points x (n, m): (R, n, m).

    One for each seed, of one width or of its own, the same as :meth:`DoubleContinuum.network`
    gives; the densities, which are most of the work, are made once.
    """
    scheme, last = SCHEMES[layers], float(continuum.times[-1])
    density = shared_density(continuum, control) if shared else None
    networks = []
    widths = [width] * len(seeds) if isinstance(width, int) else width
    for count, seed in zip(widths, seeds, strict=True):
        rng = np.random.default_rng(seed)
        draws = SobolBlocks(rng) if sampling == "sobol_layers" else sampling
        networks.append(DrawnLayers(continuum, count, draws, control, shared, rng, density))
    places = [x] * len(networks)
    for start, step in zip(edges[:-1], np.diff(edges), strict=True):
        times = [min(float(start + node * step), last) for node in scheme.nodes]
        ready = [layer_draw(continuum, t, control, density) for t in times]
        for i, network in enumerate(networks):
            fields = tuple(network.of(draw, t) for draw, t in zip(ready, times, strict=True))
            places[i] = ResidualNetwork([fields], [float(step)], scheme=layers)(places[i])
    return np.array(places)


def drawn_ensemble(
    continuum: Represented,
    edges: NDArray,
    width: int,
    x: NDArray,
    count: int,
    rng: np.random.Generator,
    *,
    control: str | None = None,
    shared: bool = False,
) -> NDArray[np.float64]:
    """Where so many networks of Euler layers of independent draws take points: (R, n, m).

    The law of :func:`drawn_outputs`, with the arithmetic of all networks in one: thousands of them
    take the time of some.
    """
    n, dim = x.shape
    density = shared_density(continuum, control) if shared else None
    drawn = None if density is None else density.draw(count * width, "monte_carlo", rng)
    places = np.broadcast_to(x, (count, n, dim)).copy()
    slab = max(1, _SLAB // (n * width))
    for start, step in zip(edges[:-1], np.diff(edges), strict=True):
        draw = layer_draw(continuum, float(start), control, density)
        if draw is None:
            stage = _affine_stage(continuum, float(start), 1)
            places += step * stage(places.reshape(-1, dim)).reshape(places.shape)
            continue
        nodes = draw.density.draw(count * width, "monte_carlo", rng) if drawn is None else drawn
        a, b, outer = draw.drawn(*nodes)
        slopes, constants = draw.removed(a, b)
        a, slopes = (part.reshape(count, width, dim) for part in (a, slopes))
        b, constants = (part.reshape(count, 1, width) for part in (b, constants))
        # Outer weights are those of one network of all draws.
        outer = count * outer.reshape(count, width, -1)
        for low in range(0, count, slab):
            part = slice(low, low + slab)
            where = places[part]
            features = draw.eta(where @ a[part].transpose(0, 2, 1) - b[part])
            features -= where @ slopes[part].transpose(0, 2, 1) + constants[part]
            places[part] += step * (
                features @ outer[part] + where @ draw.affine[0] + draw.affine[1]
            )
    return places
