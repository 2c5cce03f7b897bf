"""What networks and budgets read of a double continuum."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow.double_continuum.velocity import Source
from ridgeflow.fields.region import Region
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.transport.flow_result import FlowResult

__all__ = ["Represented"]


class Represented(Protocol):
    """A velocity by its representations over depth, see :class:`ridgeflow.DoubleContinuum`."""

    times: NDArray[np.float64]
    region: Region
    activation: Activation
    representations: list[IntegralRepresentation]
    errors: NDArray[np.float64]
    tol: float
    interpolation_error: float
    _source: Source
    _sampling: float

    @property
    def dim(self) -> int: ...

    def velocity(self, points: ArrayLike, t: float) -> NDArray: ...

    def flow(
        self,
        points: ArrayLike,
        t: float,
        *,
        rtol: float = ...,
        atol: float = ...,
        log_density: bool = ...,
        times: ArrayLike | None = ...,
    ) -> FlowResult: ...

    def draw(self, n: int, rng: int | np.random.Generator | None = None) -> NDArray[np.float64]: ...

    def _spectrum_for_sampling(self, t: float) -> IntegralRepresentation: ...
