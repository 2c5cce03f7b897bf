"""The optimal denoising autoencoder for normal noise that depends on the clean point."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ridgeflow._validate import as_points, positive, positive_int
from ridgeflow.fields.mixture import GaussianMixture

__all__ = ["PositionNoiseDAE"]


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
        Quadrature nodes in each direction.

    Raises
    ------
    ValueError
        If t is not positive, the dimension exceeds three, or D returns something else.
    TypeError
        If the law is not a mixture.

    Notes
    -----
    **Accuracy.** Gauss-Hermite quadrature in units of the noise at x: spectral where
    :math:`\sqrt{tD}` is small against the lengths over which μ and D change. Derivatives of D in
    :meth:`velocity` and :meth:`law_rate` are central differences of order 4 (1e-9 relative).

    **Cost.** One density for each point and node, of which there are ``nodes`` to the power m.

    See Also
    --------
    GaussianDAE : constant D.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, JMLR 20 (2019).

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
        if not isinstance(law, GaussianMixture):
            raise TypeError(f"`law` must be a GaussianMixture, got {type(law).__name__}")
        if law.dim > 3:
            raise ValueError(f"`law` must have at most three dimensions, got {law.dim}")
        self.law, self.dim = law, law.dim
        self.t = positive(t, "t", hint="it is the variance of the noise")
        self._covariance = covariance
        node, weight = np.polynomial.hermite_e.hermegauss(positive_int(nodes, "nodes", minimum=2))
        grids = np.meshgrid(*[node] * self.dim, indexing="ij")
        self._node = np.stack([g.ravel() for g in grids], axis=1)
        product = np.ones(1)
        for _ in range(self.dim):
            product = np.outer(product, weight).ravel()
        self._log_weight = np.log(product)

    def covariance(self, x: ArrayLike) -> NDArray[np.float64]:
        """D at points (n, m): (n, m, m)."""
        points = as_points(x, "x", self.dim).astype(np.float64)
        value = np.asarray(self._covariance(points), dtype=np.float64)
        if value.shape != (len(points), self.dim, self.dim) or not np.isfinite(value).all():
            raise ValueError(
                f"`covariance` must return finite matrices of shape ({len(points)}, {self.dim}, "
                f"{self.dim}), got shape {value.shape}"
            )
        least = np.linalg.eigvalsh(value)[:, 0].min()
        if least <= 0:
            raise ValueError(
                f"`covariance` must return positive definite matrices, got the eigenvalue {least:g}"
            )
        return value

    def __call__(self, x: ArrayLike) -> NDArray:
        """Denoise: Φ_t(x).

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m)
            float32 where x is.
        """
        given = as_points(x, "x", self.dim)
        points = given.astype(np.float64)
        root = np.linalg.cholesky(self.covariance(points))
        steps = np.sqrt(self.t) * np.einsum("nij,qj->nqi", root, self._node)
        clean = points[:, None] - steps
        flat = clean.reshape(-1, self.dim)
        local = self.covariance(flat).reshape(*clean.shape, self.dim)
        white = np.linalg.solve(local, steps[..., None])[..., 0]
        logs = -0.5 * np.einsum("nqi,nqi->nq", white, steps) / self.t
        logs -= 0.5 * np.linalg.slogdet(local)[1]
        logs += self.law.logpdf(flat).reshape(logs.shape)
        logs += self._log_weight + 0.5 * (self._node**2).sum(axis=1)
        share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        return (points - np.einsum("nq,nqi->ni", share, steps)).astype(given.dtype, copy=False)

    def _difference(self, f: Callable[[NDArray], NDArray], x: NDArray, axis: int) -> NDArray:
        """Derivative along an axis, of order 4."""
        step = 1e-3 * float(np.sqrt(np.trace(self.law.cov) / self.dim))
        move = np.zeros(self.dim)
        move[axis] = step
        return (8 * (f(x + move) - f(x - move)) - (f(x + 2 * move) - f(x - 2 * move))) / (12 * step)

    def velocity(self, x: ArrayLike) -> NDArray[np.float64]:
        """The limit of (Φ_t(x) - x)/t for small t: D ∇log μ + ∇·D.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m)
        """
        points = as_points(x, "x", self.dim).astype(np.float64)
        drift = np.einsum("nij,nj->ni", self.covariance(points), self.law.score(points))
        for j in range(self.dim):
            drift += self._difference(self.covariance, points, j)[:, :, j]
        return drift

    def law_rate(self, x: ArrayLike) -> NDArray[np.float64]:
        """The rate of the law at t = 0: -sum_ij ∂_i ∂_j (D_ij μ)(x).

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,)
        """
        points = as_points(x, "x", self.dim).astype(np.float64)

        def flux(y: NDArray) -> NDArray:
            return self.velocity(y) * self.law.pdf(y)[:, None]

        total = np.zeros(len(points))
        for i in range(self.dim):
            total -= self._difference(flux, points, i)[:, i]
        return total
