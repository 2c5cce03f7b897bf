"""Truncation maps, networks of zero cost, the landscape around them, and separation by planes."""

import itertools
import math

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment
from scipy.stats import norm

import ridgeflow as rf
from ridgeflow import constructions


def clusters(rng, count, dim=None, most=8):
    """Admissible clustered data: points, labels, label vectors."""
    dim = dim or count
    while True:
        frame = 3 * np.linalg.qr(rng.normal(size=(dim, dim)))[0][:count]
        means = rng.normal(size=(count, dim)) + frame
        apart = np.linalg.norm(means[:, None] - means[None], axis=-1)
        np.fill_diagonal(apart, np.inf)
        axes = means.mean(0) - means
        axes /= np.linalg.norm(axes, axis=1)[:, None]
        cosines = np.einsum("jkm,jm->jk", means[None] - means[:, None], axes) / apart
        angles = np.arccos(np.clip(cosines, -1, 1))
        np.fill_diagonal(angles, 0)
        if np.linalg.cond(means) < 30 and angles.max() < 1.45:
            break
    delta = 0.9 * rng.uniform() * (np.cos(angles) * apart).min() / 4
    labels = np.repeat(np.arange(count), rng.integers(4, most, size=count))
    noise = rng.normal(size=(len(labels), dim))
    for j in range(count):
        noise[labels == j] -= noise[labels == j].mean(0)
    noise *= delta / np.linalg.norm(noise, axis=1).max()
    order = rng.permutation(len(labels))
    Y = rng.normal(size=(count, count)) + 2 * np.eye(count)
    return (means[labels] + noise)[order], labels[order], Y


def least_squares(points, labels, Y, bias):
    """Least squared cost over a last layer, by NumPy."""
    root = 1 / np.sqrt(np.bincount(labels)[labels])[:, None]
    design = np.column_stack([points, np.ones(len(points))]) if bias else points
    fit = np.linalg.lstsq(design * root, Y[labels] * root, rcond=None)[0]
    return float((((design @ fit - Y[labels]) * root) ** 2).sum())


