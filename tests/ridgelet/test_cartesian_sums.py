"""Transforms and network sums on Cartesian grids: the fast way against the direct one."""

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.ridgelet.null_space import dual_transform
from ridgeflow.ridgelet.sums.cartesian_sums import (
    Lattice,
    lattice_sum,
    lattice_transform,
    ridge_waves,
    takes_lattice,
    transform_pays,
)
from ridgeflow.ridgelet.sums.kink_sums import kink_sum
from ridgeflow.ridgelet.sums.lattice_waves import (
    FoldedAxis,
    ProductPoints,
    fold,
    is_uniform,
    unfold,
)

# Lengths of the axes of a, the number of offsets, and where their middles lie.
SHAPES = {
    "line": ((41,), 33, 0.0),
    "even line": ((30,), 30, 0.0),
    "line beside the origin": ((30,), 29, 0.3),
    "plane": ((15, 16), 17, 0.0),
    "odd plane": ((13, 15), 14, 0.0),
    "plane beside the origin": ((14, 13), 11, 0.21),
    "space": ((7, 6, 5), 9, 0.0),
    "one weight": ((1, 6), 5, 0.4),
}
SEEN = [name for name in rf.activation_names() if name != "dirac"]


def grid_of(shape, n_offsets, middle):
    axes = [0.8 * (np.arange(n) - (n - 1) / 2) + middle for n in shape]
    return rf.ParameterGrid.cartesian(axes, 0.5 * (np.arange(n_offsets) - (n_offsets - 1) / 2))


def product(axes, order="C"):
    mesh = np.meshgrid(*axes, indexing="ij")
    return np.stack([part.ravel(order=order) for part in mesh], axis=1)


def axes_of(dim):
    return [np.linspace(-1, 1 + 0.1 * k, 10 + k) for k in range(dim)]


def gap(found, truth):
    return np.abs(found - truth).max() / np.abs(truth).max()


def direct_sum(grid, eta, c, points):
    z = points @ grid.a.T - grid.b
    # A unit on a point to rounding is one on it.
    z[np.abs(z) < 1e-13] = 0
    return eta(z) @ c


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("order", [0, 1])
def test_transform_is_the_direct_sum(shape, order):
    grid = grid_of(*SHAPES[shape])
    psi = rf.Ridgelet(grid.dim, order)
    rng = np.random.default_rng(0)
    axes = axes_of(grid.dim)
    values = rng.normal(size=(*map(len, axes), 2))
    values[:2] = 0  # a margin of zeros, on one side alone
    fields = (
        rf.GridField(values[..., 0], axes),
        rf.GridField(values, axes),
        rf.GridField(values[..., 0] + 1j * values[..., 1], axes),
        rf.SampleField(rng.normal(size=(40, grid.dim)), rng.normal(size=(40, 3)), rng.random(40)),
    )
    for field in fields:
        direct = rf.ridgelet_transform(field, psi, grid, method="direct").values
        fast = rf.ridgelet_transform(field, psi, grid, method="slice", tol=1e-11)
        assert fast.values.shape == direct.shape and fast.values.dtype == direct.dtype
        # measured 2e-13 (on a line, samples), 2e-14 (grids in the plane and in space)
        assert gap(fast.values, direct) < 1e-11
        coarse = rf.ridgelet_transform(field, psi, grid, method="slice").values
        assert gap(coarse, direct) < 1e-8  # measured 2e-11


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", SEEN)
def test_sum_is_the_direct_sum(shape, name):
    grid, eta = grid_of(*SHAPES[shape]), rf.activation(name)
    rng = np.random.default_rng(1)
    c = rng.normal(size=(grid.size, 2))
    listed = product(axes_of(grid.dim))
    for points in (listed, listed[rng.permutation(len(listed))[:20]]):
        truth = direct_sum(grid, eta, c, points)
        found = lattice_sum(grid, eta, c, points, rf.Ridgelet(grid.dim, 2))
        # measured 1e-12 (smooth, scattered points), 6e-13 (smooth, grids), 2e-15 (kinks)
        assert gap(found, truth) < (1e-11 if eta.smooth else 1e-13)


@pytest.mark.parametrize("name", ["tanh", "step", "relu", "relu2"])
@pytest.mark.parametrize("shape", ["line", "odd plane", "plane beside the origin", "space"])
def test_orders_of_points(shape, name):
    grid, eta = grid_of(*SHAPES[shape]), rf.activation(name)
    c = np.random.default_rng(2).normal(size=(grid.size, 1))
    axes = axes_of(grid.dim)
    psi = rf.Ridgelet(grid.dim, 2)
    for points in (
        product(axes, "F"),  # the first coordinate fastest, as images are listed
        product([axis**3 for axis in axes]),  # unequal steps
        product([axis[::-1] for axis in axes]),  # falling coordinates
        product([axis[:1] for axis in axes]),  # a single point
        product([*axes[:-1], axes[-1][:1]]),  # one line
    ):
        assert gap(lattice_sum(grid, eta, c, points, psi), direct_sum(grid, eta, c, points)) < 1e-11


