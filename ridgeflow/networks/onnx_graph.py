"""ONNX graphs of networks: operators that are there in both precisions, and formulas of them."""

from __future__ import annotations

import os
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import erfcx, factorial

from ridgeflow._storage import whole_file
from ridgeflow.networks.neurons import Neurons
from ridgeflow.profiles.activation import Activation

__all__ = ["OPERATORS", "Graph", "plain_activation"]

# ONNX operators of one input that are activations of ours.
OPERATORS = {
    "relu": "Relu",
    "tanh": "Tanh",
    "sigmoid": "Sigmoid",
    "softplus": "Softplus",
    "erf": "Erf",
    "arctan": "Atan",
    "cos": "Cos",
    "sin": "Sin",
    "linear": "Identity",
}
_COMPOSED = ("step", "relu2", "dsigmoid", "gaussian", "gelu", "silu")
# Of these ONNX Runtime computes the operators in float32 alone, or overflows at 710 in float64 as
# it does in "softplus": formulas serve there.
_SINGLE = ("erf", "gelu", "arctan", "softplus")
_OPSET = 18


@cache
def _erfcx_polynomial() -> NDArray[np.float64]:
    """u exp(u²) erfc u for u >= 1 as a polynomial in (u − 3)/(u + 1), within 1e-15."""

    nodes = np.polynomial.chebyshev.chebpts1(27)
    u = (3 + nodes) / (1 - nodes)
    coefficients = np.polynomial.chebyshev.chebfit(nodes, u * erfcx(u), 26)
    return np.asarray(np.polynomial.chebyshev.cheb2poly(coefficients), np.float64)


def plain_activation(eta: Activation) -> tuple[str, float]:
    """Name and factor of an activation that other packages can have."""
    if eta.order or eta.base not in (*OPERATORS, *_COMPOSED):
        names = ", ".join(sorted((*OPERATORS, *_COMPOSED)))
        raise ValueError(f"`activation` must be one of {names} to be exported, got {eta.name!r}")
    return eta.base, eta.scale


