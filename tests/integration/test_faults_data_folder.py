"""On a data folder that cannot be written the daemon serves, and says what it cannot keep."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client
from support.calls import every, frames, segment
from support.pictures import file_of, noise
from support.sums_model import sums_model

pytestmark = pytest.mark.runtime

SIZE, DETOURS = 192, 100
META = 'input = { mean = 0, std = 255 }\noutput = { kind = "logits" }\n'
SERVE = ("-m", "edgesegd", "serve", "--tokens=none", "--metrics-listen=", "--threads=1")
FULL = "mount -t tmpfs -o size=64k none {data} && ! cat /dev/zero 2> /dev/null > {data}/large"
READ_ONLY = "mount -t tmpfs -o ro none {data}"
NOT_STORED = "the choice of the delegate cannot be stored in"


class Served:
    """A daemon whose data folder is a file system of its own, which no other process sees."""

    def __init__(self, folder: Path, mount: str, *flags: str) -> None:
        data = folder / "data"
        data.mkdir()
        self.address = f"unix://{folder}/grpc.sock"
        script = f"{mount.format(data=data)} && exec " + '"$@"'
        serve = (sys.executable, *SERVE, f"--listen={self.address}", f"--data-dir={data}", *flags)
        self.process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", script, "sh", *serve],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.lines: list[str] = []
        self._came = threading.Condition()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._came:
                self.lines.append(line)
                self._came.notify_all()

    def wait_for(self, words: str) -> str:
        """The line with these words."""
        with self._came:
            assert self._came.wait_for(lambda: any(words in line for line in self.lines), 60), (
                self.lines
            )
            return next(line for line in self.lines if words in line)

    def stop(self) -> int:
        self.process.terminate()
        status = self.process.wait(30)
        self._reader.join()
        assert self.process.stdout is not None
        self.process.stdout.close()
        return status


@pytest.fixture
def serve(fake_delegate: Path, tmp_path: Path) -> Iterator[Callable[[str], Served]]:
    """A daemon with a choice to keep: of the test delegate, for a model that is slow without."""
    try_mount = ("unshare", "--mount", "mount", "-t", "tmpfs", "-o", "size=64k", "none", tmp_path)
    if shutil.which("unshare") is None or subprocess.call(try_mount) != 0:
        pytest.skip("a file system of one's own needs root and unshare of util-linux")
    sums_model(tmp_path / "sum.tflite", "ADD", ["NONE"], size=SIZE, detours=DETOURS)
    sums_model(tmp_path / "sum_edgetpu.tflite", "CUSTOM", ["NONE"], size=SIZE)
    for name in ("sum", "sum_edgetpu"):
        (tmp_path / f"{name}.toml").write_text(META)
    shutil.copy(fake_delegate, tmp_path / "libnpu.so")
    candidate = f"--candidates={tmp_path}/libnpu.so:claim=edgetpu"
    served: list[Served] = []

    def start(mount: str) -> Served:
        served.append(Served(tmp_path, mount, f"--model={tmp_path}/sum_edgetpu.tflite", candidate))
        return served[-1]

    yield start
    for each in served:
        each.stop()


@pytest.mark.parametrize(
    ("mount", "why"),
    [
        pytest.param(FULL, "No space left on device", id="full"),
        pytest.param(READ_ONLY, "Read-only file system", id="read-only"),
    ],
)
async def test_where_nothing_can_be_kept_the_daemon_serves_and_says_what_is_lost(
    serve: Callable[[str], Served], mount: str, why: str
) -> None:
    picture = file_of(Image.fromarray(noise(SIZE, SIZE)), "PNG")
    running = serve(mount)
    await asyncio.to_thread(running.wait_for, " ready: ")
    line = await asyncio.to_thread(running.wait_for, NOT_STORED)
    assert why in line
    await asyncio.to_thread(running.wait_for, "npu takes over")
    answers = await segment(running.address, [every(), *frames([picture] * 3)])
    assert [answers[number].status for number in range(3)] == [pb.FRAME_STATUS_OK] * 3
    assert {answer.segmentation.delegate for answer in answers.values()} == {"npu"}
    assert running.stop() == 0
    assert "Traceback" not in "".join(running.lines)


async def test_a_full_dev_shm_costs_neither_frames_nor_leases(
    serve: Callable[[str], Served],
) -> None:
    """The daemon's own memory has no name there."""
    pixels = noise(SIZE, SIZE)
    running = serve(FULL.format(data="/dev/shm"))  # noqa: S108 # of a namespace of its own
    await asyncio.to_thread(running.wait_for, " ready: ")

    assert os.statvfs(f"/proc/{running.process.pid}/root/dev/shm").f_bavail == 0

    def with_leases() -> int:
        with Client(running.address, shared_memory=True, timeout=30) as client:
            return sum(answer.ok for answer in client.stream([pixels] * 5, policy="every"))

    assert await asyncio.to_thread(with_leases) == 5
    assert running.stop() == 0
