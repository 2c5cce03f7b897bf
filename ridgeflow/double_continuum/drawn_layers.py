"""Layers of neurons drawn from the spectra of a double continuum, with importance weights."""

from __future__ import annotations

import numpy as np

from ridgeflow.double_continuum.represented import Represented
from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["as_vector", "drawn_stage"]


def drawn_stage(
    continuum: Represented, t: float, width: int, sampling: str, rng: np.random.Generator
) -> ShallowNetwork:
    """Neurons of the spectrum at depth t with importance weights."""
    return as_vector(
        ShallowNetwork.from_representation(
            continuum._spectrum_for_sampling(t),
            width,
            sampling=sampling,
            weights="importance",
            control=None,
            rng=rng,
        )
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
