"""Neurons whose weights are fitted: where they act, and that none of them is drawn in vain."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.geometry import ball_points
from ridgeflow.networks.chosen_neurons import chosen_neurons

CENTER = np.zeros(2)


def kinked(x):
    return np.sin(4 * x[:, 0]) * np.cos(3 * x[:, 1]) + np.abs(x[:, 0] - x[:, 1])


def represented(name, margin, function=kinked):
    return rf.IntegralRepresentation(
        rf.CallableField(function, 2),
        rf.activation(name),
        region=rf.Region(CENTER, 1.0, margin),
        tol=1e-2,
    )


def error(net, truth, x):
    return np.linalg.norm(net(x) - truth) / np.linalg.norm(truth)


def ridges(width, name, rng):
    """Uniform directions and places through the unit disc."""
    u = rng.normal(size=(width, 2))
    u /= np.linalg.norm(u, axis=1)[:, None]
    scale = np.ones(width) if name == "relu" else 0.5 * 12 ** rng.random(width)
    return u * scale[:, None], rng.uniform(-1, 1, width) * scale


@pytest.mark.slow
@pytest.mark.parametrize("margin", [0.3, 1.0])
@pytest.mark.parametrize(
    ("name", "times"),
    [("relu", 3.0), ("tanh", 2.0)],  # measured 6.9, 5.3; 4.8, 4.3
)
def test_networks_of_representations_beat_uniform_ridges(name, times, margin):
    rep = represented(name, margin)
    x = ball_points(2000, CENTER, 1.0, np.random.default_rng(7))
    truth = rep(x)
    rng = np.random.default_rng(0)
    inside = ball_points(1000, CENTER, 1.0, rng)
    plain = [
        error(
            rf.fit_outer_weights(
                *ridges(50, name, rng), name, inside, rep(inside), affine=True, ridge=1e-12
            ),
            truth,
            x,
        )
        for _ in range(7)
    ]
    drawn = [error(rf.ShallowNetwork.from_representation(rep, 50, rng=s), truth, x) for s in (0, 1)]
    assert times * max(drawn) < np.median(plain)
    # By |spectrum| alone more than half of the neurons are affine on the disc.
    alone = rf.ShallowNetwork.from_representation(rep, 50, control=None, rng=0)
    assert 2 * max(drawn) < error(alone, truth, x)  # measured 3.8 to 8.8


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_the_default_is_far_better_than_nothing(name):
    rep = represented(name, 0.5)
    x = ball_points(2000, CENTER, 1.0, np.random.default_rng(7))
    net = rf.ShallowNetwork.from_representation(rep, 200, rng=0)
    assert error(net, rep(x), x) < 0.02  # measured 2.7e-3, 2.1e-4
    with pytest.warns(rf.AccuracyWarning, match="worse than none"):
        rf.ShallowNetwork.from_representation(rep, 4, weights="importance", control=None, rng=0)


@pytest.mark.parametrize("widest", [1024, 0])
def test_neurons_are_drawn_where_the_points_are(monkeypatch, widest):
    monkeypatch.setattr("ridgeflow.networks.chosen_neurons._WIDEST", widest)
    rep = represented("tanh", 0.5)
    rng = np.random.default_rng(0)
    x = np.array([0.5, 0.5]) + 0.15 * rng.normal(size=(1500, 2))
    x = x[rep.region.contains(x)]
    a, b = chosen_neurons(rep.spectrum, rep.activation, 60, x, rep(x)[:, None], rng=rng)
    assert a.shape == (60, 2) and b.shape == (60,)
    # In units of their steepness, the transitions lie at the points.
    place = np.abs(b - a @ [0.5, 0.5]) / np.linalg.norm(a, axis=1)
    assert np.median(place) < 0.5  # measured 0.11 to 0.33; of draws of the spectrum 1.09


def test_points_that_are_few_or_flat_are_no_obstacle():
    rep = represented("tanh", 0.5)
    rng = np.random.default_rng(0)
    line = np.column_stack([np.linspace(-0.5, 0.5, 40), np.zeros(40)])
    for x in (line, line[:1], line[:3]):
        a, b = chosen_neurons(rep.spectrum, rep.activation, 20, x, rep(x)[:, None], rng=rng)
        assert a.shape == (20, 2) and np.isfinite(a).all() and np.isfinite(b).all()
    affine = represented("tanh", 0.5, lambda x: 2 * x[:, 0] - 1)
    net = rf.ShallowNetwork.from_representation(affine, 10, rng=0)
    assert np.abs(net(line) - 2 * line[:, 0] + 1).max() < 1e-9  # measured 1e-16


def test_spectra_become_networks_with_an_affine_part():
    rep = represented("tanh", 0.5, lambda x: np.tanh(2 * x[:, 0]) + 3 * x[:, 1])
    x = ball_points(1500, CENTER, 1.0, np.random.default_rng(7))
    values = np.tanh(2 * x[:, 0]) + 3 * x[:, 1]
    net = rf.ShallowNetwork.from_spectrum(
        rep.spectrum, "tanh", 30, weights="least_squares", points=x, values=values, rng=0
    )
    assert error(net, values, x) < 1e-3  # measured 7.6e-5; of eight draws at most 2.1e-4
    # Slow neurons may share the slope: measured 7.2e-3, of eight draws at most 0.067.
    assert abs(net.linear[1] - 3) < 0.2
