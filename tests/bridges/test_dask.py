"""Dask collections: what is computed from chunks is what is computed from arrays, anywhere."""

import os
import signal
import subprocess
import sys
import time
import timeit
from functools import cache

import numpy as np
import pytest

pytest.importorskip("dask")
pytest.importorskip("distributed")
pytest.importorskip("sklearn")

import dask
import dask.array as da
import dask.dataframe as dd
import distributed
import pandas as pd

import ridgeflow as rf
from ridgeflow.bridges import dask_graphs
from ridgeflow.bridges.dask_rows import ROWS

RNG = np.random.default_rng(0)
N, M, CHUNK = 700, 3, 250
X = RNG.normal(size=(N, M))
Y = np.sin(X @ [1.0, 2.0, 0.5])
W = RNG.random(N)
LABELS = np.array(["low", "mid", "high"])[(X[:, 0] > 0).astype(int) + (X[:, 1] > 1)]
A, B = RNG.normal(size=(30, M)), RNG.normal(size=30)
NET = rf.ShallowNetwork(A, B, RNG.normal(size=(30, M)), "tanh", linear=np.eye(M))
LAW = rf.GaussianMixture([0.4, 0.6], [[0.0, 0.0, 0.0], [1.0, 0.0, 2.0]], 1.5)


@pytest.fixture(autouse=True)
def here():
    """In this process, one task after the other, unless a client says otherwise."""
    with dask.config.set(scheduler="synchronous"):
        yield


def spread(array, chunk=CHUNK):
    return da.from_array(array, chunks=(chunk, *array.shape[1:]))


def close(found, wanted, tol=1e-12):
    assert np.shape(found) == np.shape(wanted)
    assert np.abs(found - wanted).max() <= tol * max(1.0, np.abs(wanted).max())


# For each point alone


@cache
def owner_of(name):
    """An object of each class; made when it is asked for, since workers import this file too."""
    narrow = rf.GaussianMixture([1.0], [[0.0, 0.0, 0.0]], 0.1)
    makers = {
        "ShallowNetwork": lambda: NET,
        "ResidualNetwork": lambda: rf.ResidualNetwork([NET, NET], [0.01, 0.01]),
        "GaussianMixture": lambda: LAW,
        "GaussianDAE": lambda: rf.GaussianDAE(LAW, 0.1),
        "DenoisingAutoencoder": lambda: rf.DenoisingAutoencoder(LAW, narrow),
        "PositionNoiseDAE": lambda: rf.PositionNoiseDAE(
            LAW, 1e-2, lambda x: (1 + 0.1 * np.sin(x[:, :1, None])) * np.eye(M), nodes=6
        ),
        "DeepDAE": lambda: rf.DeepDAE(narrow, 0.02, 2),
        "StackedDAE": lambda: rf.StackedDAE(rf.SampleField(X[:50]), [0.1], [2 * np.eye(M)]),
        "ContinuousDAE": lambda: rf.ContinuousDAE(LAW),
    }
    return makers[name]()


MORE = {
    "GaussianMixture.posterior_mean": (0.1,),
    "ContinuousDAE.velocity": (0.1,),
    "ContinuousDAE.divergence": (0.1,),
    "ContinuousDAE.law_rate": (0.1,),
}
FEW = X[:40]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", [name for name in ROWS if not name.startswith("Double")])
def test_points_in_chunks(name, dtype):
    owner, method = owner_of(name.split(".")[0]), name.split(".")[1]
    given = FEW.astype(dtype)
    wanted = getattr(owner, method)(given, *MORE.get(name, ()))
    lazy = getattr(owner, method)(spread(given, 15), *MORE.get(name, ()))
    assert isinstance(lazy, da.Array) and lazy.dtype == wanted.dtype and lazy.shape == wanted.shape
    assert lazy.chunks[lazy.shape.index(40)] == (15, 15, 10)
    close(lazy.compute(), wanted, 1e-12 if dtype == np.float64 else 1e-6)


def test_single_precision_of_networks():
    single = NET.__class__(*(p.astype(np.float32) for p in (NET.a, NET.b, NET.c)), "tanh")
    lazy = single(spread(X.astype(np.float32)))
    assert lazy.dtype == np.float32
    close(lazy.compute(), single(X.astype(np.float32)), 1e-6)