def test_all_ridgelet_families_and_far_ranges():
    axis = np.linspace(-1, 1, 21)
    field = rf.GridField(np.cos(3 * axis), (axis,))
    grid = rf.ParameterGrid.cartesian([np.arange(-200.0, 201, 8)], np.arange(-20, 20.5))
    for psi in (
        rf.Ridgelet(1, 0),  # an algebraic tail, as slow as 1/z^2
        rf.Ridgelet(1, 3),
        rf.Ridgelet(1, 2.5, family="power"),
        rf.Ridgelet(1, 4, family="power", parity="odd"),
    ):
        direct = rf.ridgelet_transform(field, psi, grid, method="direct").values
        fast = rf.ridgelet_transform(field, psi, grid, method="slice", tol=1e-11).values
        assert gap(fast, direct) < 1e-11  # measured 3e-13


@pytest.mark.parametrize("name", ["gaussian", "relu", "step", "tanh", "softplus"])
def test_fast_and_direct_reconstructions_agree(name):
    eta = rf.activation(name)
    psi = rf.Ridgelet(2, max(eta.origin_order, 0) + 2 if eta.parity == "even" else 3)
    axis = np.linspace(-1, 1, 33)
    field = rf.GridField.from_function(lambda x: np.exp(-6 * (x**2).sum(1)), (axis, axis))
    # Steps that share no multiples, so that no unit lies on a point.
    a, b = 0.9137 * np.arange(-12, 13), 0.71 * np.arange(-20, 21)
    spectrum = rf.ridgelet_transform(field, psi, rf.ParameterGrid.cartesian([a, a], b))
    x = field.points()
    direct = rf.reconstruct(spectrum, eta, x, method="direct")
    for method in ("fast", "auto"):
        # measured 8e-13 (softplus), 1e-15 (step)
        assert gap(rf.reconstruct(spectrum, eta, x, method=method), direct) < 1e-11
    dual = dual_transform(spectrum, eta, x, method="fast")
    assert gap(dual, direct * rf.admissibility(eta, psi)) < 1e-11
    scattered = np.random.default_rng(0).uniform(-1, 1, (50, 2))
    assert (
        gap(
            rf.reconstruct(spectrum, eta, scattered, method="fast"),
            rf.reconstruct(spectrum, eta, scattered, method="direct"),
        )
        < 1e-10
    )  # measured 8e-14


def test_activations_beyond_the_kernels():
    grid = grid_of(*SHAPES["plane"])
    c = np.random.default_rng(3).normal(size=(grid.size, 1))
    x = product(axes_of(2))
    bend = rf.activation("gaussian").derivative().derivative()
    double = rf.activation("relu2").derivative()
    assert (bend.code, double.name) == (-1, "2 relu")
    for eta in (bend, double, rf.activation("cos").derivative()):
        found = lattice_sum(grid, eta, c, x, rf.Ridgelet(2, 2))
        assert gap(found, direct_sum(grid, eta, c, x)) < 1e-12  # measured 4e-15


def test_dirac_reads_the_spectrum_on_the_points():
    axis = np.linspace(-1, 1, 81)
    field = rf.GridField(np.exp(-8 * axis**2) * np.cos(5 * axis), (axis,))
    a, b = np.linspace(-12, 12, 97), np.linspace(-24, 24, 193)
    psi = rf.Ridgelet(1, 4, family="power")
    spectrum = rf.ridgelet_transform(field, psi, rf.ParameterGrid.cartesian([a], b))
    x = np.linspace(-0.9, 0.9, 13)
    found = dual_transform(spectrum, "dirac", x)
    nodes = (np.repeat(a, len(x))[:, None], np.outer(a, x).ravel())
    values = rf.ridgelet_transform(field, psi, nodes).values.reshape(len(a), -1)
    assert gap(found, values.sum(axis=0) * (a[1] - a[0])) < 1e-10  # measured 8e-13


