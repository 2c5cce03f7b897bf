"""Residual networks: schemes and their orders, trajectories, files, refusals."""

import json
import zipfile

import numpy as np
import pytest
from scipy.linalg import expm

import ridgeflow as rf

RNG = np.random.default_rng(8)
STAGES = {"euler": 1, "midpoint": 2, "rk4": 3}
KINDS = ("tanh", "relu", "gelu")


def affine_field(matrix, offset=(0.0, 0.0)):
    return rf.ShallowNetwork(
        np.zeros((1, 2)), [0.0], np.zeros((1, 2)), "tanh", linear=matrix, bias=offset
    )


def random_field(real=np.float64, dim=2):
    shapes = ((5, dim), (5,), (5, dim))
    return rf.ShallowNetwork(*(RNG.normal(size=s).astype(real) for s in shapes), "tanh")


@pytest.mark.parametrize(("scheme", "order"), [("euler", 1), ("midpoint", 2), ("rk4", 4)])
def test_schemes_reach_their_order(scheme, order):
    # x' = M(t) x with M(t) = M0 (1 + t): the flow to t = 1 is exp(1.5 M0).
    m0 = np.array([[-0.4, 0.9], [-0.8, 0.1]])
    x = RNG.normal(size=(6, 2))
    exact = x @ expm(1.5 * m0)
    nodes = {"euler": [0.0], "midpoint": [0.0, 0.5], "rk4": [0.0, 0.5, 1.0]}[scheme]
    depths, errors = np.array([4, 8, 16]), []
    for depth in depths:
        step = 1 / depth
        layers = [
            tuple(affine_field(m0 * (1 + (layer + s) * step)) for s in nodes)
            for layer in range(depth)
        ]
        net = rf.ResidualNetwork(layers, np.full(depth, step), scheme=scheme)
        errors.append(np.abs(net(x) - exact).max())
    slope = -np.polyfit(np.log(depths), np.log(errors), 1)[0]
    assert order - 0.3 < slope < order + 0.5  # measured 1.00, 2.02, 3.91


@pytest.mark.parametrize("scheme", STAGES)
def test_trajectory_ends_at_the_value(scheme):
    layers = [tuple(random_field() for _ in range(STAGES[scheme])) for _ in range(3)]
    net = rf.ResidualNetwork(layers, [0.1, -0.2, 0.3], scheme=scheme)
    x = RNG.normal(size=(4, 2))
    path = net.trajectory(x)
    assert path.shape == (4, 4, 2)
    assert np.array_equal(path[0], x) and np.array_equal(path[-1], net(x))
    assert (net.depth, net.width, net.dim, len(net.layers)) == (3, 5, 2, 3)
    assert repr(net) == f"ResidualNetwork(depth=3, width=5, dim=2, scheme={scheme!r})"


def test_euler_is_the_definition():
    fields = [random_field(), random_field()]
    x = RNG.normal(size=(4, 2))
    middle = x + 0.5 * fields[0](x)
    assert np.array_equal(
        rf.ResidualNetwork(fields, [0.5, 0.25])(x), middle + 0.25 * fields[1](middle)
    )


def test_precision_follows_points_and_parameters():
    net = rf.ResidualNetwork([random_field(np.float32)], [0.5])
    x = RNG.normal(size=(4, 2)).astype(np.float32)
    assert net(x).dtype == net.trajectory(x).dtype == np.float32
    assert net(x.astype(np.float64)).dtype == np.float64


@pytest.mark.parametrize("real", [np.float64, np.float32])
def test_files_give_back_the_same_bits(tmp_path, real):
    layers = [tuple(random_field(real) for _ in range(3)) for _ in range(2)]
    region = rf.Region(np.array([0.5, -0.25]), 4.0, 1.0)
    net = rf.ResidualNetwork(layers, [0.1, 0.3], scheme="rk4", region=region)
    path = tmp_path / "net.npz"
    net.save(path)
    net.save(path)
    again = rf.load_network(path)
    x = RNG.uniform(-1, 1, size=(5, 2)).astype(real)
    assert np.array_equal(net(x), again(x)) and again(x).dtype == real
    assert again.scheme == "rk4" and np.array_equal(again.steps, net.steps)
    assert np.array_equal(again.region.center, region.center)
    assert (again.region.radius, again.region.margin) == (4.0, 1.0)
    assert [p.name for p in tmp_path.iterdir()] == ["net.npz"]
    shallow = rf.ShallowNetwork(
        *(v.astype(real) for v in (np.ones((3, 2)), np.ones(3), np.ones(3))),
        rf.activation("tanh").derivative(),
        bias=real(2),
    )
    shallow.save(str(path))
    again = rf.load_network(str(path))
    assert np.array_equal(shallow(x), again(x)) and again.activation == shallow.activation
    assert again.component_shape == ()


