"""Frames per second, four in flight: edgesegd, and servers that run the naive pipeline.

Each takes its turn in each round, with a client in a process of its own; the others wait meanwhile
and use almost no CPU. edgesegd runs by its default command with the shipped client, and for
comparison also with fixed settings. Another server runs with one worker whose interpreter has a
thread for each core, and with a worker for each core; its answers must be the naive pipeline's,
byte by byte. Each turn begins with frames that are not counted. Prints frames per second, memory,
and ratios to edgesegd's. `make bench-peers` installs the other servers; those that are not
installed are left out.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from inputs import load_inputs, remember_choice
from servers import (
    JPEG,
    MASK,
    PEERS,
    Edgesegd,
    Peer,
    Server,
    cpu_seconds,
    installed,
    memory,
)

from edgesegd.bench.naive import NaivePipeline
from edgesegd.engine.runtimes.runtime import load_runtime

IDLE_SECONDS = 3.0
EDGESEGD = {
    "edgesegd": (),
    "edgesegd, pinned to latency": ("--optimize=latency",),
    "edgesegd, pinned to throughput": ("--optimize=throughput",),
}
"""Its flags, by name."""


def start_all(stack: contextlib.ExitStack, folder: Path) -> list[Server]:
    """Every server, ready and warm; what cannot be compared is reported and left out."""
    inputs = load_inputs()
    cores = load_runtime("auto").default_threads()
    print(f"{inputs.names}; {cores} cores; four frames in flight")
    mask = NaivePipeline(inputs.model, cores)(inputs.jpeg).astype(np.uint8).tobytes()
    (folder / JPEG).write_bytes(inputs.jpeg)
    (folder / MASK).write_bytes(mask)
    servers: list[Server] = []
    flags = remember_choice(inputs, folder)
    for name, pinned in EDGESEGD.items():
        servers.append(Edgesegd(name, [*flags, *pinned], mask, folder))
        stack.callback(servers[-1].close)
    for peer in PEERS:
        if not installed(peer):
            print(f"{peer} is not installed: make bench-peers")
            continue
        for workers, threads in ((1, cores), (cores, 1)):
            server = Peer(peer, workers, threads, inputs, folder)
            stack.callback(server.close)
            server.wait()
            servers.append(server)
    return servers


def measure(servers: list[Server], rounds: int, frames: int) -> dict[str, list[float]]:
    """Frames a second of each server, by round."""
    found: dict[str, list[float]] = {server.name: [] for server in servers}
    for _ in range(rounds):
        for server in servers:
            server.frames_per_second(frames)  # to warm up, and for edgesegd to find what is asked
            found[server.name].append(server.frames_per_second(frames))
    return found


def idle_cores(servers: list[Server]) -> float:
    """CPU seconds per second of all servers while no client sends."""
    before = sum(cpu_seconds(server.pid) for server in servers)
    time.sleep(IDLE_SECONDS)
    return (sum(cpu_seconds(server.pid) for server in servers) - before) / IDLE_SECONDS


def as_text(ratios: list[float]) -> str:
    """A median and its spread."""
    return f"{statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds counted (default: 7)")
    parser.add_argument("--frames", type=int, default=300, help="frames a round (default: 300)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all figures there, too")
    args = parser.parse_args()
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        servers = start_all(stack, folder)
        found = measure(servers, args.rounds, args.frames)
        held = {server.name: memory(server.pid) for server in servers}
        print(f"waiting, all together take {idle_cores(servers):.1%} of a core")
    ours = list(EDGESEGD)
    default = found[ours[0]]
    peers = [per_second for name, per_second in found.items() if name not in ours]
    for (name, per_second), bytes_held in zip(found.items(), held.values(), strict=True):
        ratios = [one / two for one, two in zip(per_second, default, strict=True)]
        print(
            f"{name:>30}: {statistics.median(per_second):6.1f} frames/s, {as_text(ratios)} times "
            f"the first; {bytes_held / 1e6:.0f} MB"
        )
    if peers:
        best = [max(of_round) for of_round in zip(*peers, strict=True)]
        for name in ours:
            ratios = [one / two for one, two in zip(found[name], best, strict=True)]
            print(f"frames/s, {name} / best peer: {as_text(ratios)}")
    if args.json:
        args.json.write_text(json.dumps({"frames/s": found, "bytes": held}))


if __name__ == "__main__":
    main()