def test_units_on_a_point_count_half():
    # Thirds are no binary fractions: rounding would decide on which side each unit falls.
    x = np.linspace(-1, 1, 7)
    points = product([x, x])
    a = np.arange(-6.0, 7)
    grid = rf.ParameterGrid.cartesian([a, a], np.arange(-5.0, 6))
    c = np.random.default_rng(4).normal(size=(grid.size, 1))
    z = np.rint(3 * (points @ grid.a.T - grid.b)) / 3
    truth = np.heaviside(z, 0.5) @ c
    for every in (1, 2):  # on lines, and one by one
        found = lattice_sum(grid, rf.activation("step"), c, points[::every], rf.Ridgelet(2, 1))
        assert gap(found, truth[::every]) < 1e-13  # measured 1e-15
    plain = np.heaviside(points @ grid.a.T - grid.b, 0.5) @ c
    assert gap(plain, truth) > 1e-2  # measured 0.12: what rounding makes of it


@pytest.mark.parametrize("half", [2.0, 200.0])
def test_waves_stand_for_profiles(half):
    z = np.random.default_rng(5).uniform(-half, 1.1 * half, 500)
    for name in SEEN:
        eta = rf.activation(name)
        if eta.smooth and not eta.point_masses:
            waves = ridge_waves(eta, -half, 1.1 * half, 1e-14)
            # measured 9e-14 (softplus on 4 units)
            assert np.abs(waves(z) - eta(z)).max() < 1e-12 * np.abs(eta(z)).max()
    for psi in (rf.Ridgelet(1, 0), rf.Ridgelet(2, 2), rf.Ridgelet(3, 1)):
        peak = np.abs(psi(np.linspace(-3, 3, 99))).max()
        counts = []
        for tol in (1e-14, 1e-8):
            waves = ridge_waves(psi, -half, 1.1 * half, tol)
            counts.append(len(waves.omega))
            assert np.abs(waves(z) - psi(z)).max() < 100 * tol * peak  # measured 10
        assert counts[1] < counts[0] < 3.7 * half + 40  # measured 3.6 half


def test_a_profile_with_a_kink_has_no_short_sum():
    with pytest.raises(rf.ConvergenceError, match="must be smooth to be a sum of waves"):
        ridge_waves(rf.activation("relu"), -3, 3, 1e-10)
    assert len(ridge_waves(np.zeros_like, -3, 3, 1e-10).omega) == 1


def test_fold_and_unfold_are_transposes():
    rng = np.random.default_rng(6)
    axes = (FoldedAxis(np.arange(5.0) - 2), FoldedAxis(np.arange(4.0)), FoldedAxis(np.ones(1)))
    assert [axis.center for axis in axes] == [0.0, 1.5, 1.0]
    assert np.array_equal(axes[1].lengths, [0.5, 1.5])
    lopsided = FoldedAxis(np.array([-1.0, 0.0, 3.0]), center=0.0)
    assert len(lopsided.pieces) == 1
    axes = (*axes, lopsided)
    values = rng.normal(size=(2, 5, 4, 1, 3, 2))
    folded = fold(values, axes)
    parts = rng.normal(size=folded.shape)
    left, right = (folded * parts).sum(), (values * unfold(parts, axes)).sum()
    assert left == pytest.approx(right, rel=1e-12)


def test_products_are_recognised():
    axes = [np.array([0.0, 2.0, 1.0]), np.array([5.0, 4.0]), np.array([1.0, 2.0, 3.0, 7.0])]
    for order, backwards in (("C", False), ("F", True)):
        points = product(axes, order)
        found = ProductPoints.of(points)
        assert found.backwards == backwards and not found.uniform
        assert all(np.array_equal(a, b) for a, b in zip(found.axes, axes, strict=True))
        values = np.arange(24.0).reshape(1, 3, 2, 4)
        assert np.array_equal(found.listed(values)[0], values[0].ravel(order=order))
    assert ProductPoints.of(points[:-1]) is None
    assert ProductPoints.of(points[[0, 0, 1, 1]]) is None
    moved = points.copy()
    moved[3, 1] += 1e-9
    assert ProductPoints.of(moved) is None
    assert is_uniform(np.linspace(-1, 1, 256)) and not is_uniform(np.array([0, 1, 2 + 1e-9]))
    assert not is_uniform(np.array([2.0, 1.0, 0.0]))


def test_auto_takes_what_costs_less():
    axis = np.linspace(-1, 1, 64)
    image = rf.GridField.from_function(lambda x: np.exp(-9 * (x**2).sum(1)), (axis, axis))
    psi, eta = rf.Ridgelet(2, 2), rf.activation("gaussian")
    a, b = np.arange(-20.0, 21), np.arange(-15.0, 16)
    large = rf.ParameterGrid.cartesian([a, a], b)
    small = rf.ParameterGrid.cartesian([a[:3], a[:3]], b[:3])
    assert transform_pays(image, psi, large, 1e-8)
    assert not transform_pays(rf.SampleField([[0.0, 0.1]]), psi, small, 1e-8)
    x = image.points()
    for name, one_point in (("gaussian", False), ("relu", False), ("step", False)):
        eta = rf.activation(name)
        assert takes_lattice(large, eta, x, 1, psi, "auto")
        assert takes_lattice(large, eta, x[:1], 1, psi, "auto") == one_point
        assert takes_lattice(large, eta, x[:1], 1, psi, "fast")
        assert not takes_lattice(large, eta, x, 1, psi, "direct")
    spectrum = rf.ridgelet_transform(image, psi, large)
    assert "slice" in spectrum.provenance.steps[0]
    few = rf.ridgelet_transform(rf.SampleField([[0.0, 0.1]]), psi, small)
    assert "direct" in few.provenance.steps[0]


