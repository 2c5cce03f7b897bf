"""The HTML page of a report: one file, figures inside, no request to anywhere."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from urllib.parse import quote

from ridgeflow import __version__
from ridgeflow.theorems.statement import Comparison, Result

__all__ = ["marked", "page"]

_RELATIONS = {"equal": "=", "at most": "≤", "at least": "≥"}


# A mark and what it raises or lowers: (…), {…}, or one character.
_MARKS = re.compile(
    r"(?<=\S)([\^_])"
    r"(?:\(((?:[^()]|\([^()]*\))*)\)|\{([^{}]*)\}|([\w\u2070-\u22ff♯](?!\w)))"
)


def marked(text: str) -> list[tuple[str, str]]:
    """Pieces of a formula in plain text: ("", text), ("sup", raised) or ("sub", lowered)."""
    pieces, start = [], 0
    for found in _MARKS.finditer(text):
        pieces.append(("", text[start : found.start()]))
        inside = next(group for group in found.groups()[1:] if group is not None)
        pieces.append(("sup" if found[1] == "^" else "sub", inside))
        start = found.end()
    return [*pieces, ("", text[start:])]


def _mathematics(text: str) -> str:
    pieces = ((tag, escape(piece)) for tag, piece in marked(text))
    return "".join(f"<{tag}>{piece}</{tag}>" if tag else piece for tag, piece in pieces)


def _number(value: float) -> str:
    return "0" if value == 0 else f"{value:.4g}".replace("-", "−")


def _figure(result: Result) -> str:
    if not result.plots:
        return ""
    from ridgeflow.plotting.theorems import as_svg, statement_figure

    data = base64.b64encode(as_svg(statement_figure(result.plots))).decode("ascii")
    titles = "; ".join(plot.title for plot in result.plots)
    return (
        f'<img alt="{escape(titles)}" style="max-width:{30 * len(result.plots)}rem" '
        f'src="data:image/svg+xml;base64,{data}">'
    )


def _row(c: Comparison) -> str:
    mark = "passed" if c.passed else "failed"
    return (
        f'<tr class="{mark}"><td>{_mathematics(c.label)}</td>'
        f"<td>{_RELATIONS[c.relation]} {_number(c.predicted)}</td><td>{_number(c.measured)}</td>"
        f"<td>{_number(c.tolerance)}</td><td>{mark}</td></tr>"
    )


def _section(result: Result) -> str:
    s = result.statement
    rows = "\n".join(_row(c) for c in result.comparisons)
    table = (
        "<table><thead><tr><th>compared</th><th>predicted</th><th>measured</th><th>tolerance</th>"
        f"<th></th></tr></thead><tbody>\n{rows}\n</tbody></table>"
    )
    note = f'<p class="note">{escape(result.note)}</p>' if result.note else ""
    fails = "; ".join(s.breaks)
    name = escape(s.name)
    limits = f'<p class="limits">{_mathematics(s.limits)}</p>\n' if s.constants else ""
    return (
        f'<article id="{name}" class="statement" data-status="{escape(result.status)}">\n'
        f'<h2><span class="badge {escape(result.status)}">{escape(result.status)}</span> '
        f'{_mathematics(s.title)} <a class="name" href="#{quote(s.name)}">{name}</a></h2>\n'
        f'<p class="claim">{_mathematics(s.claim)}</p>\n'
        f"{limits}"
        f'<p class="source">{escape(s.source)} · {result.seconds:.2f} s</p>\n'
        f"{note}\n{table if rows else ''}\n"
        f"<p><b>Tolerance.</b> {_mathematics(s.reason)}</p>\n"
        f"<p><b>It would fail with</b> {_mathematics(fails)}.</p>\n"
        f"{_figure(result)}\n</article>"
    )


def page(results: Sequence[Result], summary: str, effort: str) -> str:
    """The page as text."""
    template = Template(
        files("ridgeflow.theorems").joinpath("report.html").read_text(encoding="utf-8")
    )
    return template.substitute(
        version=__version__,
        summary=escape(summary),
        effort=escape(effort),
        verdict="failed" if any(r.status == "failed" for r in results) else "passed",
        count=len(results),
        sections="\n".join(_section(result) for result in results),
    )
