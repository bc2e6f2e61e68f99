"""The naive pipeline in a process of its own: `python -m edgesegd.bench.naive_process`.

In a process that does much besides, its allocations take half as long again. What it is to run
comes as a JSON object in the first line of its input; each further line, a number of frames, is
answered with the seconds of so many, and of as many bare invokes.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.naive import NaivePipeline
from edgesegd.core.model.reading import read_model

WAYS = ("naive", "invoke")


class NaiveProcess:
    """Runs it for the length of a `with` block."""

    def __init__(self, inputs: Inputs, threads: int, runtime: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "edgesegd.bench.naive_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(
            {
                "model": str(inputs.model.path),
                "threads": threads,
                "runtime": runtime,
                "jpeg": base64.b64encode(inputs.jpeg).decode(),
            }
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def seconds(self, frames: int) -> dict[str, list[float]]:
        """Of so many frames, and of as many bare invokes; raises RuntimeError where it ended."""
        self._say(frames)
        line = self._process.stdout.readline() if self._process.stdout else ""
        if not line:
            raise RuntimeError("the naive pipeline ended; it said why above")
        found: dict[str, list[float]] = json.loads(line)
        return found

    def _say(self, message: object) -> None:
        if self._process.stdin is not None:
            self._process.stdin.write(f"{json.dumps(message)}\n")
            self._process.stdin.flush()


def main() -> None:
    """Answer what is asked."""
    wanted = json.loads(sys.stdin.readline())
    naive = NaivePipeline(
        read_model(Path(wanted["model"])), wanted["threads"], runtime=wanted["runtime"]
    )
    jpeg = base64.b64decode(wanted["jpeg"])
    actions: tuple[Callable[[], object], ...] = (lambda: naive(jpeg), naive.interpreter.invoke)
    for line in sys.stdin:
        found: dict[str, list[float]] = {}
        for way, action in zip(WAYS, actions, strict=True):
            found[way] = []
            for _ in range(int(line)):
                started = time.perf_counter()
                action()
                found[way].append(time.perf_counter() - started)
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
