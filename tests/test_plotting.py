"""Figures: what they show, that text is there, and what they refuse."""

import builtins
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from ridgeflow import ParameterGrid, plotting
from ridgeflow.errors import MissingDependencyError

rng = np.random.default_rng(0)


def fake_spectrum(grid, components=()):
    """Values on a grid, with the strongest direction and scale known beforehand."""
    values = 1e-3 * rng.normal(size=(grid.size, *components))

    def at_scale(scale):
        start, stop = grid.starts[scale], grid.starts[scale + 1]
        return values[start:stop].reshape(len(grid.directions), -1, *components)

    return SimpleNamespace(values=values, grid=grid, at_scale=at_scale)


def polar(dim, n_directions):
    return ParameterGrid.polar(dim, n_directions, np.geomspace(0.1, 10, 9), 2.0, 0.5)


def check(figure, tmp_path):
    """Every axis says what it shows, and the picture can be written."""
    for axes in figure.axes:
        assert axes.get_ylabel()
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>"
    figure.savefig(tmp_path / "figure.png")
    assert (tmp_path / "figure.png").stat().st_size > 5000


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("with_network", [False, True])
def test_trajectories(dim, with_network, tmp_path):
    exact = np.cumsum(0.05 * rng.normal(size=(6, 20, dim)), axis=0)
    network = exact[::5] + 0.01 if with_network else None
    names = ["petal length", "petal width", "sepal width"][:dim]
    figure = plotting.trajectories(exact, network, times=np.linspace(0, 0.1, 6), labels=names)
    check(figure, tmp_path)
    assert any("petal length" in axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes)
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert ("network, 1 layers" in legend) == with_network


def test_trajectories_magnify_what_moves_farthest():
    exact = np.zeros((2, 5, 2))
    exact[:, :, 0] = np.arange(5)
    exact[1, 3, 1] = 0.1
    near = plotting.trajectories(exact).axes[1]
    assert near.get_xlim()[0] < 3 < near.get_xlim()[1] < 4


@pytest.mark.parametrize("components", [(), (2,)])
def test_polar_spectrum_in_two_dimensions(components, tmp_path):
    spectrum = fake_spectrum(polar(2, 6), components)
    strong = spectrum.at_scale(4)[2]
    strong[len(strong) // 2] = 5.0
    figure = plotting.spectrum_map(spectrum)
    check(figure, tmp_path)
    angle = np.degrees(np.arctan2(*spectrum.grid.directions[2][::-1])) % 180
    assert f"{angle:.0f}°" in figure.axes[1].get_title()
    image = figure.axes[0].collections[0]
    peak = np.unravel_index(np.argmax(image.get_array()), image.get_array().shape)
    assert peak[0] == 4


def test_polar_and_cartesian_spectra_in_one_dimension(tmp_path):
    check(plotting.spectrum_map(fake_spectrum(polar(1, 1))), tmp_path)
    grid = ParameterGrid.cartesian([np.arange(-2.0, 3)], np.arange(-1.0, 2))
    spectrum = SimpleNamespace(values=(grid.a[:, 0] + 10 * grid.b), grid=grid)
    figure = plotting.spectrum_map(spectrum)
    check(figure, tmp_path)
    values = figure.axes[0].collections[0].get_array()
    np.testing.assert_array_equal(values, np.add.outer(10 * np.arange(-1.0, 2), np.arange(-2.0, 3)))


def test_spectrum_map_shows_one_component():
    spectrum = fake_spectrum(polar(1, 1), (2,))
    spectrum.at_scale(2)[0, 5, 1] = 100.0
    first = plotting.spectrum_map(spectrum, component=0).axes[0].collections[0]
    assert np.abs(first.get_array()).max() < 1


def test_errors_show_slopes(tmp_path):
    figure = plotting.errors_by_size(
        {100: 0.2, 400: 0.1}, {1: 0.4, 2: 0.2, 4: 0.1}, chosen=(4, 400)
    )
    check(figure, tmp_path)
    texts = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert "fitted slope -0.50" in texts and "fitted slope -1.00" in texts
    assert texts.count("this network") == 2


def test_functionals_show_the_rate_of_entropy(tmp_path):
    t = np.linspace(0, 0.1, 4)
    figure = plotting.functionals((t, 1 - 2 * t, 0.01 + 0 * t), (t, 2 + 5 * t, 0.1 + 0 * t))
    check(figure, tmp_path)
    tangent = figure.axes[0].lines[-1]
    assert np.ptp(tangent.get_ydata()) / np.ptp(tangent.get_xdata()) == pytest.approx(2)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: plotting.trajectories(np.zeros((2, 3))), "`exact` must have 3 dimension"),
        (
            lambda: plotting.trajectories(np.zeros((2, 3, 2)), np.zeros((2, 4, 2))),
            r"`network` must have shape \(L \+ 1, 3, 2\), got \(2, 4, 2\)",
        ),
        (
            lambda: plotting.trajectories(np.zeros((2, 3, 2)), labels=["x"]),
            "`labels` must have 2 entries, got 1",
        ),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(3, 8))),
            "`spectrum` must lie on a polar grid .* got dimension 3 on polar",
        ),
        (
            lambda: plotting.spectrum_map(
                SimpleNamespace(grid=ParameterGrid.nodes(np.ones((2, 1)), np.ones(2)))
            ),
            "got dimension 1 on nodes",
        ),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(1, 1)), component=1),
            "`component` must lie in 0 to 0, got 1",
        ),
        (
            lambda: plotting.errors_by_size({}, {1: 0.1}),
            "`width_errors` must hold positive sizes and errors",
        ),
        (
            lambda: plotting.functionals(([0.0, 1.0], [1.0], [0.1, 0.1])),
            "must agree in their first length",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_missing_matplotlib_says_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest, **options):
        if name.startswith("matplotlib"):
            raise ImportError(name)
        return real(name, *rest, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(MissingDependencyError, match=r"pip install ridgeflow\[plot\]"):
        plotting.errors_by_size({1: 1.0}, {1: 1.0})


def test_no_global_state_is_touched():
    before = "matplotlib.pyplot" in sys.modules
    plotting.errors_by_size({1: 1.0}, {1: 1.0})
    assert ("matplotlib.pyplot" in sys.modules) == before
