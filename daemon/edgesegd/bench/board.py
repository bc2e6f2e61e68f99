"""All figures of this board, each as a ratio of one run where it can be one."""

from __future__ import annotations

import os
import platform
import statistics
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc.aio

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.latency import measure_latency, ratios
from edgesegd.bench.memory import measure_shared, resident
from edgesegd.bench.recovery import seconds_to_recover
from edgesegd.bench.streams import OneInFlight, TimedStream, frames_per_second
from edgesegd.core.threads import count_cores
from edgesegd.engine.runtime import load_runtime
from edgesegd.launch import LaunchedDaemon

IN_FLIGHT = 4
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
    """What the figures depend on."""
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
    """Each figure as it is found, of a daemon that is started with `flags` too.

    The naive pipeline has the same `runtime`. `announce` is told before what is measured.
    """
    flags = [*flags, f"--model={inputs.model.path}", f"--threads={threads}"]
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/grpc.sock"
        announce("start")
        started = time.perf_counter()
        with LaunchedDaemon(*flags, f"--listen=unix://{socket}") as daemon:
            async with grpc.aio.insecure_channel(daemon.address) as channel:
                await OneInFlight(channel)(pb.Frame(data=inputs.jpeg))
                first = time.perf_counter() - started
                yield Figure.of("start to first result", "", "≤ 1.5", [first], "s")
                announce("latency")
                latency = await measure_latency(
                    daemon.address, inputs, threads, runtime=runtime, rounds=rounds, frames=20
                )
                for other, text, aim in (
                    ("naive", "the naive pipeline in process", "≤ 0.65"),
                    ("invoke", "a bare invoke", "≤ 1.4"),
                ):
                    found = ratios(latency, "rpc", other)
                    yield Figure.of("JPEG → labels over gRPC, p50", text, aim, found)
                announce("frames a second")
                rates = [
                    await frames_per_second(channel, inputs.jpeg, 60, IN_FLIGHT)
                    for _ in range(rounds)
                ]
                naive = [1 / statistics.median(each) for each in latency["naive"]]
                yield Figure.of(
                    f"frames/s, {IN_FLIGHT} in flight",
                    "the naive pipeline, one after another",
                    "",
                    [rate / alone for rate, alone in zip(rates, naive, strict=True)],
                )
                announce("overload")
                p50 = statistics.median(statistics.median(each) for each in latency["rpc"])
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
                yield Figure.of("memory of the front", "", "≤ 45", [front / 1e6], "MB")
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
            announce("recovery")
            gaps = [await seconds_to_recover(daemon, inputs.jpeg, 40) for _ in range(rounds)]
            yield Figure.of("SIGKILL of the engine to next result", "", "≤ 1", gaps, "s")


async def _overloaded(channel: grpc.aio.Channel, inputs: Inputs, rate: float) -> float:
    """The p99 latency of the frames that were delivered, seconds."""
    stream = TimedStream(
        channel, inputs.jpeg, policy=pb.QUEUE_POLICY_LATEST, interval=1 / (OVERLOAD * rate)
    )
    await stream.run(300)
    return sorted(stream.latencies)[int(len(stream.latencies) * 0.99)]


def as_json(facts: dict[str, object], figures: list[Figure]) -> dict[str, object]:
    """For programs; `schema` changes when anything here does."""
    return {"schema": 1, "board": facts, "figures": [asdict(figure) for figure in figures]}


def default_threads(runtime: str) -> int:
    """As the daemon chooses where nothing was measured."""
    return load_runtime(runtime).default_threads()


def busy_hint() -> str:
    """What disturbs figures on this board now; empty where nothing does."""
    if not hasattr(os, "getloadavg"):
        return ""
    load = os.getloadavg()[0]
    return f"other work is going on here (load {load:.1f})" if load > count_cores() / 2 else ""
