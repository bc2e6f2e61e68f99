"""The overlay as a camera: `/stream.mjpg` and `/snapshot.jpg`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from typing import Final

from aiohttp import web

from edgeseg_client.errors import EdgesegClientError
from edgeseg_client.view.feed import Feed, FeedState
from edgeseg_client.view.hub import Hub
from edgeseg_client.view.live_frame import LiveFrame
from edgeseg_client.view.plain_text import encodable

SNAPSHOT_SECONDS: Final = 5.0
"""How long a snapshot waits for the first frame."""
READER_CHECK_SECONDS: Final = 1.0
"""How often a stream without frames checks that its reader is still connected."""
BOUNDARY: Final = "edgeseg-frame"
_NO_STORE: Final = {"Cache-Control": "no-store"}


class CameraPages:
    """Gives the overlay of the source that the query names (`?source=`), by default the first.

    404 if there is no such source. `?legend=1` adds a legend, for which some pictures become
    taller: it depends on the frame.
    """

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    async def snapshot(self, request: web.Request) -> web.Response:
        """The overlay of the newest frame; 503 with the reason if there is none, or an old one."""
        feed = self._feed(request)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SNAPSHOT_SECONDS):
                await self._until(lambda: feed.newest or feed.state is not FeedState.WAITING)
        frame = feed.newest
        why = feed.outdated() or self._hub.watch.trouble
        if frame is None or why:
            raise _no_picture(feed, why or feed.last_failure)
        try:
            jpeg = await frame.overlay(legend=_legend(request))
        except EdgesegClientError as error:  # its file is gone; the next frame may be there
            raise _no_picture(feed, str(error)) from None
        return web.Response(body=jpeg, content_type="image/jpeg", headers=_NO_STORE)

    async def stream(self, request: web.Request) -> web.StreamResponse:
        """The overlays as MJPEG, until the reader or the page ends; a slow reader gets fewer."""
        feed, legend = self._feed(request), _legend(request)
        kind = f"multipart/x-mixed-replace; boundary={BOUNDARY}"
        response = web.StreamResponse(headers={"Content-Type": kind, **_NO_STORE})
        await response.prepare(request)
        if request.method == "HEAD":
            return response
        # A picture that is old when a reader comes would be taken for a new one.
        shown = feed.newest if feed.outdated() else None
        with contextlib.suppress(ConnectionError):
            await response.write(f"--{BOUNDARY}\r\n".encode())
            while not self._hub.stopping and _is_read(request):
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(READER_CHECK_SECONDS):
                        await self._until(lambda: feed.newest is not shown)  # noqa: B023 # at once
                if feed.newest is not None and feed.newest is not shown:
                    shown = feed.newest
                    await _send(response, shown, legend)
        return response

    def _feed(self, request: web.Request) -> Feed:
        feeds = self._hub.feeds
        name = request.query.get("source") or next(iter(feeds), "")
        if name not in feeds:
            there = ", ".join(feeds) or "none; start it with one: edgeseg view SOURCE"
            text = encodable(f"there is no source {name!r}; there are: {there}\n")
            raise web.HTTPNotFound(text=text)
        return feeds[name]

    async def _until(self, condition: Callable[[], object]) -> None:
        """Wait until `condition` is true, or the page ends."""
        while not condition() and not self._hub.stopping:
            await self._hub.changes.next().wait()


async def _send(response: web.StreamResponse, frame: LiveFrame, legend: bool) -> None:
    """Send the overlay of a frame, or nothing if it cannot be drawn."""
    try:
        jpeg = await frame.overlay(legend=legend)
    except EdgesegClientError:  # its file is gone; the next frame may be there
        return
    await response.write(_part(jpeg, frame))


def _no_picture(feed: Feed, why: str) -> web.HTTPServiceUnavailable:
    text = encodable(f"there is no picture of {feed.name}{': ' if why else ''}{why}\n")
    return web.HTTPServiceUnavailable(text=text, headers=_NO_STORE)


def _part(jpeg: bytes, frame: LiveFrame) -> bytes:
    """A picture and the boundary behind it, without which some readers wait for the next one."""
    head = (
        f"Content-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
        f"X-Timestamp: {frame.captured_ms / 1000:.3f}\r\n\r\n"
    )
    return head.encode() + jpeg + f"\r\n--{BOUNDARY}\r\n".encode()


def _legend(request: web.Request) -> bool:
    return request.query.get("legend", "0") != "0"


def _is_read(request: web.Request) -> bool:
    return request.transport is not None and not request.transport.is_closing()
