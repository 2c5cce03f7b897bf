"""Derivatives of spectra, and gradient fields as networks with tied weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ridgeflow.closed_forms import ridgelet_gaussian_mixture_gradient
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.ridgelet.grids.parameter_grid import ParameterGrid
from ridgeflow.ridgelet.reconstruct import reconstruct
from ridgeflow.ridgelet.reconstruct_gradient import reconstruct_gradient
from ridgeflow.ridgelet.spectra.calculus import (
    dual_potential,
    gradient_spectrum,
    laplacian_spectrum,
)
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.transform import ridgelet_transform
from ridgeflow.theorems.example_laws import laplacian, mixture, points
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    equal,
    relative_error,
    sized,
    small,
    statement,
)

Function = Callable[[NDArray], NDArray]


def _spectrum(dim: int, name: str) -> Spectrum:
    psi = admissible_ridgelet(name, dim)
    grid = ParameterGrid.polar(dim, 6, np.geomspace(0.02, 20, 25), 4.0, 0.35, margin=12.0)
    return ridgelet_transform(mixture(dim), psi, grid)


def _by_definition(values: Function, spectrum: Spectrum, n: int) -> tuple[NDArray, NDArray]:
    """n nodes of a spectrum's grid, and ∫ g(x) conj ψ(a·x − b) dx there by the trapezoid rule."""
    grid, psi = spectrum.grid, spectrum.ridgelet
    scale = np.linalg.norm(grid.a, axis=1)
    near = np.flatnonzero((scale > 0.3) & (scale < 2.5) & (np.abs(grid.b) < 2 * scale))
    nodes = near[np.linspace(0, len(near) - 1, n).astype(int)]
    axis = np.linspace(-5, 5, {1: 801, 2: 121, 3: 61}[psi.dim])
    x = np.stack(np.meshgrid(*[axis] * psi.dim, indexing="ij"), -1).reshape(-1, psi.dim)
    g = values(x).reshape(len(x), -1) * (axis[1] - axis[0]) ** psi.dim
    # Where g is nothing its wave need not be known.
    some = np.abs(g).max(axis=1) > 1e-14 * np.abs(g).max()
    waves = psi(grid.a[nodes] @ x[some].T - grid.b[nodes, None])
    return nodes, np.conj(waves) @ g[some]


def _gradient(law: GaussianMixture) -> Function:
    """The gradient of the density."""
    return lambda x: law.pdf(x)[:, None] * law.score(x)


def _scatter(title: str, predicted: np.ndarray, found: np.ndarray) -> Plot:
    take = np.linspace(0, predicted.size - 1, 400).astype(int)
    x, y = np.ravel(predicted)[take], np.ravel(found)[take]
    ends = [float(x.min()), float(x.max())]
    series = (Series.of("equal", ends, ends, "dashed"), Series.of("", x, y, "points"))
    return Plot(title, "predicted", "computed", series)


@statement(
    "gradient_identity",
    "The ridgelet transform of a gradient",
    claim="R[∇f;ψ] = a ∂_b R[f;ψ] = −a R[f;ψ′], in m = 1, 2, 3.",
    papers=("sonoda2017double", "sonoda2017unbounded"),
    where="ridgelet transform of a gradient field",
    reason="Closed forms on one side, and the definition as an integral at twelve nodes; ∂_b by "
    "Fourier series on the other, exact to rounding on offsets that hold the spectrum.",
    breaks={"the sign of b": {"factor": -1.0}, "no factor ψ′ for ψ": {"derivative": False}},
)
def gradient_identity(
    effort: str, *, factor: float = 1.0, slope: float = -1.0, derivative: bool = True
) -> Outcome:
    """Differentiate spectra in b; compare with the closed spectrum of the gradient."""
    comparisons = []
    for dim in (1, 2, 3):
        law = mixture(dim)
        for name in sized(effort, ("tanh", "relu"), ("tanh", "relu", "gelu", "gaussian")):
            spectrum = _spectrum(dim, name)
            grid, psi = spectrum.grid, spectrum.ridgelet
            parts = (law.weights, law.means, law.covariances)
            expected = ridgelet_gaussian_mixture_gradient(grid.a, grid.b, psi, *parts)
            found = factor * gradient_spectrum(spectrum).values
            error = relative_error(found, expected)
            comparisons.append(small(f"a ∂_b R, {name}, m = {dim}: relative error", error, 1e-10))
            turned = psi.derivative() if derivative else psi
            other = slope * grid.a * ridgelet_transform(law, turned, grid).values[:, None]
            error = relative_error(other, expected)
            comparisons.append(
                small(f"−a R[f;ψ′], {name}, m = {dim}: relative error", error, 1e-10)
            )
        nodes, direct = _by_definition(_gradient(law), spectrum, 12)
        error = relative_error(found[nodes], direct)
        comparisons.append(small(f"a ∂_b R, {name}, m = {dim}: against ∫ ∇f ψ", error, 1e-8))
    return Outcome(tuple(comparisons), (_scatter("R[∇f;ψ], m = 3", expected, found),))


