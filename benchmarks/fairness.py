"""A slow stream among fast ones: its frames must be answered.

A camera with 5 frames per second (LATEST) competes with eight streams that send as fast as they can
(EVERY). Prints the share of the camera's frames that had a result, and how the other streams shared
the remaining time.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.streams import TimedStream

FPS = 5.0


async def one_round(
    channel: grpc.aio.Channel, inputs: Inputs, greedy: int, frames: int
) -> tuple[float, float, list[int]]:
    """The share of frames with a result, the camera's p99 latency, results of each fast stream."""
    every, latest = pb.QUEUE_POLICY_EVERY, pb.QUEUE_POLICY_LATEST
    others = [TimedStream(channel, inputs.jpeg, policy=every, interval=0) for _ in range(greedy)]
    tasks = [asyncio.create_task(stream.run(1_000_000)) for stream in others]
    camera = TimedStream(channel, inputs.jpeg, policy=latest, interval=1 / FPS)
    await camera.run(frames)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    p99 = sorted(camera.latencies)[int(len(camera.latencies) * 0.99)]
    return camera.statuses["OK"] / frames, p99, [stream.statuses["OK"] for stream in others]


async def measure(greedy: int, frames: int, rounds: int) -> None:
    """Run and print."""
    inputs = load_inputs()
    print(
        f"{inputs.names}; {FPS:g} frames/s, {greedy} streams as fast as they can, {frames} frames"
    )
    shares = []
    with LaunchedDaemon(f"--model={inputs.model.path}", "--delegate=cpu") as daemon:
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            for number in range(rounds):
                share, p99, others = await one_round(channel, inputs, greedy, frames)
                shares.append(share)
                print(
                    f"round {number + 1}: {share:.0%} answered with a result, p99 "
                    f"{p99 * 1e3:.0f} ms; the others {min(others)} to {max(others)} results"
                )
    print(f"answered: {statistics.median(shares):.0%} ({min(shares):.0%} to {max(shares):.0%})")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--greedy", type=int, default=8, help="streams as fast as they can (default: 8)"
    )
    parser.add_argument("--frames", type=int, default=50, help="camera's frames (default: 50)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    args = parser.parse_args()
    asyncio.run(measure(args.greedy, args.frames, args.rounds))


if __name__ == "__main__":
    main()
