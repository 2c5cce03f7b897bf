"""What the estimators share: units of columns, neurons and the growing least-squares problem."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._progress import alone, reporting, stage
from ridgeflow._units import Columns, power_of_two
from ridgeflow._validate import (
    as_real_array,
    common_float,
    flag,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.errors import MissingDependencyError
from ridgeflow.networks.kept_samples import KEPT, NeverSeen
from ridgeflow.networks.least_squares import (
    OuterProblem,
    as_observations,
    as_ridge,
    as_weights,
)
from ridgeflow.networks.pairs import central_weights, draw_pairs
from ridgeflow.networks.sample_spectrum import sample_neurons
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import activation_with_values

try:
    from sklearn.base import BaseEstimator
    from sklearn.utils.validation import check_is_fitted, validate_data

    from ridgeflow.networks.estimator_input import as_random_state, refuse_what_is_no_number
except ImportError as error:
    raise MissingDependencyError(
        "RidgeletRegressor and RidgeletClassifier need scikit-learn >= 1.6: "
        'pip install "ridgeflow[sklearn]"'
    ) from error

__all__ = ["PRECISIONS", "RidgeletEstimator", "of_targets"]

_SAMPLINGS = ("pairs", "oracle")
# As scikit-learn's validation takes them.
PRECISIONS = (np.float64, np.float32)


class RidgeletEstimator(BaseEstimator):
    """What regressor and classifier share: the neurons and the growing least-squares problem."""

    _real: np.dtype
    _unit: Columns
    _inner: tuple[NDArray, NDArray, Activation]
    _problem: OuterProblem
    _unseen: NeverSeen | None

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
        random_state: int | None = None,
        verbose: bool | int = False,
    ) -> None:
        self.width = width
        self.activation = activation
        self.sampling = sampling
        self.slope = slope
        self.ridge = ridge
        self.observations = observations
        self.affine = affine
        self.random_state = random_state
        self.verbose = verbose

    def _learn(self, x: NDArray, y: NDArray, sample_weight: Any, *, first: bool) -> None:
        """Take samples (n, m) with values (n, k) into the problem and solve it: all, or nothing."""
        weights = np.ones(len(x))
        if sample_weight is not None:
            given = as_real_array(sample_weight, "sample_weight", ndim=(0, 1))
            # One number for all samples is what scikit-learn allows.
            weights = as_weights(given if given.ndim else weights * given, "sample_weight", x)
        self._penalty()
        values = y.astype(np.float64)
        if first:
            real = common_float(x, y)
            columns, inner, problem = self._begin(x, values, weights)
        else:
            # A copy, so that samples of a fit that fails are not there when it is tried again.
            real, columns, inner = self._real, self._unit, self._inner
            problem = copy(self._problem)
        # What scikit-learn takes for true: a bar where there is a terminal.
        with reporting(bool(self.verbose), type(self).__name__):
            with stage("samples", 0.0, 0.6):
                problem.add(columns(x), values, weights)
            self._settle(real, columns, inner, problem)

    def _penalty(self) -> tuple[float | None, float | str]:
        """The penalty, None where it is chosen, and the number of observations or how to count."""
        return as_ridge(self.ridge), as_observations(self.observations)

    def _settle(
        self,
        real: np.dtype,
        columns: Columns,
        inner: tuple[NDArray, NDArray, Activation],
        problem: OuterProblem,
    ) -> None:
        """Solve the problem of the samples that have come, and keep it for those to come."""
        penalty, count = self._penalty()
        unseen = None
        with alone():
            if penalty is None and self.ridge == "loo":
                fit, unseen = problem.left_out()
            else:
                fit = problem.solve(penalty, observations=count)
        a, b, eta = inner
        # Back in the unit of the columns.
        outer, offset, linear, bias = columns.of_data(a, b, fit.linear, fit.bias)
        parts = (outer, offset, fit.outer, linear, bias)
        outer, offset, weighted, linear, bias = (part.astype(real) for part in parts)
        network = ShallowNetwork(outer, offset, weighted, eta, linear=linear, bias=bias)
        self._real, self._unit, self._inner, self._problem = real, columns, inner, problem
        self.network_, self.ridge_ = network, of_targets(fit.penalty)
        self._unseen = unseen

    def _never_seen(self) -> NeverSeen:
        """Residuals at samples of fits without them; of a given penalty where somebody asks."""
        check_is_fitted(self, "network_")
        if self._unseen is None:
            self._unseen = self._problem.left_out(float(self.ridge_))[1]
        return self._unseen

    def _begin(
        self,
        x: NDArray,
        y: NDArray,
        weights: NDArray,
        whole: Columns | None = None,
        units: tuple[float, float] = (0.0, 0.0),
    ) -> tuple[Columns, tuple[NDArray, NDArray, Activation], OuterProblem]:
        """Units of the columns, neurons and the problem, from the first samples that come.

        Where more are known already, ``whole`` are the columns of all of them, and ``units`` those
        of the problem.
        """
        width, slope = positive_int(self.width, "width"), positive(self.slope, "slope")
        eta = activation_with_values(self.activation)
        one_of(self.sampling, "sampling", _SAMPLINGS)
        affine = flag(self.affine, "affine")
        rng = np.random.default_rng(as_random_state(self.random_state).randint(2**31 - 1))
        # Repeated samples and weights mean the same, and the order of samples means nothing.
        rows, which = np.unique(
            np.column_stack([x.astype(np.float64), y]), axis=0, return_inverse=True
        )
        weights = weights / weights.max()
        weights = np.bincount(which.ravel(), weights=weights)
        rows, weights = rows[weights > 0], weights[weights > 0]
        points, y = rows[:, : x.shape[1]], rows[:, x.shape[1] :]
        # Columns in one unit, so that distances between samples mean something.
        columns = Columns.central(points, weights, real=x.dtype)
        if whole is not None:
            # What is constant in these samples need not be so in all.
            columns = columns.where(columns.flat, whole)
        inner = columns(points)
        rounding = columns.rounding / columns.scale
        if not (np.ptp(inner, axis=0) > rounding).any():
            a, b = np.zeros((width, x.shape[1])), np.linspace(-1, 1, width)
        elif self.sampling == "pairs":
            often = central_weights(inner, weights)
            # Each target in its own spread, so that a loud one leaves others their neurons.
            spread = Columns.of(y, weights)(y)
            a, b = draw_pairs(inner, spread, width, slope, "gradient", often, rounding, rng)
        else:
            a, b = sample_neurons(inner, y, weights, eta, width, rounding, rng)
        scaled = None
        if affine:
            unit = weights / power_of_two(weights)
            scaled = Columns.of(inner, unit) if whole is None else whole.within(columns)
        problem = OuterProblem(a, b, eta, y.shape[1], scaled, rounding, keep=KEPT, units=units)
        return columns, (a, b, eta), problem

    def _evaluate(self, x: Any) -> NDArray:
        check_is_fitted(self, "network_")
        refuse_what_is_no_number(X=x)
        x = validate_data(self, x, reset=False, dtype=PRECISIONS)
        return self.network_(x)


def of_targets(values: NDArray | float) -> NDArray[np.float64] | float:
    """A number for each target, or the number for a single one."""
    found = np.atleast_1d(values)
    return float(found[0]) if len(found) == 1 else found
