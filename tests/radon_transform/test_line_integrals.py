"""Line integrals of pixel and bilinear images against clipping, quadrature and closed forms."""

import numpy as np
import pytest

from ridgeflow import config
from ridgeflow._kernels import line_integrals
from ridgeflow._kernels.line_integrals import back_project, project
from ridgeflow.closed_forms import gaussian_mixture_density, radon_gaussian_mixture

MODELS = ("pixel", "bilinear")
# Odd, even, rectangular, single rows, and more than one block of lanes along either axis.
SHAPES = ((1, 1), (1, 6), (7, 1), (8, 5), (13, 40), (71, 6), (33, 32))


def unit(angles):
    angles = np.atleast_1d(np.asarray(angles, dtype=float))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def axes(shape, origin, spacing):
    return [o + h * np.arange(n) for n, o, h in zip(shape, origin, spacing)]


def pixel_oracle(f, origin, spacing, u, p):
    """Lengths of the line {pu + s u⊥} in the cells, by clipping s against their two slabs."""
    low, high = np.full(f.shape, -np.inf), np.full(f.shape, np.inf)
    centers = np.meshgrid(*axes(f.shape, origin, spacing), indexing="ij")
    for position, slope, center, h in zip(p * u, (-u[1], u[0]), centers, spacing):
        if slope == 0.0:
            high = np.where(np.abs(position - center) < 0.5 * h, high, -np.inf)
            continue
        ends = (center - position) / slope
        low = np.maximum(low, ends - 0.5 * h / abs(slope))
        high = np.minimum(high, ends + 0.5 * h / abs(slope))
    return float((f * np.maximum(high - low, 0.0)).sum())


def bilinear_oracle(f, origin, spacing, u, p):
    """Gauss-Legendre between crossings of the grid's lines, where the interpolant is quadratic."""
    slope = np.array([-u[1], u[0]])
    cuts = []
    for position, v, o, h, n in zip(p * u, slope, origin, spacing, f.shape):
        if v != 0.0:
            cuts.append((o + h * np.arange(-1, n + 1) - position) / v)
    reach = np.abs(origin).max() + (np.array(f.shape) * spacing).sum() + abs(p)
    cuts = np.clip(np.sort(np.concatenate(cuts)), -reach, reach)
    padded = np.pad(f, 2)
    nodes, weights = np.polynomial.legendre.leggauss(3)
    half = 0.5 * np.diff(cuts)
    s = (0.5 * (cuts[1:] + cuts[:-1]))[:, None] + half[:, None] * nodes
    z = (p * u + s[..., None] * slope - origin) / spacing + 2
    z = np.clip(z, 0.0, np.array(padded.shape) - 1.0000001)
    k = np.floor(z).astype(int)
    t = z - k
    i, j, a, b = k[..., 0], k[..., 1], t[..., 0], t[..., 1]
    value = (1 - a) * ((1 - b) * padded[i, j] + b * padded[i, j + 1])
    value += a * ((1 - b) * padded[i + 1, j] + b * padded[i + 1, j + 1])
    return float((value * weights * half[:, None]).sum())


ORACLES = {"pixel": pixel_oracle, "bilinear": bilinear_oracle}


def oracle(model, f, origin, spacing, directions, offsets):
    integral = ORACLES[model]
    return np.array([[integral(f, origin, spacing, u, p) for p in offsets] for u in directions])


def compare(model, shape, directions, p0, dp, n_offsets, tolerance, dtype=np.float64):
    rng = np.random.default_rng(1)
    f = rng.standard_normal(shape).astype(dtype)
    origin, spacing = np.array([-0.37, 0.23]), np.array([0.11, 0.07])
    got = project(f, origin, spacing, directions, p0, dp, n_offsets, model)
    want = oracle(
        model, f.astype(float), origin, spacing, directions, p0 + dp * np.arange(n_offsets)
    )
    assert got.dtype == dtype
    assert np.abs(want).max() > 0.0
    np.testing.assert_allclose(got, want, rtol=0, atol=tolerance * np.abs(want).max())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", SHAPES)
