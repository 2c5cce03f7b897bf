"""Rows of explicit minimisers, truncation networks, separations and bottleneck autoencoders."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from ridgeflow import constructions as cs

from .objects import points
from .rows import Equal, Room

room = Room("constructions")


def matrix() -> np.ndarray:
    return np.array([[1.0, 0.5], [-0.25, 2.0]])


def shift() -> np.ndarray:
    return np.array([-1.0, 0.25])


ROTATED = {"W": matrix, "b": shift}


def cone() -> dict[str, Any]:
    return {"W": matrix(), "b": shift(), "x": points()}


def unit(name: str, power: int) -> tuple[Equal, ...]:
    """Lengths times s: the cone keeps its matrix, its apex moves with the points."""

    def pair(s: float) -> Any:
        more = {"t": 0.5} if name == "truncation_flow" else {}
        function = getattr(cs, name)
        return lambda: (
            function(matrix(), s * shift(), s * points(), **more),
            function(matrix(), shift(), points(), **more) * s**power,
        )

    return tuple(Equal(f"lengths times {s:g}", pair(s), 1e-10) for s in (1e-6, 1e-3, 1e3, 1e6))


room.add("constructions.truncation_map", cone, equal=unit("truncation_map", 1))
room.add(
    "constructions.truncation_flow",
    lambda: {**cone(), "t": 0.5},
    equal=unit("truncation_flow", 1),
)
room.add("constructions.entropy_rate", cone)
room.add("constructions.truncation_field", lambda: {"W": matrix(), "b": shift()})
room.add(
    "constructions.cone_layer",
    lambda: {"p": np.array([1.0, 1.0]), "f": np.array([1.0, 0.25]), "theta": 1.5},
)
for name in ("cumulative_parameters", "layer_parameters"):
    room.add(
        f"constructions.{name}",
        lambda: {"weights": [2 * np.eye(2), np.eye(2)], "biases": [shift(), 2 * shift()]},
    )


def classes() -> dict[str, Any]:
    x = np.array([[1.0, 0.0], [1.125, 0.125], [1.0, 0.125], [0.0, 1.0], [0.125, 0.875]])
    return {"X": x, "labels": np.array([0, 0, 0, 1, 1]), "Y": np.eye(2)}


def separable() -> dict[str, Any]:
    x = np.array([[0.0, 0.0], [0.0, 3.0], [2.0, 1.0], [2.0, 2.0]])
    return {"X": x, "labels": np.array([0, 0, 1, 1])}


def permuted(build: Any, data: Any) -> Equal:
    def both() -> tuple[Any, Any]:
        given = data()
        order = np.random.default_rng(0).permutation(len(given["labels"]))
        moved = {**given, "X": given["X"][order], "labels": given["labels"][order]}
        return build(**moved), build(**given)

    return Equal("points in another order", both, 1e-9)


room.add(
    "constructions.clustered_minimizer",
    lambda: {**classes(), "depth": 2, "widths": None, "angles": None, "offsets": None},
    kinds={"labels": "labels"},
    equal=(permuted(lambda **g: cs.clustered_minimizer(**g, depth=2)(points()), classes),),
)
room.add(
    "constructions.configurations",
    lambda: {**classes(), "depth": None},
    kinds={"labels": "labels"},
    infinite=True,  # NaN marks the classes that are left as they are
)
room.add(
    "constructions.sequential_separation",
    separable,
    kinds={"labels": "labels"},
)
room.add(
    "constructions.separable_minimizer",
    lambda: {**separable(), "Y": np.eye(2), "depth": None},
    kinds={"labels": "labels"},
    infinite=True,  # there are no intervals
)


@cache
def minimizer() -> cs.TruncationNetwork:
    return cs.clustered_minimizer(**classes(), depth=2)


for name in ("TruncationNetwork", "Configuration", "SequentialSeparation"):
    room.record(f"constructions.{name}")
for name in ("__call__", "classify", "hidden", "truncated"):
    room.add(f"constructions.TruncationNetwork.{name}", lambda: {"x": points()}, on=minimizer)
for name in ("cost", "diameters", "noise_to_signal"):
    room.add(
        f"constructions.TruncationNetwork.{name}",
        lambda: {"X": classes()["X"], "labels": classes()["labels"]},
        on=minimizer,
        kinds={"labels": "labels"},
    )
room.add("constructions.TruncationNetwork.cumulative", on=minimizer)
room.add(
    "constructions.Configuration.descend",
    lambda: {"step": 0.0625},
    on=lambda: cs.configurations(**classes())[-1],
)

# The classifier ---------------------------------------------------------------------------------

# scikit-learn reads numbers written as text, and records.
SKLEARN = {"foreign": ("sklearn",), "exempt": {"X": ("of text", "structured", "as a data frame")}}


def training() -> dict[str, Any]:
    return {"X": separable()["X"], "y": separable()["labels"]}


@cache
def classifier() -> cs.TruncationClassifier:
    return cs.TruncationClassifier().fit(**training())


room.add(
    "constructions.TruncationClassifier",
    lambda: {"method": "auto", "depth": None, "inseparable": "warn"},
    call=lambda **options: cs.TruncationClassifier(**options).fit(**training()),
    out=lambda made: made.decision_function(points()),
    **SKLEARN,
)
room.add(
    "constructions.TruncationClassifier.fit",
    training,
    call=lambda **given: cs.TruncationClassifier().fit(**given),
    out=lambda made: made.decision_function(points()),
    kinds={"y": "labels"},
    foreign=SKLEARN["foreign"],
    # Labels in a column are taken with scikit-learn's own warning, as its conventions ask.
    exempt={**SKLEARN["exempt"], "y": ("an axis behind",)},
)
for name in ("predict", "decision_function"):
    room.add(
        f"constructions.TruncationClassifier.{name}",
        lambda: {"X": points()},
        on=classifier,
        **SKLEARN,
    )
for name in ("score", "noise_to_signal"):
    room.add(
        f"constructions.TruncationClassifier.{name}",
        training,
        on=classifier,
        kinds={"y": "labels"},
        **SKLEARN,
    )

# Bottleneck autoencoders ------------------------------------------------------------------------


def ring(n: int = 80) -> np.ndarray:
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack([np.cos(t), np.sin(t)], axis=1)


def embed(z: np.ndarray) -> np.ndarray:
    return np.concatenate([np.cos(z), np.sin(z)], axis=1)


@cache
def chart() -> cs.Chart:
    return cs.Chart(embed, np.pi, filling_radius=1.0, reach=1.0, name="ring")


@cache
def autoencoder() -> cs.BottleneckAutoencoder:
    return cs.BottleneckAutoencoder.from_curves([ring()], gap=0.5)


room.add(
    "constructions.filling_radius",
    lambda: {"points": ring()},
    equal=tuple(
        Equal(
            f"lengths times {s:g}",
            lambda s=s: (cs.filling_radius(s * ring()), s * cs.filling_radius(ring())),
            1e-10,
        )
        for s in (1e-6, 1e-3, 1e3, 1e6)
    ),
)
room.add(
    "constructions.Chart",
    lambda: {
        "embed": embed,
        "half_widths": np.array([np.pi]),
        "shape": "box",
        "filling_radius": 1.0,
        "reach": 1.0,
        "name": "ring",
    },
    out=lambda made: made(np.zeros((1, 1))),
    kinds={"name": "words"},
    # Another number of widths is another dimension of what the chart is asked at.
    aliases={"half_widths": ("z",)},
)
latent = {"z": lambda: np.linspace(-1.0, 1.0, 5)[:, None]}
for name in ("__call__", "inward", "jacobian"):
    room.add(f"constructions.Chart.{name}", lambda: {"z": latent["z"]()}, on=chart)
room.add("constructions.Chart.flowed", lambda: {"z": latent["z"](), "time": 0.5}, on=chart)
room.add("constructions.Chart.kept", lambda: {"gap": 0.5}, on=chart)
room.add(
    "constructions.Chart.push",
    lambda: {"z": latent["z"](), "velocity": latent["z"]()},
    on=chart,
)
room.add("constructions.Chart.samples", lambda: {"gap": 0.5, "kept": 8, "removed": 4}, on=chart)


def building(**more: Any) -> dict[str, Any]:
    return {
        **more,
        "kind": "shallow",
        "scale": None,
        "n_directions": None,
        "n_knots": None,
        "width": None,
        "depth": None,
        "end": None,
        "rng": 0,
    }


BUILD: dict[str, Any] = {"limit": 20.0, "rtol": 1e-5, "slow": True}
room.record("constructions.BottleneckAutoencoder")
room.add(
    "constructions.BottleneckAutoencoder.from_curves",
    lambda: building(curves=[ring()], gap=0.5, order="auto", smoothing=0.0),
    out=lambda made: made(ring(7)),
    **BUILD,
)
room.add(
    "constructions.BottleneckAutoencoder.from_charts",
    lambda: building(charts=[chart()], gap=0.5, latent_dim=1),
    out=lambda made: made(ring(7)),
    **BUILD,
)
SURFACES = {
    "from_sphere": {"radius": 1.0, "center": np.zeros(3), "hole": np.array([0.0, 0.0, 1.0])},
    "from_torus": {"major": 2.0, "minor": 1.0, "center": np.zeros(3), "cut": np.zeros(2)},
}
for name, more in SURFACES.items():
    room.add(
        f"constructions.BottleneckAutoencoder.{name}",
        # Small maps of flows: ridge maps of surfaces take ten seconds.
        lambda more=more: {
            **building(**more, gap=2.0),
            "kind": "flow",
            "width": 6,
            "depth": (1, 1),
        },
        out=lambda made: made(np.array([[1.0, 0.5, 0.25]])),
        **BUILD,
    )
for name in ("__call__", "encode"):
    room.add(f"constructions.BottleneckAutoencoder.{name}", lambda: {"x": ring(7)}, on=autoencoder)
room.add(
    "constructions.BottleneckAutoencoder.decode",
    lambda: {"z": np.linspace(0.0, 1.0, 5)[:, None]},
    on=autoencoder,
)
room.add("constructions.BottleneckAutoencoder.report", lambda: {"eps": 0.125}, on=autoencoder)
for name in ("AutoencoderReport", "ComponentReport"):
    room.record(f"constructions.{name}")
room.add("constructions.AutoencoderReport.table", on=lambda: autoencoder().report(0.125))
