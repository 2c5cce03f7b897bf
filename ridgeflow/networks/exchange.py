"""How shallow networks leave and enter: files of ours, PyTorch modules, ONNX models."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from numpy.typing import NDArray

from ridgeflow._storage import save_archive
from ridgeflow.errors import FileFormatError
from ridgeflow.profiles.activation import Activation

if TYPE_CHECKING:
    from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["STORED", "Exchange"]

# The arrays of a network, by the names of its attributes.
STORED = ("a", "b", "c", "linear", "bias")


class Exchange:
    """The part of :class:`ridgeflow.ShallowNetwork` that writes and reads networks."""

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
        header, arrays = self._record()
        save_archive(path, "shallow_network", header, arrays)

    def _record(self) -> tuple[dict[str, Any], dict[str, NDArray]]:
        eta: Activation = self.activation  # type: ignore[attr-defined]
        header = {"activation": [eta.base, eta.order, eta.scale]}
        return header, {name: getattr(self, name) for name in STORED}

    @classmethod
    def _from_record(cls, header: dict[str, Any], arrays: Mapping[str, NDArray]) -> Any:
        try:
            a, b, c, linear, bias = (arrays[name] for name in STORED)
            eta = Activation(*header["activation"])
            return cls(a, b, c, eta, linear=linear, bias=bias)  # type: ignore[call-arg]
        except (KeyError, TypeError, ValueError) as error:
            raise FileFormatError(f"the file holds no valid network: {error}") from None

    def to_torch(self: ShallowNetwork) -> Any:  # type: ignore[misc]
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
        from ridgeflow.networks.export import shallow_to_torch

        return shallow_to_torch(self)

    @staticmethod
    def from_torch(module: Any) -> ShallowNetwork:
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
        from ridgeflow.networks.export import shallow_from_torch

        return shallow_from_torch(module)

    def to_onnx(  # type: ignore[misc]
        self: ShallowNetwork, path: str | os.PathLike, *, dtype: str | None = None
    ) -> None:
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
        from ridgeflow.networks.export import shallow_to_onnx

        shallow_to_onnx(self, path, dtype)

    @staticmethod
    def from_onnx(path: str | os.PathLike) -> ShallowNetwork:
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
        from ridgeflow.networks.export import shallow_from_onnx

        return shallow_from_onnx(path)