class Graph:
    """ONNX nodes and constants as they are added."""

    def __init__(self, onnx: Any, real: np.dtype) -> None:
        self.onnx, self.real = onnx, real
        self.nodes: list[Any] = []
        self.constants: list[Any] = []
        self._count = 0

    def name(self, hint: str) -> str:
        self._count += 1
        return f"{hint}_{self._count}"

    def constant(self, value: Any, hint: str) -> str:
        name = self.name(hint)
        with np.errstate(over="ignore"):
            array = np.ascontiguousarray(value, dtype=self.real)
        if not np.isfinite(array).all():
            raise ValueError(
                f"`dtype` must hold the parameters of the network, got {self.real} for values up "
                f"to {np.abs(value).max():.3g} (export it in float64)"
            )
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return name

    def node(self, operator: str, *inputs: str, **attributes: Any) -> str:
        name = self.name(operator.lower())
        made = self.onnx.helper.make_node(operator, list(inputs), [name], name=name, **attributes)
        self.nodes.append(made)
        return name

    def activation(self, base: str, z: str) -> str:
        if base in _SINGLE and self.real == np.float64:
            return getattr(self, "_" + base)(z)
        if base in OPERATORS:
            return self.node(OPERATORS[base], z)
        if base == "step":
            half = self.constant(0.5, "half")
            return self.node("Add", self.node("Mul", self.node("Sign", z), half), half)
        if base == "relu2":
            kept = self.node("Relu", z)
            return self.node("Mul", kept, kept)
        if base == "gaussian":
            square = self.node("Mul", z, z)
            return self.node("Exp", self.node("Mul", square, self.constant(-0.5, "factor")))
        if base == "silu":
            return self.node("Mul", z, self.node("Sigmoid", z))
        if base == "dsigmoid":
            below = self.node("Sigmoid", self.node("Neg", z))
            return self.node("Mul", self.node("Sigmoid", z), below)
        scaled = self.node("Mul", z, self.constant(np.sqrt(0.5), "root"))
        one = self.node("Add", self.node("Erf", scaled), self.constant(1.0, "one"))
        return self.node("Mul", self.node("Mul", z, self.constant(0.5, "half")), one)

    def _scaled(self, z: str, factor: float) -> str:
        return self.node("Mul", z, self.constant(factor, "factor"))

    def _less(self, z: str, bound: float) -> str:
        return self.node("Less", z, self.constant(bound, "bound"))

    def _polynomial(self, coefficients: NDArray, x: str) -> str:
        """Σ c_k x^k by Horner's rule."""
        value = self.constant(coefficients[-1], "c")
        for coefficient in coefficients[-2::-1]:
            product = self.node("Mul", value, x)
            value = self.node("Add", product, self.constant(coefficient, "c"))
        return value

    def _inner_erf(self, z: str) -> str:
        """erf z for |z| <= 1: the power series, of terms (−1)^n z^(2n+1) / (n! (2n + 1))."""
        n = np.arange(19)
        series = 2 / np.sqrt(np.pi) * (-1.0) ** n / (factorial(n) * (2 * n + 1))
        # Where another formula serves, this one is only to stay finite.
        near = self.node("Min", self.node("Abs", z), self.constant(1.0, "one"))
        return self.node("Mul", z, self._polynomial(series, self.node("Mul", near, near)))

    def _outer_erfc(self, z: str) -> str:
        """erfc |z| for |z| >= 1: exp(−z²)/|z| times a polynomial in (|z| − 3)/(|z| + 1)."""
        u = self.node("Max", self.node("Abs", z), self.constant(1.0, "one"))
        above = self.node("Sub", u, self.constant(3.0, "shift"))
        place = self.node("Div", above, self.node("Add", u, self.constant(1.0, "one")))
        polynomial = self._polynomial(_erfcx_polynomial(), place)
        decay = self.node("Exp", self.node("Neg", self.node("Mul", u, u)))
        return self.node("Div", self.node("Mul", decay, polynomial), u)

    def _erf(self, z: str) -> str:
        near = self._less(self.node("Abs", z), 1.0)
        far = self.node("Sub", self.constant(1.0, "one"), self._outer_erfc(z))
        far = self.node("Mul", self.node("Sign", z), far)
        return self.node("Where", near, self._inner_erf(z), far)

    def _gelu(self, z: str) -> str:
        """z Φ(z), with Φ = erfc(|w|)/2 on the left, w = z/√2: no digits cancel there."""
        w = self._scaled(z, np.sqrt(0.5))
        half = self.constant(0.5, "half")
        inner = self.node("Add", half, self.node("Mul", half, self._inner_erf(w)))
        left = self.node("Mul", half, self._outer_erfc(w))
        right = self.node("Sub", self.constant(1.0, "one"), left)
        outer = self.node("Where", self._less(z, 0.0), left, right)
        normal = self.node("Where", self._less(self.node("Abs", w), 1.0), inner, outer)
        return self.node("Mul", z, normal)

    def _softplus(self, z: str) -> str:
        """max(z, 0) + log(1 + e), e = exp(−|z|): the logarithm is 2 artanh(e/(2 + e))."""
        e = self.node("Exp", self.node("Neg", self.node("Abs", z)))
        s = self.node("Div", e, self.node("Add", e, self.constant(2.0, "two")))
        series = 2 / (2 * np.arange(19) + 1.0)
        logarithm = self.node("Mul", s, self._polynomial(series, self.node("Mul", s, s)))
        return self.node("Add", self.node("Relu", z), logarithm)

    def _arctan(self, z: str) -> str:
        """arctan of r = min(|z|, 1/|z|) as 2 arctan(r/(1 + √(1 + r²))), by its power series."""
        one = self.constant(1.0, "one")
        u = self.node("Abs", z)
        r = self.node("Div", self.node("Min", u, one), self.node("Max", u, one))
        root = self.node("Sqrt", self.node("Add", one, self.node("Mul", r, r)))
        q = self.node("Div", r, self.node("Add", one, root))
        n = np.arange(23)
        series = 2 * (-1.0) ** n / (2 * n + 1)
        angle = self.node("Mul", q, self._polynomial(series, self.node("Mul", q, q)))
        rest = self.node("Sub", self.constant(np.pi / 2, "right"), angle)
        angle = self.node("Where", self._less(u, 1.0), angle, rest)
        return self.node("Mul", self.node("Sign", z), angle)

    def shallow(self, net: Neurons, x: str) -> str:
        """Nodes of a shallow network; the output has a component axis."""
        base, scale = plain_activation(net.activation)
        width, dim = net.a.shape
        linear, bias = np.asarray(net.linear), np.asarray(net.bias)
        outer = scale * net.c.reshape(width, -1)
        z = self.node("Gemm", x, self.constant(net.a.T, "a"), self.constant(-net.b, "b"))
        hidden = self.activation(base, z)
        value = self.node(
            *("Gemm", hidden, self.constant(outer, "c")),
            self.constant(bias.reshape(-1), "bias"),
        )
        if linear.any():
            skip = self.constant(linear.reshape(dim, -1), "linear")
            value = self.node("Add", value, self.node("MatMul", x, skip))
        return value

    def save(
        self, path: str | os.PathLike, output: str, shapes: tuple[list, list], note: dict[str, str]
    ) -> None:
        helper, kind = self.onnx.helper, self.onnx.TensorProto
        element = kind.FLOAT if self.real == np.float32 else kind.DOUBLE
        final = helper.make_node("Identity", [output], ["y"], name="y")
        graph = helper.make_graph(
            [*self.nodes, final],
            "ridgeflow",
            [helper.make_tensor_value_info("x", element, shapes[0])],
            [helper.make_tensor_value_info("y", element, shapes[1])],
            self.constants,
        )
        model = helper.make_model(
            graph, opset_imports=[helper.make_opsetid("", _OPSET)], producer_name="ridgeflow"
        )
        # Readers in use lag behind the newest version of the format.
        model.ir_version = 10
        helper.set_model_props(model, note)
        self.onnx.checker.check_model(model)
        with whole_file(path) as stream:
            stream.write(model.SerializeToString())
