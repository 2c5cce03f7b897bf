"""Outer weights: exactness, minimum norm, the dense ridge formula, out of core, refusals."""

import warnings

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._units import Columns
from ridgeflow.networks import least_squares
from ridgeflow.networks.elimination import solve_columns
from ridgeflow.networks.kept_samples import fingerprints
from ridgeflow.networks.pairs import pair_neurons

RNG = np.random.default_rng(4)
A, B = 2 * RNG.normal(size=(20, 2)), RNG.normal(size=20)
X = RNG.uniform(-2, 2, size=(300, 2))
ETA = rf.activation("tanh")
PHI = ETA(X @ A.T - B)
EPS = float(np.finfo(float).eps)


def dense(phi, y, penalty):
    """c = Φᵀ(ΦΦᵀ + n λ I)^{-1} y, written out."""
    n = len(phi)
    return phi.T @ np.linalg.solve(phi @ phi.T + n * penalty * np.eye(n), y)


@pytest.mark.parametrize("shape", [(), (3,)])
@pytest.mark.parametrize("name", ["relu", "tanh", "gaussian", "step"])
def test_functions_in_the_span_are_found(name, shape):
    c = RNG.normal(size=(20, *shape))
    y = rf.ShallowNetwork(A, B, c, name)(X)
    net = rf.fit_outer_weights(A, B, name, X, y)
    assert net.c.shape == (20, *shape)
    assert np.abs(net(X) - y).max() < 1e-12  # measured 6.8e-14
    assert np.abs(net.c - c).max() < 1e-12  # measured 1.9e-14


def test_affine_part_is_found_and_not_penalised():
    linear, bias = np.array([3.0, -2.0]), 50.0
    net = rf.fit_outer_weights(A, B, ETA, X, X @ linear + bias, ridge=1e3, affine=True)
    assert np.abs(net.c).max() < 1e-15  # measured 2.6e-19
    assert np.abs(net.linear - linear).max() < 1e-13  # measured 8.9e-16
    assert abs(net.bias - bias) < 1e-12  # measured 1.4e-14
    plain = rf.fit_outer_weights(A, B, ETA, X, X @ linear + bias, affine=True)
    assert np.abs(plain(X) - X @ linear - bias).max() < 1e-12  # measured 2.1e-14
    assert not rf.fit_outer_weights(A, B, ETA, X, X[:, 0], ridge=1.0).linear.any()


def test_affine_part_on_points_of_a_line():
    x = np.column_stack([X[:, 0], 2 * X[:, 0] + 1])
    net = rf.fit_outer_weights(A, B, ETA, x, 5 * x[:, 0] + 1, ridge=1.0, affine=True)
    # Minimum norm: the gradient lies along the line. measured 6.7e-16
    assert np.abs(net.linear - [1.0, 2.0]).max() < 1e-13
    assert np.abs(net(x) - 5 * x[:, 0] - 1).max() < 1e-13  # measured 5.3e-15
    single = rf.fit_outer_weights(A, B, ETA, x[:1], [2.0], ridge=1.0, affine=True)
    assert abs(single(x[:1])[0] - 2.0) < 1e-13 and not single.linear.any()


@pytest.mark.parametrize("ridge", [1e-6, 1e-2, 1.0])
@pytest.mark.parametrize("n", [12, 20, 300])
def test_ridge_matches_the_dense_formula(ridge, n):
    y = np.sin(3 * X[:n, 0])
    volume = 17.0
    net = rf.fit_outer_weights(A, B, ETA, X[:n], y, ridge=ridge, measure=volume)
    expected = dense(PHI[:n], y, ridge * 20 / volume)
    assert np.abs(net.c - expected).max() < 1e-9 * np.abs(expected).max()  # measured 8e-11
    net = rf.fit_outer_weights(A, B, ETA, X[:n], y, ridge=ridge)
    expected = dense(PHI[:n], y, ridge)
    assert np.abs(net.c - expected).max() < 1e-9 * np.abs(expected).max()  # measured 1.5e-11


