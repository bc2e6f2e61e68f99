"""Measures the shipped client, one frame in flight, against the naive pipeline.

Both run in processes of their own, as their users write them.

All of them run in turn, round by round, so that a drift of the machine's speed affects all equally.
"""

from __future__ import annotations

import asyncio
import statistics
from dataclasses import dataclass, field
from pathlib import Path

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.naive_process import NaiveProcess
from edgesegd.bench.shipped_client import ShippedClient

Rounds = dict[str, list[list[float]]]
"""Seconds by method: "client", "naive" and "invoke", a list for each round."""

REST = "client, wire and front"


@dataclass(slots=True)
class Latency:
    """What was measured; `stages` are the seconds of each stage of each frame of the client.

    They include REST: the time that is not spent in the engine.
    """

    rounds: Rounds = field(default_factory=dict)
    stages: dict[str, list[float]] = field(default_factory=dict)

    def add_client(self, whole: list[float], stages: dict[str, list[float]]) -> None:
        """Add a round of the client: the seconds of each frame, and of its stages."""
        self.rounds.setdefault("client", []).append(whole)
        rest = [
            all_of_it - sum(parts)
            for all_of_it, *parts in zip(whole, *stages.values(), strict=True)
        ]
        for stage, seconds in {**stages, REST: rest}.items():
            self.stages.setdefault(stage, []).extend(seconds)

    def ratios(self, method: str, other: str) -> list[float]:
        """The ratio of medians for each round; below 1 if `method` is faster."""
        return [one / two for one, two in zip(*self._medians(method, other), strict=True)]

    def ratios_outside_invoke(self, method: str, other: str) -> list[float]:
        """The same ratio, after the time of a bare invoke is subtracted from both."""
        return [
            (one - bare) / (two - bare)
            for one, two, bare in zip(*self._medians(method, other, "invoke"), strict=True)
        ]

    def _medians(self, *methods: str) -> list[list[float]]:
        return [list(map(statistics.median, self.rounds[method])) for method in methods]


async def measure_latency(
    address: str,
    inputs: Inputs,
    jpeg: Path,
    threads: int,
    *,
    rounds: int,
    frames: int,
    runtime: str = "auto",
) -> Latency:
    """Measure how long frames take by each method; a first round warms up and is not counted.

    `jpeg` is a file with the JPEG of `inputs`.
    """
    found = Latency()
    with (
        NaiveProcess(inputs, threads, runtime) as naive,
        ShippedClient(address, jpeg, "segment") as client,
    ):
        for number in range(rounds + 1):
            latency = Latency() if number == 0 else found
            latency.add_client(*await asyncio.to_thread(client.measure, frames))
            for method, seconds in (await asyncio.to_thread(naive.seconds, frames)).items():
                latency.rounds.setdefault(method, []).append(seconds)
    return found
