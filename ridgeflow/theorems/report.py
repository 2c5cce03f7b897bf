"""Reports of checked statements: a table, JSON with a schema, and one self-contained HTML page."""

from __future__ import annotations

import json
import math
import os
import platform
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np

from ridgeflow import __version__
from ridgeflow._config import get_config
from ridgeflow._storage import save_text
from ridgeflow.theorems.page import page
from ridgeflow.theorems.statement import Comparison, Plot, Result

__all__ = ["Report", "number", "schema"]

# What stands before the predicted number.
RELATIONS = {"equal": "", "at most": "≤ ", "at least": "≥ "}
_FORMAT = "ridgeflow-validation-1"


def schema() -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of what :meth:`Report.to_json` writes."""
    text = files("ridgeflow.theorems").joinpath("report.schema.json").read_text("utf-8")
    return json.loads(text)


def number(value: float) -> str:
    """Four digits, in the shortest form."""
    return "0" if value == 0 else f"{value:.4g}"


def _finite(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def _comparison(c: Comparison) -> dict[str, Any]:
    return {
        "label": c.label,
        "relation": c.relation,
        "predicted": _finite(c.predicted),
        "measured": _finite(c.measured),
        "tolerance": _finite(c.tolerance),
        "passed": c.passed,
    }


def _plot(p: Plot) -> dict[str, Any]:
    return {
        "title": p.title,
        "x_label": p.x_label,
        "y_label": p.y_label,
        "x_log": p.x_log,
        "y_log": p.y_log,
        "series": [
            {
                "label": s.label,
                "style": s.style,
                "x": [_finite(v) for v in s.x],
                "y": [_finite(v) for v in s.y],
            }
            for s in p.series
        ],
    }


def _result(r: Result) -> dict[str, Any]:
    s = r.statement
    return {
        "name": s.name,
        "title": s.title,
        "subject": s.subject,
        "claim": s.claim,
        "source": s.source,
        "papers": list(s.papers),
        "status": r.status,
        "predicted": _finite(r.predicted),
        "measured": _finite(r.measured),
        "tolerance": _finite(r.tolerance),
        "reason": s.reason,
        "seconds": r.seconds,
        "note": r.note,
        "fails_with": list(s.breaks),
        "constants": [
            {"name": c.label, "value": _finite(c.value), "resolution": c.resolution}
            for c in s.constants
        ],
        "comparisons": [_comparison(c) for c in r.comparisons],
        "plots": [_plot(p) for p in r.plots],
    }


@dataclass(frozen=True)
class Report:
    """Results of :func:`ridgeflow.validate`, in the order in which they were run.

    Parameters
    ----------
    results : tuple of Result
    effort : {"quick", "full"}

    Examples
    --------
    >>> from ridgeflow.theorems import validate
    >>> report = validate("finite_field")
    >>> len(report), [result.name for result in report]
    (1, ['finite_field'])
    """

    results: tuple[Result, ...]
    effort: str

    def __iter__(self) -> Iterator[Result]:
        """The results."""
        return iter(self.results)

    def __len__(self) -> int:
        """How many statements were run."""
        return len(self.results)

    def __getitem__(self, name: str) -> Result:
        """The result of a statement by its name."""
        for result in self.results:
            if isinstance(name, str) and result.name == name:
                return result
        raise KeyError(
            f"no result {name!r:.80}; there are {', '.join(r.name for r in self.results)}"
        )

    @property
    def passed(self) -> bool:
        """Whether no statement failed."""
        return not self.failed

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results that failed."""
        return tuple(r for r in self.results if r.status == "failed")

    @property
    def skipped(self) -> tuple[Result, ...]:
        """The results that need a package that is not installed."""
        return tuple(r for r in self.results if r.status == "skipped")

    @property
    def seconds(self) -> float:
        """Wall-clock time of all statements."""
        return sum(r.seconds for r in self.results)

    def summary(self) -> str:
        """One line: how many passed, failed and were skipped, and how long it took."""
        passed = sum(r.passed for r in self.results)
        line = f"{passed} of {len(self)} statements passed ({self.effort}, {self.seconds:.1f} s)"
        if self.failed:
            line += f"; failed: {', '.join(r.name for r in self.failed)}"
        if self.skipped:
            line += f"; skipped: {', '.join(r.name for r in self.skipped)}"
        return line

    def rows(self) -> list[tuple[str, ...]]:
        """The table's cells: name, comparison, predicted, measured, tolerance, coarsest resolution
        of a constant, seconds, status."""
        cells = []
        for r in self.results:
            c = r.tightest
            label = c.label if c else r.note
            sign = RELATIONS[c.relation] if c else ""
            values = (c.predicted, c.measured, c.tolerance) if c else ()
            first, *rest = [number(v) for v in values] or [""] * 3
            coarsest = max((one.resolution for one in r.statement.constants), default=0.0)
            shown = f"{100 * coarsest:.3g} %" if coarsest else ""
            cells.append((r.name, label, sign + first, *rest, shown, f"{r.seconds:.1f}", r.status))
        return cells

    def table(self) -> str:
        """A text table: of every statement the comparison that uses up most of its tolerance.

        The column "resolves" holds the part of its value by which any constant of the claim must be
        off for the statement to fail.
        """
        head = (
            "statement",
            "compared",
            "predicted",
            "measured",
            "tolerance",
            "resolves",
            "s",
            "status",
        )
        rows = [head, *self.rows()]
        rows = [tuple(c if len(c) <= 44 else c[:43] + "…" for c in row) for row in rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
        right = (False, False, True, True, True, True, True, False)
        lines = [
            "  ".join(
                cell.rjust(w) if r else cell.ljust(w)
                for cell, w, r in zip(row, widths, right, strict=True)
            ).rstrip()
            for row in rows
        ]
        rule = "  ".join("-" * w for w in widths)
        return "\n".join([lines[0], rule, *lines[1:], "", self.summary()])

    def to_dict(self) -> dict[str, Any]:
        """What :meth:`to_json` writes, as dictionaries and lists."""
        return {
            "format": _FORMAT,
            "version": __version__,
            "effort": self.effort,
            "passed": self.passed,
            "seconds": self.seconds,
            "environment": {
                "python": platform.python_version(),
                "numpy": np.__version__,
                "platform": sys.platform,
                "threads": get_config().threads,
            },
            "statements": [_result(r) for r in self.results],
        }

    def to_json(self, path: str | os.PathLike[str]) -> None:
        """Write everything, series of the figures included; numbers not finite become null.

        Parameters
        ----------
        path : path
        """
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False, allow_nan=False)
        save_text(path, text + "\n")

    def to_html(self, path: str | os.PathLike[str]) -> None:
        """Write one HTML page with figures inside, that asks nothing of the network.

        Parameters
        ----------
        path : path

        Raises
        ------
        MissingDependencyError
            If matplotlib, which draws the figures, is not installed.
        """
        save_text(path, page(self.results, self.summary(), self.effort))
