"""Files: written whole or not at all, and read without trusting them."""

import io
import json
import os
import stat
import subprocess
import sys
import threading
import warnings
import zipfile

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow._storage import open_archive, save_archive, save_text, whole_file
from ridgeflow.errors import FileFormatError, MemoryBudgetError

posix = pytest.mark.skipif(os.name != "posix", reason="modes and links of POSIX")
LAW = rf.GaussianMixture([1.0], [[0.1, 0.2]], 0.3)
PSI = rf.Ridgelet(2, 2)
GRID = rf.ParameterGrid.polar(2, 4, [0.5, 1.0, 2.0], 1.5, 0.5)


# Writing


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666])
def test_an_existing_file_keeps_its_mode(tmp_path, mode):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(mode)
    save_text(path, "new")
    assert path.read_text() == "new" and stat.S_IMODE(path.stat().st_mode) == mode


@posix
def test_a_new_file_follows_the_mask(tmp_path):
    mask = os.umask(0o027)
    try:
        save_text(tmp_path / "a", "new")
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(mask)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


@posix
def test_the_target_of_a_link_is_replaced_and_not_the_link(tmp_path):
    (tmp_path / "there").mkdir()
    target, link, chain = tmp_path / "there" / "a", tmp_path / "link", tmp_path / "chain"
    link.symlink_to(target)
    chain.symlink_to(link)
    for text in ("made", "made anew"):
        save_text(chain, text)
        assert target.read_text() == text and link.is_symlink() and chain.is_symlink()
        assert not target.is_symlink()
    loop = tmp_path / "loop"
    loop.symlink_to(loop)
    with pytest.raises(OSError, match="`path` must lie in a folder that can be written"):
        save_text(loop, "text")


@posix
def test_pipes_and_devices_are_written_to():
    read, write = os.pipe()
    save_text(f"/dev/fd/{write}", "through")
    assert os.read(read, 99) == b"through"
    os.close(read), os.close(write)
    save_text(os.devnull, "gone")
    assert not stat.S_ISREG(os.stat(os.devnull).st_mode)


def test_what_is_no_file_to_write_is_refused(tmp_path):
    for path, error in ((None, TypeError), (3, TypeError), (b"a", TypeError), ("", ValueError)):
        with pytest.raises(error, match="`path` must"):
            save_text(path, "")
    with pytest.raises(ValueError, match="`path` must name a file"):
        save_text("a\0b", "")
    with pytest.raises(IsADirectoryError, match="`path` must be a file, got the folder"):
        save_text(tmp_path, "")
    with pytest.raises(FileNotFoundError, match="`path` must lie in an existing folder"):
        save_text(tmp_path / "no" / "a", "")
    with pytest.raises(OSError, match="`path` must lie in a folder that can be written"):
        save_text(tmp_path / ("n" * 300), "")
    network = rf.ShallowNetwork([[1.0]], [0.0], [2.0], "tanh")
    with pytest.raises(ValueError, match="`path` must name a file, got ''"):
        network.save("")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_file_that_is_protected_is_not_replaced(tmp_path):
    path = tmp_path / "a"
    path.write_text("old")
    path.chmod(0o400)
    with pytest.raises(PermissionError, match="`path` must be a file that may be written"):
        save_text(path, "new")
    assert path.read_text() == "old"


@posix
def test_temporary_files_of_dead_writers_are_removed_and_of_living_ones_are_not(tmp_path):
    script = """
import os, signal, sys
from ridgeflow._storage import whole_file
with whole_file(sys.argv[1]) as stream:
    stream.write(b"half of it")
    stream.flush()
    os.kill(os.getpid(), signal.SIGKILL)
"""
    for _ in range(2):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "a")], timeout=60, check=False)
    left = set(os.listdir(tmp_path))
    assert len(left) == 1, "the second writer has removed what the first one left"
    seen = []
    with whole_file(tmp_path / "c") as stream:
        seen.append(set(os.listdir(tmp_path)))
        save_text(tmp_path / "b", "while this one is being written")
        seen.append(set(os.listdir(tmp_path)))
        stream.write(b"whole")
    assert len(seen[0]) == 1 and not seen[0] & left
    assert seen[1] == seen[0] | {"b"}
    assert sorted(os.listdir(tmp_path)) == ["b", "c"]
    assert (tmp_path / "c").read_bytes() == b"whole"


