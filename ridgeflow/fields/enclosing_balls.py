"""Small balls that hold a given share of a law: of points, or of a Gaussian mixture without
sampling."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize
from scipy.special import gammainccinv

from ridgeflow._validate import fits_in_memory
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["ball_of_mixture", "ball_of_points", "quadratic_tail"]

# Radii are rounded up by this much, well above the tolerance of the root finder.
_SLACK = 1e-6


def _quantile_radius(distance: NDArray, weights: NDArray, fraction: float) -> float:
    if (weights == weights[0]).all():
        # Rounding of fraction * n must not ask for one point more.
        index = max(int(np.ceil(fraction * len(distance) * (1 - 1e-12))) - 1, 0)
        return float(np.partition(distance, index)[index]) * (1 + 1e-12)
    order = np.argsort(distance)
    held = np.cumsum(weights[order])
    # The slack is the rounding of the cumulative sum.
    index = int(np.searchsorted(held, fraction * held[-1] - 1e-12))
    return float(distance[order[min(index, len(order) - 1)]]) * (1 + 1e-12)


def ball_of_points(
    points: NDArray, weights: NDArray, fraction: float
) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of a small ball that holds the fraction of the weight of points (n, m).

    The centre is the best of the mean and of the iterates of Bădoiu and Clarkson for the smallest
    ball that encloses the points held; the radius is the weighted quantile of the distances.

    References
    ----------
    M. Bădoiu and K. L. Clarkson, *Smaller core-sets for balls*, SODA 2003 (the iteration).
    """
    center = chosen = weights @ points
    distance = np.linalg.norm(points - center, axis=1)
    best = radius = _quantile_radius(distance, weights, fraction)
    for step in range(1, 200):
        farthest = int(np.argmax(np.where(distance <= radius, distance, -1.0)))
        center = center + (points[farthest] - center) / (step + 1)
        distance = np.linalg.norm(points - center, axis=1)
        radius = _quantile_radius(distance, weights, fraction)
        if radius < best:
            best, chosen = radius, center
    return chosen, best


def quadratic_tail(
    q: NDArray, spectra: NDArray, offsets: NDArray
) -> tuple[NDArray, NDArray, NDArray]:
    """``P(Q > q)`` for ``Q = Σ_i (δ_i + √λ_i z_i)²`` with z_i independent standard normal.

    ``P = (1/2πi) ∫ M(s) e^{-sq} ds/s`` with
    ``M(s) = Π_i (1 − 2sλ_i)^{-1/2} exp(sδ_i²/(1 − 2sλ_i))``, along a parabola through the saddle
    point on (0, 1/(2 max λ)), bent to the right as steepest descent is.

    Parameters
    ----------
    q : array, shape (n,)
        Positive.
    spectra, offsets : array, shape (n, m)
        λ > 0 and δ.

    Returns
    -------
    tail, density, slope : arrays, shapes (n,), (n,), (n, m)
        P, −∂P/∂q and ∂P/∂δ.

    Notes
    -----
    **Accuracy.** Relative error below 1e-10 for P in [1e-12, 1/2] (measured against the noncentral
    chi-square law, m = 1 to 6, noncentrality up to 1e6); as P approaches 1 and m = 1 it degrades
    to a few percent of P.
    **Cost.** 48 complex exponentials per tail.

    References
    ----------
    S. O. Rice, *Distribution of quadratic forms in normal random variables: evaluation by
    numerical integration*, SIAM J. Sci. Stat. Comput. 1, 1980 (integration through the saddle
    point).

    Examples
    --------
    >>> import numpy as np
    >>> float(quadratic_tail(np.array([2.0]), np.ones((1, 2)), np.zeros((1, 2)))[0][0].round(12))
    0.367879441171
    """
    pole = 0.5 / spectra.max(axis=1)
    low, high = np.zeros(len(q)), np.ones(len(q))
    # Any point between 0 and the pole is valid, so the saddle needs no more than a few digits.
    for _ in range(30):
        share = 0.5 * (low + high)
        s0 = share * pole
        gap = 1 - 2 * s0[:, None] * spectra
        below = (spectra / gap + (offsets / gap) ** 2).sum(axis=1) - q - 1 / s0 < 0
        low, high = np.where(below, share, low), np.where(below, high, share)
    gap = 1 - 2 * s0[:, None] * spectra
    ratio = spectra / gap
    shift = (offsets / gap) ** 2
    second = (2 * ratio**2 + 4 * ratio * shift).sum(axis=1) + 1 / s0**2
    third = (8 * ratio**3 + 24 * ratio**2 * shift).sum(axis=1) - 2 / s0**3
    # At least this bend makes the integrand fall exponentially whatever m is.
    bend = np.maximum(third / (6 * second), 0.5 / pole)[:, None]
    theta, step = np.linspace(0, 5, 48, retstep=True)
    y = np.sinh(theta) / np.sqrt(second)[:, None]
    dy = step * np.cosh(theta) / np.sqrt(second)[:, None]
    dy[:, 0] *= 0.5
    s = s0[:, None] + 1j * y + bend * y * y
    pole_gap = 1 - 2 * s[:, :, None] * spectra[:, None, :]
    exponent = (-0.5 * np.log(pole_gap) + s[:, :, None] * (offsets**2)[:, None, :] / pole_gap).sum(
        axis=2
    ) - s * q[:, None]
    mass = np.exp(exponent) * (1 - 2j * bend * y) * dy / np.pi
    tail = (mass / s).real.sum(axis=1)
    slope = 2 * offsets * (mass[:, :, None] / pole_gap).real.sum(axis=1)
    return tail, mass.real.sum(axis=1), slope


