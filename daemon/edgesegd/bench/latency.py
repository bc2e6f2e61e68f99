"""A JPEG to labels over a stream, one in flight, against the naive caller in process.

All ways run in turn, round by round, so that a machine whose speed drifts changes them alike.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Callable

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.naive import NaivePipeline
from edgesegd.bench.streams import OneInFlight

Rounds = dict[str, list[list[float]]]
"""Seconds by way: "rpc", "naive" and "invoke", a list for each round."""


async def measure_latency(
    address: str,
    inputs: Inputs,
    threads: int,
    *,
    rounds: int,
    frames: int,
    runtime: str = "auto",
) -> Rounds:
    """What each frame took each way; a first round, which warms up, is left out."""
    naive = NaivePipeline(inputs.model, threads, runtime)
    found: Rounds = {"rpc": [], "naive": [], "invoke": []}
    async with grpc.aio.insecure_channel(address) as channel:
        one, frame = OneInFlight(channel), pb.Frame(data=inputs.jpeg)
        ways: dict[str, Callable[[], object]] = {
            "rpc": lambda: one(frame),
            "naive": lambda: naive(inputs.jpeg),
            "invoke": naive.interpreter.invoke,
        }
        for number in range(rounds + 1):
            for way, action in ways.items():
                taken = await _repeat(frames, action)
                if number:
                    found[way].append(taken)
    return found


async def _repeat(count: int, action: Callable[[], object]) -> list[float]:
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        done = action()
        if asyncio.iscoroutine(done):
            await done
        seconds.append(time.perf_counter() - started)
    return seconds


def ratios(rounds: Rounds, way: str, other: str) -> list[float]:
    """Median by median, round by round; below 1 `way` is faster."""
    return [
        statistics.median(one) / statistics.median(two)
        for one, two in zip(rounds[way], rounds[other], strict=True)
    ]
