"""The clients in other languages, as commands: clients/node and clients/cpp."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from edgeseg_client import Client, RawImage, Result
from edgeseg_client.options import Size
from support.running_daemon import RunningDaemon

PROJECT = Path(__file__).parents[2]
NODE, CPP = PROJECT / "clients/node", PROJECT / "clients/cpp"
NEEDED_BY_CPP = ("g++", "make", "pkg-config", "protoc", "grpc_cpp_plugin")
SECONDS = 100.0
LARGEST_ID = (1 << 64) - 1

_PGM = re.compile(rb"P5\n(\d+) (\d+)\n255\n")
_SHARE = re.compile(r"(.+?) (\d+\.\d\d) %")


@dataclass(frozen=True)
class Answer:
    """A line that a client printed: the id of a frame, its status, and the rest."""

    frame_id: int
    status: str
    text: str

    @property
    def shares(self) -> dict[str, float]:
        """The share of each class in per cent, in the order in which they were printed."""
        found = [_SHARE.fullmatch(each) for each in self.text.split(", ")]
        return {each[1]: float(each[2]) for each in found if each is not None}


@dataclass(frozen=True)
class Run:
    """What came of a run of a client: its exit status, its answers, and its standard error."""

    returncode: int
    answers: list[Answer]
    errors: str

    @property
    def statuses(self) -> list[str]:
        """The statuses of the frames, in the order of the answers."""
        return [answer.status for answer in self.answers]


@dataclass(frozen=True)
class OtherClient:
    """A client in another language; `command` starts it, and it has these `options`."""

    command: tuple[str | Path, ...]
    options: frozenset[str]

    def start(self, address: str, *arguments: object) -> subprocess.Popen[str]:
        """Starts it for the daemon at `address`."""
        return subprocess.Popen(
            [*self.command, *map(str, arguments)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "EDGESEG_SERVER": address, "EDGESEG_TOKEN": ""},
        )

    def run(self, address: str, *arguments: object) -> Run:
        """Runs it until its end."""
        return finish(self.start(address, *arguments))


def finish(client: subprocess.Popen[str]) -> Run:
    """Waits for the end of a client."""
    with client:
        try:
            output, errors = client.communicate(timeout=SECONDS)
        except BaseException:
            client.kill()
            raise
    answers = []
    for line in output.splitlines():
        frame_id, status, text = line.split(" ", 2)
        answers.append(Answer(int(frame_id), status, text))
    return Run(client.returncode, answers, errors)


def node_client(*command: str) -> OtherClient:
    """The client in JavaScript; skips the test where it is not installed."""
    node = shutil.which("node")
    if node is None or not (NODE / "node_modules/.ready").exists():
        pytest.skip(
            "the client in JavaScript is not installed; on Debian: apt install npm, then "
            "make clients/node/node_modules/.ready"
        )
    code = (NODE / "arguments.js").read_text(encoding="utf-8")
    table = code[code.index("const OPTIONS") : code.index("export class UsageError")]
    options = re.findall(r'^  "?([a-z-]+)"?: \{', table, re.MULTILINE)
    return OtherClient(
        (node, NODE / "segment.js", *command), frozenset(f"--{each}" for each in options)
    )


def cpp_client() -> OtherClient:
    """The client in C++, built if it is not up to date; skips the test where it cannot be."""
    missing = [each for each in NEEDED_BY_CPP if shutil.which(each) is None]
    if not missing:
        packages = subprocess.run(
            [str(shutil.which("pkg-config")), "--exists", "grpc++", "protobuf"], check=False
        )
        missing = ["libgrpc++-dev"] * (packages.returncode != 0)
    if missing:
        pytest.skip(
            f"{', '.join(missing)} missing for the client in C++; on Debian: apt install g++ make "
            "pkg-config protobuf-compiler-grpc libgrpc++-dev libprotobuf-dev"
        )
    # Without what a `make test` around this one says.
    environ = {name: value for name, value in os.environ.items() if not name.startswith("MAKE")}
    built = subprocess.run(
        [str(shutil.which("make")), "-C", CPP],
        env={**environ, "CXXFLAGS": "-O1 -Werror"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stdout + built.stderr
    code = (CPP / "arguments.cpp").read_text(encoding="utf-8")
    options = re.findall(r'"(--[a-z-]+)"', code)
    return OtherClient((CPP / "build/edgeseg-segment",), frozenset(options))


def read_pgm(path: Path) -> npt.NDArray[np.uint8]:
    """The mask in a file that a client wrote, of shape (height, width)."""
    content = path.read_bytes()
    header = _PGM.match(content)
    assert header is not None, content[:20]
    width, height = map(int, header.groups())
    return np.frombuffer(content, np.uint8, offset=header.end()).reshape(height, width)


def read_masks(folder: Path, ids: Sequence[int]) -> list[npt.NDArray[np.uint8]]:
    """The masks that a client wrote; asserts that there are no others."""
    assert sorted(int(each.stem) for each in folder.iterdir()) == sorted(ids)
    return [read_pgm(folder / f"{each}.pgm") for each in ids]


def shares_of(result: Result, names: list[str]) -> dict[str, float]:
    """What a client should print, in per cent."""
    counts = np.bincount(result.labels.ravel(), minlength=256)[:255]
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda one: -counts[one])
    return {names[one]: round(counts[one] / result.labels.size * 100, 2) for one in order}


def assert_same(
    daemon: RunningDaemon, run: Run, folder: Path, pictures: Sequence[Path | RawImage], size: Size
) -> None:
    """All answers of a run are results, those of the Python client, pixel by pixel."""
    assert (run.returncode, run.errors) == (0, "")
    assert run.statuses == ["OK"] * len(pictures)
    masks = read_masks(folder, [answer.frame_id for answer in run.answers])
    with Client(daemon.address) as python:
        names = [each.name for each in python.info().models[0].classes]
        for answer, mask, picture in zip(run.answers, masks, pictures, strict=True):
            result = python.segment(picture, size=size)
            np.testing.assert_array_equal(mask, result.labels)
            assert answer.shares == pytest.approx(shares_of(result, names), abs=0.011)
            assert list(answer.shares.values()) == sorted(answer.shares.values(), reverse=True)


def wait_until(condition: Callable[[], bool]) -> None:
    """Waits for something that a page of metrics shows."""
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)  # a page of metrics gives no event
