"""The corrected dual: few scales, exact on the band; its amplification, limits and gradient."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.profiles.admissibility import radial_kernel

LAW = rf.GaussianMixture(
    [0.3, 0.7],
    [[-0.8, 0.2], [0.6, -0.3]],
    [[[0.2, 0.05], [0.05, 0.3]], [[0.16, -0.03], [-0.03, 0.25]]],
)
LINE = rf.GaussianMixture([0.3, 0.7], [[-0.8], [0.6]], [0.2, 0.3])
NAMES = ["gaussian", "tanh", "relu", "relu2", "softplus", "arctan", "gelu", "step"]


def spectrum_of(law, name, scales, n_directions=40, ridgelet=None):
    eta = rf.activation(name)
    psi = ridgelet or rf.admissible_ridgelet(eta, law.dim)
    grid = rf.ParameterGrid.polar(law.dim, n_directions, scales, 4.8, 0.4, margin=8.5)
    return eta, rf.ridgelet_transform(law, psi, grid)


def in_ball(dim, n=1200):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(n, dim))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return 4.8 * x * rng.random((n, 1)) ** (1 / dim)


def relative(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


@pytest.mark.parametrize("name", NAMES)
def test_one_scale_per_octave_is_exact_on_the_band(name):
    x = in_ball(2)
    eta, spectrum = spectrum_of(LAW, name, 2.0 ** np.arange(-12, 4))
    plain = relative(rf.reconstruct(spectrum, eta, x), LAW.pdf(x))
    found = relative(rf.reconstruct(spectrum, eta, x, dual="corrected"), LAW.pdf(x))
    assert plain > 5e-3  # measured 2.0e-2 (arctan) to 5.4e-2 (gelu)
    assert found < 2e-7  # measured 1.1e-7, that of 40 directions
    budget = spectrum.error_budget(eta, dual="corrected").total
    assert found / 3 < budget < 10 * found  # measured ratios 1.03 to 1.13


def test_errors_fall_with_the_scales_of_the_plain_dual_alone():
    x = in_ball(1)
    plain, corrected, needed = [], [], []
    for per_octave in (1, 1.5, 2, 3):
        scales = 2.0 ** np.linspace(-22, 4, int(26 * per_octave) + 1)
        eta, spectrum = spectrum_of(LINE, "tanh", scales, 1)
        for errors, dual in ((plain, "plain"), (corrected, "corrected")):
            errors.append(relative(rf.reconstruct(spectrum, eta, x, dual=dual), LINE.pdf(x)))
        needed.append(rf.corrected_dual(spectrum, eta).largest)
    # measured plain 1.2e-2, 2.1e-4, 1.4e-5, 1.0e-5; corrected 4.1e-7 to 4.6e-7
    assert plain[0] > 5e-3 > plain[1] > 5e-5 > plain[2] > 5e-6
    assert max(corrected) < 1e-6
    assert min(needed) >= 0.99 and max(needed) < 1.2  # measured 1.00 to 1.08


def test_amplification_is_the_ratio_of_k_to_the_sum_over_scales():
    eta, spectrum = spectrum_of(LAW, "tanh", 2.0 ** np.arange(-10.0, 4))
    dual = rf.corrected_dual(spectrum, eta)
    psi, scales = spectrum.ridgelet, spectrum.grid.scales
    width = np.full(len(scales), np.log(2.0))
    width[[0, -1]] /= 2
    constant = rf.admissibility(eta, psi)
    for k, amplification in zip(dual.wave_numbers[::50], dual.amplification[::50], strict=True):
        if amplification < 1e200:
            terms = width * (k / scales) * radial_kernel(eta, psi, k / scales)
            total = 2 * (2 * np.pi) * terms.sum()
            assert amplification == pytest.approx(constant / total, rel=1e-12)
    inside = (dual.wave_numbers >= dual.band[0]) & (dual.wave_numbers <= dual.band[1])
    assert dual.largest == pytest.approx(dual.amplification[inside].max(), rel=1e-6)
    # Many scales need next to none, between the ends.
    eta, spectrum = spectrum_of(LAW, "tanh", np.geomspace(1e-4, 64, 80))
    assert rf.corrected_dual(spectrum, eta).largest == pytest.approx(1.0, abs=1e-3)


def test_factors_are_exact_where_the_band_needs_no_more_and_bounded_beyond():
    eta, spectrum = spectrum_of(LAW, "relu", 2.0 ** np.arange(-12.0, 4))
    for band in ((0.01, 1.0), (0.01, 15.0), (0.01, 30.0)):
        dual = rf.corrected_dual(spectrum, eta, band=band, limit=300.0)
        level = max(1.5, dual.largest)  # measured 1.12, 10.5, 210
        inside = dual.amplification <= level
        ratio = dual(dual.wave_numbers[inside]) / dual.amplification[inside]
        assert np.abs(ratio - 1).max() < 2e-11  # measured 1.4e-11 at most
        factors = dual(np.geomspace(1e-8, 1e4, 4000))
        assert factors.min() >= 0 and factors.max() < 3.2 * level  # measured 3.19
        assert dual(np.array([0.0, 1e-60])).max() < 1e-250


@pytest.mark.parametrize("law", [LINE, LAW], ids=["1", "2"])
def test_gradient_of_the_corrected_reconstruction(law):
    x = in_ball(law.dim, 500)
    low = -22 if law.dim == 1 else -12
    eta, spectrum = spectrum_of(law, "softplus", 2.0 ** np.arange(low, 5), 64)
    truth = law.score(x) * law.pdf(x)[:, None]
    plain = rf.reconstruct_gradient(spectrum, eta, x)
    found = rf.reconstruct_gradient(spectrum, eta, x, dual="corrected")
    assert plain.shape == found.shape == x.shape
    assert relative(plain, truth) > 1e-3  # measured 2.2e-2 and 1.7e-2
    assert relative(found, truth) < 1e-9  # measured 2.1e-11 and 3.0e-11
    step = 1e-5
    for i in range(law.dim):
        ahead, behind = (
            rf.reconstruct(spectrum, eta, x + sign * step * np.eye(law.dim)[i], dual="corrected")
            for sign in (1, -1)
        )
        gap = np.abs((ahead - behind) / (2 * step) - found[:, i]).max()
        assert gap < 1e-8 * np.abs(found).max()  # measured 3e-10


def test_vector_and_complex_fields():
    axis = np.linspace(-5, 5, 64)
    one = rf.GridField.from_function(LAW.pdf, (axis, axis))
    two = rf.GridField.from_function(lambda x: x[:, 0] * LAW.pdf(x), (axis, axis))
    both = rf.GridField(np.stack([one.values, two.values], axis=-1), (axis, axis))
    rotated = rf.GridField(one.values + 1j * two.values, (axis, axis))
    eta, psi = rf.activation("relu"), rf.Ridgelet(2, 6)
    grid = rf.ParameterGrid.polar(2, 64, 2.0 ** np.arange(-12.0, 4), 5.0, 0.4, margin=8.5)
    x = in_ball(2, 40)
    parts = [LAW.pdf(x), x[:, 0] * LAW.pdf(x)]
    spectrum = rf.ridgelet_transform(both, psi, grid)
    found = rf.reconstruct(spectrum, eta, x, dual="corrected")
    assert relative(found, np.stack(parts, 1)) < 1e-6  # measured 4.9e-8
    slope = rf.reconstruct_gradient(spectrum, eta, x, dual="corrected")
    assert slope.shape == (40, 2, 2)
    spectrum = rf.ridgelet_transform(rotated, psi, grid)
    found = rf.reconstruct(spectrum, eta, x, dual="corrected")
    assert relative(found, parts[0] + 1j * parts[1]) < 1e-6  # measured 4.9e-8
    turned = rf.reconstruct_gradient(spectrum, eta, x, dual="corrected")
    assert relative(turned, slope[..., 0] + 1j * slope[..., 1]) < 1e-10  # measured 2e-15


def test_uncovered_wave_numbers_are_refused_and_the_advice_helps():
    for scales in (2.0 ** np.arange(-12.0, 0), np.concatenate([2.0 ** np.arange(-12.0, -4), [8]])):
        eta, spectrum = spectrum_of(LAW, "relu", scales)
        with pytest.raises(
            ValueError,
            match=r"^`spectrum` must have scales that cover the wave numbers from .* to .* of the "
            r"`band`: an amplification of .* would be needed, `limit` is 10 \(add scales from .* "
            r"to .*, or raise the limit\)",
        ) as refusal:
            rf.reconstruct(spectrum, eta, [[0.0, 0.0]], dual="corrected")
        words = str(refusal.value).split("add scales from ")[1].split(",")[0].split(" to ")
        low, high = (float(word) for word in words)
        extra = np.geomspace(low, high, 2 + int(np.log2(high / low)))
        eta, spectrum = spectrum_of(LAW, "relu", np.union1d(scales, extra))
        x = in_ball(2, 300)
        found = rf.reconstruct(spectrum, eta, x, dual="corrected")
        assert relative(found, LAW.pdf(x)) < 1e-6  # measured 9.2e-8 both times


def test_a_band_of_ones_own():
    eta, spectrum = spectrum_of(LAW, "relu", 2.0 ** np.arange(-12.0, 1.5))
    dual = rf.corrected_dual(spectrum, eta, band=(0.1, 4.0))
    assert dual.band == (0.1, 4.0) and dual.lost > 1e-4  # measured 2.7e-4
    assert spectrum.error_budget(eta, dual=dual).truncation == dual.lost
    x = in_ball(2)
    error = relative(rf.reconstruct(spectrum, eta, x, dual=dual), LAW.pdf(x))
    assert error / 3 < spectrum.error_budget(eta, dual=dual).total < 10 * error  # measured 0.95


def test_spectra_without_record_take_what_the_scales_offer():
    eta, spectrum = spectrum_of(LAW, "tanh", 2.0 ** np.arange(-12.0, 4))
    doubled = spectrum + spectrum
    assert doubled.record is None
    x = in_ball(2, 300)
    found = rf.reconstruct(doubled, eta, x, dual="corrected")
    assert relative(found, 2 * LAW.pdf(x)) < 2e-7  # measured 9e-8
    assert rf.corrected_dual(doubled, eta).lost == 0.0


def test_zero_fields_stay_zero():
    axis = np.linspace(-1, 1, 16)
    grid = rf.ParameterGrid.polar(1, 1, [0.5, 1.0, 2.0], 1.0, 0.5)
    spectrum = rf.ridgelet_transform(rf.GridField(np.zeros(16), (axis,)), rf.Ridgelet(1, 4), grid)
    eta = rf.activation("relu")
    assert (rf.reconstruct(spectrum, eta, [[0.1]], dual="corrected") == 0).all()


ETA, SPECTRUM = spectrum_of(LAW, "relu", 2.0 ** np.arange(-12.0, 4), 4)
CARTESIAN = rf.ridgelet_transform(
    LINE, rf.Ridgelet(1, 2), rf.ParameterGrid.cartesian([np.arange(-3.0, 4)], np.arange(-3.0, 4))
)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: rf.corrected_dual(CARTESIAN, rf.activation("relu")), "must have a polar grid"),
        (
            lambda: rf.corrected_dual(
                spectrum_of(LAW, "cos", 2.0 ** np.arange(-3.0, 4))[1], rf.activation("cos")
            ),
            "sees one frequency",
        ),
        (lambda: rf.corrected_dual(SPECTRUM, ETA, limit=0.5), "`limit` must be at least 1"),
        (lambda: rf.corrected_dual(SPECTRUM, ETA, band=(2.0, 1.0)), "positive and increasing"),
        (
            lambda: rf.reconstruct(SPECTRUM, ETA, [[0.0, 0.0]], dual="correctd"),
            "did you mean 'corrected'",
        ),
        (
            lambda: rf.reconstruct(SPECTRUM, ETA, [[0.0, 0.0]], dual="corrected", method="direct"),
            "needs method 'fast' on a polar grid, got 'direct'",
        ),
        (
            lambda: rf.reconstruct(CARTESIAN, rf.activation("relu"), [[0.0]], dual="corrected"),
            "on cartesian nodes",
        ),
        (
            lambda: rf.reconstruct(
                SPECTRUM,
                rf.activation("gelu"),
                [[0.0, 0.0]],
                dual=rf.corrected_dual(SPECTRUM, ETA),
            ),
            "got one for 'relu'",
        ),
        (
            lambda: rf.reconstruct_gradient(CARTESIAN, rf.activation("relu"), [[0.0]]),
            "needs a polar grid",
        ),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_non_admissible_pairs_are_refused():
    with pytest.raises(rf.AdmissibilityError):
        rf.corrected_dual(SPECTRUM, rf.activation("tanh"))
