"""The naive pipeline in a process of its own: `python -m edgesegd.bench.naive_process`.

In a process that does much besides, its allocations take half as long again. What it is to run
comes as a JSON object in the first line of its input; each further line, a number of frames, is
answered with the seconds of so many, and of as many bare invokes.
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

WAYS = ("naive", "invoke")


class NaiveProcess(AskedProcess):
    """Runs it for the length of a `with` block."""

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
        """Of so many frames, and of as many bare invokes; raises RuntimeError where it ended."""
        self.ask(frames)
        found: dict[str, list[float]] = self.answer()
        return found


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
