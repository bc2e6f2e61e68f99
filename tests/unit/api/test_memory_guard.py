"""Calls are ended before the memory that gRPC holds, which cannot be counted, is too much."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable

import pytest

from edgesegd.api import memory_guard
from edgesegd.api.memory_guard import MemoryGuard
from edgesegd.api.open_call import OpenCall
from edgesegd.core.errors import Overloaded

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")

ATTACKER, GOOD = "ipv4:10.0.0.1", "ipv4:10.0.0.2"


class Board:
    """Calls that wait for ever, and `memory` that the process has."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.memory = 1000
        self.calls: set[OpenCall] = set()
        self.evicted: list[str] = []
        self.freed = 0
        monkeypatch.setattr(memory_guard, "resident_bytes", lambda: self.memory)
        monkeypatch.setattr(memory_guard, "CALM_SECONDS", 0.001)
        monkeypatch.setattr(memory_guard, "CHECK_SECONDS", 0.001)
        monkeypatch.setattr(memory_guard, "NO_PROGRESS_SECONDS", 0.0)

    async def open(self, address: str, each: int = 0) -> None:
        """A call that holds `each` bytes."""

        async def wait() -> None:
            call = OpenCall((address, f"{address}:1"))
            self.calls.add(call)
            self.memory += each
            try:
                with call.raising_if_evicted():
                    await asyncio.Event().wait()
            except Overloaded:
                self.evicted.append(address)
            finally:
                self.calls.discard(call)
                self.memory -= each

        self._tasks = [*getattr(self, "_tasks", []), asyncio.create_task(wait())]
        await asyncio.sleep(0)

    def trim(self) -> None:
        self.freed += 1

    async def guarded(self, until: Callable[[], bool]) -> None:
        guard = MemoryGuard(self.calls, growth=500, trim=self.trim, on_evicted=lambda: None)
        running = asyncio.create_task(guard.run())
        await asyncio.sleep(0)
        self.started = running
        async with asyncio.timeout(20):
            while not until():
                await asyncio.sleep(0.001)
        running.cancel()


@pytest.fixture
def board(monkeypatch: pytest.MonkeyPatch) -> Board:
    return Board(monkeypatch)


async def test_calls_of_the_address_that_has_most_are_ended(board: Board) -> None:
    guarding = asyncio.create_task(board.guarded(lambda: len(board.evicted) >= 6))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    await board.open(GOOD)
    for _ in range(12):
        await board.open(ATTACKER, each=100)
    await guarding
    assert set(board.evicted) == {ATTACKER}
    assert GOOD in {call.client[0] for call in board.calls}
    assert board.memory <= 1000 + 500 + 100
    assert board.freed


async def test_the_log_says_when_memory_is_used_up_and_when_there_is_some_again(
    board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    guarding = asyncio.create_task(
        board.guarded(lambda: "there is memory again: no more calls are ended" in caplog.messages)
    )
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for _ in range(12):
        await board.open(ATTACKER, each=100)
    await guarding
    assert caplog.messages[0].startswith(f"memory is used up: ending idle calls of {ATTACKER}")
    assert len(board.evicted) >= 6


async def test_no_call_is_ended_while_there_is_memory(board: Board) -> None:
    looks = 0

    def some_time() -> bool:
        nonlocal looks
        looks += 1
        return looks > 20

    guarding = asyncio.create_task(board.guarded(some_time))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    for _ in range(5):
        await board.open(ATTACKER, each=100)
    await guarding
    assert board.evicted == []


async def test_a_look_that_fails_is_followed_by_the_next(
    board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def fail() -> int:
        nonlocal looks
        looks += 1
        if looks == 1:
            return 1000
        raise MemoryError if looks % 2 else OSError

    monkeypatch.setattr(memory_guard, "resident_bytes", fail)
    await board.guarded(lambda: looks > 5)


async def test_a_task_that_is_cancelled_for_another_reason_raises_no_overload() -> None:
    async def wait() -> None:
        with OpenCall((GOOD,)).raising_if_evicted():
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
