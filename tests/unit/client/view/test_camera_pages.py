"""The overlay as a camera: MJPEG and snapshots, read as cameras' programs read them."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from edgeseg_client.sources import open_source
from support.pictures import file_of

from ..scripted_daemon import ScriptedDaemon
from .shown_page import Page, ScriptedCamera, shown

JPEG = file_of(Image.new("RGB", (90, 60), (100, 100, 100)), "JPEG")


def pixels_of(jpeg: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(jpeg)).convert("RGB")).astype(int)


async def test_a_snapshot_is_the_picture_with_its_classes(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:
        camera.put(JPEG)
        async with page.browser.get(page.at("/snapshot.jpg")) as response:
            assert (response.status, response.content_type) == (200, "image/jpeg")
            assert response.headers["Cache-Control"] == "no-store"
            shown_pixels = pixels_of(await response.read())
    assert shown_pixels.shape == (60, 90, 3)
    background, road, car = (shown_pixels[y, x] for x, y in ((15, 15), (60, 15), (75, 45)))
    assert abs(background - 100).max() < 12
    assert abs(road - (114, 82, 114)).max() < 12  # half of 804080
    assert abs(car - (50, 50, 177)).max() < 12  # half of 0000ff


async def test_a_legend_is_added_where_it_is_asked_for(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:
        camera.put(JPEG)
        pictures = {}
        for legend in ("0", "1"):
            async with page.browser.get(page.at(f"/snapshot.jpg?legend={legend}")) as response:
                pictures[legend] = await response.read()
    assert pictures["0"] != pictures["1"]
    assert pixels_of(pictures["0"]).shape == (60, 90, 3)


async def test_a_snapshot_of_a_lost_source_is_an_error_that_says_why(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:
        camera.put(JPEG)
        async with page.browser.get(page.at("/snapshot.jpg")) as response:
            assert response.status == 200
        camera.put(None)
        async with asyncio.timeout(20):
            while page.hub.feeds["porch"].state != "lost":
                await page.hub.changes.next().wait()
        async with page.browser.get(page.at("/snapshot.jpg")) as response:
            assert response.status == 503
            assert "the cable was pulled" in await response.text()


async def snapshot(page: Page, path: str = "/snapshot.jpg") -> tuple[int, str]:
    """The status, and the text if it is no picture."""
    async with page.browser.get(page.at(path)) as response:
        return response.status, "" if response.status == 200 else await response.text()


async def until(page: Page, right: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not right():
            await page.hub.changes.next().wait()


async def test_a_picture_of_a_source_that_is_silent_is_not_given_once_it_is_old(
    daemon: ScriptedDaemon,
) -> None:
    camera, moment = ScriptedCamera(), [time.monotonic()]
    async with shown(daemon.address, camera, clock=lambda: moment[0]) as page:
        camera.put(JPEG)
        assert await snapshot(page) == (200, "")
        moment[0] += 9
        assert await snapshot(page) == (200, "")
        moment[0] += 60
        assert await snapshot(page) == (
            503,
            "there is no picture of porch: its newest frame is 69 s old\n",
        )
        async with page.browser.get(page.at("/stream.mjpg")) as stream:
            feed = page.hub.feeds["porch"]
            old = feed.newest
            camera.put(JPEG + b"new")
            await until(page, lambda: feed.newest is not old)
            assert await stream.content.readuntil(b"\xff\xd9")
            assert await snapshot(page) == (200, "")


async def test_while_all_frames_fail_the_picture_before_them_is_not_given_for_long(
    daemon: ScriptedDaemon,
) -> None:
    camera, moment = ScriptedCamera(), [time.monotonic()]
    async with shown(daemon.address, camera, clock=lambda: moment[0]) as page:
        camera.put(JPEG)
        assert await snapshot(page) == (200, "")
        moment[0] += 11
        camera.put(b"fault 4")
        await until(page, lambda: page.hub.feeds["porch"].last_failure)
        assert await snapshot(page) == (
            503,
            "there is no picture of porch: its frames have failed for 11 s: as the test wants it\n",
        )
        camera.put(JPEG)
        await until(page, lambda: not page.hub.feeds["porch"].last_failure)
        assert await snapshot(page) == (200, "")


async def test_a_source_that_has_ended_has_no_picture(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    source = open_source(str(tmp_path), name="porch", rounds=1)
    async with shown(daemon.address, source) as page:
        await until(page, lambda: page.hub.feeds["porch"].state == "ended")
        assert await snapshot(page) == (503, "there is no picture of porch: it has ended\n")


async def test_a_frame_that_cannot_be_drawn_is_an_error_and_the_next_one_is_shown(
    daemon: ScriptedDaemon,
) -> None:
    """The scripted daemon segments anything; a real one may read what Pillow here does not."""
    camera = ScriptedCamera()
    async with (
        shown(daemon.address, camera) as page,
        page.browser.get(page.at("/stream.mjpg")) as stream,
    ):
        feed = page.hub.feeds["porch"]
        camera.put(b"no picture at all")
        await until(page, lambda: feed.newest)
        for path in ("/snapshot.jpg", "/snapshot.jpg?legend=1"):
            status, why = await snapshot(page, path)
            assert status == 503
            assert why.startswith("there is no picture of porch: ")
            assert len(why) > 40
        bad = feed.newest
        camera.put(JPEG)
        await until(page, lambda: feed.newest is not bad)
        assert await snapshot(page) == (200, "")
        async with asyncio.timeout(20):
            part = await stream.content.readuntil(b"\xff\xd9")
        assert part.count(b"Content-Type: image/jpeg") == 1


async def test_a_snapshot_without_a_frame_is_an_error_after_a_while(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg_client.view.camera_pages.SNAPSHOT_SECONDS", 0.05)
    async with (
        shown(daemon.address, ScriptedCamera()) as page,
        page.browser.get(page.at("/snapshot.jpg")) as response,
    ):
        assert response.status == 503
        assert "there is no picture of porch" in await response.text()


@pytest.mark.parametrize("path", ["/snapshot.jpg", "/stream.mjpg"])
async def test_a_source_that_does_not_exist_is_not_found_and_those_there_are_named(
    daemon: ScriptedDaemon, path: str
) -> None:
    async with (
        shown(daemon.address, ScriptedCamera()) as page,
        page.browser.get(page.at(f"{path}?source=attic")) as response,
    ):
        assert response.status == 404
        assert await response.text() == "there is no source 'attic'; there are: porch\n"


async def test_the_stream_is_a_camera_for_this_client_itself(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, ScriptedCamera("attic"), camera) as page:
        address = page.at("/stream.mjpg?source=porch")

        def read() -> list[bytes]:
            with open_source(address) as source:
                return [bytes(frame.image) for frame in islice(source, 3)]  # type: ignore[arg-type]

        reading = asyncio.create_task(asyncio.to_thread(read))
        while not reading.done():
            camera.put(JPEG)
            await asyncio.sleep(0.02)
        pictures = await reading
    assert [pixels_of(picture).shape for picture in pictures] == [(60, 90, 3)] * 3


async def test_the_stream_is_a_camera_for_ffmpeg(daemon: ScriptedDaemon) -> None:
    """FFmpeg, and what is built on it: go2rtc's transcoder, Frigate, mpv."""
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:

        def read() -> list[tuple[str, int, int]]:
            with av.open(page.at("/stream.mjpg"), timeout=20) as container:
                assert container.format.name == "mpjpeg", "as the content type says"
                frames = islice(container.decode(video=0), 3)
                return [(frame.format.name, frame.width, frame.height) for frame in frames]

        reading = asyncio.create_task(asyncio.to_thread(read))
        while not reading.done():
            camera.put(JPEG)
            await asyncio.sleep(0.02)
        assert [size for _, *size in await reading] == [[90, 60]] * 3


