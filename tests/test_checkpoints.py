"""Checkpoints: the same bits after any interruption, and no part of another job."""

import json
import os
import signal
import time

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._checkpoint import NO_CHECKPOINT, checkpoint_at, digest_of
from ridgeflow.cli import _run
from ridgeflow.double_continuum.main_line import main_line
from ridgeflow.errors import CheckpointError
from ridgeflow.radon_transform import fourier_slices
from ridgeflow.theorems import validate

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that can be forked")

LAW = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
PSI = rf.Ridgelet(2, 2)
GRID = rf.ParameterGrid.polar(2, 6, np.geomspace(0.5, 8, 9), 1.5, 0.3)
POINTS = np.random.default_rng(3).normal(size=(30, 2))
FIELDS = {
    "law": rf.GaussianMixture([0.4, 0.6], [[0.1, 0.2], [-0.3, 0.0]], 0.05),
    "gridded": rf.GridField.from_function(
        lambda x: np.exp(-30 * (x**2).sum(axis=1)), [np.linspace(-1, 1, 65)] * 2
    ),
    "samples": rf.SampleField(0.3 * POINTS, np.cos(np.arange(30.0))),
    "complex": rf.SampleField(0.3 * POINTS, np.exp(1j * np.arange(30.0))),
}
WAYS = [
    ("law", GRID, {}),
    ("law", (POINTS, np.arange(30.0)), {}),
    ("gridded", GRID, {}),
    ("gridded", GRID, {"method": "direct"}),
    (
        "gridded",
        rf.ParameterGrid.cartesian([np.linspace(-4, 4, 9)] * 2, np.linspace(-6, 6, 25)),
        {},
    ),
    ("samples", GRID, {}),
    ("samples", GRID, {"method": "direct"}),
    ("samples", GRID, {"bandwidth": 0.2}),
    ("samples", GRID, {"bandwidth": 0.2, "method": "exact"}),
    ("complex", GRID, {}),
    ("complex", GRID, {"method": "direct"}),
]


# Jobs: what each gives with a checkpoint, as bytes


def transform(folder):
    found = [
        rf.ridgelet_transform(
            FIELDS[kind], PSI, grid, **options, checkpoint=folder and folder / str(i)
        ).values.tobytes()
        for i, (kind, grid, options) in enumerate(WAYS)
        if i != 4
    ]
    return b"".join(found)


def continuum(folder):
    made = rf.DoubleContinuum(
        LAW, "tanh", span=(0.0, 0.05), tol=1e-3, checkpoint=folder and folder / "continuum"
    )
    values = [one.spectrum.values.tobytes() for one in made.representations]
    return b"".join([*values, made.errors.tobytes(), made.velocity([[0.3]], 0.02).tobytes()])


def study(folder):
    limit = rf.DoubleContinuum(LAW, "tanh", span=(0.0, 0.05), tol=1e-3)
    options = {"depths": [1, 2], "widths": [10, 20], "ways": ["sobol", "least_squares"], "rng": 5}
    found = rf.double_limit_study(limit, **options, checkpoint=folder and folder / "study")
    return json.dumps(found.to_dict()).encode()


def theorems(folder):
    report = validate(["finite_field", "slice_theorem", "tied_weights"], checkpoint=folder)
    found = report.to_dict()["statements"]
    return json.dumps([{**one, "seconds": 0} for one in found]).encode()


def line(folder):
    found = main_line(
        POINTS[:, :1], depth=3, width=30, rng=2, checkpoint=folder and folder / "line"
    )
    numbers = [found.field, found.shallow, found.flow, found.network_error, found.budget.total]
    return json.dumps(numbers).encode() + found.network(found.points).tobytes()


