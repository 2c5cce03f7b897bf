"""The Radon transform: closed forms, exact adjoints, inverses and invariances."""

import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import ridgeflow as rf
from ridgeflow.closed_forms import gaussian_mixture_density, radon_gaussian_mixture


def phantom(dim, seed=0, size=6, low=0.07, high=0.14):
    """Off-centre anisotropic Gaussians inside the unit ball."""
    rng = np.random.default_rng(seed)
    covariances = []
    for _ in range(size):
        q, _ = np.linalg.qr(rng.normal(size=(dim, dim)))
        covariances.append(q @ np.diag(rng.uniform(low, high, dim) ** 2) @ q.T)
    weights = rng.uniform(0.2, 1.0, size)
    return weights / weights.sum(), rng.uniform(-0.3, 0.3, (size, dim)), np.array(covariances)


def grid_of(parts, *axes):
    return rf.GridField.from_function(lambda x: gaussian_mixture_density(x, *parts), axes)


def relative(found, truth):
    return np.linalg.norm(found - truth) / np.linalg.norm(truth)


PLANE = phantom(2, high=0.11)
LINE = np.linspace(-1.3, 1.3, 141)


@pytest.mark.parametrize("tol", [1e-3, 1e-5, 1e-8, 1e-11])
@pytest.mark.parametrize("shape", [(128, 128), (127, 150), (160, 121)])
def test_slice_method_keeps_its_tolerance(shape, tol):
    axes = [np.linspace(-1, 1 + 0.1 * i, n) for i, n in enumerate(shape)]
    u, _ = rf.directions(2, 60)
    truth = radon_gaussian_mixture(u, LINE, *PLANE)
    error = relative(rf.radon(grid_of(PLANE, *axes), u, LINE, tol=tol), truth)
    assert error < tol  # measured 0.37, 0.24, 0.03, 0.03 of tol


def test_slice_method_converges_spectrally():
    u, _ = rf.directions(2, 30)
    truth = radon_gaussian_mixture(u, LINE, *PLANE)
    sizes = np.array([24, 32, 40, 48])
    errors = [
        relative(rf.radon(grid_of(PLANE, *[np.linspace(-1, 1, n)] * 2), u, LINE, tol=1e-12), truth)
        for n in sizes
    ]
    # The order between neighbouring sizes grows: no power of the spacing keeps up.
    orders = -np.diff(np.log(errors)) / np.diff(np.log(sizes))
    assert (orders > [9, 14, 20]).all()  # measured 11.8, 18.3, 27.0
    assert (np.diff(orders) > 0).all()


@pytest.mark.parametrize(
    ("dim", "n", "bound"),
    [(1, 90, 1e-9), (3, 64, 1e-9), (4, 24, 1e-3)],  # measured 2e-11, 2e-11, 2e-4 (unresolved)
)
def test_other_dimensions(dim, n, bound):
    parts = phantom(dim, low=0.08, high=0.1)
    axes = [np.linspace(-1, 1, n + i) for i in range(dim)]
    u, _ = rf.directions(dim, 40 if dim < 4 else 6)
    u = np.concatenate([u, -u[:1]])
    p = np.linspace(-1.7, 1.7, 61)
    found = rf.radon(grid_of(parts, *axes), u, p, tol=1e-9)
    assert relative(found, radon_gaussian_mixture(u, p, *parts)) < bound


@pytest.mark.parametrize("model", ["bilinear", "pixel"])
def test_line_method_is_of_second_order(model):
    # Off the axes: along them nothing averages the jumps of the pixel model.
    u, _ = rf.directions(2, 25)
    u = u[np.abs(u).min(axis=1) > 0.05]
    truth = radon_gaussian_mixture(u, LINE, *PLANE)
    errors = [
        relative(
            rf.radon(
                grid_of(PLANE, *[np.linspace(-1, 1, n)] * 2), u, LINE, method="line", model=model
            ),
            truth,
        )
        for n in (181, 256, 362)
    ]
    order = np.log2(errors[0] / errors[2])
    assert 1.7 < order < 2.5  # measured 2.0 for both


