"""Gaussian mixtures and kernel density estimates."""

import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.special import logsumexp
from scipy.stats import multivariate_normal

import ridgeflow as rf
from ridgeflow._kernels.mixtures import exp2_double, exp2_single

KINDS = ("number", "shared", "isotropic", "full")


def make(kind, dim=2, k=7, seed=0, spread=2.0):
    rng = np.random.default_rng(seed)
    weights = rng.uniform(0.5, 1.5, k)
    factors = rng.normal(size=(k, dim, dim)) * 0.4
    full = factors @ factors.transpose(0, 2, 1) + 0.3 * np.eye(dim)
    covariances = {
        "number": 0.5,
        "shared": full[0],
        "isotropic": rng.uniform(0.3, 1.2, k),
        "full": full,
    }
    means = spread * rng.normal(size=(k, dim))
    return rf.GaussianMixture(weights / weights.sum(), means, covariances[kind])


def naive(law, x):
    """Log density, score, Hessian and responsibilities, with every N × K array written out."""
    x = np.asarray(x, dtype=np.float64)
    precisions = np.linalg.inv(law.covariances)
    logs = np.stack(
        [
            np.log(w) + multivariate_normal(m, c).logpdf(x).reshape(len(x))
            for w, m, c in zip(law.weights, law.means, law.covariances)
        ],
        axis=1,
    )
    log_density = logsumexp(logs, axis=1)
    r = np.exp(logs - log_density[:, None])
    v = np.einsum("kij,nkj->nki", precisions, law.means[None] - x[:, None])
    score = np.einsum("nk,nki->ni", r, v)
    hessian = np.einsum("nk,nki,nkj->nij", r, v, v) - np.einsum("nk,kij->nij", r, precisions)
    return log_density, score, hessian - score[:, :, None] * score[:, None, :], r


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("dim", "k"), [(1, 1), (1, 40), (2, 7), (2, 1100), (3, 33), (5, 16)])
def test_kernels_against_naive_twin(kind, dim, k):
    law = make(kind, dim, k)
    x = 3 * np.random.default_rng(1).normal(size=(17, dim))
    log_density, score, hessian, r = naive(law, x)
    scale = 1 + np.abs(hessian).max()
    # measured 6e-14, 9e-14, 1.2e-12, 7e-15 absolute, 6e-14 relative
    np.testing.assert_allclose(law.logpdf(x), log_density, atol=1e-12, rtol=1e-13)
    np.testing.assert_allclose(law.score(x), score, atol=1e-12 * scale)
    np.testing.assert_allclose(law.score_jacobian(x), hessian, atol=5e-12 * scale)
    np.testing.assert_allclose(law.responsibilities(x), r, atol=1e-13)
    np.testing.assert_allclose(law.pdf(x), np.exp(log_density), rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 3, 4])
def test_single_precision(kind, dim):
    # An offset of 1000 would cost three digits, were the kernel not centred.
    law = make(kind, dim)
    x = np.random.default_rng(1).normal(size=(50, dim)).astype(np.float32) * 2
    away = rf.GaussianMixture(law.weights, law.means + 1000, law.covariances)
    far = (x + np.float32(1000)).astype(np.float32)
    for mixture, points in ((law, x), (away, far)):
        log_density, score, hessian, _ = naive(mixture, points)
        for got, expected in (
            (mixture.logpdf(points), log_density),
            (mixture.score(points), score),
            (mixture.score_jacobian(points), hessian),
        ):
            assert got.dtype == np.float32
            # measured 6.2e-6
            assert np.abs(got - expected).max() <= 2e-5 * np.abs(expected).max()
    assert law.responsibilities(x).dtype == np.float32
    assert law.posterior_mean(x, 0.3).dtype == np.float32
    assert law.pdf(x).dtype == np.float32


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("width", [1.0, 0.02])
@pytest.mark.parametrize(("dim", "k"), [(8, 1), (9, 33), (20, 700), (64, 300)])
def test_many_variables(dim, k, width, dtype):
    # Wide components expand squared distances, narrow ones must not.
    rng = np.random.default_rng(3)
    means = 1000 + rng.normal(size=(k, dim))
    for covariance in (width**2, width**2 * rng.uniform(0.5, 2, k)):
        law = rf.GaussianMixture(np.full(k, 1 / k), means, covariance)
        x = law.sample(37, rng).astype(dtype)
        log_density, score, *_ = naive(law, x)
        rtol = 2e-5 if dtype == np.float32 else 5e-14
        # measured 3e-6 and 1e-14
        np.testing.assert_allclose(law.logpdf(x), log_density, atol=rtol * (dim + k))
        np.testing.assert_allclose(
            law.score(x), score, atol=rtol * np.abs(score).max(), err_msg=f"{covariance}"
        )
    with pytest.raises(ValueError, match="squared distances are representable"):
        law.logpdf(np.full((1, dim), 3e38 if dtype == np.float32 else 1e200, dtype))


