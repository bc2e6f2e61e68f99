"""A program of clients/examples in a process of its own."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from queue import Queue
from types import TracebackType
from typing import Self

EXAMPLES = Path(__file__).parents[2] / "clients" / "examples"
END_SECONDS = 30.0


class RunningRecipe:
    """Runs a recipe as its docstring says; `output` is what it has printed, errors too.

    As a context manager it is killed at the end, if it has not ended itself.
    """

    def __init__(self, name: str, *arguments: object, env: Mapping[str, str] | None = None) -> None:
        self.output: list[str] = []
        self.process = subprocess.Popen(
            [sys.executable, "-W", "error", EXAMPLES / f"{name}.py", *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
            env={**os.environ, **(env or {})},
        )
        self._lines = Queue[str | None]()
        """What was not looked at yet; None is the end."""
        threading.Thread(target=self._read, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # workers of its own too
        self.wait()

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def wait_for(self, *parts: str, without: str = "\0") -> str:
        """The next line that has all these parts, and not the last one."""
        while (line := self._lines.get()) is not None:
            self.output.append(line)
            if all(part in line for part in parts) and without not in line:
                return line
        self._lines.put(None)
        raise AssertionError("\n".join([f"no line with {parts} came:", *self.output]))

    def wait(self) -> int:
        """Wait for its end; the exit status."""
        self.output += iter(lambda: self._lines.get(timeout=END_SECONDS), None)
        self._lines.put(None)
        return self.process.wait(END_SECONDS)

    def interrupt(self) -> int:
        """End it as Ctrl-C does; the exit status."""
        self.process.send_signal(signal.SIGINT)
        return self.wait()
