"""Process-wide settings: a frozen ``Config``, read by ``get_config``, changed by ``config``."""

from __future__ import annotations

import math
import operator
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Config", "config", "get_config"]

_EFFORTS = ("estimate", "measure", "patient")
_LEAST_BUDGET = 2**20
# Nothing computes faster with more; each would be a thread of the operating system.
_MOST_THREADS = 1024
_SIZE = re.compile(r"\s*(\d+(?:\.\d*)?|\.\d+)\s*([KMGT]?)(i?)(B?)\s*", re.IGNORECASE)


def _available_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


@dataclass(frozen=True)
class Config:
    """Settings that every computation reads.

    Parameters
    ----------
    threads : int
        Worker threads of kernels and transforms, 1 to 1024; results do not depend on it.
    fft_effort : {"estimate", "measure", "patient"}
        Planning effort of the FFTs.
    memory_budget : int or str
        Bytes that one call may allocate for its working arrays and its result, at least 1 MiB;
        kept as an integer. Text is a number with a unit: "4G" and "4GiB" are 4 * 2**30, "4GB" is
        4 * 10**9, likewise K, M and T.

    Raises
    ------
    TypeError
        If a setting is of another kind.
    ValueError
        If a setting is out of range or unknown.

    Examples
    --------
    >>> Config(threads=2, memory_budget="1.5G").memory_budget
    1610612736
    """

    threads: int = _available_cores()
    fft_effort: str = "estimate"
    memory_budget: int = 4 * 2**30

    def __post_init__(self) -> None:
        object.__setattr__(self, "threads", _thread_count(self.threads))
        object.__setattr__(self, "memory_budget", _bytes(self.memory_budget))
        if not isinstance(self.fft_effort, str) or self.fft_effort not in _EFFORTS:
            raise ValueError(
                f"`fft_effort` must be one of {', '.join(_EFFORTS)}, got {self.fft_effort!r}"
            )
        object.__setattr__(self, "fft_effort", str(self.fft_effort))


def _thread_count(value: Any) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"`threads` must be an integer, got {value!r}") from None
    if isinstance(value, bool):
        raise TypeError(f"`threads` must be an integer, got {value!r}")
    if not 1 <= number <= _MOST_THREADS:
        shown = number if abs(number) < 10**18 else f"one of {number.bit_length()} bits"
        raise ValueError(f"`threads` must be an integer from 1 to {_MOST_THREADS}, got {shown}")
    return number


def _bytes(value: Any) -> int:
    """A memory budget from a number of bytes or from text such as "4G"."""
    if isinstance(value, str):
        words = _SIZE.fullmatch(value)
        # The B of "KB" makes a unit of 1000, that of "B" or "KiB" changes nothing.
        if words is None or (words[3] and not words[2]):
            raise ValueError(
                f"`memory_budget` must be a number of bytes, or one with a unit such as '512M' or "
                f"'4GiB', got {value!r}"
            )
        base = 1000 if words[2] and words[4] and not words[3] else 1024
        number = float(words[1]) * base ** (1 + "KMGT".index(words[2].upper()) if words[2] else 0)
    else:
        if isinstance(value, (bool, bytes, bytearray)) or getattr(value, "ndim", 0) != 0:
            raise TypeError(f"`memory_budget` must be a number of bytes, got {value!r}")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise TypeError(f"`memory_budget` must be a number of bytes, got {value!r}") from None
        except OverflowError:
            number = math.inf
    if not _LEAST_BUDGET <= number < math.inf:
        raise ValueError(
            f"`memory_budget` must be a finite number of at least {_LEAST_BUDGET} bytes, got "
            f"{number:.6g}"
        )
    return int(number)


_current: ContextVar[Config] = ContextVar("ridgeflow_config")
_process_default = Config()


def get_config() -> Config:
    """Return the settings in force here.

    Returns
    -------
    Config

    Examples
    --------
    >>> get_config().threads >= 1
    True
    """
    return _current.get(_process_default)


@contextmanager
def config(
    *,
    threads: int | None = None,
    fft_effort: str | None = None,
    memory_budget: int | str | None = None,
) -> Iterator[Config]:
    """Change settings inside a ``with`` block; settings left at None keep their value.

    Parameters
    ----------
    threads, fft_effort, memory_budget
        As in :class:`Config`.

    Yields
    ------
    Config
        The settings in force inside the block.

    Raises
    ------
    TypeError, ValueError
        As :class:`Config`.

    Notes
    -----
    Settings belong to the thread, or the asynchronous task, that makes them, and to the threads
    with which the library itself works for it. A thread that you start (``threading.Thread``, an
    executor, joblib) begins with the defaults: open a block inside the function that it runs, or
    run that in a copy of the context, as below. Other processes begin with the defaults as well.

    Examples
    --------
    >>> with config(threads=1) as c:
    ...     c.threads
    1

    Settings for the threads of an executor:

    >>> from concurrent.futures import ThreadPoolExecutor
    >>> from contextvars import copy_context
    >>> with ThreadPoolExecutor(2) as pool, config(memory_budget="64M"):
    ...     there = pool.submit(copy_context().run, get_config).result()
    >>> there.memory_budget == 64 * 2**20
    True
    """
    given = {"threads": threads, "fft_effort": fft_effort, "memory_budget": memory_budget}
    token = _current.set(
        replace(get_config(), **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    )
    try:
        yield _current.get()
    finally:
        _current.reset(token)