def test_writers_in_many_threads_leave_one_whole_file(tmp_path):
    path = tmp_path / "a"
    texts = [f"{i}" * 20_000 for i in range(8)]
    threads = [threading.Thread(target=save_text, args=(path, text)) for text in texts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() in texts and os.listdir(tmp_path) == ["a"]


def test_a_writer_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(KeyboardInterrupt), whole_file(tmp_path / "a"):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


# Reading


def saved(tmp_path):
    path = tmp_path / "s.npz"
    rf.ridgelet_transform(LAW, PSI, GRID).save(path)
    return path


def parts_of(path):
    """Header and members of an archive as they lie in it."""
    with np.load(path) as archive:
        arrays = {name: archive[name] for name in archive.files}
    return json.loads(str(arrays.pop("ridgeflow_header"))), arrays


def rewritten(path, header, arrays):
    np.savez(path, ridgeflow_header=np.array(json.dumps(header)), **arrays)


def npy(descr, shape, data, order="False"):
    """Bytes of an array file that claims what it is told to."""
    words = f"{{'descr': {descr!r}, 'fortran_order': {order}, 'shape': {shape}, }}"
    words += " " * (117 - len(words)) + "\n"
    return b"\x93NUMPY\x01\x00" + len(words).to_bytes(2, "little") + words.encode() + data


def with_members(path, contents, **kind):
    """The archive with some members replaced by given bytes."""
    with zipfile.ZipFile(path) as old:
        members = {n: old.read(n) for n in old.namelist()}
    members |= contents
    with zipfile.ZipFile(path, "w") as new:
        for n, data in members.items():
            new.writestr(n, data, **(kind if n in contents else {}))


@pytest.mark.parametrize(
    ("change", "match"),
    [
        (lambda h: h.update(version=None), "format version, a number from 1, got None"),
        (lambda h: h.update(version="1"), "got '1'"),
        (lambda h: h.update(version=[1]), r"got \[1\]"),
        (lambda h: h.update(version=True), "got True"),
        (lambda h: h.update(version=1.0), "got 1.0"),
        (lambda h: h.pop("version"), "got None"),
        (lambda h: h.update(version=2), "has format version 2, this ridgeflow reads up to 1"),
        (lambda h: h.update(kind=["spectrum"]), r"holds a \['spectrum'\], expected spectrum"),
        (lambda h: h.update(record=None), "`record` must be a dict, got None"),
        (lambda h: h.update(record=[]), "`record` must be a dict"),
        (lambda h: h["record"].update(tol="1e-8"), "`tol` must be a number"),
        (lambda h: h["record"].update(more=1), "unexpected keyword argument 'more'"),
        (lambda h: h["record"].update(norm=7.0), "the energies of a field of norm 7 make"),
        (lambda h: h["record"].update(leaks=[1.0]), "one leak for each of the 3 scales"),
        (lambda h: h["record"].update(edges=[float("nan")] * 3), "`edges` must be finite"),
        (lambda h: h.update(ridgelet=None), "`ridgelet` must be a dict, got None"),
        (lambda h: h.update(grid="polr"), "did you mean 'polar'"),
        (lambda h: h.update(grid=None), "`grid` must be a string"),
        (lambda h: h.update(step=0.0), "`step` must be positive"),
        (lambda h: h.update(step=1e-300), "fewer than 2.48 offsets"),
        (lambda h: h.update(radius=float("nan")), "`radius` must be finite"),
        (lambda h: h.update(radius=None), "`radius` must be a number"),
        (lambda h: h.update(radius=10**400), "`radius` must be finite"),
        (lambda h: h.update(margin=-1.0), "`margin` must not be negative"),
        (lambda h: h.update(provenance=None), "holds no whole spectrum"),
        (lambda h: h.update(provenance={"fields": 3}), "holds no whole spectrum"),
    ],
)
def test_headers_that_say_something_else_are_refused(tmp_path, change, match):
    path = saved(tmp_path)
    header, arrays = parts_of(path)
    change(header)
    rewritten(path, header, arrays)
    with pytest.raises(FileFormatError, match=match):
        rf.load_spectrum(path)


@pytest.mark.parametrize(
    ("name", "change", "match"),
    [
        ("directions", lambda a: a * np.nan, "`directions` must be finite, got 8 NaN"),
        ("directions", lambda a: 3 * a, "`directions` must be unit vectors, got norm 3"),
        ("directions", lambda a: a[:, :1], "unit vectors|dimension"),
        ("directions", lambda a: a[:0], "`directions` must have shape"),
        ("directions", lambda a: a.ravel(), "`directions` must have shape"),
        ("directions", lambda a: a.astype("U8"), "`directions` must be numeric"),
        ("direction_weights", lambda a: a[:2], "must hold 4 weights >= 0"),
        ("direction_weights", lambda a: -a, "`direction_weights` must hold 4 weights >= 0"),
        ("direction_weights", lambda a: a * np.nan, "`direction_weights` must be finite"),
        ("scales", lambda a: a[::-1], "`scales` must increase strictly"),
        ("scales", lambda a: a - 0.5, "`scales` must be positive"),
        ("scales", lambda a: a * np.inf, "`scales` must be finite"),
        ("scale_weights", lambda a: -a, "`scale_weights` must hold 3 weights >= 0"),
        ("scale_weights", lambda a: a[:1], "must hold 3 weights >= 0"),
        ("center", lambda a: a[:1], r"`center` must have shape \(2,\)"),
        ("values", lambda a: a[:-1], "one row for each of the"),
        ("values", lambda a: a * np.nan, "`values` must be finite"),
        ("record_wave_numbers", lambda a: a[::-1], "`wave_numbers` must increase"),
        ("record_energy", lambda a: -a, "one energy >= 0 for each wave number"),
        ("record_energy", lambda a: a[:-1], "one energy >= 0 for each wave number"),
    ],
)
def test_arrays_that_make_no_spectrum_are_refused(tmp_path, name, change, match):
    path = saved(tmp_path)
    header, arrays = parts_of(path)
    arrays[name] = change(arrays[name])
    rewritten(path, header, arrays)
    with pytest.raises(FileFormatError, match=match):
        rf.load_spectrum(path)


def test_members_that_claim_more_than_they_hold_are_refused(tmp_path):
    path = saved(tmp_path)
    whole = path.read_bytes()
    data = bytes(8 * 10)
    for content, match in (
        (npy("<f8", f"({10**11},)", data), "claims the shape"),
        (npy("<f8", f"({10**17}, {10**17})", data), "claims the shape"),
        (npy("<f8", "(10,)", data + b"1"), "claims the shape"),
        (npy("<f8", "(10, )", data), None),
        (npy("<U0", "(10,)", b""), "unknown type '<U0'"),
        (npy("<f3", "(10,)", data), "unknown type '<f3'"),
        (npy("|O", "(10,)", data), "no array of numbers or text"),
        (npy("<f8", "(-10,)", data), "no array of numbers or text"),
        (npy("<f8", "(10,", data), "no array of numbers or text"),
        (npy("<f8", f"({'1, ' * 5}0, {10**17}, {10**17})", b""), "truncated or not"),
        (b"\x93NUMPY\x02\x00" + b"\xff" * 90, "no array of numbers or text"),
        (b"", "no array of numbers or text"),
        (b"\x93NUM", "no array of numbers or text"),
    ):
        path.write_bytes(whole)
        with_members(path, {"values.npy": content})
        with open_archive(path, "spectrum") as archive:
            if match is None:
                assert archive["values"].shape == (10,)
                continue
            with pytest.raises(FileFormatError, match=match):
                archive["values"]


def test_a_size_that_the_file_cannot_hold_is_refused_before_it_is_unpacked(tmp_path):
    path = saved(tmp_path)
    whole = bytearray(path.read_bytes())
    # The size after unpacking, in the entry of the central directory.
    at = whole.rindex(b"values.npy") - 46 + 24
    whole[at : at + 4] = (2**32 - 2).to_bytes(4, "little")
    path.write_bytes(whole)
    refused = pytest.raises(FileFormatError, match="claims 4294967294 bytes, more than")
    with open_archive(path, "spectrum") as archive, refused:
        archive["values"]


def test_what_unpacks_to_more_than_the_budget_is_refused(tmp_path):
    path = saved(tmp_path)
    bomb = npy("<f8", f"({2**22},)", bytes(8 * 2**22))
    both = {"values.npy": bomb, "unused.npy": bomb}
    with_members(path, both, compress_type=zipfile.ZIP_DEFLATED)
    assert path.stat().st_size < 2**20
    refused = pytest.raises(MemoryBudgetError, match=r"holds needs 6\d MiB, .* is 16 MiB")
    with rf.config(memory_budget=2**24), refused:
        rf.load_spectrum(path)
    # A member that nobody asks for is not unpacked at all.
    rf.ridgelet_transform(LAW, PSI, GRID).save(path)
    with_members(path, {"unused.npy": bomb}, compress_type=zipfile.ZIP_DEFLATED)
    with rf.config(memory_budget=2**24):
        assert rf.load_spectrum(path).grid.size == GRID.size


def test_a_member_that_is_there_twice_is_refused(tmp_path):
    path = saved(tmp_path)
    for name in ("values.npy", "values"):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # zipfile warns of the name
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(name, npy("<f8", "(10,)", bytes(80)))
        with pytest.raises(FileFormatError, match="holds 'values' more than once"):
            rf.load_spectrum(path)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "s.npz"
    with open(path, "wb") as stream:
        np.save(stream, np.zeros(3))
    with pytest.raises(FileFormatError, match="truncated or not an archive"):
        rf.load_spectrum(path)
    save_archive(path, "spectrum", {}, {})
    for compress in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        with_members(path, {"values.npy": b""}, compress_type=compress)
        refused = pytest.raises(FileFormatError, match="is packed by method")
        with open_archive(path, "spectrum") as archive, refused:
            archive["values"]
    for text in ("[" * 100_000, "{", "3", '{"a": 1' + "0" * 5000 + "}"):
        np.savez(path, ridgeflow_header=np.array(text))
        with pytest.raises(FileFormatError, match="header is no"):
            rf.load_spectrum(path)
    for path, error in ((None, TypeError), ("", ValueError), (3.0, TypeError)):
        with pytest.raises(error, match="`path` must"):
            rf.load_spectrum(path)
    with pytest.raises(FileNotFoundError, match="`path` must name an existing file"):
        rf.load_network(tmp_path)


def test_arrays_come_back_bit_by_bit(tmp_path):
    arrays = {
        "f": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "c": np.array([1 + 2j, np.nan], np.complex64),
        "u": np.array(["ä", "xyz"]),
        "i": np.arange(4, dtype=">i2"),
        "b": np.array([True, False]),
        "scalar": np.array(3.5),
        "empty": np.empty((0, 3)),
    }
    save_archive(tmp_path / "a", "any", {"x": [1]}, arrays)
    with open_archive(tmp_path / "a", "any") as archive:
        assert set(archive) == set(arrays) and archive.header["x"] == [1]
        for name, array in arrays.items():
            found = archive[name]
            assert found.dtype == array.dtype and found.shape == array.shape
            assert found.tobytes() == array.tobytes()
        assert "nothing" not in archive
        with pytest.raises(KeyError):
            archive["nothing"]


def load(content, path, loader):
    """What a loader makes of these bytes: the object, or None where it refuses."""
    path.write_bytes(content)
    try:
        return loader(path)
    except (FileFormatError, MemoryBudgetError):
        return None


def networks(tmp_path):
    rng = np.random.default_rng(0)
    fields = [
        rf.ShallowNetwork(rng.normal(size=(3, 2)), rng.normal(size=3), rng.normal(size=(3, 2)), eta)
        for eta in ("tanh", "relu")
    ]
    net = rf.ResidualNetwork(fields, [0.5, 0.5], region=rf.Region([0.0, 0.0], 9.0, 1.0))
    path = tmp_path / "n.npz"
    net.save(path)
    return path


@pytest.mark.parametrize("kind", ["spectrum", "network"])
@pytest.mark.parametrize("cuts", [60, pytest.param(600, marks=pytest.mark.slow)])
def test_every_truncation_is_refused(tmp_path, kind, cuts):
    path = saved(tmp_path) if kind == "spectrum" else networks(tmp_path)
    loader = rf.load_spectrum if kind == "spectrum" else rf.load_network
    whole = path.read_bytes()
    for length in range(0, len(whole), max(1, len(whole) // cuts)):
        assert load(whole[:length], path, loader) is None


@pytest.mark.parametrize("kind", ["spectrum", "network"])
@pytest.mark.parametrize("flips", [100, pytest.param(600, marks=pytest.mark.slow)])
def test_flipped_bits_are_refused_or_change_nothing(tmp_path, kind, flips):
    path = saved(tmp_path) if kind == "spectrum" else networks(tmp_path)
    loader = rf.load_spectrum if kind == "spectrum" else rf.load_network
    whole = path.read_bytes()
    x = np.array([[0.1, 0.2], [-0.5, 0.4]])
    eta = rf.activation("gaussian")

    def values(thing):
        return rf.reconstruct(thing, eta, x) if kind == "spectrum" else thing(x)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)
        expected = values(loader(path))
        rng = np.random.default_rng(1)
        kept = 0
        for _ in range(flips):
            damaged = bytearray(whole)
            damaged[rng.integers(len(whole))] ^= 1 << rng.integers(8)
            found = load(bytes(damaged), path, loader)
            if found is not None:
                kept += 1
                assert np.array_equal(values(found), expected)
    assert kept < flips / 2  # dates, modes and padding of names may change


def test_savez_writes_what_the_reader_expects():
    # The reader takes headers of arrays exactly as NumPy writes them.
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.zeros((2, 3), np.float32))
    start = stream.getvalue()[:128]
    assert start == npy("<f4", "(2, 3)", b"")[:128]
