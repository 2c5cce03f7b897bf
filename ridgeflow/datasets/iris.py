"""The data that the package brings: Fisher's iris, on which the demo runs."""

from __future__ import annotations

import csv
import importlib.resources
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Dataset", "load_iris"]


@dataclass(frozen=True, eq=False)
class Dataset:
    """A data set shipped with the package, with its source and licence.

    Parameters
    ----------
    data : (n, m) float64 array
        One row per observation, in the units that ``feature_names`` state.
    feature_names : tuple of str
        Names of the columns, with units.
    target : (n,) int64 array
        Class of each row, an index into ``target_names``.
    target_names : tuple of str
        Names of the classes.
    source : str
        Publication and repository.
    licence : str
        Terms of use.

    See Also
    --------
    load_iris

    Examples
    --------
    >>> load_iris().target_names
    ('setosa', 'versicolor', 'virginica')
    """

    data: NDArray[np.float64]
    feature_names: tuple[str, ...]
    target: NDArray[np.int64]
    target_names: tuple[str, ...]
    source: str
    licence: str


def load_iris() -> Dataset:
    """Load Fisher's iris: all 150 flowers, four lengths in centimetres, three species.

    The values are those of Fisher's printed table. The copy at the UCI repository departs from it
    in rows 35 and 38 (petal width 0.1; sepal width 3.1 and petal length 1.5).

    Returns
    -------
    Dataset
        ``data`` of shape (150, 4) in cm: sepal length, sepal width, petal length, petal width.

    Notes
    -----
    **Cost.** Reads a file of 4 kB.

    References
    ----------
    R. A. Fisher, *The use of multiple measurements in taxonomic problems*, Annals of Eugenics 7(2),
    1936, pages 179-188, Table I. UCI Machine Learning Repository, doi:10.24432/C56C76.

    Examples
    --------
    >>> iris = load_iris()
    >>> iris.data.shape
    (150, 4)
    >>> iris.data[37].tolist()
    [4.9, 3.6, 1.4, 0.1]
    """
    text = importlib.resources.files("ridgeflow").joinpath("data", "iris.csv").read_text("utf-8")
    rows = list(csv.reader(text.splitlines()))[1:]
    names = ("setosa", "versicolor", "virginica")
    return Dataset(
        data=np.array([[float(cell) for cell in row[:4]] for row in rows]),
        feature_names=(
            "sepal length (cm)",
            "sepal width (cm)",
            "petal length (cm)",
            "petal width (cm)",
        ),
        target=np.array([names.index(row[4]) for row in rows], dtype=np.int64),
        target_names=names,
        source=(
            "R. A. Fisher, The use of multiple measurements in taxonomic problems, Annals of "
            "Eugenics 7(2), 1936, 179-188; measured by E. Anderson; UCI Machine Learning "
            "Repository, doi:10.24432/C56C76"
        ),
        licence="CC BY 4.0",
    )
