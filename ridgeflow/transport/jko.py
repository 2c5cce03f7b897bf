"""Implicit steps of Wasserstein gradient flows on the line, after Jordan, Kinderlehrer and Otto."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import LinAlgError, solveh_banded

from ridgeflow._validate import as_points, one_of, positive, within_squares
from ridgeflow.errors import ConvergenceError
from ridgeflow.transport.energies import Function, checked_alpha, values_of

__all__ = ["JKOStep", "jko_step"]

_ITERATIONS = 200


@dataclass(frozen=True)
class JKOStep:
    """An implicit step of a gradient flow on the line.

    Parameters
    ----------
    points : ndarray
        The particles after the step, in the order and shape of those before.
    energy : float
        The functional after the step.
    energy_before : float
        The functional before it; infinite where particles coincide and their density counts.
    distance : float
        W2 between the two laws.
    iterations : int
        Newton steps taken.

    Examples
    --------
    >>> JKOStep(np.zeros(3), 1.0, 2.0, 0.5, 4).distance
    0.5
    """

    points: NDArray
    energy: float
    energy_before: float
    distance: float
    iterations: int


class _Energy:
    """The functional of n particles on the line, and what Newton's method needs of it.

    With s_i = (n − 1)(x_{i+1} − x_i) the inverse density of gap i, the internal energy is the mean
    of ``φ(s_i)``; ``φ'(s) = −s^{−α}`` for every α, the negative entropy being α = 1.
    """

    def __init__(
        self, alpha: float | None, potential: Any, gradient: Any, hessian: Any, n: int
    ) -> None:
        self.alpha, self.n = alpha, n
        self.potential, self.gradient, self.hessian = potential, gradient, hessian

    def value(self, x: NDArray) -> float:
        total = 0.0
        if self.potential is not None:
            total += float(values_of(self.potential, x[:, None], "potential", ()).mean())
        if self.alpha is None:
            return total
        s = (self.n - 1) * np.diff(x)
        if s.min() <= 0:
            return math.inf
        if self.alpha == 1:
            return total - float(np.log(s).mean())
        with np.errstate(over="ignore"):
            return total + float((s ** (1 - self.alpha)).mean()) / (self.alpha - 1)

    def derivatives(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Gradient, diagonal and off-diagonal of the Hessian, each times n; and V'' alone."""
        slope, curvature = np.zeros(self.n), np.zeros(self.n)
        if self.potential is not None:
            column = x[:, None]
            slope = values_of(self.gradient, column, "gradient", (1,))[:, 0].copy()
            if self.hessian is not None:
                curvature = values_of(self.hessian, column, "hessian", (1, 1))[:, 0, 0].copy()
            else:
                h = 6e-6 * (1 + np.abs(column))
                up, down = (values_of(self.gradient, column + d, "gradient", (1,)) for d in (h, -h))
                curvature = ((up - down) / (2 * h))[:, 0]
        return slope, curvature, self._pressure(x, slope)

    def _pressure(self, x: NDArray, slope: NDArray) -> NDArray:
        """Add the internal part of the gradient; return the stiffness of the gaps."""
        if self.alpha is None:
            return np.zeros(self.n - 1)
        s = (self.n - 1) * np.diff(x)
        push = self.n * s**-self.alpha
        slope[:-1] += push
        slope[1:] -= push
        return self.alpha * (self.n - 1) * push / s


def _newton(
    energy: _Energy, start: NDArray, x0: NDArray, tau: float, tol: float
) -> tuple[NDArray, int]:
    """Minimise ``energy(x) + mean((x − x0)²)/(2τ)`` over increasing x."""

    def objective(x: NDArray) -> float:
        return energy.value(x) + float(np.mean((x - x0) ** 2)) / (2 * tau)

    n = len(x0)
    x, value = start, objective(start)
    for iteration in range(1, _ITERATIONS + 1):
        slope, curvature, stiffness = energy.derivatives(x)
        if curvature.min() * tau <= -1:
            raise ValueError(
                f"`tau` must be less than {-1 / curvature.min():.6g} for a potential whose second "
                f"derivative falls to {curvature.min():.6g}, got {tau:g} (the step is not a convex "
                "problem: take several shorter ones)"
            )
        slope += (x - x0) / tau
        band = np.zeros((2, n))
        band[1] = 1 / tau + curvature
        band[1, :-1] += stiffness
        band[1, 1:] += stiffness
        band[0, 1:] = -stiffness
        try:
            step = solveh_banded(band, -slope, check_finite=False)
        except LinAlgError:
            break
        # Far from the origin the coordinates carry rounding of their own magnitude.
        length = float(x.std() + x0.std() + 1e-2 * np.abs(x).max())
        size = 1.0
        if energy.alpha is not None:
            # A gap may shrink tenfold at once: closer to zero its stiffness swamps the others.
            size = 0.9 / max(0.9, float((-np.diff(step) / np.diff(x)).max()))
        if size == 1 and float(np.abs(step).max()) <= tol * length:
            return x + step, iteration
        gain = -float(slope @ step) / n
        # Rounding of the sums, in which terms may cancel; logarithms have the unit 1.
        scale = abs(value) + float(np.mean((x - x0) ** 2)) / tau + (energy.alpha == 1)
        for _ in range(60):
            trial = x + size * step
            after = objective(trial)
            if after <= value - 1e-4 * size * gain + 1e-13 * scale:
                break
            size *= 0.5
        else:
            break
        x, value = trial, after
    raise ConvergenceError(
        f"Newton's method on {n} particles did not converge with tau = {tau:g} (take a shorter "
        "step, or check that `gradient` and `hessian` are the derivatives of `potential`)"
    )


