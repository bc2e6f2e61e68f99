"""What clients in any language rely on (docs/write-a-client.md), and no other test shows."""

from __future__ import annotations

import asyncio
import io

import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from support.calls import every, frames, segment, stub
from support.running_daemon import RunningDaemon


async def test_the_palette_of_the_png_has_the_colours_that_come_with_the_first_result(
    daemon: RunningDaemon, jpeg: bytes
) -> None:
    answers = await segment(
        daemon.address, [every(pb.OUTPUT_LABELS_PNG), *frames([b"no picture", jpeg, jpeg])]
    )
    first, second = answers[1].segmentation, answers[2].segmentation
    async with stub(daemon.address) as service:
        info = await service.GetServerInfo(pb.GetServerInfoRequest())
    assert list(first.classes) == list(info.models[0].classes)
    assert not second.classes
    with Image.open(io.BytesIO(first.labels_png)) as png:
        palette = png.getpalette("RGB")
    assert palette is not None
    colors = [int.from_bytes(palette[at : at + 3]) for at in range(0, len(palette), 3)]
    assert [colors[each.id] for each in first.classes] == [each.color for each in first.classes]
    assert colors[255] == 0x808080


@pytest.mark.slow
async def test_a_client_may_ping_every_two_seconds(daemon: RunningDaemon, jpeg: bytes) -> None:
    """A server that does not allow it ends the connection at the third ping."""
    options = (
        ("grpc.keepalive_time_ms", 2_000),
        ("grpc.keepalive_timeout_ms", 20_000),
        ("grpc.http2.max_pings_without_data", 0),
    )
    async with stub(daemon.address, *options) as service:
        call = service.Segment()
        await call.write(every())
        await call.initial_metadata()
        await asyncio.sleep(6 * 4.5)  # what is tested is time
        await call.write(frames([jpeg])[0])
        answer = await call.read()
        assert isinstance(answer, pb.SegmentResponse)
        assert answer.status == pb.FRAME_STATUS_OK
        await call.done_writing()
        assert await call.read() is not answer
