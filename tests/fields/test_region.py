"""Windows, the balls that hold a law, and affine fits."""

import pickle

import numpy as np
import pytest
from scipy.special import j1
from scipy.stats import ncx2

import ridgeflow as rf
from ridgeflow.fields.enclosing_balls import quadratic_tail
from ridgeflow.fields.region import AffinePart, fit_affine


def test_window_is_exactly_one_and_zero():
    region = rf.Region([1.0, -2.0], 3.0, 0.5)
    rng = np.random.default_rng(0)
    u = rng.normal(size=(500, 2))
    u /= np.linalg.norm(u, axis=1, keepdims=True)
    inside = region.center + 3.0 * (1 - 1e-12) * u * rng.uniform(size=(500, 1)) ** 0.1
    outside = region.center + (3.5 + rng.uniform(1e-12, 1, size=(500, 1))) * u
    assert (region(inside) == 1).all() and region.contains(inside).all()
    assert (region(outside) == 0).all() and not region.contains(outside).any()
    assert (region.gradient(inside) == 0).all() and (region.gradient(outside) == 0).all()
    between = region.center + (3 + 0.5 * rng.uniform(0.02, 0.98, size=(500, 1))) * u
    assert ((region(between) > 0) & (region(between) < 1)).all()
    assert (region.outer_radius, region.dim) == (3.5, 2)
    assert repr(region) == "Region(center=[1.0, -2.0], radius=3, margin=0.5)"


def test_window_decreases_and_is_antisymmetric():
    region = rf.Region([0.0], 1.0, 2.0)
    r = np.linspace(1, 3, 401)
    w = region(r)
    assert (np.diff(w) <= 1e-15).all()
    np.testing.assert_allclose(w + w[::-1], 1, atol=1e-14)  # measured 9e-16


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_gradient_against_finite_differences(dim):
    region = rf.Region(np.arange(dim), 2.0, 1.0)
    x = region.center + np.random.default_rng(0).normal(size=(200, dim)) * 1.8
    h = 1e-5
    for i in range(dim):
        e = h * np.eye(dim)[i]
        slope = (region(x + e) - region(x - e)) / (2 * h)
        np.testing.assert_allclose(region.gradient(x)[:, i], slope, atol=3e-8)  # measured 3e-9


def test_window_spectrum_decays_as_stated():
    region = rf.Region([0.0, 0.0], 4.0, 1.0)
    nodes, weights = np.polynomial.legendre.leggauss(400)
    r = 4.5 + 0.5 * nodes
    slope = region.gradient(np.stack([r, 0 * r], axis=1))[:, 0] * 0.5 * weights
    k = np.linspace(1e-3, 150, 8001)
    # After an integration by parts only the transition counts, without cancellation.
    transform = -(2 * np.pi / k) * (j1(np.outer(k, r)) @ (slope * r))
    energy = transform**2 * k
    for cut, share in ((20, 6.0e-4), (30, 1.5e-7), (40, 2.8e-8)):
        # measured 5.9e-4, 1.4e-7, 2.7e-8
        assert np.sqrt(energy[k > cut].sum() / energy.sum()) < share


def test_window_keeps_single_precision_and_pickles():
    region = rf.Region([0.0, 0.0], 1.0, 1.0)
    x = np.random.default_rng(0).normal(size=(20, 2)).astype(np.float32)
    assert region(x).dtype == region.gradient(x).dtype == np.float32
    copy = pickle.loads(pickle.dumps(region))
    np.testing.assert_array_equal(copy(x), region(x))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (([0.0], 0.0, 1.0), ValueError, "`radius` must be positive, got 0"),
        (([0.0], 1.0, -1.0), ValueError, "`margin` must be positive, got -1 .*room to fall"),
        (([0.0], np.inf, 1.0), ValueError, "`radius` must be finite"),
        ((0.0, 1.0, 1.0), ValueError, "`center` must have 1 dimension"),
        (([np.nan], 1.0, 1.0), ValueError, "`center` must be finite"),
        (([0.0], "a", 1.0), TypeError, "`radius` must be a number"),
    ],
)
def test_bad_regions(arguments, error, message):
    with pytest.raises(error, match=message):
        rf.Region(*arguments)
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\)"):
        rf.Region([0.0, 0.0], 1.0, 1.0)(np.zeros((3, 4)))


