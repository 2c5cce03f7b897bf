"""Networks to and from PyTorch and ONNX."""

from __future__ import annotations

import importlib
import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow._storage import as_path
from ridgeflow._validate import common_float, one_of
from ridgeflow.errors import FileFormatError, MissingDependencyError
from ridgeflow.networks.onnx_graph import OPERATORS, Graph, plain_activation
from ridgeflow.networks.residual import SCHEMES, ResidualNetwork
from ridgeflow.networks.shallow import ShallowNetwork
from ridgeflow.profiles.activation import Activation

__all__ = [
    "residual_from_torch",
    "residual_to_onnx",
    "residual_to_torch",
    "shallow_from_onnx",
    "shallow_from_torch",
    "shallow_to_onnx",
    "shallow_to_torch",
]

_ACTIVATION_KEY = "ridgeflow.activation"


def _need(module: str, extra: str) -> Any:
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f'this needs the package {module}: pip install "ridgeflow[{extra}]"'
        ) from error


def shallow_to_torch(net: ShallowNetwork) -> Any:
    """The ``torch.nn.Module`` of a shallow network."""
    _need("torch", "torch")
    modules = importlib.import_module("ridgeflow.networks.torch_modules")
    return modules.shallow_module(net, *plain_activation(net))


def residual_to_torch(net: ResidualNetwork) -> Any:
    """The ``torch.nn.Module`` of a residual network."""
    _need("torch", "torch")
    modules = importlib.import_module("ridgeflow.networks.torch_modules")
    stages = [
        [modules.shallow_module(field, *plain_activation(field)) for field in layer]
        for layer in net.layers
    ]
    _, evaluations, weights = SCHEMES[net.scheme]
    return modules.ResidualModule(net, stages, evaluations, weights)


def _torch_activation(module: Any) -> str:
    nn = _need("torch", "torch").nn
    known = {
        nn.ReLU: "relu",
        nn.Tanh: "tanh",
        nn.Sigmoid: "sigmoid",
        nn.SiLU: "silu",
        nn.Identity: "linear",
    }
    if type(module) in known:
        return known[type(module)]
    if type(module) is nn.GELU and module.approximate == "none":
        return "gelu"
    if type(module) is nn.Softplus and module.beta == 1:
        return "softplus"
    if type(module).__name__ == "Elementwise" and hasattr(module, "name"):
        return str(module.name)
    raise ValueError(
        f"`module` must have an activation that is known here, got the layer {module!r} "
        "(ReLU, Tanh, Sigmoid, SiLU, exact GELU, Softplus with beta 1, Identity)"
    )


def _array(parameter: Any) -> NDArray:
    array = parameter.detach().cpu().numpy()
    return array.astype(array.dtype if array.dtype == np.float32 else np.float64)


def _layers(module: Any, nn: Any) -> list[Any]:
    """The layers Linear, activation, Linear of a module, or a refusal that names what is there."""
    # Containers are walked through; what does nothing in evaluation is left out.
    named = [
        (name, each)
        for name, each in module.named_modules()
        if not list(each.children()) and not isinstance(each, (nn.Dropout, nn.Flatten))
    ]
    if len(named) > 3:
        named = [(name, each) for name, each in named if not isinstance(each, nn.Identity)]
    layers = [each for _, each in named]
    linear = [type(each) is nn.Linear for each in layers]
    if linear == [True, False, True]:
        return layers
    wanted = [True, False, True, *(None for _ in layers)]
    wrong = next(
        (i for i, (one, want) in enumerate(zip(linear, wanted, strict=False)) if one is not want),
        None,
    )
    kinds = ", ".join(type(each).__name__ for each in layers)
    where = ""
    if wrong is not None:
        where = f"; {named[wrong][0] or 'the module'!r} is {type(layers[wrong]).__name__}"
    raise ValueError(
        f"`module` must be Linear, activation, Linear, got the layers {kinds or 'none'}{where} "
        "(read deeper networks layer by layer)"
    )