def test_points_in_one_dimension_and_chunks_of_no_rows():
    net = rf.ShallowNetwork([[1.0]], [0.5], [2.0], "tanh")
    line = spread(X[:, 0])
    close(net(line).compute(), net(X[:, 0]))
    gaps = da.concatenate([spread(X)[:0], spread(X), spread(X)[:0]])
    close(NET(gaps).compute(), NET(X))
    close(rf.kernel_density(gaps).logpdf(FEW), rf.kernel_density(X).logpdf(FEW))


def test_reconstruction_in_chunks():
    law = rf.GaussianMixture([1.0], [[0.0, 0.0]], 0.25)
    eta = rf.activation("tanh")
    psi = rf.admissible_ridgelet(eta, 2)
    grid = rf.ParameterGrid.for_field(law, eta, psi, 1e-2)
    spectrum = rf.ridgelet_transform(law, psi, grid)
    lazy = spread(X[:, :2])
    wanted, slope = (f(spectrum, eta, X[:, :2]) for f in (rf.reconstruct, rf.reconstruct_gradient))
    # Profiles reach as far as the points of their chunk, to their own accuracy: measured 1.4e-9.
    close(rf.reconstruct(spectrum, eta, lazy).compute(), wanted, 1e-8)
    close(rf.reconstruct_gradient(spectrum, eta, lazy).compute(), slope, 1e-7)
    direct = rf.reconstruct(spectrum, eta, lazy, method="direct")
    close(direct.compute(), rf.reconstruct(spectrum, eta, X[:, :2], method="direct"))


@pytest.mark.parametrize("log_density", [True, False])
def test_flows_in_chunks(log_density):
    flow = rf.ContinuousDAE(LAW)
    options = {"times": [0.05, 0.1], "log_density": log_density, "method": "ode"}
    wanted, lazy = flow.flow(X, 0.1, **options), flow.flow(spread(X), 0.1, **options)
    back = flow.inverse_flow(lazy.points, 0.1, method="ode")
    points, trajectory, start = dask.compute(lazy.points, lazy.trajectory, back.points)
    stats = lazy.stats.compute()
    close(points, wanted.points)
    close(trajectory, wanted.trajectory)
    assert stats == wanted.stats
    assert np.abs(start - X).max() < 1e-6  # measured 6e-9
    if log_density:
        close(lazy.log_density.compute(), wanted.log_density)
        close(lazy.trajectory_log_density.compute(), wanted.trajectory_log_density)
    else:
        assert lazy.log_density is None


def test_the_represented_field_in_chunks():
    law = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
    limit = rf.DoubleContinuum(law, "tanh", span=(0.0, 0.05), tol=1e-2)
    x = np.linspace(-1, 1, 30)[:, None]
    close(limit.velocity(spread(x, 8), 0.02).compute(), limit.velocity(x, 0.02))
    wanted, lazy = limit.flow(x, 0.05), limit.flow(spread(x, 8), 0.05)
    # Points of a chunk share their steps, of a tolerance of 1e-6: measured 2e-12.
    close(lazy.points.compute(), wanted.points, 1e-9)
    close(lazy.log_density.compute(), wanted.log_density, 1e-9)


# Sums over samples

FITS = [
    {},
    {"ridge": 1e-3, "affine": True},
    {"ridge": 0.1, "measure": 3.0},
    {"ridge": "gcv", "affine": True, "observations": "weights"},
    {"ridge": "loo", "affine": True},
]


@pytest.mark.parametrize("weights", [None, W], ids=["equal", "weighted"])
@pytest.mark.parametrize("options", FITS, ids=str)
def test_outer_weights(options, weights):
    both = [
        rf.fit_outer_weights(A, B, "tanh", x, y, weights=w, **options)
        for x, y, w in (
            (X, Y, weights),
            (spread(X), spread(Y, 100), None if weights is None else spread(weights)),
        )
    ]
    # measured 1e-14 and below
    close(both[1](X), both[0](X))
    close(both[1].c, both[0].c, 1e-11)


def test_outer_weights_of_small_chunks_vectors_and_single_precision():
    x, y = X.astype(np.float32), NET(X).astype(np.float32)
    a, b = A.astype(np.float32), B.astype(np.float32)
    wanted = rf.fit_outer_weights(a, b, "relu", x, y, ridge=1e-4, affine=True)
    found = rf.fit_outer_weights(a, b, "relu", spread(x, 7), spread(y, 7), ridge=1e-4, affine=True)
    assert found.c.dtype == np.float32
    close(found(x), wanted(x), 1e-6)


