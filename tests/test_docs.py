"""The pages: their code runs, and what they show is made by scripts that exist."""

import re
import textwrap
from pathlib import Path

import pytest
import run_examples as runner
import theorem_pages as writer

from ridgeflow.theorems import statements, validate

DOCS = Path(__file__).parents[1] / "docs"
PAGES = [DOCS / "radon.rst", DOCS / "ridgelet.rst"]
GUIDES = [
    DOCS / f"{name}.rst"
    for name in ("double_continuum", "gotchas", "how_to_choose", "promises", "scale", "theorems")
]


def blocks(page):
    """Python code of a page, in order."""
    found = re.findall(r"\.\. code-block:: python\n\n((?:   .*\n|\n)+)", page.read_text("utf-8"))
    return [textwrap.dedent(block) for block in found]


def _timed(page):
    """Pages that take more than five seconds are read with the slow tests."""
    long = page.stem in ("double_continuum", "how_to_choose")
    return pytest.param(page, marks=pytest.mark.slow, id=page.stem) if long else page


@pytest.mark.parametrize("page", [_timed(p) for p in (*PAGES, *GUIDES)], ids=lambda p: p.stem)
def test_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = {}
    assert blocks(page)
    for block in blocks(page):
        if "to_xarray" in block:
            pytest.importorskip("xarray")
        if "dask" in block:
            pytest.importorskip("dask.dataframe")
        exec(compile(block, page.name, "exec"), names)


def test_every_figure_comes_from_an_example():
    for page in DOCS.rglob("*.rst"):
        for name in re.findall(r"_examples/(\w+)/", page.read_text("utf-8")):
            assert (DOCS.parent / "examples" / f"{name}.py").is_file(), f"{page.name}: {name}"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.stem)
def test_pages_have_the_same_headings(page):
    text = page.read_text("utf-8")
    headings = re.findall(r"^(.+)\n-{3,}$", text, re.MULTILINE)
    wanted = ["What it computes", "When to use it", "How", "Accuracy", "Cost", "Mathematics"]
    assert [h for h in headings if h in wanted] == wanted
    assert headings[-2:] == ["History", "Citation"]


def test_examples_run_again_when_they_change(tmp_path, monkeypatch):
    monkeypatch.setattr(runner, "ROOT", tmp_path)
    monkeypatch.setattr(runner, "OUT", tmp_path / "out")
    (tmp_path / "examples").mkdir()
    example, output = tmp_path / "examples" / "one.py", tmp_path / "out" / "one"
    example.write_text("print('first'); open('figure.png', 'wb').write(b'1')")
    runner.run("one")
    assert (output / "output.txt").read_text() == "first\n"
    assert (output / "figure.png").read_bytes() == b"1"
    (output / "output.txt").write_text("kept")
    runner.run("one")
    assert (output / "output.txt").read_text() == "kept"
    example.write_text("print('second')")
    runner.run("one")
    assert sorted(p.name for p in output.iterdir()) == ["output.txt", "stamp"]
    example.write_text("raise SystemExit('broken')")
    with pytest.raises(RuntimeError, match=r"(?s)one.py failed:.*broken"):
        runner.run("one")
    with pytest.raises(RuntimeError, match="a page shows _examples/two/, but there is no"):
        runner.run("two")


def test_theorem_pages_are_written_from_the_registry(tmp_path):
    subjects = list(dict.fromkeys(s.subject for s in statements().values()))
    assert list(writer.TITLES) == subjects
    listed = re.findall(r"^   theorems/(\w+)$", (DOCS / "theorems.rst").read_text("utf-8"), re.M)
    assert listed == subjects
    report = validate(["finite_field", "truncation_cones"])
    writer.write(report, tmp_path / "pages")
    names = {path.name for path in (tmp_path / "pages").iterdir()}
    assert names == {"finite_field.rst", "truncation.rst", "figures", "summary.txt"}
    page = (tmp_path / "pages" / "truncation.rst").read_text("utf-8")
    assert report["truncation_cones"].statement.title in page
    assert "figures/truncation_cones.svg" in page
    # Formulas hold characters that the markup would take for its own.
    assert writer.formula("|a|^(1/2) K_A f*") == "\\|a\\|\\ :sup:`1/2`\\  K\\ :sub:`A`\\  f\\*"
