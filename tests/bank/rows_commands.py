"""Rows of the commands, whose arguments are words of a command line."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import click
import numpy as np

from .objects import points
from .rows import Room, folder

room = Room("commands")
_runs = itertools.count()


class Refused(ValueError):
    """What a command says with exit status 2."""


def command(name: str) -> Callable[..., Any]:
    """A command, with its options as keyword arguments, in a folder of its own."""

    def call(**options: Any) -> None:
        from ridgeflow.cli import root
        from ridgeflow.cli.files import BadInput

        words = [name]
        out = folder() / "commands" / f"run{next(_runs)}"
        out.parent.mkdir(exist_ok=True)
        for option, value in options.items():
            if option in ("file", "names"):
                words.append(str(value))
            elif value is True:
                words.append(f"--{option}")
            elif value is not None:
                words.append(f"--{option}={value}")
        if "out" in PARAMETERS[name] and "out" not in options:
            words += ["--out", str(out)]
        try:
            root.main(args=words, prog_name="ridgeflow", standalone_mode=False)
        except (click.ClickException, BadInput) as error:
            said = error.format_message() if isinstance(error, click.ClickException) else str(error)
            raise Refused(said if "`" in said else f"`{said}`") from None

    return call


def _parameters() -> dict[str, set[str]]:
    from ridgeflow.cli import root

    return {
        name: {option.lstrip("-") for p in found.params for option in p.opts}
        for name, found in root.commands.items()
    }


PARAMETERS = _parameters()


@cache
def table() -> Path:
    path = folder() / "commands" / "points.csv"
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, points(14), "%.6f", ",", header="u,v", comments="")
    return path


@cache
def line() -> Path:
    path = folder() / "commands" / "line.csv"
    path.parent.mkdir(exist_ok=True)
    np.savetxt(path, points(14, 1), "%.6f", ",", header="u", comments="")
    return path


@cache
def samples() -> Path:
    path = folder() / "commands" / "samples.npz"
    path.parent.mkdir(exist_ok=True)
    x = points(40)
    np.savez(path, points=x, velocities=-x, when=np.linspace(0, 1, 40))
    return path


NUMBERS = dict.fromkeys(("depth", "width", "seed"), "a whole word")
SHARES = dict.fromkeys(("tol", "time", "holdout", "end"), "a number as a word")
OPTIONS = dict.fromkeys(
    ("layers", "activation", "effort", "names", "columns", "array", "ways", "points", "velocities",
     "times", "depths", "widths"), "a word"
)  # fmt: skip
KINDS = {**NUMBERS, **SHARES, **OPTIONS, "file": "a file as a word", "out": "a folder as a word"}
COMMON: dict[str, Any] = {
    "kinds": KINDS,
    "limit": 20.0,
    "aliases": {"file": ("FILE", "path", "points.csv", "line.csv", "samples.npz", "names")},
}


def add(name: str, arguments: Callable[[], dict[str, Any]], **options: Any) -> None:
    room.add(f"cli.main {name}", arguments, call=command(name), **{**COMMON, **options})


add("info", dict)
add("info", lambda: {"json": True}, fixed=("json",), variant="json")
add(
    "flow",
    lambda: {
        "file": line(),
        "columns": "u",
        "depth": "1",
        "width": "8",
        "tol": "0.1",
        "seed": "3",
        "layers": "euler",
        "activation": "tanh",
        "no-figures": True,
    },
    fixed=("no-figures",),
)
add(
    "spectrum",
    lambda: {
        "file": table(),
        "columns": "u,v",
        "tol": "0.1",
        "activation": "tanh",
        "seed": "3",
        "no-figures": True,
    },
    fixed=("no-figures",),
)
add(
    "reconstruct",
    lambda: {
        "file": samples(),
        "points": "points",
        "velocities": "velocities",
        "times": "when",
        "activation": "tanh",
        "depth": "2",
        "width": "8",
        "layers": "euler",
        "time": "1.0",
        "holdout": "0.25",
        "seed": "3",
        "no-figures": True,
    },
    fixed=("no-figures",),
)
add(
    "study",
    lambda: {
        "file": line(),
        "columns": "u",
        "activation": "tanh",
        "depths": "1,2",
        "widths": "5,10",
        "layers": "euler",
        "tol": "0.1",
        "end": "0.5",
        "ways": "sobol",
        "seed": "3",
        "no-figures": True,
    },
    fixed=("no-figures",),
)
add(
    "validate",
    lambda: {"names": "finite_field", "effort": "quick", "no-figures": True},
    # A word that begins with a dash is read as an option.
    aliases={"names": ("option",)},
    fixed=("no-figures",),
)
add("validate", lambda: {"list": True}, fixed=("list",), variant="list")
# The demo takes a minute: only what it says of itself.
add("demo", lambda: {"help": True}, fixed=("help",))
