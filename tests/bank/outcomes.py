"""What came of a call: right, our error, or something that must not be."""

from __future__ import annotations

import contextlib
import io
import re
import resource
import signal
import traceback
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ridgeflow as rf
from ridgeflow import errors

from .agreement import difference, leaves, not_finite
from .mutations import CLEAN, Mutation, copied
from .rows import Row

__all__ = ["BAD", "Case", "Outcome", "judge"]

_LIBRARY = str(Path(rf.__file__).parent)
_OURS = tuple(getattr(errors, name) for name in errors.__all__)
# Refusals by the mathematics, by memory and by files speak of the computation, not of a name.
_UNNAMED = (
    errors.AdmissibilityError,
    errors.ConvergenceError,
    errors.FileFormatError,
    errors.MemoryBudgetError,
    errors.MissingDependencyError,
    errors.RegionError,
    errors.SingularTimeError,
)
GOOD = ("right", "accepted", "our error")
BAD = (
    "foreign error",
    "names nothing",
    "refused what means the same",
    "differs",
    "accepted what means nothing",
    "not finite",
    "foreign warning",
    "too slow",
    "changes its arguments",
    "crash",
)


@dataclass(frozen=True)
class Case:
    """One argument of one row, and what is done to it (or a pair that must agree)."""

    row: Row
    argument: str
    mutation: Mutation | None
    equal: int = -1

    @property
    def title(self) -> str:
        if self.mutation is None:
            return f"{self.row.title}: {self.row.equal[self.equal].label}"
        return f"{self.row.title}: {self.argument} {self.mutation.label}"


@dataclass(frozen=True)
class Outcome:
    kind: str
    detail: str = ""

    @property
    def good(self) -> bool:
        return self.kind in GOOD


class OutOfTime(BaseException):
    """The watchdog's signal; no handler for Exception may swallow it."""


@contextlib.contextmanager
def watched(seconds: float, gibibytes: float = 1.5) -> Iterator[None]:
    """End what runs for too long, by the clock of the processor, and bound what it allocates."""

    def bark(_number: int, _frame: Any) -> None:
        raise OutOfTime

    former = {kind: signal.signal(kind, bark) for kind in (signal.SIGPROF, signal.SIGALRM)}
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    resource.setrlimit(
        resource.RLIMIT_AS, (pages * resource.getpagesize() + int(gibibytes * 2**30), hard)
    )
    signal.setitimer(signal.ITIMER_PROF, seconds)
    signal.setitimer(signal.ITIMER_REAL, 12 * seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))
        for kind, handler in former.items():
            signal.signal(kind, handler)


@dataclass
class Answer:
    """A call's result, its error and its warnings."""

    result: Any = None
    error: BaseException | None = None
    warned: tuple[str, ...] = ()


def call(row: Row, arguments: dict[str, Any], seconds: float) -> Answer:
    with warnings.catch_warnings(record=True) as caught, contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("always")
        answer = Answer()
        try:
            with watched(seconds), rf.config(memory_budget=256 * 2**20):
                answer.result = row.run(arguments)
                if row.out is not None:
                    answer.result = row.out(answer.result)
        except (Exception, OutOfTime) as error:
            answer.error = error
    answer.warned = tuple(
        f"{w.category.__name__}: {str(w.message)[:120]}"
        for w in caught
        if not issubclass(w.category, _OURS)
    )
    return answer


def in_time(row: Row, make: Any) -> Answer:
    """A call, again after a first one that was late: kernels compile at their first call."""
    answer = call(row, make(), row.limit)
    if isinstance(answer.error, OutOfTime):
        answer = call(row, make(), 8 * row.limit)
        if not isinstance(answer.error, OutOfTime):
            answer = call(row, make(), row.limit)
    return answer


def last_frame(error: BaseException) -> traceback.FrameSummary | None:
    frames = traceback.extract_tb(error.__traceback__)
    return frames[-1] if frames else None


def of_error(row: Row, argument: str, error: BaseException, sharp: bool) -> Outcome:
    """Whether an error is ours and says what it is about."""
    if isinstance(error, OutOfTime):
        return Outcome("too slow", f"longer than {row.limit:g} s")
    said = " ".join(str(error).split())
    frame = last_frame(error)
    where = f"{Path(frame.filename).name}:{frame.lineno}" if frame else ""
    text = f"{type(error).__name__}: {said[:160]} ({where})"
    if frame and any(f"/{package}/" in frame.filename for package in row.foreign):
        return Outcome("our error", text)
    if isinstance(error, row.errors) and frame and frame.filename.startswith(_LIBRARY):
        return Outcome("our error", text)
    ours = isinstance(error, (ValueError, TypeError, *_OURS)) and (
        "`" in said or isinstance(error, _OURS)
    )
    if isinstance(error, OSError) and (argument == "path" or row.kinds.get(argument) == "path"):
        return Outcome("our error", text)  # what the system says of a file
    if (
        not ours
        or not frame
        or not frame.filename.startswith((_LIBRARY, str(Path(__file__).parent)))
    ):
        return Outcome("foreign error", text)
    if isinstance(error, (*_UNNAMED, OSError)):
        return Outcome("our error", text)
    quoted = " ".join(re.findall(r"`([^`]*)`", said))
    # A shape that clashes with another argument may be told of either.
    names = [argument, *row.aliases.get(argument, ())]
    if not sharp:
        names += list(row.signature.parameters)
        names += [alias for aliases in row.aliases.values() for alias in aliases]
    if any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", quoted, re.IGNORECASE) for name in names):
        return Outcome("our error", text)
    return Outcome("names nothing", text)