def test_exponentials():
    rng = np.random.default_rng(0)
    for kernel, dtype, span in ((exp2_double, np.float64, 1000), (exp2_single, np.float32, 120)):
        q = -rng.uniform(0, span, 500).astype(dtype)
        exact = np.exp2(q.astype(np.longdouble))
        total = kernel(q, 500, dtype(0))
        # measured 1.2 and 0.9 units of rounding
        assert np.abs(q / exact - 1).max() < 2 * np.finfo(dtype).eps
        assert abs(total - q.sum()) < 1e-6 * total
        q[:] = -1e30
        assert kernel(q, 500, dtype(0)) < 1e-30


@pytest.mark.parametrize("kind", KINDS)
def test_density_has_unit_mass(kind):
    law = make(kind, 2, 5, spread=1.0)
    axis = np.linspace(-12, 12, 241)
    points = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    # The trapezoid rule converges faster than any power; measured 7e-16.
    assert abs(law.pdf(points).sum() * 0.1**2 - 1) < 1e-12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dim", [1, 2, 3])
def test_derivatives_against_finite_differences(kind, dim):
    law = make(kind, dim)
    x = np.random.default_rng(2).normal(size=(9, dim))
    step = 1e-5
    for i in range(dim):
        e = step * np.eye(dim)[i]
        slope = (law.logpdf(x + e) - law.logpdf(x - e)) / (2 * step)
        np.testing.assert_allclose(law.score(x)[:, i], slope, atol=2e-8)  # measured 8e-10
        slope = (law.score(x + e) - law.score(x - e)) / (2 * step)
        np.testing.assert_allclose(law.score_jacobian(x)[:, i], slope, atol=2e-8)  # measured 5e-9


@pytest.mark.parametrize("t", [0.01, 0.7, 20.0])
def test_posterior_mean_against_quadrature(t):
    law = rf.GaussianMixture([0.3, 0.7], [[-1.0], [2.0]], [0.2, 0.6])

    def prior(x0):
        return sum(
            w * np.exp(-((x0 - m) ** 2) / (2 * v)) / np.sqrt(v)
            for w, m, v in ((0.3, -1.0, 0.2), (0.7, 2.0, 0.6))
        )

    def moment(power, x):
        return quad(
            lambda x0: x0**power * prior(x0) * np.exp(-((x - x0) ** 2) / (2 * t)),
            -8,
            10,
            points=[-1, x, 2],
            epsabs=1e-14,
            epsrel=1e-12,
            limit=400,
        )[0]

    for x in (-2.0, 0.4, 3.1):
        expected = moment(1, x) / moment(0, x)
        # measured 4e-16
        assert law.posterior_mean([[x]], t)[0, 0] == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("kind", KINDS)
def test_posterior_mean_formula_with_anisotropic_noise(kind):
    law = make(kind)
    noise = np.array([[0.8, 0.3], [0.3, 0.4]])
    x = np.random.default_rng(3).normal(size=(11, 2)) * 2
    r = naive(law.smooth(noise), x)[3]
    expected = np.zeros_like(x)
    for k in range(law.n_components):
        gain = law.covariances[k] @ np.linalg.inv(law.covariances[k] + noise)
        expected += r[:, k, None] * (x @ gain.T + law.means[k] @ (np.eye(2) - gain).T)
    # measured 7e-15
    np.testing.assert_allclose(law.posterior_mean(x, noise), expected, atol=1e-12)


def test_posterior_mean_without_noise_is_the_identity():
    x = np.random.default_rng(3).normal(size=(4, 2))
    np.testing.assert_array_equal(make("full").posterior_mean(x, 0.0), x)


