"""Sums over scattered samples and profiles from spectra: the fast ways against direct sums."""

import tracemalloc
from itertools import pairwise

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._kernels import spreading
from ridgeflow.radon_transform.backprojection import Backprojection, WaveSum
from ridgeflow.radon_transform.scattered_points import point_waves, sample_slices
from ridgeflow.radon_transform.segment_waves import (
    CellWaves,
    best_cells,
    blocks,
    cell_phase,
    parts,
    taps,
)
from ridgeflow.ridgelet.reconstruct import backproject
from ridgeflow.ridgelet.sums.direct_sums import direct_transform, network_sum
from ridgeflow.ridgelet.sums.point_spectra import sample_spectrum

SCALES = [0.01, 0.4, 2.0, 9.0]


def draws(n, dim, seed=0, components=None):
    rng = np.random.default_rng(seed)
    shape = (n,) if components is None else (n, components)
    return rf.SampleField(rng.normal(size=(n, dim)) + 0.3, rng.normal(size=shape), rng.random(n))


def polar(dim, n_directions=5, scales=SCALES, radius=3.0, step=0.4, **options):
    return rf.ParameterGrid.polar(dim, n_directions, scales, radius, step, **options)


def largest(gap, truth):
    return float(np.abs(gap).max() / np.abs(truth).max())


# Measured 0.02 to 0.07 of tol, and 0.2 to 0.4 of it for the algebraic tails of m = 1 and 3.
@pytest.mark.parametrize("tol", [1e-3, 1e-6, 1e-9, 1e-12])
@pytest.mark.parametrize("dim", [1, 2, 3, 16])
def test_the_tolerance_is_kept(dim, tol):
    field = draws(301, dim, components=2)
    grid = polar(dim, center=np.full(dim, 0.2))
    psi = rf.Ridgelet(dim, 4)
    direct = rf.ridgelet_transform(field, psi, grid, method="direct").values
    fast = rf.ridgelet_transform(field, psi, grid, tol=tol).values
    error = largest(fast - direct, direct)
    assert error < tol
    # A looser tolerance buys something: it is not all computed to the last digit.
    assert tol < 1e-11 or error > 1e-4 * tol


@pytest.mark.parametrize(("order", "family"), [(3, "hermite"), (7.5, "power")])
def test_both_parities_and_laws(order, family):
    rng = np.random.default_rng(3)
    law = rf.SampleField(rng.normal(size=(200, 2)))
    psi = rf.Ridgelet(2, order, family=family)
    grid = polar(2)
    direct = rf.ridgelet_transform(law, psi, grid, method="direct").values
    fast = rf.ridgelet_transform(law, psi, grid, tol=1e-8).values
    assert largest(fast - direct, direct) < 1e-8  # measured 3e-11, 1e-9


@pytest.mark.parametrize("step", [0.9, 2.5])
def test_offsets_that_do_not_resolve_the_ridgelet(step):
    field, psi, grid = draws(80, 2), rf.Ridgelet(2, 2), polar(2, step=step)
    direct = rf.ridgelet_transform(field, psi, grid, method="direct").values
    fast = rf.ridgelet_transform(field, psi, grid, tol=1e-9).values
    assert largest(fast - direct, direct) < 1e-9  # measured 2e-11


@pytest.mark.parametrize("scale", [1e-6, 1e5])
def test_extreme_scales(scale):
    field, psi = draws(50, 2), rf.Ridgelet(2, 2)
    radius = 4.0 if scale < 1 else 4e-5
    moved = rf.SampleField(field.points * radius / 4, field.values, field.weights)
    grid = polar(2, 3, [scale, 2 * scale], radius)
    direct = rf.ridgelet_transform(moved, psi, grid, method="direct").values
    fast = rf.ridgelet_transform(moved, psi, grid, tol=1e-8).values
    assert largest(fast - direct, direct) < 1e-8  # measured 2e-10


