"""Streams of frames for measurements, sent as fast as possible or at a fixed rate."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.wire import async_stub

NO_LIMIT = [("grpc.max_send_message_length", -1)]


class FrameFailed(Exception):
    """A frame had no result, so nothing can be measured."""


class OneInFlight:
    """Sends each frame when the one before is answered."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._call = async_stub(channel).Segment()

    async def __call__(self, frame: pb.Frame) -> pb.SegmentResponse:
        """Send one frame and return its response."""
        await self._call.write(pb.SegmentRequest(frame=frame))
        answer = await self._call.read()
        if not isinstance(answer, pb.SegmentResponse) or answer.status != pb.FRAME_STATUS_OK:
            raise FrameFailed(str(answer))
        return answer

    async def median_seconds(self, frame: pb.Frame, count: int) -> float:
        """The median of `count` round trips, in seconds."""
        seconds = []
        for _ in range(count):
            started = time.perf_counter()
            await self(frame)
            seconds.append(time.perf_counter() - started)
        return statistics.median(seconds)


async def frames_per_second(
    channel: grpc.aio.Channel, jpeg: bytes, count: int, in_flight: int
) -> float:
    """Results per second with `in_flight` frames in flight, with policy EVERY."""
    call = async_stub(channel).Segment()
    options = pb.StreamOptions(policy=pb.QUEUE_POLICY_EVERY)
    await call.write(pb.SegmentRequest(options=options))
    request = pb.SegmentRequest(frame=pb.Frame(data=jpeg))
    for _ in range(in_flight):
        await call.write(request)
    started = time.perf_counter()
    for _ in range(count):
        answer = await call.read()
        if not isinstance(answer, pb.SegmentResponse) or answer.status != pb.FRAME_STATUS_OK:
            raise FrameFailed(str(answer))
        await call.write(request)
    seconds = time.perf_counter() - started
    await call.done_writing()
    while isinstance(await call.read(), pb.SegmentResponse):
        pass
    return count / seconds


class TimedStream:
    """One call whose frames are sent at a fixed rate; it records how each was answered."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        jpeg: bytes,
        *,
        policy: pb.QueuePolicy.ValueType,
        interval: float,
    ) -> None:
        self._stub = async_stub(channel)
        self._jpeg = jpeg
        self._policy = policy
        self._interval = interval
        self.latencies: list[float] = []
        self.statuses = Counter[str]()

    async def run(self, count: int, phase: float = 0.0) -> None:
        """Send `count` frames, `interval` seconds apart, the first after `phase` of one.

        Returns when all are answered.
        """
        sent: dict[int, float] = {}

        async def requests() -> AsyncIterator[pb.SegmentRequest]:
            yield pb.SegmentRequest(options=pb.StreamOptions(policy=self._policy))
            due = time.perf_counter() + phase * self._interval
            for number in range(count):
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sent[number] = time.perf_counter()
                yield pb.SegmentRequest(frame=pb.Frame(id=number, data=self._jpeg))
                due += self._interval

        async for answer in self._stub.Segment(requests()):
            self.statuses[pb.FrameStatus.Name(answer.status).removeprefix("FRAME_STATUS_")] += 1
            if answer.status == pb.FRAME_STATUS_OK:
                self.latencies.append(time.perf_counter() - sent.pop(answer.frame_id))
        if self.statuses.total() != count:
            raise FrameFailed(f"{self.statuses.total()} answers to {count} frames")
