"""Raw 1080p frames from the same board: through shared memory, and inside the message.

One frame is in flight over a Unix socket, and both ways take turns, by a stub without the client
library. The compared time is that
outside the interpreter's invoke: the round trip from the camera's buffer on, minus the invoke that
the response reports. With shared memory the camera's buffer is in it. Then the shipped client sends
frames in shared memory, in turn with bare invokes; both are in processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
from pathlib import Path

from inputs import load_inputs, remember_choice

from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import measure_shared
from edgesegd.bench.naive_process import NaiveProcess
from edgesegd.bench.shipped_client import ShippedClient
from edgesegd.board.threads import count_cores


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
        pixels = Path(folder) / "frame.rgb"
        pixels.write_bytes(inputs.raw_frame().tobytes())
        flags = [*remember_choice(inputs, Path(folder)), f"--listen=unix://{socket}"]
        with LaunchedDaemon(*flags):
            found = asyncio.run(
                measure_shared(socket, inputs, rounds=args.rounds, frames=args.frames)
            )
            with (
                ShippedClient(f"unix://{socket}", pixels, "raw") as client,
                NaiveProcess(inputs, count_cores(), "auto") as naive,
            ):
                ours, invokes = list[float](), list[float]()
                for _ in range(args.rounds + 1):
                    ours.append(statistics.median(client.seconds(args.frames)))
                    invokes.append(statistics.median(naive.seconds(args.frames)["invoke"]))
    whole = sorted(one / two for one, two in zip(ours[1:], invokes[1:], strict=True))
    ratios = sorted(one / two for one, two in zip(found["shared"], found["message"], strict=True))
    if args.json:
        rounded = {
            name: [round(ratio, 3) for ratio in found]
            for name, found in (("shared / message", ratios), ("client / invoke", whole))
        }
        print(json.dumps(rounded))
        return
    print(f"{inputs.names}; a raw RGB frame of 1920x1080; {args.rounds} rounds of {args.frames}")
    for method, medians in found.items():
        print(f"{method:>8}: {statistics.median(medians) * 1e3:6.2f} ms outside invoke")
    print(
        f"ratio shared / message: {statistics.median(ratios):.2f} "
        f"(rounds: {ratios[0]:.2f} to {ratios[-1]:.2f})"
    )
    print(
        f"Client.segment in shared memory / bare invoke: {statistics.median(whole):.2f} "
        f"({whole[0]:.2f} to {whole[-1]:.2f}), aim 1.3 or less"
    )


if __name__ == "__main__":
    main()
