"""Scikit-learn estimators: the library's own checks, weights, batches, and what they learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ridgeflow as rf

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.ensemble import AdaBoostClassifier, AdaBoostRegressor  # noqa: E402
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from ridgeflow._units import Columns, rounding_of  # noqa: E402
from ridgeflow.networks.least_squares import OuterProblem  # noqa: E402
from ridgeflow.networks.pairs import pair_neurons  # noqa: E402
from ridgeflow.networks.sample_spectrum import affine_rest, sample_neurons  # noqa: E402

pytestmark = pytest.mark.usefixtures("global_draws")

RNG = np.random.default_rng(0)
X = RNG.uniform(-1, 1, (300, 2))
Y = np.sin(3 * X[:, 0]) * X[:, 1] + 0.1 * RNG.normal(size=300)


@pytest.mark.parametrize("model", [rf.RidgeletRegressor(width=30), rf.RidgeletClassifier(width=30)])
def test_scikit_learn_accepts_them(model):
    with warnings.catch_warnings():
        # The checks provoke warnings on purpose.
        warnings.simplefilter("ignore")
        results = check_estimator(model, on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert failed == []
    assert sum(r["status"] == "passed" for r in results) > 40


def test_batches_give_the_fit_of_all():
    whole = rf.RidgeletRegressor(width=60, ridge=1e-4, random_state=1).fit(X[:100], Y[:100])
    whole.partial_fit(X[100:], Y[100:])
    a, b = whole._inner[:2]
    problem = OuterProblem(a, b, whole._inner[2], 1, Columns.of(whole._unit(X[:100])))
    problem.add(whole._unit(X), Y[:, None])
    fit = problem.solve(1e-4)
    assert np.abs(whole.network_.c - fit.outer).max() < 1e-8 * np.abs(fit.outer).max()
    classes = rf.RidgeletClassifier(width=20, random_state=0)
    with pytest.raises(ValueError, match="`classes` must be given in the first call"):
        classes.partial_fit(X, Y > 0)
    classes.partial_fit(X[:50], Y[:50] > 0, classes=[False, True]).partial_fit(X[50:], Y[50:] > 0)
    assert classes.score(X, Y > 0) > 0.9
    with pytest.raises(ValueError, match=r"must hold the classes \[False, True\], got"):
        classes.partial_fit(X, np.arange(len(X)) % 3)


def test_cross_validation_finds_a_penalty_that_generalises():
    """Against the best penalty of a list, chosen on 20000 fresh points."""
    fresh = np.random.default_rng(9).uniform(-1, 1, (20000, 2))
    truth = np.sin(3 * fresh[:, 0]) * fresh[:, 1]
    ratios = []
    for seed in range(5):
        noise = 0.2 * np.random.default_rng(seed).normal(size=300)
        y = np.sin(3 * X[:, 0]) * X[:, 1] + noise
        chosen = rf.RidgeletRegressor(width=200, random_state=seed).fit(X, y)
        errors = [
            np.mean((rf.RidgeletRegressor(200, ridge=r, random_state=seed).fit(X, y).predict(fresh)
                     - truth) ** 2)
            for r in 10.0 ** np.arange(-10, 2)
        ]  # fmt: skip
        ratios.append(np.mean((chosen.predict(fresh) - truth) ** 2) / min(errors))
    assert np.median(ratios) < 1.6  # measured 1.1
    net = rf.fit_outer_weights(*pair_neurons(X, Y, 50, rng=0), "tanh", X, Y, ridge="gcv")
    assert np.mean((net(X) - Y) ** 2) < 0.02
    with pytest.raises(ValueError, match="`ridge` must be one of loo, gcv"):
        rf.fit_outer_weights([[1.0, 0.0]], [0.0], "tanh", X, Y, ridge="cv")


def test_cross_validation_error_by_its_definition():
    """The penalty minimises n |y - f|^2 / (n - 1.2 dof)^2, evaluated with dense matrices."""
    a, b = pair_neurons(X, Y, 40, rng=3)
    model = OuterProblem(a, b, rf.activation("tanh"), 1)
    model.add(X, Y[:, None])
    found = model.solve(None).penalty
    phi = np.tanh(X @ a.T - b)
    n = len(X)

    def error(penalty):
        hat = phi @ np.linalg.solve(phi.T @ phi / n + penalty * np.eye(40), phi.T / n)
        return n * np.sum((Y - hat @ Y) ** 2) / (n - 1.2 * np.trace(hat)) ** 2

    grid = found * 10.0 ** np.linspace(-2, 2, 41)
    errors = [error(value) for value in grid]
    assert errors[20] < min(errors) * (1 + 1e-3)  # measured 1 + 1e-6


@pytest.mark.parametrize("name", ["relu", "tanh"])
def test_as_many_neurons_as_samples_do_not_interpolate_the_noise(name):
    """Plain cross-validation interpolates a draw in eight here, with errors up to 11."""
    worst = 0.0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        x, fresh = rng.normal(size=(2, 100, 4))
        y = np.sin(x[:, 0]) + 0.5 * rng.normal(size=100)
        model = rf.RidgeletRegressor(100, name, random_state=seed).fit(x, y)
        worst = max(worst, np.sqrt(np.mean((model.predict(fresh) - np.sin(fresh[:, 0])) ** 2)))
    assert worst < 0.5  # measured 0.33


@pytest.mark.parametrize("sampling", ["pairs", "oracle"])
def test_two_features_are_learned(sampling):
    model = rf.RidgeletRegressor(width=120, sampling=sampling, random_state=0).fit(X, Y)
    fresh = np.random.default_rng(9).uniform(-1, 1, (2000, 2))
    truth = np.sin(3 * fresh[:, 0]) * fresh[:, 1]
    # measured 0.034 and 0.039; the noise has standard deviation 0.1
    assert np.sqrt(np.mean((model.predict(fresh) - truth) ** 2)) < 0.05


def test_pipelines_and_grid_search():
    x, labels = load_digits(return_X_y=True)
    model = make_pipeline(StandardScaler(), rf.RidgeletClassifier(width=300, random_state=0))
    folds = KFold(3, shuffle=True, random_state=0)
    score = cross_val_score(model, x[:900], labels[:900], cv=folds).mean()
    assert score > 0.96  # measured 0.976
    search = GridSearchCV(
        rf.RidgeletRegressor(random_state=0), {"width": [5, 60], "slope": [0.5, 2.0]}, cv=3
    ).fit(X, Y)
    assert search.best_params_["width"] == 60


def rms(values):
    return np.sqrt(np.mean(np.square(values)))


def shares(n, rng):
    """Percentages, whose sum is constant but for rounding, and a function of them."""
    x = rng.dirichlet([2, 3, 4], n) * 100
    return x, np.sin(0.06 * x[:, 0]) * x[:, 1] / 100


@pytest.mark.parametrize(
    ("extra", "off"),
    [
        (lambda x: x.sum(1), 1e-9),  # the nearly constant total
        (lambda x: x.sum(1), 1.0),
        (lambda x: np.full(len(x), 0.1), 1.0),  # exactly constant: its mean is rounded
        (lambda x: x[:, 0] + x[:, 1], 1e-9),  # a sum of columns that vary
        (lambda x: x[:, 0] - 1e7, 1e-8),  # a column again, about another zero
    ],
)
def test_columns_that_say_nothing_new_change_nothing(extra, off):
    """Right is the error without the column, also where queries have it a little off."""
    x, y = shares(300, np.random.default_rng(0))
    fresh, truth = shares(2000, np.random.default_rng(1))
    error = rms(rf.RidgeletRegressor(150, random_state=0).fit(x, y).predict(fresh) - truth)
    assert error < 2e-4  # measured 7.1e-5
    model = rf.RidgeletRegressor(150, random_state=0).fit(np.column_stack([x, extra(x)]), y)
    for shift in (0.0, off):
        with_it = np.column_stack([fresh, extra(fresh) + shift])
        # measured 3.7e-5 to 7.5e-5; 7e-3 to 44 where rounding is taken for spread
        assert rms(model.predict(with_it) - truth) < 1.5 * error


@pytest.mark.parametrize("kind", [np.float64, np.float32])
def test_columns_may_lie_anywhere_and_have_any_unit(kind):
    """The same data, moved and in other units: the same predictions, but for rounding."""
    unit, shift = np.array([1e-6, 300.0]), np.array([5e-6, -900.0])
    model = rf.RidgeletRegressor(60, random_state=1).fit(X.astype(kind), Y.astype(kind))
    moved = (X * unit + shift).astype(kind)
    other = rf.RidgeletRegressor(60, random_state=1).fit(moved, Y.astype(kind))
    eps = np.finfo(kind).eps
    gap = np.abs(model.predict(X.astype(kind)) - other.predict(moved)).max()
    assert gap < 1e5 * eps  # measured 120 and 165
    assert rms(other.predict(moved) - Y) < 0.12  # measured 0.089; the noise has 0.1


@pytest.mark.parametrize("affine", [True, False])
def test_weighted_fits_by_the_normal_equations(affine):
    """Weights over two decades, two outputs, columns far from zero; the neurons are the model's."""
    rng = np.random.default_rng(6)
    x = X * [2.0, 0.1] + [30.0, -4.0]
    y = np.column_stack([Y + 3, X[:, 0] - X[:, 1] ** 2])
    weights = 10.0 ** rng.uniform(-2, 0, 300)
    model = rf.RidgeletRegressor(30, ridge=1e-2, affine=affine, random_state=0)
    model.fit(x, y, sample_weight=weights)
    net, share = model.network_, weights / weights.sum()
    mean = share @ x
    scale = np.sqrt(share @ (x - mean) ** 2)
    plain = np.column_stack([np.ones(300), (x - mean) / scale]) if affine else np.zeros((300, 0))
    phi = np.tanh(x @ net.a.T - net.b)
    both = np.hstack([plain, phi])
    penalty = np.diag(np.r_[np.zeros(plain.shape[1]), np.full(30, 1e-2)])
    right = np.linalg.solve(
        both.T @ (share[:, None] * both) + penalty, both.T @ (share[:, None] * y)
    )
    assert np.abs(model.predict(x) - both @ right).max() < 1e-9  # measured 3e-14
    # Slopes of neurons are those of pairs in units of the columns, about their mean.
    inner, offset = net.a * scale, net.b - net.a @ mean
    reach = np.abs((x - mean) / scale).max()
    assert np.all(np.abs(offset) <= reach * np.abs(inner).sum(1))


