"""Spectra in files and labelled datasets: every bit comes back, and nothing foreign gets in."""

import copy
import dataclasses
import json
import pickle
import signal
import subprocess
import sys

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow import _storage
from ridgeflow.errors import FileFormatError, MissingDependencyError

LAW = rf.GaussianMixture([1.0], [[0.1, 0.2]], 0.3)
PSI = rf.Ridgelet(2, 2)
ETA = rf.activation("gaussian")
GRIDS = {
    "polar": rf.ParameterGrid.polar(2, 4, [0.5, 1.0, 2.0], 1.5, 0.5, center=[0.1, 0.0]),
    # So small a field that all scales have as many offsets.
    "product": rf.ParameterGrid.polar(2, 3, [0.5, 1.0], 1e-3, 0.5, margin=4.0),
    "cartesian": rf.ParameterGrid.cartesian([np.arange(3.0), np.arange(2.0)], np.arange(4.0)),
    "nodes": rf.ParameterGrid.nodes([[1.0, 2.0], [0.5, 0.1]], [0.0, 1.0]),
}


def spectrum_on(kind, values="real"):
    """A spectrum with record and provenance where the grid allows."""
    spectrum = rf.ridgelet_transform(LAW, PSI, GRIDS[kind])
    if values == "complex":
        return (1 - 2j) * spectrum
    if values == "vector":
        stacked = np.stack([spectrum.values, -spectrum.values, 2 * spectrum.values], axis=1)
        return rf.Spectrum(
            stacked.astype(np.float32), spectrum.grid, PSI, provenance=spectrum.provenance
        )
    return spectrum


def assert_same(found, spectrum):
    """Bit by bit."""
    assert found.values.dtype == spectrum.values.dtype
    assert np.array_equal(found.values, spectrum.values)
    assert np.array_equal(found.grid.a, spectrum.grid.a)
    assert np.array_equal(found.grid.b, spectrum.grid.b)
    assert np.array_equal(found.grid.weights, spectrum.grid.weights)
    assert found.ridgelet == spectrum.ridgelet
    assert found.provenance == spectrum.provenance
    assert (found.record is None) == (spectrum.record is None)
    if spectrum.record is not None:
        assert found.error_budget(ETA) == spectrum.error_budget(ETA)


@pytest.fixture(params=[(k, v) for k in GRIDS for v in ("real", "complex", "vector")], ids=str)
def spectrum(request):
    return spectrum_on(*request.param)


def test_save_and_load(spectrum, tmp_path):
    spectrum.save(tmp_path / "s.npz")
    assert_same(rf.load_spectrum(tmp_path / "s.npz"), spectrum)


def test_a_spectrum_without_history_is_kept_too(tmp_path):
    bare = rf.Spectrum([1.0, 2.0], GRIDS["nodes"], rf.Ridgelet(2, 3.5, family="power"))
    bare.save(tmp_path / "s.npz")
    assert_same(rf.load_spectrum(tmp_path / "s.npz"), bare)


def test_foreign_files_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    with pytest.raises(FileNotFoundError, match="existing file"):
        rf.load_spectrum(path)
    np.savez(path, values=np.zeros(3))
    with pytest.raises(FileFormatError, match="no header"):
        rf.load_spectrum(path)
    np.savez(path, ridgeflow_header=np.array("[1, 2]"))
    with pytest.raises(FileFormatError, match="header is no table"):
        rf.load_spectrum(path)
    np.savez(path, ridgeflow_header=np.array({"kind": "spectrum"}, dtype=object))
    with pytest.raises(FileFormatError, match="truncated or not"):
        rf.load_spectrum(path)
    for text in ("hello", "", "PK\x03\x04 and no more"):
        path.write_text(text)
        with pytest.raises(FileFormatError, match="truncated or not an archive of ridgeflow"):
            rf.load_spectrum(path)
    _storage.save_archive(path, "network", {}, {})
    with pytest.raises(FileFormatError, match="holds a network, expected spectrum"):
        rf.load_spectrum(path)
    _storage.save_archive(path, "spectrum", {"version": 99}, {})
    with pytest.raises(FileFormatError, match="format version 99"):
        rf.load_spectrum(path)


def test_truncated_and_damaged_files_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    spectrum_on("polar").save(path)
    whole = path.read_bytes()
    for length in np.linspace(0, len(whole) - 1, 40).astype(int):
        path.write_bytes(whole[:length])
        with pytest.raises(FileFormatError, match="truncated or not"):
            rf.load_spectrum(path)
    at = whole.index(b"values.npy") + 300
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    with pytest.raises(FileFormatError, match="CRC"):
        rf.load_spectrum(path)


