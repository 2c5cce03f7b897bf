"""Importance weights of neurons drawn from a ridgelet spectrum, and its symmetries."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ridgeflow.columns import lengths, rms
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.affine_control import AffineControl
from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.node_draws import NodeDensity, Sampling
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.ridge_sums import ridge_matrix

__all__ = [
    "ImportanceDraw",
    "assembled",
    "best_mass",
    "importance_draw",
    "is_mirrored",
    "polynomial_degree",
    "quadrature_neurons",
    "warn_of_draws",
]

# Nodes whose residuals vanish at the points, but not everywhere, keep a small chance: this part of
# the mean deviation is added to every one.
_FLOOR = 0.02
# Draws and points that tell the variance of draws without control.
_PILOT, _PILOT_POINTS, _PILOT_SEED = 1024, 64, 41


def polynomial_degree(eta: Activation) -> int:
    """Degree of the polynomial part of an activation, −1 where it has none."""
    return max((k for k, p in enumerate(eta.polynomial) if p), default=-1)


def is_mirrored(spectrum: Spectrum, eta: Activation) -> bool:
    """Whether each neuron is drawn with its mirror image, to cancel a quadratic part."""
    return spectrum.grid.half and polynomial_degree(eta) > 1


def _polynomial_part(
    spectrum: Spectrum, eta: Activation, a: NDArray, b: NDArray
) -> tuple[NDArray, NDArray]:
    """Slopes (P, m) and constants (P,) of the affine polynomials that half a grid takes off."""
    p0, p1 = 0.0, 0.0
    if spectrum.grid.half and polynomial_degree(eta) in (0, 1):
        p0, p1 = (*eta.polynomial, 0.0)[:2]
    return p1 * a, p0 - p1 * b


def quadrature_neurons(
    spectrum: Spectrum, eta: Activation, values: NDArray, rule: NDArray
) -> Neurons:
    """The quadrature sum: all nodes (both mirror images where a quadratic part must cancel)."""
    grid = spectrum.grid
    a, b = grid.a, grid.b
    c = values * (rule / admissibility(eta, spectrum.ridgelet))[:, None]
    slopes, constants = _polynomial_part(spectrum, eta, a, b)
    linear, bias = -slopes.T @ c, -constants @ c
    if is_mirrored(spectrum, eta):
        sign = 1.0 if eta.parity == "even" else -1.0
        a, b, c = np.vstack([a, -a]), np.hstack([b, -b]), np.vstack([c / 2, sign * c / 2])
    return assembled(spectrum, eta, a, b, c, linear, bias)


def assembled(
    spectrum: Spectrum,
    eta: Activation,
    a: NDArray,
    b: NDArray,
    c: NDArray,
    linear: NDArray,
    bias: NDArray,
) -> Neurons:
    """Neurons in the precision and with the components of a spectrum."""
    real = np.float32 if spectrum.values.dtype == np.float32 else np.float64
    shape = spectrum.component_shape
    parts = (a, b, c.reshape(-1, *shape), linear.reshape(-1, *shape), bias.reshape(shape))
    a, b, c, linear, bias = (np.asarray(part, dtype=real) for part in parts)
    return Neurons(a, b, c, eta, linear, bias)


@dataclass(frozen=True)
class ImportanceDraw:
    r"""Unbiased networks of the quadrature sum of a spectrum, drawn from a density of its nodes.

    .. math:: f(x) = \frac1K\sum_j w_j R_j\,\eta_j(x)
              \approx \frac1J\sum_{i=1}^{J} \frac{w_{j_i} R_{j_i}}{K\,p_{j_i}}\,r_{j_i}(x) + Pf(x)

    :math:`r_j` is the neuron without its affine part over the points of the control, Pf that part
    of the whole function; without control :math:`r_j = \eta_j` and Pf = 0.

    Attributes
    ----------
    spectrum : Spectrum
    eta : Activation
    outer : ndarray, shape (P, k)
        w R / K.
    density : NodeDensity
        p.
    control : AffineControl or None
    affine : tuple of ndarray
        What is added to the draws, slopes (m, k) and constant (k,): Pf, and what the function has
        beside its spectrum.
    rest : ndarray, shape (n, k) or None
        The sum of the residuals at the points of the control.
    left : ndarray, shape (P,) or None
        Deviations of the residuals.
    """

    spectrum: Spectrum
    eta: Activation
    outer: NDArray
    density: NodeDensity
    control: AffineControl | None
    affine: tuple[NDArray, NDArray]
    rest: NDArray | None = None
    left: NDArray | None = None

    @property
    def mirrored(self) -> bool:
        """Whether nodes are drawn with their mirror images."""
        return is_mirrored(self.spectrum, self.eta)

    def draw(self, count: int, sampling: Sampling, rng: np.random.Generator) -> Neurons:
        """A network of so many neurons."""
        return self.weigh(*self.density.draw(count, sampling, rng))

    def weigh(self, node: NDArray, coin: NDArray) -> Neurons:
        """The network of nodes that were drawn from the density, and of numbers in [0, 1)."""
        a, b, c = self.drawn(node, coin)
        slopes, constants = self.removed(a, b)
        linear, bias = self.affine[0] - slopes.T @ c, self.affine[1] - constants @ c
        return assembled(self.spectrum, self.eta, a, b, c, linear, bias)

    def drawn(self, node: NDArray, coin: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Inner and outer weights of drawn nodes."""
        grid = self.spectrum.grid
        c = self.outer[node] / (self.density.share[node] * len(node))[:, None]
        a, b = grid.a[node], grid.b[node]
        if is_mirrored(self.spectrum, self.eta):
            flip = np.where(coin < 0.5, 1.0, -1.0)
            a, b = a * flip[:, None], b * flip
            if self.eta.parity != "even":
                c = c * flip[:, None]
        return a, b, c

    def removed(self, a: NDArray, b: NDArray) -> tuple[NDArray, NDArray]:
        """Slopes and constants of what is taken off each neuron."""
        if self.control is None:
            return _polynomial_part(self.spectrum, self.eta, a, b)
        return self.control.parts(a, b, self.eta)

    def residuals(self, x: NDArray, a: NDArray, b: NDArray) -> NDArray[np.float64]:
        """What is left of each neuron, at points: (n, J)."""
        slopes, constants = self.removed(a, b)
        return ridge_matrix(x, a, b, self.eta) - x @ slopes.T - constants

    def deviation(self, x: NDArray, function: Callable[[NDArray], NDArray]) -> tuple[float, float]:
        """RMS over points (n, m) of the deviation of one neuron, and of the function.

        The deviation of J independent ones is √J times smaller. Under control the points are its
        own.
        """
        if self.control is not None:
            assert self.left is not None and self.rest is not None
            share = np.where(self.density.share > 0, self.density.share, 1.0)
            whole = float(lengths((lengths(self.outer) * self.left / np.sqrt(share))[None])[0])
            weights = self.control.weights
            mean = rms(self.rest, weights)
            plain = rms(self.control.points @ self.affine[0] + self.affine[1], weights)
            return _rest(whole, mean), float(np.hypot(plain, mean))
        a, b, c = self.drawn(
            *self.density.draw(_PILOT, "stratified", np.random.default_rng(_PILOT_SEED))
        )
        features = self.residuals(x, a, b)
        each = np.sqrt(np.mean(features**2, axis=0)) * lengths(c)
        whole = float(np.sqrt(_PILOT) * lengths(each[None])[0])
        values = np.asarray(function(x), np.float64).reshape(len(x), -1)
        return _rest(whole, rms(values - x @ self.affine[0] - self.affine[1])), rms(values)


