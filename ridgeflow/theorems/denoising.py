"""One denoising autoencoder: the posterior mean as a transport map."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.theorems.example_laws import mixture, points
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
from ridgeflow.transport.distances import wasserstein2
from ridgeflow.transport.flow import ContinuousDAE
from ridgeflow.transport.gaussian_dae import GaussianDAE
from ridgeflow.transport.position_noise_dae import PositionNoiseDAE
from ridgeflow.transport.stacked_dae import StackedDAE

_PAPER = "sonoda2019transport"


def _posterior_mean(law: GaussianMixture, t: float, x: NDArray, n: int) -> NDArray:
    """E[x₀ | x] by the trapezoid rule, from the definition."""
    axis = np.linspace(-6, 6, n)
    grid = np.stack(np.meshgrid(*[axis] * law.dim, indexing="ij"), -1).reshape(-1, law.dim)
    square = ((x[:, None] - grid) ** 2).sum(axis=2)
    joint = np.exp(-0.5 * square / t) * law.pdf(grid)
    return joint @ grid / joint.sum(axis=1, keepdims=True)


@statement(
    "tweedie",
    "The optimal denoising autoencoder moves along the score of the smoothed law",
    claim="E[x₀ | x₀ + ε = x] = x + t ∇log(N(0, tI) * μ₀)(x) for ε ~ N(0, tI) (Tweedie's formula), "
    "and ∂_tΦ_t = ∇log μ₀ at t = 0.",
    papers=("alain2014regularized", "sonoda2019transport", "efron2011tweedie"),
    where="Theorem 1",
    reason="The posterior mean is a trapezoid sum over the law, exact to rounding; the difference "
    "quotient at t = 0 errs in first order in t ≤ 1e−3, its exponent by a few of these.",
    breaks={
        "the opposite sign of the score": {"factor": -1.0},
        "the standard deviation in place of t": {"power": 0.5},
        "half of the score at t = 0": {"speed": 0.5},
    },
)
def tweedie(effort: str, *, factor: float = 1.0, power: float = 1.0, speed: float = 1.0) -> Outcome:
    """Integrate the posterior; compare with the score, and with the library's map."""
    comparisons = []
    for dim in (1, 2):
        law, x = mixture(dim), points(dim, 40)
        for t in (0.05, 0.5):
            truth = _posterior_mean(law, t, x, 801 if dim == 1 else 241)
            score = law.smooth(t * np.eye(dim)).score(x)
            error = relative_error(x + factor * t**power * score, truth)
            comparisons.append(small(f"score, m = {dim}, t = {t}: relative error", error, 1e-10))
            error = relative_error(GaussianDAE(law, t)(x), truth)
            comparisons.append(small(f"GaussianDAE, m = {dim}, t = {t}", error, 1e-10))
    law, x = mixture(2), points(2, 100)
    times = 1e-3 * 2.0 ** -np.arange(sized(effort, 5, 9))
    limit = speed * law.score(x)
    errors = [relative_error((GaussianDAE(law, t)(x) - x) / t, limit) for t in times]
    order = fitted_slope(times, errors)
    comparisons.append(equal("order of (Φ_t − id)/t → ∇log μ₀", 1.0, order, 0.01))
    comparisons.append(small(f"the same, t = {times[-1]:.1g}: relative error", errors[-1], 2e-3))
    line = np.linspace(-2.5, 2.5, 101)[:, None]
    curve = GaussianDAE(mixture(1), 0.5)(line)
    exact = _posterior_mean(mixture(1), 0.5, line, 801)
    plots = (
        Plot(
            "Posterior mean, m = 1, t = 0.5",
            "noisy x",
            "Φ_t(x)",
            (
                Series.of("quadrature", line, exact, "dashed"),
                Series.of("id + t × score", line[::4], curve[::4], "points"),
                Series.of("identity", line, line, "dashed"),
            ),
        ),
        Plot(
            "Velocity at t → 0",
            "t",
            "relative error",
            (
                Series.of("(Φ_t − id)/t against ∇log μ₀", times, errors),
                Series.of("t", times, errors[-1] * times / times[-1], "dashed"),
            ),
            x_log=True,
            y_log=True,
        ),
    )
    return Outcome(tuple(comparisons), plots)


