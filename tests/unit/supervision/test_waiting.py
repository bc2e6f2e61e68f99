"""How long the front waits: for an engine's answer, and before it starts another."""

from __future__ import annotations

import asyncio
import time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgesegd.concurrency.stop_tolerant_timeout import done_within
from edgesegd.core.usual_timeout import FACTOR
from edgesegd.supervision.answer_timeout import FLOOR_SECONDS, AnswerTimeout
from edgesegd.supervision.backoff import Backoff


def delays(backoff: Backoff, count: int) -> list[float]:
    return [backoff.next() for _ in range(count)]


def test_the_first_restart_of_an_engine_is_at_once_and_the_delays_double() -> None:
    backoff = Backoff(first=0.5, maximum=5)
    assert delays(backoff, 7) == [0, 0.5, 1, 2, 4, 5, 5]


def test_after_a_success_the_next_restart_of_an_engine_is_at_once() -> None:
    backoff = Backoff(first=0.5, maximum=5)
    delays(backoff, 6)
    backoff.reset()
    assert delays(backoff, 3) == [0, 0.5, 1]


@given(st.floats(0.01, 10), st.floats(0.01, 100))
def test_delays_of_restarts_never_shrink_nor_exceed_the_maximum(
    first: float, maximum: float
) -> None:
    found = delays(Backoff(first=first, maximum=maximum), 30)
    assert all(one <= other for one, other in pairwise(found))
    assert found[-1] == maximum


def test_a_fixed_bound_of_answers_stays() -> None:
    bound = AnswerTimeout(fixed=1.5, usual=9)
    bound.observe(100)
    assert bound.seconds == 1.5


def test_the_bound_of_answers_is_the_floor_before_the_first_frame_and_for_fast_engines() -> None:
    bound = AnswerTimeout(fixed=0, usual=0.01)
    assert bound.seconds == FLOOR_SECONDS
    bound.observe(0.01)
    assert bound.seconds == FLOOR_SECONDS


def test_the_bound_of_answers_of_a_slow_engine_is_a_multiple_of_its_usual_time() -> None:
    bound = AnswerTimeout(fixed=0, usual=3)
    for _ in range(5):
        bound.observe(3)
    assert bound.seconds == pytest.approx(FACTOR * 3)


def test_one_slow_frame_moves_the_bound_of_answers_little_and_many_move_it() -> None:
    bound = AnswerTimeout(fixed=0, usual=2)
    for _ in range(10):
        bound.observe(2)
    bound.observe(4)
    assert FACTOR * 2 < bound.seconds < FACTOR * 2.5
    for _ in range(100):
        bound.observe(4)
    assert bound.seconds == pytest.approx(FACTOR * 4, rel=0.01)
    for _ in range(100):
        bound.observe(0.01)
    assert bound.seconds == FLOOR_SECONDS


@pytest.mark.parametrize("usual", [2.5, 17.2487])
def test_the_bound_of_an_engine_begins_with_what_its_warm_invoke_took(usual: float) -> None:
    """A slow board is slow, and not broken."""
    assert AnswerTimeout(fixed=0, usual=usual).seconds == pytest.approx(FACTOR * usual)


async def test_work_done_in_time_returns_true_and_other_work_is_cancelled() -> None:
    loop = asyncio.get_running_loop()
    done, never = loop.create_future(), loop.create_future()
    loop.call_soon(done.set_result, 7)
    assert await done_within(60, done)
    assert not await done_within(0.01, never)
    assert never.cancelled()


async def test_time_in_which_this_process_was_stopped_does_not_count() -> None:
    """Answers that came meanwhile are read when the process continues, after the timeout."""
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    waiting = asyncio.create_task(done_within(0.3, came))
    await asyncio.sleep(0)
    loop.call_soon(time.sleep, 1.0)  # nothing runs meanwhile
    loop.call_later(1.1, came.set_result, None)
    assert await waiting


async def test_what_came_while_this_process_was_stopped_to_the_end_of_the_wait_is_read() -> None:
    """It continues just when the time is over: nothing is late, and the answer is unread."""
    loop = asyncio.get_running_loop()
    came = loop.create_future()
    waiting = asyncio.create_task(done_within(0.3, came))
    await asyncio.sleep(0)
    loop.call_soon(time.sleep, 0.3)  # nothing runs meanwhile
    loop.call_later(0.35, came.set_result, None)
    assert await waiting