@pytest.mark.parametrize("dim", [1, 2, 3, 6])
@pytest.mark.parametrize("tail", [0.5, 0.01, 1e-6, 1e-12])
def test_quadratic_tail_against_noncentral_chi_square(dim, tail):
    noncentral = np.array([1e-12, 0.01, 1.0, 10.0, 1e4, 1e6])
    q = ncx2.isf(tail, dim, noncentral)
    offsets = np.zeros((6, dim))
    offsets[:, 0] = np.sqrt(noncentral)
    got, density, slope = quadratic_tail(4 * q, np.full((6, dim), 4.0), 2 * offsets)
    # measured 3e-13, all three
    np.testing.assert_allclose(got, ncx2.sf(q, dim, noncentral), rtol=1e-9)
    np.testing.assert_allclose(density, ncx2.pdf(q, dim, noncentral) / 4, rtol=1e-8)
    expected = ncx2.pdf(q, dim + 2, noncentral)[:, None] * offsets
    np.testing.assert_allclose(slope, expected, rtol=1e-7, atol=1e-14)


def test_quadratic_tail_with_distinct_eigenvalues():
    # Exact for two exponential laws: λ = (1, 1, 3, 3) and no offsets.
    q = np.array([1.0, 10.0, 60.0])
    exact = (3 * np.exp(-q / 6) - np.exp(-q / 2)) / 2
    got, _, _ = quadratic_tail(q, np.tile([1.0, 1, 3, 3], (3, 1)), np.zeros((3, 4)))
    np.testing.assert_allclose(got, exact, rtol=1e-10)  # measured 1.1e-12


LAWS = {
    "normal": ([1.0], [[0.0, 0.0]], 1.0),
    "lopsided": ([0.99, 0.01], [[0.0, 0.0], [10.0, 0.0]], [1.0, 0.5]),
    "line": ([0.5, 0.5], [[-2.0], [3.0]], [0.3, 0.5]),
    "five": ([0.4, 0.6], [[0.0, 1, 2, 3, 4], [1.0, 0, 0, 0, 0]], 0.7),
    "full": (
        [0.5, 0.5],
        [[0.0, 0.0], [3.0, 0.0]],
        [[[1.0, 0.5], [0.5, 2.0]], [[0.2, 0.0], [0.0, 0.5]]],
    ),
    "shared": ([0.3, 0.7], [[0.0, 0.0], [2.0, 3.0]], [[1.0, 0.5], [0.5, 2.0]]),
}


@pytest.mark.parametrize("name", LAWS)
@pytest.mark.parametrize("outside", [0.02, 1e-3, 1e-6])
def test_ball_of_a_mixture(name, outside):
    law = rf.GaussianMixture(*LAWS[name])
    region = rf.Region.holding(law, fraction=1 - outside)
    n = 400_000
    x = law.sample(n, rng=1)
    beyond = np.count_nonzero(~region.contains(x))
    expected = n * outside
    assert beyond <= expected + 5 * np.sqrt(expected) + 2
    assert beyond >= expected - 5 * np.sqrt(expected)
    if outside >= 1e-3:
        quantile = np.quantile(np.linalg.norm(x - region.center, axis=1), 1 - outside)
        # measured 0.998 to 1.005, sampling error included
        assert 0.97 * quantile < region.radius < 1.03 * quantile
    assert region.margin == pytest.approx(np.sqrt(np.linalg.eigvalsh(law.cov)[-1]))


