"""Reading shallow networks: what their parameters say beside the function that they give."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._progress import Progress, steps, with_progress
from ridgeflow._validate import (
    as_generator,
    as_points,
    as_real_array,
    below_one,
    fits_in_memory,
    flag,
    instance_of,
    items_of,
    non_negative,
    positive,
    positive_int,
    representable,
    slab_rows,
)
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.least_squares import solve_outer_weights
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum

__all__ = [
    "NullSplit",
    "SamplingReport",
    "canonical_form",
    "parameter_density",
    "sampling_report",
    "split_null_space",
]

# Draws from which the variance of one neuron is estimated.
_PILOT = 4096

# |a|^p η(a/|a| . x - b/|a|) = η(a . x - b): the power p of activations that allow it.
_DEGREES = {"relu": 1, "step": 0, "relu2": 2, "linear": 1}


def canonical_form(net: ShallowNetwork, *, merge: bool = True) -> ShallowNetwork:
    r"""The same function with |a| = 1, where the activation is positively homogeneous.

    .. math:: c\,\eta(a\cdot x - b) = c\,|a|^p\,\eta\Big(\frac{a}{|a|}\cdot x - \frac{b}{|a|}\Big)

    with p = 1 for "relu", 2 for "relu2", 0 for "step": training moves freely along this scaling, so
    that weights can be compared only without it.

    Parameters
    ----------
    net : ShallowNetwork
    merge : bool
        Add up neurons that agree after the scaling to twelve digits.

    Returns
    -------
    ShallowNetwork
        Neurons with a = 0 go to the bias.

    Raises
    ------
    ValueError
        If the activation is not positively homogeneous.

    Notes
    -----
    **Accuracy.** To rounding.

    **Cost.** O(P m), and a sort.

    See Also
    --------
    split_null_space

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks*, 2021.

    Examples
    --------
    >>> net = ShallowNetwork([[2.0], [4.0]], [1.0, 2.0], [1.0, 0.5], "relu")
    >>> same = canonical_form(net)
    >>> same.a, same.b, same.c
    (array([[1.]]), array([0.5]), array([4.]))
    """
    instance_of(net, "net", ShallowNetwork)
    flag(merge, "merge")
    eta = net.activation
    if eta.order or eta.base not in _DEGREES:
        raise ValueError(
            f"`net` must have one of the activations {', '.join(_DEGREES)}, got {eta.name!r} (no "
            "scaling of its neurons leaves the function as it is)"
        )
    length = np.linalg.norm(net.a, axis=1)
    flat = length == 0
    outer = net.c.reshape(net.width, -1)
    bias = net.bias.reshape(-1) + (eta(-net.b[flat])[:, None] * outer[flat]).sum(axis=0)
    kept = ~flat
    scale = length[kept]
    a, b = net.a[kept] / scale[:, None], net.b[kept] / scale
    c = outer[kept] * (scale ** _DEGREES[eta.base])[:, None]
    if merge and len(a):
        rows = np.round(np.column_stack([a, b]), 12) + 0.0
        _, first, which = np.unique(rows, axis=0, return_index=True, return_inverse=True)
        summed = np.zeros((len(first), c.shape[1]), c.dtype)
        np.add.at(summed, which.ravel(), c)
        a, b, c = a[first], b[first], summed
    real = net.a.dtype
    return ShallowNetwork(
        a.astype(real),
        b.astype(real),
        c.reshape(-1, *net.component_shape).astype(real),
        eta,
        linear=net.linear,
        bias=bias.reshape(net.component_shape).astype(real),
    )


@dataclass(frozen=True)
class NullSplit:
    """A network as the sum of two with the same neurons.

    Attributes
    ----------
    minimum_norm : ShallowNetwork
        Of least \\|c\\| among those that agree with the network on the points; it has the affine
        part.
    ghost : ShallowNetwork
        The rest: it vanishes on the points.
    share : float
        :math:`|c_{ghost}|^2 / |c|^2`.
    rank : int
        Of the features at the points.
    """

    minimum_norm: ShallowNetwork
    ghost: ShallowNetwork
    share: float
    rank: int


def split_null_space(net: ShallowNetwork, points: ArrayLike, *, rcond: float = 1e-10) -> NullSplit:
    r"""Split a network into its minimum-norm part and its null-space component.

    .. math:: c = \Phi^+\Phi c + (I - \Phi^+\Phi)\,c,\qquad \Phi_{ij} = \eta(a_j\cdot x_i - b_j)

    The second part is what a finite network has of the ghosts :math:`R[f;\rho]`,
    :math:`K(\eta,\rho) = 0`, of the integral representation: outer weights that no data on the
    points can see.

    Parameters
    ----------
    net : ShallowNetwork
    points : array_like, shape (n, m)
    rcond : float
        Singular values below this part of the largest count as zero.

    Returns
    -------
    NullSplit

    Raises
    ------
    ValueError
        If shapes clash.

    Notes
    -----
    **Accuracy.** The ghost vanishes on the points to about ``rcond`` times the largest singular
    value times |c|.

    **Cost.** O(n P² + P³).

    See Also
    --------
    canonical_form, ridgeflow.fit_outer_weights

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ghosts in neural networks*, 2021.

    Examples
    --------
    >>> net = ShallowNetwork([[1.0], [1.0]], [0.0, 0.0], [3.0, 1.0], "tanh")
    >>> split = split_null_space(net, np.linspace(-1, 1, 9))
    >>> np.round(split.minimum_norm.c, 9), np.round(split.ghost.c, 9), round(split.share, 9)
    (array([2., 2.]), array([ 1., -1.]), 0.2)
    """
    instance_of(net, "net", ShallowNetwork)
    x = as_points(points, "points", net.dim).astype(np.float64)
    rcond = below_one(non_negative(rcond, "rcond"), "rcond")
    outer = net.c.reshape(net.width, -1).astype(np.float64)
    plain = ShallowNetwork(
        net.a.astype(np.float64), net.b.astype(np.float64), outer, net.activation
    )
    fit = solve_outer_weights(plain.a, plain.b, net.activation, x, plain(x), rcond=rcond)
    ghost = outer - fit.outer
    real, shape = net.a.dtype, (-1, *net.component_shape)
    total = float((outer**2).sum())
    return NullSplit(
        ShallowNetwork(
            *(net.a, net.b, fit.outer.reshape(shape).astype(real), net.activation),
            linear=net.linear,
            bias=net.bias,
        ),
        ShallowNetwork(net.a, net.b, ghost.reshape(shape).astype(real), net.activation),
        float((ghost**2).sum()) / total if total else 0.0,
        fit.rank,
    )


@representable
def parameter_density(
    net: ShallowNetwork, a: ArrayLike, b: ArrayLike, *, bandwidth: tuple[float, float]
) -> NDArray:
    r"""Smoothed density of a network's outer weights over its parameters: its empirical spectrum.

    .. math:: \gamma(a, b) = \sum_j c_j\, N(a - a_j; h_a^2 I)\, N(b - b_j; h_b^2)

    Comparable with a spectrum :math:`R[f;\psi]/K`, of which :math:`\sum_j c_j\,\delta_{(a_j,b_j)}`
    is a quadrature.

    Parameters
    ----------
    net : ShallowNetwork
    a : array_like, shape (n, m)
    b : array_like, shape (n,)
        Where the density is wanted, in 1/length and without dimension.
    bandwidth : tuple of two floats
        Standard deviations :math:`h_a` (1/length) and :math:`h_b`.

    Returns
    -------
    ndarray, shape (n,) or (n, k)

    Raises
    ------
    ValueError
        If shapes clash or a bandwidth is not positive.
    MemoryBudgetError
        If n P numbers do not fit a part of the memory budget.

    Notes
    -----
    **Accuracy.** To rounding.

    **Cost.** O(n P (m + k)).

    See Also
    --------
    ridgeflow.ridgelet_transform

    References
    ----------
    S. Sonoda, I. Ishikawa and M. Ikeda, *Ridge regression with over-parametrized two-layer networks
    converge to ridgelet spectrum*, AISTATS 2021.

    Examples
    --------
    >>> net = ShallowNetwork([[1.0]], [0.5], [2.0], "tanh")
    >>> value = parameter_density(net, [[1.0]], [0.5], bandwidth=(0.1, 0.1))
    >>> bool(abs(value[0] - 2 / (2 * np.pi * 0.01)) < 1e-12)
    True
    """
    instance_of(net, "net", ShallowNetwork)
    places = as_points(a, "a", net.dim).astype(np.float64)
    offsets = as_real_array(b, "b").astype(np.float64)
    if offsets.shape != (len(places),):
        raise ValueError(f"`b` must have shape ({len(places)},), got {offsets.shape}")
    widths = items_of(bandwidth, "bandwidth")
    if len(widths) != 2:
        raise ValueError(f"`bandwidth` must hold two numbers, got {len(widths)}")
    wide, high = positive(widths[0], "bandwidth[0]"), positive(widths[1], "bandwidth[1]")
    outer = net.c.reshape(net.width, -1).astype(np.float64)
    norm = (2 * np.pi) ** (-0.5 * (net.dim + 1)) / (wide**net.dim * high)
    rows = max(1, (1 << 22) // net.width)
    fits_in_memory(
        8.0 * min(rows, len(places)) * net.width * (net.dim + 2),
        "a block of kernel values",
        "use fewer neurons",
    )
    out = np.empty((len(places), outer.shape[1]))
    for start in range(0, len(places), rows):
        part = slice(start, start + rows)
        gap = ((places[part, None, :] - net.a[None]) ** 2).sum(axis=2) / wide**2
        gap += ((offsets[part, None] - net.b[None]) / high) ** 2
        out[part] = norm * (np.exp(-0.5 * gap) @ outer)
    return out.reshape(len(places), *net.component_shape)


@dataclass(frozen=True)
class SamplingReport:
    """What networks drawn from a spectrum will be worth.

    Attributes
    ----------
    deviation : ndarray, shape (n,) or (n, k)
        Standard deviation of a network of one neuron at each point; of one of J independent
        neurons, this divided by sqrt(J).
    error : float
        Root mean square over points and components for the width asked for, independent draws.
    scales : ndarray, shape (S,)
        Lengths |a| of the nodes.
    shares : ndarray, shape (S,)
        Share of the neurons that each of them gets.
    pilot : int
        Number of draws behind the deviation.
    """

    deviation: NDArray
    error: float
    scales: NDArray
    shares: NDArray
    pilot: int


@with_progress("sampling report")
def sampling_report(
    spectrum: Spectrum,
    activation: str | Activation,
    points: ArrayLike,
    width: int,
    *,
    rng: int | np.random.Generator | None = None,
    progress: Progress = None,
) -> SamplingReport:
    r"""Variance of networks whose neurons are drawn from \|spectrum\| with importance weights.

    .. math:: \mathrm{Var}\,f_J(x) = \frac1J\Big(\frac{\|R\|_1}{K^2}\int |R[f;\psi]|\,
              \eta(a\cdot x - b)^2\,da\,db - f(x)^2\Big)

    Parameters
    ----------
    spectrum : Spectrum
    activation : str or Activation
    points : array_like, shape (n, m)
    width : int
        Number of neurons J.
    rng : int or Generator, optional
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    SamplingReport

    Raises
    ------
    AdmissibilityError
        If the pair of profiles is not admissible.
    ValueError
        If the grid of the spectrum has no quadrature weights.

    Notes
    -----
    **Accuracy.** Estimated from 4096 draws: a few per cent.

    **Cost.** 4096 neurons at n points.

    See Also
    --------
    ShallowNetwork.from_spectrum

    References
    ----------
    S. Sonoda and N. Murata, *Sampling hidden parameters from oracle distribution*, ICANN 2014.

    Examples
    --------
    >>> import ridgeflow as rf
    >>> law = rf.GaussianMixture([1.0], [[0.0]], 1.0)
    >>> grid = rf.ParameterGrid.polar(1, 1, np.geomspace(0.05, 20, 40), 4.0, 0.3)
    >>> spectrum = rf.ridgelet_transform(law, rf.Ridgelet(1, 1), grid)
    >>> report = sampling_report(spectrum, "tanh", [[0.5]], 1000, rng=0)
    >>> bool(0.001 < report.error < 0.1)
    True
    """
    instance_of(spectrum, "spectrum", Spectrum)
    x = as_points(points, "points", spectrum.dim).astype(np.float64)
    width = positive_int(width, "width")
    with warnings.catch_warnings():
        # How far off a network is, is the question here.
        warnings.simplefilter("ignore", AccuracyWarning)
        net = ShallowNetwork.from_spectrum(
            spectrum,
            activation,
            _PILOT,
            sampling="monte_carlo",
            weights="importance",
            control=None,
            rng=as_generator(rng),
        )
    outer = _PILOT * net.c.reshape(_PILOT, -1).astype(np.float64)
    mean = np.zeros((len(x), outer.shape[1]))
    square = np.zeros_like(mean)
    rows = slab_rows(
        *(80.0 * _PILOT, len(x), 8.0 * (5 * outer.size + 4 * mean.size)),
        *("the pilot network at the points", "raise memory_budget"),
        most=80.0 * 2**22,
    )
    degree = net.linear.any() or net.bias.any()
    for start in steps(range(0, len(x), rows)):
        part = x[start : start + rows]
        features = net.activation(part @ net.a.T - net.b)
        if degree:
            # The polynomial that the affine part takes off each neuron.
            p0, p1 = (*net.activation.polynomial, 0.0)[:2]
            features = features - p0 - p1 * (part @ net.a.T - net.b)
        mean[start : start + rows] = features @ outer / _PILOT
        square[start : start + rows] = features**2 @ outer**2 / _PILOT
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    lengths = np.round(np.linalg.norm(spectrum.grid.a, axis=1), 12)
    scales, which = np.unique(lengths, return_inverse=True)
    shares = np.bincount(which.ravel(), weights=spectrum.mass)
    return SamplingReport(
        deviation.reshape(len(x), *spectrum.component_shape),
        float(np.sqrt((deviation**2).mean() / width)),
        scales,
        shares / shares.sum(),
        _PILOT,
    )
