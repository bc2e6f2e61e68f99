"""A TCP proxy that counts its connections, which may belong to another user."""

from __future__ import annotations

import contextlib
import math
import os
import socket
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from types import TracebackType
from typing import Self

_Late = SimpleQueue[tuple[float, bytes]]
"""What came, and when it is passed on."""


class TcpProxy:
    """Passes what comes to `address` on to `target`.

    The sockets of those connections belong to `user`, if there is one, which needs root. What is
    passed on is `delay_seconds` late in each direction, however much is on its way.
    """

    def __init__(self, target: str, *, user: int | None = None, delay_seconds: float = 0.0) -> None:
        host, port = target.split(":")
        self._target = host, int(port)
        self._user = user
        self._delay = delay_seconds
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._server]
        self._swallowed: set[socket.socket] = set()
        self._outgoing: set[socket.socket] = set()
        self._bytes_left = math.inf
        self.is_broken = False
        """Whether `break_after` has happened."""
        self.connections = 0
        """How many there were."""
        self._threads: list[threading.Thread] = []
        self.address = "{}:{}".format(*self._server.getsockname())

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for each in self._sockets:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for each in self._sockets:
            each.close()

    def _start(self, work: Callable[..., None], *arguments: socket.socket | _Late) -> None:
        thread = threading.Thread(target=work, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):  # it is closed
            while True:
                incoming, _ = self._server.accept()
                self.connections += 1
                outgoing = self._connect()
                self._sockets += [incoming, outgoing]
                self._outgoing.add(outgoing)
                for source, target in ((incoming, outgoing), (outgoing, incoming)):
                    late: _Late = SimpleQueue()
                    self._start(self._receive, source, late)
                    self._start(self._pass_on, source, target, late)

    def _connect(self) -> socket.socket:
        if self._user is None:
            return socket.create_connection(self._target)
        os.seteuid(self._user)
        try:
            return socket.create_connection(self._target)
        finally:
            os.seteuid(0)

    def swallow(self) -> None:
        """Let nothing of the present connections pass any more, without closing them."""
        self._swallowed.update(self._sockets)

    def break_after(self, size: int) -> None:
        """Break all connections when so many bytes more have come from the target, once."""
        self._bytes_left = size

    def _break(self) -> None:
        self.is_broken, self._bytes_left = True, math.inf
        for each in self._sockets[1:]:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def _receive(self, source: socket.socket, late: _Late) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                late.put((time.monotonic() + self._delay, data))
        late.put((time.monotonic() + self._delay, b""))

    def _pass_on(self, source: socket.socket, target: socket.socket, late: _Late) -> None:
        with contextlib.suppress(OSError):
            while True:
                due, data = late.get()
                if self._delay:
                    time.sleep(max(0.0, due - time.monotonic()))
                if not data:
                    break
                if source not in self._swallowed:
                    target.sendall(data)
                if source in self._outgoing:
                    self._bytes_left -= len(data)
                    if self._bytes_left <= 0:
                        self._break()
            target.shutdown(socket.SHUT_WR)
