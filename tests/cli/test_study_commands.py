"""``ridgeflow reconstruct`` and ``ridgeflow study`` on users' files, with their exit statuses."""

import json
import os
import threading

import numpy as np
import pytest
from click.testing import CliRunner

import ridgeflow as rf
from ridgeflow.cli import _run
from ridgeflow.cli.commands import root

RNG = np.random.default_rng(4)


def swirl(x):
    return np.column_stack([-x[:, 1], x[:, 0]]) - 0.5 * x


@pytest.fixture
def samples(tmp_path):
    x = RNG.uniform(-1, 1, (400, 2))
    path = tmp_path / "field.npz"
    np.savez(path, points=x, velocities=swirl(x), when=np.linspace(0, 0.5, 400), row=np.ones(3))
    return path, x


SMALL = ["--depth", "4", "--width", "20"]


def test_reconstruct_from_an_archive(samples, tmp_path):
    path, x = samples
    out = tmp_path / "out"
    done = CliRunner().invoke(root, ["reconstruct", str(path), *SMALL, "--out", str(out), "--json"])
    assert done.exit_code == 0, done.output
    names = {file.name for file in out.iterdir()}
    assert names == {"network.npz", "points.csv", "report.json", "trajectories.png"}
    report = json.loads((out / "report.json").read_text())
    assert report == json.loads(done.output)
    assert report["held_out_error"] < 1e-5  # measured 3e-9: the field is linear
    assert report["settings"]["time"] == 1.0 and report["data"]["rows"] == 400
    net = rf.load_network(out / "network.npz")
    moved = rf.datasets.read_table(out / "points.csv")
    assert moved.names == ("x0", "x1", "x0_moved", "x1_moved")
    np.testing.assert_allclose(moved.data[:, 2:], net(x), rtol=1e-8, atol=1e-9)
    # The flow turns by one radian and shrinks by exp(-1/2).
    turn = np.exp(-0.5) * np.array([[np.cos(1), np.sin(1)], [-np.sin(1), np.cos(1)]])
    assert np.abs(net(x) - x @ turn).max() < 0.02  # measured 8e-3: four midpoint layers


def test_reconstruct_from_a_table_and_with_times(samples, tmp_path):
    path, x = samples
    table = tmp_path / "field.csv"
    rows = np.column_stack([x, swirl(x), RNG.uniform(0, 0.5, len(x))])
    np.savetxt(table, rows, delimiter=",", header="u,v,du,dv,t", comments="")
    out = tmp_path / "out"
    arguments = ["--points", "u,v", "--velocities", "du,dv", "--times", "t", *SMALL]
    done = CliRunner().invoke(
        root, ["reconstruct", str(table), *arguments, "--no-figures", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert "velocity error on held-out samples" in done.output
    report = json.loads((out / "report.json").read_text())
    assert report["data"]["timed"] and report["data"]["columns"] == ["u", "v"]
    assert report["settings"]["time"] == pytest.approx(np.ptp(rows[:, 4]), rel=1e-12)
    assert not (out / "trajectories.png").exists()
    timed = ["reconstruct", str(path), "--times", "when", *SMALL, "--no-figures"]
    assert _run([*timed, "--out", str(tmp_path / "timed")]) == 0


def test_reconstruct_reads_a_pipe_once(tmp_path):
    if not hasattr(os, "mkfifo"):
        pytest.skip("the system has no named pipes")
    x = np.round(RNG.uniform(-1, 1, (400, 2)), 6)
    rows = "\n".join(",".join(map(repr, row)) for row in np.hstack([x, swirl(x)]).tolist())
    pipe, out = tmp_path / "pipe", tmp_path / "out"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_text, args=("u,v,du,dv\n" + rows,))
    writer.start()
    named = ["--points", "u,v", "--velocities", "du,dv", "--no-figures"]
    assert _run(["reconstruct", str(pipe), *named, *SMALL, "--out", str(out)]) == 0
    writer.join()
    np.testing.assert_array_equal(rf.datasets.read_table(out / "points.csv").data[:, :2], x)


def test_study_of_points(tmp_path):
    table = tmp_path / "points.csv"
    np.savetxt(table, RNG.normal(size=(30, 1)) * 5 + 2, header="u", comments="")
    out = tmp_path / "out"
    sizes = ["--depths", "2,4", "--widths", "10,20", "--ways", "sobol,least_squares"]
    done = CliRunner().invoke(
        root, ["study", str(table), *sizes, "--layers", "euler", "--out", str(out)]
    )
    assert done.exit_code == 0, done.output
    assert {file.name for file in out.iterdir()} == {"errors.csv", "report.json", "study.png"}
    assert "rate in depth (euler)" in done.output and "rate in width (sobol)" in done.output
    report = json.loads((out / "report.json").read_text())
    assert -1.2 < report["depth_rate"] < -0.8  # measured -0.95
    assert report["widths"] == [10, 20] and np.shape(report["errors"]) == (2, 2)
    found = rf.datasets.read_table(out / "errors.csv")
    assert found.names == ("depth", "width_10", "width_20", "no_limit")
    np.testing.assert_allclose(found.data[:, 1:3], report["errors"], rtol=1e-8)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reconstruct", "{field}", "--points", "places"], "places"),
        (["reconstruct", "{field}", "--velocities", "when"], r"must have the shape \(400, 2\)"),
        (["reconstruct", "{field}", "--times", "row"], "one number for each of 400 samples"),
        (["reconstruct", "{field}", "--time", "0"], "`time` must not be zero"),
        (["reconstruct", "{field}", "--layers", "heun"], "'heun' is not one of"),
        (["reconstruct", "{field}", "--activation", "tahn"], "did you mean 'tanh'"),
        (["reconstruct", "absent.npz"], "absent.npz"),
        (["study", "{field}", "--array", "points", "--depths", "a,b"], "`--depths` must be whole"),
        (["study", "{field}", "--array", "points", "--end", "1"], "'--end': 1.0 is not in"),
        (["study", "absent.csv"], "must be an existing file"),
        (["study", "{field}", "--array", "points", "--end", "nan"], "'--end': nan is no finite"),
        (["study", "{field}", "--array", "points", "--widths", "1_0"], "`--widths` must be whole"),
        (
            ["study", "{field}", "--array", "points", "--depths", "0,1"],
            "`--depths` must lie in 1 to",
        ),
        (
            ["study", "{field}", "--array", "points", "--depths", "1,99999999"],
            "`--depths` must lie in 1 to 10000, got '1,99999999'",
        ),
        (["reconstruct", "{field}", "--time", "inf"], "'--time': inf is no finite number"),
        (["reconstruct", "{field}", "--holdout", "nan"], "'--holdout': nan is no finite number"),
        (
            ["reconstruct", "{field}", "--velocities", "none"],
            "`--velocities` must name an array of",
        ),
        (["reconstruct", "/dev/null"], "`FILE`: null is empty"),
        (["study", "{field}", "--header", "--array", "points"], "`header` must be None for NPY"),
        (["reconstruct", "{field}", "--no-header"], "`header` must be None for NPY and NPZ"),
        (["reconstruct", "{table}", "--points", "0"], "may be a header or data, got '0, 1'"),
    ],
)
def test_bad_usage_is_status_2_and_leaves_nothing(
    arguments, message, samples, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    table = tmp_path / "table.csv"
    table.write_text("0,1\n0.5,0.25\n1.25,7.5\n2.5,0.5\n")
    before = sorted(tmp_path.iterdir())
    assert _run([word.format(field=samples[0], table=table) for word in arguments]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    import re

    assert re.search(message, error)
    assert sorted(tmp_path.iterdir()) == before
