"""Streams that ask for large results and never read one."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from attacks.messages import SEGMENT, stream_frame, stream_options
from attacks.pictures import large_jpeg
from attacks.target import Seen, Target, short
from edgeseg.v1 import segmentation_pb2 as pb

STREAMS = 16
OPTIONS = pb.SegmentationOptions(
    outputs=[pb.OUTPUT_LABELS, pb.OUTPUT_CONFIDENCE_MAP],
    size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME),
)


def unread(target: Target, until: float, seen: Seen) -> None:
    """Each stream on a connection of its own, with results of 24 MB."""
    asyncio.run(_all(target, until, seen))


async def _all(target: Target, until: float, seen: Seen) -> None:
    await asyncio.gather(*(_one(target, until, seen) for _ in range(STREAMS)))


async def _one(target: Target, until: float, seen: Seen) -> None:
    own = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(target.grpc, options=own) as channel:
        while asyncio.get_running_loop().time() < until:
            call: Any = channel.stream_stream(SEGMENT)()
            try:
                async with asyncio.timeout_at(until):
                    await call.write(stream_options(options=OPTIONS))
                    while True:
                        await call.write(stream_frame(large_jpeg()))
                        seen["frames sent"] += 1
            except TimeoutError:
                call.cancel()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                seen[short(f"{(await call.code()).name}: {await call.details()}")] += 1
                await asyncio.sleep(0.1)
