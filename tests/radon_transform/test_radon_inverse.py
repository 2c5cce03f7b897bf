"""Inverses from what users have: limited angles, complex data, single precision, any order."""

import warnings

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.closed_forms import radon_gaussian_mixture, radon_shepp_logan, shepp_logan
from ridgeflow.radon_transform.inverse import quadrature

AXIS = np.linspace(-1, 1, 24)
P = np.linspace(-1.6, 1.6, 41)
LAW = ([0.6, 0.4], [[0.1, 0.2], [-0.3, 0.0]], [0.02 * np.eye(2), 0.03 * np.eye(2)])


def at_degrees(angles):
    angles = np.deg2rad(np.asarray(angles, float))
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def half_gaps(u):
    """Half of both gaps next to each angle round the half circle, one by one."""
    angle = np.arctan2(u[:, 1], u[:, 0]) % np.pi
    weights = []
    for i, a in enumerate(angle):
        others = np.delete(angle, i)
        ahead, behind = (others - a) % np.pi, (a - others) % np.pi
        weights.append(0.5 * (ahead.min() + behind.min()))
    return np.array(weights)


@pytest.mark.parametrize("top", [120, 60])
def test_ends_of_a_limited_range_weigh_as_their_neighbours(top):
    u = at_degrees(np.arange(top))
    p = np.linspace(-1.45, 1.45, 181)
    axis = np.linspace(-1, 1, 128)
    sinogram = radon_shepp_logan(u, p)
    even = rf.radon_inverse(
        sinogram, u, p, (axis, axis), filter="hann", weights=np.full(top, np.pi / 180)
    )
    with pytest.warns(
        rf.AccuracyWarning, match=f"a wedge of {180 - top} degrees, from {top - 0.5:g} to 179.5"
    ):
        found = rf.radon_inverse(sinogram, u, p, (axis, axis), filter="hann")
    assert np.abs(found - even).max() < 1e-12 * np.abs(even).max()  # measured 1e-15
    image = shepp_logan(np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2))
    image = image.reshape(128, 128)
    error = np.linalg.norm(found - image) / np.linalg.norm(image)
    # Half of the wedge on each end: 0.89, 1.70.
    assert error < {120: 0.60, 60: 0.78}[top]  # measured 0.594, 0.773


@pytest.mark.parametrize(
    ("angles", "weights", "wedges"),
    [
        ([0, 12, 24, 36, 48, 60, 72], np.full(7, 12.0), ["96 degrees, from 78 to 174"]),
        # Two wedges of unequal size.
        (
            [*range(0, 50), *range(100, 130)],
            np.full(80, 1.0),
            ["50 degrees, from 49.5 to 99.5", "50 degrees, from 129.5 to 179.5"],
        ),
        # Over the seam of the half circle, in any order and either sense.
        ([-8, 10, -4, 0, 6, 182], [4, 4, 4, 3, 4, 3], ["158 degrees, from 12 to 170"]),
        # An end that is measured twice.
        ([0, 0, 1, 2, 3], [0.5, 0.5, 1, 1, 1], ["176 degrees, from 3.5 to 179.5"]),
        ([10, 15], [5, 5], ["170 degrees, from 17.5 to 187.5"]),
    ],
)
def test_wedges_are_named_and_weigh_nothing(angles, weights, wedges):
    with pytest.warns(rf.AccuracyWarning) as warned:
        found = quadrature(at_degrees(angles), None)
    assert np.abs(np.rad2deg(found) - weights).max() < 1e-6  # measured 2e-8
    assert len(warned) == len(wedges)
    for warning, wedge in zip(warned, wedges):
        assert f"a wedge of {wedge}" in str(warning.message)


COMPLETE = {
    "even": np.arange(0, 180, 3),
    "both ends": np.linspace(0, 180, 37),
    "whole circle": np.arange(0, 360, 2),
    "golden": np.arange(80) * 111.246117975,
    "pairs": np.add.outer(np.arange(0, 180, 9), [0, 0.5]).ravel(),
    "two densities": [*np.arange(0, 90, 0.5), *range(90, 180, 10)],
    "one lost": np.delete(np.arange(0, 180, 2), 31),
    "quadratic": 180 * np.linspace(0, 1, 30, endpoint=False) ** 2,
    "few": [0, 70, 100],
    "one": [33.0],
    "the same": [33.0, 33.0, 213.0],
    "three clusters": np.add.outer([0, 60, 120], [0, 1, 2]).ravel(),
}


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_directions_keep_half_the_gaps(name):
    u = at_degrees(COMPLETE[name])
    found = quadrature(u, None)  # warnings are errors
    assert abs(found.sum() - np.pi) < 1e-12
    if name not in ("both ends", "whole circle", "one", "the same"):  # repeated directions
        assert np.abs(found - half_gaps(u)).max() < 1e-12


