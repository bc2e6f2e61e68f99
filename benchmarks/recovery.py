"""The time from SIGKILL of the engine in mid-stream until the next result."""

from __future__ import annotations

import argparse
import asyncio
import statistics

from inputs import load_inputs

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.recovery import seconds_to_recover


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=10, help="times (default: 10)")
    parser.add_argument("--frames", type=int, default=60, help="frames a stream (default: 60)")
    args = parser.parse_args()
    inputs = load_inputs()
    with LaunchedDaemon(f"--model={inputs.model.path}", "--delegate=cpu") as daemon:
        gaps = [
            asyncio.run(seconds_to_recover(daemon, inputs.jpeg, args.frames))
            for _ in range(args.kills)
        ]
    print(f"{inputs.names}; the engine killed {args.kills} times, each time in a stream of its own")
    print(
        f"next result after {statistics.median(gaps):.2f} s "
        f"({min(gaps):.2f} to {max(gaps):.2f}); every frame was answered"
    )


if __name__ == "__main__":
    main()
