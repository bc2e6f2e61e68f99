"""Pictures that a browser uploads, and those of its own camera."""

from __future__ import annotations

import asyncio
import io
import struct
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import grpc
import pytest
from PIL import Image

from edgeseg.v1 import segmentation_pb2 as pb
from edgeseg_client.view.camera_socket import MAX_BYTES
from edgeseg_client.view.memory_budget import MemoryBudget
from edgeseg_client.view.upload import AT_ONCE
from support.pictures import file_of

from ..scripted_daemon import ScriptedDaemon, fault, refuse
from .shown_page import Page, next_frame, read_message, shown

JPEG = file_of(Image.new("RGB", (64, 48), "teal"), "JPEG")


async def test_an_uploaded_jpeg_is_segmented_and_not_sent_back(daemon: ScriptedDaemon) -> None:
    async with (
        shown(daemon.address) as page,
        page.browser.post(page.at("/segment"), data=JPEG) as response,
    ):
        assert response.status == 200
        header, labels, picture = read_message(await response.read())
    assert daemon.script.frames[0].data == JPEG
    assert (labels.shape, picture) == ((2, 3), b"")
    assert header["latency"] > 0


async def test_an_uploaded_picture_of_another_kind_comes_back_as_a_jpeg(
    daemon: ScriptedDaemon,
) -> None:
    bmp = file_of(Image.new("RGB", (64, 48), "teal"), "BMP")
    async with (
        shown(daemon.address) as page,
        page.browser.post(page.at("/segment"), data=bmp) as response,
    ):
        picture = read_message(await response.read())[2]
    assert Image.open(io.BytesIO(picture)).size == (64, 48)


@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "the file is empty"),
        (b"x" * 2_000_001, 413, "larger than 1 MiB"),
    ],
)
async def test_a_file_that_cannot_be_sent_is_refused_with_the_reason(
    daemon: ScriptedDaemon, body: bytes, status: int, words: str
) -> None:
    daemon.script.info.max_frame_bytes = 2_000_000
    async with shown(daemon.address) as page:
        async with page.browser.post(page.at("/segment"), data=io.BytesIO(body)) as response:
            assert response.status == status
            assert words in (await response.json())["error"]
        async with page.browser.post(page.at("/segment"), data=JPEG) as response:
            assert response.status == 200
    assert len(daemon.script.frames) == 1


async def test_a_body_without_a_length_is_limited_too(daemon: ScriptedDaemon) -> None:
    daemon.script.info.max_frame_bytes = 100_000

    async def endless() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 10_000

    async with (
        shown(daemon.address) as page,
        page.browser.post(page.at("/segment"), data=endless()) as response,
    ):
        assert response.status == 413
    assert not daemon.script.frames


async def send_stuck(page: Page, arrived: asyncio.Semaphore) -> int:
    """The status for a file that begins and does not go on; `arrived` is released first."""

    async def stuck() -> AsyncIterator[bytes]:
        yield JPEG
        arrived.release()
        await asyncio.sleep(60)

    async with page.browser.post(page.at("/segment"), data=stuck()) as response:
        return response.status


async def test_files_that_do_not_arrive_keep_nobody_waiting(daemon: ScriptedDaemon) -> None:
    arrived = asyncio.Semaphore(0)
    async with shown(daemon.address) as page:
        sending = [asyncio.create_task(send_stuck(page, arrived)) for _ in range(AT_ONCE + 1)]
        for _ in sending:
            await arrived.acquire()
        async with (
            asyncio.timeout(20),
            page.browser.post(page.at("/segment"), data=JPEG) as response,
        ):
            assert response.status == 200
        for task in sending:
            assert not task.done()
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)


