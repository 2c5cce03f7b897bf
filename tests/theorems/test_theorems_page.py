"""The HTML page of a report, as text and in a browser, and the command that writes it."""

import base64
import json
import os
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

import ridgeflow as rf
from ridgeflow import theorems
from ridgeflow.cli import _run
from ridgeflow.plotting.theorems import as_svg, statement_figure
from ridgeflow.theorems import Plot, Report, Series, Statement, runner, statements
from ridgeflow.theorems.page import page as html_page
from ridgeflow.theorems.statement import Outcome, small

CHROMIUM = next(
    (
        found
        for name in ("chromium", "chromium-browser", "google-chrome")
        if (found := shutil.which(name))
    ),
    None,
)


def failing(effort="quick"):
    plot = Plot("Curve", "x", "y", (Series.of("s", [1.0, 2.0], [3.0, 4.0]),))
    return Outcome((small("error", 1.0, 0.5),), (plot,), "a <note> & more")


FAILING = Statement(
    "made_up", "Made up <b>", "x < y & z", ("fisher1936use",), "", "None.", {"a": {}}, "", failing
)


@pytest.fixture(scope="module")
def report():
    known = statements()
    names = ("finite_field", "truncation_cones", "position_noise")
    return Report((*(known[name].run() for name in names), FAILING.run()), "quick")


@pytest.fixture(scope="module")
def page(report, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "report.html"
    report.to_html(path)
    return path


def test_page_is_whole_and_asks_nothing(report, page):
    text = page.read_text("utf-8")
    assert text.count("<article ") == text.count("</article>") == len(report)
    assert text.count('<img alt="') == len(report)
    for data in re.findall(r'src="data:image/svg\+xml;base64,([^"]+)"', text):
        assert base64.b64decode(data).startswith(b"<?xml")
    # Whatever a browser would fetch.
    assert not re.search(r"""(?:src|href|action)=["'](?!data:|#)|url\(|@import|fetch\(""", text)
    assert "default-src 'none'" in text
    assert "Made up &lt;b&gt;" in text and "a &lt;note&gt; &amp; more" in text
    assert "3 of 4 statements passed" in text and "$" not in re.sub(r"base64,[^\"]+", "", text)


def test_every_text_on_the_page_is_escaped():
    said = """x"'<i>&1"""
    plot = Plot(said, said, said, (Series.of(said, [1.0], [2.0]),))
    outcome = Outcome((small(said, 0.0, 0.5),), (plot,), said)
    item = Statement(
        said, said, said, ("fisher1936use",), said, said, {said: {}}, said, lambda effort: outcome
    )
    report = Report((item.run(),), said)
    text = html_page(report.results, report.summary(), said)
    assert "<i>" not in text and """x"'""" not in text
    # Anchor, name, title, claim, place, note, comparison, reason, break, figure, effort.
    assert text.count("x&quot;&#x27;&lt;i&gt;&amp;1") == 11
    assert 'href="#x%22%27%3Ci%3E%261"' in text


@pytest.mark.parametrize("method", ["to_html", "to_json"])
def test_a_report_is_written_whole_or_not_at_all(report, tmp_path, monkeypatch, method):
    path = tmp_path / "report"
    getattr(report, method)(path)
    whole = path.read_text("utf-8")
    assert whole.endswith("\n") and list(tmp_path.iterdir()) == [path]

    def full_disk(_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full_disk)
    with pytest.raises(OSError, match="No space left"):
        getattr(report, method)(path)
    assert path.read_text("utf-8") == whole and list(tmp_path.iterdir()) == [path]
    with pytest.raises(FileNotFoundError, match="must lie in an existing folder"):
        getattr(report, method)(tmp_path / "absent" / "report")
    with pytest.raises(IsADirectoryError, match="must be a file, got the folder"):
        getattr(report, method)(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_report_goes_through_a_pipe(report, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["cat", pipe], stdout=subprocess.PIPE) as reader:
        report.to_json(pipe)
        assert json.loads(reader.stdout.read())["format"] == "ridgeflow-validation-1"
    assert pipe.is_fifo()


def test_figures_are_reproducible(report):
    plots = report["position_noise"].plots
    assert as_svg(statement_figure(plots)) == as_svg(statement_figure(plots))
    with pytest.raises(ValueError, match="`plots` must hold at least one panel, got none"):
        statement_figure(())
    log = Plot("L", "x", "y", (Series.of("", [1, 10], [1, 10], "dashed"),), x_log=True, y_log=True)
    assert statement_figure([log]).axes[0].get_yscale() == "log"


@pytest.fixture
def proxy():
    """An address that browsers ask for everything, and the list of what they asked for."""
    asked = []

    class Listener(BaseHTTPRequestHandler):
        def answer(self):
            asked.append(self.path)
            self.send_error(404)

        do_GET = do_POST = do_CONNECT = do_HEAD = answer

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Listener)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()
    thread.join()


def visit(page, tmp_path, query="", proxy="http://127.0.0.1:9"):
    """The document after its scripts ran."""
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom"]
    command += ["--disable-background-networking", "--disable-component-update", "--disable-sync"]
    command += [f"--user-data-dir={tmp_path / 'profile'}", f"--proxy-server={proxy}"]
    command += ["--virtual-time-budget=4000", f"file://{page}{query}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def shown(document):
    cards = re.findall(r'<article id="(\w+)"([^>]*)>', document)
    return [name for name, rest in cards if "hidden" not in rest]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_page_in_a_browser(page, proxy, tmp_path):
    # Its own copy says how many figures were decoded.
    count = (
        "<script>addEventListener('load', () => { document.title = 'drawn '"
        " + [...document.images].filter(i => i.naturalWidth > 100).length; });</script>"
    )
    copy = tmp_path / "copy.html"
    copy.write_text(page.read_text("utf-8").replace("</body>", count + "</body>"), "utf-8")
    document = visit(copy, tmp_path, proxy=proxy[0])
    assert "<title>drawn 4</title>" in document
    assert len(shown(document)) == 4
    # The browser itself asks its maker for some things.
    assert not [address for address in proxy[1] if "google" not in address]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
def test_a_request_would_be_seen(proxy, tmp_path):
    page = tmp_path / "page.html"
    page.write_text('<!DOCTYPE html><img src="http://outside.example/x.png">', "utf-8")
    visit(page, tmp_path, proxy=proxy[0])
    assert "http://outside.example/x.png" in proxy[1]


@pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")
@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("?q=cone%20relu", ["truncation_cones"]),
        ("?status=failed", ["made_up"]),
        ("?q=fisher&status=passed", []),
    ],
)
def test_filter_in_a_browser(page, tmp_path, query, names):
    document = visit(page, tmp_path, query)
    assert shown(document) == names
    assert re.search(rf'id="shown"[^>]*>{len(names)} of 4<', document)


