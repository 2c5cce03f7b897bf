"""Radon and Fourier pairs against quadrature over lines, planes and grids."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from reference import line_integral, mixture_logpdf
from scipy.integrate import quad

from ridgeflow import closed_forms as cf
from ridgeflow import config
from ridgeflow.errors import MemoryBudgetError

SPREAD = np.array([[0.5, 0.2], [0.2, 0.3]])
WEIGHTS = np.array([0.6, -0.3, 1.1])
MEANS = np.array([[0.3, -0.2], [-0.5, 0.4], [0.1, 0.6]])
COVARIANCES = np.array([SPREAD, [[0.2, 0.0], [0.0, 0.4]], [[0.3, -0.1], [-0.1, 0.2]]])
ANGLES = np.array([0.0, 0.7, 1.9, np.pi / 2])
DIRECTIONS = np.stack([np.cos(ANGLES), np.sin(ANGLES)], axis=1)


def density(points):
    total = 0.0
    for w, m, s in zip(WEIGHTS, MEANS, COVARIANCES, strict=True):
        total = total + w * np.exp(mixture_logpdf(points, [1.0], [m], [s]))
    return total


def plane(u, n, half):
    """Gauss nodes and weights of the plane through 0 orthogonal to u in R³."""
    q = np.linalg.svd(np.asarray(u)[None, :])[2][1:]
    x, w = np.polynomial.legendre.leggauss(n)
    grid = half * np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    return grid @ q, half**2 * np.outer(w, w).ravel()


def test_mixture_density_is_the_density():
    x = np.random.default_rng(0).normal(size=(7, 2))
    got = cf.gaussian_mixture_density(x, WEIGHTS, MEANS, COVARIANCES)
    assert_allclose(got, density(x), rtol=0, atol=2e-15)  # measured 1.1e-16


def test_radon_of_a_mixture_is_its_line_integral():
    p = np.array([-1.0, 0.0, 0.35, 2.0])
    got = cf.radon_gaussian_mixture(DIRECTIONS, p, WEIGHTS, MEANS, COVARIANCES)
    want = [[line_integral(density, u, q, 9.0, 120) for q in p] for u in DIRECTIONS]
    assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 9e-15


def test_radon_of_a_normal_law_in_space_is_its_plane_integral():
    u = np.array([0.6, 0.0, 0.8])
    mean = np.array([0.2, -0.1, 0.4])
    cov = np.array([[0.5, 0.1, 0.0], [0.1, 0.3, 0.05], [0.0, 0.05, 0.4]])
    y, w = plane(u, 80, 7.0)
    p = np.array([-0.4, 0.5])
    got = cf.radon_gaussian(u[None], p, mean, cov)[0]
    want = [np.sum(w * np.exp(mixture_logpdf(q * u + y, [1.0], [mean], [cov]))) for q in p]
    assert_allclose(got, want, rtol=1e-13)  # measured 2e-16


def test_radon_on_the_line_is_the_function():
    got = cf.radon_gaussian([[1.0], [-1.0]], [0.3], [0.1], 0.5)
    want = np.exp(mixture_logpdf(np.array([[0.3], [-0.3]]), [1], [[0.1]], [np.array([[0.5]])]))
    assert_allclose(got[:, 0], want, rtol=1e-14)  # measured 2e-16


@pytest.mark.parametrize("shared", [0.3, SPREAD, np.array([0.3, 0.4, 0.2]), COVARIANCES])
def test_every_form_of_covariance_means_the_same(shared):
    full = np.zeros((3, 2, 2))
    full[:] = (
        shared[:, None, None] * np.eye(2)
        if np.ndim(shared) == 1
        else (shared * np.eye(2) if np.ndim(shared) == 0 else shared)
    )
    p = np.linspace(-1, 1, 5)
    got = cf.radon_gaussian_mixture(DIRECTIONS, p, WEIGHTS, MEANS, shared)
    want = cf.radon_gaussian_mixture(DIRECTIONS, p, WEIGHTS, MEANS, full)
    assert_allclose(got, want, rtol=0, atol=1e-15)  # measured 0


def in_ellipse(points, center, semi_axes, angle):
    c, s = np.cos(angle), np.sin(angle)
    z = (points - center) @ np.array([[c, -s], [s, c]]) / semi_axes
    return (z[:, 0] ** 2 + z[:, 1] ** 2 <= 1).astype(float)


def test_ellipse_chords_have_the_length_of_the_indicator():
    center, semi, angle = np.array([0.2, -0.3]), np.array([0.9, 0.4]), 0.6
    p = np.array([-0.5, 0.0, 0.2, 0.7, 1.5])
    got = cf.radon_ellipse(DIRECTIONS, p, center, semi, angle)
    n = 60_000
    s = (np.arange(n) + 0.5) / n * 6 - 3
    for i, u in enumerate(DIRECTIONS):
        for j, q in enumerate(p):
            points = q * u + s[:, None] * np.array([-u[1], u[0]])
            want = in_ellipse(points, center, semi, angle).sum() * 6 / n
            assert abs(got[i, j] - want) < 2e-4  # step 1e-4, two ends


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 5])
def test_ball_slices_add_up_to_the_volume(dim):
    from math import gamma, pi

    u = np.eye(dim)[:1]
    r, c = 1.3, np.full(dim, 0.2)
    n = 4000
    theta = (np.arange(n) + 0.5) / n * np.pi
    p = 0.2 + r * np.cos(theta)
    slices = cf.radon_ball(u, p, c, r)[0]
    volume = np.sum(slices * r * np.sin(theta)) * np.pi / n
    want = pi ** (dim / 2) / gamma(dim / 2 + 1) * r**dim
    assert_allclose(volume, want, rtol=2e-7)  # measured 2.6e-8 (dim 1)


def test_ellipsoid_slice_in_space_by_counting():
    rng = np.random.default_rng(1)
    axes = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    semi, center = np.array([0.9, 0.5, 0.7]), np.array([0.1, 0.2, -0.1])
    u = np.array([2.0, -1.0, 2.0]) / 3
    q = np.linalg.svd(u[None, :])[2][1:]
    s = (np.arange(800) + 0.5) / 800 * 3 - 1.5
    y = np.stack(np.meshgrid(s, s, indexing="ij"), axis=-1).reshape(-1, 2) @ q
    for p in (-0.3, 0.1, 0.4):
        z = (p * u + y - center) @ axes.T / semi
        want = np.sum((z**2).sum(axis=1) <= 1) * (3 / 800) ** 2
        got = cf.radon_ellipsoid(u[None], [p], center, axes, semi)[0, 0]
        assert abs(got - want) < 1e-3  # measured 2.3e-4, cells of 3.75e-3


def test_ellipsoid_vanishes_outside():
    assert (cf.radon_ball([[0.0, 1.0]], [-1.01, 1.01, 5.0], [0.0, 0.0], 1.0) == 0).all()


@pytest.mark.parametrize("k", [0.0, 0.7, -2.3])
def test_slice_theorem_of_a_mixture(k):
    p = np.linspace(-9, 9, 400)
    rows = cf.radon_gaussian_mixture(DIRECTIONS, p, WEIGHTS, MEANS, COVARIANCES)
    want = (rows * np.exp(-1j * k * p)).sum(axis=1) * (p[1] - p[0])
    got = cf.fourier_gaussian_mixture(k * DIRECTIONS, WEIGHTS, MEANS, COVARIANCES)
    assert_allclose(got, want, rtol=0, atol=1e-12)  # measured 2.4e-14


def test_fourier_of_a_normal_law_against_a_grid():
    x = np.linspace(-7, 7, 141)
    points = np.stack(np.meshgrid(x, x, indexing="ij"), axis=-1).reshape(-1, 2)
    mean = MEANS[0]
    f = np.exp(mixture_logpdf(points, [1.0], [mean], [SPREAD])) * 0.1**2
    xi = np.array([[0.0, 0.0], [1.0, -0.5], [2.0, 3.0]])
    want = [(f * np.exp(-1j * points @ k)).sum() for k in xi]
    assert_allclose(cf.fourier_gaussian(xi, mean, SPREAD), want, atol=1e-14)  # measured 2.2e-16


@pytest.mark.parametrize("dim", [1, 2, 3, 4, 7])
@pytest.mark.parametrize("size", [0.0, 1e-7, 2e-3, 1.0, 9.0, 40.0])
def test_fourier_of_a_ball_by_its_slices(dim, size):
    n = 400
    theta = (np.arange(n) + 0.5) / n * np.pi
    # Gauss-Chebyshev in the offset; the slices carry the power of sin θ.
    p = 0.8 * np.cos(theta)
    u = np.eye(dim)[:1]
    slices = cf.radon_ball(u, p, np.zeros(dim), 0.8)[0]
    want = np.sum(slices * np.exp(-1j * size * p) * 0.8 * np.sin(theta)) * np.pi / n
    got = cf.fourier_ball(size * u, np.zeros(dim), 0.8)[0]
    if dim == 1:
        want = 1.6 * np.sinc(0.8 * size / np.pi)
    # measured 4e-15 (dim 1), 2e-15 (2, 4, 7), 9e-11 (3: the rule is of order four there)
    assert abs(got - want) < (1e-9 if dim == 3 else 1e-13)


def test_fourier_of_an_ellipsoid_against_counting():
    axes = np.array([[0.8, 0.6], [-0.6, 0.8]])
    center, semi = np.array([0.2, -0.1]), np.array([0.9, 0.4])
    n = 1200
    s = (np.arange(n) + 0.5) / n * 3 - 1.5
    points = np.stack(np.meshgrid(s, s, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = in_ellipse(points, center, semi, np.arctan2(0.6, 0.8)) * (3 / n) ** 2
    xi = np.array([[0.0, 0.0], [1.0, 2.0], [-4.0, 3.0]])
    want = [(inside * np.exp(-1j * points @ k)).sum() for k in xi]
    got = cf.fourier_ellipsoid(xi, center, axes, semi)
    assert_allclose(got, want, rtol=0, atol=1e-4)  # measured 5e-5, cell 2.5e-3


@pytest.mark.parametrize("contrast", ["modified", "original"])
def test_shepp_logan_sinogram_is_that_of_the_image(contrast):
    n = 40_000
    s = (np.arange(n) + 0.5) / n * 3 - 1.5
    p = np.array([-0.6, -0.03, 0.1, 0.35, 0.85])
    got = cf.radon_shepp_logan(DIRECTIONS, p, contrast=contrast)
    for i, u in enumerate(DIRECTIONS):
        for j, q in enumerate(p):
            line = q * u + s[:, None] * np.array([-u[1], u[0]])
            want = cf.shepp_logan(line, contrast=contrast).sum() * 3 / n
            assert abs(got[i, j] - want) < 1e-3  # measured 2.1e-4, step 7.5e-5


def test_shepp_logan_table_and_values():
    table = cf.shepp_logan_ellipses()
    assert table.shape == (10, 6)
    # Published pixel values of the modified phantom: skull 1, brain 0.2, ventricles 0.
    points = [[0.0, 0.9], [0.0, 0.0], [0.22, 0.0], [-0.22, 0.0], [0.0, 0.35], [0.0, -0.1]]
    assert_allclose(cf.shepp_logan(points), [1.0, 0.2, 0.0, 0.0, 0.3, 0.3], atol=1e-15)
    assert_allclose(cf.shepp_logan([[0.0, 0.2]], contrast="original"), [1.03], atol=1e-15)
    table[:] = 0
    assert cf.shepp_logan_ellipses().any()


def test_shepp_logan_slice_theorem():
    n = 40_000
    p = (np.arange(n) + 0.5) / n * 2 - 1
    rows = cf.radon_shepp_logan(DIRECTIONS, p)
    for k in (0.0, 3.0, 20.0):
        want = (rows * np.exp(-1j * k * p)).sum(axis=1) * 2 / n
        got = cf.fourier_shepp_logan(k * DIRECTIONS)
        assert_allclose(got, want, rtol=0, atol=1e-6)  # measured 2.5e-7


def test_gaussian_phantom_keeps_the_moments_of_each_ellipse():
    weights, means, covariances = cf.gaussian_phantom()
    table = cf.shepp_logan_ellipses()
    n = 600
    s = (np.arange(n) + 0.5) / n * 2 - 1
    points = np.stack(np.meshgrid(s, s, indexing="ij"), axis=-1).reshape(-1, 2)
    for i in (0, 2, 3, 4):
        g, A, B, cx, cy, angle = table[i]
        inside = in_ellipse(points, np.array([cx, cy]), np.array([A, B]), angle)
        assert abs(weights[i] - g * inside.sum() * (2 / n) ** 2) < 1e-4  # measured 1.8e-5
        chosen = points[inside == 1]
        assert_allclose(means[i], chosen.mean(axis=0), atol=1e-10)  # measured 3e-14
        assert_allclose(covariances[i], np.cov(chosen.T), atol=1e-4)  # measured 3.1e-5


def test_one_quadrature_by_scipy():
    u = DIRECTIONS[1]
    want = quad(
        lambda s: density(np.array([0.2 * u + s * np.array([-u[1], u[0]])]))[0],
        -10,
        10,
        epsabs=1e-13,
    )[0]
    got = cf.radon_gaussian_mixture(u[None], [0.2], WEIGHTS, MEANS, COVARIANCES)[0, 0]
    assert abs(got - want) < 1e-12  # measured 1e-16


def test_single_precision_is_kept():
    u, p = DIRECTIONS.astype(np.float32), np.linspace(-1, 1, 4, dtype=np.float32)
    assert cf.radon_gaussian(u, p, [0.0, 0.0], 1.0).dtype == np.float32
    assert cf.radon_gaussian(u, p.astype(float), [0.0, 0.0], 1.0).dtype == np.float64
    assert cf.radon_ball(u, p, [0.0, 0.0], 1.0).dtype == np.float32
    assert cf.radon_shepp_logan(u, p).dtype == np.float32
    assert cf.shepp_logan(u).dtype == np.float32
    assert cf.fourier_gaussian(u, [0.0, 0.0], 1.0).dtype == np.complex64
    assert cf.fourier_ball(u, [0.0, 0.0], 1.0).dtype == np.complex64
    assert cf.fourier_shepp_logan(u).dtype == np.complex64
    assert cf.gaussian_mixture_density(u, [1.0], [[0, 0]], 1.0).dtype == np.float32


def test_one_thread_equals_many():
    p = np.linspace(-2, 2, 300)
    angles = np.linspace(0, np.pi, 90)
    u = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    args = (u, p, *cf.gaussian_phantom())
    with config(threads=1):
        one = cf.radon_gaussian_mixture(*args)
    with config(threads=3):
        assert (cf.radon_gaussian_mixture(*args) == one).all()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: cf.radon_gaussian([[1.0, 1.0]], [0.0], [0, 0], 1.0), "`directions` must be unit"),
        (
            lambda: cf.radon_gaussian([[1.0, 0.0]], [0.0], [0, 0, 0], 1.0),
            r"`directions` .*\(n, 3\)",
        ),
        (
            lambda: cf.radon_gaussian([[1.0, 0.0]], [0.0], [0, 0], [[1, 2], [2, 1]]),
            "`covariance` must be positive definite, got a least eigenvalue of -1",
        ),
        (
            lambda: cf.radon_gaussian_mixture(
                [[1.0, 0.0]], [0.0], [1, 1], [[0, 0], [1, 1]], [np.eye(2), np.zeros((2, 2))]
            ),
            r"`covariances\[1\]` must be positive definite",
        ),
        (
            lambda: cf.radon_gaussian_mixture(
                [[1.0, 0]], [0.0], [1, 1], [[0, 0], [1, 1]], [1, 1, 1]
            ),
            r"`covariances` must be a number or have shape \(2, 2\), \(2,\) or \(2, 2, 2\)",
        ),
        (
            lambda: cf.radon_gaussian_mixture(
                [[1.0, 0]], [0.0], [1, 1], [[0, 0], [1, 1]], np.eye(3)
            ),
            r"`covariances` must be a number or have shape .* got shape \(3, 3\)",
        ),
        (
            lambda: cf.radon_gaussian_mixture([[1.0, 0]], [0.0], [1.0], [[0, 0]], [[1, 1], [0, 1]]),
            "`covariances` must be symmetric, got an asymmetry of 1",
        ),
        (
            lambda: cf.radon_gaussian_mixture([[1.0, 0]], [0.0], [1.0, 2.0], [[0, 0]], 1.0),
            r"must agree in their first length, got `weights` \(2,\), `means` \(1, 2\)",
        ),
        (
            lambda: cf.radon_ellipsoid([[1.0, 0]], [0.0], [0, 0], [[1, 0], [1, 1]], [1, 1]),
            "`axes` must have orthonormal rows",
        ),
        (
            lambda: cf.radon_ellipsoid([[1.0, 0]], [0.0], [0, 0], np.eye(3), [1, 1]),
            r"`axes` must have shape \(2, 2\), got \(3, 3\)",
        ),
        (
            lambda: cf.radon_ellipsoid([[1.0, 0]], [0.0], [0, 0], None, [1, 0]),
            "`semi_axes` must be positive, got a least of 0",
        ),
        (
            lambda: cf.fourier_ellipsoid([[1.0, 0]], [0, 0], None, [1, 1, 1]),
            r"`semi_axes` must have shape \(2,\) like `center`, got \(3,\)",
        ),
        (lambda: cf.radon_ball([[1.0, 0]], [0.0], [0, 0], -1), "`radius` must be positive, got -1"),
        (lambda: cf.fourier_ball([[1.0, 0]], [0, 0], 0), "`radius` must be positive, got 0"),
        (
            lambda: cf.radon_ellipse([[1.0, 0]], [0.0], [0, 0, 0], [1, 1], 0.0),
            r"`center` must have shape \(2,\), got \(3,\)",
        ),
        (lambda: cf.shepp_logan([[0, 0]], contrast="modifed"), "did you mean 'modified'"),
        (lambda: cf.shepp_logan([[0, 0, 0]]), r"`points` must have shape \(n, 2\)"),
        (lambda: cf.fourier_gaussian([np.nan], [0.0], 1.0), "`xi` must be finite"),
    ],
)
def test_refusals(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_memory_is_refused_with_its_size():
    p = np.zeros(200_000)
    with config(memory_budget=2**20), pytest.raises(MemoryBudgetError, match="the sinogram needs"):
        cf.radon_gaussian(DIRECTIONS, p, [0.0, 0.0], 1.0)


def test_the_head_phantom_has_the_published_ellipses():
    """L. A. Shepp and B. F. Logan, IEEE Trans. Nucl. Sci. 21 (1974): areas of the ten ellipses and
    the mass of the phantom, from the published semi-axes."""
    halves = [(0.69, 0.92), (0.6624, 0.874), (0.11, 0.31), (0.16, 0.41), (0.21, 0.25)]
    halves += [(0.046, 0.046), (0.046, 0.046), (0.046, 0.023), (0.023, 0.023), (0.023, 0.046)]
    contrasts = np.array([1, -0.8, -0.2, -0.2] + [0.1] * 6)
    table = cf.shepp_logan_ellipses()
    u, p = np.array([[0.6, 0.8]]), np.linspace(-1.2, 1.2, 24001)
    mass = cf.radon_shepp_logan(u, p).sum() * (p[1] - p[0])
    assert mass == pytest.approx(np.pi * contrasts @ np.prod(halves, axis=1), rel=1e-5)
    np.testing.assert_array_equal(table[:, 0], contrasts)
    np.testing.assert_array_equal(table[:, 1:3], halves)
