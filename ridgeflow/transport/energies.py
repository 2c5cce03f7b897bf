"""Energies whose Wasserstein gradient flows are diffusions: values, and velocities of flows."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ridgeflow._validate import as_points, as_real_array, fits_in_memory, one_of, positive
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.transport.distances import _atoms
from ridgeflow.transport.functionals import Estimate, _checked, _mean_over_law, checked_draws

__all__ = ["potential_energy", "renyi_energy", "wasserstein_velocity"]

_FUNCTIONALS = ("potential", "negative_entropy", "entropy", "renyi")
_LARGEST_LOG = 700.0

#: From points (n, m) to one value, vector or matrix for each.
Function = Callable[[NDArray], ArrayLike]


def _mixture(law: Any) -> GaussianMixture:
    if not isinstance(law, GaussianMixture):
        raise TypeError(
            f"`law` must be a GaussianMixture, got {type(law).__name__} (bare samples have no "
            "density: pass kernel_density(points))"
        )
    return law


def _exponent(alpha: Any) -> float:
    number = positive(alpha, "alpha")
    if number == 1:
        raise ValueError(
            "`alpha` must differ from 1, got 1 (the limit is the negative entropy: take "
            "-entropy(law), or functional='negative_entropy')"
        )
    return number


def values_of(function: Any, points: NDArray, name: str, shape: tuple[int, ...]) -> NDArray:
    """What a function of the points returns, as one array per point of the given shape."""
    if not callable(function):
        raise TypeError(f"`{name}` must be a function of points (n, m), got {function!r}")
    array = as_real_array(function(points), f"{name}(x)").astype(np.float64, copy=False)
    expected = (len(points), *shape)
    # In one dimension numbers, vectors and matrices are the same.
    if points.shape[1] == 1 and array.ndim and array.size == len(points) == len(array):
        return array.reshape(expected)
    if array.shape != expected:
        raise ValueError(
            f"`{name}` must return an array of shape {expected} for points {points.shape}, got "
            f"{array.shape}"
        )
    return array


def potential_energy(
    law: GaussianMixture | SampleField | ArrayLike,
    potential: Function,
    *,
    n: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> Estimate:
    """Estimate the potential energy ``∫ V dμ``.

    For a mixture, the mean of V over randomised low-discrepancy samples; for samples of weights
    w_i, ``Σ w_i V(x_i)``.

    Parameters
    ----------
    law : GaussianMixture, SampleField or (n, m) array_like
        A mixture, or independent samples; a SampleField must carry no values.
    potential : callable
        V, from points (n, m) to values (n,).
    n : int, optional
        Samples drawn from a mixture, 16384 by default, rounded up to 16 times a power of two; not
        for bare samples.
    rng : int, Generator or None
        Source of randomness of a mixture.

    Returns
    -------
    Estimate
        The value (unit of V) and its standard error.

    Raises
    ------
    TypeError
        If `law` is none of these, or V cannot be called.
    ValueError
        If V returns another shape, or something that is not finite; if there is one sample alone,
        or `n` is given with samples.
    MemoryBudgetError
        If the samples do not fit.

    Notes
    -----
    **Accuracy.** Mixtures: the error is the standard error over 16 independent randomisations.
    Samples: ``sqrt(n/(n − 1) Σ w_i² (V(x_i) − mean)²)``, which takes them as independent draws; the
    value is exact for the empirical law itself.

    **Cost.** One call of V with all points; O(n m²) time beside it.

    See Also
    --------
    wasserstein_velocity : its gradient flow, ``∂_t μ = ∇·(μ ∇V)``.

    Examples
    --------
    >>> law = GaussianMixture([1.0], [[3.0]], 0.5)
    >>> energy = potential_energy(law, lambda x: (x**2).sum(axis=1), rng=0)
    >>> bool(abs(energy.value - 9.5) < 0.01)
    True
    """
    # Bare samples have a refusal of their own for `n`.
    checked_draws(n if isinstance(law, GaussianMixture) else None, rng)
    if isinstance(law, GaussianMixture):
        return _mean_over_law(lambda x: values_of(potential, x, "potential", ()), law, n, rng)
    points, weights = _atoms(law, "law")
    if n is not None:
        raise ValueError(f"`n` must be left out for bare samples, got {n} (all of them are used)")
    if len(points) < 2:
        raise ValueError("`law` must hold at least 2 samples, got 1 (one value has no error)")
    values = values_of(potential, points, "potential", ())
    mean = float(weights @ values)
    # In units of the largest: squares of what is representable may not be.
    gaps = values - mean
    unit = float(np.abs(gaps).max()) or 1.0
    spread = unit * math.sqrt(float(weights**2 @ (gaps / unit) ** 2))
    return _checked(Estimate(mean, spread * math.sqrt(len(points) / (len(points) - 1))))


def _log_determinants(law: GaussianMixture) -> NDArray:
    """Of the covariances, (K,)."""
    if law.shared_covariance:
        return np.full(law.n_components, np.linalg.slogdet(law.covariances[0])[1])
    variances = law.isotropic_variances
    if variances is not None:
        return law.dim * np.log(variances)
    return np.linalg.slogdet(law.covariances)[1]


def _self_overlap(law: GaussianMixture) -> float:
    """``∫ μ² = Σ_kl w_k w_l N(m_k; m_l, Σ_k + Σ_l)``."""
    if law.shared_covariance:
        return float(law.weights @ law.smooth(law.covariances[0]).pdf(law.means))
    variances = law.isotropic_variances
    each = law.covariances if variances is None else variances
    total = 0.0
    for weight, mean, covariance in zip(law.weights, law.means, each, strict=True):
        total += weight * float(law.smooth(covariance).pdf(mean[None, :])[0])
    return total


def renyi_energy(
    law: GaussianMixture,
    alpha: float,
    *,
    n: int | None = None,
    rng: int | np.random.Generator | None = None,
) -> Estimate:
    """Estimate the Rényi energy ``∫ μ^α / (α − 1) dx``, which the porous medium flow decreases.

    Exact for a normal law, ``(2π)^{m(1−α)/2} det(Σ)^{(1−α)/2} α^{−m/2} / (α − 1)``, and for α = 2,
    ``Σ_kl w_k w_l N(m_k; m_l, Σ_k + Σ_l)``. Otherwise that of ``Σ_k (w_k N(m_k, Σ_k))^α``, exact as
    well, plus the mean of ``(μ^α − Σ_k (w_k N(m_k, Σ_k))^α)/q`` over randomised low-discrepancy
    samples of a mixture q of these powers and wider ones. The Rényi entropy is
    ``log((α − 1) E)/(1 − α)`` for the energy E.

    Parameters
    ----------
    law : GaussianMixture
        The law, in R^m.
    alpha : float
        α > 0, not 1.
    n : int, optional
        Samples drawn, 16384 by default, rounded up to 16 times a power of two.
    rng : int, Generator or None
        Source of randomness.

    Returns
    -------
    Estimate
        The value (unit of x to the power ``m(1 − α)``) and its standard error.

    Raises
    ------
    TypeError
        If `law` is not a mixture: bare samples have no density.
    ValueError
        If α is not positive or is 1, if `n` is less than 16, or if the value overflows.
    MemoryBudgetError
        If the samples do not fit.

    Notes
    -----
    **Accuracy.** The quotient is bounded, so the variance is finite for every α, and none is left
    where components do not overlap. A quarter of q is twice as wide, to see what lies between
    components. The error is the standard error over 16 independent randomisations, by Student's
    law, and rounding.

    **Cost.** O(n K m) time for K components; O(K² m) for α = 2, without a K × K array.

    See Also
    --------
    wasserstein_velocity : its gradient flow, ``∂_t μ = Δμ^α``.
    entropy : minus the limit α → 1 of ``∫ (μ^α − μ)/(α − 1)``.

    References
    ----------
    F. Otto, The geometry of dissipative evolution equations: the porous medium equation, Comm.
    Partial Differential Equations 26, 2001.

    Examples
    --------
    >>> law = GaussianMixture([0.5, 0.5], [[0.0], [100.0]], 0.25)
    >>> renyi_energy(law, 2.0).value
    0.28209479177387...
    """
    law, alpha = _mixture(law), _exponent(alpha)
    checked_draws(n, rng)
    if alpha == 2 and law.n_components > 1:
        return Estimate(_self_overlap(law), 0.0)
    log_det = _log_determinants(law)
    logs = (
        alpha * np.log(law.weights)
        + 0.5 * (1 - alpha) * (law.dim * math.log(2 * math.pi) + log_det)
        - 0.5 * law.dim * math.log(alpha)
    )
    log_scale = float(logsumexp(logs))
    if log_scale > _LARGEST_LOG:
        raise ValueError(
            f"`law` must have a representable Rényi energy, got about exp({log_scale:.4g}) "
            "(change the unit of length)"
        )
    scale = math.exp(log_scale) / (alpha - 1)
    if law.n_components == 1:
        return Estimate(scale, 0.0)
    weights = np.exp(logs - log_scale)
    kept = weights > 1e-300
    if not kept.any():
        raise ValueError(
            f"`alpha` must leave powers of the law that are representable, got {alpha:g} (take a "
            "smaller one)"
        )
    apart, proposal = _powers(law, weights[kept] / weights[kept].sum(), kept, alpha)

    def excess(x: NDArray) -> NDArray:
        logs = proposal.logpdf(x)
        return np.exp(alpha * law.logpdf(x) - log_scale - logs) - np.exp(apart.logpdf(x) - logs)

    mean = _mean_over_law(excess, proposal, n, rng)
    # Where components hardly overlap no spread is left but that of rounding.
    error = math.hypot(mean.error, 1e-14 * (1 + alpha))
    return _checked(Estimate(scale * (1 + mean.value), abs(scale) * error))


def _powers(
    law: GaussianMixture, weights: NDArray, kept: NDArray, alpha: float
) -> tuple[GaussianMixture, GaussianMixture]:
    """The powers of the components, and a law to draw from, a quarter of it twice as wide.

    Few draws of components that overlap little come to where they do.
    """
    means, variances = law.means[kept], law.isotropic_variances
    if variances is not None:
        covariances = variances[kept] / alpha
    else:
        fits_in_memory(
            16.0 * law.n_components * law.dim**2, "the law to draw from", "use fewer components"
        )
        covariances = np.asarray(law.covariances)[kept] / alpha
    wide = GaussianMixture(
        np.concatenate([0.75 * weights, 0.25 * weights]),
        np.concatenate([means, means]),
        np.concatenate([covariances, 4 * covariances]),
    )
    return GaussianMixture(weights, means, covariances), wide


def checked_alpha(functional: str, alpha: Any) -> float | None:
    if functional == "renyi":
        if alpha is None:
            raise ValueError("`alpha` must be given for functional 'renyi', got None")
        return _exponent(alpha)
    if alpha is not None:
        raise ValueError(f"`alpha` must be left out for functional {functional!r}, got {alpha!r}")
    return None


def wasserstein_velocity(
    functional: str,
    law: GaussianMixture | None,
    x: ArrayLike,
    *,
    alpha: float | None = None,
    gradient: Function | None = None,
) -> NDArray:
    r"""Velocity at x with which the Wasserstein gradient flow of a functional moves its law.

    .. math:: v = -\nabla \frac{\delta F}{\delta\mu},\qquad \partial_t\mu = -\nabla\cdot(\mu v),
              \qquad \frac{d}{dt}F[\mu_t] = -\int |v|^2\,d\mu_t

    It is minus the Wasserstein gradient, and F falls along it:

    ==================  ====================  ===========================  ========================
    functional          F                     v                            equation
    ==================  ====================  ===========================  ========================
    "potential"         ``∫ V dμ``            ``−∇V``                      ``∂_t μ = ∇·(μ ∇V)``
    "negative_entropy"  ``∫ μ log μ``         ``−∇log μ``                  ``∂_t μ = Δμ``, heat
    "entropy"           ``−∫ μ log μ``        ``+∇log μ``                  ``∂_t μ = −Δμ``, backward
    "renyi"             ``∫ μ^α/(α − 1)``     ``−α μ^{α−2} ∇μ``            ``∂_t μ = Δμ^α``
    ==================  ====================  ===========================  ========================

    The flow of "entropy" is that of the continuous denoising autoencoder.

    Parameters
    ----------
    functional : {"potential", "negative_entropy", "entropy", "renyi"}
        F.
    law : GaussianMixture or None
        The law μ at the time in question; not used for "potential", where it may be None.
    x : (n, m) array_like
        Points.
    alpha : float, optional
        α > 0, not 1; for "renyi" alone.
    gradient : callable, optional
        ∇V, from points (n, m) to (n, m); for "potential" alone.

    Returns
    -------
    (n, m) ndarray
        Velocities, float32 where `x` is.

    Raises
    ------
    TypeError
        If `law` is not a mixture where the density is needed, or ∇V cannot be called.
    ValueError
        If the functional is unknown, an option is missing, out of range or belongs to another
        functional, points are not finite or in another dimension, or the velocity overflows.

    Notes
    -----
    **Accuracy.** That of the score, and of the density where it enters; exact up to rounding.

    **Cost.** O(n K m) time for K components.

    See Also
    --------
    ContinuousDAE : the flow of "entropy".
    jko_step : implicit steps of the other flows in one dimension.

    References
    ----------
    F. Otto, The geometry of dissipative evolution equations: the porous medium equation, Comm.
    Partial Differential Equations 26, 2001.

    Examples
    --------
    >>> law = GaussianMixture([1.0], [[0.0]], 0.5)
    >>> wasserstein_velocity("entropy", law, [[1.0]])
    array([[-2.]])
    >>> wasserstein_velocity("potential", None, [[1.0]], gradient=lambda x: 3 * x)
    array([[-3.]])
    """
    one_of(functional, "functional", _FUNCTIONALS)
    exponent = checked_alpha(functional, alpha)
    if functional == "potential":
        if gradient is None:
            raise ValueError("`gradient` must be given for functional 'potential', got None")
        points = as_points(x, "x", None if law is None else _mixture(law).dim)
        wide = points.astype(np.float64, copy=False)
        velocity = -values_of(gradient, wide, "gradient", (points.shape[1],))
        return velocity.astype(points.dtype, copy=False)
    if gradient is not None:
        raise ValueError(f"`gradient` must be left out for functional {functional!r}")
    law = _mixture(law)
    points = as_points(x, "x", law.dim)
    wide = points.astype(np.float64, copy=False)
    velocity = law.score(wide)
    if functional == "negative_entropy":
        velocity = -velocity
    elif exponent is not None:
        with np.errstate(over="ignore"):
            logs = (exponent - 1) * law.logpdf(wide)
        if logs.max() > _LARGEST_LOG:
            raise ValueError(
                "`x` must lie where μ^(α − 1) is representable, got "
                f"exp({logs.max():.4g}) at {points[int(logs.argmax())]} (in the tails of the law "
                "the velocity of α < 1 is unbounded)"
            )
        with np.errstate(under="ignore"):
            velocity = -exponent * np.exp(logs)[:, None] * velocity
    return velocity.astype(points.dtype, copy=False)
