"""A fast and a slow model in one daemon: each stream's share of time, and how long each waits.

`edgesegd serve` runs with both models, remembered choices and otherwise default settings, and with
the shipped client in separate processes. With EVERY streams that send as fast as they can, prints
for each model the share of engine time of one of its streams, as a ratio to an equal share (aim:
0.9 to 1.1). Then prints the p99 of a client of the fast model with one frame in flight next to a
stream of the slow model, as a ratio to its bound: 2.5 times its p50 alone, plus one invoke of the
slow model (aim: at most 1).
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import tempfile
from pathlib import Path

from inputs import load_inputs, remember_choice
from load import Load, median
from scraped import metrics_of

from edgesegd.bench.inputs import drawn_inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.models.catalogue.store import resolve_model
from edgesegd.models.reading import read_model

MIXES = ((1, 1), (2, 1), (1, 3))
"""Streams of the fast and of the slow model."""
P50_FACTOR = 2.5


class Stages:
    """Seconds that the engines spent for each model, and how many frames, since this was made."""

    def __init__(self, daemon: LaunchedDaemon) -> None:
        self._daemon = daemon
        self._before = self._read()

    def spent(self, model: str) -> float:
        """Seconds in all stages but waiting."""
        return sum(
            seconds
            for (name, stage, kind), seconds in self._since().items()
            if (name, kind) == (model, "sum") and stage != "queued"
        )

    def mean_invoke(self, model: str) -> float:
        """Seconds of an invoke."""
        since = self._since()
        return since[model, "invoke", "sum"] / since[model, "invoke", "count"]

    def _since(self) -> dict[tuple[str, str, str], float]:
        return {key: value - self._before.get(key, 0.0) for key, value in self._read().items()}

    def _read(self) -> dict[tuple[str, str, str], float]:
        return {
            (each.labels["model"], each.labels["stage"], each.name.rpartition("_")[2]): each.value
            for family in metrics_of(self._daemon)
            if family.name == "edgeseg_stage_seconds"
            for each in family.samples
        }


def shares(
    daemon: LaunchedDaemon, jpeg: Path, mix: tuple[int, int], *, settle: float, seconds: float
) -> list[float]:
    """The share of a stream of the fast and of the slow model, as a ratio to an equal one."""
    with contextlib.ExitStack() as stack:
        loads = [
            stack.enter_context(Load("every", daemon.address, jpeg, model=model))
            for model, count in zip(("fast", "slow"), mix, strict=True)
            for _ in range(count)
        ]
        for load in loads:
            load.ask(settle)
        for load in loads:
            load.answer()
        stages = Stages(daemon)
        for load in loads:
            load.ask(seconds)
        for load in loads:
            load.answer()
        spent = [stages.spent("fast"), stages.spent("slow")]
    equal = sum(spent) / sum(mix)
    return [model / count / equal for model, count in zip(spent, mix, strict=True)]


def wait(
    daemon: LaunchedDaemon, jpeg: Path, *, settle: float, seconds: float
) -> tuple[float, float, float]:
    """The p50 of the fast model's client alone, its p99 next to the slow model, and the bound."""
    with Load("segment", daemon.address, jpeg, model="fast") as client:
        client.latencies(settle)
        alone = median(client.latencies(seconds))
        with Load("every", daemon.address, jpeg, model="slow") as other:
            other.latencies(settle)
            stages = Stages(daemon)
            client.latencies(0.1)
            contended = client.latencies(seconds)
            invoke = stages.mean_invoke("slow")
    return alone, statistics.quantiles(contended, n=100)[98], P50_FACTOR * alone + invoke


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="rounds (default: 3)")
    parser.add_argument("--seconds", type=float, default=6.0, help="of each turn (default: 6)")
    parser.add_argument("--settle", type=float, default=2.0, help="before them (default: 2)")
    args = parser.parse_args()
    slow = load_inputs()
    fast = drawn_inputs(read_model(resolve_model("builtin", Path())))
    print(f"fast: {fast.model.name}; slow: {slow.names}; {args.rounds} rounds")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        jpeg = folder / "frame.jpg"
        jpeg.write_bytes(slow.jpeg)
        for inputs in (fast, slow):
            data_dir = remember_choice(inputs, folder)[-1]
        models = [f"--model=fast={fast.model.path}", f"--model=slow={slow.model.path}"]
        with LaunchedDaemon(*models, data_dir) as daemon:
            turn = {"settle": args.settle, "seconds": args.seconds}
            for mix in MIXES:
                rounds = [shares(daemon, jpeg, mix, **turn) for _ in range(args.rounds)]
                for model, found in zip(("fast", "slow"), zip(*rounds, strict=True), strict=True):
                    print(
                        f"{mix[0]} fast and {mix[1]} slow streams, time of a {model} one / equal "
                        f"share: {statistics.median(found):.2f} "
                        f"({min(found):.2f} to {max(found):.2f})"
                    )
            waits = [wait(daemon, jpeg, **turn) for _ in range(args.rounds)]
            ratios = [p99 / bound for _, p99, bound in waits]
            alone, p99, bound = waits[0]
            print(
                f"fast client's p99 next to a slow stream / bound: {statistics.median(ratios):.2f} "
                f"({min(ratios):.2f} to {max(ratios):.2f}); first round: "
                f"alone {1e3 * alone:.1f} ms, next to it {1e3 * p99:.1f}, bound {1e3 * bound:.1f}"
            )


if __name__ == "__main__":
    main()
