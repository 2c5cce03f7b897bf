"""How far long calls have come: shares that rise to 1, and results that do not depend on it."""

import inspect
import io
import sys
import threading
import time
import warnings

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow import _progress
from ridgeflow._parallel import parallel_for
from ridgeflow._progress import alone, reporting, stage, steps, tell, told
from ridgeflow.networks.analysis import sampling_report

RNG = np.random.default_rng(8)
LAW = rf.GaussianMixture([0.5, 0.5], [[-0.4, 0.0], [0.4, 0.1]], 0.3)
LINE = rf.GaussianMixture([0.5, 0.5], [[-0.5], [0.5]], 0.3)
ETA = rf.activation("tanh")
PSI = rf.admissible_ridgelet(ETA, 2)
GRID = rf.ParameterGrid.for_field(LAW, ETA, PSI, 1e-2)
SPECTRUM = rf.ridgelet_transform(LAW, PSI, GRID)
AXIS = np.linspace(-3, 3, 24)
FIELD = rf.GridField.from_function(LAW.pdf, (AXIS, AXIS))
U, AREA = rf.directions(2, 12)
OFFSETS = np.linspace(-3, 3, 31)
SINOGRAM = rf.radon(LAW, U, OFFSETS)
X = RNG.uniform(-0.5, 0.5, (120, 2))
LIMIT = rf.DoubleContinuum(LINE, ETA, span=(0.0, 0.05), tol=1e-2)
NEURONS = RNG.normal(size=(20, 2)), RNG.normal(size=20)
DAE = rf.PositionNoiseDAE(LINE, 0.05, lambda x: (1 + 0.1 * np.tanh(x))[:, :, None])


def moving(**given):
    field = rf.CallableField(lambda x, t: 1.0 - 0.3 * (x - t), 1, components=1)
    path = rf.MovingRegion([0.0, 1.0], [[0.0], [1.0]], [1.0, 1.0], margin=1.0)
    return rf.MovingContinuum(field, ETA, region=path, tol=1e-2, **given)


MOVING = moving()


# Every public call that takes `progress`, small.
CALLS = {
    "ridgelet_transform": lambda **p: rf.ridgelet_transform(FIELD, PSI, GRID, **p).values,
    "reconstruct": lambda **p: rf.reconstruct(SPECTRUM, ETA, X, **p),
    "reconstruct_gradient": lambda **p: rf.reconstruct_gradient(SPECTRUM, ETA, X, **p),
    "IntegralRepresentation": lambda **p: rf.IntegralRepresentation(
        rf.CallableField(lambda x: np.sin(x[:, 0]), 1),
        ETA,
        region=rf.Region([0.0], 1.0, 1.0),
        tol=1e-2,
        **p,
    )([[0.3]]),
    "radon": lambda **p: rf.radon(FIELD, U, OFFSETS, **p),
    "radon_adjoint": lambda **p: rf.radon_adjoint(SINOGRAM, U, OFFSETS, (AXIS, AXIS), **p),
    "radon_inverse": lambda **p: rf.radon_inverse(
        SINOGRAM, U, OFFSETS, (AXIS, AXIS), weights=AREA, **p
    ),
    "dual_radon": lambda **p: rf.dual_radon(SINOGRAM, U, OFFSETS, X, weights=AREA, **p),
    "DoubleContinuum": lambda **p: rf.DoubleContinuum(
        LINE, ETA, span=(0.0, 0.05), tol=1e-2, **p
    ).velocity([[0.2]], 0.02),
    "DoubleContinuum.from_samples": lambda **p: rf.DoubleContinuum.from_samples(
        X[:, :1], -X[:, :1], ETA, width=5, rng=0, tol=1e-2, **p
    ).velocity([[0.1]], 0.5),
    "DoubleContinuum.flow": lambda **p: LIMIT.flow([[0.2], [0.3]], 0.05, **p).points,
    "DoubleContinuum.network": lambda **p: LIMIT.network(3, 10, rng=0, **p)([[0.2]]),
    "DoubleContinuum.error_budget": lambda **p: np.array(LIMIT.error_budget(**p).total),
    "MovingContinuum": lambda **p: moving(**p).velocity([[0.5]], 0.5),
    "MovingContinuum.flow": lambda **p: MOVING.flow([[0.1]], 1.0, **p).points,
    "MovingContinuum.network": lambda **p: MOVING.network(3, 10, rng=0, **p)([[0.1]]),
    "width_depth_law": lambda **p: np.array(
        rf.width_depth_law(LIMIT, n_points=32, n_depths=3, **p).c2
    ),
    "double_limit_study": lambda **p: (
        rf.double_limit_study(
            LIMIT, depths=[1, 2], widths=[5, 10], ways=["sobol"], layers="midpoint", rng=0, **p
        ).errors
    ),
    "fit_field": lambda **p: rf.fit_field(X, -X, "tanh", width=10, rng=0, **p).at(0.0)(X),
    "reconstruct_network": lambda **p: rf.reconstruct_network(
        X, -X, "tanh", depth=4, width=10, rng=0, **p
    )(X),
    "ContinuousDAE.flow": lambda **p: rf.ContinuousDAE(LAW).flow(X, 0.05, **p).points,
    "ContinuousDAE.inverse_flow": lambda **p: (
        rf.ContinuousDAE(LAW).inverse_flow(X, 0.05, method="dopri5", **p).points
    ),
    "wasserstein2": lambda **p: np.array(rf.wasserstein2(X, X + 1, **p)),
    "sliced_wasserstein2": lambda **p: np.array(rf.sliced_wasserstein2(X, X + 1, **p).value),
    "PositionNoiseDAE.__call__": lambda **p: DAE(X[:5, :1], **p),
    "PositionNoiseDAE.velocity": lambda **p: DAE.velocity(X[:5, :1], **p),
    "PositionNoiseDAE.law_rate": lambda **p: DAE.law_rate(X[:5, :1], **p),
    "fit_outer_weights": lambda **p: (
        rf.fit_outer_weights(*NEURONS, "tanh", X, X[:, 0], ridge="loo", **p).c
    ),
    "validate": lambda **p: np.array(
        [r.passed for r in rf.validate(["finite_field", "truncation_cones"], **p)]
    ),
    "sampling_report": lambda **p: sampling_report(SPECTRUM, "tanh", X, 50, rng=0, **p).deviation,
}