def test_ridge_regression_tends_to_the_spectrum():
    # f = exp(-x²/2) on [-6, 6], (a, b) uniform on a box: P c/|V| against R[f; σ]/(c_σ + |X| β).
    rng = np.random.default_rng(2)
    n, width, beta = 600, 1200, 1e-1
    box_a, box_b, half = 6.0, 12.0, 6.0
    a, b = rng.uniform(-box_a, box_a, (width, 1)), rng.uniform(-box_b, box_b, width)
    x = rng.uniform(-half, half, (n, 1))
    eta = rf.activation("dsigmoid").derivative()
    volume = 4 * box_a * box_b
    net = rf.fit_outer_weights(
        a, b, eta, x, np.exp(-(x[:, 0] ** 2) / 2), ridge=beta, measure=volume
    )
    t = np.linspace(-half, half, 2001)
    weight = (t[1] - t[0]) * np.exp(-t * t / 2)
    spectrum = eta(a * t - b[:, None]) @ weight
    omega = np.linspace(1e-6, 30, 200_001)
    c_sigma = 2 * np.sum(np.abs(eta.fourier(omega)) ** 2 / omega) * (omega[1] - omega[0])
    expected = spectrum / (c_sigma + 2 * half * beta)
    got = width * net.c / volume
    slope = got @ expected / (expected @ expected)
    correlation = got @ expected / np.linalg.norm(got) / np.linalg.norm(expected)
    assert 0.95 < slope < 1.03  # measured 0.983
    assert correlation > 0.97  # measured 0.988


def test_dependent_features_give_the_minimum_norm_and_a_warning():
    a, b = np.vstack([A, A]), np.concatenate([B, B])
    y = np.sin(X[:, 0])
    with pytest.warns(rf.RankWarning, match=r"have rank 20 < 40.*ridge=\d\.\de-1") as record:
        net = rf.fit_outer_weights(a, b, ETA, X, y)
    assert len(record) == 1
    phi = np.hstack([PHI, PHI])
    expected = np.linalg.lstsq(phi, y, rcond=1e-12)[0]
    assert np.abs(net.c - expected).max() < 1e-13  # measured 1.1e-15
    assert np.abs(net.c[:20] - net.c[20:]).max() < 1e-13  # measured 3.4e-16
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cure = float(str(record[0].message).split("ridge=")[1].split()[0])
        cured = rf.fit_outer_weights(a, b, ETA, X, y, ridge=cure)
    assert np.abs(cured(X) - net(X)).max() < 1e-9  # measured 1.8e-11


def test_fewer_points_than_neurons_interpolates():
    y = np.cos(X[:9, 1])
    with pytest.warns(rf.RankWarning, match="have rank 9 < 20"):
        net = rf.fit_outer_weights(A, B, ETA, X[:9], y)
    assert np.abs(net(X[:9]) - y).max() < 1e-13  # measured 1.2e-15
    assert np.abs(net.c - np.linalg.pinv(PHI[:9]) @ y).max() < 1e-13  # measured 2.2e-15


def test_rcond_leaves_out_small_directions():
    y = np.sin(X[:, 0])
    with pytest.warns(rf.RankWarning, match="rank"):
        net = rf.fit_outer_weights(A, B, ETA, X, y, rcond=0.05)
    expected = np.linalg.lstsq(PHI, y, rcond=0.05)[0]
    assert np.abs(net.c - expected).max() < 1e-13  # measured 3.3e-16


def test_sample_weights_repeat_samples():
    y = np.sin(X[:, 0])
    counts = RNG.integers(0, 4, 300)
    for options in ({}, {"ridge": 1e-3}, {"affine": True}):
        weighted = rf.fit_outer_weights(A, B, ETA, X, y, weights=counts, **options)
        repeated = rf.fit_outer_weights(
            A, B, ETA, np.repeat(X, counts, axis=0), np.repeat(y, counts), **options
        )
        assert np.abs(weighted.c - repeated.c).max() < 1e-12  # measured 3.6e-15


def normal_equations(plain, phi, y, penalty, weights):
    """Coefficients of plain columns and of features by the normal equations, in another way."""
    q = weights / weights.sum()
    both = np.hstack([plain, phi])
    only = np.diag(np.r_[np.zeros(plain.shape[1]), np.full(phi.shape[1], penalty)])
    found = np.linalg.solve(both.T @ (q[:, None] * both) + only, both.T @ (q[:, None] * y))
    return found[: plain.shape[1]], found[plain.shape[1] :]