def command(folder):
    """``ridgeflow study --resume``: everything it writes but the seconds."""
    home = folder or None
    assert home is not None
    table = home / "points.csv"
    if not table.exists():
        np.savetxt(home / ".points", POINTS[:, :1], delimiter=",")
        os.replace(home / ".points", table)
    words = ["study", str(table), "--depths", "1,2", "--widths", "10,20", "--no-figures"]
    assert _run([*words, "--resume", "--out", str(home / "out"), "--json"]) == 0
    report = json.loads((home / "out" / "report.json").read_text())
    report["data"]["source"] = report["seconds"] = None
    assert not (home / "out" / "checkpoint").exists()
    return json.dumps(report).encode() + (home / "out" / "errors.csv").read_bytes()


JOBS = {job.__name__: job for job in (transform, continuum, study, theorems, line, command)}


def forked(job, folder, result):
    """A process that writes what the job gives."""
    child = os.fork()
    if child:
        return child
    status = 1
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        (result.parent / "unfinished").write_bytes(job(folder))
        os.replace(result.parent / "unfinished", result)
        status = 0
    finally:
        os._exit(status)


def killed(job, home, kills, seed):
    """Kill runs of a job at random moments; how often one was killed, and was finished."""
    rng = np.random.default_rng(seed)
    (home / "whole").mkdir()
    truth = job(home / "whole")
    start = time.perf_counter()
    (home / "timed").mkdir()
    assert job(home / "timed") == truth
    seconds = time.perf_counter() - start
    done = finished = 0
    folder = None
    while done < kills or folder is not None:
        if folder is None:
            folder = home / f"run{finished}"
            folder.mkdir()
        result = home / "result"
        child = forked(job, folder, result)
        if done < kills:
            time.sleep(rng.uniform(0, seconds))
            os.kill(child, signal.SIGKILL)
        _, status = os.waitpid(child, 0)
        done += os.WIFSIGNALED(status)
        assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
        if result.exists():
            assert result.read_bytes() == truth, f"after {done} kills"
            result.unlink()
            finished, folder = finished + 1, None
    return done, finished


@forks
@pytest.mark.parametrize(
    "name",
    [
        "transform",
        "theorems",
        *(pytest.param(n, marks=pytest.mark.slow) for n in ("continuum", "study")),
    ],
)
def test_a_few_kills_change_no_bit(name, tmp_path):
    done, finished = killed(JOBS[name], tmp_path, kills=2, seed=1)
    assert done == 2 and finished >= 1


@forks
@pytest.mark.slow
@pytest.mark.parametrize("name", JOBS)
def test_a_hundred_kills_change_no_bit(name, tmp_path):
    done, finished = killed(JOBS[name], tmp_path, kills=100, seed=2)
    assert done == 100 and finished >= 1


@pytest.mark.parametrize("way", WAYS, ids=lambda way: f"{way[0]}-{way[2]}")
def test_a_transform_has_the_bits_that_it_has_without_a_checkpoint(way, tmp_path, monkeypatch):
    kind, grid, options = way
    # Few directions at a time, so that there are several parts.
    monkeypatch.setattr(fourier_slices, "_PORTION", 1)
    plain = rf.ridgelet_transform(FIELDS[kind], PSI, grid, **options)
    for _ in range(3):
        found = rf.ridgelet_transform(
            FIELDS[kind], PSI, grid, **options, checkpoint=tmp_path / "kept"
        )
        assert found.values.tobytes() == plain.values.tobytes()
        assert found.values.dtype == plain.values.dtype and found.values.shape == plain.values.shape
        if plain.record is not None:
            assert found.record.energy.tobytes() == plain.record.energy.tobytes()
        parts = sorted((tmp_path / "kept").glob("part-*"))
        for part in parts[::2]:
            part.unlink()
    scales = grid is GRID and not (kind in ("samples", "complex") and not options)
    scales = scales and options != {"bandwidth": 0.2, "method": "exact"}
    sliced = grid is GRID and (kind, options) in (("gridded", {}), ("samples", {"bandwidth": 0.2}))
    expected = len(GRID.directions) if sliced else len(GRID.scales) if scales else 1
    assert len(parts) == expected


