"""Counts what one frame runs: Python calls, functions, files and changes of file.

Starts the daemon with the default command and the built-in model, sends frames by the shipped
client, and counts what one of them runs of the daemon's own code, in the front and in the engine,
with `sys.setprofile`. A coroutine that goes on counts as a call. Each figure is the median of
several frames.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import signal
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from edgeseg_client import Client, Frame
from edgesegd.bench.launch import LaunchedDaemon

FRAMES = 7
WARM_UP_FRAMES = 8
QUIET_SECONDS = 0.3
"""For the work that a frame leaves after its answer, and for a signal to arrive."""
IDLE_SECONDS = 1.0
ANSWER_SECONDS = 10.0
SIZE = (1280, 720)

COUNTER = """
import json, os, signal, sys, threading
import edgesegd
ROOT, FOLDER = os.path.dirname(edgesegd.__file__), os.environ["EDGESEGD_COUNT_FOLDER"]
found, recording = [], False
def profile(frame, event, _argument):
    if recording and event == "call":
        code = frame.f_code
        if code.co_filename.startswith(ROOT):
            name = code.co_filename[len(ROOT) + 1 :]
            found.append((name, code.co_qualname, threading.get_ident()))
def toggle(*_reason):
    global recording
    recording = not recording
    if recording:
        found.clear()
        return
    path = os.path.join(FOLDER, str(os.getpid()))
    with open(path + ".part", "w") as file:
        json.dump(found, file)
    os.rename(path + ".part", path)
signal.signal(signal.SIGWINCH, toggle)
threading.setprofile(profile)
sys.setprofile(profile)
"""
"""Each process of the daemon runs this when it starts; SIGWINCH begins and ends the counting."""

Call = tuple[str, str, int]


def calls_of(pid: int, folder: Path) -> list[Call]:
    """End the counting in a process; what it counted."""
    path = folder / str(pid)
    os.kill(pid, signal.SIGWINCH)
    until = time.monotonic() + ANSWER_SECONDS
    while not path.exists():
        if time.monotonic() > until:
            raise TimeoutError(f"process {pid} did not write what it counted")
        time.sleep(0.01)
    calls: list[Call] = [
        (name, function, thread) for name, function, thread in json.loads(path.read_text())
    ]
    path.unlink()
    return calls


def functions_when_idle(pid: int, folder: Path) -> set[tuple[str, str]]:
    """What a process runs again and again though it has nothing to do."""
    os.kill(pid, signal.SIGWINCH)
    time.sleep(IDLE_SECONDS)
    return {call[:2] for call in calls_of(pid, folder)}


def summary(calls: list[Call]) -> dict[str, int]:
    """The four figures of one frame."""
    changes = 0
    last: dict[int, str] = {}
    for name, _, thread in calls:
        changes += last.get(thread, name) != name
        last[thread] = name
    return {
        "calls": len(calls),
        "functions": len({call[:2] for call in calls}),
        "files": len({call[0] for call in calls}),
        "changes of file": changes,
    }


def count(kind: str, model: Path | None, *, show: bool) -> dict[str, list[dict[str, int]]]:
    """The figures of each frame, by process; `kind` is "segment" or "stream"."""
    figures: dict[str, list[dict[str, int]]] = {"front": [], "engine": []}
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        (folder / "sitecustomize.py").write_text(COUNTER)
        path = os.environ.get("PYTHONPATH")
        os.environ["PYTHONPATH"] = f"{folder}{os.pathsep}{path}" if path else str(folder)
        os.environ["EDGESEGD_COUNT_FOLDER"] = str(folder)
        # Nothing is tried meanwhile, and engines may write what they counted.
        flags = ["--delegate=cpu", "--sandbox=off"]
        flags += [] if model is None else ["--model", str(model)]
        with LaunchedDaemon(*flags) as daemon, Client(daemon.address) as client:
            engine = daemon.engine_pid
            assert engine is not None, "it is ready"
            pids = {"front": daemon.process.pid, "engine": engine}
            client.segment(jpeg(), size="model")
            time.sleep(IDLE_SECONDS)
            idle = {name: functions_when_idle(pid, folder) for name, pid in pids.items()}
            for number, _ in enumerate(answers(client, kind)):
                time.sleep(QUIET_SECONDS)
                if WARM_UP_FRAMES < number <= WARM_UP_FRAMES + FRAMES:
                    for name, pid in pids.items():
                        calls = [c for c in calls_of(pid, folder) if c[:2] not in idle[name]]
                        figures[name].append(summary(calls))
                        if show and number == WARM_UP_FRAMES + 1:
                            list_calls(name, calls)
                if WARM_UP_FRAMES <= number < WARM_UP_FRAMES + FRAMES:
                    for pid in pids.values():
                        os.kill(pid, signal.SIGWINCH)
                    time.sleep(QUIET_SECONDS)
    return figures


def answers(client: Client, kind: str) -> Iterator[object]:
    """Frame after frame, each sent when the answer before it was taken."""
    total = WARM_UP_FRAMES + FRAMES + 2
    data = jpeg()
    if kind == "segment":
        for _ in range(total):
            yield client.segment(data, size="model")
        return
    yield from client.stream(
        (Frame(data) for _ in range(total)), policy="every", in_flight=1, size="model"
    )


def jpeg() -> bytes:
    """A picture of a camera's size."""
    file = io.BytesIO()
    Image.radial_gradient("L").resize(SIZE).convert("RGB").save(file, "JPEG")
    return file.getvalue()


def list_calls(process: str, calls: list[Call]) -> None:
    """Each call of a frame, in order."""
    print(f"-- {process}")
    for name, function, _ in calls:
        print(f"{name}: {function}")
    for name, times in Counter(call[0] for call in calls).most_common():
        print(f"   {times:4} {name}")


def main() -> None:
    """Count and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, help="default: the built-in one")
    parser.add_argument(
        "--list", action="store_true", help="print each call of the first frame that is counted"
    )
    args = parser.parse_args()
    for kind in ("stream", "segment"):
        for process, frames in count(kind, args.model, show=args.list).items():
            medians = (
                f"{statistics.median(frame[name] for frame in frames):g} {name}"
                for name in frames[0]
            )
            print(f"{kind}, {process}: {', '.join(medians)}", flush=True)


if __name__ == "__main__":
    main()
