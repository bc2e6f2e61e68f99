"""Calls of methods that are not there, also by names that are no text."""

from __future__ import annotations

import time

import grpc
import pytest
from attacks.http2 import END_HEADERS, HEADERS, Http2, frame, header_block

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment
from support.running_daemon import Launch, RunningDaemon

SECONDS = 20.0
SEGMENT = "/edgeseg.v1.SegmentationService/Segment"


def status_of(daemon: RunningDaemon, path: bytes) -> str:
    """How a call of any path ends."""
    block = header_block("x" * len(path)).replace(b"x" * len(path), path)
    with Http2(daemon.address, time.monotonic() + SECONDS) as connection:
        stream, _ = connection.headers("/")
        connection._windows[stream] = 0
        connection.write(frame(HEADERS, END_HEADERS | 1, stream, block))
        until = time.monotonic() + SECONDS
        while stream not in connection.ended and time.monotonic() < until:
            connection.receive(0.1)
        return connection.ended.get(stream, "no end")


@pytest.mark.parametrize(
    "path", [b"/e\xff\xffg.v1.SegmentationService/Segment", b"\xff", b"/\xed\xa0\x80/x", b"\xc3"]
)
async def test_a_path_that_is_not_utf_8_ends_its_call_and_not_the_server(
    launch: Launch, jpeg: bytes, path: bytes
) -> None:
    running = launch()
    async with grpc.aio.insecure_channel(running.address) as channel:
        stream = channel.stream_stream(
            SEGMENT, pb.SegmentRequest.SerializeToString, pb.SegmentResponse.FromString
        )()
        await stream.write(every())
        for number in range(3):
            status = status_of(running, path)
            assert status.partition(":")[0] in ("UNIMPLEMENTED", "UNKNOWN", "INTERNAL"), status
            (request,) = frames([jpeg])
            await stream.write(request)
            answer = await stream.read()
            assert isinstance(answer, pb.SegmentResponse)
            assert answer.status == pb.FRAME_STATUS_OK, number
        await stream.done_writing()
    answers = await segment(running.address, [every(), *frames([jpeg])])
    assert answers[0].status == pb.FRAME_STATUS_OK


async def test_an_unknown_method_is_unimplemented(daemon: RunningDaemon) -> None:
    for path in ("/edgeseg.v1.SegmentationService/Other", "/other.Service/Segment", "/"):
        assert status_of(daemon, path.encode()).startswith("UNIMPLEMENTED")
