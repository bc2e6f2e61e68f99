"""How much of the board others use, with real processes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgesegd.board import load as module
from edgesegd.board.load import BoardLoad
from edgesegd.board.threads import count_cores

SPIN = "while True: pass"
SECONDS = 1.0


def others_while(program: str, *, ours: bool) -> float:
    """Cores that others use while a program runs, as our child or as another process."""
    command = [sys.executable, "-c", program]
    if ours:
        process = subprocess.Popen(command)
        pid = process.pid
    else:
        launch = f"import subprocess as s; print(s.Popen({command!r}, stdout=s.DEVNULL).pid)"
        done = subprocess.run([sys.executable, "-c", launch], stdout=subprocess.PIPE, check=True)
        pid = int(done.stdout)
    try:
        load = BoardLoad()
        time.sleep(SECONDS)
        return load.cores
    finally:
        os.kill(pid, signal.SIGKILL)
        if ours:
            process.wait()


@pytest.mark.skipif(count_cores() < 2, reason="with one core the test itself is in the way")
def test_a_program_of_others_counts_and_a_child_does_not() -> None:
    """On a machine that others use too the two differ by what is ours."""
    theirs = others_while(SPIN, ours=False)
    own = others_while(SPIN, ours=True)
    assert theirs > own


def test_what_a_child_used_that_has_ended_is_still_ours() -> None:
    load = BoardLoad()
    subprocess.run([sys.executable, "-c", "sum(range(10**7))"], check=True)
    assert load.cores < count_cores()


def test_without_load_figures_of_the_system_the_load_is_zero(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STAT", tmp_path / "none")
    assert BoardLoad().cores == 0


def test_what_other_machines_of_the_host_stole_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = tmp_path / "stat"
    stat.write_text("cpu  100 0 100 5000 0 0 0 300 0 0\n")
    monkeypatch.setattr(module, "STAT", stat)
    load = BoardLoad()
    stat.write_text("cpu  100 0 100 5000 0 0 0 40300 0 0\n")
    assert load.cores > 1