def check_zero_cost(rng, n_sets):
    worst_cost = worst_spread = 0.0
    for i in range(n_sets):
        count = 2 + i % 5
        X, labels, Y = clusters(rng, count, count + (i // 5) % 3)
        net = constructions.clustered_minimizer(X, labels, Y, count + i % 2)
        worst_cost = max(worst_cost, net.cost(X, labels) / np.abs(Y).max())
        states, path = net.hidden(X)[-1], net.truncated(X)[-1]
        for j in range(count):
            assert (net.hidden(X)[j + 1][labels == j] == 0).all()
            assert np.ptp(states[labels == j], axis=0).max() < 1e-12 * np.abs(states).max()  # 0
            miss = np.abs(path[labels == j] - net.points[j]).max() / np.abs(X).max()
            worst_spread = max(worst_spread, miss)
        assert (net.margins > 0).all()
        assert (net.classify(X) == labels).all()
    assert worst_cost < 1e-12  # measured 7e-14 over 1000 sets
    assert worst_spread < 1e-12  # measured 7e-14


def test_zero_cost_on_admissible_data():
    check_zero_cost(np.random.default_rng(1), 60)


@pytest.mark.slow
def test_zero_cost_on_a_thousand_admissible_data_sets():
    check_zero_cost(np.random.default_rng(2), 1000)


# Maps


def test_map_is_the_identity_or_the_apex_on_its_cones():
    rng = np.random.default_rng(3)
    worst = 0.0
    for n in (1, 2, 3, 6):
        for theta in (0.4, 1.5, 2.5, 3.0):
            p, f = rng.normal(size=(2, n))
            W, b = constructions.cone_layer(p, f, theta)
            f /= np.linalg.norm(f)
            side = rng.normal(size=(200, n))
            side -= (side @ f)[:, None] * f
            if n > 1:
                side /= np.linalg.norm(side, axis=1)[:, None]
            v = f + 0.999 * math.tan(theta / 2) * side * (n > 1)
            tau = constructions.truncation_map
            worst = max(worst, np.abs(tau(W, b, p + v) - p - v).max() / np.abs(v).max())
            assert (np.maximum((p - v) @ W.T + b, 0) == 0).all()
            worst = max(worst, np.abs(tau(W, b, p - v) - p).max())
            if n > 1 and theta > 1.5:
                # Sharp: outside the cone, towards some coordinate plane, points do move.
                rim = f + 1.001 * math.tan(theta / 2) * edge(W, f)
                assert np.abs(tau(W, b, (p + rim)[None]) - p - rim).max() > 1e-6
    assert worst < 1e-12  # measured 2e-15


def edge(W, f):
    """Unit vector across f along which a cone touches the rim of the orthant."""
    n = len(f)
    corner = np.ones(n)
    corner[0] = 0
    v = np.linalg.solve(W, corner)
    v -= (v @ f) * f
    return v / np.linalg.norm(v)


def test_opposite_axes_are_rotated_too():
    for n in (2, 3, 5):
        f = -np.ones(n)
        f[0] -= 1e-9
        W, _ = constructions.cone_layer(np.zeros(n), f, 1.0 / n)
        assert np.abs(W @ W.T - np.eye(n)).max() < 1e-14  # measured 9e-16
        assert np.linalg.det(W) == pytest.approx(1.0)
        assert W @ f / np.linalg.norm(f) == pytest.approx(np.full(n, n**-0.5), abs=1e-14)


def test_cumulative_parameters_and_back():
    rng = np.random.default_rng(4)
    shapes = [(5, 6), (4, 5), (4, 4), (3, 4)]
    weights = [rng.normal(size=s) for s in shapes]
    biases = [rng.normal(size=s[0]) for s in shapes]
    W, b = constructions.cumulative_parameters(weights, biases)
    x = rng.normal(size=(20, 6))
    # The hidden states by the layers, and by truncation maps in the input space.
    state, place = x, x
    for level in range(4):
        state = np.maximum(state @ weights[level].T + biases[level], 0)
        place = constructions.truncation_map(W[level], b[level], place)
        assert place @ W[level].T + b[level] == pytest.approx(state, abs=1e-11)  # measured 1e-13
    back = constructions.layer_parameters(W, b)
    for level in range(4):
        assert back[0][level] == pytest.approx(weights[level], abs=1e-11)  # measured 2e-14
        assert back[1][level] == pytest.approx(biases[level], abs=1e-11)


def test_single_precision_stays():
    x = np.ones((2, 2), np.float32)
    W, b = constructions.cone_layer(x[0], x[1], 1.0)
    assert W.dtype == b.dtype == np.float32
    assert constructions.truncation_map(W, b, x).dtype == np.float32
    assert constructions.truncation_flow(W, b, x, 1.0).dtype == np.float32
    assert constructions.truncation_map(W, b, x.astype(float)).dtype == np.float64
    X, labels, Y = clusters(np.random.default_rng(5), 3)
    net = constructions.clustered_minimizer(np.float32(X), labels, np.float32(Y), 3)
    assert net(np.float32(X)).dtype == net.weights[0].dtype == np.float32
    assert net.truncated(np.float32(X)).dtype == np.float32
    assert net.cost(np.float32(X), labels) < 1e-5 * np.abs(Y).max()  # measured 2e-7


# Minimisers


def test_widths_depths_angles_and_offsets():
    rng = np.random.default_rng(6)
    X, labels, Y = clusters(rng, 3, 6)
    for widths in ([6] * 3, [6, 5, 4, 3], [4, 4, 3], None):
        depth = 5 if widths is None else len(widths)
        net = constructions.clustered_minimizer(X, labels, Y, depth, widths=widths)
        assert net.widths == tuple(widths or [3] * 5) and net.depth == depth and net.dim == 6
        assert net.cost(X, labels) < 1e-12  # measured 4e-15
        if widths != [6] * 3:
            assert net.cumulative()[1][-1] == pytest.approx(np.zeros(3), abs=1e-12)
    slack = net.intervals[:, 1] - net.intervals[:, 0]
    for part in (0.001, 0.999):
        t = net.intervals[:, 0] + part * slack
        close = constructions.clustered_minimizer(X, labels, Y, 3, angles=net.angles, offsets=t)
        means = np.stack([X[labels == j].mean(0) for j in range(3)])
        assert np.linalg.norm(close.points - means, axis=1) == pytest.approx(t, rel=1e-12)
        assert close.cost(X, labels) < 1e-12
        assert 0 < close.margins.min() < net.margins.min()


def test_interval_is_sharp():
    # Past its ends, a ball of radius delta about a mean leaves the cone that it should stay in.
    rng = np.random.default_rng(7)
    X, labels, Y = clusters(rng, 2)
    net = constructions.clustered_minimizer(X, labels, Y, 2)
    means = np.stack([X[labels == j].mean(0) for j in range(2)])
    delta = np.linalg.norm(X - means[labels], axis=1).max()
    axis = (means[1] - means[0]) / np.linalg.norm(means[1] - means[0])
    turn = np.linspace(0, 2 * math.pi, 2001)
    ball = delta * np.stack([np.cos(turn), np.sin(turn)], axis=1)
    for t, inside in ((net.intervals[0, 0], 0.999), (net.intervals[0, 0], 1.001)):
        W, b = constructions.cone_layer(means[0] + inside * t * axis, axis, net.angles[0])
        collapsed = ((means[0] + ball) @ W.T + b <= 0).all()
        assert collapsed == (inside > 1)


def test_labels_of_any_kind():
    X, labels, Y = clusters(np.random.default_rng(8), 3)
    names = np.array(["c", "a", "b"])[labels]
    net = constructions.clustered_minimizer(X, names, Y, 3)
    assert (net.classify(X) == names).all()
    assert net.classes.tolist() == ["a", "b", "c"]


def test_classifier_is_nearest_point_in_the_last_metric():
    rng = np.random.default_rng(9)
    X, labels, Y = clusters(rng, 4)
    net = constructions.clustered_minimizer(X, labels, Y, 5)
    x = rng.normal(size=(200, 4)) * 3
    metric = net.cumulative()[0][-1]
    apart = (net.truncated(x)[-1][:, None] - net.points[None]) @ metric.T
    assert (net.classify(x) == np.linalg.norm(apart, axis=-1).argmin(1)).all()


def test_noise_ratio_may_rise_and_diameters_may_not():
    rng = np.random.default_rng(10)
    rises = 0
    for _ in range(20):
        X, labels, Y = clusters(rng, 3)
        net = constructions.clustered_minimizer(X, labels, Y, 4)
        ratio = net.noise_to_signal(X, labels)
        means = np.stack([X[labels == j].mean(0) for j in range(3)])
        first = np.linalg.norm(np.linalg.solve(means.T, (X - means[labels]).T), axis=0).max()
        assert ratio[0] == pytest.approx(first, rel=1e-10)
        assert ratio[-1] < 1e-12 and len(ratio) == 5
        rises += bool((np.diff(ratio) > 1e-9).any())
        widths = net.diameters(X, labels)
        assert widths.shape == (4, 3, 2)
        assert (widths[..., 1] <= widths[..., 0] * (1 + 1e-12) + 1e-12).all()
    assert rises > 0  # measured 19 of 20


# Landscape


@pytest.mark.parametrize("count", [2, 3, 4])
def test_values_agree_with_least_squares(count):
    X, labels, Y = clusters(np.random.default_rng(11), count, count + 1)
    found = constructions.configurations(X, labels, Y)
    assert len({c.truncated for c in found}) == 2**count
    span = np.linalg.svd(np.stack([X[labels == j].mean(0) for j in range(count)]))[2][:count]
    scale = (Y**2).sum()
    for c in found:
        points = X @ span.T
        for j in c.truncated:
            points[labels == j] = span @ c.network.points[j]
        for value, bias in ((c.tied, False), (c.affine, True)):
            assert abs(value - least_squares(points, labels, Y, bias)) < 1e-10 * scale  # 3e-17
        assert c.affine <= c.tied + 1e-15 * scale
        assert c.network.cost(X, labels) ** 2 == pytest.approx(c.affine, abs=1e-12 * scale)
    assert found[0].kind == "local" and found[-1].kind == "global"
    assert {c.kind for c in found[1:-1]} == {"constrained"}
    # Erratum: the published value is that of the tied bias; a free one does better.
    assert found[0].affine < 0.9 * found[0].tied


@pytest.mark.parametrize(("count", "extra"), [(2, 0), (2, 2), (3, 0), (4, 1)])
def test_hessian_ranks(count, extra):
    X, labels, Y = clusters(np.random.default_rng(12), count)
    found = constructions.configurations(X, labels, Y, depth=count + extra)
    total = (count + extra + 1) * (count**2 + count)
    best, none = found[-1], found[0]
    assert best.hessian_rank == count**2
    assert best.nullity == total - count**2
    assert np.linalg.eigvalsh(best.hessian)[0] > -1e-12 * np.abs(best.hessian).max()
    # Affine in a neighbourhood: as many directions count as an affine map has parameters.
    assert none.hessian_rank == count**2 + count
    assert np.linalg.eigvalsh(none.hessian)[0] > -1e-12 * np.abs(none.hessian).max()


def flattened(network):
    return np.concatenate([a.ravel() for p in zip(network.weights, network.biases) for a in p])


def cost_of(network, vector, X, labels, Y):
    """Squared cost of the network with other parameters, layer by layer."""
    state, start = X, 0
    for level, (w, b) in enumerate(zip(network.weights, network.biases)):
        new = vector[start : start + w.size].reshape(w.shape)
        shift = vector[start + w.size : start + w.size + b.size]
        start += w.size + b.size
        state = state @ new.T + shift
        if level < network.depth:
            state = np.maximum(state, 0)
    return float((((state - Y[labels]) ** 2).sum(1) / np.bincount(labels)[labels]).sum())


def test_gradient_and_hessian_agree_with_differences():
    X, labels, Y = clusters(np.random.default_rng(13), 2)
    rng = np.random.default_rng(0)
    for c in constructions.configurations(X, labels, Y):
        at = flattened(c.network)
        for _ in range(3):
            d = rng.normal(size=at.size)
            h = 1e-4

            def f(s, c=c, at=at, d=d):
                return cost_of(c.network, at + s * d, X, labels, Y)

            bend = d @ c.hessian @ d
            assert (f(h) - f(-h)) / (2 * h) == pytest.approx(c.gradient @ d, abs=1e-5 * bend)
            assert (f(h) - 2 * f(0) + f(-h)) / h**2 == pytest.approx(bend, rel=1e-4)


def test_only_the_untruncated_configuration_is_a_local_minimum():
    X, labels, Y = clusters(np.random.default_rng(14), 3)
    rng = np.random.default_rng(0)
    none, *mixed, best = constructions.configurations(X, labels, Y)
    assert none.gradient_norm < 1e-10  # measured 4e-13
    assert best.gradient_norm < 1e-10  # measured 6e-12
    at = flattened(none.network)
    for _ in range(200):
        d = rng.normal(size=at.size)
        moved = cost_of(none.network, at + 1e-4 * d, X, labels, Y)
        assert moved >= none.affine * (1 - 1e-12)
    for c in mixed:
        # Erratum: stationary in the last layer, yet other parameters descend.
        assert c.last_layer_gradient_norm < 1e-10  # measured 1e-13
        assert c.gradient_norm > 1e-2  # measured 0.3 and more
        assert c.descend(1e-6) < c.affine - 1e-10  # measured 3e-7 and more


def test_two_classes_have_a_closed_form():
    X, labels, Y = clusters(np.random.default_rng(15), 2)
    first = constructions.configurations(X, labels, Y)[1]
    assert first.truncated == (0,)
    other = X[labels == 1]
    d = first.network.points[0] - other.mean(0)
    spread = np.cov(other.T, bias=True)
    value = ((Y[0] - Y[1]) ** 2).sum() / (2 + d @ np.linalg.solve(spread, d))
    assert first.affine == pytest.approx(value, rel=1e-10)  # measured 1e-15


# Separation by hyperplanes


def test_data_beyond_clusters():
    # Long classes: means are close for their spread, yet planes cut them off one by one.
    rng = np.random.default_rng(16)
    base = rng.uniform(-1, 1, size=(90, 2)) * [3.0, 0.3]
    labels = np.repeat([0, 1, 2], 30)
    X = base + np.array([[0.0, 0.0], [0.0, 1.0], [0.0, 2.0]])[labels]
    with pytest.raises(ValueError, match="4 delta must be below"):
        constructions.clustered_minimizer(
            np.column_stack([X, 1 + 0.1 * labels**2]), labels, np.eye(3), 3
        )
    found = constructions.sequential_separation(X, labels)
    assert found.order[-1] == 1  # the middle class has to wait
    collapsed = []
    for step, j in enumerate(found.order):
        w, c = found.normals[step], found.levels[step]
        kept = X[np.isin(labels, found.order[step + 1 :])]
        kept = np.concatenate([kept, np.array(collapsed).reshape(-1, 2)])
        gap = min((c - X[labels == j] @ w).min(), (kept @ w - c).min(initial=np.inf))
        assert gap == pytest.approx(found.margins[step], rel=1e-8) and gap > 0
        assert found.points[step] @ w == pytest.approx(c, abs=1e-12)
        collapsed.append(found.points[step])
    for depth in (None, 5):
        net = constructions.separable_minimizer(X, labels, np.eye(3), depth=depth)
        assert net.cost(X, labels) < 1e-11  # measured 2e-14
        assert (net.margins > 0).all() and (net.classify(X) == labels).all()


@pytest.mark.parametrize("dim", [2, 3, 5])
def test_random_planes(dim):
    rng = np.random.default_rng(17 + dim)
    done = 0
    for count in itertools.islice(itertools.cycle(range(2, dim + 1)), 10):
        X = rng.normal(size=(120, dim))
        labels = np.full(120, count - 1)
        # Cut off by random half-spaces, one after another; drop what lies too near.
        keep = np.ones(120, bool)
        for j in range(count - 1):
            height = X @ (w := rng.normal(size=dim)) / np.linalg.norm(w)
            rest = labels == count - 1
            keep &= ~(rest & (np.abs(height - 0.7) < 0.1))
            labels[rest & (height > 0.7)] = j
        X, labels = X[keep], labels[keep]
        if len(np.unique(labels)) < count:
            continue
        net = constructions.separable_minimizer(X, labels, np.eye(count))
        assert net.cost(X, labels) < 1e-10  # measured 2e-12
        done += 1
    assert done >= 5


def test_iris_says_which_classes_it_can_separate():
    iris = rf.datasets.load_iris()
    for pair in ((0, 1), (0, 2)):
        some = np.isin(iris.target, pair)
        net = constructions.separable_minimizer(iris.data[some], iris.target[some], np.eye(2))
        assert net.cost(iris.data[some], iris.target[some]) < 1e-11  # measured 5e-15
    for classes in ((1, 2), (0, 1, 2)):
        some = np.isin(iris.target, classes)
        with pytest.raises(ValueError, match=r"linearly separable, got none among \[1, 2\] that"):
            constructions.separable_minimizer(
                iris.data[some], iris.target[some], np.eye(len(classes))
            )


# Transport


def test_map_is_the_end_of_a_flow():
    rng = np.random.default_rng(20)
    W, b = rng.normal(size=(3, 3)), rng.normal(size=3)
    x = rng.normal(size=(40, 3))
    field = constructions.truncation_field(W, b)
    assert isinstance(field, rf.ShallowNetwork) and field.width == 3
    end = constructions.truncation_map(W, b, x)
    assert field(x) == pytest.approx(end - x, abs=1e-12)  # measured 3e-15
    assert constructions.truncation_flow(W, b, x, 50.0) == pytest.approx(end, abs=1e-12)
    # Runge-Kutta through the field.
    y, h = x, 0.01
    for _ in range(70):
        k1 = field(y)
        k2 = field(y + h / 2 * k1)
        k3 = field(y + h / 2 * k2)
        y = y + h / 6 * (k1 + 2 * k2 + 2 * k3 + field(y + h * k3))
    assert constructions.truncation_flow(W, b, x, 0.7) == pytest.approx(
        y, abs=1e-9
    )  # measured 1e-10


def test_map_is_optimal_for_its_metric():
    rng = np.random.default_rng(21)
    W, b = rng.normal(size=(2, 2)), rng.normal(size=2)
    x = rng.normal(size=(120, 2))
    for t in (0.3, 60.0):
        y = constructions.truncation_flow(W, b, x, t)
        costs = (((x[:, None] - y[None]) @ W.T) ** 2).sum(-1)
        best = costs[linear_sum_assignment(costs)].sum()
        assert np.trace(costs) == pytest.approx(best, rel=1e-10)
    # The metric matters: with another, the pairing of an oblique cone need not be optimal.
    W = np.array([[1.0, 0.0], [5.0, 1.0]])
    y = constructions.truncation_map(W, np.zeros(2), x)
    costs = ((x[:, None] - y[None]) ** 2).sum(-1)
    assert np.trace(costs) > 1.01 * costs[linear_sum_assignment(costs)].sum()


def test_entropy_falls_exactly():
    # One variable: the density of the image, by its change of variables, integrated.
    W, b, t = np.array([[2.0]]), np.array([-0.6]), 0.8
    shrink = math.exp(-t)
    z = np.linspace(-12, 12, 400001)

    moved = constructions.truncation_flow(W, b, z[::4000, None], t)[:, 0]
    assert moved == pytest.approx(np.where(z < 0.3, 0.3 + (z - 0.3) * shrink, z)[::4000])

    def density(y):
        back = np.where(y < 0.3, 0.3 + (y - 0.3) / shrink, y)
        return norm.pdf(back) * np.where(y < 0.3, 1 / shrink, 1.0)

    value = density(z)
    value = value[value > 0]
    entropy = -np.sum(value * np.log(value)) * (z[1] - z[0])
    exact = 0.5 * math.log(2 * math.pi * math.e) - t * norm.cdf(0.3)
    assert entropy == pytest.approx(exact, abs=1e-4)  # measured 7e-6, the jump
    x = norm.ppf((np.arange(20000) + 0.5) / 20000)[:, None]
    assert constructions.entropy_rate(W, b, x) == pytest.approx(norm.cdf(0.3), abs=1e-4)  # 1e-5
    # Several variables: the mean logarithm of the Jacobian, by differences of the flow.
    rng = np.random.default_rng(22)
    W, b, x = rng.normal(size=(3, 3)), rng.normal(size=3), rng.normal(size=(200, 3))
    h, columns = 1e-6, []
    for i in range(3):
        step = h * np.eye(3)[i]
        ends = [constructions.truncation_flow(W, b, x + s * step, t) for s in (1, -1)]
        columns.append((ends[0] - ends[1]) / (2 * h))
    volumes = np.linalg.slogdet(np.stack(columns, axis=-1))[1]
    rate = constructions.entropy_rate(W, b, x)
    assert volumes.mean() == pytest.approx(-t * rate, abs=1e-7)  # measured 3e-11
    assert 0 < rate < 3


# Refusals

E2, E3 = np.eye(2), np.eye(3)
FOUR = np.array([[1.0, 0.0], [1.1, 0.0], [0.0, 1.0], [0.0, 1.1]])
TWO = [0, 0, 1, 1]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda c: c.truncation_map(np.ones((3, 2)), np.ones(3), FOUR), "must not have more rows"),
        (lambda c: c.truncation_map(np.ones((2, 2)), np.ones(2), FOUR), "`W` must have full rank"),
        (lambda c: c.truncation_map(E2, np.ones(3), FOUR), "`b` must hold one entry per row"),
        (lambda c: c.truncation_map(E3, np.ones(3), FOUR), r"`x` must have shape \(n, 3\)"),
        (lambda c: c.truncation_flow(np.ones((1, 2)), [0.0], FOUR, 1.0), "`W` must be square"),
        (lambda c: c.truncation_flow(E2, [0.0, 0.0], FOUR, -1.0), "`t` must not be negative"),
        (lambda c: c.truncation_field(np.ones((2, 2)), [0.0, 0.0]), "`W` must have full rank 2"),
        (lambda c: c.entropy_rate(np.ones((1, 2)), [0.0], FOUR), "`W` must be square"),
        (lambda c: c.cone_layer([0.0, 0.0], [1.0, 0.0], 3.2), r"`theta` must lie in \(0, pi\)"),
        (lambda c: c.cone_layer([0.0, 0.0], [0.0, 0.0], 1.0), "`f` must not vanish"),
        (lambda c: c.cone_layer([0.0, 0.0], [1.0], 1.0), "must agree in their first length"),
        (lambda c: c.cumulative_parameters([E2], []), "must hold one entry per layer"),
        (lambda c: c.cumulative_parameters([E2], [[0.0]]), "`biases\\[0\\]` must hold one entry"),
        (
            lambda c: c.cumulative_parameters([E2, E3], [np.zeros(2), np.zeros(3)]),
            r"`weights\[1\]` must have 2 columns",
        ),
        (
            lambda c: c.layer_parameters([[[1.0, 0.0]], [[0.0, 1.0]]], [[0.0], [0.0]]),
            r"`weights\[1\]` must vanish on the kernel of `weights\[0\]`, got a difference of 1",
        ),
        (
            lambda c: c.layer_parameters([np.ones((2, 2)), E2], [[0.0, 0.0], [0.0, 0.0]]),
            r"`weights\[0\]` must have full rank",
        ),
        (lambda c: c.clustered_minimizer(FOUR, TWO, E2, 1), "`depth` must be at least the number"),
        (lambda c: c.configurations(FOUR, TWO, E2, depth=1), "`depth` must be at least"),
        (lambda c: c.separable_minimizer(FOUR, TWO, E2, depth=1), "`depth` must be at least"),
        (
            lambda c: c.clustered_minimizer([[1.0, 1.0], [2.0, 2.0]], [0, 1], E2, 2),
            "the class means of `X` must be linearly independent, got 2 vectors in dimension 2",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, np.ones((2, 2)), 2),
            "the rows of `Y` must be linearly independent",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR[:, :1] + 1, TWO, E2, 2),
            "linearly independent, got 2 classes in dimension 1",
        ),
        (
            lambda c: c.configurations(FOUR[:, :1] + 1, TWO, E2),
            "linearly independent, got 2 classes in dimension 1",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, E3, 2),
            "`Y` must hold one row for each of the 2 classes",
        ),
        (lambda c: c.clustered_minimizer(FOUR, [0] * 4, E2, 2), "must name at least 2 classes"),
        (lambda c: c.clustered_minimizer(FOUR, [0, 1], E2, 2), "must agree in their first length"),
        (lambda c: c.clustered_minimizer(FOUR, [TWO], E2, 2), "`labels` must have 1 dimension"),
        (
            lambda c: c.clustered_minimizer(FOUR, [0, 0, 1, np.nan], E2, 2),
            "`labels` must be finite",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR * [[1], [3], [1], [3]], TWO, E2, 2),
            r"4 delta must be below every distance of class means, got 4 delta = 4.6 with .* = 3.0",
        ),
        (
            lambda c: c.clustered_minimizer([[1, 0, 0], [0, 9, 0], [0, 9.9, 1]], [0, 1, 2], E3, 3),
            r"`X` must have theta_\* below pi for every class, got 4.351 for class",
        ),
        (lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2, angles=1.0), r"`angles` must lie in"),
        (lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2, angles=[2.0] * 3), "one number per"),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2, offsets=[0.5, 3.0]),
            r"`offsets` must lie in the admissible intervals, got 3 for class 1, outside \(0\.0",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, E2, 3, widths=[2, 2]),
            r"`widths` must hold one number per layer \(3\), got 2",
        ),
        (lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2, widths=[3, 2]), "`widths` must not gro"),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2, widths=[2, 1]),
            r"`widths\[1\]` must be at least 2",
        ),
        (
            lambda c: c.clustered_minimizer(FOUR, TWO, E2, 2).cost(FOUR, [0, 0, 1, 2]),
            r"`labels` must name the classes \[0, 1\], got \[0, 1, 2\]",
        ),
        (
            lambda c: c.sequential_separation([[0.0], [1.0], [2.0], [3.0]], [0, 1, 0, 1]),
            r"must be sequentially linearly separable, got none among \[0, 1\]",
        ),
    ],
)
def test_refusals_name_what_fails(call, message):
    with pytest.raises(ValueError, match=message):
        call(constructions)


def test_an_empty_interval_is_refused():
    # A far class seen at 60 degrees from the axis: a right angle does not hold it.
    X = np.array([[3.0, 0, 0], [2.0, 3.0, 0], [0, 0.0, 6.0]])
    net = constructions.clustered_minimizer(X, [0, 1, 2], E3, 3)
    assert net.cost(X, [0, 1, 2]) < 1e-12
    with pytest.raises(ValueError, match=r"the admissible interval of class \d must not be empty"):
        constructions.clustered_minimizer(X, [0, 1, 2], E3, 3, angles=math.pi / 2)


def test_too_many_classes_on_a_line():
    with pytest.raises(ValueError, match="must leave room for affinely independent points"):
        constructions.separable_minimizer([[0.0], [1.0], [2.0], [3.0]], [0, 1, 2, 3], np.eye(4))
