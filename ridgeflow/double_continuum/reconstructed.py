"""Deep networks read off from samples of a vector field, without training."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._progress import Progress, stage, with_progress
from ridgeflow._validate import as_points, common_float, fits_in_memory, one_of, positive_int
from ridgeflow._validate import finite_number as _finite
from ridgeflow.double_continuum.field_fit import fit_field
from ridgeflow.errors import AccuracyWarning
from ridgeflow.networks.residual import ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation
from ridgeflow.schemes import SCHEMES

__all__ = ["reconstruct_network"]

# Samples and times at which rates of a field are taken, and the logarithm of the amplification,
# beyond that of the flow, that is too much.
_PROBES, _TIMES, _AMPLIFIED = 64, 16, 2.3


@with_progress("network of samples")
def reconstruct_network(
    points: ArrayLike,
    velocities: ArrayLike,
    activation: str | Activation,
    *,
    depth: int,
    width: int,
    time: float = 1.0,
    times: ArrayLike | None = None,
    layers: str = "euler",
    time_degree: int | None = None,
    slope: float = 1.0,
    ridge: float | str = "loo",
    holdout: float = 0.1,
    control: str | None = "affine",
    rng: int | np.random.Generator | None = None,
    progress: Progress = None,
) -> ResidualNetwork:
    r"""A deep residual network from samples of a vector field, without training.

    .. math:: x_{l+1} = x_l + \tau\,v(x_l, t_l),\qquad \tau = T / L

    ("euler"; "midpoint" and "rk4" likewise), v fitted to the samples: the network is an Euler line
    of the flow of the field.

    Parameters
    ----------
    points : array_like, shape (n, m)
        Places of the samples, where the flow will pass.
    velocities : array_like, shape (n, m)
        The field there.
    activation : str or Activation
    depth : int
        Number of layers L.
    width : int
        Neurons of each stage field.
    time : float
        Length T of the flow, may be negative for a steady field; a timed field starts at its first
        sample time.
    times : array_like, shape (n,), optional
        Time of each sample; without them the field is steady.
    layers : {"euler", "midpoint", "rk4"}
        Scheme of the layers, of order 1, 2, 4.
    time_degree, slope, ridge, holdout, control
        See :func:`fit_field`.
    rng : int or Generator, optional
    progress : bool or callable, optional
        True for a bar on a terminal, or a function of a message and a share from 0 to 1.

    Returns
    -------
    ResidualNetwork
        Its ``held_out_error`` is the root mean square error of the field on samples that were held
        out, in units of the root mean square velocity; NaN where ``holdout`` of the samples is less
        than half a sample. Its ``region`` is a ball around the samples, of samples on a plane what
        of it is near that plane: points outside, and points that leave it on their way, give a
        :class:`~ridgeflow.RegionWarning`. Where all velocities are zero, so are the outer weights.

    Raises
    ------
    ValueError
        If shapes clash, an option is out of range, or the flow leaves the sample times.

    Warns
    -----
    AccuracyWarning
        If the error on samples held out is beyond .9 of the velocities, sample times leave a gap in
        which the field is a guess, or the layers amplify tenfold what the flow does not, as
        explicit ones do where a field is stiff; it names a depth that would do.

    Notes
    -----
    **Accuracy.** That of the field on the samples, times the growth of the flow; O(1/L) more for
    "euler", O(1/L²) for "midpoint", O(1/L⁴) for "rk4".

    **Cost.** One least-squares problem, O(n P²), whatever the depth, and two for the choice of
    neurons.

    See Also
    --------
    fit_field : the field alone.
    ridgeflow.DoubleContinuum : from a law or a function, with a known error.

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017.

    Examples
    --------
    >>> x = np.random.default_rng(0).uniform(-1, 1, (500, 1))
    >>> net = reconstruct_network(x, -x, "tanh", depth=16, width=20, layers="rk4", rng=0)
    >>> bool(abs(net([[1.0]])[0, 0] - np.exp(-1)) < 1e-4), net.held_out_error < 1e-6
    (True, True)
    """
    depth = positive_int(depth, "depth")
    total = _finite(time, "time")
    if total / depth == 0:
        raise ValueError(
            f"`time` must not be zero, nor vanish over {depth} layers, got {total:g} (the flow "
            "would be the identity)"
        )
    one_of(layers, "layers", SCHEMES)
    places = as_points(points, "points")
    fits_in_memory(
        8.0
        * depth
        * len(SCHEMES[layers].nodes)
        * positive_int(width, "width")
        * (2 * places.shape[1] + 1),
        f"a network of {depth} {layers} layers of {width} neurons",
        "take fewer layers or neurons, or raise memory_budget",
    )
    with stage(None, 0.0, 0.9):
        fit = fit_field(
            points,
            velocities,
            activation,
            width=width,
            times=times,
            time_degree=time_degree,
            slope=slope,
            ridge=ridge,
            holdout=holdout,
            control=control,
            rng=rng,
        )
    begin = fit.span[0]
    if times is not None and not 0 < total <= (fit.span[1] - begin) * (1 + 1e-12):
        raise ValueError(
            f"`time` must lie in (0, {fit.span[1] - begin:g}], the span of the sample times, got "
            f"{total:g}"
        )
    step = total / depth
    # Points decide the precision, as everywhere.
    real = common_float(places, np.asarray(velocities))
    made = [
        tuple(_cast(fit.at(begin + (layer + s) * step), real) for s in SCHEMES[layers].nodes)
        for layer in range(depth)
    ]
    net = ResidualNetwork(made, np.full(depth, step), scheme=layers, region=fit.region)
    net.held_out_error = fit.held_out_error
    _warn_of_stiffness(net, places.astype(np.float64))
    return net


def _warn_of_stiffness(net: ResidualNetwork, points: NDArray) -> None:
    """Layers that amplify what the flow damps, and the depth at which they do not."""
    x = points[:: -(-len(points) // _PROBES)]
    total, depth = float(net.steps.sum()), net.depth
    looked = range(0, depth, -(-depth // _TIMES))
    rates = np.concatenate(
        [np.linalg.eigvals(net.layers[layer][0].gradient(x)).ravel() for layer in looked]
    )
    # What the flow takes each of them to over the whole time.
    wanted = np.maximum((rates * total).real, 0.0)
    scheme = SCHEMES[net.scheme]

    def excess(count: int) -> float:
        """Logarithm of the amplification by so many layers beyond that of the flow."""
        z = rates * (total / count)
        with np.errstate(over="ignore", invalid="ignore"):
            factor = np.abs(scheme.step(lambda _, at: z * at, np.ones_like(z), 1.0))
        return float(np.max(count * np.log(np.maximum(factor, 1e-300)) - wanted))

    if not excess(depth) > _AMPLIFIED:
        return
    enough = depth
    while excess(enough) > _AMPLIFIED and enough < 2**30:
        enough = -(-3 * enough // 2)
    warnings.warn(
        f"{depth} {net.scheme} layers amplify by {np.exp(min(excess(depth), 700.0)):.1e} what the "
        f"flow does not: the field is stiff, with rates up to {np.abs(rates).max():.3g} over a "
        f"time of {abs(total):g} (take depth={enough})",
        AccuracyWarning,
        stacklevel=4,
    )


def _cast(net: ShallowNetwork, real: np.dtype) -> ShallowNetwork:
    if real == np.float64:
        return net
    parts = (np.asarray(part, real) for part in (net.a, net.b, net.c, net.linear, net.bias))
    a, b, c, linear, bias = parts
    return ShallowNetwork(a, b, c, net.activation, linear=linear, bias=bias)
