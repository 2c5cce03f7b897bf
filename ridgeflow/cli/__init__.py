"""The command line: ``ridgeflow demo``, ``flow``, ``spectrum``, ``reconstruct``, ``study``, and
``validate`` and ``info``.

``main`` is the entry point. It turns every refusal into one line on standard error and an exit
status: 0 done, 1 the computation failed or the demo missed a target, 2 bad usage or input.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Iterator, Sequence
from types import FrameType
from typing import Any

import click

from ridgeflow.cli.commands import root
from ridgeflow.cli.files import BadInput
from ridgeflow.cli.validate import validate
from ridgeflow.errors import AdmissibilityError

__all__ = ["main"]

root.add_command(validate)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and leave the process with its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Arguments after the program's name; those of the process by default.

    Raises
    ------
    SystemExit
        Always; its code is 0, 1, 2, or 130 after an interrupt.

    Examples
    --------
    >>> main(["--version"])
    Traceback (most recent call last):
        ...
    SystemExit: 0
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    sys.exit(_run(given))


def _run(given: list[str]) -> int:
    debug = "--debug" in given or os.environ.get("RIDGEFLOW_DEBUG", "") not in ("", "0")
    with _terminated_by_exception(), warnings.catch_warnings():
        warnings.showwarning = _show_warning  # type: ignore[assignment]
        try:
            # The option is the program's own, wherever it stands.
            arguments = [word for word in given if word != "--debug"]
            status = root.main(args=arguments, prog_name="ridgeflow", standalone_mode=False)
        except click.exceptions.NoArgsIsHelpError as error:
            click.echo(error.ctx.get_help() if error.ctx else str(error), err=True)
            return 2
        # An activation that cannot do what was asked of it is a choice of the user.
        except (click.ClickException, BadInput, AdmissibilityError) as error:
            return _fail(error, debug, 2)
        except (click.Abort, KeyboardInterrupt):
            click.echo("error: interrupted", err=True)
            return 130
        except BrokenPipeError:
            # The reader of our output has left; what Python flushes at exit has no one to go to.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            return 1
        except Exception as error:
            return _fail(error, debug, 1)
    return status if isinstance(status, int) else 0


def _fail(error: Exception, debug: bool, status: int) -> int:
    if debug:
        traceback.print_exception(error)
    message = error.format_message() if isinstance(error, click.ClickException) else str(error)
    click.echo(f"error: {' '.join(message.split()) or type(error).__name__}", err=True)
    return status


@contextlib.contextmanager
def _terminated_by_exception() -> Iterator[None]:
    """Leaving through an exception lets unfinished output be removed."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    sys.exit(143)


def _show_warning(message: Warning | str, *_: Any) -> None:
    click.echo(f"warning: {' '.join(str(message).split())}", err=True)
