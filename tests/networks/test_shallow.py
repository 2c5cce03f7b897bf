"""Shallow networks: values, gradients, the affine part, precision, refusals."""

import numpy as np
import pytest
import reference

import ridgeflow as rf

RNG = np.random.default_rng(3)
A, B, X = RNG.normal(size=(7, 2)), RNG.normal(size=7), RNG.normal(size=(11, 2))
SMOOTH = ["sigmoid", "tanh", "softplus", "gaussian", "gelu", "arctan", "sin"]


@pytest.mark.parametrize("shape", [(), (3,), (1,)])
def test_values_match_a_naive_twin_with_the_affine_part(shape):
    c = RNG.normal(size=(7, *shape))
    linear, bias = RNG.normal(size=(2, *shape)), RNG.normal(size=shape)
    for name in ("relu", "tanh", "erf"):
        eta = rf.activation(name)
        net = rf.ShallowNetwork(A, B, c, eta, linear=linear, bias=bias)
        expected = reference.ridge_sum(X, A, B, c, eta) + X @ linear + bias
        assert net(X).shape == (11, *shape)
        assert np.abs(net(X) - expected).max() < 1e-14  # measured 1.3e-15
        gradient = reference.ridge_sum_gradient(X, A, B, c, eta.derivative()) + linear
        assert net.gradient(X).shape == (11, 2, *shape)
        assert np.abs(net.gradient(X) - gradient).max() < 1e-14  # measured 2.2e-15


@pytest.mark.parametrize("name", [*SMOOTH, "relu", "linear"])
def test_gradient_matches_finite_differences(name):
    net = rf.ShallowNetwork(A, B, RNG.normal(size=(7, 2)), name, linear=np.ones((2, 2)))
    h = 1e-5
    for i in range(2):
        shift = h * np.eye(2)[i]
        difference = (net(X + shift) - net(X - shift)) / (2 * h)
        assert np.abs(net.gradient(X)[:, i] - difference).max() < 1e-8  # measured 9.4e-10


@pytest.mark.parametrize("name", ["tanh", "sin", "relu2", "gaussian", "erf"])
def test_derivatives_outside_the_list_are_evaluated(name):
    eta = rf.activation(name).derivative()
    c = RNG.normal(size=7)
    net = rf.ShallowNetwork(A, B, c, eta)
    expected = reference.ridge_sum(X, A, B, c, eta)
    assert np.abs(net(X) - expected).max() < 1e-14  # measured 8.9e-16
    slope = reference.ridge_sum_gradient(X, A, B, c, eta.derivative())
    assert np.abs(net.gradient(X) - slope).max() < 1e-14  # measured 1.8e-15


def test_step_has_no_slope_between_its_jumps():
    net = rf.ShallowNetwork(A, B, np.ones(7), "step", linear=[1.0, 2.0])
    assert np.array_equal(net.gradient(X), np.tile([1.0, 2.0], (11, 1)))
    assert rf.ShallowNetwork([[1.0]], [0.0], [1.0], "step")([[0.0]]) == 0.5


def test_precision_follows_the_arguments():
    single = [v.astype(np.float32) for v in (A, B, np.ones(7))]
    net = rf.ShallowNetwork(*single, "tanh")
    assert net.a.dtype == net.linear.dtype == np.float32
    assert net(X.astype(np.float32)).dtype == np.float32
    assert net.gradient(X.astype(np.float32)).dtype == np.float32
    assert net(X).dtype == np.float64
    mixed = rf.ShallowNetwork(A, *single[1:], "tanh")
    assert mixed.b.dtype == np.float64 and mixed(X.astype(np.float32)).dtype == np.float64
    wide = rf.ShallowNetwork(A, B, np.ones(7), "tanh")
    assert np.abs(net(X.astype(np.float32)) - wide(X)).max() < 2e-6  # measured 5.5e-7


def test_permuted_neurons_and_layouts_give_the_same_function():
    c = RNG.normal(size=7)
    order = RNG.permutation(7)
    net = rf.ShallowNetwork(A, B, c, "gelu")
    other = rf.ShallowNetwork(np.asfortranarray(A[order]), B[order], c[order], "gelu")
    assert np.abs(net(np.asfortranarray(X)) - other(X)).max() < 1e-14  # measured 6.7e-16


def test_attributes_are_read_only_copies():
    c = np.ones(7)
    net = rf.ShallowNetwork(A, B, c, "relu")
    c[0] = 5
    assert net.c[0] == 1 and (net.width, net.dim, net.component_shape) == (7, 2, ())
    with pytest.raises(ValueError, match="read-only"):
        net.c[0] = 2
    assert repr(net) == "ShallowNetwork(width=7, dim=2, components=(), activation='relu')"


def test_one_dimension_takes_flat_arrays():
    net = rf.ShallowNetwork([1.0, 2.0], [0.0, 0.0], [1.0, 1.0], "linear")
    assert np.array_equal(net([1.0, 2.0]), [3.0, 6.0])


@pytest.mark.parametrize(
    ("arguments", "options", "match"),
    [
        ((A, B[:3], np.ones(7), "relu"), {}, r"agree in their first length.*\(7, 2\), \(3,\)"),
        ((A, B, np.ones((7, 1, 1)), "relu"), {}, "`c` must have 1 or 2 dimension"),
        ((A, B, np.ones(7), "dirac"), {}, "`activation` must have values, got 'dirac'"),
        ((A, B, np.ones(7), "rely"), {}, "did you mean 'relu'"),
        ((A, B, np.full(7, np.nan), "relu"), {}, "`c` must be finite"),
        ((A, B, np.ones(7), "relu"), {"linear": [1.0]}, r"`linear` must have shape \(2,\)"),
        (
            (A, B, np.ones((7, 2)), "relu"),
            {"bias": 1.0},
            r"`bias` must have shape \(2,\), got \(\)",
        ),
    ],
)
def test_clashing_arguments_are_refused(arguments, options, match):
    with pytest.raises(ValueError, match=match):
        rf.ShallowNetwork(*arguments, **options)


