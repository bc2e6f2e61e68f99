"""The page that Prometheus scrapes."""

from __future__ import annotations

import socket
import threading
from socketserver import TCPServer, ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

from edgesegd.core.errors import CannotListen


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def server_bind(self) -> None:
        """As the base, but without asking a name server who we are."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # named by the base
        """Scrapes are not news."""


class MetricsServer:
    """Serves `registry` over HTTP in a thread of its own; `address` is where."""

    def __init__(self, registry: CollectorRegistry, host: str, port: int) -> None:
        bare = host.strip("[]")
        kind = _ServerV6 if ":" in bare else _Server
        try:
            self._server = make_server(bare, port, make_wsgi_app(registry), kind, _Silent)
        except OSError as error:
            raise CannotListen(
                f"cannot serve metrics on {host}:{port}: {error.strerror}; "
                "choose another address with --metrics-listen"
            ) from None
        self.address = f"{host}:{self._server.server_port}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
