"""Simulates boards and cameras for a while, in time that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from random import Random

from fleet.board import Optimize, SimulatedBoard
from fleet.camera import Link, Seen, SimulatedCamera
from fleet.service_times import ServiceTimes
from fleet.shared_cores import Process, SharedCores
from fleet.virtual_loop import VirtualLoop

WARM_SECONDS = 3.0
"""Before anything is recorded: by then the daemon has chosen its engines."""


@dataclass(frozen=True)
class Setting:
    """What serves the cameras, and their rate: `cores` and `optimize` of each board, its link.

    `threads` are of the first engine. The link passes `bytes_a_second`, and takes `delay` seconds
    each way. With `shared` all boards and the cameras' client are one machine with these cores, of
    which other programs use `others`.
    """

    cores: int
    threads: int
    optimize: Optimize = "auto"
    fps: float = 30.0
    bytes_a_second: float = float("inf")
    delay: float = 0.0
    shared: bool = False
    others: float = 0.0


@dataclass(frozen=True)
class Outcome:
    """What the cameras saw in so many `seconds`."""

    seconds: float
    cameras: tuple[Seen, ...]

    @property
    def results_a_second(self) -> float:
        """Of all cameras together."""
        return sum(len(seen.latencies) for seen in self.cameras) / self.seconds

    @property
    def share(self) -> float:
        """Of the frames that got a result."""
        frames = sum(seen.frames for seen in self.cameras)
        return sum(len(seen.latencies) for seen in self.cameras) / frames if frames else 0.0

    @property
    def smallest_share(self) -> float:
        """Of the camera with the fewest results."""
        return min(
            (len(each.latencies) / max(each.frames, 1) for each in self.cameras), default=0.0
        )

    def latency(self, share: float) -> float:
        """The quantile of the latencies of all results, in seconds; infinite if there are none."""
        return quantile([each for seen in self.cameras for each in seen.latencies], share)

    def age(self, share: float) -> float:
        """The quantile of the ages that the newest results got, in seconds."""
        return quantile([each for seen in self.cameras for each in seen.ages], share)


def quantile(values: Sequence[float], share: float) -> float:
    """The value that `share` of the values do not exceed; infinite if there are none."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("inf")


def simulate(
    times: ServiceTimes,
    setting: Setting,
    placed: Sequence[tuple[int, float]],
    *,
    seconds: float,
    seed: int = 0,
) -> Outcome:
    """Cameras, of which each uses the board of that number, from 0, in its own phase."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(_run(times, setting, placed, seconds, seed))


async def _run(
    times: ServiceTimes,
    setting: Setting,
    placed: Sequence[tuple[int, float]],
    seconds: float,
    seed: int,
) -> Outcome:
    loop, random = asyncio.get_running_loop(), Random(seed)  # noqa: S311 # a simulation
    machine = SharedCores(loop, setting.cores, others=setting.others)
    client = Process(machine) if setting.shared else None
    boards = list[tuple[SimulatedBoard, Link]]()
    for _ in range(1 + max((board for board, _ in placed), default=-1)):
        board = SimulatedBoard(
            times,
            machine if setting.shared else SharedCores(loop, setting.cores),
            engines=setting.cores,
            threads=setting.threads,
            optimize=setting.optimize,
            random=random,
        )
        boards.append((board, Link(loop, setting.bytes_a_second)))
    make = partial(
        SimulatedCamera,
        times=times,
        fps=setting.fps,
        warm=WARM_SECONDS,
        draw_delay=lambda: setting.delay + random.choice(times.wake_ups) / 2,
        process=client,
    )
    cameras = [
        make(f"camera-{number}", *boards[board], phase=phase)
        for number, (board, phase) in enumerate(placed)
    ]
    await asyncio.sleep(WARM_SECONDS + seconds)
    return Outcome(seconds, tuple(camera.seen for camera in cameras))
