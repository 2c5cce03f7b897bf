"""The corrected dual: reconstruction divided by the grid's own transfer function instead of K."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from ridgeflow._validate import as_real_array, finite_number, instance_of, items_of, one_of
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as as_activation
from ridgeflow.profiles.admissibility import admissibility, radial_kernel
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.ridgelet.grids.choice import OUTSIDE
from ridgeflow.ridgelet.grids.field_record import FieldRecord, local_norm
from ridgeflow.ridgelet.grids.node_values import NodeValues
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.grids.transfer import discrete_transfer

__all__ = ["DEFAULT_LIMIT", "CorrectedDual", "as_dual", "dual_of_scales"]

# The fade 1 - exp(-(c t)^2) of a wave number with T = t K is 1 to 1.4e-11 from c t = 5 on.
_FADE = 5.0
_LEAST = 1.5
# The amplification that is granted by default.
DEFAULT_LIMIT = 10.0
_CHUNK = 1 << 16
# Factors are smooth functions of log k; reconstructions from one scale per octave changed by less
# than 1e-9 when this grew to 600.
_REACH = 150.0


@dataclass(frozen=True, eq=False)
class CorrectedDual:
    r"""What multiplies each wave number so that a coarse set of scales becomes exact.

    Reconstruction on a grid filters :math:`\hat f(\xi)` by :math:`T(|\xi|)/K`, T the discrete
    transfer function of its scales. This dual multiplies it by

    .. math:: F(k) = \frac{K}{T(k)}\Bigl(1 - e^{-(5 A T(k)/K)^2}\Bigr),

    which is K/T, to 1.4e-11, where that is at most A, and nowhere exceeds 3.2 A. A is the largest
    K/T on the band, or 3/2 where that is less: beyond the band there are errors to amplify, and
    nothing else.

    Attributes
    ----------
    band : (float, float)
        Wave numbers on which the reconstruction is exact.
    largest : float
        The largest amplification K/T on the band: errors of the spectrum's values grow by this.
    lost : float
        What wave numbers that would need more than A leave out, in L2 over the grid's ball relative
        to the field; 0 where nothing is known of the field.
    wave_numbers, amplification : ndarray, shape (n,)
        K/T over the range of the scales, and of the field where it is known.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    >>> eta, psi = rf.activation("relu"), rf.admissible_ridgelet("relu", 2)
    >>> grid = rf.ParameterGrid.polar(2, 24, np.geomspace(0.001, 16, 15), 3.0, 0.4)
    >>> dual = rf.corrected_dual(rf.ridgelet_transform(law, psi, grid), eta)
    >>> bool(1 < dual.largest < 5)
    True
    """

    activation: Activation
    ridgelet: Ridgelet
    band: tuple[float, float]
    largest: float
    lost: float
    wave_numbers: NDArray[np.float64] = field(repr=False)
    amplification: NDArray[np.float64] = field(repr=False)
    _grid: ParameterGrid = field(repr=False)

    @property
    def reach(self) -> float:
        """How far, in offsets b, the factors carry what the plain dual keeps local."""
        return _REACH

    def __call__(self, k: NDArray) -> NDArray[np.float64]:
        """The factors F(k), dimensionless.

        Parameters
        ----------
        k : ndarray, shape (n,)
            Wave numbers, in 1/length.

        Returns
        -------
        ndarray, shape (n,)

        Notes
        -----
        **Cost.** One value of the radial kernel for each wave number and scale.
        """
        waves = as_real_array(k, "k", ndim=1).astype(np.float64)
        share = _share(self._grid, self.activation, self.ridgelet, waves)
        return _factor(share, max(self.largest, _LEAST))

    def fits(self, spectrum: NodeValues, activation: Activation) -> bool:
        """Whether it was made for these scales, this ridgelet and this activation."""
        instance_of(spectrum, "spectrum", NodeValues)
        return (
            as_activation(activation) == self.activation
            and spectrum.ridgelet == self.ridgelet
            and spectrum.grid.kind == "polar"
            and np.array_equal(spectrum.grid.scales, self._grid.scales)
            and np.array_equal(spectrum.grid.scale_weights, self._grid.scale_weights)
        )


def _band_of(record: FieldRecord, grid: ParameterGrid) -> tuple[float, float]:
    """Wave numbers outside of which, at either end, lies next to nothing of the field."""
    k, energy = record.wave_numbers, record.energy
    above = np.cumsum(energy[::-1])[::-1] / energy.sum()
    high = int(np.flatnonzero(above > OUTSIDE**2)[-1])
    low, over = 0, high
    while over - low > 1:
        middle = (low + over) // 2
        small = local_norm(record, (np.arange(len(k)) < middle) * 1.0, *grid.ball) <= OUTSIDE
        low, over = (middle, over) if small else (low, middle)
    return float(k[low]), float(k[high])


def _share(
    grid: ParameterGrid, activation: Activation, ridgelet: Ridgelet, k: NDArray
) -> NDArray[np.float64]:
    """T(k)/K, which is not negative: the radial kernel has one sign."""
    constant = admissibility(activation, ridgelet)
    rows = max(1, _CHUNK // len(grid.scales))
    parts = [
        discrete_transfer(grid.scales, grid.log_steps, activation, ridgelet, k[i : i + rows])
        for i in range(0, len(k), rows)
    ]
    return np.concatenate([np.zeros(0), *parts]) / constant


def _factor(share: NDArray, largest: float) -> NDArray[np.float64]:
    scaled = _FADE * largest * share
    safe = np.where(scaled > 0, share, 1.0)
    return np.where(scaled > 0, -np.expm1(-(scaled**2)) / safe, 0.0)


def dual_of_scales(
    spectrum: NodeValues,
    activation: Activation,
    *,
    limit: float = DEFAULT_LIMIT,
    band: tuple[float, float] | None = None,
) -> CorrectedDual:
    """See :func:`corrected_dual`."""
    grid, ridgelet = spectrum.grid, spectrum.ridgelet
    if grid.kind != "polar":
        raise ValueError(
            f"`spectrum` must have a polar grid for the corrected dual, got {grid.kind} nodes "
            "(ParameterGrid.polar or ParameterGrid.for_field)"
        )
    admissibility(activation, ridgelet)
    if activation.point_masses:
        raise ValueError(
            "`activation` must have a transform that is a function for the corrected dual, got "
            f"{activation.name!r}: it sees one frequency, so that each scale is one wave number "
            "(use dual='plain')"
        )
    limit = finite_number(limit, "limit")
    if limit < 1:
        raise ValueError(f"`limit` must be at least 1, got {limit:g}")
    peak = _peak(activation, ridgelet)
    k = peak * np.geomspace(grid.scales[0] / 8, grid.scales[-1] * 8, 600)
    share = _share(grid, activation, ridgelet, k)
    record = spectrum.record
    if record is not None and not record.energy.any():
        record = None
    if band is not None:
        edges = [finite_number(edge, f"band[{i}]") for i, edge in enumerate(items_of(band, "band"))]
        if len(edges) != 2:
            raise ValueError(f"`band` must hold two wave numbers, got {len(edges)}")
        low, high = edges
        if not 0 < low < high:
            raise ValueError(f"`band` must be positive and increasing, got ({low:g}, {high:g})")
    elif record is not None:
        low, high = _band_of(record, grid)
    else:
        # The wave number that needs least is always there, if not within the limit.
        inside = np.append(k[share * limit >= 1], k[int(np.argmax(share))])
        low, high = float(inside.min()), float(inside.max())
    tried = np.geomspace(low, max(high, low * (1 + 1e-12)), 400)
    on_band = _share(grid, activation, ridgelet, tried)
    _require_cover(tried, on_band, limit, peak)
    largest = float(1 / on_band.min())
    lost = 0.0
    if record is not None:
        missing = _share(grid, activation, ridgelet, record.wave_numbers)
        faded = np.exp(-((_FADE * max(largest, _LEAST) * missing) ** 2))
        lost = local_norm(record, faded, *grid.ball)
    k = np.unique(np.concatenate([k, tried]))
    with np.errstate(divide="ignore"):
        amplification = 1 / _share(grid, activation, ridgelet, k)
    return CorrectedDual(
        activation,
        ridgelet,
        (low, high),
        largest,
        lost,
        k,
        amplification,
        grid,
    )


def _peak(activation: Activation, ridgelet: Ridgelet) -> float:
    """Frequency at which a scale contributes most to T: its wave number over the scale."""
    omega = np.geomspace(1e-2, ridgelet.bandlimit(1e-12), 2000)
    return float(omega[np.argmax(np.abs(omega * radial_kernel(activation, ridgelet, omega)))])


def _require_cover(k: NDArray, share: NDArray, limit: float, peak: float) -> None:
    short = share * limit < 1
    if not short.any():
        return
    # The first run of wave numbers that are not covered.
    first = int(np.argmax(short))
    last = first + int(np.argmin(np.append(short[first:], False))) - 1
    needed = 1 / max(float(share[short].min()), 1e-300)
    raise ValueError(
        f"`spectrum` must have scales that cover the wave numbers from {k[first]:.3g} to "
        f"{k[last]:.3g} of the `band`: an amplification of {needed:.3g} would be needed, `limit` "
        f"is {limit:g} (add scales from {k[first] / peak:.3g} to {k[last] / peak:.3g}, or raise "
        "the limit)"
    )


def as_dual(
    dual: str | CorrectedDual, spectrum: NodeValues, activation: Activation
) -> CorrectedDual | None:
    """None for "plain", this spectrum's corrected dual for "corrected"; a given one is checked."""
    if isinstance(dual, CorrectedDual):
        if not dual.fits(spectrum, activation):
            raise ValueError(
                "`dual` must be made for the spectrum's scales and ridgelet and for this "
                f"activation, got one for {dual.activation.name!r} and {dual.ridgelet} (make it "
                "with corrected_dual(spectrum, activation))"
            )
        return dual
    one_of(dual, "dual", ("plain", "corrected"))
    return None if dual == "plain" else dual_of_scales(spectrum, activation)
