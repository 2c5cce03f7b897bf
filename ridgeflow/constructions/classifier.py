"""Truncation networks as a scikit-learn classifier that says when data do not fit them."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linprog
from scipy.sparse import eye_array, hstack

from ridgeflow._validate import as_array, one_of, positive_int
from ridgeflow.columns import finite_result
from ridgeflow.constructions.checked_layers import full_rank
from ridgeflow.constructions.clusters import as_classes, as_labels, power_of_two
from ridgeflow.constructions.minimizer import TruncationNetwork, clustered_minimizer
from ridgeflow.constructions.separation import separable_minimizer, solution_of
from ridgeflow.errors import AccuracyWarning, ConvergenceError, MissingDependencyError

try:
    from sklearn.base import BaseEstimator, ClassifierMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingDependencyError(
        'TruncationClassifier needs scikit-learn >= 1.6: pip install "ridgeflow[sklearn]"'
    ) from error

__all__ = ["TruncationClassifier"]

_METHODS = ("auto", "clusters", "separable")
_POLICIES = ("warn", "raise")
# Weights of a soft hyperplane at most, in units of the reciprocal spread of the data.
_STEEPEST = 1e3


class TruncationClassifier(ClassifierMixin, BaseEstimator):
    r"""Classification by a deep ReLU network of zero cost, written down where the data admit one.

    Each layer collapses one class to a point and leaves the others; the class of a point is that of
    the nearest of these points, in the metric of the last layer.

    Parameters
    ----------
    method : {"auto", "clusters", "separable"}
        Clusters (:func:`clustered_minimizer`), or classes that hyperplanes cut off one after
        another (:func:`separable_minimizer`); "auto" takes the first that the data admit.
    depth : int, optional
        Number of hidden layers, at least the number of classes, which is the default.
    inseparable : {"warn", "raise"}
        What happens where hyperplanes do not separate the data: an error, or a warning and the
        network of the points that remain when hyperplanes of least hinge loss leave out the rest.

    Attributes
    ----------
    classes_ : ndarray
    network_ : TruncationNetwork
        Its ``classes`` are numbers of ``classes_``.
    method_ : str
        "clusters" or "separable".
    misplaced_ : ndarray of int
        Samples that the network gives to another class; empty where its cost is zero.
    reason_ : str
        Why the data are no clusters, or not separable; empty if "clusters" did.
    n_features_in_ : int

    Raises
    ------
    ValueError
        If an option is out of range; there is one class only, or more than m + 1, for which there
        is no room; the data are no clusters and ``method="clusters"``; or they are not separable
        and ``inseparable="raise"``. All in ``fit``.
    ConvergenceError
        If a linear program is neither solved nor found infeasible.

    Warns
    -----
    AccuracyWarning
        If samples are misplaced, with their number and the reason.

    Notes
    -----
    **Accuracy.** Zero training error without a warning, to rounding. Nothing is known of points
    outside the cones of the layers. **Cost.** See ``separable_minimizer``; where the data are not
    separable, a linear program in N + m + 1 variables for each class and step.

    See Also
    --------
    clustered_minimizer, separable_minimizer, ridgeflow.RidgeletClassifier

    References
    ----------
    T. Chen and P. Muñoz Ewald, *Interpretable global minima of deep ReLU neural networks on
    sequentially separable data*, 2024.

    Examples
    --------
    >>> X = [[0.0, 0.0], [0.0, 3.0], [2.0, 1.0], [2.0, 2.0]]
    >>> model = TruncationClassifier().fit(X, ["a", "a", "b", "b"])
    >>> model.predict([[0.1, 1.0], [2.0, 1.5]]).tolist(), model.method_, len(model.misplaced_)
    (['a', 'b'], 'clusters', 0)
    """

    def __init__(
        self, method: str = "auto", *, depth: int | None = None, inseparable: str = "warn"
    ) -> None:
        self.method = method
        self.depth = depth
        self.inseparable = inseparable

    def fit(self, X: ArrayLike, y: ArrayLike) -> TruncationClassifier:
        """Write down the network.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)

        Returns
        -------
        TruncationClassifier
            Itself.
        """
        one_of(self.method, "method", _METHODS)
        one_of(self.inseparable, "inseparable", _POLICIES)
        _no_mask(X, "X")
        _no_mask(y, "y")
        x, given = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(given)
        if as_array(y, "y").ndim == 1:
            as_labels(y, "y")
        self.classes_, index = np.unique(given, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"`y` must hold at least two classes, got one class: {self.classes_[0]!r}"
            )
        depth = self.depth
        if depth is not None:
            depth = positive_int(depth, "depth", minimum=len(self.classes_))
        # About their mean and in their own spread, points are of the order of one.
        size = power_of_two(float(np.abs(x).max()))
        self._shift = size * (x / size).mean(0)
        inner = x - self._shift
        size = power_of_two(float(np.abs(inner).max()))
        self._scale = size * float(np.sqrt(((inner / size) ** 2).mean())) or 1.0
        inner = inner / self._scale
        if len(self.classes_) > x.shape[1] + 1:
            raise ValueError(
                f"`y` must hold at most {x.shape[1] + 1} classes, one more than X has features, "
                f"got {len(self.classes_)} (their points would not be affinely independent: add "
                "features)"
            )
        self.network_ = self._unscaled(self._network(inner, index, depth))
        wrong = self.network_.classify(x) != index
        self.misplaced_ = np.flatnonzero(wrong)
        if wrong.any():
            warnings.warn(
                f"{int(wrong.sum())} of {len(x)} samples are not where the network has their class "
                f"({self.reason_})",
                AccuracyWarning,
                stacklevel=2,
            )
        return self

    def _network(self, x: NDArray, index: NDArray, depth: int | None) -> TruncationNetwork:
        """The network of the first method that the data admit, or of what remains of them."""
        count = len(self.classes_)
        self.reason_ = ""
        if self.method != "separable":
            # Points far off the origin have independent means.
            try:
                net = clustered_minimizer(self._lifted(x), index, np.eye(count), depth or count)
                self.method_ = "clusters"
                self._lifted_network = net
                return _without_lift(net)
            except ValueError as error:
                self.reason_ = str(error)
                if self.method == "clusters":
                    raise
        self.method_ = "separable"
        try:
            return separable_minimizer(x, index, np.eye(count), depth=depth)
        except ValueError as error:
            self.reason_ = str(error)
            if self.inseparable == "raise":
                raise
        kept = _separable_part(x, index)
        left = np.unique(index[kept])
        if len(left) < 2:
            raise ValueError(
                f"`X` must be separable but for some samples, got {len(left)} class left of "
                f"{count} ({self.reason_})"
            )
        deep = None if depth is None else max(depth, len(left))
        return separable_minimizer(x[kept], index[kept], np.eye(count)[left], depth=deep)

    def _lifted(self, x: NDArray) -> NDArray:
        """One more coordinate, constant, which makes means independent that are so affinely."""
        return np.column_stack([x, np.ones(len(x))])

    def _unscaled(self, net: TruncationNetwork) -> TruncationNetwork:
        """The same network in the unit of the data."""
        first = net.weights[0] / self._scale
        return replace(
            net,
            weights=(first, *net.weights[1:]),
            biases=(net.biases[0] - first @ self._shift, *net.biases[1:]),
            points=net.points * self._scale + self._shift,
            intervals=net.intervals * self._scale,
        )

    def _points(self, x: Any) -> NDArray:
        check_is_fitted(self, "network_")
        _no_mask(x, "X")
        return validate_data(self, x, reset=False, dtype=np.float64)

    def decision_function(self, X: ArrayLike) -> NDArray:
        """Negative squared distances of the network's values to the label vectors.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, Q), or (n,) for two classes
            For two classes the second's less the first's, positive where the second is nearer.
        """
        x = self._points(X)
        net = self.network_
        with np.errstate(over="ignore"):
            squares = ((net(x)[:, None, :] - net.targets[None]) ** 2).sum(-1)
        finite_result(squares, "X")
        full = np.full((len(x), len(self.classes_)), -np.inf)
        full[:, net.classes] = -squares
        return full[:, 1] - full[:, 0] if len(self.classes_) == 2 else full

    def predict(self, X: ArrayLike) -> NDArray:
        """Classes.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,)
        """
        x = self._points(X)
        return self.classes_[self.network_.classify(x)]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of samples that are classified correctly.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        float
        """
        return float(super().score(X, y, sample_weight))

    def noise_to_signal(self, X: ArrayLike, y: ArrayLike) -> NDArray[np.float64]:
        """Noise-to-signal ratio of labelled data layer by layer.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)
            All classes of the network must occur.

        Returns
        -------
        ndarray, shape (L + 1,)
            See ``TruncationNetwork.noise_to_signal``; with one more coordinate, equal to the spread
            of the data, and about their mean.

        Raises
        ------
        ValueError
            If class means are affinely dependent.
        """
        with np.errstate(over="ignore"):
            inner = finite_result((self._points(X) - self._shift) / self._scale, "X")
        index = self._numbers(y)
        if self.method_ == "clusters":
            return self._lifted_network.noise_to_signal(self._lifted(inner), index)
        data = as_classes(inner, index)
        ratios = []
        for points in self.network_.truncated(inner * self._scale + self._shift):
            lifted = self._lifted((points - self._shift) / self._scale)
            means = data.means(lifted)
            spread = (lifted - means[data.index]) @ full_rank(means, "class means of X")
            ratios.append(float(np.sqrt((spread**2).sum(1)).max()))
        return np.array(ratios)

    def _numbers(self, y: ArrayLike) -> NDArray[np.intp]:
        """Labels as numbers of the network's classes, of which none may be missing or new."""
        labels = as_labels(y, "y")
        wanted = self.classes_[self.network_.classes]
        if labels.dtype.kind not in "OUS" and wanted.dtype.kind in "OUS":
            raise TypeError(f"`y` must be text as in `fit`, got dtype {labels.dtype}")
        found = np.unique(labels)
        if not np.array_equal(found, wanted):
            raise ValueError(
                f"`y` must name the classes {wanted.tolist()}, got {found.tolist()[:10]}"
            )
        return np.searchsorted(self.classes_, labels)


