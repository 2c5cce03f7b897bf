"""Routines of LAPACK by name, for those that SciPy has but gives no face to."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

__all__ = ["call_lapack"]


@cache
def _routine(name: str, count: int) -> Any:
    address = get_cython_function_address("scipy.linalg.cython_lapack", name)
    return ctypes.CFUNCTYPE(None, *[ctypes.c_void_p] * count)(address)


def call_lapack(name: str, *arguments: NDArray | int | bytes) -> None:
    """A routine with its arguments in order, but for ``info``, without the GIL.

    Arrays are where they start, float64, and may be parts of larger ones, whose leading dimension
    follows; no checks.
    """
    info = ctypes.c_int()
    held: list[Any] = [
        ctypes.c_int(x) if isinstance(x, int) else ctypes.c_char(x) if isinstance(x, bytes) else x
        for x in arguments
    ]
    places = [x.ctypes.data if isinstance(x, np.ndarray) else ctypes.addressof(x) for x in held]
    _routine(name, len(held) + 1)(*places, ctypes.addressof(info))
    if info.value:
        raise np.linalg.LinAlgError(f"{name} ended with info = {info.value}")
