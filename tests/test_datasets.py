"""Shipped data, standardising, and the reading of users' files, good and bad."""

import gzip
import io
import json
import os
import threading
import zipfile

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow.datasets import load_iris, read_table, standardise
from ridgeflow.errors import FileFormatError, MemoryBudgetError, TableWarning


@pytest.fixture
def write(tmp_path):
    def write_text(text, name="points.csv", encoding="utf-8"):
        path = tmp_path / name
        path.write_bytes(text.encode(encoding) if isinstance(text, str) else text)
        return path

    return write_text


def test_iris_is_fishers_table():
    iris = load_iris()
    assert iris.data.shape == (150, 4) and iris.data.dtype == np.float64
    assert len(iris.feature_names) == 4
    assert np.bincount(iris.target).tolist() == [50, 50, 50]
    # Column sums of the printed table; the version at UCI has 458.1, 563.8 and 179.8.
    np.testing.assert_allclose(iris.data.sum(0), [876.5, 458.6, 563.7, 179.9], rtol=1e-13)
    assert iris.data[34].tolist() == [4.9, 3.1, 1.5, 0.2]
    assert iris.data[37].tolist() == [4.9, 3.6, 1.4, 0.1]
    assert "1936" in iris.source and "10.24432/C56C76" in iris.source
    assert iris.licence == "CC BY 4.0"
    with pytest.raises(AttributeError):
        iris.licence = "none"


def test_iris_agrees_with_scikit_learn():
    sklearn_datasets = pytest.importorskip("sklearn.datasets", reason="an optional peer")
    theirs = sklearn_datasets.load_iris()
    np.testing.assert_array_equal(load_iris().data, theirs.data)
    np.testing.assert_array_equal(load_iris().target, theirs.target)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_standardise_keeps_dtype_and_inverts(dtype):
    x = (np.random.default_rng(0).normal(size=(40, 3)) * [1e-3, 1, 1e3] + [5, 0, -7]).astype(dtype)
    z, mean, scale = standardise(x)
    assert z.dtype == mean.dtype == scale.dtype == dtype
    # measured 5e-4 (float32) and 4e-13 (float64): column 0 lies 5000 of its scales from zero
    tol = 2e-3 if dtype == np.float32 else 1e-11
    np.testing.assert_allclose(z.mean(0), 0, atol=tol)
    np.testing.assert_allclose(z.std(0, ddof=1), 1, atol=tol)
    np.testing.assert_allclose(mean + scale * z, x, rtol=1e-6)


