"""What a browser gets: each frame with its mask, the newest only, and the state of all."""

from __future__ import annotations

import asyncio
import io
import threading
from pathlib import Path

import aiohttp
import grpc
import pytest
from PIL import Image

from edgeseg_client import RawImage
from edgeseg_client.sources import open_source
from edgeseg_client.view.live_socket import MAX_UNSHOWN
from support.pictures import file_of

from ..scripted_daemon import GOOD, ScriptedDaemon, refuse
from .shown_page import (
    Page,
    ScriptedCamera,
    next_frame,
    read_message,
    shown,
    source_of,
    state_where,
)

JPEG = file_of(Image.new("RGB", (64, 48), "teal"), "JPEG")
PNG = file_of(Image.new("RGB", (64, 48), "teal"), "PNG")


async def test_a_browser_gets_each_picture_with_its_labels(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        for number in range(3):
            camera.put(JPEG + bytes([number]))
            header, labels, picture = read_message(await next_frame(socket))
            assert picture == JPEG + bytes([number]), "a JPEG goes on as it came"
            assert (header["source"], header["frame_id"]) == ("porch", number)
            assert labels.shape == (2, 3)
            await socket.send_json({"shown": "porch"})


async def test_pictures_that_are_no_jpegs_are_encoded(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(PNG)
    source = open_source(str(tmp_path), name="porch", fps=50, rounds=0)
    async with shown(daemon.address, source) as page, page.socket() as socket:
        header, _, picture = read_message(await next_frame(socket))
        assert header["label"] == "a.png"
        opened = Image.open(io.BytesIO(picture))
        assert (opened.format, opened.size) == ("JPEG", (64, 48))


async def test_a_browser_that_does_not_show_frames_gets_the_newest_when_it_does(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        for number in range(20):
            camera.put(JPEG + bytes([number]))
            await results(page, number + 1)
        seen = [read_message(await next_frame(socket))[0]["frame_id"] for _ in range(MAX_UNSHOWN)]
        assert seen[0] <= seen[1] <= 19
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await next_frame(socket)
        await socket.send_json({"shown": "porch"})
        newest = read_message(await next_frame(socket))[0]["frame_id"]
        assert newest == 19


async def results(page: Page, count: int) -> None:
    """Wait until the camera has that many results."""
    async with asyncio.timeout(20):
        while page.hub.feeds["porch"].describe()["results"] < count:
            await page.hub.changes.next().wait()


async def test_a_slow_browser_does_not_slow_another(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with (
        shown(daemon.address, camera) as page,
        page.socket() as slow,
        page.socket() as quick,
    ):
        for number in range(30):
            camera.put(JPEG + bytes([number]))
            assert read_message(await next_frame(quick))[0]["frame_id"] == number
            await quick.send_json({"shown": "porch"})
        assert read_message(await next_frame(slow))[0]["frame_id"] == 0


async def test_a_source_that_is_lost_and_comes_back_is_said(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        await state_where(socket, lambda state: source_of(state)["state"] == "waiting")
        camera.put(JPEG)
        await state_where(socket, lambda state: source_of(state)["state"] == "live")
        camera.put(None)
        state = await state_where(socket, lambda state: source_of(state)["state"] == "lost")
        assert source_of(state)["why"] == "the cable was pulled"
        camera.put(JPEG)
        await state_where(socket, lambda state: source_of(state)["state"] == "live")


async def test_a_frame_that_is_answered_after_its_source_was_lost_does_not_bring_it_back(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        camera.put(JPEG)
        await results(page, 1)
        daemon.script.gate.clear()
        camera.put(JPEG, None)
        await state_where(socket, lambda state: source_of(state)["state"] == "lost")
        daemon.script.gate.set()
        await results(page, 2)
        assert page.hub.feeds["porch"].state == "lost"
        assert page.hub.feeds["porch"].why == "the cable was pulled"


async def test_a_source_that_fails_is_said_and_others_go_on(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "film.mp4").write_bytes(b"no film")
    film, camera = open_source(str(tmp_path / "film.mp4")), ScriptedCamera()
    async with shown(daemon.address, film, camera) as page, page.socket() as socket:
        state = await state_where(
            socket, lambda state: source_of(state, "film.mp4")["state"] == "failed"
        )
        assert "no video that can be read" in source_of(state, "film.mp4")["why"]
        camera.put(JPEG)
        assert read_message(await next_frame(socket))[0]["source"] == "porch"


async def test_a_source_that_ends_keeps_its_last_frame(
    daemon: ScriptedDaemon, tmp_path: Path
) -> None:
    (tmp_path / "a.jpg").write_bytes(JPEG)
    source = open_source(str(tmp_path), name="porch", rounds=1)
    async with shown(daemon.address, source) as page:
        async with page.socket() as socket:
            await state_where(socket, lambda state: source_of(state)["state"] == "ended")
        async with page.socket() as late:
            assert read_message(await next_frame(late))[2] == JPEG


async def test_a_frame_that_fails_is_counted_and_its_reason_shown(daemon: ScriptedDaemon) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        camera.put(b"fault 4")
        state = await state_where(socket, lambda state: source_of(state)["failed"] == 1)
        assert source_of(state)["last_failure"] == "as the test wants it"
        camera.put(JPEG)
        state = await state_where(socket, lambda state: source_of(state)["results"] == 1)
        assert source_of(state)["last_failure"] == ""


async def test_a_daemon_that_is_killed_is_said_and_frames_go_on_when_it_is_back(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        camera.put(JPEG)
        await next_frame(socket)
        await socket.send_json({"shown": "porch"})
        daemon.kill()
        await state_where(socket, lambda state: bool(state["daemon"]["trouble"]))
        daemon.start()
        await state_where(socket, lambda state: not state["daemon"]["trouble"])
        camera.put(JPEG + b"back")
        assert read_message(await next_frame(socket))[2] == JPEG + b"back"


async def test_a_daemon_that_comes_back_with_another_model_is_asked_until_it_has_the_right_one(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("hub.AGAIN_SECONDS", "daemon_watch.ASK_EVERY", "daemon_watch.TRY_EVERY"):
        monkeypatch.setattr(f"edgeseg_client.view.{name}", 0.05)
    camera = ScriptedCamera()
    async with shown(daemon.address, camera, model="toy") as page, page.socket() as socket:
        camera.put(JPEG)
        await next_frame(socket)
        await socket.send_json({"shown": "porch"})
        no_model = refuse(grpc.StatusCode.NOT_FOUND, "the daemon serves no model toy")
        daemon.script.refusals += [no_model] * 1000
        daemon.script.info.models[0].name = "other"
        daemon.kill()
        daemon.start()
        camera.put(JPEG)
        state = await state_where(
            socket,
            lambda state: source_of(state)["state"] == "refused" and state["daemon"]["answers"],
        )
        assert source_of(state)["why"] == "the daemon serves no model toy"
        assert state["daemon"]["trouble"] == "the daemon serves no model 'toy'; it serves: other"
        daemon.script.refusals.clear()
        daemon.script.info.models[0].name = "toy"
        await state_where(socket, lambda state: not state["daemon"]["trouble"])
        camera.put(JPEG + b"1", JPEG + b"2")
        await next_frame(socket)
        state = await state_where(socket, lambda state: source_of(state)["state"] == "live")
        assert source_of(state)["why"] == ""


async def test_a_stream_that_is_refused_says_why_and_is_tried_until_it_is_taken(
    daemon: ScriptedDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For example the daemon's model has no class of a wanted name."""
    monkeypatch.setattr("edgeseg_client.view.hub.AGAIN_SECONDS", 0.05)
    no_class = refuse(grpc.StatusCode.INVALID_ARGUMENT, "there is no class boat")
    daemon.script.refusals += [no_class] * 1000
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        camera.put(JPEG)
        state = await state_where(socket, lambda state: source_of(state)["state"] == "refused")
        assert source_of(state)["why"] == "there is no class boat"
        assert state["daemon"]["trouble"] == "", "that is not the daemon's"
        async with page.browser.get(page.at("/snapshot.jpg")) as response:
            assert response.status == 503
            assert "there is no class boat" in await response.text()
        daemon.script.refusals.clear()
        camera.put(JPEG, JPEG)
        await next_frame(socket)
        await state_where(socket, lambda state: source_of(state)["state"] == "live")


async def test_the_state_says_what_the_daemon_serves(daemon: ScriptedDaemon) -> None:
    daemon.script.info.models[0].note = "knows drawn things only"
    async with shown(daemon.address) as page, page.socket() as socket:
        state = await state_where(socket, lambda _: True)
        assert state["daemon"]["model"]["delegate"] == "cpu"
        assert state["daemon"]["model"]["note"] == "knows drawn things only"
        assert state["daemon"]["model"]["degraded"] is False
        daemon.script.info.models[0].degraded = True
        await state_where(socket, lambda state: state["daemon"]["model"]["degraded"])


async def test_messages_of_a_browser_that_make_no_sense_are_ignored(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        for text in ("", "[]", "{", '{"shown": "nobody"}', '{"shown": ["porch"]}', "7", "[" * 4000):
            await socket.send_str(text)
        await socket.send_bytes(b"\0")
        camera.put(JPEG)
        assert read_message(await next_frame(socket))[0]["frame_id"] == 0


async def test_a_browser_that_sends_much_is_disconnected_and_others_go_on(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with (
        shown(daemon.address, camera) as page,
        page.socket() as loud,
        page.socket() as other,
    ):
        await loud.send_str("x" * 10_000)
        async with asyncio.timeout(20):
            while (await loud.receive()).type is not aiohttp.WSMsgType.CLOSE:
                pass
        camera.put(JPEG)
        assert read_message(await next_frame(other))[0]["frame_id"] == 0


NAME = "p\udcff\x07"
"""A name with a byte that is not UTF-8, and a control character."""


async def test_a_name_that_is_not_utf_8_ends_no_socket_and_hides_no_other_source(
    daemon: ScriptedDaemon,
) -> None:
    strange, camera = ScriptedCamera(NAME), ScriptedCamera()
    shown_name = strange.name  # what cannot be printed is replaced
    async with shown(daemon.address, strange, camera) as page, page.socket() as socket:
        for number in range(MAX_UNSHOWN + 2):
            strange.put(JPEG + bytes([number]))
            header, _, _ = read_message(await next_frame(socket))
            assert (header["source"], header["frame_id"]) == (shown_name, number)
            await socket.send_json({"shown": shown_name})
        camera.put(JPEG)
        assert read_message(await next_frame(socket))[0]["source"] == "porch"
        state = await state_where(socket, lambda state: source_of(state)["state"] == "live")
        assert source_of(state, shown_name)["results"] == MAX_UNSHOWN + 2
        strange.put(None)
        await state_where(socket, lambda state: source_of(state, shown_name)["state"] == "lost")
        for path, status in (("/snapshot.jpg", 503), ("/snapshot.jpg?source=attic", 404)):
            async with page.browser.get(page.at(path)) as response:
                assert response.status == status
                assert shown_name in await response.text()


async def test_raw_frames_of_a_camera_are_shown(daemon: ScriptedDaemon) -> None:
    class Raw(ScriptedCamera):
        def open_once(self):  # type: ignore[no-untyped-def] # noqa: ANN202
            for frame in super().open_once():
                yield type(frame)(RawImage(bytes([200] * 48), "rgb", 4, 4), captured_unix_ns=1)

    camera = Raw()
    async with shown(daemon.address, camera) as page, page.socket() as socket:
        camera.put(GOOD)
        opened = Image.open(io.BytesIO(read_message(await next_frame(socket))[2]))
        assert opened.size == (4, 4)
        red, green, blue = opened.convert("RGB").getpixel((1, 1))  # type: ignore[misc]
        assert all(abs(value - 200) <= 2 for value in (red, green, blue))


async def test_the_page_ends_with_open_browsers_and_leaves_no_task_and_no_thread(
    daemon: ScriptedDaemon,
) -> None:
    camera = ScriptedCamera()
    async with shown(daemon.address, camera) as page:
        sockets = [await page.browser.ws_connect(page.at("/live")) for _ in range(3)]
        streams = [await page.browser.get(page.at("/stream.mjpg")) for _ in range(2)]
        camera_socket = await page.browser.ws_connect(page.at("/camera"))
        camera.put(JPEG)
        for socket in sockets:
            await next_frame(socket)
        page.stop.set()
        async with asyncio.timeout(5):
            await page.running
        for socket in (*sockets, camera_socket):
            while (message := await socket.receive()).type in {
                aiohttp.WSMsgType.TEXT,
                aiohttp.WSMsgType.BINARY,
            }:
                pass
            assert message.type is aiohttp.WSMsgType.CLOSE
            assert message.data in {aiohttp.WSCloseCode.OK, aiohttp.WSCloseCode.GOING_AWAY}
        for stream in streams:
            await stream.read()
    names = {
        task.get_coro().__qualname__  # type: ignore[union-attr]
        for task in asyncio.all_tasks()
        if task is not asyncio.current_task()
    }
    assert not {name for name in names if "view" in name or "Socket" in name or "Hub" in name}
    async with asyncio.timeout(10):
        while any(thread.name == "edgeseg-source" for thread in threading.enumerate()):
            await asyncio.sleep(0.01)
