"""Figures: what they show, that text is there, and what they refuse."""

import builtins
import sys

import numpy as np
import pytest
from matplotlib.cbook import is_math_text

from ridgeflow import (
    GaussianMixture,
    ParameterGrid,
    Ridgelet,
    Spectrum,
    gradient_spectrum,
    plotting,
    ridgelet_transform,
)
from ridgeflow.columns import ErrorQuantiles
from ridgeflow.errors import MissingDependencyError

rng = np.random.default_rng(0)


def fake_spectrum(grid, components=(), values=None):
    """Faint values on a grid, to which tests add something strong."""
    if values is None:
        values = 1e-3 * rng.normal(size=(grid.size, *components))
    return Spectrum(values, grid, Ridgelet(grid.dim, 2))


def polar(dim, n_directions):
    return ParameterGrid.polar(dim, n_directions, np.geomspace(0.1, 10, 9), 2.0, 0.5)


def check(figure, tmp_path):
    """Every axis says what it shows, and the picture can be written."""
    for axes in figure.axes:
        assert axes.get_ylabel()
        assert axes.get_xlabel() or axes.get_label() == "<colorbar>"
    figure.savefig(tmp_path / "figure.png", dpi=50)
    assert (tmp_path / "figure.png").stat().st_size > 2000


def legend(figure):
    """What the legend says; it stands below everything that is drawn."""
    [below] = figure.legends
    figure.canvas.draw()
    box = below.get_window_extent()
    for axes in figure.axes:
        assert not box.overlaps(axes.get_window_extent())
    return [text.get_text() for text in below.get_texts()]


def on_paper(label):
    """A text as it is drawn, if Matplotlib sees no formula in it."""
    assert not is_math_text(label)
    return label.replace(r"\$", "$")


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("with_network", [False, True])
def test_trajectories(dim, with_network, tmp_path):
    exact = np.cumsum(0.05 * rng.normal(size=(6, 20, dim)), axis=0)
    network = exact[::5] + 0.01 if with_network else None
    names = ["petal length", "petal width", "sepal width"][:dim]
    figure = plotting.trajectories(exact, network, times=np.linspace(0, 0.1, 6), labels=names)
    check(figure, tmp_path)
    assert any("petal length" in axes.get_ylabel() + axes.get_xlabel() for axes in figure.axes)
    assert legend(figure) == [
        *(["data"] if dim > 1 else []),
        "exact flow",
        *(["network, 1 layers"] if with_network else []),
    ]


def test_trajectories_magnify_what_moves_farthest():
    exact = np.zeros((2, 5, 2))
    exact[:, :, 0] = np.arange(5)
    exact[1, 3, 1] = 0.1
    near = plotting.trajectories(exact).axes[1]
    assert near.get_xlim()[0] < 3 < near.get_xlim()[1] < 4


def paths_of(axes):
    return np.swapaxes([path.vertices for path in axes.collections[0].get_paths()], 0, 1)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_a_network_alone_is_not_called_the_flow(dim, tmp_path):
    network = np.cumsum(0.05 * rng.normal(size=(6, 20, dim)), axis=0)
    figure = plotting.trajectories(None, network, unit="cm")
    check(figure, tmp_path)
    assert legend(figure) == [*(["data"] if dim > 1 else []), "network, 5 layers"]
    if dim == 1:
        assert figure.axes[0].get_xlabel() == "layers passed"
        np.testing.assert_array_equal(figure.axes[0].lines[0].get_xdata(), np.arange(6))
    else:
        np.testing.assert_array_equal(paths_of(figure.axes[0]), network[:, :, :2])
        shown = "20 points" if dim == 2 else "20 points, the first two of 3 coordinates"
        assert figure.axes[0].get_title() == shown


def test_layers_stand_at_their_depths():
    exact, network = np.zeros((5, 2, 1)), np.zeros((4, 2, 1))
    when = np.array([0.0, 0.05, 0.08, 0.1])
    axes = plotting.trajectories(
        exact, network, times=np.linspace(0, 0.1, 5), layer_times=when
    ).axes[0]
    drawn = [line.get_xdata() for line in axes.lines if len(line.get_xdata()) == 4]
    np.testing.assert_array_equal(drawn, [when, when])
    with pytest.raises(ValueError, match=r"`network` \(4, 2, 1\), `layer_times` \(3,\)"):
        plotting.trajectories(exact, network, layer_times=when[1:])