def test_standardise_survives_huge_values():
    z, _, _ = standardise([[1e200], [3e200]])
    np.testing.assert_allclose(z.ravel(), [-np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-14)


def test_standardise_survives_the_ends_of_the_range():
    # Sums of the values overflow, and so do differences; by hand, mean 1.4 and spread 0.2 * 2^.5.
    z, mean, scale = standardise(np.array([[1.2e308], [1.6e308]]))
    np.testing.assert_allclose(z.ravel(), [-np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-14)
    np.testing.assert_allclose([mean[0] / 1e308, scale[0] / 1e307], [1.4, np.sqrt(8)], rtol=1e-14)
    z, _, scale = standardise(np.array([[1e-300], [3e-300]]))
    np.testing.assert_allclose(z.ravel(), [-np.sqrt(0.5), np.sqrt(0.5)], rtol=1e-14)
    with pytest.raises(ValueError, match=r"spread below 1.8e\+308, got more in column\(s\) 'u'"):
        standardise(np.array([[-1.7e308], [1.7e308]]), names=["u"])
    with pytest.raises(ValueError, match="constant column"):
        standardise(np.array([[5e-324], [1e-323]]))


def test_standardise_sees_that_float32_rounds_a_constant():
    almost = np.full((50, 1), 100, np.float32)
    almost[::2] = np.nextafter(np.float32(100), np.float32(200))
    with pytest.raises(ValueError, match="constant column"):
        standardise(almost)
    almost[::2] += np.float32(0.01)
    assert standardise(almost)[0].std(ddof=1) == pytest.approx(1, rel=1e-2)


@pytest.mark.parametrize(
    ("points", "names", "message"),
    [
        ([[1.0, 2.0], [1.0, 3.0]], None, r"constant column\(s\) 0 \(drop them\)"),
        ([[2.0, 1.0], [3.0, 1.0]], ["u", "v"], r"constant column\(s\) 'v'"),
        ([[0.1 + 0.2], [0.3]], None, r"constant column\(s\) 0"),
        ([[0.0, 0.0], [0.0, 0.0]], None, r"constant column\(s\) 0, 1"),
        ([[1.0, 2.0]], None, "at least 2 rows, got 1"),
        ([[1.0, 2.0], [2.0, 1.0]], ["u"], r"one entry per column \(2\), got 1"),
        ([[1.0], [np.nan]], None, "`points` must be finite"),
        (np.ma.masked_equal([[1.0], [2.0], [9.0]], 9), None, "no masked entries"),
    ],
)
def test_standardise_refuses(points, names, message):
    with pytest.raises(ValueError, match=message):
        standardise(points, names=names)


@pytest.mark.parametrize("names", ["uv", 3, {"u": 1, "v": 2}, ["u", None]])
def test_standardise_refuses_names_that_are_no_list(names):
    with pytest.raises(TypeError, match=r"`names` must be a (list or a tuple|str)"):
        standardise([[1.0, 2.0], [2.0, 1.0]], names=names)


@pytest.mark.parametrize(
    "text",
    [
        "u,v\n1,2\n3,4.5\n",
        "u;v\n1;2\n3;4.5\n",
        "u\tv\n1\t2\n3\t4.5\n",
        "u v\n1   2\n3 4.5\n",
        "  u   v\n  1   2\n  3 4.5\n",
        '# made by hand\n\n"u", "v"\n1, 2\n\n3, 4.5',
        "\ufeffu,v\r\n1,2\r\n3,4.5\r\n",
        "u,v\r1,2\r3,4.5\r",
        "u,v,\n1,2,\n3,4.5,\n",
        "u,v\n1,2,\n3,4.5,\n",
        "u v\n+1.0D+00 0.2d1\n3D0 4.5\n",
        "u;v\n1;2\n3.0;\u200a4.5\n",
    ],
)
def test_text_with_header(write, text):
    table = read_table(write(text))
    assert table.names == ("u", "v")
    assert table.data.tolist() == [[1.0, 2.0], [3.0, 4.5]]
    assert table.path.endswith("points.csv")


def lines(*columns):
    return "".join(",".join(map(str, row)) + "\n" for row in zip(*columns, strict=True))


A, B, C = [0.511, -0.32, 1.25, 2.75], [1.5, 0.25, -2.125, 0.75], [12, 160, 31, 75]
WORDS = ["BRCA1", "TP53", "EGFR", "MYC"]


# What pandas, R and people write above numbers.
@pytest.mark.parametrize(
    ("text", "names", "columns"),
    [
        ("u,v\n" + lines(A, B), ("u", "v"), [A, B]),
        ("2019,2020\n" + lines(A, B), ("2019", "2020"), [A, B]),
        ("2019,2020,2021\n" + lines(A, B, C), ("2019", "2020", "2021"), [A, B, C]),
        ("gene,1,2\n" + lines(C, A, B), ("gene", "1", "2"), [C, A, B]),
        ('"400","700"\n' + lines(A, B), ("400", "700"), [A, B]),
        ("dose,1 mg,2 mg\n" + lines(C, A, B), ("dose", "1 mg", "2 mg"), [C, A, B]),
        ("u,,w\n" + lines(A, B, C), ("u", "column_1", "w"), [A, B, C]),
        ("petal length (cm)\n" + lines(A), ("petal length (cm)",), [A]),
    ],
)
def test_headers_that_are_certain(write, text, names, columns):
    table = read_table(write(text))
    assert table.names == names
    np.testing.assert_array_equal(table.data, np.transpose(columns))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (",0,1\n" + lines(range(4), A, B), ("0", "1")),
        (",u,v\n" + lines(range(4), A, B), ("u", "v")),
        (",u,v\n" + lines([3, 7, 8, 12], A, B), ("u", "v")),
        (",0,1\n" + lines(WORDS, A, B), ("0", "1")),
        ("Unnamed: 0,u,v\n" + lines(range(4), A, B), ("u", "v")),
        ('"","2019","2020"\n' + lines(['"1"', '"2"', '"3"', '"4"'], A, B), ("2019", "2020")),
        ('"u" "v"\n' + lines(['"a b"', '"c"', "d", "e"], A, B).replace(",", " "), ("u", "v")),
        ("u\tv\n" + lines(range(1, 5), A, B).replace(",", "\t"), ("u", "v")),
    ],
)
def test_an_exported_index_is_left_out_and_said_so(write, text, names):
    path = write(text)
    with pytest.warns(TableWarning, match="points.csv: left out column 0, .*`columns`"):
        table = read_table(path)
    assert table.names == names
    np.testing.assert_array_equal(table.data, np.transpose([A, B]))
    assert read_table(path, list(names)).data.shape == (4, 2)
    if "BRCA1" not in text and "a b" not in text:
        assert read_table(path, [0, 1]).data.shape == (4, 2)


