"""The commands, as click sees them; what they compute is imported when they run."""

from __future__ import annotations

import time
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import click

import ridgeflow
from ridgeflow._progress import progress_bar, reporting
from ridgeflow.cli.files import (
    Columns,
    checkpoint_folder,
    draw,
    no_figure_failed,
    output_folder,
    read_columns,
    write_json,
)
from ridgeflow.cli.options import (
    Share,
    activation_option,
    announce,
    announce_columns,
    array_option,
    columns_option,
    depth_option,
    figures_option,
    file_type,
    fitted_layers_option,
    header_option,
    json_option,
    known_activation,
    need_matplotlib,
    out_option,
    resume_option,
    seed_option,
    width_option,
)
from ridgeflow.cli.study_commands import reconstruct, study
from ridgeflow.cli.workers import client_for, worker_options

__all__ = ["root"]

IRIS_COLUMNS = "petal_length,petal_width"


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(ridgeflow.__version__, prog_name="ridgeflow", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error.")
def root(debug: bool) -> None:
    """Neural networks in their two continuum limits: ridgelet spectra for width, flows for depth.

    Exit status: 0 done, 1 the computation failed or a target was missed, 2 bad usage or input.
    """


@root.command(short_help="The whole line on Fisher's iris, against its targets.")
@out_option
@seed_option
@figures_option
@json_option
def demo(out: Path, seed: int, figures: bool, as_json: bool) -> None:
    """Run the whole line on Fisher's iris and compare every error with its target.

    Petal length and width of the 150 flowers, standardised: density, denoising maps, ridgelet
    spectra, the double continuum flow, and a network of 16 layers of 400 units.
    """
    from ridgeflow.cli.results import (
        DEMO_TOL,
        FIGURES,
        demo_passed,
        main_line_figures,
        main_line_report,
        print_main_line,
    )
    from ridgeflow.datasets import load_iris

    start = time.perf_counter()
    need_matplotlib(figures)
    data = _iris(IRIS_COLUMNS)
    with output_folder(out, FIGURES["flow"]) as folder:
        line = _main_line(data, folder, rng=seed, tol=DEMO_TOL)
        report = main_line_report(line, data, time.perf_counter() - start, seed=seed, tol=DEMO_TOL)
        report["data"]["licence"] = load_iris().licence
        passed = demo_passed(report)
        write_json(folder / "report.json", report)
    failed = draw(out, main_line_figures(line, data)) if figures else ""
    print_main_line(report, out, as_json=as_json)
    no_figure_failed(failed)
    if not passed:
        raise click.exceptions.Exit(1)


@root.command(short_help="Denoising flow and network of your points.")
@click.argument("file", type=file_type)
@columns_option
@array_option
@header_option
@out_option
@activation_option
@depth_option
@width_option
@fitted_layers_option
@click.option(
    "--tol",
    type=Share(min=0, max=1, min_open=True, max_open=True),
    default=None,
    help="Relative error of the velocity field.  [default: 1e-3; 1e-2 for three columns]",
)
@resume_option
@worker_options("the flows of draws to which layers are fitted, and by which errors are measured")
@seed_option
@figures_option
@json_option
def flow(
    file: Path,
    columns: str | None,
    array: str | None,
    header: bool | None,
    out: Path,
    activation: str,
    depth: int,
    width: int,
    layers: str,
    tol: float | None,
    resume: bool,
    scheduler: str | None,
    workers: int | None,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """Denoising flow and network of the points in FILE (CSV, NPY or NPZ).

    The columns are standardised first (mean 0, standard deviation 1); errors and the saved network
    are in these units, and report.json holds the means and scales. points.csv holds the points
    before and after, in the units of the file.
    """
    from ridgeflow.cli.results import (
        FIGURES,
        main_line_figures,
        main_line_report,
        print_main_line,
        write_points,
    )

    start = time.perf_counter()
    need_matplotlib(figures)
    known_activation(activation)
    data = read_columns(file, columns, array, header=header, most=3)
    announce_columns(data.points.shape[1])
    with (
        client_for(scheduler, workers) as client,
        checkpoint_folder(out, resume) as kept,
        output_folder(out, FIGURES["flow"]) as folder,
    ):
        line = _main_line(
            data,
            folder,
            activation=activation,
            depth=depth,
            width=width,
            layers=layers,
            rng=seed,
            tol=tol,
            checkpoint=kept and kept / "flow",
            client=client,
        )
        write_points(folder / "points.csv", line, data)
        seconds = time.perf_counter() - start
        report = main_line_report(
            line, data, seconds, seed=seed, activation=activation, tol=line.continuum.tol
        )
        write_json(folder / "report.json", report)
    failed = draw(out, main_line_figures(line, data)) if figures else ""
    print_main_line(report, out, as_json=as_json)
    no_figure_failed(failed)


@root.command(short_help="Ridgelet spectrum of the density of points.")
@click.argument("file", type=file_type, required=False)
@click.option("--iris", is_flag=True, help="Use the petals of Fisher's iris instead of a file.")
@columns_option
@array_option
@header_option
@out_option
@click.option("--activation", default="tanh", show_default=True, help="Activation to rebuild with.")
@click.option(
    "--tol",
    type=Share(min=0, max=1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Relative L2 error of the reconstruction, from which the grid is chosen.",
)
@resume_option
@worker_options("the spectrum, along some of its directions each; not with --resume")
@seed_option
@figures_option
@json_option
def spectrum(
    file: Path | None,
    iris: bool,
    columns: str | None,
    array: str | None,
    header: bool | None,
    out: Path,
    activation: str,
    tol: float,
    resume: bool,
    scheduler: str | None,
    workers: int | None,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """Ridgelet spectrum of the density of the points in FILE (CSV, NPY or NPZ).

    The columns are standardised, their kernel density is transformed, and the density is rebuilt
    from the spectrum to measure the error beside its estimate. Exit status 1 if either is beyond
    --tol, as it is in more than three columns; what was found is written all the same.
    """
    from ridgeflow.cli.results import FIGURES, print_spectrum, spectrum_missed, spectrum_report

    start = time.perf_counter()
    if iris == (file is not None):
        raise click.UsageError("give either a FILE or --iris")
    need_matplotlib(figures)
    known_activation(activation)
    if resume and (scheduler or workers):
        raise click.UsageError("give either --resume or workers: they keep no finished parts")
    if file is None:
        data = _iris(columns or IRIS_COLUMNS)
    else:
        data = read_columns(file, columns, array, header=header)
    with (
        client_for(scheduler, workers) as client,
        checkpoint_folder(out, resume) as kept,
        output_folder(out, FIGURES["spectrum"]) as folder,
    ):
        with reporting(True, "spectrum"):
            report, found = spectrum_report(
                data,
                folder,
                activation,
                tol=tol,
                rng=seed,
                announce=announce,
                checkpoint=kept and kept / "spectrum",
                client=client,
            )
        report["seconds"] = time.perf_counter() - start
        write_json(folder / "report.json", report)
    failed = draw(out, {"spectrum.png": found.plot}) if figures else ""
    print_spectrum(report, out, as_json=as_json)
    no_figure_failed(failed)
    missed = spectrum_missed(report)
    if missed:
        raise ridgeflow.ConvergenceError(missed)


@root.command(short_help="Versions, settings, optional parts.")
@json_option
@click.option("--check", is_flag=True, help="Compare five closed forms with what is computed here.")
def info(as_json: bool, check: bool) -> None:
    """Versions, settings, and which optional parts are installed.

    With --check also whether this installation computes what it should, in five seconds, or in a
    minute where kernels have to be compiled first. Exit status: 0 all is well, 1 a check failed.
    """
    from ridgeflow.cli.results import environment, print_environment
    from ridgeflow.cli.self_test import kernel_caches, run_checks

    report = environment()
    if check:
        report["checks"] = run_checks()
        report["kernel_caches"] = kernel_caches()
    print_environment(report, as_json=as_json)
    if check and not all(one["passed"] for one in report["checks"]):
        raise click.exceptions.Exit(1)


def _main_line(data: Columns, folder: Path, **options: Any) -> Any:
    from ridgeflow.double_continuum.main_line import main_line

    with progress_bar() as progress:
        line = main_line(data.points, progress=progress, **options)
        progress("writing the results", 1.0)
        line.network.save(folder / "network.npz")
    return line


def _iris(columns: str) -> Columns:
    with as_file(files("ridgeflow").joinpath("data", "iris.csv")) as path:
        return read_columns(path, columns, None, source="Fisher's iris (1936)")


root.add_command(reconstruct)
root.add_command(study)
