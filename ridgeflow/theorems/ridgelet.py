"""Ridgelet transform: wavelets of projections, reconstruction, admissibility, truncation, norms."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.integrate import quad
from scipy.special import gamma, j0

from ridgeflow.closed_forms import radon_gaussian_mixture
from ridgeflow.errors import AccuracyWarning, AdmissibilityError
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.profiles.activation import Activation, activation, activation_names
from ridgeflow.profiles.admissibility import (
    admissibility,
    admissible_ridgelet,
    transfer_function,
)
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.theorems.laws import mixture, points, spectrum
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
from ridgeflow.transforms.calculus import inner_product
from ridgeflow.transforms.geometry import ParameterGrid
from ridgeflow.transforms.null_space import dual_transform
from ridgeflow.transforms.ridgelet import reconstruct, ridgelet_transform
from ridgeflow.transforms.spectrum import Spectrum
from ridgeflow.transforms.sphere import directions

_PAPER = ("sonoda2017unbounded", "candes1998ridgelets", "murata1996integral")


def _constant(eta: Activation, psi: Ridgelet, power: int) -> float:
    """(2π)^power ∫ conj ψ̂ η̂ |ω|^(−m) dω by quadrature, apart from the library's own constant."""

    def kernel(omega: float) -> float:
        w = np.array([omega, -omega])
        product = np.conj(psi.fourier(w)) * eta.fourier(w) * np.abs(w) ** -float(psi.dim)
        return float(product.sum().real)

    parts = [
        quad(kernel, *ends, epsabs=0, epsrel=1e-11)[0] for ends in ((1e-8, 1), (1, 4), (4, 40))
    ]
    return (2 * np.pi) ** power * sum(parts)


@statement(
    "wavelet_of_radon",
    "The ridgelet transform is a wavelet transform of the Radon transform",
    claim="R[f;ψ](ρu, ρp) = ∫ Rf(u,q) ψ(ρ(q − p)) dq: each projection, correlated with dilations "
    "of ψ.",
    papers=_PAPER,
    where="Definition 4.1",
    reason="The trapezoid rule over q is exact to rounding for smooth ψ of every scale that the "
    "offsets resolve; both sides lose two digits to the largest scale.",
    breaks={
        "a convolution in place of the correlation": {"sign": -1.0},
        "a weight |a|^(1/2)": {"weight": 0.5},
    },
)
def wavelet_of_radon(effort: str, *, sign: float = 1.0, weight: float = 0.0) -> Outcome:
    """Correlate closed projections with dilated ridgelets, and compare with the transform."""
    comparisons, plots = [], []
    q = np.linspace(-8, 8, sized(effort, 2401, 6401))
    p = np.linspace(-2, 2, 41)
    scales = np.array([0.3, 1.0, 3.0, 10.0])
    for dim in (1, 2, 3):
        law, (u, _) = mixture(dim), directions(dim, 1 if dim == 1 else 6)
        psi = Ridgelet(dim, 3) if dim == 2 else admissible_ridgelet("tanh", dim)
        sinogram = radon_gaussian_mixture(u, q, law.weights, law.means, law.covariances)
        expected = np.empty((len(u), len(scales), len(p)))
        for i, rho in enumerate(scales):
            waves = psi(sign * rho * (q[:, None] - p)) * (q[1] - q[0]) * rho**weight
            expected[:, i] = sinogram @ waves
        a = (u[:, None, None, :] * scales[:, None, None]).repeat(len(p), axis=2).reshape(-1, dim)
        b = np.broadcast_to(scales[:, None] * p, expected.shape).ravel()
        found = ridgelet_transform(law, psi, (a, b)).values.reshape(expected.shape)
        error = float(np.abs(found - expected).max() / np.abs(expected).max())
        comparisons.append(small(f"largest error over largest value, m = {dim}", error, 1e-10))
        series = [Series.of("", p, expected[0, i], "dashed") for i in range(1, 4)]
        series += [Series.of(f"ρ = {scales[i]:g}", p, found[0, i], "points") for i in range(1, 4)]
        plots.append(Plot(f"m = {dim}, one direction", "p", "R[f;ψ](ρu, ρp)", tuple(series)))
    return Outcome(tuple(comparisons), tuple(plots))


_SEEN = tuple(name for name in activation_names() if name not in ("linear", "cos", "sin"))


