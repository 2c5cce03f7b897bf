"""Random valid work for a long time: memory, threads and open files must stay flat.

    python -m tests.bank.soak --minutes 60 [--seed 0] [--out docs/soak_table.txt]

Every quick row of the bank is called once, which compiles its kernels and fills what is cached;
then rows and changes of their arguments are drawn, from one thread and, for a share of the time,
from four at once. Each minute is a line of the table.
"""

from __future__ import annotations

import argparse
import contextlib
import gc
import os
import random
import resource
import sys
import threading
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import NamedTuple

from .outcomes import Case, judge
from .run import ROOMS, changed, room

__all__ = ["Reading", "grown", "soak"]

# What may come on top: caches of sizes that are drawn late, arenas of the allocator.
_MEMORY, _THREADS, _FILES = 96.0, 2, 4
_AT_ONCE = 4
# Commands, which take over the terminal of the process.
_ALONE = ("commands",)


class Reading(NamedTuple):
    """State of the process after some minutes: MiB held and at most, threads, files, calls."""

    minutes: float
    held: float
    most: float
    threads: int
    files: int
    calls: int


def soak(
    seconds: float, seed: int = 0, every: float = 60.0, tell: Callable[[Reading], None] = print
) -> list[Reading]:
    """Work for so long, and read the state of the process every so often."""
    chance = random.Random(seed)
    cases = [case for name in ROOMS if name not in _ALONE for case in changed(room(name), 3, seed)]
    first: dict[int, Case] = {}
    for case in cases:
        first.setdefault(id(case.row), case)
    for case in first.values():
        judge(case)
    readings: list[Reading] = []
    start = last = time.monotonic()
    calls = 0
    with ThreadPoolExecutor(_AT_ONCE) as pool, warnings.catch_warnings():
        # Filters belong to the process; judged cases set their own.
        warnings.simplefilter("ignore")
        list(pool.map(_called, chance.sample(cases, _AT_ONCE)))
        while True:
            now = time.monotonic()
            if now - last >= every or not readings:
                gc.collect()
                readings.append(_reading((now - start) / 60, calls))
                tell(readings[-1])
                last = now
            if now - start > seconds:
                return readings
            some = chance.sample(cases, _AT_ONCE)
            if chance.random() < 0.25:
                list(pool.map(_called, some))
            else:
                for case in some:
                    judge(case)
            calls += len(some)


def _called(case: Case) -> None:
    """The call as it is, whatever comes of it: beside others only the process is looked at."""
    row = case.row
    with contextlib.suppress(Exception):
        row.run(row.arguments())


def _reading(minutes: float, calls: int) -> Reading:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    held = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
    files = len(os.listdir("/proc/self/fd"))
    return Reading(minutes, held, most, threading.active_count(), files, calls)


def grown(readings: list[Reading]) -> list[str]:
    """What is more in the last third of the readings than in the first."""
    third = max(1, len(readings) // 3)
    found = []
    for name, room_to_spare in (("held", _MEMORY), ("threads", _THREADS), ("files", _FILES)):
        before = median(getattr(one, name) for one in readings[:third])
        after = median(getattr(one, name) for one in readings[-third:])
        if after > before + room_to_spare:
            found.append(f"{name}: {before:.0f} -> {after:.0f}")
    return found


def main() -> int:
    os.environ.setdefault("MPLBACKEND", "Agg")
    parser = argparse.ArgumentParser(prog="python -m tests.bank.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="file for the table")
    given = parser.parse_args()
    lines = ["minutes    MiB held    MiB at most    threads    open files       calls"]
    print(lines[0])

    def tell(one: Reading) -> None:
        line = f"{one.minutes:7.1f}{one.held:12.0f}{one.most:15.0f}{one.threads:11}"
        lines.append(line + f"{one.files:14}{one.calls:12}")
        print(lines[-1], flush=True)

    readings = soak(60 * given.minutes, given.seed, tell=tell)
    found = grown(readings)
    lines.append("grown: " + ("; ".join(found) or "nothing"))
    print(lines[-1])
    if given.out:
        given.out.write_text("\n".join(lines) + "\n")
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
