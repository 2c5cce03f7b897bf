"""The command line: results, exit statuses, one-line errors, and an output folder left clean."""

import dataclasses
import json
import os
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.cli import _run, main
from ridgeflow.cli.files import BadInput, as_json, output_folder, read_columns, write_table
from ridgeflow.columns import ErrorQuantiles

rng = np.random.default_rng(0)


def run_python(script):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "points.csv"
    np.savetxt(path, rng.normal(size=(12, 2)) * [1, 50] + [3, 0], "%.6f", ",", header="u,v")
    path.write_text(path.read_text().replace("# u,v", "u,v"))
    return path


@pytest.fixture
def out(tmp_path):
    return tmp_path / "results"


def spread(rms):
    """Errors of a network of which few points carry most."""
    return ErrorQuantiles(rms, 0.1 * rms, 4 * rms, 20 * rms)


def fake_line(points, *, field=1e-6, network=2e-3):
    """A finished main line with chosen errors; saving writes a marker."""
    grid = rf.ParameterGrid.polar(2, 4, np.geomspace(0.1, 10, 5), 2.0, 0.5)
    values = rng.normal(size=(grid.size, 2))
    saved = SimpleNamespace(
        depth=2,
        width=30,
        scheme="midpoint",
        steps=np.array([0.005, 0.015]),
        save=lambda path: path.write_bytes(b"saved"),
    )
    spectrum = rf.Spectrum(values, grid, rf.Ridgelet(2, 2))
    path = points + np.linspace(0, 0.1, 5)[:, None, None]
    times = np.linspace(0, 0.02, 3)
    return SimpleNamespace(
        t_end=0.02,
        field={"tanh": field, "relu": 2e-6},
        shallow={"network": 0.01, "representation": 1e-4},
        flow=1e-5,
        network_error=network,
        identity_error=1.0,
        steps_error=0.05,
        displacement=0.04,
        depth_errors={1: spread(0.3), 2: spread(0.1)},
        width_errors={10: spread(0.2), 30: spread(0.02)},
        budget=SimpleNamespace(total=0.03),
        entropy=(times, 2 - times, 0 * times + 0.01),
        fisher=(times, 1 + times, 0 * times + 0.01),
        trajectories=(path, path[::2]),
        network=saved,
        continuum=SimpleNamespace(
            tol=0.01, representation=lambda t: SimpleNamespace(spectrum=spectrum)
        ),
        stages={"density": 0.1},
        seconds=1.0,
    )


@pytest.fixture
def quick(monkeypatch):
    """Replace the long computation; returns what it was called with."""
    calls = []

    def install(**errors):
        from ridgeflow.double_continuum import main_line as module

        def main_line(points, *, progress=None, **options):
            calls.append((points, options))
            if progress is not None:
                progress("computing", 0.5)
            if "fails" in errors:
                raise errors["fails"]
            return fake_line(points, **errors)

        monkeypatch.setattr(module, "main_line", main_line)
        return calls

    return install


