"""What the front holds after a burst of large frames."""

from __future__ import annotations

import asyncio
import io
from contextlib import suppress
from pathlib import Path
from typing import Any

import grpc
import psutil
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.board.system import is_glibc
from support.calls import every, frames, segment, stub
from support.pictures import gradient
from support.running_daemon import RunningDaemon

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not is_glibc(), reason="memory is given back with glibc only"),
]

MEGABYTE = 1 << 20
AT_FRAME_SIZE = every(
    pb.OUTPUT_LABELS,
    pb.OUTPUT_CONFIDENCE_MAP,
    size=pb.OutputSize(mode=pb.OUTPUT_SIZE_MODE_FRAME),
)


def large_jpeg() -> bytes:
    """A picture whose masks have 24 MB."""
    file = io.BytesIO()
    gradient(400, 300).resize((4000, 3000), Image.Resampling.NEAREST).save(file, "JPEG")
    return file.getvalue()


async def abandon(address: str, picture: bytes) -> None:
    """A stream whose client leaves while some results are ready and others are being made."""
    async with stub(address) as service:
        call = service.Segment()
        await call.write(AT_FRAME_SIZE)
        for request in frames([picture] * 6):
            with suppress(TimeoutError):
                async with asyncio.timeout(0.3):
                    await call.write(request)
        assert isinstance(await call.read(), pb.SegmentResponse)
        call.cancel()
        with suppress(asyncio.CancelledError, grpc.RpcError):
            await call.code()


async def test_after_streams_that_clients_abandon_the_front_is_as_small_as_before(
    tmp_path: Path, jpeg: bytes
) -> None:
    picture = large_jpeg()
    with RunningDaemon("--delegate=cpu", f"--data-dir={tmp_path}") as running:
        front = psutil.Process(running.process.pid)
        await segment(running.address, [every(), *frames([jpeg] * 8)])
        before = front.memory_info().rss
        for _ in range(6):
            await abandon(running.address, picture)
        assert front.memory_info().rss > before + 20 * MEGABYTE, "there was a burst"
        async with asyncio.timeout(60):
            while front.memory_info().rss > before + 20 * MEGABYTE:
                await asyncio.sleep(0.2)
        answers = await segment(running.address, [every(), *frames([jpeg])])
        assert answers[0].status == pb.FRAME_STATUS_OK


async def test_after_large_messages_that_are_none_the_front_is_as_small_as_before(
    tmp_path: Path,
) -> None:
    """They never come to a frame's way; nor do those to other services."""
    methods = (
        "edgeseg.v1.SegmentationService/SegmentImage",
        "edgeseg.v1.SegmentationService/GetServerInfo",
        "grpc.health.v1.Health/Check",
    )
    with RunningDaemon("--delegate=cpu", f"--data-dir={tmp_path}") as running:
        front = psutil.Process(running.process.pid)
        async with grpc.aio.insecure_channel(running.address) as channel:
            before = front.memory_info().rss
            for method in methods:
                call: Any = channel.unary_unary(f"/{method}")
                answers = [call(b"\xff" * (20 * MEGABYTE)) for _ in range(6)]
                await asyncio.gather(*answers, return_exceptions=True)
            assert front.memory_info().rss > before + 20 * MEGABYTE, "there was a burst"
        async with asyncio.timeout(60):
            while front.memory_info().rss > before + 20 * MEGABYTE:
                await asyncio.sleep(0.2)
