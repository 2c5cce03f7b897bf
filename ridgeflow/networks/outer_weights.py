"""Outer weights of given neurons by least squares and ridge regression."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    common_float,
    flag,
    non_negative,
    positive,
    same_length,
)
from ridgeflow.errors import RankWarning
from ridgeflow.networks.least_squares import (
    OuterFit,
    as_observations,
    as_ridge,
    as_weights,
    solve_outer_weights,
)
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.sums.ridge_sums import activation_with_values

__all__ = [
    "checked_neurons",
    "checked_penalty",
    "checked_rcond",
    "fit_outer_weights",
    "fitted_network",
]


@takes_collections
@with_progress("outer weights")
def fit_outer_weights(
    a: ArrayLike,
    b: ArrayLike,
    activation: str | Activation,
    points: ArrayLike,
    values: ArrayLike,
    *,
    ridge: float | str = 0.0,
    measure: float | None = None,
    affine: bool = False,
    weights: ArrayLike | None = None,
    observations: float | str = "distinct",
    rcond: float | None = None,
    progress: Progress = None,
) -> ShallowNetwork:
    r"""Fit the outer weights of given neurons by least squares or ridge regression.

    .. math:: \min_c\ \sum_i q_i\, |f_c(x_i) - y_i|^2 + \lambda\, |c|^2,\qquad
              q_i = w_i / \sum_i w_i,\quad
              \lambda = \beta\ \text{ or }\ \beta P / |V|

    with :math:`f_c(x) = \sum_j c_j \eta(a_j\cdot x - b_j)` (plus an affine part that is not
    penalised), :math:`\beta` the ``ridge`` and :math:`|V|` the ``measure``. With equal sample
    weights this is :math:`c = \Phi^{\mathsf T}(\Phi\Phi^{\mathsf T} + n\lambda I)^{-1} y`.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Inner weights, in 1/length.
    b : array_like, shape (P,)
        Offsets, dimensionless.
    activation : str or Activation
        Any but "dirac".
    points : array_like, shape (n, m)
    values : array_like, shape (n,) or (n, k)
    ridge : float, "loo" or "gcv"
        :math:`\beta \ge 0`, in the unit of f² / c² (of f² / c² times the measure, where that is
        given). 0: least squares, of minimum norm where the features are dependent. "loo": the
        penalty of least leave-one-out error :math:`\sum_i q_i (y_i - f(x_i))^2 / (1 - h_i)^2`, for
        each target its own; the leverages :math:`h_i` see samples that decide alone what the fit is
        where they are, as outliers do. The errors are those of 16384 different samples at most.
        "gcv": the penalty :math:`\lambda` of least generalised cross-validation error
        :math:`n\,|y - f|^2 / (n - p - 1.2\,\mathrm{dof}(\lambda))^2`, with n the ``observations``,
        the degrees of freedom :math:`\mathrm{dof} = \sum_i s_i^2/(s_i^2 + \lambda)` of the
        features' singular values s and p those of the affine part. The factor 1.2 keeps the choice
        from interpolating noise where there are about as many neurons as samples, as the factor 1
        does now and then.
    measure : float, optional
        Volume :math:`|V|` of the parameter box from which (a, b) were drawn uniformly: then
        :math:`P c_j / |V|` tends to the ridgelet spectrum as n, P grow. Needs ``ridge > 0``.
    affine : bool
        Fit ``linear`` and ``bias`` as well. Under "loo" ``linear`` bears a penalty too or is left
        out where that errs less: where columns are more than a twentieth of the samples, or a
        sample has a leverage beyond .1 by ``linear`` and ``bias`` alone.
    weights : array_like, shape (n,), optional
        Sample weights, not negative; equal by default. Their scale means nothing.
    observations : "distinct", "weights" or float
        How many observations the samples are, for "gcv". "distinct": as many as there are
        different samples (x, y) of positive weight; a sample that is repeated, or weighs more than
        another, counts once. "weights": the sum of the weights, for weights that are counts of
        independent observations (of samples in cells, say). Or their number.
    rcond : float, optional
        Singular values of the features below ``rcond`` times the largest count as zero where
        ``ridge = 0``; by default max(n, P) times the rounding unit.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ShallowNetwork
        float32 if all arrays are float32, float64 otherwise; the fit itself is in float64.

    Raises
    ------
    ValueError
        If shapes clash, an entry is not finite, or an option is out of range.
    MemoryBudgetError
        If the triangular factor and its use, of about 4 P² numbers, exceed the memory budget; 6 P²
        for "loo".

    Warns
    -----
    RankWarning
        If ``ridge = 0`` and the features are dependent; the message holds the rank and a ridge that
        cures it.

    Notes
    -----
    **Accuracy.** Orthogonal factorisations throughout, no normal equations: errors of the fit grow
    with the condition number of the features, not with its square.

    **Cost.** O(n P²) operations, or O(n² P) for n < P; samples are taken by slabs, so memory is
    O(P²), a slab, and 8 bytes for each sample. "gcv" adds the singular values, 8/3 P³ operations in
    products of matrices, as many as 4/3 P more samples; "loo" one to four whole decompositions,
    some 20 P³, and O(N P²) for the N samples that are kept.
    Ctrl-C is answered at once; the factorisation that it meets ends in the background.

    See Also
    --------
    ShallowNetwork.from_spectrum

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with over-parametrized two-layer networks
    converge to ridgelet spectrum*, AISTATS 2021, Section 3.
    Y.-J. Kim and C. Gu, *Smoothing spline Gaussian regression: more scalable computation via
    efficient approximation*, J. R. Stat. Soc. B 66 (2004), Section 3.

    Examples
    --------
    >>> x = np.linspace(-1, 1, 9)
    >>> net = fit_outer_weights([[1.0], [-1.0]], [0.0, 0.0], "relu", x, np.abs(x))
    >>> np.round(net.c, 12)
    array([1., 1.])
    """
    neurons = checked_neurons(a, b, activation)
    inner, offset, eta = neurons
    x = as_points(points, "points", inner.shape[1])
    y = as_real_array(values, "values", ndim=(1, 2))
    same_length(points=x, values=y)
    penalty = checked_penalty(ridge, measure, len(offset))
    sample = None
    if weights is not None:
        sample = as_weights(weights, "weights", x)
    affine = flag(affine, "affine")
    count, rcond = as_observations(observations), checked_rcond(rcond)
    fit = solve_outer_weights(
        inner.astype(np.float64),
        offset.astype(np.float64),
        eta,
        x.astype(np.float64),
        y.reshape(len(y), -1).astype(np.float64),
        penalty=penalty,
        affine=affine,
        weights=sample,
        observations=count,
        rcond=rcond,
        left_out=ridge == "loo",
    )
    return fitted_network(neurons, fit, (x, y), affine)


def checked_neurons(
    a: ArrayLike, b: ArrayLike, activation: str | Activation
) -> tuple[NDArray, NDArray, Activation]:
    """Inner weights (P, m), offsets (P,) and an activation that has values."""
    inner = as_points(a, "a")
    offset = as_real_array(b, "b", ndim=1)
    same_length(a=inner, b=offset)
    return inner, offset, activation_with_values(activation)


def checked_penalty(ridge: float | str, measure: float | None, width: int) -> float | None:
    """The penalty λ; None where it is chosen."""
    beta = as_ridge(ridge)
    if measure is None:
        return beta
    measure = positive(measure, "measure")
    if not beta:
        raise ValueError(
            f"`ridge` must be positive where `measure` is given, got {ridge!r} with "
            f"measure={measure:g}"
        )
    return beta * width / measure


def checked_rcond(rcond: float | None) -> float | None:
    """A share of the largest singular value."""
    rcond = None if rcond is None else non_negative(rcond, "rcond")
    if rcond is not None and rcond >= 1:
        raise ValueError(f"`rcond` must lie in [0, 1), got {rcond:g}")
    return rcond


def fitted_network(
    neurons: tuple[NDArray, NDArray, Activation], fit: OuterFit, samples: tuple, affine: bool
) -> ShallowNetwork:
    """The network of a fit; of the samples length, shape and dtype count."""
    inner, offset, eta = neurons
    # Only where no penalty tells features apart does the rank count.
    if fit.rank < len(offset):
        cure = max(len(samples[0]), len(offset)) * np.finfo(np.float64).eps * fit.largest**2
        warnings.warn(
            f"the features have rank {fit.rank} < {len(offset)}, the number of neurons: this is "
            f"the solution of minimum norm (ridge={cure:.1e} makes it unique and stable)",
            RankWarning,
            stacklevel=5,
        )
    real = common_float(inner, offset, *samples)
    shape = samples[1].shape[1:]
    return ShallowNetwork(
        inner.astype(real),
        offset.astype(real),
        fit.outer.reshape(-1, *shape).astype(real),
        eta,
        linear=fit.linear.reshape(-1, *shape).astype(real) if affine else None,
        bias=fit.bias.reshape(shape).astype(real) if affine else None,
    )