def test_projection_matches_integration_along_rays(model, shape):
    rng = np.random.default_rng(2)
    directions = unit(rng.uniform(0, 2 * np.pi, 8))
    # Measured 2e-14.
    compare(model, shape, directions, -1.01, 0.0371, 60, 5e-14)
    # Measured 2.2e-7.
    compare(model, shape, directions, -1.01, 0.0371, 60, 2e-6, np.float32)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("angle", np.arange(8) * np.pi / 4)
def test_axis_parallel_and_diagonal_directions(model, angle):
    # Measured 2e-14.
    compare(model, (9, 12), unit(angle), -1.3, 0.0437, 63, 1e-13)
    # Directions with exact zeros, and cells whose diagonal the rays follow.
    exact = {0: [1.0, 0.0], 2: [0.0, 1.0], 4: [-1.0, 0.0], 6: [0.0, -1.0]}
    u = exact.get(round(angle * 4 / np.pi), [0.07, 0.11])
    u = np.array([u]) / np.linalg.norm(u)
    compare(model, (9, 12), u, -1.3, 0.0437, 63, 1e-13)


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("tilt", 10.0 ** -np.arange(1, 19))
def test_nearly_axis_parallel_directions(model, tilt):
    for u in ([1.0, tilt], [-tilt, 1.0]):
        u = np.array([u]) / np.hypot(1.0, tilt)
        # Measured 1.2e-14 (bilinear), 1.4e-13 (pixel: its jump of width r magnifies rounding).
        compare(model, (10, 7), u, -1.3, 0.0437, 63, 1e-13 if model == "bilinear" else 1e-12)


@pytest.mark.parametrize("model", MODELS)
def test_one_sample_has_the_mass_of_its_footprint(model):
    origin, spacing = np.array([0.3, -0.2]), np.array([0.5, 0.2])
    f = np.ones((1, 1))
    directions = unit(np.linspace(0.05, 6.2, 17))
    dp = 1e-4
    got = project(f, origin, spacing, directions, -1.5, dp, 30001, model)
    # The rectangle rule in p over a piecewise polynomial; measured 4.6e-7, 2e-13.
    np.testing.assert_allclose(got.sum(axis=1) * dp, 0.1, rtol=2e-6 if model == "pixel" else 1e-12)
    reach = 0.5 if model == "pixel" else 1.0
    offsets = -1.5 + dp * np.arange(30001)
    for u, row in zip(directions, got):
        beyond = np.abs(offsets - u @ origin) > reach * np.abs(u) @ spacing + 1e-12
        assert np.all(row[beyond] == 0.0)
        assert np.all(row >= 0.0)


@pytest.mark.parametrize("model", MODELS)
def test_offsets_finer_than_samples_hold_the_mass(model):
    f = np.random.default_rng(3).standard_normal((37, 20)) + 1.0
    origin, spacing = np.array([-1.0, -0.7]), np.array([0.05, 0.08])
    directions = unit(np.linspace(0.1, 3.3, 9))
    dp = 0.0013
    got = project(f, origin, spacing, directions, -2.6, dp, 4001, model)
    # Measured 4.8e-6 (pixel), 5e-10 (bilinear): the rectangle rule at the kinks.
    np.testing.assert_allclose(
        got.sum(axis=1) * dp, f.sum() * 0.004, rtol=2e-5 if model == "pixel" else 2e-9
    )


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("shape", [*SHAPES, (64, 65)])
@pytest.mark.parametrize(("dtype", "tolerance"), [(np.float64, 1e-12), (np.float32, 1e-5)])
def test_transpose_is_exact(model, shape, dtype, tolerance):
    rng = np.random.default_rng(4)
    origin, spacing = np.array([-0.37, 0.23]), np.array([0.11, 0.07])
    angles = np.concatenate([rng.uniform(0, 2 * np.pi, 11), np.arange(8) * np.pi / 4])
    directions = unit(angles)
    # Offsets coarser and finer than the samples, downwards, and shorter than the image.
    for p0, dp, n in ((-4.0, 0.21, 51), (-1.0, 0.013, 150), (3.0, -0.09, 64), (0.2, 0.05, 3)):
        x = rng.standard_normal(shape).astype(dtype)
        y = rng.standard_normal((len(directions), n)).astype(dtype)
        ax = project(x, origin, spacing, directions, p0, dp, n, model)
        aty = back_project(y, origin, spacing, shape, directions, p0, dp, model)
        assert aty.dtype == dtype and aty.shape == shape
        gap = np.vdot(ax.astype(float), y) - np.vdot(x.astype(float), aty)
        # Measured 1.2e-16 (double), 3e-8 (single).
        scale = np.linalg.norm(ax.astype(float)) * np.linalg.norm(y.astype(float))
        assert abs(gap) <= tolerance * scale


