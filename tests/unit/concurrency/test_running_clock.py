"""Time in which the process was stopped does not count."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from edgesegd.concurrency.running_clock import TICK_SECONDS, RunningClock


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


async def ticking(clock: RunningClock) -> asyncio.Task[None]:
    task = asyncio.create_task(clock.run())
    await asyncio.sleep(0)
    return task


async def stop(task: asyncio.Task[None]) -> None:
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


async def test_it_goes_on_while_ticks_come_in_time(time: Time) -> None:
    clock = RunningClock(time)
    begun, task = clock(), await ticking(clock)
    time.now += 1.9 * TICK_SECONDS
    assert clock() - begun == pytest.approx(1.9 * TICK_SECONDS)
    await stop(task)


async def test_it_stands_still_while_no_tick_comes(time: Time) -> None:
    clock = RunningClock(time)
    begun, task = clock(), await ticking(clock)
    time.now += 3600.0
    first = clock()
    assert first - begun == pytest.approx(TICK_SECONDS)
    time.now += 0.01
    assert clock() - first == pytest.approx(0.01)
    await stop(task)


async def test_without_ticks_it_is_the_clock_that_it_was_given(time: Time) -> None:
    clock = RunningClock(time)
    begun = clock()
    time.now += 3600.0
    assert clock() - begun == 3600.0
    await stop(await ticking(clock))
    time.now += 3600.0
    assert clock() - begun == 7200.0


async def test_real_ticks_make_it_go_on(time: Time) -> None:
    clock = RunningClock()
    begun, task = clock(), await ticking(clock)
    await asyncio.sleep(3 * TICK_SECONDS)
    assert clock() - begun >= 2 * TICK_SECONDS
    await stop(task)
