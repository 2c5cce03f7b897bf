"""Depths at which fields are represented, and the interpolation between them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import positive_int
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.region import Region
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.error_budget import ball_volume
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.grid_choice import common_grid
from ridgeflow.transforms.representation import IntegralRepresentation, sample_localised

__all__ = ["chebyshev_times", "interpolation_weights", "represent_on_shared_nodes"]

_SHARES = (10.0, 1.0)  # of the tolerance, in choosing nodes (see IntegralRepresentation)

_DEGREE = 15  # largest, of the interpolation between depths
_LEBESGUE = 4.0  # largest amplification of errors by it


def chebyshev_times(start: float, end: float, n: int) -> NDArray[np.float64]:
    """Chebyshev-Lobatto points: depths between which interpolation is well conditioned.

    Parameters
    ----------
    start, end : float
    n : int
        At least 2.

    Returns
    -------
    ndarray, shape (n,)

    Examples
    --------
    >>> chebyshev_times(0.0, 1.0, 3)
    array([0. , 0.5, 1. ])
    """
    n = positive_int(n, "n", minimum=2)
    return start + (end - start) * np.sin(0.5 * np.pi * np.arange(n) / (n - 1)) ** 2


def interpolation_weights(times: NDArray, t: float) -> tuple[list[int], NDArray[np.float64]]:
    """Nearest depths and the Lagrange weights of interpolation at t, inside the range of times."""
    position = int(np.searchsorted(times, t))
    for count in range(min(_DEGREE + 1, len(times)), 0, -1):
        start = int(np.clip(position - count // 2, 0, len(times) - count))
        nodes = times[start : start + count]
        gap = nodes[:, None] - nodes
        np.fill_diagonal(gap, 1.0)
        ratio = (t - nodes)[None, :] / gap
        np.fill_diagonal(ratio, 1.0)
        weights = ratio.prod(axis=1)
        # High degrees suit Chebyshev points; near the ends of equal steps they amplify errors.
        if np.abs(weights).sum() <= _LEBESGUE:
            break
    return list(range(start, start + count)), weights


def represent_on_shared_nodes(
    fields: Sequence[CallableField],
    references: Sequence[float],
    region: Region,
    activation: Activation,
    ridgelet: Ridgelet,
    tol: float,
) -> list[IntegralRepresentation]:
    """Representations of a field at several depths on one set of nodes, ready to be blended.

    The nodes are those that the most demanding depth asks for; ``tol`` is relative to the reference
    of each depth.
    """
    shape = fields[0].component_shape
    sources = [
        sample_localised(field, region, shape, tol, reference)[0]
        for field, reference in zip(fields, references, strict=True)
    ]
    band = max(float(np.pi / source.spacing.max()) for source in sources)
    made: list[IntegralRepresentation] = []
    for share in _SHARES:
        grids = [
            _grid_for(source, reference, share * tol, region, activation, ridgelet)
            for source, reference in zip(sources, references, strict=True)
        ]
        shared = common_grid(grids)
        with warnings.catch_warnings():
            if share > 1:
                # A first try, which the next one replaces where it falls short.
                warnings.simplefilter("ignore", AccuracyWarning)
            made = [
                IntegralRepresentation(
                    field,
                    activation,
                    ridgelet=ridgelet,
                    region=region,
                    tol=tol,
                    reference=reference,
                    grid=shared,
                    band=band,
                )
                for field, reference in zip(fields, references, strict=True)
            ]
        if max(one.measured_error for one in made) <= 0.5 * tol:
            break
    return made


def _grid_for(
    source: GridField,
    reference: float,
    tol: float,
    region: Region,
    activation: Activation,
    ridgelet: Ridgelet,
) -> ParameterGrid:
    size = float(np.sqrt((source.values**2).sum() * np.prod(source.spacing)))
    unit = reference * np.sqrt(ball_volume(region.dim, region.radius))
    inner = min(0.5, tol * unit / size) if size > 0 else 0.5
    return ParameterGrid.for_field(source, activation, ridgelet, inner)
