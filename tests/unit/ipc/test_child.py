"""Children that misbehave do no harm, and leave nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from edgesegd.ipc.child import LEFT_BEHIND, MAX_LINE, Child, ending

SCRIPTS = {
    "chatty": "import os; os.write(1, b'x' * 3_000_000); os.write(2, b'last words')",
    "nameless": "import os; os.kill(os.getpid(), 40)",
    "parent": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(1000)\nos.kill(os.getpid(), 11)"
    ),
    "quiet": "",
    "lasting": "import time; time.sleep(1000)",
}


@pytest.fixture(autouse=True)
def _scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, text in SCRIPTS.items():
        (tmp_path / f"{name}.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def living(group: int) -> list[str]:
    """The processes of a group; those that wait to be reaped live no more."""
    states = [
        path.read_text().rpartition(")")[2].split() for path in Path("/proc").glob("[0-9]*/stat")
    ]
    return [state for state, _, pgrp, *_ in states if int(pgrp) == group and state != "Z"]


@asynccontextmanager
async def started(
    module: str, *descriptors: int, on_line: Callable[[str], None] | None = None
) -> AsyncIterator[Child]:
    """A child that is killed at the end, with what it left behind."""
    child = await Child.start(module, descriptors, on_line=on_line)
    try:
        yield child
    finally:
        child.kill()
        await child.ended


@pytest.mark.parametrize(
    ("name", "status"), [("chatty", 0), ("nameless", -40), ("parent", -signal.SIGSEGV)]
)
async def test_the_end_of_a_child_is_known_whatever_it_does(name: str, status: int) -> None:
    """One that floods its output, dies of an odd signal, or leaves a helper with its pipes."""
    before, lines = descriptors(), list[str]()
    async with started(name, on_line=lines.append) as child:
        assert await child.ends_in(30)
        assert child.ended.result() == status
        assert descriptors() == before
        async with asyncio.timeout(30):
            while living(child.pid):  # what it left behind was killed, and is no child of ours
                await asyncio.sleep(0.01)
    if name == "chatty":
        assert sum(map(len, lines)) > MAX_LINE
        assert max(map(len, lines)) <= MAX_LINE
        assert lines[-1].endswith("last words")


async def test_a_child_ends_when_it_is_killed_and_not_before() -> None:
    async with started("lasting") as child:
        assert not await child.ends_in(0.01)
        child.kill()
        assert await child.ends_in(30)
        assert child.ended.result() == -signal.SIGKILL
        child.kill()


async def test_a_child_is_in_a_process_group_of_its_own() -> None:
    async with started("lasting") as child:
        assert os.getpgid(child.pid) != os.getpgid(0)


async def test_a_child_inherits_the_descriptors_it_is_given_and_no_others(tmp_path: Path) -> None:
    (tmp_path / "lender.py").write_text(
        "import os, sys\n"
        "fds = [int(fd) for fd in os.listdir('/proc/self/fd')]\n"
        "fds = [fd for fd in fds if os.path.exists(f'/proc/self/fd/{fd}')]  # but that of listdir\n"
        "os.write(int(sys.argv[1]), repr(sorted(fds)).encode())\n"
    )
    source, sink = os.pipe()
    os.set_inheritable(source, True)
    async with started("lender", sink) as child:
        os.close(sink)
        found = await asyncio.to_thread(os.read, source, 100)
        assert found == repr([0, 1, 2, sink]).encode()
        os.close(source)
        assert await child.ended == 0


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (0, "status 0"),
        (7, "status 7"),
        (None, "status None"),
        (-signal.SIGSEGV, "SIGSEGV"),
        (-signal.SIGILL, "SIGILL (this processor lacks an instruction that it used)"),
        (-40, "signal 40"),
    ],
)
def test_the_end_of_a_process_is_named_by_its_signal_or_status(
    status: int | None, text: str
) -> None:
    assert ending(status) == text


async def test_one_that_was_left_behind_is_reaped_when_it_has_ended_at_last() -> None:
    child = await Child.start("lasting", ())
    child.forget()
    os.killpg(child.pid, signal.SIGKILL)
    while living(child.pid):
        await asyncio.sleep(0.01)
    other = await Child.start("quiet", ())
    assert not Path(f"/proc/{child.pid}").exists()
    assert await other.ends_in(30)
    assert LEFT_BEHIND == []


async def test_no_thread_is_needed_to_follow_it(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    child = await Child.start("quiet", ())
    assert await child.ended == 0


@pytest.mark.parametrize("error", [NotImplementedError, AttributeError])
async def test_a_system_without_posix_spawn_or_its_sessions_starts_children_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, error: type[Exception]
) -> None:
    def refuse(*_arguments: object, **_options: object) -> int:
        raise error("posix_spawn")

    monkeypatch.setattr(os, "posix_spawn", refuse)
    await test_a_child_inherits_the_descriptors_it_is_given_and_no_others(tmp_path)
    child = await Child.start("lasting", ())
    assert os.getpgid(child.pid) == child.pid
    child.kill()
    assert await child.ended == -signal.SIGKILL


async def test_what_a_child_inherits_is_inherited_by_no_other(tmp_path: Path) -> None:
    (tmp_path / "lender.py").write_text("")
    source, sink = os.pipe()
    async with started("lender", sink):
        assert not os.get_inheritable(sink)
    os.close(source)
    os.close(sink)