def test_a_continuum_with_a_checkpoint_is_the_one_without(tmp_path):
    assert continuum(None) == continuum(tmp_path)
    assert len(list((tmp_path / "continuum").iterdir())) > 4


# The generator


@pytest.mark.parametrize("bits", ["PCG64", "MT19937", "Philox", "SFC64"])
def test_a_generator_goes_on_as_if_nothing_had_been_left_out(bits, tmp_path):
    """With Sobol sequences, which are scrambled by children of the generator."""

    def job(keep):
        return [
            keep.array(f"draw{i}", lambda: rf.geometry.sobol_points(4, 2, keep.rng)).tobytes()
            + keep.rng.normal(size=3).tobytes()
            for i in range(3)
        ]

    def made():
        return np.random.Generator(getattr(np.random, bits)(7))

    first = job(checkpoint_at(tmp_path / "a", "job", {}, made()))
    (tmp_path / "a" / "part-draw1.npz").unlink()
    rng = made()
    assert job(checkpoint_at(tmp_path / "a", "job", {}, rng)) == first
    whole = made()
    assert job(checkpoint_at(tmp_path / "b", "job", {}, whole)) == first
    assert rng.normal() == whole.normal() and rng.spawn(1)[0].normal() == whole.spawn(1)[0].normal()


def test_a_seed_from_the_system_is_kept(tmp_path):
    options = {"depths": [1, 2], "widths": [10, 20], "ways": ["sobol", "monte_carlo"]}
    limit = rf.DoubleContinuum(LAW, "tanh", times=[0.0, 0.02], tol=1e-2)
    first = rf.double_limit_study(limit, **options, checkpoint=tmp_path / "a")
    for name in ("network-1-20", "way-sobol"):
        (tmp_path / "a" / f"part-{name}.npz").unlink()
    again = rf.double_limit_study(limit, **options, checkpoint=tmp_path / "a")
    assert first.to_dict() == again.to_dict()
    other = rf.double_limit_study(limit, **options, checkpoint=tmp_path / "b")
    assert first.to_dict() != other.to_dict()


# Refusals


def refuse(text, **changed):
    kept = {"field": FIELDS["law"], "ridgelet": PSI, "grid": GRID, "tol": 1e-6, **changed}
    with pytest.raises(CheckpointError, match=text):
        rf.ridgelet_transform(**kept)


def test_a_checkpoint_of_another_job_is_refused_with_the_reason(tmp_path):
    at = tmp_path / "kept"
    rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=1e-6, checkpoint=at)
    refuse("other values of `tol` .pass another folder", tol=1e-7, checkpoint=at)
    refuse("other values of `ridgelet` ", ridgelet=rf.Ridgelet(2, 1), checkpoint=at)
    moved = (
        FIELDS["law"].translate([0.0, 1e-15]) if hasattr(LAW, "translate") else FIELDS["gridded"]
    )
    refuse("other values of `field`", field=moved, checkpoint=at)
    finer = rf.ParameterGrid.polar(2, 6, np.geomspace(0.5, 8 + 1e-14, 9), 1.5, 0.3)
    refuse("other values of `grid`", grid=finer, checkpoint=at)
    with rf.config(fft_effort="measure"):
        refuse("other values of `fft_effort`", checkpoint=at)
    with pytest.raises(CheckpointError, match="one of ridgelet_transform, not of validate"):
        validate("finite_field", checkpoint=at)
    validate("finite_field", checkpoint=tmp_path / "quick")
    with pytest.raises(CheckpointError, match="other values of `effort`"):
        validate("finite_field", effort="full", checkpoint=tmp_path / "quick")


def test_another_version_is_refused(tmp_path, monkeypatch):
    rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=1e-6, checkpoint=tmp_path / "kept")
    monkeypatch.setattr("ridgeflow._checkpoint.__version__", "0.0.1")
    refuse("the versions of ridgeflow, numpy and scipy", checkpoint=tmp_path / "kept")


