"""Settings, the threads that work for a call, and compiled kernels on disk."""

import contextvars
import dataclasses
import importlib.util
import os
import threading
import time
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import ridgeflow as rf
from ridgeflow import _parallel
from ridgeflow._kernels import _cache
from ridgeflow._parallel import parallel_for


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (2**20, 2**20),
        (np.int64(2**31), 2**31),
        (np.float64(3e6), 3_000_000),
        (2**70, 2**70),
        ("4G", 4 * 2**30),
        ("4 GiB", 4 * 2**30),
        ("4gib", 4 * 2**30),
        ("4GB", 4 * 10**9),
        ("1.5M", 3 * 2**19),
        (".5t", 2**39),
        ("2048K", 2**21),
        ("2097152", 2**21),
        ("2097152B", 2**21),
    ],
)
def test_memory_budgets(given, expected):
    assert rf.Config(memory_budget=given).memory_budget == expected
    with rf.config(memory_budget=given) as settings:
        assert settings.memory_budget == rf.get_config().memory_budget == expected
        assert type(settings.memory_budget) is int


@pytest.mark.parametrize(
    ("settings", "error", "match"),
    [
        ({"memory_budget": np.nan}, ValueError, "`memory_budget` must be a finite number"),
        ({"memory_budget": np.inf}, ValueError, "`memory_budget` must be a finite number"),
        ({"memory_budget": -np.inf}, ValueError, "`memory_budget` must be a finite number"),
        ({"memory_budget": 10**400}, ValueError, "`memory_budget` must be a finite number"),
        ({"memory_budget": 0}, ValueError, "at least 1048576 bytes, got 0"),
        ({"memory_budget": -(2**30)}, ValueError, "at least 1048576 bytes"),
        ({"memory_budget": "1K"}, ValueError, "at least 1048576 bytes, got 1024"),
        ({"memory_budget": "-4G"}, ValueError, "such as '512M' or '4GiB', got '-4G'"),
        ({"memory_budget": "4X"}, ValueError, "such as '512M'"),
        ({"memory_budget": "4iB"}, ValueError, "such as '512M'"),
        ({"memory_budget": ""}, ValueError, "such as '512M'"),
        ({"memory_budget": "nan"}, ValueError, "such as '512M'"),
        ({"memory_budget": True}, TypeError, "`memory_budget` must be a number of bytes, got True"),
        ({"memory_budget": b"4000000000"}, TypeError, "`memory_budget` must be a number of bytes"),
        ({"memory_budget": [2**30]}, TypeError, "`memory_budget` must be a number of bytes"),
        ({"memory_budget": np.array([2**30])}, TypeError, "must be a number of bytes"),
        ({"memory_budget": 1j}, TypeError, "`memory_budget` must be a number of bytes"),
        ({"threads": True}, TypeError, "`threads` must be an integer, got True"),
        ({"threads": 2.0}, TypeError, "`threads` must be an integer, got 2.0"),
        ({"threads": "2"}, TypeError, "`threads` must be an integer, got '2'"),
        ({"threads": 0}, ValueError, "`threads` must be an integer from 1 to 1024, got 0"),
        ({"threads": -1}, ValueError, "`threads` must be an integer from 1 to 1024, got -1"),
        ({"threads": 10**9}, ValueError, "from 1 to 1024, got 1000000000"),
        ({"threads": 10**5000}, ValueError, "from 1 to 1024, got one of"),
        ({"fft_effort": "much"}, ValueError, "`fft_effort` must be one of estimate, measure"),
        ({"fft_effort": ["measure"]}, ValueError, "`fft_effort` must be one of"),
        ({"fft_effort": 1}, ValueError, "`fft_effort` must be one of"),
    ],
)
def test_settings_that_mean_nothing_are_refused(settings, error, match):
    before = rf.get_config()
    with pytest.raises(error, match=match):
        rf.Config(**settings)
    with pytest.raises(error, match=match), rf.config(**settings):
        pass
    with pytest.raises(error, match=match):
        dataclasses.replace(before, **settings)
    assert rf.get_config() is before