async def test_a_file_that_does_not_arrive_is_given_up_after_a_while(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg_client.view.upload.RECEIVE_SECONDS", 0.2)
    async with shown(daemon.address) as page:
        assert await send_stuck(page, asyncio.Semaphore(0)) == 408


async def test_files_that_are_too_large_together_are_refused_until_there_is_room(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edgeseg_client.view.upload.MAX_HELD", len(JPEG) + 10)
    arrived = asyncio.Semaphore(0)
    async with shown(daemon.address) as page:
        sending = asyncio.create_task(send_stuck(page, arrived))
        await arrived.acquire()
        async with asyncio.timeout(20):
            while True:  # until what was sent has been received
                async with page.browser.post(page.at("/segment"), data=JPEG) as response:
                    if response.status == 503:
                        assert "try again in a moment" in (await response.json())["error"]
                        break
        sending.cancel()
        async with asyncio.timeout(20):
            while True:
                async with page.browser.post(page.at("/segment"), data=JPEG) as response:
                    if response.status == 200:
                        break


@pytest.mark.parametrize(
    ("code", "named", "status"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, "INVALID", 400),
        (grpc.StatusCode.UNIMPLEMENTED, "UNIMPLEMENTED", 400),
        (grpc.StatusCode.FAILED_PRECONDITION, "ENGINE_FAILED", 500),
        (grpc.StatusCode.INTERNAL, "INTERNAL", 500),
    ],
)
async def test_what_the_daemon_says_of_a_picture_is_passed_on(
    daemon: ScriptedDaemon, code: grpc.StatusCode, named: str, status: int
) -> None:
    daemon.script.refusals.append(refuse(code, "the picture is damaged", status=named))
    async with shown(daemon.address) as page:
        async with page.browser.post(page.at("/segment"), data=JPEG) as response:
            assert response.status == status
            assert "the picture is damaged" in (await response.json())["error"]
        async with page.browser.post(page.at("/segment"), data=JPEG) as response:
            assert response.status == 200


async def test_the_pictures_of_a_browsers_camera_are_answered_with_their_ids(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address) as page, page.socket("/camera") as socket:
        for number in (7, 8, 3_000_000_000):
            await socket.send_bytes(struct.pack("<I", number) + JPEG)
            header, labels, picture = read_message(await next_frame(socket))
            assert (header["frame_id"], labels.shape, picture) == (number, (2, 3), b"")
        assert header["feed"]["results"] == 3


async def test_a_camera_picture_that_fails_is_answered_and_the_next_one_works(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address) as page, page.socket("/camera") as socket:
        await socket.send_bytes(struct.pack("<I", 1) + fault(pb.FRAME_STATUS_INVALID))
        answer = await socket.receive_json(timeout=20)
        assert (answer["type"], answer["frame_id"]) == ("none", 1)
        assert (answer["status"], answer["message"]) == ("invalid", "as the test wants it")
        await socket.send_bytes(struct.pack("<I", 2) + JPEG)
        assert read_message(await next_frame(socket))[0]["frame_id"] == 2


async def test_a_browser_that_sends_without_waiting_is_disconnected(
    daemon: ScriptedDaemon,
) -> None:
    daemon.script.gate.clear()
    async with shown(daemon.address) as page:
        async with page.socket("/camera") as socket:
            for number in range(10):
                await socket.send_bytes(struct.pack("<I", number) + JPEG)
            async with asyncio.timeout(20):
                while (message := await socket.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
            assert message.data == aiohttp.WSCloseCode.POLICY_VIOLATION
        daemon.script.gate.set()
        async with page.socket("/camera") as socket:
            await socket.send_bytes(struct.pack("<I", 2) + JPEG)
            assert read_message(await next_frame(socket))[0]["frame_id"] == 2


async def test_all_cameras_of_browsers_share_a_number(daemon: ScriptedDaemon) -> None:
    async with shown(daemon.address) as page:
        page.server.camera_limits.sockets = 1
        async with page.socket("/camera") as first:
            async with page.socket("/camera") as second:
                answer = await second.receive_json(timeout=20)
                assert answer["type"] == "error"
                assert "too many cameras are open" in answer["message"]
                assert (await second.receive(timeout=20)).type is aiohttp.WSMsgType.CLOSE
            await first.send_bytes(struct.pack("<I", 1) + JPEG)
            assert read_message(await next_frame(first))[0]["frame_id"] == 1
        async with asyncio.timeout(20):
            while page.server.camera_limits.sockets < 1:
                await asyncio.sleep(0.01)
        async with page.socket("/camera") as third:
            await third.send_bytes(struct.pack("<I", 1) + JPEG)
            assert read_message(await next_frame(third))[0]["frame_id"] == 1


async def test_all_cameras_of_browsers_share_the_memory_for_pictures(
    daemon: ScriptedDaemon,
) -> None:
    async with shown(daemon.address) as page:
        page.server.camera_limits.memory = MemoryBudget(len(JPEG) + 10)
        daemon.script.gate.clear()
        async with page.socket("/camera") as first, page.socket("/camera") as second:
            await first.send_bytes(struct.pack("<I", 1) + JPEG)
            assert await asyncio.to_thread(daemon.script.arrived.acquire, timeout=20)
            await second.send_bytes(struct.pack("<I", 5) + JPEG)
            answer = await second.receive_json(timeout=20)
            assert (answer["frame_id"], answer["status"]) == (5, "overloaded")
            assert "together are too large" in answer["message"]
            daemon.script.gate.set()
            assert read_message(await next_frame(first))[0]["frame_id"] == 1
            await second.send_bytes(struct.pack("<I", 6) + JPEG)
            assert read_message(await next_frame(second))[0]["frame_id"] == 6


async def is_too_large(page: Page, size: int) -> bool:
    """Whether the server ends a camera for a picture of that many bytes, instead of an answer."""
    async with page.socket("/camera") as socket:
        try:
            await socket.send_bytes(struct.pack("<I", 1) + JPEG.ljust(size, b"\0"))
            message = await socket.receive(timeout=20)
        except ConnectionError:  # it has ended before all was sent
            return True
    return message.type not in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}


@pytest.mark.parametrize(("accepted", "most"), [(100_000, 100_000), (64 << 20, MAX_BYTES)])
async def test_a_picture_of_a_camera_is_as_large_as_the_daemon_takes_and_at_most_8_mib(
    daemon: ScriptedDaemon, accepted: int, most: int
) -> None:
    daemon.script.info.max_frame_bytes = accepted
    async with shown(daemon.address) as page:
        assert not await is_too_large(page, most)
        assert await is_too_large(page, most + 1000)
        assert not await is_too_large(page, 1000)


async def test_a_page_of_uploads_needs_no_file_of_this_machine(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    """A picture is the bytes that were sent, never a path."""
    secret = tmp_path / "secret.jpg"
    secret.write_bytes(JPEG)
    async with (
        shown(daemon.address) as page,
        page.browser.post(page.at("/segment"), data=str(secret).encode()) as response,
    ):
        assert response.status == 400, "these bytes are no picture"
    assert daemon.script.frames[0].data == str(secret).encode()