def test_slabs_threads_and_precision():
    grid = grid_of(*SHAPES["plane"])
    axis = np.linspace(-1, 1, 12, dtype=np.float32)
    values = np.random.default_rng(7).normal(size=(12, 12)).astype(np.float32)
    field = rf.GridField(values, (axis, axis))
    psi = rf.Ridgelet(2, 2)
    spectrum = rf.ridgelet_transform(field, psi, grid, method="slice")
    assert spectrum.values.dtype == np.float32
    x = field.points()
    for name in ("gaussian", "relu"):
        eta = rf.activation(name)
        found = rf.reconstruct(spectrum, eta, x, method="fast")
        assert found.dtype == np.result_type(x.dtype, np.float32)
        with rf.config(threads=1):
            one = rf.reconstruct(spectrum, eta, x, method="fast")
        assert np.array_equal(found, one)
        with rf.config(memory_budget=2**20):
            slabs = rf.reconstruct(spectrum, eta, x, method="fast")
        assert gap(slabs, found) < 1e-6 if found.dtype == np.float32 else 1e-12
    with rf.config(memory_budget=2**20):
        large = rf.ParameterGrid.cartesian([np.arange(60.0)] * 2, np.arange(60.0))
        with pytest.raises(rf.MemoryBudgetError, match="a spectrum of 216000 nodes needs"):
            rf.ridgelet_transform(field, psi, large, method="slice")
        with pytest.raises(rf.MemoryBudgetError, match="the transform at 216000 nodes"):
            lattice_transform(field, psi, large, 1e-8)
        with pytest.raises(rf.MemoryBudgetError, match="the sum over 216000 neurons"):
            lattice_sum(large, rf.activation("tanh"), np.ones((216000, 1)), x, psi)


def test_a_field_of_zeros_has_a_spectrum_of_zeros():
    axis = np.linspace(-1, 1, 8)
    field = rf.GridField(np.zeros((8, 8)), (axis, axis))
    grid = grid_of(*SHAPES["plane"])
    assert not rf.ridgelet_transform(field, rf.Ridgelet(2, 0), grid, method="slice").values.any()


def test_what_does_not_apply_is_refused():
    bent = np.arange(9.0)
    bent[4] += 1e-7  # uniform to the eye, not to rounding
    field = rf.SampleField(np.zeros((1, 1)), [1.0])
    psi, eta = rf.Ridgelet(1, 2), rf.activation("gaussian")
    grid = rf.ParameterGrid.cartesian([bent], np.arange(5.0))
    assert Lattice.of(grid) is None
    with pytest.raises(ValueError, match=r"method 'slice' needs .* polar grid, or one of"):
        rf.ridgelet_transform(field, psi, grid, method="slice")
    spectrum = rf.ridgelet_transform(field, psi, grid)
    with pytest.raises(ValueError, match="'fast' needs a polar grid"):
        rf.reconstruct(spectrum, eta, [[0.0]], method="fast")
    with pytest.raises(ValueError, match="or a cartesian grid in at most three variables"):
        dual_transform(spectrum, eta, [[0.0]], method="fast")
    with pytest.raises(ValueError, match=r"the fast sums need a Cartesian grid.*method='direct'"):
        lattice_sum(grid, eta, np.ones((45, 1)), np.zeros((1, 1)), psi)
    four = rf.ParameterGrid.cartesian([np.arange(3.0)] * 4, np.arange(3.0))
    assert Lattice.of(four) is None
    many = rf.ridgelet_transform(rf.SampleField(np.zeros((1, 4)), [1.0]), rf.Ridgelet(4, 2), four)
    assert np.isfinite(rf.reconstruct(many, eta, np.zeros((2, 4)))).all()
    with pytest.raises(ValueError, match="`method` must be one of auto, fast, direct"):
        rf.reconstruct(spectrum, eta, [[0.0]], method="fst")
    with pytest.raises(ValueError, match="`eta` must be a truncated power, got 'tanh'"):
        kink_sum(
            (np.arange(3.0),), np.arange(2.0), np.ones((1, 3, 2)), rf.activation("tanh"), [[0]]
        )
