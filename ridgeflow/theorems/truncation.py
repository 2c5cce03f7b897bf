"""Truncation maps: cones, networks of zero cost written down, and what the landscape really is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr

from ridgeflow.constructions import (
    clustered_minimizer,
    cone_layer,
    configurations,
    entropy_rate,
    truncation_flow,
    truncation_map,
)
from ridgeflow.theorems.statement import (
    Comparison,
    Outcome,
    Plot,
    Series,
    at_least,
    equal,
    sized,
    small,
    statement,
)

_PAPER = "chen2023geometric"


def _clusters(count: int, seed: int) -> tuple[NDArray, NDArray, NDArray]:
    """Classes around the corners of a simplex, with labels that are no corners."""
    rng = np.random.default_rng(seed)
    means = 3 * np.eye(count) + 0.2 * rng.normal(size=(count, count))
    labels = np.repeat(np.arange(count), 12)
    noise = rng.normal(size=(len(labels), count))
    noise *= 0.35 * rng.uniform(size=(len(labels), 1)) / np.linalg.norm(noise, axis=1)[:, None]
    targets = rng.normal(size=(count, count)) + 2 * np.eye(count)
    return means[labels] + noise, labels, targets


@statement(
    "truncation_cones",
    "A ReLU layer keeps one cone and collapses the opposite one",
    claim="τ(x) = W⁺(σ(Wx + b) − b) with W = W_θ R, b = −Wp is the identity on p + C_θ[f] and "
    "equal to p on p + C_θ[−f], where λ = min(1, 1/(√(n−1) tan(θ/2))) on u^⊥.",
    papers=(_PAPER,),
    where="truncation map and cones",
    reason="Exact but for rounding, up to the rim of the cones.",
    breaks={
        "the two cones exchanged": {"sign": -1.0},
        "a cone of twice the slope": {"slope": 2.0},
    },
)
def truncation_cones(effort: str, *, sign: float = 1.0, slope: float = 1.0) -> Outcome:
    """Draw points of both cones, and map them."""
    rng = np.random.default_rng(3)
    comparisons: list[Comparison] = []
    series: tuple[Series, ...] = ()
    for n in sized(effort, (2, 3, 6), (2, 3, 6, 20)):
        kept, collapsed = 0.0, 0.0
        for theta in (1.5, 2.5, 3.0):
            p, f = rng.normal(size=(2, n))
            W, b = cone_layer(p, f, theta)
            f /= np.linalg.norm(f)
            side = rng.normal(size=(400, n))
            side -= (side @ f)[:, None] * f
            side /= np.linalg.norm(side, axis=1)[:, None]
            v = f + 0.999 * slope * np.tan(theta / 2) * side
            there, back = p + sign * v, p - sign * v
            scale = np.abs(v).max()
            kept = max(kept, np.abs(truncation_map(W, b, there) - there).max() / scale)
            collapsed = max(collapsed, np.abs(truncation_map(W, b, back) - p).max() / scale)
            if n == 2:
                x = p + 1.5 * rng.normal(size=(150, 2))
                image = truncation_map(W, b, x)
                series = (
                    Series.of("points", x[:, 0], x[:, 1], "points"),
                    Series.of("images", image[:, 0], image[:, 1], "points"),
                    Series.of("apex", p[:1], p[1:], "points"),
                )
        comparisons.append(small(f"n = {n}: movement of the cone that is kept", kept, 1e-12))
        comparisons.append(
            small(f"n = {n}: distance of the other's image from p", collapsed, 1e-12)
        )
    return Outcome(tuple(comparisons), (Plot("Truncation in the plane", "x₁", "x₂", series),))


@statement(
    "zero_cost_minimizer",
    "Clustered data: a deep ReLU network of zero cost, written down",
    claim="With L ≥ Q layers, layer j collapsing class j to p_j = m_j + t_j f_j, and the last "
    "layer W = Y [p_1 … p_Q]⁻¹, the cost is zero; there (widths Q, all margins positive) the "
    "Hessian of C² has the rank Q² and the nullity (L + 1)(Q² + Q) − Q².",
    papers=(_PAPER, "chen2024interpretable"),
    where="global minimisers in underparametrised networks",
    reason="The cost is zero but for rounding; ranks are integers.",
    breaks={
        "a wrong last bias count, L (Q² + Q) − Q²": {"layers": 0},
        "the rank Q² + Q": {"affine": True},
    },
)
def zero_cost_minimizer(effort: str, *, layers: int = 1, affine: bool = False) -> Outcome:
    """Write the network down, evaluate its cost, and count eigenvalues."""
    comparisons, series = [], []
    for count, extra in sized(effort, ((2, 0), (2, 2), (3, 0)), ((2, 0), (2, 2), (3, 0), (4, 1))):
        X, labels, Y = _clusters(count, 7 * count)
        depth = count + extra
        net = clustered_minimizer(X, labels, Y, depth)
        label = f"Q = {count}, L = {depth}"
        cost = net.cost(X, labels) / np.abs(Y).max()
        best = configurations(X, labels, Y, depth=depth)[-1]
        rank = count**2 + (count if affine else 0)
        nullity = (depth + layers) * (count**2 + count) - rank
        comparisons += [
            small(f"{label}: cost over the largest label", cost, 1e-12),
            at_least(f"{label}: least margin", 0.0, float(net.margins.min())),
            equal(f"{label}: rank of the Hessian", rank, best.hessian_rank, 0),
            equal(f"{label}: nullity", nullity, best.nullity, 0),
            small(f"{label}: gradient", best.gradient_norm, 1e-9),
        ]
        spread = [
            max(np.ptp(x[labels == j], axis=0).max() for j in range(count))
            for x in net.truncated(X)
        ]
        series.append(Series.of(label, np.arange(len(spread)), np.maximum(spread, 1e-17)))
    plot = Plot("Largest cluster, layer by layer", "layer", "diameter", tuple(series))
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "landscape_errata",
    "Which truncation networks are local minima",
    claim="Of the 2^Q configurations only that which truncates no class is a degenerate local "
    "minimum besides the global one; the mixed ones are stationary in the last layer, and other "
    "parameters descend (erratum of '2^Q − 1 local minima'). A free last bias does better than the "
    "published value, which ties it; for Q = 2 the value is |y₁ − y₂|²/(2 + dᵀΣ⁻¹d).",
    papers=(_PAPER,),
    where="degenerate local minima",
    reason="Values agree with least squares to rounding; gradients of stationary parameters vanish "
    "to 1e−9, the others are of order one.",
    breaks={
        "mixed configurations as local minima": {"mixed_stationary": True},
        "|y₁ − y₂|²/(1 + dᵀΣ⁻¹d)": {"offset": 1.0},
    },
)
def landscape_errata(
    effort: str, *, mixed_stationary: bool = False, offset: float = 2.0
) -> Outcome:
    """Gradients and values of all configurations."""
    count = sized(effort, 3, 4)
    X, labels, Y = _clusters(count, 14)
    none, *mixed, best = configurations(X, labels, Y)
    last = max(c.last_layer_gradient_norm for c in mixed)
    least = min(c.gradient_norm for c in mixed)
    fall = min((c.affine - c.descend(1e-6)) / c.affine for c in mixed)
    comparisons = [
        small("no class truncated: gradient", none.gradient_norm, 1e-9),
        small("all classes truncated: gradient", best.gradient_norm, 1e-9),
        small("mixed: largest gradient in the last layer", last, 1e-9),
        equal(
            "published value over the free one exceeds 1", 1.0, float(none.tied > none.affine), 0
        ),
    ]
    if mixed_stationary:
        comparisons.append(small("mixed: gradient in all parameters", least, 1e-9))
    else:
        comparisons.append(at_least("mixed: least gradient in all parameters", 1e-2, least))
    comparisons.append(at_least("mixed: least descent along it", 0.0, fall))
    root = 1 / np.sqrt(np.bincount(labels)[labels])[:, None]
    design = np.column_stack([X, np.ones(len(X))])
    for label, value, matrix in (
        ("affine", none.affine, design),
        ("tied", none.tied, X),
    ):
        fit = np.linalg.lstsq(matrix * root, Y[labels] * root, rcond=None)[0]
        direct = float((((matrix @ fit - Y[labels]) * root) ** 2).sum())
        comparisons.append(
            equal(f"value, {label}, against least squares", direct, value, 1e-9, relative=True)
        )
    X, labels, Y = _clusters(2, 15)
    first = configurations(X, labels, Y)[1]
    other = X[labels == 1]
    d = first.network.points[0] - other.mean(0)
    form = float(d @ np.linalg.solve(np.cov(other.T, bias=True), d))
    closed = float(((Y[0] - Y[1]) ** 2).sum()) / (offset + form)
    comparisons.append(
        equal("Q = 2, one class truncated: C²", closed, first.affine, 1e-9, relative=True)
    )
    found = (none, *mixed, best)
    index = np.arange(len(found))
    gradients = [max(c.gradient_norm, 1e-16) for c in found]
    series = (
        Series.of("all parameters", index, gradients, "points"),
        Series.of(
            "last layer", index, [max(c.last_layer_gradient_norm, 1e-16) for c in found], "points"
        ),
    )
    plot = Plot("Gradients of C²", "configuration", "norm", series, y_log=True)
    return Outcome(tuple(comparisons), (plot,))


@statement(
    "truncation_entropy",
    "Truncation as transport: the entropy falls at a rate that counts negative activations",
    claim="The flow of v = τ − id is id + (1 − e^(−t)) v, tends to τ, and H(Φ_t♯μ) = H(μ) − t "
    "E#{i: (Wx + b)_i < 0} exactly.",
    papers=(_PAPER,),
    where="transport reading of the truncation map",
    reason="Jacobians are central differences of the flow (1e−8); in one dimension the rate is a "
    "value of the normal distribution function.",
    breaks={"positive activations": {"positive": True}, "the rate 1 − e^(−t)": {"linear": False}},
)
def truncation_entropy(effort: str, *, positive: bool = False, linear: bool = True) -> Outcome:
    """Differentiate the flow at points of a law."""
    rng = np.random.default_rng(22)
    comparisons, series = [], []
    n = sized(effort, 400, 4000)
    for dim in (1, 3):
        W, b = rng.normal(size=(dim, dim)), rng.normal(size=dim)
        x = rng.normal(size=(n, dim))
        negative = x @ W.T + b < 0
        rate = float((~negative if positive else negative).sum(axis=1).mean())
        times, volumes = (0.2, 0.5, 1.0), []
        for t in times:
            columns = []
            for step in 1e-6 * np.eye(dim):
                ends = [truncation_flow(W, b, x + s * step, t) for s in (1, -1)]
                columns.append((ends[0] - ends[1]) / 2e-6)
            # A difference across a face of the partition is no derivative.
            clear = (np.abs(x @ W.T + b) > 1e-4).all(axis=1)
            logs = np.linalg.slogdet(np.stack(columns, axis=-1))[1]
            volumes.append(float(logs[clear].mean()))
            share = (~negative if positive else negative).sum(axis=1)[clear].mean()
            speed = t if linear else 1 - np.exp(-t)
            label = f"m = {dim}, t = {t}: mean log det ∂Φ_t"
            comparisons.append(equal(label, -speed * float(share), volumes[-1], 1e-6))
        far = truncation_flow(W, b, x, 50.0)
        gap = float(np.abs(far - truncation_map(W, b, x)).max())
        comparisons.append(small(f"m = {dim}: Φ_50 against τ", gap, 1e-11))
        own = entropy_rate(W, b, x)
        comparisons.append(equal(f"m = {dim}: rate", rate, own, 1e-12))
        series.append(Series.of(f"−t × rate, m = {dim}", times, -rate * np.array(times), "dashed"))
        series.append(Series.of(f"m = {dim}", times, volumes, "points"))
    level = np.linspace(-6, 6, 200_001)
    weight = np.exp(-0.5 * level**2) / np.sqrt(2 * np.pi) * (level[1] - level[0])
    side = level > 0.3 if positive else level < 0.3
    comparisons.append(
        equal("normal law, 2x − 0.6 < 0: the rate", ndtr(0.3), float(weight @ side), 1e-4)
    )
    plot = Plot("Entropy taken away", "t", "H(Φ_t♯μ) − H(μ)", tuple(series))
    return Outcome(tuple(comparisons), (plot,))
