"""Storage, labels and shapes of spectra."""

import numpy as np
import pytest

import ridgeflow as rf

LAW = rf.GaussianMixture([1.0], [[0.1, 0.2]], 0.3)
PSI = rf.Ridgelet(2, 2)
GRIDS = {
    "polar": rf.ParameterGrid.polar(2, 4, [0.5, 1.0, 2.0], 1.5, 0.5, center=[0.1, 0.0]),
    "cartesian": rf.ParameterGrid.cartesian([np.arange(3.0), np.arange(2.0)], np.arange(4.0)),
    "nodes": rf.ParameterGrid.nodes([[1.0, 2.0], [0.5, 0.1]], [0.0, 1.0]),
}


@pytest.mark.parametrize("kind", GRIDS)
def test_save_and_load_keep_every_bit(kind, tmp_path):
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS[kind])
    spectrum.save(tmp_path / "s.npz")
    again = rf.load_spectrum(tmp_path / "s.npz")
    assert np.array_equal(again.values, spectrum.values)
    assert np.array_equal(again.grid.a, spectrum.grid.a)
    assert np.array_equal(again.grid.b, spectrum.grid.b)
    assert again.ridgelet == spectrum.ridgelet
    if kind == "polar":
        eta = rf.activation("gaussian")
        assert again.error_budget(eta) == spectrum.error_budget(eta)
        assert np.array_equal(again.grid.weights, spectrum.grid.weights)
    if kind != "nodes":
        assert again.norm() == spectrum.norm()


def test_foreign_and_truncated_files_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(FileNotFoundError, match="existing file"):
        rf.load_spectrum(path)
    np.savez(path, values=np.zeros(3))
    with pytest.raises(rf.errors.FileFormatError, match="no header"):
        rf.load_spectrum(path)
    path.write_text("hello")
    with pytest.raises(rf.errors.FileFormatError, match="truncated or not"):
        rf.load_spectrum(path)
    rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"]).save(path)
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(rf.errors.FileFormatError, match="truncated or not"):
        rf.load_spectrum(path)


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"])
    spectrum.save(path)
    before = path.read_bytes()

    def interrupted(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spectrum.save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match="existing folder"):
        spectrum.save(tmp_path / "absent" / "s.npz")


def test_labelled_dataset():
    pytest.importorskip("xarray")
    data = rf.ridgelet_transform(LAW, PSI, GRIDS["polar"]).to_xarray()
    assert data["values"].dims == ("node",) and data["a"].dims == ("node", "axis")
    assert data.attrs["ridgelet_dim"] == 2


def test_values_must_fit_the_grid():
    with pytest.raises(ValueError, match="one row for each of the 2 nodes"):
        rf.Spectrum(np.zeros(3), GRIDS["nodes"], PSI)
    with pytest.raises(ValueError, match="dimension 2 of the grid"):
        rf.Spectrum(np.zeros(2), GRIDS["nodes"], rf.Ridgelet(3, 2))
    with pytest.raises(ValueError, match="finite"):
        rf.Spectrum(np.array([0.0, np.nan]), GRIDS["nodes"], PSI)


def test_values_by_scale():
    grid = GRIDS["polar"]
    spectrum = rf.ridgelet_transform(LAW, PSI, grid)
    part = spectrum.at_scale(1)
    assert part.shape == (4, len(grid.offsets(1)))
    assert np.array_equal(part.ravel(), spectrum.values[grid.starts[1] : grid.starts[2]])
    with pytest.raises(ValueError, match="needs a polar grid"):
        rf.ridgelet_transform(LAW, PSI, GRIDS["nodes"]).at_scale(0)


def test_a_spectrum_without_record_has_no_budget():
    grid = GRIDS["polar"]
    bare = rf.Spectrum(np.zeros(grid.size), grid, PSI)
    with pytest.raises(ValueError, match="without record"):
        bare.error_budget(rf.activation("gaussian"))
