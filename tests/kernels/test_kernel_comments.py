"""Long kernels say what their loops compute, in which order and why."""

import ast
from pathlib import Path

import pytest

import ridgeflow as rf

KERNELS = Path(rf.__file__).with_name("_kernels")
_LONG = 40
_LINES = 2


def uncommented(source):
    """Functions of more than 40 lines with no comment of two lines before their first loop."""
    lines = source.splitlines()
    found = []
    for function in ast.walk(ast.parse(source)):
        if not isinstance(function, ast.FunctionDef):
            continue
        if function.end_lineno - function.lineno < _LONG:
            continue
        loops = [n.lineno for n in ast.walk(function) if isinstance(n, (ast.For, ast.While))]
        run = longest = 0
        for line in lines[function.lineno : min(loops, default=function.end_lineno)]:
            run = run + 1 if line.lstrip().startswith("#") else 0
            longest = max(longest, run)
        if longest < _LINES:
            found.append(function.name)
    return found


@pytest.mark.parametrize("path", sorted(KERNELS.glob("*.py")), ids=lambda path: path.name)
def test_long_kernels_have_their_mathematics(path):
    assert uncommented(path.read_text("utf-8")) == []


@pytest.mark.parametrize(("comment", "expected"), [("# One line.", ["loop"]), ("# a\n    # b", [])])
def test_the_check_sees_what_is_missing(comment, expected):
    body = "\n".join(["    x += 1"] * _LONG)
    assert uncommented(f"def loop(x):\n    {comment}\n    while x:\n    {body}\n") == expected
