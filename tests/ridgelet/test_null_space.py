"""Ghosts and the projections of parameter distributions."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.profiles.admissibility import ridgelet_norm_constant
from ridgeflow.ridgelet.null_space import dual_transform, ghost, null_ridgelet
from ridgeflow.ridgelet.projection import minimum_norm, project_null, project_range
from ridgeflow.ridgelet.spectra.calculus import inner_product
from ridgeflow.ridgelet.spectra.spectrum import linear_combination

LAWS = {
    1: rf.GaussianMixture([0.3, 0.7], [[-0.8], [0.6]], [0.2, 0.3]),
    2: rf.GaussianMixture(
        [0.3, 0.7],
        [[-0.8, 0.2], [0.6, -0.3]],
        [[[0.2, 0.05], [0.05, 0.3]], [[0.16, -0.03], [-0.03, 0.25]]],
    ),
}
BEND = rf.activation("gaussian").derivative().derivative()
SLOPE = rf.activation("gaussian").derivative()


def relative(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def cosine(one, other):
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


def spectrum_of(dim, eta, tol, n_directions=None):
    eta = rf.activation(eta)
    psi = rf.admissible_ridgelet(eta, dim)
    grid = rf.ParameterGrid.for_field(LAWS[dim], eta, psi, tol, n_directions=n_directions)
    return eta, rf.ridgelet_transform(LAWS[dim], psi, grid)


def check_published_ghosts(n, tolerance):
    x = np.linspace(-1, 1, 201)
    f = np.sin(2 * np.pi * x)
    axis = np.linspace(-6, 6, n)
    grid = rf.ParameterGrid.cartesian([axis], axis)
    field = rf.GridField(f, (x,))
    for order, published in ((0, None), (1, -0.913), (2, None), (3, 0.985)):
        if published is None:
            spectrum = ghost("tanh", field, grid, order)
        else:
            spectrum = rf.ridgelet_transform(field, rf.Ridgelet(1, order), grid)
        found = dual_transform(spectrum, "tanh", x[:, None])
        if published is None:
            assert np.abs(found).max() < 1e-12  # measured 2e-15 (n = 121), 6e-15 (n = 601)
        else:
            assert abs(cosine(found, f) - published) < tolerance


def test_published_ghosts_on_a_coarse_grid():
    check_published_ghosts(121, 3e-3)  # measured -0.9149, 0.9853


@pytest.mark.slow
def test_published_ghosts():
    check_published_ghosts(601, 5e-4)  # measured -0.91315, 0.98493


@pytest.mark.parametrize("name", ["tanh", "relu", "gaussian", "softplus"])
def test_ghosts_are_invisible_and_large(name):
    eta, spectrum = spectrum_of(2, name, 1e-4)
    x = np.random.default_rng(0).normal(size=(200, 2)) * 0.6
    invisible = ghost(eta, LAWS[2], spectrum.grid)
    assert invisible.norm() > 0.5 * spectrum.norm()  # measured 0.74 (relu) to 3.3 (softplus)
    plain = rf.reconstruct(spectrum, eta, x)
    haunted = linear_combination([spectrum, invisible], [1.0, 10.0])
    # measured 1.4e-5 (relu) to 2.0e-5 (tanh), times 10
    assert relative(rf.reconstruct(haunted, eta, x), plain) < 1e-3
    by_parity = ghost(eta, LAWS[2], spectrum.grid, ridgelet=null_ridgelet(eta, 2))
    for method in ("auto", "direct"):
        # measured 0 and, of the polynomial part, 2e-8 (softplus)
        seen = dual_transform(by_parity, eta, x, method=method)
        assert np.abs(seen).max() < 1e-6 * abs(rf.admissibility(eta, spectrum.ridgelet))


@pytest.mark.parametrize("name", ["relu", "tanh", "gelu", "cos"])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_null_ridgelets(name, dim):
    rho = null_ridgelet(name, dim, by="combination")
    k = [rf.admissibility(name, psi) for psi in rho.ridgelets]
    assert abs(np.dot(k, rho.coefficients)) < 1e-12 * abs(k[0])
    one = null_ridgelet(name, dim)
    assert one.ridgelets[0].parity != rf.activation(name).parity
    z = np.linspace(-3, 3, 7)
    omega = 1.3
    t = np.arange(-40, 40, 0.02)
    quadrature = 0.02 * np.sum(rho(t) * np.exp(-1j * omega * t))
    assert abs(quadrature - rho.fourier(omega)) < 1e-9  # measured 4e-11
    assert rho(z).shape == z.shape


def test_dual_transform_agrees_with_the_reconstruction():
    x = np.random.default_rng(1).normal(size=(50, 2)) * 0.6
    for name in ("tanh", "gaussian", "sigmoid"):
        eta, spectrum = spectrum_of(2, name, 1e-4)
        constant = rf.admissibility(eta, spectrum.ridgelet)
        truth = rf.reconstruct(spectrum, eta, x)
        for method in ("fast", "direct"):
            found = dual_transform(spectrum, eta, x, method=method) / constant
            # measured 2e-10 (fast), 4e-7 (direct sum of tanh, whose transform outlasts the step)
            assert relative(found, truth) < 1e-5
    eta, spectrum = spectrum_of(2, "softplus", 1e-4)
    found = dual_transform(spectrum, eta, x) / rf.admissibility(eta, spectrum.ridgelet)
    assert relative(found, rf.reconstruct(spectrum, eta, x)) < 1e-5  # measured 8e-8


def test_dual_transform_of_the_other_parity_keeps_the_polynomial():
    # Half of the directions, doubled, against all of them.
    grid = rf.ParameterGrid.polar(1, 1, [0.5, 1.0, 2.0], 3.0, 0.4, margin=4.0)
    psi = rf.Ridgelet(1, 1)
    values = np.exp(-((grid.b - 0.3) ** 2)) * grid.a[:, 0]
    spectrum = rf.Spectrum(values, grid, psi)
    x = np.linspace(-1, 1, 9)[:, None]
    for name in ("relu", "relu2", "sigmoid", "tanh", "gaussian", "softplus"):
        eta = rf.activation(name)
        z = x @ grid.a.T - grid.b
        truth = 0.5 * (eta(z) - eta(-z)) @ (grid.weights * values)
        found = dual_transform(spectrum, eta, x, method="direct")
        assert np.allclose(found, truth, rtol=0, atol=1e-12)  # measured 1e-14


@pytest.mark.parametrize(("dim", "eta"), [(1, SLOPE), (1, BEND), (2, SLOPE), (2, BEND)], ids=str)
def test_projections(dim, eta):
    eta, spectrum = spectrum_of(dim, eta, 1e-3, n_directions=5)
    bare = rf.Spectrum(spectrum.values, spectrum.grid, spectrum.ridgelet)
    visible, hidden = project_range(bare, eta), project_null(bare, eta)
    assert np.allclose(visible.values + hidden.values, bare.values, rtol=0, atol=1e-15)
    again = project_range(visible, eta)
    # measured 4.4e-6, 5.6e-7 (m = 1), 1.3e-4, 2.1e-6 (m = 2)
    assert linear_combination([again, visible], [1, -1]).norm() < 3e-4 * visible.norm()
    assert project_range(hidden, eta).norm() < 1e-4 * bare.norm()  # measured 4e-5 at most
    cross = abs(inner_product(visible, hidden))
    assert cross < 1e-6 * visible.norm() * hidden.norm()  # measured 6e-8 at most
    assert visible.norm() < 0.9 * bare.norm()
    x = np.random.default_rng(0).normal(size=(100, dim)) * 0.6
    whole = dual_transform(bare, eta, x)
    for method in ("fast", "direct"):
        left = np.linalg.norm(dual_transform(hidden, eta, x, method=method))
        assert left < 1e-10 * np.linalg.norm(whole)  # measured 2e-12 at most
    assert relative(rf.reconstruct(visible, eta, x), rf.reconstruct(bare, eta, x)) < 1e-10


@pytest.mark.parametrize(("dim", "eta"), [(1, SLOPE), (2, BEND)], ids=str)
def test_the_least_norm_is_the_closed_form(dim, eta):
    eta, spectrum = spectrum_of(dim, eta, 1e-5, n_directions=4)
    n = eta.order
    own = rf.Ridgelet(
        dim,
        n,
        family="power",
        parity=eta.parity,
        amplitude=np.sqrt(2 * np.pi) * (-1.0) ** (n // 2),
    )
    z = np.linspace(-3, 3, 7)
    assert np.allclose(own(z), eta(z), rtol=0, atol=1e-13)
    factor = rf.admissibility(eta, spectrum.ridgelet) / ridgelet_norm_constant(own)
    closed = factor * rf.ridgelet_transform(LAWS[dim], own, spectrum.grid).values
    truth = rf.Spectrum(closed, spectrum.grid, spectrum.ridgelet)
    found = minimum_norm(spectrum, eta)
    # The cut of the scales: measured 6e-3 (m = 1), 3e-4 (m = 2).
    assert linear_combination([found, truth], [1, -1]).norm() < 1e-2 * truth.norm()


@pytest.mark.parametrize("name", ["tanh", "relu"])
def test_projection_among_the_scales_of_the_grid(name):
    eta, spectrum = spectrum_of(1, name, 1e-2)
    grid = rf.ParameterGrid.polar(
        1,
        1,
        spectrum.grid.scales,
        6.0,
        spectrum.grid.step,
        margin=16.0,
        center=spectrum.grid.center,
    )
    spectrum = rf.ridgelet_transform(LAWS[1], spectrum.ridgelet, grid)
    visible = project_range(spectrum, eta, truncated=True)
    hidden = project_null(spectrum, eta, truncated=True)
    assert visible.norm() < 0.05 * spectrum.norm()  # measured 0.029 (tanh), 0.046 (relu)
    cross = abs(inner_product(visible, hidden))
    # measured 4e-11 (tanh), 3e-7 (relu)
    assert cross < 3e-6 * visible.norm() * hidden.norm()
    if name == "tanh":
        x = np.linspace(-1.5, 1.5, 61)[:, None]
        left = dual_transform(hidden, eta, x)
        whole = dual_transform(spectrum, eta, x)
        assert np.linalg.norm(left) < 1e-3 * np.linalg.norm(whole)  # measured 1.3e-4


def test_a_spectrum_of_the_other_parity_is_all_hidden():
    eta, spectrum = spectrum_of(1, SLOPE, 1e-2)
    other = rf.ridgelet_transform(LAWS[1], spectrum.ridgelet.derivative(), spectrum.grid)
    assert project_range(other, eta).norm() == 0
    assert np.array_equal(project_null(other, eta).values, other.values)


def test_complex_vectors_are_projected_by_component():
    eta, spectrum = spectrum_of(1, BEND, 1e-2)
    one = spectrum.values
    both = rf.Spectrum(np.stack([one, 2j * one], axis=1), spectrum.grid, spectrum.ridgelet)
    found = project_range(both, eta).values
    single = project_range(spectrum, eta).values
    size = np.abs(single).max()
    assert np.abs(found[:, 0] - single).max() < 1e-13 * size
    assert np.abs(found[:, 1] - 2j * single).max() < 1e-13 * size
    x = np.array([[0.1], [0.4]])
    dual = dual_transform(both, eta, x)
    assert dual.shape == (2, 2)
    assert np.allclose(dual[:, 1], 2j * dual[:, 0], rtol=1e-12)


def test_refusals():
    eta, spectrum = spectrum_of(1, "tanh", 1e-2)
    law, grid = LAWS[1], spectrum.grid
    for name in ("tanh", "relu", "gaussian"):
        with pytest.raises(rf.AdmissibilityError, match=r"\|omega\|\^-\d at the origin.*truncated"):
            project_range(spectrum, name)
    with pytest.raises(rf.AdmissibilityError, match="at infinity"):
        project_range(spectrum, rf.activation("step").derivative().derivative())
    for name in ("cos", "linear"):
        with pytest.raises(rf.AdmissibilityError, match="transform that is a function"):
            minimum_norm(spectrum, name, truncated=True)
    plain = rf.Spectrum([1.0], rf.ParameterGrid.nodes([[1.0]], [0.0]), spectrum.ridgelet)
    with pytest.raises(ValueError, match="`spectrum` must have a polar grid"):
        project_null(plain, SLOPE)
    with pytest.raises(ValueError, match="dual transform needs quadrature weights"):
        dual_transform(plain, "tanh", [[0.0]])
    with pytest.raises(ValueError, match="method 'fast' needs a polar grid and an activation"):
        dual_transform(spectrum, "relu", [[0.0]], method="fast")
    with pytest.raises(ValueError, match="`order` and `ridgelet` exclude each other"):
        ghost(eta, law, grid, 2, ridgelet=rf.Ridgelet(1, 2))
    with pytest.raises(ValueError, match="`ridgelet` must not be seen by 'tanh', got K ="):
        ghost(eta, law, grid, 1)
    with pytest.raises(rf.AdmissibilityError, match="zero K"):
        null_ridgelet("linear", 2)
    with pytest.raises(ValueError, match="`by` must be one of parity, combination"):
        null_ridgelet("tanh", 2, by="luck")
    with pytest.warns(rf.AccuracyWarning, match="beyond the last offsets"):
        project_range(spectrum_of(1, "gaussian", 1e-2)[1], "gaussian", truncated=True)
