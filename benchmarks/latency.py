"""A JPEG to labels over a loopback stream, one in flight, against the naive caller in process.

All three ways run in turn, round by round, so that a machine whose speed drifts changes them
alike. Ratios of medians; below 1 is faster than the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Callable

import grpc.aio
from inputs import Inputs, load_inputs
from naive import NaivePipeline
from wire import async_stub

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.engine.runtime import load_runtime
from edgesegd.launch import LaunchedDaemon


class OneInFlight:
    """Sends a frame when the one before is answered."""

    def __init__(self, channel: grpc.aio.Channel, jpeg: bytes) -> None:
        self._call = async_stub(channel).Segment()
        self._request = pb.SegmentRequest(frame=pb.Frame(data=jpeg))

    async def __call__(self) -> None:
        """One frame there and back."""
        await self._call.write(self._request)
        answer = await self._call.read()
        if not isinstance(answer, pb.SegmentResponse) or answer.status != pb.FRAME_STATUS_OK:
            raise SystemExit(f"a frame failed: {answer}")


async def repeat(count: int, action: Callable[[], object]) -> AsyncIterator[float]:
    """Seconds that each of `count` runs took."""
    for _ in range(count):
        started = time.perf_counter()
        done = action()
        if asyncio.iscoroutine(done):
            await done
        yield time.perf_counter() - started


async def measure(
    inputs: Inputs, threads: int, rounds: int, frames: int
) -> dict[str, list[list[float]]]:
    """Seconds by way, a list for each round."""
    naive = NaivePipeline(inputs.model, threads)
    seconds: dict[str, list[list[float]]] = {"rpc": [], "naive": [], "invoke": []}
    flags = (f"--model={inputs.model.path}", f"--threads={threads}", "--delegate=cpu")
    with LaunchedDaemon(*flags) as daemon:
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            ways: dict[str, Callable[[], object]] = {
                "rpc": OneInFlight(channel, inputs.jpeg),
                "naive": lambda: naive(inputs.jpeg),
                "invoke": naive.interpreter.invoke,
            }
            for number in range(rounds + 1):
                for way, action in ways.items():
                    taken = [spent async for spent in repeat(frames, action)]
                    if number:  # the first round warms up
                        seconds[way].append(taken)
    return seconds


def ratios(seconds: dict[str, list[list[float]]], way: str, other: str) -> list[float]:
    """Median by median, round by round."""
    return [
        statistics.median(one) / statistics.median(two)
        for one, two in zip(seconds[way], seconds[other], strict=True)
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds counted (default: 12)")
    parser.add_argument("--frames", type=int, default=25, help="frames a round (default: 25)")
    parser.add_argument("--threads", type=int, default=0, help="threads (default: the daemon's)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    inputs = load_inputs()
    runtime = load_runtime("auto")
    threads = args.threads or runtime.default_threads()
    seconds = asyncio.run(measure(inputs, threads, args.rounds, args.frames))
    found = {
        f"rpc / {other}": [round(ratio, 3) for ratio in sorted(ratios(seconds, "rpc", other))]
        for other in ("naive", "invoke")
    }
    if args.json:
        print(json.dumps(found))
        return
    print(f"{inputs.names}; {runtime}, {threads} threads; {args.rounds} rounds of {args.frames}")
    for way, by_round in seconds.items():
        whole = sorted(spent for taken in by_round for spent in taken)
        print(
            f"{way:>7}: p50 {whole[len(whole) // 2] * 1e3:6.2f} ms, "
            f"p99 {whole[int(len(whole) * 0.99)] * 1e3:6.2f} ms"
        )
    for name, values in found.items():
        print(
            f"p50 ratio {name}: {statistics.median(values):.2f} "
            f"(rounds: {values[0]:.2f} to {values[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
