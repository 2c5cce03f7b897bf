"""Run rooms of the bank from a shell."""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import sys
import time
from pathlib import Path
from typing import Any


def stream(cases: list[Any], skip: int) -> None:
    """Tell of each case before and after it runs; a case that no signal ends ends the process."""
    from .run import run_here

    out = os.fdopen(os.dup(1), "w")
    places = {id(case): place for place, case in enumerate(cases)}

    def tell(record: dict[str, Any]) -> None:
        print(json.dumps(record), file=out, flush=True)

    def begin(case: Any) -> None:
        tell({"begin": case.title, "place": places[id(case)]})
        faulthandler.dump_traceback_later(120, exit=True)

    for case, outcome, seconds in run_here(cases[skip:], begin):
        tell(
            {
                "title": case.title,
                "kind": outcome.kind,
                "detail": outcome.detail,
                "seconds": seconds,
            }
        )


def main() -> int:
    os.environ.setdefault("MPLBACKEND", "Agg")
    from .run import ROOMS, draw, report, room, run_apart, run_here, table

    parser = argparse.ArgumentParser(prog="python -m tests.bank", description=__doc__)
    parser.add_argument("--room", action="append", choices=ROOMS, help="default: all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--count", type=int, help="cases of each room; default: all")
    parser.add_argument("--row", help="only rows whose name holds this")
    parser.add_argument("--case", help="only cases whose title holds this")
    parser.add_argument("--apart", action="store_true", help="each room in its own process")
    parser.add_argument("--slowest", type=int, default=0, help="show the slowest cases")
    parser.add_argument("--table", type=Path, help="write the counts of the rooms to this file")
    parser.add_argument("--stream", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--skip", type=int, default=0, help=argparse.SUPPRESS)
    options = parser.parse_args()

    status = 0
    rooms: dict[str, list[str]] = {}
    for name in options.room or ROOMS:
        start = time.perf_counter()
        if options.apart:
            found = list(run_apart(name, options.count, options.seed))
        else:
            cases = draw(room(name), options.count, options.seed)
            if options.row:
                cases = [case for case in cases if options.row in case.row.name]
            if options.case:
                cases = [case for case in cases if options.case in case.title]
            if options.stream:
                stream(cases, options.skip)
                continue
            found = [
                (case.title, outcome.kind, outcome.detail, seconds)
                for case, outcome, seconds in run_here(cases)
            ]
        rooms[name] = [kind for _, kind, _, _ in found]
        counts, failures = report(found)
        print(f"{name}: {counts}; {time.perf_counter() - start:.1f} s")
        for line in failures:
            print("  " + line)
        for title, kind, _, seconds in sorted(found, key=lambda f: -f[3])[: options.slowest]:
            print(f"  {seconds:.2f} s  {title}: {kind}")
        status |= bool(failures)
    if options.table:
        options.table.write_text(table(rooms))
    return status


if __name__ == "__main__":
    sys.exit(main())
