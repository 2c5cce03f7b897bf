"""What is computed for each point alone: chunks of a Dask array in, chunks of a lazy one out."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ridgeflow._config import Config
from ridgeflow.bridges.dask_graphs import (
    as_rows,
    blocks,
    da,
    delayed,
    fits_in_tasks,
    once,
    precision,
    run,
    settings,
    task,
    tell_sizes,
)
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.transport.flow_result import FlowResult
from ridgeflow.transport.ode import IntegrationStats

__all__ = ["ROWS", "Rows", "by_rows", "flow_by_rows"]


tell_sizes(GaussianMixture, ShallowNetwork)


class Rows(NamedTuple):
    """What a method makes of points: the shape of its result, with None for their number, and its
    dtype for points in single precision (float64 for all others)."""

    points: str
    shape: Callable[[Any], tuple]
    single: Callable[[Any], bool] = lambda owner: True


def _network_single(owner: Any) -> bool:
    return owner.c.dtype == np.float32


def _layers_single(owner: Any) -> bool:
    return all(_network_single(field) for layer in owner.layers for field in layer)


def _never(owner: Any) -> bool:
    return False


def _point(owner: Any) -> tuple:
    return (None, owner.dim)


def _number(owner: Any) -> tuple:
    return (None,)


def _matrix(owner: Any) -> tuple:
    return (None, owner.dim, owner.dim)


def _path(owner: Any) -> tuple:
    return (owner.depth + 1, None, owner.dim)


ROWS: dict[str, Rows] = {
    "ShallowNetwork.__call__": Rows("x", lambda f: (None, *f.component_shape), _network_single),
    "ShallowNetwork.gradient": Rows(
        "x", lambda f: (None, f.dim, *f.component_shape), _network_single
    ),
    "ResidualNetwork.__call__": Rows("x", _point, _layers_single),
    "ResidualNetwork.trajectory": Rows("x", _path, _layers_single),
    "ResidualNetwork.jacobian": Rows("x", _matrix, _layers_single),
    "ResidualNetwork.log_det": Rows("x", _number, _layers_single),
    "GaussianMixture.logpdf": Rows("x", _number),
    "GaussianMixture.pdf": Rows("x", _number),
    "GaussianMixture.score": Rows("x", _point),
    "GaussianMixture.score_jacobian": Rows("x", _matrix),
    "GaussianMixture.responsibilities": Rows("x", lambda law: (None, law.n_components)),
    "GaussianMixture.posterior_mean": Rows("x", _point),
    "GaussianDAE.__call__": Rows("x", _point),
    "GaussianDAE.velocity": Rows("x", _point),
    "GaussianDAE.jacobian": Rows("x", _matrix),
    "GaussianDAE.potential": Rows("x", _number),
    "GaussianDAE.error": Rows("x", _number, _never),
    "DenoisingAutoencoder.__call__": Rows("x", _point),
    "DenoisingAutoencoder.jacobian": Rows("x", _matrix),
    "PositionNoiseDAE.__call__": Rows("x", _point),
    "PositionNoiseDAE.velocity": Rows("x", _point, _never),
    "PositionNoiseDAE.law_rate": Rows("x", _number, _never),
    "DeepDAE.__call__": Rows("x", _point),
    "DeepDAE.trajectory": Rows("x", _path),
    "DeepDAE.jacobian": Rows("x", _matrix),
    "StackedDAE.__call__": Rows("x", _point, _never),
    "StackedDAE.encode": Rows("x", _point, _never),
    "StackedDAE.decode": Rows("z", _point, _never),
    "StackedDAE.composed": Rows("x", _point, _never),
    "ContinuousDAE.velocity": Rows("x", _point),
    "ContinuousDAE.divergence": Rows("x", _number),
    "ContinuousDAE.law_rate": Rows("x", _number),
    "DoubleContinuum.velocity": Rows("points", _point, _never),
}


def by_rows(
    called: Callable,
    arguments: dict[str, Any],
    name: str,
    shape: tuple,
    single: bool,
    dtype: Any = None,
) -> da.Array:
    """``called`` at each chunk of the argument of that name, the others the same for all."""
    x = as_rows(arguments.pop(name), name)
    others = [size for size in shape if size is not None]
    fits_in_tasks(x, name, float(np.prod(others)))
    if dtype is None:
        dtype = precision(x) if single else np.dtype(np.float64)
    work = functools.partial(_block, settings(), called, name, shape, dtype)
    # Index 0 is that of the points, 1 that of their columns, others are new.
    index = tuple(0 if size is None else 2 + i for i, size in enumerate(shape))
    return da.blockwise(
        *(work, index, x, (0, 1), once(arguments), None),
        new_axes={i: size for i, size in zip(index, shape) if i},
        concatenate=True,
        dtype=dtype,
        meta=np.empty((0,) * len(shape), dtype),
    )


def _block(
    given: Config,
    called: Callable,
    name: str,
    shape: tuple,
    dtype: np.dtype,
    block: NDArray,
    others: dict[str, Any],
) -> NDArray:
    if not len(block):
        return np.empty([0 if size is None else size for size in shape], dtype)
    return run(given, called, **others, **{name: block})


def flow_by_rows(called: Callable, arguments: dict[str, Any], name: str) -> FlowResult:
    """A flow of the chunks of points, of lazy arrays; ``stats`` is a Delayed, of the chunk that
    took most."""
    owner, times = arguments["self"], arguments.get("times")
    x = as_rows(arguments.pop(name), name)
    count = 0 if times is None else len(np.atleast_1d(times))
    fits_in_tasks(x, name, (2.0 + count) * (x.shape[1] + 1))
    node, m = once(arguments), x.shape[1]
    dtype = np.dtype(np.float64) if called.__qualname__.startswith("Double") else precision(x)
    sizes = [n for n in x.chunks[0] if n]
    found = [task(_flow, called, name, block, node) for (block,) in blocks(x)]

    def joined(part: str, shape: tuple) -> Any:
        arrays = [
            da.from_delayed(getattr(one, part), [n if s is None else s for s in shape], dtype)
            for one, n in zip(found, sizes)
        ]
        return da.concatenate(arrays, axis=shape.index(None))

    dense = arguments.get("log_density", True) and not getattr(owner, "_scored", False)
    return FlowResult(
        joined("points", (None, m)),
        joined("log_density", (None,)) if dense else None,
        delayed(_most)([one.stats for one in found]),
        None if times is None else np.asarray(times, np.float64),
        joined("trajectory", (count, None, m)) if count else None,
        joined("trajectory_log_density", (count, None)) if count and dense else None,
    )


def _flow(called: Callable, name: str, block: NDArray, others: dict[str, Any]) -> FlowResult:
    return called(**others, **{name: block})


def _most(stats: list[IntegrationStats]) -> IntegrationStats:
    return max(stats, key=lambda one: one.n_evaluations)
