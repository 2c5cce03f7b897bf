"""Jacobians, log-determinants and inverses of residual networks, layer by layer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_points,
    below_one,
    common_float,
    fits_in_memory,
    positive,
    positive_int,
)
from ridgeflow.errors import ConvergenceError, RegionWarning
from ridgeflow.fields.region import Region
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.schemes import Tableau

__all__ = [
    "InverseResult",
    "StackedFields",
    "advance",
    "inverse",
    "jacobian",
    "lipschitz_bounds",
    "log_det",
    "warn_of_leavers",
]

# A damped step must lower the residual; where 2^-12 of a Newton step does not, none will.
_HALVINGS = 12
# Beyond this, squared distances leave the range.
_LARGEST = 1e150


class StackedFields(NamedTuple):
    """Fields of the nodes of each layer, the steps of the layers, and their method."""

    layers: Sequence[Sequence[ShallowNetwork]]
    steps: NDArray[np.float64]
    method: Tableau

    @property
    def dim(self) -> int:
        return self.layers[0][0].dim


@dataclass(frozen=True)
class InverseResult:
    """Preimages under a residual network, and what vouches for them.

    Attributes
    ----------
    points : ndarray, shape (n, m)
        x with ``network(x) = y``.
    residual : ndarray, shape (n,)
        :math:`|\\mathrm{network}(x) - y|`, computed afresh.
    lipschitz : ndarray, shape (L,)
        For each layer a bound of the Lipschitz constant of its increment, on all of R^m.
    unique : bool
        Whether all of these are below 1: then the network is a bijection of R^m and the points are
        the only preimages. Otherwise there may be others.
    iterations : ndarray, shape (L,)
        Steps that the slowest point took in each layer.

    Examples
    --------
    >>> InverseResult(np.zeros((1, 1)), np.zeros(1), np.array([0.5]), True, np.array([3])).unique
    True
    """

    points: NDArray
    residual: NDArray[np.float64]
    lipschitz: NDArray[np.float64]
    unique: bool
    iterations: NDArray[np.int64] = field(repr=False)


@lru_cache(maxsize=64)
def _steepest(eta: Activation) -> float:
    """Bound of |η'|, infinite for jumps and for powers above the first."""
    slope = eta.derivative()
    if slope.base == "dirac" or eta.origin_order > 2:
        return float("inf")
    z = np.linspace(-40.0, 40.0, 80_001)
    # Between nodes 1e-3 apart a smooth slope grows by less than 1e-6 of its maximum.
    return float(np.abs(slope(z)).max()) * (1 + 1e-6)


def _field_bound(net: ShallowNetwork) -> float:
    outer = net.c.reshape(net.width, -1).astype(np.float64)
    inner = net.a.astype(np.float64)
    used = np.abs(outer).sum(axis=1) * np.abs(inner).sum(axis=1) > 0
    linear = float(np.linalg.norm(net.linear.reshape(net.dim, -1), 2))
    if not used.any():
        return linear
    outer, inner = outer[used], inner[used]
    spectral = float(np.linalg.norm(outer, 2) * np.linalg.norm(inner, 2))
    each = float(np.linalg.norm(outer, axis=1) @ np.linalg.norm(inner, axis=1))
    return linear + _steepest(net.activation) * min(spectral, each)


def lipschitz_bounds(net: StackedFields) -> NDArray[np.float64]:
    """For each layer a bound of the Lipschitz constant of ``x -> layer(x) - x``, shape (L,)."""
    out = np.empty(len(net.layers))
    for layer, (fields, step) in enumerate(zip(net.layers, net.steps, strict=True)):
        own = [_field_bound(f) for f in fields]

        # A stage is steep by its field's bound times that of its argument, whose first part is x.
        def steepness(stage: int, argument: float, own: list[float] = own) -> float:
            return own[net.method.node_of[stage]] * argument

        out[layer] = net.method.increment(steepness, 1.0, abs(float(step)))
    return out