def test_the_rank_is_told_of_chunks_too():
    a, b = np.ones((4, M)), np.zeros(4)
    with pytest.warns(rf.RankWarning, match="rank 1 < 4") as caught:
        rf.fit_outer_weights(a, b, "tanh", spread(X), spread(Y))
    local = rf.fit_outer_weights
    with pytest.warns(rf.RankWarning) as here_:
        local(a, b, "tanh", X, Y)
    assert here_[0].filename == __file__
    assert len(caught) == 1


def test_units_of_chunks_that_differ_widely():
    scale = np.where(np.arange(N) < CHUNK, 1e-120, 1.0)
    y, w = Y * scale, W * scale
    wanted = rf.fit_outer_weights(A, B, "tanh", X, y, weights=w, affine=True, ridge=1e-3)
    found = rf.fit_outer_weights(
        A, B, "tanh", spread(X), spread(y), weights=spread(w), affine=True, ridge=1e-3
    )
    close(found(X), wanted(X))


@pytest.mark.parametrize("weights", [None, W], ids=["equal", "weighted"])
@pytest.mark.parametrize("ridge", ["loo", "gcv", 1e-3])
def test_regression(ridge, weights):
    lazy_weights = None if weights is None else spread(weights)
    model = rf.RidgeletRegressor(width=40, ridge=ridge, random_state=0)
    there = rf.RidgeletRegressor(width=40, ridge=ridge, random_state=0)
    model.fit(X, Y, weights)
    there.fit(spread(X), spread(Y), lazy_weights)
    close(there.network_.a, model.network_.a)
    # The penalty is chosen where the error is flat, so rounding shows: measured 2e-13.
    close(there.predict(spread(X)).compute(), model.predict(X), 1e-11)
    assert there.loo_error_ == pytest.approx(model.loo_error_, rel=1e-9)  # measured 1e-13
    more = X[:100] + 0.1
    model.partial_fit(more, Y[:100])
    there.partial_fit(spread(more, 40), spread(Y[:100], 40))
    close(there.predict(X), model.predict(X), 1e-11)  # measured 2e-13


def test_regression_of_vectors_in_single_precision():
    x, y = X.astype(np.float32), NET(X).astype(np.float32)
    model = rf.RidgeletRegressor(width=20, ridge=1e-2, random_state=0).fit(x, y)
    there = rf.RidgeletRegressor(width=20, ridge=1e-2, random_state=0).fit(spread(x), spread(y))
    lazy = there.predict(spread(x))
    assert lazy.dtype == np.float32 and lazy.shape == y.shape
    close(lazy.compute(), model.predict(x), 1e-6)


@pytest.mark.parametrize("class_weight", [None, "balanced", {"low": 2.0}])
@pytest.mark.parametrize("classes", [2, 3])
def test_classification(classes, class_weight):
    labels = np.where(LABELS == "high", "low", LABELS) if classes == 2 else LABELS
    options = {"width": 30, "class_weight": class_weight, "random_state": 0}
    model = rf.RidgeletClassifier(**options).fit(X, labels)
    there = rf.RidgeletClassifier(**options).fit(spread(X), spread(labels))
    assert there.classes_.tolist() == model.classes_.tolist()
    assert (there.predict(spread(X)).compute() == model.predict(X)).all()
    assert there.predict(spread(X)).dtype == model.predict(X).dtype
    # measured 6e-13
    for name in ("predict_proba", "decision_function"):
        close(getattr(there, name)(spread(X)).compute(), getattr(model, name)(X), 1e-10)


def test_many_samples_draw_their_neurons_from_those_that_are_kept(monkeypatch):
    """A column that is constant in them but not in all samples keeps its slope."""
    monkeypatch.setattr("ridgeflow.bridges.dask_estimators.KEPT", 50)
    x = np.column_stack([X, (np.arange(N) == 5) * 1.0])
    y = Y + 3.0 * x[:, 3]
    model = rf.RidgeletRegressor(width=60, ridge=1e-6, random_state=0).fit(spread(x), spread(y))
    assert model._problem._kept.points.shape == (min(N, 2**14), 4)
    assert model.predict(x)[5] == pytest.approx(y[5], abs=0.3)  # measured 2e-3
    assert model.score(x, y) > 0.95  # measured .998


