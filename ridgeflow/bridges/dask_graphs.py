"""Dask graphs of our work: checked collections, tasks with the caller's settings, and trees."""

from __future__ import annotations

import functools
import pydoc
import sys
from collections.abc import Callable, Sequence
from contextvars import Context
from dataclasses import asdict, replace
from typing import Any
from uuid import uuid4
from weakref import WeakSet

import numpy as np

from ridgeflow import __version__
from ridgeflow._config import Config, config, get_config
from ridgeflow._validate import as_real_array
from ridgeflow.errors import MemoryBudgetError, MissingDependencyError

try:
    import dask
    import dask.array as da
    from dask.delayed import Delayed, delayed
    from dask.sizeof import sizeof
except ImportError as error:
    raise MissingDependencyError(
        'Dask collections need Dask with its arrays: pip install "ridgeflow[dask]"'
    ) from error

__all__ = [
    "as_rows",
    "ask_workers",
    "blocks",
    "computed",
    "fits_in_tasks",
    "once",
    "precision",
    "run",
    "settings",
    "task",
    "tell_sizes",
    "tree",
]

# So many results are merged by one task of a tree.
_FAN = 8
# Clients whose workers have been asked for their version.
_asked: WeakSet = WeakSet()


def settings() -> Config:
    """What tasks compute with: the caller's settings. Where there are none, one thread for each
    task, since Dask runs as many tasks at a time as a worker has threads."""
    found = get_config()
    return replace(found, threads=1) if found is Context().run(get_config) else found


def run(given: Config, function: Callable, *args: Any, **named: Any) -> Any:
    with config(**asdict(given)):
        return function(*args, **named)


def task(function: Callable, *args: Any, **named: Any) -> Delayed:
    """A call as a node of a graph, with the settings in force here."""
    name = f"{getattr(function, '__name__', 'call').strip('_')}-{uuid4().hex}"
    work = functools.partial(run, settings(), function)
    return delayed(work, pure=False, traverse=False)(*args, **named, dask_key_name=name)


def once(value: Any) -> Delayed:
    """A node that holds an object: tasks refer to it, and none carries a copy."""
    return delayed(value, name=f"{type(value).__name__}-{uuid4().hex}", traverse=False)


def tell_sizes(*kinds: type) -> None:
    """Let Dask know how large objects of ours are, where it decides what moves to whom."""

    def held(value: Any) -> int:
        return sum(sizeof(part) for part in vars(value).values())

    for kind in kinds:
        sizeof.register(kind, held)


def tree(parts: Sequence[Delayed], merge: Callable[[Any, Any], Any]) -> Delayed:
    """Results of tasks, merged by few at a time in a fixed order."""
    level = list(parts)
    while len(level) > 1:
        groups = [level[low : low + _FAN] for low in range(0, len(level), _FAN)]
        level = [task(_merged, merge, *group) if len(group) > 1 else group[0] for group in groups]
    return level[0]


def _merged(merge: Callable[[Any, Any], Any], *parts: Any) -> Any:
    return functools.reduce(merge, parts)


def computed(*nodes: Any) -> tuple:
    """Results of nodes, by the scheduler that Dask has been told to use."""
    return dask.compute(*nodes)


def ask_workers(client: Any = None) -> None:
    """Refuse workers of a client, or of the default one if there is one, without this very
    ridgeflow."""
    distributed = sys.modules.get("distributed")
    try:
        if client is None and distributed:
            client = distributed.default_client()
    except ValueError:
        return
    if client is None or client.asynchronous or client in _asked:
        return
    # A function of the standard library: one of ours could not be sent to whoever lacks us.
    found = client.run(pydoc.locate, "ridgeflow.__version__")
    wrong = [f"{version or 'none'} at {where}" for where, version in found.items()]
    wrong = [said for said in wrong if not said.startswith(f"{__version__} at ")]
    if wrong:
        raise MissingDependencyError(
            f"the Dask workers must have ridgeflow {__version__}, got {', '.join(wrong)} (install "
            "the same version in their environment)"
        )
    _asked.add(client)