def test_the_affine_part_before_the_spectrum_is_weighted():
    rng = np.random.default_rng(0)
    weights = rng.uniform(0, 3, 300)
    plain = np.column_stack([np.ones(300), X])
    gram = plain.T @ (weights[:, None] * plain)
    expected = Y - plain @ np.linalg.solve(gram, plain.T @ (weights * Y))
    found = affine_rest(X, Y[:, None], weights)[:, 0]
    assert np.abs(found - expected).max() < 1e-13  # measured 1e-16


@pytest.mark.parametrize("weight", [1 / 400, 0.1, 1e3, 1e300, 1e-300])
def test_equal_weights_say_nothing(weight):
    plain = rf.RidgeletRegressor(200, random_state=0).fit(X, Y)
    model = rf.RidgeletRegressor(200, random_state=0).fit(X, Y, np.full(300, weight))
    # The penalties of a list agree or are 27 % apart.
    assert model.ridge_ == pytest.approx(plain.ridge_, rel=1e-9)
    assert np.abs(model.predict(X) - plain.predict(X)).max() < 1e-9  # measured 5e-15


def test_repeated_samples_are_weights():
    counts = np.random.default_rng(3).integers(0, 4, 300)
    weighed = rf.RidgeletRegressor(100, random_state=0).fit(X, Y, counts)
    again = rf.RidgeletRegressor(100, random_state=0).fit(
        np.repeat(X, counts, axis=0), np.repeat(Y, counts)
    )
    assert np.abs(weighed.predict(X) - again.predict(X)).max() < 1e-9  # measured 5e-15
    # Weights that count observations: the penalty falls.
    counted = rf.RidgeletRegressor(100, observations="weights", random_state=0)
    assert counted.fit(X, Y, np.full(300, 50.0)).ridge_ < 0.5 * weighed.ridge_
    given = rf.RidgeletRegressor(100, observations=15000, random_state=0).fit(X, Y)
    assert given.ridge_ == pytest.approx(counted.ridge_, rel=1e-9)


