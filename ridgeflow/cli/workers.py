"""Options of commands that may have workers, and the client of Dask that these are reached by."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from typing import Any

import click

from ridgeflow.cli.files import BadInput
from ridgeflow.errors import MissingDependencyError

__all__ = ["client_for", "worker_options"]

_MOST = 1000


def worker_options(what: str) -> Callable[[Callable], Callable]:
    """``--scheduler`` and ``--workers`` of a command whose workers compute ``what``."""
    scheduler = click.option(
        "--scheduler",
        metavar="ADDRESS",
        help=f"Scheduler of Dask, tcp://host:port, whose workers compute {what}.",
    )
    workers = click.option(
        "--workers",
        type=click.IntRange(1, _MOST),
        metavar="N",
        help=f"So many processes on this machine, with one thread each, compute {what}.",
    )
    return lambda command: scheduler(workers(command))


@contextmanager
def client_for(scheduler: str | None, workers: int | None) -> Iterator[Any]:
    """The client that the options ask for, None without them; closed with the block."""
    if scheduler is None and workers is None:
        yield None
        return
    if scheduler is not None and workers is not None:
        raise BadInput("one of `--scheduler` and `--workers` must be left out, got both")
    option = "--workers" if scheduler is None else "--scheduler"
    if find_spec("dask") is None or find_spec("distributed") is None:
        raise BadInput(f'`{option}` needs Dask: pip install "ridgeflow[dask]"')
    from ridgeflow.bridges.clients import client_of, client_of_processes

    made = client_of_processes(workers) if workers else client_of(scheduler or "")
    with ExitStack() as open_:
        try:
            client = open_.enter_context(made)
        except (ConnectionError, MissingDependencyError) as error:
            raise BadInput(f"`{option}`: {error}") from error
        yield client
