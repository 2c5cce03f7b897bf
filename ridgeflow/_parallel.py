"""Work spread over threads, the threads of the BLAS, and long calls that a signal may end.

An output element is computed whole by one thread in a fixed order, so results do not depend on the
number of threads, nor on the parts that threads take, which follow the clock. Workers are plain
Python threads running functions that release the GIL, so calls may come from several threads and
after a fork.
"""

from __future__ import annotations

import atexit
import contextvars
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any, TypeVar

from threadpoolctl import ThreadpoolController

from ridgeflow._config import get_config
from ridgeflow._fork import held_over_forks
from ridgeflow._progress import tell, told

__all__ = ["interruptible", "one_blas_thread", "parallel_for"]

T = TypeVar("T")

# Calls of more operations than this take longer than anyone waits after Ctrl-C: some .1 s.
_LONG = 2e9

# Seconds of a part of a loop: what Ctrl-C waits for. The first parts are short, as nothing is known
# of their cost, and later ones at most so many times as long.
_PIECE, _FIRST, _GROWTH = 0.05, 1024, 16

# Seconds between two looks at what has been done, where somebody listens.
_PAUSE = 0.1

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
        return [_pool.submit(contextvars.copy_context().run, worker) for _ in range(threads)]


def _after_fork_in_child() -> None:
    # Threads do not survive a fork, and another thread may have held the lock.
    global _pool, _pool_lock
    _pool, _pool_lock = None, threading.Lock()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


# Of all loops: it is held for the time of a few additions.
_pieces_lock = held_over_forks(threading.RLock())