def test_evaluation_refuses_what_does_not_fit():
    net = rf.ShallowNetwork(A, B, np.ones(7), "relu2")
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\), got \(4, 3\)"):
        net(np.ones((4, 3)))
    with pytest.raises(ValueError, match="`x` must be finite"):
        net.gradient([[np.inf, 0.0]])
    with pytest.raises(ValueError, match="must be finite, got an overflow"):
        net([[1e200, 1e200]])
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the result at 100000 points needs"),
    ):
        net.gradient(np.zeros((100_000, 2)))


NAMES = [name for name in rf.activation_names() if name != "dirac"]


@pytest.mark.parametrize("real", [np.float64, np.float32])
@pytest.mark.parametrize("name", NAMES)
def test_correlations_are_the_transpose_of_the_sum(name, real):
    rng = np.random.default_rng(4)
    shapes = ((40, 3), (40,), (40, 5), (33, 3), (33, 5))
    a, b, c, x, r = (rng.normal(size=shape).astype(real) for shape in shapes)
    net = rf.ShallowNetwork(a, b, c, name)
    values, correlations = net(x), net.correlate(x, r)
    assert values.dtype == correlations.dtype == real
    features = rf.activation(name)(x.astype(np.float64) @ a.T.astype(np.float64) - b)
    eps = float(np.finfo(real).eps)
    size = np.abs(features).T @ np.abs(r) + 1
    # measured 0.5 of the rounding unit in float64 (arctan), 1.1 in float32 (relu2)
    assert (np.abs(correlations - features.T @ r) / size).max() < 4 * eps
    one, other = np.vdot(values.astype(np.float64), r), np.vdot(correlations.astype(np.float64), c)
    # measured 0.3 rounding units of the norms (softplus, float32)
    assert abs(one - other) < 2 * eps * np.linalg.norm(values) * np.linalg.norm(r)
    single = net.correlate(x, r[:, 0])
    assert single.shape == (40,)
    assert (np.abs(single - correlations[:, 0]) / size[:, 0]).max() < 4 * eps


def test_correlations_are_gradients_of_least_squares():
    c = RNG.normal(size=(7, 2))
    y = RNG.normal(size=(11, 2))
    net = rf.ShallowNetwork(A, B, c, "tanh", linear=np.ones((2, 2)), bias=[1.0, 2.0])
    gradient = net.correlate(X, net(X) - y)

    def loss(weights):
        other = rf.ShallowNetwork(A, B, weights, "tanh", linear=net.linear, bias=net.bias)
        return 0.5 * np.sum((other(X) - y) ** 2)

    step = np.zeros_like(c)
    step[3, 1] = 1e-5
    slope = (loss(c + step) - loss(c - step)) / 2e-5
    assert abs(slope - gradient[3, 1]) < 1e-8  # measured 3e-11


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_results_go_into_given_arrays(name):
    c = RNG.normal(size=(7, 2))
    net = rf.ShallowNetwork(A, B, c, name, linear=np.ones((2, 2)), bias=[1.0, 2.0])
    r = RNG.normal(size=(11, 3))
    for call, shape in (
        (net, (11, 2)),
        (net.gradient, (11, 2, 2)),
        (lambda x, out=None: net.correlate(x, r, out=out), (7, 3)),
    ):
        expected = call(X)
        for out in (np.full(shape, np.nan), np.full((*shape, 2), np.nan)[..., 0]):
            assert call(X, out=out) is out
            assert np.array_equal(out, expected)


@pytest.mark.parametrize(
    ("out", "error", "match"),
    [
        ([0.0], TypeError, "`out` must be an array, got list"),
        (np.empty(11), ValueError, r"`out` must have shape \(11, 2\) and dtype float64, got \(11,"),
        (np.empty((11, 2), np.float32), ValueError, r"dtype float64, got \(11, 2\) and float32"),
        (np.broadcast_to(0.0, (11, 2)), ValueError, "must be writeable, got a read-only array"),
    ],
)
def test_arrays_that_cannot_hold_the_result_are_refused(out, error, match):
    net = rf.ShallowNetwork(A, B, np.ones((7, 2)), "relu")
    with pytest.raises(error, match=match):
        net(X, out=out)
    with pytest.raises(error):
        net.gradient(X, out=out)
    with pytest.raises(error):
        net.correlate(X, np.ones((11, 2)), out=out)


def test_correlations_refuse_what_does_not_fit():
    net = rf.ShallowNetwork(A, B, np.ones(7), "relu")
    with pytest.raises(ValueError, match=r"`x` \(11, 2\), `residuals` \(3,\)"):
        net.correlate(X, np.ones(3))
    with pytest.raises(ValueError, match="`residuals` must have 1 or 2 dimension"):
        net.correlate(X, np.ones((11, 1, 1)))
    with pytest.raises(ValueError, match="`residuals` must be finite"):
        net.correlate(X, np.full(11, np.nan))
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match=r"correlations of .* with 7 neurons"),
    ):
        net.correlate(X, np.ones((11, 30_000)))
