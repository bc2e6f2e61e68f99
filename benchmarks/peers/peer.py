"""Shared by all peers: a command that serves the naive pipeline, or sends frames to it."""

from __future__ import annotations

import argparse
import functools
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from edgesegd.bench.naive import NaivePipeline
from edgesegd.models.reading import read_model

READY_SECONDS = 60.0

Mask = npt.NDArray[np.uint8]
"""Class ids, H x W."""

Send = Callable[[bytes], bytes]
"""A JPEG file there, the bytes of its mask back; of one thread, over its own connection."""


class WrongMask(Exception):
    """A peer's labels are not those of the naive pipeline."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a peer should serve: the model's file, interpreter threads, workers and its port."""

    model: Path
    threads: int
    workers: int
    port: int


def pipeline(model: str | Path, threads: int) -> Callable[[bytes], Mask]:
    """The naive pipeline, with its class ids in as few bytes as they need."""
    naive = NaivePipeline(read_model(Path(model)), threads)
    return lambda jpeg: naive(jpeg).astype(np.uint8)


def main(serve: Callable[[Wanted], None], connect: Callable[[int], Send]) -> None:
    """The command line of a peer."""
    parser = argparse.ArgumentParser()
    commands = parser.add_subparsers(required=True)
    server = commands.add_parser("serve", help="serve until it is ended")
    server.add_argument("--model", type=Path, required=True)
    server.add_argument("--threads", type=int, default=1)
    server.add_argument("--workers", type=int, default=1)
    server.add_argument("--port", type=int, required=True)
    server.set_defaults(
        run=lambda args: serve(Wanted(args.model, args.threads, args.workers, args.port))
    )
    load = commands.add_parser("load", help="send as many frames as each line of stdin says")
    load.add_argument("--port", type=int, required=True)
    load.add_argument("--jpeg", type=Path, required=True)
    load.add_argument("--mask", type=Path, required=True, help="what each answer must be")
    load.add_argument("--in-flight", type=int, default=4)
    load.set_defaults(run=functools.partial(send_frames, connect))
    args = parser.parse_args()
    args.run(args)


def ready(connect: Callable[[int], Send], port: int, jpeg: bytes, mask: bytes) -> Send:
    """A connection to a server once it answers; raises its last error after READY_SECONDS."""
    give_up = time.monotonic() + READY_SECONDS
    while True:
        try:
            send = connect(port)
            answer = send(jpeg)
            break
        except Exception:  # each library has its own
            if time.monotonic() > give_up:
                raise
            time.sleep(0.5)
    if answer != mask:
        raise WrongMask
    return send


def send_frames(connect: Callable[[int], Send], args: argparse.Namespace) -> None:
    """Print a line when the server is ready, and the frames per second for each line of stdin.

    Such a line is a number of frames.
    """
    jpeg, mask = args.jpeg.read_bytes(), args.mask.read_bytes()
    senders = [ready(connect, args.port, jpeg, mask) for _ in range(args.in_flight)]
    print("ready", flush=True)

    def repeat(send: Send, count: int) -> None:
        for _ in range(count):
            if send(jpeg) != mask:
                raise WrongMask

    with ThreadPoolExecutor(args.in_flight) as pool:
        for line in sys.stdin:
            each = int(line) // args.in_flight
            started = time.perf_counter()
            for done in [pool.submit(repeat, send, each) for send in senders]:
                done.result()
            seconds = time.perf_counter() - started
            print(each * args.in_flight / seconds, flush=True)
