"""The main line on pairs of columns of tables: how its networks err, by width.

``python tests/benchmarks/flow_table.py`` prints the table of the documentation (needs
scikit-learn): for each data set the worst pair and the median over pairs of the RMS, the median
and the 99 % quantile of the errors of the default network on fresh draws, over the RMS
displacement, and of how many pairs all three fall with the width. ``--pairs`` takes some of the
pairs alone.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets

from ridgeflow.double_continuum.main_line import main_line

PARTS = ("rms", "median", "quantile99")


def standardised(name: str) -> tuple[NDArray, list[str]]:
    """Columns of a data set in units of their deviations, and their names."""
    table = getattr(datasets, f"load_{name}")()
    x = np.asarray(table.data, float)
    return (x - x.mean(axis=0)) / x.std(axis=0), list(table.feature_names)


def main() -> None:
    """Print one line for each pair, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=["iris", "wine", "diabetes", "breast_cancer"])
    parser.add_argument("--pairs", type=int, default=None, help="so many pairs, evenly chosen")
    options = parser.parse_args()
    for name in options.data:
        x, names = standardised(name)
        pairs = [
            pair
            for pair in itertools.combinations(range(x.shape[1]), 2)
            if len(np.unique(x[:, pair[0]])) > 2 and len(np.unique(x[:, pair[1]])) > 2
        ]
        if options.pairs is not None:
            chosen = np.linspace(0, len(pairs) - 1, min(options.pairs, len(pairs)))
            pairs = [pairs[i] for i in np.unique(np.rint(chosen).astype(int))]
        found, falling = [], 0
        for pair in pairs:
            start = time.perf_counter()
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                line = main_line(x[:, pair])
            seconds = time.perf_counter() - start
            by_width = [
                [getattr(spread, part) for part in PARTS]
                for _, spread in sorted(line.width_errors.items())
            ]
            falls = bool((np.diff(by_width, axis=0) < 0).all())
            falling += falls
            found.append(by_width[-1])
            cells = "".join(f"{100 * value:9.3f}" for value in by_width[-1])
            label = f"{names[pair[0]]}, {names[pair[1]]}"
            print(
                f"{label[:48]:48s}{cells} %  {'falls' if falls else 'RISES'} {seconds:6.1f} s",
                flush=True,
            )
        worst, middle = 100 * np.max(found, axis=0), 100 * np.median(found, axis=0)
        print(
            f"{name}: worst "
            + "".join(f"{v:9.3f}" for v in worst)
            + " %, median over pairs "
            + "".join(f"{v:9.3f}" for v in middle)
            + f" %; {falling} of {len(pairs)} fall"
        )


if __name__ == "__main__":
    main()