def test_random_directions_keep_half_the_gaps():
    # Gaps of random angles are so uneven that one set in a hundred seems to miss some.
    rng = np.random.default_rng(4)
    for n in np.repeat([24, 60, 180, 720], 12):
        u = at_degrees(rng.uniform(0, 360, n))
        assert np.abs(quadrature(u, None) - half_gaps(u)).max() < 1e-12


def test_the_dual_of_limited_angles_is_the_integral_over_them():
    u, x = at_degrees(np.arange(90)), [[0.1, 0.2], [0.0, -0.3]]
    with pytest.warns(rf.AccuracyWarning, match="a wedge of 90 degrees"):
        found = rf.dual_radon(np.ones((90, 41)), u, P, x)
    assert np.abs(found - np.pi).max() < 1e-12
    plan = rf.RadonPlan((AXIS, AXIS), u, P)
    sinogram = radon_gaussian_mixture(u, P, *LAW)
    with pytest.warns(rf.AccuracyWarning, match="a wedge of 90 degrees") as warned:
        found = plan.inverse(sinogram)
    assert warned[0].filename == __file__
    even = plan.inverse(sinogram, weights=np.full(90, np.pi / 180))
    assert np.abs(found - even).max() < 1e-12


def test_the_order_of_directions_does_not_matter():
    rng = np.random.default_rng(2)
    u = at_degrees(rng.permutation(np.arange(120)))
    sinogram = radon_gaussian_mixture(u, P, *LAW)
    order = np.argsort(np.arctan2(u[:, 1], u[:, 0]))
    with pytest.warns(rf.AccuracyWarning):
        found = rf.radon_inverse(sinogram, u, P, (AXIS, AXIS))
    with pytest.warns(rf.AccuracyWarning):
        sorted_ = rf.radon_inverse(sinogram[order], u[order], P, (AXIS, AXIS))
    assert np.abs(found - sorted_).max() < 1e-12 * np.abs(found).max()  # measured 1e-15


U, W = rf.directions(2, 30)
X = np.random.default_rng(0).uniform(-1, 1, (20, 2))
PLAN = rf.RadonPlan((AXIS, AXIS), U, P)
SINGLE = rf.RadonPlan((AXIS, AXIS), U, P, dtype=np.float32)
LINES = rf.RadonPlan((AXIS, AXIS), U, P, method="line")
LINEAR = {
    "filter": lambda s: rf.filter_sinogram(s, P, 2, filter="hann"),
    "dual": lambda s: rf.dual_radon(s, U, P, X),
    "inverse": lambda s: rf.radon_inverse(s, U, P, (AXIS, AXIS), filter="hann"),
    "adjoint": lambda s: rf.radon_adjoint(s, U, P, (AXIS, AXIS)),
    "inverse of a plan": PLAN.inverse,
    "inverse of a plan of lines": LINES.inverse,
    "adjoint of a plan": PLAN.adjoint,
    "adjoint of a plan of lines": LINES.adjoint,
    "plan": lambda s: PLAN(s[:24, :24]),
    "plan of lines": lambda s: LINES(s[:24, :24]),
}


@pytest.mark.parametrize("components", [(), (3,)])
@pytest.mark.parametrize("name", LINEAR)
def test_complex_data_are_their_real_and_imaginary_parts(name, components):
    rng = np.random.default_rng(1)
    s = rng.normal(size=(30, 41, *components)) + 1j * rng.normal(size=(30, 41, *components))
    found = LINEAR[name](s)
    assert found.dtype == np.complex128
    size = 1e-13 * np.abs(found).max()
    assert np.abs(found - LINEAR[name](s.real) - 1j * LINEAR[name](s.imag)).max() < size
    for i in range(sum(components)):
        assert np.abs(found[..., i] - LINEAR[name](s[..., i])).max() < size


