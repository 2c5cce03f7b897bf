"""Shallow networks as scikit-learn estimators: neurons drawn, outer weights solved, no training."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._units import Columns
from ridgeflow._validate import (
    as_array,
    as_real_array,
    common_float,
    flag,
    items_of,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.errors import MissingDependencyError
from ridgeflow.networks.least_squares import (
    OuterProblem,
    as_observations,
    as_ridge,
    as_weights,
)
from ridgeflow.networks.pairs import draw_pairs
from ridgeflow.networks.sample_spectrum import sample_neurons
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import activation_with_values

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.preprocessing import LabelBinarizer
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import (
        check_classification_targets,
        type_of_target,
        unique_labels,
    )
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise MissingDependencyError(
        "RidgeletRegressor and RidgeletClassifier need scikit-learn >= 1.6: "
        'pip install "ridgeflow[sklearn]"'
    ) from error

__all__ = ["RidgeletClassifier", "RidgeletRegressor"]

_SAMPLINGS = ("pairs", "oracle")
_PRECISIONS = (np.float64, np.float32)


class _RidgeletEstimator(BaseEstimator):
    """What regressor and classifier share: the neurons and the growing least-squares problem."""

    _real: np.dtype
    _unit: Columns
    _inner: tuple[NDArray, NDArray, Activation]
    _problem: OuterProblem

    def __init__(
        self,
        width: int = 400,
        activation: str = "tanh",
        *,
        sampling: str = "pairs",
        slope: float = 1.0,
        ridge: float | str = "gcv",
        observations: float | str = "distinct",
        affine: bool = True,
        random_state: int | None = None,
    ) -> None:
        self.width = width
        self.activation = activation
        self.sampling = sampling
        self.slope = slope
        self.ridge = ridge
        self.observations = observations
        self.affine = affine
        self.random_state = random_state

    def _learn(self, x: NDArray, y: NDArray, sample_weight: Any, *, first: bool) -> None:
        """Take samples (n, m) with values (n, k) into the problem and solve it: all, or nothing."""
        weights = np.ones(len(x))
        if sample_weight is not None:
            given = as_real_array(sample_weight, "sample_weight", ndim=(0, 1))
            # One number for all samples is what scikit-learn allows.
            weights = as_weights(given if given.ndim else weights * given, "sample_weight", x)
        penalty, count = as_ridge(self.ridge), as_observations(self.observations)
        values = y.astype(np.float64)
        if first:
            real = common_float(x, y)
            columns, inner, problem = self._begin(x, values, weights)
        else:
            # A copy, so that samples of a fit that fails are not there when it is tried again.
            real, columns, inner = self._real, self._unit, self._inner
            problem = copy(self._problem)
        problem.add(columns(x), values, weights)
        fit = problem.solve(penalty, observations=count)
        a, b, eta = inner
        # Back in the unit of the columns.
        outer, offset, linear, bias = columns.of_data(a, b, fit.linear, fit.bias)
        parts = (outer, offset, fit.outer, linear, bias)
        outer, offset, weighted, linear, bias = (part.astype(real) for part in parts)
        network = ShallowNetwork(outer, offset, weighted, eta, linear=linear, bias=bias)
        self._real, self._unit, self._inner, self._problem = real, columns, inner, problem
        self.network_, self.ridge_ = network, fit.penalty

    def _begin(
        self, x: NDArray, y: NDArray, weights: NDArray
    ) -> tuple[Columns, tuple[NDArray, NDArray, Activation], OuterProblem]:
        """Units of the columns, neurons and the problem, from the first samples that come."""
        width, slope = positive_int(self.width, "width"), positive(self.slope, "slope")
        eta = activation_with_values(self.activation)
        one_of(self.sampling, "sampling", _SAMPLINGS)
        affine = flag(self.affine, "affine")
        rng = np.random.default_rng(_random_state(self.random_state).randint(2**31 - 1))
        # Repeated samples and weights mean the same, and the order of samples means nothing.
        rows, which = np.unique(
            np.column_stack([x.astype(np.float64), y]), axis=0, return_inverse=True
        )
        weights = weights / weights.max()
        weights = np.bincount(which.ravel(), weights=weights)
        rows, weights = rows[weights > 0], weights[weights > 0]
        points, y = rows[:, : x.shape[1]], rows[:, x.shape[1] :]
        # Columns in one unit, so that distances between samples mean something.
        columns = Columns.of(points, weights, real=x.dtype)
        inner = columns(points)
        rounding = columns.rounding / columns.scale
        if not (np.ptp(inner, axis=0) > rounding).any():
            a, b = np.zeros((width, x.shape[1])), np.linspace(-1, 1, width)
        elif self.sampling == "pairs":
            a, b = draw_pairs(inner, y, width, slope, "gradient", weights, rounding, rng)
        else:
            a, b = sample_neurons(inner, y, weights, eta, width, rounding, rng)
        problem = OuterProblem(
            *(a, b, eta, y.shape[1]), inner if affine else None, weights, rounding
        )
        return columns, (a, b, eta), problem

    def _evaluate(self, x: Any) -> NDArray:
        check_is_fitted(self, "network_")
        _refuse_what_is_no_number(X=x)
        x = validate_data(self, x, reset=False, dtype=_PRECISIONS)
        return self.network_(x)


def _refuse_masks(value: Any, name: str) -> None:
    if isinstance(value, np.ma.MaskedArray):
        as_array(value, name)


def _kind(value: Any) -> str | None:
    """The kind of an array's dtype; None for what is no array."""
    return getattr(getattr(value, "dtype", None), "kind", None)


