"""A stream over a network that is cut, or loses packets, goes on when it is back."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any, cast

import psutil
import pytest
from PIL import Image

from scenes import draw_scene
from support.network import FAR, NEAR, Cable, two_hosts
from support.pictures import file_of

pytestmark = [pytest.mark.system, pytest.mark.slow]

CUT_SECONDS = 10
BACK_SECONDS = 2
PORT = 8460
CAMERA = """
import sys, time
from support.camera import Camera
from pathlib import Path
pictures = [path.read_bytes() for path in sorted(Path(sys.argv[1]).glob("*.jpg"))]
with Camera(pictures, 8080, "0.0.0.0").running():
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for seed in range(3):
        jpeg = file_of(Image.fromarray(draw_scene(seed).image), "JPEG")
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg)
    return tmp_path


@pytest.fixture
def cable() -> Iterator[Cable]:
    with two_hosts() as cable:
        yield cable


@contextmanager
def process(*command: object, ready: str = "") -> Iterator[subprocess.Popen[str]]:
    """A process that is ended at the end; waits for a line that begins with `ready`."""
    running = subprocess.Popen(
        list(map(str, command)),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT if ready else subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        while ready and not cast(Any, running.stdout).readline().startswith(ready):
            assert running.poll() is None
        yield running
    finally:
        running.terminate()
        running.wait(30)
        for pipe in (running.stdin, running.stdout, running.stderr):
            if pipe is not None:
                pipe.close()


class Results:
    """When results of a source came, by the monotonic clock."""

    def __init__(self, running: subprocess.Popen[str]) -> None:
        self.times: dict[str, list[float]] = {}
        self.pid = running.pid
        self._lines = cast(Any, running.stdout)
        self._came = threading.Condition()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def _read(self) -> None:
        for text in self._lines:
            line = json.loads(text)
            if line["type"] == "frame" and line["status"] == "ok":
                with self._came:
                    self.times.setdefault(line["source"], []).append(time.monotonic())
                    self._came.notify_all()

    def next_after(self, moment: float, source: str, within: float) -> float | None:
        """Seconds from `moment` to the next result of a source; None if it takes longer."""
        with self._came:
            came = self._came.wait_for(
                lambda: any(one > moment for one in self.times.get(source, [])), within
            )
            later = [one for one in self.times.get(source, []) if one > moment]
            return later[0] - moment if came else None


@pytest.fixture
def results(cable: Cable, folder: Path) -> Iterator[Results]:
    """A stream on the near host of a camera on the far host and of local pictures."""
    python = sys.executable
    serve = ("-m", "edgesegd", "serve", f"--listen={FAR}:{PORT}", "--insecure", "--metrics-listen=")
    stream = ("-m", "edgeseg_client", "stream", f"camera=http://{FAR}:8080/video")
    local = (f"local={folder}", "--fps=20", "--loop=0", "--json", f"--server={FAR}:{PORT}")
    with (
        process(*cable.far, python, *serve, "--delegate=cpu", ready="edgesegd "),
        process(*cable.far, python, "-c", CAMERA, folder, ready="ready"),
        process(*cable.near, python, *stream, *local) as running,
    ):
        yield Results(running)


def test_a_stream_goes_on_when_a_cut_network_is_back(cable: Cable, results: Results) -> None:
    for source in ("camera", "local"):
        assert results.next_after(0.0, source, 60) is not None
    before = _resources(results.pid)
    took = []
    for _ in range(2):
        cable.pull()
        time.sleep(CUT_SECONDS)
        quiet = time.monotonic()
        assert results.next_after(quiet - 1, "local", 0.5) is None, "the network is cut"
        cable.plug()
        back = time.monotonic()
        took.append([results.next_after(back, one, 30) for one in ("camera", "local")])
        time.sleep(1)
    sys.stdout.write(f"next results after {took} s\n")
    assert all(one is not None and one <= BACK_SECONDS for each in took for one in each), took
    after = _resources(results.pid)
    assert after[0] <= before[0] + 4, "descriptors"
    assert after[1] <= before[1] + 4, "threads"
    assert after[2] <= before[2] + 30e6, "bytes"


def test_a_stream_goes_on_while_packets_are_lost(cable: Cable, results: Results) -> None:
    """As soon as TCP sends again what was lost, which the kernel puts off longer each time."""
    took: dict[str, list[float]] = {"camera": [], "local": []}
    beyond: dict[str, list[float]] = {"camera": [], "local": []}
    for source in took:
        assert results.next_after(0.0, source, 60) is not None
    for _ in range(3):
        cable.lose(20)
        time.sleep(CUT_SECONDS)
        lost = cable.lose_nothing()
        back = time.monotonic()
        assert min(lost) > 0, "packets were lost in both directions"
        put_off = cable.retransmission_seconds()
        for source, seconds in took.items():
            seconds.append(results.next_after(back, source, 30) or 30.0)
            beyond[source].append(seconds[-1] - put_off)
    sys.stdout.write(f"next results after {took} s, {beyond} s after TCP's longest delay\n")
    assert all(median(seconds) <= BACK_SECONDS for seconds in beyond.values()), (took, beyond)
    assert all(max(seconds) < 30 for seconds in took.values()), took


def test_a_stream_goes_on_at_another_board_when_its_own_is_cut_off(
    cable: Cable, folder: Path
) -> None:
    """Nothing closes the connection: TCP and gRPC's pings notice."""
    python = sys.executable

    def serve(host: str) -> tuple[str, ...]:
        listen = (f"--listen={host}:{PORT}", "--insecure", "--metrics-listen=")
        return (python, "-m", "edgesegd", "serve", *listen, "--delegate=cpu")

    stream = ("-m", "edgeseg_client", "stream", f"local={folder}", "--fps=20", "--loop=0")
    servers = f"--server={FAR}:{PORT},{NEAR}:{PORT}"
    with (
        process(*cable.far, *serve(FAR), ready="edgesegd "),
        process(*cable.near, python, *stream, "--json", servers) as running,
    ):
        results = Results(running)
        assert results.next_after(0.0, "local", 60) is not None
        with process(*cable.near, *serve(NEAR), ready="edgesegd "):
            time.sleep(2.0)  # the client connects to it
            cable.pull()
            cut = time.monotonic()
            took = results.next_after(cut + 0.2, "local", 30)
            assert took is not None
            assert results.next_after(cut + took + 1, "local", 5) is not None
    sys.stdout.write(f"goes on {took + 0.2:.1f} s after the cut\n")
    assert took <= CUT_SECONDS


def _resources(pid: int) -> tuple[int, int, int]:
    """Descriptors, threads and private memory of a process."""
    process = psutil.Process(pid)
    return process.num_fds(), process.num_threads(), process.memory_full_info().uss