@pytest.mark.parametrize("parts", [1, 3])
def test_weights_and_affine_part_by_the_normal_equations(parts):
    """Points far from the origin, weights over three decades, two outputs, samples in parts."""
    rng = np.random.default_rng(8)
    x = X * [3.0, 0.2] + [40.0, -7.0]
    a, b = A / [3.0, 0.2], B + (A / [3.0, 0.2]) @ [40.0, -7.0]
    y = np.column_stack([np.sin(X[:, 0]) + 5 * X[:, 1], rng.normal(size=300) - 9])
    weights = 10.0 ** rng.uniform(-3, 0, 300)
    problem = least_squares.OuterProblem(a, b, ETA, 2, Columns.of(x, weights))
    for part in np.array_split(np.arange(300), parts):
        problem.add(x[part], y[part], weights[part])
    fit = problem.solve(1e-2)
    plain, outer = normal_equations(np.column_stack([np.ones(300), x]), PHI, y, 1e-2, weights)
    # The normal equations square the condition. measured 1.6e-10, 3e-11, 3e-11
    assert np.abs(fit.outer - outer).max() < 1e-9 * np.abs(outer).max()
    assert np.abs(fit.bias - plain[0]).max() < 1e-9 * np.abs(plain[0]).max()
    assert np.abs(fit.linear - plain[1:]).max() < 1e-9 * np.abs(plain[1:]).max()


def test_the_scale_of_weights_and_values_means_nothing():
    y, weights = np.sin(X[:, 0]), 1 + X[:, 1] ** 2
    fitted = {}
    for ridge in (0.0, 1e-3, "gcv", "loo"):
        for scale in (1.0, 1e-300, 1e300):
            for unit in (1.0, 1e-290, 1e300):
                net = rf.fit_outer_weights(
                    *(A, B, ETA, X, y * unit), ridge=ridge, affine=True, weights=weights * scale
                )
                base = fitted.setdefault(ridge, net.c)
                # measured 5e-15
                assert np.abs(net.c / unit - base).max() < 1e-9 * np.abs(base).max()


def test_observations_are_counted():
    y = np.sin(X[:, 0]) + 0.3 * RNG.normal(size=300)
    counts = 1 + np.arange(300) % 3
    again = np.repeat(np.arange(300), counts)

    def penalty(rows, **options):
        fit = least_squares.OuterProblem(A, B, ETA, 1, Columns.of(X[rows]))
        fit.add(X[rows], y[rows, None], options.pop("weights", None))
        return fit.solve(None, **options).penalty

    every = np.arange(300)
    plain = penalty(every)
    assert penalty(every, weights=np.full(300, 7.0)) == plain
    assert penalty(again) == penalty(every, weights=counts.astype(float))
    assert penalty(every, observations="weights") == plain == penalty(every, observations=300.0)
    # Twice as many observations of the same are worth a smaller penalty.
    doubled = penalty(every, weights=np.full(300, 2.0), observations="weights")
    assert doubled == penalty(every, observations=600.0) < plain
    # In parts, and a part that comes twice, as all at once.
    fit = least_squares.OuterProblem(A, B, ETA, 1, Columns.of(X))
    for part in (every[:120], every[120:], every[50:90]):
        fit.add(X[part], y[part, None])
    assert fit.observations("distinct") == 300 and fit.observations("weights") == 340
    # The two zeros are one number.
    zeros = fingerprints(np.array([[0.0], [-0.0], [1.0]]), np.zeros((3, 1)))
    assert len(zeros) == 2


@pytest.mark.parametrize("unit", [1.0, 1e-9, 1e9])
def test_dependent_plain_columns(unit):
    """One column is the sum of two others but for rounding, one is nearly constant, one zero."""
    rng = np.random.default_rng(2)
    x = rng.normal((20.0, 30.0), 1.0, size=(60, 2))
    flat = 14.62 + 1e-14 * rng.normal(size=60)
    plain = np.column_stack([np.ones(60), unit * x, unit * x.sum(1), flat, np.zeros(60)])
    phi, y = np.tanh((x - [20.0, 30.0]) @ A[:8].T - B[:8]), rng.normal(size=(60, 1))
    part, outer, _ = solve_columns(plain, phi, y, 1e-3)
    few = np.column_stack([np.ones(60), x])
    expected, weights = normal_equations(few, phi, y, 1e-3, np.ones(60))
    assert np.abs(outer - weights).max() < 1e-10 * np.abs(weights).max()  # measured 5e-12
    found = plain @ part
    # measured 1e-11
    assert np.abs(found - few @ expected).max() < 1e-9 * np.abs(few @ expected).max()
    # A little more of the sum, or of the constant, changes little: no coefficient is of noise.
    moved = plain + np.array([0, 0, 0, 1e-6 * unit, 1e-6, 1])
    assert np.abs(moved @ part - found).max() < 1e-5  # measured 3e-7
    fewer = plain[:3]
    part, outer, _ = solve_columns(fewer, phi[:3], y[:3], 1e-3)
    assert np.abs(fewer @ part + phi[:3] @ outer - y[:3]).max() < 1e-9  # measured 4e-14


