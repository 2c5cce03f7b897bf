"""Radon transform: Fourier slices, inversion, and what it makes of the Laplacian."""

from __future__ import annotations

import numpy as np

from ridgeflow.closed_forms import fourier_gaussian_mixture, radon_gaussian_mixture
from ridgeflow.fields.grid import GridField
from ridgeflow.geometry import directions
from ridgeflow.radon_transform.forward import radon
from ridgeflow.radon_transform.inverse import dual_radon, filter_sinogram
from ridgeflow.theorems.example_laws import laplacian, mixture, points
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    equal,
    fitted_slope,
    relative_error,
    sized,
    small,
    statement,
)


@statement(
    "slice_theorem",
    "Fourier slice theorem",
    claim="∫ Rf(u,p) e^(−ikp) dp = f̂(ku): the Fourier transform of a projection is a slice of the "
    "Fourier transform. In m = 1, 2, 3 for a Gaussian mixture, and for exact line integrals of an "
    "image in the plane, whose interpolation leaves an error O(h²).",
    papers=("natterer2001mathematics", "sonoda2017unbounded"),
    where="Theorem 1.1 of chapter II",
    reason="The trapezoid rule over p is exact to rounding for Gaussian projections (1e−12). The "
    "line integrals are those of the bilinear interpolant; the next term of their error, of fourth "
    "order, moves the exponent between the two finest steps by 0.008, and 0.02 is allowed.",
    breaks={
        "the opposite sign in the exponent": {"sign": 1.0},
        "slices at twice the wave number": {"stretch": 2.0},
    },
)
def slice_theorem(
    effort: str, *, sign: float = -1.0, stretch: float = 1.0, order: float = 2.0
) -> Outcome:
    """Transform projections over p and compare them with the closed Fourier transform."""
    offsets = np.linspace(-9, 9, 721)
    waves = np.linspace(-6, 6, 61)
    kernel = np.exp(sign * 1j * np.outer(offsets, waves)) * (offsets[1] - offsets[0])
    comparisons = []

    def slices(dim: int, u: np.ndarray) -> np.ndarray:
        law = mixture(dim)
        xi = (stretch * waves[None, :, None] * u[:, None, :]).reshape(-1, dim)
        parts = (law.weights, law.means, law.covariances)
        return fourier_gaussian_mixture(xi, *parts).reshape(len(u), len(waves))

    for dim in (1, 2, 3):
        law, (u, _) = mixture(dim), directions(dim, 1 if dim == 1 else 12)
        sinogram = radon_gaussian_mixture(u, offsets, law.weights, law.means, law.covariances)
        error = relative_error(sinogram @ kernel, slices(dim, u))
        comparisons.append(small(f"relative error, m = {dim}", error, 1e-12))
    u, _ = directions(2, sized(effort, 8, 24))
    truth, sizes = slices(2, u), sized(effort, (33, 65, 129), (65, 129, 257, 513))
    errors = []
    for n in sizes:
        axis = np.linspace(-4, 4, n)
        field = GridField.from_function(mixture(2).pdf, (axis, axis))
        errors.append(relative_error(radon(field, u, offsets, method="line") @ kernel, truth))
    steps = [8 / (n - 1) for n in sizes]
    slope = fitted_slope(steps[-2:], errors[-2:])
    comparisons.append(equal("order of the line integrals", order, slope, 0.02))
    found = radon(field, u[:1], offsets, method="line") @ kernel
    plots = (
        Plot(
            "One projection, transformed",
            "k",
            "Re, Im",
            (
                Series.of("slice of f̂", waves, truth[0].real, "dashed"),
                Series.of("", waves, truth[0].imag, "dashed"),
                Series.of("Re of ∫ Rf e^(−ikp) dp", waves, found[0].real, "points"),
                Series.of("Im", waves, found[0].imag, "points"),
            ),
        ),
        Plot(
            "Line integrals of an image",
            "step h",
            "relative error",
            (
                Series.of("measured", steps, errors),
                Series.of("h²", steps, errors[-1] * (np.array(steps) / steps[-1]) ** 2, "dashed"),
            ),
            x_log=True,
            y_log=True,
        ),
    )
    return Outcome(tuple(comparisons), plots)


