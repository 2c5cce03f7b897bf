"""Threads of the BLAS under threads of Python, and Ctrl-C during long factorisations."""

import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from threadpoolctl import threadpool_info, threadpool_limits

import ridgeflow as rf
from ridgeflow import _parallel, _validate
from ridgeflow._parallel import interruptible, one_blas_thread
from ridgeflow._units import Columns
from ridgeflow.networks import least_squares
from ridgeflow.networks.least_squares import OuterProblem

RNG = np.random.default_rng(3)
A, B = RNG.normal(size=(30, 2)), RNG.normal(size=30)
X = RNG.uniform(-1, 1, (400, 2))


def blas_threads():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]


EIGHT = """
import numpy as np
import ridgeflow as rf
from concurrent.futures import ThreadPoolExecutor
from ridgeflow.ridgelet.sums.lattice_waves import FoldedAxis, TensorWaves
from threadpoolctl import ThreadpoolController, threadpool_info

rng = np.random.default_rng(3)
a, b, x = rng.normal(size=(30, 2)), rng.normal(size=30), rng.uniform(-1, 1, (400, 2))
lattice = tuple(FoldedAxis(np.linspace(-2, 2, 9)) for _ in range(2))
wave = TensorWaves(lattice, (np.linspace(-1, 1, 12),) * 2)

def numbers():
    return [one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"]

def work(seed):
    for _ in range(3):
        rf.fit_outer_weights(a, b, "tanh", x, np.sin(x[:, 0] + seed), ridge=1e-3)
        wave.analyse(np.linspace(0.5, 2, 5), np.ones((1, 144)), np.zeros((1, 4, 5, 25)))

for library in ThreadpoolController().select(user_api="blas").lib_controllers:
    library.set_num_threads(2)
    # Newer versions keep to the thread that was first.
    getattr(library, "clear_controlling_thread", lambda force: None)(force=True)
before = numbers()
with ThreadPoolExecutor(8) as pool:
    list(pool.map(work, range(8)))
print(set(before), set(numbers()))
"""


def test_eight_threads_leave_the_blas_as_it_was():
    found = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", EIGHT], capture_output=True, text=True, timeout=120
    )
    assert found.returncode == 0, found.stderr
    assert found.stdout.strip() == "{2} {2}"


def test_overlapping_blocks_end_with_the_last():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            inside.set()
            leave.wait(10)

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=hold)
        with one_blas_thread():
            thread.start()
            inside.wait(10)
            with one_blas_thread():
                assert set(blas_threads()) == {1}
        # The other thread's block goes on.
        assert set(blas_threads()) == {1}
        leave.set()
        thread.join()
        assert set(blas_threads()) == {2}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="Windows has no fork")
def test_blocks_of_other_threads_end_with_a_fork():
    inside, leave = threading.Event(), threading.Event()

    def hold():
        with one_blas_thread():
            inside.set()
            leave.wait(30)

    with threadpool_limits(2, user_api="blas"):
        thread = threading.Thread(target=hold)
        thread.start()
        inside.wait(10)
        child = os.fork()
        if child == 0:
            # What a child does before it ends must not reach the parent's tests.
            good = set(blas_threads()) == {2} and not _parallel._blas_holders
            os._exit(0 if good else 1)
        leave.set()
        thread.join()
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


INTERRUPTED = """
import os, signal, sys, threading, time
import numpy as np
import ridgeflow as rf
from ridgeflow.networks import leave_one_out
from scipy import linalg

# Shells start what runs in the background with interrupts ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
ridge, name, width = eval(sys.argv[1]), sys.argv[2], int(sys.argv[3])
rng = np.random.default_rng(0)
a, b, x = rng.normal(size=(width, 3)), rng.normal(size=width), rng.normal(size=(width + 500, 3))
home = linalg if name == "qr" else leave_one_out
begun, factorise = threading.Event(), getattr(home, name)

def telling(*args, **options):
    begun.set()
    return factorise(*args, **options)

setattr(home, name, telling)

def interrupt():
    global sent
    begun.wait()
    time.sleep(0.2)
    sent = time.perf_counter()
    os.kill(os.getpid(), signal.SIGINT)

threading.Thread(target=interrupt, daemon=True).start()
try:
    rf.fit_outer_weights(a, b, "tanh", x, np.sin(x[:, 0]), ridge=ridge)
    print("not interrupted", flush=True)
except KeyboardInterrupt:
    print(time.perf_counter() - sent, flush=True)
    if sys.argv[4] == "raise":
        raise
"""


def interrupted(ridge, name, width, then):
    """Seconds to the answer, and exit status."""
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, repr(ridge), name, str(width), then],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        # Two seconds of work on one thread of a machine that does nothing else.
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1"},
    ) as process:
        return float(process.stdout.readline()), process.wait(120)


@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
@pytest.mark.parametrize(
    ("ridge", "name", "width"),
    [(0.0, "qr", 3500), pytest.param("loo", "svd", 1500, marks=pytest.mark.slow)],
)
def test_an_interrupt_is_answered_during_a_factorisation(ridge, name, width):
    answer, status = interrupted(ridge, name, width, "raise")
    assert answer < 0.5  # measured 0.001; 2 and more where the main thread factorises
    # Python dies by the signal, as it does after any interrupt.
    assert status == -signal.SIGINT


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals are sent another way there")
def test_a_caught_interrupt_leaves_a_process_that_ends_well():
    # Without waiting for the call that goes on, the process ends by a segmentation fault.
    answer, status = interrupted(0.0, "qr", 2500, "end")
    assert answer < 0.5
    assert status == 0


def test_long_calls_give_what_they_give():
    def failing():
        raise ZeroDivisionError("inside")

    with rf.config(threads=1):
        # Settings go along.
        assert interruptible(lambda: rf.get_config().threads, cost=1e12) == 1
    names = [
        interruptible(lambda: threading.current_thread().name, cost=cost) for cost in (0.0, 1e12)
    ]
    assert names == ["MainThread", "ridgeflow-call"]
    with pytest.raises(ZeroDivisionError, match="inside"):
        interruptible(failing, cost=1e12)
    with ThreadPoolExecutor(1) as pool:
        # No signal is handled there.
        own = pool.submit(
            lambda: (
                threading.current_thread().name
                == interruptible(lambda: threading.current_thread().name, cost=1e12)
            )
        )
        assert own.result()


def test_samples_are_taken_whole_or_not_at_all(monkeypatch):
    problem = OuterProblem(A, B, rf.activation("tanh"), 1, Columns.of(X))
    problem.add(X[:200], X[:200, :1])
    before = problem.solve(1e-3)
    monkeypatch.setattr(least_squares, "_SLAB", 8 * 40 * 33)
    monkeypatch.setattr(_validate, "_LEAST_SLAB", 1)
    taken = []

    def stopped(rows, *factor, **options):
        taken.append(len(rows))
        if len(taken) == 3:
            raise KeyboardInterrupt
        return triangle(rows, *factor, **options)

    triangle = least_squares.triangular_factor
    monkeypatch.setattr(least_squares, "triangular_factor", stopped)
    with pytest.raises(KeyboardInterrupt):
        problem.add(X[200:], X[200:, :1])
    after = problem.solve(1e-3)
    assert len(taken) == 3 and np.array_equal(before.outer, after.outer)
    assert np.array_equal(before.bias, after.bias)


def test_waiting_takes_no_time_of_its_own():
    begun = time.perf_counter()
    for _ in range(20):
        interruptible(lambda: None, cost=1e12)
    assert time.perf_counter() - begun < 1.0  # measured 0.004; 2 s if waits were polled alone
