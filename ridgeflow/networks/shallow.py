"""Shallow networks: finite sums of neurons, and the affine part that neurons cannot carry."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import as_points, as_real_array, common_float, fits_in_memory, same_length
from ridgeflow.networks.sampling import neurons_of_representation, neurons_of_spectrum
from ridgeflow.networks.shallow_formats import ShallowFormats
from ridgeflow.profiles.activation import Activation
from ridgeflow.ridgelet.representation import IntegralRepresentation
from ridgeflow.ridgelet.spectra.spectrum import Spectrum
from ridgeflow.ridgelet.sums.ridge_sums import (
    activation_with_values,
    weighted_correlation,
    weighted_gradient,
    weighted_sum,
)

__all__ = ["ShallowNetwork"]


@takes_collections_in("__call__", "gradient")
class ShallowNetwork(ShallowFormats):
    r"""One hidden layer: a sum of neurons plus an affine skip part.

    .. math:: f(x) = \sum_{j=1}^{P} c_j\, \eta(a_j\cdot x - b_j) + x^{\mathsf T} A + d

    with A ``linear`` and d ``bias``. Note the minus sign before b.

    Parameters
    ----------
    a : array_like, shape (P, m)
        Inner weights, in 1/length. A 1-D array is read as P weights where m = 1.
    b : array_like, shape (P,)
        Offsets, dimensionless.
    c : array_like, shape (P,) or (P, k)
        Outer weights, in the unit of f.
    activation : str or Activation
        Any but "dirac", which has no values.
    linear : array_like, shape (m,) or (m, k), optional
        Linear part; zero by default.
    bias : array_like, shape () or (k,), optional
        Constant part; zero by default.

    Attributes
    ----------
    a, b, c, linear, bias : ndarray
        As given, read-only, float32 if all that were given are float32, float64 otherwise.
    activation : Activation
    width : int
        Number of neurons P.
    dim : int
        Dimension m.
    component_shape : tuple
        () for a scalar network, (k,) for a vector-valued one.

    Raises
    ------
    ValueError
        If shapes clash, an entry is not finite, or the activation has no values.

    Notes
    -----
    **Accuracy.** Values of η within 2 units in the last place, slopes within 3 units in the last
    place of the larger of 1 and their size, in the precision of the arguments; sums by tiles of
    neurons, accumulated in float64. Results do not depend on the number of threads.

    **Cost.** O(n P (m + k)) operations for n points; working memory of some ten megabytes and a
    copy of the outer weights, never an (n, P) array. The first call for an activation compiles its
    kernel, in seconds; it is kept on disk for the next process.

    See Also
    --------
    ridgeflow.fit_outer_weights, ridgeflow.ResidualNetwork, ridgeflow.load_network

    References
    ----------
    S. Sonoda and N. Murata, *Neural network with unbounded activation functions is universal
    approximator*, Appl. Comput. Harmon. Anal. 43 (2017).

    Examples
    --------
    >>> net = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
    >>> net([[-2.0], [3.0]])
    array([2., 3.])
    >>> net.gradient([[-2.0], [3.0]])
    array([[-1.],
           [ 1.]])
    """

    def __init__(
        self,
        a: ArrayLike,
        b: ArrayLike,
        c: ArrayLike,
        activation: str | Activation,
        *,
        linear: ArrayLike | None = None,
        bias: ArrayLike | None = None,
    ) -> None:
        inner = as_points(a, "a")
        offset = as_real_array(b, "b", ndim=1)
        outer = as_real_array(c, "c", ndim=(1, 2))
        if not len(inner) == len(offset) == len(outer):
            raise ValueError(
                "`a`, `b` and `c` must agree in their first length, got shapes "
                f"{inner.shape}, {offset.shape}, {outer.shape}"
            )
        dim, components = inner.shape[1], outer.shape[1:]
        given = [inner, offset, outer]
        affine: list[NDArray | None] = []
        for name, value, shape in (
            ("linear", linear, (dim, *components)),
            ("bias", bias, components),
        ):
            array = None if value is None else as_real_array(value, name)
            if array is not None:
                if array.shape != shape:
                    raise ValueError(f"`{name}` must have shape {shape}, got {array.shape}")
                given.append(array)
            affine.append(array)
        real = common_float(*given)
        filled = (
            np.zeros(shape) if array is None else array
            for array, shape in zip(affine, ((dim, *components), components), strict=True)
        )
        arrays = [np.array(v, dtype=real, order="C") for v in (inner, offset, outer, *filled)]
        for array in arrays:
            array.flags.writeable = False
        self.a, self.b, self.c, self.linear, self.bias = arrays
        self.activation = activation_with_values(activation)

    @property
    def width(self) -> int:
        """Number of neurons P."""
        return len(self.b)

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.a.shape[1]

    @property
    def component_shape(self) -> tuple[int, ...]:
        """() for a scalar network, (k,) for a vector-valued one."""
        return self.c.shape[1:]

    def __repr__(self) -> str:
        return (
            f"ShallowNetwork(width={self.width}, dim={self.dim}, "
            f"components={self.component_shape}, activation={self.activation.name!r})"
        )

    def _arguments(self, x: ArrayLike, extra: int) -> tuple[NDArray, list[NDArray]]:
        points = as_points(x, "x", self.dim)
        outer = self.c.reshape(self.width, -1)
        fits_in_memory(
            float(points.itemsize) * len(points) * outer.shape[1] * extra,
            f"the result at {len(points)} points",
            "evaluate in batches, or raise memory_budget",
        )
        real = common_float(points, self.c)
        parts = (self.a, self.b, outer, self.linear.reshape(self.dim, -1), self.bias.reshape(1, -1))
        return points.astype(real, copy=False), [p.astype(real, copy=False) for p in parts]

    def __call__(self, x: ArrayLike, *, out: NDArray | None = None) -> NDArray:
        """Values of the network.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Points; for m = 1 also shape (n,).
        out : ndarray, shape (n,) or (n, k), optional
            Array for the result, in its precision; fastest if C-contiguous.

        Returns
        -------
        ndarray, shape (n,) or (n, k)
            float32 if points and parameters are float32, float64 otherwise; ``out`` if it is given.

        Raises
        ------
        ValueError
            If a shape does not fit, ``out`` has another precision, a point is not finite, or the
            values overflow.
        TypeError
            If ``out`` is no array.
        MemoryBudgetError
            If the result exceeds the memory budget.

        Examples
        --------
        >>> ShallowNetwork([[1.0, 0.0]], [0.5], [2.0], "step", bias=1.0)([[1.0, 1.0]])
        array([3.])
        """
        points, (a, b, c, linear, bias) = self._arguments(x, 1)
        result = _target(out, (len(points), *self.component_shape), points.dtype)
        values = result.reshape(len(points), -1)
        with np.errstate(over="ignore", invalid="ignore"):
            weighted_sum(points, a, b, c, self.activation, values)
            if linear.any():
                values += points @ linear
            values += bias
        return _delivered(result, out)

    def gradient(self, x: ArrayLike, *, out: NDArray | None = None) -> NDArray:
        """Gradient of the network in x.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Points; for m = 1 also shape (n,).
        out : ndarray, shape (n, m) or (n, m, k), optional
            Array for the result, in its precision; fastest if C-contiguous.

        Returns
        -------
        ndarray, shape (n, m) or (n, m, k)
            ``[n, i, k]`` is the derivative of component k along coordinate i. At a kink of η it is
            the mean of both sides; jumps of η (the step function) contribute nothing.

        Raises
        ------
        ValueError, TypeError, MemoryBudgetError
            As for the values.

        Examples
        --------
        >>> ShallowNetwork([[3.0, 4.0]], [0.0], [1.0], "tanh").gradient([[0.0, 0.0]])
        array([[3., 4.]])
        """
        points, (a, b, c, linear, _) = self._arguments(x, self.dim)
        shape = (len(points), self.dim, *self.component_shape)
        result = _target(out, shape, points.dtype)
        slopes = result.reshape(len(points), self.dim, -1)
        with np.errstate(over="ignore", invalid="ignore"):
            weighted_gradient(points, a, b, c, self.activation, slopes)
            slopes += linear
        return _delivered(result, out)

    def correlate(
        self, x: ArrayLike, residuals: ArrayLike, *, out: NDArray | None = None
    ) -> NDArray:
        r"""Correlations of residuals with the neurons, the transpose of the sum.

        .. math:: g_j = \sum_{i=1}^{n} r_i\, \eta(a_j\cdot x_i - b_j)

        For residuals :math:`r = f(x) - y` this is the gradient of
        :math:`\tfrac12 \sum_i (f(x_i) - y_i)^2` in the outer weights. Neither these nor the affine
        part enter.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Points; for m = 1 also shape (n,).
        residuals : array_like, shape (n,) or (n, k)
            Any number of columns.
        out : ndarray, shape (P,) or (P, k), optional
            Array for the result, in its precision; fastest if C-contiguous.

        Returns
        -------
        ndarray, shape (P,) or (P, k)
            float32 if points, residuals and parameters are float32, float64 otherwise.

        Raises
        ------
        ValueError, TypeError, MemoryBudgetError
            As for the values; also if there are not as many residuals as points.

        Examples
        --------
        >>> net = ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
        >>> net.correlate([[-2.0], [3.0]], [1.0, 10.0])
        array([30.,  2.])
        """
        points = as_points(x, "x", self.dim)
        given = as_real_array(residuals, "residuals", ndim=(1, 2))
        same_length(x=points, residuals=given)
        real = common_float(points, given, self.c)
        shape = (self.width, *given.shape[1:])
        fits_in_memory(
            float(real.itemsize) * np.prod(shape),
            f"correlations of {given.shape[1:]} columns with {self.width} neurons",
            "correlate fewer columns at a time, or raise memory_budget",
        )
        result, points = _target(out, shape, real), points.astype(real, copy=False)
        inner, offset = self.a.astype(real, copy=False), self.b.astype(real, copy=False)
        r = given.reshape(len(points), -1).astype(real, copy=False)
        with np.errstate(over="ignore", invalid="ignore"):
            target = result.reshape(self.width, -1)
            weighted_correlation(points, inner, offset, r, self.activation, target)
        return _delivered(result, out)

    @classmethod
    def from_spectrum(
        cls,
        spectrum: Spectrum,
        activation: str | Activation,
        width: int | None = None,
        *,
        sampling: str = "sobol",
        weights: str = "importance",
        rng: int | np.random.Generator | None = None,
        points: ArrayLike | None = None,
        values: ArrayLike | None = None,
        control: str | None = "affine",
    ) -> ShallowNetwork:
        r"""Network whose neurons are nodes of a ridgelet spectrum.

        With :math:`R_j` the spectrum at node j, :math:`w_j` its quadrature weight and K the
        admissibility constant, the quadrature sum
        :math:`f(x) \approx K^{-1} \sum_j w_j R_j\, \eta(a_j\cdot x - b_j)` is taken whole
        ("quadrature"), or J nodes are drawn with probability
        :math:`p_j \propto w_j |R_j|` and given the weights

        .. math:: c_j = \frac{w_j R_j}{J\,K\,p_j},

        which is unbiased: the mean over draws is the quadrature sum. Under ``control="affine"``
        each neuron is split over given points, :math:`\eta_j = \ell_j\cdot x + d_j + r_j(x)`, and
        the residuals alone are drawn, with probability :math:`p_j \propto w_j |R_j| \sigma_j`,
        :math:`\sigma_j` the deviation of :math:`r_j` (and a fiftieth of the mean of all):

        .. math:: f(x) \approx \sum_{i=1}^{J} c_{j_i}\, r_{j_i}(x) + Pf(x)

        with Pf the least-squares affine part of the whole sum over the points. The affine parts
        are carried by ``linear`` and ``bias``; the mean over draws is the same.

        Parameters
        ----------
        spectrum : Spectrum
            On a polar or cartesian grid (plain nodes have no quadrature weights); real.
        activation : str or Activation
            Admissible with the ridgelet of the spectrum.
        width : int, optional
            Number of neurons J; all nodes where None, which needs ``sampling="quadrature"``. With
            "quadrature" it may only repeat the number of nodes.
        sampling : {"sobol", "stratified", "monte_carlo", "quadrature"}
            "monte_carlo": independent draws; "stratified": one draw from each of J equal parts of
            the mass in order of scales; "sobol": a scrambled Sobol sequence through the
            conditional distributions of scale, direction and offset. A node may be drawn
            repeatedly.
        weights : {"importance", "least_squares"}
            "least_squares" fits the outer weights to ``values``.
        rng : int, Generator or None
            Randomness of the draws.
        points : array_like, shape (n, m), optional
            Where least squares fits, or over which neurons lose their affine part; by default a
            Sobol set filling the ball that a polar grid covers.
        values : array_like, shape (n,) or (n, k), optional
            What it fits; by default the reconstruction from the spectrum.
        control : {"affine", None}
            Control variate of importance weights; "quadrature" has no use for it. With it, least
            squares fits an affine part beside neurons that act at the points: the choice, by the
            error on points held out, among draws with the densities :math:`|R|\,\sigma` and
            :math:`(|R|\,\sigma)^{1/2}` of dlog|a| du dp, p = b/|a|, spread over the cells of the
            nodes, what an orthogonal matching pursuit takes of two to eight times as many (up to
            1024 neurons), and plain ridges through the points. Without, it draws distinct nodes by
            :math:`|R|`.

        Returns
        -------
        ShallowNetwork
            On a grid with half of the directions the polynomial part p of η (ReLU: z/2), which
            cancels only over all directions, is taken off: where p is affine, exactly and through
            ``linear`` and ``bias``; where it is quadratic ("relu2"), by drawing each neuron or its
            mirror image (−a, −b) with equal probability (both, for "quadrature": 2P neurons).

        Raises
        ------
        ValueError
            If an option is unknown, the width does not fit, the spectrum is zero, complex or on
            plain nodes, or least squares or the control has no points: a grid that is not polar
            does not say where (pass them, or ``control=None``).
        AdmissibilityError
            If K diverges or vanishes.

        Warns
        -----
        AccuracyWarning
            If importance weights are expected to be worse than none: the deviation of so many
            independent neurons exceeds the RMS of the function over the points.

        Notes
        -----
        **Accuracy.** Importance weights: the root mean square error over draws is
        O(J^{-1/2}) by Monte Carlo, less by Sobol; the control lowers it by 4 to 20 where neurons
        are drawn that hardly bend over the points.

        **Cost.** O(P) for the draw, 256 P features for the control.

        References
        ----------
        S. Sonoda and N. Murata, *Sampling hidden parameters from oracle distribution*, ICANN 2014.

        Examples
        --------
        >>> import ridgeflow as rf
        >>> psi = rf.Ridgelet(1, 2)
        >>> grid = rf.ParameterGrid.polar(1, 1, np.geomspace(0.1, 8, 20), 3.0, 0.5)
        >>> law = rf.GaussianMixture([1.0], [[0.0]], 0.5)
        >>> spectrum = rf.ridgelet_transform(law, psi, grid)
        >>> ShallowNetwork.from_spectrum(spectrum, "gaussian", 30, rng=0).width
        30
        """
        neurons = neurons_of_spectrum(
            spectrum,
            activation_with_values(activation),
            width,
            sampling=sampling,
            weights=weights,
            rng=rng,
            points=points,
            values=values,
            control=control,
        )
        return cls._of(neurons)

    @classmethod
    def from_representation(
        cls,
        rep: IntegralRepresentation,
        width: int | None = None,
        *,
        sampling: str = "sobol",
        weights: str | None = None,
        rng: int | np.random.Generator | None = None,
        points: ArrayLike | None = None,
        control: str | None = "affine",
    ) -> ShallowNetwork:
        """Network drawn from an integral representation: its spectrum plus its affine part.

        Parameters
        ----------
        rep : IntegralRepresentation
            Holds the spectrum, the activation, the affine part and the region.
        width, sampling, weights, rng
            As in :meth:`from_spectrum`; weights are fitted by default, but for "quadrature", whose
            sum is taken as it stands. Least squares fits ``rep`` at max(4 width, 1000) points of
            a Sobol set filling the ball of the region, the affine part included.
        points, control
            As in :meth:`from_spectrum`: draws of the law on which the network will be used, say;
            by default they fill the ball of the region.

        Returns
        -------
        ShallowNetwork
            Approximates ``rep`` inside its region.

        Raises
        ------
        ValueError
            As in :meth:`from_spectrum`.
        RegionError
            If a point lies outside the region.

        Warns
        -----
        AccuracyWarning
            As in :meth:`from_spectrum`.

        Notes
        -----
        **Accuracy.** As in :meth:`from_spectrum`. **Cost.** O(P) for the draw; least squares
        O(n width²) on top.

        See Also
        --------
        from_spectrum

        Examples
        --------
        >>> import ridgeflow as rf
        >>> field = rf.CallableField(lambda x: np.tanh(x[:, 0]), 1)
        >>> rep = rf.IntegralRepresentation(
        ...     field, rf.activation("gaussian"), region=rf.Region([0.0], 1.0, 1.0), tol=1e-2)
        >>> ShallowNetwork.from_representation(rep, 20, rng=0).width
        20
        """
        neurons = neurons_of_representation(
            rep,
            width,
            sampling=sampling,
            weights=weights,
            rng=rng,
            points=points,
            control=control,
        )
        return cls._of(neurons)


def _target(out: NDArray | None, shape: tuple[int, ...], real: np.dtype) -> NDArray:
    """A C-contiguous array for a result: ``out`` itself if it is one."""
    if out is None:
        return np.empty(shape, real)
    if not isinstance(out, np.ndarray):
        raise TypeError(f"`out` must be an array, got {type(out).__name__}")
    if out.shape != shape or out.dtype != real:
        raise ValueError(
            f"`out` must have shape {shape} and dtype {real}, got {out.shape} and {out.dtype}"
        )
    if not out.flags.writeable:
        raise ValueError("`out` must be writeable, got a read-only array (pass a copy)")
    return out if out.flags.c_contiguous else np.empty(shape, real)


def _delivered(result: NDArray, out: NDArray | None) -> NDArray:
    """The result, in ``out`` where that is given; refused where it is not finite."""
    if not np.isfinite(result).all():
        raise ValueError(
            "the values of the network at `x` must be finite, got an overflow (the points or the "
            "parameters are too large)"
        )
    if out is None or result is out:
        return result
    out[...] = result
    return out
