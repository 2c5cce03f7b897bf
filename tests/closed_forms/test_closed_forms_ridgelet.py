"""Ridgelet pairs against quadrature of the definition and of the Fourier slice formula."""

import numpy as np
import pytest
from reference import grid_ridgelet
from scipy.integrate import quad
from scipy.special import gamma, hyp1f1

from ridgeflow import closed_forms as cf
from ridgeflow import config
from ridgeflow.errors import MemoryBudgetError
from ridgeflow.profiles.ridgelet import Ridgelet


def gap(got, want):
    """Largest difference relative to the largest value."""
    return np.abs(got - want).max() / np.abs(want).max()


def profiles(dim):
    return [
        Ridgelet(dim, 0),
        Ridgelet(dim, 1),
        Ridgelet(dim, 2),
        Ridgelet(dim, 3),
        Ridgelet(dim, 2.5, family="power"),
        Ridgelet(dim, 4, family="power"),
        Ridgelet(dim, 3, family="power", parity="odd"),
    ]


def name(psi):
    return f"{psi.family}-{psi.order}-{psi.parity}"


def laws(dim):
    rng = np.random.default_rng(dim)
    factor = rng.normal(size=(2, dim, dim)) * 0.15
    cov = factor @ np.swapaxes(factor, 1, 2) + 0.25 * np.eye(dim)
    return np.array([0.7, -0.4]), rng.normal(size=(2, dim)) * 0.5, cov


def nodes(dim):
    rng = np.random.default_rng(10 + dim)
    a = rng.normal(size=(6, dim)) * np.array([0.0, 0.1, 1.0, 1.0, 2.0, 5.0])[:, None]
    return a, rng.uniform(-2, 2, 6)


GRIDS = {1: np.linspace(-6, 6, 601), 2: np.linspace(-5, 5, 161), 3: np.linspace(-5.5, 5.5, 80)}


def grid_values(dim, weights, means, covariances):
    axes = [GRIDS[dim]] * dim
    x = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, dim)
    density = np.zeros(len(x))
    gradient = np.zeros((len(x), dim))
    for w, m, s in zip(weights, means, covariances, strict=True):
        inverse = np.linalg.inv(s)
        d = x - m
        f = np.exp(-0.5 * np.einsum("ni,ij,nj->n", d, inverse, d))
        f *= w / np.sqrt(np.linalg.det(2 * np.pi * s))
        density += f
        gradient -= f[:, None] * (d @ inverse)
    shape = (len(GRIDS[dim]),) * dim
    return axes, density.reshape(shape), gradient.reshape(*shape, dim)


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_mixture_spectrum_is_the_integral(dim):
    law = laws(dim)
    axes, density, gradient = grid_values(dim, *law)
    a, b = nodes(dim)
    for psi in profiles(dim) if dim < 3 else profiles(dim)[::2]:
        got = cf.ridgelet_gaussian_mixture(a, b, psi, *law)
        want = grid_ridgelet(density, axes, a, b, psi)
        # measured 2e-14, 4e-14, 8e-12 (the grid) for m = 1, 2, 3
        assert gap(got, want) < (1e-12 if dim < 3 else 1e-10), name(psi)
        got = cf.ridgelet_gaussian_mixture_gradient(a, b, psi, *law)
        want = grid_ridgelet(gradient, axes, a, b, psi)
        assert got.shape == (6, dim)
        # measured 2e-14, 1.4e-12, 9e-11 (the grid)
        assert gap(got, want) < (2e-11 if dim < 3 else 1e-9), name(psi)


def by_slices(fourier, psi, a, b):
    """(1/2π) ∫ f̂(ωa) conj ψ̂(ω) exp(iωb) dω by Gauss-Legendre on each half line."""
    x, w = np.polynomial.legendre.leggauss(600)
    omega = np.concatenate([-6 * (x + 1), 6 * (x + 1)])
    weight = 6 * np.concatenate([w, w]) * np.conj(psi.fourier(omega)) / (2 * np.pi)
    rows = [
        np.sum(weight * fourier(omega[:, None] * aj) * np.exp(1j * omega * bj))
        for aj, bj in zip(a, b, strict=True)
    ]
    return np.array(rows)


@pytest.mark.parametrize("dim", [1, 2, 4])
def test_normal_spectrum_obeys_the_slice_formula(dim):
    _, means, covariances = laws(dim)
    mean, cov = means[0], covariances[0]
    a, b = nodes(dim)
    for psi in profiles(dim):
        got = cf.ridgelet_gaussian(a, b, psi, mean, cov)
        want = by_slices(lambda xi: cf.fourier_gaussian(xi, mean, cov), psi, a, b)
        # measured 2e-14
        assert gap(got, want) < 1e-12, name(psi)


