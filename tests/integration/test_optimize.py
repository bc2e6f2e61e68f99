"""Many frames a second in the place of the next one soon."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.threads import USES_ALL_OF_FEW_CORES, thread_cap
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.runtime


async def test_for_throughput_each_core_has_an_engine_with_the_same_masks(jpeg: bytes) -> None:
    with RunningDaemon("--delegate=cpu") as plain:
        expected = (await segment(plain.address, [every(), *frames([jpeg])]))[0].segmentation
    with RunningDaemon("--delegate=cpu", "--optimize=throughput") as running:
        answers = await segment(running.address, [every(), *frames([jpeg] * 60)])
        assert answers.keys() == set(range(60))
        assert {answer.segmentation.labels for answer in answers.values()} == {expected.labels}
        assert any("1 threads" in line for line in running.output)
        children = f"/proc/{running.process.pid}/task/{running.process.pid}/children"
        engines = list(map(int, Path(children).read_text(encoding="ascii").split()))
        assert len(engines) == thread_cap(USES_ALL_OF_FEW_CORES)
        os.kill(engines[0], signal.SIGKILL)
        again = await segment(running.address, [every(), *frames([jpeg] * 20)])
        assert {answer.status for answer in again.values()} == {pb.FRAME_STATUS_OK}
