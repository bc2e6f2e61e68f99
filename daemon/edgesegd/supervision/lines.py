"""Splits what arrives on a socket into lines."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast


class LineProtocol(asyncio.Protocol):
    """Calls `on_line` with each line, and `on_end` when the connection has ended.

    A line of more than `max_bytes` bytes ends the connection.
    """

    def __init__(
        self, *, max_bytes: int, on_line: Callable[[bytes], None], on_end: Callable[[], None]
    ) -> None:
        self._max_bytes = max_bytes
        self._on_line = on_line
        self._on_end = on_end
        self._begun = b""
        self._transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """As the base says."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """As the base says."""
        *lines, self._begun = (self._begun + data).split(b"\n")
        for line in lines:
            if not self._transport.is_closing():
                self._on_line(line)
        if len(self._begun) > self._max_bytes:
            self.abort()

    def connection_lost(self, _error: Exception | None) -> None:
        """As the base says."""
        self._on_end()

    def write(self, line: bytes) -> None:
        """Send a line; it must end with a newline."""
        self._transport.write(line)

    def close(self) -> None:
        """Send what was written, then close the connection."""
        self._transport.close()

    def abort(self) -> None:
        """Close the connection at once; `on_line` is not called again."""
        self._transport.abort()
