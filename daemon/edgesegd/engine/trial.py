"""A delegate tried in a process of its own: `python -m edgesegd.engine.trial SOCKET_FD`.

Its order comes on the socket. There it says, a JSON object a line, which stage it enters and what
each invoke took, then what it measured or why it cannot; so that its parent knows where it crashed
or hung.
"""

from __future__ import annotations

import os
import resource
import socket
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
from PIL import Image

from edgesegd.core.codec import Picture
from edgesegd.core.errors import EdgesegError
from edgesegd.core.geometry import fit
from edgesegd.core.messages import error_message, from_line, to_line
from edgesegd.core.model.reading import read_same_model
from edgesegd.core.model.spec import ModelSpec
from edgesegd.core.options import ResizePolicy
from edgesegd.core.preprocess import Preprocessor, resize_picture
from edgesegd.core.scenes import draw_scene
from edgesegd.core.trial import Measured, TrialOrder
from edgesegd.engine.comparison import Masks, Outputs, agreement, compare_values
from edgesegd.engine.load import Loaded, load_model
from edgesegd.engine.orphan import die_with_parent
from edgesegd.engine.runtime import load_runtime

PROBE_SEEDS = (101, 102, 103, 104)
"""Drawn scenes: the same on every board."""
LEAST_INVOKES, ENOUGH_INVOKES, MOST_INVOKES = 2, 5, 30
TIMED_SECONDS = 2.0
"""Warm invokes are timed until enough are and this time is reached, or the most."""
LONGEST_TIMED_SECONDS = 10.0
"""Where an invoke takes seconds the least are enough, if one more would take longer than that."""

Say = Callable[..., None]
"""Sends the parent a message of its keyword arguments."""


def main(socket_fd: int) -> None:
    """Try what is ordered."""
    with socket.socket(fileno=socket_fd) as link, link.makefile("rwb") as lines:
        die_with_parent(link)

        def say(**message: object) -> None:
            lines.write(to_line(message))
            lines.flush()

        order = TrialOrder.from_message(from_line(lines.readline()))
        try:
            say(measured=asdict(run(order, say)))
        except EdgesegError as error:
            say(**error_message(error))


def run(order: TrialOrder, say: Say) -> Measured:
    """Load, compare, time; raises what the loading raises."""
    model = read_same_model(Path(order.model_path), order.model_sha256)
    runtime = load_runtime(order.runtime)
    threads = order.threads or runtime.default_threads()
    loaded = load_model(
        runtime, model, order.delegate, threads, enter=lambda stage: say(stage=stage)
    )
    say(stage="invoke")
    probe = Probe(model, loaded, tell=lambda seconds: say(invoke_seconds=seconds))
    outputs = np.stack([probe.output_of(seed) for seed in PROBE_SEEDS])
    masks = Masks.of(model, outputs)
    if os.fstat(order.reference).st_size == 0:
        masks.save(order.reference)
    expected = Masks.load(order.reference)
    seconds = sorted(probe.time_invokes())
    say(stage="destroy")
    return Measured(
        runtime=str(runtime),
        threads=threads,
        delegated=loaded.delegated,
        operators=loaded.operators,
        adapter=loaded.adapter,
        agreement=agreement(masks, expected),
        **compare_values(masks, expected),
        finite=bool(np.isfinite(outputs).all()),
        seconds_p10=seconds[len(seconds) // 10],
        seconds_p50=statistics.median(seconds),
        seconds_p90=seconds[len(seconds) * 9 // 10],
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )


class Probe:
    """Invokes a loaded model on drawn scenes; `tell` is given the seconds of each invoke."""

    def __init__(self, model: ModelSpec, loaded: Loaded, *, tell: Callable[[float], None]) -> None:
        self._model = model
        self._loaded = loaded
        self._tell = tell
        self._preprocessor = Preprocessor(model)

    def output_of(self, seed: int) -> Outputs:
        """The output tensor for one scene, without the batch dimension."""
        size = self._model.input_size
        scene = Image.fromarray(draw_scene(seed, size).image)
        placed = fit(size, size, ResizePolicy.STRETCH)
        pixels = resize_picture(Picture(scene, size), placed)
        self._preprocessor.to_tensor(pixels, self._loaded.input())
        self._invoke()
        output: Outputs = self._loaded.output()[0].copy()
        return output

    def time_invokes(self) -> list[float]:
        """Seconds of each of some warm invokes."""
        seconds: list[float] = []
        while not is_enough(seconds):
            seconds.append(self._invoke())
        return seconds

    def _invoke(self) -> float:
        started = time.perf_counter()
        self._loaded.invoke()
        seconds = time.perf_counter() - started
        self._tell(seconds)
        return seconds


def is_enough(seconds: Sequence[float]) -> bool:
    """Whether no more invokes need to be timed; `seconds` are those that were."""
    count, total = len(seconds), sum(seconds)
    if count < LEAST_INVOKES:
        return False
    if count >= MOST_INVOKES or total + seconds[-1] > LONGEST_TIMED_SECONDS:
        return True
    return count >= ENOUGH_INVOKES and total >= TIMED_SECONDS


if __name__ == "__main__":
    main(int(sys.argv[1]))
