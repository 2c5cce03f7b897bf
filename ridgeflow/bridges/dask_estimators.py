"""Estimators of samples that are spread over workers, and what they predict there."""

from __future__ import annotations

from copy import copy
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.bridges.dask_fits import cut_alike, overview, problem_of
from ridgeflow.bridges.dask_graphs import (
    blocks,
    computed,
    da,
    fits_in_tasks,
    once,
    precision,
    task,
    tree,
)
from ridgeflow.bridges.dask_rows import by_rows
from ridgeflow.networks.calibration import Calibration
from ridgeflow.networks.estimator import RidgeletRegressor
from ridgeflow.networks.estimator_base import RidgeletEstimator
from ridgeflow.networks.kept_samples import KEPT

from sklearn.utils.validation import check_is_fitted, validate_data  # isort: skip

__all__ = ["predict", "taken"]


def fit_estimator(model: RidgeletEstimator, x: Any, y: Any, weights: Any, first: bool) -> None:
    """Take samples in chunks, with values of numbers, into the problem of a model and solve it.

    Neurons come from the samples that are kept of many: all of them up to 16384 different ones.
    """
    model._penalty()
    points, values, mass = x, y, weights
    fits_in_tasks(points, "X", 2.0 * points.shape[1] + values[0].size)
    rows = blocks(points, values, mass)
    if first:
        seen = overview(rows, KEPT)
        real = precision(points, values)
        kept = seen.kept
        columns, inner, begun = model._begin(
            kept.points.astype(precision(points)),
            kept.values,
            kept.weights,
            seen.columns,
            seen.units,
        )
        problem = problem_of(begun, rows, columns)
    else:
        real, columns, inner = model._real, model._unit, model._inner
        begun = model._problem.emptied()
        problem = model._problem.joined(problem_of(begun, rows, columns))
    model._settle(real, columns, inner, problem)


def taken(
    self: Any, x: Any, y: Any, sample_weight: Any, *, first: bool, classes: Any = None
) -> Any:
    """``fit`` and ``partial_fit`` of samples in chunks."""
    if isinstance(self, RidgeletRegressor):
        return regressor_fitted(self, x, y, sample_weight, first)
    return classifier_fitted(self, x, y, sample_weight, first, classes)


def regressor_fitted(model: Any, x: Any, y: Any, weights: Any, first: bool) -> Any:
    """``fit`` and ``partial_fit`` of a regressor."""
    named(model, x, first)
    points, values, mass = cut_alike(x, y, weights, ("X", "y", "sample_weight"))
    single = values.ndim == 1
    fit_estimator(model, points, values, mass, first)
    if first:
        model._single = single
    return model


def classifier_fitted(
    model: Any, x: Any, y: Any, weights: Any, first: bool, classes: Any = None
) -> Any:
    """``fit`` and ``partial_fit`` of a classifier; labels are read once more, to be counted."""
    named(model, x, first)
    points, labels, mass = cut_alike(x, y, weights, ("X", "y", "sample_weight"), "biufOSUT")
    if labels.ndim != 1:
        raise ValueError(f"`y` must have 1 dimension(s), got shape {labels.shape}")
    counting = tree(
        [task(np.unique, part, False, False, True) for (part,) in blocks(labels)], _more
    )
    ((found, counts),) = computed(counting)
    model._name_classes(found, classes, first=first)
    if model.class_weight is not None:
        each = once((found, model._weights_of_classes(found, counts)))
        ones = da.ones(len(labels), chunks=labels.chunks) if mass is None else mass
        mass = da.map_blocks(_weighed, ones, labels, each, dtype=np.float64)
    outputs = max(1, len(model.classes_)) if len(model.classes_) > 2 else 1
    values = da.map_blocks(
        *(_encoded, labels, once(model._labels), outputs, precision(points)),
        dtype=precision(points),
        chunks=(labels.chunks[0], (outputs,)),
        new_axis=1,
    )
    fit_estimator(model, points, values, mass, first)
    return model._calibrated()


def _more(one: tuple[NDArray, NDArray], other: tuple[NDArray, NDArray]) -> tuple[NDArray, NDArray]:
    labels, which = np.unique(np.concatenate([one[0], other[0]]), return_inverse=True)
    counts = np.bincount(which, weights=np.concatenate([one[1], other[1]]))
    return labels, counts.astype(np.int64)


def _weighed(mass: NDArray, labels: NDArray, each: tuple[NDArray, NDArray]) -> NDArray:
    return mass * each[1][np.searchsorted(each[0], labels)]


def _encoded(labels: NDArray, binarizer: Any, outputs: int, real: np.dtype) -> NDArray:
    if not len(labels):
        return np.empty((0, outputs), real)
    return binarizer.transform(labels).astype(real)


def named(model: Any, x: Any, first: bool) -> None:
    """What scikit-learn asks of the columns of a dataframe or an array."""
    # Of a dataframe an empty one of pandas holds the names.
    names = x._meta if hasattr(x, "columns") else x
    validate_data(model, names, reset=first, skip_check_array=True)


def predict(called: Any, model: Any, x: Any) -> da.Array:
    """Outputs of a fitted estimator at points in chunks, as its method ``called`` gives them."""
    check_is_fitted(model, "network_")
    named(model, x, False)
    what = called.__name__
    light = copy(model)
    if what == "predict_proba" and model._calibration is None:
        light._calibration = Calibration.of(*model._left_out())
    # What predicting does not need stays here.
    for heavy in ("_problem", "_unseen", "feature_names_in_"):
        vars(light).pop(heavy, None)
    k = model.network_.component_shape[0]
    dtype: Any = None
    if isinstance(model, RidgeletRegressor):
        shape = (None,) if model._single else (None, k)
    elif what == "predict":
        shape, dtype = (None,), model.classes_.dtype
    elif what == "predict_proba":
        shape, dtype = (None, len(model.classes_)), np.dtype(np.float64)
    else:
        shape = (None,) if k == 1 else (None, k)
    single = model.network_.c.dtype == np.float32
    return by_rows(called, {"self": light, "X": x}, "X", shape, single, dtype)
