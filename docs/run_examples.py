"""Runs the examples whose output the pages show, and keeps what they print and draw.

A page refers to ``_examples/NAME/output.txt`` and to the ``_examples/NAME/*.png`` that
``examples/NAME.py`` writes into its working folder. Sphinx calls this before it reads the pages;
``python docs/run_examples.py`` does the same, and the slow tests do it for every example. An
example runs again when it or the library changed.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

DOCS = Path(__file__).resolve().parent
ROOT = DOCS.parent
OUT = DOCS / "_examples"
_MOST_SECONDS = 600


def wanted() -> list[str]:
    """Names of the examples that the pages show, in the order in which they come up."""
    pages = sorted(DOCS.glob("*.rst"))
    found = (re.findall(r"_examples/(\w+)/", page.read_text("utf-8")) for page in pages)
    return list(dict.fromkeys(name for names in found for name in names))


def stamp(example: Path) -> str:
    """Changes with the example and with every module of the library."""
    digest = hashlib.sha256(example.read_bytes())
    for module in sorted((ROOT / "ridgeflow").rglob("*.py")):
        digest.update(module.read_bytes())
    return digest.hexdigest()


def run(name: str) -> None:
    """Run one example in an empty folder, unless what it wrote is there already."""
    example, folder = ROOT / "examples" / f"{name}.py", OUT / name
    if not example.is_file():
        raise RuntimeError(f"a page shows _examples/{name}/, but there is no {example}")
    mark = stamp(example)
    if (folder / "stamp").is_file() and (folder / "stamp").read_text() == mark:
        return
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as scratch:
        done = subprocess.run(
            [sys.executable, "-W", "error", str(example)],
            cwd=scratch,
            env={**os.environ, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"},
            capture_output=True,
            text=True,
            timeout=_MOST_SECONDS,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{example} failed:\n{done.stderr}")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        for figure in sorted(Path(scratch).glob("*.png")):
            shutil.copyfile(figure, folder / figure.name)
    (folder / "output.txt").write_text(done.stdout, "utf-8")
    (folder / "stamp").write_text(mark)
    print(f"examples/{name}.py: {time.perf_counter() - start:.1f} s")


def main() -> None:
    for name in wanted():
        run(name)


if __name__ == "__main__":
    main()