def test_boosting_does_not_spoil_them():
    """Weights of AdaBoost sum to one, and its bootstrap samples repeat."""
    rng = np.random.default_rng(0)
    x, fresh = rng.uniform(-1, 1, (400, 2)), rng.uniform(-1, 1, (2000, 2))
    truth = np.sin(4 * fresh[:, 0]) * fresh[:, 1]
    y = np.sin(4 * x[:, 0]) * x[:, 1] + 0.1 * rng.normal(size=400)
    boosted = AdaBoostRegressor(rf.RidgeletRegressor(100), n_estimators=5, random_state=0)
    score = boosted.fit(x, y).score(fresh, truth)
    assert score > 0.97  # measured 0.987; .90 where repetitions count as observations
    label, right = np.digitize(y, [-0.2, 0.2]), np.digitize(truth, [-0.2, 0.2])
    single = rf.RidgeletClassifier(100, random_state=0).fit(x, label).score(fresh, right)
    boosted = AdaBoostClassifier(rf.RidgeletClassifier(100), n_estimators=5, random_state=0)
    # measured .909 against .90; some .65 where weights that sum to one are one observation
    assert boosted.fit(x, label).score(fresh, right) > single - 0.05


@pytest.mark.parametrize("model", [rf.RidgeletRegressor(9), rf.RidgeletClassifier(9)])
@pytest.mark.parametrize(
    "weights", [np.full(300, -1.0), np.zeros(300), np.where(X[:, 0] > 0, 1.0, -1.0)]
)
def test_negative_and_vanishing_weights_are_refused(model, weights):
    with pytest.raises(ValueError, match="`sample_weight` must not be negative and not all zero"):
        model.fit(X, Y > 0, sample_weight=weights)
    model.fit(X, Y > 0)
    before = model.network_.c
    with pytest.raises(ValueError, match="`sample_weight` must not be negative and not all zero"):
        model.partial_fit(X, Y > 0, sample_weight=weights)
    assert model.network_.c is before


