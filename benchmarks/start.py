"""The time from `edgesegd serve` to the first result, with and without a remembered choice."""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.wire import async_stub

PROBE_SECONDS = 120.0


async def first_result(address: str, jpeg: bytes) -> None:
    """Segment one frame."""
    async with grpc.aio.insecure_channel(address) as channel:
        request = pb.SegmentImageRequest(frame=pb.Frame(data=jpeg))
        await async_stub(channel).SegmentImage(request)


def time_start(inputs: Inputs, folder: Path) -> tuple[float, LaunchedDaemon]:
    """Seconds from the command to the first result, and the daemon, which keeps running."""
    started = time.perf_counter()
    daemon = LaunchedDaemon(f"--model={inputs.model.path}", f"--data-dir={folder}")
    asyncio.run(first_result(daemon.address, inputs.jpeg))
    return time.perf_counter() - started, daemon


def wait_for_choice(folder: Path) -> float:
    """Seconds until the daemon has chosen; polled, because only the file shows it."""
    started = time.perf_counter()
    while not list((folder / "state").glob("delegates-*.json")):
        if time.perf_counter() - started > PROBE_SECONDS:
            raise SystemExit(f"no choice was made in {PROBE_SECONDS:g} s")
        time.sleep(0.05)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="starts of each kind (default: 5)")
    args = parser.parse_args()
    # An installed daemon has compiled modules, which this would forbid to keep.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as name:
        time_start(inputs, Path(name))[1].stop()
    fresh, remembered, probes = [], [], []
    for _ in range(args.rounds):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            seconds, daemon = time_start(inputs, folder)
            fresh.append(seconds)
            probes.append(wait_for_choice(folder))
            daemon.stop()
            seconds, daemon = time_start(inputs, folder)
            remembered.append(seconds)
            daemon.stop()
    print(
        f"{inputs.names}; {args.rounds} starts of each kind, from the command to the first result"
    )
    for what, seconds_of in (
        ("nothing remembered, on the CPU", fresh),
        ("  then until the probe is done", probes),
        ("with a remembered choice", remembered),
    ):
        median = statistics.median(seconds_of)
        print(f"{what}: {median:.2f} s ({min(seconds_of):.2f} to {max(seconds_of):.2f})")


if __name__ == "__main__":
    main()
