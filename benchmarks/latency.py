"""A JPEG to labels over a loopback stream, one in flight, against the naive caller in process.

All three ways run in turn, round by round, so that a machine whose speed drifts changes them
alike. Ratios of medians; below 1 is faster than the other.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics

from inputs import load_inputs

from edgesegd.bench.latency import measure_latency, ratios
from edgesegd.engine.runtime import load_runtime
from edgesegd.launch import LaunchedDaemon


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=12, help="rounds counted (default: 12)")
    parser.add_argument("--frames", type=int, default=25, help="frames a round (default: 25)")
    parser.add_argument("--threads", type=int, default=0, help="threads (default: the daemon's)")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()
    inputs = load_inputs()
    runtime = load_runtime("auto")
    threads = args.threads or runtime.default_threads()
    flags = (f"--model={inputs.model.path}", f"--threads={threads}", "--delegate=cpu")
    with LaunchedDaemon(*flags) as daemon:
        seconds = asyncio.run(
            measure_latency(daemon.address, inputs, threads, rounds=args.rounds, frames=args.frames)
        )
    found = {
        f"rpc / {other}": [round(ratio, 3) for ratio in sorted(ratios(seconds, "rpc", other))]
        for other in ("naive", "invoke")
    }
    if args.json:
        print(json.dumps(found))
        return
    print(f"{inputs.names}; {runtime}, {threads} threads; {args.rounds} rounds of {args.frames}")
    for way, by_round in seconds.items():
        whole = sorted(spent for taken in by_round for spent in taken)
        print(
            f"{way:>7}: p50 {whole[len(whole) // 2] * 1e3:6.2f} ms, "
            f"p99 {whole[int(len(whole) * 0.99)] * 1e3:6.2f} ms"
        )
    for name, values in found.items():
        print(
            f"p50 ratio {name}: {statistics.median(values):.2f} "
            f"(rounds: {values[0]:.2f} to {values[-1]:.2f})"
        )


if __name__ == "__main__":
    main()
