"""The targets over HTTP, for Prometheus' http_sd."""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Final, Self

_SILENT_SECONDS: Final = 10.0
"""How long a connection may be silent."""


class TargetServer:
    """Answers GET / with the `targets` while it is open.

    Until they are known it answers 503, for which Prometheus keeps the targets that it has.
    `address` is where it listens. Creating it raises `OSError` if it cannot listen there.
    """

    targets: bytes | None = None

    def __init__(self, host: str, port: int) -> None:
        self._server = (_ServerV6 if ":" in host else _Server)((host, port), _handler(self))
        self.address = f"{f'[{host}]' if ':' in host else host}:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def publish(self, targets: bytes) -> None:
        """Answer with these targets from now on."""
        self.targets = targets


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """As the base, but without looking up the host's name."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that leaves is no error."""


class _ServerV6(_Server):
    address_family = socket.AF_INET6


def _handler(server: TargetServer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _SILENT_SECONDS

        def do_GET(self) -> None:
            if self.path.partition("?")[0] != "/":
                self._answer(404, "text/plain", b"the targets are at /\n")
            elif server.targets is None:
                self._answer(503, "text/plain", b"still looking for daemons\n")
            else:
                self._answer(200, "application/json", server.targets)

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # named by the base
            """Requests are not printed."""

    return Handler
