"""Calls that take a client: workers find what is found here, and what they cannot is said."""

import json

import numpy as np
import pytest
import threadpoolctl

pytest.importorskip("dask")
pytest.importorskip("distributed")

import dask.array as da

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


@pytest.mark.slow
def test_cells_on_workers(client, limit, study):
    told = []
    found = rf.double_limit_study(
        limit, **STUDY, client=client, progress=lambda *said: told.append(said)
    )
    alike(found, study)
    assert told[-1] == ("done", 1.0)


@pytest.mark.slow
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


def test_a_cell_draws_the_same_alone(limit):
    """Whatever is computed before it, in whatever order, and again."""
    x, sizes = limit.draw(50, 0), np.array([5, 10])
    moved = limit.flow(x, 0.02, log_density=False).points
    ground = study_cells.Ground(limit, "euler", sizes, 2, x, moved, 1.0)
    cells = study_cells.cells_of(sizes[:1], sizes, [], ["sobol", "least_squares"])
    pairs = list(zip(cells, np.random.SeedSequence(3).spawn(len(cells)), strict=True))
    forward = [study_cells.measured(ground, *pair) for pair in pairs]
    backward = [study_cells.measured(ground, *pair) for pair in pairs[::-1]]
    for one, other in zip(forward, backward[::-1], strict=True):
        assert all(np.array_equal(*pair) for pair in zip(one, other, strict=True))


@pytest.mark.slow
def test_cells_do_not_know_how_many_threads_the_blas_has(limit, study):
    """Workers have one, and a fit would carry the last bit through its condition number."""
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        alike(rf.double_limit_study(limit, **STUDY), study)  # measured 1e-15


def test_what_is_no_client_is_refused_before_any_work(limit):
    with pytest.raises(TypeError, match=r"`client` must be a distributed\.Client, got str"):
        rf.double_limit_study(limit, **STUDY, client="tcp://nowhere:1")


# Spectra along directions

RNG = np.random.default_rng(0)
POINTS = RNG.normal(size=(300, 2))
SAMPLES = rf.SampleField(POINTS, np.column_stack([np.sin(POINTS[:, 0]), POINTS[:, 1]]))
FIELDS = {
    "law": rf.GaussianMixture([0.4, 0.6], [[0.0, 0.2], [-0.5, 0.0]], 0.2),
    "density": rf.kernel_density(POINTS),
    "samples": SAMPLES,
    "complex": rf.SampleField(POINTS, np.exp(1j * POINTS[:, 0])),
    # Cells are not square: directions have bands of their own.
    "gridded": rf.GridField.from_function(
        lambda x: np.exp(-6 * (x**2).sum(axis=1)), [np.linspace(-2, 2, 65), np.linspace(-2, 2, 49)]
    ),
}
PSI = rf.admissible_ridgelet(rf.activation("tanh"), 2)
POLAR = rf.ParameterGrid.polar(2, 13, np.geomspace(0.3, 3, 5), 4.0, 0.4)
WAYS = [
    ("samples", "direct"),
    # Worker processes compile the kernels of each.
    *(pytest.param(name, "auto", marks=pytest.mark.slow) for name in FIELDS),
    pytest.param("gridded", "direct", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("name", "method"), WAYS)
def test_spectra_along_directions(client, name, method):
    wanted = rf.ridgelet_transform(FIELDS[name], PSI, POLAR, method=method)
    told = []
    found = rf.ridgelet_transform(
        FIELDS[name], PSI, POLAR, method=method, client=client, progress=lambda *s: told.append(s)
    )
    close(found.values, wanted.values)  # measured 5e-14 gridded, the same bits otherwise
    assert found.values.dtype == wanted.values.dtype and told[-1] == ("done", 1.0)
    assert (found.record is None) == (wanted.record is None)
    if wanted.record is not None:
        close(found.record.energy, wanted.record.energy)
        assert found.record.sampling == pytest.approx(wanted.record.sampling, rel=1e-12)


def test_what_a_client_cannot_transform_is_refused(client, tmp_path):
    nodes = (RNG.normal(size=(5, 2)), RNG.normal(size=5))
    with pytest.raises(ValueError, match=r"`client` must be None for other grids than polar ones"):
        rf.ridgelet_transform(SAMPLES, PSI, nodes, client=client)
    with pytest.raises(ValueError, match=r"`checkpoint` must be None with a `client`"):
        rf.ridgelet_transform(SAMPLES, PSI, POLAR, client=client, checkpoint=tmp_path / "kept")
    assert not list(tmp_path.iterdir())
    with pytest.raises(TypeError, match=r"`client` must be a distributed\.Client, got int"):
        rf.ridgelet_transform(SAMPLES, PSI, POLAR, client=3)
    chunks = da.from_array(POINTS, chunks=100)
    with pytest.raises(ValueError, match=r"`client` must be left out for Dask collections"):
        rf.ridgelet_transform(rf.SampleField(chunks), PSI, POLAR, client=client)
