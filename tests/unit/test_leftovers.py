"""What a run of the tests says of processes that outlive it, in a run of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import is_running

SUPPORT = Path(__file__).parents[1]
RUN = """
import subprocess
import sys

from support import leftovers

leftovers.GRACE_SECONDS = {grace}


def start(code):
    return subprocess.Popen(
        [sys.executable, "-c", f"print('it runs', flush=True); {{code}}"],
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def test_that_fails_in_its_middle():
    process = start("import time; time.sleep({lives})")
    assert process.stdout.readline() == b"it runs\\n"
    print("started", process.pid)
    assert not process.pid


def test_after_it():
    assert start("").wait() == 0
"""


def run_of(tmp_path: Path, *, grace: float, lives: float) -> subprocess.CompletedProcess[str]:
    """A run of two tests, of which the first leaves a process that lives so many seconds."""
    tests = tmp_path / "test_run.py"
    tests.write_text(RUN.format(grace=grace, lives=lives))
    path = os.pathsep.join([str(SUPPORT), *sys.path])
    options = [
        "-p",
        "support.leftovers",
        "-p",
        "no:cacheprovider",
        "-W",
        "ignore",
        "-c",
        "/dev/null",
    ]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *options, f"--rootdir={tmp_path}", str(tests)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": path},
    )


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_process_that_outlives_the_run_is_an_error_that_names_its_test_and_is_killed(
    tmp_path: Path,
) -> None:
    done = run_of(tmp_path, grace=0.1, lives=1000)
    pid = int(done.stdout.partition("started ")[2].split()[0])
    assert "1 failed, 1 passed, 1 error" in done.stdout
    assert f"test_run.py::test_that_fails_in_its_middle (call) left process {pid}: " in done.stdout
    assert not is_running(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="processes are found in /proc")
def test_a_process_that_ends_soon_after_the_last_test_is_no_error(tmp_path: Path) -> None:
    done = run_of(tmp_path, grace=30, lives=0.5)
    assert "1 failed, 1 passed in" in done.stdout
