"""The double continuum: integral representations over depth, and the flow that they drive."""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._checkpoint import checkpoint_at
from ridgeflow._collections import takes_collections_in
from ridgeflow._progress import Progress, stage, with_progress
from ridgeflow._validate import (
    as_points,
    as_real_array,
    finite_number,
    flag,
    instance_of,
    positive_int,
    within_squares,
)
from ridgeflow.double_continuum.budget import ContinuumBudget, continuum_budget, warn_of_errors
from ridgeflow.double_continuum.chosen_depths import (
    choose_times,
    given_depths,
    interpolation_error,
    represent_all,
)
from ridgeflow.double_continuum.discretise import finite_network
from ridgeflow.double_continuum.field_fit import fit_field
from ridgeflow.double_continuum.interpolated_velocity import AT, Interpolated
from ridgeflow.double_continuum.outside_region import escape_error
from ridgeflow.double_continuum.velocity import source_of
from ridgeflow.errors import RegionError
from ridgeflow.fields.callable import CallableField
from ridgeflow.fields.grid import GridField
from ridgeflow.fields.mixture import GaussianMixture
from ridgeflow.fields.region import Region
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.profiles.activation import activation as as_activation
from ridgeflow.profiles.admissibility import admissible_ridgelet
from ridgeflow.profiles.ridgelet import Ridgelet
from ridgeflow.transport.flow_result import FlowResult, times_between
from ridgeflow.transport.ode import integrate

__all__ = ["DoubleContinuum"]

# Share of the tolerance for the interpolation between depths.
_BETWEEN = 0.4