@statement(
    "laplacian_identity",
    "The ridgelet transform of a Laplacian",
    claim="R[Δf;ψ] = |a|² ∂²_b R[f;ψ] = |a|² R[f;ψ″], in m = 1, 2, 3.",
    papers=("sonoda2017double", "sonoda2017unbounded"),
    where="ridgelet transform of a Laplacian",
    reason="As for the gradient, with one more derivative.",
    breaks={"the opposite sign": {"factor": -1.0}, "|a| in place of |a|²": {"power": 1.0}},
)
def laplacian_identity(effort: str, *, factor: float = 1.0, power: float = 2.0) -> Outcome:
    """Differentiate spectra twice in b; compare with the closed spectrum for ψ″."""
    comparisons = []
    for dim in (1, 2, 3):
        for name in sized(effort, ("tanh", "relu"), ("tanh", "relu", "gelu", "gaussian")):
            spectrum = _spectrum(dim, name)
            bend = spectrum.ridgelet.derivative().derivative()
            scale = np.linalg.norm(spectrum.grid.a, axis=1) ** power
            expected = factor * scale * ridgelet_transform(mixture(dim), bend, spectrum.grid).values
            found = laplacian_spectrum(spectrum).values
            error = relative_error(found, expected)
            label = f"|a|² R[f;ψ″] against |a|² ∂²_b R, {name}, m = {dim}: relative error"
            comparisons.append(small(label, error, 1e-10))
        nodes, direct = _by_definition(laplacian(mixture(dim)), spectrum, 12)
        error = relative_error(expected[nodes], direct[:, 0])
        comparisons.append(small(f"{name}, m = {dim}: against ∫ Δf ψ", error, 1e-8))
    return Outcome(tuple(comparisons), (_scatter("R[Δf;ψ], m = 3", expected, found),))


@statement(
    "tied_weights",
    "A gradient field is a network with tied weights",
    claim="R[∇V;ψ](a,b) is parallel to a: one scalar dual potential V gives all components, "
    "R[∇V;ψ] = a ∂_b R[V;ψ], and S of it is the gradient of the reconstruction. A field that turns "
    "is not of this form.",
    papers=("sonoda2017double", "vincent2010stacked"),
    where="dual potential",
    reason="Exact to rounding on closed spectra; the reconstruction carries the grid's tolerance "
    "1e−4.",
    breaks={
        "the field turned by 90 degrees": {"turned": True},
        "the opposite potential": {"sign": -1.0},
    },
)
def tied_weights(effort: str, *, turned: bool = False, sign: float = 1.0) -> Outcome:
    """Read the potential off the spectrum of a gradient; rebuild the gradient both ways."""
    spectrum, law = _spectrum(2, "tanh"), mixture(2)
    grid, psi = spectrum.grid, spectrum.ridgelet
    parts = (law.weights, law.means, law.covariances)
    values = ridgelet_gaussian_mixture_gradient(grid.a, grid.b, psi, *parts)
    rotated = values[:, ::-1] * [1.0, -1.0]
    size = np.linalg.norm(values)
    cross = grid.a[:, 0] * values[:, 1] - grid.a[:, 1] * values[:, 0]
    if turned:
        cross = (grid.a * values).sum(axis=1)
    across = float(np.linalg.norm(cross / np.linalg.norm(grid.a, axis=1)) / size)
    potential, residual = dual_potential(Spectrum(values, grid, psi))
    mixed = dual_potential(Spectrum(3 * values + 4 * rotated, grid, psi)).residual
    error = relative_error(potential.values, sign * spectrum.values)
    eta = activation("tanh")
    psi = admissible_ridgelet(eta, 2)
    tol = sized(effort, 1e-4, 1e-6)
    chosen = ParameterGrid.for_field(law, eta, psi, tol)
    whole = ridgelet_transform(law, psi, chosen)
    x = points(2, 100)
    slope = law.pdf(x)[:, None] * law.score(x)
    weights = reconstruct(gradient_spectrum(whole), eta, x)
    output = reconstruct_gradient(whole, eta, x)
    comparisons = (
        small("share of R[∇V;ψ] across a", across, 1e-12),
        small("share that no potential explains", residual, 1e-12),
        equal("that share, of 3 ∇V + 4 (∇V turned by 90 degrees)", 0.8, mixed, 1e-12),
        small("relative error of the potential", error, 1e-10),
        small("S[a ∂_b R[V]] against ∇V: relative error", relative_error(weights, slope), tol),
        small("S[a ∂_b R[V]] against ∇ S[R[V]]", relative_error(weights, output), tol),
    )
    return Outcome(comparisons, (_scatter("Dual potential", spectrum.values, potential.values),))