@pytest.mark.slow
@pytest.mark.parametrize("unit", [1e-9, 1e-6, 1e6, 1e9])
def test_balls_know_no_units(unit):
    """Nor do they warn: the search for a centre steps in units of the ball."""
    for name in LAWS:
        weights, means, spreads = LAWS[name]
        plain = rf.Region.holding(rf.GaussianMixture(weights, means, spreads))
        law = rf.GaussianMixture(weights, unit * np.array(means), unit**2 * np.array(spreads))
        other = rf.Region.holding(law)
        assert other.radius / unit == pytest.approx(plain.radius, rel=1e-6)
        gap = np.linalg.norm(other.center / unit - plain.center)
        assert gap < 1e-4 * plain.radius


def test_ball_of_a_normal_law_is_exact():
    # P(|z| > r) = exp(-r²/2) in the plane.
    region = rf.Region.holding(rf.GaussianMixture([1.0], [[3.0, 4.0]], 4.0), fraction=1 - 1e-6)
    exact = 2 * np.sqrt(2 * np.log(1e6))
    assert exact <= region.radius < exact * (1 + 3e-6)
    np.testing.assert_allclose(region.center, [3, 4], atol=1e-6)


def test_centre_moves_where_that_helps():
    law = rf.GaussianMixture(*LAWS["lopsided"])
    region = rf.Region.holding(law)
    x = law.sample(400_000, rng=0)
    about_mean = np.quantile(np.linalg.norm(x - law.mean, axis=1), 1 - 1e-5)
    assert region.radius < 0.8 * about_mean  # measured 0.74


def test_isotropic_and_general_balls_agree():
    means = [[0.0, 0.0], [2.0, 1.0]]
    slim = rf.Region.holding(rf.GaussianMixture([0.4, 0.6], means, [0.3, 0.8]))
    matrices = [0.3 * np.eye(2), 0.8 * np.eye(2)]
    full = rf.Region.holding(rf.GaussianMixture([0.4, 0.6], means, matrices))
    assert slim.radius == pytest.approx(full.radius, rel=1e-5)


def test_kernel_density_of_many_points():
    x = np.random.default_rng(0).normal(size=(2000, 2))
    region = rf.Region.holding(rf.kernel_density(x, 0.3), fraction=0.999)
    assert 3.5 < region.radius < 4.1
    assert np.mean(region.contains(x)) >= 0.998


def test_ball_of_points():
    x = np.random.default_rng(0).normal(size=(3000, 2))
    region = rf.Region.holding(x)
    assert region.contains(x).all()
    # The smallest enclosing ball reaches at least half the diameter.
    diameter = max(np.linalg.norm(x - p, axis=1).max() for p in x)
    assert region.radius < 1.05 * diameter / np.sqrt(3)
    assert region.margin == pytest.approx(np.sqrt(np.linalg.eigvalsh(np.cov(x.T, ddof=0))[-1]))
    most = rf.Region.holding(x, fraction=0.9, margin=0.25)
    assert 0.9 <= np.mean(most.contains(x)) <= 0.9004
    assert most.margin == 0.25
    assert rf.Region.holding(x.tolist()).radius == pytest.approx(region.radius)


def test_ball_of_weighted_points():
    points = np.array([[0.0, 0.0], [1.0, 0.0], [50.0, 0.0]])
    law = rf.SampleField(points, weights=[10.0, 10.0, 0.1])
    region = rf.Region.holding(law, fraction=0.99)
    assert region.radius < 1.1
    assert list(region.contains(points)) == [True, True, False]
    assert rf.Region.holding(law).contains(points).all()


def test_ball_of_a_law_that_only_samples():
    class Ring:
        def sample(self, n, rng):
            angle = rng.uniform(0, 2 * np.pi, n)
            return np.stack([np.cos(angle), np.sin(angle)], axis=1)

    region = rf.Region.holding(Ring(), margin=0.1)
    assert region.radius == pytest.approx(1, abs=1e-2)
    assert rf.Region.holding(Ring(), margin=0.1).radius == region.radius