async def test_parts_of_a_stream_say_how_long_they_are_and_when_they_were_taken(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with (
        shown(daemon.address, camera) as page,
        page.browser.get(page.at("/stream.mjpg")) as response,
    ):
        assert response.headers["Content-Type"] == (
            "multipart/x-mixed-replace; boundary=edgeseg-frame"
        )
        camera.put(JPEG)
        assert await response.content.readline() == b"--edgeseg-frame\r\n"
        head = [await response.content.readline() for _ in range(4)]
        assert head[0] == b"Content-Type: image/jpeg\r\n"
        assert head[2:] == [b"X-Timestamp: 1.000\r\n", b"\r\n"]
        picture = await response.content.readexactly(int(head[1].split()[1]))
        assert picture[:3] == b"\xff\xd8\xff"
        # The boundary comes with the picture, not with the next one.
        assert await response.content.readexactly(19) == b"\r\n--edgeseg-frame\r\n"


async def test_a_head_request_for_the_stream_ends(daemon: ScriptedDaemon) -> None:
    async with (
        shown(daemon.address, ScriptedCamera()) as page,
        page.browser.head(page.at("/stream.mjpg")) as response,
    ):
        assert response.status == 200


async def test_an_overlay_is_drawn_once_for_all_readers_and_not_without_one(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[object] = []

    def count(picture: Image.Image) -> bytes:
        drawn.append(picture)
        return JPEG

    monkeypatch.setattr("edgeseg_client.view.live_frame.encode_jpeg", count)
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:
        camera.put(JPEG)
        feed = page.hub.feeds["porch"]
        while feed.newest is None:
            await page.hub.changes.next().wait()
        assert not drawn
        readers = [await page.browser.get(page.at("/stream.mjpg")) for _ in range(3)]
        for reader in readers:
            await reader.content.readuntil(b"\xff\xd9")
            reader.close()
        assert len(drawn) == 1
