"""Rows of networks, their fits, their analysis and their files."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf
from ridgeflow.networks import analysis
from ridgeflow.networks.pairs import pair_neurons

from .objects import eta, network, points, region, residual, saved, spectrum
from .rows import Equal, Room, folder, in_units

room = Room("networks")
UNITS = (1e-6, 1e-3, 1e3, 1e6)


def parts(outputs: int = 2) -> dict[str, Any]:
    net = network(outputs)
    return {
        "a": net.a.copy(),
        "b": net.b.copy(),
        "c": net.c.copy(),
        "activation": eta(),
        "linear": net.linear.copy(),
        "bias": net.bias.copy(),
    }


def scaled(s: float) -> rf.ShallowNetwork:
    """Points in units of s: slopes divided by it."""
    given = parts()
    given["a"], given["linear"] = given["a"] / s, given["linear"] / s
    return rf.ShallowNetwork(**given)


def reordered() -> rf.ShallowNetwork:
    given = parts()
    order = np.random.default_rng(0).permutation(7)
    return rf.ShallowNetwork(**{**given, **{k: given[k][order] for k in "abc"}})


def twice() -> rf.ShallowNetwork:
    """Each neuron twice, with half its weight."""
    given = parts()
    for name in "ab":
        given[name] = np.concatenate([given[name], given[name]])
    given["c"] = np.concatenate([given["c"], given["c"]]) / 2
    return rf.ShallowNetwork(**given)


def forms(evaluate: Callable[..., Any], power: int) -> tuple[Equal, ...]:
    def unit(s: float) -> Callable[[], tuple[Any, Any]]:
        return lambda: (
            evaluate(scaled(s), s * points()),
            evaluate(network(), points()) * s**power,
        )

    return (
        Equal(
            "neurons in another order",
            lambda: (evaluate(reordered(), points()), evaluate(network(), points())),
        ),
        Equal(
            "neurons written twice",
            lambda: (evaluate(twice(), points()), evaluate(network(), points())),
        ),
        Equal(
            "points in another order",
            lambda: (evaluate(network(), points()[::-1]), evaluate(network(), points())[::-1]),
        ),
        *(Equal(f"lengths times {s:g}", unit(s), 1e-10) for s in UNITS),
    )


room.add("rf.ShallowNetwork", parts, out=lambda net: net(points()))
room.add(
    "ShallowNetwork.__call__",
    lambda: {"x": points(), "out": np.empty((6, 2))},
    on=network,
    equal=forms(lambda net, x: net(x), 0),
    # A buffer is written, and must be an array of the right kind.
    kinds={"out": "object"},
)
room.add("ShallowNetwork.__call__", lambda: {"x": points()}, on=network, variant="no buffer")
room.add(
    "ShallowNetwork.gradient",
    lambda: {"x": points()},
    on=network,
    equal=forms(lambda net, x: net.gradient(x), -1),
)
room.add(
    "ShallowNetwork.correlate",
    lambda: {"x": points(), "residuals": points(6, 2, seed=8)},
    on=network,
)


def to_file(owner: Callable[[], Any], method: str, suffix: str) -> Callable[..., Any]:
    def call(path: Any) -> None:
        (folder() / "networks").mkdir(exist_ok=True)
        getattr(owner(), method)(path)

    return call


for name, made in {"ShallowNetwork": network, "ResidualNetwork": residual}.items():
    for method, suffix in {"save": "npz", "to_onnx": "onnx"}.items():
        room.add(
            f"{name}.{method}",
            lambda name=name, suffix=suffix: {"path": folder() / "networks" / f"{name}.{suffix}"},
            call=to_file(made, method, suffix),
            limit=10.0,
        )


@cache
def onnx_file() -> Any:
    path = folder() / "saved" / "network.onnx"
    path.parent.mkdir(exist_ok=True)
    network().to_onnx(path)
    return path


room.add("ShallowNetwork.from_onnx", lambda: {"path": onnx_file()})
for kind in ("network", "residual"):
    room.add("rf.load_network", lambda kind=kind: {"path": saved(kind)}, variant=kind)


def without_torch(method: Callable[..., Any]) -> Callable[..., Any]:
    """Conversions need torch, and say so where it is missing."""

    def call(**named: Any) -> Any:
        try:
            return method(**named)
        except rf.MissingDependencyError:
            return None

    return call


for name, made in {"ShallowNetwork": network, "ResidualNetwork": residual}.items():
    room.add(
        f"{name}.to_torch", call=without_torch(lambda made=made: made().to_torch()), infinite=True
    )
    room.add(f"{name}.from_torch", call=lambda: None)
room.add(
    "ShallowNetwork.from_spectrum",
    lambda: {
        "spectrum": spectrum(),
        "activation": eta(),
        "width": 12,
        "sampling": "sobol",
        "weights": "importance",
        "rng": 0,
        "points": None,
        "values": None,
        "control": "affine",
    },
)
room.add(
    "ShallowNetwork.from_spectrum",
    lambda: {
        "spectrum": spectrum(),
        "activation": eta(),
        "width": 6,
        "sampling": "monte_carlo",
        "weights": "least_squares",
        "rng": 0,
        "points": points(20),
        "values": np.exp(-(points(20) ** 2).sum(axis=1)),
        "control": "affine",
    },
    variant="least squares",
)


@cache
def representation() -> rf.IntegralRepresentation:
    field = rf.CallableField(lambda x: np.sin(x[:, 0]) + x[:, 0], 1)
    return rf.IntegralRepresentation(field, eta(), region=rf.Region([0.0], 2.0, 2.0), tol=1e-2)


room.add(
    "ShallowNetwork.from_representation",
    lambda: {
        "rep": representation(),
        "width": 12,
        "sampling": "sobol",
        "weights": "importance",
        "rng": 0,
        "points": np.linspace(-1.5, 1.5, 12)[:, None],
        "control": "affine",
    },
)

# Fits ------------------------------------------------------------------------------------------


def fit_data() -> dict[str, Any]:
    net = network()
    x = points(30)
    return {
        "a": net.a.copy(),
        "b": net.b.copy(),
        "activation": eta(),
        "points": x,
        "values": np.tanh(x @ np.array([[1.0, 0.5], [-0.5, 0.25]])),
        "ridge": 1e-6,
        "measure": None,
        "affine": True,
        "weights": np.arange(1.0, 31.0) % 3 + 1,
        "rcond": None,
    }


def at_points(given: dict[str, Any]) -> np.ndarray:
    return rf.fit_outer_weights(**given)(points())


def repeated_fit() -> tuple[Any, Any]:
    given = {**fit_data(), "ridge": 0.0}
    times = given.pop("weights").astype(int)
    for name in ("points", "values"):
        given[name] = np.repeat(given[name], times, axis=0)
    return at_points(given), at_points({**fit_data(), "ridge": 0.0})


def fit_in(s: float) -> Any:
    """Points in units of s, slopes in its inverse."""
    given = {**fit_data(), "ridge": 0.0, "affine": True}
    given["points"], given["a"] = s * given["points"], given["a"] / s
    return rf.fit_outer_weights(**given)(s * points())


def fit_of(s: float) -> Any:
    """Values in units of s."""
    given = {**fit_data(), "ridge": "gcv"}
    given["values"] = s * given["values"]
    return rf.fit_outer_weights(**given)(points()) / s


def permuted_fit() -> tuple[Any, Any]:
    given = fit_data()
    order = np.random.default_rng(0).permutation(30)
    for name in ("points", "values", "weights"):
        given[name] = given[name][order]
    return at_points(given), at_points(fit_data())


for ridge in (1e-6, "gcv", "loo"):
    room.add(
        "rf.fit_outer_weights",
        lambda ridge=ridge: {**fit_data(), "ridge": ridge},
        out=lambda net: net(points()),
        variant=str(ridge),
        rtol=1e-6,
        kinds={"ridge": "number" if isinstance(ridge, float) else "option"},
        exempt={} if isinstance(ridge, float) else {"ridge": ("a number",)},
        equal=(
            Equal("points in another order", permuted_fit, 1e-8),
            Equal("points repeated in place of weights", repeated_fit, 1e-6),
            *in_units(fit_in, 0, 1e-7),
            *in_units(fit_of, 0, 1e-7),
        )
        if isinstance(ridge, float)
        else (),
    )
room.add(
    "networks.pairs.pair_neurons",
    lambda: {
        "points": points(30),
        "values": points(30, 1, seed=3)[:, 0],
        "width": 7,
        "slope": 1.0,
        "density": "gradient",
        "weights": np.ones(30),
        "rng": 0,
    },
    equal=tuple(
        Equal(
            f"lengths times {s:g}",
            lambda s=s: (
                pair_neurons(s * points(30), points(30)[:, 0], 7, rng=0)[0] * s,
                pair_neurons(points(30), points(30)[:, 0], 7, rng=0)[0],
            ),
            1e-9,
        )
        for s in UNITS
    ),
)

# Analysis --------------------------------------------------------------------------------------


def relu(net: rf.ShallowNetwork | None = None) -> rf.ShallowNetwork:
    net = network() if net is None else net
    return rf.ShallowNetwork(net.a, net.b, net.c, "relu", linear=net.linear, bias=net.bias)


room.add("networks.analysis.canonical_form", lambda: {"net": relu(), "merge": True})
room.add(
    "networks.analysis.canonical_form",
    lambda: {"net": relu(twice()), "merge": True},
    out=lambda net: net(points()),
    variant="neurons written twice",
    equal=(
        Equal(
            "the same function",
            lambda: (analysis.canonical_form(relu(twice()))(points()), relu()(points())),
        ),
    ),
)
room.add(
    "networks.analysis.parameter_density",
    lambda: {
        "net": network(),
        "a": points(4),
        "b": points(4)[:, 0],
        "bandwidth": (0.5, 0.25),
    },
)
room.add(
    "networks.analysis.sampling_report",
    lambda: {
        "spectrum": spectrum(),
        "activation": eta(),
        "points": points(),
        "width": 8,
        "rng": 0,
    },
)
room.add(
    "networks.analysis.split_null_space",
    lambda: {"net": network(), "points": points(20), "rcond": 1e-10},
    rtol=1e-6,
)
for name in ("NullSplit", "SamplingReport"):
    room.record(f"networks.analysis.{name}")

# Residual networks -----------------------------------------------------------------------------

room.add(
    "rf.ResidualNetwork",
    lambda: {
        "layers": [network(), network()],
        "steps": np.array([0.125, 0.25]),
        "scheme": "euler",
        "region": region(),
    },
    out=lambda net: net(points()),
)
for name in ("__call__", "trajectory", "jacobian", "log_det"):
    room.add(f"ResidualNetwork.{name}", lambda: {"x": points()}, on=residual)
room.add(
    "ResidualNetwork.inverse",
    lambda: {"y": points(), "tol": 1e-12, "max_iterations": 100},
    on=residual,
    out=lambda found: found.points,
)
room.record("rf.InverseResult")


def scaled_residual(s: float) -> rf.ResidualNetwork:
    """Points and velocities in units of s."""
    given = parts()
    layer = rf.ShallowNetwork(
        given["a"] / s,
        given["b"],
        given["c"] * s,
        eta(),
        linear=given["linear"],
        bias=given["bias"] * s,
    )
    return rf.ResidualNetwork([layer, layer], [0.125, 0.125])


for name, power in {"__call__": 1, "trajectory": 1, "jacobian": 0, "log_det": 0}.items():
    room.add(
        f"ResidualNetwork.{name}",
        lambda: {"x": points()},
        on=residual,
        variant="units",
        fixed=("x",),
        equal=in_units(lambda s, name=name: getattr(scaled_residual(s), name)(s * points()), power),
    )
room.add(
    "ResidualNetwork.inverse",
    lambda: {"y": points()},
    on=residual,
    variant="units",
    fixed=("y",),
    out=lambda found: found.points,
    # measured 3e-16
    equal=in_units(lambda s: scaled_residual(s).inverse(s * points()).points, 1, 1e-13),
)

# Estimators: scikit-learn's own validation speaks of X and y ------------------------------------

# It reads numbers written as text, and records, and warns of names of columns that come new.
SKLEARN: dict[str, Any] = {
    "foreign": ("sklearn",),
    "limit": 10.0,
    "exempt": {"X": ("of text", "structured", "as a data frame")},
}


def regression() -> dict[str, Any]:
    x = points(40)
    return {"X": x, "y": np.tanh(x[:, 0]), "sample_weight": np.arange(40.0) % 3 + 1}


def classes() -> dict[str, Any]:
    x = points(40)
    labels = (x[:, 0] > 0).astype(int)
    return {"X": x, "y": labels, "sample_weight": np.arange(40.0) % 3 + 1}


ESTIMATORS = {
    "RidgeletRegressor": (rf.RidgeletRegressor, regression),
    "RidgeletClassifier": (rf.RidgeletClassifier, classes),
}
for name, (estimator, data) in ESTIMATORS.items():

    @cache
    def fitted(estimator: Any = estimator, data: Any = data) -> Any:
        return estimator(width=10, random_state=0, ridge=1e-6).fit(data()["X"], data()["y"])

    def fit_with(estimator: Any = estimator, data: Any = data) -> Callable[..., Any]:
        return lambda **options: estimator(**options).fit(data()["X"], data()["y"])

    room.add(
        f"rf.{name}",
        lambda: {
            "width": 10,
            "activation": "tanh",
            "sampling": "pairs",
            "slope": 1.0,
            "ridge": 1e-6,
            "affine": True,
            "random_state": 0,
        },
        call=fit_with(),
        out=lambda made: made.predict(points()),
        kinds={"ridge": "number"},
        rtol=1e-6,
        **SKLEARN,
    )

    def fit(estimator: Any = estimator) -> Callable[..., Any]:
        return lambda **given: estimator(width=10, random_state=0, ridge=1e-6).fit(**given)

    # Labels may be text, and come in a column with a warning, as scikit-learn asks.
    TAKEN = {
        **SKLEARN["exempt"],
        **({"y": ("of text", "an axis behind")} if name.endswith("Classifier") else {}),
    }
    room.add(
        f"{name}.fit",
        data,
        call=fit(),
        out=lambda made: made.predict(points()),
        rtol=1e-6,
        foreign=SKLEARN["foreign"],
        exempt=TAKEN,
    )
    room.add(
        f"{name}.partial_fit",
        (lambda data=data: {**data(), "classes": np.array([0, 1])})
        if name.endswith("Classifier")
        else data,
        call=lambda estimator=estimator, **given: estimator(
            width=10, random_state=0, ridge=1e-6
        ).partial_fit(**given),
        out=lambda made: made.predict(points()),
        rtol=1e-6,
        aliases={"classes": ("y",)},
        foreign=SKLEARN["foreign"],
        exempt=TAKEN,
    )
    room.add(f"{name}.predict", lambda: {"X": points()}, on=fitted, **SKLEARN)
    room.add(f"{name}.score", data, on=fitted, **SKLEARN)
    if name.endswith("Classifier"):
        room.add(f"{name}.decision_function", lambda: {"X": points()}, on=fitted, **SKLEARN)
        room.add(f"{name}.predict_proba", lambda: {"X": points()}, on=fitted, **SKLEARN)