class _MassOutside:
    """Mass of a mixture outside balls, and the radius about a centre that leaves a given mass."""

    def __init__(self, law: GaussianMixture, outside: float) -> None:
        self.weights, self.means, self.outside = law.weights, law.means, outside
        k, m = law.means.shape
        variances = law.isotropic_variances
        self.isotropic = variances is not None
        self.axes: NDArray | None = None
        if variances is not None:
            self.spectra = variances[:, None]
        else:
            matrices = law.covariances[:1] if law.shared_covariance else law.covariances
            spectra, self.axes = np.linalg.eigh(matrices)
            self.spectra = np.broadcast_to(spectra, (k, m))
            fits_in_memory(
                16.0 * 48 * 3 * k * m, "the mass outside a ball", "pass points of the law instead"
            )
        self.dim = m
        self.sigma = np.sqrt(self.spectra.max(axis=1))
        # |z| exceeds this with a probability that is negligible beside `outside`.
        self.cut = float(np.sqrt(2 * gammainccinv(0.5 * m, 1e-6 * outside)))

    def _local(self, center: NDArray) -> tuple[NDArray, NDArray]:
        offset = center - self.means
        distance = np.linalg.norm(offset, axis=1)
        if self.axes is not None:
            offset = (offset[:, None, :] @ self.axes)[:, 0, :]
        return offset, distance

    def _tails(
        self, r: float, offset: NDArray, distance: NDArray, near: NDArray
    ) -> tuple[NDArray, NDArray, NDArray]:
        if not self.isotropic:
            q = np.full(int(near.sum()), r * r)
            return quadratic_tail(q, self.spectra[near], offset[near])
        # Its package takes longer to load than the rest of this library.
        from scipy.stats import ncx2

        variance = self.spectra[near, 0]
        q = r * r / variance
        noncentral = np.maximum(distance[near] ** 2 / variance, 1e-300)
        # d/dλ sf(q; m, λ) = pdf(q; m + 2, λ).
        moved = 2 * ncx2.pdf(q, self.dim + 2, noncentral) / variance
        return (
            ncx2.sf(q, self.dim, noncentral),
            ncx2.pdf(q, self.dim, noncentral) / variance,
            moved[:, None] * offset[near],
        )

    def _beyond(self, r: float, offset: NDArray, distance: NDArray) -> float:
        gap = (r - distance) / self.sigma
        near = np.abs(gap) < self.cut
        held = 1e-6 * self.outside * float(self.weights[gap >= self.cut].sum())
        lost = float(self.weights[gap <= -self.cut].sum())
        if not near.any():
            return held + lost
        return held + lost + float(self.weights[near] @ self._tails(r, offset, distance, near)[0])

    def radius(self, center: NDArray) -> tuple[float, NDArray]:
        """The radius, and its gradient in the centre."""
        offset, distance = self._local(center)
        upper = float((distance + self.cut * self.sigma).max())

        def excess(r: float) -> float:
            return float(np.log(max(self._beyond(r, offset, distance), 1e-300) / self.outside))

        lower = 1e-3 * float(self.sigma.min())
        if excess(lower) <= 0:
            return lower, np.zeros(self.dim)
        r = float(brentq(excess, lower, upper, xtol=1e-8 * upper, rtol=1e-9))
        near = np.abs(r - distance) < self.cut * self.sigma
        _, density, slope = self._tails(r, offset, distance, near)
        if self.axes is not None:
            axes = np.broadcast_to(self.axes, (len(near), self.dim, self.dim))[near]
            slope = (axes @ slope[:, :, None])[:, :, 0]
        fall = 2 * r * float(self.weights[near] @ density)
        gradient = self.weights[near] @ slope / fall if fall > 0 else np.zeros(self.dim)
        return r * (1 + _SLACK), gradient


def ball_of_mixture(law: GaussianMixture, outside: float) -> tuple[NDArray[np.float64], float]:
    """Centre and radius of a small ball outside of which a mixture has the mass ``outside``."""
    mass = _MassOutside(law, outside)
    start = law.mean
    first = mass.radius(start)[0]

    def radius(shift: NDArray) -> tuple[float, NDArray]:
        # In units of the first radius: the minimiser's steps are of unit size.
        found, gradient = mass.radius(start + first * shift)
        return found / first, gradient

    options = {"maxiter": 30, "ftol": 1e-6}
    found = minimize(radius, np.zeros(law.dim), jac=True, method="L-BFGS-B", options=options)
    center = start + first * found.x
    least = mass.radius(center)[0]
    return (start, first) if first <= least else (center, least)