@pytest.mark.parametrize(
    ("name", "bound"),
    # Measured 1e-7, 5e-7, 2e-7, 6e-7.
    [("filter", 1e-6), ("inverse", 5e-6), ("adjoint", 2e-6), ("dual", 5e-6)],
)
def test_single_precision_stays_and_needs_no_tolerance(name, bound):
    rng = np.random.default_rng(3)
    s = rng.normal(size=(30, 41)) + 1j * rng.normal(size=(30, 41))
    points = X
    for data, kind in ((s.real, np.float32), (s, np.complex64)):
        call = LINEAR[name]
        if name == "dual":
            points = X.astype(np.float32)
            call = lambda s, x=points: rf.dual_radon(s, U, P, x)  # noqa: E731
        found, exact = call(data.astype(kind)), call(data)
        assert found.dtype == kind
        assert np.abs(found - exact).max() < bound * np.abs(exact).max()


@pytest.mark.parametrize("kind", [np.float32, np.complex64])
def test_single_images_are_transformed_with_the_defaults(kind):
    values = np.random.default_rng(5).normal(size=(24, 24)).astype(kind)
    field = rf.GridField(values, (AXIS, AXIS))
    exact = PLAN(values.astype(np.complex128))
    for found in (rf.radon(field, U, P), rf.RadonPlan(field, U, P)(values), SINGLE(values)):
        assert found.dtype == kind
        # The tolerance of single precision is 1e-6.
        assert np.linalg.norm(found - exact) < 1e-6 * np.linalg.norm(exact)  # measured 4e-7
    assert rf.RadonPlan(field, U, P).tol == 1e-6
    assert PLAN.tol == 1e-8
    back = SINGLE.adjoint(exact.real.astype(np.float32))
    assert back.dtype == np.float32
    assert SINGLE.inverse(exact.real.astype(np.float32)).dtype == np.float32
    psi = rf.admissible_ridgelet("gaussian", 2)
    grid = rf.ParameterGrid.polar(2, 4, [1.0, 2.0], 1.5, 0.4)
    wide = rf.GridField(values.astype(np.complex128), (AXIS, AXIS))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)  # noise reaches the end of its band
        single = rf.ridgelet_transform(field, psi, grid).values
        double = rf.ridgelet_transform(wide, psi, grid).values
    assert np.abs(single - double).max() < 1e-6 * np.abs(double).max()  # measured 3e-8


def bump(x):
    return np.exp(-20 * ((x - 0.1) ** 2).sum(axis=1))


@pytest.mark.parametrize("n", [24, 57, 360, 600])
def test_single_axes_mean_their_double_ones(n):
    images, inverses = [], []
    for kind in (np.float32, np.float64):
        axis, p = np.linspace(-1, 1, n, dtype=kind), np.linspace(-1.6, 1.6, n, dtype=kind)
        field = rf.GridField.from_function(bump, (axis, axis))
        images.append(rf.radon(field, U[::6], p))
        plan = rf.RadonPlan((axis, axis), U[::6], p)
        assert np.array_equal(plan(field.values), images[-1])
        inverses.append(rf.radon_inverse(images[-1], U[::6], p, (axis, axis)))
    for single, double in (images, inverses):
        # Measured 2e-7, 6e-7.
        assert np.abs(single - double).max() < 2e-6 * np.abs(double).max()


@pytest.mark.parametrize("kind", [np.float32, np.float16])
def test_narrow_axes_of_all_sizes_are_uniform(kind):
    rng = np.random.default_rng(6)
    for n in range(2, 601, 1 if kind == np.float32 else 37):
        low = rng.uniform(-2, 1)
        offsets = np.linspace(low, low + rng.uniform(0.5, 3), n, dtype=kind)
        if kind == np.float16 and n > 400:
            continue  # steps of the size of rounding
        assert rf.filter_sinogram(np.ones((1, n)), offsets, 1).shape == (1, n)


@pytest.mark.parametrize("top", [180, 360])
def test_steps_of_single_precision_are_uniform(top):
    angles = np.arange(0, top, 0.1, dtype=np.float32)
    assert np.diff(angles).max() > 1.0001 * np.diff(angles).min()
    exact = np.arange(0, top, 0.1)
    sinogram = np.exp(-0.5 * ((exact - 90) / 10) ** 2)[None]
    found = rf.filter_sinogram(sinogram, angles, 2)
    truth = rf.filter_sinogram(sinogram, exact, 2)
    assert np.abs(found - truth).max() < 1e-6 * np.abs(truth).max()  # measured 1e-7
