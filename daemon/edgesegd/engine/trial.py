"""The trial of a delegate, in a separate process: `python -m edgesegd.engine.trial SOCKET_FD`.

The process reads its order from the socket and answers there, one JSON object per line: each stage
before it begins, the seconds of each invoke, then what it found out, or an error. So its parent
knows where it crashed or hung.
"""

from __future__ import annotations

import os
import resource
import socket
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from edgesegd.core.errors import EdgesegError
from edgesegd.core.options import ResizePolicy
from edgesegd.engine.guard.comparison import Masks, agreement, compare_values
from edgesegd.engine.guard.parent_death import die_with_parent
from edgesegd.engine.guard.sandbox import enter_for_delegate
from edgesegd.engine.pictures import PICTURES, open_picture
from edgesegd.engine.runtimes.load import RunnableModel, load_model
from edgesegd.engine.runtimes.runtime import load_runtime
from edgesegd.imaging.codec import Picture
from edgesegd.imaging.geometry import fit
from edgesegd.imaging.labels import OutputTensor
from edgesegd.imaging.preprocess import Preprocessor, resize_picture
from edgesegd.ipc.messages import error_message, from_line, to_line
from edgesegd.ipc.trial_messages import TrialOrder, TrialResult
from edgesegd.models.reading import read_same_model
from edgesegd.models.spec import ModelSpec

Send = Callable[..., None]
"""Sends the parent a message of its keyword arguments."""


def main(socket_fd: int) -> None:
    """Try the delegate of the order, then invoke once for each further line."""
    with socket.socket(fileno=socket_fd) as connection, connection.makefile("rwb") as lines:
        die_with_parent(connection)

        def send(**message: object) -> None:
            lines.write(to_line(message))
            lines.flush()

        order = TrialOrder.from_message(from_line(lines.readline()))
        try:
            invoke = run(order, send)
            for _ in lines:
                send(invoke_seconds=invoke())
            send(stage="destroy")
        except EdgesegError as error:
            send(**error_message(error))


def run(order: TrialOrder, send: Send) -> Callable[[], float]:
    """Load the model, compare its masks and report.

    Returns a function that invokes once more and returns the seconds. Raises the errors of loading.
    """
    path = Path(order.model_path)
    model = read_same_model(path, order.model_sha256)
    enter_for_delegate(order.delegate, order.sandbox, models=[path])
    runtime = load_runtime(order.runtime)
    threads = order.threads or runtime.default_threads()
    loaded = load_model(
        runtime, model, order.delegate, threads, enter=lambda stage: send(stage=stage)
    )
    send(stage="invoke")
    probe = Probe(model, loaded)
    outputs = np.stack([probe.output_of(path, send) for path in PICTURES])
    masks = Masks.of(model, outputs)
    if os.fstat(order.reference).st_size == 0:
        masks.save(order.reference)
    expected = Masks.load(order.reference)
    result = TrialResult(
        runtime=str(runtime),
        threads=threads,
        delegated=loaded.delegated,
        operators=loaded.operators,
        adapter=loaded.adapter,
        fallback=loaded.fallback,
        agreement=agreement(masks, expected),
        **compare_values(masks, expected),
        finite=bool(np.isfinite(outputs).all()),
        memory=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    )
    send(result=asdict(result))
    return probe.invoke


class Probe:
    """Invokes a loaded model on pictures."""

    def __init__(self, model: ModelSpec, loaded: RunnableModel) -> None:
        self._model = model
        self._loaded = loaded
        self._preprocessor = Preprocessor(model)

    def output_of(self, path: Path, send: Send) -> OutputTensor:
        """The output tensor for one picture."""
        picture = open_picture(path)
        placed = fit(picture.size, self._model.input_size, ResizePolicy.STRETCH)
        pixels = resize_picture(Picture(picture, picture.size), placed)
        self._preprocessor.to_tensor(pixels, self._loaded.input())
        send(invoke_seconds=self.invoke())
        output: OutputTensor = self._loaded.output().copy()
        return output

    def invoke(self) -> float:
        """Run the model on the last picture; returns how many seconds that took."""
        started = time.perf_counter()
        self._loaded.invoke()
        return time.perf_counter() - started


if __name__ == "__main__":
    main(int(sys.argv[1]))
