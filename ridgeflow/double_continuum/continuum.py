"""The double continuum: integral representations over depth, and the flow that they drive."""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._validate import as_generator, as_points, finite_number, increasing
from ridgeflow.double_continuum.depths import interpolation_weights, represent_on_shared_nodes
from ridgeflow.errors import AccuracyWarning, RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.sampling import ball_points
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transforms.error_budget import ErrorBudget
from ridgeflow.transforms.representation import IntegralRepresentation
from ridgeflow.transport.flow import ContinuousDAE, FlowResult
from ridgeflow.transport.ode import integrate

__all__ = ["DoubleContinuum"]

_REFERENCE_DRAWS = 4000
_SEED = 5  # of the draws that fix references and check interpolation


class DoubleContinuum:
    r"""Width and depth limits together: a family of integral representations over depth.

    .. math:: v_t(x) = S[\gamma_t;\eta](x),\quad \gamma_t = \tfrac1K R[v_t;\psi],\qquad
              \frac{d\varphi_t}{dt} = v_t(\varphi_t)

    For a law :math:`\mu_0` the field is that of the continuous denoising autoencoder,
    :math:`v_t = \nabla\log\mu_t` with :math:`\partial_t\mu_t = -\Delta\mu_t`. The law is used to
    compute spectra at the given depths; velocities and flows come from the spectra alone.

    Parameters
    ----------
    law_or_field : GaussianMixture or CallableField
        A law, or a vector field v(x) or v(x, t) with as many components as dimensions.
    activation : Activation
        :math:`\eta`.
    ridgelet : Ridgelet, optional
        :math:`\psi`; by default ``admissible_ridgelet(activation, dim)``.
    times : array_like, shape (T,)
        Increasing depths (noise variances for a law) at which spectra are computed; between them
        velocities are polynomials of degree at most 15 through the nearest. Chebyshev points are a
        good choice. One time makes a steady field.
    region : Region, optional
        Where the field is represented, for all depths; by default, for a law,
        ``Region.holding(law)``.
    tol : float
        Error of the velocity in :math:`L^2(\mu_t)` (for a field: RMS over the region), relative to
        its norm.

    Attributes
    ----------
    times : ndarray, shape (T,)
    region : Region
    representations : list of IntegralRepresentation
        One for each depth, on shared nodes.
    law : GaussianMixture or None

    Raises
    ------
    AdmissibilityError
        If the pair is not admissible.
    SingularTimeError
        If a depth reaches the singular time of the law.
    RegionError
        If a field comes without region.
    ValueError
        If times do not increase, or shapes differ.

    Warns
    -----
    AccuracyWarning
        If a representation, or the interpolation between depths, misses ``tol``.

    Notes
    -----
    **Accuracy.** :meth:`error_budget`; the interpolation between depths is checked against the
    field half-way between them.

    **Cost.** One integral representation for each depth.

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, ICML Workshop on
    Principled Approaches to Deep Learning (2017).

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> limit = DoubleContinuum(law, rf.activation("tanh"), times=[0.0, 0.1, 0.2], tol=1e-2)
    >>> v = limit.velocity([[0.5]], 0.1)
    >>> bool(abs(v[0, 0] + 0.5 / (1 - 2 * 0.1)) < 1e-2)
    True
    """

    def __init__(
        self,
        law_or_field: GaussianMixture | CallableField,
        activation: Activation,
        *,
        ridgelet: Ridgelet | None = None,
        times: ArrayLike,
        region: Region | None = None,
        tol: float = 1e-3,
    ) -> None:
        self.times = increasing(times, "times")
        self.activation = activation
        tol = finite_number(tol, "tol")
        if not 0 < tol < 1:
            raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
        self.tol = tol
        if not isinstance(law_or_field, (GaussianMixture, CallableField)):
            raise TypeError(
                "`law_or_field` must be a GaussianMixture or a CallableField, got "
                f"{type(law_or_field).__name__} (use kernel_density for data)"
            )
        self.law = law_or_field if isinstance(law_or_field, GaussianMixture) else None
        dim = law_or_field.dim
        self.ridgelet = admissible_ridgelet(activation, dim) if ridgelet is None else ridgelet
        if isinstance(law_or_field, GaussianMixture):
            exact = ContinuousDAE(law_or_field)
            for t in (self.times[0], self.times[-1]):
                exact.law(float(t))
            self.region = Region.holding(law_or_field) if region is None else region
            self._field: Callable = exact.velocity
        else:
            if region is None:
                raise RegionError(
                    "a field needs a `region` on which it is represented, got None "
                    "(pass Region(center, radius, margin))"
                )
            if law_or_field.component_shape != (dim,) and not (
                dim == 1 and law_or_field.component_shape == ()
            ):
                raise ValueError(
                    f"`law_or_field` must have {dim} components, one for each dimension, got "
                    f"component shape {law_or_field.component_shape}"
                )
            self.region = region
            self._field = _as_vector(law_or_field)
        if self.region.dim != dim:
            raise ValueError(f"`region` must have dimension {dim}, got {self.region.dim}")
        self.representations = self._represent(0.5 * tol)
        self.interpolation_error = self._check_interpolation()
        if self.interpolation_error > tol:
            warnings.warn(
                f"interpolation between depths has a relative error of "
                f"{self.interpolation_error:.1e}, more than tol = {tol:g} (pass more times)",
                AccuracyWarning,
                stacklevel=2,
            )

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.region.dim

    def _represent(self, tol: float) -> list[IntegralRepresentation]:
        fields = [
            CallableField(_at_time(self._field, float(t)), self.dim, components=self.dim)
            for t in self.times
        ]
        references = [self._reference(float(t)) for t in self.times]
        return represent_on_shared_nodes(
            fields, references, self.region, self.activation, self.ridgelet, tol
        )

    def _reference(self, t: float) -> float:
        """Norm of the velocity in L2 of the law at t, or its RMS over the region."""
        if self.law is not None:
            x = ContinuousDAE(self.law).law(t).sample(_REFERENCE_DRAWS, rng=_SEED)
        else:
            x = self._region_points(_REFERENCE_DRAWS)
        value = self._field(x, t)
        rms = float(np.sqrt((value**2).sum(axis=1).mean()))
        return max(rms, 1e-300)

    def _weights(self, t: float) -> tuple[list[int], NDArray]:
        """Nearest depths and the Lagrange weights of interpolation at t."""
        t = finite_number(t, "t")
        first, last = float(self.times[0]), float(self.times[-1])
        slack = 1e-12 * max(1.0, abs(last))
        if len(self.times) == 1:
            return [0], np.ones(1)
        if not first - slack <= t <= last + slack:
            raise ValueError(
                f"`t` must lie in [{first:g}, {last:g}], the depths of this continuum, got {t:g} "
                "(build it with more times)"
            )
        return interpolation_weights(self.times, t)

    def representation(self, t: float) -> IntegralRepresentation:
        """Integral representation of the velocity at one depth.

        Parameters
        ----------
        t : float
            Between the first and the last of ``times``.

        Returns
        -------
        IntegralRepresentation
            Interpolated between the depths; the stored one where t is one of them.

        Raises
        ------
        ValueError
            If t lies outside the depths.
        """
        index, weights = self._weights(t)
        exact = np.flatnonzero(np.abs(weights - 1) < 1e-13)
        if len(exact) == 1 and np.abs(np.delete(weights, exact)).max(initial=0.0) < 1e-13:
            return self.representations[index[exact[0]]]
        return IntegralRepresentation.blend([self.representations[i] for i in index], list(weights))

    def velocity(self, points: ArrayLike, t: float) -> NDArray:
        """Velocity at one depth, from the spectra.

        Parameters
        ----------
        points : array_like, shape (n, m)
            Points of the region.
        t : float
            Depth.

        Returns
        -------
        ndarray, shape (n, m)

        Raises
        ------
        RegionError
            If a point lies outside the region.
        ValueError
            If t lies outside the depths.
        """
        return self._evaluate(as_points(points, "points", self.dim), t)[0]

    def _evaluate(
        self, x: NDArray, t: float, *, slope: bool = False
    ) -> tuple[NDArray, NDArray | None]:
        """Velocity, and where asked its divergence."""
        index, weights = self._weights(t)
        parts = [self.representations[i] for i in index]
        inside = self.region.contains(x)
        if not inside.all():
            far = float(np.linalg.norm(x - self.region.center, axis=1).max())
            raise RegionError(
                f"`points` must lie in the region of radius {self.region.radius:.4g}, got "
                f"{int((~inside).sum())} of {len(x)} outside at depth {t:.4g}, the farthest at "
                f"{far:.4g} (take a Region of at least that radius)"
            )
        coefficients = np.zeros_like(parts[0].profiles.coefficients)
        for w, part in zip(weights, parts, strict=True):
            if w != 0.0:
                coefficients += w * part.profiles.coefficients
        profiles = parts[0].profiles.with_coefficients(coefficients)
        # In one dimension representations are scalar: matrices and offsets regain their axes.
        matrix = np.zeros((self.dim, self.dim))
        offset = np.zeros(self.dim)
        for w, part in zip(weights, parts, strict=True):
            matrix += w * np.reshape(part.affine.matrix, matrix.shape)
            offset += w * np.reshape(part.affine.offset, offset.shape)
        if not slope:
            return profiles(x) + x @ matrix + offset, None
        value, gradient = profiles.with_gradient(x)
        divergence = np.trace(gradient, axis1=1, axis2=2) + np.trace(matrix)
        return value + x @ matrix + offset, divergence

    def flow(
        self,
        points: ArrayLike,
        t: float,
        *,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        log_density: bool = True,
    ) -> FlowResult:
        r"""Flow of the represented field from the first depth to t.

        Parameters
        ----------
        points : array_like, shape (n, m)
            Where trajectories start, at depth ``times[0]``.
        t : float
            Final depth.
        rtol, atol : float
            Tolerances of the integration, for each particle.
        log_density : bool
            Whether to carry :math:`\log\mu_t(\varphi_t(x))` along, through the divergence of the
            represented field.

        Returns
        -------
        FlowResult
            ``log_density`` starts from the law at the first depth; for a field without law it is
            the change alone, :math:`-\int\nabla\cdot v`.

        Raises
        ------
        RegionError
            If trajectories leave the region.
        ConvergenceError
            If the integration fails.
        """
        x = as_points(points, "points", self.dim).astype(np.float64)
        start = float(self.times[0])
        end = finite_number(t, "t")
        self._weights(end)
        initial = None
        if log_density:
            initial = np.zeros(len(x))
            if self.law is not None:
                initial = ContinuousDAE(self.law).law(start).logpdf(x)
        moved, log_det, stats = integrate(
            lambda y, s: self._evaluate(y, s)[0],
            x,
            start,
            end,
            rtol=rtol,
            atol=atol,
            divergence=self._divergence if log_density else None,
        )
        density = None if initial is None or log_det is None else initial - log_det
        return FlowResult(moved, density, stats)

    def _divergence(self, x: NDArray, t: float) -> NDArray:
        divergence = self._evaluate(x, t, slope=True)[1]
        return divergence  # type: ignore[return-value]

    def network(
        self,
        depth: int,
        width: int,
        *,
        layers: str = "euler",
        sampling: str = "sobol",
        weights: str = "least_squares",
        n_samples: int | None = None,
        rng: int | np.random.Generator | None = None,
    ) -> ResidualNetwork:
        r"""A finite residual network read off from this continuum.

        .. math:: x \leftarrow x + \tau \sum_{j=1}^{J} c_j(t_l)\,\eta(a_j\cdot x - b_j)
                  + \tau (A_l^\top x + c_l),\qquad l = 1,\dots,L

        Neurons of each layer are drawn from the spectrum at its depth; outer weights are fitted to
        the represented velocity on the law that the layers before it produced, or are the
        importance weights of the draw.

        Parameters
        ----------
        depth : int
            Layers L, at least 1.
        width : int
            Neurons J of each layer (of each stage, for "midpoint" and "rk4"), at least 1.
        layers : {"euler", "midpoint", "rk4"}
            One step of that Runge-Kutta method per layer: 1, 2 or 3 shallow networks.
        sampling : {"sobol", "stratified", "monte_carlo"}
            How neurons are drawn from ``|spectrum|``.
        weights : {"least_squares", "importance"}
            Outer weights.
        n_samples : int, optional
            Draws of the law (without law: points of the region) on which weights are fitted; by
            default ``max(4000, 8 width)``.
        rng : int, Generator or None
            Randomness of neurons and draws.

        Returns
        -------
        ResidualNetwork

        Raises
        ------
        ValueError
            If depth or width is below 1, an option is unknown, or there is but one depth.
        RegionError
            If draws leave the region on their way.

        Notes
        -----
        **Accuracy.** Order 1 in 1/L for "euler", 2 for "midpoint", 4 for "rk4", plus the width
        error: :math:`J^{-1/2}` for Monte Carlo with importance weights, faster by least squares.

        **Cost.** One least-squares problem of n_samples x J for each stage.
        """
        from ridgeflow.double_continuum.discretise import finite_network

        return finite_network(
            self,
            depth,
            width,
            layers=layers,
            sampling=sampling,
            weights=weights,
            n_samples=n_samples,
            rng=rng,
        )

    def draw(self, n: int, rng: int | np.random.Generator | None = None) -> NDArray[np.float64]:
        """Draws at the first depth: of the law, within the region; without law, of the region.

        Parameters
        ----------
        n : int
            Number of draws.
        rng : int, Generator or None
            Randomness; without law the points are quasi-random and do not depend on it.

        Returns
        -------
        ndarray, shape (n, m)
        """
        if self.law is None:
            return self._region_points(n)
        generator = as_generator(rng)
        start = ContinuousDAE(self.law).law(float(self.times[0]))
        # The region holds all but 1e-6 of the law unless the caller chose it smaller.
        kept = np.empty((0, self.dim))
        for _ in range(100):
            x = start.sample(n, rng=generator)
            kept = np.concatenate([kept, x[self.region.contains(x)]])
            if len(kept) >= n:
                return kept[:n]
        raise RegionError(
            f"the region of radius {self.region.radius:.4g} holds less than 1 % of the law "
            "(take Region.holding(law))"
        )

    def _region_points(self, n: int) -> NDArray[np.float64]:
        fixed = np.random.default_rng(_SEED)
        return ball_points(n, self.region.center, self.region.radius, fixed)

    def error_budget(self) -> ErrorBudget:
        """Estimated error of the velocity by source, the worst over the depths.

        Returns
        -------
        ErrorBudget
            Relative to the norm of the velocity; the interpolation between depths counts as
            quadrature.
        """
        budgets = [r.error_budget() for r in self.representations]
        worst = max(budgets, key=lambda b: b.total)
        return ErrorBudget(
            worst.total + self.interpolation_error,
            worst.truncation,
            worst.quadrature + self.interpolation_error,
            worst.directions,
            worst.sampling,
            worst.kink,
        )

    def _check_interpolation(self) -> float:
        """Largest relative error half-way between depths, against the field itself."""
        worst = 0.0
        for left, right in zip(self.times[:-1], self.times[1:], strict=True):
            t = 0.5 * float(left + right)
            if self.law is not None:
                x = ContinuousDAE(self.law).law(t).sample(500, rng=_SEED)
                x = x[self.region.contains(x)]
            else:
                x = self._region_points(500)
            truth = self._field(x, t)
            gap = self._evaluate(x, t)[0] - truth
            scale = float(np.sqrt((truth**2).sum(axis=1).mean()))
            if scale > 0:
                worst = max(worst, float(np.sqrt((gap**2).sum(axis=1).mean())) / scale)
        return worst


def _as_vector(field: CallableField) -> Callable:
    def evaluate(x: NDArray, t: float) -> NDArray:
        value = field(x, t) if field.timed else field(x)
        return value.reshape(len(x), field.dim)

    return evaluate


def _at_time(field: Callable, t: float) -> Callable[[NDArray], NDArray]:
    return lambda x: field(x, t) if x.shape[1] > 1 else field(x, t)[:, 0]
