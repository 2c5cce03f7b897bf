"""Reading networks: scaling removed, ghosts split off, and ridge regression's spectrum."""

from __future__ import annotations

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.networks.analysis import canonical_form, parameter_density, split_null_space

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 3))


@pytest.mark.parametrize("name", ["relu", "relu2", "step"])
@pytest.mark.parametrize("outputs", [(), (2,)])
def test_canonical_form_gives_the_same_function(name, outputs):
    a, b = RNG.normal(size=(30, 3)), RNG.normal(size=30)
    a[4], a[7], b[7] = 0.0, 3.0 * a[6], 3.0 * b[6]
    net = rf.ShallowNetwork(
        a, b, RNG.normal(size=(30, *outputs)), name, linear=np.ones((3, *outputs))
    )
    same = canonical_form(net)
    assert same.width == 28
    assert np.abs(np.linalg.norm(same.a, axis=1) - 1).max() < 1e-12
    assert np.abs(same(X) - net(X)).max() < 1e-12 * np.abs(net(X)).max()  # measured 1e-15
    assert canonical_form(net, merge=False).width == 29
    with pytest.raises(ValueError, match="got 'tanh'"):
        canonical_form(rf.ShallowNetwork(a, b, RNG.normal(size=30), "tanh"))


def test_ghosts_vanish_and_the_rest_has_least_norm():
    a, b = RNG.normal(size=(300, 3)), RNG.normal(size=300)
    net = rf.ShallowNetwork(a, b, RNG.normal(size=(300, 2)), "tanh", bias=[1.0, 2.0])
    split = split_null_space(net, X)
    assert np.abs(split.ghost(X)).max() < 1e-8  # measured 1e-11
    total = split.minimum_norm(X) + split.ghost(X)
    assert np.abs(total - net(X)).max() < 1e-11  # measured 2e-13
    assert abs(np.sum(split.ghost.c * split.minimum_norm.c)) < 1e-8 * np.sum(net.c**2)
    phi = np.tanh(X @ a.T - b)
    truth = np.linalg.pinv(phi, rcond=1e-10) @ (phi @ net.c)
    assert np.abs(split.minimum_norm.c - truth).max() < 1e-7  # measured 1e-10
    assert split.rank == 200
    assert 0.2 < split.share < 0.5  # a third of the 300 directions is free


def test_density_integrates_to_the_weights():
    net = rf.ShallowNetwork([[1.0], [-0.5]], [0.2, 0.4], [2.0, -3.5], "tanh")
    grid = np.linspace(-4, 4, 161)
    a, b = [v.ravel() for v in np.meshgrid(grid, grid, indexing="ij")]
    density = parameter_density(net, a[:, None], b, bandwidth=(0.2, 0.3))
    assert abs(density.sum() * 0.05**2 + 1.5) < 1e-10  # measured 1e-15
    with pytest.raises(ValueError, match=r"`b` must have shape \(2,\)"):
        parameter_density(net, [[1.0], [2.0]], [1.0], bandwidth=(1.0, 1.0))


# A field, its spectrum with the derivative of the Gaussian, and K = 2 pi (theory: c + |X| beta).
LAW = rf.GaussianMixture([0.6, 0.4], [[-0.6], [0.8]], [0.15, 0.1])
ETA = rf.activation("gaussian").derivative()
HALF, BOX_A, BOX_B = 3.0, 12.0, 40.0


def ridge_slope(n, width, beta, seed):
    """Slope and correlation of P c / |V| against R / (K + |X| beta)."""
    rng = np.random.default_rng(seed)
    x = rng.uniform(-HALF, HALF, (n, 1))
    a, b = rng.uniform(-BOX_A, BOX_A, (width, 1)), rng.uniform(-BOX_B, BOX_B, width)
    volume = 4 * BOX_A * BOX_B
    net = rf.fit_outer_weights(a, b, ETA, x, LAW.pdf(x), ridge=beta, measure=volume)
    fitted = width * net.c / volume
    psi = rf.Ridgelet(1, 1.0, family="power", parity="odd")
    spectrum = rf.ridgelet_transform(LAW, psi, (a, b)).values * np.sqrt(2 * np.pi)
    predicted = spectrum / (2 * np.pi + 2 * HALF * beta)
    slope = float(fitted @ predicted / (predicted @ predicted))
    gap = np.linalg.norm(fitted - slope * predicted) / np.linalg.norm(slope * predicted)
    return slope, gap


