"""The real daemon counts what is wrong with frames, whichever process finds it."""

from __future__ import annotations

import grpc
import pytest

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.core.errors import InvalidReason
from support.calls import every, frames, segment, stub
from support.oip_calls import inference, picture, request
from support.pictures import jpeg_of_scans, jpeg_segment
from support.running_daemon import Launch

INVALID_FRAMES = "edgeseg_invalid_frames_total"
JPEG_LS = b"".join(
    (
        b"\xff\xd8",
        jpeg_segment(0xF7, bytes([8, 0, 9, 0, 9, 1, 1, 0x11, 0])),
        jpeg_segment(0xDA, bytes([1, 1, 0, 0, 63, 0])),
        bytes(50),
        b"\xff\xd9",
    )
)
RAW = pb.FRAME_FORMAT_RGB


async def test_each_invalid_frame_of_a_stream_is_counted_by_its_reason(
    launch: Launch, jpeg: bytes
) -> None:
    daemon = launch("--max-frame-bytes=1000000", "--oip-shared-memory=allow")
    wrong = {
        "empty": pb.Frame(),
        "too_large": pb.Frame(data=bytes(1_000_001)),
        "format": pb.Frame(data=b"Dear daemon, please segment this."),
        "description": pb.Frame(data=bytes(2999), format=RAW, width=40, height=25),
        "damaged": pb.Frame(data=jpeg[: len(jpeg) // 2]),
        "unsupported": pb.Frame(data=JPEG_LS),
        "too_costly": pb.Frame(data=jpeg_of_scans(101, progressive=True)),
        "shared_memory": pb.Frame(shared_memory=pb.SharedMemoryHandle(region=1, length=5)),
    }
    page = daemon.metrics_page()
    for reason in InvalidReason:
        assert f'{INVALID_FRAMES}{{model="scenes",reason="{reason}"}} 0.0' in page
    bad = [pb.SegmentRequest(frame=frame) for frame in wrong.values()]
    for number, each in enumerate(bad):
        each.frame.id = number
    answers = await segment(daemon.address, [every(), *bad, *frames([jpeg], first_id=len(bad))])
    for number, name in enumerate(wrong):
        assert answers[number].status == pb.FRAME_STATUS_INVALID, name
        assert daemon.metric(INVALID_FRAMES, model="scenes", reason=name) == 1, (
            name,
            answers[number].message,
        )
    assert answers[len(bad)].status == pb.FRAME_STATUS_OK

    async with stub(daemon.address) as service:
        unknown = pb.SegmentationOptions(outputs=[99])  # type: ignore[list-item]
        with pytest.raises(grpc.aio.AioRpcError):
            await service.SegmentImage(
                pb.SegmentImageRequest(frame=pb.Frame(data=jpeg), options=unknown)
            )
        with pytest.raises(grpc.aio.AioRpcError):
            await service.SegmentImage(
                pb.SegmentImageRequest(
                    frame=pb.Frame(data=jpeg), options=pb.SegmentationOptions(model="garden")
                )
            )
    async with inference(daemon.address) as protocol:
        missing = {"shared_memory_region": "mine", "shared_memory_byte_size": 5}
        stream = [request(None, place=missing), picture(jpeg, model="garden"), picture(jpeg)]
        errors = [
            bool(each.error_message) async for each in protocol.ModelStreamInfer(iter(stream))
        ]
    assert errors == [True, True, False]
    # No model was found in whose name they could be counted.
    assert daemon.metric(INVALID_FRAMES, model="", reason="options") == 1
    assert daemon.metric(INVALID_FRAMES, model="", reason="unknown_model") == 2
    assert daemon.metric(INVALID_FRAMES, model="scenes", reason="shared_memory") == 2
    assert daemon.metric(INVALID_FRAMES, reason="other") == 0
    assert daemon.metric(INVALID_FRAMES) == len(bad) + 4
    assert daemon.metric("edgeseg_frames_total", outcome="invalid") == len(bad) + 4