def test_single_precision_stays():
    x, y = X.astype(np.float32), Y.astype(np.float32)
    # The penalty of least error is that of rounding here, which both precisions have of their own.
    model = rf.RidgeletRegressor(50, ridge=1e-9, random_state=0).fit(x, y)
    assert model.network_.a.dtype == model.predict(x).dtype == np.float32
    assert model.predict(X).dtype == np.float64
    double = rf.RidgeletRegressor(50, ridge=1e-9, random_state=0).fit(X, Y).predict(X)
    assert np.abs(model.predict(x) - double).max() < 1e-4  # measured 2e-6
    assert rf.RidgeletRegressor(50).fit(x, Y).predict(x).dtype == np.float64
    labels = rf.RidgeletClassifier(50).fit(x, Y > 0)
    assert labels.decision_function(x).dtype == np.float32
    # Rounding of single precision is no spread.
    total = np.column_stack([shares(300, np.random.default_rng(0))[0]] * 1).astype(np.float32)
    total = np.column_stack([total, total.sum(1)])
    assert not rf.RidgeletRegressor(20).fit(total, y).network_.a[:, 3].any()


def test_a_fit_that_fails_leaves_the_model_as_it_was():
    model = rf.RidgeletRegressor(20, "relu", random_state=0).fit(X, Y)
    before = model.predict(X)
    with pytest.raises(ValueError, match="`ridge` must not be negative"):
        model.set_params(ridge=-1.0).partial_fit(X, Y)
    with pytest.raises(ValueError, match="the features must have squares"):
        model.set_params(ridge="gcv").partial_fit(X * 1e300, Y)
    assert np.array_equal(model.predict(X), before)


def test_pairs_follow_the_slope_of_the_values():
    """Density |y_s - y_t| / |x_s - x_t|, measured on two clusters of steep and flat values."""
    x = np.concatenate([np.linspace(0, 1, 200), np.linspace(10, 11, 200)])
    y = np.concatenate([5 * np.linspace(0, 1, 200), np.linspace(0, 1, 200)])
    a, b = pair_neurons(x, y, 4000, rng=0)
    place = b / a[:, 0]
    steep, flat = np.sum(place < 2), np.sum(place > 9)
    assert 4.2 < steep / flat < 6  # measured 5.0: the ratio of the slopes
    a, b = pair_neurons(x, y, 50, slope=3.0, density="value", rng=0)
    assert np.all((b / a[:, 0] >= 0) & (b / a[:, 0] <= 11))
    weighted = pair_neurons(x, y, 400, weights=(x < 5).astype(float), rng=0)
    assert np.all(weighted[1] / weighted[0][:, 0] < 1)


