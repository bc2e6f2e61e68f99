"""Sends a browser the newest frames of all sources, and their state."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import Counter
from typing import Final

from aiohttp import WSCloseCode, WSMsgType, web

from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.view.feed import Feed
from edgeseg_client.view.hub import STATE_EVERY, Hub

MAX_UNSHOWN: Final = 2
"""Frames of a source that a browser may have without having shown them."""
PING_SECONDS: Final = 20.0
"""A browser that answers no ping in half of that time is gone."""
CLOSE_SECONDS: Final = 0.3
"""How long a browser may take to answer that the socket is closed."""
_MAX_BYTES: Final = 4096


class LiveSocket:
    """One browser's WebSocket.

    The browser says when it has shown a frame. It gets the next one then, which is the newest: what
    came meanwhile is left out, so a slow or hidden browser takes no memory, and gets no old frames.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._socket = web.WebSocketResponse(
            heartbeat=PING_SECONDS,
            max_msg_size=_MAX_BYTES,
            compress=False,  # frames are JPEGs
            timeout=CLOSE_SECONDS,
        )
        self._unshown: Counter[str] = Counter()
        self._sent: dict[str, int] = {}

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """Send until the browser or the page ends."""
        await self._socket.prepare(request)
        async with asyncio.TaskGroup() as group:
            sending = group.create_task(self._send_all())
            async for message in self._socket:
                if message.type is WSMsgType.TEXT:
                    self._on_shown(message.data)
            sending.cancel()
        return self._socket

    def _on_shown(self, text: str) -> None:
        """`{"shown": SOURCE}`: the browser has shown one more frame of that source."""
        with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
            name = json.loads(text).get("shown")
            if self._unshown.get(name):
                self._unshown[name] -= 1
                self._hub.changes.notify()

    async def _send_all(self) -> None:
        clock = asyncio.get_running_loop().time
        stated = -STATE_EVERY
        states: list[tuple[str, str]] | None = None
        with contextlib.suppress(ConnectionError):
            while not self._hub.stopping:
                changed = self._hub.changes.next()
                now = [(str(feed.state), feed.why) for feed in self._hub.feeds.values()]
                now.append(("daemon", self._hub.watch.trouble))
                if now != states or clock() - stated >= STATE_EVERY:
                    await self._socket.send_str(self._hub.state())
                    states, stated = now, clock()
                if not await self._send_frames():
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(max(0.0, stated + STATE_EVERY - clock())):
                            await changed.wait()
            await self._socket.close(code=WSCloseCode.GOING_AWAY)

    async def _send_frames(self) -> bool:
        """Send at most one frame of each source, the newest; whether any was sent."""
        sent = False
        for feed in self._hub.feeds.values():
            sent |= await self._send_frame(feed)
        return sent

    async def _send_frame(self, feed: Feed) -> bool:
        frame = feed.newest
        if frame is None or frame.number == self._sent.get(feed.name):
            return False
        if self._unshown[feed.name] >= MAX_UNSHOWN:
            return False
        self._sent[feed.name] = frame.number
        try:
            message = await frame.message()
        except EdgesegClientError:  # its file is gone; the next frame may be there
            return False
        self._unshown[feed.name] += 1
        await self._socket.send_bytes(message)
        return True