@pytest.mark.parametrize("first", [[0.5, 1.5, 2.5, 3.5], [1, 1, 2, 3]])
def test_an_unnamed_column_that_is_no_index_must_be_chosen(write, first):
    path = write(",u\n" + lines(first, A))
    with pytest.raises(FileFormatError, match=r"column 0 must have a name.*`columns`"):
        read_table(path)
    assert read_table(path, [0, 1]).data[:, 0].tolist() == first


@pytest.mark.parametrize(
    "text",
    [
        "0,1,2\n" + lines(A, B, C),
        "0,1,2\n" + lines(C, C, C),
        "0\n" + lines(A),
        "2019\n" + lines(A),
        "1200,1201\n" + lines([1199, 1204, 1210], [1180, 1250, 1190]),
        "10,20\n" + lines(A, B),
        "gene,1,2\n" + lines(WORDS, A, B),
        "3,5\n0.125,6.125\n0.250,7.125\n4.375,8.375\n",
        "NA,NA\n" + lines(A, B),
        "$5,$6\n" + lines(A, B),
        '"1,200","1,300"\n' + lines(A, B),
    ],
)
def test_a_doubtful_first_line_is_refused(write, text):
    path = write(text)
    with pytest.raises(FileFormatError, match=r"line 1: may be a header or data.*--no-header"):
        read_table(path)
    n = text.count("\n")
    last = -1 if "gene" in text else None
    if "NA" not in text:
        assert len(read_table(path, last and [1, 2], header=True).data) == n - 1
    if text[0] not in '$N"':
        assert len(read_table(path, last and [1, 2], header=False).data) == n


@pytest.mark.parametrize(
    "text",
    [
        lines(A, B),
        lines(A, C),
        "0,1,0\n" + lines(A, B, C),
        "0,1\n0.1,0.995\n0.2,0.98\n",
        "1,2\n3,4\n5,6\n",
        "7\n8\n0\n",
        lines(C, WORDS).replace("12", "1") + "9,BRCA1\n",
        "1,14.23\n1,13.2\n2,13.1\n",
        "1.0e0,2019\n" + lines(A, B),
        "5,1.0\n4,2.5\n",
        "−1,−2\n" + lines(A, B),
    ],
)
def test_first_lines_that_are_data(write, text):
    columns = [0] if "BRCA1" in text else None
    assert len(read_table(write(text), columns).data) == text.count("\n")


def test_header_may_be_said(write):
    path = write("u,v\n1,2\n3,4\n")
    assert read_table(path, header=True).names == ("u", "v")
    with pytest.raises(FileFormatError, match="line 1, column '0': must be a number, got 'u'"):
        read_table(path, header=False)
    assert read_table(write("5,7\n1,2\n"), "7", header=True).data.tolist() == [[2.0]]
    with pytest.raises(FileFormatError, match="column names must differ, got '1' twice"):
        read_table(write("1,1\n1,2\n"), header=True)
    with pytest.raises(TypeError, match="`header` must be True or False, got 'no'"):
        read_table(path, header="no")
    np.save(path.with_suffix(".npy"), np.eye(2))
    with pytest.raises(ValueError, match="`header` must be None for NPY and NPZ files"):
        read_table(path.with_suffix(".npy"), header=True)


def test_text_without_header(write):
    table = read_table(write("1,2,setosa\n3,4,virginica\n"), [1, "0"])
    assert table.names == ("1", "0")
    assert table.data.tolist() == [[2.0, 1.0], [4.0, 3.0]]


def test_one_column_and_scientific_notation(write):
    assert read_table(write("x\n1e-3\n-2E5\n")).data.tolist() == [[1e-3], [-2e5]]