def advance(net: StackedFields, x: NDArray, layer: int) -> NDArray:
    """Images of points under one layer, in its range of floating-point numbers."""
    fields = [net.layers[layer][node] for node in net.method.node_of]
    with np.errstate(over="ignore", invalid="ignore"):
        there = net.method.step(lambda stage, at: fields[stage](at), x, float(net.steps[layer]))
    if not np.isfinite(there).all():
        raise ValueError(
            f"`x` must stay in the range of {x.dtype} on its way, got {np.abs(x).max():.3g} "
            f"before layer {layer + 1} of {len(net.layers)}, with {net.steps[layer]:.3g} in "
            "`steps` (choose another unit)"
        )
    return there


def _layer_with_jacobian(net: StackedFields, x: NDArray, layer: int) -> tuple[NDArray, NDArray]:
    """Image (n, m) of a layer, and its Jacobian (n, m, m), [i, k, d] = d y_ik / d x_id."""
    fields = [net.layers[layer][node] for node in net.method.node_of]
    unit = np.broadcast_to(np.eye(net.dim, dtype=x.dtype), (*x.shape, net.dim))

    def slope(stage: int, both: NDArray) -> NDArray:
        at = np.ascontiguousarray(both[..., 0])
        inner = np.swapaxes(fields[stage].gradient(at), 1, 2)
        # The first stage is at x itself, whose derivative is the identity.
        chained = inner @ both[..., 1:] if stage else inner
        return np.concatenate([fields[stage](at)[..., None], chained], axis=2)

    # One step carries the point and, in further columns, its derivatives.
    start = np.concatenate([x[..., None], unit], axis=2)
    end = net.method.step(slope, start, float(net.steps[layer]))
    return end[..., 0], end[..., 1:]


def jacobian(net: StackedFields, x: NDArray) -> NDArray:
    """See :meth:`ResidualNetwork.jacobian`; the points are checked."""
    fits_in_memory(
        5.0 * x.itemsize * len(x) * net.dim**2,
        f"Jacobians of {len(x)} points in dimension {net.dim}",
        "pass fewer points, or raise memory_budget",
    )
    total = np.broadcast_to(np.eye(net.dim, dtype=x.dtype), (*x.shape, net.dim))
    for layer in range(len(net.layers)):
        x, own = _layer_with_jacobian(net, x, layer)
        total = own @ total
    return np.ascontiguousarray(total)


def log_det(net: StackedFields, x: NDArray) -> NDArray:
    """See :meth:`ResidualNetwork.log_det`; the points are checked."""
    fits_in_memory(
        4.0 * x.itemsize * len(x) * net.dim**2,
        f"Jacobians of {len(x)} points in dimension {net.dim}",
        "pass fewer points, or raise memory_budget",
    )
    total = np.zeros(len(x))
    for layer in range(len(net.layers)):
        x, own = _layer_with_jacobian(net, x, layer)
        with np.errstate(divide="ignore"):
            total += np.linalg.slogdet(own.astype(np.float64))[1]
    return total.astype(x.dtype)


def inverse(net: StackedFields, y: ArrayLike, *, tol: float, max_iterations: int) -> InverseResult:
    """See :meth:`ResidualNetwork.inverse`."""
    target = as_points(y, "y", net.dim)
    tol = below_one(positive(tol, "tol"), "tol")
    max_iterations = positive_int(max_iterations, "max_iterations")
    real = common_float(target, *(f.c for fields in net.layers for f in fields))
    wanted = target.astype(np.float64)
    if np.abs(wanted).max() > _LARGEST:
        raise ValueError(
            f"`y` must have squares that are representable in float64, got "
            f"{np.abs(wanted).max():.3g} (choose another unit)"
        )
    bounds = lipschitz_bounds(net)
    iterations = np.zeros(len(net.layers), np.int64)
    x = wanted
    for layer in reversed(range(len(net.layers))):
        x, iterations[layer] = _invert_layer(
            net, x, layer, tol, max_iterations, float(bounds[layer])
        )
    there = x
    for layer in range(len(net.layers)):
        there = advance(net, there, layer)
    residual = np.linalg.norm(there - wanted, axis=1)
    return InverseResult(x.astype(real), residual, bounds, bool((bounds < 1).all()), iterations)


