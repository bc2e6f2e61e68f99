"""How much of the CPU's part runs during an accelerator's invoke.

The accelerator is a delegate compiled from C that computes DeepLab's sums and sleeps. Prints the
time of a frame as a ratio to the invoke alone, where 1 means that the CPU's part costs no time:
with four frames in flight (EVERY), with one in flight, and for a camera at three times the capacity
(LATEST), for which it also prints the median latency of its results.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
import time
from pathlib import Path

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.streams import OneInFlight, TimedStream, frames_per_second

NAMES = (
    "invokes a frame, four in flight",
    "invokes a frame, one in flight",
    "invokes a result, a camera over capacity",
    "median latency of the camera's results, in invokes",
)
BUILD = Path(__file__).parents[1] / "scripts" / "build-fake-delegate"


async def camera(channel: grpc.aio.Channel, inputs: Inputs, invoke: float) -> tuple[float, float]:
    """Seconds per result at three times the capacity, and the median latency of the results."""
    stream = TimedStream(channel, inputs.jpeg, policy=pb.QUEUE_POLICY_LATEST, interval=invoke / 3)
    started = time.perf_counter()
    await stream.run(180)
    seconds = time.perf_counter() - started
    return seconds / len(stream.latencies), statistics.median(stream.latencies)


async def one_round(address: str, inputs: Inputs) -> list[float]:
    """The values that NAMES lists, as ratios to an invoke."""
    frame = pb.Frame(data=inputs.jpeg)
    async with grpc.aio.insecure_channel(address) as channel:
        one = OneInFlight(channel)
        answers = [await one(frame) for _ in range(20)]
        invoke = statistics.median(answer.timing.invoke_us for answer in answers) / 1e6
        alone = await one.median_seconds(frame, 20)
        together = 1 / await frames_per_second(channel, inputs.jpeg, 60, 4)
        found = [together, alone, *await camera(channel, inputs, invoke)]
    return [seconds / invoke for seconds in found]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ms", type=int, default=20, help="the delegate sleeps so long (20)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    args = parser.parse_args()
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "libslow.so"
        subprocess.run([str(BUILD), str(library)], check=True)
        delegate = f"--delegate={library}:claim=add,mode=slow,ms={args.ms}"
        with LaunchedDaemon(f"--model={inputs.model.path}", delegate, "--check-every=0") as daemon:
            found = [asyncio.run(one_round(daemon.address, inputs)) for _ in range(args.rounds)]
    print(f"{inputs.names}; a delegate that sleeps {args.ms} ms in each frame")
    for name, values in zip(NAMES, zip(*found, strict=True), strict=True):
        print(f"{name}: {statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})")


if __name__ == "__main__":
    main()
