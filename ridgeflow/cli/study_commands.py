"""The commands ``ridgeflow reconstruct`` and ``ridgeflow study``, on a user's file."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray

import ridgeflow
from ridgeflow._progress import reporting, stage
from ridgeflow.cli.files import (
    BadInput,
    checkpoint_folder,
    draw,
    headings,
    no_figure_failed,
    output_folder,
    read_columns,
    read_samples,
    refused,
    write_json,
    write_table,
)
from ridgeflow.cli.options import (
    MOST_LAYERS,
    MOST_UNITS,
    Share,
    activation_option,
    announce_columns,
    array_option,
    columns_option,
    depth_option,
    figures_option,
    file_type,
    header_option,
    json_option,
    known_activation,
    layers_option,
    need_matplotlib,
    out_option,
    resume_option,
    seed_option,
    width_option,
)
from ridgeflow.cli.workers import client_for, worker_options

__all__ = ["reconstruct", "study"]

_SHOWN = 200  # trajectories in the figure


@click.command(short_help="Deep network from samples of a vector field.")
@click.argument("file", type=file_type)
@click.option(
    "--points",
    "points_name",
    metavar="NAME(S)",
    default="points",
    show_default=True,
    help="Where the samples are: an array (n, m) of an NPZ file, or columns of a table.",
)
@click.option(
    "--velocities",
    "velocities_name",
    metavar="NAME(S)",
    default="velocities",
    show_default=True,
    help="The field there: an array (n, m), or columns.",
)
@click.option("--times", "times_name", metavar="NAME", help="Times of the samples, if they differ.")
@header_option
@activation_option
@depth_option
@width_option
@layers_option
@click.option(
    "--time",
    "total",
    type=Share(),
    default=None,
    help="Length of the flow; by default 1, or the span of the times.",
)
@click.option(
    "--holdout",
    type=Share(min=0, max=1, max_open=True),
    default=0.1,
    show_default=True,
    help="Share of the samples on which the error is measured.",
)
@out_option
@seed_option
@figures_option
@json_option
def reconstruct(
    file: Path,
    points_name: str,
    velocities_name: str,
    times_name: str | None,
    header: bool | None,
    activation: str,
    depth: int,
    width: int,
    layers: str,
    total: float | None,
    holdout: float,
    out: Path,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """Deep network that follows the vector field sampled in FILE (NPZ, or a table).

    NPZ: arrays "points" and "velocities" of shape (n, m), and one of times (n,) where --times names
    it. Tables (CSV, NPY): --points u,v --velocities du,dv name columns, or number them from 0.
    Nothing is standardised: the network takes and returns points in the units of the file.

    Writes network.npz (ridgeflow.load_network), points.csv with the samples before and after,
    report.json, and trajectories.png. Exit status: 0 done, 1 the computation failed, 2 bad usage or
    input.
    """
    from ridgeflow.cli.results import FIGURES, print_reconstruction
    from ridgeflow.networks.residual_calculus import lipschitz_bounds

    start = time.perf_counter()
    need_matplotlib(figures)
    known_activation(activation)
    samples = read_samples(file, points_name, velocities_name, times_name, header=header)
    if total is None:
        total = 1.0 if samples.times is None else float(np.ptp(samples.times))
    with output_folder(out, FIGURES["reconstruct"]) as folder:
        with refused():
            net = ridgeflow.reconstruct_network(
                samples.points,
                samples.velocities,
                activation,
                depth=depth,
                width=width,
                time=total,
                times=samples.times,
                layers=layers,
                holdout=holdout,
                rng=seed,
            )
        path = _path(net, samples.points)
        net.save(folder / "network.npz")
        names = [f"{name}{end}" for end in ("", "_moved") for name in headings(samples.names)]
        moved = net(samples.points)
        write_table(folder / "points.csv", names, np.hstack([samples.points, moved]))
        report = {
            "ridgeflow": ridgeflow.__version__,
            "data": {
                "source": str(file),
                "rows": len(samples.points),
                "columns": list(samples.names),
                "timed": samples.times is not None,
            },
            "settings": {
                "activation": activation,
                "depth": depth,
                "width": width,
                "layers": layers,
                "time": total,
                "holdout": holdout,
                "seed": seed,
            },
            "held_out_error": net.held_out_error,
            "displacement": float(np.sqrt(((moved - samples.points) ** 2).sum(axis=1).mean())),
            "largest_lipschitz_bound": float(lipschitz_bounds(net._stacked).max()),
            "seconds": time.perf_counter() - start,
        }
        write_json(folder / "report.json", report)
    failed = draw(out, {"trajectories.png": lambda: _paths(path, samples.names)}) if figures else ""
    print_reconstruction(report, out, as_json=as_json)
    no_figure_failed(failed)


def _path(net: Any, points: NDArray) -> NDArray:
    step = -(-len(points) // _SHOWN)
    return net.trajectory(points[::step])


def _paths(path: NDArray, names: tuple[str, ...]) -> Any:
    from ridgeflow.plotting import trajectories

    return trajectories(None, path, labels=names, unit="units of the file")


@click.command(short_help="Errors of networks by width and depth, for the law of your points.")
@click.argument("file", type=file_type)
@columns_option
@array_option
@header_option
@click.option("--activation", default="tanh", show_default=True, help="Activation of the networks.")
@click.option("--depths", default="1,2,4,8", show_default=True, help="Numbers of layers.")
@click.option("--widths", default="25,50,100,200", show_default=True, help="Units per layer.")
@layers_option
@click.option(
    "--tol",
    type=Share(min=0, max=1, min_open=True, max_open=True),
    default=1e-3,
    show_default=True,
    help="Relative error of the velocity field.",
)
@click.option(
    "--end",
    type=Share(min=0, max=1, min_open=True, max_open=True),
    default=0.5,
    show_default=True,
    help="Where the depths end, as a share of the singular time.",
)
@click.option(
    "--ways",
    default="monte_carlo,sobol,least_squares",
    show_default=True,
    help="Of choosing neurons: monte_carlo, stratified, sobol, quadrature, least_squares.",
)
@out_option
@resume_option
@worker_options("the flows of draws and the networks of each size, as tasks")
@seed_option
@figures_option
@json_option
def study(
    file: Path,
    columns: str | None,
    array: str | None,
    header: bool | None,
    activation: str,
    depths: str,
    widths: str,
    layers: str,
    tol: float,
    end: float,
    ways: str,
    out: Path,
    resume: bool,
    scheduler: str | None,
    workers: int | None,
    seed: int,
    figures: bool,
    as_json: bool,
) -> None:
    """How networks approach the double continuum of the points in FILE (CSV, NPY or NPZ).

    The columns are standardised, their kernel density flows backwards along the heat equation, and
    networks of all the given depths and widths are measured against that flow.

    Writes report.json (errors, fitted rates), errors.csv (a row for each depth, a column for each
    width) and study.png. Exit status: 0 done, 1 the computation failed, 2 bad usage or input.
    """
    from ridgeflow.cli.results import FIGURES, print_study

    start = time.perf_counter()
    need_matplotlib(figures)
    known_activation(activation)
    sizes = {
        "depths": _whole(depths, "--depths", MOST_LAYERS),
        "widths": _whole(widths, "--widths", MOST_UNITS),
    }
    data = read_columns(file, columns, array, header=header, most=3)
    announce_columns(data.points.shape[1])
    with (
        client_for(scheduler, workers) as client,
        checkpoint_folder(out, resume) as kept,
        output_folder(out, FIGURES["study"]) as folder,
    ):
        with reporting(True, "study"):
            law = ridgeflow.kernel_density(data.points)
            t_end = end * ridgeflow.ContinuousDAE(law).t_max
            with stage("spectra", 0.0, 0.2):
                continuum = ridgeflow.DoubleContinuum(
                    law,
                    ridgeflow.activation(activation),
                    span=(0.0, t_end),
                    tol=tol,
                    checkpoint=kept and kept / "continuum",
                )
            with stage(None, 0.2), refused({"continuum": "--end", "span": "--end"}):
                found = ridgeflow.double_limit_study(
                    continuum,
                    depths=sizes["depths"],
                    widths=sizes["widths"],
                    layers=layers,
                    ways=[way.strip() for way in ways.split(",")],
                    rng=seed,
                    checkpoint=kept and kept / "study",
                    client=client,
                )
        report = {
            "ridgeflow": ridgeflow.__version__,
            "data": data.report(),
            "settings": {"activation": activation, "tol": tol, "t_end": t_end, "seed": seed},
            **found.to_dict(),
            "seconds": time.perf_counter() - start,
        }
        table = np.column_stack([found.depths, found.errors, found.depth_errors])
        names = ["depth", *(f"width_{w}" for w in found.widths), "no_limit"]
        write_table(folder / "errors.csv", names, table)
        write_json(folder / "report.json", report)
    failed = draw(out, {"study.png": found.plot}) if figures else ""
    print_study(report, found.table(), out, as_json=as_json)
    no_figure_failed(failed)


def _whole(text: str, option: str, most: int) -> list[int]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and len(part) < 10 for part in parts):
        raise BadInput(f"`{option}` must be whole numbers separated by commas, got {text!r:.60}")
    numbers = [int(part) for part in parts]
    if not all(1 <= number <= most for number in numbers):
        raise BadInput(f"`{option}` must lie in 1 to {most}, got {text!r:.60}")
    return numbers
