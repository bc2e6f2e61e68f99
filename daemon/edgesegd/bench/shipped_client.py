"""The shipped client in a separate process: `python -m edgesegd.bench.shipped_client …`.

Its arguments are ADDRESS FILE segment|stream|raw [IN_FLIGHT]. FILE is a JPEG, or for "raw" the
pixels of a frame. A stream has IN_FLIGHT frames in flight, by default one. Each line of its input
is a number of frames. The answer is a JSON object with the seconds of each of that many frames, and
those of each stage of the daemon.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path

import numpy as np

from edgeseg_client import Client, Frame, Result
from edgesegd.bench.asked_process import AskedProcess
from edgesegd.bench.inputs import LARGE

STAGES = ("queued", "decode", "preprocess", "invoke", "labels", "encode")


class ShippedClient(AskedProcess):
    """Sends frames as a user's program does, within a `with` block.

    `method` is "segment", `Client.segment` with one frame at a time, or "stream", `Client.stream`
    of policy "every" with so many frames in flight, or "raw", `Client.segment` with frames of LARGE
    pixels, RGB, in shared memory, into which a camera has written them.
    """

    def __init__(self, address: str, file: Path, method: str, in_flight: int = 1) -> None:
        super().__init__("-m", __name__, address, file, method, in_flight)
        self.method = method

    def seconds(self, frames: int) -> list[float]:
        """The seconds of each frame; of a stream those from answer to answer."""
        return self.measure(frames)[0]

    def measure(self, frames: int) -> tuple[list[float], dict[str, list[float]]]:
        """The seconds of each frame, and those of each stage; raises RuntimeError if it ended."""
        self.ask(frames)
        found = self.answer()
        return found["seconds"], found["stages"]


Timed = Iterator[tuple[float, Result]]


def segment(client: Client, jpeg: bytes, count: int, in_flight: int) -> Timed:
    """Each `Client.segment`, one at a time."""
    del in_flight
    for _ in range(count):
        started = time.perf_counter()
        result = client.segment(jpeg, size="model")
        _ = result.labels
        yield time.perf_counter() - started, result


def stream(client: Client, jpeg: bytes, count: int, in_flight: int) -> Timed:
    """A `Client.stream`, from answer to answer."""
    started = time.perf_counter()
    frames = repeat(Frame(jpeg), count)
    for answer in client.stream(frames, policy="every", in_flight=in_flight, size="model"):
        result = answer.result
        _ = result.labels
        yield time.perf_counter() - started, result
        started = time.perf_counter()


def raw(client: Client, pixels: bytes, count: int, in_flight: int) -> Timed:
    """Each `Client.segment` of a frame buffer; the camera's writing is not counted."""
    del in_flight
    frame = np.frombuffer(pixels, np.uint8).reshape(LARGE[1], LARGE[0], 3)
    for _ in range(count):
        started = time.perf_counter()
        buffer = client.frame_buffer(*LARGE, "rgb")
        took = time.perf_counter() - started
        buffer.array[:] = frame
        started = time.perf_counter()
        result = client.segment(buffer, size="model")
        _ = result.labels
        yield took + time.perf_counter() - started, result


METHODS = {"segment": segment, "stream": stream, "raw": raw}


def main() -> None:
    """Answer each line of the input."""
    address, file, method, in_flight = [*sys.argv[1:], "1"][:4]
    picture = Path(file).read_bytes()
    with Client(address, shared_memory=method == "raw") as client:
        for line in sys.stdin:
            seconds, stages = list[float](), {stage: list[float]() for stage in STAGES}
            for took, result in METHODS[method](client, picture, int(line), int(in_flight)):
                seconds.append(took)
                for stage, found in stages.items():
                    found.append(getattr(result.timing, stage))
            sys.stdout.write(f"{json.dumps({'seconds': seconds, 'stages': stages})}\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()
