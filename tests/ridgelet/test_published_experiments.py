"""Published experiments: the printed digits and bands (ghosts are in test_null_space.py)."""

import time
from functools import lru_cache

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.closed_forms import fourier_sine, shepp_logan
from ridgeflow.ridgelet.null_space import dual_transform

X = np.linspace(-1, 1, 201)
SINE = np.sin(2 * np.pi * X)


def cosine(found, truth):
    return found @ truth / np.linalg.norm(found) / np.linalg.norm(truth)


@lru_cache(maxsize=8)
def sine_spectrum(order):
    axis = np.linspace(-30, 30, 601)
    grid = rf.ParameterGrid.cartesian([axis], axis)
    return rf.ridgelet_transform(rf.GridField(SINE, (X,)), rf.Ridgelet(1, order), grid)


@pytest.mark.parametrize(
    ("name", "order", "published"),
    [
        ("dsigmoid", 0, 0.9964),
        ("dsigmoid", 2, -0.9998),
        ("relu", 2, 0.9983),
        ("relu", 0, -0.779),  # not admissible: a low-pass
        ("relu", 1, 0.387),  # not admissible: a straight line
    ],
)
def test_published_correlations(name, order, published):
    found = dual_transform(sine_spectrum(order), name, X)
    digits = len(str(abs(published))) - 2
    assert round(cosine(found, SINE), digits) == published
    if (name, order) == ("relu", 1):
        assert np.ptp(np.diff(found)) < 1e-9 * np.ptp(found)


@pytest.mark.parametrize(
    ("name", "order"),
    [("dsigmoid", 1), ("sigmoid", 0), ("sigmoid", 2), ("step", 0), ("tanh", 2), ("linear", 0)],
)
def test_published_zeros(name, order):
    found = dual_transform(sine_spectrum(order), name, X)
    assert np.abs(found).max() < 1e-9  # measured 2e-14


@pytest.mark.parametrize(
    ("name", "order", "cut"),
    [
        ("dsigmoid", 0, 1.0),
        ("dsigmoid", 2, 1.0),
        ("sigmoid", 1, 1.0),
        ("tanh", 1, 1.0),
        ("gaussian", 0, 1.0),
        ("gaussian", 2, 1.0),
        ("step", 1, 1.0),
        ("dirac", 0, 1.0),
        ("dirac", 2, 1.0),
        ("relu", 2, 0.97),
        ("softplus", 2, 0.93),
    ],
)
def test_the_cut_of_scales_explains_the_amplitudes(name, order, cut):
    psi = rf.Ridgelet(1, order)
    k = rf.admissibility(name, psi)
    found = dual_transform(sine_spectrum(order), name, X) / k
    amplitude = (found @ SINE) / (SINE @ SINE)
    xi = np.linspace(1e-3, 200, 200_000)
    energy = np.abs(fourier_sine(xi)) ** 2
    share = rf.transfer_function(name, psi, xi, a_max=30.0) / k
    expected = (share @ energy) / energy.sum()
    if cut == 1.0:
        # measured 4.6e-4 (dsigmoid, 0), 4.0e-4 (sigmoid), 3.3e-4 (gaussian, 0) to 2e-6 (dirac, 2)
        assert abs(amplitude - expected) < 5e-4
    else:
        # The cut of the offsets takes a further 3 % and 7 %: measured 0.9688, 0.9279.
        assert amplitude / expected == pytest.approx(cut, abs=5e-3)


def head_spectra(n, a_max):
    axis = np.linspace(-1, 1, n)
    field = rf.GridField.from_function(shepp_logan, (axis, axis))
    a = np.arange(-a_max, a_max + 1.0)
    grid = rf.ParameterGrid.cartesian([a, a], np.arange(-30.0, 31))
    for order in (0, 1, 2):
        yield field, order, rf.ridgelet_transform(field, rf.Ridgelet(2, order), grid)


