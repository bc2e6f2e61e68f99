"""Raw 1080p frames from the same board: through shared memory, and inside the message.

One frame in flight over a Unix socket, both ways in turn. What is compared is the time outside the
interpreter's invoke: the round trip, from the camera's buffer on, less the invoke that the response
tells of. With shared memory the camera's buffer is in it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile

from inputs import load_inputs

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import measure_shared


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10, help="rounds counted (default: 10)")
    parser.add_argument("--frames", type=int, default=15, help="frames a round (default: 15)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/grpc.sock"
        flags = (f"--model={inputs.model.path}", f"--listen=unix://{socket}", "--delegate=cpu")
        with LaunchedDaemon(*flags):
            found = asyncio.run(
                measure_shared(socket, inputs, rounds=args.rounds, frames=args.frames)
            )
    ratios = sorted(one / two for one, two in zip(found["shared"], found["message"], strict=True))
    if args.json:
        print(json.dumps({"shared / message": [round(ratio, 3) for ratio in ratios]}))
        return
    print(f"{inputs.names}; a raw RGB frame of 1920x1080; {args.rounds} rounds of {args.frames}")
    for way, medians in found.items():
        print(f"{way:>8}: {statistics.median(medians) * 1e3:6.2f} ms outside invoke")
    print(
        f"ratio shared / message: {statistics.median(ratios):.2f} "
        f"(rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )


if __name__ == "__main__":
    main()
