"""Bytes that are no message of the contract: an error for their sender, and no harm to others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment
from support.running_daemon import RunningDaemon

SERVICE = "/edgeseg.v1.SegmentationService/"
GARBAGE = [
    b"\xff" * 100,
    b"\x0a\xff\xff\xff\xff\x0f",
    pb.SegmentRequest(frame=pb.Frame(data=b"x" * 100)).SerializeToString()[:-10],
    # A string that is not UTF-8, as the model's name.
    pb.SegmentRequest(options=pb.StreamOptions(segmentation=pb.SegmentationOptions(model="abc")))
    .SerializeToString()
    .replace(b"abc", b"\xff\xfe\xfd"),
]


async def send_to_stream(
    address: str, messages: Iterable[bytes]
) -> tuple[list[Any], grpc.aio.AioRpcError]:
    """What comes back for these bytes, and how the call ended."""
    async with grpc.aio.insecure_channel(address) as channel:
        segment_raw: Any = channel.stream_stream(SERVICE + "Segment")
        call = segment_raw(iter(messages))
        answers = []
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for answer in call:
                answers.append(pb.SegmentResponse.FromString(answer))  # noqa: PERF401 # until it ends
        return answers, caught.value


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_stream_ends_with_the_clients_fault_after_its_frames_are_answered(
    daemon: RunningDaemon, jpeg: bytes, garbage: bytes
) -> None:
    good = [each.SerializeToString() for each in (every(), *frames([jpeg] * 2))]
    answers, error = await send_to_stream(daemon.address, [*good, garbage])
    assert {answer.status for answer in answers} == {pb.FRAME_STATUS_OK}
    assert [answer.frame_id for answer in answers] == [0, 1]
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert "SegmentRequest" in (error.details() or "")
    assert ("edgeseg-status", "INVALID") in tuple(error.trailing_metadata())
    again = await segment(daemon.address, [every(), *frames([jpeg])])
    assert again[0].status == pb.FRAME_STATUS_OK


@pytest.mark.parametrize("garbage", GARBAGE[:3])
async def test_a_single_image_ends_with_the_clients_fault(
    daemon: RunningDaemon, garbage: bytes
) -> None:
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        segment_image: Any = channel.unary_unary(SERVICE + "SegmentImage")
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await segment_image(garbage)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert ("edgeseg-status", "INVALID") in tuple(caught.value.trailing_metadata())


async def test_malformed_messages_log_no_errors() -> None:
    with RunningDaemon() as running:
        for _ in range(20):
            for garbage in GARBAGE:
                await send_to_stream(running.address, [garbage])
    assert "draining" in running.output[-1], "it still served"
    assert not [line for line in running.output if "Traceback" in line or "ERROR" in line]