GEOMETRIES = [
    ((32, 32), 2, "slice"),
    ((31, 40), 2, "slice"),
    ((33, 18), 2, "line"),
    ((16, 16), 2, "line"),
    ((9, 12, 15), 3, "slice"),
    ((40,), 1, "slice"),
    ((4, 5, 6, 3), 4, "slice"),
    ((1, 17), 2, "slice"),
]


@pytest.mark.parametrize(("shape", "dim", "method"), GEOMETRIES)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_adjoint_is_the_transpose(shape, dim, method, dtype):
    axes = tuple(0.3 * i + np.linspace(-1, 1, n) * (1 + 0.2 * i) for i, n in enumerate(shape))
    u, _ = rf.directions(dim, 13)
    u = np.concatenate([u, -u[:3]])
    tol = 1e-5 if dtype == np.float32 else 1e-10
    plan = rf.RadonPlan(axes, u, np.linspace(-2, 1.5, 29), method=method, tol=tol, dtype=dtype)
    assert rf.dot_test(plan) < (1e-5 if dtype == np.float32 else 1e-12)  # measured 2e-8, 2e-17


def test_plans_are_safe_under_threads_and_give_the_same_for_any_number():
    from concurrent.futures import ThreadPoolExecutor

    field = grid_of(PLANE, *[np.linspace(-1, 1, 64)] * 2)
    u, _ = rf.directions(2, 40)
    plan = rf.RadonPlan(field, u, LINE)
    truth = plan(field.values)
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: plan(field.values), range(8)):
            assert np.array_equal(found, truth)
    with rf.config(threads=1):
        assert np.array_equal(plan(field.values), truth)
        assert np.array_equal(plan.adjoint(truth), plan.adjoint(truth))


def test_components_and_complex_values():
    axes = tuple([np.linspace(-1, 1, 40)] * 2)
    rng = np.random.default_rng(0)
    values = rng.normal(size=(40, 40, 3))
    u, _ = rf.directions(2, 7)
    plan = rf.RadonPlan(axes, u, LINE)
    each = np.stack([plan(values[..., c]) for c in range(3)], axis=-1)
    assert np.array_equal(plan(values), each)
    assert np.allclose(plan(values[..., 0] + 1j * values[..., 1]), each[..., 0] + 1j * each[..., 1])
    assert plan.adjoint(each).shape == (40, 40, 3)


def test_single_precision_stays_single():
    axes = tuple([np.linspace(-1, 1, 64, dtype=np.float32)] * 2)
    field = rf.GridField(grid_of(PLANE, *axes).values.astype(np.float32), axes)
    u, _ = rf.directions(2, 20)
    found = rf.radon(field, u, LINE, tol=1e-5)
    assert found.dtype == np.float32
    assert relative(found, radon_gaussian_mixture(u, LINE, *PLANE)) < 1e-5  # measured 2.4e-6
    assert rf.radon_adjoint(found, u, LINE, axes).dtype == np.float32


@pytest.mark.parametrize(("dim", "n", "count"), [(1, 80, 1), (2, 96, 120), (3, 40, 900)])
def test_inverse_recovers_the_field(dim, n, count):
    # Directions must resolve the wave numbers over the diameter: fewer of them, smoother fields.
    low = 0.12 if dim < 3 else 0.35
    parts = phantom(dim, low=low, high=low + 0.04)
    axes = tuple(np.linspace(-1, 1, n - i) for i in range(dim))
    field = grid_of(parts, *axes)
    u, w = rf.directions(dim, count)
    p = np.linspace(-3.0, 3.0, 3 * n)
    sinogram = radon_gaussian_mixture(u, p, *parts)
    found = rf.radon_inverse(sinogram, u, p, axes, weights=w)
    assert relative(found, field.values) < 1e-6  # measured 2e-11, 4e-10, 2e-9
    if dim == 2:
        shuffled = np.random.default_rng(0).permutation(count)
        turned = np.where(np.arange(count)[:, None] % 2, -u, u)[shuffled]
        flipped = radon_gaussian_mixture(turned, p, *parts)
        assert relative(rf.radon_inverse(flipped, turned, p, axes), field.values) < 1e-6


