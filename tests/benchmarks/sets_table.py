"""Twenty sets of data: test errors and ranks of ridgeflow's estimators and their rivals.

``python tests/benchmarks/sets_table.py`` prints the table of the documentation; ``--out`` writes it
to a file as well. Sets that scikit-learn carries and makes, and functions that are known to be hard
for networks without training: sparse parity, interactions, steps, much noise. Five folds of the
carried ones; of the others a thousand samples to learn from and two thousand fresh ones, with
several seeds. Everybody has their defaults and as many neurons or features, columns standardised
on the training part. Errors are mean squares in units of the variance, or the share misclassified;
ranks are among all, and among those whose features are not trained.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from importlib.util import find_spec

import numpy as np
from data_table import (
    extreme_learning_machine,
    fourier_features,
    ours,
    perceptron,
    swim,
)
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn import datasets
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

Sample = tuple[NDArray, NDArray]
_TRAIN, _TEST = 1000, 2000


def forest(x: NDArray, y: NDArray, width: int, classes: bool, seed: int):
    """Scikit-learn's random forest."""
    kind = RandomForestClassifier if classes else RandomForestRegressor
    return kind(random_state=seed, n_jobs=1).fit(x, y).predict


def recursive(x: NDArray, y: NDArray, width: int, classes: bool, seed: int):
    """Recursive feature machines of the package xrfm, a fifth of the samples to validate."""
    import torch
    from xrfm import xRFM

    torch.manual_seed(seed)
    order = np.random.default_rng(seed).permutation(len(x))
    held, kept = np.split(order, [len(x) // 5])
    target = np.unique(y, return_inverse=True)[1].astype(np.int64) if classes else y[:, None]
    names = np.unique(y)
    model = xRFM(device="cpu", n_threads=1)
    parts = [
        (x[i].astype(np.float32), target[i] if classes else target[i].astype(np.float32))
        for i in (kept, held)
    ]
    model.fit(*parts[0], *parts[1])
    if classes:
        return lambda new: names[np.asarray(model.predict(new.astype(np.float32))).ravel()]
    return lambda new: np.asarray(model.predict(new.astype(np.float32))).ravel()


TRAINED = {"multilayer perceptron", "random forest", "xRFM"}


def contestants() -> dict[str, Callable]:
    """Those that are installed."""
    found = {
        "ridgeflow tanh": ours("tanh"),
        "ridgeflow relu": ours("relu"),
        "random Fourier features": fourier_features,
        "extreme learning machine": extreme_learning_machine,
    }
    if find_spec("swimnetworks") is not None:
        found["swimnetworks tanh + ridge"] = swim
    found["multilayer perceptron"] = perceptron
    found["random forest"] = forest
    if find_spec("xrfm") is not None:
        found["xRFM"] = recursive
    return found


def spirals(n: int, rng: np.random.Generator) -> Sample:
    """Two arms of one and a half turns."""
    label = rng.integers(2, size=n)
    s = np.sqrt(rng.random(n)) * 3 * np.pi
    x = np.stack([s * np.cos(s + np.pi * label), s * np.sin(s + np.pi * label)], axis=1)
    return x + 0.4 * rng.normal(size=x.shape), label


def terrain(n: int, rng: np.random.Generator) -> Sample:
    """Like covtype: ten numbers, two one-hot groups, seven classes of very different size."""
    x = rng.normal(size=(n, 10))
    area, soil = rng.integers(4, size=n), np.minimum(rng.geometric(0.15, size=n) - 1, 19)
    z = np.stack([np.sin(k + x[:, k % 10] * (1 + k / 7)) + x[:, (k + 3) % 10] for k in range(7)], 1)
    z += 0.8 * np.cos(np.arange(7) * (1 + area[:, None])) - 0.35 * np.arange(7)
    z += 0.5 * np.sin(np.arange(7) + soil[:, None])
    return np.concatenate([x, np.eye(4)[area], np.eye(20)[soil]], axis=1), z.argmax(axis=1)


def parity(n: int, rng: np.random.Generator) -> Sample:
    """The parity of three of ten signs."""
    x = rng.choice([-1.0, 1.0], (n, 10))
    return x, (x[:, :3].prod(axis=1) > 0).astype(int)


def of_function(function: Callable[[NDArray], NDArray], dim: int, noise: float) -> Callable:
    """Uniform points of a cube, with noise in units of the deviation of the values."""

    def make(n: int, rng: np.random.Generator) -> Sample:
        x = rng.uniform(-1, 1, (n, dim))
        y = function(x)
        return x, y + noise * y.std() * rng.normal(size=n)

    return make


def made(maker: Callable, **options) -> Callable:
    """One of scikit-learn's generators."""

    def make(n: int, rng: np.random.Generator) -> Sample:
        return maker(n_samples=n, random_state=int(rng.integers(2**31)), **options)

    return make


def heavy(n: int, rng: np.random.Generator) -> Sample:
    """Inputs of Student's law with three degrees of freedom."""
    x = rng.standard_t(3, size=(n, 4))
    return x, np.tanh(x).sum(axis=1) + 0.1 * rng.normal(size=n)


CARRIED = {
    "iris": (datasets.load_iris, True),
    "wine": (datasets.load_wine, True),
    "breast cancer": (datasets.load_breast_cancer, True),
    "digits": (datasets.load_digits, True),
    "diabetes": (datasets.load_diabetes, False),
}
MADE = {
    "friedman 1": (made(datasets.make_friedman1, noise=1.0), False),
    "friedman 2": (made(datasets.make_friedman2, noise=100.0), False),
    "friedman 3": (made(datasets.make_friedman3, noise=0.1), False),
    "sparse linear": (made(datasets.make_sparse_uncorrelated), False),
    "swiss roll": (made(datasets.make_swiss_roll, noise=0.3), False),
    "additive": (of_function(lambda x: (np.sin(4 * x) / (1 + np.arange(8))).sum(1), 8, 0.1), False),
    "interactions": (
        of_function(lambda x: x[:, 0] * x[:, 1] + np.sin(3 * x[:, 2] * x[:, 3]), 8, 0.1),
        False,
    ),
    "steps": (
        of_function(lambda x: np.sign(x[:, 0] - 0.2) + np.floor(2 * x[:, 1] + 0.3), 4, 0.1),
        False,
    ),
    "high noise": (of_function(lambda x: np.sin(3 * x[:, 0]) * x[:, 1], 5, 2.0), False),
    "heavy tails": (heavy, False),
    "moons": (made(datasets.make_moons, noise=0.25), True),
    "spirals": (spirals, True),
    "quadrics": (made(datasets.make_hastie_10_2), True),
    "terrain": (terrain, True),
    "parity": (parity, True),
}


def splits(name: str, seeds: int):
    """Training and test parts of a set."""
    if name in CARRIED:
        load, classes = CARRIED[name]
        x, y = load(return_X_y=True)
        kind = StratifiedKFold if classes else KFold
        for train, test in kind(5, shuffle=True, random_state=0).split(x, y):
            yield x[train], y[train], x[test], y[test], 0
        return
    make, _ = MADE[name]
    for seed in range(seeds):
        rng = np.random.default_rng(seed)
        # One draw of both parts, so that a generator with weights of its own has the same ones.
        x, y = make(_TRAIN + _TEST, rng)
        yield x[:_TRAIN], y[:_TRAIN], x[_TRAIN:], y[_TRAIN:], seed


def error(fit: Callable, name: str, width: int, seeds: int) -> tuple[float, float]:
    """Mean test error, and processor seconds of a fit."""
    classes = {**CARRIED, **MADE}[name][1]
    errors, seconds = [], []
    for x, y, fresh, truth, seed in splits(name, seeds):
        scaler = StandardScaler().fit(x)
        start = time.process_time()
        shift, unit = (0.0, 1.0) if classes else (y.mean(), y.std())
        predict = fit(
            scaler.transform(x), y if classes else (y - shift) / unit, width, classes, seed
        )
        seconds.append(time.process_time() - start)
        found = predict(scaler.transform(fresh))
        if classes:
            errors.append(np.mean(found != truth))
        else:
            errors.append(np.mean((found - (truth - shift) / unit) ** 2))
    return float(np.mean(errors)), float(np.median(seconds))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--sets", nargs="+", default=[*CARRIED, *MADE])
    parser.add_argument("--width", type=int, default=400)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--without", nargs="*", default=[], help="contestants left out")
    parser.add_argument("--out", help="file for the table")
    options = parser.parse_args()
    rivals = {k: fit for k, fit in contestants().items() if k not in options.without}
    lines = [f"Test errors at width {options.width}: " + ", ".join(rivals)]
    print(lines[-1], flush=True)
    rows, seconds = [], []
    for name in options.sets:
        with threadpool_limits(1):
            found = [error(fit, name, options.width, options.seeds) for fit in rivals.values()]
        rows.append([each[0] for each in found])
        seconds.append([each[1] for each in found])
        lines.append(f"{name:15s}" + "".join(f"{value:9.4f}" for value in rows[-1]))
        print(lines[-1], flush=True)
    errors = np.round(np.array(rows), 4)
    untrained = [i for i, name in enumerate(rivals) if name not in TRAINED]
    lines += ["", f"{'':28s}{'mean rank':>10s}{'untrained':>10s}{'seconds':>10s}"]
    everyone = rankdata(errors, axis=1).mean(axis=0)
    some = dict(zip(untrained, rankdata(errors[:, untrained], axis=1).mean(axis=0), strict=True))
    for i, name in enumerate(rivals):
        among = f"{some[i]:10.2f}" if i in some else f"{'':10s}"
        lines.append(f"{name:28s}{everyone[i]:10.2f}{among}{np.mean(seconds, axis=0)[i]:9.2f}s")
    print("\n".join(lines[len(rows) + 1 :]))
    if options.out:
        with open(options.out, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
