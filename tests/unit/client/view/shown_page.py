"""A page over a scripted daemon, in this process, and a browser's side of its sockets."""

from __future__ import annotations

import asyncio
import json
import math
import queue
import struct
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import numpy as np

from edgeseg_client import AsyncClient
from edgeseg_client.errors import SourceLost
from edgeseg_client.result import LabelMap
from edgeseg_client.sources.live import LiveSource
from edgeseg_client.sources.source import Source, SourceFrame
from edgeseg_client.view.changes import Changes
from edgeseg_client.view.daemon_watch import DaemonWatch
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.serve import show_page
from edgeseg_client.view.server import PageServer


class ScriptedCamera(LiveSource):
    """Gives the pictures of `put`; None loses the camera, and the next picture brings it back."""

    def __init__(self, name: str = "porch") -> None:
        super().__init__(name, wait=math.inf)
        self._script: queue.Queue[bytes | None] = queue.Queue()

    def put(self, *pictures: bytes | None) -> None:
        for picture in pictures:
            self._script.put(picture)

    def open_once(self) -> Iterator[SourceFrame]:
        while not self._closed.is_set():
            try:
                picture = self._script.get(timeout=0.05)
            except queue.Empty:
                continue
            if picture is None:
                raise SourceLost("the cable was pulled")
            yield SourceFrame(picture, captured_unix_ns=1_000_000_000)


@dataclass
class Page:
    hub: Hub
    server: PageServer
    browser: aiohttp.ClientSession
    stop: asyncio.Event
    running: asyncio.Task[None]

    def at(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server.port}{path}"

    @asynccontextmanager
    async def socket(
        self, path: str = "/live", *, headers: dict[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        async with self.browser.ws_connect(self.at(path), headers=headers) as socket:
            yield socket


@asynccontextmanager
async def shown(
    address: str,
    *sources: Source,
    token: str | None = None,
    model: str = "",
    clock: Callable[[], float] = time.monotonic,
) -> AsyncIterator[Page]:
    """The page of these sources; it has stopped when the context ends."""
    options = {"outputs": ("labels",), "size": "model", "model": model}
    changes, stop = Changes(), asyncio.Event()
    async with (
        AsyncClient(address, retry_for=math.inf) as client,
        AsyncClient(address, retry_for=0.0) as asking,
        aiohttp.ClientSession() as browser,
    ):
        watch = DaemonWatch(asking, await client.info(), model, changes)
        hub = Hub([source.name for source in sources], watch, changes, clock=clock)
        server = PageServer(
            hub,
            client,
            options=options,
            streams=options,
            host="127.0.0.1",
            port=0,
            token=token,
        )
        announced = asyncio.Event()
        running = asyncio.create_task(
            show_page(
                hub,
                server,
                client,
                sources,
                streams=options,
                stop=stop,
                announce=lambda _: announced.set(),
            )
        )
        started = asyncio.create_task(announced.wait())
        await asyncio.wait({running, started}, return_when=asyncio.FIRST_COMPLETED)
        started.cancel()
        if running.done():
            running.result()
        try:
            yield Page(hub, server, browser, stop, running)
        finally:
            stop.set()
            await running


def read_message(message: bytes) -> tuple[dict[str, Any], LabelMap, bytes]:
    """The header, the labels and the picture, as the page's script reads them."""
    (length,) = struct.unpack_from("<I", message)
    assert length % 4 == 0, "a Uint32Array begins at a multiple of 4"
    header = json.loads(message[4 : 4 + length])
    runs, begin = header["runs"], 4 + length
    lengths = np.frombuffer(message, "<u4", runs, begin)
    ids = np.frombuffer(message, np.uint8, runs, begin + 4 * runs)
    width, height = header["size"]
    return header, np.repeat(ids, lengths).reshape(height, width), message[begin + 5 * runs :]


async def next_frame(socket: aiohttp.ClientWebSocketResponse) -> bytes:
    """The next message with a frame."""
    while True:
        message = await socket.receive(timeout=20)
        if message.type is aiohttp.WSMsgType.BINARY:
            data: bytes = message.data
            return data
        assert message.type is aiohttp.WSMsgType.TEXT, message


async def state_where(
    socket: aiohttp.ClientWebSocketResponse, right: Callable[[dict[str, Any]], bool]
) -> dict[str, Any]:
    """The first state of which `right` is true."""
    async with asyncio.timeout(20):
        while True:
            message = await socket.receive()
            assert message.type in {aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY}, message
            if message.type is aiohttp.WSMsgType.TEXT:
                state: dict[str, Any] = json.loads(message.data)
                if right(state):
                    return state


def source_of(state: dict[str, Any], name: str = "porch") -> dict[str, Any]:
    sources: Sequence[dict[str, Any]] = state["sources"]
    return next(one for one in sources if one["name"] == name)