def test_kernel_densities():
    wanted, law = rf.kernel_density(X), rf.kernel_density(spread(X))
    assert (law.n_components, law.dim) == (N, M)
    for name in ("logpdf", "pdf", "score"):
        truth = getattr(wanted, name)(FEW, method="exact")
        close(getattr(law, name)(FEW, method="exact"), truth)
        close(getattr(law, name)(spread(FEW, 15), method="exact").compute(), truth)
    close(law.score_jacobian(spread(FEW, 15)).compute(), wanted.score_jacobian(FEW))
    mean = law.posterior_mean(spread(FEW, 15), 0.1, method="exact")
    close(mean.compute(), wanted.posterior_mean(FEW, 0.1, method="exact"))
    wide = law.smooth(0.2).shrink(0.1)
    close(wide.logpdf(FEW), wanted.smooth(0.1).logpdf(FEW), 1e-10)
    far = 1e3 + FEW
    close(law.logpdf(far, method="exact"), wanted.logpdf(far, method="exact"))
    close(law.gathered().means, X)
    single = rf.kernel_density(spread(X.astype(np.float32)), 0.5).score(FEW.astype(np.float32))
    assert single.dtype == np.float32
    close(single, rf.kernel_density(X, 0.5).score(FEW), 1e-5)


def test_samples_as_a_law():
    law = rf.SampleField(spread(X), weights=spread(W))
    wanted = rf.SampleField(X, weights=W)
    assert law.is_law and law.dim == M
    close(law.center, wanted.center)
    assert law.radius == pytest.approx(wanted.radius, rel=1e-14)
    close(
        law.smooth(0.3).logpdf(FEW, method="exact"), wanted.smooth(0.3).logpdf(FEW, method="exact")
    )
    assert "chunks=3" in repr(law)


PSI = rf.admissible_ridgelet(rf.activation("tanh"), 2)
POLAR = rf.ParameterGrid.polar(2, 12, np.geomspace(0.3, 3, 5), 4.0, 0.4)


@pytest.mark.parametrize(
    ("grid", "method", "tol"),
    [
        (POLAR, "direct", 1e-12),  # measured 1e-15
        (POLAR, "auto", 1e-8),  # measured 1e-10: the tolerance of the transform itself
        ((A[:, :2], B), "auto", 1e-12),  # measured 1e-15
    ],
    ids=["direct", "slices", "nodes"],
)
@pytest.mark.parametrize("complex_values", [False, True])
def test_spectra_of_samples(grid, method, tol, complex_values):
    y = np.column_stack([Y, Y**2]) * (1 + 2j if complex_values else 1)
    field = rf.SampleField(X[:, :2], y, W)
    lazy = rf.SampleField(spread(X[:, :2]), spread(y), spread(W))
    wanted = rf.ridgelet_transform(field, PSI, grid, method=method)
    found = rf.ridgelet_transform(lazy, PSI, grid, method=method)
    assert isinstance(found, rf.Spectrum)
    assert np.abs(found.values - wanted.values).max() <= tol * np.abs(wanted.values).max()
    (origin,) = found.provenance.fields
    assert (origin.size, origin.kind) == (N, "SampleField")


def test_spectra_at_nodes_in_chunks():
    field = rf.SampleField(X[:, :2], Y)
    wanted = rf.ridgelet_transform(field, PSI, (A[:, :2], B))
    found = rf.ridgelet_transform(field, PSI, (spread(A[:, :2], 11), spread(B, 11)))
    close(found.values, wanted.values)
    close(found.grid.a, wanted.grid.a)


# What comes, and what is refused


def test_dataframes(tmp_path):
    frame = pd.DataFrame(X, columns=["u", "v", "w"])
    frame["y"] = Y
    frame.to_parquet(tmp_path / "whole.parquet", row_group_size=200)
    lazy = dd.read_parquet(tmp_path / "whole.parquet", split_row_groups=True)
    inputs = lazy[["u", "v", "w"]]
    model = rf.RidgeletRegressor(width=40, random_state=0).fit(inputs, lazy["y"])
    whole = rf.RidgeletRegressor(width=40, random_state=0).fit(frame[["u", "v", "w"]], frame["y"])
    assert model.feature_names_in_.tolist() == ["u", "v", "w"]
    close(model.predict(inputs).compute(), whole.predict(frame[["u", "v", "w"]]), 1e-11)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(lazy[["v", "u", "w"]])
    close(rf.kernel_density(inputs).logpdf(FEW), rf.kernel_density(X).logpdf(FEW), 1e-10)


