"""The HTTP server that Prometheus scrapes, and that probes ask for the daemon's health."""

from __future__ import annotations

import contextlib
import io
import logging
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from edgesegd.access.certificates import Certificates
from edgesegd.board.addresses import resolve, split_address
from edgesegd.core.errors import AccessRefused, CannotListen, Overloaded, Unauthenticated
from edgesegd.observability.health_pages import Page

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)

MAX_CONNECTIONS = 8
"""One more connection ends the oldest, so that silent connections do not keep others out."""
RETRY_SECONDS = 0.1
METRICS_PATH = "/metrics"
SILENT_SECONDS = 10.0
"""How long a connection may be silent."""
PLAIN = (("Content-Type", "text/plain"),)
"""Given as a new list each time, for wsgiref adds the length of the page to it."""

CheckAccess = Callable[[str, str], None]
"""Raises an error for the header `Authorization` and the address of a request that is refused."""
HealthPages = Mapping[str, Callable[[], Page]]
"""What is asked for a page of health, by its path."""


class _Server(ThreadingMixIn, WSGIServer):
    """A thread for each of at most MAX_CONNECTIONS connections."""

    daemon_threads = True
    certificates: Certificates | None = None
    """For TLS; None to serve without."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401 # as the base
        self._connections: list[socket.socket] = []
        self._lock = threading.Lock()
        super().__init__(*args, **kwargs)

    def get_request(self) -> tuple[Any, Any]:
        """As the base; if no descriptor is free it pauses, because it is called again at once.

        With TLS the handshake comes with the first read, so that it holds up no other connection.
        """
        try:
            request, client = super().get_request()
        except OSError:
            time.sleep(RETRY_SECONDS)
            raise
        if self.certificates is None:
            return request, client
        context = self.certificates.current().context
        wrapped = context.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        return wrapped, client

    def process_request(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 # as the base
        """As the base, after ending the oldest connection if there are too many."""
        with self._lock:
            if len(self._connections) >= MAX_CONNECTIONS:
                with contextlib.suppress(OSError):  # it has just ended by itself
                    self._connections.pop(0).shutdown(socket.SHUT_RDWR)
            self._connections.append(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:  # noqa: ANN401 # as the base
        """As the base; it is called for each connection at its end."""
        with self._lock:
            if request in self._connections:
                self._connections.remove(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ANN401 # as the base
        """Log the error in one line: the daemon is not at fault."""
        del request
        log.debug("a request of %s for metrics failed: %s", client_address[0], sys.exception())

    def server_bind(self) -> None:
        """As the base, but without looking up the host's name."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _ServerV6(_Server):
    address_family = socket.AF_INET6


class _Silent(WSGIRequestHandler):
    timeout = SILENT_SECONDS

    def get_stderr(self) -> io.StringIO:
        """Drop the tracebacks that wsgiref writes."""
        return io.StringIO()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # named by the base
        """Do not log scrapes."""


def _refusing(page: WSGIApplication) -> WSGIApplication:
    """Answer 400 to requests for which `page` fails, such as one with a malformed header."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            return page(environ, start_response)
        except Exception as error:  # noqa: BLE001 # whatever it makes of the client's bytes
            log.debug("a request for metrics cannot be served: %s", error)
            start_response("400 Bad Request", [*PLAIN])
            return [b"this request cannot be served; ask for /metrics without an Accept header\n"]

    return serve


def _asking(page: WSGIApplication, check: CheckAccess) -> WSGIApplication:
    """Answer 401 or 403 to requests that `check` refuses."""

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        try:
            check(environ.get("HTTP_AUTHORIZATION", ""), environ.get("REMOTE_ADDR", ""))
        except Unauthenticated as error:
            start_response("401 Unauthorized", [*PLAIN, ("WWW-Authenticate", "Bearer")])
            return [f"{error}\n".encode()]
        except Overloaded as error:
            start_response("429 Too Many Requests", [*PLAIN])
            return [f"{error}\n".encode()]
        except AccessRefused as error:
            start_response("403 Forbidden", [*PLAIN])
            return [f"{error}\n".encode()]
        return page(environ, start_response)

    return serve


def _by_path(page: WSGIApplication, health: HealthPages) -> WSGIApplication:
    """Answer METRICS_PATH with `page`, the paths of `health` with 200 or 503, others with 404.

    A probe of a page that does not exist must not find a daemon well that is not.
    """
    pages = ", ".join((METRICS_PATH, *health))

    def serve(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "")
        if path == METRICS_PATH:
            return page(environ, start_response)
        if (ask := health.get(path)) is None:
            start_response("404 Not Found", [*PLAIN])
            return [f"there is no such page; there are: {pages}\n".encode()]
        found = ask()
        start_response("200 OK" if found.is_well else "503 Service Unavailable", [*PLAIN])
        return [f"{found.line}\n".encode()]

    return serve


def serve_metrics(
    registry: CollectorRegistry,
    address: str,
    *,
    certificates: Certificates | None = None,
    check: CheckAccess = lambda *_: None,
    health: HealthPages | None = None,
    public_health: bool = False,
) -> MetricsServer | None:
    """Serve `registry` at "HOST:PORT"; nothing is served if `address` is empty.

    `check` raises a AccessRefused for the header `Authorization` of a request that may not read the
    metrics; the pages of `health` are refused likewise, unless they are public. Raises ConfigError
    for a malformed address, and CannotListen with the reason.
    """
    if not address:
        return None
    return MetricsServer(
        registry,
        *split_address(address),
        certificates=certificates,
        check=check,
        health=health,
        public_health=public_health,
    )


class MetricsServer:
    """Serves `registry` over HTTP in a separate thread, at `address` and `url`.

    `health` are pages by their paths, which need no access if they are public.
    """

    def __init__(
        self,
        registry: CollectorRegistry,
        host: str,
        port: int,
        *,
        certificates: Certificates | None = None,
        check: CheckAccess = lambda *_: None,
        health: HealthPages | None = None,
        public_health: bool = False,
    ) -> None:
        endpoints = resolve(host, port)
        # One of a name's addresses is enough, because scrapes go to the one that is printed.
        family, where = min(endpoints, key=lambda each: each.family != socket.AF_INET)
        try:
            self._server = (_ServerV6 if family == socket.AF_INET6 else _Server)(where, _Silent)
        except OSError as error:
            raise CannotListen(
                f"cannot serve metrics on {host}:{port}: {error.strerror}; "
                "choose another address with --metrics-listen"
            ) from None
        self._server.certificates = certificates
        page = _refusing(make_wsgi_app(registry))
        pages = health or {}
        self._server.set_app(
            _by_path(_asking(page, check), pages)
            if public_health
            else _asking(_by_path(page, pages), check)
        )
        self.address = f"{host}:{self._server.server_port}"
        self.url = f"http{'s' if certificates else ''}://{self.address}{METRICS_PATH}"
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