def test_names_win_over_numbers_and_order_is_kept(write):
    # Names that are numbers make the first line data; a name among letters can still hold digits.
    path = write("x1,y2,name\n1,2,a\n3,4,b\n")
    assert read_table(path, ["y2", "x1"]).data.tolist() == [[2.0, 1.0], [4.0, 3.0]]
    assert read_table(path, "y2").data.tolist() == [[2.0], [4.0]]
    assert read_table(path, 0).data.tolist() == [[1.0], [3.0]]


def test_numpy_files(tmp_path):
    x = np.arange(6, dtype=np.float32).reshape(3, 2)
    np.save(tmp_path / "x.npy", x)
    table = read_table(tmp_path / "x.npy", [1])
    assert table.data.dtype == np.float32 and table.data.tolist() == [[1.0], [3.0], [5.0]]
    np.save(tmp_path / "flat.npy", np.arange(3))
    assert read_table(tmp_path / "flat.npy").data.shape == (3, 1)
    np.savez(tmp_path / "one.npz", points=x)
    assert read_table(tmp_path / "one.npz").data.shape == (3, 2)
    np.savez(tmp_path / "named.npz", u=np.arange(3.0), v=np.ones(3))
    table = read_table(tmp_path / "named.npz", ["v", "u"])
    assert table.names == ("v", "u") and table.data[:, 1].tolist() == [0.0, 1.0, 2.0]
    np.savez(tmp_path / "two.npz", train=x, other=np.ones((2, 2)))
    assert read_table(tmp_path / "two.npz", array="train").data.shape == (3, 2)
    np.save(tmp_path / "half.npy", x.astype(np.float16))
    assert read_table(tmp_path / "half.npy").data.dtype == np.float64


def test_only_the_array_that_is_asked_for_is_unpacked(tmp_path):
    path = tmp_path / "mixed.npz"
    np.savez(path, x=np.eye(2), labels=np.array([{}, None]), cube=np.zeros((2, 2, 2)))
    assert read_table(path, array="x").data.tolist() == [[1.0, 0.0], [0.0, 1.0]]
    with pytest.raises(FileFormatError, match=r"got 'x' \(2, 2\), 'labels' \(objects\), 'cube'"):
        read_table(path)
    with pytest.raises(FileFormatError, match="'labels' holds pickled objects"):
        read_table(path, array="labels")
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("notes.txt", "made by hand")
    assert read_table(path, array="x").data.shape == (2, 2)
    with zipfile.ZipFile(path) as archive:
        member = archive.read("x.npy")
    with (
        pytest.warns(UserWarning, match="Duplicate name"),
        zipfile.ZipFile(path, "a") as archive,
    ):
        archive.writestr("x.npy", member)
    with pytest.raises(FileFormatError, match="holds the array 'x' twice"):
        read_table(path, array="x")


def test_claims_of_arrays_are_checked_before_memory_is_taken(tmp_path):
    path = tmp_path / "claim.npy"
    np.save(path, np.zeros((2, 2)))
    content = path.read_bytes()
    path.write_bytes(content.replace(b"(2, 2), }", b"(10**11,), }"))
    with pytest.raises(FileFormatError, match="is no readable NPY"):
        read_table(path)
    path.write_bytes(content.replace(b"(2, 2), }      ", b"(99999999999,)}"))
    with pytest.raises(FileFormatError, match="truncated: shape"):
        read_table(path)
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros((200_000, 10)))
    with (
        rf.config(memory_budget=2**24),
        pytest.raises(MemoryBudgetError, match=r"the array 'x' of shape \(200000, 10\) needs"),
    ):
        read_table(tmp_path / "bomb.npz")


def archive(**members):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as packed:
        for name, content in members.items():
            packed.writestr(name.replace("__", "/").replace("_", "."), content)
    return stream.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (archive(xl__workbook_xml="<x/>"), "an Excel workbook, no table .save the sheet as CSV"),
        (archive(content_xml="<x/>"), "an OpenDocument file, no table"),
        (archive(points_csv="1,2"), "a ZIP archive of 'points.csv', not of arrays .unpack it"),
        (gzip.compress(b"1,2\n", mtime=0), "compressed by gzip, no table .unpack it first: gunzip"),
        (b"PAR1\x15\x04", "a Parquet file, no table .pandas.read_parquet"),
        (b"\x89HDF\r\n\x1a\n", "an HDF5 file"),
        (b"\xd0\xcf\x11\xe0\xa1", "an old Excel"),
        (b"\x89PNG\r\n\x1a\n", "an image"),
        ("u,v\n1,2\n".encode("utf-16"), "text in UTF-16, no table .save it as CSV UTF-8"),
        (json.dumps([{"u": 1}, {"u": 2}]), "JSON, no table .write its numbers as CSV"),
        ('{"u": 1}\n{"u": 2}\n', "JSON, no table"),
        ("<!DOCTYPE html>\n<html>404</html>", "an HTML or XML page, no table"),
    ],
)
@pytest.mark.parametrize("piped", [False, True])
def test_files_of_other_kinds_say_what_to_do(write, tmp_path, content, message, piped):
    path = write(content)
    if piped:
        path = pipe(tmp_path, path.read_bytes())
    with pytest.raises(FileFormatError, match=message):
        read_table(path)


