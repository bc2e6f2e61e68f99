"""A stop signal before the daemon serves leaves no process behind."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import pytest

from support.processes import END_SECONDS, is_running

STOPPED_AS_A_CHILD_STARTS = """
import os, signal, subprocess
from edgesegd.cli import early_signals

early_signals.catch_early_signals(serving=True)
with early_signals.leaving_later():
    child = subprocess.Popen(["sleep", "60"], start_new_session=True)
    print(child.pid, flush=True)
    os.kill(os.getpid(), {number})
    early_signals.CHILDREN.append(child.pid)
print("went on")
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_child_that_just_started_is_ended_too(number: signal.Signals) -> None:
    done = subprocess.run(
        [sys.executable, "-c", STOPPED_AS_A_CHILD_STARTS.format(number=int(number))],
        stdout=subprocess.PIPE,
        timeout=60,
        check=True,
        text=True,
    )
    [child] = map(int, done.stdout.split())
    give_up = time.monotonic() + END_SECONDS
    while is_running(child):  # it was killed, but may take a moment
        assert time.monotonic() < give_up
        time.sleep(0.01)