@statement(
    "radon_inversion",
    "Inversion of the Radon transform",
    claim="R* Λ^(m−1) R f = 2 (2π)^(m−1) f, where Λ^(m−1) has the symbol |ω|^(m−1) and R* "
    "integrates over the full sphere, in m = 1, 2, 3; with |ω|^m in its place it does not hold.",
    papers=("natterer2001mathematics", "radon1917bestimmung", "sonoda2017unbounded"),
    where="Theorem 2.1 of chapter II",
    reason="Projections are closed forms, and directions and offsets resolve the mixture to "
    "rounding; differentiating them m − 1 times costs two digits.",
    breaks={
        "the half sphere's constant (2π)^(m−1)": {"factor": 1.0},
        "the symbol |ω|^m": {"extra": 1.0},
        "(2π)^m": {"power": 0.0},
    },
)
def radon_inversion(
    effort: str,
    *,
    factor: float = 2.0,
    turn: float = 2 * np.pi,
    power: float = -1.0,
    extra: float = 0.0,
) -> Outcome:
    """Filter and backproject exact projections."""
    comparisons, plots = [], []
    for dim, count in ((1, 1), (2, sized(effort, 60, 180)), (3, 600)):
        law, (u, weights) = mixture(dim), directions(dim, count)
        offsets = np.linspace(-12, 12, sized(effort, 1201, 4801))
        sinogram = radon_gaussian_mixture(u, offsets, law.weights, law.means, law.covariances)
        filtered = filter_sinogram(sinogram, offsets, dim)
        if extra:
            waves = 2 * np.pi * np.fft.rfftfreq(len(offsets), offsets[1] - offsets[0])
            spectrum = np.maximum(waves, waves[1]) ** extra * np.fft.rfft(filtered, axis=1)
            filtered = np.fft.irfft(spectrum, len(offsets), axis=1)
        x = points(dim, 200)
        found = dual_radon(filtered, u, offsets, x, weights=weights)
        predicted = factor * turn ** (dim + power) * law.pdf(x)
        error = relative_error(found, predicted)
        comparisons.append(small(f"relative error, m = {dim}", error, 1e-10))
        order = np.argsort(predicted)
        plots.append(
            Plot(
                f"m = {dim}",
                "2 (2π)^(m−1) f(x)",
                "R* Λ^(m−1) R f (x)",
                (
                    Series.of("equal", predicted[order], predicted[order], "dashed"),
                    Series.of("", predicted, found, "points"),
                ),
            )
        )
    return Outcome(tuple(comparisons), tuple(plots))


@statement(
    "radon_laplacian",
    "The Radon transform turns the Laplacian into a second derivative",
    claim="R(Δf)(u,p) = ∂²/∂p² Rf(u,p), the symbol −|ω|² in p, in m = 1, 2, 3.",
    papers=("natterer2001mathematics",),
    where="chapter II",
    reason="The projections of a gridded Laplacian are band-limited slices with tol = 1e−8; the "
    "right side is the closed projection, differentiated by its Fourier series.",
    breaks={"the opposite sign": {"factor": 1.0}, "a first derivative": {"order": 1.0}},
)
def radon_laplacian(effort: str, *, factor: float = -1.0, order: float = 2.0) -> Outcome:
    """Project the Laplacian of a mixture and differentiate its closed projection."""
    comparisons = []
    offsets = np.linspace(-8, 8, 321)
    symbol = factor * np.abs(2 * np.pi * np.fft.fftfreq(321, offsets[1] - offsets[0])) ** order
    for dim, n in ((1, 257), (2, sized(effort, 129, 257)), (3, 49)):
        law, (u, _) = mixture(dim), directions(dim, 1 if dim == 1 else 12)
        field = GridField.from_function(laplacian(law), (np.linspace(-5, 5, n),) * dim)
        found = radon(field, u, offsets, method="slice")
        sinogram = radon_gaussian_mixture(u, offsets, law.weights, law.means, law.covariances)
        bend = np.fft.ifft(symbol * np.fft.fft(sinogram, axis=1), axis=1).real
        error = relative_error(found, bend)
        comparisons.append(small(f"relative error, m = {dim}", error, 1e-8))
    plot = Plot(
        "One direction, m = 3",
        "p",
        "",
        (
            Series.of("∂²/∂p² Rf", offsets, bend[0], "dashed"),
            Series.of("R(Δf)", offsets[::4], found[0, ::4], "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))
