"""A JPEG to labels, one in flight, through what ships, against the naive loop as a user writes it.

The daemon is started by its default command, and the shipped client and the naive loop run in
processes of their own. They take their turns, round by round, so that a machine whose speed drifts
changes them alike. Prints the median time of each, its ratio to the naive loop's, and the same for
the time outside the invoke: what is left of each when a bare invoke's is taken off.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
from pathlib import Path

from inputs import load_inputs, remember_choice

from edgesegd.bench.asked_process import AskedProcess
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.board.threads import count_cores

NAIVE_LOOP = Path(__file__).with_name("naive_loop.py")
SHIPPED_CLIENT = Path(__file__).with_name("shipped_client.py")
"""Each answers a number of frames with their seconds, by way."""
AIMS = {"whole": 0.70, "outside": 0.42}


def measure(rounds: int, frames: int) -> dict[str, list[float]]:
    """Median seconds by way, of each round; a first round warms up and is left out."""
    inputs = load_inputs()
    print(f"{inputs.names}; {rounds} rounds of {frames}")
    medians: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        flags = remember_choice(inputs, folder)
        daemon = stack.enter_context(LaunchedDaemon(*flags))
        processes = [
            stack.enter_context(process)
            for process in (
                AskedProcess(NAIVE_LOOP, inputs.model.path, jpeg, count_cores()),
                AskedProcess(SHIPPED_CLIENT, daemon.address, jpeg, "segment"),
                AskedProcess(SHIPPED_CLIENT, daemon.address, jpeg, "stream"),
            )
        ]
        for number in range(rounds + 1):
            for process in processes:
                process.ask(frames)
                for way, seconds in process.answer().items():
                    if number:
                        medians.setdefault(way, []).append(statistics.median(seconds))
    return medians


def spread(values: list[float], factor: float = 1.0, digits: int = 2) -> str:
    """A median with its extremes."""
    median, low, high = (
        f"{value * factor:.{digits}f}"
        for value in (statistics.median(values), min(values), max(values))
    )
    return f"{median} ({low} to {high})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds counted (default: 12)")
    parser.add_argument("--frames", type=int, default=40, help="frames a round (default: 40)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    medians = measure(args.rounds, args.frames)
    if args.json:
        print(json.dumps(medians))
        return
    for way, seconds in medians.items():
        print(f"{way:>8}: p50 {spread(seconds, 1e3, 1)} ms")
    naive, invoke = medians["naive"], medians["invoke"]
    for way in ("segment", "stream"):
        whole = [ours / other for ours, other in zip(medians[way], naive, strict=True)]
        outside = [
            (ours - bare) / (other - bare)
            for ours, other, bare in zip(medians[way], naive, invoke, strict=True)
        ]
        print(f"Client.{way} / naive: {spread(whole)}, aim {AIMS['whole']:.2f} or less")
        print(
            f"Client.{way} / naive, outside the invoke: {spread(outside)}, "
            f"aim {AIMS['outside']:.2f} or less"
        )


if __name__ == "__main__":
    main()