def _check_outputs(module: Any, net: ShallowNetwork, torch: Any) -> None:
    """Refuse a module that does something else than its layers in a row."""
    x = np.random.default_rng(0).normal(size=(8, net.dim)).astype(net.a.dtype)
    parameter = next(module.parameters())
    training = [each for each in module.modules() if each.training]
    module.eval()
    try:
        with torch.no_grad():
            point = torch.tensor(x, dtype=parameter.dtype, device=parameter.device)
            found = _array(module(point))
    finally:
        for each in training:
            each.training = True
    expected = net(x)
    # Half precision is good for this much.
    tolerance = 1e-4 if parameter.dtype in (torch.float32, torch.float64) else 5e-2
    size = np.abs(expected).max() + 1e-30
    if found.shape != expected.shape or not np.abs(found - expected).max() <= tolerance * size:
        raise ValueError(
            "`module` must compute its layers in a row, Linear, activation, Linear, got other "
            f"outputs from {type(module).__name__} (its forward does something else)"
        )


def shallow_from_torch(module: Any) -> ShallowNetwork:
    """A shallow network from a module: Linear, activation, Linear in a row, or one of ours."""
    torch = _need("torch", "torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module, got {type(module).__name__}")
    skip, scalar = None, False
    ours = type(module).__name__ == "ShallowModule"
    if ours:
        layers = [module.hidden, module.activation, module.outer]
        skip, scalar = module.skip, module.scalar
    else:
        layers = _layers(module, torch.nn)
    name = _torch_activation(layers[1])
    a = _array(layers[0].weight)
    b = np.zeros(len(a), a.dtype) if layers[0].bias is None else -_array(layers[0].bias)
    c = _array(layers[2].weight).T
    bias = None if layers[2].bias is None else _array(layers[2].bias)
    linear = None if skip is None else _array(skip.weight).T
    if scalar:
        c = c[:, 0]
        bias = None if bias is None else bias[0]
        linear = None if linear is None else linear[:, 0]
    net = ShallowNetwork(a, b, c, name, linear=linear, bias=bias)
    if not ours:
        _check_outputs(module, net, torch)
    return net


def residual_from_torch(module: Any) -> ResidualNetwork:
    """A residual network from a module that :func:`residual_to_torch` made, trained or not."""
    _need("torch", "torch")
    if type(module).__name__ != "ResidualModule":
        raise ValueError(
            "`module` must come from ResidualNetwork.to_torch, got "
            f"{type(module).__name__} (its layers do not say what they are steps of)"
        )
    layers = [[shallow_from_torch(stage) for stage in layer] for layer in module.layers]
    return ResidualNetwork(layers, module.steps, scheme=module.scheme)


def _precision(dtype: str | None, *arrays: NDArray) -> np.dtype:
    """That of a model: as asked for, or that of the parameters."""
    if dtype is None:
        return common_float(*arrays)
    return np.dtype(one_of(dtype, "dtype", ("float32", "float64")))


def shallow_to_onnx(net: ShallowNetwork, path: str | os.PathLike, dtype: str | None = None) -> None:
    """Write a shallow network as an ONNX model with input ``x`` (n, m) and output ``y``."""
    graph = Graph(_need("onnx", "onnx"), _precision(dtype, net.a))
    value = graph.shallow(net, "x")
    shape: list = ["n", *net.component_shape]
    if not net.component_shape:
        axes = graph.onnx.numpy_helper.from_array(np.array([1], np.int64), "last")
        graph.constants.append(axes)
        value = graph.node("Squeeze", value, "last")
    graph.save(path, value, (["n", net.dim], shape), {_ACTIVATION_KEY: net.activation.base})


def residual_to_onnx(
    net: ResidualNetwork, path: str | os.PathLike, dtype: str | None = None
) -> None:
    """Write a residual network as an ONNX model with input ``x`` (n, m) and output ``y``."""
    fields = [field for layer in net.layers for field in layer]
    graph = Graph(_need("onnx", "onnx"), _precision(dtype, *(field.a for field in fields)))
    _, evaluations, weights = SCHEMES[net.scheme]
    x = "x"
    for layer, step in zip(net.layers, net.steps, strict=True):
        moved, last = x, ""
        for (stage, ahead), weight in zip(evaluations, weights, strict=True):
            here = x
            if last and ahead:
                factor = graph.constant(step * ahead, "step")
                here = graph.node("Add", x, graph.node("Mul", last, factor))
            last = graph.shallow(layer[stage], here)
            if weight:
                factor = graph.constant(step * weight, "step")
                moved = graph.node("Add", moved, graph.node("Mul", last, factor))
        x = moved
    graph.save(path, x, (["n", net.dim], ["n", net.dim]), {"ridgeflow.scheme": net.scheme})