@pytest.mark.parametrize("model", MODELS)
def test_transpose_entry_by_entry(model):
    shape, origin, spacing = (5, 4), np.array([-0.2, 0.1]), np.array([0.11, 0.07])
    directions = unit([0.3, 1.2, np.pi / 2, 4.0])
    args = (directions, -0.7, 0.061, model)
    forward = np.zeros((4, 25, *shape))
    for index in np.ndindex(*shape):
        e = np.zeros(shape)
        e[index] = 1.0
        forward[:, :, index[0], index[1]] = project(
            e, origin, spacing, directions, -0.7, 0.061, 25, model
        )
    for index in np.ndindex(4, 25):
        e = np.zeros((4, 25))
        e[index] = 1.0
        row = back_project(e, origin, spacing, shape, *args)
        # Measured 8e-17 against entries of 0.1.
        np.testing.assert_allclose(row, forward[index], rtol=0, atol=1e-15)


@pytest.mark.parametrize("model", MODELS)
def test_evenness(model):
    f = np.random.default_rng(5).standard_normal((40, 27))
    origin, spacing = np.array([-1.0, -0.6]), np.array([0.05, 0.05])
    directions = unit(np.linspace(0.0, np.pi, 12, endpoint=False))
    got = project(f, origin, spacing, directions, -1.26, 0.042, 61, model)
    mirrored = project(f, origin, spacing, -directions, -1.26, 0.042, 61, model)[:, ::-1]
    # Measured 1.6e-14: the mirrored offsets are rounded elsewhere.
    np.testing.assert_allclose(got, mirrored, rtol=0, atol=1e-13 * np.abs(got).max())


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_any_number_of_threads_gives_the_same_bits(model, dtype):
    rng = np.random.default_rng(6)
    f = rng.standard_normal((150, 140)).astype(dtype)
    y = rng.standard_normal((90, 160)).astype(dtype)
    origin, spacing = np.array([-0.75, -0.7]), np.array([0.01, 0.01])
    directions = unit(np.linspace(0.0, np.pi, 90, endpoint=False))
    results = []
    for threads in (1, 2, 5):
        with config(threads=threads):
            results.append(
                (
                    project(f, origin, spacing, directions, -1.0, 0.0125, 160, model),
                    back_project(y, origin, spacing, f.shape, directions, -1.0, 0.0125, model),
                )
            )
    for ax, aty in results[1:]:
        np.testing.assert_array_equal(ax, results[0][0])
        np.testing.assert_array_equal(aty, results[0][1])


