"""Budgets of networks: upper bounds of their errors, also where the law has next to nothing."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.columns import rms
from ridgeflow.double_continuum import fit_draws
from ridgeflow.double_continuum.network_budget import _Search, stepped

TANH = rf.activation("tanh")
# Two clusters on a line, the second rare and far: the flow parts at a point of density 1e-4.
LAW = rf.GaussianMixture([0.9, 0.1], [[0.0], [6.0]], [0.5, 0.2])
END = 0.5 * rf.ContinuousDAE(LAW).t_max


@pytest.fixture(scope="module")
def limit():
    return rf.DoubleContinuum(LAW, TANH, span=(0.0, END), tol=1e-2)


@pytest.fixture(scope="module")
def net(limit):
    """Fitted to draws of the law alone, which know next to nothing of what lies between."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fit_draws, "_SHARES", (0.98, 0.01, 0.01))
        patch.setattr(fit_draws, "_TEMPER", 1.0)
        return limit.network(6, 40, layers="midpoint", n_samples=1000, rng=0)


def by_quadrature(law, net, end, n=20_000):
    """RMS errors of a network on a line, of its steps and of its neurons, over the displacement."""
    reach = 9 * np.sqrt(law.covariances.max())
    x = np.linspace(law.means.min() - reach, law.means.max() + reach, n)[:, None]
    weights = law.pdf(x)
    exact = rf.ContinuousDAE(law)
    target = exact.flow(x, end, log_density=False).points
    steps = stepped(exact.velocity, net.scheme, net.steps, x, 0.0, end)
    pairs = (net(x), target), (steps, target), (net(x), steps)
    size = rms(target - x, weights)
    return [rms(one - other, weights) / size for one, other in pairs]


def test_a_bound_sees_what_plain_draws_miss(limit, net):
    budget = limit.error_budget(net)
    total, depth, width = by_quadrature(LAW, net, END)
    assert total < budget.total < 1.3 * total  # measured 1.12
    assert depth < budget.depth < 1.5 * depth  # measured 1.30
    assert width < budget.width < 1.3 * width  # measured 1.12
    assert 0.85 * total < budget.rms < 1.05 * total  # measured 0.95
    # Most points know nothing of it, and the one that is named lies between the clusters.
    assert budget.median < 0.3 * budget.rms  # measured 0.093
    assert budget.median < budget.quantile99 < budget.worst_error
    assert 2.0 < budget.worst_point[0] < 5.0
    start = np.array([budget.worst_point])
    size = rms(
        rf.ContinuousDAE(LAW).flow(LAW.sample(4000, rng=0), END).points - LAW.sample(4000, rng=0)
    )
    miss = rms(net(start) - rf.ContinuousDAE(LAW).flow(start, END).points)
    assert budget.worst_error == pytest.approx(miss / size, rel=0.05)  # measured 5e-3
    # A thousand plain draws see a tenth of it.
    x = limit.draw(1000, rng=1)
    target = rf.ContinuousDAE(LAW).flow(x, END).points
    assert rms(net(x) - target) / rms(target - x) < 0.4 * total  # measured 0.090


def test_budgets_repeat_and_know_no_units(limit, net):
    assert limit.error_budget(net) == limit.error_budget(net)
    scale = 1e3
    law = rf.GaussianMixture(LAW.weights, scale * LAW.means, scale**2 * LAW.covariances)
    far = rf.DoubleContinuum(law, TANH, span=(0.0, scale**2 * END), tol=1e-2)
    layers = [
        tuple(
            rf.ShallowNetwork(
                f.a / scale, f.b, f.c / scale, TANH, linear=f.linear / scale**2, bias=f.bias / scale
            )
            for f in fields
        )
        for fields in net.layers
    ]
    same = rf.ResidualNetwork(layers, scale**2 * net.steps, scheme=net.scheme)
    one, other = limit.error_budget(net), far.error_budget(same)
    for name in ("total", "depth", "width", "median", "quantile99", "worst_error"):
        assert getattr(other, name) == pytest.approx(getattr(one, name), rel=1e-9)  # measured 3e-11


