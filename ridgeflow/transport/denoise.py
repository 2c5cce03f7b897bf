"""Shallow denoising autoencoders: the optimal one for Gaussian noise, as a map and a transport."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import (
    as_covariance,
    as_generator,
    as_points,
    fits_in_memory,
    positive,
    positive_int,
)
from ridgeflow.closed_forms import normal_denoise_covariance
from ridgeflow.errors import ConvergenceError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField

__all__ = ["GaussianDAE"]


def _as_law(law: Any) -> GaussianMixture | SampleField:
    """A mixture or an empirical law; everything else is refused with what would do."""
    if isinstance(law, GaussianMixture):
        return law
    if isinstance(law, SampleField):
        if not law.is_law:
            raise ValueError(
                "`law` must be a law, got a SampleField that carries values (build it from the "
                "points alone)"
            )
        return law
    if isinstance(law, CallableField):
        hint = "a function of x cannot be smoothed by the noise in closed form"
    elif isinstance(law, np.ndarray):
        hint = "wrap the points: SampleField(points), or kernel_density(points)"
    else:
        hint = "fit one, or use kernel_density(points)"
    raise TypeError(
        f"`law` must be a GaussianMixture or a SampleField without values, "
        f"got {type(law).__name__} ({hint})"
    )


def _atoms(law: SampleField, covariance: float | NDArray) -> GaussianMixture:
    """The empirical law smoothed by N(0, covariance): one component for each atom."""
    weights = np.asarray(law.weights, dtype=np.float64)
    kept = weights > 0
    points = np.asarray(law.points, dtype=np.float64)
    if not kept.all():
        points, weights = points[kept], weights[kept]
    return GaussianMixture(weights / weights.sum(), points, covariance)


class GaussianDAE:
    """The optimal denoising autoencoder of a law for the noise N(0, tD): a transport map.

    The least-squares optimum is the posterior mean of the clean point,
    ``Φ(x) = E[x0 | x0 + ε = x] = x + t D ∇log(μ * N(0, tD))(x)``, with ε ~ N(0, tD). For a mixture
    ``Σ w_k N(m_k, Σ_k)`` it is
    ``Φ(x) = Σ_k r_k(x) {Σ_k (Σ_k + tD)^{-1} x + tD (Σ_k + tD)^{-1} m_k}``, with r_k the
    responsibilities under ``N(m_k, Σ_k + tD)``; for an empirical law ``Σ w_i δ_{x_i}`` it is the
    mean shift ``Φ(x) = Σ_i softmax_i(log w_i − |x − x_i|²/2t) x_i`` (D = I).

    Parameters
    ----------
    law : GaussianMixture or SampleField
        The law μ of the clean points in R^m; a SampleField must carry no values and stands for its
        empirical law.
    t : float
        Noise variance, > 0 (unit of x squared).
    covariance : (m, m) array_like or float, optional
        D, symmetric positive definite; the identity by default.

    Attributes
    ----------
    law, t, dim
        As given, and the dimension m.
    covariance : (m, m) ndarray
        D.
    noise : (m, m) ndarray
        tD.
    smoothed : GaussianMixture
        The law of the noisy points, μ * N(0, tD).

    Raises
    ------
    TypeError
        If `law` is neither a mixture nor an empirical law.
    ValueError
        If ``t <= 0``, if D is not symmetric positive definite, or if a SampleField carries values.

    Notes
    -----
    **Accuracy.** Exact up to rounding: a few units of the last place of the largest :math:`|x|`,
    :math:`|m_k|`. :meth:`velocity` is the score itself and suffers no cancellation as t → 0.

    **Cost.** O(N K m) time for N points and K components that share an isotropic covariance,
    O(N K m²) otherwise; O(N m) memory.

    See Also
    --------
    DeepDAE : the composition of several.
    ContinuousDAE : the limit of infinitely many.

    References
    ----------
    G. Alain and Y. Bengio, What regularized auto-encoders learn from the data-generating
    distribution, JMLR 15, 2014, theorem 1. S. Sonoda and N. Murata, Transport analysis of
    infinitely deep neural network, JMLR 20, 2019.

    Examples
    --------
    >>> dae = GaussianDAE(GaussianMixture([1.0], [[0.0]], 1.3), 0.5)
    >>> dae([[1.8]]).round(6)
    array([[1.3]])
    """

    def __init__(
        self,
        law: GaussianMixture | SampleField,
        t: float,
        *,
        covariance: ArrayLike | None = None,
    ) -> None:
        self.law = _as_law(law)
        self.dim = int(self.law.dim)
        self.t = positive(t, "t", hint="it is the variance of the noise")
        if covariance is None:
            self.covariance = np.eye(self.dim)
            noise: float | NDArray = self.t
        else:
            self.covariance = as_covariance(covariance, "covariance", self.dim)
            noise = self.t * self.covariance
        self.noise = self.t * self.covariance
        # A number keeps isotropic mixtures isotropic, and their kernels cheap.
        self._isotropic = covariance is None
        if isinstance(self.law, GaussianMixture):
            self.smoothed = self.law.smooth(noise)
        else:
            self.smoothed = _atoms(self.law, noise)

    def __repr__(self) -> str:
        return f"GaussianDAE({type(self.law).__name__}, t={self.t:g}, dim={self.dim})"

    def _times_covariance(self, vectors: NDArray) -> NDArray:
        return vectors if self._isotropic else vectors @ self.covariance

    def __call__(self, x: ArrayLike) -> NDArray:
        """Denoise: ``Φ(x)``.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n, m) ndarray
            Posterior means, float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        points = as_points(x, "x", self.dim)
        wide = points.astype(np.float64, copy=False)
        image = wide + self.t * self._times_covariance(self.smoothed.score(wide))
        return image.astype(points.dtype, copy=False)

    def velocity(self, x: ArrayLike) -> NDArray:
        """Return ``(Φ(x) − x)/t = D ∇log(μ * N(0, tD))(x)``, without cancellation.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n, m) ndarray
            Velocities (unit of x over variance), float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        points = as_points(x, "x", self.dim)
        score = self.smoothed.score(points.astype(np.float64, copy=False))
        return self._times_covariance(score).astype(points.dtype, copy=False)

    def jacobian(self, x: ArrayLike) -> NDArray:
        """Return ``∂Φ_i/∂x_j = δ_ij + t (D ∇²log(μ * N(0, tD)))_ij``.

        It is also the covariance of the clean point given x, times ``(tD)^{-1}``; symmetric and
        positive semidefinite where D = I.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n, m, m) ndarray
            Entry [n, i, j] is ``∂Φ_i/∂x_j``; float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        points = as_points(x, "x", self.dim)
        hessian = self.smoothed.score_jacobian(points.astype(np.float64, copy=False))
        if not self._isotropic:
            hessian = self.covariance @ hessian
        return (np.eye(self.dim) + self.t * hessian).astype(points.dtype, copy=False)

    def potential(self, x: ArrayLike) -> NDArray:
        """The Brenier potential: a convex function whose gradient is ``D^{-1} Φ``.

        ``φ(x) = ½ xᵀD^{-1}x + t log(μ * N(0, tD))(x)``; for D = I the denoiser is the gradient of a
        convex function, so it is the optimal transport from any law to its image under Φ.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n,) ndarray
            float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        points = as_points(x, "x", self.dim)
        wide = points.astype(np.float64, copy=False)
        square = np.einsum("ni,ni->n", wide, np.linalg.solve(self.covariance, wide.T).T)
        value = 0.5 * square + self.t * self.smoothed.logpdf(wide)
        return value.astype(points.dtype, copy=False)

    def inverse(self, y: ArrayLike, *, tol: float = 1e-12) -> NDArray[np.float64]:
        """The points that are denoised to y: ``Φ^{-1}(y)``, by Newton's method on the potential.

        Parameters
        ----------
        y : (n, m) array_like
            Points inside the image of Φ (for an empirical law, the interior of the convex hull of
            the atoms).
        tol : float, default 1e-12
            Residual, relative to ``|y| + sqrt(t)``.

        Returns
        -------
        (n, m) ndarray

        Raises
        ------
        ConvergenceError
            If a point lies outside the image, or too close to its edge.
        """
        goal = as_points(y, "y", self.dim).astype(np.float64)
        metric = np.linalg.inv(self.covariance)
        pull = goal @ metric
        x = goal.copy()
        scale = np.linalg.norm(goal, axis=1) + np.sqrt(self.t)
        todo = np.arange(len(x))
        for _ in range(200):
            part = x[todo]
            residual = self(part) - goal[todo]
            left = np.linalg.norm(residual, axis=1) > tol * scale[todo]
            todo, part, residual = todo[left], part[left], residual[left]
            if not len(todo):
                return x
            step = np.linalg.solve(self.jacobian(part), -residual[..., None])[..., 0]
            before = self.potential(part) - np.einsum("ni,ni->n", part, pull[todo])
            size = np.ones(len(todo))
            for _ in range(60):
                trial = part + size[:, None] * step
                after = self.potential(trial) - np.einsum("ni,ni->n", trial, pull[todo])
                worse = after > before + 1e-13 * np.abs(before)
                if not worse.any():
                    break
                size[worse] *= 0.5
            x[todo] = part + size[:, None] * step
        raise ConvergenceError(
            f"`y` must lie inside the image of the denoiser, got {goal[todo[0]]}, from which the "
            "inverse does not converge (points near the edge of the image come from infinity)"
        )

    def pushforward_logpdf(self, y: ArrayLike) -> NDArray[np.float64]:
        """Log-density of Φ♯μ by change of variables, ``log μ(x) − log det ∂Φ(x)``, ``Φ(x) = y``.

        Parameters
        ----------
        y : (n, m) array_like
            Points inside the image of Φ.

        Returns
        -------
        (n,) ndarray

        Raises
        ------
        TypeError
            If the law is empirical: it has no density.
        ConvergenceError
            If a point lies outside the image.

        Examples
        --------
        >>> dae = GaussianDAE(GaussianMixture([1.0], [[0.0]], 1.3), 0.5)
        >>> y = np.array([[0.3]])
        >>> bool(abs(dae.pushforward_logpdf(y) - dae.pushforward().logpdf(y))[0] < 1e-12)
        True
        """
        if not isinstance(self.law, GaussianMixture):
            raise TypeError("`law` must have a density, got samples (use kernel_density(points))")
        x = self.inverse(y)
        return self.law.logpdf(x) - np.linalg.slogdet(self.jacobian(x))[1]

    def pushforward(
        self, *, n_samples: int = 4000, rng: int | np.random.Generator | None = None
    ) -> GaussianMixture | SampleField:
        """The law Φ♯μ of the denoised clean points.

        A normal law goes to a normal law, ``N(m, A Σ Aᵀ)`` with ``A = Σ (Σ + tD)^{-1}``; the atoms
        of an empirical law are mapped with their weights; of any other law, samples are mapped.

        Parameters
        ----------
        n_samples : int, default 4000
            Number of samples, for mixtures of two components or more; not used otherwise.
        rng : int, Generator or None
            Source of those samples.

        Returns
        -------
        GaussianMixture or SampleField
            Exact for a normal and for an empirical law.

        Raises
        ------
        ValueError, TypeError
            If `n_samples` is not an integer >= 1 or `rng` is not a source of randomness.
        MemoryBudgetError
            If the samples do not fit.

        Examples
        --------
        >>> dae = GaussianDAE(GaussianMixture([1.0], [[0.0]], 1.3), 0.5)
        >>> dae.pushforward().cov.round(6)
        array([[0.678086]])
        """
        n_samples = positive_int(n_samples, "n_samples")
        generator = as_generator(rng)
        if isinstance(self.law, SampleField):
            return SampleField(self(self.law.points), weights=self.law.weights)
        if self.law.n_components == 1:
            after = normal_denoise_covariance(
                self.law.covariances[0], self.t, noise_covariance=self.covariance
            )
            return GaussianMixture([1.0], self.law.means, after)
        fits_in_memory(16.0 * n_samples * self.dim, "the pushforward", "ask for fewer samples")
        return SampleField(self(self.law.sample(n_samples, generator)))
