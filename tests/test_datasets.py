"""Shipped data, standardising, and the reading of users' files, good and bad."""

import numpy as np
import pytest

from ridgeflow.datasets import load_iris, read_table, standardise
from ridgeflow.errors import FileFormatError


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
    ],
)
def test_standardise_refuses(points, names, message):
    with pytest.raises(ValueError, match=message):
        standardise(points, names=names)


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
    ],
)
def test_text_with_header(write, text):
    table = read_table(write(text))
    assert table.names == ("u", "v")
    assert table.data.tolist() == [[1.0, 2.0], [3.0, 4.5]]
    assert table.path.endswith("points.csv")


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
        (b"PK but broken", None, "is no readable NPY or NPZ"),
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
    with pytest.raises(ValueError, match="`array` must be None for a file that is no NPZ"):
        read_table(write("1,2\n"), array="x")
