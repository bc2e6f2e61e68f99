"""More calls of good pictures at a time than the daemon has turns for."""

from __future__ import annotations

import asyncio
from typing import Any

import grpc.aio

from attacks.floods import NO_LIMIT, PAUSE, keep_streaming
from attacks.messages import SEGMENT_IMAGE, image_request, stream_frame
from attacks.pictures import usual_jpeg
from attacks.target import Seen, Target, short
from edgeseg.v1 import segmentation_pb2 as pb

STREAMS = 1000
IMAGES = 64


def many_streams(target: Target, until: float, seen: Seen) -> None:
    """Streams of one connection that each keep one frame waiting."""
    asyncio.run(_many_streams(target, until, seen))


async def _many_streams(target: Target, until: float, seen: Seen) -> None:
    frames = [stream_frame(usual_jpeg())]
    async with grpc.aio.insecure_channel(target.grpc, options=NO_LIMIT) as channel:
        latest = pb.QUEUE_POLICY_LATEST
        await asyncio.gather(
            *(
                keep_streaming(channel, frames, until, seen, policy=latest, in_flight=1)
                for _ in range(STREAMS)
            )
        )


def many_images(target: Target, until: float, seen: Seen) -> None:
    """Single images of one connection."""
    asyncio.run(_many_images(target, until, seen))


async def _many_images(target: Target, until: float, seen: Seen) -> None:
    request = image_request(usual_jpeg())
    async with grpc.aio.insecure_channel(target.grpc, options=NO_LIMIT) as channel:
        call: Any = channel.unary_unary(SEGMENT_IMAGE)
        await asyncio.gather(
            *(repeat_call(lambda: call(request), until, seen) for _ in range(IMAGES))
        )


async def repeat_call(start: Any, until: float, seen: Seen) -> None:  # noqa: ANN401 # gRPC has no type for it
    """The same unary call, again and again."""
    while asyncio.get_running_loop().time() < until:
        try:
            async with asyncio.timeout_at(until):
                await start()
            seen["OK"] += 1
        except TimeoutError:
            return
        except grpc.aio.AioRpcError as error:
            seen[short(f"{error.code().name}: {error.details()}")] += 1
            if error.code() is grpc.StatusCode.UNAVAILABLE:  # the daemon is gone
                await asyncio.sleep(PAUSE)