def test_a_single_sample_at_the_center():
    psi, grid = rf.Ridgelet(2, 2), polar(2)
    fast = rf.ridgelet_transform(rf.SampleField([[0.0, 0.0]]), psi, grid, tol=1e-10).values
    assert largest(fast - psi(-grid.b), psi(0.0)) < 1e-10  # measured 1e-12


def test_complex_and_vector_values_are_those_of_their_parts():
    field, psi, grid = draws(90, 3, components=4), rf.Ridgelet(3, 2), polar(3)
    real = rf.ridgelet_transform(field, psi, grid).values
    pairs = field.values[:, :2] + 1j * field.values[:, 2:]
    found = rf.ridgelet_transform(rf.SampleField(field.points, pairs, field.weights), psi, grid)
    assert found.values.dtype == complex
    assert largest(found.values - (real[:, :2] + 1j * real[:, 2:]), real) < 1e-14  # measured 0
    one = rf.SampleField(field.points, pairs[:, 0], field.weights)
    found = rf.ridgelet_transform(one, psi, grid).values
    assert found.shape == (grid.size,)
    assert largest(found - (real[:, 0] + 1j * real[:, 2]), real) < 1e-14


@pytest.mark.parametrize("dtype", [np.float32, np.complex64])
@pytest.mark.parametrize("method", ["slice", "direct"])
def test_single_precision_stays_single(dtype, method):
    field, psi, grid = draws(60, 2), rf.Ridgelet(2, 2), polar(2)
    values = (field.values * (1 if dtype == np.float32 else 1 + 1j)).astype(dtype)
    points, weights = field.points.astype(np.float32), field.weights.astype(np.float32)
    wide = rf.SampleField(points.astype(float), values.astype(complex), weights.astype(float))
    truth = rf.ridgelet_transform(wide, psi, grid, method="direct").values
    single = rf.SampleField(points, values, weights)
    found = rf.ridgelet_transform(single, psi, grid, method=method, tol=1e-8).values
    assert found.dtype == dtype
    assert largest(found - truth, truth) < 1e-6  # measured 4e-8
    mixed = rf.SampleField(points.astype(float), values, weights)
    found = rf.ridgelet_transform(mixed, psi, grid, method=method).values
    assert found.dtype == (float if dtype == np.float32 else complex)


def test_results_do_not_depend_on_threads():
    field, psi, eta = draws(3000, 5, components=3), rf.Ridgelet(5, 3), rf.activation("dsigmoid")
    psi = rf.admissible_ridgelet(eta, 5)
    grid = polar(5, 23)
    found = []
    for threads in (1, 2, 5):
        with rf.config(threads=threads):
            spectrum = rf.ridgelet_transform(field, psi, grid)
            found.append((spectrum.values, rf.reconstruct(spectrum, eta, field.points)))
    for values, back in found[1:]:
        assert np.array_equal(values, found[0][0])
        assert np.array_equal(back, found[0][1])


def peak(run):
    """The result of a call, and the bytes that it had at once."""
    tracemalloc.start()
    result = run()
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return result, used


def test_slabs_respect_the_memory_budget():
    eta = rf.activation("tanh")
    field, psi = draws(400, 3), rf.admissible_ridgelet(eta, 3)
    grid = polar(3, 1200, np.geomspace(0.1, 6, 8), step=0.5)
    spectrum = rf.ridgelet_transform(field, psi, grid)
    budget = 13 * 2**19
    calls = (
        lambda: sample_spectrum(field, psi, grid, 1e-8),
        lambda: rf.reconstruct(spectrum, eta, field.points[:50]),
    )
    for call in calls:
        with rf.config(threads=1):
            whole, free = peak(call)
            with rf.config(memory_budget=budget):
                result, used = peak(call)
        assert used < budget < free  # measured 6.0, 2.4 MiB and 7.2, 13 MiB
        # Slabs of a reconstruction cut their noise at bands of their own.
        assert largest(result - whole, whole) < 1e-12  # measured 0