def test_planned_inverse_is_the_inverse():
    axes = tuple([np.linspace(-1, 1, 40)] * 2)
    u, w = rf.directions(2, 30)
    p = np.linspace(-1.5, 1.5, 64)
    sinogram = radon_gaussian_mixture(u, p, *PLANE)
    plan = rf.RadonPlan(axes, u, p, tol=1e-9)
    found = plan.inverse(sinogram, weights=w, filter="hann")
    assert np.array_equal(found, rf.radon_inverse(sinogram, u, p, axes, weights=w, filter="hann"))
    assert np.array_equal(plan.inverse(sinogram, weights=w, filter="hann"), found)
    single = rf.RadonPlan(axes, u, p, tol=1e-5, dtype=np.float32)
    assert single.inverse(sinogram.astype(np.float32)).dtype == np.float32


def test_inverse_on_a_coarse_grid_is_the_field_there():
    parts = phantom(2, low=0.06, high=0.08)
    u, w = rf.directions(2, 150)
    p = np.linspace(-1.5, 1.5, 201)
    axes = tuple([np.linspace(-0.9, 0.9, 12)] * 2)
    found = rf.radon_inverse(radon_gaussian_mixture(u, p, *parts), u, p, axes, weights=w)
    assert relative(found, grid_of(parts, *axes).values) < 1e-6  # measured 3e-10
    # Two coordinates far apart, and one alone, are no less.
    size = np.abs(grid_of(parts, *axes).values).max()
    sinogram = radon_gaussian_mixture(u, p, *parts)
    for few in ([[-0.4, 0.5], [0.1]], [[-0.4], [0.1]], [[0.1], [-0.4, 0.5]], [[-0.4, 0.5]] * 2):
        found = rf.radon_inverse(sinogram, u, p, tuple(np.array(c) for c in few), weights=w)
        x = np.stack(np.meshgrid(*few, indexing="ij"), axis=-1)
        exact = gaussian_mixture_density(x.reshape(-1, 2), *parts).reshape(x.shape[:2])
        assert found.shape == exact.shape
        assert np.abs(found - exact).max() < 1e-8 * size  # measured 3e-11


@pytest.mark.parametrize("name", ["shepp-logan", "cosine", "hann", "hamming"])
def test_windows_damp_and_keep_the_mean(name):
    u, w = rf.directions(2, 90)
    p = np.linspace(-1.6, 1.6, 129)
    axes = tuple([np.linspace(-1.2, 1.2, 65)] * 2)
    sinogram = radon_gaussian_mixture(u, p, *PLANE)
    ramp = rf.radon_inverse(sinogram, u, p, axes, weights=w)
    soft = rf.radon_inverse(sinogram, u, p, axes, weights=w, filter=name)
    assert soft.max() < ramp.max()
    assert soft.sum() == pytest.approx(ramp.sum(), rel=1e-6)  # measured 1e-12


@pytest.mark.parametrize("dim", [2, 3, 4])
def test_filter_against_its_closed_form(dim):
    # Lambda of a Gaussian: 1/pi (1 - 2 z F(z)) with Dawson's F, z = p/sqrt 2; Lambda^2 = -d^2/dp^2.
    from scipy.special import dawsn

    p = np.linspace(-12, 12, 385)
    g = np.exp(-0.5 * p**2) / np.sqrt(2 * np.pi)
    z = p / np.sqrt(2)
    f = dawsn(z)
    ramp = (1 - 2 * z * f) / np.pi
    second = (1 - p**2) * g
    third = np.zeros_like(p)
    step = p[1] - p[0]
    if dim == 4:
        fine = np.linspace(-12, 12, 3841)
        zf = fine / np.sqrt(2)
        values = (1 - 2 * zf * dawsn(zf)) / np.pi
        # Fourth-order differences of the closed form, at a tenth of the step.
        h = fine[1] - fine[0]
        numeric = np.zeros_like(fine)
        numeric[2:-2] = (
            values[4:] - 16 * values[3:-1] + 30 * values[2:-2] - 16 * values[1:-3] + values[:-4]
        ) / (12 * h**2)
        third = numeric[::10]
    truth = {2: ramp, 3: second, 4: third}[dim]
    found = rf.filter_sinogram(g[None], p, dim)[0]
    inner = np.abs(p) < 10
    tolerance = {2: 1e-12, 3: 1e-11, 4: 1e-8}[dim]  # measured 2e-15, 6e-14, 3e-10 (differences)
    assert step < 0.1 and np.abs(found - truth)[inner].max() < tolerance


