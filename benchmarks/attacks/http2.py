"""A client of HTTP/2 over a plain socket, which can leave messages half sent (RFC 9113, 7541)."""

from __future__ import annotations

import select
import socket
import time
from typing import Final, Self
from urllib.parse import unquote

from attacks.target import host_and_port

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
ACK = END_STREAM = 1
END_HEADERS = 4
CANCEL = 8
PREFACE: Final = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
FRAME_HEADER = 9
MAX_FRAME = 16384
FIRST_WINDOW = 65535
HEADER_TABLE_SIZE, INITIAL_WINDOW_SIZE = 1, 4
STATUSES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND"),
    *("ALREADY_EXISTS", "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION"),
    *("ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"),
    "UNAUTHENTICATED",
)


class Http2:
    """A connection. `ended` has the end of each stream that has ended, until it is removed.

    `source` is the address that it comes from; empty for the usual one. Every method raises OSError
    if the peer closes the connection, or does not read until the time `until`.
    """

    def __init__(self, address: str, until: float, source: str = "") -> None:
        self.ended: dict[int, str] = {}
        self._until = until
        self._next_stream = 1
        self._window = self._first_window = FIRST_WINDOW
        self._windows: dict[int, int] = {}
        self._read = b""
        self._socket = socket.create_connection(
            host_and_port(address), self._left(), (source, 0) if source else None
        )
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # Without a table the peer writes every header in full, so that `_status` can find it.
        no_table = HEADER_TABLE_SIZE.to_bytes(2) + bytes(4)
        self.write(PREFACE + frame(SETTINGS, 0, 0, no_table))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._socket.close()

    def write(self, data: bytes) -> None:
        """Send bytes as they are."""
        self._socket.settimeout(self._left())
        self._socket.sendall(data)

    def headers(self, path: str, *more: tuple[str, str]) -> tuple[int, bytes]:
        """A new stream's number, and the frame that opens it."""
        stream, self._next_stream = self._next_stream, self._next_stream + 2
        return stream, frame(HEADERS, END_HEADERS, stream, header_block(path, *more))

    def open(self, path: str, *more: tuple[str, str]) -> int:
        """Start a call; its stream."""
        stream, opening = self.headers(path, *more)
        self._windows[stream] = self._first_window
        self.write(opening)
        return stream

    def send(self, stream: int, data: bytes, *, last: bool = False) -> int:
        """Send what the peer accepts until it ends the stream or time is up; returns how much."""
        sent = 0
        while sent < len(data) and stream in self._windows and time.monotonic() < self._until:
            room = min(self._window, self._windows[stream], MAX_FRAME, len(data) - sent)
            if room > 0:
                flags = END_STREAM if last and sent + room == len(data) else 0
                self.write(frame(DATA, flags, stream, data[sent : sent + room]))
                sent += room
                self._window -= room
                self._windows[stream] -= room
            self.receive(0.0 if room > 0 else min(0.5, self._left()))
        return sent

    def receive(self, seconds: float) -> None:
        """Handle all that has arrived; wait at most that long for the first of it."""
        while select.select([self._socket], [], [], seconds)[0]:
            seconds = 0.0
            more = self._socket.recv(1 << 16)
            if not more:
                raise ConnectionResetError("the daemon closed the connection")
            self._read += more
            while len(self._read) >= FRAME_HEADER:
                end = FRAME_HEADER + int.from_bytes(self._read[:3])
                if len(self._read) < end:
                    break
                kind, flags = self._read[3], self._read[4]
                stream = int.from_bytes(self._read[5:FRAME_HEADER]) & 0x7FFFFFFF
                payload, self._read = self._read[FRAME_HEADER:end], self._read[end:]
                self._handle(kind, flags, stream, payload)

    def _handle(self, kind: int, flags: int, stream: int, payload: bytes) -> None:
        if kind == SETTINGS and not flags & ACK:
            self._apply(payload)
            self.write(frame(SETTINGS, ACK, 0, b""))
        elif kind == PING and not flags & ACK:
            self.write(frame(PING, ACK, 0, payload))
        elif kind == WINDOW_UPDATE:
            self._widen(stream, int.from_bytes(payload))
        elif kind == DATA and payload:
            self.write(frame(WINDOW_UPDATE, 0, 0, len(payload).to_bytes(4)))
        elif kind == HEADERS and flags & END_STREAM:
            self._end(stream, _status(payload))
        elif kind == RST_STREAM:
            self._end(stream, f"RST_STREAM {int.from_bytes(payload)}")
        elif kind == GOAWAY and (code := int.from_bytes(payload[4:8])):
            raise ConnectionAbortedError(f"GOAWAY {code} {payload[8:].decode(errors='replace')}")

    def _apply(self, settings: bytes) -> None:
        for at in range(0, len(settings), 6):
            if int.from_bytes(settings[at : at + 2]) == INITIAL_WINDOW_SIZE:
                window = int.from_bytes(settings[at + 2 : at + 6])
                for stream in self._windows:
                    self._windows[stream] += window - self._first_window
                self._first_window = window

    def _widen(self, stream: int, by: int) -> None:
        if stream == 0:
            self._window += by
        elif stream in self._windows:
            self._windows[stream] += by

    def _end(self, stream: int, how: str) -> None:
        if self._windows.pop(stream, None) is not None:
            self.ended[stream] = how

    def _left(self) -> float:
        return max(0.1, self._until - time.monotonic())


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """One frame."""
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def header_block(path: str, *more: tuple[str, str]) -> bytes:
    """The headers of a gRPC call, all as literals that are not indexed."""
    headers = (
        *((":method", "POST"), (":scheme", "http"), (":path", path), (":authority", "edgeseg")),
        *(("content-type", "application/grpc"), ("te", "trailers")),
        *more,
    )
    return b"".join(
        b"\0" + bytes((len(name),)) + name.encode() + bytes((len(value),)) + value.encode()
        for name, value in headers
    )


def message(data: bytes, *, size: int | None = None, compressed: bool = False) -> bytes:
    """A gRPC message; with `size` its header claims that length."""
    return bytes((compressed,)) + (len(data) if size is None else size).to_bytes(4) + data


def _status(trailers: bytes) -> str:
    """The status and message of a call, as `UNAVAILABLE: why`."""
    number = _value(trailers, b"grpc-status")
    name = STATUSES[int(number)] if number.isdigit() and int(number) < len(STATUSES) else "ended"
    return f"{name}: {unquote(_value(trailers, b'grpc-message'))}".removesuffix(": ")


def _value(headers: bytes, name: bytes) -> str:
    """The value of a literal header that is not compressed; empty if there is none."""
    start = headers.find(name) + len(name)
    if start < len(name) or start >= len(headers) or headers[start] & 0x80:
        return ""
    length, start = headers[start], start + 1
    if length == 0x7F:  # RFC 7541, 5.1; two more bytes are enough for our messages
        length += headers[start] & 0x7F
        more = headers[start] & 0x80
        start += 1
        if more:
            length += headers[start] << 7
            start += 1
    return headers[start : start + length].decode(errors="replace")
