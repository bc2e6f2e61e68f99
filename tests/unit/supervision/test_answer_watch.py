"""When an engine counts as hung: what is asked is not answered while this process runs."""

from __future__ import annotations

import asyncio
import time

import pytest

from edgesegd.concurrency.stop_tolerant_timeout import GRACE_SECONDS
from edgesegd.supervision.answer_watch import AnswerWatch


class Watched:
    """A watch, and what it found overdue."""

    def __init__(self) -> None:
        self.overdue: list[float] = []
        self.found = asyncio.Event()
        self.watch = AnswerWatch(self._on_overdue)

    def _on_overdue(self, seconds: float) -> None:
        self.overdue.append(seconds)
        self.found.set()

    async def until_found(self) -> None:
        async with asyncio.timeout(5):
            await self.found.wait()


async def test_a_question_without_an_answer_is_overdue_once() -> None:
    watched = Watched()
    watched.watch.asked(0.01)
    await watched.until_found()
    await asyncio.sleep(2 * GRACE_SECONDS)
    assert watched.overdue == [0.01]


async def test_questions_that_are_answered_in_time_are_never_overdue() -> None:
    watched = Watched()
    for _ in range(5):
        watched.watch.asked(0.1)
        await asyncio.sleep(0.05)
        watched.watch.answered()
    await asyncio.sleep(0.2 + 2 * GRACE_SECONDS)
    assert watched.overdue == []


async def test_the_second_question_is_overdue_though_the_first_was_answered() -> None:
    watched = Watched()
    watched.watch.asked(0.05)
    watched.watch.asked(0.1)
    watched.watch.answered()
    await watched.until_found()
    assert watched.overdue == [0.1]


@pytest.mark.parametrize("asked_before", [True, False])
async def test_a_question_with_less_time_than_the_one_before_it_is_overdue_after_its_own(
    asked_before: bool,
) -> None:
    watched = Watched()
    watched.watch.asked(3600)
    if asked_before:
        watched.watch.asked(0.05)
    watched.watch.answered()
    if not asked_before:
        watched.watch.asked(0.05)
    await watched.until_found()
    assert watched.overdue == [0.05]


async def test_a_question_has_its_time_from_when_the_one_before_it_is_answered() -> None:
    watched, loop = Watched(), asyncio.get_running_loop()
    begun = loop.time()
    watched.watch.asked(0.2)
    watched.watch.asked(0.2)
    await asyncio.sleep(0.15)
    watched.watch.answered()
    await watched.until_found()
    assert loop.time() - begun >= 0.15 + 0.2 + GRACE_SECONDS - 0.01


async def test_what_was_closed_is_never_overdue() -> None:
    watched = Watched()
    watched.watch.asked(0.01)
    watched.watch.close()
    await asyncio.sleep(2 * GRACE_SECONDS)
    assert watched.overdue == []


async def test_a_question_has_its_time_anew_after_a_stop_of_this_process() -> None:
    """Answers that came meanwhile are read when the process continues, after the timeout."""
    watched, loop = Watched(), asyncio.get_running_loop()
    watched.watch.asked(0.3)
    loop.call_soon(time.sleep, 1.0)  # nothing runs meanwhile
    loop.call_later(1.1, watched.watch.answered)
    await asyncio.sleep(1.5 + GRACE_SECONDS)
    assert watched.overdue == []


async def test_what_came_while_this_process_was_stopped_to_the_end_of_the_wait_is_read() -> None:
    """It continues just when the time is over: nothing is late, and the answer is unread."""
    watched, loop = Watched(), asyncio.get_running_loop()
    watched.watch.asked(0.3)
    loop.call_soon(time.sleep, 0.3)  # nothing runs meanwhile
    loop.call_later(0.35, watched.watch.answered)
    await asyncio.sleep(0.35 + 2 * GRACE_SECONDS)
    assert watched.overdue == []
