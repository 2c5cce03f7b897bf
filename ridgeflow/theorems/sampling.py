"""Networks of finite width: ridge regression, Monte-Carlo rates, and what dimension does."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from functools import cache
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

from ridgeflow.errors import RankWarning
from ridgeflow.networks.outer_weights import fit_outer_weights
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import activation
from ridgeflow.profiles.admissibility import admissibility
from ridgeflow.ridgelet.reconstruct import reconstruct
from ridgeflow.theorems.example_laws import mixture, points, spectrum
from ridgeflow.theorems.ridgelet import published_line
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

# Neurons of the ridge regression are uniform on |a| <= A, |b| <= B, samples on |x| <= X.
_A, _B, _X = 5.0, 19.0, 3.0


def _even(count: int, half: float) -> NDArray:
    """Midpoints of equal cells of [−half, half]: uniform without scatter."""
    return half * (2 * np.arange(count) + 1 - count) / count


def _limit(
    a: NDArray, b: NDArray, beta: float, cut: float, kernel: float, measure: float
) -> NDArray:
    """R[f_A;σ](a,b) by the slice formula, for σ̂ = √(2π) iω exp(−ω²/2) and the mixture f."""
    law, omega = mixture(1), np.linspace(-6, 6, 301)
    sigma = -np.sqrt(2 * np.pi) * 1j * omega * np.exp(-0.5 * omega**2)
    xi = a[:, None] * omega
    parts = zip(law.weights, law.means[:, 0], law.covariances.ravel(), strict=True)
    f = sum(w * np.exp(-1j * xi * m - 0.5 * c * xi**2) for w, m, c in parts)
    f /= kernel * np.exp(-((xi / cut) ** 2)) + measure * beta
    waves = sigma * np.exp(1j * omega * b[:, None])
    return (f * waves).sum(axis=1).real * (omega[1] - omega[0]) / (2 * np.pi)


def _weights(a: NDArray, b: NDArray, x: NDArray, beta: float, volume: float) -> NDArray:
    """P c_j/|V| of the network that the library fits."""
    sigma, f = activation("gaussian").derivative(), mixture(1).pdf(x[:, None])
    net = fit_outer_weights(a[:, None], b, sigma, x[:, None], f, ridge=beta, measure=volume)
    return len(b) * np.ravel(net.c) / volume


@cache
def _even_weights(beta: float, cut: float) -> tuple[NDArray, NDArray, NDArray]:
    """Neurons and fitted weights where both neurons and samples are spread evenly."""
    high = cut * _X + 4.0
    sides = _even(round(4 * cut), cut), _even(round(2.3 * high), high)
    a, b = (v.ravel() for v in np.meshgrid(*sides, indexing="ij"))
    return a, b, _weights(a, b, _even(60, _X), beta, 4 * cut * high)


@cache
def _scatter(what: str, sizes: tuple[int, ...], draws: int) -> tuple[float, ...]:
    """Root mean square distance of weights from their limit, of random samples or neurons."""
    rng, beta, found = np.random.default_rng(0), 10.0, []
    a, b = (v.ravel() for v in np.meshgrid(_even(20, _A), _even(44, _B), indexing="ij"))
    x = _even(60, _X)
    centre = _weights(a, b, x, beta, 4 * _A * _B)
    for size in sizes:
        gaps = []
        for _ in range(draws):
            if what == "samples":
                fitted = _weights(a, b, rng.uniform(-_X, _X, size), beta, 4 * _A * _B)
                expected = centre
            else:
                one, two = rng.uniform(-_A, _A, size), rng.uniform(-_B, _B, size)
                fitted = _weights(one, two, x, beta, 4 * _A * _B)[:300]
                expected = _limit(one[:300], two[:300], beta, _A, 2 * np.pi, 2 * _X)
            gaps.append(((fitted - expected) ** 2).sum() / (expected**2).sum())
        found.append(float(np.sqrt(np.mean(gaps))))
    return tuple(found)


@statement(
    "ridge_regression",
    "Ridge regression finds the ridgelet spectrum",
    claim="With n samples uniform on X, P neurons uniform on V = {|a| ≤ A, |b| ≤ B} and outer "
    "weights by ridge regression with penalty β, P c_j/|V| → R[f_A;σ](a_j,b_j), f̂_A = f̂/(K_A + "
    "|X| β), with an error of O(n^(−1/2) + P^(−1/2)); K_A(ξ) = K(σ,σ) exp(−ξ²/A²), K(σ,σ) = 2π "
    "for σ = G′, so that R[f;σ]/(K(σ,σ) + |X| β) is the limit for large A. Here |X| = 6.",
    papers=("sonoda2021ridge",),
    where="Theorems 3.3 and 3.4",
    reason="The constants are read off from samples and neurons spread evenly, where weights have "
    "their limit to 3e−4, for β of 0.1 (K dominates) and of 10 (|X| β dominates). Draws scatter: "
    "the exponents by 0.03.",
    breaks={
        "β in place of |X| β": {"measure": 1.0},
        "K(σ,σ) − 30 percent": {"kernel": 0.7 * 2 * np.pi},
        "c_j/|V|": {"count": 0.0},
    },
    resolution={"rate": 0.2},
)
def ridge_regression(
    effort: str,
    *,
    kernel: float = 2 * np.pi,
    measure: float = 6.0,
    count: float = 1.0,
    rate: float = -0.5,
) -> Outcome:
    """Fit neurons to samples of a mixture, and regress their weights on the spectrum."""
    comparisons, shown = [], []
    for beta in (0.1, 10.0):
        a, b, fitted = _even_weights(beta, _A)
        part = slice(None, None, 2)
        found = fitted[part] * float(len(b)) ** (count - 1)
        expected = _limit(a[part], b[part], beta, _A, kernel, measure)
        slope = float(found @ expected / (expected @ expected))
        comparisons += [
            equal(f"β = {beta:g}: slope of the weights against the limit", 1.0, slope, 1e-3),
            small(f"β = {beta:g}: distance from the limit", relative_error(found, expected), 1e-3),
        ]
        shown.append((expected, found))
    gaps = []
    for cut in (0.5 * _A, _A):
        a, b, fitted = _even_weights(0.1, cut)
        gaps.append(relative_error(fitted, _limit(a, b, 0.1, np.inf, kernel, measure)))
    comparisons.append(at_most("distance from R/(K + |X| β), A over A/2", 0.5, gaps[1] / gaps[0]))
    series = []
    draws = sized(effort, 40, 240)
    for what, sizes in (("samples", (16, 128)), ("neurons", (50, 800))):
        found = _scatter(what, sizes, draws)
        label = f"rate in the number of {what}"
        comparisons.append(equal(label, rate, fitted_slope(sizes, found), 0.09))
        rule = found[-1] * (np.array(sizes) / sizes[-1]) ** -0.5
        series += [Series.of(what, sizes, found), Series.of("", sizes, rule, "dashed")]
    expected, found = shown[0]
    ends = [float(expected.min()), float(expected.max())]
    plots = (
        Plot(
            "Evenly spread neurons, β = 0.1",
            "R[f_A;σ]",
            "P c/|V|",
            (Series.of("equal", ends, ends, "dashed"), Series.of("", expected, found, "points")),
        ),
        Plot("Draws, β = 10", "number", "relative distance", tuple(series), x_log=True, y_log=True),
    )
    return Outcome(tuple(comparisons), plots)


@dataclass(frozen=True)
class _Pool:
    """What many independent neurons of a spectrum give, and what the spectrum says of them."""

    points: NDArray
    target: NDArray
    # ‖R‖₁/|K|, E_p η², the mean of all nodes and its second moment about the target.
    gain: float
    square: NDArray
    mean: NDArray
    spread: NDArray
    # Of the draws: c_j J over ‖R‖₁/|K|, outputs of single neurons (n, N).
    scale: NDArray
    values: NDArray


@cache
def _pool(dim: int, name: str, count: int) -> _Pool:
    eta, whole = activation(name), spectrum(dim, name, 2e-2)
    constant = admissibility(eta, whole.ridgelet)
    x = points(dim, 6)
    target = reconstruct(whole, eta, x)
    grid, mass = whole.grid, np.abs(whole.values) * whole.grid.weights
    total = float(mass.sum())
    gain = total / abs(constant)
    sums = np.zeros((3, len(x)))
    for start in range(0, len(mass), 50_000):
        part = slice(start, start + 50_000)
        neuron = eta(x @ grid.a[part].T - grid.b[part])
        one = gain * np.sign(whole.values[part] * constant) * neuron
        weight = mass[part] / total
        sums += [neuron**2 @ weight, one @ weight, (one - target[:, None]) ** 2 @ weight]
    net = ShallowNetwork.from_spectrum(
        whole,
        eta,
        count,
        sampling="monte_carlo",
        weights="importance",
        control=None,
        rng=dim,
    )
    values = eta(x @ net.a.T - net.b) * (count * np.ravel(net.c))
    square, mean, spread = sums
    scale = np.abs(count * np.ravel(net.c)) / gain
    return _Pool(x, target, gain, square, mean, spread, scale, values)


@statement(
    "monte_carlo_rate",
    "Neurons drawn from the spectrum: the error is J^(−1/2), with its constant",
    claim="With (a,b) drawn from p = |R[f;ψ]|/‖R‖₁, f_J = (‖R‖₁/(K J)) Σ sgn R η(a_j·x − b_j) is "
    "unbiased and E|f_J(x) − f(x)|² = [(‖R‖₁/K)² E_p η² − f(x)²]/J.",
    papers=("sonoda2014sampling", "barron1993universal", "murata1996integral"),
    where="approximation bounds",
    reason="The mean over one neuron is summed over all nodes, exactly but for the reconstruction. "
    "Networks are blocks of one draw of 2^17 neurons; their mean square error, and the mean, have "
    "the standard errors of means over blocks: three are allowed, four for the largest of six.",
    breaks={
        "the rate J^(−1)": {"rate": -1.0},
        "a variance without ‖R‖₁²": {"power": 1.0},
        "no −f²": {"square": 0.0},
    },
)
def monte_carlo_rate(
    effort: str, *, rate: float = -0.5, power: float = 2.0, square: float = -1.0
) -> Outcome:
    """Draw networks of growing width and compare their errors with the variance of one neuron."""
    comparisons, plots = [], []
    widths = (1, 16, 256)
    count = sized(effort, 2**17, 2**19)
    for dim, name in ((1, "tanh"), (2, "gaussian"), (3, "tanh")):
        label, pool = f"{name}, m = {dim}", _pool(dim, name, count)
        first = pool.gain**power * pool.square
        exact = float(np.mean(first + square * pool.target**2))
        least = float(np.mean(pool.target**2))
        gap = float(np.mean(pool.spread - first) / least)
        comparisons += [
            small(f"{label}: bias, all nodes", relative_error(pool.mean, pool.target), 1e-3),
            equal(f"{label}: E|f₁ − f|² − (‖R‖₁/K)² E_p η² over f²", square, gap, 1e-2),
            small(f"{label}: |c_j| J K over ‖R‖₁, off 1", np.abs(pool.scale - 1).max(), 1e-9),
        ]
        error = pool.values.std(axis=1) / np.sqrt(count)
        worst = np.abs(pool.values.mean(axis=1) - pool.target) / error
        comparisons.append(at_most(f"{label}: bias over its deviation", 4.0, worst.max()))
        errors, allowed = [], []
        for width in widths:
            found = pool.values.reshape(len(pool.points), -1, width).mean(axis=2)
            squares = ((found - pool.target[:, None]) ** 2).mean(axis=0)
            mean = float(squares.mean())
            errors.append(float(np.sqrt(mean)))
            allowed.append(3 * float(squares.std()) / np.sqrt(len(squares)) / mean)
            ratio = mean * width / exact
            text = f"{label}, J = {width}: mean square error over its prediction"
            comparisons.append(equal(text, 1.0, ratio, allowed[-1]))
        slack = 0.5 * (allowed[0] + allowed[-1]) / np.log(widths[-1] / widths[0])
        slope = fitted_slope(widths, errors)
        comparisons.append(equal(f"{label}: exponent of J", rate, slope, slack))
        line = np.sqrt(exact) * np.array(widths, dtype=float) ** -0.5
        series = (
            Series.of("root mean square error", widths, errors, "points"),
            Series.of("prediction", widths, line, "dashed"),
        )
        plots.append(Plot(label, "width J", "error", series, x_log=True, y_log=True))
    return Outcome(tuple(comparisons), tuple(plots))


# Directions of a law on R^d of which the moments of draws are made exact.
_LEAD = 4
_MOMENTS = (1.0, 0.0, 1.0, 0.0, 3.0)


def _calibrated(z: NDArray, q: NDArray) -> NDArray:
    """Weights of normal draws (n, d) whose moments up to order four are those of the law.

    Exact in the first directions, and in q-weighted squares of the others: control variates.
    """
    rest, (one, two) = z[:, _LEAD:] ** 2 @ q[_LEAD:], (q[_LEAD:].sum(), (q[_LEAD:] ** 2).sum())
    columns, means = [np.ones(len(z)), rest, rest**2], [1.0, one, one**2 + 2 * two]
    for degree in (2, 4):
        for chosen in combinations_with_replacement(range(_LEAD), degree):
            column = z[:, chosen].prod(axis=1)
            mean = float(np.prod([_MOMENTS[chosen.count(i)] for i in range(_LEAD)]))
            columns.append(column)
            means.append(mean)
            if degree == 2:
                columns.append(column * rest)
                means.append(mean * one)
    features = np.stack(columns, axis=1)
    gap = np.array(means) - features.mean(axis=0)
    weights = np.linalg.lstsq(features.T @ features / len(z), gap, rcond=None)[0]
    return (1 + features @ weights) / len(z)


def _points_of(q: NDArray, n: int, rng: np.random.Generator) -> NDArray:
    """n draws of N(0, diag q), their covariance exact in the first directions."""
    half = rng.normal(size=(n // 2, len(q)))
    x = np.vstack([half, -half])
    lead = x[:, : min(n // 2 - 2, len(q))]
    values, vectors = np.linalg.eigh(lead.T @ lead / n)
    x[:, : lead.shape[1]] = lead @ (vectors / np.sqrt(values)) @ vectors.T
    rest = x[:, lead.shape[1] :]
    rest /= np.sqrt((rest**2).mean()) if rest.size else 1.0
    return x * np.sqrt(q)


@cache
def _one_neuron(dim: int, decay: float, count: int) -> tuple[float, float]:
    """E|a (a·x)_+ − Qx/2|² and the slope of E[a (a·x)_+] in Qx, by networks of calibrated draws."""
    rng = np.random.default_rng(dim)
    q = np.arange(1.0, dim + 1) ** -decay
    x = _points_of(q, 16, rng)
    half = rng.normal(size=(count // 2, dim))
    weights = np.tile(_calibrated(half, q) / 2, 2)[:, None]
    a = np.vstack([half, -half]) * np.sqrt(q)
    zero, truth = np.zeros(count), 0.5 * x * q
    mean = ShallowNetwork(a, zero, weights * a, "relu")(x)
    sizes = (a**2).sum(axis=1, keepdims=True)
    second = ShallowNetwork(a, zero, weights * sizes, "relu2")(x).ravel()
    size = (truth**2).sum(axis=1)
    square = float((second - 2 * (mean * truth).sum(axis=1) + size).mean())
    return square, 0.5 * float((mean * truth).sum() / size.sum())


@cache
def _drawn_error(dim: int, width: int, draws: int) -> float:
    """Mean square error of networks of that width, for Q = diag(j^−2)."""
    rng = np.random.default_rng(width)
    q = np.arange(1.0, dim + 1) ** -2.0
    x = _points_of(q, 16, rng)
    total = 0.0
    for _ in range(draws):
        a = rng.normal(size=(width, dim)) * np.sqrt(q)
        net = ShallowNetwork(a, np.zeros(width), a / width, "relu")
        total += float(((net(x) - 0.5 * x * q) ** 2).sum(axis=1).mean())
    return total / draws


@statement(
    "dimension_free",
    "The Monte-Carlo rate does not see the dimension",
    claim="The ReLU field v(x) = E[a (a·x)_+] = Qx/2, a ~ N(0, Q), with trace-class Q = "
    "diag(j^−2), is approximated by J neurons with the root mean square error {[tr Q tr Q²/2 + 3 "
    "tr Q³/4]/J}^½ over x ~ N(0, Q): 1.286 J^(−1/2) for large d, the same from d = 10 to 10⁴. "
    "For Q = I the relative error is [(2d + 3)/J]^½: J has to grow with d.",
    papers=("barron1993universal", "sonoda2017double", "murata1996integral"),
    where="approximation bounds",
    reason="One neuron: draws with exact moments of order four in four directions and exact "
    "covariance of the points, 0.1 percent (0.02 with Q = I, where all directions count and only "
    "four are exact). Networks of 256 neurons: D draws of a mean square in "
    "which one direction dominates scatter by (2/D)^(1/2), 7 percent for 400; three of these are "
    "allowed.",
    breaks={"Q = I": {"decay": 0.0}, "the rate J^(−1)": {"rate": -1.0}},
)
def dimension_free(
    effort: str,
    *,
    decay: float = 2.0,
    field: float = 0.5,
    half: float = 0.5,
    quarter: float = 0.75,
    value: float = 1.286,
    rate: float = -0.5,
    growth: float = 0.0,
    full: tuple[float, float] = (2.0, 3.0),
) -> Outcome:
    """Draw neurons of a Gaussian law on R^d, for d over three decades."""
    dims, count = (10, 100, 1000, 10_000), sized(effort, (1024, 1024, 512, 256), (4096,) * 4)
    comparisons, series, ones = [], [], []
    for dim, n in zip(dims, count, strict=True):
        q = np.arange(1.0, dim + 1) ** -2.0
        predicted = half * q.sum() * (q**2).sum() + quarter * (q**3).sum()
        square, slope = _one_neuron(dim, decay, n)
        comparisons.append(equal(f"d = {dim}: E[a (a·x)_+] against Qx", field, slope, 2e-3))
        ones.append(np.sqrt(square))
        ratio = ones[-1] / np.sqrt(predicted)
        comparisons.append(equal(f"d = {dim}, J = 1: error over its formula", 1.0, ratio, 4e-3))
        if dim > 1000:
            break
        draws = sized(effort, {10: 400, 100: 100, 1000: 20}[dim], 1600)
        last = np.sqrt(_drawn_error(dim, 256, draws))
        slack = 1.5 * np.sqrt(2 / draws) / np.log(256)
        slope = float(np.log(last / ones[-1]) / np.log(256))
        comparisons.append(equal(f"d = {dim}: exponent of J, from 1 to 256", rate, slope, slack))
        series.append(Series.of(f"d = {dim}", (1, 256), (ones[-1], last)))
    comparisons.append(equal("error of one neuron, d = 10⁴", value, ones[-1], 6e-3))
    # The formula itself changes by 1.6 percent between the ends.
    comparisons.append(equal("exponent of d", growth, fitted_slope(dims, ones), 0.01))
    for dim, n, slack in ((5, 1024, 2e-3), (400, 1024, 0.03)):
        found = _one_neuron(dim, 0.0, n)[0] / (0.25 * dim)
        text = f"Q = I, d = {dim}: relative mean square error over 2d + 3"
        comparisons.append(equal(text, 1.0, found / (full[0] * dim + full[1]), slack))
    line = ones[-1] * np.array([1.0, 256.0]) ** -0.5
    series.append(Series.of("J^(−1/2)", (1, 256), line, "dashed"))
    plot = Plot("ReLU fields", "width J", "error", tuple(series), x_log=True, y_log=True)
    return Outcome(tuple(comparisons), (plot,))


# How the published draws are chosen (the order ℓ of ΛG^(ℓ), None: uniformly), their number of
# neurons, the 10–90 % band of their errors, and half a unit of the last digit of the median.
_CASES = (
    (0, 10, (0.18, 0.44), 0.005),
    (0, 20, (0.022, 0.18), 5e-4),
    (2, 10, (0.044, 0.30), 0.005),
    (2, 20, (8e-5, 7e-3), 5e-5),
    (None, 10, (0.47, 0.63), 0.005),
    (None, 20, (0.30, 0.52), 0.005),
)


@cache
def _median(order: int | None, width: int, draws: int, half_width: float, wave: float) -> float:
    """Median root mean square error of draws, outer weights by least squares."""
    x, at = published_line()
    f = np.sin(wave * x)
    rng, errors = np.random.default_rng(width), []
    for _ in range(draws):
        if order is None:
            a, b = rng.uniform(-half_width, half_width, (2, width))
            with warnings.catch_warnings():
                # Neurons that are nothing on the interval.
                warnings.simplefilter("ignore", RankWarning)
                net = fit_outer_weights(a[:, None], b, "gaussian", x[:, None], f)
        else:
            net = ShallowNetwork.from_spectrum(
                at(order, 301, half_width, wave),
                activation("gaussian"),
                width,
                sampling="monte_carlo",
                weights="least_squares",
                control=None,
                points=x[:, None],
                values=f,
                rng=rng,
            )
        errors.append(np.sqrt(np.mean((net(x[:, None]) - f) ** 2)))
    return float(np.median(errors))


@statement(
    "oracle_sampling",
    "Hidden parameters drawn from the oracle distribution",
    claim="sin 2πx on [−1, 1] by J Gaussian neurons drawn from |R[f;ψ]|, outer weights by least "
    "squares: median errors 0.32, 0.074 (ΛG; J = 10, 20) and 0.13, 9e−4 (ΛG″); neurons drawn "
    "uniformly from [−30, 30]² give 0.56 and 0.41.",
    papers=("sonoda2014sampling",),
    where="experimental results",
    reason="A median over D draws scatters by 1.25 s D^(−1/2) in its logarithm, s from the "
    "10–90 % band of the errors (0.1 to 1.7). The published ones are of 300 draws and have two "
    "digits; three deviations of the difference and half a digit are allowed.",
    breaks={
        "the medians of uniform neurons": {"medians": (0.56, 0.41, 0.56, 0.41, 0.56, 0.41)},
        "the widths exchanged": {"medians": (0.074, 0.32, 9e-4, 0.13, 0.41, 0.56)},
    },
    resolution={
        "medians[0]": 0.2,
        "medians[1]": 0.6,
        "medians[2]": 0.6,
        "medians[3]": 0.9,
        "medians[4]": 0.08,
        "medians[5]": 0.15,
        "half_width": 0.2,
        "wave": 0.15,
    },
)
def oracle_sampling(
    effort: str,
    *,
    medians: tuple[float, ...] = (0.32, 0.074, 0.13, 9e-4, 0.56, 0.41),
    half_width: float = 30.0,
    wave: float = 2 * np.pi,
) -> Outcome:
    """Repeat the published draws."""
    comparisons, found = [], []
    for (order, width, band, digit), published in zip(_CASES, medians, strict=True):
        # The widest band takes the most draws.
        draws = sized(effort, 300 if (order, width) == (2, 20) else 120, 1000)
        found.append(_median(order, width, draws, half_width, wave))
        label = f"{'uniform' if order is None else f'ΛG^({order})'}, J = {width}"
        spread = float(np.log(band[1] / band[0])) / 2.563
        allowed = 3 * 1.253 * spread * np.sqrt(1 / 300 + 1 / draws)
        allowed += digit / published
        ratio = float(np.log(found[-1] / published))
        comparisons.append(
            equal(f"{label}: ln of measured over published median", 0.0, ratio, allowed)
        )
    series = tuple(
        Series.of(label, (10, 20), found[i : i + 2])
        for i, label in ((0, "ΛG"), (2, "ΛG″"), (4, "uniform"))
    )
    plot = Plot("Median errors", "width J", "root mean square error", series, y_log=True)
    return Outcome(tuple(comparisons), (plot,))
