"""Ctrl-C in long calls, and parts of loops, on which no result depends."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from interrupted import CASES, interrupted

import ridgeflow as rf
from ridgeflow import _parallel
from ridgeflow._parallel import parallel_for

# What machines of other work need; measured below.
BOUND = 3.0
DEFAULT = ("ridgelet_transform samples", "score of all pairs", "wasserstein2 matching")

no_signals = pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way")


@no_signals
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=() if n in DEFAULT else pytest.mark.slow) for n in CASES],
)
def test_an_interrupt_is_answered_and_the_next_call_is_right(name):
    for _, seconds, right in interrupted(name, count=1 if name in DEFAULT else 3):
        # NaN: the call had ended. Measured at most 0.2 (tests/interrupted.py prints the table).
        assert not seconds > BOUND
        assert right


@pytest.mark.slow
@no_signals
def test_one_thread_answers_too():
    ((_, seconds, right),) = interrupted("score of all pairs", count=1, threads=1)
    assert seconds < BOUND and right  # measured 0.06; 60 where the range is one call


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("n", [0, 1, 5, 64, 1000, 12345])
@pytest.mark.parametrize("grain", [1, 7, 64, 5000])
def test_parts_cover_the_range_once(threads, n, grain):
    seen, lock = [], threading.Lock()

    def note(start, stop):
        with lock:
            seen.append((start, stop))

    with rf.config(threads=threads):
        parallel_for(note, n, grain=grain)
    found = sorted(seen)
    assert [low for low, _ in found] == [0, *(high for _, high in found[:-1])]
    assert found[-1][1] == n
    # No part is smaller than a grain, unless the range is.
    assert min(high - low for low, high in found) >= min(grain, n)
    assert all(low % grain == 0 for low, _ in found)


def test_parts_of_slow_items_are_short():
    seen = []

    def work(start, stop):
        seen.append(stop - start)
        threading.Event().wait(1e-4 * (stop - start))

    with rf.config(threads=1):
        parallel_for(work, 20000)
    # Some 0.05 s of 2 s: measured 40 parts of 300 to 500 items; one of 20000 before.
    assert len(seen) > 10 and max(seen) < 2000


def test_a_failing_part_ends_the_rest():
    begun = []

    def work(start, stop):
        begun.append(start)
        threading.Event().wait(0.01)
        raise ZeroDivisionError("here")

    with rf.config(threads=3), pytest.raises(ZeroDivisionError, match="here"):
        parallel_for(work, 10000)
    assert len(begun) <= 3


def test_calls_of_several_threads_share_the_workers():
    def squares(n):
        out = np.zeros(n)

        def work(start, stop):
            out[start:stop] = np.arange(start, stop) ** 2.0

        with rf.config(threads=3):
            parallel_for(work, n)
        return np.array_equal(out, np.arange(n) ** 2.0)

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(squares, range(1000, 1040)))


class Scattered(_parallel._Pieces):
    """Parts of random lengths, some of less than a grain, as no clock would choose them."""

    chance = np.random.default_rng(0)

    def run(self, function, args):
        with _parallel._pieces_lock:
            self.grain = 1
            self._size = self._most = int(self.chance.integers(1, max(2, self.n // 3)))
        return super().run(function, args)


@pytest.mark.filterwarnings("ignore")  # small calls are no accurate ones
@pytest.mark.parametrize("name", CASES)
def test_results_do_not_depend_on_the_parts(name, monkeypatch):
    function, _, small = CASES[name]
    with rf.config(threads=2):
        right = np.asarray(function(*small))
        monkeypatch.setattr(_parallel, "_Pieces", Scattered)
        found = np.asarray(function(*small))
    assert np.array_equal(found, right, equal_nan=right.dtype.kind == "f")
