"""Draw cases from the rows, run them, and count what came of them."""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from .mutations import Mutation, NotApplicable, copied, mutations
from .outcomes import BAD, GOOD, Case, Outcome, judge
from .rows import Room

__all__ = [
    "ROOMS",
    "cases_of",
    "changed",
    "draw",
    "report",
    "room",
    "run_apart",
    "run_here",
    "table",
]

ROOMS = tuple(
    sorted(path.stem.removeprefix("rows_") for path in Path(__file__).parent.glob("rows_*.py"))
)
CALL = Mutation("as it is", "same", lambda value: (value, value))


def room(name: str) -> Room:
    return importlib.import_module(f"{__package__}.rows_{name}").room


def cases_of(rows: Room) -> list[list[Case]]:
    """For each row its cases: the call as it is, the pairs that must agree, all mutations."""
    found = []
    for row in rows:
        arguments = row.arguments()
        cases = [Case(row, next(iter(arguments), ""), CALL)]
        cases += [Case(row, "", None, i) for i in range(len(row.equal))]
        for name, value in arguments.items():
            if name in row.fixed:
                continue
            kind = row.kind(name, value)
            for mutation in mutations(kind, row.optional(name)):
                if mutation.label in row.exempt.get(name, ()):
                    continue
                # What means nothing for this value is no case.
                with contextlib.suppress(NotApplicable):
                    mutation.make(copied(value))
                    cases.append(Case(row, name, mutation))
        found.append(cases)
    return found


def changed(rows: Room, each: int, seed: int) -> list[Case]:
    """``each`` changes of every row whose calls are quick."""
    chance = random.Random(f"{rows.name} {seed}")
    return [
        case
        for row, cases in zip(rows, cases_of(rows))
        if not row.slow and (rest := [c for c in cases if c.mutation not in (None, CALL)])
        for case in chance.sample(rest, min(each, len(rest)))
    ]


def draw(rows: Room, count: int | None, seed: int) -> list[Case]:
    """``count`` cases, as many from each row as come out even; the call as it is comes first."""
    chance = random.Random(f"{rows.name} {seed}")
    stacks = []
    for cases in cases_of(rows):
        first = [case for case in cases if case.mutation is None or case.mutation is CALL]
        rest = [case for case in cases if case not in first]
        chance.shuffle(rest)
        stacks.append([*first, *rest])
    if count is None:
        return [case for stack in stacks for case in stack]
    chosen: list[Case] = []
    depth = 0
    while len(chosen) < count and any(len(stack) > depth for stack in stacks):
        chosen += [stack[depth] for stack in stacks if len(stack) > depth]
        depth += 1
    return chosen[:count]


def run_here(
    cases: Iterable[Case], begin: Callable[[Case], None] = lambda case: None
) -> Iterator[tuple[Case, Outcome, float]]:
    """Run cases; ``begin`` is told of each. Changes of a call that fails as it is say nothing."""
    broken: set[int] = set()
    for case in cases:
        if id(case.row) in broken:
            continue
        begin(case)
        start = time.perf_counter()
        outcome = judge(case)
        if case.mutation is CALL and not outcome.good:
            broken.add(id(case.row))
        yield case, outcome, time.perf_counter() - start


def run_apart(name: str, count: int | None, seed: int) -> Iterator[tuple[str, str, str, float]]:
    """A room in a process of its own, begun again behind a case that ends or blocks it.

    Yields the title of a case, the kind of its outcome, the detail and the seconds.
    """
    skip = 0
    while True:
        command = [sys.executable, "-m", "tests.bank", "--room", name, "--seed", str(seed)]
        command += ["--stream", "--skip", str(skip)]
        command += [] if count is None else ["--count", str(count)]
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "MPLBACKEND": "Agg"},
        ) as process:
            assert process.stdout is not None
            begun = ""
            for line in process.stdout:
                record = json.loads(line)
                if "begin" in record:
                    begun, skip = record["begin"], record["place"] + 1
                else:
                    begun = ""
                    yield record["title"], record["kind"], record["detail"], record["seconds"]
        if not process.wait() and not begun:
            return
        if not begun:
            raise RuntimeError(f"the room {name} ends with status {process.returncode}")
        yield begun, "crash", f"the process ends with status {process.returncode}", 0.0


def report(found: Iterable[tuple[str, str, str, float]]) -> tuple[str, list[str]]:
    """The counts in words, and one line for each failure, grouped by kind."""
    counts: Counter[str] = Counter()
    failures: dict[str, list[str]] = {}
    for title, kind, detail, _seconds in found:
        counts[kind] += 1
        if kind in BAD:
            failures.setdefault(kind, []).append(f"{title}: {detail}")
    total = sum(counts.values())
    shown = ", ".join(f"{counts[kind]} {kind}" for kind in (*GOOD, *BAD) if counts[kind])
    lines = [f"{kind}: {line}" for kind in BAD for line in failures.get(kind, ())]
    return f"{total} cases: {shown}", lines


def table(rooms: dict[str, list[str]]) -> str:
    """The kinds of outcomes of every room, counted, as plain text with the sums in the last row."""
    columns = ("callables", "rows", "cases", "right", "our error", "accepted", "failures")
    lines, sums = [], [0] * len(columns)
    for name, kinds in rooms.items():
        rows = room(name)
        counts = Counter(kinds)
        numbers = [len({row.name for row in rows}), len(rows), len(kinds)]
        numbers += [counts[kind] for kind in ("right", "our error", "accepted")]
        numbers.append(sum(counts[kind] for kind in BAD))
        sums = [a + b for a, b in zip(sums, numbers)]
        lines.append((name, numbers))
    head = f"{'room':18s}" + "".join(f"{column:>11s}" for column in columns)
    body = [
        f"{name:18s}" + "".join(f"{number:11d}" for number in numbers)
        for name, numbers in [*lines, ("all", sums)]
    ]
    return "\n".join([head, "-" * len(head), *body[:-1], "-" * len(head), body[-1]]) + "\n"
