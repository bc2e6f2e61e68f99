"""Pictures, and how often they are published."""

from __future__ import annotations

import asyncio
import io
import logging
import threading
from collections.abc import Iterator

import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.decode import ResultReader
from edgeseg_client.frame import RawImage
from edgeseg_client.result import Result
from edgeseg_client.sources import SourceFrame
from edgeseg_mqtt import picture_publisher
from edgeseg_mqtt.message import Message
from edgeseg_mqtt.picture import draw_picture
from edgeseg_mqtt.picture_publisher import PicturePublisher

FRAME = SourceFrame(Image.new("RGB", (640, 480), "white"))


def result() -> Result:
    """Half of it is red."""
    segmentation = pb.Segmentation(width=2, height=1, labels=b"\0\1")
    segmentation.classes.add(id=1, name="red", color=0xFF0000)
    return ResultReader(("labels",)).read(pb.SegmentImageResponse(segmentation=segmentation))


class Published(list[Message]):
    """What was published, and an event for it; `forgotten` are topics."""

    def __init__(self) -> None:
        self.changed = asyncio.Event()
        self.forgotten: list[str] = []

    def publish(self, message: Message) -> None:
        self.append(message)
        self.changed.set()

    def publisher(self) -> PicturePublisher:
        return PicturePublisher(
            "Door",
            "a/topic",
            interval=1.0,
            max_width=960,
            publish=self.publish,
            forget=self.forgotten.append,
        )

    async def next(self) -> Message:
        async with asyncio.timeout(60):
            await self.changed.wait()
        self.changed.clear()
        return self[-1]


def test_a_picture_is_a_jpeg_of_the_frame_with_the_mask_over_it() -> None:
    drawn = Image.open(io.BytesIO(draw_picture(FRAME, result(), 960)))
    assert (drawn.format, drawn.size[0]) == ("JPEG", 640)
    red, green, _ = drawn.getpixel((600, 400))  # type: ignore[misc]
    assert (red > 240, green < 200) == (True, True)
    assert drawn.getpixel((40, 400)) >= (250, 250, 250)  # type: ignore[operator]


def test_a_large_picture_is_made_smaller_and_a_raw_one_is_drawn_on_too() -> None:
    raw = SourceFrame(RawImage(bytes([128]) * (640 * 480 * 3 // 2), "nv12", 640, 480))
    drawn = Image.open(io.BytesIO(draw_picture(raw, result(), 480)))
    assert drawn.size == (480, 360)


async def test_pictures_are_published_at_most_once_an_interval_and_not_retained() -> None:
    published = Published()
    publisher = published.publisher()
    for now, expected in ((0.0, 1), (0.5, 1), (0.99, 1), (1.0, 2), (1.5, 2), (7.0, 3)):
        before = len(published)
        publisher.offer(FRAME, result(), now)
        if expected > before:
            message = await published.next()
            assert (message.topic, message.retain, message.qos) == ("a/topic", False, 0)
        await asyncio.sleep(0)  # the task that has published ends
        assert len(published) == expected


@pytest.fixture
def held_back(monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
    """Drawing begins when it is set."""
    go = threading.Event()

    def draw_later(frame: SourceFrame, drawn: Result, width: int) -> bytes:
        go.wait(60)
        return draw_picture(frame, drawn, width)

    monkeypatch.setattr(picture_publisher, "draw_picture", draw_later)
    yield go
    go.set()


async def test_a_picture_that_is_being_drawn_when_the_camera_becomes_stale_is_not_published(
    held_back: threading.Event,
) -> None:
    published = Published()
    publisher = published.publisher()
    publisher.offer(FRAME, result(), 0.0)
    await asyncio.sleep(0)  # it is being drawn
    publisher.withdraw()
    held_back.set()
    publisher.offer(FRAME, result(), 5.0)
    await published.next()
    assert len(published) == 1
    assert published.forgotten == ["a/topic"]


async def test_one_picture_is_drawn_at_a_time(held_back: threading.Event) -> None:
    published = Published()
    publisher = published.publisher()
    for now in (0.0, 5.0, 10.0):
        publisher.offer(FRAME, result(), now)
    held_back.set()
    await published.next()
    await asyncio.sleep(0)
    assert len(published) == 1


async def test_a_picture_that_cannot_be_drawn_is_reported_once_and_harms_no_other(
    caplog: pytest.LogCaptureFixture,
) -> None:
    published = Published()
    publisher = published.publisher()
    with caplog.at_level(logging.WARNING, "edgeseg_mqtt"):
        for now in (0.0, 1.0):
            publisher.offer(SourceFrame(b"no picture"), result(), now)
            async with asyncio.timeout(60):
                while publisher.is_drawing:
                    await asyncio.sleep(0.01)
        publisher.offer(FRAME, result(), 2.0)
        await published.next()
    (record,) = caplog.records
    assert record.getMessage().startswith("Door: there is no picture: ")
