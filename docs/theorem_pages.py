"""Writes the pages of the theorems: what is stated, what was measured, and the figures.

Sphinx calls this before it reads the pages; ``python docs/theorem_pages.py`` does the same. The
statements run again when the library changed; the slow tests leave their report here. The pages
stand in ``docs/theorems``, which is not kept.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
OUT = DOCS / "theorems"

TITLES = {
    "radon": "Radon transform",
    "ridgelet": "Ridgelet transform",
    "calculus": "Derivatives and gradient fields",
    "null_space": "Ghosts",
    "finite_field": "Finite fields",
    "sampling": "Networks of finite width",
    "denoising": "Denoising autoencoders",
    "depth": "Depth",
    "separation": "What depth does to data",
    "double_continuum": "Double continuum limit",
    "width_depth": "Width and depth together",
    "autoencoders": "Autoencoders through a bottleneck",
    "truncation": "Truncation maps",
}


def escaped(text: str) -> str:
    """Text that reStructuredText takes as it is."""
    return "".join("\\" + c if c in "\\*`|_" else c for c in text)


def formula(text: str) -> str:
    """Plain formulas with superscripts and subscripts as roles."""
    from ridgeflow.theorems.page import marked

    parts = []
    for tag, piece in marked(text):
        # A role needs a character that is no space.
        parts.append(
            f"\\ :{tag}:`{escaped(piece)}`\\ " if tag and piece.strip() else escaped(piece)
        )
    return "".join(parts)


def heading(text: str, line: str) -> str:
    return f"{text}\n{line * len(text)}\n"


def section(result, figure: str | None) -> str:
    """A statement on its page."""
    from ridgeflow.theorems.report import RELATIONS, number

    s = result.statement
    lines = [
        f".. _theorem-{s.name.replace('_', '-')}:\n",
        heading(s.title, "-"),
        formula(s.claim) + "\n",
        *([formula(s.limits) + "\n"] if s.constants else []),
        f"*Source:* {escaped(s.source)}. *Name:* ``{s.name}``.\n",
    ]
    if result.note:
        lines.append(formula(result.note) + "\n")
    if result.comparisons:
        rows = [".. list-table::", "   :header-rows: 1", ""]
        cells = [("compared", "predicted", "measured", "tolerance")]
        cells += [
            (
                formula(c.label),
                RELATIONS[c.relation] + number(c.predicted),
                number(c.measured),
                number(c.tolerance),
            )
            for c in result.comparisons
        ]
        for row in cells:
            rows += [f"   {'*' if i == 0 else ' '} - {cell}" for i, cell in enumerate(row)]
        lines.append("\n".join(rows) + "\n")
    lines.append(f"**Tolerance.** {formula(s.reason)}\n")
    lines.append(f"**It fails with** {formula('; '.join(s.breaks))}.\n")
    if figure is not None:
        titles = "; ".join(plot.title for plot in result.plots)
        width = 60 if len(result.plots) == 1 else 100
        lines.append(f".. image:: {figure}\n   :alt: {titles}\n   :width: {width}%\n")
    return "\n".join(lines)


def write(report, out: Path) -> None:
    """One page for each subject of the report, and its figures."""
    from ridgeflow.plotting.theorems import as_svg, statement_figure

    shutil.rmtree(out, ignore_errors=True)
    (out / "figures").mkdir(parents=True)
    pages: dict[str, list[str]] = {}
    for result in report:
        figure = None
        if result.plots:
            figure = f"figures/{result.name}.svg"
            (out / figure).write_bytes(as_svg(statement_figure(result.plots)))
        pages.setdefault(result.statement.subject, []).append(section(result, figure))
    for subject, sections in pages.items():
        text = heading(TITLES[subject], "=") + "\n" + "\n\n".join(sections)
        (out / f"{subject}.rst").write_text(text, "utf-8")
    rows = [f"{r.name:26}  {r.status:7}  {r.seconds:5.1f} s" for r in report]
    (out / "summary.txt").write_text(report.summary() + "\n\n" + "\n".join(rows) + "\n", "utf-8")


def stamp() -> str:
    """Changes with every module of the library, and with this one."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for module in sorted((ROOT / "ridgeflow").rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def keep(report) -> None:
    """The pages of a quick run of all statements, which hold until the library changes."""
    write(report, OUT)
    (OUT / "stamp").write_text(stamp())


def main() -> None:
    from ridgeflow.theorems import validate

    if (OUT / "stamp").is_file() and (OUT / "stamp").read_text() == stamp():
        return
    report = validate(effort="quick")
    if not report.passed:
        sys.exit(report.table())
    keep(report)
    print(report.summary())


if __name__ == "__main__":
    main()