@pytest.mark.parametrize("s", [1.0, 2.0, 2.5, 4.0])
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_free_order_form_of_the_unnormalised_gaussian(dim, s):
    _, means, covariances = laws(dim)
    mean, cov = means[0], covariances[0]
    a, b = nodes(dim)
    c = (1 + np.einsum("pi,ij,pj->p", a, cov, a)) / 2
    z = b - a @ mean
    mass = (2 * np.pi) ** (dim / 2) * np.sqrt(np.linalg.det(cov))
    height = mass / (2 * np.pi) * gamma((s + 1) / 2)
    want = height * c ** (-(s + 1) / 2) * hyp1f1((s + 1) / 2, 0.5, -(z**2) / (4 * c))
    psi = Ridgelet(dim, s, family="power")
    assert gap(mass * cf.ridgelet_gaussian(a, b, psi, mean, cov), want) < 1e-13  # measured 1.1e-15


def test_many_components_are_summed_in_chunks():
    rng = np.random.default_rng(3)
    k, dim, psi = 2500, 2, Ridgelet(2, 2)
    w, mu, v = rng.normal(size=k), rng.normal(size=(k, dim)), rng.uniform(0.1, 0.5, k)
    a, b = nodes(dim)
    got = cf.ridgelet_gaussian_mixture(a, b, psi, w, mu, v)
    spread = 1 + (a**2).sum(axis=1)[:, None] * v
    want = (spread ** (-2.5) * psi((a @ mu.T - b[:, None]) / np.sqrt(spread))) @ w
    assert gap(got, want) < 1e-13  # measured 5e-16
    shared = cf.ridgelet_gaussian_mixture(a, b, psi, w, mu, 0.3)
    alone = cf.ridgelet_gaussian_mixture(a, b, psi, w, mu, np.full(k, 0.3))
    assert gap(shared, alone) < 1e-14  # measured 0


@pytest.mark.parametrize(
    "psi",
    [
        Ridgelet(1, 0),
        Ridgelet(1, 1),
        Ridgelet(1, 2),
        Ridgelet(1, 0.5, family="power"),
        Ridgelet(1, 0.5, family="power", parity="odd"),
        Ridgelet(1, 1, family="power"),
        Ridgelet(1, 1, family="power", parity="odd"),
        Ridgelet(1, 2.3, family="power"),
        Ridgelet(1, 2.3, family="power", parity="odd"),
        Ridgelet(1, 1, family="power").derivative(),
        Ridgelet(1, 2.3, family="power").derivative().derivative(),
    ],
    ids=name,
)
def test_interval_against_quadrature(psi):
    p, q = -0.4, 1.1
    a = np.array([0.0, 1e-9, 0.3, -0.6, 2 / 3 - 1e-12, 2 / 3 + 1e-12, 1.5, -4.0, 17.0, 40.0])
    b = np.array([0.5, 0.0, -0.7, 1.0, 0.2, 0.2, 3.0, -1.0, 2.0, -15.0])
    x, w = np.polynomial.legendre.leggauss(400)
    x = (p + q) / 2 + (q - p) / 2 * x
    want = [(q - p) / 2 * np.sum(w * psi(s * x - o)) for s, o in zip(a, b, strict=True)]
    got = cf.ridgelet_interval(a, b, psi, p, q)
    assert gap(got, want) < 1e-12  # measured 1.4e-14
    assert (cf.ridgelet_interval(a[:, None], b, psi, p, q) == got).all()


@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_ellipsoid_obeys_the_slice_formula(dim):
    rng = np.random.default_rng(20 + dim)
    axes = np.linalg.qr(rng.normal(size=(dim, dim)))[0]
    center, semi = rng.normal(size=dim) * 0.3, rng.uniform(0.3, 1.0, dim)
    a, b = nodes(dim)
    a[-1] *= 5
    b[-1] = a[-1] @ center + 3
    for psi in profiles(dim):
        got = cf.ridgelet_ellipsoid(a, b, psi, center, axes, semi)
        want = by_slices(lambda xi: cf.fourier_ellipsoid(xi, center, axes, semi), psi, a, b)
        # measured 2e-14
        assert gap(got, want) < 1e-12, name(psi)


def test_ellipsoid_on_the_line_is_the_interval():
    a, b = nodes(1)
    psi = Ridgelet(1, 2)
    got = cf.ridgelet_ellipsoid(a * 20, b, psi, [0.35], None, [0.75])
    want = cf.ridgelet_interval(a * 20, b, psi, -0.4, 1.1)
    assert gap(got, want) < 1e-13  # measured 6e-16


