"""Many denoising autoencoders: deep ones, their continuous limit, and the gradient flow it is."""

from __future__ import annotations

import numpy as np
from scipy.special import ndtr, ndtri

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.theorems.laws import mixture, points
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    at_most,
    equal,
    fitted_slope,
    relative_error,
    sized,
    small,
    statement,
)
from ridgeflow.transport.deep import DeepDAE
from ridgeflow.transport.energies import wasserstein_velocity
from ridgeflow.transport.flow import ContinuousDAE
from ridgeflow.transport.functionals import entropy, fisher_information
from ridgeflow.transport.jko import jko_step

_PAPER = "sonoda2019transport"


@statement(
    "deep_pushforward",
    "What a deep denoising autoencoder does to its law",
    claim="L layers of noise τ = t/L take a variance v to v³/(v + τ)² in each. For v = 1.3, t = "
    "0.5 the slopes for L = 1, 2, 4, 8 are 0.722222, 0.658646, 0.601809, 0.556687; particles, "
    "mapped by the mean shift of those that reach each layer, follow.",
    papers=(_PAPER,),
    where="composition of denoising autoencoders",
    reason="Six digits of the recursion are given. Particles are quantiles of the law, whose mean "
    "shift errs by a percent of the displacement at the ends.",
    breaks={
        "v²/(v + τ)": {"power": 2},
        "the noise t in every layer": {"shared": False},
    },
)
def deep_pushforward(effort: str, *, power: int = 3, shared: bool = True) -> Outcome:
    """Compare the library's layers with the recursion, for a normal law and for particles."""
    variance, t = 1.3, 0.5
    law = GaussianMixture([1.0], [[0.0]], variance)
    depths = (1, 2, 4, 8)
    given = (0.722222, 0.658646, 0.601809, 0.556687)
    comparisons, slopes, found = [], [], []
    n = sized(effort, 2001, 8001)
    quantiles = np.sqrt(variance) * ndtri((np.arange(n) + 0.5) / n)[:, None]
    for depth, published in zip(depths, given, strict=True):
        v, tau, slope = variance, t / depth if shared else t, 1.0
        for _ in range(depth):
            after = v**power / (v + tau) ** (power - 1)
            slope *= np.sqrt(after / v)
            v = after
        slopes.append(slope)
        measured = float(DeepDAE(law, t, depth)(np.ones((1, 1)))[0, 0])
        found.append(measured)
        comparisons.append(equal(f"L = {depth}: slope of the recursion", published, slope, 1e-6))
        comparisons.append(equal(f"L = {depth}: slope of the layers", slope, measured, 1e-12))
        if depth <= 4:
            particles = DeepDAE(SampleField(quantiles), t, depth)(np.ones((1, 1)))[0, 0]
            comparisons.append(equal(f"L = {depth}: particles", slope, particles, 0.01))
    series = (
        Series.of("recursion", depths, slopes, "dashed"),
        Series.of("DeepDAE", depths, found, "points"),
        Series.of("continuous limit", depths, [np.sqrt(1 - 2 * t / variance)] * 4, "dashed"),
    )
    plot = Plot("Slope of the map", "depth L", "Φ(1)", series, x_log=True)
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "deep_to_continuous",
    "Infinitely many layers",
    claim="As L → ∞ the deep denoising autoencoder tends to the flow dφ/dt = ∇log μ_t(φ), with an "
    "error of order 1/L; for a normal law φ_t = (I − 2tΣ₀⁻¹)^½.",
    papers=(_PAPER,),
    where="continuous denoising autoencoder",
    reason="The fitted exponent over depths 8 to 128 is within 0.1 of its limit.",
    breaks={"(I − tΣ₀⁻¹)^½": {"factor": 1.0}, "the order 2": {"order": 2.0}},
)
def deep_to_continuous(effort: str, *, factor: float = 2.0, order: float = 1.0) -> Outcome:
    """Deepen, and compare with the closed flow of a normal law."""
    sigma = np.array([[1.3, 0.4], [0.4, 0.9]])
    law, t = GaussianMixture([1.0], [[0.2, -0.1]], sigma), 0.15
    x = points(2, 50)
    values, vectors = np.linalg.eigh(np.linalg.inv(sigma))
    root = (vectors * np.sqrt(1 - factor * t * values)) @ vectors.T
    limit = (x - law.means[0]) @ root + law.means[0]
    depths = sized(effort, (8, 16, 32, 64, 128), (8, 16, 32, 64, 128, 256, 512))
    errors = [relative_error(DeepDAE(law, t, depth)(x), limit) for depth in depths]
    flow = ContinuousDAE(law).flow(x, t, method="ode", rtol=1e-10, atol=1e-12).points
    comparisons = (
        equal("order in 1/L", order, -fitted_slope(depths, errors), 0.1),
        small(f"relative error at L = {depths[-1]}", errors[-1], 0.01),
        small("integrated flow against the closed one", relative_error(flow, limit), 1e-8),
    )
    line = errors[-1] * depths[-1] / np.array(depths)
    series = (Series.of("measured", depths, errors), Series.of("1/L", depths, line, "dashed"))
    plot = Plot("Towards the flow", "depth L", "relative error", series, x_log=True, y_log=True)
    return Outcome(comparisons, (plot,))


