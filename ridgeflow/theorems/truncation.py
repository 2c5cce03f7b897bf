"""Truncation maps: cones, networks of zero cost written down, and what the landscape really is."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

from ridgeflow.constructions import (
    Configuration,
    clustered_minimizer,
    cone_layer,
    configurations,
    entropy_rate,
    truncation_flow,
    truncation_map,
)
from ridgeflow.geometry import sphere_points
from ridgeflow.theorems.statement import (
    Comparison,
    Outcome,
    Plot,
    Series,
    at_least,
    equal,
    relative_error,
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
    noise = sphere_points(len(labels), count, rng) * 0.35 * rng.uniform(size=(len(labels), 1))
    targets = rng.normal(size=(count, count)) + 2 * np.eye(count)
    return means[labels] + noise, labels, targets


def _widest(W: NDArray, b: NDArray, p: NDArray, f: NDArray) -> float:
    """The largest s for which p + f + s e is kept for all unit vectors e that lead to a face."""
    n = len(p)
    # W is a multiple of a rotation on the complement of f, whose image meets the faces here.
    sides = (1 / n - np.eye(n)) @ W
    sides /= np.linalg.norm(sides, axis=1)[:, None]
    low, high = 0.0, 1e3
    for _ in range(60):
        middle = 0.5 * (low + high)
        x = p + f + middle * sides
        moved = np.abs(truncation_map(W, b, x) - x).max() > 1e-9
        low, high = (low, middle) if moved else (middle, high)
    return low


@statement(
    "truncation_cones",
    "A ReLU layer keeps one cone and collapses the opposite one",
    claim="τ(x) = W⁺(σ(Wx + b) − b) with W = W_θ R, b = −Wp is the identity on p + C_θ[f] and "
    "equal to p on p + C_θ[−f], where R turns f to u = (1, …, 1), and W_θ is 1 on u and λ = min(1, "
    "1/(√(n−1) tan(θ/2))) on u^⊥. Where λ < 1 no wider cone is kept.",
    papers=(_PAPER,),
    where="truncation map and cones",
    reason="Exact but for rounding, up to the rim of the cones.",
    breaks={
        "the two cones exchanged": {"exchanged": True},
        "a cone of twice the slope": {"slope": 2.0},
        "√n in λ": {"less": 0.0},
    },
)
def truncation_cones(
    effort: str,
    *,
    slope: float = 1.0,
    cap: float = 1.0,
    over: float = 1.0,
    less: float = -1.0,
    exchanged: bool = False,
) -> Outcome:
    """Draw points of both cones, and map them; open the cone until it is kept no more."""
    rng = np.random.default_rng(3)
    comparisons: list[Comparison] = []
    series: tuple[Series, ...] = ()
    for n in sized(effort, (2, 3, 6), (2, 3, 6, 20)):
        kept, collapsed, widest, scales = 0.0, 0.0, [], 0.0
        for theta in (1.5, 2.5, 3.0):
            p, f = rng.normal(size=(2, n))
            W, b = cone_layer(p, f, theta)
            f /= np.linalg.norm(f)
            shrink = min(cap, over / (np.sqrt(n + less) * np.tan(theta / 2)))
            values = np.linalg.svd(W, compute_uv=False)
            scales = max(scales, float(np.abs(values - [1.0, *[shrink] * (n - 1)]).max()))
            if values[-1] < 1 - 1e-9:
                widest.append(_widest(W, b, p, f) / np.tan(theta / 2))
            side = rng.normal(size=(400, n))
            side -= (side @ f)[:, None] * f
            side /= np.linalg.norm(side, axis=1)[:, None]
            v = f + 0.999 * slope * np.tan(theta / 2) * side
            there, back = (p - v, p + v) if exchanged else (p + v, p - v)
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
        furthest = max(widest, key=lambda k: abs(k - slope))
        comparisons += [
            small(f"n = {n}: singular values of W against 1 and λ", scales, 1e-12),
            equal(f"n = {n}: widest slope that is kept over tan θ/2", slope, furthest, 1e-6),
        ]
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
        "a wrong last bias count, L (Q² + Q) − Q²": {"layers": 0.0},
        "the rank Q² + Q": {"affine": True},
    },
)
def zero_cost_minimizer(
    effort: str, *, layers: float = 1.0, square: float = 2.0, affine: bool = False
) -> Outcome:
    """Write the network down, evaluate its cost, and count eigenvalues."""
    comparisons, series = [], []
    for count, extra in sized(effort, ((2, 0), (2, 2), (3, 0)), ((2, 0), (2, 2), (3, 0), (4, 1))):
        X, labels, Y = _clusters(count, 7 * count)
        depth = count + extra
        net = clustered_minimizer(X, labels, Y, depth)
        label = f"Q = {count}, L = {depth}"
        cost = net.cost(X, labels) / np.abs(Y).max()
        best = configurations(X, labels, Y, depth=depth)[-1]
        rank = count**square + (count if affine else 0)
        nullity = (depth + layers) * (count**square + count) - rank
        means = np.stack([X[labels == j].mean(axis=0) for j in range(count)])
        axes = means.mean(axis=0) - means
        axes /= np.linalg.norm(axes, axis=1)[:, None]
        along = net.points - means
        across = along - (along * axes).sum(axis=1)[:, None] * axes
        whole, shift = net.cumulative()
        last = Y.T @ np.linalg.inv(net.points.T)
        comparisons += [
            small(f"{label}: cost over the largest label", cost, 1e-12),
            at_least(f"{label}: least margin", 0.0, float(net.margins.min())),
            equal(f"{label}: rank of the Hessian", rank, best.hessian_rank, 0),
            equal(f"{label}: nullity", nullity, best.nullity, 0),
            small(f"{label}: gradient", best.gradient_norm, 1e-9),
            small(f"{label}: p_j off the axis of its cone", np.abs(across).max(), 1e-12),
            small(f"{label}: last layer against Y [p]⁻¹", relative_error(whole[-1], last), 1e-10),
            small(f"{label}: cumulative bias of the last layer", np.abs(shift[-1]).max(), 1e-10),
        ]
        spread = [
            max(np.ptp(x[labels == j], axis=0).max() for j in range(count))
            for x in net.truncated(X)
        ]
        series.append(Series.of(label, np.arange(len(spread)), np.maximum(spread, 1e-17)))
    plot = Plot("Largest cluster, layer by layer", "layer", "diameter", tuple(series))
    return Outcome(tuple(comparisons), (plot,))


def _squared_cost(parts: list[NDArray], X: NDArray, labels: NDArray, Y: NDArray) -> float:
    """C² of a ReLU network with these weights and biases in turn."""
    state = X
    for i in range(0, len(parts), 2):
        state = state @ parts[i].T + parts[i + 1]
        state = np.maximum(state, 0) if i + 2 < len(parts) else state
    return float((((state - Y[labels]) ** 2).sum(axis=1) / np.bincount(labels)[labels]).sum())


def _is_minimum(one: Configuration, X: NDArray, labels: NDArray, Y: NDArray) -> bool:
    """Whether no small move of all parameters lowers C², drawn ones and the one downhill."""
    parts = [a for pair in zip(one.network.weights, one.network.biases, strict=True) for a in pair]
    here = _squared_cost(parts, X, labels, Y)
    ends = np.cumsum([0, *(a.size for a in parts)])
    rng = np.random.default_rng(0)
    moves = [rng.normal(size=ends[-1]) for _ in range(400)]
    if one.gradient_norm > 1e-9:
        moves.append(-one.gradient)
    for move in moves:
        step = 1e-3 * move / np.linalg.norm(move)
        moved = [
            a + step[i:j].reshape(a.shape)
            for a, i, j in zip(parts, ends[:-1], ends[1:], strict=True)
        ]
        if _squared_cost(moved, X, labels, Y) < here * (1 - 1e-12):
            return False
    return True


@statement(
    "landscape_errata",
    "Which truncation networks are local minima",
    claim="Of the 2^Q configurations one, which truncates no class, is a degenerate local "
    "minimum besides the global one; the mixed ones are stationary in the last layer, and other "
    "parameters descend (erratum of '2^Q − 1 local minima'). The published value, tr Y K Yᵀ with "
    "K = Δ(1 + Δ)⁻¹, ties the last bias; a free one does better, tr Y[K − K u uᵀK/(uᵀK u)]Yᵀ; "
    "for Q = 2 with one class truncated the value is |y₁ − y₂|²/(2 + dᵀΣ⁻¹d).",
    papers=(_PAPER,),
    where="degenerate local minima",
    reason="Values agree with least squares to rounding; gradients of stationary parameters vanish "
    "to 1e−9, the others are of order one. A minimum: no eigenvalue of the Hessian is negative, "
    "and none of 400 neighbours is lower.",
    breaks={
        "2^Q − 1 local minima": {"count": 7.0},
        "mixed configurations as local minima": {"mixed_stationary": True},
        "|y₁ − y₂|²/(1 + dᵀΣ⁻¹d)": {"offset": 1.0},
        "the tied value for a free bias": {"bias": 0.0},
    },
)
def landscape_errata(
    effort: str,
    *,
    base: float = 2.0,
    count: float = 1.0,
    unit: float = 1.0,
    bias: float = 1.0,
    offset: float = 2.0,
    mixed_stationary: bool = False,
) -> Outcome:
    """Gradients, Hessians, neighbours and values of all configurations."""
    classes = sized(effort, 3, 4)
    X, labels, Y = _clusters(classes, 14)
    every = configurations(X, labels, Y)
    none, *mixed, best = every
    last = max(c.last_layer_gradient_norm for c in mixed)
    least = min(c.gradient_norm for c in mixed)
    fall = min((c.affine - c.descend(1e-6)) / c.affine for c in mixed)
    minima = sum(_is_minimum(c, X, labels, Y) for c in every if c is not best)
    curvature = np.linalg.eigvalsh(none.hessian)
    negative = float(curvature[0] / curvature[-1])
    comparisons = [
        equal("number of configurations", base**classes, len(every), 0),
        equal("local minima besides the global one", count, minima, 0),
        small("no class truncated: gradient", none.gradient_norm, 1e-9),
        at_least(
            "no class truncated: least eigenvalue over the largest",
            0.0,
            negative,
            1e-12,
        ),
        at_least("no class truncated: nullity of the Hessian", 1, none.nullity),
        small("all classes truncated: gradient", best.gradient_norm, 1e-9),
        small("all classes truncated: C²", best.tied, 1e-20),
        small("mixed: largest gradient in the last layer", last, 1e-9),
        equal(
            "published value over the free one exceeds 1", 1.0, float(none.tied > none.affine), 0
        ),
    ]
    if mixed_stationary:
        comparisons.append(small("mixed: gradient in all parameters", least, 1e-9))
    else:
        comparisons.append(at_least("mixed: least gradient in all parameters", 1e-2, least))
    comparisons.append(at_least("mixed: least descent along it, of 1e−6", 1e-10, fall))
    root = 1 / np.sqrt(np.bincount(labels)[labels])[:, None]
    means = np.stack([X[labels == j].mean(axis=0) for j in range(classes)])
    # Δ = M⁻¹ Σ M⁻ᵀ with M the matrix whose columns are the means.
    apart = (X - means[labels]) * root @ np.linalg.inv(means)
    delta = apart.T @ apart
    K = delta @ np.linalg.inv(unit * np.eye(classes) + delta)
    tied = float(np.trace(Y.T @ K @ Y))
    u = K.sum(axis=1)
    free = tied - bias * float(((Y.T @ u) ** 2).sum() / u.sum())
    design = np.column_stack([X, np.ones(len(X))])
    for label, value, formula, matrix in (
        ("free", none.affine, free, design),
        ("tied", none.tied, tied, X),
    ):
        fit = np.linalg.lstsq(matrix * root, Y[labels] * root, rcond=None)[0]
        direct = float((((matrix @ fit - Y[labels]) * root) ** 2).sum())
        comparisons += [
            equal(f"value, {label}, against least squares", direct, value, 1e-9, relative=True),
            equal(f"value, {label}, against its formula", formula, value, 1e-9, relative=True),
        ]
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
    "E#{i: (Wx + b)_i < 0} exactly. For a standard normal law and 2x − 0.6 < 0 the rate is Φ(0.3) "
    "(the normal distribution function).",
    papers=(_PAPER,),
    where="transport reading of the truncation map",
    reason="Jacobians are central differences of the flow (1e−8). In one dimension the rate is a "
    "value of the normal distribution function, and n = 20 001 quantiles of the law resolve it to "
    "1/n; the entropy taken away is the mean logarithm of what happens to their distances.",
    breaks={"positive activations": {"positive": True}, "the rate 1 − e^(−t)": {"linear": False}},
)
def truncation_entropy(
    effort: str,
    *,
    rate: float = 1.0,
    speed: float = 1.0,
    layer: tuple[float, float] = (2.0, -0.6),
    level: float = 0.3,
    positive: bool = False,
    linear: bool = True,
) -> Outcome:
    """Differentiate the flow at points of a law, and follow quantiles."""
    rng = np.random.default_rng(22)
    comparisons, series = [], []
    n = sized(effort, 400, 4000)
    for dim in (1, 3):
        W, b = rng.normal(size=(dim, dim)), rng.normal(size=dim)
        x = rng.normal(size=(n, dim))
        negative = x @ W.T + b < 0
        lost = rate * float((~negative if positive else negative).sum(axis=1).mean())
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
            clock = rate * (t if linear else 1 - np.exp(-t))
            label = f"m = {dim}, t = {t}: mean log det ∂Φ_t"
            comparisons.append(equal(label, -clock * float(share), volumes[-1], 1e-6))
            closed = x + (1 - np.exp(-speed * t)) * (truncation_map(W, b, x) - x)
            gap = float(np.abs(truncation_flow(W, b, x, t) - closed).max())
            comparisons.append(small(f"m = {dim}, t = {t}: Φ_t against its form", gap, 1e-11))
        far = truncation_flow(W, b, x, 50.0)
        gap = float(np.abs(far - truncation_map(W, b, x)).max())
        comparisons.append(small(f"m = {dim}: Φ_50 against τ", gap, 1e-11))
        own = entropy_rate(W, b, x)
        comparisons.append(equal(f"m = {dim}: rate", lost, own, 1e-12))
        series.append(Series.of(f"−t × rate, m = {dim}", times, -lost * np.array(times), "dashed"))
        series.append(Series.of(f"m = {dim}", times, volumes, "points"))
    quantiles = ndtri((np.arange(20_001) + 0.5) / 20_001)[:, None]
    W, b = np.array([layer[:1]]), np.array(layer[1:])
    share = rate * (1 - ndtr(level) if positive else ndtr(level))
    found = entropy_rate(W, b, quantiles)
    comparisons.append(equal("normal law, 2x − 0.6 < 0: the rate", share, found, 1e-4))
    moved = truncation_flow(W, b, quantiles, 0.5)
    fall = float(np.log(np.diff(moved[:, 0]) / np.diff(quantiles[:, 0])).mean())
    comparisons.append(
        equal("normal law, t = 0.5: H(Φ_t♯μ) − H(μ) of quantiles", -0.5 * share, fall, 1e-4)
    )
    plot = Plot("Entropy taken away", "t", "H(Φ_t♯μ) − H(μ)", tuple(series))
    return Outcome(tuple(comparisons), (plot,))