def test_slices_of_samples():
    field = draws(150, 3, components=2)
    u, _ = rf.directions(3, 9)
    step = 0.9 * np.pi / np.linalg.norm(field.points, axis=1).max()
    k = step * np.arange(41)
    wave = np.exp(-1j * k * (u @ field.points.T)[:, :, None])
    truth = np.einsum("ic,uil->ucl", field.values, wave)
    for tol in (1e-5, 1e-11):
        found = sample_slices(field.points, field.values, u, step, 40, tol)
        assert largest(found - truth, truth) < tol  # measured 8e-3 and 0.4 of tol
    with pytest.raises(ValueError, match=r"`points` must lie within half the period, .* got one"):
        sample_slices(field.points, field.values, u, 1.2 * step, 40, 1e-5)


def test_direct_transform_on_polar_grids_is_that_of_the_listed_nodes():
    field, psi = draws(40, 2, components=2), rf.Ridgelet(2, 3)
    grid = polar(2, center=[0.4, -0.2])
    naive = psi(grid.a @ field.points.T - grid.b[:, None]) @ (field.values * field.weights[:, None])
    assert largest(direct_transform(field, psi, grid) - naive, naive) < 1e-14  # measured 1e-15


def test_direct_network_sum_on_polar_grids_is_that_of_the_listed_nodes():
    eta = rf.activation("relu")
    psi = rf.admissible_ridgelet(eta, 2)
    grid = polar(2, center=[0.4, -0.2])
    spectrum = rf.ridgelet_transform(draws(40, 2), psi, grid)
    x = np.random.default_rng(1).normal(size=(20, 2))
    constant = rf.admissibility(eta, psi)
    z = x @ grid.a.T - grid.b
    # The ridgelet annihilates z/2, which half the directions do not.
    naive = (0.5 * np.abs(z)) @ (spectrum.values * grid.weights / constant)
    found = network_sum(spectrum, eta, x, spectrum.values[:, None])[:, 0]
    assert largest(found - naive, naive) < 1e-12  # measured 1e-13


@pytest.mark.parametrize("name", ["gaussian", "tanh", "cos"])
@pytest.mark.parametrize("dim", [1, 2, 16])
def test_fast_reconstruction_is_the_network_sum_for_smooth_activations(name, dim):
    eta = rf.activation(name)
    psi = rf.admissible_ridgelet(eta, dim)
    scales = np.geomspace(0.4, 4, 6)
    kinds = {"scale_weights": np.ones(6)} if name == "cos" else {}
    # Wide margins: the sum sees no offsets beyond them, the integral none of its tails.
    field = draws(60, dim, components=2)
    grid = polar(dim, 7, scales, 6.0, 0.25, margin=40.0, **kinds)
    spectrum = rf.ridgelet_transform(field, psi, grid, tol=1e-12)
    x = field.points[::3]
    fast = rf.reconstruct(spectrum, eta, x)
    direct = rf.reconstruct(spectrum, eta, x, method="direct")
    assert fast.shape == direct.shape == (20, 2)
    # A single frequency far below those of the ridgelet is left over from sums 1e8 times as large.
    bound = 1e-6 if (name, dim) == ("cos", 16) else 1e-10  # measured 1e-7, 7e-14 to 1e-11
    assert largest(fast - direct, direct) < bound


def test_profiles_of_all_directions_and_gradients_agree_with_slabs():
    eta = rf.activation("gaussian")
    psi = rf.admissible_ridgelet(eta, 3)
    spectrum = rf.ridgelet_transform(draws(60, 3, components=2), psi, polar(3, 50))
    x = np.random.default_rng(0).normal(size=(700, 3))
    radius = 1.0001 * float(np.linalg.norm(x, axis=1).max())
    profiles = backproject(spectrum, eta, radius)
    value, slope = profiles.with_gradient(x)
    assert np.array_equal(profiles(x), value)
    assert largest(value - rf.reconstruct(spectrum, eta, x), value) < 1e-13  # measured 0
    step = 1e-4
    for i in range(3):
        shift = step * np.eye(3)[i]
        inner = x * 0.9
        numeric = (profiles(inner + shift) - profiles(inner - shift)) / (2 * step)
        gap = profiles.with_gradient(inner)[1][:, i] - numeric
        assert largest(gap, slope) < 1e-5  # measured 5e-7


