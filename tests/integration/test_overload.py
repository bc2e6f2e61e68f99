"""A stream that is too fast for minutes: every frame answered once, and memory flat."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.memory import resident
from support.calls import frames, stub
from support.running_daemon import RunningDaemon

FRAMES = 6000
RATE = 400.0
"""Frames a second: several times what two cores do."""


@pytest.mark.slow
async def test_memory_stays_flat_while_a_stream_overloads_the_daemon(jpeg: bytes) -> None:
    with RunningDaemon() as running:
        await overload(running, jpeg, FRAMES // 3)
        before = resident(running.process.pid), resident(running.engine_pid)
        await overload(running, jpeg, FRAMES)
        after = resident(running.process.pid), resident(running.engine_pid)
        assert running.metric("edgeseg_queue_depth") == 0
    for then, now in zip(before, after, strict=True):
        assert now - then < 15_000_000, (before, after)


async def overload(running: RunningDaemon, jpeg: bytes, count: int) -> None:
    async def paced() -> AsyncIterator[pb.SegmentRequest]:
        due = time.monotonic()
        for request in frames([jpeg] * count):
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            yield request
            due += 1 / RATE

    seen: set[int] = set()
    async with stub(running.address) as service:
        async for answer in service.Segment(paced()):
            assert answer.frame_id not in seen
            assert answer.status in (pb.FRAME_STATUS_OK, pb.FRAME_STATUS_SUPERSEDED)
            seen.add(answer.frame_id)
    assert len(seen) == count
