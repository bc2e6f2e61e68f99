"""A client that sends as fast as it can does not take another client's share."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc
from support.calls import every, frames, stub
from support.running_daemon import RunningDaemon

OWN = ("grpc.use_local_subchannel_pool", 1)
"""A connection of its own, so that it is a client of its own."""

Greedy = Callable[["pb_grpc.SegmentationServiceAsyncStub", bytes], Awaitable[None]]


async def answered_in(
    service: pb_grpc.SegmentationServiceAsyncStub, jpeg: bytes, seconds: float
) -> int:
    """How many frames are answered, one after another."""
    count = 0
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            call = service.Segment()
            await call.write(every())
            while True:
                await call.write(frames([jpeg], first_id=count)[0])
                answer = await call.read()
                assert isinstance(answer, pb.SegmentResponse)
                assert answer.status == pb.FRAME_STATUS_OK
                count += 1
    return count


async def greedy_stream(service: pb_grpc.SegmentationServiceAsyncStub, jpeg: bytes) -> None:
    call = service.Segment()
    await call.write(every())
    for request in frames([jpeg] * 4):
        await call.write(request)
    async for _ in call:
        await call.write(frames([jpeg])[0])


async def greedy_image(service: pb_grpc.SegmentationServiceAsyncStub, jpeg: bytes) -> None:
    while True:
        with suppress(grpc.aio.AioRpcError):
            request = pb.SegmentImageRequest(frame=pb.Frame(data=jpeg))
            await service.SegmentImage(request)


@pytest.mark.slow
@pytest.mark.parametrize(("greedy", "count"), [(greedy_stream, 80), (greedy_image, 64)])
async def test_a_client_with_many_streams_leaves_another_its_fair_share(
    jpeg: bytes, greedy: Greedy, count: int
) -> None:
    with RunningDaemon("--delegate=cpu") as running:
        async with stub(running.address, OWN) as good, stub(running.address, OWN) as bad:
            await answered_in(good, jpeg, 0.5)
            alone = await answered_in(good, jpeg, 2)
            tasks = [asyncio.ensure_future(greedy(bad, jpeg)) for _ in range(count)]
            await asyncio.sleep(0.5)
            contended = await answered_in(good, jpeg, 4)
            assert not any(task.done() for task in tasks)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    assert alone > 0
    # By streams it would have one turn of eighty. Half of the engine, but the front and both
    # clients take their part of the cores too.
    assert contended > alone * 2 / 8
