"""Streams at three times the daemon's capacity, under LATEST: latency must not grow.

Prints the p99 of the results' latency as a ratio to the unloaded p50, with one stream and with
several that share the load, and whether memory stays the same. Capacity is measured first, with
four frames in flight under EVERY. Several streams have different phases, as cameras have, which are
drawn anew in each round. Also prints the smallest and the largest share of a stream.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import statistics
from collections import Counter

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import resident
from edgesegd.bench.streams import OneInFlight, TimedStream, frames_per_second

OVERLOAD = 3.0
FRAMES_EACH = 75
"""Of a stream, at least: about 25 results."""


async def one_round(
    channel: grpc.aio.Channel, inputs: Inputs, streams: int, frames: int
) -> tuple[float, float, str]:
    """The ratio in the first and the second half of the frames, and details as text."""
    p50 = await OneInFlight(channel).median_seconds(pb.Frame(data=inputs.jpeg), 100)
    capacity = await frames_per_second(channel, inputs.jpeg, 100, 4)
    interval = streams / capacity / OVERLOAD
    each = max(frames // streams, FRAMES_EACH)
    timed = [
        TimedStream(channel, inputs.jpeg, policy=pb.QUEUE_POLICY_LATEST, interval=interval)
        for _ in range(streams)
    ]
    await asyncio.gather(
        *(stream.run(each, phase=random.random()) for stream in timed)  # noqa: S311
    )
    # The last frame of a stream is left out: there is no newer one to take its place.
    runs = [each.latencies[:-1] for each in timed]
    early = [spent for run in runs for spent in run[: len(run) // 2]]
    late = [spent for run in runs for spent in run[len(run) // 2 :]]
    statuses = sum((stream.statuses for stream in timed), Counter[str]())
    details = ", ".join(f"{count} {name}" for name, count in sorted(statuses.items()))
    shares = [len(stream.latencies) for stream in timed]
    details += f"; a stream had {min(shares)} to {max(shares)} results"
    return p99(early) / p50, p99(late) / p50, f"capacity {capacity:.0f}/s; {details}"


def p99(seconds: list[float]) -> float:
    """The 99th percentile."""
    return sorted(seconds)[int(len(seconds) * 0.99)]


async def measure(frames: int, rounds: int, streams: list[int]) -> None:
    """Run and print."""
    inputs = load_inputs()
    print(f"{inputs.names}; {frames} frames a round or more, at {OVERLOAD:g} x capacity, LATEST")
    with LaunchedDaemon(f"--model={inputs.model.path}", "--delegate=cpu") as daemon:
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            await frames_per_second(channel, inputs.jpeg, 20, 4)
            for count in streams:
                found = []
                for number in range(rounds):
                    early, late, details = await one_round(channel, inputs, count, frames)
                    found.append(max(early, late))
                    memory = resident(daemon.process.pid) / 1e6, resident(daemon.engine_pid) / 1e6
                    print(
                        f"{count} streams, round {number + 1}: p99 / unloaded p50 {early:.2f} in "
                        f"the first half, {late:.2f} in the second; {details}; "
                        f"memory front {memory[0]:.0f} MB, engine {memory[1]:.0f} MB"
                    )
                print(
                    f"{count} streams: p99 overloaded / p50 unloaded: "
                    f"{statistics.median(found):.2f} ({min(found):.2f} to {max(found):.2f})"
                )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=3000, help="least frames a round (3000)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument(
        "--streams", type=int, nargs="+", default=[1, 8, 32], help="streams (default: 1 8 32)"
    )
    args = parser.parse_args()
    asyncio.run(measure(args.frames, args.rounds, args.streams))


if __name__ == "__main__":
    main()
