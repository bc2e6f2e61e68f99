"""The state of the front's process."""

from __future__ import annotations

import contextlib
import re
import signal
import threading
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import resident

EVERY_SECONDS = 0.05
LOST = re.compile(r"^edgeseg_engine_restarts_total\{.*\} (\S+)$", re.MULTILINE)
OTHER_ADDRESS = "127.0.0.3"
RESET_PEAK = "5"
"""What makes Linux count the largest resident memory anew; see proc(5), clear_refs."""


class Front:
    """Watches the front of `daemon`; `peak` is the largest resident memory since `reset`, bytes."""

    def __init__(self, daemon: LaunchedDaemon) -> None:
        self.peak = 0
        self._daemon = daemon
        self._folder = Path(f"/proc/{daemon.process.pid}")
        self._over = threading.Event()
        self._watcher = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Front:
        (self._folder / "clear_refs").write_text(RESET_PEAK, encoding="ascii")
        self._watcher.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        self._watcher.join()

    def _watch(self) -> None:
        while not self._over.wait(EVERY_SECONDS):
            with contextlib.suppress(OSError, StopIteration):
                self._look()

    def _look(self) -> None:
        lines = (self._folder / "status").read_text(encoding="ascii").splitlines()
        line = next(line for line in lines if line.startswith("VmHWM:"))
        self.peak = max(self.peak, int(line.split()[1]) * 1024)

    @property
    def resident(self) -> int | None:
        """Its memory now, in bytes; None if it has ended."""
        return (
            None if self._daemon.process.poll() is not None else resident(self._daemon.process.pid)
        )

    @property
    def fate(self) -> str:
        """Whether it is the same process, or what ended it."""
        status = self._daemon.process.poll()
        if status is None:
            return "the same"
        return signal.Signals(-status).name if status < 0 else f"exit {status}"

    def engines_lost(self) -> int | None:
        """By its own count; None if it does not answer.

        Asked from another address than the attacker's, which the front may have blocked.
        """
        where = urlsplit(self._daemon.metrics_url)
        source = (OTHER_ADDRESS, 0)
        asking = HTTPConnection(str(where.hostname), where.port, 5, source_address=source)
        with contextlib.closing(asking), contextlib.suppress(OSError, HTTPException):
            asking.request("GET", where.path)
            page = asking.getresponse().read().decode()
            return int(sum(map(float, LOST.findall(page))))
        return None
