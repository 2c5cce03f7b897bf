"""Finite deep networks read off from a double continuum: depth by steps, width by sampling."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ridgeflow._kernels.ridge_sums import ridge_features
from ridgeflow._validate import as_generator, one_of, positive_int
from ridgeflow.errors import RegionError
from ridgeflow.fields.region import Region
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.sampling import oracle_neurons
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.transforms.representation import IntegralRepresentation

if TYPE_CHECKING:
    from ridgeflow.double_continuum.continuum import DoubleContinuum

__all__ = ["finite_network", "fit_network"]

# Fitted outer weights are kept from growing along directions that the samples do not see.
_RIDGE = 1e-10

# Candidates for each neuron, and points on which they are told apart.
_CANDIDATES = 8
_SELECTION = 600

# Depths of the stages of a layer, in units of its step.
_STAGES = {"euler": (0.0,), "midpoint": (0.0, 0.5), "rk4": (0.0, 0.5, 1.0)}


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
    a, b = _active_neurons(representation, width, points, sampling, generator)
    return fit_outer_weights(
        a, b, representation.activation, points, values, ridge=_RIDGE, affine=True
    )


def _active_neurons(
    representation: IntegralRepresentation,
    width: int,
    points: NDArray,
    sampling: str,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Neurons drawn with the oracle density times their own deviation over the points.

    The spectrum knows the region but not where in it the law lives: a neuron that is affine over
    the points adds nothing to them, however strong its spectrum.
    """
    spectrum, eta = representation.spectrum, representation.activation
    available = int(np.count_nonzero(spectrum.mass)) or spectrum.grid.size
    a, b = oracle_neurons(
        spectrum, max(width, min(_CANDIDATES * width, available)), sampling=sampling, rng=rng
    )
    sample = points[:_SELECTION]
    features = ridge_features(sample, a, b, eta.code)
    affine, _ = np.linalg.qr(np.column_stack([np.ones(len(sample)), sample]))
    features -= affine @ (affine.T @ features)
    deviation = np.linalg.norm(features, axis=0)
    # The largest of logarithms plus Gumbel noise are a weighted draw without replacement.
    key = np.log(np.maximum(deviation, 1e-300)) + rng.gumbel(size=len(b))
    chosen = np.argsort(-key, kind="stable")[:width]
    return a[chosen], b[chosen]


def finite_network(
    continuum: DoubleContinuum,
    depth: int,
    width: int,
    *,
    layers: str,
    sampling: str,
    weights: str,
    n_samples: int | None,
    rng: int | np.random.Generator | None,
) -> ResidualNetwork:
    """See :meth:`DoubleContinuum.network`."""
    depth, width = positive_int(depth, "depth"), positive_int(width, "width")
    one_of(layers, "layers", _STAGES)
    one_of(sampling, "sampling", ("sobol", "stratified", "monte_carlo"))
    one_of(weights, "weights", ("least_squares", "importance"))
    n = max(4000, 8 * width) if n_samples is None else positive_int(n_samples, "n_samples")
    generator = as_generator(rng)
    first, last = float(continuum.times[0]), float(continuum.times[-1])
    if last == first:
        raise ValueError(
            "a network needs a continuum over an interval of depths, got one depth "
            f"{first:g} (pass at least two `times`)"
        )
    step = (last - first) / depth
    x = continuum.draw(n, generator)
    blocks, steps = [], np.full(depth, step)
    for layer in range(depth):
        start = first + layer * step
        stages: list[ShallowNetwork] = []
        where = x
        for fraction in _STAGES[layers]:
            t = min(start + fraction * step, last)
            if weights == "least_squares":
                # Stages meet the law where the method evaluates them. The density of the neurons
                # may be that of the nearest spectrum: the fit makes up for the difference.
                inside = _inside(continuum.region, where, layer)
                near = int(np.argmin(np.abs(continuum.times - t)))
                stage = fit_network(
                    continuum.representations[near],
                    width,
                    inside,
                    continuum.velocity(inside, t),
                    sampling=sampling,
                    rng=generator,
                )
            else:
                stage = ShallowNetwork.from_representation(
                    continuum.representation(t),
                    width,
                    sampling=sampling,
                    weights=weights,
                    rng=generator,
                )
            stages.append(stage)
            half = 0.5 if fraction < 0.5 else 1.0
            where = x + half * step * stages[-1](where).reshape(x.shape)
        blocks.append(tuple(stages))
        x = ResidualNetwork(blocks[-1:], steps[:1], scheme=layers)(x)
    return ResidualNetwork(blocks, steps, scheme=layers)


def _inside(region: Region, x: NDArray, layer: int) -> NDArray:
    """The draws within the region; at most one in a thousand may have left it."""
    held = region.contains(x)
    lost = int((~held).sum())
    if lost > 1e-3 * len(x):
        radius = float(np.linalg.norm(x - region.center, axis=1).max())
        raise RegionError(
            f"the draws must stay in the region of radius {region.radius:.4g}, got {lost} of "
            f"{len(x)} outside before layer {layer + 1} (take a Region of radius {radius:.4g} or "
            "more, or more layers)"
        )
    return x[held]