def test_dual_is_the_integral_over_the_sphere():
    # R* of the sinogram of a radial Gaussian at the origin: 2 pi g(0).
    u, w = rf.directions(2, 64)
    parts = (np.ones(1), np.zeros((1, 2)), np.array([0.04 * np.eye(2)]))
    s = radon_gaussian_mixture(u, LINE, *parts)
    x = np.array([[0.0, 0.0], [0.3, -0.4]])
    fine = np.linspace(0, 2 * np.pi, 4001)[:-1]
    profile = np.exp(-((0.5 * np.cos(fine)) ** 2) / 0.08) / np.sqrt(0.08 * np.pi)
    truth = [2 * np.pi / np.sqrt(0.08 * np.pi), profile.mean() * 2 * np.pi]
    found = rf.dual_radon(s, u, LINE, x, weights=w)
    assert np.allclose(found, truth, rtol=1e-8)  # measured 8e-11
    assert np.allclose(rf.dual_radon(s, u, LINE, x), found, rtol=1e-12)


def test_dual_and_filter_invert_together():
    u, w = rf.directions(2, 120)
    p = np.linspace(-3, 3, 401)
    s = radon_gaussian_mixture(u, p, *PLANE)
    x = np.random.default_rng(0).uniform(-0.6, 0.6, (40, 2))
    found = rf.dual_radon(rf.filter_sinogram(s, p, 2), u, p, x, weights=w) / (4 * np.pi)
    truth = gaussian_mixture_density(x, *PLANE)
    assert np.abs(found - truth).max() < 1e-6 * truth.max()  # measured 7e-8: degree 7 in the offset


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-12])
def test_scattered_samples_are_smoothed(tol):
    rng = np.random.default_rng(3)
    x, y, w = rng.normal(size=(400, 3)), rng.normal(size=(400, 2)), rng.random(400)
    u, _ = rf.directions(3, 9)
    p = np.linspace(-6, 6, 80)
    found = rf.radon(rf.SampleField(x, y, w), u, p, bandwidth=0.3, tol=tol)
    kernel = np.exp(-0.5 * ((u @ x.T)[:, None, :] - p[None, :, None]) ** 2 / 0.09)
    truth = (kernel / np.sqrt(0.18 * np.pi)) @ (w[:, None] * y)
    assert relative(found, truth) < tol  # measured 4e-6, 3e-10, 4e-14


@settings(max_examples=15, deadline=None)
@given(st.floats(0, np.pi), st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.integers(0, 5))
def test_invariances(angle, a, b, seed):
    axis = np.linspace(-2, 2, 96)
    parts = phantom(2, seed=seed, low=0.12, high=0.2)
    field = grid_of(parts, axis, axis)
    u = np.array([[np.cos(angle), np.sin(angle)]])
    p = np.linspace(-2.4, 2.4, 97)
    found = rf.radon(field, u, p, tol=1e-10)
    size = np.abs(found).max()
    # Evenness.
    assert np.abs(rf.radon(field, -u, -p[::-1], tol=1e-10)[:, ::-1] - found).max() < 1e-8 * size
    # Mass.
    mass = field.values.sum() * float(np.prod(field.spacing))
    assert found.sum() * (p[1] - p[0]) == pytest.approx(mass, rel=1e-9)
    # Shift: R[f(. - c)](u, p) = Rf(u, p - u.c), here by moving the axes.
    moved = rf.GridField(field.values, (axis + a, axis + b))
    shift = float(u[0] @ [a, b])
    assert np.abs(rf.radon(moved, u, p + shift, tol=1e-10) - found).max() < 1e-8 * size
    # Rotation by a quarter turn.
    turned = rf.GridField(np.rot90(field.values), (axis, axis))
    quarter = np.array([[-u[0, 1], u[0, 0]]])
    assert np.abs(rf.radon(turned, quarter, p, tol=1e-10) - found).max() < 1e-8 * size
    # Linearity.
    other = rf.GridField(field.values**2, (axis, axis))
    both = rf.GridField(a * field.values + b * other.values, (axis, axis))
    sum_ = a * found + b * rf.radon(other, u, p, tol=1e-10)
    scale = np.abs(sum_).max() + size
    assert np.abs(rf.radon(both, u, p, tol=1e-10) - sum_).max() < 1e-8 * scale


