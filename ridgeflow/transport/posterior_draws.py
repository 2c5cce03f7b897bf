"""Posterior means by weighted draws, with errors from independent replicates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri

from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.geometry import sobol_points
from ridgeflow.transport.functionals import student

__all__ = ["FEW", "REPLICATES", "PosteriorDraws"]

REPLICATES = 16
# Components of the approximate posterior that are drawn from.
_COMPONENTS = 16
# Draws that count alike, below which what they say of their own spread is worth nothing.
FEW = 64.0


@dataclass(frozen=True)
class _Rule:
    """Normal points (R, c, m) and levels (R, c) in replicates."""

    normal: NDArray
    level: NDArray


def _rule(count: int, dim: int, rng: np.random.Generator) -> _Rule:
    normal, level = np.empty((REPLICATES, count, dim)), np.empty((REPLICATES, count))
    for r in range(REPLICATES):
        cube = sobol_points(count, dim + 1, rng).clip(1e-15, 1 - 1e-15)
        normal[r], level[r] = ndtri(cube[:, 1:]), cube[:, 0]
    return _Rule(normal, level)


class PosteriorDraws:
    """Weighted draws of the clean point given the noisy one.

    Draws come from the law, from the noise around the noisy point, from the posterior that normal
    noise of the same width would have, and from the normal law of the moments that a first round
    found; weights are the joint density over the density of that mixture, so they are bounded.

    Parameters
    ----------
    law : GaussianMixture
    noise_logpdf : callable
        Points (n, m) to log-densities (n,).
    clean, noises : array, shape (R, c, m)
        Draws of the law and of the noise in replicates.
    width : array, shape (m,)
        Standard deviations that stand for those of the noise.
    count : int
        Draws of each replicate from the two approximations together.
    rng : Generator
    """

    def __init__(
        self,
        law: GaussianMixture,
        noise_logpdf: Callable[[NDArray], NDArray],
        clean: NDArray,
        noises: NDArray,
        width: NDArray,
        count: int,
        rng: np.random.Generator,
    ) -> None:
        self.law, self.noise_logpdf = law, noise_logpdf
        self.clean, self.noises = clean, noises
        self.clean_logs = law.logpdf(clean.reshape(-1, law.dim)).reshape(clean.shape[:2])
        self.noise_logs = noise_logpdf(noises.reshape(-1, law.dim)).reshape(noises.shape[:2])
        self.first, self.second = (_rule(count // 2, law.dim, rng) for _ in range(2))
        self.pilot = _rule(count // 2, law.dim, rng)
        self.width = width
        covariances = np.asarray(law.covariances)
        total = covariances + np.diag(width**2)
        self.gains = np.linalg.solve(total, covariances).transpose(0, 2, 1)
        posterior = covariances - self.gains @ covariances
        posterior = 0.5 * (posterior + posterior.transpose(0, 2, 1))
        value, vector = np.linalg.eigh(posterior)
        # Of narrow components the difference is rounding.
        value = np.maximum(value, 1e-14 * np.abs(covariances).max(axis=(1, 2))[:, None])
        self.roots = vector * np.sqrt(value)[:, None]
        self.total_roots = np.linalg.cholesky(total)
        self.spread = float(np.sqrt(min(np.trace(law.cov), (width**2).sum())))

    def __call__(self, x: NDArray) -> tuple[NDArray, float, float]:
        """Posterior mean (m,) at a point (m,), its standard error and the draws that count."""
        centers, roots, shares = self._approximation(x)
        pilot = self._draw(self.pilot, centers, roots, shares)
        logs = self._weights(x, [pilot], [centers], [roots], [shares])[1]
        if not np.isfinite(logs.max()):
            return np.full(len(x), np.nan), np.nan, np.inf
        share = np.exp(logs - logsumexp(logs))[..., None]
        everything = np.concatenate([self.clean, x - self.noises, pilot], axis=1)
        mean = (share * everything).sum(axis=(0, 1))
        gap = everything - mean
        matrix = np.einsum("rci,rcj->ij", share * gap, gap)
        value, vector = np.linalg.eigh(matrix)
        floor = 1e-6 * max(float(value[-1]), 1e-300)
        root = vector * np.sqrt(np.maximum(value, floor))
        both = (
            [self._draw(self.first, centers, roots, shares), mean + self.second.normal @ root.T],
            [centers, mean[None]],
            [roots, root[None]],
            [shares, np.ones(1)],
        )
        draws, logs = self._weights(x, *both)
        top = logs.max()
        if not np.isfinite(top):
            return np.full(len(x), np.nan), np.nan, np.inf
        weight = np.exp(logs - top)
        # Differences from the pilot's mean: what a replicate adds to it.
        mass, moment = weight.sum(axis=1), np.einsum("rc,rci->ri", weight, draws - mean)
        value = moment.sum(axis=0) / mass.sum()
        # Leaving out one replicate after the other: the error of a quotient, with its bias.
        left = (moment.sum(axis=0) - moment) / (mass.sum() - mass)[:, None]
        count = len(mass)
        value = count * value - (count - 1) * left.mean(axis=0)
        variance = (count - 1) * left.var(axis=0).sum()
        alike = float(weight.sum() ** 2 / (weight**2).sum())
        error = student(count) * float(np.sqrt(variance))
        if alike < FEW:
            error = float(np.hypot(error, self.spread / np.sqrt(alike)))
        return mean + value, error, alike

    def _approximation(self, x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        """Means, roots and shares of the main components of the posterior for normal noise."""
        gap = x - self.law.means
        white = np.linalg.solve(self.total_roots, gap[..., None])[..., 0]
        logs = np.log(self.law.weights) - 0.5 * (white**2).sum(axis=1)
        logs -= np.log(np.einsum("kii->ki", self.total_roots)).sum(axis=1)
        main = np.argsort(logs)[::-1][:_COMPONENTS]
        # Not less, since far out seven is below the rounding of the logarithms.
        main = main[logs[main] >= logs.max() - 7]
        share = np.exp(logs[main] - logsumexp(logs[main]))
        centers = self.law.means[main] + np.einsum("kij,kj->ki", self.gains[main], gap[main])
        return centers, self.roots[main], share

    def _draw(self, rule: _Rule, centers: NDArray, roots: NDArray, shares: NDArray) -> NDArray:
        picked = np.searchsorted(np.cumsum(shares)[:-1], rule.level, side="right")
        return centers[picked] + np.einsum("rcij,rcj->rci", roots[picked], rule.normal)

    def _weights(
        self,
        x: NDArray,
        draws: list[NDArray],
        centers: list[NDArray],
        roots: list[NDArray],
        shares: list[NDArray],
    ) -> tuple[NDArray, NDArray]:
        """All draws (R, c, m), and the logarithms of their weights up to a constant."""
        from_noise = x - self.noises
        parts = [self.clean, from_noise, *draws]
        everything = np.concatenate(parts, axis=1)
        flat = everything.reshape(-1, self.law.dim)
        fresh = np.concatenate(draws, axis=1).reshape(-1, self.law.dim)
        shape = everything.shape[:2]
        a, b = self.clean.shape[1], self.noises.shape[1]
        law_logs, noise_logs = np.empty(shape), np.empty(shape)
        law_logs[:, :a], noise_logs[:, a : a + b] = self.clean_logs, self.noise_logs
        rest = (len(everything), shape[1] - a - b)
        law_logs[:, a + b :] = self.law.logpdf(fresh).reshape(rest)
        noise_logs[:, a + b :] = self.noise_logpdf(x - fresh).reshape(rest)
        law_logs[:, a : a + b] = self.law.logpdf(from_noise.reshape(-1, self.law.dim)).reshape(
            shape[0], b
        )
        noise_logs[:, :a] = self.noise_logpdf((x - self.clean).reshape(-1, self.law.dim)).reshape(
            shape[0], a
        )
        terms = [law_logs + np.log(a / shape[1]), noise_logs + np.log(b / shape[1])]
        for drawn, center, root, share in zip(draws, centers, roots, shares, strict=True):
            part = np.log(share * drawn.shape[1] / shape[1])
            terms += [
                _normal_logs(flat, c, r).reshape(shape) + p
                for c, r, p in zip(center, root, part, strict=True)
            ]
        proposal = np.logaddexp.reduce(np.stack(terms), axis=0)
        with np.errstate(invalid="ignore"):
            logs = law_logs + noise_logs - proposal
        # At an infinite density of the noise the quotient has a limit; where the noise cannot be
        # there is no weight, whatever the proposal.
        logs = np.where(np.isposinf(noise_logs), law_logs - np.log(b / shape[1]), logs)
        return everything, np.where(np.isneginf(noise_logs), -np.inf, logs)


def _normal_logs(points: NDArray, center: NDArray, root: NDArray) -> NDArray:
    """Log-densities (n,) of the normal law with a mean and a root of the covariance."""
    with np.errstate(over="ignore"):
        white = np.linalg.solve(root, (points - center).T) ** 2
    constant = 0.5 * len(center) * np.log(2 * np.pi) + np.linalg.slogdet(root)[1]
    return -0.5 * white.sum(axis=0) - constant