def frozen(arguments: dict[str, Any]) -> dict[str, bytes]:
    return {
        where: part.tobytes() for where, part in leaves(arguments) if isinstance(part, np.ndarray)
    }


def judge(case: Case) -> Outcome:
    """Run a case."""
    row = case.row
    if case.mutation is None:
        return judge_pair(row, case.equal)
    mutation, name = case.mutation, case.argument
    clean = row.arguments()
    if mutation.label == "as it is":
        return judge_clean(row, clean)
    changed, reference = mutation.make(copied(clean[name]))

    def arguments(value: Any) -> Any:
        return {**row.arguments(), name: value}

    made = {"first": (changed, reference)}

    def make() -> Any:
        # Generators are read once; a second try makes the argument again.
        value = made.pop("first", None) or mutation.make(copied(clean[name]))
        return arguments(value[0])

    answer = in_time(row, make)
    if answer.error is None and answer.warned:
        return Outcome("foreign warning", answer.warned[0])
    if answer.error is not None:
        told = of_error(row, name, answer.error, mutation.sharp and mutation.expects != "same")
        if mutation.expects != "same" or told.kind != "our error":
            return told
        if reference is not CLEAN:
            other = call(row, arguments(reference), 8 * row.limit)
            if other.error is not None:
                return told
        return Outcome("refused what means the same", told.detail)
    if answer.result is NotImplemented:  # Python's own way to refuse an operand
        return Outcome("our error", "not implemented")
    if mutation.expects == "never":
        return Outcome("accepted what means nothing", type(answer.result).__name__)
    if mutation.expects == "same":
        other = call(row, clean if reference is CLEAN else arguments(reference), 8 * row.limit)
        if other.error is not None:
            return Outcome("differs", f"an equal call gives {type(other.error).__name__}")
        apart = difference(answer.result, other.result, mutation.rtol or row.rtol)
        return Outcome("differs", apart) if apart else Outcome("right")
    bad = "" if row.infinite else not_finite(answer.result)
    return Outcome("not finite", bad) if bad else Outcome("accepted")


def judge_clean(row: Row, arguments: dict[str, Any]) -> Outcome:
    """The call as the row has it: no error, no warning, finite, equal twice, arguments kept."""
    # A buffer is there to be written.
    kept = {name: value for name, value in arguments.items() if name != "out"}
    before = frozen(kept)
    answer = call(row, arguments, 8 * row.limit)
    if answer.error is not None:
        return Outcome("refused what means the same", of_error(row, "", answer.error, False).detail)
    # What objects compute at their first use they may keep.
    after = frozen(kept)
    if any(after.get(where) != held for where, held in before.items()):
        return Outcome("changes its arguments")
    if answer.warned:
        return Outcome("foreign warning", answer.warned[0])
    if not row.infinite and not_finite(answer.result):
        return Outcome("not finite", not_finite(answer.result))
    with rf.config(threads=1):
        again = call(row, row.arguments(), 8 * row.limit)
    if again.error is not None:
        return Outcome("differs", f"one thread gives {type(again.error).__name__}")
    apart = difference(again.result, answer.result, 0)
    return Outcome("differs", f"with one thread {apart}") if apart else Outcome("right")


def judge_pair(row: Row, which: int) -> Outcome:
    equal = row.equal[which]
    answer = call(
        Row(row.name, dict, call=lambda: equal.both(), limit=row.limit), {}, 8 * row.limit
    )
    if answer.error is not None:
        told = of_error(row, "", answer.error, False)
        if equal.refusable:
            # Pairs make objects whose arguments have names of their own.
            return Outcome("our error", told.detail) if told.kind == "names nothing" else told
        return Outcome("refused what means the same", told.detail)
    if answer.warned:
        return Outcome("foreign warning", answer.warned[0])
    found, expected = answer.result
    if equal.refusable and not_finite(found):
        return Outcome("not finite", not_finite(found))
    apart = difference(found, expected, equal.rtol)
    return Outcome("differs", apart) if apart else Outcome("right")
