"""A delegate fails in mid-stream, in every way: the outcome of 200 live frames.

The delegate is that of the tests, compiled from C. The daemon is started as users start it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import grpc.aio
from inputs import load_inputs
from rich.console import Console
from rich.table import Table

from edgeseg.v1 import segmentation_pb2 as pb
from edgesegd.bench.inputs import Inputs
from edgesegd.bench.launch import LaunchedDaemon
from edgesegd.bench.wire import async_stub
from edgesegd.delegates.selection import Selection
from edgesegd.delegates.spec import DelegateSpec, parse_delegate
from edgesegd.models.pair import find_pair
from edgesegd.probe.choice import Chooser
from edgesegd.probe.choice_store import StoredChoice

BUILD = Path(__file__).parents[1] / "scripts" / "build-fake-delegate"
TROUBLE_AT = 50
"""The frame after whose answer the delegate goes wrong."""


@dataclass(frozen=True, slots=True)
class Misbehaviour:
    """What the delegate does from then on; with `killed` its engine is killed before that."""

    what: str
    options: str
    killed: bool = False


MISBEHAVIOURS = (
    Misbehaviour("crashes with SIGSEGV", "mode=segv"),
    Misbehaviour("crashes with SIGABRT", "mode=abort"),
    Misbehaviour("calls exit()", "mode=exit"),
    Misbehaviour("dies of a real-time signal", "mode=signal"),
    Misbehaviour("leaves a process and crashes", "mode=orphan"),
    Misbehaviour("is killed once, with SIGKILL", "mode=good", killed=True),
    Misbehaviour("is killed, then crashes in create", "mode=segv,at=create", killed=True),
    Misbehaviour("is killed, then refuses to start", "mode=null", killed=True),
    Misbehaviour("is killed, then hangs in create", "mode=hang,at=create", killed=True),
    Misbehaviour("is killed, then crashes in prepare", "mode=segv,at=prepare", killed=True),
    Misbehaviour("is killed, then hangs in prepare", "mode=hang,at=prepare", killed=True),
    Misbehaviour("hangs in invoke", "mode=hang"),
    Misbehaviour("returns an error from invoke", "mode=error"),
    Misbehaviour("gives NaN", "mode=nan"),
    Misbehaviour("gives zeros", "mode=zeros"),
    Misbehaviour("falsifies 1 pixel in 10", "mode=garbage"),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """The results of a stream. `gap` is the longest time between two results, in seconds.

    `wrong` counts the wrong masks, `wrong_later` those after the first mask of another engine.
    `last_by` is the delegate of the last frame.
    """

    answered: int
    results: int
    gap: float
    wrong: int
    wrong_later: int
    same_front: bool
    last_by: str


def remember(inputs: Inputs, folder: Path, delegate: str) -> list[str]:
    """Flags of a daemon that remembers `delegate` as the best."""
    chooser = Chooser(
        find_pair(inputs.model), runtime="auto", threads=1, extra=(delegate,), folder=folder
    )
    ranking = ((parse_delegate(delegate), 1), (DelegateSpec(), 1))
    chooser.store.save(StoredChoice(Selection(ranking), "", 0.0))
    flags = (f"--model={inputs.model.path}", f"--data-dir={folder}", "--threads=1")
    return [*flags, f"--candidates={delegate}"]


def requests(jpeg: bytes, frames: int) -> Iterator[pb.SegmentRequest]:
    """A stream in which nothing is dropped."""
    yield pb.SegmentRequest(options=pb.StreamOptions(policy=pb.QUEUE_POLICY_EVERY))
    for number in range(frames):
        yield pb.SegmentRequest(frame=pb.Frame(id=number, data=jpeg))


async def stream(
    daemon: LaunchedDaemon, jpeg: bytes, frames: int, cause_trouble: Callable[[], None]
) -> Outcome:
    """Stream, cause the failure, and collect the results."""
    pid, answered, results, wrong, wrong_later = daemon.process.pid, 0, 0, 0, 0
    gap, last, right, last_by, taken_over = 0.0, time.perf_counter(), b"", "", False
    async with grpc.aio.insecure_channel(daemon.address) as channel:
        async for answer in async_stub(channel).Segment(requests(jpeg, frames)):
            answered += 1
            if answer.status == pb.FRAME_STATUS_OK:
                results += 1
                gap, last = max(gap, time.perf_counter() - last), time.perf_counter()
                right = right or answer.segmentation.labels
                last_by = answer.segmentation.delegate
                taken_over = taken_over or last_by == "cpu"
                is_wrong = answer.segmentation.labels != right
                wrong, wrong_later = wrong + is_wrong, wrong_later + (is_wrong and taken_over)
            if answer.frame_id == 0:
                gap = 0.0  # the first frame's own latency
            if answer.frame_id == TROUBLE_AT:
                cause_trouble()
    same = daemon.process.poll() is None and daemon.process.pid == pid
    return Outcome(answered, results, gap, wrong, wrong_later, same, last_by)


def measure(inputs: Inputs, library: Path, each: Misbehaviour, frames: int) -> Outcome:
    """One stream to one daemon."""
    with tempfile.TemporaryDirectory() as folder:
        trouble = Path(folder) / "trouble"
        delegate = f"{library}:claim=add,{each.options},while={trouble}"
        with LaunchedDaemon(*remember(inputs, Path(folder), delegate)) as daemon:

            def cause_trouble() -> None:
                trouble.touch()
                if each.killed and daemon.engine_pid is not None:
                    os.kill(daemon.engine_pid, signal.SIGKILL)

            return asyncio.run(stream(daemon, inputs.jpeg, frames, cause_trouble))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=200, help="frames a stream (default: 200)")
    args = parser.parse_args()
    inputs = load_inputs()
    table = Table(title=f"a delegate that … after frame {TROUBLE_AT} of {args.frames}")
    for heading in ("delegate", "answered", "results", "longest gap", "wrong", "after", "front"):
        table.add_column(heading)
    outcomes = []
    console = Console(width=110)
    with tempfile.TemporaryDirectory() as folder, console.status("") as status:
        library = Path(folder) / "libfake_delegate.so"
        subprocess.run([BUILD, library], check=True)
        for each in MISBEHAVIOURS:
            status.update(each.what)
            outcome = measure(inputs, library, each, args.frames)
            outcomes.append(asdict(outcome))
            table.add_row(
                each.what,
                str(outcome.answered),
                str(outcome.results),
                f"{outcome.gap:.2f} s",
                str(outcome.wrong),
                str(outcome.wrong_later),
                "the same" if outcome.same_front else "another",
            )
    console.print(table)
    print(f"{inputs.names}; wrong: masks that were; after: those after another engine took over")


if __name__ == "__main__":
    main()