def test_intertwining_with_the_laplacian():
    axis = np.linspace(-1.5, 1.5, 160)
    weights, means, covariances = PLANE
    u, _ = rf.directions(2, 15)

    def laplacian(x):
        total = np.zeros(len(x))
        for w, m, c in zip(weights, means, covariances, strict=True):
            inverse = np.linalg.inv(c)
            score = (x - m) @ inverse
            density = gaussian_mixture_density(x, np.ones(1), m[None], c[None])
            total += w * density * ((score**2).sum(1) - np.trace(inverse))
        return total

    found = rf.radon(rf.GridField.from_function(laplacian, (axis, axis)), u, LINE, tol=1e-10)
    truth = np.zeros_like(found)
    for w, m, c in zip(weights, means, covariances, strict=True):
        v = np.einsum("ud,de,ue->u", u, c, u)[:, None]
        z = LINE[None] - (u @ m)[:, None]
        truth += w * np.exp(-0.5 * z**2 / v) / np.sqrt(2 * np.pi * v) * (z**2 / v**2 - 1 / v)
    assert relative(found, truth) < 1e-8  # measured 4e-11


def test_linear_operator_reconstructs_iteratively():
    from scipy.sparse.linalg import lsqr

    field = grid_of(phantom(2, low=0.15, high=0.2), *[np.linspace(-1, 1, 24)] * 2)
    u, _ = rf.directions(2, 24)
    p = np.linspace(-1.4, 1.4, 41)
    operator = rf.RadonPlan(field, u, p).as_linear_operator()
    assert operator.shape == (24 * 41, 24 * 24)
    found = lsqr(operator, operator.matvec(field.values.ravel()), iter_lim=60)[0]
    assert relative(found, field.values.ravel()) < 1e-3  # measured 5e-5