def pipe(folder, content):
    """A named pipe through which the content comes once, in small pieces."""
    if not hasattr(os, "mkfifo"):
        pytest.skip("the system has no named pipes")
    path = folder / "pipe"
    os.mkfifo(path)

    def write():
        with open(path, "wb", buffering=0) as stream:
            for start in range(0, len(content), 1000):
                try:
                    stream.write(content[start : start + 1000])
                except BrokenPipeError:
                    return  # the reader has seen enough

    threading.Thread(target=write, daemon=True).start()
    return path


def test_a_pipe_is_read_once_and_whole(tmp_path):
    x = np.random.default_rng(0).normal(size=(1500, 2))
    text = "u,v\n" + "".join(f"{a!r},{b!r}\n" for a, b in x.tolist())
    table = read_table(pipe(tmp_path, text.encode()))
    assert table.names == ("u", "v")
    np.testing.assert_array_equal(table.data, x)
    for save in (np.save, np.savez):
        stream = io.BytesIO()
        save(stream, x)
        (tmp_path / "pipe").unlink()
        np.testing.assert_array_equal(read_table(pipe(tmp_path, stream.getvalue())).data, x)


@pytest.mark.parametrize(
    ("text", "columns", "message"),
    [
        ("", None, "points.csv is empty"),
        ("\n# only a comment\n", None, "points.csv holds no data"),
        ("u,v\n", None, "holds a header but no data"),
        ("u,v\n1,2\n3\n", None, r"line 3: must have 2 cell\(s\) like line 1, got 1: '3'"),
        ("u,v\n1,2\n3,4,5\n", None, r"line 3: must have 2 cell\(s\) like line 1, got 3: '3,4,5'"),
        ("u,v\n1,2\n\n3,x\n", None, "line 4, column 'v': must be a number, got 'x'"),
        ("u,v\n1,a\n3,b\n", None, "line 2, column 'v': must hold numbers, got 'a' .*`columns`"),
        ("u;v\n1,5;2\n", None, "line 2, column 'u': .*'1,5' .write a decimal point"),
        ("u;v\n1,234;2\n", None, "got '1,234' .write 1234 or 1.234: the comma may be either"),
        ('u,v\n"1,234.5",2\n', None, "got '1,234.5' .write it without separators of thousands"),
        ("u;v\n1.234,5;2\n", None, "got '1.234,5' .write it without separators of thousands"),
        ("u;v\n1 234;2\n", None, "got '1 234' .write it without separators of thousands"),
        ("u,v\n1'234'567,2\n", None, "write it without separators of thousands"),
        ("u,v\n12%,2\n", None, "got '12%' .write the number alone"),
        ("u,v\nNA,2\n", None, "got 'NA' .remove the row, or fill the cell"),
        ("u,v\n1e400,2\n", None, "must be finite, got '1e400'"),
        ("u,v\n" + "1" * 200_000 + ",2\n", None, "has a cell of more than 131072 characters"),
        ("x\n1,5\n2,5\n", None, "line 2, column 'x': .*'1,5' .write a decimal point"),
        ("u,v\n1,2\n3,\n", None, "line 3, column 'v': is empty"),
        ("u,v\n1,nan\n", None, "line 2, column 'v': must be finite, got 'nan'"),
        ("u,v\n1,2\n-inf,2\n", None, "line 3, column 'u': must be finite, got '-inf'"),
        ("u,u\n1,2\n", None, "column names must differ, got 'u' twice"),
        ("1,x\n2,3\n", None, "line 1: mixes numbers with 'x' in column 1"),
        ('u,v\n"1,2\n3,4\n', None, "broken quotation"),
        ('u,v\n1,"2\n3"\n4,5\n', None, "spans several lines"),
        (b"u,v\n1,\xff\n", None, "is no UTF-8 text: byte 6"),
        (b"u,v\x00\n", None, "is a binary file"),
        (b"\x93NUMPY but broken", None, "is no readable NPY or NPZ"),
        (b"PK\x03\x04 but broken", None, "is no readable NPY or NPZ"),
    ],
)
def test_malformed_files_say_where(write, text, columns, message):
    with pytest.raises(FileFormatError, match=message):
        read_table(write(text), columns)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["lenght"], r"among length, width, kind or 0 to 2 in points.csv, got 'lenght' .*'length'"),
        ([3], "or 0 to 2 in points.csv, got 3$"),
        ([-1], "got -1"),
        (["width", 1], "`columns` must differ, got 'width' twice"),
        ([], "at least one column"),
        (["kind"], "line 2, column 'kind': must be a number, got 'a'"),
        (["²"], "got '²'"),
        (["9" * 5000], "got '999"),
    ],
)
def test_bad_columns(write, columns, message):
    with pytest.raises(ValueError, match=message):
        read_table(write("length,width,kind\n1,2,a\n3,4,b\n"), columns)


