"""A web service that answers a picture with its mask, in the workers of gunicorn.

    pip install gunicorn
    python gunicorn_app.py --listen 127.0.0.1:8000 --server board.lan:8460
    curl --data-binary @photo.jpg http://127.0.0.1:8000 --output mask.png

Shows where a client belongs in a server that forks. gRPC works only in the process that used it
first, so each worker makes its own client after the fork, in `post_fork`; the application may be
loaded before the fork (`--preload`). With the command `gunicorn`, a gunicorn.conf.py has
`post_fork = app.post_fork` and `worker_exit = app.worker_exit`. In Flask or Django it is the same:
the client is made in `post_fork`, and views use it.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Iterable
from typing import Any

from gunicorn.app.base import BaseApplication

from edgeseg_client import DEFAULT_ADDRESS, Client, EdgesegClientError, InvalidRequest

StartResponse = Callable[[str, list[tuple[str, str]]], object]


class App:
    """A WSGI application: answers a posted picture with its labels as a PNG in class colours."""

    def __init__(self, server: str) -> None:
        self._server = server
        self._client: Client | None = None

    def post_fork(self, _arbiter: object, _worker: object) -> None:
        """Make the client of this worker."""
        self._client = Client(self._server, timeout=10, retry_for=5)

    def worker_exit(self, _arbiter: object, _worker: object) -> None:
        """Close the client of this worker."""
        if self._client is not None:
            self._client.close()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """Answer one request, as WSGI says."""
        if self._client is None:
            raise RuntimeError("post_fork was not called in this process")
        picture = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        status, kind = "200 OK", "image/png"
        try:
            body = self._client.segment(picture, size="frame", outputs=["labels_png"]).labels_png
        except EdgesegClientError as error:
            wrong = isinstance(error, InvalidRequest)
            status = "400 Bad Request" if wrong else "503 Service Unavailable"
            kind, body = "text/plain; charset=utf-8", f"{error}\n".encode()
        head = [("Content-Type", kind), ("Content-Length", str(len(body)))]
        start_response(status, [*head, ("X-Worker", str(os.getpid()))])
        return [body]


class Gunicorn(BaseApplication):  # type: ignore[misc]  # it has no types
    """Gunicorn with these settings, in place of its command and its gunicorn.conf.py."""

    def __init__(self, app: App, listen: str, workers: int) -> None:
        self._app = app
        self._settings = {
            "bind": listen,
            "workers": workers,
            "preload_app": True,
            "post_fork": app.post_fork,
            "worker_exit": app.worker_exit,
        }
        super().__init__()

    def load_config(self) -> None:
        """Give gunicorn the settings."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        """The application."""
        return self._app


def main() -> None:
    """Serve until a signal comes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--listen", default="127.0.0.1:8000", help="HOST:PORT (%(default)s)")
    parser.add_argument("--workers", type=int, default=2, help="processes (%(default)s)")
    parser.add_argument("--server", default=DEFAULT_ADDRESS, help="the daemon (%(default)s)")
    arguments = parser.parse_args()
    Gunicorn(App(arguments.server), arguments.listen, arguments.workers).run()


if __name__ == "__main__":
    main()
