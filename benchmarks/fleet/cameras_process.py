"""Cameras by the shipped client that are measured: what they see, and what all processes need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from edgesegd.bench.asked_process import AskedProcess
from fleet import real_cameras
from fleet.camera import Seen
from fleet.simulation import Outcome


@dataclass(frozen=True)
class Measured:
    """What cameras saw, and the seconds of each stage of each result (`real_cameras.STAGES`).

    `cpu` are seconds of CPU time that each of the given groups of processes needed in that time,
    and last that of the cameras; `all_cpu` is that of all programs of the machine.
    """

    outcome: Outcome
    stages: list[list[float]]
    cpu: list[float]
    all_cpu: float

    @property
    def others(self) -> float:
        """How many cores other programs used; the kernel counts as one of them."""
        return max(0.0, self.all_cpu - sum(self.cpu)) / self.outcome.seconds

    @property
    def frames(self) -> int:
        """All that were due."""
        return sum(seen.frames for seen in self.outcome.cameras)

    @property
    def results(self) -> int:
        """All results."""
        return sum(len(seen.latencies) for seen in self.outcome.cameras)


class RealCameras(AskedProcess):
    """Cameras in their phases, all streams of one client."""

    def __init__(self, address: str, jpeg: Path, fps: float, phases: Sequence[float]) -> None:
        super().__init__(real_cameras.__file__, address, jpeg, fps, *phases)

    def measure(self, seconds: float, processes: Sequence[Sequence[int]] = ()) -> Measured:
        """The next seconds; `processes` are groups of process ids whose CPU time is measured.

        Raises RuntimeError if a frame fails, or one of these processes ends.
        """
        before = [sum(map(_cpu_seconds, group)) for group in processes]
        all_before = _all_cpu_seconds()
        self.ask(seconds)
        found = self.answer()
        all_cpu = _all_cpu_seconds() - all_before
        cpu = [
            sum(map(_cpu_seconds, group)) - earlier
            for group, earlier in zip(processes, before, strict=True)
        ]
        cameras = found["cameras"]
        seen = tuple(Seen(each["frames"], each["latencies"], each["ages"]) for each in cameras)
        stages = [stages for each in cameras for stages in each["stages"]]
        return Measured(Outcome(seconds, seen), stages, [*cpu, found["cpu"]], all_cpu)


def _cpu_seconds(pid: int) -> float:
    try:
        times = psutil.Process(pid).cpu_times()
    except psutil.NoSuchProcess:
        raise RuntimeError(f"process {pid} ended while it was measured") from None
    return float(times.user + times.system)


def _all_cpu_seconds() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - _guests(times))


def _guests(times: object) -> float:
    """Linux counts the time of virtual machines twice: as user's or nice, and as guests'."""
    return float(getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0))
