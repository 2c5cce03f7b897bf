"""Children of a fork: no lock that another thread of the parent held keeps them waiting."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import ridgeflow as rf
from ridgeflow._fork import cached_property

PACKAGE = Path(rf.__file__).parent

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no fork")

FORKED = """
import os, signal, threading, time

def verdict(child):
    # What a child that was forked while `hold` was busy says: its exit status, or "hangs".
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "hangs"

def fork(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            os._exit(1)
    return verdict(child)
"""


def run(script):
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED + script],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_children_plan_transforms_while_another_thread_plans():
    found = run("""
from ridgeflow._fft import RowFFT

stop = False

def plan():
    n = 1000
    while not stop:
        n += 2
        RowFFT(1, n)

thread = threading.Thread(target=plan)
thread.start()
for i in range(20):
    print(fork(lambda: RowFFT(2, 3000 + 2 * i).forward()))
stop = True
thread.join()
""")
    assert found == ["0"] * 20


@pytest.mark.slow
def test_no_lock_of_the_library_is_taken_in_a_child():
    found = run("""
import importlib, pkgutil, sys
import ridgeflow

for module in pkgutil.walk_packages(ridgeflow.__path__, "ridgeflow."):
    if not module.name.endswith("__main__"):
        try:
            importlib.import_module(module.name)
        except ImportError:  # optional packages
            pass
kinds = (type(threading.Lock()), type(threading.RLock()))
locks = [
    (module, name)
    for key, module in sys.modules.items()
    if key.startswith("ridgeflow")
    for name, value in vars(module).items()
    if isinstance(value, kinds) or hasattr(value, "acquire") and hasattr(value, "release")
]
for module, name in locks:
    started = threading.Event()

    def hold():
        with_lock = getattr(module, name)
        with_lock.acquire()
        started.set()
        time.sleep(0.1)
        with_lock.release()

    def take():
        lock = getattr(module, name)
        lock.acquire()
        lock.release()

    thread = threading.Thread(target=hold)
    thread.start()
    started.wait()
    print(f"{module.__name__}.{name}:{fork(take)}")
    thread.join()
""")
    names = {line.split(":")[0] for line in found}
    assert {
        "ridgeflow._fft._planner",
        "ridgeflow._parallel._pool_lock",
        "ridgeflow._kernels._jit.global_compiler_lock",
    } <= names
    assert [line for line in found if not line.endswith(":0")] == []


def test_locks_belong_to_modules():
    # One that belongs to an object is out of reach of a fork, as is the one in cached_property of
    # functools up to Python 3.11.
    wrong = []
    for path in PACKAGE.rglob("*.py"):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module == "functools":
                wrong += [path.name for a in node.names if a.name == "cached_property"]
            if isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                wrong += [
                    f"{path.name}:{call.lineno}"
                    for call in ast.walk(node)
                    if isinstance(call, ast.Call)
                    and isinstance(call.func, ast.Attribute)
                    and call.func.attr in ("Lock", "RLock")
                    and node.name != "_after_fork_in_child"
                ]
    assert wrong == []


def test_cached_properties_are_computed_once():
    class Square:
        count = 0

        @cached_property
        def value(self):
            """The value."""
            self.count += 1
            return 4

    one, two = Square(), Square()
    assert (one.value, one.value, one.count, two.count) == (4, 4, 1, 0)
    assert isinstance(Square.value, cached_property)
    assert Square.value.__doc__ == "The value."
