"""From a JPEG to labels, one in flight, with the shipped client, compared with a naive loop.

The daemon is started by its default command. The shipped client and the naive loop, as users write
it, run in processes of their own. They take turns in each round, so that a machine whose speed
drifts changes all of them alike. Prints the median time of each and its ratio to the naive loop's,
and the same for the time outside the invoke, which is the time of each minus that of a bare invoke.
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
from edgesegd.bench.shipped_client import ShippedClient
from edgesegd.board.threads import count_cores

NAIVE_LOOP = Path(__file__).with_name("naive_loop.py")
"""It answers a number of frames with their seconds, by method."""
AIMS = {"whole": 0.70, "outside": 0.42}


def measure(rounds: int, frames: int) -> dict[str, list[float]]:
    """Median seconds of each method in each round; a first round warms up and is not counted."""
    inputs = load_inputs()
    print(f"{inputs.names}; {rounds} rounds of {frames}")
    medians: dict[str, list[float]] = {}
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(inputs.jpeg)
        flags = remember_choice(inputs, folder)
        daemon = stack.enter_context(LaunchedDaemon(*flags))
        naive = stack.enter_context(
            AskedProcess(NAIVE_LOOP, inputs.model.path, jpeg, count_cores())
        )
        clients = [
            stack.enter_context(ShippedClient(daemon.address, jpeg, method))
            for method in ("segment", "stream")
        ]
        for number in range(rounds + 1):
            naive.ask(frames)
            found: dict[str, list[float]] = naive.answer()
            found |= {client.method: client.seconds(frames) for client in clients}
            for method, seconds in found.items():
                if number:
                    medians.setdefault(method, []).append(statistics.median(seconds))
    return medians


def spread(values: list[float], factor: float = 1.0, digits: int = 2) -> str:
    """A median with the lowest and the highest value."""
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
    for method, seconds in medians.items():
        print(f"{method:>8}: p50 {spread(seconds, 1e3, 1)} ms")
    naive, invoke = medians["naive"], medians["invoke"]
    for method in ("segment", "stream"):
        whole = [ours / other for ours, other in zip(medians[method], naive, strict=True)]
        outside = [
            (ours - bare) / (other - bare)
            for ours, other, bare in zip(medians[method], naive, invoke, strict=True)
        ]
        print(f"Client.{method} / naive: {spread(whole)}, aim {AIMS['whole']:.2f} or less")
        print(
            f"Client.{method} / naive, outside the invoke: {spread(outside)}, "
            f"aim {AIMS['outside']:.2f} or less"
        )


if __name__ == "__main__":
    main()
