"""A daemon that is stopped at any moment of its start ends in order and leaves nothing."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from uuid import uuid4

import pytest

from support.leftovers import VARIABLE, wait_for_end_of

SERVE = (sys.executable, "-m", "edgesegd", "serve", "--tokens=none", "--metrics-listen=")
STEP_MS, LAST_MS = 50, 1500
KILLED_BY_DEFAULT = -signal.SIGTERM
"""Before Python runs the daemon's first line nothing can handle a signal."""


@pytest.mark.slow
def test_a_daemon_stopped_at_any_moment_of_its_start_leaves_nothing(tmp_path: Path) -> None:
    seen = []
    for after_ms in range(0, LAST_MS + 1, STEP_MS):
        run, path = uuid4().hex, tmp_path / f"{after_ms}.sock"
        environment = {**os.environ, VARIABLE: f"{run} {os.environ.get(VARIABLE, '')}"}
        with subprocess.Popen(
            [*SERVE, f"--listen=unix://{path}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=environment,
        ) as process:
            begun = time.monotonic()
            time.sleep(after_ms / 1000)
            early = not _handles_sigterm(process.pid)
            process.send_signal(signal.SIGTERM)
            output, _ = process.communicate(timeout=60)
        seen.append((after_ms, process.returncode, round(time.monotonic() - begun, 2)))
        expected = {0, KILLED_BY_DEFAULT} if early else {0}
        assert process.returncode in expected, (after_ms, output)
        assert not re.search("Traceback|Error", output), (after_ms, output)
        assert not wait_for_end_of(run, 10.0), after_ms
        assert not path.exists(), after_ms
    sys.stdout.write(f"{seen}\n")
    assert seen[-1][1] == 0


def _handles_sigterm(pid: int) -> bool:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    caught = next(line for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(caught.split()[1], 16) & 1 << (signal.SIGTERM - 1))
