"""The exact ridgelet transform on Z_p^m against its definition."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import finite_ridgelet, finite_ridgelet_dual

import ridgeflow as rf
from ridgeflow.ridgelet.finite_field import (
    _dual,
    finite_reconstruct,
    finite_ridgelet_transform,
)


def draw(rng, shape, kind):
    values = rng.normal(size=shape)
    return values + 1j * rng.normal(size=shape) if kind == "complex" else values


def gap(found, truth):
    return np.abs(found - truth).max() / np.abs(truth).max()


@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize(("p", "m"), [(2, 1), (2, 3), (3, 2), (5, 2), (7, 1), (5, 3)])
def test_transform_and_dual_match_their_definitions(p, m, kind):
    rng = np.random.default_rng(p + 10 * m)
    f, rho, sigma = draw(rng, (p,) * m, kind), draw(rng, p, kind), draw(rng, p, kind)
    naive = finite_ridgelet(f, rho)
    found = finite_ridgelet_transform(f, rho)
    assert found.shape == (p,) * (m + 1)
    assert gap(found, naive) < 1e-14  # measured 8e-16
    dual = _dual(found, sigma, kind == "real") * p**m
    assert gap(dual, finite_ridgelet_dual(found, sigma)) < 1e-14  # measured 1.8e-15
    assert np.iscomplexobj(found) == (kind == "complex")


@pytest.mark.parametrize("zero_mean", ["rho", "sigma", "neither"])
@pytest.mark.parametrize("kind", ["real", "complex"])
@pytest.mark.parametrize(("p", "m"), [(2, 2), (13, 1), (13, 2), (53, 2), (11, 3), (5, 5)])
def test_reconstruction_is_exact(p, m, kind, zero_mean):
    rng = np.random.default_rng(3)
    f = draw(rng, (p,) * m, kind)
    rho = draw(rng, p, kind) + 0.2
    sigma = rho + 0.5 * draw(rng, p, kind)
    if zero_mean == "rho":
        rho -= rho.mean()
    if zero_mean == "sigma":
        sigma -= sigma.mean()
    found = finite_reconstruct(finite_ridgelet_transform(f, rho), sigma, rho)
    assert found.dtype == f.dtype
    assert gap(found, f) < 1e-12  # measured 2e-15 at most


def test_the_printed_constant_is_wrong_where_the_mean_is_not_zero():
    rng = np.random.default_rng(0)
    p, m = 5, 2
    f, rho = rng.normal(size=(p, p)), rng.normal(size=p) + 1
    sigma = rng.normal(size=p)
    dual = finite_ridgelet_dual(finite_ridgelet(f, rho), sigma).real
    inner, d = sigma @ rho, p ** (m - 1) * sigma.sum() * rho.sum()
    assert gap(dual, (p**m * inner - d) * f + d * f.sum()) < 1e-13  # measured 1e-15
    assert gap(dual, p**m * inner * f) > 0.1  # measured 1.2


@settings(max_examples=20, deadline=None)
@given(p=st.sampled_from([2, 3, 5, 7]), m=st.integers(1, 3), seed=st.integers(0, 999))
def test_linearity_and_shifts(p, m, seed):
    rng = np.random.default_rng(seed)
    f, g, rho = rng.normal(size=(p,) * m), rng.normal(size=(p,) * m), rng.normal(size=p)
    spectrum = finite_ridgelet_transform(f, rho)
    both = finite_ridgelet_transform(2 * f - 3 * g, rho)
    apart = 2 * spectrum - 3 * finite_ridgelet_transform(g, rho)
    assert np.allclose(both, apart, rtol=0, atol=1e-11)
    # f(x - e_1) has the spectrum R(a, b - a_1).
    moved = finite_ridgelet_transform(np.roll(f, 1, axis=0), rho)
    for a in range(p):
        expected = np.roll(spectrum[a], a, axis=-1)
        assert np.allclose(moved[a], expected, rtol=0, atol=1e-11)


def test_a_large_prime_is_fast_and_exact():
    # The definition would need 4e11 terms.
    p = 211
    rng = np.random.default_rng(1)
    f, rho = rng.normal(size=(p, p)), rng.normal(size=p)
    index = (200, 17, 33)
    x, y = np.meshgrid(np.arange(p), np.arange(p), indexing="ij")
    spectrum = finite_ridgelet_transform(f, rho)
    one = (f * rho[(index[0] * x + index[1] * y - index[2]) % p]).sum()
    assert abs(spectrum[index] - one) < 1e-13 * np.abs(spectrum).max()  # measured 2e-16
    assert gap(finite_reconstruct(spectrum, rho, rho), f) < 1e-12  # measured 2e-15


def test_precision_follows_the_arguments():
    f, rho = np.ones((3, 3), np.float32), np.array([1, -1, 0], np.float32)
    assert finite_ridgelet_transform(f, rho).dtype == np.float32
    assert finite_ridgelet_transform(f, rho.astype(float)).dtype == np.float64
    assert finite_ridgelet_transform(f.astype(np.complex64), rho).dtype == np.complex64
    assert finite_ridgelet_transform([[1, 2], [3, 4]], [1, 0]).dtype == np.float64
    single = finite_reconstruct(finite_ridgelet_transform(f, rho), rho, rho)
    assert single.dtype == np.float32


@pytest.mark.parametrize("unit", [1e-300, 1e-150, 1e150, 1e300])
def test_units_of_any_size(unit):
    rng = np.random.default_rng(3)
    f, rho = rng.normal(size=(5, 5)), rng.normal(size=5)
    spectrum = finite_ridgelet_transform(f, rho)
    assert gap(finite_ridgelet_transform(unit * f, rho) / unit, spectrum) < 1e-14
    assert gap(finite_ridgelet_transform(unit * f, rho / unit), spectrum) < 1e-14
    for sigma, analyser in ((rho, rho * unit), (rho * unit, rho), (rho * unit, rho * unit)):
        found = finite_reconstruct(spectrum, sigma, analyser)
        assert gap(found * (analyser[0] / rho[0]), f) < 1e-12  # measured 3e-15
    assert gap(finite_reconstruct(unit * spectrum, rho, unit * rho), f) < 1e-12


def test_results_beyond_the_range_of_numbers_are_refused():
    f, rho = np.full((3, 3), 1e200), np.array([1e200, 0.0, 1.0])
    with pytest.raises(ValueError, match="`f` must be small enough"):
        finite_ridgelet_transform(f, rho)
    with pytest.raises(ValueError, match=r"`f` must be small enough for .* float32"):
        finite_ridgelet_transform(np.full((3, 3), 1e38, np.float32), np.ones(3, np.float32))
    spectrum = finite_ridgelet_transform(np.ones((3, 3)), rho / 1e200)
    with pytest.raises(ValueError, match="`spectrum` must be small enough"):
        finite_reconstruct(1e200 * spectrum, rho, rho / 1e200 / 1e120)


def test_refusals():
    rho = np.arange(5.0)
    f = np.zeros((5, 5))
    with pytest.raises(ValueError, match=r"prime length, got 6 \(the nearest: 5 and 7"):
        finite_ridgelet_transform(np.zeros((6, 6)), np.zeros(6))
    with pytest.raises(ValueError, match=r"prime length, got 1 \(the nearest: 2"):
        finite_ridgelet_transform(np.zeros(1), np.zeros(1))
    with pytest.raises(ValueError, match=r"axes of one prime length p, got \(5, 3\)"):
        finite_ridgelet_transform(np.zeros((5, 3)), rho)
    with pytest.raises(ValueError, match=r"`rho` must have shape \(5,\)"):
        finite_ridgelet_transform(f, np.zeros(4))
    with pytest.raises(ValueError, match=r"`spectrum` must have shape \(p, p, ...\)"):
        finite_reconstruct(rho, rho, rho)
    with pytest.raises(ValueError, match=r"`sigma` must have shape \(5,\)"):
        finite_reconstruct(f, np.zeros(3), rho)
    with pytest.raises(ValueError, match="`f` must be finite"):
        finite_ridgelet_transform(np.full((5, 5), np.nan), rho)
    with rf.config(memory_budget=2**20):
        with pytest.raises(rf.MemoryBudgetError, match=r"a spectrum of 101\^3 values needs 8 MiB"):
            finite_ridgelet_transform(np.zeros((101, 101)), np.zeros(101))
        with pytest.raises(rf.MemoryBudgetError, match=r"the transform of 53\^3 values needs"):
            finite_reconstruct(np.zeros((53, 53, 53)), np.arange(53.0), np.arange(53.0))


def test_pairs_that_do_not_determine_f_are_refused():
    spectrum = np.zeros((3, 3, 3))
    with pytest.raises(rf.AdmissibilityError, match=r"orthogonal.*choose sigma = rho"):
        finite_reconstruct(spectrum, [1.0, 1.0, -2.0], [1.0, -1.0, 0.0])
    with pytest.raises(rf.AdmissibilityError, match=r"orthogonal.*subtract the mean of rho"):
        finite_reconstruct(spectrum, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0])
    with pytest.raises(rf.AdmissibilityError, match="only the sum of f"):
        finite_reconstruct(spectrum, [1.0, 1.0, 1.0], [1.0, 2.0, 0.0])
    # <sigma, rho> = 1 and sums 1 and -p/(p^m - 1): p^m <sigma, rho> + (p^m - 1) D = 0.
    with pytest.raises(rf.AdmissibilityError, match="all but the sum of f"):
        finite_reconstruct(spectrum, [1.0, 0.0, 0.0], [1.0, -3 / 8 - 1, 0.0])
