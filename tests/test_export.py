"""Networks to and from PyTorch and ONNX: the same outputs, and back again."""

from __future__ import annotations

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.networks import export

onnx = pytest.importorskip("onnx")
onnxruntime = pytest.importorskip("onnxruntime")

NAMES = (
    *("relu", "step", "relu2", "sigmoid", "dsigmoid", "tanh", "softplus", "gaussian", "erf"),
    *("gelu", "silu", "arctan", "cos", "sin", "linear"),
)


def network(name, *, outputs=None, affine=True, real=np.float32, width=37, dim=3):
    rng = np.random.default_rng(5)
    shape = () if outputs is None else (outputs,)
    return rf.ShallowNetwork(
        rng.normal(size=(width, dim)).astype(real),
        rng.normal(size=width).astype(real),
        (rng.normal(size=(width, *shape)) / width).astype(real),
        name,
        linear=rng.normal(size=(dim, *shape)).astype(real) if affine else None,
        bias=rng.normal(size=shape).astype(real) if affine else None,
    )


def residual(scheme, real=np.float32):
    stages = {"euler": 1, "midpoint": 2, "rk4": 3}[scheme]
    fields = [network("tanh", outputs=3, real=real, width=5 + i) for i in range(2 * stages)]
    layers = [fields[:stages], fields[stages:]]
    return rf.ResidualNetwork(layers, [0.3, 0.2], scheme=scheme)


def run_onnx(path, x):
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    [y] = session.run(None, {"x": x})
    return y


X = np.random.default_rng(1).normal(size=(50, 3)).astype(np.float32)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("outputs", "affine"), [(None, True), (2, True), (2, False)])
def test_onnx_gives_the_same_outputs_and_reads_back(tmp_path, name, outputs, affine):
    net = network(name, outputs=outputs, affine=affine)
    path = tmp_path / "net.onnx"
    export.shallow_to_onnx(net, path)
    y = run_onnx(path, X)
    assert y.shape == net(X).shape
    assert np.abs(y - net(X)).max() < 1e-6 * np.abs(y).max()  # measured up to 3e-7
    back = export.shallow_from_onnx(path)
    assert back.activation == net.activation
    np.testing.assert_array_equal(back.a, net.a)
    np.testing.assert_array_equal(back.b, net.b)
    np.testing.assert_array_equal(back.linear, net.linear)
    np.testing.assert_array_equal(back(X), net(X))


@pytest.mark.parametrize("scheme", ["euler", "midpoint", "rk4"])
def test_residual_networks_run_in_onnx(tmp_path, scheme):
    net = residual(scheme)
    net.to_onnx(tmp_path / "deep.onnx")
    y = run_onnx(tmp_path / "deep.onnx", X)
    assert np.abs(y - net(X)).max() < 1e-6 * np.abs(y).max()  # measured 2e-7


def test_models_of_others_are_read(tmp_path):
    """MatMul and Add in place of Gemm, as other exporters write them."""
    helper, numpy_helper = onnx.helper, onnx.numpy_helper
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(3, 7)).astype("f4"), rng.normal(size=7).astype("f4")
    c = rng.normal(size=(7, 2)).astype("f4")
    nodes = [
        helper.make_node("MatMul", ["in", "a"], ["p"]),
        helper.make_node("Add", ["b", "p"], ["z"]),
        helper.make_node("Relu", ["z"], ["h"]),
        helper.make_node("MatMul", ["h", "c"], ["out"]),
    ]
    kind = onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("in", kind, ["n", 3])],
        [helper.make_tensor_value_info("out", kind, ["n", 2])],
        [numpy_helper.from_array(v, n) for v, n in ((a, "a"), (b, "b"), (c, "c"))],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, str(tmp_path / "m.onnx"))
    net = export.shallow_from_onnx(tmp_path / "m.onnx")
    truth = np.maximum(X @ a + b, 0) @ c
    assert np.abs(net(X) - truth).max() < 1e-5  # measured 1e-6
    nodes.append(helper.make_node("MatMul", ["out", "d"], ["deeper"]))
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("in", kind, ["n", 3])],
        [helper.make_tensor_value_info("deeper", kind, ["n", 2])],
        [
            numpy_helper.from_array(v, n)
            for v, n in ((a, "a"), (b, "b"), (c, "c"), (np.eye(2, dtype="f4"), "d"))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    onnx.save(model, str(tmp_path / "deep.onnx"))
    with pytest.raises(ValueError, match="must be one hidden layer"):
        export.shallow_from_onnx(tmp_path / "deep.onnx")


def test_bad_input(tmp_path):
    net = network("tanh")
    primed = rf.ShallowNetwork(net.a, net.b, net.c, net.activation.derivative())
    with pytest.raises(ValueError, match=r"to be exported, got \"?'?tanh'"):
        export.shallow_to_onnx(primed, tmp_path / "x.onnx")
    (tmp_path / "no.onnx").write_bytes(b"not a model")
    with pytest.raises(rf.FileFormatError, match="is not an ONNX model"):
        export.shallow_from_onnx(tmp_path / "no.onnx")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("outputs", "affine"), [(None, True), (2, False)])
def test_torch_gives_the_same_outputs_and_reads_back(name, outputs, affine):
    torch = pytest.importorskip("torch")
    net = network(name, outputs=outputs, affine=affine)
    module = export.shallow_to_torch(net)
    y = module(torch.tensor(X)).detach().numpy()
    assert y.shape == net(X).shape
    assert np.abs(y - net(X)).max() < 1e-6 * np.abs(y).max()  # measured up to 3e-7
    back = export.shallow_from_torch(module)
    assert back.activation == net.activation
    np.testing.assert_array_equal(back(X), net(X))
    if name not in ("step", "linear"):
        module(torch.tensor(X)).square().sum().backward()
        assert all(p.grad.abs().sum() > 0 for p in module.parameters())


@pytest.mark.parametrize("scheme", ["euler", "midpoint", "rk4"])
def test_residual_networks_train_in_torch(scheme):
    torch = pytest.importorskip("torch")
    net = residual(scheme, np.float64)
    module = net.to_torch()
    x = torch.tensor(X.astype(np.float64))
    y = module(x).detach().numpy()
    assert np.abs(y - net(X)).max() < 1e-13  # measured 2e-15
    optimizer = torch.optim.SGD(module.parameters(), lr=1e-2)
    before = module(x).square().mean()
    before.backward()
    optimizer.step()
    assert module(x).square().mean() < before
    back = rf.ResidualNetwork.from_torch(module)
    assert np.abs(back(X) - module(x).detach().numpy()).max() < 1e-13


def test_modules_of_others_are_read():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    module = nn.Sequential(nn.Linear(3, 8), nn.Dropout(), nn.GELU(), nn.Linear(8, 2))
    net = export.shallow_from_torch(module)
    truth = module.eval()(torch.tensor(X)).detach().numpy()
    assert np.abs(net(X) - truth).max() < 1e-6  # measured 1e-7
    with pytest.raises(ValueError, match="Linear, activation, Linear, got the layers Linear, ReLU"):
        export.shallow_from_torch(nn.Sequential(nn.Linear(3, 8), nn.ReLU()))
    with pytest.raises(ValueError, match="activation that is known here, got the layer LeakyReLU"):
        export.shallow_from_torch(nn.Sequential(nn.Linear(3, 8), nn.LeakyReLU(), nn.Linear(8, 2)))