def _open_start(energy: _Energy, x0: NDArray, tau: float, alpha: float) -> NDArray:
    """Where Newton's method begins: gaps that are not so small that their powers overflow."""
    length = tau ** (1 / (1 + alpha))  # The width that an atom takes in one step.
    gaps = np.maximum(np.diff(x0), 1e-3 * length / len(x0))
    near = np.concatenate([[0.0], np.cumsum(gaps)])
    near += float(np.mean(x0 - near))
    wide = x0 + length * np.linspace(-1.0, 1.0, len(x0))
    costs = [energy.value(x) + float(np.mean((x - x0) ** 2)) / (2 * tau) for x in (near, wide)]
    return near if costs[0] <= costs[1] else wide


def jko_step(
    points: ArrayLike,
    tau: float,
    *,
    functional: str = "negative_entropy",
    alpha: float | None = None,
    potential: Function | None = None,
    gradient: Function | None = None,
    hessian: Function | None = None,
    tol: float = 1e-10,
) -> JKOStep:
    """Implicit step of a Wasserstein gradient flow on the line, by quantiles.

    The minimiser of ``F(μ) + W2(μ, μ_0)²/(2τ)`` over the laws of n equal particles
    ``x_1 <= ... <= x_n``, for which ``W2² = (1/n) Σ (x_i − x0_i)²``. "potential" is
    ``F = (1/n) Σ V(x_i)``; the energies of a density are those of the law that has the mass
    ``1/(n − 1)`` uniformly between neighbours: with ``s_i = (n − 1)(x_{i+1} − x_i)``,
    ``∫ μ log μ = −mean(log s_i)`` and ``∫ μ^α/(α − 1) = mean(s_i^{1−α})/(α − 1)``. All of them are
    convex in x.

    Parameters
    ----------
    points : (n,) or (n, 1) array_like
        The particles of μ_0, in any order; they may coincide.
    tau : float
        The step τ > 0.
    functional : {"negative_entropy", "renyi", "potential"}
        F: heat, porous medium, drift.
    alpha : float, optional
        α > 0, not 1; for "renyi" alone.
    potential, gradient : callable, optional
        V and V', functions of points (n, 1), V twice differentiable; for "potential", and where
        given with another functional, V is added to it (Fokker–Planck).
    hessian : callable, optional
        V''; by differences of V' where it is missing, which costs iterations, not accuracy.
    tol : float, default 1e-10
        Last Newton step, relative to the spread of the particles.

    Returns
    -------
    JKOStep
        Particles (float32 where `points` are), energies and W2.

    Raises
    ------
    ValueError
        If τ is not positive, options are missing, out of range or belong to another functional,
        there are fewer than two particles for an energy of a density, or V is so concave that the
        problem is not convex; and for "entropy", whose step has no minimum.
    ConvergenceError
        If Newton's method fails.

    Notes
    -----
    **Accuracy.** The minimiser itself is found to `tol`. Steps follow the flow with an error O(τ).
    Energies are homogeneous, so the growth of the second moment at given energy is exact for every
    n, ``2`` under the heat flow and ``2 ∫ μ^α`` in the porous medium; laws and energies are known
    to O(1/n), up to a logarithm where there are tails.

    **Cost.** O(n) for each Newton step (a tridiagonal system), some ten of them.

    See Also
    --------
    wasserstein_velocity : the velocity of the flow.
    ContinuousDAE : the flow of the entropy.

    References
    ----------
    R. Jordan, D. Kinderlehrer and F. Otto, The variational formulation of the Fokker–Planck
    equation, SIAM J. Math. Anal. 29, 1998.

    Examples
    --------
    >>> step = jko_step([-1.0, 0.0, 3.0], 0.5, functional="potential",
    ...                 potential=lambda x: 0.5 * x[:, 0] ** 2, gradient=lambda x: x)
    >>> step.points.round(6)
    array([-0.666667,  0.      ,  2.      ])
    """
    if isinstance(functional, str) and functional == "entropy":
        raise ValueError(
            "`functional` must be bounded below, got 'entropy', whose steps have no minimum "
            "(particles would merge: its flow is that of ContinuousDAE)"
        )
    one_of(functional, "functional", ("negative_entropy", "renyi", "potential"))
    given = as_points(points, "points", 1)
    tau, tol = positive(tau, "tau"), positive(tol, "tol")
    if tau > 1e150:
        raise ValueError(f"`tau` must be at most 1e150, got {tau:g} (take another unit of time)")
    within_squares(given.astype(np.float64), "points")
    exponent = checked_alpha(functional, alpha)
    if functional == "negative_entropy":
        exponent = 1.0
    if (potential is None) != (gradient is None):
        missing = "potential" if potential is None else "gradient"
        raise ValueError(f"`potential` and `gradient` must be given together, got no `{missing}`")
    if potential is None and (functional == "potential" or hessian is not None):
        what = "functional 'potential'" if functional == "potential" else "`hessian`"
        raise ValueError(f"`potential` must be given with {what}, got None")
    if exponent is not None and len(given) < 2:
        raise ValueError(
            f"`points` must hold at least 2 particles for {functional!r}, got {len(given)}"
        )
    wide = given[:, 0].astype(np.float64)
    order = np.argsort(wide, kind="stable")
    x0 = wide[order]
    energy = _Energy(exponent, potential, gradient, hessian, len(x0))
    start, before = x0, energy.value(x0)
    if exponent is not None:
        start = _open_start(energy, x0, tau, exponent)
    x, iterations = _newton(energy, start, x0, tau, tol)
    moved = np.empty_like(given)
    moved[order, 0] = x
    distance = float(np.sqrt(np.mean((x - x0) ** 2)))
    result = moved.reshape(np.shape(points))
    return JKOStep(result, energy.value(x), before, distance, iterations)
