"""Singular values of features, and values along their left singular vectors, without vectors."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import linalg

from ridgeflow._kernels.lapack import call_lapack

__all__ = ["singular_values"]

# Width of the band between a full matrix and a bidiagonal one: wide enough for products of matrices
# at full speed, narrow for what is left, whose cost is proportional to it.
_BAND = 32


def singular_values(features: NDArray, target: NDArray) -> tuple[NDArray, NDArray]:
    r"""Singular values s, the largest first, of features :math:`F = U S V^{\mathsf T}` (r, p) and
    :math:`U^{\mathsf T} y` of a target y (r, k).

    Both are (min(r, p), ...): what the target has beyond the features' span is not among them, and
    rows of the features beyond the p-th must be zero. Errors are of the rounding unit times the
    largest value, as for a singular value decomposition.

    **Cost.** 8/3 p³ operations in products of matrices to a band, O(p²) for its values: a fifth of
    the time of a decomposition with vectors and less, and p² numbers of memory.
    """
    rows, width = features.shape
    if rows < width:
        features = linalg.qr(features.T, mode="r", check_finite=False)[0][:rows].T
    n, k = min(rows, width), target.shape[1]
    found = np.array(target[:n], order="F")
    band = _banded(np.array(features[:n], order="F"), found)
    s, beside, none = np.empty(n), np.empty(n), np.empty(1)
    last = len(band) - 1
    work = np.empty(4 * n)
    call_lapack(
        *("dgbbrd", b"N", n, n, k, 0, last, band, last + 1, s, beside),
        *(none, 1, none, 1, found, n, work),
    )
    call_lapack("dbdsqr", b"U", n, 0, 0, k, s, beside, none, 1, none, 1, found, n, work)
    return s, found


def _banded(a: NDArray, y: NDArray) -> NDArray[np.float64]:
    """Diagonals, the highest first, of an upper band matrix with the singular values of a square
    one; both arrays are overwritten, y by what the left transformation makes of it."""
    n, k = y.shape
    width = min(_BAND, n)
    band = np.zeros((min(width, n - 1) + 1, n), order="F")
    t, work = np.empty((width, width), order="F"), np.empty(width * max(n, k))
    for j in range(0, n, width):
        w = min(width, n - j)
        m, right = n - j, n - j - w
        left = a[j:, j:]
        call_lapack("dgeqrt", m, w, w, left, n, t, width, work)
        call_lapack("dgemqrt", b"L", b"T", m, k, w, w, left, n, t, width, y[j:], n, work)
        if right:
            part, below = a[j:, j + w :], a[j + w :, j + w :]
            call_lapack("dgemqrt", b"L", b"T", m, right, w, w, left, n, t, width, part, n, work)
            # Of the rows: transposed, since few versions of LAPACK have their own routine.
            across, q = np.array(part[:w].T, order="F"), min(w, right)
            call_lapack("dgeqrt", right, w, q, across, right, t, width, work)
            part[:w, :q] = np.triu(across[:q]).T
            call_lapack(
                *("dgemqrt", b"R", b"N", right, right, q, q, across, right, t, width),
                *(below, n, work),
            )
    for i in range(len(band)):
        band[len(band) - 1 - i, i:] = np.diagonal(a, i)
    return band
