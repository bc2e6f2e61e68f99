"""The engine is killed with SIGKILL in mid-stream: how long until the next result."""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import time

import grpc.aio
from inputs import load_inputs

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.wire import async_stub
from edgesegd.launch import LaunchedDaemon


async def kill_once(daemon: LaunchedDaemon, jpeg: bytes, frames: int) -> float:
    """Seconds from the kill to the next result of a stream that goes on."""
    requests = [
        pb.SegmentRequest(options=pb.StreamOptions(policy=pb.QUEUE_POLICY_EVERY)),
        *(pb.SegmentRequest(frame=pb.Frame(id=number, data=jpeg)) for number in range(frames)),
    ]
    killed, gap, answered = 0.0, 0.0, 0
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        stub = async_stub(channel)
        async for answer in stub.Segment(iter(requests)):
            answered += 1
            if killed and not gap and answer.status == pb.FRAME_STATUS_OK:
                gap = time.perf_counter() - killed
            if answer.frame_id == frames // 2 and daemon.engine_pid is not None:
                killed = time.perf_counter()
                os.kill(daemon.engine_pid, signal.SIGKILL)
    if answered != frames:
        raise SystemExit(f"{answered} answers to {frames} frames")
    return gap


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="times (default: 10)")
    parser.add_argument("--frames", type=int, default=60, help="frames a stream (default: 60)")
    args = parser.parse_args()
    inputs = load_inputs()
    with LaunchedDaemon(f"--model={inputs.model.path}", "--delegate=cpu") as daemon:
        gaps = [asyncio.run(kill_once(daemon, inputs.jpeg, args.frames)) for _ in range(args.kills)]
    print(f"{inputs.names}; the engine killed {args.kills} times, each time in a stream of its own")
    print(
        f"next result after {statistics.median(gaps):.2f} s "
        f"({min(gaps):.2f} to {max(gaps):.2f}); every frame was answered"
    )


if __name__ == "__main__":
    main()