def shallow_from_onnx(path: str | os.PathLike) -> ShallowNetwork:
    """A shallow network from an ONNX model: Gemm or MatMul + Add, activation, the same again."""
    onnx = _need("onnx", "onnx")
    from google.protobuf.message import DecodeError

    content = as_path(path).read_bytes()
    try:
        model = onnx.load_model_from_string(content)
        onnx.checker.check_model(model)
    # What is no message of this kind, and what is one but no graph.
    except (DecodeError, onnx.checker.ValidationError, ValueError, RuntimeError) as error:
        raise FileFormatError(f"{os.fspath(path)!s} is not an ONNX model: {error}") from error
    reader = _Reader(onnx, model)
    return reader.network()


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

    def _affine(self, name: str) -> tuple[str, NDArray, NDArray]:
        """Output, matrix (in, out) and shift of the affine map that takes ``name``."""
        users = [node for node in self._users(name) if node.op_type in ("Gemm", "MatMul")]
        gemms = [node for node in users if node.op_type == "Gemm"]
        node = (gemms or users or [None])[0]
        if node is None:
            raise self._refuse(f"no linear layer after {name!r}")
        matrix = self._constants.get(node.input[1])
        if node.input[0] != name or matrix is None:
            raise self._refuse(f"a product without constant matrix, {node.name or node.op_type!r}")
        options = {each.name: self._helper.get_attribute_value(each) for each in node.attribute}
        if options.get("transA"):
            raise self._refuse("a transposed input")
        matrix = matrix.T if options.get("transB") else matrix
        shift = np.zeros(matrix.shape[1], matrix.dtype)
        output = node.output[0]
        if node.op_type == "Gemm":
            matrix = options.get("alpha", 1.0) * matrix
            if len(node.input) > 2:
                held = self._constants.get(node.input[2])
                if held is None:
                    raise self._refuse("a bias that is not constant")
                shift = options.get("beta", 1.0) * np.broadcast_to(held, shift.shape)
        else:
            for add in self._users(output):
                held = [self._constants[i] for i in add.input if i in self._constants]
                if add.op_type == "Add" and held:
                    shift = np.broadcast_to(held[0], shift.shape)
                    output = add.output[0]
        real = np.float32 if matrix.dtype == np.float32 else np.float64
        return output, np.asarray(matrix, real), np.asarray(shift, real)

    def network(self) -> ShallowNetwork:
        held = self._constants
        inputs = [each.name for each in self._graph.input if each.name not in held]
        if len(inputs) != 1:
            raise self._refuse(f"{len(inputs)} inputs")
        z, a, b = self._affine(inputs[0])
        name, hidden = self._hidden(z)
        output, c, bias = self._affine(hidden)
        linear = None
        for add in self._users(output):
            others = [each for each in add.input if each != output]
            for node in self._graph.node:
                if add.op_type == "Add" and node.output[0] in others and node.op_type == "MatMul":
                    linear, output = held.get(node.input[1]), add.output[0]
        rest = [node.op_type for node in self._users(output)]
        scalar = "Squeeze" in rest
        if any(kind not in ("Squeeze", "Identity") for kind in rest):
            raise self._refuse(f"{', '.join(rest)} after the second linear layer")
        if scalar:
            c, bias = c[:, 0], bias[0]
            linear = None if linear is None else linear[:, 0]
        return ShallowNetwork(a.T, -b, c, name, linear=linear, bias=bias)

    def _hidden(self, z: str) -> tuple[str, str]:
        """Activation, and the name of its values."""
        names = {operator: name for name, operator in OPERATORS.items()}
        names["Gelu"] = "gelu"
        users = self._users(z)
        alone = len(users) == 1 and users[0].op_type == OPERATORS.get(self._noted or "")
        if self._noted is None or alone:
            if len(users) != 1 or users[0].op_type not in names:
                kinds = ", ".join(node.op_type for node in users) or "nothing"
                raise self._refuse(f"{kinds} where one of {', '.join(sorted(names))} is known")
            options = {e.name: self._helper.get_attribute_value(e) for e in users[0].attribute}
            if options.get("approximate", b"none") != b"none":
                raise self._refuse("the approximate Gelu")
            return names[users[0].op_type], users[0].output[0]
        # Composed of several nodes when it was written here: its end feeds the next linear layer.
        reached, values = {z}, ""
        for node in self._graph.node:
            if node.op_type == "Gemm" and node.input[0] in reached and node.input[0] != z:
                values = node.input[0]
            elif any(each in reached for each in node.input):
                reached.add(node.output[0])
        if not values:
            raise self._refuse("no second linear layer")
        return Activation(self._noted).name, values
