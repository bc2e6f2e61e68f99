"""Calls of the contract as any client makes them, without the client library."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from contextlib import asynccontextmanager

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg.v1 import segmentation_pb2_grpc as pb_grpc

STATUS = pb.FrameStatus


@asynccontextmanager
async def stub(
    address: str, *more: tuple[str, int]
) -> AsyncIterator[pb_grpc.SegmentationServiceAsyncStub]:
    """A stub with a channel of its own that takes results of any size, and has `more` options."""
    options = [
        ("grpc.max_receive_message_length", -1),
        ("grpc.max_send_message_length", -1),
        *more,
    ]
    async with grpc.aio.insecure_channel(address, options=options) as channel:
        yield pb_grpc.SegmentationServiceStub(channel)  # type: ignore[misc]


def every(*outputs: pb.Output.ValueType, **options: object) -> pb.SegmentRequest:
    """Options of a stream in which nothing is dropped."""
    return pb.SegmentRequest(
        options=pb.StreamOptions(
            policy=pb.QUEUE_POLICY_EVERY,
            segmentation=pb.SegmentationOptions(outputs=outputs, **options),  # type: ignore[arg-type]
        )
    )


def frames(pictures: Iterable[bytes], first_id: int = 0) -> list[pb.SegmentRequest]:
    """Encoded pictures as frames with consecutive ids."""
    return list(endless_frames(pictures, first_id))


def endless_frames(pictures: Iterable[bytes], first_id: int = 0) -> Iterator[pb.SegmentRequest]:
    """Like `frames`, one when it is asked for: there may be pictures without end."""
    for number, data in enumerate(pictures, first_id):
        yield pb.SegmentRequest(frame=pb.Frame(id=number, data=data))


async def segment(
    address: str, requests: Sequence[pb.SegmentRequest]
) -> dict[int, pb.SegmentResponse]:
    """All responses of a stream by frame id; asserts that none came twice."""
    answers: dict[int, pb.SegmentResponse] = {}
    async with stub(address) as service:
        async for response in service.Segment(iter(requests)):
            assert response.frame_id not in answers, "answered twice"
            answers[response.frame_id] = response
    return answers


async def segment_in_step(
    address: str,
    requests: Iterable[pb.SegmentRequest],
    answered: Callable[[pb.SegmentResponse], bool | None],
    *,
    in_flight: int = 2,
) -> dict[int, pb.SegmentResponse]:
    """Like `segment`, for a stream that begins with options, with that many frames in flight.

    So what `answered` does at the answer to a frame meets those that come `in_flight` later,
    however slow this process is. Where it gives True, no more frames are sent.
    """
    answers: dict[int, pb.SegmentResponse] = {}
    window = asyncio.Semaphore(in_flight + 1)  # the options are a message too
    enough = asyncio.Event()

    async def paced() -> AsyncIterator[pb.SegmentRequest]:
        for request in requests:
            await window.acquire()
            if enough.is_set():
                return
            yield request

    async with stub(address) as service:
        async for response in service.Segment(paced()):
            assert response.frame_id not in answers, "answered twice"
            answers[response.frame_id] = response
            if answered(response):
                enough.set()
            window.release()
    return answers
