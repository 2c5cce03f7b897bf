"""Functionals of laws that the flow decreases or produces: entropy and Fisher information."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.spatial import cKDTree
from scipy.special import digamma, ndtri, polygamma, stdtrit

from ridgeflow._validate import (
    array_like,
    as_covariance,
    as_generator,
    as_points,
    fits_in_memory,
    instance_of,
    positive_int,
)
from ridgeflow.closed_forms import normal_entropy, normal_fisher_information
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import log_unit_ball_volume

__all__ = ["Estimate", "entropy", "fisher_information", "quasi_samples", "student"]

_REPLICATES = 16
_DEFAULT_N = 2**14
_NEIGHBOURS = 4
_BLOCKS = 8
_CELLS = 2**30
# Rounds in which the directions to neighbours are evened, and samples whose neighbours are asked.
_ROUNDS = 3
_PROBES = 4096


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error.

    Parameters
    ----------
    value : float
        The estimate.
    error : float
        Its standard error, statistical and systematic; 0 where the value is exact.

    Examples
    --------
    >>> Estimate(1.0, 0.1).error
    0.1
    """

    value: float
    error: float

    def __float__(self) -> float:
        return self.value


def quasi_samples(
    law: GaussianMixture,
    n: int,
    *,
    replicates: int = 1,
    rng: int | np.random.Generator | None = None,
) -> NDArray[np.float64]:
    """Low-discrepancy samples of a mixture: digitally shifted Sobol points through its quantiles.

    The first of m + 1 coordinates picks the component, the others are normal quantiles mapped by
    the Cholesky factor of its covariance. Each point has the law of the mixture, so means are
    unbiased.

    Parameters
    ----------
    law : GaussianMixture
        The law, in R^m.
    n : int
        Points of each replicate; powers of two are balanced best.
    replicates : int, default 1
        Independent random shifts of the same points.
    rng : int, Generator or None
        Source of the shifts.

    Returns
    -------
    (replicates, n, m) ndarray

    Raises
    ------
    MemoryBudgetError
        If the points do not fit.

    Notes
    -----
    **Accuracy.** Means of smooth functions converge almost like 1/n in few dimensions, and never
    much slower than independent samples.

    **Cost.** O(replicates n m²) time.

    References
    ----------
    P. L'Ecuyer and C. Lemieux, Recent advances in randomized quasi-Monte Carlo methods, 2002
    (digital shifts).

    Examples
    --------
    >>> law = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.1)
    >>> quasi_samples(law, 64, rng=0).shape
    (1, 64, 1)
    """
    instance_of(law, "law", GaussianMixture)
    n, replicates = positive_int(n, "n"), positive_int(replicates, "replicates")
    return _quasi_points(law, n, replicates, law.weights, as_generator(rng))[0]


def _quasi_points(
    law: GaussianMixture,
    n: int,
    replicates: int,
    shares: NDArray,
    generator: np.random.Generator,
) -> tuple[NDArray, NDArray]:
    """Points (R, n, m) whose components, (R, n), come up as often as their shares say."""
    m = law.dim
    fits_in_memory(
        8.0 * replicates * n * (4 * m + (0 if law.shared_covariance else m * m)),
        "the sample",
        "ask for fewer points",
    )
    # Takes as long to load as all else.
    from scipy.stats import qmc

    base = qmc.Sobol(m + 1, scramble=False).random_base2(max(0, math.ceil(math.log2(n))))[:n]
    cells = (base * _CELLS).astype(np.int64)
    # A shift of binary digits keeps the balance of the points, a shift modulo 1 would not.
    cells = cells ^ generator.integers(0, _CELLS, (replicates, 1, m + 1))
    uniform = (cells + generator.random(cells.shape)) / _CELLS
    steps = np.cumsum(shares)
    picked = np.searchsorted(steps[:-1] / steps[-1], uniform[..., 0].ravel(), side="right")
    normal = ndtri(np.clip(uniform[..., 1:], 2.0**-53, 1 - 2.0**-53)).reshape(-1, m)
    if law.shared_covariance:
        offsets = normal @ np.linalg.cholesky(law.covariances[0]).T
    else:
        factors = np.linalg.cholesky(law.covariances)
        offsets = np.einsum("nij,nj->ni", factors[picked], normal)
    points = (law.means[picked] + offsets).reshape(replicates, n, m)
    return points, picked.reshape(replicates, n)


