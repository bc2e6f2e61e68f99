"""The real daemon as users start it: `edgesegd serve` in a process of its own, on free ports."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

READY_SECONDS = 60.0


class RunningDaemon:
    """`address` and `metrics_url` are where it listens; `output` all that it said."""

    def __init__(self, *flags: str, env: Mapping[str, str] | None = None) -> None:
        self.output: list[str] = []
        self._ready = threading.Event()
        self.address = self.metrics_url = ""
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "edgesegd",
                "serve",
                "--listen=127.0.0.1:0",
                "--metrics-listen=127.0.0.1:0",
                *flags,
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._ready.wait(READY_SECONDS) or self.process.poll() is not None:
            self.stop()
            raise AssertionError("the daemon did not start:\n" + "\n".join(self.output))

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.output.append(line.rstrip())
            if line.startswith("listening on ") and not self.address:
                self.address = line.split()[-1]
            elif line.startswith("metrics on "):
                self.metrics_url = line.split()[-1]
            elif " ready: " in line and line.startswith("edgesegd"):
                self._ready.set()
        self._ready.set()

    @property
    def engine_pid(self) -> int | None:
        """The process id of the engine that runs now."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        pids = children.read_text(encoding="ascii").split()
        return int(pids[0]) if pids else None

    def metrics_page(self) -> str:
        """What Prometheus would get now."""
        with urllib.request.urlopen(self.metrics_url, timeout=10) as page:
            text: str = page.read().decode()
        return text

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of that name that carry these labels."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self.metrics_page())
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; the exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.wait()

    def wait(self) -> int:
        """Wait for the end, which something else brought about; the exit status."""
        try:
            status = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            status = self.process.wait()
        self._reader.join(5)
        if self.process.stdout is not None:
            self.process.stdout.close()
        return status
