"""How many cameras one board, ten and a thousand carry: on paper, by simulation, and checked.

First it measures on this machine what a frame costs, with daemons as `serve` starts them and the
shipped client. `--save FILE` keeps that; with `--times FILE` a file is used instead, which may be
of another board. Then it simulates boards with the daemon's own scheduler. `--check` runs three
daemons here and compares them with the simulation; its last line is the verdict, and its status is
1 if they differ too much, or if other programs used the machine, so that there is no verdict.
Nothing else should run meanwhile. docs/capacity.md explains the model.
"""

from __future__ import annotations

import argparse
import math
import statistics
import sys
import tempfile
from pathlib import Path

from fleet.capacity import Aim, Capacity, capacity
from fleet.check import AIM, BOARDS, Compared, compare
from fleet.front_end import measure_proxies
from fleet.measure import FPS, measure
from fleet.service_times import ServiceTimes, WrongFile
from fleet.simulation import Setting
from inputs import load_inputs

MEGABIT = 1e6 / 8
BUSY = 0.3
"""Cores that other programs use, with which the figures are no longer to be believed."""


def main() -> int:
    """Measure, simulate and print."""
    args = parse()
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        # The CPU from the start: no delegate is probed while something is measured.
        flags = [f"--model={inputs.model.path}", "--delegate=cpu", f"--data-dir={folder}"]
        if args.times:
            times = ServiceTimes.read(args.times)
        else:
            daemons = BOARDS if args.check else 1
            times = measure(inputs, jpeg, flags, seconds=args.seconds, daemons=daemons)
            if not args.check:
                times.proxies.update(measure_proxies(jpeg, flags, folder, seconds=args.seconds))
        show_times(times)
        if args.save:
            times.write(args.save)
        if args.check:
            return show_check(
                compare(times, jpeg, flags, args.cameras, rounds=args.rounds, seconds=args.seconds)
            )
    cores = args.cores or times.cores
    setting = Setting(
        cores=cores,
        threads=cores,
        optimize=args.optimize,
        fps=args.fps,
        bytes_a_second=args.link_mbit * MEGABIT,
        delay=args.delay_ms / 1e3,
    )
    print(
        f"\nboards of {cores} cores, --optimize {args.optimize}, a link of {args.link_mbit:g} "
        f"Mbit/s; cameras of {args.fps:g} frames/s; p99 <= {args.p99_ms:g} ms"
    )
    aims = [Aim(share, args.p99_ms / 1e3) for share in args.share]
    for aim in aims:
        carried = capacity(times, setting, aim, args.boards, seconds=args.simulated_seconds)
        show_capacity(carried, times, setting)
    return 0


def parse() -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=Path, metavar="FILE", help="service times from a file")
    parser.add_argument("--save", type=Path, metavar="FILE", help="write the service times")
    parser.add_argument("--boards", type=int, nargs="+", default=[1, 10, 1000], help="fleets")
    parser.add_argument("--fps", type=float, default=FPS, help="of a camera (default: 30)")
    parser.add_argument("--p99-ms", type=float, default=100.0, help="bound of p99 (default: 100)")
    parser.add_argument(
        "--share",
        type=float,
        nargs="+",
        default=[0.99, 0.5, 1 / 3],
        help="shares of a camera's frames that need a result (default: 0.99 0.5 0.33)",
    )
    parser.add_argument("--cores", type=int, help="of a board (default: as measured)")
    parser.add_argument("--optimize", choices=["auto", "latency", "throughput"], default="auto")
    parser.add_argument("--link-mbit", type=float, default=1000.0, help="of a board (1000)")
    parser.add_argument(
        "--delay-ms", type=float, default=0.2, help="of the network, each way (0.2)"
    )
    parser.add_argument("--simulated-seconds", type=float, default=20.0, help="(default: 20)")
    parser.add_argument("--check", action="store_true", help="compare with three daemons here")
    parser.add_argument(
        "--cameras", type=int, nargs="+", default=[3, 6, 12], help="of the check (3 6 12)"
    )
    parser.add_argument("--rounds", type=int, default=5, help="of the check (default: 5)")
    parser.add_argument(
        "--seconds", type=float, default=10.0, help="of each measurement (default: 10)"
    )
    return parser.parse_args()


