"""A bad frame fails that frame with a reason; the frames around it are as if it were not there."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable

import grpc
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment, stub
from support.pictures import bmp_of_run_lengths, jpeg_of_scans
from support.running_daemon import RunningDaemon

INVALID = pb.FRAME_STATUS_INVALID


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it has width x height pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress(bytes(100_000))
    end = chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + end


def truncated(kind: str) -> Callable[[], bytes]:
    def make() -> bytes:
        file = io.BytesIO()
        Image.effect_noise((300, 200), 60).convert("RGB").save(file, kind)
        return file.getvalue()[: len(file.getvalue()) // 2]

    return make


def raw(data: bytes = b"", **fields: object) -> pb.Frame:
    return pb.Frame(data=data, **fields)  # type: ignore[arg-type]


BAD = {
    "no bytes": (raw(), INVALID, "0 bytes"),
    "no data at all": (pb.Frame(), INVALID, "no data"),
    "truncated JPEG": (raw(truncated("JPEG")()), INVALID, "JPEG is damaged"),
    "truncated PNG": (raw(truncated("PNG")()), INVALID, "PNG is damaged"),
    "truncated WebP": (raw(truncated("WEBP")()), INVALID, "WEBP is damaged"),
    "truncated BMP": (raw(truncated("BMP")()), INVALID, "BMP is damaged"),
    "a text file": (raw(b"Dear daemon, please segment this."), INVALID, "not a JPEG, PNG, WebP or"),
    "a text file declared as JPEG": (
        raw(b"hello", format=pb.FRAME_FORMAT_JPEG),
        INVALID,
        "the format is JPEG",
    ),
    "a decompression bomb": (raw(bomb(50_000, 50_000)), INVALID, "50000x50000 pixels"),
    "an encoded 0x0": (raw(bomb(0, 0)), INVALID, "PNG is damaged|no pixels"),
    "a raw 0x0": (
        raw(b"abc", format=pb.FRAME_FORMAT_RGB),
        INVALID,
        "needs a width and a height, not 0x0",
    ),
    "a stride that is too small": (
        raw(bytes(3000), format=pb.FRAME_FORMAT_RGB, width=40, height=25, stride=60),
        INVALID,
        "stride 60 is less than a row of 40",
    ),
    "too few bytes": (
        raw(bytes(2999), format=pb.FRAME_FORMAT_RGB, width=40, height=25),
        INVALID,
        "has 3,000 bytes, not 2,999",
    ),
    "too many bytes": (
        raw(bytes(5000), format=pb.FRAME_FORMAT_GRAY8, width=40, height=25, stride=50),
        INVALID,
        "has 1,250 bytes, not 5,000",
    ),
    "an unknown format": (raw(b"abc", format=99), INVALID, "unknown frame format 99"),
    "a raw picture over the limit": (
        raw(b"abc", format=pb.FRAME_FORMAT_RGB, width=1 << 31, height=1 << 31),
        INVALID,
        "more than the 4,000,000",
    ),
    "more bytes than are taken": (raw(bytes(4_000_001)), INVALID, "4,000,001 bytes"),
    "half a pair of pixels": (
        raw(bytes(96), format=pb.FRAME_FORMAT_NV12, width=7, height=8),
        INVALID,
        "NV12 frames have an even width, not 7",
    ),
    "planes that overlap": (
        raw(
            bytes(96),
            format=pb.FRAME_FORMAT_NV12,
            width=8,
            height=8,
            planes=[pb.Plane(offset=0), pb.Plane(offset=60)],
        ),
        INVALID,
        "the planes Y and UV of 8x8 NV12 overlap",
    ),
    "a plane outside the frame": (
        raw(
            bytes(96),
            format=pb.FRAME_FORMAT_I420,
            width=8,
            height=8,
            planes=[pb.Plane(offset=0), pb.Plane(offset=64), pb.Plane(offset=81)],
        ),
        INVALID,
        "the plane V of 8x8 I420, from byte 81 on with stride 4, ends at byte 97",
    ),
    "too few planes": (
        raw(bytes(96), format=pb.FRAME_FORMAT_NV12, width=8, height=8, planes=[pb.Plane(offset=0)]),
        INVALID,
        "a NV12 frame has 2 planes, Y, UV; it was sent with 1",
    ),
    "an unknown range": (
        raw(bytes(96), format=pb.FRAME_FORMAT_NV12, width=8, height=8, yuv_range=9),
        INVALID,
        "unknown range of YUV 9",
    ),
    "a range for pixels that are RGB": (
        raw(bytes(192), format=pb.FRAME_FORMAT_RGB, width=8, height=8, yuv_range=2),
        INVALID,
        "a range and a matrix of YUV were sent with a frame of the format RGB",
    ),
    "shared memory": (
        pb.Frame(shared_memory=pb.SharedMemoryHandle(region=1, length=5)),
        INVALID,
        "no region 1 of shared memory",
    ),
}
CODES = {
    INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    pb.FRAME_STATUS_UNIMPLEMENTED: grpc.StatusCode.UNIMPLEMENTED,
}


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_frame_of_a_stream_is_answered_with_the_reason_and_its_neighbours_are_segmented(
    daemon: RunningDaemon, jpeg: bytes, name: str
) -> None:
    bad, status, reason = BAD[name]
    frame = pb.Frame()
    frame.CopyFrom(bad)
    frame.id = 1
    good = frames([jpeg]), frames([jpeg], first_id=2)
    answers = await segment(
        daemon.address, [every(), *good[0], pb.SegmentRequest(frame=frame), *good[1]]
    )
    assert answers.keys() == {0, 1, 2}
    assert answers[1].status == status
    assert_mentions(answers[1].message, reason)
    assert not answers[1].HasField("segmentation")
    assert answers[0].status == answers[2].status == pb.FRAME_STATUS_OK
    assert answers[0].segmentation.labels == answers[2].segmentation.labels


@pytest.mark.parametrize("name", BAD)
async def test_a_bad_image_fails_its_call_with_the_reason_and_the_next_is_segmented(
    daemon: RunningDaemon, jpeg: bytes, name: str
) -> None:
    bad, status, reason = BAD[name]
    async with stub(daemon.address) as service:
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await service.SegmentImage(pb.SegmentImageRequest(frame=bad))
        assert failure.value.code() == CODES[status]
        assert_mentions(failure.value.details() or "", reason)
        good = await service.SegmentImage(pb.SegmentImageRequest(frame=pb.Frame(data=jpeg)))
    assert len(good.segmentation.labels) == good.segmentation.width * good.segmentation.height > 0


async def test_a_picture_that_takes_too_long_is_invalid_and_costs_no_engine(jpeg: bytes) -> None:
    """Each is just below the limits of scans and of pixels in run lengths."""
    slow = {
        "JPEG": jpeg_of_scans(90, Image.new("L", (4000, 4000), 9), progressive=True),
        "BMP": bmp_of_run_lengths(1024, 1024, b"\1\1" * 1024 + b"\0\0"),
    }
    with RunningDaemon("--decode-seconds=0.3") as running:
        engine = running.engine_pid
        for kind, data in slow.items():
            answers = await segment(
                running.address, [every(), *frames([data]), *frames([jpeg], first_id=1)]
            )
            assert answers.keys() == {0, 1}
            assert answers[0].status == INVALID
            assert f"the {kind} takes longer than 0.3 s to decode" in answers[0].message
            assert "raise decode_seconds" in answers[0].message
            assert answers[1].status == pb.FRAME_STATUS_OK, answers[1].message
        assert running.engine_pid == engine
        assert running.metric("edgeseg_engine_restarts_total") == 0
        assert running.stop() == 0


async def test_a_message_without_options_or_frame_is_invalid_and_the_next_is_segmented(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    answers = await segment(
        daemon.address, [every(), pb.SegmentRequest(), *frames([jpeg], first_id=1)]
    )
    assert answers[0].status == INVALID
    assert "neither options nor a frame" in answers[0].message
    assert answers[1].status == pb.FRAME_STATUS_OK


async def test_a_message_over_the_hard_limit_ends_only_its_call(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    async with stub(daemon.address) as service:
        other = service.Segment()
        await other.write(every())
        with pytest.raises(grpc.aio.AioRpcError) as failure:
            await service.SegmentImage(
                pb.SegmentImageRequest(frame=pb.Frame(data=bytes(9_000_000)))
            )
        assert failure.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        assert "larger than max" in (failure.value.details() or "")
        await other.write(frames([jpeg])[0])
        answer = await other.read()
        assert isinstance(answer, pb.SegmentResponse)
        assert answer.status == pb.FRAME_STATUS_OK
        await other.done_writing()


def assert_mentions(message: str, reasons: str) -> None:
    assert any(reason in message for reason in reasons.split("|")), message
