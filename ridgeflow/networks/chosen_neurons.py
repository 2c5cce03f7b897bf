"""Neurons whose weights are to be fitted: drawn where they act, told apart by what they add."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import rms
from ridgeflow.networks.affine_control import AffineControl
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.node_draws import Sampling
from ridgeflow.networks.normal_equations import NormalEquations
from ridgeflow.networks.spread_neurons import spread_neurons
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["FIT_CUT", "chosen_neurons", "matching_pursuit", "most_candidates", "pursued"]

# Singular values below this part of the largest are left out of fits to a spectrum: their weights
# would mostly cancel each other (1e-9 gives weights 20 times smaller than 1e-11, errors the same).
FIT_CUT = 1e-9
# Powers of the density by which neurons are drawn: where weights are fitted the best density of
# kinks is the root of the measure.
_POWERS = (1.0, 0.5)
# Candidates of the pursuit for each neuron and at most, and the width beyond which there is none:
# it costs the square of the width for each candidate.
_CANDIDATES, _MOST, _WIDEST = 8, 1200, 1024
# Points on which neurons are told apart, and the share of them on which choices are compared.
_SELECTION, _HELD_OUT = 6000, 0.25
# Nodes drawn by the spectrum alone for each neuron that is drawn by what it does, at least so many
# in all, and points that tell what they do.
_POOL, _LEAST_POOL, _PROBES = 4, 4000, 192
# Candidates of which less than this share is left beside those chosen are dependent on them.
_DEPENDENT = 1e-6
# Share of a neuron's square over the points below which what is not affine is rounding.
_ROUNDING = 1e-12
# Bytes of the projections that are held at a time.
_SLAB = 2**24
# Quantiles of the scales, by what neurons do, from which plain ridges are taken.
_SCALES = (0.1, 0.9)


def chosen_neurons(
    spectrum: Spectrum,
    eta: Activation,
    width: int,
    points: NDArray,
    targets: NDArray,
    weights: NDArray | None = None,
    *,
    sampling: Sampling = "sobol",
    compare: bool = True,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    r"""Neurons (a, b) for a fit of targets (n, q) at points (n, m) with sample weights (n,).

    What is affine over the points is left to the skip unit. Neurons are drawn with density
    :math:`(|R|\,\sigma)^p`, p = 1 and 1/2, σ the standard deviation of what then is left of the
    neuron, with respect to the measure dlog|a| du dp of scales, directions and places; a matching
    pursuit takes its own among more such draws; and there are plain ridges through the points, from
    which the pursuit takes too. Of these choices the one is taken whose fit errs least on points
    held out. Without ``compare`` there are no plain ridges, and it is the pursuit, or by the root
    of the density where there is none.
    """
    share = np.ones(len(points)) if weights is None else weights
    # On a line the neurons' transitions are cells, each of which needs points of its own.
    most = max(_SELECTION, (16 if points.shape[1] == 1 else 4) * width)
    some = _selection(np.flatnonzero(share > 0), most, rng)
    x, y, share = points[some], targets[some], share[some]
    each = width if width > _WIDEST else _candidates_each(width)
    probes = AffineControl(x, share, count=_PROBES)
    drawn = [_acting(spectrum, eta, power, each, probes, sampling, rng) for power in _POWERS]
    if compare:
        drawn.insert(0, _ridges(drawn[0][0], each, x, rng))
    choices = [(a[:width], b[:width]) for a, b in drawn]
    if width <= _WIDEST:
        a, b = (np.concatenate(part) for part in zip(*drawn, strict=True))
        choices.append(pursued(a, b, width, eta, x, y, share))
    held = rng.permutation(len(x)) < _HELD_OUT * len(x)
    if not compare or not held.any() or held.all():
        return choices[-1]
    errors = [_held_out_error(a, b, eta, x, y, share, held) for a, b in choices]
    return choices[int(np.argmin(errors))]


def _candidates_each(width: int) -> int:
    return max(width, min(_CANDIDATES * width, max(_MOST, 2 * width)) // len(_POWERS))


def most_candidates(width: int) -> int:
    """Neurons among which a pursuit chooses, or that are fitted where there is none."""
    return (1 + len(_POWERS)) * _candidates_each(width) if width <= _WIDEST else width


def _selection(index: NDArray, most: int, rng: np.random.Generator) -> NDArray:
    return index if len(index) <= most else rng.choice(index, most, replace=False)


def _held_out_error(
    a: NDArray,
    b: NDArray,
    eta: Activation,
    x: NDArray,
    y: NDArray,
    share: NDArray,
    held: NDArray,
) -> float:
    fit = solve_outer_weights(
        *(a, b, eta, x[~held], y[~held]), affine=True, weights=share[~held], rcond=FIT_CUT
    )
    found = ridge_matrix(x[held], a, b, eta) @ fit.outer + x[held] @ fit.linear + fit.bias
    return rms((found - y[held]) * np.sqrt(share[held])[:, None])


def _acting(
    spectrum: Spectrum,
    eta: Activation,
    power: float,
    count: int,
    probes: AffineControl,
    sampling: Sampling,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Neurons drawn with density (|R| σ)^power: a pool by |R|^power, of which those are kept that
    have the largest σ^power times a random number, which are draws without replacement."""
    pool = max(_LEAST_POOL, _POOL * count)
    a, b = spread_neurons(spectrum, eta, power < 1, pool, sampling, rng)
    size = probes.deviations(a, b, eta)
    # The largest of logarithms plus Gumbel noise are a weighted draw without replacement.
    key = power * np.log(np.maximum(size, 1e-300)) + rng.gumbel(size=len(b))
    kept = np.argsort(-key, kind="stable")[:count]
    return a[kept], b[kept]


