"""Grid, sample and callable fields."""

import pickle

import numpy as np
import pytest

import ridgeflow as rf

X = np.linspace(-1, 1, 5)
Y = np.linspace(0, 3, 4)


def test_grid_geometry():
    field = rf.GridField(np.arange(20.0).reshape(5, 4), (X, Y))
    assert (field.dim, field.shape, field.component_shape) == (2, (5, 4), ())
    np.testing.assert_allclose(field.spacing, [0.5, 1.0])
    np.testing.assert_allclose(field.origin, [-1, 0])
    np.testing.assert_allclose(field.center, [0, 1.5])
    assert field.radius == pytest.approx(0.5 * np.hypot(2, 3))
    np.testing.assert_allclose(field.points()[[0, 1, 4]], [[-1, 0], [-1, 1], [-0.5, 0]])
    assert repr(field) == "GridField(shape=(5, 4), component_shape=())"


def test_grid_from_function_matches_points():
    field = rf.GridField.from_function(lambda x: x[:, 0] + 10 * x[:, 1], (X, Y))
    np.testing.assert_array_equal(field.values, X[:, None] + 10 * Y[None])
    vector = rf.GridField.from_function(lambda x: np.stack([x[:, 0], x[:, 1], x[:, 0]], 1), (X, Y))
    assert vector.component_shape == (3,)
    np.testing.assert_array_equal(vector.values[2, 3], [0, 3, 0])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32, np.float32),
        (np.int64, np.float64),
        (np.complex64, np.complex64),
        (np.complex128, np.complex128),
        (np.float16, np.float64),
    ],
)
def test_grid_dtypes(given, kept):
    assert rf.GridField(np.ones(5, given), (X,)).values.dtype == kept


def test_grid_copies_and_freezes():
    values = np.zeros((5, 4))
    field = rf.GridField(values, (X, Y))
    values[0, 0] = 1
    assert field.values[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        field.values[0, 0] = 1
    with pytest.raises(ValueError, match="read-only"):
        field.axes[0][0] = 1
    assert X.flags.writeable
    assert rf.GridField(np.asfortranarray(values), (X, Y)).values.flags.c_contiguous


def test_grid_of_one_point_and_pickle():
    field = rf.GridField([[2.0]], ([0.5], [1.5]))
    assert field.radius == 0
    np.testing.assert_array_equal(field.spacing, [1, 1])
    copy = pickle.loads(pickle.dumps(field))
    np.testing.assert_array_equal(copy.center, [0.5, 1.5])


@pytest.mark.parametrize(
    ("values", "axes", "error", "message"),
    [
        (np.zeros((4, 5)), (X, Y), ValueError, r"shape \(5, 4\), the lengths .*got \(4, 5\)"),
        (np.zeros(5), (X, Y), ValueError, r"got \(5,\)"),
        (np.zeros((5, 4, 2, 2)), (X, Y), ValueError, r"got \(5, 4, 2, 2\)"),
        (np.zeros(3), ([0.0, 1.0, 3.0],), ValueError, r"`axes\[0\]` must be uniform"),
        (np.zeros(3), ([0.0, 2.0, 1.0],), ValueError, r"`axes\[0\]` must increase strictly"),
        (np.zeros(3), (), ValueError, "`axes` must hold at least one"),
        (np.zeros(5), X, ValueError, r"sequence of 1-D coordinate arrays, got an array"),
        (np.zeros(5), 3, TypeError, "sequence of 1-D coordinate arrays, got 3"),
        (np.full(5, np.nan), (X,), ValueError, "`values` must be finite, got 5"),
        (np.zeros(0), (X,), ValueError, "`values` must not be empty"),
        (np.array(["a"] * 5), (X,), TypeError, "`values` must be numeric"),
    ],
)
def test_bad_grids(values, axes, error, message):
    with pytest.raises(error, match=message):
        rf.GridField(values, axes)


def test_grid_from_function_refuses():
    with pytest.raises(ValueError, match=r"`fn` must map points of shape \(20, 2\)"):
        rf.GridField.from_function(lambda x: x[:3, 0], (X, Y))
    long = np.arange(2000.0)
    with (
        rf.config(memory_budget=2**20),
        pytest.raises(rf.MemoryBudgetError, match="the list of grid points needs"),
    ):
        rf.GridField.from_function(lambda x: x[:, 0], (long, long))


def test_samples_as_a_law():
    points = np.array([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [2.0, 2.0]])
    law = rf.SampleField(points)
    assert law.is_law
    np.testing.assert_array_equal(law.weights, np.full(4, 0.25))
    np.testing.assert_array_equal(law.values, np.ones(4))
    np.testing.assert_array_equal(law.center, [1, 1])
    assert law.radius == pytest.approx(np.sqrt(2))
    assert (law.dim, law.component_shape) == (2, ())
    assert repr(law) == "SampleField(n=4, dim=2, law)"


def test_samples_with_values():
    field = rf.SampleField([0.0, 1.0, 2.0], np.ones((3, 2)), weights=[1.0, -1.0, 0.5])
    assert not field.is_law
    assert (field.dim, field.component_shape) == (1, (2,))
    assert field.points.shape == (3, 1)
    assert rf.SampleField([0.0, 1.0], np.ones(2) * 1j).values.dtype == np.complex128
    single = rf.SampleField(np.ones((2, 2), np.float32))
    assert single.points.dtype == single.weights.dtype == np.float32
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(field)).weights, field.weights)
    assert repr(field) == "SampleField(n=3, dim=1, component_shape=(2,))"