def test_bad_numpy_files(tmp_path):
    def save(name, **arrays):
        np.savez(tmp_path / name, **arrays)
        return tmp_path / name

    np.save(tmp_path / "cube.npy", np.zeros((2, 2, 2)))
    np.save(tmp_path / "words.npy", np.array([["a", "b"]]))
    np.save(tmp_path / "objects.npy", np.array([{}, None]), allow_pickle=True)
    np.save(tmp_path / "none.npy", np.zeros((0, 2)))
    np.save(tmp_path / "nan.npy", np.array([[1.0, 2.0], [np.nan, 3.0]]))
    for name, message in [
        ("cube.npy", r"must hold a 2-D array, got shape \(2, 2, 2\)"),
        ("words.npy", "must hold real numbers, got dtype <U1"),
        ("objects.npy", "is no readable NPY or NPZ file of numbers"),
        ("none.npy", r"holds no data, got shape \(0, 2\)"),
        ("nan.npy", r"row 1, column '0': must be finite, got nan \(1 such"),
    ]:
        with pytest.raises(FileFormatError, match=message):
            read_table(tmp_path / name)
    assert read_table(tmp_path / "nan.npy", [1]).data.tolist() == [[2.0], [3.0]]
    two = save("two.npz", a=np.zeros((2, 2)), b=np.zeros(3))
    with pytest.raises(
        FileFormatError, match=r"one array, or 1-D arrays.*'a' \(2, 2\), 'b' \(3,\)"
    ):
        read_table(two)
    with pytest.raises(ValueError, match=r"`array` must name an array of two.npz .*, got 'c'"):
        read_table(two, array="c")
    with pytest.raises(FileFormatError, match="holds no array"):
        read_table(save("empty.npz"))


def test_paths_that_are_no_files(tmp_path, write):
    with pytest.raises(FileNotFoundError, match="`path` must be an existing file"):
        read_table(tmp_path / "absent.csv")
    with pytest.raises(FileFormatError, match="must be a file, got the folder"):
        read_table(tmp_path)
    with pytest.raises(FileNotFoundError, match="`path` must be an existing file"):
        read_table("a\0b")
    with pytest.raises(FileFormatError, match="cannot be read: File name too long"):
        read_table(tmp_path / ("a" * 5000))
    for path in (None, b"points.csv", 3, np.eye(2)):
        with pytest.raises(TypeError, match="`path` must be the path of a file"):
            read_table(path)
    with pytest.raises(ValueError, match="`array` must be None for a file that is no NPZ"):
        read_table(write("1,2\n"), array="x")
    np.save(tmp_path / "x.npy", np.eye(2))
    with pytest.raises(ValueError, match="`array` must be None for a file that is no NPZ"):
        read_table(tmp_path / "x.npy", array="x")


@pytest.mark.parametrize(
    "columns", [1.0, True, [True], [None], [1.5], {"u": 1}, ["u", ["v"]], b"u"]
)
def test_columns_are_names_and_numbers(write, columns):
    with pytest.raises(TypeError, match="`columns` must"):
        read_table(write("u,v\n1,2\n3,4\n"), columns)
