"""The floors of the house, by parsing imports: each module may look only downwards."""

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import ridgeflow as rf

# The package that is tested, which may be installed elsewhere than beside its tests.
PACKAGE = Path(rf.__file__).parent
PAGE = Path(__file__).parents[1] / "docs" / "architecture.rst"

# From the ground up; docs/architecture.rst draws the same picture.
FLOORS = {
    "errors": 0,
    "_config": 1,
    "_collections": 1,
    "_fork": 1,
    "_progress": 1,
    "_parallel": 2,
    "_validate": 3,
    "_units": 3,
    "_storage": 4,
    "_checkpoint": 5,
    "_kernels": 3,
    "_fft": 3,
    "_products": 3,
    "bibliography": 4,
    "datasets": 4,
    "geometry": 4,
    "columns": 4,
    "schemes": 4,
    "profiles": 5,
    "closed_forms": 6,
    "fields": 7,
    "radon_transform": 8,
    "ridgelet": 9,
    "networks": 10,
    "transport": 10,
    "double_continuum": 11,
    "constructions": 12,
    "theorems": 13,
    "bridges": 14,
    "cli": 15,
}
# Third-party packages that have one home.
HOMES = {
    "numba": ("_kernels",),
    "pyfftw": ("_fft",),
    "matplotlib": ("plotting",),
    "click": ("cli",),
    "rich": ("_progress", "cli"),
    "dask": ("bridges",),
    "distributed": ("bridges",),
}
# Folders of ridgelet/, from the ground up; its own files stand above them.
RIDGELET = ("grids", "sums", "errors", "spectra")
OPTIONAL = {"dask", "h5netcdf", "h5py", "matplotlib", "onnx", "sklearn", "torch", "xarray", "zarr"}
MODULES = sorted(PACKAGE.rglob("*.py"))


def unit(path: Path) -> str:
    """The folder or module of the package's root that holds a file."""
    first = path.relative_to(PACKAGE).parts[0]
    return first.removesuffix(".py")


def imports(tree: ast.AST) -> list[tuple[str, int]]:
    """Full names of everything imported anywhere in a module but under TYPE_CHECKING."""
    skipped = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)
        for statement in node.body
        for child in ast.walk(statement)
    }
    found = []
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: write imports in full"
            found += [(f"{node.module}.{alias.name}", node.lineno) for alias in node.names]
    return found


def violations(path: Path, source: str) -> list[str]:
    """What a module imports against the rules."""
    own = unit(path)
    wrong = []
    for name, line in imports(ast.parse(source)):
        parts = name.split(".")
        where = f"{path.name}:{line} imports {name}"
        for package, homes in HOMES.items():
            if parts[0] == package and own not in homes:
                wrong.append(f"{where}, which belongs in {' or '.join(homes)}")
        if parts[0] != "ridgeflow" or (len(parts) > 1 and parts[1] == own):
            continue
        other = parts[1] if len(parts) > 1 else "the whole package"
        if other == "plotting":
            # The face and finished objects' .plot() methods; the latter import inside the method.
            if own not in ("cli", "__init__") and not lazily(source, line):
                wrong.append(f"{where} at load time")
        elif other == "__version__" or own in ("__init__", "cli"):
            continue
        elif own == "plotting":
            if FLOORS.get(other, 99) > FLOORS["_validate"]:
                wrong.append(f"{where}, but plotting takes finished objects")
        elif other not in FLOORS:
            wrong.append(f"{where}, which is on no floor")
        elif FLOORS[other] >= FLOORS[own]:
            wrong.append(f"{where}, which is not below {own}")
    return wrong


def lazily(source: str, line: int) -> bool:
    """Whether the statement at a line stands inside a function."""
    return any(
        isinstance(node, ast.FunctionDef) and node.lineno < line <= (node.end_lineno or 0)
        for node in ast.walk(ast.parse(source))
    )


