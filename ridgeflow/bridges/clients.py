"""Clients of Dask for the time of a command: of a scheduler somewhere, or of processes here."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ridgeflow.bridges.dask_graphs import ask_workers
from ridgeflow.errors import MissingDependencyError

try:
    import distributed
    from distributed.comm import connect
except ImportError as error:
    raise MissingDependencyError(
        'workers need Dask with its scheduler: pip install "ridgeflow[dask]"'
    ) from error

__all__ = ["client_of", "client_of_processes"]

# Seconds to wait for a scheduler, and for its first worker.
_PATIENCE = 5


@contextmanager
def client_of(address: str) -> Iterator[Any]:
    """A client of the scheduler at an address, whose workers have this version of ridgeflow.

    Raises
    ------
    ConnectionError
        If there is no scheduler, or no worker of it.
    MissingDependencyError
        If a worker has no ridgeflow, or another version.
    """
    with _quiet():
        try:
            # A client that never reached its scheduler would complain when it is forgotten.
            asyncio.run(_greeted(address))
        # Whatever else listens there may answer anything.
        except Exception as error:
            raise ConnectionError(
                f"no Dask scheduler answers at {address!r} within {_PATIENCE} seconds (an address "
                f"is like tcp://host:8786): {str(error) or type(error).__name__}"
            ) from error
        with distributed.Client(address, timeout=_PATIENCE, set_as_default=False) as client:
            try:
                client.wait_for_workers(1, timeout=_PATIENCE)
            except TimeoutError:
                raise ConnectionError(
                    f"the Dask scheduler at {address!r} has no workers (start some: dask worker "
                    f"{address})"
                ) from None
            ask_workers(client)
            yield client


async def _greeted(address: str) -> None:
    """Connect to a scheduler and leave."""
    secrets = distributed.Security().get_connection_args("client")
    (await connect(address, timeout=_PATIENCE, **secrets)).abort()


@contextmanager
def client_of_processes(count: int) -> Iterator[Any]:
    """A client of so many processes of one thread on this machine, which end with the block."""
    before = dict(os.environ)
    with (
        _quiet(),
        distributed.LocalCluster(
            n_workers=count, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        distributed.Client(cluster, set_as_default=False) as client,
    ):
        # Those who start workers leave the numbers of threads that these are to have.
        os.environ.clear()
        os.environ.update(before)
        yield client


@contextmanager
def _quiet() -> Iterator[None]:
    """What the machinery logs is no word to the user of a command; its errors are raised."""
    logger = logging.getLogger("distributed")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)