def test_units_of_columns_do_not_matter():
    """A column in nanometres beside one in kilometres: the fit is that of equal units."""
    y = np.sin(X[:, 0]) + X[:, 1]
    units = np.array([1e12, 1e-12])
    plain = rf.fit_outer_weights(A, B, ETA, X, y, ridge=1e-3, affine=True)
    other = rf.fit_outer_weights(A / units, B, ETA, X * units, y, ridge=1e-3, affine=True)
    assert np.abs(plain.c - other.c).max() < 1e-12  # measured 3e-16
    assert np.abs(plain.linear - other.linear * units).max() < 1e-12  # measured 4e-16


def test_overflow_is_refused():
    for name, size in (("relu", 1e300), ("relu2", 1e160)):
        with pytest.raises(ValueError, match="the features must"):
            rf.fit_outer_weights(A * size, B, name, X * 1e9, X[:, 0])
    with pytest.raises(ValueError, match="the outer weights must be finite, got an overflow"):
        rf.fit_outer_weights(A, B, ETA, X, np.full(300, 1.7e308))


def test_slabs_give_the_same_fit(monkeypatch):
    y = np.column_stack([np.sin(X[:, 0]), X[:, 1]])
    whole = rf.fit_outer_weights(A, B, ETA, X, y, affine=True)
    monkeypatch.setattr(least_squares, "_SLAB", 8 * 25 * 30)
    slabs = rf.fit_outer_weights(A, B, ETA, X, y, affine=True)
    assert np.abs(slabs.c - whole.c).max() < 1e-13  # measured 8.6e-16


def test_zero_values_give_zero_weights():
    net = rf.fit_outer_weights(A, B, ETA, X, np.zeros((300, 2)), affine=True)
    assert not net.c.any() and not net.linear.any() and not net.bias.any()


def test_derived_activations_and_precision():
    y = np.sin(X[:, 0])
    direct = rf.fit_outer_weights(A, B, "sin", X, y, ridge=1e-3)
    mirrored = rf.fit_outer_weights(A, B, rf.activation("cos").derivative(), X, y, ridge=1e-3)
    assert np.abs(direct.c + mirrored.c).max() < 1e-14  # measured 0
    slope = rf.fit_outer_weights(A, B, ETA.derivative(), X, y, ridge=1e-3)
    expected = dense(ETA.derivative()(X @ A.T - B), y, 1e-3)
    assert np.abs(slope.c - expected).max() < 1e-12  # measured 7.1e-15
    single = [v.astype(np.float32) for v in (A, B, X, y)]
    net = rf.fit_outer_weights(*single[:2], "sin", *single[2:], ridge=1e-3)
    assert net.c.dtype == np.float32
    assert np.abs(net.c - direct.c).max() < 1e-6  # measured 3.6e-8


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"ridge": -1.0}, "`ridge` must not be negative, got -1"),
        ({"measure": 2.0}, "`ridge` must be positive where `measure` is given, got 0"),
        ({"ridge": "loo", "measure": 2.0}, "`ridge` must be positive where .* got 'loo' with"),
        ({"ridge": "lo"}, "`ridge` must be one of.*did you mean 'loo'"),
        ({"ridge": 1.0, "measure": 0.0}, "`measure` must be positive, got 0"),
        ({"weights": np.full(300, -1.0)}, "`weights` must not be negative and not all zero"),
        ({"weights": np.zeros(300)}, "`weights` must not be negative and not all zero"),
        ({"weights": np.ones(2)}, "agree in their first length.*`weights`"),
        ({"observations": 0.0}, "`observations` must be positive, got 0"),
        ({"observations": "distnct"}, "`observations` must be one of.*did you mean 'distinct'"),
        ({"rcond": 1.0}, r"`rcond` must lie in \[0, 1\), got 1"),
    ],
)
def test_options_out_of_range_are_refused(options, match):
    with pytest.raises(ValueError, match=match):
        rf.fit_outer_weights(A, B, ETA, X, X[:, 0], **options)


def test_clashing_shapes_are_refused():
    with pytest.raises(ValueError, match=r"first length, got `a` \(20, 2\), `b` \(3,\)"):
        rf.fit_outer_weights(A, B[:3], ETA, X, X[:, 0])
    with pytest.raises(ValueError, match=r"`points` must have shape \(n, 2\)"):
        rf.fit_outer_weights(A, B, ETA, X[:, :1], X[:, 0])
    with pytest.raises(ValueError, match=r"`points` \(300, 2\), `values` \(9,\)"):
        rf.fit_outer_weights(A, B, ETA, X, X[:9, 0])
    with pytest.raises(ValueError, match="`activation` must have values"):
        rf.fit_outer_weights(A, B, "dirac", X, X[:, 0])
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="a least-squares problem with 1000 neurons"),
    ):
        rf.fit_outer_weights(np.ones((1000, 2)), np.ones(1000), ETA, X, X[:, 0])