def takers():
    """Names of public calls with a parameter `progress`."""
    found = {"sampling_report": sampling_report}
    for name in rf.__all__:
        value = getattr(rf, name)
        if inspect.isclass(value):
            for key in vars(value):
                if not key.startswith("_") or key in ("__init__", "__call__"):
                    method = getattr(value, key)
                    own = name if key == "__init__" else f"{name}.{key}"
                    if inspect.isfunction(method) or inspect.ismethod(method):
                        found[own] = method
        elif inspect.isfunction(value):
            found[name] = value
    return {
        name: call
        for name, call in found.items()
        if "progress" in inspect.signature(call).parameters
    }


def test_every_call_that_takes_progress_is_here():
    assert set(takers()) == set(CALLS)


@pytest.mark.parametrize("name", sorted(takers()))
def test_all_take_it_alike(name):
    parameter = inspect.signature(takers()[name]).parameters["progress"]
    assert parameter.kind is parameter.KEYWORD_ONLY and parameter.default is None
    assert parameter.annotation == "Progress"


@pytest.mark.parametrize("name", sorted(CALLS))
def test_shares_rise_to_one_and_results_stay(name, monkeypatch):
    # Small calls take less than a pause: here all that is told is heard.
    monkeypatch.setattr(_progress, "_PAUSE", 0.0)
    monkeypatch.setattr("ridgeflow._parallel._PAUSE", 0.0)
    seen = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", rf.AccuracyWarning)
        plain = CALLS[name]()
        found = CALLS[name](progress=lambda message, share: seen.append((message, share)))
    shares = [share for _, share in seen]
    assert shares == sorted(shares) and shares[0] == 0.0
    assert seen[-1] == ("done", 1.0)
    assert all(isinstance(message, str) and message for message, _ in seen)
    assert np.array_equal(plain, found)
    assert not told()
    with pytest.raises(TypeError, match=r"`progress` must be True, False or a function .*got int"):
        CALLS[name](progress=3)


def test_exceptions_of_the_function_end_the_call():
    for error in (ZeroDivisionError, KeyboardInterrupt):

        def stop(message, share, error=error):
            raise error

        with pytest.raises(error):
            rf.radon(FIELD, U, OFFSETS, progress=stop)
        assert not told()
    assert np.array_equal(rf.radon(FIELD, U, OFFSETS), rf.radon(FIELD, U, OFFSETS, progress=False))


