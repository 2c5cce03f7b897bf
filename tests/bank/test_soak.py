"""Some minutes of random work, of which an hour is run by hand: what a process holds stays flat."""

import subprocess
import sys
from pathlib import Path

import pytest

from .soak import Reading, grown


def test_what_grows_is_named():
    flat = [Reading(float(i), 400.0, 400.0, 7, 6, i) for i in range(9)]
    assert grown(flat) == []
    leak = [one._replace(held=400.0 + 50 * i, files=6 + i) for i, one in enumerate(flat)]
    assert grown(leak) == ["held: 450 -> 750", "files: 7 -> 13"]


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="the state is read from /proc")
def test_minutes_of_random_work_leave_memory_threads_and_files_as_they_are(tmp_path):
    table = tmp_path / "soak.txt"
    run = [sys.executable, "-m", "tests.bank.soak", "--minutes", "3.5", "--out", str(table)]
    home = Path(__file__).resolve().parents[2]
    done = subprocess.run(run, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert table.read_text().endswith("grown: nothing\n")