def test_bad_files_are_refused(tmp_path):
    path = tmp_path / "net.npz"
    with pytest.raises(FileNotFoundError, match="`path` must name an existing file"):
        rf.load_network(path)
    with pytest.raises(OSError, match="`path` must lie in an existing folder"):
        random_field().save(tmp_path / "no" / "net.npz")
    net = rf.ResidualNetwork([random_field()], [0.5])
    net.save(path)
    whole = path.read_bytes()
    for size in (0, 10, len(whole) // 2, len(whole) - 30):
        path.write_bytes(whole[:size])
        with pytest.raises(rf.FileFormatError):
            rf.load_network(path)
    path.write_text("a,b\n1,2\n")
    with pytest.raises(rf.FileFormatError, match="truncated or not an archive"):
        rf.load_network(path)
    np.savez(path, steps=np.ones(3))
    with pytest.raises(rf.FileFormatError, match="was not written by ridgeflow"):
        rf.load_network(path)


@pytest.mark.parametrize(
    "change",
    [
        lambda h: h.pop("layers"),
        lambda h: h.update(scheme="heun"),
        lambda h: h.update(layers=[]),
        lambda h: h["layers"][0][0].pop("activation"),
        lambda h: h["layers"][0][0].update(activation=["none", 0, 1.0]),
        lambda h: h["layers"].append(h["layers"][0]),
        lambda h: h.update(region={"center": [0.0]}),
    ],
)
def test_damaged_headers_are_refused(tmp_path, change):
    path = tmp_path / "net.npz"
    rf.ResidualNetwork([random_field()], [0.5]).save(path)
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    header = json.loads(str(arrays["ridgeflow_header"]))
    change(header)
    arrays["ridgeflow_header"] = np.array(json.dumps(header))
    np.savez(path, **arrays)
    assert zipfile.is_zipfile(path)
    with pytest.raises(rf.FileFormatError, match="holds no valid network"):
        rf.load_network(path)


def test_points_outside_the_region_give_a_warning():
    net = rf.ResidualNetwork([random_field()], [0.5], region=rf.Region(np.zeros(2), 1.0, 1.0))
    with pytest.warns(rf.RegionWarning, match="1 of 2 points lie outside the region"):
        net([[0.0, 0.0], [9.0, 0.0]])
    with pytest.warns(rf.RegionWarning, match="1 of 1 points"):
        net.trajectory([[9.0, 0.0]])
    net([[0.1, 0.0]])


@pytest.mark.parametrize(
    ("layers", "steps", "options", "error", "match"),
    [
        ([], [], {}, ValueError, "at least one layer"),
        ([3.0], [1.0], {}, TypeError, r"`layers\[0\]` must hold ShallowNetworks, got float"),
        ([(3.0,)], [1.0], {}, TypeError, r"`layers\[0\]` must hold ShallowNetworks, got float"),
        ([(random_field(),) * 2], [1.0], {}, ValueError, r"hold 1 stage field\(s\).*got 2"),
        ([random_field()], [1.0], {"scheme": "rk4"}, ValueError, r"hold 3 stage field\(s\)"),
        ([random_field()], [1.0], {"scheme": "rk5"}, ValueError, "did you mean 'rk4'"),
        ([random_field(), random_field(dim=3)], [1.0, 1.0], {}, ValueError, "R\\^2 to R\\^2, got"),
        ([random_field()], [1.0, 1.0], {}, ValueError, r"each of the 1 layers, got shape \(2,\)"),
        ([random_field()], [0.0], {}, ValueError, "must not be zero"),
        (
            [random_field()],
            [1.0],
            {"region": rf.Region(np.zeros(3), 1.0, 1.0)},
            ValueError,
            "dimen",
        ),
    ],
)
def test_wrong_arguments_are_refused(layers, steps, options, error, match):
    with pytest.raises(error, match=match):
        rf.ResidualNetwork(layers, steps, **options)


def test_scalar_networks_and_escaping_points_are_refused():
    scalar = rf.ShallowNetwork(np.ones((2, 2)), np.ones(2), np.ones(2), "tanh")
    with pytest.raises(ValueError, match=r"must map R\^2 to R\^2, got a network with dim 2"):
        rf.ResidualNetwork([scalar], [1.0])
    blow_up = affine_field(1e200 * np.eye(2))
    with pytest.raises(ValueError, match="must be finite"):
        rf.ResidualNetwork([blow_up] * 3, [1.0] * 3)(np.ones((1, 2)))
    net = rf.ResidualNetwork([random_field()], [0.5])
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="a trajectory of 50000 points through 1 layers"),
    ):
        net.trajectory(np.zeros((50_000, 2)))


def some_net(scheme, *, activation="tanh", real=np.float64, size=0.2, depth=3):
    def field():
        parts = (RNG.normal(size=s).astype(real) for s in ((6, 2), (6,), (6, 2)))
        linear = RNG.normal(size=(2, 2)).astype(real)
        return rf.ShallowNetwork(*parts, activation, linear=linear)

    layers = [tuple(field() for _ in range(STAGES[scheme])) for _ in range(depth)]
    return rf.ResidualNetwork(layers, np.full(depth, size), scheme=scheme)


