"""Engines side by side while many frames wait, one while few do."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.board.threads import count_cores
from support.calls import every, stub
from support.running_daemon import RunningDaemon

pytestmark = pytest.mark.skipif(count_cores() < 2, reason="one core is filled by one engine")

SEVERAL, FEW = "several frames at a time", "few frames at a time"
ENOUGH_SECONDS = 60


def count_logged(daemon: RunningDaemon, words: str) -> int:
    return sum(words in line for line in daemon.output)


class Stream:
    """A stream under EVERY with that many frames in flight, whose answers must be in order."""

    def __init__(self, service: object, jpeg: bytes, in_flight: int) -> None:
        self.in_flight = in_flight
        self.answered = 0
        self.labels: set[bytes] = set()
        self._jpeg = jpeg
        self._sent = 0
        self._more = asyncio.Event()
        self._stop = False
        self._service = service

    async def _requests(self) -> AsyncIterator[pb.SegmentRequest]:
        yield every()
        while not self._stop:
            while self._sent - self.answered < self.in_flight:
                yield pb.SegmentRequest(frame=pb.Frame(id=self._sent, data=self._jpeg))
                self._sent += 1
            self._more.clear()
            await self._more.wait()

    async def run(self) -> None:
        async for answer in self._service.Segment(self._requests()):  # type: ignore[attr-defined]
            assert answer.status == pb.FRAME_STATUS_OK, answer.message
            assert answer.frame_id == self.answered
            self.labels.add(answer.segmentation.labels)
            self.answered += 1
            self._more.set()
        assert self.answered == self._sent

    def stop(self) -> None:
        self._stop = True
        self._more.set()


@asynccontextmanager
async def streaming(daemon: RunningDaemon, jpeg: bytes, in_flight: int) -> AsyncIterator[Stream]:
    async with stub(daemon.address) as service:
        stream = Stream(service, jpeg, in_flight)
        running = asyncio.create_task(stream.run())
        try:
            yield stream
        finally:
            stream.stop()
            async with asyncio.timeout(ENOUGH_SECONDS):
                await running
        assert stream.answered > 0


async def until_logged(daemon: RunningDaemon, words: str, times: int = 1) -> None:
    async with asyncio.timeout(ENOUGH_SECONDS):
        while count_logged(daemon, words) < times:
            await asyncio.sleep(0.02)


@pytest.mark.slow
async def test_engines_side_by_side_take_over_while_frames_wait_and_one_when_few_do(
    jpeg: bytes,
) -> None:
    with RunningDaemon("--delegate=cpu") as running:
        (first,) = running.engines()
        async with streaming(running, jpeg, in_flight=4) as stream:
            await until_logged(running, SEVERAL)
            assert len(running.engines()) == count_cores() + 1
            stream.in_flight = 1
            await until_logged(running, FEW)
            stream.in_flight = 4
            await until_logged(running, SEVERAL, times=2)
        assert len(stream.labels) == 1
        assert len(running.engines()) == count_cores() + 1, "they are kept for a while"
        assert first in running.engines()
        assert running.metric("edgeseg_engine_ready") == 1
        assert running.metric("edgeseg_engine_restarts_total") == 0


@pytest.mark.slow
async def test_the_first_engine_takes_over_at_once_where_one_of_several_is_lost(
    jpeg: bytes,
) -> None:
    with RunningDaemon("--delegate=cpu") as running:
        (first,) = running.engines()
        async with streaming(running, jpeg, in_flight=4) as stream:
            await until_logged(running, SEVERAL)
            os.kill(max(set(running.engines()) - {first}), signal.SIGKILL)
            await until_logged(running, FEW)
            before = stream.answered
            async with asyncio.timeout(ENOUGH_SECONDS):
                while stream.answered < before + 20 or running.engines() != [first]:
                    await asyncio.sleep(0.02)
        assert len(stream.labels) == 1
        assert running.metric("edgeseg_engine_restarts_total", cause="crash") == 1
        assert running.metric("edgeseg_degraded") == 0


@pytest.mark.slow
async def test_without_memory_for_more_engines_one_serves(jpeg: bytes) -> None:
    with RunningDaemon("--delegate=cpu", "--replica-bytes=1000000") as running:
        async with streaming(running, jpeg, in_flight=4) as stream:
            await until_logged(running, "not enough memory for several engines")
            before = stream.answered
            async with asyncio.timeout(ENOUGH_SECONDS):
                while stream.answered < before + 20:
                    await asyncio.sleep(0.02)
        assert len(running.engines()) == 1


@pytest.mark.slow
async def test_for_latency_one_engine_serves_however_many_frames_wait(jpeg: bytes) -> None:
    with RunningDaemon("--delegate=cpu", "--optimize=latency") as running:
        async with streaming(running, jpeg, in_flight=4) as stream:
            async with asyncio.timeout(ENOUGH_SECONDS):
                while stream.answered < 300:
                    await asyncio.sleep(0.02)
        assert len(running.engines()) == 1
