"""The optimal denoising autoencoder for normal noise that depends on the clean point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ridgeflow._collections import takes_collections_in
from ridgeflow._progress import Progress, steps, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    instance_of,
    moderate,
    positive,
    positive_int,
    slab_rows,
)
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["PositionNoiseDAE"]

# What the last two rules may differ by, in standard deviations of the noise.
_TOLERANCE = 1e-7
# Nodes of the largest rule, all directions together.
_MOST_NODES = 2**16
# Rules for the place and shape of a posterior, and how often they are mended.
_SMALL = 8
_MENDS = 40
# Beyond so many standard deviations a rule for a posterior sees nothing.
_REACH = 7.0
_LOG_2PI = float(np.log(2 * np.pi))
# Steps of the differences, in the larger of the law's spread and a part of the point's distance.
_STEPS = 0.5 * 4.0 ** -np.arange(10)


@takes_collections_in("__call__", "velocity", "law_rate")
class PositionNoiseDAE:
    r"""The optimal denoising autoencoder for normal noise N(0, tD(x)) at the clean point x.

    .. math:: \Phi_t(x) = \frac{\int x_0\,N(x - x_0; tD(x_0))\,d\mu(x_0)}
              {\int N(x - x_0; tD(x_0))\,d\mu(x_0)}
              = x + t\,(D\,\nabla\log\mu + \nabla\cdot D)(x) + O(t^2),
              \qquad (\nabla\cdot D)_i = \sum_j \partial_j D_{ij}

    and the law moves by :math:`\partial_t\mu = -\sum_{ij}\partial_i\partial_j(D_{ij}\,\mu)`.

    Parameters
    ----------
    law : GaussianMixture
        The law μ of the clean points, in at most three dimensions.
    t : float
        Noise variance, in the unit of x squared.
    covariance : callable
        D: points (n, m) to symmetric positive definite matrices (n, m, m), smooth.
    nodes : int
        Quadrature nodes in each direction to begin with.

    Raises
    ------
    ValueError
        If t is not positive, the dimension exceeds three, or D returns something else.
    TypeError
        If the law is not a mixture, or D cannot be called.

    Notes
    -----
    **Accuracy.** Gauss–Hermite quadrature of each component's posterior, its nodes centred at the
    mean of that posterior and scaled by its covariance: exact for constant D, whatever the widths
    of noise and components. Nodes are added until two rules agree to 1e-7 standard deviations of
    the noise at x; where they do not, or where D is so much larger elsewhere that noise from a
    second region reaches x, there is a ConvergenceError. A region that is narrow against its
    component as well as far from the posterior may be overlooked. Derivatives of D in
    :meth:`velocity` and :meth:`law_rate` are central differences of order 4 with the step that two
    neighbours confirm (1e-9, of second ones 1e-7 relative); those of μ are exact.

    **Cost.** One value of D for each point, component and node, of which there are ``nodes`` to
    the power m, more where D changes within a posterior.

    See Also
    --------
    GaussianDAE : constant D.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, JMLR 20 (2019).
    J. C. Naylor and A. F. M. Smith, *Applications of a method for the efficient computation of
    posterior distributions*, Applied Statistics 31 (1982) (the quadrature).

    Examples
    --------
    >>> law = GaussianMixture([1.0], [[0.0]], 1.0)
    >>> dae = PositionNoiseDAE(law, 1e-4, lambda x: (1 + 0.5 * np.sin(x))[..., None])
    >>> slope = (dae([[0.3]]) - 0.3) / 1e-4
    >>> bool(abs(slope - dae.velocity([[0.3]])) < 1e-3)
    True
    """

    def __init__(
        self,
        law: GaussianMixture,
        t: float,
        covariance: Callable[[NDArray], NDArray],
        *,
        nodes: int = 24,
    ) -> None:
        self.law: GaussianMixture = instance_of(law, "law", GaussianMixture)
        if law.dim > 3:
            raise ValueError(f"`law` must have at most three dimensions, got {law.dim}")
        self.dim = law.dim
        self.t = positive(t, "t", hint="it is the variance of the noise")
        moderate(self.t, "t", exponent=300)
        if not callable(covariance):
            raise TypeError(
                f"`covariance` must be a function of points (n, m), got {type(covariance).__name__}"
            )
        self._covariance = covariance
        most = int(round(_MOST_NODES ** (1 / self.dim)) if self.dim > 1 else 256)
        self._most = most
        self._nodes = positive_int(nodes, "nodes", minimum=4, maximum=most)

    def covariance(self, x: ArrayLike) -> NDArray[np.float64]:
        """D at points (n, m): (n, m, m).

        Raises
        ------
        ValueError
            If D returns another shape, or matrices that are not finite, symmetric and positive
            definite.
        """
        points = as_points(x, "x", self.dim).astype(np.float64)
        return self._root_of(points)[1]

    def _root_of(self, points: NDArray) -> tuple[NDArray, NDArray]:
        """Cholesky factors of D, and D."""
        shape = (len(points), self.dim, self.dim)
        value = as_real_array(self._covariance(points), "covariance(x)").astype(np.float64)
        if value.shape != shape:
            raise ValueError(
                f"`covariance` must return finite matrices of shape {shape}, got shape "
                f"{value.shape}"
            )
        gap = np.abs(value - value.transpose(0, 2, 1)).max()
        if gap > 1e-10 * np.abs(value).max():
            raise ValueError(
                f"`covariance` must return symmetric matrices, got an asymmetry of {gap:.3g}"
            )
        try:
            return np.linalg.cholesky(value), value
        except np.linalg.LinAlgError:
            least = float(np.linalg.eigvalsh(value)[:, 0].min())
            raise ValueError(
                f"`covariance` must return positive definite matrices, got the eigenvalue {least:g}"
            ) from None

    @with_progress("denoising")
    def __call__(self, x: ArrayLike, *, progress: Progress = None) -> NDArray:
        """Denoise: Φ_t(x).

        Parameters
        ----------
        x : array_like, shape (n, m)
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ndarray, shape (n, m)
            float32 where x is.

        Raises
        ------
        ValueError
            If x are not finite points in R^m, or D returns something else than it should.
        ConvergenceError
            If the quadrature does not settle: D changes too fast within a posterior, or noise
            reaches x from two regions.
        """
        given = as_points(x, "x", self.dim)
        points = given.astype(np.float64)
        self._slab(len(points), self._nodes**self.dim)
        components = [self._posterior(points, k) for k in range(self.law.n_components)]
        n = max(_SMALL, 2 * self._nodes // 3)
        before, todo = np.full_like(points, np.nan), np.arange(len(points))
        found = np.empty_like(points)
        while True:
            mean = self._mean(points, todo, components, n)
            if not np.isfinite(mean).all():
                bad = todo[int(np.argmin(np.isfinite(mean).all(axis=1)))]
                raise ValueError(
                    "`x` must lie where squared distances are representable, got "
                    f"x[{bad}] = {points[bad]}"
                )
            found[todo] = mean
            noise = self._root_of(points[todo])[1]
            scale = np.sqrt(self.t * np.einsum("nii->n", noise))
            # Not a number before the first rule, and so never settled by it alone.
            open_ = ~(np.linalg.norm(mean - before, axis=1) <= _TOLERANCE * scale)
            todo, before = todo[open_], mean[open_]
            if not len(todo):
                return found.astype(given.dtype, copy=False)
            if n == self._most:
                raise ConvergenceError(
                    f"the quadrature at x = {points[todo[0]]} must settle within {n} nodes in each "
                    f"direction, got no agreement at {len(todo)} point(s) (`covariance` changes "
                    "too fast for the noise: take a smaller `t`)"
                )
            n = min(self._most, max(self._nodes, 3 * n // 2))

    def _slab(self, count: int, nodes: int) -> int:
        """Points of ``count`` to take at a time, with so many nodes each."""
        m = self.dim
        # D, its factors and differences, their copies, and what the function of D takes itself.
        each, places = 8.0 * (6 + 8 * m + 10 * m * m), self.law.n_components
        return slab_rows(
            *(
                each * max(nodes, self._wide**m),
                count,
                count * (2 * each + 8.0 * places * m * (m + 1)),
            ),
            *(f"the quadrature at {count} points", "denoise fewer points at a time"),
        )

    @property
    def _wide(self) -> int:
        """Nodes in each direction of the rule for a whole component."""
        return _SMALL if self.dim == 3 else 2 * _SMALL

    def _rule(self, n: int) -> tuple[NDArray, NDArray]:
        """Nodes (n^m, m) for the standard normal law, and logarithms of weights over density."""
        node, weight = np.polynomial.hermite_e.hermegauss(n)
        grids = np.meshgrid(*[node] * self.dim, indexing="ij")
        z = np.stack([g.ravel() for g in grids], axis=1)
        with np.errstate(divide="ignore"):
            logs = np.meshgrid(*[np.log(weight)] * self.dim, indexing="ij")
        total = np.sum([each.ravel() for each in logs], axis=0)
        kept = np.isfinite(total)
        return z[kept], total[kept] + 0.5 * (z[kept] ** 2).sum(axis=1)

    def _joint(self, x: NDArray, s: NDArray, k: int) -> NDArray:
        """log of N(x - s; tD(s)) N(s; m_k, Σ_k), for s (n, q, m)."""
        root, _ = self._root_of(s.reshape(-1, self.dim))
        step = (x[:, None] - s).reshape(-1, self.dim, 1) / np.sqrt(self.t)
        with np.errstate(over="ignore", invalid="ignore"):
            white = np.linalg.solve(root, step)[..., 0]
            logs = -0.5 * (white**2).sum(axis=1)
            logs -= np.log(np.einsum("nii->ni", root)).sum(axis=1)
            own = np.linalg.cholesky(self.law.covariances[k])
            inner = np.linalg.solve(own, (s.reshape(-1, self.dim) - self.law.means[k]).T)
            logs -= 0.5 * (inner**2).sum(axis=0)
        logs += np.log(self.law.weights[k]) - np.log(np.diag(own)).sum()
        logs -= self.dim * _LOG_2PI + 0.5 * self.dim * np.log(self.t)
        return logs.reshape(s.shape[:2])

    def _posterior(self, x: NDArray, k: int) -> tuple[NDArray, NDArray]:
        """Centres (n, m) and roots (n, m, m) of the covariances of a component's posterior."""
        mean, sigma = self.law.means[k], self.law.covariances[k]
        center = np.broadcast_to(mean, x.shape)
        for _ in range(4):
            noise = self.t * self._root_of(center)[1]
            gain = np.linalg.solve(sigma + noise, np.broadcast_to(sigma, noise.shape))
            center = mean + np.einsum("nji,nj->ni", gain, x - mean)
        shape = noise @ gain
        root = np.linalg.cholesky(0.5 * (shape + shape.transpose(0, 2, 1)))
        z, log_weights = self._rule(_SMALL)
        rows = self._slab(len(x), len(z))

        def moments(part: slice) -> tuple[NDArray, NDArray]:
            """Means and second moments, in units of the roots."""
            s = center[part, None] + np.einsum("nij,qj->nqi", root[part], z)
            logs = self._joint(x[part], s, k) + log_weights
            share = np.exp(logs - logs.max(axis=1, keepdims=True))
            share /= share.sum(axis=1, keepdims=True)
            return share @ z, np.einsum("nq,qi,qj->nij", share, z, z)

        for _ in range(_MENDS):
            parts = [moments(slice(low, low + rows)) for low in range(0, len(x), rows)]
            shift, square = (np.concatenate(each) for each in zip(*parts, strict=True))
            value, turn = np.linalg.eigh(square - shift[:, :, None] * shift[:, None])
            # One mend at a time: what a rule far off its mark says of the shape is exaggerated.
            value = value.clip(0.25, 4.0)
            length = np.linalg.norm(shift, axis=1, keepdims=True)
            shift = shift * np.minimum(1.0, 3.0 / np.maximum(length, 1e-300))
            center = center + np.einsum("nij,nj->ni", root, shift)
            root = root @ (turn * np.sqrt(value)[:, None]) @ turn.transpose(0, 2, 1)
            if length.max() < 0.05 and np.abs(value - 1).max() < 0.1:
                break
        return center, root

    def _mean(
        self, x: NDArray, todo: NDArray, components: list[tuple[NDArray, NDArray]], n: int
    ) -> NDArray:
        """Posterior means at some of the points by rules of n nodes in each direction."""
        z, log_weights = self._rule(n)
        wide, wide_weights = self._rule(self._wide)
        found = np.empty((len(todo), self.dim))
        rows = self._slab(len(todo), len(z))
        for first in steps(range(0, len(todo), rows)):
            some = todo[first : first + rows]
            part = x[some]
            masses, means, outside = [], [], []
            for k, (centers, roots) in enumerate(components):
                center, root = centers[some], roots[some]
                s = center[:, None] + np.einsum("nij,qj->nqi", root, z)
                logs = self._joint(part, s, k) + log_weights
                logs += np.linalg.slogdet(root)[1][:, None]
                mass = logsumexp(logs, axis=1)
                with np.errstate(invalid="ignore"):
                    share = np.exp(logs - mass[:, None])
                # Differences from the centre: the mean of many equal numbers would round.
                means.append(center + np.einsum("nq,nqi->ni", share, s - center[:, None]))
                masses.append(mass)
                outside.append(self._elsewhere(part, k, center, root, wide, wide_weights))
            logs = np.stack(masses, axis=1)
            total = logsumexp(logs, axis=1)
            with np.errstate(invalid="ignore"):
                away = np.exp(logsumexp(np.stack(outside, axis=1), axis=1) - total)
                found[first : first + rows] = np.einsum(
                    "nk,nki->ni", np.exp(logs - total[:, None]), np.stack(means, axis=1)
                )
            if (away > _TOLERANCE).any():
                bad = int(np.argmax(away))
                raise ConvergenceError(
                    f"the clean points for x = {part[bad]} must lie in one region of each "
                    f"component, got {away[bad]:.2g} of their mass elsewhere (`covariance` is much "
                    "larger there: take a smaller `t`, or smaller changes of it)"
                )
        return found

    def _elsewhere(
        self, x: NDArray, k: int, center: NDArray, root: NDArray, z: NDArray, log_weights: NDArray
    ) -> NDArray:
        """log of the mass that a coarse rule for the component itself finds out of reach."""
        own = np.linalg.cholesky(self.law.covariances[k])
        s = np.broadcast_to(self.law.means[k] + z @ own.T, (len(x), *z.shape))
        logs = self._joint(x, s, k) + log_weights + np.log(np.diag(own)).sum()
        far = np.linalg.solve(root[:, None], (s - center[:, None])[..., None])[..., 0]
        beyond = np.linalg.norm(far, axis=2) > _REACH
        return logsumexp(np.where(beyond, logs, -np.inf), axis=1)

    def _unit(self, points: NDArray) -> NDArray:
        spread = np.sqrt(np.trace(self.law.cov) / self.dim)
        return np.maximum(spread, 1e-2 * np.abs(points - self.law.mean).max(axis=1))

    def _derivative(self, points: NDArray, axes: tuple[int, ...]) -> NDArray:
        """A first or mixed or second derivative of D, of order 4: (n, m, m)."""
        unit = self._unit(points)
        size = np.abs(self._root_of(points)[1]).max(axis=(1, 2))
        best = np.full((len(points), self.dim, self.dim), np.nan)
        error = np.full(len(points), np.inf)
        before = None
        for fraction in _STEPS:
            step = fraction * unit
            try:
                value = self._differences(points, axes, step)
            # D may be defined near the points alone; there are smaller steps.
            except ValueError:
                if fraction == _STEPS[-1]:
                    raise
                continue
            if before is not None:
                gap = np.abs(value - before).max(axis=(1, 2)) * unit ** len(axes) / size
                better = gap < error
                best[better], error[better] = value[better], gap[better]
            before = value
        limit = 1e-5 if len(axes) == 1 else 1e-3
        # Of D over the length in which it changes, which is what its derivative is measured by.
        slope = np.abs(best).max(axis=(1, 2)) * unit ** len(axes) / size
        if not (error <= limit * (1 + slope)).all():
            bad = int(np.argmax(error / (1 + slope)))
            raise ConvergenceError(
                f"`covariance` must be smooth near x = {points[bad]}, got differences that do not "
                "settle"
            )
        return best

    def _differences(self, points: NDArray, axes: tuple[int, ...], step: NDArray) -> NDArray:
        def at(moves: NDArray) -> NDArray:
            return self._root_of(points + step[:, None] * moves)[1]

        unit = np.eye(self.dim)
        ends = ((1.0, 8.0), (-1.0, -8.0), (2.0, -1.0), (-2.0, 1.0))
        over = step[:, None, None]
        if len(axes) == 1:
            return sum(w * at(a * unit[axes[0]]) for a, w in ends) / (12 * over)
        i, j = axes
        if i == j:
            inner = 16 * (at(unit[i]) + at(-unit[i])) - at(2 * unit[i]) - at(-2 * unit[i])
            return (inner - 30 * at(0 * unit[i])) / (12 * over**2)
        terms = (v * w * at(a * unit[i] + b * unit[j]) for a, v in ends for b, w in ends)
        return sum(terms) / (144 * over**2)

    @with_progress("velocity")
    def velocity(self, x: ArrayLike, *, progress: Progress = None) -> NDArray[np.float64]:
        """The limit of (Φ_t(x) - x)/t for small t: D ∇log μ + ∇·D.

        Parameters
        ----------
        x : array_like, shape (n, m)
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        ConvergenceError
            If differences of D do not settle.
        """
        points = as_points(x, "x", self.dim).astype(np.float64)
        drift = np.einsum("nij,nj->ni", self.covariance(points), self.law.score(points))
        for j in range(self.dim):
            drift += self._derivative(points, (j,))[:, :, j]
        return drift

    @with_progress("rate of the law")
    def law_rate(self, x: ArrayLike, *, progress: Progress = None) -> NDArray[np.float64]:
        """The rate of the law at t = 0: -sum_ij ∂_i ∂_j (D_ij μ)(x).

        Parameters
        ----------
        x : array_like, shape (n, m)
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ndarray, shape (n,)

        Raises
        ------
        ConvergenceError
            If differences of D do not settle.
        """
        points = as_points(x, "x", self.dim).astype(np.float64)
        score, hessian = self.law.score(points), self.law.score_jacobian(points)
        curve = hessian + score[:, :, None] * score[:, None]
        total = np.einsum("nij,nij->n", self.covariance(points), curve)
        for i in range(self.dim):
            total += 2 * np.einsum("nj,nj->n", self._derivative(points, (i,))[:, i], score)
            total += self._derivative(points, (i, i))[:, i, i]
            for j in range(i):
                total += 2 * self._derivative(points, (i, j))[:, i, j]
        return -self.law.pdf(points) * total
