"""The naive pipeline in a separate process: `python -m edgesegd.bench.naive_process`.

In a process that does much else, its allocations take half as long again. The first line of its
input is a JSON object with what to run. Each further line is a number of frames; the answer is the
seconds of that many frames and of that many bare invokes.
"""

from __future__ import annotations

import base64
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

from edgesegd.bench.asked_process import AskedProcess
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.naive import NaivePipeline
from edgesegd.models.reading import read_model

METHODS = ("naive", "invoke")


class NaiveProcess(AskedProcess):
    """Runs the naive pipeline within a `with` block."""

    def __init__(self, inputs: Inputs, threads: int, runtime: str) -> None:
        super().__init__("-m", "edgesegd.bench.naive_process")
        self.ask(
            {
                "model": str(inputs.model.path),
                "threads": threads,
                "runtime": runtime,
                "jpeg": base64.b64encode(inputs.jpeg).decode(),
            }
        )

    def seconds(self, frames: int) -> dict[str, list[float]]:
        """The seconds of frames and of bare invokes; raises RuntimeError if the process ended."""
        self.ask(frames)
        found: dict[str, list[float]] = self.answer()
        return found


def main() -> None:
    """Answer the lines of stdin."""
    wanted = json.loads(sys.stdin.readline())
    naive = NaivePipeline(
        read_model(Path(wanted["model"])), wanted["threads"], runtime=wanted["runtime"]
    )
    jpeg = base64.b64decode(wanted["jpeg"])
    actions: tuple[Callable[[], object], ...] = (lambda: naive(jpeg), naive.interpreter.invoke)
    for line in sys.stdin:
        found: dict[str, list[float]] = {}
        for method, action in zip(METHODS, actions, strict=True):
            found[method] = []
            for _ in range(int(line)):
                started = time.perf_counter()
                action()
                found[method].append(time.perf_counter() - started)
        sys.stdout.write(f"{json.dumps(found)}\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