def _neurons_size(net: StackedFields, layer: int) -> float:
    """How far the neurons and biases of a layer move the origin at most: the length of which its
    rounding is a share, beside that of the point.
    """
    moved = 0.0
    with np.errstate(over="ignore"):
        for one in net.layers[layer]:
            each = np.abs(one.c.astype(np.float64)).reshape(len(one.b), -1).sum(axis=1)
            moved += float(each @ (1.0 + np.abs(one.b))) + float(np.abs(one.bias).sum())
        moved *= float(net.steps[layer])
    return moved if np.isfinite(moved) else 0.0


def _invert_layer(
    net: StackedFields,
    y: NDArray,
    layer: int,
    tol: float,
    max_iterations: int,
    bound: float,
) -> tuple[NDArray, int]:
    """Preimages of y under one layer, by damped Newton steps, and how many were taken."""
    enough = tol * (_neurons_size(net, layer) + np.linalg.norm(y, axis=1))
    x = 2 * y - advance(net, y, layer)
    size = np.linalg.norm(advance(net, x, layer) - y, axis=1)
    for count in range(max_iterations + 1):
        open_ = np.flatnonzero(size > enough)
        if not len(open_):
            return x, count
        if count == max_iterations:
            break
        value, slope = _layer_with_jacobian(net, x[open_], layer)
        gap = y[open_] - value
        try:
            move = np.linalg.solve(slope, gap[..., None])[..., 0]
        except np.linalg.LinAlgError:
            # A singular Jacobian at some point: the least step is as good a direction, and counts
            # only where it lowers the residual.
            move = (np.linalg.pinv(slope) @ gap[..., None])[..., 0]
        move = np.where(np.isfinite(move), move, 0.0)
        if bound < 1:
            # Fixed-point steps shrink the residual by the bound; Newton's may do better.
            trial = x[open_] + gap
            found = np.linalg.norm(advance(net, trial, layer) - y[open_], axis=1)
            best, best_size = trial, found
        else:
            best, best_size = x[open_], size[open_]
        scale = np.ones(len(open_))
        waiting = np.arange(len(open_))
        for _ in range(_HALVINGS):
            trial = x[open_[waiting]] + scale[waiting, None] * move[waiting]
            found = np.linalg.norm(advance(net, trial, layer) - y[open_[waiting]], axis=1)
            better = found < best_size[waiting]
            best[waiting[better]], best_size[waiting[better]] = trial[better], found[better]
            waiting = waiting[~better & (best_size[waiting] >= size[open_[waiting]])]
            if not len(waiting):
                break
            scale[waiting] *= 0.5
        stuck = best_size >= size[open_]
        x[open_], size[open_] = best, best_size
        if stuck.all():
            break
    left = np.flatnonzero(size > enough)
    if len(left):
        worst = left[np.argmax(size[left])]
        raise ConvergenceError(
            f"layer {layer + 1} of {len(net.layers)} must be inverted at all points, got stuck at "
            f"{len(left)} of {len(y)}, the worst with a residual of {size[worst]:.1e} (its "
            f"increment has a Lipschitz bound of {bound:.3g}: only below 1 is a preimage sure to "
            "exist; take more layers, or points in the image of the network)"
        )
    return x, max_iterations


def warn_of_leavers(region: Region | None, left: NDArray[np.bool_]) -> None:
    """Say how many points left the region of the samples of a field, three calls away."""
    if region is not None and left.any():
        warnings.warn(
            f"{np.count_nonzero(left)} of {len(left)} points leave the region of the samples "
            f"({region}) on their way, where the field is a guess: take samples there too, or a "
            "shorter time",
            RegionWarning,
            stacklevel=4,
        )
