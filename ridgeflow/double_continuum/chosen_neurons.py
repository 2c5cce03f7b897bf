"""Neurons for finite networks: drawn from spectra, then told apart by what they add to a fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._parallel import interruptible
from ridgeflow.networks.sampling import oracle_neurons
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["active_neurons", "drawn_neurons", "matching_pursuit"]

# Draws of the spectrum for each neuron, those kept for their deviation over the points, and points
# on which they are told apart.
_DRAWS, _KEPT = 16, 8
_SELECTION = 4000
# Wider layers are drawn alone: the pursuit costs the square of the width for each candidate.
_WIDEST = 512
# Candidates of which less than this share is left beside those chosen are dependent on them.
_DEPENDENT = 1e-6


def drawn_neurons(
    representation: IntegralRepresentation, count: int, sampling: str, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Draws of the spectrum's density, spread over the interval of scales of each node."""
    spectrum = representation.spectrum
    available = int(np.count_nonzero(spectrum.mass)) or spectrum.grid.size
    a, b = oracle_neurons(spectrum, min(count, available), sampling=sampling, rng=rng)
    scales = spectrum.grid.scales
    if len(scales) > 1 and not representation.activation.point_masses:
        # Steeper about the same place: the transition a.x = b stays where it is.
        ratio = float(scales[1] / scales[0])
        factor = ratio ** (rng.random(len(b)) - 0.5)
        a, b = a * factor[:, None], b * factor
    return a, b


def active_neurons(
    representation: IntegralRepresentation,
    width: int,
    points: NDArray,
    targets: NDArray,
    weights: NDArray,
    sampling: str,
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Neurons for a fit of the targets (n, q) at points (n, m) with sample weights (n,).

    The spectrum knows the region but not where in it the law lives: candidates are kept with the
    chance of their own deviation over the points, and of them those that a matching pursuit takes.
    """
    eta = representation.activation
    a, b = drawn_neurons(representation, _DRAWS * width, sampling, rng)
    if len(b) <= width:
        return a, b
    some = _sample(len(points), rng)
    root = np.sqrt(weights[some])[:, None]
    features = _deviations(points[some], root, a, b, eta)
    size = np.linalg.norm(features, axis=0)
    # The largest of logarithms plus Gumbel noise are a weighted draw without replacement.
    key = np.log(np.maximum(size, 1e-300)) + rng.gumbel(size=len(b))
    wanted = width if width > _WIDEST else min(_KEPT * width, len(b))
    kept = np.argsort(-key, kind="stable")[:wanted]
    if wanted > width:
        plain = _affine(points[some], root)
        rest = targets[some] * root
        rest = rest - plain @ (plain.T @ rest)
        kept = kept[matching_pursuit(features[:, kept], rest, width)]
    return a[kept], b[kept]


def _sample(n: int, rng: np.random.Generator) -> NDArray:
    return np.arange(n) if n <= _SELECTION else rng.choice(n, _SELECTION, replace=False)


def _affine(x: NDArray, root: NDArray) -> NDArray:
    return np.linalg.qr(np.column_stack([np.ones(len(x)), x]) * root)[0]


def _deviations(x: NDArray, root: NDArray, a: NDArray, b: NDArray, eta: Activation) -> NDArray:
    """Features without the part that is affine over the points."""
    features = ridge_matrix(x, a, b, eta) * root
    plain = _affine(x, root)
    features -= plain @ (plain.T @ features)
    return features


def matching_pursuit(features: NDArray, targets: NDArray, count: int) -> NDArray[np.int64]:
    r"""Columns of features (n, p) that orthogonal matching pursuit takes for targets (n, q).

    Each step takes the column that lowers the residual most,
    :math:`\max_j |r\cdot f_j^\perp|^2 / |f_j^\perp|^2`, :math:`f_j^\perp` what the columns taken
    before leave of it; where they leave nothing worth having, the largest that remain.

    **Cost.** O(n p²) for the Gram matrix and O(p count²).
    """
    size = np.linalg.norm(features, axis=0)
    unit = features / np.maximum(size, 1e-300)
    gram = interruptible(lambda: unit.T @ unit, cost=2.0 * unit.size * unit.shape[1])
    left = np.where(size > 0, 1.0, 0.0)
    score = unit.T @ targets
    rows = np.zeros((count, features.shape[1]))
    chosen = np.empty(count, np.int64)
    open_ = np.ones(features.shape[1], bool)
    for i in range(count):
        free = open_ & (left > _DEPENDENT)
        if not free.any():
            rest = np.flatnonzero(open_)
            chosen[i:] = rest[np.argsort(-size[rest], kind="stable")][: count - i]
            break
        gain = np.where(free, (score**2).sum(axis=1) / np.maximum(left, _DEPENDENT), -1.0)
        j = int(np.argmax(gain))
        chosen[i], open_[j] = j, False
        root = np.sqrt(left[j])
        row = (gram[j] - rows[:i, j] @ rows[:i]) / root
        rows[i] = row
        score = score - row[:, None] * (score[j] / root)
        left = left - row**2
    return chosen