@pytest.mark.parametrize("kind", KINDS)
def test_sample_moments(kind):
    law = make(kind, 2, 4)
    n = 200_000
    x = law.sample(n, rng=0)
    deviation = np.sqrt(np.diag(law.cov) / n)
    assert (np.abs(x.mean(axis=0) - law.mean) < 5 * deviation).all()
    np.testing.assert_allclose(np.cov(x.T), law.cov, atol=0.02 * np.trace(law.cov))
    np.testing.assert_array_equal(x[:3], law.sample(n, rng=np.random.default_rng(0))[:3])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [0.1, np.array([[0.1, 0.05], [0.05, 0.08]])])
def test_smooth_and_shrink_are_inverse(kind, noise):
    law = make(kind)
    matrix = noise * np.eye(2) if np.ndim(noise) == 0 else noise
    np.testing.assert_allclose(law.smooth(noise).covariances, law.covariances + matrix, atol=1e-15)
    np.testing.assert_allclose(
        law.smooth(noise).shrink(noise).covariances, law.covariances, atol=1e-15
    )
    np.testing.assert_allclose(law.shrink(noise).covariances, law.covariances - matrix, atol=1e-15)
    assert law.smooth(noise).shared_covariance == law.shared_covariance


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", [1.0, np.array([[1.0, 0.2], [0.2, 0.5]])])
def test_shrink_refuses_past_the_singular_time(kind, noise):
    law = make(kind)
    with pytest.raises(rf.SingularTimeError, match=r"got a least eigenvalue of -.* in component"):
        law.shrink(50 * noise)
    with pytest.raises(rf.SingularTimeError) as caught:
        law.shrink(50 * noise)
    largest = 50 * float(str(caught.value).split("less than ")[1].rstrip(")"))
    law.shrink(largest * 0.9999 * noise)
    with pytest.raises(rf.SingularTimeError):
        law.shrink(largest * 1.0001 * noise)


def test_shrink_refuses_the_singular_time_itself():
    with pytest.raises(rf.SingularTimeError, match="least eigenvalue of 0 "):
        rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.7).shrink(0.7)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_underflow_is_answered_in_log_space(kind, dtype):
    law = make(kind)
    direction = np.array([[0.6, 0.8]])
    for distance in (1e2, 1e4, 1e6):
        x = (distance * direction).astype(dtype)
        assert law.pdf(x)[0] == 0
        log_density, score, _, _ = naive(law, x)
        tolerance = 1e-4 if dtype == np.float32 else 1e-8
        np.testing.assert_allclose(law.logpdf(x), log_density, rtol=tolerance)
        np.testing.assert_allclose(law.score(x), score, rtol=tolerance)
        assert np.isfinite(law.score_jacobian(x)).all()
    # Squares near 1e36 are representable in float32, and padding must not win against them.
    x = (1e18 * direction).astype(dtype)
    assert -1e37 < law.logpdf(x)[0] < -1e35
    assert np.isfinite(law.score(x)).all()
    # One component counts far out, and the Hessian is minus its precision, without cancellation.
    if kind in ("number", "shared") and dtype == np.float64:
        x = 1e5 * direction
        precision = np.linalg.inv(law.covariances[0])
        np.testing.assert_allclose(law.score_jacobian(x)[0], -precision, rtol=1e-9, atol=1e-9)


def test_points_beyond_the_range_of_squares_are_refused():
    law = make("full")
    with pytest.raises(ValueError, match=r"`x` must lie where squared distances are representable"):
        law.logpdf([[0.0, 0.0], [1e200, 0.0]])
    with pytest.raises(ValueError, match=r"representable in float32, got x\[0\]"):
        law.score(np.array([[1e25, 0.0]], dtype=np.float32))


@pytest.mark.parametrize("kind", KINDS)
def test_threads_do_not_change_a_bit(kind):
    law = make(kind, 2, 150)
    x = np.random.default_rng(5).normal(size=(1001, 2))
    results = []
    for threads in (1, 2, 5):
        with rf.config(threads=threads):
            results.append((law.logpdf(x), law.score(x), law.score_jacobian(x)))
    for other in results[1:]:
        for got, expected in zip(other, results[0]):
            np.testing.assert_array_equal(got, expected)


