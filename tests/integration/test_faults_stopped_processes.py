"""Front and engine are stopped for a while, as by a debugger or a frozen control group."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import time
from itertools import pairwise

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment_in_step
from support.running_daemon import RunningDaemon

pytestmark = [pytest.mark.runtime, pytest.mark.slow]

COUNT, AT = 40, 10
STOPPED_SECONDS = 4.0


async def test_a_stream_goes_on_when_front_and_engine_were_stopped_together(jpeg: bytes) -> None:
    """The engine is not blamed for the time in which the front did not run either."""
    with RunningDaemon("--engine-answer-seconds=2") as running:
        engine = running.engine_pid
        assert engine is not None
        both = (running.process.pid, engine)
        times: list[float] = []

        def go_on() -> None:
            for pid in both:
                os.kill(pid, signal.SIGCONT)

        def answered(response: pb.SegmentResponse) -> None:
            times.append(time.monotonic())
            if response.frame_id == AT:
                for pid in both:
                    os.kill(pid, signal.SIGSTOP)
                asyncio.get_running_loop().call_later(STOPPED_SECONDS, go_on)

        answers = await segment_in_step(
            running.address, [every(), *frames([jpeg] * COUNT)], answered
        )
        assert answers.keys() == set(range(COUNT))
        assert {answer.status for answer in answers.values()} == {pb.FRAME_STATUS_OK}
        assert running.engine_pid == engine
        assert running.metric("edgeseg_engine_restarts_total") == 0
    gap = max(later - earlier for earlier, later in pairwise(times))
    sys.stdout.write(f"answers again {gap - STOPPED_SECONDS:.2f} s after both went on\n")
    assert gap >= STOPPED_SECONDS - 0.5
