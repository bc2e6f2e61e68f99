"""`edgeseg mqtt` as users start it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

STOP_SECONDS = 60.0
_COMMAND = "import edgeseg_command; raise SystemExit(edgeseg_command.main())"


class RunningBridge:
    """The command in a process of its own; `output` is the lines of its standard error."""

    def __init__(self, *arguments: str, env: Mapping[str, str] | None = None) -> None:
        self.output: list[str] = []
        self._changed = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _COMMAND, "mqtt", *arguments],
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, **(env or {})},
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.process.poll() is None:
            self.end(signal.SIGKILL)
        self._reader.join()

    def end(self, number: signal.Signals) -> int:
        """Sends a signal and returns the exit status."""
        self.process.send_signal(number)
        return self.wait()

    def wait_for_line(self, part: str) -> None:
        """Waits until a line of its standard error has that part."""
        with self._changed:
            found = self._changed.wait_for(
                lambda: any(part in line for line in self.output), STOP_SECONDS
            )
        assert found, self.output

    def wait(self) -> int:
        """The exit status, once it has ended and all its output is read."""
        status = self.process.wait(STOP_SECONDS)
        self._reader.join()
        return status

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                with self._changed:
                    self.output.append(line.rstrip("\n"))
                    self._changed.notify_all()