@pytest.mark.parametrize("scheme", STAGES)
@pytest.mark.parametrize("activation", KINDS)
def test_jacobian_is_the_derivative(scheme, activation):
    net = some_net(scheme, activation=activation)
    x = RNG.normal(size=(5, 2))
    found = net.jacobian(x)
    step = 1e-6
    for d in range(2):
        shift = step * np.eye(2)[d]
        slope = (net(x + shift) - net(x - shift)) / (2 * step)
        np.testing.assert_allclose(found[:, :, d], slope, atol=1e-7)  # measured 2e-9
    np.testing.assert_allclose(
        net.log_det(x), np.log(np.abs(np.linalg.det(found))), atol=1e-12
    )  # measured 2e-15


def test_jacobians_keep_the_precision_and_the_orientation():
    net = some_net("euler", real=np.float32)
    x = RNG.normal(size=(4, 2)).astype(np.float32)
    assert net.jacobian(x).dtype == net.log_det(x).dtype == np.float32
    shear = rf.ResidualNetwork([affine_field([[0.0, 1.0], [0.0, 0.0]])], [1.0])
    # y_1 = x_1 + x_0: row of the component, column of the coordinate.
    np.testing.assert_array_equal(shear.jacobian(np.zeros((1, 2)))[0], [[1, 0], [1, 1]])
    flat = rf.ResidualNetwork([affine_field(-np.eye(2))], [1.0])
    assert flat.log_det(np.ones((1, 2)))[0] == -np.inf


@pytest.mark.parametrize("scheme", STAGES)
@pytest.mark.parametrize("activation", KINDS)
def test_inverse_gives_back_the_points(scheme, activation):
    net = some_net(scheme, activation=activation, size=0.03)
    x = RNG.normal(size=(200, 2))
    found = net.inverse(net(x))
    assert found.residual.max() < 1e-10  # measured 9e-12
    # Where every layer is a contraction beside the identity there is one preimage.
    assert found.unique and (found.lipschitz < 1).all()
    np.testing.assert_allclose(found.points, x, atol=1e-10)  # measured 9e-12


def test_bounds_of_layers_hold():
    for scheme in STAGES:
        net = some_net(scheme, depth=1)
        bound = net.inverse(net(np.zeros((1, 2)))).lipschitz[0]
        x, y = RNG.normal(size=(2, 500, 2))
        gap = np.linalg.norm((net(x) - x) - (net(y) - y), axis=1) / np.linalg.norm(x - y, axis=1)
        assert 0.02 * bound < gap.max() < bound  # measured 0.08 to 0.4 of it
    # Of a linear field the bound is the spectral norm.
    shear = rf.ResidualNetwork([affine_field([[0.0, 0.3], [0.0, 0.4]])], [1.0])
    assert shear.inverse([[0.0, 0.0]]).lipschitz[0] == pytest.approx(0.5, rel=1e-12)


def test_inverse_beyond_contractions_and_where_there_is_none():
    # x + 3 tanh x grows everywhere, though its increment is no contraction.
    steep = rf.ShallowNetwork([[1.0]], [0.0], [[3.0]], "tanh")
    net = rf.ResidualNetwork([steep], [1.0])
    x = np.linspace(-5, 5, 41)[:, None]
    found = net.inverse(net(x))
    assert not found.unique and found.lipschitz[0] == pytest.approx(3, rel=1e-5)
    np.testing.assert_allclose(found.points, x, atol=1e-10)
    # |x| + 1 misses everything below 1.
    fold = rf.ShallowNetwork([[1.0]], [0.0], [[-2.0]], "relu", bias=[1.0])
    calm = rf.ShallowNetwork([[1.0]], [0.0], [[0.0]], "relu")
    net = rf.ResidualNetwork([calm, fold], [1.0, 1.0])
    with pytest.raises(rf.ConvergenceError, match=r"layer 2 of 2 .* stuck at 2 of 3"):
        net.inverse([[0.0], [4.0], [3.0]])
    jump = rf.ShallowNetwork([[1.0]], [0.0], [[0.1]], "step")
    found = rf.ResidualNetwork([jump], [1.0]).inverse([[5.0]])
    assert found.lipschitz[0] == np.inf and not found.unique
    with pytest.raises(ValueError, match="`tol` must be positive"):
        net.inverse([[0.0]], tol=0.0)
    with pytest.raises(ValueError, match="`max_iterations` must be at least 1"):
        net.inverse([[0.0]], max_iterations=0)


def test_density_carried_by_a_network_integrates_to_one():
    net = some_net("midpoint", size=0.05)
    axis = np.linspace(-8, 8, 161)
    y = np.stack(np.meshgrid(axis, axis, indexing="ij"), -1).reshape(-1, 2)
    x = net.inverse(y).points
    density = np.exp(-0.5 * (x**2).sum(1) - net.log_det(x)) / (2 * np.pi)
    assert density.sum() * 0.01 == pytest.approx(1, abs=1e-8)  # measured 1e-12


def test_steps_are_kept_apart_and_read_only():
    steps = np.array([0.1, 0.2])
    net = rf.ResidualNetwork([random_field(), random_field()], steps)
    steps[0] = 7.0
    assert net.steps.tolist() == [0.1, 0.2]
    with pytest.raises(ValueError, match="read-only"):
        net.steps[0] = 1.0
