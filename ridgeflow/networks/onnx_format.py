"""Networks to and from ONNX models."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import as_path
from ridgeflow._validate import common_float, one_of
from ridgeflow.errors import FileFormatError
from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.onnx_graph import OPERATORS, Graph
from ridgeflow.networks.optional import needed
from ridgeflow.profiles.activation import Activation, activation
from ridgeflow.schemes import SCHEMES

__all__ = ["residual_to_onnx", "shallow_from_onnx", "shallow_to_onnx"]

_ACTIVATION_KEY = "ridgeflow.activation"
_NAMES = {operator: name for name, operator in OPERATORS.items()} | {"Gelu": "gelu"}


def _precision(dtype: str | None, *arrays: NDArray) -> np.dtype:
    """That of a model: as asked for, or that of the parameters."""
    if dtype is None:
        return common_float(*arrays)
    return np.dtype(one_of(dtype, "dtype", ("float32", "float64")))


def shallow_to_onnx(net: Neurons, path: str | os.PathLike, dtype: str | None = None) -> None:
    """Write a shallow network as an ONNX model with input ``x`` (n, m) and output ``y``."""
    graph = Graph(needed("onnx", "onnx"), _precision(dtype, net.a))
    value = graph.shallow(net, "x")
    shape: list = ["n", *net.c.shape[1:]]
    if net.c.ndim == 1:
        axes = graph.onnx.numpy_helper.from_array(np.array([1], np.int64), "last")
        graph.constants.append(axes)
        value = graph.node("Squeeze", value, "last")
    graph.save(path, value, (["n", net.a.shape[1]], shape), {_ACTIVATION_KEY: net.activation.base})


@dataclass(frozen=True)
class _Value:
    """A value of a graph; sums and multiples of it become nodes."""

    graph: Graph
    name: str

    def __add__(self, other: _Value) -> _Value:
        return _Value(self.graph, self.graph.node("Add", self.name, other.name))

    def __rmul__(self, factor: float) -> _Value:
        constant = self.graph.constant(factor, "step")
        return _Value(self.graph, self.graph.node("Mul", self.name, constant))


def residual_to_onnx(
    layers: list[list[Neurons]],
    steps: NDArray,
    scheme: str,
    path: str | os.PathLike,
    dtype: str | None = None,
) -> None:
    """Write a residual network as an ONNX model with input ``x`` (n, m) and output ``y``."""
    graph = Graph(needed("onnx", "onnx"), _precision(dtype, *(f.a for fs in layers for f in fs)))
    method = SCHEMES[scheme]
    x = _Value(graph, "x")
    for layer, step in zip(layers, steps.tolist(), strict=True):

        def velocity(stage: int, at: _Value, layer: list[Neurons] = layer) -> _Value:
            return _Value(graph, graph.shallow(layer[method.node_of[stage]], at.name))

        x = method.step(velocity, x, step)
    shape = ["n", layers[0][0].a.shape[1]]
    graph.save(path, x.name, (shape, shape), {"ridgeflow.scheme": scheme})


def shallow_from_onnx(path: str | os.PathLike) -> Neurons:
    """The neurons of an ONNX model: Gemm or MatMul + Add, activation, the same again."""
    onnx = needed("onnx", "onnx")
    from google.protobuf.message import DecodeError

    content = as_path(path).read_bytes()
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    # What is no message of this kind, and what is one but no graph.
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{os.fspath(path)!s} is not an ONNX model: {error}") from error
    return _Reader(onnx, model).neurons()


class _Reader:
    """Walks an ONNX graph of one hidden layer from its input to its output."""

    def __init__(self, onnx: Any, model: Any) -> None:
        self._graph = model.graph
        self._helper = onnx.helper
        self._constants = {
            each.name: onnx.numpy_helper.to_array(each) for each in model.graph.initializer
        }
        for node in model.graph.node:
            if node.op_type == "Constant" and node.attribute[0].name == "value":
                held = onnx.numpy_helper.to_array(node.attribute[0].t)
                self._constants[node.output[0]] = held
        self._noted = {each.key: each.value for each in model.metadata_props}.get(_ACTIVATION_KEY)

    def _refuse(self, what: str) -> ValueError:
        kinds = ", ".join(node.op_type for node in self._graph.node)
        return ValueError(
            f"the model must be one hidden layer (Gemm or MatMul + Add, activation, the same "
            f"again), got {what} in the nodes {kinds}"
        )

    def _users(self, name: str) -> list[Any]:
        return [node for node in self._graph.node if name in node.input]

    def _options(self, node: Any) -> dict[str, Any]:
        return {each.name: self._helper.get_attribute_value(each) for each in node.attribute}

    def _affine(self, name: str) -> tuple[str, NDArray, NDArray]:
        """Output, matrix (in, out) and shift of the affine map that takes ``name``."""
        node = self._product(name)
        matrix = self._constants.get(node.input[1])
        if node.input[0] != name or matrix is None:
            raise self._refuse(f"a product without constant matrix, {node.name or node.op_type!r}")
        options = self._options(node)
        if options.get("transA"):
            raise self._refuse("a transposed input")
        matrix = matrix.T if options.get("transB") else matrix
        if node.op_type == "Gemm":
            matrix = options.get("alpha", 1.0) * matrix
            shift = self._gemm_shift(node, options.get("beta", 1.0), matrix)
            output = node.output[0]
        else:
            output, shift = self._added_shift(node.output[0], matrix)
        real = np.float32 if matrix.dtype == np.float32 else np.float64
        return output, np.asarray(matrix, real), np.asarray(shift, real)

    def _product(self, name: str) -> Any:
        """The Gemm that takes ``name``, or else the MatMul."""
        users = self._users(name)
        for kind in ("Gemm", "MatMul"):
            for node in users:
                if node.op_type == kind:
                    return node
        raise self._refuse(f"no linear layer after {name!r}")

    def _gemm_shift(self, node: Any, beta: float, matrix: NDArray) -> NDArray:
        if len(node.input) < 3:
            return np.zeros(matrix.shape[1], matrix.dtype)
        held = self._constants.get(node.input[2])
        if held is None:
            raise self._refuse("a bias that is not constant")
        return beta * np.broadcast_to(held, matrix.shape[1:])

    def _added_shift(self, output: str, matrix: NDArray) -> tuple[str, NDArray]:
        """Output and constant of the Add behind a product, its own and zero where there is none."""
        shift = np.zeros(matrix.shape[1], matrix.dtype)
        for add in self._users(output):
            held = [self._constants[i] for i in add.input if i in self._constants]
            if add.op_type == "Add" and held:
                shift, output = np.broadcast_to(held[0], shift.shape), add.output[0]
        return output, shift

    def neurons(self) -> Neurons:
        held = self._constants
        inputs = [each.name for each in self._graph.input if each.name not in held]
        if len(inputs) != 1:
            raise self._refuse(f"{len(inputs)} inputs")
        z, a, b = self._affine(inputs[0])
        name, hidden = self._hidden(z)
        output, c, bias = self._affine(hidden)
        output, linear = self._skip(output)
        rest = [node.op_type for node in self._users(output)]
        if any(kind not in ("Squeeze", "Identity") for kind in rest):
            raise self._refuse(f"{', '.join(rest)} after the second linear layer")
        if "Squeeze" in rest:
            c, bias = c[:, 0], bias[0]
            linear = None if linear is None else linear[:, 0]
        return Neurons(a.T, -b, c, activation(name), linear, bias)

    def _skip(self, output: str) -> tuple[str, NDArray | None]:
        """Output and matrix of a product that is added to ``output``."""
        linear = None
        for add in self._users(output):
            others = [each for each in add.input if each != output]
            for node in self._graph.node:
                if add.op_type == "Add" and node.output[0] in others and node.op_type == "MatMul":
                    linear, output = self._constants.get(node.input[1]), add.output[0]
        return output, linear

    def _hidden(self, z: str) -> tuple[str, str]:
        """Activation, and the name of its values."""
        users = self._users(z)
        alone = len(users) == 1 and users[0].op_type == OPERATORS.get(self._noted or "")
        if self._noted is not None and not alone:
            return Activation(self._noted).name, self._composed(z)
        if len(users) != 1 or users[0].op_type not in _NAMES:
            kinds = ", ".join(node.op_type for node in users) or "nothing"
            raise self._refuse(f"{kinds} where one of {', '.join(sorted(_NAMES))} is known")
        if self._options(users[0]).get("approximate", b"none") != b"none":
            raise self._refuse("the approximate Gelu")
        return _NAMES[users[0].op_type], users[0].output[0]

    def _composed(self, z: str) -> str:
        """The values of an activation of several nodes: they feed the next linear layer."""
        reached, values = {z}, ""
        for node in self._graph.node:
            if node.op_type == "Gemm" and node.input[0] in reached and node.input[0] != z:
                values = node.input[0]
            elif any(each in reached for each in node.input):
                reached.add(node.output[0])
        if not values:
            raise self._refuse("no second linear layer")
        return values
