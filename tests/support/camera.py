"""A network camera: an HTTP server of MJPEG and of single pictures that can be stopped."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BOUNDARY = b"--frame"


class Camera:
    """Serves `/video` (MJPEG, endlessly), `/picture`, `/page`, and `/secret` with a password."""

    def __init__(
        self,
        pictures: Sequence[bytes],
        port: int = 0,
        host: str = "127.0.0.1",
        *,
        pause: float = 0.01,
    ) -> None:
        self.pictures = pictures
        self.frozen = False
        """Whether nothing is sent, though connections stay open."""
        self.starting_status: int | None = None
        """With this status it answers everything, as a page, while it is not None."""
        self._pause = pause
        self.requests = 0
        self._stopped = threading.Event()
        self._server = _Server((host, port), _handler(self))
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    def address(self, path: str = "/video", user: str = "") -> str:
        """The address of a path, with `NAME:PASSWORD@` if there is a user."""
        return f"http://{user}{'@' if user else ''}127.0.0.1:{self.port}{path}"

    @contextmanager
    def running(self) -> Iterator[Camera]:
        """Answers until the context ends; then every connection is closed."""
        self._thread.start()
        try:
            yield self
        finally:
            self._stopped.set()
            self._server.shutdown()
            self._thread.join()
            self._server.server_close()

    def frames(self) -> Iterator[bytes]:
        """The pictures again and again, with a pause between them, in seconds."""
        number = 0
        while not self._stopped.wait(self._pause):
            if self.frozen:
                continue
            yield self.pictures[number % len(self.pictures)]
            number += 1


class _Server(ThreadingHTTPServer):
    allow_reuse_address = True
    daemon_threads = False
    block_on_close = True


def _handler(camera: Camera) -> type[BaseHTTPRequestHandler]:  # noqa: C901 # a class within
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            camera.requests += 1
            path = self.path.partition("?")[0]
            wanted = "Basic " + base64.b64encode(b"user:p@ss").decode()
            if camera.starting_status is not None:
                self._answer("text/html", b"<html>", camera.starting_status)
            elif path == "/secret" and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="camera"')
                self.end_headers()
            elif path in {"/video", "/secret"}:
                self._stream()
            elif path == "/picture":
                self._answer("image/jpeg", camera.pictures[camera.requests % len(camera.pictures)])
            elif path == "/page":
                self._answer("text/html", b"<html>")
            else:
                self.send_error(404)

        def _answer(self, kind: str, body: bytes, status: int = 200) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def _stream(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            try:
                for picture in camera.frames():
                    head = b"\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n"
                    self.wfile.write(BOUNDARY + head % len(picture) + picture + b"\r\n")
            except OSError:  # the client has gone
                return

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # the base's
            del format, args

    return Handler
