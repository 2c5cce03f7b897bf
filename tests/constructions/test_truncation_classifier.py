"""Truncation networks as an estimator: scikit-learn's own checks, honesty, and real data."""

import warnings

import numpy as np
import pytest

import ridgeflow as rf

sklearn = pytest.importorskip("sklearn")
from sklearn.datasets import load_digits  # noqa: E402
from sklearn.decomposition import PCA  # noqa: E402
from sklearn.pipeline import make_pipeline  # noqa: E402
from sklearn.utils.estimator_checks import check_estimator  # noqa: E402

from ridgeflow.constructions import TruncationClassifier  # noqa: E402

pytestmark = pytest.mark.usefixtures("global_draws")


def test_scikit_learn_checks():
    with warnings.catch_warnings():
        # Some of the checks' data are random labels, which nothing separates.
        warnings.simplefilter("ignore")
        results = check_estimator(TruncationClassifier(), on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] == "failed"]
    assert failed == []
    assert sum(r["status"] == "passed" for r in results) > 40


def test_clusters_take_the_explicit_minimiser():
    rng = np.random.default_rng(0)
    labels = np.repeat(["b", "a", "c"], 15)
    means = {"a": [0.0, 0.0], "b": [5.0, 0.0], "c": [0.0, 5.0]}
    X = 100 + np.array([means[v] for v in labels]) + 0.1 * rng.normal(size=(45, 2))
    model = TruncationClassifier().fit(X, labels)
    assert model.method_ == "clusters" and model.reason_ == "" and len(model.misplaced_) == 0
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert (model.predict(X) == labels).all()
    # Three means in a plane: one more coordinate makes them independent, and is gone again.
    assert model.network_.dim == 2
    scores = model.decision_function(X)
    assert scores.shape == (45, 3) and (model.classes_[scores.argmax(1)] == labels).all()
    assert scores.max() < 1e-20 and scores.max(1).min() > -1e-20  # measured -1e-31
    ratios = model.noise_to_signal(X, labels)
    assert ratios[-1] < 1e-12 < ratios[0]
    # In the unit of the data: the network alone does what the estimator does.
    assert (model.classes_[model.network_.classify(X)] == labels).all()
    deeper = TruncationClassifier("clusters", depth=5).fit(X, labels)
    assert deeper.network_.depth == 5 and (deeper.predict(X) == labels).all()


def test_iris():
    iris = rf.datasets.load_iris()
    for pair in ((0, 1), (0, 2)):
        some = np.isin(iris.target, pair)
        model = TruncationClassifier(inseparable="raise").fit(iris.data[some], iris.target[some])
        assert model.method_ == "separable" and "4 delta" in model.reason_
        assert model.score(iris.data[some], iris.target[some]) == 1
        ratios = model.noise_to_signal(iris.data[some], iris.target[some])
        assert ratios.shape == (3,) and ratios[-1] < 1e-10 < 0.1 < ratios[0]  # measured 1e-15
    some = np.isin(iris.target, (1, 2))
    X, y = iris.data[some], iris.target[some]
    with pytest.raises(ValueError, match="must be sequentially linearly separable"):
        TruncationClassifier(inseparable="raise").fit(X, y)
    with pytest.warns(rf.AccuracyWarning, match=r"\d of 100 samples are not where .* separable"):
        model = TruncationClassifier().fit(X, y)
    assert 1 <= len(model.misplaced_) <= 4  # measured 2; one is the least that there is
    wrong = np.flatnonzero(model.predict(X) != y)
    assert np.array_equal(wrong, model.misplaced_)
    assert "linearly separable" in model.reason_


def test_digits_after_projection():
    X, y = load_digits(return_X_y=True)
    model = make_pipeline(PCA(20, random_state=0), TruncationClassifier(inseparable="raise"))
    model.fit(X[::2], y[::2])
    net = model[-1].network_
    assert net.cost(model[:-1].transform(X[::2]), y[::2]) < 1e-6  # measured 1e-9
    assert model.score(X[::2], y[::2]) == 1
    assert model.score(X[1::2], y[1::2]) > 0.88  # measured 0.923
    few = np.isin(y, (0, 1, 2))
    flat = make_pipeline(PCA(2, random_state=0), TruncationClassifier())
    with pytest.warns(rf.AccuracyWarning, match="samples are not where the network has their cla"):
        flat.fit(X[few], y[few])
    assert flat.score(X[few], y[few]) > 0.9  # measured 0.96


@pytest.mark.parametrize(
    ("model", "X", "y", "message"),
    [
        (TruncationClassifier("planes"), np.eye(2), [0, 1], "`method` must be one of auto, clus"),
        (TruncationClassifier(inseparable="no"), np.eye(2), [0, 1], "`inseparable` must be one of"),
        (TruncationClassifier(depth=1), np.eye(2), [0, 1], "`depth` must be at least 2, got 1"),
        (TruncationClassifier(), np.eye(2), [1, 1], "`y` must hold at least two classes"),
        (
            TruncationClassifier(),
            [[0.0], [1.0], [2.0]],
            [0, 1, 2],
            "`y` must hold at most 2 classes, one more than X has features, got 3",
        ),
        (
            TruncationClassifier("clusters"),
            [[0.0], [1.0], [2.0], [3.0]],
            [0, 0, 1, 1],
            "4 delta must be below every distance of class means",
        ),
        (
            TruncationClassifier(),
            [[1.0], [1.0], [1.0], [1.0]],
            [0, 0, 1, 1],
            "must be separable but for some samples, got [01] class left of 2",
        ),
    ],
)
def test_refusals(model, X, y, message):
    with pytest.raises(ValueError, match=message):
        model.fit(X, y)