@takes_collections_in("velocity", "flow")
class DoubleContinuum(Interpolated):
    r"""Width and depth limits together: a family of integral representations over depth.

    .. math:: v_t(x) = S[\gamma_t;\eta](x),\quad \gamma_t = \tfrac1K R[v_t;\psi],\qquad
              \frac{d\varphi_t}{dt} = v_t(\varphi_t)

    For a law :math:`\mu_0` the field is that of the continuous denoising autoencoder,
    :math:`v_t = \nabla\log\mu_t` with :math:`\partial_t\mu_t = -\Delta\mu_t`. The law is used to
    compute spectra at the given depths; velocities and flows come from the spectra alone.

    Parameters
    ----------
    law_or_field : GaussianMixture, CallableField or list of GridField
        A law, a vector field v(x) or v(x, t) with as many components as dimensions, or such a field
        on grids, one for each of ``times``. Samples of a field: :meth:`from_samples`.
    activation : str or Activation
        :math:`\eta`.
    ridgelet : Ridgelet, optional
        :math:`\psi`; by default ``admissible_ridgelet(activation, dim)``.
    times : array_like, shape (T,), optional
        Increasing depths (noise variances for a law) at which spectra are computed; between them
        velocities are polynomials of degree at most 15 through the nearest, for a law in
        :math:`-\log(1 - t/t_{\max})`. One time makes a steady field.
    span : (float, float), optional
        First and last depth, in place of ``times``: as few depths between as ``tol`` allows.
    region : Region, optional
        Where the field is represented, for all depths; by default, for a law,
        ``Region.holding(law)``, for grids what their window leaves.
    tol : float
        Error of the velocity in :math:`L^2(\mu_t)` (for a field: RMS over the region), relative to
        its norm.
    checkpoint : str or path, optional
        Folder for the spectra of depths that are finished, made if it does not exist: the same call
        goes on from there after an interruption, to the same bits. A field is known again by its
        values at 2000 points. It stays when all are finished: remove it when it is not needed.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Attributes
    ----------
    times : ndarray, shape (T,)
    region : Region
    representations : list of IntegralRepresentation
        One for each depth, on shared nodes.
    errors : ndarray, shape (T,)
        Relative errors of the velocity at the depths, measured against the field.
    interpolation_error : float
        Largest relative error half-way between the depths; for grids, of leaving one depth out.
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
        If times do not increase, shapes differ, or not one of ``times`` and ``span`` is given.
    CheckpointError
        If the checkpoint is damaged, or that of another continuum or version.

    Warns
    -----
    AccuracyWarning
        If a representation, or the interpolation between depths, misses ``tol``.

    Notes
    -----
    **Accuracy.** :meth:`error_budget`. Spectra have some 1.3 scales per octave and are
    reconstructed by the corrected dual, see :func:`corrected_dual`; importance weights take dense
    scales, made when they are first asked for. Nodes are refined until the velocity meets ``tol``
    over draws of the law, and depths are added until their interpolation does.

    **Cost.** One integral representation for each depth: for kernel densities in the plane six of
    them up to half the singular time at tol 1e-5, nine up to 0.8 of it.

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

    _sampling = 0.0

    @with_progress("double continuum")
    def __init__(
        self,
        law_or_field: GaussianMixture | CallableField | Sequence[GridField],
        activation: str | Activation,
        *,
        ridgelet: Ridgelet | None = None,
        times: ArrayLike | None = None,
        span: tuple[float, float] | None = None,
        region: Region | None = None,
        tol: float = 1e-3,
        checkpoint: str | os.PathLike | None = None,
        progress: Progress = None,
    ) -> None:
        ends = given_depths(times, span)
        self.activation = activation = as_activation(activation)
        if ridgelet is not None:
            instance_of(ridgelet, "ridgelet", Ridgelet, hint="admissible_ridgelet chooses one")
        tol = finite_number(tol, "tol")
        if not 0 < tol < 1:
            raise ValueError(f"`tol` must lie in (0, 1), got {tol:g}")
        if tol < 1e-14:
            raise ValueError(f"`tol` must be at least 1e-14, as rounding is, got {tol:g}")
        self.tol = tol
        self._source = source_of(law_or_field, region, ends if times is not None else None, tol)
        self.law = law_or_field if isinstance(law_or_field, GaussianMixture) else None
        self.region = self._source.region
        self.ridgelet = admissible_ridgelet(activation, self.dim) if ridgelet is None else ridgelet
        if self._source.flow is not None:
            for t in (ends[0], ends[-1]):
                self._source.flow.law(float(t))
        if times is None:
            ends = choose_times(self._source, float(ends[0]), float(ends[1]), _BETWEEN * tol)
        self.times = ends
        self._marks = np.asarray(self._source.clock(self.times), np.float64)
        dual = "plain" if activation.point_masses else "corrected"
        inputs = {"law_or_field": partial(self._source.numbers, self.times), "times": self.times}
        inputs |= {"activation": activation, "ridgelet": self.ridgelet, "tol": tol}
        keep = checkpoint_at(checkpoint, "DoubleContinuum", inputs)
        with stage(None, 0.1, 0.95):
            self.representations, self.errors = represent_all(
                self._source, self.times, activation, self.ridgelet, AT * tol, dual, keep
            )
        self.interpolation_error = interpolation_error(self._source, self.times)
        warn_of_errors(self.errors, self.interpolation_error, tol)

    @classmethod
    @with_progress("double continuum of samples")
    def from_samples(
        cls,
        points: ArrayLike,
        velocities: ArrayLike,
        activation: str | Activation,
        *,
        width: int,
        times: ArrayLike | None = None,
        span: tuple[float, float] | None = None,
        region: Region | None = None,
        tol: float = 1e-3,
        rng: int | np.random.Generator | None = None,
        progress: Progress = None,
    ) -> DoubleContinuum:
        """The continuum of a field that is known by samples, of which a network is fitted first.

        Parameters
        ----------
        points, velocities : array_like, shape (n, m)
        activation : str or Activation
            Of the continuum; the fit takes tanh, so that there is something smooth to transform.
        width : int
            Neurons of the fit, see :func:`fit_field`.
        times : array_like, shape (n,), optional
            Time of each sample; without them the field is steady.
        span : (float, float), optional
            Depths of the flow; by default those of the samples, (0, 1) without times.
        region, tol, progress
            As for the continuum; by default the region holds the points.
        rng : int, Generator or None

        Returns
        -------
        DoubleContinuum
            Its budget counts the error on samples that were held out as ``sampling``.

        Raises
        ------
        ValueError
            As in :func:`fit_field`.

        Examples
        --------
        >>> import ridgeflow as rf
        >>> x = np.random.default_rng(0).uniform(-1, 1, (400, 1))
        >>> limit = DoubleContinuum.from_samples(x, -x, rf.activation("tanh"), width=10, rng=0)
        >>> bool(abs(limit.flow([[0.5]], 1.0).points[0, 0] - 0.5 * np.exp(-1)) < 1e-3)
        True
        """
        x = within_squares(as_points(points, "points").astype(np.float64), "points")
        if float(np.ptp(x, axis=0).max()) < 1e-150:
            raise ValueError(
                "`points` must have a spread with a representable square, got "
                f"{np.ptp(x, axis=0).max():g} (take another unit of length)"
            )
        speeds = as_real_array(velocities, "velocities", ndim=2)
        within_squares(speeds.astype(np.float64), "velocities")
        with stage("fit", 0.0, 0.3):
            fit = fit_field(x, velocities, "tanh", width=width, times=times, rng=rng)
        if span is None:
            span = (0.0, 1.0) if times is None else fit.span
        if region is None:
            region = Region.holding(x, fraction=1 - 1e-6)
        dim = x.shape[1]
        if times is None:
            steady = fit.at(0.0)
            field = CallableField(lambda y: steady(y), dim, components=dim)
        else:
            field = CallableField(lambda y, t: fit.at(t)(y), dim, components=dim)
        with stage(None, 0.3):
            made = cls(field, activation, span=span, region=region, tol=tol)
        made._sampling = max(fit.held_out_error, 0.0)
        return made

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

    @with_progress("flow")
    def flow(
        self,
        points: ArrayLike,
        t: float,
        *,
        rtol: float = 1e-6,
        atol: float = 1e-9,
        log_density: bool = True,
        times: ArrayLike | None = None,
        progress: Progress = None,
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
        times : array_like, shape (k,), optional
            Depths at which to report trajectories.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

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
        if flag(log_density, "log_density"):
            initial = np.zeros(len(x))
            if self._source.flow is not None:
                initial = self._source.flow.law(start).logpdf(x)
        report = None if times is None else times_between(times, start, end)
        try:
            moved, log_det, stats = integrate(
                lambda y, s: self._evaluate(y, s)[0],
                x,
                start,
                end,
                rtol=rtol,
                atol=atol,
                divergence=self._divergence if log_density else None,
                t_eval=None if report is None else np.unique(np.append(report, end)),
            )
        except RegionError:
            raise escape_error(self._source, x, start, end) from None
        density = None if initial is None or log_det is None else initial - log_det
        if report is None:
            return FlowResult(moved, density, stats)
        count = len(report)
        return FlowResult(
            *(moved[-1], None if density is None else density[-1], stats),
            times=report,
            trajectory=moved[:count],
            trajectory_log_density=None if density is None else density[:count],
        )

    @with_progress("network of the double continuum")
    def network(
        self,
        depth: int,
        width: int,
        *,
        layers: str = "euler",
        sampling: str = "sobol",
        weights: str = "least_squares",
        control: str | None = "affine",
        neurons: str | None = None,
        aim: str = "velocity",
        spacing: str = "clock",
        n_samples: int | None = None,
        rng: int | np.random.Generator | None = None,
        progress: Progress = None,
    ) -> ResidualNetwork:
        r"""A finite residual network read off from this continuum.

        .. math:: x \leftarrow x + \tau \sum_{j=1}^{J} c_j(t_l)\,\eta(a_j\cdot x - b_j)
                  + \tau (A_l^\top x + c_l),\qquad l = 1,\dots,L

        Neurons are drawn from the spectra and, up to 1024 of them, chosen among the draws by
        orthogonal matching pursuit; outer weights are fitted to the represented velocity on the law
        that the layers before produced, or are the importance weights of the draw.

        Parameters
        ----------
        depth : int
            Layers L, at least 1.
        width : int
            Neurons J of each layer (of each stage, for "midpoint" and "rk4"), at least 1.
        layers : {"euler", "midpoint", "rk4"}
            One step of that Runge-Kutta method per layer: 1, 2 or 3 shallow networks.
        sampling : {"sobol", "sobol_layers", "stratified", "monte_carlo"}
            How neurons are drawn from the spectra; "sobol_layers": by one Sobol sequence, of which
            each layer takes the next block, so that their errors make up for each other.
        weights : {"least_squares", "tied", "importance"}
            Outer weights; "tied" fits one number s_j for each neuron, :math:`c_j = s_j a_j`, and a
            symmetric linear part: every stage is the gradient of a potential, as the score is.
            "importance": unbiased ones, without samples; :class:`WidthDepthLaw` tells their error.
        control : {"affine", None}
            Of importance weights: whether skip units carry the affine parts of neurons over the law
            at each depth (without law, over the region), see :meth:`ShallowNetwork.from_spectrum`.
        neurons : {"shared", "per_layer"}, optional
            Whether all layers have the same neurons (a, b): chosen for the velocities at the ends
            and in the middle, or, for importance weights, drawn from the average density of the
            depths. By default "per_layer" for importance weights, else "shared".
        aim : {"velocity", "flow"}
            What the last stage of a layer is fitted to: the velocity, so that the network is a
            Runge-Kutta line of the flow; or what is missing to where the flow takes the draws by
            the end of the layer, which makes up for the error of the step and of the layers before.
        spacing : {"clock", "even"}
            Layers of a law take steps that are equal in :math:`-\log(1 - t/t_{\max})`, in which
            the velocity changes evenly, or equal in t. Without law both are the same.
        n_samples : int, optional
            Draws of the law (without law: points of the region) on which weights are fitted; by
            default ``max(16000, 20 width)``.
        rng : int, Generator or None
            Randomness of neurons and draws.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ResidualNetwork

        Raises
        ------
        ValueError
            If depth or width is below 1, an option is unknown, there is but one depth, or "flow"
            is asked of rk4 layers or of importance weights.
        RegionError
            If draws leave the region on their way.
        MemoryBudgetError
            If the weights exceed the memory budget.

        Warns
        -----
        AccuracyWarning
            If importance weights are expected to move points by more than the flow does.

        Notes
        -----
        **Accuracy.** Order 1 in 1/L for "euler", 2 for "midpoint", 4 for "rk4", plus the width
        error: :math:`J^{-1/2}` for Monte Carlo with importance weights, faster by least squares.
        With ``aim="flow"`` the width error alone is left.

        **Cost.** One least-squares problem of n_samples x J for each stage.
        """
        return finite_network(
            self,
            depth,
            width,
            layers=layers,
            sampling=sampling,
            weights=weights,
            control=control,
            neurons=neurons,
            aim=aim,
            spacing=spacing,
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
        return self._source.draw(float(self.times[0]), positive_int(n, "n"), rng)

    @with_progress("error budget")
    def error_budget(
        self, network: ResidualNetwork | None = None, *, progress: Progress = None
    ) -> ContinuumBudget:
        """Estimated errors by source: spectra, window, sampling, depth, and width.

        Parameters
        ----------
        network : ResidualNetwork, optional
            Read off from this continuum; it is compared with the flow.
        progress : bool or callable, optional
            True for a bar on a terminal, or a function of a message and a share from 0 to 1.

        Returns
        -------
        ContinuumBudget
            Relative to the norm of the velocity, the worst over the depths; of a network, upper
            bounds of RMS errors relative to the RMS displacement.

        Raises
        ------
        ValueError
            If the network has another dimension, or leads beyond the last depth.
        """
        return continuum_budget(self, network)