def test_pairs_of_samples_that_differ_by_rounding_alone_are_none():
    """Measurements at the same places, of which the last digits differ: steps between them would
    have slopes of 1e14."""
    rng = np.random.default_rng(0)
    place = np.repeat(np.linspace(1, 2, 20), 10)
    x = place * (1 + 2e-16 * rng.integers(-1, 2, 200))
    y = np.sin(place) + rng.normal(size=200)
    a, _ = pair_neurons(x, y, 300, rng=0)
    assert np.abs(a).max() < 20  # measured 19, that of neighbours
    model = rf.RidgeletRegressor(50, random_state=0).fit(x[:, None], y)
    assert np.abs(model.network_.a).max() < 20
    with pytest.raises(ValueError, match="200 that all agree but for rounding"):
        pair_neurons(1 + 1e-16 * rng.integers(-1, 2, 200), y, 3)


@pytest.mark.parametrize("slope", [1.0, 0.3, 7.0])
def test_transitions_of_neurons_lie_between_two_samples(slope):
    """By the definition: for some pair a·x − b is κ/2 at one sample, −κ/2 at the other, and a lies
    along the line between them."""
    rng = np.random.default_rng(1)
    x = rng.normal(size=(12, 3)) * [1.0, 5.0, 0.1] + [2.0, 0.0, 9.0]
    a, b = pair_neurons(x, rng.normal(size=12), 40, slope=slope, rng=0)
    gaps = x[:, None] - x[None]
    for inner, offset in zip(a, b, strict=True):
        argument = x @ inner - offset
        ends = np.argwhere(
            (np.abs(argument[:, None] - slope / 2) < 1e-10)
            & (np.abs(argument[None] + slope / 2) < 1e-10)
        )
        assert any(
            np.linalg.norm(np.cross(inner, gaps[i, j])) < 1e-9 * slope for i, j in ends
        )  # measured 3e-16


def test_pairs_in_any_unit():
    """Neurons follow the unit of the points, and the unit of the values means nothing."""
    x, y = X, Y
    a, b = pair_neurons(x, y, 50, rng=0)
    for unit, scale in ((2.0**-900, 2.0**900), (2.0**900, 1.0), (1.0, 2.0**-900)):
        other = pair_neurons(x * unit, y * scale, 50, rng=0)
        assert np.array_equal(other[0] * unit, a) and np.array_equal(other[1], b)
    weights = 0.5 + X[:, 0] ** 2
    first = pair_neurons(x, y, 50, weights=weights, rng=0)
    assert np.array_equal(first[0], pair_neurons(x, y, 50, weights=weights * 2.0**900, rng=0)[0])
    for wrong in (-weights, 0 * weights, np.full(300, np.nan)):
        with pytest.raises(ValueError, match="`weights` must"):
            pair_neurons(x, y, 50, weights=wrong)


@pytest.mark.parametrize("density", ["gradient", "value"])
def test_pairs_of_vectors_depend_on_their_lengths_alone(density):
    """Values turned into the plane, 5 = |(3, 4)|, have the same pairs."""
    first = pair_neurons(X, 5 * Y, 50, density=density, rng=0)
    for direction in ([3.0, 4.0], [0.0, 0.0, -5.0]):
        other = pair_neurons(X, Y[:, None] * direction, 50, density=density, rng=0)
        assert np.array_equal(other[0], first[0]) and np.array_equal(other[1], first[1])


def test_oracle_neurons_of_no_values_are_pairs():
    """They have no spectrum: arguments go from −1/2 to 1/2 between the two samples."""
    x, w = np.array([[1.0, 2.0], [4.0, 6.0]]), np.ones(2)
    rng, eta = np.random.default_rng(0), rf.activation("tanh")
    a, b = sample_neurons(x, np.zeros((2, 1)), w, eta, 8, rounding_of(x), rng)
    z = x @ a.T - b
    assert np.abs(np.abs(z) - 0.5).max() < 1e-12 and np.abs(z.sum(axis=0)).max() < 1e-12
    assert np.abs(np.abs(a) - [3 / 25, 4 / 25]).max() < 1e-12