@pytest.mark.parametrize("kind", GRIDS)
def test_files_that_lack_a_part_are_refused(kind, tmp_path):
    path = tmp_path / "s.npz"
    spectrum_on(kind).save(path)
    with _storage.open_archive(path, "spectrum") as archive:
        header, arrays = archive.header, dict(archive)
    header = {k: v for k, v in header.items() if k not in ("kind", "version")}
    for name in arrays:
        rest = {k: v for k, v in arrays.items() if k != name}
        _storage.save_archive(path, "spectrum", header, rest)
        with pytest.raises(FileFormatError, match="holds no whole spectrum"):
            rf.load_spectrum(path)
    for name in ("ridgelet", "grid"):
        rest = {k: v for k, v in header.items() if k != name}
        _storage.save_archive(path, "spectrum", rest, arrays)
        with pytest.raises(FileFormatError, match=f"no whole spectrum: no '{name}'"):
            rf.load_spectrum(path)
    short = {**arrays, "values": arrays["values"][:1]}
    _storage.save_archive(path, "spectrum", header, short)
    with pytest.raises(FileFormatError, match="one row for each of the"):
        rf.load_spectrum(path)


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "s.npz"
    spectrum_on("nodes").save(path)
    before = path.read_bytes()

    def interrupted(stream, **arrays):
        stream.write(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", interrupted)
    with pytest.raises(KeyboardInterrupt):
        spectrum_on("polar").save(path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["s.npz"]
    monkeypatch.undo()
    with pytest.raises(FileNotFoundError, match="existing folder"):
        spectrum_on("nodes").save(tmp_path / "absent" / "s.npz")


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL")
def test_a_killed_save_leaves_the_old_file(tmp_path):
    path = tmp_path / "s.npz"
    old = spectrum_on("nodes")
    old.save(path)
    script = """
import os, signal, sys
import numpy as np
import ridgeflow as rf
whole = np.savez
def half(stream, **arrays):
    whole(stream, **arrays)
    stream.flush()
    os.ftruncate(stream.fileno(), os.fstat(stream.fileno()).st_size // 2)
    os.kill(os.getpid(), signal.SIGKILL)
np.savez = half
grid = rf.ParameterGrid.nodes(np.ones((1000, 2)), np.zeros(1000))
rf.Spectrum(np.ones(1000), grid, rf.Ridgelet(2, 2)).save(sys.argv[1])
"""
    done = subprocess.run([sys.executable, "-c", script, str(path)], timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert_same(rf.load_spectrum(path), old)
    [left] = [p for p in tmp_path.iterdir() if p != path]
    with pytest.raises(FileFormatError, match="truncated or not"):
        rf.load_spectrum(left)


# Labelled datasets


def test_there_and_back(spectrum):
    pytest.importorskip("xarray")
    layouts = ("auto", "ragged", "padded") if spectrum.grid.half else ("auto",)
    for layout in layouts:
        for split in (True, False):
            data = spectrum.to_xarray(layout=layout, split_complex=split)
            assert_same(rf.Spectrum.from_xarray(data), spectrum)
            turned = data.transpose(*reversed(list(data.dims)))
            assert_same(rf.Spectrum.from_xarray(turned), spectrum)


def test_labels_of_a_padded_dataset():
    pytest.importorskip("xarray")
    spectrum = spectrum_on("polar")
    grid = spectrum.grid
    data = spectrum.to_xarray(layout="padded")
    assert data["values"].dims == ("direction", "scale", "offset")
    assert data["angle"].values == pytest.approx([0, 45, 90, 135])
    assert data["u"].sel(direction=2).values == pytest.approx([0, 1])
    one = data["values"].sel(direction=1, scale=1.0).dropna("offset")
    assert np.array_equal(one.values, spectrum.at_scale(1)[1])
    assert np.array_equal(one["offset"].values, grid.offsets(1))
    # b = rho u.c + offset
    at = {"direction": 0, "scale": 2.0, "offset": 1.5}
    node = np.flatnonzero((grid.a == [2.0, 0.0]).all(1) & np.isclose(grid.b, 2 * 0.1 + 1.5))
    assert data["values"].sel(at) == spectrum.values[node[0]]
    for name in ("values", "offset", "scale"):
        assert data[name].attrs["long_name"]
    weights = 2 * grid.step * data["direction_weights"] * data["scale_weights"]
    square = (data["values"] ** 2 * weights).sum()
    assert float(square) == pytest.approx(spectrum.norm() ** 2, rel=1e-13)


def test_labels_of_a_ragged_dataset():
    pytest.importorskip("xarray")
    spectrum = spectrum_on("polar")
    data = spectrum.to_xarray()
    assert data["values"].dims == ("node",)
    scale = data["scale"][data["node_scale"]].values
    a = scale[:, None] * data["u"][data["node_direction"]].values
    assert np.array_equal(a, spectrum.grid.a)
    assert np.array_equal(data["b"], spectrum.grid.b)
    assert float((data["values"] ** 2 * data["weights"]).sum()) == pytest.approx(
        spectrum.norm() ** 2, rel=1e-13
    )


def test_labels_of_other_grids():
    pytest.importorskip("xarray")
    assert spectrum_on("product").to_xarray()["values"].dims == ("direction", "scale", "offset")
    flat = spectrum_on("cartesian", "vector").to_xarray()
    assert flat["values"].dims == ("a1", "a2", "b", "component")
    grid, values = GRIDS["cartesian"], spectrum_on("cartesian").values
    [node] = np.flatnonzero((grid.a == [2.0, 1.0]).all(1) & (grid.b == 3.0))
    found = flat["values"].sel(a1=2, a2=1, b=3, component=0)
    assert found.dtype == np.float32 and float(found) == pytest.approx(values[node], rel=1e-6)
    plain = spectrum_on("nodes", "complex").to_xarray()
    assert plain["values_imag"].dims == ("node",) and plain["a"].dims == ("node", "axis")


def test_attributes_are_scalars_and_strings(spectrum):
    pytest.importorskip("xarray")
    attributes = spectrum.to_xarray().attrs
    assert all(type(value) in (str, float, int) and value != "" for value in attributes.values())
    assert attributes["psi"] == "Ridgelet(dim=2, order=2)"
    assert attributes["tolerance"] == 1e-8 and attributes["method"] == "exact"
    assert attributes["field"] == "GaussianMixture, m = 2, 1 component"
    assert attributes["field_digest"] == spectrum.provenance.fields[0].digest
    assert attributes["history"].startswith("ridgelet_transform(")
    assert attributes["ridgeflow_version"] == rf.__version__
    assert json.loads(attributes["ridgelet"])["order"] == 2


@pytest.mark.parametrize("engine", ["scipy", "h5netcdf"])
def test_netcdf(spectrum, engine, tmp_path):
    xarray = pytest.importorskip("xarray")
    if engine == "h5netcdf":
        pytest.importorskip("h5netcdf")
        pytest.importorskip("h5py")
    for layout in ("auto", "padded") if spectrum.grid.half else ("auto",):
        path = tmp_path / f"{layout}.nc"
        spectrum.to_xarray(layout=layout).to_netcdf(path, engine=engine)
        with xarray.open_dataset(path, engine=engine) as data:
            assert_same(rf.Spectrum.from_xarray(data), spectrum)


@pytest.mark.parametrize("split", [True, False])
def test_zarr(spectrum, split, tmp_path):
    xarray = pytest.importorskip("xarray")
    pytest.importorskip("zarr")
    data = spectrum.to_xarray(split_complex=split)
    # Consolidated metadata are outside of the specification, of which zarr would warn.
    data.to_zarr(tmp_path / "s.zarr", consolidated=False)
    with xarray.open_zarr(tmp_path / "s.zarr", consolidated=False) as found:
        assert_same(rf.Spectrum.from_xarray(found), spectrum)


def test_a_selection_is_the_spectrum_on_what_is_left():
    pytest.importorskip("xarray")
    spectrum = spectrum_on("polar", "vector")
    data = spectrum.to_xarray(layout="padded")
    part = rf.Spectrum.from_xarray(data.isel(scale=[1, 2], direction=slice(1, 3), component=1))
    assert part.grid.scales.tolist() == [1.0, 2.0] and len(part.grid.directions) == 2
    assert part.component_shape == ()
    assert np.array_equal(part.at_scale(1), spectrum.at_scale(2)[1:3, :, 1])
    flat = spectrum_on("cartesian")
    half = rf.Spectrum.from_xarray(flat.to_xarray().isel(b=slice(1, 3)))
    assert np.array_equal(half.values, flat.values.reshape(3, 2, 4)[:, :, 1:3].ravel())


def test_foreign_datasets_are_refused():
    xarray = pytest.importorskip("xarray")
    data = spectrum_on("polar").to_xarray(layout="padded")
    with pytest.raises(ValueError, match=r"one that Spectrum.to_xarray made, .* got ndarray"):
        rf.Spectrum.from_xarray(np.zeros(3))
    with pytest.raises(ValueError, match=r"with its attributes, got attributes \[\]"):
        rf.Spectrum.from_xarray(xarray.Dataset({"values": ("node", [1.0])}))
    for name in ("values", "scale_weights", "u", "record_energy"):
        with pytest.raises(ValueError, match="something is missing"):
            rf.Spectrum.from_xarray(data.drop_vars(name))
    with pytest.raises(ValueError, match=r"must hold the 45 offsets .* got 44"):
        rf.Spectrum.from_xarray(data.isel(offset=slice(1, None)))
    ragged = spectrum_on("polar").to_xarray()
    with pytest.raises(ValueError, match="one row for each of the 484 nodes"):
        rf.Spectrum.from_xarray(ragged.isel(node=slice(9)))


def test_refusals_of_layouts(monkeypatch):
    pytest.importorskip("xarray")
    with pytest.raises(ValueError, match="`layout` must be one of auto, padded, ragged"):
        spectrum_on("polar").to_xarray(layout="dense")
    with pytest.raises(ValueError, match="only polar grids have a choice"):
        spectrum_on("nodes").to_xarray(layout="ragged")
    wide = rf.ParameterGrid.polar(1, 1, np.geomspace(0.01, 1e4, 200), 1.0, 0.5)
    with rf.config(memory_budget=2**22):
        bare = rf.Spectrum(np.zeros(wide.size), wide, rf.Ridgelet(1, 2))
        with pytest.raises(rf.MemoryBudgetError, match="take layout='ragged'"):
            bare.to_xarray(layout="padded")
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(MissingDependencyError, match=r"pip install 'ridgeflow\[io\]'"):
        spectrum_on("nodes").to_xarray()


# Any order, and parts


def values_at(spectrum, points):
    """The function that a spectrum stands for, apart from the order of its nodes."""
    if spectrum.grid.kind == "nodes":
        order = np.lexsort((*spectrum.grid.a.T, spectrum.grid.b))
        return np.concatenate([part[order].ravel() for part in (spectrum.grid.b, spectrum.values)])
    return rf.reconstruct(spectrum, ETA, points)


@pytest.mark.filterwarnings("ignore:this grid loses")
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("layout", ["auto", "padded"])
@pytest.mark.parametrize("kind", GRIDS)
def test_any_order_of_the_nodes_is_the_same_spectrum(kind, layout, seed):
    pytest.importorskip("xarray")
    layout = layout if kind in ("polar", "product") else "auto"
    spectrum = spectrum_on(kind)
    data = spectrum.to_xarray(layout=layout)
    rng = np.random.default_rng(seed)
    turned = data.isel({dim: rng.permutation(n) for dim, n in data.sizes.items()})
    found = rf.Spectrum.from_xarray(turned)
    x = np.array([[0.1, 0.2], [-0.7, 0.4]])
    assert np.array_equal(values_at(found, x), values_at(spectrum, x))
    if kind != "nodes":
        assert_same(found, spectrum)


@pytest.mark.parametrize("by", ["b", "scale", "direction", "node_scale", "offset", "angle"])
def test_sorted_datasets_are_the_same_spectrum(by):
    pytest.importorskip("xarray")
    spectrum = spectrum_on("polar")
    for layout in ("ragged", "padded"):
        data = spectrum.to_xarray(layout=layout)
        if by in data.variables:
            for ascending in (True, False):
                found = rf.Spectrum.from_xarray(data.sortby(by, ascending=ascending))
                assert_same(found, spectrum)


@pytest.mark.parametrize(
    ("kind", "layout", "drop"),
    [
        *(("polar", "ragged", name) for name in ("direction", "scale", "scale_number", "axis")),
        *(("polar", "ragged", name) for name in ("node_direction", "node_scale", "b", "u")),
        *(("polar", "padded", name) for name in ("scale", "offset", "axis", "u", "center")),
        *(("cartesian", "auto", name) for name in ("a1", "b")),
        *(("nodes", "auto", name) for name in ("a", "b", "axis")),
    ],
)
def test_a_dataset_without_its_labels_is_refused(kind, layout, drop):
    pytest.importorskip("xarray")
    data = spectrum_on(kind).to_xarray(layout=layout)
    with pytest.raises(ValueError, match=f"something is missing: no '{drop}'"):
        rf.Spectrum.from_xarray(data.drop_vars(drop))


def test_parts_are_the_spectrum_on_what_is_left_and_say_so():
    pytest.importorskip("xarray")
    spectrum = spectrum_on("polar")
    data = spectrum.to_xarray(layout="padded")
    for part in (data.isel(scale=[1, 0]), data.isel(direction=[2, 1]), data.isel(scale=[2])):
        found = rf.Spectrum.from_xarray(part)
        # What is known of the errors is known of the whole.
        assert found.record is None
        steps = f"selection(nodes={found.grid.size}, of={spectrum.grid.size})"
        assert found.provenance.steps[-1] == steps
        for s, rho in enumerate(found.grid.scales):
            whole = spectrum.at_scale(int(np.flatnonzero(spectrum.grid.scales == rho)[0]))
            rows = [
                np.flatnonzero((spectrum.grid.directions == u).all(1))[0]
                for u in found.grid.directions
            ]
            assert np.array_equal(found.at_scale(s), whole[rows])
    ragged = spectrum.to_xarray(layout="ragged")
    one = ragged.isel(node=np.flatnonzero(ragged["node_scale"].values == 1), scale=[1])
    assert np.array_equal(rf.Spectrum.from_xarray(one).values, spectrum.at_scale(1).ravel())


@pytest.mark.parametrize(
    ("layout", "change", "match"),
    [
        ("ragged", lambda d: d.isel(node=slice(1, None)), "one row for each of the 484 nodes"),
        ("ragged", lambda d: d.isel(node=[*range(483), 0]), "one row for each of the 484 nodes"),
        ("ragged", lambda d: d.isel(scale=[0, 1]), "must hold each scale of its nodes"),
        ("ragged", lambda d: d.isel(direction=[0, 1]), "must hold each direction of its nodes"),
        ("ragged", lambda d: d.assign_coords(b=d["b"] + 0.2), "one row for each of the 484"),
        ("ragged", lambda d: d.assign_coords(b=d["b"] * np.nan), "one row for each of the 484"),
        ("padded", lambda d: d.isel(axis=[0]), "all 2 axes of space, once each, got"),
        ("padded", lambda d: d.isel(axis=[0, 0]), "all 2 axes of space, once each, got"),
        ("padded", lambda d: d.isel(scale=[0, 0, 1]), "`scales` must increase strictly"),
        ("padded", lambda d: d.isel(offset=slice(None, None, 2)), "must hold the 45 offsets"),
        ("padded", lambda d: d.isel(offset=[*range(44), 0]), "must hold the 45 offsets"),
        ("padded", lambda d: d.isel(wave_number=slice(9)), "the energies of a field of norm"),
        ("padded", lambda d: d.expand_dims("time"), "must hold .* over"),
        ("padded", lambda d: d * np.nan, "finite|must"),
        ("padded", lambda d: d.assign_attrs(ridgelet="{"), "'ridgelet' must be JSON"),
        ("padded", lambda d: d.assign_attrs(ridgelet="[]"), "'ridgelet' must be a table"),
        ("padded", lambda d: d.assign_attrs(grid="polr"), "did you mean 'polar'"),
        ("padded", lambda d: d.assign_attrs(step="x"), "`step` must be a number"),
        ("padded", lambda d: d.assign_attrs(step=np.nan), "`step` must be finite"),
    ],
)
def test_datasets_that_hold_no_whole_spectrum_are_refused(layout, change, match):
    xarray = pytest.importorskip("xarray")
    data = spectrum_on("polar").to_xarray(layout=layout)
    with xarray.set_options(keep_attrs=True), pytest.raises(ValueError, match=match):
        rf.Spectrum.from_xarray(change(data))


@pytest.mark.parametrize("kind", GRIDS)
def test_pickles_and_copies_pass_the_checks_of_the_constructor(kind):
    spectrum = spectrum_on(kind)
    assert_same(pickle.loads(pickle.dumps(spectrum)), spectrum)
    assert_same(copy.deepcopy(spectrum), spectrum)
    with pytest.raises(ValueError, match="`size` must be the number of nodes"):
        dataclasses.replace(spectrum.grid, size=spectrum.grid.size + 1)
    grid = copy.copy(spectrum.grid)
    object.__setattr__(grid, "dim", -1)
    with pytest.raises(ValueError, match="`dim` must be at least 1"):
        pickle.loads(pickle.dumps(grid))


def test_grids_cannot_be_changed_behind_their_checks():
    for array in (GRIDS["polar"].directions, GRIDS["polar"].scales, GRIDS["cartesian"].axes[0]):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = np.nan
