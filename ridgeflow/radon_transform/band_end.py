r"""The end of the band of samples: the window that closes it, and the error that they leave.

Samples see :math:`\hat f` repeated beyond their highest wave number K. What lies there is lost, and
its image is folded back below K, where a window fades the band out. How much that is has to be told
from the energy towards K, in several ways, because none of them sees every case: an extrapolation
of the last energies; a power law with images that meet it in any phase, as those of a kink or a
jump between two samples do, which may cancel just where one would look; the last quarter of the
band, which may be all image; and the values at the rim, which are a jump that lies anywhere within
a cell.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["edge_window", "unresolved_error"]

# Where the window starts to fall, and the shape parameter of its Kaiser window.
_EDGE_START, _EDGE_BETA = 0.6, 12.0
# Decays in energy, as a power of k, that count as slow at the end of a band.
_SLOW = 16.0
# Bands of wave numbers, those that a power law is fitted to, images that it is given.
_BANDS, _FITTED, _IMAGES = 20, 10, 6
# A power law is one if it fits to this, as RMS of log energy; others that fit nearly as well count.
_FITS, _NEARLY, _AS_WELL = 0.3, 1.5, 0.15
# With so much of the L2 norm in the last quarter of the band, samples tell nothing of their field.
_NOTHING = 0.2
# Above what the fits tell: they scatter about the truth by so much. Measured over 873 fields in one
# dimension; with it, 0.9 % of them have a larger error, before, 7 %.
_DOUBT = 1.15


def edge_window(place: NDArray) -> NDArray[np.float64]:
    """1 up to a share of the band, falling to 0 at its end like the integral of a Kaiser window."""
    node = np.linspace(_EDGE_START, 1.0, 2001)
    fall = np.cumsum(np.kaiser(2001, _EDGE_BETA))
    return np.interp(place, node, 1 - (fall - fall[0]) / (fall[-1] - fall[0]))


def unresolved_error(
    power: NDArray, place: NDArray, times: NDArray, blur: float, rim: float, dim: int
) -> float:
    """Relative L2 error of samples as such.

    ``power`` is the energy of each wave, or of the ``times`` waves that are alike, ``place`` its
    wave number over the highest along some axis, ``blur`` the error of the window, ``rim`` the
    share of the sum of squares that the samples at the rim have.
    """
    total = float(power.sum())
    if total == 0:
        return 0.0
    last = float(np.sqrt(float(power[place > 0.75].sum()) / total))
    found = [
        float(np.hypot(_beyond(power, place), blur)),
        last if last < _NOTHING else 1.0,
        # Of a jump at a sample the interpolation knows no more than half a cell.
        float(np.sqrt(0.5 * rim)),
        _power_law(power, place, times, dim),
    ]
    return _DOUBT * max(found)


def _beyond(power: NDArray, place: NDArray) -> float:
    """Relative L2 norm of what lies beyond the band, and up to twice as much, where its images
    meet, that was folded into it.

    A power of k is continued from the energy at the end of the band. Images of a kink that lies
    between two samples cancel there, so that what the middle of the band lets expect counts too.
    """
    total = float(power.sum())

    def energy(low: float, high: float) -> float:
        return float(power[(place > low) & (place <= high)].sum())

    last, before = energy(0.9, 1.0), energy(0.8, 0.9)
    if last <= 0:
        return 0.0
    middle = np.array([0.375, 0.525, 0.675])
    inner = [energy(k - 0.075, k + 0.075) / 1.5 for k in middle]
    if min(inner) > 0:
        # A parabola in log-log, never convex.
        x, y = np.log(middle), np.log(inner)
        slopes = np.diff(y) / np.diff(x)
        bend = min(0.0, 2 * float(slopes[1] - slopes[0]) / float(x[2] - x[0]))
        ahead = float(np.log(0.95) - x[2])
        slope = min(0.0, float(slopes[1]) + 0.5 * bend * float(x[2] - x[1]))
        expected = float(np.exp(y[2] + ahead * (slope + 0.5 * bend * ahead)))
        final = slope + bend * ahead
        # Only images of slow decays are large enough to cancel.
        if expected > last and final > -_SLOW:
            last, before = expected, expected * (0.95 / 0.85) ** -final
    # Images with jumps have the power 2; with less there is no finite energy beyond.
    decay = max(2.0, float(np.log(max(before / last, 1.0)) / np.log(0.95 / 0.85)))
    beyond = last * 0.95**decay / (0.1 * (decay - 1))
    return float(np.sqrt(min(1.0, 3 * max(beyond, 0.05 * last) / total)))


@lru_cache(maxsize=1)
def _patterns() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Energies of the fitted bands, and the error that they leave, of power laws with images.

    :math:`\hat f(s) = s^{-q}`, s the wave number over the highest, is seen as
    :math:`F(s) = \sum_l |s + 2l|^{-q} e^{i\varphi l}`, the phase :math:`\varphi` telling the place
    between two samples: its interpolation leaves
    :math:`\int_0^1 |s^{-q} - w(s) F(s)|^2 ds + \int_1^\infty s^{-2q}\,ds`. Powers from that of a
    jump to the fifth.
    """
    powers, phases = np.arange(1.0, 5.01, 0.2), np.linspace(0, np.pi, 9)
    parts = 8
    s = (np.arange(_BANDS * parts) + 0.5) / (_BANDS * parts)
    image = np.arange(-_IMAGES, _IMAGES + 1)
    window = edge_window(s)
    energy = np.empty((len(powers), len(phases), _BANDS))
    error = np.empty((len(powers), len(phases)))
    for i, q in enumerate(powers):
        size = np.abs(s[:, None] + 2 * image) ** -q
        for j, phase in enumerate(phases):
            seen = size @ np.exp(1j * phase * image)
            energy[i, j] = (np.abs(seen) ** 2).reshape(_BANDS, parts).mean(axis=1)
            inside = float((np.abs(s**-q - window * seen) ** 2).mean())
            error[i, j] = _BANDS * (inside + 1 / (2 * q - 1))
    return energy[:, :, -_FITTED:], error


def _power_law(power: NDArray, place: NDArray, times: NDArray, dim: int) -> float:
    """The largest relative L2 error of a power law whose images fit the last half of the band."""
    band = np.minimum((place * _BANDS).astype(int), _BANDS - 1).ravel()
    times = np.broadcast_to(times, place.shape).ravel()
    count = np.bincount(band, times, minlength=_BANDS)[-_FITTED:]
    held = np.bincount(band, power.ravel(), minlength=_BANDS)[-_FITTED:]
    if (count == 0).any() or (held <= 0).any():
        return 0.0
    # Bands of few waves hold one more or one less by chance.
    edges = np.linspace(0, 1, _BANDS + 1)[-_FITTED - 1 :]
    ideal = times.sum() * np.diff(edges**dim)
    energy, error = _patterns()
    gap = np.log(held / count * ideal) - np.log(energy)
    level = gap.mean(axis=2)
    misfit = np.sqrt(((gap - level[:, :, None]) ** 2).mean(axis=2))
    if misfit.min() > _FITS:
        return 0.0
    nearly = misfit <= max(_NEARLY * float(misfit.min()), _AS_WELL)
    largest = float((np.exp(level) * error)[nearly].max())
    return float(np.sqrt(largest / float(power.sum())))
