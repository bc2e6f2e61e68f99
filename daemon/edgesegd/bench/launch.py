"""Runs the daemon in a separate process, for programs that need one for a while."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from edgesegd.core.errors import EngineStartFailed

READY_SECONDS = 60.0
STOP_SECONDS = 30.0
OPEN = ("--tokens=none", "--tls-cert=", "--tls-key=", "--tls-client-ca=")
"""Its clients have neither a token nor certificates, whatever is configured on this board."""
ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextlib.contextmanager
def _signals_held_back() -> Iterator[None]:
    """Delay signals that may unwind this program until the end of the block.

    Then the program knows the process that it started. Blocking the signals would not help: the
    kernel delivers them to another thread, and Python handles them in this one.
    """
    if threading.current_thread() is not threading.main_thread():  # it handles no signals
        yield
        return
    came: list[int] = []
    handled = [number for number in ENDING if signal.getsignal(number) is not signal.SIG_IGN]
    before = {number: signal.signal(number, lambda n, _: came.append(n)) for number in handled}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for first in came[:1]:
            signal.raise_signal(first)


class LaunchedDaemon:
    """Runs `edgesegd serve` on free ports of the loopback interface.

    It is ready after construction; raises EngineStartFailed, with all its output, if it does not
    start. `address` is for clients, `metrics_url` for Prometheus, `output` is the lines of its
    stdout and stderr. As a context manager it is stopped at the end. `command` is how edgesegd is
    run, by default with this Python.
    """

    def __init__(
        self,
        *flags: str,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = (sys.executable, "-m", "edgesegd"),
    ) -> None:
        self.output: list[str] = []
        self.address = self.metrics_url = ""
        self._ready = threading.Event()
        serve = ("serve", "--listen=127.0.0.1:0", "--metrics-listen=127.0.0.1:0", *OPEN)
        try:
            with _signals_held_back():
                self.process = subprocess.Popen(
                    [*command, *serve, *flags],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT,
                    text=True,
                    start_new_session=True,
                    env={**os.environ, **(env or {})},
                )
                self._reader = threading.Thread(target=self._read, daemon=True)
                self._reader.start()
            self._ready.wait(READY_SECONDS)
        except BaseException:  # the caller cannot end the process yet
            if hasattr(self, "_reader"):
                self.stop(signal.SIGKILL)
            raise
        if not self.address or self.process.poll() is not None:
            self.stop(signal.SIGKILL)
            raise EngineStartFailed("\n".join(["the daemon did not start:", *self.output]))

    def _read(self) -> None:
        if self.process.stdout is None:
            return
        for line in self.process.stdout:
            self.output.append(line.rstrip())
            if line.startswith("listening on ") and not self.address:
                self.address = line.split()[-1]
            elif line.startswith("metrics on "):
                self.metrics_url = line.split()[-1]
            elif line.startswith("edgesegd ") and " ready: " in line:
                self._ready.set()
        self._ready.set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    @property
    def engine_pid(self) -> int | None:
        """The process id of the present engine; Linux only. Of several it is the oldest one's."""
        return next(iter(self.engine_pids), None)

    @property
    def engine_pids(self) -> list[int]:
        """The process ids of the present engines, the oldest one's first; Linux only."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        found = []
        for pid in children.read_text(encoding="ascii").split():
            with contextlib.suppress(OSError):
                if b"edgesegd.engine" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0"):
                    found.append(int(pid))
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait until the daemon ends; returns the exit status."""
        try:
            status = self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(STOP_SECONDS)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status