def test_waves_between_those_of_the_grid():
    # The weights of every place between two waves, at the edge of the segment and inside.
    for tol in (1e-3, 1e-6, 1e-9, 1e-12):
        waves = CellWaves.for_band(1.0, 40.0, 8, 1.0, taps(tol))
        k = np.random.default_rng(0).uniform(0, 40, 300)
        p = np.linspace(-1, 1, 81)
        first, weights = waves.weights(k)
        rows = first[:, None] + np.arange(waves.width)
        assert rows.min() >= 0 and rows.max() < waves.rows
        whole = np.exp(1j * p[:, None, None] * waves.step * (rows - waves.margin))
        gap = (whole * weights).sum(axis=2) - np.exp(1j * np.outer(p, k))
        assert 1e-2 * tol < np.abs(gap).max() < tol  # measured 0.3 to 0.7 of tol


@pytest.mark.parametrize("terms", [4, 8, 12, 16])
def test_polynomials_of_waves_on_a_cell(terms):
    tol = 1e-2 if terms == 4 else 1e-9
    phase = cell_phase(terms, tol)
    waves = CellWaves.for_band(1.0, 10.0, terms, phase, 0)
    plus, minus = waves.polynomials
    t = np.linspace(-1, 1, 101)
    powers = t[:, None] ** np.arange(terms)
    angle = np.pi * np.arange(waves.top + 1) / waves.length
    real = powers[:, ::2] @ (plus + minus).T
    imag = powers[:, 1::2] @ (minus - plus).T
    gap = np.abs(real + 1j * imag - np.exp(1j * t[:, None] * angle))
    assert 1e-3 * tol < gap[:, angle <= phase].max() < 1.1 * tol  # measured 0.4 to 1.0 of tol
    assert cell_phase(terms, 1e3) == 3.0
    # Waves that carry little may turn further.
    fading = np.exp(-np.linspace(0, 4, 9))
    assert cell_phase(terms, 1e-14, fading) > cell_phase(terms, 1e-14)


def test_many_points_want_few_terms_and_few_points_few_cells():
    many, few = best_cells(1e-6, 10**8, 100.0), best_cells(1e-6, 10, 1000.0)
    assert many[0] < few[0]
    assert many[1] == cell_phase(many[0], 1e-6)


def inner(a, b):
    return float((a * b).sum())


