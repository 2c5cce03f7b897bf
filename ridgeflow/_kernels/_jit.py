"""The one place where compilation flags, caching and threading are chosen.

Every kernel is compiled serially, without the GIL, and works on a range ``[start, stop)`` of its
output; ``parallel_for`` splits the range over Python threads. An output element is computed whole
by one thread in a fixed order, so results do not depend on the number of threads; no threading
layer is involved, so kernels may be called from several Python threads and after a fork.
"""

from __future__ import annotations

import os
import threading
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numba

from ridgeflow._config import get_config
from ridgeflow.errors import CacheWarning

__all__ = ["inline", "kernel", "parallel_for"]

# No assumption on nan or inf: non-finite input must stay visible in the output.
_FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}

_warned = False


def _compile(function: Callable, **options: Any) -> Callable:
    global _warned
    flags: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": _FASTMATH,
        **options,
    }
    try:
        return numba.njit(cache=True, **flags)(function)
    except RuntimeError:
        if not _warned:
            _warned = True
            warnings.warn(
                "compiled kernels cannot be cached on disk: set NUMBA_CACHE_DIR to a folder that "
                "can be written",
                CacheWarning,
                stacklevel=3,
            )
        return numba.njit(**flags)(function)


def kernel(function: Callable) -> Callable:
    """Compile a loop ``f(start, stop, *arrays)``; helpers that it calls must live in its file."""
    return _compile(function)


def inline(function: Callable) -> Callable:
    """Compile a small scalar helper that kernels of the same file call."""
    return _compile(function, inline="always")


_pools: dict[tuple[int, int], ThreadPoolExecutor] = {}
_pools_lock = threading.Lock()


def _pool(threads: int) -> ThreadPoolExecutor:
    # Keyed by process: threads do not survive a fork.
    key = (os.getpid(), threads)
    with _pools_lock:
        if key not in _pools:
            _pools[key] = ThreadPoolExecutor(threads, thread_name_prefix="ridgeflow")
        return _pools[key]


def _after_fork_in_child() -> None:
    global _pools_lock
    _pools_lock = threading.Lock()
    _pools.clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def parallel_for(function: Callable, n: int, *args: Any, grain: int = 1) -> None:
    """Call ``function(start, stop, *args)`` over a partition of ``range(n)``.

    ``grain`` is the least number of items worth a thread of their own. ``function`` must release
    the GIL and write only what belongs to its range. Never call it from inside itself.
    """
    threads = min(get_config().threads, max(1, n // max(1, grain)))
    if threads == 1:
        function(0, n, *args)
        return
    # More pieces than threads, so that a slow core does not hold up the rest.
    pieces = min(4 * threads, max(1, n // max(1, grain)))
    cuts = [n * i // pieces for i in range(pieces + 1)]
    pool = _pool(threads)
    futures = [pool.submit(function, lo, hi, *args) for lo, hi in zip(cuts, cuts[1:], strict=False)]
    for future in futures:
        future.result()
