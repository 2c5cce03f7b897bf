"""Routines of LAPACK by name: those that SciPy has but gives no face to, and those whose faces hold
the GIL, behind which no thread, and no Ctrl-C, comes on."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numba.extending import get_cython_function_address
from numpy.typing import NDArray

__all__ = [
    "call_lapack",
    "cholesky_solve",
    "svd",
    "triangle_below",
    "turned_below",
    "upper_solve",
]


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


def svd(matrix: NDArray) -> tuple[NDArray, NDArray, NDArray]:
    """The thin decomposition U, s, V' of a matrix (n, p), finite."""
    a = np.array(matrix, np.float64, order="F")
    n, p = a.shape
    k = min(n, p)
    if not k:
        return np.zeros((n, 0)), np.zeros(0), np.zeros((0, p))
    s, u, v = np.empty(k), np.empty((n, k), order="F"), np.empty((k, p), order="F")
    whole, size = np.empty(8 * k, np.int32), np.empty(1)
    given = ("dgesdd", b"S", n, p, a, n, s, u, n, v, k)
    call_lapack(*given, size, -1, whole)
    work = np.empty(int(size[0]))
    call_lapack(*given, work, len(work), whole)
    return u, s, v


def upper_solve(triangle: NDArray, right: NDArray, *, transposed: bool = False) -> NDArray:
    """Solutions (n, k) for an upper triangle (n, n), or for its transpose."""
    a, out = np.asfortranarray(triangle), np.array(right, order="F")
    n, k = out.shape
    if n and k:
        call_lapack("dtrtrs", b"U", b"T" if transposed else b"N", b"N", n, k, a, n, out, n)
    return out


def cholesky_solve(matrix: NDArray, right: NDArray) -> NDArray:
    """Solutions (n, k) for a positive definite matrix; overwritten if it is Fortran-contiguous."""
    a, out = np.asfortranarray(matrix), np.array(right, order="F")
    n, k = out.shape
    if n and k:
        call_lapack("dpotrf", b"U", n, a, n)
        call_lapack("dpotrs", b"U", n, k, a, n, out, n)
    return out


def triangle_below(
    above: NDArray, below: NDArray, depth: int, block: int
) -> tuple[NDArray, NDArray, NDArray]:
    """The triangle R of a triangle (p, p) above rows (n, p), and what the transformation is.

    ``depth`` of the last rows form a triangle themselves. Both arrays are overwritten where they
    are Fortran-contiguous.
    """
    a, b = np.asfortranarray(above), np.asfortranarray(below)
    n, p = b.shape
    turns = np.zeros((block, p), order="F")
    if n and p:
        work = np.empty(block * p)
        call_lapack("dtpqrt", n, p, depth, block, a, p, b, n, turns, block, work)
    return a, b, turns


def turned_below(
    depth: int, below: NDArray, turns: NDArray, top: NDArray, bottom: NDArray
) -> tuple[NDArray, NDArray]:
    """Values (p, k) above others (n, k) after the transposed transformation of the above."""
    a, b = np.array(top, order="F"), np.array(bottom, order="F")
    (n, p), k, block = below.shape, a.shape[1], len(turns)
    if n and p and k:
        given = (b"L", b"T", n, k, p, depth, block, below, n, turns, block)
        call_lapack("dtpmqrt", *given, a, p, b, n, np.empty(block * k))
    return a, b
