"""The demo ends in order, and takes all that it started with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

DEMO = Path(__file__).parents[2] / "demo" / "demo.py"
WITH_A_DAEMON, WITH_A_CLIENT = "edgesegd", "edgeseg_client"


def runs(process: psutil.Process, module: str) -> bool:
    """Whether it has a child that runs this module."""
    for child in process.children(recursive=True):
        try:
            if module in child.cmdline():
                return True
        except psutil.Error:  # it is gone already
            continue
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < give_up
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "module"),
    [
        (signal.SIGINT, WITH_A_DAEMON),
        (signal.SIGTERM, WITH_A_DAEMON),
        (signal.SIGHUP, WITH_A_DAEMON),
        (signal.SIGINT, WITH_A_CLIENT),
    ],
)
def test_a_demo_that_is_ended_ends_its_daemon(tmp_path: Path, number: int, module: str) -> None:
    with subprocess.Popen(
        [sys.executable, DEMO, f"--out={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    ) as demo:
        process = psutil.Process(demo.pid)
        wait_until(lambda: runs(process, module))
        started = process.children(recursive=True)
        os.killpg(demo.pid, number)  # as a terminal sends it
        told, _ = demo.communicate(timeout=60)
    assert demo.returncode == 128 + number
    assert b"Traceback" not in told
    _, left = psutil.wait_procs(started, timeout=30)
    assert not left


def test_ctrl_c_while_the_demo_is_being_loaded(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, DEMO, f"--out={tmp_path}"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    ) as demo:
        maps = Path(f"/proc/{demo.pid}/maps")
        wait_until(lambda: "_imaging" in maps.read_text(encoding="utf-8"))
        demo.send_signal(signal.SIGINT)
        told, _ = demo.communicate(timeout=60)
    assert (demo.returncode, b"Traceback" in told) == (130, False)
