"""A thin wide component beside a law, which smooths its score where nobody is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import rms
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.transport.flow import ContinuousDAE

__all__ = ["Defended", "defended"]

# Covariance of the component, in that of the law, and its largest weight.
_WIDER, _HEAVIEST = 4.0, 1e-5
# Radius of the region over the least width of a ridge, the least variance over the distance of
# components: from here on the law is defended, in space earlier. Below it (a roll, 108) the normal
# adds more bends than it takes away; of seven tables of three columns (143 to 423) it takes the
# energy at the end of the samples' band to a half or less.
_SHARP = {1: 150.0, 2: 150.0}
_SHARP_IN_SPACE = 125.0
# Share of the tolerance by which the velocity may change over draws of the law.
_SHARE = 0.01
_DRAWS, _SEED = 2000, 41


@dataclass(frozen=True)
class Defended:
    r"""The velocity of :math:`(1-w)\mu + w N(\bar m, 4C)`, \bar m and C mean and covariance of μ.

    The score of a mixture turns on ridges between far components, within their variance over their
    distance, however little mass is there. Where the law is thinner than w times the normal, the
    score is that of the normal; where anybody is, the change is counted by whoever compares with
    the law itself.

    **Source.** Defensive mixtures: T. Hesterberg, *Technometrics* 37 (1995).
    """

    flow: ContinuousDAE
    weight: float
    normal: ContinuousDAE

    def velocity(self, x: NDArray, t: float) -> NDArray[np.float64]:
        """Velocities (n, m)."""
        own, score = self.flow.law(t)._log_and_score(x, 1, "auto", 1e-10)
        wide, straight = self.normal.law(t)._log_and_score(x, 1, "auto", 1e-10)
        share = _share(wide - own, self.weight)[:, None]
        return (1 - share) * score + share * straight


def _share(log_ratio: NDArray, weight: float) -> NDArray:
    """Responsibility of the wide component."""
    odds = log_ratio + np.log(weight) - np.log1p(-weight)
    return 0.5 * (1 + np.tanh(0.5 * odds))


def defended(flow: ContinuousDAE, region: Region, tol: float) -> Defended | None:
    """The law of a flow with as much of a wide component as leaves its velocity as it is; none
    where a grid over the region resolves the ridges between its components without."""
    law = flow.law(0.0)
    apart = 2 * float(np.linalg.norm(law.means - law.mean, axis=1).max())
    sharp = _SHARP.get(region.dim, _SHARP_IN_SPACE)
    if region.radius * apart < sharp * 2 * flow.t_max:
        return None
    wide = GaussianMixture([1.0], law.mean[None], _WIDER * law.cov[None])
    x = law.sample(_DRAWS, rng=_SEED)
    own, score = law._log_and_score(x, 1, "auto", 1e-10)
    ratio, straight = wide.logpdf(x) - own, wide.score(x)
    weight, most = _HEAVIEST, _SHARE * tol * rms(score)
    while rms(_share(ratio, weight)[:, None] * (straight - score)) > most:
        weight *= 0.1
    return Defended(flow, weight, ContinuousDAE(wide))
