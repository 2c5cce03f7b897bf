"""Gradient, Laplacian and potential of spectra against closed forms."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.closed_forms import ridgelet_gaussian_mixture_gradient
from ridgeflow.profiles.admissibility import ridgelet_norm_constant
from ridgeflow.ridgelet.errors.diagnostics import mixture_norm_square
from ridgeflow.ridgelet.grids.comparison import same_grid
from ridgeflow.ridgelet.spectra.calculus import (
    dual_potential,
    gradient_spectrum,
    inner_product,
    laplacian_spectrum,
)
from ridgeflow.ridgelet.spectra.spectrum import linear_combination

LAWS = {
    1: rf.GaussianMixture([0.3, 0.7], [[-0.8], [0.6]], [0.2, 0.3]),
    2: rf.GaussianMixture(
        [0.3, 0.7],
        [[-0.8, 0.2], [0.6, -0.3]],
        [[[0.2, 0.05], [0.05, 0.3]], [[0.16, -0.03], [-0.03, 0.25]]],
    ),
    3: rf.GaussianMixture([0.4, 0.6], [[-0.4, 0.1, 0.0], [0.3, 0.0, 0.2]], [0.3, 0.4]),
}
SCALES = np.geomspace(0.02, 20, 25)


def spectrum_of(dim, name="tanh", step=0.35, margin=12.0, scales=SCALES):
    psi = rf.admissible_ridgelet(name, dim)
    grid = rf.ParameterGrid.polar(dim, 5, scales, 4.0, step, margin=margin)
    return rf.ridgelet_transform(LAWS[dim], psi, grid)


def gap(found, truth):
    return np.abs(found - truth).max() / np.abs(truth).max()


def true_gradient(spectrum):
    law, grid = LAWS[spectrum.dim], spectrum.grid
    return ridgelet_gaussian_mixture_gradient(
        grid.a, grid.b, spectrum.ridgelet, law.weights, law.means, law.covariances
    )


@pytest.mark.parametrize("name", ["tanh", "relu"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_derivatives_are_exact(dim, name):
    spectrum = spectrum_of(dim, name)
    gradient = gradient_spectrum(spectrum)
    assert gradient.values.shape == (spectrum.grid.size, dim)
    assert gap(gradient.values, true_gradient(spectrum)) < 1e-10  # measured 1.4e-12 at most
    second = spectrum.ridgelet.derivative().derivative()
    square = (spectrum.grid.a**2).sum(axis=1)
    bend = square * rf.ridgelet_transform(LAWS[dim], second, spectrum.grid).values
    assert gap(laplacian_spectrum(spectrum).values, bend) < 1e-10  # measured 1.4e-12 at most
    potential, residual = dual_potential(gradient)
    assert gap(potential.values, spectrum.values) < 1e-10  # measured 2.5e-12 at most
    assert residual < 1e-14  # measured 1.3e-16


@pytest.mark.parametrize("tol", [1e-3, 1e-6])
def test_derivatives_on_chosen_grids(tol):
    eta, psi = rf.activation("tanh"), rf.admissible_ridgelet("tanh", 2)
    grid = rf.ParameterGrid.for_field(LAWS[2], eta, psi, tol, n_directions=5)
    spectrum = rf.ridgelet_transform(LAWS[2], psi, grid)
    # measured 2.2e-6 and 1.9e-9
    assert gap(gradient_spectrum(spectrum).values, true_gradient(spectrum)) < 0.01 * tol


def test_reconstruction_of_the_gradient():
    law, eta = LAWS[2], rf.activation("tanh")
    psi = rf.admissible_ridgelet(eta, 2)
    grid = rf.ParameterGrid.for_field(law, eta, psi, 1e-5)
    spectrum = rf.ridgelet_transform(law, psi, grid)
    x = np.random.default_rng(0).normal(size=(200, 2)) * 0.6
    truth = law.pdf(x)[:, None] * law.score(x)
    found = rf.reconstruct(gradient_spectrum(spectrum), eta, x)
    assert gap(found, truth) < 1e-4  # measured 5e-6


def test_cartesian_and_complex_spectra():
    axis = np.linspace(-4, 4, 65)
    law = LAWS[1]
    psi = rf.admissible_ridgelet("tanh", 1)
    field = rf.GridField(law.pdf(axis[:, None]) * (1 + 0.5j), (axis,))
    grid = rf.ParameterGrid.cartesian([np.linspace(-3, 3, 13)], np.arange(-25, 25.1, 0.3))
    spectrum = rf.ridgelet_transform(field, psi, grid)
    gradient = gradient_spectrum(spectrum)
    assert gap(gradient.values, (1 + 0.5j) * true_gradient(spectrum)) < 1e-9  # measured 6e-14
    potential, residual = dual_potential(gradient)
    # At a = 0 a gradient tells nothing of its potential.
    seen = grid.a[:, 0] != 0
    assert gap(potential.values[seen], spectrum.values[seen]) < 1e-9  # measured 4e-14
    assert np.abs(potential.values[~seen]).max() < 1e-12
    assert residual < 1e-14


def test_the_residual_is_the_share_that_is_no_gradient():
    spectrum = spectrum_of(2)
    gradient = gradient_spectrum(spectrum)
    turned = rf.Spectrum(gradient.values[:, ::-1] * [1.0, -1.0], spectrum.grid, spectrum.ridgelet)
    mixed = linear_combination([gradient, turned], [3.0, 4.0])
    potential, residual = dual_potential(mixed)
    assert abs(residual - 0.8) < 1e-12  # measured 0
    assert gap(potential.values, 3 * spectrum.values) < 1e-10  # measured 8e-14
    zero = linear_combination([gradient, gradient], [1.0, -1.0])
    assert dual_potential(zero).residual == 0.0


def test_plancherel():
    law, eta = LAWS[1], rf.activation("gaussian")
    psi = rf.admissible_ridgelet(eta, 1)
    grid = rf.ParameterGrid.for_field(law, eta, psi, 1e-9)
    spectrum = rf.ridgelet_transform(law, psi, grid)
    expected = ridgelet_norm_constant(psi) * mixture_norm_square(law)
    assert abs(inner_product(spectrum, spectrum) / expected - 1) < 1e-12  # measured 7e-16
    assert abs(spectrum.norm() ** 2 / expected - 1) < 1e-12
    # -<f, f''> = |f'|^2
    bend = inner_product(laplacian_spectrum(spectrum), spectrum)
    assert abs(gradient_spectrum(spectrum).norm() ** 2 / -bend - 1) < 1e-12  # measured 3e-16


def test_inner_products():
    spectrum = spectrum_of(2)
    twice = linear_combination([spectrum], [2j])
    assert np.iscomplexobj(twice.values)
    product = inner_product(twice, spectrum)
    assert product == pytest.approx(2j * spectrum.norm() ** 2, rel=1e-13)
    assert inner_product(spectrum, twice) == pytest.approx(np.conj(product), rel=1e-13)
    gradient = gradient_spectrum(spectrum)
    parts = [rf.Spectrum(v, spectrum.grid, spectrum.ridgelet) for v in gradient.values.T]
    apart = sum(inner_product(p, p) for p in parts)
    assert inner_product(gradient, gradient) == pytest.approx(apart, rel=1e-13)
    # Over all directions an even times an odd function integrates to nothing.
    other = rf.ridgelet_transform(LAWS[2], spectrum.ridgelet.derivative(), spectrum.grid)
    assert inner_product(spectrum, other) == 0.0
    assert abs(np.sum(spectrum.grid.weights * spectrum.values * other.values)) > 0


def test_linear_combinations_are_spectra_of_combinations():
    one, other = rf.GaussianMixture([1.0], [[0.3]], 0.2), rf.GaussianMixture([1.0], [[-0.5]], 0.3)
    both = rf.GaussianMixture([0.25, 0.75], [[0.3], [-0.5]], [0.2, 0.3])
    grid = rf.ParameterGrid.polar(1, 1, SCALES, 4.0, 0.4)
    psi = rf.Ridgelet(1, 3)
    parts = [rf.ridgelet_transform(law, psi, grid) for law in (one, other)]
    found = linear_combination(parts, [0.25, 0.75])
    assert gap(found.values, rf.ridgelet_transform(both, psi, grid).values) < 1e-14
    single = rf.Spectrum(parts[0].values.astype(np.float32), grid, psi)
    assert linear_combination([single, single], [1, 2]).values.dtype == np.float32
    assert gradient_spectrum(single, tol=0.1).values.dtype == np.float32


def test_refusals():
    spectrum = spectrum_of(2, scales=[0.5, 1.0])
    gradient = gradient_spectrum(spectrum)
    psi = spectrum.ridgelet
    plain = rf.Spectrum([1.0], rf.ParameterGrid.nodes([[1.0, 0.0]], [0.0]), psi)
    with pytest.raises(ValueError, match="needs a scalar spectrum"):
        gradient_spectrum(gradient)
    for function in (gradient_spectrum, laplacian_spectrum):
        with pytest.raises(ValueError, match="needs lines of equally spaced offsets"):
            function(plain)
    with pytest.raises(ValueError, match="field with 2 components"):
        dual_potential(spectrum)
    with pytest.raises(ValueError, match="`tol` must be positive"):
        gradient_spectrum(spectrum, tol=0.0)
    with pytest.raises(ValueError, match=r"`coefficients` must hold one number .* got 1 for 2"):
        linear_combination([spectrum, spectrum], [1.0])
    with pytest.raises(ValueError, match=r"`spectra\[1\]` must lie on the grid"):
        linear_combination([spectrum, plain], [1.0, 1.0])
    with pytest.raises(ValueError, match=r"`spectra\[1\]` must have the components"):
        linear_combination([spectrum, gradient], [1.0, 1.0])
    other = rf.Spectrum(spectrum.values, spectrum.grid, psi.derivative())
    with pytest.raises(ValueError, match=r"`spectra\[1\]` must have the ridgelet"):
        linear_combination([spectrum, other], [1.0, 1.0])
    with pytest.raises(ValueError, match="`coefficients` must not be empty"):
        linear_combination([], [])
    with pytest.raises(ValueError, match="needs quadrature weights"):
        inner_product(plain, plain)
    with pytest.raises(ValueError, match="`second` must lie on the grid"):
        inner_product(spectrum, plain)


def test_grids_that_cannot_carry_a_derivative_warn():
    with pytest.warns(rf.AccuracyWarning, match=r"step 1 of the offsets .* smaller step"):
        gradient_spectrum(spectrum_of(2, step=1.0))
    with pytest.warns(rf.AccuracyWarning, match=r"before the spectrum has decayed .* margin"):
        laplacian_spectrum(spectrum_of(2, margin=3.0))


def test_grids_are_compared_by_their_nodes():
    grid = spectrum_of(1).grid
    again = rf.ParameterGrid.polar(1, 5, SCALES, 4.0, 0.35, margin=12.0)
    assert same_grid(grid, again)
    assert not same_grid(grid, rf.ParameterGrid.polar(1, 5, SCALES, 4.0, 0.35, margin=11.0))
    axes = [np.arange(3.0)], np.arange(4.0)
    assert same_grid(rf.ParameterGrid.cartesian(*axes), rf.ParameterGrid.cartesian(*axes))
    assert not same_grid(
        rf.ParameterGrid.cartesian(*axes),
        rf.ParameterGrid.cartesian([np.arange(3.0) + 1], np.arange(4.0)),
    )
    assert not same_grid(grid, rf.ParameterGrid.nodes([[1.0]], [0.0]))
