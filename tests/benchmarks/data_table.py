"""Real data side by side: test errors and times of ridgeflow's estimators and their rivals.

``python tests/benchmarks/data_table.py`` prints the table of the documentation; ``--out`` writes it
to a file as well. The data sets are those that scikit-learn carries; five folds, the same for all,
columns standardised on the training part. At each width everybody has as many neurons or features:
random Fourier features with the median distance as length, an extreme learning machine (uniform
inner weights, tanh), swimnetworks (neurons from pairs of samples) and ridgeflow, all with a ridge
penalty found by their own leave-one-out or cross-validation error, where they have one; and
scikit-learn's multilayer perceptron with one hidden layer, trained until it stops improving, in one
seed's folds only.
Packages that are not installed are left out.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist
from sklearn import datasets
from sklearn.exceptions import ConvergenceWarning
from sklearn.kernel_approximation import RBFSampler
from sklearn.linear_model import RidgeClassifierCV, RidgeCV
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

import ridgeflow as rf

SETS = {
    "diabetes": (datasets.load_diabetes, False),
    "wine": (datasets.load_wine, True),
    "breast cancer": (datasets.load_breast_cancer, True),
    "digits": (datasets.load_digits, True),
}
PENALTIES = np.geomspace(1e-4, 1e4, 25)
Predict = Callable[[NDArray], NDArray]
Fit = Callable[[NDArray, NDArray, int, bool, int], Predict]


def ours(activation: str) -> Fit:
    """Ridgeflow's estimators with their defaults."""

    def fit(x: NDArray, y: NDArray, width: int, classes: bool, seed: int) -> Predict:
        kind = rf.RidgeletClassifier if classes else rf.RidgeletRegressor
        return kind(width, activation, random_state=seed).fit(x, y).predict

    return fit


def _ridge(features: NDArray, y: NDArray, classes: bool) -> Predict:
    kind = RidgeClassifierCV if classes else RidgeCV
    return kind(PENALTIES).fit(features, y).predict


def fourier_features(x: NDArray, y: NDArray, width: int, classes: bool, seed: int) -> Predict:
    """Random Fourier features of a Gaussian kernel."""
    length = np.median(pdist(x[:500]))
    sampler = RBFSampler(gamma=0.5 / length**2, n_components=width, random_state=seed).fit(x)
    predict = _ridge(sampler.transform(x), y, classes)
    return lambda new: predict(sampler.transform(new))


def extreme_learning_machine(
    x: NDArray, y: NDArray, width: int, classes: bool, seed: int
) -> Predict:
    """Neurons from a uniform box, scaled so that their arguments are of order one."""
    rng = np.random.default_rng(seed)
    a = rng.uniform(-1, 1, (x.shape[1], width)) * np.sqrt(3 / x.shape[1])
    b = rng.uniform(-1, 1, width)
    predict = _ridge(np.tanh(x @ a - b), y, classes)
    return lambda new: predict(np.tanh(new @ a - b))


def swim(x: NDArray, y: NDArray, width: int, classes: bool, seed: int) -> Predict:
    """Neurons of the package swimnetworks, tanh; its own linear layer overfits without penalty."""
    from swimnetworks import Dense

    target = np.unique(y, return_inverse=True)[1] if classes else y
    dense = Dense(
        layer_width=width,
        activation="tanh",
        parameter_sampler="tanh",
        random_seed=seed,
        is_classifier=classes,
    )
    dense.fit(x, target[:, None])
    predict = _ridge(dense.transform(x), y, classes)
    return lambda new: predict(dense.transform(new))


def perceptron(x: NDArray, y: NDArray, width: int, classes: bool, seed: int) -> Predict:
    """Scikit-learn's multilayer perceptron, trained to convergence."""
    kind = MLPClassifier if classes else MLPRegressor
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return kind(hidden_layer_sizes=(width,), max_iter=2000, random_state=seed).fit(x, y).predict


def contestants() -> dict[str, Fit]:
    held: dict[str, Fit] = {"ridgeflow tanh": ours("tanh"), "ridgeflow relu": ours("relu")}
    held["random Fourier features"] = fourier_features
    held["extreme learning machine"] = extreme_learning_machine
    if find_spec("swimnetworks") is not None:
        held["swimnetworks tanh + ridge"] = swim
    held["multilayer perceptron"] = perceptron
    return held


def scores(
    fit: Fit, x: NDArray, y: NDArray, width: int, classes: bool, seeds: int
) -> tuple[float, float, float]:
    """Mean test error, its standard error over folds, and processor seconds of a fit."""
    errors, seconds = [], []
    for seed in range(seeds):
        folds = StratifiedKFold if classes else KFold
        for train, test in folds(5, shuffle=True, random_state=seed).split(x, y):
            scaler = StandardScaler().fit(x[train])
            inside, outside = scaler.transform(x[train]), scaler.transform(x[test])
            start = time.process_time()
            predict = fit(inside, y[train], width, classes, seed)
            seconds.append(time.process_time() - start)
            found = predict(outside)
            errors.append(np.mean(found != y[test]) if classes else np.mean((found - y[test]) ** 2))
    return float(np.mean(errors)), float(np.std(errors) / np.sqrt(5)), float(np.median(seconds))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--widths", type=int, nargs="+", default=[100, 400, 1600])
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2, help="of linear algebra")
    parser.add_argument("--out", help="file for the table")
    options = parser.parse_args()
    lines = [
        "Test error (standard error over folds), and processor seconds of a fit: 5 folds, "
        f"{options.seeds} seeds (perceptron: 1)",
        "diabetes: mean squared error in units of the variance; the others: share misclassified",
        "",
    ]
    print("\n".join(lines))
    for name, (load, classes) in SETS.items():
        x, y = load(return_X_y=True)
        if not classes:
            y = (y - y.mean()) / y.std()
        head = f"{name} ({len(x)} x {x.shape[1]})".ljust(28)
        lines.append(head + "".join(f"{f'width {w}':>28s}" for w in options.widths))
        print(lines[-1], flush=True)
        for label, fit in contestants().items():
            cells = ""
            for width in options.widths:
                with threadpool_limits(options.threads):
                    seeds = 1 if fit is perceptron else options.seeds
                    error, noise, seconds = scores(fit, x, y, width, classes, seeds)
                cells += f"{error:12.4f} ({noise:.4f}){seconds:6.2f}s"
            lines.append(label.ljust(28) + cells)
            print(lines[-1], flush=True)
        lines.append("")
        print()
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines).rstrip() + "\n")


if __name__ == "__main__":
    main()