def _rest(whole: float, part: float) -> float:
    """Root of the difference of two squares, which need not be numbers, and 0 below 0."""
    return float(np.sqrt(max(whole - part, 0.0)) * np.sqrt(whole + part))


def importance_draw(
    spectrum: Spectrum,
    eta: Activation,
    values: NDArray,
    rule: NDArray,
    *,
    control: AffineControl | None = None,
    affine: tuple[NDArray, NDArray] | None = None,
    density: NodeDensity | None = None,
) -> ImportanceDraw:
    """Draws with probability ∝ w|R| times, under control, the deviation of the residual.

    ``affine`` is what the function has beside its spectrum; ``density`` may be another one.
    """
    components = values.shape[1]
    if affine is None:
        affine = np.zeros((spectrum.dim, components)), np.zeros(components)
    outer = values * (rule / admissibility(eta, spectrum.ridgelet))[:, None]
    mass, rest, left = spectrum.mass, None, None
    if control is not None:
        left, part, rest = _split(spectrum, eta, outer, control)
        affine = affine[0] + part[0], affine[1] + part[1]
        mass = controlled_mass(mass, left)
    if density is None:
        density = NodeDensity.of(spectrum.grid, mass)
    return ImportanceDraw(spectrum, eta, outer, density, control, affine, rest, left)