@pytest.mark.parametrize("path", MODULES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_module_keeps_to_its_floor(path):
    own = unit(path)
    assert own in FLOORS or own in ("__init__", "plotting"), f"{own} is on no floor"
    assert violations(path, path.read_text("utf-8")) == []


@pytest.mark.parametrize(
    ("own", "source"),
    [
        ("profiles/activation.py", "import numba"),
        ("fields/mixture.py", "from ridgeflow.ridgelet.spectra.spectrum import Spectrum"),
        ("networks/shallow.py", "def f():\n    from ridgeflow.transport.flow import ContinuousDAE"),
        ("transport/flow.py", "import ridgeflow.networks.shallow"),
        ("ridgelet/spectra/spectrum.py", "from ridgeflow.plotting import spectrum_map"),
        ("ridgelet/spectra/spectrum.py", "def f():\n    import matplotlib.figure"),
        ("plotting.py", "from ridgeflow.ridgelet.spectra.spectrum import Spectrum"),
        ("errors.py", "from ridgeflow._config import get_config"),
        ("fields/grid.py", "from ridgeflow.cellar import wine"),
        ("fields/grid.py", "import ridgeflow as rf"),
    ],
)
def test_the_check_sees_violations(own, source):
    assert violations(PACKAGE / own, source)


@pytest.mark.parametrize(
    ("own", "source"),
    [
        (
            "ridgelet/spectra/spectrum.py",
            "def plot():\n    from ridgeflow.plotting import spectrum_map",
        ),
        (
            "ridgelet/spectra/spectrum.py",
            "if TYPE_CHECKING:\n    from matplotlib.figure import Figure",
        ),
        ("double_continuum/main_line.py", "import ridgeflow.networks.shallow"),
        ("cli/commands.py", "import click"),
        ("profiles/ridgelet.py", "from ridgeflow.profiles.activation import Activation"),
    ],
)
def test_the_check_passes_what_is_allowed(own, source):
    assert violations(PACKAGE / own, source) == []


# Files: no circle, a line inside ridgelet, reasons for what is imported late


def dotted(path: Path) -> str:
    """The name of a module."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(
        ".__init__"
    )


FILES = {dotted(path): ast.parse(path.read_text("utf-8")) for path in MODULES}


def targets(tree: ast.AST) -> set[str]:
    """Files of the package that a module, or one of its functions, imports when it runs."""
    found = set()
    for name, _ in imports(tree):
        home = name if name in FILES else name.rpartition(".")[0]
        if home in FILES:
            found.add(home)
    return found


def circle(graph: dict[str, set[str]]) -> list[str]:
    """Files that import each other in turn, or none."""
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))


def test_files_form_no_circle():
    graph = {name: targets(tree) - {name} for name, tree in FILES.items()}
    assert circle(graph) == []
    graph["ridgeflow.errors"] = {"ridgeflow.cli"}
    assert circle(graph), "the search sees one"


def height(name: str) -> int:
    """Where a file of ridgelet/ stands in its line."""
    folder = name.split(".")[2] if name.count(".") > 2 else ""
    return RIDGELET.index(folder) if folder in RIDGELET else len(RIDGELET)


def test_folders_of_ridgelet_form_a_line():
    inside = {name: tree for name, tree in FILES.items() if name.startswith("ridgeflow.ridgelet.")}
    assert {height(name) for name in inside} == set(range(len(RIDGELET) + 1))
    upwards = [
        f"{name} imports {other}"
        for name, tree in inside.items()
        for other in sorted(targets(tree) & inside.keys())
        if height(other) > height(name)
    ]
    assert upwards == []


def test_late_imports_have_a_reason():
    """Figures, files of optional packages, and faces alone; commands start faster for theirs."""
    optional = {
        name
        for name, tree in FILES.items()
        if any(
            isinstance(node, ast.Import | ast.ImportFrom)
            and OPTIONAL & {one.split(".")[0] for one, _ in imports(node)}
            for node in tree.body
        )
    }
    late = [
        f"{name}.{function.name} imports {other}"
        for name, tree in FILES.items()
        if not name.startswith("ridgeflow.cli")
        for function in functions(tree)
        if function.name != "__getattr__"
        for other in sorted(targets(function))
        if other not in optional and not other.startswith("ridgeflow.plotting")
    ]
    assert late == []


def test_the_call_upwards_has_one_place():
    """A face that is given Dask collections is answered from above it, by a module that is named
    and not imported: loaded when they come, it imports what it answers for."""
    named = {path.name: path.read_text("utf-8").count('"ridgeflow.bridges') for path in MODULES}
    # The room of what it makes, and the module that answers.
    assert {name: count for name, count in named.items() if count} == {"_collections.py": 2}


def test_no_name_hides_a_folder():
    folders = {path.parent.name for path in PACKAGE.glob("*/__init__.py")} | {
        path.stem for path in PACKAGE.glob("*.py")
    }
    assert folders & set(rf.__all__) <= set(rf._MODULES)


# Functions that are read at once

BRANCHES = (
    ast.If,
    ast.IfExp,
    ast.For,
    ast.While,
    ast.ExceptHandler,
    ast.comprehension,
    ast.match_case,
)


def branches(node: ast.AST) -> int:
    """Decisions of a function, without those of functions and classes inside it."""
    count = 0
    for child in ast.iter_child_nodes(node):
        if not isinstance(child, ast.FunctionDef | ast.ClassDef | ast.Lambda):
            own = len(child.values) - 1 if isinstance(child, ast.BoolOp) else 0
            count += isinstance(child, BRANCHES) + own + branches(child)
    return count


def body_lines(function: ast.FunctionDef) -> int:
    """Lines without the signature and the docstring."""
    body = function.body[bool(ast.get_docstring(function)) :]
    return (body[-1].end_lineno or 0) - body[0].lineno + 1 if body else 0


def test_functions_can_be_read_at_once():
    long = [
        f"{name}.{function.name}: {body_lines(function)} lines, {branches(function)} branches"
        for name, tree in FILES.items()
        if not name.startswith(("ridgeflow._kernels", "ridgeflow.cli"))
        for function in functions(tree)
        if body_lines(function) > 80 or branches(function) > 15
    ]
    assert long == []


def test_files_stay_readable():
    # "About 500 lines": a twentieth of grace.
    long = {p.name: n for p in MODULES if (n := len(p.read_text("utf-8").splitlines())) > 525}
    assert long == {}


def test_the_page_of_the_architecture_names_what_there_is():
    picture, _, words = PAGE.read_text("utf-8").partition("A module imports from")
    assert [room for room in FLOORS if room not in re.findall(r"\w+", picture)] == []
    source = "\n".join(path.read_text("utf-8") for path in MODULES)
    places = {part for path in MODULES for part in path.relative_to(PACKAGE).with_suffix("").parts}
    named = {
        part
        for term in re.findall(r"``([^`]+)``", words)
        for part in re.findall(r"[A-Za-z_]\w*", term.split("(")[0].removesuffix(".py"))
    }
    known = (
        places | set(re.findall(r"[A-Za-z_]\w*", source)) | {"tests", "test_layers", "__pycache__"}
    )
    assert named - known == set()
