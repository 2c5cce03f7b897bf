"""Dask: what the public functions do where they are given arrays or dataframes of Dask.

Results for each point are lazy Dask arrays, cut as the points are; reductions are computed and are
finished objects. Each task runs with the settings of the caller, objects enter a graph once, and
whatever moves between processes is moved by Dask.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from ridgeflow.bridges.dask_fits import fit_outer_weights
from ridgeflow.bridges.dask_graphs import ask_workers, run, settings
from ridgeflow.bridges.dask_laws import ShardedMixture, kernel_density
from ridgeflow.bridges.dask_rows import ROWS, by_rows, flow_by_rows
from ridgeflow.bridges.dask_spectra import (
    ShardedSamples,
    spectrum_of_nodes,
    spectrum_of_samples,
)
from ridgeflow.columns import is_single

__all__ = ["ShardedMixture", "ShardedSamples", "answer", "check_client", "cuts", "on_workers"]


def answer(called: Callable, args: tuple, named: dict[str, Any]) -> Any:
    """What a function or method gives for arguments among which there are Dask collections."""
    bound = inspect.signature(called).bind(*args, **named)
    name, given = called.__qualname__, bound.arguments
    if given.pop("out", None) is not None:
        raise ValueError("`out` must be left out for Dask collections (their results are lazy)")
    if name in ROWS:
        owner, how = given["self"], ROWS[name]
        return by_rows(called, given, how.points, how.shape(owner), how.single(owner))
    face = _FACES.get(name)
    if face is None:
        raise TypeError(
            f"{name} takes arrays, got a Dask collection (call `.compute()` on it, or map a "
            "function over its chunks with `.map_blocks`)"
        )
    return face(called, given)


def check_client(client: Any) -> None:
    """Refuse what is no client, and clients whose workers have no ridgeflow of this version."""
    if not type(client).__module__.startswith("distributed."):
        raise TypeError(
            f"`client` must be a distributed.Client, got {type(client).__name__} (make one with "
            "its scheduler's address)"
        )
    if client.asynchronous:
        raise TypeError(
            "`client` must be a distributed.Client that waits, got an asynchronous one (leave "
            "asynchronous=True out)"
        )
    ask_workers(client)


def cuts(client: Any, count: int) -> list[int]:
    """Where so many rows are cut for the workers of a client: two parts for each of their threads,
    so that none waits long for the last."""
    threads = sum(client.nthreads().values())
    parts = min(count, 2 * max(1, threads))
    return [count * i // parts for i in range(parts + 1)]


def on_workers(
    client: Any,
    function: Callable,
    calls: list[tuple],
    shared: tuple,
    tell: Callable[[float], None],
) -> Iterator[tuple[int, Any]]:
    """Results of calls as tasks of a client, with their places, as they come; their share is told.

    Parameters
    ----------
    client : distributed.Client
    function : callable
        With the caller's settings.
    calls : list of tuple
        Arguments of each call.
    shared : tuple
        Arguments before them, of all calls: they move to each worker once.
    """
    check_client(client)
    # Whoever has a client has its package.
    from distributed import as_completed

    held = client.scatter(list(shared), broadcast=True, hash=False) if shared else []
    work = functools.partial(run, settings(), function)
    places = {client.submit(work, *held, *call, pure=False): i for i, call in enumerate(calls)}
    for done, (future, result) in enumerate(as_completed(places, with_results=True)):
        tell((done + 1) / len(places))
        yield places[future], result


def _reconstruct(called: Callable, given: dict[str, Any]) -> Any:
    return _of_spectrum(called, given, ())


def _reconstruct_gradient(called: Callable, given: dict[str, Any]) -> Any:
    return _of_spectrum(called, given, (given["spectrum"].dim,))


def _of_spectrum(called: Callable, given: dict[str, Any], first: tuple) -> Any:
    values = given["spectrum"].values
    shape = (None, *first, *given["spectrum"].component_shape)
    single = is_single(values) and given["points"].dtype == np.float32
    kinds = (np.complex64, np.complex128) if np.iscomplexobj(values) else (np.float32, np.float64)
    return by_rows(called, given, "points", shape, single, np.dtype(kinds[not single]))


def _transform(called: Callable, given: dict[str, Any]) -> Any:
    for name in ("checkpoint", "client", "progress"):
        if given.pop(name, None) not in (None, False):
            raise ValueError(
                f"`{name}` must be left out for Dask collections, which are computed by the "
                "scheduler that Dask is told to use"
            )
    sharded = isinstance(given["field"], ShardedSamples)
    return (spectrum_of_samples if sharded else spectrum_of_nodes)(**given)


def _flow(name: str) -> Callable:
    return lambda called, given: flow_by_rows(called, given, name)


def _learnt(called: Callable, given: dict[str, Any]) -> Any:
    # Of an optional package, which whoever has an estimator has.
    from ridgeflow.bridges import dask_estimators

    return dask_estimators.taken(**given)


def _predicted(called: Callable, given: dict[str, Any]) -> Any:
    from ridgeflow.bridges import dask_estimators

    return dask_estimators.predict(called, given["self"], given["X"])


_FACES: dict[str, Callable[[Callable, dict[str, Any]], Any]] = {
    "fit_outer_weights": lambda called, given: fit_outer_weights(**given),
    "kernel_density": lambda called, given: kernel_density(**given),
    "ridgelet_transform": _transform,
    "reconstruct": _reconstruct,
    "reconstruct_gradient": _reconstruct_gradient,
    "ContinuousDAE.flow": _flow("x"),
    "ContinuousDAE.inverse_flow": _flow("y"),
    "DoubleContinuum.flow": _flow("points"),
    **{f"Ridgelet{kind}._take": _learnt for kind in ("Regressor", "Classifier")},
    **{
        f"Ridgelet{name}": _predicted
        for name in (
            "Regressor.predict",
            "Classifier.predict",
            "Classifier.predict_proba",
            "Classifier.decision_function",
        )
    },
}
