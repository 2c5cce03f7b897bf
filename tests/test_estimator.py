"""Scikit-learn estimators: the library's own checks, weights, batches, and what they learn."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import ridgeflow as rf

sklearn = pytest.importorskip("sklearn")

from sklearn.datasets import load_digits  # noqa: E402
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.preprocessing import StandardScaler  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from ridgeflow.networks.outer_weights import OuterProblem  # noqa: E402
from ridgeflow.networks.pairs import pair_neurons  # noqa: E402

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
    problem = OuterProblem(a, b, whole._inner[2], 1, (X[:100] - whole._shift) / whole._scale)
    problem.add((X - whole._shift) / whole._scale, Y[:, None])
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
    with pytest.raises(ValueError, match="`ridge` must be one of gcv"):
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


def test_bad_input():
    with pytest.raises(ValueError, match="`points` must hold two different points"):
        pair_neurons(np.ones((5, 2)), np.arange(5.0), 3)
    with pytest.raises(ValueError, match="`sampling` must be one of pairs, oracle"):
        rf.RidgeletRegressor(sampling="sobol").fit(X, Y)
    with pytest.raises(ValueError, match="'oracle' needs at most 3 features, got 5"):
        rf.RidgeletRegressor(sampling="oracle").fit(RNG.normal(size=(20, 5)), Y[:20])
    with pytest.raises(ValueError, match="at least two classes, got one class"):
        rf.RidgeletClassifier().fit(X, np.ones(len(X)))
