"""The command that checks the theorems."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ridgeflow.cli.files import BadInput, draw, no_figure_failed, output_folder, write_json
from ridgeflow.cli.options import json_option, need_matplotlib, out_option

if TYPE_CHECKING:
    from ridgeflow.theorems import Report

__all__ = ["validate"]

_COLOURS = {"passed": "green", "failed": "bold red", "skipped": "yellow"}


@click.command(short_help="Theorems as experiments: predicted against measured.")
@click.argument("names", nargs=-1)
@click.option(
    "--effort",
    type=click.Choice(["quick", "full"]),
    default="quick",
    show_default=True,
    help="Sizes of the experiments.",
)
@out_option
@click.option(
    "--figures/--no-figures",
    default=True,
    show_default=True,
    help="Write validation.html, whose figures need matplotlib.",
)
@json_option
@click.option("--list", "listed", is_flag=True, help="List the statements and leave.")
def validate(
    names: tuple[str, ...], effort: str, out: Path, figures: bool, as_json: bool, listed: bool
) -> None:
    """Check theorems by numbers: all statements, or those with the given NAMES.

    Writes validation.json and validation.html. Exit status: 0 all passed, 1 a statement failed,
    2 bad usage.
    """
    from ridgeflow.cli.files import as_json as text
    from ridgeflow.cli.results import FIGURES
    from ridgeflow.theorems import statements
    from ridgeflow.theorems import validate as run
    from ridgeflow.theorems.page import page

    known = statements()
    if listed:
        for name, item in known.items():
            click.echo(f"{name:28}  {item.title}")
        return
    for name in names:
        if name not in known:
            raise BadInput(f"`names` must be among {', '.join(known)}, got {name!r}")
    need_matplotlib(figures)
    with output_folder(out, FIGURES["validate"]) as folder:
        report = run(list(names) or None, effort=effort, progress=True)
        write_json(folder / "validation.json", report.to_dict())
    html = {"validation.html": lambda: page(report.results, report.summary(), report.effort)}
    failed = draw(out, html) if figures else ""
    if as_json:
        click.echo(text(report.to_dict()))
    else:
        _print(report, out, figures=figures and not failed)
    no_figure_failed(failed)
    if not report.passed:
        raise click.exceptions.Exit(1)


def _print(report: Report, out: Path, *, figures: bool) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(soft_wrap=False, highlight=False)
    if not console.is_terminal:
        click.echo(report.table())
    else:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for head in ("statement", "compared"):
            table.add_column(head, overflow="fold")
        for head in ("predicted", "measured", "tolerance", "s"):
            table.add_column(head, justify="right", no_wrap=True)
        table.add_column("status", no_wrap=True)
        for *cells, status in report.rows():
            table.add_row(*map(Text, cells), Text(status, style=_COLOURS[status]))
        console.print(table)
        click.echo(f"\n{report.summary()}")
    for result in report.failed:
        for c in result.comparisons:
            if not c.passed:
                click.echo(
                    f"FAILED {result.name}: {c.label}: {c.relation} {c.predicted:.6g}, measured "
                    f"{c.measured:.6g}, tolerance {c.tolerance:.2g}"
                )
        if not result.comparisons:
            click.echo(f"FAILED {result.name}: {result.note}")
    page = f", {out / 'validation.html'}" if figures else ""
    click.echo(f"report: {out / 'validation.json'}{page}")