@pytest.mark.parametrize("turns", [0.02, 0.5, 1.0, 3.0])
def test_the_magnified_frame_holds_what_moves(turns):
    # On a circle the middle of a chord lies far from the path.
    angle = 2 * np.pi * turns * np.linspace(0, 1, 50)[:, None] + rng.uniform(0, 6, 30)
    radius = rng.uniform(1, 2, 30)
    path = np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)
    whole, near = plotting.trajectories(None, path).axes
    (left, right), (low, high) = near.get_xlim(), near.get_ylim()
    inside = (path[..., 0] > left) & (path[..., 0] < right)
    inside &= (path[..., 1] > low) & (path[..., 1] < high)
    assert inside.sum() >= 5
    # It shows what is drawn and a margin, and magnifies: at most two fifths of the picture.
    margin = 0.15 * (right - left) + 1e-9
    assert left >= path[..., 0].min() - margin and high <= path[..., 1].max() + margin
    assert right - left <= 0.4 * np.ptp(path, axis=(0, 1)).max() + 1e-12
    frame = whole.lines[-1].get_xydata()
    np.testing.assert_allclose([frame.min(0), frame.max(0)], [[left, low], [right, high]])


def test_the_frame_looks_at_the_coordinates_that_are_drawn():
    exact = np.zeros((2, 3, 3))
    exact[:, :, 0] = np.arange(3)
    exact[1, 0, 2], exact[1, 2, 1] = 5.0, 0.1
    near = plotting.trajectories(exact).axes[1]
    assert near.get_xlim()[0] < 2 < near.get_xlim()[1] and near.get_xlim()[0] > 1


def test_points_that_stand_still_are_drawn(tmp_path):
    check(plotting.trajectories(np.ones((3, 4, 2))), tmp_path)
    check(plotting.trajectories(np.ones((1, 1, 1))), tmp_path)


@pytest.mark.parametrize(
    "name",
    [
        "fee ($$)",
        "US$ per A$_2",
        "$",
        "$x$",
        "a\\$b",
        r"\alpha_{",
        "a_b^c %&#~",
        "two  words\n",
        "",
    ],
)
@pytest.mark.parametrize("dim", [1, 2])
def test_names_are_drawn_as_they_are(name, dim, tmp_path):
    figure = plotting.trajectories(np.zeros((2, 3, dim)), labels=[name] * dim, unit="$")
    figure.savefig(tmp_path / "figure.png", dpi=30)
    for axes in figure.axes:
        assert on_paper(axes.get_ylabel()) == " ".join(name.split()) + " ($)"


def test_long_names_are_shortened():
    long = "income of the household, in the year before the survey, " * 4
    ends = [long + "before taxes", long + "after taxes"]
    figure = plotting.trajectories(np.zeros((2, 3, 2)), labels=ends, unit="$" * 300)
    figure.canvas.draw()
    x, y = (on_paper(text) for text in (figure.axes[0].get_xlabel(), figure.axes[0].get_ylabel()))
    assert x != y and x.startswith("income of the") and "efore taxes (" in x and "…" in x
    for label in (figure.axes[0].xaxis.label, figure.axes[0].yaxis.label):
        box = label.get_window_extent()
        assert max(box.width, box.height) < 1.05 * figure.axes[0].get_window_extent().width


def test_headlines_may_hold_formulas(tmp_path):
    spectrum = fake_spectrum(polar(2, 3))
    figure = spectrum_headline(spectrum, r"law $\mu_t$")
    assert figure.get_suptitle() == "law $\\mu_t$,  $ψ = Λ^{2} G''$"
    assert spectrum_headline(spectrum, "one\ntwo").get_suptitle().startswith("one\ntwo,  $ψ")
    figure = spectrum_headline(spectrum, "fee ($$)")
    figure.savefig(tmp_path / "figure.png", dpi=30)
    assert figure.get_suptitle().startswith(r"fee (\$\$),  $ψ")


def spectrum_headline(spectrum, title):
    return plotting.spectrum_map(spectrum, title=title)


