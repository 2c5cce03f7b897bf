"""The one place where compilation flags and caching are chosen.

Every kernel is compiled serially, without the GIL, and works on a range ``[start, stop)`` of its
output, so that ``parallel_for`` can spread it over threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba
from numba.core.compiler_lock import global_compiler_lock

from ridgeflow._fork import held_over_forks
from ridgeflow._kernels._cache import KernelCache, warn_once

__all__ = ["cache_folders", "compiled", "inline", "kernel"]

# No assumption on nan or inf: non-finite input must stay visible in the output.
_FASTMATH = {"contract", "reassoc", "nsz", "arcp", "afn"}

# Where compiled kernels are kept, of those that have been loaded.
cache_folders: set[str] = set()

# A child forked while another thread compiles could never compile anything itself.
held_over_forks(global_compiler_lock)


def compiled(function: Callable, **options: Any) -> Callable:
    """Compile with the house's flags, some of them overridden by ``options``."""
    flags: dict[str, Any] = {
        "nogil": True,
        "error_model": "numpy",
        "fastmath": _FASTMATH,
        **options,
    }
    dispatcher = numba.njit(**flags)(function)
    # Without compilation this is the function itself.
    if dispatcher is not function:
        try:
            dispatcher._cache = KernelCache(function)
            cache_folders.add(dispatcher._cache._cache_path)
        except RuntimeError:  # no folder that can be written
            warn_once(
                "compiled kernels cannot be cached on disk: set NUMBA_CACHE_DIR to a folder that "
                "can be written"
            )
    return dispatcher


def kernel(function: Callable) -> Callable:
    """Compile a loop ``f(start, stop, *arrays)``; helpers that it calls must live in its file."""
    return compiled(function)


def inline(function: Callable) -> Callable:
    """Compile a small scalar helper that kernels of the same file call."""
    return compiled(function, inline="always")
