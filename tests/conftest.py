"""A test leaves the process as it found it; what tests count is printed at the end of a run."""

import os
import signal
import sys
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from ridgeflow import get_config
from ridgeflow._parallel import _blas_libraries

# Set by a first import of PyTorch or scikit-learn, and by pytest itself.
_SET_BY_OTHERS = ("KMP_", "TORCH", "PYTEST_")


def process_state() -> dict[str, Any]:
    """What belongs to the process and changes later tests; pytest restores warning filters."""
    _, words, *position = np.random.get_state()  # noqa: NPY002
    state = {
        "working directory": os.getcwd(),
        "environment": {k: v for k, v in os.environ.items() if not k.startswith(_SET_BY_OTHERS)},
        "signal handlers": [signal.getsignal(s) for s in (signal.SIGINT, signal.SIGTERM)],
        "ridgeflow settings": get_config(),
        "BLAS threads": [library.get_num_threads() for library in _blas_libraries()],
        "numpy errstate": np.geterr(),
        "numpy print options": np.get_printoptions(),
        "numpy global random state": (bytes(words), position),
    }
    # What is not loaded cannot have changed; a first import has nothing to be compared with.
    if torch := sys.modules.get("torch"):
        state |= {
            "torch gradients": torch.is_grad_enabled(),
            "torch default dtype": torch.get_default_dtype(),
            "torch threads": torch.get_num_threads(),
        }
    if matplotlib := sys.modules.get("matplotlib"):
        # Read as a plain dictionary: looking the backend up would choose one.
        rc = dict(dict.items(matplotlib.rcParams))
        backend = rc.pop("backend")
        state |= {"matplotlib rcParams": rc}
        if isinstance(backend, str):
            state |= {"matplotlib backend": backend.lower()}
    return state


@pytest.fixture
def global_draws() -> Iterator[None]:
    """Without a `random_state`, scikit-learn draws numbers from NumPy's global state."""
    state = np.random.get_state()  # noqa: NPY002
    yield
    np.random.set_state(state)  # noqa: NPY002


class Guard:
    """Compares before the first fixture of a test and after the last, doctests included."""

    def __init__(self) -> None:
        self.before: dict[str, Any] = {}

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_setup(self) -> Iterator[None]:
        self.before = process_state()
        return (yield)

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self) -> Iterator[None]:
        result = yield
        after = process_state()
        for name, value in self.before.items():
            assert after[name] == value, f"the test changed the {name} of the process"
        return result


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Guard())


def pytest_terminal_summary(terminalreporter: Any) -> None:
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, ()):
            for name, value in getattr(report, "user_properties", ()):
                terminalreporter.write_line(f"{name}: {value}")
