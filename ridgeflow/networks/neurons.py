"""The parts of a shallow network, as sampling, files and other formats hand them on."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import NDArray

from ridgeflow.profiles.activation import Activation

__all__ = ["Neurons"]


class Neurons(NamedTuple):
    """Inner weights (P, m), offsets (P,), outer weights (P,) or (P, k), the activation, and the
    affine part: linear (m,) or (m, k), bias () or (k,); None where there is none.
    """

    a: NDArray
    b: NDArray
    c: NDArray
    activation: Activation
    linear: NDArray | None = None
    bias: NDArray | None = None
