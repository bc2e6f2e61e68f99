"""A signal in the first moments of a process ends it in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

ENDING = (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)
HEAVY = "cygrpc"
"""Part of the file name of what takes longest to be loaded."""


def has_signal(pid: int, field: str, number: int) -> bool:
    """Whether a line of the process's status names the signal."""
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        name, _, mask = line.partition(":")
        if name == field:
            return bool(int(mask, 16) & 1 << (number - 1))
    return False


def wait_until(condition: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < give_up
        os.sched_yield()


@contextmanager
def starting(*command: str, ignored: int = 0) -> Iterator[subprocess.Popen[bytes]]:
    """A process that is stopped as soon as SIGTERM does not kill it any more."""

    before = signal.signal(ignored, signal.SIG_IGN) if ignored else None  # a child inherits it
    with subprocess.Popen(
        [sys.executable, "-m", "edgesegd", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        if before is not None:
            signal.signal(ignored, before)
        try:
            wait_until(lambda: has_signal(process.pid, "SigCgt", signal.SIGTERM))
            process.send_signal(signal.SIGSTOP)
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("number", ENDING)
def test_a_daemon_ends_with_status_0_before_it_has_loaded_anything(number: int) -> None:
    with starting("serve", "--listen=127.0.0.1:0", "--metrics-listen=") as process:
        assert HEAVY not in Path(f"/proc/{process.pid}/maps").read_text(encoding="utf-8")
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == 0


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)]
)
def test_another_command_ends_with_128_and_the_signal(number: int, status: int) -> None:
    with starting("config") as process:
        process.send_signal(number)
        process.send_signal(signal.SIGCONT)
        assert process.communicate(timeout=30) == (b"", b"")
        assert process.returncode == status


def test_what_nohup_ignores_stays_ignored() -> None:
    with starting("serve", "--listen=127.0.0.1:0", ignored=signal.SIGHUP) as process:
        assert has_signal(process.pid, "SigIgn", signal.SIGHUP)


class _Stalling(BaseHTTPRequestHandler):
    """Sends the beginning of a file, and then nothing."""

    end = threading.Event()

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(bytes(100_000))
        self.end.wait(30)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.mark.parametrize("number", ENDING)
def test_a_download_that_is_ended_leaves_nothing_behind(tmp_path: Path, number: int) -> None:
    _Stalling.end.clear()
    with HTTPServer(("127.0.0.1", 0), _Stalling) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        source = f"http://127.0.0.1:{server.server_port}/"
        with subprocess.Popen(
            [sys.executable, "-m", "edgesegd", "models", "pull", "deeplabv3", f"--from={source}"],
            env=os.environ | {"EDGESEG_DATA_DIR": str(tmp_path)},
            stderr=subprocess.PIPE,
        ) as process:
            wait_until(lambda: any(tmp_path.glob("models/.*.part")))
            process.send_signal(number)
            _, output = process.communicate(timeout=30)
        _Stalling.end.set()
    assert process.returncode == 128 + number
    assert b"Traceback" not in output
    assert list((tmp_path / "models").iterdir()) == []


def test_the_client_ends_without_a_traceback_while_it_is_imported() -> None:
    edgeseg = Path(sys.executable).with_name("edgeseg")
    with subprocess.Popen(
        [edgeseg, "info"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        maps = Path(f"/proc/{process.pid}/maps")
        wait_until(lambda: HEAVY in maps.read_text(encoding="utf-8"))
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=30) == (b"", b"")
    assert process.returncode == 130