@pytest.mark.parametrize("cycles", [1, 3])
def test_fourier_of_a_sine(cycles):
    k = 2 * np.pi * cycles
    xi = np.array([0.0, 1.0, -2.5, k, -k, 6.3, 40.0])
    for x, got in zip(xi, cf.fourier_sine(xi, cycles=cycles), strict=True):
        # sin(2πnx) is odd: only −i sin(ξx) of the exponential contributes.
        want = quad(lambda s, x=x: -np.sin(k * s) * np.sin(x * s), -1, 1, limit=200)[0]
        assert abs(got - 1j * want) < 1e-15  # measured 6e-17
    assert cf.fourier_sine(1.0).imag == pytest.approx(4 * np.pi * np.sin(1) / (4 * np.pi**2 - 1))


def test_sine_spectrum_through_its_fourier_transform():
    psi = Ridgelet(1, 1)
    a, b = nodes(1)
    x, w = np.polynomial.legendre.leggauss(300)
    want = [
        np.sum(w * np.sin(2 * np.pi * x) * psi(s * x - o)) for s, o in zip(a[:, 0], b, strict=True)
    ]
    got = by_slices(lambda xi: cf.fourier_sine(xi[:, 0]), psi, a, b)
    assert gap(got, want) < 1e-12  # measured 3e-14


def test_single_precision_is_kept():
    a, b = nodes(2)
    law = laws(2)
    a32, b32 = a.astype(np.float32), b.astype(np.float32)
    psi = Ridgelet(2, 2)
    for call in (cf.ridgelet_gaussian_mixture, cf.ridgelet_gaussian_mixture_gradient):
        assert call(a32, b32, psi, *law).dtype == np.float32
        assert call(a32, b, psi, *law).dtype == np.float64
    assert cf.ridgelet_ellipsoid(a32, b32, psi, [0, 0], None, [1, 1]).dtype == np.float32
    assert cf.ridgelet_interval(a32[:, 0], b32, Ridgelet(1, 1), 0, 1).dtype == np.float32
    assert cf.fourier_sine(b32).dtype == np.complex64


def test_one_thread_equals_many():
    rng = np.random.default_rng(4)
    a, b = rng.normal(size=(3000, 2)), rng.normal(size=3000)
    args = (a, b, Ridgelet(2, 2), rng.normal(size=50), rng.normal(size=(50, 2)), 0.2)
    with config(threads=1):
        one = cf.ridgelet_gaussian_mixture(*args)
    with config(threads=3):
        assert (cf.ridgelet_gaussian_mixture(*args) == one).all()


A, B, PSI = [[1.0, 0.0]], [0.0], Ridgelet(2, 1)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: cf.ridgelet_gaussian(A, B, "relu", [0, 0], 1.0),
            TypeError,
            "`ridgelet` must be a Ridgelet, got str",
        ),
        (
            lambda: cf.ridgelet_gaussian(A, B, Ridgelet(3, 1), [0, 0], 1.0),
            ValueError,
            "`ridgelet` must have dim 2, the dimension of the function, got 3",
        ),
        (
            lambda: cf.ridgelet_gaussian([[1.0]], B, PSI, [0, 0], 1.0),
            ValueError,
            r"`a` must have shape \(n, 2\), got \(1, 1\)",
        ),
        (
            lambda: cf.ridgelet_gaussian(A, [0.0, 1.0], PSI, [0, 0], 1.0),
            ValueError,
            r"must agree in their first length, got `a` \(1, 2\), `b` \(2,\)",
        ),
        (
            lambda: cf.ridgelet_gaussian(A, B, PSI, [0, 0], [[1, 1], [1, 1]]),
            ValueError,
            "`covariance` must be positive definite",
        ),
        (
            lambda: cf.ridgelet_gaussian_mixture_gradient(A, B, PSI, [1.0], [[0, 0]], 0.0),
            ValueError,
            "`covariances` must be positive definite, got a least eigenvalue of 0",
        ),
        (
            lambda: cf.ridgelet_interval([1.0], B, Ridgelet(1, 1), 1.0, 1.0),
            ValueError,
            "`left` must be less than `right`, got 1 and 1",
        ),
        (
            lambda: cf.ridgelet_interval([1.0], B, PSI, 0.0, 1.0),
            ValueError,
            "`ridgelet` must have dim 1",
        ),
        (
            lambda: cf.ridgelet_ellipsoid(A, B, PSI, [0, 0], None, [1, -1]),
            ValueError,
            "`semi_axes` must be positive, got a least of -1",
        ),
        (
            lambda: cf.fourier_sine([1.0], cycles=0),
            ValueError,
            "`cycles` must be at least 1, got 0",
        ),
        (lambda: cf.fourier_sine([1.0], cycles=0.5), TypeError, "`cycles` must be an integer"),
    ],
)
def test_refusals(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_memory_is_refused_with_its_size():
    b = np.zeros(200_000)
    with config(memory_budget=2**20), pytest.raises(MemoryBudgetError, match="the spectrum needs"):
        cf.ridgelet_gaussian(b, b, Ridgelet(1, 1), [0.0], 1.0)
