"""Hours of every kind of load, with faults mixed in: nothing may grow, and no frame is lost.

The load is streams of both policies over capacity, single images, clients that come and go with
shared memory, bad frames, and a camera whose latencies are measured. Every few minutes there is a
fault: an engine is killed or hangs, clients are killed, strangers connect, the whole daemon is
stopped for a while, its models are loaded again. Prints what front and engine hold each minute, and
at the end the growth from the second minute to the last. A fault ends an engine, so each engine is
compared with itself, and the last one with the first when they were equally old. The exit status is
1 if the front or an engine grew, if memory stayed leased, if a frame of a stream had no answer, or
if one had another than it should have: a good frame is segmented, or superseded with `latest`.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections import Counter
from pathlib import Path

from arguments import not_negative, positive
from inputs import load_inputs
from load import Load
from soaking.chart import draw
from soaking.engine_growth import compare_engines
from soaking.faults import Faults
from soaking.loads import Seen, sharers, streams
from soaking.readings import Reading, read

from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon

MAX_GROWTH, MAX_GROWTH_MB, MAX_GROWTH_DESCRIPTORS = 0.1, 8.0, 8
SETTLE_SECONDS = 15.0
"""After the clients are gone, until what they held is free."""


class Soak:
    """A run of `seconds`; `jpeg` is the picture of `inputs` as a file."""

    def __init__(
        self, daemon: LaunchedDaemon, address: str, inputs: Inputs, jpeg: Path, *, seconds: float
    ) -> None:
        self._daemon = daemon
        self._address = address
        self._inputs = inputs
        self._jpeg = jpeg
        self._seconds = seconds
        self._started = time.monotonic()
        self.seen = Seen()
        self.readings: list[Reading] = []
        self.faults: list[tuple[float, str]] = []

    @property
    def _minutes(self) -> float:
        return (time.monotonic() - self._started) / 60

    async def run(self, faults: Faults | None, fault_seconds: float) -> Reading:
        """Run, print, and return the reading after all clients are gone.

        There is a fault every `fault_seconds`, except for None.
        """
        until = self._started + self._seconds
        address, inputs, seen = self._daemon.address, self._inputs, self.seen
        work = [
            streams(address, inputs, "latest", until, seen),
            streams(address, inputs, "every", until, seen),
            sharers(self._address, inputs, until, seen),
            self._read_until(until),
        ]
        if faults is not None:
            work.append(self._break_until(until - fault_seconds, faults, fault_seconds))
        await asyncio.gather(*work)
        await asyncio.sleep(SETTLE_SECONDS)
        return await asyncio.to_thread(read, self._daemon, self._minutes, [])

    async def _read_until(self, until: float) -> None:
        every = min(60.0, self._seconds / 10)
        with Load("camera", self._daemon.address, self._jpeg) as camera:
            while (left := until - time.monotonic()) > 1.0:
                latencies = await asyncio.to_thread(camera.latencies, min(every, left))
                reading = await asyncio.to_thread(read, self._daemon, self._minutes, latencies)
                self.readings.append(reading)
                print(_as_line(reading), flush=True)

    async def _break_until(self, until: float, faults: Faults, every: float) -> None:
        for fault in itertools.cycle(faults.all):
            await asyncio.sleep(every)
            if time.monotonic() > until:
                return
            name = (fault.__doc__ or "").rstrip(".")
            self.faults.append((self._minutes, name))
            print(f"{self._minutes:6.1f} min: {name}", flush=True)
            await asyncio.to_thread(fault)


def _as_line(reading: Reading) -> str:
    return (
        f"{reading.minutes:6.1f} min: front {reading.front_mb:.1f} MB, engine "
        f"{reading.engine_mb:.1f} MB, descriptors {reading.front_descriptors:.0f} and "
        f"{reading.engine_descriptors:.0f}, leased {reading.leased_mb:.1f} MB, "
        f"p50 {reading.p50_ms:.0f} ms, p99 {reading.p99_ms:.0f} ms"
    )


def missed(soak: Soak, last: Reading) -> list[str]:
    """What was not as it should be, as text; the last reading is without clients."""
    early, late = soak.readings[min(1, len(soak.readings) - 1)], soak.readings[-1]
    allowed = early.front_mb + max(MAX_GROWTH_MB, MAX_GROWTH * early.front_mb)
    descriptors = early.front_descriptors + MAX_GROWTH_DESCRIPTORS
    checks = (
        (late.front_mb <= allowed, f"the front grew to {late.front_mb:.1f} MB"),
        (late.front_descriptors <= descriptors, f"{late.front_descriptors:.0f} descriptors"),
        (last.leased_mb == 0, f"{last.leased_mb:.1f} MB stayed leased"),
        (soak.seen.unanswered == 0, f"{soak.seen.unanswered} frames had no answer"),
    )
    _, grown = compare_engines(soak.readings)
    lost = [f"{count} x {answer}" for answer, count in sorted(soak.seen.lost.items())]
    return [words for kept, words in checks if not kept] + grown + lost


def report(soak: Soak, last: Reading) -> int:
    """Print the results; returns the exit status."""
    early, late = soak.readings[min(1, len(soak.readings) - 1)], soak.readings[-1]
    print(f"second reading: {_as_line(early)}")
    print(f"last reading:   {_as_line(late)}")
    print(f"without clients: {_as_line(last)}")
    kinds = Counter(name for _, name in soak.faults)
    print(f"{len(soak.faults)} faults: {', '.join(f'{n} x {name}' for name, n in kinds.items())}")
    print(f"{soak.seen.sent} frames in streams, {soak.seen.unanswered} without an answer")
    for name, count in sorted(soak.seen.answers.items()):
        print(f"  {name}: {count}")
    compared, _ = compare_engines(soak.readings)
    print(f"{compared} comparisons of engines{'' if compared else ': none lived long enough'}")
    wrong = missed(soak, last)
    print("missed: " + "; ".join(wrong) if wrong else "nothing grew, and nothing was lost")
    return int(bool(wrong))


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=positive, default=120, help="how long (default: 120)")
    parser.add_argument(
        "--fault-minutes",
        type=not_negative,
        default=3,
        help="between faults; 0: none (default: 3)",
    )
    parser.add_argument("--picture", type=Path, help="draw memory, descriptors and latency as SVG")
    args = parser.parse_args()
    if args.picture is not None:
        try:
            args.picture.touch()
        except OSError as error:
            parser.error(f"argument --picture: {error}")
    inputs = load_inputs()
    with tempfile.TemporaryDirectory() as folder:
        address = f"unix://{folder}/grpc.sock"
        flags = (f"--model={inputs.model.path}", f"--listen={address}", "--delegate=cpu")
        with LaunchedDaemon(*flags) as daemon:
            print(f"{inputs.names}; {args.minutes:g} minutes", flush=True)
            jpeg = Path(folder) / "frame.jpg"
            jpeg.write_bytes(inputs.jpeg)
            soak = Soak(daemon, address, inputs, jpeg, seconds=args.minutes * 60)
            faults = Faults(daemon, address, jpeg) if args.fault_minutes else None
            last = asyncio.run(soak.run(faults, args.fault_minutes * 60))
    status = report(soak, last)
    if args.picture is not None:
        draw(args.picture, soak.readings, [minutes for minutes, _ in soak.faults])
    return status


if __name__ == "__main__":
    raise SystemExit(main())