def check_nine_cells(n, a_max, cosines, pixels):
    """Cosines where something is seen; a constant or a plane elsewhere; and the direct sums."""
    rng = np.random.default_rng(0)
    for field, order, spectrum in head_spectra(n, a_max):
        x, truth = field.points(), field.values.ravel()
        few = rng.choice(len(x), pixels, replace=False)
        nodes = rng.choice(spectrum.grid.size, 20, replace=False)
        assert "slice" in spectrum.provenance.steps[0]
        i, j, k = np.unravel_index(nodes, [len(axis) for axis in spectrum.grid.axes])
        a, b = spectrum.grid.axes[0], spectrum.grid.axes[2]
        some = rf.ridgelet_transform(
            field, spectrum.ridgelet, (np.stack([a[i], a[j]], axis=1), b[k]), method="direct"
        )
        peak = np.abs(spectrum.values).max()
        # measured 1e-12
        assert np.abs(some.values - spectrum.values[nodes]).max() < 1e-10 * peak
        size = np.abs(spectrum.values).sum()
        cube = spectrum.values.reshape(len(a), len(a), len(b))
        for name in ("gaussian", "step", "relu"):
            eta = rf.activation(name)
            found = dual_transform(spectrum, name, x)
            direct = np.zeros(pixels)
            for first, part in zip(a, cube, strict=True):
                z = (first * x[few, :1] + a * x[few, 1:])[:, :, None] - b
                # Units on a pixel are told exactly: coordinates are multiples of 1/(n - 1).
                direct += np.tensordot(eta(np.rint(z * (n - 1)) / (n - 1)), part, 2)
            assert np.abs(found[few] - direct).max() < 1e-13 * size  # measured 3e-15
            if (name, order) in cosines:
                assert cosine(found, truth) == pytest.approx(cosines[name, order], abs=2e-3)
            elif name == "relu" and order == 1:
                plane = np.column_stack([x, np.ones(len(x))])
                rest = found - plane @ np.linalg.lstsq(plane, found)[0]
                assert np.abs(rest).max() < 1e-9 * np.ptp(found)
            elif name != "relu":
                assert np.ptp(found) < 1e-13 * size  # measured 2e-16, (gaussian, 1)


# The edges of the phantom leave 1.1 % of the largest value undecided at 64 samples a side.
@pytest.mark.filterwarnings("ignore:the samples of the field leave an error of about 1")
def test_head_phantom_in_small():
    good = {
        ("gaussian", 0): 0.8056,
        ("gaussian", 2): -0.9019,
        ("step", 1): -0.8626,
        ("relu", 2): 0.8714,
    }
    check_nine_cells(64, 60, good, 3)


@pytest.mark.slow
def test_head_phantom_as_published():
    # cos of the raw images: the rim is blurred, and ReLU bends over the cut offsets.
    good = {
        ("gaussian", 0): 0.7931,
        ("gaussian", 2): -0.8690,
        ("step", 1): -0.8342,
        ("relu", 2): 0.4220,
    }
    start = time.process_time()
    check_nine_cells(256, 300, good, 3)
    # Two minutes on two cores; measured 70 s of processor time, checks included.
    assert time.process_time() - start < 240


def fitted_errors(draws, make):
    found = [np.sqrt(np.mean((make()(X[:, None]) - SINE) ** 2)) for _ in range(draws)]
    return np.quantile(found, (0.1, 0.5, 0.9))


# Published median and 10-90 % band of the root mean square error over 300 draws.
BANDS = {
    (0, 10): (0.18, 0.32, 0.44),
    (0, 20): (0.022, 0.074, 0.18),
    (2, 10): (0.044, 0.13, 0.30),
    (2, 20): (8e-5, 9e-4, 7e-3),
    ("box", 10): (0.47, 0.56, 0.63),
    ("box", 20): (0.30, 0.41, 0.52),
}


def check_band(found, published, tolerance):
    ratio = found / np.array(published)
    assert 1 / tolerance < ratio[1] < tolerance
    # The ends of the band scatter more.
    assert (ratio > 1 / tolerance**2).all() and (ratio < tolerance**2).all()


def check_oracle(order, width, draws, tolerance):
    rng = np.random.default_rng(0)
    spectrum = sine_spectrum(order)

    def make():
        return rf.ShallowNetwork.from_spectrum(
            spectrum,
            rf.activation("gaussian"),
            width,
            sampling="monte_carlo",
            weights="least_squares",
            control=None,
            points=X[:, None],
            values=SINE,
            rng=rng,
        )

    check_band(fitted_errors(draws, make), BANDS[order, width], tolerance)


@pytest.mark.parametrize("width", [10, 20])
@pytest.mark.parametrize("order", [0, 2])
def test_oracle_sampling(order, width):
    # measured 1.03, 0.93 (order 0), 1.17, 1.10 (order 2) of the medians
    check_oracle(order, width, 80, 1.5)


@pytest.mark.slow
@pytest.mark.parametrize("width", [10, 20])
@pytest.mark.parametrize("order", [0, 2])
def test_oracle_sampling_over_300_draws(order, width):
    # measured 0.98, 0.99 (order 0), 1.12, 1.03 (order 2) of the medians
    check_oracle(order, width, 300, 1.25)


@pytest.mark.parametrize("width", [10, 20])
def test_uniform_neurons_do_worse(width):
    rng = np.random.default_rng(0)

    def make():
        a, b = rng.uniform(-30, 30, (width, 1)), rng.uniform(-30, 30, width)
        return rf.fit_outer_weights(a, b, "gaussian", X[:, None], SINE, rcond=1e-9)

    with pytest.warns(rf.RankWarning):
        found = fitted_errors(300, make)
    check_band(found, BANDS["box", width], 1.1)  # measured 1.01, 1.02 of the medians