@statement(
    "reconstruction",
    "Reconstruction formula, for every activation",
    claim="S[R[f;ψ];η] = K f with K = (2π)^(m−1) ∫ conj ψ̂(ω) η̂(ω) |ω|^(−m) dω, for every "
    "admissible pair: ReLU and its like, sigmoids, bells, the step and the point mass, in m = 1, "
    "2, 3.",
    papers=_PAPER,
    where="reconstruction formula of section 5",
    reason="The grid of parameters is chosen for a tolerance (1e−6, 1e−4, 1e−2 in m = 1, 2, 3); "
    "the statement allows that tolerance. K is a quadrature of its own.",
    breaks={"(2π)^m in place of (2π)^(m−1)": {"shift": 1}},
)
def reconstruction(effort: str, *, shift: int = 0) -> Outcome:
    """Analyse a mixture, synthesise it with each activation, and divide by the quadrature of K."""
    comparisons, series = [], []
    tolerances = {1: 1e-6, 2: sized(effort, 1e-3, 1e-5), 3: sized(effort, 2e-2, 1e-3)}
    for dim, tol in tolerances.items():
        x = points(dim, 100)
        truth = mixture(dim).pdf(x)
        errors = []
        for name in _SEEN:
            eta = activation(name)
            found = spectrum(dim, name, tol)
            constant = _constant(eta, found.ridgelet, dim - 1 + shift)
            whole = admissibility(eta, found.ridgelet) * reconstruct(found, eta, x)
            error = relative_error(whole / constant, truth)
            errors.append(error)
            comparisons.append(small(f"{name}, m = {dim}: relative error", error, tol))
        series.append(Series.of(f"m = {dim}", np.arange(1, len(errors) + 1), errors, "points"))
        series.append(Series.of("", [1, len(errors)], [tol, tol], "dashed"))
    names = ", ".join(f"{i} {name}" for i, name in enumerate(_SEEN, 1))
    plot = Plot("Errors and tolerances", "activation", "relative error", tuple(series), y_log=True)
    return Outcome(tuple(comparisons), (plot,), f"Activations: {names}.")


# K/(2π)^m for Λ^m G^(ℓ), ℓ = 0, 1, 2, as published; None where K diverges.
_TABLE: dict[str, tuple[float | None, ...]] = {
    "dsigmoid": (0.5179220, 0.0, -0.1564048),
    "sigmoid": (None, -0.5179220, 0.0),
    "softplus": (None, None, 0.5179220),
    "dirac": (1.0, 0.0, -1.0),
    "step": (None, -1.0, 0.0),
    "relu": (None, None, 1.0),
    "linear": (0.0, 0.0, 0.0),
    "gaussian": (np.sqrt(np.pi), 0.0, -np.sqrt(np.pi) / 2),
    "tanh": (None, -1.5182786, 0.0),
}