@pytest.mark.parametrize("model", MODELS)
def test_second_order_on_a_smooth_phantom(model):
    weights, means = [1.0, -0.4], [[0.1, -0.15], [-0.2, 0.1]]
    covariances = np.array([[[0.02, 0.006], [0.006, 0.01]], [[0.01, 0.0], [0.0, 0.015]]])
    angles = [0.3, 1.1, 2.5, 5.0]
    if model == "bilinear":
        # A pixel image converges with order 1 along its axes, where nothing averages its jumps.
        angles += [0.0, np.pi / 4, np.pi / 2]
    directions = unit(angles)
    offsets = np.linspace(-1.0, 1.0, 101)
    want = radon_gaussian_mixture(directions, offsets, weights, means, covariances)
    errors, sizes = [], np.array([48, 64, 96, 128, 192])
    for n in sizes:
        h = 2.0 / n
        grid = np.meshgrid(*[-1 + h * (np.arange(n) + 0.5)] * 2, indexing="ij")
        points = np.stack([g.ravel() for g in grid], axis=1)
        f = gaussian_mixture_density(points, weights, means, covariances).reshape(n, n)
        got = project(
            f, np.full(2, -1 + h / 2), np.full(2, h), directions, -1.0, 0.02, len(offsets), model
        )
        errors.append(np.linalg.norm(got - want) / np.linalg.norm(want))
    order = -np.polyfit(np.log(sizes), np.log(errors), 1)[0]
    # Measured 2.00 (pixel, last error 4.2e-4) and 2.02 (bilinear, 8.0e-4).
    assert 1.7 < order < 2.5
    assert errors[-1] < 1e-3


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_ray_on_the_common_edge_of_pixels_takes_the_mean(dtype):
    f = np.random.default_rng(7).standard_normal((70, 64)).astype(dtype)
    origin, spacing = np.array([-8.0, -4.0]), np.array([0.25, 0.125])
    # Offsets on all edges of the rows, the outer two included.
    got = project(f, origin, spacing, np.array([[1.0, 0.0]]), -8.125, 0.25, 71, "pixel")
    rows = np.pad(f.astype(float).sum(axis=1) * 0.125, 1)
    # Measured 4e-16 (double), 2e-7 (single): edges and positions are binary fractions.
    tolerance = 1e-13 if dtype == np.float64 else 1e-5
    np.testing.assert_allclose(got[0], 0.5 * (rows[1:] + rows[:-1]), rtol=0, atol=tolerance)


@pytest.mark.parametrize("model", MODELS)
def test_rays_beside_the_image_and_views_of_arrays(model):
    origin, spacing = np.array([-0.5, -0.5]), np.array([0.1, 0.1])
    f = np.random.default_rng(8).standard_normal((20, 33))
    directions = unit([0.2, 1.4, 3.0])
    for p0 in (40.0, -60.0):
        away = project(f, origin, spacing, directions, p0, 0.1, 9, model)
        assert np.all(away == 0.0)
        y = np.ones((3, 9))
        assert np.all(back_project(y, origin, spacing, (20, 33), directions, p0, 0.1, model) == 0.0)
    view = np.zeros((66, 40))[::2, ::-2].T
    view[...] = f
    np.testing.assert_array_equal(
        project(view, origin, spacing, directions, -4.0, 0.1, 80, model),
        project(f, origin, spacing, directions, -4.0, 0.1, 80, model),
    )


@pytest.mark.parametrize("model", MODELS)
def test_nan_stays_visible(model):
    f = np.ones((20, 20))
    f[11, 7] = np.nan
    origin, spacing = np.zeros(2), np.ones(2)
    u = unit([0.4])
    got = project(f, origin, spacing, u, 0.0, 1.0, 25, model)[0]
    hit = round(float(u[0] @ [11, 7]))
    assert np.isnan(got[hit])
    assert np.isfinite(got).sum() >= 19


@pytest.mark.parametrize("model", MODELS)
def test_compiled_equals_interpreted(model, monkeypatch):
    rng = np.random.default_rng(9)
    f, y = rng.standard_normal((4, 3)), rng.standard_normal((3, 9))
    origin, spacing = np.array([-0.2, 0.1]), np.array([0.11, 0.07])
    directions = unit([0.3, 2.0, np.pi])
    forward = (f, origin, spacing, directions, -0.6, 0.13, 9, model)
    backward = (y, origin, spacing, f.shape, directions, -0.6, 0.13, model)
    compiled = project(*forward), back_project(*backward)
    for name in ("_project", "_back_project", "_shear", "_rays"):
        function = getattr(line_integrals, name)
        monkeypatch.setattr(line_integrals, name, getattr(function, "py_func", function))
    # Measured 2e-16: compiled sums are reordered.
    np.testing.assert_allclose(project(*forward), compiled[0], rtol=0, atol=1e-14)
    np.testing.assert_allclose(back_project(*backward), compiled[1], rtol=0, atol=1e-14)