def test_a_part_of_another_job_is_refused(tmp_path):
    for name, tol in (("a", 1e-6), ("b", 1e-7)):
        rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=tol, checkpoint=tmp_path / name)
    os.replace(tmp_path / "b" / "part-scale-1.npz", tmp_path / "a" / "part-scale-1.npz")
    refuse("parts of this job.*part-scale-1.npz' of another one", checkpoint=tmp_path / "a")
    os.replace(tmp_path / "a" / "part-scale-2.npz", tmp_path / "a" / "part-scale-1.npz")
    refuse("parts of this job.*part-scale-1.npz' of another one", checkpoint=tmp_path / "a")


@pytest.mark.parametrize("name", ["job.npz", "part-scale-3.npz"])
def test_damage_is_refused_and_never_read(name, tmp_path):
    at = tmp_path / "kept"
    plain = rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=1e-6, checkpoint=at)
    file = at / name
    whole = file.read_bytes()
    rng = np.random.default_rng(6)
    refused = 0
    for place in rng.integers(len(whole), size=60):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << int(rng.integers(8))
        file.write_bytes(flipped)
        try:
            found = rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=1e-6, checkpoint=at)
        except CheckpointError:
            refused += 1
        else:  # a byte that says nothing, such as a date
            assert found.values.tobytes() == plain.values.tobytes()
    assert refused > 40  # measured 51 and 54
    for length in (0, 1, len(whole) // 2, len(whole) - 1):
        file.write_bytes(whole[:length])
        refuse("must hold whole files.*remove the", checkpoint=at)
    file.write_bytes(whole)
    rf.ridgelet_transform(FIELDS["law"], PSI, GRID, tol=1e-6, checkpoint=at)


def test_a_folder_of_something_else_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("x")
    refuse("an empty folder or that of a checkpoint", checkpoint=tmp_path)
    refuse("a folder that can be made", checkpoint=tmp_path / "no" / "such")
    refuse("a folder that can be made", checkpoint=tmp_path / "mine.txt")
    with pytest.raises(TypeError, match="`checkpoint` must be a string or a path"):
        rf.ridgelet_transform(FIELDS["law"], PSI, GRID, checkpoint=3)


def test_the_command_says_its_own_option(tmp_path, capsys):
    np.savetxt(tmp_path / "x.csv", POINTS[:, :1], delimiter=",")
    words = ["spectrum", str(tmp_path / "x.csv"), "--no-figures", "--out", str(tmp_path / "out")]
    (tmp_path / "out" / "checkpoint" / "spectrum").mkdir(parents=True)
    (tmp_path / "out" / "checkpoint" / "spectrum" / "x").write_text("")
    assert _run([*words, "--resume"]) == 2
    assert "`--resume` must be an empty folder or that of a checkpoint" in capsys.readouterr().err


# The parts


def test_digests_tell_all_values_apart():
    values = [
        *(
            None,
            True,
            1,
            1.0,
            1 + 0j,
            "1",
            [1],
            [[1]],
            [1, 1],
            {"a": 1},
            {"a": "1"},
            ["a", 1],
            [],
            {},
        ),
        *(np.array(1.0), np.array([1.0]), np.array([1]), np.array([1.0], np.float32), -0.0, 0.0),
        *(
            np.zeros((0, 2)),
            np.zeros((2, 0)),
            np.zeros((1, 2)),
            np.zeros(2),
            PSI,
            rf.activation("tanh"),
        ),
    ]
    digests = [digest_of(value) for value in values]
    assert len(set(digests)) == len(digests)
    swapped = np.array([1.0, 2.0]).astype(">f8")
    assert digest_of(swapped) == digest_of(np.array([1.0, 2.0]))
    with pytest.raises(TypeError, match="no digest of a function"):
        digest_of(refuse)


def test_without_a_folder_nothing_is_kept():
    assert not NO_CHECKPOINT and NO_CHECKPOINT.folder("x") is None
    assert NO_CHECKPOINT.array("x", lambda: 3.0) == 3.0
