"""Networks to and from PyTorch modules."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ridgeflow.networks.neurons import Neurons
from ridgeflow.networks.onnx_graph import plain_activation
from ridgeflow.networks.optional import needed
from ridgeflow.profiles.activation import activation

__all__ = [
    "check_outputs",
    "residual_to_torch",
    "shallow_from_torch",
    "shallow_to_torch",
    "stages_of",
]


def shallow_to_torch(net: Neurons) -> Any:
    """The ``torch.nn.Module`` of a shallow network."""
    name, scale = plain_activation(net.activation)
    return _modules().ShallowModule(net, name, scale)


def residual_to_torch(layers: list[list[Neurons]], steps: NDArray, scheme: str) -> Any:
    """The ``torch.nn.Module`` of a residual network."""
    stages = [[shallow_to_torch(field) for field in layer] for layer in layers]
    return _modules().ResidualModule(stages, steps.tolist(), scheme)


def _modules() -> Any:
    needed("torch", "torch")
    return needed("ridgeflow.networks.torch_modules", "torch")


def _torch_activation(module: Any) -> str:
    nn = needed("torch", "torch").nn
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


def check_outputs(module: Any, net: Callable[[NDArray], NDArray], dim: int) -> None:
    """Refuse a module, not one of ours, that does something else than its layers in a row."""
    if _is_ours(module):
        return
    torch = needed("torch", "torch")
    parameter = next(module.parameters())
    real = np.float32 if parameter.dtype == torch.float32 else np.float64
    x = np.random.default_rng(0).normal(size=(8, dim)).astype(real)
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


def _is_ours(module: Any) -> bool:
    return type(module).__name__ == "ShallowModule"


def shallow_from_torch(module: Any) -> Neurons:
    """The neurons of a module: Linear, activation, Linear in a row, or one of ours."""
    torch = needed("torch", "torch")
    if not isinstance(module, torch.nn.Module):
        raise TypeError(f"`module` must be a torch.nn.Module, got {type(module).__name__}")
    skip, scalar = None, False
    if _is_ours(module):
        layers = [module.hidden, module.activation, module.outer]
        skip, scalar = module.skip, module.scalar
    else:
        layers = _layers(module, torch.nn)
    eta = activation(_torch_activation(layers[1]))
    a = _array(layers[0].weight)
    b = np.zeros(len(a), a.dtype) if layers[0].bias is None else -_array(layers[0].bias)
    c = _array(layers[2].weight).T
    bias = None if layers[2].bias is None else _array(layers[2].bias)
    linear = None if skip is None else _array(skip.weight).T
    if scalar:
        c = c[:, 0]
        bias = None if bias is None else bias[0]
        linear = None if linear is None else linear[:, 0]
    return Neurons(a, b, c, eta, linear, bias)


def stages_of(module: Any) -> list[list[Any]]:
    """Modules of stage fields in one that :func:`residual_to_torch` made, trained or not."""
    needed("torch", "torch")
    if type(module).__name__ != "ResidualModule":
        raise ValueError(
            "`module` must come from ResidualNetwork.to_torch, got "
            f"{type(module).__name__} (its layers do not say what they are steps of)"
        )
    return [list(layer) for layer in module.layers]