def student(replicates: int) -> float:
    """By how much standard errors from few replicates are enlarged.

    Twice the result then covers as often as two standard deviations of a normal law, 95.45 %.
    """
    return float(stdtrit(replicates - 1, 0.977249868)) / 2


def checked_draws(n: Any, rng: Any) -> None:
    """Refuse what is no number of draws and no source of them, where none are made as well."""
    if n is not None:
        positive_int(n, "n", minimum=_REPLICATES)
    as_generator(rng)


def _mean_over_law(
    integrand: Callable[[NDArray], NDArray],
    law: GaussianMixture,
    n: int | None,
    rng: int | np.random.Generator | None,
) -> Estimate:
    total = _DEFAULT_N if n is None else positive_int(n, "n", minimum=_REPLICATES)
    each = 2 ** math.ceil(math.log2(total / _REPLICATES))
    # Rare components get a part of the draws as well: what no draw sees, no error tells.
    shares = 0.75 * law.weights + 0.25 / law.n_components
    points, picked = _quasi_points(law, each, _REPLICATES, shares, as_generator(rng))
    values = integrand(points.reshape(-1, law.dim)).reshape(_REPLICATES, each)
    found = np.empty(_REPLICATES)
    for r in range(_REPLICATES):
        drawn = np.bincount(picked[r], minlength=law.n_components)
        if (drawn > 0).all():
            found[r] = (law.weights / drawn)[picked[r]] @ values[r]
        else:
            found[r] = np.mean((law.weights / shares)[picked[r]] * values[r])
    error = student(_REPLICATES) * found.std(ddof=1) / math.sqrt(_REPLICATES)
    return _checked(Estimate(float(found.mean()), float(error)))


def _checked(estimate: Estimate) -> Estimate:
    if not (math.isfinite(estimate.value) and math.isfinite(estimate.error)):
        raise ValueError(
            f"`law` must have a representable value, got {estimate.value} (change the unit of "
            "length)"
        )
    return estimate


def _bare_points(samples: Any) -> NDArray[np.float64]:
    if isinstance(samples, SampleField):
        if not samples.is_law:
            raise ValueError(
                "`law` must be a law, got a SampleField that carries values (build it from the "
                "points alone)"
            )
        if np.ptp(samples.weights) > 1e-9 * np.max(np.abs(samples.weights)):
            raise ValueError(
                "`law` must have equal weights, got weights from "
                f"{np.min(samples.weights):g} to {np.max(samples.weights):g} (resample the points "
                "in proportion to the weights, or use a GaussianMixture centred at them)"
            )
        samples = samples.points
    elif not array_like(samples):
        raise TypeError(
            "`law` must be a GaussianMixture, a SampleField or an array of points, got "
            f"{type(samples).__name__}"
        )
    return as_points(samples, "law").astype(np.float64, copy=False)