def image(axes):
    """Values of a map, by row and column."""
    return axes.collections[0].get_array()


@pytest.mark.parametrize("components", [(), (2,)])
def test_polar_spectrum_in_two_dimensions(components, tmp_path):
    spectrum = fake_spectrum(polar(2, 6), components)
    strong = spectrum.at_scale(4)[2]
    strong[len(strong) // 2] = 50.0
    figure = spectrum.plot()
    check(figure, tmp_path)
    assert [axes.get_title() for axes in figure.axes[:3]] == [
        "Energy by direction and scale",
        "Direction 60°",
        "Direction 150°",
    ]
    energy, strongest, across = (image(axes) for axes in figure.axes[:3])
    # What is fainter than 1e-4 of the energy is cut off: scale 4 and its neighbours are left.
    assert energy.shape == (3, 6)
    assert np.unravel_index(np.argmax(energy), energy.shape) == (1, 2)
    assert np.unravel_index(np.argmax(strongest), strongest.shape) == (1, 160)
    assert strongest.max() == pytest.approx(50.0 * spectrum.grid.scales[4] ** 1.5, rel=1e-12)
    assert np.abs(across).max() < 0.1
    # One colour scale for all directions.
    limits = {axes.collections[0].get_clim() for axes in figure.axes[1:3]}
    assert len(limits) == 1
    again = spectrum.plot(directions=[0, 2, 5])
    assert [axes.get_title() for axes in again.axes[1:4]] == [
        "Direction 0°",
        "Direction 60°",
        "Direction 150°",
    ]
    check(again, tmp_path)


def test_energy_of_a_map_is_that_of_the_spectrum():
    law = GaussianMixture([1.0], [[0.1, 0.0]], 0.3)
    grid = ParameterGrid.polar(2, 7, np.geomspace(0.05, 20, 40), 4.0, 0.4)
    spectrum = ridgelet_transform(law, Ridgelet(2, 2), grid)
    from ridgeflow.plotting._maps import energies

    energy = energies(spectrum, None)
    log_step = grid.scale_weights / grid.scales**2
    total = 2 * grid.direction_weights @ energy @ log_step
    assert total == pytest.approx(spectrum.norm() ** 2, rel=1e-13)


def test_headlines_name_field_and_ridgelet():
    law = GaussianMixture([1.0], [[0.0, 0.0]], 0.3)
    grid = polar(2, 4)
    spectrum = ridgelet_transform(law, Ridgelet(2, 3), grid)

    def headline(spectrum, **options):
        return spectrum.plot(**options).get_suptitle()

    assert headline(spectrum) == (
        "Ridgelet spectrum of GaussianMixture, m = 2, 1 component,  $ψ = Λ^{2} G'''$"
    )
    assert "1 component," in headline(-spectrum)
    assert "1 component, gradient_spectrum, component 1," in headline(
        gradient_spectrum(spectrum, tol=1.0), component=1
    )
    power = ridgelet_transform(law, Ridgelet(2, 4.5, family="power", parity="odd"), grid)
    assert r"$\hatψ(ω) \;∝\; i\,\mathrm{sgn}(ω)\,|ω|^{4.5}\,e^{-ω^2/2}$" in headline(power)
    assert headline(fake_spectrum(grid)).startswith("Ridgelet spectrum,  $ψ")
    other = ridgelet_transform(GaussianMixture([1.0], [[0.5, 0.0]], 0.3), Ridgelet(2, 3), grid)
    assert "a combination of 2 fields" in headline(spectrum - other)
    plain = ridgelet_transform(law, Ridgelet(2, 5), (np.eye(2), np.zeros(2)))
    assert headline(plain) == (
        "Ridgelet spectrum of GaussianMixture, m = 2, 1 component\n$ψ = Λ^{2} G^{(5)}$"
    )


@pytest.mark.parametrize("order", [1, 2])
def test_polar_spectrum_in_one_dimension(order, tmp_path):
    law = GaussianMixture([0.6, 0.4], [[-0.7], [0.9]], [0.1, 0.2])
    psi = Ridgelet(1, order)
    grid = ParameterGrid.polar(1, 1, np.geomspace(0.05, 20, 50), 3.0, 0.3, center=[0.2])
    figure = ridgelet_transform(law, psi, grid).plot()
    check(figure, tmp_path)
    over_parameters, over_scales = figure.axes[:2]
    assert over_parameters.get_xlabel().startswith("$a$")
    shown = image(over_parameters)
    count = len(shown)
    assert shown.shape == (count, count)
    a = np.linspace(*(f * over_parameters.collections[0].get_coordinates()[0, i, 0]
                      for f, i in ((1, 0), (1, -1))), count + 1)  # fmt: skip
    b = over_parameters.collections[0].get_coordinates()[:, 0, 1]
    a, b = 0.5 * (a[1:] + a[:-1]), 0.5 * (b[1:] + b[:-1])
    mesh = np.meshgrid(a, b)
    exact = ridgelet_transform(law, psi, (mesh[0].reshape(-1, 1), mesh[1].ravel()))
    gap = np.abs(shown - exact.values.reshape(count, count)).max()
    # measured 3.6e-3 and 4.1e-3, near a = 0
    assert gap < 1e-2 * np.abs(exact.values).max()
    assert over_scales.get_yscale() == "log"
    # Scales lie in the middle of their cells, as the axis measures.
    edges = over_scales.collections[0].get_coordinates()[:, 0, 1]
    middles = np.sqrt(edges[1:] * edges[:-1])
    assert np.isin(np.round(middles, 10), np.round(grid.scales, 10)).all()


def test_cartesian_spectra(tmp_path):
    grid = ParameterGrid.cartesian([np.arange(-2.0, 3)], np.arange(-1.0, 2))
    figure = fake_spectrum(grid, values=grid.a[:, 0] + 10 * grid.b).plot()
    check(figure, tmp_path)
    np.testing.assert_array_equal(
        image(figure.axes[0]), np.add.outer(10 * np.arange(-1.0, 2), np.arange(-2.0, 3))
    )
    for axes in ([np.arange(-2.0, 3)], [np.arange(3.0), np.arange(-1.0, 2)]):
        plane = ParameterGrid.cartesian([np.arange(-3.0, 2), *axes], np.arange(-1.0, 2))
        values = plane.a[:, 0] + 10 * plane.b + 100 * plane.a[:, 1:].sum(axis=1)
        figure = fake_spectrum(plane, values=values).plot()
        check(figure, tmp_path)
        cut = np.add.outer(10 * np.arange(-1.0, 2), np.arange(-3.0, 2))
        np.testing.assert_array_equal(image(figure.axes[1]), cut)
        assert "$a_2 = 0$" in figure.axes[1].get_title()
        energy = (values.reshape(*(len(axis) for axis in plane.axes)) ** 2).sum(
            axis=tuple(range(2, plane.dim + 1))
        )
        expected = np.maximum(energy.T / energy.max(), 1e-4)
        np.testing.assert_allclose(image(figure.axes[0]), expected, rtol=1e-13)


def test_plain_nodes(tmp_path):
    a, b = rng.normal(size=(50, 1)), rng.normal(size=50)
    spectrum = fake_spectrum(ParameterGrid.nodes(a, b), values=a[:, 0] * b)
    figure = spectrum.plot()
    check(figure, tmp_path)
    points = figure.axes[0].collections[0]
    np.testing.assert_allclose(np.prod(points.get_offsets(), axis=1), points.get_array())
    assert np.all(np.diff(np.abs(points.get_array())) >= 0)
    a = np.array([[3.0, 4.0], [0.0, 0.0], [0.6, 0.8]])
    figure = fake_spectrum(ParameterGrid.nodes(a, [10.0, 1.0, 2.0])).plot()
    check(figure, tmp_path)
    found = sorted(map(tuple, np.round(figure.axes[0].collections[0].get_offsets(), 12).tolist()))
    assert found == [(1.0, 2.0), (5.0, 2.0)]


@pytest.mark.parametrize("dim", [3, 5])
def test_marginals(dim, tmp_path):
    grid = polar(dim, 40)
    spectrum = fake_spectrum(grid, values=np.zeros(grid.size))
    strong = spectrum.at_scale(4)[7]
    half = len(strong) // 2
    strong[half + 3] = 50.0
    figure = spectrum.plot()
    check(figure, tmp_path)
    by_scale, by_offset, by_direction = figure.axes[:3]
    scales, share = by_scale.lines[0].get_data()
    assert scales[np.argmax(share)] == pytest.approx(grid.scales[4])
    # Shares integrate to 1: over the logarithm of the scale, and over offsets.
    assert share.max() * np.log(grid.scales[4] / grid.scales[3]) == pytest.approx(1, rel=1e-12)
    stairs = by_offset.patches[0].get_data()
    assert stairs.values @ np.diff(stairs.edges) == pytest.approx(1, rel=1e-12)
    where = 3 * grid.step / grid.scales[4]
    at = np.searchsorted(stairs.edges, where) - 1
    assert stairs.values[at] == pytest.approx(stairs.values.max())
    if dim == 3:
        points = by_direction.collections[0]
        assert np.argmax(points.get_array()) == 7
        radius = np.linalg.norm(points.get_offsets(), axis=1)
        assert radius == pytest.approx(np.sqrt(1 - grid.directions[:, 2]))
    else:
        heights = [bar.get_height() for bar in by_direction.patches]
        assert heights == pytest.approx(5 * grid.directions[7] ** 2)
        assert by_direction.get_legend() is not None


def test_complex_values_are_shown_by_their_real_part():
    spectrum = fake_spectrum(polar(1, 1))
    figure = (spectrum * (2 + 1j)).plot()
    np.testing.assert_allclose(image(figure.axes[1]), 2 * image(spectrum.plot().axes[1]))
    assert any(r"\mathrm{Re}" in axes.get_ylabel() for axes in figure.axes)


def test_spectrum_map_shows_one_component():
    spectrum = fake_spectrum(polar(1, 1), (2,))
    spectrum.at_scale(2)[0, 5, 1] = 100.0
    for axes in spectrum.plot(component=0).axes[:2]:
        assert np.abs(image(axes)).max() < 1
    single = Spectrum(spectrum.values.astype(np.float32), spectrum.grid, spectrum.ridgelet)
    assert single.plot(component=1).axes


def test_a_spectrum_of_nothing_can_be_drawn(tmp_path):
    for grid in (polar(1, 1), polar(2, 3), polar(3, 8), ParameterGrid.nodes([[1.0]], [0.0])):
        check(fake_spectrum(grid, values=np.zeros(grid.size)).plot(), tmp_path)


def test_errors_show_slopes(tmp_path):
    figure = plotting.errors_by_size(
        {100: 0.2, 400: 0.1}, {1: 0.4, 2: 0.2, 4: 0.1}, chosen=(4, 400)
    )
    check(figure, tmp_path)
    texts = [text.get_text() for axes in figure.axes for text in axes.get_legend().get_texts()]
    assert "fitted slope -0.50" in texts and "fitted slope -1.00" in texts
    assert texts.count("this network") == 2


def test_errors_that_rise_have_no_slope_and_spreads_are_shown(tmp_path):
    spread = {n: ErrorQuantiles(e, 0.1 * e, 5 * e, 20 * e) for n, e in ((25, 0.2), (400, 0.1))}
    figure = plotting.errors_by_size(spread, {1: 0.1, 2: 0.05, 4: 0.06})
    check(figure, tmp_path)
    width, depth = (
        [text.get_text() for text in axes.get_legend().get_texts()] for axes in figure.axes
    )
    assert width == ["RMS", "99 % quantile", "median", "fitted slope -0.25"]
    assert depth == ["RMS"]


def labelled_ticks(axis):
    axis.figure.canvas.draw()
    low, high = sorted(axis.get_view_interval())
    return [
        text.get_text()
        for minor in (False, True)
        for text, place in zip(
            axis.get_ticklabels(minor=minor), axis.get_ticklocs(minor=minor), strict=True
        )
        if text.get_text() and low <= place <= high
    ]


def test_sizes_and_errors_can_be_read_off():
    narrow = {width: 0.2 - 1e-5 * width for width in (50, 100, 200)}
    figure = plotting.errors_by_size(narrow, dict.fromkeys(range(1, 60), 0.5) | {61: 0.4})
    for axes in figure.axes:
        assert labelled_ticks(axes.yaxis), "less than a decade has its numbers too"
    assert labelled_ticks(figure.axes[0].xaxis) == ["50", "100", "200"]
    depths = [int(text) for text in labelled_ticks(figure.axes[1].xaxis)]
    assert depths[0] == 1 and 4 <= len(depths) <= 8 and depths == sorted(set(depths))


def study(**changed):
    from ridgeflow import LimitStudy

    arguments = {
        "widths": np.array([25, 60, 100]),
        "depths": np.array([1, 2, 4]),
        "layers": "euler",
        "errors": np.array([[0.3, 0.29, 0.28], [0.2, 0.15, 0.14], [0.16, 0.09, 0.07]]),
        "depth_errors": np.array([0.28, 0.14, 0.07]),
        "velocity_errors": {
            "sobol": (np.array([25, 60, 100]), np.array([0.3, 0.2, 0.1])),
            "quadrature": (np.array([30, 110, 400]), np.array([0.3, 0.02, 0.001])),
        },
        "depth_rate": -1.0,
        "width_rates": {"sobol": -0.8, "quadrature": -2.2},
        "continuum": 1e-4,
    }
    return LimitStudy(**{**arguments, **changed})


def test_a_limit_study_says_what_it_shows(tmp_path):
    figure = study().plot()
    check(figure, tmp_path)
    left, right = figure.axes
    assert labelled_ticks(left.xaxis) == ["25", "60", "100", "400"]
    assert labelled_ticks(right.xaxis) == ["1", "2", "4"]
    assert labelled_ticks(right.yaxis)
    drawn = {line.get_label(): line.get_ydata() for line in (*left.lines, *right.lines)}
    assert set(drawn) == {
        "scrambled Sobol: −0.80",
        "quadrature (whole grids): −2.20",
        "25 neurons",
        "60 neurons",
        "100 neurons",
        "width without limit: −1.00",
    }
    np.testing.assert_array_equal(drawn["60 neurons"], [0.29, 0.15, 0.09])
    np.testing.assert_array_equal(drawn["width without limit: −1.00"], [0.28, 0.14, 0.07])
    assert (
        study().table().splitlines()[0]
        == "layers \\ width         25         60        100         inf"
    )


def test_a_limit_study_shows_predictions_beside_what_was_measured(tmp_path):
    sizes = np.array([[0.3, 0.29, 0.28], [0.2, 0.15, 0.14], [0.16, 0.09, 0.07]])
    kinds = dict.fromkeys(("independent", "shared", "controlled"), (sizes, 1.1 * sizes))
    figure = study(drawn=kinds).plot()
    check(figure, tmp_path)
    _, _, axes = figure.axes
    drawn = {line.get_label(): line for line in axes.lines}
    assert set(drawn) == {"independent", "shared", "controlled", "as predicted"}
    np.testing.assert_array_equal(drawn["shared"].get_ydata(), sizes.ravel())
    np.testing.assert_array_equal(drawn["shared"].get_xdata(), 1.1 * sizes.ravel())
    diagonal = drawn["as predicted"]
    np.testing.assert_array_equal(diagonal.get_xdata(), diagonal.get_ydata())


def test_functionals_show_the_rate_of_entropy(tmp_path):
    t = np.linspace(0, 0.1, 4)
    figure = plotting.functionals((t, 1 - 2 * t, 0.01 + 0 * t), (t, 2 + 5 * t, 0.1 + 0 * t))
    check(figure, tmp_path)
    tangent = figure.axes[0].lines[-1]
    assert np.ptp(tangent.get_ydata()) / np.ptp(tangent.get_xdata()) == pytest.approx(2)
    assert tangent.get_label() == "slope −(Fisher information at $t$ = 0)"
    # Information at another depth says nothing of the slope.
    later = plotting.functionals((t, 1 - t, 0 * t), (t + 0.1, 2 + t, 0 * t))
    assert not any("slope" in str(line.get_label()) for line in later.axes[0].lines)


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
            lambda: plotting.spectrum_map(fake_spectrum(polar(3, 8)), directions=[0]),
            "`directions` must be left out unless .* got dimension 3 on polar",
        ),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(2, 3)), directions=[3]),
            r"`directions` must be one to four numbers from 0 to 2, got \[3\]",
        ),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(2, 8)), directions=[0, 1, 2, 3, 4]),
            "`directions` must be one to four numbers",
        ),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(1, 1)), component=1),
            "`component` must lie in 0 to 0, got 1",
        ),
        (
            lambda: plotting.errors_by_size({}, {1: 0.1}),
            "`width_errors` must hold positive sizes and errors",
        ),
        (lambda: plotting.errors_by_size({1: 0.1}, {2: 0.0}), "`depth_errors` must be positive"),
        (lambda: plotting.errors_by_size({1: 0.1}, {0: 0.1}), "`depth_errors` must be at least 1"),
        (lambda: plotting.errors_by_size({1: 0.1}, {1: 0.1}, chosen=(1,)), "must be .depth, width"),
        (lambda: plotting.trajectories(None), "`exact` or `network` must be given"),
        (
            lambda: plotting.trajectories(None, np.zeros((2, 3, 1)), times=[0.0, 1.0]),
            "`times` must be None where `exact` is None",
        ),
        (
            lambda: plotting.trajectories(np.zeros((2, 3, 1)), layer_times=[0.0, 1.0]),
            "`layer_times` must be None where `network` is None",
        ),
        (
            lambda: plotting.functionals(([0.0, 1.0], [1.0, 2.0], [0.1, -0.1])),
            "`entropy` must have errors >= 0, got -0.1",
        ),
        (
            lambda: plotting.functionals(
                ([0.0, 1.0], [1.0, 2.0], [0.1, 0.1]), ([0.0], [np.nan], [0.1])
            ),
            "`fisher` must be finite",
        ),
        (
            lambda: plotting.trajectories(np.full((2, 3, 1), 1e200)),
            "`exact` must stay below 1e.100",
        ),
        (lambda: plotting.functionals(([0.0], [1.0])), "`entropy` must be .times, values, errors"),
        (
            lambda: plotting.functionals(([0.0, 1.0], [1.0], [0.1, 0.1])),
            "`entropy` must hold arrays of one length, got 2 times, 1 values and 2 errors",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: plotting.trajectories(np.zeros((2, 3, 2)), labels="xy"),
            "`labels` must be a list",
        ),
        (lambda: plotting.trajectories(np.zeros((2, 3, 1)), labels=[3]), "`labels` must be text"),
        (lambda: plotting.trajectories(np.zeros((2, 3, 1)), unit=None), "`unit` must be text"),
        (lambda: plotting.errors_by_size([0.1], {1: 0.1}), "`width_errors` must be a dict"),
        (
            lambda: plotting.errors_by_size({1.5: 0.1}, {1: 0.1}),
            "`width_errors` must be an integer",
        ),
        (lambda: plotting.errors_by_size({1: "x"}, {1: 0.1}), "`width_errors` must be a number"),
        (
            lambda: plotting.errors_by_size({1: 0.1}, {1: 0.1}, chosen=3),
            "`chosen` must be a list or a tuple",
        ),
        (lambda: plotting.functionals(3), "`entropy` must be a list or a tuple"),
        (lambda: plotting.spectrum_map(np.eye(2)), "`spectrum` must be a Spectrum"),
        (lambda: plotting.spectrum_map(Spectrum), "`spectrum` must be a Spectrum"),
        (
            lambda: plotting.spectrum_map(fake_spectrum(polar(1, 1)), component=True),
            "`component` must be an integer",
        ),
        (lambda: plotting.limit_study(None), "`study` must be a LimitStudy"),
        (lambda: plotting.network_over_spectrum(None, None), "`net` must be a ShallowNetwork"),
        (lambda: plotting.bottleneck_curves(None), "`model` must be a BottleneckAutoencoder"),
        (lambda: plotting.bottleneck_flow("flow"), "`model` must be a BottleneckAutoencoder"),
        (lambda: plotting.statement_figure(3), "`plots` must be a list or a tuple"),
        (lambda: plotting.statement_figure([3]), "`plots` must be a list of Plot"),
    ],
)
def test_objects_of_another_kind_are_refused(call, message):
    with pytest.raises(TypeError, match=message):
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
