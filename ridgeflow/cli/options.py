"""Options that several commands share, and what they check before any work."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import click

import ridgeflow
from ridgeflow.cli.files import BadInput

__all__ = [
    "MOST_LAYERS",
    "MOST_UNITS",
    "Share",
    "activation_option",
    "announce",
    "announce_columns",
    "array_option",
    "columns_option",
    "depth_option",
    "figures_option",
    "file_type",
    "fitted_layers_option",
    "header_option",
    "json_option",
    "known_activation",
    "layers_option",
    "need_matplotlib",
    "out_option",
    "resume_option",
    "seed_option",
    "width_option",
]

# Networks beyond these are slips of the pen.
MOST_LAYERS, MOST_UNITS = 10_000, 100_000


class Share(click.FloatRange):
    """A finite number in a range: NaN, which no comparison excludes, is no number here."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if not math.isfinite(found):
            self.fail(f"{value} is no finite number.", param, ctx)
        return found


class Count(click.IntRange):
    """A number of parts, at least 1, and not more than anything could hold."""

    def __init__(self, most: int) -> None:
        super().__init__(min=1)
        self.most = most

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        found = super().convert(value, param, ctx)
        if found > self.most:
            self.fail(f"{value:.40} is not in the range x<={self.most}.", param, ctx)
        return found


out_option = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("ridgeflow-out"),
    show_default=True,
    help="Folder for the results; made if it does not exist.",
)
json_option = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
figures_option = click.option(
    "--figures/--no-figures", default=True, show_default=True, help="Write figures (PNG)."
)
columns_option = click.option(
    "--columns", metavar="NAMES", help="Columns by name or 0-based number, separated by commas."
)
array_option = click.option("--array", metavar="NAME", help="Which array of an NPZ file.")
header_option = click.option(
    "--header/--no-header",
    default=None,
    help="Whether the first line of a text holds names; found from the content by default.",
)
resume_option = click.option(
    "--resume",
    is_flag=True,
    help="Keep finished parts in --out/checkpoint, and go on from those of an interrupted run.",
)
seed_option = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed."
)
activation_option = click.option(
    "--activation", default="tanh", show_default=True, help="Activation of the network."
)
depth_option = click.option(
    "--depth", type=Count(MOST_LAYERS), default=16, show_default=True, help="Layers."
)
width_option = click.option(
    "--width",
    type=Count(MOST_UNITS),
    default=400,
    show_default=True,
    help="Units per layer.",
)
_schemes = click.Choice(["euler", "midpoint", "rk4"])
layers_option = click.option(
    "--layers",
    type=_schemes,
    default="midpoint",
    show_default=True,
    help="Scheme of the layers, of order 1, 2, 4 in their number.",
)
fitted_layers_option = click.option(
    "--layers",
    type=_schemes,
    default="euler",
    show_default=True,
    help="Scheme of the layers: one, two or three shallow networks each.",
)
file_type = click.Path(path_type=Path)


def need_matplotlib(figures: bool) -> None:
    """Refuse figures where matplotlib is not installed."""
    from importlib.util import find_spec

    if figures and find_spec("matplotlib") is None:
        raise ridgeflow.MissingDependencyError(
            "figures need matplotlib: pip install ridgeflow[plot] (or add --no-figures)"
        )


def known_activation(name: str) -> None:
    """Refuse an activation that is not in the list."""
    try:
        ridgeflow.activation(name)
    except ValueError as error:
        raise BadInput(str(error)) from error


def announce(message: str) -> None:
    """Say on standard error what a long computation will cost, before it starts."""
    click.echo(f"note: {message}", err=True)


def announce_columns(count: int) -> None:
    """Say what spectra in three dimensions cost."""
    if count == 3:
        announce(
            "3 columns: spectra in three dimensions take some minutes, and 3 to 5 GiB of memory "
            "(2 columns: a minute at most)"
        )