def entropy(
    law: GaussianMixture | SampleField | ArrayLike,
    *,
    n: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> Estimate:
    """Estimate the differential entropy ``H[μ] = −∫ μ log μ`` in nats.

    Exact for a normal law, ``½ log det(2πe Σ)``. For a mixture, the mean of ``−log μ`` over
    randomised low-discrepancy samples. For bare samples x_1..x_n in R^m, Kozachenko and Leonenko's
    ``ψ(n) − ψ(k) + log(π^{m/2}/Γ(m/2 + 1)) + (m/n) Σ_i log r_i``, with ψ the digamma function, r_i
    the distance from x_i to its k-th nearest neighbour, k = 4, after a linear change of variables
    in which neighbours lie in all directions alike.

    Parameters
    ----------
    law : GaussianMixture, SampleField or (n, m) array_like
        A mixture, or independent samples; a SampleField must carry no values and equal weights.
    n : int, optional
        Samples drawn from a mixture, 16384 by default, rounded up to 16 times a power of two; not
        for bare samples.
    rng : int, Generator or None
        Source of randomness.

    Returns
    -------
    Estimate
        The value and its standard error.

    Raises
    ------
    TypeError
        If `law` is none of these.
    ValueError
        If samples are fewer than 80, coincide, lie in a hyperplane, have unequal weights or carry
        values, or if `n` is given with samples.
    MemoryBudgetError
        If the samples do not fit.

    Notes
    -----
    **Accuracy.** Mixtures: the error is the standard error over 16 independent randomisations, by
    Student's law; a quarter of the draws is spread evenly over the components, so that rare ones
    are seen. Samples: it joins the statistical error (of the mean of ``m log r_i``, and of blocks
    of the samples) and the bias, extrapolated from halves and eighths of the samples under the rate
    ``n^{-1/m}`` of laws with a boundary (smooth laws do better), and from the nearest neighbour
    against the fourth: in more than about five dimensions the bias dominates, and the error says
    so. What it does not see: a part of the law from which there is one sample or none. A component
    of weight w, s times as narrow as what surrounds it, adds ``w m log s`` to the value, and up to
    that none of it to the error. Dependent samples, and samples on a curved set of lower
    dimension, are outside what it covers.

    **Cost.** Mixtures: O(n K m) time for K components. Samples: O(n log n) in few dimensions.

    See Also
    --------
    fisher_information : the rate at which the continuous DAE decreases it.

    References
    ----------
    L. F. Kozachenko and N. N. Leonenko, Sample estimate of the entropy of a random vector, 1987.
    T. B. Berrett, R. J. Samworth and M. Yuan, Efficient multivariate entropy estimation via
    k-nearest neighbour distances, Ann. Statist. 47, 2019.

    Examples
    --------
    >>> entropy(GaussianMixture([1.0], [[0.0]], 1.0)).value
    1.418938533204672...
    """
    # Bare samples have a refusal of their own for `n`.
    checked_draws(n if isinstance(law, GaussianMixture) else None, rng)
    if isinstance(law, GaussianMixture):
        if law.n_components == 1:
            return Estimate(normal_entropy(law.covariances[0]), 0.0)
        return _mean_over_law(lambda x: -law.logpdf(x), law, n, rng)
    points = _bare_points(law)
    if n is not None:
        raise ValueError(f"`n` must be left out for bare samples, got {n} (all of them are used)")
    return _nearest_neighbour_entropy(points, as_generator(rng))


def _surprisals(points: NDArray, neighbours: int = _NEIGHBOURS) -> NDArray:
    """Terms whose mean is the Kozachenko–Leonenko estimate."""
    n, m = points.shape
    distance = cKDTree(points).query(points, k=[neighbours + 1])[0][:, 0]
    if (distance == 0).any():
        raise ValueError(
            f"`law` must hold distinct samples, got {int((distance == 0).sum())} with "
            f"{neighbours} or more copies (drop the copies, or use kernel_density(points))"
        )
    log_ball = log_unit_ball_volume(m) + m * np.log(distance)
    return digamma(n) - digamma(neighbours) + log_ball


def _whitened(points: NDArray) -> tuple[NDArray, float]:
    """The samples with unit covariance, and what that took from their entropy."""
    centred = points - points.mean(axis=0)
    values, vectors = np.linalg.eigh(np.atleast_2d(np.cov(centred, rowvar=False)))
    if not values[0] > 1e-14 * values[-1]:
        raise ValueError(
            f"`law` must have samples that span all {points.shape[1]} dimensions, got a covariance "
            f"with eigenvalues from {values[0]:.3g} to {values[-1]:.3g} (drop constant or "
            "dependent coordinates: the entropy is minus infinity)"
        )
    return centred @ (vectors / np.sqrt(values)), float(0.5 * np.log(values).sum())


def _evened(points: NDArray) -> tuple[NDArray, float]:
    """The samples with neighbours in all directions alike, and what that took from their entropy.

    Clusters far apart, of unit covariance together, are thin along the line between them, and
    balls around their points mostly empty. The directions to neighbours see the clusters alone.
    """
    m, log_scale = points.shape[1], 0.0
    for _ in range(_ROUNDS):
        some = points[:: max(1, len(points) // _PROBES)]
        near = cKDTree(points).query(some, k=_NEIGHBOURS + 2)[1][:, 1:]
        steps = (points[near] - some[:, None]).reshape(-1, m)
        length = np.linalg.norm(steps, axis=1)
        steps = steps[length > 0] / length[length > 0, None]
        if len(steps) < 10 * m:
            break
        values, vectors = np.linalg.eigh(m * steps.T @ steps / len(steps))
        # Directions that no neighbour takes are those of a set of lower dimension.
        values = np.maximum(values, 1e-6)
        points = points @ (vectors / np.sqrt(values))
        log_scale += float(0.5 * np.log(values).sum())
    return points, log_scale


def _nearest_neighbour_entropy(points: NDArray, rng: np.random.Generator) -> Estimate:
    n, m = points.shape
    least = 2 * _BLOCKS * (_NEIGHBOURS + 1)
    if n < least:
        raise ValueError(f"`law` must hold at least {least} samples, got {n}")
    white, log_scale = _whitened(points)
    even, log_shape = _evened(white)
    terms = _surprisals(even)
    value = float(terms.mean())
    shuffled = even[rng.permutation(n)]
    halves = [_surprisals(half).mean() for half in np.array_split(shuffled, 2)]
    blocks = [_surprisals(block).mean() for block in np.array_split(shuffled, _BLOCKS)]
    # Boundaries leave a bias n^(-1/m). A smooth law has n^(-2/m), but of both signs, which may
    # cancel between two sizes: hence a third size and the floor.
    bias = max(
        abs(np.mean(halves) - value) / (2 ** (1 / m) - 1),
        abs(np.mean(blocks) - value) / (_BLOCKS ** (1 / m) - 1),
        0.5 * (_NEIGHBOURS / n) ** (2 / m),
        _bias_of_few(even, value),
    )
    # Neighbours share distances, so the terms are not independent: blocks see that, terms do not.
    variance = max(terms.var(ddof=1) / n, np.var(blocks, ddof=1) / _BLOCKS)
    error = student(_BLOCKS) * math.sqrt(variance + bias**2)
    return Estimate(value + log_scale + log_shape, float(error))


def _bias_of_few(points: NDArray, value: float) -> float:
    """How far the estimate by the nearest neighbour alone is from that by the fourth.

    A cluster of two to four samples has its fourth neighbours elsewhere; no part of the samples
    says so, since parts have still fewer of them.
    """
    distance = cKDTree(points).query(points, k=[2])[0][:, 0]
    if (distance == 0).any():
        return 0.0
    gap = abs(float(_surprisals(points, 1).mean()) - value)
    return max(0.0, gap - 2 * math.sqrt((polygamma(1, 1) - polygamma(1, 4)) / len(points)))


def fisher_information(
    law: GaussianMixture,
    *,
    covariance: ArrayLike | None = None,
    n: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> Estimate:
    """Estimate the Fisher information ``I[μ] = ∫ ∇log μ · D ∇log μ dμ``.

    Exact for a normal law, ``tr(D Σ^{-1})``; for a mixture, the mean of ``∇log μ · D ∇log μ`` over
    randomised low-discrepancy samples. Along the continuous DAE with the same D,
    ``dH[μ_t]/dt = −I[μ_t]``.

    Parameters
    ----------
    law : GaussianMixture
        The law, in R^m.
    covariance : (m, m) array_like or float, optional
        D, symmetric positive definite; the identity by default.
    n : int, optional
        Samples drawn, 16384 by default, rounded up to 16 times a power of two.
    rng : int, Generator or None
        Source of randomness.

    Returns
    -------
    Estimate
        The value (inverse square of the unit of x) and its standard error.

    Raises
    ------
    TypeError
        If `law` is not a mixture: bare samples have no score.
    ValueError
        If `n` is less than 16, or D is not symmetric positive definite.
    MemoryBudgetError
        If the samples do not fit.

    Notes
    -----
    **Accuracy.** The error is the standard error over 16 independent randomisations, by Student's
    law; a quarter of the draws is spread evenly over the components. What no draw sees, a ridge
    between components in which none of them has much mass, is not in it.

    **Cost.** O(n K m) time for K components.

    See Also
    --------
    entropy : the functional whose slope it is.

    References
    ----------
    S. Sonoda and N. Murata, Transport analysis of infinitely deep neural network, JMLR 20, 2019
    (the flow as gradient flow of the entropy).

    Examples
    --------
    >>> fisher_information(GaussianMixture([1.0], [[0.0]], 0.5))
    Estimate(value=2.0, error=0.0)
    """
    if not isinstance(law, GaussianMixture):
        raise TypeError(
            f"`law` must be a GaussianMixture, got {type(law).__name__} (bare samples have no "
            "score: pass kernel_density(points))"
        )
    checked_draws(n, rng)
    noise = np.eye(law.dim)
    if covariance is not None:
        noise = as_covariance(covariance, "covariance", law.dim)
    if law.n_components == 1:
        value = normal_fisher_information(law.covariances[0], noise_covariance=noise)
        return Estimate(value, 0.0)

    def energy(x: NDArray) -> NDArray:
        score = law.score(x)
        return np.einsum("ni,ij,nj->n", score, noise, score, optimize=True)

    return _mean_over_law(energy, law, n, rng)