@pytest.mark.slow
def test_ridge_regression_finds_the_ridgelet_spectrum():
    beta = 0.5
    small = [ridge_slope(300, 300, beta, seed) for seed in range(6)]
    large = [ridge_slope(1800, 1800, beta, seed) for seed in range(2)]
    # measured slopes 1.13 and 1.00, gaps 0.47 and 0.20: rate 0.47 in n = P
    assert abs(np.mean([s for s, _ in large]) - 1) < 0.06
    rate = np.log(np.mean([g for _, g in small]) / np.mean([g for _, g in large])) / np.log(6)
    assert 0.35 < rate < 0.75


def test_figure_of_a_network_over_its_spectrum():
    pytest.importorskip("matplotlib")
    from ridgeflow.plotting import network_over_spectrum

    axis = np.linspace(-5, 5, 41)
    grid = rf.ParameterGrid.cartesian([axis], axis)
    spectrum = rf.ridgelet_transform(LAW, rf.Ridgelet(1, 2), grid)
    with pytest.raises(rf.AdmissibilityError):
        network_over_spectrum(rf.ShallowNetwork([[1.0]], [0.0], [1.0], "tanh"), spectrum)
    spectrum = rf.ridgelet_transform(LAW, rf.Ridgelet(1, 1), grid)
    net = rf.ShallowNetwork([[1.0], [2.0], [9.0]], [0.0, 1.0, 0.0], [1.0, -2.0, 3.0], "tanh")
    figure = network_over_spectrum(net, spectrum)
    axes = figure.axes[0]
    assert axes.get_title() == "2 of 3 neurons, tanh"
    assert axes.get_xlabel() == "inner weight $a$ (1/length)"
    positive, _, negative, _ = axes.collections[1:]
    [legend] = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["$c_j > 0$", "$c_j < 0$"]
    figure.canvas.draw()
    assert not legend.get_window_extent().overlaps(axes.get_window_extent())
    np.testing.assert_array_equal(positive.get_offsets(), [[1.0, 0.0]])
    np.testing.assert_array_equal(negative.get_offsets(), [[2.0, 1.0]])
    none = rf.ShallowNetwork([[1.0], [2.0]], [0.0, 1.0], [0.0, 1.0], "tanh")
    assert network_over_spectrum(none, spectrum).axes[0].get_title() == "1 of 2 neurons, tanh"
    wide = rf.ShallowNetwork([[1.0, 0.0]], [0.0], [1.0], "tanh")
    with pytest.raises(ValueError, match="must have one variable"):
        network_over_spectrum(wide, spectrum)


@pytest.mark.parametrize("order", [0, 2])
def test_the_map_under_a_network_has_the_sign_of_its_weights(order):
    """Of Gaussian units, K is positive with ΛG and negative with ΛG″."""
    from ridgeflow.plotting import network_over_spectrum

    psi = rf.Ridgelet(1, order)
    constant = rf.admissibility("gaussian", psi)
    assert np.sign(constant) == (1 if order == 0 else -1)
    axis_a, axis_b = np.linspace(-6, 6, 121), np.linspace(-8, 8, 161)
    grid = rf.ParameterGrid.cartesian([axis_a], axis_b)
    spectrum = rf.ridgelet_transform(LAW, psi, grid)
    rng = np.random.default_rng(0)
    x = np.linspace(-4, 4, 400)[:, None]
    a, b = rng.uniform(-6, 6, (400, 1)), rng.uniform(-8, 8, 400)
    net = rf.fit_outer_weights(a, b, "gaussian", x, LAW.pdf(x), ridge=1e-2)
    figure = network_over_spectrum(net, spectrum)
    drawn = figure.axes[0].collections[0]
    np.testing.assert_allclose(
        drawn.get_array().T.ravel() * constant, spectrum.values, rtol=1e-12, atol=1e-15
    )
    assert figure.axes[1].get_ylabel() == r"$R[f;\psi](a, b) \,/\, K$"
    table = drawn.get_array()
    at = table[
        np.abs(axis_b[:, None] - net.b).argmin(0), np.abs(axis_a[:, None] - net.a[:, 0]).argmin(0)
    ]
    cosine = at @ net.c / np.linalg.norm(at) / np.linalg.norm(net.c)
    print(order, cosine)
    assert cosine > 0