@statement(
    "backward_heat",
    "The continuous denoising autoencoder solves the heat equation backwards",
    claim="∂_tμ_t = −Δμ_t: a mixture Σ w_k N(m_k, Σ_k) becomes Σ w_k N(m_k, Σ_k − 2tI) until t = "
    "λ_min/2. Points carried by the score of μ_t keep their quantile (m = 1), and the log-density "
    "that they carry is that of μ_t.",
    papers=(_PAPER,),
    where="backward heat equation",
    reason="The flow is integrated with tolerance 1e−10; close to the singular time errors grow by "
    "the derivative of the inverse flow, a hundred.",
    breaks={
        "Σ_k − tI": {"factor": 1.0},
        "the heat equation forwards": {"factor": -2.0},
    },
)
def backward_heat(effort: str, *, factor: float = 2.0) -> Outcome:
    """Carry points; compare quantiles and densities with the closed law."""
    comparisons, plots = [], []
    for dim in (1, 2, 3):
        law, x = mixture(dim), points(dim, sized(effort, 60, 400))
        flow = ContinuousDAE(law)
        least = min(float(np.linalg.eigvalsh(np.atleast_2d(c)).min()) for c in law.covariances)
        comparisons.append(equal(f"m = {dim}: singular time", least / 2, flow.t_max, 1e-12))
        t = sized(effort, 0.7, 0.95) * flow.t_max
        moved = flow.flow(x, t, rtol=1e-10, atol=1e-12)
        covariances = [c - factor * t * np.eye(dim) for c in law.covariances]
        later = GaussianMixture(law.weights, law.means, covariances)
        carried = np.asarray(moved.log_density)
        gap = float(np.abs(carried - later.logpdf(moved.points)).max())
        comparisons.append(small(f"m = {dim}: log-density carried", gap, 1e-6))
        if dim == 1:
            before, after = (
                sum(
                    w * ndtr((y[:, 0] - m) / np.sqrt(c))
                    for w, m, c in zip(
                        one.weights, one.means[:, 0], one.covariances.ravel(), strict=True
                    )
                )
                for one, y in ((law, x), (later, moved.points))
            )
            gap = float(np.abs(before - after).max())
            comparisons.append(small("m = 1: change of the quantiles", gap, 1e-8))
            axis = np.linspace(-2.5, 2.5, 201)[:, None]
            series = (
                Series.of("μ₀", axis, law.pdf(axis)),
                Series.of("Σ w_k N(m_k, Σ_k − 2t)", axis, later.pdf(axis), "dashed"),
                Series.of("density carried", moved.points, np.exp(carried), "points"),
            )
            plots.append(Plot(f"t = {t:.3f}", "x", "density", series))
    return Outcome(tuple(comparisons), tuple(plots))


@statement(
    "entropy_and_fisher",
    "Entropy falls at the rate of the Fisher information",
    claim="dH[μ_t]/dt = −∫ |∇log μ_t|² dμ_t along the continuous denoising autoencoder (de "
    "Bruijn's identity backwards).",
    papers=("sonoda2019transport", "stam1959inequalities"),
    where="decrease of entropy",
    reason="Both functionals are quasi-Monte-Carlo means with a reported error; the central "
    "difference of the entropy errs by 1e−4.",
    breaks={"half the Fisher information": {"factor": 0.5}, "growth": {"factor": -1.0}},
)
def entropy_and_fisher(effort: str, *, factor: float = 1.0) -> Outcome:
    """Difference the entropy in time, with the same points at both times."""
    comparisons, plots = [], []
    for dim in (1, 2):
        flow = ContinuousDAE(mixture(dim))
        times = np.linspace(0.1, 0.7, sized(effort, 4, 9)) * flow.t_max
        step = 0.02 * flow.t_max
        n = sized(effort, 2**15, 2**18)
        rates, information = [], []
        for t in times:
            ends = [entropy(flow.law(t + s), n=n, rng=0).value for s in (-step, step)]
            rates.append((ends[1] - ends[0]) / (2 * step))
            information.append(fisher_information(flow.law(t), n=n, rng=0).value)
            label = f"m = {dim}, t = {t:.3f}: dH/dt over −∫|∇log μ|² dμ"
            ratio = -rates[-1] / (factor * information[-1])
            comparisons.append(equal(label, 1.0, ratio, 0.01))
        series = (
            Series.of("−∫|∇log μ|² dμ", times, -np.array(information), "dashed"),
            Series.of("dH/dt", times, rates, "points"),
        )
        plots.append(Plot(f"m = {dim}", "t", "", series))
    return Outcome(tuple(comparisons), tuple(plots))


