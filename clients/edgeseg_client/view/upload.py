"""Segments a picture that a browser uploads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final

from aiohttp import web

from edgeseg_client.aio import AsyncClient
from edgeseg_client.errors import (
    EdgesegClientError,
    InvalidRequest,
    Overloaded,
    Unavailable,
    Unsupported,
)
from edgeseg_client.frame import Frame
from edgeseg_client.view.frame_jpeg import is_jpeg, to_jpeg
from edgeseg_client.view.memory_budget import MemoryBudget
from edgeseg_client.view.message import frame_message

MAX_BYTES: Final = 32 << 20
"""The largest picture, whatever the daemon takes; main.js has it too."""
AT_ONCE: Final = 2
"""Pictures that are segmented at the same time; others wait."""
MAX_HELD: Final = 128 << 20
"""Bytes of all pictures that are received, wait or are segmented."""
RECEIVE_SECONDS: Final = 60.0
ANSWER_SECONDS: Final = 30.0


class Upload:
    """Answers with the message for the picture; errors are `{"error": …}`.

    Their statuses: 400 for a picture that is wrong or not supported, 408 and 413 for one that comes
    too slowly or is too large, 503 if it may be sent again, 500 else.

    `limit` is the largest picture in bytes. The picture is only sent back if it is not a JPEG:
    browsers do not show all that the daemon or this client decodes.
    """

    def __init__(
        self, client: AsyncClient, options: dict[str, Any], limit: Callable[[], int]
    ) -> None:
        self._client = client
        self._options = options
        self._limit = limit
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._memory = MemoryBudget(MAX_HELD)

    async def segment(self, request: web.Request) -> web.Response:
        """Segment the picture that the body of the request is."""
        limit = self._limit()
        if (request.content_length or 0) > limit:
            return _too_large(limit)
        body = bytearray()
        try:
            async with asyncio.timeout(RECEIVE_SECONDS):
                refusal = await self._read(request, body, limit)
            if refusal is not None:
                return refusal
            async with self._turns:  # only now: a file that does not arrive keeps nobody waiting
                return await self._respond(bytes(body))
        except TimeoutError:
            return _unread(408, f"the file did not arrive in {RECEIVE_SECONDS:g} s")
        finally:
            self._memory.give_back(len(body))

    async def _read(self, request: web.Request, body: bytearray, limit: int) -> web.Response | None:
        """Read into `body`, whose bytes are taken from the budget; the answer if it is refused."""
        async for chunk in request.content.iter_chunked(1 << 16):
            if len(body) + len(chunk) > limit:
                return _too_large(limit)
            if not self._memory.take(len(chunk)):
                return _unread(503, "too many pictures are being sent; try again in a moment")
            body += chunk
        return None

    async def _respond(self, picture: bytes) -> web.Response:
        try:
            message = await self._answer(picture)
        except (InvalidRequest, Unsupported) as error:
            return _failed(400, str(error))
        except (Unavailable, Overloaded) as error:
            return _failed(503, str(error))
        except EdgesegClientError as error:
            return _failed(500, str(error))
        return web.Response(body=message, content_type="application/octet-stream")

    async def _answer(self, picture: bytes) -> bytes:
        if not picture:
            raise InvalidRequest("the file is empty")
        begun = time.perf_counter()
        frame = Frame(picture, 0, time.time_ns())
        result = await self._client.segment(frame, timeout=ANSWER_SECONDS, **self._options)
        latency = time.perf_counter() - begun

        def make() -> bytes:
            back = b"" if is_jpeg(picture) else to_jpeg(picture)
            return frame_message({}, result, back, latency)

        return await asyncio.to_thread(make)


def _too_large(limit: int) -> web.Response:
    return _unread(
        413, f"the file is larger than {limit >> 20} MiB, the most that is accepted here"
    )


def _unread(status: int, why: str) -> web.Response:
    """The answer to a file of which the rest is not read, so the connection ends with it."""
    answer = _failed(status, why)
    answer.force_close()
    return answer


def _failed(status: int, why: str) -> web.Response:
    return web.json_response({"error": why}, status=status)
