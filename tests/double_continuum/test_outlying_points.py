"""Laws with outliers: wide draws for fits, and a thin component that smooths the score."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.columns import rms
from ridgeflow.double_continuum.defence import Defended, defended
from ridgeflow.double_continuum.fit_draws import draws_of_law
from ridgeflow.ridgelet.localised import energy_near_nyquist, localised_samples

TANH = rf.activation("tanh")


def outlying():
    """A kernel density of a bulk and two points far from it."""
    x = np.random.default_rng(0).normal(size=(60, 2))
    return rf.kernel_density(np.vstack([x, [[9.0, 2.0], [-1.0, 8.0]]]), bandwidth=0.4)


def test_wide_draws_are_weighted_by_a_power_of_the_density_ratio():
    law = rf.GaussianMixture([0.3, 0.7], [[-1.0], [1.5]], [0.2, 0.4])
    region = rf.Region([0.0], 4.0, 1.0)
    x, weights, own = draws_of_law(law, region, 4096, np.random.default_rng(0))
    assert 0.29 * 4096 < own < 0.31 * 4096 and region.contains(x).all()
    # Their power 1/0.35 is the ratio of densities: means under the law (measured 3.0e-3).
    ratio = weights ** (1 / 0.35)
    exact = law.weights @ law.means[:, 0]
    assert abs((ratio @ x[:, 0]) / len(x) - exact) < 1e-2
    assert weights.min() > 0 and ratio.max() <= 1 / 0.3 + 1e-12
    assert x[own:].std() > 1.03 * x[:own].std()  # measured 1.064


def test_the_defended_velocity_is_the_score_of_a_mixture():
    law = outlying()
    flow = rf.ContinuousDAE(law)
    found = defended(flow, rf.Region.holding(law), 1e-3)
    assert isinstance(found, Defended) and found.weight < 1e-4
    x = np.random.default_rng(1).uniform(-9, 9, (200, 2))
    w, normal = found.weight, found.normal.law(0.0)
    mixture = rf.GaussianMixture(
        np.append((1 - w) * law.weights, w),
        np.vstack([law.means, normal.means]),
        np.concatenate([law.covariances, normal.covariances]),
    )
    twin = rf.ContinuousDAE(mixture)
    t = 0.5 * flow.t_max
    assert np.abs(found.velocity(x, t) - twin.velocity(x, t)).max() < 1e-9  # measured 2.4e-14
    # Where the law lives nothing changes.
    x = law.sample(2000, rng=2)
    change = rms(found.velocity(x, 0.0) - flow.velocity(x, 0.0)) / rms(flow.velocity(x, 0.0))
    assert change < 1e-5  # measured 1.5e-6
    assert defended(rf.ContinuousDAE(law), rf.Region.holding(law), 1e-8).weight < w


def test_laws_whose_ridges_are_wide_are_left_as_they_are():
    law = rf.GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.5)
    assert defended(rf.ContinuousDAE(law), rf.Region.holding(law), 1e-3) is None


def test_in_space_the_normal_takes_away_what_a_grid_would_have_to_resolve():
    """Heavy tails, whose ridges are within the threshold of space; and a roll, which bends less."""
    x = np.random.default_rng(1).standard_t(3, size=(150, 3))
    law = rf.kernel_density(x / x.std(axis=0))
    flow, region = rf.ContinuousDAE(law), rf.Region.holding(law)
    found = defended(flow, region, 1e-2)
    assert found is not None
    t = 0.5 * flow.t_max
    ends = [
        energy_near_nyquist(
            localised_samples(lambda y, of=of: of.velocity(y, t), region, (3,), 48).source
        )
        for of in (flow, found)
    ]
    assert ends[1] < 0.5 * ends[0]  # measured .28
    angle = 1.5 * np.pi * (1 + 2 * np.random.default_rng(0).random(300))
    height = np.random.default_rng(1).uniform(0, 21, 300)
    roll = np.stack([angle * np.cos(angle), height, angle * np.sin(angle)], axis=1)
    law = rf.kernel_density((roll - roll.mean(axis=0)) / roll.std(axis=0))
    assert defended(rf.ContinuousDAE(law), rf.Region.holding(law), 1e-2) is None


def test_laws_with_outliers_are_represented():
    law = outlying()
    exact = rf.ContinuousDAE(law)
    end = 0.5 * exact.t_max
    limit = rf.DoubleContinuum(law, TANH, span=(0.0, end), tol=1e-2)
    assert limit.errors.max() < 1e-2  # measured 3.1e-4
    x = limit.draw(1000, rng=0)
    target = exact.flow(x, end).points
    moved = limit.flow(x, end, log_density=False).points
    assert rms(moved - target) / rms(target - x) < 2e-3  # measured 9.9e-5


@pytest.mark.slow
def test_networks_of_laws_with_outliers_improve_with_their_width():
    law = outlying()
    exact = rf.ContinuousDAE(law)
    end = 0.5 * exact.t_max
    limit = rf.DoubleContinuum(law, TANH, span=(0.0, end), tol=1e-2)
    x = limit.draw(4000, rng=5)
    target = exact.flow(x, end).points
    spreads = []
    for width in (25, 100, 400):
        net = limit.network(8, width, layers="midpoint", neurons="per_layer", aim="flow", rng=0)
        spreads.append(rf.columns.error_quantiles(net(x), target, x))
    errors = np.array([[s.rms, s.median, s.quantile99] for s in spreads])
    assert (np.diff(errors, axis=0) < 0).all()
    assert errors[-1, 0] < 0.02 and errors[-1, 2] < 0.05
