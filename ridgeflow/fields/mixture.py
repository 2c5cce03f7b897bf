"""Gaussian mixtures: laws whose heat flow, denoiser and spectra are known in closed form."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._parallel import parallel_for
from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    fits_in_memory,
    one_of,
    positive_int,
    slab_rows,
)
from ridgeflow.errors import SingularTimeError
from ridgeflow.fields.covariances import (
    checked_covariances,
    checked_noise,
    component_logs,
    kernel_tables,
    largest_multiple,
    least_eigenvalue,
    plus,
    require_near,
)
from ridgeflow.fields.normal_sums import checked_tolerance, fast_evaluation

__all__ = ["GaussianMixture"]

_GRAIN, _METHODS = 64, ("auto", "exact", "fast")
_BY_ROW = ("logpdf", "pdf", "score", "score_jacobian", "responsibilities", "posterior_mean")


def _checked_weights(weights: ArrayLike) -> NDArray[np.float64]:
    array = as_real_array(weights, "weights", ndim=1).astype(np.float64)
    if array.min() <= 0:
        k = int(array.argmin())
        raise ValueError(
            f"`weights` must be positive, got weights[{k}] = {array[k]:g} (drop that component)"
        )
    total = float(array.sum())
    if abs(total - 1) > 1e-8:
        raise ValueError(
            f"`weights` must sum to 1, got a sum of {total:.12g} (divide them by their sum)"
        )
    return array / total


def _frozen(array: NDArray) -> NDArray:
    array.setflags(write=False)
    return array


@takes_collections_in(*_BY_ROW)
class GaussianMixture:
    """The law ``Σ_k w_k N(m_k, Σ_k)`` on R^m.

    With noise of covariance C added it is ``Σ_k w_k N(m_k, Σ_k + C)`` (:meth:`smooth`), and under
    the backward heat flow ``Σ_k w_k N(m_k, Σ_k − C)`` (:meth:`shrink`).

    Parameters
    ----------
    weights : array, shape (K,)
        Positive, sum 1 within 1e-8.
    means : array, shape (K, m)
        In units of length.
    covariances : number or array
        Length squared. A number v: v·I for all components; shape (m, m): one matrix for all;
        (K,): v_k·I; (K, m, m): a matrix each.

    Attributes
    ----------
    weights : array, shape (K,)
    means : array, shape (K, m)
    dim, n_components : int
    component_shape : tuple of int
        ().

    Raises
    ------
    ValueError
        If the weights are not positive or do not sum to 1, a covariance is not symmetric positive
        definite, shapes disagree, or something is not finite.

    See Also
    --------
    kernel_density : One equal component per data point.

    Notes
    -----
    **Accuracy.** Densities, scores and Hessians are formed in log space, so a point where the
    density underflows gets its exact asymptotic answer. With d the largest distance of the point
    from a mean that counts, in standard deviations, the relative error of the density is a few
    times ε(1 + d²); ε is 1.1e-16, or 6e-8 for float32 points.
    **Cost.** O(K m) per point for shared or isotropic covariances, O(K m²) otherwise; memory
    O(N + K), never N × K. A shared covariance is stored once. A shared covariance in at most three
    variables has a fast route, see :meth:`logpdf`.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
    Machine Learning Research 20, 2019 (denoisers as transport).

    Examples
    --------
    >>> law = GaussianMixture([0.25, 0.75], [[0.0, 0.0], [4.0, 0.0]], 1.0)
    >>> law.mean
    array([3., 0.])
    >>> bool(abs(law.logpdf([[100.0, 0.0]])[0] + 4609.9) < 0.3)
    True
    """

    component_shape: tuple[int, ...] = ()

    def __init__(self, weights: ArrayLike, means: ArrayLike, covariances: ArrayLike) -> None:
        w = _checked_weights(weights)
        array = as_real_array(means, "means", ndim=2).astype(np.float64)
        if len(array) != len(w):
            raise ValueError(
                f"`means` must have one row per weight, got `means` {array.shape} and `weights` "
                f"{w.shape}"
            )
        self._set(w, array, checked_covariances(covariances, *array.shape))

    def _set(self, weights: NDArray, means: NDArray, compact: NDArray) -> None:
        self.weights: NDArray = _frozen(weights)
        self.means: NDArray = _frozen(means)
        self._compact: NDArray = _frozen(compact)
        self._tables: dict[tuple[bool, bool], tuple] = {}

    def _with_covariances(self, compact: NDArray) -> GaussianMixture:
        other = object.__new__(GaussianMixture)
        other._set(self.weights, self.means, compact)
        return other

    def __getstate__(self) -> dict[str, Any]:
        return {"weights": self.weights, "means": self.means, "covariances": self._compact}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self._set(state["weights"], state["means"], state["covariances"])

    @property
    def dim(self) -> int:
        """Number of variables, m."""
        return int(self.means.shape[1])

    @property
    def n_components(self) -> int:
        """Number of components, K."""
        return len(self.weights)

    @property
    def shared_covariance(self) -> bool:
        """Whether all components have the same covariance."""
        return self._compact.ndim == 2

    @property
    def isotropic_variances(self) -> NDArray[np.float64] | None:
        """The variances v_k, shape (K,), where every covariance is v_k·I; else None."""
        if self._compact.ndim == 1:
            return self._compact
        first = self._compact[0, 0]
        if self._compact.ndim == 2 and (self._compact == first * np.eye(self.dim)).all():
            return np.full(self.n_components, first)
        return None

    @property
    def covariances(self) -> NDArray[np.float64]:
        """Covariances, shape (K, m, m); read-only, a view where they are shared.

        Raises
        ------
        MemoryBudgetError
            If isotropic components do not fit in the memory budget as full matrices.
        """
        k, m = self.means.shape
        if self._compact.ndim == 1:
            fits_in_memory(8.0 * k * m * m, "the list of covariances", "raise `memory_budget`")
            return _frozen(self._compact[:, None, None] * np.eye(m))
        return np.broadcast_to(self._compact, (k, m, m))

    @property
    def mean(self) -> NDArray[np.float64]:
        """``Σ_k w_k m_k``, shape (m,)."""
        return self.weights @ self.means

    @property
    def cov(self) -> NDArray[np.float64]:
        """``Σ_k w_k (Σ_k + (m_k − mean)(m_k − mean)ᵀ)``, shape (m, m)."""
        d = self.means - self.mean
        between = (self.weights[:, None] * d).T @ d
        if self._compact.ndim == 1:
            return between + float(self.weights @ self._compact) * np.eye(self.dim)
        if self._compact.ndim == 2:
            return between + self._compact
        return between + np.tensordot(self.weights, self._compact, 1)

    def _log_and_score(
        self, x: ArrayLike, order: int, method: str, tol: float
    ) -> tuple[NDArray, NDArray]:
        points = as_points(x, "x", dim=self.dim)
        checked_tolerance(tol)
        if one_of(method, "method", _METHODS) != "exact":
            found = fast_evaluation(
                *(points, self.weights, self.means, self._compact),
                gradient=order == 1,
                method=method,
                tol=tol,
                exact=lambda rest: self._evaluate(rest, order)[:2],
            )
            if found is not None:
                return found
        return self._evaluate(points, order)[:2]

    def _evaluate(self, points: NDArray, order: int) -> tuple[NDArray, NDArray, NDArray]:
        """Log density (N,), score (N, m) and Hessian (N, m, m) up to ``order``; else empty."""
        if not points.flags.writeable:
            points = points.copy()  # to kernels read-only arrays are a type of their own
        n, m = points.shape
        key = (points.dtype == np.float32, order == 2)
        if key not in self._tables:
            self._tables[key] = kernel_tables(
                self.weights, self.means, self._compact, single=key[0], hessian=key[1]
            )
        kernel, tables = self._tables[key]
        fits_in_memory(
            float(points.itemsize) * n * (2 + m, 2 + 2 * m, 2 + 2 * m + m * m)[order],
            "the result",
            "evaluate fewer points at a time",
        )
        logpdf = np.empty(n, points.dtype)
        score = np.empty((n, m) if order >= 1 else (0, m), points.dtype)
        jacobian = np.empty((n, m, m) if order == 2 else (0, m, m), points.dtype)
        parallel_for(kernel, n, points, *tables, order, logpdf, score, jacobian, grain=_GRAIN)
        require_near(points, logpdf)
        return logpdf, score, jacobian

    def logpdf(self, x: ArrayLike, *, method: str = "auto", tol: float = 1e-10) -> NDArray:
        """Log density, ``log Σ_k w_k N(x; m_k, Σ_k)``.

        Parameters
        ----------
        x : array, shape (n, m)
        method : {"auto", "exact", "fast"}
            "exact" visits every component for every point. "fast", for components that share a
            covariance in at most three variables, goes by way of a grid or of cells of neighbours,
            at a cost of O(n + K). "auto" takes it where it is cheaper and the sum is long.
        tol : float
            Relative error of the density by "fast", from 1e-13 to 1e-2.

        Returns
        -------
        array, shape (n,)
            In nats; float32 for float32 points.

        Raises
        ------
        ValueError
            If x has another dimension or is not finite, a squared distance overflows, or "fast"
            does not apply.
        """
        return self._log_and_score(x, 0, method, tol)[0]

    def pdf(self, x: ArrayLike, *, method: str = "auto", tol: float = 1e-10) -> NDArray:
        """Density, ``Σ_k w_k N(x; m_k, Σ_k)``.

        Parameters
        ----------
        x : array, shape (n, m)
        method, tol
            As :meth:`logpdf`.

        Returns
        -------
        array, shape (n,)
            In 1/length^m; 0 where it underflows.

        Raises
        ------
        ValueError
            As :meth:`logpdf`.
        """
        with np.errstate(under="ignore"):
            return np.exp(self.logpdf(x, method=method, tol=tol))

    def score(self, x: ArrayLike, *, method: str = "auto", tol: float = 1e-10) -> NDArray:
        """Gradient of the log density, ``Σ_k r_k(x) Σ_k^{-1} (m_k − x)``, r_k responsibilities.

        Parameters
        ----------
        x : array, shape (n, m)
        method, tol
            As :meth:`logpdf`; the error of Lᵀ score, Σ = LLᵀ, is tol times its length plus tol.

        Returns
        -------
        array, shape (n, m)
            In 1/length; float32 for float32 points.

        Raises
        ------
        ValueError
            As :meth:`logpdf`.
        """
        return self._log_and_score(x, 1, method, tol)[1]

    def score_jacobian(self, x: ArrayLike) -> NDArray:
        """Hessian of the log density, ``Σ_k r_k ((v_k − s)(v_k − s)ᵀ − Σ_k^{-1})`` with
        ``v_k = Σ_k^{-1}(m_k − x)`` and s the score.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array, shape (n, m, m)
            In 1/length²; symmetric.

        Raises
        ------
        ValueError
            As :meth:`logpdf`.
        MemoryBudgetError
            If the result exceeds the memory budget.
        """
        return self._evaluate(as_points(x, "x", dim=self.dim), 2)[2]

    def responsibilities(self, x: ArrayLike) -> NDArray:
        """Posterior probabilities of the components, ``r_k(x) = w_k N(x; m_k, Σ_k) / pdf(x)``.

        Parameters
        ----------
        x : array, shape (n, m)

        Returns
        -------
        array, shape (n, K)
            Rows sum to 1; float32 for float32 points.

        Raises
        ------
        ValueError
            As :meth:`logpdf`.
        MemoryBudgetError
            If n × K does not fit; the other methods need no such array.
        """
        points = as_points(x, "x", dim=self.dim)
        n, k = len(points), self.n_components
        sizes = 8.0 * (2 * k + 8 * self.dim), n, float(points.itemsize) * n * k
        rows = slab_rows(*sizes, "responsibilities", "evaluate fewer points", most=2.0**24)
        out = np.empty((n, k), points.dtype)
        for low in range(0, n, rows):
            part = points[low : low + rows]
            # As for densities: where squared distances overflow nothing tells components apart.
            with np.errstate(over="ignore"):
                logs = component_logs(part, self.weights, self.means, self._compact)
            largest = logs.max(axis=1, keepdims=True)
            require_near(part, largest, low)
            logs -= largest
            with np.errstate(under="ignore"):
                np.exp(logs, out=logs)
                logs /= logs.sum(axis=1, keepdims=True)
            out[low : low + rows] = logs
        return out

    def posterior_mean(
        self, x: ArrayLike, covariance: ArrayLike, *, method: str = "auto", tol: float = 1e-10
    ) -> NDArray:
        """Optimal denoiser ``E[x0 | x0 + ε = x]`` for x0 of this law and ε ~ N(0, C).

        ``Φ(x) = Σ_k r_k(x) {Σ_k(Σ_k + C)^{-1} x + C(Σ_k + C)^{-1} m_k} = x + C ∇log(N(0,C)*μ)(x)``,
        r_k the responsibilities under N(m_k, Σ_k + C).

        Parameters
        ----------
        x : array, shape (n, m)
        covariance : number or array, shape (m, m)
            C = tI or a positive semidefinite matrix, length squared.
        method, tol
            As :meth:`score`.

        Returns
        -------
        array, shape (n, m)
            In units of length; float32 for float32 points.

        Raises
        ------
        ValueError
            If x or C has another shape, is not finite, or C is not positive semidefinite.

        References
        ----------
        S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
        Machine Learning Research 20, 2019 (the optimal denoiser).

        Examples
        --------
        >>> GaussianMixture([1.0], [[1.0]], 3.0).posterior_mean([[5.0]], 1.0)
        array([[4.]])
        """
        noise = checked_noise(covariance, self.dim)
        points = as_points(x, "x", dim=self.dim)
        score = self.smooth(noise).score(points, method=method, tol=tol)
        step = score * noise if noise.ndim == 0 else score @ noise
        return (points + step).astype(points.dtype)

    def sample(self, n: int, rng: int | np.random.Generator | None = None) -> NDArray[np.float64]:
        """Independent draws.

        Parameters
        ----------
        n : int
        rng : int, Generator or None

        Returns
        -------
        array, shape (n, m)

        Raises
        ------
        ValueError
            If n < 1.
        MemoryBudgetError
            If the draws exceed the memory budget.
        """
        n = positive_int(n, "n")
        generator = as_generator(rng)
        fits_in_memory(24.0 * n * (self.dim + 1), "the sample", "draw fewer points")
        label = generator.choice(self.n_components, size=n, p=self.weights)
        z = generator.standard_normal((n, self.dim))
        if self._compact.ndim == 1:
            return self.means[label] + np.sqrt(self._compact)[label, None] * z
        if self._compact.ndim == 2:
            return self.means[label] + z @ np.linalg.cholesky(self._compact).T
        roots = np.linalg.cholesky(self._compact)
        points = self.means[label]
        for i in range(self.dim):
            for j in range(i + 1):
                points[:, i] += roots[label, i, j] * z[:, j]
        return points

    def smooth(self, covariance: ArrayLike) -> GaussianMixture:
        """Law of ``x0 + ε``, ε ~ N(0, C): ``Σ_k w_k N(m_k, Σ_k + C)``.

        Parameters
        ----------
        covariance : number or array, shape (m, m)
            C = tI or a positive semidefinite matrix, length squared.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        ValueError
            If C has another shape, is not finite or not positive semidefinite.

        See Also
        --------
        shrink : Its inverse.

        Examples
        --------
        >>> GaussianMixture([1.0], [[0.0]], 1.0).smooth(0.5).cov
        array([[1.5]])
        """
        return self._with_covariances(
            plus(self._compact, checked_noise(covariance, self.dim), self.dim)
        )

    def shrink(self, covariance: ArrayLike) -> GaussianMixture:
        """Backward heat flow, ``Σ_k w_k N(m_k, Σ_k − C)``: the law that C-noise smooths to this.

        Parameters
        ----------
        covariance : number or array, shape (m, m)
            C = tI or a positive semidefinite matrix, length squared.

        Returns
        -------
        GaussianMixture

        Raises
        ------
        SingularTimeError
            If some Σ_k − C is not positive definite.
        ValueError
            If C has another shape, is not finite or not positive semidefinite.

        See Also
        --------
        smooth : Its inverse.

        References
        ----------
        S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, Journal of
        Machine Learning Research 20, 2019 (the backward heat equation).

        Examples
        --------
        >>> GaussianMixture([1.0], [[0.0]], 1.0).shrink(0.25).cov
        array([[0.75]])
        """
        noise = checked_noise(covariance, self.dim)
        least, component = least_eigenvalue(plus(self._compact, -noise, self.dim), self._compact)
        if least <= 0:
            raise SingularTimeError(
                "`covariance` must leave every component positive definite, got a least "
                f"eigenvalue of {least:.6g} in component {component} (multiply it by less than "
                f"{largest_multiple(self._compact, noise):.6g})"
            )
        return self._with_covariances(plus(self._compact, -noise, self.dim))

    def __repr__(self) -> str:
        kind = {1: "isotropic", 2: "shared", 3: "full"}[self._compact.ndim]
        return f"GaussianMixture(n_components={self.n_components}, dim={self.dim}, {kind})"
