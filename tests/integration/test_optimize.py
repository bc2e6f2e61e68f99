"""Many frames a second in the place of the next one soon."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.board.threads import count_cores
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime


async def test_for_throughput_each_core_has_an_engine_with_the_same_masks(jpeg: bytes) -> None:
    with RunningDaemon("--delegate=cpu") as plain:
        expected = (await segment(plain.address, [every(), *frames([jpeg])]))[0].segmentation
    with RunningDaemon("--delegate=cpu", "--optimize=throughput") as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 60)])
        assert list(answers) == list(range(60)), "in the order of the frames"
        assert {answer.segmentation.labels for answer in answers.values()} == {expected.labels}
        assert any("1 threads" in line for line in running.output)
        engines = running.engines()
        assert len(engines) == count_cores()
        os.kill(engines[0], signal.SIGKILL)
        again = await segment(running.address, [every(), *frames([jpeg] * 20)])
        assert {answer.status for answer in again.values()} == {pb.FRAME_STATUS_OK}


async def test_four_cores_have_four_engines(tmp_path: Path) -> None:
    """No core is left to the front: it works while engines wait for it."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os\nos.sched_getaffinity = lambda _pid: {0, 1, 2, 3}\n"
    )
    python_path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    flags = ("--delegate=cpu", "--optimize=throughput")
    with RunningDaemon(*flags, env={"PYTHONPATH": python_path}) as running:
        async with asyncio.timeout(60):
            while len(running.engines()) < 4:
                await asyncio.sleep(0.05)
