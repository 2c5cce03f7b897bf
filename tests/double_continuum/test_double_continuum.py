"""The double continuum: velocities from spectra over depth, their flow, and finite networks."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.double_continuum.budget import stepped
from ridgeflow.double_continuum.chosen_depths import chebyshev_times
from ridgeflow.double_continuum.main_line import main_line

LAW = rf.GaussianMixture(
    [0.4, 0.6], [[-0.7, 0.2], [0.6, -0.2]], [[[0.3, 0.05], [0.05, 0.4]], [[0.35, 0], [0, 0.3]]]
)
T_END = 0.5 * rf.ContinuousDAE(LAW).t_max


def rms(v):
    return np.sqrt((v**2).sum(-1).mean())


@pytest.fixture(scope="module")
def continuum():
    return rf.DoubleContinuum(
        LAW, rf.activation("tanh"), times=chebyshev_times(0.0, T_END, 5), tol=1e-3
    )


@pytest.fixture(scope="module")
def exact(continuum):
    x = continuum.draw(1000, rng=1)
    result = rf.ContinuousDAE(LAW).flow(x, T_END)
    return x, result


def test_velocity_is_the_score_within_the_budget(continuum):
    flow = rf.ContinuousDAE(LAW)
    for t in (0.0, 0.37 * T_END, T_END):
        x = flow.law(t).sample(1000, rng=2)
        x = x[continuum.region.contains(x)]
        truth = flow.velocity(x, t)
        error = rms(continuum.velocity(x, t) - truth) / rms(truth)
        assert error < 1e-3  # measured 3.5e-4 between depths, 7e-6 at them
        assert error / 3 < continuum.error_budget().total


def test_flow_and_log_density_follow_the_exact_ones(continuum, exact):
    x, truth = exact
    found = continuum.flow(x, T_END, rtol=1e-7, atol=1e-9)
    size = rms(truth.points - x)
    assert rms(found.points - truth.points) / size < 1e-4  # measured 1.1e-5
    assert np.abs(found.log_density - truth.log_density).max() < 2e-2  # measured 2.3e-4
    bare = continuum.flow(x, T_END, log_density=False)
    assert bare.log_density is None


def test_velocity_comes_from_the_spectra_alone(continuum):
    # Doubling the spectra doubles the integral part, whatever the law says.
    from ridgeflow.ridgelet.reconstruct import backproject

    rep = continuum.representations[0]
    x = continuum.draw(20, rng=3)
    assert continuum.spectrum(0.0) is rep.spectrum
    radius = 1.001 * continuum.region.radius
    rebuilt = backproject(rep.spectrum, rep.activation, radius, dual=rep.dual)
    integral = continuum.velocity(x, 0.0) - rep.affine(x)
    assert np.allclose(rebuilt(x), integral, atol=1e-8)  # measured 2e-13


@pytest.fixture(scope="module")
def on_a_line():
    """On a line 200 units leave no width error that would hide the order."""
    law = rf.GaussianMixture([0.4, 0.6], [[-0.7], [0.6]], [0.3, 0.35])
    end = 0.5 * rf.ContinuousDAE(law).t_max
    limit = rf.DoubleContinuum(law, rf.activation("tanh"), span=(0.0, end), tol=1e-5)
    x = limit.draw(500, rng=1)
    return limit, x, rf.ContinuousDAE(law).flow(x, end).points


@pytest.mark.slow
@pytest.mark.parametrize(("layers", "wanted"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_networks_converge_in_depth_with_the_order_of_their_layers(on_a_line, layers, wanted):
    limit, x, truth = on_a_line
    depths = {"euler": (4, 16), "midpoint": (1, 4), "rk4": (1, 2)}[layers]
    errors = [
        rms(limit.network(d, 200, layers=layers, n_samples=3000, rng=0)(x) - truth) for d in depths
    ]
    order = np.log(errors[0] / errors[1]) / np.log(depths[1] / depths[0])
    assert wanted - 0.5 < order < wanted + 0.5  # measured 0.98, 1.85, 3.63
    assert len(limit.network(1, 10, layers=layers, rng=0).layers[0]) == {1: 1, 2: 2, 4: 3}[wanted]


def test_network_in_the_plane(continuum, exact):
    x, truth = exact
    size = rms(truth.points - x)
    euler = x
    for layer in range(8):
        t = layer * T_END / 8
        euler = euler + T_END / 8 * rf.ContinuousDAE(LAW).velocity(euler, t)
    net = continuum.network(8, 400, rng=0)
    # Little more than the exact score's own Euler steps.
    assert rms(net(x) - truth.points) < 1.2 * rms(euler - truth.points)  # measured 1.0
    assert rms(net(x) - truth.points) / size < 0.03  # measured 0.022


@pytest.mark.slow
def test_importance_weights_make_a_network_without_fitting(continuum, exact):
    x, _ = exact
    errors = []
    for width in (60, 4000):
        net = continuum.network(2, width, weights="importance", sampling="monte_carlo", rng=0)
        last = float(continuum.times[-1])
        steps = stepped(continuum.velocity, "euler", net.steps, x, 0.0, last)
        errors.append(rms(net(x) - steps) / rms(steps - x))
    assert errors[1] < 0.4 * errors[0]  # measured 0.178


def test_relu_too(exact):
    x, truth = exact
    limit = rf.DoubleContinuum(
        LAW, rf.activation("relu"), times=chebyshev_times(0.0, T_END, 4), tol=1e-2
    )
    moved = limit.flow(x, T_END, log_density=False).points
    assert rms(moved - truth.points) / rms(truth.points - x) < 1e-2  # measured 3e-4


def test_fields_with_and_without_time():
    region = rf.Region([0.0], 2.0, 2.0)
    eta = rf.activation("tanh")
    steady = rf.DoubleContinuum(
        rf.CallableField(lambda x: -np.sin(x[:, 0]), 1), eta, times=[0.0, 1.0], region=region
    )
    x = np.array([[0.5], [-1.0]])
    # The flow of -sin is tan(x/2) e^{-t}.
    truth = 2 * np.arctan(np.tan(x / 2) * np.exp(-1.0))
    assert np.allclose(steady.flow(x, 1.0).points, truth, atol=1e-4)  # measured 3e-9
    timed = rf.DoubleContinuum(
        rf.CallableField(lambda x, t: t * np.cos(x[:, 0]), 1),
        eta,
        times=[0.0, 0.5, 1.0],
        region=region,
    )
    assert np.allclose(timed.velocity(x, 0.25), 0.25 * np.cos(x), atol=1e-3)
    change = steady.flow(x, 1.0).log_density
    step = 1e-4
    slope = (steady.flow(x + step, 1.0).points - steady.flow(x - step, 1.0).points) / (2 * step)
    assert np.allclose(change, -np.log(slope[:, 0]), atol=1e-3)


def test_one_depth_is_a_steady_field():
    limit = rf.DoubleContinuum(LAW, rf.activation("tanh"), times=[0.0], tol=1e-2)
    x = limit.draw(5, rng=0)
    assert np.array_equal(limit.velocity(x, 3.0), limit.velocity(x, 0.0))
    with pytest.raises(ValueError, match="interval of depths"):
        limit.network(2, 10)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: rf.DoubleContinuum(LAW, rf.activation("tanh"), times=[0.0, 2 * T_END]),
            rf.SingularTimeError,
            "singular|t_max",
        ),
        (
            lambda: rf.DoubleContinuum(LAW, rf.activation("tanh"), times=[0.1, 0.0]),
            ValueError,
            "increase strictly",
        ),
        (
            lambda: rf.DoubleContinuum(
                rf.CallableField(lambda x: x, 2, components=2), rf.activation("tanh"), times=[0, 1]
            ),
            rf.RegionError,
            "needs a `region`",
        ),
        (
            lambda: rf.DoubleContinuum(
                rf.CallableField(lambda x: x[:, 0], 2),
                rf.activation("tanh"),
                times=[0, 1],
                region=rf.Region([0, 0], 1, 1),
            ),
            ValueError,
            "must have 2 components",
        ),
        (
            lambda: rf.DoubleContinuum(np.zeros((3, 2)), rf.activation("tanh"), times=[0, 1]),
            TypeError,
            "kernel_density",
        ),
        (
            lambda: rf.DoubleContinuum(LAW, rf.activation("linear"), times=[0, 0.01]),
            rf.AdmissibilityError,
            "linear",
        ),
    ],
)
def test_bad_continua_are_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_bad_queries_are_refused(continuum):
    with pytest.raises(ValueError, match=r"`t` must lie in \[0,"):
        continuum.velocity([[0.0, 0.0]], 2 * T_END)
    with pytest.raises(rf.RegionError, match="outside at depth 0, the farthest at 50"):
        continuum.velocity([[30.0, 40.0]], 0.0)
    for bad in ({"depth": 0, "width": 3}, {"depth": 3, "width": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            continuum.network(**bad)
    with pytest.raises(ValueError, match="did you mean 'euler'"):
        continuum.network(2, 10, layers="eular")


def test_main_line_on_small_data():
    data = np.random.default_rng(0).normal(size=(40, 1))
    seen = []
    line = main_line(data, depth=3, width=150, progress=lambda name, share: seen.append(share))
    assert max(line.field.values()) < 1e-3  # measured 4.5e-4
    assert line.flow < 2e-3 and line.identity_error == pytest.approx(1, abs=1e-12)
    assert line.network_error < 1.5 * line.steps_error
    assert line.shallow["representation"] < 1e-3
    assert seen == sorted(seen) and seen[-1] == 1.0
    # Entropy falls along depth.
    assert (np.diff(line.entropy[1]) < 0).all()
    with pytest.raises(ValueError, match="at most 3 columns"):
        main_line(np.zeros((5, 4)))
    with pytest.raises(ValueError, match="constant"):
        main_line(np.ones((5, 2)))
