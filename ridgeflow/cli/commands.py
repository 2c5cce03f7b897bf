"""The commands, as click sees them; what they compute is imported when they run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click

import ridgeflow
from ridgeflow.cli.files import BadInput, Columns, output_folder, read_columns, write_json

__all__ = ["root"]

IRIS_COLUMNS = "petal_length,petal_width"

_out = click.option(
    "--out",
    type=click.Path(path_type=Path),
    default=Path("ridgeflow-out"),
    show_default=True,
    help="Folder for the results; made if it does not exist.",
)
_json = click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
_figures = click.option(
    "--figures/--no-figures", default=True, show_default=True, help="Write figures (PNG)."
)
_columns = click.option(
    "--columns", metavar="NAMES", help="Columns by name or 0-based number, separated by commas."
)
_array = click.option("--array", metavar="NAME", help="Which array of an NPZ file.")
_seed = click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Random seed."
)
_file = click.Path(path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ridgeflow.__version__, prog_name="ridgeflow", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def root(debug: bool) -> None:
    """Neural networks in their two continuum limits: ridgelet spectra for width, flows for depth.

    Exit status: 0 done, 1 the computation failed or a target was missed, 2 bad usage or input.
    """


@root.command(short_help="The whole line on Fisher's iris, against its targets.")
@_out
@_seed
@_figures
@_json
def demo(out: Path, seed: int, figures: bool, as_json: bool) -> None:
    """Run the whole line on Fisher's iris and compare every error with its target.

    Petal length and width of the 150 flowers, standardised: density, denoising maps, ridgelet
    spectra, the double continuum flow, and a network of 10 layers of 400 units read off from it.
    """
    from ridgeflow.cli.results import demo_passed, main_line_report, print_main_line
    from ridgeflow.datasets import load_iris

    start = time.perf_counter()
    _need_matplotlib(figures)
    data = _iris(IRIS_COLUMNS)
    with output_folder(out) as folder:
        line = _main_line(data, figures, folder, rng=seed)
        report = main_line_report(line, data, time.perf_counter() - start, seed=seed)
        report["data"]["licence"] = load_iris().licence
        passed = demo_passed(report)
        write_json(folder / "report.json", report)
    print_main_line(report, out, as_json=as_json)
    if not passed:
        raise click.exceptions.Exit(1)


@root.command(short_help="Denoising flow and network of your points.")
@click.argument("file", type=_file)
@_columns
@_array
@_out
@click.option("--activation", default="tanh", show_default=True, help="Activation of the network.")
@click.option("--depth", type=click.IntRange(min=1), default=10, show_default=True, help="Layers.")
@click.option(
    "--width", type=click.IntRange(min=1), default=400, show_default=True, help="Units per layer."
)
@click.option(
    "--tol",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Relative error of the velocity field.",
)
@_seed
@_figures
@_json
def flow(
    file: Path,
    columns: str | None,
    array: str | None,
    out: Path,
    activation: str,
    depth: int,
    width: int,
    tol: float,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """Denoising flow and network of the points in FILE (CSV, NPY or NPZ).

    The columns are standardised first (mean 0, standard deviation 1); errors and the saved network
    are in these units, and report.json holds the means and scales. points.csv holds the points
    before and after, in the units of the file.
    """
    from ridgeflow.cli.results import main_line_report, print_main_line, write_points

    start = time.perf_counter()
    _need_matplotlib(figures)
    _known_activation(activation)
    data = read_columns(file, columns, array)
    with output_folder(out) as folder:
        line = _main_line(
            data,
            figures,
            folder,
            activation=activation,
            depth=depth,
            width=width,
            rng=seed,
            tol=tol,
        )
        write_points(folder / "points.csv", line, data)
        seconds = time.perf_counter() - start
        report = main_line_report(line, data, seconds, seed=seed, activation=activation, tol=tol)
        write_json(folder / "report.json", report)
    print_main_line(report, out, as_json=as_json)


@root.command(short_help="Ridgelet spectrum of the density of points.")
@click.argument("file", type=_file, required=False)
@click.option("--iris", is_flag=True, help="Use the petals of Fisher's iris instead of a file.")
@_columns
@_array
@_out
@click.option("--activation", default="tanh", show_default=True, help="Activation to rebuild with.")
@click.option(
    "--tol",
    type=click.FloatRange(min=0, max=1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Relative L2 error of the reconstruction, from which the grid is chosen.",
)
@_seed
@_figures
@_json
def spectrum(
    file: Path | None,
    iris: bool,
    columns: str | None,
    array: str | None,
    out: Path,
    activation: str,
    tol: float,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """Ridgelet spectrum of the density of the points in FILE (CSV, NPY or NPZ).

    The columns are standardised, their kernel density is transformed, and the density is rebuilt
    from the spectrum to measure the error beside its estimate.
    """
    from ridgeflow.cli.results import print_spectrum, spectrum_report

    start = time.perf_counter()
    if iris == (file is not None):
        raise click.UsageError("give either a FILE or --iris")
    _need_matplotlib(figures)
    _known_activation(activation)
    data = _iris(columns or IRIS_COLUMNS) if file is None else read_columns(file, columns, array)
    with output_folder(out) as folder:
        with _progress() as progress:
            report = spectrum_report(
                data, folder, activation, tol=tol, rng=seed, figures=figures, progress=progress
            )
        report["seconds"] = time.perf_counter() - start
        write_json(folder / "report.json", report)
    print_spectrum(report, out, as_json=as_json)


@root.command(short_help="Versions, settings, optional parts.")
@_json
def info(as_json: bool) -> None:
    """Versions, settings, and which optional parts are installed."""
    from ridgeflow.cli.results import environment, print_environment

    print_environment(environment(), as_json=as_json)


def _main_line(data: Columns, figures: bool, folder: Path, **options: Any) -> Any:
    from ridgeflow.cli.results import save_main_line
    from ridgeflow.double_continuum.study import main_line

    with _progress() as progress:
        line = main_line(data.points, progress=progress, **options)
        progress("writing the results", 1.0)
        save_main_line(folder, line, data, figures=figures)
    return line


def _iris(columns: str) -> Columns:
    with as_file(files("ridgeflow").joinpath("data", "iris.csv")) as path:
        return read_columns(path, columns, None, source="Fisher's iris (1936)")


def _need_matplotlib(figures: bool) -> None:
    from importlib.util import find_spec

    if figures and find_spec("matplotlib") is None:
        raise ridgeflow.MissingDependencyError(
            "figures need matplotlib: pip install ridgeflow[plot] (or add --no-figures)"
        )


def _known_activation(name: str) -> None:
    try:
        ridgeflow.activation(name)
    except ValueError as error:
        raise BadInput(str(error)) from error


@contextmanager
def _progress() -> Iterator[Callable[[str, float], None]]:
    """A bar on standard error; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description:<36}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    silent = not console.is_terminal
    with Progress(*columns, console=console, transient=True, disable=silent) as bar:
        task = bar.add_task("starting", total=1.0)

        def update(message: str, fraction: float) -> None:
            bar.update(task, description=message, completed=fraction)

        yield update