AXES = tuple([np.linspace(-1, 1, 16)] * 2)
FIELD = rf.GridField(np.ones((16, 16)), AXES)
U = np.array([[1.0, 0.0]])
P = np.linspace(-2, 2, 41)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: rf.radon(FIELD, [[1.0, 1.0]], P), ValueError, "got norm 1.41421 at row 0"),
        (lambda: rf.radon(FIELD, U, [0.0, 1.0, 3.0]), ValueError, "`offsets` must be uniform"),
        (lambda: rf.radon(FIELD, [[1.0, 0.0, 0.0]], P), ValueError, r"shape \(n, 2\)"),
        (lambda: rf.radon(FIELD, U, P, tol=1e-15), ValueError, "`tol` must lie in"),
        (lambda: rf.radon(FIELD, U, P, method="lines"), ValueError, "did you mean 'line'"),
        (lambda: rf.radon(FIELD, U, P, method="exact"), ValueError, "needs a GaussianMixture"),
        (lambda: rf.radon(FIELD, U, P, bandwidth=1.0), ValueError, "scattered samples"),
        (lambda: rf.radon(np.ones((3, 3)), U, P), TypeError, "`field` must be a GridField"),
        (lambda: rf.radon(rf.SampleField([[0.0, 1.0]]), U, P), ValueError, "`bandwidth` must be"),
        (
            lambda: rf.radon(rf.SampleField([[0.0, 1.0]]), U, P, bandwidth=-1.0),
            ValueError,
            "`bandwidth` must be positive",
        ),
        (
            lambda: rf.RadonPlan((np.arange(3.0),) * 3, [[1.0, 0, 0]], P, method="line"),
            ValueError,
            "two dimensions",
        ),
        (lambda: rf.RadonPlan(AXES, U, P)(np.ones((3, 3))), ValueError, r"shape \(16, 16\)"),
        (lambda: rf.RadonPlan(AXES, U, P, dtype=np.int64), ValueError, "float32 or float64"),
        (
            lambda: rf.RadonPlan(AXES, U, P, dtype=np.float32, tol=1e-9),
            ValueError,
            "pass float64 values",
        ),
        (lambda: rf.RadonPlan(5, U, P), TypeError, "`field_or_axes` must be"),
        (
            lambda: rf.RadonPlan(AXES, U, P)(np.full((16, 16), np.nan)),
            ValueError,
            "`values` must be finite",
        ),
        (
            lambda: rf.radon_inverse(np.ones((2, 41)), U, P, AXES),
            ValueError,
            r"shape \(1, 41\), the numbers",
        ),
        (
            lambda: rf.radon_inverse(np.full((1, 41), "1"), U, P, AXES),
            TypeError,
            "`sinogram` must be numeric",
        ),
        (lambda: rf.radon_inverse(np.ones((1, 41)), U, P, 5), TypeError, "`axes` must be a list"),
        (lambda: rf.RadonPlan(AXES[0], U, P), ValueError, r"write `\(axis,\)`"),
        (lambda: rf.RadonPlan(AXES, U, P, dtype="single?"), ValueError, "got 'single"),
        (lambda: rf.filter_sinogram(np.ones((1, 41)), P, 10**9), ValueError, "`dim` must leave"),
        (lambda: rf.dot_test(lambda x: x), TypeError, "`plan` must be a RadonPlan"),
        (
            lambda: rf.radon_inverse(np.ones((1, 41)), [[1.0, 0, 0]], P, (*AXES, AXES[0])),
            ValueError,
            "`weights` must be given in 3 dimensions",
        ),
        (
            lambda: rf.radon_inverse(np.ones((1, 41)), U, P, AXES, weights=[1.0, 2.0]),
            ValueError,
            "`weights` must hold 1 values",
        ),
        (
            lambda: rf.radon_inverse(np.ones((1, 41)), U, P, AXES, filter="han"),
            ValueError,
            "did you mean 'hann'",
        ),
        (
            lambda: rf.dual_radon(np.ones((1, 5)), U, np.arange(5.0), [[0.0, 0.0]]),
            ValueError,
            "at least 8",
        ),
        (lambda: rf.filter_sinogram(np.ones((1, 5)), P, 2), ValueError, "41 offsets"),
    ],
)
def test_bad_input_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()


def test_offsets_that_lose_mass_warn_with_the_share():
    field = grid_of(PLANE, *[np.linspace(-1, 1, 64)] * 2)
    u, _ = rf.directions(2, 4)
    with pytest.warns(rf.AccuracyWarning, match=r"miss [\d.]+ % of the mass"):
        rf.radon(field, u, np.linspace(-0.2, 0.2, 21))
    with pytest.warns(rf.AccuracyWarning, match="smaller step"):
        rf.radon(field, u, np.linspace(-1.2, 1.2, 5))