@statement(
    "admissibility_table",
    "Which pairs are admissible",
    claim="K/(2π)^m of nine activations with Λ^m G, Λ^m G′, Λ^m G″: the value, zero, or divergent "
    "(refused), the same in every dimension.",
    papers=_PAPER,
    where="sections 5 (admissibility) and 6.2 (Table 5)",
    reason="The table is printed to seven digits.",
    breaks={"the opposite sign of ω in ψ̂": {"sign": -1.0}},
)
def admissibility_table(effort: str, *, sign: float = 1.0) -> Outcome:
    """Compute K of every cell, or have it refused for the right reason."""
    comparisons, predicted, measured = [], [], []
    for name, row in _TABLE.items():
        for order, value in enumerate(row):
            found = []
            for dim in (1, 2, 3):
                try:
                    found.append(admissibility(name, Ridgelet(dim, order)) / (2 * np.pi) ** dim)
                except AdmissibilityError as error:
                    found.append(np.inf if "diverge" in str(error) else 0.0)
            label = f"{name}, Λ^m G^({order})"
            if value is None:
                refused = float(np.isinf(found).sum())
                comparisons.append(equal(f"{label}: refused as divergent", 3, refused, 0.0))
            else:
                value = value if order != 1 else sign * value
                worst = max(found, key=lambda k: abs(k - value))
                comparisons.append(equal(f"{label}: K/(2π)^m", value, worst, 1e-7))
                predicted.append(value)
                measured.append(worst)
    plot = Plot(
        "Values of K/(2π)^m",
        "predicted",
        "computed",
        (
            Series.of("equal", [-1.6, 1.8], [-1.6, 1.8], "dashed"),
            Series.of("", predicted, measured, "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))


_LINE = np.linspace(-1, 1, 201)
_SINE = np.sin(2 * np.pi * _LINE)


@cache
def _published(order: int, count: int) -> Spectrum:
    axis = np.linspace(-30, 30, count)
    grid = ParameterGrid.cartesian([axis], axis)
    return ridgelet_transform(GridField(_SINE, (_LINE,)), Ridgelet(1, order), grid)


def published_line() -> tuple[NDArray, NDArray, Callable[[int, int], Spectrum]]:
    """Points, the sine, and its spectrum by order and number of nodes a side."""
    return _LINE, _SINE, _published


def _cosine(found: NDArray, truth: NDArray) -> float:
    return float(found @ truth / np.linalg.norm(found) / np.linalg.norm(truth))


@statement(
    "published_correlations",
    "Admissible pairs rebuild the sine; others pass low frequencies, a straight line, or nothing",
    claim="sin 2πx on [−1, 1], (a,b) on a grid of [−30, 30]²: the cosines of S[R[f;ψ];η] with f "
    "are 0.9964 (σ′, ΛG), −0.9998 (σ′, ΛG″), 0.9983 (ReLU, ΛG″); −0.779 (ReLU, ΛG: a low-pass); "
    "0.387 (ReLU, ΛG′: a straight line); and nothing where the parities differ.",
    papers=_PAPER,
    where="numerical examples of reconstruction",
    reason="The cosines are printed to three or four digits, for steps of 0.1; the quick effort "
    "takes twice the step, which changes them by less than 2e−4.",
    breaks={
        "the sign of σ′ with ΛG″": {"sign": 1.0},
        "a low-pass where a straight line is": {"line": -0.779},
    },
)
def published_correlations(effort: str, *, sign: float = -1.0, line: float = 0.387) -> Outcome:
    """The published experiment: nine cells of the table."""
    count, tolerance = sized(effort, 301, 601), 6e-4
    cells = (
        ("dsigmoid", 0, 0.9964),
        ("dsigmoid", 2, sign * 0.9998),
        ("relu", 2, 0.9983),
        ("relu", 0, -0.779),
        ("relu", 1, line),
    )
    comparisons, series = [], [Series.of("f", _LINE, _SINE, "dashed")]
    for name, order, published in cells:
        found = dual_transform(_published(order, count), name, _LINE)
        cosine = _cosine(found, _SINE)
        label = f"{name}, Λ G^({order})"
        comparisons.append(equal(f"{label}: cos(S, f)", published, cosine, tolerance))
        if name == "relu":
            series.append(Series.of(label, _LINE, found / np.abs(found).max()))
        if (name, order) == ("relu", 1):
            bend = float(np.ptp(np.diff(found)) / np.ptp(found))
            comparisons.append(small(f"{label}: curvature", bend, 1e-9))
    for name, order in (("dsigmoid", 1), ("sigmoid", 0), ("step", 0), ("tanh", 2), ("linear", 0)):
        found = dual_transform(_published(order, count), name, _LINE)
        size = float(np.abs(found).max())
        comparisons.append(small(f"{name}, Λ G^({order}): largest value", size, 1e-9))
    plot = Plot("ReLU with three ridgelets, scaled", "x", "S[R[f;ψ];η]", tuple(series))
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "truncation",
    "Cutting the scales multiplies the Fourier transform by K_A/K",
    claim="With |a| ≤ A only, S[R[f;ψ];η] has the Fourier transform K_A(ξ) f̂(ξ), K_A(ξ) = "
    "(2π)^(m−1) ∫_{|ω| ≥ |ξ|/A} conj ψ̂ η̂ |ω|^(−m) dω; checked with N(0, sI) in m = 1 and 2, "
    "for tanh and ReLU.",
    papers=("sonoda2017unbounded", "sonoda2024unified"),
    where="reconstruction formula, the integral over scales cut off",
    reason="The trapezoid rule in log |a| ends at A with half a weight: an error of second order "
    "in its step, 1e−4 of the largest value.",
    breaks={
        "|ω| ≤ |ξ|/A in place of ≥": {"complement": True},
        "a cut at 1.1 A": {"stretch": 1.1},
    },
)
def truncation(effort: str, *, complement: bool = False, stretch: float = 1.0) -> Outcome:
    """Synthesise from truncated scales, and filter the closed Fourier transform."""
    comparisons, plots = [], []
    variance = 0.1
    radius = np.linspace(0, 1.2, 61)
    xi = np.linspace(1e-6, 30, 3001)
    energy = np.exp(-0.5 * variance * xi**2)
    per_octave = sized(effort, 24, 64)
    for dim, name, cut in ((1, "tanh", 6.0), (1, "relu", 6.0), (2, "tanh", 4.0), (2, "relu", 4.0)):
        eta, psi = activation(name), admissible_ridgelet(name, dim)
        law = GaussianMixture([1.0], [[0.0] * dim], variance)
        scales = np.geomspace(1e-3, cut, 1 + round(per_octave * np.log2(cut / 1e-3)))
        grid = ParameterGrid.polar(dim, 1 if dim == 1 else 40, scales, 3.0, 0.4, margin=9.0)
        x = radius[:, None] * np.eye(dim)[0]
        with warnings.catch_warnings():
            # What the cut loses is what this statement is about.
            warnings.simplefilter("ignore", AccuracyWarning)
            found = reconstruct(ridgelet_transform(law, psi, grid), eta, x)
        constant = admissibility(eta, psi)
        share = transfer_function(eta, psi, xi, a_max=stretch * cut) / constant
        share = 1 - share if complement else share
        if dim == 1:
            waves = np.cos(np.outer(radius, xi)) / np.pi
        else:
            waves = j0(np.outer(radius, xi)) * xi / (2 * np.pi)
        predicted = np.trapezoid(waves * share * energy, xi, axis=1)
        error = float(np.abs(found - predicted).max() / np.abs(predicted).max())
        label = f"{name}, m = {dim}, A = {cut:g}"
        comparisons.append(small(f"{label}: largest error over largest value", error, 1e-3))
        if name == "relu":
            truth = law.pdf(x)
            series = (
                Series.of("f", radius, truth),
                Series.of("f̂ times K_A/K", radius, predicted, "dashed"),
                Series.of("network with |a| ≤ A", radius[::3], found[::3], "points"),
            )
            plots.append(Plot(label, "|x|", "", series))
    return Outcome(tuple(comparisons), tuple(plots))


@statement(
    "plancherel",
    "Plancherel: the spectrum has the norm of the function",
    claim="∫∫ |R[f;ψ]|² da db = K(ψ,ψ,m) ‖f‖² with K(Λ^m G^(ℓ), itself, m) = (2π)^m Γ((m+2ℓ+1)/2), "
    "and ⟨R[f;ψ], R[g;ψ]⟩ = K ⟨f,g⟩, in m = 1, 2, 3.",
    papers=_PAPER,
    where="Parseval relation and extension to square integrable functions, section 5",
    reason="The scales are cut at both ends and the directions finite: 1e−6 by the grid.",
    breaks={
        "Γ((m+2ℓ)/2)": {"shift": -0.5},
        "(2π)^(m−1)": {"power": -1},
    },
)
def plancherel(effort: str, *, shift: float = 0.0, power: int = 0) -> Outcome:
    """Sum the squares of spectra over their grids, and products of two spectra."""
    comparisons, predicted, measured = [], [], []
    for dim, n in ((1, 1), (2, sized(effort, 40, 60)), (3, sized(effort, 200, 700))):
        law = mixture(dim)
        other = GaussianMixture([1.0], [[0.3] * dim], 0.25)
        order = 4
        psi = Ridgelet(dim, order)
        least, n_scales = {1: (1e-11, 300), 2: (1e-5, 120), 3: (1e-5, 90)}[dim]
        scales = np.geomspace(least, 50, sized(effort, n_scales, 2 * n_scales))
        grid = ParameterGrid.polar(dim, n, scales, 4.2, 0.5)
        first, second = (ridgelet_transform(one, psi, grid) for one in (law, other))
        constant = (2 * np.pi) ** (dim + power) * gamma((dim + 2 * order + 1) / 2 + shift)
        for label, found, inner in (
            ("‖R[f]‖²", inner_product(first, first), _inner(law, law)),
            ("⟨R[f], R[g]⟩", inner_product(first, second), _inner(law, other)),
        ):
            ratio = float(np.real(found)) / (constant * inner)
            comparisons.append(equal(f"{label} / (K ⟨f, ·⟩), m = {dim}", 1.0, ratio, 1e-6))
            predicted.append(constant * inner)
            measured.append(float(np.real(found)))
    plot = Plot(
        "Norms and inner products",
        "K ⟨f,g⟩",
        "⟨R[f], R[g]⟩",
        (
            Series.of("equal", predicted, predicted, "dashed"),
            Series.of("", predicted, measured, "points"),
        ),
        x_log=True,
        y_log=True,
    )
    return Outcome(tuple(comparisons), (plot,))


def _inner(one: GaussianMixture, other: GaussianMixture) -> float:
    """∫ fg of two mixtures: densities of differences at 0."""
    total = 0.0
    for w, m, c in zip(one.weights, one.means, one.covariances, strict=True):
        for v, n, d in zip(other.weights, other.means, other.covariances, strict=True):
            sum_of = GaussianMixture([1.0], [m], c + d)
            total += w * v * float(sum_of.pdf(n[None, :])[0])
    return total
