"""Measures on this machine what a frame costs: the service times of the simulation.

Each cost is measured under load, because processes that wake up for each frame are slower, and
processes that share cores are slower too.
"""

from __future__ import annotations

import math
import os
import platform
import statistics
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from fleet.cameras_process import Measured, RealCameras
from fleet.real_cameras import STAGES
from fleet.service_times import ServiceTimes

FPS = 30.0
IDLE_FPS = 15.0
"""Of the camera that finds the daemon idle."""
SETTLE_SECONDS = 4.0
"""Until engines, caches and connections are warm."""
OVERLOADS = 1.5, 4.0
"""Loads as a ratio to what the machine can do. With both it is always busy, so that what a frame
costs is the same, and more or fewer frames are superseded."""
QUANTILES = 50
"""Enough for a tail: the slowest of a hundred frames is in the last one."""


def measure(
    inputs: Inputs, jpeg: Path, flags: Sequence[str], *, seconds: float, daemons: int = 1
) -> ServiceTimes:
    """The costs of a frame here, by daemons with `flags`; `jpeg` is the file with the picture.

    Under load, `daemons` share the machine: one with an engine for each core, or several with one
    engine each, whose fronts wake up for fewer frames at a time, so that each costs more. Takes
    about five times `seconds` and a minute. Raises RuntimeError if a frame fails.
    """
    cores = len(os.sched_getaffinity(0))
    with LaunchedDaemon(*flags, "--optimize=latency", "--threads=1") as daemon:
        idle = _one_camera(daemon, jpeg, seconds)
    with LaunchedDaemon(*flags, "--optimize=latency") as daemon:
        parallel = _cameras([daemon], jpeg, 2 * cores, seconds)
    stages = _median_stages(idle)
    alone = sum(stages.values())
    most = cores * idle.results / sum(idle.cpu) / FPS
    with busy_daemons(flags, daemons) as launched:
        fewer, more = (
            _cameras(launched, jpeg, max(2, math.ceil(load * most)), seconds) for load in OVERLOADS
        )
    front_frame, front_result = _split(idle, fewer, more, 0)
    client_frame, client_result = _split(idle, fewer, more, 2)
    # Under load a frame takes more CPU time than in an idle engine.
    loaded = (fewer.cpu[1] + more.cpu[1]) / (fewer.results + more.results) / alone
    serial, invoke = (alone - stages["invoke"]) * loaded, stages["invoke"] * loaded
    known = front_frame + front_result + client_frame + client_result
    totals = [sum(each) for each in idle.stages]
    mean = statistics.fmean(totals)
    latencies = idle.outcome.cameras[0].latencies
    return ServiceTimes(
        machine=f"{platform.machine()}, {cores} cores",
        inputs=inputs.names,
        cores=cores,
        frame_bytes=len(inputs.jpeg),
        front_frame=front_frame,
        front_result=front_result,
        client_frame=client_frame,
        client_result=client_result,
        serial=serial,
        invoke=invoke,
        invoke_all_cores=max(invoke, parallel.cpu[1] / parallel.results - serial),
        wake_ups=_quantiles(
            max(0.0, latency - known - total)
            for latency, total in zip(latencies, totals, strict=True)
        ),
        others=max(each.others for each in (idle, fewer, more)),
        spread=_quantiles(total / mean for total in totals),
        stages=stages,
    )


@contextmanager
def busy_daemons(flags: Sequence[str], count: int) -> Iterator[list[LaunchedDaemon]]:
    """One daemon with an engine for each core, or several with one engine of one thread each."""
    more = ["--optimize=throughput"] if count == 1 else ["--optimize=latency", "--threads=1"]
    with ExitStack() as stack:
        yield [stack.enter_context(LaunchedDaemon(*flags, *more)) for _ in range(count)]


def _one_camera(daemon: LaunchedDaemon, jpeg: Path, seconds: float) -> Measured:
    """A camera that finds the daemon idle with each frame."""
    return _watch([daemon], RealCameras(daemon.address, jpeg, IDLE_FPS, [0.0]), seconds)


def _cameras(daemons: Sequence[LaunchedDaemon], jpeg: Path, count: int, seconds: float) -> Measured:
    """Cameras at the daemons in turn, whose phases are at equal distances."""
    address = ",".join(daemon.address for daemon in daemons)
    phases = [number / count for number in range(count)]
    return _watch(daemons, RealCameras(address, jpeg, FPS, phases), seconds)


def _watch(daemons: Sequence[LaunchedDaemon], cameras: RealCameras, seconds: float) -> Measured:
    """What the cameras see; with the CPU time of the fronts, the engines and the cameras."""
    with cameras:
        cameras.measure(SETTLE_SECONDS)
        fronts = [daemon.process.pid for daemon in daemons]
        engines = [pid for daemon in daemons for pid in daemon.engine_pids]
        measured = cameras.measure(seconds, [fronts, engines])
    if not measured.results:
        raise RuntimeError(f"no result in {seconds} s")
    return measured


def _median_stages(measured: Measured) -> dict[str, float]:
    columns = zip(*measured.stages, strict=True)
    return {name: statistics.median(column) for name, column in zip(STAGES, columns, strict=True)}


def _quantiles(values: Iterable[float]) -> tuple[float, ...]:
    """QUANTILES of them, at equal distances."""
    ordered = sorted(values)
    return tuple(
        ordered[(2 * number + 1) * len(ordered) // (2 * QUANTILES)] for number in range(QUANTILES)
    )


def _split(idle: Measured, fewer: Measured, more: Measured, process: int) -> tuple[float, float]:
    """The CPU time of a process for each frame, and for each result in addition.

    Two loads with different shares of results give two equations. On a machine that is disturbed
    they may give nonsense: a result costs at most what a frame with a result costs in an idle
    daemon, and not less than nothing.
    """
    frames, results = (fewer.frames, more.frames), (fewer.results, more.results)
    used = (fewer.cpu[process], more.cpu[process])
    determinant = frames[0] * results[1] - frames[1] * results[0]
    alone = idle.cpu[process] / idle.results
    found = (frames[0] * used[1] - frames[1] * used[0]) / determinant if determinant else alone
    each_result = min(max(found, 0.0), alone)
    return max(0.0, (sum(used) - each_result * sum(results)) / sum(frames)), each_result
