"""PyTorch modules with the outputs of our networks: trainable, and read back by ``export``."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from ridgeflow.networks.residual import ResidualNetwork
    from ridgeflow.networks.shallow import ShallowNetwork

__all__ = ["MODULES", "Elementwise", "ResidualModule", "ShallowModule", "shallow_module"]

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
    """Linear, activation, linear, and an affine skip part."""

    def __init__(self, net: ShallowNetwork, activation: str, scale: float) -> None:
        super().__init__()
        outputs = net.component_shape[0] if net.component_shape else 1
        kind = {"dtype": getattr(torch, str(net.a.dtype))}
        self.scalar = not net.component_shape
        self.hidden = nn.Linear(net.dim, net.width, **kind)
        self.activation = MODULES[activation]()
        self.outer = nn.Linear(net.width, outputs, **kind)
        self.skip = nn.Linear(net.dim, outputs, bias=False, **kind) if net.linear.any() else None
        with torch.no_grad():
            self.hidden.weight.copy_(torch.tensor(net.a))
            self.hidden.bias.copy_(torch.tensor(-net.b))
            self.outer.weight.copy_(torch.tensor(scale * net.c.reshape(net.width, -1).T))
            self.outer.bias.copy_(torch.tensor(net.bias.reshape(-1)))
            if self.skip is not None:
                self.skip.weight.copy_(torch.tensor(net.linear.reshape(net.dim, -1).T))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        value = self.outer(self.activation(self.hidden(x)))
        if self.skip is not None:
            value = value + self.skip(x)
        return value.squeeze(-1) if self.scalar else value


class ResidualModule(nn.Module):
    """Residual layers with the stages and weights of their scheme."""

    def __init__(
        self,
        net: ResidualNetwork,
        stages: list[list[ShallowModule]],
        evaluations: tuple[tuple[int, float], ...],
        weights: tuple[float, ...],
    ) -> None:
        super().__init__()
        self.scheme = net.scheme
        self.steps = [float(step) for step in net.steps]
        self.layers: Any = nn.ModuleList([nn.ModuleList(layer) for layer in stages])
        self.evaluations, self.weights = evaluations, weights

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for layer, step in zip(self.layers, self.steps, strict=True):
            moved, last = x, None
            for (stage, ahead), weight in zip(self.evaluations, self.weights, strict=True):
                here = x if last is None or not ahead else x + step * ahead * last
                last = layer[stage](here)
                if weight:
                    moved = moved + step * weight * last
            x = moved
        return x


def shallow_module(net: ShallowNetwork, activation: str, scale: float) -> ShallowModule:
    """The module of a shallow network whose activation is ``scale`` times the named one."""
    return ShallowModule(net, activation, scale)
