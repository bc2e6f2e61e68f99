"""A TCP proxy that counts its connections, which may belong to another user."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self


class TcpProxy:
    """Passes what comes to `address` on to `target`.

    The sockets of those connections belong to `user`, if there is one, which needs root.
    """

    def __init__(self, target: str, *, user: int | None = None) -> None:
        host, port = target.split(":")
        self._target = host, int(port)
        self._user = user
        self._server = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._server]
        self._swallowed: set[socket.socket] = set()
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

    def _start(self, work: Callable[..., None], *arguments: socket.socket) -> None:
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
                self._start(self._pass_on, incoming, outgoing)
                self._start(self._pass_on, outgoing, incoming)

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

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if source not in self._swallowed:
                    target.sendall(data)
            target.shutdown(socket.SHUT_WR)