# The command


@pytest.fixture
def small_world(monkeypatch):
    """Two statements, of which one fails."""
    known = {"finite_field": statements()["finite_field"], "made_up": FAILING}
    monkeypatch.setattr(theorems, "statements", lambda: known)
    monkeypatch.setattr(runner, "statements", lambda: known)


def test_command_passes(small_world, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(["validate", "finite_field", "--out", str(out)]) == 0
    assert {path.name for path in out.iterdir()} == {"validation.json", "validation.html"}
    found = json.loads((out / "validation.json").read_text("utf-8"))
    assert found["passed"] and found["statements"][0]["name"] == "finite_field"
    text = capsys.readouterr()
    assert "1 of 1 statements passed" in text.out and text.err == ""


def test_command_fails_with_a_statement(small_world, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(["validate", "--no-figures", "--out", str(out)]) == 1
    assert [path.name for path in out.iterdir()] == ["validation.json"]
    text = capsys.readouterr().out
    assert "FAILED made_up: error: equal 0, measured 1, tolerance 0.5" in text
    assert "1 of 2 statements passed" in text
    assert _run(["validate", "--no-figures", "--json", "--out", str(out)]) == 1
    assert json.loads(capsys.readouterr().out)["passed"] is False


def test_command_refuses(small_world, tmp_path, capsys):
    out = tmp_path / "out"
    assert _run(["validate", "fermat", "--out", str(out)]) == 2
    assert "must be among finite_field, made_up, got 'fermat'" in capsys.readouterr().err
    assert _run(["validate", "--effort", "huge", "--out", str(out)]) == 2
    assert "'huge' is not one of 'quick', 'full'" in capsys.readouterr().err
    assert not out.exists()


def test_command_lists(capsys):
    assert _run(["validate", "--list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(rf.theorems.statements())
