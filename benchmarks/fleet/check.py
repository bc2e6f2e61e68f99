"""Compares the simulation with three daemons on this machine that share its cores."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

from scraped import metrics_of

from edgesegd.bench.launch import LaunchedDaemon
from fleet.cameras_process import Measured, RealCameras
from fleet.measure import FPS, SETTLE_SECONDS, busy_daemons
from fleet.service_times import ServiceTimes
from fleet.simulation import Outcome, Setting, simulate

BOARDS = 3
AIM = 0.15
FIGURES: dict[str, Callable[[Outcome], float]] = {
    "results/s": lambda outcome: outcome.results_a_second,
    "p50 ms": lambda outcome: 1e3 * outcome.latency(0.5),
    "p99 ms": lambda outcome: 1e3 * outcome.latency(0.99),
    "p99 of age, ms": lambda outcome: 1e3 * outcome.age(0.99),
}


@dataclass(frozen=True)
class Compared:
    """A figure of so many cameras: the median of the measured rounds, their range, simulated.

    `others` is how many cores other programs used in the median round.
    """

    cameras: int
    others: float
    figure: str
    measured: float
    low: float
    high: float
    simulated: float

    @property
    def difference(self) -> float:
        """Of the simulation, as a ratio to what was measured."""
        return self.simulated / self.measured - 1


def compare(
    times: ServiceTimes,
    jpeg: Path,
    flags: Sequence[str],
    counts: Sequence[int],
    *,
    rounds: int,
    seconds: float,
) -> list[Compared]:
    """Each figure of each number of cameras; raises RuntimeError if a frame fails.

    The daemons have one engine with one thread each. All cameras are streams of one client, which
    opens them at the daemons in turn.
    """
    compared = list[Compared]()
    with busy_daemons(flags, BOARDS) as daemons:
        for count in counts:
            random = Random(count)  # noqa: S311 # phases of cameras
            phases = [random.random() for _ in range(count)]
            measured = _measure(daemons, jpeg, phases, rounds, seconds)
            others = statistics.median(each.others for each in measured)
            simulated = simulate_shared(times, phases, others, seconds=rounds * seconds)
            for name, figure in FIGURES.items():
                found = [figure(each.outcome) for each in measured]
                compared.append(
                    Compared(
                        count,
                        others,
                        name,
                        statistics.median(found),
                        min(found),
                        max(found),
                        figure(simulated),
                    )
                )
    return compared


def simulate_shared(
    times: ServiceTimes, phases: Sequence[float], others: float, *, seconds: float
) -> Outcome:
    """Three boards and their client on the cores of one machine, of which `others` are not free."""
    setting = Setting(
        cores=len(os.sched_getaffinity(0)),
        threads=1,
        optimize="latency",
        fps=FPS,
        shared=True,
        others=others,
    )
    placed = [(number % BOARDS, phase) for number, phase in enumerate(phases)]
    return simulate(times, setting, placed, seconds=seconds)


def _measure(
    daemons: Sequence[LaunchedDaemon],
    jpeg: Path,
    phases: Sequence[float],
    rounds: int,
    seconds: float,
) -> list[Measured]:
    address = ",".join(daemon.address for daemon in daemons)
    with RealCameras(address, jpeg, FPS, phases) as cameras:
        cameras.measure(SETTLE_SECONDS)
        streams = sorted(open_streams(daemon) for daemon in daemons)
        if streams[-1] - streams[0] > 1:
            raise RuntimeError(f"the daemons do not have the streams in turn, but {streams}")
        ours = [pid for each in daemons for pid in (each.process.pid, *each.engine_pids)]
        return [cameras.measure(seconds, [ours]) for _ in range(rounds)]


def open_streams(daemon: LaunchedDaemon) -> int:
    """How many streams a daemon has, by its metrics."""
    gauges = (family for family in metrics_of(daemon) if family.name == "edgeseg_streams")
    return int(sum(sample.value for gauge in gauges for sample in gauge.samples))