@statement(
    "shallow_pushforward",
    "What a shallow denoising autoencoder does to its law",
    claim="For a normal law Φ_t♯N(m,Σ) = N(m, Σ(I + tΣ⁻¹)⁻²); for every law ∂_t(Φ_t♯μ₀) = −Δμ₀ at "
    "t = 0: the heat equation backwards, at full speed (not half of it).",
    papers=(_PAPER,),
    where="pushforward of the shallow denoising autoencoder",
    reason="The linear map is fitted to mapped points, exact to rounding; the "
    "difference quotient errs in first order in t ≤ 1e−3, its exponent by a few of these.",
    breaks={
        "half the Laplacian": {"factor": -0.5},
        "the heat equation forwards": {"factor": 1.0},
        "(I + tΣ⁻¹)⁻¹": {"power": -1.0},
    },
)
def shallow_pushforward(effort: str, *, factor: float = -1.0, power: float = -2.0) -> Outcome:
    """Map points of a normal law; difference the density of a mixture in t."""
    sigma = np.array([[0.8, 0.3], [0.3, 0.5]])
    comparisons = []
    rng = np.random.default_rng(0)
    x = rng.multivariate_normal([0.3, -0.2], sigma, 500)
    for t in (0.1, 1.0):
        dae = GaussianDAE(GaussianMixture([1.0], [[0.3, -0.2]], sigma), t)
        linear = np.linalg.lstsq(x - x.mean(0), dae(x) - dae(x).mean(0), rcond=None)[0].T
        values, vectors = np.linalg.eigh(sigma)
        after = (vectors * values * (1 + t / values) ** power) @ vectors.T
        error = relative_error(linear @ sigma @ linear.T, after)
        comparisons.append(small(f"covariance, t = {t}: relative error", error, 1e-11))
    axis = np.linspace(-1.6, 1.6, 161)
    law = mixture(1)
    bend = np.zeros(len(axis))
    for w, m, c in zip(law.weights, law.means[:, 0], law.covariances.ravel(), strict=True):
        density = w * np.exp(-0.5 * (axis - m) ** 2 / c) / np.sqrt(2 * np.pi * c)
        bend += density * ((axis - m) ** 2 / c**2 - 1 / c)
    times = 1e-3 * 2.0 ** -np.arange(sized(effort, 5, 8))
    errors = []
    for t in times:
        moved = np.exp(GaussianDAE(law, t).pushforward_logpdf(axis[:, None]))
        rate = (moved - law.pdf(axis[:, None])) / t
        errors.append(float(np.abs(rate - factor * bend).max() / np.abs(bend).max()))
    comparisons.append(equal("order in t of the rate", 1.0, fitted_slope(times, errors), 0.02))
    comparisons.append(small(f"rate against −Δμ₀ at t = {times[-1]:.1g}", errors[-1], 5e-3))
    plot = Plot(
        "Rate of the density",
        "x",
        "",
        (
            Series.of("−Δμ₀", axis, -bend, "dashed"),
            Series.of("(Φ_t♯μ₀ − μ₀)/t", axis[::4], rate[::4], "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "anisotropic",
    "Anisotropic noise",
    claim="For noise N(0, tD), Φ_t = id + tD ∇log(N(0, tD) * μ₀), and its continuous limit takes "
    "N(m, Σ₀) to N(m, Σ₀ − 2tD) by (I − 2tDΣ₀⁻¹)^½ and a mixture to that of the Σ_k − 2tD.",
    papers=(_PAPER,),
    where="anisotropic denoising autoencoder",
    reason="The posterior mean is a quadrature exact to rounding; the flow is integrated to 1e−9, "
    "and carries its log-density.",
    breaks={
        "isotropic noise of the same trace": {"isotropic": True},
        "Σ₀ − tD": {"factor": -1.0},
        "I − 2tDΣ₀⁻¹ without the root": {"root": 1.0},
    },
)
def anisotropic(
    effort: str,
    *,
    isotropic: bool = False,
    step: float = 1.0,
    factor: float = -2.0,
    root: float = 0.5,
) -> Outcome:
    """Integrate the posterior; carry points and densities along the flow."""
    noise = np.array([[1.2, 0.4], [0.4, 0.5]])
    used = np.eye(2) * np.trace(noise) / 2 if isotropic else noise
    law, x, t = mixture(2), points(2, 40), 0.1
    axis = np.linspace(-6, 6, 241)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    inverse = np.linalg.inv(t * used)
    offsets = x[:, None] - grid
    joint = np.exp(-0.5 * np.einsum("nqi,ij,nqj->nq", offsets, inverse, offsets)) * law.pdf(grid)
    truth = joint @ grid / joint.sum(axis=1, keepdims=True)
    error = relative_error(GaussianDAE(law, t, covariance=noise)(x), truth)
    score = law.smooth(t * used).score(x)
    formula = relative_error(x + step * t * score @ used, truth)
    comparisons = [
        small("posterior mean: relative error", error, 1e-10),
        small("id + tD ∇log(N(0, tD) * μ₀): relative error", formula, 1e-10),
    ]
    flow = ContinuousDAE(law, covariance=noise)
    end = sized(effort, 0.6, 0.9) * flow.t_max
    moved = flow.flow(x, end, rtol=1e-9, atol=1e-11)
    later = GaussianMixture(
        law.weights, law.means, [c + factor * end * used for c in law.covariances]
    )
    gap = float(np.abs(np.asarray(moved.log_density) - later.logpdf(moved.points)).max())
    comparisons.append(small("log-density along the flow of the mixture", gap, 1e-7))
    sigma = np.array([[0.8, 0.3], [0.3, 0.5]])
    normal = ContinuousDAE(GaussianMixture([1.0], [[0.0, 0.0]], sigma), covariance=noise)
    end = 0.3 * normal.t_max
    found = normal.flow(np.eye(2), end, method="ode", rtol=1e-10, atol=1e-12).points.T
    values, vectors = np.linalg.eig(np.eye(2) + factor * end * used @ np.linalg.inv(sigma))
    power = (vectors * values**root) @ np.linalg.inv(vectors)
    error = relative_error(found, power)
    comparisons.append(small("(I − 2tDΣ₀⁻¹)^½: relative error", error, 1e-8))
    circle = np.stack(
        [np.cos(np.linspace(0, 2 * np.pi, 61)), np.sin(np.linspace(0, 2 * np.pi, 61))]
    )
    ellipse = np.linalg.cholesky(sigma) @ circle
    after = power @ ellipse
    there = normal.flow(ellipse.T[::3], end, method="ode").points
    plot = Plot(
        "A level set of a normal law",
        "x₁",
        "x₂",
        (
            Series.of("before", ellipse[0], ellipse[1]),
            Series.of("(I − 2tDΣ₀⁻¹)^½ of it", after[0], after[1], "dashed"),
            Series.of("flow", there[:, 0], there[:, 1], "points"),
        ),
    )
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "position_noise",
    "Noise that depends on the point",
    claim="For noise N(0, tD(x)) at the clean point x, (Φ_t − id)/t → D ∇log μ + ∇·D; the second "
    "term is missing where only constant D is considered.",
    papers=(_PAPER,),
    where="anisotropic denoising autoencoder",
    reason="The difference quotient errs in first order in t ≤ 2e−3, its exponent by some ten of "
    "these.",
    breaks={"no divergence of D": {"divergence": 0.0}, "twice the divergence": {"divergence": 2.0}},
)
def position_noise(effort: str, *, factor: float = 1.0, divergence: float = 1.0) -> Outcome:
    """Denoise with small noise of varying size, and compare with the closed velocity."""
    law = mixture(1)
    x = np.linspace(-2, 2, 81)[:, None]

    def size(y: NDArray) -> NDArray:
        return (1 + 0.5 * np.sin(2 * y))[..., None]

    drift = divergence * np.cos(2 * x)
    expected = factor * (1 + 0.5 * np.sin(2 * x)) * law.score(x) + drift
    times = 2e-3 * 2.0 ** -np.arange(sized(effort, 5, 8))
    errors = [relative_error((PositionNoiseDAE(law, t, size)(x) - x) / t, expected) for t in times]
    found = (PositionNoiseDAE(law, times[-1], size)(x) - x) / times[-1]
    comparisons = (
        equal("order of the convergence", 1.0, fitted_slope(times, errors), 0.03),
        small(f"relative error at t = {times[-1]:g}", errors[-1], 2e-3),
    )
    plot = Plot(
        "Velocity",
        "x",
        "",
        (
            Series.of("D ∇log μ + ∇·D", x, expected, "dashed"),
            Series.of("(Φ_t − id)/t", x[::3], found[::3], "points"),
        ),
    )
    return Outcome(comparisons, (plot,))


@statement(
    "stacking_is_composition",
    "A stack of denoising autoencoders is a composition in the ground space",
    claim="The decoded stack with decoders C_l is the composition of denoising autoencoders with "
    "noise N(0, t_l D_l), D_l = (C₀⋯C_(l−1))(C₀⋯C_(l−1))ᵀ, of the laws that reach them.",
    papers=(_PAPER, "vincent2010stacked"),
    where="equivalence of stacked and composed denoising autoencoders",
    reason="Both sides are exact for samples and for normal laws.",
    breaks={
        "isotropic noise in the ground space": {"matched": False},
        "decoders up to C_l": {"ahead": True},
    },
)
def stacking_is_composition(
    effort: str, *, scale: float = 1.0, matched: bool = True, ahead: bool = False
) -> Outcome:
    """Decode a stack and compare it with a composition that is built here."""
    decoders = [np.array([[1.2, 0.3], [0.0, 0.8]]), np.array([[0.9, -0.4], [0.5, 1.1]]), np.eye(2)]
    times, x = [0.1, 0.05, 0.08], points(2, 60)
    laws: dict[str, SampleField | GaussianMixture] = {
        "samples": SampleField(mixture(2).sample(sized(effort, 400, 2000), rng=1)),
        "normal law": GaussianMixture([1.0], [[0.3, -0.2]], [[0.5, 0.1], [0.1, 0.3]]),
    }
    comparisons, series = [], []
    for label, law in laws.items():
        stack = StackedDAE(law, times, decoders)
        composed, product, here = x, np.eye(2), law
        for t, decoder in zip(times, decoders, strict=True):
            product = product @ decoder if ahead else product
            noise = scale * product @ product.T if matched else None
            layer = GaussianDAE(here, t, covariance=noise)
            composed = layer(composed)
            here = layer.pushforward()
            product = product if ahead else product @ decoder
        error = float(np.abs(stack(x) - composed).max())
        own = float(np.abs(stack.composed(x) - composed).max())
        comparisons += [
            small(f"{label}: largest distance", error, 1e-11),
            small(f"{label}: of the library's composition", own, 1e-11),
        ]
        found = stack(x)
        series.append(Series.of(f"composition, {label}", composed[:, 0], composed[:, 1], "points"))
        series.append(Series.of(f"stack, {label}", found[:, 0], found[:, 1], "points"))
    plot = Plot("Where the points go", "x₁", "x₂", tuple(series))
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "brenier",
    "The denoising autoencoder is an optimal transport map",
    claim="Φ_t is the gradient of a convex function: its Jacobian is symmetric and positive, and "
    "it carries points to their images at the least total squared distance: W₂(μ_n, Φ_t♯μ_n) is "
    "the root mean square displacement.",
    papers=("brenier1991polar", "sonoda2019transport"),
    where="polar factorisation",
    reason="Exact: the assignment problem has the identity as its solution, to rounding.",
    breaks={
        "a displacement turned by 90 degrees": {"turn": True},
        "half of the squared displacement": {"cost": 0.5},
    },
)
def brenier(effort: str, *, cost: float = 1.0, turn: bool = False) -> Outcome:
    """Solve the assignment problem between points and their images."""
    law = mixture(2)
    n = sized(effort, 300, 1500)
    comparisons, distances = [], []
    times = (0.05, 0.2, 1.0)
    for t in times:
        dae, x = GaussianDAE(law, t), points(2, n)
        move = dae(x) - x
        jacobian = dae.jacobian(x)
        if turn:
            move = move[:, ::-1] * [1.0, -1.0]
            jacobian = np.eye(2) + (jacobian - np.eye(2))[:, ::-1] * np.array([[1.0], [-1.0]])
        skew = float(np.abs(jacobian - np.swapaxes(jacobian, 1, 2)).max())
        least = float(np.linalg.eigvalsh(0.5 * (jacobian + np.swapaxes(jacobian, 1, 2))).min())
        distance = wasserstein2(x, x + move)
        sides = [dae.potential(x[:50] + s) for s in (*(1e-5 * np.eye(2)), *(-1e-5 * np.eye(2)))]
        slope = np.stack([sides[0] - sides[2], sides[1] - sides[3]], axis=1) / 2e-5
        apart = relative_error(slope, (x + move)[:50])
        displacement = float(np.sqrt(cost * (move**2).sum(axis=1).mean()))
        comparisons += [
            small(f"t = {t}: asymmetry of the Jacobian", skew, 1e-12),
            at_least(f"t = {t}: least eigenvalue of the Jacobian", 0.0, least),
            equal(f"t = {t}: W₂ against the displacement", displacement, distance, 1e-10),
            small(f"t = {t}: ∇ of the potential against the map", apart, 1e-6),
        ]
        distances.append((displacement, distance))
    series = (
        Series.of("root mean square displacement", times, [d for d, _ in distances], "dashed"),
        Series.of("W₂", times, [w for _, w in distances], "points"),
    )
    plot = Plot("Cost of the transport", "t", "distance", series, x_log=True)
    return Outcome(tuple(comparisons), (plot,))