def test_numbers_of_threads():
    assert type(rf.Config(threads=np.int64(2)).threads) is int
    with rf.config(threads=np.int32(3)):
        assert rf.get_config().threads == 3


def test_settings_belong_to_the_thread_that_makes_them():
    with rf.config(threads=1, memory_budget="64M") as inside, ThreadPoolExecutor(2) as pool:
        assert pool.submit(rf.get_config).result() == rf.Config()
        carried = contextvars.copy_context()
        assert pool.submit(carried.run, rf.get_config).result() is inside

        def own():
            with rf.config(memory_budget="32M"):
                return rf.get_config().memory_budget

        assert pool.submit(own).result() == 2**25
        assert rf.get_config() is inside
    assert rf.get_config() == rf.Config()


def test_settings_reach_the_workers_of_the_library():
    seen = []
    with rf.config(threads=3, memory_budget="64M") as inside:
        parallel_for(lambda low, high: seen.append(rf.get_config()), 40)
    assert len(seen) >= 12 and all(one is inside for one in seen)  # measured 14


# Threads


def workers():
    return {t for t in threading.enumerate() if t.name.startswith("ridgeflow")}


def test_every_item_is_visited_once_with_any_number_of_threads():
    for threads in (1, 2, 3, 7):
        for n in (0, 1, 5, 100):
            for grain in (1, 3, 1000):
                count = np.zeros(n, int)

                def add(low, high, into):
                    into[low:high] += 1

                with rf.config(threads=threads):
                    parallel_for(add, n, count, grain=grain)
                assert (count == 1).all()


def test_one_pool_serves_every_number_of_threads():
    for threads in (2, 5, 3, 7, 2, 4, 6):
        with rf.config(threads=threads):
            parallel_for(lambda low, high: time.sleep(1e-4), 100)
    # Threads of the pools that a larger one replaced have ended, or are about to.
    deadline = time.monotonic() + 10
    while len(workers()) > 7 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(workers()) <= 7


def test_no_more_threads_work_than_are_set():
    # A pool of eight is there.
    with rf.config(threads=8):
        parallel_for(lambda low, high: None, 100)
    lock, now, most = threading.Lock(), [0], [0]

    def work(low, high):
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        time.sleep(2e-3)
        with lock:
            now[0] -= 1

    with rf.config(threads=2):
        parallel_for(work, 40)
    assert most[0] <= 2


def test_an_error_in_a_worker_stops_the_rest_and_is_raised_when_none_works_any_more():
    started, ended = [], []

    def work(low, high):
        started.append(low)
        time.sleep(0.01)
        if low == 0:
            raise IndexError("of the function itself")
        time.sleep(0.05)
        ended.append(low)

    with rf.config(threads=2), pytest.raises(IndexError, match="of the function itself"):
        parallel_for(work, 80)
    assert len(ended) == len(started) - 1 < 7