def test_arrays_of_zarr(tmp_path):
    zarr = pytest.importorskip("zarr")
    stored = zarr.open(str(tmp_path / "x.zarr"), mode="w", shape=X.shape, chunks=(100, M))
    stored[:] = X
    close(NET(da.from_zarr(str(tmp_path / "x.zarr"))).compute(), NET(X))


def unknown():
    lazy = spread(X)
    return lazy[lazy[:, 0] > 0]


BAD = [
    (unknown, ValueError, r"`x` must have chunks of known sizes.*x\.compute_chunk_sizes\(\)"),
    (lambda: spread(X).rechunk((100, 2)), ValueError, r"not be split.*`x\.rechunk\(\{1: -1\}\)`"),
    (lambda: spread(X).astype(str), TypeError, "`x` must be numeric, got dtype <U"),
    (lambda: spread(X)[:0], ValueError, "`x` must not be empty"),
    (lambda: da.from_array(np.zeros((4, 3, 2))), ValueError, r"`x` must have 2 dimension"),
    (lambda: dask.delayed(X), TypeError, "`x` must be a Dask array or dataframe, got a Delayed"),
]


@pytest.mark.parametrize(("made", "kind", "said"), BAD)
def test_what_is_refused(made, kind, said):
    with pytest.raises(kind, match=said):
        NET(made())


def test_what_is_refused_where_it_is_used():
    bad = X.copy()
    bad[300, 1] = np.nan
    with pytest.raises(ValueError, match="`x` must be finite, got 1 NaN"):
        NET(spread(bad)).compute()
    with pytest.raises(ValueError, match="`points` must be finite"):
        rf.fit_outer_weights(A, B, "tanh", spread(bad), spread(Y))
    with pytest.raises(ValueError, match=r"`x` must have shape \(n, 3\)"):
        rf.kernel_density(spread(X)).logpdf(spread(X[:, :2]))
    with pytest.raises(ValueError, match="agree in their first length"):
        rf.fit_outer_weights(A, B, "tanh", spread(X), spread(Y[:-1]))
    for weights, said in ((-W, "not be negative"), (0 * W, "not all be zero")):
        with pytest.raises(ValueError, match=said):
            rf.fit_outer_weights(A, B, "tanh", spread(X), spread(Y), weights=spread(weights))
    with pytest.raises(ValueError, match="`bandwidth` must be left out"):
        rf.ridgelet_transform(
            rf.SampleField(spread(X[:, :2]), spread(Y)), PSI, POLAR, bandwidth=0.1
        )
    with pytest.raises(TypeError, match="got ShardedSamples"):
        rf.radon(rf.SampleField(spread(X[:, :2])), np.eye(2), np.zeros(1))
    with pytest.raises(ValueError, match="`out` must be left out"):
        NET(spread(X), out=np.empty((N, M)))
    with pytest.raises(ValueError, match="at least two classes"):
        rf.RidgeletClassifier().fit(spread(X), spread(np.zeros(N, int)))


def test_chunks_beyond_the_budget_are_refused_with_a_size_that_would_do():
    many = da.zeros((2**17, 8), chunks=(2**17, 8))
    net = rf.ShallowNetwork(np.ones((1, 8)), [0.0], [1.0], "tanh")
    with (
        rf.config(memory_budget="4M"),
        pytest.raises(rf.MemoryBudgetError, match=r"`x\.rechunk\(\{0: (\d+)\}\)`") as caught,
    ):
        net(many)
    rows = int(str(caught.value).split("{0: ")[1].split("}")[0])
    with rf.config(memory_budget="4M"):
        assert net(many.rechunk({0: rows})).compute().shape == (2**17,)


# Settings, graphs, and calls that have nothing to do with Dask


def test_settings_of_the_caller_are_those_of_tasks():
    with rf.config(threads=3, memory_budget="123M", fft_effort="measure") as given:
        node = dask_graphs.task(rf.get_config)
    assert node.compute() == given
    assert dask_graphs.task(rf.get_config).compute().threads == 1


def test_an_object_enters_a_graph_once():
    wide = rf.ShallowNetwork(np.zeros((5000, M)), np.zeros(5000), np.ones(5000), "tanh")
    sizes = []
    for chunk in (350, 7):
        graph = dict(wide(spread(X, chunk)).dask)
        sizes.append(len(distributed.protocol.pickle.dumps(graph)) - X.nbytes)
    # The network has 200 kB: measured 2e3 for each task more.
    assert sizes[1] < sizes[0] + 98 * 4000


