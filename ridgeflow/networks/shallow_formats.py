"""How shallow networks leave and enter: files of ours, PyTorch modules, ONNX models."""

from __future__ import annotations

import os
from typing import Any, Self

from numpy.typing import NDArray

from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.onnx_format import shallow_from_onnx, shallow_to_onnx
from ridgeflow.networks.storage import save_neurons
from ridgeflow.networks.torch_format import check_outputs, shallow_from_torch, shallow_to_torch
from ridgeflow.profiles.activation import Activation

__all__ = ["ShallowFormats"]


class ShallowFormats:
    """The part of :class:`ridgeflow.ShallowNetwork` that writes and reads networks."""

    a: NDArray
    b: NDArray
    c: NDArray
    activation: Activation
    linear: NDArray
    bias: NDArray

    @property
    def _neurons(self) -> Neurons:
        return Neurons(self.a, self.b, self.c, self.activation, self.linear, self.bias)

    @classmethod
    def _of(cls, parts: Neurons) -> Self:
        a, b, c, eta, linear, bias = parts
        return cls(a, b, c, eta, linear=linear, bias=bias)  # type: ignore[call-arg]

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
        >>> import ridgeflow as rf, tempfile, pathlib
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "net.npz")
        ...     rf.ShallowNetwork([[1.0]], [0.0], [2.0], "tanh").save(path)
        ...     rf.load_network(path)
        ShallowNetwork(width=1, dim=1, components=(), activation='tanh')
        """
        save_neurons(self._neurons, path)

    def to_torch(self) -> Any:
        """This network as a trainable PyTorch module.

        Its layers are ``hidden`` (:math:`z = ax - b`, the bias is −b), ``activation``, ``outer``
        and, where ``linear`` is not zero, ``skip``. A constant factor of the activation goes into
        the outer weights.

        Returns
        -------
        torch.nn.Module
            From (n, m) to (n,) or (n, k), with the dtype of the weights.

        Raises
        ------
        MissingDependencyError
            If PyTorch is not installed.
        ValueError
            If the activation is a derivative outside ``activation_names()``.

        Notes
        -----
        **Accuracy.** The same sums in another order: 1e-6 of the values in float32.

        **Cost.** A copy of the weights.

        See Also
        --------
        from_torch, to_onnx

        Examples
        --------
        >>> import ridgeflow as rf
        >>> net = rf.ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
        >>> module = net.to_torch()  # doctest: +SKIP
        """
        return shallow_to_torch(self._neurons)

    @classmethod
    def from_torch(cls, module: Any) -> Self:
        """The network that a PyTorch module computes, with the weights it has now.

        Parameters
        ----------
        module : torch.nn.Module
            From :meth:`to_torch`, trained or not; or ``Linear``, activation, ``Linear`` in a row,
            in containers or not. Dropout, Flatten and Identity in between are left out.

        Returns
        -------
        ShallowNetwork
            float32 for float32 weights, float64 for others.

        Raises
        ------
        MissingDependencyError
            If PyTorch is not installed.
        TypeError
            If this is no module.
        ValueError
            If a layer is of another kind (the message names it), or the module does not compute
            its layers in a row.

        Notes
        -----
        **Accuracy.** The weights are taken over bit for bit.

        **Cost.** A copy of the weights, and one evaluation of the module, in evaluation mode, that
        checks the outputs.

        See Also
        --------
        to_torch, from_onnx

        Examples
        --------
        >>> import ridgeflow as rf
        >>> from torch import nn  # doctest: +SKIP
        >>> layers = nn.Sequential(nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 1))  # doctest: +SKIP
        >>> net = rf.ShallowNetwork.from_torch(layers)  # doctest: +SKIP
        """
        net: Any = cls._of(shallow_from_torch(module))
        check_outputs(module, net, net.dim)
        return net

    def to_onnx(self, path: str | os.PathLike, *, dtype: str | None = None) -> None:
        """Write an ONNX model with input ``x`` (n, m) and output ``y`` (n,) or (n, k).

        Parameters
        ----------
        path : str or path-like
            Usually ending in ".onnx".
        dtype : {"float32", "float64"}, optional
            Precision of the model, by default that of the network.

        Raises
        ------
        MissingDependencyError
            If the package onnx is not installed.
        ValueError
            If the activation is a derivative outside ``activation_names()``, or a parameter is too
            large for the precision.
        OSError
            If the file cannot be written.

        Notes
        -----
        **Accuracy.** The same sums in another order: 1e-6 of the values in float32, 1e-14 in
        float64. ONNX Runtime runs every activation in both; in float64 "erf", "gelu" and "arctan"
        are formulas of other operators.

        **Cost.** A copy of the weights.

        See Also
        --------
        from_onnx, to_torch

        Examples
        --------
        >>> import ridgeflow as rf
        >>> net = rf.ShallowNetwork([[1.0], [-1.0]], [0.0, 0.0], [1.0, 1.0], "relu")
        >>> net.to_onnx("absolute.onnx")  # doctest: +SKIP
        """
        shallow_to_onnx(self._neurons, path, dtype)

    @classmethod
    def from_onnx(cls, path: str | os.PathLike) -> Self:
        """The network of an ONNX model with one hidden layer.

        Parameters
        ----------
        path : str or path-like
            A model from :meth:`to_onnx`, or one of Gemm (or MatMul and Add), an activation, and the
            same again, as other exporters write it.

        Returns
        -------
        ShallowNetwork
            float32 for float32 weights, float64 for others.

        Raises
        ------
        MissingDependencyError
            If the package onnx is not installed.
        FileFormatError
            If the file is no ONNX model.
        ValueError
            If the model has another architecture; the message names its nodes.
        OSError
            If the file cannot be read.

        Notes
        -----
        **Accuracy.** The weights are taken over bit for bit.

        **Cost.** A copy of the weights.

        See Also
        --------
        to_onnx, from_torch

        Examples
        --------
        >>> import ridgeflow as rf
        >>> net = rf.ShallowNetwork.from_onnx("absolute.onnx")  # doctest: +SKIP
        """
        return cls._of(shallow_from_onnx(path))
