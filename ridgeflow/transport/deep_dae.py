"""Deep denoising autoencoders: compositions in which each layer denoises what the last left."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import (
    as_generator,
    as_points,
    fits_in_memory,
    moderate,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.errors import AccuracyWarning, ConvergenceError
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.samples import SampleField
from ridgeflow.transport.deep_particles import (
    WANTED_NEIGHBOURS,
    by_halves,
    enough_particles,
    reach_of,
)
from ridgeflow.transport.functionals import quasi_samples
from ridgeflow.transport.gaussian_dae import GaussianDAE, as_law
from ridgeflow.transport.moving_nodes import LARGEST_DIM, MovingNodes

__all__ = ["DeepDAE"]


@takes_collections_in("__call__", "trajectory", "jacobian")
class DeepDAE:
    """A composition of `depth` optimal denoising autoencoders that share the noise variance t.

    With ``τ = t/depth`` and ``μ_0`` the given law, layer l is
    ``Φ_l = id + τ D ∇log(μ_l * N(0, τD))`` and ``μ_{l+1} = Φ_l♯μ_l``. For a normal law the
    recursion is exact, ``Σ ← A Σ Aᵀ`` with ``A = Σ (Σ + τD)^{-1}``: per eigenvalue
    ``v ← v³/(v + τ)²``. The atoms of an empirical law are mapped by the mean shift, exactly. A
    mixture in up to three variables is carried by quadrature nodes that move: a lattice of μ_0,
    laid closer where the layers stretch it, whose Gaussian sums are the scores. In more variables
    it is carried by particles, with an estimate of what that does to the scores.

    As depth grows the composition approaches :class:`ContinuousDAE`, with an error O(1/depth). For
    a mixture that holds for moderate depths alone: each layer multiplies disturbances of the law of
    wavelength 4.4 √τ by 1.74, and where the density has complex zeros near the real axis the errors
    of the steps themselves grow so, without bound. Nodes of more than 16 layers therefore carry
    only the difference between the layer's law and that of the limit at the same time, seen through
    kernels of variances t/2 and t and extrapolated to τ: the layers are then optimal for a law
    whose shorter waves are those of the limit, and the error falls as 1/depth throughout. Past the
    singular time there is no limit to lean on and nothing is held back.

    Parameters
    ----------
    law : GaussianMixture or SampleField
        The law μ_0 in R^m; the atoms of a SampleField are the particles.
    t : float
        Total noise variance, > 0.
    depth : int
        Number of layers, >= 1.
    n_particles : int, default 4000
        Particles that carry a mixture of two components or more where nodes do not; samples that
        stand for the last law where they do.
    rng : int, Generator or None
        Source of particles and samples.
    covariance : (m, m) array_like or float, optional
        D, symmetric positive definite; the identity by default.
    bandwidth : float, optional
        Standard deviation of a kernel that smooths the particles into a density before each layer,
        on top of the noise. It removes the noise of few particles and adds a bias: each layer then
        denoises a law with ``bandwidth²`` more variance than its particles have. Not for a normal
        law, which needs no particles, nor for nodes.
    method : {"auto", "nodes", "particles"}
        What carries a mixture of two components or more; not used otherwise. "auto" takes nodes in
        up to three variables, unless a bandwidth is given.

    Attributes
    ----------
    law : GaussianMixture or SampleField
        The law that leaves the last layer: exact for a normal and for an empirical law. Of a
        mixture, `n_particles` independent samples mapped through the layers, so that statistics
        of them have the usual errors; where a bandwidth was given, the kernel density of the
        particles.
    layers : tuple of GaussianDAE
        The layers, first to last; where nodes carry the law, the denoisers of the nodes themselves,
        without what is held back above 16 layers.
    score_errors : (depth,) ndarray
        Estimated error of each layer's map, as a part of its displacement, both RMS over the law
        that reaches it: 0 for normal and empirical laws and for the first layer of nodes; of nodes,
        from their spacing where the layers have moved them; of particles, from two halves of them.
        The bias of a `bandwidth` is not in it.
    carrier : {"normal law", "atoms", "nodes", "particles"}
        What carries the law.
    n_nodes : int
        Nodes that carry the last law; 0 where none do.
    t, depth, dim
        As given, and the dimension m.

    Raises
    ------
    TypeError
        If `law` is neither a mixture nor an empirical law.
    ValueError
        If t, depth, n_particles or bandwidth are not positive, D is not positive definite, a
        bandwidth is given with a normal law or with nodes, or nodes are asked for in more than
        three variables.
    ConvergenceError
        If a normal law collapses until its covariance is singular to rounding.
    MemoryBudgetError
        If the particles or the nodes do not fit.

    Warns
    -----
    AccuracyWarning
        If the noise of a layer reaches too few particles: the mean shift is then close to the
        identity on the particles, whatever the law. The message holds the effective number of
        neighbours ``1/Σ_j r_j²`` (median over particles; r_j the softmax weights) and the number
        of particles that would do. If an entry of `score_errors` exceeds 1. When points are mapped
        that lie where the law has less than about 1e-8 of its mass: the nodes end there.

    Notes
    -----
    **Accuracy.** Exact for normal and for empirical laws. By nodes, for up to 16 layers, that of
    Gaussian sums on lattices: 1e-4 of the displacement and better where all but 1e-8 of the mass
    lie; `score_errors` has the layers. Of 400 moons at 0.3 of the singular time the distance to the
    limit, RMS over the data relative to the displacement, is .237, .141, .0778, .0408, .0209, .0106
    for 1, 2, 4, 8, 16, 32 layers. By particles: a normal law on the line (variance 1.3, t = 0.5),
    largest error over :math:`|x|` up to 2: 7e-4 for 2 layers and 2e-2 for 8 with 2000 particles;
    5e-5 and 3e-3 with 8000.

    **Cost.** Nodes: O(depth n) for n nodes by sums on grids or over neighbours, n growing as
    ``depth^{m/2}`` up to 16 layers. Particles: O(depth n_particles² m) to build, O(depth n
    n_particles m) to apply to n points. Memory O(depth m) for each node or particle.

    See Also
    --------
    GaussianDAE : one layer.
    ContinuousDAE : the limit depth → ∞.

    References
    ----------
    S. Sonoda and N. Murata, Transport analysis of infinitely deep neural network, JMLR 20, 2019
    (composition of denoising autoencoders).

    Examples
    --------
    >>> deep = DeepDAE(GaussianMixture([1.0], [[0.0]], 1.3), 0.5, 4)
    >>> deep([[1.0]]).round(6)
    array([[0.601809]])
    """

    def __init__(
        self,
        law: GaussianMixture | SampleField,
        t: float,
        depth: int,
        *,
        n_particles: int = 4000,
        rng: int | np.random.Generator | None = None,
        covariance: ArrayLike | None = None,
        bandwidth: float | None = None,
        method: str = "auto",
    ) -> None:
        law = as_law(law)
        self.dim = int(law.dim)
        self.t = positive(t, "t", hint="it is the variance of the noise")
        self.depth = positive_int(depth, "depth")
        n_particles = positive_int(n_particles, "n_particles", minimum=2)
        self.bandwidth = None if bandwidth is None else positive(bandwidth, "bandwidth")
        if self.bandwidth is not None:
            square = "have a representable square, between {} and {}"
            moderate(self.bandwidth, "bandwidth", must=square)
        generator = as_generator(rng)
        # Every layer is kept, with its law and the tables of its kernel.
        fits_in_memory(
            float(self.depth) * (2048 + 16 * self.dim**2),
            "the layers of this `depth`",
            "take a smaller `depth`",
        )
        step = self.t / self.depth
        first = GaussianDAE(law, step, covariance=covariance)
        self._law: GaussianMixture | SampleField | None
        self._fresh: NDArray | None = None
        self._nodes: MovingNodes | None = None
        self._root: NDArray = np.eye(self.dim)
        self._initial = law
        self.score_errors = np.zeros(self.depth)
        asked = one_of(method, "method", ("auto", "nodes", "particles"))
        if isinstance(law, GaussianMixture) and law.n_components == 1:
            if bandwidth is not None:
                raise ValueError(
                    f"`bandwidth` must be left out for a normal law, got {self.bandwidth:g} (its "
                    "recursion is exact)"
                )
            self.carrier = "normal law"
            self._built, self._law = self._normal_layers(first, covariance)
        elif isinstance(law, GaussianMixture) and self._by_nodes(asked):
            self.carrier = "nodes"
            self._law, self._fresh = None, law.sample(n_particles, generator)
            self._built = (first,)
            self._lay_nodes(law, first, covariance)
        else:
            self.carrier = "particles" if isinstance(law, GaussianMixture) else "atoms"
            self._built, self._law = self._particle_layers(
                law, first, covariance, n_particles, generator
            )
            if isinstance(law, GaussianMixture) and bandwidth is None:
                # The particles of the layers are more regular than independent samples.
                self._law, self._fresh = None, law.sample(n_particles, generator)

    @property
    def law(self) -> GaussianMixture | SampleField:
        """The law that leaves the last layer."""
        if self._law is None:
            self._law = SampleField(self(self._fresh))  # type: ignore[arg-type]
        return self._law

    @property
    def layers(self) -> tuple[GaussianDAE, ...]:
        """The layers, first to last."""
        if self._nodes is None or len(self._built) == self.depth:
            return self._built
        first, nodes = self._built[0], self._nodes
        fits_in_memory(
            100.0 * self.depth * nodes.points.size, "the layers", "map points by calling it instead"
        )
        covariance = None if self._plain else first.covariance
        rest = []
        for layer in range(1, self.depth):
            points, weights = nodes.law_of(layer)
            law = SampleField(points @ self._root.T, weights=weights)
            rest.append(GaussianDAE(law, first.t, covariance=covariance))
        self._built = (first, *rest)
        return self._built

    @property
    def n_nodes(self) -> int:
        """Nodes that carry the last law; 0 where none do."""
        return 0 if self._nodes is None else len(self._nodes.weights)

    def _by_nodes(self, asked: str) -> bool:
        if asked == "particles" or (asked == "auto" and self.bandwidth is not None):
            return False
        if self.bandwidth is not None:
            raise ValueError(
                f"`bandwidth` must be left out where nodes carry the law, got {self.bandwidth:g} "
                "(nodes need none; particles may have one)"
            )
        if self.dim > LARGEST_DIM and asked == "nodes":
            raise ValueError(
                f"`method` must be 'auto' or 'particles' in {self.dim} variables, got 'nodes' (a "
                f"lattice takes {LARGEST_DIM} at most)"
            )
        return self.dim <= LARGEST_DIM

    def _lay_nodes(
        self, law: GaussianMixture, first: GaussianDAE, covariance: ArrayLike | None
    ) -> None:
        self._plain = covariance is None
        if not self._plain:
            # In these coordinates the noise is isotropic.
            self._root = np.linalg.cholesky(first.covariance)
            back = np.linalg.inv(self._root)
            spread = law.covariances[0] if law.shared_covariance else law.covariances
            law = GaussianMixture(law.weights, law.means @ back.T, back @ spread @ back.T)
        self._nodes = MovingNodes(law, first.t, self.depth)
        self.score_errors = self._nodes.errors
        self._warn_of_errors()

    def _warn_of_errors(self) -> None:
        worst = int(np.argmax(self.score_errors))
        if self.score_errors[worst] <= 1:
            return
        remedy = "more `n_particles`, " if self.carrier == "particles" else "less noise, "
        warnings.warn(
            f"the score of layer {worst + 1} of {self.depth} is in error by about "
            f"{self.score_errors[worst]:.2g} of the layer's displacement, so that what follows is "
            f"noise (take {remedy}or a smaller `depth`)",
            AccuracyWarning,
            stacklevel=4,
        )

    def _walk(self, points: NDArray, *, slopes: bool = False) -> Iterator[tuple[NDArray, NDArray]]:
        """Points after each layer, with its Jacobian where slopes are wanted; else an empty one."""
        if self._nodes is None:
            for layer in self._built:
                bend = layer.jacobian(points) if slopes else np.empty(0)
                points = layer(points)
                yield points, bend
            return
        back = np.linalg.inv(self._root)
        white = points @ back.T
        outside = self._nodes.law.logpdf(white) < math.log(self._nodes.edge)
        if self.depth > 1 and outside.any():
            warnings.warn(
                f"{int(outside.sum())} of {len(points)} points lie where the law has less than "
                "1e-8 of its mass, beyond the nodes that carry it: their images are not to be "
                "trusted (map points of the law, or carry it by method='particles')",
                AccuracyWarning,
                stacklevel=4,
            )
        for number in range(self.depth):
            white, bend = self._nodes.through(number, white, order=2 if slopes else 1)
            yield white @ self._root.T, self._root @ bend @ back

    def __repr__(self) -> str:
        return f"DeepDAE(t={self.t:g}, depth={self.depth}, dim={self.dim})"

    def _normal_layers(
        self, first: GaussianDAE, covariance: ArrayLike | None
    ) -> tuple[tuple[GaussianDAE, ...], GaussianMixture]:
        layers = [first]
        while True:
            try:
                law = layers[-1].pushforward()
                if len(layers) == self.depth:
                    return tuple(layers), law  # type: ignore[return-value]
                layers.append(GaussianDAE(law, first.t, covariance=covariance))
            except ValueError as error:
                raise ConvergenceError(
                    f"the law after layer {len(layers)} of {self.depth} must have a covariance of "
                    "full rank, got one that is singular to rounding (take a smaller `t`)"
                ) from error

    def _particle_layers(
        self,
        law: GaussianMixture | SampleField,
        first: GaussianDAE,
        covariance: ArrayLike | None,
        n_particles: int,
        rng: np.random.Generator,
    ) -> tuple[tuple[GaussianDAE, ...], GaussianMixture | SampleField]:
        weights: NDArray | None = None
        if isinstance(law, SampleField):
            fits_in_memory(
                8.0 * law.points.size * (self.depth + 4),
                "the atoms of all layers",
                "take a smaller `depth`, or fewer atoms",
            )
            points = np.asarray(law.points, dtype=np.float64)
            weights = np.asarray(law.weights, dtype=np.float64)
            layer = GaussianDAE(self._law_of(points, weights), first.t, covariance=covariance)
            reach = [reach_of(layer, points)]
        else:
            fits_in_memory(
                8.0 * n_particles * self.dim * (self.depth + 4),
                "the cloud of particles",
                "take a smaller `n_particles`",
            )
            points = quasi_samples(law, n_particles, rng=rng)[0]
            layer, reach = first, []
        layers = [layer]
        points = layer(points)
        for _ in range(self.depth - 1):
            layer = GaussianDAE(self._law_of(points, weights), first.t, covariance=covariance)
            reach.append(reach_of(layer, points))
            layers.append(layer)
            if self.carrier == "particles":
                self.score_errors[len(layers) - 1] = by_halves(
                    points, layer, covariance, self.bandwidth
                )
            points = layer(points)
        if reach and min(reach) < WANTED_NEIGHBOURS:
            self._warn_of_few_neighbours(layers[len(layers) - len(reach) :], reach)
        else:
            self._warn_of_errors()
        return tuple(layers), self._law_of(points, weights)

    def _law_of(self, points: NDArray, weights: NDArray | None) -> GaussianMixture | SampleField:
        if self.bandwidth is None:
            return SampleField(points, weights=weights)
        return SampleField(points, weights=weights).smooth(self.bandwidth**2)

    def _warn_of_few_neighbours(self, layers: list[GaussianDAE], reach: list[float]) -> None:
        worst = int(np.argmin(reach))
        enough = enough_particles(layers[worst].smoothed)
        sampled = len(layers) < self.depth
        where = self.depth - len(layers) + worst + 1
        remedy = f"n_particles = {enough:.1e}" if sampled else f"about {enough:.1e} samples"
        warnings.warn(
            f"the noise t/depth = {layers[worst].t:.3g} of layer {where} reaches an effective "
            f"number of {reach[worst]:.1f} neighbours, {WANTED_NEIGHBOURS:.0f} are wanted "
            f"(take {remedy}, a smaller `depth`, or a `bandwidth`)",
            AccuracyWarning,
            stacklevel=4,
        )

    def __call__(self, x: ArrayLike) -> NDArray:
        """Map points through all layers.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n, m) ndarray
            Denoised points, float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        given = as_points(x, "x", self.dim)
        return list(self._walk(given.astype(np.float64)))[-1][0].astype(given.dtype, copy=False)

    def trajectory(self, x: ArrayLike) -> NDArray:
        """Return the points before the first layer and after each.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (depth + 1, n, m) ndarray
            Entry l has noise variance ``l t/depth`` removed; float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        MemoryBudgetError
            If the trajectory does not fit.
        """
        given = as_points(x, "x", self.dim)
        fits_in_memory(
            8.0 * given.size * (self.depth + 1), "the trajectory", "pass fewer points at a time"
        )
        out = np.empty((self.depth + 1, *given.shape))
        out[0] = given
        for i, (points, _) in enumerate(self._walk(out[0])):
            out[i + 1] = points
        return out.astype(given.dtype, copy=False)

    def jacobian(self, x: ArrayLike) -> NDArray:
        """Return the derivative of the composition, the product of those of the layers.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        (n, m, m) ndarray
            Entry [n, i, j] is the derivative of output i by input j; float32 where `x` is.

        Raises
        ------
        ValueError, TypeError
            If `x` is not an array of finite points in R^m.
        """
        given = as_points(x, "x", self.dim)
        product = np.broadcast_to(np.eye(self.dim), (len(given), self.dim, self.dim))
        with np.errstate(over="ignore", invalid="ignore"):
            for _, bend in self._walk(given.astype(np.float64), slopes=True):
                product = bend @ product
        _require_finite(product)
        return product.astype(given.dtype, copy=False)

    def push(self, x: ArrayLike) -> tuple[NDArray, NDArray]:
        """Map points, and return the log-density of the law that leaves the last layer there.

        ``log p_L(Φ(x)) = log p_0(x) − Σ_l log|det ∂Φ_l|``, by the layers' Jacobians along the way.

        Parameters
        ----------
        x : (n, m) array_like
            Points.

        Returns
        -------
        points : (n, m) ndarray
            The images Φ(x), float32 where `x` is.
        log_density : (n,) ndarray
            In nats, at the images; float32 where `x` is.

        Raises
        ------
        TypeError
            If the law is empirical: it has no density.
        ValueError
            If `x` is not an array of finite points in R^m.
        MemoryBudgetError
            If the Jacobians do not fit.

        Examples
        --------
        >>> deep = DeepDAE(GaussianMixture([1.0], [[0.0]], 1.3), 0.5, 4)
        >>> y, log_density = deep.push([[1.0]])
        >>> bool(abs(log_density - deep.law.logpdf(y))[0] < 1e-12)
        True
        """
        if not isinstance(self._initial, GaussianMixture):
            raise TypeError("`law` must have a density, got samples (use kernel_density(points))")
        given = as_points(x, "x", self.dim)
        fits_in_memory(
            8.0 * self.depth * len(given) * self.dim * (self.dim + 1),
            "the Jacobians",
            "pass fewer points at a time",
        )
        points = given.astype(np.float64, copy=False)
        log_density = self._initial.logpdf(points).copy()
        with np.errstate(over="ignore", invalid="ignore"):
            path = list(self._walk(points, slopes=True))
            image = path[-1][0]
            for _, bend in path:
                log_density -= np.linalg.slogdet(bend)[1]
        _require_finite(log_density)
        return image.astype(given.dtype, copy=False), log_density.astype(given.dtype, copy=False)


def _require_finite(values: NDArray) -> None:
    if not np.isfinite(values).all():
        raise ValueError("`x` must lie near the law, got points far away (map draws of the law)")
