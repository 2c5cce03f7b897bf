"""What a spectrum remembers of its field: energy by wave number, norm, ends, values to check."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_real_array, increasing, non_negative
from ridgeflow.geometry import ball_volume

__all__ = ["FieldRecord", "local_norm", "norm_of_energy"]


@dataclass(frozen=True, eq=False)
class FieldRecord:
    """What a spectrum remembers of the field that it was computed from.

    ``energy`` is :math:`k^{m-1}\\,dk \\int |\\hat f(ku)|^2 du` at ``wave_numbers``; ``norm`` the
    L2 norm of f, and ``radius`` that of the ball about the grid's center beyond which it is below
    1e-4 of its maximum. The rest is relative to the norm, whatever the activation: ``directions``
    and ``sampling`` the L2 errors that the set of directions and the samples cost, and ``blur``
    the part of the latter that is the window at the end of their band; ``single_frequency`` that of
    directions and scales together for cos and sin, which see one frequency of the ridgelet;
    ``check`` the field itself at some points of the ball (weights of a quadrature rule that gives
    relative squares, points, values: :func:`field_check`); ``leaks``, for each scale and as mean
    over directions, what is missing beyond the last offsets of :math:`\\int\\gamma\\,db` and its
    first moment, both zero for a whole spectrum, and ``edges`` the largest of the last three
    values, as RMS over directions.
    """

    kind: str
    tol: float
    wave_numbers: NDArray = field(repr=False)
    energy: NDArray = field(repr=False)
    norm: float
    directions: float
    single_frequency: float
    sampling: float
    blur: float
    check: NDArray = field(repr=False)
    radius: float = 0.0
    leaks: tuple[float, ...] = field(default=(), repr=False)
    edges: tuple[float, ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        # Records also come from files.
        k = increasing(self.wave_numbers, "wave_numbers")
        energy = as_real_array(self.energy, "energy", ndim=1).astype(np.float64)
        if len(energy) != len(k) or k[0] < 0 or energy.min() < 0:
            raise ValueError(
                "a record must hold one energy >= 0 for each wave number >= 0, got shapes "
                f"{k.shape} and {energy.shape} from {k[0]:g} and {energy.min():g} up"
            )
        for name in ("tol", "norm", "directions", "single_frequency", "sampling", "radius"):
            object.__setattr__(self, name, non_negative(getattr(self, name), name))
        for name in ("leaks", "edges"):
            each = tuple(non_negative(value, name) for value in getattr(self, name))
            object.__setattr__(self, name, each)
        object.__setattr__(self, "wave_numbers", k)
        object.__setattr__(self, "energy", energy)


def _shells(record: FieldRecord, dim: int) -> NDArray[np.float64]:
    """k^{m-1} dk of each wave number, as in the energy."""
    k = record.wave_numbers
    edges = np.concatenate([[0.0], 0.5 * (k[1:] + k[:-1]), k[-1:]])
    return k ** (dim - 1) * np.diff(edges)


def norm_of_energy(energy: NDArray, dim: int) -> float:
    """L2 norm of a field by Parseval in polar coordinates, both signs of u."""
    return float(np.sqrt(2 * energy.sum() / (2 * np.pi) ** dim))


def local_norm(record: FieldRecord, factor: NDArray, dim: int, radius: float, area: float) -> float:
    r"""Bound of the L2 norm over a ball of f filtered by a factor of k, over that of f.

    ``area`` is that of the half sphere of directions.

    Waves longer than the ball carry most of their energy outside of it. Wave numbers up to some
    :math:`\kappa` count by the largest value that they can have together,
    :math:`(2\pi)^{-m}\int_{|\xi|\le\kappa} |\mathrm{factor}\,\hat f|\,d\xi`, those above by
    their energy; the best :math:`\kappa` is taken.
    """
    energy = record.energy
    total = float(energy.sum())
    if total == 0:
        return 0.0
    factor = np.asarray(factor, np.float64)
    size = np.abs(factor)
    value = 2 * size * np.sqrt(area * energy * _shells(record, dim)) / (2 * np.pi) ** dim
    # Over waves much longer than the ball f^ has one phase, and the factor's sign counts.
    one_phase = record.wave_numbers <= 0.3 / radius
    signed = np.abs(np.cumsum(np.where(one_phase, np.sign(factor) * value, 0.0)))
    value = signed + np.cumsum(np.where(one_phase, 0.0, value))
    volume = ball_volume(dim, radius)
    norm = norm_of_energy(energy, dim)
    low = np.concatenate([[0.0], value]) * np.sqrt(volume) / norm
    share = size**2 * energy / total
    high = np.sqrt(np.concatenate([np.cumsum(share[::-1])[::-1], [0.0]]))
    return float((low + high).min())