def show_times(times: ServiceTimes) -> None:
    """Print what a frame costs."""
    print(f"{times.inputs}; {times.machine}; {times.frame_bytes / 1e3:.0f} KB a frame")
    stages = ", ".join(f"{name} {1e3 * value:.2f}" for name, value in times.stages.items())
    print(f"an idle engine with one thread, ms: {stages}")
    costs = {
        "engine": times.engine,
        "engine with all cores": times.serial + times.invoke_all_cores,
        "front a frame": times.front_frame,
        "front a result": times.front_result,
        "client a frame": times.client_frame,
        "client a result": times.client_result,
        "wake-ups": statistics.median(times.wake_ups),
    }
    print(f"under load, ms: {', '.join(f'{k} {1e3 * v:.2f}' for k, v in costs.items())}")
    if times.others > BUSY:
        print(f"other programs used up to {times.others:.1f} cores: measure on an idle machine")
    for name, seconds in times.proxies.items():
        print(f"{name}: {1e3 * seconds:.2f} ms of CPU a frame")


def show_capacity(found: Capacity, times: ServiceTimes, setting: Setting) -> None:
    """Print what boards carry, and what a proxy before them needs."""
    aim, paper = found.aim, found.paper
    print(
        f"\n{aim.share:.0%} of the frames with a result, {aim.share * setting.fps:.0f} a second of "
        f"each camera\n  paper: at most {paper.lowest:.1f} cameras a board (cores {paper.cores:.1f}"
        f", front {paper.front:.1f}, link {paper.link:.1f})"
    )
    if found.outcome is None:
        print("  simulated: not one camera")
        return
    outcome = found.outcome
    print(
        f"  simulated: {found.cameras} cameras a board; {outcome.results_a_second:.0f} results/s, "
        f"share {outcome.share:.1%} (of one camera at least {outcome.smallest_share:.1%}), "
        f"p50 {1e3 * outcome.latency(0.5):.0f} ms, "
        f"p99 {1e3 * outcome.latency(0.99):.0f} ms, p99 of age {1e3 * outcome.age(0.99):.0f} ms"
    )
    for boards, cameras in found.fleets.items():
        each = ", ".join(f"{count} {name}" for name, count in cameras.items())
        frames = max(cameras.values()) * setting.fps
        gigabits = frames * times.frame_bytes * 8 / 1e9
        proxies = ", ".join(
            f"{name} {math.ceil(frames * seconds)} cores" for name, seconds in times.proxies.items()
        )
        print(
            f"  {boards} boards: {each}; a proxy passes {gigabits:.2f} Gbit/s each way; {proxies}"
        )


def show_check(found: list[Compared]) -> int:
    """Print each figure and the verdict; returns the exit status."""
    print(f"\n{BOARDS} daemons of one engine with one thread each, on the cores of this machine")
    for each in found:
        print(
            f"{each.cameras} cameras, {each.figure}: measured {each.measured:.1f} "
            f"({each.low:.1f} to {each.high:.1f}), simulated {each.simulated:.1f} "
            f"({each.difference:+.0%})"
        )
    others = max(each.others for each in found)
    worst = max(found, key=lambda each: abs(each.difference))
    largest = (
        f"the largest difference is {worst.difference:+.0%}: {worst.figure} of {worst.cameras} "
        "cameras"
    )
    if others > BUSY:
        print(f"verdict: none, because other programs used up to {others:.1f} cores; {largest}")
        return 1
    is_near = abs(worst.difference) <= AIM
    print(
        f"verdict: the simulation is {'' if is_near else 'NOT '}within {AIM:.0%} of the measured "
        f"run; {largest}"
    )
    return 0 if is_near else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, RuntimeError, WrongFile) as error:
        sys.exit(f"fleet_sim.py: {error}")