def test_weights_are_those_of_the_law(limit, net):
    """The mean of any function over the law is its weighted mean over the draws."""
    search = _Search(limit, net)
    weights = search._weights()
    assert weights.mean() == pytest.approx(1.0, abs=0.05)  # measured 0.986
    rare = search.x[:, 0] > 4.5
    assert weights[rare].sum() / weights.sum() == pytest.approx(0.1, abs=0.01)  # measured 0.095
    # A good part of the draws looks where one in a thousand of the law is.
    ridge = (search.x[:, 0] > 2.5) & (search.x[:, 0] < 4.5)
    assert ridge.mean() > 0.2  # measured 0.41


def test_networks_fitted_to_the_flow_are_bounded_as_a_whole(limit):
    """Their neurons make up for their steps: depth and width are large, and cancel."""
    net = limit.network(2, 60, layers="euler", aim="flow", n_samples=1000, rng=0)
    budget = limit.error_budget(net)
    total, depth, width = by_quadrature(LAW, net, END)
    assert budget.total < 0.8 * (budget.depth + budget.width)  # measured 0.05
    for bound, truth in ((budget.total, total), (budget.depth, depth), (budget.width, width)):
        assert truth < bound < 1.3 * truth  # measured 1.14, 1.14, 1.14


def test_a_start_within_the_depths():
    """Over the law where the network starts."""
    limit = rf.DoubleContinuum(LAW, TANH, span=(0.4 * END, END), tol=1e-2)
    net = limit.network(4, 30, layers="euler", n_samples=1000, rng=0)
    law = rf.ContinuousDAE(LAW).law(0.4 * END)
    total = by_quadrature(law, net, 0.6 * END)[0]
    assert total < limit.error_budget(net).total < 1.3 * total  # measured 1.14


def test_fields_without_law_are_bounded_over_their_region():
    def field(x):
        return -x + 0.8 * np.exp(-((x - 0.5) ** 2) / 2e-3)

    region = rf.Region([0.0], 1.0, 1.0)
    limit = rf.DoubleContinuum(
        rf.CallableField(field, 1, components=1), TANH, span=(0.0, 0.5), region=region, tol=5e-2
    )
    net = limit.network(8, 12, layers="midpoint", n_samples=1000, rng=0)
    x = np.linspace(-1.0, 1.0, 4001)[:, None]
    target = rf.transport.ode.integrate(lambda y, t: field(y), x, 0.0, 0.5)[0]
    truth = rms(net(x) - target) / rms(target - x)
    budget = limit.error_budget(net)
    assert truth < budget.total < 1.3 * truth  # measured 1.11
    assert abs(budget.worst_point[0]) <= 1.0


def test_networks_that_lead_elsewhere_are_refused(limit, net):
    longer = rf.ResidualNetwork(net.layers, 2 * net.steps, scheme=net.scheme)
    with pytest.raises(ValueError, match="`network` must have steps that lead from 0 to at most"):
        limit.error_budget(longer)
    other = rf.ResidualNetwork(
        [rf.ShallowNetwork(np.ones((1, 2)), [0.0], np.ones((1, 2)), TANH)], [0.01]
    )
    with pytest.raises(ValueError, match="`network` must have dimension 1, got 2"):
        limit.error_budget(other)


@pytest.mark.slow
@pytest.mark.parametrize(("n_samples", "seed"), [(None, 0), (4000, 1)])
def test_two_clusters_in_the_plane(n_samples, seed):
    """Points on the ridge between the clusters, where hardly anyone is, err most by far."""
    law = rf.GaussianMixture([0.9, 0.1], [[0.0, 0.0], [6.0, 0.0]], [0.5, 0.2])
    exact = rf.ContinuousDAE(law)
    end = 0.5 * exact.t_max
    limit = rf.DoubleContinuum(law, TANH, span=(0.0, end), tol=1e-2)
    net = limit.network(6, 150, layers="midpoint", n_samples=n_samples, rng=seed)
    axes = np.linspace(-5.0, 9.0, 1000), np.linspace(-5.0, 5.0, 700)
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 2)
    weights = law.pdf(x)
    x, weights = x[weights > 1e-13], weights[weights > 1e-13]
    target = exact.flow(x, end, log_density=False).points
    bare = rf.ResidualNetwork(net.layers, net.steps, scheme=net.scheme)
    truth = rms(bare(x) - target, weights) / rms(target - x, weights)
    budget = limit.error_budget(net)
    assert truth < budget.total < 1.3 * truth  # measured 1.13, 1.13
    assert budget.worst_error > 500 * budget.total  # measured 3200, 3900
    assert 2.5 < budget.worst_point[0] < 4.5
