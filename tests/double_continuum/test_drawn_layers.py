"""Networks with importance weights: unbiased layers, shared neurons, controls, Sobol blocks."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.columns import rms
from ridgeflow.double_continuum.drawn_layers import drawn_ensemble, drawn_outputs

LAW = rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)
END = 0.15
DRAWN = {"weights": "importance", "sampling": "monte_carlo", "spacing": "even"}


@pytest.fixture(scope="module")
def limit():
    return rf.DoubleContinuum(LAW, rf.activation("gaussian"), span=(0.0, END), tol=1e-3)


@pytest.fixture(scope="module")
def start(limit):
    return limit.draw(300, rng=1)


def spread(limit, start, target, depth, width, count=20, **options):
    """Root mean square error of some networks."""
    edges = np.linspace(0.0, END, depth + 1)
    found = drawn_outputs(limit, edges, width, start, range(count), **options)
    return float(np.sqrt(np.mean((found - target) ** 2)))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("control", ["affine", None])
def test_one_layer_is_unbiased(limit, start, shared, control):
    step = start + END * limit.velocity(start, 0.0)
    found = drawn_outputs(
        limit, np.array([0.0, END]), 200, start, range(40), control=control, shared=shared
    )
    gap = rms(found.mean(axis=0) - step)
    # Means of 40 independent draws, against what they scatter by; measured 0.84 to 1.3
    assert gap < 2 * rms(found.std(axis=0)) / np.sqrt(40)


@pytest.mark.parametrize("sampling", ["monte_carlo", "sobol_layers"])
@pytest.mark.parametrize("neurons", ["per_layer", "shared"])
def test_many_networks_at_once_are_those_one_by_one(limit, start, sampling, neurons):
    edges = np.linspace(0.0, END, 3)
    many = drawn_outputs(
        *(limit, edges, 30, start, [4, 5]),
        sampling=sampling,
        control="affine",
        shared=neurons == "shared",
    )
    one = limit.network(2, 30, **DRAWN | {"sampling": sampling}, neurons=neurons, rng=5)
    assert np.array_equal(many[1], one(start))


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("control", ["affine", None])
def test_ensembles_are_networks_in_one_sum(limit, start, control, shared):
    edges = np.linspace(0.0, END, 3)
    options = {"control": control, "shared": shared}
    found = drawn_ensemble(limit, edges, 30, start, 1, np.random.default_rng(5), **options)
    one = drawn_outputs(limit, edges, 30, start, [5], **options)
    assert np.abs(found - one).max() < 1e-12  # measured 1.1e-15
    many = drawn_ensemble(limit, edges, 30, start, 4, np.random.default_rng(5), **options)
    assert many.shape == (4, *start.shape) and np.ptp(many, axis=0).min() > 0


def test_controls_and_sobol_blocks_lower_errors(limit, start):
    target = limit.flow(start, END, log_density=False).points
    plain, controlled, fresh, blocks = (
        spread(limit, start, target, 8, 64, sampling=sampling, control=control)
        for sampling, control in (
            ("monte_carlo", None),
            ("monte_carlo", "affine"),
            ("sobol", None),
            ("sobol_layers", None),
        )
    )
    assert controlled < 0.4 * plain  # measured 0.19
    assert blocks < 0.8 * fresh  # measured 0.70


def test_shared_neurons_are_shared_and_depth_does_not_average_them(limit, start):
    net = limit.network(3, 50, **DRAWN, neurons="shared", rng=0)
    first = net.layers[0][0]
    for (layer,) in net.layers:
        assert np.array_equal(layer.a, first.a) and np.array_equal(layer.b, first.b)
    other = limit.network(3, 50, **DRAWN, rng=0)
    assert not np.array_equal(other.layers[0][0].a, other.layers[1][0].a)
    target = limit.flow(start, END, log_density=False).points
    errors = {
        shared: spread(limit, start, target, 8, 64, 10, control="affine", shared=shared)
        for shared in (True, False)
    }
    assert errors[True] > 2 * errors[False]  # measured 3.6


def test_layers_take_the_blocks_of_one_sequence(limit):
    """The law stands nearly still over a short span, so that densities are the same."""
    short = rf.DoubleContinuum(LAW, rf.activation("gaussian"), span=(0.0, 1e-6), tol=1e-2)
    deep = short.network(4, 16, weights="importance", sampling="sobol_layers", rng=3)
    wide = short.network(1, 64, weights="importance", sampling="sobol", rng=3)
    together = np.concatenate([layer.a[:, 0] / layer.b for (layer,) in deep.layers])
    same = np.isclose(together, wide.layers[0][0].a[:, 0] / wide.layers[0][0].b, rtol=1e-9)
    assert same.mean() > 0.9  # measured 1.0


def test_fitted_networks_take_sobol_blocks_too(limit, start):
    target = limit.flow(start, END, log_density=False).points
    for neurons in ("shared", "per_layer"):
        net = limit.network(4, 12, sampling="sobol_layers", neurons=neurons, n_samples=500, rng=0)
        assert rms(net(start) - target) / rms(target - start) < 0.15  # measured 0.093, the steps


@pytest.mark.parametrize("layers", ["euler", "midpoint", "rk4"])
def test_every_scheme_takes_drawn_layers(limit, start, layers):
    target = limit.flow(start, END, log_density=False).points
    net = limit.network(8, 2000, weights="importance", layers=layers, rng=0)
    assert rms(net(start) - target) / rms(target - start) < 0.08  # measured 0.048, 0.006, 0.004


def test_affine_fields_need_no_neurons():
    normal = rf.GaussianMixture([1.0], [[0.3]], 1.3)
    limit = rf.DoubleContinuum(normal, rf.activation("tanh"), span=(0.0, 0.1), tol=1e-3)
    x = limit.draw(200, rng=0)
    net = limit.network(4, 8, weights="importance", spacing="even", rng=0)
    step = x
    for t in 0.025 * np.arange(4):
        step = step + 0.025 * limit.velocity(step, float(t))
    assert rms(net(x) - step) < 1e-12  # measured 1.9e-16


def test_fields_without_law_are_split_over_their_region():
    field = rf.CallableField(lambda x: -np.sin(2 * x), 1, components=1)
    limit = rf.DoubleContinuum(
        field, "gaussian", span=(0.0, 0.5), region=rf.Region([0.0], 2.6, 1.0), tol=1e-2
    )
    x = limit.draw(200)
    x = x[np.abs(x[:, 0]) < 1.5]
    target = limit.flow(x, 0.5, log_density=False).points
    net = limit.network(32, 400, weights="importance", sampling="sobol_layers", rng=0)
    assert rms(net(x) - target) / rms(target - x) < 0.03  # measured 0.010


def test_layers_that_are_worse_than_none_warn(limit):
    with pytest.warns(rf.AccuracyWarning, match="the drawn layers are expected to err by") as found:
        limit.network(2, 2, weights="importance", control=None, rng=0)
    assert found[0].filename == __file__
    for options, match in (
        ({"control": "linear"}, "`control` must be one of affine"),
        ({"sampling": "quadrature"}, "`sampling` must be one of sobol, sobol_layers"),
        ({"aim": "flow"}, "`aim` must be 'velocity'"),
    ):
        with pytest.raises(ValueError, match=match):
            limit.network(2, 2, **{"weights": "importance", **options})
