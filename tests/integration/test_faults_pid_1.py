"""The daemon as the first process of a container, which has to reap and gets no default signals."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment

SERVE = ("-m", "edgesegd", "serve", "--tokens=none", "--metrics-listen=", "--delegate=cpu")
NAMESPACES = ("unshare", "--pid", "--fork", "--mount-proc", "--kill-child")


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    if shutil.which("unshare") is None or subprocess.call([*NAMESPACES, "true"]) != 0:
        pytest.skip("a process namespace needs root and unshare of util-linux")
    with subprocess.Popen(
        [*NAMESPACES, sys.executable, *SERVE, f"--listen=unix://{tmp_path}/grpc.sock"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            lines: list[str] = []
            while not lines or " ready: " not in lines[-1]:
                lines.append(process.stdout.readline())
                assert lines[-1], lines
            yield process
        finally:
            process.kill()


def children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return list(map(int, found.split()))


async def test_a_daemon_that_is_pid_1_reaps_its_engine_and_stops(
    daemon: subprocess.Popen[str], tmp_path: Path, jpeg: bytes
) -> None:
    address = f"unix://{tmp_path}/grpc.sock"
    (front,) = children(daemon.pid)
    assert namespaced_pid(front) == 1
    (engine,) = children(front)
    os.kill(engine, signal.SIGKILL)
    answers = await segment(address, [every(), *frames([jpeg] * 3)])
    assert [answers[number].status for number in range(3)] == [pb.FRAME_STATUS_OK] * 3
    async with asyncio.timeout(20):
        while any(state(pid) == "Z" for pid in children(front)):
            await asyncio.sleep(0.05)
    assert engine not in children(front)
    os.kill(front, signal.SIGTERM)
    output, _ = await asyncio.to_thread(daemon.communicate, timeout=30)
    assert daemon.returncode == 0
    assert "Traceback" not in output
    assert not (tmp_path / "grpc.sock").exists()


def namespaced_pid(pid: int) -> int:
    """Its id in its own namespace."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(each for each in status.splitlines() if each.startswith("NSpid:"))
    return int(line.split()[-1])


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0]
