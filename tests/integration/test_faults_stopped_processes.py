"""Front and engine are stopped for a while, as by a debugger or a frozen control group."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import sys
import time
from itertools import pairwise

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import AsyncClient
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


async def test_clients_are_not_charged_with_the_time_in_which_the_daemon_was_stopped(
    jpeg: bytes,
) -> None:
    """Otherwise each would wait for a multiple of that time, as one with monstrous frames does."""
    with RunningDaemon("--delegate=cpu") as running:
        engine = running.engine_pid
        assert engine is not None
        both = (running.process.pid, engine)
        times: list[list[float]] = [[], []]
        went_on: list[float] = []

        async def one(mine: list[float]) -> None:
            async with AsyncClient(running.address) as client:
                async for answer in client.stream(itertools.repeat(jpeg), policy="every"):
                    assert answer.ok
                    mine.append(time.monotonic())
                    if went_on and mine[-1] > went_on[0] + STOPPED_SECONDS:
                        break

        async def stop() -> None:
            while not all(map(len, times)):
                await asyncio.sleep(0.05)
            for number in (signal.SIGSTOP, signal.SIGCONT):
                for pid in both:
                    os.kill(pid, number)
                if number == signal.SIGSTOP:
                    await asyncio.sleep(STOPPED_SECONDS)
            went_on.append(time.monotonic())

        await asyncio.wait_for(asyncio.gather(*map(one, times), stop()), 60)
    (begin,) = went_on
    after = [[begin, *(moment for moment in mine if moment > begin)] for mine in times]
    waits = [max(later - earlier for earlier, later in pairwise(mine)) for mine in after]
    sys.stdout.write(f"the longest waits for an answer after that: {waits} s\n")
    assert max(waits) < STOPPED_SECONDS / 2
