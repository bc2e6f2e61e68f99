"""Measures all figures of this board, as ratios within one run if possible."""

from __future__ import annotations

import asyncio
import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.latency import Latency, measure_latency
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import measure_shared, resident
from edgesegd.bench.recovery import seconds_to_recover
from edgesegd.bench.shipped_client import ShippedClient
from edgesegd.bench.streams import OneInFlight, TimedStream
from edgesegd.board.threads import count_cores
from edgesegd.engine.runtimes.runtime import load_runtime

IN_FLIGHT = 4
SETTLE_SECONDS = 5.0
"""Time with several frames in flight until the daemon knows whether several engines do more."""
COUNTED_FRAMES = 60
CAMERA_FPS = 15
OVERLOAD = 3.0
CPU_INFO = Path("/proc/cpuinfo")


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure: the median of several rounds, and the lowest and the highest of them."""

    name: str
    against: str
    aim: str
    unit: str
    median: float
    low: float
    high: float

    @classmethod
    def of(cls, name: str, against: str, aim: str, values: list[float], unit: str = "") -> Figure:
        """The figure of some rounds."""
        return cls(name, against, aim, unit, statistics.median(values), min(values), max(values))


def board_facts(inputs: Inputs, runtime: str, threads: int) -> dict[str, object]:
    """The facts on which the figures depend."""
    processor = platform.processor() or platform.machine()
    if CPU_INFO.exists():
        for line in CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Model", "Hardware")):
                processor = line.partition(":")[2].strip()
                break
    return {
        "machine": platform.machine(),
        "processor": processor,
        "cores": count_cores(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "runtime": str(load_runtime(runtime)),
        "threads": threads,
        "model": inputs.model.name,
        "inputs": inputs.names,
    }


async def measure_board(
    inputs: Inputs,
    flags: Sequence[str],
    runtime: str,
    threads: int,
    *,
    rounds: int,
    announce: Callable[[str], None] = lambda _: None,
) -> AsyncIterator[Figure]:
    """Measure a daemon that is started with `flags`; yields each figure when it is known.

    The naive pipeline uses the same `runtime`. `announce` is called with what is measured next.
    """
    flags = [*flags, f"--model={inputs.model.path}"]
    with tempfile.TemporaryDirectory() as folder:
        socket, jpeg = f"{folder}/grpc.sock", Path(folder) / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        announce("start")
        started = time.perf_counter()
        with LaunchedDaemon(*flags, f"--listen=unix://{socket}") as daemon:
            async with grpc.aio.insecure_channel(daemon.address) as channel:
                await OneInFlight(channel)(pb.Frame(data=inputs.jpeg))
                first = time.perf_counter() - started
                announce("latency")
                latency = await measure_latency(
                    *(daemon.address, inputs, jpeg, threads),
                    runtime=runtime,
                    rounds=rounds,
                    frames=20,
                )
                for figure in _one_frame(latency):
                    yield figure
                announce("frames a second")
                rates = await asyncio.to_thread(_rates, daemon.address, jpeg, rounds)
                yield Figure.of(f"frames, {IN_FLIGHT} in flight", "", "", rates, "frames/s")
                alone = [1 / statistics.median(each) for each in latency.rounds["naive"]]
                yield Figure.of(
                    f"frames/s, {IN_FLIGHT} in flight",
                    "the naive pipeline, one after another",
                    "",
                    [rate / naive for rate, naive in zip(rates, alone, strict=True)],
                )
                for figure in _against_naive(latency):
                    yield figure
                announce("overload")
                p50 = statistics.median(map(statistics.median, latency.rounds["client"]))
                yield Figure.of(
                    f"p99 at {OVERLOAD:g} x capacity, LATEST",
                    "the unloaded p50",
                    "≤ 2.5",
                    [
                        await _overloaded(channel, inputs, statistics.median(rates)) / p50
                        for _ in range(rounds)
                    ],
                )
                announce("memory")
                front, engine = resident(daemon.process.pid), resident(daemon.engine_pid)
                yield Figure.of("memory of the front", "", "≤ 48", [front / 1e6], "MB")
                yield Figure.of("memory of the engine", "", "≤ 80", [engine / 1e6], "MB")
            if hasattr(os, "memfd_create"):
                announce("shared memory")
                shared = await measure_shared(socket, inputs, rounds=rounds, frames=10)
                yield Figure.of(
                    "raw 1080p in shared memory, outside invoke",
                    "the same in its message",
                    "≤ 0.25",
                    [a / b for a, b in zip(shared["shared"], shared["message"], strict=True)],
                )
            yield Figure.of("start to first result", "", "≤ 0.5", [first], "s")
            announce("recovery")
            gaps = [await seconds_to_recover(daemon, inputs.jpeg, 40) for _ in range(rounds)]
            yield Figure.of("SIGKILL of the engine to next result", "", "≤ 1", gaps, "s")


def _one_frame(latency: Latency) -> Iterator[Figure]:
    """How long one frame takes, in total and by stage; low and high are those of the rounds."""
    whole = [statistics.median(each) * 1e3 for each in latency.rounds["client"]]
    yield Figure.of("one frame, JPEG → labels, Client.segment", "", "", whole, "ms")
    for stage, seconds in latency.stages.items():
        median = statistics.median(seconds) * 1e3
        yield Figure(f"  {stage}", "", "", "ms", median, median, median)
    yield Figure.of("frames, one in flight", "", "", [1e3 / each for each in whole], "frames/s")


def _against_naive(latency: Latency) -> Iterator[Figure]:
    name, naive = "JPEG → labels, Client.segment, p50", "the naive pipeline in its own process"
    yield Figure.of(name, naive, "≤ 0.70", latency.ratios("client", "naive"))
    outside = latency.ratios_outside_invoke("client", "naive")
    yield Figure.of("the same outside the invoke", naive, "≤ 0.42", outside)
    yield Figure.of(name, "a bare invoke", "", latency.ratios("client", "invoke"))


def _rates(address: str, jpeg: Path, rounds: int) -> list[float]:
    """Frames per second with IN_FLIGHT frames, after the daemon has adapted to that load."""
    with ShippedClient(address, jpeg, "stream", IN_FLIGHT) as client:
        settled = time.monotonic() + SETTLE_SECONDS
        while time.monotonic() < settled:
            client.seconds(COUNTED_FRAMES)
        return [COUNTED_FRAMES / sum(client.seconds(COUNTED_FRAMES)) for _ in range(rounds)]


async def _overloaded(channel: grpc.aio.Channel, inputs: Inputs, rate: float) -> float:
    """The p99 latency of the frames that were delivered, seconds."""
    stream = TimedStream(
        channel, inputs.jpeg, policy=pb.QUEUE_POLICY_LATEST, interval=1 / (OVERLOAD * rate)
    )
    await stream.run(300)
    return sorted(stream.latencies)[int(len(stream.latencies) * 0.99)]


def as_json(facts: dict[str, object], figures: list[Figure]) -> dict[str, object]:
    """The figures as JSON values; `schema` changes when anything here changes."""
    return {
        "schema": 3,
        "board": facts,
        "verdict": verdict(figures),
        "figures": [asdict(figure) for figure in figures],
    }


def verdict(figures: Sequence[Figure]) -> str:
    """How fast the board is, in one line."""
    by_unit = {unit: [each for each in figures if each.unit == unit] for unit in ("ms", "frames/s")}
    whole, rate = by_unit["ms"][0].median, max(each.median for each in by_unit["frames/s"])
    cameras = int(rate // CAMERA_FPS)
    enough = (
        f"enough for {cameras} camera{'s' * (cameras != 1)} of {CAMERA_FPS} frames/s"
        if cameras
        else f"not enough for a camera of {CAMERA_FPS} frames/s, of which the newest are taken"
    )
    return f"{whole:.1f} ms a frame, {rate:.1f} frames/s with {IN_FLIGHT} in flight: {enough}"


def default_threads(runtime: str) -> int:
    """The number of threads that the daemon uses before anything was measured."""
    return load_runtime(runtime).default_threads()


def busy_hint() -> str:
    """What disturbs the figures on this board now; empty for nothing."""
    if not hasattr(os, "getloadavg"):
        return ""
    load = os.getloadavg()[0]
    return f"other work is going on here (load {load:.1f})" if load > count_cores() / 2 else ""
