"""What a bottleneck autoencoder does on its components, beside the bounds that topology sets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import rms
from ridgeflow.constructions.bottleneck_maps import FlowMaps, ShallowMaps
from ridgeflow.constructions.charts import Chart, Samples
from ridgeflow.constructions.latent_room import ball_of

__all__ = ["AutoencoderReport", "ComponentReport", "make_report"]

# A bound holds where it is missed by no more than this part: suprema are taken over samples.
_SLACK = 1e-3
# Latent points at which the derivative of the decoder is taken.
_SLOPES = 500


@dataclass(frozen=True)
class ComponentReport:
    r"""One closed component M in an :class:`AutoencoderReport`.

    Attributes
    ----------
    name : str
    measure : float
        Length or area of M.
    removed : float
        Part of it that is removed.
    bad : float
        Part of it where the error exceeds ε.
    bad_bound : float
        For curves, the part that must: :math:`2(\rho-\varepsilon)/(1+\mathrm{Lip}(GF))` over the
        length, Lip along M; 0 for surfaces.
    sup_kept : float
        Largest error on what is kept.
    sup : float
        Largest error on M.
    bound : float
        The filling radius ρ, or the reach where that is larger: every continuous F and G have
        ``sup >= bound``.
    reach : float
        NaN where it is not known.
    rms : float
        Root mean square error on M.
    lipschitz : float
        Lip(GF) along M, the largest difference quotient of neighbouring samples.

    Examples
    --------
    >>> ComponentReport("curve", 6.28, 0.1, 0.1, 0.05, 1e-3, 1.6, 1.0, 1.0, 0.3, 9.0).holds
    True
    """

    name: str
    measure: float
    removed: float
    bad: float
    bad_bound: float
    sup_kept: float
    sup: float
    bound: float
    reach: float
    rms: float
    lipschitz: float

    @property
    def holds(self) -> bool:
        """Whether the measured errors obey the lower bounds, as they must."""
        return self.sup >= (1 - _SLACK) * self.bound and self.bad >= (1 - _SLACK) * self.bad_bound


@dataclass(frozen=True)
class AutoencoderReport:
    r"""Errors of a bottleneck autoencoder, with the bounds from above and from below.

    Attributes
    ----------
    eps : float
        ε.
    removed : float
        :math:`\mu(K_0)/\mu(K)`.
    bad : float
        Part of K where the error exceeds ε.
    sup_kept, sup : float
        Largest error on K \\ K_0, and on K.
    rms, rms_kept : float
        Root mean square errors on K, and on K \\ K_0.
    encoder_error : float
        :math:`e_F`, the largest distance of F from the charts on K \\ K_0.
    decoder_error : float
        :math:`e_G`, the largest distance of G, at exact coordinates, from the points.
    lipschitz_encoder : float
        Lip(F) along K.
    lipschitz_decoder : float
        Lip(G) on the latent ranges.
    budget : float
        :math:`e_G + \mathrm{Lip}(G)\,e_F`, a bound of ``sup_kept``.
    components : tuple of ComponentReport
    farthest : float
        Largest distance of a decoded point from the middle of K, over the radius of the ball about
        it that holds K.
    clipped : float
        Part of K whose latent points lie outside those of all that is kept; they are decoded at the
        edge, or between two pieces on the line from the one to the other.

    Examples
    --------
    >>> errors = (0.1, 0.1, 0.1, 1e-3, 1.6, 0.3, 5e-4, 9e-4, 1e-4, 9.0, 1.0, 1e-3)
    >>> AutoencoderReport(*errors, ()).holds
    True
    """

    eps: float
    removed: float
    bad: float
    sup_kept: float
    sup: float
    rms: float
    rms_kept: float
    encoder_error: float
    decoder_error: float
    lipschitz_encoder: float
    lipschitz_decoder: float
    budget: float
    components: tuple[ComponentReport, ...]
    farthest: float = 0.0
    clipped: float = 0.0

    @property
    def holds(self) -> bool:
        """Whether the budget and the lower bounds of all components hold."""
        within = self.sup_kept <= (1 + _SLACK) * self.budget
        return within and all(part.holds for part in self.components)

    def table(self) -> str:
        """The report as lines of text."""
        lines = [
            f"removed {self.removed:.4f} of the measure; error > {self.eps:g} on {self.bad:.4f}",
            f"error kept: sup {self.sup_kept:.2e}, rms {self.rms_kept:.2e}; "
            f"all: sup {self.sup:.3f}, rms {self.rms:.3f}",
            f"budget {self.budget:.2e} = {self.decoder_error:.1e} + {self.lipschitz_decoder:.2f} * "
            f"{self.encoder_error:.1e}; Lip(F) {self.lipschitz_encoder:.1f}",
            f"decoded within {self.farthest:.3f} radii of the middle; latent points outside on "
            f"{self.clipped:.4f}",
            "component    sup kept   sup     forced   reach    Lip(GF)   lost     at least",
        ]
        for part in self.components:
            lines.append(
                f"{part.name:11}  {part.sup_kept:.2e}   {part.sup:6.3f}  {part.bound:6.3f}   "
                f"{part.reach:6.3f}  {part.lipschitz:8.1f}  {part.bad:7.4f}  {part.bad_bound:7.4f}"
            )
        return "\n".join(lines)


def make_report(
    maps: ShallowMaps | FlowMaps, charts: Sequence[Chart], samples: Sequence[Samples], eps: float
) -> AutoencoderReport:
    """Errors at the samples of each component, and what bounds them."""
    parts, errors = [], []
    middle, radius = ball_of(np.concatenate([grid.points for grid in samples]))
    farthest, clipped = 0.0, []
    encoder_error = decoder_error = slope_f = slope_g = 0.0
    for i, (chart, grid) in enumerate(zip(charts, samples)):
        latent = maps.encode(grid.points)
        back = maps.decode(latent)
        error = np.linalg.norm(back - grid.points, axis=1)
        errors.append(error)
        farthest = max(farthest, float(np.linalg.norm(back - middle, axis=1).max()) / radius)
        clipped.append(maps.outside(latent))
        exact = maps.latent(i, chart, grid.z[grid.kept])
        encoder_error = max(
            encoder_error, float(np.linalg.norm(latent[grid.kept] - exact, axis=1).max())
        )
        again = maps.decode(exact)
        decoder_error = max(
            decoder_error, float(np.linalg.norm(again - grid.points[grid.kept], axis=1).max())
        )
        slope_f = max(slope_f, _quotient(latent, grid))
        thin = slice(None, None, max(1, len(exact) // _SLOPES))
        slope_g = max(slope_g, _slope(maps, latent[grid.kept][thin], exact[thin]))
        parts.append(_component(chart, grid, error, _quotient(back, grid), eps))
    weights = np.concatenate([grid.weights for grid in samples])
    kept = np.concatenate([grid.kept for grid in samples])
    error = np.concatenate(errors)
    return AutoencoderReport(
        eps,
        float(weights[~kept].sum() / weights.sum()),
        float(weights[error > eps].sum() / weights.sum()),
        float(error[kept].max()),
        float(error.max()),
        rms(error[:, None], weights),
        rms(error[kept, None], weights[kept]),
        encoder_error,
        decoder_error,
        slope_f,
        slope_g,
        decoder_error + slope_g * encoder_error,
        tuple(parts),
        farthest,
        float(weights[np.concatenate(clipped)].sum() / weights.sum()),
    )


def _component(
    chart: Chart, grid: Samples, error: NDArray, lipschitz: float, eps: float
) -> ComponentReport:
    total = float(grid.weights.sum())
    forced = 0.0
    if chart.dim == 1:
        forced = max(0.0, 2 * (chart.bound - eps) / (1 + lipschitz)) / total
    return ComponentReport(
        chart.name,
        total,
        float(grid.weights[~grid.kept].sum() / total),
        float(grid.weights[error > eps].sum() / total),
        forced,
        float(error[grid.kept].max()),
        float(error.max()),
        chart.bound,
        float("nan") if chart.reach is None else chart.reach,
        rms(error[:, None], grid.weights),
        lipschitz,
    )


def _quotient(values: NDArray, grid: Samples) -> float:
    """Largest difference quotient of values between neighbours of the grid."""
    table = values.reshape(*grid.shape, -1)
    points = grid.points.reshape(*grid.shape, -1)
    best = 0.0
    for axis in range(len(grid.shape)):
        far = np.linalg.norm(np.diff(points, axis=axis), axis=-1)
        change = np.linalg.norm(np.diff(table, axis=axis), axis=-1)
        # Nodes at the rim of what is kept come twice.
        apart = far > 1e-9 * far.max()
        best = max(best, float((change[apart] / far[apart]).max()))
    return best


def _slope(maps: ShallowMaps | FlowMaps, found: NDArray, exact: NDArray) -> float:
    """Largest norm of the derivative of G, at latent points and between them and exact ones."""
    best = 0.0
    step = 1e-5 * float(np.ptp(exact, axis=0).max())
    for at in (exact, 0.5 * (found + exact)):
        columns = []
        for i in range(exact.shape[1]):
            shift = np.zeros(exact.shape[1])
            shift[i] = step
            columns.append((maps.decode(at + shift) - maps.decode(at - shift)) / (2 * step))
        jacobian = np.stack(columns, axis=2)
        best = max(best, float(np.linalg.norm(jacobian, ord=2, axis=(1, 2)).max()))
    return best
