"""The main line on pairs of columns of tables: how its networks err, by width.

``python tests/benchmarks/flow_table.py`` prints the table of the documentation (needs
scikit-learn). Of the default network and of narrower ones: the RMS, the median and the 99 %
quantile of the errors on fresh draws, in percent of the RMS displacement; a line for each pair, and
for each data set and width the median, the 90 % quantile and the worst over its pairs, and of how
many pairs all three fall with the width. ``--pairs`` takes some of the pairs alone.
"""

from __future__ import annotations

import argparse
import itertools
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import numpy as np
from numpy.typing import NDArray
from sklearn import datasets
from threadpoolctl import threadpool_limits

import ridgeflow as rf
from ridgeflow.double_continuum.main_line import main_line

PARTS = ("rms", "median", "quantile99")
WIDTHS = (25, 100, 400)


def standardised(name: str) -> tuple[NDArray, list[str]]:
    """Columns of a data set in units of their deviations, and their names."""
    table = getattr(datasets, f"load_{name}")()
    x = np.asarray(table.data, float)
    return (x - x.mean(axis=0)) / x.std(axis=0), list(table.feature_names)


def measured(x: NDArray) -> tuple[list[list[float]], float]:
    """Parts of the errors of each width, in order, and seconds, on one thread."""
    start = time.perf_counter()
    with warnings.catch_warnings(), rf.config(threads=1), threadpool_limits(1):
        warnings.simplefilter("ignore")
        line = main_line(x)
    by_width = [[getattr(s, part) for part in PARTS] for _, s in sorted(line.width_errors.items())]
    return by_width, time.perf_counter() - start


def main() -> None:
    """Print one line for each pair, and what they come to."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", nargs="*", default=["iris", "wine", "diabetes", "breast_cancer"])
    parser.add_argument("--pairs", type=int, default=None, help="so many pairs, evenly chosen")
    parser.add_argument("--processes", type=int, default=2, help="pairs at a time, a thread each")
    options = parser.parse_args()
    with ProcessPoolExecutor(options.processes, get_context("spawn")) as pool:
        for name in options.data:
            x, names = standardised(name)
            pairs = [
                pair
                for pair in itertools.combinations(range(x.shape[1]), 2)
                if len(np.unique(x[:, pair[0]])) > 2 and len(np.unique(x[:, pair[1]])) > 2
            ]
            total = len(pairs)
            if options.pairs is not None:
                chosen = np.linspace(0, len(pairs) - 1, min(options.pairs, len(pairs)))
                pairs = [pairs[i] for i in np.unique(np.rint(chosen).astype(int))]
            found, falling = [], 0
            for pair, (by_width, seconds) in zip(
                pairs, pool.map(measured, [x[:, pair] for pair in pairs]), strict=True
            ):
                falls = bool((np.diff(by_width, axis=0) < 0).all())
                falling += falls
                found.append(by_width)
                cells = "".join(f"{100 * value:9.3f}" for value in by_width[-1])
                label = f"{names[pair[0]]}, {names[pair[1]]}"
                print(
                    f"{label[:48]:48s}{cells} %  {'falls' if falls else 'RISES'} {seconds:6.1f} s",
                    flush=True,
                )
            print(f"{name}: {len(pairs)} of {total} pairs, {falling} fall with the width")
            print(f"{'':14s}width" + f"{'RMS':>10s}{'median':>8s}{'99 %':>8s} " * 3)
            for width, errors in zip(WIDTHS, np.moveaxis(100 * np.array(found), 1, 0), strict=True):
                cells = [
                    "".join(f"{value:8.2f}" for value in np.quantile(errors, share, axis=0))
                    for share in (0.5, 0.9, 1.0)
                ]
                print(f"{name:14s}{width:5d}  " + "   ".join(cells), flush=True)


if __name__ == "__main__":
    main()