def test_samples_copy_and_freeze():
    points = np.zeros((2, 2))
    field = rf.SampleField(points)
    points[0, 0] = 1
    assert field.points[0, 0] == 0
    with pytest.raises(ValueError, match="read-only"):
        field.points[0, 0] = 1


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([[0.0]], [1.0, 2.0]), r"`points` \(1, 1\), `values` \(2,\)"),
        (([[0.0]], None, [1.0, 2.0]), r"`points` \(1, 1\), `weights` \(2,\)"),
        (([[0.0], [1.0]], None, [2.0, -1.0]), r"`weights` of a law must not be negative, got a"),
        (([[0.0], [1.0]], None, [0.0, 0.0]), r"`weights` of a law must not all be zero"),
        (([[np.inf]],), "`points` must be finite"),
        ((np.zeros((0, 2)),), "`points` must not be empty"),
        ((np.zeros((2, 2, 2)),), r"`points` must have 1 or 2 dimension"),
    ],
)
def test_bad_samples(arguments, message):
    with pytest.raises(ValueError, match=message):
        rf.SampleField(*arguments)


def test_callable_of_position():
    field = rf.CallableField(lambda x: x[:, 0] ** 2, 2)
    assert (field.dim, field.component_shape, field.timed, field.is_score) == (2, (), False, False)
    np.testing.assert_array_equal(field([[2.0, 0.0]]), [4])
    np.testing.assert_array_equal(field([[2.0, 0.0]], 3.0), [4])
    assert field(np.ones((3, 2), np.float32)).dtype == np.float32
    column = rf.CallableField(lambda x: x[:, :1], 2)
    assert column(np.ones((3, 2))).shape == (3,)
    vector = rf.CallableField(lambda x: -x, 2, components=2)
    assert vector.component_shape == (2,)
    assert "component_shape=(2,)" in repr(vector)


def test_callable_of_position_and_time():
    field = rf.CallableField(lambda x, t: t * x[:, 0], 1)
    assert field.timed
    np.testing.assert_array_equal(field([[2.0]], 3), [6])
    with pytest.raises(TypeError, match="`t` must be given: this field depends on time"):
        field([[2.0]])
    with pytest.raises(ValueError, match="`t` must be finite"):
        field([[2.0]], np.nan)
    assert rf.CallableField(lambda x, t=1.0: t * x[:, 0], 1).timed is True
    assert rf.CallableField(lambda x, scale=1.0: scale * x[:, 0], 1).timed is False
    assert rf.CallableField(np.sum, 1).timed is False


def test_optional_time_keeps_its_default():
    field = rf.CallableField(lambda x, t=5.0: t * x[:, 0], 1)
    np.testing.assert_array_equal(field([[2.0]], 3.0), [6])


def test_score_has_a_component_axis_also_in_one_dimension():
    score = rf.CallableField(lambda x: -x, 1, score=True)
    assert score.is_score
    assert score.component_shape == (1,)
    assert score([[1.0], [2.0]]).shape == (2, 1)
    assert rf.CallableField(lambda x: -x[:, 0], 1, score=True)([[1.0]]).shape == (1, 1)
    with pytest.raises(ValueError, match="`components` of a score must be its dimension 3, got 2"):
        rf.CallableField(lambda x: x, 3, components=2, score=True)


@pytest.mark.parametrize(
    ("fn", "error", "message"),
    [
        (lambda x: x, ValueError, r"shape \(3, 2\) to shape \(3,\), got \(3, 2\)"),
        (lambda x: x[:1, 0], ValueError, r"got \(1,\)"),
        (lambda x: np.full(3, np.nan), ValueError, "finite values, got 3 NaN or infinite"),
        (lambda x: 1j * x[:, 0], TypeError, "real numbers, got dtype complex128"),
        (lambda x: ["a"] * 3, TypeError, "real numbers"),
    ],
)
def test_bad_results_of_a_callable(fn, error, message):
    with pytest.raises(error, match=message):
        rf.CallableField(fn, 2)(np.ones((3, 2)))


def test_bad_callables():
    with pytest.raises(TypeError, match="`fn` must be callable, got 3"):
        rf.CallableField(3, 2)
    with pytest.raises(TypeError, match="must take x, or x and t, got 3 required"):
        rf.CallableField(lambda x, t, s: x, 2)
    with pytest.raises(TypeError, match="got 0 required"):
        rf.CallableField(lambda: 1, 2)
    with pytest.raises(ValueError, match="`dim` must be at least 1"):
        rf.CallableField(lambda x: x, 0)
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 2\)"):
        rf.CallableField(lambda x: x, 2)(np.ones((3, 3)))
