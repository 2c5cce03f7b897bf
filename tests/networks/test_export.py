"""Networks to and from PyTorch and ONNX: the same outputs, and back again."""

from __future__ import annotations

import re
import sys
import textwrap
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

import ridgeflow as rf

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
    net.to_onnx(path)
    y = run_onnx(path, X)
    assert y.shape == net(X).shape
    assert np.abs(y - net(X)).max() < 1e-6 * np.abs(y).max()  # measured up to 3e-7
    back = rf.ShallowNetwork.from_onnx(path)
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


@pytest.mark.parametrize("name", NAMES)
def test_every_activation_runs_in_double_precision(tmp_path, name):
    """Values of one neuron over thirty decades, against those of the library, and back."""
    z = np.geomspace(1e-8, 30.0, 300)
    x = np.concatenate([-z, [0.0], z])[:, None]
    if name not in ("cos", "sin", "relu2"):
        x = np.concatenate([x, [[-1e200], [1e200]]])
    net = rf.ShallowNetwork([[1.0]], [0.0], [1.0], name)
    net.to_onnx(tmp_path / "one.onnx")
    y = run_onnx(tmp_path / "one.onnx", x)
    assert y.dtype == np.float64
    # measured up to 9e-16; where ONNX Runtime has an operator of its own, 4e-15
    assert np.all(np.abs(y - net(x)) <= 1e-14 * np.maximum(1, np.abs(net(x))))
    back = rf.ShallowNetwork.from_onnx(tmp_path / "one.onnx")
    assert back.activation == net.activation and np.array_equal(back(x), net(x))
    if name in ("erf", "arctan"):
        away = x[:, 0] != 0
        # Small values keep their digits. measured 4e-16
        assert np.abs(y[away] / net(x)[away] - 1).max() < 1e-14


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_models_in_a_precision_that_is_asked_for(tmp_path, dtype):
    for real in (np.float32, np.float64):
        for net in (network("gelu", outputs=2, real=real), residual("midpoint", real)):
            net.to_onnx(tmp_path / "net.onnx", dtype=dtype)
            y = run_onnx(tmp_path / "net.onnx", X.astype(dtype))
            assert y.dtype == dtype
            assert np.abs(y - net(X.astype(np.float64))).max() < 1e-6 * np.abs(y).max()
    single, double = residual("euler"), residual("euler", np.float64)
    # Layers of both: none of the digits is lost.
    both = rf.ResidualNetwork([*single.layers, *double.layers], np.full(4, 0.2))
    both.to_onnx(tmp_path / "both.onnx")
    assert run_onnx(tmp_path / "both.onnx", X.astype(np.float64)).dtype == np.float64
    with pytest.raises(ValueError, match="`dtype` must be one of float32, float64"):
        single.to_onnx(tmp_path / "net.onnx", dtype="float16")
    huge = rf.ShallowNetwork([[1.0]], [0.0], [1e300], "tanh")
    with pytest.raises(ValueError, match="`dtype` must hold the parameters of the network"):
        huge.to_onnx(tmp_path / "net.onnx", dtype="float32")


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
    net = rf.ShallowNetwork.from_onnx(tmp_path / "m.onnx")
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
        rf.ShallowNetwork.from_onnx(tmp_path / "deep.onnx")


def save_model(path, nodes, held, width=3):
    """An ONNX model from ``in`` (n, width) to ``out``."""
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        nodes,
        "g",
        [helper.make_tensor_value_info("in", kind, ["n", width])],
        [helper.make_tensor_value_info("out", kind, ["n", "k"])],
        [onnx.numpy_helper.from_array(v.astype("f4"), n) for n, v in held.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 20)])
    model.ir_version = 10
    onnx.save(model, str(path))


@pytest.mark.parametrize(
    ("operator", "options", "match"),
    [
        ("Elu", {}, "got Elu where one of .*Tanh is known in the nodes Gemm, Elu, Gemm"),
        ("Gelu", {"approximate": "tanh"}, "got the approximate Gelu"),
        ("Softmax", {}, "got Softmax where one of"),
    ],
)
def test_other_activations_in_onnx_are_named(tmp_path, operator, options, match):
    node = onnx.helper.make_node
    nodes = [
        node("Gemm", ["in", "a", "b"], ["z"]),
        node(operator, ["z"], ["h"], **options),
        node("Gemm", ["h", "c"], ["out"]),
    ]
    held = {"a": np.ones((3, 4)), "b": np.ones(4), "c": np.ones((4, 1))}
    save_model(tmp_path / "m.onnx", nodes, held)
    with pytest.raises(ValueError, match=match):
        rf.ShallowNetwork.from_onnx(tmp_path / "m.onnx")
    save_model(tmp_path / "one.onnx", [node("Gemm", ["in", "a"], ["out"])], {"a": held["a"]})
    with pytest.raises(ValueError, match=r"one hidden layer .*got .* in the nodes Gemm"):
        rf.ShallowNetwork.from_onnx(tmp_path / "one.onnx")