def test_dask_knows_the_sizes_of_what_it_moves():
    from ridgeflow.networks.least_squares import OuterProblem

    problem = OuterProblem(A, B, rf.activation("tanh"), 1)
    problem.add(X, Y[:, None])
    # A triangle of 31 columns, and a number of 8 bytes for each sample.
    assert dask.sizeof.sizeof(problem) > 8 * (31**2 + N)
    assert dask.sizeof.sizeof(NET) > NET.a.nbytes + NET.c.nbytes


@pytest.mark.slow
def test_threads_that_start_cold_compile_each_kernel_once(tmp_path):
    script = (
        "import collections, numpy as np, dask, dask.array as da, ridgeflow as rf\n"
        "from numba.core import event\n"
        "seen = collections.Counter()\n"
        "class Count(event.Listener):\n"
        "    def on_start(self, e): seen[str(e.data['dispatcher']), str(e.data['args'])] += 1\n"
        "    def on_end(self, e): pass\n"
        "net = rf.ShallowNetwork(np.eye(3), np.zeros(3), np.ones(3), 'tanh')\n"
        "x = da.ones((1000, 3), chunks=(10, 3))\n"
        "with event.install_listener('numba:compile', Count()):\n"
        "    with dask.config.set(scheduler='threads', num_workers=10): net(x).compute()\n"
        "assert seen and set(seen.values()) == {1}, seen\n"
    )
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def test_calls_without_collections_stay_away_from_the_bridge():
    script = (
        "import sys, numpy, ridgeflow as rf; early = 'dask' in sys.modules;"
        "rf.ShallowNetwork([[1.0]], [0.0], [1.0], 'tanh')([1.0]);"
        # pyFFTW imports Dask where it is installed; what matters is that nothing of ours does.
        "assert not early and not {'distributed', 'ridgeflow.bridges.dask'} & set(sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_looking_for_collections_takes_no_time_that_matters():
    from ridgeflow._collections import takes_collections

    def plain(x):
        return x

    seen = takes_collections(plain)
    cost = min(timeit.repeat(lambda: seen(X), number=10**4, repeat=5)) / 10**4
    bare = min(timeit.repeat(lambda: plain(X), number=10**4, repeat=5)) / 10**4
    # measured 0.5 to 1.2 µs with Dask loaded, on a busy machine
    assert cost - bare < 1e-5


# Two processes


def test_workers_find_what_is_found_here(client):
    lazy, y = spread(X), spread(Y)
    close(NET(lazy).compute(), NET(X))
    wanted = rf.fit_outer_weights(A, B, "tanh", X, Y, ridge=1e-3, affine=True)
    close(rf.fit_outer_weights(A, B, "tanh", lazy, y, ridge=1e-3, affine=True)(X), wanted(X))
    law = rf.kernel_density(lazy)
    close(law.score(FEW, method="exact"), rf.kernel_density(X).score(FEW, method="exact"))
    model = rf.RidgeletRegressor(width=40, random_state=0).fit(lazy, y)
    whole = rf.RidgeletRegressor(width=40, random_state=0).fit(X, Y)
    close(model.predict(lazy).compute(), whole.predict(X), 1e-11)
    assert client in dask_graphs._asked


@pytest.mark.slow
def test_a_worker_that_dies_changes_nothing(client):
    def slowed(block):
        time.sleep(0.1)
        return block

    future = client.compute(NET(da.map_blocks(slowed, spread(X, 50), dtype=float)))
    time.sleep(0.4)
    os.kill(next(iter(client.run(os.getpid).values())), signal.SIGKILL)
    close(future.result(timeout=120), NET(X))
    client.wait_for_workers(2, timeout=120)


def test_statements_on_workers(client):
    names = ["finite_field", "slice_theorem"]
    told = []
    report = rf.validate(names, client=client, progress=lambda *said: told.append(said))
    here_ = rf.validate(names)
    assert [one.statement.name for one in report] == [one.statement.name for one in here_]
    assert report.passed and told[-1] == ("done", 1.0)
    with pytest.raises(TypeError, match=r"`client` must be a distributed\.Client, got str"):
        rf.validate(names, client="tcp://nowhere")


@pytest.mark.slow
def test_workers_of_another_version_are_named(client, monkeypatch):
    monkeypatch.setattr(dask_graphs, "__version__", "9.9")
    dask_graphs._asked.discard(client)
    with pytest.raises(
        rf.MissingDependencyError, match=r"must have ridgeflow 9\.9, got 0\.1\.0 at tcp"
    ):
        NET(spread(X))
