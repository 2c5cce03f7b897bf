"""Process-wide settings: a frozen ``Config``, read by ``get_config``, changed by ``config``."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace

__all__ = ["Config", "config", "get_config"]

_EFFORTS = ("estimate", "measure", "patient")


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
        Worker threads of kernels and transforms; results do not depend on it.
    fft_effort : {"estimate", "measure", "patient"}
        Planning effort of the FFTs.
    memory_budget : int
        Bytes that one call may allocate for its working arrays and its result.

    Raises
    ------
    ValueError
        If a setting is out of range or unknown.

    Examples
    --------
    >>> Config(threads=2).threads
    2
    """

    threads: int = _available_cores()
    fft_effort: str = "estimate"
    memory_budget: int = 4 * 2**30

    def __post_init__(self) -> None:
        if not isinstance(self.threads, int) or self.threads < 1:
            raise ValueError(f"`threads` must be an integer >= 1, got {self.threads!r}")
        if self.fft_effort not in _EFFORTS:
            raise ValueError(
                f"`fft_effort` must be one of {', '.join(_EFFORTS)}, got {self.fft_effort!r}"
            )
        if self.memory_budget < 2**20:
            raise ValueError(
                f"`memory_budget` must be at least 1048576 bytes, got {self.memory_budget!r}"
            )


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
    memory_budget: int | None = None,
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
    ValueError
        If a setting is out of range or unknown.

    Examples
    --------
    >>> with config(threads=1) as c:
    ...     c.threads
    1
    """
    given = {"threads": threads, "fft_effort": fft_effort, "memory_budget": memory_budget}
    token = _current.set(
        replace(get_config(), **{k: v for k, v in given.items() if v is not None})  # type: ignore[arg-type]
    )
    try:
        yield _current.get()
    finally:
        _current.reset(token)