def left_out_error(phi, y, penalty):
    """Mean squared error of as many fits as samples, by the dense formula."""
    n = len(y)
    rest = [np.delete(np.arange(n), i) for i in range(n)]
    left = [
        y[i] - phi[i] @ dense(phi[some], y[some], penalty * n / len(some))
        for i, some in enumerate(rest)
    ]
    return np.mean(np.square(left), axis=0)


@pytest.mark.parametrize("n", [30, 14])
def test_leave_one_out_takes_the_penalty_of_the_least_error(n):
    """Against fits without one sample each; of two targets each has its own penalty."""
    rng = np.random.default_rng(n)
    x = rng.standard_t(2, size=(n, 2))
    y = np.column_stack([np.sin(x[:, 0]), x[:, 1] + 2 * rng.normal(size=n)])
    net = rf.fit_outer_weights(A, B, ETA, x, y, ridge="loo")
    phi = ETA(x @ A.T - B)
    s = np.linalg.svd(phi / np.sqrt(n), compute_uv=False)
    # The least penalties are too small for the dense formula.
    penalties = np.geomspace(100 * s[0] ** 2, EPS * s[0] ** 2, 80)[:55]
    freedom = (s[:, None] ** 2 / (s[:, None] ** 2 + penalties)).sum(axis=0)
    free = n - 1.05 * freedom
    caution = np.where(free > 1e-8 * n, (n - freedom) / free, np.inf) ** 2
    errors = caution[:, None] * [left_out_error(phi, y, penalty) for penalty in penalties]
    best = penalties[errors.argmin(axis=0)]
    assert best[0] != best[1] and best.min() > penalties[-1]
    for k in range(2):
        one = rf.fit_outer_weights(A, B, ETA, x, y[:, k], ridge=best[k])
        # measured 4e-15
        np.testing.assert_allclose(net.c[:, k], one.c, rtol=0, atol=1e-12 * np.abs(one.c).max())


def test_leave_one_out_where_samples_lie_far_off():
    """Three variables with tails of Student's law of 1.5 degrees of freedom."""
    for seed in range(3):
        rng = np.random.default_rng(seed)
        x = rng.standard_t(1.5, size=(2600, 3))
        y = np.tanh(x).sum(axis=1) + 0.05 * rng.normal(size=2600)
        a, b = pair_neurons(x[:600], y[:600], 200, rng=0)
        for affine in (True, False):
            left = {}
            for ridge in ("loo", "gcv"):
                net = rf.fit_outer_weights(
                    *(a, b, "tanh", x[:600], y[:600]), ridge=ridge, affine=affine
                )
                left[ridge] = np.mean((net(x[600:]) - y[600:]) ** 2) / np.var(y)
            assert left["loo"] < 0.08  # measured .022 to .047
            assert left["gcv"] > 10 * left["loo"]  # measured .8 to 370


def test_leave_one_out_keeps_samples_of_many(monkeypatch):
    """The same ones whatever the order; weights are repeated samples; slabs mean nothing."""
    rng = np.random.default_rng(3)
    y = np.sin(3 * X[:, 0]) + 0.2 * rng.normal(size=300)
    counts = rng.integers(1, 4, 300)
    whole = rf.fit_outer_weights(A, B, ETA, X, y, ridge="loo", weights=counts)
    again = rng.permutation(np.repeat(np.arange(300), counts))
    other = rf.fit_outer_weights(A, B, ETA, X[again], y[again], ridge="loo")
    assert np.abs(whole.c - other.c).max() < 1e-12 * np.abs(whole.c).max()  # measured 2e-15
    monkeypatch.setattr(least_squares, "KEPT", 60)
    monkeypatch.setattr(least_squares, "_SLAB", 8 * 25 * 30)
    few = rf.fit_outer_weights(A, B, ETA, X, y, ridge="loo", weights=counts)
    other = rf.fit_outer_weights(A, B, ETA, X[again], y[again], ridge="loo")
    assert np.abs(few.c - other.c).max() < 1e-12 * np.abs(few.c).max()  # measured 2e-15
    gaps = [np.sqrt(np.mean((net(X) - np.sin(3 * X[:, 0])) ** 2)) for net in (whole, few)]
    assert gaps[0] != gaps[1] < 1.2 * gaps[0]  # measured 1.14
