"""Shallow networks as scikit-learn estimators: neurons drawn, outer weights solved, no training."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import as_array, as_real_array, items_of, non_negative, one_of

# Says what to install where scikit-learn is not there, before anything is taken from it.
from ridgeflow.networks.estimator_base import PRECISIONS, RidgeletEstimator, of_targets  # isort: split

from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

from ridgeflow.networks.calibration import Calibration
from ridgeflow.networks.estimator_input import kind_of, refuse_masks, refuse_what_is_no_number

__all__ = ["RidgeletClassifier", "RidgeletRegressor"]


def _columns_of(outputs: NDArray) -> NDArray:
    """Outputs of each class: of two classes the one output says both."""
    return outputs if outputs.shape[1] > 1 else np.concatenate([-outputs, outputs], axis=1)


@takes_collections_in("_take", "predict")
class RidgeletRegressor(RegressorMixin, RidgeletEstimator):
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
    ridge : float, "loo" or "gcv"
        Penalty of c relative to the mean squared error. "loo": that of least leave-one-out error
        :math:`\sum_i q_i (y_i - f(x_i))^2 / (1 - h_i)^2`, for each target its own; the leverages
        :math:`h_i` see samples that decide alone what the fit is where they are, as outliers do.
        "gcv": by generalised cross-validation, see :func:`ridgeflow.fit_outer_weights`.
    observations : "distinct", "weights" or float
        How many observations the samples are, for "gcv": the different ones of positive weight, so
        that repeating a sample and weighing it mean the same, and the scale of weights nothing; the
        sum of the weights, where they count independent observations; or a number.
    affine : bool
        Whether A and d are fitted, without penalty. Under "loo" A bears a penalty too or is left
        out where that errs less: where columns are more than a twentieth of the samples, or a
        sample has a leverage beyond .1 by A and d alone.
    random_state : int, RandomState or None
    verbose : bool or int
        Whether ``fit`` shows a bar on a terminal.

    Attributes
    ----------
    network_ : ShallowNetwork
        In the unit of the columns, float32 where X and y are (for a classifier, where X is);
        ``network_.to_torch()`` and ``network_.to_onnx(path)`` export it.
    ridge_ : float or ndarray, shape (k,)
        The penalty used, of each target under "loo".
    loo_error_ : float or ndarray, shape (k,)
        Root mean square of the errors at samples of the fits without them, in the unit of y; of
        16384 samples at most. Under other penalties than "loo" it costs a decomposition when asked
        for.
    n_features_in_ : int

    Raises
    ------
    ValueError
        If a parameter is out of range, or sample weights are negative or all zero, in ``fit``.

    Notes
    -----
    Columns with outliers are measured in the spread of their inner four fifths, and samples far out
    make pairs less often: their neurons would be flat where the others are.

    A column whose spread is rounding (below 1e-12 of its largest value, 2e-6 in float32) says
    nothing: the network does not depend on it.

    **Accuracy.** That of the linear problem: orthogonal factorisations, see
    :func:`ridgeflow.fit_outer_weights`.

    **Cost.** O(n P² + P³), once; ``partial_fit`` costs as much for the new samples only. "loo"
    takes up to four such decompositions where A is in question.

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
        refuse_what_is_no_number(X=x, y=y)
        x, y = validate_data(
            self, x, y, dtype=PRECISIONS, multi_output=True, y_numeric=True, reset=first
        )
        y = as_real_array(y, "y", ndim=(1, 2))
        self._learn(x, y.reshape(len(x), -1), sample_weight, first=first)
        if first:
            self._single = np.ndim(y) == 1
        return self

    @property
    def loo_error_(self) -> NDArray[np.float64] | float:
        """Root mean square of the errors at samples of the fits without them, for each target."""
        unseen = self._never_seen()
        return of_targets(np.sqrt(unseen.weights @ unseen.residuals**2))

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
        refuse_what_is_no_number(y=y, sample_weight=sample_weight)
        with np.errstate(over="ignore", invalid="ignore"):
            found = float(super().score(X, y, sample_weight))
        if not np.isfinite(found):
            raise ValueError(
                f"`X` and `y` must have a score in the range of numbers, got {found} (predictions "
                "and values have squares that are none)"
            )
        return found


@takes_collections_in("_take", "predict", "predict_proba", "decision_function")
class RidgeletClassifier(ClassifierMixin, RidgeletEstimator):
    r"""Classification by a shallow network: least squares onto class labels of ±1.

    Parameters
    ----------
    width, activation, sampling, slope, ridge, observations, affine, random_state, verbose
        As for :class:`RidgeletRegressor`.
    class_weight : "balanced", dict or None
        Weights of the samples of each class; "balanced": as much weight for every class.

    Attributes
    ----------
    classes_ : ndarray
    network_ : ShallowNetwork
        One output for each class, a single one for two classes: the largest, or the sign, decides.
        ``network_.to_torch()`` and ``network_.to_onnx(path)`` export it.
    ridge_ : float or ndarray
    loo_error_ : float
        Share of the samples that fits without them give another class.

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

    def __init__(
        self,
        width: int = 400,
        activation: str = "tanh",
        *,
        sampling: str = "pairs",
        slope: float = 1.0,
        ridge: float | str = "loo",
        observations: float | str = "distinct",
        affine: bool = True,
        class_weight: dict | str | None = None,
        random_state: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        super().__init__(
            width,
            activation,
            sampling=sampling,
            slope=slope,
            ridge=ridge,
            observations=observations,
            affine=affine,
            random_state=random_state,
            verbose=verbose,
        )
        self.class_weight = class_weight

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
        if isinstance(self.class_weight, str):
            raise ValueError(
                f"`class_weight` must be a mapping in partial_fit, got {self.class_weight!r} (the "
                "shares of classes in a batch are not those of all samples)"
            )
        first = not hasattr(self, "network_")
        if first and classes is None:
            raise ValueError("`classes` must be given in the first call of partial_fit, got None")
        return self._take(X, y, classes, sample_weight, first=first)

    def _take(
        self, x: Any, y: Any, classes: Any, sample_weight: Any, *, first: bool
    ) -> RidgeletClassifier:
        refuse_what_is_no_number(X=x)
        refuse_masks(y, "y")
        if kind_of(y) == "V":
            raise TypeError(f"`y` must hold labels, got dtype {y.dtype}")
        x, y = validate_data(self, x, y, dtype=PRECISIONS, reset=first)
        self._name_classes(y, classes, first=first)
        if self.class_weight is not None:
            if sample_weight is None:
                sample_weight = np.ones(len(x))
            found, which, counts = np.unique(y, return_inverse=True, return_counts=True)
            sample_weight = sample_weight * self._weights_of_classes(found, counts)[which]
        # Labels have no precision of their own.
        self._learn(x, self._labels.transform(y).astype(x.dtype), sample_weight, first=first)
        return self._calibrated()

    def _name_classes(self, y: NDArray, classes: Any, *, first: bool) -> None:
        """The classes that labels y (n,) and those that are named make, or have to be of."""
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

    def _calibrated(self) -> RidgeletClassifier:
        # Where errors left out are known already; a prediction must not change the model.
        known = self._unseen is not None
        self._calibration = Calibration.of(*self._left_out()) if known else None
        return self

    def _weights_of_classes(self, found: NDArray, counts: NDArray) -> NDArray[np.float64]:
        """Weights (k,) of the samples of the classes that were found so many times."""
        given = self.class_weight
        if isinstance(given, str):
            one_of(given, "class_weight", ("balanced",))
            return counts.sum() / (len(found) * counts)
        if not isinstance(given, Mapping):
            raise TypeError(
                "`class_weight` must be 'balanced' or a mapping of labels to weights, got "
                f"{given!r:.80}"
            )
        unknown = [label for label in given if label not in self.classes_]
        if unknown:
            raise ValueError(
                f"`class_weight` must name classes among {self.classes_.tolist()}, got {unknown}"
            )
        weights = {label: non_negative(given[label], "class_weight") for label in given}
        return np.array([weights.get(label, 1.0) for label in found.tolist()])

    @property
    def loo_error_(self) -> float:
        """Share of the samples that fits without them give another class."""
        outputs, labels, weights = self._left_out()
        return float(weights @ (outputs.argmax(axis=1) != labels))

    def _left_out(self) -> tuple[NDArray, NDArray, NDArray]:
        """Outputs of each class (n, k) at samples of fits without them, labels and weights."""
        unseen = self._never_seen()
        labels = _columns_of(unseen.values).argmax(axis=1)
        return _columns_of(unseen.values - unseen.residuals), labels, unseen.weights

    def predict_proba(self, X: ArrayLike) -> NDArray:
        r"""Probabilities :math:`p_k \propto e^{\alpha f_k(x)}` of classes, of two :math:`\pm f`.

        α has the largest likelihood for the outputs at the samples of fits without them, which are
        as sure as outputs at new samples. Weights of samples and classes count.

        Parameters
        ----------
        X : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, k)
            In the order of ``classes_``.
        """
        outputs = _columns_of(self._evaluate(X))
        calibration = self._calibration or Calibration.of(*self._left_out())
        return calibration(outputs)

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
        refuse_masks(y, "y")
        if sample_weight is not None:
            as_real_array(sample_weight, "sample_weight", ndim=1)
        if any(label is None for label in np.ravel(np.asarray(y, object))):
            raise TypeError("`y` must hold labels, got None")
        return float(super().score(X, y, sample_weight))