def precision(*arrays: Any) -> np.dtype:
    """float32 if all arrays are, float64 otherwise; of Dask arrays too."""
    return np.dtype(np.float32 if all(a.dtype == np.float32 for a in arrays) else np.float64)


def _as_dask(value: Any, name: str, kinds: str) -> da.Array:
    if isinstance(value, Delayed):
        raise TypeError(
            f"`{name}` must be a Dask array or dataframe, got a Delayed (make one of it: "
            "dask.array.from_delayed)"
        )
    if hasattr(value, "to_dask_array"):
        value = value.to_dask_array().compute_chunk_sizes()
    elif not isinstance(value, da.Array):
        if "O" not in kinds:
            value = as_real_array(value, name, allow_complex="c" in kinds)
        value = da.from_array(np.asarray(value), chunks=-1)
    if value.dtype.kind not in kinds:
        raise TypeError(
            f"`{name}` must be numeric, got dtype {value.dtype} (keep the columns of numbers)"
        )
    return value


def as_rows(
    value: Any,
    name: str,
    *,
    ndim: tuple[int, ...] = (2,),
    like: da.Array | None = None,
    kinds: str = "biuf",
) -> da.Array:
    """Rows of known numbers in chunks that are not split along columns.

    Parameters
    ----------
    value : Dask array, dataframe or series, or array
        A dataframe's partitions are counted; an array is cut as ``like``.
    ndim : tuple of int
        Numbers of dimensions that are allowed; a single column is made where it is 2 alone.
    like : dask.array.Array, optional
        Whose length and chunks are taken.
    kinds : str
        Kinds of dtype that are allowed.
    """
    ask_workers()
    value = _as_dask(value, name, kinds)
    if value.ndim == 1 and ndim == (2,):
        value = value[:, None]
    if value.ndim not in ndim:
        raise ValueError(
            f"`{name}` must have {' or '.join(map(str, ndim))} dimension(s), got shape "
            f"{value.shape}"
        )
    if any(np.isnan(size) for size in value.shape):
        raise ValueError(
            f"`{name}` must have chunks of known sizes, got unknown ones (call "
            f"`{name}.compute_chunk_sizes()` first)"
        )
    if 0 in value.shape:
        raise ValueError(f"`{name}` must not be empty, got shape {value.shape}")
    if any(len(cuts) > 1 for cuts in value.chunks[1:]):
        raise ValueError(
            f"`{name}` must not be split along its columns, got chunks {value.chunks[1:]} (call "
            f"`{name}.rechunk({{1: -1}})`)"
        )
    if like is None:
        return value
    if len(value) != len(like):
        raise ValueError(
            f"these arrays must agree in their first length, got `{name}` {value.shape} and others "
            f"of length {len(like)}"
        )
    return value.rechunk({0: like.chunks[0]})


def fits_in_tasks(rows: da.Array, name: str, numbers: float) -> None:
    """Refuse chunks of which a task needs more than the memory budget, at so many numbers a row."""
    budget, largest = get_config().memory_budget, max(rows.chunks[0])
    each = rows.dtype.itemsize * (rows[0].size + numbers)
    if largest * each > budget:
        raise MemoryBudgetError(
            f"chunks of `{name}` must fit the memory budget of {budget / 2**20:.0f} MiB with what "
            f"is computed of them, got {largest} rows that need {largest * each / 2**20:.0f} MiB "
            f"(call `{name}.rechunk({{0: {max(1, int(budget // each))}}})`, or raise "
            "memory_budget)"
        )


def blocks(*arrays: da.Array | None) -> list[tuple]:
    """The chunks of rows of arrays that are cut alike, those of no rows left out."""
    first = next(array for array in arrays if array is not None)
    columns = [
        [None] * len(first.chunks[0]) if array is None else list(array.to_delayed().ravel())
        for array in arrays
    ]
    return [row for row, n in zip(zip(*columns), first.chunks[0]) if n]
