"""The continuous denoising autoencoder: the flow that solves the backward heat equation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._progress import Progress, with_progress
from ridgeflow._validate import (
    as_covariance,
    as_points,
    finite_number,
    flag,
    one_of,
    within_squares,
)
from ridgeflow.closed_forms import mixture_singular_time, normal_flow
from ridgeflow.errors import SingularTimeError
from ridgeflow.fields.callable import CallableField, NoisyScore
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.transport.flow_result import FlowResult, times_between
from ridgeflow.transport.many_particles import carry_many, pays, require_shared
from ridgeflow.transport.ode import IntegrationStats, integrate
from ridgeflow.transport.particles import carry_particles

__all__ = ["ContinuousDAE"]


@takes_collections_in("velocity", "divergence", "law_rate", "flow", "inverse_flow")
class ContinuousDAE:
    """The limit of infinitely many infinitely thin denoising autoencoders of a mixture.

    ``dφ_t/dt = D ∇log μ_t(φ_t)``, ``μ_t = φ_t♯μ_0``, which solves ``∂_t μ_t = −∇·(D ∇μ_t)``, the
    backward heat equation. For ``μ_0 = Σ w_k N(m_k, Σ_k)`` the law is
    ``μ_t = Σ w_k N(m_k, Σ_k − 2tD)`` until ``t_max = ½ min_k λ_min(D^{-1/2} Σ_k D^{-1/2})``;
    beyond it there is no solution. A normal law has the flow
    ``φ_t(x) = m_0 + D^{1/2} (I − 2t M^{-1})^{1/2} D^{-1/2} (x − m_0)``,
    ``M = D^{-1/2} Σ_0 D^{-1/2}``.

    Parameters
    ----------
    law : GaussianMixture or CallableField
        The law μ_0 in R^m; of samples, take ``kernel_density(points)``. A CallableField must be a
        timed score, ``s(x, t) = ∇log μ_t(x)`` of the law at time t of the flow: then there are
        velocities and flows, without densities, and `t_max` is infinite.
    covariance : (m, m) array_like or float, optional
        D, symmetric positive definite; the identity by default.

    Attributes
    ----------
    initial : GaussianMixture or CallableField
        The law at time 0, or the score.
    covariance : (m, m) ndarray
        D.
    t_max : float
        The singular time.
    dim : int
        The dimension m.

    Raises
    ------
    TypeError
        If `law` is neither a mixture nor a timed score.
    ValueError
        If D is not symmetric positive definite.

    Notes
    -----
    **Accuracy.** Laws, velocities and divergences are exact up to rounding; flows have the accuracy
    asked for, every particle with steps of its own (Tsitouras 5(4)), and rounding for a normal law.
    Steps are taken in ``s = −log(1 − t/t_max)``, in which the narrowest component shrinks evenly
    and its variance ``λ − 2t`` is known without cancellation; times between the ends are
    interpolated within steps, with an error of the tolerance's size. Close to `t_max` the variance
    of `law` loses digits to cancellation.

    **Cost.** An evaluation of the velocity takes O(N K m) time for N points and K components with
    isotropic covariances, O(N K m²) otherwise; a flow takes some fifty of them at rtol = 1e-6, more
    where a trajectory bends. Where components share a covariance in at most three variables and are
    many, "auto" takes "fast", O(N + K) an evaluation.

    See Also
    --------
    DeepDAE : finite depth.
    GaussianDAE : one layer.

    References
    ----------
    S. Sonoda and N. Murata, Transport analysis of infinitely deep neural network, JMLR 20, 2019
    (continuous denoising autoencoder, backward heat equation).

    Examples
    --------
    >>> flow = ContinuousDAE(GaussianMixture([1.0], [[0.0]], 1.3))
    >>> flow.t_max, flow.flow([[1.0]], 0.5).points.round(6)
    (0.65, array([[0.480384]]))
    """

    def __init__(
        self, law: GaussianMixture | CallableField, *, covariance: ArrayLike | None = None
    ) -> None:
        scored = isinstance(law, CallableField) and law.is_score
        if isinstance(law, CallableField) and scored and not law.timed:
            raise TypeError(
                "`law` must be a score of x and of the time, got a CallableField of x alone (the "
                "law changes along the flow: pass s(x, t), the score at time t)"
            )
        if not isinstance(law, GaussianMixture) and not scored:
            samples = isinstance(law, (SampleField, np.ndarray))
            hint = (
                "the backward heat flow of bare samples is singular at once: pass "
                "kernel_density(points)"
                if samples
                else "its flow is known in closed form for mixtures alone"
            )
            raise TypeError(f"`law` must be a GaussianMixture, got {type(law).__name__} ({hint})")
        self.initial: Any = law
        self._scored = scored
        self.dim = int(law.dim)
        self._isotropic = covariance is None
        self.covariance = (
            np.eye(self.dim)
            if covariance is None
            else as_covariance(covariance, "covariance", self.dim)
        )
        if not isinstance(law, GaussianMixture):
            self.t_max = math.inf
            return
        distinct = law.covariances[0] if law.shared_covariance else law.covariances
        self.t_max = mixture_singular_time(distinct, noise_covariance=self.covariance)

    def __repr__(self) -> str:
        if self._scored:
            return f"ContinuousDAE(score, dim={self.dim})"
        return (
            f"ContinuousDAE({self.initial.n_components} components, dim={self.dim}, "
            f"t_max={self.t_max:.6g})"
        )

    def _time(self, t: float, name: str = "t") -> float:
        time = finite_number(t, name)
        if time < 0:
            raise ValueError(
                f"`{name}` must not be negative, got {time:g} (the forward heat flow over a "
                "time s is law.smooth(2 * s * covariance))"
            )
        if time >= self.t_max:
            raise SingularTimeError(
                f"`{name}` must be less than the singular time t_max = {self.t_max:.6g}, got "
                f"{time:g} (beyond it the backward heat equation has no solution)"
            )
        return time

    def law(self, t: float) -> GaussianMixture:
        """The law ``μ_t = Σ_k w_k N(m_k, Σ_k − 2tD)``.

        Parameters
        ----------
        t : float
            Time, ``0 <= t < t_max``.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If t is negative.
        SingularTimeError
            If ``t >= t_max``.
        TypeError
            If the law is known by its score alone.

        Examples
        --------
        >>> ContinuousDAE(GaussianMixture([1.0], [[0.0]], 1.3)).law(0.5).cov.round(6)
        array([[0.3]])
        """
        time = self._time(t)
        if self._scored:
            raise TypeError("`law` is known by its score alone, which tells no density")
        if time == 0:
            return self.initial
        return self.initial.shrink(2 * time if self._isotropic else 2 * time * self.covariance)

    def velocity(self, x: ArrayLike, t: float) -> NDArray:
        """The velocity ``D ∇log μ_t(x)``.

        Parameters
        ----------
        x : (n, m) array_like
            Points.
        t : float
            Time, ``0 <= t < t_max``.

        Returns
        -------
        (n, m) ndarray
            Velocities (unit of x over variance), float32 where `x` is.

        Raises
        ------
        ValueError
            If t is negative or `x` are not finite points in R^m.
        SingularTimeError
            If ``t >= t_max``.
        """
        points = as_points(x, "x", self.dim)
        return self._velocity(self._at(t), points).astype(points.dtype, copy=False)

    def divergence(self, x: ArrayLike, t: float) -> NDArray:
        """The divergence ``∇·(D ∇log μ_t)(x)`` of the velocity.

        Parameters
        ----------
        x : (n, m) array_like
            Points.
        t : float
            Time, ``0 <= t < t_max``.

        Returns
        -------
        (n,) ndarray
            Rate of log-volume (inverse variance), float32 where `x` is.

        Raises
        ------
        ValueError
            If t is negative or `x` are not finite points in R^m.
        SingularTimeError
            If ``t >= t_max``.
        """
        points = as_points(x, "x", self.dim)
        return self._divergence(self._at(t), points).astype(points.dtype, copy=False)

    def law_rate(self, x: ArrayLike, t: float) -> NDArray:
        """The generator of the flow on densities: ``∂_t μ_t(x) = −∇·(D ∇μ_t)(x)``.

        Parameters
        ----------
        x : (n, m) array_like
            Points.
        t : float
            Time, ``0 <= t < t_max``.

        Returns
        -------
        (n,) ndarray
            Density over variance, float32 where `x` is.

        Raises
        ------
        ValueError, SingularTimeError, TypeError
            As :meth:`law`.

        See Also
        --------
        PositionNoiseDAE.law_rate : for noise that depends on the point.
        """
        law, points = self.law(t), as_points(x, "x", self.dim)
        wide = points.astype(np.float64, copy=False)
        score = law.score(wide)
        drift = np.einsum("ni,ij,nj->n", score, self.covariance, score)
        rate = -law.pdf(wide) * (self._divergence(law, wide) + drift)
        return rate.astype(points.dtype, copy=False)

    def _at(self, t: float) -> GaussianMixture | NoisyScore:
        """What answers for the score at a time; Jacobians of a given score are by differences."""
        return NoisyScore(self.initial, self._time(t)) if self._scored else self.law(t)

    def _velocity(self, law: GaussianMixture | NoisyScore, points: NDArray) -> NDArray:
        score = law.score(points.astype(np.float64, copy=False))
        return score if self._isotropic else score @ self.covariance

    def _divergence(self, law: GaussianMixture | NoisyScore, points: NDArray) -> NDArray:
        hessian = law.score_jacobian(points.astype(np.float64, copy=False))
        if self._isotropic:
            return np.einsum("nii->n", hessian)
        return np.einsum("ij,nij->n", self.covariance, hessian)

    @with_progress("flow")
    def flow(
        self,
        x: ArrayLike,
        t: float,
        *,
        rtol: float = 1e-8,
        atol: float = 1e-10,
        times: ArrayLike | None = None,
        method: str = "auto",
        log_density: bool = True,
        progress: Progress = None,
    ) -> FlowResult:
        """Carry points from time 0 to time t.

        Parameters
        ----------
        x : (n, m) array_like
            Points at time 0.
        t : float
            End time, ``0 <= t < t_max``.
        rtol, atol : float
            Tolerances of one step for every particle.
        times : (k,) array_like, optional
            Increasing times between 0 and t at which to report.
        method : {"auto", "exact", "fast", "ode", "tsit5", "dopri5"}
            "exact" is the closed form of a normal law; "auto" takes it where it holds. The last two
            are pairs of Runge-Kutta methods of order 5(4) for "ode", which by default is "tsit5",
            with steps of its own for each particle. "fast", for components that share a covariance
            in at most three variables, has steps that most particles share, scores by sums of
            O(n + K), and log-densities from the law at the end; "auto" takes it where it is
            cheaper.
        log_density : bool
            Whether to carry the log-density along. Without it steps are chosen for the points
            alone: fewer, with errors closer to the tolerance.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        FlowResult
            Points and log-density at time t, float32 where `x` is.

        Raises
        ------
        ValueError
            If t is negative, or an argument is out of range, or "exact" is asked of a mixture, or
            "fast" where it does not apply.
        SingularTimeError
            If ``t >= t_max``.
        ConvergenceError
            If the integration fails.
        """
        points = as_points(x, "x", self.dim)
        end = self._time(t)
        log_density = flag(log_density, "log_density")
        wide = points.astype(np.float64, copy=False)
        density = self.initial.logpdf(wide) if log_density and not self._scored else None
        return self._carry(points, density, 0.0, end, rtol, atol, times, method)

    @with_progress("inverse flow")
    def inverse_flow(
        self,
        y: ArrayLike,
        t: float,
        *,
        rtol: float = 1e-8,
        atol: float = 1e-10,
        times: ArrayLike | None = None,
        method: str = "auto",
        log_density: bool = True,
        progress: Progress = None,
    ) -> FlowResult:
        """Carry points from time t back to time 0: the inverse of :meth:`flow`.

        Parameters
        ----------
        y : (n, m) array_like
            Points at time t.
        t : float
            Their time, ``0 <= t < t_max``.
        rtol, atol : float
            Tolerances of one step for every particle.
        times : (k,) array_like, optional
            Decreasing times between t and 0 at which to report.
        method, log_density, progress
            As in :meth:`flow`.

        Returns
        -------
        FlowResult
            Points and log-density ``log μ_0`` at time 0, float32 where `y` is.

        Raises
        ------
        ValueError
            If t is negative, or an argument is out of range, or "exact" is asked of a mixture, or
            "fast" where it does not apply.
        SingularTimeError
            If ``t >= t_max``.
        ConvergenceError
            If the integration fails.

        Examples
        --------
        >>> flow = ContinuousDAE(GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.5))
        >>> there = flow.flow([[0.3]], 0.1)
        >>> flow.inverse_flow(there.points, 0.1).points.round(6)
        array([[0.3]])
        """
        points = as_points(y, "y", self.dim)
        begin = self._time(t)
        log_density = flag(log_density, "log_density")
        wide = within_squares(points.astype(np.float64, copy=False), "y")
        density = self.law(begin).logpdf(wide) if log_density and not self._scored else None
        return self._carry(points, density, begin, 0.0, rtol, atol, times, method)

    def _carry(
        self,
        points: NDArray,
        density: NDArray | None,
        t0: float,
        t1: float,
        rtol: float,
        atol: float,
        times: ArrayLike | None,
        method: str,
    ) -> FlowResult:
        one_of(method, "method", ("auto", "exact", "fast", "ode", "tsit5", "dopri5"))
        if self._scored:
            return self._carry_by_score(points, t0, t1, rtol, atol, times, method)
        normal = self.initial.n_components == 1
        if method == "exact" and not normal:
            raise ValueError(
                f"`method` must be 'auto' or 'ode' for a mixture, got 'exact' with "
                f"{self.initial.n_components} components (only a normal law has a closed form)"
            )
        wanted = times_between(times, t0, t1)
        reported = np.append(wanted, t1) if wanted.size == 0 or wanted[-1] != t1 else wanted
        log_det: NDArray | None
        if normal and method in ("auto", "exact"):
            path, log_det = self._normal_path(points.astype(np.float64), t0, reported)
            stats = IntegrationStats("exact", 0, 0, t1)
        else:
            path, log_det, stats = self._ode_path(
                *(points.astype(np.float64), t0, t1, reported, rtol, atol, method),
                volume=density is not None,
            )
        densities = None
        if density is not None:
            if log_det is None:
                densities = np.stack(
                    [self.law(t).logpdf(x) for t, x in zip(reported, path, strict=True)]
                )
            else:
                densities = density - log_det
            densities = densities.astype(points.dtype, copy=False)
        path = path.astype(points.dtype, copy=False)
        end = None if densities is None else densities[-1]
        if times is None:
            return FlowResult(path[-1], end, stats)
        k = wanted.size
        between = None if densities is None else densities[:k]
        return FlowResult(path[-1], end, stats, wanted, path[:k], between)

    def _carry_by_score(
        self,
        points: NDArray,
        t0: float,
        t1: float,
        rtol: float,
        atol: float,
        times: ArrayLike | None,
        method: str,
    ) -> FlowResult:
        if method in ("exact", "fast"):
            raise ValueError(f"`method` must be 'auto' or 'ode' for a score, got {method!r}")
        wanted = times_between(times, t0, t1)
        reported = np.append(wanted, t1) if wanted.size == 0 or wanted[-1] != t1 else wanted
        path, _, stats = integrate(
            *(self.velocity, points, t0, t1),
            rtol=rtol,
            atol=atol,
            t_eval=reported,
            method="auto" if method == "ode" else method,
        )
        if times is None:
            return FlowResult(path[-1], None, stats)
        return FlowResult(path[-1], None, stats, wanted, path[: wanted.size])

    def _ode_path(
        self,
        points: NDArray,
        t0: float,
        t1: float,
        times: NDArray,
        rtol: float,
        atol: float,
        method: str,
        *,
        volume: bool,
    ) -> tuple[NDArray, NDArray | None, IntegrationStats]:
        law, root = self.initial, None
        if not self._isotropic:
            # In the unit of the noise the flow is that of isotropic noise.
            value, vector = np.linalg.eigh(self.covariance)
            root = (vector * np.sqrt(value)) @ vector.T
            inverse = (vector / np.sqrt(value)) @ vector.T
            # A covariance that components share stays one.
            shared = law.shared_covariance
            covariances = law.covariances[0] if shared else np.asarray(law.covariances)
            law = GaussianMixture(law.weights, law.means @ inverse, inverse @ covariances @ inverse)
            points = points @ inverse
            # An error there is at most this many times as large in the unit of x.
            atol = atol / float(np.sqrt(value.max()))
        log_det = None
        if method == "fast" or (method == "auto" and pays(law, points, t0, t1)):
            require_shared(law)
            path, stats = carry_many(law, points, t0, t1, times, rtol, atol)
        else:
            pair = method if method == "dopri5" else "tsit5"
            path, log_det, stats = carry_particles(
                law, points, t0, t1, times, rtol, atol, pair, volume=volume
            )
        return (path if root is None else path @ root), log_det, stats

    def _normal_path(self, points: NDArray, t0: float, times: NDArray) -> tuple[NDArray, NDArray]:
        """The flow from t0 to each time, through time 0."""
        mean, sigma = self.initial.means[0], self.initial.covariances[0]

        def rows(t: float) -> NDArray:
            origin = np.zeros(self.dim)
            return normal_flow(np.eye(self.dim), origin, sigma, t, noise_covariance=self.covariance)

        start = rows(t0)
        ends = np.stack([rows(t) for t in times])
        initial = np.linalg.solve(start.T, (points - mean).T).T
        log_det = np.linalg.slogdet(ends)[1] - np.linalg.slogdet(start)[1]
        path = mean + initial @ ends
        return path, np.broadcast_to(log_det[:, None], path.shape[:2])
