"""A stream at three times what the daemon can do, under LATEST: latency must not grow.

Prints the p99 of delivered frames' latency as a ratio of the unloaded p50, and whether memory
stays flat. Capacity is measured first, with four frames in flight under EVERY.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import grpc.aio
from inputs import load_inputs
from wire import async_stub

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.launch import LaunchedDaemon

OVERLOAD = 3.0


class Stream:
    """One `Segment` call; remembers when each frame was sent and how each was answered."""

    def __init__(self, channel: grpc.aio.Channel, jpeg: bytes) -> None:
        self._stub = async_stub(channel)
        self._jpeg = jpeg

    async def run(
        self, count: int, policy: pb.QueuePolicy.ValueType, interval: float
    ) -> tuple[list[float], Counter[str], float]:
        """Latencies of delivered frames, frames by status, and the seconds it all took."""
        sent: dict[int, float] = {}

        async def requests() -> AsyncIterator[pb.SegmentRequest]:
            yield pb.SegmentRequest(options=pb.StreamOptions(policy=policy))
            due = time.perf_counter()
            for number in range(count):
                await asyncio.sleep(max(0.0, due - time.perf_counter()))
                sent[number] = time.perf_counter()
                yield pb.SegmentRequest(frame=pb.Frame(id=number, data=self._jpeg))
                due += interval

        latencies, statuses = [], Counter[str]()
        started = time.perf_counter()
        async for answer in self._stub.Segment(requests()):
            statuses[pb.FrameStatus.Name(answer.status).removeprefix("FRAME_STATUS_")] += 1
            if answer.status == pb.FRAME_STATUS_OK:
                latencies.append(time.perf_counter() - sent.pop(answer.frame_id))
        return latencies, statuses, time.perf_counter() - started

    async def unloaded(self, count: int) -> float:
        """The p50 with one frame in flight, seconds."""
        call = self._stub.Segment()
        seconds = []
        for number in range(count):
            started = time.perf_counter()
            await call.write(pb.SegmentRequest(frame=pb.Frame(id=number, data=self._jpeg)))
            await call.read()
            seconds.append(time.perf_counter() - started)
        await call.done_writing()
        return statistics.median(seconds)


def resident(pid: int | None) -> float:
    """Resident memory of a process, MB."""
    pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
    return pages * 4096 / 1e6


async def measure(frames: int, rounds: int) -> None:
    """Run and print."""
    inputs = load_inputs()
    print(f"{inputs.names}; {frames} frames a round at {OVERLOAD:g} x capacity, LATEST")
    with LaunchedDaemon(f"--model={inputs.model.path}", "--delegate=cpu") as daemon:
        async with grpc.aio.insecure_channel(daemon.address) as channel:
            stream = Stream(channel, inputs.jpeg)
            await stream.run(20, pb.QUEUE_POLICY_EVERY, 0)
            found = []
            for number in range(rounds):
                p50 = await stream.unloaded(100)
                _, _, seconds = await stream.run(100, pb.QUEUE_POLICY_EVERY, 0)
                interval = seconds / 100 / OVERLOAD
                latencies, statuses, _ = await stream.run(frames, pb.QUEUE_POLICY_LATEST, interval)
                if statuses.total() != frames:
                    raise SystemExit(f"{statuses.total()} answers to {frames} frames")
                p99 = sorted(latencies)[int(len(latencies) * 0.99)]
                found.append(p99 / p50)
                memory = resident(daemon.process.pid), resident(daemon.engine_pid)
                print(
                    f"round {number + 1}: unloaded p50 {p50 * 1e3:.1f} ms, capacity "
                    f"{100 / seconds:.0f}/s, p99 {p99 * 1e3:.1f} ms, ratio {found[-1]:.2f}; "
                    f"{', '.join(f'{count} {name}' for name, count in sorted(statuses.items()))}; "
                    f"memory front {memory[0]:.0f} MB, engine {memory[1]:.0f} MB"
                )
    print(f"p99 overloaded / p50 unloaded: {statistics.median(found):.2f}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=500, help="frames a round (default: 500)")
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    args = parser.parse_args()
    asyncio.run(measure(args.frames, args.rounds))


if __name__ == "__main__":
    main()