def test_activations_that_formats_lack_are_refused(tmp_path):
    net = network("tanh")
    primed = rf.ShallowNetwork(net.a, net.b, net.c, net.activation.derivative())
    with pytest.raises(ValueError, match=r"one of arctan, cos, .* to be exported, got .tanh'"):
        primed.to_onnx(tmp_path / "x.onnx")
    assert not (tmp_path / "x.onnx").exists()
    if find_spec("torch"):
        with pytest.raises(ValueError, match=r"to be exported, got .tanh'"):
            primed.to_torch()
    # A factor of the activation goes into the weights.
    steep = rf.ShallowNetwork(net.a, net.b, net.c, rf.activation("softplus").derivative())
    steep.to_onnx(tmp_path / "s.onnx")
    assert np.abs(run_onnx(tmp_path / "s.onnx", X) - steep(X)).max() < 1e-6  # measured 6e-8


def test_files_that_are_no_models_are_refused(tmp_path):
    (tmp_path / "no.onnx").write_bytes(b"not a model")
    with pytest.raises(rf.FileFormatError, match="is not an ONNX model"):
        rf.ShallowNetwork.from_onnx(tmp_path / "no.onnx")
    with pytest.raises(FileNotFoundError):
        rf.ShallowNetwork.from_onnx(tmp_path / "none.onnx")


def test_missing_packages_are_named_with_the_line_that_installs_them(tmp_path, monkeypatch):
    net = network("tanh")
    for package in ("torch", "onnx"):
        monkeypatch.setitem(sys.modules, package, None)
    for call, package in (
        (net.to_torch, "torch"),
        (lambda: rf.ShallowNetwork.from_torch(None), "torch"),
        (lambda: net.to_onnx(tmp_path / "x.onnx"), "onnx"),
        (lambda: rf.ShallowNetwork.from_onnx(tmp_path / "x.onnx"), "onnx"),
    ):
        line = rf"this needs the package {package}: pip install \"ridgeflow\[{package}\]\""
        with pytest.raises(rf.MissingDependencyError, match=line):
            call()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("outputs", "affine"), [(None, True), (2, False)])
def test_torch_gives_the_same_outputs_and_reads_back(name, outputs, affine):
    torch = pytest.importorskip("torch")
    net = network(name, outputs=outputs, affine=affine)
    module = net.to_torch()
    y = module(torch.tensor(X)).detach().numpy()
    assert y.shape == net(X).shape
    assert np.abs(y - net(X)).max() < 1e-6 * np.abs(y).max()  # measured up to 3e-7
    back = rf.ShallowNetwork.from_torch(module)
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
    net = rf.ShallowNetwork.from_torch(module)
    truth = module.eval()(torch.tensor(X)).detach().numpy()
    assert np.abs(net(X) - truth).max() < 1e-6  # measured 1e-7


def test_other_modules_are_refused_by_the_name_of_their_layer():
    torch = pytest.importorskip("torch")
    nn = torch.nn
    read = rf.ShallowNetwork.from_torch
    row = [nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2)]
    for layers, match in (
        (row[:2], "Linear, activation, Linear, got the layers Linear, ReLU "),
        ([*row, nn.ReLU()], r"layers Linear, ReLU, Linear, ReLU; '3' is ReLU \(read deeper"),
        ([nn.Conv1d(1, 1, 1), *row[1:]], "'0' is Conv1d"),
        ([row[0], nn.BatchNorm1d(8), *row[1:]], "'2' is ReLU"),
        ([row[0], nn.LeakyReLU(), row[2]], "activation that is known here, got the layer LeakyR"),
        ([row[0], nn.GELU("tanh"), row[2]], "got the layer GELU.*exact GELU"),
        ([row[0], nn.Softplus(beta=2), row[2]], "got the layer Softplus.*with beta 1"),
        ([], "'the module' is Sequential"),
    ):
        with pytest.raises(ValueError, match=match):
            read(nn.Sequential(*layers))
    with pytest.raises(TypeError, match=r"`module` must be a torch\.nn\.Module, got list"):
        read(row)


def test_modules_that_do_something_else_are_refused():
    torch = pytest.importorskip("torch")
    nn = torch.nn

    class Skip(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.eta, self.last = nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 3)

        def forward(self, x):
            return x + self.last(self.eta(self.first(x)))

    module = Skip().train()
    with pytest.raises(ValueError, match="got other outputs from Skip"):
        rf.ShallowNetwork.from_torch(module)
    assert module.training and module.first.training


def test_code_of_the_page_on_networks_runs(tmp_path, monkeypatch):
    pytest.importorskip("torch")
    pytest.importorskip("sklearn")
    page = Path(__file__).parents[2] / "docs" / "networks.rst"
    found = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", page.read_text("utf-8"))
    names = {}
    monkeypatch.chdir(tmp_path)
    for block in found:
        exec(compile(textwrap.dedent(block), page.name, "exec"), names)
    assert names["net"].width == 400
    assert (tmp_path / "digits.onnx").stat().st_size > 1000
    # The operator that the page defines solves a problem.
    a, b, x = np.random.default_rng(0).normal(size=(3, 20))
    operator = names["features"](a[:, None], b, x[:, None])
    c = names["lsqr"](operator, np.sin(x), atol=1e-12, btol=1e-12)[0]
    assert np.abs(operator @ c - np.sin(x)).max() < 1e-3
