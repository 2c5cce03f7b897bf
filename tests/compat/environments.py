"""Build wheel and source distribution, and test the wheel outside the checkout in each environment.

    python tests/compat/environments.py [--only NAME ...] [--tests PATH ...] [--out FILE]

An environment is a Python and the releases that it gets: the oldest that ``pyproject.toml`` admits,
and the newest that install. Pythons are looked for as ``python3.N`` on the path, or given as
``--python 3.13=/path/to/python``; one that is not found is said to be missing. What the tests read
of the checkout (docs, examples, the configuration of pytest) is copied, the package is not.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FILES = ("README.md", "CHANGELOG.md", "CITATION.cff", "pyproject.toml")
COPIED = ("tests", "docs", "examples", *FILES)
SHOWN = ("numpy", "scipy", "numba", "pyfftw")
LINE = "{:<16}{:<9}" + "{:<9}" * len(SHOWN) + "{:<22}{:>8}"


@dataclass
class Environment:
    """A Python, and what is pinned beside the wheel."""

    name: str
    python: str
    pins: list[str] = field(default_factory=list)


def oldest_releases() -> list[str]:
    """The lower bounds of the dependencies, as pins."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found = [re.fullmatch(r"([\w-]+)>=([\d.]+)", one) for one in project["dependencies"]]
    assert all(found), project["dependencies"]
    return [f"{one[1]}=={one[2]}.*" for one in found if one is not None]


def environments() -> list[Environment]:
    """The oldest releases on the oldest Python, the newest ones on each."""
    newest = [Environment(f"newest, 3.{minor}", f"3.{minor}") for minor in range(11, 15)]
    return [Environment("oldest", "3.11", oldest_releases()), *newest]


def run(command: list[str | Path], cwd: Path, **options: object) -> subprocess.CompletedProcess:
    # What a path to the checkout would find is not what was installed.
    env = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"MPLBACKEND": "Agg"}
    words = [str(part) for part in command]
    return subprocess.run(words, cwd=cwd, text=True, env=env, **options)  # type: ignore[call-overload]


def built(python: str, folder: Path) -> Path:
    """The wheel, made from the source distribution, which is made from the checkout."""
    tool = folder / "build"
    run([python, "-m", "venv", tool], folder, check=True)
    run([tool / "bin/python", "-m", "pip", "install", "-q", "build"], folder, check=True)
    options = ["-m", "build", "--outdir", folder / "dist", ROOT]
    run([tool / "bin/python", *options], folder, check=True, stdout=subprocess.DEVNULL)
    (wheel,) = (folder / "dist").glob("*.whl")
    (source,) = (folder / "dist").glob("*.tar.gz")
    print(f"built {source.name} and, from it, {wheel.name}", flush=True)
    return wheel


def tested(one: Environment, python: str, wheel: Path, folder: Path, tests: list[str]) -> list[str]:
    """A row of the table: versions, and how the tests ended."""
    home = folder / one.name.replace(", ", "-")
    home.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, home / name)
    start = time.perf_counter()
    run([python, "-m", "venv", home / "venv"], home, check=True)
    pip = [home / "venv/bin/python", "-m", "pip", "install", "-q", "--disable-pip-version-check"]
    installed = run([*pip, f"{wheel}[test]", *one.pins], home, stderr=subprocess.PIPE)
    if installed.returncode:
        return [*["-"] * (len(SHOWN) + 1), "does not install", ""]
    pytest = [home / "venv/bin/python", "-m", "pytest", "-q", "-n", "2", "-p", "no:cacheprovider"]
    ended = run([*pytest, *(tests or ["tests"])], home, stdout=subprocess.PIPE)
    (home / "log").write_text(ended.stdout)
    versions = run(
        [home / "venv/bin/python", "-c", _VERSIONS], home, check=True, stdout=subprocess.PIPE
    )
    lines = ended.stdout.strip().splitlines() or ["no output"]
    counts = re.findall(r"\d+ (?:passed|failed|errors?)", lines[-1])
    if ended.returncode:
        print("\n".join(line for line in lines if line.startswith(("FAILED", "ERROR"))))
    words = ", ".join(counts) or lines[-1][:22]
    return [*json.loads(versions.stdout), words, f"{time.perf_counter() - start:.0f} s"]


_VERSIONS = f"""
import json, platform
from importlib.metadata import version
print(json.dumps([platform.python_version(), *map(version, {SHOWN!r})]))
"""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", nargs="*", help="names of environments")
    parser.add_argument("--tests", nargs="*", default=[], help="what pytest gets, by default all")
    parser.add_argument("--python", action="append", default=[], metavar="3.N=PATH")
    parser.add_argument("--out", type=Path, help="file for the table")
    given = parser.parse_args()
    pythons = dict(one.split("=", 1) for one in given.python)
    rows = [LINE.format("environment", "Python", *SHOWN, "tests", "time").rstrip()]
    failed = False
    with tempfile.TemporaryDirectory(prefix="ridgeflow-compat-") as scratch:
        wheel = built(sys.executable, Path(scratch))
        for one in environments():
            if given.only and one.name not in given.only:
                continue
            python = pythons.get(one.python) or shutil.which(f"python{one.python}")
            if python is None:
                row = [one.python, *["-"] * len(SHOWN), "no such Python here", ""]
            else:
                row = tested(one, python, wheel, Path(scratch), given.tests)
                failed |= "passed" not in row[-2] or "failed" in row[-2] or "error" in row[-2]
            rows.append(LINE.format(one.name, *row).rstrip())
            print(rows[-1], flush=True)
    table = "\n".join(rows) + f"\n\npytest {' '.join(given.tests or ['tests'])}\n"
    if given.out:
        given.out.write_text(table)
    print(table)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
