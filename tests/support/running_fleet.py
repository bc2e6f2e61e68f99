"""Boards that a real Prometheus scrapes with the configuration of deploy/prometheus.

The one that is in a file is a real daemon with TLS and tokens, to which frames are sent. The one
that is discovered has the metrics of a board with sensors, which this machine may not have. A third
does not answer.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from prometheus_client import CollectorRegistry

from edgeseg_client import Client
from edgesegd.observability.board.registration import register_board
from edgesegd.observability.metrics_server import serve_metrics
from support.access import CertificateFolder, add_token
from support.fake_sysfs import fake_sysfs
from support.running_daemon import RunningDaemon
from support.running_prometheus import RunningPrometheus

DEPLOY = Path(__file__).parents[2] / "deploy"
UNUSED = "127.0.0.1:1"
"""Where nobody listens."""


class RunningFleet:
    """Three boards and their Prometheus, whose files are in `folder`.

    The daemon has these `flags` too.
    `listed` is the instance of the `daemon`, `discovered` that of the board with sensors. All ends
    with the context `running`.
    """

    def __init__(self, folder: Path, jpeg: bytes, *flags: str) -> None:
        self.folder = folder
        self._flags = flags
        self._jpeg = jpeg
        self._stop = threading.Event()

    @contextmanager
    def running(self) -> Iterator[RunningFleet]:
        """Until the context ends, frames are sent and all are scraped."""
        with ExitStack() as stack:
            self.certificates = self._make_access()
            self.daemon = stack.enter_context(self._start_daemon())
            self.listed = self.daemon.metrics_url.split("/")[2]
            self.discovered = stack.enter_context(sensors_of_a_board(self.folder / "sys"))
            discovery = stack.enter_context(http_discovery(self.discovered))
            config = write_config(self.folder, "prometheus.yml", discovery)
            write_targets(self.folder, self.listed)
            sender = threading.Thread(target=self._send, args=(self.daemon.address,))
            sender.start()
            stack.callback(sender.join)
            stack.callback(self._stop.set)
            self.prometheus = stack.enter_context(
                RunningPrometheus(config, f"--storage.tsdb.path={self.folder / 'data'}")
            )
            yield self

    def _make_access(self) -> CertificateFolder:
        """The files that the configuration names, made with the shipped commands."""
        certificates = CertificateFolder.make(self.folder)
        tokens = self.folder / "tokens.json"
        token = add_token(tokens, "prometheus", "--scope", "metrics")
        (self.folder / "token").write_text(token, encoding="ascii")
        self.token = add_token(tokens, "camera")
        return certificates

    def _start_daemon(self) -> RunningDaemon:
        tokens = f"--tokens={self.folder / 'tokens.json'}"
        return RunningDaemon(*self.certificates.flags, tokens, *self._flags)

    def _send(self, address: str) -> None:
        credentials = self.certificates.credentials()

        def frames() -> Iterator[bytes]:
            while not self._stop.is_set():
                yield self._jpeg
                yield b"no picture"

        with Client(address, token=self.token, credentials=credentials) as client:
            for _ in client.stream(frames(), policy="every", size="model", name="gate"):
                self._stop.wait(0.02)  # as a camera would


def write_config(folder: Path, name: str, discovery: str, *, alertmanager: str = UNUSED) -> Path:
    """The shipped configuration in `folder`, with its rules, quick, and with that discovery."""
    shutil.copytree(DEPLOY / "prometheus/rules", folder / "rules", dirs_exist_ok=True)
    text = (DEPLOY / "prometheus" / name).read_text(encoding="utf-8")
    for shipped, ours in (
        ("15s", "1s"),
        ("30s", "1s"),
        ("http://127.0.0.1:9465/", discovery),
        ("127.0.0.1:9093", alertmanager),
    ):
        text = text.replace(shipped, ours)
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def write_targets(folder: Path, daemon: str) -> None:
    """The file with the boards by name: one that answers, and one that does not."""
    (folder / "boards").mkdir(exist_ok=True)
    groups = [
        {"targets": [daemon], "labels": {"site": "workshop"}},
        {"targets": [UNUSED], "labels": {"site": "workshop", "__scheme__": "http"}},
    ]
    # JSON is YAML.
    (folder / "boards/fleet.yml").write_text(json.dumps(groups), encoding="utf-8")


@contextmanager
def sensors_of_a_board(sys: Path) -> Iterator[str]:
    """Where the metrics of a board whose /sys is in the folder `sys` are served, without TLS."""
    registry = CollectorRegistry()
    register_board(registry, fake_sysfs(sys))
    server = serve_metrics(registry, "127.0.0.1:0")
    assert server is not None
    try:
        yield server.address
    finally:
        server.close()


@contextmanager
def http_discovery(target: str) -> Iterator[str]:
    """The URL where a target is found as Prometheus' http_sd asks for it."""
    groups = [{"targets": [target], "labels": {"__scheme__": "http"}}]
    server = ThreadingHTTPServer(("127.0.0.1", 0), _answering(json.dumps(groups).encode()))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _answering(body: bytes) -> Callable[..., BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 # named by the base
            """Do not log."""

    return Handler
