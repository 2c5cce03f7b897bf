"""What the samples of a field do not resolve of its ridgelet transform at single nodes."""

from __future__ import annotations

import math
import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import fft as sp_fft

from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.grid import GridField
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid

__all__ = ["node_error", "warn_of_unresolved_nodes"]

# Shells of wave numbers up to the highest; those from which the decay beyond it is read.
_SHELLS, _FIRST = 40, 16
# Powers of k with which the energy of a wave may fall: that of a jump at least.
_LEAST, _MOST = 2.0, 60.0
# Zeros beside the samples: a rim at which they do not vanish is a jump.
_FRINGE = 20
# Errors of this share of the largest value are worth a word: boxes of nodes, as of the published
# experiments, are coarser than polar grids, and so are their samples.
_NOTICEABLE = 1e-2


def node_error(
    field: GridField, ridgelet: Ridgelet, a: NDArray, values: NDArray
) -> tuple[float, float]:
    r"""Error of values at nodes (a_j, b_j), relative to the largest, and the scale \|a\| of it.

    The sum over samples sees :math:`\hat f` repeated beyond the highest wave number of the samples.
    Of the square of a value, the mean over b, a share

    .. math:: \int |\hat\psi(\omega)|^2 E(\omega|a|)\,d\omega \Big/
              \int |\hat\psi(\omega)|^2 |\hat f(\omega|a|)|^2\,d\omega

    is wrong, where E is, below that wave number, the energy that is folded back there, and beyond
    it what is repeated and what is missing; the energy of the field is continued as a power.
    """
    size = np.abs(values.reshape(len(values), -1)).max(axis=1)
    largest = float(size.max())
    if largest == 0 or not np.any(field.values):
        return 0.0, 0.0
    steps = np.where(np.array(field.shape) > 1, field.spacing, 0.0)
    # Along each direction the wave number of one unit of omega, over the highest of the samples.
    place = (np.abs(a) * steps).max(axis=1) / np.pi
    low, high = float(place[place > 0].min(initial=1.0)), float(place.max())
    if high == 0:
        return 0.0, 0.0
    energy, power = _energy_by_wave(field)
    omega = np.linspace(0, ridgelet.bandlimit(1e-8), 801)[1:]
    weight = np.abs(ridgelet.fourier(omega)) ** 2
    tried = np.geomspace(low, high, 1 + int(np.ceil(8 * np.log2(max(high / low, 1.0 + 1e-9)))))
    wrong = np.empty(len(tried))
    for i, scale in enumerate(tried):
        wave = scale * omega
        repeated = 1 - np.abs(np.mod(wave, 2.0) - 1)
        seen = np.interp(repeated, *energy)
        beyond = np.interp(1.0, *energy) * np.maximum(wave, 1.0) ** -power
        folded = np.interp(1.0, *energy) * (2 - np.minimum(wave, 1.0)) ** -power
        error = np.where(wave > 1, seen + beyond, folded)
        total = float(weight @ seen)
        wrong[i] = np.sqrt(float(weight @ error) / total) if total > 0 else 0.0
    near = np.clip(place, low, None)
    errors = size * np.interp(np.log(near), np.log(tried), wrong) * (place > 0) / largest
    worst = int(np.argmax(errors))
    return float(errors[worst]), math.hypot(*a[worst])


def _energy_by_wave(field: GridField) -> tuple[tuple[NDArray, NDArray], float]:
    """Mean |f^|^2 by wave number, as a share of the highest, of the field over its largest value;
    the power with which it falls."""
    axes = tuple(range(field.dim))
    shape = [n + 2 * _FRINGE if n > 1 else 1 for n in field.shape]
    values = field.values.astype(complex if np.iscomplexobj(field.values) else float)
    values /= np.abs(values).max()
    spectrum = np.abs(sp_fft.fftn(values, shape, axes)).reshape(*shape, -1) ** 2
    power = spectrum.sum(axis=-1)
    place = np.zeros(1)
    for axis, n in enumerate(shape):
        share = np.abs(2 * np.fft.fftfreq(n)).reshape([-1 if i == axis else 1 for i in axes])
        place = np.maximum(place, share)
    shell = np.minimum((place * _SHELLS).astype(int), _SHELLS - 1).ravel()
    count = np.maximum(np.bincount(shell, minlength=_SHELLS), 1)
    mean = np.bincount(shell, power.ravel(), minlength=_SHELLS) / count
    middle = (np.arange(_SHELLS) + 0.5) / _SHELLS
    tail = np.maximum(mean[_FIRST:], 1e-300)
    slope = np.polyfit(np.log(middle[_FIRST:]), np.log(tail), 1)[0]
    return (middle, mean), float(np.clip(-slope, _LEAST, _MOST))


def warn_of_unresolved_nodes(
    field: GridField, ridgelet: Ridgelet, grid: ParameterGrid, values: NDArray, tol: float
) -> None:
    """Warn where samples are too coarse for the scales of nodes that are not polar."""
    error, scale = node_error(field, ridgelet, grid.a, values)
    if error <= max(tol, _NOTICEABLE):
        return
    peak = float(np.sqrt(max(ridgelet.exponent, 1.0)))
    step = float(field.spacing[np.array(field.shape) > 1].max())
    warnings.warn(
        f"the samples of the field leave an error of about {error:.1e} of the largest value, at "
        f"|a| = {scale:.3g}: the ridgelet meets wave numbers of about {scale * peak:.3g} there, "
        f"the samples resolve {np.pi / step:.3g} (sample more finely, smooth the field, or take "
        "smaller scales)",
        AccuracyWarning,
        stacklevel=5,
    )
