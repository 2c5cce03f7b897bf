"""How far a long call has come: told by its loops, shown as a bar or handed to a function.

A public call takes ``progress`` and is decorated with ``with_progress``; below it stages and loops
tell their share of what surrounds them. Where nobody asked, that is one look at a variable.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NamedTuple, ParamSpec, TypeAlias, TypeVar

import numpy as np

__all__ = [
    "Progress",
    "alone",
    "progress_bar",
    "reporting",
    "stage",
    "steps",
    "tell",
    "told",
    "with_progress",
]

Tell: TypeAlias = Callable[[str, float], None]
Tell1: TypeAlias = Callable[[float], None]
Progress: TypeAlias = bool | Tell | None

P = ParamSpec("P")
T = TypeVar("T")

# Seconds between two reports: more often nobody reads them, and functions of users take time.
_PAUSE = 0.1


class _Reporter:
    """Whom to tell, and what has been told; shares never fall."""

    def __init__(self, to: Tell) -> None:
        self.ended = False
        self._to = to
        self._share = 0.0
        self._next = 0.0
        # Loops of other threads, which have copies of the context, do not call the user's function.
        self._thread = threading.get_ident()

    def report(self, message: str, share: float, *, last: bool = False) -> None:
        if self.ended or threading.get_ident() != self._thread:
            return
        self._share = max(self._share, min(share, 1.0))
        if time.monotonic() < self._next and not last:
            return
        # What the function computes is not part of the work.
        token = _frame.set(None)
        try:
            self._to(message, self._share)
        finally:
            _frame.reset(token)
        self._next = time.monotonic() + _PAUSE


class _Frame(NamedTuple):
    """The part of the whole, from ``low`` to ``high``, that the work in hand makes up."""

    reporter: _Reporter
    message: str
    low: float
    high: float
    named: bool = False

    def tell(self, share: float) -> None:
        self.reporter.report(self.message, self.low + (self.high - self.low) * share)

    def part(self, message: str | None, low: float, high: float) -> _Frame:
        # The outermost stages are what a user knows by name.
        named = self.named or message is None
        size = self.high - self.low
        return _Frame(
            self.reporter,
            self.message if named or message is None else message,
            self.low + size * low,
            self.low + size * high,
            self.named or message is not None,
        )


_frame: ContextVar[_Frame | None] = ContextVar("ridgeflow_progress", default=None)


def told() -> bool:
    """Whether anybody listens here."""
    return _frame.get() is not None


def tell(share: float) -> None:
    """So much of the stage in force is done, from 0 to 1."""
    frame = _frame.get()
    if frame is not None:
        frame.tell(share)


@contextmanager
def stage(message: str | None, low: float = 0.0, high: float = 1.0) -> Iterator[None]:
    """What happens inside is the part from ``low`` to ``high`` of the stage in force.

    Of nested messages the outermost is shown; None leaves it as it is.
    """
    frame = _frame.get()
    if frame is None:
        yield
        return
    inner = frame.part(message, low, high)
    inner.tell(0.0)
    token = _frame.set(inner)
    try:
        yield
    finally:
        _frame.reset(token)


def steps(
    items: Collection[T], message: str | None = None, low: float = 0.0, high: float = 1.0
) -> Iterator[T]:
    """The items one by one, each an equal part of the stage in force, from ``low`` to ``high``.

    A ``{0}`` in the message is the number of the item, from 1, and ``{1}`` the item.
    """
    if _frame.get() is None:
        yield from items
        return
    size = (high - low) / max(1, len(items))
    for i, item in enumerate(items):
        said = None if message is None else message.format(i + 1, item)
        with stage(said, low + i * size, low + (i + 1) * size):
            yield item


@contextmanager
def alone(low: float = 0.0, high: float = 1.0) -> Iterator[Tell1]:
    """Yield what tells the share of this block, which may repeat loops that are told elsewhere."""
    frame = _frame.get()
    if frame is None:
        yield _nothing
        return
    token = _frame.set(None)
    try:
        yield frame.part(None, low, high).tell
    finally:
        _frame.reset(token)


def _nothing(share: float) -> None:
    pass


@contextmanager
def reporting(progress: Progress, what: str) -> Iterator[None]:
    """What happens inside is told as ``progress`` says; True is a bar on a terminal.

    Raises
    ------
    TypeError
        If ``progress`` is neither a truth value nor a function.
    """
    if progress is None or (isinstance(progress, (bool, np.bool_)) and not progress):
        yield
        return
    if isinstance(progress, (bool, np.bool_)):
        with progress_bar() as bar, reporting(bar, what):
            yield
        return
    if not callable(progress):
        raise TypeError(
            f"`progress` must be True, False or a function of a message and a share from 0 to 1, "
            f"got {type(progress).__name__} (True shows a bar)"
        )
    reporter = _Reporter(progress)
    frame = _Frame(reporter, what, 0.0, 1.0)
    token = _frame.set(frame)
    try:
        frame.tell(0.0)
        yield
    except BaseException:
        # What a loop that was left has kept of the frame tells nobody.
        reporter.ended = True
        raise
    finally:
        _frame.reset(token)
    reporter.report("done", 1.0, last=True)
    reporter.ended = True


def with_progress(what: str) -> Callable[[Callable[P, T]], Callable[P, T]]:
    """Decorate a call that takes ``progress``: what it does in its body is reported under ``what``.

    The body itself always finds None. One frame lies between it and its caller.
    """

    def decorate(function: Callable[P, T]) -> Callable[P, T]:
        @functools.wraps(function)
        def reported(*args: P.args, **kwargs: P.kwargs) -> T:
            progress: Any = kwargs.pop("progress", None)
            if progress is None:
                return function(*args, **kwargs)
            with reporting(progress, what):
                return function(*args, **kwargs)

        return reported

    return decorate


@contextmanager
def progress_bar() -> Iterator[Tell]:
    """A bar on standard error with rate and remaining time; silent where that is no terminal."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        ProgressColumn,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )
    from rich.text import Text

    class Rate(ProgressColumn):
        def render(self, task: Any) -> Text:
            speed = task.finished_speed or task.speed
            return Text(
                "" if speed is None else f"{100 * speed:.2g} %/s", style="progress.data.speed"
            )

    console = Console(stderr=True)
    silent = not console.is_terminal
    columns = (
        TextColumn("{task.description:<36}"),
        BarColumn(),
        TaskProgressColumn(),
        Rate(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    # What comes next is guessed from the whole, not from the last half minute.
    with Progress(
        *columns, console=console, transient=True, disable=silent, speed_estimate_period=3600
    ) as bar:
        task = bar.add_task("starting", total=1.0)

        def update(message: str, share: float) -> None:
            bar.update(task, description=message, completed=share)

        yield update
