"""Layers of neurons drawn from the spectra of a double continuum, with importance weights."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow.double_continuum.represented import Represented
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.affine_control import AffineControl
from ridgeflow.networks.importance import ImportanceDraw, best_mass, importance_draw
from ridgeflow.networks.node_draws import NodeDensity, Sampling, checked_spectrum
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.ridgelet.representation import IntegralRepresentation

__all__ = ["DrawnLayers", "as_vector", "layer_draw", "shared_density"]

# Depths over which the density of shared neurons is averaged: the middles of equal intervals.
_AVERAGED = 8
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
    split = None if control is None else AffineControl(continuum._source.points(t))
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
            split = AffineControl(continuum._source.points(first + share * (last - first)))
        total = total + best_mass(rep.spectrum, rep.activation, split)
    assert isinstance(total, np.ndarray)
    return NodeDensity.of(rep.spectrum.grid, total) if total.any() else None


@dataclass
class DrawnLayers:
    """The stages of one network with importance weights, one after the other.

    Neurons of all stages are drawn anew, or once from a density that is shared.
    """

    continuum: Represented
    width: int
    sampling: Sampling
    control: str | None
    shared: bool
    rng: np.random.Generator
    _common: tuple[NodeDensity, NDArray, NDArray] | None = None
    _spread: float = 0.0
    _moved: float = 0.0
    _parts: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        density = shared_density(self.continuum, self.control) if self.shared else None
        if density is not None:
            self._common = (density, *density.draw(self.width, self.sampling, self.rng))

    def stage(self, t: float, step: float) -> ShallowNetwork:
        """Neurons of the velocity at depth t, which count in the network with a step."""
        density = None if self._common is None else self._common[0]
        draw = layer_draw(self.continuum, t, self.control, density)
        if draw is None:
            return self._affine(t)
        self._count(draw, t, step)
        if self._common is None:
            return as_vector(ShallowNetwork._of(draw.draw(self.width, self.sampling, self.rng)))
        return as_vector(ShallowNetwork._of(draw.weigh(*self._common[1:])))

    def _affine(self, t: float) -> ShallowNetwork:
        """Neurons of no weight beside the affine part."""
        rep = self.continuum._spectrum_for_sampling(t)
        node = np.arange(self.width) % rep.spectrum.grid.size
        linear, bias = affine_part(rep)
        nothing = np.zeros((self.width, linear.shape[1]))
        a, b = rep.spectrum.grid.a[node], rep.spectrum.grid.b[node]
        return ShallowNetwork(a, b, nothing, rep.activation, linear=linear, bias=bias)

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
            stacklevel=4,
        )


def as_vector(stage: ShallowNetwork) -> ShallowNetwork:
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