def _refuse_what_is_no_number(**arrays: Any) -> None:
    """What scikit-learn would read as numbers: dates, text, and what lies under a mask."""
    for name, value in arrays.items():
        _refuse_masks(value, name)
        kind = _kind(value)
        if kind in ("S", "U", "V"):
            raise TypeError(f"`{name}` must be numeric, got dtype {value.dtype}")
        if kind in ("m", "M"):
            raise TypeError(
                f"`{name}` must be numeric, got dtype {value.dtype} (subtract a date and divide by "
                "a unit of time)"
            )


def _random_state(value: Any) -> np.random.RandomState:
    if value is None or isinstance(value, np.random.RandomState):
        return check_random_state(value)
    return check_random_state(positive_int(value, "random_state", minimum=0, maximum=2**32 - 1))


class RidgeletRegressor(RegressorMixin, _RidgeletEstimator):
    r"""Regression by a shallow network whose neurons are drawn and whose outer weights are solved.

    .. math:: f(x) = \sum_j c_j\,\eta(a_j\cdot x - b_j) + x^{\mathsf T}A + d

    Neurons come from pairs of samples (:func:`ridgeflow.networks.pairs.pair_neurons`) or from
    the ridgelet spectrum of the data; c, A and d from one linear least-squares problem. Columns
    are standardised inside.

    Parameters
    ----------
    width : int
        Number of neurons.
    activation : str
        Any of ``rf.activation_names()`` but "dirac".
    sampling : {"pairs", "oracle"}
        "oracle" for at most three features.
    slope : float
        :math:`\kappa` of pair sampling: steepness in units of the samples' distance.
    ridge : float or "gcv"
        Penalty of c relative to the mean squared error; "gcv": by generalised cross-validation,
        see :func:`ridgeflow.fit_outer_weights`.
    observations : "distinct", "weights" or float
        How many observations the samples are, for "gcv": the different ones of positive weight, so
        that repeating a sample and weighing it mean the same, and the scale of weights nothing; the
        sum of the weights, where they count independent observations; or a number.
    affine : bool
        Whether A and d are fitted, without penalty.
    random_state : int, RandomState or None

    Attributes
    ----------
    network_ : ShallowNetwork
        In the unit of the columns, float32 where X and y are (for a classifier, where X is);
        ``network_.to_torch()`` and ``network_.to_onnx(path)`` export it.
    ridge_ : float
        The penalty used.
    n_features_in_ : int

    Raises
    ------
    ValueError
        If a parameter is out of range, or sample weights are negative or all zero, in ``fit``.

    Notes
    -----
    A column whose spread is rounding (below 1e-12 of its largest value, 2e-6 in float32) says
    nothing: the network does not depend on it.

    **Accuracy.** That of the linear problem: orthogonal factorisations, see
    :func:`ridgeflow.fit_outer_weights`.

    **Cost.** O(n P² + P³), once; ``partial_fit`` costs as much for the new samples only.

    See Also
    --------
    ridgeflow.fit_outer_weights, RidgeletClassifier

    References
    ----------
    S. Sonoda and N. Murata, *Sampling hidden parameters from oracle distribution*, ICANN 2014.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 200)[:, None]
    >>> model = RidgeletRegressor(width=40, random_state=0).fit(x, np.sin(5 * x[:, 0]))
    >>> bool(model.score(x, np.sin(5 * x[:, 0])) > 0.9999)
    True
    """

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> RidgeletRegressor:
        """Draw neurons and fit the outer weights.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,) or (n, k)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        RidgeletRegressor
            Itself.
        """
        return self._take(X, y, sample_weight, first=True)

    def partial_fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> RidgeletRegressor:
        """Fit to more samples, with the neurons drawn from the first ones.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,) or (n, k)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        RidgeletRegressor
            Itself.
        """
        return self._take(X, y, sample_weight, first=not hasattr(self, "network_"))

    def _take(self, x: Any, y: Any, sample_weight: Any, *, first: bool) -> RidgeletRegressor:
        _refuse_what_is_no_number(X=x, y=y)
        x, y = validate_data(
            self, x, y, dtype=_PRECISIONS, multi_output=True, y_numeric=True, reset=first
        )
        y = as_real_array(y, "y", ndim=(1, 2))
        self._learn(x, y.reshape(len(x), -1), sample_weight, first=first)
        if first:
            self._single = np.ndim(y) == 1
        return self

    def predict(self, X: ArrayLike) -> NDArray:
        """Values of the network.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,) or (n, k)
        """
        values = self._evaluate(X)
        return values[:, 0] if self._single else values

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Coefficient of determination, 1 at best; the mean over outputs.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,) or (n, k)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        float
        """
        _refuse_what_is_no_number(y=y, sample_weight=sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(super().score(X, y, sample_weight))
        if not np.isfinite(found):
            raise ValueError(
                f"`X` and `y` must have a score in the range of numbers, got {found} (predictions "
                "and values have squares that are none)"
            )
        return found


class RidgeletClassifier(ClassifierMixin, _RidgeletEstimator):
    r"""Classification by a shallow network: least squares onto class labels of ±1.

    Parameters
    ----------
    width, activation, sampling, slope, ridge, observations, affine, random_state
        As for :class:`RidgeletRegressor`.

    Attributes
    ----------
    classes_ : ndarray
    network_ : ShallowNetwork
        One output for each class, a single one for two classes: the largest, or the sign, decides.
        ``network_.to_torch()`` and ``network_.to_onnx(path)`` export it.
    ridge_ : float

    Raises
    ------
    ValueError
        If a parameter is out of range or there is only one class, in ``fit``.

    Notes
    -----
    **Accuracy.** As :class:`RidgeletRegressor`.

    **Cost.** As :class:`RidgeletRegressor`.

    See Also
    --------
    RidgeletRegressor

    References
    ----------
    R. Rifkin, G. Yeo and T. Poggio, *Regularized least-squares classification*, 2003.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=(300, 2))
    >>> ring = np.hypot(*x.T) > 1.2
    >>> model = RidgeletClassifier(width=50, random_state=0).fit(x, ring)
    >>> bool(model.score(x, ring) > 0.97)
    True
    """

    def fit(
        self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None
    ) -> RidgeletClassifier:
        """Draw neurons and fit the outer weights.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        RidgeletClassifier
            Itself.
        """
        return self._take(X, y, None, sample_weight, first=True)

    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        classes: ArrayLike | None = None,
        sample_weight: ArrayLike | None = None,
    ) -> RidgeletClassifier:
        """Fit to more samples, with the neurons drawn from the first ones.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)
        classes : array_like, optional
            All labels that will come; needed in the first call.
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        RidgeletClassifier
            Itself.
        """
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise ValueError("`classes` must be given in the first call of partial_fit, got None")
        return self._take(X, y, classes, sample_weight, first=first)

    def _take(
        self, x: Any, y: Any, classes: Any, sample_weight: Any, *, first: bool
    ) -> RidgeletClassifier:
        _refuse_what_is_no_number(X=x)
        _refuse_masks(y, "y")
        if _kind(y) == "V":
            raise TypeError(f"`y` must hold labels, got dtype {y.dtype}")
        x, y = validate_data(self, x, y, dtype=_PRECISIONS, reset=first)
        check_classification_targets(y)
        if first:
            if classes is not None:
                named = items_of(as_array(classes, "classes"), "classes")
                if not named or any(label is None for label in np.ravel(np.array(named, object))):
                    raise ValueError(f"`classes` must hold labels, got {classes!r:.80}")
            self.classes_ = unique_labels(y if classes is None else classes)
            if len(self.classes_) < 2:
                raise ValueError(
                    f"`y` must hold at least two classes, got one class: {self.classes_[0]!r}"
                )
            self._labels = LabelBinarizer(neg_label=-1, pos_label=1).fit(self.classes_)
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise ValueError(
                f"`y` must hold the classes {self.classes_.tolist()}, got {unknown.tolist()} too "
                f"({type_of_target(y)} labels; name all classes in the first partial_fit)"
            )
        # Labels have no precision of their own.
        self._learn(x, self._labels.transform(y).astype(x.dtype), sample_weight, first=first)
        return self

    def decision_function(self, X: ArrayLike) -> NDArray:
        """Outputs of the network, about ±1.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,) for two classes, (n, k) for k of them
        """
        values = self._evaluate(X)
        return values[:, 0] if len(self.classes_) == 2 else values

    def predict(self, X: ArrayLike) -> NDArray:
        """The class of the largest output.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,)
        """
        values = self.decision_function(X)
        chosen = (values > 0).astype(int) if values.ndim == 1 else values.argmax(axis=1)
        return self.classes_[chosen]

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Share of the samples that are given their class.

        Parameters
        ----------
        X : array_like, shape (n, m)
        y : array_like, shape (n,)
        sample_weight : array_like, shape (n,), optional

        Returns
        -------
        float
        """
        _refuse_masks(y, "y")
        if sample_weight is not None:
            as_real_array(sample_weight, "sample_weight", ndim=1)
        if any(label is None for label in np.ravel(np.asarray(y, object))):
            raise TypeError("`y` must hold labels, got None")
        return float(super().score(X, y, sample_weight))
