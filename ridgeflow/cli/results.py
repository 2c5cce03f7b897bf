"""Results as files, reports and tables."""

from __future__ import annotations

import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import numpy as np

import ridgeflow
from ridgeflow._progress import stage
from ridgeflow.cli.files import Columns, headings, write_table
from ridgeflow.cli.files import as_json as to_json

if TYPE_CHECKING:
    from rich.table import Table

__all__ = [
    "DEMO_TOL",
    "FIGURES",
    "TARGETS",
    "demo_passed",
    "environment",
    "main_line_figures",
    "main_line_report",
    "print_environment",
    "print_main_line",
    "print_reconstruction",
    "print_spectrum",
    "print_study",
    "spectrum_report",
    "write_points",
]

# What the commands draw.
FIGURES = {
    "flow": ("trajectories.png", "errors.png", "entropy.png", "spectrum.png"),
    "spectrum": ("spectrum.png",),
    "reconstruct": ("trajectories.png",),
    "study": ("study.png",),
    "validate": ("validation.html",),
}
# Accuracy that the demo must reach; the time is shown with its target but depends on the machine.
TARGETS = {"field tanh": 1e-5, "field relu": 1e-5, "flow": 1e-4, "network": 5e-3}
DEMO_TOL = 1e-5
# Grids that are announced before they are filled, and what their nodes cost on two cores.
_MANY_NODES, _SECONDS_PER_NODE = 2_000_000, 2e-6
SECONDS_TARGET = 30.0
_OPTIONAL = ("matplotlib", "xarray", "h5netcdf", "h5py", "zarr")


def main_line_figures(line: Any, data: Columns) -> dict[str, Callable[[], Any]]:
    """What draws each figure."""
    from ridgeflow import plotting

    exact, network = line.trajectories
    times = np.linspace(0.0, line.t_end, len(exact))
    layers = np.concatenate([[0.0], np.cumsum(line.network.steps)])
    figures: dict[str, Callable[[], Any]] = {
        "trajectories.png": lambda: plotting.trajectories(
            exact, network, times=times, layer_times=layers, labels=data.names
        ),
        "errors.png": lambda: plotting.errors_by_size(
            line.width_errors, line.depth_errors, chosen=(line.network.depth, line.network.width)
        ),
        "entropy.png": lambda: plotting.functionals(line.entropy, line.fisher),
    }
    if data.points.shape[1] <= 2:
        figures["spectrum.png"] = lambda: plotting.spectrum_map(
            line.continuum.representation(0.0).spectrum,
            title="Ridgelet spectrum of the velocity at $t$ = 0, less its affine part",
        )
    return figures


def write_points(path: Path, line: Any, data: Columns) -> None:
    """Write the points, and where flow and network take them, in the units of the file."""
    exact, network = line.trajectories
    ends = [f"{name}{end}" for end in ("", "_flow", "_network") for name in headings(data.names)]
    table = np.hstack([data.original(z) for z in (exact[0], exact[-1], network[-1])])
    write_table(path, ends, table)


def main_line_report(
    line: Any,
    data: Columns,
    seconds: float,
    *,
    seed: int,
    activation: str = "tanh",
    tol: float = 1e-3,
) -> dict[str, Any]:
    """Everything measured, and the settings that it was measured with."""
    return {
        "ridgeflow": ridgeflow.__version__,
        "data": data.report(),
        "settings": {
            "activation": activation,
            "depth": line.network.depth,
            "width": line.network.width,
            "layers": line.network.scheme,
            "tol": tol,
            "seed": seed,
            "t_end": line.t_end,
        },
        "field": dict(line.field),
        "flow": line.flow,
        "network": line.network_error,
        "identity": line.identity_error,
        "steps": line.steps_error,
        "shallow": dict(line.shallow),
        "displacement": line.displacement,
        "budget": line.budget.total,
        "quantiles": vars(line.width_errors[line.network.width]),
        "width_errors": {size: vars(found) for size, found in line.width_errors.items()},
        "depth_errors": {size: vars(found) for size, found in line.depth_errors.items()},
        "entropy": dict(zip(("times", "values", "errors"), line.entropy)),
        "fisher": dict(zip(("times", "values", "errors"), line.fisher)),
        "seconds": seconds,
        "stages": dict(line.stages),
    }


