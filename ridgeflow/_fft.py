"""FFT plans that own their aligned buffers.

Callers write into a plan's input buffer and read its output buffer, so that nothing is copied in or
out: with copies FFTW would lose its advantage. Rows are spread over threads in pieces with a plan
of their own; a single transform is never split.
"""

from __future__ import annotations

import threading
from functools import lru_cache
from itertools import pairwise

import numpy as np
import pyfftw
from numpy.typing import NDArray

from ridgeflow._config import get_config
from ridgeflow._fork import held_over_forks
from ridgeflow._parallel import parallel_for

__all__ = ["BlockFFT", "RowFFT", "aligned_zeros", "fast_length"]

_EFFORT = {"estimate": "FFTW_ESTIMATE", "measure": "FFTW_MEASURE", "patient": "FFTW_PATIENT"}

# The planner of FFTW is not safe under threads; executing plans is. A fork waits for the plan that
# is being made: the planner's state is whole then, and the lock of pyfftw beside ours is free.
_planner = held_over_forks(threading.RLock())

# Pieces of about this many numbers are worth a thread.
_GRAIN = 1 << 14


@lru_cache(maxsize=4096)
def fast_length(n: int) -> int:
    """Least even length >= n of the form 2^a 3^b 5^c, or seven times that."""
    n = max(2, n + n % 2)
    while True:
        rest = n
        for prime in (2, 3, 5):
            while rest % prime == 0:
                rest //= prime
        # A second factor of 7 makes real transforms half as fast.
        if rest in (1, 7):
            return n
        n += 2


def _planned(
    source: NDArray, target: NDArray, axis: int, direction: str, *flags: str
) -> pyfftw.FFTW:
    """One plan at a time, so that a fork waits for no more than one."""
    effort = _EFFORT[get_config().fft_effort]
    with _planner:
        return pyfftw.FFTW(
            source, target, axes=(axis,), direction=direction, flags=(effort, *flags), threads=1
        )


class RowFFT:
    """Real FFTs of many rows of one length, on buffers of its own.

    ``real`` (rows, n) and ``spectrum`` (rows, n//2 + 1) are the two sides. ``forward()`` fills the
    spectrum from the real rows, ``inverse()`` the real rows from the spectrum, divided by n; either
    may overwrite its input. Sign and order are those of ``numpy.fft.rfft``. Use a plan in one
    thread at a time. ``ways``: 0 for ``forward()``, 1 for ``inverse()``; planning one takes half
    the time.
    """

    def __init__(
        self,
        rows: int,
        n: int,
        dtype: np.typing.DTypeLike = np.float64,
        *,
        ways: tuple[int, ...] = (0, 1),
    ) -> None:
        config = get_config()
        single = np.dtype(dtype) == np.float32
        self.real: NDArray = pyfftw.empty_aligned((rows, n), "float32" if single else "float64")
        self.spectrum: NDArray = pyfftw.empty_aligned(
            (rows, n // 2 + 1), "complex64" if single else "complex128"
        )
        self._scale = 1.0 / n
        count = max(1, min(config.threads, rows * n // _GRAIN, rows))
        cuts = [rows * i // count for i in range(count + 1)]
        sides = {
            0: (self.real, self.spectrum, "FFTW_FORWARD"),
            1: (self.spectrum, self.real, "FFTW_BACKWARD"),
        }
        self._plans = {
            way: [
                _planned(source[lo:hi], target[lo:hi], 1, name, "FFTW_DESTROY_INPUT")
                for lo, hi in pairwise(cuts)
            ]
            for way, (source, target, name) in sides.items()
            if way in ways
        }
        # Planning with more effort than "estimate" writes into the buffers.
        self.real[:] = 0
        self.spectrum[:] = 0

    def forward(self) -> NDArray:
        """Transform the real rows."""
        parallel_for(self._run, len(self._plans[0]), 0)
        return self.spectrum

    def inverse(self, *, scaled: bool = True) -> NDArray:
        """Transform the spectra back, with the factor 1/n unless the caller put it elsewhere."""
        parallel_for(self._run, len(self._plans[1]), 1)
        if scaled:
            self.real *= self._scale
        return self.real

    def _run(self, start: int, stop: int, way: int) -> None:
        for plan in self._plans[way][start:stop]:
            plan.execute()


def aligned_zeros(shape: tuple[int, ...], dtype: np.typing.DTypeLike) -> NDArray:
    """Zeros at an address that vector instructions like."""
    return pyfftw.zeros_aligned(shape, dtype)


class BlockFFT:
    """FFT along one axis from one given buffer to another, without scaling.

    Made for blocks that stay in the cache of a core: work is carried past them, block by block. The
    kind follows from the dtypes; only transforms from complex to real numbers overwrite their
    source. Planning leaves zeros in both buffers. Use a plan in one thread at a time.
    """

    def __init__(
        self, source: NDArray, target: NDArray, axis: int, *, backward: bool = False
    ) -> None:
        backward = backward or not np.iscomplexobj(target)
        self._plan = _planned(source, target, axis, "FFTW_BACKWARD" if backward else "FFTW_FORWARD")
        source[...] = 0
        target[...] = 0
        self.execute = self._plan.execute
