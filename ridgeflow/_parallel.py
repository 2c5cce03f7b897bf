"""Work spread over threads.

An output element is computed whole by one thread in a fixed order, so results do not depend on the
number of threads; workers are plain Python threads running functions that release the GIL, so calls
may come from several threads and after a fork.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from itertools import pairwise
from typing import Any

from ridgeflow._config import get_config

__all__ = ["parallel_for"]

# One pool, of the largest number of threads that was asked for: a call that wants fewer hands it
# fewer workers.
_pool: ThreadPoolExecutor | None = None
_pool_size = 0
_pool_lock = threading.Lock()


def _submit(threads: int, worker: Callable[[], None]) -> list[Future[None]]:
    """So many runs of ``worker`` at a time, each with the caller's settings."""
    global _pool, _pool_size
    with _pool_lock:
        if _pool is None or _pool_size < threads:
            if _pool is not None:
                # Its threads end when they are done with what other callers gave them.
                _pool.shutdown(wait=False)
            _pool = ThreadPoolExecutor(threads, thread_name_prefix="ridgeflow")
            _pool_size = threads
        return [_pool.submit(copy_context().run, worker) for _ in range(threads)]


def _after_fork_in_child() -> None:
    # Threads do not survive a fork, and another thread may have held the lock.
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


def parallel_for(function: Callable, n: int, *args: Any, grain: int = 1) -> None:
    """Call ``function(start, stop, *args)`` over a partition of ``range(n)``.

    ``grain`` is the least number of items worth a thread of their own. ``function`` must release
    the GIL and write only what belongs to its range. Never call it from inside itself. When this
    returns or raises, no worker is at work any more.
    """
    threads = min(get_config().threads, max(1, n // max(1, grain)))
    if threads == 1:
        function(0, n, *args)
        return
    # More pieces than threads, so that a slow core does not hold up the rest.
    pieces = min(4 * threads, max(1, n // max(1, grain)))
    cuts = [n * i // pieces for i in range(pieces + 1)]
    queue = list(pairwise(cuts))[::-1]

    def worker() -> None:
        while True:
            try:
                low, high = queue.pop()
            except IndexError:
                return
            try:
                function(low, high, *args)
            except BaseException:
                queue.clear()
                raise

    futures = _submit(threads, worker)
    try:
        for future in futures:
            future.result()
    except BaseException:
        # Ctrl-C included: what has not begun does not begin, what has is waited for.
        queue.clear()
        wait(futures)
        raise
