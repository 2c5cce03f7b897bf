"""Residual networks: depth times width, each block a shallow network that moves the points."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ridgeflow._collections import takes_collections_in
from ridgeflow._validate import (
    as_points,
    as_real_array,
    common_float,
    fits_in_memory,
    instance_of,
    items_of,
    one_of,
)
from ridgeflow.errors import RegionWarning
from ridgeflow.fields.region import Region
from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.onnx_format import residual_to_onnx
from ridgeflow.networks.residual_calculus import (
    InverseResult,
    StackedFields,
    advance,
    inverse,
    jacobian,
    log_det,
    warn_of_leavers,
)
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.networks.storage import Layers, save_layers, stored_parts
from ridgeflow.networks.torch_format import residual_to_torch, stages_of
from ridgeflow.schemes import SCHEMES

__all__ = ["ResidualNetwork", "load_network"]


@takes_collections_in("__call__", "trajectory", "jacobian", "log_det")
class ResidualNetwork:
    r"""Deep residual network whose blocks are shallow networks.

    .. math:: x_{l+1} = x_l + \tau_l \sum_i \beta_i k_i,\qquad
              k_i = v_{l,s(i)}(x_l + \tau_l \alpha_i k_{i-1})

    with :math:`v_{l,s}` the stage fields of layer l: "euler" has one (at the time of the layer),
    "midpoint" two (at t and at t + τ/2), "rk4" three (at t, t + τ/2, used twice, and t + τ).

    Parameters
    ----------
    layers : sequence
        One entry per layer: a tuple of stage fields (:class:`ShallowNetwork`, from R^m to R^m), or
        for "euler" the field itself.
    steps : array_like, shape (L,)
        Steps τ; may be negative, not zero.
    scheme : {"euler", "midpoint", "rk4"}
    region : Region, optional
        Where the network holds; inputs outside give a warning.

    Attributes
    ----------
    layers : list of tuple of ShallowNetwork
    steps : ndarray, shape (L,)
    scheme : str
    region : Region or None
    depth : int
        Number of layers L.
    width : int
        Neurons of the widest stage field.
    dim : int
        Dimension m.
    held_out_error : float or None
        Of a field from samples.

    Raises
    ------
    ValueError
        If there is no layer, a layer has the wrong number of stages, a field does not map R^m to
        R^m, or the steps do not fit.
    TypeError
        If a stage is not a ShallowNetwork.

    Notes
    -----
    **Accuracy.** Schemes of order 1, 2 and 4 in the step for the flow of a smooth field.
    **Cost.** 1, 2 or 4 evaluations of a shallow network per layer.

    See Also
    --------
    ShallowNetwork, ridgeflow.load_network

    References
    ----------
    S. Sonoda and N. Murata, *Double continuum limit of deep neural networks*, 2017.

    Examples
    --------
    >>> field = ShallowNetwork([[1.0]], [0.0], [[0.0]], "tanh", linear=[[-1.0]])
    >>> net = ResidualNetwork([field, field], [0.5, 0.5])
    >>> net([[8.0]])
    array([[2.]])
    """

    def __init__(
        self,
        layers: Sequence[ShallowNetwork | Sequence[ShallowNetwork]],
        steps: ArrayLike,
        *,
        scheme: str = "euler",
        region: Region | None = None,
    ) -> None:
        self.scheme = one_of(scheme, "scheme", SCHEMES)
        stages = len(SCHEMES[self.scheme].nodes)
        self.layers: list[tuple[ShallowNetwork, ...]] = []
        for index, layer in enumerate(items_of(layers, "layers")):
            fields = tuple(layer) if isinstance(layer, (tuple, list)) else (layer,)
            for field in fields:
                if not isinstance(field, ShallowNetwork):
                    raise TypeError(
                        f"`layers[{index}]` must hold ShallowNetworks, got {type(field).__name__}"
                    )
            if len(fields) != stages:
                raise ValueError(
                    f"`layers[{index}]` must hold {stages} stage field(s) for "
                    f"scheme={self.scheme!r}, got {len(fields)}"
                )
            self.layers.append(fields)
        if not self.layers:
            raise ValueError("`layers` must hold at least one layer, got none")
        dim = self.layers[0][0].dim
        for index, fields in enumerate(self.layers):
            for field in fields:
                if field.dim != dim or field.component_shape != (dim,):
                    raise ValueError(
                        f"`layers[{index}]` must map R^{dim} to R^{dim}, got a network with dim "
                        f"{field.dim} and component shape {field.component_shape}"
                    )
        self.steps = as_real_array(steps, "steps", ndim=1).astype(np.float64)
        if len(self.steps) != len(self.layers):
            raise ValueError(
                f"`steps` must hold one step for each of the {len(self.layers)} layers, got shape "
                f"{self.steps.shape}"
            )
        if (self.steps == 0).any():
            raise ValueError("`steps` must not be zero, got a zero step (drop that layer)")
        if region is not None:
            instance_of(region, "region", Region)
            if region.dim != dim:
                raise ValueError(f"`region` must have dimension {dim}, got {region.dim}")
        self.steps.flags.writeable = False
        self.region = region
        self.held_out_error: float | None = None

    @property
    def depth(self) -> int:
        """Number of layers L."""
        return len(self.layers)

    @property
    def width(self) -> int:
        """Neurons of the widest stage field."""
        return max(field.width for fields in self.layers for field in fields)

    @property
    def dim(self) -> int:
        """Dimension m of the space."""
        return self.layers[0][0].dim

    @property
    def plan(self) -> tuple[int, tuple[tuple[int, float], ...], tuple[float, ...]]:
        """Of the scheme: stage fields, (stage, fraction of the step) of evaluations, weights."""
        method = SCHEMES[self.scheme]
        ahead = (0.0, *(row[-1] for row in method.rows))
        return (
            len(method.nodes),
            tuple(zip(method.node_of, ahead, strict=True)),
            method.weights,
        )

    @property
    def _stacked(self) -> StackedFields:
        return StackedFields(self.layers, self.steps, SCHEMES[self.scheme])

    def _parts(self) -> list[list[Neurons]]:
        return [[field._neurons for field in fields] for fields in self.layers]

    def __repr__(self) -> str:
        return (
            f"ResidualNetwork(depth={self.depth}, width={self.width}, dim={self.dim}, "
            f"scheme={self.scheme!r})"
        )

    def _points(self, x: ArrayLike) -> NDArray:
        points = as_points(x, "x", self.dim)
        real = common_float(points, *(f.c for fields in self.layers for f in fields))
        if self.region and (outside := np.count_nonzero(~self.region.contains(points))):
            warnings.warn(
                f"{outside} of {len(points)} points lie outside the region of the network "
                f"({self.region}): build it on a larger region",
                RegionWarning,
                stacklevel=4,
            )
        return points.astype(real)

    def __call__(self, x: ArrayLike) -> NDArray:
        """Images of the points under the whole network.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Points; for m = 1 also shape (n,).

        Returns
        -------
        ndarray, shape (n, m)
            float32 if points and parameters are float32, float64 otherwise.

        Raises
        ------
        ValueError
            If the shape does not fit, a point is not finite, or the points leave the range of
            floating-point numbers.

        Warns
        -----
        RegionWarning
            If points lie outside the region, or leave that of the samples of a field.

        Examples
        --------
        >>> field = ShallowNetwork([[1.0]], [0.0], [[1.0]], "relu")
        >>> ResidualNetwork([field], [0.5])([[1.0], [-1.0]])
        array([[ 1.5],
               [-1. ]])
        """
        here, stacked = self._points(x), self._stacked
        begun = left = self._beyond(here)
        for layer in range(self.depth):
            here = advance(stacked, here, layer)
            left = left | self._beyond(here)
        warn_of_leavers(self.region, left & ~begun)
        return here

    def _beyond(self, points: NDArray) -> NDArray[np.bool_]:
        """Which points are where samples said nothing; other layers hold wherever the flow goes."""
        if self.region and self.held_out_error is not None:
            return ~self.region.contains(points)
        return np.zeros(len(points), bool)

    def trajectory(self, x: ArrayLike) -> NDArray:
        """Points before the first layer and after every layer.

        Parameters
        ----------
        x : array_like, shape (n, m)
            Points; for m = 1 also shape (n,).

        Returns
        -------
        ndarray, shape (L + 1, n, m)

        Raises
        ------
        ValueError
            As in evaluation.
        MemoryBudgetError
            If the trajectory exceeds the memory budget.

        Warns
        -----
        RegionWarning
            If points lie outside the region, or leave that of the samples of a field.

        Examples
        --------
        >>> field = ShallowNetwork([[1.0]], [0.0], [[0.0]], "tanh", bias=[1.0])
        >>> ResidualNetwork([field], [0.5]).trajectory([[1.0]]).shape
        (2, 1, 1)
        """
        here, stacked = self._points(x), self._stacked
        fits_in_memory(
            float(here.nbytes) * (self.depth + 1),
            f"a trajectory of {len(here)} points through {self.depth} layers",
            "pass fewer points, or raise memory_budget",
        )
        out = np.stack([here] * (self.depth + 1))
        begun = left = self._beyond(here)
        for layer in range(self.depth):
            out[layer + 1] = advance(stacked, out[layer], layer)
            left = left | self._beyond(out[layer + 1])
        warn_of_leavers(self.region, left & ~begun)
        return out

    def jacobian(self, x: ArrayLike) -> NDArray:
        r"""Jacobian matrix of the whole network, the product of those of its layers.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n, m, m)
            ``[i, k, d]`` is :math:`\partial y_k/\partial x_d` at point i; at kinks of η the mean
            of both sides.

        Raises
        ------
        ValueError, MemoryBudgetError
            As in :meth:`trajectory`.

        Examples
        --------
        >>> field = ShallowNetwork([[1.0]], [0.0], [[0.0]], "tanh", linear=[[-1.0]])
        >>> ResidualNetwork([field, field], [0.5, 0.5]).jacobian([[8.0]])
        array([[[0.25]]])
        """
        return jacobian(self._stacked, self._points(x))

    def log_det(self, x: ArrayLike) -> NDArray:
        r"""Logarithm of the change of volume, :math:`\log|\det \partial y/\partial x|`.

        A law of density p at x has the density :math:`p(x)/|\det|` at y where the network is
        invertible.

        Parameters
        ----------
        x : array_like, shape (n, m)

        Returns
        -------
        ndarray, shape (n,)
            The sum over layers; -inf where a layer is singular.

        Raises
        ------
        ValueError, MemoryBudgetError
            As in :meth:`trajectory`.

        Examples
        --------
        >>> field = ShallowNetwork([[1.0]], [0.0], [[0.0]], "tanh", linear=[[-1.0]])
        >>> ResidualNetwork([field], [0.5]).log_det([[8.0]])
        array([-0.69314718])
        """
        return log_det(self._stacked, self._points(x))

    def inverse(
        self, y: ArrayLike, *, tol: float = 1e-12, max_iterations: int = 100
    ) -> InverseResult:
        """Points that the network carries to y, with what vouches for them.

        Parameters
        ----------
        y : array_like, shape (n, m)
        tol : float
            Residual of each layer, relative to the lengths of y and of the step that its neurons
            and bias take: exact changes of unit change nothing.
        max_iterations : int
            Of damped Newton steps for each layer.

        Returns
        -------
        InverseResult
            Points, residuals, Lipschitz bounds of the layers; ``unique`` where they are all < 1.

        Raises
        ------
        ConvergenceError
            If a layer has no preimage of some point, or none was found; the message names it.
        ValueError
            If a shape or an option does not fit.

        Examples
        --------
        >>> field = ShallowNetwork([[1.0]], [0.0], [[0.0]], "tanh", linear=[[-1.0]])
        >>> found = ResidualNetwork([field], [0.5]).inverse([[4.0]])
        >>> found.points.round(9), found.unique
        (array([[8.]]), True)
        """
        return inverse(self._stacked, y, tol=tol, max_iterations=max_iterations)

    def to_torch(self) -> Any:
        """This network as a trainable PyTorch module.

        Returns
        -------
        torch.nn.Module
            From (n, m) to (n, m), with the dtype of the weights; steps and scheme are fixed.

        Raises
        ------
        MissingDependencyError
            If PyTorch is not installed.
        ValueError
            If the activation has no counterpart there.

        See Also
        --------
        from_torch, to_onnx

        Notes
        -----
        **Accuracy.** The same sums in another order: 1e-6 of the values in float32.

        **Cost.** A copy of the weights.
        """
        return residual_to_torch(self._parts(), self.steps, self.scheme)

    @staticmethod
    def from_torch(module: Any) -> ResidualNetwork:
        """The network of a module that :meth:`to_torch` made, with the weights it has now.

        Parameters
        ----------
        module : torch.nn.Module

        Returns
        -------
        ResidualNetwork

        Raises
        ------
        MissingDependencyError
            If PyTorch is not installed.
        ValueError
            If the module is of another kind.

        See Also
        --------
        to_torch
        """
        layers = [
            [ShallowNetwork.from_torch(one) for one in stages] for stages in stages_of(module)
        ]
        return ResidualNetwork(layers, module.steps, scheme=module.scheme)

    def to_onnx(self, path: str | os.PathLike, *, dtype: str | None = None) -> None:
        """Write an ONNX model with input ``x`` (n, m) and output ``y`` (n, m).

        Parameters
        ----------
        path : str or path
            Usually ending in ".onnx".
        dtype : {"float32", "float64"}, optional
            Precision of the model, by default that of the network.

        Raises
        ------
        MissingDependencyError
            If the package onnx is not installed.
        ValueError
            If the activation has no counterpart there.

        See Also
        --------
        to_torch, save
        """
        residual_to_onnx(self._parts(), self.steps, self.scheme, path, dtype)

    def save(self, path: str | os.PathLike) -> None:
        """Write the network to a .npz file that :func:`ridgeflow.load_network` reads.

        Parameters
        ----------
        path : str or path-like
            File to write; an existing one is replaced only when the new one is whole.

        Raises
        ------
        OSError
            If the folder does not exist or cannot be written.

        Examples
        --------
        >>> import tempfile, pathlib
        >>> field = ShallowNetwork([[1.0]], [0.0], [[1.0]], "relu")
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "net.npz")
        ...     ResidualNetwork([field], [0.5]).save(path)
        ...     load_network(path)
        ResidualNetwork(depth=1, width=1, dim=1, scheme='euler')
        """
        save_layers(Layers(self._parts(), self.steps, self.scheme, self.region), path)


def load_network(path: str | os.PathLike) -> ShallowNetwork | ResidualNetwork:
    """Read a network that ``save`` wrote; nothing in the file is executed.

    Parameters
    ----------
    path : str or path-like
        A file of :meth:`ResidualNetwork.save` or :meth:`ShallowNetwork.save`.

    Returns
    -------
    ShallowNetwork or ResidualNetwork
        With bitwise the same parameters.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    FileFormatError
        If the file is truncated, or holds something else.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "net.npz")
    ...     ShallowNetwork([[1.0]], [0.0], [2.0], "tanh").save(path)
    ...     load_network(path).c
    array([2.])
    """
    with stored_parts(path) as parts:
        if isinstance(parts, Neurons):
            return ShallowNetwork._of(parts)
        layers = [[ShallowNetwork._of(field) for field in fields] for fields in parts.layers]
        return ResidualNetwork(layers, parts.steps, scheme=parts.scheme, region=parts.region)