@pytest.mark.parametrize("unit", [1e-140, 1e-30, 1e-5, 1e5, 1e30, 1e140])
@pytest.mark.parametrize("dim", [2, 3])
def test_transforms_have_the_unit_of_length(dim, unit):
    rng = np.random.default_rng(7)
    axis, p = np.linspace(-1, 1.2, 9), np.linspace(-2, 2.1, 30)
    u, w = rf.directions(dim, 12)
    values, sinogram = rng.normal(size=(9,) * dim), rng.normal(size=(12, 30))
    points, h = rng.normal(size=(20, dim)) + 0.5, 0.2
    here, there = (axis,) * dim, (unit * axis,) * dim

    def same(found, truth, power):
        truth = truth * unit**power
        assert np.abs(found - truth).max() < 1e-10 * np.abs(truth).max()  # measured 2e-12

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)  # noise is not contained
        fields = [rf.GridField(values, here), rf.GridField(values, there)]
        same(rf.radon(fields[1], u, unit * p), rf.radon(fields[0], u, p), dim - 1)
        samples = [rf.SampleField(points), rf.SampleField(unit * points)]
        found = rf.radon(samples[1], u, unit * p, bandwidth=unit * h)
        same(found, rf.radon(samples[0], u, p, bandwidth=h), -1)
    same(
        rf.radon_adjoint(sinogram, u, unit * p, there),
        rf.radon_adjoint(sinogram, u, p, here),
        dim - 1,
    )
    same(
        rf.radon_inverse(sinogram, u, unit * p, there, weights=w),
        rf.radon_inverse(sinogram, u, p, here, weights=w),
        1 - dim,
    )
    same(
        rf.dual_radon(sinogram, u, unit * p, unit * points[:5], weights=w),
        rf.dual_radon(sinogram, u, p, points[:5], weights=w),
        0,
    )
    same(rf.filter_sinogram(sinogram, unit * p, dim), rf.filter_sinogram(sinogram, p, dim), 1 - dim)
    if dim == 2:
        for model in ("bilinear", "pixel"):
            plans = [
                rf.RadonPlan(axes, u, q, method="line", model=model)
                for axes, q in ((there, unit * p), (here, p))
            ]
            same(plans[0](values), plans[1](values), 1)
            same(plans[0].adjoint(sinogram), plans[1].adjoint(sinogram), 1)


def test_offsets_far_from_samples_cost_nothing_and_are_zero():
    points = np.random.default_rng(8).normal(size=(30, 2))
    u, _ = rf.directions(2, 6)
    field = rf.SampleField(points)
    near = np.linspace(-6, 6, 61)
    far = np.arange(-100000, 100001) * 0.2
    found = rf.radon(field, u, far, bandwidth=0.3)
    expected = rf.radon(field, u, near, bandwidth=0.3)
    middle = np.abs(far) < 6.1
    assert np.abs(found[:, middle] - expected).max() < 1e-8 * expected.max()  # measured 4e-10
    assert not found[:, np.abs(far) > 7].any()
    with pytest.warns(rf.AccuracyWarning, match="miss 100 %"):
        assert not rf.radon(field, u, 1e12 + near, bandwidth=0.3).any()


@pytest.mark.parametrize("bandwidth", [1e-300, 1e-16, 1e-7])
def test_bandwidths_beyond_the_budget_are_refused(bandwidth):
    field = rf.SampleField([[0.0, 0.0], [1.0, 2.0]])
    with (
        rf.config(memory_budget=2**28),
        pytest.raises(rf.MemoryBudgetError, match="widen the bandwidth"),
    ):
        rf.radon(field, U, P, bandwidth=bandwidth)


def test_values_that_overflow_are_refused():
    values = np.full((16, 16), 1e308)
    with pytest.raises(ValueError, match="`values` must be small enough"):
        rf.RadonPlan(AXES, U, P)(values)
    with pytest.raises(ValueError, match="`sinogram` must be small enough"):
        rf.filter_sinogram(np.full((1, 41), 3e38, np.float32), 1e-3 * P, 2)
    with pytest.raises(rf.MemoryBudgetError, match="a grid as fine as the step"):
        rf.radon_inverse(np.ones((1, 41)), U, 1e-9 * P, AXES)


def test_a_plan_beyond_the_budget_is_refused():
    u, _ = rf.directions(2, 200)
    with rf.config(memory_budget=2**20), pytest.raises(MemoryError, match="split the directions"):
        rf.RadonPlan(AXES, u, np.linspace(-2, 2, 2000))


def test_a_sinogram_counts_every_component_in_the_budget():
    axes = tuple([np.linspace(-1, 1, 8)] * 2)
    u, _ = rf.directions(2, 40)
    p = np.linspace(-2, 2, 100)  # 32 kB for each component
    field = rf.GridField(np.ones((8, 8, 40)), axes)
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="a sinogram of 40 directions and 100 offsets"),
    ):
        rf.radon(field, u, p)


