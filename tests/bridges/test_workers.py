"""Calls that take a client: what workers find is what is found here, and what they cannot is said."""

import json

import numpy as np
import pytest

pytest.importorskip("dask")
distributed = pytest.importorskip("distributed")

import ridgeflow as rf
from ridgeflow.double_continuum import study_cells

LAW = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
STUDY = {"depths": [1, 2], "widths": [10, 20], "ways": ["sobol", "least_squares"], "rng": 5}


def close(found, wanted, tol=1e-12):
    assert np.shape(found) == np.shape(wanted)
    assert np.abs(found - wanted).max() <= tol * np.abs(wanted).max()


# Studies


@pytest.fixture(scope="module")
def limit():
    return rf.DoubleContinuum(LAW, "tanh", times=[0.0, 0.02], tol=1e-2)


@pytest.fixture(scope="module")
def study(limit):
    return rf.double_limit_study(limit, **STUDY)


def alike(found, wanted):
    close(found.errors, wanted.errors)
    close(found.depth_errors, wanted.depth_errors)
    for way, (_, errors) in wanted.velocity_errors.items():
        close(found.velocity_errors[way][1], errors)
    for kind, pair in wanted.drawn.items():
        close(np.array(found.drawn[kind]), np.array(pair))


def test_cells_on_workers(client, limit, study):
    told = []
    found = rf.double_limit_study(
        limit, **STUDY, client=client, progress=lambda *said: told.append(said)
    )
    alike(found, study)
    assert told[-1] == ("done", 1.0)


def test_cells_on_workers_are_kept_as_they_come(client, limit, study, tmp_path):
    """A cell fails on its worker; what is finished is read by the next call, here."""
    whole = rf.double_limit_study(limit, **STUDY, checkpoint=tmp_path / "whole")
    assert json.dumps(whole.to_dict()) == json.dumps(study.to_dict())
    kept = tmp_path / "kept"
    alike(rf.double_limit_study(limit, **STUDY, checkpoint=kept, client=client), study)
    for part in ("network-1-20", "way-sobol", "shared-depth-2"):
        (kept / f"part-{part}.npz").unlink()
    before = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    alike(rf.double_limit_study(limit, **STUDY, checkpoint=kept, client=client), study)
    after = {file: file.stat().st_mtime_ns for file in kept.iterdir()}
    assert len(after) == len(before) + 3 and before.items() <= after.items()


def test_a_cell_draws_the_same_alone(limit, study):
    """Whatever is computed before it, in whatever order."""
    ground = study_cells.Ground(
        limit, "euler", study.widths, 4, x := limit.draw(50, 0), limit.flow(x, 0.02).points, 1.0
    )
    cells = study_cells.cells_of(study.depths, study.widths, ["shared"], ["sobol"])
    seeds = np.random.SeedSequence(3).spawn(len(cells))
    forward = [study_cells.measured(ground, *pair) for pair in zip(cells, seeds)]
    backward = [study_cells.measured(ground, *pair) for pair in list(zip(cells, seeds))[::-1]]
    for one, other in zip(forward, backward[::-1], strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


def test_what_is_no_client_is_refused_before_any_work(limit):
    with pytest.raises(TypeError, match=r"`client` must be a distributed\.Client, got str"):
        rf.double_limit_study(limit, **STUDY, client="tcp://nowhere:1")
