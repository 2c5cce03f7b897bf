"""Results have the same bits for any number of BLAS threads and of the library's own."""

import warnings

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

import ridgeflow as rf
from ridgeflow._products import product
from ridgeflow.radon_transform.fourier_slices import fourier_slices

LAW = rf.GaussianMixture([0.4, 0.6], [[-0.3, 0.1], [0.2, 0.0]], [0.05, 0.1])
AXIS = np.linspace(-2, 2, 48)
FIELD = rf.GridField.from_function(LAW.pdf, (AXIS, AXIS))
U, W = rf.directions(2, 300)


def projected():
    psi = rf.admissible_ridgelet("tanh", 2)
    grid = rf.ParameterGrid.polar(2, 60, np.geomspace(0.3, 6, 8), 2.0, 0.4)
    spectrum = rf.ridgelet_transform(LAW, psi, grid)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)  # tails beyond a small grid
        return rf.project_range(spectrum, "tanh", truncated=True).values


def inner():
    psi = rf.admissible_ridgelet("tanh", 2)
    grid = rf.ParameterGrid.polar(2, 120, np.geomspace(0.3, 6, 20), 2.0, 0.2)
    spectrum = rf.ridgelet_transform(LAW, psi, grid)
    found = [rf.inner_product(spectrum, spectrum), spectrum.norm()]
    return np.array([*found, rf.dual_potential(rf.gradient_spectrum(spectrum)).residual])


CALLS = {
    "inner products": inner,
    "projection": projected,
    "slices": lambda: fourier_slices(FIELD, U, np.zeros(2), 1e-6).at(np.linspace(0, 20, 400)),
    "single scale": lambda: rf.relu_spectrum(LAW, tol=1e-2).values,
    "radon": lambda: rf.radon(FIELD, U, np.linspace(-3, 3, 300)),
    "inverse": lambda: rf.radon_inverse(
        np.ones((300, 300)), U, np.linspace(-3, 3, 300), (AXIS, AXIS), weights=W
    ),
    "samples": lambda: rf.radon(
        rf.SampleField(LAW.sample(500, rng=0)), U, np.linspace(-4, 4, 300), bandwidth=0.05
    ),
}


@pytest.mark.parametrize("name", CALLS)
def test_bits_do_not_depend_on_threads(name):
    with threadpool_limits(1, user_api="blas"), rf.config(threads=1):
        expected = CALLS[name]()
    for blas, own in ((2, 1), (2, 2), (4, 3)):
        with threadpool_limits(blas, user_api="blas"), rf.config(threads=own):
            assert np.array_equal(CALLS[name](), expected)


@pytest.mark.parametrize(
    ("m", "k", "n"), [(1, 1, 1), (200, 500, 300), (5, 2000, 2000), (700, 3, 2), (256, 9, 257)]
)
def test_products_are_those_of_numpy(m, k, n):
    rng = np.random.default_rng(0)
    for kind in (np.float64, np.float32, np.complex128):
        a, b = rng.normal(size=(m, k)).astype(kind), rng.normal(size=(k, n)).astype(kind)
        found = product(a, b)
        assert found.dtype == kind
        size = np.finfo(kind).eps * np.linalg.norm(a) * np.linalg.norm(b)
        assert np.abs(found - a @ b).max() <= size
        assert np.abs(product(a, b[:, 0]) - a @ b[:, 0]).max() <= size
        with threadpool_limits(2, user_api="blas"):
            assert np.array_equal(product(a, b), found)