@pytest.mark.parametrize("method", ["slice", "line"])
def test_a_plan_survives_pickling(method):
    field = grid_of(PLANE, *[np.linspace(-1, 1, 24)] * 2)
    plan = rf.RadonPlan(field, U, P, method=method, tol=1e-6)
    copy = pickle.loads(pickle.dumps(plan))
    np.testing.assert_array_equal(copy(field.values), plan(field.values))


@pytest.mark.parametrize("shape", [(1, 9), (2, 3), (1, 1), (3, 2, 2)])
def test_grids_narrower_than_the_window(shape):
    rng = np.random.default_rng(3)
    axes = tuple(np.arange(n) * 0.5 for n in shape)
    u, _ = rf.directions(len(shape), 7)
    p = np.linspace(-1.5, 2.5, 14)
    values = rng.normal(size=shape)
    fine = rf.RadonPlan(axes, u, p, tol=1e-12)
    coarse = rf.RadonPlan(axes, u, p, tol=1e-4)
    gap = np.linalg.norm(coarse(values) - fine(values))
    assert gap < 1e-4 * np.linalg.norm(fine(values))  # measured up to 1.2e-6
    assert rf.dot_test(fine) < 1e-12  # measured 7e-17
    assert rf.dot_test(coarse) < 1e-12


def test_a_transpose_that_is_none_is_told_by_its_size():
    """By the definition, in units of both sizes: three times the transpose is off by two of it."""

    class Wrong:
        shape, directions, offsets = (8, 8), U, P
        plan = rf.RadonPlan(tuple([np.linspace(-1, 1, 8)] * 2), U, P)

        def __call__(self, x):
            return self.plan(x)

        def adjoint(self, y):
            return 3 * self.plan.adjoint(y)

    rng, wrong = np.random.default_rng(5), Wrong()
    x = rng.normal(size=(8, 8))
    y = rng.normal(size=(len(U), len(P)))
    image = wrong(x)
    expected = 2 * abs((image * y).sum()) / np.linalg.norm(image) / np.linalg.norm(y)
    assert rf.dot_test(wrong, rng=5) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("method", ["slice", "line"])
def test_one_call_checks_and_plans_its_geometry_once(monkeypatch, method):
    from ridgeflow.radon_transform import forward, inverse

    calls = []
    for module in (forward, inverse):
        for name in ("as_directions", "uniform_axis", "SlicePlan"):
            function = getattr(module, name)

            def counted(*given, _name=name, _function=function, **options):
                calls.append(_name if _name != "uniform_axis" else given[1])
                return _function(*given, **options)

            monkeypatch.setattr(module, name, counted)
    u, weights = rf.directions(2, 8)
    field = grid_of(PLANE, LINE, LINE)
    sinogram = rf.radon(field, u, LINE, method=method)
    assert calls.count("as_directions") == calls.count("offsets") == 1
    assert calls.count("SlicePlan") == (method == "slice")
    calls.clear()
    rf.radon_inverse(sinogram, u, LINE, field, weights=weights)
    assert [calls.count(name) for name in ("as_directions", "offsets", "SlicePlan")] == [1, 1, 1]


@pytest.mark.parametrize("shift", [0, -60])
def test_tails_below_rounding_are_left_out_in_single_precision(shift):
    # Tails far below the least normal number, and a field that is small as a whole.
    axis = np.linspace(-1, 1, 24)
    square = axis[:, None, None] ** 2 + axis[:, None] ** 2 + axis**2
    values = (np.exp(-60 * square) * 2.0**shift).astype(np.float32)
    u, _ = rf.directions(3, 40)
    offsets = np.linspace(-1.5, 1.5, 31)
    found = rf.radon(rf.GridField(values, (axis,) * 3), u, offsets)
    exact = rf.radon(rf.GridField(values.astype(np.float64), (axis,) * 3), u, offsets)
    assert found.dtype == np.float32
    # measured 2.1e-7
    assert np.abs(found - exact).max() < 1e-6 * exact.max()
