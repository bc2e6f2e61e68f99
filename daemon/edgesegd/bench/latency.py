"""Measures JPEG to labels over a stream, one in flight, against the naive pipeline in a process.

All of them run in turn, round by round, so that a drift of the machine's speed affects all equally.
"""

from __future__ import annotations

import asyncio
import statistics
import time
from dataclasses import dataclass, field

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.naive_process import NaiveProcess
from edgesegd.bench.streams import OneInFlight

Rounds = dict[str, list[list[float]]]
"""Seconds by way: "rpc", "naive" and "invoke", a list for each round."""

STAGES = ("queued", "decode", "preprocess", "invoke", "labels", "encode")
REST = "front and wire"


@dataclass(slots=True)
class Latency:
    """What was measured; `stages` are the seconds of each stage of each frame over gRPC.

    They include REST: the time that is not spent in the engine.
    """

    rounds: Rounds = field(default_factory=dict)
    stages: dict[str, list[float]] = field(default_factory=dict)

    def ratios(self, way: str, other: str) -> list[float]:
        """The ratio of medians for each round; below 1 if `way` is faster."""
        return [one / two for one, two in zip(*self._medians(way, other), strict=True)]

    def ratios_outside_invoke(self, way: str, other: str) -> list[float]:
        """The same ratio, after the time of a bare invoke is subtracted from both."""
        return [
            (one - bare) / (two - bare)
            for one, two, bare in zip(*self._medians(way, other, "invoke"), strict=True)
        ]

    def _medians(self, *ways: str) -> list[list[float]]:
        return [list(map(statistics.median, self.rounds[way])) for way in ways]


async def measure_latency(
    address: str,
    inputs: Inputs,
    threads: int,
    *,
    rounds: int,
    frames: int,
    runtime: str = "auto",
) -> Latency:
    """Measure how long frames take each way; a first round warms up and is not counted."""
    found = Latency()
    with NaiveProcess(inputs, threads, runtime) as naive:
        async with grpc.aio.insecure_channel(address) as channel:
            one, frame = OneInFlight(channel), pb.Frame(data=inputs.jpeg)
            for number in range(rounds + 1):
                latency = Latency() if number == 0 else found
                await _over_grpc(one, frame, frames, latency)
                for way, seconds in (await asyncio.to_thread(naive.seconds, frames)).items():
                    latency.rounds.setdefault(way, []).append(seconds)
    return found


async def _over_grpc(one: OneInFlight, frame: pb.Frame, count: int, latency: Latency) -> None:
    whole = []
    for _ in range(count):
        started = time.perf_counter()
        timing = (await one(frame)).timing
        whole.append(time.perf_counter() - started)
        stages = {stage: getattr(timing, f"{stage}_us") / 1e6 for stage in STAGES}
        stages[REST] = whole[-1] - sum(stages.values())
        for stage, seconds in stages.items():
            latency.stages.setdefault(stage, []).append(seconds)
    latency.rounds.setdefault("rpc", []).append(whole)