def _ridges(
    like: NDArray, count: int, x: NDArray, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Ridges of all directions and places through the points, as steep as given neurons."""
    low, high = np.quantile(np.linalg.norm(like, axis=1), _SCALES)
    u = rng.normal(size=(count, x.shape[1]))
    u /= np.linalg.norm(u, axis=1)[:, None]
    place = np.empty(count)
    rows = max(1, _SLAB // (8 * len(x)))
    for part in (slice(first, first + rows) for first in range(0, count, rows)):
        along = x @ u[part].T
        place[part] = along.min(axis=0) + np.ptp(along, axis=0) * rng.random(along.shape[1])
    rho = low * (high / low) ** rng.random(count)
    return u * rho[:, None], place * rho


def pursued(
    a: NDArray,
    b: NDArray,
    count: int,
    eta: Activation,
    x: NDArray,
    values: NDArray,
    weights: NDArray,
) -> tuple[NDArray, NDArray]:
    """The neurons that a matching pursuit takes for values, by what of them is not affine over the
    points."""
    found = NormalEquations.of(a, b, eta, x, values, weights)
    taken = matching_pursuit(found.gram, found.target, count, _ROUNDING * found.size)
    return a[taken], b[taken]


def matching_pursuit(
    gram: NDArray, target: NDArray, count: int, rounding: NDArray | float = 0.0
) -> NDArray[np.int64]:
    r"""Features that orthogonal matching pursuit takes, by their inner products with each other
    (p, p) and with targets (p, q).

    Each step takes the feature that lowers the residual most,
    :math:`\max_j |r\cdot f_j^\perp|^2 / |f_j^\perp|^2`, :math:`f_j^\perp` what the features taken
    before leave of it; where they leave nothing worth having, the largest that remain. Features
    whose square is at most ``rounding`` come last.

    **Cost.** O(p count²).
    """
    square = np.diagonal(gram)
    unit = np.zeros(len(square))
    np.divide(1.0, np.sqrt(np.maximum(square, 0)), out=unit, where=square > rounding)
    left = np.where(unit > 0, 1.0, 0.0)
    score = unit[:, None] * target
    rows = np.zeros((count, len(square)))
    chosen = np.empty(count, np.int64)
    open_ = np.ones(len(square), bool)
    for i in range(count):
        free = open_ & (left > _DEPENDENT)
        if not free.any():
            rest = np.flatnonzero(open_)
            chosen[i:] = rest[np.argsort(-square[rest], kind="stable")][: count - i]
            break
        gain = np.where(free, (score**2).sum(axis=1) / np.maximum(left, _DEPENDENT), -1.0)
        j = int(np.argmax(gain))
        chosen[i], open_[j] = j, False
        root = np.sqrt(left[j])
        row = (unit[j] * unit * gram[j] - rows[:i, j] @ rows[:i]) / root
        rows[i] = row
        score = score - row[:, None] * (score[j] / root)
        left = left - row**2
    return chosen
