"""The public face: names, docstrings, cost of importing, examples, and what README shows."""

import ast
import importlib
import inspect
import io
import json
import os
import pkgutil
import re
import statistics
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path

import pytest
import run_examples

import ridgeflow as rf

ROOT = Path(__file__).parents[1]
INSTALLED = Path(rf.__file__).parents[1] != ROOT
EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
HEAVY = {
    "matplotlib",
    "sklearn",
    "torch",
    "dask",
    "distributed",
    "xarray",
    "numba",
    "pyfftw",
    "scipy",
    "click",
}
PUBLIC = [name for name in rf.__all__ if callable(getattr(rf, name))]
MODULES = [
    module.name for module in pkgutil.walk_packages(rf.__path__, "ridgeflow.") if module.name
]


def run_python(*arguments):
    environment = {**os.environ, "MPLBACKEND": "Agg", "PYTHONWARNINGS": "error"}
    return subprocess.run(
        [sys.executable, *arguments],
        capture_output=True,
        text=True,
        timeout=300,
        env=environment,
        check=False,
    )


def test_import_is_light():
    script = (
        "import sys, time, numpy; start = time.perf_counter(); import ridgeflow;"
        "print(time.perf_counter() - start, *{m.partition('.')[0] for m in sys.modules})"
    )
    runs = [run_python("-W", "default", "-c", script).stdout.split() for _ in range(5)]
    assert not HEAVY & set(runs[0][1:])
    # measured 0.002 s; the median, since other work on the machine disturbs single runs
    assert statistics.median(float(run[0]) for run in runs) < 0.15


@pytest.mark.parametrize("name", rf.__all__)
def test_public_names_resolve(name):
    assert getattr(rf, name) is not None
    assert name in dir(rf)


def test_the_stub_says_the_names_homes_and_groups_of_the_face():
    text = Path(rf.__file__).with_name("__init__.pyi").read_text("utf-8")
    tree = ast.parse(text)
    found = {}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                assert alias.asname == alias.name, "only so is the name public"
                found[alias.name] = node.module
    modules = {name for name, home in found.items() if home == "ridgeflow"}
    assert modules == set(rf._MODULES)
    named = {name: home.removeprefix("ridgeflow.") for name, home in found.items()}
    assert {k: v for k, v in named.items() if k not in modules} == rf._HOMES
    assert {*found, "__version__"} == set(rf.__all__)
    groups = re.split(r"^# (?!ruff)(.+)$", text, flags=re.MULTILINE)[1:]
    assert {head: group_names(r" as (\w+)", part) for head, part in pairs(groups)} == {
        **{head: set(group) for head, group in rf._GROUPS.items()},
        "Modules with names of their own": modules,
    }


def pairs(parts):
    return zip(parts[::2], parts[1::2], strict=True)


def group_names(pattern, text):
    return set(re.findall(pattern, text, re.MULTILINE))


def test_the_pages_group_the_names_as_the_face_does():
    text = (ROOT / "docs" / "api" / "index.rst").read_text("utf-8")
    parts = dict(pairs(re.split(r"^(.+)\n-{3,}$", text, flags=re.MULTILINE)[1:]))
    assert list(parts)[: len(rf._GROUPS)] == list(rf._GROUPS)
    for head, group in rf._GROUPS.items():
        shown = group_names(r"^   (\w+)$", parts[head])
        if "automodule:: ridgeflow.errors" in parts[head]:
            shown |= set(rf.errors.__all__)
        assert shown == set(group), head


SCRIPT = """\
import numpy as np
import ridgeflow as rf

law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
limit = rf.DoubleContinuum(law, "tanh", times=[0.0, 0.1], tol=1e-2)
network = rf.ShallowNetwork(np.eye(2), np.zeros(2), np.ones(2), "relu")
reveal_type(rf.radon)
reveal_type(rf.config)
reveal_type(rf.corrected_dual)
reveal_type(limit.velocity)
reveal_type(network(np.zeros((3, 2))))
reveal_type(rf.closed_forms.ridgelet_gaussian)
"""