def test_demo_writes_everything(quick, out, capsys):
    calls = quick()
    assert _run(["demo", "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {
        "report.json",
        "network.npz",
        "trajectories.png",
        "spectrum.png",
        "errors.png",
        "entropy.png",
    }
    report = json.loads((out / "report.json").read_text())
    assert report["field"] == {"tanh": 1e-6, "relu": 2e-6}
    assert report["budget"] == 0.03 and report["quantiles"]["quantile99"] == 0.08
    assert report["width_errors"]["10"]["worst"] == 4.0
    assert (report["flow"], report["network"], report["displacement"]) == (1e-5, 2e-3, 0.04)
    assert report["seconds"] > 0 and report["missed"] == []
    assert report["data"]["columns"] == ["petal_length", "petal_width"]
    assert report["data"]["licence"] == "CC BY 4.0"
    points = calls[0][0]
    np.testing.assert_allclose(points.std(0, ddof=1), 1, rtol=1e-12)
    assert points.shape == (150, 2)
    shown = capsys.readouterr()
    assert "network (2 midpoint layers of 30 units, tanh)" in shown.out
    assert "<= 0.005  met" in shown.out
    # The seconds are those of the machine, and of whatever else it does.
    assert "MISSED" not in "".join(row for row in shown.out.splitlines() if "seconds" not in row)
    assert shown.err == ""


@pytest.mark.parametrize("errors", [{"network": 0.06}, {"field": 2e-5}, {"field": float("nan")}])
def test_demo_says_which_target_was_missed(quick, out, capsys, errors):
    quick(**errors)
    assert _run(["demo", "--no-figures", "--out", str(out)]) == 1
    assert "MISSED" in capsys.readouterr().out
    # What was computed is kept: it is what one needs to see why.
    report = json.loads((out / "report.json").read_text())
    assert report["missed"] == (["network"] if "network" in errors else ["field tanh"])
    assert {path.name for path in out.iterdir()} == {"report.json", "network.npz"}


def test_flow_standardises_and_reports_in_both_units(quick, table, out, capsys):
    calls = quick()
    arguments = [
        "--columns",
        "v,u",
        "--depth",
        "2",
        "--width",
        "30",
        "--seed",
        "7",
        "--tol",
        "0.01",
    ]
    assert _run(["flow", str(table), *arguments, "--out", str(out), "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads((out / "report.json").read_text())
    x = np.loadtxt(table, delimiter=",", skiprows=1)
    np.testing.assert_allclose(report["data"]["mean"], x.mean(0)[::-1], rtol=1e-12)
    np.testing.assert_allclose(report["data"]["scale"], x.std(0, ddof=1)[::-1], rtol=1e-12)
    assert "targets" not in report
    points, options = calls[0]
    np.testing.assert_allclose(points, ((x - x.mean(0)) / x.std(0, ddof=1))[:, ::-1], atol=1e-12)
    assert options == {
        "activation": "tanh",
        "depth": 2,
        "width": 30,
        "layers": "euler",
        "rng": 7,
        "checkpoint": None,
        "client": None,
        "tol": 0.01,
    }
    moved = rf.datasets.read_table(out / "points.csv")
    assert moved.names == ("v", "u", "v_flow", "u_flow", "v_network", "u_network")
    np.testing.assert_allclose(moved.data[:, :2], x[:, ::-1], rtol=1e-9)
    shift = 0.1 * x.std(0, ddof=1)[::-1]
    np.testing.assert_allclose(moved.data[:, 2:4] - moved.data[:, :2], shift + 0 * x, rtol=1e-6)


def test_a_file_without_names_gives_a_readable_table(quick, tmp_path, out):
    quick()
    np.save(tmp_path / "x.npy", rng.normal(size=(5, 3)))
    arguments = ["--columns", "0,2", "--no-figures", "--out", str(out)]
    assert _run(["flow", str(tmp_path / "x.npy"), *arguments]) == 0
    names = rf.datasets.read_table(out / "points.csv").names
    assert names[:3] == ("column_0", "column_2", "column_0_flow")


@pytest.mark.parametrize("command", [["flow"], ["spectrum"], ["study", "--depths", "x"]])
def test_commands_take_the_headers_word(command, tmp_path, out, capsys):
    path = tmp_path / "table.csv"
    path.write_text("0,1,2\n0.5,0.25,3.5\n1.25,7.5,0.125\n2.5,0.5,1.5\n0.75,1.5,2.25\n")
    arguments = [command[0], str(path), *command[1:], "--out", str(out)]
    assert _run(arguments[:2]) == 2
    assert "--header, --no-header" in capsys.readouterr().err
    # A column that is not there is refused after the header was taken.
    for said, names in (("--header", "among 0, 1, 2 or"), ("--no-header", "among 0, 1, 2 or")):
        assert _run([*arguments[:2], said, "--columns", "7"]) == 2
        assert names in capsys.readouterr().err
    assert _run([*arguments[:2], "--columns", "u", "--header", "--no-header"]) == 2


@pytest.mark.parametrize(
    ("columns", "names"),
    [("u,v", ["u", "v"]), ('"a,b",u', ["a,b", "u"]), ('u,"a,b"', ["u", "a,b"])],
)
def test_names_with_commas_stand_in_quotes(tmp_path, columns, names):
    path = tmp_path / "table.csv"
    path.write_text('u,v,"a,b"\n1,2,3\n4,5,7\n')
    assert list(read_columns(path, columns, None).names) == names


NAMES = ["fee ($$)", "US$ per A$_2", "=HYPERLINK(a)", "income " * 26, "@x", "-1 m", "1e3"]


@pytest.mark.slow
def test_names_of_columns_reach_figures_and_tables_as_they_are(quick, tmp_path, out, capsys):
    quick()
    for pair in (NAMES[:2], NAMES[2:4], NAMES[4:6]):
        path = tmp_path / "named.csv"
        np.savetxt(
            path, rng.normal(size=(12, 2)), delimiter=",", header=",".join(pair), comments=""
        )
        assert _run(["flow", str(path), "--header", "--out", str(out), "--json"]) == 0
        shown = capsys.readouterr()
        assert shown.err == ""
        assert json.loads(shown.out)["data"]["columns"] == [" ".join(name.split()) for name in pair]
        assert len(list(out.glob("*.png"))) == 4
        # No spreadsheet calculates anything from the names.
        head = (out / "points.csv").read_text().splitlines()[0]
        assert not re.search(r'(?:^|,)"?[=+@-]', head)
        names = rf.datasets.read_table(out / "points.csv").names
        assert [name.lstrip("'") for name in names[:2]] == [" ".join(name.split()) for name in pair]
        assert names[2].endswith("_flow") and len(names) == 6


def test_tables_are_written_under_any_names(tmp_path):
    names = ["0", "-1", "a,b", 'say "x"', "=1+1", "u\tv", "", "é"]
    write_table(tmp_path / "table.csv", names, np.arange(16.0).reshape(2, 8))
    table = rf.datasets.read_table(tmp_path / "table.csv")
    assert table.names == (
        "column_0", "column_-1", "a,b", 'say "x"', "'=1+1", "u v", "column_", "é",
    )  # fmt: skip
    assert table.data.tolist() == np.arange(16.0).reshape(2, 8).tolist()


@pytest.mark.parametrize("failing", [ValueError("no\nlegend"), MemoryError(), KeyError("x")])
def test_a_figure_that_fails_loses_no_number(quick, table, out, capsys, monkeypatch, failing):
    quick()
    out.mkdir()
    (out / "trajectories.png").write_text("of an earlier run")
    (out / "mine.png").write_text("of the user")

    def fails(*_, **__):
        raise failing

    monkeypatch.setattr(rf.plotting, "trajectories", fails)
    assert _run(["flow", str(table), "--out", str(out), "--json"]) == 1
    shown = capsys.readouterr()
    assert json.loads(shown.out) == json.loads((out / "report.json").read_text())
    assert re.fullmatch(
        rf"error: figures that could not be drawn: trajectories.png \({type(failing).__name__}"
        r".*\) \(all else is written\)\n",
        shown.err,
    )
    assert {path.name for path in out.iterdir()} == {
        "report.json", "network.npz", "points.csv", "errors.png", "entropy.png", "spectrum.png",
        "mine.png",
    }  # fmt: skip


def test_numbers_are_there_while_figures_are_drawn(quick, table, out, monkeypatch, capsys):
    quick()

    def interrupted(*_, **__):
        assert (out / "report.json").exists() and (out / "points.csv").exists()
        raise KeyboardInterrupt

    monkeypatch.setattr(rf.plotting, "trajectories", interrupted)
    assert _run(["flow", str(table), "--out", str(out)]) == 130
    assert json.loads((out / "report.json").read_text())["flow"] == 1e-5


def test_more_columns_than_a_flow_takes_are_refused_at_once(quick, tmp_path, out, capsys):
    calls = quick()
    for width in (5, 14):
        np.savetxt(tmp_path / "x.csv", rng.normal(size=(9, width)), delimiter=",")
        assert _run(["flow", str(tmp_path / "x.csv"), "--out", str(out)]) == 2
        error = capsys.readouterr().err
        assert f"`--columns` must name at most 3 columns, got {width}" in error
    assert not calls and not out.exists()


def test_three_columns_are_announced_before_the_work(quick, tmp_path, out, capsys):
    np.savetxt(tmp_path / "x.csv", rng.normal(size=(9, 3)), delimiter=",")
    quick(fails=rf.ConvergenceError("no luck"))
    assert _run(["flow", str(tmp_path / "x.csv"), "--out", str(out)]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert re.match(r"note: 3 columns: .* minutes.* GiB", first) and second == "error: no luck"


@pytest.mark.parametrize(
    ("estimated", "measured", "status"),
    [(0.9e-3, 0.5e-3, 0), (4200.0, 3.4, 1), (0.27, 5e-4, 1), (5e-4, 0.02, 1), (np.nan, 5e-4, 1)],
)
def test_a_spectrum_that_misses_its_tolerance_is_no_success(
    table, out, capsys, monkeypatch, estimated, measured, status
):
    from ridgeflow.cli import results

    real = results.spectrum_report

    def report(*arguments, **options):
        found, spectrum = real(*arguments, **options)
        found["estimated"]["total"], found["measured"] = estimated, measured
        return found, spectrum

    monkeypatch.setattr(results, "spectrum_report", report)
    arguments = ["spectrum", str(table), "--columns", "u", "--no-figures", "--out", str(out)]
    assert _run(arguments) == status
    error = capsys.readouterr().err
    assert bool(error) == bool(status) and (not status or "is not rebuilt to --tol 0.001" in error)
    assert {path.name for path in out.iterdir()} == {"report.json", "spectrum.npz"}


def test_large_spectra_are_announced(table, out, capsys, monkeypatch):
    from ridgeflow.cli import results

    monkeypatch.setattr(results, "_MANY_NODES", 1000)
    assert _run(["spectrum", str(table), "--columns", "u", "--out", str(out)]) == 0
    assert re.match(r"note: 1 column: a spectrum of 0 million nodes", capsys.readouterr().err)


def test_an_activation_that_rebuilds_nothing_is_bad_usage(table, out, capsys):
    arguments = ["--columns", "u", "--activation", "linear", "--out", str(out)]
    assert _run(["spectrum", str(table), *arguments]) == 2
    assert capsys.readouterr().err.startswith("error: `ridgelet` must make K finite")
    assert not out.exists()


def test_flow_for_real(table, out, capsys):
    arguments = ["--depth", "2", "--width", "20", "--tol", "0.03", "--no-figures"]
    assert _run(["flow", str(table), *arguments, "--out", str(out)]) == 0
    assert "network (2 euler layers of 20 units, tanh)" in capsys.readouterr().out
    network = rf.load_network(out / "network.npz")
    data = read_columns(table, None, None)
    moved = rf.datasets.read_table(out / "points.csv").data[:, 4:]
    # measured 1e-9: the table keeps ten digits
    np.testing.assert_allclose(data.original(network(data.points)), moved, rtol=1e-7, atol=1e-7)


def test_spectrum_for_real(out, capsys):
    arguments = ["spectrum", "--iris", "--activation", "gaussian", "--tol", "0.01", "--json"]
    assert _run([*arguments, "--out", str(out)]) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["measured"] < report["settings"]["tol"]
    assert {path.name for path in out.iterdir()} == {"report.json", "spectrum.npz", "spectrum.png"}
    loaded = rf.load_spectrum(out / "spectrum.npz")
    assert loaded.norm() == pytest.approx(report["norm"], rel=1e-12)
    assert loaded.grid.size == report["grid"]["nodes"]


def test_spectrum_table(table, out, capsys):
    arguments = ["--columns", "u", "--activation", "gaussian", "--out", str(out)]
    assert _run(["spectrum", str(table), *arguments]) == 0
    shown = capsys.readouterr().out
    assert "estimated error, truncation" in shown and "measured error" in shown


def test_info(capsys):
    assert _run(["info"]) == 0
    shown = capsys.readouterr().out
    assert rf.__version__ in shown and "numba" in shown
    assert _run(["info", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["threads"] >= 1


def test_info_checks_the_installation(capsys):
    assert _run(["info", "--check"]) == 0
    shown = capsys.readouterr().out
    assert shown.count("passed  ") == 5 and "FAILED" not in shown
    assert "BLAS" in shown and "kernels are kept in" in shown
    assert _run(["info", "--check", "--json"]) == 0
    report = json.loads(capsys.readouterr().out)
    assert [one["passed"] for one in report["checks"]] == [True] * 5
    assert all(os.path.isdir(one["folder"]) for one in report["kernel_caches"])


@pytest.mark.parametrize(
    "broken",
    [
        ("radon", lambda plain: lambda *a, **k: 1.0000001 * plain(*a, **k)),
        ("reconstruct", lambda plain: lambda *a, **k: 1.01 * plain(*a, **k)),
        ("ContinuousDAE.flow", lambda plain: lambda *a, **k: _moved(plain(*a, **k))),
        ("ShallowNetwork.__call__", lambda plain: lambda *a, **k: plain(*a, **k) + 1e-10),
        ("load_network", lambda plain: lambda *a, **k: 1 / 0),
    ],
    ids=lambda broken: broken[0],
)
def test_info_sees_an_installation_that_is_broken(broken, capsys, monkeypatch):
    home, _, name = f"rf.{broken[0]}".rpartition(".")
    home = rf if home == "rf" else getattr(rf, home.removeprefix("rf."))
    monkeypatch.setattr(home, name, broken[1](getattr(home, name)), raising=False)
    assert _run(["info", "--check"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("FAILED  ") == 1 and shown.count("passed  ") == 4


def _moved(result):
    return dataclasses.replace(result, points=result.points + 1e-5)


def test_help_and_version(capsys):
    assert _run(["--version"]) == 0
    assert capsys.readouterr().out == f"ridgeflow {rf.__version__}\n"
    commands = ["demo"], ["flow"], ["spectrum"], ["reconstruct"], ["study"], ["info"]
    for command in ([], *commands):
        assert _run([*command, "--help"]) == 0
        assert "Usage: ridgeflow" in capsys.readouterr().out
    assert _run([]) == 2
    assert "Usage: ridgeflow" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flow"], "Missing argument 'FILE'"),
        (["flwo"], "No such command 'flwo'"),
        (["flow", "{table}", "--wdith", "3"], "No such option '?--wdith"),
        (["flow", "{table}", "--width", "0"], "'--width': 0 is not in the range x>=1"),
        (["flow", "{table}", "--depth", "0"], "'--depth': 0 is not in the range x>=1"),
        (["flow", "{table}", "--depth", "ten"], "'ten' is not a valid integer"),
        (
            ["flow", "{table}", "--depth", "9" * 13],
            "'--depth': 9999999999999 is not in the range x<=",
        ),
        (
            ["flow", "{table}", "--width", "9" * 13],
            "'--width': 9999999999999 is not in the range x<=",
        ),
        (["flow", "{table}", "--tol", "nan"], "'--tol': nan is no finite number"),
        (["flow", "{table}", "--tol", "0"], "'--tol': 0.0 is not in the range"),
        (
            ["flow", "{table}", "--activation", "tahn"],
            r"`activation`.*\(did you mean 'tanh'",
        ),
        (["flow", "{table}", "--columns", "u,w"], "`columns` must be among u, v or 0 to 1"),
        (["flow", "{table}", "--columns", "u,"], "`columns` must be among u, v"),
        (["flow", "absent.csv"], "`path` must be an existing file, got 'absent.csv'"),
        (["flow", "{table}", "--out", "{table}"], "`--out` must be a folder, got the file"),
        (
            ["flow", "{table}", "--out", "{table}/sub"],
            "`--out` must be a folder that can be written",
        ),
        (["demo", "--out", "{table}"], "`--out` must be a folder, got the file"),
        (["spectrum"], "give either a FILE or --iris"),
        (["spectrum", "{table}", "--iris"], "give either a FILE or --iris"),
        (
            ["spectrum", "--iris", "--columns", "petal"],
            "among sepal_length, .* got 'petal'",
        ),
        (["spectrum", "--iris", "--columns", "species"], "column 'species': must be a number"),
    ],
)
def test_bad_usage_is_one_line_and_status_2(
    arguments, message, table, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.iterdir())
    assert _run([word.format(table=table) for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert re.search(message, error)
    assert sorted(tmp_path.iterdir()) == before


def test_bad_data_is_refused_before_the_work(tmp_path, capsys, quick, out):
    calls = quick()
    for name, text, message in [
        ("constant.csv", "u,v\n1,2\n1,3\n", "constant column(s) 'u'"),
        ("one.csv", "u,v\n1,2\n", "at least 2 rows, got 1"),
        ("hole.csv", "u,v\n1,2\n1,\n", "line 3, column 'v': is empty"),
        ("torn.csv", "u,v\n1,2\n1\n", "line 3: must have 2 cell(s)"),
        ("image.csv", "\x89PNG\0", "is a binary file"),
    ]:
        (tmp_path / name).write_text(text)
        assert _run(["flow", str(tmp_path / name), "--out", str(out)]) == 2
        assert message in capsys.readouterr().err
    assert not calls and not out.exists()


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(
    ("failure", "status", "message"),
    [
        (rf.ConvergenceError("no\nluck"), 1, "error: no luck\n"),
        (MemoryError(), 1, "error: MemoryError\n"),
        # click ends the line on which the terminal shows ^C.
        (KeyboardInterrupt(), 130, "\nerror: interrupted\n"),
    ],
)
def test_a_failed_run_leaves_nothing(
    quick, table, out, tmp_path, capsys, existing, failure, status, message
):
    quick(fails=failure)
    target = out if existing else out / "deep" / "down"
    if existing:
        out.mkdir()
        (out / "report.json").write_text("of an earlier run")
    before = sorted(tmp_path.rglob("*"))
    assert _run(["flow", str(table), "--out", str(target)]) == status
    assert capsys.readouterr().err == message
    assert sorted(tmp_path.rglob("*")) == before
    if existing:
        assert (out / "report.json").read_text() == "of an earlier run"


@pytest.mark.parametrize("how", ["--debug", "RIDGEFLOW_DEBUG"])
def test_debug_shows_the_traceback(quick, table, out, capsys, monkeypatch, how):
    quick(fails=rf.ConvergenceError("no luck"))
    arguments = ["flow", str(table), "--out", str(out)]
    if how == "--debug":
        arguments.append(how)
    else:
        monkeypatch.setenv(how, "1")
    assert _run(arguments) == 1
    error = capsys.readouterr().err
    assert "Traceback" in error and error.endswith("error: no luck\n")


def test_figures_without_matplotlib(quick, table, out, capsys, monkeypatch):
    calls = quick()
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert _run(["flow", str(table), "--out", str(out)]) == 1
    assert "pip install ridgeflow[plot]" in capsys.readouterr().err
    assert not calls
    assert _run(["flow", str(table), "--out", str(out), "--no-figures"]) == 0


def test_main_leaves_with_the_status():
    with pytest.raises(SystemExit) as left:
        main(["flow"])
    assert left.value.code == 2


def test_output_folder_follows_the_umask_and_keeps_other_files(tmp_path):
    old = os.umask(0o027)
    try:
        with output_folder(tmp_path / "a" / "b") as folder:
            assert not (tmp_path / "a" / "b").exists()
            (folder / "x").write_text("1")
        assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o750
    finally:
        os.umask(old)
    with output_folder(tmp_path / "a" / "b") as folder:
        (folder / "y").write_text("2")
        assert sorted(p.name for p in folder.iterdir()) == ["y"]
    assert sorted(p.name for p in (tmp_path / "a" / "b").iterdir()) == ["x", "y"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_output_folder_without_permission(tmp_path):
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o500)
    for path in (locked, locked / "sub"):
        with (
            pytest.raises(BadInput, match=r"can be written, got .*Permission denied"),
            output_folder(path),
        ):
            pass
    assert list(locked.iterdir()) == []


def test_json_holds_no_nan():
    value = {"a": np.float64("nan"), "b": np.arange(2), "c": (np.inf, 1), 3: np.True_}
    assert json.loads(as_json(value)) == {"a": None, "b": [0, 1], "c": [None, 1], "3": True}


def test_help_is_quick_and_light():
    script = (
        "import sys\nfrom ridgeflow.cli import _run\n_run(['--help'])\n"
        "assert not {'numba', 'scipy', 'matplotlib', 'rich.progress'} & set(sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_demo_for_real(out):
    """The whole line in a fresh process reaches its targets."""
    script = f"from ridgeflow.cli import main; main(['demo', '--out', {str(out)!r}])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    report = json.loads((out / "report.json").read_text())
    assert report["missed"] == [] and report["identity"] == pytest.approx(1)
    assert rf.load_network(out / "network.npz")(np.zeros((3, 2))).shape == (3, 2)
    assert len(list(out.glob("*.png"))) == 4