def test_oracle_neurons_are_as_steep_as_samples_tell_apart():
    """Half the samples along a diameter, and no neuron flatter than the ball."""
    x = RNG.uniform(-1, 1, (400, 2))
    radius = np.linalg.norm(x, axis=1).max()
    y = np.sin(9 * x[:, :1]) * np.cos(7 * x[:, 1:])
    a, _ = sample_neurons(
        x, y, np.ones(400), rf.activation("tanh"), 500, rounding_of(x), np.random.default_rng(0)
    )
    slopes = np.unique(np.round(np.linalg.norm(a, axis=1) * radius, 9))
    assert slopes.min() > 0.5 - 1e-6 and slopes.max() == pytest.approx(0.5 * 400 ** (1 / 2))


@pytest.mark.parametrize("density", ["gradient", "value"])
def test_pairs_where_nearly_all_points_agree(density):
    """One sample in a million is elsewhere: found at once."""
    x = np.zeros(1_000_000)
    x[7] = 2.0
    a, b = pair_neurons(x, 1 + x, 10, density=density, rng=0)
    assert np.all(np.abs(a) == 0.5) and np.all(np.abs(b) == 0.5)
    # And where one of them carries all of the values.
    a, b = pair_neurons(x, x, 10, density=density, rng=0)
    assert np.all(np.abs(a) == 0.5) and np.all(np.abs(b) == 0.5)


@pytest.mark.parametrize("model", [rf.RidgeletRegressor(9), rf.RidgeletClassifier(9)])
def test_what_is_no_number_is_refused(model):
    dates = np.full(X.shape, np.datetime64("2020-01-01"))
    masked = np.ma.MaskedArray(X, X > 0.9)
    for call in (lambda x: model.fit(x, Y > 0), lambda x: model.fit(X, Y > 0).predict(x)):
        with pytest.raises(TypeError, match="`X` must be numeric, got dtype datetime64"):
            call(dates)
        with pytest.raises(ValueError, match="`X` must have no masked entries"):
            call(masked)
    with pytest.raises(ValueError, match="`y` must have no masked entries"):
        model.fit(X, np.ma.MaskedArray(Y > 0, Y > 0.5))
    for seed, error in ((True, TypeError), (-1, ValueError), (2.5, TypeError), (2**32, ValueError)):
        other = type(model)(9, random_state=seed)
        with pytest.raises(error, match="`random_state` must be"):
            other.fit(X, Y > 0)
    type(model)(9, random_state=2**32 - 1).fit(X, Y > 0)


def test_values_of_a_regressor_are_numbers():
    model = rf.RidgeletRegressor(9).fit(X, Y)
    for wrong in (Y.astype(str), np.full(300, np.datetime64("2020-01-01"))):
        with pytest.raises(TypeError, match="`y` must be numeric"):
            model.fit(X, wrong)
    with pytest.raises(TypeError, match="`y` must be numeric"):
        model.score(X, np.full(300, np.datetime64("2020-01-01")))
    with pytest.raises(ValueError, match="must have a score in the range of numbers"):
        model.score(X * 1e300, Y)


def test_bad_input():
    with pytest.raises(ValueError, match="`observations` must be one of distinct, weights"):
        rf.RidgeletRegressor(observations="all").fit(X, Y)
    with pytest.raises(TypeError, match="`affine` must be True or False, got 'no'"):
        rf.RidgeletRegressor(affine="no").fit(X, Y)
    with pytest.raises(ValueError, match="`points` must hold two different points"):
        pair_neurons(np.ones((5, 2)), np.arange(5.0), 3)
    with pytest.raises(ValueError, match="`sampling` must be one of pairs, oracle"):
        rf.RidgeletRegressor(sampling="sobol").fit(X, Y)
    with pytest.raises(ValueError, match="'oracle' needs at most 3 features, got 5"):
        rf.RidgeletRegressor(sampling="oracle").fit(RNG.normal(size=(20, 5)), Y[:20])
    with pytest.raises(ValueError, match="at least two classes, got one class"):
        rf.RidgeletClassifier().fit(X, np.ones(len(X)))