@pytest.mark.parametrize("threads", [1, 2])
def test_loops_of_threads_tell_from_the_callers_thread(threads):
    seen, where = [], set()

    def note(message, share):
        seen.append(share)
        where.add(threading.get_ident())

    def work(start, stop):
        time.sleep(2e-3 * (stop - start))

    begun = time.perf_counter()
    with rf.config(threads=threads), reporting(note, "loop"):
        parallel_for(work, 400)
    # About ten in a second.
    assert 4 <= len(seen) <= 3 + (time.perf_counter() - begun) / 0.1
    assert len({round(share, 3) for share in seen}) > 3
    assert where == {threading.get_ident()}


def test_an_exception_of_the_function_stops_the_threads():
    done = []

    def work(start, stop):
        time.sleep(2e-3 * (stop - start))
        done.append(stop - start)

    def late(message, share):
        if share > 0:
            raise ZeroDivisionError

    with rf.config(threads=2), pytest.raises(ZeroDivisionError), reporting(late, "loop"):
        parallel_for(work, 4000)
    count = len(done)
    time.sleep(0.15)
    assert len(done) == count and sum(done) < 2000  # measured 120


def test_stages_nest_and_the_outermost_names_count(monkeypatch):
    monkeypatch.setattr(_progress, "_PAUSE", 0.0)
    seen = []
    with reporting(lambda *given: seen.append(given), "whole"):
        with stage("first", 0.0, 0.5):
            for _ in steps(range(2), "inner {}"):
                tell(0.5)
        for _ in steps("ab", "part {0} is {1}", 0.5):
            pass
        with stage("last", 0.9), alone() as own:
            tell(1.0)
            own(0.5)
    assert [share for _, share in seen] == pytest.approx(
        [0, 0, 0, 0.125, 0.25, 0.375, 0.5, 0.75, 0.9, 0.95, 1.0]
    )
    assert [message for message, _ in seen] == [
        "whole", *["first"] * 5, "part 1 is a", "part 2 is b", "last", "last", "done"
    ]  # fmt: skip


def test_what_the_function_computes_is_not_told(monkeypatch):
    monkeypatch.setattr(_progress, "_PAUSE", 0.0)
    seen = []

    def note(message, share):
        rf.radon(FIELD, U, OFFSETS)
        seen.append(share)

    rf.radon(FIELD, U, OFFSETS, progress=note)
    alone_ = []
    rf.radon(FIELD, U, OFFSETS, progress=lambda message, share: alone_.append(share))
    assert len(seen) == len(alone_)


def test_a_loop_left_early_leaves_nothing():
    with reporting(lambda message, share: None, "whole"):
        frame = _progress._frame.get()
        with pytest.raises(ZeroDivisionError):
            sum(1 / i for i in steps(range(3)))
        for _ in steps(range(3)):
            break
        assert _progress._frame.get() is frame
    assert not told()


def test_the_bar_is_seen_on_terminals_alone(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "120")
    for stream, seen in ((io.StringIO(), False), (Terminal(), True)):
        monkeypatch.setattr(sys, "stderr", stream)
        with reporting(True, "some work"):
            for _ in steps(range(3), "step {}"):
                time.sleep(0.12)
        assert ("step 2" in stream.getvalue()) is seen
        assert ("%/s" in stream.getvalue()) is seen


def test_estimators_follow_their_own_library(monkeypatch):
    y = np.sin(X[:, 0])
    plain = rf.RidgeletRegressor(20, random_state=0).fit(X, y)
    told_of = []
    monkeypatch.setattr(
        "ridgeflow.networks.estimator_base.reporting",
        lambda progress, what: told_of.append((progress, what)) or reporting(None, what),
    )
    loud = rf.RidgeletRegressor(20, random_state=0, verbose=1).fit(X, y)
    assert told_of == [(True, "RidgeletRegressor")]
    assert np.array_equal(plain.network_.c, loud.network_.c)
    assert rf.RidgeletClassifier(verbose=2).get_params()["verbose"] == 2


def test_warnings_point_at_the_caller_with_and_without():
    narrow = np.linspace(-0.2, 0.2, 9)
    for given in ({}, {"progress": lambda message, share: None}):
        with pytest.warns(rf.AccuracyWarning, match="the offsets miss") as found:
            rf.radon(FIELD, U, narrow, **given)
        # The context manager of a call that is told is between; it is no caller.
        assert found[0].filename == __file__
        with pytest.warns(rf.RankWarning) as found:
            rf.fit_outer_weights(np.ones((3, 2)), np.ones(3), "tanh", X, X[:, 0], **given)
        assert found[0].filename == __file__
        with pytest.warns(rf.AccuracyWarning, match="wedge") as found:
            rf.radon_inverse(SINOGRAM[:8], U[:8], OFFSETS, (AXIS, AXIS), **given)
        assert found[0].filename == __file__
