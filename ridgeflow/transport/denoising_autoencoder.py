"""The optimal denoising autoencoder for noise of any law."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import logsumexp

from ridgeflow._collections import takes_collections_in
from ridgeflow._config import get_config
from ridgeflow._validate import (
    as_generator,
    as_points,
    fits_in_memory,
    one_of,
    positive_int,
    within_squares,
)
from ridgeflow.errors import AccuracyWarning
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.geometry import sobol_points
from ridgeflow.transport.functionals import quasi_samples
from ridgeflow.transport.gaussian_dae import as_law
from ridgeflow.transport.noise_integrals import NoiseAxis
from ridgeflow.transport.posterior_draws import FEW, REPLICATES, PosteriorDraws

__all__ = ["DenoisingAutoencoder"]

_METHODS = ("auto", "exact", "quadrature", "sampling")
# A mean below this part of the standard deviation is rounding.
_CENTRED = 1e-6


def _parts(law: GaussianMixture | SampleField) -> tuple[NDArray, NDArray, NDArray]:
    """Log-weights, means and covariances (K, m, m) of a mixture, or of atoms."""
    weights = np.asarray(law.weights, dtype=np.float64)
    if isinstance(law, GaussianMixture):
        return np.log(weights), law.means, np.asarray(law.covariances)
    kept = weights > 0
    points = law.points.astype(np.float64)[kept]
    shape = (len(points), law.dim, law.dim)
    return np.log(weights[kept] / weights.sum()), points, np.broadcast_to(0.0, shape)


def _refuse_shifted(mean: NDArray, spread: float) -> None:
    if not np.all(np.isfinite(mean)):
        raise ValueError(
            f"`noise` must have a mean, got {mean} (its tails are too heavy for an optimal "
            "denoiser in the mean square)"
        )
    if np.abs(mean).max() > _CENTRED * spread:
        raise ValueError(
            f"`noise` must be centred, got the mean {mean} (subtract it, and add it to the input)"
        )


@takes_collections_in("__call__", "jacobian", "error")
class DenoisingAutoencoder:
    r"""The optimal denoising autoencoder of a law for any centred noise law.

    .. math:: \Phi(x) = E[x_0 \mid x_0 + \varepsilon = x]
              = \frac{\int x_0\, q(x - x_0)\,d\mu(x_0)}{\int q(x - x_0)\,d\mu(x_0)}
              = x - E[\varepsilon \mid x]

    Parameters
    ----------
    law : GaussianMixture or SampleField
        The law μ of the clean points; samples stand for their empirical law.
    noise : GaussianMixture, SampleField, scipy.stats distribution, sequence of them, or callable
        The law q of the noise, with mean zero: a mixture or samples in R^m; a frozen continuous
        distribution for every coordinate, or one for each; or a ``CallableField`` that returns the
        density, which is then taken to be centred.
    method : {"auto", "exact", "quadrature", "sampling"}
        "exact": mixtures and samples in any combination, and samples with any noise density.
        "quadrature": mixtures with diagonal covariances and noise by coordinates: products of
        integrals in one dimension. "sampling": mixtures with a noise density by coordinates or a
        mixture, by randomised quasi-Monte Carlo, with an error. "auto" takes the first that
        applies.
    n : int
        Draws of "sampling" for each point, at least 128.
    rng : int or Generator, optional
        Of "sampling". The draws are those of the object: the same point gets the same value.

    Attributes
    ----------
    law, noise, dim, method
        As given; ``method`` is the one that is used.

    Raises
    ------
    TypeError
        If law or noise are of another kind.
    ValueError
        If dimensions disagree, the noise has no mean or is not centred, or the method does not
        apply.

    Notes
    -----
    **Accuracy.** "exact": rounding. "quadrature": 1e-10 for densities that are smooth but at their
    median and the ends of their support, where they may be infinite. "sampling": see
    :meth:`error`.

    **Cost.** "exact": O(n K L m²) for K and L components; "quadrature" some 400 densities for each
    point, component and coordinate; "sampling" 2 N densities for each point.

    See Also
    --------
    GaussianDAE : normal noise, with Jacobian and pushforward.
    ridgeflow.PositionNoiseDAE : normal noise that depends on the clean point.

    References
    ----------
    S. Sonoda and N. Murata, *Transport analysis of infinitely deep neural network*, JMLR 20 (2019).
    P. Vincent et al., *Extracting and composing robust features with denoising autoencoders*, 2008.

    Examples
    --------
    >>> from scipy import stats
    >>> law = GaussianMixture([0.5, 0.5], [[-1.0], [1.0]], 0.1)
    >>> dae = DenoisingAutoencoder(law, stats.laplace(scale=0.5))
    >>> bool(0.5 < dae([[0.9]])[0, 0] < 0.9), bool(abs(dae([[0.0]])[0, 0]) < 1e-14)
    (True, True)
    """

    def __init__(
        self,
        law: GaussianMixture | SampleField,
        noise: Any,
        *,
        method: str = "auto",
        n: int = 2**14,
        rng: int | np.random.Generator | None = None,
    ) -> None:
        self.law = as_law(law)
        self.dim = int(self.law.dim)
        self.noise = noise
        one_of(method, "method", _METHODS)
        # As few draws as this leave no two of each kind in a replicate.
        self._n = positive_int(n, "n", minimum=8 * REPLICATES)
        generator = as_generator(rng)
        self._coordinates: list[Any] | None = None
        if isinstance(noise, (GaussianMixture, SampleField)):
            self._noise_law: GaussianMixture | SampleField | None = as_law(noise)
            if noise.dim != self.dim:
                raise ValueError(f"`noise` must have dimension {self.dim}, got {noise.dim}")
            log_weights, means, covariances = _parts(noise)
            mean = np.exp(log_weights) @ means
            second = np.einsum("kii->ki", covariances) + means**2
            _refuse_shifted(mean, float(np.sqrt((np.exp(log_weights) @ second).max())))
        else:
            self._noise_law = None
            self._coordinates = self._by_coordinate(noise)
        possible = [name for name in _METHODS[1:] if self._applies(name)]
        if method != "auto" and method not in possible:
            raise ValueError(
                f"`method` must be one of {', '.join(possible)} for this law and noise, got "
                f"{method!r}"
            )
        self.method = possible[0] if method == "auto" else method
        self._axes = [NoiseAxis(one) for one in self._coordinates or []]
        if self.method == "sampling":
            self._draws = self._prepared(generator)

    def _by_coordinate(self, noise: Any) -> list[Any] | None:
        if isinstance(noise, CallableField):
            if noise.dim != self.dim:
                raise ValueError(f"`noise` must have dimension {self.dim}, got {noise.dim}")
            return None
        each = list(noise) if isinstance(noise, Sequence) else [noise] * self.dim
        for one in each:
            names = ("logpdf", "ppf", "isf", "cdf", "sf", "support", "mean")
            if isinstance(one, type) or not all(callable(getattr(one, a, None)) for a in names):
                raise TypeError(
                    "`noise` must be a GaussianMixture, a SampleField, a CallableField or frozen "
                    f"continuous scipy.stats distributions, got {type(one).__name__}"
                )
        if len(each) != self.dim:
            raise ValueError(
                f"`noise` must hold {self.dim} distributions, one for each coordinate, got "
                f"{len(each)}"
            )
        with np.errstate(all="ignore"):
            try:
                means = [np.asarray(one.mean(), dtype=float) for one in each]
            # Families that still lack their shape parameters.
            except TypeError as error:
                raise TypeError(
                    f"`noise` must be frozen distributions, with their parameters, got {error}"
                ) from None
            if any(mean.ndim for mean in means):
                shape = next(mean.shape for mean in means if mean.ndim)
                raise ValueError(
                    "`noise` must hold distributions of one variable each, got parameters of shape "
                    f"{shape} (pass a list of distributions)"
                )
            # Heavy tails have no standard deviation; half the distance of the quartiles serves.
            spread = max(0.5 * float(one.ppf(0.75) - one.ppf(0.25)) for one in each)
        _refuse_shifted(np.array(means), spread)
        return each

    def _applies(self, method: str) -> bool:
        if method == "exact":
            return self._noise_law is not None or isinstance(self.law, SampleField)
        if method == "quadrature":
            if self._coordinates is None or not isinstance(self.law, GaussianMixture):
                return False
            covariances = np.asarray(self.law.covariances)
            return not (covariances * (1 - np.eye(self.dim))).any()
        # Weights need both densities.
        normal = isinstance(self._noise_law, GaussianMixture)
        return isinstance(self.law, GaussianMixture) and (normal or self._coordinates is not None)

    def __call__(self, x: ArrayLike) -> NDArray:
        """Denoise: Φ(x).

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m)
            float32 where x is.

        Raises
        ------
        ValueError
            If x are not finite points in R^m, or lie where no clean point and noise can meet.

        Warns
        -----
        AccuracyWarning
            As :meth:`error`.
        """
        points = as_points(x, "x", self.dim)
        found, _ = self._evaluate(points.astype(np.float64))
        return found.astype(points.dtype, copy=False)

    def error(self, x: ArrayLike) -> NDArray:
        """Standard error of Φ(x): zero but for "sampling".

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,)
            Root of the sum over coordinates of the squared standard errors, from 16 independent
            replicates, enlarged as Student's law asks (by 9 %); twice the error covers at least
            95 % of draws. Where fewer than 64 draws count alike, the spread of the law or of the
            noise over the root of their number is added, and a warning says so.

        Warns
        -----
        AccuracyWarning
            If at some points so few draws count.
        """
        return self._evaluate(as_points(x, "x", self.dim).astype(np.float64))[1]

    def jacobian(self, x: ArrayLike) -> NDArray:
        r"""Jacobian of Φ, :math:`\partial\Phi_i/\partial x_j`, by central differences of order 4.

        It is also :math:`\mathrm{Cov}[x_0, \nabla_x \log q(x - x_0) \mid x]`.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m, m)
            float32 where x is. To 1e-8 of the scale of the noise where Φ is smooth on that scale;
            for noise with a kink over atoms it is not.

        Raises
        ------
        ValueError
            As when it is called, and for the method "sampling", whose errors differences would
            blow up.
        """
        if self.method == "sampling":
            raise ValueError(
                "`method` must not be 'sampling' for a Jacobian: differences of its errors would "
                "swamp it (take normal noise and a GaussianDAE, or diagonal covariances)"
            )
        points = as_points(x, "x", self.dim)
        wide = points.astype(np.float64)
        if self._noise_law is None and self._coordinates is None:
            # A density that is a function says nothing of its width.
            scale = float(np.sqrt(self.law.points.var(axis=0).sum()))  # type: ignore[union-attr]
        elif isinstance(self._noise_law, SampleField):
            scale = float(np.sqrt(self._noise_law.points.var(axis=0).sum()))
        else:
            scale = self._spread()
        # A single atom has no scale; its denoiser is constant.
        step = 2e-3 * (scale or 1.0)
        jacobian = np.empty((*wide.shape, self.dim))
        for j in range(self.dim):
            move = step * np.eye(self.dim)[j]
            far = self._evaluate(wide + 2 * move)[0] - self._evaluate(wide - 2 * move)[0]
            near = self._evaluate(wide + move)[0] - self._evaluate(wide - move)[0]
            jacobian[:, :, j] = (8 * near - far) / (12 * step)
        return jacobian.astype(points.dtype, copy=False)

    def _evaluate(self, x: NDArray) -> tuple[NDArray, NDArray]:
        within_squares(x, "x")
        if self.method == "sampling":
            return self._sampled(x)
        log_weights, atoms, _ = _parts(self.law)
        # Work space for each point: nodes of the quadrature, or what belongs to each component.
        each = 8 * (8 * 800 if self.method == "quadrature" else 0)
        each += 8 * len(atoms) * (4 * self.dim + 4)
        fits_in_memory(each, "the denoiser at one point", "take fewer components")
        rows = max(1, int(get_config().memory_budget / 8 // each))
        found = np.empty_like(x)
        for start in range(0, len(x), rows):
            part = x[start : start + rows]
            if self.method == "quadrature":
                found[start : start + rows] = self._integrated(part)
            elif self._noise_law is not None:
                found[start : start + rows] = self._closed(part)
            else:
                found[start : start + rows] = self._weighted(part, atoms, log_weights)
        return self._finite(x, found), np.zeros(len(x))

    def _finite(self, x: NDArray, found: NDArray) -> NDArray:
        bad = ~np.isfinite(found).all(axis=1)
        if bad.any():
            raise ValueError(
                f"`x` must be reachable from the law by the noise, got {x[bad][0]}, which no clean "
                "point with this noise gives (the support of the noise is bounded)"
            )
        return found

    def _closed(self, x: NDArray) -> NDArray:
        """Pairs of components of law and noise."""
        log_w, means, covariances = _parts(self.law)
        log_v, shifts, noises = _parts(self._noise_law)  # type: ignore[arg-type]
        top = np.full(len(x), -np.inf)
        total, mean = np.zeros(len(x)), np.zeros_like(x)
        with np.errstate(divide="ignore", invalid="ignore"):
            for log_weight, shift, noise in zip(log_v, shifts, noises, strict=True):
                if not noise.any() and isinstance(self.law, SampleField):
                    # Atoms under atoms meet at single points only.
                    gaps = np.abs(x[:, None] - shift - means[None]).max(axis=2)
                    logs = np.where(gaps == 0, log_w + log_weight, -np.inf)
                    each = np.broadcast_to(means, (len(x), *means.shape))
                else:
                    logs, each = _posterior(
                        x - shift, log_w + log_weight, means, covariances, noise
                    )
                peak = np.maximum(top, logs.max(axis=1))
                safe = np.where(np.isfinite(peak), peak, 0.0)
                scale = np.exp(top - safe)
                share = np.exp(logs - safe[:, None])
                total = total * scale + share.sum(axis=1)
                mean = mean * scale[:, None] + np.einsum("nk,nki->ni", share, each)
                top = peak
            return mean / total[:, None]

    def _log_density(self, offsets: NDArray) -> NDArray:
        """log q of offsets (n, m)."""
        return sum(one.logpdf(offsets[..., i]) for i, one in enumerate(self._coordinates or []))

    def _factors(self, offsets: NDArray) -> list[NDArray]:
        """log q of offsets (n, K, m), or what each coordinate adds to it."""
        if self._coordinates is not None:
            return [one.logpdf(offsets[..., i]) for i, one in enumerate(self._coordinates)]
        flat = self.noise(offsets.reshape(-1, self.dim)).reshape(offsets.shape[:-1])
        if (flat < 0).any():
            raise ValueError("`noise` must be a density, got negative values of the callable")
        with np.errstate(divide="ignore"):
            return [np.log(flat)]

    def _weighted(self, x: NDArray, atoms: NDArray, log_weights: NDArray) -> NDArray:
        """Mean of atoms with weights q(x - atom)."""
        logs: NDArray = np.broadcast_to(log_weights, (len(x), len(atoms)))
        endless: NDArray = np.zeros(logs.shape, dtype=int)
        for factor in self._factors(x[:, None] - atoms[None]):
            infinite = np.isposinf(factor)
            endless = endless + infinite
            logs = logs + np.where(infinite, 0.0, factor)
        # Where the density is infinite in more coordinates than elsewhere, all the weight is.
        endless = np.where(np.isneginf(logs), -1, endless)
        logs = np.where(endless == endless.max(axis=1, keepdims=True), logs, -np.inf)
        with np.errstate(invalid="ignore"):
            share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        return share @ atoms

    def _integrated(self, x: NDArray) -> NDArray:
        """Products over coordinates of integrals of normal density times noise density."""
        law = self.law
        log_w, means, covariances = _parts(law)
        deviations = np.sqrt(np.einsum("kii->ki", covariances))
        logs = np.tile(log_w, (len(x), 1))
        first = np.empty((len(x), len(means), self.dim))
        for i, axis in enumerate(self._axes):
            for k in range(len(means)):
                log_mass, mean = axis.overlap(x[:, i], means[k, i], deviations[k, i])
                logs[:, k] += log_mass
                first[:, k, i] = mean
        with np.errstate(invalid="ignore"):
            share = np.exp(logs - logsumexp(logs, axis=1, keepdims=True))
        return np.einsum("nk,nki->ni", share, np.where(share[..., None] > 0, first, 0.0))

    def _sampled(self, x: NDArray) -> tuple[NDArray, NDArray]:
        """Draws of the narrower of the two laws, weighted by the density of the other."""
        found, errors, alike = np.empty_like(x), np.empty(len(x)), np.empty(len(x))
        for i, point in enumerate(x):
            found[i], errors[i], alike[i] = self._draws(point)
        found = self._finite(x, found)
        few = alike < FEW
        if few.any():
            worst = int(np.argmin(alike))
            warnings.warn(
                f"at {int(few.sum())} of {len(x)} points fewer than {FEW:.0f} of {self._n} draws "
                f"count alike, at x = {x[worst]} about {alike[worst]:.1f}: their errors are those "
                "of the whole spread (take more draws, `n`)",
                AccuracyWarning,
                stacklevel=5,
            )
        return found, errors

    def _prepared(self, rng: np.random.Generator) -> PosteriorDraws:
        """The draws of the law and of the noise, of which every point makes use."""
        law, noise = self.law, self._noise_law
        each = self._n // REPLICATES
        fits_in_memory(
            8.0 * self._n * (12 * self.dim + 40), "the draws for a point", "take a smaller `n`"
        )
        clean = quasi_samples(law, each // 4, replicates=REPLICATES, rng=rng)  # type: ignore[arg-type]
        if isinstance(noise, GaussianMixture):
            noises = quasi_samples(noise, each // 4, replicates=REPLICATES, rng=rng)
            width = np.sqrt(np.diag(noise.cov))
            density: Any = noise.logpdf
        else:
            noises = np.stack([self._noise_draws(each // 4, rng) for _ in range(REPLICATES)])
            width = np.array([axis.width for axis in self._axes])
            density = self._log_density
        count = each - 2 * (each // 4)
        return PosteriorDraws(law, density, clean, noises, width, count, rng)  # type: ignore[arg-type]

    def _spread(self) -> float:
        if self._noise_law is not None:
            return float(np.sqrt(np.trace(self._noise_law.cov)))  # type: ignore[union-attr]
        return float(np.linalg.norm([axis.width for axis in self._axes]))

    def _noise_draws(self, count: int, rng: np.random.Generator) -> NDArray:
        cube = sobol_points(count, self.dim, rng).clip(1e-15, 1 - 1e-15)
        columns = [one.ppf(cube[:, i]) for i, one in enumerate(self._coordinates or [])]
        return np.stack(columns, axis=1)


def _posterior(
    x: NDArray, log_weights: NDArray, means: NDArray, covariances: NDArray, noise: NDArray
) -> tuple[NDArray, NDArray]:
    """Log-masses (n, K) and posterior means (n, K, m) under normal noise of one covariance."""
    total = covariances + noise
    root = np.linalg.cholesky(total)
    gap = x[:, None] - means[None]
    white = np.linalg.solve(root[None], gap[..., None])[..., 0]
    log_det = np.log(np.einsum("kii->ki", root)).sum(axis=1)
    logs = log_weights - 0.5 * (white**2).sum(axis=2) - log_det
    logs -= 0.5 * x.shape[1] * np.log(2 * np.pi)
    pull = np.linalg.solve(np.swapaxes(root, 1, 2)[None], white[..., None])[..., 0]
    return logs, means + np.einsum("kij,nkj->nki", covariances, pull)