def test_isotropic_variances_agree_with_full_matrices():
    variances = np.array([0.3, 0.5, 0.9])
    arguments = ([0.2, 0.3, 0.5], np.arange(6.0).reshape(3, 2))
    slim = rf.GaussianMixture(*arguments, variances)
    full = rf.GaussianMixture(*arguments, variances[:, None, None] * np.eye(2))
    x = np.random.default_rng(0).normal(size=(20, 2))
    np.testing.assert_allclose(slim.score_jacobian(x), full.score_jacobian(x), atol=1e-12)
    np.testing.assert_allclose(slim.cov, full.cov, atol=1e-14)
    np.testing.assert_array_equal(slim.covariances, full.covariances)
    assert slim.isotropic_variances is not None and full.isotropic_variances is None


@settings(max_examples=25, deadline=None)
@given(
    shift=st.floats(-100, 100),
    angle=st.floats(0, 6.3),
    scale=st.floats(0.1, 10),
    kind=st.sampled_from(KINDS),
)
def test_similarity_invariance(shift, angle, scale, kind):
    law = make(kind)
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = scale * rotation
    moved = rf.GaussianMixture(
        law.weights, law.means @ matrix.T + shift, matrix @ law.covariances @ matrix.T
    )
    x = np.random.default_rng(4).normal(size=(6, 2))
    y = x @ matrix.T + shift
    np.testing.assert_allclose(
        moved.logpdf(y), law.logpdf(x) - 2 * np.log(scale), rtol=1e-9, atol=1e-9
    )
    np.testing.assert_allclose(moved.score(y) @ matrix, law.score(x), rtol=1e-8, atol=1e-8)


def test_shared_covariance_is_not_copied():
    law = rf.kernel_density(np.random.default_rng(0).normal(size=(1000, 3)))
    assert law.shared_covariance
    assert law.covariances.shape == (1000, 3, 3)
    assert law.covariances.strides[0] == 0
    assert len(pickle.dumps(law)) < 8 * 1000 * (3 + 1) + 2000
    many = np.repeat(0.5 * np.eye(2)[None], 4, axis=0)
    assert rf.GaussianMixture(np.full(4, 0.25), np.eye(4, 2), many).shared_covariance


@pytest.mark.parametrize("kind", KINDS)
def test_pickle(kind):
    law = make(kind)
    x = np.random.default_rng(0).normal(size=(5, 2))
    expected = law.score(x)
    copy = pickle.loads(pickle.dumps(law))
    np.testing.assert_array_equal(copy.score(x), expected)
    assert not copy.means.flags.writeable


def test_read_only_points():
    law = make("number")
    np.testing.assert_array_equal(law.score(law.means), law.score(law.means.copy()))


def test_attributes_and_immutability():
    means = np.eye(3, 2)
    law = rf.GaussianMixture([0.2, 0.3, 0.5], means, 1.0)
    assert (law.dim, law.n_components, law.component_shape) == (2, 3, ())
    assert repr(law) == "GaussianMixture(n_components=3, dim=2, shared)"
    means[0] = 99
    assert law.means[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        law.means[0, 0] = 2


def test_memory_budget():
    law = make("number", 2, 600)
    with rf.config(memory_budget=2**20):
        with pytest.raises(rf.MemoryBudgetError, match="responsibilities needs"):
            law.responsibilities(np.zeros((2000, 2)))
        assert law.score(np.zeros((2000, 2))).shape == (2000, 2)
        with pytest.raises(rf.MemoryBudgetError, match="the result needs"):
            law.score_jacobian(np.zeros((30_000, 2)))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([0.5, 0.6], [[0.0], [1.0]], 1.0), r"sum to 1, got a sum of 1\.1 \(divide them"),
        (([1.5, -0.5], [[0.0], [1.0]], 1.0), r"positive, got weights\[1\] = -0\.5"),
        (([0.5, 0.5], [[0.0]], 1.0), r"`means` \(1, 1\) and `weights` \(2,\)"),
        (([1.0], [0.0], 1.0), r"`means` must have 2 dimension"),
        (([1.0], [[np.nan]], 1.0), r"`means` must be finite, got 1 NaN"),
        (([], [[0.0]], 1.0), r"`weights` must not be empty"),
        (([1.0], [[0.0]], -1.0), r"`covariances` must be positive, got -1"),
        (([1.0], [[0.0]], [1.0, 2.0]), r"`covariances` must have shape \(1,\)"),
        (([0.5, 0.5], [[0.0], [1]], [1.0, 0.0]), r"positive, got covariances\[1\] = 0"),
        (([1.0], [[0.0, 0.0]], np.eye(3)), r"`covariances` must have shape \(2, 2\)"),
        (([1.0], [[0.0, 0.0]], np.ones((2, 2))), r"must be positive definite"),
        (([1.0], [[0.0]], np.ones((3, 1, 1))), r"\(1, 1\), \(1,\) or \(1, 1, 1\)"),
        (
            ([0.5, 0.5], np.zeros((2, 2)), [np.eye(2), [[1.0, 0.5], [0.0, 1.0]]]),
            r"symmetric, got an asymmetry of 0\.5 in covariances\[1\]",
        ),
        (
            ([0.5, 0.5], np.zeros((2, 2)), [np.eye(2), [[1.0, 2.0], [2.0, 1.0]]]),
            r"positive definite, got a least eigenvalue of -1 beside entries up to 2 in cov",
        ),
    ],
)
def test_bad_mixtures(arguments, message):
    with pytest.raises(ValueError, match=message):
        rf.GaussianMixture(*arguments)


