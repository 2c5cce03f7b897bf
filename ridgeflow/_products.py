"""Products of matrices whose bits do not depend on the number of threads."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._parallel import one_blas_thread, parallel_for

__all__ = ["product"]

# Rows or columns of the result that are computed together, whoever computes them.
_BLOCK = 256


def product(a: NDArray, b: NDArray) -> NDArray[Any]:
    """``a @ b`` for a matrix and a matrix or a vector.

    A BLAS with several threads cuts a product by their number, and each cut rounds in its own way.
    Here the cuts are fixed, each piece runs on one BLAS thread, and pieces are spread over ours.
    """
    if b.ndim == 1:
        return product(a, b[:, None])[:, 0]
    out = np.empty((len(a), b.shape[1]), np.result_type(a, b))
    along_rows = len(a) >= b.shape[1]
    size = max(out.shape)

    def work(start: int, stop: int) -> None:
        for i in range(start, stop):
            part = slice(i * _BLOCK, (i + 1) * _BLOCK)
            if along_rows:
                out[part] = a[part] @ b
            else:
                out[:, part] = a @ b[:, part]

    with one_blas_thread():
        parallel_for(work, -(-size // _BLOCK))
    return out