@pytest.mark.slow
def test_type_checkers_see_real_types(tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--follow-imports=silent", "script.py"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        # What is installed is found, and must not be named again.
        env={**os.environ, "MYPYPATH": "" if INSTALLED else str(ROOT)},
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    revealed = re.findall(r'Revealed type is "(.+)"', done.stdout)
    assert len(revealed) == SCRIPT.count("reveal_type")
    assert not [one for one in revealed if one == "Any"], revealed
    assert "Union[builtins.str, ridgeflow.profiles" in done.stdout or "str |" in done.stdout


def test_unknown_names_are_refused():
    with pytest.raises(AttributeError, match="module 'ridgeflow' has no attribute 'ridgelets'"):
        rf.ridgelets  # noqa: B018


@pytest.mark.parametrize("name", MODULES)
def test_modules_import_and_export_what_they_say(name):
    if name.endswith("torch_modules"):
        pytest.importorskip("torch")
    if name.startswith("ridgeflow.bridges.dask"):
        pytest.importorskip("dask")
    module = importlib.import_module(name)
    assert module.__doc__, "every module says in a paragraph what it is"
    for public in getattr(module, "__all__", ()):
        assert hasattr(module, public)


def sections(text):
    return set(re.findall(r"^[ ]*([A-Z][A-Za-z ]+)\n[ ]*-{3,}[ ]*$", text or "", re.MULTILINE))


def parameters(thing):
    names = [p for p in inspect.signature(thing).parameters.values() if p.name != "self"]
    return [p for p in names if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]


@pytest.mark.parametrize("name", PUBLIC)
def test_docstrings_have_their_sections(name):
    thing = getattr(rf, name)
    text = inspect.getdoc(thing)
    assert text and text.split("\n\n")[0].rstrip().endswith("."), "begins with one sentence"
    if inspect.isclass(thing) and issubclass(thing, Exception):
        return
    wanted = {"Examples"}
    if parameters(thing):
        # A result that only the library makes lists what it holds instead.
        wanted.add("Attributes" if "Attributes" in sections(text) else "Parameters")
    if not inspect.isclass(thing):
        wanted.add("Yields" if "Yields" in sections(text) else "Returns")
    assert wanted <= sections(text), f"{name} lacks {wanted - sections(text)}"


@pytest.mark.parametrize("name", [n for n in PUBLIC if inspect.isclass(getattr(rf, n))])
def test_public_methods_are_described(name):
    for attribute, member in vars(getattr(rf, name)).items():
        if attribute.startswith("_") or not (callable(member) or isinstance(member, property)):
            continue
        assert inspect.getdoc(member), f"{name}.{attribute} has no docstring"


@pytest.mark.parametrize("name", PUBLIC)
def test_no_keyword_sinks(name):
    thing = getattr(rf, name)
    if not (inspect.isclass(thing) and issubclass(thing, Exception)):
        kinds = {p.kind for p in inspect.signature(thing).parameters.values()}
        assert inspect.Parameter.VAR_KEYWORD not in kinds


@pytest.mark.slow
@pytest.mark.parametrize("path", EXAMPLES, ids=lambda p: p.name)
def test_example_runs(path):
    """Without a warning; the pages show what is kept of it, and do not run it again."""
    run_examples.run(path.stem)
    kept = run_examples.OUT / path.stem / "output.txt"
    assert kept.read_text("utf-8").strip(), "an example shows something"


def test_there_are_examples():
    assert len(EXAMPLES) >= 5


def test_readme_example_prints_what_it_says():
    blocks = re.findall(
        r"```(python|text)\n(.*?)```", (ROOT / "README.md").read_text("utf-8"), re.S
    )
    [(first, code), (second, stated)] = blocks[:2]
    assert (first, second) == ("python", "text")
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    numbers = r"-?\d+(?:\.\d+)?(?:e[+-]?\d+)?"
    assert re.sub(numbers, "#", printed.getvalue()) == re.sub(numbers, "#", stated)
    # Errors near rounding differ between machines; half a decade does not.
    found = [float(x) for x in re.findall(numbers, printed.getvalue())]
    for value, expected in zip(found, map(float, re.findall(numbers, stated)), strict=True):
        assert value == pytest.approx(expected, rel=0.5)


def test_version_agrees_everywhere():
    assert f"version: {rf.__version__}" in (ROOT / "CITATION.cff").read_text("utf-8")
    assert f"## {rf.__version__}" in (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_info_is_json_for_scripts():
    done = run_python("-c", "from ridgeflow.cli import main; main(['info', '--json'])")
    assert json.loads(done.stdout)["ridgeflow"] == rf.__version__
