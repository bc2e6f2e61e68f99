"""The daemon is killed and started again, as a service manager does; a stream goes on."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest

from edgeseg_client import Client
from support.running_daemon import Launch, RunningDaemon

pytestmark = pytest.mark.runtime

COUNT, AT = 30, 10


@pytest.mark.parametrize("both", [False, True], ids=["front", "front and engine"])
def test_a_stream_goes_on_with_the_daemon_that_is_started_for_a_killed_one(
    launch: Launch, tmp_path: Path, jpeg: bytes, both: bool
) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    first = launch(f"--listen={address}")
    engine = first.engine_pid
    assert engine is not None
    with Client(address, retry_for=60) as client:
        answers = client.stream([jpeg] * COUNT, policy="every")
        seen = [next(answers) for _ in range(AT)]
        if both:
            os.kill(engine, signal.SIGKILL)
        first.stop(signal.SIGKILL)
        killed = time.monotonic()
        with RunningDaemon(f"--listen={address}"):
            ready = time.monotonic()
            seen.append(next(answers))
            answered = time.monotonic()
            seen += answers
    assert [answer.status for answer in seen] == ["ok"] * COUNT
    sys.stdout.write(
        f"ready after {ready - killed:.2f} s, next answer after {answered - killed:.2f} s\n"
    )