def test_kernels_and_their_transposes():
    rng = np.random.default_rng(5)
    waves = CellWaves.for_band(2.0, 9.0, 8, 1.5, 10)
    plus, minus = waves.polynomials
    columns = 3
    moments = rng.normal(size=(columns, waves.length, 8))
    grid = np.zeros((waves.rows, 2 * columns))
    some = (plus, minus, waves.turn, waves.margin)
    spreading.waves_of_cells(0, columns, moments, *some, 0, grid)
    other = rng.normal(size=grid.shape)
    back = np.empty_like(moments)
    spreading.cells_of_waves(0, columns, other, 0, waves.margin, plus, minus, waves.turn, back)
    size = np.linalg.norm(grid) * np.linalg.norm(other)
    assert abs(inner(grid, other) - inner(moments, back)) < 1e-14 * size  # measured 3e-17

    k = np.sort(rng.uniform(0, 9.0, 12))
    first, weights = waves.weights(k)
    factor = parts(rng.normal(size=12) + 1j * rng.normal(size=12))
    n = 40
    side = np.empty((columns, n // 2 + 1, 2))
    spreading.gather_waves(0, columns, other, first, weights, factor, 0, n, side)
    given = rng.normal(size=side.shape)
    spread = np.zeros_like(other)
    conjugate = factor * [1.0, -1.0]
    spreading.scatter_waves(0, columns, given, first, weights, conjugate, 0, spread)
    # The wave number 0 is its own mirror.
    given[:, 0, 1] = 0.0
    mirrored = side[:, 0].copy()
    spread_zero = np.zeros_like(other)
    spreading.scatter_waves(0, columns, given, first, weights, conjugate, 0, spread_zero)
    assert abs(inner(side, given) - inner(other, spread_zero)) < 1e-13 * size
    assert np.array_equal(mirrored, side[:, 0])

    values = rng.normal(size=(2, 7, 4))
    components = np.array([0, 2, 1, 3])
    series = np.full((8, 20), np.nan)
    spreading.load_offsets(0, 8, values, 3, components, series)
    found = np.empty_like(values)
    spreading.store_offsets(0, 8, series, 3, components, found)
    assert np.array_equal(found, values)
    assert np.array_equal(series[1, :4], values[0, 3:, 2])
    assert not series[:, 4:17].any()


def test_series_shorter_than_their_waves_fold_them_back():
    waves = CellWaves.for_band(1.0, 60.0, 8, 1.0, taps(1e-12))
    rng = np.random.default_rng(2)
    p = rng.uniform(-1, 1, 5)
    y = rng.normal(size=5)
    [grid] = point_waves(p[None], y[None], np.ones((1, 1)), waves)
    # 16 places over a period of 2.4, and 20 waves: twice as many as the places resolve.
    n, count, period = 16, 20, 2.4
    k = 2 * np.pi * np.arange(count) / period
    first, weights = waves.weights(k)
    side = np.empty((1, n // 2 + 1, 2))
    factor = parts(np.full(count, 1.0 / n, complex))
    for piece in (slice(0, 7), slice(7, count)):
        some = (first[piece], weights[piece], factor[piece], piece.start, n, side)
        spreading.gather_waves(0, 1, grid, *some)
    place = period / n * np.arange(n)
    wave = np.exp(1j * k[:, None, None] * (place[:, None] - p))
    truth = (2 * wave[1:].sum(axis=0).real + 1) @ y / n
    found = np.fft.irfft(side.view(complex)[0, :, 0], n=n) * n
    assert largest(found - truth, truth) < 1e-8  # measured 3e-10: eight moments


def test_wave_sums_are_the_waves_that_were_added():
    rng = np.random.default_rng(0)
    k = np.sort(rng.uniform(0, 30, 25))
    amplitude = rng.normal(size=(6, 25)) + 1j * rng.normal(size=(6, 25))
    total = WaveSum(6, 2.0, 30.0)
    total.add(k[:10], amplitude[:, :10])
    total.add(k[10:], amplitude[:, 10:])
    cells = total.cells(30.0)
    profiles = Backprojection(
        np.ones((3, 1)), np.zeros(1), 2.0, total.profiles(cells, 2, np.ones(3), 0)
    )
    p = np.linspace(-2, 2, 400)
    truth = (np.exp(1j * np.outer(p, k)) @ amplitude.T).real.reshape(400, 3, 2).sum(axis=1)
    assert largest(profiles(p[:, None]) - truth, truth) < 1e-10  # measured 3e-13
    assert 28 < total.band_above(1e-3) < 40
    part = Backprojection(np.ones((1, 1)), np.zeros(1), 2.0, total.profiles(cells, 2, [2.0], 1))
    truth = 2 * (np.exp(1j * np.outer(p, k)) @ amplitude[2:4].T).real
    assert largest(part(p[:, None]) - truth, truth) < 1e-10  # measured 4e-13


def test_blocks_cover_all_columns_once():
    for n in (1, 3, 17, 64, 1000):
        edges = blocks(n)
        assert edges[0][0] == 0 and edges[-1][1] == n
        assert all(a[1] == b[0] for a, b in pairwise(edges))


@pytest.mark.parametrize("bandwidth", [1e-300, 1e-16, 1e-8])
def test_slices_of_bandwidths_beyond_the_budget_are_refused(bandwidth):
    field = rf.SampleField([[0.0, 0.0], [1.0, 2.0]])
    eta = rf.activation("gaussian")
    with (
        rf.config(memory_budget=2**28),
        pytest.raises(rf.MemoryBudgetError, match="wave numbers of a field of radius"),
    ):
        rf.ParameterGrid.for_field(
            field, eta, rf.admissible_ridgelet(eta, 2), 1e-3, bandwidth=bandwidth
        )
