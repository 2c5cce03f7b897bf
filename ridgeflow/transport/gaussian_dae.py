"""Shallow denoising autoencoders: the optimal one for Gaussian noise, as a map and a transport."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import (
    as_covariance,
    as_generator,
    as_points,
    fits_in_memory,
    moderate,
    one_of,
    positive,
    positive_int,
    within_squares,
)
from ridgeflow.closed_forms import normal_denoise_covariance
from ridgeflow.errors import AccuracyWarning, ConvergenceError
from ridgeflow.fields.callable import CallableField, NoisyScore
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.normal_sums import checked_tolerance
from ridgeflow.fields.samples import SampleField, grid_law
from ridgeflow.transport.slicing import sliced_score

__all__ = ["GaussianDAE", "as_law"]


def as_law(law: Any) -> GaussianMixture | SampleField:
    """A mixture, an empirical law, or the nodes of a density on a grid; the rest is refused."""
    if isinstance(law, GaussianMixture):
        return law
    if isinstance(law, GridField):
        return grid_law(law)
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


def _described(law: Any) -> str:
    return "samples" if isinstance(law, SampleField) else "a score alone"


def _timed_score(field: CallableField, covariance: Any) -> CallableField:
    if not field.timed:
        raise TypeError(
            "`law` must be a score of x and of the noise variance, got a CallableField of x alone "
            "(the noise changes the score: pass s(x, t), the score of the law with noise t)"
        )
    if covariance is not None:
        raise ValueError(
            "`covariance` must be left out for a law that is known by its score, got one (the "
            "score is that of the law with isotropic noise)"
        )
    return field


def _warn_of_fine_noise(field: GridField, noise: NDArray) -> None:
    spread = float(np.sqrt(np.linalg.eigvalsh(noise)[0]))
    step = float(field.spacing.max())
    if spread < step:
        warnings.warn(
            f"the noise has a standard deviation of {spread:.3g}, less than the step {step:.3g} of "
            f"the grid: its nodes show (use steps of at most {spread:.3g}, or more noise)",
            AccuracyWarning,
            stacklevel=3,
        )


@takes_collections_in("__call__", "velocity", "jacobian", "potential", "error")
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
    law : GaussianMixture, SampleField, GridField or CallableField
        The law μ of the clean points in R^m. A SampleField must carry no values and stands for its
        empirical law; a GridField is a density, up to a constant, and stands for its nodes. A
        CallableField must be a timed score, ``s(x, t) = ∇log(μ * N(0, tI))(x)``: then the denoiser
        is known, its Jacobian by differences, and neither densities nor images of laws are.
    t : float
        Noise variance, > 0 (unit of x squared).
    covariance : (m, m) array_like or float, optional
        D, symmetric positive definite; the identity by default.
    method : {"auto", "exact", "fast", "sliced"}
        How sums over the components are taken: the first three as in
        :meth:`GaussianMixture.logpdf`; "sliced", for many components with one covariance in many
        variables, as averages over directions of fast sums on lines, with the error of Monte Carlo,
        see :meth:`error`. Jacobians, and what needs them, are always exact.
    tol : float
        Relative error of the density by "fast".
    n_directions : int
        Directions of "sliced".

    Attributes
    ----------
    law, t, dim, method
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
        If `law` is none of these, or a score that does not take the noise variance.
    ValueError
        If ``t <= 0``, if D is not symmetric positive definite, if a SampleField carries values, if
        a GridField is not a density, or if D is given beside a score.

    Warns
    -----
    AccuracyWarning
        If the noise is finer than the steps of a GridField, which it must smooth over.

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
        law: GaussianMixture | SampleField | GridField | CallableField,
        t: float,
        *,
        covariance: ArrayLike | None = None,
        method: str = "auto",
        tol: float = 1e-10,
        n_directions: int = 1024,
    ) -> None:
        self.law: Any
        if isinstance(law, CallableField) and law.is_score:
            self.law = _timed_score(law, covariance)
        else:
            self.law = as_law(law)
        self.dim = int(self.law.dim)
        self.method = one_of(method, "method", ("auto", "exact", "fast", "sliced"))
        self._tol = checked_tolerance(tol)
        self._n_directions = positive_int(n_directions, "n_directions", minimum=2)
        self.t = positive(t, "t", hint="it is the variance of the noise")
        moderate(self.t, "t", exponent=300)
        if covariance is None:
            self.covariance = np.eye(self.dim)
            noise: float | NDArray = self.t
        else:
            self.covariance = as_covariance(covariance, "covariance", self.dim)
            noise = self.t * self.covariance
        self.noise = self.t * self.covariance
        # A number keeps isotropic mixtures isotropic, and their kernels cheap.
        self._isotropic = covariance is None
        if isinstance(law, GridField):
            _warn_of_fine_noise(law, self.noise)
        self.smoothed: Any
        if isinstance(self.law, CallableField):
            self.smoothed = NoisyScore(self.law, self.t)
        else:
            self.smoothed = self.law.smooth(noise)

    def __repr__(self) -> str:
        return f"GaussianDAE({type(self.law).__name__}, t={self.t:g}, dim={self.dim})"

    def _score(self, points: NDArray) -> NDArray:
        """Score of the noisy law at float64 points."""
        if self.method == "sliced":
            return sliced_score(self.smoothed, points, self._n_directions)[1]
        return self.smoothed.score(points, method=self.method, tol=self._tol)

    def _logpdf(self, points: NDArray) -> NDArray:
        if self.method == "sliced":
            return sliced_score(self.smoothed, points, self._n_directions)[0]
        return self.smoothed.logpdf(points, method=self.method, tol=self._tol)

    def error(self, x: ArrayLike) -> NDArray[np.float64]:
        """Standard error of Φ(x) that slicing leaves; zero for the other methods.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n,) ndarray
            Root of the sum over coordinates of the squared standard errors.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.

        Examples
        --------
        >>> law = SampleField(np.random.default_rng(0).normal(size=(100, 4)))
        >>> dae = GaussianDAE(law, 2.0, method="sliced", n_directions=256)
        >>> x = np.zeros((1, 4))
        >>> bool(np.linalg.norm(dae(x) - GaussianDAE(law, 2.0)(x)) < 3 * dae.error(x)[0] < 0.5)
        True
        """
        points = as_points(x, "x", self.dim).astype(np.float64)
        if self.method != "sliced":
            return np.zeros(len(points))
        errors = sliced_score(self.smoothed, points, self._n_directions)[2]
        root = np.linalg.cholesky(self.smoothed.covariances[0])
        matrix = self.t * self.covariance @ np.linalg.inv(root).T
        return np.sqrt(errors**2 @ (matrix**2).sum(axis=0))

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
        image = wide + self.t * self._times_covariance(self._score(wide))
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
        score = self._score(points.astype(np.float64, copy=False))
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
        value = 0.5 * square + self.t * self._logpdf(wide)
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
        ValueError, TypeError
            If `y` is not an array of points in R^m, or `tol` is not a number of at least 1e-14.
        ConvergenceError
            If a point lies outside the image, or too close to its edge.
        """
        tol = positive(tol, "tol")
        if tol < 1e-14:
            raise ValueError(
                f"`tol` must be at least 1e-14, got {tol:g} (rounding does not allow less)"
            )
        goal = within_squares(as_points(y, "y", self.dim).astype(np.float64), "y")
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
            raise TypeError(
                f"`law` must have a density, got {_described(self.law)} (use "
                "kernel_density(points))"
            )
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
        if isinstance(self.law, CallableField):
            raise TypeError("`law` must have samples for this, got one known by its score alone")
        if isinstance(self.law, SampleField):
            return SampleField(self(self.law.points), weights=self.law.weights)
        if self.law.n_components == 1:
            after = normal_denoise_covariance(
                self.law.covariances[0], self.t, noise_covariance=self.covariance
            )
            return GaussianMixture([1.0], self.law.means, after)
        fits_in_memory(16.0 * n_samples * self.dim, "the pushforward", "ask for fewer samples")
        return SampleField(self(self.law.sample(n_samples, generator)))
