"""Work spread over threads.

An output element is computed whole by one thread in a fixed order, so results do not depend on the
number of threads; workers are plain Python threads running functions that release the GIL, so calls
may come from several threads and after a fork.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

from ridgeflow._config import get_config

__all__ = ["parallel_for"]

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
    futures = [pool.submit(function, lo, hi, *args) for lo, hi in pairwise(cuts)]
    for future in futures:
        future.result()
