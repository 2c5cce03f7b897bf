"""Many denoising autoencoders: deep ones, their continuous limit, and the gradient flow it is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.theorems.example_laws import laplacian, mixture, points
from ridgeflow.theorems.statement import (
    Outcome,
    Plot,
    Series,
    at_least,
    equal,
    fitted_slope,
    relative_error,
    sized,
    small,
    statement,
)
from ridgeflow.transport.deep_dae import DeepDAE
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
    reason="Six digits of the recursion are given. Particles are 2001 quantiles of the law, a "
    "trapezoid rule that errs where they are wider apart than the noise, at the ends: by 2e−5.",
    breaks={
        "v²/(v + τ)": {"power": 2.0, "below": 1.0},
        "the noise t in every layer": {"shared": False},
    },
)
def deep_pushforward(
    effort: str,
    *,
    power: float = 3.0,
    below: float = 2.0,
    variance: float = 1.3,
    t: float = 0.5,
    slopes: tuple[float, ...] = (0.722222, 0.658646, 0.601809, 0.556687),
    shared: bool = True,
) -> Outcome:
    """Compare the library's layers with the recursion, for a normal law and for particles."""
    law = GaussianMixture([1.0], [[0.0]], variance)
    depths = (1, 2, 4, 8)
    comparisons, predicted, found = [], [], []
    n = sized(effort, 2001, 8001)
    quantiles = np.sqrt(variance) * ndtri((np.arange(n) + 0.5) / n)[:, None]
    for depth, published in zip(depths, slopes, strict=True):
        v, tau, slope = variance, t / depth if shared else t, 1.0
        for _ in range(depth):
            after = v**power / (v + tau) ** below
            slope *= np.sqrt(after / v)
            v = after
        predicted.append(slope)
        measured = float(DeepDAE(law, t, depth)(np.ones((1, 1)))[0, 0])
        found.append(measured)
        comparisons.append(equal(f"L = {depth}: slope of the recursion", published, slope, 6e-7))
        comparisons.append(equal(f"L = {depth}: slope of the layers", slope, measured, 1e-12))
        particles = DeepDAE(SampleField(quantiles), t, depth)(np.ones((1, 1)))[0, 0]
        comparisons.append(equal(f"L = {depth}: particles", slope, particles, 1e-4))
    series = (
        Series.of("recursion", depths, predicted, "dashed"),
        Series.of("DeepDAE", depths, found, "points"),
        Series.of("continuous limit", depths, [np.sqrt(1 - 1.0 / 1.3)] * 4, "dashed"),
    )
    plot = Plot("Slope of the map", "depth L", "Φ(1)", series, x_log=True)
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "deep_to_continuous",
    "Infinitely many layers",
    claim="As L → ∞ the deep denoising autoencoder tends to the flow dφ/dt = ∇log μ_t(φ), with an "
    "error of order 1/L; for a normal law, for which this is run, φ_t = (I − 2tΣ₀⁻¹)^½.",
    papers=(_PAPER,),
    where="continuous denoising autoencoder",
    reason="The next term of the error, of order 1/L², moves the exponent between depths 64 and "
    "256 by 0.008; 0.02 is allowed.",
    breaks={"(I − tΣ₀⁻¹)^½": {"factor": 1.0}, "the order 2": {"order": 2.0}},
)
def deep_to_continuous(
    effort: str,
    *,
    factor: float = 2.0,
    root: float = 0.5,
    speed: float = 1.0,
    order: float = 1.0,
) -> Outcome:
    """Deepen, and compare with the closed flow of a normal law."""
    sigma = np.array([[1.3, 0.4], [0.4, 0.9]])
    law, t = GaussianMixture([1.0], [[0.2, -0.1]], sigma), 0.15
    x = points(2, 50)
    values, vectors = np.linalg.eigh(np.linalg.inv(sigma))
    power = (vectors * (1 - factor * t * values) ** root) @ vectors.T
    limit = (x - law.means[0]) @ power + law.means[0]
    depths = sized(effort, (4, 16, 64, 256), (4, 16, 64, 256, 1024))
    errors = [relative_error(DeepDAE(law, t, depth)(x), limit) for depth in depths]
    flow = ContinuousDAE(law).flow(x, t, method="ode", rtol=1e-10, atol=1e-12).points
    later = GaussianMixture([1.0], law.means, sigma - 2 * 0.1 * np.eye(2))
    velocity = relative_error(ContinuousDAE(law).velocity(x, 0.1), speed * later.score(x))
    comparisons = (
        equal("order in 1/L", order, -fitted_slope(depths[-2:], errors[-2:]), 0.02),
        small(f"relative error at L = {depths[-1]}", errors[-1], 1e-3),
        small("velocity of the flow against ∇log μ_t", velocity, 1e-12),
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
    "the derivative of the inverse flow, a hundred. ∂_tμ_t is a difference over 1e−5.",
    breaks={
        "Σ_k − tI": {"factor": -1.0},
        "the heat equation forwards": {"factor": 2.0, "speed": 1.0},
    },
)
def backward_heat(
    effort: str, *, factor: float = -2.0, speed: float = -1.0, singular: float = 0.5
) -> Outcome:
    """Carry points; compare quantiles and densities with the closed law."""
    comparisons, plots = [], []
    for dim in (1, 2, 3):
        law, x = mixture(dim), points(dim, sized(effort, 60, 400))
        flow = ContinuousDAE(law)
        least = min(float(np.linalg.eigvalsh(np.atleast_2d(c)).min()) for c in law.covariances)
        comparisons.append(equal(f"m = {dim}: singular time", singular * least, flow.t_max, 1e-12))
        t = sized(effort, 0.7, 0.95) * flow.t_max
        moved = flow.flow(x, t, rtol=1e-10, atol=1e-12)
        covariances = [c + factor * t * np.eye(dim) for c in law.covariances]
        later = GaussianMixture(law.weights, law.means, covariances)
        carried = np.asarray(moved.log_density)
        gap = float(np.abs(carried - later.logpdf(moved.points)).max())
        comparisons.append(small(f"m = {dim}: log-density carried", gap, 1e-8))
        ends = [flow.law(t + s).pdf(x) for s in (-1e-5, 1e-5)]
        rate = relative_error((ends[1] - ends[0]) / 2e-5, speed * laplacian(flow.law(t))(x))
        comparisons.append(small(f"m = {dim}: ∂_tμ_t against −Δμ_t", rate, 1e-5))
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
    reason="The Fisher information is a quasi-Monte-Carlo mean, of which three reported errors are "
    "allowed, doubled since the entropies share its points; their central difference errs by 2e−3.",
    breaks={"half the Fisher information": {"factor": -0.5}, "growth": {"factor": 1.0}},
)
def entropy_and_fisher(effort: str, *, factor: float = -1.0) -> Outcome:
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
            fisher = fisher_information(flow.law(t), n=n, rng=0)
            information.append(fisher.value)
            label = f"m = {dim}, t = {t:.3f}: dH/dt over ∫|∇log μ|² dμ"
            allowed = 2e-3 + 6 * fisher.error / fisher.value
            comparisons.append(equal(label, factor, rates[-1] / fisher.value, allowed))
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
    reason="n = 20 001 particles on the line resolve the law to 1/n, most of it at the two ends, "
    "which are left out; the next term of the error, of order τ², moves the exponent between the "
    "two shortest steps by 0.013.",
    breaks={"velocity +∇log μ for F = −H": {"sign": 1.0}, "W₂²/τ": {"over": 1.0, "four": 2.0}},
)
def wasserstein_gradient_flow(
    effort: str,
    *,
    sign: float = -1.0,
    over: float = 2.0,
    four: float = 4.0,
    mean: float = 2.0,
    order: float = 1.0,
) -> Outcome:
    """Take implicit steps from quantiles of a law, and compare with its velocity."""
    n = sized(effort, 20_001, 80_001)
    level = (np.arange(n) + 0.5) / n
    start = np.sqrt(0.8) * ndtri(level)
    tau = 0.05
    step = jko_step(start, tau)
    inner = slice(n // 20, -n // 20)
    moved = np.sort(np.ravel(step.points))
    after = (np.sqrt(0.8) + np.sqrt(0.8 + four * tau)) / mean
    slope = float(np.polyfit(start[inner], moved[inner], 1)[0])

    def objective(y: NDArray) -> float:
        gaps = (n - 1) * np.diff(y)
        if gaps.min() <= 0:
            return np.inf
        return -float(np.log(gaps).mean()) + float(np.mean((y - start) ** 2)) / (over * tau)

    least, move = objective(moved), moved - start
    change = (objective(moved + 1e-4 * move) - objective(moved - 1e-4 * move)) / 2e-4
    rng = np.random.default_rng(0)
    wiggles = [np.sin(rng.uniform(0.2, 9) * moved + rng.uniform(0, 6)) for _ in range(20)]
    higher = min(objective(moved + s * w) - least for w in wiggles for s in (0.01, -0.01))
    comparisons = [
        equal("normal law: slope of a step", after / np.sqrt(0.8), slope, 1e-4),
        small(
            "slope of F + W₂²/(2τ) along the step, over W₂²/τ",
            change * tau / step.distance**2,
            1e-3,
        ),
        at_least("least rise of F + W₂²/(2τ) beside the step", 0.0, higher),
    ]
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
    times = np.array((0.01, 1.25e-3, 6.25e-4))
    errors = []
    for tau in times:
        rate = (np.ravel(jko_step(x, tau).points) - x) / tau
        errors.append(relative_error(rate[inner], velocity[inner]))
    comparisons += [
        equal(
            "order in τ of a step's velocity", order, fitted_slope(times[-2:], errors[-2:]), 0.03
        ),
        small(f"velocity of a step, τ = {times[-1]:g}: relative error", errors[-1], 0.01),
        small("velocity of F = −H: relative error", relative_error(library, velocity), 1e-12),
        small(
            "denoising velocity against its negative", relative_error(-denoising, velocity), 1e-12
        ),
    ]
    series = (
        Series.of("−∇log μ", x[inner][::200], velocity[inner][::200], "dashed"),
        Series.of(f"implicit step, τ = {tau:g}", x[inner][::600], rate[inner][::600], "points"),
    )
    plot = Plot("Velocity of the heat flow", "x", "", series)
    return Outcome(tuple(comparisons), (plot,))
