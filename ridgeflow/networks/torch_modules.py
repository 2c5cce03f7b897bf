"""PyTorch modules with the outputs of our networks, trainable."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from ridgeflow.networks.neurons import Neurons
from ridgeflow.schemes import SCHEMES

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MODULES", "Elementwise", "ResidualModule", "ShallowModule"]

_FUNCTIONS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "linear": lambda z: z,
    "step": lambda z: 0.5 * (torch.sign(z) + 1),
    "relu2": lambda z: torch.relu(z) ** 2,
    "dsigmoid": lambda z: torch.sigmoid(z) * torch.sigmoid(-z),
    "gaussian": lambda z: torch.exp(-0.5 * z * z),
    "erf": torch.erf,
    "arctan": torch.atan,
    "cos": torch.cos,
    "sin": torch.sin,
}


class Elementwise(nn.Module):
    """An activation that PyTorch has no module for, by our name of it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return _FUNCTIONS[self.name](z)

    def extra_repr(self) -> str:
        return repr(self.name)


# Softplus turns linear far enough that its values stay exact in double precision.
MODULES: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
    "softplus": lambda: nn.Softplus(threshold=40),
    "gelu": nn.GELU,
    "silu": nn.SiLU,
    **{name: partial(Elementwise, name) for name in _FUNCTIONS},
}


class ShallowModule(nn.Module):
    """Linear, activation ``scale`` times the named one, linear, and an affine skip part."""

    def __init__(self, net: Neurons, activation: str, scale: float) -> None:
        super().__init__()
        width, dim = net.a.shape
        linear, bias = np.asarray(net.linear), np.asarray(net.bias)
        outputs = bias.size
        kind = {"dtype": getattr(torch, str(net.a.dtype))}
        self.scalar = net.c.ndim == 1
        self.hidden = nn.Linear(dim, width, **kind)
        self.activation = MODULES[activation]()
        self.outer = nn.Linear(width, outputs, **kind)
        self.skip = nn.Linear(dim, outputs, bias=False, **kind) if linear.any() else None
        with torch.no_grad():
            self.hidden.weight.copy_(torch.tensor(net.a))
            self.hidden.bias.copy_(torch.tensor(-net.b))
            self.outer.weight.copy_(torch.tensor(scale * net.c.reshape(width, -1).T))
            self.outer.bias.copy_(torch.tensor(bias.reshape(-1)))
            if self.skip is not None:
                self.skip.weight.copy_(torch.tensor(linear.reshape(dim, -1).T))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = self.outer(self.activation(self.hidden(x)))
        if self.skip is not None:
            value = value + self.skip(x)
        return value.squeeze(-1) if self.scalar else value


class ResidualModule(nn.Module):
    """Residual layers with the stages and weights of their scheme."""

    def __init__(self, stages: list[list[ShallowModule]], steps: list[float], scheme: str) -> None:
        super().__init__()
        self.scheme, self.steps = scheme, steps
        self.layers: Any = nn.ModuleList([nn.ModuleList(layer) for layer in stages])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        method = SCHEMES[self.scheme]
        for layer, step in zip(self.layers, self.steps, strict=True):

            def field(stage: int, at: torch.Tensor, layer: Any = layer) -> torch.Tensor:
                return layer[method.node_of[stage]](at)

            x = method.step(field, x, step)
        return x
