"""Irie-Funahashi and single-scale representations against the fields they represent."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.ridgelet.irie_funahashi import irie_funahashi_spectrum
from ridgeflow.ridgelet.single_scale import relu_spectrum, step_spectrum

LAWS = {
    1: rf.GaussianMixture([0.3, 0.7], [[-0.8], [0.6]], [0.2, 0.3]),
    2: rf.GaussianMixture(
        [0.3, 0.7],
        [[-0.8, 0.2], [0.6, -0.3]],
        [[[0.2, 0.05], [0.05, 0.3]], [[0.16, -0.03], [-0.03, 0.25]]],
    ),
    3: rf.GaussianMixture([0.4, 0.6], [[-0.4, 0.1, 0.0], [0.3, 0.0, 0.2]], [0.3, 0.4]),
}


def ball(center, radius, n, seed=0):
    rng = np.random.default_rng(seed)
    z = rng.normal(size=(n, len(center)))
    size = radius * rng.random((n, 1)) ** (1 / len(center))
    return center + size * z / np.linalg.norm(z, axis=1, keepdims=True)


def relative(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


def derivative(name, order=1):
    eta = rf.activation(name)
    for _ in range(order):
        eta = eta.derivative()
    return eta


@pytest.mark.parametrize(
    ("dim", "tol", "eta"),
    [
        (1, 1e-6, "gaussian"),  # measured 1.5e-7
        (1, 1e-6, "dsigmoid"),  # measured 1.3e-7
        (1, 1e-6, derivative("tanh")),  # measured 1.5e-7
        (1, 1e-6, derivative("gaussian")),  # measured 1.4e-7
        (1, 1e-3, derivative("arctan")),  # measured 1.3e-4
        (1, 1e-6, derivative("gelu", 2)),  # measured 1.5e-7
        (2, 1e-4, "gaussian"),  # measured 1.3e-5
        (2, 1e-4, "dsigmoid"),  # measured 1.7e-5
        (3, 3e-2, "gaussian"),  # measured 3.4e-3
    ],
    ids=str,
)
def test_irie_funahashi(dim, tol, eta):
    law = LAWS[dim]
    spectrum = irie_funahashi_spectrum(law, eta, tol=tol)
    x = ball(spectrum.grid.center, spectrum.grid.radius, 100)
    truth = law.pdf(x)
    assert relative(spectrum.reconstruct(x), truth) < tol
    assert relative(spectrum.reconstruct(x, method="direct"), truth) < tol
    a, b, c = spectrum.nodes()
    assert a.shape == (len(b), dim) and c.shape == b.shape


def test_irie_funahashi_weights_are_the_fourier_transform():
    law = rf.GaussianMixture([1.0], [[0.3, -0.1]], 0.25)
    spectrum = irie_funahashi_spectrum(law, "gaussian", tol=1e-3)
    a, b = spectrum.grid.a, spectrum.grid.b
    transform = np.exp(-1j * a @ [0.3, -0.1] - 0.125 * (a**2).sum(axis=1))
    response = np.sqrt(2 * np.pi) * np.exp(-0.5)
    expected = (transform * np.exp(1j * b)).real / (response * (2 * np.pi) ** 2)
    assert np.abs(spectrum.values - expected).max() < 1e-10  # measured 8e-12


def vector_field():
    axis = np.linspace(-4, 4, 65)
    law = LAWS[2]
    return rf.GridField.from_function(
        lambda x: np.stack([law.pdf(x), law.pdf(x + 0.3)], axis=1) + 1j * law.pdf(x - 0.2)[:, None],
        (axis, axis),
    )


@pytest.mark.parametrize("make", [step_spectrum, relu_spectrum, irie_funahashi_spectrum])
def test_complex_vector_fields(make):
    field = vector_field()
    extra = ("gaussian",) if make is irie_funahashi_spectrum else ()
    spectrum = make(field, *extra, tol=2e-2)
    inside = np.linalg.norm(field.points(), axis=1) < 3.0
    x = field.points()[inside][::5]
    truth = field.values.reshape(-1, 2)[inside][::5]
    assert spectrum.values.dtype == np.complex128
    for method in ("exact", "direct"):
        found = spectrum.reconstruct(x, method=method)
        assert found.shape == truth.shape
        assert relative(found, truth) < 2e-2  # measured 7e-3 (step), 2e-3 (ReLU)


@pytest.mark.parametrize("make", [step_spectrum, relu_spectrum])
@pytest.mark.parametrize(("dim", "tol"), [(1, 1e-3), (2, 1e-2), (3, 3e-2)])
def test_single_scale_networks_keep_their_tolerance_honestly(make, dim, tol):
    law = LAWS[dim]
    spectrum = make(law, tol=tol)
    x = ball(spectrum.center, spectrum.radius, 500)
    truth = law.pdf(x)
    exact = relative(spectrum.reconstruct(x), truth)
    assert exact < 1e-5  # measured 4e-7 (m = 3), 4e-8 (m = 2), 2e-9 (m = 1)
    error = relative(spectrum.reconstruct(x, method="direct"), truth)
    assert error < tol  # measured 2.7e-4, 4.0e-3, 8.2e-3 (step), 2.3e-4, 3.5e-3, 7.3e-4 (ReLU)
    assert error / 3 < spectrum.error.total < 10 * error  # measured ratios 0.9 to 1.3


def test_a_normal_density_within_forty():
    # m = 2: F ~ -1/(pi p^2) on both ends, C = 1/(4 pi), over the half circle: -1/(2 pi 40^2) where
    # the density has its peak 1/(2 pi); three times as much for ReLU.
    law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 1.0)
    step = step_spectrum(law, tol=1e-3, reach=40.0, step=0.1)
    relu = relu_spectrum(law, tol=1e-3, reach=40.0, step=0.05)
    peak = law.pdf([[0.0, 0.0]])[0]
    assert -step.tail_bias / peak == pytest.approx(1 / 1600, rel=3e-3)
    assert -relu.tail_bias / peak == pytest.approx(3 / 1600, rel=6e-3)
    x = ball([0.0, 0.0], 2.0, 200)
    off = relu.reconstruct(x, method="direct") - law.pdf(x)
    assert np.abs(off).max() / peak == pytest.approx(3 / 1600, rel=0.1)
    closed = relu.reconstruct(x, method="direct", tail=True) - law.pdf(x)
    assert np.abs(closed).max() / peak < 2e-4  # the broken line; measured 8e-5


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_the_tail_makes_any_range_do(dim):
    law = LAWS[dim]
    n = {1: 1, 2: 48, 3: 700}[dim]
    radius = relu_spectrum(law, tol=1e-2, n_directions=1, step=0.5).radius
    for reach in (radius, 2 * radius):
        spectrum = relu_spectrum(law, tol=1e-2, reach=reach, step=0.02, n_directions=n)
        x = ball(spectrum.center, 0.9 * spectrum.radius, 200)
        found = spectrum.reconstruct(x, method="direct", tail=True)
        # The quadrature of directions and the broken line remain.
        assert relative(found, spectrum.reconstruct(x)) < 1e-3  # measured 7e-5 at most


def test_halving_the_step_shows_the_order():
    law = LAWS[1]
    for make, order in ((step_spectrum, 1), (relu_spectrum, 2)):
        errors = [make(law, reach=4.0, step=h).error.offsets for h in (0.08, 0.04, 0.02, 0.01)]
        slope = np.polyfit(np.log([0.08, 0.04, 0.02, 0.01]), np.log(errors), 1)[0]
        assert order - 0.3 < slope < order + 0.5  # measured 1.00 and 2.00


def test_weights_of_odd_dimensions_are_local_derivatives():
    # m = 1: F = f; m = 3: F = -f'' of the projection.
    mean, variance = 0.2, 0.3
    p = np.linspace(-1, 1, 5)
    for dim in (1, 3):
        law = rf.GaussianMixture([1.0], [[mean] + [0.0] * (dim - 1)], variance)
        spectrum = step_spectrum(law, tol=1e-3, step=0.25, reach=5.0, n_directions=8)
        z = p / np.sqrt(variance)
        g = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi * variance)
        # Offsets count from the center, the mean, so the projection is a centred normal density.
        first = -z / variance**0.5 * g
        third = (3 * z - z**3) / variance**1.5 * g
        expected = first if dim == 1 else -third
        row = spectrum.values[3 % len(spectrum.directions)]
        at = np.rint((p - spectrum.offsets[0]) / 0.25).astype(int)
        assert np.allclose(spectrum.offsets[at], p, rtol=0, atol=1e-12)
        assert np.abs(row[at] - expected).max() < 1e-5 * np.abs(expected).max()  # measured 3e-7


def test_refusals():
    law = LAWS[2]
    for name in ("tanh", "relu", "cos", "linear", "sigmoid"):
        with pytest.raises(rf.AdmissibilityError, match=f"must be integrable, got '{name}'"):
            irie_funahashi_spectrum(law, name)
    with pytest.raises(rf.AdmissibilityError, match="a distribution"):
        irie_funahashi_spectrum(law, "dirac")
    with pytest.raises(rf.AdmissibilityError, match="must not vanish at the frequency 1"):
        irie_funahashi_spectrum(law, rf.Activation("gaussian", scale=0.0))
    with pytest.raises(TypeError, match="GridField or a GaussianMixture, got SampleField"):
        step_spectrum(rf.SampleField(np.zeros((3, 2))))
    with pytest.raises(ValueError, match=r"`tol` must lie in \(0, 1\)"):
        relu_spectrum(law, tol=0.0)
    with pytest.raises(ValueError, match="`reach` must cover the radius"):
        relu_spectrum(law, reach=1.0)
    with pytest.raises(ValueError, match="`step` must be positive"):
        relu_spectrum(law, step=-1.0)
    with pytest.raises(ValueError, match="`n_directions` must be at least 1"):
        relu_spectrum(law, n_directions=0)
    spectrum = relu_spectrum(law, tol=1e-2, n_directions=4, reach=6.0)
    with pytest.raises(rf.RegionError, match="must lie within 6"):
        spectrum.reconstruct([[9.0, 0.0]], method="direct")
    with pytest.raises(ValueError, match="did you mean 'direct'"):
        spectrum.reconstruct([[0.0, 0.0]], method="dirct")
    with pytest.raises(rf.RegionError, match="must lie within"):
        irie_funahashi_spectrum(law, "gaussian", tol=1e-2).reconstruct(
            [[9.0, 0.0]], method="direct"
        )
    with rf.config(memory_budget=2**20):
        with pytest.raises(rf.MemoryBudgetError, match="a representation by"):
            irie_funahashi_spectrum(law, "gaussian", tol=1e-6)
        with pytest.raises(rf.MemoryBudgetError, match="a spectrum of 60 x"):
            step_spectrum(law, tol=1e-2, n_directions=60)