def _no_mask(value: Any, name: str) -> None:
    """Refuse masks and dates, which scikit-learn drops or reads as numbers."""
    if isinstance(value, (np.ndarray, list, tuple)):
        dtype = as_array(value, name).dtype
        if dtype.kind in "mM":
            raise TypeError(f"`{name}` must be numeric, got dtype {dtype} (pass numbers)")


def _without_lift(net: TruncationNetwork) -> TruncationNetwork:
    """The same network on points without their last coordinate, which is one."""
    first = net.weights[0]
    return replace(
        net,
        weights=(np.ascontiguousarray(first[:, :-1]), *net.weights[1:]),
        biases=(net.biases[0] + first[:, -1], *net.biases[1:]),
        points=net.points[:, :-1],
    )


def _separable_part(x: NDArray, index: NDArray) -> NDArray[np.intp]:
    """Samples that remain when hyperplanes of least hinge loss cut off class after class."""
    kept = np.ones(len(x), bool)
    left = list(np.unique(index))
    while len(left) > 1:
        best = len(x) + 1, left[0], np.empty(0, np.intp)
        for j in left:
            used = np.flatnonzero(kept & np.isin(index, left))
            side = np.where(index[used] == j, -1.0, 1.0)
            height = _soft_hyperplane(x[used], side)
            wrong = used[side * height < 1e-6]
            if len(wrong) < best[0]:
                best = len(wrong), j, wrong
        kept[best[2]] = False
        left.remove(best[1])
        left = [j for j in left if (index[kept] == j).any()]
    return np.flatnonzero(kept)


def _soft_hyperplane(x: NDArray, side: NDArray) -> NDArray[np.float64]:
    """Heights w·x − c of points over the hyperplane of least mean hinge loss of both sides."""
    n, m = x.shape
    loss = np.where(side > 0, 1 / max(1, (side > 0).sum()), 1 / max(1, (side < 0).sum()))
    rows = hstack([-side[:, None] * x, side[:, None], -eye_array(n)]).tocsr()
    goal = np.concatenate([np.zeros(m + 1), loss])
    bounds = [(-_STEEPEST, _STEEPEST)] * m + [(None, None)] + [(0, None)] * n
    found = solution_of(linprog(goal, rows, -np.ones(n), bounds=bounds, method="highs"))
    if found is None:  # slack makes every hyperplane feasible
        raise ConvergenceError("a linear program for a hyperplane was found infeasible")
    return x @ found[:m] - found[m]
