"""Rows of data, figures, theorems, the bibliography and the settings."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

import ridgeflow as rf
from ridgeflow import bibliography, theorems

from .objects import normal, points, spectrum
from .rows import Room, folder
from .rows_constructions import autoencoder
from .rows_double_continuum import study

room = Room("misc")

# Data ------------------------------------------------------------------------------------------


@cache
def table() -> Any:
    path = folder() / "tables" / "points.csv"
    path.parent.mkdir(exist_ok=True)
    path.write_text("u,v,w\n" + "\n".join(f"{i},{i * i},{-i}" for i in range(1, 9)) + "\n")
    return path


room.add("datasets.load_iris")
room.add(
    "datasets.read_table",
    lambda: {"path": table(), "columns": ["u", "w"], "array": None},
    kinds={"path": "path"},
)
room.add(
    "datasets.standardise",
    lambda: {"points": points(), "names": ["u", "v"]},
    kinds={"names": "names"},
)
for name in ("Dataset", "Table"):
    room.record(f"datasets.{name}")

# Figures ---------------------------------------------------------------------------------------


def paths() -> np.ndarray:
    return np.linspace(0, 1, 3)[:, None, None] * points(4)


def line_network() -> rf.ShallowNetwork:
    return rf.ShallowNetwork([[1.0], [-2.0]], [0.0, 0.5], [1.0, 0.5], "tanh")


@cache
def flat_spectrum() -> rf.Spectrum:
    axis = np.linspace(-6, 6, 13)
    chosen = rf.ParameterGrid.cartesian([axis], axis)
    return rf.ridgelet_transform(normal(1), rf.Ridgelet(1, 1), chosen)


FIGURES: dict[str, Any] = {"limit": 20.0, "slow": True}
room.add(
    "plotting.trajectories",
    lambda: {
        "exact": paths(),
        "network": paths(),
        "times": np.array([0.0, 0.5, 1.0]),
        "labels": ["u", "v"],
        "unit": "cm",
    },
    kinds={"labels": "names", "unit": "words"},
    **FIGURES,
)
room.add(
    "plotting.spectrum_map",
    lambda: {"spectrum": spectrum(), "component": None, "directions": [0, 1]},
    **FIGURES,
)
room.add(
    "plotting.network_over_spectrum",
    lambda: {
        "net": line_network(),
        "spectrum": flat_spectrum(),
        "component": 0,
        "title": "a title",
    },
    kinds={"title": "words"},
    **FIGURES,
)
room.add(
    "plotting.errors_by_size",
    lambda: {
        "width_errors": {50: 0.2, 100: 0.1},
        "depth_errors": {1: 0.3, 2: 0.15},
        "chosen": (2, 100),
    },
    **FIGURES,
)
room.add(
    "plotting.functionals",
    lambda: {
        "entropy": (np.array([0.0, 1.0]), np.array([2.0, 1.5]), np.array([0.01, 0.01])),
        "fisher": None,
    },
    **FIGURES,
)
room.add("plotting.limit_study", lambda: {"study": study()}, **FIGURES)
room.add(
    "plotting.bottleneck_curves",
    lambda: {"model": autoencoder(), "eps": 0.125, "title": "a title"},
    kinds={"title": "words"},
    **FIGURES,
)


@cache
def flowing() -> Any:
    from ridgeflow.constructions import BottleneckAutoencoder

    from .rows_constructions import ring

    return BottleneckAutoencoder.from_curves(
        [ring(40)], gap=0.5, kind="flow", width=20, depth=(2, 2)
    )


room.add("plotting.bottleneck_flow", lambda: {"model": flowing(), "panels": 3}, **FIGURES)


@cache
def report() -> Any:
    return theorems.validate("finite_field")


room.add(
    "plotting.statement_figure", lambda: {"plots": tuple(report()["finite_field"].plots)}, **FIGURES
)

# Theorems --------------------------------------------------------------------------------------

room.add("theorems.statements", out=lambda found: list(found))
for name in ("rf.validate", "theorems.validate"):
    room.add(
        name,
        lambda: {"names": "finite_field", "effort": "quick", "progress": None},
        kinds={"names": "option"},
        # None are all of them, which take longer than a case may.
        exempt={"names": ("in a list", "None")},
        out=lambda found: [c.measured for r in found for c in r.comparisons],
        limit=10.0,
    )
for name in ("Result", "Statement"):
    room.record(f"theorems.{name}")
room.add(
    "theorems.Statement.run",
    lambda: {"effort": "quick", "broken": None},
    on=lambda: theorems.statements()["finite_field"],
    out=lambda result: [c.measured for c in result.comparisons],
    limit=10.0,
)
room.add(
    "theorems.Statement.run_with",
    lambda: {
        "effort": "quick",
        "constant": theorems.statements()["finite_field"].constants[0],
        "value": 0.75,
    },
    on=lambda: theorems.statements()["finite_field"],
    kinds={"effort": "option", "constant": "object"},
    out=lambda result: result.status,
    limit=10.0,
)
room.add(
    "theorems.Comparison",
    lambda: {
        "label": "slope",
        "predicted": -0.5,
        "measured": -0.5625,
        "tolerance": 0.125,
        "relation": "equal",
    },
    kinds={"label": "words"},
    fixed=("measured",),
)
room.add(
    "theorems.Series",
    lambda: {"label": "error", "x": (1.0, 2.0), "y": (0.5, 0.25), "style": "line"},
    kinds={"label": "words"},
    # A figure shows what a failed statement measured.
    exempt={"y": ("first NaN", "first inf", "last NaN", "last inf")},
)
room.add(
    "theorems.Series.of",
    lambda: {
        "label": "error",
        "x": np.array([1.0, 2.0]),
        "y": np.array([0.5, 0.25]),
        "style": "line",
    },
    kinds={"label": "words"},
    exempt={"y": ("with NaN", "with inf", "with -inf", "all NaN")},
)
room.add(
    "theorems.Plot",
    lambda: {
        "title": "error",
        "x_label": "width",
        "y_label": "rms",
        "series": (theorems.Series.of("", [1, 2], [3, 4]),),
        "x_log": False,
        "y_log": True,
    },
    kinds=dict.fromkeys(("title", "x_label", "y_label"), "words"),
)
room.record("theorems.Report")
for name in ("__iter__", "__len__", "rows", "summary", "table"):
    room.add(f"theorems.Report.{name}", on=report)
room.add("theorems.Report.to_dict", on=report, out=lambda found: found["statements"])
room.add(
    "theorems.Report.__getitem__",
    lambda: {"name": "finite_field"},
    on=report,
    out=lambda r: r.name,
    errors=(KeyError,),
)
for name in ("to_html", "to_json"):

    def write(path: Any, name: str = name) -> None:
        (folder() / "reports").mkdir(exist_ok=True)
        getattr(report(), name)(path)

    room.add(
        f"theorems.Report.{name}",
        lambda name=name: {"path": folder() / "reports" / name},
        call=write,
        slow=True,
    )

# Bibliography and settings ---------------------------------------------------------------------

for name in ("rf.cite", "bibliography.cite"):
    room.add(name, lambda: {"topics": ("ridgelet_transform",)}, fixed=("topics",))
for name in ("bibtex", "reference"):
    room.add(f"bibliography.{name}", lambda: {"key": bibliography.entry_keys()[0]})
for name in ("entry_keys", "topics"):
    room.add(f"bibliography.{name}")
room.add("rf.Config", lambda: {"threads": 2, "fft_effort": "estimate", "memory_budget": 2**30})


def inside(**settings: Any) -> Any:
    with rf.config(**settings) as found:
        return found


room.add(
    "rf.config",
    lambda: {"threads": 2, "fft_effort": "estimate", "memory_budget": 2**30},
    call=inside,
)
room.add("rf.get_config", out=lambda found: found.fft_effort)
