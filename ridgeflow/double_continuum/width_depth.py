"""The joint law of width and depth: how far drawn networks are from the double continuum."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._progress import Progress, alone, stage, steps, with_progress
from ridgeflow._validate import (
    as_points,
    fits_in_memory,
    flag,
    instance_of,
    one_of,
    positive,
    positive_int,
)
from ridgeflow.columns import rms
from ridgeflow.double_continuum.continuum import DoubleContinuum
from ridgeflow.double_continuum.discretise import layer_edges
from ridgeflow.double_continuum.drawn_layers import shared_density
from ridgeflow.double_continuum.drawn_variance import (
    Neuron,
    Path,
    deviations,
    follow,
    neuron_at,
    quasi_draws,
    shared_nodes,
    time_rule,
)
from ridgeflow.networks.importance import is_mirrored
from ridgeflow.networks.node_draws import NodeDensity
from ridgeflow.networks.sampling import as_control

__all__ = ["WidthDepthLaw", "finite_squares", "spread_along", "width_depth_law"]

# Two-sided normal quantile of 95 %.
_QUANTILE = 1.959964
# Numbers of one neuron at all points, for shared neurons and recursions.
_PARTS = 2**23
_FEWEST = 32
_RECURSION_POINTS = 256
_MOST_DEPTHS = 1000
_NEURONS = ("per_layer", "shared")
# Operations for an activation, beside the products of a neuron.
_ACTIVATION = 10


@dataclass(frozen=True, eq=False)
class WidthDepthLaw:
    r"""Errors of networks of L Euler layers of J drawn neurons, before any is made.

    .. math:: E\|\hat x - x\|^2 \approx \frac{C_1^2}{L^2} + \frac{C_2^2}{LJ},\qquad
              \text{shared neurons:}\quad \frac{C_1^2}{L^2} + \frac{C_s^2}{J}

    Attributes
    ----------
    c1 : float
        :math:`C_1`, in the unit of x: of the Euler steps.
    c2 : float
        :math:`C_2`: of neurons that are drawn independently in every layer.
    c_shared : float
        :math:`C_s`: of neurons that are drawn once for all layers.
    spacing : str
        "clock" or "even": how layers step.
    control : str or None
        Control variate of the importance weights.
    displacement : float
        RMS way that the flow moves points, to compare errors with.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
    >>> limit = rf.DoubleContinuum(law, rf.activation("gaussian"), span=(0.0, 0.05), tol=1e-2)
    >>> both = rf.width_depth_law(limit, n_points=64, n_depths=4)
    >>> options = {"weights": "importance", "sampling": "monte_carlo", "rng": 0}
    >>> network = limit.network(16, 16, **options)
    >>> x = limit.draw(200, rng=1)
    >>> gap = network(x) - limit.flow(x, 0.05).points
    >>> bool(0.5 < np.sqrt(np.mean(gap**2)) / both.error(16, 16) < 2)
    True
    """

    c1: float
    c2: float
    c_shared: float
    spacing: str
    control: str | None
    displacement: float
    _limit: DoubleContinuum = field(repr=False)
    _nodes: int = field(repr=False)

    def error(
        self, depth: int, width: int, *, neurons: str = "per_layer", finite: bool = False
    ) -> float:
        r"""Predicted root mean square error of a network against the flow.

        Parameters
        ----------
        depth, width : int
            Layers L and neurons J of each.
        neurons : {"per_layer", "shared"}
        finite : bool
            In place of the leading terms, the L steps themselves: the error of exact Euler layers,
            and :math:`P_{l+1} = (I+\tau A)P_l(I+\tau A)^\top + \tau^2 L\,\Sigma_l`. Needed for
            fewer than some 16 layers.

        Returns
        -------
        float
            In the unit of x, over the first law and over draws of the neurons.

        Raises
        ------
        ValueError
            If depth or width is below 1 or the option is unknown.

        Notes
        -----
        **Accuracy.** Within 3 % of the measured error from L = 64 on, also for J = 1. Errors beyond
        the scale on which the velocity bends are of higher order in 1/(LJ).

        **Cost.** None; ``finite``: one sum over nodes for each layer.
        """
        depth, width = positive_int(depth, "depth"), positive_int(width, "width")
        one_of(neurons, "neurons", _NEURONS)
        if flag(finite, "finite"):
            steps, drawn = finite_squares(
                self._limit, depth, self.spacing, self.control, neurons == "shared"
            )
            return float(np.sqrt(steps + drawn / width))
        return float(self._errors(np.array([depth]), np.array([width]), neurons)[0])

    def _errors(self, depth: NDArray, width: NDArray, neurons: str) -> NDArray[np.float64]:
        drawn = self.c_shared**2 / width if neurons == "shared" else self.c2**2 / (depth * width)
        return np.sqrt((self.c1 / depth) ** 2 + drawn)

    def best(
        self,
        neurons: int | None = None,
        *,
        flops: float | None = None,
        shared: bool = False,
    ) -> tuple[int, int]:
        r"""Layers and neurons of least predicted error for a budget.

        Parameters
        ----------
        neurons : int, optional
            All neurons together, L J at most. Independent ones: as many layers as it takes to
            make the steps a twentieth of the error, :math:`L \approx 3\sqrt N C_1/C_2`; more, down
            to J = 1, gain next to nothing.
        flops : float, optional
            In place of it, operations to evaluate the network at one point: 4 m + 10 for a
            neuron, 2 m² + 4 m for the skip unit and the step of a layer.
        shared : bool
            Whether layers share their neurons.

        Returns
        -------
        depth, width : int

        Raises
        ------
        ValueError
            If not one of both budgets is given, or it is below that of one neuron.
        """
        if (neurons is None) == (flops is None):
            raise ValueError(
                "one of `neurons` and `flops` must be given, got "
                f"{'neither' if neurons is None else 'both'} (the whole budget of a network)"
            )
        dim = self._limit.dim
        each, layer = 4.0 * dim + _ACTIVATION, 2.0 * dim**2 + 4.0 * dim
        if neurons is not None:
            budget, each, layer = float(positive_int(neurons, "neurons")), 1.0, 0.0
        else:
            assert flops is not None
            budget = positive(flops, "flops")
            if budget < each + layer:
                raise ValueError(
                    f"`flops` must be at least {each + layer:g}, those of one neuron, got "
                    f"{budget:g}"
                )
        most = int(budget // (each + layer))
        depths = (
            np.arange(1, most + 1)
            if most <= 2**16
            else np.unique(np.geomspace(1, most, 2**16).astype(np.int64))
        )
        widths = np.floor((budget / depths - layer) / each + 1e-9).astype(np.int64)
        kept = widths >= 1
        depths, widths = depths[kept], widths[kept]
        kind = "shared" if flag(shared, "shared") else "per_layer"
        errors = self._errors(depths, widths, kind)
        # Of all that are as good within a twentieth the one of fewest layers.
        enough = 1.0 if shared or flops is not None else 1.05
        at = int(np.flatnonzero(errors <= enough * errors.min())[0])
        return int(depths[at]), int(widths[at])

    def covariance(self, x: ArrayLike) -> NDArray[np.float64]:
        r"""Covariances of the outputs for points x, times L J: the limit process.

        .. math:: P(x,y) = \int_0^1 \dot t(s)^2\,\Phi_x\,\Sigma_t(\varphi_t x,\varphi_t y)\,
                  \Phi_y^\top\,ds

        Parameters
        ----------
        x : array_like, shape (n, m)
            Where trajectories start.

        Returns
        -------
        ndarray, shape (n, n, m, m)
            Of independent neurons; :math:`\sqrt{LJ}(\hat x - x)` tends to the Gaussian process of
            this covariance.

        Raises
        ------
        RegionError
            If a point lies outside the region, or leaves it.
        MemoryBudgetError
            If n² numbers do not fit.
        """
        points = as_points(x, "x", self._limit.dim).astype(np.float64)
        n, dim = points.shape
        fits_in_memory(32.0 * (n * dim) ** 2, f"covariances of {n} points", "pass fewer points")
        times, weight, rate = time_rule(self._limit, self.spacing, self._nodes)
        path = follow(self._limit, points, times)
        total = np.zeros((n, n, dim, dim))
        for k, t in enumerate(times):
            neuron = neuron_at(self._limit, float(t), self.control)
            if neuron is not None:
                one, on = neuron.covariance(path.places[k]), path.onward[k]
                total += weight[k] * rate[k] ** 2 * np.einsum("iab,ijbc,jdc->ijad", on, one, on)
        return total

    def band(self, x: ArrayLike, depth: int, width: int) -> NDArray[np.float64]:
        r"""Half widths of 95 % confidence of the outputs of a drawn network,
        :math:`1.96\sqrt{P_{ii}(x,x)/(LJ)}`.

        They lie about the Euler steps of the velocity, which are :math:`C_1/L` off the flow.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Where trajectories start.
        depth, width : int

        Returns
        -------
        ndarray, shape (n, m)
            In the unit of x, for each coordinate and point by itself.

        Raises
        ------
        RegionError
            If a point lies outside the region, or leaves it.
        """
        depth, width = positive_int(depth, "depth"), positive_int(width, "width")
        points = as_points(x, "x", self._limit.dim).astype(np.float64)
        times, weight, rate = time_rule(self._limit, self.spacing, self._nodes)
        spread = spread_along(
            self._limit, follow(self._limit, points, times), times, weight * rate**2, self.control
        )
        variance = np.diagonal(spread, axis1=1, axis2=2) / (depth * width)
        return _QUANTILE * np.sqrt(np.maximum(variance, 0.0))


def finite_squares(
    limit: DoubleContinuum, depth: int, spacing: str, control: str | None, shared: bool
) -> tuple[float, float]:
    """Mean squares of L Euler steps of the velocity off the flow, and of what one neuron adds."""
    edges = layer_edges(limit, depth, spacing)
    density = shared_density(limit, control) if shared else None
    nodes = _nodes_of(limit, density)
    x = _fewer(quasi_draws(limit, _RECURSION_POINTS), nodes)
    end = limit.flow(x, float(edges[-1]), log_density=False, rtol=1e-8, atol=1e-10).points
    spread = np.zeros((len(x), limit.dim, limit.dim))
    parts = None if nodes is None else np.zeros((len(nodes[0]), *x.shape))
    for t, step in zip(edges[:-1], np.diff(edges), strict=True):
        value, jacobian = limit._with_jacobian(x, float(t))
        onward = np.eye(limit.dim) + step * jacobian
        neuron = neuron_at(limit, float(t), control, density, nodes)
        if parts is not None:
            parts = np.einsum("nab,jnb->jna", onward, parts)
            if neuron is not None:
                parts += step * _of_each(neuron, x)
        else:
            spread = onward @ spread @ onward.transpose(0, 2, 1)
            if neuron is not None:
                spread += step**2 * neuron.variance(x)
        x = x + step * value
    if parts is not None and nodes is not None:
        spread = deviations(parts, nodes[2])
    return rms(x - end) ** 2, float(np.trace(spread, axis1=1, axis2=2).mean())


def _nodes_of(
    limit: DoubleContinuum, density: NodeDensity | None
) -> tuple[NDArray, NDArray, NDArray] | None:
    """The nodes that stand for a shared density; None without one."""
    if density is None:
        return None
    return shared_nodes(density, is_mirrored(limit._dense[0].spectrum, limit.activation))


def _fewer(x: NDArray, nodes: tuple[NDArray, NDArray, NDArray] | None) -> NDArray:
    """So many of the points that what each neuron does at all of them fits."""
    if nodes is None:
        return x
    most = max(_FEWEST, _PARTS // (len(nodes[0]) * x.shape[1]))
    # The first points of a Sobol sequence fill space evenly; every other one of it does not.
    return x[:most]


def _of_each(neuron: Neuron, x: NDArray) -> NDArray[np.float64]:
    """What each neuron alone adds to the velocity: (N, n, k)."""
    out = np.empty((len(neuron.b), len(x), neuron.outer.shape[1]))
    for part, features in neuron.values(x):
        out[part] = features.T[:, :, None] * neuron.outer[part, None, :]
    return out


def spread_along(
    limit: DoubleContinuum, path: Path, times: NDArray, weight: NDArray, control: str | None
) -> NDArray[np.float64]:
    """P(x, x) for all points of a path: (n, m, m)."""
    total = np.zeros_like(path.onward[0])
    for k in steps(range(len(times))):
        t = times[k]
        neuron = neuron_at(limit, float(t), control)
        if neuron is not None:
            on = path.onward[k]
            total += weight[k] * on @ neuron.variance(path.places[k]) @ on.transpose(0, 2, 1)
    return total


def _shared_spread(
    limit: DoubleContinuum,
    x: NDArray,
    times: NDArray,
    weight: NDArray,
    control: str | None,
) -> NDArray[np.float64]:
    """Covariances (n, m, m) of what one neuron does along the whole flow."""
    density = shared_density(limit, control)
    nodes = _nodes_of(limit, density)
    if nodes is None:
        return np.zeros((len(x), limit.dim, limit.dim))
    x = _fewer(x, nodes)
    path = follow(limit, x, times)
    total = np.zeros((len(nodes[0]), *x.shape))
    for k in steps(range(len(times))):
        t = times[k]
        neuron = neuron_at(limit, float(t), control, density, nodes)
        if neuron is not None:
            each = _of_each(neuron, path.places[k])
            total += weight[k] * np.einsum("nab,jnb->jna", path.onward[k], each)
    return deviations(total, nodes[2])


@with_progress("law of width and depth")
def width_depth_law(
    limit: DoubleContinuum,
    *,
    spacing: str = "clock",
    control: str | None = "affine",
    n_points: int = 1024,
    n_depths: int = 10,
    progress: Progress = None,
) -> WidthDepthLaw:
    r"""The constants of the errors of drawn networks, from the spectra of their limit.

    A layer draws its velocity with a covariance :math:`\Sigma_t/J` over draws, the flow carries it
    on by its propagator :math:`\Phi(T,t)`, and layers are independent. With L steps
    :math:`\dot t(s)/L`, s in [0, 1] (t(s) even, or the clock's),

    .. math:: C_1 = \tfrac12\Big\|\int_0^1 \dot t^2\,\Phi\,\ddot\varphi_t\,ds\Big\|_{L^2(\mu_0)},
              \qquad
              C_2^2 = E_{\mu_0}\,\mathrm{tr}\int_0^1 \dot t^2\,\Phi\,\Sigma_t\,\Phi^\top ds,

    and :math:`C_s^2 = E_{\mu_0}\,\mathrm{tr}\,\mathrm{Cov}_\theta \int \Phi\,g_t(\theta)\,dt`
    for neurons that all layers share.

    Parameters
    ----------
    limit : DoubleContinuum
        Over an interval of depths.
    spacing : {"clock", "even"}
        As in :meth:`DoubleContinuum.network`.
    control : {"affine", None}
        As there.
    n_points : int
        Points of the first law (without law, of the region) over which the constants are averaged.
    n_depths : int
        Gauss-Legendre nodes of the integrals over depth, at most 1000.
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    WidthDepthLaw

    Raises
    ------
    TypeError
        If ``limit`` is no DoubleContinuum.
    ValueError
        If an option is unknown or there is but one depth.
    RegionError
        If trajectories leave the region.
    MemoryBudgetError
        If the trajectories do not fit.

    Notes
    -----
    **Accuracy.** Some 1 %: of Sobol points of the law, and of 16384 draws in place of all nodes
    where there are more. The constants belong to the ridgelet and the region as well as to the law:
    a higher order or a wider margin draws more that cancels.

    **Cost.** ``n_points`` times the nodes of the dense spectra (at most 16384) for each of the
    depths, twice.

    See Also
    --------
    DoubleContinuum.network, double_limit_study

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017. The exponents
    are those of L. Chizat, *The hidden width of deep ResNets: tight error bounds and phase
    diagrams*, arXiv:2509.10167 (2025), for trained networks.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
    >>> limit = rf.DoubleContinuum(law, rf.activation("gaussian"), span=(0.0, 0.05), tol=1e-2)
    >>> both = width_depth_law(limit, n_points=64, n_depths=4)
    >>> bool(both.error(64, 16) < both.error(16, 16))
    True
    >>> depth, width = both.best(1000)
    >>> depth * width <= 1000
    True
    """
    instance_of(
        limit, "limit", DoubleContinuum, hint="of a MovingContinuum pass its `inner`, in its units"
    )
    spacing = one_of(spacing, "spacing", ("clock", "even"))
    control = as_control(control)
    nodes = positive_int(n_depths, "n_depths", maximum=_MOST_DEPTHS)
    count, dim = positive_int(n_points, "n_points"), limit.dim
    fits_in_memory(
        # Points come in powers of two.
        16.0 * count * (dim + 1) * (2 + (nodes + 4) * (dim + 2)),
        f"trajectories of {count} points",
        "take fewer n_points",
    )
    layer_edges(limit, 1, spacing)  # which refuses a single depth
    times, weight, rate = time_rule(limit, spacing, nodes)
    x = quasi_draws(limit, count)
    with stage("trajectories", 0.0, 0.2), alone():
        path = follow(limit, x, times)
    pushed = np.einsum("k,kiab,kib->ia", weight * rate**2, path.onward, path.bend)
    with stage("spread of drawn layers", 0.2, 0.6):
        spread = spread_along(limit, path, times, weight * rate**2, control)
    with stage("spread of shared neurons", 0.6):
        shared = _shared_spread(limit, x, times, weight * rate, control)
    return WidthDepthLaw(
        c1=0.5 * rms(pushed),
        c2=_root_trace(spread),
        c_shared=_root_trace(shared),
        spacing=spacing,
        control=control,
        displacement=rms(path.end - path.start),
        _limit=limit,
        _nodes=nodes,
    )


def _root_trace(covariances: NDArray) -> float:
    """Root of the mean trace of covariances (n, m, m)."""
    return float(np.sqrt(max(np.trace(covariances, axis1=1, axis2=2).mean(), 0.0)))
