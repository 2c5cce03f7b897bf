"""f -> c f: spectra, reconstructions and errors by the same factor, or a refusal."""

import dataclasses
import functools

import numpy as np
import pytest

import ridgeflow as rf

ETA = rf.activation("tanh")
PSI = rf.admissible_ridgelet("tanh", 2)
GRID = rf.ParameterGrid.polar(2, 8, np.geomspace(0.1, 10, 7), 3.0, 0.5)
AXIS = np.linspace(-4, 4, 33)
IMAGE = np.exp(-0.5 * (AXIS[:, None] ** 2 + (AXIS - 0.5) ** 2))
X = np.random.default_rng(0).normal(size=(9, 2))
# Powers of two alter no bit but those of numbers that are too small, and 1e-149 has tails that are.
FACTORS = {"1e-149": 2.0**-495, "1e-60": 2.0**-200, "1e60": 2.0**200, "1e145": 2.0**482}
SINGLE = {"1e-30": 2.0**-100, "1e-18": 2.0**-60, "1e18": 2.0**60, "1e30": 2.0**100}


def field(factor=1.0, dtype=np.float64):
    return rf.GridField((factor * IMAGE).astype(dtype), (AXIS, AXIS))


def spectrum(given):
    return rf.ridgelet_transform(given, PSI, GRID)


def found(given):
    """Name -> the power of f in it, and its numbers."""
    one = spectrum(given)
    rep = rf.IntegralRepresentation(given, ETA, region=rf.Region(np.zeros(2), 2.0, 1.0), tol=0.1)
    return {
        "spectrum": (1, one.values),
        "plain nodes": (1, rf.ridgelet_transform(given, PSI, (GRID.a[:9], GRID.b[:9])).values),
        "reconstruction": (1, rf.reconstruct(one, ETA, X)),
        "norm": (1, one.norm()),
        "mass": (1, one.mass),
        "budget": (0, one.error_budget(ETA).total),
        "inner product": (1, rf.inner_product(one, spectrum(field()))),
        "gradient": (1, rf.gradient_spectrum(one).values),
        "laplacian": (1, rf.laplacian_spectrum(one).values),
        "representation": (1, rep(0.3 * X)),
        "its error": (0, rep.error_budget().total),
        "network": (1, rf.ShallowNetwork.from_spectrum(one, ETA, 30, rng=0)(X)),
    }


@functools.cache
def plain(dtype):
    return found(field(dtype=dtype))


# What the samples, the grid and few neurons leave is the same at any scale.
@pytest.mark.filterwarnings("ignore::ridgeflow.AccuracyWarning")
@pytest.mark.parametrize(
    ("dtype", "factor"),
    [
        *(pytest.param(np.float64, c, id=f"float64 {name}") for name, c in FACTORS.items()),
        *(pytest.param(np.float32, c, id=f"float32 {name}") for name, c in SINGLE.items()),
    ],
)
def test_results_follow_the_values(dtype, factor):
    for name, (power, numbers) in found(field(factor, dtype)).items():
        expected = np.asarray(plain(dtype)[name][1], np.float64)
        gap = np.abs(np.asarray(numbers, np.float64) / factor**power - expected).max()
        # measured: 0 where squares of tails are numbers, else up to 9e-14
        assert gap <= 1e-12 * np.abs(expected).max(), name


CALLS = {
    "transform": spectrum,
    "grid": lambda given: rf.ParameterGrid.for_field(given, ETA, PSI, 1e-2),
    "representation": lambda given: rf.IntegralRepresentation(given, ETA, tol=0.1),
    "region": lambda given: rf.IntegralRepresentation(
        given, ETA, region=rf.Region(np.zeros(2), 2.0, 1.0), tol=0.1
    ),
}


@pytest.mark.parametrize("factor", [1e-160, 1e-300, 1e155, 1e300])
@pytest.mark.parametrize("name", CALLS)
def test_values_without_an_energy_are_refused(name, factor):
    with pytest.raises(ValueError, match=r"`field` must have a largest value between 1e-152 and"):
        CALLS[name](field(factor))


@pytest.mark.parametrize("factor", [1e-310, 1e-160, 1e160])
def test_weights_of_samples_without_an_energy_are_refused(factor):
    samples = rf.SampleField(X, weights=np.full(9, factor))
    assert np.isfinite(rf.ridgelet_transform(samples, PSI, GRID).values).all(), "point masses"
    with pytest.raises(ValueError, match=r"`field` must have a largest value between"):
        rf.ridgelet_transform(samples, PSI, GRID, bandwidth=0.5)


@pytest.mark.filterwarnings("ignore::ridgeflow.AccuracyWarning")
@pytest.mark.parametrize(
    ("factor", "tolerance"),
    # measured 0, 0 and 7e-7: numbers below 1e-308 have few digits
    [(2.0**600, 1e-14), (2.0**-600, 1e-14), (2.0**-1040, 1e-5)],
    ids=["1e180", "1e-180", "1e-313"],
)
def test_spectra_need_no_squares(factor, tolerance):
    one = dataclasses.replace(spectrum(field()), record=None)
    other = dataclasses.replace(one, values=factor * one.values)
    for call in (
        lambda s: s.mass,
        lambda s: s.norm(),
        lambda s: rf.reconstruct(s, ETA, X),
        lambda s: rf.ShallowNetwork.from_spectrum(s, ETA, 30, rng=0)(X),
    ):
        assert np.abs(call(other) / factor - call(one)).max() <= tolerance * np.abs(call(one)).max()


@pytest.mark.filterwarnings("ignore::ridgeflow.AccuracyWarning")
def test_draws_are_called_too_few_at_any_scale():
    one = dataclasses.replace(spectrum(field()), record=None)
    said = []
    for factor in (1.0, 2.0**600, 2.0**-600):
        scaled = dataclasses.replace(one, values=factor * one.values)
        with pytest.warns(rf.AccuracyWarning, match=r"2 drawn neurons are expected") as caught:
            rf.ShallowNetwork.from_spectrum(scaled, ETA, 2, rng=0)
        said.append({str(one.message) for one in caught})
    assert said[0] == said[1] == said[2]


@pytest.mark.filterwarnings("ignore::ridgeflow.AccuracyWarning")
def test_a_single_sample_is_a_field():
    """On one place, where the ball about the samples has no radius."""
    one = rf.GridField([[2.0]], ([0.0], [0.0]))
    assert np.isfinite(spectrum(one).values).all()
    assert spectrum(one).error_budget(ETA).total > 0
