"""A segmented frame of a source, in the forms in which it is shown."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial

from edgeseg_client.result import Result
from edgeseg_client.sources.source import SourceFrame
from edgeseg_client.view.frame_jpeg import encode_jpeg, to_jpeg
from edgeseg_client.view.message import frame_message


class LiveFrame:
    """Frame `number` of the source `name` and its result, which came after `latency` seconds.

    Each form is made when it is first asked for, in a thread, and once for all requests. They raise
    `InvalidRequest` if the frame's picture cannot be read. `captured_ms` is the time of the capture
    in milliseconds since the Unix epoch, 0 if it is not known.
    """

    def __init__(
        self, name: str, number: int, frame: SourceFrame, result: Result, latency: float
    ) -> None:
        self.number = number
        self.captured_ms = (frame.captured_unix_ns or 0) // 1_000_000
        self._name = name
        self._frame = frame
        self._result = result
        self._latency = latency
        self._made: dict[str, asyncio.Future[bytes]] = {}

    async def message(self) -> bytes:
        """For the page: the picture and the labels."""
        return await self._make_once("message", self._make_message)

    async def overlay(self, *, legend: bool) -> bytes:
        """The picture with its classes drawn over it, as a JPEG."""
        return await self._make_once(
            f"overlay, legend {legend}", partial(self._make_overlay, legend)
        )

    async def _make_once(self, form: str, make: Callable[[], bytes]) -> bytes:
        if form not in self._made:
            self._made[form] = asyncio.ensure_future(asyncio.to_thread(make))
        # If one request is cancelled, the others still get it.
        return await asyncio.shield(self._made[form])

    def _make_message(self) -> bytes:
        about = {
            "source": self._name,
            "number": self.number,
            "label": self._frame.label,
            "captured_ms": self.captured_ms,
        }
        picture = to_jpeg(self._frame.image)  # type: ignore[arg-type] # sources use no FrameBuffer
        return frame_message(about, self._result, picture, self._latency)

    def _make_overlay(self, legend: bool) -> bytes:
        return encode_jpeg(self._result.overlay(self._frame.picture(), legend=legend))