def _split(
    spectrum: Spectrum, eta: Activation, outer: NDArray, control: AffineControl
) -> tuple[NDArray, tuple[NDArray, NDArray], NDArray]:
    """The split of all nodes, of both mirror images where a quadratic part must cancel."""
    grid = spectrum.grid
    left, part, rest = control.split(grid.a, grid.b, outer, eta)
    if not is_mirrored(spectrum, eta):
        # On half a grid the polynomial part of η is no part of the function.
        slopes, constants = _polynomial_part(spectrum, eta, grid.a, grid.b)
        return left, (part[0] - slopes.T @ outer, part[1] - constants @ outer), rest
    c = outer if eta.parity == "even" else -outer
    other, second, there = control.split(-grid.a, -grid.b, c, eta)
    both = 0.5 * (part[0] + second[0]), 0.5 * (part[1] + second[1])
    return np.hypot(left, other) / np.sqrt(2), both, 0.5 * (rest + there)


def best_mass(
    spectrum: Spectrum, eta: Activation, control: AffineControl | None
) -> NDArray[np.float64]:
    """What nodes are drawn in proportion to, in the unit of the function: (P,)."""
    constant = abs(admissibility(eta, spectrum.ridgelet))
    if control is None:
        return spectrum.mass / constant
    nothing = np.zeros((spectrum.grid.size, 1))
    return controlled_mass(spectrum.mass, _split(spectrum, eta, nothing, control)[0]) / constant


def controlled_mass(mass: NDArray, left: NDArray) -> NDArray[np.float64]:
    """w|R| times the deviations of the residuals: (P,)."""
    total = float(mass.sum())
    mean = float(mass @ left) / total if total > 0 else 0.0
    # Where nothing bends at all the mass alone remains.
    return mass * (left + _FLOOR * mean) if mean > 0 else mass


def warn_of_draws(
    draw: ImportanceDraw, count: int, x: NDArray, function: Callable[[NDArray], NDArray]
) -> None:
    """Warn where a network of so many neurons is expected to be worse than none at points x."""
    # By chance: points may be in order, and equal steps through a Sobol sequence fill a corner.
    rng = np.random.default_rng(_PILOT_SEED)
    some = x[rng.permutation(len(x))[:_PILOT_POINTS]]
    deviation, size = draw.deviation(some, function)
    if deviation <= np.sqrt(count) * size:
        return
    unit = max(size, 1e-300)
    warnings.warn(
        f"{count} drawn neurons are expected to err by {deviation / np.sqrt(count) / unit:.2g} "
        f"times the RMS of the function, worse than none (draw more than "
        f"{(deviation / unit) ** 2:.2g}, or take weights='least_squares')",
        AccuracyWarning,
        stacklevel=5,
    )
