"""How much of the CPU's part hides behind an accelerator's.

The accelerator is a delegate compiled from C that does DeepLab's sums and sleeps. Prints what a
frame takes, with four in flight and with one, as a ratio of the invoke alone: 1 is a part that
hides entirely.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import tempfile
from pathlib import Path

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.streams import OneInFlight, frames_per_second
from edgesegd.launch import LaunchedDaemon

BUILD = Path(__file__).parents[1] / "scripts" / "build-fake-delegate"


async def one_round(address: str, inputs: Inputs) -> tuple[float, float]:
    """Seconds a frame with four in flight, and with one, in invokes."""
    frame = pb.Frame(data=inputs.jpeg)
    async with grpc.aio.insecure_channel(address) as channel:
        one = OneInFlight(channel)
        answers = [await one(frame) for _ in range(20)]
        invoke = statistics.median(answer.timing.invoke_us for answer in answers) / 1e6
        alone = await one.median_seconds(frame, 20)
        together = 1 / await frames_per_second(channel, inputs.jpeg, 60, 4)
    return together / invoke, alone / invoke


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
    for name, values in zip(
        ("four in flight", "one in flight"), zip(*found, strict=True), strict=True
    ):
        print(
            f"{name}: {statistics.median(values):.2f} invokes a frame "
            f"({min(values):.2f} to {max(values):.2f})"
        )


if __name__ == "__main__":
    main()