def demo_passed(report: dict[str, Any]) -> bool:
    """Compare with the targets and add the verdicts to the report."""
    measured = {
        "field tanh": report["field"]["tanh"],
        "field relu": report["field"]["relu"],
        "flow": report["flow"],
        "network": report["network"],
    }
    # Written so that a value that is no number counts as missed.
    missed = [name for name, target in TARGETS.items() if not measured[name] <= target]
    report["targets"] = {**TARGETS, "seconds": SECONDS_TARGET}
    report["missed"] = missed
    return not missed


def print_main_line(report: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """Print the measured errors, with targets where the report holds them."""
    if as_json:
        click.echo(to_json(report))
        return
    targets, settings = report.get("targets", {}), report["settings"]
    title = f"{report['data']['source']}: {report['data']['rows']} points"
    title += f", columns {', '.join(report['data']['columns'])}, standardised"
    table = _table(
        title, ("quantity", "measured", "target") if targets else ("quantity", "measured")
    )

    def row(label: str, value: float, key: str | None = None, form: str = "{:.2e}") -> None:
        cells = [label, form.format(value)]
        if targets:
            target = targets.get(key) if key else None
            met = target is not None and value <= target
            mark = "" if target is None else f"<= {target:g}  {'met' if met else '[bold]MISSED[/]'}"
            cells.append(mark)
        table.add_row(*cells)

    size = f"{settings['depth']} {settings['layers']} layers of {settings['width']} units"
    size += f", {settings['activation']}"
    for name, value in report["field"].items():
        row(f"velocity field from its {name} spectrum", value, f"field {name}")
    for name, value in report["shallow"].items():
        row(f"shallow denoising map, {name}", value)
    row("double continuum flow", report["flow"], "flow")
    row(f"network ({size})", report["network"], "network")
    row("  its median", report["quantiles"]["median"])
    row("  its 99 % quantile", report["quantiles"]["quantile99"])
    row("  its worst point", report["quantiles"]["worst"])
    row("  its error budget", report["budget"])
    row(f"baseline: {settings['depth']} such steps of the exact score", report["steps"])
    row("baseline: doing nothing", report["identity"])
    row("RMS displacement (standard deviations)", report["displacement"], None, "{:.4f}")
    row("end of depth t (noise variance)", settings["t_end"], None, "{:.4f}")
    row("seconds", report["seconds"], "seconds", "{:.1f}")
    _console_print(table)
    click.echo(
        "Errors of fields: relative L2. Errors of flow, network and baselines: RMS distance to"
    )
    click.echo("the exact flow, relative to the RMS displacement.")
    click.echo(f"Results in {out}")


def spectrum_report(
    data: Columns,
    folder: Path,
    activation: str,
    *,
    tol: float,
    rng: int,
    announce: Callable[[str], None],
    checkpoint: Path | None = None,
    client: Any = None,
) -> tuple[dict[str, Any], Any]:
    """Compute and save the spectrum of the kernel density; measure the reconstruction."""
    eta = ridgeflow.activation(activation)
    dim = data.points.shape[1]
    law = ridgeflow.kernel_density(data.points)
    psi = ridgeflow.admissible_ridgelet(eta, dim)
    with stage("choosing the parameter grid", 0.0, 0.1):
        grid = ridgeflow.ParameterGrid.for_field(law, eta, psi, tol)
    if grid.size > _MANY_NODES:
        announce(
            f"{dim} column{'s' if dim > 1 else ''}: a spectrum of {grid.size / 1e6:.0f} million "
            "nodes, which takes some "
            f"{_duration(grid.size * _SECONDS_PER_NODE)} and {grid.size * 24 / 2**30:.1f} GiB"
        )
    with stage("computing the spectrum", 0.1, 0.6):
        result = ridgeflow.ridgelet_transform(
            law, psi, grid, tol=0.1 * tol, checkpoint=checkpoint, client=client
        )
    with stage("measuring the error", 0.6, 0.7):
        budget = result.error_budget(eta)
    points = law.sample(2000, rng=rng)
    density = law.pdf(points)
    with stage("rebuilding the density", 0.7, 0.9):
        rebuilt = ridgeflow.reconstruct(result, eta, points)
    error = float(np.linalg.norm(rebuilt - density) / np.linalg.norm(density))
    with stage("writing the results", 0.9):
        result.save(folder / "spectrum.npz")
    parts = ("total", "truncation", "quadrature", "directions", "sampling", "kink")
    report = {
        "ridgeflow": ridgeflow.__version__,
        "data": data.report(),
        "settings": {"activation": activation, "ridgelet": psi.to_dict(), "tol": tol, "seed": rng},
        "grid": {
            "nodes": grid.size,
            "directions": len(grid.directions),
            "scales": [float(grid.scales[0]), float(grid.scales[-1])],
            "n_scales": len(grid.scales),
        },
        "admissibility": ridgeflow.admissibility(eta, psi),
        "norm": result.norm(),
        "estimated": {part: getattr(budget, part) for part in parts},
        "measured": error,
    }
    return report, result


def spectrum_missed(report: dict[str, Any]) -> str:
    """Why a spectrum is no success, in one line; empty if it is one."""
    tol, columns = report["settings"]["tol"], len(report["data"]["columns"])
    estimated, measured = report["estimated"]["total"], report["measured"]
    # Written so that a value that is no number counts as missed.
    if estimated <= tol and measured <= tol:
        return ""
    fewer = f"fewer than {columns} columns" if columns > 1 else "another activation"
    return (
        f"the density is not rebuilt to --tol {tol:g}: estimated error {estimated:.2g}, measured "
        f"{measured:.2g} (choose {fewer}, or a larger --tol)"
    )


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 100 else f"{seconds / 60:.0f} minutes"


def print_spectrum(report: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """Print size, constant and errors of a spectrum."""
    if as_json:
        click.echo(to_json(report))
        return
    grid, settings = report["grid"], report["settings"]
    title = f"{report['data']['source']}: density of {report['data']['rows']} points"
    title += f", columns {', '.join(report['data']['columns'])}, standardised"
    table = _table(title, ("quantity", "value"))
    table.add_row("activation", settings["activation"])
    table.add_row("admissibility constant K", f"{report['admissibility']:.6g}")
    table.add_row("nodes", f"{grid['nodes']}")
    table.add_row("directions x scales", f"{grid['directions']} x {grid['n_scales']}")
    table.add_row("scales from, to", "{:.3g}, {:.3g}".format(*grid["scales"]))
    table.add_row("norm of the spectrum", f"{report['norm']:.6g}")
    for part, value in report["estimated"].items():
        table.add_row(f"estimated error, {part}", f"{value:.2e}")
    table.add_row("measured error (2000 draws of the density)", f"{report['measured']:.2e}")
    table.add_row("seconds", f"{report['seconds']:.1f}")
    _console_print(table)
    click.echo(f"Results in {out}")


def print_reconstruction(report: dict[str, Any], out: Path, *, as_json: bool) -> None:
    """Print what a network from samples is worth."""
    if as_json:
        click.echo(to_json(report))
        return
    data, settings = report["data"], report["settings"]
    title = f"{data['source']}: {data['rows']} samples of a vector field"
    table = _table(title, ("quantity", "value"))
    size = f"{settings['depth']} {settings['layers']} layers of {settings['width']} units"
    table.add_row("network", f"{size}, {settings['activation']}")
    table.add_row("length of the flow", f"{settings['time']:.6g}")
    error = report["held_out_error"]
    shown = "none held out" if error is None or error != error else f"{error:.2e}"
    table.add_row("velocity error on held-out samples", shown)
    table.add_row("RMS displacement", f"{report['displacement']:.4g}")
    table.add_row("Lipschitz bound of the worst layer", f"{report['largest_lipschitz_bound']:.3g}")
    table.add_row("seconds", f"{report['seconds']:.1f}")
    _console_print(table)
    click.echo("Below 1 the bound makes the network invertible. The error is relative to the RMS")
    click.echo(f"velocity. Results in {out}")


def print_study(report: dict[str, Any], table: str, out: Path, *, as_json: bool) -> None:
    """Print errors by width and depth, and the fitted rates."""
    if as_json:
        click.echo(to_json(report))
        return
    data = report["data"]
    click.echo(f"{data['source']}: {data['rows']} points, columns {', '.join(data['columns'])}")
    click.echo("Errors of networks, relative to the RMS displacement of the exact flow:")
    click.echo(table)
    click.echo(f"{report['seconds']:.1f} seconds. Results in {out}")


def environment() -> dict[str, Any]:
    """Versions and settings that a report of a problem should state."""
    config = ridgeflow.get_config()
    return {
        "ridgeflow": ridgeflow.__version__,
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "packages": {
            name: _version(name) for name in ("numpy", "scipy", "numba", "pyfftw", "click", "rich")
        },
        "optional": {name: _version(name) for name in _OPTIONAL},
        "blas": _blas(),
        "threads": config.threads,
        "fft_effort": config.fft_effort,
        "memory_budget": config.memory_budget,
        "activations": list(ridgeflow.activation_names()),
    }


def _blas() -> str:
    """The library that multiplies matrices for NumPy, as far as it says."""
    found = np.show_config(mode="dicts").get("Build Dependencies", {}).get("blas", {})
    return " ".join(str(found.get(key, "")) for key in ("name", "version")).strip() or "unknown"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def print_environment(report: dict[str, Any], *, as_json: bool) -> None:
    """Print versions and settings."""
    if as_json:
        click.echo(to_json(report))
        return
    table = _table(f"ridgeflow {report['ridgeflow']}", ("", ""))
    table.add_row("Python", f"{report['python']}, {report['platform']}")
    for name, found in {**report["packages"], **report["optional"]}.items():
        table.add_row(name, found or "not installed (optional)")
    table.add_row("BLAS", report["blas"])
    table.add_row("threads", f"{report['threads']}")
    table.add_row("FFT planning effort", report["fft_effort"])
    table.add_row("memory budget", f"{report['memory_budget'] / 2**30:.1f} GiB")
    table.add_row("activations", ", ".join(report["activations"]))
    if "checks" in report:
        for cache in report["kernel_caches"]:
            state = "" if cache["writable"] else " (cannot be written: kernels are compiled anew)"
            table.add_row("kernels are kept in", cache["folder"] + state)
        if not report["kernel_caches"]:
            table.add_row("kernels are kept in", "no folder (set NUMBA_CACHE_DIR to one)")
    _console_print(table)
    for one in report.get("checks", ()):
        verdict = "passed" if one["passed"] else "FAILED"
        found = one["reason"] or f"error {one['error']:.1e}, at most {one['tolerance']:.0e}"
        click.echo(f"{verdict}  {one['name']}: {found} ({one['seconds']:.1f} s)")


def _table(title: str, headings: tuple[str, ...]) -> Table:
    from rich.table import Table
    from rich.text import Text

    # Text, not str: file and column names are no markup.
    table = Table(title=Text(title), title_justify="left", show_header=any(headings))
    for heading in headings:
        table.add_column(heading, justify="right" if heading in ("measured", "value") else "left")
    return table


def _console_print(table: Table) -> None:
    from rich.console import Console

    Console().print(table)