@pytest.mark.parametrize(
    ("noise", "message"),
    [
        (-0.1, r"`covariance` must not be negative, got -0\.1"),
        (np.eye(3), r"number or have shape \(2, 2\), got \(3, 3\)"),
        ([[1.0, 0.5], [0.0, 1.0]], r"symmetric, got an asymmetry of 0\.5"),
        ([[1.0, 2.0], [2.0, 1.0]], r"positive semidefinite, got a least eigenvalue of -1"),
    ],
)
def test_bad_noise(noise, message):
    law = make("full")
    for call in (law.smooth, law.shrink, lambda c: law.posterior_mean([[0.0, 0.0]], c)):
        with pytest.raises(ValueError, match=message):
            call(noise)


def test_bad_points_and_samples():
    law = make("full")
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\), got \(4, 3\)"):
        law.score(np.zeros((4, 3)))
    with pytest.raises(ValueError, match="`n` must be at least 1"):
        law.sample(0)
    with pytest.raises(rf.MemoryBudgetError, match="the sample needs"):
        law.sample(10**12)


def test_kernel_density_default_bandwidth():
    x = np.random.default_rng(0).normal(size=(80, 3)) * [1, 2, 3]
    law = rf.kernel_density(x)
    h = 80 ** (-1 / 7) * np.sqrt(x.var(axis=0, ddof=1).mean())
    np.testing.assert_allclose(law.covariances[5], h * h * np.eye(3), rtol=1e-14)
    np.testing.assert_array_equal(law.means, x)
    np.testing.assert_allclose(rf.kernel_density(x, 0.25).covariances[0], 0.0625 * np.eye(3))


def test_kernel_density_is_mean_shift():
    # Denoising a narrow estimate is the softmax average of the data.
    x = np.random.default_rng(0).normal(size=(30, 2))
    points = np.random.default_rng(1).normal(size=(7, 2))
    t, h = 0.3, 1e-4
    d2 = ((points[:, None] - x[None]) ** 2).sum(axis=2)
    r = np.exp(-d2 / (2 * t))
    expected = (r / r.sum(axis=1, keepdims=True)) @ x
    got = rf.kernel_density(x, h).posterior_mean(points, t)
    np.testing.assert_allclose(got, expected, atol=1e-7)  # measured 7e-9, of order h²/t


@pytest.mark.parametrize(
    ("points", "bandwidth", "message"),
    [
        ([[1.0, 2.0]], None, "at least 2 points, got 1"),
        ([[1.0, 2.0], [2.0, 2.0]], None, r"constant column\(s\) 1 "),
        ([[1.0, 2.0], [1.0, 2.0]], None, r"constant column\(s\) 0, 1 "),
        ([[1.0, 2.0], [2.0, 3.0]], 0.0, "`bandwidth` must be positive, got 0"),
        ([[1.0, 2.0], [2.0, 3.0]], -1, "`bandwidth` must be positive, got -1"),
        ([[1.0, 2.0], [2.0, 3.0]], 1e-12, "`bandwidth` must exceed 1e-7 of the range"),
        ([[1.0, np.inf], [2.0, 3.0]], None, "`points` must be finite"),
    ],
)
def test_bad_kernel_densities(points, bandwidth, message):
    with pytest.raises(ValueError, match=message):
        rf.kernel_density(points, bandwidth)