@pytest.mark.parametrize(
    ("law", "options", "error", "message"),
    [
        (np.eye(2), {"fraction": 1.0}, ValueError, "`fraction` must lie between 0 and 1, got 1"),
        (np.eye(2), {"fraction": 0}, ValueError, "`fraction` must lie between 0 and 1, got 0"),
        (np.eye(2), {"margin": 0.0}, ValueError, "`margin` must be positive, got 0"),
        (np.ones((3, 2)), {}, ValueError, "`law` must not be a single point"),
        (np.ones((3, 2)), {"margin": 1.0}, ValueError, "`law` must not be a single point"),
        (rf.SampleField([0.0, 1.0], [1.0, 1.0]), {}, ValueError, "SampleField without values"),
        (rf.CallableField(lambda x: x, 2), {}, TypeError, "points or an object with `sample`"),
        ([[np.nan]], {}, ValueError, "`law` must be finite"),
    ],
)
def test_bad_laws(law, options, error, message):
    with pytest.raises(error, match=message):
        rf.Region.holding(law, **options)


@pytest.mark.parametrize("components", [None, 1, 3])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_affine_data_are_reproduced(components, offset):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 3)) + offset
    shape = (3,) if components is None else (3, components)
    matrix, constant = rng.normal(size=shape), rng.normal(size=shape[1:])
    values = x @ matrix + constant
    part = fit_affine(x, values, rng.uniform(0.1, 1, 40))
    assert part.matrix.shape == shape and part.offset.shape == shape[1:]
    # measured, at offset 1e4, 5e-13 and 7e-12: rounding of the data themselves
    np.testing.assert_allclose(part.matrix, matrix, atol=1e-13 * max(1, offset))
    np.testing.assert_allclose(part(x), values, rtol=1e-12, atol=1e-13 * max(1, offset))
    gradient = part.gradient(x)
    assert gradient.shape == (40, *shape)
    np.testing.assert_array_equal(gradient[7], part.matrix)


def test_affine_fit_solves_the_weighted_normal_equations():
    rng = np.random.default_rng(0)
    x, f, w = rng.normal(size=(50, 2)), rng.normal(size=(50, 2)), rng.uniform(0, 1, 50)
    residual = f - fit_affine(x, f, w)(x)
    design = np.hstack([x, np.ones((50, 1))])
    assert np.abs(design.T @ (w[:, None] * residual)).max() < 1e-13  # measured 3e-15


def test_affine_fit_of_degenerate_points():
    x = np.array([[0.0, 0.0], [1.0, 1.0], [2.0, 2.0]])
    with pytest.warns(rf.RankWarning, match=r"3 weighted points in dimension 2 span only 1"):
        part = fit_affine(x, 4 * x[:, 0] + 1)
    np.testing.assert_allclose(part.matrix, [2, 2], atol=1e-14)
    np.testing.assert_allclose(part.offset, 1, atol=1e-14)
    with pytest.warns(rf.RankWarning, match="1 weighted points in dimension 1 span only 0"):
        part = fit_affine([[3.0]], [7.0])
    np.testing.assert_array_equal(part.matrix, [0])
    assert part.offset == 7


def test_affine_part_keeps_single_precision():
    part = AffinePart(np.ones((2, 3)), np.zeros(3))
    x = np.ones((4, 2), np.float32)
    assert part(x).dtype == part.gradient(x).dtype == np.float32
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\)"):
        part(np.ones((4, 3)))


def test_bad_affine_fits():
    x = np.eye(3)
    with pytest.raises(ValueError, match=r"`points` \(3, 3\), `values` \(2,\)"):
        fit_affine(x, [1.0, 2.0])
    with pytest.raises(ValueError, match=r"`points` \(3, 3\), `weights` \(2,\)"):
        fit_affine(x, np.ones(3), [1.0, 2.0])
    with pytest.raises(ValueError, match=r"`weights` must not be negative and not all zero"):
        fit_affine(x, np.ones(3), [1.0, 2.0, -1.0])
    with pytest.raises(ValueError, match=r"a sum of 0"):
        fit_affine(x, np.ones(3), np.zeros(3))
    with pytest.raises(ValueError, match="`values` must be finite"):
        fit_affine(x, [1.0, 2.0, np.nan])
