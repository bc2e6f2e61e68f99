"""Half an hour of every kind of load: memory, descriptors and leased memory must not grow.

The load is streams of both policies over capacity, single images, clients that come and go with
shared memory, and bad frames. Prints what front and engine hold each minute, and at the end the
growth from the second minute to the last.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
import urllib.request
from pathlib import Path

from inputs import load_inputs

from edgeseg_client import AsyncClient, EdgesegClientError
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.memory import resident

LEASED = "edgeseg_shared_memory_bytes "


async def streams(address: str, inputs: Inputs, policy: str, until: float) -> int:
    """One client after another, each for a while."""
    answered = 0
    while time.monotonic() < until:
        async with AsyncClient(address) as client:
            frames = [inputs.jpeg] * 200
            async for _ in client.stream(frames, policy=policy, size="model"):  # type: ignore[arg-type]
                answered += 1
    return answered


async def sharers(address: str, inputs: Inputs, until: float) -> int:
    """Clients that lease memory, use it and leave; one of their frames is bad."""
    answered = 0
    while time.monotonic() < until:
        async with AsyncClient(address, shared_memory=True) as client:
            async for _ in client.stream([inputs.raw_frame(), b"no picture", inputs.jpeg] * 5):
                answered += 1
            try:
                await client.segment(inputs.jpeg, size="frame", outputs=["labels", "rle"])
            except EdgesegClientError as error:
                print(f"a single image: {error}")
    return answered


def held(daemon: LaunchedDaemon) -> dict[str, float]:
    """What the daemon holds now: MB, descriptors, bytes."""
    page = urllib.request.urlopen(daemon.metrics_url, timeout=10).read().decode()  # noqa: S310 # ours
    leased = next(line for line in page.splitlines() if line.startswith(LEASED))
    pid = daemon.process.pid
    return {
        "front MB": resident(pid) / 1e6,
        "engine MB": resident(daemon.engine_pid) / 1e6,
        "front descriptors": len(list(Path(f"/proc/{pid}/fd").iterdir())),
        "engine descriptors": len(list(Path(f"/proc/{daemon.engine_pid}/fd").iterdir())),
        "leased MB": float(leased.removeprefix(LEASED)) / 1e6,
    }


async def soak(daemon: LaunchedDaemon, address: str, inputs: Inputs, seconds: float) -> None:
    """Run and print."""
    started, until = time.monotonic(), time.monotonic() + seconds
    work = [
        asyncio.create_task(streams(daemon.address, inputs, "latest", until)),
        asyncio.create_task(streams(daemon.address, inputs, "every", until)),
        asyncio.create_task(sharers(address, inputs, until)),
    ]
    seen: list[dict[str, float]] = []
    while time.monotonic() < until:
        await asyncio.sleep(min(60.0, seconds / 10))
        seen.append(await asyncio.to_thread(held, daemon))
        values = ", ".join(f"{name} {value:.1f}" for name, value in seen[-1].items())
        print(f"{time.monotonic() - started:6.0f} s: {values}", flush=True)
    answered = sum(await asyncio.gather(*work))
    last = await asyncio.to_thread(held, daemon)
    print(f"{answered} frames answered; all clients gone: leased MB {last['leased MB']:.1f}")
    for name in seen[0]:
        early, late = seen[min(1, len(seen) - 1)][name], seen[-1][name]
        print(f"{name}: {early:.1f} in the second reading, {late:.1f} in the last")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30, help="how long (default: 30)")
    args = parser.parse_args()
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix://{folder}/grpc.sock"
        flags = (f"--model={inputs.model.path}", f"--listen={address}", "--delegate=cpu")
        with LaunchedDaemon(*flags) as daemon:
            print(f"{inputs.names}; {args.minutes:g} minutes")
            asyncio.run(soak(daemon, address, inputs, args.minutes * 60))


if __name__ == "__main__":
    main()
