"""Streams that send the next picture as soon as one is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import grpc.aio

from attacks.messages import SEGMENT, max_frame_bytes, stream_frame, stream_options
from attacks.pictures import (
    bmps,
    jpegs_of_many_scans,
    padded_jpegs,
    pictures_with_exif,
    plain_webps,
    slow_jpeg,
)
from attacks.target import Seen, Target, short
from edgeseg.v1 import segmentation_pb2 as pb

STREAMS = 8
IN_FLIGHT = 4
PAUSE = 0.1
NO_LIMIT = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


def bmp(target: Target, until: float, seen: Seen) -> None:
    """BMPs of run lengths."""
    flood(target, bmps, until, seen)


def scans(target: Target, until: float, seen: Seen) -> None:
    """JPEGs of many scans."""
    flood(target, jpegs_of_many_scans, until, seen)


def webp(target: Target, until: float, seen: Seen) -> None:
    """Large WebPs of one colour."""
    flood(target, plain_webps, until, seen)


def exif(target: Target, until: float, seen: Seen) -> None:
    """EXIF data with many entries for the same bytes."""
    flood(target, pictures_with_exif, until, seen, in_flight=1)


def large_frames(target: Target, until: float, seen: Seen) -> None:
    """Frames as large as they may be, all of which can be decoded."""
    flood(target, lambda: padded_jpegs(max_frame_bytes(target)), until, seen)


def poison(target: Target, until: float, seen: Seen) -> None:
    """Only the picture that is slow to decode."""
    flood(target, lambda: [slow_jpeg()], until, seen)


def flood(
    target: Target,
    pictures: Callable[[], list[bytes]],
    until: float,
    seen: Seen,
    *,
    in_flight: int = IN_FLIGHT,
) -> None:
    """Eight streams of one connection, each with a few frames in flight."""
    asyncio.run(_flood(target, pictures(), until, seen, in_flight))


async def _flood(
    target: Target, pictures: list[bytes], until: float, seen: Seen, in_flight: int
) -> None:
    frames = [stream_frame(picture) for picture in pictures]
    async with grpc.aio.insecure_channel(target.grpc, options=NO_LIMIT) as channel:
        streams = (
            keep_streaming(
                channel,
                frames,
                until,
                seen,
                policy=pb.QUEUE_POLICY_EVERY,
                in_flight=in_flight,
            )
            for _ in range(STREAMS)
        )
        await asyncio.gather(*streams)


async def keep_streaming(
    channel: grpc.aio.Channel,
    frames: list[bytes],
    until: float,
    seen: Seen,
    *,
    policy: pb.QueuePolicy.ValueType,
    in_flight: int = IN_FLIGHT,
) -> None:
    """A stream, and another one when it ends; counts the outcomes of its frames."""
    while asyncio.get_running_loop().time() < until:
        call: Any = channel.stream_stream(SEGMENT)()
        try:
            async with asyncio.timeout_at(until):
                await call.write(stream_options(policy))
                await _exchange(call, frames, in_flight, seen)
        except TimeoutError:
            call.cancel()
            return
        except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
            pass
        await count_end(call, seen)


async def count_end(call: Any, seen: Seen) -> None:  # noqa: ANN401 # gRPC has no type for it
    """Count how a call ended, and wait a little before the next."""
    seen[short(f"{(await call.code()).name}: {await call.details()}")] += 1
    await asyncio.sleep(PAUSE)


async def _exchange(call: Any, frames: list[bytes], in_flight: int, seen: Seen) -> None:  # noqa: ANN401 # gRPC has no type for it
    sent = 0
    for _ in range(in_flight):
        await call.write(frames[sent % len(frames)])
        sent += 1
    while (data := await call.read()) is not grpc.aio.EOF:
        answer = pb.SegmentResponse.FromString(data)
        status = pb.FrameStatus.Name(answer.status).removeprefix("FRAME_STATUS_")
        seen[short(f"{status}: {answer.message}".removesuffix(": "))] += 1
        await call.write(frames[sent % len(frames)])
        sent += 1
