"""Neurons whose weights are to be fitted: drawn where they act, told apart by what they add."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow._parallel import interruptible
from ridgeflow.columns import rms
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.node_draws import Sampling, drawn_nodes, nested_ends
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = ["FIT_CUT", "chosen_neurons", "matching_pursuit"]

# Singular values below this part of the largest are left out of fits to a spectrum: their weights
# would mostly cancel each other (1e-9 gives weights 20 times smaller than 1e-11, errors the same).
FIT_CUT = 1e-9
# Powers of the density by which neurons are drawn: where weights are fitted the best density of
# kinks is the root of the measure.
_POWERS = (1.0, 0.5)
# Candidates of the pursuit for each neuron and at most, and the width beyond which there is none:
# it costs the square of the width for each candidate.
_CANDIDATES, _MOST, _WIDEST = 8, 3200, 1024
# Points on which neurons are told apart, and the share of them on which choices are compared.
_SELECTION, _HELD_OUT = 4000, 0.25
# Deviations of all nodes are taken on so few points that they stay cheap.
_EVALUATIONS, _FEWEST, _ENOUGH = 2e7, 64, 512
# Candidates of which less than this share is left beside those chosen are dependent on them.
_DEPENDENT = 1e-6
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
    rng: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    r"""Neurons (a, b) for a fit of targets (n, q) at points (n, m) with sample weights (n,).

    What is affine over the points is left to the skip unit. Neurons are drawn with density
    :math:`(|R|\,\sigma)^p`, p = 1 and 1/2, σ the standard deviation of what then is left of the
    neuron, with respect to the measure dlog|a| du dp of scales, directions and places; a matching
    pursuit takes its own among more such draws; and there are plain ridges through the points. Of
    these choices the one is taken whose fit errs least on points held out.
    """
    some = _selection(len(points), width, rng)
    x, y = points[some], targets[some]
    share = np.ones(len(x)) if weights is None else weights[some]
    root = np.sqrt(share)[:, None]
    density = _densities(spectrum, eta, x, root, rng)
    draws = _Draws(spectrum.grid, eta, sampling, rng)
    choices = [draws(mass, width) for mass in density]
    choices.append(_ridges(spectrum, density[0], width, x, rng))
    if width <= _WIDEST:
        each = min(_CANDIDATES * width, max(_MOST, 2 * width)) // len(density)
        found = [draws(mass, each) for mass in density]
        a, b = (np.concatenate(part) for part in zip(*found, strict=True))
        features, rest = _residuals(ridge_matrix(x, a, b, eta), y, x, root)
        taken = matching_pursuit(features, rest, width)
        choices.append((a[taken], b[taken]))
    held = rng.permutation(len(x)) < _HELD_OUT * len(x)
    if len(choices) == 1 or not held.any() or held.all():
        return choices[0]
    errors = [_held_out_error(a, b, eta, x, y, share, held) for a, b in choices]
    return choices[int(np.argmin(errors))]


def _selection(n: int, width: int, rng: np.random.Generator) -> NDArray:
    most = max(_SELECTION, 4 * width)
    return np.arange(n) if n <= most else rng.choice(n, most, replace=False)


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


def _residuals(
    features: NDArray, targets: NDArray, x: NDArray, root: NDArray
) -> tuple[NDArray, NDArray]:
    """Features and targets without the part that is affine over the points, weighted."""
    plain = np.linalg.qr(np.column_stack([np.ones(len(x)), x]) * root)[0]
    both = []
    for part in (features * root, targets * root):
        part -= plain @ (plain.T @ part)
        both.append(part)
    return both[0], both[1]


def _densities(
    spectrum: Spectrum, eta: Activation, x: NDArray, root: NDArray, rng: np.random.Generator
) -> list[NDArray]:
    """Masses (P,) of the nodes by the powers of what neurons do at the points."""
    grid = spectrum.grid
    count = int(np.clip(_EVALUATIONS // grid.size, _FEWEST, _ENOUGH))
    if count < len(x):
        few = rng.choice(len(x), count, replace=False)
        x, root = x[few], root[few]
    rule = np.asarray(grid.weights)
    mass = spectrum.mass if spectrum.mass.any() else rule
    acting = mass * _deviations(x, root, grid, eta)
    if not acting.any():
        acting = mass
    # Of da db in the coordinates log|a|, u, p = b/|a|.
    scale = np.linalg.norm(grid.a, axis=1)
    measure = np.zeros(grid.size)
    np.divide(rule, scale ** (grid.dim + 1), out=measure, where=scale > 0)
    strength = np.divide(acting, measure, out=np.zeros_like(acting), where=measure > 0)
    strength /= strength.max() or 1.0
    found = [strength**power * measure for power in _POWERS]
    return [one if one.any() else mass for one in found]


def _deviations(x: NDArray, root: NDArray, grid: ParameterGrid, eta: Activation) -> NDArray:
    """Standard deviations of what the affine functions leave of each neuron of a grid (P,)."""
    out = np.empty(grid.size)
    slab = max(1, int(2**24 // len(x)))
    nothing = np.zeros((len(x), 0))
    for first in range(0, grid.size, slab):
        part = slice(first, first + slab)
        features = ridge_matrix(x, grid.a[part], grid.b[part], eta)
        left, _ = _residuals(features, nothing, x, root)
        out[part] = np.sqrt((left**2).sum(axis=0) / (root**2).sum())
    return out


class _Draws:
    """Neurons drawn from masses of nodes, spread over the cell of each in scale and offset."""

    def __init__(
        self, grid: ParameterGrid, eta: Activation, sampling: Sampling, rng: np.random.Generator
    ) -> None:
        self._grid, self._sampling, self._rng = grid, sampling, rng
        self._ends = nested_ends(grid)
        scales = grid.scales if grid.kind == "polar" else np.ones(1)
        many = len(scales) > 1 and not eta.point_masses
        self._ratio = float(scales[1] / scales[0]) if many else 1.0
        self._step = float(grid.step) if grid.kind == "polar" else 0.0

    def __call__(self, mass: NDArray, count: int) -> tuple[NDArray, NDArray]:
        rng, grid = self._rng, self._grid
        cumulative = np.concatenate([[0.0], np.cumsum(mass)])
        node, _ = drawn_nodes(cumulative, self._ends, count, self._sampling, rng)
        a, b = grid.a[node], grid.b[node] + self._step * (rng.random(count) - 0.5)
        # Steeper about the same place: the transition a.x = b stays where it is.
        factor = self._ratio ** (rng.random(count) - 0.5)
        return a * factor[:, None], b * factor


def _ridges(
    spectrum: Spectrum, mass: NDArray, count: int, x: NDArray, rng: np.random.Generator
) -> tuple[NDArray, NDArray]:
    """Ridges of all directions and places through the points, as steep as neurons that act."""
    scale = np.linalg.norm(spectrum.grid.a, axis=1)
    order = np.argsort(scale, kind="stable")
    share = np.cumsum(mass[order])
    low, high = (scale[order[np.searchsorted(share, q * share[-1])]] for q in _SCALES)
    u = rng.normal(size=(count, x.shape[1]))
    u /= np.linalg.norm(u, axis=1)[:, None]
    along = x @ u.T
    place = along.min(axis=0) + np.ptp(along, axis=0) * rng.random(count)
    rho = np.exp(rng.uniform(np.log(low), np.log(high), count))
    return u * rho[:, None], place * rho


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
