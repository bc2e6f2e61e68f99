"""Segments the pictures of a browser's own camera."""

from __future__ import annotations

import asyncio
import contextlib
import json
import struct
import time
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any, Final

from aiohttp import WSCloseCode, WSMsgType, web

from edgeseg_client.aio import AsyncClient
from edgeseg_client.answer import FrameAnswer
from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.frame import Frame
from edgeseg_client.status import Status
from edgeseg_client.view.changes import Changes
from edgeseg_client.view.feed import Feed
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.live_socket import CLOSE_SECONDS, PING_SECONDS
from edgeseg_client.view.memory_budget import MemoryBudget
from edgeseg_client.view.message import frame_message

MAX_UNANSWERED: Final = 4
"""Frames that a browser may send before it has their answers."""
MAX_BYTES: Final = 8 << 20
"""The largest picture of a camera; the page's own are at most 1280 pixels wide."""
_ID: Final = struct.Struct("<I")


class CameraLimits:
    """What all cameras of browsers together may take: `sockets`, and `held` bytes of pictures."""

    def __init__(self, *, sockets: int = 8, held: int = 64 << 20) -> None:
        self.sockets = sockets
        self.memory = MemoryBudget(held)


class CameraSocket:
    """One camera of a browser: each message is an id (4 bytes, little endian) and a JPEG.

    Each gets an answer with its id: a result without the picture, which the browser has, or
    `{"type": "none", "frame_id": …, "status": …, "message": …}` if it has no result. A browser that
    sends more than `MAX_UNANSWERED` frames ahead of their answers is disconnected. `options` are
    those of streams, `largest` is the largest picture that the page accepts, in bytes.
    """

    def __init__(
        self,
        client: AsyncClient,
        hub: Hub,
        options: dict[str, Any],
        *,
        largest: int,
        limits: CameraLimits,
    ) -> None:
        self._limits = limits
        self._held: dict[int, int] = {}
        self._client = client
        self._hub = hub
        self._options = options
        self._socket = web.WebSocketResponse(
            heartbeat=PING_SECONDS,
            # aiohttp refuses messages of that size too.
            max_msg_size=_ID.size + min(largest, MAX_BYTES) + 1,
            compress=False,
            timeout=CLOSE_SECONDS,
        )
        self._frames: asyncio.Queue[Frame] = asyncio.Queue()
        self._unanswered = 0
        self._feed = Feed("camera", Changes())

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Answer until the browser or the page ends."""
        await self._socket.prepare(request)
        if self._limits.sockets < 1:
            await self._end("too many cameras are open on this page; close one")
            return self._socket
        self._limits.sockets -= 1
        try:
            await self._serve()
        finally:
            self._limits.sockets += 1
            self._limits.memory.give_back(sum(self._held.values()))
        return self._socket

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._answer_all()),
                group.create_task(self._close_at_the_end()),
            ]
            async for message in self._socket:
                if message.type is not WSMsgType.BINARY or len(message.data) <= _ID.size:
                    continue
                if self._unanswered >= MAX_UNANSWERED:
                    await self._socket.close(code=WSCloseCode.POLICY_VIOLATION)
                    break
                await self._take(message.data)
            for task in tasks:
                task.cancel()

    async def _take(self, message: bytes) -> None:
        (number,) = _ID.unpack_from(message)
        if number in self._held:
            await self._end(f"frame {number} has no answer yet; give each frame an id of its own")
        elif not self._limits.memory.take(len(message)):
            why = "the pictures of all browsers' cameras together are too large"
            await self._send_none(number, Status.OVERLOADED, why)
        else:
            self._held[number] = len(message)
            self._unanswered += 1
            self._frames.put_nowait(Frame(message[_ID.size :], number, time.time_ns()))

    async def _taken(self) -> AsyncIterator[Frame]:
        while True:
            yield await self._frames.get()

    async def _answer_all(self) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                answers = self._client.stream(self._taken(), policy="latest", **self._options)
                async with aclosing(answers):
                    async for answer in answers:
                        self._unanswered -= 1
                        self._limits.memory.give_back(self._held.pop(answer.frame_id))
                        self._feed.count(answer)
                        await self._send(answer)
            except EdgesegClientError as error:
                await self._end(str(error))

    async def _end(self, why: str) -> None:
        """Send the browser the reason, and close the socket."""
        await self._socket.send_str(json.dumps({"type": "error", "message": why}))
        await self._socket.close(code=WSCloseCode.INTERNAL_ERROR)

    async def _send(self, answer: FrameAnswer) -> None:
        if answer.segmented is None:
            await self._send_none(answer.frame_id, answer.status, answer.message)
            return
        about = {"feed": self._feed.describe()}
        message = await asyncio.to_thread(
            frame_message, about, answer.segmented, b"", answer.latency
        )
        await self._socket.send_bytes(message)

    async def _send_none(self, number: int, status: Status, why: str) -> None:
        none = {"type": "none", "frame_id": number, "status": status.value, "message": why}
        await self._socket.send_str(json.dumps(none))

    async def _close_at_the_end(self) -> None:
        while not self._hub.stopping:
            await self._hub.changes.next().wait()
        await self._socket.close(code=WSCloseCode.GOING_AWAY)
