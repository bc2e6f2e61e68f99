"""A run of the tests fails if a process that it started outlives it.

Processes are recognised by a variable that they inherit: daemons and engines are in sessions of
their own, and lose their parent when it is killed. Linux only, for it looks into /proc.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing import resource_tracker
from pathlib import Path
from uuid import uuid4

import pytest

VARIABLE = "TEST_RUNS_OF_EDGESEG"
"""The runs that a process belongs to; a test may start a run of its own."""
GRACE_SECONDS = 10.0
"""For processes that are about to end, as an engine is whose daemon was killed."""


@dataclass(frozen=True)
class Leftover:
    """A process of this run, and the test that started it, or its parent."""

    pid: int
    command: str
    test: str

    def __str__(self) -> str:
        return f"{self.test} left process {self.pid}: {self.command}"


@pytest.fixture(scope="session", autouse=True)
def _no_process_outlives_the_run() -> Iterator[None]:
    """Says which test left what, and ends it."""
    run = uuid4().hex
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, run, prepend=" ")
        yield
    if left := wait_for_end_of(run, GRACE_SECONDS):
        kill(run)
        pytest.fail("\n".join(map(str, left)), pytrace=False)


@pytest.fixture(scope="module")
def no_resource_tracker_is_left() -> Iterator[None]:
    """That of `multiprocessing`, which ends with this process otherwise."""
    yield
    resource_tracker._resource_tracker._stop()  # type: ignore[attr-defined]


def processes_of(run: str) -> list[Leftover]:
    """The processes of a run that have not ended."""
    found = (_read(folder, run) for folder in Path("/proc").glob("[0-9]*"))
    return [process for process in found if process is not None]


def wait_for_end_of(run: str, seconds: float) -> list[Leftover]:
    """The processes of a run that have not ended after that time."""
    give_up = time.monotonic() + seconds
    while (left := processes_of(run)) and _one_ends(left, give_up - time.monotonic()):
        pass
    return left


def kill(run: str) -> None:
    """End the processes of a run, and what they start meanwhile."""
    while left := processes_of(run):
        for process in left:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        _one_ends(left, GRACE_SECONDS)


def _read(folder: Path, run: str) -> Leftover | None:
    """The process of that folder of /proc; None if it is of another run, a zombie or gone."""
    try:
        variables = (folder / "environ").read_bytes().decode(errors="replace").split("\0")
        command = (folder / "cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return None
    values = dict(each.partition("=")[::2] for each in variables)
    if run not in values.get(VARIABLE, "").split():
        return None
    test = values.get("PYTEST_CURRENT_TEST", "a fixture")
    return Leftover(int(folder.name), " ".join(command).strip(), test)


def _one_ends(processes: Sequence[Leftover], seconds: float) -> bool:
    """Whether one of them ends before that."""
    with contextlib.ExitStack() as descriptors:
        ends = select.poll()
        for process in processes:
            try:
                descriptor = os.pidfd_open(process.pid)
            except ProcessLookupError:
                return True
            descriptors.callback(os.close, descriptor)
            ends.register(descriptor, select.POLLIN)
        return bool(ends.poll(max(0.0, seconds * 1000)))
