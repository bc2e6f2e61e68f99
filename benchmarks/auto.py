"""`--optimize auto`, the default, compared with both fixed settings, at four loads.

Three daemons are started as `edgesegd serve` starts them, one for each setting, with the shipped
client in separate processes. In each round the daemons take turns. A turn begins with the start of
the load: auto has a few seconds to choose, while the others warm up. Prints, for each load, what
each setting reaches, and the ratio of auto to the better fixed setting: in frames per second, and
for one client with one frame in flight in its median time.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path

from inputs import load_inputs, remember_choice
from load import Load, median

from edgesegd.bench.launch import LaunchedDaemon

SETTINGS = ("latency", "throughput", "auto")
AIM = 0.95


@dataclass(frozen=True)
class Kind:
    """A load: `count` clients of a kind of `load.py`; measured in time or in frames per second."""

    name: str
    kind: str
    count: int
    timed: bool = False

    def reached(self, latencies: list[float], seconds: float) -> float:
        """What was reached; more is better."""
        return 1 / median(latencies) if self.timed else len(latencies) / seconds

    def describe(self, reached: float) -> str:
        """The result as text."""
        return f"p50 {1e3 / reached:.1f} ms" if self.timed else f"{reached:.1f} frames/s"


LOADS = (
    Kind("one client, one in flight", "segment", 1, timed=True),
    Kind("one EVERY stream", "every", 1),
    Kind("four clients of single images", "segment", 4),
    Kind("eight LATEST cameras", "cameras", 1),
)


def measure(
    load: Kind, daemon: LaunchedDaemon, jpeg: Path, *, settle: float, seconds: float
) -> float:
    """What a daemon reaches with a load that has lasted for `settle` seconds."""
    with Load(load.kind, daemon.address, jpeg, count=load.count) as clients:
        clients.latencies(settle)
        found = clients.latencies(seconds)
    return load.reached(found, seconds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="rounds (default: 5)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn (default: 6)")
    parser.add_argument("--settle", type=float, default=4.0, help="before them (default: 4)")
    parser.add_argument("--only", type=int, choices=range(len(LOADS)), help="this load")
    args = parser.parse_args()
    inputs = load_inputs()
    print(f"{inputs.names}; {args.rounds} rounds")
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        flags = remember_choice(inputs, folder)
        daemons = {
            setting: stack.enter_context(
                LaunchedDaemon(*flags, *([] if setting == "auto" else [f"--optimize={setting}"]))
            )
            for setting in SETTINGS
        }
        for load in LOADS if args.only is None else [LOADS[args.only]]:
            found: dict[str, list[float]] = {setting: [] for setting in SETTINGS}
            for _ in range(args.rounds):
                for setting, daemon in daemons.items():
                    found[setting].append(
                        measure(load, daemon, jpeg, settle=args.settle, seconds=args.seconds)
                    )
            for setting, reached in found.items():
                print(f"{load.name}: {setting:>10}: {load.describe(statistics.median(reached))}")
            better = max(("latency", "throughput"), key=lambda each: statistics.median(found[each]))
            ratios = [
                ours / other for ours, other in zip(found["auto"], found[better], strict=True)
            ]
            print(
                f"{load.name}: auto / {better}: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}), aim {AIM} or more"
            )


if __name__ == "__main__":
    main()