class _Pieces:
    """Parts of ``range(n)``, handed out one after the other, each of about ``_PIECE`` seconds."""

    def __init__(self, n: int, grain: int, threads: int) -> None:
        self.n, self.grain = n, grain
        self.done = 0
        self._begin = 0
        # What items cost is not known yet. More pieces than threads, so that a slow core does not
        # hold up the rest.
        self._size = max(grain, n // _FIRST)
        self._most = max(grain, n if threads == 1 else n // (4 * threads))
        self._started = time.perf_counter()

    def stop(self) -> None:
        with _pieces_lock:
            self._begin = self.n

    def tell(self) -> None:
        """Report how far the loop is, of loops that take long."""
        if told() and time.perf_counter() - self._started > _PAUSE:
            tell(self.done / self.n)

    def run(self, function: Callable, args: tuple) -> bool:
        """Call the function for the next part; False when there is none."""
        with _pieces_lock:
            low, size = self._begin, min(self._size, self._most)
            size -= size % self.grain
            # No part of less than a grain.
            high = self.n if self.n - low < size + self.grain else low + size
            self._begin = high
        if low == high:
            return False
        begun = time.perf_counter()
        function(low, high, *args)
        seconds = time.perf_counter() - begun
        with _pieces_lock:
            self.done += high - low
            wanted = (high - low) * _PIECE / max(seconds, 1e-9)
            self._size = max(self.grain, int(min(wanted, _GROWTH * (high - low), self.n)))
        return True


def parallel_for(function: Callable, n: int, *args: Any, grain: int = 1) -> None:
    """Call ``function(start, stop, *args)`` over a partition of ``range(n)``.

    ``grain`` is the least number of items worth a thread of their own. ``function`` must release
    the GIL and write only what belongs to its range; the parts follow the clock, so that what it
    writes may not depend on them. Never call it from inside itself. When this returns or raises, no
    worker is at work any more. Ctrl-C waits for the parts at work: a tenth of a second, unless a
    grain takes longer.
    """
    grain = max(1, grain)
    threads = min(get_config().threads, max(1, n // grain))
    if n < 2 * grain:
        function(0, n, *args)
        return
    pieces = _Pieces(n, grain, threads)
    if threads == 1:
        while pieces.run(function, args):
            pieces.tell()
        return

    def worker() -> None:
        try:
            while pieces.run(function, args):
                pass
        except BaseException:
            pieces.stop()
            raise

    futures = _submit(threads, worker)
    try:
        while told() and wait(futures, _PAUSE).not_done:
            pieces.tell()
        for future in futures:
            future.result()
    except BaseException:
        # Ctrl-C included: what has not begun does not begin, what has is waited for.
        pieces.stop()
        _wait_for(futures)
        raise


def _wait_for(futures: list[Future[None]]) -> None:
    """To the end of the parts at work, whatever interrupts: the caller's arrays are written to."""
    while not all(future.done() for future in futures):
        with suppress(KeyboardInterrupt):
            wait(futures)


# How often each thread has asked for one BLAS thread, and how many there were before.
_blas_lock = held_over_forks(threading.RLock())
_blas_holders: Counter[int] = Counter()
_blas_before: list[int] = []


@cache
def _blas_libraries() -> list[Any]:
    # Finding them takes longer than a small factorisation; those of NumPy and SciPy are loaded by
    # whoever asks.
    return list(ThreadpoolController().select(user_api="blas").lib_controllers)


def _set_blas_threads(numbers: Iterable[int]) -> None:
    for library, number in zip(_blas_libraries(), numbers, strict=True):
        # Newer versions of threadpoolctl let one thread alone change OpenBLAS, and silently ignore
        # the others. Here the thread that ends the last block need not be the one that began.
        forget = getattr(library, "clear_controlling_thread", lambda force: None)
        forget(force=True)
        library.set_num_threads(number)
        forget(force=True)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Inside the block the BLAS runs on one thread.

    That number belongs to the process. Blocks of several threads overlap: the first to begin sets
    it, the last to end gives back what was there before.
    """
    global _blas_before
    own = threading.get_ident()
    with _blas_lock:
        if not _blas_holders:
            _blas_before = [library.get_num_threads() for library in _blas_libraries()]
            _set_blas_threads([1] * len(_blas_before))
        _blas_holders[own] += 1
    try:
        yield
    finally:
        with _blas_lock:
            _blas_holders[own] -= 1
            if not _blas_holders[own]:
                del _blas_holders[own]
            if not _blas_holders:
                _set_blas_threads(_blas_before)


def _only_this_thread() -> None:
    """In a forked child: the blocks of the parent's other threads will never end."""
    others = set(_blas_holders) - {threading.get_ident()}
    for other in others:
        del _blas_holders[other]
    if others and not _blas_holders:
        _set_blas_threads(_blas_before)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_only_this_thread)


# Calls that an interrupt left behind.
_left: set[threading.Thread] = set()


def interruptible(function: Callable[..., T], *args: Any, cost: float) -> T:
    """``function(*args)``, which may spend long in one foreign call, and Ctrl-C is answered.

    Python runs the handlers of signals in its main thread, between two of its own instructions: a
    factorisation would keep them waiting to its end. It goes to a thread of its own, for which the
    main thread waits. On an interrupt that thread is left behind; it ends with the call that it is
    in. ``cost`` is the number of operations; short calls, and those of other threads, are made
    directly.
    """
    if cost < _LONG or threading.current_thread() is not threading.main_thread():
        return function(*args)
    found: list[T] = []
    failed: list[BaseException] = []
    done = threading.Event()
    context = contextvars.copy_context()

    def work() -> None:
        try:
            found.append(context.run(function, *args))
        except BaseException as error:
            failed.append(error)
        finally:
            _left.discard(threading.current_thread())
            done.set()

    thread = threading.Thread(target=work, name="ridgeflow-call", daemon=True)
    _left.add(thread)
    thread.start()
    # Not every platform lets a signal end a wait without limit.
    while not done.wait(0.1):
        pass
    if failed:
        raise failed[0]
    return found[0]


@atexit.register
def _wait_for_what_is_left() -> None:
    """A process that ends frees the buffers of the BLAS, in which such a call would still write."""
    interactive = hasattr(sys, "ps1") or sys.flags.interactive
    if getattr(sys, "last_type", None) is KeyboardInterrupt and not interactive:
        # Python ends itself by the signal then, and frees nothing.
        return
    try:
        for thread in list(_left):
            thread.join()
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        signal.raise_signal(signal.SIGINT)