@statement(
    "wasserstein_gradient_flow",
    "The flow is a Wasserstein gradient flow of entropy",
    claim="Implicit steps argmin F[μ] + W₂²(μ, μ₀)/(2τ) move points by −τ∇δF/δμ + O(τ²): for F = "
    "−H by −τ∇log μ (heat), so that the denoising velocity +∇log μ is the step of F = H, the same "
    "flow backwards; for a normal law one step takes σ to (σ + (σ² + 4τ)^½)/2.",
    papers=("jordan1998variational", "sonoda2019transport"),
    where="Theorem 5.1",
    reason="n particles on the line resolve the law to 1/n, most of it at the two ends, which are "
    "left out; the order in τ is within 0.15.",
    breaks={"velocity +∇log μ for F = −H": {"sign": 1.0}, "W₂²/τ": {"factor": 2.0}},
)
def wasserstein_gradient_flow(effort: str, *, sign: float = -1.0, factor: float = 1.0) -> Outcome:
    """Take implicit steps from quantiles of a law, and compare with its velocity."""
    n = sized(effort, 2001, 8001)
    level = (np.arange(n) + 0.5) / n
    start = np.sqrt(0.8) * ndtri(level)
    tau = 0.05
    step = jko_step(start, tau)
    inner = slice(n // 20, -n // 20)
    after = (np.sqrt(0.8) + np.sqrt(0.8 + 4 * tau / factor)) / 2
    slope = float(np.polyfit(start[inner], np.sort(np.ravel(step.points))[inner], 1)[0])
    comparisons = [equal("normal law: slope of a step", after / np.sqrt(0.8), slope, 2e-3)]
    law = mixture(1)
    # Quantiles of the mixture by bisection of its distribution function.
    low, high = np.full(n, -5.0), np.full(n, 5.0)
    for _ in range(60):
        mid = 0.5 * (low + high)
        value = sum(
            w * ndtr((mid - m) / np.sqrt(c))
            for w, m, c in zip(law.weights, law.means[:, 0], law.covariances.ravel(), strict=True)
        )
        low, high = np.where(value < level, mid, low), np.where(value < level, high, mid)
    x = 0.5 * (low + high)
    velocity = sign * law.score(x[:, None])[:, 0]
    library = wasserstein_velocity("negative_entropy", law, x[:, None])[:, 0]
    denoising = ContinuousDAE(law).velocity(x[:, None], 0.0)[:, 0]
    times = np.array(sized(effort, (0.01, 0.005, 0.0025), (0.01, 0.005, 0.0025, 0.00125)))
    errors = []
    for tau in times:
        rate = (np.ravel(jko_step(x, tau).points) - x) / tau
        errors.append(relative_error(rate[inner], velocity[inner]))
    comparisons += [
        equal("order in τ of a step's velocity", 1.0, fitted_slope(times, errors), 0.25),
        small(f"velocity of a step, τ = {times[-1]:g}: relative error", errors[-1], 0.1),
        small("velocity of F = −H: relative error", relative_error(library, velocity), 1e-12),
        small(
            "denoising velocity against its negative", relative_error(-denoising, velocity), 1e-12
        ),
        at_most("F + W₂²/(2τ) falls", step.energy_before, step.energy + step.distance**2 / 0.1),
    ]
    series = (
        Series.of("−∇log μ", x[inner][::20], velocity[inner][::20], "dashed"),
        Series.of(f"implicit step, τ = {tau:g}", x[inner][::60], rate[inner][::60], "points"),
    )
    plot = Plot("Velocity of the heat flow", "x", "", series)
    return Outcome(tuple(comparisons), (plot,))