def test_calls_from_many_threads_while_the_pool_grows():
    def call(seed):
        total = np.zeros(64)

        def add(low, high):
            total[low:high] += np.arange(low, high)

        for i in range(20):
            with rf.config(threads=1 + (seed + i) % 6):
                parallel_for(add, 64)
        return np.array_equal(total, 20.0 * np.arange(64))

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(call, range(16)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_has_a_pool_of_its_own():
    with rf.config(threads=2):
        parallel_for(lambda low, high: None, 10)
        assert _parallel._pool is not None
        with _parallel._pool_lock:
            child = os.fork()
            if child == 0:
                done = []
                parallel_for(lambda low, high: done.append(high - low), 10)
                os._exit(0 if sum(done) == 10 else 1)
        _, status = os.waitpid(child, 0)
    assert status == 0


# Compiled kernels on disk


MODULE = """
import numpy as np
from ridgeflow._kernels._jit import inline, kernel

@inline
def twice(x):
    return 2.0 * x

@kernel
def fill(start, stop, out):
    for i in range(start, stop):
        out[i] = twice(float(i))
"""


def run_probe(path):
    """Warnings and hits of the cache where a module with kernels is imported and used anew."""
    spec = importlib.util.spec_from_file_location("probe", path)
    probe = importlib.util.module_from_spec(spec)
    out = np.zeros(4)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        spec.loader.exec_module(probe)
        probe.fill(0, 4, out)
        probe.fill(0, 4, out)
    assert out.tolist() == [0, 2, 4, 6]
    assert all(one.category is rf.CacheWarning for one in caught)
    return [str(one.message) for one in caught], sum(probe.fill.stats.cache_hits.values())


def damage(kind, content):
    half = len(content) // 2
    return {
        "short": content[:half],
        "a block of zeros": content[: half // 2] + bytes(half) + content[half // 2 + half :],
        "a missing name": b"cno_such_module\nname\n.",
    }[kind]


@pytest.fixture
def probe(tmp_path, monkeypatch):
    numba = pytest.importorskip("numba")
    if numba.config.DISABLE_JIT:
        pytest.skip("nothing is compiled")
    monkeypatch.setattr(numba.config, "CACHE_DIR", "")
    monkeypatch.setattr(_cache, "_warned", set())
    path = tmp_path / "probe.py"
    path.write_text(MODULE)
    return path


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
def test_damaged_kernels_are_compiled_anew_with_one_warning(probe, suffix):
    assert run_probe(probe) == ([], 0)
    assert run_probe(probe) == ([], 1)
    [file] = (probe.parent / "__pycache__").glob(f"probe.fill-*.{suffix}")
    whole = file.read_bytes()
    for kind in ("short", "a block of zeros", "a missing name"):
        file.write_bytes(damage(kind, whole))
        _cache._warned.clear()
        [warned], hits = run_probe(probe)
        assert "are compiled anew" in warned and hits == 0
        assert run_probe(probe) == ([], 1), kind


def test_kernels_that_numba_kept_itself_are_taken(probe):
    run_probe(probe)
    for file in (probe.parent / "__pycache__").glob("*.nb?"):
        content = file.read_bytes()
        assert content[-48:-32] == b"ridgeflow digest"
        file.write_bytes(content[:-48])
    assert run_probe(probe) == ([], 1)


def test_a_disk_that_takes_no_kernels_costs_a_warning_and_no_result(probe, monkeypatch):
    def full(self, filepath):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_cache._CheckedFiles, "_open_for_write", full)
    [warned], hits = run_probe(probe)
    assert "cannot be kept on disk: OSError(28" in warned and hits == 0
    assert run_probe(probe) == ([], 0)


def test_processes_that_compile_at_once_never_run_the_kernel_of_another(tmp_path):
    # Both read the index before either writes, and the data are written in the other order.
    def files():
        return _cache._CheckedFiles(str(tmp_path), "probe.fill-1.py", (1.0, 2))

    one, other = files(), files()
    known = {one: one._load_index(), other: other._load_index()}
    for each, key in ((one, ("int64", 7)), (other, ("int64", 9))):
        each._load_index = lambda each=each: known[each]
        each._save_data = lambda name, data, each=each: known.setdefault((each, name), data)
        each.save(key, f"code of {key}")
        del each._load_index, each._save_data
    for each in (other, one):
        [(_, name)] = [entry for entry in known if isinstance(entry, tuple) and entry[0] is each]
        each._save_data(name, known[each, name])
    found = [files().load(key) for key in (("int64", 7), ("int64", 9))]
    assert found[1] == "code of ('int64', 9)"
    assert found[0] in (None, "code of ('int64', 7)")
    # An index that numba wrote gives both the same number: what it names is not taken.
    files()._save_index({("int64", 7): files()._data_name(1)})
    files()._save_data(files()._data_name(1), "code of ('int64', 9)")
    assert files().load(("int64", 7)) is None
