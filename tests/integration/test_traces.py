"""Traces of the real daemon, as a collector gets them over the network."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client import Client
from support.calls import every, frames, stub
from support.running_daemon import Launch

if TYPE_CHECKING:
    from support.otlp_receiver import OtlpReceiver

WHY = "OpenTelemetry is missing: pip install 'edgeseg[otel]'"
TRACE, PARENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SERVICE = "edgeseg.v1.SegmentationService"


@pytest.fixture
def receiver() -> OtlpReceiver:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason=WHY)
    from support.otlp_receiver import OtlpReceiver

    return OtlpReceiver()


async def test_a_collector_gets_the_spans_of_calls_frames_and_stages(
    receiver: OtlpReceiver, launch: Launch, jpeg: bytes
) -> None:
    with receiver:
        daemon = launch(f"--traces={receiver.endpoint}", "--trace-every=2")
        async with stub(daemon.address) as service:
            metadata = (
                ("traceparent", f"00-{TRACE}-{PARENT}-01"),
                ("edgeseg-stream", "front"),
            )
            requests = [every(), *frames([jpeg] * 4)]
            answers = [one async for one in service.Segment(iter(requests), metadata=metadata)]
            assert [one.status for one in answers] == [pb.FRAME_STATUS_OK] * 4
            image = pb.SegmentImageRequest(frame=pb.Frame(id=9, data=jpeg))
            assert (await service.SegmentImage(image)).frame_id == 9
        assert daemon.stop() == 0, "the last spans are sent before the end"
    [stream] = receiver.named(f"{SERVICE}/Segment")
    assert stream.trace_id.hex() == TRACE
    assert stream.parent_span_id.hex() == PARENT
    frame_spans = [one for one in receiver.named("frame") if one.trace_id == stream.trace_id]
    assert len(frame_spans) == 2, "every second frame of four"
    assert {one.parent_span_id for one in frame_spans} == {stream.span_id}
    assert all(
        stream.start_time_unix_nano <= one.start_time_unix_nano <= one.end_time_unix_nano
        for one in frame_spans
    )
    invokes = [one for one in receiver.named("invoke") if one.trace_id == stream.trace_id]
    assert {one.parent_span_id for one in invokes} == {one.span_id for one in frame_spans}
    [single] = receiver.named(f"{SERVICE}/SegmentImage")
    assert not single.parent_span_id
    assert single.trace_id != stream.trace_id
    assert receiver.resources[0]["service.name"] == "edgesegd"


def test_frames_are_served_although_no_collector_is_there(launch: Launch, jpeg: bytes) -> None:
    pytest.importorskip("opentelemetry.exporter.otlp.proto.grpc", reason=WHY)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # it does not listen
        daemon = launch(f"--traces=http://127.0.0.1:{nobody.getsockname()[1]}", "--trace-every=1")
        with Client(daemon.address) as client:
            assert all(answer.ok for answer in client.stream([jpeg] * 5))
        begun = time.monotonic()
        assert daemon.stop() == 0
        assert time.monotonic() - begun < 25, "it waits for a bounded time"
    assert not [line for line in daemon.output if "Traceback" in line]
